//! Live queries: what JavaScript is told of them.

use super::engine::Engine;
use super::inner::{Inner, torn};
use super::mailbox::{Status, Word};
use super::sinks::{KeptRows, RowWriter};
use crate::bytes::Reader;
use crate::document;
use crate::error::Result;
use crate::keyspace::TableId;
use crate::live::Patch;
use crate::tab::{LiveId, LiveNews, RowSink, TransactionId};
use crate::value::Value;
use wasm_bindgen::prelude::*;

/// What is new, as the word `Run` says it. `ts/live/entry.ts` names them in the same order.
mod news {
    pub(super) const NOTHING: u32 = 0;
    /// Words in the results: an operation with its position, and behind it the row's word, if it has one.
    pub(super) const PATCHES: u32 = 1;
    /// Rows from the first one on, all of them.
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
    /// Watches the rows of the query in the input buffer, or how many there are. Its number is in the word `Number`.
    #[wasm_bindgen(js_name = watchQuery)]
    pub fn watch_query(&self, length: u32, is_count: bool) -> u32 {
        self.shared.enter(|inner| match inner.query_value(length) {
            Ok(query) => {
                let live = if is_count { inner.tab.watch_count(query) } else { inner.tab.watch_rows(query) };
                inner.mailbox.set(Word::Number, live.0);
                Status::Done
            }
            Err(error) => inner.fail(error),
        }) as u32
    }

    /// Watches what a function reads; its number is the answer.
    #[wasm_bindgen(js_name = watchFunction)]
    pub fn watch_function(&self) -> u32 {
        self.shared.look(|inner| inner.tab.watch_function().0)
    }

    /// A transaction that has just begun is a run of a watched function.
    #[wasm_bindgen(js_name = watchRun)]
    pub fn watch_run(&self, transaction: u32) {
        // If it has ended, so has the database, and the run will hear of it.
        let _ = self.shared.look(|inner| inner.tab.watch_run(TransactionId(transaction)));
    }

    /// The run is through: what it has read is watched.
    #[wasm_bindgen(js_name = noteRun)]
    pub fn note_run(&self, live: u32, transaction: u32) {
        let _ = self.shared.enter(|inner| inner.tab.note_run(LiveId(live), TransactionId(transaction)));
    }

    /// Ends the watching.
    pub fn unwatch(&self, live: u32) {
        self.shared.look(|inner| inner.tab.unwatch(LiveId(live)));
    }

    /// The next live query with news, or 0.
    #[wasm_bindgen(js_name = nextLive)]
    pub fn next_live(&self) -> u32 {
        self.shared.look(|inner| inner.tab.next_live().map_or(0, |live| live.0))
    }

    /// What is new about a live query: the word `Run` says what (see [`news`]), and `Number` holds a count.
    #[wasm_bindgen(js_name = liveNews)]
    pub fn live_news(&self, live: u32) -> u32 {
        self.shared.enter(|inner| inner.live_news(LiveId(live))) as u32
    }
}

impl Inner {
    fn query_value(&self, length: u32) -> Result<Value> {
        document::decode_deep_value(&mut Reader::new(self.input_bytes(length))).map_err(|_| torn("The query"))
    }

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
            Ok(LiveNews::Rows { is_first, is_done }) => {
                let more = if is_first { 0 } else { news::MORE };
                (news::ROWS | more | if is_done { 0 } else { news::UNFINISHED }, 0)
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
