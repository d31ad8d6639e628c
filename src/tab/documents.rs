//! What the page tells the docs worker of CRDT documents, and people of rows in them.

use super::merging::{MergeDraft, MergedKey, fits, knows, with_floats};
use super::synced::{Before, DocumentNews, home};
use super::transaction::{Obstacle, Row, find_row};
use super::{Tab, TransactionId};
use crate::bytes::{Bytes, Reader};
use crate::crdt::{
    ActorId, ChangeHash, DocumentId, DocumentState, HiddenRow, Item, Parts, RowStamps, Stamp, StoredRow, Why,
    is_duplicate,
};
use crate::document::{self, Document, Names, Purpose};
use crate::error::{Code, Error};
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{self, Kind, Root, RowId, TableId};
use crate::schema::{Home, Schema, Table};
use crate::value::Value;
use crate::value::json::write_json;

/// A document that is here.
pub(crate) struct KnownDocument {
    pub(crate) root: Root,
    pub(crate) id: DocumentId,
    pub(crate) heads: Vec<ChangeHash>,
    /// Tables whose rows are in it and not here, though the schema knows them.
    pub(crate) missing_tables: Vec<String>,
}

/// What is saved of a document.
pub(crate) struct StoredDocument {
    /// Changes, one after another, or a snapshot and those that came after it.
    pub(crate) chunks: Vec<u8>,
    pub(crate) actors: Vec<ActorId>,
    pub(crate) heads: Vec<ChangeHash>,
}

/// A row that somebody has moved to a document in vain: others have moved it elsewhere at the same time, and there it is.
pub(crate) struct RowBeside {
    /// The document that has it beside the one that counts.
    pub(crate) id: DocumentId,
    pub(crate) table: String,
    pub(crate) id_text: String,
}

/// A row of which people should hear.
pub(crate) struct Problem {
    pub(crate) kind: &'static str,
    pub(crate) table: String,
    pub(crate) id_text: String,
    /// The row whose document it lies in.
    pub(crate) root_text: String,
    /// What is wrong with it.
    pub(crate) message: String,
    /// Its fields.
    pub(crate) fields: Value,
}

/// A row that was deleted and can come back.
pub(crate) struct DeletedRow {
    pub(crate) id_text: String,
    /// The row whose document it lies in.
    pub(crate) root_text: String,
    /// The fields that it would come back with.
    pub(crate) fields: Value,
}

/// A place in a row that was written at the same time elsewhere.
pub(crate) struct Conflict {
    /// Names of fields, and positions in arrays.
    pub(crate) path: Vec<Value>,
    /// The values that are not shown.
    pub(crate) others: Vec<Value>,
}

/// So many long changes are read at once.
const LONG_AT_ONCE: usize = 4;

impl Tab {
    /// Begins or ends to collect news of documents.
    pub(crate) fn follow_documents(&mut self, is_followed: bool) {
        self.documents.news.follow(is_followed);
    }

    /// What was saved of documents since this was asked last; `None`: all has to be looked at again.
    pub(crate) fn take_document_news(&mut self) -> Option<Vec<DocumentNews>> {
        self.documents.news.take()
    }

    /// Lets go of all of that, since nobody wants to know; answers how long the longest changes of one commit are.
    pub(crate) fn skip_document_news(&mut self) -> usize {
        self.documents.news.take_beside();
        let news = self.documents.news.take().unwrap_or_default();
        news.iter().map(|news| news.chunks.len()).max().unwrap_or_default()
    }

    /// Whether of a row that is kept and not shown something else was saved since this was asked last.
    pub(crate) fn take_hidden_news(&mut self) -> bool {
        self.documents.news.take_hidden()
    }

    /// The rows that were moved in vain: all, or those of which something was saved since this was asked last.
    pub(crate) fn rows_beside(&mut self, are_all: bool) -> Result<Vec<RowBeside>, Obstacle> {
        let news = self.documents.news.take_beside();
        let keys = if are_all { self.duplicates()? } else { news };
        let mut found = Vec::new();
        for key in &keys {
            match self.row_beside(key) {
                Ok(row) => found.extend(row),
                Err(obstacle) => {
                    if !are_all {
                        self.documents.news.put_beside(keys);
                    }
                    return Err(obstacle);
                }
            }
        }
        Ok(found)
    }

