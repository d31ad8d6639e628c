//! The browser: IndexedDB, Web Locks, BroadcastChannel and timers on one side, JavaScript callers on the
//! other, and the core in between.
//!
//! An [`Engine`] is one open database. It owns a [`Tab`](crate::tab::Tab), performs the effects that come
//! out of it and feeds back what the world answers. Nothing here decides anything about data.
//!
//! Calls from JavaScript are synchronous and cheap: arguments are written into an input buffer in WASM
//! memory, results are found through a mailbox of a few words. A transaction of IndexedDB never waits for
//! a future; only opening and deleting a database, which have no transaction, use them.

mod channel;
#[cfg(feature = "sync")]
mod documents;
mod engine;
mod functions;
mod host;
mod indexeddb;
mod inner;
mod live;
mod locks;
mod mailbox;
mod memory;
mod opening;
mod options;
mod outstanding;
mod reading;
mod report;
mod request;
mod rows;
mod shared;
mod sinks;
#[cfg(test)]
mod tests;
mod trim;
mod writing;

pub use engine::{Engine, delete_database};
pub use host::Listener;

/// Two kilobytes smaller, gzipped, than the standard library's, and as fast.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();
