//! What a value must look like: Convex's `v.…`, checked over document bytes without building values.

use std::fmt::{self, Display};

use crate::bytes::Malformed;
use crate::document::{Document, FieldPath, Names, ValueRef};
use crate::id;
use crate::schema::identifier::is_system;
use crate::schema::numbers::TableNumbers;
use crate::value::Value;
use crate::value::json::push_string;
use crate::value::show::Number;

/// Accepts or rejects values. Displays as the TypeScript that makes it, in Convex's spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Validator {
    /// `v.any()`
    Any,
    /// `v.null()`
    Null,
    /// `v.boolean()`
    Boolean,
    /// `v.int64()`
    Int64,
    /// `v.commitTs()`: any int64
    CommitTs,
    /// `v.float64()`, `v.number()`
    Float64,
    /// `v.string()`
    String,
    /// `v.bytes()`
    Bytes,
    /// `v.id("table")`: a string that is an id of this table. Whether the document exists isn't asked.
    Id(String),
    /// `v.literal(…)`: exactly this boolean, int64, float64 or string
    Literal(Value),
    /// `v.array(element)`
    Array(Box<Validator>),
    /// `v.record(keys, values)`
    Record(Box<Validator>, Box<Validator>),
    /// `v.object({…})`: these fields and no others, sorted by name
    Object(Vec<Field>),
    /// `v.union(…)`: any of these
    Union(Vec<Validator>),
}

/// A field of an object validator.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// Whether the field may be missing.
    pub optional: bool,
    /// What its value must look like.
    pub validator: Validator,
}

/// What an id string is, seen from `v.id("table")`.
pub(crate) enum IdFit<'a> {
    Fits,
    OtherTable(&'a str),
    NoId,
}

impl Validator {
    /// Whether a stored document is accepted. Damaged bytes are not.
    pub(crate) fn accepts_document(&self, document: &Document<'_>, names: &Names, tables: &TableNumbers) -> bool {
        match self {
            Validator::Any => true,
            Validator::Object(fields) => accepts_fields(fields, document.fields(names), names, tables),
            Validator::Union(members) => members.iter().any(|member| member.accepts_document(document, names, tables)),
            Validator::Record(..)
            | Validator::Null
            | Validator::Boolean
            | Validator::Int64
            | Validator::CommitTs
            | Validator::Float64
            | Validator::String
            | Validator::Bytes
            | Validator::Id(_)
            | Validator::Literal(_)
            | Validator::Array(_) => false,
        }
    }

    /// A value with floats in place of integers, where it accepts only those.
    pub(crate) fn with_floats(&self, value: Value) -> Value {
        const LARGEST: i64 = 1 << 53;
        match (self, value) {
            (Validator::Float64 | Validator::Literal(Value::Float64(_)), Value::Int64(number))
                if (-LARGEST..=LARGEST).contains(&number) =>
            {
                Value::Float64(number as f64)
            }
            (Validator::Array(element), Value::Array(items)) => {
                Value::Array(items.into_iter().map(|item| element.with_floats(item)).collect())
            }
            (Validator::Record(_, values), Value::Object(fields)) => {
                Value::Object(fields.into_iter().map(|(name, value)| (name, values.with_floats(value))).collect())
            }
            (Validator::Object(known), Value::Object(fields)) => {
                let fields = fields.into_iter().map(|(name, value)| {
                    let field = known.iter().find(|field| field.name == name);
                    let value = field.map_or(value.clone(), |field| field.validator.with_floats(value));
                    (name, value)
                });
                Value::Object(fields.collect())
            }
            (Validator::Union(members), value) => {
                let accepts = |value: &Value| members.iter().any(|member| member.takes(value));
                if accepts(&value) {
                    return value;
                }
                let others = members.iter().map(|member| member.with_floats(value.clone()));
                others.into_iter().find(|other| accepts(other)).unwrap_or(value)
            }
            (_, value) => value,
        }
    }

    /// Whether it accepts a value, going by its shape: ids of any table are ids.
    fn takes(&self, value: &Value) -> bool {
        self.check_value(value, &TableNumbers::default()).is_ok()
            || matches!((self, value), (Validator::Id(_), Value::String(_)))
    }

