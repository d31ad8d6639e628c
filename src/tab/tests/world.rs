//! Tabs over a store in memory that answers at once.

use crate::document;
use crate::error::Result;
use crate::keyspace::{Place, RowId, TableId};
use crate::query;
use crate::schema::{SchemaDefinition, WantedSchema};
use crate::storage::MemoryStorage;
use crate::tab::{
    Effect, Event, Finished, Input, Options, QueryRun, RowSink, RunStep, Source, Tab, TransactionId, VerifyReport,
    VerifyStep,
};
use crate::value::Value;

pub(super) type Fails = Box<dyn FnMut(&Effect) -> Option<Input>>;

/// Chooses effects.
pub(super) type Filter = fn(&Effect) -> bool;

/// Tabs over one store, every effect performed as soon as it is asked for.
pub(super) struct World {
    pub(super) storage: MemoryStorage,
    pub(super) tabs: Vec<Tab>,
    pub(super) now_ms: f64,
    /// The clock that nobody sets.
    pub(super) steady_ms: f64,
    /// A tab that hears no announcements.
    pub(super) is_deaf: Option<usize>,
    pub(super) events: Vec<Vec<Event>>,
    /// Pauses that were asked for.
    pub(super) pauses: Vec<f64>,
    /// When the last of them ends, by tab.
    pub(super) alarms: Vec<Option<f64>>,
    /// Whether nothing can be deleted.
    pub(super) trims_fail: bool,
    /// What goes wrong: the answer to an effect that the store does not get to see.
    pub(super) fails: Fails,
    /// Every effect that was asked for.
    pub(super) asked: Vec<Effect>,
    /// Whether nobody hears what others announce.
    pub(super) is_silent: bool,
    /// What is held up, and the effects that were asked for and are.
    pub(super) held: Option<(Filter, Vec<(usize, Effect)>)>,
    pub(super) lock: Option<usize>,
    lock_queue: Vec<usize>,
    /// What happens to a tab at one of its next effects.
    pub(super) mishap: Option<Mishap>,
    /// The tab in whose name things are done now: they don't go on without it.
    pub(super) acting: Option<usize>,
    /// Tabs that were killed.
    pub(super) killed: Vec<usize>,
    /// What the seeds of tabs begin with: those of two worlds must not be the same.
    pub(super) number: u8,
}

/// What happens to a tab when it has asked for so many effects more.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mishap {
    pub(super) tab: usize,
    pub(super) after_effects: u64,
    pub(super) what: What,
    /// Whether the store has done what it was asked for.
    pub(super) is_done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// The tab is killed.
    Killed,
    /// The answer is lost, if it is one about a commit, together with the connection.
    AnswerLost,
}

/// What unwinds the work of a tab that is killed.
pub(super) struct Killed;

pub(super) fn object(fields: &[(&str, Value)]) -> Value {
    Value::Object(fields.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect())
}

pub(super) fn string(text: &str) -> Value {
    Value::from(text)
}

/// `items: { k: string, n: number, g?: number }` with indexes by k and by g and n.
pub(super) fn definition(indexes: &[(&str, &[&str])]) -> SchemaDefinition {
    SchemaDefinition::from_value(&exported(indexes)).expect("a schema")
}

pub(super) fn exported(indexes: &[(&str, &[&str])]) -> Value {
    exported_with(indexes, true)
}

/// The same, where every item needs a `g`.
pub(super) fn narrow() -> SchemaDefinition {
    SchemaDefinition::from_value(&exported_with(INDEXES, false)).expect("a schema")
}

fn exported_with(indexes: &[(&str, &[&str])], may_lack_g: bool) -> Value {
    let field = |kind: &str, optional: bool| {
        object(&[("fieldType", object(&[("type", string(kind))])), ("optional", Value::from(optional))])
    };
    let fields =
        object(&[("k", field("string", false)), ("n", field("number", false)), ("g", field("number", may_lack_g))]);
    let indexes = indexes.iter().map(|(name, fields)| {
        let fields: Vec<Value> = fields.iter().map(|field| string(field)).collect();
        object(&[("indexDescriptor", string(name)), ("fields", Value::from(fields))])
    });
    let table = object(&[
        ("tableName", string("items")),
        ("indexes", Value::from(indexes.collect::<Vec<_>>())),
        ("documentType", object(&[("type", string("object")), ("value", fields)])),
    ]);
    object(&[("tables", Value::from(vec![table])), ("schemaValidation", Value::from(true))])
}

pub(super) const INDEXES: &[(&str, &[&str])] = &[("by_k", &["k"]), ("by_g_n", &["g", "n"])];

/// Collects rows as values.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) rows: Vec<(Place, Vec<u8>)>,
}

