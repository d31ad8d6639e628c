//! Reads: documents by id, queries, pages, counts.

use super::engine::Engine;
use super::inner::{Inner, NO_RUN, torn};
use super::mailbox::{Status, Word};
use super::sinks::{CountedRows, FreshRows, KeptRows, RowWriter};
use crate::bytes::Reader;
use crate::document;
use crate::error::{Code, Error, Result};
use crate::keyspace::IndexId;
use crate::query::Plan;
use crate::query::page_cursor::{self, Position};
use crate::schema::Schema;
use crate::tab::{QueryRun, Row, RowSink, RunStep, Source, Tab, TransactionId};
use wasm_bindgen::prelude::*;

/// What a query is run for.
enum Purpose {
    Rows,
    Count(u64),
    Page {
        /// The text of a given end.
        until: Option<String>,
        is_last: bool,
    },
}

/// A query under way.
struct Active {
    run: QueryRun,
    source: Source,
    purpose: Purpose,
}

/// The queries that wait to go on, by numbers. Each holds a whole state, so that those that can't go on must not stay.
#[derive(Default)]
pub(crate) struct Runs {
    list: Vec<(u32, Active)>,
    /// The number of the next one. None is used twice: who still has that of a query that is gone must not meet another.
    next: u32,
}

impl Runs {
    fn keep(&mut self, active: Active) -> u32 {
        let number = self.next;
        self.next = (number + 1) % NO_RUN;
        self.list.push((number, active));
        number
    }

    fn take(&mut self, number: u32) -> Option<Active> {
        let position = self.list.iter().position(|(known, _)| *known == number)?;
        Some(self.list.swap_remove(position).1)
    }

    /// Drops those whose transaction has ended, or all if the database has.
    pub(crate) fn drop_ended(&mut self, tab: &Tab) {
        self.list.retain(|(_, active)| tab.can_read(active.source));
    }

    /// Drops those of a transaction, which begins again on another state.
    pub(crate) fn drop_of(&mut self, transaction: TransactionId) {
        self.list.retain(|(_, active)| active.source != Source::Transaction(transaction));
    }
}

fn source_of(transaction: u32) -> Source {
    if transaction == 0 { Source::Current } else { Source::Transaction(TransactionId(transaction)) }
}

#[wasm_bindgen]
impl Engine {
    /// Reads the document whose id is in the input buffer, of any table or of the one of number `table` - 1.
    /// The results are as those of a query, with at most one row.
    pub fn get(&self, id_length: u32, table: u32) -> u32 {
        self.shared.enter(|inner| inner.get(id_length, table)) as u32
    }

    /// Answers the query in the input buffer, on the current state or as a transaction sees it.
    pub fn query(&self, transaction: u32, length: u32) -> u32 {
        self.shared.enter(|inner| {
            let source = source_of(transaction);
            let started = inner.plan(source, length).and_then(|plan| inner.tab.start_query(source, plan));
            match started {
                Ok(run) => inner.step(Active { run, source, purpose: Purpose::Rows }),
                Err(error) => inner.fail_reading(error),
            }
        }) as u32
    }

    /// Reads a page of at most `items` rows of the query in the input buffer. Behind it lie the cursor to
    /// begin at and the one to end at, if their lengths are not 0. With `most_read`, no more rows are looked at, unless
    /// the end is given: the next page begins there, and what lies before it would be in none.
    /// At the end the text is the cursor of the next page and, in a line of its own, one that would cut this page in
    /// two, and the word `Number` is 1 if there is no next page, 2 if `most_read` has cut this one short, with 4 added
    /// if more than three quarters of that were read.
    pub fn paginate(
        &self,
        transaction: u32,
        length: u32,
        cursor_length: u32,
        end_length: u32,
        items: u32,
        most_read: u32,
    ) -> u32 {
        self.shared.enter(|inner| {
            let source = source_of(transaction);
            match inner.start_page(source, length, cursor_length, end_length, items) {
                Ok(mut active) => {
                    match (most_read as usize, end_length) {
                        (0, _) => {}
                        (rows, 0) => active.run.read_at_most(rows),
                        (rows, _) => active.run.read_about(rows),
                    }
                    inner.step(active)
                }
                Err(error) => inner.fail_reading(error),
            }
        }) as u32
    }

    /// Counts the rows of the query in the input buffer; the words `Number` and `NumberHigh` hold how many.
    pub fn count(&self, transaction: u32, length: u32) -> u32 {
        self.shared.enter(|inner| {
            let source = source_of(transaction);
            match inner.start_count(source, length) {
                Ok(Ok(status)) => status,
                Ok(Err(active)) => inner.step(*active),
                Err(error) => inner.fail_reading(error),
            }
        }) as u32
    }

