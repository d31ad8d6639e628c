//! CRDT documents: what the page has of them for the docs worker, and what comes of that.

use super::engine::Engine;
use super::inner::Inner;
use super::mailbox::{Status, Word};
use crate::bytes::Bytes;
use crate::crdt;
use crate::keyspace::Root;
use crate::tab::{Obstacle, RowBeside, Tab, TransactionId, conflicts_json, deleted_json, problems_json};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
impl Engine {
    /// Begins to collect news of documents.
    #[wasm_bindgen(js_name = followDocuments)]
    pub fn follow_documents(&self) {
        self.shared.look(|inner| inner.tab.follow_documents(true));
    }

    /// What was saved of documents since this was asked last: a list of
    /// `[root, id, root's id, isShared, changes, actors]`, or null, if
    /// all has to be looked at again.
    #[wasm_bindgen(js_name = documentNews)]
    pub fn document_news(&self) -> JsValue {
        self.shared.look(|inner| {
            let Some(list) = inner.tab.take_document_news() else { return JsValue::NULL };
            let news = list.into_iter().map(|news| {
                let entry = known(&inner.tab, news.root, &news.id);
                entry.push(&bytes(&news.chunks));
                entry.push(&list_of(news.actors.iter().map(|actor| bytes(actor))));
                entry.into()
            });
            list_of(news)
        })
    }

    /// The same, where nobody wants to know what it was: how long the longest changes of one commit are. Bytes in
    /// JavaScript cost more than all the rest of a small commit.
    #[wasm_bindgen(js_name = skipDocumentNews)]
    pub fn skip_document_news(&self) -> usize {
        self.shared.look(|inner| inner.tab.skip_document_news())
    }

    /// Whether of a row that is kept and not shown something else was saved since this was asked last. To be asked before
    /// `documentNews`.
    #[wasm_bindgen(js_name = hiddenNews)]
    pub fn hidden_news(&self) -> bool {
        self.shared.look(|inner| inner.tab.take_hidden_news())
    }

    /// The rows that were moved in vain, of which something was saved since this was asked last, or all: a list of
    /// `[document id, table, row id]`, or a status.
    #[wasm_bindgen(js_name = rowsBeside)]
    pub fn rows_beside(&self, are_all: bool) -> JsValue {
        self.asked(|inner| {
            let rows = inner.tab.rows_beside(are_all)?;
            let entry = |row: RowBeside| Array::of3(&bytes(&row.id), &row.table.into(), &row.id_text.into()).into();
            Ok(list_of(rows.into_iter().map(entry)))
        })
    }

    /// The documents that are here: a list of `[root, id, root's id, isShared, missing tables, heads]`, or a status.
    pub fn documents(&self) -> JsValue {
        self.asked(|inner| {
            let documents = inner.tab.known_documents()?;
            Ok(list_of(documents.into_iter().map(|document| {
                let entry = known(&inner.tab, document.root, &document.id);
                entry.push(&list_of(document.missing_tables.iter().map(|name| name.as_str().into())));
                entry.push(&list_of(document.heads.iter().map(|head| bytes(head))));
                entry.into()
            })))
        })
    }

    /// What automerge-repo calls the document of these sixteen bytes.
    #[wasm_bindgen(js_name = nameOfDocument)]
    pub fn name_of_document(&self, id: &[u8]) -> Option<String> {
        id.try_into().ok().map(|id| crdt::document_name(&id))
    }

    /// The document that automerge-repo calls so, if it is a name.
    #[wasm_bindgen(js_name = documentOfName)]
    pub fn document_of_name(&self, name: &str) -> Option<Vec<u8>> {
        crdt::document_of(name).map(|id| id.to_vec())
    }

    /// All that is saved of a document: `[changes, actors, heads]`, or a status.
    #[wasm_bindgen(js_name = storedDocument)]
    pub fn stored_document(&self, root: &[u8]) -> JsValue {
        self.asked(|inner| {
            let Some(root) = Root::from_key_part(root) else { return Ok(JsValue::NULL) };
            let stored = inner.tab.stored_document(root)?;
            let actors = list_of(stored.actors.iter().map(|actor| bytes(actor)));
            let heads = list_of(stored.heads.iter().map(|head| bytes(head)));
            Ok(Array::of3(&bytes(&stored.chunks), &actors, &heads).into())
        })
    }

