//! Reads validators from Convex's JSON shape.

use crate::flat_map::FlatMap;

use crate::error::{Error, Result};
use crate::schema::definition::{invalid, text};
use crate::schema::identifier::check_identifier;
use crate::schema::validator::{Field, Validator};
use crate::value::Value;

/// Deeper than any document may nest; beyond it a validator could only exhaust the stack.
pub(crate) const MAX_DEPTH: usize = 64;

impl Validator {
    /// Reads a validator as `v.…` exports it: `{ type: "array", value: { type: "string" } }`.
    pub fn from_value(json: &Value) -> Result<Self> {
        read(json, MAX_DEPTH)
    }
}

fn read(json: &Value, depth: usize) -> Result<Validator> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(invalid(format!("Validators may be nested up to {MAX_DEPTH} levels deep.")));
    };
    let kind = text(json.get("type"), "The `type` of a validator")?;
    Ok(match kind {
        "null" => Validator::Null,
        "number" => Validator::Float64,
        "bigint" => Validator::Int64,
        "commitTs" => Validator::CommitTs,
        "boolean" => Validator::Boolean,
        "string" => Validator::String,
        "bytes" => Validator::Bytes,
        // Maps and sets existed before records did, and were checked as anything.
        "any" | "map" | "set" => Validator::Any,
        "id" => {
            let table = text(json.get("tableName"), "The `tableName` of an id validator")?;
            check_identifier(table).map_err(invalid)?;
            Validator::Id(table.into())
        }
        "literal" => Validator::Literal(read_literal(json.get("value"))?),
        "array" => Validator::Array(Box::new(read(child(json, "value", kind)?, depth)?)),
        "record" => read_record(json, depth)?,
        "object" => {
            let fields = child(json, "value", kind)?.as_object();
            Validator::Object(read_fields(
                fields.ok_or_else(|| invalid("The `value` of an object validator must be an object."))?,
                depth,
            )?)
        }
        "union" => {
            let members = child(json, "value", kind)?.as_array();
            let members = members.ok_or_else(|| invalid("The `value` of a union validator must be an array."))?;
            Validator::Union(members.iter().map(|member| read(member, depth)).collect::<Result<_>>()?)
        }
        other => return Err(invalid(format!("There is no validator of the type \"{other}\"."))),
    })
}

fn child<'a>(json: &'a Value, key: &str, kind: &str) -> Result<&'a Value> {
    json.get(key).ok_or_else(|| invalid(format!("A validator of the type \"{kind}\" must have a `{key}`.")))
}

fn read_fields(entries: &FlatMap<String, Value>, depth: usize) -> Result<Vec<Field>> {
    let mut fields = Vec::with_capacity(entries.len());
    for (name, entry) in entries {
        check_identifier(name).map_err(invalid)?;
        let at =
            |error: Error| Error::new(error.code, format!("Invalid validator for key `{name}`: {}", error.message));
        let (validator, optional) = read_field(entry, depth).map_err(at)?;
        fields.push(Field { name: name.clone(), optional, validator });
    }
    Ok(fields)
}

fn read_field(entry: &Value, depth: usize) -> Result<(Validator, bool)> {
    let validator = read(child(entry, "fieldType", "object")?, depth)?;
    let optional = entry.get("optional").and_then(Value::as_bool);
    Ok((validator, optional.ok_or_else(|| invalid("`optional` must be a boolean."))?))
}

fn read_record(json: &Value, depth: usize) -> Result<Validator> {
    let keys = read(child(json, "keys", "record")?, depth)?;
    if !keys.is_subset(&Validator::String) {
        return Err(invalid(format!(
            "Records can only have string keys. Your validator contains a record with key typed as `{keys}`, \
             which is not a subtype of `v.string()`"
        )));
    }
    // Up to convex 1.16 the values came bare.
    let values = child(json, "values", "record")?;
    let (values, optional) = match values.get("fieldType") {
        Some(_) => read_field(values, depth)?,
        None => (read(values, depth)?, false),
    };
    if has_string_literal(&keys) {
        return Err(invalid("Records cannot have string literal keys"));
    }
    if optional {
        return Err(invalid("Records cannot have optional values"));
    }
    Ok(Validator::Record(Box::new(keys), Box::new(values)))
}

fn has_string_literal(validator: &Validator) -> bool {
    match validator {
        Validator::Literal(Value::String(_)) => true,
        Validator::Union(members) => members.iter().any(has_string_literal),
        _ => false,
    }
}

/// A literal as plain JSON has it, or as a value that was decoded from it.
fn read_literal(value: Option<&Value>) -> Result<Value> {
    let value = value.ok_or_else(|| invalid("A literal validator must have a `value`."))?;
    match value {
        Value::Boolean(_) | Value::Int64(_) | Value::String(_) => Ok(value.clone()),
        Value::Float64(number) if number.is_finite() => Ok(value.clone()),
        Value::Float64(_) => Err(invalid("Infinite or NaN values are not supported in literal validators.")),
        Value::Object(entries) if entries.len() == 1 => {
            let integer = value.get("$integer").and_then(Value::as_str).and_then(read_eight_bytes);
            let float = value.get("$float").and_then(Value::as_str).and_then(read_eight_bytes);
            match (integer, float) {
                (Some(bytes), _) => Ok(Value::Int64(i64::from_le_bytes(bytes))),
                (_, Some(bytes)) => read_literal(Some(&Value::Float64(f64::from_le_bytes(bytes)))),
                (None, None) => Err(not_a_literal()),
            }
        }
        Value::Null | Value::Bytes(_) | Value::Array(_) | Value::Object(_) => Err(not_a_literal()),
    }
}

fn not_a_literal() -> Error {
    invalid("v.literal(value) must be a string, number, bigint, or boolean")
}

/// Base64 of exactly eight bytes: eleven letters and one `=`.
fn read_eight_bytes(text: &str) -> Option<[u8; 8]> {
    let letters = text.strip_suffix('=').filter(|letters| letters.len() == 11)?;
    let mut bits: u128 = 0;
    for letter in letters.bytes() {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u128::from(six);
    }
    // Eleven letters are 66 bits; the two left over are zero in what an encoder writes.
    if bits & 3 != 0 {
        return None;
    }
    u64::try_from(bits >> 2).ok().map(u64::to_be_bytes)
}
