//! Which schemas are accepted, and the words for the others.

use std::collections::BTreeMap;

use super::samples::*;
use crate::id;
use crate::schema::{Schema, SchemaDefinition, Validator};
use crate::value::Value;

fn one_table<const N: usize>(indexes: [Value; N]) -> Value {
    schema([table("t", &v_object([("a", Validator::String), ("o", v_object([("p", Validator::Any)]))]), indexes)])
}

/// A schema whose only table has one field with this exported validator.
fn one_field(json: Value) -> Value {
    let fields = object([("f", object([("fieldType", json), ("optional", false.into())]))]);
    let document_type = object([("type", "object".into()), ("value", fields)]);
    let tables = array([object([("tableName", "t".into()), ("documentType", document_type)])]);
    object([("tables", tables), ("schemaValidation", true.into())])
}

fn search(name: &str, field: &str) -> Value {
    object([("indexDescriptor", name.into()), ("searchField", field.into()), ("filterFields", array([]))])
}

fn vector(name: &str, field: &str) -> Value {
    let dimensions = ("dimensions", 3.0.into());
    object([("indexDescriptor", name.into()), ("vectorField", field.into()), dimensions, ("filterFields", array([]))])
}

#[test]
fn contradictions_are_told_in_the_words_of_convex() {
    let any = Validator::Any;
    let many: Vec<String> = (0..16).map(|position| format!("f{position}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let crowd = (0..65).map(|position| index(&format!("i{position}"), &[&format!("f{position}")])).collect();
    let long = "x".repeat(65);
    let not_a_field = |field: &str| {
        format!(
            "In table \"t\": In index \"i\": Invalid index field: \"{field}\". Identifiers must start with a letter and can only \
             contain letters, digits, and underscores."
        )
    };
    let cases: Vec<(Value, String)> = vec![
        (one_table([index("i", &[])]), "In table \"t\" index \"i\" must have at least one field.".into()),
        (
            with(schema([with(table("t", &any, []), "stagedDbIndexes", array([index("i", &[])]))]), "x", Value::Null),
            "In table \"t\" staged index \"i\" must have at least one field.".into(),
        ),
        (
            schema([table("t", &any, [index("i", &many)])]),
            "In table \"t\": In index \"i\": Indexes may have up to 15 fields beside `_creationTime`.".into(),
        ),
        (
            one_table([index("i", &["a", "a"])]),
            "In table \"t\": In index \"i\": Duplicate field \"a\". Index fields must be unique within an index.".into(),
        ),
        (
            one_table([index("first", &["a"]), index("second", &["a"])]),
            "In table \"t\" index \"second\" and index \"first\" have the same fields. Indexes must be unique within a table."
                .into(),
        ),
        (
            one_table([index("i", &["_id"])]),
            "In table \"t\": In index \"i\": `_id` is not a valid index field. To load documents by ID, use `db.get(id)`.".into(),
        ),
        (
            one_table([index("i", &["a", "_creationTime"])]),
            "In table \"t\": In index \"i\": `_creationTime` is automatically added to the end of each index. It should not be \
             added explicitly in the index definition. See https://docs.convex.dev/using/indexes for more details."
                .into(),
        ),
        (
            one_table([index("i", &["o._p"])]),
            "In table \"t\": In index \"i\": Reserved fields (starting with `_`) are not allowed in indexes.".into(),
        ),
        (one_table([index("i", &["a-b"])]), not_a_field("a-b")),
        (one_table([index("i", &["a..b"])]), not_a_field("a..b")),
        (one_table([index("i", &["."])]), not_a_field(".")),
        (
            one_table([index("by_id", &["a"])]),
            "In table \"t\" cannot name an index \"by_id\" because the name is reserved. Indexes may not start with an \
             underscore or be named \"by_id\" or \"by_creation_time\"."
                .into(),
        ),
        (
            one_table([index("_i", &["a"])]),
            "In table \"t\" cannot name an index \"_i\" because the name is reserved. Indexes may not start with an \
             underscore or be named \"by_id\" or \"by_creation_time\"."
                .into(),
        ),
        (
            one_table([index("i", &["a"]), index("i", &["o"])]),
            "Table \"t\" has two or more definitions of index \"i\".".into(),
        ),
        (
            schema([with(table("t", &any, [index("i", &["a"])]), "searchIndexes", array([search("i", "a")]))]),
            "Table \"t\" has two or more definitions of index \"i\".".into(),
        ),
        (
            one_table([index(&long, &["a"])]),
            format!(
                "In table \"t\": Invalid index name: \"{long}\". Identifiers must be 64 characters or less, start with a \
                 letter, and only contain letters, digits, underscores."
            ),
        ),
        (
            schema([with(table("t", &any, []), "indexes", Value::Array(crowd))]),
            "Table \"t\" cannot have more than 64 indexes.".into(),
        ),
        (
            one_table([index("i", &["b"])]),
            "In table \"t\" the index \"i\" is invalid because it references the field \"b\" that does not exist.".into(),
        ),
        (
            one_table([index("i", &["a.b"])]),
            "In table \"t\" the index \"i\" is invalid because it references the field \"a.b\" that does not exist.".into(),
        ),
        (
            schema([with(table("t", &any, []), "searchIndexes", array([search("s1", "a"), search("s2", "a")]))]),
            "In table \"t\" search index \"s2\" and search index \"s1\" have the same `searchField`. Search index fields must \
             be unique within a table. You should combine the\n             indexes with the same `searchField` into one index \
             containing all `filterField`s and then use different subsets of the `filterField`s at query time."
                .into(),
        ),
        (
            schema([with(table("t", &any, []), "vectorIndexes", array([vector("v1", "a"), vector("v2", "a")]))]),
            "In table \"t\" vector index \"v2\" and vector index \"v1\" have the same `vectorField`. Vector index fields must \
             be unique within a table. You should combine the\n             indexes with the same `vectorField` into one index \
             containing all `filterField`s and then use different subsets of the `filterField`s at query time."
                .into(),
        ),
        (
            schema([table("bad name", &any, [])]),
            "Invalid table name: \"bad name\". Identifiers must start with a letter and can only contain letters, digits, and \
             underscores."
                .into(),
        ),
        (
            schema([table(&long, &any, [])]),
            format!("Invalid table name: \"{long}\". It is too long (65 > maximum 64)."),
        ),
        (
            one_table([index("i", &[&format!("a.{long}")])]),
            format!("In table \"t\": In index \"i\": Invalid index field: \"a.{long}\". It is too long (65 > maximum 64)."),
        ),
        (schema([table("_t", &any, [])]), "_t is a reserved table name.".into()),
        (schema([table("t", &any, []), table("t", &any, [])]), "Table \"t\" is defined twice.".into()),
        (
            schema([table("t", &Validator::String, [])]),
            "The document validator in a schema must be an object, a union of objects, or `v.any()`. Found v.string(). To \
             learn more, see the schema documentation at https://docs.convex.dev/database/schemas."
                .into(),
        ),
        (
            schema([table("t", &Validator::Union(vec![v_object([]), Validator::Null]), [])]),
            "The document validator in a schema must be an object, a union of objects, or `v.any()`. Found v.null(). To \
             learn more, see the schema documentation at https://docs.convex.dev/database/schemas."
                .into(),
        ),
        (
            one_field(export(&v_record(Validator::Float64, Validator::Null))),
            "In table \"t\": Invalid validator for key `f`: Records can only have string keys. Your validator contains a \
             record with key typed as `v.float64()`, which is not a subtype of `v.string()`"
                .into(),
        ),
        (
            one_field(export(&v_record(Validator::Union(vec![v_literal("x"), Validator::String]), Validator::Null))),
            "In table \"t\": Invalid validator for key `f`: Records cannot have string literal keys".into(),
        ),
        (
            one_field(object([
                ("type", "record".into()),
                ("keys", export(&Validator::String)),
                ("values", object([("fieldType", export(&Validator::Null)), ("optional", true.into())])),
            ])),
            "In table \"t\": Invalid validator for key `f`: Records cannot have optional values".into(),
        ),
        (
            one_field(object([("type", "literal".into()), ("value", Value::Null)])),
            "In table \"t\": Invalid validator for key `f`: v.literal(value) must be a string, number, bigint, or boolean".into(),
        ),
        (
            one_field(export(&Validator::Literal(f64::INFINITY.into()))),
            "In table \"t\": Invalid validator for key `f`: Infinite or NaN values are not supported in literal validators."
                .into(),
        ),
        (
            one_field(object([("type", "date".into())])),
            "In table \"t\": Invalid validator for key `f`: There is no validator of the type \"date\".".into(),
        ),
        (
            schema([table("t", &v_object([("a-b", Validator::Null)]), [])]),
            "In table \"t\": Identifier a-b has invalid character '-': Identifiers can only contain alphanumeric characters \
             or underscores"
                .into(),
        ),
        (Value::Null, "A schema must be an object.".into()),
        (object([("tables", 1.0.into())]), "`tables` must be an array.".into()),
        (
            with(schema([]), "tableNumbers", object([("t", 10_003.0.into())])),
            "`tableNumbers` names the table \"t\", which is not in the schema.".into(),
        ),
        (
            with(schema([table("t", &any, [])]), "tableNumbers", object([("t", 1.5.into())])),
            "The table number of \"t\" must be a whole number from 1 to 4294967295.".into(),
        ),
        (
            with(
                schema([table("t", &any, []), table("s", &any, [])]),
                "tableNumbers",
                object([("t", 10_003.0.into()), ("s", 10_003i64.into())]),
            ),
            "Tables \"s\" and \"t\" both have the table number 10003, so their ids could not be told apart. \
             Give one of them another number: tableNumbers: { t: … }."
                .into(),
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(rejection(&value), expected, "{value:?}");
    }
}

#[test]
fn older_exports_are_understood() {
    // No staged, search or vector indexes, no documentType, no schemaValidation.
    let bare =
        object([("tables", array([object([("tableName", "t".into()), ("indexes", array([index("i", &["a"])]))])]))]);
    let definition = define(&bare);
    assert!(!definition.enforced);
    assert_eq!(definition.tables["t"].validator, Validator::Any);
    assert_eq!(definition.tables["t"].indexes.len(), 1);

    // Record values came bare, int64 literals in Convex's JSON, maps and sets were checked as anything.
    let record =
        object([("type", "record".into()), ("keys", export(&Validator::String)), ("values", export(&Validator::Null))]);
    let integer = object([("type", "literal".into()), ("value", object([("$integer", "AQAAAAAAAAA=".into())]))]);
    let negative = object([("type", "literal".into()), ("value", object([("$integer", "//////////8=".into())]))]);
    let zero = object([("type", "literal".into()), ("value", object([("$float", "AAAAAAAAAIA=".into())]))]);
    let map =
        object([("type", "map".into()), ("keys", export(&Validator::String)), ("values", export(&Validator::Null))]);
    for (json, expected) in [
        (record, v_record(Validator::String, Validator::Null)),
        (integer, Validator::Literal(1i64.into())),
        (negative, Validator::Literal((-1i64).into())),
        (zero, Validator::Literal((-0.0).into())),
        (map, Validator::Any),
    ] {
        assert_eq!(Validator::from_value(&json), Ok(expected));
    }
}

#[test]
fn system_fields_on_top_are_not_the_validators_business() {
    let validator = v_object([
        ("_id", Validator::Id("t".into())),
        ("_creationTime", Validator::Float64),
        ("o", v_object([("_inside", Validator::Null)])),
    ]);
    let expected = v_object([("o", v_object([("_inside", Validator::Null)]))]);
    for (written, expected) in
        [(validator.clone(), expected.clone()), (Validator::Union(vec![validator]), Validator::Union(vec![expected]))]
    {
        assert_eq!(define(&schema([table("t", &written, [])])).tables["t"].validator, expected);
    }
}

#[test]
fn unchecked_schemas_may_index_unknown_fields() {
    let loose = with(one_table([index("i", &["b"])]), "schemaValidation", false.into());
    assert!(SchemaDefinition::from_value(&loose).is_ok());
}

#[test]
fn staged_indexes_are_indexes() {
    let wanted = schema([with(table("t", &Validator::Any, []), "stagedDbIndexes", array([index("i", &["a"])]))]);
    let schema = evolve(&Schema::empty(), &wanted).schema;
    assert!(schema.table("t").and_then(|table| table.index("i")).expect("an index").staged);
}

#[test]
fn a_deployments_system_tables_may_be_pinned() {
    let pins = object([("t", 10_003.0.into()), ("_storage", 10_002.0.into())]);
    let definition = define(&with(schema([table("t", &Validator::Any, [])]), "tableNumbers", pins));
    assert_eq!(definition.tables["t"].number, 10_003);
}

#[test]
fn nesting_without_end_is_refused() {
    let mut json = export(&Validator::Null);
    for _ in 0..1000 {
        json = object([("type", "array".into()), ("value", json)]);
    }
    let error = Validator::from_value(&json).expect_err("too deep");
    assert_eq!(error.message, "Validators may be nested up to 64 levels deep.");
}

/// Two names whose derived numbers are the same, found by trying.
pub(crate) fn colliding_names() -> (String, String) {
    let mut seen = BTreeMap::new();
    for position in 0.. {
        let name = format!("t{position}");
        if let Some(other) = seen.insert(id::derived_table_number(&name), name.clone()) {
            return (other, name);
        }
    }
    unreachable!("there are fewer numbers than names")
}

#[test]
fn colliding_numbers_name_both_tables_and_a_pin_tells_them_apart() {
    let (first, second) = colliding_names();
    let number = id::derived_table_number(&first);
    let wanted = schema([table(&first, &Validator::Any, []), table(&second, &Validator::Any, [])]);
    let message = rejection(&wanted);
    assert!(message.starts_with("Tables \"t"), "{message}");
    assert!(message.contains(&format!("\"{first}\"")) && message.contains(&format!("\"{second}\"")), "{message}");
    assert!(message.contains(&number.to_string()), "{message}");

    let pinned = with(wanted, "tableNumbers", object([(second.as_str(), 10_001.0.into())]));
    let schema = evolve(&Schema::empty(), &pinned).schema;
    assert_eq!(schema.table_by_number(number).map(|table| &table.name), Some(&first));
    assert_eq!(schema.table_by_number(10_001).map(|table| &table.name), Some(&second));
}
