//! What was saved a moment ago: a merge that was made before it may still be saved, if it is about other rows.
//!
//! Who writes without a pause would keep merges from ever being saved otherwise, as each stands on the document that it
//! was made from.

use crate::bytes::Reader;
use crate::crdt::{ChangeHash, DocumentState, chunk_length};
use crate::keyspace::{self, Root};
use crate::log::{CrdtEntry, Record};
use crate::tab::merging::row_part;
use std::collections::VecDeque;
use std::rc::Rc;

/// So many commits are remembered, of so many rows each, those that are short.
const COMMITS: usize = 256;
const ROWS: usize = 64;

/// The part of a row's keys that names it.
pub(super) type RowPart = [u8; 20];

/// The rows that commits were about, the newest last.
#[derive(Default)]
pub(super) struct Commits {
    count: u64,
    /// Nothing of one that was about too much.
    rows: VecDeque<Option<Rc<[RowPart]>>>,
}

impl Commits {
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Takes note of one; answers the rows that it is about, if they are few.
    pub(super) fn note(&mut self, record: &Record) -> Option<Rc<[RowPart]>> {
        let rows = rows_of(record);
        self.count += 1;
        self.rows.push_back(rows.clone());
        if self.rows.len() > COMMITS {
            self.rows.pop_front();
        }
        rows
    }

    /// Others are not known.
    pub(super) fn lose(&mut self) {
        self.count += 1;
        self.rows.clear();
    }

    /// The rows that all have been about since there were so many; nothing, if that is not known.
    pub(super) fn since(&self, count: u64) -> Option<impl Iterator<Item = &RowPart>> {
        let new = usize::try_from(self.count - count).ok()?;
        let start = self.rows.len().checked_sub(new)?;
        let is_known = self.rows.range(start..).all(Option::is_some);
        is_known.then(|| self.rows.range(start..).flatten().flat_map(|rows| rows.iter()))
    }
}

fn rows_of(record: &Record) -> Option<Rc<[RowPart]>> {
    if record.schema.is_some() || record.progress.is_some() || record.crdt.len() > 8 * ROWS {
        return None;
    }
    let changes = || record.parts.iter().flat_map(|part| part.iter());
    if record.parts.len() > ROWS || record.parts.iter().map(|part| part.len()).sum::<usize>() > ROWS {
        return None;
    }
    let changed = changes().map(|change| keyspace::stamps_key(change.table, &change.place.id));
    let stored = record.crdt.iter().filter_map(|entry| row_part(&entry.key)?.try_into().ok());
    let mut rows: Vec<RowPart> = changed.filter_map(|key| key[1..].try_into().ok()).chain(stored).collect();
    crate::sort::sort(&mut rows);
    rows.dedup();
    Some(rows.into())
}

/// Changes that were added to a document, each after all that was there.
#[derive(Clone)]
struct Step {
    before: Vec<ChangeHash>,
    /// What their hashes begin with.
    changes: Vec<[u8; 4]>,
    rows: Rc<[RowPart]>,
}

/// The last ones of a document, each after the one before.
#[derive(Clone, Default)]
pub(super) struct Steps(VecDeque<Step>);

impl Steps {
    /// Takes note of a commit that has made another state of the document.
    pub(super) fn note(
        &mut self,
        root: &Root,
        [before, after]: [&DocumentState; 2],
        crdt: &[CrdtEntry],
        rows: Option<&Rc<[RowPart]>>,
    ) {
        let is_small = before.actor_count == after.actor_count && before.tables == after.tables;
        let added = changes_after(&before.heads, root, crdt).filter(|_| is_small && after.heads.len() == 1);
        let (Some(changes), Some(rows)) = (added, rows) else { return self.0.clear() };
        self.0.push_back(Step { before: before.heads.clone(), changes, rows: rows.clone() });
        if self.0.len() > COMMITS {
            self.0.pop_front();
        }
    }

    /// The rows that were written to since the document had these heads, if what was added since is known, and is not among
    /// changes that lie one after another.
    pub(super) fn since(&self, heads: &[ChangeHash], chunks: &[u8]) -> Option<impl Iterator<Item = &RowPart>> {
        let start = self.0.iter().position(|step| step.before == heads)?;
        let new = || self.0.range(start..);
        let has = |checksum: &[u8]| new().any(|step| step.changes.iter().any(|change| change == checksum));
        let mut rest = chunks;
        while !rest.is_empty() {
            let length = chunk_length(rest)?;
            if has(rest.get(4..8)?) {
                return None;
            }
            rest = rest.get(length..)?;
        }
        Some(new().flat_map(|step| step.rows.iter()))
    }
}

/// What the hashes begin with of the changes that a commit adds to a document, if each follows all that is there.
fn changes_after(heads: &[ChangeHash], root: &Root, crdt: &[CrdtEntry]) -> Option<Vec<[u8; 4]>> {
    let mut added = crdt.iter().filter(|entry| entry.key.starts_with(&root.changes_prefix()));
    let (Some(entry), None) = (added.next(), added.next()) else { return None };
    let mut rest: &[u8] = entry.value.as_ref()?;
    let mut changes: Vec<[u8; 4]> = Vec::new();
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at_checked(chunk_length(rest)?)?;
        let dependencies = dependencies_of(chunk)?;
        let follows = match changes.last() {
            None => dependencies.iter().eq(heads),
            Some(last) => matches!(&dependencies[..], [one] if one[..4] == *last),
        };
        changes.push(chunk.get(4..8)?.try_into().ok().filter(|_| follows)?);
        rest = after;
    }
    Some(changes)
}

/// The changes that one follows directly, if it is a change, and not compressed.
fn dependencies_of(chunk: &[u8]) -> Option<Vec<ChangeHash>> {
    const CHANGE: u8 = 1;
    let mut reader = Reader::new(chunk.get(8..)?);
    if reader.u8("chunk: kind").ok()? != CHANGE {
        return None;
    }
    reader.varint("chunk: length").ok()?;
    let count = reader.length(reader.remaining() / 32, "change: dependencies").ok()?;
    (0..count).map(|_| reader.take(32, "change: dependency").ok()?.try_into().ok()).collect()
}
