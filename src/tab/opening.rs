//! Opening: read manifest and log, then adopt the app's schema, checking stored rows if it narrows.

use super::effect::{Event, LogTail, Outcome, ReadId};
use super::state::{Author, Pending, State, System, TailRecord};
use super::stored::{
    advised, check_stored, decode_manifest, decode_record, missing_record, schema_unreadable, with_loss_to_accept,
};
use super::transaction::{Finished, Obstacle};
use super::{Status, Tab};
use crate::change::rows_range;
use crate::crdt::IS_BUILT_IN;
use crate::error::{Code, Error, Result};
use crate::keyspace::{self, RowId, TableId};
use crate::read_set::ReadSet;
use crate::schema::{Evolution, IndexState, Schema, Table, WantedSchema};
use crate::store::{Direction, PageId, ReadError, Scan, View};
use std::collections::VecDeque;
use std::rc::Rc;

/// How many offending documents an error names.
const OFFENDERS: usize = 3;
/// Pages that the check of stored rows asks for ahead.
const PAGES_AHEAD: usize = 32;
/// So many rows are hidden in one commit.
const ROWS_HIDDEN: usize = if cfg!(test) { 3 } else { 500 };

enum Stage {
    Loading,
    /// The schema in force is known: see what to do about it.
    Comparing,
    Checking(Check),
    LoadingPages(ReadId, Check),
    /// Rows of synced tables that don't fit are on their way out of sight.
    Hiding,
    Committing,
}

/// Where the check of stored rows against a new schema stands.
struct Check {
    schema: Rc<Schema>,
    state: State,
    version: u64,
    tables: VecDeque<TableId>,
    scan: Option<Scan>,
    reads: ReadSet,
    /// One more than are named shows that there are more.
    offenders: Vec<Error>,
    /// Rows of synced tables that don't fit, some of them: they are kept, and not shown. With what is wrong with the first.
    misfits: Vec<(TableId, RowId)>,
    reasons: Vec<Error>,
}

/// A database on its way to be open.
pub(crate) struct Opening {
    wanted: WantedSchema,
    stage: Stage,
}

impl Opening {
    pub(crate) fn new(wanted: WantedSchema) -> Self {
        Opening { wanted, stage: Stage::Loading }
    }

    pub(crate) fn is_loaded(&self) -> bool {
        !matches!(self.stage, Stage::Loading)
    }

    /// What the schema in force has to become, if it is not what the app asks for.
    fn next_schema(&mut self, schema: &Schema) -> Result<Option<Evolution>> {
        let source = self.wanted.source;
        if source.is_some() && source == schema.source {
            return Ok(None);
        }
        let mut evolution = schema.evolve(self.wanted.definition()?)?;
        if let Some(evolution) = &mut evolution {
            evolution.schema.source = source;
        }
        Ok(evolution)
    }
}

impl Tab {
    /// Takes in what was stored.
    pub(crate) fn load_opening(&mut self, now_ms: f64, tail: LogTail) {
        self.is_catching_up = false;
        if let Err(error) = self.try_load(now_ms, tail) {
            self.fail(error);
            return;
        }
        if let Some(opening) = &mut self.opening {
            opening.stage = Stage::Comparing;
        }
        self.maintenance.note_write(now_ms);
    }

    fn try_load(&mut self, now_ms: f64, tail: LogTail) -> Result<()> {
        let mut state = self.committed.clone();
        let mut sequence = 0;
        if let Some((generation, bytes)) = &tail.manifest {
            let manifest = decode_manifest(*generation, bytes).map_err(beyond_repair)?;
            sequence = manifest.sequence;
            let schema = Schema::decode(&manifest.schema).map_err(|error| beyond_repair(schema_unreadable(&error)))?;
            state = State { schema: Rc::new(schema), view: View::of(Rc::new(manifest)) };
        }
        let last = tail.records.last().map_or(0, |(number, _)| *number);
        let mut lost = Vec::new();
        for (number, bytes) in tail.records {
            if number <= sequence {
                continue;
            }
            let size = bytes.len();
            let decoded =
                if number == sequence + 1 { decode_record(number, bytes) } else { Err(missing_record(sequence + 1)) };
            let record = match decoded {
                Ok(record) => record,
                Err(error) if self.options.accept_loss && error.code == Code::Corrupt => {
                    // What comes after it may build on it: both are lost.
                    lost.push(format!("{} It and what was written after it are lost.", error.message));
                    sequence = last;
                    break;
                }
                Err(error) => return Err(with_loss_to_accept(error)),
            };
            state.apply(&record);
            sequence = number;
            self.tail_bytes += size;
            self.tail.push_back(TailRecord { sequence, record, bytes: size, learned_ms: now_ms });
        }
        if !lost.is_empty() {
            self.maintenance.request_repair(lost);
        }
        self.sequence = sequence;
        // When this was read is not known: the first write looks at the log again.
        self.synced_ms = self.read_began_ms;
        self.committed = state.clone();
        self.current = state;
        Ok(())
    }

