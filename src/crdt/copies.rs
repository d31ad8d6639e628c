//! Which of a row's copies is the row, when several documents have one.
//!
//! A row that goes to another document is copied there, and marked where it was: `_movedTo`. The copy says in which document
//! the row was made: `_origin`. So wherever two people have moved it at the same time, all devices that know the document
//! of its origin follow the same marks. Where they lead back to a document that they have passed, the row lies in the last
//! one before: moves that did not know of each other can't make it vanish. A copy that the original does not speak of hides
//! nothing: anybody who has seen the id of a row can make one.

use super::stored_row::Marks;
use crate::keyspace::Root;

/// What one document says of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Copy {
    /// The document.
    pub(crate) root: Root,
    pub(crate) marks: Marks,
    /// Whether it is marked as deleted, and as moved, wherever to.
    pub(crate) is_deleted: bool,
    pub(crate) has_left: bool,
}

/// The copy that is the row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Chosen {
    /// Its place among the copies.
    pub(crate) place: usize,
    /// Whether the row is there, and not deleted or gone to a document that is not here.
    pub(crate) is_shown: bool,
}

impl Copy {
    /// The document in which the row was made.
    pub(crate) fn origin(&self) -> Root {
        self.marks.origin.unwrap_or(self.root)
    }

    /// Whether it says that the row is not in its document.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_deleted || self.has_left
    }
}

/// Which copy is the row; `incumbent` is the document of the one that was until now.
pub(crate) fn chosen(copies: &[Copy], incumbent: Option<Root>) -> Option<Chosen> {
    let find = |root: Root| copies.iter().position(|copy| copy.root == root);
    // Tables have other numbers on other devices.
    let smallest = |places: &mut dyn Iterator<Item = usize>| places.min_by_key(|&place| copies[place].root.id);
    let all = || 0..copies.len();
    // Where the one of until now has gone without a trace, any other will do.
    let start = incumbent
        .and_then(find)
        .or_else(|| smallest(&mut all().filter(|&place| !copies[place].is_gone())))
        .or_else(|| smallest(&mut all()))?;
    let origin = find(copies[start].origin()).unwrap_or(start);
    let mut way = vec![origin];
    loop {
        let at = way[way.len() - 1];
        let Some(to) = copies[at].marks.moved_to else {
            return Some(Chosen { place: at, is_shown: !copies[at].is_gone() });
        };
        let Some(next) = find(to) else { break };
        if way.contains(&next) {
            return Some(Chosen { place: at, is_shown: !copies[at].is_deleted });
        }
        way.push(next);
    }
    // It has gone to a document that is not here. Somebody else may have moved it to one that is.
    let kin = |place: &usize| !copies[*place].is_gone() && copies[*place].origin() == copies[origin].root;
    let here = Some(start).filter(|start| !copies[*start].is_gone()).or_else(|| smallest(&mut all().filter(kin)));
    let place = here.unwrap_or(way[way.len() - 1]);
    Some(Chosen { place, is_shown: here.is_some() })
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
        Copy { root: root(number), marks, is_deleted: false, has_left: moved_to > 0 }
    }

    fn shown(copies: &[Copy], incumbent: u8) -> u8 {
        let chosen = chosen(copies, (incumbent > 0).then(|| root(incumbent))).expect("one is chosen");
        if chosen.is_shown { copies[chosen.place].root.id.0[0] } else { 0 }
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
        assert_eq!(shown(&both[..1], 1), 0, "it has gone elsewhere");
    }

    #[test]
    fn a_way_that_leads_back_ends_before_it_does() {
        // One has moved it to 2 and back, another one to 2.
        let back = [copy(1, 0, 2), copy(2, 1, 1)];
        let circle = [copy(1, 0, 2), copy(2, 1, 3), copy(3, 1, 2)];
        for incumbent in 0..4 {
            assert_eq!(shown(&back, incumbent), 2);
            assert_eq!(shown(&circle, incumbent), 3);
        }
        let deleted = Copy { is_deleted: true, ..back[1] };
        assert_eq!(shown(&[back[0], deleted], 1), 0);
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
