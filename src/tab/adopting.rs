//! Tables that become synced, or are no longer: their rows get stamps and documents, or lose them, some at a time. Whoever
//! opens the database goes on with it.
//!
//! A table that is synced no longer leaves first what it had: until nothing is left, it is local, whatever the schema says
//! next, so that nothing of that time is taken for what was written since. One that becomes synced waits until all that
//! documents have of it was read, since the ids of its rows may be there already.

use super::merging::{MergeDraft, MergedKey};
use super::synced::{Bases, Before, SyncedChange, home};
use super::transaction::Obstacle;
use super::{Tab, TransactionId};
use crate::bytes::Bytes;
use crate::crdt::{DocumentState, StoredRow};
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Root, RowId, TableId};
use crate::schema::{Home, Moving, Schema, Table};
use crate::store::Direction;

/// What a transaction does of it.
#[derive(Default)]
pub(crate) struct Adoption {
    /// Rows that have no stamps yet.
    pub(crate) rows: Vec<SyncedChange>,
    /// Tables all of whose rows have some.
    pub(crate) adopted: Vec<TableId>,
    /// What becomes of tables that are on their way.
    pub(crate) step: Option<MovingStep>,
}

/// How far a tab has looked for rows without stamps.
#[derive(Default)]
pub(crate) struct Adopting {
    /// The version of the schema by which it has: with another one tables may have been local meanwhile.
    version: u64,
    /// By tables, the first key that is to be looked at.
    reached: FlatMap<TableId, Vec<u8>>,
    /// The record of the log that the last look stood on, and what was found to be adopted.
    last: Option<(u64, usize)>,
}

/// An end of a way into documents, or out of them.
pub(crate) enum MovingStep {
    /// Nothing is left of what tables had.
    Departed,
    /// All that documents have of these tables was read.
    Arrived(Vec<TableId>),
}

impl MovingStep {
    /// The schema after it.
    pub(crate) fn apply(&self, schema: &Schema) -> Schema {
        match self {
            MovingStep::Departed => schema.departed(),
            MovingStep::Arrived(tables) => schema.arrived(tables),
        }
    }
}

/// So many rows get stamps in one commit, so many are looked at for that, and so many keys are deleted in one.
const ROWS: usize = 500;
const ROWS_SEEN: usize = 2_000;
const KEYS: usize = 2_000;
/// Of so many documents it is written down that their rows of a table are not those that are here.
const DOCUMENTS: usize = 500;

