//! Tables that become synced while tabs write, and that are synced no longer.

use super::synced::{Writer, check_documents, entries, synced, synced_value};
use super::world::*;
use super::*;
use crate::keyspace;
use crate::random::{Random, seeds};
use crate::schema::SchemaDefinition;

fn local() -> SchemaDefinition {
    let Value::Object(mut schema) = synced_value() else { panic!("an object") };
    schema.remove("sync");
    SchemaDefinition::from_value(&Value::Object(schema)).expect("a schema")
}

pub(super) type Step = fn(&mut Tab, TransactionId) -> std::result::Result<Option<bool>, Obstacle>;

/// Takes a step; answers whether there was anything to do.
pub(super) fn step(writer: &mut Writer, tab: usize, work: Step) -> bool {
    writer.world.tick(tab);
    let now_ms = writer.world.now_ms;
    let transaction = writer.world.tabs[tab].begin(now_ms, false).expect("open");
    let done = writer.with_pages(tab, |tab| work(tab, transaction));
    match done {
        Some(Some(_)) => {
            if let Ok(Finished::RunAgain) = writer.world.tabs[tab].finish(now_ms, transaction) {
                writer.world.tabs[tab].abandon(transaction);
            }
            true
        }
        nothing => {
            writer.world.tabs[tab].abandon(transaction);
            nothing.is_none()
        }
    }
}

/// Takes the next step of whatever is to be done.
pub(super) fn settle_step(writer: &mut Writer, tab: usize) -> bool {
    let steps: [Step; 5] = [Tab::await_schema, Tab::drop_stamps, Tab::arrive, Tab::adopt_rows, Tab::judge_rows];
    steps.into_iter().any(|work| step(writer, tab, work))
}

fn crdt_keys(writer: &mut Writer, tab: usize) -> usize {
    let kinds = [0x40, 0x41, 0x42, 0x43, 0x50, 0x51, 0x52];
    kinds.iter().map(|kind| entries(&mut writer.world, tab, &[*kind], false).len()).sum()
}

#[test]
fn a_table_comes_back_before_a_checkpoint() {
    let mut writer = Writer { world: World::new(), random: Random::from_number(3), moves: true };
    for round in 0..3 {
        let tab = writer.world.open(Options::default(), synced());
        for _ in 0..10 {
            writer.mutate(tab);
            writer.settle();
        }
        let mut steps = 0;
        while settle_step(&mut writer, tab) {
            writer.settle();
            steps += 1;
            assert!(steps < 50, "round {round}: it never ends");
        }
        assert_eq!(entries(&mut writer.world, tab, &[0x43], false).len(), 3, "round {round}");
        check_documents(&mut writer.world, tab, &format!("round {round}"));
        // What is marked lies in pages when the marks are deleted.
        let tab = writer.world.open(small(), synced());
        for _ in 0..20 {
            writer.mutate(tab);
            writer.settle();
            writer.world.pass(5_000.0);
        }
        writer.world.kill(tab);
        writer.world.killed.clear();
        let tab = writer.world.open(Options::default(), local());
        while settle_step(&mut writer, tab) {
            writer.settle();
        }
        assert_eq!(crdt_keys(&mut writer, tab), 0, "round {round}");
    }
}

#[test]
fn a_row_of_a_project_that_is_gone_is_changed_before_it_has_stamps() {
    let mut writer = Writer { world: World::new(), random: Random::from_number(5), moves: false };
    let tab = writer.world.open(small(), local());
    for _ in 0..30 {
        writer.mutate(tab);
        writer.settle();
    }
    let schema = writer.world.tabs[tab].current.schema.clone();
    let [projects, tasks] = ["projects", "tasks"].map(|name| schema.table(name).expect("it").clone());
    let delete_all = |writer: &mut Writer, tab: usize, table: &crate::schema::Table| {
        let rows = entries(&mut writer.world, tab, &keyspace::row_prefix(table.id), false);
        for (key, _) in &rows {
            let row = keyspace::place_of(key).expect("a row").id;
            let text = crate::id::encode(table.number, &row);
            let now_ms = writer.world.now_ms;
            let transaction = writer.world.tabs[tab].begin(now_ms, false).expect("open");
            let deleted = writer.with_pages(tab, |tab| tab.delete(transaction, table.id, row, &text));
            assert!(deleted.is_some(), "{text} is deleted");
            writer.world.tabs[tab].finish(now_ms, transaction).expect("finished");
            writer.settle();
        }
        rows.len()
    };
    assert!(delete_all(&mut writer, tab, &projects) > 0);
    let tab = writer.world.open(small(), synced());
    assert!(delete_all(&mut writer, tab, &tasks) > 0);
    assert!(entries(&mut writer.world, tab, &keyspace::row_prefix(tasks.id), false).is_empty());
}

#[test]
fn tables_become_synced_and_local_again() {
    let (mut seen, mut steps) = (0, 0);
    for seed in seeds(30) {
        let mut writer = Writer { world: World::new(), random: Random::from_number(seed), moves: true };
        let mut tabs = vec![writer.world.open(small(), local())];
        for round in 0..2 {
            for _ in 0..20 {
                let tab = tabs[0];
                writer.mutate(tab);
                writer.settle();
            }
            assert_eq!(crdt_keys(&mut writer, tabs[0]), 0, "seed {seed}, round {round}");
            // Two tabs find the tables to be synced, and both begin.
            tabs = vec![writer.world.open(small(), synced()), writer.world.open(small(), synced())];
            let mut is_done = [false; 2];
            while !is_done[0] || !is_done[1] {
                let at = writer.below(2);
                is_done[at] = !settle_step(&mut writer, tabs[at]);
                steps += 1;
                if writer.below(2) == 0 {
                    let other = tabs[writer.below(2)];
                    writer.mutate(other);
                }
                if writer.below(3) > 0 {
                    writer.settle();
                }
                if writer.below(6) == 0 {
                    writer.world.pass(5_000.0);
                }
                if writer.below(6) == 0 {
                    writer.settle();
                    tabs[at] = writer.world.open(small(), synced());
                }
            }
            writer.settle();
            for &tab in &tabs {
                let hint = format!("seed {seed}, round {round}");
                seen += check_documents(&mut writer.world, tab, &hint);
                assert_eq!(writer.world.verify(tab).problems, Vec::<String>::new(), "{hint}");
            }
            // And nobody begins again.
            assert!(!settle_step(&mut writer, tabs[0]));
            let marked = entries(&mut writer.world, tabs[0], &[0x43], false).len();
            assert_eq!(marked, 3);

            tabs = vec![writer.world.open(small(), local())];
            while step(&mut writer, tabs[0], Tab::drop_stamps) {
                writer.mutate(tabs[0]);
                writer.settle();
            }
            assert_eq!(writer.world.verify(tabs[0]).problems, Vec::<String>::new());
            assert_eq!(crdt_keys(&mut writer, tabs[0]), 0, "seed {seed}, round {round}");
        }
    }
    assert!(seen > 500 && steps > 100, "{seen} rows, {steps} steps");
}
