//! What a query with a limit has read, and what not.

use super::*;

/// Reads the first `limit` items by their `k`, in one direction, inside a transaction.
fn read(world: &mut World, tab: usize, transaction: TransactionId, is_descending: bool, limit: usize) -> Vec<RowId> {
    let plan = plan_of(&world.tabs[tab], "by_k", is_descending, Some(limit));
    let mut run = world.tabs[tab].start_query(Source::Transaction(transaction), plan).expect("open");
    let mut rows = Collected::default();
    assert_eq!(world.tabs[tab].step_query(&mut run, &mut rows), Ok(RunStep::Done));
    rows.rows.iter().map(|(place, _)| place.id).collect()
}

/// A change of a row that a limited query has given makes its reader run again; one of a row beyond does not.
#[test]
fn a_limited_query_guards_the_rows_that_it_has_given() {
    const ROWS: usize = 6;
    for is_descending in [false, true] {
        for limit in 1..=ROWS {
            for changed in 0..ROWS {
                let mut world = World::new();
                let alice = world.open(Options::default(), definition(INDEXES));
                for n in 0..ROWS {
                    world.insert(alice, &format!("k{n}"), n as f64, None);
                }
                world.settle();
                let mut order: Vec<RowId> = world.scan(alice, "by_k").iter().map(|(place, _)| place.id).collect();
                if is_descending {
                    order.reverse();
                }
                let reader = world.tabs[alice].begin(world.now_ms, false).expect("open");
                assert_eq!(read(&mut world, alice, reader, is_descending, limit), order[..limit]);
                let writer = world.tabs[alice].begin(world.now_ms, false).expect("open");
                world.patch(alice, writer, order[changed], 99.0);
                assert_eq!(world.tabs[alice].finish(world.now_ms, writer), Ok(Finished::Queued));
                world.put(alice, reader, "z", 1.0, None);
                let expected = if changed < limit { Finished::RunAgain } else { Finished::Queued };
                let finished = world.tabs[alice].finish(world.now_ms, reader);
                assert_eq!(finished, Ok(expected), "row {changed} of the first {limit}, descending: {is_descending}");
            }
        }
    }
}
