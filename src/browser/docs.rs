//! The docs worker as JavaScript sees it: a hub of documents, which is told what has happened and says what is to be done.

use crate::bytes::Bytes;
use crate::doc::{Answer, Frame, HistoryEntry, HistoryKind, Hub, Input, Outcome, Output, Question};
use crate::value::Value;
use crate::value::json::write_json;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

/// A hub of documents. Used through `ts/sync/`, which passes its messages on.
#[wasm_bindgen]
pub struct Docs {
    hub: Hub,
}

#[wasm_bindgen]
impl Docs {
    /// One that knows no document.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::new_without_default)] // JavaScript has no other way
    pub fn new() -> Docs {
        Docs { hub: Hub::default() }
    }

    /// The page has this document, of the row of this id. What is saved of it has these heads, if the page has looked.
    pub fn known(&mut self, id: &[u8], root: String, is_shared: bool, heads: Option<Vec<Uint8Array>>) {
        let heads = heads.map(|heads| hashes(&heads));
        self.with(id, |id| Input::Known { id, root, is_shared, heads });
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
        self.hub.handle(Input::AllTold);
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
        self.hub.handle(Input::Reset);
    }

    /// Uses the time until the page has saved something of a document.
    #[wasm_bindgen(js_name = workAhead)]
    pub fn work_ahead(&mut self, id: &[u8]) {
        self.with(id, |id| Input::Waiting { id });
    }

    /// Nothing has happened for a while.
    pub fn quiet(&mut self) {
        self.hub.handle(Input::Quiet);
    }

    /// There is a connection to a device, by a name that it has as long as it runs.
    pub fn connected(&mut self, peer: u32, device: String) {
        self.hub.handle(Input::Connected { peer, device });
    }

    /// The connection has ended.
    pub fn disconnected(&mut self, peer: u32) {
        self.hub.handle(Input::Disconnected { peer });
    }

    /// A peer says which documents there are to talk about.
    #[wasm_bindgen(js_name = receivedDocuments)]
    pub fn received_documents(&mut self, peer: u32, ids: Vec<Uint8Array>) {
        let ids = ids.iter().filter_map(|id| id.to_vec().try_into().ok()).collect();
        self.hub.handle(Input::Received { peer, frame: Frame::Documents(ids) });
    }

    /// A message of a peer about a document.
    #[wasm_bindgen(js_name = receivedSync)]
    pub fn received_sync(&mut self, peer: u32, id: &[u8], message: Vec<u8>) {
        self.with(id, |id| Input::Received { peer, frame: Frame::Sync { id, message } });
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

    /// The next thing to do, as `ts/sync/hub.ts` names them, or undefined.
    #[wasm_bindgen(js_name = nextOutput)]
    pub fn next_output(&mut self) -> JsValue {
        match self.hub.take_output() {
            None => JsValue::UNDEFINED,
            Some(Output::Load { id }) => list_of(["load".into(), bytes(&id)]),
            Some(Output::Merge { id, merge }) => list_of(["merge".into(), bytes(&id), bytes(&merge)]),
            Some(Output::Snapshot { id, heads, snapshot }) => {
                let heads = heads.iter().map(|head| bytes(head)).collect::<Array>();
                list_of(["snapshot".into(), bytes(&id), heads.into(), bytes(&snapshot)])
            }
            Some(Output::Send { peer, frame: Frame::Documents(ids) }) => {
                let ids = ids.iter().map(|id| bytes(id)).collect::<Array>();
                list_of(["documents".into(), peer.into(), ids.into()])
            }
            Some(Output::Send { peer, frame: Frame::Sync { id, message } }) => {
                list_of(["sync".into(), peer.into(), bytes(&id), bytes(&message)])
            }
            Some(
                Output::Send { frame: Frame::Unavailable(_), .. } | Output::Unavailable { .. } | Output::Keep { .. },
            ) => {
                unreachable!("only servers say so")
            }
            Some(Output::SetAside { peer, id, reason }) => {
                let peer = peer.map_or(JsValue::NULL, JsValue::from);
                list_of(["setAside".into(), peer, bytes(&id), reason.into()])
            }
            Some(Output::Answer { request, answer }) => {
                list_of(["answer".into(), request.into(), answer_text(&answer).into()])
            }
            Some(Output::Status { peer, id, is_synced }) => {
                list_of(["status".into(), peer.into(), bytes(&id), is_synced.into()])
            }
        }
    }
}

impl Docs {
    fn with(&mut self, id: &[u8], input: impl FnOnce([u8; 16]) -> Input) {
        // Others may name documents as they like.
        if let Ok(id) = id.try_into() {
            self.hub.handle(input(id));
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
