//! Commits of which nobody can say whether they were saved.

use super::failing::{FAILED, no_log};
use super::*;
use crate::store::Manifest;

/// A write whose record lands without anybody saying so, and its number in the log.
fn unheard(world: &mut World, tab: usize) -> (TransactionId, u64) {
    let lost = world.insert(tab, "lost", 1.0, None);
    let effects = world.tabs[tab].take_effects();
    let [Effect::Append { sequence, record }] = &effects[..] else { panic!("{effects:?}") };
    assert!(world.storage.append(*sequence, record.clone()));
    (lost, *sequence)
}

/// The answer to a rebase that had nothing to add comes when there is something: it says nothing about that.
#[test]
fn an_answer_is_not_taken_for_that_of_the_next_append() {
    for answer in [Input::RebasedToNothing, Input::AppendFailed(Failure::Aborted("no".into()))] {
        let mut world = World::new();
        let alice = world.open(Options::default(), definition(INDEXES));
        let bob = world.open(Options::default(), definition(INDEXES));
        world.insert(bob, "row", 1.0, None);
        world.settle();
        let row = world.row_of(alice, "row").expect("it is there").0;
        world.is_deaf = Some(alice);
        // What Alice has read, Bob changes before her append.
        let reader = world.tabs[alice].begin(world.now_ms, false).expect("open");
        world.read(alice, reader, row).expect("a row");
        world.patch(alice, reader, row, 5.0);
        let writer = world.tabs[bob].begin(world.now_ms, false).expect("open");
        world.patch(bob, writer, row, 9.0);
        assert_eq!(world.tabs[bob].finish(world.now_ms, writer), Ok(Finished::Queued));
        world.settle();
        world.sleep(60_000.0);
        world.tick(alice);
        assert_eq!(world.tabs[alice].finish(world.now_ms, reader), Ok(Finished::Queued));
        let effects = world.tabs[alice].take_effects();
        let Some(&Effect::Rebase { generation, after }) = effects.last() else { panic!("{effects:?}") };
        let tail = world.storage.read_log(generation, after, false);
        assert_eq!(world.tabs[alice].rebase(world.now_ms, tail), None);
        let next = world.insert(alice, "next", 1.0, None);
        let is_commit = |effect: &Effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
        assert!(!world.tabs[alice].take_effects().iter().any(is_commit), "one at a time");
        world.tabs[alice].handle(world.now_ms, answer);
        world.settle();
        let told = &world.events[alice];
        assert!(told.contains(&Event::Settled { transaction: reader, outcome: Outcome::RunAgain }), "{told:?}");
        assert!(told.contains(&Event::Settled { transaction: next, outcome: Outcome::Saved }), "{told:?}");
    }
}

#[test]
fn a_commit_whose_end_cannot_be_found_out_is_an_unknown_outcome_and_is_seen_later() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.insert(alice, "before", 0.0, None);
    world.settle();
    world.heard(alice);
    let (lost, _) = unheard(&mut world, alice);
    let behind = world.insert(alice, "behind", 2.0, None);
    let is_broken = world.break_down(no_log);
    is_broken.set(true);
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::OutcomeUnknown);
    world.settle();
    world.run_for(3_000.0);
    let settled = vec![(lost, Some(Code::OutcomeUnknown)), (behind, FAILED)];
    assert_eq!(world.heard(alice), (settled, vec![Code::StorageFailed]));
    assert_eq!(world.scan(alice, "by_k").len(), 1);
    let version = world.tabs[alice].version();
    is_broken.set(false);
    world.run_for(61_000.0);
    assert_eq!(world.scan(alice, "by_k").len(), 2);
    assert!(world.tabs[alice].version() > version, "readers hear of it");
}

/// Tried again, it would be saved twice.
#[test]
fn a_commit_that_the_manifest_may_have_forgotten_is_an_unknown_outcome() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.heard(alice);
    let (lost, sequence) = unheard(&mut world, alice);
    // More others write than a manifest remembers.
    world.is_deaf = Some(alice);
    // The last eight may not be in it yet.
    for n in 0..crate::store::MANIFEST_SESSIONS + 9 {
        let other = world.open(small(), definition(INDEXES));
        world.insert(other, "other", n as f64, None);
        world.settle();
    }
    let last = world.tabs.len() - 1;
    for _ in 0..3 {
        world.sleep(61_000.0);
        (0..=last).filter(|&tab| tab != alice).for_each(|tab| world.wake(tab));
    }
    assert!(!world.storage.log.contains_key(&sequence), "its record is deleted");
    let (_, newest) = world.storage.read_log(0, 0, true).manifest.expect("a checkpoint");
    assert!(Manifest::decode(&newest).expect("a manifest").sequence > sequence);
    let now = world.now_ms;
    world.tabs[alice].handle(now, Input::OutcomeUnknown);
    world.settle();
    assert_eq!(world.heard(alice).0, [(lost, Some(Code::OutcomeUnknown))]);
    let rows = world.scan(last, "by_k");
    assert_eq!(rows.iter().filter(|(_, row)| row.get("k") == Some(&string("lost"))).count(), 1);
    assert_eq!(world.scan(alice, "by_k"), rows);
}

