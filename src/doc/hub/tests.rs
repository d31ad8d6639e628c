//! A hub and a peer that is automerge.

mod moved;

use super::looking::MOST_BYTES;
use super::session::ROUNDS;
use super::*;
use crate::random::Random;
use automerge::sync::SyncDoc;
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, ROOT, ReadDoc};

const ID: DocumentId = [7; 16];
const PEER: PeerId = 1;

/// What the hub says of the document, and of what it knows that the peer has that as well.
fn said(hub: &mut Hub) -> Option<Message> {
    let mut last = None;
    while let Some(output) = hub.take_output() {
        if let Output::Send { frame: Frame::Sync { message, .. }, .. } = output {
            last = Some(Message::decode(&message).expect("a message"));
        }
    }
    last
}

/// A document, and the answer to a hub that loads it.
fn document() -> (Automerge, Input) {
    let mut document = Automerge::new();
    let mut transaction = document.transaction();
    transaction.put(ROOT, "a", 1).expect("put");
    transaction.commit();
    let heads = document.get_heads().iter().map(|head| head.0).collect();
    let chunks = document.get_changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    (document, Input::Loaded { id: ID, chunks, actors: Vec::new(), heads })
}

/// A hub that has loaded the document and talks with a peer.
fn talking(loaded: &Input) -> Hub {
    let mut hub = Hub::default();
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: true, heads: None });
    hub.handle(Input::Connected { peer: PEER, device: "laptop".into() });
    hub.handle(loaded.clone());
    hub
}

#[test]
fn a_device_that_is_connected_again_is_known() {
    let (mut document, loaded) = document();

    let mut hub = talking(&loaded);
    let first = said(&mut hub).expect("it begins to talk");
    assert!(first.have[0].last_sync.is_empty(), "nothing is known of it");
    let mut state = SyncState::new();
    document.receive_sync_message(&mut state, first).expect("heard");
    let message = document.generate_sync_message(&mut state).expect("an answer").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    said(&mut hub);
    hub.handle(Input::Disconnected { peer: 1 });

    let mut last_sync = |peer: PeerId, device: &str| {
        hub.handle(Input::Connected { peer, device: device.into() });
        said(&mut hub).expect("it begins to talk").have[0].last_sync.clone()
    };
    assert_eq!(last_sync(2, "laptop"), document.get_heads());
    assert_eq!(last_sync(3, "phone"), Vec::new());
    // What is stored may be another document now.
    hub.handle(Input::Disconnected { peer: 2 });
    hub.handle(Input::Reset);
    assert!(hub.met.is_empty());
}

#[test]
fn who_begins_anew_with_what_it_had_says_so() {
    let (mut document, loaded) = document();
    let heads = document.get_heads();
    let mut hub = talking(&loaded);
    let mut state = SyncState::new();
    let mut talk = |hub: &mut Hub| {
        for _ in 0..10 {
            while let Some(output) = hub.take_output() {
                if let Output::Send { frame: Frame::Sync { message, .. }, .. } = output {
                    let message = Message::decode(&message).expect("a message");
                    document.receive_sync_message(&mut state, message).expect("heard");
                }
            }
            if let Some(message) = document.generate_sync_message(&mut state) {
                hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message: message.encode() } });
            }
        }
        state.their_heads.clone()
    };
    assert_eq!(talk(&mut hub), Some(heads.clone()));
    // It does not know any more that the other one knows what a reset is.
    hub.handle(Input::Reset);
    hub.handle(loaded);
    assert_eq!(talk(&mut hub), Some(heads.clone()));
}

