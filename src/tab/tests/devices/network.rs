//! Devices and the links between them.

use super::device::survive;
use super::evidence::{Changes, stored_changes};
use super::*;
use crate::doc::{self, Frame, PeerId};
use crate::random::Random;
use crate::storage::MemoryStorage;
use std::collections::VecDeque;

/// Two devices, what is on its way from each to the other, and whether it gets there.
struct Link {
    ends: [usize; 2],
    under_way: [VecDeque<Frame>; 2],
    is_up: bool,
}

pub(super) struct Network {
    devices: Vec<Device>,
    links: Vec<Link>,
    random: Random,
    evidence: Evidence,
    /// A disk as it was: what it may go back to.
    kept: Option<(usize, MemoryStorage)>,
}

/// Lets devices live through what a seed says, and looks at what is left of it. Panics where that is not right.
pub(super) fn live(seed: u64) -> Counts {
    // Few find what many do in less time, mostly.
    let count = [2, 2, 3, 2, 3, 4, 2, 3, 5, 6 + seed / 10 % 3][(seed % 10) as usize] as usize;
    let mut network = Network::new(count, seed);
    for _ in 0..30 + 12 * count {
        network.step();
        if seed >= FIRST_TOGGLING_SEED {
            network.toggle();
        }
    }
    let saved = network.quiet(&format!("seed {seed}"));
    network.check(&saved, seed)
}

impl Network {
    fn new(count: usize, seed: u64) -> Self {
        let devices: Vec<Device> = (0..count).map(|number| Device::new(number as u64, seed)).collect();
        // A tree, and now and then a link more: what comes to one by two ways.
        let mut random = Random::from_number(seed);
        let mut links = Vec::new();
        for end in 1..count {
            links.push([random.below(end as u64) as usize, end]);
        }
        if count > 2 && random.below(2) == 0 {
            links.push([0, count - 1]);
        }
        let links = links.into_iter().map(|ends| Link { ends, under_way: Default::default(), is_up: false }).collect();
        Network { devices, links, random, evidence: Evidence::default(), kept: None }
    }

    /// Does something on a device, which may be the last that one of its tabs does.
    fn on(&mut self, at: usize, work: impl FnOnce(&mut Device, &mut Evidence)) {
        let (device, evidence) = (&mut self.devices[at], &mut self.evidence);
        device.writer.world.acting = None;
        survive(|| work(device, evidence));
        if device.is_leaderless() {
            // With its worker all conversations end.
            self.cut_off(at);
        }
        while self.devices[at].needs_restart() {
            survive(|| self.devices[at].restart());
        }
    }

