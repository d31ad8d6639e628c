//! What automerge and this device write is let through.

use super::*;

fn all_admitted(admitted: Admitted) -> Vec<Change> {
    assert_eq!(admitted.refused, []);
    admitted.changes
}

#[test]
fn what_automerge_writes_is_let_through() {
    for seed in crate::random::seeds(40) {
        let document = mixed_document(seed, 40);
        let changes = document.get_changes(&[]);
        let mut gate = Gate::new(Limits::default());
        let mut copy = Automerge::new();
        // In several calls, the first of which come twice.
        for part in changes.chunks(7) {
            let bytes = chunks(part);
            copy.apply_changes(all_admitted(gate.admit(&bytes))).unwrap();
            assert!(all_admitted(gate.admit(&bytes)).is_empty(), "seed {seed}");
        }
        assert_eq!(copy.get_heads(), document.get_heads(), "seed {seed}");
        assert_eq!(gate.waiting(), 0);

        // The other way round, compressed, all wait for the first.
        let mut gate = Gate::new(Limits::default());
        let compressed = changes.into_iter().rev().flat_map(|mut change| change.bytes().into_owned());
        let admitted = all_admitted(gate.admit(&compressed.collect::<Vec<u8>>()));
        let mut copy = Automerge::new();
        copy.apply_changes(admitted).unwrap();
        assert_eq!(copy.get_heads(), document.get_heads(), "seed {seed}");
        super::verified_save(&copy).unwrap();
    }
}

#[test]
fn changes_wait_for_what_they_follow_even_if_that_is_made_here() {
    let document = mixed_document(1, 30);
    let changes = document.get_changes(&[]);
    let mut gate = Gate::new(Limits::default());
    assert!(all_admitted(gate.admit(&chunks(&changes[1..]))).is_empty());
    assert_eq!(gate.waiting(), changes.len() - 1);
    gate.record(changes[0].raw_bytes()).unwrap();
    assert_eq!(all_admitted(gate.admit(&[])).len(), changes.len() - 1);
}

#[test]
fn big_changes_are_let_through() {
    let mut document = Automerge::new().with_actor(actor(1));
    let mut transaction = document.transaction();
    let text = transaction.put_object(ROOT, "text", ObjType::Text).unwrap();
    transaction.splice_text(&text, 0, 0, &"the quick brown fox ".repeat(500)).unwrap();
    transaction.commit();
    let mut transaction = document.transaction();
    for row in 0..2_000 {
        let row = transaction.put_object(ROOT, format!("row {row}"), ObjType::Map).unwrap();
        for field in ["a", "b", "c", "d"] {
            transaction.put(&row, field, "some value").unwrap();
        }
    }
    transaction.commit();
    let mut transaction = document.transaction();
    transaction.splice_text(&text, 10, 9_000, "").unwrap();
    for at in 0..100 {
        transaction.mark(&text, Mark::new("bold".into(), true, at, at + 500), ExpandMark::Both).unwrap();
    }
    transaction.commit();
    let changes = document.get_changes(&[]);
    assert!(changes.iter().any(|change| change.len() > 9_999));
    let compressed: Vec<u8> = changes.into_iter().flat_map(|mut change| change.bytes().into_owned()).collect();
    let mut copy = Automerge::new();
    copy.apply_changes(all_admitted(Gate::new(Limits::default()).admit(&compressed))).unwrap();
    assert_eq!(copy.text(&text).unwrap(), document.text(&text).unwrap());
}