    /// The kinds of objects that it accepts.
    pub(crate) fn objects(&self) -> Vec<&[Field]> {
        match self {
            Validator::Object(fields) => vec![fields],
            Validator::Union(members) => members.iter().flat_map(Validator::objects).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a value inside a stored document is accepted. Damaged bytes are not.
    pub(crate) fn accepts(&self, value: ValueRef<'_>, names: &Names, tables: &TableNumbers) -> bool {
        match (self, value) {
            (Validator::Any, _)
            | (Validator::Null, ValueRef::Null)
            | (Validator::Boolean, ValueRef::Boolean(_))
            | (Validator::Int64 | Validator::CommitTs, ValueRef::Int64(_))
            | (Validator::Float64, ValueRef::Float64(_))
            | (Validator::String, ValueRef::String(_))
            | (Validator::Bytes, ValueRef::Bytes(_)) => true,
            (Validator::Id(table), ValueRef::String(text)) => matches!(fit_id(text, table, tables), IdFit::Fits),
            (Validator::Literal(literal), value) => equals_literal(literal, value),
            (Validator::Array(element), ValueRef::Array(array)) => {
                array.iter().all(|item| item.is_ok_and(|item| element.accepts(item, names, tables)))
            }
            (Validator::Record(keys, values), ValueRef::Object(object)) => object.fields(names).all(|entry| {
                entry.is_ok_and(|(key, value)| {
                    keys.accepts(ValueRef::String(key), names, tables) && values.accepts(value, names, tables)
                })
            }),
            (Validator::Object(fields), ValueRef::Object(object)) => {
                accepts_fields(fields, object.fields(names), names, tables)
            }
            (Validator::Union(members), value) => members.iter().any(|member| member.accepts(value, names, tables)),
            _ => false,
        }
    }

    /// Whether every value this accepts is accepted by `other` too: then stored rows need no check.
    ///
    /// May say no where the answer is yes, never the other way round.
    pub(crate) fn is_subset(&self, other: &Validator) -> bool {
        use Validator::{
            Any, Array, Boolean, Bytes, CommitTs, Float64, Id, Int64, Literal, Null, Object, Record, Union,
        };
        if self == other {
            return true;
        }
        match (self, other) {
            (_, Any) => true,
            (Union(members), _) => members.iter().all(|member| member.is_subset(other)),
            (_, Union(members)) => {
                members.iter().any(|member| self.is_subset(member))
                    || (*self == Boolean
                        && [false, true].iter().all(|&side| Literal(Value::Boolean(side)).is_subset(other)))
            }
            (Array(from), Array(to)) => from.is_subset(to),
            (Record(from_keys, from_values), Record(to_keys, to_values)) => {
                from_keys.is_subset(to_keys) && from_values.is_subset(to_values)
            }
            (Object(from), Object(to)) => fields_are_subset(from, to),
            (Literal(Value::String(_)) | Id(_), Validator::String)
            | (Literal(Value::Boolean(_)), Boolean)
            | (Literal(Value::Float64(_)), Float64)
            | (Literal(Value::Int64(_)) | CommitTs, Int64)
            | (Literal(Value::Int64(_)) | Int64, CommitTs) => true,
            (
                Any
                | Null
                | Boolean
                | Int64
                | CommitTs
                | Float64
                | Validator::String
                | Bytes
                | Id(_)
                | Literal(_)
                | Array(_)
                | Record(..)
                | Object(_),
                _,
            ) => false,
        }
    }

    /// Whether some accepted value has a field at `path`.
    pub(crate) fn can_contain(&self, path: &FieldPath) -> bool {
        self.can_contain_segments(path.segments())
    }

    fn can_contain_segments(&self, segments: &[String]) -> bool {
        let Some((first, rest)) = segments.split_first() else {
            return true;
        };
        match self {
            Validator::Any => true,
            Validator::Union(members) => members.iter().any(|member| member.can_contain_segments(segments)),
            Validator::Object(fields) => {
                find_field(fields, first).is_some_and(|field| field.validator.can_contain_segments(rest))
            }
            _ => false,
        }
    }

    /// Gives every field name in here an id in the dictionary, in a fixed order.
    pub(crate) fn add_names(&self, names: &mut Names) {
        match self {
            Validator::Array(element) => element.add_names(names),
            Validator::Record(_, values) => values.add_names(names),
            Validator::Object(fields) => {
                for field in fields {
                    names.add(&field.name);
                    field.validator.add_names(names);
                }
            }
            Validator::Union(members) => {
                for member in members {
                    member.add_names(names);
                }
            }
            Validator::Any
            | Validator::Null
            | Validator::Boolean
            | Validator::Int64
            | Validator::CommitTs
            | Validator::Float64
            | Validator::String
            | Validator::Bytes
            | Validator::Id(_)
            | Validator::Literal(_) => {}
        }
    }
}

/// Finds a field by name.
pub(crate) fn find_field<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    let position = fields.binary_search_by(|field| field.name.as_str().cmp(name)).ok()?;
    fields.get(position)
}

/// Both sides are sorted by name, so one walk over both decides.
fn accepts_fields<'a>(
    fields: &[Field],
    found: impl Iterator<Item = Result<(&'a str, ValueRef<'a>), Malformed>>,
    names: &Names,
    tables: &TableNumbers,
) -> bool {
    let mut fields = fields.iter();
    for entry in found {
        let Ok((name, value)) = entry else {
            return false;
        };
        loop {
            let Some(field) = fields.next() else {
                return false;
            };
            if field.name == name {
                if !field.validator.accepts(value, names, tables) {
                    return false;
                }
                break;
            }
            // Passed over: either a missing field that may be missing, or the found one is not in the validator.
            if !field.optional || field.name.as_str() > name {
                return false;
            }
        }
    }
    fields.all(|field| field.optional)
}

