//! All maps of a row, in all documents where it was, and which of them counts.

use super::maps::{Lineage, RowMap, RowMaps, Shown, Written};
use crate::crdt::{Copy, DocumentId, Marks, chosen};
use crate::id;
use crate::keyspace::{Root, TableId};
use automerge::{ActorId, Automerge, ObjId};
use std::cell::RefCell;

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
    /// What was found out of where maps came from.
    chains: RefCell<Vec<(Spot, Option<Vec<Link>>)>>,
}

pub(super) struct Member<'a> {
    pub(super) relative: Relative<'a>,
    /// None, if nothing of the row has come into the document yet.
    pub(super) row: Option<&'a RowMaps>,
}

/// A map, or some that stand for one: the place of its document in the family, and its first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
enum Came {
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
        Family { table, id_text, members, chains: RefCell::default() }
    }

    /// What was written to all maps in each document.
    pub(super) fn written(&self) -> impl Iterator<Item = (usize, &'a RowMaps, &'a Written)> {
        let of = |(at, member): (usize, &Member<'a>)| {
            let row = member.row;
            row.into_iter().flat_map(move |row| row.written.iter().map(move |written| (at, row, written)))
        };
        self.members.iter().enumerate().flat_map(of)
    }

    fn came(&self, spot: Spot) -> Came {
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
        let Some(operation) = operation.filter(|name| source.lineage.graph.maker(*name).is_some()) else {
            return Came::Unknown;
        };
        // Whoever writes to the one document may say that it came from another: that one has to say so, too.
        let said = row.iter().flat_map(|row| row.moves.iter().map(move |said| (row, said)));
        let said = said.into_iter().find(|(_, said)| said.operation == operation && *said.target == *relative.root);
        said.map_or(Came::Made, |(row, said)| {
            Came::From(Link { spot: Spot { member, map: row.group(said.map) }, change: Some(said.change) })
        })
    }

    /// A map, and those by way of which it came, the last one first; none, if not all of that is here.
    pub(super) fn chain(&self, spot: Spot) -> Option<Vec<Link>> {
        if let Some((_, known)) = self.chains.borrow().iter().find(|(of, _)| *of == spot) {
            return known.clone();
        }
        let mut chain = vec![Link { spot, change: None }];
        let chain = loop {
            match self.came(chain[chain.len() - 1].spot) {
                Came::Unknown => break None,
                // Nobody comes from oneself, whoever says so.
                Came::From(link) if chain.iter().all(|known| known.spot != link.spot) => chain.push(link),
                Came::From(_) | Came::Made => break Some(chain),
            }
        };
        self.chains.borrow_mut().push((spot, chain.clone()));
        chain
    }

    /// The map that all of these go back to.
    pub(super) fn beginning(&self, spot: Spot) -> Option<Spot> {
        self.chain(spot)?.last().map(|link| link.spot)
    }

    /// The map that counts, if it is here.
    pub(super) fn counting(&self) -> Option<Counting> {
        let root = |text: &str| {
            // Tables have other numbers here and there: texts are compared.
            let (number, id) = id::decode(text)?;
            Some(Root { table: TableId(number), id })
        };
        let mut shown: Vec<(usize, ObjId)> = Vec::new();
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
            shown.push((at, said.maps.into_iter().next()?));
        }
        let chosen = chosen(&copies, None)?;
        if !chosen.is_shown && !copies[chosen.place].is_deleted {
            return None; // it has gone to a document that is not here
        }
        let (member, object) = &shown[chosen.place];
        let Member { relative, row } = &self.members[*member];
        let own = relative.lineage.map_of((*row)?, object)?;
        let spot = Spot { member: *member, map: row.as_ref()?.group(own) };
        Some(Counting { spot, arrival: row.as_ref()?.maps[own as usize].change })
    }
}

/// What the name of a move says: the row in whose document it is, and the operation there.
fn move_of(name: &str) -> Option<(&str, u64, ActorId)> {
    let (root, operation) = name.rsplit_once(' ')?;
    let (counter, actor) = operation.split_once('@')?;
    Some((root, counter.parse().ok()?, ActorId::try_from(actor).ok()?))
}
