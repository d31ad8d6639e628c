//! A tab: one open database in one browser tab, as a state machine without IO.
//!
//! A tab holds a saved state (the checkpoint's tree and an overlay of the log beyond it) and, on top of
//! it, a queue of finished mutations that are not in the log yet. Reads see both. The world tells the tab
//! what happened as an [`Input`]; the tab answers with [`Effect`]s to perform and [`Event`]s to pass on.
//!
//! The log is the only truth and its next number the only lock: a commit is one `add` under the next
//! number. Whoever loses the race reads what came before it inside the transaction that it holds, keeps
//! what is untouched by it and adds that, in one callback; so some commit always succeeds.

mod absorb;
mod adopting;
mod afterwards;
mod catch_up;
mod changed_rows;
mod checks;
mod clock;
mod commit;
mod connection;
mod documents;
mod effect;
mod failures;
mod job;
mod leaving;
mod live;
mod maintenance;
mod merging;
mod notes;
mod opening;
mod places;
#[cfg(test)]
mod probe;
mod read;
mod repair;
mod state;
mod stored;
mod synced;
mod transaction;
mod transactions;
mod turns;
mod verify;

pub use afterwards::WasSaved;
#[cfg(feature = "sync")]
pub(crate) use documents::{RowBeside, conflicts_json, deleted_json, problems_json};
pub use effect::{Announcement, Effect, Event, Failure, Input, LogTail, Outcome, ReadId};
pub use live::{LiveId, LiveNews, NextRows};
pub use read::{QueryRun, RowSink, RunStep, Source};
pub use repair::RepairReport;
pub(crate) use synced::Dangling;
pub use transaction::{Finished, Obstacle, Row, TransactionId};
pub use turns::LONGEST_TURN_MS;
pub use verify::{VerifyReport, VerifyRun, VerifyStep};

pub(crate) use stored::newer_format;

use self::adopting::Adopting;
use crate::change::Operations;
use crate::crdt::IS_BUILT_IN;
use crate::error::{Code, Error, Result};
use crate::flat_map::FlatMap;
use crate::keyspace::{RowId, TableId};
use crate::log::{ChangeKind, CommitId};
use crate::random::Random;
use crate::schema::{Schema, WantedSchema};
use crate::store::{LoadedPages, Manifest, PageCache, PageId, View};
use clock::Clock;
use connection::{APPEND_FAILURES, READ_FAILURES};
use failures::Failures;
use live::LiveQueries;
use maintenance::Maintenance;
use opening::Opening;
use places::Places;
use state::{Flight, HistoryEntry, Pending, State, TailRecord};
use std::collections::VecDeque;
use std::rc::Rc;
use synced::Documents;
use transactions::Transactions;
use turns::Turns;

/// What can be set when a database is opened. The defaults are meant to be kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of pages kept in memory.
    pub page_cache_bytes: usize,
    /// Bytes of log content in memory above which writers wait for a checkpoint.
    pub overlay_bytes: usize,
    /// Bytes of log above which a checkpoint starts, in the next lull.
    pub checkpoint_log_bytes: usize,
    /// Log records above which a checkpoint starts, in the next lull.
    pub checkpoint_log_records: usize,
    /// How long this tab writes nothing in a lull. Four times the log above gets its checkpoint without one.
    pub lull_ms: f64,
    /// Quiet time after which even a small log is worth a checkpoint.
    pub idle_ms: f64,
    /// How long a replaced page stays, for readers of an older state.
    pub page_grace_ms: f64,
    /// How long a log record stays after a checkpoint has taken it in. A tab that knows less than this much
    /// of the past must not add to the log blindly: the number it believes to be next may be free again.
    pub log_grace_ms: f64,
    /// How long a tab may add to the log without looking. Much less than `log_grace_ms`.
    pub fresh_ms: f64,
    /// How long to wait for the maintenance lock before taking it from a tab that sleeps.
    pub lock_patience_ms: f64,
    /// Bytes of pages that one slice of a checkpoint makes.
    pub checkpoint_slice_bytes: usize,
    /// Rows that one slice of index building, checking or verifying looks at.
    pub job_slice_rows: usize,
    /// Bytes of log that are gathered from several waiting mutations.
    pub group_bytes: usize,
    /// Bytes that one mutation may write, the index entries that it removes included.
    pub commit_bytes: usize,
    /// When the log is damaged, open without what can't be read, instead of failing.
    pub accept_loss: bool,
    /// The number of the first transaction, greater than those of an engine before, whose functions may still run.
    pub first_transaction: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            page_cache_bytes: 64 << 20,
            overlay_bytes: 64 << 20,
            checkpoint_log_bytes: 1 << 20,
            checkpoint_log_records: 1000,
            lull_ms: 200.0,
            idle_ms: 1500.0,
            page_grace_ms: 60_000.0,
            log_grace_ms: 30_000.0,
            fresh_ms: 10_000.0,
            lock_patience_ms: 10_000.0,
            checkpoint_slice_bytes: 256 << 10,
            job_slice_rows: 1000,
            group_bytes: 1 << 20,
            commit_bytes: 96 << 20,
            accept_loss: false,
            first_transaction: 1,
        }
    }
}

