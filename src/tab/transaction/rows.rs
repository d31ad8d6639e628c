//! Single rows of a transaction: read by their ids, inserted, changed and deleted.

use super::{Transaction, TransactionId};
use crate::bytes::Bytes;
use crate::crdt::IS_BUILT_IN;
use crate::document::{self, Document, Purpose};
use crate::error::{Code, Error, Result};
use crate::id;
use crate::keyspace::{self, Place, RowId, TableId};
use crate::schema::{Schema, Table};
use crate::store::{DamagedPage, PageCache, PageId, ReadError};
use crate::tab::Tab;
use crate::tab::changed_rows::ChangedRow;
use crate::tab::checks::{blame_version, check, damaged, writable_table};
use crate::tab::places::Places;
use crate::tab::state::State;
use crate::tab::synced::Bases;
use crate::tab::verify;
use crate::value::show::{Brief, Quoted};

/// A document as a read gives it.
pub struct Row {
    /// Its table.
    pub table: TableId,
    /// Its place and id.
    pub place: Place,
    /// Its document bytes.
    pub document: Bytes,
}

/// Why a read or write inside a transaction did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub enum Obstacle {
    /// Load these pages and ask again.
    Missing(Vec<PageId>),
    /// The transaction's state is too old for what is asked: run it again.
    Stale,
    /// Give up.
    Error(Error),
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Obstacle::Error(error)
    }
}

impl Tab {
    /// Decodes an id and finds its table.
    pub fn resolve_id(
        &self,
        schema: &Schema,
        text: &str,
        expected: Option<&str>,
        method: &str,
    ) -> Result<(TableId, RowId)> {
        let decoded = id::decode(text);
        let Some((number, row)) = decoded else {
            return Err(Error::new(
                Code::InvalidId,
                format!(
                    "Invalid argument `id` for `db.{method}`: Unable to decode ID: {} is not a document id.",
                    Brief(Quoted(text))
                ),
            ));
        };
        let table = schema.table_by_number(number).ok_or_else(|| {
            Error::new(
                Code::InvalidId,
                format!("Invalid argument `id` for `db.{method}`: Unable to decode ID: no table has the number {number} of {}.", Brief(Quoted(text))),
            )
        })?;
        if let Some(expected) = expected.filter(|expected| *expected != table.name) {
            return Err(Error::new(
                Code::WrongTable,
                format!(
                    "Invalid argument `id` for `db.{method}`: expected to be an Id<\"{expected}\">, got Id<\"{}\"> instead.",
                    table.name
                ),
            ));
        }
        Ok((table.id, row))
    }

    /// Reads a row by its id, as this transaction sees it.
    pub fn read_row(
        &mut self,
        id: TransactionId,
        table: TableId,
        row: RowId,
    ) -> std::result::Result<Option<Row>, Obstacle> {
        self.transaction(id)?;
        let transaction = self.transactions.get_mut(id).expect("it was there");
        transaction.reads.add_id(keyspace::id_key(table, &row));
        if let Some(changed) = transaction.rows.get(table, &row) {
            return Ok(changed.after.clone().map(|document| Row { table, place: changed.place, document }));
        }
        let found = find_row(&transaction.state, &mut self.cache, &mut self.places, table, row);
        let generation = transaction.state.view.manifest.generation;
        found.map_err(|error| self.obstacle(error, generation, table))
    }

    /// Turns a failed read of a state of this generation into what the caller can do about it.
    pub(crate) fn obstacle(&mut self, error: ReadError, generation: u64, table: TableId) -> Obstacle {
        match error {
            ReadError::Missing(pages) => Obstacle::Missing(pages),
            ReadError::Corrupt(damaged) if generation < self.generation() => {
                // Found missing, it makes the state a stale one.
                self.damaged.insert(damaged.page, ());
                Obstacle::Missing(vec![damaged.page])
            }
            ReadError::Corrupt(damaged) => {
                let DamagedPage { page, start, end } = *damaged;
                let range = verify::describe(&self.current.schema, &start, end.as_deref());
                Obstacle::Error(self.damaged_page(page, table, Some(range)))
            }
        }
    }

    /// What is said of a damaged page that a read of this table needs, and of what it holds, if that is known.
    pub(crate) fn damaged_page(&self, page: PageId, table: TableId, range: Option<String>) -> Error {
        let name = self.current.schema.table_by_id(table).map_or("?", |table| &table.name);
        let range = range.unwrap_or_else(|| format!("a part of table \"{name}\""));
        Error::new(Code::Corrupt, format!("Page {page} is damaged and can't be read: {range}."))
    }

