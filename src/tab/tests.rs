//! One and two tabs over a store in memory that answers at once.

mod limited;
mod rolled_back;
mod set_back;

use super::*;
use crate::document;
use crate::log::Record;
use crate::query;
use crate::schema::SchemaDefinition;
use crate::storage::MemoryStorage;
use crate::value::Value;

mod failing;

type Fails = Box<dyn FnMut(&Effect) -> Option<Input>>;

/// Chooses effects.
pub(crate) type Filter = fn(&Effect) -> bool;

/// Tabs over one store, every effect performed as soon as it is asked for.
pub(crate) struct World {
    pub(crate) storage: MemoryStorage,
    pub(crate) tabs: Vec<Tab>,
    pub(crate) now_ms: f64,
    /// The clock that nobody sets.
    pub(crate) steady_ms: f64,
    /// A tab that hears no announcements.
    pub(crate) is_deaf: Option<usize>,
    pub(crate) events: Vec<Vec<Event>>,
    /// Pauses that were asked for.
    pauses: Vec<f64>,
    /// When the last of them ends, by tab.
    alarms: Vec<Option<f64>>,
    /// Whether nothing can be deleted.
    trims_fail: bool,
    /// What goes wrong: the answer to an effect that the store does not get to see.
    fails: Fails,
    /// Every effect that was asked for.
    asked: Vec<Effect>,
    /// Whether nobody hears what others announce.
    is_silent: bool,
    /// What is held up, and the effects that were asked for and are.
    held: Option<(Filter, Vec<(usize, Effect)>)>,
    lock: Option<usize>,
    lock_queue: Vec<usize>,
}

pub(crate) fn object(fields: &[(&str, Value)]) -> Value {
    Value::Object(fields.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect())
}

fn string(text: &str) -> Value {
    Value::from(text)
}

/// `items: { k: string, n: number, g?: number }` with indexes by k and by g and n.
pub(crate) fn definition(indexes: &[(&str, &[&str])]) -> SchemaDefinition {
    SchemaDefinition::from_value(&exported(indexes)).expect("a schema")
}

