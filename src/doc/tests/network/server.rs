//! A server as automerge-repo has it: it takes what it is told of, and says nothing of what it is not asked for.

use crate::crdt::DocumentId;
use crate::wire::Frame;
use automerge::sync::{Message, State, SyncDoc};
use automerge::{Automerge, ChangeHash};
use std::collections::BTreeMap;

pub(super) const NAME: &str = "storage-server-test";
const STORE: &str = "3760df37-a4c6-4f66-9ecd-732039a9385d";

#[derive(Default)]
pub(super) struct Server {
    documents: BTreeMap<DocumentId, Automerge>,
    /// What devices are called, and how their documents stand.
    peers: BTreeMap<usize, (String, BTreeMap<DocumentId, State>)>,
}

impl Server {
    pub(super) fn heads(&self, id: &DocumentId) -> Vec<ChangeHash> {
        self.documents.get(id).map(Automerge::get_heads).unwrap_or_default()
    }

    pub(super) fn gone(&mut self, device: usize) {
        self.peers.remove(&device);
    }

    pub(super) fn restart(&mut self, keeps: bool) {
        self.peers.clear();
        if !keeps {
            self.documents.clear();
        }
    }

    /// Takes in a frame; answers with what it sends to whom.
    pub(super) fn receive(&mut self, device: usize, bytes: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let frame = |frame: Frame| (device, frame.encode());
        match Frame::decode(bytes).expect("a frame") {
            Frame::Join { sender } => {
                self.peers.insert(device, (sender, BTreeMap::new()));
                vec![frame(Frame::Peer { sender: NAME.into(), store: Some(STORE.into()) })]
            }
            Frame::Sync { sender, target, id, message, is_request } => {
                if target != NAME {
                    return Vec::new(); // somebody else has introduced themselves to it
                }
                assert_eq!(self.peers[&device].0, sender);
                let message = Message::decode(&message).expect("a message");
                assert_eq!(is_request, message.heads.is_empty(), "who has nothing asks");
                let document = self.documents.entry(id).or_default();
                let state = self.peers.get_mut(&device).expect("known").1.entry(id).or_default();
                document.receive_sync_message(state, message).expect("heard");
                if is_request && document.get_heads().is_empty() {
                    return vec![frame(Frame::Unavailable { sender: NAME.into(), target: sender, id })];
                }
                self.tell(&id)
            }
            Frame::Leave { .. } => {
                self.gone(device);
                Vec::new()
            }
            other => panic!("{other:?}"),
        }
    }

    /// What is to be said to all who talk of a document.
    fn tell(&mut self, id: &DocumentId) -> Vec<(usize, Vec<u8>)> {
        let document = &self.documents[id];
        let mut said = Vec::new();
        for (device, (name, states)) in &mut self.peers {
            let Some(message) = states.get_mut(id).and_then(|state| document.generate_sync_message(state)) else {
                continue;
            };
            let (sender, target, message) = (NAME.to_owned(), name.clone(), message.encode());
            let frame = Frame::Sync { sender, target, id: *id, message, is_request: false };
            said.push((*device, frame.encode()));
        }
        said
    }

    /// What it would say of a document to a device that has not spoken of it.
    pub(super) fn announce(&mut self, device: usize, id: &DocumentId) -> Vec<Vec<u8>> {
        let message = message_with(&self.documents[id]);
        let target = self.peers[&device].0.clone();
        vec![Frame::Sync { sender: NAME.into(), target, id: *id, message, is_request: false }.encode()]
    }
}

/// A message with all that a document has.
pub(super) fn message_with(document: &Automerge) -> Vec<u8> {
    let (mut asked, mut state) = (State::new(), State::new());
    let asker = Automerge::new();
    let question = asker.generate_sync_message(&mut asked).expect("it has nothing");
    let mut document = document.clone();
    document.receive_sync_message(&mut state, question).expect("heard");
    document.generate_sync_message(&mut state).expect("all of it").encode()
}
