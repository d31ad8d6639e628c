//! Documents that are loaded, and what has come for them that the page has not saved yet.

use super::Actors;
use super::admission::{Gate, Limits, Refused, verified_save};
use super::history::{HistoryEntry, RowHistory};
use super::row::read_row;
use crate::crdt::{ActorId, ChangeHash, DocumentId, DocumentState, Merge, TableMap, TouchedRow, chunk_length, mark};
use crate::flat_map::FlatMap;
use automerge::sync::{ChunkList, Message, State as SyncState, SyncDoc};
use automerge::{Automerge, Change, ObjId, Prop, ReadDoc, legacy};

/// Documents in memory.
#[derive(Default)]
pub(crate) struct Library {
    loaded: FlatMap<DocumentId, Loaded>,
}

/// A document in memory.
pub(crate) struct Loaded {
    document: Automerge,
    /// What the page has saved of it.
    saved: Saved,
    /// The bytes of its changes, and of them those that are a snapshot already.
    bytes: usize,
    snapshot_bytes: usize,
    /// Stands before it when something has come from others.
    gate: Option<Gate>,
    /// The last row whose history was asked for.
    history: Option<(String, String, RowHistory)>,
}

#[derive(Clone, Default)]
struct Saved {
    heads: Vec<automerge::ChangeHash>,
    actors: Actors,
    max_op: u64,
}

/// Changes of fewer bytes are not worth a snapshot.
const SNAPSHOT_BYTES: usize = if cfg!(test) { 2 << 10 } else { 64 << 10 };

/// Why bytes can't be merged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable(pub(crate) String);

fn unreadable(error: impl std::fmt::Display) -> Unreadable {
    Unreadable(error.to_string())
}

impl Library {
    pub(crate) fn is_loaded(&self, id: &DocumentId) -> bool {
        self.loaded.contains_key(id)
    }

    pub(crate) fn get(&self, id: &DocumentId) -> Option<&Loaded> {
        self.loaded.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &DocumentId) -> Option<&mut Loaded> {
        self.loaded.get_mut(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&DocumentId, &Loaded)> {
        self.loaded.iter()
    }

    /// The bytes of the changes of all.
    pub(crate) fn bytes(&self) -> usize {
        self.loaded.values().map(|loaded| loaded.bytes).sum()
    }

    /// Loads all that is saved of a document, whose heads the page knows; nothing is a document that is not there yet.
    pub(crate) fn load(
        &mut self,
        id: DocumentId,
        chunks: &[u8],
        actors: &[ActorId],
        expected: &[ChangeHash],
    ) -> Result<(), Unreadable> {
        let mut document = Automerge::new();
        document.load_incremental(chunks).map_err(unreadable)?;
        let heads = document.get_heads();
        if !heads.iter().map(|head| head.0).eq(expected.iter().copied()) {
            return Err(unreadable("what is saved of the document is damaged: changes are missing"));
        }
        let snapshot_bytes = match chunks.get(8) {
            Some(0) => chunk_length(chunks).unwrap_or(0),
            _ => 0,
        };
        let max_op = document.get_changes_meta(&[]).iter().map(|change| change.max_op).max().unwrap_or(1);
        let saved = Saved { heads, actors: Actors::new(actors.to_vec()), max_op };
        self.loaded
            .insert(id, Loaded { document, saved, bytes: chunks.len(), snapshot_bytes, gate: None, history: None });
        Ok(())
    }

    /// The page has saved more of a document that is loaded.
    pub(crate) fn saved(&mut self, id: DocumentId, chunks: &[u8], actors: &[ActorId]) -> Result<(), Unreadable> {
        let Some(loaded) = self.loaded.get_mut(&id) else { return Ok(()) };
        let changes = read_changes(chunks)?;
        if let Some(gate) = &mut loaded.gate
            && gate.record(chunks).is_err()
        {
            loaded.gate = None; // another one is made when it is needed
        }
        loaded.bytes += chunks.len();
        let mut unsaved: Vec<_> =
            loaded.document.get_changes_meta(&loaded.saved.heads).iter().map(|change| change.hash).collect();
        unsaved.sort_unstable();
        for change in &changes {
            let hash = change.hash();
            let is_unsaved = unsaved.binary_search(&hash).is_ok();
            if !is_unsaved && loaded.document.get_change_meta_by_hash(&hash).is_some() {
                continue; // it is told a second time
            }
            loaded.saved.heads.retain(|head| !change.deps().contains(head));
            loaded.saved.heads.push(change.hash());
            loaded.saved.max_op = loaded.saved.max_op.max(change.max_op());
        }
        loaded.saved.heads.sort_unstable();
        for actor in actors {
            loaded.saved.actors.place(actor);
        }
        loaded.document.apply_changes(changes).map_err(unreadable)
    }

    /// Lets go of a document, and of what has come for it that is not saved.
    pub(crate) fn forget(&mut self, id: &DocumentId) {
        self.loaded.remove(id);
    }
}

impl Loaded {
    pub(crate) fn document(&self) -> &Automerge {
        &self.document
    }

