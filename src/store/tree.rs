//! Reading one consistent state: the tree under a manifest with an overlay on top.

use std::ops::Range;
use std::rc::Rc;

use super::cache::PageCache;
use super::cursor::Scan;
use super::manifest::Manifest;
use super::overlay::{Entries, Entry, Overlay};
use super::page::{Interior, Leaf, Page};
use super::{DamagedPage, Direction, PageId, ReadError};
use crate::bytes::Bytes;
use crate::crdt::IS_BUILT_IN;
use crate::keyspace::CRDT_KEYS;

/// One consistent state. Cloning it is O(1).
#[derive(Clone, Debug)]
pub struct View {
    /// What the log holds beyond the tree, of rows, ids and index entries.
    pub overlay: Overlay,
    /// The same of CRDT documents. Only what is saved is in it: stamps are not known before.
    pub crdt: Overlay,
    /// The tree.
    pub manifest: Rc<Manifest>,
}

/// The keys that a page may hold.
pub(super) struct Bounds<'a> {
    pub(super) start: &'a [u8],
    pub(super) end: Option<&'a [u8]>,
}

impl Bounds<'_> {
    pub(super) fn corrupt(&self, page: PageId) -> ReadError {
        let (start, end) = (self.start.to_vec(), self.end.map(<[u8]>::to_vec));
        ReadError::Corrupt(Box::new(DamagedPage { page, start, end }))
    }
}

/// An interior page from the manifest or the cache; `None` if it must be loaded.
pub(super) fn interior(
    manifest: &Manifest,
    cache: &mut PageCache,
    id: PageId,
    bounds: &Bounds<'_>,
) -> Result<Option<Rc<Interior>>, ReadError> {
    if let Some(interior) = manifest.embedded(id) {
        return Ok(Some(interior.clone()));
    }
    match cache.page(id) {
        Some(Page::Interior(interior)) => Ok(Some(interior)),
        None => Ok(None),
        Some(_) => Err(bounds.corrupt(id)),
    }
}

/// A leaf page from the cache; `None` if it must be loaded.
pub(super) fn leaf(cache: &mut PageCache, id: PageId, bounds: &Bounds<'_>) -> Result<Option<Rc<Leaf>>, ReadError> {
    match cache.page(id) {
        Some(Page::Leaf(leaf)) => Ok(Some(leaf)),
        None => Ok(None),
        Some(_) => Err(bounds.corrupt(id)),
    }
}

/// Where a key is, or would be, in the tree.
#[derive(Default)]
struct Found {
    /// How many entries of the tree have smaller keys; if a page is missing, that are before the page.
    rank: u64,
    /// `None` in an empty tree, or if a page is missing.
    leaf: Option<Rc<Leaf>>,
    page: PageId,
    value: Option<Range<usize>>,
}

/// Descends to a key. If it can't, it adds a page to `missing`.
fn find(manifest: &Manifest, cache: &mut PageCache, key: &[u8], missing: &mut Vec<PageId>) -> Result<Found, ReadError> {
    let mut found = Found::default();
    found.descend(manifest, cache, key, missing).map(|()| found)
}

impl Found {
    /// Goes as far as it can.
    fn descend(
        &mut self,
        manifest: &Manifest,
        cache: &mut PageCache,
        key: &[u8],
        missing: &mut Vec<PageId>,
    ) -> Result<(), ReadError> {
        self.page = manifest.root;
        if manifest.height == 0 {
            return Ok(());
        }
        // Where the bounds of the page are written, for reporting damage.
        let (mut start, mut end) = (None, None);
        for _ in 1..manifest.height {
            let next = interior(manifest, cache, self.page, &bounds(&start, &end))?;
            let Some(next) = next else {
                missing.push(self.page);
                return Ok(());
            };
            let index = next.keys.child(key);
            self.rank += next.count_before(index);
            self.page = next.children[index].page;
            if index > 0 {
                start = Some((next.clone(), index));
            }
            if index + 1 < next.children.len() {
                end = Some((next, index + 1));
            }
        }
        match leaf(cache, self.page, &bounds(&start, &end))? {
            None => missing.push(self.page),
            Some(leaf) => {
                let (index, value) = leaf.seek(key);
                self.rank += index as u64;
                self.value = value;
                self.leaf = Some(leaf);
            }
        }
        Ok(())
    }
}

fn bounds<'a>(start: &'a Option<(Rc<Interior>, usize)>, end: &'a Option<(Rc<Interior>, usize)>) -> Bounds<'a> {
    let key = |(interior, index): &'a (Rc<Interior>, usize)| interior.keys.get(*index);
    Bounds { start: start.as_ref().map_or(&[], key), end: end.as_ref().map(key) }
}

