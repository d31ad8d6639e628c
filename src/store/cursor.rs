//! Scans: a cursor over the tree merged with one over the overlay.

use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;

use super::cache::PageCache;
use super::keys::compare;
use super::manifest::Manifest;
use super::overlay::{self, Entry};
use super::page::{Group, Interior, Leaf};
use super::reach::Reach;
use super::tree::{Bounds, View, child_bounds, interior, leaf};
use super::{Direction, PageId, ReadError};
use crate::bytes::Bytes;

/// A resumable walk over a range of a view, in either direction.
///
/// It holds its own snapshot. After [`ReadError::Missing`], [`next`](Scan::next) goes on where it was.
#[derive(Debug)]
pub struct Scan {
    tree: TreeCursor,
    overlay: overlay::Entries,
    /// Which cursors stand on the entry that was handed out last.
    tree_taken: bool,
    overlay_taken: bool,
}

/// An entry, valid until the scan moves on.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    buffer: &'a Bytes,
    value_start: usize,
}

impl Item<'_> {
    /// The value, to keep: it shares the page or log record that it lies in.
    pub fn keep(&self) -> Bytes {
        self.buffer.slice(self.value_start..self.value_start + self.value.len())
    }
}

impl Scan {
    pub(super) fn new(view: &View, start: &[u8], end: Option<&[u8]>, direction: Direction, ahead: usize) -> Self {
        Scan {
            tree: TreeCursor::new(view.manifest.clone(), start, end, direction, ahead),
            overlay: view.entries(start, end, direction),
            tree_taken: false,
            overlay_taken: false,
        }
    }

    /// Says that only about so many entries will be wanted: no more leaves than they need are asked for at once.
    pub fn wanting(mut self, entries: usize) -> Self {
        self.tree.wanted = entries as u64;
        self
    }

    /// The next entry.
    #[allow(clippy::should_implement_trait)] // an iterator can't lend
    pub fn next(&mut self, cache: &mut PageCache) -> Result<Option<Item<'_>>, ReadError> {
        loop {
            if std::mem::take(&mut self.tree_taken) {
                self.tree.advance();
            }
            if std::mem::take(&mut self.overlay_taken) {
                self.overlay.advance();
            }
            self.tree.settle(cache)?;
            let order = match (self.tree.key(), self.overlay.peek()) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(stored), Some((written, _))) => match self.tree.reach.direction {
                    Direction::Ascending => compare(stored, written),
                    Direction::Descending => compare(written, stored),
                },
            };
            self.tree_taken = order != Ordering::Greater;
            self.overlay_taken = order != Ordering::Less;
            if order == Ordering::Less || !matches!(self.overlay.peek(), Some((_, Entry::Deleted))) {
                break;
            }
        }
        if self.overlay_taken {
            let Some((key, Entry::Put(value))) = self.overlay.peek() else { return Ok(None) };
            return Ok(Some(Item { key, value, buffer: value, value_start: 0 }));
        }
        Ok(self.tree.item())
    }
}

/// A walk over a range of the tree alone.
#[derive(Debug)]
struct TreeCursor {
    manifest: Rc<Manifest>,
    reach: Reach,
    /// Most leaves to ask for at once, and how many entries of them will be wanted.
    ahead: usize,
    wanted: u64,
    path: Path,
    state: State,
    /// The leaf at hand and which of its entries are left: taken from the front or from the back.
    leaf: Option<Rc<Leaf>>,
    window: Range<usize>,
    /// The group that is unpacked, or `usize::MAX`.
    unpacked: usize,
    group: Group,
}

/// Interior pages from the root down, each with the child that was taken.
type Path = Vec<(Rc<Interior>, usize)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The way below the path's last child (or from the root) is still to be taken.
    Descend,
    /// Entries come from the leaf at hand.
    Inside,
    End,
}

impl TreeCursor {
    fn new(manifest: Rc<Manifest>, start: &[u8], end: Option<&[u8]>, direction: Direction, ahead: usize) -> Self {
        let reach = Reach::new(start, end, direction);
        let nothing = manifest.height == 0 || reach.is_empty();
        TreeCursor {
            manifest,
            reach,
            ahead,
            wanted: u64::MAX,
            path: Vec::new(),
            state: if nothing { State::End } else { State::Descend },
            leaf: None,
            window: 0..0,
            unpacked: usize::MAX,
            group: Group::default(),
        }
    }

    #[inline]
    fn index(&self) -> usize {
        match self.reach.direction {
            Direction::Ascending => self.window.start,
            Direction::Descending => self.window.end.wrapping_sub(1),
        }
    }

    /// The key at the position, after [`settle`](Self::settle).
    #[inline]
    fn key(&self) -> Option<&[u8]> {
        if self.window.is_empty() { None } else { Some(self.group.get(self.index()).0) }
    }