    /// An id that no document of this table has: of the transaction's own stream, so that a run again makes
    /// the same one, or of the tab's.
    pub fn new_id(&mut self, now_ms: f64, id: Option<TransactionId>, table_name: &str) -> Result<String> {
        self.check_open()?;
        let schema = id.map_or_else(|| self.current.schema.clone(), |id| self.schema_of(id));
        let table = schema.table(table_name);
        let number = table.map(|table| table.number).ok_or_else(|| crate::query::table_not_found(table_name))?;
        let (random, began_ms) = match id {
            None => (&mut self.random, now_ms),
            Some(id) => {
                let transaction = self.transaction(id)?;
                (&mut transaction.random, transaction.began_ms)
            }
        };
        Ok(id::encode(number, &id::make(random.next_id(), began_ms)))
    }

    /// Inserts a document that came from outside. Bytes as the encoder makes them; they are brought to
    /// canonical form in place.
    pub fn insert(
        &mut self,
        id: TransactionId,
        table_name: &str,
        explicit: Option<&str>,
        document: &mut Vec<u8>,
    ) -> std::result::Result<RowId, Obstacle> {
        self.writable(id, "insert")?;
        let transaction = self.transactions.get(id).expect("it was there");
        let schema = transaction.state.schema.clone();
        let table = writable_table(&schema, &self.own_schema, table_name)?;
        self.canonicalize(document, &schema, Purpose::Insert)?;
        check(&schema, &self.own_schema, table, document)?;
        self.insert_into(id, table, explicit, None, document)
    }

    /// Inserts a document that fits. One that is imported may bring its creation time.
    #[inline(never)] // two callers, one of them rare
    pub(super) fn insert_into(
        &mut self,
        id: TransactionId,
        table: &Table,
        explicit: Option<&str>,
        imported: Option<f64>,
        document: &mut Vec<u8>,
    ) -> std::result::Result<RowId, Obstacle> {
        let schema = self.transactions[id].state.schema.clone();
        let row = match explicit {
            None => None,
            Some(text) => {
                let (_, row) = self.resolve_id(&schema, text, Some(&table.name), "insert")?;
                if self.read_row(id, table.id, row)?.is_some() {
                    return Err(Error::new(
                        Code::DuplicateId,
                        format!("A document with the _id {} is already in table \"{}\".", Quoted(text), table.name),
                    )
                    .into());
                }
                Some(row)
            }
        };
        // Before anything is drawn or taken: it may have to wait for pages.
        let bases = self.prepare_synced(id, table, row, [None, Some(document)])?;
        // A row that was deleted before comes back at its place, on every device.
        let known_time = row.and_then(|row| self.created_before(&bases, table.id, row)).or(imported);
        let last = self.last_creation_time;
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let row = row.unwrap_or_else(|| id::make(transaction.random.next_id(), transaction.began_ms));
        let creation_time = known_time.unwrap_or_else(|| transaction.next_creation_time(last));
        let document = Bytes::new(std::mem::take(document));
        // A row that this transaction has deleted comes back at its place: a row never moves.
        let earlier = transaction.rows.get(table.id, &row).filter(|changed| changed.before.is_some());
        let before = earlier.and_then(|changed| changed.before.clone());
        let place = earlier.map_or(Place { creation_time, id: row }, |changed| changed.place);
        transaction.write(&schema, table, place, before, [None, Some(document)], false, bases);
        Ok(row)
    }

    /// Changes some fields of a document.
    pub fn patch(
        &mut self,
        id: TransactionId,
        table: TableId,
        row: RowId,
        id_text: &str,
        patch: &mut [u8],
    ) -> std::result::Result<(), Obstacle> {
        self.writable(id, "patch")?;
        let schema = self.transactions[id].state.schema.clone();
        self.canonicalize(patch, &schema, Purpose::Patch)?;
        let old = self.existing(id, table, row, id_text, "Update")?;
        let mut document = document::patch(Document::new(&old.document), patch, &schema.names)
            .map_err(|malformed| damaged(&schema, table, malformed))?;
        Document::new(&document).check_limits(&schema.names)?;
        let is_unindexed = |table: &Table| table.is_unindexed(&Document::new(patch), &schema.names);
        let entries_stay = schema.table_by_id(table).is_some_and(is_unindexed);
        let (before, place) = (old.document.clone(), old.place);
        let settled = self.settled_by(id, &schema, &old, patch)?;
        self.overwrite(id, &schema, old, &mut document, entries_stay).map_err(|obstacle| match obstacle {
            Obstacle::Error(error) => blame_version(&schema, &self.own_schema, table, &before, error).into(),
            other => other,
        })?;
        if let Some((bases, settled)) = settled {
            self.transaction(id)?.settle(table, place, before, bases, settled);
        }
        Ok(())
    }

