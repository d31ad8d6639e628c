//! What the app asks for: the object that `defineSchema(…).export()` writes, checked.

use crate::document::FieldPath;
use crate::error::{Code, Error, Result};
use crate::flat_map::FlatMap;
use crate::id;
use crate::schema::identifier::{check_identifier, identifier_rule, is_system};
use crate::schema::numbers::TableNumbers;
use crate::schema::placement::{Placement, read_placements};
use crate::schema::validator::Validator;
use crate::value::Value;
use crate::value::show::Number;
use std::rc::Rc;

const MAX_TABLES: usize = 10_000;
const MAX_INDEXES_PER_TABLE: usize = 64;
/// Convex counts sixteen with the `_creationTime` that it appends.
const MAX_INDEX_FIELDS: usize = 15;
const MAX_FILTER_FIELDS: usize = 16;

/// A schema as the app defines it: tables, validators and indexes, without any stored state.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaDefinition {
    pub(crate) tables: FlatMap<String, TableDefinition>,
    pub(crate) enforced: bool,
}

/// One table of a [`SchemaDefinition`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableDefinition {
    /// The number in ids.
    pub(crate) number: u32,
    /// Whether the app gave it.
    pub(crate) is_pinned: bool,
    pub(crate) validator: Validator,
    pub(crate) indexes: Vec<IndexDefinition>,
    pub(crate) placement: Option<Rc<Placement>>,
}

/// One index of a [`TableDefinition`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IndexDefinition {
    pub(crate) name: String,
    pub(crate) fields: Vec<FieldPath>,
    pub(crate) staged: bool,
}

/// The error of a schema that contradicts itself.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::InvalidSchema, message)
}

impl SchemaDefinition {
    /// Reads Convex's exported schema, in today's and older shapes. Unknown keys are ignored.
    ///
    /// Two keys are Holdfast's own: `tableNumbers`, an object from table names to the numbers a Convex
    /// deployment gave them (numbers of system tables, `_storage`, may be in it and aren't used), and `sync`, one from
    /// table names to placements.
    pub fn from_value(value: &Value) -> Result<Self> {
        let exported = value.as_object().ok_or_else(|| invalid("A schema must be an object."))?;
        let pins = read_pins(exported.get("tableNumbers"))?;
        // Schemas from before schema validation existed don't have this key, and none was done.
        let enforced = match present(exported.get("schemaValidation")) {
            None => false,
            Some(flag) => flag.as_bool().ok_or_else(|| invalid("`schemaValidation` must be a boolean."))?,
        };
        let listed = list(exported.get("tables"), "`tables`")?;
        if listed.len() > MAX_TABLES {
            return Err(invalid(format!("Number of tables cannot exceed {MAX_TABLES}.")));
        }
        let mut tables = FlatMap::new();
        let mut numbers = TableNumbers::default();
        for table in listed {
            let name = text(table.get("tableName"), "`tableName`")?;
            let definition = read_table(name, table, pins.get(&name).copied(), enforced)?;
            numbers.add(definition.number, name).map_err(|collision| invalid(collision.message()))?;
            if tables.insert(name.to_string(), definition).is_some() {
                return Err(invalid(format!("Table \"{name}\" is defined twice.")));
            }
        }
        read_placements(present(exported.get("sync")), &mut tables)?;
        match pins.keys().find(|name| !is_system(name) && !tables.contains_key(**name)) {
            Some(name) => {
                Err(invalid(format!("`tableNumbers` names the table \"{name}\", which is not in the schema.")))
            }
            None => Ok(SchemaDefinition { tables, enforced }),
        }
    }
}

/// A key that is missing or `null`: exports write both.
fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !matches!(value, Value::Null))
}

fn list<'a>(value: Option<&'a Value>, what: &str) -> Result<&'a [Value]> {
    match present(value) {
        None => Ok(&[]),
        Some(value) => value.as_array().ok_or_else(|| invalid(format!("{what} must be an array."))),
    }
}

