//! Live queries: results that follow what this tab's readers see.
//!
//! A change finds those that it touches by their ranges. The result of a plain range is mended at once, from what the
//! change says; what can't be mended is read again when the layer above asks what is new. So it is with all of them:
//! an event [`Event::LiveChanged`] says that some have news, [`Tab::next_live`] which, [`Tab::live_news`] what. Whoever
//! asks hears of the newest state, however many changes led there.

use super::effect::{Event, ReadId};
use super::read::{QueryRun, RowSink, RunStep, Source};
use super::{Tab, TransactionId};
use crate::change::fill_keys;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::flat_map::FlatMap;
use crate::keyspace::{self, TableId};
use crate::live::{Patch, RangeIndex, Window};
use crate::log::{ChangeKind, RowChange};
use crate::query::{self, Plan, Row as FilterRow};
use crate::read_set::KeyRange;
use crate::schema::{Index, IndexKeys, Schema};
use crate::value::Value;
use std::collections::VecDeque;
use std::rc::Rc;

/// Names a live query. None is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LiveId(pub u32);

/// What is new about a live query.
#[derive(Debug, PartialEq)]
pub enum LiveNews {
    /// Nothing, by now.
    Nothing,
    /// These steps lead from what was told before to what is.
    Patches(Vec<Patch>),
    /// Its rows were given to the sink.
    Rows {
        /// Whether they are the first ones, so that those given before are to be forgotten.
        is_first: bool,
        /// What follows.
        next: NextRows,
    },
    /// So many rows are counted.
    Count(u64),
    /// What the function has read was changed: run it again.
    Touched,
    /// It waits for pages or an index. There will be an event when there is more.
    Waiting,
}

/// What follows some rows of a live query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextRows {
    /// Nothing: these were the last.
    Nothing,
    /// There are more. Ask again at once.
    More,
    /// Pages have to be waited for. There will be an event when there is more.
    Later,
}

/// What a live query is about.
enum Subject {
    /// The rows of a query.
    Rows(Query, Window),
    /// How many they are; all of a range.
    Count(Query),
    /// Whatever a function has read.
    Function,
}

/// A query as it was given, and what it meant by the schema when it was last read.
struct Query {
    value: Value,
    plan: Option<Plan>,
}

/// How what was told stands to what is.
enum Standing {
    /// It is the same.
    Known,
    /// These lead from one to the other.
    Patched(Vec<Patch>),
    /// It has to be read.
    Unread,
    /// It is being read. What it was read of may be an older state by now; but nothing that it is about was changed
    /// since, else it would be read anew.
    Reading(Box<QueryRun>),
    /// It goes on when these pages are there, or is read then.
    Waiting(ReadId, Option<Box<QueryRun>>),
    /// It has to be read when an index is built.
    Building,
    /// It could not be read.
    Failed(Error),
}

struct Live {
    subject: Subject,
    standing: Standing,
    /// Whether the layer above is to ask for its news.
    is_told: bool,
}

/// Whose range it is: that of a live query, or where one has counted.
#[derive(Clone, Copy, PartialEq)]
struct Watcher {
    live: LiveId,
    is_count: bool,
}

/// All live queries of a tab.
#[derive(Default)]
pub(crate) struct LiveQueries {
    list: FlatMap<LiveId, Live>,
    next: u32,
    ranges: RangeIndex<Watcher>,
    news: VecDeque<LiveId>,
    is_announced: bool,
    keys: IndexKeys,
    hits: Vec<Hit>,
}

/// A range that a change touches, by the key from before or the one after it.
struct Hit {
    watcher: Watcher,
    before: bool,
    after: bool,
}

/// More steps than this are not worth taking one by one.
const PATCHES_MAX: usize = 256;

impl LiveQueries {
    fn add(&mut self, subject: Subject, standing: Standing) -> LiveId {
        self.next += 1;
        let id = LiveId(self.next);
        let is_told = matches!(standing, Standing::Unread);
        if is_told {
            self.news.push_back(id);
        }
        self.list.insert(id, Live { subject, standing, is_told });
        id
    }

    fn watch(&mut self, live: LiveId, range: KeyRange, is_count: bool) {
        self.ranges.insert(range, Watcher { live, is_count });
    }

