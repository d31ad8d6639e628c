//! Imports: what is seen of them, what they leave, and what gets in their way.

use super::*;
use crate::id;
use crate::keyspace::RowId;
use crate::schema::ImportStep;

impl World {
    /// Takes a step of an import and says how that ends.
    fn import(&mut self, tab: usize, step: ImportStep) -> Option<Outcome> {
        self.tick(tab);
        let transaction = self.tabs[tab].begin(self.now_ms, false).expect("open");
        self.tabs[tab].import(transaction, step).expect("possible");
        assert_eq!(self.tabs[tab].finish(self.now_ms, transaction), Ok(Finished::Queued));
        self.settle();
        self.outcome(tab, transaction)
    }

    fn outcome(&self, tab: usize, transaction: TransactionId) -> Option<Outcome> {
        self.events[tab].iter().rev().find_map(|event| match event {
            Event::Settled { transaction: settled, outcome } if *settled == transaction => Some(outcome.clone()),
            _ => None,
        })
    }

    fn import_row(&mut self, tab: usize, import: u32, n: u8) -> std::result::Result<RowId, Obstacle> {
        let transaction = self.tabs[tab].begin(self.now_ms, false).expect("open");
        let fields = object(&[("k", string(&format!("imported {n}"))), ("n", Value::from(f64::from(n)))]);
        let mut bytes = document::encode(&fields, &self.tabs[tab].schema().names);
        let id = id::encode(NUMBER, &RowId([n; 16]));
        let done = self.tabs[tab].import_row(
            transaction,
            Some(import),
            "items",
            Some(&id),
            Some(1000.0 + f64::from(n)),
            &mut bytes,
        );
        match done {
            Ok(_) => {
                self.tabs[tab].finish(self.now_ms, transaction).expect("queued");
                self.settle();
            }
            Err(_) => self.tabs[tab].abandon(transaction),
        }
        done
    }
}

const NUMBER: u32 = 10_001;

/// The number of the first import into a database of one table.
const FIRST: u32 = 2;

fn begin() -> ImportStep {
    ImportStep::Begin(vec![("items".into(), Some(NUMBER))])
}

fn names(rows: &[(Place, Value)]) -> Vec<String> {
    rows.iter().map(|(_, row)| row.get("k").and_then(Value::as_str).expect("a text").to_string()).collect()
}

