//! Where rows come from that have moved, and edits of them that others have made where they are not any more.
//!
//! A row moves between documents by a copy: who moves it says in the one document where it goes, and makes a new map of it in
//! the other one, which names the operation that says so. So a row has maps in several documents, of which one counts, and
//! edits of those that do not count are made again in that one, each once: those that it has not.
//!
//! A map has an edit if that was written to it, or made again in it, or if the map had it from which it came, as that was
//! when it left. That walks one way from map to map, and says for each edit whether it is there, or not, or that what would
//! say so is not here: then nothing is done, since who guesses counts twice.

mod again;
mod edits;
mod family;
mod graph;
mod late;
mod maps;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;

pub(super) use again::{Plan, make_again, read_message};
pub(super) use family::Relative;
pub(super) use late::{BYTES, plan};
pub(super) use maps::Lineage;
