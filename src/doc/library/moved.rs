//! Rows of a document that have moved.

use super::{Loaded, Unreadable};
use crate::crdt::{DocumentId, Merge, MergedRow, TouchedRow};
use crate::doc::lineage::{Lineage, Plan, Relative, make_again};
use std::rc::Rc;

impl Loaded {
    /// Of the rows that a merge is about, those that have moved and of which something may not be yet where they count.
    pub(in crate::doc) fn moved_rows(&mut self, merge: &Merge) -> Vec<(Rc<str>, Rc<str>)> {
        let is_more = |row: &MergedRow| row.has_come || row.stamps.moved.is_some() || !row.stamps.maps.is_empty();
        let has_moved = |touched: &TouchedRow| touched.row.as_ref().is_some_and(is_more);
        if self.lineage.is_none() && !merge.rows.iter().any(has_moved) {
            return Vec::new();
        }
        self.follow_moves();
        let Some(lineage) = &self.lineage else { return Vec::new() };
        let mut rows = lineage.moved_rows(&self.document, &self.unsaved);
        rows.retain(|(_, row)| crate::id::decode(row).is_some());
        rows
    }

    /// Sees to it that it is known where rows went.
    pub(in crate::doc) fn follow_moves(&mut self) {
        self.lineage.get_or_insert_with(|| Lineage::of(&self.document));
    }

    /// What it tells of rows that have moved, when that is followed.
    pub(in crate::doc) fn relative<'a>(&'a self, id: DocumentId, root: &'a str) -> Option<Relative<'a>> {
        Some(Relative { id, root, document: &self.document, lineage: self.lineage.as_ref()? })
    }

    /// The rows in whose documents a row was, and to which it went, as far as this document says so.
    pub(in crate::doc) fn linked(&self, table: &str, row: &str) -> Vec<&str> {
        self.lineage.as_ref().map_or(Vec::new(), |lineage| lineage.linked(table, row))
    }

    /// Makes edits again that were made of rows where they do not count. Answers how many changes that took.
    pub(in crate::doc) fn make_again(&mut self, plans: Vec<Plan>) -> Result<usize, Unreadable> {
        self.follow_moves();
        let Some(lineage) = &mut self.lineage else { return Ok(0) };
        let (changes, outcome) = make_again(&mut self.document, lineage, plans);
        let chunks: Vec<u8> = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
        self.pass(&chunks);
        let count = changes.len();
        self.unsaved.extend(changes);
        outcome.map(|()| count).map_err(Unreadable)
    }
}
