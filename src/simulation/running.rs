//! A program on its way through a tab: step by step, with waits, pauses and runs again.

use super::program::{Answer, Call, Database, Fields, Program, Query, Row, Stop};
use crate::document;
use crate::error::{Code, Result};
use crate::id;
use crate::keyspace::{Place, RowId, TableId};
use crate::query;
use crate::schema::{ImportStep, Schema};
use crate::tab::{Obstacle, QueryRun, ReadId, RowSink, RunStep, Source, Tab, TransactionId};
use crate::value::Value;
use std::rc::Rc;

/// Where a program stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Standing {
    Ready,
    Waiting(ReadId),
    /// An index that it needs is being built.
    Building,
    Finished,
}

/// A program in a tab.
pub(super) struct Running {
    pub(super) transaction: TransactionId,
    pub(super) program: Rc<Program>,
    pub(super) standing: Standing,
    /// The last record that its tab knew when this run began.
    pub(super) began: u64,
    /// What it was told so far: a run is gone through again from the beginning at every step, which makes
    /// programs plain functions.
    memo: Vec<Answer>,
    query: Option<(QueryRun, Taken)>,
}

/// One step of a program: as many calls as its share allows.
pub(super) struct Attempt<'a> {
    pub(super) tab: &'a mut Tab,
    pub(super) running: &'a mut Running,
    pub(super) calls: u32,
    cursor: usize,
}

/// Takes the rows of a query, a few at a time.
#[derive(Default)]
pub(super) struct Taken {
    rows: Vec<(Place, Vec<u8>)>,
    full_at: usize,
}

impl RowSink for Taken {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        false
    }
    fn row(&mut self, _: TableId, place: &Place, document: &[u8]) -> Result<()> {
        self.rows.push((*place, document.to_vec()));
        Ok(())
    }
    fn is_full(&self) -> bool {
        self.rows.len() >= self.full_at
    }
}

impl Running {
    pub(super) fn new(tab: &Tab, transaction: TransactionId, program: Rc<Program>) -> Self {
        let began = tab.stats().sequence;
        Running { transaction, program, standing: Standing::Ready, began, memo: Vec::new(), query: None }
    }

    pub(super) fn restart(&mut self, tab: &Tab) {
        self.standing = Standing::Ready;
        self.began = tab.stats().sequence;
        self.memo.clear();
        self.query = None;
    }

    /// Ids and times of what it inserted.
    pub(super) fn inserts(&self) -> Vec<(RowId, f64)> {
        let inserted = self.memo.iter().map(|answer| match answer {
            Answer::Inserted(inserted) => *inserted,
            _ => None,
        });
        inserted.flatten().collect()
    }

    /// What it was told so far.
    pub(super) fn answers(&self) -> &[Answer] {
        &self.memo
    }

    pub(super) fn step(&mut self, tab: &mut Tab, calls: u32) -> std::result::Result<(), Stop> {
        let program = self.program.clone();
        program.run(&mut Attempt { tab, running: self, calls, cursor: 0 })
    }
}

/// Fields as the model has them.
pub(super) fn fields_of(document: &[u8], schema: &Schema) -> Fields {
    let value = document::Document::new(document).to_value(&schema.names);
    match value.expect("[panic] a stored document is readable") {
        Value::Object(fields) => fields.into_iter().collect(),
        other => panic!("[panic] a document is {other:?}"),
    }
}

/// Rows of the current state of a tab, or what to wait for.
pub(super) fn current_rows(
    tab: &mut Tab,
    query: &Query,
    run: &mut Option<(QueryRun, Taken)>,
) -> std::result::Result<Vec<Row>, Stop> {
    rows(tab, Source::Current, query, run)
}

