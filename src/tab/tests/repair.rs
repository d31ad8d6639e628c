//! What a repair makes of what is damaged, while others read and write.

use super::damage::{calm, holds_rows, stored};
use super::*;

impl World {
    /// Reads a row in a transaction and changes it.
    fn begin_patch(&mut self, tab: usize, row: RowId, n: f64) -> TransactionId {
        let transaction = self.tabs[tab].begin(self.now_ms, false).expect("open");
        assert!(self.read(tab, transaction, row).is_ok_and(|row| row.is_some()));
        self.patch(tab, transaction, row, n);
        transaction
    }

    /// Runs an insert again that was told to.
    fn insert_again(&mut self, tab: usize, transaction: TransactionId, k: &str) {
        assert!(self.events[tab].contains(&Event::Settled { transaction, outcome: Outcome::RunAgain }));
        self.tabs[tab].rerun(transaction).expect("once more");
        self.put(tab, transaction, k, 1.0, Some(1.0));
        assert_eq!(self.tabs[tab].finish(self.now_ms, transaction), Ok(Finished::Queued));
        self.settle();
    }
}

#[test]
fn a_repair_keeps_what_can_be_read_and_derives_the_rest() {
    let (mut world, alice) = filled();
    let rows = world.scan(alice, "by_creation_time").len();
    // Every page that holds "k100" is hit: a leaf of documents, and one of an index.
    let hit = world.storage.pages.iter().filter(|(_, bytes)| bytes.windows(4).any(|window| window == b"k100"));
    let hit: Vec<u64> = hit.map(|(&page, _)| page).collect();
    for page in hit {
        flip(world.storage.pages.get_mut(&page).expect("it is there"));
    }
    let bob = world.open(small(), definition(INDEXES));
    let now = world.now_ms;
    world.tabs[bob].start_repair(now).expect("open");
    world.settle();
    let report = world.events[bob].iter().find_map(|event| match event {
        Event::Repaired(Ok(report)) => Some(report.clone()),
        _ => None,
    });
    let report = report.expect("repaired");
    assert!(!report.lost.is_empty() && report.lost[0].contains("items"), "{report:?}");
    assert!(report.rows > 0 && report.rows < rows as u64, "{} of {rows}", report.rows);
    let lost = rows as u64 - report.rows;
    assert!((lost..2 * lost + 9).contains(&most_lost(&report)), "{lost} are lost: {report:?}");
    assert_eq!(world.verify(bob).problems, Vec::<String>::new());
    assert_eq!(world.scan(bob, "by_g_n").len() as u64, report.rows);
    world.insert(bob, "after", 1.0, None);
    world.settle();
    let carol = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(carol, "by_k").len() as u64, report.rows + 1);
}

#[test]
fn after_a_repair_whatever_read_a_lost_row_runs_again() {
    for is_repairer in [false, true] {
        let (mut world, alice) = stored();
        let before = world.scan(alice, "by_k").len();
        let (row, _) = world.row_of(alice, "k100").expect("it is there");
        let running = world.begin_patch(alice, row, 1000.0);
        let version = world.tabs[alice].version();
        world.damage("k100");
        let bob = if is_repairer { alice } else { world.open(calm(), definition(INDEXES)) };
        if is_repairer {
            // It has the pages in its cache, and would find nothing wrong.
            world.tabs[alice].cache.clear();
        }
        let report = world.repair(bob);
        assert!(report.rows < before as u64 && report.lost.len() == 1, "{report:?}");
        assert!(world.tabs[alice].version() > version);
        assert!(world.tabs[alice].take_changed_rows().1, "what is kept of rows is thrown away");
        let now = world.now_ms;
        assert_eq!(world.tabs[alice].finish(now, running), Ok(Finished::RunAgain));
        world.tabs[alice].rerun(running).expect("once more");
        assert!(world.read(alice, running, row).is_ok_and(|row| row.is_none()));
        world.tabs[alice].abandon(running);
        assert_eq!(world.check() as u64, report.rows);
    }
}

