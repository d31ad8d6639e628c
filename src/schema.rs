//! Schemas: what an app asks for, what the database holds, and the way from one to the other.
//!
//! A [`SchemaDefinition`] is what the app wrote, in Convex's export shape; a [`WantedSchema`] is the same before it
//! was read. A [`Schema`] is stored state: a log
//! record and the manifest hold it, every tab adopts the newest. [`Schema::evolve`] leads from the stored one
//! to the next. Numbers of tables, indexes and field names are given in order of appearance and never reused;
//! a table that the app drops stays, with its rows, until it is asked for again. An import fills tables that nobody
//! sees until they take the places of those of their names.
//!
//! Does not know rows: it says which indexes are to be built and which tables are to be checked, the engine
//! does it.

mod codec;
mod definition;
mod evolve;
#[doc(hidden)]
pub mod fuzz;
pub(crate) mod identifier;
mod import;
mod index_keys;
mod mismatch;
mod numbers;
mod parse;
mod placement;
mod validator;
mod wanted;

#[cfg(test)]
mod tests;

pub use definition::SchemaDefinition;
pub use evolve::Evolution;
pub use import::ImportStep;
pub(crate) use import::{IDS, ROWS};
pub use index_keys::IndexKeys;
pub use mismatch::Mismatch;
pub use numbers::TableNumbers;
pub(crate) use placement::{Home, Moving, Placement};
#[cfg(test)]
use validator::Field;
pub use validator::Validator;
pub(crate) use wanted::Source;
pub use wanted::WantedSchema;

use crate::crdt::IS_BUILT_IN;
use crate::document::{Document, FieldPath, Names};
use crate::error::Result;
use crate::keyspace::{IndexId, TableId};
use crate::schema::index_keys::IndexPlan;
use crate::value::json::push_string;
use std::rc::Rc;

/// The stored schema: tables, validators, indexes and the dictionary of field names.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Counts the schema's commits. Zero is the schema of a new database, which nothing stored.
    pub version: u64,
    /// Field names that documents write as numbers. Only grows.
    pub names: Names,
    /// The definition that it was made of, if that has a name.
    pub(crate) source: Option<Source>,
    tables: Vec<Table>,
    next_table: u32,
    next_index: u32,
    /// Follows from `tables`.
    numbers: TableNumbers,
}

/// A table, whether or not the app's schema still names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The number in keys.
    pub id: TableId,
    /// The name.
    pub name: String,
    /// The number in new document ids.
    pub number: u32,
    /// Numbers in older or imported document ids.
    pub aliases: Vec<u32>,
    /// What its documents must look like.
    pub validator: Validator,
    /// Whether the validator is applied (`schemaValidation`).
    pub enforced: bool,
    /// Whether the app's schema names it. One that it doesn't keeps its rows.
    pub declared: bool,
    /// Whether it is the table of its name.
    pub(crate) standing: Standing,
    /// Where its rows are synced, if they are.
    pub(crate) placement: Option<Rc<Placement>>,
    /// What is not done yet of its becoming synced, or local.
    pub(crate) moving: Option<Moving>,
    indexes: Vec<Index>,
    /// Follows from `indexes`.
    plan: IndexPlan,
}

/// Whether a table is the one of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is.
    Settled,
    /// An import fills it, and nobody sees it.
    Incoming,
    /// Nobody will see it again: its rows, ids and entries are to be deleted.
    Leaving,
}

/// An index. After its fields come, unsaid, `_creationTime` and `_id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// The number in keys.
    pub id: IndexId,
    /// The name. While an old index is dropping, a new one may have the same name.
    pub name: String,
    /// What it orders by.
    pub fields: Vec<FieldPath>,
    /// Whether it is built but, by the app's wish, not to be queried yet.
    pub staged: bool,
    /// How far it is.
    pub state: IndexState,
}

/// How far an index is. Entries of new and changed rows are written unless it is dropping.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexState {
    /// Rows up to a key have their entries.
    Building {
        /// That row key; `None` before the first.
        after: Option<Vec<u8>>,
    },
    /// All rows have their entries.
    Ready,
    /// No longer maintained; its entries are to be deleted.
    Dropping,
}

impl Schema {
    /// The schema of a new database: no tables.
    pub fn empty() -> Self {
        Schema {
            version: 0,
            names: Names::new(),
            source: None,
            tables: Vec::new(),
            next_table: 1,
            next_index: 1,
            numbers: TableNumbers::default(),
        }
    }

    /// All tables, in order of their ids.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Whether there are tables whose rows lie in CRDT documents.
    pub(crate) fn is_synced(&self) -> bool {
        IS_BUILT_IN && self.tables.iter().any(|table| table.placement.is_some())
    }

