//! The docs worker as a state machine: it holds documents that are being merged, and talks to peers about them.
//!
//! The page tells it what was saved; it asks the page for documents when it needs them, and to save what has come. Only
//! what is saved is spoken of to peers: a document of which something is not saved yet is silent.

mod looking;
mod messages;
mod session;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;

use looking::{Looked, Looking};
pub(crate) use messages::{Answer, Frame, Input, Outcome, Output, PeerId, Question};
use session::{Peer, Session, UNANSWERED_BYTES};

use super::library::{Library, Loaded};
use crate::crdt::{ActorId, ChangeHash, DocumentId};
use crate::flat_map::FlatMap;
use automerge::sync::{Message, State as SyncState};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// The documents, and those who talk about them.
pub(crate) struct Hub {
    known: FlatMap<DocumentId, Known>,
    library: Library,
    peers: FlatMap<PeerId, Peer>,
    /// Documents of which nothing of a peer is heard.
    refused: BTreeSet<(PeerId, DocumentId)>,
    /// What is known of devices that were connected: what they have of documents.
    met: FlatMap<String, FlatMap<DocumentId, Vec<u8>>>,
    /// Bytes of documents that are kept loaded though nobody needs them now.
    budget_bytes: usize,
    /// Counts uses of documents.
    clock: u64,
    outputs: VecDeque<Output>,
    /// Documents by the rows that they belong to.
    roots: BTreeMap<String, DocumentId>,
    looking: Looking,
    /// How many edits were made again where their rows had gone.
    #[cfg(test)]
    pub(crate) late_edits: usize,
}

#[derive(Default)]
struct Known {
    /// The row that it belongs to, if it is known; empty if it is the person's own.
    root: String,
    is_shared: bool,
    /// Whether the page has it: otherwise it is only wanted.
    is_here: bool,
    /// Whether it was here, and is not any more.
    was_left: bool,
    /// The heads of what is saved, if they are known while it is not loaded.
    heads: Option<Vec<automerge::ChangeHash>>,
    /// Whether something was saved since the page was asked for it: what it lists may be older.
    is_listed_late: bool,
    /// How often the page was asked for it and has not answered: what it answers to the last is the newest.
    loads: u32,
    /// Whether the page has been asked to save something.
    is_merging: bool,
    /// Whether what is to be saved waits until moved rows have what was written to them elsewhere.
    is_held: bool,
    /// Moved rows of what is to be saved next that have it.
    looked_at: BTreeSet<(Rc<str>, Rc<str>)>,
    /// Whether what is stored of it could not be read.
    is_damaged: bool,
    /// Whether something was saved of it that peers were not told yet.
    has_news: bool,
    /// Whether a snapshot of it is being saved.
    is_shrinking: bool,
    /// How often in a row a merge stood on another document than the page's.
    tries: u32,
    last_used: u64,
    /// What waits for the document to be loaded.
    waiting: Vec<Waiting>,
    wanted_tables: Vec<String>,
    /// Those of them whose rows the page was given last.
    given_tables: Vec<String>,
}

enum Waiting {
    Sync { peer: PeerId, message: Vec<u8> },
    Question { request: u32, table: String, row: String, question: Question },
}

/// After so many merges in a row that came too late the document is loaded again.
const TRIES: u32 = 10;

/// What is known of so many devices is kept.
const DEVICES: usize = 64;

/// Documents that nobody needs are kept loaded up to so many bytes of changes.
const BUDGET_BYTES: usize = 16 << 20;

impl Default for Hub {
    fn default() -> Self {
        Hub {
            known: FlatMap::new(),
            library: Library::default(),
            peers: FlatMap::new(),
            refused: BTreeSet::new(),
            met: FlatMap::new(),
            budget_bytes: BUDGET_BYTES,
            clock: 0,
            outputs: VecDeque::new(),
            roots: BTreeMap::new(),
            looking: Looking::default(),
            #[cfg(test)]
            late_edits: 0,
        }
    }
}

