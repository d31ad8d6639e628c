//! Saving what others have changed: a commit like any other, of rows that the docs worker has read out of a document.
//!
//! A merge stands on the document as the worker knew it. If the page has written to the document since, or another tab
//! has, it is still saved where that was about other rows, as the next changes beside those that came; or else made again.

pub(super) mod copy;

use copy::{Copy, StoredCopy, refused, root_of};
pub(super) use copy::{fits, knows, with_floats};

use super::leaving::{Leaving, Left};
use super::synced::{Bases, Before, SyncedChange};
use super::transaction::{Obstacle, Row};
use super::{Tab, TransactionId};
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{self, ActorId, ChangeHash, DocumentState, Merge, StoredRow, TouchedRow, TouchedRows, Why};
use crate::id;
use crate::keyspace::{self, Place, Root, RowId, TableId};
use crate::schema::{Schema, Table};
use crate::store::{Direction, ReadError};

/// What a merge writes beside the rows that readers see.
pub(crate) struct MergeDraft {
    /// Rows that have come and are not settled yet.
    incoming: Option<Incoming>,
    pub(crate) rows: Vec<MergedKey>,
    /// What has come for a document; nothing, if rows are judged anew by another schema.
    pub(crate) document: Option<MergedDocument>,
    /// What is to be found and settled yet of a document that is left, and that document.
    pub(crate) leaving: Option<Leaving>,
    pub(crate) left_document: Option<Left>,
    /// Documents whose rows of some tables are not those that are here any more.
    pub(crate) left: Vec<(Root, Vec<String>)>,
    /// Whether another tab has written to the document since, or to one of the rows.
    pub(crate) is_outdated: bool,
    /// How many commits there had been when it was begun.
    commit_count: u64,
}

/// Rows that have come.
struct Incoming {
    rows: TouchedRows,
    /// Those that have to wait for pages.
    postponed: Vec<TouchedRow>,
}

/// A document after a merge.
pub(crate) struct MergedDocument {
    pub(crate) root: Root,
    pub(crate) state: DocumentState,
    pub(crate) actors: Vec<ActorId>,
    pub(crate) chunks: Vec<u8>,
    base: (Vec<ChangeHash>, u32),
}

/// What is stored under a key after a merge.
pub(crate) struct MergedKey {
    pub(crate) key: Vec<u8>,
    pub(crate) stored: Option<Bytes>,
    pub(crate) before: Before,
}

/// So many rows are judged anew in one commit.
const ROWS_JUDGED: usize = 500;

/// So many rows of a merge are settled before others have their turn: some milliseconds.
const ROWS_AT_ONCE: usize = if cfg!(test) { 3 } else { 64 };

impl Tab {
    /// Begins to write a merge in a transaction that does nothing else; [`Tab::merge_more`] does the rest. Without a root it
    /// is that of the row that the document names. [`Obstacle::Stale`]: the document is another one now, and the merge has to
    /// be made again.
    pub(crate) fn begin_merge(
        &mut self,
        id: TransactionId,
        root: Option<Root>,
        message: Vec<u8>,
    ) -> Result<Root, Obstacle> {
        self.transaction(id)?;
        let (merge, rows) = Merge::begin(message).map_err(unreadable)?;
        let schema = self.transactions[id].state.schema.clone();
        let root = match root {
            Some(root) => root,
            None => root_of(&schema, merge.root.as_deref())?,
        };
        let generation = self.generation();
        let found = self.load_document(root);
        found.map_err(|error| self.obstacle(error, generation, root.table))?;
        let known = self.documents.state(&root);
        if known.is_some_and(|known| known.id != merge.state.id) {
            let name = schema.table_by_id(root.table).map_or("?", |table| &table.name);
            return Err(refused(format!(
                "It is about a document of \"{name}\" that is synced with another one already."
            )));
        }
        let mut state = merge.state;
        let mut taken = Vec::new();
        for (name, map) in state.tables.iter_mut() {
            let was_left_out = known.and_then(|known| known.tables.get(name)).is_some_and(|known| !known.is_taken);
            let is_all = merge.whole_tables.iter().any(|whole| whole == name);
            map.is_taken = is_synced(&schema, name) && (!was_left_out || is_all);
            taken.extend(schema.table(name).filter(|_| map.is_taken && was_left_out).map(|table| table.id));
        }
        let mut again = Vec::new();
        for table in taken {
            // Its rows may meet others of their ids: they are looked at again.
            let key = keyspace::adopted_key(table);
            if self.crdt_entry(&key, table)?.is_some() {
                let before = Before { is_new: false, is_noted: false };
                again.push(MergedKey { key: key.to_vec(), stored: None, before });
            }
        }
        let base = (merge.base_heads, merge.base_actors);
        let document = MergedDocument { root, state, actors: merge.actors, chunks: merge.chunks, base };
        let incoming = Some(Incoming { rows, postponed: Vec::new() });
        let draft = MergeDraft { incoming, document: Some(document), ..MergeDraft::of(again, self) };
        if !self.stands(&draft) {
            return Err(Obstacle::Stale);
        }
        self.transaction(id)?.begin_merge(draft);
        Ok(root)
    }

