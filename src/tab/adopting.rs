//! Tables that become synced, or are no longer: their rows get stamps and documents, or lose them, some at a time. Whoever
//! opens the database goes on with it.

use super::merging::{MergeDraft, MergedKey};
use super::synced::{Bases, Before, SyncedChange, home};
use super::transaction::Obstacle;
use super::{Tab, TransactionId};
use crate::bytes::Bytes;
use crate::keyspace::{self, TableId};
use crate::schema::{Home, Table};
use crate::store::Direction;

/// What a transaction does of it.
#[derive(Default)]
pub(crate) struct Adoption {
    /// Rows that have no stamps yet.
    pub(crate) rows: Vec<SyncedChange>,
    /// Tables all of whose rows have some.
    pub(crate) adopted: Vec<TableId>,
}

/// So many rows get stamps in one commit, so many are looked at for that, and so many keys are deleted in one.
const ROWS: usize = 500;
const ROWS_SEEN: usize = 2_000;
const KEYS: usize = 2_000;

impl Tab {
    /// Gives rows of tables that have become synced their documents. Answers whether there is more to do, if there was
    /// anything.
    pub(crate) fn adopt_rows(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        self.transaction(id)?;
        let schema = self.transactions[id].state.schema.clone();
        let mut adoption = Adoption::default();
        let mut reached = self.adopting.clone();
        let mut seen = 0;
        let mut is_waiting = false;
        for table in schema.tables().iter().filter(|table| table.declared && table.placement.is_some()) {
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
                let Some(root) = root.filter(|_| stamps.is_none()) else {
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
                let found = self.load_document(root);
                found.map_err(|error| self.obstacle(error, generation, table.id))?;
                let (before, after) = (None, Some(document));
                let (bases, settled) = (Bases::default(), Vec::new());
                adoption.rows.push(SyncedChange { table: table.id, place, before, after, bases, settled });
            }
            if seen >= ROWS_SEEN || adoption.rows.len() >= ROWS {
                break;
            }
        }
        if seen == 0 && adoption.adopted.is_empty() {
            return Ok(None);
        }
        self.adopting = reached;
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
        if rows.is_empty() {
            return Ok(None);
        }
        let has_more = rows.len() >= KEYS;
        let draft = MergeDraft::of(rows, self);
        self.transaction(id)?.begin_merge(draft);
        Ok(Some(has_more))
    }

    /// What is stored under a key that only documents need.
    pub(crate) fn crdt_entry(&mut self, key: &[u8], table: TableId) -> Result<Option<Bytes>, Obstacle> {
        let generation = self.generation();
        let found = self.committed.view.get(&mut self.cache, key);
        found.map_err(|error| self.obstacle(error, generation, table))
    }
}
