//! Writing to CRDT documents: changes are made when a commit goes out, from what is kept beside rows.
//!
//! Only what is saved is known of documents. What mutations that wait have written is encoded with the commit that saves
//! them, in their order; if that commit comes to nothing, nothing has happened to any document.

use super::merging::{MergeDraft, MergedKey};
use super::state::{Pending, State};
use super::transaction::{Obstacle, Transaction};
use super::{Tab, TransactionId};
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{
    ActorId, ChangeEncoder, ChangeHash, DocumentId, DocumentState, Editor, Head, HiddenRow, IS_BUILT_IN, OpId,
    RowStamps, StoredRow, Why, genesis, table_map,
};
use crate::document::{Document as Fields, ValueRef};
use crate::error::{Code, Error};
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{self, Place, Root, RowId, TableId};
use crate::log::{CrdtEntry, Record};
use crate::random::Random;
use crate::schema::{Home, Placement, Schema, Table};
use crate::store::{Direction, Entry, PageCache, ReadError};
use std::rc::Rc;

/// A changed row of a synced table, as the encoding needs it.
#[derive(Clone, Debug)]
pub(crate) struct SyncedChange {
    pub(crate) table: TableId,
    pub(crate) place: Place,
    pub(crate) before: Option<Bytes>,
    pub(crate) after: Option<Bytes>,
    pub(crate) bases: Bases,
}

/// What is stored of a row before it is changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bases {
    row: Base,
    /// What is left of it in documents into which it moves.
    remains: Vec<(Root, Base)>,
}

/// What a key has that the encoding needs: a [`StoredRow`], or nothing.
#[derive(Clone, Debug, PartialEq)]
enum Base {
    Stored(Option<Bytes>),
    /// The same, but for what mutations have written that were not saved then: the commit will find it.
    Unsaved(Option<Bytes>),
}

impl Default for Base {
    fn default() -> Self {
        Base::Stored(None)
    }
}

impl SyncedChange {
    /// The keys that it needs, and what they have.
    fn bases(&mut self) -> impl Iterator<Item = (Vec<u8>, &mut Base)> {
        let (table, id) = (self.table, self.place.id);
        let row = (keyspace::stamps_key(table, &id).to_vec(), &mut self.bases.row);
        let remains = self.bases.remains.iter_mut();
        let remains = remains.map(move |(root, base)| (keyspace::remains_key(table, &id, root), base));
        std::iter::once(row).chain(remains)
    }
}

/// The documents that this tab has written to, or is about to.
#[derive(Default)]
pub(crate) struct Documents {
    known: FlatMap<Root, Document>,
}

/// What a tab knows of a document.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) state: DocumentState,
    pub(crate) actors: Rc<Vec<ActorId>>,
    own: Option<Own>,
}

/// This session's actor in a document: new, and no other session's.
#[derive(Clone, Copy)]
struct Own {
    /// Its place in the table of actors.
    author: u32,
    /// How many changes it has made.
    sequence: u64,
}

impl Documents {
    /// The state of a document that is known.
    pub(crate) fn state(&self, root: &Root) -> Option<&DocumentState> {
        self.known.get(root).map(|document| &document.state)
    }

    /// The actors of a document that is known.
    pub(crate) fn actors(&self, root: &Root) -> &[ActorId] {
        self.known.get(root).map_or(&[], |document| &document.actors)
    }

    /// Takes in what a record of the log says of documents that are known, or new: what waits to be written may have found
    /// none before, and meant to make it.
    pub(crate) fn note(&mut self, record: &Record) {
        if !IS_BUILT_IN {
            return;
        }
        for entry in &record.crdt {
            let (Some(root), Some(value)) = (Root::of(&entry.key), &entry.value) else { continue };
            if *entry.key == root.state_key() {
                let Ok(state) = DocumentState::decode(value) else { continue };
                if let Some(document) = self.known.get_mut(&root) {
                    document.state = state;
                } else if entry.is_new {
                    self.known.insert(root, Document { state, actors: Rc::default(), own: None });
                }
                continue;
            }
            let Some(document) = self.known.get_mut(&root) else { continue };
            if entry.key.starts_with(&root.actors_prefix()) {
                Rc::make_mut(&mut document.actors).push(value.clone());
            }
        }
    }

    /// What was drafted is saved.
    pub(crate) fn adopt(&mut self, drafted: Vec<(Root, Document)>) {
        if !IS_BUILT_IN {
            return;
        }
        for (root, document) in drafted {
            self.known.insert(root, document);
        }
    }

