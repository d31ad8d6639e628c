//! What a transaction has read: ranges of keys, empty ones and misses included.
//!
//! A transaction is untouched by a change if none of the changed row's keys, old or new, in any index,
//! lies in a range that it read. Counting is weaker: it only sees keys that appear or vanish.

use crate::keyspace::IdKey;

/// A half-open range of keys, `start <= key < end`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key.
    pub start: Vec<u8>,
    /// The first key after the range.
    pub end: Vec<u8>,
}

impl KeyRange {
    /// The range that holds one key.
    pub fn point(key: &[u8]) -> Self {
        let mut end = Vec::with_capacity(key.len() + 1);
        end.extend_from_slice(key);
        end.push(0);
        KeyRange { start: key.to_vec(), end }
    }

    /// Whether the range holds `key`.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.start.as_slice() <= key && key < self.end.as_slice()
    }
}

/// How a changed row touches a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// The key appears or vanishes.
    Existence,
    /// The key stays; only the row behind it changed.
    Content,
}

/// The ranges a transaction has consumed.
#[derive(Clone, Debug, Default)]
pub struct ReadSet {
    rows: Ranges,
    /// Ids that were looked up, which is most of what mutations read, and how many of them are sorted.
    ids: Vec<IdKey>,
    sorted_ids: usize,
    counts: Ranges,
}

impl ReadSet {
    /// Notes that the rows behind a range were seen.
    pub fn add_rows(&mut self, range: KeyRange) {
        self.rows.add(range);
    }

    /// Notes that the row of an id was seen, or missed.
    pub fn add_id(&mut self, key: IdKey) {
        self.ids.push(key);
    }

    /// Notes that the keys of a range were counted.
    pub fn add_count(&mut self, range: KeyRange) {
        self.counts.add(range);
    }

    /// The ranges that were read, those of counts with `true`.
    pub(crate) fn into_ranges(self) -> impl Iterator<Item = (KeyRange, bool)> {
        let ids = self.ids.into_iter().map(|id| (KeyRange::point(&id), false));
        let rows = self.rows.list.into_iter().map(|range| (range, false));
        ids.chain(rows).chain(self.counts.list.into_iter().map(|range| (range, true)))
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.ids.is_empty() && self.counts.is_empty()
    }

    /// Sorts and joins what was read, so that lookups are fast.
    pub fn finish(&mut self) {
        crate::sort::sort(&mut self.ids);
        self.sorted_ids = self.ids.len();
        self.rows.finish();
        self.counts.finish();
    }

    /// Whether a change of `key` changes what was read.
    pub fn is_touched(&self, key: &[u8], touch: Touch) -> bool {
        self.rows.contains(key) || self.has_id(key) || (touch == Touch::Existence && self.counts.contains(key))
    }

    fn has_id(&self, key: &[u8]) -> bool {
        let Ok(key) = IdKey::try_from(key) else { return false };
        let (sorted, rest) = self.ids.split_at(self.sorted_ids);
        sorted.binary_search(&key).is_ok() || rest.contains(&key)
    }

    /// Whether a range shares a key with what was read.
    #[cfg(test)]
    pub fn overlaps(&self, range: &KeyRange) -> bool {
        let holds_id = self.ids.iter().any(|id| range.contains(id));
        self.rows.overlaps(range) || holds_id || self.counts.overlaps(range)
    }
}

/// Ranges, sorted and disjoint up to `sorted`; later ones as they came.
#[derive(Clone, Debug, Default)]
struct Ranges {
    list: Vec<KeyRange>,
    sorted: usize,
}

impl Ranges {
    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn add(&mut self, range: KeyRange) {
        if range.start >= range.end {
            return;
        }
        // A scan in several steps adds neighbours: join them at once.
        if let Some(last) = self.list[self.sorted..].last_mut()
            && last.start <= range.start
            && range.start <= last.end
        {
            if range.end > last.end {
                last.end = range.end;
            }
            return;
        }
        self.list.push(range);
    }

    fn finish(&mut self) {
        if self.sorted == self.list.len() {
            return;
        }
        crate::sort::sort(&mut self.list);
        let mut joined: Vec<KeyRange> = Vec::with_capacity(self.list.len());
        for range in self.list.drain(..) {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => {
                    if range.end > last.end {
                        last.end = range.end;
                    }
                }
                _ => joined.push(range),
            }
        }
        self.list = joined;
        self.sorted = self.list.len();
    }

    fn contains(&self, key: &[u8]) -> bool {
        let (sorted, rest) = self.list.split_at(self.sorted);
        let after = sorted.partition_point(|range| range.start.as_slice() <= key);
        (after > 0 && key < sorted[after - 1].end.as_slice()) || rest.iter().any(|range| range.contains(key))
    }

    #[cfg(test)]
    fn overlaps(&self, other: &KeyRange) -> bool {
        other.start < other.end && self.list.iter().any(|range| range.start < other.end && other.start < range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u8, end: u8) -> KeyRange {
        KeyRange { start: vec![start], end: vec![end] }
    }

    #[test]
    fn a_count_ignores_changed_content() {
        let mut reads = ReadSet::default();
        reads.add_count(range(1, 5));
        assert!(!reads.is_touched(&[2], Touch::Content));
        assert!(reads.is_touched(&[2], Touch::Existence));
    }

    #[test]
    fn a_point_holds_its_key_alone() {
        let point = KeyRange::point(b"ab");
        assert!(point.contains(b"ab"));
        assert!(!point.contains(b"ab\0") && !point.contains(b"aa\xff"));
    }

    #[test]
    fn an_id_is_touched_by_its_row_alone() {
        let key = |n: u8| [n; size_of::<IdKey>()];
        let mut reads = ReadSet::default();
        for n in [7, 3, 9, 3] {
            reads.add_id(key(n));
        }
        for _ in 0..2 {
            for n in 0..12 {
                assert_eq!(reads.is_touched(&key(n), Touch::Content), [3, 7, 9].contains(&n), "{n}");
            }
            assert!(!reads.is_touched(&key(7)[1..], Touch::Existence) && !reads.is_empty());
            reads.finish();
        }
        reads.add_id(key(5));
        assert!(reads.is_touched(&key(5), Touch::Content) && reads.is_touched(&key(9), Touch::Content));
    }

    proptest! {
        #[test]
        fn lookups_agree_with_the_list(ranges in proptest::collection::vec((0u8..40, 0u8..40), 0..20), finish_at in 0usize..20) {
            let mut reads = ReadSet::default();
            for (i, &(start, end)) in ranges.iter().enumerate() {
                if i == finish_at {
                    reads.finish();
                }
                reads.add_rows(range(start, end));
            }
            for round in 0..2 {
                for key in 0..42u8 {
                    let expected = ranges.iter().any(|&(start, end)| start <= key && key < end);
                    prop_assert_eq!(reads.is_touched(&[key], Touch::Content), expected, "key {} round {}", key, round);
                    let around = range(key, key + 2);
                    let expected = ranges.iter().any(|&(start, end)| start < end && start < key + 2 && key < end);
                    prop_assert_eq!(reads.overlaps(&around), expected);
                }
                reads.finish();
            }
        }
    }
}