    /// The keys of copies that are kept beside the one that counts.
    fn duplicates(&mut self) -> Result<Vec<Bytes>, Obstacle> {
        let noted = self.crdt_entries(keyspace::NOTED_PREFIX, TableId(0))?;
        let judged = noted.into_iter().filter(|(_, judged_by)| !judged_by.is_empty());
        Ok(judged.filter_map(|(key, _)| keyspace::stored_key(&key).map(Bytes::new)).collect())
    }

    fn row_beside(&mut self, key: &[u8]) -> Result<Option<RowBeside>, Obstacle> {
        let schema = self.committed.schema.clone();
        let (Some(Kind::Remains(table)), Some(row), Some(root)) =
            (keyspace::kind(key), key.get(..21).and_then(keyspace::id_of), keyspace::remains_root(key))
        else {
            return Ok(None);
        };
        let is_duplicate = self.crdt_entry(key, table)?.is_some_and(|stored| is_duplicate(&stored));
        let own = self.crdt_entry(&keyspace::stamps_key(table, &row), table)?;
        let counts = own.and_then(|own| StoredRow::decode(&own).ok()).is_some_and(|own| own.has_duplicates);
        let (Some(definition), true) = (schema.table_by_id(table), is_duplicate && counts) else { return Ok(None) };
        let state = self.crdt_entry(&root.state_key(), root.table)?;
        let Some(state) = state.and_then(|state| DocumentState::decode(&state).ok()) else { return Ok(None) };
        let id_text = id::encode(definition.number, &row);
        Ok(Some(RowBeside { id: state.id, table: definition.name.clone(), id_text }))
    }

    /// The documents that are here.
    pub(crate) fn known_documents(&mut self) -> Result<Vec<KnownDocument>, Obstacle> {
        let schema = self.committed.schema.clone();
        let mut documents = Vec::new();
        for (key, value) in self.crdt_entries(keyspace::STATES_PREFIX, TableId(0))? {
            let (Some(root), Ok(state)) = (Root::of(&key), DocumentState::decode(&value)) else { continue };
            let is_known = |name: &str| schema.table(name).is_some_and(|table| table.placement.is_some());
            let missing = state.tables.iter().filter(|(name, map)| !map.is_taken && is_known(name));
            let missing_tables = missing.map(|(name, _)| name.clone()).collect();
            documents.push(KnownDocument { root, id: state.id, heads: state.heads, missing_tables });
        }
        Ok(documents)
    }

    /// The id of the row that a document belongs to; empty for the person's own.
    pub(crate) fn text_of_root(&self, root: Root) -> String {
        text_of(&self.committed.schema, root)
    }

    /// All that is saved of a document: its changes, its actors and its heads.
    pub(crate) fn stored_document(&mut self, root: Root) -> Result<StoredDocument, Obstacle> {
        let chunks = self.crdt_entries(&root.changes_prefix(), root.table)?;
        let actors = self.crdt_entries(&root.actors_prefix(), root.table)?;
        let state = self.crdt_entry(&root.state_key(), root.table)?;
        let heads = state.and_then(|state| DocumentState::decode(&state).ok()).map(|state| state.heads);
        let chunks = chunks.iter().flat_map(|(_, chunk)| chunk.to_vec()).collect();
        let actors = actors.into_iter().map(|(_, actor)| actor).collect();
        Ok(StoredDocument { chunks, actors, heads: heads.unwrap_or_default() })
    }

    /// Writes a snapshot in place of all changes that it has. [`Obstacle::Stale`]: the document has other heads now.
    pub(crate) fn save_snapshot(
        &mut self,
        id: TransactionId,
        root: Root,
        heads: &[ChangeHash],
        snapshot: &[u8],
    ) -> Result<(), Obstacle> {
        self.transaction(id)?;
        let state = self.crdt_entry(&root.state_key(), root.table)?;
        let state = state.and_then(|state| DocumentState::decode(&state).ok());
        if state.is_none_or(|state| state.heads != heads) {
            return Err(Obstacle::Stale);
        }
        let mut chunks = self.crdt_entries(&root.changes_prefix(), root.table)?;
        let before = Before { is_new: false, is_noted: false };
        let mut rows = Vec::with_capacity(chunks.len());
        if let Some((key, _)) = chunks.pop() {
            // What comes later has greater keys.
            rows.push(MergedKey { key, stored: Some(Bytes::from(snapshot)), before });
        }
        let long = self.crdt_entries(&root.long_prefix(), root.table)?;
        rows.extend(chunks.into_iter().chain(long).map(|(key, _)| MergedKey { key, stored: None, before }));
        let draft = MergeDraft::of(rows, self);
        self.transaction(id)?.begin_merge(draft);
        Ok(())
    }