#[test]
fn a_tab_that_has_not_heard_of_a_repair_writes_nothing_about_what_is_lost() {
    let (mut world, alice) = stored();
    let (row, _) = world.row_of(alice, "k100").expect("it is there");
    world.damage("k100");
    let bob = world.open(calm(), definition(INDEXES));
    world.is_silent = true;
    let report = world.repair(bob);
    let finished = world.begin_patch(alice, row, 1000.0);
    let now = world.now_ms;
    assert_eq!(world.tabs[alice].finish(now, finished), Ok(Finished::Queued));
    world.events[alice].clear();
    world.settle();
    let again = Event::Settled { transaction: finished, outcome: Outcome::RunAgain };
    assert!(world.events[alice].contains(&again), "{:?}", world.events[alice]);
    world.tabs[alice].abandon(finished);
    world.is_silent = false;
    world.pass(1.0);
    assert_eq!(world.check() as u64, report.rows);
}

fn is_publishing(effect: &Effect) -> bool {
    matches!(effect, Effect::Publish { .. })
}

/// Bob repairs the loss of `k100`, and is held up, while Alice, who has it in memory, patches the row of `k`.
fn patched_while_repaired(k: &str, is_held: Filter) -> (World, usize, usize, RowId) {
    let (mut world, alice) = stored();
    let (row, _) = world.row_of(alice, k).expect("it is there");
    world.damage("k100");
    let bob = world.open(calm(), definition(INDEXES));
    world.held = Some((is_held, Vec::new()));
    world.tabs[bob].start_repair(world.now_ms).expect("open");
    world.settle();
    let patched = world.begin_patch(alice, row, 1000.0);
    assert_eq!(world.tabs[alice].finish(world.now_ms, patched), Ok(Finished::Queued));
    (world, alice, bob, row)
}

/// Whether the record comes in the way of the repair's, or Bob has read it while his pages were being written.
#[test]
fn what_is_written_about_a_lost_row_while_it_is_repaired_brings_it_back() {
    let is_writing = |effect: &Effect| matches!(effect, Effect::WritePages { .. });
    for is_held in [is_publishing as Filter, is_writing] {
        let (mut world, _, bob, row) = patched_while_repaired("k100", is_held);
        let attempts = world.storage.attempts;
        world.settle();
        world.release();
        let report = world.repaired(bob);
        assert_eq!(world.storage.attempts, attempts + 1, "it began again");
        assert_eq!(world.row_of(bob, "k100"), Some((row, 1000.0)));
        assert_eq!(world.check() as u64, report.rows);
    }
}

#[test]
fn other_writes_meanwhile_do_not_make_a_repair_begin_again() {
    let (mut world, alice, bob, row) = patched_while_repaired("k010", is_publishing);
    let attempts = world.storage.attempts;
    world.insert(alice, "meanwhile", 1.0, Some(2.0));
    let own = world.insert(bob, "own", 1.0, Some(2.0));
    world.settle();
    world.release();
    world.insert_again(bob, own, "own");
    let report = world.repaired(bob);
    assert_eq!(world.storage.attempts, attempts);
    assert_eq!(world.row_of(bob, "k010"), Some((row, 1000.0)));
    assert!(world.row_of(alice, "own").is_some() && world.row_of(bob, "meanwhile").is_some());
    assert_eq!(world.check() as u64, report.rows + 2);
}

#[test]
fn a_repair_keeps_what_the_log_has_of_a_damaged_range() {
    let (mut world, alice) = stored();
    let (row, _) = world.row_of(alice, "k100").expect("it is there");
    let patched = world.begin_patch(alice, row, 1000.0);
    let now = world.now_ms;
    assert_eq!(world.tabs[alice].finish(now, patched), Ok(Finished::Queued));
    for n in 0..5 {
        world.insert(alice, "fresh", f64::from(n), Some(1.0));
    }
    world.settle();
    // The last leaf of rows, where the new ones fall too, and the one with the row that was changed.
    world.damage("k100");
    world.damage("k199");
    let bob = world.open(calm(), definition(INDEXES));
    let report = world.repair(bob);
    assert_eq!(report.lost.len(), 2, "{report:?}");
    assert_eq!(world.row_of(bob, "k100"), Some((row, 1000.0)));
    assert_eq!(world.row_of(bob, "k199"), None);
    let fresh = world.scan(bob, "by_k").iter().filter(|(_, value)| value.get("k") == Some(&string("fresh"))).count();
    assert_eq!(fresh, 5);
    assert_eq!(world.check() as u64, report.rows);
}

