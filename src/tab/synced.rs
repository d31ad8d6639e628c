//! Writing to CRDT documents: changes are made when a commit goes out, from what is kept beside rows.
//!
//! Only what is saved is known of documents. What mutations that wait have written is encoded with the commit that saves
//! them, in their order; if that commit comes to nothing, nothing has happened to any document.

mod drafts;
mod news;
mod steps;
mod writer;

use super::state::{Pending, State};
use super::transaction::{Obstacle, Transaction};
use super::{Tab, TransactionId};
use crate::bytes::Bytes;
use crate::crdt::{ActorId, ChangeHash, DocumentState, IS_BUILT_IN, RowStamps, StoredRow};
use crate::document::{Document as Fields, Names, ObjectRef, ValueRef};
use crate::error::{Code, Error};
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{self, Place, Root, RowId, TableId};
use crate::log::{CrdtEntry, Record};
use crate::schema::{Home, Placement, Schema, Table};
use crate::store::{Direction, Entry, PageCache, ReadError};
pub(crate) use drafts::Before;
use drafts::Drafts;
pub(crate) use news::DocumentNews;
use news::News;
use std::rc::Rc;
use steps::{Commits, RowPart, Steps};

/// A changed row of a synced table, as the encoding needs it.
#[derive(Clone, Debug)]
pub(crate) struct SyncedChange {
    pub(crate) table: TableId,
    pub(crate) place: Place,
    pub(crate) before: Option<Bytes>,
    pub(crate) after: Option<Bytes>,
    pub(crate) bases: Bases,
    /// Fields that were written as they are, whatever others have written at the same time.
    pub(crate) settled: Vec<String>,
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

impl Bases {
    /// What is stored of a row that gets its stamps, and of it in the document into which it comes.
    pub(crate) fn stored(row: Option<Bytes>, remains: Option<(Root, Option<Bytes>)>) -> Self {
        let remains = remains.into_iter().map(|(root, stored)| (root, Base::Stored(stored))).collect();
        Bases { row: Base::Stored(row), remains }
    }

    /// What is stored of the row.
    fn stored_row(&self) -> Option<StoredRow> {
        let (Base::Stored(stored) | Base::Unsaved(stored)) = &self.row;
        StoredRow::decode(stored.as_ref()?).ok()
    }

    /// Whether others may have written something else to some of a row's fields, which its document shows.
    pub(crate) fn may_be_contested(&self, document: ObjectRef<'_>, names: &Names, fields: &[String]) -> bool {
        let stored = match &self.row {
            // What is not saved yet decides.
            Base::Unsaved(_) => return true,
            Base::Stored(stored) => stored,
        };
        let Some(stored) = stored.as_ref().and_then(|stored| StoredRow::decode(stored).ok()) else { return false };
        if stored.has_duplicates {
            return true;
        }
        let Ok(stamps) = RowStamps::decode(&stored.stamps, document) else { return false };
        let mut named = document.fields(names).zip(&stamps.fields);
        named.any(|(field, stamp)| {
            let is_meant = field.is_ok_and(|(name, _)| fields.iter().any(|field| field == name));
            is_meant && stamp.is_contested()
        })
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

/// Where rows may be written that belong to others that are not there: a backup may have tasks of a project that was
/// deleted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dangling {
    Nowhere,
    /// Where a document is, as that of a row that was deleted here.
    InDocuments,
    /// In new documents, too: nobody else's document of that row can be taken in then.
    Anywhere,
}

/// The documents that this tab has written to, or is about to.
#[derive(Default)]
pub(crate) struct Documents {
    known: FlatMap<Root, Document>,
    pub(crate) news: News,
    /// The commits that there were, whatever they were about.
    commits: Commits,
    /// How many merges were found to stand on a document that was another one already.
    #[cfg(test)]
    pub(crate) late_merges: std::cell::Cell<usize>,
}

/// What a tab knows of a document.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) state: DocumentState,
    pub(crate) actors: Rc<Vec<ActorId>>,
    own: Option<Own>,
    /// What was added to it last.
    steps: Steps,
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
    /// A document that is known.
    pub(crate) fn get(&self, root: &Root) -> Option<&Document> {
        self.known.get(root)
    }

