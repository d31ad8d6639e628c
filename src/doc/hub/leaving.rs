//! Rows that have left documents and were edited there late, until those edits are where the rows are.

use super::{Hub, Loaded, Output};
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

/// A row that was brought into a document, while others have brought it into that of another row, where it counts, or into
/// the same one.
#[derive(Clone, PartialEq)]
pub(super) struct RowBeside {
    pub(super) id: DocumentId,
    pub(super) table: String,
    pub(super) row: String,
    /// In whose document it counts; none, if it is this one.
    pub(super) target: Option<String>,
}

/// So many of them wait for documents.
const BESIDE: usize = 1_000;

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
        for (_, row) in left.iter().filter(|(_, row)| row.is_told_elsewhere()) {
            let (table, row) = (row.table.clone(), row.id_text.clone());
            self.bring_from_beside(RowBeside { id, table, row, target: None });
        }
        for (target, row) in left {
            self.leaving.put(id, target, row);
        }
        let mut waits_for = Vec::new();
        for target in targets {
            let Some(to) = self.find_root(&target) else { continue };
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

    /// What was written to a row where it does not count is to be where it does, if the document that it has left says that
    /// it went to both.
    pub(super) fn bring_from_beside(&mut self, row: RowBeside) {
        if self.beside.len() < BESIDE && !self.beside.contains(&row) {
            self.need(row.id);
            self.beside.push(row);
            self.look_beside();
        }
    }

    /// Does that for those rows whose documents are loaded.
    pub(super) fn look_beside(&mut self) {
        for beside in std::mem::take(&mut self.beside) {
            if let Err(awaited) = self.look_at(&beside) {
                self.need(awaited);
                self.beside.push(beside);
            }
        }
    }

    /// The same for one of them; fails for a document that is not loaded.
    fn look_at(&mut self, beside: &RowBeside) -> Result<(), DocumentId> {
        let RowBeside { id, table, row, target } = beside;
        let loaded = self.loaded_or_not(id)?;
        let (Some((source, move_)), Some(root)) = (loaded.came_by(table, row), loaded.root()) else { return Ok(()) };
        let Some(from) = self.find_root(&source) else { return Ok(()) };
        // Whoever writes to the one document may say that it came from another: that one has to say so, too.
        if !self.loaded_or_not(&from)?.has_sent(row, &move_, &root) {
            return Ok(());
        }
        let Some(target) = target else {
            // What counts has come by this move.
            if let Some(left) = self.library.get_mut(&from).ok_or(from)?.edits_beside(table, row, &move_) {
                self.leaving.put(from, root, left);
                self.advance(*id);
            }
            return Ok(());
        };
        let Some(way) = self.way_of(target, table, row)? else { return Ok(()) };
        let loaded = self.loaded_or_not(id)?;
        // What counts may have come from here, and what says so here is still to come: then it has what is here.
        let has_come =
            |(source, move_): &(String, String)| *source == root && !loaded.has_moved_other(table, row, move_);
        if *target == root || way.iter().any(has_come) {
            return Ok(());
        }
        let Some(to) = self.find_root(target) else { return Ok(()) };
        let since = self.library.get_mut(id).and_then(|loaded| loaded.edits_since_it_came(table, row));
        if let Some(mut since) = since {
            for (source, move_) in &way {
                let known = self.find_root(source).and_then(|id| self.library.get(&id));
                if !known.is_some_and(|known| known.take_off_known(&mut since, move_)) {
                    return Ok(());
                }
            }
            self.leaving.put(*id, target.clone(), since);
            self.advance(to);
            self.bring_from_beside(RowBeside { id: to, target: None, ..beside.clone() });
        }
        Ok(())
    }

    fn loaded_or_not(&self, id: &DocumentId) -> Result<&Loaded, DocumentId> {
        self.library.get(id).ok_or(*id)
    }

    /// From the documents of which rows a row has come into that of one, and by which moves, the last one first; nothing, if
    /// not all of them are here.
    fn way_of(&self, root: &str, table: &str, row: &str) -> Result<Option<Vec<(String, String)>>, DocumentId> {
        let mut way: Vec<(String, String)> = Vec::new();
        loop {
            let at = way.last().map_or(root, |(source, _)| source);
            let Some(id) = self.find_root(at) else { return Ok(None) };
            match self.loaded_or_not(&id)?.came_by(table, row) {
                Some(step) if !way.iter().any(|(source, _)| *source == step.0) => way.push(step),
                _ => return Ok(Some(way)),
            }
        }
    }

    /// The document of a row.
    fn find_root(&self, root: &str) -> Option<DocumentId> {
        self.known.iter().find(|(_, known)| known.root == root).map(|(id, _)| *id)
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