    fn unwatch(&mut self, live: LiveId) {
        self.ranges.remove(|watcher| watcher.live == live);
    }

    /// The layer above shall ask for news of this one.
    fn tell(&mut self, id: LiveId) {
        if let Some(live) = self.list.get_mut(&id)
            && !std::mem::replace(&mut live.is_told, true)
        {
            self.news.push_back(id);
        }
    }

    /// Whatever this one has told may be wrong.
    fn lose(&mut self, id: LiveId) {
        if let Some(live) = self.list.get_mut(&id) {
            live.standing = Standing::Unread;
            self.tell(id);
        }
    }

    /// Whatever any has told may be wrong.
    pub(crate) fn lose_all(&mut self) {
        for id in self.ids(|_| true) {
            self.lose(id);
        }
    }

    /// Reads again what could not be read, now that there is another connection.
    pub(crate) fn read_failed_again(&mut self) {
        for id in self.ids(|standing| matches!(standing, Standing::Failed(_))) {
            self.lose(id);
        }
    }

    /// Whether one could not be read.
    pub(crate) fn has_failed(&self) -> bool {
        self.list.iter().any(|(_, live)| matches!(live.standing, Standing::Failed(_)))
    }

    fn ids(&self, is_meant: impl Fn(&Standing) -> bool) -> Vec<LiveId> {
        let meant = self.list.iter().filter(|(_, live)| is_meant(&live.standing));
        meant.map(|(id, _)| *id).collect()
    }

    fn waiting_for(&self, read: ReadId) -> Option<LiveId> {
        let is_meant = |standing: &Standing| matches!(standing, Standing::Waiting(awaited, _) if *awaited == read);
        self.list.iter().find(|(_, live)| is_meant(&live.standing)).map(|(id, _)| *id)
    }

    /// Takes in a change of a row.
    fn change(&mut self, change: &RowChange, schema: &Schema, names: &Schema, is_rollback: bool) {
        let place = &change.place;
        let row_key = keyspace::row_key(change.table, place);
        let id_key = keyspace::id_key(change.table, &place.id);
        let (was, is) = (change.kind != ChangeKind::Insert, change.kind != ChangeKind::Delete);
        for key in [&row_key[..], &id_key[..]] {
            self.move_key(was.then_some(key), is.then_some(key), change, names, is_rollback);
        }
        let Some(table) = schema.table_by_id(change.table) else { return };
        let is_watched = |index: &&Index| self.ranges.has_within(&keyspace::entry_prefix(index.id));
        let watched: Vec<&Index> = table.indexes().iter().filter(is_watched).collect();
        if watched.is_empty() {
            return;
        }
        let mut keys = std::mem::take(&mut self.keys);
        keys.clear();
        if is {
            fill_keys(&mut keys, schema, table, &change.document, place);
        }
        let mut old = Vec::new();
        for index in watched {
            let new = crate::change::key_of(&keys, index.id);
            let before = match change.old_keys.iter().find(|old| old.index == index.id) {
                Some(fields) => {
                    old.clear();
                    old.extend_from_slice(&keyspace::entry_prefix(index.id));
                    old.extend_from_slice(&fields.fields);
                    keyspace::push_place(&mut old, place);
                    Some(old.as_slice())
                }
                None => new.filter(|_| was),
            };
            self.move_key(before, new, change, names, is_rollback);
        }
        self.keys = keys;
    }

    /// A row's key is another one: tells whose ranges hold either.
    fn move_key(
        &mut self,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
        change: &RowChange,
        names: &Schema,
        is_rollback: bool,
    ) {
        let mut hits = std::mem::take(&mut self.hits);
        if let Some(key) = before {
            let both = after == before;
            self.ranges.holding(key, |watcher| hits.push(Hit { watcher, before: true, after: both }));
        }
        if let Some(key) = after.filter(|_| after != before) {
            let found_before = hits.len();
            self.ranges.holding(key, |watcher| {
                match hits[..found_before].iter_mut().find(|hit| hit.watcher == watcher) {
                    Some(hit) => hit.after = true,
                    None => hits.push(Hit { watcher, before: false, after: true }),
                }
            });
        }
        for hit in hits.drain(..) {
            let is_same = before == after && hit.before && hit.after;
            if hit.watcher.is_count && is_same && !is_rollback {
                // The key stays, and its content is nothing to who counts.
                continue;
            }
            let moved = (before.filter(|_| hit.before), after.filter(|_| hit.after));
            self.touch(hit.watcher.live, moved, change, names, is_rollback);
        }
        self.hits = hits;
    }

