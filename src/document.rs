//! Documents as they are stored and transported.
//!
//! ```text
//! document := flags:u8 fields                 flags bit 0: JSON_SAFE; the others are zero
//! fields   := count:varint (name value)*      names strictly ascending by their bytes
//! name     := id:varint, at least 1           a name of the dictionary
//!           | 0x00 length:varint utf8         any other name
//! value    := tag:u8 payload
//!   00 null   01 false   02 true
//!   03 int64: zigzag varint
//!   04 float64: 8 bytes, little-endian; only what 05 cannot hold, and one NaN only
//!   05 float64 that is an integer of at most 2^53, not -0: zigzag varint
//!   06 string: length:varint utf8
//!   07 string that JSON need not escape: the same
//!   08 bytes: length:varint bytes
//!   09 array: byte_length:u32 of what follows, count:varint value*
//!   0a object: byte_length:u32 of what follows, fields
//!   0b undefined: on top of a patch only; removes the field
//! ```
//! A document is JSON_SAFE when JSON has a word for all that is in it: no int64, no bytes, no `NaN`,
//! infinity or `-0`. JavaScript cannot tell one `NaN` from another, so there is one.
//!
//! `_id` and `_creationTime` are in a row's key, not in its document. The dictionary grows: a name that was
//! written as text stays so until its document is rewritten, and readers understand both.
//!
//! [`canonicalize`] is the one door for bytes from outside. What it let in may be damaged later by a disk, so
//! readers of documents return `None` or `Malformed` and do not panic.

mod canonical;
mod encode;
mod names;
mod patch;
mod path;
mod reference;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use canonical::{Purpose, canonicalize, check_stored_form};
#[cfg(test)]
pub(crate) use encode::encode_patch;
pub(crate) use encode::{decode_deep_value, decode_value, encode, encode_value};
pub(crate) use names::Names;
pub(crate) use names::check_name;
pub(crate) use patch::{patch, unchanged};
pub(crate) use path::FieldPath;
pub(crate) use reference::{ArrayRef, FieldIter, ObjectRef, ValueRef, deeper};

use crate::flat_map::FlatMap;

use crate::bytes::{Malformed, Reader};
use crate::error::{self, Code, Error};
use crate::value::Value;

/// Most levels of arrays and objects in a document, itself included.
pub(crate) const DOCUMENT_NESTING: usize = 16;
/// Most levels in any value, and what readers of damaged bytes follow before they give up.
pub(crate) const VALUE_NESTING: usize = 64;
/// Most items of an array.
pub(crate) const ARRAY_LENGTH: usize = 8192;
/// Most fields of an object.
pub(crate) const OBJECT_FIELDS: usize = 1024;
/// Most bytes of a document, counted as Convex does, system fields included.
pub(crate) const DOCUMENT_SIZE: u64 = 1 << 20;
/// What `_id` and `_creationTime` add to a document's size.
pub(crate) const SYSTEM_FIELDS_SIZE: u64 = 38 + 23;

const JSON_SAFE: u8 = 1;
/// Integers up to here are exact doubles; the largest magnitude of an integer tag.
const LARGEST_INTEGER: i64 = 1 << 53;

mod tag {
    pub(super) const NULL: u8 = 0x00;
    pub(super) const FALSE: u8 = 0x01;
    pub(super) const TRUE: u8 = 0x02;
    pub(super) const INT64: u8 = 0x03;
    pub(super) const FLOAT64: u8 = 0x04;
    pub(super) const INTEGER: u8 = 0x05;
    pub(super) const STRING: u8 = 0x06;
    pub(super) const PLAIN_STRING: u8 = 0x07;
    pub(super) const BYTES: u8 = 0x08;
    pub(super) const ARRAY: u8 = 0x09;
    pub(super) const OBJECT: u8 = 0x0a;
    pub(super) const UNDEFINED: u8 = 0x0b;
}

/// Trusted canonical bytes of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    bytes: &'a [u8],
}

impl<'a> Document<'a> {
    /// Looks at bytes as a document. They were canonicalized or encoded here before.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Document { bytes }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether JSON has a word for everything in the document.
    pub(crate) fn is_json_safe(&self) -> bool {
        self.bytes.first().is_some_and(|flags| flags & JSON_SAFE != 0)
    }

