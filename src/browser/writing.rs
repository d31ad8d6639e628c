//! Transactions: mutations and reads with a state of their own.

use super::engine::Engine;
use super::host::now;
use super::inner::Inner;
use super::mailbox::{Status, Word};
use crate::error::Result;
use crate::id;
use crate::keyspace::{RowId, TableId};
use crate::schema::{ImportStep, Schema};
use crate::tab::{Dangling, Finished, Obstacle, TransactionId};
use wasm_bindgen::prelude::*;

/// Flags of a table's number: its documents are imported.
const IMPORTED: u32 = 1 << 31;
const APPENDED: u32 = 1 << 30;

/// How an operation on the document of an id is called in errors.
const METHODS: [&str; 4] = ["get", "patch", "replace", "delete"];

#[wasm_bindgen]
impl Engine {
    /// Begins a transaction: a mutation (kind 0), a read (1), a run of a watched function (2), or a mutation whose
    /// rows may lie in documents of rows that are gone (3), or in new ones of rows that are not there (4). Its number
    /// is in the word `Number`.
    pub fn begin(&self, kind: u32) -> u32 {
        self.shared.enter(|inner| match inner.tab.begin(now(), kind == 1 || kind == 2) {
            Ok(transaction) => {
                match kind {
                    2 => inner.tab.watch_run(transaction),
                    3 => inner.tab.let_dangle(transaction, Dangling::InDocuments),
                    4 => inner.tab.let_dangle(transaction, Dangling::Anywhere),
                    _ => {}
                }
                inner.mailbox.set(Word::Number, transaction.0);
                Status::Done
            }
            Err(error) => inner.fail(error),
        }) as u32
    }

