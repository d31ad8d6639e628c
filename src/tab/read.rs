//! Queries as they run: resumable, in one crossing when everything is in memory.

mod run;

use super::effect::{Effect, Event, ReadId};
use super::transaction::Obstacle;
use super::{Status, Tab, TransactionId};
use crate::bytes::Bytes;
use crate::document::Document;
use crate::error::{Code, Error, Result};
use crate::keyspace::{self, IndexId, Place, TableId};
use crate::query::{self, Plan, Row as FilterRow, Source as PlanSource, SplitKeys};
use crate::read_set::KeyRange;
use crate::schema::{IndexState, Schema};
use crate::store::{Direction, PageId, ReadError};
use crate::value::Value;
pub use run::QueryRun;
use std::rc::Rc;

/// What a read sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What this tab shows: the saved state with its own queue on top.
    Current,
    /// The state of a transaction, with its writes.
    Transaction(TransactionId),
}

/// Takes the rows of a query.
pub trait RowSink {
    /// Whether the receiver still has this row as it is now, so that its bytes are not needed. Only asked
    /// for reads of the current state.
    fn has(&mut self, table: TableId, place: &Place) -> bool;
    /// The next row, when `has` said no.
    fn row(&mut self, table: TableId, place: &Place, document: &[u8]) -> Result<()>;
    /// Whether it has taken enough for now: the run pauses with [`RunStep::Paused`].
    fn is_full(&self) -> bool;
}

/// How far a run got.
#[derive(Clone, Debug, PartialEq)]
pub enum RunStep {
    /// All rows are given.
    Done,
    /// The sink is full; step again.
    Paused,
    /// Load these pages, then step again.
    Missing(Vec<PageId>),
    /// The index is being built; step again when the schema has changed.
    Building(IndexId),
    /// Its state is gone from the store: throw its rows away and start again (a mutation: run again).
    Stale,
}

/// How many index entries are looked up in one go.
const CHUNK: usize = 512;
/// How many pages a scan asks for ahead.
const PAGES_AHEAD: usize = 32;
/// A guess at how many rows a filter looks at for one that it lets through.
const FILTERED: usize = 16;

impl Tab {
    /// The schema that a transaction sees; if there is none, that of this tab's readers.
    pub fn schema_of(&self, id: TransactionId) -> Rc<Schema> {
        self.transactions.get(id).map_or(&self.current, |transaction| &transaction.state).schema.clone()
    }

    /// Makes a plan for a query in the form in which it crosses the line, by the schema of what it reads.
    pub fn plan(&mut self, source: Source, query: &Value) -> Result<Plan> {
        let schema = match source {
            Source::Current => self.current.schema.clone(),
            Source::Transaction(id) => self.transaction(id)?.state.schema.clone(),
        };
        let plan = query::plan(&schema, query);
        if schema.is_of_same_app(&self.own_schema) {
            return plan;
        }
        let what = match (&plan, query::plan(&self.own_schema, query)) {
            // An index of this name has other fields now.
            (Ok(plan), Ok(own)) if plan.fingerprint != own.fingerprint => "The index of this query has other fields",
            (Err(error), Ok(_)) => &error.message,
            _ => return plan,
        };
        // Not all of Convex's texts end with a full stop.
        let what = what.trim_end_matches('.');
        let message = format!("Another tab runs another version of this app. {what}. Reload the page.");
        Err(Error::new(Code::SchemaChanged, message))
    }

    /// Whether it makes sense to wait for an index: it is being built, by the state that this tab shows, and nothing is
    /// known that keeps it from being finished.
    pub fn is_building(&self, index: IndexId) -> bool {
        let found = self.current.schema.index_by_id(index);
        let is_unfinished = found.is_some_and(|(_, index)| matches!(index.state, IndexState::Building { .. }));
        is_unfinished && self.maintenance.why_unfinished(index).is_none()
    }

    /// Whether a query of this source can go on: the database is open, and its transaction has not ended.
    pub fn can_read(&self, source: Source) -> bool {
        let is_there = match source {
            Source::Current => true,
            Source::Transaction(id) => self.transactions.get(id).is_some_and(|transaction| !transaction.is_finished),
        };
        is_there && self.check_open().is_ok()
    }

