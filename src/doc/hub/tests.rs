//! A hub and a peer that is automerge.

use super::*;
use automerge::sync::SyncDoc;
use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT};

const ID: DocumentId = [7; 16];

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

#[test]
fn a_device_that_is_connected_again_is_known() {
    let (mut document, loaded) = document();

    let mut hub = Hub::default();
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: true });
    hub.handle(Input::Connected { peer: 1, device: "laptop".into() });
    hub.handle(loaded);
    let first = said(&mut hub).expect("it begins to talk");
    assert!(first.have[0].last_sync.is_empty(), "nothing is known of it");
    let mut state = SyncState::new();
    document.receive_sync_message(&mut state, first).expect("heard");
    let message = document.generate_sync_message(&mut state).expect("an answer").encode();
    hub.handle(Input::Received { peer: 1, frame: Frame::Sync { id: ID, message } });
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
    let mut hub = Hub::default();
    let heads = document.get_heads();
    hub.handle(Input::Known { id: ID, root: String::new(), is_shared: true });
    hub.handle(Input::Connected { peer: 1, device: "laptop".into() });
    hub.handle(loaded.clone());
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
                hub.handle(Input::Received { peer: 1, frame: Frame::Sync { id: ID, message: message.encode() } });
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