/// Two tabs, fifty rows, and an import of ten that is not finished.
fn half_imported() -> (World, usize, usize) {
    let mut world = World::new();
    let options = Options { job_slice_rows: 7, ..small() };
    let alice = world.open(options.clone(), encoded(INDEXES));
    let bob = world.open(options, encoded(INDEXES));
    for n in 0..50 {
        world.insert(alice, &format!("old {n}"), f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.import(alice, begin()), Some(Outcome::Saved));
    for n in 0..10 {
        assert_eq!(world.import_row(alice, FIRST, n), Ok(RowId([n; 16])));
    }
    (world, alice, bob)
}

#[test]
fn an_import_is_seen_when_it_is_whole_and_what_was_there_goes() {
    let (mut world, alice, bob) = half_imported();
    for tab in [alice, bob] {
        assert_eq!(world.scan(tab, "by_k").len(), 50, "nobody sees a part of it");
    }
    assert_eq!(world.verify(bob).problems, [""; 0]);
    assert_eq!(world.import(alice, ImportStep::Finish(FIRST)), Some(Outcome::Saved));
    for tab in [alice, bob] {
        let rows = world.scan(tab, "by_k");
        assert_eq!(names(&rows), (0..10).map(|n| format!("imported {n}")).collect::<Vec<_>>());
        assert_eq!(world.scan(tab, "by_g_n").len(), 10);
        let (place, _) = rows[3];
        assert_eq!((place.id, place.creation_time), (RowId([3; 16]), 1003.0));
        let schema = world.tabs[tab].schema();
        assert_eq!(schema.table("items").map(|table| table.number), Some(NUMBER));
    }
    assert_eq!(world.verify(bob).problems, [""; 0]);
    for _ in 0..40 {
        world.pass(5000.0);
    }
    let report = world.verify(bob);
    assert_eq!((report.problems, report.rows, report.entries), (Vec::new(), 10, 20), "what was there is deleted");
    assert_eq!(world.tabs[bob].schema().tables().len(), 1);
    // It is a table as any other.
    let written = world.insert(bob, "new", 1.0, None);
    world.settle();
    assert_eq!(world.outcome(bob, written), Some(Outcome::Saved));
    assert_eq!(world.scan(alice, "by_k").len(), 11);
}

#[test]
fn an_import_that_is_given_up_leaves_everything_as_it_was() {
    let (mut world, alice, bob) = half_imported();
    assert_eq!(world.import(alice, ImportStep::GiveUp(FIRST)), Some(Outcome::Saved));
    assert!(
        matches!(world.import_row(alice, FIRST, 77), Err(Obstacle::Error(error)) if error.code == Code::SchemaChanged)
    );
    for _ in 0..40 {
        world.pass(5000.0);
    }
    let report = world.verify(bob);
    assert_eq!((report.problems, report.rows, report.entries), (Vec::new(), 50, 100));
    assert_eq!(world.scan(bob, "by_k").len(), 50);
}

#[test]
fn an_import_whose_tab_is_gone_makes_way_for_the_next() {
    let (mut world, alice, bob) = half_imported();
    assert_eq!(world.import(bob, begin()), Some(Outcome::Saved));
    assert_eq!(world.import_row(bob, FIRST + 1, 99), Ok(RowId([99; 16])));
    assert_eq!(world.import(bob, ImportStep::Finish(FIRST + 1)), Some(Outcome::Saved));
    assert_eq!(names(&world.scan(alice, "by_k")), ["imported 99"]);
}

#[test]
fn what_an_import_brings_is_checked() {
    let (mut world, alice, _) = half_imported();
    let twice = world.import_row(alice, FIRST, 3);
    assert!(matches!(&twice, Err(Obstacle::Error(error)) if error.code == Code::DuplicateId), "{twice:?}");
    let transaction = world.tabs[alice].begin(0.0, false).expect("open");
    let mut bytes = document::encode(&object(&[("k", string("no n"))]), &world.tabs[alice].schema().names);
    let unfit = world.tabs[alice].import_row(transaction, Some(FIRST), "items", None, None, &mut bytes);
    assert!(matches!(&unfit, Err(Obstacle::Error(error)) if error.code == Code::SchemaEnforcementError), "{unfit:?}");
    let fits = object(&[("k", string("k")), ("n", Value::from(1.0))]);
    let mut bytes = document::encode(&fits, &world.tabs[alice].schema().names);
    let foreign = id::encode(12_345, &RowId([1; 16]));
    let foreign = world.tabs[alice].import_row(transaction, Some(FIRST), "items", Some(&foreign), None, &mut bytes);
    assert!(matches!(&foreign, Err(Obstacle::Error(error)) if error.code == Code::InvalidId), "{foreign:?}");
    let step = world.tabs[alice].import(transaction, ImportStep::Begin(vec![("nowhere".into(), None)]));
    assert_eq!(step.expect_err("no such table").code, Code::TableNotFound);
}

#[test]
fn a_write_that_meets_the_end_of_an_import_runs_again_on_what_it_brought() {
    let (mut world, alice, bob) = half_imported();
    let is_commit: Filter = |effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
    world.held = Some((is_commit, Vec::new()));
    // Blind: it has read nothing.
    let late = world.insert(bob, "late", 1.0, None);
    world.settle();
    let held = std::mem::take(&mut world.held).map(|(_, held)| held).unwrap_or_default();
    assert_eq!(world.import(alice, ImportStep::Finish(FIRST)), Some(Outcome::Saved));
    for (tab, effect) in held {
        world.perform(tab, effect);
    }
    world.settle();
    assert_eq!(world.outcome(bob, late), Some(Outcome::RunAgain), "its table is not the one that there is now");
    assert_eq!(world.scan(bob, "by_k").len(), 10);
    assert_eq!(world.verify(bob).problems, [""; 0]);
}

#[test]
fn what_an_import_has_read_must_still_be_so() {
    let (mut world, alice, bob) = half_imported();
    let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let plan = all_of(&world.tabs[alice], "by_creation_time");
    let counted = world.tabs[alice].count(Source::Transaction(transaction), &plan);
    assert_eq!(counted, Ok(Ok(50)));
    world.tabs[alice].import(transaction, ImportStep::Finish(FIRST)).expect("possible");
    world.insert(bob, "one more", 1.0, None);
    world.settle();
    let finished = world.tabs[alice].finish(world.now_ms, transaction);
    world.settle();
    let outcome = world.outcome(alice, transaction);
    assert!(finished == Ok(Finished::RunAgain) || outcome == Some(Outcome::RunAgain), "{finished:?} {outcome:?}");
    assert_eq!(world.scan(alice, "by_k").len(), 51);
}

#[test]
fn a_failed_end_takes_along_what_was_written_on_top_of_it() {
    let (mut world, alice, bob) = half_imported();
    let is_commit: Filter = |effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
    world.held = Some((is_commit, Vec::new()));
    let end = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.tabs[alice].import(end, ImportStep::Finish(FIRST)).expect("possible");
    assert_eq!(world.tabs[alice].finish(world.now_ms, end), Ok(Finished::Queued));
    let above = world.insert(alice, "above", 1.0, None);
    world.settle();
    let held = std::mem::take(&mut world.held).map(|(_, held)| held).unwrap_or_default();
    // Somebody else begins an import of his own.
    assert_eq!(world.import(bob, begin()), Some(Outcome::Saved));
    for (tab, effect) in held {
        world.perform(tab, effect);
    }
    world.settle();
    assert_eq!(world.outcome(alice, end), Some(Outcome::RunAgain));
    assert_eq!(world.outcome(alice, above), Some(Outcome::RunAgain));
    world.tabs[alice].rerun(end).expect("once more");
    let step = world.tabs[alice].import(end, ImportStep::Finish(FIRST));
    assert_eq!(step.expect_err("it is another import").code, Code::SchemaChanged);
    assert_eq!(world.verify(bob).problems, [""; 0]);
}

#[test]
fn a_repair_lets_what_leaves_go() {
    let (mut world, alice, bob) = half_imported();
    let is_lock: Filter = |effect| matches!(effect, Effect::Lock { .. });
    world.held = Some((is_lock, Vec::new()));
    assert_eq!(world.import(alice, ImportStep::Finish(FIRST)), Some(Outcome::Saved));
    assert_eq!(world.tabs[alice].schema().tables().len(), 2);
    world.tabs[alice].start_repair(world.now_ms).expect("open");
    world.release();
    world.pass(5000.0);
    let repaired = world.events[alice].iter().find_map(|event| match event {
        Event::Repaired(Ok(report)) => Some(report.clone()),
        _ => None,
    });
    assert_eq!(repaired.map(|report| (report.rows, report.lost)), Some((10, Vec::new())));
    assert_eq!(world.verify(bob).problems, [""; 0]);
    assert_eq!(world.scan(bob, "by_k").len(), 10);
}

#[test]
fn what_has_read_a_row_that_is_taken_back_runs_again_before_the_end_of_an_import() {
    let (mut world, alice, _) = half_imported();
    let is_commit: Filter = |effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
    world.held = Some((is_commit, Vec::new()));
    let taken_back = world.insert(alice, "new", 1.0, None);
    let reader = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let plan = all_of(&world.tabs[alice], "by_k");
    assert_eq!(world.tabs[alice].count(Source::Transaction(reader), &plan), Ok(Ok(51)));
    world.put(alice, reader, "counted 51", 51.0, None);
    assert_eq!(world.tabs[alice].finish(world.now_ms, reader), Ok(Finished::Queued));
    let end = world.tabs[alice].begin(world.now_ms, false).expect("open");
    world.tabs[alice].import(end, ImportStep::Finish(FIRST)).expect("possible");
    assert_eq!(world.tabs[alice].finish(world.now_ms, end), Ok(Finished::Queued));
    world.settle();
    world.held = None;
    let failure = Input::AppendFailed(Failure::Aborted("the disk is full.".into()));
    world.tabs[alice].handle(world.now_ms, failure);
    world.settle();
    assert!(matches!(world.outcome(alice, taken_back), Some(Outcome::Rejected(_))));
    assert_eq!(world.outcome(alice, reader), Some(Outcome::RunAgain), "there were 50");
}

#[test]
fn an_import_does_not_touch_what_another_one_fills() {
    let (mut world, alice, bob) = half_imported();
    // A row of the first, whose mutation is not finished yet.
    let late = world.tabs[alice].begin(world.now_ms, false).expect("open");
    let fields = object(&[("k", string("late")), ("n", Value::from(0.0))]);
    let mut bytes = document::encode(&fields, &world.tabs[alice].schema().names);
    let row = world.tabs[alice].import_row(late, Some(FIRST), "items", None, None, &mut bytes.clone());
    row.expect("the import is under way");
    assert_eq!(world.import(bob, begin()), Some(Outcome::Saved));
    assert_eq!(world.import_row(bob, FIRST + 1, 100), Ok(RowId([100; 16])));
    assert_eq!(world.tabs[alice].finish(world.now_ms, late), Ok(Finished::RunAgain));
    world.tabs[alice].rerun(late).expect("once more");
    let row = world.tabs[alice].import_row(late, Some(FIRST), "items", None, None, &mut bytes);
    assert!(matches!(row, Err(Obstacle::Error(error)) if error.code == Code::SchemaChanged));
    world.tabs[alice].abandon(late);
    for step in [ImportStep::Finish(FIRST), ImportStep::GiveUp(FIRST)] {
        let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
        let error = world.tabs[alice].import(transaction, step).expect_err("it was given up");
        assert_eq!(error.code, Code::SchemaChanged);
        world.tabs[alice].abandon(transaction);
    }
    assert_eq!(world.scan(bob, "by_k").len(), 50);
    assert_eq!(world.import(bob, ImportStep::Finish(FIRST + 1)), Some(Outcome::Saved));
    assert_eq!(names(&world.scan(alice, "by_k")), ["imported 100"]);
}

#[test]
fn another_version_of_the_app_keeps_to_its_own_schema_after_an_import() {
    let mut world = World::new();
    let strict = world.open(small(), narrow());
    let bob = world.open(small(), definition(INDEXES));
    assert_eq!(world.import(bob, begin()), Some(Outcome::Saved));
    assert_eq!(world.import(bob, ImportStep::Finish(FIRST)), Some(Outcome::Saved));
    let transaction = world.tabs[strict].begin(world.now_ms, false).expect("open");
    let fields = object(&[("k", string("no g")), ("n", Value::from(0.0))]);
    let mut bytes = document::encode(&fields, &world.tabs[strict].schema().names);
    let written = world.tabs[strict].insert(transaction, "items", None, &mut bytes);
    assert!(
        matches!(&written, Err(Obstacle::Error(error)) if error.code == Code::SchemaEnforcementError),
        "{written:?}"
    );
}
