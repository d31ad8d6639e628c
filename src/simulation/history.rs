//! What the log has ever held, judged record by record: nothing lost, nothing twice, and every record is what
//! its programs write when they run one after the other.

use super::model::{Model, ModelRun, Stored, Written};
use super::program::{Answer, Call, Database, Program, Stop};
use super::running::{Running, fields_of};
use crate::bytes::Bytes;
use crate::keyspace::{Place, RowId, TableId};
use crate::log::{ChangeKind, CommitId, Record, RowChange};
use crate::schema::{Schema, Standing, Table};
use crate::tab::TransactionId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

/// A mutation that a record holds.
#[derive(Clone, Debug)]
pub(super) struct Carried {
    pub(super) transaction: TransactionId,
    pub(super) program: Rc<Program>,
    pub(super) inserts: Vec<(RowId, f64)>,
    /// What it was told by its tab.
    pub(super) answers: Vec<Answer>,
}

/// How many of the last states are kept.
const STATES: usize = 400;

/// The log from the beginning, whatever has been trimmed of it, and the database that it makes.
#[derive(Clone)]
pub(super) struct History {
    commits: Vec<CommitId>,
    /// Mutations in the log, by tab.
    saved: BTreeSet<(u64, TransactionId)>,
    pub(super) model: Model,
    /// The database after each of the last mutations, with the number of the record.
    states: VecDeque<(u64, Rc<Model>)>,
    pub(super) schema: Schema,
    /// The version of the app whose schema is in force.
    pub(super) version: u64,
    /// Whether a page of the tree may be damaged, and the rows that a repair may lose with such pages.
    pub(super) is_damaged: bool,
    pub(super) endangered: BTreeSet<(TableId, RowId)>,
}

impl History {
    pub(super) fn new(version: u64) -> Self {
        History {
            commits: Vec::new(),
            saved: BTreeSet::new(),
            model: Model::default(),
            states: VecDeque::from([(0, Rc::default())]),
            schema: Schema::empty(),
            version,
            is_damaged: false,
            endangered: BTreeSet::new(),
        }
    }

    /// The last sequence number.
    pub(super) fn sequence(&self) -> u64 {
        self.commits.len() as u64
    }

    pub(super) fn is_saved(&self, tab: u64, transaction: TransactionId) -> bool {
        self.saved.contains(&(tab, transaction))
    }

    /// A tab holds this record under this number.
    pub(super) fn check_seen(&self, tab: u64, sequence: u64, commit: CommitId) {
        let known = self.commits.get(sequence as usize - 1);
        assert!(known == Some(&commit), "[lost] tab {tab} holds {commit:?} as record {sequence}, which is {known:?}");
    }

    /// A record has entered the log. Returns false if its number was free again: a stray, which must not
    /// count for anybody.
    pub(super) fn append(&mut self, tab: u64, version: u64, sequence: u64, bytes: &[u8], carried: &[Carried]) -> bool {
        if sequence <= self.sequence() {
            return false;
        }
        assert!(sequence == self.sequence() + 1, "[lost] record {sequence} follows {}", self.sequence());
        let record = Record::decode(&Bytes::from(bytes));
        let record = record.unwrap_or_else(|error| panic!("[panic] record {sequence} is unreadable: {error:?}"));
        self.commits.push(record.commit);
        if let Some(schema) = &record.schema {
            self.schema = Schema::decode(schema).expect("[panic] a schema in the log is readable");
            // A step of an import is no version of the app.
            if carried.is_empty() {
                self.version = version;
            }
        }
        for one in carried {
            let is_new = self.saved.insert((tab, one.transaction));
            assert!(is_new, "[twice] {:?} of tab {tab} is saved a second time, in record {sequence}", one.transaction);
        }
        self.check_writes(sequence, &record, carried);
        true
    }

    /// A mutation that is in no record was told to be through: there must be a saved state, from record `began` on, in
    /// which it reads what it has read, and writes nothing.
    pub(super) fn check_told(&self, tab: u64, running: &Running) {
        let first = self.states.partition_point(|(sequence, _)| *sequence < running.began).saturating_sub(1);
        let mut states = self.states.iter().skip(first);
        let is_saved = states.any(|(_, state)| {
            let mut model = (**state).clone();
            let (inserts, answers) = (running.inserts(), running.answers());
            let mut replay = Replay { run: model.run(&inserts), answers: answers.iter() };
            let ended = replay.run(&running.program);
            ended.is_ok() && replay.run.written.values().all(|written| written.before == written.after)
        });
        let transaction = running.transaction;
        assert!(
            is_saved || self.states.front().is_some_and(|(sequence, _)| *sequence > running.began),
            "[early] {transaction:?} of tab {tab} is said to be saved and is not in the log, nor does it rest on what is: {:?} {:?}",
            running.program,
            running.answers()
        );
    }

    fn keep_state(&mut self, sequence: u64) {
        self.states.push_back((sequence, Rc::new(self.model.clone())));
        if self.states.len() > STATES {
            self.states.pop_front();
        }
    }