fn exported(indexes: &[(&str, &[&str])]) -> Value {
    let field = |kind: &str, optional: bool| {
        object(&[("fieldType", object(&[("type", string(kind))])), ("optional", Value::from(optional))])
    };
    let fields = object(&[("k", field("string", false)), ("n", field("number", false)), ("g", field("number", true))]);
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

pub(crate) const INDEXES: &[(&str, &[&str])] = &[("by_k", &["k"]), ("by_g_n", &["g", "n"])];

/// Collects rows as values.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) rows: Vec<(Place, Vec<u8>)>,
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

use crate::keyspace::Place;

/// All of an index, ascending.
fn all_of(tab: &Tab, index: &str) -> query::Plan {
    let source = object(&[
        ("type", string("IndexRange")),
        ("indexName", string(&format!("items.{index}"))),
        ("range", Value::from(Vec::new())),
        ("order", string("asc")),
    ]);
    let query = object(&[("source", source), ("operators", Value::from(Vec::new()))]);
    query::plan(tab.schema(), &query).expect("a plan")
}

impl World {
    pub(crate) fn new() -> Self {
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
        }
    }

    pub(crate) fn open(&mut self, options: Options, wanted: impl Into<WantedSchema>) -> usize {
        let mut seed = [7; 32];
        seed[0] = self.tabs.len() as u8;
        self.tabs.push(Tab::new(options, wanted, seed));
        self.events.push(Vec::new());
        self.tick(self.tabs.len() - 1);
        self.alarms.push(None);
        self.settle();
        self.tabs.len() - 1
    }

    /// Performs effects until nothing is asked for any more.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut is_quiet = true;
            for index in 0..self.tabs.len() {
                for effect in self.tabs[index].take_effects() {
                    is_quiet = false;
                    self.perform(index, effect);
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

    fn perform(&mut self, index: usize, effect: Effect) {
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
            Effect::Lock { .. } => {
                if self.lock.is_some_and(|holder| holder != index) {
                    self.lock_queue.push(index);
                    return;
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
            Effect::Announce { generation, sequence } => {
                for other in 0..self.tabs.len() {
                    if other != index && self.is_deaf != Some(other) && !self.is_silent {
                        self.tabs[other].handle(now, Input::Announced { generation, sequence });
                    }
                }
                return;
            }
        };
        self.tabs[index].handle(now, input);
    }

    /// Lets time pass; tabs wake up when they have asked for it.
    fn run_for(&mut self, milliseconds: f64) {
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
    pub(crate) fn pass(&mut self, milliseconds: f64) {
        self.sleep(milliseconds);
        for index in 0..self.tabs.len() {
            self.tick(index);
            self.tabs[index].handle(self.now_ms, Input::Wake);
        }
        self.settle();
    }

    pub(crate) fn sleep(&mut self, milliseconds: f64) {
        self.now_ms += milliseconds;
        self.steady_ms += milliseconds;
    }

    pub(crate) fn wake(&mut self, tab: usize) {
        self.tick(tab);
        self.tabs[tab].handle(self.now_ms, Input::Wake);
        self.settle();
    }

    pub(crate) fn tick(&mut self, tab: usize) {
        self.tabs[tab].tick(self.now_ms, self.steady_ms);
    }

    pub(crate) fn insert(&mut self, tab: usize, k: &str, n: f64, g: Option<f64>) -> TransactionId {
        self.tick(tab);
        let id = self.tabs[tab].begin(self.now_ms, false).expect("open");
        let mut fields = vec![("k", string(k)), ("n", Value::from(n))];
        if let Some(g) = g {
            fields.push(("g", Value::from(g)));
        }
        let mut bytes = document::encode(&object(&fields), &self.tabs[tab].schema().names);
        self.tabs[tab].insert(id, "items", None, &mut bytes).expect("inserted");
        assert_eq!(self.tabs[tab].finish(self.now_ms, id), Ok(Finished::Queued));
        id
    }

    pub(crate) fn scan(&mut self, tab: usize, index: &str) -> Vec<(Place, Value)> {
        let schema = self.tabs[tab].schema().clone();
        let plan = all_of(&self.tabs[tab], index);
        let expected = plan.clone();
        let mut run = self.tabs[tab].start_query(Source::Current, plan).expect("open");
        let mut rows = Collected::default();
        loop {
            match self.tabs[tab].step_query(&mut run, &mut rows).expect("readable") {
                RunStep::Done => break,
                RunStep::Missing(pages) => {
                    self.tabs[tab].load(pages);
                    self.settle();
                }
                other => panic!("unexpected {other:?}"),
            }
        }
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
}

fn small() -> Options {
    Options {
        checkpoint_log_records: 8,
        checkpoint_slice_bytes: 4096,
        page_cache_bytes: 1 << 20,
        lull_ms: 0.0,
        ..Options::default()
    }
}

mod damage;

#[test]
fn what_one_tab_saves_another_reads() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    assert!(world.events[alice].contains(&Event::Opened(Ok(()))), "{:?}", world.events[alice]);
    world.insert(alice, "one", 1.0, None);
    world.settle();
    let rows = world.scan(bob, "by_k");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1.get("k"), Some(&string("one")));
    assert_eq!(world.scan(bob, "by_creation_time"), rows);
}

#[test]
fn a_checkpoint_moves_the_log_into_the_tree() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..100 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n % 7), Some(f64::from(n % 3)));
        world.settle();
    }
    let stats = world.tabs[alice].stats();
    assert!(stats.generation > 5 && stats.log_records < 8, "{stats:?}");
    assert_eq!(stats.tree_entries + 4 * stats.log_records as u64, 400);
    assert_eq!(world.scan(alice, "by_g_n").len(), 100);
    let bob = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(bob, "by_k"), world.scan(alice, "by_k"));
    // Superseded log and pages go after their time.
    let before = world.storage.pages.len();
    world.pass(40_000.0);
    assert!(world.storage.log.len() <= 8, "{}", world.storage.log.len());
    world.pass(40_000.0);
    assert!(world.storage.pages.len() < before, "{} of {before}", world.storage.pages.len());
    let carol = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(carol, "by_k").len(), 100);
}