    /// The table of this name that the app's schema names.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.declared && table.name == name)
    }

    /// The table with this number in keys, declared or not.
    pub fn table_by_id(&self, id: TableId) -> Option<&Table> {
        let position = self.tables.binary_search_by_key(&id, |table| table.id).ok()?;
        self.tables.get(position)
    }

    /// The table that document ids with this number belong to, declared or not.
    pub fn table_by_number(&self, number: u32) -> Option<&Table> {
        let name = self.numbers.name(number)?;
        self.tables.iter().find(|table| table.is(name, Standing::Settled))
    }

    /// An index and its table.
    pub fn index_by_id(&self, id: IndexId) -> Option<(&Table, &Index)> {
        self.tables.iter().find_map(|table| Some((table, table.index_by_id(id)?)))
    }

    /// The numbers in document ids.
    pub fn numbers(&self) -> &TableNumbers {
        &self.numbers
    }

    /// Checks a document against its table's validator, if that is enforced.
    pub fn check(&self, table: &Table, document: &Document<'_>) -> std::result::Result<(), Mismatch> {
        let effective = table.effective_validator();
        if effective.accepts_document(document, &self.names, &self.numbers) {
            return Ok(());
        }
        self.explain(effective, document)
    }

    /// Checks a document that is about to be written.
    pub fn check_write(&self, table: &Table, document: &Document<'_>) -> Result<()> {
        self.check(table, document).map_err(|mismatch| mismatch.write_error(&table.name))
    }

    #[cold]
    fn explain(&self, validator: &Validator, document: &Document<'_>) -> std::result::Result<(), Mismatch> {
        let value = document.to_value(&self.names).map_err(Mismatch::Damaged)?;
        validator.check_value(&value, &self.numbers)
    }

    /// The dictionary as a JSON array of names, in order of their ids, which start at 1.
    pub fn names_json(&self) -> String {
        let mut out = vec![b'['];
        for (position, name) in self.names.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            push_string(&mut out, name.as_bytes());
        }
        out.push(b']');
        String::from_utf8(out).expect("JSON text of names is UTF-8")
    }

    /// Notes how far an index is. Returns whether there is such an index.
    pub fn set_index_state(&mut self, id: IndexId, state: IndexState) -> bool {
        let Some(table) = self.tables.iter_mut().find(|table| table.index_by_id(id).is_some()) else {
            return false;
        };
        for index in &mut table.indexes {
            if index.id == id {
                index.state = state.clone();
            }
        }
        table.plan = IndexPlan::new(&table.indexes);
        true
    }

    /// Forgets a dropping index whose entries are deleted. Returns whether there was one.
    pub fn remove_dropped_index(&mut self, id: IndexId) -> bool {
        for table in &mut self.tables {
            let before = table.indexes.len();
            table.indexes.retain(|index| index.id != id || index.state != IndexState::Dropping);
            if table.indexes.len() < before {
                // What its own two stood for was the last of it.
                self.tables.retain(|table| table.standing != Standing::Leaving || !table.indexes.is_empty());
                return true;
            }
        }
        false
    }

    /// Whether another schema is the same, or was made of the same definition: differences are of Holdfast's making.
    pub(crate) fn is_of_same_app(&self, other: &Schema) -> bool {
        self.version == other.version || self.source.is_some() && self.source == other.source
    }
}

/// Equality of what is stored.
impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.source == other.source && self.same_content(other)
    }
}

impl Schema {
    /// Whether only versions and sources differ, if anything.
    pub(crate) fn same_content(&self, other: &Schema) -> bool {
        self.names.iter().eq(other.names.iter())
            && self.tables == other.tables
            && self.next_table == other.next_table
            && self.next_index == other.next_index
    }
}

impl Table {
    pub(crate) fn is(&self, name: &str, standing: Standing) -> bool {
        self.standing == standing && self.name == name
    }

    /// All indexes, dropping ones too, in order of their ids.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The index of this name. It may be staged or still building; dropping ones aren't found.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name && index.state != IndexState::Dropping)
    }

    /// The index with this number in keys.
    pub fn index_by_id(&self, id: IndexId) -> Option<&Index> {
        self.indexes.iter().find(|index| index.id == id)
    }

    fn drop_indexes(&mut self) {
        for index in &mut self.indexes {
            index.state = IndexState::Dropping;
        }
        self.plan = IndexPlan::default();
    }

    /// The validator that counts: anything goes where validation is off.
    pub fn effective_validator(&self) -> &Validator {
        if self.enforced { &self.validator } else { &Validator::Any }
    }
}