    /// Begins a transaction again that was told to.
    pub fn rerun(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| {
            inner.runs.drop_of(TransactionId(transaction));
            let begun = inner.tab.rerun(TransactionId(transaction));
            inner.done(begun)
        }) as u32
    }

    /// Ends a transaction: its writes are to be saved.
    pub fn finish(&self, transaction: u32) -> u32 {
        self.shared.enter_and_send(|inner| {
            let now_ms = inner.now();
            let finished = inner.tab.finish(now_ms, TransactionId(transaction));
            inner.show_finished(finished)
        }) as u32
    }

    /// Ends a transaction whose function has failed: it has written nothing.
    #[wasm_bindgen(js_name = finishFailed)]
    pub fn finish_failed(&self, transaction: u32) -> u32 {
        self.shared.enter(|inner| {
            let now_ms = inner.now();
            let finished = inner.tab.finish_failed(now_ms, TransactionId(transaction));
            inner.show_finished(finished)
        }) as u32
    }

    /// Ends a transaction without a trace.
    pub fn abandon(&self, transaction: u32) {
        self.shared.enter(|inner| inner.tab.abandon(TransactionId(transaction)));
    }

    /// Reads the document whose id is in the input buffer, of any table or of the one of number `table` - 1.
    #[wasm_bindgen(js_name = getIn)]
    pub fn get_in(&self, transaction: u32, id_length: u32, table: u32) -> u32 {
        self.shared.enter(|inner| {
            inner.show_nothing();
            let transaction = TransactionId(transaction);
            let schema = inner.tab.schema_of(transaction);
            let (table, row) = match inner.target(&schema, id_length, table, "get") {
                Ok(target) => target,
                Err(error) => return inner.fail(error),
            };
            match inner.tab.read_row(transaction, table, row) {
                Ok(Some(row)) => inner.show_row(&schema, &row),
                Ok(None) => Status::Nothing,
                Err(obstacle) => inner.meet(transaction, obstacle),
            }
        }) as u32
    }

    /// Inserts the documents in the input buffer from the position of the word `Number` on; each is a u32
    /// length of an id (0: make one) and one of the document, then the document and the id. The ids of those
    /// inserted are in the text, a line each, and the word `Number` says up to where they were; an obstacle may leave some over. When one
    /// can't be inserted, none of this call is, and the word says where it begins.
    ///
    /// With `IMPORTED` in the table's number they go into the table that the import of number `start` fills, with
    /// `APPENDED` among those that are there. Then an id begins with the creation time, a float64, or NaN for none, and the
    /// documents at the beginning of the buffer.
    pub fn insert(&self, transaction: u32, table: u32, start: u32, end: u32) -> u32 {
        self.shared.enter(|inner| inner.insert(TransactionId(transaction), table, start, end)) as u32
    }

    /// Lets a transaction take a step of an import: 0 begins one, for the tables in the input buffer, a line each, with
    /// the number of their ids behind a blank, if that is known; 1 finishes the one of this number, 2 gives it up. 3 asks
    /// whether there is one; its number is in the word `Number`.
    #[wasm_bindgen(js_name = importStep)]
    pub fn import_step(&self, transaction: u32, step: u32, number: u32) -> u32 {
        self.shared.enter(|inner| {
            let step = match step {
                0 => ImportStep::Begin(inner.input_text(number).lines().map(table_and_number).collect()),
                1 => ImportStep::Finish(number),
                2 => ImportStep::GiveUp(number),
                _ => {
                    let Some(number) = inner.tab.schema().import_number() else { return Status::Nothing };
                    inner.mailbox.set(Word::Number, number);
                    return Status::Done;
                }
            };
            let taken = inner.tab.import(TransactionId(transaction), step);
            inner.done(taken)
        }) as u32
    }

    /// Changes, replaces or deletes (methods 1, 2, 3) the document whose id is in the input buffer. What it
    /// is changed by follows the id.
    pub fn change(&self, transaction: u32, method: u32, id_length: u32, table: u32, length: u32) -> u32 {
        self.shared.enter(|inner| inner.change(TransactionId(transaction), method, id_length, table, length)) as u32
    }

    /// Makes an id of a table, from a transaction's own stream or, without one, from fresh randomness.
    #[wasm_bindgen(js_name = newId)]
    pub fn new_id(&self, transaction: u32, table: u32) -> u32 {
        self.shared.enter(|inner| {
            let name = inner.tables.get(table as usize).map_or("", String::as_str);
            let transaction = (transaction != 0).then_some(TransactionId(transaction));
            match inner.tab.new_id(now(), transaction, name) {
                Ok(id) => {
                    inner.text = id.into_bytes();
                    inner.mailbox.set_bytes(Word::Text, &inner.text);
                    Status::Done
                }
                Err(error) => inner.fail(error),
            }
        }) as u32
    }
}

impl Inner {
    fn show_finished(&mut self, finished: Result<Finished>) -> Status {
        match finished {
            Ok(Finished::Done) => Status::Done,
            Ok(Finished::Queued) => Status::Queued,
            Ok(Finished::RunAgain) => Status::RunAgain,
            Err(error) => self.fail(error),
        }
    }

    /// The document that an operation is about.
    pub(super) fn target(&self, schema: &Schema, id_length: u32, table: u32, method: &str) -> Result<(TableId, RowId)> {
        let expected = table.checked_sub(1).and_then(|table| self.tables.get(table as usize)).map(String::as_str);
        self.tab.resolve_id(schema, self.input_text(id_length), expected, method)
    }

    /// What a transaction does about an obstacle.
    pub(super) fn meet(&mut self, transaction: TransactionId, obstacle: Obstacle) -> Status {
        match self.tab.overcome(transaction, obstacle) {
            Ok(step) => self.halt(step),
            Err(error) => self.fail(error),
        }
    }