    /// The state of a document that is known.
    pub(crate) fn state(&self, root: &Root) -> Option<&DocumentState> {
        self.get(root).map(|document| &document.state)
    }

    /// Takes in what a record of the log says of documents that are known, or new: what waits to be written may have found
    /// none before, and meant to make it.
    pub(crate) fn note(&mut self, record: &Record) {
        if !IS_BUILT_IN {
            return;
        }
        self.news.add(record);
        let rows = self.commits.note(record);
        for entry in &record.crdt {
            let Some(root) = Root::of(&entry.key) else { continue };
            let is_state = *entry.key == root.state_key();
            let Some(value) = &entry.value else {
                // Without a state, its table is synced no longer.
                if is_state {
                    self.known.remove(&root);
                }
                continue;
            };
            if is_state {
                let Ok(state) = DocumentState::decode(value) else { continue };
                if let Some(document) = self.known.get_mut(&root) {
                    document.steps.note(&root, [&document.state, &state], &record.crdt, rows.as_ref());
                    document.state = state;
                } else if entry.is_new {
                    self.known.insert(root, Document::of(state));
                }
                continue;
            }
            let Some(document) = self.known.get_mut(&root) else { continue };
            if entry.key.starts_with(&root.actors_prefix()) {
                Rc::make_mut(&mut document.actors).push(value.clone());
            }
        }
    }

    /// What was drafted is saved in this record.
    pub(crate) fn adopt(&mut self, drafted: Vec<(Root, Document)>, record: &Record) {
        if !IS_BUILT_IN {
            return;
        }
        self.news.add(record);
        let rows = self.commits.note(record);
        for (root, mut document) in drafted {
            if let Some(before) = self.known.get(&root) {
                document.steps.note(&root, [&before.state, &document.state], &record.crdt, rows.as_ref());
            }
            self.known.insert(root, document);
        }
        for entry in record.crdt.iter().filter(|entry| entry.value.is_none()) {
            if let Some(root) = Root::of(&entry.key).filter(|root| *entry.key == root.state_key()) {
                self.known.remove(&root);
            }
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
        self.news.lose();
        self.commits.lose();
    }

    /// How many commits there were.
    pub(crate) fn commit_count(&self) -> u64 {
        self.commits.count()
    }

    /// The rows that were saved since there were so many commits, by the parts of their keys; nothing, if that is not known.
    pub(crate) fn rows_since(&self, commit_count: u64) -> Option<impl Iterator<Item = &RowPart>> {
        self.commits.since(commit_count)
    }
}

impl Document {
    fn of(state: DocumentState) -> Self {
        Document { state, actors: Rc::default(), own: None, steps: Steps::default() }
    }

    /// The rows that were written to since it had these heads and actors, if that is known, and if changes that lie one after
    /// another can be added as if it still had them.
    pub(crate) fn rows_since(
        &self,
        (heads, actors): (&[ChangeHash], u32),
        after: &DocumentState,
        chunks: &[u8],
    ) -> Option<Vec<&RowPart>> {
        if self.state.actor_count != actors {
            return None;
        }
        if self.state.heads == heads {
            return Some(Vec::new());
        }
        let is_known = |name: &String| after.tables.contains_key(name);
        if !self.state.tables.keys().all(is_known) {
            return None;
        }
        Some(self.steps.since(heads, chunks)?.collect())
    }

