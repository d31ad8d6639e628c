//! Programs of a tab begin, take a step at a time, end, and run again.

use super::history::Carried;
use super::program::{Program, Query, Stop, check_sum};
use super::running::{Running, Standing, Taken, current_count, current_rows};
use super::world::{Alive, Happening, World, check_code};
use crate::error::Code;
use crate::random::Random;
use crate::tab::{Finished, Outcome, QueryRun, TransactionId};
use std::rc::Rc;

/// A query of what a tab shows, outside all transactions.
pub(super) struct Reading {
    pub(super) query: Query,
    pub(super) run: Option<(QueryRun, Taken)>,
    pub(super) standing: Standing,
}

/// In a browser it is the rest of a task.
const GATHERING_US: u64 = 300;

impl World {
    pub(super) fn keep_stepping(&mut self, tab: u64) {
        let later = self.pace_us();
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        if !alive.is_stepping {
            alive.is_stepping = true;
            self.plan(later, Happening::Step { tab });
        }
    }

    pub(super) fn settled(&mut self, tab: u64, transaction: TransactionId, outcome: Outcome) {
        let is_saved = self.history.is_saved(tab, transaction);
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        let is_closed = alive.tab.closed_for().is_some();
        let Some(mut running) = alive.finished.remove(&transaction) else {
            assert!(is_closed, "[twice] {transaction:?} of tab {tab} settled unasked: {outcome:?}");
            return;
        };
        match outcome {
            Outcome::Saved => {
                if !is_saved {
                    self.history.check_told(tab, &running);
                }
            }
            Outcome::Rejected(error) => {
                // What a tab could not find out may be either.
                if !is_closed && error.code != Code::OutcomeUnknown {
                    check_code(&error, alive.may_be_damaged);
                    assert!(!is_saved, "[lost] {transaction:?} of tab {tab} is in the log and was rejected: {error}");
                }
            }
            Outcome::RunAgain => {
                assert!(!is_saved, "[twice] {transaction:?} of tab {tab} is in the log and shall run again");
                if alive.rerun(&mut running) {
                    alive.running.push(running);
                    self.keep_stepping(tab);
                }
            }
        }
    }

    /// A tab sends what its programs have finished meanwhile.
    pub(super) fn send_gathered(&mut self, tab: u64) {
        let Some(alive) = self.tabs.get(&tab) else { return };
        if alive.frozen_until_us > self.now_us {
            self.plan_at(alive.frozen_until_us, Happening::Send { tab });
            return;
        }
        let now_ms = self.clock_of(alive);
        self.with(tab, |_, alive| alive.tab.send(now_ms));
        self.after(tab);
    }

    /// A tab's programs take a step, or a new one begins.
    pub(super) fn step(&mut self, tab: u64) {
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        alive.is_stepping = false;
        if alive.frozen_until_us > self.now_us {
            let thaw = alive.frozen_until_us;
            alive.is_stepping = true;
            self.plan_at(thaw, Happening::Step { tab });
            return;
        }
        if !alive.is_open {
            return;
        }
        let now_ms = self.clock_of(&self.tabs[&tab]);
        self.with(tab, |world, alive| {
            alive.change_what_is_followed();
            let wants_new = alive.running.is_empty() || (alive.running.len() < 4 && world.random.below(4) == 0);
            if wants_new && world.programs_left > 0 {
                world.programs_left -= 1;
                world.begin(tab, alive, now_ms);
            }
            world.step_one(tab, alive, now_ms);
        });
        self.after(tab);
        let Some(alive) = self.tabs.get(&tab) else { return };
        if self.programs_left > 0 || !alive.running.is_empty() || alive.reading.is_some() {
            self.keep_stepping(tab);
        }
    }

    fn begin(&mut self, tab: u64, alive: &mut Alive, now_ms: f64) {
        let program = match self.random.below(8) {
            _ if !alive.has_founded => Program::found(),
            0 => Program::reading(&mut self.random),
            1 => {
                if alive.reading.is_none() {
                    alive.reading = Some(Reading::some(&mut self.random));
                }
                return;
            }
            2 if self.random.below(3) == 0 => Program::import(&mut self.random),
            _ => Program::mutation(&mut self.random, self.setting.padding),
        };
        alive.has_founded = true;
        let Ok(transaction) = alive.tab.begin(now_ms, program.is_read_only) else { return };
        self.trace.say(|| format!("{:>12} tab {tab} begins {transaction:?} {program:?}", self.now_us));
        alive.running.push(Running::new(&alive.tab, transaction, Rc::new(program)));
    }

