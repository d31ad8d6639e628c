//! All maps of a row, in all documents where it was, and which of them counts.

use super::maps::{Lineage, RowMap, RowMaps, Shown, Written};
use crate::crdt::{Copy, DocumentId, Marks, chosen};
use crate::id;
use crate::keyspace::{Root, TableId};
use automerge::{ActorId, Automerge, ObjId};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// A document in which a row is or was.
#[derive(Clone, Copy)]
pub(in crate::doc) struct Relative<'a> {
    pub(in crate::doc) id: DocumentId,
    /// The row that it belongs to.
    pub(in crate::doc) root: &'a str,
    pub(in crate::doc) document: &'a Automerge,
    pub(in crate::doc) lineage: &'a Lineage,
}

/// A row's maps in those documents.
pub(super) struct Family<'a> {
    pub(super) table: &'a str,
    pub(super) id_text: &'a str,
    pub(super) members: Vec<Member<'a>>,
    /// How maps came, and to which they go back, as far as that was asked.
    came: RefCell<HashMap<Spot, Came>>,
    beginnings: RefCell<HashMap<Spot, Option<Spot>>>,
}

pub(super) struct Member<'a> {
    pub(super) relative: Relative<'a>,
    /// None, if nothing of the row has come into the document yet.
    pub(super) row: Option<&'a RowMaps>,
}

/// A map, or some that stand for one: the place of its document in the family, and its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    pub(super) member: usize,
    pub(super) map: u32,
}

/// A map by way of which another one came, as it was when it left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) spot: Spot,
    /// The change that has moved it; none of the map itself.
    pub(super) change: Option<u32>,
}

/// How a map came into its document.
#[derive(Clone, Copy)]
pub(super) enum Came {
    /// It was made there, or says that it has come from where nobody has sent it.
    Made,
    From(Link),
    /// What would say so is not here.
    Unknown,
}

/// The map that counts.
pub(super) struct Counting {
    pub(super) spot: Spot,
    /// The change that has made it.
    pub(super) arrival: u32,
}

impl<'a> Family<'a> {
    pub(super) fn new(table: &'a str, id_text: &'a str, relatives: &[Relative<'a>]) -> Self {
        let member = |relative: &Relative<'a>| {
            let row = relative.lineage.find(table, id_text);
            Member { relative: *relative, row }
        };
        let members = relatives.iter().map(member).collect();
        Family { table, id_text, members, came: RefCell::default(), beginnings: RefCell::default() }
    }

    /// What was written to all maps in each document.
    pub(super) fn written(&self) -> impl Iterator<Item = (usize, &'a RowMaps, &'a Written)> {
        let of = |(at, member): (usize, &Member<'a>)| {
            let row = member.row;
            row.into_iter().flat_map(move |row| row.written.iter().map(move |written| (at, row, written)))
        };
        self.members.iter().enumerate().flat_map(of)
    }

    /// How a map came into its document.
    pub(super) fn came(&self, spot: Spot) -> Came {
        *self.came.borrow_mut().entry(spot).or_insert_with(|| self.find_out(spot))
    }

    fn find_out(&self, spot: Spot) -> Came {
        let Member { relative, row } = &self.members[spot.member];
        let Some(RowMap { from: Some(name), .. }) = row.and_then(|row| row.maps.get(spot.map as usize)) else {
            return Came::Made;
        };
        let Some((root, counter, actor)) = move_of(name) else { return Came::Made };
        let Some(member) = self.members.iter().position(|member| member.relative.root == root) else {
            return Came::Unknown;
        };
        let Member { relative: source, row } = &self.members[member];
        let operation = source.lineage.graph.operation(counter, &actor);
        let made = operation.and_then(|name| Some((name, source.lineage.graph.maker(name)?)));
        let Some((operation, change)) = made else { return Came::Unknown };
        // Whoever writes to the one document may say that it came from another: that one has to say so, too.
        let said = row.and_then(|row| Some((row, row.move_by(operation, change)?)));
        match said.filter(|(_, said)| *said.target == *relative.root) {
            Some((row, said)) => {
                Came::From(Link { spot: Spot { member, map: row.group(said.map) }, change: Some(change) })
            }
            None => Came::Made,
        }
    }

