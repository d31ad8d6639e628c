//! Applying a patch: fields of its own replace those of the base, `undefined` removes.

use super::encode::push_name;
use super::reference::{NameRef, deeper, value_length};
use super::{Document, JSON_SAFE, Names, ObjectRef, VALUE_NESTING, ValueRef, tag};
use crate::bytes::{Malformed, Reader, Write};
use crate::value::json;
use std::cmp::Ordering;

/// The document that a patch makes of `base`: a shallow merge, canonical again.
///
/// `patch` was canonicalized as [`Purpose::Patch`](super::Purpose::Patch). Whether the result is within
/// the limits is for [`Document::check_limits`] to say.
pub(crate) fn patch(base: Document<'_>, patch: &[u8], names: &Names) -> Result<Vec<u8>, Malformed> {
    let changes = Document::new(patch);
    let mut old = Fields::new(base.object()?, base.is_json_safe(), names);
    let mut new = Fields::new(changes.object()?, changes.is_json_safe(), names);

    // Room for flags and a two-byte count in front, which is only known in the end.
    let mut out = Vec::with_capacity(base.bytes().len() + patch.len() + 4);
    out.extend_from_slice(&[0; HEADER]);
    let mut count = 0;
    let mut json_safe = true;
    let (mut before, mut after) = (old.next()?, new.next()?);
    loop {
        let (field, known_safe) = match (before, after) {
            (None, None) => break,
            (Some(kept), None) => {
                before = old.next()?;
                (kept, old.json_safe)
            }
            (Some(kept), Some(set)) if kept.name < set.name => {
                before = old.next()?;
                (kept, old.json_safe)
            }
            (same, Some(set)) => {
                if same.is_some_and(|same| same.name == set.name) {
                    before = old.next()?;
                }
                after = new.next()?;
                if set.value == [tag::UNDEFINED] {
                    continue;
                }
                (set, new.json_safe)
            }
        };
        json_safe = json_safe && (known_safe || is_json_safe(field.value)?);
        match field.written {
            NameRef::Id(id) => out.put_varint(u64::from(id)),
            NameRef::Text(text) => push_name(text, names, &mut out),
        }
        out.extend_from_slice(field.value);
        count += 1;
    }

    let mut header = Vec::with_capacity(HEADER);
    header.put_u8(if json_safe { JSON_SAFE } else { 0 });
    header.put_varint(count);
    // Only damaged bytes claim more fields than two bytes can count.
    let unused = HEADER.checked_sub(header.len()).ok_or(Malformed("number of fields"))?;
    out.drain(..unused);
    out[..header.len()].copy_from_slice(&header);
    Ok(out)
}

/// The fields that a patch writes as they are.
pub(crate) fn unchanged(base: Document<'_>, patch: &[u8], names: &Names) -> Result<Vec<String>, Malformed> {
    let changes = Document::new(patch);
    let mut old = Fields::new(base.object()?, base.is_json_safe(), names);
    let mut new = Fields::new(changes.object()?, changes.is_json_safe(), names);
    let mut found = Vec::new();
    let mut known = old.next()?;
    while let Some(set) = new.next()? {
        while known.is_some_and(|field| field.name < set.name) {
            known = old.next()?;
        }
        let Some(field) = known.filter(|field| field.name == set.name && set.value != [tag::UNDEFINED]) else {
            continue;
        };
        let [was, is] = [field.value, set.value].map(|value| ValueRef::read(&mut Reader::new(value)));
        if field.value == set.value || was?.compare(&is?, names) == Ordering::Equal {
            found.push(set.name.to_string());
        }
    }
    Ok(found)
}

const HEADER: usize = 3;

#[derive(Clone, Copy)]
struct Field<'a> {
    name: &'a str,
    written: NameRef<'a>,
    value: &'a [u8],
}

struct Fields<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    left: usize,
    json_safe: bool,
    names: &'a Names,
}

impl<'a> Fields<'a> {
    fn new(object: ObjectRef<'a>, json_safe: bool, names: &'a Names) -> Self {
        let bytes = object.field_bytes();
        Fields { bytes, reader: Reader::new(bytes), left: object.len(), json_safe, names }
    }

    fn next(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let written = NameRef::read(&mut self.reader)?;
        let name = written.text(self.names)?;
        let rest = self.bytes.get(self.reader.position()..).unwrap_or(&[]);
        let value = self.reader.take(value_length(rest).ok_or(Malformed("value"))?, "value")?;
        Ok(Some(Field { name, written, value }))
    }
}

/// Whether JSON has a word for all of a field's value.
fn is_json_safe(value: &[u8]) -> Result<bool, Malformed> {
    fn within(value: ValueRef<'_>, levels: usize) -> Result<bool, Malformed> {
        match value {
            ValueRef::Null | ValueRef::Boolean(_) | ValueRef::String(_) => Ok(true),
            ValueRef::Int64(_) | ValueRef::Bytes(_) => Ok(false),
            ValueRef::Float64(number) => Ok(json::is_json_number(number)),
            ValueRef::Array(array) => {
                let levels = deeper(levels)?;
                for item in array.iter() {
                    if !within(item?, levels)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ValueRef::Object(object) => {
                let levels = deeper(levels)?;
                for item in object.values() {
                    if !within(item?, levels)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }
    within(ValueRef::read(&mut Reader::new(value))?, VALUE_NESTING)
}
