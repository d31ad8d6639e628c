//! Documents as automerge has them: the one module that names it.
//!
//! It is not in the page's binary. The docs worker merges here what comes from others, and tells the page what has become
//! of the rows.

mod actors;
mod admission;
pub(crate) mod fuzz;
mod history;
mod hub;
mod library;
mod lineage;
mod network;
mod row;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
mod three_way;
mod touched;

pub(crate) use actors::Actors;
pub(crate) use admission::{Gate, Limits, Refused, verified_save};
pub(crate) use history::{HistoryEntry, HistoryKind};
pub(crate) use hub::{Answer, Frame, Hub, Input, Outcome, Output, PeerId, Question};
pub(crate) use library::Library;
pub(crate) use network::{Input as NetworkInput, Network, Output as NetworkOutput};
pub(crate) use row::read_row;
