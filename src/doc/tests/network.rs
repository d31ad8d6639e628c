//! Devices and a server of stock automerge-repo, over sockets that break: sessions of many documents come to the same.

mod hostile;
mod server;

use crate::crdt::{DocumentId, Merge};
use crate::doc::hub::{Input as HubInput, Outcome, Output as HubOutput, PeerId};
use crate::doc::network::{Input, Network, Output};
use crate::random::{Random, on_all_processors, seeds};
use crate::wire;
use automerge::transaction::Transactable;
use automerge::{Automerge, ROOT};
use server::Server;
use std::collections::BTreeMap;

const SERVER: PeerId = 1;

/// A device: what its page has saved, and its docs worker.
struct Device {
    name: String,
    documents: BTreeMap<DocumentId, Automerge>,
    network: Network,
    /// What is kept of servers' documents.
    kept: BTreeMap<(String, DocumentId), Vec<u8>>,
    store: Option<String>,
    /// Whether it has a socket, and whether that is open.
    socket: Option<bool>,
    wakes: Vec<u64>,
    /// Frames on their way to the server.
    sent: Vec<Vec<u8>>,
    status: wire::Status,
    synced: BTreeMap<DocumentId, bool>,
    unavailable: Vec<DocumentId>,
    /// How many times a document was loaded.
    loads: usize,
    /// How often something was set aside, and something was told that nobody keeps.
    set_aside: usize,
    told: usize,
    runs: u64,
}

impl Device {
    fn new(number: u8) -> Self {
        let mut device = Device {
            name: format!("device-{number}"),
            documents: BTreeMap::new(),
            network: Network::default(),
            kept: BTreeMap::new(),
            store: None,
            socket: None,
            wakes: Vec::new(),
            sent: Vec::new(),
            status: wire::Status::Off,
            synced: BTreeMap::new(),
            unavailable: Vec::new(),
            loads: 0,
            set_aside: 0,
            told: 0,
            runs: 0,
        };
        device.run(0);
        device
    }

    /// A docs worker begins, the first one or another.
    fn run(&mut self, now_ms: u64) {
        self.network = Network::default();
        self.runs += 1;
        (self.socket, self.wakes) = (None, Vec::new());
        self.sent.clear();
        self.synced.clear();
        for (id, document) in &self.documents {
            let heads = document.get_heads().iter().map(|head| head.0).collect();
            let known = HubInput::Known { id: *id, root: String::new(), is_shared: true, heads: Some(heads) };
            self.network.handle(Input::Hub(known));
        }
        let name = format!("{} {}", self.name, self.runs);
        self.network.handle(Input::Server { peer: SERVER, name, seed: [self.runs as u8; 32] });
        self.tell(wire::Input::Begin, now_ms);
    }

    fn tell(&mut self, input: wire::Input, now_ms: u64) {
        self.network.handle(Input::Socket { peer: SERVER, input, now_ms });
        self.settle();
    }

    fn hub(&mut self, input: HubInput) {
        self.network.handle(Input::Hub(input));
    }

    /// Does what the worker wants.
    fn settle(&mut self) {
        while let Some(output) = self.network.take_output() {
            match output {
                Output::Remember { peer, store } => {
                    let of_store = self.kept.iter().filter(|((kept, _), _)| *kept == store);
                    let states = of_store.map(|((_, id), state)| (*id, state.clone())).collect();
                    self.store = Some(store);
                    self.network.handle(Input::Remembered { peer, states });
                }
                Output::Socket { output, .. } => match output {
                    wire::Output::Open => (self.socket, self.store) = (Some(false), None),
                    wire::Output::Close => self.socket = None,
                    wire::Output::Send(bytes) => self.sent.push(bytes),
                    wire::Output::Wake { at_ms } => self.wakes.push(at_ms),
                    wire::Output::Status(status) => {
                        if !matches!(status, wire::Status::Connected) {
                            self.synced.clear();
                        }
                        if matches!(status, wire::Status::Failed { .. }) {
                            self.socket = None;
                        }
                        self.status = status;
                    }
                    other => panic!("{other:?}"),
                },
                Output::Told { .. } => self.told += 1,
                Output::Hub(output) => self.act(output),
            }
        }
    }

