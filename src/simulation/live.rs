//! Live queries of the simulated tabs: whenever all news are taken, each has to be what a fresh query gives.

use super::program::{Query, Row};
use super::running::fields_of;
use super::world::{Alive, World, check_code};
use crate::error::{Code, Error};
use crate::keyspace::{Place, TableId};
use crate::live::mirror::{Mirror, ask_all, ask_one};
use crate::random::Random;
use crate::tab::{ReadId, RowSink, RunStep, Source, Tab};

/// Worlds of these seeds and greater ones have live queries. Smaller ones were kept for what they once found.
pub(super) const FIRST_LIVE_SEED: u64 = 1_000_000;
/// So many may a tab have.
const MOST: usize = 8;

type Rows = Vec<(Place, Vec<u8>)>;

/// What a tab follows.
pub(super) struct Following {
    /// A stream of its own, so that worlds without live queries stay what they are.
    random: Random,
    queries: Vec<(Query, bool)>,
    mirrors: Vec<Mirror>,
    functions: Vec<Function>,
    /// The version of what was looked at last.
    checked: u64,
    /// How many results were compared.
    pub(super) compared: u64,
}

/// A function that reads some queries, whatever page it lacks for that.
struct Function {
    mirror: Mirror,
    queries: Vec<Query>,
    answers: Option<Vec<Rows>>,
    /// Runs that `mirror` has asked for, of those how many were made.
    runs: u32,
    /// Whether it may try now: one that lacks a page tries again when its tab takes the next step.
    is_due: bool,
    /// The pages that it waits for.
    waiting: Option<ReadId>,
}

#[derive(Default)]
struct Collected(Rows);

impl RowSink for Collected {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        false
    }

    fn row(&mut self, _: TableId, place: &Place, document: &[u8]) -> crate::error::Result<()> {
        self.0.push((*place, document.to_vec()));
        Ok(())
    }

    fn is_full(&self) -> bool {
        false
    }
}

/// The rows of a query, or nothing: a page is not in memory, or the query can't be answered. A transaction loads it.
fn rows(tab: &mut Tab, source: Source, query: &Query, load: &mut Option<ReadId>) -> Option<Rows> {
    let plan = tab.plan(source, &query.to_value()).ok()?;
    let mut run = tab.start_query(source, plan).ok()?;
    let mut collected = Collected::default();
    match tab.step_query(&mut run, &mut collected) {
        Ok(RunStep::Done) => Some(collected.0),
        Ok(RunStep::Missing(pages)) if source != Source::Current => {
            *load = Some(tab.load(pages));
            None
        }
        _ => None,
    }
}

impl Following {
    pub(super) fn new(seed: u64) -> Self {
        Following {
            random: Random::from_number(seed),
            queries: Vec::new(),
            mirrors: Vec::new(),
            functions: Vec::new(),
            checked: 0,
            compared: 0,
        }
    }

    /// Follows something new, or something no longer.
    fn change(&mut self, tab: &mut Tab) {
        for function in &mut self.functions {
            function.is_due = true;
        }
        match self.random.below(12) {
            0..=2 if self.mirrors.len() < MOST => {
                let query = Query::some(&mut self.random);
                let is_count = query.limit.is_none() && self.random.below(3) == 0;
                let value = query.to_value();
                let id = if is_count { tab.watch_count(value) } else { tab.watch_rows(value) };
                self.mirrors.push(Mirror::new(id, query.limit));
                self.queries.push((query, is_count));
                self.checked = u64::MAX;
            }
            3 if self.functions.len() < 2 => {
                let queries = (0..=self.random.below(2)).map(|_| Query::some(&mut self.random)).collect();
                let mut mirror = Mirror::new(tab.watch_function(), None);
                mirror.touched = 1;
                self.functions.push(Function { mirror, queries, answers: None, runs: 0, is_due: true, waiting: None });
            }
            4 if !self.mirrors.is_empty() => {
                let position = self.random.below(self.mirrors.len() as u64) as usize;
                tab.unwatch(self.mirrors.remove(position).id);
                self.queries.remove(position);
            }
            5 if !self.functions.is_empty() => tab.unwatch(self.functions.remove(0).mirror.id),
            _ => {}
        }
    }

