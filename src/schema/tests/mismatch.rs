//! Convex's texts for documents that don't match.

use super::samples::*;
use crate::document::{Document, encode};
use crate::error::Code;
use crate::id;
use crate::keyspace::RowId;
use crate::schema::{Mismatch, Schema, Validator};
use crate::value::Value;

/// Writes `value` to a table `t` with this validator, next to a table `users`; returns what comes after the prefix.
fn text_of(validator: Validator, value: &Value) -> Option<String> {
    let wanted = schema([table("t", &validator, []), table("users", &Validator::Any, [])]);
    let schema = evolve(&Schema::empty(), &wanted).schema;
    let bytes = encode(value, &schema.names);
    let table = schema.table("t").expect("declared");
    let error = schema.check_write(table, &Document::new(&bytes)).err()?;
    assert_eq!(error.code, Code::SchemaEnforcementError);
    let prefix = "Failed to insert or update a document in table \"t\" because it does not match the schema: ";
    Some(error.message.strip_prefix(prefix).expect("Convex's prefix").to_string())
}

#[test]
fn every_mismatch_is_told_in_the_words_of_convex() {
    let user = id::encode(id::derived_table_number("users"), &RowId([7; 16]));
    let own = id::encode(id::derived_table_number("t"), &RowId([7; 16]));
    let stranger = id::encode(9, &RowId([7; 16]));
    let cases: Vec<(Validator, Value, Option<String>)> = vec![
        (v_object([("a", Validator::String)]), object([("a", "x".into())]), None),
        (
            v_object([("a", Validator::String), ("b?", Validator::Null)]),
            object([]),
            Some(
                "Object is missing the required field `a`. Consider wrapping the field validator in `v.optional(...)` if this \
                 is expected.\n\nObject: {}\nValidator: v.object({a: v.string(), b: v.optional(v.null())})"
                    .into(),
            ),
        ),
        (
            v_object([("list", v_array(v_object([("n", Validator::Float64)])))]),
            object([("list", array([object([("n", 1.0.into())]), object([("m", Value::Null)])]))]),
            Some(
                "Object is missing the required field `n`. Consider wrapping the field validator in `v.optional(...)` if this \
                 is expected.\nPath: .list[1]\nObject: {m: null}\nValidator: v.object({n: v.float64()})"
                    .into(),
            ),
        ),
        (
            v_object([("a", Validator::Boolean)]),
            object([("a", true.into()), ("b", 2i64.into()), ("c", Value::Bytes(vec![1, 2, 255]))]),
            Some(
                "Object contains extra field `b` that is not in the validator.\n\n\
                 Object: {a: true, b: 2, c: b\"AQL/\"}\nValidator: v.object({a: v.boolean()})"
                    .into(),
            ),
        ),
        (
            v_object([("o", v_object([]))]),
            object([("o", object([("x", f64::NAN.into()), ("y", (-0.0).into()), ("z", 1e21.into())]))]),
            Some(
                "Object contains extra field `x` that is not in the validator.\nPath: .o\n\
                 Object: {x: NaN, y: -0.0, z: 1e21}\nValidator: v.object({})"
                    .into(),
            ),
        ),
        (
            v_object([("a", Validator::String)]),
            object([("a", array([1.0.into(), "q\"\n".into()]))]),
            Some("Value does not match validator.\nPath: .a\nValue: [1.0, \"q\\\"\\n\"]\nValidator: v.string()".into()),
        ),
        (
            v_object([("r", v_record(Validator::String, Validator::Int64))]),
            object([("r", object([("k", 1.0.into())]))]),
            Some("Value does not match validator.\nPath: .r.values()\nValue: 1.0\nValidator: v.int64()".into()),
        ),
        (
            v_object([("r", v_record(Validator::Id("users".into()), Validator::Any))]),
            object([("r", object([("k", 1.0.into())]))]),
            Some("Value does not match validator.\nPath: .r.keys()\nValue: \"k\"\nValidator: v.id(\"users\")".into()),
        ),
        (
            v_object([("a", v_literal("x"))]),
            object([("a", "y".into())]),
            Some("`\"y\"` does not match literal validator `v.literal(\"x\")`.\nPath: .a".into()),
        ),
        (
            v_object([("a", Validator::Literal(5i64.into()))]),
            object([("a", 5.0.into())]),
            Some("`5.0` does not match literal validator `v.literal(<bigint>)`.\nPath: .a".into()),
        ),
        (
            v_object([("a", Validator::Literal(1.0.into()))]),
            object([("a", Value::Null)]),
            Some("`null` does not match literal validator `v.literal(1.0)`.\nPath: .a".into()),
        ),
        (v_object([("a", Validator::Id("users".into()))]), object([("a", user.as_str().into())]), None),
        (
            v_object([("a", Validator::Id("users".into()))]),
            object([("a", own.as_str().into())]),
            Some(format!(
                "Found ID \"{own}\" from table `t`, which does not match the table name in validator `v.id(\"users\")`.\nPath: .a"
            )),
        ),
        (
            v_object([("a", Validator::Id("users".into()))]),
            object([("a", stranger.as_str().into())]),
            Some(format!("Value does not match validator.\nPath: .a\nValue: \"{stranger}\"\nValidator: v.id(\"users\")")),
        ),
        // A file's id: its table's number is the deployment's, and unknown here.
        (v_object([("a", Validator::Id("_storage".into()))]), object([("a", stranger.as_str().into())]), None),
        (
            v_object([("a", Validator::Id("_storage".into()))]),
            object([("a", user.as_str().into())]),
            Some(format!(
                "Found ID \"{user}\" from table `users`, which does not match the table name in validator `v.id(\"_storage\")`.\nPath: .a"
            )),
        ),
        // One member speaks for itself, several only say no.
        (
            Validator::Union(vec![v_object([("a", Validator::Null)])]),
            object([("a", true.into())]),
            Some("Value does not match validator.\nPath: .a\nValue: true\nValidator: v.null()".into()),
        ),
        (
            Validator::Union(vec![v_object([("a", Validator::Null)]), v_object([("a", Validator::Bytes)])]),
            object([("a", true.into())]),
            Some(
                "Value does not match validator.\n\nValue: {a: true}\n\
                 Validator: v.union(v.object({a: v.null()}), v.object({a: v.bytes()}))"
                    .into(),
            ),
        ),
        // The validator's fields come first, in their order, unknown ones last.
        (
            v_object([("b", Validator::Null), ("c", Validator::Null)]),
            object([("a", Value::Null), ("b", Value::Null)]),
            Some(
                "Object is missing the required field `c`. Consider wrapping the field validator in `v.optional(...)` if this \
                 is expected.\n\nObject: {a: null, b: null}\nValidator: v.object({b: v.null(), c: v.null()})"
                    .into(),
            ),
        ),
    ];
    for (validator, value, expected) in cases {
        assert_eq!(text_of(validator.clone(), &value), expected, "{validator} with {value:?}");
    }
}

