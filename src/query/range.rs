//! The range of an index query: which bounds it has, whether they fit the index, and which keys they
//! enclose.
//!
//! Since no value's key bytes are the start of another's, the keys with one value in one field are exactly
//! those that start with the bytes of the fields so far: a [`Group`]. Each bound lies at the start or the
//! end of one.

use std::fmt;

use crate::document::FieldPath;
use crate::error::{Code, Error, Result};
use crate::keyspace;
use crate::query::fingerprint::Fingerprint;
use crate::query::operand::Shown;
use crate::query::{Source, invalid_query, maybe_undefined, parse_path, text};
use crate::schema::Table;
use crate::value::Value;
use crate::{id, key};

/// The index that a range is over.
pub(super) struct Target<'a> {
    pub(super) table: &'a Table,
    pub(super) name: &'a str,
    pub(super) source: Source,
    /// Without `_creationTime` and `_id`, which end every index.
    pub(super) user_fields: &'a [FieldPath],
}

/// A range expression's value: `None` is `undefined`.
type Bound<'a> = Option<&'a Value>;

/// A range as it was asked for, not yet compared with the index.
struct Asked<'a> {
    /// In order of their fields' names.
    equalities: Vec<(String, Bound<'a>)>,
    /// The one field with bounds.
    bounded: Option<Bounded<'a>>,
}