#[test]
fn what_is_not_taken_in_is_not_asked_for_for_ever() {
    let (document, loaded) = document();
    let mut hub = talking(&loaded);
    // A peer that has not heard of limits.
    let mut peer = document.fork();
    let mut state = SyncState::new();
    let write = |peer: &mut Automerge, message: usize| {
        let mut transaction = peer.transaction();
        transaction.put(ROOT, "b", message as i64).expect("put");
        transaction.commit_with(CommitOptions::default().with_message("m".repeat(message)));
    };
    let mut talk = |hub: &mut Hub, peer: &mut Automerge| {
        let (mut refused, mut frames) = (0, 0);
        for _ in 0..1_000 {
            let before = frames;
            while let Some(output) = hub.take_output() {
                match output {
                    Output::Send { frame: Frame::Sync { message, .. }, .. } => {
                        frames += 1;
                        peer.receive_sync_message(&mut state, Message::decode(&message).expect("one")).expect("heard");
                    }
                    Output::SetAside { .. } => refused += 1,
                    _ => {}
                }
            }
            if let Some(message) = peer.generate_sync_message(&mut state) {
                frames += 1;
                hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message: message.encode() } });
            }
            if frames == before {
                return (refused, frames);
            }
        }
        panic!("they talk for ever")
    };
    write(&mut peer, 2_000);
    for _ in 0..3 {
        let (refused, frames) = talk(&mut hub, &mut peer);
        assert!(refused < 15 && frames < 40, "{refused} refused, {frames} frames");
        // What is new is said, and what is written here gets there.
        let mut own = document.fork();
        let mut transaction = own.transaction();
        transaction.put(ROOT, "c", frames).expect("put");
        transaction.commit();
        let changes = own.get_changes(&document.get_heads());
        let chunks = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
        hub.handle(Input::Saved { id: ID, chunks, actors: Vec::new() });
        hub.handle(Input::AllTold);
        talk(&mut hub, &mut peer);
        assert!(changes.iter().all(|change| peer.get_change_by_hash(&change.hash()).is_some()));
        write(&mut peer, 10);
    }
}

#[test]
fn nothing_of_what_is_ones_own_goes_to_others() {
    let (document, _) = document();
    let mut hub = Hub::default();
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: false, heads: None });
    hub.handle(Input::Connected { peer: PEER, device: "stranger".into() });
    let message = document.generate_sync_message(&mut SyncState::new()).expect("a beginning").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Documents(vec![ID]) });
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    assert_eq!(outputs, [Output::Send { peer: PEER, frame: Frame::Documents(Vec::new()) }]);
}

#[test]
fn documents_are_let_go_when_all_of_them_is_saved_and_not_before() {
    let (document, loaded) = document();
    let mut hub = talking(&loaded);
    hub.budget_bytes = 0;
    let first = said(&mut hub).expect("it begins to talk");
    let mut peer = document.fork();
    let mut transaction = peer.transaction();
    transaction.put(ROOT, "b", 1).expect("put");
    transaction.commit();
    let mut state = SyncState::new();
    peer.receive_sync_message(&mut state, first).expect("heard");
    let message = peer.generate_sync_message(&mut state).expect("news").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    let use_another = |hub: &mut Hub| {
        let other = [8; 16];
        let Input::Loaded { chunks, actors, heads, .. } = loaded.clone() else { panic!("it is one") };
        let question = Question::History { limit: 1, before: None };
        let (table, row) = ("t".to_string(), "r".to_string());
        hub.handle(Input::Asked { request: 1, id: other, table, row, question });
        hub.handle(Input::Loaded { id: other, chunks, actors, heads });
    };
    use_another(&mut hub);
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    assert!(outputs.iter().any(|output| matches!(output, Output::Merge { id: ID, .. })), "{outputs:?}");
    assert!(hub.library.is_loaded(&ID), "nobody else has what has come");

    let changes = peer.get_changes(&document.get_heads());
    let chunks = changes.iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    hub.handle(Input::Saved { id: ID, chunks, actors: Vec::new() });
    hub.handle(Input::AllTold);
    hub.handle(Input::Merged { id: ID, outcome: Outcome::Saved });
    use_another(&mut hub);
    assert!(!hub.library.is_loaded(&ID), "it is saved, and not needed");
}

/// What a page has written to a document: the news of it.
fn written(document: &mut Automerge, value: i64) -> Input {
    let before = document.get_heads();
    let mut transaction = document.transaction();
    transaction.put(ROOT, "own", value).expect("put");
    transaction.commit();
    let chunks = document.get_changes(&before).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    Input::Saved { id: ID, chunks, actors: Vec::new() }
}

