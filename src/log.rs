//! Log records: what one commit changed, complete in itself.
//!
//! Applying a record never reads a page, in any tab: it carries the new row and, where an update or a
//! delete moves index entries, the old keys. Index entries of new rows are derived from the row and the
//! schema in force at that point of the log, which every tab knows alike.
//!
//! ```text
//! record := version:u8 session:u64 counter:varint schema_version:varint
//!           kinds:u8 [schema:bytes] [progress] count:varint table* [count:varint crdt*] checksum:u32
//! table  := table:varint count:varint row*
//! row    := kind:u8 creation_time:f64 id:16 [document:bytes] [old keys]
//! old    := count:varint (index:varint fields:bytes)*
//! crdt   := 00 key:bytes value:bytes    another value | 01 key:bytes value:bytes    a new key | 02 key:bytes    a key less
//! ```

use crate::bytes::{Bytes, Malformed, Reader, Write, checksum};
use crate::crdt::IS_BUILT_IN;
use crate::keyspace::{self, IndexId, Place, RowId, TableId};
use std::rc::Rc;

const VERSION: u8 = 1;
const HAS_SCHEMA: u8 = 1;
const HAS_PROGRESS: u8 = 2;
const HAS_CRDT: u8 = 4;

/// Why a record could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// Written by a newer version of Holdfast.
    Newer,
    /// Damaged.
    Malformed(Malformed),
}

impl From<Malformed> for RecordError {
    fn from(malformed: Malformed) -> Self {
        RecordError::Malformed(malformed)
    }
}

/// Names one append to the log: drawn by a tab at open, and how many it made before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitId {
    /// The tab's session: random, never resumed.
    pub session: u64,
    /// Counts the session's appends from 1; a failed one leaves a gap.
    pub counter: u64,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Insert,
    /// Its fields changed.
    Update,
    /// It is gone.
    Delete,
}

/// An index entry's field part: what lies between the index's prefix and the row's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldKey {
    /// Which index.
    pub index: IndexId,
    /// The key bytes of the index's fields before the change.
    pub fields: Bytes,
}

/// One changed row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowChange {
    /// Its table.
    pub table: TableId,
    /// Its place, which never changes.
    pub place: Place,
    /// What happened.
    pub kind: ChangeKind,
    /// The document after the change; empty for a delete.
    pub document: Bytes,
    /// Update: entries that moved. Delete: all entries. Insert: none. Sorted by index.
    pub old_keys: Vec<OldKey>,
}

/// A step of building or removing an index: entries for rows up to a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Which index.
    pub index: IndexId,
    /// Where this step began; it applies only if the index stands there.
    pub from: Option<Bytes>,
    /// Where it ends.
    pub to: Stage,
    /// Entry keys that this step adds (building) or removes (dropping), ascending.
    pub keys: Vec<Bytes>,
}

/// Where an index stands after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Entries exist for rows up to this row key (building), or are removed below it (dropping).
    Upto(Bytes),
    /// Complete: built, or removed.
    Finished,
}

/// What becomes of a key of CRDT documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrdtEntry {
    /// The key.
    pub key: Bytes,
    /// Its value from now on; `None` if it is gone.
    pub value: Option<Bytes>,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl CrdtEntry {
    /// The effect on the number of keys.
    pub fn delta(&self) -> i8 {
        match self.value {
            None => -1,
            Some(_) => i8::from(self.is_new),
        }
    }
}

/// One append to the log: one or more mutations that become visible together.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Who wrote it.
    pub commit: CommitId,
    /// The schema version that its rows were made under.
    pub schema_version: u64,
    /// A new schema, in its encoded form.
    pub schema: Option<Bytes>,
    /// A step of index maintenance.
    pub progress: Option<Progress>,
    /// Changed rows, a part for each mutation; a row changed by two of them stands in both, in order.
    pub parts: Vec<Rc<Vec<RowChange>>>,
    /// Keys of CRDT documents, in order.
    pub crdt: Vec<CrdtEntry>,
}

impl Record {
    /// A record that says nothing.
    pub fn empty() -> Self {
        let commit = CommitId { session: 0, counter: 0 };
        Record { commit, schema_version: 0, schema: None, progress: None, parts: Vec::new(), crdt: Vec::new() }
    }