/// The bounds of a child within those of its parent.
pub(super) fn child_bounds<'a>(interior: &'a Interior, index: usize, parent: &Bounds<'a>) -> Bounds<'a> {
    Bounds {
        start: if index == 0 { parent.start } else { interior.keys.get(index) },
        end: if index + 1 < interior.children.len() { Some(interior.keys.get(index + 1)) } else { parent.end },
    }
}

impl View {
    /// What a manifest says, and nothing beyond it.
    pub fn of(manifest: Rc<Manifest>) -> Self {
        View { overlay: Overlay::new(), crdt: Overlay::new(), manifest }
    }

    /// The state of a new database.
    pub fn empty() -> Self {
        View::of(Rc::new(Manifest::empty()))
    }

    fn count_effect(&self, start: &[u8], end: Option<&[u8]>) -> i64 {
        let crdt = if !IS_BUILT_IN || end.is_some_and(|end| end <= CRDT_KEYS) {
            0
        } else {
            self.crdt.count_effect(start, end)
        };
        self.overlay.count_effect(start, end) + crdt
    }

    /// An estimate of the memory that what the log holds takes.
    pub fn overlay_bytes(&self) -> usize {
        self.overlay.bytes() + self.crdt.bytes()
    }

    /// Whether an overlay says anything of a range.
    pub(super) fn touches(&self, start: &[u8], end: Option<&[u8]>) -> bool {
        self.overlay.touches(start, end) || IS_BUILT_IN && self.crdt.touches(start, end)
    }

    /// A cursor over what both overlays hold of a range.
    pub(super) fn entries(&self, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Entries {
        let is_within = end.is_some_and(|end| end <= CRDT_KEYS);
        let rows = self.overlay.cursor(start, end, direction);
        if !IS_BUILT_IN || is_within || self.crdt.is_empty() {
            return Entries::new(rows, None);
        }
        let crdt = self.crdt.cursor(start, end, direction);
        match direction {
            Direction::Ascending => Entries::new(rows, Some(crdt)),
            Direction::Descending => Entries::new(crdt, Some(rows)),
        }
    }

    /// A key's value.
    pub fn get(&self, cache: &mut PageCache, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        let mut entry = self.overlay.get(key);
        if IS_BUILT_IN && entry.is_none() && key >= CRDT_KEYS {
            entry = self.crdt.get(key);
        }
        match entry {
            Some(Entry::Put(value)) => return Ok(Some(value.clone())),
            Some(Entry::Deleted) => return Ok(None),
            None => {}
        }
        let mut missing = Vec::new();
        let found = find(&self.manifest, cache, key, &mut missing)?;
        if !missing.is_empty() {
            return Err(ReadError::Missing(missing));
        }
        Ok(found.leaf.zip(found.value).map(|(leaf, value)| leaf.bytes.slice(value)))
    }

    /// How many keys lie from `start` up to (not including) `end`. Reads two paths, however long the range is.
    pub fn count(&self, cache: &mut PageCache, start: &[u8], end: Option<&[u8]>) -> Result<u64, ReadError> {
        if end.is_some_and(|end| end <= start) {
            return Ok(0);
        }
        let mut missing = Vec::new();
        let mut find = |key| find(&self.manifest, cache, key, &mut missing);
        let first = if start.is_empty() { Found::default() } else { find(start)? };
        let last = match end {
            None => Found { rank: self.manifest.count, ..Found::default() },
            Some(end) => find(end)?,
        };
        if !missing.is_empty() {
            // The other boundary's leaf must still be here when the missing one has come.
            for found in [first, last].iter().filter(|found| found.leaf.is_some()) {
                cache.hold(found.page);
            }
            missing.dedup();
            return Err(ReadError::Missing(missing));
        }
        let stored = last.rank.saturating_sub(first.rank);
        Ok(stored.saturating_add_signed(self.count_effect(start, end)))
    }

    /// As [`View::count`], without loading anything: where a page is missing or damaged, as if the boundary were at its
    /// beginning.
    pub fn count_about(&self, cache: &mut PageCache, start: &[u8], end: Option<&[u8]>) -> u64 {
        let mut rank = |key| {
            let mut found = Found::default();
            // However far that goes.
            let _ = found.descend(&self.manifest, cache, key, &mut Vec::new());
            found.rank
        };
        let stored = end.map_or(self.manifest.count, &mut rank).saturating_sub(rank(start));
        stored.saturating_add_signed(self.count_effect(start, end))
    }

    /// A scan of the keys from `start` up to (not including) `end`.
    ///
    /// When a leaf is missing, up to `ahead` leaves that the scan will reach are asked for at once.
    pub fn scan(&self, start: &[u8], end: Option<&[u8]>, direction: Direction, ahead: usize) -> Scan {
        Scan::new(self, start, end, direction, ahead)
    }
}
