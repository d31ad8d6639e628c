//! Many ranges of keys, and which of them hold a key.

use crate::read_set::KeyRange;

/// So many ranges share one note of how far they reach.
const BLOCK: usize = 32;

/// Ranges by their beginnings. Those that hold a key begin at or before it; of these, whole blocks are passed over that
/// end before it.
pub(crate) struct RangeIndex<T> {
    list: Vec<(KeyRange, T)>,
    /// For each block of the list, where the range is that reaches furthest. Made when somebody asks.
    reaches: Vec<usize>,
    is_noted: bool,
}

impl<T> Default for RangeIndex<T> {
    fn default() -> Self {
        RangeIndex { list: Vec::new(), reaches: Vec::new(), is_noted: true }
    }
}

impl<T: Copy + PartialEq> RangeIndex<T> {
    /// Adds a range. One that holds no key is left out.
    pub(crate) fn insert(&mut self, range: KeyRange, value: T) {
        if range.start < range.end {
            let position = self.list.partition_point(|(known, _)| known.start < range.start);
            self.list.insert(position, (range, value));
            self.is_noted = false;
        }
    }

    /// Removes the ranges that are noted for something.
    pub(crate) fn remove(&mut self, is_meant: impl Fn(T) -> bool) {
        self.list.retain(|(_, value)| !is_meant(*value));
        self.is_noted = false;
    }

    /// Tells what the ranges are noted for that hold a key.
    pub(crate) fn holding(&mut self, key: &[u8], mut found: impl FnMut(T)) {
        self.settle();
        let after = self.list.partition_point(|(range, _)| range.start.as_slice() <= key);
        for (block, ranges) in self.list[..after].chunks(BLOCK).enumerate() {
            if self.list[self.reaches[block]].0.end.as_slice() <= key {
                continue;
            }
            for (range, value) in ranges {
                if key < range.end.as_slice() {
                    found(*value);
                }
            }
        }
    }

    /// Whether a range begins with these bytes.
    pub(crate) fn has_within(&self, prefix: &[u8]) -> bool {
        let first = self.list.partition_point(|(range, _)| range.start.as_slice() < prefix);
        self.list.get(first).is_some_and(|(range, _)| range.start.starts_with(prefix))
    }

    /// Gets ready for the next question, so that it need not wait for that.
    pub(crate) fn settle(&mut self) {
        if !self.is_noted {
            self.note();
        }
    }

    fn note(&mut self) {
        self.reaches.clear();
        for block in 0..self.list.len().div_ceil(BLOCK) {
            let first = block * BLOCK;
            let mut reach = first;
            for position in first + 1..self.list.len().min(first + BLOCK) {
                if self.list[position].0.end > self.list[reach].0.end {
                    reach = position;
                }
            }
            self.reaches.push(reach);
        }
        self.is_noted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_a_list_finds(
            steps in proptest::collection::vec((0u8..60, 0u8..20, any::<bool>(), 0usize..200), 0..200),
        ) {
            let mut index = RangeIndex::default();
            let mut list: Vec<(KeyRange, usize)> = Vec::new();
            for (number, (start, length, is_removed, which)) in steps.into_iter().enumerate() {
                if is_removed && !list.is_empty() {
                    let (_, value) = list.remove(which % list.len());
                    list.retain(|(_, held)| *held != value);
                    index.remove(|held| held == value);
                } else {
                    let range = KeyRange { start: vec![start], end: vec![start + length] };
                    // Some have several ranges.
                    let value = number - number % 3;
                    index.insert(range.clone(), value);
                    list.push((range, value));
                }
                // Not every time, so that several changes are noted at once.
                if number % 3 > 0 {
                    continue;
                }
                for key in 0..80u8 {
                    let mut found = Vec::new();
                    index.holding(&[key], |value| found.push(value));
                    found.sort_unstable();
                    let mut expected: Vec<_> =
                        list.iter().filter(|(range, _)| range.contains(&[key])).map(|(_, value)| *value).collect();
                    expected.sort_unstable();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
