//! The commit protocol: one append under way, the rest gathers; a lost race is mended inside the callback.

use super::absorb::safe_ms;
use super::effect::{Effect, Event, Failure, LogTail, Outcome};
use super::state::{Author, Flight, HistoryEntry, Pending, State, System, TailRecord};
use super::{Status, Tab};
use crate::change::touches;
use crate::crdt::IS_BUILT_IN;
use crate::error::{Code, Error};
use crate::keyspace::{RowId, TableId, stamps_key};
use crate::log::RowChange;
use crate::read_set::ReadSet;
use crate::schema::{IndexKeys, Schema};
use std::collections::VecDeque;
use std::rc::Rc;

/// After a lost race, this many appends begin with the rebase, which always succeeds.
const RIVAL_APPENDS: u32 = 8;

impl Tab {
    /// Brings `current` up to date with the last mutation that finished. Whoever performs effects calls this
    /// after the append has gone out; every read and every input does it too.
    pub fn show_writes(&mut self) {
        let Some(mut operations) = self.unshown.take() else { return };
        let last = self.queue.back_mut().expect("what is not shown yet is in the queue");
        // Its state shares the overlay, which would have to be copied to be changed.
        last.after = self.committed.clone();
        operations.apply(&mut self.current.view.overlay);
        last.after = self.current.clone();
    }

    /// Readers see another schema, or indexes in another state: whoever waits for one can try again.
    pub(crate) fn schema_changed(&mut self) {
        self.events.push_back(Event::SchemaChanged);
        self.read_built();
    }

    /// Adds a finished change to the queue and to what readers see.
    pub(crate) fn enqueue(&mut self, mut pending: Pending, state_after: Option<State>) {
        self.show_writes();
        let schema_before = self.current.schema.clone();
        match state_after {
            Some(state) => {
                self.current = state.clone();
                pending.after = state;
            }
            None => {
                let mut state = self.current.clone();
                pending.apply(&mut state);
                self.current = state;
            }
        }
        let is_everything = matches!(pending.system, Some(System::Schema(_)));
        if pending.system.is_some() {
            self.schema_changed();
        }
        self.note_change(vec![pending.changes.clone()], schema_before, is_everything, false);
        self.queue.push_back(pending);
    }

    /// Takes the queue to rebuild it. Whoever waited for one that has just settled may have joined it a moment ago, and
    /// what is not shown yet would be shown twice.
    pub(crate) fn take_queue(&mut self) -> VecDeque<Pending> {
        self.show_writes();
        std::mem::take(&mut self.queue)
    }

    /// Whether what is shown of a row is not saved yet.
    pub fn is_unsaved(&self, table: TableId, row: RowId) -> bool {
        let mut changes = self.queue.iter().flat_map(|pending| pending.changes.iter());
        let mut synced = self.queue.iter().flat_map(|pending| pending.synced.iter());
        let mut merges = self.queue.iter().filter_map(|pending| pending.merge.as_ref());
        changes.any(|change| change.table == table && change.place.id == row)
            || IS_BUILT_IN
                && (merges.any(|merge| merge.is_about(&stamps_key(table, &row)[1..]))
                    || synced.any(|change| change.table == table && change.place.id == row))
    }

    /// Lets a mutation that writes nothing wait for those before it.
    pub(crate) fn enqueue_idle(&mut self, mut pending: Pending) {
        self.show_writes();
        pending.after = self.current.clone();
        self.queue.push_back(pending);
    }

    /// Lets those go that waited for what is saved by now.
    fn settle_idle(&mut self) {
        while self.queue.front().is_some_and(Pending::is_idle) {
            let pending = self.queue.pop_front().expect("there is a first");
            self.settle(pending.author, Outcome::Saved);
        }
    }

    /// Moves the version on and remembers what changed, for mutations that began before.
    pub(crate) fn note_change(
        &mut self,
        changes: Vec<Rc<Vec<RowChange>>>,
        schema: Rc<Schema>,
        is_everything: bool,
        is_rollback: bool,
    ) {
        self.version += 1;
        self.tell_live(&changes, &schema, is_everything, is_rollback);
        for change in changes.iter().flat_map(|part| part.iter()) {
            // A row that is new has not been seen, unless it was here before and was rolled back.
            if is_rollback || change.kind != crate::log::ChangeKind::Insert {
                self.changed_rows.push((change.table, change.place.id));
            }
        }
        self.everything_changed |= is_everything;
        // Of a read, only a live query asks whether what it has read was changed.
        let oldest = self.transactions.iter().filter(|one| one.needs_history()).map(|one| one.version).min();
        if let Some(oldest) = oldest {
            self.history.push_back(HistoryEntry { version: self.version, changes, schema, is_everything });
            while self.history.front().is_some_and(|entry| entry.version <= oldest) {
                self.history.pop_front();
            }
        } else {
            self.history.clear();
        }
    }