#[test]
fn two_tabs_that_write_at_once_both_get_through() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    for n in 0..20 {
        world.insert(alice, "a", f64::from(n), None);
        world.insert(bob, "b", f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.scan(alice, "by_k").len(), 40);
    assert_eq!(world.scan(alice, "by_g_n"), world.scan(bob, "by_g_n"));
    let saved =
        world.events[bob].iter().filter(|event| matches!(event, Event::Settled { outcome: Outcome::Saved, .. }));
    assert_eq!(saved.count(), 20);
}

#[test]
fn a_new_index_is_built_and_an_old_one_removed() {
    let mut world = World::new();
    let mut options = small();
    options.job_slice_rows = 7;
    let alice = world.open(options.clone(), definition(&INDEXES[..1]));
    for n in 0..50 {
        world.insert(alice, &format!("k{n:03}"), f64::from(50 - n), None);
        world.settle();
    }
    let bob = world.open(options.clone(), definition(&[("by_n", &["n"])]));
    world.settle();
    let rows = world.scan(bob, "by_n");
    assert_eq!(rows.len(), 50);
    assert_eq!(rows[0].1.get("n"), Some(&Value::from(1.0)));
    world.insert(alice, "late", 0.5, None);
    world.settle();
    assert_eq!(world.scan(bob, "by_n")[0].1.get("k"), Some(&string("late")));
    world.pass(5000.0);
    assert_eq!(world.tabs[bob].stats().log_records % 8, world.tabs[bob].stats().log_records);
    let schema = world.tabs[bob].schema();
    assert_eq!(schema.tables()[0].indexes().len(), 1, "the old index is gone");
}

impl World {
    pub(crate) fn verify(&mut self, tab: usize) -> VerifyReport {
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

fn filled() -> (World, usize) {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..200 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n % 7), Some(f64::from(n % 3)));
        world.settle();
    }
    (world, alice)
}

#[test]
fn a_whole_database_verifies() {
    let (mut world, alice) = filled();
    let report = world.verify(alice);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.rows, report.entries), (200, 400));
    assert!(report.pages >= 2);
}

#[test]
fn a_damaged_page_is_named_and_the_others_stay_readable() {
    let (mut world, _) = filled();
    // A page that holds documents in the middle of the table.
    let page = world.storage.pages.iter().rev().find(|(_, bytes)| bytes.windows(4).any(|window| window == b"k100"));
    let page = *page.expect("a leaf with that document").0;
    let bytes = world.storage.pages.get_mut(&page).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    let bob = world.open(small(), definition(INDEXES));
    let report = world.verify(bob);
    assert!(!report.problems.is_empty());
    assert!(
        report.problems[0].contains("table \"items\"") || report.problems[0].contains("index"),
        "{:?}",
        report.problems
    );
    // Writing goes on.
    world.insert(bob, "new", 1.0, None);
    world.settle();
    assert!(world.events[bob].iter().any(|event| matches!(event, Event::Settled { outcome: Outcome::Saved, .. })));
}

