//! The one door for documents from outside: checks bytes and brings them to canonical form in place.

use super::encode::{as_integer, canonical_number};
use super::names::{check_name, prefix};
use super::{
    ARRAY_LENGTH, DOCUMENT_NESTING, DOCUMENT_SIZE, JSON_SAFE, LARGEST_INTEGER, Names, OBJECT_FIELDS,
    SYSTEM_FIELDS_SIZE, VALUE_NESTING, tag, too_large, too_long, too_many_fields, too_nested,
};
use crate::bytes::unzigzag;
use crate::error::{Code, Error, Result};
use crate::value::json;

/// What a document from outside is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It becomes a row.
    Insert,
    /// It changes a row: its top fields may be `undefined`, which removes them.
    Patch,
    /// It is a row already, to be checked. What is over a limit is not damaged.
    Stored,
}

/// Whether a stored document is what [`canonicalize`] once let in; all that reads documents relies on it.
pub(crate) fn check_stored_form(document: &[u8], names: &Names) -> std::result::Result<(), String> {
    let mut copy = document.to_vec();
    match canonicalize(&mut copy, names, Purpose::Stored) {
        Err(error) => Err(error.into_message()),
        Ok(()) if copy != document => Err("Malformed document: a value in another form than it is written in".into()),
        Ok(()) => Ok(()),
    }
}

/// Checks bytes that came from outside and brings them to canonical form in place: string tags, the one
/// `NaN`, the flags.
///
/// One pass, which allocates nothing unless it fails: it runs for every document that is written. After an
/// error the bytes are in no particular state. Names that are written as text may have got numbers since.
pub(crate) fn canonicalize(input: &mut [u8], names: &Names, purpose: Purpose) -> Result<()> {
    let mut check = Check { bytes: input, at: 0, names, purpose, json_safe: true, size: 0, deepest: 0 };
    match check.document() {
        Ok(()) => Ok(()),
        Err(error) => Err(*error),
    }
}

/// Boxed, so that the good path returns one word.
type Checked<T> = std::result::Result<T, Box<Error>>;

struct Check<'a> {
    bytes: &'a mut [u8],
    at: usize,
    names: &'a Names,
    purpose: Purpose,
    json_safe: bool,
    /// In 64 bits: names are counted by length but written in a byte, so even a few megabytes of input
    /// could claim more than 4 GiB.
    size: u64,
    deepest: usize,
}

/// The name before, to see that names ascend.
#[derive(Clone, Copy)]
enum Name {
    Id(u32),
    Text(usize, usize),
}

#[cold]
fn malformed<T>(what: &'static str) -> Checked<T> {
    Err(Box::new(Error::new(Code::InvalidValue, format!("Malformed document: {what}"))))
}

#[cold]
fn refuse<T>(error: Error) -> Checked<T> {
    Err(Box::new(error))
}

