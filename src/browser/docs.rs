//! The docs worker as JavaScript sees it: a hub of documents, which is told what has happened and says what is to be done.

use crate::bytes::Bytes;
use crate::doc::{Answer, Frame, HistoryEntry, HistoryKind, Input, Outcome, Output, Question};
use crate::doc::{Network, NetworkInput, NetworkOutput};
use crate::value::Value;
use crate::value::json::write_json;
use crate::wire;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

/// A hub of documents. Used through `ts/sync/`, which passes its messages on.
#[wasm_bindgen]
pub struct Docs {
    network: Network,
}

#[wasm_bindgen]
impl Docs {
    /// One that knows no document.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // JavaScript has no other way
    pub fn new() -> Docs {
        Docs { network: Network::default() }
    }

    /// The page has this document, of the row of this id. What is saved of it has these heads, if it has looked.
    pub fn known(&mut self, id: &[u8], root: String, is_shared: bool, heads: Option<Vec<Uint8Array>>) {
        let heads = heads.map(|heads| hashes(&heads));
        self.with(id, |id| Input::Known { id, root, is_shared, heads });
    }

    /// A document is wanted that is not here, or is not any more.
    pub fn wanted(&mut self, id: &[u8], is_wanted: bool) {
        self.with(id, |id| if is_wanted { Input::Wanted { id } } else { Input::Unwanted { id } });
    }

    /// All that is saved of a document.
    pub fn loaded(&mut self, id: &[u8], changes: Vec<u8>, actors: Vec<Uint8Array>, heads: Vec<Uint8Array>) {
        let heads = hashes(&heads);
        self.with(id, |id| Input::Loaded { id, chunks: changes, actors: list(actors), heads });
    }

    /// More was saved of a document.
    pub fn saved(&mut self, id: &[u8], changes: Vec<u8>, actors: Vec<Uint8Array>) {
        self.with(id, |id| Input::Saved { id, chunks: changes, actors: list(actors) });
    }

    /// All that was saved until now has been told.
    #[wasm_bindgen(js_name = allTold)]
    pub fn all_told(&mut self) {
        self.hear(Input::AllTold);
    }

    /// What was to be saved of a document was saved (0), stood on another state of it (1), or is refused (2: for this reason).
    pub fn merged(&mut self, id: &[u8], outcome: u32, reason: String) {
        let outcome = match outcome {
            0 => Outcome::Saved,
            1 => Outcome::Outdated,
            _ => Outcome::Refused(reason),
        };
        self.with(id, |id| Input::Merged { id, outcome });
    }

    /// A snapshot of so many bytes was saved, or is not needed any more: 0.
    #[wasm_bindgen(js_name = snapshotSaved)]
    pub fn snapshot_saved(&mut self, id: &[u8], bytes: u32) {
        self.with(id, |id| Input::SnapshotSaved { id, bytes: bytes as usize });
    }

    /// Nobody knows any more what was saved.
    pub fn reset(&mut self) {
        self.hear(Input::Reset);
    }

    /// Uses the time until the page has saved something of a document.
    #[wasm_bindgen(js_name = workAhead)]
    pub fn work_ahead(&mut self, id: &[u8]) {
        self.with(id, |id| Input::Waiting { id });
    }

    /// Nothing has happened for a while.
    pub fn quiet(&mut self) {
        self.hear(Input::Quiet);
    }

    /// There is a connection to a device, by a name that it has as long as it runs.
    pub fn connected(&mut self, peer: u32, device: String) {
        self.hear(Input::Connected { peer, device });
    }

    /// The connection has ended.
    pub fn disconnected(&mut self, peer: u32) {
        self.hear(Input::Disconnected { peer });
    }

    /// What a peer sends of a document is not to be heard.
    pub fn refuse(&mut self, peer: u32, id: &[u8]) {
        self.with(id, |id| Input::Refuse { peer, id });
    }