/// How the tab stands to its storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    /// The first read of manifest and log is not through, or the schema is not adopted yet.
    Opening,
    Open,
    /// The connection was lost; a new one is being made.
    Reopening,
    /// After a lost connection: the log is being read to learn what was saved.
    Resolving,
    Closed(Error),
}

/// One open database in one browser tab.
pub struct Tab {
    options: Options,
    status: Status,
    random: Random,
    session: u64,
    counter: u64,

    cache: PageCache,
    /// Pages that were asked for and do not exist; ids are never reused, so this stays true.
    absent: FlatMap<PageId, ()>,
    /// Pages that were not there while there was a newer manifest, which is to be read first.
    gone: Vec<PageId>,
    /// Pages whose bytes are damaged.
    damaged: FlatMap<PageId, ()>,
    places: Places,
    documents: Documents,
    /// How far rows of tables that have become synced have documents.
    adopting: Adopting,

    /// What is in the log, up to and including `sequence`.
    committed: State,
    sequence: u64,
    tail: VecDeque<TailRecord>,
    tail_bytes: usize,

    queue: VecDeque<Pending>,
    flight: Option<Flight>,
    /// What is finished gathers until `Tab::send`.
    is_gathering: bool,
    /// An append that failed as a group is tried again one by one, for this many mutations.
    alone_next: usize,
    /// How often in a row an append failed for reasons that may pass.
    append_failures: Failures,
    /// How often in a row the log could not be read.
    read_failures: Failures,
    /// The next connection is to be made when the pause after that is over.
    reopens_later: bool,
    /// Whether the layer above was told of trouble that may pass.
    is_troubled: bool,
    /// When pages could not be read and their reader was to wait, by `clock`.
    load_failed_ms: f64,
    /// After a lost race other tabs are writing: the next appends start with the rebase.
    expect_rivals: u32,
    turns: Turns,
    is_catching_up: bool,
    wants_catch_up: bool,

    /// `committed` and the queue: what this tab's readers see.
    current: State,
    /// What the last mutation of the queue did to keys, while `current` does not show it yet: the append goes
    /// out first, and the overlay is brought up to date while the browser writes.
    unshown: Option<Operations>,
    version: u64,
    history: VecDeque<HistoryEntry>,
    transactions: Transactions,
    next_transaction: u32,
    /// A mutation that lost so often that others wait until it is through.
    privileged: Option<TransactionId>,
    waiting: VecDeque<TransactionId>,
    last_creation_time: f64,
    /// The wall clock at the last call.
    now_ms: f64,
    clock: Clock,
    /// When the log was last known to be whole, by `clock`: the beginning of the last transaction that proved it.
    synced_ms: f64,

    /// When the read of the log that is under way was asked for, by `clock`.
    read_began_ms: f64,

    /// The schema that this tab's app was written for.
    own_schema: Rc<Schema>,
    opening: Option<Opening>,
    maintenance: Maintenance,
    next_read: u32,
    /// Reads of pages as they are stored, under way and answered.
    inspecting: FlatMap<ReadId, ()>,
    inspected: FlatMap<ReadId, LoadedPages>,
    /// Manifest and log as they are stored, for the last check that asked.
    inspected_log: Option<(ReadId, LogTail)>,
    /// Reads that found a page gone and wait for the newer manifest.
    waiting_reads: Vec<ReadId>,

