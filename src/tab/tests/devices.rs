//! Devices that meet: each with tabs over a store of its own and a docs worker, joined by links that are cut and come
//! back. Tabs are killed, and a disk forgets what it had; in the end all devices have the same documents and rows.

use super::synced::{Writer, check_documents, entries, synced};
use super::world::*;
use super::*;
use crate::bytes::Bytes;
use crate::crdt::{DocumentId, DocumentState, Merge};
use crate::doc::{self, Frame, Hub, Output, PeerId};
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Root};
use crate::random::{Random, seeds};
use crate::storage::MemoryStorage;
use std::collections::{BTreeMap, VecDeque};

/// Which change has a number of an actor: of all devices together.
type Sequences = BTreeMap<(Vec<u8>, u64), automerge::ChangeHash>;

struct Device {
    writer: Writer,
    tabs: Vec<usize>,
    hub: Hub,
    roots: FlatMap<DocumentId, Root>,
    outbox: Vec<(PeerId, Frame)>,
    /// Documents that peers and this device have alike, as far as it knows.
    synced: FlatMap<(PeerId, DocumentId), bool>,
    counts: Counts,
    /// Whether nobody writes any more.
    is_quiet: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    merges: usize,
    /// Merges that had to be made again.
    outdated: usize,
    cuts: usize,
    crashes: usize,
    forgotten: usize,
    snapshots: usize,
    /// Commits whose changes were compressed.
    compressed: usize,
}

impl Device {
    fn new(number: u64, seed: u64) -> Self {
        let mut world = World::new();
        // Clocks of devices differ.
        world.now_ms += number as f64 * 1_234.5;
        let random = Random::from_number(seed * 10 + number);
        let mut writer = Writer { world, random, moves: true };
        // Ids and actors are drawn by tabs: they must not be the same on two devices.
        for _ in 0..number * 100 {
            writer.world.tabs.push(Tab::new(small(), synced(), [9; 32]));
            let last = writer.world.tabs.len() - 1;
            writer.world.tabs[last].close();
            writer.world.events.push(Vec::new());
            writer.world.alarms.push(None);
        }
        let mut device = Device {
            writer,
            tabs: Vec::new(),
            hub: Hub::default(),
            roots: FlatMap::new(),
            outbox: Vec::new(),
            synced: FlatMap::new(),
            counts: Counts::default(),
            is_quiet: false,
        };
        device.open();
        device
    }

    /// Opens tabs; the first one has the docs worker.
    fn open(&mut self) {
        self.tabs = (0..2).map(|_| self.writer.world.open(small(), synced())).collect();
        self.lead();
    }

    fn lead(&mut self) {
        self.hub = Hub::default();
        self.roots = FlatMap::new();
        let leader = self.tabs[0];
        self.writer.world.tabs[leader].follow_documents(true);
        self.look_at_all();
    }

    fn look_at_all(&mut self) {
        let leader = self.tabs[0];
        let known = self.writer.with_pages(leader, Tab::known_documents).expect("readable");
        for document in known {
            self.know(document.id, document.root);
        }
    }

    fn know(&mut self, id: DocumentId, root: Root) {
        if self.roots.insert(id, root).is_none() {
            // What is one's own is not for others.
            self.hub.handle(doc::Input::Known { id, is_shared: root.table.0 > 0 });
        }
    }

    /// Tells the worker what was saved.
    fn tell_news(&mut self, sequences: &mut Sequences) {
        let leader = self.tabs[0];
        let Some(news) = self.writer.world.tabs[leader].take_document_news() else {
            self.look_at_all();
            self.hub.handle(doc::Input::Reset);
            return;
        };
        for news in news {
            note_sequences(&news.chunks, sequences);
            self.know(news.id, news.root);
            let chunks = news.chunks.to_vec();
            self.hub.handle(doc::Input::Saved { id: news.id, chunks, actors: news.actors });
        }
    }