    /// Changes that are noted to be long: keys, and what is stored there.
    pub(crate) fn long_changes(&mut self) -> Result<Vec<(Vec<u8>, Bytes)>, Obstacle> {
        let mut found = Vec::new();
        for (key, _) in self.first_crdt_entries(keyspace::LONG_PREFIX, TableId(0), LONG_AT_ONCE)? {
            let key = keyspace::changes_of_long(&key);
            let changes = self.crdt_entry(&key, TableId(0))?;
            found.push((key, changes.unwrap_or_default()));
        }
        Ok(found)
    }

    /// Writes the same changes in less space, as each key has them; those that can't do with less are empty.
    pub(crate) fn save_smaller(&mut self, id: TransactionId, smaller: Vec<(Vec<u8>, Bytes)>) -> Result<(), Obstacle> {
        self.transaction(id)?;
        let mut rows = Vec::with_capacity(2 * smaller.len());
        for (key, chunks) in smaller {
            let (long_key, before) = (keyspace::long_of_changes(&key), Before { is_new: false, is_noted: false });
            if keyspace::changes_of_long(&long_key) != key || self.crdt_entry(&long_key, TableId(0))?.is_none() {
                continue; // a snapshot has taken its place, or somebody else has done the same
            }
            rows.push(MergedKey { key: long_key, stored: None, before });
            // Checksums stay what they are.
            let is_same = |stored: &Bytes| stored.len() > chunks.len() && stored.get(..8) == chunks.get(..8);
            if self.crdt_entry(&key, TableId(0))?.as_ref().is_some_and(is_same) {
                rows.push(MergedKey { key, stored: Some(chunks), before });
            }
        }
        let draft = MergeDraft::of(rows, self);
        self.transaction(id)?.begin_merge(draft);
        Ok(())
    }

    /// The rows that are kept and not shown, but for those that were deleted.
    pub(crate) fn problems(&mut self) -> Result<Vec<Problem>, Obstacle> {
        let schema = self.committed.schema.clone();
        let mut problems = Vec::new();
        for (key, judged_by) in self.crdt_entries(keyspace::NOTED_PREFIX, TableId(0))? {
            let (Some(Kind::Noted(table)), Some(row)) = (keyspace::kind(&key), key.get(..21).and_then(keyspace::id_of))
            else {
                continue;
            };
            let Some(table) = schema.table_by_id(table).filter(|_| !judged_by.is_empty()) else { continue };
            let Some(StoredRow { hidden: Some(hidden), .. }) = self.noted_row(&key, table.id)? else { continue };
            let (kind, message) = match hidden.why {
                Why::Deleted => continue,
                Why::Duplicate => ("duplicate", self.why_duplicate(table.id, row)?),
                Why::Misfit => ("misfit", why_unfit(&schema, table, row, &hidden)),
            };
            let fields = as_shown(&schema, table, &hidden.document).map_or(Value::Null, Value::Object);
            problems.push(Problem {
                kind,
                table: table.name.clone(),
                id_text: id::encode(table.number, &row),
                root_text: text_of(&schema, hidden.root),
                message,
                fields,
            });
        }
        Ok(problems)
    }

    /// Of a row that does not count: what becomes of the one of its id that does, for people.
    fn why_duplicate(&mut self, table: TableId, row: RowId) -> Result<String, Obstacle> {
        let generation = self.generation();
        let shown = find_row(&self.committed, &mut self.cache, &mut self.places, table, row);
        let shown = shown.map_err(|error| self.obstacle(error, generation, table))?;
        let counting = self.crdt_entry(&keyspace::stamps_key(table, &row), table)?;
        let counting = counting.and_then(|counting| StoredRow::decode(&counting).ok());
        let what =
            match counting.map(|StoredRow { hidden, marks, .. }| (hidden.map(|hidden| hidden.why), marks.moved_to)) {
                _ if shown.is_some() => "which is shown",
                Some((Some(Why::Deleted), Some(_))) => "which has gone to one that is not here",
                Some((Some(Why::Deleted), None)) => "which is deleted",
                Some((Some(Why::Misfit), _)) => "which counts, and does not fit the schema",
                _ => "which counts",
            };
        Ok(format!("Another project or document has a row of the same id, {what}."))
    }