    /// Settles the next rows of a merge. Answers whether there are more.
    pub(crate) fn merge_more(&mut self, id: TransactionId) -> Result<bool, Obstacle> {
        let transaction = self.transaction(id)?;
        let schema = transaction.state.schema.clone();
        let Some(draft) = &mut transaction.merge else { return Ok(false) };
        let Some(mut incoming) = draft.incoming.take() else { return Ok(false) };
        let root = draft.document.as_ref().map(|merged| merged.root);
        let draft = self.transactions[id].merge.as_ref().expect("it is there");
        let Some(root) = root.filter(|_| self.stands(draft)) else { return Err(Obstacle::Stale) };
        let mut some = std::mem::take(&mut incoming.postponed);
        while some.len() < ROWS_AT_ONCE
            && let Some(touched) = incoming.rows.next().map_err(unreadable)?
        {
            some.push(touched);
        }
        let (mut missing, mut left) = (Vec::new(), Vec::new());
        for touched in some {
            // Others are of a newer version of the app: they stay in the document.
            let Some(table) = schema.table(&touched.table).filter(|table| table.placement.is_some()) else { continue };
            let Some((number, row)) = id::decode(&touched.id_text) else { continue };
            if schema.table_by_number(number).is_none_or(|known| known.id != table.id) {
                continue;
            }
            let copy = touched.row.as_ref().map(|merged| Copy::of(&schema, root, merged));
            match self.settle_row(id, &schema, table, row, Some((root, copy))) {
                // All that is lacking is asked for at once.
                Err(Obstacle::Missing(pages)) => {
                    missing.extend(pages);
                    left.push(touched);
                }
                settled => settled?,
            }
        }
        let has_more = !left.is_empty() || incoming.rows.len() > 0;
        incoming.postponed = left;
        if has_more && let Some(draft) = &mut self.transaction(id)?.merge {
            draft.incoming = Some(incoming);
        }
        if !missing.is_empty() {
            crate::sort::sort(&mut missing);
            missing.dedup();
            return Err(Obstacle::Missing(missing));
        }
        // What the last rows are about is in the way only now. To run again would not help: another merge has to be made.
        let stands = has_more || self.transactions[id].merge.as_ref().is_none_or(|draft| self.stands(draft));
        if stands { Ok(has_more) } else { Err(Obstacle::Stale) }
    }

    /// Judges rows anew that another schema has found to be misfits, or whose fields it did not know; some at a time. Answers
    /// whether there are more, if there are any.
    pub(crate) fn judge_rows(&mut self, id: TransactionId) -> Result<Option<bool>, Obstacle> {
        self.transaction(id)?;
        let schema = self.transactions[id].state.schema.clone();
        let rows = self.rows_of_another_schema(schema.version)?;
        let draft = MergeDraft::of(Vec::new(), self);
        if rows.is_empty() {
            return Ok(None);
        }
        self.transaction(id)?.begin_merge(draft);
        let mut left = rows.chunks(ROWS_JUDGED);
        for some in &mut left {
            for &(table, row) in some {
                if let Some(table) = schema.table_by_id(table).filter(|table| table.placement.is_some()) {
                    self.settle_row(id, &schema, table, row, None)?;
                }
            }
            // What can't be read stays as it is, in the way of no others; `verify` tells of it.
            if self.transaction(id)?.merge.as_ref().is_some_and(|draft| !draft.rows.is_empty()) {
                return Ok(Some(left.len() > 0));
            }
        }
        self.transaction(id)?.merge = None;
        Ok(None)
    }

