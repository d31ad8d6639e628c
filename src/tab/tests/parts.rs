//! Parts of a mutation, which can be taken back.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What happens in a mutation; numbers name rows by when they were made.
#[derive(Clone, Debug)]
enum Step {
    Insert(f64),
    Patch(usize, f64),
    Delete(usize),
    /// A query, which makes the writes so far a part of the state.
    Look,
    Part(Vec<Step>, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let leaf = prop_oneof![
        (0..9i32).prop_map(|n| Step::Insert(f64::from(n))),
        (0..12usize, 0..9i32).prop_map(|(row, n)| Step::Patch(row, f64::from(n))),
        (0..12usize).prop_map(Step::Delete),
        Just(Step::Look),
    ];
    let step = leaf.prop_recursive(3, 40, 6, |inner| {
        (prop::collection::vec(inner, 0..6), any::<bool>()).prop_map(|(steps, is_kept)| Step::Part(steps, is_kept))
    });
    prop::collection::vec(step, 0..12)
}

type Rows = BTreeMap<RowId, f64>;

struct Mutation<'a> {
    world: &'a mut World,
    transaction: TransactionId,
    made: Vec<RowId>,
    rows: Rows,
}

impl Mutation<'_> {
    fn take(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Insert(n) => {
                    let row = self.world.put(0, self.transaction, "k", *n, None);
                    self.made.push(row);
                    self.rows.insert(row, *n);
                }
                Step::Patch(row, n) => {
                    if let Some(row) = self.existing(*row) {
                        self.world.patch(0, self.transaction, row, *n);
                        self.rows.insert(row, *n);
                    }
                }
                Step::Delete(row) => {
                    if let Some(row) = self.existing(*row) {
                        let table = self.world.tabs[0].schema().table("items").expect("the table").id;
                        self.world.tabs[0].delete(self.transaction, table, row, "").expect("deleted");
                        self.rows.remove(&row);
                    }
                }
                Step::Look => self.look(),
                Step::Part(steps, is_kept) => {
                    let before = self.rows.clone();
                    self.world.tabs[0].begin_part(self.transaction).expect("open");
                    self.take(steps);
                    self.world.tabs[0].end_part(self.transaction, *is_kept).expect("open");
                    if !is_kept {
                        self.rows = before;
                    }
                    self.look();
                }
            }
        }
    }

    fn existing(&self, position: usize) -> Option<RowId> {
        self.made.get(position).copied().filter(|row| self.rows.contains_key(row))
    }

    fn look(&mut self) {
        let plan = all_of(&self.world.tabs[0], "by_k");
        let source = Source::Transaction(self.transaction);
        assert_eq!(self.world.tabs[0].count(source, &plan), Ok(Ok(self.rows.len() as u64)));
        for row in self.made.clone() {
            let table = self.world.tabs[0].schema().table("items").expect("the table").id;
            let found = self.world.tabs[0].read_row(self.transaction, table, row).map(|found| found.is_some());
            assert_eq!(found, Ok(self.rows.contains_key(&row)));
        }
    }
}

fn saved(world: &mut World) -> Rows {
    let number = |value: &Value| match value.get("n") {
        Some(Value::Float64(n)) => *n,
        other => panic!("{other:?}"),
    };
    world.scan(0, "by_k").iter().map(|(place, value)| (place.id, number(value))).collect()
}

proptest! {
    #[test]
    fn a_mutation_saves_what_its_kept_parts_wrote(first in steps(), second in steps()) {
        let mut world = World::new();
        world.open(small(), definition(INDEXES));
        let (mut made, mut rows) = (Vec::new(), Rows::new());
        for steps in [&first, &second] {
            let transaction = world.tabs[0].begin(world.now_ms, false).expect("open");
            let mut mutation = Mutation { world: &mut world, transaction, made, rows };
            mutation.take(steps);
            Mutation { made, rows, .. } = mutation;
            world.tabs[0].finish(world.now_ms, transaction).expect("open");
            world.settle();
            prop_assert_eq!(&saved(&mut world), &rows);
        }
        prop_assert_eq!(world.verify(0).problems, Vec::<String>::new());
    }
}

/// That a part failed may rest on what it read.
#[test]
fn what_a_part_read_that_was_taken_back_was_read() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.tabs[alice].begin_part(transaction).expect("open");
    let plan = all_of(&world.tabs[alice], "by_k");
    assert_eq!(world.tabs[alice].count(Source::Transaction(transaction), &plan), Ok(Ok(0)));
    world.tabs[alice].end_part(transaction, false).expect("open");
    world.put(alice, transaction, "k", 1.0, None);
    world.insert(alice, "other", 1.0, None);
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::RunAgain));
}

#[test]
fn a_run_again_has_no_parts_of_the_run_before() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.tabs[alice].begin_part(transaction).expect("open");
    world.put(alice, transaction, "first", 1.0, None);
    world.tabs[alice].rerun(transaction).expect("open");
    world.put(alice, transaction, "second", 1.0, None);
    world.tabs[alice].end_part(transaction, false).expect("open");
    assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
    world.settle();
    assert_eq!(world.scan(alice, "by_k").len(), 1);
}