    /// All of it in one piece, when that is worth the while: more has come since the last one than there was then. It
    /// was loaded once and is the same.
    pub(crate) fn snapshot(&self) -> Option<Vec<u8>> {
        let news = self.bytes - self.snapshot_bytes;
        if news < SNAPSHOT_BYTES.max(self.snapshot_bytes) || !self.is_saved() {
            return None;
        }
        verified_save(&self.document).ok()
    }

    /// It was saved in one piece.
    pub(crate) fn snapshot_saved(&mut self, bytes: usize) {
        self.snapshot_bytes = bytes;
        self.bytes = bytes;
    }

    /// Whether all of it is saved.
    pub(crate) fn is_saved(&self) -> bool {
        self.document.get_heads() == self.saved.heads
    }

    /// Takes in a message of a peer. Changes that can't be taken in are left out.
    pub(crate) fn receive(&mut self, state: &mut SyncState, bytes: &[u8]) -> Result<Vec<Refused>, Unreadable> {
        let mut message = Message::decode(bytes).map_err(unreadable)?;
        let mut refused = Vec::new();
        let chunks: Vec<u8> = message.changes.iter().flat_map(<[u8]>::to_vec).collect();
        if !chunks.is_empty() {
            let gate = match &mut self.gate {
                Some(gate) => gate,
                none => none.insert(
                    Gate::before(&self.document, Limits::default()).map_err(|refused| Unreadable(refused.reason))?,
                ),
            };
            let admitted = gate.admit(&chunks);
            refused = admitted.refused;
            let chunks: Vec<u8> = admitted.changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
            message.changes = if chunks.is_empty() { ChunkList::empty() } else { chunks.into() };
        }
        let told = state.last_sent_heads.clone();
        let received = self.document.receive_sync_message(state, message);
        if !state.last_sent_heads.is_empty() {
            // What is not saved was not told, even if the peer has it.
            state.last_sent_heads = told;
        }
        if received.is_err() {
            self.gate = None; // it takes for applied what is not
        }
        received.map_err(unreadable)?;
        Ok(refused)
    }

    /// What is to be said to a peer.
    pub(crate) fn message(&self, state: &mut SyncState) -> Option<Vec<u8>> {
        let mut message = self.document.generate_sync_message(state)?;
        if let Some(gate) = &self.gate {
            // Of changes that wait at the gate, what they wait for is needed, and not they.
            let mut need: Vec<_> =
                message.need.iter().map(|hash| automerge::ChangeHash(gate.lacking(hash.0))).collect();
            need.sort_unstable();
            need.dedup();
            if need != message.need {
                let theirs = state.their_heads.as_deref().unwrap_or_default();
                if !need.iter().all(|hash| theirs.contains(hash)) {
                    message.have.clear();
                }
                message.need = need;
            }
        }
        Some(message.encode())
    }

    /// What has become of a row, the newest change first: at most so many that are older than one of them.
    pub(crate) fn history(
        &mut self,
        table: &str,
        row: &str,
        limit: usize,
        before: Option<ChangeHash>,
    ) -> Vec<HistoryEntry> {
        let kept = self.history.take().filter(|(of, id, _)| of == table && id == row);
        let mut history = kept.map_or_else(|| RowHistory::new(table, row), |(.., history)| history);
        history.follow(&self.document);
        let entries = history.page(&self.document, limit, before);
        self.history = Some((table.to_string(), row.to_string(), history));
        entries
    }

