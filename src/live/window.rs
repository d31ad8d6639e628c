//! The result of a query over one range, kept in step with what changes.

use crate::bytes::Bytes;
use crate::keyspace::Place;

/// A row of a result, with the key by which the query came to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Vec<u8>,
    pub(crate) place: Place,
}

/// One step from a former result to the next. Positions are those after the steps before it.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// A row is new here.
    Insert {
        /// Its position.
        at: usize,
        /// The row.
        place: Place,
        /// Its document.
        document: Bytes,
    },
    /// The row here has another content.
    Replace {
        /// Its position.
        at: usize,
        /// The row.
        place: Place,
        /// Its document.
        document: Bytes,
    },
    /// The row here is none of the result any more.
    Remove {
        /// Its position.
        at: usize,
    },
    /// All rows from here on are none of the result any more.
    Truncate {
        /// How many are left.
        length: usize,
    },
}

/// So many rows beyond its limit a result may gain before they are let go: each of them saves a read when one goes.
fn spare(limit: usize) -> usize {
    (limit / 4).clamp(4, 64)
}

/// The rows of a range, or the first ones of it: with a limit a few more than that, which take the places of those that
/// go.
#[derive(Debug)]
pub(crate) struct Window {
    entries: Vec<Entry>,
    is_descending: bool,
    limit: Option<usize>,
    /// Whether the range has no rows beyond these.
    is_whole: bool,
}

impl Window {
    /// An empty one, of a range of which nothing was read yet.
    pub(crate) fn new(is_descending: bool, limit: Option<usize>) -> Self {
        Window { entries: Vec::new(), is_descending, limit, is_whole: false }
    }

    /// How many rows a read of the range should give.
    pub(crate) fn wanted(&self) -> Option<usize> {
        // None of nothing is nothing.
        self.limit.map(|limit| if limit == 0 { 0 } else { limit.saturating_add(spare(limit)) })
    }

    /// Goes over to what was read, in the order of the query.
    pub(crate) fn fill(&mut self, entries: Vec<Entry>, is_whole: bool) {
        self.entries = entries;
        self.is_whole = is_whole;
    }

