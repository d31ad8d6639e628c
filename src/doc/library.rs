//! Documents that are loaded, and what has come for them that the page has not saved yet.

use super::Actors;
use super::row::read_row;
use crate::crdt::{ActorId, ChangeHash, DocumentId, DocumentState, Merge, TableMap, TouchedRow, mark};
use crate::flat_map::FlatMap;
use automerge::{Automerge, Change, ObjId, Prop, ReadDoc, legacy};

/// Documents in memory.
#[derive(Default)]
pub(crate) struct Library {
    loaded: FlatMap<DocumentId, Loaded>,
}

struct Loaded {
    document: Automerge,
    /// What the page has saved of it.
    saved: Saved,
}

#[derive(Clone, Default)]
struct Saved {
    heads: Vec<automerge::ChangeHash>,
    actors: Actors,
}

/// Why bytes can't be merged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable(pub(crate) String);

fn unreadable(error: impl std::fmt::Display) -> Unreadable {
    Unreadable(error.to_string())
}

impl Library {
    /// The page has saved changes: those that a document consists of, if it is not loaded, or those that it has got since.
    pub(crate) fn saved(&mut self, id: DocumentId, chunks: &[u8], actors: &[ActorId]) -> Result<(), Unreadable> {
        let changes = read_changes(chunks)?;
        if !self.loaded.contains_key(&id) {
            self.loaded.insert(id, Loaded { document: Automerge::new(), saved: Saved::default() });
        }
        let loaded = self.loaded.get_mut(&id).expect("it was put there");
        let hashes: Vec<_> = changes.iter().map(|change| (change.hash(), change.deps().to_vec())).collect();
        loaded.document.apply_changes(changes).map_err(unreadable)?;
        for (hash, deps) in hashes {
            loaded.saved.heads.retain(|head| !deps.contains(head));
            loaded.saved.heads.push(hash);
        }
        loaded.saved.actors = Actors::new(actors.to_vec());
        Ok(())
    }

    /// Takes in what has come from another device.
    pub(crate) fn receive(&mut self, id: DocumentId, chunks: &[u8]) -> Result<(), Unreadable> {
        let changes = read_changes(chunks)?;
        if !self.loaded.contains_key(&id) {
            self.loaded.insert(id, Loaded { document: Automerge::new(), saved: Saved::default() });
        }
        let loaded = self.loaded.get_mut(&id).expect("it was put there");
        loaded.document.apply_changes(changes).map_err(unreadable)
    }

    /// What a document has beyond what was saved of it; `None` if that is all.
    pub(crate) fn merge(&self, id: DocumentId) -> Option<Merge> {
        let Loaded { document, saved } = self.loaded.get(&id)?;
        let changes = document.get_changes(&saved.heads);
        if changes.is_empty() {
            return None;
        }
        let mut actors = saved.actors.clone();
        let base_actors = actors.list().len();
        for change in &changes {
            actors.place(change.actor_id().to_bytes());
        }
        let mut tables = FlatMap::new();
        for item in document.map_range(automerge::ROOT, ..) {
            if let (automerge::ValueRef::Object(automerge::ObjType::Map), ObjId::Id(1, actor, _)) =
                (&item.value, item.id())
            {
                let map = TableMap { actor: actors.place(actor.to_bytes()), is_taken: true };
                tables.insert(item.key.to_string(), map);
            }
        }
        let mut rows = Vec::new();
        for (table, row) in touched(document, &changes) {
            let Ok(Some((_, map))) = document.get(automerge::ROOT, &table) else { continue };
            let merged = read_row(document, &map, &row, &mut actors);
            rows.push(TouchedRow { table, id_text: row, row: merged });
        }
        let max_op = document.get_changes(&[]).iter().map(Change::max_op).max().unwrap_or(1);
        let heads = |heads: &[automerge::ChangeHash]| {
            let mut heads: Vec<ChangeHash> = heads.iter().map(|head| head.0).collect();
            heads.sort_unstable();
            heads
        };
        let new = actors.list()[base_actors..].to_vec();
        Some(Merge {
            base_heads: heads(&saved.heads),
            base_actors: base_actors as u32,
            root: root_text(document),
            state: DocumentState {
                id,
                heads: heads(&document.get_heads()),
                max_op: u32::try_from(max_op).unwrap_or(u32::MAX),
                actor_count: actors.list().len() as u32,
                tables,
            },
            actors: new,
            chunks: changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect(),
            whole_tables: Vec::new(),
            rows,
        })
    }

