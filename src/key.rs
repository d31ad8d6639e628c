//! Order-preserving key bytes: comparing two of them as bytes compares what they stand for.
//!
//! ```text
//! 01 undefined   03 null
//! 04 … 07 negative int64 in 8, 4, 2, 1 bytes   08 zero   09 … 0c positive int64 in 1, 2, 4, 8 bytes
//! 0d float64, 8 bytes   0e false   0f true
//! 10 string, escaped, 00   11 bytes, escaped, 00
//! 12 array, items, 00   15 object, (10 name, escaped, 00, value)*, 00
//! ```
//! Integers and floats are big-endian. In strings and bytes, `00` is escaped as `01 01` and `01` as `01 02`.
//! So no key is the beginning of another one: the keys that start with the key of a value are those with that value.

use crate::flat_map::FlatMap;

use crate::bytes::{Malformed, Reader};
use crate::document::{Names, ValueRef};
use crate::value::Value;

const END: u8 = 0x00;
const ESCAPE: u8 = 0x01;

const UNDEFINED: u8 = 0x01;
const NULL: u8 = 0x03;
const ZERO: u8 = 0x08;
const FLOAT64: u8 = 0x0d;
const FALSE: u8 = 0x0e;
const TRUE: u8 = 0x0f;
const STRING: u8 = 0x10;
const BYTES: u8 = 0x11;
const ARRAY: u8 = 0x12;
const OBJECT: u8 = 0x15;

/// Length of a float's key.
pub(crate) const FLOAT_LENGTH: usize = 9;

/// Most levels of arrays and objects that a reader follows.
const NESTING: usize = 64;

/// Appends the key of a value, or of `undefined`.
pub(crate) fn push_value(out: &mut Vec<u8>, value: Option<&Value>) {
    let Some(value) = value else {
        out.push(UNDEFINED);
        return;
    };
    match value {
        Value::Null => out.push(NULL),
        Value::Int64(number) => push_int64(out, *number),
        Value::Float64(number) => push_float(out, *number),
        Value::Boolean(boolean) => out.push(if *boolean { TRUE } else { FALSE }),
        Value::String(text) => push_text(out, STRING, text.as_bytes()),
        Value::Bytes(bytes) => push_text(out, BYTES, bytes),
        Value::Array(items) => {
            out.push(ARRAY);
            for item in items {
                push_value(out, Some(item));
            }
            out.push(END);
        }
        Value::Object(fields) => {
            out.push(OBJECT);
            for (name, value) in fields {
                push_text(out, STRING, name.as_bytes());
                push_value(out, Some(value));
            }
            out.push(END);
        }
    }
}

/// Appends the key of a value that lies in a document, or of `undefined`.
///
/// The value's own bytes may turn out to be damaged; what was appended by then is to be thrown away.
pub(crate) fn push_value_ref(out: &mut Vec<u8>, value: Option<ValueRef<'_>>, names: &Names) -> Result<(), Malformed> {
    match value {
        None => out.push(UNDEFINED),
        Some(value) => push_ref(out, value, names, NESTING)?,
    }
    Ok(())
}

fn push_ref(out: &mut Vec<u8>, value: ValueRef<'_>, names: &Names, levels: usize) -> Result<(), Malformed> {
    match value {
        ValueRef::Null => out.push(NULL),
        ValueRef::Int64(number) => push_int64(out, number),
        ValueRef::Float64(number) => push_float(out, number),
        ValueRef::Boolean(boolean) => out.push(if boolean { TRUE } else { FALSE }),
        ValueRef::String(text) => push_text(out, STRING, text.as_bytes()),
        ValueRef::Bytes(bytes) => push_text(out, BYTES, bytes),
        ValueRef::Array(array) => {
            let levels = deeper(levels)?;
            out.push(ARRAY);
            for item in array.iter() {
                push_ref(out, item?, names, levels)?;
            }
            out.push(END);
        }
        ValueRef::Object(object) => {
            let levels = deeper(levels)?;
            out.push(OBJECT);
            for field in object.fields(names) {
                let (name, value) = field?;
                push_text(out, STRING, name.as_bytes());
                push_ref(out, value, names, levels)?;
            }
            out.push(END);
        }
    }
    Ok(())
}

fn deeper(levels: usize) -> Result<usize, Malformed> {
    levels.checked_sub(1).ok_or(Malformed("nesting of a key"))
}

/// Appends the key of a float: nine bytes.
#[inline]
pub(crate) fn push_float(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&float_bytes(number));
}

/// The key of a float.
pub(crate) fn float_bytes(number: f64) -> [u8; FLOAT_LENGTH] {
    let bits = number.to_bits();
    // Negative numbers order backwards, so all their bits are flipped; the others only lose their
    // place below the negative ones.
    let ordered = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    let mut key = [FLOAT64; FLOAT_LENGTH];
    key[1..].copy_from_slice(&ordered.to_be_bytes());
    key
}

