//! One and two tabs over a store in memory that answers at once.

#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod adopting;
mod afterwards;
mod checkpoints;
mod connection;
mod damage;
#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod deleted;
#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod devices;
mod failing;
mod gathering;
#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod hiding;
mod import;
mod limited;
mod live;
mod narrowing;
mod parts;
mod repair;
#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod returning;
mod rolled_back;
mod set_back;
#[cfg(not(target_arch = "wasm32"))] // beside automerge
mod synced;
mod too_large;
mod turns;
mod unknown_outcome;
mod world;

use super::*;
use crate::document;
use crate::keyspace::Place;
use crate::log::Record;
use crate::query;
use crate::value::Value;
use damage::calm;
use world::*;

#[test]
fn what_one_tab_saves_another_reads() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    assert!(world.events[alice].contains(&Event::Opened(Ok(()))), "{:?}", world.events[alice]);
    world.insert(alice, "one", 1.0, None);
    world.settle();
    let rows = world.scan(bob, "by_k");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].1.get("k"), Some(&string("one")));
    assert_eq!(world.scan(bob, "by_creation_time"), rows);
}

#[test]
fn two_tabs_that_write_at_once_both_get_through() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    for n in 0..20 {
        world.insert(alice, "a", f64::from(n), None);
        world.insert(bob, "b", f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.scan(alice, "by_k").len(), 40);
    assert_eq!(world.scan(alice, "by_g_n"), world.scan(bob, "by_g_n"));
    let saved =
        world.events[bob].iter().filter(|event| matches!(event, Event::Settled { outcome: Outcome::Saved, .. }));
    assert_eq!(saved.count(), 20);
}

#[test]
fn a_read_that_never_ends_remembers_no_changes() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let now_ms = world.now_ms;
    let reading = world.tabs[alice].begin(now_ms, true).expect("a read");
    for n in 0..5 {
        world.insert(alice, "a", f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.tabs[alice].remembered_changes(), 0);
    let writing = world.tabs[alice].begin(now_ms, false).expect("a mutation");
    world.insert(alice, "a", 9.0, None);
    world.settle();
    assert_ne!(world.tabs[alice].remembered_changes(), 0, "what it reads may have changed");
    for transaction in [reading, writing] {
        world.tabs[alice].abandon(transaction);
    }
}

#[test]
fn a_new_index_is_built_and_an_old_one_removed() {
    let mut world = World::new();
    let mut options = small();
    options.job_slice_rows = 7;
    let alice = world.open(options.clone(), definition(&INDEXES[..1]));
    for n in 0..50 {
        world.insert(alice, &format!("k{n:03}"), f64::from(50 - n), None);
        world.settle();
    }
    let bob = world.open(options.clone(), definition(&[("by_n", &["n"])]));
    world.settle();
    let rows = world.scan(bob, "by_n");
    assert_eq!(rows.len(), 50);
    assert_eq!(rows[0].1.get("n"), Some(&Value::from(1.0)));
    world.insert(alice, "late", 0.5, None);
    world.settle();
    assert_eq!(world.scan(bob, "by_n")[0].1.get("k"), Some(&string("late")));
    world.pass(5000.0);
    assert!(world.tabs[bob].stats().log_records < 8);
    let schema = world.tabs[bob].schema();
    assert_eq!(schema.tables()[0].indexes().len(), 1, "the old index is gone");
}

#[test]
fn work_on_indexes_can_be_watched() {
    let mut world = World::new();
    let options = Options { job_slice_rows: 20, ..small() };
    let alice = world.open(options.clone(), definition(&INDEXES[..1]));
    for n in 0..50 {
        world.insert(alice, &format!("k{n:03}"), f64::from(50 - n), None);
        world.settle();
    }
    let is_commit: Filter = |effect| matches!(effect, Effect::Append { .. } | Effect::Rebase { .. });
    world.held = Some((is_commit, Vec::new()));
    let bob = world.open(options, definition(&[("by_n", &["n"])]));
    let mut seen = Vec::new();
    loop {
        for tab in [alice, bob] {
            for IndexWork { table, index, is_building, done, total } in world.tabs[tab].unfinished_indexes() {
                assert!(table == "items" && done <= total && total <= 50, "{done} of {total}");
                let step = format!("{} {index}: {done}", if is_building { "builds" } else { "removes" });
                // A tab that has no pages in memory yet knows little.
                if total == 50 && !seen.contains(&step) {
                    seen.push(step);
                }
            }
        }
        let (_, held) = world.held.replace((is_commit, Vec::new())).expect("it was set");
        if held.is_empty() {
            break;
        }
        for (tab, effect) in held {
            let (_, held) = world.held.take().expect("it was set");
            world.perform(tab, effect);
            world.held = Some((is_commit, held));
        }
        world.settle();
    }
    let steps = |what: &str| seen.iter().filter_map(|step| step.strip_prefix(what)).collect::<Vec<_>>();
    assert_eq!(steps("builds by_n: "), ["0", "20", "40"], "{seen:?}");
    assert_eq!(steps("removes by_k: "), ["0", "20", "40"], "{seen:?}");
    let first_of = |step: &str| seen.iter().position(|seen| seen == step);
    assert!(first_of("builds by_n: 40") < first_of("removes by_k: 20"), "queries wait for it: {seen:?}");
}

