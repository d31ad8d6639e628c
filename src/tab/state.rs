//! One consistent state of the database, and the queue of mutations on top of the saved one.

use crate::bytes::Bytes;
use crate::change::{Operations, apply_record};
use crate::crdt::IS_BUILT_IN;
use crate::keyspace::{self, Root, TableId};
use crate::log::{ChangeKind, CommitId, Progress, Record, RowChange};
use crate::read_set::ReadSet;
use crate::schema::Schema;
use crate::store::{Entry, Op, View};
use crate::tab::TransactionId;
use crate::tab::merging::MergeDraft;
use crate::tab::notes::Note;
use crate::tab::synced::{Document, SyncedChange, home};
use std::rc::Rc;

/// What a reader sees: rows and entries, and the schema that they follow. Cloning it is O(1).
#[derive(Clone)]
pub(crate) struct State {
    pub(crate) view: View,
    pub(crate) schema: Rc<Schema>,
}

impl State {
    pub(crate) fn apply(&mut self, record: &Record) {
        apply_record(record, &mut self.view.overlay, &mut self.schema);
        self.apply_crdt(record);
    }

    /// Applies what a record says of CRDT documents.
    pub(crate) fn apply_crdt(&mut self, record: &Record) {
        if !IS_BUILT_IN {
            return;
        }
        for entry in &record.crdt {
            let op = entry.value.clone().map_or(Op::Delete, Op::Put);
            self.view.crdt.apply(&entry.key, op, entry.delta());
        }
    }

    /// Whether all rows of a table are known to have stamps, as far as what no checkpoint has taken in says so.
    pub(crate) fn has_adopted(&self, table: TableId) -> bool {
        matches!(self.view.crdt.get(&keyspace::adopted_key(table)), Some(Entry::Put(_)))
    }

    pub(crate) fn apply_rows(&mut self, rows: &[RowChange]) {
        let mut operations = Operations::default();
        for row in rows {
            operations.add_row(&self.schema, row);
        }
        operations.apply(&mut self.view.overlay);
    }
}

/// A record of the log beyond the checkpoint, kept to rebuild the overlay when the checkpoint moves.
pub(crate) struct TailRecord {
    pub(crate) sequence: u64,
    pub(crate) record: Record,
    pub(crate) bytes: usize,
    /// When this tab saved it or read it.
    pub(crate) learned_ms: f64,
}

/// What only Holdfast itself writes.
#[derive(Clone)]
pub(crate) enum System {
    /// Adopt this schema; the rows of these tables were checked against it.
    Schema(Rc<Schema>),
    /// A step of index maintenance.
    Progress(Progress),
}

/// Who waits for a queued change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Mutation(TransactionId),
    /// The opening of this database.
    Opening,
    /// Index maintenance of this tab.
    Maintenance,
}

/// A finished mutation that is not saved yet.
pub(crate) struct Pending {
    pub(crate) author: Author,
    pub(crate) changes: Rc<Vec<RowChange>>,
    pub(crate) reads: ReadSet,
    pub(crate) system: Option<System>,
    /// Those of the changed rows that are synced.
    pub(crate) synced: Vec<SyncedChange>,
    /// Tables all of whose rows have stamps with it.
    pub(crate) adopted: Vec<TableId>,
    /// What it saves of changes of others.
    pub(crate) merge: Option<MergeDraft>,
    /// What it writes down of itself.
    pub(crate) notes: Vec<Note>,
    /// Size of its part of the record, roughly.
    pub(crate) bytes: usize,
    /// The state after it.
    pub(crate) after: State,
}

impl Pending {
    /// Whether it writes nothing, and only waits for what it has read to be saved.
    pub(crate) fn is_idle(&self) -> bool {
        self.changes.is_empty() && self.system.is_none() && self.is_without_crdt()
    }

