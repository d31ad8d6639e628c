//! Pages: sorted entries with prefix compression, searched as they are.
//!
//! ```text
//! page    := version:u8 kind:u8 count:u16 restart:u32{(count + 15) / 16} entry{count} checksum:u32
//! entry   := shared:varint suffix_length:varint value_length:varint suffix value
//! ```
//! Integers are little-endian. `shared` is how many first bytes a key has in common with the one before, as
//! many as there are; every sixteenth key is written in full (`shared` 0), and `restart` is its place in the
//! page, so that a search is a binary one over whole keys and then at most fifteen short steps. The checksum
//! is over everything before it. A leaf's values are the stored ones; an interior page's are
//! `child:varint count:varint`, its keys the lower bounds of the children, the first one empty.
//!
//! A page is checked as a whole when it comes in. After that, searching trusts it.

mod heads;
mod interior;
mod leaf;
mod writer;

use std::cmp::Ordering;
use std::rc::Rc;

use super::keys::compare;
use crate::bytes::{Bytes, Malformed, Reader, checksum};

pub(super) use interior::Interior;
pub(super) use leaf::{Group, Leaf};
pub(super) use writer::PageWriter;

/// How large a leaf becomes, as long as no single entry is larger.
pub(super) const LEAF_BYTES: usize = 8 * 1024;
/// How large an interior page becomes.
pub(super) const INTERIOR_BYTES: usize = 8 * 1024;
/// Most entries of a page.
pub(super) const MOST_ENTRIES: usize = 4096;

const VERSION: u8 = 1;
const LEAF: u8 = 1;
const INTERIOR: u8 = 2;

/// From one key in full to the next.
pub(super) const RESTART: usize = 16;
const HEADER: usize = 4;
const CHECKSUM: usize = 4;

/// A page in memory.
#[derive(Clone, Debug)]
pub(super) enum Page {
    Leaf(Rc<Leaf>),
    Interior(Rc<Interior>),
    /// Bytes were found under this id that are no page.
    Damaged,
}

impl Page {
    /// Checks bytes that come from outside.
    pub(super) fn parse(bytes: Bytes) -> Result<Self, Malformed> {
        let kind = bytes.get(1).copied();
        let count = check(&bytes)?;
        let leaf = Leaf::trusted(bytes, count);
        match kind {
            Some(LEAF) => Ok(Page::Leaf(Rc::new(leaf))),
            Some(INTERIOR) => Ok(Page::Interior(Rc::new(Interior::unpack(&leaf)?))),
            _ => Err(Malformed("page kind")),
        }
    }

    /// What the page costs in memory.
    pub(super) fn memory(&self) -> usize {
        match self {
            Page::Leaf(leaf) => leaf.memory(),
            Page::Interior(interior) => interior.memory(),
            Page::Damaged => 0,
        }
    }
}

/// Checks everything that searching relies on, and returns the number of entries.
fn check(bytes: &[u8]) -> Result<usize, Malformed> {
    let body_length = bytes.len().checked_sub(CHECKSUM).ok_or(Malformed("page length"))?;
    let (body, sum) = bytes.split_at(body_length);
    if sum != checksum(body).to_le_bytes() {
        return Err(Malformed("page checksum"));
    }
    let mut reader = Reader::new(body);
    if reader.u8("page version")? != VERSION {
        return Err(Malformed("page version"));
    }
    reader.u8("page kind")?;
    let count = usize::from(u16::from_le_bytes([reader.u8("page count")?, reader.u8("page count")?]));
    if count == 0 || count > MOST_ENTRIES {
        return Err(Malformed("page count"));
    }
    let mut restarts = Reader::new(reader.take(count.div_ceil(RESTART) * 4, "page restarts")?);
    let mut key: Vec<u8> = Vec::new();
    for index in 0..count {
        let restart = index % RESTART == 0;
        if restart && restarts.u32("page restarts")? as usize != reader.position() {
            return Err(Malformed("page restarts"));
        }
        let shared = reader.length(key.len(), "entry shared length")?;
        let suffix_length = reader.length(body_length, "entry key length")?;
        let value_length = reader.length(body_length, "entry value length")?;
        let suffix = reader.take(suffix_length, "entry key")?;
        reader.take(value_length, "entry value")?;
        if restart {
            if shared != 0 || index > 0 && compare(&key, suffix) != Ordering::Less {
                return Err(Malformed("key order"));
            }
        } else {
            // With the longest shared part, the first byte after it decides the order.
            let above = match (key.get(shared), suffix.first()) {
                (_, None) => false,
                (None, Some(_)) => true,
                (Some(old), Some(new)) => new > old,
            };
            if !above {
                return Err(Malformed("key order"));
            }
        }
        key.truncate(shared);
        key.extend_from_slice(suffix);
    }
    reader.finish("bytes after the last entry")?;
    Ok(count)
}

#[cfg(test)]
mod tests;