pub(crate) fn text<'a>(value: Option<&'a Value>, what: &str) -> Result<&'a str> {
    value.and_then(Value::as_str).ok_or_else(|| invalid(format!("{what} must be a string.")))
}

fn read_pins(value: Option<&Value>) -> Result<FlatMap<&str, u32>> {
    let Some(value) = present(value) else {
        return Ok(FlatMap::new());
    };
    let entries = value.as_object().ok_or_else(|| invalid("`tableNumbers` must be an object."))?;
    let mut pins = FlatMap::new();
    for (name, number) in entries {
        let whole = match number {
            Value::Int64(number) => u32::try_from(*number).ok(),
            // Casting saturates, so only numbers that fit survive the way back.
            Value::Float64(number) => Some(*number as u32).filter(|&whole| f64::from(whole) == *number),
            _ => None,
        };
        match whole {
            Some(number) if number > 0 => pins.insert(name.as_str(), number),
            _ => {
                return Err(invalid(format!(
                    "The table number of \"{name}\" must be a whole number from 1 to {}.",
                    u32::MAX
                )));
            }
        };
    }
    Ok(pins)
}

fn read_table(name: &str, table: &Value, pin: Option<u32>, enforced: bool) -> Result<TableDefinition> {
    check_identifier(name)
        .map_err(|_| invalid(format!("Invalid table name: \"{name}\". {}", identifier_rule(name))))?;
    if is_system(name) {
        return Err(invalid(format!("{name} is a reserved table name.")));
    }
    let validator = match present(table.get("documentType")) {
        None => Validator::Any,
        Some(document_type) => {
            let validator =
                Validator::from_value(document_type).map_err(|error| within(&format!("In table \"{name}\""), error))?;
            document_validator(validator)?
        }
    };
    let indexes = read_indexes(name, table)?;
    if enforced {
        check_index_fields(name, &validator, &indexes)?;
    }
    let number = pin.unwrap_or_else(|| id::derived_table_number(name));
    Ok(TableDefinition { number, is_pinned: pin.is_some(), validator, indexes, placement: None })
}

fn within(place: &str, error: Error) -> Error {
    Error::new(error.code, format!("{place}: {}", error.message))
}

/// Documents are objects; `_id` and `_creationTime` are not the validator's business.
fn document_validator(validator: Validator) -> Result<Validator> {
    match validator {
        Validator::Any => Ok(Validator::Any),
        Validator::Object(mut fields) => {
            fields.retain(|field| !is_system(&field.name));
            Ok(Validator::Object(fields))
        }
        Validator::Union(members) => {
            let members = members.into_iter().map(|member| match member {
                Validator::Object(_) => document_validator(member),
                other => Err(invalid_document_type(&other)),
            });
            Ok(Validator::Union(members.collect::<Result<_>>()?))
        }
        other => Err(invalid_document_type(&other)),
    }
}

fn invalid_document_type(found: &Validator) -> Error {
    invalid(format!(
        "The document validator in a schema must be an object, a union of objects, or `v.any()`. Found {found}. \
         To learn more, see the schema documentation at https://docs.convex.dev/database/schemas."
    ))
}