#[test]
fn a_repair_that_loses_nothing_says_so_and_running_reads_begin_again() {
    let (mut world, alice) = stored();
    let before = world.check();
    // Pages of the index only.
    let pages: Vec<u64> =
        world.storage.pages.iter().filter(|(_, bytes)| !holds_rows(bytes)).map(|(id, _)| *id).collect();
    for page in pages {
        flip(world.storage.pages.get_mut(&page).expect("it is there"));
    }
    let bob = world.open(calm(), definition(INDEXES));
    let plan = all_of(&world.tabs[bob], "by_k");
    let now = world.now_ms;
    let running = world.tabs[bob].begin(now, true).expect("open");
    let mut run = world.tabs[bob].start_query(Source::Transaction(running), plan.clone()).expect("open");
    let error = world.step_query(bob, &mut run, &mut Collected::default()).expect_err("a page of it is damaged");
    assert_eq!(error.code, Code::Corrupt);
    assert!(error.message.contains("index \"items.by_k\"") || error.message.contains("table \"items\""), "{error}");
    let report = world.repair(alice);
    assert_eq!((report.rows, report.lost), (before as u64, Vec::new()));
    let mut run = world.tabs[bob].start_query(Source::Transaction(running), plan).expect("open");
    let step = world.step_query(bob, &mut run, &mut Collected::default());
    assert_eq!(step, Ok(RunStep::Stale));
    world.tabs[bob].abandon(running);
    assert_eq!(world.check(), before);
}

/// How many documents a report says are lost at most.
fn most_lost(report: &RepairReport) -> u64 {
    let count = |sentence: &String| {
        let words: Vec<&str> = sentence.split(' ').collect();
        match words[..] {
            [.., count, "document" | "documents", "at", "most."] => count.parse::<u64>().expect("a number"),
            _ => panic!("no number in {sentence}"),
        }
    };
    report.lost.iter().map(count).sum()
}

#[test]
fn a_repair_of_pages_that_are_missing_comes_to_an_end() {
    let (mut world, alice) = stored();
    world.storage.pages.retain(|_| false);
    let report = world.repair(world.tabs.len() - 1);
    assert_eq!(report.lost, Vec::<String>::new(), "this tab has all pages in memory");
    let rows = report.rows;
    world.storage.pages.retain(|_| false);
    let bob = world.open(calm(), definition(INDEXES));
    let report = world.verify(bob);
    assert!(report.rows == 0 && !report.problems.is_empty(), "{report:?}");
    let report = world.repair(bob);
    assert!(most_lost(&report) >= rows, "{rows} documents, {report:?}");
    assert!(report.rows == 0 && !report.lost.is_empty(), "{report:?}");
    world.insert(alice, "after", 1.0, Some(1.0));
    world.settle();
    assert_eq!(world.check(), 1);
}

#[test]
fn a_large_repair_leaves_no_page_behind() {
    let (mut world, alice) = stored();
    let long = "x".repeat(100_000);
    for n in 0..90 {
        world.insert(alice, &long, f64::from(n), None);
        world.settle();
    }
    world.repair(alice);
    world.repair(alice);
    for _ in 0..3 {
        world.pass(100_000.0);
    }
    let report = world.verify(alice);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(world.storage.pages.len() as u64, report.pages, "every page that is stored is needed");
}

/// Only those who read the log again find out.
fn write_ten_records_and_damage_one(world: &mut World, tab: usize) {
    for n in 0..10 {
        world.insert(tab, &format!("k{n}"), f64::from(n), Some(1.0));
        world.settle();
    }
    flip(world.storage.log.get_mut(&6).expect("there are more"));
}

