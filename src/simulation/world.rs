//! The simulated world: one store, some tabs, an agenda of what happens when, and one stream of chance.

use super::connection::lost;
use super::faults::{Setting, Trouble};
use super::history::{Carried, History};
use super::live::{FIRST_LIVE_SEED, Following};
use super::program::Row;
use super::running::{Running, Standing};
use super::schemas::{SCHEMAS, definition};
use super::steps::Reading;
use super::trace::{Trace, name_of, name_of_effect};
use crate::error::{Code, Error};
use crate::keyspace::{RowId, TableId};
use crate::random::Random;
use crate::storage::MemoryStorage;
use crate::tab::{Effect, Event, Input, Tab, TransactionId};
use std::collections::{BTreeMap, VecDeque};

/// Something on the agenda.
pub(super) enum Happening {
    /// An effect reaches the store.
    Execute { tab: u64, number: u64 },
    /// An answer or a message reaches a tab; an answer of the store with the connection that it came by.
    Deliver { tab: u64, connection: Option<u64>, stores: u8, input: Input },
    /// A tab's programs go on.
    Step { tab: u64 },
    /// What a tab has finished together goes out.
    Send { tab: u64 },
    /// A moment at which anything may go wrong.
    Chaos,
    /// A new tab is opened.
    Open,
}

/// An effect on its way to the store.
pub(super) struct Sent {
    pub(super) effect: Effect,
    pub(super) carried: Vec<Carried>,
    pub(super) connection: u64,
    /// Whether it waits for a frozen tab.
    pub(super) is_held: bool,
    /// The app version of the tab.
    pub(super) version: u64,
}

/// A tab and what the world knows about it.
pub(super) struct Alive {
    pub(super) tab: Tab,
    pub(super) version: u64,
    pub(super) clock_ms: f64,
    pub(super) frozen_until_us: u64,
    pub(super) connection: u64,
    pub(super) is_connected: bool,
    pub(super) is_open: bool,
    pub(super) sent: BTreeMap<u64, Sent>,
    pub(super) next_effect: u64,
    /// When the last answer of a store is delivered: answers of one store keep their order.
    pub(super) delivered_us: [u64; 4],
    /// How many answers of each store are on their way.
    pub(super) untold: [u32; 4],
    pub(super) running: Vec<Running>,
    /// Finished mutations whose outcome is open.
    pub(super) finished: BTreeMap<TransactionId, Running>,
    pub(super) has_founded: bool,
    /// Whether it may come upon damage.
    pub(super) may_be_damaged: bool,
    pub(super) is_stepping: bool,
    /// A query of the current state, under way.
    pub(super) reading: Option<Reading>,
    /// Rows of items as the layer above keeps them, told by the tab which are out of date.
    pub(super) known_rows: BTreeMap<(TableId, RowId), Row>,
    /// Its live queries, in worlds that have some.
    pub(super) following: Option<Following>,
}

pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) random: Random,
    pub(super) trace: Trace,
    pub(super) now_us: u64,
    order: u64,
    pub(super) agenda: BTreeMap<(u64, u64), Happening>,
    pub(super) storage: MemoryStorage,
    pub(super) history: History,
    /// Earlier states of the store, for power loss.
    pub(super) snapshots: VecDeque<(MemoryStorage, History)>,
    pub(super) tabs: BTreeMap<u64, Alive>,
    /// Effects of tabs that are gone.
    pub(super) ghosts: BTreeMap<(u64, u64), Sent>,
    pub(super) lock_holder: Option<u64>,
    pub(super) lock_queue: VecDeque<u64>,
    pub(super) clock_ms: f64,
    /// What is wrong with the disk, and until when.
    pub(super) trouble: Option<(Trouble, u64)>,
    next_tab: u64,
    pub(super) programs_left: u64,
    pub(super) is_calm: bool,
    /// Whether tabs have live queries.
    has_live: bool,
    /// Whether what tabs finish goes out together.
    pub(super) has_gathering: bool,
    pub(super) happenings: u64,
    /// Effects that tabs have asked for.
    pub(super) asked: u64,
    pub(super) commits: u64,
    pub(super) strays: u64,
}