    /// A peer says which documents there are to talk about.
    #[wasm_bindgen(js_name = receivedDocuments)]
    pub fn received_documents(&mut self, peer: u32, ids: Vec<Uint8Array>) {
        let ids = ids.iter().filter_map(|id| id.to_vec().try_into().ok()).collect();
        self.hear(Input::Received { peer, frame: Frame::Documents(ids) });
    }

    /// A message of a peer about a document.
    #[wasm_bindgen(js_name = receivedSync)]
    pub fn received_sync(&mut self, peer: u32, id: &[u8], message: Vec<u8>) {
        self.with(id, |id| Input::Received { peer, frame: Frame::Sync { id, message } });
    }

    /// There is a server, which is talked with when its socket is open. `name` is what this device is called there.
    pub fn server(&mut self, peer: u32, name: String, seed: &[u8]) {
        let seed = seed.try_into().unwrap_or_default();
        self.network.handle(NetworkInput::Server { peer, name, seed });
    }

    /// A server is wanted (0), or is not any more (1), it may be that it can be reached again (2), or time has passed (3).
    pub fn attend(&mut self, peer: u32, what: u32, now_ms: f64) {
        let input = match what {
            0 => wire::Input::Begin,
            1 => wire::Input::End,
            2 => wire::Input::Hurry,
            _ => wire::Input::Time,
        };
        self.socket(peer, input, now_ms);
    }

    /// The socket of a server is open.
    #[wasm_bindgen(js_name = socketOpened)]
    pub fn socket_opened(&mut self, peer: u32, now_ms: f64) {
        self.socket(peer, wire::Input::Opened, now_ms);
    }

    /// The socket of a server is closed, or could not be opened.
    #[wasm_bindgen(js_name = socketClosed)]
    pub fn socket_closed(&mut self, peer: u32, code: u16, reason: String, now_ms: f64) {
        self.socket(peer, wire::Input::Closed { code, reason }, now_ms);
    }

    /// A server has sent bytes, or, without any, text.
    #[wasm_bindgen(js_name = socketReceived)]
    pub fn socket_received(&mut self, peer: u32, message: Option<Vec<u8>>, now_ms: f64) {
        self.socket(peer, message.map_or(wire::Input::ReceivedText, wire::Input::Received), now_ms);
    }

    /// What is kept of a server's documents: ids, and with each what is known.
    pub fn remembered(&mut self, peer: u32, ids: Vec<Uint8Array>, states: Vec<Uint8Array>) {
        let entry = |(id, state): (&Uint8Array, &Uint8Array)| Some((id.to_vec().try_into().ok()?, state.to_vec()));
        let states = ids.iter().zip(&states).filter_map(entry).collect();
        self.network.handle(NetworkInput::Remembered { peer, states });
    }

    /// Passes a text on to all who talk with a server about a document.
    #[wasm_bindgen(js_name = tellAll)]
    pub fn tell_all(&mut self, peer: u32, id: &[u8], session: String, count: f64, text: String) {
        let Ok(id) = id.try_into() else { return };
        self.network.handle(NetworkInput::Tell { peer, id, session, count: count as u64, text });
    }

    /// The document that a frame of a server is about, if it is one that could do harm.
    #[wasm_bindgen(js_name = documentOf)]
    pub fn document_of(message: &[u8]) -> Option<Vec<u8>> {
        match wire::Frame::decode(message) {
            Ok(wire::Frame::Sync { id, .. }) => Some(id.to_vec()),
            _ => None,
        }
    }

    /// The page knows these tables now, whose rows it has left in a document.
    #[wasm_bindgen(js_name = takeTables)]
    pub fn take_tables(&mut self, id: &[u8], tables: Vec<String>) {
        self.with(id, |id| Input::TakeTables { id, tables });
    }

    /// A row that this document has was moved in vain: others have moved it elsewhere, and there it is.
    pub fn beside(&mut self, id: &[u8], table: String, row: String) {
        self.with(id, |id| Input::Beside { id, table, row });
    }

