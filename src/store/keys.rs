//! Many keys in one buffer, and how keys compare.
//!
//! The standard comparison of byte slices is a call that looks at one byte after the other in WebAssembly.
//! Keys share long prefixes, so the comparison here takes eight bytes at a time.

use std::cmp::Ordering;

/// A sorted list of keys, one after the other in one buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Keys {
    pub(super) fn with_capacity(keys: usize, bytes: usize) -> Self {
        Keys { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(keys) }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes all keys have together.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    #[inline(always)]
    fn start(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] as usize }
    }

    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index] as usize]
    }

    pub(super) fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|index| self.get(index))
    }

    #[inline(always)]
    pub(super) fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len() as u32);
    }

    pub(super) fn insert(&mut self, index: usize, key: &[u8]) {
        let (start, old) = (self.start(index), self.bytes.len());
        self.bytes.extend_from_slice(key);
        if start < old {
            self.bytes.copy_within(start..old, start + key.len());
            self.bytes[start..start + key.len()].copy_from_slice(key);
        }
        self.ends.insert(index, start as u32);
        for end in &mut self.ends[index..] {
            *end += key.len() as u32;
        }
    }

    pub(super) fn remove(&mut self, index: usize) {
        let (start, end) = (self.start(index), self.ends[index] as usize);
        self.bytes.copy_within(end.., start);
        self.bytes.truncate(self.bytes.len() - (end - start));
        self.ends.remove(index);
        for later in &mut self.ends[index..] {
            *later -= (end - start) as u32;
        }
    }

    /// Takes the keys from `index` on.
    pub(super) fn split_off(&mut self, index: usize) -> Self {
        let start = self.start(index);
        let bytes = self.bytes.split_off(start);
        let mut ends = self.ends.split_off(index);
        for end in &mut ends {
            *end -= start as u32;
        }
        Keys { bytes, ends }
    }

    /// Where `key` is, or where it would be.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            match compare(self.get(middle), key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// How many keys are smaller than `key`.
    pub(super) fn lower_bound(&self, key: &[u8]) -> usize {
        self.find(key).unwrap_or_else(|index| index)
    }

    /// The last index whose key is at most `key`, where the first key counts as smaller than everything.
    #[inline]
    pub(super) fn child(&self, key: &[u8]) -> usize {
        match self.find(key) {
            Ok(index) => index,
            Err(index) => index.saturating_sub(1),
        }
    }
}

/// How many first bytes two keys share.
#[inline]
pub(super) fn common(a: &[u8], b: &[u8]) -> usize {
    let length = a.len().min(b.len());
    let mut position = 0;
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let differ = word(a) ^ word(b);
        if differ != 0 {
            return position + (differ.trailing_zeros() / 8) as usize;
        }
        position += 8;
    }
    while position < length && a[position] == b[position] {
        position += 1;
    }
    position
}

#[inline(always)]
fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
}

/// The order of keys: by bytes, a prefix first. Eight bytes at a time: WebAssembly's own comparison takes one.
#[inline]
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let shared = common(a, b);
    match (a.get(shared), b.get(shared)) {
        (Some(a), Some(b)) => a.cmp(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// The shortest key above `before` that is not above `first`.
pub(super) fn separator<'a>(before: &[u8], first: &'a [u8]) -> &'a [u8] {
    &first[..(common(before, first) + 1).min(first.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0u8..3, 0..24)
    }

    proptest! {
        #[test]
        fn keys_compare_like_slices(a in key(), b in key()) {
            prop_assert_eq!(compare(&a, &b), a.cmp(&b));
            let shared = common(&a, &b);
            prop_assert_eq!(&a[..shared], &b[..shared]);
            if a < b {
                let middle = separator(&a, &b);
                prop_assert!(a.as_slice() < middle && middle <= b.as_slice());
            }
        }

        #[test]
        fn packed_keys_are_a_sorted_list(steps in proptest::collection::vec((any::<bool>(), key()), 0..60), cut in 0usize..60) {
            let (mut keys, mut model) = (Keys::default(), Vec::<Vec<u8>>::new());
            for (add, key) in steps {
                prop_assert_eq!(keys.find(&key), model.binary_search(&key));
                match keys.find(&key) {
                    Ok(index) if !add => { keys.remove(index); model.remove(index); }
                    Err(index) if add => { keys.insert(index, &key); model.insert(index, key); }
                    _ => {}
                }
            }
            let cut = cut.min(model.len());
            let mut front = keys.clone();
            let back = front.split_off(cut);
            for (index, key) in model.iter().enumerate() {
                prop_assert_eq!(keys.get(index), &key[..]);
                prop_assert_eq!(if index < cut { front.get(index) } else { back.get(index - cut) }, &key[..]);
            }
            prop_assert_eq!((front.len(), back.len()), (cut, model.len() - cut));
        }
    }
}