#[test]
fn an_accepted_loss_of_records_holds_for_tabs_that_have_them_in_memory() {
    let mut world = World::new();
    let alice = world.open(calm(), definition(INDEXES));
    write_ten_records_and_damage_one(&mut world, alice);
    let (early, _) = world.row_of(alice, "k1").expect("it is there");
    let (late, _) = world.row_of(alice, "k9").expect("it is there");
    world.held = Some((is_publishing, Vec::new()));
    let carol = world.open(Options { accept_loss: true, ..calm() }, definition(INDEXES));
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    // Nothing is written behind what is lost before that is settled.
    let length = world.storage.log.len();
    let held = world.insert(carol, "held", 1.0, Some(1.0));
    world.settle();
    assert_eq!(world.storage.log.len(), length);
    // But the other tab does not know.
    let patched = [(early, 100.0), (late, 900.0)].map(|(row, n)| world.begin_patch(alice, row, n));
    for transaction in patched {
        let now = world.now_ms;
        assert_eq!(world.tabs[alice].finish(now, transaction), Ok(Finished::Queued));
        world.settle();
    }
    world.release();
    world.insert_again(carol, held, "held");
    assert_eq!(world.row_of(carol, "k1"), Some((early, 100.0)));
    assert_eq!(world.row_of(carol, "k9"), Some((late, 900.0)), "saved after the loss");
    assert_eq!(world.row_of(carol, "k7"), None);
    assert!(world.row_of(alice, "held").is_some());
    // Records 2 to 5, one that came back, and the new one.
    assert_eq!(world.check(), 6);
}

/// What the lost records said of names, tables and indexes may be something else than what the new schema says under the
/// same numbers, and another tab has it in memory.
#[test]
fn a_new_schema_is_not_written_behind_a_loss_either() {
    let mut world = World::new();
    let alice = world.open(calm(), definition(INDEXES));
    write_ten_records_and_damage_one(&mut world, alice);
    let length = world.storage.log.len();
    world.held = Some((is_publishing, Vec::new()));
    let carol = world.open(Options { accept_loss: true, ..calm() }, definition(&[("by_n", &["n"])]));
    assert_eq!(world.storage.log.len(), length, "before the loss is settled");
    world.release();
    world.run_for(20_000.0);
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    assert_eq!(world.scan(carol, "by_n").len(), 4);
    world.insert(alice, "after", 100.0, Some(1.0));
    world.settle();
    for tab in [alice, carol] {
        assert_eq!(world.verify(tab).problems, Vec::<String>::new());
        assert_eq!(world.scan(tab, "by_n").len(), 5);
    }
}

#[test]
fn a_schema_that_comes_meanwhile_makes_a_repair_begin_again() {
    let (mut world, _) = stored();
    world.damage("k100");
    let bob = world.open(calm(), definition(INDEXES));
    world.held = Some((is_publishing, Vec::new()));
    world.tabs[bob].start_repair(world.now_ms).expect("open");
    world.settle();
    let attempts = world.storage.attempts;
    // One index goes, and another comes.
    let carol = world.open(calm(), definition(&[("by_k", &["k"]), ("by_n", &["n"])]));
    world.settle();
    world.release();
    let report = world.repaired(bob);
    assert_eq!(world.storage.attempts, attempts + 1, "it began again");
    world.run_for(20_000.0);
    for tab in [bob, carol] {
        assert_eq!(world.verify(tab).problems, Vec::<String>::new());
        assert_eq!(world.scan(tab, "by_n").len() as u64, report.rows);
        assert_eq!(world.tabs[tab].unfinished_indexes(), [], "all is as the schema says");
    }
}

#[test]
fn a_repair_finishes_what_was_begun_with_indexes() {
    let (mut world, alice) = stored();
    world.damage("k100");
    // No step of index work gets through.
    let is_step = |effect: &Effect| matches!(effect, Effect::Lock { .. });
    world.held = Some((is_step, Vec::new()));
    let bob = world.open(calm(), definition(&[("by_k", &["k"]), ("by_n", &["n"])]));
    assert_eq!(world.tabs[bob].unfinished_indexes().len(), 2, "one comes, and one goes");
    world.tabs[bob].start_repair(world.now_ms).expect("open");
    world.release();
    let report = world.repaired(bob);
    assert_eq!(world.tabs[bob].unfinished_indexes(), []);
    assert_eq!(world.scan(bob, "by_n").len() as u64, report.rows);
    for tab in [alice, bob] {
        assert_eq!(world.verify(tab).problems, Vec::<String>::new());
        let schema = world.tabs[tab].schema();
        assert_eq!(schema.tables()[0].indexes().len(), 2, "what was to go is gone");
    }
}