#[test]
fn a_stored_document_that_does_not_fit_is_named() {
    let error = Mismatch::Rejected { reason: "Value does not match validator.".into(), path: String::new() }
        .stored_error("t", "abc");
    assert_eq!(error.code, Code::SchemaDoesNotFit);
    assert_eq!(
        error.message,
        "Document with ID \"abc\" in table \"t\" does not match the schema: Value does not match validator."
    );
    assert_eq!(error.path.as_deref(), Some("t/abc"));
}

#[test]
fn damaged_bytes_are_called_damaged() {
    let wanted = schema([table("t", &v_object([("a", Validator::String)]), [])]);
    let schema = evolve(&Schema::empty(), &wanted).schema;
    let bytes = encode(&object([("a", "hello".into())]), &schema.names);
    let table = schema.table("t").expect("declared");
    for length in 0..bytes.len() {
        let cut = Document::new(&bytes[..length]);
        let mismatch = schema.check(table, &cut).expect_err("cut short");
        assert!(matches!(mismatch, Mismatch::Damaged(_)), "{length}: {mismatch}");
        assert_eq!(mismatch.stored_error("t", "abc").code, Code::Corrupt);
    }
}

#[test]
fn without_enforcement_anything_goes() {
    let wanted =
        with(schema([table("t", &v_object([("a", Validator::String)]), [])]), "schemaValidation", false.into());
    let schema = evolve(&Schema::empty(), &wanted).schema;
    let bytes = encode(&object([("b", Value::Null)]), &schema.names);
    let table = schema.table("t").expect("declared");
    assert_eq!(schema.check(table, &Document::new(&bytes)), Ok(()));
}
