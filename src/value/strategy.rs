//! Values for property tests: every kind, with the neighbours of every border.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::Value;
use crate::fuzz::NAMES;

pub(crate) fn any_float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        any::<u64>().prop_map(f64::from_bits),
        (-1000i32..1000).prop_map(f64::from),
        (any::<i32>(), 0i32..7).prop_map(|(digits, places)| f64::from(digits) / 10f64.powi(places)),
        proptest::sample::select(vec![
            0.0,
            -0.0,
            f64::NAN,
            -f64::NAN,
            f64::from_bits(0x7ff0_0000_0000_0001),
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            -f64::from_bits(1),
            f64::MAX,
            f64::MIN,
            9_007_199_254_740_992.0,
            9_007_199_254_740_994.0,
            -9_007_199_254_740_992.0,
            -9_007_199_254_740_994.0,
            0.5,
            1.0 + f64::EPSILON,
        ]),
    ]
}

pub(crate) fn any_integer() -> impl Strategy<Value = i64> {
    let borders = [0, 0x7f, 0x80, 0x7fff, 0x8000, 0x7fff_ffff, 0x8000_0000, i64::MAX];
    prop_oneof![
        any::<i64>(),
        -300i64..300,
        (proptest::sample::select(borders.to_vec()), -2i64..=2, any::<bool>()).prop_map(|(border, near, negative)| {
            let number = border.saturating_add(near);
            if negative { number.wrapping_neg() } else { number }
        }),
    ]
}

pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let letters: Vec<char> =
        "\0\u{1}\u{2}\u{1f} \"\\ab\u{7f}\u{80}é\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}😀\u{10ffff}"
            .chars()
            .collect();
    prop_oneof![
        vec(proptest::sample::select(letters), 0..12).prop_map(String::from_iter),
        "[a-z]{0,20}",
        any::<String>(),
    ]
}

/// A name that any object may have.
pub(crate) fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(NAMES.to_vec()).prop_map(str::to_string),
        1 => "([ -#%-~][ -~]{0,10})?",
    ]
}

/// A name that a document may have on top.
pub(crate) fn any_top_name() -> impl Strategy<Value = String> {
    any_name().prop_map(|name| if name.starts_with('_') { format!("x{name}") } else { name })
}

pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any_integer().prop_map(Value::Int64),
        any_float().prop_map(Value::Float64),
        any::<bool>().prop_map(Value::Boolean),
        any_text().prop_map(Value::String),
        vec(prop_oneof![any::<u8>(), 0u8..3, Just(0xff)], 0..8).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            btree_map(any_name(), inner, 0..5).prop_map(Value::from),
        ]
    })
}

/// An object that could be a row.
pub(crate) fn any_row() -> impl Strategy<Value = BTreeMap<String, Value>> {
    btree_map(any_top_name(), any_value(), 0..8)
}

/// The same value with the one `NaN` that documents hold.
pub(crate) fn with_one_nan(value: &Value) -> Value {
    match value {
        Value::Float64(number) if number.is_nan() => Value::Float64(f64::NAN),
        Value::Array(items) => Value::Array(items.iter().map(with_one_nan).collect()),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), with_one_nan(value))).collect())
        }
        other => other.clone(),
    }
}