    /// Begins to write what the docs worker has merged; the root is empty for a document that is new here.
    #[wasm_bindgen(js_name = beginMerge)]
    pub fn begin_merge(&self, transaction: u32, root: &[u8], message: Vec<u8>) -> u32 {
        self.shared.enter(|inner| {
            let begun = inner.tab.begin_merge(TransactionId(transaction), Root::from_key_part(root), message);
            inner.written(transaction, begun.map(drop))
        }) as u32
    }

    /// Writes more of it: Paused, if it is to be called again.
    #[wasm_bindgen(js_name = mergeMore)]
    pub fn merge_more(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| match inner.tab.merge_more(TransactionId(transaction)) {
            Ok(true) => Status::Paused,
            Ok(false) => Status::Done,
            Err(obstacle) => inner.written(transaction, Err(obstacle)),
        }) as u32
    }

    /// Begins to leave a document: to delete it here with the rows that lie in it. Nothing: there is none.
    #[wasm_bindgen(js_name = beginToLeave)]
    pub fn begin_to_leave(&self, transaction: u32, root: &[u8]) -> u32 {
        self.shared.enter(|inner| {
            let Some(root) = Root::from_key_part(root) else { return Status::Nothing };
            match inner.tab.begin_to_leave(TransactionId(transaction), root) {
                Ok(true) => Status::Done,
                Ok(false) => Status::Nothing,
                Err(obstacle) => inner.written(transaction, Err(obstacle)),
            }
        }) as u32
    }

    /// Does more of it: Paused, if it is to be called again.
    #[wasm_bindgen(js_name = leaveMore)]
    pub fn leave_more(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| match inner.tab.leave_more(TransactionId(transaction)) {
            Ok(true) => Status::Paused,
            Ok(false) => Status::Done,
            Err(obstacle) => inner.written(transaction, Err(obstacle)),
        }) as u32
    }

    /// Writes a snapshot of a document that has these heads in place of its changes.
    #[wasm_bindgen(js_name = saveSnapshot)]
    pub fn save_snapshot(&self, transaction: u32, root: &[u8], heads: Vec<Uint8Array>, snapshot: &[u8]) -> u32 {
        self.shared.enter(|inner| {
            let Some(root) = Root::from_key_part(root) else { return Status::Stale };
            let heads: Vec<_> = heads.iter().filter_map(|head| head.to_vec().try_into().ok()).collect();
            let saved = inner.tab.save_snapshot(TransactionId(transaction), root, &heads, snapshot);
            inner.written(transaction, saved)
        }) as u32
    }

    /// Some of the changes that are long and not compressed: a list of `[key, changes]`, or a status.
    #[wasm_bindgen(js_name = longChanges)]
    pub fn long_changes(&self) -> JsValue {
        self.asked(|inner| {
            let found = inner.tab.long_changes()?;
            Ok(list_of(found.iter().map(|(key, chunks)| Array::of2(&bytes(key), &bytes(chunks)).into())))
        })
    }

    /// Writes the same changes in less space; those that can't do with less are empty.
    #[wasm_bindgen(js_name = saveSmaller)]
    pub fn save_smaller(&self, transaction: u32, keys: Vec<Uint8Array>, changes: Vec<Uint8Array>) -> u32 {
        self.shared.enter(|inner| {
            let smaller = keys.iter().zip(&changes).map(|(key, chunks)| (key.to_vec(), Bytes::new(chunks.to_vec())));
            let saved = inner.tab.save_smaller(TransactionId(transaction), smaller.collect());
            inner.written(transaction, saved)
        }) as u32
    }

    /// Brings what is stored of rows into line with the schema, a piece at a time: Paused, if there is more to do, and
    /// Nothing, if there was nothing.
    #[wasm_bindgen(js_name = settleTables)]
    pub fn settle_tables(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| match inner.tab.settle_tables(TransactionId(transaction)) {
            Ok(true) => Status::Paused,
            Ok(false) => Status::Nothing,
            Err(obstacle) => inner.written(transaction, Err(obstacle)),
        }) as u32
    }

    /// The rows of synced tables that a transaction has changed: a list of `[root ids, JSON text]`, or a status.
    #[wasm_bindgen(js_name = writtenRows)]
    pub fn written_rows(&self, transaction: u32) -> JsValue {
        self.asked(|inner| {
            let rows = inner.tab.written_rows(TransactionId(transaction))?;
            let ids = |roots: &[String]| list_of(roots.iter().map(|root| root.into()));
            Ok(list_of(rows.iter().map(|(roots, text)| Array::of2(&ids(roots), &text.into()).into())))
        })
    }

    /// Has a transaction keep something under a name that is new, or delete what is there: then without a value.
    pub fn note(&self, transaction: u32, name: &[u8], value: Option<Vec<u8>>) -> u32 {
        self.shared.enter(|inner| {
            let noted = inner.tab.note(TransactionId(transaction), name, value.as_deref());
            inner.written(transaction, noted.map_err(Obstacle::Error))
        }) as u32
    }

    /// What is kept under names that begin so: a list of `[name, value]`, or a status.
    pub fn notes(&self, prefix: &[u8]) -> JsValue {
        self.asked(|inner| {
            let notes = inner.tab.notes(prefix)?;
            Ok(list_of(notes.iter().map(|(name, value)| Array::of2(&bytes(name), &bytes(value)).into())))
        })
    }

    /// Brings the document back whose id is in the input buffer.
    pub fn restore(&self, transaction: u32, id_length: u32, table: u32) -> u32 {
        self.shared.enter(|inner| {
            let id = TransactionId(transaction);
            let schema = inner.tab.schema_of(id);
            let (table, row) = match inner.target(&schema, id_length, table, "restore") {
                Ok(target) => target,
                Err(error) => return inner.fail(error),
            };
            let restored = inner.tab.restore(id, table, row);
            inner.written(transaction, restored)
        }) as u32
    }

    /// What was written at the same time as what the document shows whose id is in the input buffer: JSON text, or a status.
    pub fn conflicts(&self, id_length: u32, table: u32) -> JsValue {
        self.asked(|inner| {
            let schema = inner.tab.schema().clone();
            let (table, row) = inner.target(&schema, id_length, table, "conflicts")?;
            Ok(conflicts_json(&inner.tab.conflicts(table, row)?).into())
        })
    }

    /// The rows that are kept and not shown: JSON text, or a status.
    pub fn problems(&self) -> JsValue {
        self.asked(|inner| Ok(problems_json(&inner.tab.problems()?).into()))
    }

    /// The rows of a table that were deleted and can come back: JSON text, or a status.
    pub fn deleted(&self, table: u32) -> JsValue {
        self.asked(|inner| {
            let schema = inner.tab.schema().clone();
            let table = inner.tables.get(table as usize).and_then(|name| schema.table(name));
            let rows = table.map_or_else(|| Ok(Vec::new()), |table| inner.tab.deleted_rows(table.id))?;
            Ok(deleted_json(&rows).into())
        })
    }

    /// The documents that know of a row of this id, that in which it lies first: a list of
    /// `[root, the id of the row that it belongs to]`, or a status. `method` is the one that asks, for errors.
    #[wasm_bindgen(js_name = rootsOf)]
    pub fn roots_of(&self, id_length: u32, method: &str) -> JsValue {
        self.asked(|inner| {
            let schema = inner.tab.schema().clone();
            let (table, row) = inner.target(&schema, id_length, 0, method)?;
            let roots = inner.tab.roots_of(table, row)?;
            let roots = roots.iter().map(|(root, id)| Array::of2(&bytes(&root.state_key()[1..]), &id.into()).into());
            Ok(list_of(roots))
        })
    }
}