    /// The fields of a patch that are written as they are, of a row where others may have written something else at the same
    /// time: then that is settled.
    fn settled_by(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        old: &Row,
        patch: &[u8],
    ) -> std::result::Result<Option<(Bases, Vec<String>)>, Obstacle> {
        let Some(table) = schema.table_by_id(old.table).filter(|table| IS_BUILT_IN && table.placement.is_some()) else {
            return Ok(None);
        };
        let known = |malformed| damaged(schema, old.table, malformed);
        let document = Document::new(&old.document);
        let settled = document::unchanged(document, patch, &schema.names).map_err(known)?;
        if settled.is_empty() {
            return Ok(None);
        }
        let shown = Some(&old.document[..]);
        let bases = self.prepare_synced(id, table, Some(old.place.id), [shown, shown])?;
        let fields = Document::new(&old.document).object().map_err(known)?;
        Ok(bases.may_be_contested(fields, &schema.names, &settled).then_some((bases, settled)))
    }

    /// Replaces all fields of a document.
    pub fn replace(
        &mut self,
        id: TransactionId,
        table: TableId,
        row: RowId,
        id_text: &str,
        document: &mut Vec<u8>,
    ) -> std::result::Result<(), Obstacle> {
        self.writable(id, "replace")?;
        let schema = self.transactions[id].state.schema.clone();
        self.canonicalize(document, &schema, Purpose::Insert)?;
        let old = self.existing(id, table, row, id_text, "Replace")?;
        self.overwrite(id, &schema, old, document, false)
    }

    /// Removes a document.
    pub fn delete(
        &mut self,
        id: TransactionId,
        table: TableId,
        row: RowId,
        id_text: &str,
    ) -> std::result::Result<(), Obstacle> {
        self.writable(id, "delete")?;
        let old = self.existing(id, table, row, id_text, "Delete")?;
        let schema = self.transactions[id].state.schema.clone();
        let Some(definition) = schema.table_by_id(table) else { return Ok(()) };
        let bases = self.prepare_synced(id, definition, Some(row), [Some(&old.document), None])?;
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let before = transaction.before(table, row, &old.document);
        transaction.write(&schema, definition, old.place, before, [Some(old.document), None], false, bases);
        Ok(())
    }

    fn overwrite(
        &mut self,
        id: TransactionId,
        schema: &Schema,
        old: Row,
        document: &mut Vec<u8>,
        entries_stay: bool,
    ) -> std::result::Result<(), Obstacle> {
        if *old.document == document[..] {
            return Ok(());
        }
        let Some(table) = schema.table_by_id(old.table) else { return Ok(()) };
        let table = writable_table(schema, &self.own_schema, &table.name)?;
        check(schema, &self.own_schema, table, document)?;
        let bases = self.prepare_synced(id, table, Some(old.place.id), [Some(&old.document), Some(document)])?;
        let document = Bytes::new(std::mem::take(document));
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let before = transaction.before(old.table, old.place.id, &old.document);
        let documents = [Some(old.document), Some(document)];
        transaction.write(schema, table, old.place, before, documents, entries_stay, bases);
        Ok(())
    }

    /// Checks a document that comes from outside. It may have been encoded with the names of a newer schema than that of
    /// the transaction.
    pub(super) fn canonicalize(
        &self,
        document: &mut [u8],
        schema: &Schema,
        purpose: Purpose,
    ) -> std::result::Result<(), Obstacle> {
        document::canonicalize(document, &schema.names, purpose).map_err(|error| {
            if self.current.schema.names.len() > schema.names.len() { Obstacle::Stale } else { error.into() }
        })
    }

    fn existing(
        &mut self,
        id: TransactionId,
        table: TableId,
        row: RowId,
        id_text: &str,
        verb: &str,
    ) -> std::result::Result<Row, Obstacle> {
        self.read_row(id, table, row)?.ok_or_else(|| {
            Obstacle::Error(Error::new(
                Code::NonexistentDocument,
                format!("{verb} on nonexistent document ID {id_text}"),
            ))
        })
    }