    /// Takes all news, and compares.
    fn follow(&mut self, tab: &mut Tab, now_ms: f64, may_be_damaged: bool, name: u64) {
        let version = tab.version();
        let Following { mirrors, functions, .. } = self;
        ask_all(tab, |tab, id| {
            let of_functions = functions.iter_mut().map(|function| &mut function.mirror);
            ask_one(tab, id, mirrors.iter_mut().chain(of_functions));
        });
        for function in &mut self.functions {
            function.run(tab, now_ms);
        }
        for mirror in &self.mirrors {
            // What its schema no longer has, a tab's query can't be answered by.
            if let Some(error) = mirror.failure.as_ref().filter(|error| !is_unanswerable(error)) {
                check_code(error, may_be_damaged);
            }
        }
        if std::mem::replace(&mut self.checked, version) == version {
            return;
        }
        for ((query, is_count), mirror) in self.queries.iter().zip(&self.mirrors) {
            let Some(expected) = rows(tab, Source::Current, query, &mut None).filter(|_| mirror.is_ready) else {
                continue;
            };
            self.compared += 1;
            if *is_count {
                let counted = mirror.count;
                assert!(counted == Some(expected.len() as u64), "[live] tab {name} counts {counted:?}: {query:?}");
            } else if mirror.rows() != expected {
                let [shown, expected] = [mirror.rows(), &expected].map(|rows| readable(tab, rows));
                panic!("[live] tab {name} shows {shown:?} and not {expected:?} of {query:?}");
            }
        }
        for function in &self.functions {
            let Some(answers) = function.answers.as_ref().filter(|_| function.is_known()) else { continue };
            for (query, answer) in function.queries.iter().zip(answers) {
                let Some(expected) = rows(tab, Source::Current, query, &mut None) else { continue };
                self.compared += 1;
                assert!(*answer == expected, "[live] tab {name}: a function has read something else of {query:?}");
            }
        }
    }

    /// What is not known in the end never will be.
    fn check_known(&self, name: u64, when: &str) {
        for ((query, _), mirror) in self.queries.iter().zip(&self.mirrors) {
            let is_unanswerable = mirror.failure.as_ref().is_some_and(is_unanswerable);
            let is_known = mirror.is_ready && mirror.failure.is_none();
            assert!(is_known || is_unanswerable, "[live] tab {name} does not know {query:?} {when}: {mirror:?}");
        }
    }
}

/// The app of a tab knows an index that the schema in force doesn't have (any more).
fn is_unanswerable(error: &Error) -> bool {
    matches!(error.code, Code::IndexNotFound | Code::SchemaChanged)
}

fn readable(tab: &Tab, rows: &[(Place, Vec<u8>)]) -> Vec<Row> {
    let schema = tab.schema();
    let row = |(place, document): &(Place, Vec<u8>)| Row {
        id: place.id,
        time: place.creation_time,
        fields: fields_of(document, schema),
    };
    rows.iter().map(row).collect()
}

impl Function {
    fn is_known(&self) -> bool {
        self.runs == self.mirror.touched
    }

    /// Runs, if what it has read is not what there is. It may lack a page; then it tries again later.
    fn run(&mut self, tab: &mut Tab, now_ms: f64) {
        if self.is_known() || self.waiting.is_some() || !std::mem::take(&mut self.is_due) {
            return;
        }
        let Ok(transaction) = tab.begin(now_ms, true) else { return };
        tab.watch_run(transaction);
        let waiting = &mut self.waiting;
        let answers = self.queries.iter().map(|query| rows(tab, Source::Transaction(transaction), query, waiting));
        let answers: Option<Vec<Rows>> = answers.collect();
        if answers.is_some() && tab.note_run(self.mirror.id, transaction).is_ok() {
            self.answers = answers;
            self.runs = self.mirror.touched;
        }
        tab.abandon(transaction);
    }
}

impl Alive {
    /// Pages are there, or don't come.
    pub(super) fn read_of_followed_ended(&mut self, read: ReadId) {
        let functions = self.following.iter_mut().flat_map(|following| &mut following.functions);
        for function in functions.filter(|function| function.waiting == Some(read)) {
            function.waiting = None;
        }
    }

    /// Follows something new now and then.
    pub(super) fn change_what_is_followed(&mut self) {
        if let Some(following) = &mut self.following {
            following.change(&mut self.tab);
        }
    }
}

impl World {
    /// Lets a tab take all news of its live queries. Whether it asks for something now.
    pub(super) fn follow(&mut self, tab: u64) -> bool {
        let now_ms = match self.tabs.get(&tab) {
            Some(alive) if alive.is_open && alive.tab.closed_for().is_none() => self.clock_of(alive),
            _ => return false,
        };
        let Some(alive) = self.tabs.get_mut(&tab) else { return false };
        let Some(following) = &mut alive.following else { return false };
        following.follow(&mut alive.tab, now_ms, alive.may_be_damaged, tab);
        alive.tab.has_effects()
    }

    pub(super) fn check_followed(&self, when: &str) {
        for (tab, alive) in self.tabs.iter().filter(|(_, alive)| alive.is_open) {
            if let Some(following) = &alive.following {
                following.check_known(*tab, when);
            }
        }
    }
}
