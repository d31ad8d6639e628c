//! Everything a tab asks of the world and everything the world tells it: the whole boundary, as values.
//!
//! An [`Effect`] names one IndexedDB transaction or one message; whoever performs it answers with the
//! [`Input`] that its comment names. Effects are performed in order of emission; several may be under way.

use crate::error::Error;
use crate::store::PageId;
use std::ops::Range;

/// Names one request for pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadId(pub u32);

/// What a tab asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// One readonly transaction over `pages` and `meta`: these pages, and whether a manifest newer than
    /// `generation` exists. Answer: [`Input::PagesLoaded`].
    Load { read: ReadId, generation: u64, pages: Vec<PageId> },
    /// One readonly transaction over `log` and `meta`: the newest manifest if newer than `generation`, and
    /// all log records after `after`; with `from_manifest`, only those beyond what that manifest covers.
    /// Answer: [`Input::LogRead`] or [`Input::ReadLogFailed`].
    ReadLog { generation: u64, after: u64, from_manifest: bool },
    /// One readwrite transaction over `log`: `add` under `sequence` and `commit()`, without waiting.
    /// Answer: [`Input::Appended`], [`Input::AppendConflict`], [`Input::AppendFailed`] or
    /// [`Input::OutcomeUnknown`].
    Append { sequence: u64, record: Vec<u8> },
    /// One readwrite transaction over `log` and `meta` that reads as [`Effect::ReadLog`] does and, in the
    /// callback, calls `Tab::rebase`, issues the `add` that it returns and `commit()`. Answer: as for
    /// `Append` if there was something to add, else [`Input::RebasedToNothing`].
    Rebase { generation: u64, after: u64 },
    /// One readonly transaction over `log` and `meta`: the newest manifest, and the log records beyond what it
    /// covers, to be looked at. Answer: [`Input::LogInspected`] or [`Input::LoadFailed`].
    InspectLog { read: ReadId },
    /// Ask for the maintenance lock. Answer: [`Input::LockGranted`], perhaps much later. With `steal`, take
    /// it from a holder that does not wake up.
    Lock { steal: bool },
    /// Give the maintenance lock back.
    Unlock,
    /// One readwrite transaction over `meta`: draw the number of a checkpoint attempt, greater than `after`, as
    /// `crate::store::next_attempt` says. Answer: [`Input::AttemptReserved`] or [`Input::MaintenanceFailed`].
    ReserveAttempt { after: u64 },
    /// One readwrite transaction over `pages`: put these. Answer: [`Input::PagesWritten`] or
    /// [`Input::MaintenanceFailed`].
    WritePages { pages: Vec<(PageId, Vec<u8>)> },
    /// One strict readwrite transaction over `meta`: if the newest manifest is that of the generation before
    /// (in the callback), add this one. With a `fence` over `log` too, where this record is added under this
    /// number: both or none. Answer: [`Input::Published`], [`Input::PublishConflict`] or
    /// [`Input::MaintenanceFailed`].
    Publish { generation: u64, manifest: Vec<u8>, fence: Option<(u64, Vec<u8>)> },
    /// Small readwrite transactions: delete log records up to `log_upto`, manifests below `manifests_below`
    /// and these pages. Answer: [`Input::Trimmed`] whatever happens; what was not deleted is deleted another
    /// time, if the answer says so.
    Trim { log_upto: u64, manifests_below: u64, pages: Vec<Range<PageId>> },
    /// Come back after a pause: [`Input::Wake`]. It takes the place of a pause that is under way.
    WakeAfter { milliseconds: f64 },
    /// Close the connection and open another one. Answer: [`Input::Reopened`], after as many tries as it
    /// takes, or [`Input::NotReopened`], [`Input::ReopenFailed`] or [`Input::Deleted`]. What the first one has not
    /// answered by then is answered as lost, before that.
    Reopen,
    /// Tell other tabs; a hint, it may get lost.
    Announce(Announcement),
}

