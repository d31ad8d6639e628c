//! From values to bytes and back.

use crate::flat_map::FlatMap;

use super::reference::deeper;
use super::{JSON_SAFE, LARGEST_INTEGER, Names, VALUE_NESTING, tag};
use crate::bytes::{Malformed, Reader, Write, unzigzag, zigzag};
use crate::value::Value;
use crate::value::json;

/// The canonical document of an object. (Anything else has no fields, and makes an empty document.)
///
/// It does not ask whether names and limits are in order, as [`canonicalize`](super::canonicalize) does.
pub(crate) fn encode(value: &Value, names: &Names) -> Vec<u8> {
    let mut out = vec![if is_json_safe(value) { JSON_SAFE } else { 0 }];
    match value.as_object() {
        Some(fields) => push_fields(fields, names, &mut out),
        None => out.put_varint(0),
    }
    out
}

fn is_json_safe(value: &Value) -> bool {
    match value {
        Value::Null | Value::Boolean(_) | Value::String(_) => true,
        Value::Int64(_) | Value::Bytes(_) => false,
        Value::Float64(number) => json::is_json_number(*number),
        Value::Array(items) => items.iter().all(is_json_safe),
        Value::Object(fields) => fields.values().all(is_json_safe),
    }
}

/// The one `NaN` that documents hold.
pub(super) fn canonical_number(number: f64) -> f64 {
    if number.is_nan() { f64::NAN } else { number }
}

/// The integer that stands for a number under the integer tag, if there is one.
pub(super) fn as_integer(number: f64) -> Option<i64> {
    let fits = number.abs() <= LARGEST_INTEGER as f64 && number.trunc() == number;
    (fits && json::is_json_number(number)).then_some(number as i64)
}

/// Appends a value as it stands in a document, or alone: queries and arguments cross the line so.
pub(crate) fn encode_value(value: &Value, names: &Names, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.put_u8(tag::NULL),
        Value::Boolean(false) => out.put_u8(tag::FALSE),
        Value::Boolean(true) => out.put_u8(tag::TRUE),
        Value::Int64(number) => {
            out.put_u8(tag::INT64);
            out.put_varint(zigzag(*number));
        }
        Value::Float64(number) => match as_integer(*number) {
            Some(integer) => {
                out.put_u8(tag::INTEGER);
                out.put_varint(zigzag(integer));
            }
            None => {
                out.put_u8(tag::FLOAT64);
                out.put_f64(canonical_number(*number));
            }
        },
        Value::String(text) => {
            let plain = json::needs_no_escape(text.as_bytes());
            out.put_u8(if plain { tag::PLAIN_STRING } else { tag::STRING });
            out.put_bytes(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.put_u8(tag::BYTES);
            out.put_bytes(bytes);
        }
        Value::Array(items) => push_nested(tag::ARRAY, out, |out| {
            out.put_varint(items.len() as u64);
            for item in items {
                encode_value(item, names, out);
            }
        }),
        Value::Object(fields) => push_nested(tag::OBJECT, out, |out| push_fields(fields, names, out)),
    }
}

fn push_nested(tag: u8, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    out.put_u8(tag);
    let start = out.len();
    out.put_u32(0);
    fill(out);
    let length = u32::try_from(out.len() - start - 4).expect("a value is smaller than 4 GiB");
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn push_fields(fields: &FlatMap<String, Value>, names: &Names, out: &mut Vec<u8>) {
    out.put_varint(fields.len() as u64);
    for (name, value) in fields {
        push_name(name, names, out);
        encode_value(value, names, out);
    }
}

/// The canonical patch of these changes; `None` removes a field.
#[cfg(test)]
pub(crate) fn encode_patch(changes: &std::collections::BTreeMap<String, Option<Value>>, names: &Names) -> Vec<u8> {
    let json_safe = changes.values().flatten().all(is_json_safe);
    let mut out = vec![if json_safe { JSON_SAFE } else { 0 }];
    out.put_varint(changes.len() as u64);
    for (name, value) in changes {
        push_name(name, names, &mut out);
        match value {
            Some(value) => encode_value(value, names, &mut out),
            None => out.put_u8(tag::UNDEFINED),
        }
    }
    out
}

/// Appends a name: by its number if it has one.
pub(super) fn push_name(name: &str, names: &Names, out: &mut Vec<u8>) {
    match names.id(name) {
        Some(id) => out.put_varint(u64::from(id)),
        None => {
            out.put_u8(0);
            out.put_bytes(name.as_bytes());
        }
    }
}

/// Reads a value, which may come from outside: the bytes need not be canonical.
///
/// Any name may be written as text, fields may come in any order, and an integer may be a float64. Names
/// and limits other than nesting are not checked.
pub(crate) fn decode_value(reader: &mut Reader<'_>, names: &Names) -> Result<Value, Malformed> {
    decode_within(reader, names, VALUE_NESTING)
}

/// Reads a query or a schema, which nest deeper than values: what a value has one level for can take three.
pub(crate) fn decode_deep_value(reader: &mut Reader<'_>) -> Result<Value, Malformed> {
    decode_within(reader, &Names::new(), 4 * VALUE_NESTING)
}

fn decode_within(reader: &mut Reader<'_>, names: &Names, levels: usize) -> Result<Value, Malformed> {
    Ok(match reader.u8("value tag")? {
        tag::NULL => Value::Null,
        tag::FALSE => Value::Boolean(false),
        tag::TRUE => Value::Boolean(true),
        tag::INT64 => Value::Int64(unzigzag(reader.varint("int64")?)),
        tag::FLOAT64 => Value::Float64(canonical_number(reader.f64("float64")?)),
        tag::INTEGER => {
            let integer = unzigzag(reader.varint("integer")?);
            if integer.unsigned_abs() > LARGEST_INTEGER as u64 {
                return Err(Malformed("integer"));
            }
            Value::Float64(integer as f64)
        }
        tag::STRING | tag::PLAIN_STRING => Value::String(reader.string("string")?.to_string()),
        tag::BYTES => Value::Bytes(reader.bytes("bytes")?.to_vec()),
        tag::ARRAY => {
            let levels = deeper(levels)?;
            let mut inner = nested(reader, "array")?;
            // Each item takes at least a byte, so a wrong count cannot ask for much memory.
            let count = inner.length(inner.remaining(), "array length")?;
            let mut items = Vec::with_capacity(count.min(1024));
            for _ in 0..count {
                items.push(decode_within(&mut inner, names, levels)?);
            }
            inner.finish("array")?;
            Value::Array(items)
        }
        tag::OBJECT => {
            let levels = deeper(levels)?;
            let mut inner = nested(reader, "object")?;
            let count = inner.length(inner.remaining(), "number of fields")?;
            let mut fields = FlatMap::new();
            for _ in 0..count {
                let name = super::reference::NameRef::read(&mut inner)?.text(names)?.to_string();
                let value = decode_within(&mut inner, names, levels)?;
                if fields.insert(name, value).is_some() {
                    return Err(Malformed("field names"));
                }
            }
            inner.finish("object")?;
            Value::Object(fields)
        }
        _ => return Err(Malformed("value tag")),
    })
}

fn nested<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<Reader<'a>, Malformed> {
    let length = reader.u32(what)? as usize;
    Ok(Reader::new(reader.take(length, what)?))
}