    /// Somebody wants to know what has become of a row: at most so many changes that are older than one of them.
    pub fn history(&mut self, id: &[u8], request: u32, table: String, row: String, limit: u32, before: &[u8]) {
        let question = Question::History { limit, before: before.try_into().ok() };
        self.with(id, |id| Input::Asked { request, id, table, row, question });
    }

    /// Somebody wants to know what a row was right after a change.
    #[wasm_bindgen(js_name = rowAt)]
    pub fn row_at(&mut self, id: &[u8], request: u32, table: String, row: String, change: &[u8]) {
        let question = Question::At(change.try_into().unwrap_or_default());
        self.with(id, |id| Input::Asked { request, id, table, row, question });
    }

    /// The next thing to do, as `ts/sync/frames.ts` names them, or undefined.
    #[wasm_bindgen(js_name = nextOutput)]
    pub fn next_output(&mut self) -> JsValue {
        match self.network.take_output() {
            None => JsValue::UNDEFINED,
            Some(NetworkOutput::Hub(output)) => hub_output(output),
            Some(NetworkOutput::Socket { peer, output }) => socket_output(peer, output),
            Some(NetworkOutput::Told { peer, id, session, count, text }) => {
                let count = JsValue::from(count as f64);
                list_of(["told".into(), peer.into(), bytes(&id), session.into(), count, text.into()])
            }
            Some(NetworkOutput::Remember { peer, store }) => list_of(["remember".into(), peer.into(), store.into()]),
        }
    }
}

fn hub_output(output: Output) -> JsValue {
    match output {
        Output::Load { id } => list_of(["load".into(), bytes(&id)]),
        Output::Merge { id, merge } => list_of(["merge".into(), bytes(&id), bytes(&merge)]),
        Output::Snapshot { id, heads, snapshot } => {
            let heads = heads.iter().map(|head| bytes(head)).collect::<Array>();
            list_of(["snapshot".into(), bytes(&id), heads.into(), bytes(&snapshot)])
        }
        Output::Send { peer, frame: Frame::Documents(ids) } => {
            let ids = ids.iter().map(|id| bytes(id)).collect::<Array>();
            list_of(["documents".into(), peer.into(), ids.into()])
        }
        Output::Send { peer, frame: Frame::Sync { id, message } } => {
            list_of(["sync".into(), peer.into(), bytes(&id), bytes(&message)])
        }
        Output::Send { frame: Frame::Unavailable(_), .. } => unreachable!("only servers say so"),
        Output::SetAside { peer, id, reason } => {
            let peer = peer.map_or(JsValue::NULL, JsValue::from);
            list_of(["setAside".into(), peer, bytes(&id), reason.into()])
        }
        Output::Answer { request, answer } => list_of(["answer".into(), request.into(), answer_text(&answer).into()]),
        Output::Status { peer, id, is_synced } => list_of(["status".into(), peer.into(), bytes(&id), is_synced.into()]),
        Output::Unavailable { peer, id } => list_of(["unavailable".into(), peer.into(), bytes(&id)]),
        Output::Keep { peer, id, state } => list_of(["keep".into(), peer.into(), bytes(&id), bytes(&state)]),
    }
}

fn socket_output(peer: u32, output: wire::Output) -> JsValue {
    match output {
        wire::Output::Open => list_of(["open".into(), peer.into()]),
        wire::Output::Close => list_of(["close".into(), peer.into()]),
        wire::Output::Send(message) => list_of(["send".into(), peer.into(), bytes(&message)]),
        wire::Output::Wake { at_ms } => list_of(["wake".into(), peer.into(), (at_ms as f64).into()]),
        wire::Output::Status(status) => {
            let (name, message, retry_at_ms) = match status {
                wire::Status::Off => ("off", String::new(), 0),
                wire::Status::Connecting => ("connecting", String::new(), 0),
                wire::Status::Connected => ("connected", String::new(), 0),
                wire::Status::Failed { failure, message, retry_at_ms } => (failure_name(failure), message, retry_at_ms),
            };
            list_of(["connection".into(), peer.into(), name.into(), message.into(), (retry_at_ms as f64).into()])
        }
        wire::Output::Connected { .. } | wire::Output::Disconnected | wire::Output::Frame(_) => {
            unreachable!("the network takes those")
        }
    }
}

