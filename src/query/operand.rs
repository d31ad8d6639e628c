//! What an expression comes out as: a part of the row, a part of the query, or nothing.

use std::cmp::Ordering;
use std::fmt;

use crate::bytes::Malformed;
use crate::document::{Names, ValueRef};
use crate::value::show::Show;
use crate::value::{Value, compare_optional};

/// The result of an expression, borrowed from the row or the query where it came from.
#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    Undefined,
    /// A part of the row, or a computed scalar.
    Stored(ValueRef<'a>),
    /// A constant of the query.
    Literal(&'a Value),
}

impl<'a> Operand<'a> {
    /// The order of all values, without copying either.
    pub(super) fn compare(&self, other: &Operand<'_>, names: &Names) -> Ordering {
        match (self, other) {
            (Operand::Stored(left), Operand::Stored(right)) => left.compare(right, names),
            (Operand::Stored(left), Operand::Literal(right)) => left.compare_value(right, names),
            (Operand::Literal(left), Operand::Stored(right)) => right.compare_value(left, names).reverse(),
            (Operand::Undefined | Operand::Literal(_), Operand::Undefined | Operand::Literal(_)) => {
                compare_optional(self.literal(), other.literal())
            }
            (Operand::Undefined, Operand::Stored(_)) => Ordering::Less,
            (Operand::Stored(_), Operand::Undefined) => Ordering::Greater,
        }
    }

    fn literal(&self) -> Option<&'a Value> {
        match self {
            Operand::Literal(value) => Some(value),
            Operand::Undefined | Operand::Stored(_) => None,
        }
    }

    /// The operand if it is a scalar, wherever it lies.
    pub(super) fn scalar(&self) -> Option<ValueRef<'a>> {
        match self {
            Operand::Undefined => None,
            Operand::Stored(value) => Some(*value),
            Operand::Literal(value) => ValueRef::of(value),
        }
    }

    /// The operand with bytes of its own; `None` is `undefined`.
    pub(super) fn to_value(self, names: &Names) -> Result<Option<Value>, Malformed> {
        match self {
            Operand::Undefined => Ok(None),
            Operand::Stored(value) => value.to_value(names).map(Some),
            Operand::Literal(value) => Ok(Some(value.clone())),
        }
    }
}

/// The name of a value's type in Convex's texts.
pub(super) fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "Null",
        Some(Value::Int64(_)) => "Int64",
        Some(Value::Float64(_)) => "Float64",
        Some(Value::Boolean(_)) => "Boolean",
        Some(Value::String(_)) => "String",
        Some(Value::Bytes(_)) => "Bytes",
        Some(Value::Array(_)) => "Array",
        Some(Value::Object(_)) => "Object",
    }
}

/// Shows a value, or `undefined`, as Convex's texts do.
pub(super) struct Shown<'a>(pub(super) Option<&'a Value>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("undefined"),
            Some(value) => Show(value).fmt(f),
        }
    }
}
