//! The bytes of a change are those of automerge.

use crate::bytes::Bytes;
use crate::crdt::{Action, ActorId, ChangeEncoder, Element, Encoded, Head, Key, Object, Op, OpId, Scalar};
use crate::doc::Actors;
use crate::random::Random;
use automerge::transaction::Transactable;
use automerge::{AutoCommit, Change, ObjId, ObjType, ReadDoc, ScalarValue, legacy};

/// The same operations, encoded here.
fn encoded_here(change: &Change) -> Encoded {
    let expanded = change.decode();
    let mut actors = Actors::new(vec![Bytes::from(&b"somebody else"[..])]);
    let author = actors.place(change.actor_id().to_bytes());
    let mut id = |id: &legacy::OpId| OpId { counter: id.0 as u32, actor: actors.place(id.1.to_bytes()) };
    let mut encoder = ChangeEncoder::default();
    for op in &expanded.operations {
        let object = match &op.obj {
            legacy::ObjectId::Root => Object::Root,
            legacy::ObjectId::Id(made) => Object::Made(id(made)),
        };
        let key = match &op.key {
            legacy::Key::Map(name) => Key::Name(name),
            legacy::Key::Seq(legacy::ElementId::Head) => Key::Behind(Element::Head),
            legacy::Key::Seq(legacy::ElementId::Id(element)) if op.insert => {
                Key::Behind(Element::Inserted(id(element)))
            }
            legacy::Key::Seq(legacy::ElementId::Id(element)) => Key::At(id(element)),
        };
        let action = match &op.action {
            legacy::OpType::Make(ObjType::Map) => Action::MakeMap,
            legacy::OpType::Make(ObjType::List) => Action::MakeList,
            legacy::OpType::Make(ObjType::Text) => Action::MakeText,
            legacy::OpType::Delete => Action::Delete,
            legacy::OpType::Increment(by) => Action::Increment(*by),
            legacy::OpType::Put(value) => Action::Set(match value {
                ScalarValue::Null => Scalar::Null,
                ScalarValue::Boolean(is) => Scalar::Boolean(*is),
                ScalarValue::Int(number) => Scalar::Int(*number),
                ScalarValue::F64(number) => Scalar::Float(*number),
                ScalarValue::Str(text) => Scalar::Text(text),
                ScalarValue::Bytes(bytes) => Scalar::Bytes(bytes),
                ScalarValue::Counter(counter) => Scalar::Counter(i64::from(counter)),
                other => panic!("not made here: {other:?}"),
            }),
            other => panic!("not made here: {other:?}"),
        };
        let mut predecessors: Vec<OpId> = op.pred.iter().map(&mut id).collect();
        predecessors.reverse();
        encoder.push(&Op { object, key, action, predecessors: &predecessors });
    }
    let dependencies: Vec<_> = change.deps().iter().rev().map(|hash| hash.0).collect();
    let list: Vec<ActorId> = actors.list().to_vec();
    encoder.finish(&Head {
        actors: &list,
        author,
        sequence: change.seq(),
        first_op: change.start_op().get() as u32,
        time: change.timestamp(),
        message: "",
        dependencies: &dependencies,
    })
}

struct Author {
    document: AutoCommit,
    random: Random,
}

impl Author {
    fn below(&mut self, limit: u64) -> usize {
        self.random.below(limit) as usize
    }

    fn scalar(&mut self) -> ScalarValue {
        match self.below(9) {
            0 => ScalarValue::Null,
            1 => ScalarValue::Boolean(self.below(2) == 0),
            2 => ScalarValue::Int(self.random.next_u64() as i64 >> self.below(64)),
            3 => ScalarValue::F64(self.below(1000) as f64 / 8.0),
            4 => ScalarValue::Str("é".repeat(self.below(70)).into()),
            5 => ScalarValue::Bytes(vec![7; self.below(20)]),
            6 => ScalarValue::counter(self.below(100) as i64 - 50),
            _ => ScalarValue::Str(["a", "b"][self.below(2)].into()),
        }
    }

