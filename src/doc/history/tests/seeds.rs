//! Histories drawn at random, by our encoder and by automerge's transactions, against what was written down of each row
//! before and after each change.

use super::*;
use crate::crdt::MergedRow;
use crate::doc::read_row;
use crate::random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// All rows before and after each change.
type Record = BTreeMap<ChangeHash, (BTreeMap<String, MergedRow>, BTreeMap<String, MergedRow>)>;

/// Everybody who writes here, in the same places of each table of actors: stamps can be compared.
fn actors() -> Actors {
    Actors::new([1, 2, 3, 10, 11, 12].map(|number| Bytes::new(vec![number; 16])).to_vec())
}

fn known(document: &Automerge) -> BTreeMap<String, MergedRow> {
    let Ok(Some((_, table))) = document.get(ROOT, "tasks") else { return BTreeMap::new() };
    let ids: Vec<String> = document.keys(&table).collect();
    let rows = ids.into_iter().filter_map(|id| {
        let row = read_row(document, &table, &id, &mut actors())?;
        Some((id, row))
    });
    rows.collect()
}

fn known_at(document: &Automerge, id: &str, hash: ChangeHash) -> Option<MergedRow> {
    let heads = [automerge::ChangeHash(hash)];
    let (_, table) = document.get_at(ROOT, "tasks", &heads).unwrap()?;
    read_row_at(document, Some(&heads), &table, id, &mut actors())
}

/// Each change, and those that it stands on.
fn ancestors(document: &Automerge) -> BTreeMap<ChangeHash, BTreeSet<ChangeHash>> {
    let mut ancestors: BTreeMap<ChangeHash, BTreeSet<ChangeHash>> = BTreeMap::new();
    for change in document.get_changes(&[]) {
        let mut own = BTreeSet::new();
        for below in change.deps() {
            own.insert(below.0);
            own.extend(&ancestors[&below.0]);
        }
        ancestors.insert(change.hash().0, own);
    }
    ancestors
}

fn kind_of(before: Option<&MergedRow>, after: Option<&MergedRow>) -> HistoryKind {
    let is_deleted = |row: &MergedRow| row.stamps.deleted.is_some();
    match (before, after) {
        (None, Some(after)) if !is_deleted(after) => Inserted,
        (Some(before), Some(after)) if is_deleted(before) == is_deleted(after) => Updated,
        (Some(_), Some(after)) if !is_deleted(after) => Restored,
        _ => Deleted,
    }
}

/// The history of each row is what was written down.
fn check(document: &Automerge, record: &Record, has_one_table: bool, hint: &str) {
    let ancestors = ancestors(document);
    let now = known(document);
    for id in (0..4).map(|number| format!("row {number}")) {
        let hint = format!("{hint}, {id}");
        let mut found = RowHistory::new("tasks", &id);
        found.follow(document);
        let entries = found.page(document, usize::MAX, None);
        for entry in &entries {
            let (before, after) = &record[&entry.hash];
            let (before, after) = (before.get(&id), after.get(&id));
            assert_eq!(entry.kind, kind_of(before, after), "{hint}");
            assert_eq!(row_at(document, "tasks", &id, &[entry.hash]).as_ref(), after.map(|row| &row.fields), "{hint}");
            assert_eq!(known_at(document, &id, entry.hash).as_ref(), after, "{hint}");
            let value = |row: Option<&MergedRow>, name: &str| row.and_then(|row| row.fields.get(name).cloned());
            for field in &entry.fields {
                assert_eq!(field.before, value(before, &field.name), "{hint}, {}", field.name);
                assert_eq!(field.after, value(after, &field.name), "{hint}, {}", field.name);
            }
            let names = before.into_iter().chain(after).flat_map(|row| row.fields.keys());
            for name in names.filter(|name| value(before, name) != value(after, name)) {
                assert!(entry.fields.iter().any(|field| field.name == *name), "{hint}, {name} is missing");
            }
        }
        // Nothing is missing, and nothing is younger than what stands on it.
        let hashes: BTreeSet<ChangeHash> = entries.iter().map(|entry| entry.hash).collect();
        for (hash, (before, after)) in record {
            assert!(before.get(&id) == after.get(&id) || hashes.contains(hash), "{hint}");
        }
        for (place, entry) in entries.iter().enumerate() {
            assert!(entries[..place].iter().all(|newer| !ancestors[&entry.hash].contains(&newer.hash)), "{hint}");
        }
        if let Some(middle) = entries.get(entries.len() / 2) {
            let (newer, older) = entries.split_at(entries.len() / 2 + 1);
            assert_eq!(found.page(document, newer.len(), None), newer, "{hint}");
            assert_eq!(found.page(document, usize::MAX, Some(middle.hash)), older, "{hint}");
        }
        // With more than one map only one is shown.
        let maps = entries.iter().filter(|entry| !record[&entry.hash].0.contains_key(&id)).count();
        if has_one_table && maps <= 1 {
            check_last(&entries, &ancestors, now.get(&id), &hint);
        }
    }
}

