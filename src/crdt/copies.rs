//! Which of a row's copies is the row, when several documents have one.
//!
//! A row that goes to another document is copied there, and marked where it was: `_movedTo`. The copy says in which document
//! the row was made: `_origin`. So wherever two people have moved it at the same time, all devices that know the document
//! of its origin follow the same marks. A copy that the original does not speak of hides nothing: anybody who has seen
//! the id of a row can make one.

use super::stored_row::Marks;
use crate::keyspace::Root;

/// What one document says of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Copy {
    /// The document.
    pub(crate) root: Root,
    pub(crate) marks: Marks,
    /// Whether it is marked as deleted or moved.
    pub(crate) is_gone: bool,
}

impl Copy {
    fn origin(&self) -> Root {
        self.marks.origin.unwrap_or(self.root)
    }
}

/// The place of the copy that is the row; `incumbent` is the document of the one that was until now.
pub(crate) fn chosen(copies: &[Copy], incumbent: Option<Root>) -> Option<usize> {
    let find = |root: Root| copies.iter().position(|copy| copy.root == root);
    // Tables have other numbers on other devices.
    let smallest = |places: &mut dyn Iterator<Item = usize>| places.min_by_key(|&place| copies[place].root.id);
    let all = || 0..copies.len();
    // Where the one of until now has gone without a trace, any other will do.
    let start = incumbent
        .and_then(find)
        .or_else(|| smallest(&mut all().filter(|&place| !copies[place].is_gone)))
        .or_else(|| smallest(&mut all()))?;
    let origin = find(copies[start].origin()).unwrap_or(start);
    let mut way = vec![origin];
    loop {
        let at = way[way.len() - 1];
        let Some(to) = copies[at].marks.moved_to else { return Some(at) };
        let Some(next) = find(to) else { break };
        if let Some(begin) = way.iter().position(|&place| place == next) {
            // Moved here and back again at the same time.
            return smallest(&mut way[begin..].iter().copied());
        }
        way.push(next);
    }
    // It has gone to a document that is not here. Somebody else may have moved it to one that is.
    if !copies[start].is_gone {
        return Some(start);
    }
    let kin = |place: &usize| !copies[*place].is_gone && copies[*place].origin() == copies[origin].root;
    smallest(&mut all().filter(kin)).or(Some(way[way.len() - 1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::{RowId, TableId};

    fn root(number: u8) -> Root {
        Root { table: TableId(1), id: RowId([number; 16]) }
    }

    fn copy(number: u8, origin: u8, moved_to: u8) -> Copy {
        let some = |number: u8| (number > 0).then(|| root(number));
        let marks = Marks { origin: some(origin), moved_to: some(moved_to) };
        Copy { root: root(number), marks, is_gone: moved_to > 0 }
    }

    fn shown(copies: &[Copy], incumbent: u8) -> u8 {
        let place = chosen(copies, (incumbent > 0).then(|| root(incumbent))).expect("one is chosen");
        copies[place].root.id.0[0]
    }

    #[test]
    fn all_that_know_the_origin_choose_the_same() {
        // Moved from 1 to 2 and from 1 to 3 at the same time; the mark in 1 says 3.
        let both = [copy(1, 0, 3), copy(2, 1, 0), copy(3, 1, 0)];
        for incumbent in 0..4 {
            assert_eq!(shown(&both, incumbent), 3);
        }
        // One who does not know 3 has what is left.
        for incumbent in 0..3 {
            assert_eq!(shown(&both[..2], incumbent), 2);
        }
        assert_eq!(shown(&both[..1], 1), 1, "and it has gone there");
    }

    #[test]
    fn a_way_that_leads_back_ends_somewhere() {
        let circle = [copy(1, 0, 2), copy(2, 1, 3), copy(3, 1, 2)];
        for incumbent in 1..4 {
            assert_eq!(shown(&circle, incumbent), 2);
        }
    }

    #[test]
    fn a_copy_that_the_original_does_not_speak_of_hides_nothing() {
        // Their document has the smaller id, and says that it were the origin, or come of it.
        let theirs = [copy(1, 0, 0), copy(1, 5, 0), copy(1, 0, 5)];
        for theirs in theirs {
            assert_eq!(shown(&[theirs, copy(5, 0, 0)], 5), 5);
            assert_eq!(shown(&[theirs, copy(5, 7, 0)], 5), 5, "the origin is not here");
        }
    }
}
