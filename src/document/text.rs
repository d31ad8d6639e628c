//! Documents as JSON text, copied rather than built: names are ready-made, most strings need no escaping.

use super::reference::{NameRef, ValueRef, deeper};
use super::{Document, Names, VALUE_NESTING, tag};
use crate::bytes::{Malformed, Reader, unzigzag};
use crate::value::json;

pub(super) fn write_document(
    document: &Document<'_>,
    names: &Names,
    id_text: &str,
    creation_time: f64,
    fields: Option<&[String]>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let object = document.object()?;
    let is_wanted = |name: &[u8]| fields.is_none_or(|fields| fields.iter().any(|field| field.as_bytes() == name));
    let (id_text, creation_time) =
        (is_wanted(b"_id").then_some(id_text), is_wanted(b"_creationTime").then_some(creation_time));
    out.reserve(document.bytes().len() * 2 + 100);
    let mut reader = Reader::new(object.field_bytes());
    let mut system_fields_due = true;
    let start = out.len();
    for _ in 0..object.len() {
        let name = Name::read(&mut reader, names)?;
        // No other field on top starts with an underscore.
        if system_fields_due && name.text() > b"_".as_slice() {
            push_system_fields(out, id_text, creation_time);
            system_fields_due = false;
        }
        if fields.is_some() && !is_wanted(name.text()) {
            ValueRef::read(&mut reader)?;
            continue;
        }
        name.push(out);
        push_value(out, &mut reader, names, VALUE_NESTING)?;
    }
    if system_fields_due {
        push_system_fields(out, id_text, creation_time);
    }
    // Every field came with a comma in front.
    open(out, start, b'{');
    out.push(b'}');
    Ok(())
}

fn push_system_fields(out: &mut Vec<u8>, id_text: Option<&str>, creation_time: Option<f64>) {
    if let Some(creation_time) = creation_time {
        out.extend_from_slice(b",\"_creationTime\":");
        json::push_float64(out, creation_time);
    }
    if let Some(id_text) = id_text {
        out.extend_from_slice(b",\"_id\":\"");
        out.extend_from_slice(id_text.as_bytes());
        out.push(b'"');
    }
}

enum Name<'a> {
    Known(&'a super::names::Entry),
    Text(&'a str),
}

impl<'a> Name<'a> {
    #[inline]
    fn read(reader: &mut Reader<'a>, names: &'a Names) -> Result<Self, Malformed> {
        match NameRef::read(reader)? {
            NameRef::Text(text) => Ok(Name::Text(text)),
            NameRef::Id(id) => Ok(Name::Known(names.entry(id).ok_or(Malformed("number of a field name"))?)),
        }
    }

    fn text(&self) -> &[u8] {
        match self {
            Name::Known(entry) => entry.text.as_bytes(),
            Name::Text(text) => text.as_bytes(),
        }
    }

    /// Appends a comma, the name and a colon.
    #[inline]
    fn push(&self, out: &mut Vec<u8>) {
        match self {
            Name::Known(entry) => out.extend_from_slice(&entry.json),
            Name::Text(text) => {
                out.push(b',');
                json::push_string(out, text.as_bytes());
                out.push(b':');
            }
        }
    }
}

fn push_value<'a>(
    out: &mut Vec<u8>,
    reader: &mut Reader<'a>,
    names: &'a Names,
    levels: usize,
) -> Result<(), Malformed> {
    match reader.u8("value tag")? {
        tag::NULL => out.extend_from_slice(b"null"),
        tag::FALSE => out.extend_from_slice(b"false"),
        tag::TRUE => out.extend_from_slice(b"true"),
        tag::INTEGER => json::push_integer(out, unzigzag(reader.varint("integer")?)),
        tag::PLAIN_STRING => {
            let text = reader.bytes("string")?;
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        }
        tag::STRING => json::push_string(out, reader.bytes("string")?),
        tag::FLOAT64 => json::push_float64(out, reader.f64("float64")?),
        tag::INT64 => json::push_integer64(out, unzigzag(reader.varint("int64")?)),
        tag::BYTES => json::push_bytes(out, reader.bytes("bytes")?),
        tag::ARRAY => {
            let levels = deeper(levels)?;
            reader.u32("array")?;
            let count = reader.length(reader.remaining(), "array length")?;
            let start = out.len();
            for _ in 0..count {
                out.push(b',');
                push_value(out, reader, names, levels)?;
            }
            open(out, start, b'[');
            out.push(b']');
        }
        tag::OBJECT => {
            let levels = deeper(levels)?;
            reader.u32("object")?;
            let count = reader.length(reader.remaining(), "number of fields")?;
            let start = out.len();
            for _ in 0..count {
                Name::read(reader, names)?.push(out);
                push_value(out, reader, names, levels)?;
            }
            open(out, start, b'{');
            out.push(b'}');
        }
        _ => return Err(Malformed("value tag")),
    }
    Ok(())
}

/// Turns the first comma into the bracket, or appends it when there was none.
fn open(out: &mut Vec<u8>, start: usize, bracket: u8) {
    match out.get_mut(start) {
        Some(comma) => *comma = bracket,
        None => out.push(bracket),
    }
}