    effects: Vec<Effect>,
    events: VecDeque<Event>,
    changed_rows: Vec<(TableId, RowId)>,
    everything_changed: bool,
    live: LiveQueries,
}

/// Numbers about the store, for people and tests.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// The last log record that this tab knows.
    pub sequence: u64,
    /// The checkpoint that this tab uses.
    pub generation: u64,
    /// Records beyond the checkpoint.
    pub log_records: usize,
    /// Their bytes.
    pub log_bytes: usize,
    /// Bytes of log content in memory, about.
    pub overlay_bytes: usize,
    /// Bytes of pages in memory.
    pub page_cache_bytes: usize,
    /// The most that pages may take.
    pub page_cache_budget: usize,
    /// Mutations that are finished and not saved.
    pub pending: usize,
    /// Entries of the tree: rows, ids and index entries at the checkpoint.
    pub tree_entries: u64,
    /// Levels of the tree.
    pub tree_height: u32,
    /// The last records beyond the checkpoint, the newest first; [`RECENT`] at most.
    pub recent: Vec<RecentCommit>,
}

/// An index that is being built or removed.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexWork {
    /// The name of its table.
    pub table: String,
    /// Its own.
    pub index: String,
    /// Whether it is being built.
    pub is_building: bool,
    /// Rows that have their entries already, or don't have them any more; about.
    pub done: u64,
    /// Rows of the table, about.
    pub total: u64,
}

/// How many records [`Stats`] tells of.
const RECENT: usize = 10;

/// A record of the log, as [`Stats`] tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentCommit {
    /// Its number.
    pub sequence: u64,
    /// Its size.
    pub bytes: usize,
    /// When this tab saved it or read it.
    pub learned_ms: f64,
    /// Whether this tab wrote it.
    pub is_own: bool,
    /// Rows that it inserts, updates and deletes. None is a schema, or a step of building or removing an index.
    pub rows: [usize; 3],
}

impl Tab {
    /// A tab before its storage has answered. `wanted` is the app's schema; the seed has to be random.
    pub fn new(options: Options, wanted: impl Into<WantedSchema>, seed: [u8; 32]) -> Self {
        let mut random = Random::from_seed(seed);
        let session = random.next_u64();
        let schema = Rc::new(Schema::empty());
        let view = View::of(Rc::new(Manifest::empty()));
        let state = State { view, schema: schema.clone() };
        Tab {
            status: Status::Opening,
            random,
            session,
            counter: 0,
            cache: PageCache::new(options.page_cache_bytes),
            absent: FlatMap::new(),
            gone: Vec::new(),
            damaged: FlatMap::new(),
            places: Places::default(),
            documents: Documents::default(),
            adopting: Adopting::default(),
            committed: state.clone(),
            sequence: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            queue: VecDeque::new(),
            flight: None,
            is_gathering: false,
            alone_next: 0,
            append_failures: Failures::new(APPEND_FAILURES + 1),
            read_failures: Failures::new(READ_FAILURES),
            reopens_later: false,
            is_troubled: false,
            load_failed_ms: f64::NEG_INFINITY,
            expect_rivals: 0,
            turns: Turns::default(),
            // The first read of the log is asked for below.
            is_catching_up: true,
            wants_catch_up: false,
            current: state,
            unshown: None,
            version: 0,
            history: VecDeque::new(),
            transactions: Transactions::default(),
            next_transaction: options.first_transaction,
            privileged: None,
            waiting: VecDeque::new(),
            last_creation_time: 0.0,
            now_ms: 0.0,
            clock: Clock::new(),
            synced_ms: f64::NEG_INFINITY,
            read_began_ms: f64::NEG_INFINITY,
            own_schema: schema,
            opening: Some(Opening::new(wanted.into())),
            maintenance: Maintenance::default(),
            next_read: 1,
            inspecting: FlatMap::new(),
            inspected: FlatMap::new(),
            inspected_log: None,
            waiting_reads: Vec::new(),
            effects: vec![Effect::ReadLog { generation: 0, after: 0, from_manifest: true }],
            events: VecDeque::new(),
            changed_rows: Vec::new(),
            everything_changed: false,
            live: LiveQueries::default(),
            options,
        }
    }