    /// Does what the worker wants, until it wants nothing.
    fn run(&mut self, sequences: &mut Sequences) {
        self.writer.settle();
        for _ in 0..10_000 {
            self.tell_news(sequences);
            if self.writer.below(4) == 0 {
                for id in self.roots.keys().copied().collect::<Vec<_>>() {
                    self.hub.handle(doc::Input::Waiting { id });
                }
            }
            if self.writer.below(8) == 0 {
                self.hub.handle(doc::Input::Quiet);
            }
            let Some(output) = self.hub.take_output() else { return };
            match output {
                Output::Load { id } => {
                    let leader = self.tabs[0];
                    let stored =
                        self.roots.get(&id).copied().map(|root| {
                            self.writer.with_pages(leader, |tab| tab.stored_document(root)).expect("readable")
                        });
                    let (chunks, actors, heads) =
                        stored.map(|stored| (stored.chunks, stored.actors, stored.heads)).unwrap_or_default();
                    // To find it may have taken a while.
                    self.tell_news(sequences);
                    self.hub.handle(doc::Input::Loaded { id, chunks, actors, heads });
                }
                Output::Merge { id, merge } => {
                    let outcome = self.merge(id, &merge);
                    self.tell_news(sequences);
                    self.hub.handle(doc::Input::Merged { id, outcome });
                }
                Output::Snapshot { id, heads, snapshot } => {
                    let root = self.roots[&id];
                    let bytes = snapshot.len();
                    let is_saved =
                        self.commit(|tab, transaction| tab.save_snapshot(transaction, root, &heads, &snapshot));
                    self.counts.snapshots += usize::from(is_saved);
                    self.tell_news(sequences);
                    let bytes = if is_saved { bytes } else { 0 };
                    self.hub.handle(doc::Input::SnapshotSaved { id, bytes });
                }
                Output::Send { peer, frame } => self.outbox.push((peer, frame)),
                Output::Status { peer, id, is_synced } => drop(self.synced.insert((peer, id), is_synced)),
                Output::SetAside { reason, .. } => panic!("{reason}"),
                Output::Answer { .. } => {}
            }
        }
        panic!("a worker that never comes to an end");
    }

    /// Saves what has come for a document.
    fn merge(&mut self, id: DocumentId, bytes: &[u8]) -> doc::Outcome {
        let root = self.roots.get(&id).copied();
        let merge = Merge::decode(bytes).expect("readable");
        assert_eq!(merge.encode(), bytes);
        // Damaged, it is another one or refused.
        let mut damaged = bytes[..bytes.len() - self.writer.below(bytes.len() as u64)].to_vec();
        let bit = self.writer.below(8 * damaged.len() as u64);
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = Merge::decode(&damaged);
        self.counts.merges += 1;
        // Meanwhile somebody may write.
        if !self.is_quiet && self.writer.below(3) == 0 {
            let other = self.tabs[self.writer.below(2)];
            self.writer.mutate(other);
            if self.writer.below(2) == 0 {
                self.writer.settle();
            }
        }
        let mut has_begun = false;
        let is_saved = self.commit(|tab, transaction| {
            if !has_begun {
                tab.begin_merge(transaction, root, bytes.to_vec())?;
                has_begun = true;
            }
            while tab.merge_more(transaction)? {}
            Ok(())
        });
        if is_saved {
            return doc::Outcome::Saved;
        }
        self.counts.outdated += 1;
        doc::Outcome::Outdated
    }

    /// Compresses changes that are noted to be long.
    fn compress(&mut self) {
        let leader = self.tabs[0];
        let long = self.writer.with_pages(leader, Tab::long_changes).expect("readable");
        let smaller: Vec<_> = long.into_iter().map(|(key, chunks)| (key, compressed(&chunks))).collect();
        let count = smaller.iter().filter(|(_, chunks)| !chunks.is_empty()).count();
        if self.commit(|tab, transaction| tab.save_smaller(transaction, smaller.clone())) {
            self.counts.compressed += count;
        }
    }

    /// Commits what is written in one of the tabs. Answers whether it was saved.
    fn commit(&mut self, mut write: impl FnMut(&mut Tab, TransactionId) -> std::result::Result<(), Obstacle>) -> bool {
        let tab = self.tabs[self.writer.below(2)];
        self.writer.world.tick(tab);
        let now_ms = self.writer.world.now_ms;
        let transaction = self.writer.world.tabs[tab].begin(now_ms, false).expect("open");
        let done = self.writer.with_pages(tab, |tab| write(tab, transaction));
        let finished = match done {
            Some(()) => self.writer.world.tabs[tab].finish(now_ms, transaction),
            None => Ok(Finished::RunAgain),
        };
        self.writer.world.settle();
        let mut events = self.writer.world.events[tab].iter();
        let is_saved = events.any(|event| {
            matches!(event, Event::Settled { transaction: settled, outcome: Outcome::Saved } if *settled == transaction)
        });
        if finished == Ok(Finished::RunAgain) {
            self.writer.world.tabs[tab].abandon(transaction);
        }
        self.writer.settle();
        is_saved || finished == Ok(Finished::Done)
    }

    fn close(&mut self, tab: usize) {
        self.writer.world.tabs[tab].close();
        self.writer.world.settle();
        self.writer.world.events[tab].clear();
    }

    /// The tab with the worker is killed, with what it has not saved.
    fn crash(&mut self) {
        self.counts.crashes += 1;
        let leader = self.tabs.remove(0);
        self.close(leader);
        self.tabs.push(self.writer.world.open(small(), synced()));
        self.lead();
    }