    /// The rows of a table that were deleted and can come back: which have not left, and fit the schema as it is now.
    pub(crate) fn deleted_rows(&mut self, table: TableId) -> Result<Vec<DeletedRow>, Obstacle> {
        let schema = self.committed.schema.clone();
        let mut deleted = Vec::new();
        let Some(table) = schema.table_by_id(table) else { return Ok(deleted) };
        let is_adopted = self.crdt_entry(&keyspace::adopted_key(table.id), table.id)?.is_some();
        for (key, _) in self.crdt_entries(&keyspace::noted_prefix(table.id), table.id)? {
            // Longer ones speak of copies that it has left elsewhere.
            let Some(row) = keyspace::id_of(&key) else { continue };
            let Some(StoredRow { hidden: Some(hidden), marks, .. }) = self.noted_row(&key, table.id)? else { continue };
            if hidden.why != Why::Deleted || marks.moved_to.is_some() || !fits(&schema, table, &hidden.document) {
                continue;
            }
            if !is_adopted {
                // Another row of its id may be shown, which is about to be written over it.
                let generation = self.generation();
                let found = find_row(&self.committed, &mut self.cache, &mut self.places, table.id, row);
                if found.map_err(|error| self.obstacle(error, generation, table.id))?.is_some() {
                    continue;
                }
            }
            deleted.push(DeletedRow {
                id_text: id::encode(table.number, &row),
                root_text: text_of(&schema, hidden.root),
                fields: Document::new(&hidden.document).to_value(&schema.names).unwrap_or(Value::Null),
            });
        }
        Ok(deleted)
    }

    /// The row that such a key speaks of.
    fn noted_row(&mut self, noted: &[u8], table: TableId) -> Result<Option<StoredRow>, Obstacle> {
        let Some(key) = keyspace::stored_key(noted) else { return Ok(None) };
        Ok(self.crdt_entry(&key, table)?.and_then(|stored| StoredRow::decode(&stored).ok()))
    }

    /// What was written to a row at the same time as what it shows.
    pub(crate) fn conflicts(&mut self, table: TableId, row: RowId) -> Result<Vec<Conflict>, Obstacle> {
        let schema = self.committed.schema.clone();
        let definition = synced_table(&schema, table)?;
        let generation = self.generation();
        let stored = self.committed.view.get(&mut self.cache, &keyspace::stamps_key(table, &row));
        let stored = stored.map_err(|error| self.obstacle(error, generation, table))?;
        let Some(stored) = stored else { return Ok(Vec::new()) };
        let found = find_row(&self.committed, &mut self.cache, &mut self.places, table, row);
        let found = found.map_err(|error| self.obstacle(error, generation, table))?;
        let Some(Row { document, .. }) = found else { return Ok(Vec::new()) };
        let fields = Document::new(&document);
        let decoded = StoredRow::decode(&stored).and_then(|stored| {
            Ok((RowStamps::decode(&stored.stamps, fields.object()?)?, fields.to_value(&schema.names)?))
        });
        let Ok((stamps, Value::Object(shown))) = decoded else { return Ok(Vec::new()) };
        let mut conflicts = Vec::new();
        for ((name, value), stamp) in shown.iter().zip(&stamps.fields) {
            collect(&mut vec![Value::from(name.as_str())], value, stamp, &mut conflicts);
        }
        // Somebody else may have moved it elsewhere. What was written to it there is here, too, but for where it lies.
        let Some(field) = placed_by(definition) else { return Ok(conflicts) };
        for (_, bytes) in self.crdt_entries(&keyspace::remains_prefix(table, &row), table)? {
            let Ok(StoredRow { hidden: Some(hidden), .. }) = StoredRow::decode(&bytes) else { continue };
            if hidden.why != Why::Duplicate {
                continue;
            }
            let Ok(Value::Object(mut other)) = Document::new(&hidden.document).to_value(&schema.names) else {
                continue;
            };
            if let Some(place) = other.remove(field).filter(|place| shown.get(field) != Some(place)) {
                conflicts.push(Conflict { path: vec![Value::from(field.as_str())], others: vec![place] });
            }
        }
        Ok(conflicts)
    }

