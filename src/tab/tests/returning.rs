//! A table that is taken out of documents that are synced further, and comes back to them: two devices, two tabs, two
//! versions of the app, and tabs that end between any two steps.

use super::adopting::{settle_step, step};
use super::synced::{Writer, check_documents, entries, synced, synced_value};
use super::world::*;
use super::*;
use crate::bytes::Bytes;
use crate::crdt::{ChangeHash, DocumentId, DocumentState};
use crate::doc::{self, Hub, Output};
use crate::document::Document;
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Root};
use crate::random::{Random, seeds};
use crate::schema::SchemaDefinition;

/// The same, with some tables on the device alone.
pub(super) fn without(names: &[&str]) -> SchemaDefinition {
    let Value::Object(mut schema) = synced_value() else { panic!("an object") };
    let Some(Value::Object(mut sync)) = schema.remove("sync") else { panic!("an object") };
    for name in names {
        sync.remove(*name);
    }
    schema.insert("sync".into(), Value::Object(sync));
    SchemaDefinition::from_value(&Value::Object(schema)).expect("a schema")
}

/// A device with a docs worker that lives as long as a conversation.
struct Device {
    writer: Writer,
    tab: usize,
}

impl Device {
    fn new(number: u8, seed: u64, moves: bool) -> Self {
        let mut world = World::new();
        world.number = number;
        let mut writer = Writer { world, random: Random::from_number(seed * 2 + u64::from(number)), moves };
        let tab = writer.world.open(small(), synced());
        let mut device = Device { writer, tab };
        device.settle();
        device
    }

    fn open(&mut self, wanted: SchemaDefinition) {
        self.writer.settle();
        self.tab = self.writer.world.open(small(), wanted);
    }

    fn mutate(&mut self, times: usize) {
        for _ in 0..times {
            self.writer.mutate(self.tab);
            self.writer.settle();
        }
    }

    /// Does all that is to be done after a schema.
    fn settle(&mut self) {
        loop {
            while settle_step(&mut self.writer, self.tab) {
                self.writer.settle();
            }
            let known = self.writer.with_pages(self.tab, Tab::known_documents).expect("readable");
            if known.iter().all(|document| document.missing_tables.is_empty()) {
                return;
            }
            let mut worker = Worker::of(self);
            for document in known.into_iter().filter(|document| !document.missing_tables.is_empty()) {
                worker.hub.handle(doc::Input::TakeTables { id: document.id, tables: document.missing_tables });
                worker.run(self);
            }
        }
    }

    /// What is shown of the rows of a table, by their ids.
    fn rows(&mut self, name: &str) -> Vec<(Vec<u8>, Bytes)> {
        let id = self.writer.world.tabs[self.tab].committed.schema.table(name).expect("it").id;
        entries(&mut self.writer.world, self.tab, &keyspace::row_prefix(id), false)
    }

    /// What is stored of documents.
    fn documents(&mut self) -> Vec<(Vec<u8>, Bytes)> {
        let mut found = Vec::new();
        for kind in [0x51, 0x52] {
            found.extend(entries(&mut self.writer.world, self.tab, &[kind], false));
        }
        found
    }

    /// How much is stored for documents' sake of the rows of a table.
    fn stamps(&mut self, name: &str) -> usize {
        let id = self.writer.world.tabs[self.tab].committed.schema.table(name).expect("it").id;
        let prefixes = keyspace::crdt_prefixes(id);
        prefixes.iter().map(|prefix| entries(&mut self.writer.world, self.tab, prefix, false).len()).sum()
    }

    fn check(&mut self, hint: &str) {
        check_documents(&mut self.writer.world, self.tab, hint);
        assert_eq!(self.writer.world.verify(self.tab).problems, Vec::<String>::new(), "{hint}");
    }

    fn title(document: &Bytes, names: &crate::document::Names) -> Option<Value> {
        Document::new(document).to_value(names).expect("readable").get("title").cloned()
    }
}

struct Worker {
    hub: Hub,
    roots: FlatMap<DocumentId, Root>,
    sent: Vec<doc::Frame>,
}