    /// What was drafted is saved, and more has come since.
    pub(crate) fn adopt_own(&mut self, drafted: Vec<(Root, Document)>) {
        if !IS_BUILT_IN {
            return;
        }
        for (root, document) in drafted {
            if let Some(known) = self.known.get_mut(&root) {
                known.own = document.own;
            }
        }
    }

    /// Nothing is known any more.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
    }

    /// Nobody knows whether changes of these were saved: their actors are not used again.
    pub(crate) fn retire(&mut self, drafted: Vec<(Root, Document)>) {
        if !IS_BUILT_IN {
            return;
        }
        for (root, _) in drafted {
            if let Some(known) = self.known.get_mut(&root) {
                known.own = None;
            }
        }
    }
}

/// In whose document a row lies. `None` where the field that says so has no id.
pub(crate) fn home(schema: &Schema, table: &Table, id: RowId, document: &[u8]) -> Option<Root> {
    match &table.placement.as_ref()?.home {
        Home::Root => Some(Root { table: table.id, id }),
        Home::Workspace => Some(Root { table: TableId(0), id: RowId([0; 16]) }),
        Home::Within { field, root } => {
            let object = Fields::new(document).object().ok()?;
            let Some(ValueRef::String(text)) = object.get(field, &schema.names) else { return None };
            let (number, id) = id::decode(text)?;
            let table = schema.table_by_number(number).filter(|table| table.name == *root)?;
            Some(Root { table: table.id, id })
        }
    }
}

impl Tab {
    /// Reads what is stored of a document that a transaction is about to write to. Answers whether there is one.
    pub(crate) fn load_document(&mut self, root: Root) -> Result<bool, ReadError> {
        if self.documents.known.contains_key(&root) {
            return Ok(true);
        }
        let Some(document) = read_document(&self.committed, &mut self.cache, root)? else { return Ok(false) };
        self.documents.known.insert(root, document);
        Ok(true)
    }

    /// What a key has, for a transaction that is about to change a row.
    fn base_of(&mut self, key: &[u8], is_unsaved: bool) -> Result<Base, ReadError> {
        let stored = self.committed.view.get(&mut self.cache, key)?;
        Ok(if is_unsaved { Base::Unsaved(stored) } else { Base::Stored(stored) })
    }

    /// Before what the log holds is folded away: mutations that wait keep what they will need of it, and those that are not
    /// finished read it again.
    pub(crate) fn keep_bases(&mut self) {
        if !self.committed.schema.is_synced() {
            return;
        }
        let crdt = &self.committed.view.crdt;
        for change in self.queue.iter_mut().flat_map(|pending| &mut pending.synced) {
            for (key, base) in change.bases() {
                let (Base::Stored(stored) | Base::Unsaved(stored)) = base;
                if let Some(entry) = crdt.get(&key) {
                    *stored = value_of(entry);
                }
            }
        }
        self.transactions.iter_mut().for_each(Transaction::forget_bases);
    }

    /// What was not saved when a transaction changed it may be by now. Answers whether all is known without a look at pages.
    pub(crate) fn settle_bases(&self, changes: &mut [SyncedChange]) -> bool {
        if !IS_BUILT_IN {
            return true;
        }
        let saved = |change: &&mut SyncedChange| !self.is_unsaved(change.table, change.place.id);
        changes.iter_mut().filter(saved).all(|change| {
            let mut unsaved = change.bases().filter(|(_, base)| matches!(base, Base::Unsaved(_)));
            unsaved.all(|(key, base)| {
                let entry = self.committed.view.crdt.get(&key);
                let is_known = entry.is_some();
                if let Some(entry) = entry {
                    *base = Base::Stored(value_of(entry));
                }
                is_known
            })
        })
    }

