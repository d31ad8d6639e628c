//! Tabs that change one row at once: none of them starves.

use super::*;
use crate::keyspace::RowId;

impl World {
    /// Reads a row and changes it, and says how that ended.
    fn change(&mut self, tab: usize, transaction: TransactionId, row: RowId, n: f64) -> Finished {
        self.read(tab, transaction, row).expect("a row");
        self.patch(tab, transaction, row, n);
        let now_ms = self.now_ms;
        self.tabs[tab].finish(now_ms, transaction).expect("open")
    }

    /// One change, from beginning to end.
    fn change_once(&mut self, tab: usize, row: RowId, n: f64) -> TransactionId {
        let transaction = self.tabs[tab].begin(self.now_ms, false).expect("open");
        assert_eq!(self.change(tab, transaction, row, n), Finished::Queued);
        self.settle();
        transaction
    }

    fn is_saved(&self, tab: usize, transaction: TransactionId) -> bool {
        self.events[tab].contains(&Event::Settled { transaction, outcome: Outcome::Saved })
    }

    /// The turns that were asked for.
    fn wishes(&self) -> Vec<u32> {
        let wish = |effect: &Effect| match effect {
            Effect::Announce(announcement) if announcement.turn_ms > 0 => Some(announcement.turn_ms),
            _ => None,
        };
        self.asked.iter().filter_map(wish).collect()
    }
}

/// Two tabs, and a mutation of alice that has lost so many runs against bob.
fn losing(times: u32) -> (World, usize, usize, RowId, TransactionId) {
    let (mut world, alice) = filled();
    let bob = world.open(small(), definition(INDEXES));
    let row = world.row_of(alice, "k001").expect("it is there").0;
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for time in 0..times {
        world.read(alice, transaction, row).expect("a row");
        world.change_once(bob, row, f64::from(time));
        assert_eq!(world.change(alice, transaction, row, 100.0), Finished::RunAgain);
        world.tabs[alice].rerun(transaction).expect("open");
        world.settle();
    }
    (world, alice, bob, row, transaction)
}

#[test]
fn who_loses_twice_goes_first() {
    let (world, ..) = losing(1);
    assert!(world.wishes().is_empty(), "anybody loses once");
    let (mut world, alice, bob, row, transaction) = losing(2);
    assert_eq!(world.wishes().len(), 1);
    let waits = world.change_once(bob, row, 50.0);
    assert!(!world.is_saved(bob, waits));
    assert_eq!(world.change(alice, transaction, row, 100.0), Finished::Queued);
    world.settle();
    assert!(world.is_saved(alice, transaction));
    let again = Event::Settled { transaction: waits, outcome: Outcome::RunAgain };
    assert!(world.events[bob].contains(&again), "its turn is over, and what it has read is old");
    world.tabs[bob].rerun(waits).expect("open");
    assert_eq!(world.change(bob, waits, row, 50.0), Finished::Queued);
    world.settle();
    assert!(world.is_saved(bob, waits));
}

#[test]
fn nobody_waits_for_one_that_sleeps() {
    let (mut world, _, bob, row, _) = losing(2);
    let waits = world.change_once(bob, row, 50.0);
    world.run_for(f64::from(world.wishes()[0]) - 1.0);
    assert!(!world.is_saved(bob, waits));
    world.run_for(1.0);
    assert!(world.is_saved(bob, waits));
}

#[test]
fn who_has_waited_commits_before_it_waits_again() {
    let (mut world, alice, bob, row, _) = losing(2);
    let ask = |world: &mut World, turn_ms| {
        let now_ms = world.now_ms;
        let told = Announcement { turn_ms, ..Announcement::default() };
        world.tabs[bob].handle(now_ms, Input::Announced(told));
        world.settle();
    };
    let first = world.change_once(bob, row, 50.0);
    ask(&mut world, u32::MAX);
    world.run_for(f64::from(world.wishes()[0]));
    assert!(world.is_saved(bob, first));
    // Whoever says so: a turn has its limits.
    ask(&mut world, u32::MAX);
    let second = world.change_once(bob, row, 51.0);
    assert!(!world.is_saved(bob, second));
    world.run_for(f64::from(LONGEST_TURN_MS));
    assert!(world.is_saved(bob, second));
    // Who has asked does not wait for another that asks.
    let mine = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for time in 0..2 {
        world.read(alice, mine, row).expect("a row");
        world.change_once(bob, row, f64::from(time));
        assert_eq!(world.change(alice, mine, row, 100.0), Finished::RunAgain);
        world.tabs[alice].rerun(mine).expect("open");
    }
    let told = Announcement { turn_ms: 100, ..Announcement::default() };
    world.tabs[alice].handle(world.now_ms, Input::Announced(told));
    assert_eq!(world.change(alice, mine, row, 100.0), Finished::Queued);
    world.settle();
    assert!(world.is_saved(alice, mine));
}

/// A tab that hears of nobody's wish can beat another one for ever; the other one says so in the end.
#[test]
fn who_loses_a_hundred_runs_gives_up() {
    let (mut world, alice) = filled();
    let bob = world.open(small(), definition(INDEXES));
    world.is_deaf = Some(bob);
    let row = world.row_of(alice, "k001").expect("it is there").0;
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let mut runs = 1;
    let error = loop {
        world.read(alice, transaction, row).expect("a row");
        world.change_once(bob, row, f64::from(10 + runs));
        assert_eq!(world.change(alice, transaction, row, 1_000.0), Finished::RunAgain);
        match world.tabs[alice].rerun(transaction) {
            Ok(()) => runs += 1,
            Err(error) => break error,
        }
        world.settle();
    };
    assert_eq!((error.code, runs), (Code::TooManyConflicts, 101));
    // Whoever waited for it goes on, and nothing of it is left.
    let next = world.change_once(alice, row, 2_000.0);
    assert!(world.is_saved(alice, next));
    assert_eq!(world.row_of(bob, "k001").map(|(_, n)| n), Some(f64::from(10 + runs)), "bob has heard of nothing since");
}