    fn touch(
        &mut self,
        id: LiveId,
        (before, after): (Option<&[u8]>, Option<&[u8]>),
        change: &RowChange,
        names: &Schema,
        is_rollback: bool,
    ) {
        let Some(live) = self.list.get_mut(&id) else { return };
        let is_in_step = matches!(live.standing, Standing::Known | Standing::Patched(_));
        // What a row is after it was rolled back, its change doesn't say.
        if is_in_step && !is_rollback {
            let is_mended = match &mut live.subject {
                Subject::Rows(query, window) => {
                    let patches = match &mut live.standing {
                        Standing::Patched(patches) => patches,
                        standing => {
                            *standing = Standing::Patched(Vec::new());
                            let Standing::Patched(patches) = standing else { return };
                            patches
                        }
                    };
                    let after = match (&query.plan, after) {
                        (Some(plan), Some(key)) => passes(plan, names, change).map(|passes| passes.then_some(key)),
                        _ => Ok(None),
                    };
                    after.is_ok_and(|after| {
                        let after = after.map(|key| (key, change.place, &change.document));
                        window.change(before, after, patches) && patches.len() <= PATCHES_MAX
                    })
                }
                Subject::Count(_) | Subject::Function => false,
            };
            if is_mended {
                // A row that comes and goes outside of what is held is no news.
                match &live.standing {
                    Standing::Patched(patches) if patches.is_empty() => live.standing = Standing::Known,
                    _ => self.tell(id),
                }
                return;
            }
        }
        match &mut live.standing {
            // Who waits for pages reads all of it when they are there.
            Standing::Waiting(_, run) => *run = None,
            Standing::Building => {}
            _ => self.lose(id),
        }
    }
}

impl Query {
    fn new(value: Value) -> Self {
        Query { value, plan: None }
    }
}

/// Whether the row of a change, as it is then, passes the filters of a plan.
fn passes(plan: &Plan, names: &Schema, change: &RowChange) -> Result<bool> {
    if plan.filters.is_empty() {
        return Ok(true);
    }
    let number = names.table_by_id(plan.table).map_or(0, |table| table.number);
    plan.matches(&FilterRow::new(Document::new(&change.document), &names.names, number, change.place))
}

impl Tab {
    /// Watches the rows of a query, given in the form in which it crosses the line. Ask for its news at once: that is
    /// its first result.
    pub fn watch_rows(&mut self, query: Value) -> LiveId {
        self.live.add(Subject::Rows(Query::new(query), Window::new(false, None)), Standing::Unread)
    }

    /// Watches how many rows a query has that has no filter and no limit.
    pub fn watch_count(&mut self, query: Value) -> LiveId {
        self.live.add(Subject::Count(Query::new(query)), Standing::Unread)
    }

    /// Watches what a function reads, as [`Tab::note_run`] tells from run to run.
    pub fn watch_function(&mut self) -> LiveId {
        self.live.add(Subject::Function, Standing::Known)
    }

    /// Remembers what happens from here on, so that it can be told whether that touches what a transaction reads. To be
    /// called right after its beginning.
    pub fn watch_run(&mut self, transaction: TransactionId) {
        if let Some(transaction) = self.transactions.get_mut(transaction) {
            transaction.is_watched = true;
        }
    }

    /// A watched function has run in this transaction, which has not ended: what it read is what is watched from here
    /// on. If that was changed meanwhile, this is news already.
    pub fn note_run(&mut self, id: LiveId, transaction: TransactionId) -> Result<()> {
        let transaction = self.transaction(transaction)?;
        let version = transaction.version;
        let mut reads = std::mem::take(&mut transaction.reads);
        reads.finish();
        let is_touched = self.is_touched_since(version, &reads);
        let Some(live) = self.live.list.get_mut(&id) else { return Ok(()) };
        live.standing = Standing::Known;
        self.live.unwatch(id);
        for (range, is_count) in reads.into_ranges() {
            self.live.watch(id, range, is_count);
        }
        if is_touched {
            self.live.lose(id);
            self.announce_live();
        }
        Ok(())
    }