    /// Before a transaction writes to a row, or makes one with a new id: reads what the commit will need of its document,
    /// and of the row if this is the first write to it.
    pub(crate) fn prepare_synced(
        &mut self,
        id: TransactionId,
        table: &Table,
        row: Option<RowId>,
        documents: [Option<&[u8]>; 2],
    ) -> Result<Bases, Obstacle> {
        let Some(placement) = table.placement.as_ref().filter(|_| IS_BUILT_IN) else { return Ok(Bases::default()) };
        if row.is_none() && placement.home == Home::Root {
            return Ok(Bases::default()); // its document is as new as its id
        }
        let schema = self.transactions[id].state.schema.clone();
        let own = row.unwrap_or(RowId([0; 16]));
        let [before, after] = documents.map(|document| home(&schema, table, own, document?));
        if documents[1].is_some() && after.is_none() {
            return Err(not_within(placement, table, "an id"));
        }
        let generation = self.generation();
        for root in [before, after].into_iter().flatten() {
            let found = self.load_document(root);
            let is_there = found.map_err(|error| self.obstacle(error, generation, table.id))?;
            let is_moving_in = Some(root) == after && before != after;
            if (is_there && !is_moving_in) || !matches!(placement.home, Home::Within { .. }) {
                continue;
            }
            // A document that is not saved yet will be there when this is: its root is written before.
            if self.read_row(id, root.table, root.id)?.is_none() {
                return Err(not_within(placement, table, "the id of a document that is there"));
            }
        }
        let Some(row) = row else { return Ok(Bases::default()) };
        let is_unsaved = self.is_unsaved(table.id, row);
        let read = |tab: &mut Tab, key: &[u8]| {
            let found = tab.base_of(key, is_unsaved);
            found.map_err(|error| tab.obstacle(error, generation, table.id))
        };
        let mut bases = match self.transactions[id].changed(table.id, &row) {
            Some(changed) => changed.bases.clone(),
            None => Bases { row: read(self, &keyspace::stamps_key(table.id, &row))?, remains: Vec::new() },
        };
        if let Some(root) = after.filter(|root| before != after && bases.remains.iter().all(|(known, _)| known != root))
        {
            let base = read(self, &keyspace::remains_key(table.id, &row, &root))?;
            bases.remains.push((root, base));
        }
        Ok(bases)
    }

    /// When the row of an id was created that is inserted again.
    pub(crate) fn created_before(&self, bases: &Bases, table: TableId, row: RowId) -> Option<f64> {
        if !IS_BUILT_IN {
            return None;
        }
        let queued = || {
            let mut changes = self.queue.iter().flat_map(|pending| pending.changes.iter());
            changes
                .find(|change| change.table == table && change.place.id == row)
                .map(|change| change.place.creation_time)
        };
        let (Base::Stored(stored) | Base::Unsaved(stored)) = &bases.row;
        match stored.as_ref().and_then(|stored| StoredRow::decode(stored).ok()) {
            Some(StoredRow::Hidden(hidden)) => Some(hidden.creation_time),
            Some(StoredRow::Shown { .. }) | None => queued(),
        }
    }

    /// Makes the changes of the first mutations of the queue, which go out as the record of this number.
    pub(super) fn draft_changes(&mut self, count: usize, sequence: u64) -> (Vec<CrdtEntry>, Vec<(Root, Document)>) {
        let is_local = |pending: &Pending| pending.synced.is_empty() && pending.merge.is_none();
        if !IS_BUILT_IN || self.queue.iter().take(count).all(is_local) {
            return (Vec::new(), Vec::new());
        }
        let mut drafts = Drafts {
            known: &self.documents.known,
            committed: &self.committed,
            random: &mut self.random,
            now_ms: self.now_ms,
            documents: FlatMap::new(),
            rows: Vec::new(),
        };
        for pending in self.queue.iter().take(count) {
            drafts.add(pending);
        }
        drafts.finish(sequence)
    }
}

fn not_within(placement: &Placement, table: &Table, wanted: &str) -> Obstacle {
    let Home::Within { field, root } = &placement.home else { unreachable!("a root is its own home") };
    Obstacle::Error(Error::new(
        Code::InvalidValue,
        format!(
            "The field \"{field}\" of a document of \"{}\" must be {wanted} of \"{root}\": it is synced with that.",
            table.name
        ),
    ))
}

fn value_of(entry: Entry<'_>) -> Option<Bytes> {
    match entry {
        Entry::Put(value) => Some(value.clone()),
        Entry::Deleted => None,
    }
}

fn read_document(state: &State, cache: &mut PageCache, root: Root) -> Result<Option<Document>, ReadError> {
    let Some(bytes) = state.view.get(cache, &root.state_key())? else { return Ok(None) };
    let Ok(known) = DocumentState::decode(&bytes) else { return Ok(None) };
    let prefix = root.actors_prefix();
    let end = keyspace::after_prefix(&prefix);
    let mut scan = state.view.scan(&prefix, end.as_deref(), Direction::Ascending, 8);
    let mut actors = Vec::with_capacity(known.actor_count as usize);
    while let Some(item) = scan.next(cache)? {
        actors.push(item.keep());
    }
    Ok(Some(Document { state: known, actors: Rc::new(actors), own: None }))
}

