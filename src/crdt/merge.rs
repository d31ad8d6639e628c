//! What the docs worker tells the page of changes that have come from others.
//!
//! ```text
//! merge := heads:varint (hash:32)* actors:varint root:string state:bytes new:varint (actor:bytes)* chunks:bytes
//!          whole:varint (table:string)* rows:varint row*
//! row   := table:string id:string (00 | 01 creation_time:f64 origin:string moved_to:string fields:bytes stamps:bytes)
//! ```
//! A mark or root that is not there is empty. Fields are a document whose names are all text: the two binaries have no dictionary in common.

use super::state::{read_heads, write_heads};
use super::{ActorId, ChangeHash, DocumentState, RowStamps};
use crate::bytes::{Bytes, Malformed, Reader, Write};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::value::Value;

/// What has come for a document: all that the page needs to save it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merge {
    /// What it stands on: it is of use only while the page knows the document as it was then.
    pub(crate) base_heads: Vec<ChangeHash>,
    pub(crate) base_actors: u32,
    /// The id of the row that it says it belongs to.
    pub(crate) root: Option<String>,
    /// The document afterwards.
    pub(crate) state: DocumentState,
    /// Actors that are new.
    pub(crate) actors: Vec<ActorId>,
    /// The changes that are new, one after another.
    pub(crate) chunks: Vec<u8>,
    /// Tables of which all rows are here, whatever has touched them.
    pub(crate) whole_tables: Vec<String>,
    /// The rows that they touch.
    pub(crate) rows: Vec<TouchedRow>,
}

/// The rows of a merge that are not read yet.
pub(crate) struct TouchedRows {
    bytes: Vec<u8>,
    position: usize,
    count: usize,
}

/// A row that changes of others are about, as the document names it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TouchedRow {
    pub(crate) table: String,
    pub(crate) id_text: String,
    /// What it has become; `None` is no row.
    pub(crate) row: Option<MergedRow>,
}

/// A row as a document has it. It may be anything: nobody has checked it against a schema.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct MergedRow {
    pub(crate) fields: FlatMap<String, Value>,
    /// `_creationTime`, or 0 if there is none that is a number.
    pub(crate) creation_time: f64,
    /// In the document of which row it was made, and into that of which it has gone: as text, which may be anything.
    pub(crate) origin: Option<String>,
    pub(crate) moved_to: Option<String>,
    /// Whether it came from another document. The page is not told: it has that from its origin.
    pub(crate) has_come: bool,
    pub(crate) stamps: RowStamps,
}

impl Merge {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.chunks.len() + 256);
        write_heads(&mut out, &self.base_heads);
        out.put_varint(self.base_actors.into());
        out.put_bytes(self.root.as_deref().unwrap_or_default().as_bytes());
        out.put_bytes(&self.state.encode());
        out.put_varint(self.actors.len() as u64);
        for actor in &self.actors {
            out.put_bytes(actor);
        }
        out.put_bytes(&self.chunks);
        out.put_varint(self.whole_tables.len() as u64);
        for table in &self.whole_tables {
            out.put_bytes(table.as_bytes());
        }
        out.put_varint(self.rows.len() as u64);
        for touched in &self.rows {
            touched.encode(&mut out);
        }
        out
    }

    /// Reads all of it.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut merge, mut rows) = Merge::begin(bytes.to_vec())?;
        while let Some(row) = rows.next()? {
            merge.rows.push(row);
        }
        Ok(merge)
    }

    /// Reads what stands before the rows, which are read one by one.
    pub(crate) fn begin(bytes: Vec<u8>) -> Result<(Self, TouchedRows), Malformed> {
        let mut reader = Reader::new(&bytes);
        let base_heads = read_heads(&mut reader)?;
        let base_actors = u32::try_from(reader.varint("merge: actors")?).map_err(|_| Malformed("merge: actors"))?;
        let root = Some(reader.string("merge: root")?.to_string()).filter(|root| !root.is_empty());
        let state = DocumentState::decode(reader.bytes("merge: state")?)?;
        let mut actors = Vec::new();
        for _ in 0..reader.length(reader.remaining(), "merge: new actors")? {
            actors.push(Bytes::from(reader.bytes("merge: actor")?));
        }
        let chunks = reader.bytes("merge: changes")?.to_vec();
        let mut whole_tables = Vec::new();
        for _ in 0..reader.length(reader.remaining(), "merge: whole tables")? {
            whole_tables.push(reader.string("merge: whole table")?.to_string());
        }
        let count = reader.length(reader.remaining(), "merge: rows")?;
        let position = reader.position();
        let merge = Merge { base_heads, base_actors, root, state, actors, chunks, whole_tables, rows: Vec::new() };
        Ok((merge, TouchedRows { bytes, position, count }))
    }
}

impl TouchedRows {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<TouchedRow>, Malformed> {
        let mut reader = Reader::new(&self.bytes[self.position..]);
        if self.count == 0 {
            reader.finish("merge: left over")?;
            return Ok(None);
        }
        let row = TouchedRow::decode(&mut reader)?;
        self.position += reader.position();
        self.count -= 1;
        Ok(Some(row))
    }
}

impl TouchedRow {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_bytes(self.table.as_bytes());
        out.put_bytes(self.id_text.as_bytes());
        out.put_u8(self.row.is_some().into());
        let Some(row) = &self.row else { return };
        out.put_f64(row.creation_time);
        for mark in [&row.origin, &row.moved_to] {
            out.put_bytes(mark.as_deref().unwrap_or_default().as_bytes());
        }
        out.put_bytes(&document::encode(&Value::Object(row.fields.clone()), &Names::new()));
        out.put_bytes(&row.stamps.encode());
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let table = reader.string("merge: table")?.to_string();
        let id_text = reader.string("merge: id")?.to_string();
        let row = match reader.u8("merge: row")? {
            0 => None,
            1 => Some(MergedRow::decode(reader)?),
            _ => return Err(Malformed("merge: row")),
        };
        Ok(TouchedRow { table, id_text, row })
    }
}

impl MergedRow {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let creation_time = reader.f64("merge: creation time")?;
        let mut mark = || -> Result<_, Malformed> {
            let text = reader.string("merge: mark")?;
            Ok((!text.is_empty()).then(|| text.to_string()))
        };
        let (origin, moved_to) = (mark()?, mark()?);
        let document = Document::new(reader.bytes("merge: fields")?);
        let stamps = RowStamps::decode(reader.bytes("merge: stamps")?, document.object()?)?;
        let Value::Object(fields) = document.to_value(&Names::new())? else { return Err(Malformed("merge: fields")) };
        Ok(MergedRow { fields, creation_time, origin, moved_to, has_come: false, stamps })
    }
}
