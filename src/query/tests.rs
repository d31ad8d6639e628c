//! Queries against models that are too simple to be wrong.

mod errors;
mod evaluation;
mod pages;
mod ranges;

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::document::Names;
use crate::keyspace::{Place, RowId};
use crate::query::fuzz::object;
use crate::schema::{IndexState, Schema};
use crate::value::Value;

pub(super) fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn number(number: f64) -> Value {
    Value::Float64(number)
}

/// `undefined` as it crosses the line.
pub(super) fn serialized(value: Option<Value>) -> Value {
    value.unwrap_or_else(|| object([("$undefined", Value::Null)]))
}

pub(super) fn schema_of(indexes: &[(&str, &[&str])]) -> Schema {
    crate::query::fuzz::schema_of(indexes).expect("a valid schema")
}

pub(super) fn bound(kind: &str, field: &str, value: Option<Value>) -> Value {
    object([("type", string(kind)), ("fieldPath", string(field)), ("value", serialized(value))])
}

pub(super) fn index_query(index: &str, range: Vec<Value>, order: &str, operators: Vec<Value>) -> Value {
    let source = object([
        ("type", string("IndexRange")),
        ("indexName", string(&format!("tasks.{index}"))),
        ("range", Value::Array(range)),
        ("order", string(order)),
    ]);
    object([("source", source), ("operators", Value::Array(operators))])
}

pub(super) fn table_query(operators: Vec<Value>) -> Value {
    let source = object([("type", string("FullTableScan")), ("tableName", string("tasks")), ("order", Value::Null)]);
    object([("source", source), ("operators", Value::Array(operators))])
}

/// A row as the models see it.
#[derive(Clone, Debug)]
pub(super) struct ModelRow {
    /// Without system fields.
    pub(super) fields: BTreeMap<String, Value>,
    pub(super) place: Place,
}

impl ModelRow {
    pub(super) fn id_text(&self, table_number: u32) -> String {
        crate::id::encode(table_number, &self.place.id)
    }

    /// The field at a dotted path, system fields included.
    pub(super) fn get(&self, path: &str, table_number: u32) -> Option<Value> {
        match path {
            "_id" => return Some(string(&self.id_text(table_number))),
            "_creationTime" => return Some(number(self.place.creation_time)),
            _ => {}
        }
        let mut segments = path.split('.');
        let field = self.fields.get(segments.next()?);
        segments.try_fold(field?, |found, segment| found.get(segment)).cloned()
    }
}

/// Values that lie close together in the order of values, so that ranges hit them.
pub(super) fn any_value() -> impl Strategy<Value = Value> {
    let scalars = vec![
        Value::Null,
        Value::Int64(i64::MIN),
        Value::Int64(-5),
        Value::Int64(0),
        Value::Int64(7),
        Value::Int64(i64::MAX),
        number(f64::NEG_INFINITY),
        number(-1.5),
        number(-0.0),
        number(0.0),
        number(1.0),
        number(f64::INFINITY),
        number(f64::NAN),
        Value::Boolean(false),
        Value::Boolean(true),
        string(""),
        string("a"),
        string("a\0"),
        string("a\0b"),
        string("b"),
        string("\u{ffff}"),
        string("😀"),
        Value::Bytes(vec![]),
        Value::Bytes(vec![0]),
        Value::Bytes(vec![0, 255]),
    ];
    proptest::sample::select(scalars).prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(Value::from),
        ]
    })
}

pub(super) fn any_row() -> impl Strategy<Value = ModelRow> {
    let fields = prop::collection::btree_map("[a-d]", any_value(), 0..4);
    let creation_time = proptest::sample::select(vec![1.0, 2.0, 2.5, 3.0, 1.7e12]);
    let id = (prop::array::uniform14(0u8..2), 20_000u16..20_003).prop_map(|(random, day)| {
        let mut bytes = [0; 16];
        bytes[..14].copy_from_slice(&random);
        bytes[14..].copy_from_slice(&day.to_be_bytes());
        RowId(bytes)
    });
    (fields, creation_time, id)
        .prop_map(|(fields, creation_time, id)| ModelRow { fields, place: Place { creation_time, id } })
}

/// Rows with different ids.
pub(super) fn any_rows(most: usize) -> impl Strategy<Value = Vec<ModelRow>> {
    prop::collection::vec(any_row(), 0..most).prop_map(|mut rows| {
        rows.sort_by_key(|row| row.place.id);
        rows.dedup_by_key(|row| row.place.id);
        rows
    })
}

/// Some names have a number in the dictionary and some have not.
pub(super) fn names() -> Names {
    let mut names = Names::new();
    names.add("b");
    names.add("a");
    names
}