/// What the last changes have written is there now.
fn check_last(
    entries: &[HistoryEntry],
    ancestors: &BTreeMap<ChangeHash, BTreeSet<ChangeHash>>,
    now: Option<&MergedRow>,
    hint: &str,
) {
    let names: BTreeSet<&String> =
        entries.iter().flat_map(|entry| entry.fields.iter().map(|field| &field.name)).collect();
    for name in names {
        let writers: Vec<_> = entries
            .iter()
            .filter_map(|entry| Some((entry.hash, entry.fields.iter().find(|field| field.name == *name)?)))
            .collect();
        let is_last = |hash| writers.iter().all(|(other, _)| !ancestors[other].contains(hash));
        let last: Vec<_> = writers.iter().filter(|(hash, _)| is_last(hash)).map(|(_, field)| &field.after).collect();
        let value = now.and_then(|row| row.fields.get(name)).cloned();
        match &last[..] {
            [last] => assert_eq!(**last, value, "{hint}, {name}"),
            // Values that are not merged win or lose as a whole.
            _ if name == "title" => assert!(last.contains(&&value), "{hint}, {name}"),
            _ => {}
        }
    }
}

#[test]
fn devices_that_meet_have_the_histories_that_were_written() {
    for seed in crate::random::seeds(150) {
        let mut random = Random::from_number(seed);
        let mut devices: Vec<Device> = (0..3).map(|number| Device::new(number, seed)).collect();
        let mut record = Record::new();
        // Who has asked before looks only at what is new.
        let mut kept = RowHistory::new("tasks", "row 0");
        for _ in 0..30 {
            let at = random.below(3) as usize;
            let before = known(&devices[at].document);
            let heads = devices[at].heads.clone();
            devices[at].mutate();
            if devices[at].heads != heads {
                record.insert(devices[at].heads[0], (before, known(&devices[at].document)));
            }
            if random.below(6) == 0 {
                let mut one = devices.remove(at);
                let other = random.below(2) as usize;
                one.meet(&mut devices[other]);
                devices.insert(at, one);
            }
            if random.below(4) == 0 {
                kept.follow(&devices[0].document);
            }
        }
        let [mut first, mut second, mut third] = devices.try_into().ok().unwrap();
        first.meet(&mut second);
        first.meet(&mut third);
        check(&first.document, &record, true, &format!("seed {seed}"));
        kept.follow(&first.document);
        let entries = kept.page(&first.document, usize::MAX, None);
        // The same changes are the same history, in whatever order they came.
        second.meet(&mut third);
        let loaded = Automerge::load(&first.document.save()).unwrap();
        for document in [&first.document, &second.document, &loaded] {
            assert_eq!(history(document, "tasks", "row 0", usize::MAX, None), entries, "seed {seed}");
        }
    }
}

#[test]
fn where_one_device_writes_each_change_begins_with_what_the_one_before_has_left() {
    for seed in crate::random::seeds(150) {
        let mut device = Device::new(0, seed);
        for _ in 0..25 {
            device.mutate();
        }
        for (id, row) in &device.rows {
            let mut fields: FlatMap<String, Value> = FlatMap::new();
            let mut entries = history(&device.document, "tasks", id, usize::MAX, None);
            entries.reverse();
            for entry in entries {
                for FieldChange { name, before, after } in entry.fields {
                    assert_eq!(fields.get(&name), before.as_ref(), "seed {seed}, {id}, {name}");
                    match after {
                        Some(after) => drop(fields.insert(name, after)),
                        None => drop(fields.remove(&name)),
                    }
                }
                assert_eq!(row_at(&device.document, "tasks", id, &[entry.hash]).as_ref(), Some(&fields), "seed {seed}");
            }
            assert_eq!(fields, row.fields, "seed {seed}, {id}");
        }
    }
}

