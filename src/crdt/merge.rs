//! What the docs worker tells the page of changes that have come from others.

use super::{ActorId, ChangeHash, DocumentState, RowStamps};
use crate::flat_map::FlatMap;
use crate::value::Value;

/// What has come for a document: all that the page needs to save it.
#[derive(Clone, Debug)]
pub(crate) struct Merge {
    /// What it stands on: it is of use only while the page knows the document as it was then.
    pub(crate) base_heads: Vec<ChangeHash>,
    pub(crate) base_actors: u32,
    /// The document afterwards.
    pub(crate) state: DocumentState,
    /// Actors that are new.
    pub(crate) actors: Vec<ActorId>,
    /// The changes that are new, one after another.
    pub(crate) chunks: Vec<u8>,
    /// The rows that they touch.
    pub(crate) rows: Vec<TouchedRow>,
}

/// A row that changes of others are about, as the document names it.
#[derive(Clone, Debug)]
pub(crate) struct TouchedRow {
    pub(crate) table: String,
    pub(crate) id_text: String,
    /// What it has become; `None` is no row.
    pub(crate) row: Option<MergedRow>,
}

/// A row as a document has it. It may be anything: nobody has checked it against a schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MergedRow {
    pub(crate) fields: FlatMap<String, Value>,
    /// `_creationTime`, or 0 if there is none that is a number.
    pub(crate) creation_time: f64,
    pub(crate) stamps: RowStamps,
    /// Fields whose names no row can have: they stay in the document.
    pub(crate) unnamable: Vec<String>,
}