    /// The changed rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &RowChange> {
        self.parts.iter().flat_map(|part| part.iter())
    }

    /// The stored bytes.
    pub fn encode(&self) -> Vec<u8> {
        let size: usize = self.rows().map(|row| row.document.len() + 32).sum();
        let mut out = Vec::with_capacity(size + 64);
        out.put_u8(VERSION);
        out.put_u64(self.commit.session);
        out.put_varint(self.commit.counter);
        out.put_varint(self.schema_version);
        let has = |is: bool, kind: u8| if is { kind } else { 0 };
        let kinds = has(self.schema.is_some(), HAS_SCHEMA)
            | has(self.progress.is_some(), HAS_PROGRESS)
            | has(IS_BUILT_IN && !self.crdt.is_empty(), HAS_CRDT);
        out.put_u8(kinds);
        if let Some(schema) = &self.schema {
            out.put_bytes(schema);
        }
        if let Some(progress) = &self.progress {
            encode_progress(progress, &mut out);
        }
        let groups: Vec<&[RowChange]> =
            self.parts.iter().flat_map(|part| part.chunk_by(|a, b| a.table == b.table)).collect();
        out.put_varint(groups.len() as u64);
        for group in groups {
            out.put_varint(u64::from(group[0].table.0));
            out.put_varint(group.len() as u64);
            for row in group {
                encode_row(row, &mut out);
            }
        }
        if IS_BUILT_IN && !self.crdt.is_empty() {
            encode_crdt(&self.crdt, &mut out);
        }
        let sum = checksum(&out);
        out.put_u32(sum);
        out
    }

    /// Reads stored bytes; documents and keys share the buffer.
    pub fn decode(bytes: &Bytes) -> Result<Record, RecordError> {
        let body_length = bytes.len().checked_sub(4).ok_or(Malformed("record: too short"))?;
        let (body, sum) = bytes.split_at(body_length);
        // Before the version, so that damage is not taken for a newer format: all versions end in this sum.
        if sum != checksum(body).to_le_bytes() {
            return Err(Malformed("record: checksum").into());
        }
        let mut reader = Reader::new(body);
        match reader.u8("record: version")? {
            VERSION => {}
            0 => return Err(Malformed("record: version").into()),
            _ => return Err(RecordError::Newer),
        }
        let commit = CommitId { session: reader.u64("record: session")?, counter: reader.varint("record: counter")? };
        let schema_version = reader.varint("record: schema version")?;
        let kinds = reader.u8("record: kinds")?;
        if kinds & !(HAS_SCHEMA | HAS_PROGRESS | if IS_BUILT_IN { HAS_CRDT } else { 0 }) != 0 {
            return Err(RecordError::Newer);
        }
        let schema = if kinds & HAS_SCHEMA != 0 { Some(shared(bytes, &mut reader, "record: schema")?) } else { None };
        let progress = if kinds & HAS_PROGRESS != 0 { Some(decode_progress(bytes, &mut reader)?) } else { None };
        let mut rows = Vec::new();
        for _ in 0..reader.varint("record: tables")? {
            let table = TableId(number(&mut reader, "record: table")?);
            let count = reader.length(reader.remaining(), "record: rows")?;
            rows.reserve(count);
            for _ in 0..count {
                rows.push(decode_row(bytes, table, &mut reader)?);
            }
        }
        let crdt = if IS_BUILT_IN && kinds & HAS_CRDT != 0 { decode_crdt(bytes, &mut reader)? } else { Vec::new() };
        reader.finish("record: left over")?;
        let parts = if rows.is_empty() { Vec::new() } else { vec![Rc::new(rows)] };
        Ok(Record { commit, schema_version, schema, progress, parts, crdt })
    }
}

fn encode_crdt(entries: &[CrdtEntry], out: &mut Vec<u8>) {
    out.put_varint(entries.len() as u64);
    for CrdtEntry { key, value, is_new } in entries {
        out.put_u8(if value.is_none() { 2 } else { u8::from(*is_new) });
        out.put_bytes(key);
        if let Some(value) = value {
            out.put_bytes(value);
        }
    }
}

fn decode_crdt(bytes: &Bytes, reader: &mut Reader<'_>) -> Result<Vec<CrdtEntry>, RecordError> {
    let count = reader.length(reader.remaining(), "record: keys of CRDT documents")?;
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = reader.u8("record: change of a key")?;
        if kind > 2 {
            return Err(Malformed("record: change of a key").into());
        }
        let key = shared(bytes, reader, "record: key")?;
        if keyspace::kind(&key).is_none() || &*key < keyspace::CRDT_KEYS {
            return Err(Malformed("record: key").into());
        }
        let value = if kind < 2 { Some(shared(bytes, reader, "record: value")?) } else { None };
        entries.push(CrdtEntry { key, value, is_new: kind == 1 });
    }
    Ok(entries)
}

