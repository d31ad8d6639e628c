//! Histories that are told step by step; those of `seeds` are drawn at random.

mod seeds;

use super::*;
use crate::crdt::ChangeEncoder;
use crate::crdt::tests::editing::{Device, Write};
use HistoryKind::{Arrived, Deleted, Inserted, MovedAway, Restored, Updated};
use automerge::transaction::{CommitOptions, Transactable, Transaction};

const ROW: &str = "row 1";

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn number(number: i64) -> Value {
    Value::Int64(number)
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> FlatMap<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

fn written(name: &str, before: Option<Value>, after: Option<Value>) -> FieldChange {
    FieldChange { name: name.into(), before, after }
}

fn heads(document: &Automerge) -> Vec<ChangeHash> {
    document.get_heads().iter().map(|hash| hash.0).collect()
}

fn all(document: &Automerge) -> Vec<HistoryEntry> {
    history(document, "tasks", ROW, usize::MAX, None)
}

fn kinds(entries: &[HistoryEntry]) -> Vec<HistoryKind> {
    entries.iter().map(|entry| entry.kind).collect()
}

/// One change, by automerge's own transaction.
fn change<T>(document: &mut Automerge, time: i64, what: impl FnOnce(&mut Transaction<'_>) -> T) -> (ChangeHash, T) {
    let mut transaction = document.transaction();
    let result = what(&mut transaction);
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(time));
    (hash.expect("something was written").0, result)
}

/// A document with a table and a row in it, as of time 10.
fn with_row() -> (Automerge, ObjId) {
    let mut document = Automerge::new();
    let (_, table) =
        change(&mut document, 5, |transaction| transaction.put_object(ROOT, "tasks", ObjType::Map).unwrap());
    let (_, row) = change(&mut document, 10, |transaction| {
        let row = transaction.put_object(&table, ROW, ObjType::Map).unwrap();
        transaction.put(&row, mark::CREATION_TIME, 1.0).unwrap();
        transaction.put(&row, "title", "first").unwrap();
        row
    });
    (document, row)
}

#[test]
fn a_row_of_ours_is_inserted_edited_deleted_and_restored() {
    let mut device = Device::new(0, 1);
    let mut mutate = |time, writes: Vec<(&str, Write)>| {
        let mut encoder = ChangeEncoder::default();
        for (id, write) in writes {
            device.write(&mut encoder, id, write);
        }
        device.commit(encoder, time);
        device.heads[0]
    };
    let first = fields([("note", text("abc")), ("title", text("first")), ("votes", Value::Float64(2.0))]);
    let second = fields([("note", text("axc")), ("title", text("second")), ("votes", Value::Float64(2.0))]);
    let third = fields([("done", Value::Boolean(true)), ("title", text("second")), ("votes", Value::Float64(5.0))]);
    let hashes = [
        mutate(100, vec![("row 0", Write::Put(first.clone())), (ROW, Write::Put(first.clone()))]),
        mutate(200, vec![(ROW, Write::Put(second.clone())), ("row 0", Write::Put(second.clone()))]),
        mutate(250, vec![("row 0", Write::Delete)]),
        mutate(300, vec![(ROW, Write::Delete)]),
        mutate(400, vec![(ROW, Write::Restore), (ROW, Write::Put(third.clone()))]),
    ];
    let document = &device.document;
    let entries = all(document);
    assert_eq!(kinds(&entries), [Restored, Deleted, Updated, Inserted]);
    assert_eq!(entries.iter().map(|entry| entry.time).collect::<Vec<_>>(), [400, 300, 200, 100]);
    assert_eq!(
        entries.iter().map(|entry| entry.hash).collect::<Vec<_>>(),
        [hashes[4], hashes[3], hashes[1], hashes[0]]
    );
    assert!(entries.iter().all(|entry| *entry.actor == [10; 16]));
    let float = |number| Some(Value::Float64(number));
    assert_eq!(
        entries[0].fields,
        [
            written("done", None, Some(Value::Boolean(true))),
            written("note", Some(text("axc")), None),
            written("votes", float(2.0), float(5.0)),
        ]
    );
    assert_eq!(entries[1].fields, []);
    assert_eq!(
        entries[2].fields,
        [
            written("note", Some(text("abc")), Some(text("axc"))),
            written("title", Some(text("first")), Some(text("second"))),
        ]
    );
    assert_eq!(
        entries[3].fields,
        [
            written("note", None, Some(text("abc"))),
            written("title", None, Some(text("first"))),
            written("votes", None, float(2.0)),
        ]
    );
    for (hash, then) in hashes.iter().zip([&first, &second, &second, &second, &third]) {
        assert_eq!(row_at(document, "tasks", ROW, &[*hash]).as_ref(), Some(then));
    }
    let before_it = document.get_changes(&[])[0].hash().0;
    assert_eq!(row_at(document, "tasks", ROW, &[before_it]), None);
}

#[test]
fn concurrent_edits_are_entries_of_their_own_and_show_what_their_authors_saw() {
    let (mut document, row) = with_row();
    let mut other = document.fork();
    change(&mut document, 30, |transaction| transaction.put(&row, "title", "mine").unwrap());
    change(&mut other, 20, |transaction| transaction.put(&row, "title", "theirs").unwrap());
    change(&mut other, 40, |transaction| transaction.put(&row, "more", 1).unwrap());
    document.merge(&mut other).unwrap();
    change(&mut document, 15, |transaction| transaction.put(&row, "title", "both").unwrap());
    let entries = all(&document);
    // The last one stands on the others, whatever its author's clock says.
    assert_eq!(entries.iter().map(|entry| entry.time).collect::<Vec<_>>(), [15, 40, 30, 20, 10]);
    assert_eq!(entries[1].fields, [written("more", None, Some(number(1)))]);
    assert_eq!(entries[2].fields, [written("title", Some(text("first")), Some(text("mine")))]);
    assert_eq!(entries[3].fields, [written("title", Some(text("first")), Some(text("theirs")))]);
    assert_eq!(row_at(&document, "tasks", ROW, &[entries[2].hash]), Some(fields([("title", text("mine"))])));
    let merged = row_at(&document, "tasks", ROW, &[entries[1].hash, entries[2].hash]).unwrap();
    assert_eq!(merged.get("more"), Some(&number(1)));
    assert_eq!(entries[0].fields[0].before.as_ref(), merged.get("title"));
}

#[test]
fn what_is_written_inside_of_a_field_is_a_change_of_the_field_also_when_it_is_gone() {
    let (mut document, row) = with_row();
    let (_, (list, inner)) = change(&mut document, 20, |transaction| {
        let meta = transaction.put_object(&row, "meta", ObjType::Map).unwrap();
        let list = transaction.put_object(&meta, "list", ObjType::List).unwrap();
        (list.clone(), transaction.insert_object(&list, 0, ObjType::Map).unwrap())
    });
    change(&mut document, 30, |transaction| transaction.put(&inner, "x", 1).unwrap());
    change(&mut document, 40, |transaction| transaction.insert(&list, 1, "item").unwrap());
    change(&mut document, 50, |transaction| transaction.delete(&list, 0).unwrap());
    change(&mut document, 60, |transaction| transaction.delete(&row, "meta").unwrap());
    let entries = all(&document);
    assert_eq!(kinds(&entries), [Updated, Updated, Updated, Updated, Updated, Inserted]);
    let meta = |items: Vec<Value>| Some(Value::Object(fields([("list", Value::Array(items))])));
    let (empty, full) = (Value::Object(FlatMap::new()), Value::Object(fields([("x", number(1))])));
    let states = [
        None,
        meta(vec![text("item")]),
        meta(vec![full.clone(), text("item")]),
        meta(vec![full]),
        meta(vec![empty]),
        None,
    ];
    for (entry, states) in entries.iter().zip(states.windows(2)) {
        assert_eq!(entry.fields, [written("meta", states[1].clone(), states[0].clone())], "at {}", entry.time);
    }
}

#[test]
fn texts_and_counters_are_read_as_they_were() {
    let (mut document, row) = with_row();
    let (_, note) = change(&mut document, 20, |transaction| {
        transaction.put(&row, "votes", automerge::ScalarValue::counter(5)).unwrap();
        let note = transaction.put_object(&row, "note", ObjType::Text).unwrap();
        transaction.splice_text(&note, 0, 0, "lazy dog").unwrap();
        note
    });
    let mut other = document.fork();
    change(&mut document, 30, |transaction| transaction.splice_text(&note, 0, 4, "🙂").unwrap());
    change(&mut other, 40, |transaction| {
        transaction.splice_text(&note, 8, 0, "s").unwrap();
        transaction.increment(&row, "votes", 3).unwrap();
    });
    document.merge(&mut other).unwrap();
    change(&mut document, 50, |transaction| transaction.increment(&row, "votes", -1).unwrap());
    let float = |number| Some(Value::Float64(number));
    let entries = all(&document);
    assert_eq!(entries[0].fields, [written("votes", float(8.0), float(7.0))]);
    assert_eq!(
        entries[1].fields,
        [written("note", Some(text("lazy dog")), Some(text("lazy dogs"))), written("votes", float(5.0), float(8.0))]
    );
    assert_eq!(entries[2].fields, [written("note", Some(text("lazy dog")), Some(text("🙂 dog")))]);
    let now = row_at(&document, "tasks", ROW, &heads(&document)).unwrap();
    assert_eq!(now, fields([("note", text("🙂 dogs")), ("title", text("first")), ("votes", Value::Float64(7.0))]));
}

#[test]
fn maps_that_were_made_for_one_row_at_the_same_time_have_one_history() {
    let mut document = Automerge::new();
    let (_, table) =
        change(&mut document, 1, |transaction| transaction.put_object(ROOT, "tasks", ObjType::Map).unwrap());
    let mut other = document.fork();
    let make = |document: &mut Automerge, time, title: &str| {
        let (_, row) = change(document, time, |transaction| {
            let row = transaction.put_object(&table, ROW, ObjType::Map).unwrap();
            transaction.put(&row, "title", title).unwrap();
            row
        });
        change(document, time + 1, |transaction| transaction.put(&row, "more", time).unwrap());
    };
    make(&mut document, 10, "mine");
    make(&mut other, 20, "theirs");
    document.merge(&mut other).unwrap();
    let entries = all(&document);
    assert_eq!(kinds(&entries), [Updated, Inserted, Updated, Inserted]);
    assert_eq!(entries[0].fields, [written("more", None, Some(number(20)))]);
    assert_eq!(entries[3].fields, [written("title", None, Some(text("mine")))]);
    let mine = fields([("more", number(10)), ("title", text("mine"))]);
    assert_eq!(row_at(&document, "tasks", ROW, &[entries[2].hash]), Some(mine));
}

#[test]
fn a_row_is_taken_out_of_its_table_or_goes_with_it() {
    let (mut document, _) = with_row();
    let (_, table) = document.get(ROOT, "tasks").unwrap().unwrap();
    change(&mut document, 20, |transaction| transaction.put_object(&table, "row 2", ObjType::Map).unwrap());
    change(&mut document, 30, |transaction| transaction.delete(&table, ROW).unwrap());
    change(&mut document, 40, |transaction| {
        let row = transaction.put_object(&table, ROW, ObjType::Map).unwrap();
        transaction.put(&row, "title", "again").unwrap();
    });
    change(&mut document, 50, |transaction| {
        let row = transaction.put_object(&table, ROW, ObjType::Map).unwrap();
        transaction.put(&row, "other", 2).unwrap();
    });
    change(&mut document, 60, |transaction| transaction.delete(ROOT, "tasks").unwrap());
    change(&mut document, 70, |transaction| transaction.put_object(ROOT, "tasks", ObjType::Map).unwrap());
    let entries = all(&document);
    assert_eq!(kinds(&entries), [Deleted, Updated, Inserted, Deleted, Inserted]);
    let title = |title| Some(text(title));
    assert_eq!(entries[0].fields, [written("other", Some(number(2)), None)]);
    assert_eq!(
        entries[1].fields,
        [written("other", None, Some(number(2))), written("title", title("again"), None)],
        "it has become another one"
    );
    assert_eq!(entries[2].fields, [written("title", None, title("again"))]);
    assert_eq!(entries[3].fields, [written("title", title("first"), None)]);
    assert_eq!(row_at(&document, "tasks", ROW, &[entries[0].hash]), None);
    let other = history(&document, "tasks", "row 2", 9, None);
    assert_eq!(kinds(&other), [Deleted, Inserted]);
}

#[test]
fn marks_say_where_a_row_lies() {
    let (mut document, row) = with_row();
    let mut put = |time, name: &str| change(&mut document, time, |transaction| transaction.put(&row, name, 1).unwrap());
    put(20, mark::MOVED_TO);
    put(30, "title");
    put(40, mark::DELETED);
    change(&mut document, 50, |transaction| transaction.delete(&row, mark::MOVED_TO).unwrap());
    change(&mut document, 60, |transaction| transaction.delete(&row, mark::DELETED).unwrap());
    change(&mut document, 70, |transaction| transaction.put(&row, mark::MOVED_TO, 1).unwrap());
    change(&mut document, 80, |transaction| transaction.delete(&row, mark::MOVED_TO).unwrap());
    let entries = all(&document);
    assert_eq!(kinds(&entries), [Arrived, MovedAway, Restored, Deleted, Updated, Updated, MovedAway, Inserted]);
    assert!(entries.iter().all(|entry| entry.fields.iter().all(|field| field.name == "title")), "marks are no fields");

    let (_, table) = document.get(ROOT, "tasks").unwrap().unwrap();
    change(&mut document, 90, |transaction| {
        let row = transaction.put_object(&table, "row 2", ObjType::Map).unwrap();
        transaction.put(&row, mark::ORIGIN, "elsewhere").unwrap();
        transaction.put(&row, "title", "moved").unwrap();
    });
    let moved = history(&document, "tasks", "row 2", 9, None);
    assert_eq!(kinds(&moved), [Arrived]);
    assert_eq!(moved[0].fields, [written("title", None, Some(text("moved")))]);
}

#[test]
fn a_history_comes_in_pages() {
    let (mut document, row) = with_row();
    for time in 11..30 {
        change(&mut document, time, |transaction| transaction.put(&row, "n", time).unwrap());
    }
    let whole = all(&document);
    assert_eq!(whole.len(), 20);
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = history(&document, "tasks", ROW, 3, before);
        let Some(last) = page.last() else { break };
        before = Some(last.hash);
        // What comes meanwhile is newer, or has its place among the older ones and moves none of them.
        let newer = 1_000 + pages.len() as i64;
        change(&mut document, newer, |transaction| transaction.put(&row, "n", newer).unwrap());
        pages.extend(page);
    }
    assert_eq!(pages, whole);
    assert_eq!(history(&document, "tasks", ROW, 0, None), []);
    // Any change of the document is a place to begin at.
    let table_made = document.get_changes(&[])[0].hash().0;
    assert_eq!(history(&document, "tasks", ROW, 3, Some(table_made)), []);
}