    /// What it has beyond what was saved of it, and all rows of tables that are asked for; `None` if that is nothing.
    pub(crate) fn merge(&self, id: DocumentId, whole_tables: &[String]) -> Option<Merge> {
        let Loaded { document, saved, .. } = self;
        let changes = document.get_changes(&saved.heads);
        if changes.is_empty() && whole_tables.is_empty() {
            return None;
        }
        let mut actors = saved.actors.clone();
        let base_actors = actors.list().len();
        for change in &changes {
            actors.place(change.actor_id().to_bytes());
        }
        let mut tables = FlatMap::new();
        for item in document.map_range(automerge::ROOT, ..) {
            if let (automerge::ValueRef::Object(automerge::ObjType::Map), Some(map)) =
                (&item.value, actors.id(&item.id()))
            {
                let map = TableMap { map, is_taken: true };
                tables.insert(item.key.to_string(), map);
            }
        }
        let mut touched = touched(document, &changes, &saved.heads);
        for table in whole_tables {
            let Ok(Some((_, map))) = document.get(automerge::ROOT, table) else { continue };
            for row in document.keys(&map) {
                touched.insert((table.clone(), row), ());
            }
        }
        let mut rows = Vec::with_capacity(touched.len());
        for (table, row) in touched.keys() {
            let map = document.get(automerge::ROOT, table).ok().flatten();
            let merged = map.and_then(|(_, map)| read_row(document, &map, row, &mut actors));
            rows.push(TouchedRow { table: table.clone(), id_text: row.clone(), row: merged });
        }
        let max_op = changes.iter().map(Change::max_op).max().unwrap_or(0).max(saved.max_op);
        let hashes = |heads: &[automerge::ChangeHash]| heads.iter().map(|head| head.0).collect::<Vec<ChangeHash>>();
        let new = actors.list()[base_actors..].to_vec();
        Some(Merge {
            base_heads: hashes(&saved.heads),
            base_actors: base_actors as u32,
            root: root_text(document),
            state: DocumentState {
                id,
                heads: hashes(&document.get_heads()),
                max_op: u32::try_from(max_op).unwrap_or(u32::MAX),
                actor_count: actors.list().len() as u32,
                tables,
            },
            actors: new,
            chunks: changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect(),
            whole_tables: whole_tables.to_vec(),
            rows,
        })
    }
}

/// The row that a document says it belongs to.
fn root_text(document: &Automerge) -> Option<String> {
    let (value, id) = document.get(automerge::ROOT, mark::ROOT).ok()??;
    match value {
        automerge::Value::Object(automerge::ObjType::Text) => document.text(&id).ok(),
        value => Some(value.as_str()?.to_string()),
    }
}

/// Reads changes that lie one after another.
fn read_changes(mut bytes: &[u8]) -> Result<Vec<Change>, Unreadable> {
    let mut changes = Vec::new();
    while !bytes.is_empty() {
        let length = chunk_length(bytes).ok_or_else(|| unreadable("no change begins here"))?;
        let (chunk, rest) = bytes.split_at_checked(length).ok_or_else(|| unreadable("a change is cut off"))?;
        changes.push(Change::from_bytes(chunk.to_vec()).map_err(unreadable)?);
        bytes = rest;
    }
    Ok(changes)
}

/// The rows that changes are about, as table and id.
fn touched(document: &Automerge, changes: &[Change], saved: &[automerge::ChangeHash]) -> FlatMap<(String, String), ()> {
    let mut rows: FlatMap<(String, String), ()> = FlatMap::new();
    let mut known: FlatMap<(u64, Vec<u8>), Vec<String>> = FlatMap::new();
    for change in changes {
        for op in change.decode().operations {
            let legacy::ObjectId::Id(legacy::OpId(counter, actor)) = &op.obj else {
                // The map of a table is another one, or none.
                if let legacy::Key::Map(table) = &op.key {
                    rows.extend(rows_of(document, table, saved).map(|row| ((table.to_string(), row), ())));
                }
                continue;
            };
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
    rows
}

/// The rows of a table as they were when these were the heads, and as they are.
fn rows_of(document: &Automerge, table: &str, heads: &[automerge::ChangeHash]) -> impl Iterator<Item = String> {
    let map = |found: Result<Option<(_, ObjId)>, _>| found.ok().flatten().map(|(_, id): (automerge::Value<'_>, _)| id);
    let before = map(document.get_at(automerge::ROOT, table, heads));
    let now = map(document.get(automerge::ROOT, table));
    let mut rows: Vec<String> = before.map(|map| document.keys_at(&map, heads).collect()).unwrap_or_default();
    rows.extend(now.into_iter().flat_map(|map| document.keys(&map).collect::<Vec<_>>()));
    rows.into_iter()
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