fn number(reader: &mut Reader<'_>, what: &'static str) -> Result<u32, Malformed> {
    u32::try_from(reader.varint(what)?).map_err(|_| Malformed(what))
}

/// A length-prefixed part of `buffer`, which `reader` walks, without copying it.
fn shared(buffer: &Bytes, reader: &mut Reader<'_>, what: &'static str) -> Result<Bytes, Malformed> {
    let length = reader.bytes(what)?.len();
    Ok(buffer.slice(reader.position() - length..reader.position()))
}

fn encode_row(row: &RowChange, out: &mut Vec<u8>) {
    out.put_u8(match row.kind {
        ChangeKind::Insert => 0,
        ChangeKind::Update => 1,
        ChangeKind::Delete => 2,
    });
    out.put_f64(row.place.creation_time);
    out.extend_from_slice(&row.place.id.0);
    if row.kind != ChangeKind::Delete {
        out.put_bytes(&row.document);
    }
    if row.kind != ChangeKind::Insert {
        out.put_varint(row.old_keys.len() as u64);
        for old in &row.old_keys {
            out.put_varint(u64::from(old.index.0));
            out.put_bytes(&old.fields);
        }
    }
}

fn decode_row(buffer: &Bytes, table: TableId, reader: &mut Reader<'_>) -> Result<RowChange, Malformed> {
    let kind = match reader.u8("row: kind")? {
        0 => ChangeKind::Insert,
        1 => ChangeKind::Update,
        2 => ChangeKind::Delete,
        _ => return Err(Malformed("row: kind")),
    };
    let creation_time = reader.f64("row: creation time")?;
    if !creation_time.is_finite() {
        return Err(Malformed("row: creation time"));
    }
    let id = RowId(reader.take(16, "row: id")?.try_into().expect("sixteen bytes"));
    let document = if kind == ChangeKind::Delete { Bytes::default() } else { shared(buffer, reader, "row: document")? };
    let mut old_keys = Vec::new();
    if kind != ChangeKind::Insert {
        for _ in 0..reader.length(reader.remaining(), "row: old keys")? {
            let index = IndexId(number(reader, "row: index")?);
            old_keys.push(OldKey { index, fields: shared(buffer, reader, "row: old key")? });
        }
    }
    Ok(RowChange { table, place: Place { creation_time, id }, kind, document, old_keys })
}

fn encode_progress(progress: &Progress, out: &mut Vec<u8>) {
    out.put_varint(u64::from(progress.index.0));
    match &progress.from {
        None => out.put_u8(0),
        Some(from) => {
            out.put_u8(1);
            out.put_bytes(from);
        }
    }
    match &progress.to {
        Stage::Finished => out.put_u8(0),
        Stage::Upto(to) => {
            out.put_u8(1);
            out.put_bytes(to);
        }
    }
    out.put_varint(progress.keys.len() as u64);
    for key in &progress.keys {
        out.put_bytes(key);
    }
}

