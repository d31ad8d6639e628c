//! Filter expressions: read from their serialized form once, evaluated on the bytes of each row.
//!
//! The rules are Convex's. Comparisons use the total order over all types and never fail; a missing field
//! is `undefined`, which sorts first. Arithmetic wants two int64 or two float64. `and`, `or` and `not`
//! want booleans and stop as soon as the result is known. Comparing a field with a constant allocates
//! nothing.

use std::cell::OnceCell;
use std::cmp::Ordering;

use crate::bytes::Malformed;
use crate::document::{Document, FieldPath, Names, ValueRef};
use crate::error::{Code, Error, Result};
use crate::id;
use crate::keyspace::Place;
use crate::query::operand::{Operand, Shown, type_name};
use crate::query::{invalid_query, maybe_undefined, parse_path};
use crate::value::Value;

/// Expressions may be nested this deep. Convex's JSON reader stops near the same depth (128 levels of JSON,
/// two for each expression); ours stops so that no filter exhausts the stack.
const MOST_NESTED: usize = 64;

/// Something a filter computes for each row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expression(Node);

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Compare(Comparison, Box<[Node; 2]>),
    Compute(Arithmetic, Box<[Node; 2]>),
    Negate(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Id,
    CreationTime,
    Field(FieldPath),
    /// `None` is `undefined`.
    Literal(Option<Value>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// The verb in error texts.
    fn verb(self) -> &'static str {
        match self {
            Arithmetic::Add => "add",
            Arithmetic::Subtract => "subtract",
            Arithmetic::Multiply => "multiply",
            Arithmetic::Divide => "divide",
            Arithmetic::Remainder => "mod",
        }
    }

    fn integers(self, left: i64, right: i64) -> Option<i64> {
        match self {
            Arithmetic::Add => left.checked_add(right),
            Arithmetic::Subtract => left.checked_sub(right),
            Arithmetic::Multiply => left.checked_mul(right),
            Arithmetic::Divide => left.checked_div(right),
            Arithmetic::Remainder => left.checked_rem(right),
        }
    }

    fn floats(self, left: f64, right: f64) -> f64 {
        one_nan(match self {
            Arithmetic::Add => left + right,
            Arithmetic::Subtract => left - right,
            Arithmetic::Multiply => left * right,
            Arithmetic::Divide => left / right,
            Arithmetic::Remainder => left % right,
        })
    }
}

/// Processors disagree about the sign of a computed NaN, and the order of values tells the signs apart.
fn one_nan(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

/// A stored row as filters see it: the document's fields, and `_id` and `_creationTime` from its key.
pub(crate) struct Row<'a> {
    document: Document<'a>,
    names: &'a Names,
    table_number: u32,
    place: Place,
    /// Made when a filter first asks for `_id`, which few do.
    id_text: OnceCell<String>,
}

impl<'a> Row<'a> {
    /// `table_number` is the one that ids of the table are written with.
    pub(crate) fn new(document: Document<'a>, names: &'a Names, table_number: u32, place: Place) -> Self {
        Row { document, names, table_number, place, id_text: OnceCell::new() }
    }

    fn id_text(&self) -> &str {
        self.id_text.get_or_init(|| id::encode(self.table_number, &self.place.id))
    }
}

impl Expression {
    /// Reads the serialized form: `{"$eq": [l, r]}`, `{"$field": "a.b"}`, `{"$literal": 1}` and so on.
    pub(crate) fn parse(serialized: &Value) -> Result<Self> {
        Node::parse(serialized, MOST_NESTED).map(Expression)
    }

    /// Whether the row passes this filter. The expression must come out as a boolean.
    pub(crate) fn matches(&self, row: &Row<'_>) -> Result<bool> {
        self.0.holds(row)
    }

    /// What the expression comes out as, `None` for `undefined`.
    #[cfg(test)]
    pub(crate) fn evaluate(&self, row: &Row<'_>) -> Result<Option<Value>> {
        self.0.evaluate(row)?.to_value(row.names).map_err(damaged)
    }
}

