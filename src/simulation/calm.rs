//! After the storm: everything settles, everything is found, everybody agrees.

use super::faults::Trouble;
use super::history::History;
use super::model::Model;
use super::program::{Query, Row, Stop, fields_of_index};
use super::running::{current_count, current_rows};
use super::schemas::definition;
use super::world::{Happening, World};
use crate::bytes::Bytes;
use crate::keyspace::{Place, TableId};
use crate::schema::IndexState;
use crate::storage::MemoryStorage;
use crate::store::{Manifest, ReadError};
use crate::tab::{Announcement, Effect, Input, Options, Tab, VerifyStep};
use std::rc::Rc;

/// What tabs may ask for in a world without faults, as long as it is let run.
const MOST_IN_CALM: u64 = 100_000;
/// What tabs may ask for while the disk is in trouble: one that is busy without end asks for several times that.
const MOST_IN_TROUBLE: u64 = 20_000;

impl World {
    fn pass(&mut self, milliseconds: f64) {
        let until = self.now_us + (milliseconds * 1_000.0) as u64;
        // Programs that wait for a slow disk step in place, which is no work.
        let most = self.asked + MOST_IN_CALM;
        while self.happen_before(until) {
            assert!(self.asked < most, "[progress] busy without end");
        }
    }

    /// No more faults. What sleeps goes on sleeping for a while: the others must get on without it.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
        self.trouble = None;
        self.setting.faults = Default::default();
        self.setting.pace_ms = 5.0;
        let unit = self.setting.options.lock_patience_ms + 10_000.0;
        self.repair_damage(unit);
        let now_us = self.now_us;
        let mut is_asleep = false;
        if self.random.below(2) == 0 {
            for alive in self.tabs.values_mut().filter(|alive| alive.frozen_until_us > now_us) {
                alive.frozen_until_us = now_us + (unit * 20_000.0) as u64;
                is_asleep = true;
            }
        }
        let ids: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in ids {
            self.keep_stepping(tab);
        }
        if is_asleep {
            self.trace.say(|| format!("{now_us:>12} calm, with sleepers"));
            self.pass(unit * 10.0);
            self.check_settled("while others sleep");
        }
        self.trace.say(|| format!("{:>12} calm", self.now_us));
        for alive in self.tabs.values_mut() {
            alive.frozen_until_us = 0;
        }
        if self.random.below(3) == 0 {
            self.last_trouble(unit);
        }
        self.pass(unit * 40.0);
        for alive in self.tabs.values_mut() {
            alive.may_be_damaged = false;
        }
        self.check_settled("in the end");
        // Ordinary work in a healthy world, so that checkpoints clear up after those that failed.
        self.programs_left = 40;
        if self.tabs.is_empty() {
            self.plan(1, Happening::Open);
        }
        let ids: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in ids {
            self.keep_stepping(tab);
        }
        self.pass(unit * 5.0);
        let grace = self.setting.options.page_grace_ms + self.setting.options.log_grace_ms;
        self.pass(grace * 2.0 + unit * 5.0);
        let (generation, sequence) = (self.newest().generation, self.history.sequence());
        let ids: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in ids {
            let input = Input::Announced(Announcement { generation, sequence, turn_ms: 0 });
            self.plan(1, Happening::Deliver { tab, connection: None, stores: 0, input });
        }
        self.pass(unit * 5.0 + grace * 2.0);
        self.check_settled("in a healthy world");
        self.check_followed("in a healthy world");
    }

    /// The disk alone is in trouble, for long. Whoever writes is told, and nobody is busy without end.
    fn last_trouble(&mut self, unit: f64) {
        let trouble = Trouble::draw(&mut self.random);
        self.trace.say(|| format!("{:>12} calm, but for the disk: {trouble:?}", self.now_us));
        self.trouble = Some((trouble, u64::MAX));
        self.programs_left = 20;
        let ids: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in ids {
            self.keep_stepping(tab);
        }
        let before = self.asked;
        self.pass(unit * 20.0);
        let asked = self.asked - before;
        assert!(asked < MOST_IN_TROUBLE, "[progress] {asked} effects while the disk is in trouble: {trouble:?}");
        for (tab, alive) in self.tabs.iter().filter(|(_, alive)| alive.is_open) {
            let open: Vec<_> = alive.finished.keys().collect();
            assert!(
                open.is_empty(),
                "[progress] tab {tab} still waits while the disk is in trouble, {trouble:?}: {open:?}, {}",
                alive.tab.sketch()
            );
        }
        self.programs_left = 0;
        self.trouble = None;
    }

    /// What is damaged is repaired, whoever sleeps or dies.
    fn repair_damage(&mut self, unit: f64) {
        for _ in 0..20 {
            if !self.history.is_damaged {
                return;
            }
            if self.tabs.is_empty() {
                self.plan(1, Happening::Open);
            }
            let now_us = self.now_us;
            let awake = self.tabs.iter().find(|(_, alive)| alive.is_open && alive.frozen_until_us <= now_us);
            if let Some(tab) = awake.map(|(tab, _)| *tab) {
                self.ask_for_repair(tab);
            }
            self.pass(unit * 5.0);
        }
        panic!("[progress] no repair comes to an end");
    }

    pub(super) fn newest(&self) -> Manifest {
        let newest = self.storage.manifests.values().next_back();
        newest.map_or_else(Manifest::empty, |bytes| {
            Manifest::decode(bytes).expect("[final] the newest manifest is readable")
        })
    }

    fn check_settled(&self, when: &str) {
        for (tab, alive) in self.tabs.iter().filter(|(_, alive)| alive.frozen_until_us <= self.now_us) {
            let open: Vec<_> = alive.finished.keys().collect();
            let standings = alive.standings();
            assert!(alive.is_open, "[progress] tab {tab} does not open {when}: {}", alive.tab.sketch());
            assert!(
                alive.is_done(),
                "[progress] tab {tab} still waits {when}: {open:?} {standings:?}, {}",
                alive.tab.sketch()
            );
        }
    }

    /// Everybody sees what the model holds.
    pub(super) fn check_everything(&mut self) {
        self.open_version(self.history.version);
        self.pass(120_000.0);
        let tabs: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in tabs {
            self.check_tab(tab);
        }
        let newest = self.newest();
        assert!(
            self.storage.log.keys().next().is_none_or(|first| *first > newest.sequence),
            "[final] the log is not trimmed: {:?} although {} are in the tree",
            self.storage.log.keys().collect::<Vec<_>>(),
            newest.sequence
        );
        assert!(self.storage.manifests.len() < 2, "[final] {} manifests", self.storage.manifests.len());
    }

    fn check_tab(&mut self, tab: u64) {
        let schema = match self.tabs.get(&tab) {
            Some(alive) => alive.tab.schema().clone(),
            None => return,
        };
        let stats = self.tabs[&tab].tab.stats();
        assert!(
            stats.sequence == self.history.sequence(),
            "[final] tab {tab} knows {} of {} records",
            stats.sequence,
            self.history.sequence()
        );
        let stored = open_aside(&self.storage, &self.history);
        assert!(*schema == *stored.saved_schema(), "[final] tab {tab} has another schema");
        for table in schema.tables() {
            for index in table.indexes() {
                assert!(
                    index.state == IndexState::Ready,
                    "[final] index {} of {} is {:?} in tab {tab}",
                    index.name,
                    table.name,
                    index.state
                );
            }
        }
        let model: Rc<Model> = Rc::new(self.history.model.clone());
        for table in schema.tables().iter().filter(|table| table.declared) {
            let name = ["accounts", "items", "extras"].into_iter().find(|name| *name == table.name);
            let name = name.expect("[final] a table of the simulation");
            let mut indexes = vec!["by_creation_time"];
            for index in ["by_name", "by_balance", "by_k", "by_g_n", "by_n", "by_k_g", "by_x"] {
                if table.index(index).is_some() {
                    assert!(!fields_of_index(name, index).is_empty());
                    indexes.push(index);
                }
            }
            for index in indexes {
                let mut query = Query::all(name, index);
                let expected = model.query(&query);
                let found = self.read_all(tab, &query);
                compare(tab, &query, &found, &expected);
                let count = self.count_all(tab, &query);
                assert!(
                    count == expected.len() as u64,
                    "[final] tab {tab} counts {count} of {} in {name}.{index}",
                    expected.len()
                );
                query.is_descending = true;
                let found = self.read_all(tab, &query);
                compare(tab, &query, &found, &model.query(&query));
            }
        }
        let report = self.verify(tab);
        assert!(report.problems.is_empty(), "[final] tab {tab} finds {:?}", report.problems);
        let rows: usize = model.tables.values().map(|rows| rows.len()).sum();
        assert!(report.rows == rows as u64, "[final] tab {tab} has {} rows of {rows}", report.rows);
        self.check_pages(report.pages);
    }

    /// Pages are reachable or listed to be deleted; others would stay for ever.
    fn check_pages(&self, reachable: u64) {
        let newest = self.newest();
        if newest.generation == 0 {
            // Of an attempt whose publishing has failed nobody knows whether it is in force: the first manifest that is
            // lists its pages, if there ever is one.
            return;
        }
        let is_listed = |page: &u64| {
            newest
                .freed
                .iter()
                .flat_map(|freed| &freed.ranges)
                .any(|&(first, length)| (first..first + length).contains(page))
        };
        let unlisted = self.storage.pages.keys().filter(|page| !is_listed(page)).count() as u64;
        assert!(unlisted >= reachable, "[final] {unlisted} pages, {reachable} are needed");
        assert!(
            unlisted == reachable,
            "[leak] {} pages of attempts {:?} are neither needed nor listed",
            unlisted - reachable,
            self.storage
                .pages
                .keys()
                .map(|page| page >> crate::store::PAGE_INDEX_BITS)
                .collect::<std::collections::BTreeSet<_>>()
        );
    }

    fn read_all(&mut self, tab: u64, query: &Query) -> Vec<Row> {
        let mut run = None;
        for _ in 0..1_000 {
            let rows = self.with(tab, |_, alive| current_rows(&mut alive.tab, query, &mut run));
            match rows {
                Some(Ok(rows)) => return rows,
                Some(Err(Stop::Wait(_) | Stop::Again)) => {}
                Some(Err(stop)) => panic!("[final] tab {tab} can't read {query:?}: {stop:?}"),
                None => panic!("[final] tab {tab} is gone"),
            }
            self.after(tab);
            self.pass(500.0);
        }
        panic!("[progress] tab {tab} does not get to read {query:?}");
    }

    fn count_all(&mut self, tab: u64, query: &Query) -> u64 {
        for _ in 0..1_000 {
            match self.with(tab, |_, alive| current_count(&mut alive.tab, query)) {
                Some(Ok(count)) => return count,
                Some(Err(Stop::Wait(_) | Stop::Again)) => {}
                other => panic!("[final] tab {tab} can't count {query:?}: {other:?}"),
            }
            self.after(tab);
            self.pass(500.0);
        }
        panic!("[progress] tab {tab} does not get to count {query:?}");
    }

    fn verify(&mut self, tab: u64) -> crate::tab::VerifyReport {
        let started = self.with(tab, |_, alive| alive.tab.start_verify());
        let Some(Ok(mut run)) = started else { panic!("[final] tab {tab} can't verify") };
        for _ in 0..10_000 {
            let step = self.with(tab, |_, alive| alive.tab.step_verify(&mut run));
            self.after(tab);
            match step {
                Some(Ok(VerifyStep::Done(report))) => return report,
                Some(Ok(VerifyStep::Continue)) => {}
                Some(Ok(VerifyStep::Waiting(_))) => self.pass(100.0),
                other => panic!("[final] tab {tab} can't verify: {other:?}"),
            }
        }
        panic!("[progress] tab {tab} does not get to the end of verify");
    }
}