    /// Starts to answer a query.
    pub fn start_query(&mut self, source: Source, plan: Plan) -> Result<QueryRun> {
        self.check_open()?;
        self.show_writes();
        let (state, version) = match source {
            Source::Current => (self.current.clone(), self.version),
            Source::Transaction(id) => {
                let transaction = self.transaction(id)?;
                transaction.flush();
                (transaction.state.clone(), u64::MAX)
            }
        };
        let direction = if plan.descending { Direction::Descending } else { Direction::Ascending };
        // Nobody knows how many rows pass a filter.
        let spare = if plan.filters.is_empty() { 1 } else { FILTERED };
        let wanted = plan.limit.map_or(usize::MAX, |limit| limit.saturating_mul(spare));
        let scan = state.view.scan(&plan.start, Some(&plan.end), direction, PAGES_AHEAD).wanting(wanted);
        Ok(QueryRun {
            source,
            plan,
            state,
            version,
            scan,
            places: Vec::new(),
            next: 0,
            is_scanned: false,
            given: 0,
            most_read: usize::MAX,
            near_limit: 0,
            keeps_keys: false,
            keys: Vec::new(),
            given_entries: None,
            last_key: Vec::new(),
            split_keys: SplitKeys::default(),
            last_scanned: Vec::new(),
        })
    }

    /// Goes on with a query as far as memory reaches.
    pub fn step_query(&mut self, run: &mut QueryRun, sink: &mut dyn RowSink) -> Result<RunStep> {
        self.check_open()?;
        if let Some(index) = building(&run.plan, &run.state.schema) {
            return self.wait_for_index(index);
        }
        let outcome = self.step_inner(run, sink);
        self.note_reads(run)?;
        match outcome {
            Ok(step) => Ok(step),
            Err(obstacle) => self.way_around(obstacle, run.state.view.manifest.generation, run.plan.table),
        }
    }

    fn step_inner(&mut self, run: &mut QueryRun, sink: &mut dyn RowSink) -> std::result::Result<RunStep, Obstacle> {
        let is_current = run.source == Source::Current && run.version == self.version;
        loop {
            if run.wanted() == 0 {
                return Ok(RunStep::Done);
            }
            if run.next == run.places.len() {
                if run.is_scanned || run.most_read == 0 {
                    return Ok(RunStep::Done);
                }
                run.places.clear();
                run.keys.clear();
                run.next = 0;
                self.scan_places(run)?;
                continue;
            }
            if self.give_places(run, sink, is_current)? {
                return Ok(RunStep::Paused);
            }
        }
    }

    /// Reads the next entries of the range.
    fn scan_places(&mut self, run: &mut QueryRun) -> std::result::Result<(), Obstacle> {
        let filtered = !run.plan.filters.is_empty();
        let most = if filtered { CHUNK } else { run.wanted().min(CHUNK) };
        while run.places.len() < most && run.most_read > 0 {
            match run.scan.next(&mut self.cache) {
                Ok(Some(item)) => {
                    let key = item.key;
                    let place = match run.plan.source {
                        PlanSource::ById => place_of_id(key, item.value),
                        PlanSource::ByCreationTime | PlanSource::Index(_) => keyspace::place_of(key),
                    };
                    let Some(place) = place else {
                        return Err(Obstacle::Error(run.damaged_entry("is damaged")));
                    };
                    if run.keeps_keys {
                        run.keys.push(key.to_vec());
                    }
                    run.most_read -= 1;
                    run.last_scanned.clear();
                    run.last_scanned.extend_from_slice(key);
                    let is_row = run.plan.source == PlanSource::ByCreationTime;
                    run.places.push((place, if is_row { Some(item.keep()) } else { None }));
                }
                Ok(None) => {
                    run.is_scanned = true;
                    break;
                }
                // What was read so far can be given first.
                Err(ReadError::Missing(_)) if !run.places.is_empty() => break,
                Err(error) => {
                    return Err(self.obstacle(error, run.state.view.manifest.generation, run.plan.table));
                }
            }
        }
        Ok(())
    }