/// Reads the key of a float; `None` for any other nine bytes, or a different number of them.
pub(crate) fn read_float(key: &[u8]) -> Option<f64> {
    let [FLOAT64, ordered @ ..] = *<&[u8; FLOAT_LENGTH]>::try_from(key).ok()? else {
        return None;
    };
    let ordered = u64::from_be_bytes(ordered);
    Some(f64::from_bits(if ordered >> 63 == 1 { ordered & !(1 << 63) } else { !ordered }))
}

fn push_int64(out: &mut Vec<u8>, number: i64) {
    if number == 0 {
        out.push(ZERO);
        return;
    }
    // The tag's distance from zero's says how many bytes follow: 1, 2, 4 or 8.
    let distance = match number {
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x8000_0000..=0x7fff_ffff => 3,
        _ => 4,
    };
    out.push(if number < 0 { ZERO - distance } else { ZERO + distance });
    out.extend_from_slice(&number.to_be_bytes()[8 - (1 << (distance - 1))..]);
}

fn push_text(out: &mut Vec<u8>, tag: u8, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(tag);
    let mut start = 0;
    for (index, &byte) in text.iter().enumerate() {
        if byte <= ESCAPE {
            out.extend_from_slice(&text[start..index]);
            out.extend_from_slice(&[ESCAPE, byte + 1]);
            start = index + 1;
        }
    }
    out.extend_from_slice(&text[start..]);
    out.push(END);
}

/// Reads a key back; `None` is `undefined`. For people who look into a database, and for tests.
pub(crate) fn read_value(reader: &mut Reader<'_>) -> Result<Option<Value>, Malformed> {
    match reader.u8("key tag")? {
        UNDEFINED => Ok(None),
        tag => read_tagged(reader, tag, NESTING).map(Some),
    }
}

fn read_tagged(reader: &mut Reader<'_>, tag: u8, levels: usize) -> Result<Value, Malformed> {
    Ok(match tag {
        NULL => Value::Null,
        0x04..=0x0c => Value::Int64(read_int64(reader, tag)?),
        FLOAT64 => {
            let mut key = [FLOAT64; FLOAT_LENGTH];
            key[1..].copy_from_slice(reader.take(8, "key of a float64")?);
            Value::Float64(read_float(&key).ok_or(Malformed("key of a float64"))?)
        }
        FALSE => Value::Boolean(false),
        TRUE => Value::Boolean(true),
        STRING => Value::String(read_string(reader)?),
        BYTES => Value::Bytes(read_text(reader)?),
        ARRAY => {
            let levels = deeper(levels)?;
            let mut items = Vec::new();
            loop {
                match reader.u8("key of an array")? {
                    END => break,
                    tag => items.push(read_tagged(reader, tag, levels)?),
                }
            }
            Value::Array(items)
        }
        OBJECT => {
            let levels = deeper(levels)?;
            let mut fields = FlatMap::new();
            loop {
                match reader.u8("key of an object")? {
                    END => break,
                    STRING => {}
                    _ => return Err(Malformed("key of an object")),
                }
                let name = read_string(reader)?;
                if fields.last().is_some_and(|(last, _)| *last >= name) {
                    return Err(Malformed("field names in a key"));
                }
                let tag = reader.u8("key tag")?;
                fields.insert(name, read_tagged(reader, tag, levels)?);
            }
            Value::Object(fields)
        }
        _ => return Err(Malformed("key tag")),
    })
}

fn read_int64(reader: &mut Reader<'_>, tag: u8) -> Result<i64, Malformed> {
    let distance = tag.abs_diff(ZERO);
    if distance == 0 {
        return Ok(0);
    }
    let length = 1 << (distance - 1);
    let mut bytes = [if tag < ZERO { 0xff } else { 0 }; 8];
    bytes[8 - length..].copy_from_slice(reader.take(length, "key of an int64")?);
    let number = i64::from_be_bytes(bytes);
    // Each number has one key.
    let mut again = Vec::with_capacity(FLOAT_LENGTH);
    push_int64(&mut again, number);
    if again[0] == tag { Ok(number) } else { Err(Malformed("key of an int64")) }
}

fn read_string(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    String::from_utf8(read_text(reader)?).map_err(|_| Malformed("key of a string"))
}

fn read_text(reader: &mut Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    loop {
        match reader.u8("key of a string")? {
            END => return Ok(text),
            ESCAPE => match reader.u8("key of a string")? {
                escaped @ 1..=2 => text.push(escaped - 1),
                _ => return Err(Malformed("key of a string")),
            },
            byte => text.push(byte),
        }
    }
}
