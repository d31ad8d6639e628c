//! What is finished in one task of a page goes out in one record.

use super::*;

#[test]
fn what_is_finished_together_is_one_record() {
    let (mut world, alice) = filled();
    let before = world.tabs[alice].stats().sequence;
    world.tabs[alice].gather();
    let transactions = ["one", "two", "three"].map(|k| world.insert(alice, k, 1.0, None));
    world.settle();
    assert_eq!(world.tabs[alice].stats().sequence, before, "nothing goes out before it is sent");
    assert_eq!(world.scan(alice, "by_k").len(), 203, "but it is shown");
    world.tabs[alice].send(world.now_ms);
    world.settle();
    assert_eq!(world.tabs[alice].stats().sequence, before + 1);
    for transaction in transactions {
        assert!(world.events[alice].contains(&Event::Settled { transaction, outcome: Outcome::Saved }));
    }
}

#[test]
fn what_has_gathered_is_rejected_when_the_tab_closes() {
    let (mut world, alice) = filled();
    world.tabs[alice].gather();
    let transaction = world.insert(alice, "late", 1.0, None);
    world.tabs[alice].close();
    world.tabs[alice].send(world.now_ms);
    world.settle();
    let is_rejected = |event: &Event| matches!(event, Event::Settled { transaction: of, outcome: Outcome::Rejected(_) } if *of == transaction);
    assert_eq!(world.events[alice].iter().filter(|event| is_rejected(event)).count(), 1);
}