/// Documents and rows as they will be when a commit is saved.
struct Drafts<'a> {
    known: &'a FlatMap<Root, Document>,
    committed: &'a State,
    random: &'a mut Random,
    now_ms: f64,
    documents: FlatMap<Root, Draft>,
    rows: Vec<DraftRow>,
}

/// What will be stored under a key.
struct DraftRow {
    key: Vec<u8>,
    stored: Option<Bytes>,
    /// Whether nothing was.
    is_new: bool,
}

struct Draft {
    document: Document,
    is_new: bool,
    /// How many actors are stored already.
    actors_before: u32,
    /// The chunks of all its changes.
    chunks: Vec<u8>,
    /// The change at hand.
    encoder: ChangeEncoder,
}

impl Draft {
    fn add_actor(&mut self, actor: ActorId) -> u32 {
        let place = self.document.state.actor_count;
        Rc::make_mut(&mut self.document.actors).push(actor);
        self.document.state.actor_count += 1;
        place
    }

    fn add_head(&mut self, hash: ChangeHash) {
        let heads = &mut self.document.state.heads;
        if let Err(at) = heads.binary_search(&hash) {
            heads.insert(at, hash);
        }
    }

    /// The place of the actor that has made a table's map, which is made if it is not there.
    fn table(&mut self, name: &str, root: Option<&str>) -> u32 {
        if let Some(&actor) = self.document.state.tables.get(name) {
            return actor;
        }
        let (actor, change) = genesis(&self.document.state.id, name, root);
        let place = self.add_actor(actor);
        self.document.state.tables.insert(name.to_string(), place);
        self.chunks.extend_from_slice(&change.bytes);
        self.add_head(change.hash);
        place
    }

    fn author(&mut self, mut random: Random) -> u32 {
        if let Some(own) = self.document.own {
            return own.author;
        }
        let author = self.add_actor(Bytes::from(&sixteen(&mut random)[..]));
        self.document.own = Some(Own { author, sequence: 0 });
        author
    }

    /// Ends the change at hand.
    fn end_change(&mut self, time: i64) {
        let encoder = std::mem::take(&mut self.encoder);
        let (count, state) = (encoder.len(), &mut self.document.state);
        let Some(own) = self.document.own.as_mut().filter(|_| count > 0) else { return };
        own.sequence += 1;
        let change = encoder.finish(&Head {
            actors: &self.document.actors,
            author: own.author,
            sequence: own.sequence,
            first_op: state.max_op + 1,
            time,
            dependencies: &state.heads,
        });
        state.max_op += count;
        state.heads = vec![change.hash];
        self.chunks.extend_from_slice(&change.bytes);
    }
}

fn sixteen(random: &mut Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random.next_u64().to_le_bytes());
    bytes[8..].copy_from_slice(&random.next_u64().to_le_bytes());
    bytes
}