    /// Ends the watching.
    pub fn unwatch(&mut self, id: LiveId) {
        if self.live.list.remove(&id).is_some() {
            self.live.unwatch(id);
            self.live.ranges.settle();
        }
    }

    /// The fields that a query selects; all, if there are none.
    pub fn live_fields(&self, id: LiveId) -> Option<Vec<String>> {
        match &self.live.list.get(&id)?.subject {
            Subject::Rows(query, _) => query::selection(&query.value),
            _ => None,
        }
    }

    /// The table of a query that was read.
    pub fn live_table(&self, id: LiveId) -> TableId {
        match self.live.list.get(&id).map(|live| &live.subject) {
            Some(Subject::Rows(Query { plan: Some(plan), .. }, _)) => plan.table,
            _ => TableId(0),
        }
    }

    /// The next live query with news.
    pub fn next_live(&mut self) -> Option<LiveId> {
        while let Some(id) = self.live.news.pop_front() {
            if let Some(live) = self.live.list.get_mut(&id) {
                live.is_told = false;
                return Some(id);
            }
        }
        self.live.is_announced = false;
        None
    }

    /// What is new about a live query. Rows that have to be read go to the sink.
    pub fn live_news(&mut self, id: LiveId, sink: &mut dyn RowSink) -> Result<LiveNews> {
        self.check_open()?;
        self.show_writes();
        let Some(live) = self.live.list.get_mut(&id) else { return Ok(LiveNews::Nothing) };
        match std::mem::replace(&mut live.standing, Standing::Known) {
            Standing::Known => Ok(LiveNews::Nothing),
            Standing::Patched(patches) => Ok(LiveNews::Patches(patches)),
            standing @ (Standing::Waiting(..) | Standing::Building) => {
                live.standing = standing;
                Ok(LiveNews::Waiting)
            }
            Standing::Failed(error) => {
                live.standing = Standing::Failed(error.clone());
                Err(error)
            }
            standing => {
                let read = match standing {
                    Standing::Reading(run) => self.go_on_reading(id, run, false, sink),
                    _ => self.read_live(id, sink),
                };
                if let (Err(error), Some(live)) = (&read, self.live.list.get_mut(&id)) {
                    live.standing = Standing::Failed(error.clone());
                }
                read
            }
        }
    }

    /// Reads one from the beginning.
    fn read_live(&mut self, id: LiveId, sink: &mut dyn RowSink) -> Result<LiveNews> {
        let query = match self.live.list.get_mut(&id).map(|live| &mut live.subject) {
            None => return Ok(LiveNews::Nothing),
            Some(Subject::Function) => return Ok(LiveNews::Touched),
            Some(Subject::Rows(query, _) | Subject::Count(query)) => query,
        };
        let value = std::mem::replace(&mut query.value, Value::Null);
        // One that is kept, for later changes, and one for this read. The schema may be another one than the last time.
        let plans = self.plan(Source::Current, &value).and_then(|plan| Ok((plan, self.plan(Source::Current, &value)?)));
        self.live.unwatch(id);
        let Some(live) = self.live.list.get_mut(&id) else { return Ok(LiveNews::Nothing) };
        let (Subject::Rows(query, _) | Subject::Count(query)) = &mut live.subject else {
            return Ok(LiveNews::Nothing);
        };
        query.value = value;
        let (mut plan, kept) = plans?;
        let range = KeyRange { start: plan.start.clone(), end: plan.end.clone() };
        query.plan = Some(kept);
        let Subject::Rows(_, window) = &mut live.subject else {
            self.live.watch(id, range, true);
            self.live.ranges.settle();
            return Ok(match self.count(Source::Current, &plan)? {
                Ok(count) => LiveNews::Count(count),
                Err(step) => self.hold_up(id, step, None),
            });
        };
        *window = Window::new(plan.descending, plan.limit);
        plan.limit = window.wanted();
        self.live.watch(id, range, false);
        // A write that comes next shall find it ready.
        self.live.ranges.settle();
        let mut run = self.start_query(Source::Current, plan)?;
        run.keep_entries();
        self.go_on_reading(id, Box::new(run), true, sink)
    }

