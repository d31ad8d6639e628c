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
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Copy {
    /// The document.
    pub(crate) root: Root,
    pub(crate) marks: Marks,
    /// Where others have moved it at the same time.
    pub(crate) rivals: Vec<Root>,
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

/// Where the marks lead from a copy.
enum End {
    /// To this one, which says nothing more.
    At(usize),
    /// Back to one that they have passed, after this one.
    Circle(usize),
    /// To a document that is not here.
    Elsewhere,
}

/// Which copy is the row; `incumbent` is the document of the one that was until now.
pub(crate) fn chosen(copies: &[Copy], incumbent: Option<Root>) -> Option<Chosen> {
    let find = |root: Root| copies.iter().position(|copy| copy.root == root);
    // Tables have other numbers on other devices.
    let smallest = |places: &mut dyn Iterator<Item = usize>| places.min_by_key(|&place| copies[place].root.id);
    let all = || 0..copies.len();
    let lives = |place: &usize| !copies[*place].is_gone();
    // Where the one of until now has gone without a trace, any other will do: one may say of a row that it is gone that never
    // was there.
    let is_alone = |start: &usize| all().filter(lives).all(|place| copies[place].origin() == copies[*start].root);
    let start = incumbent
        .and_then(find)
        .filter(|start| lives(start) || is_alone(start))
        .or_else(|| smallest(&mut all().filter(lives)))
        .or_else(|| smallest(&mut all()))?;
    let origin = find(copies[start].origin()).unwrap_or(start);
    let mut way = vec![origin];
    let (place, is_shown) = match follow(copies, &mut way) {
        End::At(at) => (at, !copies[at].is_gone()),
        End::Circle(at) => (at, !copies[at].is_deleted),
        End::Elsewhere => {
            // Somebody else may have moved it to one that is here.
            let kin = |place: &usize| lives(place) && copies[*place].origin() == copies[origin].root;
            let here = Some(start).filter(lives).or_else(|| smallest(&mut all().filter(kin)));
            return Some(Chosen { place: here.unwrap_or(way[way.len() - 1]), is_shown: here.is_some() });
        }
    };
    let lives_on = if is_shown { None } else { moved_beside(copies, way) };
    Some(Chosen { place: lives_on.unwrap_or(place), is_shown: is_shown || lives_on.is_some() })
}

/// Follows the marks from the last copy of a way on.
fn follow(copies: &[Copy], way: &mut Vec<usize>) -> End {
    loop {
        let at = way[way.len() - 1];
        let Some(to) = copies[at].marks.moved_to else { return End::At(at) };
        let Some(next) = copies.iter().position(|copy| copy.root == to) else { return End::Elsewhere };
        if way.contains(&next) {
            return End::Circle(at);
        }
        way.push(next);
    }
}

/// Where a row lives on that was deleted at the end of a way, by somebody who did not know that others had moved it elsewhere.
fn moved_beside(copies: &[Copy], mut way: Vec<usize>) -> Option<usize> {
    let mut looked_at = 0;
    while let Some(&place) = way.get(looked_at) {
        looked_at += 1;
        for rival in &copies[place].rivals {
            let next = copies.iter().position(|copy| copy.root == *rival);
            let Some(next) = next.filter(|next| !way.contains(next)) else { continue };
            way.push(next);
            if let End::At(at) = follow(copies, &mut way)
                && !copies[at].is_gone()
            {
                return Some(at);
            }
        }
    }
    None
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
        Copy { root: root(number), marks, rivals: Vec::new(), is_deleted: false, has_left: moved_to > 0 }
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
        let [first, last] = back;
        assert_eq!(shown(&[first, Copy { is_deleted: true, ..last }], 1), 0);
    }

    #[test]
    fn a_copy_that_the_original_does_not_speak_of_hides_nothing() {
        // Their document has the smaller id, and says that it were the origin, or come of it.
        let theirs = [copy(1, 0, 0), copy(1, 5, 0), copy(1, 0, 5)];
        for theirs in theirs {
            assert_eq!(shown(&[theirs.clone(), copy(5, 0, 0)], 5), 5);
            assert_eq!(shown(&[theirs, copy(5, 7, 0)], 5), 5, "the origin is not here");
        }
    }

    #[test]
    fn a_copy_that_came_first_and_is_gone_hides_nothing() {
        let deleted = |copy: Copy| Copy { is_deleted: true, ..copy };
        for theirs in [deleted(copy(1, 0, 0)), deleted(copy(1, 5, 0)), copy(1, 0, 9), copy(1, 0, 5)] {
            for incumbent in [0, 1, 5] {
                assert_eq!(shown(&[theirs.clone(), copy(5, 0, 0)], incumbent), 5);
                // Where it has gone it is found.
                assert_eq!(shown(&[theirs.clone(), copy(5, 0, 6), copy(6, 5, 0)], incumbent), 6);
            }
        }
        // What is deleted where it lies stays so for whoever has that.
        let both = [deleted(copy(1, 0, 2)), deleted(copy(2, 1, 0))];
        for incumbent in 0..3 {
            assert_eq!(shown(&both, incumbent), 0);
        }
    }

    #[test]
    fn a_row_that_one_has_deleted_and_another_one_moved_lives_on() {
        let rivals = |of: Copy, rivals: &[u8]| Copy { rivals: rivals.iter().map(|to| root(*to)).collect(), ..of };
        let deleted = |copy: Copy| Copy { is_deleted: true, ..copy };
        let start = rivals(copy(1, 0, 2), &[3]);
        for incumbent in 0..4 {
            assert_eq!(shown(&[start.clone(), deleted(copy(2, 1, 0)), copy(3, 1, 0)], incumbent), 3);
            let further = [start.clone(), deleted(copy(2, 1, 0)), copy(3, 1, 4), copy(4, 1, 0)];
            assert_eq!(shown(&further, incumbent), 4);
            // Somebody has chosen this place before it was deleted there.
            assert_eq!(shown(&[start.clone(), deleted(copy(2, 1, 0)), copy(3, 1, 2)], incumbent), 0);
            assert_eq!(shown(&[start.clone(), deleted(copy(2, 1, 0)), deleted(copy(3, 1, 0))], incumbent), 0);
        }
        // Nobody says that it went there.
        for incumbent in 0..3 {
            assert_eq!(shown(&[start.clone(), deleted(copy(2, 1, 0)), copy(7, 1, 0)], incumbent), 0);
        }
    }
}
