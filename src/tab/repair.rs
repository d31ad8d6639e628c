//! Making the tree anew from the rows that can still be read.
//!
//! Rows are the only thing that can be lost: ids and index entries are derived from them. The new tree is
//! made like a checkpoint and published like one, so a repair that is interrupted changes nothing.
//!
//! Other tabs may have in memory what is lost, and write on top of it. So the manifest is published together
//! with an empty record under the log's next number: whoever writes after it has to look first, and finds that
//! everything may have changed. What was written before it must not be about anything that is lost; otherwise
//! the repair begins again, and keeps what the record says.

use super::state::State;
use super::verify::{describe, is_leaving, readable};
use crate::bytes::Bytes;
use crate::change::Operations;
use crate::keyspace::{self, Kind};
use crate::log::{ChangeKind, Record, RowChange};
use crate::schema::{IndexState, Schema};
use crate::store::{
    Checkpoint, DamagedPage, Direction, Manifest, Overlay, PageCache, PageId, ReadError, Scan, Session, Step, View,
};
use std::ops::Range;
use std::rc::Rc;

/// Bytes of rows that are gathered before pages are made of them.
const BATCH_BYTES: usize = 4 << 20;
/// Pages that are asked for ahead.
const PAGES_AHEAD: usize = 32;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepairReport {
    /// Rows that were read and kept.
    pub rows: u64,
    /// What was lost, in sentences that name table and range.
    pub lost: Vec<String>,
}

/// What of the store it goes through: what lies between can be derived.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Rows,
    Crdt,
}

impl Part {
    fn bounds(self) -> (&'static [u8], Option<&'static [u8]>) {
        match self {
            Part::Rows => (&[], Some(keyspace::AFTER_ROWS)),
            Part::Crdt => (keyspace::CRDT_KEYS, None),
        }
    }
}

/// A repair in the making.
pub(crate) struct Repair {
    base: State,
    /// Rows that can be read; behind a damaged page what the log has of its range, until that is given.
    scan: Scan,
    /// Where the scan goes on behind a damaged page.
    resume: Option<Vec<u8>>,
    /// The last key read.
    last: Vec<u8>,
    is_scanned: bool,
    part: Part,
    schema: Rc<Schema>,
    schema_bytes: Vec<u8>,
    sessions: Vec<Session>,
    attempt: u64,
    sequence: u64,
    /// What was made of the rows so far; nobody knows it yet.
    manifest: Rc<Manifest>,
    checkpoint: Option<Checkpoint>,
    before: Option<Checkpoint>,
    /// Pages of this attempt that it has superseded itself.
    freed: Vec<PageId>,
    overlay: Overlay,
    operations: Operations,
    /// What was lost before it began: records of the log.
    lost_before: Vec<String>,
    /// Where rows are lost.
    gaps: Vec<Range<Vec<u8>>>,
    report: RepairReport,
}

/// What a view has of a range, or what the log alone has.
fn range(view: &View, start: &[u8], end: Option<&[u8]>, in_log_only: bool) -> Scan {
    let manifest = if in_log_only { Rc::new(Manifest::empty()) } else { view.manifest.clone() };
    let view = View { overlay: view.overlay.clone(), crdt: view.crdt.clone(), manifest };
    view.scan(start, end, Direction::Ascending, PAGES_AHEAD)
}

/// The first key after another.
fn key_after(key: &[u8]) -> Vec<u8> {
    let mut after = key.to_vec();
    after.push(0);
    after
}

impl Repair {
    pub(crate) fn new(base: State, attempt: u64, sequence: u64, sessions: Vec<Session>, lost: Vec<String>) -> Self {
        let mut schema = (*base.schema).clone();
        let indexes: Vec<_> = schema
            .tables()
            .iter()
            .flat_map(|table| table.indexes())
            .map(|index| (index.id, index.state.clone()))
            .collect();
        for (index, state) in indexes {
            match state {
                IndexState::Ready => {}
                IndexState::Building { .. } => {
                    schema.set_index_state(index, IndexState::Ready);
                }
                IndexState::Dropping => {
                    schema.remove_dropped_index(index);
                }
            }
        }
        Repair {
            scan: range(&base.view, &[], Some(keyspace::AFTER_ROWS), false),
            part: Part::Rows,
            resume: None,
            last: Vec::new(),
            is_scanned: false,
            schema_bytes: schema.encode(),
            schema: Rc::new(schema),
            sessions,
            attempt,
            sequence,
            manifest: Rc::new(Manifest::empty()),
            checkpoint: None,
            before: None,
            freed: Vec::new(),
            overlay: Overlay::new(),
            operations: Operations::default(),
            lost_before: lost.clone(),
            gaps: Vec::new(),
            report: RepairReport { rows: 0, lost },
            base,
        }
    }