#[test]
fn what_is_not_there_has_no_history() {
    let (mut document, _) = with_row();
    assert_eq!(history(&document, "tasks", "row 2", 9, None), []);
    assert_eq!(history(&document, "notes", ROW, 9, None), []);
    assert_eq!(history(&document, "tasks", ROW, 9, Some([7; 32])), [], "of no change");
    assert_eq!(row_at(&document, "tasks", "row 2", &heads(&document)), None);
    assert_eq!(row_at(&document, "notes", ROW, &heads(&document)), None);
    assert_eq!(row_at(&document, "tasks", ROW, &[[7; 32]]), None);
    assert_eq!(row_at(&document, "tasks", ROW, &[]), None);
    // Others may put anything anywhere.
    change(&mut document, 20, |transaction| {
        transaction.put(ROOT, "scalar", 1).unwrap();
        transaction.put_object(ROOT, "list", ObjType::List).unwrap();
        let table = transaction.put_object(ROOT, "odd", ObjType::Map).unwrap();
        transaction.put(&table, "row 3", 1).unwrap();
        let row = transaction.put_object(&table, ROW, ObjType::List).unwrap();
        transaction.insert_object(&row, 0, ObjType::Map).unwrap();
    });
    for table in ["scalar", "list", "odd"] {
        for row in [ROW, "row 3"] {
            assert_eq!(history(&document, table, row, 9, None), []);
            assert_eq!(row_at(&document, table, row, &heads(&document)), None);
        }
    }
}
