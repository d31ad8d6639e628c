//! What is known of changes, whatever the devices themselves believe: no number is used twice, nothing is sent that is not
//! in the store, nothing that was in the store is lost.

use super::*;
use crate::crdt::{DocumentId, DocumentState};
use crate::doc::Frame;
use crate::keyspace::{self, Root};
use automerge::{Automerge, Change, ChangeHash};
use std::collections::{BTreeMap, BTreeSet};

/// Changes by their documents.
pub(super) type Changes = BTreeMap<DocumentId, BTreeSet<ChangeHash>>;

/// What all devices together have saved.
#[derive(Default)]
pub(super) struct Evidence {
    /// Which change has a number of an actor.
    sequences: BTreeMap<(Vec<u8>, u64), ChangeHash>,
}

impl Evidence {
    /// Takes note of changes, one after another.
    pub(super) fn note(&mut self, mut chunks: &[u8]) {
        while !chunks.is_empty() {
            let length = crate::crdt::chunk_length(chunks).expect("a change");
            let change = Change::from_bytes(chunks[..length].to_vec()).expect("a change");
            let known = self.sequences.insert((change.actor_id().to_bytes().to_vec(), change.seq()), change.hash());
            assert!(known.is_none_or(|known| known == change.hash()), "a number was used twice");
            chunks = &chunks[length..];
        }
    }
}

/// The changes in a store, as a tab finds them that opens it now.
pub(super) fn stored_changes(world: &World) -> Changes {
    let mut fresh = World::new();
    fresh.storage = world.storage.clone();
    let tab = fresh.open(calm(), synced());
    let mut found = Changes::new();
    for (key, value) in entries(&mut fresh, tab, keyspace::STATES_PREFIX, false) {
        let root = Root::of(&key).expect("a root");
        let id = DocumentState::decode(&value).expect("readable").id;
        let mut document = Automerge::new();
        for (_, chunks) in entries(&mut fresh, tab, &root.changes_prefix(), false) {
            document.load_incremental(&chunks).expect("applied");
        }
        found.insert(id, document.get_changes(&[]).iter().map(Change::hash).collect());
    }
    found
}

/// Each change in a frame that is sent is in the store. Answers whether there was any.
pub(super) fn check_sent(world: &World, frame: &Frame) -> bool {
    let Frame::Sync { id, message } = frame else { return false };
    let message = automerge::sync::Message::decode(message).expect("a message");
    let mut sent = Automerge::new();
    let mut hashes = BTreeSet::new();
    for chunk in message.changes.iter() {
        match Change::from_bytes(chunk.to_vec()) {
            Ok(change) => drop(hashes.insert(change.hash())),
            Err(_) => drop(sent.load_incremental(chunk).expect("a document")),
        }
    }
    hashes.extend(sent.get_changes(&[]).iter().map(Change::hash));
    if hashes.is_empty() {
        return false;
    }
    let stored = stored_changes(world).remove(id).unwrap_or_default();
    assert!(hashes.is_subset(&stored), "something was sent before it was saved");
    true
}
