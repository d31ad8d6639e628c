//! The gate before documents: what honest devices write comes through, and what does harm does not.

mod documents;
mod honest;
mod hostile;
pub(super) mod mutated;

use crate::bytes::Write;
use crate::doc::admission::Admitted;
use crate::doc::fuzz::chunk;
use crate::doc::{Gate, Limits, verified_save};
use crate::random::Random;
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};

fn actor(number: u8) -> ActorId {
    ActorId::from([number; 16])
}

/// A document with a bit of everything, written by several devices that meet now and then.
fn mixed_document(seed: u64, steps: usize) -> Automerge {
    let mut random = Random::from_number(seed);
    let mut first = Automerge::new().with_actor(actor(9));
    let mut transaction = first.transaction();
    for (name, kind) in [("map", ObjType::Map), ("list", ObjType::List), ("text", ObjType::Text)] {
        transaction.put_object(ROOT, name, kind).unwrap();
    }
    transaction.put(ROOT, "votes", ScalarValue::counter(3)).unwrap();
    transaction.commit();
    // A second one need not follow the first of the same actor, and automerge 0.12 then merges them in the wrong order.
    let mut was_isolated = [false; 3];
    let mut devices = vec![first.clone().with_actor(actor(4)), first.clone().with_actor(actor(17)), first];
    for step in 0..steps {
        let at = random.below(3) as usize;
        let heads = devices[at].get_heads();
        let older = devices[at].get_changes(&[]).iter().map(Change::hash).nth(random.below(3) as usize);
        let (is_isolated, mut transaction) = match older.filter(|_| random.below(12) == 0 && !was_isolated[at]) {
            Some(hash) => (true, devices[at].transaction_at(automerge::PatchLog::inactive(), &[hash]).unwrap()),
            None => (false, devices[at].transaction()),
        };
        was_isolated[at] |= is_isolated;
        for _ in 0..=random.below(5) {
            if is_isolated {
                // Not in texts: automerge 0.12 then refers to marks that the change does not follow.
                transaction.put(ROOT, "a", scalar(&mut random)).unwrap();
            } else {
                edit(&mut transaction, &mut random);
            }
        }
        let options = CommitOptions::default().with_time(1_700_000_000 + step as i64);
        match random.below(6) {
            0 => drop(transaction.commit_with(options.with_message("a message"))),
            _ => drop(transaction.commit_with(options)),
        }
        if random.below(8) == 0 && devices[at].get_heads() == heads {
            devices[at].empty_commit(CommitOptions::default().with_time(5));
        }
        if random.below(4) == 0 {
            let mut one = devices.remove(at);
            one.merge(&mut devices[random.below(2) as usize]).unwrap();
            devices.insert(at, one);
        }
    }
    let mut all = devices.pop().unwrap();
    for mut device in devices {
        all.merge(&mut device).unwrap();
    }
    all
}

/// All objects of a document that can be reached.
fn objects(document: &impl ReadDoc) -> Vec<(ObjId, ObjType)> {
    let mut found = vec![(ROOT, ObjType::Map)];
    let mut at = 0;
    while let Some((object, kind)) = found.get(at).cloned() {
        at += 1;
        if kind == ObjType::Text {
            continue;
        }
        for (value, id) in document.values(&object) {
            if let automerge::Value::Object(kind) = value {
                found.push((id, kind));
            }
        }
    }
    found
}

fn scalar(random: &mut Random) -> ScalarValue {
    match random.below(9) {
        0 => ScalarValue::Null,
        1 => ScalarValue::Boolean(random.below(2) == 0),
        2 => ScalarValue::Int(random.next_u64() as i64),
        3 => ScalarValue::Uint(random.next_u64()),
        4 => ScalarValue::F64(0.5),
        5 => ScalarValue::Bytes(vec![7; random.below(4) as usize]),
        6 => ScalarValue::Timestamp(-5),
        7 => ScalarValue::counter(random.below(100) as i64 - 50),
        _ => ScalarValue::Str(["", "a", "ü🙂"][random.below(3) as usize].into()),
    }
}

fn edit(transaction: &mut Transaction<'_>, random: &mut Random) {
    let found = objects(transaction);
    let (object, kind) = found[random.below(found.len() as u64) as usize].clone();
    let length = transaction.length(&object) as u64;
    let kinds = [ObjType::Map, ObjType::List, ObjType::Text];
    let made = kinds[random.below(3) as usize];
    match kind {
        ObjType::Text => {
            let start = random.below(length + 1) as usize;
            match random.below(5) {
                0 if length > 1 => {
                    let end = start + random.below(length + 1 - start as u64) as usize;
                    let mark = Mark::new("bold".into(), true, start, end);
                    let expand = [ExpandMark::None, ExpandMark::Before, ExpandMark::After, ExpandMark::Both];
                    transaction.mark(&object, mark, expand[random.below(4) as usize]).unwrap();
                }
                1 => {
                    let removed = random.below(3).min(length - start as u64) as isize;
                    transaction.splice_text(&object, start, removed, "").unwrap();
                }
                _ => {
                    let text = ["x", "hello", "語🙂", "a b c d"][random.below(4) as usize];
                    transaction.splice_text(&object, start, 0, text).unwrap();
                }
            }
        }
        ObjType::List => {
            let at = random.below(length + 1) as usize;
            match random.below(6) {
                0 if at < length as usize => transaction.delete(&object, at).unwrap(),
                1 if at < length as usize => transaction.put(&object, at, scalar(random)).unwrap(),
                2 if at < length as usize => drop(transaction.increment(&object, at, 2)),
                3 => drop(transaction.insert_object(&object, at, made).unwrap()),
                _ => transaction.insert(&object, at, scalar(random)).unwrap(),
            }
        }
        _ => {
            let name = ["a", "b", "c", "votes"][random.below(4) as usize];
            match random.below(6) {
                0 if object != ROOT => transaction.delete(&object, name).unwrap(),
                1 => drop(transaction.increment(&object, name, -3)),
                2 if found.len() < 12 => drop(transaction.put_object(&object, name, made).unwrap()),
                _ => transaction.put(&object, name, scalar(random)).unwrap(),
            }
        }
    }
}

fn chunks<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<u8> {
    changes.into_iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

/// What lies in a chunk.
fn body(chunk: &[u8]) -> &[u8] {
    let mut reader = crate::bytes::Reader::new(&chunk[9..]);
    reader.bytes("a chunk's body").unwrap()
}

/// Before a document, with a gate that knows it.
fn gate(document: &Automerge) -> Gate {
    Gate::before(document, Limits::default()).unwrap()
}

/// The one reason why what came is not let through.
fn reason(Admitted { changes, refused }: Admitted) -> String {
    assert!(changes.is_empty(), "let through");
    assert_eq!(refused.len(), 1, "{refused:?}");
    refused[0].reason.clone()
}

/// An honest document, and a change that follows it and that a test makes a bad one of.
fn victim() -> (Automerge, ExpandedChange) {
    let document = mixed_document(3, 12);
    let mut next = document.clone().with_actor(actor(44));
    let mut transaction = next.transaction();
    let list = transaction.put_object(ROOT, "more", ObjType::List).unwrap();
    for value in 0..4 {
        transaction.insert(&list, 0, value).unwrap();
    }
    transaction.put(ROOT, "votes", 5).unwrap();
    transaction.commit();
    let change = next.get_last_local_change().unwrap();
    (document, change.decode())
}

/// Encodes a change as automerge does.
fn encoded(mut change: ExpandedChange) -> Vec<u8> {
    change.hash = None;
    Change::from(change).raw_bytes().to_vec()
}
