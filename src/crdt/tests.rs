//! Changes against those that automerge makes, and rows against the documents that come of their changes.

mod columns;
pub(crate) mod editing;
mod golden;
mod stamps;

use super::{FieldKind, FieldKinds};

/// Of a table whose notes are merged by letters and whose votes are counted.
struct Kinds;
impl FieldKinds for Kinds {
    fn kind_of(&self, field: &str) -> Option<FieldKind> {
        match field {
            "note" => Some(FieldKind::Text),
            "votes" => Some(FieldKind::Counter),
            _ => None,
        }
    }
}
