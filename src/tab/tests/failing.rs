//! Storage that fails, for once, for a while or for good: nothing hangs, nothing is busy without end, and
//! whoever waits hears why.

use super::*;
use std::cell::Cell;
use std::rc::Rc;

/// Whether something is wrong now.
type Switch = Rc<Cell<bool>>;

impl World {
    /// As long as the switch is on, these effects are answered so.
    pub(super) fn break_down(&mut self, mut fails: impl FnMut(&Effect) -> Option<Input> + 'static) -> Switch {
        let is_broken = Rc::new(Cell::new(false));
        let switch = is_broken.clone();
        self.fails = Box::new(move |effect| if is_broken.get() { fails(effect) } else { None });
        switch
    }

    /// How transactions ended, and what a person heard of, since the last call.
    pub(super) fn heard(&mut self, tab: usize) -> (Vec<(TransactionId, Option<Code>)>, Vec<Code>) {
        let (mut settled, mut problems) = (Vec::new(), Vec::new());
        for event in std::mem::take(&mut self.events[tab]) {
            match event {
                Event::Settled { transaction, outcome: Outcome::Saved } => settled.push((transaction, None)),
                Event::Settled { transaction, outcome: Outcome::Rejected(error) } => {
                    settled.push((transaction, Some(error.code)));
                }
                Event::Settled { outcome: Outcome::RunAgain, .. } => panic!("nothing runs again"),
                Event::Problem(error) => problems.push(error.code),
                _ => {}
            }
        }
        (settled, problems)
    }

    fn count_asked(&self, is_wanted: impl Fn(&Effect) -> bool) -> usize {
        self.asked.iter().filter(|effect| is_wanted(effect)).count()
    }

    fn delete(&mut self, tab: usize, place: &Place) -> TransactionId {
        let id = self.tabs[tab].begin(self.now_ms, false).expect("open");
        let table = self.tabs[tab].schema().tables()[0].id;
        assert_eq!(self.tabs[tab].delete(id, table, place.id, "id"), Ok(()));
        assert_eq!(self.tabs[tab].finish(self.now_ms, id), Ok(Finished::Queued));
        id
    }
}

const FULL: Option<Code> = Some(Code::QuotaExceeded);
pub(super) const FAILED: Option<Code> = Some(Code::StorageFailed);

fn no_pages(effect: &Effect) -> Option<Input> {
    matches!(effect, Effect::WritePages { .. }).then_some(Input::MaintenanceFailed(Failure::Quota))
}

fn is_try(effect: &Effect) -> bool {
    matches!(effect, Effect::ReserveAttempt { .. })
}

/// Writes more than the log may hold, in one record.
fn write_much(world: &mut World, tab: usize) {
    let id = world.tabs[tab].begin(world.now_ms, false).expect("open");
    for n in 0..100 {
        world.put(tab, id, "much", f64::from(n), None);
    }
    assert_eq!(world.tabs[tab].finish(world.now_ms, id), Ok(Finished::Queued));
    world.settle();
    assert!(world.tabs[tab].must_wait_for_checkpoint());
    world.heard(tab);
    world.asked.clear();
}

/// A tab whose log is over its budget, and its checkpoint fails.
fn over_budget(
    fails: impl FnMut(&Effect) -> Option<Input> + 'static,
    before: impl FnOnce(&mut World, usize),
) -> (World, usize, Switch) {
    let mut world = World::new();
    let alice = world.open(Options { overlay_bytes: 2_000, ..small() }, definition(INDEXES));
    before(&mut world, alice);
    let is_broken = world.break_down(fails);
    is_broken.set(true);
    write_much(&mut world, alice);
    (world, alice, is_broken)
}

#[test]
fn a_full_disk_rejects_writes_that_wait_for_room_and_later_ones_try_again() {
    let (mut world, alice, is_full) = over_budget(no_pages, |_, _| ());
    let first = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice), (vec![(first, FULL)], vec![Code::QuotaExceeded]));
    assert!(world.count_asked(is_try) <= 5, "{} tries", world.count_asked(is_try));
    // Nobody waits: the tries become rare, and nothing more is said.
    world.asked.clear();
    world.run_for(600_000.0);
    assert!((5..50).contains(&world.count_asked(is_try)), "{} tries", world.count_asked(is_try));
    assert_eq!(world.heard(alice), (vec![], vec![]));
    // Whoever writes now need not wait for the next of them.
    let second = world.insert(alice, "waits", 2.0, None);
    world.settle();
    world.run_for(1_500.0);
    assert_eq!(world.heard(alice), (vec![(second, FULL)], vec![]));
    is_full.set(false);
    let third = world.insert(alice, "room", 3.0, None);
    world.settle();
    world.run_for(1_500.0);
    assert_eq!(world.heard(alice), (vec![(third, None)], vec![]));
    assert_eq!(world.scan(alice, "by_k").len(), 101);
    assert!(!world.tabs[alice].must_wait_for_checkpoint());
    // The next time is told of again.
    is_full.set(true);
    write_much(&mut world, alice);
    let fourth = world.insert(alice, "waits", 4.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice), (vec![(fourth, FULL)], vec![Code::QuotaExceeded]));
}

