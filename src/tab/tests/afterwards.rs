//! An engine traps, and the next one finds out what became of its last append.

use super::*;

/// A write under way of a tab that is never heard of again: the note of it, and its effect.
fn left_behind(world: &mut World, tab: usize) -> (Vec<u32>, TransactionId, u64, Vec<u8>) {
    let transaction = world.insert(tab, "lost", 1.0, None);
    let mut note = vec![1, 2, 3];
    world.tabs[tab].flight_note(&mut note);
    let effects = world.tabs[tab].take_effects();
    let [Effect::Append { sequence, record }] = &effects[..] else { panic!("{effects:?}") };
    (note, transaction, *sequence, record.clone())
}

#[test]
fn a_note_names_the_transactions_under_way_and_the_log_says_what_became_of_them() {
    for lands in [true, false] {
        let (mut world, alice) = filled();
        let (note, transaction, sequence, record) = left_behind(&mut world, alice);
        assert_eq!(note[6..], [0, transaction.0]);
        if lands {
            assert!(world.storage.append(sequence, record));
        }
        let next = world.open(small(), definition(INDEXES));
        let expected = if lands { WasSaved::Yes } else { WasSaved::No };
        assert_eq!(world.tabs[next].was_saved(&note), expected);
        // Another one has written at that place of the log.
        world.insert(next, "other", 1.0, None);
        world.settle();
        assert_eq!(world.tabs[next].was_saved(&note), expected);
    }
}

/// The next record goes out before anybody is told that the one before it is saved.
#[test]
fn a_note_names_those_that_are_saved_and_were_not_told() {
    let (mut world, alice) = filled();
    world.heard(alice);
    let first = world.insert(alice, "first", 1.0, None);
    let second = world.insert(alice, "second", 1.0, None);
    let effects = world.tabs[alice].take_effects();
    let [Effect::Append { sequence, record }] = &effects[..] else { panic!("{effects:?}") };
    assert!(world.storage.append(*sequence, record.clone()));
    world.tabs[alice].handle(world.now_ms, Input::Appended);
    let mut note = Vec::new();
    world.tabs[alice].flight_note(&mut note);
    assert_eq!(note[6..], [1, first.0, second.0]);
}

#[test]
fn a_commit_below_a_checkpoint_is_known_by_its_session() {
    let (mut world, alice) = filled();
    let (note, _, sequence, record) = left_behind(&mut world, alice);
    assert!(world.storage.append(sequence, record));
    world.is_deaf = Some(alice);
    let next = world.open(small(), definition(INDEXES));
    for n in 0..40 {
        world.insert(next, "other", f64::from(n), None);
        world.settle();
    }
    for _ in 0..3 {
        world.sleep(61_000.0);
        world.wake(next);
    }
    assert!(!world.storage.log.contains_key(&sequence), "its record is deleted");
    let last = world.open(small(), definition(INDEXES));
    assert_eq!(world.tabs[last].was_saved(&note), WasSaved::Yes);
}

#[test]
fn without_anything_under_way_nothing_was_saved() {
    let (mut world, alice) = filled();
    let mut note = vec![1];
    world.tabs[alice].flight_note(&mut note);
    assert!(note.is_empty());
    assert_eq!(world.tabs[alice].was_saved(&note), WasSaved::No);
    let next = world.open(Options { first_transaction: 1000, ..small() }, definition(INDEXES));
    assert_eq!(world.insert(next, "k", 1.0, None).0, 1000, "numbers are not used twice");
}
