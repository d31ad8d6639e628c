//! Tables that become synced while tabs write, and that are synced no longer.

use super::synced::{Writer, check_documents, entries, synced, synced_value};
use super::world::*;
use super::*;
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
    let steps: [Step; 4] = [Tab::drop_stamps, Tab::arrive, Tab::adopt_rows, Tab::judge_rows];
    steps.into_iter().any(|work| step(writer, tab, work))
}

fn crdt_keys(writer: &mut Writer, tab: usize) -> usize {
    let kinds = [0x40, 0x41, 0x42, 0x43, 0x50, 0x51, 0x52];
    kinds.iter().map(|kind| entries(&mut writer.world, tab, &[*kind], false).len()).sum()
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
