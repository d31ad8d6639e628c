//! What is stored beside a synced row, or in its place when it is not shown, and of its copies in other documents.
//!
//! ```text
//! row    := kind:u8 hidden? (origin: root:20)? (moved to: root:20)? (rest: document:bytes stamps:bytes)? stamps
//! hidden := root:20 creation_time:f64 document:bytes
//! kind   := bits 0 and 1: 0 it is shown, 1 it is deleted or has left, 2 it does not fit the schema, 3 another copy is shown;
//!           bit 2 an origin follows, bit 3 where it went, bit 4 a rest, bit 5 others have moved it elsewhere
//! ```
//! The rest is fields that the schema does not know; their names are text.

use crate::bytes::{Bytes, Malformed, Reader, Write};
use crate::keyspace::Root;

/// A synced row as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredRow {
    /// What readers would see of it, if they don't.
    pub(crate) hidden: Option<HiddenRow>,
    pub(crate) marks: Marks,
    /// Whether it is the row, and other documents have it as well, because it was moved there at the same time.
    pub(crate) has_duplicates: bool,
    pub(crate) rest: Option<Rest>,
    /// Those of the fields of its document.
    pub(crate) stamps: Bytes,
}

/// Where a copy of a row comes from and where it went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Marks {
    /// In whose document the row was made, if not in this.
    pub(crate) origin: Option<Root>,
    /// To whose document it has gone.
    pub(crate) moved_to: Option<Root>,
}

/// Why a row is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is deleted, or lies in another document now.
    Deleted,
    /// It does not fit the schema.
    Misfit,
    /// Another document has a row of its id, and that one is shown.
    Duplicate,
}

/// A row that is kept and not shown.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HiddenRow {
    pub(crate) why: Why,
    /// In whose document it lies.
    pub(crate) root: Root,
    pub(crate) creation_time: f64,
    pub(crate) document: Bytes,
}

/// Fields of a row that the schema does not know, as a document of their own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rest {
    pub(crate) document: Bytes,
    pub(crate) stamps: Bytes,
}

const VISIBILITY: u8 = 3;
const ORIGIN: u8 = 1 << 2;
const MOVED_TO: u8 = 1 << 3;
const REST: u8 = 1 << 4;
const DUPLICATES: u8 = 1 << 5;

impl StoredRow {
    /// One that is shown, and nothing else is to be said of it.
    pub(crate) fn shown(stamps: Vec<u8>) -> Self {
        StoredRow {
            hidden: None,
            marks: Marks::default(),
            has_duplicates: false,
            rest: None,
            stamps: Bytes::new(stamps),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let hidden = self.hidden.as_ref().map_or(0, |hidden| hidden.document.len() + 32);
        let mut out = Vec::with_capacity(self.stamps.len() + hidden + 4);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        let kind = self.hidden.as_ref().map_or(0, |hidden| hidden.why as u8 + 1)
            | flag(self.marks.origin.is_some(), ORIGIN)
            | flag(self.marks.moved_to.is_some(), MOVED_TO)
            | flag(self.rest.is_some(), REST)
            | flag(self.has_duplicates, DUPLICATES);
        out.put_u8(kind);
        if let Some(hidden) = &self.hidden {
            out.extend_from_slice(&hidden.root.state_key()[1..]);
            out.put_f64(hidden.creation_time);
            out.put_bytes(&hidden.document);
        }
        for root in [&self.marks.origin, &self.marks.moved_to].into_iter().flatten() {
            out.extend_from_slice(&root.state_key()[1..]);
        }
        if let Some(rest) = &self.rest {
            out.put_bytes(&rest.document);
            out.put_bytes(&rest.stamps);
        }
        out.extend_from_slice(&self.stamps);
        out
    }

    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let kind = reader.u8("synced row: kind")?;
        if kind > VISIBILITY | ORIGIN | MOVED_TO | REST | DUPLICATES {
            return Err(Malformed("synced row: kind"));
        }
        let why = match kind & VISIBILITY {
            0 => None,
            1 => Some(Why::Deleted),
            2 => Some(Why::Misfit),
            _ => Some(Why::Duplicate),
        };
        let hidden = match why {
            None => None,
            Some(why) => Some(HiddenRow {
                why,
                root: read_root(&mut reader)?,
                creation_time: reader.f64("synced row: creation time")?,
                document: read_slice(bytes, &mut reader)?,
            }),
        };
        let mut mark = |flag| if kind & flag > 0 { read_root(&mut reader).map(Some) } else { Ok(None) };
        let marks = Marks { origin: mark(ORIGIN)?, moved_to: mark(MOVED_TO)? };
        let rest = match kind & REST {
            0 => None,
            _ => Some(Rest { document: read_slice(bytes, &mut reader)?, stamps: read_slice(bytes, &mut reader)? }),
        };
        let has_duplicates = kind & DUPLICATES > 0;
        Ok(StoredRow { hidden, marks, has_duplicates, rest, stamps: bytes.slice(reader.position()..bytes.len()) })
    }
}

fn read_root(reader: &mut Reader<'_>) -> Result<Root, Malformed> {
    const ROOT: Malformed = Malformed("synced row: root");
    Root::from_key_part(reader.take(20, ROOT.0)?).ok_or(ROOT)
}

fn read_slice(bytes: &Bytes, reader: &mut Reader<'_>) -> Result<Bytes, Malformed> {
    let length = reader.bytes("synced row: document")?.len();
    let end = reader.position();
    Ok(bytes.slice(end - length..end))
}

/// Whether people want to know of what is stored, or a new schema: one that [`is_judged`], and a row that is deleted and has
/// not left. Such ones have a key of their own.
pub(crate) fn is_noted(stored: &[u8]) -> bool {
    is_judged(stored) || stored.first().is_some_and(|kind| kind & (VISIBILITY | MOVED_TO) == 1)
}

/// Whether a new schema may say something else of what is stored: of a row that is hidden for another reason than that it is
/// deleted, and of one of whose fields some are not known.
pub(crate) fn is_judged(stored: &[u8]) -> bool {
    stored.first().is_some_and(|kind| kind & VISIBILITY > 1 || kind & REST > 0)
}

/// Whether another document has the row, and that one counts.
pub(crate) fn is_duplicate(stored: &[u8]) -> bool {
    stored.first().is_some_and(|kind| kind & VISIBILITY == 3)
}
