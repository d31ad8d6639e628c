//! Mutations and snapshot reads: a state of their own, with their own writes on top.

mod import;
mod part;
mod rows;

pub(crate) use rows::find_row;
pub use rows::{Obstacle, Row};

use super::adopting::Adoption;
use super::changed_rows::{ChangedRow, ChangedRows};
use super::merging::MergeDraft;
use super::notes::Note;
use super::state::{Author, Pending, State, System};
use super::synced::{Dangling, SyncedChange};
use super::{Tab, effect::Outcome};
use crate::change::{Operations, touches};
use crate::crdt::IS_BUILT_IN;
use crate::error::{Code, Error, Result};
use crate::keyspace::{RowId, TableId};
use crate::random::Random;
use crate::read_set::ReadSet;
use crate::schema::{ImportStep, IndexKeys};
use part::Savepoint;
use std::rc::Rc;

/// Names a transaction; a mutation keeps its name when it runs again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionId(pub u32);

/// How often a mutation runs again together with others before it gets the queue to itself.
const RERUNS_TOGETHER: u32 = 3;
/// How often a mutation runs again at all.
const RERUNS: u32 = 100;

/// What a finished transaction has to wait for.
#[derive(Clone, Debug, PartialEq)]
pub enum Finished {
    /// Nothing: it wrote nothing.
    Done,
    /// An event `Settled`.
    Queued,
    /// What it read has changed meanwhile: run it again.
    RunAgain,
}

/// A running transaction.
pub(crate) struct Transaction {
    pub(crate) state: State,
    /// Version and generation of the tab's current state when it began.
    pub(crate) version: u64,
    generation: u64,
    /// Whether all of the state that it began on is in the log.
    is_on_saved: bool,
    pub(crate) reads: ReadSet,
    /// What its last run had read when it was lost.
    former_reads: ReadSet,
    rows: ChangedRows,
    /// What it saves of changes of others.
    pub(crate) merge: Option<MergeDraft>,
    /// What it writes down of itself.
    pub(crate) notes: Vec<Note>,
    /// Rows that it gives stamps.
    pub(crate) adoption: Option<Adoption>,
    /// What its writes do to keys, as far as its state does not show it yet: only queries need that.
    operations: Operations,
    /// What it was when each of its parts under way began, the innermost last.
    savepoints: Vec<Savepoint>,
    is_read_only: bool,
    pub(crate) dangling: Dangling,
    /// Whether a live query asks what has become of what it read.
    pub(crate) is_watched: bool,
    /// The step of an import that it takes.
    import: Option<ImportStep>,
    /// Its own stream, and the start of it: a run again makes the same ids.
    random: Random,
    seed: Random,
    began_ms: f64,
    creation_time: f64,
    /// The size of its part of a record, at most: each document that it has written, and the old keys.
    bytes: usize,
    pub(crate) reruns: u32,
    /// What the tab knew of others when this run began, and how many runs were lost while it learned more.
    news: u64,
    losses: u32,
    /// Finished, and in the queue or waiting for it.
    pub(crate) is_finished: bool,
    /// A page of its state is gone: it can only run again.
    pub(crate) is_stale: bool,
}

impl Tab {
    /// Begins a transaction on what this tab's readers see now.
    pub fn begin(&mut self, now_ms: f64, is_read_only: bool) -> Result<TransactionId> {
        self.check_open()?;
        Ok(self.begin_any(now_ms, is_read_only))
    }

    /// Begins one whether or not the database is open.
    fn begin_any(&mut self, now_ms: f64, is_read_only: bool) -> TransactionId {
        let id = TransactionId(self.next_transaction);
        self.next_transaction += 1;
        self.show_writes();
        let seed = self.random.fork();
        let transaction = Transaction {
            state: self.current.clone(),
            version: self.version,
            generation: self.generation(),
            is_on_saved: self.queue.is_empty(),
            reads: ReadSet::default(),
            former_reads: ReadSet::default(),
            rows: ChangedRows::default(),
            merge: None,
            notes: Vec::new(),
            adoption: None,
            operations: Operations::default(),
            savepoints: Vec::new(),
            is_read_only,
            dangling: Dangling::Nowhere,
            is_watched: false,
            import: None,
            random: seed.clone(),
            seed,
            began_ms: now_ms,
            creation_time: 0.0,
            bytes: 0,
            reruns: 0,
            news: self.turns.news,
            losses: 0,
            is_finished: false,
            is_stale: false,
        };
        self.transactions.push(id, transaction);
        id
    }

