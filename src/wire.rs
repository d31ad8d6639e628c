//! What is spoken with servers: automerge-repo's WebSocket protocol, version 1, without the socket. docs/protocol.md has it.

mod backoff;
mod cbor;
mod connection;
mod frame;

pub(crate) use connection::{Connection, Failure, Input, MOST_FRAME_BYTES, Output, Status};
pub(crate) use frame::Frame;

/// A text that is passed on is a CBOR text of at most so many bytes; what others than Holdfast pass on is passed over.
const TEXT_BYTES: usize = 4096;

/// A text as it is passed on.
pub(crate) fn write_text(text: &str) -> Vec<u8> {
    cbor::Cbor::Text(text.into()).encode()
}

/// What was passed on, if it is such a text.
pub(crate) fn read_text(data: &[u8]) -> Option<String> {
    let data = cbor::Cbor::decode(data).ok()?;
    data.as_text().filter(|text| text.len() <= TEXT_BYTES).map(String::from)
}

/// What stock automerge-repo has written.
#[cfg(test)]
pub(crate) fn stock_frames() -> impl Iterator<Item = Vec<u8>> {
    frame::stock_frames().map(|(_, bytes)| bytes)
}
