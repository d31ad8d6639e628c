//! One change, as automerge stores and sends it. The bytes are the very ones that automerge makes of the same operations,
//! since documents are checked by the hashes of their changes.
//!
//! ```text
//! chunk  := 85 6f 4a 83 checksum:4 01 length:varint change       checksum: the first bytes of the hash
//! hash   := SHA-256(01 length:varint change)
//! change := deps:varint hash*  actor:bytes  sequence:varint  first_op:varint  time:signed  message:bytes
//!           others:varint (actor:bytes)*  columns:varint (kind:varint length:varint)*  the columns' bytes
//! ```
//! The hashes ascend, and so do the other actors: those that operations refer to. In columns an actor is its place here,
//! from 1, or 0 for the author.

use super::column::{DeltaColumn, FlagColumn, RunColumn, put_signed};
use super::op::{Action, ActorId, Element, Key, Object, Op, OpId, Scalar};
use crate::bytes::{Reader, Write};
use crate::sha256::sha256;
use crate::sort::{sort, sort_by};

/// Names a change by its content.
pub(crate) type ChangeHash = [u8; 32];

/// What a change says beside its operations.
pub(crate) struct Head<'a> {
    /// The document's table of actors, to which operations refer.
    pub(crate) actors: &'a [ActorId],
    /// The author's place in it.
    pub(crate) author: u32,
    /// Counts the author's changes to this document from 1.
    pub(crate) sequence: u64,
    /// The counter of the first operation.
    pub(crate) first_op: u32,
    /// Seconds since 1970.
    pub(crate) time: i64,
    /// What it says of itself; nothing, as a rule.
    pub(crate) message: &'a str,
    /// The changes that this one follows: the document's heads.
    pub(crate) dependencies: &'a [ChangeHash],
}

/// A change that is complete.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoded {
    pub(crate) hash: ChangeHash,
    /// The chunk.
    pub(crate) bytes: Vec<u8>,
}

mod kind {
    pub(super) const OBJECT_ACTOR: u64 = 0x01;
    pub(super) const OBJECT_COUNTER: u64 = 0x02;
    pub(super) const KEY_ACTOR: u64 = 0x11;
    pub(super) const KEY_COUNTER: u64 = 0x13;
    pub(super) const KEY_NAME: u64 = 0x15;
    pub(super) const INSERT: u64 = 0x34;
    pub(super) const ACTION: u64 = 0x42;
    pub(super) const VALUE_KIND: u64 = 0x56;
    pub(super) const VALUE: u64 = 0x57;
    pub(super) const PREDECESSOR_COUNT: u64 = 0x70;
    pub(super) const PREDECESSOR_ACTOR: u64 = 0x71;
    pub(super) const PREDECESSOR_COUNTER: u64 = 0x73;
}

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;

/// Collects operations into columns.
#[derive(Default)]
pub(crate) struct ChangeEncoder {
    count: u32,
    /// Places in the table of actors, plus 1; 0 where there is none. What they are in the change is known at its end.
    object_actors: Vec<u32>,
    object_counters: RunColumn,
    key_actors: Vec<u32>,
    key_counters: DeltaColumn,
    key_names: RunColumn,
    inserts: FlagColumn,
    actions: RunColumn,
    value_kinds: RunColumn,
    values: Vec<u8>,
    predecessor_counts: RunColumn,
    predecessors: Vec<OpId>,
    /// Where the predecessors of an operation with more than one begin and end: they are still to be sorted.
    conflicts: Vec<(u32, u32)>,
}

impl ChangeEncoder {
    /// How many operations it has.
    pub(crate) fn len(&self) -> u32 {
        self.count
    }

    /// Appends an operation.
    pub(crate) fn push(&mut self, op: &Op<'_>) {
        self.count += 1;
        self.push_object(op.object);
        self.push_key(op.key);
        self.inserts.push(matches!(op.key, Key::Behind(_)));
        self.push_action(op.action);
        self.predecessor_counts.push_number(op.predecessors.len() as u64);
        let start = self.predecessors.len() as u32;
        self.predecessors.extend_from_slice(op.predecessors);
        if op.predecessors.len() > 1 {
            self.conflicts.push((start, self.predecessors.len() as u32));
        }
    }

    fn push_object(&mut self, object: Object) {
        match object {
            Object::Root => {
                self.object_actors.push(0);
                self.object_counters.push_missing();
            }
            Object::Made(OpId { counter, actor }) => {
                self.object_actors.push(actor + 1);
                self.object_counters.push_number(u64::from(counter));
            }
        }
    }

    fn push_key(&mut self, key: Key<'_>) {
        match key {
            Key::Name(name) => {
                self.key_actors.push(0);
                self.key_counters.push_missing();
                self.key_names.push(|out| out.put_bytes(name.as_bytes()));
                return;
            }
            Key::Behind(Element::Head) => {
                self.key_actors.push(0);
                self.key_counters.push(0);
            }
            Key::Behind(Element::Inserted(id)) | Key::At(id) => {
                self.key_actors.push(id.actor + 1);
                self.key_counters.push(id.counter);
            }
        }
        self.key_names.push_missing();
    }

    fn push_action(&mut self, action: Action<'_>) {
        let (number, scalar) = match action {
            Action::MakeMap => (0, Scalar::Null),
            Action::Set(scalar) => (1, scalar),
            Action::MakeList => (2, Scalar::Null),
            Action::Delete => (3, Scalar::Null),
            Action::MakeText => (4, Scalar::Null),
            Action::Increment(by) => (5, Scalar::Int(by)),
        };
        self.actions.push_number(number);
        self.push_value(scalar);
    }