    /// The documents that know of a row: first that in which it lies, or lay when it was deleted; with the ids of the rows
    /// that they belong to.
    pub(crate) fn roots_of(&mut self, table: TableId, row: RowId) -> Result<Vec<(Root, String)>, Obstacle> {
        let schema = self.committed.schema.clone();
        let Some(own) = self.root_of(synced_table(&schema, table)?, &schema, row)? else { return Ok(Vec::new()) };
        let remains = self.crdt_entries(&keyspace::remains_prefix(table, &row), table)?;
        let others = remains.iter().filter_map(|(key, _)| keyspace::remains_root(key)).filter(|root| *root != own);
        Ok(std::iter::once(own).chain(others).map(|root| (root, text_of(&schema, root))).collect())
    }

    /// In whose document a row lies, or lay when it was deleted.
    fn root_of(&mut self, table: &Table, schema: &Schema, row: RowId) -> Result<Option<Root>, Obstacle> {
        let generation = self.generation();
        let found = find_row(&self.committed, &mut self.cache, &mut self.places, table.id, row);
        if let Some(row_) = found.map_err(|error| self.obstacle(error, generation, table.id))? {
            return Ok(home(schema, table, row, &row_.document));
        }
        let stored = self.committed.view.get(&mut self.cache, &keyspace::stamps_key(table.id, &row));
        let stored = stored.map_err(|error| self.obstacle(error, generation, table.id))?;
        Ok(stored.and_then(|stored| Some(StoredRow::decode(&stored).ok()?.hidden?.root)))
    }

    /// Brings a row back that was deleted, as it was then and as others have changed it since.
    pub(crate) fn restore(&mut self, id: TransactionId, table: TableId, row: RowId) -> Result<(), Obstacle> {
        let schema = self.schema_of(id);
        let table = synced_table(&schema, table)?;
        let text = id::encode(table.number, &row);
        if self.read_row(id, table.id, row)?.is_some() {
            return Err(Error::new(Code::InvalidArgument, format!("The document {text} is not deleted.")).into());
        }
        let generation = self.generation();
        let stored = self.committed.view.get(&mut self.cache, &keyspace::stamps_key(table.id, &row));
        let stored = stored.map_err(|error| self.obstacle(error, generation, table.id))?;
        let hidden = stored.and_then(|stored| StoredRow::decode(&stored).ok()?.hidden);
        let Some(hidden) = hidden else {
            let name = &table.name;
            let message =
                format!("There is no deleted document {text} in table \"{name}\", or its deletion is not saved yet.");
            return Err(Error::new(Code::NonexistentDocument, message).into());
        };
        let why = match hidden.why {
            Why::Deleted => None,
            Why::Duplicate => Some(self.why_duplicate(table.id, row)?),
            Why::Misfit => Some(why_unfit(&schema, table, row, &hidden)),
        };
        if let Some(why) = why {
            let message = format!("The document {text} is not deleted, but kept and not shown. {why}");
            return Err(Error::new(Code::InvalidArgument, message).into());
        }
        let mut document = hidden.document.to_vec();
        self.insert(id, &table.name, Some(&text), &mut document).map(drop)
    }
}

/// A table whose rows lie in documents, and so have what is asked for here.
fn synced_table(schema: &Schema, table: TableId) -> Result<&Table, Error> {
    let table = schema.table_by_id(table);
    table.filter(|table| table.placement.is_some()).ok_or_else(|| {
        let name = table.map_or("", |table| &table.name);
        let message = format!(
            "Table \"{name}\" is not synced: its documents have no history and no conflicts, and none comes back that was \
             deleted."
        );
        Error::new(Code::NotSupported, message)
    })
}

