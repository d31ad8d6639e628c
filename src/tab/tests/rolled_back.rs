//! Rows of a mutation that lost.

use super::*;

/// A function that fails has written nothing; but why it failed may be taken back.
#[test]
fn a_failure_that_rests_on_what_is_not_saved_waits_for_it() {
    let is_commit: Filter = |effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
    for is_saved in [true, false] {
        let mut world = World::new();
        let alice = world.open(Options::default(), definition(INDEXES));
        world.held = Some((is_commit, Vec::new()));
        world.insert(alice, "taken", 1.0, None);
        world.settle();
        let plan = all_of(&world.tabs[alice], "by_k");
        let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
        assert_eq!(world.tabs[alice].count(Source::Transaction(transaction), &plan), Ok(Ok(1)));
        world.put(alice, transaction, "half", 1.0, None);
        assert_eq!(world.tabs[alice].finish_failed(world.now_ms, transaction), Ok(Finished::Queued));
        if is_saved {
            world.release();
        } else {
            world.held = None;
            let aborted = Input::AppendFailed(Failure::Aborted("no".into()));
            world.tabs[alice].handle(world.now_ms, aborted);
            world.settle();
        }
        let outcome = if is_saved { Outcome::Saved } else { Outcome::RunAgain };
        assert!(world.events[alice].contains(&Event::Settled { transaction, outcome }), "{:?}", world.events[alice]);
        assert_eq!(world.scan(alice, "by_k").len(), usize::from(is_saved));
        // On what is saved, a failure is one at once.
        let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
        assert!(world.tabs[alice].count(Source::Transaction(transaction), &plan).is_ok());
        assert_eq!(world.tabs[alice].finish_failed(world.now_ms, transaction), Ok(Finished::Done));
    }
}

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
