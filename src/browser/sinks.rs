//! Where the rows of a query go: a JSON text for those that JavaScript has to make, a word for each.
//!
//! For reads of the current state a word is a handle with flags. A row without `NEW` is the object that
//! lies at the handle; one with it is the next element of the JSON array, to be kept at the handle unless
//! that is `NO_HANDLE`. For transactions, whose rows are made afresh every time, there is no word but for
//! the rows that need reviving: their position.

use super::rows::Rows;
use crate::document::Document;
use crate::error::{Code, Error, Result};
use crate::id;
use crate::keyspace::{Place, RowId, TableId};
use crate::schema::Schema;
use crate::tab::RowSink;

/// The row is in the text.
pub(crate) const NEW: u32 = 1 << 31;
/// The row in the text is in Convex JSON.
pub(crate) const REVIVE: u32 = 1 << 30;
/// The row is not kept.
pub(crate) const NO_HANDLE: u32 = REVIVE - 1;

/// A text of about this length is parsed fastest; larger ones pause the query.
const TEXT_BYTES: usize = 64 << 10;
/// So many words at most, so that the results stay small.
const WORDS: usize = 16 << 10;

/// Makes JSON of rows.
pub(crate) struct RowWriter<'a> {
    schema: &'a Schema,
    /// Which fields on top; all, if it doesn't say.
    fields: Option<&'a [String]>,
    text: &'a mut Vec<u8>,
    table: Option<TableId>,
    number: u32,
    id_text: Vec<u8>,
}

impl<'a> RowWriter<'a> {
    pub(crate) fn new(schema: &'a Schema, text: &'a mut Vec<u8>) -> Self {
        text.clear();
        RowWriter { schema, fields: None, text, table: None, number: 0, id_text: Vec::with_capacity(40) }
    }

    /// Writes some fields only.
    pub(crate) fn selecting(self, fields: Option<&'a [String]>) -> Self {
        RowWriter { fields, ..self }
    }

    /// Appends a row as an element of the array; answers its length and whether it needs reviving.
    pub(crate) fn write(&mut self, table: TableId, place: &Place, document: &[u8]) -> Result<(usize, bool)> {
        if self.table != Some(table) {
            self.table = Some(table);
            self.number = self.schema.table_by_id(table).map_or(0, |table| table.number);
        }
        self.id_text.clear();
        id::encode_into(&mut self.id_text, self.number, &place.id);
        let id_text = std::str::from_utf8(&self.id_text).unwrap_or_default();
        let start = self.text.len();
        self.text.push(if start == 0 { b'[' } else { b',' });
        let document = Document::new(document);
        match document.write_json(&self.schema.names, id_text, place.creation_time, self.fields, self.text) {
            Ok(()) => Ok((self.text.len() - start, !document.is_json_safe())),
            Err(malformed) => {
                self.text.truncate(start);
                Err(Error::new(Code::Corrupt, format!("The document {id_text} is damaged ({}).", malformed.0)))
            }
        }
    }

    /// Closes the array.
    pub(crate) fn finish(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b']');
        }
    }
}

/// Rows of the current state, which JavaScript keeps.
pub(crate) struct KeptRows<'a> {
    pub(crate) writer: RowWriter<'a>,
    pub(crate) rows: &'a mut Rows,
    pub(crate) results: &'a mut Vec<u32>,
    /// Whether the state that is read is still the current one. Rows of an older one are not kept.
    pub(crate) is_current: bool,
}

impl KeptRows<'_> {
    fn give_kept(&mut self, table: TableId, id: &RowId) -> bool {
        match self.rows.find(table, id) {
            Some(handle) => {
                self.results.push(handle);
                true
            }
            None => false,
        }
    }
}

impl RowSink for KeptRows<'_> {
    fn has(&mut self, table: TableId, place: &Place) -> bool {
        self.is_current && self.give_kept(table, &place.id)
    }

    fn row(&mut self, table: TableId, place: &Place, document: &[u8]) -> Result<()> {
        // With a filter it is not asked beforehand.
        if self.is_current && self.give_kept(table, &place.id) {
            return Ok(());
        }
        let (length, is_revived) = self.writer.write(table, place, document)?;
        let handle = if self.is_current { self.rows.insert(table, &place.id, length) } else { None };
        let flags = if is_revived { NEW | REVIVE } else { NEW };
        self.results.push(handle.unwrap_or(NO_HANDLE) | flags);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.writer.text.len() >= TEXT_BYTES || self.results.len() >= WORDS
    }
}

/// Rows of a transaction, made afresh.
pub(crate) struct FreshRows<'a> {
    pub(crate) writer: RowWriter<'a>,
    pub(crate) results: &'a mut Vec<u32>,
    pub(crate) count: u32,
}

impl RowSink for FreshRows<'_> {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        false
    }

    fn row(&mut self, table: TableId, place: &Place, document: &[u8]) -> Result<()> {
        let (_, is_revived) = self.writer.write(table, place, document)?;
        if is_revived {
            self.results.push(self.count);
        }
        self.count += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.writer.text.len() >= TEXT_BYTES
    }
}

/// Counts the rows of a query that has a filter or a limit.
#[derive(Default)]
pub(crate) struct CountedRows(pub(crate) u64);

impl RowSink for CountedRows {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        // Without a filter nobody needs the row itself.
        self.0 += 1;
        true
    }

    fn row(&mut self, _: TableId, _: &Place, _: &[u8]) -> Result<()> {
        self.0 += 1;
        Ok(())
    }

    fn is_full(&self) -> bool {
        false
    }
}
