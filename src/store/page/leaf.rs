//! Searching a leaf page in its packed form.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ops::Range;

use super::heads::Heads;
use super::{HEADER, RESTART};
use crate::bytes::Bytes;
use crate::store::keys::{common, compare};

/// A checked page. Every offset and length in it is known to be right.
#[derive(Debug)]
pub(in crate::store) struct Leaf {
    pub(in crate::store) bytes: Bytes,
    pub(super) count: usize,
    /// Made by the first search.
    heads: OnceCell<Heads>,
}

/// Sixteen entries unpacked, for walking in either direction.
#[derive(Debug, Default)]
pub(in crate::store) struct Group {
    keys: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    place: u32,
    key_start: u32,
    key_end: u32,
    value_start: u32,
    value_end: u32,
}

/// Where an entry's parts lie in the page.
pub(super) struct Entry {
    pub(super) shared: usize,
    pub(super) suffix: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Leaf {
    /// A page that was checked, or that [`super::PageWriter`] has just made.
    pub(in crate::store) fn trusted(bytes: Bytes, count: usize) -> Self {
        Leaf { bytes, count, heads: OnceCell::new() }
    }

    /// What the page costs in memory.
    pub(super) fn memory(&self) -> usize {
        let heads = if Heads::are_worth_it(self.count) { Heads::memory(self.count) } else { 0 };
        self.bytes.len() + size_of::<Leaf>() + heads
    }

    /// How many entries the page has.
    pub(in crate::store) fn len(&self) -> usize {
        self.count
    }

    /// How many keys are smaller than `key`, and the place of its value if it is here.
    pub(in crate::store) fn seek(&self, key: &[u8]) -> (usize, Option<Range<usize>>) {
        let bytes = &*self.bytes;
        if Heads::are_worth_it(self.count)
            && let Some(found) = self.heads.get_or_init(|| Heads::of(self)).seek(bytes, key)
        {
            return found;
        }
        // The last group that starts at or below the key.
        let (mut low, mut high) = (0, self.count.div_ceil(RESTART));
        while low < high {
            let middle = (low + high) / 2;
            let entry = entry(bytes, restart(bytes, middle));
            match compare(&bytes[entry.suffix], key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return (middle * RESTART, Some(entry.value)),
                Ordering::Greater => high = middle,
            }
        }
        let Some(group) = low.checked_sub(1) else { return (0, None) };
        let mut at = restart(bytes, group);
        let mut matched = 0;
        let first = group * RESTART;
        for index in first..self.count.min(first + RESTART) {
            let entry = entry(bytes, at);
            at = entry.value.end;
            // More in common with its predecessor than that has with `key`: still smaller, for the same reason.
            if index > first && entry.shared > matched {
                continue;
            }
            // Less in common: its first other byte is larger than the predecessor's, which is the key's.
            if entry.shared < matched {
                return (index, None);
            }
            let (suffix, rest) = (&bytes[entry.suffix], &key[matched..]);
            let shared = common(suffix, rest);
            match (suffix.get(shared), rest.get(shared)) {
                (None, None) => return (index, Some(entry.value)),
                (Some(_), None) => return (index, None),
                (Some(here), Some(wanted)) if here > wanted => return (index, None),
                _ => matched += shared,
            }
        }
        (self.count.min(first + RESTART), None)
    }

    /// Unpacks the group that an entry is in.
    pub(in crate::store) fn unpack(&self, group: usize, into: &mut Group) {
        let bytes = &*self.bytes;
        into.keys.clear();
        into.spans.clear();
        let mut at = restart(bytes, group);
        let mut before = 0;
        for _ in 0..RESTART.min(self.count - group * RESTART) {
            let entry = entry(bytes, at);
            let place = at as u32;
            at = entry.value.end;
            let key_start = into.keys.len();
            into.keys.extend_from_within(before..before + entry.shared);
            into.keys.extend_from_slice(&bytes[entry.suffix]);
            before = key_start;
            into.spans.push(Span {
                place,
                key_start: key_start as u32,
                key_end: into.keys.len() as u32,
                value_start: entry.value.start as u32,
                value_end: entry.value.end as u32,
            });
        }
    }

    /// The group that an entry is in.
    #[inline]
    pub(in crate::store) fn group_of(index: usize) -> usize {
        index / RESTART
    }
}

impl Group {
    /// The key of an entry of the page, which must be in this group, and the place of its value.
    #[inline(always)]
    pub(in crate::store) fn get(&self, index: usize) -> (&[u8], Range<usize>) {
        let span = &self.spans[index % RESTART];
        (&self.keys[span.key_start as usize..span.key_end as usize], span.value_start as usize..span.value_end as usize)
    }

    /// Where an entry of this group lies in the page.
    pub(super) fn place(&self, index: usize) -> u32 {
        self.spans[index % RESTART].place
    }
}

#[inline(always)]
pub(super) fn restart(bytes: &[u8], group: usize) -> usize {
    let at = HEADER + group * 4;
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

#[inline(always)]
pub(super) fn entry(bytes: &[u8], mut at: usize) -> Entry {
    let shared = length(bytes, &mut at);
    let suffix_length = length(bytes, &mut at);
    let value_length = length(bytes, &mut at);
    let suffix = at..at + suffix_length;
    let value = suffix.end..suffix.end + value_length;
    Entry { shared, suffix, value }
}

#[inline(always)]
fn length(bytes: &[u8], at: &mut usize) -> usize {
    let byte = bytes[*at];
    *at += 1;
    if byte < 0x80 { usize::from(byte) } else { long_length(bytes, at, usize::from(byte & 0x7f)) }
}

#[cold]
fn long_length(bytes: &[u8], at: &mut usize, mut value: usize) -> usize {
    let mut shift = 7;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}
