//! Rows that are edited by their stamps alone, against the documents that automerge makes of the changes: by several
//! devices, which meet now and then.

use super::Kinds;
use crate::bytes::Bytes;
use crate::crdt::MergedRow;
use crate::crdt::{Arrival, ChangeEncoder, ChangeHash, Editor, Head, OpId, RowStamps};
use crate::doc::{Actors, Gate, Limits, read_row};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::random::Random;
use crate::value::Value;
use automerge::{Automerge, Change, ReadDoc};
use std::collections::BTreeMap;

/// A row as the page has it: without what only the document knows.
#[derive(Clone, PartialEq)]
pub(crate) struct PageRow {
    pub(crate) fields: FlatMap<String, Value>,
    creation_time: f64,
    pub(crate) stamps: RowStamps,
}

/// What a mutation does to a row.
pub(crate) enum Write {
    Put(FlatMap<String, Value>),
    Delete,
    Restore,
}

/// A page and its docs worker.
pub(crate) struct Device {
    names: Names,
    actors: Actors,
    author: u32,
    sequence: u64,
    max_op: u32,
    pub(crate) heads: Vec<ChangeHash>,
    table: OpId,
    pub(crate) rows: BTreeMap<String, PageRow>,
    pub(crate) document: Automerge,
    random: Random,
}

/// Makes the table's map: the same on each device.
fn genesis() -> (Vec<u8>, ChangeHash) {
    let actors = [Bytes::from(&[1; 16][..])];
    let mut encoder = ChangeEncoder::default();
    let names = Names::new();
    let mut editor = Editor { encoder: &mut encoder, names: &names, kinds: &Kinds, author: 0, first_op: 1 };
    editor.make_table("tasks");
    let head = Head { actors: &actors, author: 0, sequence: 1, first_op: 1, time: 0, message: "", dependencies: &[] };
    let encoded = encoder.finish(&head);
    (encoded.bytes, encoded.hash)
}

impl Device {
    pub(crate) fn new(number: u8, seed: u64) -> Self {
        let mut actors = Actors::default();
        // Places in the table of actors are each device's own.
        for other in 0..number {
            actors.place(&[200 + other; 5]);
        }
        let table = OpId { counter: 1, actor: actors.place(&[1; 16]) };
        let author = actors.place(&[number + 10; 16]);
        let (bytes, hash) = genesis();
        let mut document = Automerge::new();
        document.load_incremental(&bytes).unwrap();
        assert_eq!(document.get_heads(), [automerge::ChangeHash(hash)]);
        let mut names = Names::new();
        for name in ["title", "note"] {
            names.add(name);
        }
        Device {
            names,
            actors,
            author,
            sequence: 0,
            max_op: 1,
            heads: vec![hash],
            table,
            rows: BTreeMap::new(),
            document,
            random: Random::from_number(seed * 100 + u64::from(number)),
        }
    }

    fn below(&mut self, limit: u64) -> usize {
        self.random.below(limit) as usize
    }

    fn value(&mut self, levels: u64) -> Value {
        match self.below(if levels == 0 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => Value::Boolean(self.below(2) == 0),
            2 => Value::Int64(self.random.next_u64() as i64),
            3 => Value::Float64([0.0, -0.0, 1.5, f64::NAN, 1e300, 7.0][self.below(6)]),
            4 => Value::Bytes(vec![1; self.below(4)]),
            5 => Value::String(["", "a", "ü🙂"][self.below(3)].into()),
            6 => Value::Array((0..self.below(5)).map(|_| self.value(levels - 1)).collect()),
            _ => {
                let mut fields = FlatMap::new();
                for _ in 0..self.below(4) {
                    fields.insert(["x", "y", "z"][self.below(3)].to_string(), self.value(levels - 1));
                }
                Value::Object(fields)
            }
        }
    }

    fn letters(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        let at = self.below(letters.len() as u64 + 1);
        let removed = self.below(3).min(letters.len() - at);
        let added = ["", "b", "aa", "語🙂x"][self.below(4)];
        letters.splice(at..at + removed, added.chars());
        letters.into_iter().collect()
    }

