//! Changes and documents that differ a little from honest ones, with the right checksum. What is let through, automerge
//! applies, saves and loads; and in the same document people go on.

use super::*;
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What has come of mutated input.
#[derive(Debug, Default)]
struct Count {
    tried: usize,
    admitted: usize,
}

pub(in crate::doc::tests) fn mutate_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(2) {
        if bytes.is_empty() {
            return;
        }
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(8) {
            0..=2 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at] = random.next_u64() as u8,
            4 => bytes[at] = [0, 1, 2, 0x7f, 0x7e, 0x80, 0xff][random.below(7) as usize],
            5 => drop(bytes.remove(at)),
            6 => bytes.insert(at, [0, 1, 0x7f, 0x80][random.below(4) as usize]),
            _ => bytes.truncate(at),
        }
    }
}

/// Some operation of the document or of the change, or next to one.
fn some_id(change: &ExpandedChange, document: &Automerge, random: &mut Random) -> OpId {
    let changes = document.get_changes(&[]);
    let at = random.below(changes.len() as u64 + 2) as usize;
    match changes.get(at) {
        Some(other) => OpId(other.start_op().get() + random.below(other.len() as u64 + 1), other.actor_id().clone()),
        None => OpId(change.start_op.get() + random.below(change.operations.len() as u64 + 1), change.actor_id.clone()),
    }
}

fn mutate_operation(op: &mut Op, id: OpId, other: &Op, random: &mut Random) {
    match random.below(9) {
        0 => op.obj = ObjectId::Id(id),
        1 => op.obj = other.obj.clone(),
        2 => op.key = Key::Seq(ElementId::Id(id)),
        3 => op.key = other.key.clone(),
        4 => op.pred = vec![id].into(),
        5 => op.pred = other.pred.clone(),
        6 => op.insert = !op.insert,
        7 => op.action = other.action.clone(),
        _ => {
            op.action = match random.below(4) {
                0 => OpType::Delete,
                1 => OpType::Increment(1),
                2 => OpType::MarkEnd(true),
                _ => {
                    OpType::Make([ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table][random.below(4) as usize])
                }
            }
        }
    }
}

/// Operations that are about the same as another: any of those may be said to be replaced.
fn same_slot(change: &ExpandedChange, document: &Automerge, op: &Op, random: &mut Random) -> Vec<OpId> {
    let mut found = Vec::new();
    let changes = document.get_changes(&[]).iter().map(Change::decode).collect::<Vec<_>>();
    for change in changes.iter().chain([change]) {
        for (at, other) in change.operations.iter().enumerate() {
            let id = OpId(change.start_op.get() + at as u64, change.actor_id.clone());
            let is_inserted = other.insert && op.key == Key::Seq(ElementId::Id(id.clone()));
            if op.obj == other.obj && (is_inserted || op.key == other.key && !other.insert) && random.below(3) > 0 {
                found.push(id);
            }
        }
    }
    found
}

/// An element of the same list.
fn same_list(change: &ExpandedChange, document: &Automerge, op: &Op, random: &mut Random) -> Key {
    let mut found = vec![Key::Seq(ElementId::Head)];
    let changes = document.get_changes(&[]).iter().map(Change::decode).collect::<Vec<_>>();
    for change in changes.iter().chain([change]) {
        for (at, other) in change.operations.iter().enumerate() {
            if other.insert && other.obj == op.obj {
                let id = OpId(change.start_op.get() + at as u64, change.actor_id.clone());
                found.push(Key::Seq(ElementId::Id(id)));
            }
        }
    }
    found.swap_remove(random.below(found.len() as u64) as usize)
}

fn mutate_change(change: &mut ExpandedChange, document: &Automerge, random: &mut Random) {
    for _ in 0..=random.below(2) {
        let id = some_id(change, document, random);
        let count = change.operations.len() as u64;
        let other = document.get_changes(&[]);
        let other = other[random.below(other.len() as u64) as usize].clone();
        match random.below(20) {
            14..=16 if count > 0 => {
                let at = random.below(count) as usize;
                let op = change.operations[at].clone();
                change.operations[at].pred = same_slot(change, document, &op, random).into();
            }
            17..=19 if count > 0 => {
                let at = random.below(count) as usize;
                let op = change.operations[at].clone();
                if let Key::Seq(_) = op.key {
                    change.operations[at].key = same_list(change, document, &op, random);
                }
            }
            0 => change.start_op = NonZeroU64::new(id.counter().max(1)).unwrap(),
            1 => change.seq = change.seq.wrapping_add(random.below(3)).wrapping_sub(1),
            2 => change.deps = vec![other.hash()],
            3 => change.actor_id = other.actor_id().clone(),
            4 if count > 1 => drop(change.operations.remove(random.below(count) as usize)),
            5 if count > 1 => change.operations.swap(0, random.below(count) as usize),
            6 if count > 0 => {
                let op = change.operations[random.below(count) as usize].clone();
                change.operations.insert(random.below(count) as usize, op);
            }
            _ if count > 0 => {
                let ops = other.decode().operations;
                let op = &change.operations[random.below(count) as usize];
                let op = if ops.is_empty() { op } else { &ops[random.below(ops.len() as u64) as usize] }.clone();
                mutate_operation(&mut change.operations[random.below(count) as usize], id, &op, random);
            }
            _ => {}
        }
    }
}