impl Hub {
    /// The next thing to do.
    pub(crate) fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in what has happened.
    pub(crate) fn handle(&mut self, input: Input) {
        match input {
            Input::Known { id, root, is_shared, heads } => {
                self.roots.insert(root.clone(), id);
                let known = self.known.or_default(id);
                known.root = root;
                (known.is_here, known.was_left) = (true, false);
                let heads = heads.filter(|_| !known.is_listed_late);
                known.heads = heads.map(|heads| heads.into_iter().map(automerge::ChangeHash).collect());
                self.document_known(id, is_shared);
            }
            Input::Wanted { id } => self.document_known(id, true),
            Input::Unwanted { id } => self.leave(id),
            Input::Loaded { id, chunks, actors, heads } => self.loaded(id, &chunks, &actors, &heads),
            Input::Saved { id, chunks, actors } => self.saved(id, &chunks, &actors),
            Input::AllTold => self.advance_all(),
            Input::Merged { id, outcome } => self.merged(id, outcome),
            Input::SnapshotSaved { id, bytes } => {
                self.known.or_default(id).is_shrinking = false;
                if let Some(loaded) = self.library.get_mut(&id).filter(|_| bytes > 0) {
                    loaded.snapshot_saved(bytes);
                }
            }
            Input::Reset => self.reset(),
            Input::Connected { peer, device } => self.connected(peer, device),
            Input::ServerConnected { peer, states } => self.server_connected(peer, &states),
            Input::Disconnected { peer } => self.disconnected(peer),
            Input::Refuse { peer, id } => {
                self.refused.insert((peer, id));
            }
            Input::Received { peer, frame } => self.received(peer, frame),
            Input::Waiting { id } => self.work_ahead(id),
            Input::Quiet => {
                self.shrink();
                self.keep_states();
            }
            Input::Asked { request, id, table, row, question } => {
                self.known.or_default(id).waiting.push(Waiting::Question { request, table, row, question });
                self.need(id);
                self.work_off(id);
            }
            Input::Beside { id, table, row } => self.look_beside(id, &table, &row),
            Input::TakeTables { id, tables } => {
                self.known.or_default(id).wanted_tables = tables;
                self.need(id);
                self.advance(id);
            }
        }
        self.drop_unneeded();
    }

    fn document_known(&mut self, id: DocumentId, is_shared: bool) {
        let known = self.known.or_default(id);
        let is_news = is_shared && !known.is_shared;
        known.is_shared = is_shared;
        if is_news {
            let peers: Vec<PeerId> = self.peers.keys().copied().collect();
            for peer in peers {
                self.begin(peer, id);
            }
        }
    }

    /// Sees to it that a document is loaded.
    fn need(&mut self, id: DocumentId) {
        self.clock += 1;
        let known = self.known.or_default(id);
        known.last_used = self.clock;
        if known.loads == 0 && !self.library.is_loaded(&id) {
            known.loads = 1;
            self.outputs.push_back(Output::Load { id });
        }
    }

    fn loaded(&mut self, id: DocumentId, chunks: &[u8], actors: &[ActorId], heads: &[ChangeHash]) {
        let known = self.known.or_default(id);
        known.loads = known.loads.saturating_sub(1);
        if known.loads > 0 {
            return;
        }
        let loaded = self.library.load(id, chunks, actors, heads);
        known.is_damaged = loaded.is_err();
        // From now on it is another one with each change, and it may be let go of without a word.
        known.heads = None;
        if let Err(error) = loaded {
            // What is stored is damaged: nothing is merged into it.
            for waiting in std::mem::take(&mut known.waiting) {
                if let Waiting::Question { request, .. } = waiting {
                    self.outputs.push_back(Output::Answer { request, answer: Answer::Nothing });
                }
            }
            self.set_aside(None, id, error.0);
            self.look_on();
            return;
        }
        self.work_off(id);
        self.advance(id);
        self.look_on();
    }

    fn saved(&mut self, id: DocumentId, chunks: &[u8], actors: &[ActorId]) {
        if !self.library.is_loaded(&id) {
            let known = self.known.or_default(id);
            known.heads = None;
            known.is_listed_late = true;
            if known.loads > 0 {
                // What is on its way may be without this.
                known.loads += 1;
                self.outputs.push_back(Output::Load { id });
            } else if self.peers.values().any(|peer| peer.sessions.contains_key(&id)) {
                self.need(id);
            }
            return;
        }
        if let Err(error) = self.library.saved(id, chunks, actors) {
            self.set_aside(None, id, error.0);
            self.library.forget(&id);
            self.begin_anew(id);
            return;
        }
        let known = self.known.or_default(id);
        // Rows may count elsewhere now.
        known.looked_at.clear();
        known.has_news = true;
    }

    /// Goes on with documents of which something was saved: of many commits at once, since each takes as long as all.
    fn advance_all(&mut self) {
        let ids: Vec<DocumentId> = self.known.iter().filter(|(_, known)| known.has_news).map(|(id, _)| *id).collect();
        for id in ids {
            self.advance(id);
        }
    }