    /// Queues what a merge that opening needs writes. Answers whether it writes anything.
    pub(crate) fn merge_to_open(
        &mut self,
        write: impl FnOnce(&mut Tab, TransactionId) -> std::result::Result<(), Obstacle>,
    ) -> std::result::Result<Finished, Obstacle> {
        let id = self.begin_any(self.now_ms, false);
        let draft = MergeDraft::of(Vec::new(), self);
        self.transactions.get_mut(id).expect("it has begun").begin_merge(draft);
        let finished = write(self, id).and_then(|()| Ok(self.admit(id)?));
        if matches!(finished, Ok(Finished::Queued))
            && let Some(pending) = self.queue.back_mut()
        {
            pending.author = Author::Opening;
        }
        self.transactions.remove(id);
        finished
    }

    /// Begins a transaction again that was told to, on a new state. It makes the same ids, and the same times unless the
    /// tab has given those away meanwhile: to others, or to a run of its own that was in the queue before it was lost.
    pub fn rerun(&mut self, id: TransactionId) -> Result<()> {
        self.check_open()?;
        self.show_writes();
        let state = self.current.clone();
        let (version, generation) = (self.version, self.generation());
        let is_on_saved = self.queue.is_empty();
        let news = self.turns.news;
        let transaction = self.transactions.get_mut(id).ok_or_else(closed)?;
        if transaction.reruns >= RERUNS {
            self.forget(id);
            self.pump();
            return Err(Error::new(
                Code::TooManyConflicts,
                format!(
                    "This mutation ran {RERUNS} times, and each time other writes changed what it had read. Nothing was saved."
                ),
            ));
        }
        transaction.reruns += 1;
        transaction.state = state;
        transaction.version = version;
        transaction.generation = generation;
        transaction.is_on_saved = is_on_saved;
        let reads = std::mem::take(&mut transaction.reads);
        if !reads.is_empty() {
            transaction.former_reads = reads;
        }
        transaction.rows.clear();
        transaction.merge = None;
        transaction.adoption = None;
        transaction.notes.clear();
        transaction.operations = Operations::default();
        transaction.savepoints.clear();
        transaction.import = None;
        transaction.bytes = 0;
        transaction.random = transaction.seed.clone();
        transaction.creation_time = 0.0;
        transaction.is_finished = false;
        transaction.is_stale = false;
        let is_lost_to_others = std::mem::replace(&mut transaction.news, news) < news;
        transaction.losses += u32::from(is_lost_to_others);
        let losses = transaction.losses;
        if transaction.reruns >= RERUNS_TOGETHER && self.privileged.is_none() {
            self.privileged = Some(id);
        }
        if is_lost_to_others {
            self.lost_to_others(losses);
        }
        Ok(())
    }

    /// Ends a transaction without a trace.
    pub fn abandon(&mut self, id: TransactionId) {
        if self.transactions.get(id).is_some_and(|transaction| !transaction.is_finished) {
            self.forget(id);
            // Others may have waited for this one.
            self.pump();
        }
    }

    pub(crate) fn forget(&mut self, id: TransactionId) {
        self.transactions.remove(id);
        if self.privileged == Some(id) {
            self.privileged = None;
            self.admit_waiting();
        }
    }

    pub(crate) fn mark_for_rerun(&mut self, id: TransactionId) {
        if let Some(transaction) = self.transactions.get_mut(id) {
            transaction.is_finished = false;
            transaction.is_stale = true;
        }
    }

    /// Gives a transaction back what it had read, when it has to run again.
    pub(crate) fn keep_reads(&mut self, author: Author, reads: ReadSet) {
        if let Author::Mutation(id) = author
            && let Some(transaction) = self.transactions.get_mut(id)
        {
            transaction.reads = reads;
        }
    }