#[test]
fn a_repair_keeps_what_can_be_read_and_derives_the_rest() {
    let (mut world, alice) = filled();
    let rows = world.scan(alice, "by_creation_time").len();
    // Every page that holds "k100" is hit: a leaf of documents, and one of an index.
    let hit = world.storage.pages.iter().filter(|(_, bytes)| bytes.windows(4).any(|window| window == b"k100"));
    let hit: Vec<u64> = hit.map(|(&page, _)| page).collect();
    for page in hit {
        let bytes = world.storage.pages.get_mut(&page).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    }
    let bob = world.open(small(), definition(INDEXES));
    let now = world.now_ms;
    world.tabs[bob].start_repair(now).expect("open");
    world.settle();
    let report = world.events[bob].iter().find_map(|event| match event {
        Event::Repaired(Ok(report)) => Some(report.clone()),
        _ => None,
    });
    let report = report.expect("repaired");
    assert!(!report.lost.is_empty() && report.lost[0].contains("items"), "{report:?}");
    assert!(report.rows > 0 && report.rows < rows as u64, "{} of {rows}", report.rows);
    assert_eq!(world.verify(bob).problems, Vec::<String>::new());
    assert_eq!(world.scan(bob, "by_g_n").len() as u64, report.rows);
    world.insert(bob, "after", 1.0, None);
    world.settle();
    let carol = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(carol, "by_k").len() as u64, report.rows + 1);
}

#[test]
fn a_damaged_log_record_fails_the_opening_until_its_loss_is_accepted() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    for n in 0..10 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    let record = world.storage.log.get_mut(&6).expect("there are more");
    let middle = record.len() / 2;
    record[middle] ^= 1;
    let bob = world.open(Options::default(), definition(INDEXES));
    let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
    assert_eq!((error.code, error.message.contains("record 6")), (Code::Corrupt, true), "{error}");
    let carol = world.open(Options { accept_loss: true, ..Options::default() }, definition(INDEXES));
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    assert_eq!(world.scan(carol, "by_k").len(), 4, "records 2 to 5");
    world.insert(carol, "after", 1.0, None);
    world.settle();
    let dave = world.open(Options::default(), definition(INDEXES));
    assert_eq!(world.scan(dave, "by_k").len(), 5);
}

#[test]
fn a_missing_log_record_is_as_one_that_is_damaged() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    for n in 0..10 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    world.storage.log.remove(&6);
    let bob = world.open(Options::default(), definition(INDEXES));
    let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
    assert!(error.code == Code::Corrupt && error.message.starts_with("Log record 6 is missing."), "{error}");
    assert!(error.message.contains("lose-unreadable"), "{error}");
    let carol = world.open(Options { accept_loss: true, ..Options::default() }, definition(INDEXES));
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    assert_eq!(world.scan(carol, "by_k").len(), 4, "records 2 to 5");
}

#[test]
fn a_damaged_manifest_fails_the_opening_and_says_what_is_left_to_do() {
    let (mut world, _) = filled();
    let newest = *world.storage.manifests.keys().next_back().expect("there was a checkpoint");
    let manifest = world.storage.manifests.get_mut(&newest).expect("it is there");
    let middle = manifest.len() / 2;
    manifest[middle] ^= 1;
    for accept_loss in [false, true] {
        let bob = world.open(Options { accept_loss, ..small() }, definition(INDEXES));
        let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
        assert!(error.code == Code::Corrupt && error.message.starts_with("The manifest is damaged"), "{error}");
        assert!(error.message.contains("deleteDatabase"), "{error}");
    }
}

