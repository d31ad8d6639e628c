//! Conversations with peers: devices, which tell each other what they have, and servers, which are asked for each document.

use super::messages::{Frame, Output, PeerId};
use super::{Hub, Waiting};
use crate::crdt::DocumentId;
use crate::flat_map::FlatMap;
use automerge::ChangeHash;
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion, State as SyncState};

/// Somebody to talk with.
pub(super) struct Peer {
    kind: Kind,
    /// Documents that both have, or one wants to give the other.
    pub(super) sessions: FlatMap<DocumentId, Session>,
}

impl Peer {
    pub(super) fn is_server(&self) -> bool {
        matches!(self.kind, Kind::Server(_))
    }
}

enum Kind {
    /// By a name that it has as long as it runs.
    Device(String),
    /// With what was known of it the last time.
    Server(FlatMap<DocumentId, Vec<u8>>),
}

#[derive(Default)]
pub(super) struct Session {
    pub(super) state: SyncState,
    /// What was received and is to be heard when all changes that came with it are saved.
    pub(super) unheard: Vec<Message>,
    /// What was told of it last.
    pub(super) is_synced: bool,
    /// What it sends of the document is not taken in any more.
    pub(super) is_refused: bool,
    /// The heads of both when it spoke last, and how often it has with the same ones.
    rounds: Option<(Heads, u32)>,
    /// The bytes that it was sent since it spoke last.
    pub(super) unanswered_bytes: usize,
}

/// The heads of both sides of a conversation.
type Heads = [Vec<ChangeHash>; 2];

/// After so many messages of a peer that change nothing there is nothing more to say: it has what is not taken in here, is asked
/// for it, and sends it, for ever.
pub(super) const ROUNDS: u32 = 10;

/// Who was sent so much without an answer is told more when it has answered: at its first meeting that is a whole document, which
/// each change that is written meanwhile would send again.
pub(super) const UNANSWERED_BYTES: usize = if cfg!(test) { 2 << 10 } else { 64 << 10 };

/// What is known of so many devices is kept.
const DEVICES: usize = 64;

impl Session {
    pub(super) fn count_round(&mut self, ours: Vec<ChangeHash>, theirs: Vec<ChangeHash>) {
        let heads = [ours, theirs];
        let count = self.rounds.take().filter(|(known, _)| *known == heads).map_or(0, |(_, count)| count);
        self.rounds = Some((heads, count + 1));
    }

    /// Whether all is said, until something is new.
    pub(super) fn is_silent(&self, ours: &[ChangeHash]) -> bool {
        let theirs = self.state.their_heads.as_deref().unwrap_or_default();
        let is_now = |[known, other]: &Heads| known == ours && other == theirs;
        let is_told = self.state.last_sent_heads == ours;
        is_told && self.rounds.as_ref().is_some_and(|(heads, count)| *count > ROUNDS && is_now(heads))
    }

    /// The first word to a peer that has had just these heads: nothing has to be loaded for it.
    fn greeting(&mut self, heads: &[ChangeHash]) -> Option<Vec<u8>> {
        let state = &mut self.state;
        if heads.is_empty() || state.shared_heads != heads || state.have_responded || state.their_heads.is_some() {
            return None;
        }
        state.last_sent_heads = heads.to_vec();
        state.have_responded = true;
        state.in_flight = true;
        let mut flags = MessageFlags::new();
        flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
        let have = vec![Have { last_sync: heads.to_vec(), bloom: BloomFilter::default() }];
        let (need, changes) = (Vec::new(), ChunkList::empty());
        let message =
            Message { heads: heads.to_vec(), need, have, changes, flags: Some(flags), version: MessageVersion::V1 };
        Some(message.encode())
    }

    /// Whether a message says that the peer has just these heads, and nothing else: nothing has to be loaded for that.
    fn is_agreed(&mut self, bytes: &[u8], heads: &[ChangeHash]) -> bool {
        let Ok(message) = Message::decode(bytes) else { return false };
        let last_sync = message.have.first().map(|have| &have.last_sync);
        let is_agreed = self.state.last_sent_heads == heads
            && message.heads == heads
            && message.need.is_empty()
            && message.changes.is_empty()
            && last_sync.is_some_and(|last_sync| last_sync == heads);
        if is_agreed {
            self.state.their_heads = Some(message.heads);
            self.state.their_have = Some(message.have);
            self.state.their_need = Some(Vec::new());
            self.state.in_flight = false;
        }
        is_agreed
    }
}

impl Hub {
    pub(super) fn connected(&mut self, peer: PeerId, device: String) {
        self.peers.insert(peer, Peer { kind: Kind::Device(device), sessions: FlatMap::new() });
        let shared = self.shared();
        self.outputs.push_back(Output::Send { peer, frame: Frame::Documents(shared.clone()) });
        for id in shared {
            self.begin(peer, id);
        }
    }

    pub(super) fn server_connected(&mut self, peer: PeerId, states: &[(DocumentId, Vec<u8>)]) {
        let kind = Kind::Server(states.iter().cloned().collect());
        self.peers.insert(peer, Peer { kind, sessions: FlatMap::new() });
        for id in self.shared() {
            self.begin(peer, id);
        }
    }

    fn shared(&self) -> Vec<DocumentId> {
        self.known.iter().filter(|(_, known)| known.is_shared).map(|(id, _)| *id).collect()
    }

