//! Writing pages.

use super::{CHECKSUM, HEADER, INTERIOR, LEAF, RESTART, VERSION};
use crate::bytes::{Write, checksum};
use crate::store::keys::common;

/// Collects entries in key order and makes a page of them.
#[derive(Debug, Default)]
pub(in crate::store) struct PageWriter {
    entries: Vec<u8>,
    restarts: Vec<u32>,
    count: usize,
    last: Vec<u8>,
}

impl PageWriter {
    /// Appends an entry, whose key is above the last one.
    pub(in crate::store) fn push(&mut self, key: &[u8], value: &[u8]) {
        let mut shared = 0;
        if self.count.is_multiple_of(RESTART) {
            self.restarts.push(self.entries.len() as u32);
        } else {
            shared = common(&self.last, key);
        }
        self.count += 1;
        self.entries.put_varint(shared as u64);
        self.entries.put_varint((key.len() - shared) as u64);
        self.entries.put_varint(value.len() as u64);
        self.entries.extend_from_slice(&key[shared..]);
        self.entries.extend_from_slice(value);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
    }

    /// The page of all entries since the last call.
    pub(in crate::store) fn finish(&mut self, leaf: bool) -> Vec<u8> {
        let entries_start = HEADER + self.restarts.len() * 4;
        let mut page = Vec::with_capacity(entries_start + self.entries.len() + CHECKSUM);
        page.put_u8(VERSION);
        page.put_u8(if leaf { LEAF } else { INTERIOR });
        page.extend_from_slice(&(self.count as u16).to_le_bytes());
        for restart in &self.restarts {
            page.put_u32(entries_start as u32 + restart);
        }
        page.extend_from_slice(&self.entries);
        page.put_u32(checksum(&page));
        self.entries.clear();
        self.restarts.clear();
        self.last.clear();
        self.count = 0;
        page
    }
}
