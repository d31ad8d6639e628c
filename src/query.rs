//! Queries: from Convex's serialized form to one range of keys, the filters on its rows, and cursors for
//! reading it page by page.
//!
//! Nothing here reads rows. [`plan`] looks only at the schema; whoever executes a [`Plan`] scans its range,
//! asks [`Plan::matches`] for each row and stops at the limit.

mod expression;
mod fingerprint;
pub(crate) mod fuzz;
mod operand;
pub(crate) mod page_cursor;
mod range;
mod split;
#[cfg(test)]
mod tests;

pub(crate) use expression::{Expression, Row};
pub(crate) use split::SplitKeys;

use crate::document::{FieldPath, check_name};
use crate::error::{Code, Error, Result};
use crate::keyspace::{self, IndexId, PREFIX_LENGTH, TableId};
use crate::query::fingerprint::Fingerprint;
use crate::query::range::Target;
use crate::schema::identifier::{check_identifier, identifier_rule};
use crate::schema::{IndexState, Schema, Table};
use crate::value::Value;

/// Convex's limit on the filters and limits of one query.
pub(crate) const MOST_OPERATORS: usize = 256;

/// Which keys a query reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The rows themselves, which lie in the order of their creation.
    ByCreationTime,
    /// The places of ids. Their order is by day of creation, then by random bytes: not the order of the
    /// ids' texts, so ranges over `_id` are only good for dividing a table.
    ById,
    /// The entries of an index.
    Index(IndexId),
}

/// A query made ready for the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// The table whose rows come out.
    pub table: TableId,
    /// What kind of keys the range holds.
    pub source: Source,
    /// The first key of the range.
    pub start: Vec<u8>,
    /// The key after the range. At or before `start` when no row can match.
    pub end: Vec<u8>,
    /// Whether to read from the end.
    pub descending: bool,
    /// What each row must pass, in this order.
    pub filters: Vec<Expression>,
    /// How many rows to return at most, counted after the filters.
    pub limit: Option<usize>,
    /// Which fields on top to return; all, if it doesn't say.
    pub fields: Option<Vec<String>>,
    /// Differs between queries that differ in table, index, range, order, filters or limit. It is made of
    /// names and values, not of this database's numbers: the same query has the same one everywhere.
    pub fingerprint: u64,
}