    fn act(&mut self, output: HubOutput) {
        match output {
            HubOutput::Load { id } => {
                self.loads += 1;
                let document = self.documents.entry(id).or_default();
                let heads = document.get_heads().iter().map(|head| head.0).collect();
                let chunks = chunks(document, &[]);
                self.hub(HubInput::Loaded { id, chunks, actors: Vec::new(), heads });
            }
            HubOutput::Merge { id, merge } => {
                let (Merge { chunks, actors, .. }, _) = Merge::begin(merge).expect("a merge");
                self.documents.entry(id).or_default().load_incremental(&chunks).expect("applied");
                self.hub(HubInput::Saved { id, chunks, actors });
                self.hub(HubInput::AllTold);
                self.hub(HubInput::Merged { id, outcome: Outcome::Saved });
            }
            HubOutput::Status { id, is_synced, .. } => drop(self.synced.insert(id, is_synced)),
            HubOutput::Unavailable { id, .. } => self.unavailable.push(id),
            HubOutput::Keep { id, state, .. } => {
                // One that has no name for what it stores may lose it at any time.
                let Some(store) = self.store.clone() else { return };
                self.kept.insert((store, id), state);
            }
            HubOutput::SetAside { .. } => self.set_aside += 1,
            HubOutput::Snapshot { id, .. } => self.hub(HubInput::SnapshotSaved { id, bytes: 0 }),
            other => panic!("{other:?}"),
        }
    }

    /// Writes something to a document, which may be new.
    fn write(&mut self, id: DocumentId, random: &mut Random) {
        let is_new = !self.documents.contains_key(&id);
        let document = self.documents.entry(id).or_default();
        let before = document.get_heads();
        let mut transaction = document.transaction();
        for _ in 0..1 + random.below(3) {
            let name = ["a", "b", "c", "d"][random.below(4) as usize];
            transaction.put(ROOT, name, random.next_u64() as i64).expect("put");
        }
        transaction.commit();
        let chunks = chunks(document, &before);
        if is_new {
            self.hub(HubInput::Known { id, root: String::new(), is_shared: true, heads: None });
        }
        self.hub(HubInput::Saved { id, chunks, actors: Vec::new() });
        self.hub(HubInput::AllTold);
        self.settle();
    }

    fn want(&mut self, id: DocumentId) {
        if !self.documents.contains_key(&id) {
            self.hub(HubInput::Wanted { id });
            self.settle();
        }
    }

    fn heads(&self, id: &DocumentId) -> Vec<automerge::ChangeHash> {
        self.documents.get(id).map(Automerge::get_heads).unwrap_or_default()
    }
}

fn chunks(document: &Automerge, since: &[automerge::ChangeHash]) -> Vec<u8> {
    document.get_changes(since).iter().flat_map(|change| change.raw_bytes().to_vec()).collect()
}

struct World {
    devices: Vec<Device>,
    server: Server,
    /// Frames on their way to devices.
    coming: Vec<Vec<Vec<u8>>>,
    now_ms: u64,
}

impl World {
    fn new(count: u8) -> Self {
        let devices: Vec<Device> = (0..count).map(Device::new).collect();
        let coming = devices.iter().map(|_| Vec::new()).collect();
        World { devices, server: Server::default(), coming, now_ms: 0 }
    }

    /// The socket of a device breaks, wherever it is just now.
    fn cut(&mut self, at: usize) {
        self.coming[at].clear();
        self.devices[at].sent.clear();
        self.server.gone(at);
        if self.devices[at].socket.take().is_some() {
            self.devices[at].tell(wire::Input::Closed { code: 1006, reason: String::new() }, self.now_ms);
        }
    }

    fn restart_server(&mut self, keeps: bool) {
        for at in 0..self.devices.len() {
            self.cut(at);
        }
        self.server.restart(keeps);
    }

    /// Something goes on: a socket opens, or a frame arrives. Answers false, if there is nothing.
    fn go_on(&mut self, random: &mut Random) -> bool {
        let count = self.devices.len();
        let first = random.below(count as u64) as usize;
        for at in (first..first + count).map(|at| at % count) {
            let device = &mut self.devices[at];
            if device.socket == Some(false) {
                device.socket = Some(true);
                device.tell(wire::Input::Opened, self.now_ms);
                return true;
            }
            if !device.sent.is_empty() {
                let frame = device.sent.remove(0);
                for (to, answer) in self.server.receive(at, &frame) {
                    self.coming[to].push(answer);
                }
                return true;
            }
            if !self.coming[at].is_empty() {
                let frame = self.coming[at].remove(0);
                self.devices[at].tell(wire::Input::Received(frame), self.now_ms);
                return true;
            }
        }
        false
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        for at in 0..self.devices.len() {
            let device = &mut self.devices[at];
            let due = device.wakes.iter().any(|wake| *wake <= self.now_ms);
            device.wakes.retain(|wake| *wake > self.now_ms);
            if due {
                device.tell(wire::Input::Time, self.now_ms);
            }
        }
    }

