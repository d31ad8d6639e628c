//! How far a query has come.

use super::Source;
use crate::bytes::Bytes;
use crate::error::{Code, Error};
use crate::keyspace::Place;
use crate::live::Entry;
use crate::query::{Plan, Source as PlanSource, SplitKeys};
use crate::schema::Schema;
use crate::store::Scan;
use crate::tab::state::State;
use std::rc::Rc;

/// A query that is being answered, on one state from beginning to end.
pub struct QueryRun {
    pub(super) source: Source,
    pub(super) plan: Plan,
    pub(super) state: State,
    /// The version of the current state that it reads, if it does.
    pub(super) version: u64,
    pub(super) scan: Scan,
    /// Index entries read whose rows are not given yet, oldest first from `next`.
    pub(super) places: Vec<(Place, Option<Bytes>)>,
    pub(super) next: usize,
    pub(super) is_scanned: bool,
    pub(super) given: usize,
    /// How many rows may still be looked at, and below how many of them that is close to the limit.
    pub(super) most_read: usize,
    pub(super) near_limit: usize,
    /// Whether the keys of entries are kept until they are given.
    pub(super) keeps_keys: bool,
    /// Keys of `places`, if they are kept.
    pub(super) keys: Vec<Vec<u8>>,
    /// All that were given, if they are kept.
    pub(super) given_entries: Option<Vec<Entry>>,
    /// Key of the last entry given, for a cursor.
    pub(super) last_key: Vec<u8>,
    /// Keys of entries left behind, to find the middle.
    pub(super) split_keys: SplitKeys,
    /// Where the run began to read in key order; what it consumed lies between this and `last`.
    pub(super) last_scanned: Vec<u8>,
}

impl QueryRun {
    /// The plan that it follows.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The version of the current state that it reads; of no use for a transaction's.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Remembers the keys of what it gives, for a page cursor. To be called before the first step.
    pub fn keep_keys(&mut self) {
        self.keeps_keys = true;
    }

    /// Remembers what it gives, with its keys. To be called before the first step.
    pub(crate) fn keep_entries(&mut self) {
        self.keeps_keys = true;
        self.given_entries = Some(Vec::new());
    }

    /// What it has given, if that is kept.
    pub(crate) fn take_entries(&mut self) -> Vec<Entry> {
        self.given_entries.take().unwrap_or_default()
    }

    /// The key of the last row given, if keys are kept.
    pub fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Ends it after so many rows were looked at, whether they match or not.
    pub fn read_at_most(&mut self, rows: usize) {
        self.most_read = rows;
        self.near_limit = rows.div_ceil(4);
    }

    /// Goes on after so many rows, and only tells that they were many.
    pub fn read_about(&mut self, rows: usize) {
        self.near_limit = usize::MAX - rows + rows.div_ceil(4);
    }

    /// Whether more than three quarters of them were.
    pub fn is_near_limit(&self) -> bool {
        self.most_read < self.near_limit
    }

    /// The key of a row looked at with about as many before it as behind it, if keys are kept.
    pub fn middle_key(&self) -> Option<&[u8]> {
        self.split_keys.middle()
    }

    /// Whether that is why it has ended.
    pub fn is_cut_short(&self) -> bool {
        self.most_read == 0 && self.next == self.places.len() && !self.is_scanned && self.wanted() > 0
    }

    /// The key of the last row looked at.
    pub fn last_scanned(&self) -> &[u8] {
        &self.last_scanned
    }

    /// Whether the range has no rows after the last one given.
    pub fn is_exhausted(&self) -> bool {
        self.is_scanned && self.next == self.places.len()
    }

    /// The schema of the state that it reads.
    pub fn schema(&self) -> &Rc<Schema> {
        &self.state.schema
    }

    pub(super) fn wanted(&self) -> usize {
        self.plan.limit.map_or(usize::MAX, |limit| limit - self.given)
    }

    /// The error of an entry that can't be followed to its document.
    pub(super) fn damaged_entry(&self, problem: &str) -> Error {
        let schema = &self.state.schema;
        let table = schema.table_by_id(self.plan.table).map_or("?", |table| &table.name);
        let index = match self.plan.source {
            PlanSource::ByCreationTime => "by_creation_time",
            PlanSource::ById => "by_id",
            PlanSource::Index(id) => schema.index_by_id(id).map_or("?", |(_, index)| &index.name),
        };
        let message = format!("An entry of index \"{table}.{index}\" {problem}; `db.verify()` tells more.");
        Error::new(Code::Corrupt, message)
    }

    /// Leaves an entry behind, whether its row is given or not: a page that gives nothing can be cut in two as well.
    pub(super) fn pass(&mut self, position: usize) {
        self.next = position + 1;
        if let Some(key) = self.keys.get(position).filter(|_| self.given_entries.is_none()) {
            self.split_keys.note(key);
        }
    }

    pub(super) fn advance(&mut self, position: usize) {
        self.pass(position);
        self.given += 1;
        let Some(key) = self.keys.get_mut(position) else { return };
        let key = std::mem::take(key);
        match &mut self.given_entries {
            Some(entries) => entries.push(Entry { key, place: self.places[position].0 }),
            None => self.last_key = key,
        }
    }
}
