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
mod copies;
mod edit;
mod encoder;
mod merge;
mod name;
mod op;
mod rest;
mod stamp;
mod state;
mod stored_row;
#[cfg(all(test, not(target_arch = "wasm32")))] // beside automerge
pub(crate) mod tests;

pub(crate) use copies::{Copy, chosen};
pub(crate) use edit::{Arrival, Editor, FieldKind, FieldKinds, move_name};
pub(crate) use encoder::{ChangeEncoder, ChangeHash, Head, chunk_length};
pub(crate) use merge::{Merge, MergedRow, TouchedRow, TouchedRows};
pub(crate) use op::{Action, ActorId, Key, Object, Op, OpId};
pub(crate) use rest::WholeRow;
pub(crate) use stamp::{Item, Parts, RowStamps, Stamp};
pub(crate) use state::{DocumentId, DocumentState, TableMap, genesis, table_map};
pub(crate) use stored_row::{HiddenRow, Marks, Rest, StoredRow, Why, is_duplicate, is_judged, is_noted};

#[cfg(any(feature = "sync", all(test, not(target_arch = "wasm32"))))]
pub(crate) use name::{document_name, document_of};

// What only the docs worker needs, and tests.
#[cfg(any(test, feature = "docs"))]
#[allow(unused_imports)] // by tests in WebAssembly, which have no automerge beside them
pub(crate) use {
    align::{Step, align},
    column::{DeltaColumn, FlagColumn, RunColumn, put_signed},
    edit::mark,
    encoder::Encoded,
    op::{Element, Scalar},
    stamp::Rival,
};