impl World {
    pub(super) fn new(seed: u64, most_lines: usize) -> Self {
        let mut random = Random::from_number(seed);
        let setting = Setting::draw(&mut random);
        let mut world = World {
            programs_left: setting.programs,
            history: History::new(0),
            random,
            trace: Trace::new(most_lines),
            now_us: 0,
            order: 0,
            agenda: BTreeMap::new(),
            storage: MemoryStorage::default(),
            snapshots: VecDeque::new(),
            tabs: BTreeMap::new(),
            ghosts: BTreeMap::new(),
            lock_holder: None,
            lock_queue: VecDeque::new(),
            clock_ms: 1_800_000_000_000.0,
            trouble: None,
            next_tab: 1,
            is_calm: false,
            has_live: seed >= FIRST_LIVE_SEED,
            has_gathering: seed >= FIRST_LIVE_SEED && seed % 2 == 1,
            happenings: 0,
            asked: 0,
            commits: 0,
            strays: 0,
            setting,
        };
        for _ in 0..world.setting.tabs {
            let later = world.short_us() * 20;
            world.plan(later, Happening::Open);
        }
        world.plan(1_000, Happening::Chaos);
        world
    }

    pub(super) fn plan(&mut self, after_us: u64, happening: Happening) {
        self.plan_at(self.now_us + after_us, happening);
    }

    pub(super) fn plan_at(&mut self, at_us: u64, happening: Happening) {
        self.order += 1;
        self.agenda.insert((at_us.max(self.now_us), self.order), happening);
    }

    pub(super) fn chance(&mut self, millionths: u64) -> bool {
        millionths > 0 && self.random.below(1_000_000) < millionths
    }