    /// A repair has come into force, and this is what is stored: nothing is lost but what was in damaged pages, and
    /// everything else is as it was.
    pub(super) fn repaired(&mut self, rows: &[(TableId, Place, Bytes)]) {
        let mut stored: BTreeMap<(TableId, RowId), Stored> = BTreeMap::new();
        for (table, place, document) in rows {
            let row = Stored { time: place.creation_time, fields: fields_of(document, &self.schema) };
            let before = stored.insert((*table, place.id), row);
            assert!(before.is_none(), "[twice] a repair has two rows of one id");
        }
        for (name, rows) in &mut self.model.tables {
            let table = table_of(&self.schema, name).expect("[final] a table that was written to is in the schema").id;
            rows.retain(|id, row| {
                let found = stored.remove(&(table, *id));
                assert!(
                    found.is_some() || self.endangered.contains(&(table, *id)),
                    "[lost] a repair has lost {id:?} of {name}, which was in no damaged page"
                );
                assert!(found.as_ref().is_none_or(|found| found == row), "[final] repaired {found:?}, not {row:?}");
                found.is_some()
            });
        }
        assert!(stored.is_empty(), "[final] a repair has made up {stored:?}");
        self.is_damaged = false;
        self.endangered.clear();
        self.keep_state(self.sequence());
    }

    /// Runs the programs on the model and compares what they read and write.
    fn check_writes(&mut self, sequence: u64, record: &Record, carried: &[Carried]) {
        let mut rows = record.rows();
        for one in carried {
            let mut replay = Replay { run: self.model.run(&one.inserts), answers: one.answers.iter() };
            let ended = replay.run(&one.program);
            let is_complete = replay.run.is_complete();
            let written = std::mem::take(&mut replay.run.written);
            let what = format!("record {sequence}, {:?}: {:?}", one.transaction, one.program);
            assert!(ended.is_ok() && is_complete, "[serializable] the model stops at {ended:?}: {what}");
            let mut expected: Vec<(TableId, RowId, Written)> = written
                .into_iter()
                .filter(|(_, written)| written.before != written.after)
                .map(|((name, id), written)| {
                    let table = table_of(&self.schema, name);
                    (table.expect("[serializable] a table that is not in the schema was written").id, id, written)
                })
                .collect();
            // The model doesn't know in which order the rows were written.
            expected.sort_by_key(|(table, id, _)| (*table, *id));
            let mut logged: Vec<&RowChange> = rows.by_ref().take(expected.len()).collect();
            logged.sort_by_key(|row| (row.table, row.place.id));
            let mut logged = logged.into_iter();
            for (table, id, written) in expected {
                let Some(row) = logged.next() else {
                    panic!("[serializable] the model writes {table:?} {id:?} {written:?}, the log nothing: {what}");
                };
                let (kind, stored) = match (&written.before, &written.after) {
                    (None, Some(after)) => (ChangeKind::Insert, after),
                    (Some(_), Some(after)) => (ChangeKind::Update, after),
                    (Some(before), None) => (ChangeKind::Delete, before),
                    (None, None) => unreachable!("filtered above"),
                };
                let is_same = row.kind == kind
                    && row.table == table
                    && row.place.id == id
                    && row.place.creation_time == stored.time
                    && (kind == ChangeKind::Delete || fields_of(&row.document, &self.schema) == stored.fields);
                let logged = if row.document.is_empty() { None } else { Some(fields_of(&row.document, &self.schema)) };
                assert!(
                    is_same,
                    "[serializable] the model writes {kind:?} {table:?} {id:?} {written:?}, the log {:?} {:?} {:?} {logged:?}: {what}",
                    row.kind, row.table, row.place
                );
            }
            self.keep_state(sequence);
        }
        if carried.is_empty() {
            self.keep_state(sequence);
        }
        if let Some(row) = rows.next() {
            panic!("[serializable] record {sequence} writes {row:?}, no program does");
        }
    }
}

/// The table that the model calls so.
fn table_of<'a>(schema: &'a Schema, name: &str) -> Option<&'a Table> {
    let (name, standing) = match name.strip_prefix("incoming ") {
        Some(name) => (name, Standing::Incoming),
        None => (name, Standing::Settled),
    };
    schema.tables().iter().find(|table| table.is(name, standing))
}

/// A program on the model, which must tell it what its tab told it.
struct Replay<'a> {
    run: ModelRun<'a>,
    answers: std::slice::Iter<'a, Answer>,
}

impl Replay<'_> {
    fn run(&mut self, program: &Program) -> Result<(), Stop> {
        program.run(self)
    }
}

impl Database for Replay<'_> {
    fn call(&mut self, call: Call) -> Result<Answer, Stop> {
        let answer = self.run.call(call.clone())?;
        match self.answers.next() {
            Some(told) if *told == answer => Ok(answer),
            told => {
                let (call, by_tab) = (Box::new(call), told.cloned().map(Box::new));
                Err(Stop::Told { call, by_tab, by_model: Box::new(answer) })
            }
        }
    }
}