    /// Judges some rows by a schema that is to come.
    pub(crate) fn judge_by(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        rows: impl Iterator<Item = (TableId, RowId)>,
    ) -> Result<(), Obstacle> {
        for (table, row) in rows {
            let Some(table) = schema.table_by_id(table) else { continue };
            self.settle_row(id, schema, table, row, None)?;
        }
        Ok(())
    }

    /// The rows of which something is noted that was judged by another version of the schema.
    fn rows_of_another_schema(&mut self, version: u64) -> Result<Vec<(TableId, RowId)>, Obstacle> {
        let mut rows: Vec<(TableId, RowId)> = Vec::new();
        for (key, judged_by) in self.crdt_entries(keyspace::NOTED_PREFIX, TableId(0))? {
            let (Some(keyspace::Kind::Noted(table)), Some(row)) =
                (keyspace::kind(&key), key.get(..21).and_then(keyspace::id_of))
            else {
                continue;
            };
            if !judged_by.is_empty() && *judged_by != version.to_be_bytes() && rows.last() != Some(&(table, row)) {
                rows.push((table, row));
            }
        }
        Ok(rows)
    }

    /// Whether all that a merge writes is as it was when it was made, and nothing waits to change it.
    pub(crate) fn stands(&self, draft: &MergeDraft) -> bool {
        let Some(mut saved) = self.documents.rows_since(draft.commit_count) else { return false };
        if saved.any(|row| draft.is_about(row)) {
            return false;
        }
        if let Some(Left { root, heads }) = &draft.left_document {
            let is_same = self.documents.state(root).is_some_and(|state| state.heads == *heads);
            return is_same && !self.queue.iter().any(|pending| pending.writes_to(root));
        }
        let Some(merged) = &draft.document else { return true };
        let MergedDocument { root, state, chunks, base: (heads, actors), .. } = merged;
        let Some(known) = self.documents.get(root) else {
            return heads.is_empty() && !self.queue.iter().any(|pending| pending.writes_to(root));
        };
        let Some(later) = known.rows_since((heads, *actors), state, chunks) else { return false };
        let mut waiting = self.queue.iter().filter(|pending| pending.writes_to(root)).peekable();
        #[cfg(test)]
        self.documents.late_merges.update(|count| count + usize::from(!later.is_empty() || waiting.peek().is_some()));
        !later.into_iter().any(|row| draft.is_about(row))
            && waiting.all(|pending| {
                let is_about =
                    |change: &SyncedChange| draft.is_about(&keyspace::stamps_key(change.table, &change.place.id)[1..]);
                pending.writes_rows_alone()
                    && known.takes_a_change_of(&pending.after.schema, &pending.synced)
                    && !pending.synced.iter().any(is_about)
            })
    }

    /// Finds out what a row is without what a document says of it.
    pub(crate) fn settle_row_without(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        (table, row): (&Table, RowId),
        root: Root,
    ) -> Result<(), Obstacle> {
        self.settle_row(id, schema, table, row, Some((root, None)))
    }