    /// What is wrong with the disk now.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.trouble.filter(|(_, until_us)| self.now_us < *until_us).map(|(trouble, _)| trouble)
    }

    pub(super) fn is_full_for_pages(&self) -> bool {
        matches!(self.trouble(), Some(Trouble::Full | Trouble::FullForPages))
    }

    /// What most things take.
    pub(super) fn short_us(&mut self) -> u64 {
        match self.random.below(10) {
            0..=6 => self.random.below(2_000) + 1,
            7..=8 => self.random.below(10_000) + 1,
            _ => self.random.below(60_000) + 1,
        }
    }

    pub(super) fn pace_us(&mut self) -> u64 {
        self.random.below((self.setting.pace_ms * 2_000.0) as u64) + 1
    }

    pub(super) fn long_us(&mut self) -> u64 {
        let most = (self.setting.longest_ms * 1_000.0) as u64;
        let shift = self.random.below(4);
        self.random.below(most >> shift) + 1
    }

    /// Whether the next happening comes before this time, in which case it happens.
    pub(super) fn happen_before(&mut self, until_us: u64) -> bool {
        match self.agenda.first_key_value() {
            Some((&(at_us, _), _)) if at_us <= until_us => {}
            _ => {
                self.now_us = self.now_us.max(until_us);
                return false;
            }
        }
        let Some(((at_us, _), happening)) = self.agenda.pop_first() else { return false };
        self.now_us = at_us;
        self.happenings += 1;
        match happening {
            Happening::Execute { tab, number } => self.execute(tab, number),
            Happening::Deliver { tab, connection, stores, input } => self.deliver(tab, connection, stores, input),
            Happening::Step { tab } => self.step(tab),
            Happening::Send { tab } => self.send_gathered(tab),
            Happening::Chaos => self.chaos(),
            Happening::Open => self.open(),
        }
        true
    }

    pub(super) fn clock_of(&self, alive: &Alive) -> f64 {
        (self.clock_ms + self.now_us as f64 / 1_000.0 + alive.clock_ms).floor()
    }

    fn open(&mut self) {
        if self.tabs.len() as u64 >= self.setting.tabs {
            return;
        }
        let version =
            if self.chance(self.setting.faults.schema) { self.random.below(SCHEMAS) } else { self.history.version };
        self.open_version(version);
    }

    pub(super) fn open_version(&mut self, version: u64) -> u64 {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.random.next_u64().to_le_bytes());
        seed[8..16].copy_from_slice(&self.next_tab.to_le_bytes());
        let id = self.next_tab;
        self.next_tab += 1;
        let alive = Alive {
            tab: Tab::new(self.setting.options.clone(), definition(version), seed),
            version,
            clock_ms: 0.0,
            frozen_until_us: 0,
            connection: 0,
            is_connected: true,
            is_open: false,
            sent: BTreeMap::new(),
            next_effect: 0,
            delivered_us: [0; 4],
            untold: [0; 4],
            running: Vec::new(),
            finished: BTreeMap::new(),
            has_founded: false,
            may_be_damaged: self.history.is_damaged,
            is_stepping: false,
            reading: None,
            known_rows: BTreeMap::new(),
            following: self.has_live.then(|| Following::new(id)),
        };
        self.trace.say(|| format!("{:>12} tab {id} is opened with schema {version}", self.now_us));
        self.tabs.insert(id, alive);
        self.after(id);
        id
    }

    /// Takes a tab out of the world for as long as it is worked with.
    pub(super) fn with<T>(&mut self, tab: u64, work: impl FnOnce(&mut World, &mut Alive) -> T) -> Option<T> {
        let mut alive = self.tabs.remove(&tab)?;
        alive.tab.tick(self.clock_of(&alive), self.now_us as f64 / 1_000.0);
        let result = work(self, &mut alive);
        self.tabs.insert(tab, alive);
        Some(result)
    }

    fn deliver(&mut self, tab: u64, connection: Option<u64>, stores: u8, input: Input) {
        let Some(alive) = self.tabs.get(&tab) else { return };
        if alive.frozen_until_us > self.now_us {
            let thaw = alive.frozen_until_us;
            self.plan_at(thaw, Happening::Deliver { tab, connection, stores, input });
            return;
        }
        let is_lost = connection.is_some_and(|connection| connection != alive.connection);
        let input = if is_lost && self.random.below(2) == 0 { lost(input) } else { input };
        let now_ms = self.clock_of(&self.tabs[&tab]);
        self.trace.say(|| format!("{:>12} tab {tab} <- {}", self.now_us, name_of(&input)));
        self.trace.add(self.now_us ^ tab << 48);
        self.trace.input(&input);
        self.with(tab, |_, alive| {
            for (store, untold) in alive.untold.iter_mut().enumerate() {
                *untold -= u32::from(stores >> store & 1);
            }
            alive.tab.handle(now_ms, input);
        });
        self.after(tab);
    }

    /// Takes up what a tab asks for and tells, until it has nothing more to say.
    pub(super) fn after(&mut self, tab: u64) {
        loop {
            let Some(alive) = self.tabs.get_mut(&tab) else { return };
            let effects = alive.tab.take_effects();
            if let Some(event) = alive.tab.next_event() {
                self.send(tab, effects);
                self.hear(tab, event);
                continue;
            }
            if effects.is_empty() && !self.follow(tab) {
                break;
            }
            self.send(tab, effects);
        }
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        let (changed, is_everything) = alive.tab.take_changed_rows();
        if is_everything {
            alive.known_rows.clear();
        }
        for row in changed {
            alive.known_rows.remove(&row);
        }
        if let Some((sequence, commit)) = alive.tab.last_commit() {
            self.history.check_seen(tab, sequence, commit);
        }
        if let Some(error) = alive.tab.closed_for() {
            assert!(
                matches!(
                    error.code,
                    Code::StorageUnavailable | Code::StorageFailed | Code::QuotaExceeded | Code::SchemaDoesNotFit
                ) || (error.code == Code::Corrupt && alive.may_be_damaged),
                "[closed] tab {tab} closed: {error}"
            );
            self.kill(tab, true);
            self.reopen_later();
        }
    }

    pub(super) fn reopen_later(&mut self) {
        let later = if self.is_calm { 100_000 } else { self.pace_us() * 5 };
        self.plan(later, Happening::Open);
    }

    fn send(&mut self, tab: u64, effects: Vec<Effect>) {
        for effect in effects {
            self.trace.say(|| format!("{:>12} tab {tab} -> {}", self.now_us, name_of_effect(&effect)));
            self.trace.effect(&effect);
            let is_slow = self.chance(self.setting.faults.slow);
            let delay = match &effect {
                Effect::WakeAfter { milliseconds } => (milliseconds * 1_000.0) as u64 + self.random.below(5_000),
                _ if is_slow => self.long_us(),
                _ => self.short_us(),
            };
            let Some(alive) = self.tabs.get_mut(&tab) else { return };
            // A tab that can't be opened is closed, and another one opened: that is not the tab's work.
            self.asked += u64::from(alive.is_open);
            let carried = if matches!(effect, Effect::Append { .. }) { alive.carried(tab) } else { Vec::new() };
            let (connection, version) = (alive.connection, alive.version);
            if matches!(effect, Effect::WakeAfter { .. }) {
                alive.sent.retain(|_, sent| !matches!(sent.effect, Effect::WakeAfter { .. }));
            }
            let number = alive.next_effect;
            alive.next_effect += 1;
            alive.sent.insert(number, Sent { effect, carried, connection, is_held: false, version });
            self.plan(delay, Happening::Execute { tab, number });
        }
    }

    /// A tab dies. What it sent may still reach the store, if the browser has it already.
    pub(super) fn kill(&mut self, tab: u64, is_orderly: bool) {
        let Some(alive) = self.tabs.remove(&tab) else { return };
        self.trace.say(|| format!("{:>12} tab {tab} dies", self.now_us));
        for (number, sent) in alive.sent {
            let survives = !matches!(sent.effect, Effect::Rebase { .. } | Effect::Reopen | Effect::Lock { .. });
            if survives && alive.is_connected && (is_orderly || self.random.below(2) == 0) {
                // A page that comes when attempts before the one in force are long deleted stays for ever, unless a
                // repair finds it. Browsers don't take that long.
                if matches!(sent.effect, Effect::WritePages { .. }) {
                    let delay = self.short_us();
                    self.plan(delay, Happening::Execute { tab, number });
                }
                self.ghosts.insert((tab, number), sent);
            }
        }
        self.lock_queue.retain(|waiting| *waiting != tab);
        if self.lock_holder == Some(tab) {
            self.lock_holder = None;
            self.grant_lock();
        }
    }

    pub(super) fn grant_lock(&mut self) {
        if self.lock_holder.is_none()
            && let Some(next) = self.lock_queue.pop_front()
        {
            self.lock_holder = Some(next);
            let later = self.short_us();
            self.plan(later, Happening::Deliver { tab: next, connection: None, stores: 0, input: Input::LockGranted });
        }
    }

    fn hear(&mut self, tab: u64, event: Event) {
        self.trace.say(|| format!("{:>12} tab {tab} says {event:?}", self.now_us));
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        match event {
            Event::Opened(Ok(())) => {
                alive.is_open = true;
                self.keep_stepping(tab);
            }
            // Nothing is synced here.
            Event::DocumentNews => {}
            // It is closed, which is looked at when it has said everything.
            Event::Opened(Err(_)) => {}
            Event::Settled { transaction, outcome } => self.settled(tab, transaction, outcome),
            Event::ReadReady { read, result } => {
                alive.read_of_followed_ended(read);
                let waits = |standing: Standing| standing == Standing::Waiting(read);
                let is_ok = result.is_ok();
                for running in alive.running.iter_mut().filter(|running| waits(running.standing)) {
                    running.standing = Standing::Ready;
                }
                if let Some(reading) = alive.reading.as_mut().filter(|reading| waits(reading.standing)) {
                    reading.standing = Standing::Ready;
                    if !is_ok {
                        alive.reading = None;
                    }
                }
                if let Err(error) = result {
                    check_code(&error, alive.may_be_damaged);
                }
                self.keep_stepping(tab);
            }
            Event::LiveChanged | Event::Ended(_) => {}
            Event::Trouble(error) => assert!(
                error.is_none_or(|error| matches!(error.code, Code::StorageFailed | Code::QuotaExceeded)),
                "[closed] tab {tab} tells of no trouble of storage"
            ),
            Event::SchemaChanged => {
                for running in &mut alive.running {
                    if running.standing == Standing::Building {
                        running.standing = Standing::Ready;
                    }
                }
                self.keep_stepping(tab);
            }
            Event::Problem(error) => assert!(
                matches!(error.code, Code::StorageFailed | Code::QuotaExceeded)
                    || error.code == Code::Corrupt && alive.may_be_damaged,
                "[closed] tab {tab} has a problem: {error}"
            ),
            Event::Repaired(result) => {
                if let Err(error) = result {
                    check_code(&error, false);
                }
            }
        }
    }
}

/// Errors that a tab may give although its caller did nothing wrong, and `Corrupt` if something may be damaged.
pub(super) fn check_code(error: &Error, may_be_damaged: bool) {
    assert!(
        (may_be_damaged && error.code == Code::Corrupt)
            || matches!(
                error.code,
                Code::SchemaChanged
                    | Code::SchemaEnforcementError
                    | Code::IndexNotFound
                    | Code::TableNotFound
                    | Code::TooManyConflicts
                    | Code::QuotaExceeded
                    | Code::StorageFailed
                    | Code::StorageUnavailable
                    | Code::DatabaseClosed
            ),
        "[closed] {error}"
    );
}
