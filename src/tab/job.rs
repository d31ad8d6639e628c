//! Building and removing indexes: a sequence of ordinary commits, each of a bounded number of rows.

use super::state::{Author, Pending, State, System};
use crate::bytes::Bytes;
use crate::change::{fill_keys, key_of, rows_range};
use crate::keyspace::{self, IndexId};
use crate::log::{ChangeKind, Progress, RowChange, Stage};
use crate::read_set::{KeyRange, ReadSet};
use crate::schema::{IDS, Index, IndexKeys, IndexState, ROWS, Schema, Table};
use crate::store::{Direction, PageCache, PageId, ReadError, Scan};
use std::rc::Rc;

/// Pages that a job asks for ahead.
const PAGES_AHEAD: usize = 32;

/// What a job came to.
pub(crate) enum JobStep {
    Commit(Box<Pending>),
    Missing(Vec<PageId>),
    /// This page is damaged.
    Corrupt(PageId),
}

/// One step of building or removing an index.
pub(crate) struct IndexJob {
    pub(crate) index: IndexId,
    is_building: bool,
    from: Option<Bytes>,
    /// What it has to go through.
    range: KeyRange,
    /// The version of the tab's state that it began with.
    pub(crate) version: u64,
    /// State and scan of the step under way, when it had to wait for pages.
    started: Option<(State, Scan, KeyRange)>,
    keys: Vec<Bytes>,
    rows: usize,
    last: Option<Vec<u8>>,
}

impl IndexJob {
    /// The next index that is not as it should be, and for which something can be done: those that queries wait for
    /// first.
    pub(crate) fn find(schema: &Schema, version: u64, is_possible: impl Fn(&Index) -> bool) -> Option<IndexJob> {
        let all = schema.tables().iter().flat_map(|table| table.indexes().iter().map(move |index| (table, index)));
        let unfinished = all.filter(|(_, index)| index.state != IndexState::Ready && is_possible(index));
        let (table, index) = unfinished.min_by_key(|(_, index)| index.state == IndexState::Dropping)?;
        let from = match &index.state {
            IndexState::Building { after } => after.as_deref().map(Bytes::from),
            _ => None,
        };
        let mut range =
            if index.state == IndexState::Dropping { dropped_range(table, index) } else { rows_range(table.id) };
        if let Some(from) = &from {
            range.start = KeyRange::point(from).end;
        }
        Some(IndexJob {
            index: index.id,
            is_building: index.state != IndexState::Dropping,
            from,
            range,
            version,
            started: None,
            keys: Vec::new(),
            rows: 0,
            last: None,
        })
    }

    /// Whether it builds one.
    pub(crate) fn is_building(&self) -> bool {
        self.is_building
    }

    /// The manifest of the state that the step under way reads.
    pub(crate) fn generation(&self) -> u64 {
        self.started.as_ref().map_or(0, |(state, ..)| state.view.manifest.generation)
    }