impl Worker {
    fn of(device: &mut Device) -> Self {
        let mut worker = Worker { hub: Hub::default(), roots: FlatMap::new(), sent: Vec::new() };
        device.writer.world.tabs[device.tab].follow_documents(true);
        for document in device.writer.with_pages(device.tab, Tab::known_documents).expect("readable") {
            worker.know(device, document.id, document.root, Some(document.heads));
        }
        worker
    }

    fn know(&mut self, device: &Device, id: DocumentId, root: Root, heads: Option<Vec<ChangeHash>>) {
        if self.roots.insert(id, root).is_none() {
            let text = device.writer.world.tabs[device.tab].text_of_root(root);
            self.hub.handle(doc::Input::Known { id, root: text, is_shared: root.table.0 > 0, heads });
        }
    }

    fn tell_news(&mut self, device: &mut Device) {
        for news in device.writer.world.tabs[device.tab].take_document_news().unwrap_or_default() {
            self.know(device, news.id, news.root, None);
            let chunks = news.chunks.to_vec();
            self.hub.handle(doc::Input::Saved { id: news.id, chunks, actors: news.actors });
        }
        self.hub.handle(doc::Input::AllTold);
    }

    fn run(&mut self, device: &mut Device) {
        let tab = device.tab;
        loop {
            self.tell_news(device);
            let Some(output) = self.hub.take_output() else { return };
            match output {
                Output::Load { id } => {
                    let root = self.roots.get(&id).copied();
                    let stored = root
                        .map(|root| device.writer.with_pages(tab, |tab| tab.stored_document(root)).expect("readable"));
                    let (chunks, actors, heads) =
                        stored.map(|stored| (stored.chunks, stored.actors, stored.heads)).unwrap_or_default();
                    self.hub.handle(doc::Input::Loaded { id, chunks, actors, heads });
                }
                Output::Merge { id, merge } => {
                    let root = self.roots.get(&id).copied();
                    let is_saved = self.merge(device, root, &merge);
                    self.tell_news(device);
                    let outcome = if is_saved { doc::Outcome::Saved } else { doc::Outcome::Outdated };
                    self.hub.handle(doc::Input::Merged { id, outcome });
                }
                Output::Snapshot { id, .. } => self.hub.handle(doc::Input::SnapshotSaved { id, bytes: 0 }),
                Output::Send { frame, .. } => self.sent.push(frame),
                Output::SetAside { reason, .. } => panic!("{reason}"),
                Output::Status { .. } | Output::Answer { .. } | Output::Unavailable { .. } | Output::Keep { .. } => {}
            }
        }
    }

    fn merge(&mut self, device: &mut Device, root: Option<Root>, bytes: &[u8]) -> bool {
        let (tab, world) = (device.tab, &mut device.writer.world);
        world.tick(tab);
        let now_ms = world.now_ms;
        let transaction = world.tabs[tab].begin(now_ms, false).expect("open");
        let mut has_begun = false;
        let merged = device.writer.with_pages(tab, |tab| {
            if !has_begun {
                tab.begin_merge(transaction, root, bytes.to_vec())?;
                has_begun = true;
            }
            while tab.merge_more(transaction)? {}
            Ok(())
        });
        let finished = merged.map(|()| device.writer.world.tabs[tab].finish(now_ms, transaction));
        let is_saved = matches!(finished, Some(Ok(Finished::Queued | Finished::Done)));
        if !is_saved {
            device.writer.world.tabs[tab].abandon(transaction);
        }
        device.writer.settle();
        is_saved
    }
}

/// Lets two devices tell each other all.
fn meet(one: &mut Device, two: &mut Device) {
    let mut workers = [Worker::of(one), Worker::of(two)];
    for (at, worker) in workers.iter_mut().enumerate() {
        worker.hub.handle(doc::Input::Connected { peer: 0, device: format!("device {}", 1 - at) });
    }
    for _ in 0..1_000 {
        let [first, second] = &mut workers;
        first.run(one);
        second.run(two);
        let (from_first, from_second) = (std::mem::take(&mut first.sent), std::mem::take(&mut second.sent));
        if from_first.is_empty() && from_second.is_empty() {
            return;
        }
        for frame in from_first {
            second.hub.handle(doc::Input::Received { peer: 0, frame });
        }
        for frame in from_second {
            first.hub.handle(doc::Input::Received { peer: 0, frame });
        }
    }
    panic!("they never come to an end");
}

