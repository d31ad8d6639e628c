//! What tells queries apart.

use crate::key;
use crate::value::Value;

/// Hashes the parts of a query: FNV-1a of 64 bits. Two queries of one app collide about as likely as one
/// bit of memory fails; nobody gains by forging a collision, since a cursor only positions a reader inside
/// the range of its own query.
pub(super) struct Fingerprint {
    hash: u64,
    /// Reused for each value's bytes.
    buffer: Vec<u8>,
}

impl Fingerprint {
    pub(super) fn new() -> Self {
        Fingerprint { hash: 0xcbf2_9ce4_8422_2325, buffer: Vec::new() }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Names hold no zero byte, so one ends each.
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }

    /// A byte that tells what follows.
    pub(super) fn mark(&mut self, mark: u8) {
        self.bytes(&[mark]);
    }

    /// Key bytes: the one form of a value in which equal values are equal bytes and none starts another.
    pub(super) fn value(&mut self, value: Option<&Value>) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        key::push_value(&mut buffer, value);
        self.bytes(&buffer);
        self.buffer = buffer;
    }

    pub(super) fn finish(self) -> u64 {
        // FNV's high bits know little of the last bytes.
        (self.hash ^ (self.hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
