//! Holdfast: documents in IndexedDB with indexes, transactions and many tabs.
//!
//! The crate is two things. Everything except `browser` is a pure core: synchronous, deterministic,
//! without clock, randomness or IO; `cargo test` runs it natively. `src/browser` is compiled for
//! WebAssembly only and is the one place that knows a browser.

// The core is a library of its own: the browser layer does not call all of it, and natively only tests call it.
#![allow(dead_code)]
// The release binary has no `{:?}` (`scripts/panics.mjs`).
#![cfg_attr(not(test), warn(clippy::use_debug))]
#![cfg_attr(any(not(target_arch = "wasm32"), feature = "docs"), allow(unused_imports))]

mod bytes;
mod change;
mod crdt;
#[cfg(any(all(test, not(target_arch = "wasm32")), feature = "docs"))]
mod doc;
mod document;
mod error;
mod flat_map;
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod golden;
mod id;
mod key;
mod keyspace;
mod live;
mod log;
mod query;
mod random;
mod read_set;
mod schema;
mod sha256;
#[cfg(test)]
mod simulation;
mod sort;
mod storage;
mod store;
mod tab;
mod value;
#[cfg(any(all(test, not(target_arch = "wasm32")), feature = "docs"))]
mod wire;

pub use bytes::{Bytes, Malformed};
pub use error::{Code, Error, Result};
pub use flat_map::FlatMap;
pub use value::{Value, compare_optional};

/// The browser: a page's side of it, or the docs worker's.
#[cfg(all(target_arch = "wasm32", not(feature = "docs")))]
pub mod browser;
#[cfg(all(target_arch = "wasm32", feature = "docs"))]
#[path = "browser/docs.rs"]
pub mod browser;
