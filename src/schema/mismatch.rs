//! Why a value was rejected, in Convex's words. Runs only after a check said no.

use std::fmt;

use crate::bytes::Malformed;
use crate::error::{Code, Error};
use crate::schema::numbers::TableNumbers;
use crate::schema::validator::{Field, IdFit, Validator, find_field, fit_id, write_fields, write_literal};
use crate::value::Value;
use crate::value::show::{Brief, Quoted, Show};

/// Why a validator rejected a value; displays as Convex's text.
#[derive(Clone, Debug, PartialEq)]
pub enum Mismatch {
    /// The value is not what the validator wants.
    Rejected {
        /// Why, as text.
        reason: String,
        /// The field, as in [`Error::path`].
        path: String,
    },
    /// The bytes of the stored document are damaged.
    Damaged(Malformed),
}

impl Mismatch {
    /// The error of a write to `table`.
    pub fn write_error(&self, table: &str) -> Error {
        match self {
            Mismatch::Rejected { reason, path } => Error::new(
                Code::SchemaEnforcementError,
                format!(
                    "Failed to insert or update a document in table \"{table}\" because it does not match the schema: {reason}"
                ),
            )
            .at(path.clone()),
            Mismatch::Damaged(Malformed(part)) => {
                Error::new(Code::InvalidValue, format!("A document for table \"{table}\" is malformed: {part}."))
            }
        }
    }

    /// The error of calling a function with such arguments, or of its result.
    pub fn call_error(&self, code: Code) -> Error {
        match self {
            Mismatch::Rejected { reason, path } => {
                Error::new(code, format!("{}: {reason}", code.name())).at(path.clone())
            }
            Mismatch::Damaged(Malformed(part)) => Error::new(code, format!("{}: {part}", code.name())),
        }
    }

    /// The error of adopting a schema that a stored document doesn't match.
    pub fn stored_error(&self, table: &str, id_text: &str) -> Error {
        match self {
            Mismatch::Rejected { reason, path } => Error::new(
                Code::SchemaDoesNotFit,
                format!("Document with ID \"{id_text}\" in table \"{table}\" does not match the schema: {reason}"),
            )
            .at(format!("{table}/{id_text}{path}")),
            Mismatch::Damaged(Malformed(part)) => Error::new(
                Code::Corrupt,
                format!("Document with ID \"{id_text}\" in table \"{table}\" is damaged: {part}."),
            ),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Rejected { reason, .. } => f.write_str(reason),
            Mismatch::Damaged(Malformed(part)) => write!(f, "The document is damaged: {part}."),
        }
    }
}

impl Validator {
    /// Checks a value that is no document: an argument of a function, its result.
    pub fn check_value(&self, value: &Value, tables: &TableNumbers) -> Result<(), Mismatch> {
        explain(self, Found::of(value), tables)
            .map_err(|finding| Mismatch::Rejected { reason: finding.to_string(), path: finding.field() })
    }
}

