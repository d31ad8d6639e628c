//! The inside of an engine: the tab, what JavaScript writes for it, and what it answers.

use super::channel::Channel;
use super::host::{Timer, now, steady};
use super::mailbox::{Mailbox, Status, Word};
use super::reading::Runs;
use super::report::Report;
use super::rows::Rows;
use super::shared::Storage;
use crate::error::{Code, Error, Result};
use crate::schema::Validator;
use crate::tab::{Input, RunStep, Tab, VerifyRun};

/// The word `Run` when there is nothing to go on with: the call is to be repeated.
pub(crate) const NO_RUN: u32 = u32::MAX;

/// What calls and callbacks work on: the tab, and the buffers through which JavaScript asks and is answered.
pub(crate) struct Inner {
    pub(crate) tab: Tab,
    pub(crate) mailbox: Mailbox,
    /// Where JavaScript writes arguments.
    pub(crate) input: Vec<u8>,
    /// JSON texts of rows.
    pub(crate) output: Vec<u8>,
    pub(crate) results: Vec<u32>,
    /// An error's message, ids, a cursor.
    pub(crate) text: Vec<u8>,
    /// An error's path.
    pub(crate) path: Vec<u8>,
    pub(crate) rows: Rows,
    pub(crate) runs: Runs,
    /// Names of tables by the numbers that JavaScript uses for them.
    pub(crate) tables: Vec<String>,
    /// Validators of functions by the numbers that JavaScript uses for them.
    pub(crate) validators: Vec<Validator>,
    /// A check under way, and what the last one has found.
    pub(crate) verify: Option<VerifyRun>,
    pub(crate) verified: Option<Report>,
    pub(super) storage: Storage,
    pub(super) channel: Option<Channel>,
    pub(super) timer: Option<Timer>,
    /// What the word `Flight` points to.
    pub(super) flight: Vec<u32>,
    /// What has gathered goes out at the end of this task.
    pub(super) is_sending: bool,
}

impl Inner {
    pub(super) fn new(tab: Tab, row_cache_bytes: usize) -> Inner {
        Inner {
            tab,
            mailbox: Mailbox::new(),
            input: Vec::new(),
            output: Vec::new(),
            results: Vec::new(),
            text: Vec::new(),
            path: Vec::new(),
            rows: Rows::new(row_cache_bytes),
            runs: Runs::default(),
            tables: Vec::new(),
            validators: Vec::new(),
            verify: None,
            verified: None,
            storage: Storage::Connecting(Vec::new()),
            channel: None,
            timer: None,
            flight: Vec::new(),
            is_sending: false,
        }
    }

    /// What the wall clock says, after the tab was told what both clocks say.
    pub(crate) fn now(&mut self) -> f64 {
        let now_ms = now();
        self.tab.tick(now_ms, steady());
        now_ms
    }

    pub(super) fn handle(&mut self, input: Input) {
        let now_ms = self.now();
        self.tab.handle(now_ms, input);
    }

    /// Notes what is under way to the log, for an engine that comes after this one.
    pub(super) fn note_flight(&mut self) {
        self.tab.flight_note(&mut self.flight);
        self.mailbox.set_words(Word::Flight, &self.flight);
    }

    /// Tells the caller how a call that gives nothing went.
    pub(crate) fn done(&mut self, result: Result<()>) -> Status {
        match result {
            Ok(()) => Status::Done,
            Err(error) => self.fail(error),
        }
    }

    /// Tells the caller what went wrong.
    pub(crate) fn fail(&mut self, error: Error) -> Status {
        let code = Code::ALL.iter().position(|code| *code == error.code).unwrap_or(0);
        self.mailbox.set(Word::Code, code as u32);
        self.path = error.path.as_deref().unwrap_or_default().as_bytes().to_vec();
        self.text = error.into_message().into_bytes();
        self.mailbox.set_bytes(Word::Text, &self.text);
        self.mailbox.set_bytes(Word::Path, &self.path);
        Status::Failed
    }

    /// Tells the caller how far a read got, and sets off what it has to wait for.
    pub(crate) fn halt(&mut self, step: RunStep) -> Status {
        match step {
            RunStep::Done => Status::Done,
            RunStep::Paused => Status::Paused,
            RunStep::Missing(pages) => {
                let read = self.tab.load(pages);
                self.mailbox.set(Word::Read, read.0);
                self.mailbox.set(Word::Run, NO_RUN);
                Status::Missing
            }
            RunStep::Building(index) => {
                self.mailbox.set(Word::Number, index.0);
                Status::Building
            }
            RunStep::Stale => Status::Stale,
        }
    }

    /// Rows that have changed are no longer what JavaScript has of them.
    pub(super) fn forget_changed_rows(&mut self) {
        let (changed, is_everything) = self.tab.take_changed_rows();
        if is_everything {
            self.rows.clear();
        } else {
            for (table, row) in changed {
                self.rows.remove(table, &row);
            }
        }
    }

    /// The first bytes of the input as text. JavaScript writes UTF-8.
    pub(crate) fn input_text(&self, length: u32) -> &str {
        std::str::from_utf8(self.input_bytes(length)).unwrap_or("\u{fffd}")
    }

    /// The first bytes of the input.
    pub(crate) fn input_bytes(&self, length: u32) -> &[u8] {
        self.input.get(..length as usize).unwrap_or_default()
    }
}

/// What JavaScript wrote can't be read: a fault of our own.
pub(crate) fn torn(what: &str) -> Error {
    Error::new(Code::EngineFault, format!("{what} did not reach the engine in one piece."))
}
