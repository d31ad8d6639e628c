//! What two libraries tell each other of a document, and how much that is.

use super::*;
use automerge::transaction::Transactable;
use automerge::{ActorId as Actor, ROOT};

const ID: DocumentId = [7; 16];

/// A document whose first change is large.
fn document() -> Automerge {
    let mut document = Automerge::new().with_actor(Actor::from([1; 16]));
    let mut transaction = document.transaction();
    for number in 0..2_000 {
        transaction.put(ROOT, format!("key {number}"), format!("value {number}")).expect("put");
    }
    transaction.commit();
    document
}

fn edited(base: &Automerge, actor: u8, count: usize) -> Automerge {
    let mut document = base.clone().with_actor(Actor::from([actor; 16]));
    for number in 0..count {
        let mut transaction = document.transaction();
        transaction.put(ROOT, format!("key {number}"), i64::from(actor)).expect("put");
        transaction.commit();
    }
    document
}

struct Side(Library, SyncState);

impl Side {
    fn new(document: &Automerge) -> Side {
        let chunks: Vec<u8> = document.get_changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
        let heads: Vec<ChangeHash> = document.get_heads().iter().map(|head| head.0).collect();
        let mut library = Library::default();
        library.load(ID, &chunks, &[], &heads).expect("loaded");
        Side(library, SyncState::new())
    }

    fn say(&mut self) -> Option<Vec<u8>> {
        self.0.get(&ID)?.message(&mut self.1)
    }

    fn hear(&mut self, bytes: &[u8]) {
        let loaded = self.0.get_mut(&ID).expect("loaded");
        let (message, refused) = loaded.receive(bytes).expect("a message");
        assert!(refused.is_empty(), "{refused:?}");
        while loaded.apply_some().expect("applied") {}
        loaded.hear(&mut self.1, message).expect("heard");
    }
}

/// Lets two talk until both have the same. Answers with the bytes that crossed, and whether a document was among them.
fn talk(one: &Automerge, other: &Automerge) -> (usize, bool) {
    let mut sides = [Side::new(one), Side::new(other)];
    let (mut crossed, mut is_whole) = (0, false);
    for turn in 0..20 {
        let [from, to] = if turn % 2 == 0 { [0, 1] } else { [1, 0] };
        let Some(message) = sides[from].say() else { continue };
        crossed += message.len();
        let changes = Message::decode(&message).expect("a message").changes;
        is_whole |= changes.iter().any(|chunk| chunk[8] == 0);
        sides[to].hear(&message);
    }
    let heads = sides.map(|side| side.0.get(&ID).expect("loaded").document().get_heads());
    assert_eq!(heads[0], heads[1]);
    (crossed, is_whole)
}

#[test]
fn what_both_have_does_not_cross_again() {
    let base = document();
    let whole = base.save().len();
    let (crossed, is_whole) = talk(&edited(&base, 2, 20), &edited(&base, 3, 20));
    assert!(!is_whole);
    assert!(crossed < whole, "{crossed} of {whole} bytes");
}

#[test]
fn who_has_little_gets_all_in_one_piece() {
    let base = document();
    assert!(talk(&edited(&base, 2, 20), &Automerge::new()).1);
    let nearly_empty = edited(&Automerge::new(), 4, 1);
    let mut full = edited(&nearly_empty, 5, 600);
    full = edited(&full, 6, 600);
    assert!(talk(&full, &nearly_empty).1);
}
