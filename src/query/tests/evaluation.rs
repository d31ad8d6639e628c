//! Filters on a document's bytes come out as they do for a naive evaluator over values.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;
use crate::document::{Document, encode};
use crate::error::Code;
use crate::query::{Expression, Row};
use crate::value::compare_optional;

const TABLE_NUMBER: u32 = 20_000;

fn literal(value: Option<Value>) -> Value {
    object([("$literal", serialized(value))])
}

fn field(path: &str) -> Value {
    object([("$field", string(path))])
}

fn apply(operator: &str, operands: Vec<Value>) -> Value {
    object([(operator, Value::Array(operands))])
}

fn apply_one(operator: &str, operand: Value) -> Value {
    object([(operator, operand)])
}

/// Evaluates the serialized form itself, on values. Failures are only told apart by their sentence's start.
fn naive(expression: &Value, row: &ModelRow) -> Result<Option<Value>, &'static str> {
    let (operator, operand) = expression.as_object().expect("an object").iter().next().expect("an operator");
    let operands = operand.as_array().unwrap_or_default();
    let boolean = |value: Option<Value>| value.and_then(|value| value.as_bool()).ok_or("Cannot use value");
    let compare = || -> Result<Ordering, &'static str> {
        Ok(compare_optional(naive(&operands[0], row)?.as_ref(), naive(&operands[1], row)?.as_ref()))
    };
    let arithmetic = |integers: fn(i64, i64) -> Option<i64>, floats: fn(f64, f64) -> f64| match (
        naive(&operands[0], row)?,
        naive(&operands[1], row)?,
    ) {
        (Some(Value::Int64(left)), Some(Value::Int64(right))) => {
            integers(left, right).map(Value::Int64).map(Some).ok_or("Cannot")
        }
        (Some(Value::Float64(left)), Some(Value::Float64(right))) => {
            let result = floats(left, right);
            Ok(Some(number(if result.is_nan() { f64::NAN } else { result })))
        }
        _ => Err("Cannot"),
    };
    let truth = |truth: bool| Ok(Some(Value::Boolean(truth)));
    match operator.as_str() {
        "$eq" => truth(compare()?.is_eq()),
        "$neq" => truth(compare()?.is_ne()),
        "$lt" => truth(compare()?.is_lt()),
        "$lte" => truth(compare()?.is_le()),
        "$gt" => truth(compare()?.is_gt()),
        "$gte" => truth(compare()?.is_ge()),
        "$add" => arithmetic(i64::checked_add, |left, right| left + right),
        "$sub" => arithmetic(i64::checked_sub, |left, right| left - right),
        "$mul" => arithmetic(i64::checked_mul, |left, right| left * right),
        "$div" => arithmetic(i64::checked_div, |left, right| left / right),
        "$mod" => arithmetic(i64::checked_rem, |left, right| left % right),
        "$neg" => match naive(operand, row)? {
            Some(Value::Int64(number)) => number.checked_neg().map(Value::Int64).map(Some).ok_or("Cannot negate"),
            Some(Value::Float64(x)) => Ok(Some(number(if x.is_nan() { x } else { -x }))),
            _ => Err("Cannot negate"),
        },
        "$and" => {
            for operand in operands {
                if !boolean(naive(operand, row)?)? {
                    return truth(false);
                }
            }
            truth(true)
        }
        "$or" => {
            for operand in operands {
                if boolean(naive(operand, row)?)? {
                    return truth(true);
                }
            }
            truth(false)
        }
        "$not" => truth(!boolean(naive(operand, row)?)?),
        "$field" => Ok(row.get(operand.as_str().expect("a path"), TABLE_NUMBER)),
        "$literal" => Ok(if operand.get("$undefined").is_some() { None } else { Some(operand.clone()) }),
        other => unreachable!("{other}"),
    }
}

