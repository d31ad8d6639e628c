//! The texts of all errors.

use super::*;
use crate::error::Code;
use crate::query::{MOST_OPERATORS, plan};

fn check(query: &Value, code: Code, message: &str) {
    let schema = schema_of(&[("by_ab", &["a", "b"]), ("by_c_d", &["c.d"])]);
    let error = plan(&schema, query).expect_err(message);
    assert_eq!((error.code, error.message.as_str()), (code, message));
}

fn check_range(index: &str, range: Vec<Value>, message: &str) {
    check(&index_query(index, range, "asc", vec![]), Code::InvalidIndexRange, message);
}

fn one(field: &str) -> Value {
    bound("Eq", field, Some(number(1.0)))
}

fn with_order(order: Value) -> Value {
    let source = object([("type", string("FullTableScan")), ("tableName", string("tasks")), ("order", order)]);
    object([("source", source), ("operators", Value::Array(vec![]))])
}

fn with_source(source: Value) -> Value {
    object([("source", source), ("operators", Value::Array(vec![]))])
}

fn limit(most: Value) -> Value {
    table_query(vec![object([("limit", most)])])
}

fn filter(expression: Value) -> Value {
    table_query(vec![object([("filter", expression)])])
}

#[test]
fn unknown_tables_and_indexes_are_named() {
    let scan = object([("type", string("FullTableScan")), ("tableName", string("users"))]);
    check(&with_source(scan), Code::TableNotFound, "Table 'users' not found");

    let index = |name: &str| {
        with_source(object([
            ("type", string("IndexRange")),
            ("indexName", string(name)),
            ("range", Value::Array(vec![])),
        ]))
    };
    check(&index("users.by_ab"), Code::TableNotFound, "Table 'users' not found");
    check(&index("tasks.by_x"), Code::IndexNotFound, "Index tasks.by_x not found.");
    check(&index("tasks"), Code::InvalidArgument, "Insufficient components in index name tasks");
    check(&index("tasks.by_x.y"), Code::InvalidArgument, "Too many components in index name tasks.by_x.y");

    let search =
        object([("type", string("Search")), ("indexName", string("tasks.s")), ("filters", Value::Array(vec![]))]);
    check(&with_source(search), Code::InvalidArgument, "Search queries are not supported.");
}

#[test]
fn an_index_that_is_not_ready_is_not_read() {
    let mut schema = schema_of(&[("x", &["a"])]);
    let query = index_query("x", vec![], "asc", vec![]);
    let message = |schema: &Schema| plan(schema, &query).expect_err("not ready").to_string();

    let index = schema.tables()[0].indexes()[0].id;
    schema.set_index_state(index, IndexState::Building { after: None });
    assert!(plan(&schema, &query).is_ok(), "whoever executes it waits");
    schema.set_index_state(index, IndexState::Dropping);
    assert_eq!(message(&schema), "IndexNotFound: Index tasks.x not found.");
}

#[test]
fn a_range_uses_the_fields_in_order() {
    let out_of_order = |index: &str, fields: &str, used: &str, first: &str| {
        format!(
            "Tried to query index tasks.{index} but the query didn't use the index fields in order.\n\
             Index fields: {fields}\n\
             Query fields: {used}\n\
             First incorrect field: \"{first}\"\n\
             For more information see https://docs.convex.dev/using/indexes."
        )
    };
    let by_ab = "[\"a\", \"b\", \"_creationTime\"]";
    check_range("by_ab", vec![one("b")], &out_of_order("by_ab", by_ab, "[\"b\"]", "b"));
    let more = "For more";
    let rule = "\"a\" has a bound, so \"b\" after it can't have `eq`.\nFor more";
    let expected = out_of_order("by_ab", by_ab, "[\"b\", \"a\"]", "b").replace(more, rule);
    check_range("by_ab", vec![one("b"), bound("Gt", "a", None)], &expected);
    check_range("by_ab", vec![bound("Gt", "a", None), one("b")], &expected);
    check_range(
        "by_ab",
        vec![one("_creationTime"), one("a")],
        &out_of_order("by_ab", by_ab, "[\"a\", \"_creationTime\"]", "_creationTime"),
    );
    check_range(
        "by_c_d",
        vec![bound("Lt", "_creationTime", Some(number(1.0)))],
        &out_of_order("by_c_d", "[\"c.d\", \"_creationTime\"]", "[\"_creationTime\"]", "_creationTime"),
    );
    check_range(
        "by_creation_time",
        vec![one("_id")],
        &out_of_order("by_creation_time", "[\"_creationTime\"]", "[\"_id\"]", "_id"),
    );
}

