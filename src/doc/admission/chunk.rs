//! Chunks as they come one after another: where each ends, whether its checksum is right, and what it inflates to.

use super::Limits;
use crate::bytes::{Malformed, Reader, Write};
use crate::crdt::ChangeHash;
use crate::sha256::sha256;
use std::io::Read;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;
const COMPRESSED: u8 = 2;

/// What one chunk holds.
pub(super) enum Chunk<'a> {
    /// A change, as a chunk of its own that is not compressed.
    Change(Whole),
    /// All changes of a document, in columns.
    Document(&'a [u8]),
}

/// A change's chunk.
pub(super) struct Whole {
    pub(super) hash: ChangeHash,
    pub(super) bytes: Vec<u8>,
    /// Where the change begins in it.
    pub(super) start: usize,
}

/// A chunk that is framed well, and may not be what it says.
pub(super) struct Frame<'a> {
    kind: u8,
    checksum: [u8; 4],
    whole: &'a [u8],
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Takes the chunk that bytes begin with. After a failure nobody knows where the next one begins.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Result<Frame<'a>, Malformed> {
        const CUT: &str = "a chunk is cut off";
        let mut reader = Reader::new(bytes);
        if reader.take(4, CUT)? != MAGIC {
            return Err(Malformed("no chunk begins here"));
        }
        let checksum = reader.take(4, CUT)?.try_into().expect("four bytes");
        let kind = reader.u8(CUT)?;
        let body = reader.bytes(CUT)?;
        let (whole, rest) = bytes.split_at(reader.position());
        *bytes = rest;
        Ok(Frame { kind, checksum, whole, body })
    }

    /// Checks what the chunk holds, up to the change or document itself.
    pub(super) fn open(&self, limits: &Limits) -> Result<Chunk<'a>, Malformed> {
        match self.kind {
            DOCUMENT => {
                if self.body.len() > limits.document_bytes {
                    return Err(Malformed("a document is larger than is taken in"));
                }
                if hash(DOCUMENT, self.body)[..4] != self.checksum {
                    return Err(WRONG_CHECKSUM);
                }
                Ok(Chunk::Document(self.body))
            }
            CHANGE => {
                if self.body.len() > limits.inflated_bytes {
                    return Err(TOO_LARGE);
                }
                self.change(self.whole.to_vec(), self.body)
            }
            COMPRESSED => {
                if self.body.len() > limits.change_bytes {
                    return Err(TOO_LARGE);
                }
                let body = inflate(self.body, limits.inflated_bytes)?;
                self.change(whole(self.checksum, &body), &body)
            }
            _ => Err(Malformed("a chunk is of a kind that is not taken in")),
        }
    }

    fn change(&self, bytes: Vec<u8>, body: &[u8]) -> Result<Chunk<'a>, Malformed> {
        let hash = hash(CHANGE, body);
        if hash[..4] != self.checksum {
            return Err(WRONG_CHECKSUM);
        }
        let start = bytes.len() - body.len();
        Ok(Chunk::Change(Whole { hash, bytes, start }))
    }
}

impl Whole {
    /// The chunk of a change that was made here.
    pub(super) fn new(body: &[u8]) -> Whole {
        let hash = hash(CHANGE, body);
        let bytes = whole(hash[..4].try_into().expect("four bytes"), body);
        Whole { hash, start: bytes.len() - body.len(), bytes }
    }

    /// The change.
    pub(super) fn body(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

const WRONG_CHECKSUM: Malformed = Malformed("a chunk's checksum is wrong");
const TOO_LARGE: Malformed = Malformed("a change is larger than is taken in");

fn hash(kind: u8, body: &[u8]) -> ChangeHash {
    let mut hashed = Vec::with_capacity(body.len() + 8);
    hashed.put_u8(kind);
    hashed.put_bytes(body);
    sha256(&hashed)
}

fn whole(checksum: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 16);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&checksum);
    bytes.put_u8(CHANGE);
    bytes.put_bytes(body);
    bytes
}

/// Inflates all of `bytes` to at most so many: it stops as soon as there are more.
pub(super) fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, Malformed> {
    let mut decoder = flate2::bufread::DeflateDecoder::new(bytes);
    let mut inflated = Vec::new();
    let result = decoder.by_ref().take(most as u64 + 1).read_to_end(&mut inflated);
    if inflated.len() > most {
        return Err(Malformed("compressed bytes inflate to more than is taken in"));
    }
    if result.is_err() || decoder.total_in() != bytes.len() as u64 {
        return Err(Malformed("compressed bytes can't be inflated"));
    }
    Ok(inflated)
}
