//! What is damaged, how it is found, and how it is told.

use super::*;
use crate::bytes::Bytes;
use crate::keyspace::{self, RowId};
use crate::log::{ChangeKind, RowChange};
use crate::store::Manifest;

/// Time stands still for checkpoints, except for those that are asked for.
pub(super) fn calm() -> Options {
    Options { checkpoint_log_records: 1_000_000, checkpoint_log_bytes: 1 << 30, idle_ms: f64::INFINITY, ..small() }
}

impl World {
    /// Flips a bit in every leaf of rows that holds this text.
    pub(super) fn damage(&mut self, text: &str) -> Vec<u64> {
        let is_hit = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        let hit = self.storage.pages.iter().filter(|(_, bytes)| is_hit(bytes) && holds_rows(bytes));
        let hit: Vec<u64> = hit.map(|(page, _)| *page).collect();
        for page in &hit {
            flip(self.storage.pages.get_mut(page).expect("it is there"));
        }
        hit
    }

    pub(super) fn repair(&mut self, tab: usize) -> RepairReport {
        let now = self.now_ms;
        self.events[tab].clear();
        self.tabs[tab].start_repair(now).expect("open");
        self.settle();
        self.repaired(tab)
    }

    pub(super) fn repaired(&self, tab: usize) -> RepairReport {
        let report = self.events[tab].iter().find_map(|event| match event {
            Event::Repaired(result) => Some(result.clone().expect("repaired")),
            _ => None,
        });
        report.unwrap_or_else(|| panic!("no end: {:?}, {}", self.events[tab], self.tabs[tab].sketch()))
    }

    pub(super) fn table(&self, tab: usize) -> (TableId, u32) {
        let table = self.tabs[tab].schema().table("items").expect("the table");
        (table.id, table.number)
    }

    pub(super) fn row_of(&mut self, tab: usize, k: &str) -> Option<(RowId, f64)> {
        let rows = self.scan(tab, "by_creation_time");
        let is_it = |value: &Value| value.get("k").and_then(Value::as_str).is_some_and(|text| text.starts_with(k));
        let found = rows.iter().find(|(_, value)| is_it(value));
        found.map(|(place, value)| (place.id, value.get("n").and_then(Value::as_f64).expect("a number")))
    }

    pub(super) fn read(&mut self, tab: usize, transaction: TransactionId, row: RowId) -> Result<Option<Row>> {
        let (table, _) = self.table(tab);
        loop {
            match self.tabs[tab].read_row(transaction, table, row) {
                Ok(row) => return Ok(row),
                Err(obstacle) => match self.tabs[tab].overcome(transaction, obstacle)? {
                    RunStep::Missing(pages) => {
                        self.tabs[tab].load(pages);
                        self.settle();
                    }
                    other => panic!("unexpected {other:?}"),
                },
            }
        }
    }

    /// All that is stored is whole, and all indexes of all tabs say the same.
    pub(super) fn check(&mut self) -> usize {
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

    pub(super) fn newest(&self) -> Manifest {
        Manifest::decode(self.storage.manifests.values().next_back().expect("a manifest")).expect("readable")
    }
}

/// Whether a leaf's first key is that of a row.
pub(super) fn holds_rows(bytes: &[u8]) -> bool {
    let count = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
    // Nothing shared, then one or two bytes each for the lengths of suffix and value.
    let entry = &bytes[4 + 4 * count.div_ceil(16)..];
    bytes[1] == 1 && entry[2..5].contains(&0x10)
}

/// Two hundred documents in the tree, and a tab that has all of them in memory.
pub(super) fn stored() -> (World, usize) {
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
fn a_whole_database_verifies() {
    let (mut world, alice) = filled();
    let report = world.verify(alice);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.rows, report.entries), (200, 400));
    assert!(report.pages >= 2);
}