    pub(crate) fn advance_opening(&mut self, now_ms: f64) {
        loop {
            let Some(mut opening) = self.opening.take() else { return };
            match opening.stage {
                Stage::Loading | Stage::LoadingPages(..) | Stage::Hiding | Stage::Committing => {
                    self.opening = Some(opening);
                    return;
                }
                Stage::Comparing => match opening.next_schema(&self.current.schema) {
                    Err(error) => {
                        self.opening = Some(opening);
                        self.fail(error);
                        return;
                    }
                    Ok(None) => {
                        self.opened(self.current.schema.clone());
                        return;
                    }
                    Ok(Some(evolution)) => {
                        opening.stage = Stage::Checking(Check {
                            schema: Rc::new(evolution.schema),
                            state: self.current.clone(),
                            version: self.version,
                            tables: local_first(evolution.check, &self.current.schema),
                            scan: None,
                            reads: ReadSet::default(),
                            offenders: Vec::new(),
                            misfits: Vec::new(),
                            reasons: Vec::new(),
                        });
                        self.opening = Some(opening);
                    }
                },
                Stage::Checking(mut check) => {
                    let outcome = check.run(&mut self.cache).and_then(|()| check.finish_empty_tables(&mut self.cache));
                    match outcome {
                        Ok(()) if !check.offenders.is_empty() => {
                            let error = does_not_fit(&check.offenders);
                            opening.stage = Stage::Comparing;
                            self.opening = Some(opening);
                            self.fail(error);
                            return;
                        }
                        Ok(()) if IS_BUILT_IN && !check.misfits.is_empty() => {
                            opening.stage = Stage::Hiding;
                            self.opening = Some(opening);
                            self.hide_misfits(check);
                        }
                        Ok(()) => {
                            opening.stage = Stage::Committing;
                            self.opening = Some(opening);
                            self.commit_schema(check);
                        }
                        Err(ReadError::Missing(pages)) => {
                            let gone = pages.iter().copied().find(|page| self.absent.contains_key(page));
                            match gone {
                                None => {
                                    let read = self.load(pages);
                                    opening.stage = Stage::LoadingPages(read, check);
                                    self.opening = Some(opening);
                                }
                                // The checkpoint moved on underneath: look at the new one.
                                Some(_) if check.state.view.manifest.generation < self.generation() => {
                                    opening.stage = Stage::Comparing;
                                    self.opening = Some(opening);
                                }
                                Some(page) => {
                                    opening.stage = Stage::Comparing;
                                    self.opening = Some(opening);
                                    self.fail(unchecked(page));
                                    return;
                                }
                            }
                        }
                        Err(ReadError::Corrupt(damaged)) => {
                            opening.stage = Stage::Comparing;
                            self.opening = Some(opening);
                            self.fail(unchecked(damaged.page));
                            return;
                        }
                    }
                }
            }
            let _ = now_ms;
        }
    }

    /// Takes rows of synced tables out of sight that the schema does not accept: others may have written them by theirs, and
    /// they come back when schema or row allow. When that is saved, the check begins again.
    fn hide_misfits(&mut self, check: Check) {
        let hidden = self.merge_to_open(|tab, id| tab.judge_by(id, &check.schema, check.misfits.iter().copied()));
        let next = match hidden {
            Ok(Finished::Queued) => Ok(Stage::Hiding),
            // What has no document yet can't be kept there.
            Ok(Finished::Done) => Err(does_not_fit(&check.reasons)),
            Ok(Finished::RunAgain) | Err(Obstacle::Stale) => Ok(Stage::Comparing),
            Err(Obstacle::Missing(pages)) => {
                let read = self.load(pages);
                Ok(Stage::LoadingPages(read, check))
            }
            Err(Obstacle::Error(error)) => Err(error),
        };
        let (stage, error) = next.map_or_else(|error| (Stage::Comparing, Some(error)), |stage| (stage, None));
        if let Some(opening) = &mut self.opening {
            opening.stage = stage;
        }
        if let Some(error) = error {
            self.fail(error);
        }
    }

    /// Called when pages have arrived.
    pub(crate) fn opening_pages_loaded(&mut self, read: ReadId) {
        if let Some(opening) = &mut self.opening
            && matches!(opening.stage, Stage::LoadingPages(waiting, _) if waiting == read)
            && let Stage::LoadingPages(_, check) = std::mem::replace(&mut opening.stage, Stage::Comparing)
        {
            opening.stage = Stage::Checking(check);
        }
    }

    /// Pages of the check could not be read.
    pub(crate) fn opening_load_failed(&mut self, read: ReadId, error: Error) {
        let is_ours = self
            .opening
            .as_ref()
            .is_some_and(|opening| matches!(opening.stage, Stage::LoadingPages(waiting, _) if waiting == read));
        if is_ours {
            self.fail(error);
        }
    }

    fn commit_schema(&mut self, check: Check) {
        if check.version != self.version {
            if let Some(opening) = &mut self.opening {
                opening.stage = Stage::Comparing;
            }
            return;
        }
        let mut reads = check.reads;
        reads.finish();
        let pending = Pending {
            synced: Vec::new(),
            adopted: Vec::new(),
            merge: None,
            notes: Vec::new(),
            author: Author::Opening,
            changes: Rc::new(Vec::new()),
            reads,
            bytes: 0,
            after: self.current.clone(),
            system: Some(System::Schema(check.schema)),
        };
        self.enqueue(pending, None);
    }