impl RowSink for Collected {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        false
    }
    fn row(&mut self, _: TableId, place: &Place, document: &[u8]) -> Result<()> {
        self.rows.push((*place, document.to_vec()));
        Ok(())
    }
    fn is_full(&self) -> bool {
        false
    }
}

/// All of an index, ascending.
pub(super) fn all_of(tab: &Tab, index: &str) -> query::Plan {
    plan_of(tab, index, false, None)
}

/// An index from one of its ends, as far as the limit.
pub(super) fn plan_of(tab: &Tab, index: &str, is_descending: bool, limit: Option<usize>) -> query::Plan {
    let source = object(&[
        ("type", string("IndexRange")),
        ("indexName", string(&format!("items.{index}"))),
        ("range", Value::from(Vec::new())),
        ("order", string(if is_descending { "desc" } else { "asc" })),
    ]);
    let limit = limit.map(|limit| object(&[("limit", Value::from(limit as f64))]));
    let query = object(&[("source", source), ("operators", Value::from(limit.into_iter().collect::<Vec<_>>()))]);
    query::plan(tab.schema(), &query).expect("a plan")
}

impl World {
    pub(super) fn new() -> Self {
        World {
            storage: MemoryStorage::default(),
            tabs: Vec::new(),
            now_ms: 1_800_000_000_000.0,
            steady_ms: 0.0,
            is_deaf: None,
            events: Vec::new(),
            pauses: Vec::new(),
            alarms: Vec::new(),
            trims_fail: false,
            fails: Box::new(|_| None),
            asked: Vec::new(),
            is_silent: false,
            held: None,
            lock: None,
            lock_queue: Vec::new(),
            mishap: None,
            acting: None,
            killed: Vec::new(),
            number: 0,
        }
    }

