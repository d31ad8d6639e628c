//! Stamps as they are stored.

use crate::bytes::Bytes;
use crate::crdt::{Item, OpId, Parts, Rival, RowStamps, Stamp};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::random::Random;
use crate::value::Value;

struct Maker {
    random: Random,
    last: OpId,
}

impl Maker {
    fn id(&mut self) -> OpId {
        if self.random.below(4) == 0 {
            self.last = OpId {
                counter: self.random.next_u64() as u32 >> self.random.below(31),
                actor: self.random.below(5) as u32,
            };
        } else {
            self.last.counter = self.last.counter.saturating_add(1);
        }
        self.last
    }

    fn rivals(&mut self) -> Vec<Rival> {
        let count = if self.random.below(8) == 0 { self.random.below(3) } else { 0 };
        (0..count)
            .map(|_| Rival { id: self.id(), map: self.random.below(2) as u32, value: Bytes::from(&[0_u8, 1][..]) })
            .collect()
    }

    fn value(&mut self, levels: u64) -> (Value, Stamp) {
        let mut stamp = Stamp::new(self.id());
        stamp.rivals = self.rivals();
        stamp.map = self.random.below(6) as u32 / 5;
        let value = match self.random.below(if levels == 0 { 3 } else { 5 }) {
            0 => {
                if self.random.below(2) == 0 {
                    stamp.parts = Parts::Counter;
                }
                Value::Float64(5.0)
            }
            1 => {
                stamp.parts = Parts::Text((0..3).map(|_| self.id()).collect());
                Value::String("añ🙂".into())
            }
            2 => Value::String("plain".into()),
            3 => {
                let (value, inner) = self.object(levels - 1);
                stamp.parts = Parts::Map(inner);
                value
            }
            _ => {
                let (mut values, mut items) = (Vec::new(), Vec::new());
                for _ in 0..self.random.below(4) {
                    let (value, stamp) = self.value(levels - 1);
                    let element = if self.random.below(3) == 0 { self.id() } else { stamp.id };
                    values.push(value);
                    items.push(Item { element, stamp });
                }
                stamp.parts = Parts::List(items);
                Value::Array(values)
            }
        };
        (value, stamp)
    }

    fn object(&mut self, levels: u64) -> (Value, Vec<Stamp>) {
        let (mut fields, mut stamps) = (FlatMap::new(), Vec::new());
        for number in 0..self.random.below(5) {
            let (value, stamp) = self.value(levels);
            fields.insert(format!("f{number}"), value);
            stamps.push(stamp);
        }
        (Value::Object(fields), stamps)
    }

    fn mark(&mut self) -> Option<Stamp> {
        (self.random.below(2) == 0).then(|| Stamp { id: self.id(), rivals: self.rivals(), map: 0, parts: Parts::None })
    }
}

#[test]
fn stamps_go_there_and_back() {
    let names = Names::new();
    for seed in 0..3_000 {
        let mut maker = Maker { random: Random::from_number(seed), last: OpId { counter: 9, actor: 1 } };
        let (value, fields) = maker.object(3);
        let stamps = RowStamps {
            object: maker.id(),
            maps: (0..maker.random.below(3) / 2).map(|_| maker.id()).collect(),
            creation_time: Stamp::new(maker.id()),
            deleted: maker.mark(),
            moved: maker.mark(),
            fields,
        };
        let bytes = stamps.encode();
        let document = document::encode(&value, &names);
        let object = Document::new(&document).object().unwrap();
        assert_eq!(RowStamps::decode(&bytes, object), Ok(stamps), "seed {seed}");
        // Damaged, they are refused or others, and nothing else happens.
        for _ in 0..20 {
            let mut damaged = bytes.clone();
            let at = maker.random.below(damaged.len() as u64) as usize;
            damaged[at] ^= 1 << maker.random.below(8);
            let _ = RowStamps::decode(&damaged, object);
            let _ = RowStamps::decode(&bytes[..at], object);
        }
    }
}

#[test]
fn stamps_of_a_row_of_one_change_are_small() {
    let names = Names::new();
    let id = |counter| OpId { counter, actor: 3 };
    let fields: FlatMap<String, Value> = (0..10).map(|n| (format!("f{n}"), Value::Null)).collect();
    let document = document::encode(&Value::Object(fields), &names);
    let stamps = RowStamps {
        object: id(70_000),
        maps: Vec::new(),
        creation_time: Stamp::new(id(70_001)),
        deleted: None,
        moved: None,
        fields: (70_002..70_012).map(|counter| Stamp::new(id(counter))).collect(),
    };
    assert!(stamps.encode().len() <= 7, "{} bytes", stamps.encode().len());
    assert_eq!(RowStamps::decode(&stamps.encode(), Document::new(&document).object().unwrap()), Ok(stamps));
}