    fn insert(&mut self, transaction: TransactionId, flagged: u32, start: u32, end: u32) -> Status {
        let table = flagged & !(IMPORTED | APPENDED);
        self.text.clear();
        let schema = self.tab.schema_of(transaction);
        let number = self.tables.get(table as usize).and_then(|name| schema.table(name)).map_or(0, |t| t.number);
        let is_imported = flagged != table;
        let mut position = if is_imported { 0 } else { start as usize };
        let mut status = Status::Done;
        let mut inserted = Vec::new();
        while position < end as usize {
            let Inner { tab, tables, input, text, .. } = self;
            let name = tables.get(table as usize).map_or("", String::as_str);
            let Some((id, document, next)) = framed(input, position) else { break };
            let (time, id) = match id.split_first_chunk() {
                Some((time, id)) if is_imported => (f64::from_le_bytes(*time), id),
                _ => (f64::NAN, id),
            };
            let explicit = (!id.is_empty()).then(|| std::str::from_utf8(id).unwrap_or("\u{fffd}"));
            let document = &mut document.to_vec();
            let inserted_row = if is_imported {
                let import = (flagged & APPENDED == 0).then_some(start);
                tab.import_row(transaction, import, name, explicit, time.is_finite().then_some(time), document)
            } else {
                tab.insert(transaction, name, explicit, document)
            };
            match inserted_row {
                Ok(row) => {
                    id::encode_into(text, number, &row);
                    text.push(b'\n');
                    inserted.push(row);
                }
                Err(obstacle) => {
                    let ids = std::mem::take(&mut self.text);
                    status = self.meet(transaction, obstacle);
                    if status == Status::Failed {
                        self.mailbox.set(Word::Number, position as u32);
                        self.take_back(transaction, table, &inserted);
                        return status;
                    }
                    self.text = ids;
                    break;
                }
            }
            position = next;
        }
        self.mailbox.set(Word::Number, position as u32);
        self.mailbox.set_bytes(Word::Text, &self.text);
        status
    }

    /// Removes what this transaction has just inserted.
    fn take_back(&mut self, transaction: TransactionId, table: u32, rows: &[RowId]) {
        let name = self.tables.get(table as usize).map_or("", String::as_str);
        let Some(table) = self.tab.schema().table(name).map(|table| table.id) else { return };
        for row in rows {
            // They are in the transaction itself, so that no page can be missing.
            let _ = self.tab.delete(transaction, table, *row, "");
        }
    }

    fn change(&mut self, transaction: TransactionId, method: u32, id_length: u32, table: u32, length: u32) -> Status {
        let schema = self.tab.schema_of(transaction);
        let name = METHODS[method as usize % METHODS.len()];
        let (table, row) = match self.target(&schema, id_length, table, name) {
            Ok(target) => target,
            Err(error) => return self.fail(error),
        };
        let start = id_length as usize;
        let Inner { tab, input, .. } = self;
        let id_text = std::str::from_utf8(&input[..start]).unwrap_or_default();
        let mut document = input.get(start..start + length as usize).unwrap_or_default().to_vec();
        let outcome = match method {
            1 => tab.patch(transaction, table, row, id_text, &mut document),
            2 => tab.replace(transaction, table, row, id_text, &mut document),
            _ => tab.delete(transaction, table, row, id_text),
        };
        match outcome {
            Ok(()) => Status::Done,
            Err(obstacle) => self.meet(transaction, obstacle),
        }
    }
}

/// A line of the input buffer.
fn table_and_number(line: &str) -> (String, Option<u32>) {
    let (name, number) = line.split_once(' ').unwrap_or((line, ""));
    (name.into(), number.parse().ok())
}

/// The id of a document of the input buffer and the document, and where the next one begins.
fn framed(input: &[u8], position: usize) -> Option<(&[u8], &[u8], usize)> {
    let length = |at: usize| Some(u32::from_le_bytes(input.get(at..at + 4)?.try_into().ok()?) as usize);
    let start = position + 8;
    let middle = start + length(position + 4)?;
    let end = middle + length(position)?;
    Some((input.get(middle..end)?, input.get(start..middle)?, end))
}
