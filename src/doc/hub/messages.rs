//! What a hub is told, what it wants done, and what peers tell each other.

use crate::crdt::{ActorId, ChangeHash, DocumentId};
use crate::doc::history::HistoryEntry;
use crate::flat_map::FlatMap;
use crate::value::Value;

/// Whom frames come from and go to: the page's number for a connection.
pub(crate) type PeerId = u32;

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// The page has this document, which belongs to the row of this id; peers may have it if it is shared. The root is
    /// empty for the person's own. What is saved of it has these heads, in their order, if the page has looked.
    Known {
        id: DocumentId,
        root: String,
        is_shared: bool,
        heads: Option<Vec<ChangeHash>>,
    },
    /// The page has no such document, and wants it: servers are asked for it.
    Wanted {
        id: DocumentId,
    },
    /// It does not want it any more, or has it no longer: nothing is said or heard of it.
    Unwanted {
        id: DocumentId,
    },
    /// All that is saved of a document, as [`Output::Load`] has asked for. An empty one is not there.
    Loaded {
        id: DocumentId,
        chunks: Vec<u8>,
        actors: Vec<ActorId>,
        heads: Vec<ChangeHash>,
    },
    /// More was saved of a document, by whomever.
    Saved {
        id: DocumentId,
        chunks: Vec<u8>,
        actors: Vec<ActorId>,
    },
    /// All that was saved until now has been told.
    AllTold,
    /// What was asked to be saved was saved, or can't be now, or never.
    Merged {
        id: DocumentId,
        outcome: Outcome,
    },
    /// A snapshot of so many bytes was saved, or is not needed any more: 0.
    SnapshotSaved {
        id: DocumentId,
        bytes: usize,
    },
    /// Nobody knows any more what was saved: documents have to be loaded again.
    Reset,
    /// There is a connection to a device, whatever it is called.
    Connected {
        peer: PeerId,
        device: String,
    },
    /// There is a connection to a server, which says nothing by itself of what it has. What is known of it from earlier is as
    /// [`Output::Keep`] has it.
    ServerConnected {
        peer: PeerId,
        states: Vec<(DocumentId, Vec<u8>)>,
    },
    Disconnected {
        peer: PeerId,
    },
    /// What this peer sends of a document is not to be heard, now or when it is connected.
    Refuse {
        peer: PeerId,
        id: DocumentId,
    },
    /// There is time until the page has saved something of a document: more of what has come can be applied.
    Waiting {
        id: DocumentId,
    },
    /// Nothing has happened for a while: what makes documents smaller can be done.
    Quiet,
    Received {
        peer: PeerId,
        frame: Frame,
    },
    /// Somebody wants to know of a row: answer with [`Output::Answer`].
    Asked {
        request: u32,
        id: DocumentId,
        table: String,
        row: String,
        question: Question,
    },
    /// A row that this document has is shown in another one: it was brought to both at the same time. What was written to it
    /// here is to be there, too.
    Beside {
        id: DocumentId,
        table: String,
        row: String,
    },
    /// All rows of tables that the page knows now, and did not know when they came.
    TakeTables {
        id: DocumentId,
        tables: Vec<String>,
    },
}

/// What people want to know of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Question {
    /// What has become of it: at most so many changes that are older than one.
    History { limit: u32, before: Option<ChangeHash> },
    /// Its fields right after a change.
    At(ChangeHash),
}

/// What is to be said to that.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    History(Vec<HistoryEntry>),
    At(Option<FlatMap<String, Value>>),
    /// The document is not to be had.
    Nothing,
}

/// What has become of a merge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Saved,
    /// The document is another one now, as [`Input::Saved`] has told or will.
    Outdated,
    /// The page does not want it.
    Refused(String),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Answer with [`Input::Loaded`].
    Load {
        id: DocumentId,
    },
    /// Save this, a [`crate::crdt::Merge`], and answer with [`Input::Merged`].
    Merge {
        id: DocumentId,
        merge: Vec<u8>,
    },
    Send {
        peer: PeerId,
        frame: Frame,
    },
    /// Save this in place of all changes that it has, if the document still has these heads. Answer with
    /// [`Input::SnapshotSaved`].
    Snapshot {
        id: DocumentId,
        heads: Vec<ChangeHash>,
        snapshot: Vec<u8>,
    },
    /// What came from a peer can't be taken in.
    SetAside {
        peer: Option<PeerId>,
        id: DocumentId,
        reason: String,
    },
    Answer {
        request: u32,
        answer: Answer,
    },
    /// How a document stands to a peer.
    Status {
        peer: PeerId,
        id: DocumentId,
        is_synced: bool,
    },
    /// A server does not have a document that is not here either.
    Unavailable {
        peer: PeerId,
        id: DocumentId,
    },
    /// What is known of a server's document, for the next time.
    Keep {
        peer: PeerId,
        id: DocumentId,
        state: Vec<u8>,
    },
}

/// What peers tell each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// The documents that there are to talk about.
    Documents(Vec<DocumentId>),
    /// A message of automerge's sync protocol.
    Sync { id: DocumentId, message: Vec<u8> },
    /// A server has no such document.
    Unavailable(DocumentId),
}
