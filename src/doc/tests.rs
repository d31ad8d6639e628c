//! Documents beside automerge.

mod admission;
mod network;