fn failure_name(failure: wire::Failure) -> &'static str {
    match failure {
        wire::Failure::Unreachable => "unreachable",
        wire::Failure::Lost => "lost",
        wire::Failure::Silent => "silent",
        wire::Failure::NotAServer => "notAServer",
        wire::Failure::Version => "version",
        wire::Failure::Refused => "refused",
    }
}

impl Docs {
    fn hear(&mut self, input: Input) {
        self.network.handle(NetworkInput::Hub(input));
    }

    fn socket(&mut self, peer: u32, input: wire::Input, now_ms: f64) {
        self.network.handle(NetworkInput::Socket { peer, input, now_ms: now_ms as u64 });
    }

    fn with(&mut self, id: &[u8], input: impl FnOnce([u8; 16]) -> Input) {
        // Others may name documents as they like.
        if let Ok(id) = id.try_into() {
            self.hear(input(id));
        }
    }
}

/// An answer as JSON text: a list of `{ change, time, actor, kind, again?, other?, from?, fields: [{ name, before?, after? }] }`,
/// or the fields of a row, or null.
fn answer_text(answer: &Answer) -> String {
    let value = match answer {
        Answer::History(entries) => Value::Array(entries.iter().map(entry_value).collect()),
        Answer::At(Some(fields)) => Value::Object(fields.clone()),
        Answer::At(None) | Answer::Nothing => Value::Null,
    };
    let mut text = String::new();
    write_json(&value, &mut text);
    text
}

fn entry_value(entry: &HistoryEntry) -> Value {
    let kind = match entry.kind {
        HistoryKind::Inserted => "inserted",
        HistoryKind::Updated => "updated",
        HistoryKind::Deleted => "deleted",
        HistoryKind::Restored => "restored",
        HistoryKind::MovedAway => "movedAway",
        HistoryKind::Arrived => "arrived",
    };
    let fields = entry.fields.iter().map(|field| {
        let values = [("before", &field.before), ("after", &field.after)];
        let there = values.into_iter().filter_map(|(name, value)| Some((name.to_string(), value.clone()?)));
        let name = ("name".to_string(), Value::from(field.name.as_str()));
        Value::Object(std::iter::once(name).chain(there).collect())
    });
    let (again, other, from) = (entry.again, entry.other.clone(), entry.from.clone());
    let entry = [
        ("change", Value::String(hex(&entry.hash))),
        ("time", Value::Float64(entry.time as f64 * 1000.0)),
        ("actor", Value::String(hex(&entry.actor))),
        ("kind", Value::from(kind)),
        ("fields", Value::Array(fields.collect())),
    ];
    let again = again.map(|original| ("again", Value::String(hex(&original))));
    let other = other.map(|id| ("other", Value::String(id)));
    let from = from.map(|id| ("from", Value::String(id)));
    let more = [again, other, from].into_iter().flatten();
    Value::Object(entry.into_iter().chain(more).map(|(name, value)| (name.to_string(), value)).collect())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn hashes(list: &[Uint8Array]) -> Vec<[u8; 32]> {
    list.iter().filter_map(|hash| hash.to_vec().try_into().ok()).collect()
}

fn list(actors: Vec<Uint8Array>) -> Vec<Bytes> {
    actors.iter().map(|actor| Bytes::new(actor.to_vec())).collect()
}

fn list_of<const LENGTH: usize>(items: [JsValue; LENGTH]) -> JsValue {
    items.into_iter().collect::<Array>().into()
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}
