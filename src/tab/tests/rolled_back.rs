//! Rows of a mutation that lost.

use super::*;

/// Whoever keeps rows by id has to hear of it: the next run gives the row the same id and may give it another content.
#[test]
fn a_new_row_that_is_taken_back_counts_as_changed() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    world.is_deaf = Some(alice);
    world.insert(bob, "bob", 1.0, None);
    world.settle();
    world.tabs[alice].take_changed_rows();
    let table = world.tabs[alice].schema().table("items").expect("it is there").id;
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let plan = all_of(&world.tabs[alice], "by_k");
    assert_eq!(world.tabs[alice].count(Source::Transaction(transaction), &plan), Ok(Ok(0)));
    let id = world.put(alice, transaction, "count", 0.0, None);
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
    assert_eq!(world.scan(alice, "by_k").len(), 1, "it is shown at once");
    assert_eq!(world.tabs[alice].take_changed_rows(), (Vec::new(), false), "nobody can have kept it before");
    world.settle();
    assert!(world.events[alice].contains(&Event::Settled { transaction, outcome: Outcome::RunAgain }));
    assert!(world.tabs[alice].take_changed_rows().0.contains(&(table, id)));
}
