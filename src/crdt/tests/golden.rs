//! Bytes that devices of other versions have: changes that they make themselves, and what they have stored.

use super::Kinds;
use crate::bytes::Bytes;
use crate::crdt::{
    Arrival, ChangeEncoder, DocumentState, Editor, Head, HiddenRow, Marks, Rest, StoredRow, TableMap, Why, genesis,
    move_name, table_map,
};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::golden;
use crate::keyspace::{Root, RowId, TableId};
use crate::value::Value;

fn row(title: &str, note: &str, votes: f64) -> Value {
    let tags = Value::Array(vec![Value::from("x"), Value::Int64(-7)]);
    let fields =
        [("note", Value::from(note)), ("tags", tags), ("title", Value::from(title)), ("votes", Value::Float64(votes))];
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

#[test]
fn changes_and_what_is_stored_stay_as_they_are() {
    let id = [7; 16];
    let (actor, change) = genesis(&id, "projects", Some("an id"));
    golden::check("crdt-genesis", &change.bytes);
    assert_ne!(actor, genesis(&id, "tasks", None).0);

    let names = Names::new();
    let actors = [actor, Bytes::from(&[3; 16][..])];
    let [before, after] = [row("a", "hello", 1.0), row("b", "help", 4.0)].map(|value| document::encode(&value, &names));
    let [before, after] = [&before, &after].map(|bytes| Document::new(bytes).object().expect("an object"));
    let mut encoder = ChangeEncoder::default();
    let mut editor = Editor { encoder: &mut encoder, names: &names, kinds: &Kinds, author: 1, first_op: 3 };
    let from = move_name("yet another one's", 5, &[3; 16]);
    assert_eq!(from, format!("yet another one's 5@{}", "03".repeat(16)));
    let arrival = Arrival { origin: Some("a project's id"), from: Some(&from), replaced: Vec::new() };
    let mut stamps =
        editor.insert_row(table_map(0), "a row's id", 1_700_000_000_000.5, &arrival, before).expect("written");
    editor.update_row(&mut stamps, before, after, &[]).expect("written");
    editor.delete_row(&mut stamps, 1_700_000_000_001.0);
    editor.move_row(&mut stamps, "another project's id");
    let head = Head {
        actors: &actors,
        author: 1,
        sequence: 1,
        first_op: 3,
        time: 1_700_000_000,
        message: "",
        dependencies: &[change.hash],
    };
    let written = encoder.finish(&head);
    golden::check("crdt-change", &written.bytes);
    let mut document = automerge::Automerge::new();
    document.load_incremental(&[change.bytes, written.bytes].concat()).expect("loads");
    assert_eq!(document.get_heads(), [automerge::ChangeHash(written.hash)]);
    golden::check("crdt-stamps", &stamps.encode());

    let tables: FlatMap<String, TableMap> = [("projects", true), ("tags", false)]
        .into_iter()
        .map(|(name, is_taken)| (name.to_string(), TableMap { map: table_map(0), is_taken }))
        .collect();
    let state = DocumentState { id, heads: vec![change.hash], max_op: 30, actor_count: 2, tables };
    golden::check("crdt-state", &state.encode());
    assert_eq!(DocumentState::decode(&state.encode()), Ok(state));

    let root = Root { table: TableId(1), id: RowId([9; 16]) };
    let shown = StoredRow::shown(stamps.encode());
    golden::check("crdt-row-shown", &shown.encode());
    let hidden = StoredRow {
        hidden: Some(HiddenRow { why: Why::Misfit, root, creation_time: 5.5, document: Bytes::from(&b"document"[..]) }),
        marks: Marks { origin: Some(Root { id: RowId([8; 16]), ..root }), moved_to: Some(root) },
        has_duplicates: false,
        rest: Some(Rest { document: Bytes::from(&b"more"[..]), stamps: Bytes::from(&b"its stamps"[..]) }),
        stamps: Bytes::from(&b"stamps"[..]),
    };
    golden::check("crdt-row-hidden", &hidden.encode());
    for row in [shown, hidden] {
        assert_eq!(StoredRow::decode(&Bytes::new(row.encode())), Ok(row));
    }
}