/// A value, or a key of a record, which is checked like a string.
#[derive(Clone, Copy)]
enum Found<'a> {
    Text(&'a str),
    Value(&'a Value),
}

impl<'a> Found<'a> {
    fn of(value: &'a Value) -> Self {
        match value {
            Value::String(text) => Found::Text(text),
            other => Found::Value(other),
        }
    }
}

enum Segment<'a> {
    Field(&'a str),
    Element(usize),
    Keys,
    Values,
}

enum Reason<'a> {
    OtherTable { id: &'a str, found: &'a str, wanted: &'a str },
    OtherLiteral { value: Found<'a>, literal: &'a Value },
    MissingField { name: &'a str, object: &'a Value, fields: &'a [Field] },
    ExtraField { name: &'a str, object: &'a Value, fields: &'a [Field] },
    NoMatch { value: Found<'a>, validator: &'a Validator },
}

struct Finding<'a> {
    reason: Reason<'a>,
    /// Innermost first: it is collected on the way out.
    path: Vec<Segment<'a>>,
}

impl<'a> Finding<'a> {
    fn under(mut self, segment: Segment<'a>) -> Self {
        self.path.push(segment);
        self
    }

    /// The field that is wrong, missing or too many.
    fn field(&self) -> String {
        let mut path = String::new();
        // Writing to a text can't fail.
        let _ = Path(&self.path).write(&mut path);
        if let Reason::MissingField { name, .. } | Reason::ExtraField { name, .. } = self.reason {
            path.push('.');
            path.push_str(name);
        }
        path
    }
}

impl<'a> From<Reason<'a>> for Finding<'a> {
    fn from(reason: Reason<'a>) -> Self {
        Finding { reason, path: Vec::new() }
    }
}

/// Finds what Convex would report: the first field in the validator's order, unknown fields last.
fn explain<'a>(validator: &'a Validator, value: Found<'a>, tables: &'a TableNumbers) -> Result<(), Finding<'a>> {
    match (validator, value) {
        (Validator::Any, _)
        | (Validator::String, Found::Text(_))
        | (Validator::Null, Found::Value(Value::Null))
        | (Validator::Boolean, Found::Value(Value::Boolean(_)))
        | (Validator::Int64 | Validator::CommitTs, Found::Value(Value::Int64(_)))
        | (Validator::Float64, Found::Value(Value::Float64(_)))
        | (Validator::Bytes, Found::Value(Value::Bytes(_))) => Ok(()),
        (Validator::Id(wanted), Found::Text(id)) => match fit_id(id, wanted, tables) {
            IdFit::Fits => Ok(()),
            IdFit::OtherTable(found) => Err(Reason::OtherTable { id, found, wanted }.into()),
            IdFit::NoId => Err(Reason::NoMatch { value, validator }.into()),
        },
        (Validator::Literal(literal), _) => {
            let same = match value {
                Found::Text(text) => literal.as_str() == Some(text),
                Found::Value(value) => literal == value,
            };
            if same { Ok(()) } else { Err(Reason::OtherLiteral { value, literal }.into()) }
        }
        (Validator::Array(element), Found::Value(Value::Array(items))) => {
            for (position, item) in items.iter().enumerate() {
                explain(element, Found::of(item), tables)
                    .map_err(|finding| finding.under(Segment::Element(position)))?;
            }
            Ok(())
        }
        (Validator::Record(keys, values), Found::Value(Value::Object(entries))) => {
            for (key, item) in entries {
                explain(keys, Found::Text(key), tables).map_err(|finding| finding.under(Segment::Keys))?;
                explain(values, Found::of(item), tables).map_err(|finding| finding.under(Segment::Values))?;
            }
            Ok(())
        }
        (Validator::Object(fields), Found::Value(object @ Value::Object(entries))) => {
            for field in fields {
                match entries.get(&field.name) {
                    Some(item) => explain(&field.validator, Found::of(item), tables)
                        .map_err(|finding| finding.under(Segment::Field(&field.name)))?,
                    None if field.optional => {}
                    None => return Err(Reason::MissingField { name: &field.name, object, fields }.into()),
                }
            }
            match entries.keys().find(|name| find_field(fields, name).is_none()) {
                Some(name) => Err(Reason::ExtraField { name, object, fields }.into()),
                None => Ok(()),
            }
        }
        (Validator::Union(members), _) => match members.as_slice() {
            [only] => explain(only, value, tables),
            members if members.iter().any(|member| explain(member, value, tables).is_ok()) => Ok(()),
            _ => Err(Reason::NoMatch { value, validator }.into()),
        },
        _ => Err(Reason::NoMatch { value, validator }.into()),
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Path(&self.path);
        // Convex's sentences about ids and literals run into the path.
        let gap = if self.path.is_empty() { "" } else { "\n" };
        match &self.reason {
            Reason::OtherTable { id, found, wanted } => write!(
                f,
                "Found ID \"{id}\" from table `{found}`, which does not match the table name in validator `v.id(\"{wanted}\")`.{gap}{path}"
            ),
            Reason::OtherLiteral { value, literal } => {
                write!(f, "`{value}` does not match literal validator `v.literal(")?;
                write_literal(f, literal)?;
                write!(f, ")`.{gap}{path}")
            }
            Reason::MissingField { name, object, fields } => {
                write!(
                    f,
                    "Object is missing the required field `{name}`. Consider wrapping the field validator in \
                     `v.optional(...)` if this is expected.\n{path}\nObject: {}\nValidator: ",
                    Found::Value(object)
                )?;
                write_fields(f, fields)
            }
            Reason::ExtraField { name, object, fields } => {
                write!(
                    f,
                    "Object contains extra field `{name}` that is not in the validator.\n{path}\nObject: {}\nValidator: ",
                    Found::Value(object)
                )?;
                write_fields(f, fields)
            }
            Reason::NoMatch { value, validator } => {
                write!(f, "Value does not match validator.\n{path}\nValue: {value}\nValidator: {validator}")
            }
        }
    }
}

struct Path<'a>(&'a [Segment<'a>]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str("Path: ")?;
        self.write(f)
    }
}

impl Path<'_> {
    fn write(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        for segment in self.0.iter().rev() {
            match segment {
                Segment::Field(name) => write!(out, ".{name}")?,
                Segment::Element(position) => write!(out, "[{position}]")?,
                Segment::Keys => out.write_str(".keys()")?,
                Segment::Values => out.write_str(".values()")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Text(text) => Brief(Quoted(text)).fmt(f),
            Found::Value(value) => Brief(Show(value)).fmt(f),
        }
    }
}