    /// Tells the tab what the world has done. `now_ms` is the wall clock.
    pub fn handle(&mut self, now_ms: f64, input: Input) {
        if let Status::Closed(error) = &self.status {
            // Whoever waits for pages hears of the end as well.
            if let Input::PagesLoaded { read, .. } | Input::LogInspected { read, .. } | Input::LoadFailed { read, .. } =
                input
            {
                self.events.push_back(Event::ReadReady { read, result: Err(error.clone()) });
            }
            return;
        }
        self.set_now(now_ms);
        self.show_writes();
        match input {
            Input::PagesLoaded { read, pages, newer_manifest } => self.pages_loaded(read, pages, newer_manifest),
            Input::LoadFailed { read, message } => self.load_failed(read, message),
            Input::LogRead(tail) => self.log_read(now_ms, tail),
            Input::LogInspected { read, tail } => self.log_inspected(read, tail),
            Input::ReadLogFailed { message } => self.log_read_failed(message),
            Input::Appended => self.appended(now_ms),
            Input::AppendConflict => self.append_conflict(),
            Input::AppendFailed(failure) => self.append_failed(failure),
            Input::OutcomeUnknown => self.outcome_unknown(),
            Input::RebasedToNothing => self.rebased_to_nothing(),
            Input::Announced(Announcement { generation, sequence, turn_ms }) => {
                if sequence > self.sequence {
                    self.turn_ended();
                }
                self.turn_asked(turn_ms);
                // Who has something to write learns of it when its append meets the number taken; reading now would
                // only stand in the way of the commits.
                let is_writing = !self.queue.is_empty() && !self.must_wait_for_checkpoint();
                if (sequence > self.sequence || generation > self.generation()) && !is_writing {
                    self.catch_up();
                }
            }
            Input::Reopened => self.reopened(),
            Input::NotReopened { message } => self.not_reopened(&message),
            Input::ReopenFailed { message } => {
                self.fail(Error::new(
                    Code::StorageUnavailable,
                    format!("The database could not be opened again: {message}"),
                ));
            }
            Input::Deleted { by } => self.deleted(by),
            Input::LockGranted => self.lock_granted(now_ms),
            Input::LockLost => self.lock_lost(),
            Input::AttemptReserved { attempt } => self.attempt_reserved(attempt),
            Input::PagesWritten => self.pages_written(now_ms),
            Input::Published => self.published(now_ms),
            Input::PublishConflict => self.publish_conflict(),
            Input::MaintenanceFailed(failure) => self.maintenance_failed(failure),
            Input::Trimmed { is_complete } => self.trimmed(now_ms, is_complete),
            Input::Wake => self.wake(now_ms),
        }
        self.advance(now_ms);
    }

    /// Tells the tab what a clock says that nobody sets, beside the wall clock. To be called before what depends on
    /// the time; without it, a wall clock that is set back may cost a commit.
    pub fn tick(&mut self, now_ms: f64, steady_ms: f64) {
        self.clock.tick(now_ms, steady_ms);
    }

    fn set_now(&mut self, now_ms: f64) {
        self.now_ms = now_ms;
        self.clock.tick_wall(now_ms);
    }

    /// Lets everything go on that can: the opening, the queue, maintenance.
    pub(crate) fn advance(&mut self, now_ms: f64) {
        self.set_now(now_ms);
        self.advance_opening(now_ms);
        if std::mem::take(&mut self.wants_catch_up) {
            self.catch_up();
        }
        self.look_for_silence();
        self.reopen_in_time();
        self.reject_held();
        self.pump();
        self.advance_maintenance(now_ms);
        if IS_BUILT_IN && self.documents.news.tell() {
            self.events.push_back(Event::DocumentNews);
        }
    }

