//! Merging an overlay into the tree: new pages beside the old ones, in slices.
//!
//! One walk through the tree in key order. A subtree that no entry of the overlay falls into is passed on as
//! it is; the others are opened, down to their leaves, and what comes out is cut into new pages, level by
//! level. A page that would stay nearly empty is carried over into its neighbour, which is then opened too.
//! Nothing that is stored changes: the old tree stays readable, and the new pages mean nothing until a
//! manifest names their root.

mod level;

use crate::flat_map::FlatMap;
use std::rc::Rc;

use super::cache::PageCache;
use super::manifest::{Manifest, Session};
use super::overlay::{self, Entry};
use super::page::{Group, INTERIOR_BYTES, Interior, LEAF_BYTES, Leaf, Page, PageWriter};
use super::tree::{Bounds, View, interior, leaf};
use super::{Direction, PAGE_INDEX_BITS, PageId, ReadError};
use crate::bytes::Bytes;
use level::{Cut, Level, Next};

/// How many missing pages are asked for at once.
const AHEAD: usize = 64;
/// Indexes of leaves count up from 0, those of interior pages from here: so leaves that are written together
/// have consecutive ids.
const FIRST_INTERIOR: u64 = 15 << (PAGE_INDEX_BITS - 4);

/// A checkpoint in the making.
#[derive(Debug)]
pub struct Checkpoint {
    view: View,
    /// The manifest that it will result in.
    next: Manifest,
    state: State,
    /// Entries of the overlay that are not merged yet.
    ops: overlay::Entries,
    /// Opened interior pages of the old tree, the root first.
    frames: Vec<Frame>,
    /// New pages in the making: the leaf level first.
    levels: Vec<Level>,
    /// How large leaves and interior pages become.
    pub(super) targets: [usize; 2],
    writer: PageWriter,
    leaves: u64,
    /// Interior pages that earlier parts of the same attempt made.
    interiors_before: u64,
    interiors: FlatMap<PageId, Rc<Interior>>,
    finished: Vec<(PageId, Bytes)>,
    freed: Vec<PageId>,
}

/// What a slice of a checkpoint brought.
#[derive(Debug)]
pub enum Step {
    /// Store these pages (there may be none) and call again.
    Pages(Vec<(PageId, Bytes)>),
    /// Everything is stored: add this manifest under its generation, and note these pages as freed.
    Done {
        /// The new state, of the next generation.
        manifest: Manifest,
        /// Pages that the new state doesn't need: [`Manifest::free`] notes them with the time.
        freed: Vec<PageId>,
    },
}

#[derive(Debug)]
enum State {
    Start,
    Walk,
    Merge(Merge),
    Root,
    Done,
}

/// An opened interior page of the old tree.
#[derive(Debug)]
struct Frame {
    page: Rc<Interior>,
    next: usize,
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

/// A leaf of the old tree (or none, in an empty tree) that is being merged.
#[derive(Debug)]
struct Merge {
    old: Option<Rc<Leaf>>,
    at: usize,
    group: Group,
    end: Option<Vec<u8>>,
}

impl Frame {
    fn bounds(&self, index: usize) -> Bounds<'_> {
        super::tree::child_bounds(&self.page, index, &Bounds { start: &self.start, end: self.end.as_deref() })
    }

    /// Whether the overlay's next entry falls into the next child.
    fn is_next_written(&self, ops: &overlay::Entries) -> bool {
        let here = |(key, _): (&[u8], Entry<'_>)| self.bounds(self.next).end.is_none_or(|end| key < end);
        self.next < self.page.children.len() && ops.peek().is_some_and(here)
    }
}

impl Checkpoint {
    /// A checkpoint of `view`: its overlay holds exactly the log up to `sequence`, beyond the view's manifest.
    ///
    /// `attempt` is a number that no other checkpoint has or had. `sessions` and `schema` are as of `sequence`.
    pub fn new(view: View, attempt: u64, sequence: u64, sessions: Vec<Session>, schema: Vec<u8>) -> Self {
        let mut next = view.manifest.successor(attempt, sequence);
        next.schema = schema;
        next.set_sessions(sessions);
        Checkpoint {
            ops: view.entries(&[], None, Direction::Ascending),
            view,
            next,
            state: State::Start,
            frames: Vec::new(),
            levels: Vec::new(),
            targets: [LEAF_BYTES, INTERIOR_BYTES],
            writer: PageWriter::default(),
            leaves: 0,
            interiors_before: 0,
            interiors: FlatMap::new(),
            finished: Vec::new(),
            freed: Vec::new(),
        }
    }

    /// Goes on where another checkpoint of the same attempt ended, so that their pages have different ids.
    pub fn continuing(mut self, before: &Checkpoint) -> Self {
        self.leaves = before.leaves;
        self.interiors_before = before.interiors_before + before.interiors.len() as u64;
        self
    }

