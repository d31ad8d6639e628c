//! Saving what others have changed: a commit like any other, of rows that the docs worker has read out of a document.
//!
//! A merge stands on the document as the worker knew it. If the page has written to the document since, or another tab
//! has, it is made again.

use super::synced::{Bases, home};
use super::transaction::{Obstacle, Row};
use super::{Tab, TransactionId};
use crate::bytes::Bytes;
use crate::crdt::{ActorId, ChangeHash, DocumentState, HiddenRow, Merge, MergedRow, StoredRow, TouchedRow, Why};
use crate::document::{self, Document, Purpose};
use crate::keyspace::{self, Place, Root, RowId};
use crate::schema::{Schema, Table};
use crate::store::ReadError;
use crate::value::Value;

/// What a merge writes beside the rows that readers see.
pub(crate) struct MergeDraft {
    pub(crate) root: Root,
    pub(crate) rows: Vec<MergedKey>,
    pub(crate) state: DocumentState,
    pub(crate) actors: Vec<ActorId>,
    pub(crate) chunks: Vec<u8>,
    base: (Vec<ChangeHash>, u32),
    /// Whether another tab has written to the document since.
    pub(crate) is_outdated: bool,
}

/// What is stored under a key after a merge.
pub(crate) struct MergedKey {
    pub(crate) key: Vec<u8>,
    pub(crate) stored: Bytes,
    pub(crate) is_new: bool,
}

impl Tab {
    /// Writes a merge in a transaction that does nothing else. What lacks pages is called again when they are there.
    /// [`Obstacle::Stale`]: the document is another one now, and the merge has to be made again.
    pub(crate) fn merge(&mut self, id: TransactionId, root: Root, merge: &Merge) -> Result<(), Obstacle> {
        self.transaction(id)?;
        let generation = self.generation();
        let found = self.load_document(root);
        found.map_err(|error| self.obstacle(error, generation, root.table))?;
        let draft = MergeDraft {
            root,
            rows: Vec::new(),
            state: merge.state.clone(),
            actors: merge.actors.clone(),
            chunks: merge.chunks.clone(),
            base: (merge.base_heads.clone(), merge.base_actors),
            is_outdated: false,
        };
        if !self.stands(&draft) {
            return Err(Obstacle::Stale);
        }
        self.transaction(id)?.begin_merge(draft);
        for touched in &merge.rows {
            self.merge_row(id, root, touched)?;
        }
        Ok(())
    }

    /// Whether the document is as it was when a merge was made, and nothing waits to change it.
    pub(crate) fn stands(&self, draft: &MergeDraft) -> bool {
        let (heads, actors) = &draft.base;
        let is_known = match self.documents.state(&draft.root) {
            Some(state) => state.heads == *heads && state.actor_count == *actors,
            None => heads.is_empty(),
        };
        is_known && !self.queue.iter().any(|pending| pending.writes_to(&draft.root))
    }

    fn merge_row(&mut self, id: TransactionId, root: Root, touched: &TouchedRow) -> Result<(), Obstacle> {
        let schema = self.transactions[id].state.schema.clone();
        let Some(merged) = &touched.row else { return Ok(()) };
        let Some(table) = schema.table(&touched.table).filter(|table| table.placement.is_some()) else {
            return Ok(()); // of a newer version of the app: it stays in the document
        };
        let Some((number, row)) = crate::id::decode(&touched.id_text) else { return Ok(()) };
        if schema.table_by_number(number).is_none_or(|known| known.id != table.id) {
            return Ok(());
        }
        let shown = self.read_row(id, table.id, row)?;
        let key = keyspace::stamps_key(table.id, &row).to_vec();
        let stored = self.stored(&key, table)?;
        let bytes = document::encode(&Value::Object(merged.fields.clone()), &schema.names);
        let stamps = merged.stamps.encode();
        let is_deleted = merged.stamps.deleted.is_some();
        let owner = match &stored {
            None => Some(root),
            Some(StoredRow::Shown { .. }) => shown.as_ref().and_then(|row_| home(&schema, table, row, &row_.document)),
            Some(StoredRow::Hidden(hidden)) => Some(hidden.root),
        };
        if owner != Some(root) {
            // A copy shadows the original only if that says so.
            let why = if is_deleted { Why::Deleted } else { Why::Duplicate };
            let key = keyspace::remains_key(table.id, &row, &root);
            let is_new = self.stored(&key, table)?.is_none();
            let time = merged.creation_time;
            self.note_merged(id, key, is_new, HiddenRow::encode(why, root, time, &bytes, &stamps));
            return Ok(());
        }
        let creation_time = match (&shown, &stored) {
            (Some(row), _) => row.place.creation_time,
            (None, Some(StoredRow::Hidden(hidden))) => hidden.creation_time,
            _ => merged.creation_time,
        };
        let why = if is_deleted {
            Some(Why::Deleted)
        } else if home(&schema, table, row, &bytes) == Some(root) && fits(&schema, table, &bytes, merged) {
            None
        } else {
            Some(Why::Misfit)
        };
        let place = Place { creation_time, id: row };
        let value = match why {
            None => StoredRow::shown(&stamps),
            Some(why) => HiddenRow::encode(why, root, creation_time, &bytes, &stamps),
        };
        self.note_merged(id, key, stored.is_none(), value);
        self.show_merged(id, &schema, table, place, shown, why.is_none().then(|| Bytes::new(bytes)));
        Ok(())
    }

    fn note_merged(&mut self, id: TransactionId, key: Vec<u8>, is_new: bool, stored: Vec<u8>) {
        let transaction = self.transactions.get_mut(id).expect("it was there");
        if let Some(draft) = &mut transaction.merge {
            draft.rows.push(MergedKey { key, stored: Bytes::new(stored), is_new });
        }
    }

    fn show_merged(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        table: &Table,
        place: Place,
        shown: Option<Row>,
        after: Option<Bytes>,
    ) {
        let shown = shown.map(|row| row.document);
        if shown == after {
            return;
        }
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let before = match &shown {
            Some(document) => transaction.before(table.id, place.id, document),
            None => transaction.changed(table.id, &place.id).and_then(|changed| changed.before.clone()),
        };
        transaction.write(schema, table, place, before, [shown, after], false, Bases::default());
    }

    /// What is stored of a synced row.
    fn stored(&mut self, key: &[u8], table: &Table) -> Result<Option<StoredRow>, Obstacle> {
        let generation = self.generation();
        let stored: Result<_, ReadError> = self.committed.view.get(&mut self.cache, key);
        let stored = stored.map_err(|error| self.obstacle(error, generation, table.id))?;
        Ok(stored.and_then(|stored| StoredRow::decode(&stored).ok()))
    }
}

/// Whether a row that came from elsewhere is one of its table.
fn fits(schema: &Schema, table: &Table, bytes: &[u8], merged: &MergedRow) -> bool {
    let mut copy = bytes.to_vec();
    merged.creation_time > 0.0
        && merged.creation_time.is_finite()
        && document::canonicalize(&mut copy, &schema.names, Purpose::Insert).is_ok()
        && schema.check(table, &Document::new(bytes)).is_ok()
}

/// Whether a waiting mutation is about a row.
pub(crate) fn is_about(draft: &MergeDraft, table: keyspace::TableId, row: RowId) -> bool {
    let key = keyspace::stamps_key(table, &row);
    draft.rows.iter().any(|merged| merged.key[1..].starts_with(&key[1..]))
}