#[test]
fn whoever_waits_hears_that_the_database_was_deleted() {
    let (mut world, alice) = filled();
    let now = world.now_ms;
    let tab = &mut world.tabs[alice];
    let running = tab.begin(now, false).expect("open");
    let mut bytes = document::encode(&object(&[("k", string("x")), ("n", Value::from(1.0))]), &tab.schema().names);
    let finished = tab.begin(now, false).expect("open");
    tab.insert(finished, "items", None, &mut bytes).expect("inserted");
    assert_eq!(tab.finish(now, finished), Ok(Finished::Queued));
    tab.start_repair(now).expect("open");
    let read = tab.load(vec![1]);
    tab.handle(now, Input::Deleted { by: "by another tab" });
    // The answer to a read that was under way comes later.
    tab.handle(now, Input::PagesLoaded { read, pages: vec![(1, None)], newer_manifest: false });
    tab.handle(now, Input::Appended);
    let events: Vec<Event> = std::iter::from_fn(|| tab.next_event()).collect();
    let gone = Error::new(Code::DatabaseClosed, "The database was deleted by another tab.");
    let rejected = Error { message: format!("{} Nothing of this mutation is saved.", gone.message), ..gone.clone() };
    for transaction in [running, finished] {
        let outcome = Outcome::Rejected(rejected.clone());
        assert!(events.contains(&Event::Settled { transaction, outcome }), "{events:?}");
    }
    assert!(events.contains(&Event::ReadReady { read, result: Err(gone.clone()) }), "{events:?}");
    assert!(events.contains(&Event::Repaired(Err(gone.clone()))), "{events:?}");
    assert!(events.contains(&Event::Problem(gone.clone())), "{events:?}");
    assert!(events.contains(&Event::SchemaChanged), "who waits for an index asks again: {events:?}");
    assert!(tab.take_effects().contains(&Effect::Unlock));
    assert_eq!(tab.begin(now, false), Err(gone.clone()));
    assert_eq!(tab.check_open(), Err(gone));
}

#[test]
fn a_long_pause_does_not_keep_an_idle_checkpoint_waiting() {
    let (mut world, alice) = filled();
    while world.tabs[alice].stats().log_records > 0 {
        world.insert(alice, "k", 0.0, None);
        world.settle();
    }
    world.pauses.clear();
    let options = Options { checkpoint_log_records: 1_000, ..small() };
    let bob = world.open(options.clone(), definition(INDEXES));
    // All that is left to do is to delete what is superseded.
    assert_eq!(world.pauses, [options.log_grace_ms]);
    world.insert(bob, "k", 1.0, None);
    world.settle();
    assert_eq!(world.pauses.last(), Some(&options.idle_ms));
}

/// A record that carries these bytes as a schema.
fn record_with_schema(schema: Vec<u8>) -> Vec<u8> {
    let commit = CommitId { session: 9, counter: 1 };
    Record { commit, schema: Some(crate::bytes::Bytes::new(schema)), ..Record::empty() }.encode()
}

#[test]
fn a_schema_in_the_log_that_nobody_can_read_is_not_passed_over() {
    for (schema, code) in [(vec![200, 1, 2], Code::NewerFormat), (vec![0], Code::Corrupt), (vec![1, 2], Code::Corrupt)]
    {
        let mut world = World::new();
        let alice = world.open(Options::default(), definition(INDEXES));
        world.insert(alice, "k", 1.0, None);
        world.settle();
        let next = world.storage.log.keys().next_back().expect("there are some") + 1;
        world.storage.append(next, record_with_schema(schema));
        // Who has it open learns of it with its next write, which is not saved behind something unknown.
        world.events[alice].clear();
        world.insert(alice, "late", 1.0, None);
        world.settle();
        let [Event::Settled { outcome: Outcome::Rejected(error), .. }, ..] = &world.events[alice][..] else {
            panic!("{:?}", world.events[alice])
        };
        assert_eq!(error.code, code, "{error}");
        assert_eq!(world.storage.log.keys().next_back(), Some(&next));
        let bob = world.open(Options::default(), definition(INDEXES));
        let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
        assert_eq!(error.code, code, "{error}");
    }
}

#[test]
fn what_could_not_be_deleted_is_deleted_later() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..100 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n), None);
        world.settle();
    }
    world.trims_fail = true;
    world.pass(100_000.0);
    // Checkpoints meanwhile must not forget what is still there.
    for n in 0..20 {
        world.insert(alice, &format!("l{n:03}"), f64::from(n), None);
        world.settle();
    }
    world.trims_fail = false;
    for _ in 0..3 {
        world.pass(100_000.0);
    }
    let report = world.verify(alice);
    assert_eq!(world.storage.pages.len() as u64, report.pages, "every page that is stored is needed");
    assert!(world.storage.log.len() <= 8, "{}", world.storage.log.len());
}