    fn push_value(&mut self, scalar: Scalar<'_>) {
        let start = self.values.len();
        let kind = match scalar {
            Scalar::Null => 0,
            Scalar::Boolean(false) => 1,
            Scalar::Boolean(true) => 2,
            Scalar::Int(number) => {
                put_signed(&mut self.values, number);
                4
            }
            Scalar::Float(number) => {
                self.values.put_f64(number);
                5
            }
            Scalar::Text(text) => {
                self.values.extend_from_slice(text.as_bytes());
                6
            }
            Scalar::Bytes(bytes) => {
                self.values.extend_from_slice(bytes);
                7
            }
            Scalar::Counter(number) => {
                put_signed(&mut self.values, number);
                8
            }
        };
        let length = (self.values.len() - start) as u64;
        self.value_kinds.push_number(length << 4 | kind);
    }

    /// The change.
    pub(crate) fn finish(mut self, head: &Head<'_>) -> Encoded {
        let actors = head.actors;
        for (start, end) in std::mem::take(&mut self.conflicts) {
            self.predecessors[start as usize..end as usize].sort_unstable_by(|a, b| {
                a.counter.cmp(&b.counter).then_with(|| actors[a.actor as usize].cmp(&actors[b.actor as usize]))
            });
        }
        let places = Places::new(&self, head);
        let mut predecessor_actors = RunColumn::default();
        let mut predecessor_counters = DeltaColumn::default();
        for id in &self.predecessors {
            predecessor_actors.push_number(places.of(id.actor));
            predecessor_counters.push(id.counter);
        }
        let columns = [
            (kind::OBJECT_ACTOR, places.column(&self.object_actors)),
            (kind::OBJECT_COUNTER, self.object_counters.finish()),
            (kind::KEY_ACTOR, places.column(&self.key_actors)),
            (kind::KEY_COUNTER, self.key_counters.finish()),
            (kind::KEY_NAME, self.key_names.finish()),
            (kind::INSERT, self.inserts.finish()),
            (kind::ACTION, self.actions.finish()),
            (kind::VALUE_KIND, self.value_kinds.finish()),
            (kind::VALUE, self.values),
            (kind::PREDECESSOR_COUNT, self.predecessor_counts.finish()),
            (kind::PREDECESSOR_ACTOR, predecessor_actors.finish()),
            (kind::PREDECESSOR_COUNTER, predecessor_counters.finish()),
        ];
        let size: usize = columns.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut data = Vec::with_capacity(size + 128);
        data.put_varint(head.dependencies.len() as u64);
        let mut dependencies = head.dependencies.to_vec();
        sort(&mut dependencies);
        for hash in &dependencies {
            data.extend_from_slice(hash);
        }
        data.put_bytes(&actors[head.author as usize]);
        data.put_varint(head.sequence);
        data.put_varint(u64::from(head.first_op));
        put_signed(&mut data, head.time);
        data.put_bytes(head.message.as_bytes());
        data.put_varint(places.others.len() as u64);
        for &other in &places.others {
            data.put_bytes(&actors[other as usize]);
        }
        let used = columns.iter().filter(|(_, bytes)| !bytes.is_empty());
        data.put_varint(used.clone().count() as u64);
        for (kind, bytes) in used.clone() {
            data.put_varint(*kind);
            data.put_varint(bytes.len() as u64);
        }
        for (_, bytes) in used {
            data.extend_from_slice(bytes);
        }
        chunk(&data)
    }
}

/// The length of the chunk that bytes begin with, if they begin with one.
pub(crate) fn chunk_length(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(bytes.strip_prefix(&MAGIC)?);
    reader.take(5, "chunk: checksum and kind").ok()?;
    let length = usize::try_from(reader.varint("chunk: length").ok()?).ok()?;
    (MAGIC.len() + reader.position()).checked_add(length)
}

fn chunk(data: &[u8]) -> Encoded {
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.put_u8(CHANGE_CHUNK);
    bytes.put_bytes(data);
    let hash = sha256(&bytes[8..]);
    bytes[4..8].copy_from_slice(&hash[..4]);
    Encoded { hash, bytes }
}

/// Where actors stand in a change.
struct Places {
    author: u32,
    /// Those but the author, in the order of their names.
    others: Vec<u32>,
    /// The same as (place in the document's table, place in the change), ascending.
    places: Vec<(u32, u64)>,
}

impl Places {
    fn new(encoder: &ChangeEncoder, head: &Head<'_>) -> Self {
        let author = head.author;
        let references = encoder.object_actors.iter().chain(&encoder.key_actors).filter(|&&actor| actor > 0);
        let all = references.map(|actor| actor - 1).chain(encoder.predecessors.iter().map(|id| id.actor));
        let mut others = Vec::new();
        let mut before = author;
        for actor in all {
            // Most are the one before, or the author.
            if actor != before && actor != author {
                others.push(actor);
            }
            before = actor;
        }
        sort(&mut others);
        others.dedup();
        sort_by(&mut others, |&a, &b| head.actors[a as usize].cmp(&head.actors[b as usize]));
        let mut places: Vec<(u32, u64)> = others.iter().copied().zip(1..).collect();
        sort(&mut places);
        Places { author, others, places }
    }

    fn of(&self, actor: u32) -> u64 {
        if actor == self.author {
            return 0;
        }
        let at = self.places.binary_search_by_key(&actor, |&(actor, _)| actor).expect("all were collected");
        self.places[at].1
    }

    fn column(&self, actors: &[u32]) -> Vec<u8> {
        let mut column = RunColumn::default();
        for &actor in actors {
            match actor.checked_sub(1) {
                Some(actor) => column.push_number(self.of(actor)),
                None => column.push_missing(),
            }
        }
        column.finish()
    }
}
