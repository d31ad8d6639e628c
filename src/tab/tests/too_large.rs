//! Mutations that write more than one may.

use super::*;

/// How a write ends.
type Written = std::result::Result<(), Obstacle>;

const LIMIT: usize = 1_000;

/// A tab with a limit of its own, and `rows` items that have a long `k`, one commit each.
fn with_items(limit: usize, rows: usize) -> (World, usize, Vec<RowId>) {
    let mut world = World::new();
    let alice = world.open(Options { commit_bytes: limit, ..Options::default() }, definition(INDEXES));
    for n in 0..rows {
        world.insert(alice, &long(n), n as f64, None);
        world.settle();
    }
    let items = world.scan(alice, "by_creation_time").iter().map(|(place, _)| place.id).collect();
    (world, alice, items)
}

fn long(n: usize) -> String {
    format!("{n:0400}")
}

fn try_insert(world: &mut World, tab: usize, transaction: TransactionId, k: &str) -> Written {
    let schema = world.tabs[tab].schema().clone();
    let mut bytes = document::encode(&object(&[("k", string(k)), ("n", Value::from(1.0))]), &schema.names);
    world.tabs[tab].insert(transaction, "items", None, &mut bytes).map(|_| ())
}

fn try_patch(world: &mut World, tab: usize, transaction: TransactionId, row: RowId, k: &str) -> Written {
    let schema = world.tabs[tab].schema().clone();
    let table = schema.table("items").expect("the table");
    let changes = [("k".to_string(), Some(string(k)))].into_iter().collect();
    let mut bytes = document::encode_patch(&changes, &schema.names);
    let text = crate::id::encode(table.number, &row);
    world.tabs[tab].patch(transaction, table.id, row, &text, &mut bytes)
}

fn try_delete(world: &mut World, tab: usize, transaction: TransactionId, row: RowId) -> Written {
    let schema = world.tabs[tab].schema().clone();
    let table = schema.table("items").expect("the table");
    let text = crate::id::encode(table.number, &row);
    world.tabs[tab].delete(transaction, table.id, row, &text)
}

fn is_too_large(outcome: &Written) -> bool {
    matches!(outcome, Err(Obstacle::Error(error)) if error.code == Code::TransactionTooLarge)
}

/// The mutation ends with the error, whatever its function made of it, and nothing of it stays.
fn is_refused(mut world: World, tab: usize, transaction: TransactionId) {
    let (before, rows) = (world.storage.clone(), world.scan(tab, "by_k"));
    let refused = world.tabs[tab].finish(world.now_ms, transaction).expect_err("it is too large");
    assert_eq!(refused.code, Code::TransactionTooLarge);
    world.settle();
    assert_eq!(world.storage, before, "nothing is saved");
    assert_eq!(world.scan(tab, "by_k"), rows, "nothing is shown");
    let again = world.tabs[tab].finish(world.now_ms, transaction).expect_err("it has ended");
    assert_eq!(again.code, Code::TransactionClosed);
    // Who comes next is not held up.
    world.insert(tab, "next", 1.0, None);
    world.settle();
    assert_eq!(world.scan(tab, "by_k").len(), rows.len() + 1);
}

#[test]
fn inserts_of_more_than_a_mutation_may_write_are_refused() {
    let (mut world, alice, _) = with_items(LIMIT, 0);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for n in 0..3 {
        assert_eq!(try_insert(&mut world, alice, transaction, &long(n)), Ok(()));
    }
    assert!(is_too_large(&try_insert(&mut world, alice, transaction, "more")));
    is_refused(world, alice, transaction);
}

/// What goes over the limit may be the last write, which is only counted after it.
#[test]
fn one_write_that_is_too_large_is_refused_at_the_end() {
    let (mut world, alice, _) = with_items(LIMIT, 0);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    assert_eq!(try_insert(&mut world, alice, transaction, &"x".repeat(2 * LIMIT)), Ok(()));
    is_refused(world, alice, transaction);
}

#[test]
fn deletions_count_by_the_keys_that_they_remove() {
    let (mut world, alice, items) = with_items(LIMIT, 10);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let outcomes: Vec<_> = items.iter().map(|&row| try_delete(&mut world, alice, transaction, row)).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
    assert!(outcomes[3..].iter().all(is_too_large));
    is_refused(world, alice, transaction);
}

#[test]
fn patches_count_by_the_keys_that_they_move() {
    let (mut world, alice, items) = with_items(LIMIT, 10);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let outcomes: Vec<_> = items.iter().map(|&row| try_patch(&mut world, alice, transaction, row, "short")).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3, "{outcomes:?}");
    assert!(outcomes[3..].iter().all(is_too_large));
    is_refused(world, alice, transaction);
}

/// A record has the keys that a row had before the mutation, and no others.
#[test]
fn a_row_written_many_times_counts_its_old_keys_once() {
    const TIMES: usize = 1_000;
    // Each write is counted with its document of some 420 bytes.
    let (mut world, alice, items) = with_items(500 * TIMES, 1);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for n in 0..TIMES {
        assert_eq!(try_patch(&mut world, alice, transaction, items[0], &long(n + 1)), Ok(()), "patch {n}");
    }
    assert_eq!(try_delete(&mut world, alice, transaction, items[0]), Ok(()));
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
    world.settle();
    assert!(world.events[alice].contains(&Event::Settled { transaction, outcome: Outcome::Saved }));
    assert_eq!(world.scan(alice, "by_k"), []);
}

/// A row that the mutation itself has made leaves no key in the record.
#[test]
fn a_new_row_has_no_old_keys() {
    const ROWS: usize = 100;
    let (mut world, alice, _) = with_items(600 * ROWS, 0);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for n in 0..ROWS {
        let row = world.put(alice, transaction, &long(n), 1.0, None);
        assert_eq!(try_patch(&mut world, alice, transaction, row, "short"), Ok(()));
    }
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
    world.settle();
    assert_eq!(world.scan(alice, "by_k").len(), ROWS);
}

/// It is no use to run again what is too large whatever others have written.
#[test]
fn what_is_too_large_is_not_run_again() {
    let (mut world, alice, items) = with_items(LIMIT, 4);
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    for &row in &items[..3] {
        assert_eq!(try_delete(&mut world, alice, transaction, row), Ok(()));
    }
    let other = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.patch(alice, other, items[0], 99.0);
    assert_eq!(world.tabs[alice].finish(world.now_ms, other), Ok(Finished::Queued));
    world.settle();
    is_refused(world, alice, transaction);
}