    fn item(&self) -> Option<Item<'_>> {
        let leaf = self.leaf.as_ref().filter(|_| !self.window.is_empty())?;
        let (key, value) = self.group.get(self.index());
        Some(Item { key, value: &leaf.bytes[value.clone()], buffer: &leaf.bytes, value_start: value.start })
    }

    #[inline]
    fn advance(&mut self) {
        match self.reach.direction {
            Direction::Ascending => self.window.start += 1,
            Direction::Descending => self.window.end -= 1,
        }
    }

    /// Makes the entry at the position readable: from the next leaf, if the one at hand is used up.
    #[inline]
    fn settle(&mut self, cache: &mut PageCache) -> Result<(), ReadError> {
        if self.window.is_empty() {
            self.next_leaf(cache)?;
        }
        let group = Leaf::group_of(self.index());
        if group != self.unpacked
            && let Some(leaf) = self.leaf.as_ref().filter(|_| !self.window.is_empty())
        {
            leaf.unpack(group, &mut self.group);
            self.unpacked = group;
        }
        Ok(())
    }

    fn next_leaf(&mut self, cache: &mut PageCache) -> Result<(), ReadError> {
        while self.window.is_empty() {
            match self.state {
                State::End => return Ok(()),
                State::Inside => {
                    self.state = if Self::step(&self.reach, &mut self.path) { State::Descend } else { State::End }
                }
                State::Descend => {
                    self.leaf = None;
                    self.unpacked = usize::MAX;
                    let leaf = self.descend(cache)?;
                    let to = self.reach.end.as_ref().map_or(leaf.len(), |end| leaf.seek(end).0);
                    let from = if self.reach.start.is_empty() { 0 } else { leaf.seek(&self.reach.start).0 };
                    self.window = from.min(to)..to;
                    self.leaf = Some(leaf);
                    self.state = State::Inside;
                }
            }
        }
        Ok(())
    }

    /// Goes down to the leaf where the rest of the range begins.
    fn descend(&mut self, cache: &mut PageCache) -> Result<Rc<Leaf>, ReadError> {
        loop {
            let bounds = path_bounds(&self.path);
            let id = self.path.last().map_or(self.manifest.root, |(interior, index)| interior.children[*index].page);
            if self.path.len() + 1 == usize::from(self.manifest.height) {
                return match leaf(cache, id, &bounds)? {
                    Some(leaf) => Ok(leaf),
                    None => Err(ReadError::Missing(self.missing(cache, id))),
                };
            }
            let Some(interior) = interior(&self.manifest, cache, id, &bounds)? else {
                return Err(ReadError::Missing(vec![id]));
            };
            let index = self.reach.first_child(&interior.keys);
            self.path.push((interior, index));
        }
    }

    /// Moves a path to the next child in the range, on the lowest level that has one.
    fn step(reach: &Reach, path: &mut Path) -> bool {
        while let Some((interior, index)) = path.last_mut() {
            if let Some(next) = reach.next_child(&interior.keys, *index) {
                *index = next;
                return true;
            }
            path.pop();
        }
        false
    }

    /// The pages to load when `id` is missing: it, and absent ones that follow in the range.
    fn missing(&mut self, cache: &mut PageCache, id: PageId) -> Vec<PageId> {
        let mut missing = vec![id];
        let mut path = self.path.clone();
        // The range begins somewhere in the first leaf, perhaps at its end, among what belongs to another range: it
        // counts for nothing. A page too many takes 35 µs, to ask again a millisecond.
        let mut entries = 0;
        // Pages that are here already count for something, or a long range of them would be walked each time.
        for _ in 1..self.ahead.saturating_mul(4) {
            let is_enough = missing.len() >= self.ahead || entries >= self.wanted;
            if is_enough || !Self::step(&self.reach, &mut path) {
                break;
            }
            while path.len() + 1 < usize::from(self.manifest.height) {
                let Some(id) = path.last().map(|(interior, index)| interior.children[*index].page) else { break };
                match interior(&self.manifest, cache, id, &Bounds { start: &[], end: None }) {
                    Ok(Some(interior)) => {
                        let index = self.reach.first_child(&interior.keys);
                        path.push((interior, index));
                    }
                    Ok(None) => {
                        missing.push(id);
                        return missing;
                    }
                    Err(_) => return missing,
                }
            }
            if let Some((interior, index)) = path.last() {
                let id = interior.children[*index].page;
                if !cache.contains(id) {
                    missing.push(id);
                }
            }
            entries += entries_below(&path);
        }
        missing
    }
}

/// How many entries the page below a path holds.
fn entries_below(path: &Path) -> u64 {
    path.last().map_or(0, |(interior, index)| interior.count_of(*index))
}

/// The keys that the page below a path may hold.
fn path_bounds(path: &Path) -> Bounds<'_> {
    path.iter()
        .fold(Bounds { start: &[], end: None }, |bounds, (interior, index)| child_bounds(interior, *index, &bounds))
}
