//! What a query with a limit has read, and what not.

use super::*;

/// Reads the first `limit` items by their `k`, in one direction, inside a transaction.
fn read(world: &mut World, tab: usize, transaction: TransactionId, is_descending: bool, limit: usize) -> Vec<RowId> {
    let source = object(&[
        ("type", string("IndexRange")),
        ("indexName", string("items.by_k")),
        ("range", Value::from(Vec::new())),
        ("order", string(if is_descending { "desc" } else { "asc" })),
    ]);
    let operators = Value::from(vec![object(&[("limit", Value::from(limit as f64))])]);
    let query = object(&[("source", source), ("operators", operators)]);
    let plan = query::plan(&world.tabs[tab].schema().clone(), &query).expect("a plan");
    let mut run = world.tabs[tab].start_query(Source::Transaction(transaction), plan).expect("open");
    let mut rows = Collected::default();
    assert_eq!(world.tabs[tab].step_query(&mut run, &mut rows), Ok(RunStep::Done));
    rows.rows.iter().map(|(place, _)| place.id).collect()
}

pub(super) fn patch(world: &mut World, tab: usize, transaction: TransactionId, row: RowId) {
    let schema = world.tabs[tab].schema().clone();
    let table = schema.table("items").expect("it is there").id;
    let change = [("n".to_string(), Some(Value::from(99.0)))].into_iter().collect();
    let mut bytes = document::encode_patch(&change, &schema.names);
    world.tabs[tab].patch(transaction, table, row, "", &mut bytes).expect("patched");
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
                patch(&mut world, alice, writer, order[changed]);
                assert_eq!(world.tabs[alice].finish(world.now_ms, writer), Ok(Finished::Queued));
                let mut note = document::encode(
                    &object(&[("k", string("z")), ("n", Value::from(1.0))]),
                    &world.tabs[alice].schema().names,
                );
                world.tabs[alice].insert(reader, "items", None, &mut note).expect("inserted");
                let expected = if changed < limit { Finished::RunAgain } else { Finished::Queued };
                let finished = world.tabs[alice].finish(world.now_ms, reader);
                assert_eq!(finished, Ok(expected), "row {changed} of the first {limit}, descending: {is_descending}");
            }
        }
    }
}