    /// Does about as much work as reading and writing `budget_bytes`.
    ///
    /// After [`ReadError::Missing`], load the pages and call again; nothing is lost.
    pub fn step(&mut self, cache: &mut PageCache, budget_bytes: usize) -> Result<Step, ReadError> {
        let mut room = Room { left: budget_bytes.max(1) };
        while room.left > 0 {
            match &self.state {
                State::Start => self.start(cache)?,
                State::Walk => self.walk(cache, &mut room)?,
                State::Merge(_) => self.merge(cache, &mut room),
                State::Root => self.finish(cache),
                State::Done if self.finished.is_empty() => {
                    return Ok(Step::Done { manifest: self.next.clone(), freed: std::mem::take(&mut self.freed) });
                }
                State::Done => break,
            }
        }
        Ok(Step::Pages(std::mem::take(&mut self.finished)))
    }

    fn start(&mut self, cache: &mut PageCache) -> Result<(), ReadError> {
        let manifest = self.view.manifest.clone();
        if self.view.overlay.is_empty() && self.view.crdt.is_empty() {
            self.next.root = manifest.root;
            self.next.height = manifest.height;
            self.next.count = manifest.count;
            self.embed(cache);
            self.state = State::Done;
            return Ok(());
        }
        let everything = Bounds { start: &[], end: None };
        let missing = || ReadError::Missing(vec![manifest.root]);
        match manifest.height {
            0 => self.state = State::Merge(Merge { old: None, at: 0, group: Group::default(), end: None }),
            1 => {
                let root = leaf(cache, manifest.root, &everything)?.ok_or_else(missing)?;
                self.state = State::Merge(Merge { old: Some(root), at: 0, group: Group::default(), end: None });
                self.freed.push(manifest.root);
            }
            _ => {
                let page = interior(&manifest, cache, manifest.root, &everything)?.ok_or_else(missing)?;
                self.frames.push(Frame { page, next: 0, start: Vec::new(), end: None });
                self.freed.push(manifest.root);
                self.state = State::Walk;
            }
        }
        self.level(usize::from(manifest.height.max(1)) - 1);
        Ok(())
    }

    /// Makes sure that a level exists.
    fn level(&mut self, index: usize) -> &mut Level {
        while self.levels.len() <= index {
            let leaf = self.levels.is_empty();
            self.levels.push(Level::new(leaf, self.targets[usize::from(!leaf)]));
        }
        &mut self.levels[index]
    }

    /// Passes on or opens the next child of the innermost opened page.
    fn walk(&mut self, cache: &mut PageCache, room: &mut Room) -> Result<(), ReadError> {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else {
            self.state = State::Root;
            return Ok(());
        };
        // The level of the innermost page: leaves are 0.
        let level = usize::from(self.view.manifest.height) - depth;
        let index = frame.next;
        if index == frame.page.children.len() {
            let next = if frame.end.is_none() { Next::Nothing } else { Next::Kept };
            self.frames.pop();
            if depth > 1 {
                self.end_of_page(level, next, cache, room);
            }
            return Ok(());
        }
        let bounds = frame.bounds(index);
        let child = frame.page.children[index].page;
        if !frame.is_next_written(&self.ops) && self.levels[..level].iter().all(Level::is_empty) {
            let count = frame.page.count_of(index);
            self.levels[level].push_child(bounds.start, child, count);
            frame.next += 1;
            room.take(1);
            self.cut_full(level, cache, room);
            return Ok(());
        }
        if level == 1 {
            let Some(old) = leaf(cache, child, &bounds)? else {
                return Err(ReadError::Missing(missing(&self.view, cache, frame)));
            };
            self.levels[0].begin(bounds.start);
            let end = bounds.end.map(<[u8]>::to_vec);
            frame.next += 1;
            self.state = State::Merge(Merge { old: Some(old), at: 0, group: Group::default(), end });
        } else {
            let Some(page) = interior(&self.view.manifest, cache, child, &bounds)? else {
                return Err(ReadError::Missing(missing(&self.view, cache, frame)));
            };
            let (start, end) = (bounds.start.to_vec(), bounds.end.map(<[u8]>::to_vec));
            frame.next += 1;
            self.frames.push(Frame { page, next: 0, start, end });
        }
        self.freed.push(child);
        Ok(())
    }