    /// Finds out which of a row's copies is the row, where one of them is another now, and writes what follows.
    #[inline(never)] // it is large, and some do it
    fn settle_row(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        table: &Table,
        row: RowId,
        incoming: Option<(Root, Option<Copy>)>,
    ) -> Result<(), Obstacle> {
        if self.is_unsaved(table.id, row) {
            // What is stored of it will be something else.
            return Err(Obstacle::Stale);
        }
        let shown = self.read_row(id, table.id, row)?;
        let stored = self.copies(schema, table, row, shown.as_ref())?;
        let own_key = keyspace::stamps_key(table.id, &row).to_vec();
        let incumbent = stored.iter().find(|known| known.key == own_key);
        let known_time = match (&shown, incumbent) {
            (Some(row), _) => Some(row.place.creation_time),
            (None, incumbent) => incumbent.map(|known| known.copy.creation_time).filter(|time| *time > 0.0),
        };
        // One that only this device has so far, or that is other than its document says, is to meet that.
        let is_apart = |known: &StoredCopy| StoredRow::decode(&known.bytes).is_ok_and(|stored| stored.hidden.is_some());
        let apart = shown.as_ref().filter(|_| incumbent.is_none_or(is_apart)).map(|row| row.document.clone());
        let incumbent_origin = incumbent.map(|known| known.copy.said.origin());
        let incumbent = incumbent.map(|known| known.copy.said.root);
        let mut former = Vec::with_capacity(stored.len());
        let mut copies = Vec::with_capacity(stored.len() + 1);
        let is_incoming = |root: Root| incoming.as_ref().is_some_and(|(changed, _)| *changed == root);
        for StoredCopy { key, bytes, copy } in stored {
            former.push((key, bytes));
            if !is_incoming(copy.said.root) {
                copies.push(copy);
            }
        }
        copies.extend(incoming.and_then(|(_, copy)| copy));
        let said: Vec<crdt::Copy> = copies.iter().map(|copy| copy.said.clone()).collect();
        let chosen = crdt::chosen(&said, incumbent);
        // A device keeps the time that it knew first, of the same row.
        let is_same = |place: usize| incumbent_origin.is_none_or(|origin| said[place].origin() == origin);
        let known_time = known_time.filter(|_| chosen.is_none_or(|chosen| is_same(chosen.place)));
        let is_kin = |place: usize, other: usize| place != other && said[place].origin() == said[other].origin();
        let is_double = |place: usize| (0..said.len()).any(|other| is_kin(place, other) && !said[other].is_gone());

        // What no document has stays.
        let mut after = apart.clone().filter(|_| chosen.is_none());
        let mut next: Vec<(Vec<u8>, Bytes)> = Vec::with_capacity(copies.len());
        let mut creation_time = known_time.unwrap_or_default();
        for (place, mut copy) in copies.into_iter().enumerate() {
            let root = copy.said.root;
            let Some(chosen) = chosen.filter(|chosen| chosen.place == place) else {
                let key = keyspace::remains_key(table.id, &row, &root);
                let why = if copy.said.is_gone() { Why::Deleted } else { Why::Duplicate };
                let (stored, _) = copy.store(schema, table, row, Some(why));
                next.push((key, Bytes::new(stored.encode())));
                continue;
            };
            copy.creation_time = known_time.unwrap_or(copy.creation_time);
            creation_time = copy.creation_time;
            let why = (!chosen.is_shown).then_some(Why::Deleted);
            let beside = apart.as_ref().map(|_| copy.beside(schema, table));
            // Where it has gone may not be read yet: what is shown goes after it.
            let has_left = !chosen.is_shown && copy.said.has_left;
            let (mut stored, mut document) = copy.store(schema, table, row, why);
            let said = document.as_ref().or(stored.hidden.as_ref().map(|hidden| &hidden.document));
            if let Some(apart) = apart.as_ref().filter(|apart| has_left || said != Some(apart))
                && let Some(beside) = beside
            {
                (stored, document) = (beside, Some(apart.clone()));
            }
            stored.has_duplicates = is_double(place);
            next.push((own_key.clone(), Bytes::new(stored.encode())));
            after = document;
        }
        self.note_merged(id, former, next);
        let place = Place { creation_time, id: row };
        self.show_merged(id, schema, table, place, shown, after);
        Ok(())
    }

    /// What documents say of a row, as it is stored.
    fn copies(
        &mut self,
        schema: &Schema,
        table: &Table,
        row: RowId,
        shown: Option<&Row>,
    ) -> Result<Vec<StoredCopy>, Obstacle> {
        let own_key = keyspace::stamps_key(table.id, &row);
        let mut found = self.crdt_entries(&keyspace::remains_prefix(table.id, &row), table.id)?;
        let generation = self.generation();
        let own: Result<_, ReadError> = self.committed.view.get(&mut self.cache, &own_key);
        let own = own.map_err(|error| self.obstacle(error, generation, table.id))?;
        found.extend(own.map(|own| (own_key.to_vec(), own)));
        let mut copies = Vec::with_capacity(found.len());
        for (key, bytes) in found {
            let root = keyspace::remains_root(&key);
            // What is damaged is told by `verify`; a merge makes it anew.
            let Some(copy) = Copy::read(schema, table, row, root, &bytes, shown) else { continue };
            copies.push(StoredCopy { key, bytes, copy });
        }
        Ok(copies)
    }

    /// What is stored under keys of a prefix that only documents need.
    pub(crate) fn crdt_entries(&mut self, prefix: &[u8], table: TableId) -> Result<Vec<(Vec<u8>, Bytes)>, Obstacle> {
        self.first_crdt_entries(prefix, table, usize::MAX)
    }