    /// A map, and those by way of which it came, the last one first; none, if not all of that is here.
    pub(super) fn chain(&self, spot: Spot) -> Option<Vec<Link>> {
        let mut chain = vec![Link { spot, change: None }];
        let mut seen = HashSet::from([spot]);
        loop {
            match self.came(chain[chain.len() - 1].spot) {
                Came::Unknown => return None,
                // Nobody comes from oneself, whoever says so.
                Came::From(link) if seen.insert(link.spot) => chain.push(link),
                Came::From(_) | Came::Made => return Some(chain),
            }
        }
    }

    /// The map to which one goes back; none, if not all of the way is here.
    pub(super) fn beginning(&self, spot: Spot) -> Option<Spot> {
        let mut known = self.beginnings.borrow_mut();
        let mut way = vec![spot];
        let mut seen = HashSet::from([spot]);
        let beginning = loop {
            let at = way[way.len() - 1];
            if let Some(beginning) = known.get(&at) {
                break *beginning;
            }
            match self.came(at) {
                Came::Unknown => break None,
                Came::From(link) if seen.insert(link.spot) => way.push(link.spot),
                Came::From(_) | Came::Made => break Some(at),
            }
        };
        known.extend(way.into_iter().map(|spot| (spot, beginning)));
        beginning
    }

    /// The map that counts, if it is here, and not only the last place that is known of a row which has gone on.
    pub(super) fn counting(&self) -> Option<Counting> {
        let root = |text: &str| {
            // Tables have other numbers here and there: texts are compared.
            let (number, id) = id::decode(text)?;
            Some(Root { table: TableId(number), id })
        };
        let mut shown: Vec<(usize, Shown)> = Vec::new();
        let mut copies = Vec::new();
        for (at, Member { relative, .. }) in self.members.iter().enumerate() {
            let Some(said) = Shown::of(relative.document, self.table, self.id_text) else { continue };
            let Some(here) = root(relative.root) else { continue };
            let mut targets = said.targets.iter().rev().map(|target| root(target));
            let moved_to = targets.next().flatten();
            let marks = Marks { origin: said.origin.as_deref().and_then(root), moved_to };
            let rivals = targets.flatten().collect();
            let (is_deleted, has_left) = (said.is_deleted, said.has_left);
            copies.push(Copy { root: here, marks, rivals, is_deleted, has_left });
            shown.push((at, said));
        }
        let chosen = chosen(&copies, None)?;
        if !chosen.is_shown && !copies[chosen.place].is_deleted {
            return None; // it has gone to a document that is not here
        }
        if self.is_underway(&copies, &shown, chosen.place) {
            return None;
        }
        let (member, said) = &shown[chosen.place];
        let Member { relative, row } = &self.members[*member];
        let own = relative.lineage.map_of((*row)?, &said.maps[0])?;
        let spot = Spot { member: *member, map: row.as_ref()?.group(own) };
        Some(Counting { spot, arrival: row.as_ref()?.maps[own as usize].change })
    }

    /// Whether marks lead from a copy back to it only because a row that has gone on has not come yet to where it was before:
    /// of a document that is behind the mark is still there with which the row once left it. Where it counts will be seen when
    /// it comes. A circle of moves that did not know of each other is one when all of them have come.
    fn is_underway(&self, copies: &[Copy], shown: &[(usize, Shown)], place: usize) -> bool {
        let next = |at: usize| {
            let to = copies[at].marks.moved_to?;
            copies.iter().position(|copy| copy.root == to)
        };
        let has_come = |from: usize, to: usize| {
            let ((member, said), (target, _)) = (&shown[from], &shown[to]);
            let Some(ObjId::Id(counter, actor, _)) = &said.move_operation else { return true };
            let name = (self.members[*member].relative.root, *counter, actor.clone());
            let maps = self.members[*target].row.iter().flat_map(|row| &row.maps);
            maps.filter_map(|map| move_of(map.from.as_deref()?)).any(|from| from == name)
        };
        let mut at = place;
        for _ in copies {
            let Some(to) = next(at) else { return false };
            if !has_come(at, to) {
                return true;
            }
            at = to;
        }
        false
    }
}

/// What the name of a move says: the row in whose document it is, and the operation there.
fn move_of(name: &str) -> Option<(&str, u64, ActorId)> {
    let (root, operation) = name.rsplit_once(' ')?;
    let (counter, actor) = operation.split_once('@')?;
    Some((root, counter.parse().ok()?, ActorId::try_from(actor).ok()?))
}