#[test]
fn a_disk_that_is_full_for_a_moment_is_no_problem() {
    let (mut world, alice, is_full) = over_budget(no_pages, |_, _| ());
    let waiting = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(300.0);
    is_full.set(false);
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice), (vec![(waiting, None)], vec![]));
}

#[test]
fn deletions_do_not_wait_for_room() {
    let (mut world, alice, _) = over_budget(no_pages, |_, _| ());
    let rows = world.scan(alice, "by_k");
    let waits = world.insert(alice, "waits", 1.0, None);
    let delete = world.delete(alice, &rows[0].0);
    let waits_too = world.insert(alice, "waits", 2.0, None);
    world.settle();
    world.run_for(3_000.0);
    let (settled, _) = world.heard(alice);
    assert_eq!(settled, [(waits, FULL), (waits_too, FULL), (delete, None)]);
    for (place, _) in &rows[1..99] {
        world.delete(alice, place);
        world.settle();
    }
    assert!(world.heard(alice).0.iter().all(|(_, error)| error.is_none()));
    assert_eq!(world.scan(alice, "by_k").len(), 1);
}

#[test]
fn what_is_superseded_is_deleted_before_a_failed_checkpoint_is_tried_again() {
    let is_trimmed = Rc::new(Cell::new(false));
    let noted = is_trimmed.clone();
    let no_room_before_trim = move |effect: &Effect| match effect {
        Effect::Trim { log_upto: 1.., .. } => {
            noted.set(true);
            None
        }
        effect => no_pages(effect).filter(|_| !noted.get()),
    };
    let fill = |world: &mut World, alice| {
        for n in 0..40 {
            world.insert(alice, "before", f64::from(n), None);
            world.settle();
        }
        world.now_ms += 100_000.0;
    };
    let (mut world, alice, _) = over_budget(no_room_before_trim, fill);
    let waiting = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert!(is_trimmed.get());
    assert_eq!(world.heard(alice).0, [(waiting, None)]);
}

#[test]
fn checkpoints_whose_pages_cannot_be_read_are_not_tried_without_end() {
    let no_reads = |effect: &Effect| match effect {
        Effect::Load { read, .. } => Some(Input::LoadFailed { read: *read, message: "no.".into() }),
        _ => None,
    };
    let fill = |world: &mut World, alice: usize| {
        for n in 0..40 {
            world.insert(alice, "before", f64::from(n), None);
            world.settle();
        }
        // It has nothing in memory.
        world.tabs[alice] = Tab::new(Options { overlay_bytes: 2_000, ..small() }, definition(INDEXES), [9; 32]);
        world.settle();
    };
    let (mut world, alice, is_broken) = over_budget(no_reads, fill);
    let waiting = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice), (vec![(waiting, FAILED)], vec![Code::StorageFailed]));
    is_broken.set(false);
    let waiting = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice).0, [(waiting, None)]);
}

#[test]
fn a_checkpoint_is_not_tried_again_before_what_is_due_is_deleted_however_long_answers_take() {
    let fill = |world: &mut World, alice| {
        for n in 0..40 {
            world.insert(alice, "before", f64::from(n), None);
            world.settle();
        }
        world.now_ms += 100_000.0;
    };
    // It hears nothing about its pages, nor about those that it deletes, until it is told by hand.
    let silent = |effect: &Effect| match effect {
        Effect::WritePages { .. } | Effect::Trim { .. } => Some(Input::RebasedToNothing),
        _ => None,
    };
    let (mut world, alice, is_broken) = over_budget(silent, fill);
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::MaintenanceFailed(Failure::Quota));
    world.settle();
    world.now_ms += 10_000.0;
    is_broken.set(false);
    world.asked.clear();
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Trimmed { is_complete: true });
    world.settle();
    let place = |is_wanted: fn(&Effect) -> bool| world.asked.iter().position(is_wanted);
    let trim = place(|effect| matches!(effect, Effect::Trim { log_upto: 1.., .. }));
    assert!(trim.is_some() && trim < place(is_try), "{:?}", world.asked);
}