#[test]
fn who_is_saving_something_is_not_in_step_with_who_has_sent_it() {
    let (document, loaded) = document();
    let mut hub = talking(&loaded);
    let mut state = SyncState::new();
    let mut peer = document.fork();
    peer.receive_sync_message(&mut state, said(&mut hub).expect("it begins to talk")).expect("heard");
    for value in 1..4 {
        let news = written(&mut peer, value);
        let message = peer.generate_sync_message(&mut state).expect("it has something new").encode();
        hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
        let statuses = |hub: &mut Hub| -> Vec<bool> {
            let outputs = std::iter::from_fn(|| hub.take_output());
            let status = |output| match output {
                Output::Status { is_synced, .. } => Some(is_synced),
                _ => None,
            };
            outputs.filter_map(status).collect()
        };
        let expected: &[bool] = if value == 1 { &[] } else { &[false] };
        assert_eq!(statuses(&mut hub), expected, "it is not saved yet");
        hub.handle(news);
        hub.handle(Input::Merged { id: ID, outcome: Outcome::Saved });
        assert_eq!(statuses(&mut hub), [true]);
    }
}

#[test]
fn what_is_said_often_while_it_is_being_saved_is_answered() {
    let (document, loaded) = document();
    let mut hub = talking(&loaded);
    let mut state = SyncState::new();
    let mut peer = document.fork();
    peer.receive_sync_message(&mut state, said(&mut hub).expect("it begins to talk")).expect("heard");
    let news = written(&mut peer, 1);
    let message = peer.generate_sync_message(&mut state).expect("it has something new").encode();
    for _ in 0..ROUNDS + 10 {
        hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message: message.clone() } });
    }
    assert!(said(&mut hub).is_none(), "nothing is saved yet");
    hub.handle(news);
    hub.handle(Input::Merged { id: ID, outcome: Outcome::Saved });
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    assert!(outputs.contains(&Output::Status { peer: PEER, id: ID, is_synced: true }), "{outputs:?}");
    let Some(Output::Send { frame: Frame::Sync { message, .. }, .. }) =
        outputs.into_iter().find(|output| matches!(output, Output::Send { .. }))
    else {
        panic!("it does not say that it has it");
    };
    assert_eq!(Message::decode(&message).expect("a message").heads, peer.get_heads());
}

#[test]
fn who_has_nothing_yet_is_not_sent_all_with_each_change() {
    let (mut document, _) = document();
    let mut transaction = document.transaction();
    let mut random = Random::from_number(1);
    let noise: Vec<u8> = (0..2 * UNANSWERED_BYTES).map(|_| random.next_u64() as u8).collect();
    transaction.put(ROOT, "noise", noise).expect("put");
    transaction.commit();
    let heads = document.get_heads().iter().map(|head| head.0).collect();
    let chunks = document.get_changes(&[]).iter().flat_map(|change| change.raw_bytes().to_vec()).collect();
    let mut hub = talking(&Input::Loaded { id: ID, chunks, actors: Vec::new(), heads });
    let (mut peer, mut state) = (Automerge::new(), SyncState::new());
    peer.receive_sync_message(&mut state, said(&mut hub).expect("it begins to talk")).expect("heard");
    let message = peer.generate_sync_message(&mut state).expect("it has nothing").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    let whole = said(&mut hub).expect("all of it");
    assert!(whole.clone().encode().len() > UNANSWERED_BYTES, "{} bytes", whole.clone().encode().len());

    for value in 0..10 {
        hub.handle(written(&mut document, value));
        hub.handle(Input::AllTold);
        assert_eq!(said(&mut hub), None, "it is still reading");
    }
    peer.receive_sync_message(&mut state, whole).expect("heard");
    let message = peer.generate_sync_message(&mut state).expect("it has it").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    let rest = said(&mut hub).expect("what was written meanwhile");
    assert!(rest.clone().encode().len() < UNANSWERED_BYTES, "{} bytes", rest.clone().encode().len());
    peer.receive_sync_message(&mut state, rest).expect("heard");
    assert_eq!(peer.get_heads(), document.get_heads());
}

#[test]
fn what_many_commits_have_saved_is_told_at_once() {
    let (mut document, loaded) = document();
    let mut hub = talking(&loaded);
    let (mut peer, mut state) = (document.fork(), SyncState::new());
    peer.receive_sync_message(&mut state, said(&mut hub).expect("it begins to talk")).expect("heard");
    let message = peer.generate_sync_message(&mut state).expect("it has the same").encode();
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    said(&mut hub);
    for value in 0..20 {
        hub.handle(written(&mut document, value));
        assert_eq!(said(&mut hub), None, "there may be more");
    }
    hub.handle(Input::AllTold);
    peer.receive_sync_message(&mut state, said(&mut hub).expect("news")).expect("heard");
    assert_eq!(peer.get_heads(), document.get_heads());
    hub.handle(Input::AllTold);
    assert_eq!(said(&mut hub), None, "nothing is new");
}