    /// Ends a transaction: its writes join the queue, or it has to run again.
    pub fn finish(&mut self, now_ms: f64, id: TransactionId) -> Result<Finished> {
        self.check_open()?;
        let limit = self.options.commit_bytes;
        let transaction = self.transaction(id)?;
        let writes_rows = !transaction.rows.is_empty() || !transaction.notes.is_empty();
        let is_empty = !writes_rows && transaction.merge.is_none() && transaction.adoption.is_none();
        if transaction.is_read_only || is_empty && transaction.needs_nothing() {
            self.forget(id);
            if !self.queue.is_empty() {
                // Others may have waited for this one.
                self.advance(now_ms);
            }
            return Ok(Finished::Done);
        }
        if let Err(error) = transaction.check_size(limit) {
            // Another run would come to the same.
            self.forget(id);
            self.advance(now_ms);
            return Err(error);
        }
        if transaction.is_stale {
            return Ok(Finished::RunAgain);
        }
        if self.privileged.is_some_and(|privileged| privileged != id && self.is_in_the_way(id, privileged)) {
            self.transaction(id)?.is_finished = true;
            self.waiting.push_back(id);
            return Ok(Finished::Queued);
        }
        let finished = self.admit(id);
        if finished.is_err() {
            self.forget(id);
        }
        self.advance(now_ms);
        finished
    }

    /// Ends a transaction whose function has failed: it writes nothing. If it has read what is not saved yet, its failure
    /// may rest on what will be taken back; then it waits as one that succeeds does.
    pub fn finish_failed(&mut self, now_ms: f64, id: TransactionId) -> Result<Finished> {
        let transaction = self.transaction(id)?;
        transaction.rows.clear();
        transaction.merge = None;
        transaction.adoption = None;
        transaction.notes.clear();
        transaction.operations = Operations::default();
        transaction.bytes = 0;
        transaction.import = None;
        self.finish(now_ms, id)
    }

    /// Whether what a transaction writes was read by another one, in this run or the last.
    fn is_in_the_way(&self, id: TransactionId, of: TransactionId) -> bool {
        let (Some(own), Some(other)) = (self.transactions.get(id), self.transactions.get(of)) else { return false };
        let schema = &own.state.schema;
        let mut scratch = IndexKeys::new();
        own.rows.iter().filter_map(|row| row.whole_change(schema)).any(|change| {
            let mut is_read = |reads: &ReadSet| !reads.is_empty() && touches(reads, schema, &change, &mut scratch);
            is_read(&other.reads) || is_read(&other.former_reads)
        })
    }

    /// Lets those in that waited for a privileged mutation.
    fn admit_waiting(&mut self) {
        while let Some(id) = self.waiting.pop_front() {
            let outcome = match self.admit(id) {
                Ok(Finished::Done) => Outcome::Saved,
                Ok(Finished::Queued) => continue,
                Ok(Finished::RunAgain) => {
                    self.mark_for_rerun(id);
                    Outcome::RunAgain
                }
                Err(error) => {
                    self.transactions.remove(id);
                    Outcome::Rejected(error)
                }
            };
            self.events.push_back(super::Event::Settled { transaction: id, outcome });
        }
    }