    /// Gives rows for the entries that were read. All absent pages are collected before any is given up on.
    fn give_places(
        &mut self,
        run: &mut QueryRun,
        sink: &mut dyn RowSink,
        is_current: bool,
    ) -> std::result::Result<bool, Obstacle> {
        let table = run.plan.table;
        let filtered = !run.plan.filters.is_empty();
        let mut missing: Vec<PageId> = Vec::new();
        let mut is_blocked = false;
        for position in run.next..run.places.len() {
            if run.plan.limit.is_some_and(|limit| run.given >= limit) {
                break;
            }
            let place = run.places[position].0;
            if !is_blocked && !filtered && is_current && sink.has(table, &place) {
                run.advance(position);
                continue;
            }
            if run.places[position].1.is_none() {
                match run.state.view.get(&mut self.cache, &keyspace::row_key(table, &place)) {
                    Ok(Some(document)) => run.places[position].1 = Some(document),
                    Ok(None) => {
                        return Err(Obstacle::Error(run.damaged_entry("names a document that is not there")));
                    }
                    Err(ReadError::Missing(pages)) => {
                        missing.extend(pages);
                        is_blocked = true;
                        continue;
                    }
                    Err(error) => return Err(self.obstacle(error, run.state.view.manifest.generation, table)),
                }
            }
            if is_blocked {
                continue;
            }
            let document = run.places[position].1.as_ref().expect("it was just read");
            if filtered && !self.matches(run, document, &place)? {
                run.places[position].1 = None;
                run.pass(position);
                continue;
            }
            self.places.note(table, &place);
            sink.row(table, &place, document)?;
            run.places[position].1 = None;
            run.advance(position);
            if sink.is_full() {
                return Ok(true);
            }
        }
        if missing.is_empty() {
            return Ok(false);
        }
        crate::sort::sort(&mut missing);
        missing.dedup();
        Err(Obstacle::Missing(missing))
    }

    fn matches(&self, run: &QueryRun, document: &[u8], place: &Place) -> Result<bool> {
        let schema = &run.state.schema;
        let number = schema.table_by_id(run.plan.table).map_or(0, |table| table.number);
        let row = FilterRow::new(Document::new(document), &schema.names, number, *place);
        run.plan.matches(&row)
    }

    /// Adds what a transaction's query has consumed to what it read.
    fn note_reads(&mut self, run: &QueryRun) -> Result<()> {
        let Source::Transaction(id) = run.source else { return Ok(()) };
        let plan = &run.plan;
        let mut range = KeyRange { start: plan.start.clone(), end: plan.end.clone() };
        if !run.is_scanned {
            if run.last_scanned.is_empty() {
                return Ok(());
            }
            if plan.descending {
                range.start = run.last_scanned.clone();
            } else {
                range.end = KeyRange::point(&run.last_scanned).end;
            }
        }
        self.transaction(id)?.reads.add_rows(range);
        Ok(())
    }

    /// Counts the rows of a plan without filter and limit, in O(log n).
    pub fn count(&mut self, source: Source, plan: &Plan) -> Result<std::result::Result<u64, RunStep>> {
        self.check_open()?;
        self.show_writes();
        let state = match source {
            Source::Current => self.current.clone(),
            Source::Transaction(id) => {
                let transaction = self.transaction(id)?;
                transaction.flush();
                transaction.reads.add_count(KeyRange { start: plan.start.clone(), end: plan.end.clone() });
                transaction.state.clone()
            }
        };
        if let Some(index) = building(plan, &state.schema) {
            return self.wait_for_index(index).map(Err);
        }
        let generation = state.view.manifest.generation;
        match state.view.count(&mut self.cache, &plan.start, Some(&plan.end)) {
            Ok(count) => Ok(Ok(count)),
            Err(error) => {
                let obstacle = self.obstacle(error, generation, plan.table);
                self.way_around(obstacle, generation, plan.table).map(Err)
            }
        }
    }

    /// What a read of a state of this generation does about an obstacle.
    fn way_around(&mut self, obstacle: Obstacle, generation: u64, table: TableId) -> Result<RunStep> {
        match obstacle {
            Obstacle::Error(error) => Err(error),
            Obstacle::Stale => Ok(RunStep::Stale),
            Obstacle::Missing(pages) => self.missing(generation, pages, table),
        }
    }

    /// What a read does about an index that is being built, unless it never will be.
    fn wait_for_index(&self, index: IndexId) -> Result<RunStep> {
        match self.maintenance.why_unfinished(index) {
            Some(error) => Err(error.clone()),
            None => Ok(RunStep::Building(index)),
        }
    }