impl Node {
    fn parse(serialized: &Value, depth: usize) -> Result<Self> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(invalid_query("a filter is nested too deep"));
        };
        let Value::Object(fields) = serialized else {
            return Err(invalid_query("an expression is not an object"));
        };
        let mut entries = fields.iter();
        let (Some((operator, operand)), None) = (entries.next(), entries.next()) else {
            return Err(invalid_query("an expression needs exactly one operator"));
        };
        let compare = |comparison| Ok(Node::Compare(comparison, Node::parse_pair(operand, depth)?));
        let compute = |arithmetic| Ok(Node::Compute(arithmetic, Node::parse_pair(operand, depth)?));
        match operator.as_str() {
            "$eq" => compare(Comparison::Equal),
            "$neq" => compare(Comparison::NotEqual),
            "$lt" => compare(Comparison::Less),
            "$lte" => compare(Comparison::LessOrEqual),
            "$gt" => compare(Comparison::Greater),
            "$gte" => compare(Comparison::GreaterOrEqual),
            "$add" => compute(Arithmetic::Add),
            "$sub" => compute(Arithmetic::Subtract),
            "$mul" => compute(Arithmetic::Multiply),
            "$div" => compute(Arithmetic::Divide),
            "$mod" => compute(Arithmetic::Remainder),
            "$neg" => Ok(Node::Negate(Box::new(Node::parse(operand, depth)?))),
            "$not" => Ok(Node::Not(Box::new(Node::parse(operand, depth)?))),
            "$and" => Node::parse_list(operand, depth).map(Node::And),
            "$or" => Node::parse_list(operand, depth).map(Node::Or),
            "$field" => match operand.as_str() {
                Some("_id") => Ok(Node::Id),
                Some("_creationTime") => Ok(Node::CreationTime),
                Some(path) => parse_path(path).map(Node::Field),
                None => Err(invalid_query("a field's path is not a string")),
            },
            "$literal" => Ok(Node::Literal(maybe_undefined(operand).cloned())),
            unknown => Err(invalid_query(&format!("there is no operator {unknown}"))),
        }
    }

    fn parse_list(serialized: &Value, depth: usize) -> Result<Vec<Node>> {
        let Value::Array(items) = serialized else {
            return Err(invalid_query("an operator's operands are not an array"));
        };
        items.iter().map(|item| Node::parse(item, depth)).collect()
    }

    fn parse_pair(serialized: &Value, depth: usize) -> Result<Box<[Node; 2]>> {
        <[Node; 2]>::try_from(Node::parse_list(serialized, depth)?)
            .map(Box::new)
            .map_err(|_| invalid_query("an operator needs two operands"))
    }

    /// Evaluates to a boolean, or says that it is none.
    fn holds(&self, row: &Row<'_>) -> Result<bool> {
        match self {
            Node::Compare(comparison, operands) => {
                let [left, right] = &**operands;
                let (left, right) = (left.evaluate(row)?, right.evaluate(row)?);
                Ok(comparison.holds(left.compare(&right, row.names)))
            }
            Node::And(nodes) => {
                for node in nodes {
                    if !node.holds(row)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Node::Or(nodes) => {
                for node in nodes {
                    if node.holds(row)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Not(node) => Ok(!node.holds(row)?),
            Node::Compute(..) | Node::Negate(_) | Node::Id | Node::CreationTime | Node::Field(_) | Node::Literal(_) => {
                let operand = self.evaluate(row)?;
                match operand.scalar() {
                    Some(ValueRef::Boolean(boolean)) => Ok(boolean),
                    _ => {
                        let found = describe(operand, row.names)?;
                        Err(evaluation_error(format!("Cannot use value {found} as a Boolean")))
                    }
                }
            }
        }
    }

    fn evaluate<'a>(&'a self, row: &'a Row<'_>) -> Result<Operand<'a>> {
        Ok(match self {
            Node::Field(path) => match row.document.get(path, row.names) {
                Some(value) => Operand::Stored(value),
                None => Operand::Undefined,
            },
            Node::Literal(Some(value)) => Operand::Literal(value),
            Node::Literal(None) => Operand::Undefined,
            Node::Id => Operand::Stored(ValueRef::String(row.id_text())),
            Node::CreationTime => Operand::Stored(ValueRef::Float64(row.place.creation_time)),
            Node::Compare(..) | Node::And(_) | Node::Or(_) | Node::Not(_) => {
                Operand::Stored(ValueRef::Boolean(self.holds(row)?))
            }
            Node::Compute(arithmetic, operands) => {
                let [left, right] = &**operands;
                Operand::Stored(compute(*arithmetic, left.evaluate(row)?, right.evaluate(row)?, row.names)?)
            }
            Node::Negate(node) => Operand::Stored(negate(node.evaluate(row)?, row.names)?),
        })
    }
}

fn compute<'a>(arithmetic: Arithmetic, left: Operand<'_>, right: Operand<'_>, names: &Names) -> Result<ValueRef<'a>> {
    let verb = arithmetic.verb();
    match (left.scalar(), right.scalar()) {
        (Some(ValueRef::Float64(left)), Some(ValueRef::Float64(right))) => {
            Ok(ValueRef::Float64(arithmetic.floats(left, right)))
        }
        (Some(ValueRef::Int64(left)), Some(ValueRef::Int64(right))) => {
            arithmetic.integers(left, right).map(ValueRef::Int64).ok_or_else(|| {
                // Without a remainder or quotient nothing overflows at zero.
                evaluation_error(if right == 0 {
                    format!("Cannot {verb} {left} by zero")
                } else {
                    format!("Cannot {verb} {left} and {right}: the result is out of range for Int64")
                })
            })
        }
        _ => Err(evaluation_error(format!("Cannot {verb} {} and {}", describe(left, names)?, describe(right, names)?))),
    }
}

fn negate<'a>(operand: Operand<'_>, names: &Names) -> Result<ValueRef<'a>> {
    match operand.scalar() {
        Some(ValueRef::Float64(number)) => Ok(ValueRef::Float64(one_nan(-number))),
        Some(ValueRef::Int64(number)) => number
            .checked_neg()
            .map(ValueRef::Int64)
            .ok_or_else(|| evaluation_error(format!("Cannot negate {number}: the result is out of range for Int64"))),
        _ => Err(evaluation_error(format!("Cannot negate {}", describe(operand, names)?))),
    }
}

/// `"a" (type String)`
fn describe(operand: Operand<'_>, names: &Names) -> Result<String> {
    let value = operand.to_value(names).map_err(damaged)?;
    Ok(format!("{} (type {})", Shown(value.as_ref()), type_name(value.as_ref())))
}

fn evaluation_error(message: String) -> Error {
    Error::new(Code::InvalidFilter, message)
}

fn damaged(Malformed(what): Malformed) -> Error {
    Error::new(Code::Corrupt, format!("A stored document is damaged: {what}."))
}
