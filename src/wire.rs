//! What is spoken with servers: automerge-repo's WebSocket protocol, version 1, without the socket. docs/protocol.md has it.

mod backoff;
mod cbor;
mod connection;
mod frame;
mod names;

pub(crate) use connection::{Connection, Failure, Input, MOST_FRAME_BYTES, Output, Status};
pub(crate) use frame::Frame;
pub(crate) use names::{document_name, document_of};

/// What stock automerge-repo has written.
#[cfg(test)]
pub(crate) fn stock_frames() -> impl Iterator<Item = Vec<u8>> {
    frame::stock_frames().map(|(_, bytes)| bytes)
}
