//! Which edits of a row the map that counts has not, and what their authors knew.
//!
//! A map has what was written to it, and what the map had from which it came, when it left that. An edit that is made again
//! is the same edit, wherever it is.

use super::family::{Counting, Family, Link, Spot};
use super::maps::{RowMaps, Written};
use crate::crdt::ChangeHash;
use std::collections::HashMap;

/// An edit, by its place among all of its row.
pub(super) type EditNumber = usize;

/// All edits of a row that go back to where the one that counts does.
pub(super) struct Edits {
    pub(super) list: Vec<Edit>,
    /// By documents: what is known of each of what was written there.
    standing: Vec<Vec<Standing>>,
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
        let mut edits = Edits { list: Vec::new(), standing: vec![Vec::new(); family.members.len()] };
        let mut numbers: HashMap<ChangeHash, EditNumber> = HashMap::new();
        let mut standings: Vec<(Spot, Standing)> = Vec::new();
        for (member, row, written) in family.written() {
            let spot = Spot { member, map: row.group(written.map) };
            let place = edits.standing[member].len();
            let standing = if row.is_edit(written) {
                let known = standings.iter().find(|(of, _)| *of == spot).map(|(_, standing)| *standing);
                known.unwrap_or_else(|| {
                    let standing = match family.beginning(spot) {
                        None => Standing::Unknown,
                        Some(its) if its == beginning => Standing::Edit(0),
                        Some(_) => Standing::Foreign,
                    };
                    standings.push((spot, standing));
                    standing
                })
            } else {
                Standing::Foreign
            };
            let standing = match standing {
                Standing::Edit(_) => {
                    let source = Source {
                        member,
                        written: place,
                        is_again: written.again.is_some(),
                        change: written.change,
                        spot,
                    };
                    Standing::Edit(edits.add(family, &mut numbers, written, source))
                }
                other => other,
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
            let member = &family.members[spot.member];
            let Some(row) = member.row else { continue };
            let graph = &member.relative.lineage.graph;
            let of_map = |(_, written): &(usize, &Written)| row.group(written.map) == spot.map;
            let mut of_map = row.written.iter().enumerate().filter(of_map);
            let Some(first) = of_map.find(|(_, written)| row.is_edit(written)) else { continue };
            let past = change.map(|change| graph.past(change, first.1.change));
            for (at, written) in std::iter::once(first).chain(of_map) {
                let Standing::Edit(number) = self.standing[spot.member][at] else { continue };
                let state = match &past {
                    // Somebody may have made it again in another way: the same is taken for it everywhere.
                    None => match self.list[number].state {
                        State::Here(known) if graph.node(known).hash < graph.node(written.change).hash => continue,
                        _ => State::Here(written.change),
                    },
                    Some(past) if past.has(written.change) => State::Brought,
                    Some(_) => continue,
                };
                let edit = &mut self.list[number];
                if !matches!(edit.state, State::Here(_)) || matches!(state, State::Here(_)) {
                    edit.state = state;
                }
            }
        }
    }

    /// The edits of which an edit's author knew, also by way of the maps that those were written to; none, if not all of that
    /// is here.
    pub(super) fn known_to(&self, family: &Family<'_>, number: EditNumber) -> Option<Vec<EditNumber>> {
        let source = self.list[number].source;
        let mut known = vec![false; self.list.len()];
        let mut seen: Vec<(usize, u32)> = vec![(source.member, source.change)];
        let mut spots = Vec::new();
        let mut add_spot = |spot: Spot, seen: &mut Vec<(usize, u32)>| {
            if spots.contains(&spot) {
                return Some(());
            }
            spots.push(spot);
            for link in family.chain(spot)? {
                let Some(change) = link.change else { continue };
                if !seen.contains(&(link.spot.member, change)) {
                    seen.push((link.spot.member, change));
                }
            }
            Some(())
        };
        add_spot(source.spot, &mut seen)?;
        let mut at = 0;
        while let Some(&(member, change)) = seen.get(at) {
            at += 1;
            let Some(row) = family.members[member].row else { continue };
            self.add_known(family, (member, row), change, source, |standing, spot| match standing {
                Standing::Foreign => Some(()),
                Standing::Unknown => None,
                Standing::Edit(number) => {
                    known[number] = true;
                    add_spot(spot, &mut seen)
                }
            })?;
        }
        known[number] = false;
        Some(known.iter().enumerate().filter(|(_, is_known)| **is_known).map(|(number, _)| number).collect())
    }

    /// What was written below a change of a document.
    fn add_known(
        &self,
        family: &Family<'_>,
        (member, row): (usize, &RowMaps),
        change: u32,
        source: Source,
        mut add: impl FnMut(Standing, Spot) -> Option<()>,
    ) -> Option<()> {
        let standing = &self.standing[member];
        let is_any = |(_, standing): &(&Written, &Standing)| **standing != Standing::Foreign;
        let Some((first, _)) = row.written.iter().zip(standing).find(is_any) else { return Some(()) };
        let past = family.members[member].relative.lineage.graph.past(change, first.change);
        for ((at, written), standing) in row.written.iter().enumerate().zip(standing) {
            let is_source = member == source.member && at == source.written;
            if *standing != Standing::Foreign && !is_source && past.has(written.change) {
                add(*standing, Spot { member, map: row.group(written.map) })?;
            }
        }
        Some(())
    }
}
