//! Rows that have left documents and were edited there late, until those edits are where the rows are.

use super::{Hub, Known, Output};
use crate::crdt::DocumentId;
use crate::doc::late::LeftRow;
use std::collections::{BTreeMap, BTreeSet};

/// A merge that waits until documents are loaded to which rows have gone.
pub(super) struct Held {
    merge: Vec<u8>,
    waits_for: Vec<DocumentId>,
}

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

impl Hub {
    /// Has the page save a merge: after those of documents to which rows have gone that were edited late. Should all end
    /// in between, the late edits come again, and so does what is made of them.
    pub(super) fn save(&mut self, id: DocumentId, merge: Vec<u8>, left: Vec<(String, LeftRow)>) {
        let targets: BTreeSet<String> = left.iter().map(|(target, _)| target.clone()).collect();
        for (target, row) in left {
            self.leaving.put(id, target, row);
        }
        let mut waits_for = Vec::new();
        for target in targets {
            let is_it = |known: &Known| known.root == target;
            let Some(to) = self.known.iter().find(|(_, known)| is_it(known)).map(|(to, _)| *to) else { continue };
            if self.library.is_loaded(&to) {
                self.advance(to);
            } else {
                self.need(to);
                waits_for.push(to);
            }
        }
        if waits_for.is_empty() {
            self.outputs.push_back(Output::Merge { id, merge });
        } else {
            self.held.insert(id, Held { merge, waits_for });
        }
    }

    /// A document is loaded, or can't be: what has waited for it goes on.
    pub(super) fn release(&mut self, id: DocumentId) {
        for held in self.held.values_mut() {
            held.waits_for.retain(|awaited| *awaited != id);
        }
        let is_free = |(_, held): &(&DocumentId, &Held)| held.waits_for.is_empty();
        let free: Vec<DocumentId> = self.held.iter().filter(is_free).map(|(id, _)| *id).collect();
        for id in free {
            if let Some(Held { merge, .. }) = self.held.remove(&id) {
                self.outputs.push_back(Output::Merge { id, merge });
            }
        }
    }

    /// Makes late edits of rows again that have come into a document.
    pub(super) fn bring_late(&mut self, id: DocumentId) {
        if self.leaving.is_empty() {
            return;
        }
        let Some(loaded) = self.library.get_mut(&id) else { return };
        let Some(root) = loaded.root() else { return };
        let waiting = self.leaving.to(&root);
        if waiting.is_empty() {
            return;
        }
        match loaded.bring(id, &waiting) {
            Ok(are_here) => {
                #[cfg(test)]
                {
                    self.late_rows += are_here.iter().filter(|is_here| **is_here).count();
                }
                self.leaving.settle(&root, are_here);
            }
            Err(error) => {
                let count = waiting.len();
                self.leaving.settle(&root, vec![true; count]);
                self.set_aside(None, id, error.0);
            }
        }
    }
}