    /// Whether a mutation that changes these rows adds nothing to it but a change: no table, and no actor.
    pub(crate) fn takes_a_change_of(&self, schema: &Schema, rows: &[SyncedChange]) -> bool {
        let has_table = |change: &SyncedChange| {
            schema.table_by_id(change.table).is_some_and(|table| self.state.tables.contains_key(&table.name))
        };
        self.own.is_some() && rows.iter().all(has_table)
    }
}

/// In whose document a row lies. `None` where the field that says so has no id.
pub(crate) fn home(schema: &Schema, table: &Table, id: RowId, document: &[u8]) -> Option<Root> {
    match &table.placement.as_ref()?.home {
        Home::Root => Some(Root { table: table.id, id }),
        Home::Workspace => Some(keyspace::WORKSPACE),
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

    /// Lets rows that a transaction writes belong to others that are not there.
    pub(crate) fn let_dangle(&mut self, id: TransactionId, dangling: Dangling) {
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.dangling = dangling;
        }
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
            return Err(not_within(placement, table, "be an id"));
        }
        let generation = self.generation();
        for root in [before, after].into_iter().flatten() {
            let found = self.load_document(root);
            let is_there = found.map_err(|error| self.obstacle(error, generation, table.id))?;
            // Where it lies already it may stay: a project that was deleted may have tasks.
            let is_moving_in = Some(root) == after && before != after;
            let may_dangle = match self.transactions[id].dangling {
                Dangling::Nowhere => false,
                Dangling::InDocuments => is_there,
                Dangling::Anywhere => true,
            };
            if may_dangle || !is_moving_in || !matches!(placement.home, Home::Within { .. }) {
                continue;
            }
            // A document that is not saved yet will be there when this is: its root is written before.
            if self.read_row(id, root.table, root.id)?.is_none() {
                return Err(not_within(placement, table, "name an existing document"));
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
        let stored = bases.stored_row();
        let hidden_in = stored.as_ref().and_then(|stored| Some(stored.hidden.as_ref()?.root));
        if let Some(root) = hidden_in {
            let found = self.load_document(root);
            found.map_err(|error| self.obstacle(error, generation, table.id))?;
        }
        let is_move = before != after || hidden_in.is_some_and(|root| Some(root) != after);
        if let Some(root) = after.filter(|root| is_move && bases.remains.iter().all(|(known, _)| known != root)) {
            let base = read(self, &keyspace::remains_key(table.id, &row, &root))?;
            bases.remains.push((root, base));
        }
        if stored.is_some_and(|stored| stored.has_duplicates) {
            // Whoever says where it lies, or deletes it, says so of all of them.
            for (key, _) in self.crdt_entries(&keyspace::remains_prefix(table.id, &row), table.id)? {
                let Some(root) = keyspace::remains_root(&key) else { continue };
                if bases.remains.iter().all(|(known, _)| *known != root) {
                    let found = self.load_document(root);
                    found.map_err(|error| self.obstacle(error, generation, table.id))?;
                    bases.remains.push((
                        root,
                        self.base_of(&key, is_unsaved).map_err(|error| self.obstacle(error, generation, table.id))?,
                    ));
                }
            }
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
            Some(StoredRow { hidden: Some(hidden), .. }) => Some(hidden.creation_time),
            Some(StoredRow { hidden: None, .. }) | None => queued(),
        }
    }

    /// Makes the changes of the first mutations of the queue, which go out as the record of this number.
    pub(super) fn draft_changes(&mut self, count: usize, sequence: u64) -> (Vec<CrdtEntry>, Vec<(Root, Document)>) {
        if !IS_BUILT_IN || self.queue.iter().take(count).all(Pending::is_without_crdt) {
            return (Vec::new(), Vec::new());
        }
        let mut drafts = Drafts::new(&self.documents.known, &self.committed, &mut self.random, self.now_ms);
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
            "The field \"{field}\" of a document of table \"{}\" must {wanted} of table \"{root}\", together with which it is synced.",
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
    Ok(Some(Document { state: known, actors: Rc::new(actors), own: None, steps: Steps::default() }))
}
