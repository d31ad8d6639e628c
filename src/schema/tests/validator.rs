//! Checking bytes against checking values, widening against examples.

use proptest::prelude::*;

use super::samples::*;
use crate::document::{Document, Names, encode};
use crate::id;
use crate::keyspace::RowId;
use crate::schema::numbers::TableNumbers;
use crate::schema::validator::find_field;
use crate::schema::{Schema, Validator};
use crate::value::Value;

fn numbers() -> TableNumbers {
    let mut numbers = TableNumbers::default();
    for (number, table) in [(20_001, "users"), (20_002, "tasks")] {
        numbers.add(number, table).expect("distinct");
    }
    numbers
}

fn ids() -> Vec<(&'static str, String)> {
    let id = |number| id::encode(number, &RowId([9; 16]));
    vec![("users", id(20_001)), ("tasks", id(20_002)), ("_storage", id(77)), ("", "no id".into())]
}

/// The definition of what a validator accepts, with no thought for speed.
fn naive(validator: &Validator, value: &Value) -> bool {
    match validator {
        Validator::Any => true,
        Validator::Null => *value == Value::Null,
        Validator::Boolean => value.as_bool().is_some(),
        Validator::Int64 | Validator::CommitTs => matches!(value, Value::Int64(_)),
        Validator::Float64 => value.as_f64().is_some(),
        Validator::String => value.as_str().is_some(),
        Validator::Bytes => matches!(value, Value::Bytes(_)),
        Validator::Id(table) => ids().iter().any(|(of, id)| of == table && value.as_str() == Some(id)),
        Validator::Literal(literal) => literal == value,
        Validator::Array(element) => {
            value.as_array().is_some_and(|items| items.iter().all(|item| naive(element, item)))
        }
        Validator::Record(keys, values) => value.as_object().is_some_and(|entries| {
            entries.iter().all(|(key, item)| naive(keys, &key.as_str().into()) && naive(values, item))
        }),
        Validator::Object(fields) => value.as_object().is_some_and(|entries| {
            entries.keys().all(|name| find_field(fields, name).is_some())
                && fields.iter().all(|field| match entries.get(&field.name) {
                    Some(item) => naive(&field.validator, item),
                    None => field.optional,
                })
        }),
        Validator::Union(members) => members.iter().any(|member| naive(member, value)),
    }
}

/// Whether the check over document bytes accepts `value` as the field `f`; with and without a dictionary.
fn accepts(validator: &Validator, value: &Value) -> bool {
    let whole = v_object([("f", validator.clone())]);
    let mut dictionary = Names::new();
    whole.add_names(&mut dictionary);
    let accepted = [Names::new(), dictionary].map(|names| {
        let bytes = encode(&object([("f", value.clone())]), &names);
        whole.accepts_document(&Document::new(&bytes), &names, &numbers())
    });
    assert_eq!(accepted[0], accepted[1], "names as text or as numbers");
    accepted[0]
}

/// A validator with a value that it may accept or not.
fn validator_and_value() -> impl Strategy<Value = (Validator, Value)> {
    (any_validator(), any::<u8>(), any_value(&ids()), any::<bool>()).prop_map(|(validator, choice, other, fit)| {
        let value = if fit { fitting(&validator, &ids(), choice) } else { other };
        (validator, value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bytes_values_and_the_definition_agree((validator, value) in validator_and_value()) {
        let expected = naive(&validator, &value);
        prop_assert_eq!(accepts(&validator, &value), expected);
        prop_assert_eq!(validator.check_value(&value, &numbers()).is_ok(), expected);
    }

    #[test]
    fn what_a_subset_accepts_its_superset_accepts(
        (small, value) in validator_and_value(),
        other in any_validator(),
        width in 0..4u8,
    ) {
        let big = match width {
            0 => other,
            1 => Validator::Union(vec![other, small.clone()]),
            2 => match small.clone() {
                Validator::Object(mut fields) => {
                    fields.iter_mut().for_each(|field| field.optional = true);
                    Validator::Object(fields)
                }
                same => same,
            },
            _ => Validator::Any,
        };
        if small.is_subset(&big) && naive(&small, &value) {
            prop_assert!(naive(&big, &value), "{small} ⊆ {big}: {value:?}");
        }
        prop_assert!(width == 0 || small.is_subset(&big), "{small} ⊆ {big}");
    }

    #[test]
    fn an_exported_validator_reads_back(validator in any_validator()) {
        let read = Validator::from_value(&export(&validator));
        prop_assert_eq!(read.map(|read| (read.to_string(), read)), Ok((validator.to_string(), validator)));
    }
}

#[test]
fn validators_display_as_they_are_written() {
    let validator = v_object([
        ("a?", Validator::Union(vec![Validator::Null, Validator::Literal(true.into()), v_literal("é\"\\\n\u{1}")])),
        ("b", v_array(Validator::Id("users".into()))),
        ("c", v_record(Validator::String, Validator::CommitTs)),
        ("d", v_object([])),
        ("e", Validator::Union(vec![])),
        ("f", Validator::Literal(1e21.into())),
        ("g", Validator::Bytes),
        ("h", Validator::Any),
    ]);
    assert_eq!(
        validator.to_string(),
        "v.object({a: v.optional(v.union(v.null(), v.literal(true), v.literal(\"é\\\"\\\\\\n\\u0001\"))), \
         b: v.array(v.id(\"users\")), c: v.record(v.string(), v.commitTs()), d: v.object({}), e: v.union(), \
         f: v.literal(1e21), g: v.bytes(), h: v.any()})"
    );
}

#[test]
fn widening_needs_no_check_and_narrowing_does() {
    use Validator::{Any, Boolean, CommitTs, Float64, Id, Int64, Literal, Null, String, Union};
    let a = || v_object([("a", String)]);
    let sides = || Union(vec![Literal(true.into()), Literal(false.into())]);
    for (from, to, expected) in [
        (a(), Any, true),
        (Any, a(), false),
        (a(), v_object([("a", String), ("b?", Null)]), true),
        (a(), v_object([("a", String), ("b", Null)]), false),
        (a(), v_object([("a?", String)]), true),
        (v_object([("a?", String)]), a(), false),
        (a(), v_object([]), false),
        (a(), v_object([("a", Union(vec![Null, String]))]), true),
        (v_object([("a", Union(vec![Null, String]))]), a(), false),
        (v_literal("x"), String, true),
        (Id("users".into()), String, true),
        (String, Id("users".into()), false),
        (Id("users".into()), Id("tasks".into()), false),
        (Literal(1.0.into()), Float64, true),
        (Literal(1.0.into()), Int64, false),
        (Int64, CommitTs, true),
        (CommitTs, Int64, true),
        (Boolean, sides(), true),
        (sides(), Boolean, true),
        (Boolean, Union(vec![Literal(true.into())]), false),
        (v_record(Id("users".into()), Null), v_record(String, Any), true),
        (v_array(Null), v_array(Boolean), false),
        (Union(vec![]), Null, true),
    ] {
        assert_eq!(from.is_subset(&to), expected, "{from} ⊆ {to}");
    }
}

#[test]
fn an_old_document_with_names_as_text_still_fits() {
    let wanted = schema([table("t", &v_object([("a", Validator::String), ("b?", Validator::Null)]), [])]);
    let schema = evolve(&Schema::empty(), &wanted).schema;
    let old = encode(&object([("a", "x".into())]), &Names::new());
    let table = schema.table("t").expect("declared");
    assert_eq!(schema.check(table, &Document::new(&old)), Ok(()));
}