#[test]
fn an_index_is_built_although_a_tab_with_the_lock_sleeps() {
    let mut world = World::new();
    let alice = world.open(calm(), definition(&INDEXES[..1]));
    for n in 0..50 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n), None);
    }
    world.settle();
    // One that is no tab of this world.
    world.lock = Some(usize::MAX);
    let bob = world.open(calm(), definition(&[("by_k", &["k"]), ("by_n", &["n"])]));
    let is_building = |world: &mut World| !world.tabs[bob].unfinished_indexes().is_empty();
    world.run_for(calm().lock_patience_ms - 1.0);
    assert!(is_building(&mut world), "it may be at work");
    world.run_for(1.0);
    assert!(!is_building(&mut world));
    assert_eq!(world.scan(bob, "by_n").len(), 50);
}

#[test]
fn whoever_waits_hears_that_the_database_was_deleted() {
    let (mut world, alice) = filled();
    let now = world.now_ms;
    let tab = &mut world.tabs[alice];
    let running = tab.begin(now, false).expect("open");
    let mut bytes = document::encode(&object(&[("k", string("x")), ("n", Value::from(1.0))]), &tab.schema().names);
    let finished = tab.begin(now, false).expect("open");
    tab.insert(finished, "items", None, &mut bytes).expect("inserted");
    assert_eq!(tab.finish(now, finished), Ok(Finished::Queued));
    tab.start_repair(now).expect("open");
    let read = tab.load(vec![1]);
    tab.handle(now, Input::Deleted { by: "by another tab" });
    // The answer to a read that was under way comes later.
    tab.handle(now, Input::PagesLoaded { read, pages: vec![(1, None)], newer_manifest: false });
    tab.handle(now, Input::Appended);
    let events: Vec<Event> = std::iter::from_fn(|| tab.next_event()).collect();
    let gone = Error::new(Code::DatabaseClosed, "The database was deleted by another tab.");
    let rejected = Error::new(gone.code, format!("{} Nothing of this mutation is saved.", gone.message));
    for transaction in [running, finished] {
        let outcome = Outcome::Rejected(rejected.clone());
        assert!(events.contains(&Event::Settled { transaction, outcome }), "{events:?}");
    }
    assert!(events.contains(&Event::ReadReady { read, result: Err(gone.clone()) }), "{events:?}");
    assert!(events.contains(&Event::Repaired(Err(gone.clone()))), "{events:?}");
    assert!(events.contains(&Event::Problem(gone.clone())), "{events:?}");
    assert!(events.contains(&Event::SchemaChanged), "who waits for an index asks again: {events:?}");
    assert!(tab.take_effects().contains(&Effect::Unlock));
    assert_eq!(tab.begin(now, false), Err(gone.clone()));
    assert_eq!(tab.check_open(), Err(gone));
}

/// A record that carries these bytes as a schema.
fn record_with_schema(schema: Vec<u8>) -> Vec<u8> {
    let commit = CommitId { session: 9, counter: 1 };
    Record { commit, schema: Some(crate::bytes::Bytes::new(schema)), ..Record::empty() }.encode()
}

#[test]
fn a_schema_in_the_log_that_nobody_can_read_is_not_passed_over() {
    for (schema, code) in [(vec![200, 1, 2], Code::NewerFormat), (vec![0], Code::Corrupt), (vec![1, 2], Code::Corrupt)]
    {
        let mut world = World::new();
        let alice = world.open(Options::default(), definition(INDEXES));
        world.insert(alice, "k", 1.0, None);
        world.settle();
        let next = world.storage.log.keys().next_back().expect("there are some") + 1;
        world.storage.append(next, record_with_schema(schema));
        // Who has it open learns of it with its next write, which is not saved behind something unknown.
        world.events[alice].clear();
        world.insert(alice, "late", 1.0, None);
        world.settle();
        let [Event::Settled { outcome: Outcome::Rejected(error), .. }, ..] = &world.events[alice][..] else {
            panic!("{:?}", world.events[alice])
        };
        assert_eq!(error.code, code, "{error}");
        assert_eq!(world.storage.log.keys().next_back(), Some(&next));
        let bob = world.open(Options::default(), definition(INDEXES));
        let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
        assert_eq!(error.code, code, "{error}");
    }
}

