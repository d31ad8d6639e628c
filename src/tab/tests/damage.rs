//! What is damaged, how it is found, and what a repair makes of it while others read and write.

use super::*;
use crate::bytes::Bytes;
use crate::keyspace::RowId;
use crate::log::{ChangeKind, RowChange};
use crate::store::Manifest;

/// Time stands still for checkpoints, except for those that are asked for.
fn calm() -> Options {
    Options { checkpoint_log_records: 1_000_000, checkpoint_log_bytes: 1 << 30, idle_ms: f64::INFINITY, ..small() }
}

impl World {
    /// Flips a bit in every leaf of rows that holds this text.
    fn damage(&mut self, text: &str) -> Vec<u64> {
        let is_hit = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let hit = self.storage.pages.iter().filter(|(_, bytes)| is_hit(bytes) && holds_rows(bytes));
        let hit: Vec<u64> = hit.map(|(page, _)| *page).collect();
        for page in &hit {
            let bytes = self.storage.pages.get_mut(page).expect("it is there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        }
        hit
    }

    fn repair(&mut self, tab: usize) -> RepairReport {
        let now = self.now_ms;
        self.events[tab].clear();
        self.tabs[tab].start_repair(now).expect("open");
        self.settle();
        self.repaired(tab)
    }

    fn repaired(&self, tab: usize) -> RepairReport {
        let report = self.events[tab].iter().find_map(|event| match event {
            Event::Repaired(result) => Some(result.clone().expect("repaired")),
            _ => None,
        });
        report.unwrap_or_else(|| panic!("no end: {:?}, {}", self.events[tab], self.tabs[tab].sketch()))
    }

    /// Lets what was held up happen.
    fn release(&mut self) {
        for (index, effect) in self.held.take().expect("something is held up").1 {
            self.perform(index, effect);
        }
        self.settle();
    }

    fn table(&self, tab: usize) -> (TableId, u32) {
        let table = self.tabs[tab].schema().table("items").expect("the table");
        (table.id, table.number)
    }

    fn row_of(&mut self, tab: usize, k: &str) -> Option<(RowId, f64)> {
        let rows = self.scan(tab, "by_creation_time");
        let is_it = |value: &Value| value.get("k").and_then(Value::as_str).is_some_and(|text| text.starts_with(k));
        let found = rows.iter().find(|(_, value)| is_it(value));
        found.map(|(place, value)| (place.id, value.get("n").and_then(Value::as_f64).expect("a number")))
    }

    fn read(&mut self, tab: usize, transaction: TransactionId, row: RowId) -> Option<Row> {
        let (table, _) = self.table(tab);
        loop {
            match self.tabs[tab].read_row(transaction, table, row) {
                Ok(row) => return row,
                Err(obstacle) => match self.tabs[tab].overcome(transaction, obstacle).expect("readable") {
                    RunStep::Missing(pages) => {
                        self.tabs[tab].load(pages);
                        self.settle();
                    }
                    other => panic!("unexpected {other:?}"),
                },
            }
        }
    }

    /// Reads a row in a transaction and changes it.
    fn begin_patch(&mut self, tab: usize, row: RowId, n: f64) -> TransactionId {
        let transaction = self.tabs[tab].begin(self.now_ms, false).expect("open");
        assert!(self.read(tab, transaction, row).is_some());
        self.patch(tab, transaction, row, n);
        transaction
    }

    fn patch(&mut self, tab: usize, transaction: TransactionId, row: RowId, n: f64) {
        let (table, number) = self.table(tab);
        let changes = [("n".to_string(), Some(Value::from(n)))].into_iter().collect();
        let mut bytes = document::encode_patch(&changes, &self.tabs[tab].schema().names);
        let text = crate::id::encode(number, &row);
        self.tabs[tab].patch(transaction, table, row, &text, &mut bytes).expect("patched");
    }

    /// Runs an insert again that was told to.
    fn insert_again(&mut self, tab: usize, transaction: TransactionId, k: &str) {
        assert!(self.events[tab].contains(&Event::Settled { transaction, outcome: Outcome::RunAgain }));
        self.tabs[tab].rerun(transaction).expect("once more");
        let fields = object(&[("k", string(k)), ("n", Value::from(1.0)), ("g", Value::from(1.0))]);
        let mut bytes = document::encode(&fields, &self.tabs[tab].schema().names);
        self.tabs[tab].insert(transaction, "items", None, &mut bytes).expect("inserted");
        assert_eq!(self.tabs[tab].finish(self.now_ms, transaction), Ok(Finished::Queued));
        self.settle();
    }

    /// All that is stored is whole, and all indexes of all tabs say the same.
    fn check(&mut self) -> usize {
        let fresh = self.open(calm(), definition(INDEXES));
        let rows = self.scan(fresh, "by_creation_time");
        for tab in 0..self.tabs.len() {
            if self.tabs[tab].closed_for().is_some() {
                continue;
            }
            assert_eq!(self.verify(tab).problems, Vec::<String>::new(), "tab {tab}");
            assert_eq!(self.scan(tab, "by_creation_time"), rows, "tab {tab}");
            for index in ["by_k", "by_g_n"] {
                assert_eq!(self.scan(tab, index).len(), rows.len(), "{index} of tab {tab}");
            }
        }
        rows.len()
    }

    fn newest(&self) -> Manifest {
        Manifest::decode(self.storage.manifests.values().next_back().expect("a manifest")).expect("readable")
    }
}

/// Whether a leaf's first key is that of a row.
fn holds_rows(bytes: &[u8]) -> bool {
    let count = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
    // Nothing shared, then one or two bytes each for the lengths of suffix and value.
    let entry = &bytes[4 + 4 * count.div_ceil(16)..];
    bytes[1] == 1 && entry[2..5].contains(&0x10)
}

/// Two hundred documents in the tree, and a tab that has all of them in memory.
fn stored() -> (World, usize) {
    let mut world = World::new();
    world.open(small(), definition(INDEXES));
    let padding = "-".repeat(200);
    for n in 0..200 {
        world.insert(0, &format!("k{n:03}{padding}"), f64::from(n % 7), Some(f64::from(n % 3)));
        world.settle();
    }
    while world.tabs[0].stats().log_records > 0 {
        world.insert(0, "last", 0.0, None);
        world.settle();
    }
    // The tab that made it is gone.
    world.tabs[0].close();
    let alice = world.open(calm(), definition(INDEXES));
    world.scan(alice, "by_creation_time");
    world.scan(alice, "by_k");
    world.tabs[alice].take_changed_rows();
    (world, alice)
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
        assert!(world.read(alice, running, row).is_none());
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
        let bytes = world.storage.pages.get_mut(&page).expect("it is there");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
    }
    let bob = world.open(calm(), definition(INDEXES));
    let plan = all_of(&world.tabs[bob], "by_k");
    let now = world.now_ms;
    let running = world.tabs[bob].begin(now, true).expect("open");
    let mut run = world.tabs[bob].start_query(Source::Transaction(running), plan.clone()).expect("open");
    let error = loop {
        match world.tabs[bob].step_query(&mut run, &mut Collected::default()) {
            Ok(RunStep::Missing(pages)) => {
                world.tabs[bob].load(pages);
                world.settle();
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::Corrupt);
    assert!(error.message.contains("index \"items.by_k\"") || error.message.contains("table \"items\""), "{error}");
    let report = world.repair(alice);
    assert_eq!((report.rows, report.lost), (before as u64, Vec::new()));
    let mut run = world.tabs[bob].start_query(Source::Transaction(running), plan).expect("open");
    let step = loop {
        match world.tabs[bob].step_query(&mut run, &mut Collected::default()) {
            Ok(RunStep::Missing(pages)) => {
                world.tabs[bob].load(pages);
                world.settle();
            }
            other => break other,
        }
    };
    assert_eq!(step, Ok(RunStep::Stale));
    world.tabs[bob].abandon(running);
    assert_eq!(world.check(), before);
}

#[test]
fn a_repair_of_pages_that_are_missing_comes_to_an_end() {
    let (mut world, alice) = stored();
    world.storage.pages.retain(|_| false);
    let report = world.repair(world.tabs.len() - 1);
    assert_eq!(report.lost, Vec::<String>::new(), "this tab has all pages in memory");
    world.storage.pages.retain(|_| false);
    let bob = world.open(calm(), definition(INDEXES));
    let report = world.repair(bob);
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

/// A record with one row, as another tab would write it.
fn record(world: &World, kind: ChangeKind, row: RowId, document: Vec<u8>) -> (u64, Vec<u8>) {
    let (table, _) = world.table(world.tabs.len() - 1);
    let place = Place { creation_time: 1.0, id: row };
    let change = RowChange { table, place, kind, document: Bytes::new(document), old_keys: Vec::new() };
    let commit = CommitId { session: 9, counter: 1 };
    let record = Record { commit, parts: vec![Rc::new(vec![change])], ..Record::empty() };
    (world.storage.log.keys().next_back().copied().unwrap_or(0) + 1, record.encode())
}

#[test]
fn a_document_that_can_not_be_read_is_found_and_lost_by_name() {
    let (mut world, alice) = stored();
    let before = world.check();
    let names = &world.tabs[alice].schema().names;
    let whole = document::encode(&object(&[("k", string("damaged")), ("n", Value::from(1.0))]), names);
    let at = whole.windows(7).position(|window| window == b"damaged").expect("its text");
    // A control character where the tag says that nothing needs an escape; bytes that are not UTF-8; another tag.
    for (place, byte) in [(at, 0x01), (at, 0xff), (at - 2, 0x0b), (0, 0), (whole.len() - 1, 0x80)] {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        let id = RowId([7; 16]);
        let (number, record) = record(&world, ChangeKind::Insert, id, bytes);
        assert!(world.storage.append(number, record));
        let bob = world.open(calm(), definition(INDEXES));
        let text = crate::id::encode(world.table(bob).1, &id);
        let report = world.verify(bob);
        assert!(report.problems.iter().any(|problem| problem.contains(&text)), "{place}: {report:?}");
        let report = world.repair(bob);
        assert!(report.lost.len() == 1 && report.lost[0].contains(&text), "{place}: {report:?}");
        assert_eq!(report.rows as usize, before);
        assert_eq!(world.check(), before);
    }
}

#[test]
fn a_check_compares_entries_with_documents_not_only_their_number() {
    let (mut world, alice) = stored();
    world.insert(alice, "before", 1.0, Some(1.0));
    world.settle();
    let found = world.scan(alice, "by_k").iter().find(|(_, value)| value.get("k") == Some(&string("before"))).cloned();
    let place = found.expect("it is there").0;
    let names = &world.tabs[alice].schema().names;
    let document =
        document::encode(&object(&[("k", string("another")), ("n", Value::from(1.0)), ("g", Value::from(1.0))]), names);
    // An update that does not say from where the entry has moved: the old one stays, as many as before.
    let (table, _) = world.table(alice);
    let change =
        RowChange { table, place, kind: ChangeKind::Update, document: Bytes::new(document), old_keys: Vec::new() };
    let commit = CommitId { session: 9, counter: 1 };
    let record = Record { commit, parts: vec![Rc::new(vec![change])], ..Record::empty() }.encode();
    let next = world.storage.log.keys().next_back().expect("some") + 1;
    assert!(world.storage.append(next, record));
    let bob = world.open(calm(), definition(INDEXES));
    let report = world.verify(bob);
    assert_eq!(report.problems, ["Index \"items.by_k\": entries that do not belong to the documents."]);
    world.repair(bob);
    world.check();
}

#[test]
fn a_check_looks_at_manifest_and_log_as_they_are_stored() {
    let damage = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let last = |world: &World| *world.storage.log.keys().next_back().expect("some");
    let generation = |world: &World| *world.storage.manifests.keys().next_back().expect("some");
    type Damage<'a> = (&'a str, &'a dyn Fn(&mut World));
    let cases: [Damage<'_>; 7] = [
        ("is damaged", &|world| damage(world.storage.log.get_mut(&last(world)).expect("it is there"))),
        ("is missing", &|world| drop(world.storage.log.remove(&last(world)))),
        ("is missing", &|world| drop(world.storage.log.remove(&(last(world) - 1)))),
        ("The manifest is damaged", &|world| {
            damage(world.storage.manifests.get_mut(&generation(world)).expect("it is there"));
        }),
        ("The manifest is missing", &|world| world.storage.manifests.retain(|_| false)),
        ("its generation is not its key", &|world| {
            let mut manifest = world.newest();
            manifest.generation += 1;
            let generation = generation(world);
            world.storage.manifests.insert(generation, manifest.encode());
        }),
        ("not the one that is in force", &|world| {
            let mut manifest = world.newest();
            manifest.count += 1;
            let generation = generation(world);
            world.storage.manifests.insert(generation, manifest.encode());
        }),
    ];
    for (number, (words, damage)) in cases.iter().enumerate() {
        let (mut world, alice) = stored();
        for n in 0..3 {
            world.insert(alice, "in the log", f64::from(n), Some(1.0));
            world.settle();
        }
        let before = world.check();
        damage(&mut world);
        let report = world.verify(alice);
        assert!(report.problems.iter().any(|problem| problem.contains(words)), "{number}: {report:?}");
        let opened = world.open(calm(), definition(INDEXES));
        let fails = matches!(world.events[opened][..], [Event::Opened(Err(_))]);
        assert!(fails || number == 1 || number >= 4, "{number}: {:?}", world.events[opened]);
        if number != 4 {
            // Who has it in memory can write it again.
            let report = world.repair(alice);
            assert_eq!((report.rows as usize, report.lost), (before, Vec::new()), "{number}");
            for tab in alice + 1..world.tabs.len() {
                world.tabs[tab].close();
            }
            assert_eq!(world.check(), before, "{number}");
        }
    }
}

#[test]
fn a_manifest_under_another_key_than_its_own_is_not_believed() {
    let (mut world, _) = stored();
    let mut manifest = world.newest();
    let key = manifest.generation;
    manifest.generation += 5;
    world.storage.manifests.insert(key, manifest.encode());
    let bob = world.open(calm(), definition(INDEXES));
    let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
    assert!(error.code == Code::Corrupt && error.message.contains("its generation is not its key"), "{error}");
}

#[test]
fn who_waits_for_an_index_hears_that_a_page_is_damaged() {
    for is_missing in [false, true] {
        let (mut world, alice) = stored();
        world.tabs[alice].close();
        let hit = world.damage("k100");
        if is_missing {
            world.storage.pages.retain(|page| !hit.contains(page));
        }
        let options = Options { idle_ms: 1.0, ..calm() };
        let bob = world.open(options, definition(&[("by_k", &["k"]), ("by_g_n", &["g", "n"]), ("by_n", &["n"])]));
        let problems = |world: &World| {
            let is_it = |event: &&Event| matches!(event, Event::Problem(error) if error.code == Code::Corrupt);
            world.events[bob].iter().filter(is_it).cloned().collect::<Vec<_>>()
        };
        let told = problems(&world);
        assert!(matches!(&told[..], [Event::Problem(error)] if error.message.contains("items.by_n")), "{told:?}");
        assert!(world.events[bob].contains(&Event::SchemaChanged), "who waits asks again");
        let plan = all_of(&world.tabs[bob], "by_n");
        let mut run = world.tabs[bob].start_query(Source::Current, plan.clone()).expect("open");
        let error = world.tabs[bob].step_query(&mut run, &mut Collected::default()).expect_err("it can't be built");
        assert_eq!(error.code, Code::Corrupt, "{error}");
        assert!(world.tabs[bob].count(Source::Current, &plan).is_err());
        // It is said once, and the rest of the work goes on.
        world.insert(bob, "after", 1.0, None);
        world.settle();
        world.pass(100_000.0);
        assert_eq!(problems(&world).iter().filter(|told| format!("{told:?}").contains("by_n")).count(), 1);
        let report = world.repair(bob);
        assert_eq!(world.scan(bob, "by_n").len() as u64, report.rows);
    }
}

#[test]
fn an_accepted_loss_of_records_holds_for_tabs_that_have_them_in_memory() {
    let mut world = World::new();
    let alice = world.open(calm(), definition(INDEXES));
    for n in 0..10 {
        world.insert(alice, &format!("k{n}"), f64::from(n), Some(1.0));
        world.settle();
    }
    let record = world.storage.log.get_mut(&6).expect("there are more");
    let middle = record.len() / 2;
    record[middle] ^= 1;
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

#[test]
fn what_was_deleted_is_not_listed_for_ever() {
    let (mut world, alice) = filled();
    for _ in 0..20 {
        for n in 0..8 {
            world.insert(alice, "more", f64::from(n), None);
            world.settle();
        }
        world.pass(70_000.0);
        world.pass(70_000.0);
    }
    let manifest = world.newest();
    assert!(
        manifest.generation > 20 && manifest.freed.len() <= 3,
        "{} of {}",
        manifest.freed.len(),
        manifest.generation
    );
}

#[test]
fn a_shortened_list_does_not_tell_when_records_before_it_went() {
    let options = Options::default();
    let manifest = |generation: u64, checkpoints: &[(f64, u64)]| {
        let mut manifest = Manifest::empty();
        manifest.generation = generation;
        for &(at_ms, sequence) in checkpoints {
            manifest.sequence = sequence;
            manifest.free(at_ms, &[]);
        }
        manifest
    };
    let whole = |manifest: &Manifest, sequence| commit::is_log_whole(manifest, sequence, &options, 100_000.0);
    // Three checkpoints, all of them recent enough.
    let all = manifest(3, &[(90_000.0, 10), (95_000.0, 20), (99_000.0, 30)]);
    assert!(whole(&all, 0) && whole(&all, 15) && whole(&all, 30));
    // The first is listed no more: what it took in may be gone, but not what came after it.
    let short = manifest(3, &[(95_000.0, 20), (99_000.0, 30)]);
    assert!(!whole(&short, 0) && !whole(&short, 15));
    assert!(whole(&short, 20) && whole(&short, 25) && whole(&short, 30));
    let old = manifest(3, &[(10_000.0, 10), (20_000.0, 20), (99_000.0, 30)]);
    assert!(!whole(&old, 15) && whole(&old, 20));
}

#[test]
fn an_attempt_that_was_given_before_is_not_used_again() {
    let (mut world, alice) = filled();
    let before = world.newest();
    // Something has deleted the number, or written nonsense in its place.
    world.storage.attempts = 0;
    for n in 0..16 {
        world.insert(alice, "more", f64::from(n), None);
        world.settle();
    }
    let after = world.newest();
    assert!(after.generation > before.generation && after.attempt > before.attempt, "{}", after.attempt);
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}