    pub(super) fn disconnected(&mut self, peer: PeerId) {
        self.keep_states();
        let Some(Peer { kind: Kind::Device(device), sessions }) = self.peers.remove(&peer) else { return };
        let trusted = sessions.iter().filter(|(_, session)| !session.is_refused);
        let heads = trusted.map(|(id, session)| (*id, session.state.encode())).collect();
        self.met.insert(device, heads);
        while self.met.len() > DEVICES {
            let first = self.met.keys().next().cloned();
            first.map(|device| self.met.remove(&device));
        }
    }

    /// Has the page keep what was learnt of servers.
    pub(super) fn keep_states(&mut self) {
        for (peer, Peer { kind, sessions }) in self.peers.iter_mut() {
            let Kind::Server(kept) = kind else { continue };
            for (id, session) in sessions.iter().filter(|(_, session)| !session.is_refused) {
                let state = session.state.encode();
                if !session.state.shared_heads.is_empty() && kept.get(id) != Some(&state) {
                    kept.insert(*id, state.clone());
                    self.outputs.push_back(Output::Keep { peer: *peer, id: *id, state });
                }
            }
        }
    }

    /// Begins to talk with a peer about a document.
    pub(super) fn begin(&mut self, peer: PeerId, id: DocumentId) {
        let Some(Peer { kind, sessions }) = self.peers.get_mut(&peer) else { return };
        if self.refused.contains(&(peer, id)) {
            return;
        }
        if !sessions.contains_key(&id) {
            let before = match kind {
                Kind::Device(device) => self.met.get(device).and_then(|documents| documents.get(&id)),
                Kind::Server(states) => states.get(&id),
            };
            let is_here = self.known.get(&id).is_some_and(|known| known.is_here);
            let state = before.filter(|_| is_here).and_then(|state| SyncState::decode(state).ok());
            // What both had is not here any more: a device that thinks so has to hear of it.
            let was_left = self.known.get(&id).is_some_and(|known| known.was_left);
            let needs_reset = was_left && matches!(kind, Kind::Device(_));
            let state = state.unwrap_or_else(|| SyncState { needs_reset, ..SyncState::default() });
            let mut session = Session { state, ..Session::default() };
            let heads = self.known.get(&id).and_then(|known| known.heads.as_ref());
            let is_loaded = self.library.is_loaded(&id);
            let greeting = heads.filter(|_| !is_loaded).and_then(|heads| session.greeting(heads));
            sessions.insert(id, session);
            if let Some(message) = greeting {
                self.outputs.push_back(Output::Send { peer, frame: Frame::Sync { id, message } });
                return;
            }
        }
        self.need(id);
        self.advance(id);
    }

    /// Neither speaks of a document any more nor hears of it.
    pub(super) fn leave(&mut self, id: DocumentId) {
        let known = self.known.or_default(id);
        known.was_left |= known.is_here;
        (known.is_shared, known.is_here, known.heads) = (false, false, None);
        known.waiting.retain(|waiting| !matches!(waiting, Waiting::Sync { .. }));
        self.library.forget(&id);
        for (peer, known) in self.peers.iter_mut() {
            // It may come again, and is not in step then.
            if known.sessions.remove(&id).is_some_and(|session| session.is_synced) {
                self.outputs.push_back(Output::Status { peer: *peer, id, is_synced: false });
            }
        }
    }

    pub(super) fn received(&mut self, peer: PeerId, frame: Frame) {
        let Some(Peer { kind, .. }) = self.peers.get(&peer) else { return };
        let is_server = matches!(kind, Kind::Server(_));
        match frame {
            // Nobody is asked by a server whether documents of others are wanted.
            Frame::Documents(ids) if !is_server => {
                for id in ids {
                    // One that is here and is not shared is nobody else's business. One that was left comes again.
                    if self.known.get(&id).is_none_or(|known| known.is_shared || !known.is_here) {
                        self.document_known(id, true);
                        self.begin(peer, id);
                    }
                }
            }
            Frame::Documents(_) => {}
            Frame::Sync { id, .. } if self.refused.contains(&(peer, id)) => {}
            Frame::Sync { id, message } => {
                if self.known.get(&id).map_or(is_server, |known| !known.is_shared) || self.agree(peer, id, &message) {
                    return;
                }
                self.document_known(id, true);
                self.known.or_default(id).waiting.push(Waiting::Sync { peer, message });
                self.begin(peer, id);
                self.work_off(id);
            }
            Frame::Unavailable(id) => {
                let is_asked = self.peers.get(&peer).is_some_and(|peer| peer.sessions.contains_key(&id));
                if is_asked && self.library.get(&id).is_some_and(|loaded| loaded.document().get_heads().is_empty()) {
                    self.outputs.push_back(Output::Unavailable { peer, id });
                }
            }
        }
    }

    /// Whether a message about a document that is not loaded tells that it is the same there.
    fn agree(&mut self, peer: PeerId, id: DocumentId, message: &[u8]) -> bool {
        let Some(known) = self.known.get(&id).filter(|known| known.loads == 0 && known.waiting.is_empty()) else {
            return false;
        };
        let session = self.peers.get_mut(&peer).and_then(|peer| peer.sessions.get_mut(&id));
        let (Some(heads), Some(session), false) = (&known.heads, session, self.library.is_loaded(&id)) else {
            return false;
        };
        let is_agreed = session.is_agreed(message, heads);
        if is_agreed && !std::mem::replace(&mut session.is_synced, true) {
            self.outputs.push_back(Output::Status { peer, id, is_synced: true });
        }
        is_agreed
    }
}