#[test]
fn a_damaged_page_is_named_and_the_others_stay_readable() {
    let (mut world, alice) = stored();
    let [first, hit] = ["k000", "k100"].map(|k| world.row_of(alice, k).expect("it is there").0);
    let rows = world.verify(alice).rows;
    world.damage("k100");
    let bob = world.open(calm(), definition(INDEXES));
    let report = world.verify(bob);
    assert!(report.rows > rows / 2 && report.rows < rows, "{} of {rows}", report.rows);
    assert_eq!(report.problems.len(), 1, "what is missing beside it is no news: {:?}", report.problems);
    assert!(report.problems.iter().any(|problem| problem.contains("table \"items\"")), "{:?}", report.problems);
    let reader = world.tabs[bob].begin(world.now_ms, true).expect("open");
    assert!(world.read(bob, reader, first).is_ok_and(|row| row.is_some()));
    let Err(error) = world.read(bob, reader, hit) else { panic!("its page is damaged") };
    assert!(error.code == Code::Corrupt && error.message.contains("table \"items\""), "{error}");
    // Writing goes on.
    let transaction = world.insert(bob, "new", 1.0, None);
    world.settle();
    assert!(world.events[bob].contains(&Event::Settled { transaction, outcome: Outcome::Saved }));
}

/// A log of a schema and ten rows, a record each.
fn ten_records() -> World {
    let mut world = World::new();
    let alice = world.open(Options::default(), definition(INDEXES));
    for n in 0..10 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    world
}

#[test]
fn a_damaged_log_record_fails_the_opening_until_its_loss_is_accepted() {
    let mut world = ten_records();
    flip(world.storage.log.get_mut(&6).expect("there are more"));
    let bob = world.open(Options::default(), definition(INDEXES));
    let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
    assert_eq!((error.code, error.message.contains("record 6")), (Code::Corrupt, true), "{error}");
    let carol = world.open(Options { accept_loss: true, ..Options::default() }, definition(INDEXES));
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    assert_eq!(world.scan(carol, "by_k").len(), 4, "records 2 to 5");
    world.insert(carol, "after", 1.0, None);
    world.settle();
    let dave = world.open(Options::default(), definition(INDEXES));
    assert_eq!(world.scan(dave, "by_k").len(), 5);
}

#[test]
fn a_missing_log_record_is_as_one_that_is_damaged() {
    let mut world = ten_records();
    world.storage.log.remove(&6);
    let bob = world.open(Options::default(), definition(INDEXES));
    let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
    assert!(error.code == Code::Corrupt && error.message.starts_with("Log record 6 is missing."), "{error}");
    assert!(error.message.contains("lose-unreadable"), "{error}");
    let carol = world.open(Options { accept_loss: true, ..Options::default() }, definition(INDEXES));
    assert!(world.events[carol].contains(&Event::Opened(Ok(()))), "{:?}", world.events[carol]);
    assert_eq!(world.scan(carol, "by_k").len(), 4, "records 2 to 5");
}