    /// How many rows it holds, those beyond the limit too.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn position(&self, key: &[u8]) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| {
            let order = entry.key.as_slice().cmp(key);
            if self.is_descending { order.reverse() } else { order }
        })
    }

    /// A row was at one key and is at another, with this document; nothing where it was, or is, none of the result.
    /// Appends what that changes. False if rows have to be read, because one went that nothing here can replace.
    pub(crate) fn change(
        &mut self,
        before: Option<&[u8]>,
        after: Option<(&[u8], Place, &Bytes)>,
        patches: &mut Vec<Patch>,
    ) -> bool {
        let held = before.and_then(|key| self.position(key).ok());
        if let (Some(at), Some((key, place, document))) = (held, after)
            && self.entries[at].key == key
        {
            patches.push(Patch::Replace { at, place, document: document.clone() });
            return true;
        }
        if let Some(at) = held {
            self.entries.remove(at);
            patches.push(Patch::Remove { at });
        }
        if let Some((key, place, document)) = after {
            match self.position(key) {
                // It was here all along: it had been rolled back and has come again.
                Ok(at) => patches.push(Patch::Replace { at, place, document: document.clone() }),
                // Behind the last row there may be others before this one.
                Err(at) if at == self.entries.len() && !self.is_whole => {}
                Err(at) => {
                    self.entries.insert(at, Entry { key: key.to_vec(), place });
                    patches.push(Patch::Insert { at, place, document: document.clone() });
                }
            }
        }
        let Some(limit) = self.limit else { return true };
        let most = limit.saturating_add(2 * spare(limit));
        if self.entries.len() > most {
            let length = limit + spare(limit);
            self.entries.truncate(length);
            self.is_whole = false;
            patches.push(Patch::Truncate { length });
        }
        self.is_whole || self.entries.len() >= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::RowId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn place(row: u8) -> Place {
        Place { creation_time: f64::from(row), id: RowId([row; 16]) }
    }

    /// Rows with a key of one byte and their number, read in order.
    fn read(rows: &BTreeMap<u8, (u8, u8)>, is_descending: bool, limit: Option<usize>) -> Vec<(Vec<u8>, u8, u8)> {
        let mut list: Vec<_> = rows.iter().map(|(row, (key, content))| (vec![*key, *row], *row, *content)).collect();
        list.sort();
        if is_descending {
            list.reverse();
        }
        list.truncate(limit.unwrap_or(usize::MAX));
        list
    }

    fn fill(window: &mut Window, rows: &BTreeMap<u8, (u8, u8)>) -> Vec<(u8, u8)> {
        let wanted = window.wanted();
        let list = read(rows, window.is_descending, wanted);
        let is_whole = wanted.is_none_or(|wanted| list.len() < wanted);
        window
            .fill(list.iter().map(|(key, row, _)| Entry { key: key.clone(), place: place(*row) }).collect(), is_whole);
        list.into_iter().map(|(_, row, content)| (row, content)).collect()
    }

    fn apply(mirror: &mut Vec<(u8, u8)>, patches: Vec<Patch>) {
        for patch in patches {
            match patch {
                Patch::Insert { at, place, document } => mirror.insert(at, (place.id.0[0], document[0])),
                Patch::Replace { at, place, document } => {
                    assert_eq!(mirror[at].0, place.id.0[0], "another row is replaced");
                    mirror[at] = (place.id.0[0], document[0]);
                }
                Patch::Remove { at } => drop(mirror.remove(at)),
                Patch::Truncate { length } => mirror.truncate(length),
            }
        }
    }

    proptest! {
        /// Rows come, move, change and go. Whoever applies the patches has what a read would give; and a limited result
        /// is not read again while it has rows to spare.
        #[test]
        fn patches_lead_to_what_a_read_gives(
            is_descending: bool,
            limit in proptest::option::of(0usize..9),
            begin in proptest::collection::btree_map(0u8..40, (0u8..30, 0u8..250), 0..40),
            steps in proptest::collection::vec((0u8..40, proptest::option::of((0u8..30, 0u8..250))), 0..80),
        ) {
            let mut rows = begin;
            let mut window = Window::new(is_descending, limit);
            let mut mirror = fill(&mut window, &rows);
            let mut removed = 0;
            for (row, next) in steps {
                let key_of = |&(key, _): &(u8, u8)| vec![key, row];
                let before = rows.get(&row).map(key_of);
                let document = next.map(|(_, content)| Bytes::from(vec![content]));
                let after = next.as_ref().map(key_of);
                match next {
                    Some(next) => drop(rows.insert(row, next)),
                    None => drop(rows.remove(&row)),
                }
                let mut patches = Vec::new();
                let given = after.as_deref().zip(document.as_ref()).map(|(key, document)| (key, place(row), document));
                let is_known = window.change(before.as_deref(), given, &mut patches);
                apply(&mut mirror, patches);
                prop_assert_eq!(mirror.len(), window.len());
                if !is_known {
                    prop_assert!(removed + 1 >= spare(limit.unwrap_or(0)).min(4), "read again after {} removals", removed);
                    mirror = fill(&mut window, &rows);
                    removed = 0;
                } else {
                    removed += 1;
                }
                let visible = limit.unwrap_or(usize::MAX).min(mirror.len());
                let expected: Vec<_> =
                    read(&rows, is_descending, limit).into_iter().map(|(_, row, content)| (row, content)).collect();
                prop_assert_eq!(&mirror[..visible], &expected[..]);
                for pair in window.entries.windows(2) {
                    prop_assert_eq!(pair[1].key < pair[0].key, is_descending);
                }
            }
        }
    }
}