pub(super) fn any_expression() -> impl Strategy<Value = Value> {
    let paths = vec!["a", "b", "c", "d", "a.a", "b.c", "a.b.c", "_id", "_creationTime", "_id.a"];
    let leaf = prop_oneof![
        3 => proptest::sample::select(paths).prop_map(field),
        2 => prop::option::weighted(0.9, any_value()).prop_map(literal),
        1 => any_row().prop_map(|row| literal(Some(string(&row.id_text(TABLE_NUMBER))))),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let compare = proptest::sample::select(vec!["$eq", "$neq", "$lt", "$lte", "$gt", "$gte"]);
        let arithmetic = proptest::sample::select(vec!["$add", "$sub", "$mul", "$div", "$mod"]);
        let number = proptest::sample::select(vec![
            number(2.0),
            number(0.0),
            number(f64::INFINITY),
            Value::Int64(0),
            Value::Int64(-1),
            Value::Int64(i64::MIN),
        ])
        .prop_map(|value| literal(Some(value)));
        prop_oneof![
            4 => (compare, inner.clone(), inner.clone()).prop_map(|(operator, l, r)| apply(operator, vec![l, r])),
            2 => (arithmetic, prop_oneof![inner.clone(), number.clone()], prop_oneof![inner.clone(), number])
                .prop_map(|(operator, l, r)| apply(operator, vec![l, r])),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|operands| apply("$and", operands)),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|operands| apply("$or", operands)),
            1 => inner.clone().prop_map(|operand| apply_one("$not", operand)),
            1 => inner.prop_map(|operand| apply_one("$neg", operand)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn evaluation_agrees_with_a_naive_one(expression in any_expression(), row in any_row()) {
        let names = names();
        let bytes = encode(&Value::from(row.fields.clone()), &names);
        let stored = Row::new(Document::new(&bytes), &names, TABLE_NUMBER, row.place);
        let parsed = Expression::parse(&expression).expect("a valid expression");
        match (parsed.evaluate(&stored), naive(&expression, &row)) {
            (Ok(found), Ok(expected)) => {
                prop_assert_eq!(&found, &expected);
                match expected {
                    Some(Value::Boolean(expected)) => prop_assert_eq!(parsed.matches(&stored), Ok(expected)),
                    _ => prop_assert!(parsed.matches(&stored).is_err()),
                }
            }
            (Err(error), Err(expected)) => {
                prop_assert_eq!(error.code, Code::InvalidFilter);
                prop_assert!(error.message.starts_with(expected), "{} / {expected}", error.message);
                prop_assert!(parsed.matches(&stored).is_err());
            }
            (found, expected) => prop_assert!(false, "{found:?} / {expected:?}"),
        }
    }

    #[test]
    fn damaged_documents_are_no_reason_to_panic(
        expression in any_expression(),
        row in any_row(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let names = names();
        let mut bytes = encode(&Value::from(row.fields.clone()), &names);
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let stored = Row::new(Document::new(&bytes), &names, TABLE_NUMBER, row.place);
        let _ = Expression::parse(&expression).expect("a valid expression").matches(&stored);
    }
}

/// What an expression comes out as for the row `{a: {b: 1}, n: 2.5, s: "x"}`, as text.
fn evaluate(expression: &Value) -> String {
    let names = names();
    let row = object([("a", object([("b", number(1.0))])), ("n", number(2.5)), ("s", string("x"))]);
    let bytes = encode(&row, &names);
    let place = Place { creation_time: 5.0, id: RowId([0; 16]) };
    let row = Row::new(Document::new(&bytes), &names, TABLE_NUMBER, place);
    match Expression::parse(expression).expect("a valid expression").evaluate(&row) {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn evaluation_errors_are_convex_texts() {
    let int = |number| literal(Some(Value::Int64(number)));
    let float = |x| literal(Some(number(x)));
    for (expression, expected) in [
        (apply("$add", vec![int(1), field("n")]), "Cannot add 1 (type Int64) and 2.5 (type Float64)"),
        (
            apply("$sub", vec![field("gone"), float(1.0)]),
            "Cannot subtract undefined (type undefined) and 1.0 (type Float64)",
        ),
        (apply("$mul", vec![field("s"), field("a")]), "Cannot multiply \"x\" (type String) and {b: 1.0} (type Object)"),
        (apply("$div", vec![int(5), int(0)]), "Cannot divide 5 by zero"),
        (apply("$mod", vec![int(5), int(0)]), "Cannot mod 5 by zero"),
        (
            apply("$add", vec![int(i64::MAX), int(1)]),
            "Cannot add 9223372036854775807 and 1: the result is out of range for Int64",
        ),
        (
            apply("$div", vec![int(i64::MIN), int(-1)]),
            "Cannot divide -9223372036854775808 and -1: the result is out of range for Int64",
        ),
        (apply_one("$neg", int(i64::MIN)), "Cannot negate -9223372036854775808: the result is out of range for Int64"),
        (apply_one("$neg", literal(Some(Value::Null))), "Cannot negate null (type Null)"),
        (apply_one("$not", field("s")), "Cannot use value \"x\" (type String) as a Boolean"),
        (
            apply("$and", vec![literal(Some(Value::Boolean(true))), field("gone")]),
            "Cannot use value undefined (type undefined) as a Boolean",
        ),
        (apply("$or", vec![float(1.0)]), "Cannot use value 1.0 (type Float64) as a Boolean"),
    ] {
        assert_eq!(evaluate(&expression), format!("InvalidFilter: {expected}"));
    }
}

#[test]
fn evaluation_stops_when_the_result_is_known() {
    let truth = |truth| literal(Some(Value::Boolean(truth)));
    let fails = apply_one("$not", literal(None));
    assert_eq!(evaluate(&apply("$and", vec![truth(false), fails.clone()])), "Some(Boolean(false))");
    assert_eq!(evaluate(&apply("$or", vec![truth(true), fails])), "Some(Boolean(true))");
    assert_eq!(evaluate(&apply("$and", vec![])), "Some(Boolean(true))");
    assert_eq!(evaluate(&apply("$or", vec![])), "Some(Boolean(false))");
}

#[test]
fn a_missing_field_equals_undefined_only() {
    let undefined = literal(None);
    assert_eq!(evaluate(&apply("$eq", vec![field("gone"), undefined.clone()])), "Some(Boolean(true))");
    assert_eq!(evaluate(&apply("$eq", vec![field("n.gone"), undefined.clone()])), "Some(Boolean(true))");
    assert_eq!(evaluate(&apply("$eq", vec![field("a.gone"), literal(Some(Value::Null))])), "Some(Boolean(false))");
    assert_eq!(evaluate(&apply("$lt", vec![undefined, literal(Some(Value::Null))])), "Some(Boolean(true))");
}