struct Bounded<'a> {
    field: String,
    /// The bound, and whether it is inside the range.
    lower: Option<(Bound<'a>, bool)>,
    upper: Option<(Bound<'a>, bool)>,
}

/// The keys with one value in one field: from the first up to, and without, the last.
struct Group {
    start: Vec<u8>,
    end: Vec<u8>,
}

/// The keys that `expressions` enclose, as start and end.
pub(super) fn compile(
    target: &Target<'_>,
    expressions: &[Value],
    fingerprint: &mut Fingerprint,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let asked = split(target, expressions)?;
    let equalities = target.in_order(&asked)?;

    let mut group = Group::of_prefix(target.key_prefix().to_vec());
    for (rank, (_, value)) in equalities.iter().enumerate() {
        group = target.group(group.start, rank, *value, true)?;
        fingerprint.mark(b'=');
        fingerprint.value(*value);
    }
    let Some(bounded) = &asked.bounded else {
        return Ok((group.start, group.end));
    };
    let (prefix, rank) = (group.start, equalities.len());
    let (mut start, mut end) = (prefix.clone(), group.end);
    if let Some((value, inside)) = bounded.lower {
        let group = target.group(prefix.clone(), rank, value, false)?;
        start = if inside { group.start } else { group.end };
        fingerprint.mark(if inside { b']' } else { b'>' });
        fingerprint.value(value);
    }
    if let Some((value, inside)) = bounded.upper {
        let group = target.group(prefix, rank, value, false)?;
        end = if inside { group.end } else { group.start };
        fingerprint.mark(if inside { b'[' } else { b'<' });
        fingerprint.value(value);
    }
    Ok((start, end))
}

/// Sorts the expressions into equalities and bounds. Convex checks in this order: first what contradicts
/// itself, then what does not fit the index.
fn split<'a>(target: &Target<'_>, expressions: &'a [Value]) -> Result<Asked<'a>> {
    let mut equalities: Vec<(String, Bound<'a>)> = Vec::new();
    let mut bounded: Option<Bounded<'a>> = None;
    for expression in expressions {
        let field = parse_path(text(expression, "fieldPath")?)?.to_string();
        let value = expression.get("value").ok_or_else(|| invalid_query("`value` is missing"))?;
        let value = maybe_undefined(value);
        let (comparator, is_upper, inside) = match text(expression, "type")? {
            "Eq" => {
                match equalities.binary_search_by(|(other, _)| other.cmp(&field)) {
                    Ok(known) => return Err(already_defined("equality", &field, "==", equalities[known].1)),
                    Err(place) => equalities.insert(place, (field, value)),
                }
                continue;
            }
            "Gt" => (">", false, false),
            "Gte" => (">=", false, true),
            "Lt" => ("<", true, false),
            "Lte" => ("<=", true, true),
            _ => return Err(invalid_query("a range expression is of no known type")),
        };
        let bounds = bounded.get_or_insert_with(|| Bounded { field: field.clone(), lower: None, upper: None });
        let bound = if is_upper { &mut bounds.upper } else { &mut bounds.lower };
        if bound.is_some() {
            return Err(already_defined(if is_upper { "upper" } else { "lower" }, &field, comparator, value));
        }
        *bound = Some((value, inside));
        if bounds.field != field {
            return Err(range_error(format!(
                "Upper and lower bounds in `range` can only be applied to a single index field. This query against \
                 index {target} attempted to set a range bound on both \"{}\" and \"{field}\". Consider using \
                 `filter` instead. See https://docs.convex.dev/using/indexes for more info.",
                bounds.field
            )));
        }
    }
    if let Some(bounds) = &bounded
        && let Some((_, value)) = equalities.iter().find(|(field, _)| *field == bounds.field)
    {
        return Err(already_defined("inequality", &bounds.field, "==", *value));
    }
    Ok(Asked { equalities, bounded })
}

impl Target<'_> {
    /// The index's fields by rank, with the two that end every index; those of `by_id` are only `_id`.
    fn rank(&self, field: &str) -> Option<usize> {
        let user_fields = self.user_fields.len();
        match (field, self.source) {
            ("_id", Source::ById) => Some(0),
            (_, Source::ById) => None,
            ("_creationTime", _) => Some(user_fields),
            ("_id", _) => Some(user_fields + 1),
            _ => self.user_fields.iter().position(|path| path.to_string() == field),
        }
    }

    /// The equalities in the index's order, after checking that they and the bounded field, in this order,
    /// are the first fields of the index.
    fn in_order<'a>(&self, asked: &Asked<'a>) -> Result<Vec<(usize, Bound<'a>)>> {
        let rank_of = |field: &str| {
            self.rank(field).ok_or_else(|| {
                range_error(format!(
                    "The index range included a comparison with \"{field}\", but {self} with fields {} doesn't index \
                     this field. For more information see https://docs.convex.dev/using/indexes.",
                    self.fields()
                ))
            })
        };
        let mut used = Vec::with_capacity(asked.equalities.len() + 1);
        for (field, value) in &asked.equalities {
            used.push((rank_of(field)?, field, *value));
        }
        crate::sort::sort_by(&mut used, |a, b| a.0.cmp(&b.0));
        if let Some(bounds) = &asked.bounded {
            used.push((rank_of(&bounds.field)?, &bounds.field, None));
        }
        if let Some((_, (_, first_incorrect, _))) = used.iter().enumerate().find(|(rank, used)| *rank != used.0) {
            let query_fields = FieldList(used.iter().map(|(_, field, _)| (*field).clone()).collect());
            // The list has the bounded field last, so that it can look as if the caller's order were the mistake.
            let rule = match (&asked.bounded, used.as_slice()) {
                (Some(_), [.., equality, bounded]) if equality.0 > bounded.0 => {
                    format!("\"{}\" has a bound, so \"{}\" after it can't have `eq`.\n", bounded.1, equality.1)
                }
                _ => String::new(),
            };
            return Err(range_error(format!(
                "Tried to query index {self} but the query didn't use the index fields in order.\n\
                 Index fields: {}\n\
                 Query fields: {query_fields}\n\
                 First incorrect field: \"{first_incorrect}\"\n\
                 {rule}For more information see https://docs.convex.dev/using/indexes.",
                self.fields()
            )));
        }
        used.truncate(asked.equalities.len());
        Ok(used.into_iter().map(|(rank, _, value)| (rank, value)).collect())
    }

    /// The keys that start with `prefix`, which holds the fields before, and have `value` in the field of
    /// this rank.
    fn group(&self, mut prefix: Vec<u8>, rank: usize, value: Bound<'_>, is_equality: bool) -> Result<Group> {
        if self.source == Source::ById || rank > self.user_fields.len() {
            return self.id_group(prefix, value, is_equality);
        }
        key::push_value(&mut prefix, value);
        Ok(Group::of_prefix(prefix))
    }

    /// Ids are not stored as the strings that queries see, but as their sixteen bytes: in the order of their
    /// texts at the end of an index entry, by day first in `by_id`. An id of this table has its place among
    /// them and other kinds of values lie before or after all strings. Other strings have no place; nothing
    /// equals them, and a bound that is one is an error.
    fn id_group(&self, prefix: Vec<u8>, value: Bound<'_>, is_equality: bool) -> Result<Group> {
        let text = match value {
            None | Some(Value::Null | Value::Int64(_) | Value::Float64(_) | Value::Boolean(_)) => "",
            Some(Value::String(text)) => text,
            Some(Value::Bytes(_) | Value::Array(_) | Value::Object(_)) => {
                let end = Group::of_prefix(prefix).end;
                return Ok(Group { start: end.clone(), end });
            }
        };
        match id::decode(text) {
            Some((number, id)) if number == self.table.number || self.table.aliases.contains(&number) => {
                let mut key = prefix;
                match self.source {
                    Source::ById => key = keyspace::id_key(self.table.id, &id).to_vec(),
                    Source::ByCreationTime | Source::Index(_) => key.extend_from_slice(&id.0),
                }
                Ok(Group::of_prefix(key))
            }
            _ if is_equality || text.is_empty() => Ok(Group { start: prefix.clone(), end: prefix }),
            _ => Err(Error::new(
                Code::InvalidId,
                format!("Index {self} can't be divided at \"{text}\", which is not an id of this table."),
            )),
        }
    }

    /// What all keys of the index start with.
    fn key_prefix(&self) -> [u8; keyspace::PREFIX_LENGTH] {
        crate::query::key_prefix(self.table.id, self.source)
    }

    /// The index's fields as Convex lists them: without the `_id` at the end.
    fn fields(&self) -> FieldList {
        let mut fields: Vec<_> = self.user_fields.iter().map(FieldPath::to_string).collect();
        if self.source != Source::ById {
            fields.push("_creationTime".to_owned());
        }
        FieldList(fields)
    }
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table.name, self.name)
    }
}

impl Group {
    fn of_prefix(prefix: Vec<u8>) -> Self {
        // Each kind of key starts with a byte below 0xff, so something always comes after.
        let end = keyspace::after_prefix(&prefix).unwrap_or_default();
        Group { start: prefix, end }
    }
}

/// Shows `["a", "b.c"]`.
struct FieldList(Vec<String>);

impl fmt::Display for FieldList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, field) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(f, "{separator}\"{field}\"")?;
        }
        f.write_str("]")
    }
}

fn already_defined(kind: &str, field: &str, comparator: &str, value: Bound<'_>) -> Error {
    range_error(format!(
        "Already defined {kind} bound in index range. Can't add \"{field}\" {comparator} {}.",
        Shown(value)
    ))
}

fn range_error(message: String) -> Error {
    Error::new(Code::InvalidIndexRange, message)
}