    /// Another value, near the one before if there was one.
    fn changed(&mut self, before: Option<&Value>) -> Value {
        match before {
            Some(Value::Array(items)) if self.below(4) > 0 => {
                let mut items = items.clone();
                let at = self.below(items.len() as u64 + 1);
                match self.below(3) {
                    0 if at < items.len() => drop(items.remove(at)),
                    1 if at < items.len() => items[at] = self.changed(Some(&items[at].clone())),
                    _ => items.insert(at, self.value(1)),
                }
                Value::Array(items)
            }
            Some(Value::Object(fields)) if self.below(4) > 0 => {
                let mut fields = fields.clone();
                let name = ["x", "y", "z"][self.below(3)];
                let value = self.changed(fields.get(name));
                if self.below(3) == 0 {
                    drop(fields.remove(name))
                } else {
                    drop(fields.insert(name.to_string(), value))
                }
                Value::Object(fields)
            }
            _ => self.value(2),
        }
    }

    fn edited(&mut self, fields: &FlatMap<String, Value>) -> FlatMap<String, Value> {
        let mut fields = fields.clone();
        for _ in 0..=self.below(3) {
            let name = ["title", "note", "votes", "list", "meta", "any"][self.below(6)];
            if self.below(6) == 0 {
                fields.remove(name);
                continue;
            }
            let before = fields.get(name).cloned();
            let value = match (name, &before) {
                ("title", _) => Value::String(format!("title {}", self.below(9))),
                ("note", Some(Value::String(text))) if self.below(8) > 0 => Value::String(self.letters(text)),
                ("note", _) => Value::String("abc".into()),
                ("votes", Some(Value::Float64(number))) if self.below(8) > 0 => {
                    Value::Float64(number + self.below(5) as f64 - 2.0)
                }
                ("votes", _) => Value::Float64([5.0, 0.5, -0.0][self.below(3)]),
                _ => self.changed(before.as_ref()),
            };
            fields.insert(name.to_string(), value);
        }
        fields
    }

    /// One mutation: some rows are made, edited, deleted and restored, without a look at the document.
    pub(crate) fn mutate(&mut self) {
        let mut encoder = ChangeEncoder::default();
        for _ in 0..=self.below(3) {
            let id = format!("row {}", self.below(4));
            let row = self.rows.get(&id).cloned();
            let what = self.below(8);
            let after = self.edited(row.as_ref().map_or(&FlatMap::new(), |row| &row.fields));
            let write = match what {
                0 if row.is_some() => Write::Delete,
                1 if row.is_some() => Write::Restore,
                _ => Write::Put(after),
            };
            self.write(&mut encoder, &id, write);
        }
        let time = 1_700_000_000 + self.below(20) as i64;
        self.commit(encoder, time);
    }

    /// A write of a mutation.
    pub(crate) fn write(&mut self, encoder: &mut ChangeEncoder, id: &str, write: Write) {
        let (names, author, first_op) = (&self.names, self.author, self.max_op + 1);
        let mut editor = Editor { encoder, names, kinds: &Kinds, author, first_op };
        let row = match (self.rows.get(id).cloned(), write) {
            (None, Write::Put(after)) => {
                let creation_time = 1000.0 + self.rows.len() as f64;
                let bytes = document::encode(&Value::Object(after.clone()), names);
                let object = Document::new(&bytes).object().unwrap();
                let stamps = editor.insert_row(self.table, id, creation_time, &Arrival::default(), object).unwrap();
                PageRow { fields: after, creation_time, stamps }
            }
            (Some(mut row), Write::Put(after)) => {
                // Stamps are kept as bytes between two writes.
                let before = document::encode(&Value::Object(row.fields), names);
                let before = Document::new(&before).object().unwrap();
                row.stamps = RowStamps::decode(&row.stamps.encode(), before).unwrap();
                let bytes = document::encode(&Value::Object(after.clone()), names);
                editor.update_row(&mut row.stamps, before, Document::new(&bytes).object().unwrap(), &[]).unwrap();
                row.fields = after;
                row
            }
            (row, Write::Delete) => {
                let mut row = row.expect("there is a row");
                editor.delete_row(&mut row.stamps, 5.0);
                row
            }
            (row, Write::Restore) => {
                let mut row = row.expect("there is a row");
                editor.restore_row(&mut row.stamps);
                row
            }
        };
        self.rows.insert(id.to_string(), row);
    }