    /// Whether the index that a read was told to wait for is still being built.
    #[wasm_bindgen(js_name = isBuilding)]
    pub fn is_building(&self, index: u32) -> bool {
        self.shared.look(|inner| inner.tab.is_building(IndexId(index)))
    }

    /// Goes on with a query.
    pub fn step(&self, run: u32) -> u32 {
        self.shared.enter(|inner| match inner.runs.take(run) {
            Some(active) => inner.step(active),
            None => {
                let ended = || Error::new(Code::TransactionClosed, "This query has ended with its mutation or read.");
                let error = inner.tab.check_open().err().unwrap_or_else(ended);
                inner.fail_reading(error)
            }
        }) as u32
    }

    /// Ends a query before its end.
    #[wasm_bindgen(js_name = dropRun)]
    pub fn drop_run(&self, run: u32) {
        self.shared.look(|inner| drop(inner.runs.take(run)));
    }

    /// Whether what is shown of the document whose id is in the input buffer is not saved yet.
    #[wasm_bindgen(js_name = isUnsaved)]
    pub fn is_unsaved(&self, id_length: u32) -> bool {
        self.shared.look(|inner| {
            let schema = inner.tab.schema().clone();
            let target = inner.tab.resolve_id(&schema, inner.input_text(id_length), None, "get");
            target.is_ok_and(|(table, row)| inner.tab.is_unsaved(table, row))
        })
    }

    /// Whether the text in the input buffer is an id of a table.
    #[wasm_bindgen(js_name = isIdOf)]
    pub fn is_id_of(&self, id_length: u32, table: u32) -> bool {
        self.shared.look(|inner| {
            let Some(name) = inner.tables.get(table as usize) else { return false };
            let schema = inner.tab.schema().clone();
            inner.tab.resolve_id(&schema, inner.input_text(id_length), Some(name), "get").is_ok()
        })
    }
}

impl Inner {
    fn get(&mut self, id_length: u32, table: u32) -> Status {
        self.show_nothing();
        if let Err(error) = self.tab.check_open() {
            return self.fail_reading(error);
        }
        let schema = self.tab.schema().clone();
        let expected = table.checked_sub(1).and_then(|table| self.tables.get(table as usize)).map(String::as_str);
        let (table, row) = match self.tab.resolve_id(&schema, self.input_text(id_length), expected, "get") {
            Ok(found) => found,
            Err(error) => return self.fail_reading(error),
        };
        if let Some(handle) = self.rows.find(table, &row) {
            self.results.push(handle);
            self.show_rows();
            return Status::Done;
        }
        match self.tab.current_row(table, row) {
            Ok(Ok(Some(found))) => {
                let Inner { rows, results, output, .. } = self;
                let mut sink = KeptRows { writer: RowWriter::new(&schema, output), rows, results, is_current: true };
                let given = sink.row(found.table, &found.place, &found.document);
                sink.writer.finish();
                self.show_rows();
                self.done(given)
            }
            Ok(Ok(None)) => Status::Nothing,
            Ok(Err(step)) => self.halt(step),
            Err(error) => self.fail_reading(error),
        }
    }

    /// Gives a document that a transaction has read.
    pub(crate) fn show_row(&mut self, schema: &Schema, row: &Row) -> Status {
        self.results.clear();
        let Inner { results, output, .. } = self;
        let mut sink = FreshRows { writer: RowWriter::new(schema, output), results, count: 0 };
        let given = sink.row(row.table, &row.place, &row.document);
        sink.writer.finish();
        self.show_rows();
        self.done(given)
    }

    pub(crate) fn show_rows(&mut self) {
        self.mailbox.set_bytes(Word::Output, &self.output);
        self.mailbox.set_words(Word::Results, &self.results);
    }

    /// Gives no rows; those of an earlier call must not be taken again.
    pub(crate) fn show_nothing(&mut self) {
        self.results.clear();
        self.output.clear();
        self.show_rows();
    }

    /// Fails before any row was given.
    pub(crate) fn fail_reading(&mut self, error: Error) -> Status {
        self.show_nothing();
        self.fail(error)
    }

    fn plan(&mut self, source: Source, length: u32) -> Result<Plan> {
        let query =
            document::decode_deep_value(&mut Reader::new(self.input_bytes(length))).map_err(|_| torn("The query"))?;
        self.tab.plan(source, &query)
    }