    fn step_one(&mut self, tab: u64, alive: &mut Alive, now_ms: f64) {
        let choices = alive.running.len() + usize::from(alive.reading.is_some());
        if choices == 0 {
            return;
        }
        let chosen = self.random.below(choices as u64) as usize;
        if chosen == alive.running.len() {
            alive.read_current();
            return;
        }
        let mut running = alive.running.swap_remove(chosen);
        if running.standing == Standing::Building && self.random.below(8) == 0 {
            // It need not wait for the index for ever; another snapshot may have it.
            if self.random.below(4) == 0 {
                alive.tab.abandon(running.transaction);
            } else if alive.rerun(&mut running) {
                alive.running.push(running);
            }
            return;
        }
        if running.standing != Standing::Ready {
            alive.running.push(running);
            return;
        }
        let calls = self.random.below(4) as u32 + 1;
        let transaction = running.transaction;
        match running.step(&mut alive.tab, calls) {
            Ok(()) => {
                if self.chance(self.setting.faults.abandon) && !self.is_calm {
                    alive.tab.abandon(transaction);
                    return;
                }
                // Told to finish, the tab may at once send what carries this mutation.
                running.standing = Standing::Finished;
                let is_read_only = running.program.is_read_only;
                self.trace.say(|| format!("{:>12} tab {tab} finishes {transaction:?}", self.now_us));
                alive.finished.insert(transaction, running);
                if self.has_gathering && !alive.tab.is_gathering() {
                    alive.tab.gather();
                    self.plan(GATHERING_US, Happening::Send { tab });
                }
                match alive.tab.finish(now_ms, transaction) {
                    Ok(Finished::Queued) => assert!(!is_read_only, "[closed] a reading program is queued"),
                    Ok(Finished::Done) => {
                        let running = alive.finished.remove(&transaction).expect("it was just put there");
                        if !is_read_only {
                            self.history.check_told(tab, &running);
                        }
                    }
                    Ok(Finished::RunAgain) => {
                        let running = alive.finished.remove(&transaction);
                        let mut running = running.expect("it was just put there");
                        if alive.rerun(&mut running) {
                            alive.running.push(running);
                        }
                    }
                    Err(error) => {
                        check_code(&error, alive.may_be_damaged);
                        alive.finished.remove(&transaction);
                    }
                }
            }
            Err(stop) => {
                running.standing = match stop {
                    Stop::Pause => Standing::Ready,
                    Stop::Wait(read) => Standing::Waiting(read),
                    Stop::Building => Standing::Building,
                    Stop::Again => {
                        if alive.rerun(&mut running) {
                            alive.running.push(running);
                        }
                        return;
                    }
                    Stop::Error(error) => {
                        check_code(&error, alive.may_be_damaged);
                        self.trace.say(|| format!("{:>12} tab {tab} gives {transaction:?} up: {error}", self.now_us));
                        alive.tab.abandon(transaction);
                        return;
                    }
                    Stop::Diverged | Stop::Told { .. } => panic!("[panic] only the model diverges"),
                };
                alive.running.push(running);
            }
        }
    }
}

impl Reading {
    pub(super) fn some(random: &mut Random) -> Self {
        let index = ["by_creation_time", "by_name", "by_balance"][random.below(3) as usize];
        Reading { query: Query::all("accounts", index), run: None, standing: Standing::Ready }
    }
}

impl Alive {
    /// Goes on with a query of what this tab shows.
    pub(super) fn read_current(&mut self) {
        let Some(mut reading) = self.reading.take() else { return };
        if let Standing::Waiting(_) = reading.standing {
            self.reading = Some(reading);
            return;
        }
        match current_rows(&mut self.tab, &reading.query, &mut reading.run) {
            Ok(rows) => {
                check_sum(&rows);
                if let Ok(count) = current_count(&mut self.tab, &reading.query) {
                    // Another version may be current by now, but accounts never come or go.
                    assert!(
                        rows.is_empty() || count == rows.len() as u64,
                        "[consistent] {} accounts, counted {count}",
                        rows.len()
                    );
                }
            }
            Err(Stop::Wait(read)) => {
                reading.standing = Standing::Waiting(read);
                self.reading = Some(reading);
            }
            Err(Stop::Again | Stop::Pause) => {
                reading.standing = Standing::Ready;
                reading.run = None;
                self.reading = Some(reading);
            }
            Err(Stop::Building) => {}
            Err(Stop::Error(error)) => check_code(&error, self.may_be_damaged),
            Err(Stop::Diverged | Stop::Told { .. }) => panic!("[panic] only the model diverges"),
        }
    }

    pub(super) fn standings(&self) -> Vec<Standing> {
        self.running.iter().map(|running| running.standing).collect()
    }

    /// The mutations that the append under way holds.
    pub(super) fn carried(&self, tab: u64) -> Vec<Carried> {
        let transactions = self.tab.flight_transactions();
        transactions
            .into_iter()
            .map(|transaction| {
                let Some(running) = self.finished.get(&transaction) else {
                    panic!("[twice] tab {tab} saves {transaction:?}, which nobody has finished");
                };
                let (inserts, answers) = (running.inserts(), running.answers().to_vec());
                Carried { transaction, program: running.program.clone(), inserts, answers }
            })
            .collect()
    }

    /// Whether the program may run again.
    fn rerun(&mut self, running: &mut Running) -> bool {
        running.restart(&self.tab);
        match self.tab.rerun(running.transaction) {
            Ok(()) => true,
            Err(error) => {
                check_code(&error, self.may_be_damaged);
                false
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.running.is_empty() && self.finished.is_empty() && self.reading.is_none()
    }
}