fn fields_are_subset(from: &[Field], to: &[Field]) -> bool {
    from.iter().all(|field| find_field(to, &field.name).is_some())
        && to.iter().all(|field| match find_field(from, &field.name) {
            Some(before) => (!before.optional || field.optional) && before.validator.is_subset(&field.validator),
            // No stored object has it: objects are strict.
            None => field.optional,
        })
}

fn equals_literal(literal: &Value, value: ValueRef<'_>) -> bool {
    match (literal, value) {
        (Value::String(literal), ValueRef::String(value)) => literal == value,
        (Value::Boolean(literal), ValueRef::Boolean(value)) => *literal == value,
        (Value::Int64(literal), ValueRef::Int64(value)) => *literal == value,
        (Value::Float64(literal), ValueRef::Float64(value)) => literal.total_cmp(&value).is_eq(),
        _ => false,
    }
}

/// Judges an id string by the table number inside it.
///
/// Ids of system tables such as `_storage` come from a Convex deployment, whose numbers for them aren't known
/// here: any id that belongs to none of the app's tables will do.
pub(crate) fn fit_id<'a>(text: &str, table: &str, tables: &'a TableNumbers) -> IdFit<'a> {
    let Some((number, _)) = id::decode(text) else {
        return IdFit::NoId;
    };
    match tables.name(number) {
        Some(name) if name == table => IdFit::Fits,
        Some(name) => IdFit::OtherTable(name),
        None if is_system(table) => IdFit::Fits,
        None => IdFit::NoId,
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Validator::Any => f.write_str("v.any()"),
            Validator::Null => f.write_str("v.null()"),
            Validator::Boolean => f.write_str("v.boolean()"),
            Validator::Int64 => f.write_str("v.int64()"),
            Validator::CommitTs => f.write_str("v.commitTs()"),
            Validator::Float64 => f.write_str("v.float64()"),
            Validator::String => f.write_str("v.string()"),
            Validator::Bytes => f.write_str("v.bytes()"),
            Validator::Id(table) => write!(f, "v.id(\"{table}\")"),
            Validator::Literal(literal) => {
                f.write_str("v.literal(")?;
                write_literal(f, literal)?;
                f.write_str(")")
            }
            Validator::Array(element) => write!(f, "v.array({element})"),
            Validator::Record(keys, values) => write!(f, "v.record({keys}, {values})"),
            Validator::Object(fields) => write_fields(f, fields),
            Validator::Union(members) => {
                f.write_str("v.union(")?;
                for (position, member) in members.iter().enumerate() {
                    f.write_str(if position == 0 { "" } else { ", " })?;
                    member.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Writes `v.object({…})`.
pub(crate) fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
    f.write_str("v.object({")?;
    for (position, field) in fields.iter().enumerate() {
        f.write_str(if position == 0 { "" } else { ", " })?;
        match field.optional {
            true => write!(f, "{}: v.optional({})", field.name, field.validator)?,
            false => write!(f, "{}: {}", field.name, field.validator)?,
        }
    }
    f.write_str("})")
}

/// Writes what stands inside `v.literal(…)`: JSON where there is any.
pub(crate) fn write_literal(f: &mut fmt::Formatter<'_>, literal: &Value) -> fmt::Result {
    match literal {
        Value::Boolean(value) => write!(f, "{value}"),
        Value::Float64(value) if value.is_finite() => Number(*value).fmt(f),
        Value::Float64(_) => f.write_str("<number>"),
        Value::String(text) => {
            let mut json = Vec::new();
            push_string(&mut json, text.as_bytes());
            f.write_str(std::str::from_utf8(&json).map_err(|_| fmt::Error)?)
        }
        _ => f.write_str("<bigint>"),
    }
}
