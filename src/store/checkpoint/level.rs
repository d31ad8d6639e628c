//! One level of the new tree: entries (or children) in key order, on their way into pages.

use crate::bytes::Bytes;
use crate::store::PageId;
use crate::store::keys::{Keys, common, separator};
use crate::store::page::{Interior, LEAF_BYTES, MOST_ENTRIES, PageWriter};

/// A page below this part of the target size is merged with its neighbour.
const SMALL: usize = 4;
/// A full page grows by this part of the target size before it is split: a longer value here and there
/// should not split page after page.
const SLACK: usize = 8;
/// What an entry takes in a page beside its key and value, about.
const ENTRY_BYTES: usize = 4;

const _: () = assert!((LEAF_BYTES + LEAF_BYTES / SLACK) / ENTRY_BYTES <= MOST_ENTRIES);

/// What comes after an old page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The end of the tree.
    Nothing,
    /// A page that stays as it is, if nothing is carried over.
    Kept,
    /// A page that is rewritten anyway.
    Opened,
}

/// What does not fill pages yet.
#[derive(Debug)]
pub(super) struct Level {
    leaf: bool,
    target: usize,
    /// The lower bound of the page that the first pending entry will be in.
    start: Vec<u8>,
    pending: Entries,
    /// About how many bytes each pending entry takes in a page, and all of them.
    sizes: Vec<u32>,
    size: usize,
    emitted: bool,
    runs: Runs,
}

/// Entries of a leaf (with values) or of an interior page (with children).
#[derive(Debug, Default)]
struct Entries {
    keys: Keys,
    values: Vec<Bytes>,
    children: Vec<(PageId, u64)>,
}

/// How new keys lie among old ones since the last end of a page: tells appending from scattered inserts.
#[derive(Debug, Default)]
struct Runs {
    runs: usize,
    size: usize,
    in_run: bool,
}

/// The content of a page, and its lower bound.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) start: Vec<u8>,
    entries: Entries,
}

impl Level {
    pub(super) fn new(leaf: bool, target: usize) -> Self {
        let (start, pending, runs) = (Vec::new(), Entries::default(), Runs::default());
        Level { leaf, target, start, pending, sizes: Vec::new(), size: 0, emitted: false, runs }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Whether any page came out.
    pub(super) fn has_emitted(&self) -> bool {
        self.emitted
    }

    /// An old leaf with this lower bound comes next.
    pub(super) fn begin(&mut self, start: &[u8]) {
        if self.is_empty() {
            self.start = start.to_vec();
        }
    }

    /// Appends an entry of a leaf; `new` if the tree did not have its key.
    pub(super) fn push_entry(&mut self, key: &[u8], value: Bytes, new: bool) {
        let size = self.push(key, value.len());
        self.pending.values.push(value);
        self.runs.runs += usize::from(new && !self.runs.in_run);
        self.runs.size += if new { size } else { 0 };
        self.runs.in_run = new;
    }

    /// Appends a child of an interior page.
    pub(super) fn push_child(&mut self, bound: &[u8], page: PageId, count: u64) {
        self.begin(bound);
        self.push(bound, 8);
        self.pending.children.push((page, count));
    }

    fn push(&mut self, key: &[u8], value_length: usize) -> usize {
        let shared = self.pending.keys.last().map_or(0, |last| common(last, key));
        let size = key.len() - shared + shared / 16 + value_length + ENTRY_BYTES;
        self.pending.keys.push(key);
        self.sizes.push(size as u32);
        self.size += size;
        size
    }

    /// The one page below this level, if there is no other: the root.
    pub(super) fn only_child(&self) -> Option<(PageId, u64)> {
        match self.pending.children[..] {
            [child] if !self.emitted => Some(child),
            _ => None,
        }
    }

    /// A full page, if the rest would still be one.
    pub(super) fn cut_full(&mut self) -> Option<Cut> {
        (self.size >= 2 * self.target && self.can_split()).then(|| self.cut(self.target))
    }

    /// The fewest entries of a page. Bounds may be larger than a page, and levels of interior pages with one
    /// child each would never end.
    fn fewest(&self) -> usize {
        if self.leaf { 1 } else { 2 }
    }

    fn can_split(&self) -> bool {
        self.sizes.len() >= 2 * self.fewest()
    }

    /// What an old page (and what was carried over to it) became: no page, or several. Little is carried over
    /// to what comes `next`.
    ///
    /// Appended entries leave full pages behind, so that growing at one place fills pages; scattered ones
    /// even halves with room for more.
    pub(super) fn end_of_page(&mut self, next: Next) -> Vec<Cut> {
        let runs = std::mem::take(&mut self.runs);
        let small = self.target / SMALL;
        let last = next == Next::Nothing;
        let carried = match next {
            Next::Nothing => false,
            Next::Kept => self.size < small || self.sizes.len() < self.fewest(),
            Next::Opened => self.size < self.target / 2,
        };
        if self.is_empty() || carried {
            return Vec::new();
        }
        let appended = if self.leaf { runs.runs == 1 && (runs.in_run || runs.size >= self.target / 8) } else { last };
        let mut cuts = Vec::new();
        while self.size > self.target + self.target / SLACK && self.can_split() {
            let goal = match (appended, last) {
                (true, true) => self.target,
                // What remains should not be small.
                (true, false) => self.target.min(self.size - small),
                (false, _) => self.size.div_ceil(self.size.div_ceil(self.target)),
            };
            cuts.push(self.cut(goal));
        }
        cuts.push(self.take(self.sizes.len()));
        cuts
    }

    /// Takes about `goal` bytes from the front, at most what fits a page, at least the fewest entries of one.
    fn cut(&mut self, goal: usize) -> Cut {
        let mut size = 0;
        let fits = |&&entry: &&u32| {
            let entry = entry as usize;
            let fits = size == 0 || size + entry / 2 <= goal && size + entry <= self.target;
            size += entry;
            fits
        };
        let count = self.sizes.iter().take_while(fits).count();
        self.take(count.clamp(self.fewest(), self.sizes.len() - self.fewest()))
    }

    fn take(&mut self, count: usize) -> Cut {
        self.emitted = true;
        self.size -= self.sizes.drain(..count).map(|size| size as usize).sum::<usize>();
        let keys = self.pending.keys.split_off(count);
        let values = self.pending.values.split_off(count.min(self.pending.values.len()));
        let children = self.pending.children.split_off(count.min(self.pending.children.len()));
        let entries = std::mem::replace(&mut self.pending, Entries { keys, values, children });
        let mut start = Vec::new();
        if let (false, Some(before)) = (self.is_empty(), entries.keys.last()) {
            let first = self.pending.keys.get(0);
            start = if self.leaf { separator(before, first) } else { first }.to_vec();
        }
        Cut { start: std::mem::replace(&mut self.start, start), entries }
    }
}

impl Cut {
    pub(super) fn len(&self) -> usize {
        self.entries.keys.len()
    }

    /// How many entries are in the page or below it.
    pub(super) fn count(&self) -> u64 {
        let below: u64 = self.entries.children.iter().map(|(_, count)| count).sum();
        self.entries.values.len() as u64 + below
    }

    pub(super) fn encode_leaf(&self, writer: &mut PageWriter) -> Vec<u8> {
        for (index, value) in self.entries.values.iter().enumerate() {
            writer.push(self.entries.keys.get(index), value);
        }
        writer.finish(true)
    }

    pub(super) fn interior(&self) -> Interior {
        let mut interior = Interior::default();
        for (index, &(page, count)) in self.entries.children.iter().enumerate() {
            interior.push(self.entries.keys.get(index), page, count);
        }
        interior
    }
}