    /// What the tab asks for since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// What the tab has to tell, oldest first.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Rows whose content this tab's readers see differently since the last call, and whether all of them
    /// may be different.
    pub fn take_changed_rows(&mut self) -> (Vec<(TableId, RowId)>, bool) {
        (std::mem::take(&mut self.changed_rows), std::mem::replace(&mut self.everything_changed, false))
    }

    /// The version of what this tab's readers see; it moves with every change of content.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The schema in force for this tab's readers.
    pub fn schema(&self) -> &Rc<Schema> {
        &self.current.schema
    }

    /// Numbers about the store.
    pub fn stats(&self) -> Stats {
        Stats {
            sequence: self.sequence,
            generation: self.generation(),
            log_records: self.tail.len(),
            log_bytes: self.tail_bytes,
            overlay_bytes: self.current.view.overlay.bytes(),
            page_cache_bytes: self.cache.bytes(),
            page_cache_budget: self.options.page_cache_bytes,
            pending: self.queue.len(),
            tree_entries: self.committed.view.manifest.count,
            tree_height: u32::from(self.committed.view.manifest.height),
            recent: self.tail.iter().rev().take(RECENT).map(|record| self.recent(record)).collect(),
        }
    }

    fn recent(&self, TailRecord { sequence, record, bytes, learned_ms }: &TailRecord) -> RecentCommit {
        let mut rows = [0; 3];
        for row in record.rows() {
            rows[match row.kind {
                ChangeKind::Insert => 0,
                ChangeKind::Update => 1,
                ChangeKind::Delete => 2,
            }] += 1;
        }
        let is_own = record.commit.session == self.session;
        RecentCommit { sequence: *sequence, bytes: *bytes, learned_ms: *learned_ms, is_own, rows }
    }

    /// Ends the tab: whatever was not saved is rejected, nothing is answered any more.
    pub fn close(&mut self) {
        self.fail(Error::new(Code::DatabaseClosed, "The database was closed. Open it again to go on."));
    }

    pub(crate) fn generation(&self) -> u64 {
        self.committed.view.manifest.generation
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        match &self.status {
            Status::Closed(error) => Err(error.clone()),
            Status::Opening => Err(Error::new(Code::DatabaseClosed, "The database is not open yet.")),
            Status::Open | Status::Reopening | Status::Resolving => Ok(()),
        }
    }

    /// Stops for good: rejects what is pending and tells why.
    pub(crate) fn fail(&mut self, error: Error) {
        if matches!(self.status, Status::Closed(_)) {
            return;
        }
        let was_open = self.opening.take().is_none();
        if !was_open {
            self.events.push_back(Event::Opened(Err(error.clone())));
        }
        self.status = Status::Closed(error.clone());
        self.flight = None;
        self.unshown = None;
        self.queue.clear();
        self.waiting.clear();
        if std::mem::take(&mut self.maintenance).is_repairing() {
            self.events.push_back(Event::Repaired(Err(error.clone())));
        }
        self.effects.push(Effect::Unlock);
        self.live.lose_all();
        self.announce_live();
        for transaction in self.transactions.end_all() {
            self.events.push_back(Event::Settled { transaction, outcome: Outcome::Rejected(error.clone()) });
        }
        for read in std::mem::take(&mut self.waiting_reads) {
            self.events.push_back(Event::ReadReady { read, result: Err(error.clone()) });
        }
        if was_open {
            // Who waits for an index shall ask again, and hear of the end.
            self.events.push_back(Event::SchemaChanged);
            self.events.push_back(Event::Ended(error));
        }
    }

    /// Stops because there is nothing any more to read or to write to.
    fn deleted(&mut self, by: &str) {
        let error = |rest| Error::new(Code::DatabaseClosed, format!("The database was deleted {by}.{rest}"));
        let outcome = Outcome::Rejected(error(" Nothing of this mutation is saved."));
        for transaction in self.transactions.end_all() {
            self.events.push_back(Event::Settled { transaction, outcome: outcome.clone() });
        }
        if self.opening.is_none() {
            self.events.push_back(Event::Problem(error("")));
        }
        self.fail(error(""));
    }

    pub(crate) fn next_commit(&mut self) -> CommitId {
        self.counter += 1;
        CommitId { session: self.session, counter: self.counter }
    }
}

#[cfg(test)]
pub(crate) mod tests;
