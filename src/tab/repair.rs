//! Making the tree anew from the rows that can still be read.
//!
//! Rows are the only thing that can be lost: ids and index entries are derived from them. The new tree is
//! made like a checkpoint and published like one, so a repair that is interrupted changes nothing.

use super::state::State;
use super::verify::describe;
use crate::change::Operations;
use crate::keyspace::{self, Kind};
use crate::log::{ChangeKind, RowChange};
use crate::schema::{IndexState, Schema};
use crate::store::{Checkpoint, Direction, Manifest, Overlay, PageCache, ReadError, Scan, Session, Step, View};
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

/// A repair in the making.
pub(crate) struct Repair {
    base: State,
    scan: Scan,
    is_scanned: bool,
    schema: Rc<Schema>,
    schema_bytes: Vec<u8>,
    sessions: Vec<Session>,
    attempt: u64,
    sequence: u64,
    generation: u64,
    /// What was made of the rows so far; nobody knows it yet.
    manifest: Rc<Manifest>,
    checkpoint: Option<Checkpoint>,
    before: Option<Checkpoint>,
    overlay: Overlay,
    operations: Operations,
    pub(crate) report: RepairReport,
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
            scan: base.view.scan(&[], None, Direction::Ascending, PAGES_AHEAD),
            is_scanned: false,
            schema_bytes: schema.encode(),
            schema: Rc::new(schema),
            sessions,
            attempt,
            sequence,
            generation: base.view.manifest.generation,
            manifest: Rc::new(Manifest::empty()),
            checkpoint: None,
            before: None,
            overlay: Overlay::new(),
            operations: Operations::default(),
            report: RepairReport { rows: 0, lost },
            base,
        }
    }

    /// As [`Checkpoint::step`]. Missing pages that do not exist have to be marked as damaged in the cache.
    pub(crate) fn step(&mut self, cache: &mut PageCache, slice: usize, now_ms: f64) -> Result<Step, ReadError> {
        loop {
            if let Some(checkpoint) = &mut self.checkpoint {
                match checkpoint.step(cache, slice)? {
                    Step::Pages(pages) => return Ok(Step::Pages(pages)),
                    Step::Done { manifest, .. } => {
                        self.manifest = Rc::new(manifest);
                        self.before = self.checkpoint.take();
                        if self.is_scanned {
                            return Ok(self.finished(now_ms));
                        }
                        continue;
                    }
                }
            }
            self.gather(cache)?;
            let view = View { overlay: std::mem::take(&mut self.overlay), manifest: self.manifest.clone() };
            let checkpoint =
                Checkpoint::new(view, self.attempt, self.sequence, self.sessions.clone(), self.schema_bytes.clone());
            self.checkpoint = Some(match &self.before {
                Some(before) => checkpoint.continuing(before),
                None => checkpoint,
            });
        }
    }

    fn finished(&self, now_ms: f64) -> Step {
        let mut manifest = (*self.manifest).clone();
        manifest.generation = self.generation + 1;
        manifest.free_before(now_ms, self.attempt);
        Step::Done { manifest, freed: Vec::new() }
    }

    /// Reads rows until there are enough for some pages, past what can't be read.
    fn gather(&mut self, cache: &mut PageCache) -> Result<(), ReadError> {
        while self.overlay.bytes() < BATCH_BYTES {
            match self.scan.next(cache) {
                Ok(Some(item)) => {
                    let Some(Kind::Row(table)) = keyspace::kind(item.key) else { continue };
                    let Some(place) = keyspace::place_of(item.key) else { continue };
                    let document = item.keep();
                    self.report.rows += 1;
                    let change = RowChange { table, place, kind: ChangeKind::Insert, document, old_keys: Vec::new() };
                    self.operations.add_row(&self.schema, &change);
                    self.operations.apply(&mut self.overlay);
                }
                Ok(None) => {
                    self.is_scanned = true;
                    return Ok(());
                }
                Err(ReadError::Corrupt { page, start, end }) => {
                    let range = describe(&self.base, &start, end.as_deref());
                    self.report.lost.push(format!("Page {page} could not be read: {range}."));
                    match end {
                        Some(end) => {
                            self.scan = self.base.view.scan(&end, None, Direction::Ascending, PAGES_AHEAD);
                        }
                        None => {
                            self.is_scanned = true;
                            return Ok(());
                        }
                    }
                }
                Err(missing) => return Err(missing),
            }
        }
        Ok(())
    }
}