    fn start_page(
        &mut self,
        source: Source,
        length: u32,
        cursor_length: u32,
        end_length: u32,
        items: u32,
    ) -> Result<Active> {
        let mut plan = self.plan(source, length)?;
        let text = |start: u32, length: u32| {
            let bytes = self.input.get(start as usize..(start + length) as usize).unwrap_or_default();
            (length > 0).then(|| String::from_utf8_lossy(bytes).into_owned())
        };
        let after = text(length, cursor_length).map(|text| page_cursor::decode(&plan, &text)).transpose()?;
        let until_text = text(length + cursor_length, end_length);
        let until = until_text.as_ref().map(|text| page_cursor::decode(&plan, text)).transpose()?;
        plan.narrow(after.as_ref(), until.as_ref());
        if until.is_none() {
            plan.limit = Some(items as usize);
        }
        let mut run = self.tab.start_query(source, plan)?;
        run.keep_keys();
        let is_last = until == Some(Position::End);
        Ok(Active { run, source, purpose: Purpose::Page { until: until_text, is_last } })
    }

    fn start_count(&mut self, source: Source, length: u32) -> Result<std::result::Result<Status, Box<Active>>> {
        let plan = self.plan(source, length)?;
        if plan.filters.is_empty() && plan.limit.is_none() {
            return Ok(Ok(match self.tab.count(source, &plan)? {
                Ok(count) => {
                    self.mailbox.set_number(count);
                    Status::Done
                }
                Err(step) => self.halt(step),
            }));
        }
        let run = self.tab.start_query(source, plan)?;
        Ok(Err(Box::new(Active { run, source, purpose: Purpose::Count(0) })))
    }

    /// Runs a query as far as memory reaches or the buffers allow.
    fn step(&mut self, mut active: Active) -> Status {
        self.results.clear();
        // Of the state that is read: since then an import may have put another table in the place of this one.
        let schema = active.run.schema().clone();
        let fields = active.run.plan().fields.clone();
        // What is kept are whole rows.
        let is_current =
            fields.is_none() && active.source == Source::Current && active.run.version() == self.tab.version();
        let Inner { tab, rows, results, output, .. } = self;
        let writer = RowWriter::new(&schema, output).selecting(fields.as_deref());
        let outcome = match (&mut active.purpose, active.source) {
            (Purpose::Count(count), _) => {
                let mut sink = CountedRows(*count);
                let outcome = tab.step_query(&mut active.run, &mut sink);
                *count = sink.0;
                outcome
            }
            (_, Source::Current) => {
                let mut sink = KeptRows { writer, rows, results, is_current };
                let outcome = tab.step_query(&mut active.run, &mut sink);
                sink.writer.finish();
                outcome
            }
            (_, Source::Transaction(_)) => {
                let mut sink = FreshRows { writer, results, count: 0 };
                let outcome = tab.step_query(&mut active.run, &mut sink);
                sink.writer.finish();
                outcome
            }
        };
        self.show_rows();
        let step = match outcome {
            Ok(step) => step,
            Err(error) => return self.fail(error),
        };
        match step {
            RunStep::Done => self.finish_run(&active),
            RunStep::Paused | RunStep::Missing(_) => {
                let status = self.halt(step);
                let run = self.runs.keep(active);
                self.mailbox.set(Word::Run, run);
                status
            }
            RunStep::Building(_) | RunStep::Stale => self.halt(step),
        }
    }

    fn finish_run(&mut self, active: &Active) -> Status {
        match &active.purpose {
            Purpose::Rows => {}
            Purpose::Count(count) => self.mailbox.set_number(*count),
            Purpose::Page { until, is_last } => {
                let run = &active.run;
                let after = |key: &[u8]| page_cursor::encode(run.plan(), &Position::After(key.to_vec()));
                let (cursor, state) = match until {
                    _ if run.is_cut_short() => (after(run.last_scanned()), 2),
                    Some(text) => (text.clone(), u32::from(*is_last)),
                    None if run.is_exhausted() => (page_cursor::encode(run.plan(), &Position::End), 1),
                    None => (after(run.last_key()), 0),
                };
                self.mailbox.set(Word::Number, state | u32::from(run.is_near_limit()) << 2);
                self.text = cursor.into_bytes();
                if let Some(middle) = run.middle_key() {
                    self.text.push(b'\n');
                    self.text.extend_from_slice(after(middle).as_bytes());
                }
                self.mailbox.set_bytes(Word::Text, &self.text);
            }
        }
        Status::Done
    }
}
