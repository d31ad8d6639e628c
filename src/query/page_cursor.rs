//! The opaque text in which a paginated query says where its page ended.
//!
//! ```text
//! base64url( version:u8 fingerprint:u64le checksum:u32le position )
//! position := empty for the end of the query | 0x01, then the last key without its kind and number
//! ```
//! The fingerprint is of names and values and the key comes without this database's numbers, so that a
//! cursor means the same after an export and import. A cursor that fits no known query is not an attack but
//! a page of an older query; where it lies can only narrow the range that its query has anyway.

use crate::bytes::{Reader, Write, checksum};
use crate::error::{Code, Error, Result};
use crate::keyspace::PREFIX_LENGTH;
use crate::query::Plan;

const VERSION: u8 = 1;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Where a page of a query ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// After the row with this key of the plan's source.
    After(Vec<u8>),
    /// After everything, whatever is added later.
    End,
}

/// Writes a position as a cursor of this query.
pub(crate) fn encode(plan: &Plan, position: &Position) -> String {
    let mut tail = Vec::new();
    if let Position::After(key) = position {
        tail.push(1);
        tail.extend_from_slice(key.get(PREFIX_LENGTH..).unwrap_or_default());
    }
    let mut bytes = vec![VERSION];
    bytes.put_u64(plan.fingerprint);
    bytes.put_u32(checksum(&tail));
    bytes.append(&mut tail);
    to_text(&bytes)
}

/// Reads a cursor of this query. The texts begin with the code because Convex's does, and `usePaginatedQuery` begins
/// anew when it finds it in a message.
pub(crate) fn decode(plan: &Plan, cursor: &str) -> Result<Position> {
    let problem = match read(plan, cursor) {
        Some((fingerprint, position)) if fingerprint == plan.fingerprint => return Ok(position),
        Some(_) => {
            "InvalidCursor: Tried to run a query starting from a cursor, but it looks like this cursor is from a \
             different query."
        }
        None => {
            "InvalidCursor: The text is no cursor that this version of Holdfast has made. Begin again with \
             `cursor: null`."
        }
    };
    Err(Error::new(Code::InvalidCursor, problem))
}

/// The fingerprint of the cursor's query, and the position as one of this plan.
fn read(plan: &Plan, cursor: &str) -> Option<(u64, Position)> {
    let bytes = from_text(cursor)?;
    let mut reader = Reader::new(&bytes);
    if reader.u8("cursor version").ok()? != VERSION {
        return None;
    }
    let fingerprint = reader.u64("cursor fingerprint").ok()?;
    let sum = reader.u32("cursor checksum").ok()?;
    let tail = reader.take(reader.remaining(), "cursor position").ok()?;
    if checksum(tail) != sum {
        return None;
    }
    match tail {
        [] => Some((fingerprint, Position::End)),
        [1, key @ ..] => Some((fingerprint, Position::After([&plan.key_prefix(), key].concat()))),
        _ => None,
    }
}

impl Plan {
    /// Narrows the plan to the page after one cursor and, where a page is read again, up to and with the
    /// row of another.
    pub(crate) fn narrow(&mut self, after: Option<&Position>, until: Option<&Position>) {
        match after {
            Some(Position::After(key)) if self.descending => self.end_at(key.clone()),
            Some(Position::After(key)) => self.start_at(next_key(key)),
            Some(Position::End) => self.end.clone_from(&self.start),
            None => {}
        }
        match until {
            Some(Position::After(key)) if self.descending => self.start_at(key.clone()),
            Some(Position::After(key)) => self.end_at(next_key(key)),
            Some(Position::End) | None => {}
        }
    }

    fn start_at(&mut self, key: Vec<u8>) {
        if key > self.start {
            self.start = key;
        }
    }

    fn end_at(&mut self, key: Vec<u8>) {
        if key < self.end {
            self.end = key;
        }
    }
}

/// The first byte string after `key`.
fn next_key(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 3);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

/// The inverse of [`to_text`]; any other text is `None`.
fn from_text(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        let mut bits = 0;
        for &character in group {
            bits = bits << 6 | ALPHABET.iter().position(|&other| other == character)? as u32;
        }
        bits <<= 6 * (4 - group.len());
        let decoded = &bits.to_be_bytes()[1..group.len()];
        // One character alone holds no byte, and bits beyond the last byte are zero.
        if decoded.is_empty() || u64::from(bits) << (8 * group.len()) & 0xffff_ffff != 0 {
            return None;
        }
        bytes.extend_from_slice(decoded);
    }
    Some(bytes)
}
