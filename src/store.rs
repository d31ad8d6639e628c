//! The storage engine: an ordered map of keys to values, kept in pages, changed by a log.
//!
//! ```text
//! writes ─▶ Overlay (memory: what the log holds) ──┐
//!                                                  ├─▶ View ─▶ get, count, Scan
//! Manifest ─▶ interior pages ─▶ leaf pages ────────┘      (one consistent state)
//!                ▲                   ▲
//!                └──── Checkpoint ───┘   merges an overlay into the tree, copy-on-write
//! ```
//! The tree is a B+tree of immutable pages under ids that are never used twice; a [`Manifest`] names its
//! root, so that a state of the tree is one small record. Nothing here does IO: a read that needs a page
//! which is not in the [`PageCache`] says which ([`ReadError::Missing`]), the caller loads it and asks again.

mod cache;
mod checkpoint;
mod cursor;
mod keys;
mod manifest;
mod overlay;
mod page;
mod reach;
mod tree;
mod verify;

pub use cache::PageCache;
pub use checkpoint::{Checkpoint, Step};
pub use cursor::Scan;
#[cfg(test)]
pub(crate) use manifest::MANIFEST_SESSIONS;
pub use manifest::{Freed, Manifest, ManifestError, Session};
pub(crate) use overlay::Entry;
pub use overlay::{Op, Overlay};
pub use tree::View;
pub use verify::Verify;

/// Names a page: `attempt << 20 | index`. Each checkpoint gets an attempt number of its own, so that two
/// of them never make the same id. Below 2^53, so that JavaScript can count with it.
pub type PageId = u64;

/// Pages as they were read: `None` for those that do not exist.
pub type LoadedPages = Vec<(PageId, Option<Vec<u8>>)>;

/// How many bits of a page id are the index within one checkpoint.
pub const PAGE_INDEX_BITS: u32 = 20;

/// Page ids are below this.
const PAGE_ID_END: PageId = 1 << 53;

/// Attempts have numbers below this: there are no page ids for more.
pub const ATTEMPTS_END: u64 = PAGE_ID_END >> PAGE_INDEX_BITS;

/// So many attempts can't come to nothing one after the other.
const ATTEMPTS_IN_VAIN: u64 = 1 << 24;

/// The number of the next attempt, when so many were counted and the manifest in force is by the one of number
/// `after`. A count that is damaged is not believed: too small, it would name pages that are in use; far too
/// large, there would soon be no numbers left.
pub fn next_attempt(counted: u64, after: u64) -> u64 {
    let is_believed = counted.checked_sub(after).is_some_and(|in_vain| in_vain < ATTEMPTS_IN_VAIN);
    1 + if is_believed { counted } else { after }
}

/// All page ids that a checkpoint attempt can make.
pub fn attempt_pages(attempt: u64) -> std::ops::Range<PageId> {
    attempt << PAGE_INDEX_BITS..(attempt + 1) << PAGE_INDEX_BITS
}

/// In which order a scan goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

/// Why a read has no answer yet, or never.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// These pages are not in the cache. Load them together and ask again.
    Missing(Vec<PageId>),
    /// A page is damaged. Nearly all reads go well, so that their results have no room for the bounds of one that does not.
    Corrupt(Box<DamagedPage>),
}

/// A damaged page: it holds the keys from `start` up to `end`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPage {
    /// The page.
    pub page: PageId,
    /// The smallest key that it may hold.
    pub start: Vec<u8>,
    /// The smallest key above it, if any.
    pub end: Option<Vec<u8>>,
}

/// The keys of a leaf; `None` for other pages.
#[cfg(test)]
pub(crate) fn keys_of_leaf(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let Ok(page::Page::Leaf(leaf)) = page::Page::parse(crate::bytes::Bytes::from(bytes)) else { return None };
    let mut group = page::Group::default();
    let key = |index: usize| {
        leaf.unpack(page::Leaf::group_of(index), &mut group);
        group.get(index).0.to_vec()
    };
    Some((0..leaf.len()).map(key).collect())
}

#[cfg(test)]
mod tests;
