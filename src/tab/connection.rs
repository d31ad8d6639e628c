//! The connection to what is stored: lost, silent or refused, and made again for as long as it takes.

use super::absorb::safe_ms;
use super::effect::{Effect, Event, ReadId};
use super::{Status, Tab};
use crate::error::{Code, Error};

/// How often an append is tried again after failures that may pass.
pub(super) const APPEND_FAILURES: u32 = 3;
/// At so many failures in a row nobody shall wait any longer for the log: that is after two and a half seconds.
pub(super) const READ_FAILURES: u32 = 5;
/// A read that failed sooner than this after another one is not tried again: it may be its pages' fault.
const READ_AGAIN_MS: f64 = 5_000.0;

impl Tab {
    /// Tells that storage is in trouble, which may pass.
    pub(crate) fn troubled(&mut self, error: Error) {
        self.is_troubled = true;
        self.events.push_back(Event::Trouble(Some(error)));
    }

    /// Tells that it has passed.
    pub(crate) fn healed(&mut self) {
        if std::mem::take(&mut self.is_troubled) {
            self.events.push_back(Event::Trouble(None));
        }
    }

    pub(crate) fn outcome_unknown(&mut self) {
        if self.status == Status::Open {
            self.lost_with("the connection to the database was lost.");
        } else if self.status == Status::Opening {
            self.fail(Error::new(
                Code::StorageUnavailable,
                "The connection was lost while the database was being opened.",
            ));
        }
    }

    /// The connection is of no use any more, and what is under way may be saved or not.
    fn lost_with(&mut self, reason: &str) {
        // A connection that is lost while nothing is written says nothing about writes.
        if self.flight.is_some() {
            self.append_failures.note(self.now_ms);
        }
        self.troubled(storage_failed(reason));
        self.status = Status::Reopening;
        self.reopens_later = true;
    }

    /// An answer that would not be believed any more need not be waited for: another connection can ask the log, which is
    /// read behind whatever the first one has begun to write.
    pub(crate) fn look_for_silence(&mut self) {
        if !matches!(self.status, Status::Open | Status::Resolving) {
            return;
        }
        let since_ms = match &self.flight {
            _ if self.is_catching_up => self.read_began_ms,
            Some(flight) => flight.started_ms,
            None => return,
        };
        let left_ms = since_ms + safe_ms(&self.options) - self.clock.elapsed_ms();
        let silence = "the browser does not answer.";
        if left_ms > 0.0 {
            self.wake_after(left_ms);
        } else if self.is_catching_up {
            self.log_read_failed(silence.into());
        } else {
            self.lost_with(silence);
        }
    }

    /// Makes another connection: at once after a first failure, then after growing pauses.
    pub(crate) fn reopen_in_time(&mut self) {
        if !self.reopens_later {
            return;
        }
        let is_urgent = !self.queue.is_empty() || !self.waiting_reads.is_empty() || self.live.has_failed();
        let mut pause_ms = 0.0_f64;
        if self.read_failures.times() > 1 {
            pause_ms = self.read_failures.pause_ms(self.now_ms, is_urgent);
        }
        // Beyond so many, each write is tried once.
        if (2..=APPEND_FAILURES).contains(&self.append_failures.times()) {
            pause_ms = pause_ms.max(self.append_failures.pause_ms(self.now_ms, true));
        }
        if pause_ms > 0.0 {
            self.wake_after(pause_ms);
        } else {
            self.reopens_later = false;
            self.effects.push(Effect::Reopen);
        }
    }

    pub(crate) fn reopened(&mut self) {
        if self.status == Status::Reopening {
            self.status = Status::Resolving;
            if self.is_catching_up {
                // A read from before is still under way. Its answer may be old, and two at once would let a
                // write begin in between.
                self.wants_catch_up = true;
            } else {
                self.read_log();
            }
        }
    }

    /// There is no connection, after some time of trying. Nobody shall wait any longer, and it is tried again.
    pub(crate) fn not_reopened(&mut self, message: &str) {
        if self.status != Status::Reopening {
            return;
        }
        let error = storage_failed(&format!("the database could not be opened again: {message}"));
        self.troubled(error.clone());
        if !self.read_failures.are_many() {
            while !self.read_failures.are_many() {
                self.read_failures.note(self.now_ms);
            }
            self.events.push_back(Event::Problem(error.clone()));
        } else {
            self.read_failures.note(self.now_ms);
        }
        self.reopens_later = true;
        self.fail_waiting_reads(&error);
        self.give_up_reading(error);
    }

    /// Whether a read whose pages could not be had waits for the next connection, behind which it is tried again.
    pub(crate) fn waits_for_connection(&mut self, read: ReadId) -> bool {
        if self.opening.is_some() || self.inspecting.contains_key(&read) || self.is_of_maintenance(read) {
            return false;
        }
        let elapsed_ms = self.clock.elapsed_ms();
        let is_lost = matches!(self.status, Status::Reopening | Status::Resolving);
        if !is_lost && elapsed_ms - self.load_failed_ms < READ_AGAIN_MS {
            return false;
        }
        self.load_failed_ms = elapsed_ms;
        self.waiting_reads.push(read);
        true
    }

    /// Who waits for pages, or for a newer manifest, waits no longer.
    pub(super) fn fail_waiting_reads(&mut self, error: &Error) {
        for read in std::mem::take(&mut self.waiting_reads) {
            if self.live_load_failed(read, error) {
                continue;
            }
            self.events.push_back(Event::ReadReady { read, result: Err(error.clone()) });
            self.opening_pages_loaded(read);
        }
    }
}

fn storage_failed(reason: &str) -> Error {
    Error::new(Code::StorageFailed, format!("The browser's storage failed: {reason}"))
}