    pub(super) fn open(&mut self, options: Options, wanted: impl Into<WantedSchema>) -> usize {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&(self.tabs.len() as u16).to_le_bytes());
        seed[2] ^= self.number;
        self.tabs.push(Tab::new(options, wanted, seed));
        self.events.push(Vec::new());
        self.tick(self.tabs.len() - 1);
        self.alarms.push(None);
        self.settle();
        self.tabs.len() - 1
    }

    /// Performs effects until nothing is asked for any more.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut is_quiet = true;
            for index in 0..self.tabs.len() {
                for effect in self.tabs[index].take_effects() {
                    is_quiet = false;
                    match self.meets_mishap(index, &effect) {
                        None => self.perform(index, effect),
                        Some(What::AnswerLost) => {}
                        Some(What::Killed) => break,
                    }
                }
                while let Some(event) = self.tabs[index].next_event() {
                    self.events[index].push(event);
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("busy without end");
    }

    /// Lets happen to a tab at this effect what is to happen, if it is time. The effect has been dealt with then.
    fn meets_mishap(&mut self, index: usize, effect: &Effect) -> Option<What> {
        let mishap = self.mishap.as_mut().filter(|mishap| mishap.tab == index)?;
        let is_commit = matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
        if mishap.what == What::AnswerLost && !is_commit {
            return None;
        }
        if mishap.after_effects > 0 {
            mishap.after_effects -= 1;
            return None;
        }
        let Mishap { what, is_done, .. } = self.mishap.take().expect("it is there");
        match what {
            What::Killed => {
                if is_done {
                    self.perform(index, effect.clone());
                }
                self.kill(index);
                if self.acting == Some(index) {
                    // Without the message of a panic.
                    std::panic::resume_unwind(Box::new(Killed));
                }
            }
            What::AnswerLost => {
                let now = self.now_ms;
                match effect {
                    Effect::Append { sequence, record } if is_done => {
                        self.storage.append(*sequence, record.clone());
                    }
                    Effect::Rebase { generation, after } if is_done => {
                        let tail = self.storage.read_log(*generation, *after, false);
                        if let Some((sequence, record)) = self.tabs[index].rebase(now, tail) {
                            assert!(self.storage.append(sequence, record), "a rebase always finds its number free");
                        }
                    }
                    _ => {}
                }
                self.tabs[index].handle(now, Input::OutcomeUnknown);
            }
        }
        Some(what)
    }

    /// Ends a tab as the browser does it: nothing is asked for any more, and its lock is free.
    pub(super) fn kill(&mut self, index: usize) {
        self.tabs[index].close();
        self.tabs[index].take_effects();
        while self.tabs[index].next_event().is_some() {}
        self.events[index].clear();
        self.alarms[index] = None;
        self.killed.push(index);
        self.lock_queue.retain(|&waiting| waiting != index);
        if self.lock == Some(index) {
            self.lock = self.lock_queue.pop();
            if let Some(next) = self.lock {
                self.tabs[next].handle(self.now_ms, Input::LockGranted);
            }
        }
    }

    pub(super) fn perform(&mut self, index: usize, effect: Effect) {
        let now = self.now_ms;
        if let Some((is_held, held)) = &mut self.held
            && is_held(&effect)
        {
            held.push((index, effect));
            return;
        }
        self.asked.push(effect.clone());
        if let Some(input) = (self.fails)(&effect) {
            self.tabs[index].handle(now, input);
            return;
        }
        let input = match effect {
            Effect::Load { read, generation, pages } => {
                let (pages, newer_manifest) = self.storage.load(generation, &pages);
                Input::PagesLoaded { read, pages, newer_manifest }
            }
            Effect::ReadLog { generation, after, from_manifest } => {
                Input::LogRead(self.storage.read_log(generation, after, from_manifest))
            }
            Effect::Append { sequence, record } => {
                if self.storage.append(sequence, record) {
                    Input::Appended
                } else {
                    Input::AppendConflict
                }
            }
            Effect::Rebase { generation, after } => {
                let tail = self.storage.read_log(generation, after, false);
                match self.tabs[index].rebase(now, tail) {
                    None => Input::RebasedToNothing,
                    Some((sequence, record)) => {
                        assert!(self.storage.append(sequence, record), "a rebase always finds its number free");
                        Input::Appended
                    }
                }
            }
            Effect::Lock { steal } => {
                if let Some(holder) = self.lock.filter(|&holder| holder != index) {
                    if !steal {
                        self.lock_queue.push(index);
                        return;
                    }
                    if let Some(robbed) = self.tabs.get_mut(holder) {
                        robbed.handle(now, Input::LockLost);
                    }
                }
                self.lock = Some(index);
                Input::LockGranted
            }
            Effect::Unlock => {
                self.lock_queue.retain(|&waiting| waiting != index);
                if self.lock != Some(index) {
                    return;
                }
                self.lock = self.lock_queue.pop();
                if let Some(next) = self.lock {
                    self.tabs[next].handle(now, Input::LockGranted);
                }
                return;
            }
            Effect::ReserveAttempt { after } => Input::AttemptReserved { attempt: self.storage.reserve_attempt(after) },
            Effect::WritePages { pages } => {
                self.storage.write_pages(pages);
                Input::PagesWritten
            }
            Effect::InspectLog { read } => Input::LogInspected { read, tail: self.storage.read_log(0, 0, true) },
            Effect::Publish { generation, manifest, fence } => {
                if self.storage.publish(generation, manifest, fence) {
                    Input::Published
                } else {
                    Input::PublishConflict
                }
            }
            Effect::Trim { log_upto, manifests_below, pages } => {
                if self.trims_fail {
                    Input::Trimmed { is_complete: false }
                } else {
                    self.storage.trim(log_upto, manifests_below, &pages);
                    Input::Trimmed { is_complete: true }
                }
            }
            Effect::WakeAfter { milliseconds } => {
                self.pauses.push(milliseconds);
                self.alarms[index] = Some(now + milliseconds);
                return;
            }
            Effect::Reopen => Input::Reopened,
            Effect::Announce(announcement) => {
                for other in 0..self.tabs.len() {
                    if other != index && self.is_deaf != Some(other) && !self.is_silent {
                        self.tabs[other].handle(now, Input::Announced(announcement));
                    }
                }
                return;
            }
        };
        self.tabs[index].handle(now, input);
    }

    /// Lets what was held up happen.
    pub(super) fn release(&mut self) {
        for (index, effect) in self.held.take().expect("something is held up").1 {
            self.perform(index, effect);
        }
        self.settle();
    }

    /// Lets time pass; tabs wake up when they have asked for it.
    pub(super) fn run_for(&mut self, milliseconds: f64) {
        let until = self.now_ms + milliseconds;
        for _ in 0..10_000 {
            let next = (0..self.tabs.len()).filter_map(|tab| Some((self.alarms[tab]?, tab)));
            let next = next.filter(|(at, _)| *at <= until).min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((at, tab)) = next else {
                self.now_ms = until;
                return;
            };
            self.now_ms = self.now_ms.max(at);
            self.alarms[tab] = None;
            let now = self.now_ms;
            self.tabs[tab].handle(now, Input::Wake);
            self.settle();
        }
        panic!("awake without end");
    }

    /// Lets time pass; every tab wakes up.
    pub(super) fn pass(&mut self, milliseconds: f64) {
        self.sleep(milliseconds);
        for index in 0..self.tabs.len() {
            self.tick(index);
            self.tabs[index].handle(self.now_ms, Input::Wake);
        }
        self.settle();
    }

    pub(super) fn sleep(&mut self, milliseconds: f64) {
        self.now_ms += milliseconds;
        self.steady_ms += milliseconds;
    }

    pub(super) fn wake(&mut self, tab: usize) {
        self.tick(tab);
        self.tabs[tab].handle(self.now_ms, Input::Wake);
        self.settle();
    }

    pub(super) fn tick(&mut self, tab: usize) {
        self.tabs[tab].tick(self.now_ms, self.steady_ms);
    }

    pub(super) fn insert(&mut self, tab: usize, k: &str, n: f64, g: Option<f64>) -> TransactionId {
        self.tick(tab);
        let id = self.tabs[tab].begin(self.now_ms, false).expect("open");
        self.put(tab, id, k, n, g);
        assert_eq!(self.tabs[tab].finish(self.now_ms, id), Ok(Finished::Queued));
        id
    }

    /// Inserts an item in a transaction.
    pub(super) fn put(&mut self, tab: usize, transaction: TransactionId, k: &str, n: f64, g: Option<f64>) -> RowId {
        let mut fields = vec![("k", string(k)), ("n", Value::from(n))];
        fields.extend(g.map(|g| ("g", Value::from(g))));
        let mut bytes = document::encode(&object(&fields), &self.tabs[tab].schema().names);
        self.tabs[tab].insert(transaction, "items", None, &mut bytes).expect("inserted")
    }

    /// Changes an item in a transaction.
    pub(super) fn patch(&mut self, tab: usize, transaction: TransactionId, row: RowId, n: f64) {
        let schema = self.tabs[tab].schema().clone();
        let table = schema.table("items").expect("the table");
        let changes = [("n".to_string(), Some(Value::from(n)))].into_iter().collect();
        let mut bytes = document::encode_patch(&changes, &schema.names);
        let text = crate::id::encode(table.number, &row);
        self.tabs[tab].patch(transaction, table.id, row, &text, &mut bytes).expect("patched");
    }

    /// Goes on with a query, with whatever pages it lacks.
    pub(super) fn step_query(&mut self, tab: usize, run: &mut QueryRun, rows: &mut Collected) -> Result<RunStep> {
        loop {
            match self.tabs[tab].step_query(run, rows) {
                Ok(RunStep::Missing(pages)) => {
                    self.tabs[tab].load(pages);
                    self.settle();
                }
                other => return other,
            }
        }
    }

    pub(super) fn scan(&mut self, tab: usize, index: &str) -> Vec<(Place, Value)> {
        let schema = self.tabs[tab].schema().clone();
        let plan = all_of(&self.tabs[tab], index);
        let expected = plan.clone();
        let mut run = self.tabs[tab].start_query(Source::Current, plan).expect("open");
        let mut rows = Collected::default();
        assert_eq!(self.step_query(tab, &mut run, &mut rows), Ok(RunStep::Done));
        loop {
            match self.tabs[tab].count(Source::Current, &expected).expect("readable") {
                Ok(count) => {
                    assert_eq!(count, rows.rows.len() as u64, "count of {index}");
                    break;
                }
                Err(RunStep::Missing(pages)) => {
                    self.tabs[tab].load(pages);
                    self.settle();
                }
                Err(other) => panic!("unexpected {other:?}"),
            }
        }
        let value = |bytes: &[u8]| document::Document::new(bytes).to_value(&schema.names).expect("readable");
        rows.rows.iter().map(|(place, bytes)| (*place, value(bytes))).collect()
    }

    pub(super) fn verify(&mut self, tab: usize) -> VerifyReport {
        let mut run = self.tabs[tab].start_verify().expect("open");
        loop {
            match self.tabs[tab].step_verify(&mut run).expect("readable") {
                VerifyStep::Done(report) => return report,
                VerifyStep::Continue => {}
                VerifyStep::Waiting(_) => self.settle(),
            }
        }
    }
}

pub(super) fn small() -> Options {
    Options {
        checkpoint_log_records: 8,
        checkpoint_slice_bytes: 4096,
        page_cache_bytes: 1 << 20,
        lull_ms: 0.0,
        ..Options::default()
    }
}

pub(super) fn filled() -> (World, usize) {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..200 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n % 7), Some(f64::from(n % 3)));
        world.settle();
    }
    (world, alice)
}

pub(super) fn encoded(indexes: &[(&str, &[&str])]) -> WantedSchema {
    let mut bytes = Vec::new();
    document::encode_value(&exported(indexes), &document::Names::new(), &mut bytes);
    WantedSchema::new(&bytes)
}

/// Damages stored bytes.
pub(super) fn flip(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
}