fn rows(
    tab: &mut Tab,
    source: Source,
    query: &Query,
    run: &mut Option<(QueryRun, Taken)>,
) -> std::result::Result<Vec<Row>, Stop> {
    let schema = match source {
        Source::Current => tab.schema().clone(),
        Source::Transaction(id) => tab.transaction(id).map_err(Stop::Error)?.state.schema.clone(),
    };
    let (mut started, mut taken) = match run.take() {
        Some(run) => run,
        None => {
            let plan = query::plan(&schema, &query.to_value()).map_err(Stop::Error)?;
            (tab.start_query(source, plan).map_err(Stop::Error)?, Taken::default())
        }
    };
    loop {
        taken.full_at = taken.rows.len() + 7;
        match tab.step_query(&mut started, &mut taken).map_err(Stop::Error)? {
            RunStep::Done => break,
            RunStep::Paused => {}
            RunStep::Missing(pages) => {
                let read = tab.load(pages);
                *run = Some((started, taken));
                return Err(Stop::Wait(read));
            }
            RunStep::Building(_) => return Err(Stop::Building),
            RunStep::Stale => return Err(Stop::Again),
        }
    }
    // Names are only ever added, so the newest schema reads all documents.
    let names = tab.schema().clone();
    Ok(taken
        .rows
        .iter()
        .map(|(place, document)| Row { id: place.id, time: place.creation_time, fields: fields_of(document, &names) })
        .collect())
}

/// What `count` says for the current state of a tab.
pub(super) fn current_count(tab: &mut Tab, query: &Query) -> std::result::Result<u64, Stop> {
    let plan = query::plan(tab.schema(), &query.to_value()).map_err(Stop::Error)?;
    match tab.count(Source::Current, &plan).map_err(Stop::Error)? {
        Ok(count) => Ok(count),
        Err(step) => Err(obstructed(tab, step)),
    }
}

fn obstructed(tab: &mut Tab, step: RunStep) -> Stop {
    match step {
        RunStep::Missing(pages) => Stop::Wait(tab.load(pages)),
        RunStep::Stale => Stop::Again,
        RunStep::Building(_) => Stop::Building,
        RunStep::Done | RunStep::Paused => panic!("[panic] nothing is in the way"),
    }
}

