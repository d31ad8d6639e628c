//! Connections that are silent, or can't be made again.

use super::*;

/// What was told of trouble since the last call: its codes, and nothing for its end.
fn troubles(world: &mut World, tab: usize) -> Vec<Option<Code>> {
    let told = world.events[tab].iter().filter_map(|event| match event {
        Event::Trouble(error) => Some(error.as_ref().map(|error| error.code)),
        _ => None,
    });
    told.collect()
}

#[test]
fn an_append_that_is_not_answered_is_looked_for_through_another_connection() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.heard(alice);
    let id = world.insert(alice, "silent", 1.0, None);
    // It goes out, and nothing is heard of it.
    let sent = world.tabs[alice].take_effects();
    assert!(sent.iter().any(|effect| matches!(effect, Effect::Append { .. })), "{sent:?}");
    world.now_ms += 19_999.0;
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Wake);
    assert!(!world.tabs[alice].take_effects().contains(&Effect::Reopen), "it may still come");
    world.now_ms += 1.0;
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Wake);
    world.settle();
    assert_eq!(troubles(&mut world, alice), [Some(Code::StorageFailed), None]);
    assert_eq!(world.heard(alice).0, [(id, None)]);
    assert_eq!(world.scan(alice, "by_k").len(), 1);
}

#[test]
fn a_connection_that_can_not_be_made_rejects_what_waits_and_is_tried_again() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.insert(alice, "before", 1.0, None);
    world.settle();
    world.heard(alice);
    let under_way = world.insert(alice, "under way", 2.0, None);
    let behind = world.insert(alice, "behind", 3.0, None);
    world.tabs[alice].take_effects();
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::OutcomeUnknown);
    assert!(world.tabs[alice].take_effects().contains(&Effect::Reopen));
    let message = || "not now.".to_owned();
    world.tabs[alice].handle(now, Input::NotReopened { message: message() });
    world.tabs[alice].take_effects();
    while let Some(event) = world.tabs[alice].next_event() {
        world.events[alice].push(event);
    }
    assert_eq!(troubles(&mut world, alice).last(), Some(&Some(Code::StorageFailed)));
    let settled = vec![(under_way, Some(Code::OutcomeUnknown)), (behind, Some(Code::StorageFailed))];
    assert_eq!(world.heard(alice), (settled, vec![Code::StorageFailed]));
    assert_eq!(world.scan(alice, "by_k").len(), 1, "reads go on");
    // Nobody writes, and it heals.
    world.now_ms += 61_000.0;
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::Wake);
    world.settle();
    assert_eq!(troubles(&mut world, alice), [None]);
    let after = world.insert(alice, "after", 4.0, None);
    world.settle();
    assert_eq!(world.heard(alice).0, [(after, None)]);
}
