//! Live queries: what JavaScript is told of them.

use super::engine::Engine;
use super::inner::Inner;
use super::mailbox::{Status, Word};
use super::sinks::{KeptRows, RowWriter};
use crate::bytes::Reader;
use crate::document;
use crate::error::Result;
use crate::keyspace::TableId;
use crate::live::Patch;
use crate::tab::{LiveId, LiveNews, NextRows, RowSink, TransactionId};
use wasm_bindgen::prelude::*;

/// What is new, as the word `Run` says it. `ts/live/entry.ts` names them in the same order.
mod news {
    pub(super) const NOTHING: u32 = 0;
    /// Words in the results: an operation with its position, and behind it the row's word, if it has one.
    pub(super) const PATCHES: u32 = 1;
    /// Rows from the first one on. With `WAITING` added others follow later, else these are all.
    pub(super) const ROWS: u32 = 2;
    /// With this added: rows that follow on those before.
    pub(super) const MORE: u32 = 4;
    /// With this added: there are more. Ask again at once.
    pub(super) const UNFINISHED: u32 = 8;
    pub(super) const COUNT: u32 = 16;
    /// The function has to run again.
    pub(super) const TOUCHED: u32 = 32;
    /// There will be news later.
    pub(super) const WAITING: u32 = 64;
}

/// The upper bits of an operation's word; the lower ones are a position.
mod operation {
    pub(super) const INSERT: u32 = 0;
    pub(super) const REPLACE: u32 = 1 << 30;
    pub(super) const REMOVE: u32 = 2 << 30;
    pub(super) const TRUNCATE: u32 = 3 << 30;
}

/// In place of a row that another operation of the same list replaces or removes.
const NO_ROW: u32 = u32::MAX;

#[wasm_bindgen]
impl Engine {
    /// Watches the rows (kind 0) of the query in the input buffer, how many there are (1), or what a function reads (2).
    /// Its number is the answer, 0 if the query can't be read.
    pub fn watch(&self, length: u32, kind: u32) -> u32 {
        self.shared.look(|inner| {
            if kind == 2 {
                return inner.tab.watch_function().0;
            }
            match document::decode_deep_value(&mut Reader::new(inner.input_bytes(length))) {
                Ok(query) if kind == 0 => inner.tab.watch_rows(query).0,
                Ok(query) => inner.tab.watch_count(query).0,
                Err(_) => 0,
            }
        })
    }

    /// A run of a watched function is through: what its transaction has read is watched.
    #[wasm_bindgen(js_name = noteRun)]
    pub fn note_run(&self, live: u32, transaction: u32) {
        // If that has ended, so has the database.
        let _ = self.shared.enter(|inner| inner.tab.note_run(LiveId(live), TransactionId(transaction)));
    }

    /// Ends the watching.
    pub fn unwatch(&self, live: u32) {
        self.shared.look(|inner| inner.tab.unwatch(LiveId(live)));
    }

    /// What is new about a live query, or about the next one that has news; its number is in the word `Read`, 0 when
    /// there is none. The word `Run` says what (see [`news`]), and `Number` holds a count.
    #[wasm_bindgen(js_name = liveNews)]
    pub fn live_news(&self, live: u32) -> u32 {
        self.shared.enter(|inner| {
            let live = if live == 0 { inner.tab.next_live() } else { Some(LiveId(live)) };
            inner.mailbox.set(Word::Read, live.map_or(0, |live| live.0));
            live.map_or(Status::Nothing, |live| inner.live_news(live))
        }) as u32
    }
}

impl Inner {
    fn live_news(&mut self, live: LiveId) -> Status {
        self.results.clear();
        let schema = self.tab.schema().clone();
        let fields = self.tab.live_fields(live);
        let Inner { tab, rows, results, output, .. } = self;
        let writer = RowWriter::new(&schema, output).selecting(fields.as_deref());
        // What is kept are whole rows.
        let mut sink = KeptRows { writer, rows, results, is_current: fields.is_none() };
        let (what, count) = match tab.live_news(live, &mut sink) {
            Ok(LiveNews::Nothing) => (news::NOTHING, 0),
            Ok(LiveNews::Patches(patches)) => {
                let table = tab.live_table(live);
                if let Err(error) = write_patches(&mut sink, table, &patches) {
                    sink.writer.finish();
                    return self.fail_reading(error);
                }
                (news::PATCHES, 0)
            }
            Ok(LiveNews::Rows { is_first, next }) => {
                let more = if is_first { 0 } else { news::MORE };
                let next = match next {
                    NextRows::Nothing => 0,
                    NextRows::More => news::UNFINISHED,
                    NextRows::Later => news::WAITING,
                };
                (news::ROWS | more | next, 0)
            }
            Ok(LiveNews::Count(count)) => (news::COUNT, count),
            Ok(LiveNews::Touched) => (news::TOUCHED, 0),
            Ok(LiveNews::Waiting) => (news::WAITING, 0),
            Err(error) => {
                sink.writer.finish();
                return self.fail_reading(error);
            }
        };
        sink.writer.finish();
        self.show_rows();
        self.mailbox.set_number(count);
        self.mailbox.set(Word::Run, what);
        Status::Done
    }
}

fn write_patches(sink: &mut KeptRows<'_>, table: TableId, patches: &[Patch]) -> Result<()> {
    for (number, patch) in patches.iter().enumerate() {
        let (operation, at) = match patch {
            Patch::Insert { at, .. } => (operation::INSERT, at),
            Patch::Replace { at, .. } => (operation::REPLACE, at),
            Patch::Remove { at } => (operation::REMOVE, at),
            Patch::Truncate { length } => (operation::TRUNCATE, length),
        };
        sink.results.push(operation | *at as u32);
        let (Patch::Insert { place, document, .. } | Patch::Replace { place, document, .. }) = patch else { continue };
        let is_of_row = |later: &Patch| match later {
            Patch::Insert { place: other, .. } | Patch::Replace { place: other, .. } => other.id == place.id,
            Patch::Remove { .. } | Patch::Truncate { .. } => false,
        };
        // Only the last content of a row may be kept for others.
        if patches[number + 1..].iter().any(is_of_row) {
            sink.results.push(NO_ROW);
        } else {
            sink.row(table, place, document)?;
        }
    }
    Ok(())
}