/// Applies what was let through, and goes on with the document. An answer is what went wrong.
fn live_on(document: &Automerge, gate: &mut Gate, admitted: Admitted, rest: &[Change]) -> Result<(), String> {
    let live = || -> Result<(), String> {
        let mut at_once = document.clone();
        let mut document = document.clone().with_actor(actor(88));
        let mut changes = admitted.changes.clone();
        document.apply_changes(admitted.changes).map_err(|error| error.to_string())?;
        for change in &changes {
            document.get_change_by_hash(&change.hash()).ok_or("a change that was let through is not there")?;
        }
        verified_save(&document).map_err(|refused| refused.reason)?;
        let heads = document.get_heads();
        for (object, kind) in objects(&document) {
            let mut transaction = document.transaction();
            match kind {
                ObjType::Map => transaction.put(&object, "a", 1),
                ObjType::List => transaction.insert(&object, 0, 1),
                _ => transaction.splice_text(&object, 0, 0, "x"),
            }
            .map_err(|error| error.to_string())?;
            transaction.commit();
        }
        let own = document.get_changes(&heads);
        gate.record(&chunks(&own)).map_err(|refused| refused.reason)?;
        let later = gate.admit(&chunks(rest));
        document.apply_changes(later.changes.clone()).map_err(|error| error.to_string())?;
        verified_save(&document).map_err(|refused| refused.reason)?;
        // All in one go comes to the same.
        changes.extend(own);
        changes.extend(later.changes);
        at_once.apply_changes(changes).map_err(|error| error.to_string())?;
        verified_save(&at_once).map_err(|refused| refused.reason)?;
        let is_same = at_once.get_heads() == document.get_heads() && at_once.hydrate(None) == document.hydrate(None);
        if is_same { Ok(()) } else { Err("another document when all is applied in one go".into()) }
    };
    match catch_unwind(AssertUnwindSafe(live)) {
        Ok(result) => result,
        Err(_) => Err("a panic".into()),
    }
}

/// Tries mutations of each change of some documents, as it comes to a device that has what is before it.
fn try_mutations(seeds: std::ops::Range<u64>, mutate: impl Fn(&Change, &Automerge, &mut Random) -> Option<Vec<u8>>) {
    let mut count = Count::default();
    let mut failures = Vec::new();
    for seed in seeds {
        let mut random = Random::from_number(seed + 1_000);
        let changes = mixed_document(seed, 16).get_changes(&[]);
        for at in 1..changes.len() {
            let mut document = Automerge::new();
            document.apply_changes(changes[..at].to_vec()).unwrap();
            let mut before = gate(&document);
            for _ in 0..12 {
                let Some(bytes) = mutate(&changes[at], &document, &mut random) else { continue };
                count.tried += 1;
                let admitted = before.admit(&bytes);
                if admitted.changes.is_empty() {
                    continue;
                }
                count.admitted += 1;
                if let Err(error) = live_on(&document, &mut before, admitted, &changes[at..]) {
                    failures.push((seed, at, error, bytes));
                }
                before = gate(&document);
            }
        }
    }
    println!("{count:?}, {} failures", failures.len());
    for (seed, at, error, bytes) in &failures {
        println!("seed {seed}, change {at}: {error}");
        println!("{:?}", Change::from_bytes(bytes.clone()).map(|change| change.decode()));
    }
    assert!(count.admitted * 100 > count.tried, "mutations are let through now and then: {count:?}");
    assert!(failures.is_empty());
}

#[test]
fn bytes_that_differ_do_no_harm() {
    try_mutations(crate::random::seeds(8), |change, _, random| {
        let mut bytes = body(change.raw_bytes()).to_vec();
        mutate_bytes(&mut bytes, random);
        Some(chunk(1, &bytes))
    });
}

#[test]
fn operations_that_differ_do_no_harm() {
    try_mutations(crate::random::seeds(8), |change, document, random| {
        let mut change = change.decode();
        change.hash = None;
        mutate_change(&mut change, document, random);
        // automerge can't encode all of them.
        catch_unwind(AssertUnwindSafe(|| encoded(change))).ok()
    });
}

#[test]
fn marks_that_end_anywhere_do_no_harm() {
    try_mutations(crate::random::seeds(8), |_, document, random| {
        let text = objects(document).into_iter().find(|(_, kind)| *kind == ObjType::Text)?.0;
        let mut next = document.clone().with_actor(actor(70));
        let mut transaction = next.transaction();
        transaction.splice_text(&text, 0, 0, "abcd").ok()?;
        let start = random.below(4) as usize;
        transaction.mark(&text, Mark::new("bold".into(), true, start, start + 1), ExpandMark::Both).ok()?;
        transaction.commit();
        let mut change = next.get_last_local_change()?.decode();
        for op in change.operations.clone().iter().skip(4) {
            let key = same_list(&change, document, op, random);
            let at = change.operations.iter().position(|other| other == op)?;
            change.operations[at].key = key;
        }
        catch_unwind(AssertUnwindSafe(|| encoded(change))).ok()
    });
}

#[test]
fn documents_that_differ_do_no_harm() {
    let mut count = Count::default();
    for seed in crate::random::seeds(20) {
        let mut random = Random::from_number(seed + 2_000);
        let document = mixed_document(seed, 16);
        let bytes = document.save_nocompress();
        for _ in 0..150 {
            let mut bytes = body(&bytes).to_vec();
            mutate_bytes(&mut bytes, &mut random);
            let mut gate = Gate::new(Limits::default());
            let admitted = gate.admit(&chunk(0, &bytes));
            count.tried += 1;
            if !admitted.changes.is_empty() {
                count.admitted += 1;
                live_on(&Automerge::new(), &mut gate, admitted, &[]).unwrap();
            }
        }
    }
    println!("{count:?}");
}