    /// The changes of a document that whoever has these heads lacks. Only what is saved is given to others.
    pub(crate) fn changes_since(&self, id: DocumentId, heads: &[ChangeHash]) -> Vec<u8> {
        let Some(Loaded { document, saved }) = self.loaded.get(&id) else { return Vec::new() };
        let known: Vec<_> = heads.iter().map(|head| automerge::ChangeHash(*head)).collect();
        let unsaved: Vec<_> = document.get_changes(&saved.heads).iter().map(Change::hash).collect();
        let changes = document.get_changes(&known);
        changes
            .iter()
            .filter(|change| !unsaved.contains(&change.hash()))
            .flat_map(|change| change.raw_bytes().to_vec())
            .collect()
    }

    /// A document's heads as far as they are saved.
    pub(crate) fn heads(&self, id: DocumentId) -> Vec<ChangeHash> {
        self.loaded.get(&id).map(|loaded| loaded.saved.heads.iter().map(|head| head.0).collect()).unwrap_or_default()
    }
}

/// The row that a document says it belongs to.
fn root_text(document: &Automerge) -> Option<String> {
    let (value, _) = document.get(automerge::ROOT, mark::ROOT).ok()??;
    Some(value.as_str()?.to_string())
}

/// Reads changes that lie one after another.
fn read_changes(mut bytes: &[u8]) -> Result<Vec<Change>, Unreadable> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let length = crate::crdt::chunk_length(bytes).ok_or_else(|| unreadable("no change begins here"))?;
        let (chunk, rest) = bytes.split_at_checked(length).ok_or_else(|| unreadable("a change is cut off"))?;
        changes.push(Change::from_bytes(chunk.to_vec()).map_err(unreadable)?);
        bytes = rest;
    }
    Ok(changes)
}

/// The rows that changes are about, as table and id.
fn touched(document: &Automerge, changes: &[Change]) -> Vec<(String, String)> {
    let mut rows: FlatMap<(String, String), ()> = FlatMap::new();
    let mut known: FlatMap<(u64, Vec<u8>), Vec<String>> = FlatMap::new();
    for change in changes {
        for op in change.decode().operations {
            let legacy::ObjectId::Id(legacy::OpId(counter, actor)) = &op.obj else { continue };
            let key = (*counter, actor.to_bytes().to_vec());
            let path = match known.get(&key) {
                Some(path) => path.clone(),
                None => {
                    let path = names_above(document, &ObjId::Id(*counter, actor.clone(), 0));
                    known.insert(key, path.clone());
                    path
                }
            };
            match (&path[..], &op.key) {
                ([table, row, ..], _) => drop(rows.insert((table.clone(), row.clone()), ())),
                ([table], legacy::Key::Map(row)) => drop(rows.insert((table.clone(), row.to_string()), ())),
                _ => {}
            }
        }
    }
    rows.keys().cloned().collect()
}

/// Table and id of what an object lies in, as far as it does.
fn names_above(document: &Automerge, object: &ObjId) -> Vec<String> {
    let Ok(parents) = document.parents(object) else { return Vec::new() };
    let mut names: Vec<Prop> = parents.map(|parent| parent.prop).collect();
    names.reverse();
    names
        .into_iter()
        .map_while(|name| match name {
            Prop::Map(name) => Some(name),
            Prop::Seq(_) => None,
        })
        .take(2)
        .collect()
}