#[test]
fn what_the_page_has_listed_is_forgotten_with_the_first_change() {
    let (mut document, loaded) = document();
    let Input::Loaded { heads, .. } = &loaded else { panic!("a document") };
    let heads = Some(heads.clone());
    let mut hub = Hub::default();
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: true, heads });
    hub.handle(Input::Connected { peer: PEER, device: "laptop".into() });
    hub.handle(loaded.clone());
    let (mut peer, mut state) = (document.fork(), SyncState::new());
    peer.receive_sync_message(&mut state, said(&mut hub).expect("it begins to talk")).expect("heard");
    let same = peer.generate_sync_message(&mut state).expect("it has the same").encode();
    hub.handle(written(&mut document, 1));
    // As if nothing had come, since the page refuses something.
    hub.handle(Input::Merged { id: ID, outcome: Outcome::Refused("no room".into()) });
    hub.handle(Input::Disconnected { peer: PEER });
    hub.handle(Input::Connected { peer: 2, device: "phone".into() });
    hub.handle(Input::Received { peer: 2, frame: Frame::Sync { id: ID, message: same } });
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    assert!(hub.known.get(&ID).is_some_and(|known| known.heads.is_none()), "it has others now");
    assert!(!outputs.contains(&Output::Status { peer: 2, id: ID, is_synced: true }), "{outputs:?}");
}

#[test]
fn of_a_document_that_the_worker_has_failed_of_nothing_is_heard_or_said() {
    let (document, loaded) = document();
    let mut peer_state = SyncState::new();
    let message = document.generate_sync_message(&mut peer_state).expect("it begins to talk").encode();
    let mut hub = Hub::default();
    hub.handle(Input::Refuse { peer: PEER, id: ID });
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: true, heads: None });
    hub.handle(Input::Connected { peer: PEER, device: "laptop".into() });
    hub.handle(Input::Connected { peer: 2, device: "phone".into() });
    hub.handle(loaded);
    hub.handle(Input::Received { peer: PEER, frame: Frame::Sync { id: ID, message } });
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    let is_about =
        |output: &Output, to: PeerId| matches!(output, Output::Send { peer, frame: Frame::Sync { .. } } if *peer == to);
    assert!(!outputs.iter().any(|output| is_about(output, PEER)), "{outputs:?}");
    assert!(outputs.iter().any(|output| is_about(output, 2)), "others hear of it: {outputs:?}");
}

#[test]
fn a_document_that_is_not_wanted_any_more_does_not_come() {
    let (mut document, _) = document();
    let mut state = SyncState::new();
    let mut hub = Hub::default();
    hub.handle(Input::ServerConnected { peer: PEER, states: Vec::new() });
    hub.handle(Input::Wanted { id: ID });
    hub.handle(Input::Loaded { id: ID, chunks: Vec::new(), actors: Vec::new(), heads: Vec::new() });
    let asked = said(&mut hub).expect("it asks");
    document.receive_sync_message(&mut state, asked).expect("heard");
    let answer = document.generate_sync_message(&mut state).expect("it answers").encode();
    let frame = Frame::Sync { id: ID, message: answer };
    hub.handle(Input::Unwanted { id: ID });
    hub.handle(Input::Received { peer: PEER, frame: frame.clone() });
    let outputs: Vec<Output> = std::iter::from_fn(|| hub.take_output()).collect();
    assert!(!outputs.iter().any(|output| matches!(output, Output::Merge { .. })), "{outputs:?}");
    // Somebody does again.
    hub.handle(Input::Wanted { id: ID });
    hub.handle(Input::Loaded { id: ID, chunks: Vec::new(), actors: Vec::new(), heads: Vec::new() });
    hub.handle(Input::Received { peer: PEER, frame });
    assert!(std::iter::from_fn(|| hub.take_output()).any(|output| matches!(output, Output::Merge { .. })));
}