    #[inline(never)] // it is large, and three do it
    fn admit(&mut self, id: TransactionId) -> Result<Finished> {
        let transaction = self.transactions.get_mut(id).ok_or_else(closed)?;
        transaction.reads.finish();
        let transaction = &self.transactions[id];
        if transaction.is_stale || self.is_touched_since(transaction.version, &transaction.reads) {
            return Ok(Finished::RunAgain);
        }
        let system = match &transaction.import {
            Some(step) => Some(System::Schema(Rc::new(self.current.schema.import(step)?))),
            None => {
                let step = transaction.adoption.as_ref().and_then(|adoption| adoption.step.as_ref());
                step.filter(|_| IS_BUILT_IN).map(|step| System::Schema(Rc::new(step.apply(&self.current.schema))))
            }
        };
        let is_next =
            system.is_none() && transaction.version == self.version && transaction.generation == self.generation();
        let transaction = self.transactions.get_mut(id).expect("it was there");
        let mut changes = Vec::with_capacity(transaction.rows.len());
        let mut synced: Vec<SyncedChange> = Vec::new();
        for mut row in std::mem::take(&mut transaction.rows).into_list() {
            let change = row.change.take().or_else(|| row.whole_change(&transaction.state.schema));
            if change.is_none() && row.settled.is_empty() {
                continue;
            }
            changes.extend(change);
            synced.extend(row.into_synced(&transaction.state.schema));
        }
        let merge = transaction.merge.take();
        assert!(merge.as_ref().is_none_or(MergeDraft::is_whole), "a merge is finished when all its rows are settled");
        if merge.is_some() {
            // Its rows have their stamps already.
            synced.clear();
        }
        let mut adopted = Vec::new();
        if let Some(adoption) = transaction.adoption.take() {
            adopted = adoption.adopted;
            synced.extend(adoption.rows);
        }
        adopted.retain(|&table| !self.committed.has_adopted(table));
        let transaction = &self.transactions[id];
        let writes_beside = !adopted.is_empty() || !synced.is_empty() || !transaction.notes.is_empty();
        if changes.is_empty() && !writes_beside && system.is_none() && merge.is_none() && transaction.needs_nothing() {
            self.forget(id);
            return Ok(Finished::Done);
        }
        if IS_BUILT_IN && merge.as_ref().is_some_and(|merge| !self.stands(merge)) {
            return Ok(Finished::RunAgain);
        }
        if !self.settle_bases(&mut synced) {
            return Ok(Finished::RunAgain);
        }
        let transaction = self.transactions.get_mut(id).expect("it was there");
        transaction.is_finished = true;
        let operations = std::mem::take(&mut transaction.operations);
        self.last_creation_time = self.last_creation_time.max(transaction.creation_time);
        let pending = Pending {
            author: Author::Mutation(id),
            changes: Rc::new(changes),
            reads: std::mem::take(&mut transaction.reads),
            system,
            synced,
            adopted,
            merge,
            notes: std::mem::take(&mut transaction.notes),
            bytes: transaction.bytes,
            after: transaction.state.clone(),
        };
        // Nothing happened since it began: what it built is the next state.
        let state_after = is_next.then(|| transaction.state.clone());
        // A queued mutation has no use for its state; keeping it would make every later write copy.
        transaction.state = self.committed.clone();
        transaction.version = u64::MAX;
        if pending.is_idle() {
            self.enqueue_idle(pending);
            return Ok(Finished::Queued);
        }
        self.enqueue(pending, state_after);
        if is_next {
            self.unshown = Some(operations);
        }
        Ok(Finished::Queued)
    }

    pub(crate) fn transaction(&mut self, id: TransactionId) -> Result<&mut Transaction> {
        match self.transactions.get_mut(id) {
            Some(transaction) if !transaction.is_finished => Ok(transaction),
            _ => Err(closed()),
        }
    }
}

impl Transaction {
    /// Whether it is through if it writes nothing: what it read is saved. Otherwise its answer may rest on a
    /// write that fails, and has to wait for it.
    fn needs_nothing(&self) -> bool {
        self.import.is_none() && (self.is_on_saved || self.reads.is_empty())
    }

    /// Whether it will be asked if what it has read was changed since it began.
    pub(crate) fn needs_history(&self) -> bool {
        !self.is_read_only || self.is_watched
    }

    /// What it knows of synced rows may be of yesterday: then it can only run again.
    pub(crate) fn forget_bases(&mut self) {
        let is_synced = |row: &ChangedRow| {
            let table = self.state.schema.table_by_id(row.table);
            table.is_some_and(|table| table.placement.is_some())
        };
        self.is_stale |= self.rows.iter().any(is_synced);
    }

    /// What it writes is that of a merge, from the beginning.
    pub(crate) fn begin_merge(&mut self, draft: MergeDraft) {
        self.rows.clear();
        self.operations = Operations::default();
        self.bytes = 0;
        self.merge = Some(draft);
    }

    /// Keeps something with what it writes.
    pub(crate) fn add_note(&mut self, note: Note) {
        self.bytes += note.key.len() + note.value.as_ref().map_or(0, |value| value.len());
        self.notes.push(note);
    }

    /// The rows that it has changed.
    pub(crate) fn changed_rows(&self) -> impl Iterator<Item = &ChangedRow> {
        self.rows.iter()
    }

    /// A row that it has changed.
    pub(crate) fn changed(&self, table: TableId, row: &RowId) -> Option<&ChangedRow> {
        self.rows.get(table, row)
    }

    /// Shows its writes to its queries.
    pub(crate) fn flush(&mut self) {
        self.operations.apply(&mut self.state.view.overlay);
    }
}

fn closed() -> Error {
    Error::new(Code::TransactionClosed, "This mutation or read has ended; its `ctx.db` can't be used any more.")
}