impl Drafts<'_> {
    /// One mutation: a change of each document that it has written to.
    fn add(&mut self, pending: &Pending) {
        if let Some(merge) = &pending.merge {
            return self.add_merge(merge);
        }
        let schema = &pending.after.schema;
        for change in &pending.synced {
            let Some(table) = schema.table_by_id(change.table) else { continue };
            let Some(placement) = &table.placement else { continue };
            self.add_row(schema, table, placement, change);
        }
        let now_ms = self.now_ms;
        for draft in self.documents.values_mut() {
            draft.end_change((now_ms / 1000.0) as i64);
        }
    }

    /// What others have changed, as it was merged.
    fn add_merge(&mut self, merge: &MergeDraft) {
        for MergedKey { key, stored, is_new } in &merge.rows {
            self.put(key.clone(), Some(stored.clone()), *is_new);
        }
        let draft = self.draft(merge.root, Some(merge.state.id));
        draft.document.state = merge.state.clone();
        Rc::make_mut(&mut draft.document.actors).extend(merge.actors.iter().cloned());
        draft.chunks.extend_from_slice(&merge.chunks);
    }

    fn add_row(&mut self, schema: &Schema, table: &Table, placement: &Placement, change: &SyncedChange) {
        let id = change.place.id;
        let key = keyspace::stamps_key(table.id, &id).to_vec();
        let base = self.resolve(&key, &change.bases.row);
        let is_new = base.is_none();
        let id_text = id::encode(table.number, &id);
        let now_ms = self.now_ms;
        let home_of = |document: &Option<Bytes>| home(schema, table, id, document.as_ref()?);
        let (from, to) = (home_of(&change.before), home_of(&change.after));
        let place = change.place;
        let writer = RowWriter { schema, table, placement, id_text: &id_text, place, home: from, now_ms };
        let stored = base.as_ref().and_then(|base| StoredRow::decode(base).ok());
        let next = match (stored, &change.after, to) {
            (Some(StoredRow::Shown { stamps }), None, _) => {
                let (Some(before), Some(from)) = (&change.before, from) else { return };
                self.edit(from, &writer, |editor, _| writer.delete(editor, before, &stamps))
            }
            (Some(StoredRow::Shown { stamps }), Some(after), Some(to)) if from == Some(to) => {
                let Some(before) = &change.before else { return };
                self.edit(to, &writer, |editor, _| writer.update(editor, before, after, &stamps))
            }
            // What was in another document stays there, marked.
            (Some(StoredRow::Shown { stamps }), Some(after), Some(to)) => {
                let (Some(before), Some(from)) = (&change.before, from) else { return };
                let left = self.edit(from, &writer, |editor, _| writer.delete(editor, before, &stamps));
                self.leave(&writer, from, left.map(Bytes::new));
                self.move_in(&writer, to, after, change)
            }
            // A deleted row comes back: in its document, or in another one.
            (Some(StoredRow::Hidden(hidden)), Some(after), Some(to)) => match hidden.root {
                from if from != to => {
                    self.leave(&writer, from, base);
                    self.move_in(&writer, to, after, change)
                }
                _ => self.edit(to, &writer, |editor, _| writer.restore(editor, &hidden, after)),
            },
            (None, Some(after), Some(to)) => self.edit(to, &writer, |editor, map| writer.insert(editor, map, after)),
            (_, Some(_), None) | (None | Some(StoredRow::Hidden(_)), None, _) => None,
        };
        if let Some(next) = next {
            self.put(key, Some(Bytes::new(next)), is_new);
        }
    }

    /// What a key has by now: a merge may have changed stamps of a row that is otherwise as it was.
    fn resolve(&self, key: &[u8], base: &Base) -> Option<Bytes> {
        if let Base::Unsaved(_) = base
            && let Some(row) = self.rows.iter().rfind(|row| row.key == key)
        {
            return row.stored.clone();
        }
        let (Base::Stored(stored) | Base::Unsaved(stored)) = base;
        self.committed.view.crdt.get(key).map_or_else(|| stored.clone(), value_of)
    }

    fn put(&mut self, key: Vec<u8>, stored: Option<Bytes>, is_new: bool) {
        match self.rows.iter_mut().rfind(|row| !is_new && row.key == key) {
            Some(row) => row.stored = stored,
            None => self.rows.push(DraftRow { key, stored, is_new }),
        }
    }

    /// Keeps what is left of a row in a document that it leaves.
    fn leave(&mut self, writer: &RowWriter<'_>, from: Root, left: Option<Bytes>) {
        let key = keyspace::remains_key(writer.table.id, &writer.place.id, &from);
        // It may have left it before in this commit, and have come back.
        match self.rows.iter_mut().rfind(|row| row.key == key) {
            Some(row) => row.stored = left,
            None => self.rows.push(DraftRow { key, stored: left, is_new: true }),
        }
    }

    /// A row comes into a document, in which it may have been before.
    fn move_in(&mut self, writer: &RowWriter<'_>, to: Root, after: &Bytes, change: &SyncedChange) -> Option<Vec<u8>> {
        let key = keyspace::remains_key(writer.table.id, &writer.place.id, &to);
        let base = change.bases.remains.iter().find(|(root, _)| *root == to);
        let left = base.and_then(|(_, base)| self.resolve(&key, base));
        match left.and_then(|left| StoredRow::decode(&left).ok()) {
            Some(StoredRow::Hidden(left)) => {
                self.put(key, None, false);
                self.edit(to, writer, |editor, _| writer.restore(editor, &left, after))
            }
            _ => self.edit(to, writer, |editor, map| writer.insert(editor, map, after)),
        }
    }

    /// A document in the making: that which is known, or a new one.
    fn draft(&mut self, root: Root, id: Option<DocumentId>) -> &mut Draft {
        if !self.documents.contains_key(&root) {
            let known = self.known.get(&root).cloned();
            let is_new = known.is_none();
            let document = known.unwrap_or_else(|| Document {
                // Tables are made by one or two operations, which come before all others.
                state: DocumentState { max_op: 2, ..DocumentState::new(id.unwrap_or_else(|| sixteen(self.random))) },
                actors: Rc::default(),
                own: None,
            });
            let actors_before = document.state.actor_count;
            let draft =
                Draft { document, is_new, actors_before, chunks: Vec::new(), encoder: ChangeEncoder::default() };
            self.documents.insert(root, draft);
        }
        self.documents.get_mut(&root).expect("it was put there")
    }

    /// Does something to a document, with the map of a table.
    fn edit<T>(
        &mut self,
        root: Root,
        writer: &RowWriter<'_>,
        edit: impl FnOnce(&mut Editor<'_>, OpId) -> Result<T, Malformed>,
    ) -> Option<T> {
        let random = self.random.fork();
        let draft = self.draft(root, None);
        let own = matches!(writer.placement.home, Home::Root).then_some(writer.id_text);
        let map = table_map(draft.table(&writer.table.name, own));
        let author = draft.author(random);
        let mut editor = Editor {
            names: &writer.schema.names,
            kinds: writer.placement,
            author,
            first_op: draft.document.state.max_op + 1,
            encoder: &mut draft.encoder,
        };
        edit(&mut editor, map).ok()
    }

    fn finish(self, sequence: u64) -> (Vec<CrdtEntry>, Vec<(Root, Document)>) {
        let mut entries = Vec::new();
        for DraftRow { key, stored, is_new } in self.rows {
            if stored.is_some() || !is_new {
                entries.push(CrdtEntry { key: Bytes::new(key), value: stored, is_new });
            }
        }
        let mut documents = Vec::new();
        for (root, draft) in self.documents {
            let Draft { document, is_new, actors_before, chunks, .. } = draft;
            if chunks.is_empty() {
                continue;
            }
            let mut put = |key: &[u8], value: Bytes, is_new| {
                entries.push(CrdtEntry { key: Bytes::from(key), value: Some(value), is_new });
            };
            put(&root.state_key(), Bytes::new(document.state.encode()), is_new);
            for place in actors_before..document.state.actor_count {
                put(&root.actor_key(place), document.actors[place as usize].clone(), true);
            }
            put(&root.changes_key(sequence), Bytes::new(chunks), true);
            documents.push((root, document));
        }
        (entries, documents)
    }
}

