//! Devices that meet: each with tabs and a store, and documents that automerge merges.

use super::synced::{Writer, check_documents, entries, synced};
use super::world::*;
use super::*;
use crate::bytes::Bytes;
use crate::crdt::{DocumentId, DocumentState, Merge};
use crate::doc::Library;
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Root};
use crate::random::{Random, seeds};

struct Device {
    writer: Writer,
    tabs: Vec<usize>,
    library: Library,
    /// The last chunk of each document that the library has.
    seen: FlatMap<Root, Vec<u8>>,
    merges: usize,
    /// Merges that had to be made again.
    outdated: usize,
}

impl Device {
    fn new(number: u64, seed: u64) -> Self {
        let mut world = World::new();
        // Clocks of devices differ.
        world.now_ms += number as f64 * 1_234.5;
        let random = Random::from_number(seed * 10 + number);
        let mut writer = Writer { world, random, moves: true };
        // Ids and actors are drawn by tabs: they must not be the same on two devices.
        for _ in 0..number * 3 {
            writer.world.open(small(), synced());
        }
        let tabs = vec![writer.world.open(small(), synced()), writer.world.open(small(), synced())];
        Device { writer, tabs, library: Library::default(), seen: FlatMap::new(), merges: 0, outdated: 0 }
    }

    /// Documents but that of the user.
    fn documents(&mut self) -> Vec<(Root, DocumentState)> {
        let found = entries(&mut self.writer.world, self.tabs[0], &[0x50], false);
        let read = |(key, value): (Vec<u8>, Bytes)| {
            (Root::of(&key).expect("a root"), DocumentState::decode(&value).expect("readable"))
        };
        found.into_iter().map(read).filter(|(root, _)| root.table.0 > 0).collect()
    }

    /// Gives the library what was saved since it was told last.
    fn tell(&mut self) {
        for (root, state) in self.documents() {
            let (world, tab) = (&mut self.writer.world, self.tabs[0]);
            let actors: Vec<Bytes> =
                entries(world, tab, &root.actors_prefix(), false).into_iter().map(|(_, actor)| actor).collect();
            for (key, chunk) in entries(world, tab, &root.changes_prefix(), false) {
                if self.seen.get(&root).is_none_or(|seen| *seen < key) {
                    self.library.saved(state.id, &chunk, &actors).expect("merged");
                    self.seen.insert(root, key);
                }
            }
        }
    }

    /// Saves what has come for a document.
    fn save(&mut self, root: Root, id: DocumentId) {
        for _ in 0..20 {
            self.tell();
            let tab = self.tabs[self.writer.below(2)];
            let Some(made) = self.library.merge(id) else { return };
            // It comes in a message, which may be damaged.
            let message = made.encode();
            let merge = Merge::decode(&message).expect("readable");
            assert_eq!(merge.encode(), message);
            let mut damaged = message[..message.len() - self.writer.below(message.len() as u64)].to_vec();
            let bit = self.writer.below(8 * damaged.len() as u64);
            damaged[bit / 8] ^= 1 << (bit % 8);
            let _ = Merge::decode(&damaged);
            // Meanwhile somebody may write.
            if self.writer.below(3) == 0 {
                let other = self.tabs[self.writer.below(2)];
                self.writer.mutate(other);
                if self.writer.below(2) == 0 {
                    self.writer.settle();
                }
            }
            self.writer.world.tick(tab);
            let now_ms = self.writer.world.now_ms;
            let transaction = self.writer.world.tabs[tab].begin(now_ms, false).expect("open");
            let done = self.writer.with_pages(tab, |tab| tab.merge(transaction, Some(root), &merge));
            let finished = match done {
                Some(_) => self.writer.world.tabs[tab].finish(now_ms, transaction),
                None => Ok(Finished::RunAgain),
            };
            if finished == Ok(Finished::RunAgain) {
                self.writer.world.tabs[tab].abandon(transaction);
                self.outdated += 1;
            }
            self.writer.settle();
            self.merges += 1;
        }
        panic!("a merge that never comes to an end");
    }

    fn rows(&mut self) -> Vec<(Vec<u8>, Bytes)> {
        let projects = self.writer.world.tabs[self.tabs[0]].current.schema.table("projects").expect("it").id;
        let tasks = self.writer.world.tabs[self.tabs[0]].current.schema.table("tasks").expect("it").id;
        let (world, tab) = (&mut self.writer.world, self.tabs[0]);
        let mut rows = entries(world, tab, &keyspace::row_prefix(projects), false);
        rows.extend(entries(world, tab, &keyspace::row_prefix(tasks), false));
        rows
    }
}

/// One gives another what it has. Answers whether there was anything.
fn give(from: &mut Device, to: &mut Device) -> bool {
    from.writer.settle();
    to.writer.settle();
    from.tell();
    to.tell();
    let mut is_any = false;
    for (root, state) in from.documents() {
        let changes = from.library.changes_since(state.id, &to.library.heads(state.id));
        if changes.is_empty() {
            continue;
        }
        is_any = true;
        to.library.receive(state.id, &changes).expect("merged");
        to.save(root, state.id);
    }
    is_any
}

#[test]
fn devices_that_meet_have_the_same_rows() {
    let (mut merges, mut outdated, mut rows) = (0, 0, 0);
    for seed in seeds(40) {
        let mut devices: Vec<Device> = (0..3).map(|number| Device::new(number, seed)).collect();
        let mut random = Random::from_number(seed);
        for _ in 0..30 {
            let at = random.below(3) as usize;
            let device = &mut devices[at];
            let tab = device.tabs[device.writer.below(2)];
            device.writer.mutate(tab);
            match random.below(8) {
                0 => device.writer.world.pass(5_000.0),
                1 => device.writer.settle(),
                2 | 3 => {
                    let other = (at + 1 + random.below(2) as usize) % 3;
                    let mut from = devices.remove(at);
                    let to = &mut devices[if other > at { other - 1 } else { other }];
                    give(&mut from, to);
                    devices.insert(at, from);
                }
                _ => {}
            }
        }
        // Quiet: everybody gives everybody, until nobody has anything.
        for round in 0.. {
            let mut is_any = false;
            for at in 0..3 {
                let mut from = devices.remove(at);
                for to in &mut devices {
                    is_any |= give(&mut from, to);
                }
                devices.insert(at, from);
            }
            if !is_any {
                break;
            }
            assert!(round < 20, "seed {seed}: never quiet");
        }
        let documents = devices[0].documents();
        let expected = devices[0].rows();
        rows += expected.len();
        for (number, device) in devices.iter_mut().enumerate() {
            let hint = format!("seed {seed}, device {number}");
            let heads = |documents: Vec<(Root, DocumentState)>| -> Vec<_> {
                documents.into_iter().map(|(root, state)| (root, state.id, state.heads, state.max_op)).collect()
            };
            assert_eq!(heads(device.documents()), heads(documents.clone()), "{hint}");
            assert_eq!(device.rows(), expected, "{hint}: rows");
            for tab in device.tabs.clone() {
                check_documents(&mut device.writer.world, tab, &hint);
                assert_eq!(device.writer.world.verify(tab).problems, Vec::<String>::new(), "{hint}");
            }
            merges += device.merges;
            outdated += device.outdated;
        }
    }
    assert!(merges > 500 && outdated > 20 && rows > 200, "{merges} merges, {outdated} made again, {rows} rows");
}