#[test]
fn a_schema_that_is_stored_already_is_not_read_again() {
    let mut world = World::new();
    let alice = world.open(small(), encoded(INDEXES));
    world.insert(alice, "k", 1.0, None);
    world.settle();
    let source = world.tabs[alice].schema().source;
    assert!(source.is_some());
    // What can't be read has not been looked at: only its name counts. Through the log, and through a checkpoint.
    for _ in 0..2 {
        let mut unreadable = WantedSchema::new(b"?");
        unreadable.source = source;
        let bob = world.open(small(), unreadable);
        assert_eq!(world.events[bob], [Event::Opened(Ok(()))]);
        assert_eq!(world.scan(bob, "by_k").len(), world.scan(alice, "by_k").len());
        for n in 0..20 {
            world.insert(bob, "more", f64::from(n), None);
            world.settle();
        }
    }
    assert!(world.tabs[alice].stats().generation > 0);
    let other = world.open(small(), WantedSchema::new(b"?"));
    assert!(matches!(world.events[other][..], [Event::Opened(Err(_))]), "{:?}", world.events[other]);
    // Another one is adopted, and its name with it.
    let bob = world.open(small(), encoded(&INDEXES[..1]));
    assert!(world.tabs[bob].schema().source.is_some_and(|named| Some(named) != source));
    assert_eq!(world.tabs[alice].schema().source, world.tabs[bob].schema().source);
}

#[test]
fn the_last_commits_are_told_newest_first() {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    let bob = world.open(Options::default(), definition(INDEXES));
    world.insert(alice, "first", 1.0, None);
    world.settle();
    world.pass(1_000.0);
    world.insert(bob, "other", 3.0, None);
    world.settle();
    for (tab, own) in [(alice, [false, true]), (bob, [true, false])] {
        let recent = world.tabs[tab].stats().recent;
        let told: Vec<_> =
            recent.iter().map(|one| (one.is_own, one.rows, one.learned_ms - 1_800_000_000_000.0)).collect();
        // Before them the schema, which changes no row.
        assert_eq!(told[..2], [(own[0], [1, 0, 0], 1_000.0), (own[1], [1, 0, 0], 0.0)]);
        assert_eq!(recent[2].rows, [0, 0, 0]);
        let sequences: Vec<u64> = recent.iter().map(|one| one.sequence).collect();
        assert_eq!(sequences, (1..=recent.len() as u64).rev().collect::<Vec<_>>());
        assert_eq!(recent.iter().map(|one| one.bytes).sum::<usize>(), world.tabs[tab].stats().log_bytes);
    }
    for n in 0..20 {
        world.insert(alice, "more", f64::from(n), None);
        world.settle();
    }
    assert_eq!(world.tabs[bob].stats().recent.len(), RECENT);
}

/// Many keys alike for long: bounds in the tree are larger than its pages, and no sort may go as deep as keys are long.
#[test]
fn long_keys_fill_a_tree() {
    for (rows, length) in [(10, 900_000), (60, 100_000), (300, 10_000)] {
        let mut world = World::new();
        let alice = world.open(Options::default(), definition(INDEXES));
        let long = "x".repeat(length);
        let transaction = world.tabs[alice].begin(world.now_ms, false).expect("open");
        for n in 0..rows {
            world.put(alice, transaction, &format!("{long}{}", n % 3), f64::from(n), None);
        }
        assert_eq!(world.tabs[alice].finish(world.now_ms, transaction), Ok(Finished::Queued));
        world.settle();
        world.pass(5_000.0);
        world.pass(5_000.0);
        assert!(world.tabs[alice].stats().generation > 0, "there is a checkpoint");
        let rows_by_k = world.scan(alice, "by_k");
        assert_eq!(rows_by_k.len(), rows as usize);
        assert!(rows_by_k.is_sorted_by_key(|(_, row)| row.get("k").and_then(Value::as_str).map(str::to_owned)));
        assert_eq!(world.verify(alice).problems, Vec::<String>::new());
    }
}