/// Writes one row.
struct RowWriter<'a> {
    schema: &'a Schema,
    table: &'a Table,
    placement: &'a Placement,
    id_text: &'a str,
    place: Place,
    /// The document that the row was in, if it was in one.
    home: Option<Root>,
    now_ms: f64,
}

impl RowWriter<'_> {
    fn insert(&self, editor: &mut Editor<'_>, map: OpId, document: &Bytes) -> Result<Vec<u8>, Malformed> {
        let fields = Fields::new(document).object()?;
        let row = editor.insert_row(map, self.id_text, self.place.creation_time, fields)?;
        Ok(StoredRow::shown(&row.encode()))
    }

    fn update(
        &self,
        editor: &mut Editor<'_>,
        before: &Bytes,
        after: &Bytes,
        stamps: &[u8],
    ) -> Result<Vec<u8>, Malformed> {
        let fields = Fields::new(before).object()?;
        let mut row = RowStamps::decode(stamps, fields)?;
        editor.update_row(&mut row, fields, Fields::new(after).object()?)?;
        Ok(StoredRow::shown(&row.encode()))
    }

    fn delete(&self, editor: &mut Editor<'_>, before: &Bytes, stamps: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut row = RowStamps::decode(stamps, Fields::new(before).object()?)?;
        editor.delete_row(&mut row, self.now_ms);
        let root = self.home.unwrap_or(Root { table: self.table.id, id: self.place.id });
        Ok(HiddenRow::encode(Why::Deleted, root, self.place.creation_time, before, &row.encode()))
    }

    fn restore(&self, editor: &mut Editor<'_>, hidden: &HiddenRow, after: &Bytes) -> Result<Vec<u8>, Malformed> {
        let before = Fields::new(&hidden.document).object()?;
        let mut row = RowStamps::decode(&hidden.stamps, before)?;
        editor.restore_row(&mut row);
        editor.update_row(&mut row, before, Fields::new(after).object()?)?;
        Ok(StoredRow::shown(&row.encode()))
    }
}