#[test]
fn a_range_only_uses_fields_of_the_index() {
    let not_indexed = |index: &str, fields: &str, field: &str| {
        format!(
            "The index range included a comparison with \"{field}\", but tasks.{index} with fields {fields} doesn't index \
             this field. For more information see https://docs.convex.dev/using/indexes."
        )
    };
    let by_ab = "[\"a\", \"b\", \"_creationTime\"]";
    check_range("by_ab", vec![one("a"), one("x.y")], &not_indexed("by_ab", by_ab, "x.y"));
    check_range("by_ab", vec![one("a"), bound("Gte", "x", None)], &not_indexed("by_ab", by_ab, "x"));
    // Equalities come first, and in order of their names.
    check_range("by_ab", vec![bound("Gte", "p", None), one("z"), one("y")], &not_indexed("by_ab", by_ab, "y"));
    check_range("by_id", vec![one("_creationTime")], &not_indexed("by_id", "[]", "_creationTime"));
}

#[test]
fn a_bound_is_given_once() {
    let twice =
        |kind: &str, rest: &str| format!("Already defined {kind} bound in index range. Can't add \"a\" {rest}.");
    let a = |kind: &str, value: Value| bound(kind, "a", Some(value));
    check_range("by_ab", vec![a("Eq", number(1.0)), a("Eq", number(2.0))], &twice("equality", "== 1.0"));
    check_range("by_ab", vec![a("Gt", number(1.0)), a("Gt", number(2.5))], &twice("lower", "> 2.5"));
    check_range("by_ab", vec![a("Gt", number(1.0)), a("Gte", string("x\"y"))], &twice("lower", ">= \"x\\\"y\""));
    check_range("by_ab", vec![a("Lt", number(1.0)), bound("Lt", "a", None)], &twice("upper", "< undefined"));
    let nested =
        object([("k", Value::Array(vec![Value::Null, Value::Int64(3)])), ("l", Value::Bytes(vec![1, 2, 255, 0]))]);
    check_range(
        "by_ab",
        vec![a("Lte", number(1.0)), a("Lte", nested)],
        &twice("upper", "<= {k: [null, 3], l: b\"AQL/AA==\"}"),
    );
    check_range("by_ab", vec![a("Lte", number(1.0)), a("Eq", Value::Boolean(true))], &twice("inequality", "== true"));
    check_range(
        "by_ab",
        vec![bound("Gt", "a", None), bound("Lt", "b", None)],
        "Upper and lower bounds in `range` can only be applied to a single index field. This query against index \
         tasks.by_ab attempted to set a range bound on both \"a\" and \"b\". Consider using `filter` instead. See \
         https://docs.convex.dev/using/indexes for more info.",
    );
}

#[test]
fn a_bound_on_ids_is_an_id() {
    let other_table = crate::id::encode(1, &RowId([7; 16]));
    for text in ["nonsense", &other_table] {
        let message = format!("Index tasks.by_id can't be divided at \"{text}\", which is not an id of this table.");
        let range = vec![bound("Gt", "_id", Some(string(text)))];
        check(&index_query("by_id", range, "asc", vec![]), Code::InvalidId, &message);

        let range = vec![bound("Eq", "_id", Some(string(text)))];
        assert!(plan(&schema_of(&[]), &index_query("by_id", range, "asc", vec![])).expect("a plan").is_empty());
    }
}

