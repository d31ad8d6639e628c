//! Documents as automerge has them: the one module that names it.
//!
//! It is not in the page's binary. The docs worker merges here what comes from others, and tells the page what has become
//! of the rows.

mod actors;
mod history;
mod library;
mod row;

pub(crate) use actors::Actors;
pub(crate) use history::{RowHistory, history, row_at};
pub(crate) use library::Library;
pub(crate) use row::read_row;