    fn merged(&mut self, id: DocumentId, outcome: Outcome) {
        let known = self.known.or_default(id);
        known.is_merging = false;
        match outcome {
            Outcome::Saved => {
                // Others may be wanted since then.
                let given = std::mem::take(&mut known.given_tables);
                known.wanted_tables.retain(|table| !given.contains(table));
                known.tries = 0;
            }
            Outcome::Outdated => {
                known.tries += 1;
                if known.tries >= TRIES {
                    // It is not what is thought to be saved.
                    known.tries = 0;
                    self.library.forget(&id);
                    self.begin_anew(id);
                    self.need(id);
                    return;
                }
            }
            Outcome::Refused(reason) => {
                known.wanted_tables.clear();
                // As if nothing had come.
                self.library.forget(&id);
                for peer in self.peers.values_mut() {
                    if let Some(session) = peer.sessions.get_mut(&id) {
                        session.is_refused = true;
                    }
                }
                self.set_aside(None, id, reason);
                return;
            }
        }
        self.advance(id);
    }

    fn reset(&mut self) {
        self.library = Library::default();
        self.met = FlatMap::new();
        for known in self.known.values_mut() {
            known.heads = None;
            known.is_listed_late = true;
            known.is_merging = false;
            known.is_shrinking = false;
            known.is_held = false;
            known.is_damaged = false;
            known.looked_at.clear();
        }
        let talked_of: Vec<DocumentId> = self.peers.values().flat_map(|peer| peer.sessions.keys().copied()).collect();
        for id in talked_of {
            self.begin_anew(id);
            self.known.or_default(id).loads += 1;
            self.outputs.push_back(Output::Load { id });
        }
        self.look_anew();
    }

    /// What peers have sent of a document and was not saved is gone: they are asked for it again.
    fn begin_anew(&mut self, id: DocumentId) {
        for peer in self.peers.values_mut() {
            if let Some(session) = peer.sessions.get_mut(&id) {
                session.state = SyncState { needs_reset: true, ..SyncState::default() };
                session.unheard.clear();
                session.is_synced = false;
                session.unanswered_bytes = 0;
            }
        }
    }

    /// Does what has waited for a document.
    fn work_off(&mut self, id: DocumentId) {
        if !self.library.is_loaded(&id) {
            return;
        }
        for waiting in std::mem::take(&mut self.known.or_default(id).waiting) {
            match waiting {
                Waiting::Sync { peer, message } => self.receive(peer, id, &message),
                Waiting::Question { request, table, row, question } => {
                    let Some(loaded) = self.library.get_mut(&id) else { continue };
                    let answer = match question {
                        Question::History { limit, before } => {
                            Answer::History(loaded.history(&table, &row, limit as usize, before))
                        }
                        Question::At(hash) => Answer::At(loaded.row_at(&table, &row, hash)),
                    };
                    self.outputs.push_back(Output::Answer { request, answer });
                }
            }
        }
        self.advance(id);
    }

    fn receive(&mut self, peer: PeerId, id: DocumentId, bytes: &[u8]) {
        let session = self.peers.get_mut(&peer).and_then(|peer| peer.sessions.get_mut(&id));
        let (Some(session), Some(loaded)) = (session, self.library.get_mut(&id)) else { return };
        if session.is_refused {
            return;
        }
        match loaded.receive(bytes) {
            Ok((message, refused)) => {
                session.unheard.push(message);
                session.unanswered_bytes = 0;
                for refused in refused {
                    self.set_aside(Some(peer), id, refused.reason);
                }
            }
            Err(error) => {
                // What follows would stand on it.
                session.is_refused = true;
                self.set_aside(Some(peer), id, error.0);
            }
        }
    }

    /// Applies more of what has come.
    fn apply_some(&mut self, id: DocumentId) -> bool {
        let Some(loaded) = self.library.get_mut(&id) else { return false };
        loaded.apply_some().unwrap_or_else(|error| {
            // One of those has sent it.
            let unheard = |peer: &&mut Peer| peer.sessions.get(&id).is_some_and(|session| !session.unheard.is_empty());
            for peer in self.peers.values_mut().filter(unheard) {
                if let Some(session) = peer.sessions.get_mut(&id) {
                    session.unheard.clear();
                    session.is_refused = true;
                }
            }
            self.set_aside(None, id, error.0);
            false
        })
    }

    /// While the page saves something, it is not to wait for what comes after that.
    fn work_ahead(&mut self, id: DocumentId) {
        let is_merging = self.known.get(&id).is_some_and(|known| known.is_merging);
        if is_merging && self.library.get(&id).is_some_and(|loaded| !loaded.is_ahead()) {
            self.apply_some(id);
        }
    }

