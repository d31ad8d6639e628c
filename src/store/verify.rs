//! Checking a stored tree page by page, beside the cache.

use crate::flat_map::FlatMap;

use super::PageId;
use super::keys::compare;
use super::manifest::Manifest;
use super::page::{Group, Leaf, Page};
use crate::bytes::Bytes;

/// Something wrong with a stored page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The page.
    pub page: PageId,
    /// The smallest key that it may hold.
    pub start: Vec<u8>,
    /// The smallest key above it, if any.
    pub end: Option<Vec<u8>>,
    /// What is wrong.
    pub problem: &'static str,
}

/// A walk over all pages of a tree: checksums, kinds, key order within and across pages, counts on every level.
///
/// Ask which pages are [`wanted`](Self::wanted), [`check`](Self::check) each, until none is.
#[derive(Debug, Default)]
pub struct Verify {
    open: Vec<Expected>,
    asked: FlatMap<PageId, Expected>,
    /// Each page is visited once, so that a tree that loops ends.
    seen: FlatMap<PageId, ()>,
    damage: Vec<Damage>,
}

/// What a page must be according to its parent.
#[derive(Debug)]
struct Expected {
    page: PageId,
    /// 0 for a leaf.
    level: u8,
    start: Vec<u8>,
    end: Option<Vec<u8>>,
    count: u64,
}

impl Verify {
    /// A walk over the tree of a manifest.
    pub fn new(manifest: &Manifest) -> Self {
        let mut verify = Verify::default();
        if let Some(level) = manifest.height.checked_sub(1) {
            verify.open.push(Expected {
                page: manifest.root,
                level,
                start: Vec::new(),
                end: None,
                count: manifest.count,
            });
        }
        verify
    }

    /// Up to `most` pages to load next. Empty when all were checked.
    pub fn wanted(&mut self, most: usize) -> Vec<PageId> {
        while self.asked.len() < most {
            let Some(expected) = self.open.pop() else { break };
            if self.seen.insert(expected.page, ()).is_none() {
                self.asked.insert(expected.page, expected);
            } else {
                self.report(&expected, "a page in two places");
            }
        }
        self.asked.keys().copied().collect()
    }

    /// Checks a page that was wanted; `None` if it does not exist.
    pub fn check(&mut self, page: PageId, bytes: Option<Bytes>) {
        let Some(expected) = self.asked.remove(&page) else { return };
        let problem = match bytes.map(Page::parse) {
            None => Some("page missing"),
            Some(Err(malformed)) => Some(malformed.0),
            Some(Ok(page)) => self.check_content(&expected, &page),
        };
        if let Some(problem) = problem {
            self.report(&expected, problem);
        }
    }

    /// Whether the tree has a page, as far as the walk has come: others may be deleted once it ends without damage.
    pub fn reaches(&self, page: PageId) -> bool {
        self.seen.contains_key(&page)
    }

    /// What was found so far, in no particular order.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    fn report(&mut self, expected: &Expected, problem: &'static str) {
        let Expected { page, start, end, .. } = expected;
        self.damage.push(Damage { page: *page, start: start.clone(), end: end.clone(), problem });
    }

    fn check_content(&mut self, expected: &Expected, page: &Page) -> Option<&'static str> {
        match page {
            Page::Leaf(leaf) if expected.level == 0 => {
                let mut group = Group::default();
                leaf.unpack(0, &mut group);
                let first = group.get(0).0;
                if compare(first, &expected.start).is_lt() {
                    return Some("a key below its page's range");
                }
                let last = leaf.len().saturating_sub(1);
                leaf.unpack(Leaf::group_of(last), &mut group);
                let last = group.get(last).0;
                if expected.end.as_ref().is_some_and(|end| compare(last, end).is_ge()) {
                    return Some("a key above its page's range");
                }
                (leaf.len() as u64 != expected.count).then_some("count of a leaf")
            }
            Page::Interior(interior) if expected.level > 0 => {
                let keys = &interior.keys;
                let above_start = keys.len() < 2 || compare(keys.get(1), &expected.start).is_gt();
                let below_end =
                    |end: &Vec<u8>| keys.last().is_none_or(|last| last.is_empty() || compare(last, end).is_lt());
                if !above_start || !expected.end.as_ref().is_none_or(below_end) {
                    return Some("a bound outside its page's range");
                }
                for (index, child) in interior.children.iter().enumerate().rev() {
                    let start = if index == 0 { expected.start.clone() } else { keys.get(index).to_vec() };
                    let end =
                        if index + 1 < keys.len() { Some(keys.get(index + 1).to_vec()) } else { expected.end.clone() };
                    let (page, level) = (child.page, expected.level - 1);
                    self.open.push(Expected { page, level, start, end, count: interior.count_of(index) });
                }
                (interior.count() != expected.count).then_some("count of an interior page")
            }
            _ => Some("kind of a page"),
        }
    }
}

#[cfg(test)]
mod tests;