impl Tab {
    /// Brings what is stored of rows into line with the schema, a piece at a time. Answers whether there is more to do.
    pub(crate) fn settle_tables(&mut self, id: TransactionId) -> Result<bool, Obstacle> {
        for settle in [Tab::await_schema, Tab::drop_stamps, Tab::arrive, Tab::adopt_rows, Tab::judge_rows] {
            if settle(self, id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits until the schema that the transaction sees is saved, if it is not: others may write by the one before until then,
    /// and what they write would not be looked at.
    pub(crate) fn await_schema(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        let saved = self.committed.schema.version;
        let transaction = self.transaction(id)?;
        if transaction.state.schema.version == saved {
            return Ok(None);
        }
        // Who has read anything of what is not saved waits for that.
        transaction.reads.add_id(keyspace::stamps_key(TableId(0), &RowId([0; 16])));
        transaction.adoption = Some(Adoption::default());
        Ok(Some(true))
    }

    /// Gives rows of tables that have become synced their documents. Answers whether there is more to do, if there was
    /// anything.
    pub(crate) fn adopt_rows(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        self.transaction(id)?;
        let schema = self.transactions[id].state.schema.clone();
        let mut adoption = Adoption::default();
        if self.adopting.version != schema.version {
            self.adopting = Adopting { version: schema.version, ..Adopting::default() };
        }
        let mut reached = self.adopting.reached.clone();
        let mut seen = 0;
        let mut is_waiting = false;
        for table in schema.tables().iter().filter(|table| is_placed(table)) {
            if self.crdt_entry(&keyspace::adopted_key(table.id), table.id)?.is_some() {
                continue;
            }
            let prefix = keyspace::row_prefix(table.id);
            let start = reached.get(&table.id).cloned().unwrap_or(prefix.to_vec());
            let end = keyspace::after_prefix(&prefix);
            let generation = self.generation();
            let mut scan = self.committed.view.scan(&start, end.as_deref(), Direction::Ascending, 64);
            // Where to go on: at the first that has none, since this commit may come to nothing.
            let mut first_without = None;
            loop {
                if seen >= ROWS_SEEN || adoption.rows.len() >= ROWS {
                    break;
                }
                let next = scan.next(&mut self.cache).map(|item| item.map(|item| (item.key.to_vec(), item.keep())));
                let next = next.map_err(|error| self.obstacle(error, generation, table.id))?;
                let Some((key, document)) = next else {
                    if !is_waiting {
                        adoption.adopted.push(table.id);
                    }
                    break;
                };
                seen += 1;
                let Some(place) = keyspace::place_of(&key) else { continue };
                let root = home(&schema, table, place.id, &document);
                let stamps = self.crdt_entry(&keyspace::stamps_key(table.id, &place.id), table.id)?;
                let stored = stamps.as_ref().and_then(|stamps| StoredRow::decode(stamps).ok());
                // What a document says of a row of this id, which is to meet it.
                let hidden = stored.as_ref().and_then(|stored| stored.hidden.as_ref());
                let Some(root) = root.filter(|_| stamps.is_none() || hidden.is_some()) else {
                    if first_without.is_none() {
                        reached.insert(table.id, key);
                    }
                    continue;
                };
                first_without.get_or_insert(key);
                // If others change it meanwhile, it is looked at again.
                self.read_row(id, table.id, place.id)?;
                if self.is_unsaved(table.id, place.id) {
                    // It gets stamps when that is saved, if it is.
                    is_waiting = true;
                    continue;
                }
                let from = hidden.map(|hidden| hidden.root).filter(|from| *from != root);
                for root in [root].into_iter().chain(from) {
                    let found = self.load_document(root);
                    found.map_err(|error| self.obstacle(error, generation, table.id))?;
                }
                let remains = match from {
                    Some(_) => {
                        Some((root, self.crdt_entry(&keyspace::remains_key(table.id, &place.id, &root), table.id)?))
                    }
                    None => None,
                };
                let (before, after) = (None, Some(document));
                let (bases, settled) = (Bases::stored(stamps, remains), Vec::new());
                adoption.rows.push(SyncedChange { table: table.id, place, before, after, bases, settled });
            }
            if seen >= ROWS_SEEN || adoption.rows.len() >= ROWS {
                break;
            }
        }
        if seen == 0 && adoption.adopted.is_empty() {
            return Ok(None);
        }
        // What could not be written the last time can't be now, if nothing else was saved since: it waits for that.
        let look = Some((self.sequence, adoption.rows.len()));
        let is_same = self.adopting.last == look && self.adopting.reached == reached;
        let is_again = self.transaction(id)?.reruns > 0;
        let is_stuck = is_same && !is_again && adoption.adopted.is_empty();
        self.adopting.reached = reached;
        self.adopting.last = look;
        if is_stuck {
            return Ok(None);
        }
        self.transaction(id)?.adoption = Some(adoption);
        Ok(Some(true))
    }

    /// Deletes what only documents need of tables that are no longer synced. Answers whether there is more to do, if there
    /// was anything.
    pub(crate) fn drop_stamps(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        self.transaction(id)?;
        let schema = self.transactions[id].state.schema.clone();
        let mut rows = Vec::new();
        let is_own =
            |table: &Table| table.placement.as_ref().is_some_and(|placement| placement.home == Home::Workspace);
        let has_workspace = schema.tables().iter().any(is_own);
        let local = schema.tables().iter().filter(|table| table.placement.is_none()).map(|table| table.id);
        for table in local.chain((!has_workspace).then_some(keyspace::WORKSPACE.table)) {
            for prefix in keyspace::crdt_prefixes(table) {
                if rows.len() >= KEYS {
                    break;
                }
                let found = self.first_crdt_entries(&prefix, table, KEYS - rows.len())?;
                rows.extend(found.into_iter().map(|(key, _)| MergedKey {
                    key,
                    stored: None,
                    before: Before { is_new: false, is_noted: false },
                }));
            }
        }
        if !rows.is_empty() {
            let draft = MergeDraft::of(rows, self);
            self.transaction(id)?.begin_merge(draft);
            return Ok(Some(true));
        }
        let is_leaving = |table: &&Table| matches!(table.moving, Some(Moving::Leaving(_)));
        let names: Vec<&str> = schema.tables().iter().filter(is_leaving).map(|table| table.name.as_str()).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let mut left = self.documents_of(&names, true)?;
        left.truncate(DOCUMENTS);
        if left.is_empty() {
            self.transaction(id)?.adoption = Some(Adoption { step: Some(MovingStep::Departed), ..Adoption::default() });
            return Ok(Some(true));
        }
        let generation = self.generation();
        for (root, _) in &left {
            let found = self.load_document(*root);
            found.map_err(|error| self.obstacle(error, generation, root.table))?;
        }
        let mut draft = MergeDraft::of(Vec::new(), self);
        draft.left = left;
        self.transaction(id)?.begin_merge(draft);
        Ok(Some(true))
    }

    /// Lets tables be synced whose rows in documents were all read. Answers whether there was such a one; while the docs
    /// worker has to read some, there is nothing to do here.
    pub(crate) fn arrive(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        self.transaction(id)?;
        let schema = self.transactions[id].state.schema.clone();
        // One that the app does not name waits until it does: nobody reads its rows.
        let is_arriving = |table: &&Table| table.declared && table.moving == Some(Moving::Arriving);
        let arriving = || schema.tables().iter().filter(is_arriving);
        let names: Vec<&str> = arriving().map(|table| table.name.as_str()).collect();
        if names.is_empty() {
            return Ok(None);
        }
        let unread = self.documents_of(&names, false)?;
        let is_unread = |table: &&Table| unread.iter().any(|(_, names)| names.contains(&table.name));
        let ready: Vec<TableId> = arriving().filter(|table| !is_unread(table)).map(|table| table.id).collect();
        if ready.is_empty() {
            return Ok(None);
        }
        self.transaction(id)?.adoption =
            Some(Adoption { step: Some(MovingStep::Arrived(ready)), ..Adoption::default() });
        Ok(Some(true))
    }

    /// The documents that have rows of some tables, which are those here or are not, and of which.
    fn documents_of(&mut self, names: &[&str], is_taken: bool) -> Result<Vec<(Root, Vec<String>)>, Obstacle> {
        let mut found = Vec::new();
        for (key, value) in self.crdt_entries(keyspace::STATES_PREFIX, TableId(0))? {
            let (Some(root), Ok(state)) = (Root::of(&key), DocumentState::decode(&value)) else { continue };
            let is_meant = |name: &&String| {
                names.contains(&name.as_str()) && state.tables.get(*name).is_some_and(|map| map.is_taken == is_taken)
            };
            let tables: Vec<String> = state.tables.keys().filter(is_meant).cloned().collect();
            if !tables.is_empty() {
                found.push((root, tables));
            }
        }
        Ok(found)
    }

    /// What is stored under a key that only documents need.
    pub(crate) fn crdt_entry(&mut self, key: &[u8], table: TableId) -> Result<Option<Bytes>, Obstacle> {
        let generation = self.generation();
        let found = self.committed.view.get(&mut self.cache, key);
        found.map_err(|error| self.obstacle(error, generation, table))
    }
}

/// Whether rows of a table are to have stamps.
fn is_placed(table: &Table) -> bool {
    table.declared && table.placement.is_some() && table.moving.is_none()
}