impl Plan {
    /// Whether no row can match, whatever the store holds.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Whether a row of the range passes all filters.
    pub(crate) fn matches(&self, row: &Row<'_>) -> Result<bool> {
        for filter in &self.filters {
            if !filter.matches(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What every key of the source starts with; the rest of a key is the same in every database.
    pub(crate) fn key_prefix(&self) -> [u8; PREFIX_LENGTH] {
        key_prefix(self.table, self.source)
    }
}

fn key_prefix(table: TableId, source: Source) -> [u8; PREFIX_LENGTH] {
    match source {
        Source::ByCreationTime => keyspace::row_prefix(table),
        Source::ById => keyspace::id_prefix(table),
        Source::Index(index) => keyspace::entry_prefix(index),
    }
}

/// Plans a query given in Convex's serialized form:
/// `{source: {type, tableName | indexName, range, order}, operators: [{filter} | {limit} | {select}]}`.
pub(crate) fn plan(schema: &Schema, query: &Value) -> Result<Plan> {
    let serialized_source = field(query, "source")?;
    let (table_name, index_name, expressions) = match text(serialized_source, "type")? {
        "FullTableScan" => (text(serialized_source, "tableName")?, "by_creation_time", &[][..]),
        "IndexRange" => {
            let (table_name, index_name) = split_index_name(text(serialized_source, "indexName")?)?;
            (table_name, index_name, array(serialized_source, "range")?)
        }
        "Search" => return Err(Error::new(Code::InvalidArgument, "Search queries are not supported.")),
        _ => return Err(invalid_query("its source is of no known type")),
    };
    let descending = match serialized_source.get("order") {
        None | Some(Value::Null) => false,
        Some(Value::String(order)) if order == "asc" => false,
        Some(Value::String(order)) if order == "desc" => true,
        Some(_) => return Err(invalid_query("expected \"asc\" or \"desc\"")),
    };
    let table = schema.table(table_name).ok_or_else(|| table_not_found(table_name))?;
    let target = find_index(table, index_name)?;
    let mut fingerprint = Fingerprint::new();
    fingerprint.text(table_name);
    fingerprint.text(index_name);
    for field in target.user_fields {
        fingerprint.text(&field.to_string());
    }
    fingerprint.mark(u8::from(descending));
    let (start, end) = range::compile(&target, expressions, &mut fingerprint)?;
    let operators = field(query, "operators")?;
    fingerprint.value(Some(operators));
    let Operators { filters, limit, fields } = Operators::parse(operators)?;
    Ok(Plan {
        table: table.id,
        source: target.source,
        start,
        end,
        descending,
        filters,
        limit,
        fields,
        fingerprint: fingerprint.finish(),
    })
}

/// The fields that a query in the form in which it crosses the line selects, if it does.
pub(crate) fn selection(query: &Value) -> Option<Vec<String>> {
    let operators = query.get("operators")?.as_array()?;
    let names = operators.iter().find_map(|operator| operator.get("select"))?.as_array()?;
    names.iter().map(|name| name.as_str().map(String::from)).collect()
}

/// Convex's error for a table that does not exist.
pub(crate) fn table_not_found(table_name: &str) -> Error {
    Error::new(Code::TableNotFound, format!("Table '{table_name}' not found"))
}

/// The parts of `table.index`.
fn split_index_name(name: &str) -> Result<(&str, &str)> {
    let problem = match name.split_once('.') {
        Some((table_name, index_name)) if !index_name.contains('.') => return Ok((table_name, index_name)),
        Some(_) => "Too many components in index name",
        None => "Insufficient components in index name",
    };
    Err(Error::new(Code::InvalidArgument, format!("{problem} {name}")))
}

fn find_index<'a>(table: &'a Table, name: &'a str) -> Result<Target<'a>> {
    let target = |source, user_fields| Ok(Target { table, name, source, user_fields });
    match name {
        "by_id" => return target(Source::ById, &[]),
        "by_creation_time" => return target(Source::ByCreationTime, &[]),
        _ => {}
    }
    let unusable = |why: &str| Error::new(Code::IndexNotFound, format!("Index {}.{name} {why}.", table.name));
    let index = table.index(name).ok_or_else(|| unusable("not found"))?;
    match index.state {
        _ if index.staged => Err(unusable("is currently staged and not available to query until it is enabled")),
        // Whoever executes the plan waits for an index that is still being built.
        IndexState::Ready | IndexState::Building { .. } => target(Source::Index(index.id), &index.fields),
        IndexState::Dropping => Err(unusable("not found")),
    }
}

/// What is done with the rows of the range.
#[derive(Default)]
struct Operators {
    filters: Vec<Expression>,
    limit: Option<usize>,
    fields: Option<Vec<String>>,
}

impl Operators {
    fn parse(operators: &Value) -> Result<Self> {
        let Value::Array(list) = operators else {
            return Err(invalid_query("`operators` is not an array"));
        };
        if list.len() > MOST_OPERATORS {
            let message = format!("Query has too many operators: {}", list.len());
            return Err(Error::new(Code::InvalidArgument, message));
        }
        let mut operators = Operators::default();
        for operator in list {
            operators.add(operator)?;
        }
        Ok(operators)
    }

    fn add(&mut self, operator: &Value) -> Result<()> {
        if let Some(filter) = operator.get("filter") {
            // A plan limits what is left after all filters. Convex's builder makes no other order: `take`
            // ends the chain.
            if self.limit.is_some() {
                return Err(invalid_query("a filter follows a limit"));
            }
            self.filters.push(Expression::parse(filter)?);
        } else if let Some(most) = operator.get("limit") {
            let most = parse_limit(most)?;
            self.limit = Some(self.limit.map_or(most, |limit| limit.min(most)));
        } else if operator.get("select").is_some() {
            let names = array(operator, "select")?.iter().map(Value::as_str);
            let names: Option<Vec<_>> = names.map(|name| name.map(String::from)).collect();
            self.fields = Some(names.ok_or_else(|| invalid_query("a selected field is not a string"))?);
        } else {
            return Err(invalid_query("an operator is neither a filter nor a limit nor a selection"));
        }
        Ok(())
    }
}

fn parse_limit(limit: &Value) -> Result<usize> {
    match limit {
        // A number over the largest `usize` becomes that: no table has as many rows.
        Value::Float64(number) if *number >= 0.0 && number.fract() == 0.0 => Ok(*number as usize),
        _ => Err(Error::new(Code::InvalidArgument, "Arg 1 `n` to `take` must be a non-negative integer")),
    }
}

/// Reads a field's path as Convex does: names are identifiers, so that every filter could be an index.
fn parse_path(path: &str) -> Result<FieldPath> {
    let trimmed = path.trim_matches('.');
    if trimmed.is_empty() {
        return Err(Error::new(Code::InvalidArgument, format!("Empty path {path}")));
    }
    for name in trimmed.split('.') {
        check_name(name, false)?;
        if check_identifier(name).is_err() {
            let message = format!("Invalid field path: \"{path}\". {}", identifier_rule(name));
            return Err(Error::new(Code::InvalidArgument, message));
        }
    }
    Ok(FieldPath::parse(trimmed))
}

/// `undefined` crosses as `{"$undefined": null}`.
fn maybe_undefined(value: &Value) -> Option<&Value> {
    match value {
        Value::Object(fields) if fields.len() == 1 && fields.get("$undefined") == Some(&Value::Null) => None,
        _ => Some(value),
    }
}

/// A serialized query that no query builder makes.
fn invalid_query(problem: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("Invalid query: {problem}"))
}

fn field<'a>(object: &'a Value, name: &str) -> Result<&'a Value> {
    object.get(name).ok_or_else(|| invalid_query(&format!("`{name}` is missing")))
}

fn text<'a>(object: &'a Value, name: &str) -> Result<&'a str> {
    field(object, name)?.as_str().ok_or_else(|| invalid_query(&format!("`{name}` is not a string")))
}

fn array<'a>(object: &'a Value, name: &str) -> Result<&'a [Value]> {
    match field(object, name)? {
        Value::Array(items) => Ok(items),
        _ => Err(invalid_query(&format!("`{name}` is not an array"))),
    }
}
