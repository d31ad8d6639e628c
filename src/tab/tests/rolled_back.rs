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
    let schema = world.tabs[alice].schema().clone();
    let table = schema.table("items").expect("it is there").id;
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let source = object(&[
        ("type", string("IndexRange")),
        ("indexName", string("items.by_k")),
        ("range", Value::from(Vec::new())),
        ("order", string("asc")),
    ]);
    let all = object(&[("source", source), ("operators", Value::from(Vec::new()))]);
    let plan = query::plan(&schema, &all).expect("a plan");
    assert_eq!(world.tabs[alice].count(Source::Transaction(transaction), &plan), Ok(Ok(0)));
    let mut row = document::encode(&object(&[("k", string("count")), ("n", Value::from(0.0))]), &schema.names);
    let id = world.tabs[alice].insert(transaction, "items", None, &mut row).expect("inserted");
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
    assert_eq!(world.scan(alice, "by_k").len(), 1, "it is shown at once");
    assert_eq!(world.tabs[alice].take_changed_rows(), (Vec::new(), false), "nobody can have kept it before");
    world.settle();
    assert!(world.events[alice].contains(&Event::Settled { transaction, outcome: Outcome::RunAgain }));
    assert!(world.tabs[alice].take_changed_rows().0.contains(&(table, id)));
}
