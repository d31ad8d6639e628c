//! What a write has to satisfy: the schema in force, and the one that this tab's app was written for.

use crate::document::Document;
use crate::error::{Code, Error, Result};
use crate::keyspace::TableId;
use crate::schema::{Schema, Table};

/// The table to write to: it has to be in the schema in force and in the app's own.
pub(super) fn writable_table<'a>(schema: &'a Schema, own: &Schema, name: &str) -> Result<&'a Table> {
    if name.starts_with('_') {
        return Err(Error::new(Code::TableNotFound, "System tables (prefixed with `_`) are read-only."));
    }
    match schema.table(name) {
        Some(table) if table.declared => Ok(table),
        _ if own.table(name).is_some_and(|table| table.declared) => Err(Error::new(
            Code::SchemaChanged,
            format!(
                "Another tab runs another version of this app, whose schema has no table \"{name}\". Reload the page."
            ),
        )),
        _ => Err(Error::new(Code::TableNotFound, format!("Table \"{name}\" is not in the schema."))),
    }
}

/// Validates against the app's own schema, and against the one in force if another tab has changed it.
pub(super) fn check(schema: &Schema, own: &Schema, table: &Table, document: &[u8]) -> Result<()> {
    let is_own = schema.is_of_same_app(own);
    if !is_own && let Some(mine) = own.table(&table.name) {
        check_against(own, mine, schema, document)?;
    }
    schema.check_write(table, &Document::new(document)).map_err(|error| {
        if is_own {
            error
        } else {
            Error::new(
                Code::SchemaChanged,
                format!("Another tab runs another version of this app, whose schema rejects this document. Reload the page. {}", error.message),
            )
        }
    })
}

/// The error of a patch. If the document that it changes was not written for this tab's app either, that the result does
/// not fit is not the caller's mistake.
pub(super) fn blame_version(schema: &Schema, own: &Schema, table: TableId, before: &[u8], error: Error) -> Error {
    let mine = schema.table_by_id(table).and_then(|table| own.table(&table.name));
    let mine = mine.filter(|_| !schema.is_of_same_app(own));
    let is_theirs = mine.is_some_and(|mine| check_against(own, mine, schema, before).is_err());
    if error.code != Code::SchemaEnforcementError || !is_theirs {
        return error;
    }
    Error::new(
        Code::SchemaChanged,
        format!(
            "Another tab runs another version of this app and has written this document. Reload the page to change it. {}",
            error.message
        ),
    )
}

/// Validates a document written with the names of one schema against a table of another.
fn check_against(own: &Schema, table: &Table, schema: &Schema, document: &[u8]) -> Result<()> {
    let document = Document::new(document);
    let validator = table.effective_validator();
    if validator.accepts_document(&document, &schema.names, own.numbers()) {
        return Ok(());
    }
    let value = document.to_value(&schema.names).map_err(|malformed| damaged(schema, table.id, malformed))?;
    validator.check_value(&value, own.numbers()).map_err(|mismatch| mismatch.write_error(&table.name))
}

pub(super) fn damaged(schema: &Schema, table: TableId, malformed: crate::bytes::Malformed) -> Error {
    let name = schema.table_by_id(table).map_or("?", |table| &table.name);
    Error::new(Code::Corrupt, format!("A document of table \"{name}\" is damaged ({}).", malformed.0))
}
