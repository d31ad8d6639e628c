use std::cmp::Ordering;

use proptest::prelude::*;

use super::json::write_json;
use super::strategy::{any_float, any_value};
use super::*;
use crate::bytes::Reader;
use crate::key;

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

fn text(value: &Value) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

/// The order that `compareValues` of convex 1.48.0 gives; `None` is `undefined`.
fn ordered() -> Vec<Option<Value>> {
    let float = |number: f64| Some(Value::Float64(number));
    let string = |text: &str| Some(Value::from(text));
    let array = |items: Vec<Value>| Some(Value::Array(items));
    let one = || Value::Float64(1.0);
    vec![
        None,
        Some(Value::Null),
        Some(Value::Int64(i64::MIN)),
        Some(Value::Int64(-5)),
        Some(Value::Int64(0)),
        Some(Value::Int64(7)),
        float(f64::NEG_INFINITY),
        float(-1.5),
        float(-0.0),
        float(0.0),
        float(1.0),
        float(f64::INFINITY),
        float(f64::NAN),
        Some(Value::Boolean(false)),
        Some(Value::Boolean(true)),
        string(""),
        string("A"),
        string("a"),
        string("é"),
        string("\u{ffff}"),
        string("😀"),
        Some(Value::Bytes(vec![1, 2, 255])),
        array(vec![]),
        array(vec![one()]),
        array(vec![one(), Value::Float64(2.0)]),
        array(vec![Value::from("a")]),
        Some(object([])),
        Some(object([("a", one())])),
        Some(object([("a", one()), ("b", Value::Float64(2.0))])),
        Some(object([("b", one())])),
    ]
}

#[test]
fn kinds_and_values_order_as_convex_orders_them() {
    let values = ordered();
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(compare_optional(a.as_ref(), b.as_ref()), i.cmp(&j), "{a:?} and {b:?}");
        }
    }
}

#[test]
fn keys_order_as_their_values_do() {
    let keys: Vec<Vec<u8>> = ordered().iter().map(|value| key_of(value.as_ref())).collect();
    for pair in keys.windows(2) {
        assert!(pair[0] < pair[1], "{:02x?} before {:02x?}", pair[0], pair[1]);
    }
}

#[test]
fn equality_is_that_of_the_order() {
    assert_eq!(Value::Float64(f64::NAN), Value::Float64(f64::NAN));
    assert_ne!(Value::Float64(-0.0), Value::Float64(0.0));
    assert_ne!(Value::Int64(1), Value::Float64(1.0));
}

#[test]
fn sizes_are_what_get_convex_size_says() {
    let check = |value: Value, size: usize| assert_eq!(value.size(), size, "{value:?}");
    check(Value::Null, 1);
    check(Value::Int64(-1), 9);
    check(Value::Bytes(vec![1, 2, 255]), 5);
    check(object([("a", "x".into()), ("b", 1.0.into())]), 18);
    let items = vec!["😀".into(), Value::Null, true.into(), 1i64.into(), object([])];
    check(object([("é", Value::Array(items))]), 26);
    let tags = vec!["a".into(), "bc".into()];
    check(object([("name", "é😀".into()), ("tags", Value::Array(tags)), ("n", Value::Null)]), 32);
}