fn decode_progress(buffer: &Bytes, reader: &mut Reader<'_>) -> Result<Progress, Malformed> {
    let index = IndexId(number(reader, "progress: index")?);
    let from = match reader.u8("progress: from")? {
        0 => None,
        1 => Some(shared(buffer, reader, "progress: from")?),
        _ => return Err(Malformed("progress: from")),
    };
    let to = match reader.u8("progress: to")? {
        0 => Stage::Finished,
        1 => Stage::Upto(shared(buffer, reader, "progress: to")?),
        _ => return Err(Malformed("progress: to")),
    };
    let count = reader.length(reader.remaining(), "progress: keys")?;
    let keys = (0..count).map(|_| shared(buffer, reader, "progress: key")).collect::<Result<_, _>>()?;
    Ok(Progress { index, from, to, keys })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(n: u8) -> Place {
        Place { creation_time: f64::from(n) * 1.5, id: RowId([n; 16]) }
    }

    fn sample() -> Record {
        let old = |index, text: &str| OldKey { index: IndexId(index), fields: Bytes::from(text.as_bytes()) };
        let change = |table, n, kind, document: &str, old_keys| RowChange {
            table: TableId(table),
            place: place(n),
            kind,
            document: Bytes::from(document.as_bytes()),
            old_keys,
        };
        Record {
            commit: CommitId { session: 0x1122_3344_5566_7788, counter: 300 },
            schema_version: 7,
            schema: Some(Bytes::from(&b"schema"[..])),
            progress: Some(Progress {
                index: IndexId(4),
                from: Some(Bytes::from(&b"a"[..])),
                to: Stage::Upto(Bytes::from(&b"b"[..])),
                keys: vec![Bytes::from(&b"k1"[..]), Bytes::from(&b"k2"[..])],
            }),
            parts: vec![Rc::new(vec![
                change(1, 1, ChangeKind::Insert, "new", vec![]),
                change(1, 2, ChangeKind::Update, "changed", vec![old(3, "before")]),
                change(2, 3, ChangeKind::Delete, "", vec![old(1, "x"), old(2, "")]),
                change(1, 1, ChangeKind::Update, "again", vec![]),
            ])],
            crdt: Vec::new(),
        }
    }

    /// With keys of CRDT documents.
    fn synced_sample() -> Record {
        let root = keyspace::Root { table: TableId(1), id: RowId([2; 16]) };
        let stamps = |n| Bytes::from(&keyspace::stamps_key(TableId(1), &RowId([n; 16]))[..]);
        let crdt = vec![
            CrdtEntry { key: stamps(1), value: Some(Bytes::from(&b"stamps"[..])), is_new: true },
            CrdtEntry { key: stamps(2), value: Some(Bytes::from(&b"others"[..])), is_new: false },
            CrdtEntry { key: stamps(3), value: None, is_new: false },
            CrdtEntry {
                key: Bytes::from(&root.state_key()[..]),
                value: Some(Bytes::from(&b"state"[..])),
                is_new: true,
            },
            CrdtEntry { key: root.actor_key(7).into(), value: Some(Bytes::from(&b"actor"[..])), is_new: true },
            CrdtEntry { key: root.changes_key(300).into(), value: Some(Bytes::from(&b"change"[..])), is_new: true },
        ];
        Record { crdt, schema: None, progress: None, ..sample() }
    }

    #[test]
    fn a_row_was_made_at_some_time() {
        for time in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut record = sample();
            let rows = Rc::make_mut(&mut record.parts[0]);
            rows[0].place.creation_time = time;
            let read = Record::decode(&Bytes::new(record.encode()));
            assert_eq!(read, Err(Malformed("row: creation time").into()));
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for record in [sample(), synced_sample()] {
            assert_eq!(Record::decode(&Bytes::new(record.encode())), Ok(record));
        }
    }

    #[test]
    fn the_format_stays() {
        crate::golden::check("record-everything", &sample().encode());
        crate::golden::check("record-synced", &synced_sample().encode());
        crate::golden::check("record-nothing", &Record::empty().encode());
    }

    /// With a new checksum.
    fn resealed(mut bytes: Vec<u8>) -> Bytes {
        bytes.truncate(bytes.len() - 4);
        let sum = checksum(&bytes);
        bytes.put_u32(sum);
        Bytes::new(bytes)
    }

    #[test]
    fn a_record_of_a_newer_version_says_so() {
        let mut bytes = sample().encode();
        bytes[0] = 9;
        assert_eq!(Record::decode(&resealed(bytes)), Err(RecordError::Newer));
    }

    #[test]
    fn a_damaged_version_is_no_newer_one() {
        let mut bytes = sample().encode();
        bytes[0] = 9;
        assert!(matches!(Record::decode(&Bytes::new(bytes)), Err(RecordError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn damage_is_found(position in 0usize..4096, bit in 0u8..8) {
            let mut bytes = sample().encode();
            let position = position % bytes.len();
            bytes[position] ^= 1 << bit;
            prop_assert!(Record::decode(&Bytes::new(bytes)).is_err());
        }

        #[test]
        fn bytes_from_outside_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..300) {
            let _ = Record::decode(&Bytes::new(bytes.clone()));
            // With a right version and checksum, so that the walk behind them is reached.
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            let sum = checksum(&bytes);
            bytes.put_u32(sum);
            let _ = Record::decode(&Bytes::new(bytes));
            let mut whole = sample().encode();
            whole.truncate(cut.min(whole.len()));
            let sum = checksum(&whole);
            whole.put_u32(sum);
            let _ = Record::decode(&Bytes::new(whole));
        }
    }
}
