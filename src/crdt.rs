//! Synced rows as CRDT documents: what the page has to know of automerge to write without it.
//!
//! A change is encoded when it is committed, from the document's heads and from the ids of operations that are kept
//! beside each row, so that a local write needs no document in memory and its cost does not grow with the document.
//! What comes from others is merged by automerge itself, in the docs worker.

/// Whether this build can sync. Where it can't, no table is placed, and nothing of this is in the binary: the few doors to
/// it ask.
pub(crate) const IS_BUILT_IN: bool = cfg!(any(test, feature = "sync"));

mod align;
mod column;
mod edit;
mod encoder;
mod history;
mod merge;
mod op;
mod stamp;
mod state;
#[cfg(all(test, not(target_arch = "wasm32")))] // beside automerge
pub(crate) mod tests;

pub(crate) use edit::{Editor, FieldKind, FieldKinds};
pub(crate) use encoder::{ChangeEncoder, ChangeHash, Head};
pub(crate) use history::{decode_history, encode_history};
pub(crate) use merge::{Merge, MergedRow, TouchedRow};
pub(crate) use op::{ActorId, OpId};
pub(crate) use stamp::RowStamps;
pub(crate) use state::{DocumentId, DocumentState, HiddenRow, StoredRow, Why, genesis, table_map};

// What only the docs worker needs, and tests.
#[cfg(any(test, feature = "docs"))]
#[allow(unused_imports)] // by tests in WebAssembly, which have no automerge beside them
pub(crate) use {
    edit::mark,
    encoder::{Encoded, chunk_length},
    history::{FieldChange, HistoryEntry, HistoryKind},
    op::{Action, Element, Key, Object, Op, Scalar},
    stamp::{Item, Parts, Rival, Stamp},
};
