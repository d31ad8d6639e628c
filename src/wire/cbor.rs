//! CBOR (RFC 8949), as much of it as messages of automerge-repo are made of.
//!
//! What is read may be anything: every length is checked against what is there before something is made of it, and what is
//! nested too deep is refused.

use crate::bytes::Malformed;
use std::borrow::Cow;

type Result<T> = std::result::Result<T, Malformed>;

/// A value. Texts and bytes are those of the message, if they are in one piece.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cbor<'a> {
    /// `undefined` too, and what this version gives no name.
    Null,
    Bool(bool),
    /// Whole ones too.
    Number(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Array(Vec<Cbor<'a>>),
    /// What has a text as its name, in the message's order.
    Map(Vec<(Cow<'a, str>, Cbor<'a>)>),
}

/// So deep values are nested in messages.
const DEPTH: usize = 16;
/// A message has at most so many values: each takes more room than the byte that it may be read from.
const VALUES: usize = 1 << 16;

impl<'a> Cbor<'a> {
    /// Reads a value that takes up all of the bytes.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader { bytes, left: VALUES };
        let value = reader.value(0)?;
        if reader.bytes.is_empty() { Ok(value) } else { Err(Malformed("bytes after a message")) }
    }

    /// What a map has by a name. `None` if it is null or undefined, too.
    pub(crate) fn get(&self, name: &str) -> Option<&Cbor<'a>> {
        let Cbor::Map(entries) = self else { return None };
        let (_, value) = entries.iter().find(|(key, _)| key == name)?;
        (*value != Cbor::Null).then_some(value)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Cbor::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        if let Cbor::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        if let Cbor::Number(number) = self { Some(*number) } else { None }
    }

    pub(crate) fn as_array(&self) -> Option<&[Cbor<'a>]> {
        if let Cbor::Array(items) = self { Some(items) } else { None }
    }

    /// Writes the value, with the shortest lengths.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Cbor::Null => bytes.push(0xf6),
            Cbor::Bool(value) => bytes.push(if *value { 0xf5 } else { 0xf4 }),
            Cbor::Number(number) => write_number(*number, bytes),
            Cbor::Text(text) => {
                write_head(TEXT, text.len() as u64, bytes);
                bytes.extend_from_slice(text.as_bytes());
            }
            Cbor::Bytes(data) => {
                write_head(BYTES, data.len() as u64, bytes);
                bytes.extend_from_slice(data);
            }
            Cbor::Array(items) => {
                write_head(ARRAY, items.len() as u64, bytes);
                items.iter().for_each(|item| item.write(bytes));
            }
            Cbor::Map(entries) => {
                write_head(MAP, entries.len() as u64, bytes);
                for (name, value) in entries {
                    write_head(TEXT, name.len() as u64, bytes);
                    bytes.extend_from_slice(name.as_bytes());
                    value.write(bytes);
                }
            }
        }
    }
}

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

const BREAK: u8 = 0xff;

