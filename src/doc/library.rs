//! Documents that are loaded, and what has come for them that the page has not saved yet.

use super::Actors;
use super::admission::{Gate, Limits, Refused, verified_save};
use super::history::{HistoryEntry, RowHistory, row_at};
use super::lineage::Lineage;
use super::row::read_row;
use super::touched::Places;
use crate::crdt::{ActorId, ChangeHash, DocumentId, DocumentState, Merge, TableMap, TouchedRow, chunk_length, mark};
use crate::flat_map::FlatMap;
use crate::value::Value;
use automerge::sync::{Capability, ChunkList, Message, MessageVersion, ReadMessageError, State as SyncState, SyncDoc};
use automerge::{Automerge, Change, ObjId, ReadDoc};
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

mod moved;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;

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
    /// What is stored of it, until there is a gate, which learns from it.
    stored: Option<Vec<u8>>,
    /// What was let through and is not applied yet: each follows only earlier ones, and what is applied.
    admitted: VecDeque<Change>,
    /// What is applied and not saved, in the order in which it was applied.
    unsaved: Vec<Change>,
    /// How many of those the page is to save now.
    merging: usize,
    /// What is known of its objects while changes come.
    places: Places,
    /// Where its rows went, if any have moved.
    lineage: Option<Lineage>,
    /// The last row whose history was asked for.
    history: Option<(String, String, RowHistory)>,
}

#[derive(Clone, Default)]
struct Saved {
    heads: Vec<automerge::ChangeHash>,
    actors: Actors,
    max_op: u64,
}

/// So many changes, and operations, are applied before the page is asked to save them: it is not to be busy for long.
const CHANGES_AT_ONCE: usize = if cfg!(test) { 5 } else { 250 };
const OPERATIONS_AT_ONCE: usize = if cfg!(test) { 25 } else { 2_500 };

/// Changes of fewer bytes are not worth a snapshot.
const SNAPSHOT_BYTES: usize = if cfg!(test) { 2 << 10 } else { 64 << 10 };

/// Why bytes can't be merged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unreadable(pub(crate) String);

fn unreadable(error: impl std::fmt::Display) -> Unreadable {
    Unreadable(error.to_string())
}