    fn go_on_reading(
        &mut self,
        id: LiveId,
        mut run: Box<QueryRun>,
        is_first: bool,
        sink: &mut dyn RowSink,
    ) -> Result<LiveNews> {
        let step = self.step_query(&mut run, sink)?;
        if let RunStep::Missing(_) | RunStep::Building(_) | RunStep::Stale = step {
            self.hold_up(id, step, Some(run));
            return Ok(LiveNews::Rows { is_first, next: NextRows::Later });
        }
        let Some(live) = self.live.list.get_mut(&id) else { return Ok(LiveNews::Nothing) };
        match step {
            RunStep::Paused => {
                live.standing = Standing::Reading(run);
                Ok(LiveNews::Rows { is_first, next: NextRows::More })
            }
            _ => {
                if let Subject::Rows(_, window) = &mut live.subject {
                    let is_whole = run.is_exhausted();
                    window.fill(run.take_entries(), is_whole);
                }
                Ok(LiveNews::Rows { is_first, next: NextRows::Nothing })
            }
        }
    }

    /// It can't be read to its end at once. What was given so far is part of what will be.
    fn hold_up(&mut self, id: LiveId, step: RunStep, run: Option<Box<QueryRun>>) -> LiveNews {
        let standing = match step {
            RunStep::Missing(pages) => Standing::Waiting(self.load(pages), run),
            RunStep::Building(_) => Standing::Building,
            // Its state is gone; the one that there is now has been read by nobody.
            RunStep::Stale | RunStep::Done | RunStep::Paused => Standing::Unread,
        };
        let is_unread = matches!(standing, Standing::Unread);
        if let Some(live) = self.live.list.get_mut(&id) {
            live.standing = standing;
        }
        if is_unread {
            self.live.tell(id);
            self.announce_live();
        }
        LiveNews::Waiting
    }

    /// Pages are there. Whether it was a live query that waits for them.
    pub(crate) fn live_pages_loaded(&mut self, read: ReadId) -> bool {
        let Some(id) = self.live.waiting_for(read) else { return false };
        if let Some(live) = self.live.list.get_mut(&id) {
            live.standing = match std::mem::replace(&mut live.standing, Standing::Unread) {
                Standing::Waiting(_, Some(run)) => Standing::Reading(run),
                _ => Standing::Unread,
            };
        }
        self.live.tell(id);
        self.announce_live();
        true
    }

    /// Pages don't come.
    pub(crate) fn live_load_failed(&mut self, read: ReadId, error: &Error) -> bool {
        let Some(id) = self.live.waiting_for(read) else { return false };
        if let Some(live) = self.live.list.get_mut(&id) {
            live.standing = Standing::Failed(error.clone());
        }
        self.live.tell(id);
        self.announce_live();
        true
    }

    /// Takes in what this tab's readers see differently from now on.
    pub(crate) fn tell_live(
        &mut self,
        changes: &[Rc<Vec<RowChange>>],
        schema: &Schema,
        is_everything: bool,
        is_rollback: bool,
    ) {
        if self.live.list.is_empty() {
            return;
        }
        if is_everything {
            self.live.lose_all();
        } else {
            let names = self.current.schema.clone();
            for change in changes.iter().flat_map(|part| part.iter()) {
                self.live.change(change, schema, &names, is_rollback);
            }
        }
        self.announce_live();
    }

    /// An index may be ready, or is known never to be.
    pub(crate) fn read_built(&mut self) {
        for id in self.live.ids(|standing| matches!(standing, Standing::Building)) {
            self.live.lose(id);
        }
        self.announce_live();
    }

    /// Says once that there is news.
    pub(crate) fn announce_live(&mut self) {
        if !self.live.news.is_empty() && !std::mem::replace(&mut self.live.is_announced, true) {
            self.events.push_back(Event::LiveChanged);
        }
    }
}