    /// The disk has forgotten what was written last.
    fn forget(&mut self, storage: MemoryStorage) {
        self.counts.forgotten += 1;
        for tab in std::mem::take(&mut self.tabs) {
            self.close(tab);
        }
        self.writer.world.storage = storage;
        self.writer.world.lock = None;
        self.open();
    }

    /// Documents but that of the user.
    fn documents(&mut self) -> Vec<(Root, DocumentState)> {
        let found = entries(&mut self.writer.world, self.tabs[0], keyspace::STATES_PREFIX, false);
        let read = |(key, value): (Vec<u8>, Bytes)| {
            (Root::of(&key).expect("a root"), DocumentState::decode(&value).expect("readable"))
        };
        found.into_iter().map(read).filter(|(root, _)| root.table.0 > 0).collect()
    }

    fn rows(&mut self) -> Vec<(Vec<u8>, Bytes)> {
        let schema = self.writer.world.tabs[self.tabs[0]].current.schema.clone();
        let mut rows = Vec::new();
        for name in ["projects", "tasks"] {
            let prefix = keyspace::row_prefix(schema.table(name).expect("it").id);
            rows.extend(entries(&mut self.writer.world, self.tabs[0], &prefix, false));
        }
        rows
    }
}

/// Changes with each one deflated that is large enough; nothing, if none is.
fn compressed(mut chunks: &[u8]) -> Bytes {
    let mut smaller = Vec::new();
    let whole = chunks.len();
    while !chunks.is_empty() {
        let length = crate::crdt::chunk_length(chunks).expect("a change");
        let mut change = automerge::Change::from_bytes(chunks[..length].to_vec()).expect("a change");
        smaller.extend_from_slice(&change.bytes());
        chunks = &chunks[length..];
    }
    if smaller.len() < whole { Bytes::new(smaller) } else { Bytes::default() }
}

fn note_sequences(mut chunks: &[u8], sequences: &mut Sequences) {
    while !chunks.is_empty() {
        let length = crate::crdt::chunk_length(chunks).expect("a change");
        let change = automerge::Change::from_bytes(chunks[..length].to_vec()).expect("a change");
        let known = sequences.insert((change.actor_id().to_bytes().to_vec(), change.seq()), change.hash());
        assert!(known.is_none_or(|known| known == change.hash()), "a number was used twice");
        chunks = &chunks[length..];
    }
}

/// Two devices, what is on its way from each to the other, and whether it gets there.
struct Link {
    ends: [usize; 2],
    under_way: [VecDeque<Frame>; 2],
    is_up: bool,
}

struct Network {
    devices: Vec<Device>,
    links: Vec<Link>,
    random: Random,
    sequences: Sequences,
}

impl Network {
    fn new(count: usize, seed: u64) -> Self {
        let devices: Vec<Device> = (0..count).map(|number| Device::new(number as u64, seed)).collect();
        // A chain, and now and then a link more: what comes to one by two ways.
        let mut random = Random::from_number(seed);
        let mut links = Vec::new();
        for end in 1..count {
            links.push([end - 1, end]);
        }
        if count > 2 && random.below(2) == 0 {
            links.push([0, count - 1]);
        }
        let links = links.into_iter().map(|ends| Link { ends, under_way: Default::default(), is_up: false }).collect();
        Network { devices, links, random, sequences: Sequences::new() }
    }

    fn run(&mut self, at: usize) {
        self.devices[at].run(&mut self.sequences);
        for (peer, frame) in std::mem::take(&mut self.devices[at].outbox) {
            let link = &mut self.links[peer as usize];
            if link.is_up {
                link.under_way[usize::from(link.ends[0] != at)].push_back(frame);
            }
        }
    }

    fn set(&mut self, number: usize, is_up: bool) {
        let link = &mut self.links[number];
        if link.is_up == is_up {
            return;
        }
        link.is_up = is_up;
        link.under_way = Default::default();
        for at in link.ends {
            let peer = number as PeerId;
            let input = if is_up { doc::Input::Connected { peer } } else { doc::Input::Disconnected { peer } };
            self.devices[at].hub.handle(input);
            self.devices[at].counts.cuts += 1;
        }
        for at in self.links[number].ends {
            self.run(at);
        }
    }

    /// Delivers a frame, if there is one.
    fn deliver(&mut self, number: usize, direction: usize) -> bool {
        let link = &mut self.links[number];
        let Some(frame) = link.under_way[direction].pop_front() else { return false };
        let to = link.ends[1 - direction];
        self.devices[to].hub.handle(doc::Input::Received { peer: number as PeerId, frame });
        self.run(to);
        true
    }

