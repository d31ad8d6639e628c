//! Reading what others wrote, and what became of a write whose connection was lost.

use super::commit::unknown_outcome;
use super::effect::{Effect, Event, Failure, LogTail, Outcome};
use super::state::Pending;
use super::{Status, Tab};
use crate::error::{Code, Error};

impl Tab {
    pub(super) fn read_log(&mut self) {
        self.is_catching_up = true;
        self.read_began_ms = self.clock.elapsed_ms();
        self.effects.push(Effect::ReadLog {
            generation: self.generation(),
            after: self.sequence,
            from_manifest: false,
        });
    }

    /// Reads what others may have written before this tab listened to them.
    pub fn refresh(&mut self) {
        self.catch_up();
    }

    /// Reads what others wrote, soon.
    pub(crate) fn catch_up(&mut self) {
        // What was stored is being read: the answer to another request must not be taken for it.
        let is_loading = self.opening.as_ref().is_some_and(|opening| !opening.is_loaded());
        if is_loading || self.is_catching_up || self.flight.is_some() {
            self.wants_catch_up = true;
        } else if matches!(self.status, Status::Open | Status::Opening) {
            self.wants_catch_up = false;
            self.read_log();
        }
    }

    pub(crate) fn log_read(&mut self, now_ms: f64, tail: LogTail) {
        if self.opening.as_ref().is_some_and(|opening| !opening.is_loaded()) {
            self.load_opening(now_ms, tail);
            return;
        }
        self.is_catching_up = false;
        self.read_failures.end();
        if let Err(error) = self.absorb(now_ms, tail) {
            self.fail(error);
            return;
        }
        // The answer may have been waiting for a tab that slept: it tells how things were when it was asked for.
        self.synced_ms = self.read_began_ms;
        self.absent.extend(std::mem::take(&mut self.gone).into_iter().map(|page| (page, ())));
        if self.status == Status::Resolving {
            self.status = if self.opening.is_some() { Status::Opening } else { Status::Open };
            self.live.read_failed_again();
            self.announce_live();
            // Whatever was under way and is not in the log by now never will be.
            if self.flight.is_some() && self.append_failures.are_many() {
                self.append_failed(Failure::Aborted("the connection is lost again and again.".into()));
            } else {
                self.flight = None;
                if self.queue.is_empty() {
                    // Nothing is left that could fail again.
                    self.append_failures.end();
                }
                if self.append_failures.times() == 0 {
                    self.healed();
                }
            }
        }
        for read in std::mem::take(&mut self.waiting_reads) {
            if self.live_pages_loaded(read) {
                continue;
            }
            self.events.push_back(Event::ReadReady { read, result: Ok(()) });
            self.opening_pages_loaded(read);
        }
        self.caught_up(now_ms);
    }

    pub(crate) fn log_read_failed(&mut self, message: String) {
        self.is_catching_up = false;
        let error = Error::new(Code::StorageFailed, format!("The log could not be read: {message}"));
        if self.opening.as_ref().is_some_and(|opening| !opening.is_loaded()) {
            self.fail(error);
            return;
        }
        if self.status == Status::Reopening {
            // It was lost with the connection.
            return;
        }
        self.troubled(error.clone());
        self.status = Status::Reopening;
        self.reopens_later = true;
        if self.read_failures.note(self.now_ms) {
            self.events.push_back(Event::Problem(error.clone()));
        }
        if self.read_failures.times() > 1 {
            // The next try may be far off: others may have more luck with maintenance.
            self.give_up_catching_up();
        }
        // An opening does not go on by itself.
        if self.read_failures.are_many() || self.opening.is_some() {
            self.fail_waiting_reads(&error);
        }
        if self.read_failures.are_many() {
            self.give_up_reading(error);
        }
    }

    /// Nobody shall wait any longer for a log that can't be read.
    pub(super) fn give_up_reading(&mut self, mut error: Error) {
        if self.opening.is_some() {
            self.fail(error);
            return;
        }
        self.give_up_catching_up();
        let under_way = self.flight.take().map_or(0, |flight| flight.count);
        error.message += " The write was rolled back; nothing was saved.";
        // Those that wait for one that is alone are not in the queue yet.
        for transaction in std::mem::take(&mut self.waiting) {
            self.transactions.remove(transaction);
            self.events.push_back(Event::Settled { transaction, outcome: Outcome::Rejected(error.clone()) });
        }
        let removed: Vec<Pending> = self.take_queue().into();
        self.reject(removed, |position| if position < under_way { unknown_outcome() } else { error.clone() });
    }
}