#[test]
fn a_table_leaves_documents_and_comes_back() {
    let (mut edited, mut came, mut kept) = (0, 0, 0);
    for seed in seeds(25) {
        let hint = format!("seed {seed}");
        let (mut one, mut two) = (Device::new(1, seed, true), Device::new(2, seed, true));
        one.mutate(25);
        meet(&mut one, &mut two);
        assert_eq!(one.rows("tasks"), two.rows("tasks"), "{hint}");

        // The rows stay, what was stored for documents goes, and documents are as they were.
        let (before, documents) = (one.rows("tasks"), one.documents());
        one.open(without(&["tasks"]));
        while settle_step(&mut one.writer, one.tab) {
            one.writer.settle();
            if one.writer.below(3) == 0 {
                one.open(without(&["tasks"]));
            }
        }
        assert_eq!(one.rows("tasks"), before, "{hint}");
        assert_eq!(one.documents(), documents, "{hint}");
        assert_eq!(one.stamps("tasks"), 0, "{hint}");
        one.check(&hint);

        // Each for itself: nobody hears of the other's tasks, and of all else as before.
        two.mutate(10);
        let before = one.rows("tasks");
        meet(&mut one, &mut two);
        assert_eq!(one.rows("tasks"), before, "{hint}: merges leave local rows alone");
        one.mutate(15);
        let theirs = two.rows("tasks");
        meet(&mut one, &mut two);
        assert_eq!(one.rows("projects"), two.rows("projects"), "{hint}");
        assert_eq!(two.rows("tasks"), theirs, "{hint}: local edits stay here");
        assert_eq!(one.stamps("tasks"), 0, "{hint}");

        // It comes back, with tabs that end between steps and write between them.
        let mine = one.rows("tasks");
        one.open(synced());
        for _ in 0..one.writer.below(4) {
            settle_step(&mut one.writer, one.tab);
            one.writer.settle();
            if one.writer.below(2) == 0 {
                one.open(synced());
            }
        }
        one.settle();
        one.check(&hint);
        let here = one.rows("tasks");
        for (key, document) in &mine {
            let now = here.iter().find(|(known, _)| known == key);
            match (theirs.iter().find(|(known, _)| known == key), now) {
                // What this device shows was written over what the document had.
                (_, Some((_, now))) => assert_eq!(now, document, "{hint}: a row that was here"),
                // Others have deleted it, and nobody has changed it here.
                (None, None) => {}
                (Some(_), None) => panic!("{hint}: a row is gone that both had"),
            }
            let is_edited = theirs.iter().any(|(known, theirs)| known == key && theirs != document);
            (edited, kept) = (edited + usize::from(is_edited), kept + 1);
        }
        for (key, _) in &theirs {
            let place = keyspace::place_of(key).expect("a row");
            let is_here = here.iter().any(|(known, _)| keyspace::place_of(known).expect("a row").id == place.id);
            assert!(is_here, "{hint}: a row of the documents is not here");
            came += usize::from(!mine.iter().any(|(known, _)| known == key));
        }
        meet(&mut one, &mut two);
        let ids = |rows: Vec<(Vec<u8>, Bytes)>| {
            let rows = rows.into_iter().map(|(key, row)| (keyspace::place_of(&key).expect("a row").id, row));
            rows.collect::<Vec<_>>()
        };
        let (mut ours, mut theirs) = (ids(one.rows("tasks")), ids(two.rows("tasks")));
        ours.sort_by_key(|(id, _)| *id);
        theirs.sort_by_key(|(id, _)| *id);
        assert_eq!(ours, theirs, "{hint}");
        one.check(&hint);
        two.check(&hint);
        // And all goes on as ever.
        one.mutate(10);
        two.mutate(10);
        meet(&mut one, &mut two);
        one.check(&hint);
        two.check(&hint);
    }
    assert!(edited > 20 && came > 20 && kept > 100, "{edited} edited, {came} came, {kept} rows");
}