/// Why a row does not fit the schema, for people.
fn why_unfit(schema: &Schema, table: &Table, row: RowId, hidden: &HiddenRow) -> String {
    // Neither whole numbers of others nor fields that the table does not know are in the way of a row.
    let fields = as_shown(schema, table, &hidden.document);
    let known = fields.map(|fields| fields.into_iter().filter(|(name, _)| knows(table, name)).collect());
    let document = known.map(|known| document::encode(&Value::Object(known), &schema.names));
    let document = document.unwrap_or_else(|| hidden.document.to_vec());
    let malformed = document::canonicalize(&mut document.clone(), &schema.names, Purpose::Insert).err();
    let misfit = schema.check(table, &Document::new(&document)).err();
    let no_time = "`_creationTime` is missing, or no number of milliseconds.";
    let message = misfit
        .map(|mismatch| mismatch.stored_error(&table.name, &id::encode(table.number, &row)))
        .or(malformed)
        .map(Error::into_message)
        .or((hidden.creation_time <= 0.0).then(|| no_time.to_string()));
    let elsewhere = "What it belongs to is another document than the one that it lies in.";
    message.unwrap_or_else(|| elsewhere.to_string())
}

/// The field that says in whose document a row of a table lies.
fn placed_by(table: &Table) -> Option<&String> {
    match &table.placement.as_ref()?.home {
        Home::Within { field, .. } => Some(field),
        Home::Root | Home::Workspace => None,
    }
}

/// The fields of a row that is not shown, as they would be.
fn as_shown(schema: &Schema, table: &Table, document: &[u8]) -> Option<FlatMap<String, Value>> {
    match Document::new(document).to_value(&schema.names).ok()? {
        Value::Object(fields) => Some(with_floats(table.effective_validator(), fields)),
        _ => None,
    }
}

fn text_of(schema: &Schema, root: Root) -> String {
    schema.table_by_id(root.table).map_or(String::new(), |table| id::encode(table.number, &root.id))
}

/// Finds values that were not chosen, in what was written to a value and inside of it.
fn collect(path: &mut Vec<Value>, value: &Value, stamp: &Stamp, found: &mut Vec<Conflict>) {
    let rivals = stamp.rivals.iter().filter_map(|rival| decode_rival(&rival.value));
    let others: Vec<Value> = rivals.filter(|rival| rival != value).collect();
    if !others.is_empty() {
        found.push(Conflict { path: path.clone(), others });
    }
    match (value, &stamp.parts) {
        (Value::Object(fields), Parts::Map(stamps)) => {
            for ((name, value), stamp) in fields.iter().zip(stamps) {
                path.push(Value::from(name.as_str()));
                collect(path, value, stamp, found);
                path.pop();
            }
        }
        (Value::Array(items), Parts::List(stamps)) => {
            for ((position, value), Item { stamp, .. }) in items.iter().enumerate().zip(stamps) {
                path.push(Value::from(position as f64));
                collect(path, value, stamp, found);
                path.pop();
            }
        }
        _ => {}
    }
}

fn decode_rival(bytes: &[u8]) -> Option<Value> {
    crate::document::decode_value(&mut Reader::new(bytes), &Names::new()).ok()
}

/// Conflicts as JSON text: `[{ path, others }]`.
pub(crate) fn conflicts_json(conflicts: &[Conflict]) -> String {
    let entries = conflicts.iter().map(|conflict| {
        object(&[("path", Value::Array(conflict.path.clone())), ("others", Value::Array(conflict.others.clone()))])
    });
    json(Value::Array(entries.collect()))
}

/// Problems as JSON text: `[{ kind, table, id, root, message, fields }]`.
pub(crate) fn problems_json(problems: &[Problem]) -> String {
    let entries = problems.iter().map(|problem| {
        let text = |text: &str| Value::from(text);
        object(&[
            ("kind", text(problem.kind)),
            ("table", text(&problem.table)),
            ("id", text(&problem.id_text)),
            ("root", text(&problem.root_text)),
            ("message", text(&problem.message)),
            ("fields", problem.fields.clone()),
        ])
    });
    json(Value::Array(entries.collect()))
}

/// Deleted rows as JSON text: `[{ id, root, fields }]`.
pub(crate) fn deleted_json(rows: &[DeletedRow]) -> String {
    let entries = rows.iter().map(|row| {
        let text = |text: &str| Value::from(text);
        object(&[("id", text(&row.id_text)), ("root", text(&row.root_text)), ("fields", row.fields.clone())])
    });
    json(Value::Array(entries.collect()))
}

fn object(fields: &[(&str, Value)]) -> Value {
    Value::Object(fields.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect())
}

fn json(value: Value) -> String {
    let mut out = String::new();
    write_json(&value, &mut out);
    out
}
