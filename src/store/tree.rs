//! Reading one consistent state: the tree under a manifest with an overlay on top.

use std::ops::Range;
use std::rc::Rc;

use super::cache::PageCache;
use super::cursor::Scan;
use super::manifest::Manifest;
use super::overlay::{Entry, Overlay};
use super::page::{Interior, Leaf, Page};
use super::{Direction, PageId, ReadError};
use crate::bytes::Bytes;

/// One consistent state. Cloning it is O(1).
#[derive(Clone, Debug)]
pub struct View {
    /// What the log holds beyond the tree.
    pub overlay: Overlay,
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
        ReadError::Corrupt { page, start: self.start.to_vec(), end: self.end.map(<[u8]>::to_vec) }
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
struct Found {
    /// How many entries of the tree have smaller keys.
    rank: u64,
    leaf: Rc<Leaf>,
    page: PageId,
    value: Option<Range<usize>>,
}

/// Descends to a key. `None` in an empty tree, or when a page was added to `missing`.
fn find(
    manifest: &Manifest,
    cache: &mut PageCache,
    key: &[u8],
    missing: &mut Vec<PageId>,
) -> Result<Option<Found>, ReadError> {
    if manifest.height == 0 {
        return Ok(None);
    }
    let mut page = manifest.root;
    let mut rank = 0;
    // Where the bounds of the page are written, for reporting damage.
    let (mut start, mut end) = (None, None);
    for _ in 1..manifest.height {
        let next = interior(manifest, cache, page, &bounds(&start, &end))?;
        let Some(next) = next else {
            missing.push(page);
            return Ok(None);
        };
        let index = next.keys.child(key);
        rank += next.count_before(index);
        page = next.children[index].page;
        if index > 0 {
            start = Some((next.clone(), index));
        }
        if index + 1 < next.children.len() {
            end = Some((next, index + 1));
        }
    }
    let Some(leaf) = leaf(cache, page, &bounds(&start, &end))? else {
        missing.push(page);
        return Ok(None);
    };
    let (index, value) = leaf.seek(key);
    Ok(Some(Found { rank: rank + index as u64, leaf, page, value }))
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
    /// The state of a new database.
    pub fn empty() -> Self {
        View { overlay: Overlay::new(), manifest: Rc::new(Manifest::empty()) }
    }

    /// A key's value.
    pub fn get(&self, cache: &mut PageCache, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        match self.overlay.get(key) {
            Some(Entry::Put(value)) => return Ok(Some(value.clone())),
            Some(Entry::Deleted) => return Ok(None),
            None => {}
        }
        let mut missing = Vec::new();
        let found = find(&self.manifest, cache, key, &mut missing)?;
        if !missing.is_empty() {
            return Err(ReadError::Missing(missing));
        }
        Ok(found.and_then(|found| found.value.map(|value| found.leaf.bytes.slice(value))))
    }

    /// How many keys lie from `start` up to (not including) `end`. Reads two paths, however long the range is.
    pub fn count(&self, cache: &mut PageCache, start: &[u8], end: Option<&[u8]>) -> Result<u64, ReadError> {
        if end.is_some_and(|end| end <= start) {
            return Ok(0);
        }
        let mut missing = Vec::new();
        let first = if start.is_empty() { None } else { find(&self.manifest, cache, start, &mut missing)? };
        let last = match end {
            None => None,
            Some(end) => find(&self.manifest, cache, end, &mut missing)?,
        };
        if !missing.is_empty() {
            // The other boundary's leaf must still be here when the missing one has come.
            for found in [first, last].into_iter().flatten() {
                cache.hold(found.page);
            }
            missing.dedup();
            return Err(ReadError::Missing(missing));
        }
        let below_start = first.map_or(0, |found| found.rank);
        let below_end = match end {
            None => self.manifest.count,
            Some(_) => last.map_or(0, |found| found.rank),
        };
        let stored = below_end.saturating_sub(below_start);
        Ok(stored.saturating_add_signed(self.overlay.count_effect(start, end)))
    }

    /// A scan of the keys from `start` up to (not including) `end`.
    ///
    /// When a leaf is missing, up to `ahead` leaves that the scan will reach are asked for at once.
    pub fn scan(&self, start: &[u8], end: Option<&[u8]>, direction: Direction, ahead: usize) -> Scan {
        Scan::new(self, start, end, direction, ahead)
    }
}