    pub(crate) fn opening_settled(&mut self, outcome: Outcome) {
        let Some(opening) = &mut self.opening else { return };
        match outcome {
            Outcome::Saved if matches!(opening.stage, Stage::Hiding) => opening.stage = Stage::Comparing,
            Outcome::Saved => {
                let schema = self.committed.schema.clone();
                self.opened(schema);
            }
            Outcome::RunAgain => opening.stage = Stage::Comparing,
            Outcome::Rejected(error) => self.fail(error),
        }
    }

    fn opened(&mut self, schema: Rc<Schema>) {
        self.opening = None;
        self.own_schema = schema;
        self.status = Status::Open;
        self.events.push_back(Event::Opened(Ok(())));
    }
}

const NO_REPAIR: &str = "Without it no document can be found: only deleting the database helps, \
                         `indexedDB.deleteDatabase(name)`, or bringing back a copy of its files.";

fn beyond_repair(error: Error) -> Error {
    advised(error, NO_REPAIR)
}

fn unchecked(page: PageId) -> Error {
    let problem = format!("Page {page} is damaged, so the stored documents can't be checked against the new schema.");
    Error::new(Code::Corrupt, problem)
}

/// The error that names offenders, with the place of the first.
fn does_not_fit(offenders: &[Error]) -> Error {
    let mut message = String::from("The schema does not fit documents that are stored:");
    for offender in offenders.iter().take(OFFENDERS) {
        message.push('\n');
        message.push_str(&offender.message);
    }
    if offenders.len() > OFFENDERS {
        message.push_str("\nAnd more.");
    }
    let mut error = Error::new(Code::SchemaDoesNotFit, message);
    error.path = offenders.first().and_then(|first| first.path.clone());
    error
}

/// Tables to check, the synced ones last: what is hidden of them is hidden when the others are known to fit.
fn local_first(tables: Vec<TableId>, schema: &Schema) -> VecDeque<TableId> {
    if !IS_BUILT_IN {
        return tables.into();
    }
    let is_synced = |table: &TableId| schema.table_by_id(*table).is_some_and(is_settled);
    let (synced, local): (Vec<_>, Vec<_>) = tables.into_iter().partition(is_synced);
    local.into_iter().chain(synced).collect()
}

/// Whether a table is synced, and has been for a while.
pub(super) fn is_settled(table: &Table) -> bool {
    IS_BUILT_IN && table.placement.is_some() && table.moving.is_none()
}

impl Check {
    /// Looks at every row of the tables whose validators narrow.
    fn run(&mut self, cache: &mut crate::store::PageCache) -> std::result::Result<(), ReadError> {
        while let Some(&table) = self.tables.front() {
            let range = rows_range(table);
            let view = &self.state.view;
            let scan = self
                .scan
                .get_or_insert_with(|| view.scan(&range.start, Some(&range.end), Direction::Ascending, PAGES_AHEAD));
            let definition = self.schema.table_by_id(table);
            let was_synced = self.state.schema.table_by_id(table).is_some_and(is_settled);
            let is_synced = was_synced && definition.is_some_and(is_settled);
            while let Some(item) = scan.next(cache)? {
                let Some(place) = keyspace::place_of(item.key) else { continue };
                let Some(definition) = definition else { continue };
                if let Err(why) = check_stored(&self.schema, definition, item.value, &place.id) {
                    if is_synced {
                        self.misfits.push((table, place.id));
                        if self.reasons.len() <= OFFENDERS {
                            self.reasons.push(why);
                        }
                        if self.misfits.len() >= ROWS_HIDDEN {
                            return Ok(());
                        }
                        continue;
                    }
                    self.offenders.push(why);
                    if self.offenders.len() > OFFENDERS {
                        return Ok(());
                    }
                }
            }
            self.reads.add_rows(range);
            self.scan = None;
            self.tables.pop_front();
        }
        Ok(())
    }

    /// An index on a table without rows has nothing to build.
    fn finish_empty_tables(&mut self, cache: &mut crate::store::PageCache) -> std::result::Result<(), ReadError> {
        let mut empty = Vec::new();
        for table in self.schema.tables() {
            if table.indexes().iter().any(|index| matches!(index.state, IndexState::Building { after: None })) {
                let range = rows_range(table.id);
                if self.state.view.count(cache, &range.start, Some(&range.end))? == 0 {
                    empty.push((table.id, range));
                }
            }
        }
        for (table, range) in empty {
            self.reads.add_rows(range);
            let schema = Rc::make_mut(&mut self.schema);
            let indexes: Vec<_> = schema.table_by_id(table).map_or(Vec::new(), |table| {
                let building = table.indexes().iter().filter(|i| matches!(i.state, IndexState::Building { .. }));
                building.map(|index| index.id).collect()
            });
            for index in indexes {
                schema.set_index_state(index, IndexState::Ready);
            }
        }
        Ok(())
    }
}
