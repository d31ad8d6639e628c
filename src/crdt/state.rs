//! What a tab knows of a CRDT document: enough to write to it.
//!
//! ```text
//! state  := id:16 max_op:varint actors:varint heads:varint (hash:32)* tables:varint (name:string actor:varint)*
//! row    := 00 stamps                                                   one that is shown
//!         | why:u8 root:20 creation_time:f64 document:bytes stamps      one that is not
//! why    := 01 it is deleted, or has left | 02 it does not fit the schema | 03 it lies in another document, too
//! ```
//! `actor` is the place of the one that has made a table's map.

use super::edit::Editor;
use super::encoder::{ChangeEncoder, ChangeHash, Encoded, Head};
use super::op::{ActorId, OpId};
use super::{FieldKind, FieldKinds};
use crate::bytes::{Bytes, Malformed, Reader, Write};
use crate::document::Names;
use crate::flat_map::FlatMap;
use crate::keyspace::Root;
use crate::sha256::sha256;

/// Names a document everywhere. It is a right to write to it, so it can't be guessed.
pub(crate) type DocumentId = [u8; 16];

/// The state of a document: where the next change goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DocumentState {
    pub(crate) id: DocumentId,
    /// The changes that no other one follows, ascending.
    pub(crate) heads: Vec<ChangeHash>,
    /// The greatest counter of an operation.
    pub(crate) max_op: u32,
    /// How many actors it has.
    pub(crate) actor_count: u32,
    /// Tables that have a map, and the place of the actor that has made it.
    pub(crate) tables: FlatMap<String, u32>,
}

impl DocumentState {
    /// One that is empty. Tables are made by one or two operations, which come before all others.
    pub(crate) fn new(id: DocumentId) -> Self {
        DocumentState { id, heads: Vec::new(), max_op: 2, actor_count: 0, tables: FlatMap::new() }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        out.extend_from_slice(&self.id);
        out.put_varint(self.max_op.into());
        out.put_varint(self.actor_count.into());
        write_heads(&mut out, &self.heads);
        out.put_varint(self.tables.len() as u64);
        for (name, actor) in &self.tables {
            out.put_bytes(name.as_bytes());
            out.put_varint((*actor).into());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let number = |reader: &mut Reader<'_>, what| u32::try_from(reader.varint(what)?).map_err(|_| Malformed(what));
        let id = *reader.take(16, "document: id")?.first_chunk().ok_or(Malformed("document: id"))?;
        let max_op = number(&mut reader, "document: greatest operation")?;
        let actor_count = number(&mut reader, "document: actors")?;
        let heads = read_heads(&mut reader)?;
        let mut tables = FlatMap::new();
        for _ in 0..reader.length(reader.remaining(), "document: tables")? {
            let name = reader.string("document: table")?.to_string();
            tables.insert(name, number(&mut reader, "document: actor of a table")?);
        }
        reader.finish("document: left over")?;
        Ok(DocumentState { id, heads, max_op, actor_count, tables })
    }
}

pub(super) fn write_heads(out: &mut Vec<u8>, heads: &[ChangeHash]) {
    out.put_varint(heads.len() as u64);
    for head in heads {
        out.extend_from_slice(head);
    }
}

pub(super) fn read_heads(reader: &mut Reader<'_>) -> Result<Vec<ChangeHash>, Malformed> {
    const HEAD: Malformed = Malformed("heads of a document");
    let count = reader.length(reader.remaining(), HEAD.0)?;
    (0..count).map(|_| reader.take(32, HEAD.0)?.first_chunk().copied().ok_or(HEAD)).collect()
}

struct NoKinds;
impl FieldKinds for NoKinds {
    fn kind_of(&self, _: &str) -> Option<FieldKind> {
        None
    }
}

/// The change that makes the map of a table, and who makes it: the same on every device, so that two that do so at the
/// same time make one map. That of the root's table also says whose document it is.
pub(crate) fn genesis(id: &DocumentId, table: &str, root: Option<&str>) -> (ActorId, Encoded) {
    let digest = sha256(&[b"holdfast table ", &id[..], table.as_bytes()].concat());
    let actor = Bytes::from(&digest[..16]);
    let mut encoder = ChangeEncoder::default();
    let (names, kinds) = (Names::new(), NoKinds);
    let mut editor = Editor { encoder: &mut encoder, names: &names, kinds: &kinds, author: 0, first_op: 1 };
    editor.make_table(table);
    if let Some(root) = root {
        editor.name_root(root);
    }
    let head =
        Head { actors: std::slice::from_ref(&actor), author: 0, sequence: 1, first_op: 1, time: 0, dependencies: &[] };
    let change = encoder.finish(&head);
    (actor, change)
}

/// The operation that makes a table's map.
pub(crate) fn table_map(actor: u32) -> OpId {
    OpId { counter: 1, actor }
}

/// What is stored beside a synced row, or in its place when it is deleted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoredRow {
    Shown { stamps: Bytes },
    Hidden(HiddenRow),
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
    pub(crate) stamps: Bytes,
}

impl StoredRow {
    pub(crate) fn shown(stamps: &[u8]) -> Vec<u8> {
        [&[0], stamps].concat()
    }

    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let why = match reader.u8("synced row: kind")? {
            0 => return Ok(StoredRow::Shown { stamps: bytes.slice(1..bytes.len()) }),
            1 => Why::Deleted,
            2 => Why::Misfit,
            3 => Why::Duplicate,
            _ => return Err(Malformed("synced row: kind")),
        };
        let root = Root::from_key_part(reader.take(20, "synced row: root")?).ok_or(Malformed("synced row: root"))?;
        let creation_time = reader.f64("synced row: creation time")?;
        let length = reader.bytes("synced row: document")?.len();
        let end = reader.position();
        let document = bytes.slice(end - length..end);
        Ok(StoredRow::Hidden(HiddenRow { why, root, creation_time, document, stamps: bytes.slice(end..bytes.len()) }))
    }
}

impl HiddenRow {
    pub(crate) fn encode(why: Why, root: Root, creation_time: f64, document: &[u8], stamps: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(document.len() + stamps.len() + 36);
        out.put_u8(why as u8 + 1);
        out.extend_from_slice(&root.state_key()[1..]);
        out.put_f64(creation_time);
        out.put_bytes(document);
        out.extend_from_slice(stamps);
        out
    }
}
