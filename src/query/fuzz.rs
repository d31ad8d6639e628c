//! What a fuzzer feeds bytes to.

use crate::bytes::Reader;
use crate::document::{Document, Names, decode_value};
use crate::keyspace::{Place, RowId};
use crate::query::page_cursor::{self, Position};
use crate::query::{Expression, Row, plan};
use crate::schema::{IndexState, Schema, SchemaDefinition};
use crate::value::Value;

/// Bytes as a query, with its filters run on the same bytes as a document, and as a cursor. Any bytes are
/// fine; a panic is a finding.
pub(crate) fn fuzz_query(bytes: &[u8]) {
    let names = Names::new();
    let mut reader = Reader::new(bytes);
    let Ok(query) = decode_value(&mut reader, &names) else {
        return;
    };
    // What follows the query is the document.
    let rest = bytes.get(reader.position()..).unwrap_or_default();
    let place = Place { creation_time: 0.0, id: RowId([0; 16]) };
    let row = Row::new(Document::new(rest), &names, 1, place);
    if let Ok(expression) = Expression::parse(&query) {
        let _ = expression.matches(&row);
    }
    let Some(schema) = schema_of(&[("by_ab", &["a", "b.c"])]) else {
        return;
    };
    let Ok(mut plan) = plan(&schema, &query) else {
        return;
    };
    let _ = plan.matches(&row);
    let text = String::from_utf8_lossy(rest);
    if let Ok(position) = page_cursor::decode(&plan, &text) {
        plan.narrow(Some(&position), None);
    }
    let end = page_cursor::encode(&plan, &Position::After(rest.to_vec()));
    assert!(page_cursor::decode(&plan, &end).is_ok(), "what is written is read back");
}

/// One table `tasks` with these indexes, all ready.
pub(super) fn schema_of(indexes: &[(&str, &[&str])]) -> Option<Schema> {
    let text = |text: &str| Value::String(text.to_owned());
    let indexes = indexes.iter().map(|(name, fields)| {
        let fields = Value::Array(fields.iter().map(|field| text(field)).collect());
        object([("indexDescriptor", text(name)), ("fields", fields)])
    });
    let table = object([("tableName", text("tasks")), ("indexes", Value::Array(indexes.collect()))]);
    let definition = SchemaDefinition::from_value(&object([("tables", Value::Array(vec![table]))])).ok()?;
    let mut schema = Schema::empty().evolve(&definition).ok()??.schema;
    let ids: Vec<_> = schema.tables().iter().flat_map(|table| table.indexes()).map(|index| index.id).collect();
    for id in ids {
        schema.set_index_state(id, IndexState::Ready);
    }
    Some(schema)
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