/// An older tab, whose app has the table synced, and a newer one that has it local, and the other way round: all go by the
/// schema that was adopted last, and what is left of an earlier time is not taken for what was written since.
#[test]
fn two_versions_at_once_do_not_mix_what_they_write() {
    for seed in seeds(25) {
        let hint = format!("seed {seed}");
        let (mut one, mut two) = (Device::new(1, seed, true), Device::new(2, seed, true));
        one.mutate(20);
        meet(&mut one, &mut two);
        let mut tabs = vec![one.tab];
        for _ in 0..6 {
            let wanted = if one.writer.below(2) == 0 { synced() } else { without(&["tasks"]) };
            one.open(wanted);
            tabs.push(one.tab);
            for _ in 0..one.writer.below(12) {
                one.tab = tabs[one.writer.below(tabs.len() as u64)];
                match one.writer.below(3) {
                    0 => one.writer.mutate(one.tab),
                    1 => drop(settle_step(&mut one.writer, one.tab)),
                    _ => one.writer.settle(),
                }
            }
            one.writer.settle();
            two.mutate(2);
            meet(&mut one, &mut two);
        }
        one.open(synced());
        one.settle();
        one.check(&hint);
        meet(&mut one, &mut two);
        one.check(&hint);
        two.check(&hint);
        let titles = |device: &mut Device| {
            let names = device.writer.world.tabs[device.tab].committed.schema.names.clone();
            let rows = device.rows("tasks").into_iter();
            let mut titles: Vec<_> = rows
                .map(|(key, row)| (keyspace::place_of(&key).expect("a row").id, Device::title(&row, &names)))
                .collect();
            titles.sort_by_key(|(id, _)| *id);
            titles
        };
        assert_eq!(titles(&mut one), titles(&mut two), "{hint}");
    }
}

#[test]
fn what_a_table_had_is_gone_before_it_is_synced_again() {
    let mut one = Device::new(1, 7, false);
    one.mutate(30);
    let before = one.stamps("tasks");
    assert!(before > 3);
    one.open(without(&["tasks"]));
    assert!(one.writer.world.tabs[one.tab].current.schema.table("tasks").expect("it").placement.is_none());
    // It was written before anything has gone, and then it is to be synced again.
    one.mutate(10);
    one.open(synced());
    let table = one.writer.world.tabs[one.tab].current.schema.table("tasks").expect("it").clone();
    assert!(table.placement.is_none() && table.moving.is_some(), "first that has to go");
    while step(&mut one.writer, one.tab, Tab::drop_stamps) {
        one.writer.settle();
    }
    assert_eq!(one.stamps("tasks"), 0);
    let table = one.writer.world.tabs[one.tab].current.schema.table("tasks").expect("it").clone();
    assert!(table.placement.is_some() && table.moving.is_some(), "what documents have comes next");
    let unread = entries(&mut one.writer.world, one.tab, keyspace::STATES_PREFIX, false);
    let unread = unread.iter().filter_map(|(_, state)| DocumentState::decode(state).ok()?.tables.get("tasks").copied());
    assert!(unread.map(|map| map.is_taken).all(|is_taken| !is_taken));
    one.settle();
    one.check("settled");
    assert!(one.writer.world.tabs[one.tab].current.schema.table("tasks").expect("it").moving.is_none());
}

#[test]
fn one_of_the_workspaces_tables_may_leave_it() {
    let Value::Object(mut schema) = synced_value() else { panic!("an object") };
    let Some(Value::Object(mut sync)) = schema.remove("sync") else { panic!("an object") };
    sync.insert("notes".into(), object(&[("home", string("workspace"))]));
    schema.insert("sync".into(), Value::Object(sync));
    let both = || SchemaDefinition::from_value(&Value::Object(schema.clone())).expect("a schema");
    let mut one = Device::new(1, 9, false);
    one.open(both());
    one.settle();
    one.mutate(30);
    let before = one.rows("notes");
    assert!(before.len() > 1 && one.stamps("notes") > 1);
    one.open(synced());
    one.settle();
    assert_eq!(one.rows("notes"), before);
    assert_eq!(one.stamps("notes"), 0);
    one.check("without");
    one.mutate(10);
    let before = one.rows("notes");
    one.open(both());
    one.settle();
    let after = one.rows("notes");
    assert!(before.iter().all(|row| after.contains(row)), "{before:?} {after:?}");
    one.check("with it again");
}