/// The same of a message. What automerge says of its kind is made by `Debug`, which writes nothing in the release binary.
fn unreadable_message(error: ReadMessageError) -> Unreadable {
    match error {
        ReadMessageError::WrongType { found, .. } => Unreadable(format!("no message begins with the byte {found}")),
        other => unreadable(other),
    }
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

    /// The bytes of the changes of one that is loaded.
    pub(crate) fn bytes_of(&self, id: &DocumentId) -> usize {
        self.loaded.get(id).map_or(0, |loaded| loaded.bytes)
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
        let loaded = Loaded {
            document,
            saved,
            bytes: chunks.len(),
            snapshot_bytes,
            gate: None,
            stored: Some(chunks.to_vec()),
            admitted: VecDeque::new(),
            unsaved: Vec::new(),
            merging: 0,
            places: Places::default(),
            lineage: None,
            history: None,
        };
        self.loaded.insert(id, loaded);
        Ok(())
    }

    /// The page has saved more of a document that is loaded.
    pub(crate) fn saved(&mut self, id: DocumentId, chunks: &[u8], actors: &[ActorId]) -> Result<(), Unreadable> {
        let Some(loaded) = self.loaded.get_mut(&id) else { return Ok(()) };
        let changes = read_changes(chunks)?;
        loaded.pass(chunks);
        loaded.bytes += chunks.len();
        let mut unsaved: Vec<_> = loaded.unsaved.iter().map(Change::hash).collect();
        unsaved.sort_unstable();
        let mut saved = BTreeSet::new();
        for change in &changes {
            let hash = change.hash();
            saved.insert(hash);
            let is_unsaved = unsaved.binary_search(&hash).is_ok();
            if !is_unsaved && loaded.document.get_change_meta_by_hash(&hash).is_some() {
                continue; // it is told a second time
            }
            loaded.saved.heads.retain(|head| !change.deps().contains(head));
            loaded.saved.heads.push(hash);
            loaded.saved.max_op = loaded.saved.max_op.max(change.max_op());
        }
        loaded.unsaved.retain(|change| !saved.contains(&change.hash()));
        loaded.saved.heads.sort_unstable();
        for actor in actors {
            loaded.saved.actors.place(actor);
        }
        loaded.document.apply_changes(changes.clone()).map_err(unreadable)?;
        if let Some(lineage) = &mut loaded.lineage {
            changes.iter().for_each(|change| lineage.add(change));
        }
        Ok(())
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

    /// Lets changes pass the gate that this device has made.
    fn pass(&mut self, chunks: &[u8]) {
        if let Some(gate) = &mut self.gate
            && gate.record(chunks).is_err()
        {
            self.gate = None; // another one is made when it is needed
        }
        if let Some(stored) = &mut self.stored {
            stored.extend_from_slice(chunks);
        }
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

    /// Whether more was applied than the page is saving.
    pub(crate) fn is_ahead(&self) -> bool {
        self.unsaved.len() > self.merging
    }

    /// Whether all of it is saved, and of what has come for it.
    pub(crate) fn is_saved(&self) -> bool {
        self.admitted.is_empty() && self.unsaved.is_empty()
    }

    /// Takes in the changes in a message of a peer, to be applied; those that can't be taken in are left out. Answers with the
    /// rest of the message, which is to be heard when all is saved.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(Message, Vec<Refused>), Unreadable> {
        let mut message = Message::decode(bytes).map_err(unreadable_message)?;
        let mut refused = Vec::new();
        let chunks: Vec<u8> = message.changes.iter().flat_map(<[u8]>::to_vec).collect();
        if !chunks.is_empty() {
            let gate = match &mut self.gate {
                Some(gate) => gate,
                none => none.insert(gate_before(&self.document, self.stored.take())?),
            };
            let admitted = gate.admit(&chunks);
            refused = admitted.refused;
            self.admitted.extend(admitted.changes);
            message.changes = ChunkList::empty();
        }
        Ok((message, refused))
    }

    /// Applies the next ones of the changes that have come. Answers whether there were any.
    pub(crate) fn apply_some(&mut self) -> Result<bool, Unreadable> {
        let mut operations = 0;
        let has_room = |change: &Change| {
            let is_first = operations == 0;
            operations += change.len().max(1);
            is_first || operations <= OPERATIONS_AT_ONCE
        };
        let count = self.admitted.iter().take(CHANGES_AT_ONCE).map(has_room).take_while(|has_room| *has_room).count();
        if count == 0 {
            return Ok(false);
        }
        // The page may have saved some of them meanwhile, and a gate that is made anew lets through what waits already.
        let mut seen = BTreeSet::new();
        let is_new = |change: &Change| {
            self.document.get_change_meta_by_hash(&change.hash()).is_none() && seen.insert(change.hash())
        };
        let changes: Vec<Change> = self.admitted.drain(..count).filter(is_new).collect();
        let applied = self.document.apply_changes(changes.clone());
        match applied {
            Ok(()) => {
                if let Some(lineage) = &mut self.lineage {
                    changes.iter().for_each(|change| lineage.add(change));
                }
                self.unsaved.extend(changes);
            }
            Err(_) => {
                // It takes for applied what is not.
                self.gate = None;
                self.lineage = None;
                self.admitted.clear();
            }
        }
        applied.map(|()| true).map_err(unreadable)
    }

    /// Lets go of what helps while changes come, when all are saved.
    pub(crate) fn rest(&mut self) {
        self.places = Places::default();
    }

    /// Hears what a peer says of the document, when all that it has sent is saved.
    pub(crate) fn hear(&mut self, state: &mut SyncState, message: Message) -> Result<(), Unreadable> {
        let told = state.last_sent_heads.clone();
        self.document.receive_sync_message(state, message).map_err(unreadable)?;
        if !state.last_sent_heads.is_empty() {
            // That it has the same does not mean that it was told so.
            state.last_sent_heads = told;
        }
        Ok(())
    }

    /// What is to be said to a peer.
    pub(crate) fn message(&self, state: &mut SyncState) -> Option<Vec<u8>> {
        if !state.shared_heads.iter().all(|head| self.document.get_change_meta_by_hash(head).is_some()) {
            state.shared_heads.clear(); // what is stored has been set back since
        }
        // Automerge sends all of a document when a third of its changes is lacking, even if the others are most of it.
        let capabilities = state.their_capabilities.clone();
        let has_some = state.their_heads.as_ref().is_some_and(|heads| !heads.is_empty());
        if has_some && let Some(capabilities) = &mut state.their_capabilities {
            capabilities.retain(|capability| *capability != Capability::MessageV2);
        }
        let message = self.document.generate_sync_message(state);
        let takes_whole = capabilities.as_ref().is_some_and(|known| known.contains(&Capability::MessageV2));
        state.their_capabilities = capabilities;
        let mut message = message?;
        // To whom may not know what a reset is, automerge says that there is nothing: what there is has to be said then.
        state.last_sent_heads.clone_from(&message.heads);
        let bytes: usize = message.changes.iter().map(<[u8]>::len).sum();
        if has_some && takes_whole && bytes > self.bytes / 3 {
            message.changes = ChunkList::from(self.document.save());
            message.version = MessageVersion::V2;
        }
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
        let (document, history) = self.follow_row(table, row);
        history.page(document, limit, before)
    }

    /// The fields of a row right after one of the changes that `history` lists of it.
    pub(crate) fn row_at(&mut self, table: &str, row: &str, change: ChangeHash) -> Option<FlatMap<String, Value>> {
        let (document, history) = self.follow_row(table, row);
        if !history.has(document, change) {
            return None;
        }
        row_at(document, table, row, &[change])
    }

    /// What has become of a row until now; that of the row which was asked for last is kept.
    fn follow_row(&mut self, table: &str, row: &str) -> (&Automerge, &RowHistory) {
        let kept = self.history.take().filter(|(of, id, _)| of == table && id == row);
        let kept = kept.unwrap_or_else(|| (table.to_string(), row.to_string(), RowHistory::new(table, row)));
        let (.., history) = self.history.insert(kept);
        history.follow(&self.document);
        (&self.document, history)
    }

    /// The row that it says it belongs to.
    pub(crate) fn root(&self) -> Option<String> {
        root_text(&self.document)
    }

    /// What it has beyond what was saved of it, and all rows of tables that are asked for; `None` if that is nothing.
    pub(crate) fn merge(&mut self, id: DocumentId, whole_tables: &[String]) -> Option<Merge> {
        let Loaded { document, saved, unsaved: changes, merging, places, .. } = self;
        if changes.is_empty() && whole_tables.is_empty() {
            return None;
        }
        let mut actors = saved.actors.clone();
        let base_actors = actors.list().len();
        for change in changes.iter() {
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
        *merging = changes.len();
        let mut touched = places.touched_rows(document, changes, &saved.heads);
        for table in whole_tables {
            let Ok(Some((_, map))) = document.get(automerge::ROOT, table) else { continue };
            let name: Rc<str> = table.as_str().into();
            touched.extend(document.keys(&map).map(|row| (name.clone(), row.into())));
        }
        let mut rows = Vec::with_capacity(touched.len());
        let mut last: Option<(Rc<str>, Option<ObjId>)> = None;
        for (table, row) in touched {
            if last.as_ref().is_none_or(|(name, _)| *name != table) {
                let map = document.get(automerge::ROOT, &*table).ok().flatten();
                last = Some((table.clone(), map.map(|(_, map)| map)));
            }
            let map = last.as_ref().and_then(|(_, map)| map.as_ref());
            let merged = map.and_then(|map| read_row(document, map, &row, &mut actors));
            rows.push(TouchedRow { table: table.to_string(), id_text: row.to_string(), row: merged });
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

fn gate_before(document: &Automerge, stored: Option<Vec<u8>>) -> Result<Gate, Unreadable> {
    let learned = stored.and_then(|stored| Gate::before_stored(&stored, Limits::default()).ok());
    let gate = learned.map_or_else(|| Gate::before(document, Limits::default()), Ok);
    gate.map_err(|refused| Unreadable(refused.reason))
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