    /// All sockets open again, and all is said.
    fn come_to_rest(&mut self, random: &mut Random) {
        for _ in 0..3 {
            self.pass(120_000);
            for _ in 0..100_000 {
                if !self.go_on(random) {
                    break;
                }
            }
        }
        for device in &mut self.devices {
            device.hub(HubInput::Quiet);
            device.settle();
        }
    }
}

fn world(seed: u64) {
    let mut random = Random::from_number(seed);
    let mut world = World::new(2 + random.below(3) as u8);
    let ids: Vec<DocumentId> = (1..=1 + random.below(5) as u8).map(|number| [number; 16]).collect();
    for _ in 0..40 + random.below(80) {
        let at = random.below(world.devices.len() as u64) as usize;
        let id = ids[random.below(ids.len() as u64) as usize];
        match random.below(24) {
            0..=5 => world.devices[at].write(id, &mut random),
            6..=7 => world.devices[at].want(id),
            8 => world.cut(at),
            9 => world.pass(random.below(70_000)),
            10 => {
                let now_ms = world.now_ms;
                world.cut(at);
                world.devices[at].run(now_ms);
                world.devices[at].settle();
            }
            11 => {
                let keeps = random.below(3) > 0;
                world.restart_server(keeps);
            }
            12 => {
                world.devices[at].hub(HubInput::Quiet);
                world.devices[at].settle();
            }
            _ => {
                for _ in 0..random.below(8) {
                    world.go_on(&mut random);
                }
            }
        }
    }
    // Whoever wants a document has it, if anybody has written it.
    for device in &mut world.devices {
        ids.iter().for_each(|id| device.want(*id));
    }
    world.come_to_rest(&mut random);
    for id in &ids {
        let expected = world.server.heads(id);
        for device in &world.devices {
            let hint = format!("seed {seed}, document {}, {}", id[0], device.name);
            assert_eq!(device.status, wire::Status::Connected, "{hint}");
            assert_eq!((device.set_aside, device.told), (0, 0), "{hint}");
            assert_eq!(device.heads(id), expected, "{hint}");
            if expected.is_empty() {
                assert!(device.unavailable.contains(id), "{hint}");
            } else {
                assert_eq!(device.synced.get(id), Some(&true), "{hint}");
            }
        }
    }
}

#[test]
fn devices_and_a_server_come_to_the_same() {
    let seeds: Vec<u64> = seeds(300).collect();
    on_all_processors(&seeds, world);
}

/// Devices that have come to rest.
fn at_rest(ids: &[DocumentId]) -> (World, Random) {
    let mut random = Random::from_number(1);
    let mut world = World::new(2);
    for id in ids {
        world.devices[0].write(*id, &mut random);
        world.devices[1].want(*id);
    }
    world.come_to_rest(&mut random);
    (world, random)
}

#[test]
fn documents_that_are_the_same_are_greeted_without_being_loaded() {
    let ids: Vec<DocumentId> = (1..=100).map(|number| [number; 16]).collect();
    let (mut world, mut random) = at_rest(&ids);
    world.cut(0);
    let now_ms = world.now_ms;
    world.devices[0].loads = 0;
    world.devices[0].run(now_ms);
    world.devices[0].settle();
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[0].loads, 0);
    assert!(ids.iter().all(|id| world.devices[0].synced.get(id) == Some(&true)));

    // One that has changed is loaded, and no other.
    world.cut(0);
    world.devices[1].write(ids[7], &mut random);
    let now_ms = world.now_ms;
    world.devices[0].run(now_ms);
    world.devices[0].settle();
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[0].loads, 1);
    assert_eq!(world.devices[0].heads(&ids[7]), world.devices[1].heads(&ids[7]));
}