#[test]
fn what_waits_for_room_does_not_go_along_with_a_deletion() {
    let (mut world, alice, _) = over_budget(no_pages, |_, _| ());
    let rows = world.scan(alice, "by_k");
    world.run_for(1_000.0);
    world.delete(alice, &rows[0].0);
    assert_eq!(appended_rows(&mut world, alice), 1);
    world.delete(alice, &rows[1].0);
    world.insert(alice, "waits", 1.0, None);
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Appended);
    assert_eq!(appended_rows(&mut world, alice), 1);
}

#[test]
fn a_deletion_that_is_under_way_is_not_run_again_for_writes_that_are_let_go() {
    // It hears nothing about its pages until it is told by hand.
    let silent = |effect: &Effect| matches!(effect, Effect::WritePages { .. }).then_some(Input::RebasedToNothing);
    let (mut world, alice, _) = over_budget(silent, |_, _| ());
    let fail = |world: &mut World| {
        let now = world.now_ms;
        world.tabs[alice].handle(now, Input::MaintenanceFailed(Failure::Quota));
    };
    for _ in 0..2 {
        fail(&mut world);
        world.settle();
        world.run_for(30_000.0);
    }
    let rows = world.scan(alice, "by_k");
    // It has counted, so that an insert that comes to nothing touches it.
    let id = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let source =
        object(&[("type", string("FullTableScan")), ("tableName", string("items")), ("order", Value::from("asc"))]);
    let query = object(&[("source", source), ("operators", Value::from(Vec::new()))]);
    let plan = query::plan(&world.tabs[alice].schema().clone(), &query).expect("a plan");
    assert!(matches!(world.tabs[alice].count(Source::Transaction(id), &plan), Ok(Ok(100))));
    let table = world.tabs[alice].schema().tables()[0].id;
    assert_eq!(world.tabs[alice].delete(id, table, rows[0].0.id, "id"), Ok(()));
    assert_eq!(world.tabs[alice].finish(world.now_ms, id), Ok(Finished::Queued));
    let effects = stored_effects(&mut world, alice);
    let [Effect::Rebase { generation, after }] = effects[..] else { panic!("{effects:?}") };
    let tail = world.storage.read_log(generation, after, false);
    let now = world.now_ms;
    let (sequence, record) = world.tabs[alice].rebase(now, tail).expect("the deletion goes");
    let waits = world.insert(alice, "waits", 1.0, None);
    fail(&mut world);
    let first: Vec<Event> = std::iter::from_fn(|| world.tabs[alice].next_event()).collect();
    let [Event::Problem(error)] = &first[..] else { panic!("{first:?}") };
    assert_eq!(error.code, Code::QuotaExceeded);
    assert!(world.storage.append(sequence, record));
    world.tabs[alice].handle(now, Input::Appended);
    world.settle();
    assert_eq!(world.heard(alice).0, [(id, None), (waits, FULL)]);
}

pub(super) fn no_log(effect: &Effect) -> Option<Input> {
    match effect {
        Effect::ReadLog { .. } => Some(Input::ReadLogFailed { message: "no.".into() }),
        Effect::Rebase { .. } => Some(Input::OutcomeUnknown),
        _ => None,
    }
}

fn is_read(effect: &Effect) -> bool {
    matches!(effect, Effect::ReadLog { .. } | Effect::Rebase { .. } | Effect::Reopen)
}

#[test]
fn a_log_that_cannot_be_read_rejects_what_waits_and_is_tried_again_slowly() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let is_broken = world.break_down(no_log);
    is_broken.set(true);
    world.now_ms += 20_000.0;
    world.heard(alice);
    let first = world.insert(alice, "waits", 1.0, None);
    world.settle();
    world.run_for(3_000.0);
    assert_eq!(world.heard(alice), (vec![(first, FAILED)], vec![Code::StorageFailed]));
    assert!(world.count_asked(is_read) < 20, "{}", world.count_asked(is_read));
    world.asked.clear();
    world.run_for(600_000.0);
    assert!((10..100).contains(&world.count_asked(is_read)), "{}", world.count_asked(is_read));
    let second = world.insert(alice, "waits", 2.0, None);
    world.settle();
    world.run_for(1_500.0);
    assert_eq!(world.heard(alice), (vec![(second, FAILED)], vec![]));
    // It heals by itself, and what others wrote meanwhile is seen.
    is_broken.set(false);
    let bob = world.open(Options::default(), definition(INDEXES));
    let third = world.insert(bob, "other", 3.0, None);
    world.settle();
    assert_eq!(world.heard(bob).0, [(third, None)]);
    world.run_for(61_000.0);
    assert_eq!(world.scan(alice, "by_k").len(), 1);
    let fourth = world.insert(alice, "well", 4.0, None);
    world.settle();
    assert_eq!(world.heard(alice).0, [(fourth, None)]);
}