    /// Whether it writes nothing beside rows that are not synced.
    pub(crate) fn is_without_crdt(&self) -> bool {
        self.synced.is_empty() && self.adopted.is_empty() && self.merge.is_none() && self.notes.is_empty()
    }

    /// Whether all that it writes to documents are changes of rows.
    pub(crate) fn writes_rows_alone(&self) -> bool {
        self.system.is_none() && self.adopted.is_empty() && self.merge.is_none()
    }

    /// Whether it changes the CRDT document of a row.
    pub(crate) fn writes_to(&self, root: &Root) -> bool {
        let schema = &self.after.schema;
        let is_within = |change: &SyncedChange, document: &Option<Bytes>| {
            let table = schema.table_by_id(change.table);
            let found = table
                .zip(document.as_ref())
                .and_then(|(table, document)| home(schema, table, change.place.id, document));
            found.as_ref() == Some(root)
        };
        self.merge.as_ref().and_then(|merge| merge.document.as_ref()).is_some_and(|merged| merged.root == *root)
            || self.synced.iter().any(|change| is_within(change, &change.before) || is_within(change, &change.after))
    }

    /// Applies it to the state before it, and keeps what comes out.
    pub(crate) fn apply(&mut self, state: &mut State) {
        match &self.system {
            None => state.apply_rows(&self.changes),
            Some(_) => state.apply(&self.record(CommitId { session: 0, counter: 0 }, 0)),
        }
        self.after = state.clone();
    }

    /// What goes when it goes, with the schema in its place of the queue: behind the end of an import, the one before
    /// has no index for the rows.
    pub(crate) fn taken_back(&self) -> TakenBack {
        (self.changes.clone(), self.after.schema.clone())
    }

    /// Whether it does nothing but delete documents.
    pub(crate) fn is_deletion(&self) -> bool {
        self.system.is_none() && self.changes.iter().all(|change| change.kind == ChangeKind::Delete)
    }

    /// The record that holds it alone.
    pub(crate) fn record(&self, commit: CommitId, schema_version: u64) -> Record {
        let (schema, progress) = match &self.system {
            None => (None, None),
            Some(System::Schema(schema)) => (Some(Bytes::new(schema.encode())), None),
            Some(System::Progress(progress)) => (None, Some(progress.clone())),
        };
        let parts = if self.changes.is_empty() { Vec::new() } else { vec![self.changes.clone()] };
        Record { commit, schema_version, schema, progress, parts, crdt: Vec::new() }
    }
}

/// Changes that are taken back, and the schema that their keys follow.
pub(crate) type TakenBack = (Rc<Vec<RowChange>>, Rc<Schema>);

/// The append that is under way.
pub(crate) struct Flight {
    /// How many of the queue's first mutations it holds; none before a rebase has chosen them.
    pub(crate) count: usize,
    /// Whether it is a rebase that has found nothing to add. Its end has to come before the next append, of which its
    /// answer would be taken to speak.
    pub(crate) is_idle: bool,
    pub(crate) sequence: u64,
    pub(crate) record: Record,
    pub(crate) bytes: usize,
    pub(crate) started_ms: f64,
    /// The CRDT documents that it writes to, as they are when it is saved.
    pub(crate) documents: Vec<(Root, Document)>,
}

impl Flight {
    /// A rebase, before it has chosen what to add or when there is nothing.
    pub(crate) fn empty(started_ms: f64, is_idle: bool) -> Self {
        Flight { count: 0, is_idle, sequence: 0, record: Record::empty(), bytes: 0, started_ms, documents: Vec::new() }
    }
}

/// What changed from one version of the current state to the next.
pub(crate) struct HistoryEntry {
    /// The version that it made.
    pub(crate) version: u64,
    pub(crate) changes: Vec<Rc<Vec<RowChange>>>,
    pub(crate) schema: Rc<Schema>,
    /// Whether what changed is unknown or everything, as after a new schema.
    pub(crate) is_everything: bool,
}