#[test]
fn json_is_what_convex_to_json_writes() {
    let check = |value: Value, expected: &str| assert_eq!(text(&value), expected);
    check(1i64.into(), r#"{"$integer":"AQAAAAAAAAA="}"#);
    check((-1i64).into(), r#"{"$integer":"//////////8="}"#);
    check(i64::MIN.into(), r#"{"$integer":"AAAAAAAAAIA="}"#);
    check(f64::NAN.into(), r#"{"$float":"AAAAAAAA+H8="}"#);
    check(f64::INFINITY.into(), r#"{"$float":"AAAAAAAA8H8="}"#);
    check(f64::NEG_INFINITY.into(), r#"{"$float":"AAAAAAAA8P8="}"#);
    check((-0.0).into(), r#"{"$float":"AAAAAAAAAIA="}"#);
    check(Value::Bytes(vec![1, 2, 255]), r#"{"$bytes":"AQL/"}"#);
    check(Value::Bytes(vec![]), r#"{"$bytes":""}"#);
    check(Value::Bytes(vec![1]), r#"{"$bytes":"AQ=="}"#);
    let items = vec![1.0.into(), object([("z", 2i64.into())])];
    let value = object([("b", Value::Array(items)), ("a", "x\n\"\\\u{1}".into())]);
    check(value, r#"{"a":"x\n\"\\\u0001","b":[1,{"z":{"$integer":"AgAAAAAAAAA="}}]}"#);
    check(Value::Array(vec![Value::Null, true.into(), false.into(), object([])]), "[null,true,false,{}]");
}

#[test]
fn numbers_are_written_in_their_shortest_form() {
    let check = |number: f64, expected: &str| assert_eq!(text(&number.into()), expected);
    check(0.0, "0");
    check(-1.0, "-1");
    check(9_007_199_254_740_992.0, "9007199254740992");
    check(-9_007_199_254_740_992.0, "-9007199254740992");
    check(7.0, "7");
    check(10.0, "10");
    check(4_294_967_296.0, "4294967296");
    check(800_000_000_000_007.0, "800000000000007");
    check(1_000_000_000_000.0, "1000000000000");
    check(0.1, "0.1");
    check(-0.3, "-0.3");
    check(0.1 + 0.2, "0.30000000000000004");
    check(0.5, "0.5");
    check(1.05, "1.05");
    check(100.001, "100.001");
    check(0.99999999, "0.99999999");
    check(1_700_000_000_000.25, "1700000000000.25");
    check(1_700_000_000_000f64.next_up(), "1700000000000.0002");
    check(1e21, "1e21");
    check(1.5e-7, "1.5e-7");
    check(5e-324, "5e-324");
    check(f64::MAX, "1.7976931348623157e308");
}

fn key_of(value: Option<&Value>) -> Vec<u8> {
    let mut out = Vec::new();
    key::push_value(&mut out, value);
    out
}

/// A value and a change of it, so that long common beginnings are common.
fn neighbours() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        (any_value(), any_value()),
        (any_value(), any_value(), any_value())
            .prop_map(|(a, b, c)| (Value::Array(vec![a.clone(), b]), Value::Array(vec![a, c]))),
        (super::strategy::any_text(), super::strategy::any_text())
            .prop_map(|(a, b)| (Value::String(a.clone()), Value::String(a + &b))),
        (any_float(), any_float()).prop_map(|(a, b)| (Value::Float64(a), Value::Float64(b))),
        any_float().prop_map(|a| (Value::Float64(a), Value::Float64(a.next_up()))),
        (super::strategy::any_integer(), super::strategy::any_integer())
            .prop_map(|(a, b)| (Value::Int64(a), Value::Int64(b))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn comparing_keys_is_comparing_values((a, b) in neighbours()) {
        let (key_a, key_b) = (key_of(Some(&a)), key_of(Some(&b)));
        prop_assert_eq!(key_a.cmp(&key_b), a.compare(&b));
        prop_assert_eq!(b.compare(&a), a.compare(&b).reverse());
        prop_assert_eq!(a.compare(&a), Ordering::Equal);
        if a != b {
            prop_assert!(!key_a.starts_with(&key_b) && !key_b.starts_with(&key_a), "one begins the other");
        }
    }

    #[test]
    fn a_key_reads_back(value in any_value()) {
        let key = key_of(Some(&value));
        let mut reader = Reader::new(&key);
        prop_assert_eq!(key::read_value(&mut reader), Ok(Some(value)));
        prop_assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn a_number_in_json_reads_back(number in any_float()) {
        if json::is_json_number(number) {
            let text = text(&number.into());
            let back: f64 = text.parse().expect("a number");
            prop_assert_eq!(back.to_bits(), number.to_bits(), "{} for {:e}", text, number);
            let longest = format!("{number:e}").len().max(number.to_string().len());
            prop_assert!(text.len() <= longest);
        }
    }

    #[test]
    fn a_number_of_ordinary_size_takes_no_more_digits_than_needed(
        whole in 0u64..1 << 45,
        bits in any::<u64>(),
        keep in 0u32..52,
    ) {
        let number = f64::from_bits((whole as f64).to_bits() | bits & ((1 << keep) - 1));
        if number >= 0.001 {
            prop_assert_eq!(text(&number.into()), number.to_string());
        }
    }

    #[test]
    fn a_small_or_large_number_has_the_standard_librarys_digits(
        digits in 1u64..1_000_000,
        power in 6i32..30,
        bits in any::<u64>(),
        exponent in 1023u64 - 60..1023 - 12,
    ) {
        let number = f64::from_bits(exponent << 52 | bits >> 12);
        prop_assert_eq!(text(&number.into()), format!("{number:e}"));
        for text_of_number in [format!("-{digits}e-{power}"), format!("{digits}e{}", power + 12)] {
            let number: f64 = text_of_number.parse().expect("a number");
            if number.abs() < 1.0 / 4096.0 || number > 1e16 {
                prop_assert_eq!(text(&number.into()), format!("{number:e}"));
            }
        }
    }

    #[test]
    fn a_string_is_scanned_right(text in super::strategy::any_text()) {
        let scan = json::scan(text.as_bytes());
        prop_assert_eq!(scan.ascii, text.is_ascii());
        prop_assert_eq!(scan.plain, !text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\'));
    }
}