    /// The document as an object.
    pub(crate) fn object(&self) -> Result<ObjectRef<'a>, Malformed> {
        let mut reader = Reader::new(self.bytes);
        if reader.u8("document flags")? & !JSON_SAFE != 0 {
            return Err(Malformed("document flags"));
        }
        ObjectRef::read(reader)
    }

    /// The fields, ordered by the bytes of their names.
    pub(crate) fn fields<'b>(&self, names: &'b Names) -> FieldIter<'b>
    where
        'a: 'b,
    {
        match self.object() {
            Ok(object) => object.fields(names),
            Err(malformed) => FieldIter::broken(names, malformed),
        }
    }

    /// The field at a path; `None` is `undefined`.
    pub(crate) fn get(&self, path: &FieldPath, names: &Names) -> Option<ValueRef<'a>> {
        let mut object = self.object().ok()?;
        let (last, parents) = path.segments().split_last()?;
        for segment in parents {
            match object.get(segment, names)? {
                ValueRef::Object(inner) => object = inner,
                _ => return None,
            }
        }
        object.get(last, names)
    }

    /// Everything as a value, for the paths where speed does not matter.
    pub(crate) fn to_value(self, names: &Names) -> Result<Value, Malformed> {
        let mut fields = FlatMap::new();
        for field in self.fields(names) {
            let (name, value) = field?;
            fields.insert(name.to_string(), value.to_value(names)?);
        }
        Ok(Value::Object(fields))
    }

    /// The size that Convex's limit counts, system fields included.
    pub(crate) fn size(&self, names: &Names) -> Result<usize, Malformed> {
        Ok(ValueRef::Object(self.object()?).size(names)? + SYSTEM_FIELDS_SIZE as usize)
    }

    /// Refuses what a [`patch`] has grown beyond the limits: too many fields, too many bytes.
    pub(crate) fn check_limits(&self, names: &Names) -> error::Result<()> {
        /// No encoding is so many times shorter than what the limit counts: that would be `null` under a name of the
        /// dictionary, which has 64 letters at most.
        const SHORTEST: u64 = 40;
        let damaged = |Malformed(what)| Error::new(Code::Corrupt, format!("Malformed {what}"));
        let fields = self.object().map_err(damaged)?.len();
        if fields > OBJECT_FIELDS {
            return Err(too_many_fields(fields));
        }
        if self.bytes().len() as u64 * SHORTEST < DOCUMENT_SIZE {
            return Ok(());
        }
        let size = self.size(names).map_err(damaged)? as u64;
        if size > DOCUMENT_SIZE { Err(too_large(size)) } else { Ok(()) }
    }

    /// Appends the document as JSON text, `_id` and `_creationTime` in their places among the fields, which
    /// are ordered by the bytes of their names. What JSON has no word for takes Convex's form. With `fields` it has these of
    /// the fields on top and no others.
    pub(crate) fn write_json(
        &self,
        names: &Names,
        id_text: &str,
        creation_time: f64,
        fields: Option<&[String]>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        text::write_document(self, names, id_text, creation_time, fields, out)
    }
}

#[cold]
fn too_many_fields(count: usize) -> Error {
    let message = format!("Object has too many fields ({count} > maximum number {OBJECT_FIELDS})");
    Error::new(Code::ValueTooLarge, message)
}

#[cold]
fn too_long(count: usize) -> Error {
    let message = format!("Array length is too long ({count} > maximum length {ARRAY_LENGTH})");
    Error::new(Code::ValueTooLarge, message)
}

#[cold]
fn too_large(size: u64) -> Error {
    let message = format!("Value is too large ({} MiB > maximum size 1 MiB)", mebibytes(size));
    Error::new(Code::ValueTooLarge, message)
}

/// Bytes as MiB: without places if it is a whole number, else with two, a tie rounded to even.
fn mebibytes(size: u64) -> String {
    const MEBIBYTE: u64 = 1 << 20;
    if size.is_multiple_of(MEBIBYTE) {
        return (size / MEBIBYTE).to_string();
    }
    let (mut hundredths, rest) = (size * 100 / MEBIBYTE, size * 100 % MEBIBYTE);
    if rest > MEBIBYTE / 2 || rest == MEBIBYTE / 2 && hundredths % 2 == 1 {
        hundredths += 1;
    }
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cold]
fn too_nested(what: &str, levels: usize, most: usize) -> Error {
    let message = format!("{what} is too nested (nested {levels} levels deep > maximum nesting {most})");
    Error::new(Code::ValueTooLarge, message)
}
