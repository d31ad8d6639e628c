//! What a change does to the results that somebody watches.
//!
//! [`RangeIndex`] says whose ranges hold a key; a [`Window`] is the result of a query over one range, mended entry by
//! entry as rows change. Nothing here reads rows: the tab does (`src/tab/live.rs`).

#[cfg(test)]
pub(crate) mod mirror;
mod ranges;
mod window;

pub(crate) use ranges::RangeIndex;
pub use window::Patch;
pub(crate) use window::{Entry, Window};