/// Opens the store as it is now, beside the world.
fn open_aside(storage: &MemoryStorage, history: &History) -> Tab {
    let options = Options { job_slice_rows: 100_000, ..Options::default() };
    let mut tab = Tab::new(options, definition(history.version), [5; 32]);
    answer_aside(&mut tab, storage);
    tab
}

/// Answers what it wants to read.
fn answer_aside(tab: &mut Tab, storage: &MemoryStorage) {
    for effect in tab.take_effects() {
        match effect {
            Effect::ReadLog { generation, after, from_manifest } => {
                tab.handle(1.0, Input::LogRead(storage.read_log(generation, after, from_manifest)));
            }
            Effect::InspectLog { read } => {
                tab.handle(1.0, Input::LogInspected { read, tail: storage.read_log(0, 0, true) });
            }
            Effect::Load { read, generation, pages } => {
                let (pages, newer_manifest) = storage.load(generation, &pages);
                tab.handle(1.0, Input::PagesLoaded { read, pages, newer_manifest });
            }
            _ => {}
        }
    }
}

/// All rows that are stored, after a repair.
pub(super) fn rows_aside(storage: &MemoryStorage, history: &History) -> Vec<(TableId, Place, Bytes)> {
    let mut tab = open_aside(storage, history);
    loop {
        match tab.saved_rows() {
            Ok(rows) => return rows,
            Err(ReadError::Missing(pages)) => drop(tab.load(pages)),
            Err(error) => panic!("[store] a repaired page is damaged: {error:?}"),
        }
        answer_aside(&mut tab, storage);
    }
}

/// Looks at every page, row and entry of the store as it is now.
pub(super) fn check_store(storage: &MemoryStorage, history: &History) {
    let mut tab = open_aside(storage, history);
    let Ok(mut run) = tab.start_verify() else { return };
    let report = loop {
        match tab.step_verify(&mut run) {
            Ok(VerifyStep::Done(report)) => break report,
            Ok(_) => answer_aside(&mut tab, storage),
            Err(error) => panic!("[store] record {}: {error}", history.sequence()),
        }
    };
    assert!(report.problems.is_empty(), "[store] record {}: {:?}", history.sequence(), report.problems);
    let rows: usize = history.model.tables.values().map(|rows| rows.len()).sum();
    assert!(report.rows == rows as u64, "[store] record {}: {} rows of {rows}", history.sequence(), report.rows);
}

fn compare(tab: u64, query: &Query, found: &[Row], expected: &[Row]) {
    if found == expected {
        return;
    }
    let position = found.iter().zip(expected).position(|(a, b)| a != b).unwrap_or(found.len().min(expected.len()));
    panic!(
        "[final] tab {tab} has {} rows, the model {} in {query:?}; at {position} {:?} is not {:?}",
        found.len(),
        expected.len(),
        found.get(position),
        expected.get(position)
    );
}