impl Attempt<'_> {
    fn overcome(&mut self, obstacle: Obstacle) -> Stop {
        match self.tab.overcome(self.running.transaction, obstacle) {
            Ok(step) => obstructed(self.tab, step),
            Err(error) => Stop::Error(error),
        }
    }

    fn schema(&mut self) -> std::result::Result<Rc<Schema>, Stop> {
        Ok(self.tab.transaction(self.running.transaction).map_err(Stop::Error)?.state.schema.clone())
    }

    fn table(&mut self, name: &str) -> std::result::Result<(TableId, u32), Stop> {
        let schema = self.schema()?;
        let table = schema.table(name).ok_or_else(|| Stop::Error(query::table_not_found(name)))?;
        Ok((table.id, table.number))
    }

    fn perform(&mut self, call: &Call) -> std::result::Result<Answer, Stop> {
        let id = self.running.transaction;
        match call {
            Call::Get(table, row) => {
                let (table, _) = self.table(table)?;
                match self.tab.read_row(id, table, *row) {
                    Ok(row) => {
                        let names = self.tab.schema().clone();
                        Ok(Answer::Row(row.map(|row| Row {
                            id: row.place.id,
                            time: row.place.creation_time,
                            fields: fields_of(&row.document, &names),
                        })))
                    }
                    Err(obstacle) => Err(self.overcome(obstacle)),
                }
            }
            Call::Query(query) => {
                rows(self.tab, Source::Transaction(id), query, &mut self.running.query).map(Answer::Rows)
            }
            Call::Count(query) => {
                let plan = query::plan(&*self.schema()?, &query.to_value()).map_err(Stop::Error)?;
                match self.tab.count(Source::Transaction(id), &plan).map_err(Stop::Error)? {
                    Ok(count) => Ok(Answer::Count(count)),
                    Err(step) => {
                        if step == RunStep::Stale {
                            return Err(Stop::Again);
                        }
                        Err(obstructed(self.tab, step))
                    }
                }
            }
            Call::Insert(table, explicit, fields) => {
                let (table_id, number) = self.table(table)?;
                let names = self.schema()?;
                let mut bytes = document::encode(&Value::from(fields.clone()), &names.names);
                let text = explicit.map(|id| id::encode(number, &id));
                match self.tab.insert(id, table, text.as_deref(), &mut bytes) {
                    Ok(row) => {
                        let place = self.tab.written_place(id, table_id, &row).expect("it was written");
                        // Half of them are read again: a transaction that only inserts has read nothing.
                        let is_seen = row.0[15] & 1 == 0
                            || matches!(self.tab.read_row(id, table_id, row), Ok(Some(found)) if found.place == place);
                        assert!(is_seen, "[consistent] a transaction does not see the row that it inserted");
                        Ok(Answer::Inserted(Some((row, place.creation_time))))
                    }
                    Err(Obstacle::Error(error)) if error.code == Code::DuplicateId => Ok(Answer::Inserted(None)),
                    Err(obstacle) => Err(self.overcome(obstacle)),
                }
            }
            Call::Patch(table, row, changes) => {
                let (table, number) = self.table(table)?;
                let changes = changes.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
                let mut bytes = document::encode_patch(&changes, &self.schema()?.names);
                let text = id::encode(number, row);
                let done = self.tab.patch(id, table, *row, &text, &mut bytes);
                self.done(done)
            }
            Call::Replace(table, row, fields) => {
                let (table, number) = self.table(table)?;
                let mut bytes = document::encode(&Value::from(fields.clone()), &self.schema()?.names);
                let text = id::encode(number, row);
                let done = self.tab.replace(id, table, *row, &text, &mut bytes);
                self.done(done)
            }
            Call::BeginImport(tables) => {
                let tables = tables.iter().map(|table| ((*table).to_string(), None)).collect();
                self.import(ImportStep::Begin(tables))
            }
            Call::EndImport(is_kept) => {
                let number = self.schema()?.import_number().unwrap_or(0);
                self.import(if *is_kept { ImportStep::Finish(number) } else { ImportStep::GiveUp(number) })
            }
            Call::ImportRow(table, row, time, fields) => {
                let (_, number) = self.table(table)?;
                let names = self.schema()?;
                let mut bytes = document::encode(&Value::from(fields.clone()), &names.names);
                let text = id::encode(number, row);
                match self.tab.import_row(
                    id,
                    names.import_number().or(Some(0)),
                    table,
                    Some(&text),
                    Some(*time),
                    &mut bytes,
                ) {
                    Ok(_) => Ok(Answer::Done(true)),
                    Err(Obstacle::Error(error)) if error.code == Code::DuplicateId => Ok(Answer::Done(false)),
                    Err(obstacle) => Err(self.overcome(obstacle)),
                }
            }
            Call::Delete(table, row) => {
                let (table, number) = self.table(table)?;
                let text = id::encode(number, row);
                let done = self.tab.delete(id, table, *row, &text);
                self.done(done)
            }
        }
    }

    fn import(&mut self, step: ImportStep) -> std::result::Result<Answer, Stop> {
        self.tab.import(self.running.transaction, step).map_err(Stop::Error)?;
        Ok(Answer::Done(true))
    }

    fn done(&mut self, done: std::result::Result<(), Obstacle>) -> std::result::Result<Answer, Stop> {
        match done {
            Ok(()) => Ok(Answer::Done(true)),
            Err(Obstacle::Error(error)) if error.code == Code::NonexistentDocument => Ok(Answer::Done(false)),
            Err(obstacle) => Err(self.overcome(obstacle)),
        }
    }
}

impl Database for Attempt<'_> {
    fn call(&mut self, call: Call) -> std::result::Result<Answer, Stop> {
        if let Some(answer) = self.running.memo.get(self.cursor) {
            self.cursor += 1;
            return Ok(answer.clone());
        }
        if self.calls == 0 {
            return Err(Stop::Pause);
        }
        self.calls -= 1;
        let answer = self.perform(&call)?;
        self.running.memo.push(answer.clone());
        self.cursor += 1;
        Ok(answer)
    }
}