    /// As [`Checkpoint::step`]; once it is done it says so again. Missing pages that do not exist have to be
    /// marked as damaged in the cache.
    pub(crate) fn step(&mut self, cache: &mut PageCache, slice: usize, now_ms: f64) -> Result<Step, ReadError> {
        loop {
            if let Some(checkpoint) = &mut self.checkpoint {
                match checkpoint.step(cache, slice)? {
                    Step::Pages(pages) => return Ok(Step::Pages(pages)),
                    Step::Done { manifest, freed } => {
                        self.manifest = Rc::new(manifest);
                        self.freed.extend(freed);
                        self.before = self.checkpoint.take();
                    }
                }
            }
            if self.is_done() {
                return Ok(self.finished(now_ms));
            }
            self.gather(cache)?;
            let view = View { overlay: std::mem::take(&mut self.overlay), ..View::of(self.manifest.clone()) };
            let checkpoint =
                Checkpoint::new(view, self.attempt, self.sequence, self.sessions.clone(), self.schema_bytes.clone());
            self.checkpoint = Some(match &self.before {
                Some(before) => checkpoint.continuing(before),
                None => checkpoint,
            });
        }
    }

    /// Whether all its pages are made.
    pub(crate) fn is_done(&self) -> bool {
        self.is_scanned && self.checkpoint.is_none()
    }

    /// The log record up to which it knows the rows.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The manifest that it began with.
    pub(crate) fn base_generation(&self) -> u64 {
        self.base.view.manifest.generation
    }

    /// What was lost before it began.
    pub(crate) fn lost_before(&self) -> &[String] {
        &self.lost_before
    }

    pub(crate) fn into_report(self) -> RepairReport {
        self.report
    }

    /// Whether a record that came meanwhile says something about what is lost, or about indexes, whose states
    /// are others now: then it can't be read on top of what this repair has made.
    pub(crate) fn is_disturbed_by(&self, record: &Record) -> bool {
        let is_lost = |change: &RowChange| {
            let key = keyspace::row_key(change.table, &change.place);
            change.kind != ChangeKind::Insert
                && self.gaps.iter().any(|gap| gap.start.as_slice() <= &key[..] && &key[..] < gap.end.as_slice())
        };
        !self.lost_before.is_empty()
            || record.schema.is_some()
            || record.progress.is_some()
            || record.rows().any(is_lost)
    }

    fn finished(&self, now_ms: f64) -> Step {
        let mut manifest = (*self.manifest).clone();
        manifest.generation = self.base_generation() + 1;
        manifest.repaired = manifest.generation;
        manifest.extension = self.base.view.manifest.extension.clone();
        manifest.free_before(now_ms, &self.freed);
        Step::Done { manifest, freed: Vec::new() }
    }

    /// Reads rows until there are enough for some pages, past what can't be read.
    fn gather(&mut self, cache: &mut PageCache) -> Result<(), ReadError> {
        while self.overlay.bytes() < BATCH_BYTES {
            match self.scan.next(cache) {
                Ok(Some(item)) => {
                    self.last.clear();
                    self.last.extend_from_slice(item.key);
                    let value = item.keep();
                    match self.part {
                        Part::Rows => self.take(value),
                        Part::Crdt => self.overlay.put(&self.last, value, 1),
                    }
                }
                Ok(None) => match self.resume.take() {
                    Some(start) => self.scan = range(&self.base.view, &start, self.part.bounds().1, false),
                    None if self.part == Part::Rows && self.base.schema.is_synced() => {
                        self.part = Part::Crdt;
                        self.last.clear();
                        let (start, end) = self.part.bounds();
                        self.scan = range(&self.base.view, start, end, false);
                    }
                    None => {
                        self.is_scanned = true;
                        return Ok(());
                    }
                },
                Err(ReadError::Corrupt(damaged)) => {
                    let DamagedPage { page, start, end } = *damaged;
                    let lost = describe(&self.base.schema, &start, end.as_deref());
                    // The pages above it know how much it held, and not what the log has taken away or written anew.
                    let tree = View::of(self.base.view.manifest.clone());
                    let most = tree.count_about(cache, &start, end.as_deref());
                    let (first, limit) = self.part.bounds();
                    let end = end.filter(|end| limit.is_none_or(|limit| end.as_slice() < limit));
                    let end = end.or_else(|| limit.map(<[u8]>::to_vec));
                    let count = match self.part {
                        Part::Crdt => String::new(),
                        Part::Rows if most == 1 => "; 1 document at most".into(),
                        Part::Rows => format!("; {most} documents at most"),
                    };
                    self.report.lost.push(format!("Page {page} could not be read: {lost}{count}."));
                    // The scan may have waited for the page with what the log has of rows before it.
                    let from = if self.last.is_empty() { first.to_vec() } else { key_after(&self.last) };
                    self.scan = range(&self.base.view, &from, end.as_deref(), true);
                    if let (Part::Rows, Some(end)) = (self.part, &end) {
                        self.gaps.push(start..end.clone());
                    }
                    self.resume = end;
                }
                Err(missing) => return Err(missing),
            }
        }
        Ok(())
    }

    /// Takes in the row whose key was read last, if it is one.
    fn take(&mut self, document: Bytes) {
        let key = &self.last;
        if matches!(keyspace::kind(key), Some(Kind::Row(table)) if is_leaving(&self.base.schema, table)) {
            return;
        }
        match readable(&self.schema, key, &document) {
            Ok((table, place)) => {
                self.report.rows += 1;
                let change = RowChange { table, place, kind: ChangeKind::Insert, document, old_keys: Vec::new() };
                self.operations.add_row(&self.schema, &change);
                self.operations.apply(&mut self.overlay);
            }
            Err(problem) => {
                self.report.lost.push(problem);
                self.gaps.push(key.clone()..key_after(key));
            }
        }
    }
}
