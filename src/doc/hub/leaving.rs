//! Rows that have left documents and were edited there late, until those edits are where the rows are.

use crate::crdt::DocumentId;
use crate::doc::late::LeftRow;
use std::collections::BTreeMap;

/// The rows, by where they have gone.
#[derive(Default)]
pub(super) struct LeavingRows {
    by_target: BTreeMap<String, BTreeMap<(DocumentId, String, String), LeftRow>>,
    bytes: usize,
}

/// So much is remembered: where rows have gone may never come. The edits are in the history of where they were.
const BYTES: usize = 32 << 20;

impl LeavingRows {
    pub(super) fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// A row has gone from a document to that of another row.
    pub(super) fn put(&mut self, from: DocumentId, target: String, row: LeftRow) {
        let size = row.size();
        if self.bytes + size > BYTES {
            return;
        }
        self.bytes += size;
        let name = (from, row.table.clone(), row.id_text.clone());
        // What is known of a row now has all that was known before.
        if let Some(before) = self.by_target.entry(target).or_default().insert(name, row) {
            self.bytes -= before.size();
        }
    }

    /// Those that have gone to the document of a row.
    pub(super) fn to(&self, target: &str) -> Vec<&LeftRow> {
        self.by_target.get(target).into_iter().flat_map(BTreeMap::values).collect()
    }

    /// Forgets those of them that are settled, in their order.
    pub(super) fn settle(&mut self, target: &str, are_settled: Vec<bool>) {
        let Some(rows) = self.by_target.get_mut(target) else { return };
        let mut are_settled = are_settled.into_iter();
        rows.retain(|_, row| {
            let is_settled = are_settled.next().unwrap_or(false);
            self.bytes -= if is_settled { row.size() } else { 0 };
            !is_settled
        });
        if rows.is_empty() {
            self.by_target.remove(target);
        }
    }
}