/// What a tab tells others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// The manifest that it uses.
    pub generation: u64,
    /// The last log record that it knows.
    pub sequence: u64,
    /// For how long others should let it go first; usually 0.
    pub turn_ms: u32,
}

/// What a readwrite transaction failed of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The browser granted no more space. Nothing was written.
    Quota,
    /// The transaction was aborted for another reason. Nothing was written.
    Aborted(String),
}

/// What was read of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogTail {
    /// The newest manifest with its key, if it is newer than the one asked about.
    pub manifest: Option<(u64, Vec<u8>)>,
    /// Records after the sequence number asked about, ascending. With a newer manifest they still start there.
    pub records: Vec<(u64, Vec<u8>)>,
}

/// What the world tells a tab.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Pages arrived; `None` for those that do not exist (any more).
    PagesLoaded { read: ReadId, pages: Vec<(PageId, Option<Vec<u8>>)>, newer_manifest: bool },
    /// Pages could not be read.
    LoadFailed { read: ReadId, message: String },
    /// The log was read.
    LogRead(LogTail),
    /// Manifest and log as they are stored.
    LogInspected { read: ReadId, tail: LogTail },
    /// The log could not be read.
    ReadLogFailed { message: String },
    /// The record is in the log.
    Appended,
    /// The place in the log was taken, or the manifest moved on. Nothing was written.
    AppendConflict,
    /// Nothing was written.
    AppendFailed(Failure),
    /// The connection was lost before the transaction ended: it may or may not have been written.
    OutcomeUnknown,
    /// The rebase ended, and nothing was left to add.
    RebasedToNothing,
    /// The maintenance lock is ours.
    LockGranted,
    /// The maintenance lock was taken away from us.
    LockLost,
    /// The number of this checkpoint attempt: no other attempt has it.
    AttemptReserved { attempt: u64 },
    /// The pages are stored.
    PagesWritten,
    /// The manifest is in force.
    Published,
    /// Another manifest of that generation was there first, or another record. Nothing was written.
    PublishConflict,
    /// A maintenance transaction failed; nothing of it was written, or it does not matter.
    MaintenanceFailed(Failure),
    /// What is superseded was deleted: all of it, or only a part.
    Trimmed { is_complete: bool },
    /// The pause is over.
    Wake,
    /// There is a connection again.
    Reopened,
    /// There is none, after several tries. Another [`Effect::Reopen`] may have more luck.
    NotReopened { message: String },
    /// There will be none.
    ReopenFailed { message: String },
    /// The database is not there any more.
    Deleted { by: &'static str },
    /// Another tab says how far log and manifest are.
    Announced(Announcement),
}

/// What a tab tells the layer above.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The database is usable, or why it is not.
    Opened(Result<(), Error>),
    /// A finished mutation reached its end, or must run again.
    Settled { transaction: crate::tab::TransactionId, outcome: Outcome },
    /// Pages that a read waited for are there, or the read should be tried again for another reason.
    ReadReady { read: ReadId, result: Result<(), Error> },
    /// The schema changed: names, tables or the state of an index.
    SchemaChanged,
    /// Live queries have news: ask `Tab::next_live` until there is none.
    LiveChanged,
    /// Something was saved of CRDT documents: ask `Tab::take_document_news`.
    DocumentNews,
    /// A repair came to its end.
    Repaired(Result<crate::tab::RepairReport, Error>),
    /// Something that a person should hear of.
    Problem(Error),
    /// An open database has ended, for this reason: nothing can be done with it any more.
    Ended(Error),
    /// Storage is in trouble and tried again, or it works again.
    Trouble(Option<Error>),
}

/// How a mutation ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is in the log.
    Saved,
    /// It is rolled back.
    Rejected(Error),
    /// What it read has changed: run it again with `Tab::rerun`.
    RunAgain,
}
