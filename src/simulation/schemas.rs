//! The schemas that tabs open the database with: versions of one app.

use super::program::{object, text};
use crate::document::{Names, encode_value};
use crate::schema::WantedSchema;
use crate::value::Value;

/// How many there are.
pub(super) const SCHEMAS: u64 = 6;

fn field(kind: Value, is_optional: bool) -> Value {
    object([("fieldType", kind), ("optional", Value::Boolean(is_optional))])
}

fn kind(name: &str) -> Value {
    object([("type", text(name))])
}

fn table(name: &str, indexes: &[(&str, &[&str])], fields: Vec<(&str, Value)>) -> Value {
    let indexes = indexes.iter().map(|(name, fields)| {
        let fields = fields.iter().map(|field| text(field)).collect();
        object([("indexDescriptor", text(name)), ("fields", Value::Array(fields))])
    });
    let fields = Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
    object([
        ("tableName", text(name)),
        ("indexes", Value::Array(indexes.collect())),
        ("documentType", object([("type", text("object")), ("value", fields)])),
    ])
}

/// One of the versions. The first is what most tabs have; the others have other indexes, wider or narrower
/// validators, a table less.
pub(super) fn definition(version: u64) -> WantedSchema {
    const BY_K: (&str, &[&str]) = ("by_k", &["k"]);
    const BY_G_N: (&str, &[&str]) = ("by_g_n", &["g", "n"]);
    const BY_N: (&str, &[&str]) = ("by_n", &["n"]);
    const BY_K_G: (&str, &[&str]) = ("by_k_g", &["k", "g"]);
    let indexes: &[(&str, &[&str])] = match version {
        0 | 4 => &[BY_K, BY_G_N],
        1 => &[BY_K, BY_G_N, BY_N, BY_K_G],
        2 => &[BY_K, BY_N],
        3 => &[BY_K, BY_K_G],
        _ => &[BY_K, BY_G_N, BY_K_G],
    };
    let mut items = vec![("k", field(kind("string"), false)), ("n", field(kind("number"), false))];
    let either = object([("type", text("union")), ("value", Value::Array(vec![kind("number"), kind("null")]))]);
    items.push(match version {
        2 => ("g", field(either, true)),
        3 => ("g", field(kind("number"), false)),
        _ => ("g", field(kind("number"), true)),
    });
    if version != 4 {
        items.push(("p", field(kind("string"), true)));
    }
    let account_indexes: &[(&str, &[&str])] =
        if version == 5 { &[("by_name", &["name"])] } else { &[("by_name", &["name"]), ("by_balance", &["balance"])] };
    let accounts = vec![("name", field(kind("string"), false)), ("balance", field(kind("number"), false))];
    let mut tables = vec![table("accounts", account_indexes, accounts), table("items", indexes, items)];
    if version != 2 {
        tables.push(table("extras", &[("by_x", &["x"])], vec![("x", field(kind("number"), false))]));
    }
    let schema = object([("tables", Value::Array(tables)), ("schemaValidation", Value::Boolean(true))]);
    let mut bytes = Vec::new();
    encode_value(&schema, &Names::new(), &mut bytes);
    WantedSchema::new(&bytes)
}