    /// Whether anything that happened after `version` touches these reads.
    pub(crate) fn is_touched_since(&self, version: u64, reads: &ReadSet) -> bool {
        let mut scratch = IndexKeys::new();
        self.history.iter().filter(|entry| entry.version > version).any(|entry| {
            entry.is_everything
                || (!reads.is_empty()
                    && entry
                        .changes
                        .iter()
                        .flat_map(|part| part.iter())
                        .any(|change| touches(reads, &entry.schema, change, &mut scratch)))
        })
    }

    /// Holds appends back until [`Tab::send`]: what is finished until then goes out in one record, and after whoever
    /// follows live queries was told of it.
    pub fn gather(&mut self) {
        self.is_gathering = true;
    }

    /// Whether appends are held back.
    pub fn is_gathering(&self) -> bool {
        self.is_gathering
    }

    /// Lets go out what has gathered.
    pub fn send(&mut self, now_ms: f64) {
        self.is_gathering = false;
        self.set_now(now_ms);
        self.pump();
    }

    /// Starts an append if there is something to append and nothing under way.
    pub(crate) fn pump(&mut self) {
        if self.flight.is_some() || self.is_gathering {
            return;
        }
        self.settle_idle();
        if self.queue.is_empty() || self.is_catching_up {
            return;
        }
        if !matches!(self.status, Status::Open | Status::Opening) || self.are_writes_held() {
            return;
        }
        if self.lets_others_go_first() {
            return;
        }
        let is_fresh = self.clock.elapsed_ms() - self.synced_ms < self.options.fresh_ms;
        if self.expect_rivals > 0 || !is_fresh {
            let started_ms = self.clock.elapsed_ms();
            self.flight = Some(Flight::empty(started_ms, false));
            self.effects.push(Effect::Rebase { generation: self.generation(), after: self.sequence });
            return;
        }
        let (sequence, record) = self.take_off();
        self.effects.push(Effect::Append { sequence, record });
    }

    /// Makes the record of the first mutations of the queue; they are under way from here on.
    fn take_off(&mut self) -> (u64, Vec<u8>) {
        let mut count = 0;
        let mut bytes = 0;
        for pending in &self.queue {
            let is_first = count == 0;
            let is_full = bytes + pending.bytes > self.options.group_bytes;
            if !is_first && (pending.system.is_some() || is_full || !self.may_join(pending)) {
                break;
            }
            count += 1;
            bytes += pending.bytes;
            if pending.system.is_some() || self.alone_next > 0 {
                break;
            }
        }
        let commit = self.next_commit();
        let schema_version = self.committed.schema.version;
        let mut record = self.queue[0].record(commit, schema_version);
        for pending in self.queue.iter().take(count).skip(1) {
            if !pending.changes.is_empty() {
                record.parts.push(pending.changes.clone());
            }
        }
        let sequence = self.sequence + 1;
        let (crdt, documents) = self.draft_changes(count, sequence);
        record.crdt = crdt;
        let encoded = record.encode();
        let started_ms = self.clock.elapsed_ms();
        self.flight =
            Some(Flight { count, is_idle: false, sequence, record, bytes: encoded.len(), started_ms, documents });
        (sequence, encoded)
    }

    pub(crate) fn appended(&mut self, now_ms: f64) {
        // The add may have been held up for so long (a tab put to sleep in between) that the log was cut
        // meanwhile and its number was free again. Then only the log can tell.
        let Some(flight) = &self.flight else { return };
        if self.clock.elapsed_ms() - flight.started_ms >= safe_ms(&self.options) {
            self.status = Status::Resolving;
            self.read_log();
            return;
        }
        let Some(flight) = self.flight.take() else { return };
        self.alone_next = self.alone_next.saturating_sub(flight.count);
        self.append_failures.end();
        self.healed();
        self.synced_ms = flight.started_ms;
        self.landed(flight, now_ms);
        self.turn_taken();
        self.effects.push(Effect::Announce(self.announcement()));
    }

    /// The mutations of a flight are in the log: they leave the queue.
    fn landed(&mut self, flight: Flight, now_ms: f64) {
        for _ in 0..flight.count {
            let pending = self.queue.pop_front().expect("a flight's mutations are in the queue");
            // What is not saved knows nothing new of CRDT documents.
            let crdt = std::mem::take(&mut self.committed.view.crdt);
            self.committed = pending.after;
            self.committed.view.crdt = crdt;
            self.settle(pending.author, Outcome::Saved);
        }
        self.committed.apply_crdt(&flight.record);
        self.documents.adopt(flight.documents, &flight.record);
        self.sequence = flight.sequence;
        self.maintenance.note_record(&flight.record);
        let (sequence, record, bytes) = (flight.sequence, flight.record, flight.bytes);
        self.push_tail(TailRecord { sequence, record, bytes, learned_ms: now_ms });
        self.maintenance.note_write(now_ms);
    }

