//! Somebody sets the clock back while a tab knows nothing of what others did.

use super::*;

/// Alice has written, folded the log away and deleted it, and Bob has heard of nothing. Then the clock is set back, so
/// that by it no time has passed since Bob last looked.
fn bob_in_the_dark() -> (World, usize, usize) {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    let bob = world.open(small(), definition(INDEXES));
    world.insert(bob, "first", 0.0, None);
    world.settle();
    world.is_deaf = Some(bob);
    for n in 0..40 {
        world.insert(alice, "alice", f64::from(n), None);
        world.settle();
    }
    let before_ms = world.now_ms;
    for _ in 0..50 {
        world.sleep(1000.0);
        world.wake(alice);
    }
    assert!(*world.storage.log.keys().next().expect("a record") > 30, "the log was cut");
    world.now_ms = before_ms + 1.0;
    (world, alice, bob)
}

#[test]
fn a_write_does_not_land_where_the_log_was_cut() {
    let (mut world, _, bob) = bob_in_the_dark();
    // What happened meanwhile is not known one by one, so that the first run may have to be repeated.
    let is_saved = (0..2).any(|_| {
        let transaction = world.insert(bob, "bob", 7.0, None);
        world.settle();
        world.events[bob].contains(&Event::Settled { transaction, outcome: Outcome::Saved })
    });
    assert!(is_saved);
    let carol = world.open(small(), definition(INDEXES));
    let rows = world.scan(carol, "by_k");
    assert_eq!(rows.len(), 42);
    assert_eq!(rows[40].1.get("k"), Some(&string("bob")));
    assert_eq!(world.scan(bob, "by_k"), rows);
}

#[test]
fn a_late_message_is_no_damage() {
    let (mut world, alice, bob) = bob_in_the_dark();
    let Stats { generation, sequence, .. } = world.tabs[alice].stats();
    world.tick(bob);
    let now_ms = world.now_ms;
    world.tabs[bob].handle(now_ms, Input::Announced(Announcement { generation, sequence, turn_ms: 0 }));
    world.settle();
    assert!(!world.events[bob].iter().any(|event| matches!(event, Event::Problem(_))), "{:?}", world.events[bob]);
    assert_eq!(world.scan(bob, "by_k"), world.scan(alice, "by_k"));
}

/// Bob has read a row in a mutation. The one record that he has missed since, which changes it, is gone, and a tab that
/// slept has put another one in its place.
fn bob_before_a_stray_record() -> (World, usize, usize, TransactionId, RowId, u64) {
    let mut world = World::new();
    let options = Options { checkpoint_log_records: 1, ..small() };
    let alice = world.open(options.clone(), definition(INDEXES));
    let bob = world.open(options, definition(INDEXES));
    world.insert(alice, "first", 0.0, None);
    world.settle();
    let (place, _) = world.scan(bob, "by_k")[0];
    world.is_deaf = Some(bob);
    let reader = world.tabs[bob].begin(world.now_ms, false).expect("open");
    let table = world.tabs[bob].schema().table("items").expect("it is there").id;
    assert!(world.tabs[bob].read_row(reader, table, place.id).expect("readable").is_some());
    // Alice changes what Bob has read.
    let writer = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.patch(alice, writer, place.id, 99.0);
    assert_eq!(world.tabs[alice].finish(world.now_ms, writer), Ok(Finished::Queued));
    world.settle();
    let change = world.tabs[alice].stats().sequence;
    for _ in 0..50 {
        world.sleep(1000.0);
        world.wake(alice);
    }
    assert!(world.storage.log.is_empty());
    assert!(world.storage.append(change, Record::empty().encode()));
    (world, alice, bob, reader, place.id, change)
}

#[test]
fn a_stray_record_is_not_taken_for_the_one_that_was_deleted() {
    let (mut world, alice, bob, reader, _, change) = bob_before_a_stray_record();
    world.now_ms -= 49_999.0;
    world.tick(bob);
    let Stats { generation, .. } = world.tabs[alice].stats();
    world.tabs[bob].handle(world.now_ms, Input::Announced(Announcement { generation, sequence: change, turn_ms: 0 }));
    world.settle();
    world.put(bob, reader, "z", 1.0, None);
    assert_eq!(world.tabs[bob].finish(world.now_ms, reader), Ok(Finished::RunAgain));
}

#[test]
fn nor_by_a_tab_that_writes_before_it_has_looked() {
    let (mut world, alice, bob, reader, row, _) = bob_before_a_stray_record();
    world.tick(bob);
    world.patch(bob, reader, row, 5.0);
    assert_eq!(world.tabs[bob].finish(world.now_ms, reader), Ok(Finished::Queued));
    world.settle();
    let again = Event::Settled { transaction: reader, outcome: Outcome::RunAgain };
    assert!(world.events[bob].contains(&again), "{:?}", world.events[bob]);
    world.tabs[bob].abandon(reader);
    let carol = world.open(small(), definition(INDEXES));
    for tab in [alice, bob, carol] {
        assert_eq!(world.scan(tab, "by_k")[0].1.get("n"), Some(&Value::from(99.0)), "{tab}");
    }
}