#[test]
fn a_server_that_has_lost_all_gets_it_back() {
    let ids: Vec<DocumentId> = (1..=5).map(|number| [number; 16]).collect();
    let (mut world, mut random) = at_rest(&ids);
    world.restart_server(false);
    assert!(world.server.heads(&ids[0]).is_empty());
    world.come_to_rest(&mut random);
    for id in &ids {
        assert_eq!(world.server.heads(id), world.devices[0].heads(id));
    }
}

#[test]
fn what_nobody_has_is_unavailable_until_somebody_has_it() {
    let mut random = Random::from_number(1);
    let mut world = World::new(2);
    world.devices[1].want([9; 16]);
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[1].unavailable, [[9; 16]]);
    world.devices[0].write([9; 16], &mut random);
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[1].heads(&[9; 16]), world.devices[0].heads(&[9; 16]));
}

#[test]
fn a_server_brings_nothing_that_nobody_wants() {
    let (mut world, mut random) = at_rest(&[[1; 16]]);
    world.devices[1].write([2; 16], &mut random);
    world.come_to_rest(&mut random);
    let frames = world.server.announce(0, &[2; 16]);
    world.coming[0].extend(frames);
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[0].documents.keys().collect::<Vec<_>>(), [&[1; 16]]);
}

#[test]
fn frames_for_others_and_of_others_are_passed_over() {
    let (mut world, mut random) = at_rest(&[[1; 16]]);
    let before = world.devices[0].heads(&[1; 16]);
    world.devices[1]
        .documents
        .get_mut(&[1; 16])
        .expect("it")
        .merge(&mut {
            let mut other = Automerge::new();
            let mut transaction = other.transaction();
            transaction.put(ROOT, "forged", true).expect("put");
            transaction.commit();
            other
        })
        .expect("merged");
    let forged = world.devices[1].documents[&[1; 16]].clone();
    for (sender, target) in [("somebody", None), (server::NAME, Some("somebody"))] {
        let target = target.map_or_else(|| format!("device-0 {}", world.devices[0].runs), str::to_owned);
        let message = server::message_with(&forged);
        let frame = wire::Frame::Sync { sender: sender.into(), target, id: [1; 16], message, is_request: false };
        world.coming[0].push(frame.encode());
    }
    world.devices[1] = Device::new(9);
    world.come_to_rest(&mut random);
    assert_eq!(world.devices[0].heads(&[1; 16]), before);
}

#[test]
fn what_somebody_passes_on_is_told_if_it_is_meant_for_this_device() {
    let mut network = Network::default();
    network.handle(Input::Server { peer: SERVER, name: "me".into(), seed: [1; 32] });
    let mut told = |input: Input| {
        network.handle(input);
        std::iter::from_fn(|| network.take_output()).collect::<Vec<_>>()
    };
    let socket = |input| Input::Socket { peer: SERVER, input, now_ms: 0 };
    let id = [5; 16];
    let said = |text: &str| Input::Tell { peer: SERVER, id, session: "s".into(), count: 7, text: text.into() };
    assert_eq!(told(said("early")), [], "nobody is there to hear it");
    told(socket(wire::Input::Begin));
    told(socket(wire::Input::Opened));
    let peer = wire::Frame::Peer { sender: "server".into(), store: None };
    told(socket(wire::Input::Received(peer.encode())));
    let frame = |target: &str, data: Vec<u8>| {
        let (sender, session) = ("somebody".into(), "s".into());
        wire::Frame::Ephemeral { sender, target: target.into(), id, session, count: 7, data }
    };
    let mut heard = |target: &str, data| told(socket(wire::Input::Received(frame(target, data).encode())));
    let word = Output::Told { peer: SERVER, id, session: "s".into(), count: 7, text: "hello".into() };
    assert_eq!(heard("me", wire::write_text("hello")), [word]);
    assert_eq!(heard("you", wire::write_text("hello")), []);
    assert_eq!(heard("me", wire::write_text(&"x".repeat(5000))), []);
    assert_eq!(heard("me", vec![0xff]), []);
    assert_eq!(heard("me", vec![7]), []);
    let sent = wire::Frame::Ephemeral {
        sender: "me".into(),
        target: "server".into(),
        id,
        session: "s".into(),
        count: 7,
        data: wire::write_text("hello"),
    };
    let output = wire::Output::Send(sent.encode());
    assert_eq!(told(said("hello")), [Output::Socket { peer: SERVER, output }]);
}
