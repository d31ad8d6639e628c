//! Rows that have left documents and were edited there late, until those edits are where the rows are.

use crate::crdt::DocumentId;
use crate::doc::late::LeftRow;
use std::collections::BTreeMap;

/// The rows, by where they have gone.
#[derive(Default)]
pub(super) struct LeavingRows {
    by_target: BTreeMap<String, BTreeMap<(DocumentId, String, String), LeftRow>>,
    count: usize,
}

/// For so many it is remembered: where rows have gone may never come. The edits are in the history of where they were.
const ROWS: usize = 10_000;

impl LeavingRows {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A row has gone from a document to that of another row.
    pub(super) fn put(&mut self, from: DocumentId, target: String, row: LeftRow) {
        if self.count >= ROWS {
            return;
        }
        let rows = self.by_target.entry(target).or_default();
        let name = (from, row.table.clone(), row.id_text.clone());
        // What is known of a row now has all that was known before.
        self.count += usize::from(rows.insert(name, row).is_none());
    }

    /// Keeps those that have gone to a document for which it holds.
    pub(super) fn retain(&mut self, target: &str, mut holds: impl FnMut(&LeftRow) -> bool) {
        let Some(rows) = self.by_target.get_mut(target) else { return };
        let before = rows.len();
        rows.retain(|_, row| holds(row));
        self.count -= before - rows.len();
        if rows.is_empty() {
            self.by_target.remove(target);
        }
    }
}