    fn run(&mut self, at: usize) {
        self.on(at, Device::run);
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
        for (at, other) in [(link.ends[0], link.ends[1]), (link.ends[1], link.ends[0])] {
            let (peer, device) = (number as PeerId, format!("device {other}"));
            let input = if is_up { doc::Input::Connected { peer, device } } else { doc::Input::Disconnected { peer } };
            self.devices[at].hub.handle(input);
            self.devices[at].counts.cuts += 1;
        }
        for at in self.links[number].ends {
            if !self.devices[at].is_leaderless() {
                self.run(at);
            }
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
        for link in 0..self.links.len() {
            if self.links[link].ends.contains(&at) {
                self.set(link, false);
            }
        }
    }

    /// Tables leave documents on a device, or come back, or are on their way.
    fn toggle(&mut self) {
        let at = self.random.below(self.devices.len() as u64) as usize;
        let tab = self.devices[at].tabs[self.random.below(2) as usize];
        match self.random.below(12) {
            0 => self.on(at, |device, _| device.toggle(tab)),
            1..5 => {
                for _ in 0..=self.random.below(5) {
                    if self.devices[at].tabs.contains(&tab) {
                        self.on(at, |device, _| {
                            device.act(tab, |device| device.settle_tables(tab));
                        });
                    }
                }
                self.run(at);
            }
            _ => {}
        }
    }

    /// Brings all tables of a device into documents.
    fn settle_tables(&mut self, at: usize, hint: &str) {
        if !self.devices[at].is_whole() {
            let tab = self.devices[at].tabs[1];
            self.on(at, |device, _| device.toggle(tab));
        }
        for _ in 0..2_000 {
            let tab = self.devices[at].tabs[0];
            self.devices[at].refresh();
            if !self.devices[at].settle_tables(tab) {
                return;
            }
            self.run(at);
        }
        panic!("{hint}: tables that are never settled");
    }

    fn step(&mut self) {
        let at = self.random.below(self.devices.len() as u64) as usize;
        let link = self.random.below(self.links.len() as u64) as usize;
        let which = self.random.below(2) as usize;
        match self.random.below(28) {
            0 => self.on(at, |device, _| device.act(device.tabs[0], |device| device.writer.world.pass(5_000.0))),
            1 => self.set(link, false),
            2..5 => {
                let tab = self.devices[at].tabs[which];
                let what = if self.random.below(3) == 0 { What::AnswerLost } else { What::Killed };
                self.devices[at].plan_mishap(tab, what);
            }
            5 if self.kept.is_none() => {
                self.on(at, |device, _| device.act(device.tabs[0], |device| device.writer.settle()));
                self.kept = Some((at, self.devices[at].writer.world.storage.clone()));
            }
            6 => {
                if let Some((at, storage)) = self.kept.take() {
                    self.on(at, |device, _| device.forget(storage));
                    self.run(at);
                }
            }
            7 => self.on(at, |device, _| device.act(device.tabs[0], Device::compress)),
            8..12 => self.set(link, true),
            12..20 => {
                for _ in 0..=self.random.below(4) {
                    let direction = self.random.below(2) as usize;
                    self.deliver(link, direction);
                }
            }
            _ => {
                let tab = self.devices[at].tabs[which];
                self.on(at, |device, _| device.act(tab, |device| device.writer.mutate(tab)));
                if self.random.below(3) > 0 {
                    self.run(at);
                }
            }
        }
    }

    /// All links come up, and all gets where it is wanted. Answers with what was in a store before that.
    fn quiet(&mut self, hint: &str) -> Changes {
        let mut saved = Changes::new();
        for at in 0..self.devices.len() {
            self.devices[at].is_quiet = true;
            self.devices[at].writer.world.mishap = None;
            self.devices[at].refresh();
            self.run(at);
            self.settle_tables(at, hint);
        }
        for device in &mut self.devices {
            for (id, changes) in stored_changes(&device.writer.world) {
                saved.entry(id).or_default().extend(changes);
            }
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
                return saved;
            }
        }
        panic!("{hint}: never quiet");
    }

    /// All devices have the same, and know it; all that was saved is there.
    fn check(&mut self, saved: &Changes, seed: u64) -> Counts {
        let documents = self.devices[0].documents();
        let are_placed = seed < FIRST_TOGGLING_SEED;
        let expected = self.devices[0].rows(are_placed);
        let links: Vec<[usize; 2]> = self.links.iter().map(|link| link.ends).collect();
        let mut total = Counts { rows: expected.len(), ..Counts::default() };
        let count = self.devices.len();
        let heads_of = |documents: Vec<(crate::keyspace::Root, crate::crdt::DocumentState)>| {
            let heads = documents.into_iter().map(|(root, state)| (state.id, root.id, state.heads, state.max_op));
            let mut heads: Vec<_> = heads.collect();
            heads.sort_unstable();
            heads
        };
        let expected_heads = heads_of(documents);
        for (number, device) in self.devices.iter_mut().enumerate() {
            let hint = format!("seed {seed}, device {number} of {count}");
            let heads = heads_of(device.documents());
            assert_eq!(heads, expected_heads, "{hint}");
            assert_eq!(device.rows(are_placed), expected, "{hint}: rows");
            let tab = device.tabs[0];
            assert!(!device.settle_tables(tab), "{hint}: all tables are settled");
            let stored = stored_changes(&device.writer.world);
            for (id, ..) in &heads {
                let lost: Vec<_> = saved[id].difference(&stored[id]).collect();
                assert!(lost.is_empty(), "{hint}: lost {lost:?}");
            }
            for tab in device.tabs.clone() {
                check_documents(&mut device.writer.world, tab, &hint);
                assert_eq!(device.writer.world.verify(tab).problems, Vec::<String>::new(), "{hint}");
            }
            let peers = (0..links.len()).filter(|&link| links[link].contains(&number));
            for (peer, (id, ..)) in peers.flat_map(|peer| heads.iter().map(move |head| (peer, head))) {
                let is_synced = device.synced.get(&(peer as PeerId, *id));
                assert_eq!(is_synced, Some(&true), "{hint}: it knows that it is synced");
            }
            total.add(&device.counts);
        }
        total
    }
}