/// Search and vector indexes are checked so that a schema which Convex rejects is rejected here, and then
/// left out: nothing here searches them.
fn read_indexes(table: &str, definition: &Value) -> Result<Vec<IndexDefinition>> {
    let kinds =
        ["indexes", "stagedDbIndexes", "searchIndexes", "stagedSearchIndexes", "vectorIndexes", "stagedVectorIndexes"];
    let mut lists = [&[] as &[Value]; 6];
    for (found, kind) in lists.iter_mut().zip(kinds) {
        *found = list(definition.get(kind), &format!("In table \"{table}\": `{kind}`"))?;
    }
    if lists.iter().map(|list| list.len()).sum::<usize>() > MAX_INDEXES_PER_TABLE {
        return Err(invalid(format!("Table \"{table}\" cannot have more than {MAX_INDEXES_PER_TABLE} indexes.")));
    }
    let [plain, staged, search, staged_search, vector, staged_vector] = lists;

    let mut indexes = Vec::new();
    let mut seen_fields: FlatMap<String, &str> = FlatMap::new();
    for (definition, staged) in plain.iter().map(|one| (one, false)).chain(staged.iter().map(|one| (one, true))) {
        let (name, fields) = read_index(definition).map_err(|error| within(&format!("In table \"{table}\""), error))?;
        if fields.is_empty() {
            let kind = if staged { "staged index" } else { "index" };
            return Err(invalid(format!("In table \"{table}\" {kind} \"{name}\" must have at least one field.")));
        }
        let key = fields.iter().map(FieldPath::to_string).collect::<Vec<_>>().join(",");
        if let Some(other) = seen_fields.insert(key, name) {
            let (first, second) = if name > other { (name, other) } else { (other, name) };
            return Err(invalid(format!(
                "In table \"{table}\" index \"{first}\" and index \"{second}\" have the same fields. \
                 Indexes must be unique within a table."
            )));
        }
        indexes.push(IndexDefinition { name: name.into(), fields, staged });
    }

    let mut names: Vec<&str> = plain.iter().chain(staged).filter_map(index_name).collect();
    for (kind, field_key, lists) in
        [("search", "searchField", [search, staged_search]), ("vector", "vectorField", [vector, staged_vector])]
    {
        let mut seen: FlatMap<String, &str> = FlatMap::new();
        for definition in lists.into_iter().flatten() {
            let (name, key) = read_other_index(definition, kind, field_key)
                .map_err(|error| within(&format!("In table \"{table}\""), error))?;
            if let Some(other) = seen.insert(key, name) {
                let (first, second) = if name > other { (name, other) } else { (other, name) };
                return Err(invalid(other_index_not_unique(table, kind, field_key, first, second)));
            }
            names.push(name);
        }
    }
    check_index_names(table, &names)?;
    // Order in the definition has no meaning; by name, equal definitions are equal values.
    crate::sort::sort_by(&mut indexes, |a, b| a.name.cmp(&b.name));
    Ok(indexes)
}

fn index_name(definition: &Value) -> Option<&str> {
    definition.get("indexDescriptor").and_then(Value::as_str)
}

fn check_index_names(table: &str, names: &[&str]) -> Result<()> {
    for (position, &name) in names.iter().enumerate() {
        if is_system(name) || name == "by_id" || name == "by_creation_time" {
            return Err(invalid(format!(
                "In table \"{table}\" cannot name an index \"{name}\" because the name is reserved. \
                 Indexes may not start with an underscore or be named \"by_id\" or \"by_creation_time\"."
            )));
        }
        if names[..position].contains(&name) {
            return Err(invalid(format!("Table \"{table}\" has two or more definitions of index \"{name}\".")));
        }
    }
    Ok(())
}

fn read_index_name(definition: &Value) -> Result<&str> {
    let name = text(definition.get("indexDescriptor"), "`indexDescriptor`")?;
    check_identifier(name).map_err(|_| {
        invalid(format!(
            "Invalid index name: \"{name}\". Identifiers must be 64 characters or less, start with a letter, \
             and only contain letters, digits, underscores."
        ))
    })?;
    Ok(name)
}

fn read_path(index: &str, written: &str) -> Result<FieldPath> {
    // Convex forgives dots at the ends.
    let trimmed = written.trim_matches('.');
    if let Some(bad) = trimmed.split('.').find(|segment| check_identifier(segment).is_err()) {
        let rule = identifier_rule(bad);
        return Err(invalid(format!("In index \"{index}\": Invalid index field: \"{written}\". {rule}")));
    }
    Ok(FieldPath::parse(trimmed))
}

