//! A map for few entries: a sorted list. `BTreeMap` is compiled anew for each kind of key and value, some
//! five kilobytes a time.

/// Entries in the order of their keys. Inserting moves what lies behind.
#[derive(Clone, Debug)]
pub(crate) struct FlatMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for FlatMap<K, V> {
    fn default() -> Self {
        FlatMap(Vec::new())
    }
}

impl<K: Ord, V> FlatMap<K, V> {
    pub(crate) const fn new() -> Self {
        FlatMap(Vec::new())
    }

    fn position(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.position(key).ok().map(|position| &self.0[position].1)
    }

    /// Sets a value and gives back the one before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.position(&key) {
            Ok(position) => Some(std::mem::replace(&mut self.0[position].1, value)),
            Err(position) => {
                self.0.insert(position, (key, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.position(key).ok().map(|position| self.0.remove(position).1)
    }

    /// The keys in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }
}

impl<K: Ord, V: Default> FlatMap<K, V> {
    /// The value of a key, made if there is none.
    pub(crate) fn or_default(&mut self, key: K) -> &mut V {
        let position = match self.position(&key) {
            Ok(position) => position,
            Err(position) => {
                self.0.insert(position, (key, V::default()));
                position
            }
        };
        &mut self.0[position].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_does_as_a_tree_does(steps in proptest::collection::vec((0u8..3, 0u8..20, any::<u16>()), 0..100)) {
            let mut tree: BTreeMap<u8, u16> = BTreeMap::new();
            let mut flat = FlatMap::new();
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(flat.insert(key, value), tree.insert(key, value)),
                    1 => prop_assert_eq!(flat.remove(&key), tree.remove(&key)),
                    _ => *flat.or_default(key) = *tree.entry(key).or_default(),
                }
                prop_assert_eq!(flat.get(&key), tree.get(&key));
                prop_assert_eq!(flat.len(), tree.len());
                prop_assert!(flat.keys().eq(tree.keys()));
            }
        }
    }
}
