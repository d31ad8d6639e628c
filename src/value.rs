//! Convex's values: their kinds, their order across kinds, their size.

pub(crate) mod decimal;
pub(crate) mod json;
pub(crate) mod show;
#[cfg(test)]
pub(crate) mod strategy;
#[cfg(test)]
mod tests;

use crate::flat_map::FlatMap;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A value that a document, an argument or a query may hold.
///
/// `undefined` is not among them: where it can appear, an `Option<&Value>` says so. Two values are equal
/// when [`compare`](Value::compare) says so: `NaN` equals itself, and `-0` is not `0`.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`.
    Null,
    /// A JavaScript `bigint`.
    Int64(i64),
    /// A JavaScript `number`.
    Float64(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// Text, ordered by its UTF-8 bytes.
    String(String),
    /// An `ArrayBuffer`.
    Bytes(Vec<u8>),
    /// A list.
    Array(Vec<Value>),
    /// Named fields, ordered by name.
    Object(FlatMap<String, Value>),
}

impl Value {
    /// Where the value's kind stands in the order of kinds.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Value::Null => 1,
            Value::Int64(_) => 2,
            Value::Float64(_) => 3,
            Value::Boolean(_) => 4,
            Value::String(_) => 5,
            Value::Bytes(_) => 6,
            Value::Array(_) => 7,
            Value::Object(_) => 8,
        }
    }

    /// The total order of all values, the one that indexes and filters use.
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Int64(a), Value::Int64(b)) => a.cmp(b),
            (Value::Float64(a), Value::Float64(b)) => a.total_cmp(b),
            (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (Value::Array(a), Value::Array(b)) => a.cmp(b),
            (Value::Object(a), Value::Object(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// The size that Convex's limits count, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Value::Null | Value::Boolean(_) => 1,
            Value::Int64(_) | Value::Float64(_) => 9,
            Value::String(text) => 2 + text.len(),
            Value::Bytes(bytes) => 2 + bytes.len(),
            Value::Array(items) => 2 + items.iter().map(Value::size).sum::<usize>(),
            Value::Object(fields) => {
                2 + fields.iter().map(|(name, value)| name.len() + 1 + value.size()).sum::<usize>()
            }
        }
    }

    /// The field of this name, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object()?.get(name)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if this is a float64.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float64(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if this is a boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The items, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The fields, if this is an object.
    pub fn as_object(&self) -> Option<&FlatMap<String, Value>> {
        match self {
            Value::Object(fields) => Some(fields),
            _ => None,
        }
    }
}

/// The order of values and `undefined` (`None`), which comes first.
pub fn compare_optional(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    a.cmp(&b)
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float64(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int64(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::String(value.to_string())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::String(value)
    }
}

impl From<Vec<Value>> for Value {
    fn from(value: Vec<Value>) -> Self {
        Value::Array(value)
    }
}

impl From<BTreeMap<String, Value>> for Value {
    fn from(value: BTreeMap<String, Value>) -> Self {
        Value::Object(value.into_iter().collect())
    }
}