    /// The first of those.
    pub(crate) fn first_crdt_entries(
        &mut self,
        prefix: &[u8],
        table: TableId,
        most: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, Obstacle> {
        self.crdt_entries_from(prefix, prefix, table, most)
    }

    /// The first of those from a key on.
    pub(crate) fn crdt_entries_from(
        &mut self,
        prefix: &[u8],
        start: &[u8],
        table: TableId,
        most: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, Obstacle> {
        let generation = self.generation();
        let end = keyspace::after_prefix(prefix);
        let mut scan = self.committed.view.scan(start, end.as_deref(), Direction::Ascending, 32);
        let mut found = Vec::new();
        loop {
            if found.len() >= most {
                return Ok(found);
            }
            match scan.next(&mut self.cache) {
                Ok(Some(item)) => found.push((item.key.to_vec(), item.keep())),
                Ok(None) => return Ok(found),
                Err(error) => return Err(self.obstacle(error, generation, table)),
            }
        }
    }

    fn note_merged(&mut self, id: TransactionId, former: Vec<(Vec<u8>, Bytes)>, next: Vec<(Vec<u8>, Bytes)>) {
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let Some(draft) = &mut transaction.merge else { return };
        let stored_before = |key: &[u8]| former.iter().find(|(known, _)| known == key).map(|(_, bytes)| bytes);
        for (key, _) in former.iter().filter(|(key, _)| next.iter().all(|(kept, _)| kept != key)) {
            let before = Before::of(stored_before(key));
            draft.rows.push(MergedKey { key: key.clone(), stored: None, before });
        }
        for (key, stored) in next {
            let before = stored_before(&key);
            // What is noted of it says by which schema it was judged.
            if before != Some(&stored) || crdt::is_judged(&stored) {
                draft.rows.push(MergedKey { before: Before::of(before), key, stored: Some(stored) });
            }
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
}

impl MergedDocument {
    /// The document after it, where local changes have been added to that which it stands on: those follow all that was
    /// there, and nothing that has come.
    pub(crate) fn state_after(&self, now: &DocumentState) -> DocumentState {
        let (base, actors) = &self.base;
        if now.heads == *base {
            return self.state.clone();
        }
        assert_eq!(now.actor_count, *actors, "only changes were added");
        let mut heads: Vec<ChangeHash> = self.state.heads.iter().filter(|head| !base.contains(head)).copied().collect();
        heads.extend(&now.heads);
        crate::sort::sort(&mut heads);
        heads.dedup();
        DocumentState { heads, max_op: self.state.max_op.max(now.max_op), ..self.state.clone() }
    }
}

fn is_synced(schema: &Schema, name: &str) -> bool {
    schema.table(name).is_some_and(|table| table.placement.is_some())
}

fn unreadable(_: Malformed) -> Obstacle {
    refused("The docs worker's message can't be read.".into())
}

impl MergeDraft {
    /// One that writes these keys.
    pub(crate) fn of(rows: Vec<MergedKey>, tab: &Tab) -> Self {
        MergeDraft {
            incoming: None,
            rows,
            document: None,
            leaving: None,
            left_document: None,
            left: Vec::new(),
            is_outdated: false,
            commit_count: tab.documents.commit_count(),
        }
    }

    /// Whether all rows are settled.
    pub(crate) fn is_whole(&self) -> bool {
        self.incoming.is_none() && self.leaving.is_none()
    }

    /// Whether it writes what is stored of a row, by the part of its keys that names it.
    pub(crate) fn is_about(&self, row: &[u8]) -> bool {
        self.rows.iter().any(|merged| merged.key[1..].starts_with(row))
    }

    /// Whether it writes to a document, or to what is kept of it.
    pub(crate) fn writes_to(&self, root: &Root) -> bool {
        let is_of = |merged: &MergedKey| merged.key.starts_with(&root.changes_prefix());
        self.document.as_ref().is_some_and(|merged| merged.root == *root)
            || self.left_document.as_ref().is_some_and(|left| left.root == *root)
            || self.rows.iter().any(is_of)
    }
}

/// What a key of stamps or remains names.
pub(crate) fn row_part(key: &[u8]) -> Option<&[u8]> {
    let is_row = matches!(keyspace::kind(key), Some(keyspace::Kind::Stamps(_) | keyspace::Kind::Remains(_)));
    key.get(1..21).filter(|_| is_row)
}