#[test]
fn operators_are_counted_and_limits_are_whole() {
    let filters = vec![object([("filter", object([("$literal", Value::Boolean(true))]))]); MOST_OPERATORS];
    assert!(plan(&schema_of(&[]), &table_query(filters.clone())).is_ok());
    let mut too_many = filters;
    too_many.push(too_many[0].clone());
    check(&table_query(too_many), Code::InvalidArgument, "Query has too many operators: 257");

    for wrong in
        [number(-1.0), number(0.5), number(f64::NAN), number(f64::INFINITY), string("1"), Value::Int64(1), Value::Null]
    {
        check(&limit(wrong), Code::InvalidArgument, "Arg 1 `n` to `take` must be a non-negative integer");
    }
    let most = |most| plan(&schema_of(&[]), &limit(number(most))).expect("a plan").limit;
    assert_eq!([most(0.0), most(7.0), most(1e300)], [Some(0), Some(7), Some(usize::MAX)]);

    let after =
        vec![object([("limit", number(1.0))]), object([("filter", object([("$literal", Value::Boolean(true))]))])];
    check(&table_query(after), Code::InvalidArgument, "Invalid query: a filter follows a limit");
}

#[test]
fn a_query_that_no_builder_makes_is_refused() {
    let invalid =
        |query: &Value, problem: &str| check(query, Code::InvalidArgument, &format!("Invalid query: {problem}"));
    invalid(&Value::Null, "`source` is missing");
    invalid(&with_source(object([])), "`type` is missing");
    invalid(&with_source(object([("type", Value::Null)])), "`type` is not a string");
    invalid(&with_source(object([("type", string("Join"))])), "its source is of no known type");
    invalid(&with_order(string("up")), "expected \"asc\" or \"desc\"");
    invalid(&table_query(vec![object([])]), "an operator is neither a filter nor a limit nor a selection");
    invalid(
        &index_query("by_ab", vec![bound("Ne", "a", None)], "asc", vec![]),
        "a range expression is of no known type",
    );
    invalid(&filter(Value::Null), "an expression is not an object");
    invalid(&filter(object([])), "an expression needs exactly one operator");
    invalid(&filter(object([("$not", Value::Null), ("$or", Value::Null)])), "an expression needs exactly one operator");
    invalid(&filter(object([("$like", Value::Null)])), "there is no operator $like");
    invalid(&filter(object([("$eq", Value::Array(vec![]))])), "an operator needs two operands");
    invalid(&filter(object([("$and", Value::Null)])), "an operator's operands are not an array");
    invalid(&filter(object([("$field", Value::Null)])), "a field's path is not a string");
    let deep = (0..100).fold(object([("$literal", Value::Null)]), |inner, _| object([("$not", inner)]));
    invalid(&filter(deep), "a filter is nested too deep");
}

#[test]
fn paths_are_made_of_identifiers() {
    let long = format!("a.{}", "x".repeat(65));
    let too_long = format!("Invalid field path: \"{long}\". It is too long (65 > maximum 64).");
    check(&filter(object([("$field", string(&long))])), Code::InvalidArgument, &too_long);
    for (path, code, message) in [
        ("", Code::InvalidArgument, "Empty path "),
        ("..", Code::InvalidArgument, "Empty path .."),
        ("a.$b", Code::InvalidValue, "Field name $b starts with a '$', which is reserved."),
        (
            "a..b",
            Code::InvalidArgument,
            "Invalid field path: \"a..b\". Identifiers must start with a letter and can only contain letters, digits, and \
             underscores.",
        ),
    ] {
        check(&filter(object([("$field", string(path))])), code, message);
        check(&index_query("by_ab", vec![bound("Eq", path, None)], "asc", vec![]), code, message);
    }
    // Convex forgives dots at the ends.
    assert!(
        plan(&schema_of(&[("x", &["a"])]), &index_query("x", vec![bound("Eq", ".a.", None)], "asc", vec![])).is_ok()
    );
}