    /// A device's worker begins anew: so do its links.
    fn cut_off(&mut self, at: usize) {
        let links = self.links.len();
        let of: Vec<usize> = (0..links).filter(|&link| self.links[link].ends.contains(&at)).collect();
        for link in of {
            if self.links[link].is_up {
                self.set(link, false);
            }
        }
    }

    fn step(&mut self, kept: &mut Option<(usize, MemoryStorage)>) {
        let at = self.random.below(self.devices.len() as u64) as usize;
        let link = self.random.below(self.links.len() as u64) as usize;
        match self.random.below(25) {
            0 => self.devices[at].writer.world.pass(5_000.0),
            1 => self.set(link, false),
            2 => {
                self.cut_off(at);
                self.devices[at].crash();
                self.run(at);
            }
            3 if kept.is_none() => {
                self.devices[at].writer.settle();
                *kept = Some((at, self.devices[at].writer.world.storage.clone()));
            }
            4 => {
                if let Some((at, storage)) = kept.take() {
                    self.cut_off(at);
                    self.devices[at].forget(storage);
                    self.run(at);
                }
            }
            5 => self.devices[at].compress(),
            6..10 => self.set(link, true),
            10..17 => {
                for _ in 0..=self.random.below(4) {
                    let direction = self.random.below(2) as usize;
                    self.deliver(link, direction);
                }
            }
            _ => {
                let device = &mut self.devices[at];
                let tab = device.tabs[device.writer.below(2)];
                device.writer.mutate(tab);
                if self.random.below(3) > 0 {
                    self.run(at);
                }
            }
        }
    }

    /// All links come up, and all gets where it is wanted.
    fn quiet(&mut self, hint: &str) {
        for at in 0..self.devices.len() {
            self.devices[at].is_quiet = true;
            self.run(at);
        }
        for link in 0..self.links.len() {
            self.set(link, true);
        }
        for _ in 0..20_000 {
            let mut is_any = false;
            for link in 0..self.links.len() {
                is_any |= self.deliver(link, 0);
                is_any |= self.deliver(link, 1);
            }
            if !is_any {
                return;
            }
        }
        panic!("{hint}: never quiet");
    }
}

#[test]
fn devices_that_meet_have_the_same_rows() {
    let (mut rows, mut total) = (0, Counts::default());
    for seed in seeds(40) {
        let count = 2 + (seed % 3) as usize;
        let mut network = Network::new(count, seed);
        let mut kept = None;
        for _ in 0..80 {
            network.step(&mut kept);
        }
        network.quiet(&format!("seed {seed}"));
        let documents = network.devices[0].documents();
        let expected = network.devices[0].rows();
        rows += expected.len();
        let links: Vec<[usize; 2]> = network.links.iter().map(|link| link.ends).collect();
        for (number, device) in network.devices.iter_mut().enumerate() {
            let hint = format!("seed {seed}, device {number} of {count}");
            let mut heads: Vec<_> = device
                .documents()
                .into_iter()
                .map(|(root, state)| (state.id, root.id, state.heads, state.max_op))
                .collect();
            let mut expected_heads: Vec<_> =
                documents.iter().map(|(root, state)| (state.id, root.id, state.heads.clone(), state.max_op)).collect();
            heads.sort_unstable();
            expected_heads.sort_unstable();
            assert_eq!(heads, expected_heads, "{hint}");
            assert_eq!(device.rows(), expected, "{hint}: rows");
            for tab in device.tabs.clone() {
                check_documents(&mut device.writer.world, tab, &hint);
                assert_eq!(device.writer.world.verify(tab).problems, Vec::<String>::new(), "{hint}");
            }
            let peers = (0..links.len()).filter(|&link| links[link].contains(&number));
            for (peer, (id, ..)) in peers.flat_map(|peer| heads.iter().map(move |head| (peer, head))) {
                assert_eq!(
                    device.synced.get(&(peer as PeerId, *id)),
                    Some(&true),
                    "{hint}: it knows that it is synced"
                );
            }
            total.merges += device.counts.merges;
            total.outdated += device.counts.outdated;
            total.cuts += device.counts.cuts;
            total.crashes += device.counts.crashes;
            total.forgotten += device.counts.forgotten;
            total.snapshots += device.counts.snapshots;
            total.compressed += device.counts.compressed;
        }
    }
    let Counts { merges, outdated, cuts, crashes, forgotten, snapshots, compressed } = total;
    let said = format!(
        "{merges} merges, {outdated} made again, {rows} rows, {cuts} cuts, {crashes} crashes, {forgotten} lost, \
         {snapshots} snapshots, {compressed} compressed"
    );
    assert!(
        merges > 300
            && outdated > 5
            && rows > 200
            && cuts > 100
            && crashes > 50
            && forgotten > 20
            && snapshots > 20
            && compressed > 20,
        "{said}"
    );
}
