//! Which edits of a row the map that counts has not, and what their authors knew.
//!
//! A map has what was written to it, and what the map had from which it came, when it left that. An edit that is made again
//! is the same edit, wherever it is.

use super::family::{Came, Counting, Family, Link, Member, Spot};
use super::maps::Written;
use crate::crdt::ChangeHash;
use std::collections::{BTreeMap, HashMap, HashSet};

/// An edit, by its place among all of its row.
pub(super) type EditNumber = usize;

/// All edits of a row that go back to where the one that counts does.
pub(super) struct Edits {
    pub(super) list: Vec<Edit>,
    /// By documents: what is known of each of what was written there.
    standing: Vec<Vec<Standing>>,
    /// By maps: places of the edits among what was written in their documents.
    of_maps: HashMap<Spot, Vec<usize>>,
}

pub(super) struct Edit {
    /// The change that it was at first.
    pub(super) original: ChangeHash,
    /// Where it is as it was at first, or else as it was made again.
    pub(super) source: Source,
    pub(super) state: State,
}

/// A change in a document of the family, and what it has written there.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Source {
    pub(super) member: usize,
    written: usize,
    is_again: bool,
    pub(super) change: u32,
    pub(super) spot: Spot,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum State {
    /// The map that counts has it by a change of its own.
    Here(u32),
    /// It had it when it came.
    Brought,
    Late,
    /// It is somewhere else, and only was made again here.
    Unknown,
}

#[derive(Clone, Copy, PartialEq)]
enum Standing {
    /// It is no edit, or one of another row of the same id.
    Foreign,
    /// What would say whose it is is not here.
    Unknown,
    Edit(EditNumber),
}

impl Edits {
    /// None, if it can't be told yet what the map that counts has.
    pub(super) fn of(family: &Family<'_>, counting: &Counting) -> Option<Self> {
        let chain = family.chain(counting.spot)?;
        let beginning = chain.last()?.spot;
        let (list, standing) = (Vec::new(), vec![Vec::new(); family.members.len()]);
        let mut edits = Edits { list, standing, of_maps: HashMap::new() };
        let mut numbers: HashMap<ChangeHash, EditNumber> = HashMap::new();
        for (member, row, written) in family.written() {
            let spot = Spot { member, map: row.group(written.map) };
            let place = edits.standing[member].len();
            let its_beginning = row.is_edit(written).then(|| family.beginning(spot));
            let standing = match its_beginning {
                Some(None) => Standing::Unknown,
                Some(Some(its)) if its == beginning => {
                    let is_again = written.again.is_some();
                    let source = Source { member, written: place, is_again, change: written.change, spot };
                    edits.of_maps.entry(spot).or_default().push(place);
                    Standing::Edit(edits.add(family, &mut numbers, written, source))
                }
                Some(Some(_)) | None => Standing::Foreign,
            };
            edits.standing[member].push(standing);
        }
        edits.settle(family, &chain);
        // Who sees the edit itself makes something else of it than who sees only that somebody has made it again.
        for edit in edits.list.iter_mut().filter(|edit| edit.source.is_again && edit.state == State::Late) {
            edit.state = State::Unknown;
        }
        Some(edits)
    }

    fn add(
        &mut self,
        family: &Family<'_>,
        numbers: &mut HashMap<ChangeHash, EditNumber>,
        written: &Written,
        source: Source,
    ) -> EditNumber {
        let graph = &family.members[source.member].relative.lineage.graph;
        let own = graph.node(source.change).hash;
        let original = written.again.as_ref().map_or(own, |original| **original);
        let number = *numbers.entry(original).or_insert(self.list.len());
        match self.list.get_mut(number) {
            None => self.list.push(Edit { original, source, state: State::Late }),
            Some(edit) if edit.source.is_again && !source.is_again => edit.source = source,
            Some(_) => {}
        }
        number
    }

    /// Finds out which of them the map that counts has.
    fn settle(&mut self, family: &Family<'_>, chain: &[Link]) {
        for Link { spot, change } in chain {
            let Member { relative, row } = &family.members[spot.member];
            let (Some(row), Some(places)) = (row, self.of_maps.get(spot)) else { continue };
            let graph = &relative.lineage.graph;
            let past = change.map(|change| graph.past(change, row.written[places[0]].change));
            for &place in places {
                let Standing::Edit(number) = self.standing[spot.member][place] else { continue };
                let (change, edit) = (row.written[place].change, &mut self.list[number]);
                let is_later = |known: u32| graph.node(change).hash > graph.node(known).hash;
                edit.state = match (&past, edit.state) {
                    // Somebody may have made it again in another way: the same is taken for it everywhere.
                    (None, State::Here(known)) if is_later(known) => continue,
                    (None, _) => State::Here(change),
                    (Some(past), State::Late) if past.has(change) => State::Brought,
                    (Some(_), _) => continue,
                };
            }
        }
    }

    /// The edits of which an edit's author knew, also by way of the maps that those were written to; none, if not all of that
    /// is here.
    pub(super) fn known_to(&self, family: &Family<'_>, number: EditNumber) -> Option<Vec<EditNumber>> {
        let source = self.list[number].source;
        let mut known = Known { family, spots: HashSet::new(), changes: BTreeMap::new() };
        let mut is_known = vec![false; self.list.len()];
        known.add(source.member, source.change);
        known.add_spot(source.spot)?;
        while let Some((member, changes)) = known.changes.pop_first() {
            let standing = &self.standing[member];
            let Member { relative, row } = &family.members[member];
            let Some(row) = row else { continue };
            let Some(first) = standing.iter().position(|standing| *standing != Standing::Foreign) else { continue };
            let past = relative.lineage.graph.past_of(&changes, row.written[first].change);
            for (place, written) in row.written.iter().enumerate().skip(first) {
                if (member, place) == (source.member, source.written) || !past.has(written.change) {
                    continue;
                }
                match standing[place] {
                    Standing::Foreign => {}
                    Standing::Unknown => return None,
                    Standing::Edit(number) => {
                        is_known[number] = true;
                        known.add_spot(Spot { member, map: row.group(written.map) })?;
                    }
                }
            }
        }
        is_known[number] = false;
        Some(is_known.into_iter().enumerate().filter(|(_, is_known)| *is_known).map(|(number, _)| number).collect())
    }
}

/// What somebody knew, while that is found out.
struct Known<'a> {
    family: &'a Family<'a>,
    spots: HashSet<Spot>,
    /// Changes by documents, of which those below are to be looked at.
    changes: BTreeMap<usize, Vec<u32>>,
}

impl Known<'_> {
    fn add(&mut self, member: usize, change: u32) {
        self.changes.entry(member).or_default().push(change);
    }

    /// Who knows a map knows what those had by way of which it came.
    fn add_spot(&mut self, mut spot: Spot) -> Option<()> {
        while self.spots.insert(spot) {
            match self.family.came(spot) {
                Came::From(link) => {
                    self.add(link.spot.member, link.change?);
                    spot = link.spot;
                }
                Came::Made => break,
                Came::Unknown => return None,
            }
        }
        Some(())
    }
}