    /// Merges the leaf at hand with the overlay's entries in its range, as far as the budget goes.
    fn merge(&mut self, cache: &mut PageCache, room: &mut Room) {
        let State::Merge(mut merge) = std::mem::replace(&mut self.state, State::Walk) else { return };
        while room.left > 0 {
            let stored = merge.old.as_ref().filter(|old| merge.at < old.len()).map(|old| {
                if merge.at.is_multiple_of(super::page::RESTART) {
                    old.unpack(Leaf::group_of(merge.at), &mut merge.group);
                }
                (merge.group.get(merge.at), old)
            });
            let written = self.ops.peek().filter(|(key, _)| merge.end.as_ref().is_none_or(|end| *key < &end[..]));
            let order = match (&stored, &written) {
                (None, None) => {
                    let next = match (&merge.end, self.frames.last()) {
                        (None, _) => Next::Nothing,
                        (Some(_), Some(frame)) if frame.is_next_written(&self.ops) => Next::Opened,
                        _ => Next::Kept,
                    };
                    self.end_of_page(0, next, cache, room);
                    return;
                }
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(((stored, _), _)), Some((written, _))) => super::keys::compare(stored, written),
            };
            let level = &mut self.levels[0];
            if order.is_lt() {
                if let Some(((key, value), old)) = stored {
                    room.take(key.len() + value.len());
                    level.push_entry(key, old.bytes.slice(value), false);
                }
                merge.at += 1;
            } else {
                if let Some((key, entry)) = written {
                    room.take(key.len());
                    if let Entry::Put(value) = entry {
                        room.take(value.len());
                        level.push_entry(key, value.clone(), order.is_gt());
                    }
                }
                self.ops.advance();
                merge.at += usize::from(order.is_eq());
            }
            self.cut_full(0, cache, room);
        }
        self.state = State::Merge(merge);
    }

    /// Emits full pages while a level holds the stuff of two.
    fn cut_full(&mut self, level: usize, cache: &mut PageCache, room: &mut Room) {
        while let Some(cut) = self.levels[level].cut_full() {
            self.emit(level, cut, cache, room);
        }
    }

    /// An old page of this level is used up: emits what came out of it, or carries it over to the next.
    fn end_of_page(&mut self, level: usize, next: Next, cache: &mut PageCache, room: &mut Room) {
        for cut in self.levels[level].end_of_page(next) {
            self.emit(level, cut, cache, room);
        }
    }

    fn emit(&mut self, level: usize, cut: Cut, cache: &mut PageCache, room: &mut Room) {
        let index =
            if level == 0 { self.leaves } else { FIRST_INTERIOR + self.interiors_before + self.interiors.len() as u64 };
        // Eight gigabytes of leaves in one checkpoint; an overlay that reaches so far doesn't fit in memory.
        assert!(index < if level == 0 { FIRST_INTERIOR } else { 1 << PAGE_INDEX_BITS }, "pages of one checkpoint");
        let id = self.next.attempt << PAGE_INDEX_BITS | index;
        let (bytes, page) = if level == 0 {
            self.leaves += 1;
            let bytes = Bytes::new(cut.encode_leaf(&mut self.writer));
            let leaf = Leaf::trusted(bytes.clone(), cut.len());
            (bytes, Page::Leaf(Rc::new(leaf)))
        } else {
            let interior = Rc::new(cut.interior());
            self.interiors.insert(id, interior.clone());
            (Bytes::new(interior.encode(&mut self.writer)), Page::Interior(interior))
        };
        room.take(bytes.len());
        cache.offer(id, page);
        self.finished.push((id, bytes));
        let count = cut.count();
        self.level(level + 1).push_child(&cut.start, id, count);
        self.cut_full(level + 1, cache, room);
    }

    /// The old tree is walked to its end: builds what lies above, and names the root.
    fn finish(&mut self, cache: &mut PageCache) {
        let mut room = Room { left: usize::MAX };
        let mut level = usize::from(self.view.manifest.height.max(1)) - 1;
        if level == 0 {
            level = 1; // The leaf was ended when it was merged.
        }
        loop {
            let top = self.level(level);
            if let Some((page, count)) = top.only_child() {
                (self.next.root, self.next.height, self.next.count) = (page, level as u8, count);
                break;
            }
            if top.is_empty() && !top.has_emitted() {
                break; // Nothing is left.
            }
            self.end_of_page(level, Next::Nothing, cache, &mut room);
            level += 1;
        }
        // A root with one child is no use. One that was passed on as it is goes with the next checkpoint.
        while let Some(root) = self.interiors.get(&self.next.root).filter(|root| root.children.len() == 1) {
            self.freed.push(self.next.root);
            self.next.root = root.children[0].page;
            self.next.height -= 1;
        }
        self.embed(cache);
        self.state = State::Done;
    }

    fn embed(&mut self, cache: &PageCache) {
        let (old, new) = (&self.view.manifest, &self.interiors);
        self.next.embed(|id| match new.get(&id).or_else(|| old.embedded(id)) {
            Some(interior) => Some(interior.clone()),
            None => match cache.peek(id) {
                Some(Page::Interior(interior)) => Some(interior.clone()),
                _ => None,
            },
        });
    }
}

/// The pages to load when the next child of a frame is missing: it, and others below the frame that the
/// overlay reaches.
fn missing(view: &View, cache: &PageCache, frame: &Frame) -> Vec<PageId> {
    let mut missing = vec![frame.page.children[frame.next].page];
    for index in frame.next + 1..frame.page.children.len() {
        let bounds = frame.bounds(index);
        let child = frame.page.children[index].page;
        if !cache.contains(child) && view.touches(bounds.start, bounds.end) {
            missing.push(child);
        }
        if missing.len() == AHEAD {
            break;
        }
    }
    missing
}

/// What is left of a slice's budget.
struct Room {
    left: usize,
}

impl Room {
    #[inline]
    fn take(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes + 8);
    }
}