fn write_head(major: u8, value: u64, bytes: &mut Vec<u8>) {
    let major = major << 5;
    match value {
        0..24 => bytes.push(major | value as u8),
        24..0x100 => bytes.extend([major | 24, value as u8]),
        0x100..0x1_0000 => {
            bytes.push(major | 25);
            bytes.extend((value as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            bytes.push(major | 26);
            bytes.extend((value as u32).to_be_bytes());
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend(value.to_be_bytes());
        }
    }
}

/// Whole numbers as such up to 32 bits, as JavaScript's encoders do; all others as doubles.
fn write_number(number: f64, bytes: &mut Vec<u8>) {
    let is_whole =
        number.trunc() == number && number.abs() < 4_294_967_296.0 && !(number == 0.0 && number.is_sign_negative());
    if is_whole && number >= 0.0 {
        write_head(UNSIGNED, number as u64, bytes);
    } else if is_whole {
        write_head(NEGATIVE, (-1.0 - number) as u64, bytes);
    } else {
        bytes.push(0xfb);
        bytes.extend(number.to_be_bytes());
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// How many more values there may be.
    left: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Malformed("message: too short"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn unsigned(&mut self, width: u64) -> Result<u64> {
        Ok(self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// The major type, its low bits, and the number that they stand for; `None` if there is no end to it yet.
    fn head(&mut self) -> Result<(u8, u8, Option<u64>)> {
        let first = self.byte()?;
        let (major, low) = (first >> 5, first & 0x1f);
        let value = match low {
            0..24 => Some(u64::from(low)),
            24..28 => Some(self.unsigned(1 << (low - 24))?),
            31 => None,
            _ => return Err(Malformed("message: unknown length")),
        };
        Ok((major, low, value))
    }

    /// Goes past the end of something without a length.
    fn is_at_break(&mut self) -> bool {
        let is_break = self.bytes.first() == Some(&BREAK);
        if is_break {
            self.bytes = &self.bytes[1..];
        }
        is_break
    }

    fn value(&mut self, depth: usize) -> Result<Cbor<'a>> {
        if depth > DEPTH {
            return Err(Malformed("message: nested too deep"));
        }
        self.left = self.left.checked_sub(1).ok_or(Malformed("message: too many values"))?;
        let (major, low, value) = self.head()?;
        match (major, value) {
            (UNSIGNED, Some(value)) => Ok(Cbor::Number(value as f64)),
            (NEGATIVE, Some(value)) => Ok(Cbor::Number(-1.0 - value as f64)),
            (BYTES, _) => self.pieces(BYTES, value).map(Cbor::Bytes),
            (TEXT, _) => self.text(value).map(Cbor::Text),
            (ARRAY, _) => {
                let mut items = Vec::new();
                self.items(value, |reader| {
                    items.push(reader.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Cbor::Array(items))
            }
            (MAP, _) => {
                let mut entries = Vec::new();
                self.items(value, |reader| {
                    let name = reader.value(depth + 1)?;
                    let value = reader.value(depth + 1)?;
                    // Other names are nobody's here.
                    if let Cbor::Text(name) = name {
                        entries.push((name, value));
                    }
                    Ok(())
                })?;
                Ok(Cbor::Map(entries))
            }
            // What a tag says of the value is not asked.
            (TAG, Some(_)) => self.value(depth + 1),
            (7, Some(value)) => Ok(simple(low, value)),
            _ => Err(Malformed("message: unknown type")),
        }
    }

    /// Calls `read` for each of so many items, or until the end of them. Each takes a byte at least, so the bytes end first.
    fn items(&mut self, count: Option<u64>, mut read: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        match count {
            Some(count) => (0..count).try_for_each(|_| read(self)),
            None => {
                while !self.is_at_break() {
                    read(self)?;
                }
                Ok(())
            }
        }
    }

    fn pieces(&mut self, major: u8, length: Option<u64>) -> Result<Cow<'a, [u8]>> {
        if let Some(length) = length {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut all = Vec::new();
        while !self.is_at_break() {
            let (Some(length), true) = self.piece_head(major)? else {
                return Err(Malformed("message: part of a text"));
            };
            all.extend_from_slice(self.take(length)?);
        }
        Ok(Cow::Owned(all))
    }

    fn piece_head(&mut self, expected: u8) -> Result<(Option<u64>, bool)> {
        let (major, _, length) = self.head()?;
        Ok((length, major == expected))
    }

    fn text(&mut self, length: Option<u64>) -> Result<Cow<'a, str>> {
        let malformed = Malformed("message: a text is not UTF-8");
        match self.pieces(TEXT, length)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| malformed),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| malformed),
        }
    }
}

/// Doubles and their shorter forms, true, false, and all the rest.
fn simple(low: u8, value: u64) -> Cbor<'static> {
    match (low, value) {
        (20, _) => Cbor::Bool(false),
        (21, _) => Cbor::Bool(true),
        (25, bits) => Cbor::Number(half(bits as u16)),
        (26, bits) => Cbor::Number(f64::from(f32::from_bits(bits as u32))),
        (27, bits) => Cbor::Number(f64::from_bits(bits)),
        _ => Cbor::Null,
    }
}

fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, seeds};

    fn text(text: &str) -> Cow<'static, str> {
        Cow::Owned(text.into())
    }

    fn random_value(random: &mut Random, depth: usize) -> Cbor<'static> {
        let kinds = if depth == 0 { 5 } else { 7 };
        match random.below(kinds) {
            0 => Cbor::Null,
            1 => Cbor::Bool(random.below(2) == 0),
            2 => Cbor::Number(
                [
                    0.0,
                    23.0,
                    24.0,
                    255.0,
                    256.0,
                    65_535.0,
                    65_536.0,
                    4_294_967_295.0,
                    4_294_967_296.0,
                    -1.0,
                    -300.0,
                    0.5,
                    1.8e12,
                ][random.below(13) as usize],
            ),
            3 => Cbor::Text(text(&"é".repeat(random.below(20) as usize))),
            4 => Cbor::Bytes(Cow::Owned(vec![7; [0, 1, 23, 24, 255, 256, 70_000][random.below(7) as usize]])),
            5 => Cbor::Array((0..random.below(4)).map(|_| random_value(random, depth - 1)).collect()),
            _ => Cbor::Map(
                (0..random.below(4)).map(|at| (text(&format!("name{at}")), random_value(random, depth - 1))).collect(),
            ),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for seed in seeds(300) {
            let value = random_value(&mut Random::from_number(seed), 3);
            let bytes = value.encode();
            assert_eq!(Cbor::decode(&bytes), Ok(value));
            for end in 0..bytes.len() {
                assert!(Cbor::decode(&bytes[..end]).is_err(), "seed {seed}: {end} of {} bytes", bytes.len());
            }
        }
    }

    /// The examples of RFC 8949, appendix A, as far as they are about what is read here.
    #[test]
    fn the_examples_of_the_standard_are_read() {
        let number = |hex: &str, value: f64| assert_eq!(decoded(hex), Cbor::Number(value), "{hex}");
        number("17", 23.0);
        number("1818", 24.0);
        number("1a000f4240", 1_000_000.0);
        number("1b000000e8d4a51000", 1e12);
        number("20", -1.0);
        number("3903e7", -1000.0);
        number("f93c00", 1.0);
        number("f90001", 5.960_464_477_539_063e-8);
        number("f9c400", -4.0);
        number("f97c00", f64::INFINITY);
        number("fa47c35000", 100_000.0);
        number("fb3ff199999999999a", 1.1);
        assert_eq!(decoded("f4"), Cbor::Bool(false));
        assert_eq!(decoded("f7"), Cbor::Null);
        assert_eq!(decoded("f0"), Cbor::Null);
        assert_eq!(decoded("c11a514b67b0"), Cbor::Number(1_363_896_240.0));
        assert_eq!(decoded("5f42010243030405ff"), Cbor::Bytes(Cow::Owned(vec![1, 2, 3, 4, 5])));
        assert_eq!(decoded("7f657374726561646d696e67ff"), Cbor::Text(text("streaming")));
        assert_eq!(decoded("9f01ff"), Cbor::Array(vec![Cbor::Number(1.0)]));
        assert_eq!(decoded("bf6161f5ff"), Cbor::Map(vec![(text("a"), Cbor::Bool(true))]));
        assert_eq!(decoded("a201616161626163"), Cbor::Map(vec![(text("b"), Cbor::Text(text("c")))]));
    }

    fn decoded(hex: &str) -> Cbor<'static> {
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
        let bytes: &'static [u8] = bytes.leak();
        Cbor::decode(bytes).expect("a value")
    }

    #[test]
    fn lengths_that_are_not_there_make_nothing() {
        for hex in [
            "9bffffffffffffffff",
            "bbffffffffffffffff",
            "5bffffffffffffffff",
            "5affffffff00",
            "9f",
            "5f41",
            "1c",
            "ff",
            "62c328",
        ] {
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect();
            assert!(Cbor::decode(&bytes).is_err(), "{hex}");
        }
        let most = Cbor::Array(vec![Cbor::Null; VALUES - 1]);
        assert_eq!(Cbor::decode(&most.encode()), Ok(most));
        let more = Cbor::Array(vec![Cbor::Null; VALUES]);
        assert_eq!(Cbor::decode(&more.encode()), Err(Malformed("message: too many values")));
        assert!(Cbor::decode(&[0x81; 1000]).is_err());
        assert!(Cbor::decode(&[0xc1; 1000]).is_err());
    }

    #[test]
    fn mutated_messages_are_read_or_refused() {
        for seed in seeds(300) {
            let mut random = Random::from_number(seed);
            let mut bytes = random_value(&mut random, 3).encode();
            bytes.truncate(4000);
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.below(256) as u8;
            }
            if let Ok(value) = Cbor::decode(&bytes) {
                value.encode();
            }
        }
    }
}