/// One change of a row by automerge's own means: of any kind that there is.
fn scribble(document: &mut Automerge, random: &mut Random) -> Option<ChangeHash> {
    let mut transaction = document.transaction();
    for _ in 0..=random.below(3) {
        let id = format!("row {}", random.below(4));
        let table = match transaction.get(ROOT, "tasks").unwrap() {
            Some((_, table)) if random.below(40) > 0 => table,
            _ => transaction.put_object(ROOT, "tasks", ObjType::Map).unwrap(),
        };
        let row = match transaction.get(&table, &id).unwrap() {
            Some((_, row)) if random.below(20) > 0 => row,
            Some(_) if random.below(2) == 0 => {
                transaction.delete(&table, id).unwrap();
                continue;
            }
            _ => transaction.put_object(&table, id, ObjType::Map).unwrap(),
        };
        let mut object = row;
        let mut key = ["title", "note", "list", "votes", mark::DELETED, "$odd"][random.below(6) as usize].to_string();
        // Into what is there, or in its place.
        while let Some((automerge::Value::Object(kind), inner)) = transaction.get(&object, key.as_str()).unwrap() {
            if random.below(5) == 0 {
                break;
            }
            let length = transaction.length(&inner);
            match kind {
                ObjType::Map | ObjType::Table => {
                    object = inner;
                    key = ["x", "y"][random.below(2) as usize].to_string();
                    continue;
                }
                ObjType::Text => {
                    let at = random.below(length as u64 + 1) as usize;
                    let removed = random.below(3).min((length - at) as u64) as isize;
                    transaction.splice_text(&inner, at, removed, ["", "a", "語🙂"][random.below(3) as usize]).unwrap();
                }
                ObjType::List if length > 0 && random.below(3) == 0 => {
                    transaction.delete(&inner, random.below(length as u64) as usize).unwrap();
                }
                ObjType::List if length > 0 && random.below(2) == 0 => {
                    transaction.put(&inner, random.below(length as u64) as usize, random.below(9) as i64).unwrap();
                }
                ObjType::List => {
                    let at = random.below(length as u64 + 1) as usize;
                    let map = transaction.insert_object(&inner, at, ObjType::Map).unwrap();
                    transaction.put(&map, "x", random.below(9) as i64).unwrap();
                }
            }
            key.clear();
            break;
        }
        if key.is_empty() {
            continue;
        }
        let shown = transaction.get(&object, key.as_str()).unwrap();
        let is_counter = matches!(&shown, Some((automerge::Value::Scalar(scalar), _)) if scalar.is_counter());
        match random.below(7) {
            0 if shown.is_some() => transaction.delete(&object, key).unwrap(),
            1 => drop(transaction.put_object(&object, key, ObjType::Map).unwrap()),
            2 => drop(transaction.put_object(&object, key, ObjType::List).unwrap()),
            3 => {
                let text = transaction.put_object(&object, key, ObjType::Text).unwrap();
                transaction.splice_text(&text, 0, 0, "abc").unwrap();
            }
            4 | 5 if is_counter => transaction.increment(&object, key, random.below(9) as i64 - 4).unwrap(),
            4 => transaction.put(&object, key, automerge::ScalarValue::counter(random.below(9) as i64)).unwrap(),
            _ => transaction.put(&object, key, random.below(9) as i64).unwrap(),
        }
    }
    let time = CommitOptions::default().with_time(random.below(50) as i64 - 25);
    transaction.commit_with(time).0.map(|hash| hash.0)
}

#[test]
fn documents_of_others_have_the_histories_that_were_written() {
    for seed in crate::random::seeds(150) {
        let mut random = Random::from_number(seed);
        let mut documents: Vec<Automerge> =
            (0..3).map(|number: u8| Automerge::new().with_actor(ActorId::from([number + 1; 16]))).collect();
        let mut record = Record::new();
        for _ in 0..40 {
            let at = random.below(3) as usize;
            let before = known(&documents[at]);
            if let Some(hash) = scribble(&mut documents[at], &mut random) {
                record.insert(hash, (before, known(&documents[at])));
            }
            if random.below(4) == 0 {
                let mut other = documents[random.below(3) as usize].clone();
                documents[at].merge(&mut other).unwrap();
            }
        }
        let mut all = documents[0].clone();
        for other in &mut documents[1..] {
            all.merge(other).unwrap();
        }
        // Tables and rows are replaced by others here, which what is written at the same time goes down with.
        check(&all, &record, false, &format!("seed {seed}"));
    }
}