#[test]
fn whoever_can_not_read_the_log_gives_the_lock_back() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    let is_broken = world.break_down(no_log);
    while world.count_asked(|effect| matches!(effect, Effect::Lock { .. })) == 0 {
        is_broken.set(world.tabs[alice].stats().log_records == 7);
        world.insert(alice, "k", 1.0, None);
        world.settle();
    }
    world.run_for(20_000.0);
    assert!(world.lock.is_none());
}

#[test]
fn a_rebase_that_fails_again_and_again_rejects_its_mutation() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.heard(alice);
    let no_rebase = |effect: &Effect| matches!(effect, Effect::Rebase { .. }).then_some(Input::OutcomeUnknown);
    world.break_down(no_rebase).set(true);
    let first = world.insert(alice, "first", 1.0, None);
    world.tabs[alice].take_effects();
    // Others are writing: this and the next appends look at the log first.
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::AppendConflict);
    world.settle();
    assert_eq!(world.heard(alice).0, [], "it is tried again after a pause");
    world.run_for(2_000.0);
    assert_eq!(world.heard(alice).0, [(first, FAILED)]);
    let second = world.insert(alice, "second", 2.0, None);
    world.settle();
    assert_eq!(world.heard(alice).0, [(second, FAILED)], "the next one is tried once");
    assert_eq!(world.tabs[alice].stats().pending, 0);
}

#[test]
fn a_repair_without_room_says_so() {
    for is_early in [true, false] {
        let (mut world, alice) = filled();
        let no_room = move |effect: &Effect| match effect {
            effect if is_early && is_try(effect) => Some(Input::MaintenanceFailed(Failure::Quota)),
            effect => no_pages(effect),
        };
        let is_full = world.break_down(no_room);
        for is_full_now in [true, false] {
            is_full.set(is_full_now);
            world.events[alice].clear();
            let now = world.now_ms;
            world.tabs[alice].start_repair(now).expect("open");
            world.settle();
            world.run_for(1_000.0);
            let repaired = world.events[alice].iter().filter_map(|event| match event {
                Event::Repaired(result) => Some(result.as_ref().map(|report| report.rows).map_err(|e| e.code)),
                _ => None,
            });
            let expected = if is_full_now { Err(Code::QuotaExceeded) } else { Ok(200) };
            assert_eq!(repaired.collect::<Vec<_>>(), [expected]);
        }
    }
}

/// The next effects that concern the store.
fn stored_effects(world: &mut World, tab: usize) -> Vec<Effect> {
    let effects = world.tabs[tab].take_effects();
    effects.into_iter().filter(|e| !matches!(e, Effect::WakeAfter { .. } | Effect::Announce(_))).collect()
}

/// How many rows the append that is asked for holds.
fn appended_rows(world: &mut World, tab: usize) -> usize {
    let effects = stored_effects(world, tab);
    let [Effect::Append { record, .. }] = &effects[..] else { panic!("{effects:?}") };
    Record::decode(&crate::bytes::Bytes::from(&record[..])).expect("a record").rows().count()
}

#[test]
fn a_group_that_failed_is_tried_one_by_one_and_what_follows_together_again() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.insert(alice, "first", 0.0, None);
    world.settle();
    world.heard(alice);
    let before = world.insert(alice, "before", 0.0, None);
    assert_eq!(appended_rows(&mut world, alice), 1);
    let group: Vec<TransactionId> = (0..3).map(|n| world.insert(alice, "k", f64::from(n), None)).collect();
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Appended);
    assert_eq!(appended_rows(&mut world, alice), 3);
    world.tabs[alice].handle(now, Input::AppendFailed(Failure::Quota));
    // The first is the culprit, and counts as one of the three.
    assert_eq!(appended_rows(&mut world, alice), 1);
    world.tabs[alice].handle(now, Input::AppendFailed(Failure::Quota));
    assert_eq!(appended_rows(&mut world, alice), 1);
    world.tabs[alice].handle(now, Input::Appended);
    assert_eq!(appended_rows(&mut world, alice), 1);
    let behind: Vec<TransactionId> = (0..2).map(|n| world.insert(alice, "l", f64::from(n), None)).collect();
    world.tabs[alice].handle(now, Input::Appended);
    assert_eq!(appended_rows(&mut world, alice), 2);
    world.tabs[alice].handle(now, Input::Appended);
    world.settle();
    let mut expected = vec![(before, None), (group[0], FULL)];
    expected.extend(group[1..].iter().chain(&behind).map(|id| (*id, None)));
    assert_eq!(world.heard(alice).0, expected);
}