    pub(crate) fn step(&mut self, current: &State, cache: &mut PageCache, most: usize) -> JobStep {
        let (state, mut scan, range) = match self.started.take() {
            Some(started) => started,
            None => {
                let range = self.range.clone();
                let scan = current.view.scan(&range.start, Some(&range.end), Direction::Ascending, PAGES_AHEAD);
                (current.clone(), scan, range)
            }
        };
        let mut scratch = IndexKeys::new();
        let is_finished = loop {
            if self.rows >= most {
                break false;
            }
            match scan.next(cache) {
                Ok(Some(item)) => {
                    let (key, document) = (item.key, item.value);
                    if self.is_building {
                        if let (Some(place), Some((table, _))) =
                            (keyspace::place_of(key), state.schema.index_by_id(self.index))
                        {
                            fill_keys(&mut scratch, &state.schema, table, document, &place);
                            self.keys.extend(key_of(&scratch, self.index).map(Bytes::from));
                        }
                    } else {
                        self.keys.push(Bytes::from(key));
                    }
                    self.last = Some(key.to_vec());
                    self.rows += 1;
                }
                Ok(None) => break true,
                Err(ReadError::Missing(pages)) => {
                    self.started = Some((state, scan, range));
                    return JobStep::Missing(pages);
                }
                Err(ReadError::Corrupt(damaged)) => return JobStep::Corrupt(damaged.page),
            }
        };
        crate::sort::sort_by(&mut self.keys, |a, b| a[..].cmp(&b[..]));
        let mut reads = ReadSet::default();
        let to = match &self.last {
            Some(last) if !is_finished => {
                reads.add_rows(KeyRange { start: range.start, end: KeyRange::point(last).end });
                Stage::Upto(Bytes::from(&last[..]))
            }
            _ => {
                reads.add_rows(range);
                Stage::Finished
            }
        };
        if !self.is_building {
            // Nobody else writes the entries of an index that goes.
            reads = ReadSet::default();
        }
        reads.finish();
        let bytes = self.keys.iter().map(|key| key.len() + 2).sum();
        let progress =
            Progress { index: self.index, from: self.from.clone(), to, keys: std::mem::take(&mut self.keys) };
        JobStep::Commit(Box::new(Pending {
            synced: Vec::new(),
            adopted: Vec::new(),
            merge: None,
            notes: Vec::new(),
            author: Author::Maintenance,
            changes: Rc::new(Vec::new()),
            reads,
            bytes,
            after: current.clone(),
            system: Some(System::Progress(progress)),
        }))
    }
}

/// What is to be deleted in the name of an index: its entries, or rows and ids of a table that leaves.
pub(crate) fn dropped_range(table: &Table, index: &Index) -> KeyRange {
    let start = match index.name.as_str() {
        ROWS => keyspace::row_prefix(table.id),
        IDS => keyspace::id_prefix(table.id),
        _ => keyspace::entry_prefix(index.id),
    };
    let start = start.to_vec();
    let end = keyspace::after_prefix(&start).expect("a prefix has a successor");
    KeyRange { start, end }
}

/// Brings a building step up to date with rows that changed in its range after it was made, or returns
/// false when it no longer applies.
pub(crate) fn patch_progress(progress: &mut Progress, schema: &Schema, parts: &[Rc<Vec<RowChange>>]) -> bool {
    let Some((_, index)) = schema.index_by_id(progress.index) else { return false };
    let IndexState::Building { after } = &index.state else { return matches!(index.state, IndexState::Dropping) };
    if after.as_deref() != progress.from.as_deref() {
        return false;
    }
    // Sorted, as they are stored.
    let keys = &mut progress.keys;
    let position = |keys: &[Bytes], key: &[u8]| keys.binary_search_by(|known| known[..].cmp(key));
    let mut new_keys = IndexKeys::new();
    for change in parts.iter().flat_map(|part| part.iter()) {
        let Some(table) = schema.table_by_id(change.table) else { continue };
        if !table.indexes().iter().any(|i| i.id == progress.index) {
            continue;
        }
        let row_key = keyspace::row_key(change.table, &change.place);
        let is_after_from = progress.from.as_ref().is_none_or(|from| row_key.as_slice() > &from[..]);
        let is_upto = match &progress.to {
            Stage::Finished => true,
            Stage::Upto(to) => row_key.as_slice() <= &to[..],
        };
        if !is_after_from || !is_upto {
            continue;
        }
        let place = &row_key[keyspace::PREFIX_LENGTH..];
        if let Some(old) = change.old_keys.iter().find(|old| old.index == progress.index) {
            let mut key = keyspace::entry_prefix(old.index).to_vec();
            key.extend_from_slice(&old.fields);
            key.extend_from_slice(place);
            if let Ok(position) = position(keys, &key) {
                keys.remove(position);
            }
        }
        if change.kind != ChangeKind::Delete {
            fill_keys(&mut new_keys, schema, table, &change.document, &change.place);
            if let Some(key) = key_of(&new_keys, progress.index)
                && let Err(position) = position(keys, key)
            {
                keys.insert(position, Bytes::from(key));
            }
        }
    }
    true
}
