//! Documents beside automerge.

mod admission;
