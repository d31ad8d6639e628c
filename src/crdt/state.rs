//! What a tab knows of a CRDT document: enough to write to it.
//!
//! ```text
//! state  := id:16 max_op:varint actors:varint heads:varint (hash:32)* tables:varint (name:string actor:varint
//!           counter:varint taken:u8)*
//! ```
//! `actor` and `counter` name the operation that has made a table's map; `taken` is 0 for a table whose rows are in the document alone,
//! because the schema does not know it or it is not synced here, and 1 otherwise.

use super::edit::Editor;
use super::encoder::{ChangeEncoder, ChangeHash, Encoded, Head};
use super::op::{ActorId, OpId};
use super::{FieldKind, FieldKinds};
use crate::bytes::{Bytes, Malformed, Reader, Write};
use crate::document::Names;
use crate::flat_map::FlatMap;
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
    /// Tables that have a map.
    pub(crate) tables: FlatMap<String, TableMap>,
}

/// The map of a table in a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TableMap {
    /// What has made it.
    pub(crate) map: OpId,
    /// Whether its rows are those of a table here.
    pub(crate) is_taken: bool,
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
        for (name, map) in &self.tables {
            out.put_bytes(name.as_bytes());
            out.put_varint(map.map.actor.into());
            out.put_varint(map.map.counter.into());
            out.put_u8(map.is_taken.into());
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
            let actor = number(&mut reader, "document: actor of a table")?;
            let map = OpId { actor, counter: number(&mut reader, "document: operation of a table")? };
            let is_taken = match reader.u8("document: whether a table is known")? {
                0 => false,
                1 => true,
                _ => return Err(Malformed("document: whether a table is known")),
            };
            tables.insert(name, TableMap { map, is_taken });
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
    let head = Head {
        actors: std::slice::from_ref(&actor),
        author: 0,
        sequence: 1,
        first_op: 1,
        time: 0,
        message: "",
        dependencies: &[],
    };
    let change = encoder.finish(&head);
    (actor, change)
}

/// The operation that makes a table's map.
pub(crate) fn table_map(actor: u32) -> OpId {
    OpId { counter: 1, actor }
}