    /// An object of the document, below its root or the root.
    fn object(&mut self) -> (ObjId, ObjType) {
        let mut object = (automerge::ROOT, ObjType::Map);
        for _ in 0..self.below(4) {
            let kind_of = |value: &automerge::ValueRef<'_>| match value {
                automerge::ValueRef::Object(kind) => Some(*kind),
                automerge::ValueRef::Scalar(_) => None,
            };
            let objects: Vec<_> = match object.1 {
                ObjType::Map => {
                    let items = self.document.map_range(&object.0, ..);
                    items.filter_map(|item| Some((item.id(), kind_of(&item.value)?))).collect()
                }
                ObjType::List => {
                    let items = self.document.list_range(&object.0, ..);
                    items.filter_map(|item| Some((item.id(), kind_of(&item.value)?))).collect()
                }
                _ => break,
            };
            if objects.is_empty() {
                break;
            }
            object = objects[self.below(objects.len() as u64)].clone();
        }
        object
    }

    fn edit(&mut self) {
        let (object, kind) = self.object();
        let length = self.document.length(&object);
        let at = self.below(length as u64 + 1);
        let made = [ObjType::Map, ObjType::List, ObjType::Text][self.below(3)];
        let what = self.below(6);
        let document = &mut self.document;
        match kind {
            ObjType::Text => {
                let removed = self.random.below(3).min((length - at) as u64) as isize;
                document.splice_text(&object, at, removed, ["", "x", "hey", "日本🙂"][what % 4]).unwrap();
            }
            ObjType::List if what == 0 => drop(document.insert_object(&object, at, made).unwrap()),
            ObjType::List if what == 1 && at < length => document.delete(&object, at).unwrap(),
            ObjType::List if what < 4 && at < length => {
                let value = self.scalar();
                self.document.put(&object, at, value).unwrap();
            }
            ObjType::List => {
                let value = self.scalar();
                self.document.insert(&object, at, value).unwrap();
            }
            _ => {
                let name = ["a", "b", "title", "_x"][self.random.below(4) as usize];
                if what == 0 {
                    self.document.put_object(&object, name, made).unwrap();
                } else if what == 1 && self.document.get(&object, name).unwrap().is_some() {
                    self.document.delete(&object, name).unwrap();
                } else if what == 2
                    && matches!(self.document.get(&object, name).unwrap(), Some((automerge::Value::Scalar(value), _)) if matches!(*value, ScalarValue::Counter(_)))
                {
                    self.document.increment(&object, name, 3).unwrap();
                } else {
                    let value = self.scalar();
                    self.document.put(&object, name, value).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_change_has_the_bytes_that_automerge_gives_it() {
    let mut seen = 0;
    for seed in 0..60 {
        let mut random = Random::from_number(seed);
        let mut authors: Vec<Author> = (0..4)
            .map(|number: u8| {
                let actor = [number ^ seed as u8; 16][..4 + 4 * usize::from(number)].to_vec();
                let mut document = AutoCommit::new();
                document.set_actor(automerge::ActorId::from(actor));
                Author { document, random: random.fork() }
            })
            .collect();
        for _ in 0..80 {
            let chosen = random.below(4) as usize;
            for _ in 0..=random.below(8) {
                authors[chosen].edit();
            }
            authors[chosen].document.commit();
            if random.below(2) == 0 {
                let other = (chosen + 1 + random.below(3) as usize) % 4;
                let mut theirs = authors[other].document.clone();
                authors[chosen].document.merge(&mut theirs).unwrap();
            }
        }
        for author in &mut authors {
            for change in author.document.get_changes(&[]) {
                let here = encoded_here(&change);
                assert_eq!(here.hash, change.hash().0, "seed {seed}");
                assert_eq!(here.bytes, change.raw_bytes(), "seed {seed}");
                seen += 1;
            }
        }
    }
    assert!(seen > 5_000, "{seen} changes");
}

#[test]
fn a_change_of_many_operations_has_the_same_bytes() {
    // Above 10,000, automerge encodes row by row.
    let mut document = AutoCommit::new();
    let rows = document.put_object(automerge::ROOT, "rows", ObjType::Map).unwrap();
    for number in 0..3_000 {
        let row = document.put_object(&rows, format!("row {number}"), ObjType::Map).unwrap();
        document.put(&row, "title", format!("title {}", number / 3)).unwrap();
        document.put(&row, "done", number % 2 == 0).unwrap();
        document.put(&row, "n", f64::from(number)).unwrap();
    }
    document.commit();
    let changes = document.get_changes(&[]);
    assert_eq!(changes.len(), 1);
    assert_eq!(encoded_here(&changes[0]).bytes, changes[0].raw_bytes());
}