#[test]
fn whoever_loses_the_lock_gives_its_checkpoint_up() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    let is_sent = Rc::new(Cell::new(false));
    let noted = is_sent.clone();
    // The first pages are on their way; their answer is still to come.
    world.fails = Box::new(move |effect| {
        let is_first = matches!(effect, Effect::WritePages { .. }) && !noted.replace(true);
        is_first.then_some(Input::RebasedToNothing)
    });
    while !is_sent.get() {
        world.insert(alice, "k", 1.0, None);
        world.settle();
    }
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::LockLost);
    assert_eq!(stored_effects(&mut world, alice), []);
    world.tabs[alice].handle(now, Input::PagesWritten);
    // What it made is deleted. The lock is not its to give back, and it asks for it like everybody.
    let effects = stored_effects(&mut world, alice);
    let [Effect::Trim { log_upto: 0, pages, .. }, Effect::Lock { steal: false }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert_eq!(pages.len(), 1);
}

#[test]
fn an_answer_about_the_log_is_as_old_as_its_question() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    for (waited_ms, is_blind) in [(1_000.0, true), (11_000.0, false)] {
        world.tabs[alice].refresh();
        let effects = stored_effects(&mut world, alice);
        let [Effect::ReadLog { generation, after, from_manifest }] = effects[..] else { panic!("{effects:?}") };
        let tail = world.storage.read_log(generation, after, from_manifest);
        world.now_ms += waited_ms;
        let now = world.now_ms;
        world.tabs[alice].handle(now, Input::LogRead(tail));
        world.insert(alice, "k", 1.0, None);
        let effects = world.tabs[alice].take_effects();
        let is_append = effects.iter().any(|effect| matches!(effect, Effect::Append { .. }));
        let is_rebase = effects.iter().any(|effect| matches!(effect, Effect::Rebase { .. }));
        assert_eq!((is_append, is_rebase), (is_blind, !is_blind), "{effects:?}");
        for effect in effects {
            world.perform(alice, effect);
        }
        world.settle();
    }
}

#[test]
fn index_work_that_finds_no_room_is_not_busy_without_end() {
    let mut world = World::new();
    let alice = world.open(small(), definition(&INDEXES[..1]));
    for n in 0..50 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    // The new schema goes through, what its index holds does not.
    let no_progress = |effect: &Effect| match effect {
        Effect::Append { record, .. } => {
            let record = Record::decode(&crate::bytes::Bytes::from(&record[..])).expect("a record");
            record.progress.map(|_| Input::AppendFailed(Failure::Quota))
        }
        _ => None,
    };
    let is_full = world.break_down(no_progress);
    is_full.set(true);
    world.asked.clear();
    let bob = world.open(Options { job_slice_rows: 7, ..small() }, definition(INDEXES));
    world.run_for(60_000.0);
    let tries = world.count_asked(|effect| matches!(effect, Effect::Append { .. }));
    assert!((3..30).contains(&tries), "{tries}");
    is_full.set(false);
    world.run_for(20_000.0);
    assert_eq!(world.scan(bob, "by_g_n").len(), 50);
}

#[test]
fn checkpoints_end_with_their_numbers() {
    let (mut world, alice) = filled();
    world.storage.attempts = crate::store::ATTEMPTS_END - 2;
    let before = world.tabs[alice].stats().generation;
    for n in 0..40 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    // A count that is far too large is not believed.
    assert!(world.tabs[alice].stats().generation > before);
    assert!(world.storage.attempts < 1_000);
    // Whoever believed it made the last manifest that there can be.
    world
        .break_down(|effect| match effect {
            Effect::ReserveAttempt { .. } => Some(Input::AttemptReserved { attempt: crate::store::ATTEMPTS_END }),
            _ => None,
        })
        .set(true);
    for n in 0..40 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    world.heard(alice);
    world.asked.clear();
    world.run_for(600_000.0);
    assert!((1..50).contains(&world.count_asked(is_try)), "{}", world.count_asked(is_try));
    assert_eq!(world.heard(alice).1, [Code::StorageFailed]);
}