impl Check<'_> {
    fn document(&mut self) -> Checked<()> {
        if self.u8()? & !JSON_SAFE != 0 {
            return malformed("flags");
        }
        self.fields(1)?;
        if self.at != self.bytes.len() {
            return malformed("bytes after the end");
        }
        self.bytes[0] = if self.json_safe { JSON_SAFE } else { 0 };
        if self.purpose == Purpose::Stored {
            return Ok(());
        }
        if self.deepest > DOCUMENT_NESTING {
            return refuse(too_nested("Document", self.deepest, DOCUMENT_NESTING));
        }
        if self.purpose != Purpose::Patch {
            self.size += SYSTEM_FIELDS_SIZE;
        }
        if self.size > DOCUMENT_SIZE {
            return refuse(too_large(self.size));
        }
        Ok(())
    }

    /// Count, names and values of an object that is `level` levels deep; the document is level 1.
    fn fields(&mut self, level: usize) -> Checked<()> {
        self.enter(level)?;
        let count = self.count()?;
        if count > OBJECT_FIELDS && self.purpose != Purpose::Stored {
            return refuse(too_many_fields(count));
        }
        let mut previous: Option<(u64, Name)> = None;
        for _ in 0..count {
            let (prefix, name, length) = self.name(level == 1)?;
            if let Some((prefix_before, before)) = previous
                && prefix_before >= prefix
                && (prefix_before > prefix || self.text(before) >= self.text(name))
            {
                return malformed("field names out of order");
            }
            previous = Some((prefix, name));
            if level == 1 && self.purpose == Purpose::Patch && self.bytes.get(self.at) == Some(&tag::UNDEFINED) {
                self.at += 1;
                continue;
            }
            self.size += length as u64 + 1;
            self.value(level)?;
        }
        Ok(())
    }

    /// An array or object costs a level and, for its two ends, two bytes.
    fn enter(&mut self, level: usize) -> Checked<()> {
        if level > VALUE_NESTING {
            return refuse(too_nested("Value", level, VALUE_NESTING));
        }
        self.deepest = self.deepest.max(level);
        self.size += 2;
        Ok(())
    }

    #[inline]
    fn name(&mut self, on_top: bool) -> Checked<(u64, Name, usize)> {
        let id = self.varint()?;
        if id == 0 {
            return self.name_text(on_top);
        }
        let names = self.names;
        let Some(entry) = u32::try_from(id).ok().and_then(|id| names.entry(id)) else {
            return malformed("number of a field name");
        };
        if !(if on_top { entry.valid_on_top } else { entry.valid_inside }) {
            check_name(&entry.text, on_top)?;
        }
        Ok((entry.prefix, Name::Id(id as u32), entry.text.len()))
    }

    fn name_text(&mut self, on_top: bool) -> Checked<(u64, Name, usize)> {
        let (start, end) = self.span()?;
        let Ok(text) = std::str::from_utf8(&self.bytes[start..end]) else {
            return malformed("field name is not Unicode");
        };
        check_name(text, on_top)?;
        Ok((prefix(text.as_bytes()), Name::Text(start, end), end - start))
    }

    fn text(&self, name: Name) -> &[u8] {
        match name {
            Name::Id(id) => self.names.entry(id).map_or(&[], |entry| entry.text.as_bytes()),
            Name::Text(start, end) => &self.bytes[start..end],
        }
    }

    #[inline]
    fn value(&mut self, level: usize) -> Checked<()> {
        let tag_at = self.at;
        match self.u8()? {
            tag::NULL | tag::FALSE | tag::TRUE => self.size += 1,
            tag::INTEGER => {
                self.size += 9;
                if unzigzag(self.varint()?).unsigned_abs() > LARGEST_INTEGER as u64 {
                    return malformed("integer beyond 2^53");
                }
            }
            tag::STRING | tag::PLAIN_STRING => {
                let (start, end) = self.span()?;
                let text = &self.bytes[start..end];
                let scan = json::scan(text);
                if !scan.ascii && std::str::from_utf8(text).is_err() {
                    return malformed("string is not Unicode");
                }
                self.bytes[tag_at] = if scan.plain { tag::PLAIN_STRING } else { tag::STRING };
                self.size += 2 + (end - start) as u64;
            }
            tag::FLOAT64 => self.float64()?,
            tag::INT64 => {
                self.size += 9;
                self.json_safe = false;
                self.varint()?;
            }
            tag::BYTES => {
                let (start, end) = self.span()?;
                self.size += 2 + (end - start) as u64;
                self.json_safe = false;
            }
            tag::ARRAY => {
                let end = self.nested()?;
                self.array(level + 1)?;
                if self.at != end {
                    return malformed("length of an array");
                }
            }
            tag::OBJECT => {
                let end = self.nested()?;
                self.fields(level + 1)?;
                if self.at != end {
                    return malformed("length of an object");
                }
            }
            _ => return malformed("value tag"),
        }
        Ok(())
    }

    fn array(&mut self, level: usize) -> Checked<()> {
        self.enter(level)?;
        let count = self.count()?;
        if count > ARRAY_LENGTH && self.purpose != Purpose::Stored {
            return refuse(too_long(count));
        }
        for _ in 0..count {
            self.value(level)?;
        }
        Ok(())
    }

    fn float64(&mut self) -> Checked<()> {
        let Some(bytes) = self.bytes.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<8>()) else {
            return malformed("cut short");
        };
        let number = canonical_number(f64::from_le_bytes(*bytes));
        if as_integer(number).is_some() {
            return malformed("integer written as a float64");
        }
        *bytes = number.to_le_bytes();
        self.json_safe &= json::is_json_number(number);
        self.at += 8;
        self.size += 9;
        Ok(())
    }

    #[inline(always)]
    fn u8(&mut self) -> Checked<u8> {
        match self.bytes.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => malformed("cut short"),
        }
    }

    #[inline(always)]
    fn varint(&mut self) -> Checked<u64> {
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Checked<u64> {
        let mut reader = crate::bytes::Reader::new(self.bytes.get(self.at..).unwrap_or(&[]));
        match reader.varint("") {
            Ok(value) => {
                self.at += reader.position();
                Ok(value)
            }
            Err(_) if reader.remaining() == 0 => malformed("cut short"),
            Err(_) => malformed("variable-length integer"),
        }
    }

    /// The count of what follows. Every item or field takes a byte at least.
    fn count(&mut self) -> Checked<usize> {
        let count = self.varint()?;
        if count > (self.bytes.len() - self.at) as u64 {
            return malformed("cut short");
        }
        Ok(count as usize)
    }

    /// A length and that many bytes; returns where they lie and stands after them.
    #[inline]
    fn span(&mut self) -> Checked<(usize, usize)> {
        let length = self.count()?;
        let start = self.at;
        self.at += length;
        Ok((start, self.at))
    }

    /// The byte length of an array or object; returns its end.
    fn nested(&mut self) -> Checked<usize> {
        let Some(length) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return malformed("cut short");
        };
        let length = u32::from_le_bytes(*length) as usize;
        self.at += 4;
        if length > self.bytes.len() - self.at {
            return malformed("cut short");
        }
        Ok(self.at + length)
    }
}