    pub(super) fn writable(&mut self, id: TransactionId, method: &str) -> Result<()> {
        let limit = self.options.commit_bytes;
        let transaction = self.transaction(id)?;
        if transaction.is_read_only {
            return Err(Error::new(
                Code::TransactionClosed,
                format!("`db.{method}` is not available in a read: use `db.mutate`."),
            ));
        }
        // The write that goes over the limit is not known to do so before: `finish` refuses that one.
        transaction.check_size(limit)
    }
}

impl Transaction {
    /// Whether it may write what it has written.
    pub(super) fn check_size(&self, limit: usize) -> Result<()> {
        if self.bytes <= limit {
            return Ok(());
        }
        Err(Error::new(
            Code::TransactionTooLarge,
            format!(
                "One mutation may write {} MiB, with the index entries that it removes; split it into several.",
                limit >> 20
            ),
        ))
    }

    fn next_creation_time(&mut self, last: f64) -> f64 {
        let least = if self.creation_time > 0.0 { self.creation_time } else { last };
        self.creation_time = if self.began_ms > least { self.began_ms } else { least.next_up() };
        self.creation_time
    }

    #[cfg(test)]
    pub(crate) fn written_place(&self, table: TableId, row: &RowId) -> Option<Place> {
        self.rows.get(table, row).map(|changed| changed.place)
    }

    /// What the row was when the transaction began.
    pub(crate) fn before(&self, table: TableId, row: RowId, document: &Bytes) -> Option<Bytes> {
        match self.rows.get(table, &row) {
            Some(changed) => changed.before.clone(),
            None => Some(document.clone()),
        }
    }

    /// Notes a changed row and shows it to this transaction's own reads. `before` is what it was when the
    /// transaction began, the documents what it was until now and what it is.
    #[allow(clippy::too_many_arguments)] // all of it is noted
    pub(crate) fn write(
        &mut self,
        schema: &Schema,
        table: &Table,
        place: Place,
        before: Option<Bytes>,
        [previous, after]: [Option<Bytes>; 2],
        entries_stay: bool,
        bases: Bases,
    ) {
        self.bytes += 48 + after.as_ref().map_or(0, |document| document.len());
        let change = self.operations.change_row(schema, table, place, previous.as_ref(), after.as_ref(), entries_stay);
        let known = self.rows.find(table.id, &place.id);
        let counted = known.map_or(0, |position| self.rows.at(position).counted);
        let settled = known.map_or(Vec::new(), |position| self.rows.at(position).settled.clone());
        let mut row = ChangedRow { table: table.id, place, before, after, change, counted, bases, settled };
        self.bytes += row.count_old_keys(table);
        match known {
            Some(position) => self.rows.replace(position, ChangedRow { change: None, ..row }),
            None => self.rows.push(row),
        }
    }

    /// Has fields of a row be what they are, whatever else was written there.
    fn settle(&mut self, table: TableId, place: Place, shown: Bytes, bases: Bases, settled: Vec<String>) {
        match self.rows.find(table, &place.id) {
            Some(position) => {
                let mut row = self.rows.at(position).clone();
                row.settled.extend(settled);
                self.rows.replace(position, row);
            }
            None => {
                let (before, after) = (Some(shown.clone()), Some(shown));
                self.rows.push(ChangedRow { table, place, before, after, change: None, counted: 0, bases, settled });
            }
        }
    }
}

pub(crate) fn find_row(
    state: &State,
    cache: &mut PageCache,
    places: &mut Places,
    table: TableId,
    row: RowId,
) -> std::result::Result<Option<Row>, ReadError> {
    if let Some(place) = places.get(table, &row)
        && let Some(document) = state.view.get(cache, &keyspace::row_key(table, &place))?
    {
        return Ok(Some(Row { table, place, document }));
    }
    let Some(time) = state.view.get(cache, &keyspace::id_key(table, &row))? else { return Ok(None) };
    let Some(creation_time) = crate::key::read_float(&time) else { return Ok(None) };
    let place = Place { creation_time, id: row };
    places.note(table, &place);
    let document = state.view.get(cache, &keyspace::row_key(table, &place))?;
    Ok(document.map(|document| Row { table, place, document }))
}