fn encoded(indexes: &[(&str, &[&str])]) -> WantedSchema {
    let mut bytes = Vec::new();
    document::encode_value(&exported(indexes), &document::Names::new(), &mut bytes);
    WantedSchema::new(&bytes)
}

#[test]
fn a_schema_that_is_stored_already_is_not_read_again() {
    let mut world = World::new();
    let alice = world.open(small(), encoded(INDEXES));
    world.insert(alice, "k", 1.0, None);
    world.settle();
    let source = world.tabs[alice].schema().source;
    assert!(source.is_some());
    // What can't be read has not been looked at: only its name counts. Through the log, and through a checkpoint.
    for _ in 0..2 {
        let mut unreadable = WantedSchema::new(b"?");
        unreadable.source = source;
        let bob = world.open(small(), unreadable);
        assert_eq!(world.events[bob], [Event::Opened(Ok(()))]);
        assert_eq!(world.scan(bob, "by_k").len(), world.scan(alice, "by_k").len());
        for n in 0..20 {
            world.insert(bob, "more", f64::from(n), None);
            world.settle();
        }
    }
    assert!(world.tabs[alice].stats().generation > 0);
    let other = world.open(small(), WantedSchema::new(b"?"));
    assert!(matches!(world.events[other][..], [Event::Opened(Err(_))]), "{:?}", world.events[other]);
    // Another one is adopted, and its name with it.
    let bob = world.open(small(), encoded(&INDEXES[..1]));
    assert!(world.tabs[bob].schema().source.is_some_and(|named| Some(named) != source));
    assert_eq!(world.tabs[alice].schema().source, world.tabs[bob].schema().source);
}

#[test]
fn a_checkpoint_waits_for_a_lull_unless_the_log_is_long() {
    let mut world = World::new();
    let alice = world.open(Options { lull_ms: 200.0, ..small() }, definition(INDEXES));
    let write = |world: &mut World, number: usize, pause_ms: f64| {
        for n in 0..number {
            world.insert(alice, "k", n as f64, None);
            world.settle();
            world.pass(pause_ms);
        }
        world.tabs[alice].stats().generation
    };
    assert_eq!(write(&mut world, 30, 10.0), 0, "while it writes");
    world.pass(300.0);
    assert_eq!(world.tabs[alice].stats().generation, 1, "in a lull");
    assert_eq!(write(&mut world, 33, 10.0), 2, "without one");
}

#[test]
fn the_last_commits_are_told_newest_first() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    world.insert(alice, "first", 1.0, None);
    world.settle();
    world.pass(1_000.0);
    world.insert(bob, "other", 3.0, None);
    world.settle();
    for (tab, own) in [(alice, [false, true]), (bob, [true, false])] {
        let recent = world.tabs[tab].stats().recent;
        let told: Vec<_> =
            recent.iter().map(|one| (one.is_own, one.rows, one.learned_ms - 1_800_000_000_000.0)).collect();
        // Before them the schema, which changes no row.
        assert_eq!(told[..2], [(own[0], [1, 0, 0], 1_000.0), (own[1], [1, 0, 0], 0.0)]);
        assert_eq!(recent[2].rows, [0, 0, 0]);
        let sequences: Vec<u64> = recent.iter().map(|one| one.sequence).collect();
        assert_eq!(sequences, (1..=recent.len() as u64).rev().collect::<Vec<_>>());
        assert_eq!(recent.iter().map(|one| one.bytes).sum::<usize>(), world.tabs[tab].stats().log_bytes);
    }
    for n in 0..20 {
        world.insert(alice, "more", f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.tabs[bob].stats().recent.len(), RECENT);
}
