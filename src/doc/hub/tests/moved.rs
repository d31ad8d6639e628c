//! A page that has documents of which none stays loaded, and rows that two have moved at the same time.

use super::*;
use crate::crdt::{Merge, mark};
use crate::id;
use crate::keyspace::RowId;
use automerge::{ObjId, ObjType, ScalarValue};
use std::collections::BTreeMap;

struct Page {
    hub: Hub,
    documents: BTreeMap<DocumentId, Automerge>,
    loads: usize,
    /// What it says of documents.
    said: Vec<(DocumentId, Vec<u8>)>,
}

fn text(number: u8) -> String {
    id::encode(1, &RowId([number; 16]))
}

fn task() -> String {
    id::encode(2, &RowId([100; 16]))
}

fn chunks(document: &Automerge, since: &[automerge::ChangeHash]) -> Vec<u8> {
    document.get_changes(since).iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

impl Page {
    /// Does what the hub wants, until that is nothing.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            match self.hub.take_output() {
                None => return,
                Some(Output::Load { id }) => {
                    self.loads += 1;
                    let document = &self.documents[&id];
                    let heads = document.get_heads().iter().map(|head| head.0).collect();
                    let chunks = chunks(document, &[]);
                    self.hub.handle(Input::Loaded { id, chunks, actors: Vec::new(), heads });
                }
                Some(Output::Merge { id, merge }) => {
                    let (merge, _) = Merge::begin(merge).expect("a merge");
                    let document = self.documents.get_mut(&id).expect("known");
                    document.load_incremental(&merge.chunks).expect("applied");
                    let (chunks, actors) = (merge.chunks, merge.actors);
                    self.hub.handle(Input::Saved { id, chunks, actors });
                    self.hub.handle(Input::AllTold);
                    self.hub.handle(Input::Merged { id, outcome: Outcome::Saved });
                }
                Some(Output::Send { frame: Frame::Sync { id, message }, .. }) => self.said.push((id, message)),
                Some(_) => {}
            }
        }
        panic!("it wants more and more");
    }

    /// Takes in what others have written to a document.
    fn hear(&mut self, id: DocumentId, theirs: &mut Automerge) {
        self.hub.handle(Input::Connected { peer: PEER, device: "theirs".into() });
        let mut state = SyncState::new();
        for _ in 0..10 {
            self.settle();
            for message in std::mem::take(&mut self.said) {
                if message.0 == id {
                    let message = Message::decode(&message.1).expect("a message");
                    theirs.receive_sync_message(&mut state, message).expect("heard");
                }
            }
            if let Some(message) = theirs.generate_sync_message(&mut state) {
                let frame = Frame::Sync { id, message: message.encode() };
                self.hub.handle(Input::Received { peer: PEER, frame });
            }
        }
        self.settle();
        self.hub.handle(Input::Disconnected { peer: PEER });
        self.settle();
    }

    fn votes(&self, place: u8) -> i64 {
        let document = &self.documents[&[place; 16]];
        let (_, table) = document.get(ROOT, "tasks").expect("readable").expect("a table");
        let (_, row) = document.get(&table, task()).expect("readable").expect("a row");
        document.get(&row, "votes").expect("readable").expect("a number").0.as_i64().expect("a number")
    }
}

fn row_of(document: &Automerge) -> ObjId {
    let (_, table) = document.get(ROOT, "tasks").expect("readable").expect("a table");
    document.get(&table, task()).expect("readable").expect("a row").1
}

fn moved(from: &mut Automerge, to: &mut Automerge, place: u8) {
    let row = row_of(from);
    let mut transaction = from.transaction();
    transaction.put(&row, mark::MOVED_TO, text(place)).expect("put");
    transaction.commit();
    let (_, by) = from.get(&row, mark::MOVED_TO).expect("readable").expect("it is there");
    let votes = from.get(&row, "votes").expect("readable").expect("a number").0.as_i64().expect("a number");
    let mut transaction = to.transaction();
    let (_, table) = transaction.get(ROOT, "tasks").expect("readable").expect("a table");
    let row = transaction.put_object(&table, task(), ObjType::Map).expect("made");
    transaction.put(&row, mark::ORIGIN, text(1)).expect("put");
    transaction.put(&row, mark::MOVED_FROM, format!("{} {by}", text(1))).expect("put");
    transaction.put(&row, "votes", ScalarValue::counter(votes)).expect("put");
    transaction.commit();
}

fn voted(document: &mut Automerge, by: i64) {
    let row = row_of(document);
    let mut transaction = document.transaction();
    transaction.increment(&row, "votes", by).expect("a counter");
    transaction.commit();
}

/// Three documents of so many bytes; the task is in the first one.
fn documents(bytes: usize) -> Vec<Automerge> {
    let document = |place: u8| {
        let mut document = Automerge::new();
        let mut transaction = document.transaction();
        transaction.put(ROOT, mark::ROOT, text(place)).expect("put");
        // It is not to deflate to nothing.
        let mut random = crate::random::Random::from_number(place.into());
        let noise: Vec<u8> = (0..bytes).map(|_| random.next_u64() as u8).collect();
        transaction.put(ROOT, "other", noise).expect("put");
        let table = transaction.put_object(ROOT, "tasks", ObjType::Map).expect("made");
        if place == 1 {
            let row = transaction.put_object(&table, task(), ObjType::Map).expect("made");
            transaction.put(&row, "votes", ScalarValue::counter(0)).expect("put");
        }
        transaction.commit();
        document
    };
    (1..=3).map(document).collect()
}

/// One has moved the task to the second document, another one to the third, and both have voted there. Answers the votes where
/// it counts, and how often documents were loaded.
fn moved_by_two(bytes: usize) -> (i64, usize) {
    let ours = documents(bytes);
    let mut theirs: Vec<Automerge> = ours.iter().map(Automerge::fork).collect();
    let mut ours = ours;
    let [first, second, _] = &mut ours[..] else { panic!("three") };
    moved(first, second, 2);
    voted(second, 1);
    let [first, _, third] = &mut theirs[..] else { panic!("three") };
    moved(first, third, 3);
    voted(third, 10);
    let known = (1..).map(|place| [place; 16]).zip(ours).collect();
    let mut page = Page { hub: Hub::default(), documents: known, loads: 0, said: Vec::new() };
    page.hub.budget_bytes = 0;
    for place in 1..=3 {
        page.hub.handle(Input::Known { id: [place; 16], root: text(place), is_shared: true, heads: None });
    }
    for (place, theirs) in (1..).zip(&mut theirs) {
        page.hear([place; 16], theirs);
    }
    let first = &page.documents[&[1; 16]];
    let target = first.get(row_of(first), mark::MOVED_TO).expect("readable").expect("it is there").0;
    let (counts, other) = if target.as_str() == Some(&text(2)) { (2, 3) } else { (3, 2) };
    page.hub.handle(Input::Beside { id: [other; 16], table: "tasks".into(), row: task() });
    page.settle();
    (page.votes(counts), page.loads)
}

#[test]
fn a_look_keeps_the_documents_that_it_needs() {
    for _ in 0..8 {
        let (votes, loads) = moved_by_two(1_000);
        assert_eq!(votes, 11);
        assert!(loads < 30, "{loads} loads");
    }
}

#[test]
fn documents_that_are_too_large_together_are_not_looked_at() {
    for _ in 0..8 {
        let (votes, loads) = moved_by_two(MOST_BYTES / 2);
        assert!(votes < 11, "they were loaded all at once");
        assert!(loads < 40, "{loads} loads");
    }
}