#[test]
fn connections_that_were_lost_while_nothing_was_written_count_for_no_write() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    world.heard(alice);
    let lose = |world: &mut World| {
        let now_ms = world.now_ms;
        world.tabs[alice].handle(now_ms, Input::OutcomeUnknown);
        world.settle();
    };
    for _ in 0..3 {
        lose(&mut world);
        world.run_for(3_600_000.0);
    }
    let interrupted = world.insert(alice, "lost", 1.0, None);
    world.tabs[alice].take_effects();
    lose(&mut world);
    assert_eq!(world.heard(alice).0, [(interrupted, None)], "it is tried again");
}

/// It may have been saved with a number that the next change of the actor would have.
#[cfg(not(target_arch = "wasm32"))] // beside automerge
#[test]
fn the_actor_of_a_commit_with_an_unknown_outcome_is_not_used_again() {
    use super::synced::{check_documents, entries, synced};
    use crate::keyspace::Root;

    let mut world = World::new();
    let alice = world.open(Options::default(), synced());
    let schema = world.tabs[alice].current.schema.clone();
    let projects = schema.table("projects").expect("it").clone();
    let named = |name: &str| document::encode(&object(&[("name", string(name))]), &schema.names);
    let now_ms = world.now_ms;
    let begun = world.tabs[alice].begin(now_ms, false).expect("open");
    let row = world.tabs[alice].insert(begun, "projects", None, &mut named("first")).expect("inserted");
    world.tabs[alice].finish(now_ms, begun).expect("finished");
    world.settle();
    let text = crate::id::encode(projects.number, &row);
    let rename = |world: &mut World, name: &str| {
        world.tick(alice);
        let begun = world.tabs[alice].begin(world.now_ms, false).expect("open");
        while let Err(obstacle) = world.tabs[alice].replace(begun, projects.id, row, &text, &mut named(name)) {
            let Obstacle::Missing(pages) = obstacle else { panic!("{obstacle:?}") };
            world.tabs[alice].load(pages);
            world.settle();
        }
        assert_eq!(world.tabs[alice].finish(world.now_ms, begun), Ok(Finished::Queued));
    };
    // One is not saved, and its record is never seen; others write more than a manifest remembers.
    world.is_deaf = Some(alice);
    rename(&mut world, "lost");
    assert!(matches!(&world.tabs[alice].take_effects()[..], [Effect::Append { .. }]));
    for _ in 0..crate::store::MANIFEST_SESSIONS + 9 {
        let other = world.open(small(), synced());
        let begun = world.tabs[other].begin(world.now_ms, false).expect("open");
        let mut note = document::encode(&object(&[("text", string("a"))]), &schema.names);
        world.tabs[other].insert(begun, "notes", None, &mut note).expect("inserted");
        world.tabs[other].finish(world.now_ms, begun).expect("finished");
        world.settle();
    }
    for _ in 0..3 {
        world.sleep(61_000.0);
        (alice + 1..world.tabs.len()).for_each(|tab| world.wake(tab));
    }
    world.heard(alice);
    let now_ms = world.now_ms;
    world.tabs[alice].handle(now_ms, Input::OutcomeUnknown);
    world.settle();
    let settled = world.heard(alice).0;
    assert!(matches!(settled[..], [(_, Some(Code::OutcomeUnknown))]), "{settled:?}");
    rename(&mut world, "second");
    world.settle();
    check_documents(&mut world, alice, "alice");
    let root = Root { table: projects.id, id: row };
    let mut saved = automerge::Automerge::new();
    for (_, chunk) in entries(&mut world, alice, &root.changes_prefix(), false) {
        saved.load_incremental(&chunk).expect("applied");
    }
    let changes = saved.get_changes(&[]);
    let [.., first, second] = &changes[..] else { panic!("{changes:?}") };
    assert_ne!(first.actor_id(), second.actor_id());
}