fn read_index(definition: &Value) -> Result<(&str, Vec<FieldPath>)> {
    let name = read_index_name(definition)?;
    let at = |message: String| invalid(format!("In index \"{name}\": {message}"));
    let mut fields: Vec<FieldPath> = Vec::new();
    for field in list(definition.get("fields"), "`fields`")? {
        fields.push(read_path(name, text(Some(field), "An index field")?)?);
    }
    let written: Vec<String> = fields.iter().map(FieldPath::to_string).collect();
    if fields.len() > MAX_INDEX_FIELDS {
        return Err(at(format!("Indexes may have up to {MAX_INDEX_FIELDS} fields beside `_creationTime`.")));
    }
    if written.iter().any(|field| field == "_id") {
        return Err(at("`_id` is not a valid index field. To load documents by ID, use `db.get(id)`.".into()));
    }
    let is_repeated = |(position, field): &(usize, &String)| written[..*position].contains(field);
    if let Some((_, field)) = written.iter().enumerate().find(is_repeated) {
        return Err(at(format!("Duplicate field \"{field}\". Index fields must be unique within an index.")));
    }
    if written.iter().any(|field| field == "_creationTime") {
        return Err(at(
            "`_creationTime` is automatically added to the end of each index. It should not be added explicitly \
                       in the index definition. See https://docs.convex.dev/using/indexes for more details."
                .into(),
        ));
    }
    if fields.iter().any(|field| field.segments().iter().any(|segment| is_system(segment))) {
        return Err(at("Reserved fields (starting with `_`) are not allowed in indexes.".into()));
    }
    Ok((name, fields))
}

/// A search or vector index: its name, and what must be unique within the table.
fn read_other_index<'a>(definition: &'a Value, kind: &str, field_key: &str) -> Result<(&'a str, String)> {
    let name = read_index_name(definition)?;
    let field = read_path(name, text(definition.get(field_key), &format!("`{field_key}`"))?)?;
    let filter_fields = list(definition.get("filterFields"), "`filterFields`")?;
    for filter_field in filter_fields {
        read_path(name, text(Some(filter_field), "A filter field")?)?;
    }
    if filter_fields.len() > MAX_FILTER_FIELDS {
        return Err(invalid(format!("Search indexes may have up to {MAX_FILTER_FIELDS} filter fields.")));
    }
    if kind == "search" {
        return Ok((name, field.to_string()));
    }
    let dimensions = present(definition.get("dimensions")).or_else(|| present(definition.get("dimension")));
    match dimensions {
        Some(Value::Float64(dimensions)) => Ok((name, format!("{field} {}", Number(*dimensions)))),
        Some(Value::Int64(dimensions)) => Ok((name, format!("{field} {dimensions}"))),
        _ => Err(invalid("Missing dimensions field")),
    }
}

/// The line break inside the sentence is Convex's.
fn other_index_not_unique(table: &str, kind: &str, field_key: &str, first: &str, second: &str) -> String {
    let title = if kind == "search" { "Search" } else { "Vector" };
    format!(
        "In table \"{table}\" {kind} index \"{first}\" and {kind} index \"{second}\" have the same `{field_key}`. \
         {title} index fields must be unique within a table. You should combine the\n             indexes with the same \
         `{field_key}` into one index containing all `filterField`s and then use different subsets of the \
         `filterField`s at query time."
    )
}

/// An index on a field that no document can have is a typing mistake.
fn check_index_fields(table: &str, validator: &Validator, indexes: &[IndexDefinition]) -> Result<()> {
    for index in indexes {
        if let Some(field) = index.fields.iter().find(|field| !validator.can_contain(field)) {
            return Err(invalid(format!(
                "In table \"{table}\" the index \"{}\" is invalid because it references the field \"{field}\" that does not exist.",
                index.name
            )));
        }
    }
    Ok(())
}
