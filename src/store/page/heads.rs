//! An index over the few large entries of a leaf of documents.
//!
//! Going from entry to entry would touch each document's bytes, which are seldom in the processor's cache. Eight bytes
//! of each key, from where the keys of the leaf begin to differ, nearly always tell them apart.

use std::cmp::Ordering;
use std::ops::Range;

use super::RESTART;
use super::leaf::{Group, Leaf, entry, restart};
use crate::store::keys::{common, compare};

/// Leaves with more entries than this have small ones: a search passes over them fast enough.
const MOST_ENTRIES: usize = 128;

/// The beginnings of a leaf's keys after what all of them share.
#[derive(Debug)]
pub(super) struct Heads {
    /// How many bytes all keys have in common.
    shared: usize,
    /// The next eight of each key, as a number that sorts like them; zeros follow the end of a key.
    words: Box<[u64]>,
    /// Where the entries lie in the page.
    places: Box<[u32]>,
}

impl Heads {
    /// Whether a leaf with so many entries has them.
    pub(super) fn are_worth_it(count: usize) -> bool {
        count <= MOST_ENTRIES
    }

    /// What they cost in memory.
    pub(super) fn memory(count: usize) -> usize {
        size_of::<Heads>() + count * (size_of::<u64>() + size_of::<u32>())
    }

    pub(super) fn of(leaf: &Leaf) -> Self {
        let mut group = Group::default();
        let last = leaf.len() - 1;
        leaf.unpack(Leaf::group_of(last), &mut group);
        let first = &leaf.bytes[entry(&leaf.bytes, restart(&leaf.bytes, 0)).suffix];
        let shared = common(first, group.get(last).0);
        let mut words = Vec::with_capacity(leaf.len());
        let mut places = Vec::with_capacity(leaf.len());
        for index in 0..leaf.len() {
            if index % RESTART == 0 {
                leaf.unpack(Leaf::group_of(index), &mut group);
            }
            words.push(word(group.get(index).0, shared));
            places.push(group.place(index));
        }
        Heads { shared, words: words.into(), places: places.into() }
    }

    /// What [`Leaf::seek`] answers, or `None` where eight bytes are not enough to know.
    pub(super) fn seek(&self, bytes: &[u8], key: &[u8]) -> Option<(usize, Option<Range<usize>>)> {
        let Heads { shared, words, places } = self;
        let start = &bytes[entry(bytes, places[0] as usize).suffix][..*shared];
        // A key that ends within what all share is below them, unless it differs before.
        match compare(&key[..key.len().min(*shared)], start) {
            Ordering::Equal => {}
            Ordering::Less => return Some((0, None)),
            Ordering::Greater => return Some((words.len(), None)),
        }
        let wanted = word(key, *shared);
        let index = words.partition_point(|&word| word < wanted);
        if words.get(index) != Some(&wanted) {
            return Some((index, None));
        }
        if words.get(index + 1) == Some(&wanted) || key.len() < shared + 8 {
            return None;
        }
        // The entry before has another word, so what it shares with this one ends within it.
        let entry = entry(bytes, places[index] as usize);
        Some(match compare(&bytes[entry.suffix], &key[entry.shared..]) {
            Ordering::Less => (index + 1, None),
            Ordering::Equal => (index, Some(entry.value)),
            Ordering::Greater => (index, None),
        })
    }
}

#[inline(always)]
fn word(key: &[u8], start: usize) -> u64 {
    if let Some(word) = key.get(start..start + 8) {
        return u64::from_be_bytes(word.try_into().expect("eight bytes"));
    }
    let mut padded = [0; 8];
    let rest = &key[start.min(key.len())..];
    padded[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(padded)
}