    pub(super) fn push_tail(&mut self, record: TailRecord) {
        self.tail_bytes += record.bytes;
        self.tail.push_back(record);
    }

    pub(crate) fn settle(&mut self, author: Author, outcome: Outcome) {
        match author {
            Author::Mutation(transaction) => {
                if outcome == Outcome::RunAgain {
                    self.mark_for_rerun(transaction);
                } else {
                    self.forget(transaction);
                }
                self.events.push_back(Event::Settled { transaction, outcome });
            }
            Author::Opening => self.opening_settled(outcome),
            Author::Maintenance => self.maintenance_settled(outcome),
        }
    }

    pub(crate) fn append_conflict(&mut self) {
        self.expect_rivals = RIVAL_APPENDS;
        if let Some(flight) = &mut self.flight {
            flight.count = 0;
            self.effects.push(Effect::Rebase { generation: self.generation(), after: self.sequence });
        }
    }

    /// Called inside the callback of the transaction of [`Effect::Rebase`], with what it read: takes in what
    /// others wrote and says what to add to the log under which number. Nothing: abort or let it end.
    pub fn rebase(&mut self, now_ms: f64, tail: LogTail) -> Option<(u64, Vec<u8>)> {
        self.show_writes();
        self.flight = None;
        self.set_now(now_ms);
        self.expect_rivals = if tail.records.is_empty() { self.expect_rivals.saturating_sub(1) } else { RIVAL_APPENDS };
        if let Err(error) = self.absorb(now_ms, tail) {
            self.fail(error);
            return None;
        }
        // Not before: what was read is judged by how long ago this tab knew everything.
        self.synced_ms = self.clock.elapsed_ms();
        self.settle_idle();
        if self.queue.is_empty() || self.are_writes_held() {
            self.flight = Some(Flight::empty(self.clock.elapsed_ms(), true));
            return None;
        }
        Some(self.take_off())
    }

    /// A rebase that had nothing to add has ended, well or not.
    pub(crate) fn rebased_to_nothing(&mut self) {
        if self.flight.as_ref().is_some_and(|flight| flight.is_idle) {
            self.flight = None;
        }
        self.pump();
    }

    pub(crate) fn append_failed(&mut self, failure: Failure) {
        let Some(mut flight) = self.flight.take() else { return };
        if flight.is_idle {
            self.pump();
            return;
        }
        if flight.count == 0 {
            // A rebase that failed before it had something to add.
            flight.count = 1.min(self.queue.len());
        }
        let error = storage_error(&failure, "The write was rolled back; nothing was saved.");
        if flight.count > 1 {
            // One of them may be the culprit; the others need not suffer.
            self.alone_next = flight.count;
            self.pump();
            return;
        }
        self.show_writes();
        let Some(pending) = self.queue.pop_front() else { return };
        self.alone_next = self.alone_next.saturating_sub(1);
        self.reject(vec![pending], |_| error.clone());
        self.pump();
    }

    /// Takes changes away from under the rest of the queue; what read them has to run again. Who waits for them
    /// is told why, by their position.
    pub(crate) fn reject(&mut self, removed: Vec<Pending>, error: impl Fn(usize) -> Error) {
        let schema = self.current.schema.clone();
        let gone: Vec<_> = removed.iter().map(Pending::taken_back).collect();
        let is_everything = removed.iter().any(|pending| matches!(pending.system, Some(System::Schema(_))));
        let has_progress = removed.iter().any(|pending| matches!(pending.system, Some(System::Progress(_))));
        self.sort_queue(Vec::new(), gone, schema, is_everything, has_progress);
        for (position, pending) in removed.into_iter().enumerate() {
            self.settle(pending.author, Outcome::Rejected(error(position)));
        }
    }
}

/// What is said of storage that failed.
pub(crate) fn storage_error(failure: &Failure, consequence: &str) -> Error {
    match failure {
        Failure::Quota => {
            Error::new(Code::QuotaExceeded, format!("The browser granted no more space for this site. {consequence}"))
        }
        Failure::Aborted(message) => {
            Error::new(Code::StorageFailed, format!("The browser's storage failed: {message} {consequence}"))
        }
    }
}

pub(super) fn unknown_outcome() -> Error {
    Error::new(
        Code::OutcomeUnknown,
        "The connection was lost during this write, and it can no longer be found out whether it was saved.",
    )
}
