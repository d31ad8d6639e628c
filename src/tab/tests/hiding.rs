//! Rows of synced tables that a narrower schema does not accept: hidden, listed, and back with a wider one.

use super::deleted::Tasks;
use super::narrowing::is_commit;
use super::synced::{entries, synced, synced_value_with_titles};
use super::world::*;
use super::*;
use crate::keyspace::{self, RowId};
use crate::schema::SchemaDefinition;
use std::collections::BTreeSet;

/// Titles are one word.
fn one_title() -> SchemaDefinition {
    let title = object(&[("type", string("literal")), ("value", string("good"))]);
    SchemaDefinition::from_value(&synced_value_with_titles(title)).expect("a schema")
}

impl Tasks {
    /// The ids of the tasks that a tab shows, and of those that it lists as misfits.
    fn shown_and_misfits(&mut self, tab: usize) -> (BTreeSet<String>, BTreeSet<String>) {
        let schema = self.world.tabs[tab].current.schema.clone();
        let number = schema.table("tasks").expect("the table").number;
        let prefix = keyspace::id_prefix(self.tasks.id);
        let shown = entries(&mut self.world, tab, &prefix, true);
        let shown =
            shown.iter().filter_map(|(key, _)| Some(crate::id::encode(number, &keyspace::id_of(key)?))).collect();
        for _ in 0..20 {
            match self.world.tabs[tab].problems() {
                Ok(problems) => return (shown, problems.into_iter().map(|problem| problem.id_text).collect()),
                Err(Obstacle::Missing(pages)) => drop(self.world.tabs[tab].load(pages)),
                Err(obstacle) => panic!("{obstacle:?}"),
            }
            self.world.settle();
        }
        panic!("pages without end");
    }
}

#[test]
fn rows_of_synced_tables_that_do_not_fit_are_hidden_and_come_back() {
    let mut world = Tasks::new();
    let project = world.project();
    // More than are hidden at once.
    let texts = |world: &Tasks, rows: &[RowId]| rows.iter().map(|row| world.text(*row)).collect::<BTreeSet<_>>();
    let good: Vec<RowId> = (0..4).map(|_| world.task(project, "good")).collect();
    let bad: Vec<RowId> = (0..8).map(|_| world.task(project, "bad")).collect();
    let (good, bad) = (texts(&world, &good), texts(&world, &bad));

    let narrow = world.world.open(small(), one_title());
    assert_eq!(world.world.opened(narrow), Ok(()));
    assert_eq!(world.shown_and_misfits(narrow), (good.clone(), bad.clone()));
    assert_eq!(world.world.verify(narrow).problems, Vec::<String>::new());

    let wide = world.world.open(small(), synced());
    assert_eq!(world.world.opened(wide), Ok(()));
    let all: BTreeSet<String> = good.union(&bad).cloned().collect();
    for _ in 0..50 {
        let begun = world.world.tabs[wide].begin(world.world.now_ms, false).expect("open");
        match world.world.tabs[wide].settle_tables(begun) {
            Ok(true) => drop(world.world.tabs[wide].finish(world.world.now_ms, begun)),
            Ok(false) | Err(Obstacle::Stale) => world.world.tabs[wide].abandon(begun),
            Err(Obstacle::Missing(pages)) => {
                world.world.tabs[wide].load(pages);
                world.world.tabs[wide].abandon(begun);
            }
            Err(Obstacle::Error(error)) => panic!("{error}"),
        }
        world.world.settle();
    }
    assert_eq!(world.shown_and_misfits(wide), (all, BTreeSet::new()));
    assert_eq!(world.world.verify(wide).problems, Vec::<String>::new());
    // And once more.
    let narrow = world.world.open(small(), one_title());
    assert_eq!(world.world.opened(narrow), Ok(()));
    assert_eq!(world.shown_and_misfits(narrow), (good, bad));
}

#[test]
fn what_comes_before_a_narrower_schema_is_hidden_where_it_is_synced() {
    for is_late in [false, true] {
        let mut world = Tasks::new();
        let project = world.project();
        let first = world.task(project, "bad");
        // While the schema, or what hides the first one, is on its way.
        let mut held = 0;
        world.world.held = Some((|effect| is_commit(effect), Vec::new()));
        let narrow = world.world.open(small(), one_title());
        let kept = world.world.held.take();
        held += kept.as_ref().map_or(0, |(_, effects)| effects.len());
        assert!(held > 0, "something is on its way");
        let second = world.task(project, if is_late { "bad" } else { "good" });
        world.world.held = kept;
        world.world.release();
        world.world.settle();
        assert_eq!(world.world.opened(narrow), Ok(()));
        let (shown, misfits) = world.shown_and_misfits(narrow);
        let expected = [vec![world.text(first)], if is_late { vec![world.text(second)] } else { vec![] }].concat();
        assert_eq!(misfits, expected.into_iter().collect());
        assert_eq!(shown.len(), usize::from(!is_late));
        assert_eq!(world.world.verify(narrow).problems, Vec::<String>::new());
    }
}
