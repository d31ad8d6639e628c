//! Leaving a document: it goes from this device, with the rows that lie in it, in one commit. To others that is nothing: they keep
//! both, and who gets the document again has all of it again.

use super::merging::{MergeDraft, MergedKey};
use super::synced::{Before, home};
use super::transaction::Obstacle;
use super::{Tab, TransactionId};
use crate::crdt::{ChangeHash, StoredRow};
use crate::keyspace::{self, Kind, Root, RowId, TableId};
use crate::schema::{Schema, Table};

/// How far a transaction is with it.
pub(crate) struct Leaving {
    root: Root,
    /// What the keys that were not looked at begin with, with their tables, the next one last; and how far that one is.
    prefixes: Vec<([u8; 5], TableId)>,
    reached: Vec<u8>,
    /// Rows of which the document says something, and that are not settled.
    rows: Vec<(TableId, RowId)>,
}

/// The document that is left, as it was when that was begun.
pub(crate) struct Left {
    pub(crate) root: Root,
    pub(crate) heads: Vec<ChangeHash>,
}

/// So many keys are looked at, or rows settled, before others have their turn.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 128 };

impl Tab {
    /// Begins to leave the document of a row, in a transaction that does nothing else; [`Tab::leave_more`] does the rest.
    /// Answers whether there is one.
    pub(crate) fn begin_to_leave(&mut self, id: TransactionId, root: Root) -> Result<bool, Obstacle> {
        self.transaction(id)?;
        let generation = self.generation();
        let found = self.load_document(root);
        if !found.map_err(|error| self.obstacle(error, generation, root.table))? {
            return Ok(false);
        }
        let Some(state) = self.documents.state(&root) else { return Ok(false) };
        let left = Left { root, heads: state.heads.clone() };
        let schema = self.transactions[id].state.schema.clone();
        let placed = schema.tables().iter().filter(|table| table.placement.is_some());
        let mut prefixes = Vec::new();
        for table in placed {
            let [_, stamps, remains, ..] = keyspace::crdt_prefixes(table.id);
            prefixes.extend([(stamps, table.id), (remains, table.id)]);
        }
        let leaving = Leaving { root, prefixes, reached: Vec::new(), rows: Vec::new() };
        let mut draft = MergeDraft::of(Vec::new(), self);
        draft.left_document = Some(left);
        draft.leaving = Some(leaving);
        self.transaction(id)?.begin_merge(draft);
        Ok(true)
    }

    /// Does more of it. Answers whether there is more to do.
    pub(crate) fn leave_more(&mut self, id: TransactionId) -> Result<bool, Obstacle> {
        let transaction = self.transaction(id)?;
        let schema = transaction.state.schema.clone();
        let Some(mut leaving) = transaction.merge.as_mut().and_then(|draft| draft.leaving.take()) else {
            return Ok(false);
        };
        let done = self.leave_some(id, &schema, &mut leaving);
        let is_over = matches!(done, Ok(true));
        if !is_over && let Some(draft) = &mut self.transaction(id)?.merge {
            draft.leaving = Some(leaving);
        }
        done?;
        let stands = self.transactions[id].merge.as_ref().is_none_or(|draft| self.stands(draft));
        if stands { Ok(!is_over) } else { Err(Obstacle::Stale) }
    }

    /// Answers whether all is done.
    fn leave_some(&mut self, id: TransactionId, schema: &Schema, leaving: &mut Leaving) -> Result<bool, Obstacle> {
        if let Some(&(prefix, table)) = leaving.prefixes.last() {
            self.look_for_rows(id, schema, leaving, &prefix, table)?;
            return Ok(false);
        }
        for _ in 0..AT_ONCE {
            let Some(&(table, row)) = leaving.rows.last() else { break };
            if let Some(table) = schema.table_by_id(table) {
                self.settle_row_without(id, schema, (table, row), leaving.root)?;
            }
            leaving.rows.pop();
        }
        if !leaving.rows.is_empty() {
            return Ok(false);
        }
        let root = leaving.root;
        let mut keys = vec![root.state_key().to_vec()];
        for prefix in [root.actors_prefix(), root.changes_prefix(), root.long_prefix()] {
            keys.extend(self.crdt_entries(&prefix, root.table)?.into_iter().map(|(key, _)| key));
        }
        let before = Before { is_new: false, is_noted: false };
        let keys = keys.into_iter().map(|key| MergedKey { key, stored: None, before });
        if let Some(draft) = &mut self.transaction(id)?.merge {
            draft.rows.extend(keys);
        }
        Ok(true)
    }

    /// Looks through some more of what is stored of rows.
    fn look_for_rows(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        leaving: &mut Leaving,
        prefix: &[u8],
        table: TableId,
    ) -> Result<(), Obstacle> {
        let start = if leaving.reached.is_empty() { prefix.to_vec() } else { leaving.reached.clone() };
        let found = self.crdt_entries_from(prefix, &start, table, AT_ONCE)?;
        for (key, stored) in &found {
            let (Some(row), Some(definition)) = (key.get(..21).and_then(keyspace::id_of), schema.table_by_id(table))
            else {
                continue;
            };
            let root = match keyspace::kind(key) {
                // A document says one thing of a row: it is here or there.
                Some(Kind::Remains(_)) => keyspace::remains_root(key),
                _ => match StoredRow::decode(stored) {
                    Ok(StoredRow { hidden: Some(hidden), .. }) => Some(hidden.root),
                    Ok(_) => self.home_of_row(id, schema, definition, row)?,
                    // What is damaged is told by `verify`.
                    Err(_) => None,
                },
            };
            if root == Some(leaving.root) {
                leaving.rows.push((table, row));
            }
        }
        match found.last() {
            // The next key is the one behind it.
            Some((last, _)) if found.len() == AT_ONCE => leaving.reached = [&last[..], &[0]].concat(),
            _ => {
                leaving.prefixes.pop();
                leaving.reached.clear();
            }
        }
        Ok(())
    }

    fn home_of_row(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        table: &Table,
        row: RowId,
    ) -> Result<Option<Root>, Obstacle> {
        let shown = self.read_row(id, table.id, row)?;
        Ok(shown.and_then(|shown| home(schema, table, row, &shown.document)))
    }
}