#[test]
fn a_damaged_manifest_fails_the_opening_and_says_what_is_left_to_do() {
    let (mut world, _) = filled();
    let newest = *world.storage.manifests.keys().next_back().expect("there was a checkpoint");
    flip(world.storage.manifests.get_mut(&newest).expect("it is there"));
    for accept_loss in [false, true] {
        let bob = world.open(Options { accept_loss, ..small() }, definition(INDEXES));
        let [Event::Opened(Err(error))] = &world.events[bob][..] else { panic!("{:?}", world.events[bob]) };
        assert!(error.code == Code::Corrupt && error.message.starts_with("The manifest is damaged"), "{error}");
        assert!(error.message.contains("deleteDatabase"), "{error}");
    }
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
    let last = |world: &World| *world.storage.log.keys().next_back().expect("some");
    let generation = |world: &World| *world.storage.manifests.keys().next_back().expect("some");
    type Damage<'a> = (&'a str, &'a dyn Fn(&mut World));
    let cases: [Damage<'_>; 7] = [
        ("is damaged", &|world| flip(world.storage.log.get_mut(&last(world)).expect("it is there"))),
        ("is missing", &|world| drop(world.storage.log.remove(&last(world)))),
        ("is missing", &|world| drop(world.storage.log.remove(&(last(world) - 1)))),
        ("The manifest is damaged", &|world| {
            flip(world.storage.manifests.get_mut(&generation(world)).expect("it is there"));
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
fn a_damaged_entry_is_told_of_with_its_table_and_index() {
    let (mut world, alice) = filled();
    let (table, _) = world.table(alice);
    let k = world.tabs[alice].schema().table("items").and_then(|table| table.index("by_k")).expect("the index").id;
    let prefixes = [keyspace::row_prefix(table), keyspace::id_prefix(table), keyspace::entry_prefix(k)];
    for (name, prefix) in ["by_creation_time", "by_id", "by_k"].into_iter().zip(prefixes) {
        // A key that ends where its place begins.
        world.tabs[alice].current.view.overlay.put(&prefix, Bytes::default(), 1);
        let plan = all_of(&world.tabs[alice], name);
        let mut run = world.tabs[alice].start_query(Source::Current, plan).expect("open");
        let error = world.step_query(alice, &mut run, &mut Collected::default()).expect_err("damaged");
        assert_eq!(error.code, Code::Corrupt);
        assert_eq!(error.message, format!("An entry of index \"items.{name}\" is damaged; `db.verify()` tells more."));
    }
}

#[test]
fn an_entry_without_its_document_is_told_of_with_its_table_and_index() {
    let (mut world, alice) = stored();
    let (place, value) = world.scan(alice, "by_k").swap_remove(0);
    let (table, _) = world.table(alice);
    let names = &world.tabs[alice].schema().names;
    let document = Bytes::new(document::encode(&value, names));
    // A deletion that says nothing of the entries: they stay.
    let change = RowChange { table, place, kind: ChangeKind::Delete, document, old_keys: Vec::new() };
    let commit = CommitId { session: 9, counter: 1 };
    let record = Record { commit, parts: vec![Rc::new(vec![change])], ..Record::empty() }.encode();
    let next = world.storage.log.keys().next_back().map_or(world.newest().sequence, |last| *last) + 1;
    assert!(world.storage.append(next, record));
    let bob = world.open(calm(), definition(INDEXES));
    let plan = all_of(&world.tabs[bob], "by_k");
    let mut run = world.tabs[bob].start_query(Source::Current, plan).expect("open");
    let error = world.step_query(bob, &mut run, &mut Collected::default()).expect_err("its document is gone");
    assert_eq!(error.code, Code::Corrupt);
    let told = "An entry of index \"items.by_k\" names a document that is not there; `db.verify()` tells more.";
    assert_eq!(error.message, told);
}

#[test]
fn an_open_tab_that_meets_a_damaged_log_says_how_to_open_the_database_again() {
    let remove = |world: &mut World, number: u64| drop(world.storage.log.remove(&number));
    let damage = |world: &mut World, number: u64| flip(world.storage.log.get_mut(&number).expect("it is there"));
    type Harm<'a> = (&'a str, &'a dyn Fn(&mut World, u64));
    let cases: [Harm<'_>; 2] = [("is missing.", &remove), ("is damaged (", &damage)];
    for (words, harm) in cases {
        let mut world = World::new();
        let alice = world.open(calm(), definition(INDEXES));
        let bob = world.open(calm(), definition(INDEXES));
        // Bob hears of nothing.
        world.is_silent = true;
        for n in 0..3 {
            world.insert(alice, "k", n.into(), None);
            world.settle();
        }
        let last = *world.storage.log.keys().next_back().expect("some");
        harm(&mut world, last - 1);
        world.insert(bob, "k", 3.0, None);
        world.settle();
        let error = world.tabs[bob].closed_for().expect("it can't go on").clone();
        assert!(error.code == Code::Corrupt && error.message.contains(words), "{error}");
        assert!(error.message.contains("`accept: \"lose-unreadable\"`"), "{error}");
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
