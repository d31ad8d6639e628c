//! The one error of the public API: a stable code, a sentence for people, and nothing has changed.

use std::fmt;
use std::ops::{Deref, DerefMut};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What went wrong, as a name that programs may compare. Names are never reused for another meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name),* }

        impl Code {
            /// Every code, for documentation and completeness tests.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The code as it is written in TypeScript.
            pub fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name)),* }
            }
        }
    };
}

codes! {
    // ---- the caller's mistakes: correct the call
    /// A value that Convex has no type for, or a malformed one.
    InvalidValue,
    /// A document over 1 MiB, an array over 8,192 elements, an object over 1,024 fields, nesting over 16.
    ValueTooLarge,
    /// A document that its table's validator does not accept.
    SchemaEnforcementError,
    /// A schema that contradicts itself.
    InvalidSchema,
    /// A schema whose validators reject documents that are already stored; the message names some.
    SchemaDoesNotFit,
    /// The schema was changed by another tab so that this write or query no longer fits it.
    SchemaChanged,
    /// A string that is no document id.
    InvalidId,
    /// The id of another table.
    WrongTable,
    /// A change to a document that does not exist.
    NonexistentDocument,
    /// An insert under an `_id` that is taken.
    DuplicateId,
    /// A table that the schema does not name.
    TableNotFound,
    /// An index that the table does not have.
    IndexNotFound,
    /// Index fields out of order, bounds on two fields, a bound given twice.
    InvalidIndexRange,
    /// A filter that compares or computes with the wrong types.
    InvalidFilter,
    /// A cursor that belongs to another query, or is none.
    InvalidCursor,
    /// `unique()` found more than one document.
    NotUnique,
    /// An argument of the wrong kind.
    InvalidArgument,
    /// A file to import that is not what it should be; the message names the row.
    InvalidImport,
    /// A reference to a function that no module has.
    FunctionNotFound,
    /// Arguments that the validators of a function do not accept.
    ArgumentValidationError,
    /// A result that the validator of a function does not accept.
    ReturnsValidationError,
    /// A part of Convex that needs a server: actions, the scheduler, files.
    NotSupported,
    /// What `db.now` was asked for is not in memory.
    NotCached,
    /// A CRDT document that can't be taken in; the message says why.
    DocumentRefused,
    /// What would be lost is not known to be anywhere else.
    NotSynced,
    /// A transaction or mutation context used after its end.
    TransactionClosed,
    /// A mutation ran longer than its time limit.
    MutationTimeout,
    /// A mutation lost against concurrent ones more often than is sensible to try again.
    TooManyConflicts,
    /// A commit beyond what one record can hold.
    TransactionTooLarge,
    /// The database was closed.
    DatabaseClosed,
    // ---- the world's failures: expected, with a defined outcome
    /// IndexedDB is missing or refused.
    StorageUnavailable,
    /// IndexedDB has a database of this name that is not of Holdfast.
    ForeignDatabase,
    /// The browser granted no more space; the write was rolled back.
    QuotaExceeded,
    /// The browser's storage failed; the write was rolled back.
    StorageFailed,
    /// The connection was lost and it can no longer be found out whether the write was saved.
    OutcomeUnknown,
    /// Stored bytes are damaged; the message names table and range.
    Corrupt,
    /// The database was written by a newer version of Holdfast.
    NewerFormat,
    /// The WebAssembly binary could not be fetched, or may not run.
    EngineUnavailable,
    // ---- our own
    /// A bug in Holdfast.
    EngineFault,
}

/// An error with its stable code. It is one word: results that hold it are returned, moved and dropped all over the crate,
/// and an error is made once, if at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Details>);

/// What an error says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// What programs compare.
    pub code: Code,
    /// What people read: it names the field, table or index.
    pub message: String,
    /// Where in the document, as `.settings.tags[2]`, if that says something; with `table/id` before it where the caller
    /// named no document.
    pub path: Option<Box<str>>,
}

impl Error {
    /// Makes an error. Whatever leads here is rare, and so compiled for size.
    #[cold]
    #[inline(never)]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Details { code, message: message.into(), path: None }))
    }

    /// Says where in the document it is.
    pub(crate) fn at(mut self, path: String) -> Self {
        self.path = Some(path.into());
        self
    }

    /// What people read, by itself.
    pub(crate) fn into_message(self) -> String {
        self.0.message
    }
}

impl Deref for Error {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Error {}

/// A result with the public error.
pub type Result<T> = std::result::Result<T, Error>;