    /// Makes the writes of a mutation a change.
    pub(crate) fn commit(&mut self, encoder: ChangeEncoder, time: i64) {
        if encoder.len() == 0 {
            return;
        }
        let count = encoder.len();
        let change = encoder.finish(&Head {
            actors: self.actors.list(),
            author: self.author,
            sequence: self.sequence + 1,
            first_op: self.max_op + 1,
            time,
            message: "",
            dependencies: &self.heads,
        });
        self.sequence += 1;
        self.max_op += count;
        self.heads = vec![change.hash];
        // The docs worker hears of it later.
        self.document.apply_changes([Change::from_bytes(change.bytes).unwrap()]).unwrap();
        assert_eq!(self.document.get_heads(), [automerge::ChangeHash(change.hash)]);
    }

    /// What the document says of the rows.
    fn merged(&mut self) -> BTreeMap<String, MergedRow> {
        let (_, table) = self.document.get(automerge::ROOT, "tasks").unwrap().unwrap();
        let ids: Vec<String> = self.document.keys(&table).collect();
        let (document, actors) = (&self.document, &mut self.actors);
        ids.into_iter().map(|id| (id.clone(), read_row(document, &table, &id, actors).unwrap())).collect()
    }

    /// The rows are what the document says, stamps included.
    fn check(&mut self, hint: &str) {
        let merged = self.merged();
        assert_eq!(self.rows.keys().collect::<Vec<_>>(), merged.keys().collect::<Vec<_>>(), "{hint}");
        for (id, theirs) in merged {
            let row = &self.rows[&id];
            assert_eq!(row.fields, theirs.fields, "{hint}, {id}");
            assert_eq!(row.creation_time, theirs.creation_time, "{hint}, {id}");
            assert_eq!(row.stamps, theirs.stamps, "{hint}, {id}");
        }
    }

    pub(crate) fn meet(&mut self, other: &mut Device) {
        self.document.merge(&mut other.document).unwrap();
        other.document.merge(&mut self.document).unwrap();
        for device in [self, other] {
            device.heads = device.document.get_heads().iter().map(|hash| hash.0).collect();
            let changes = device.document.get_changes(&[]);
            device.max_op = changes.iter().map(|change| change.max_op() as u32).max().unwrap();
            let merged = device.merged();
            device.rows = merged
                .into_iter()
                .map(|(id, MergedRow { fields, creation_time, stamps, .. })| {
                    (id, PageRow { fields, creation_time, stamps })
                })
                .collect();
        }
    }
}

#[test]
fn rows_that_are_edited_by_stamps_are_what_documents_say() {
    for seed in crate::random::seeds(150) {
        let mut random = Random::from_number(seed);
        let mut devices: Vec<Device> = (0..3).map(|number| Device::new(number, seed)).collect();
        for step in 0..40 {
            let at = random.below(3) as usize;
            devices[at].mutate();
            devices[at].check(&format!("seed {seed}, step {step}"));
            if random.below(6) == 0 {
                let mut one = devices.remove(at);
                let other = random.below(2) as usize;
                one.meet(&mut devices[other]);
                devices.insert(at, one);
            }
        }
        for device in &devices {
            let loaded = Automerge::load(&device.document.save()).unwrap();
            assert_eq!(loaded.get_heads(), device.document.get_heads(), "seed {seed}");
            // Other devices let through what this one has written.
            let changes = device.document.get_changes(&[]);
            let chunks: Vec<u8> = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
            let admitted = Gate::new(Limits::default()).admit(&chunks);
            assert_eq!((admitted.changes.len(), admitted.refused), (changes.len(), vec![]), "seed {seed}");
        }
    }
}