impl Engine {
    /// Answers with what was read, or the number of a status.
    fn asked(&self, read: impl FnOnce(&mut Inner) -> Result<JsValue, Obstacle>) -> JsValue {
        self.shared.enter(|inner| match read(inner) {
            Ok(answer) => answer,
            Err(Obstacle::Missing(pages)) => {
                let read = inner.tab.load(pages);
                inner.mailbox.set(Word::Read, read.0);
                JsValue::from(Status::Missing as u32)
            }
            Err(Obstacle::Stale) => JsValue::from(Status::Stale as u32),
            Err(Obstacle::Error(error)) => JsValue::from(inner.fail(error) as u32),
        })
    }
}

impl Inner {
    fn written(&mut self, transaction: u32, written: Result<(), Obstacle>) -> Status {
        match written {
            Ok(()) => Status::Done,
            Err(obstacle) => self.meet(TransactionId(transaction), obstacle),
        }
    }
}

fn known(tab: &Tab, root: Root, id: &[u8]) -> Array {
    // What belongs to the person alone is not for others.
    let is_shared = root.table.0 > 0;
    Array::of4(&bytes(&root.state_key()[1..]), &bytes(id), &tab.text_of_root(root).into(), &is_shared.into())
}

fn bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

fn list_of(items: impl Iterator<Item = JsValue>) -> JsValue {
    items.collect::<Array>().into()
}