    /// Has the page save documents in one piece for which that is worth the while.
    fn shrink(&mut self) {
        for (id, loaded) in self.library.iter() {
            let known = self.known.or_default(*id);
            if known.is_merging || known.is_shrinking {
                continue;
            }
            let Some(snapshot) = loaded.snapshot() else { continue };
            known.is_shrinking = true;
            let heads = loaded.document().get_heads().iter().map(|head| head.0).collect();
            self.outputs.push_back(Output::Snapshot { id: *id, heads, snapshot });
        }
    }

    /// Has the page save what is not saved, or else tells peers what is.
    fn advance(&mut self, id: DocumentId) {
        let known = self.known.or_default(id);
        let wanted = known.wanted_tables.clone();
        if known.is_merging || known.is_held {
            return;
        }
        known.has_news = false;
        loop {
            let Some(loaded) = self.library.get_mut(&id) else { return };
            if let Some(merge) = loaded.merge(id, &wanted) {
                match self.look_at(id, &merge) {
                    Looked::Waits => return,
                    Looked::HasMore => continue,
                    Looked::Done => {}
                }
                let known = self.known.or_default(id);
                known.is_merging = true;
                known.given_tables = wanted;
                known.looked_at.clear();
                self.outputs.push_back(Output::Merge { id, merge: merge.encode() });
                self.fall_behind(id);
                return;
            }
            if !self.apply_some(id) {
                break;
            }
        }
        let Some(loaded) = self.library.get_mut(&id) else { return };
        loaded.rest();
        for (peer, known) in self.peers.iter_mut() {
            let is_server = known.is_server();
            let Some(session) = known.sessions.get_mut(&id).filter(|session| !session.is_refused) else { continue };
            let heads = loaded.document().get_heads();
            if let Some(last) = session.unheard.last() {
                session.count_round(heads.clone(), last.heads.clone());
            }
            for message in std::mem::take(&mut session.unheard) {
                if let Err(error) = loaded.hear(&mut session.state, message) {
                    session.is_refused = true;
                    let reason = error.0;
                    self.outputs.push_back(Output::SetAside { peer: Some(*peer), id, reason });
                }
            }
            let is_to_speak = !session.is_silent(&heads) && session.unanswered_bytes <= UNANSWERED_BYTES;
            if is_to_speak && let Some(message) = loaded.message(&mut session.state) {
                session.unanswered_bytes += message.len();
                let frame = Frame::Sync { id, message };
                self.outputs.push_back(Output::Send { peer: *peer, frame });
            }
            // A server that has nothing of what is not here either has not got it: that is no agreement.
            let is_nothing =
                is_server && heads.is_empty() && session.state.their_heads.as_ref().is_some_and(Vec::is_empty);
            if is_nothing {
                self.outputs.push_back(Output::Unavailable { peer: *peer, id });
            }
            let is_synced = !is_nothing && session.state.their_heads.as_ref() == Some(&heads);
            if session.is_synced != is_synced {
                session.is_synced = is_synced;
                self.outputs.push_back(Output::Status { peer: *peer, id, is_synced });
            }
        }
    }

    /// Peers have more of a document than is saved here, and it may take until it is: the storage may be full.
    fn fall_behind(&mut self, id: DocumentId) {
        for (peer, known) in self.peers.iter_mut() {
            let Some(session) = known.sessions.get_mut(&id) else { continue };
            if session.is_synced && !session.unheard.is_empty() {
                session.is_synced = false;
                self.outputs.push_back(Output::Status { peer: *peer, id, is_synced: false });
            }
        }
    }

    fn set_aside(&mut self, peer: Option<PeerId>, id: DocumentId, reason: String) {
        self.outputs.push_back(Output::SetAside { peer, id, reason });
    }

    /// Lets go of documents that were not needed for the longest time, of which all is saved.
    fn drop_unneeded(&mut self) {
        while self.library.bytes() > self.budget_bytes {
            let is_idle = |id: &DocumentId, loaded: &Loaded| {
                let known = self.known.get(id);
                loaded.is_saved()
                    && !self.looking.needs(id)
                    && known.is_none_or(|known| !known.is_merging && known.waiting.is_empty())
            };
            let last_used = |id: &DocumentId| self.known.get(id).map_or(0, |known| known.last_used);
            let idle = self.library.iter().filter(|(id, loaded)| is_idle(id, loaded)).map(|(id, _)| *id);
            // The one at hand stays, however large it is.
            let Some(id) = idle.filter(|id| last_used(id) < self.clock).min_by_key(last_used) else { return };
            self.known.or_default(id).heads = self.library.get(&id).map(|loaded| loaded.document().get_heads());
            self.library.forget(&id);
        }
    }
}