    /// Reads a row of the current state by its id.
    pub fn current_row(
        &mut self,
        table: TableId,
        row: keyspace::RowId,
    ) -> Result<std::result::Result<Option<super::transaction::Row>, RunStep>> {
        self.check_open()?;
        self.show_writes();
        match super::transaction::find_row(&self.current, &mut self.cache, &mut self.places, table, row) {
            Ok(row) => Ok(Ok(row)),
            Err(error) => {
                let generation = self.generation();
                let obstacle = self.obstacle(error, generation, table);
                self.way_around(obstacle, generation, table).map(Err)
            }
        }
    }

    /// What to do about pages that are not in memory: load them, unless it is known that they are gone.
    pub(crate) fn missing(&self, generation: u64, pages: Vec<PageId>, table: TableId) -> Result<RunStep> {
        let is_known_bad = |page: &&PageId| self.damaged.contains_key(*page) || self.absent.contains_key(*page);
        match pages.iter().find(is_known_bad) {
            None => Ok(RunStep::Missing(pages)),
            // It may be in order again, as after a repair, or not be needed any more.
            Some(_) if generation < self.generation() => Ok(RunStep::Stale),
            Some(page) => Err(self.damaged_page(*page, table, None)),
        }
    }

    /// What a transaction does about an obstacle: load pages, run again or give up.
    pub fn overcome(&mut self, id: TransactionId, obstacle: Obstacle) -> Result<RunStep> {
        let generation = self.transaction(id)?.state.view.manifest.generation;
        let step = self.way_around(obstacle, generation, TableId(0))?;
        if step == RunStep::Stale {
            self.transaction(id)?.is_stale = true;
        }
        Ok(step)
    }

    /// Asks for pages; an event [`Event::ReadReady`] follows.
    pub fn load(&mut self, pages: Vec<PageId>) -> ReadId {
        let read = self.next_read();
        self.effects.push(Effect::Load { read, generation: self.generation(), pages });
        read
    }

    pub(crate) fn next_read(&mut self) -> ReadId {
        let read = ReadId(self.next_read);
        self.next_read += 1;
        read
    }

    pub(crate) fn pages_loaded(&mut self, read: ReadId, pages: Vec<(PageId, Option<Vec<u8>>)>, newer_manifest: bool) {
        let is_gone = pages.iter().any(|(_, bytes)| bytes.is_none());
        if self.inspecting.remove(&read).is_some() {
            self.inspected.insert(read, pages);
        } else {
            for (page, bytes) in pages {
                match bytes {
                    Some(bytes) => {
                        if self.cache.insert(page, Bytes::new(bytes)).is_err() {
                            self.damaged.insert(page, ());
                        }
                    }
                    // Only the newer manifest tells whether it may be missing.
                    None if newer_manifest => self.gone.push(page),
                    None => {
                        self.absent.insert(page, ());
                    }
                }
            }
        }
        if newer_manifest {
            self.catch_up();
        }
        if is_gone && newer_manifest {
            // The manifest moved on while this was under way: read it first.
            self.waiting_reads.push(read);
            self.maintenance_load_failed(read, None);
            return;
        }
        if self.live_pages_loaded(read) {
            return;
        }
        self.events.push_back(Event::ReadReady { read, result: Ok(()) });
        self.maintenance_pages_loaded(read);
        self.opening_pages_loaded(read);
    }

    pub(crate) fn load_failed(&mut self, read: ReadId, message: String) {
        let error = Error::new(Code::StorageFailed, format!("Documents could not be read: {message}"));
        let waits = self.waits_for_connection(read);
        self.inspecting.remove(&read);
        if !waits && !self.live_load_failed(read, &error) {
            self.events.push_back(Event::ReadReady { read, result: Err(error.clone()) });
        }
        self.maintenance_load_failed(read, Some(&error));
        self.opening_load_failed(read, error.clone());
        if self.status == Status::Open && self.flight.is_none() {
            self.troubled(error);
            self.status = Status::Reopening;
            self.reopens_later = true;
        } else if waits {
            // What is under way comes first.
            self.catch_up();
        }
    }
}

/// The index of a plan if it is not ready to be queried yet.
fn building(plan: &Plan, schema: &Schema) -> Option<IndexId> {
    let PlanSource::Index(id) = plan.source else { return None };
    let (_, index) = schema.index_by_id(id)?;
    matches!(index.state, IndexState::Building { .. }).then_some(id)
}

fn place_of_id(key: &[u8], value: &[u8]) -> Option<Place> {
    Some(Place { creation_time: crate::key::read_float(value)?, id: keyspace::id_of(key)? })
}
