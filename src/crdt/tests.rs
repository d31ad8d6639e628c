//! Changes against those that automerge makes, and rows against the documents that come of their changes.

mod columns;
mod editing;
mod golden;
mod stamps;
