//! The hub with its connections to servers: what comes from sockets becomes frames, what peers are to be told becomes bytes.

use super::hub::{self, Hub, PeerId};
use crate::crdt::DocumentId;
use crate::flat_map::FlatMap;
use crate::random::Random;
use crate::wire::{self, Connection};
use std::collections::VecDeque;

/// Documents, peers of this page, and servers.
#[derive(Default)]
pub(crate) struct Network {
    hub: Hub,
    lines: FlatMap<PeerId, Line>,
    outputs: VecDeque<Output>,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// Anything but what is about servers.
    Hub(hub::Input),
    /// A server is wanted, as a peer of this number. `name` is what this device is called there: nobody else is, ever.
    Server { peer: PeerId, name: String, seed: [u8; 32] },
    /// Something has become of its socket, at a time in milliseconds.
    Socket { peer: PeerId, input: wire::Input, now_ms: u64 },
    /// Passes something on to all who are there, as said in a session as its `count`th word. It is not kept.
    Tell { peer: PeerId, id: DocumentId, session: String, count: u64, text: String },
    /// What is kept of a server's documents, as [`Output::Remember`] has asked for.
    Remembered { peer: PeerId, states: Vec<(DocumentId, Vec<u8>)> },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Anything but what is about servers, and [`hub::Output::Keep`], [`hub::Output::Status`], [`hub::Output::Unavailable`] and
    /// [`hub::Output::SetAside`] of theirs.
    Hub(hub::Output),
    /// To be done with a socket, or to be told of it: never a frame, or that it is connected.
    Socket { peer: PeerId, output: wire::Output },
    /// Somebody has passed something on, about a document that need not be here.
    Told { peer: PeerId, id: DocumentId, session: String, count: u64, text: String },
    /// Answer with [`Input::Remembered`] what was kept by this name.
    Remember { peer: PeerId, store: String },
}

struct Line {
    connection: Connection,
    /// Frames that came before it is known what is known of the server.
    early: Option<Vec<wire::Frame>>,
}

/// No server says more before it is asked something.
const EARLY: usize = 1_000;

impl Network {
    /// The next thing to do.
    pub(crate) fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Takes in what has happened.
    pub(crate) fn handle(&mut self, input: Input) {
        match input {
            Input::Hub(input) => {
                if let hub::Input::Disconnected { peer } = input {
                    self.lines.remove(&peer);
                }
                self.tell(input);
            }
            Input::Server { peer, name, seed } => {
                let connection = Connection::new(name, Random::from_seed(seed));
                self.lines.insert(peer, Line { connection, early: None });
            }
            Input::Socket { peer, input, now_ms } => {
                let Some(line) = self.lines.get_mut(&peer) else { return };
                line.connection.handle(input, now_ms);
                self.follow(peer);
            }
            Input::Tell { peer, id, session, count, text } => {
                let Some(connection) = self.lines.get(&peer).map(|line| &line.connection) else { return };
                let Some(target) = connection.server().map(String::from) else { return };
                let sender = connection.name().to_owned();
                let data = wire::write_text(&text);
                let frame = wire::Frame::Ephemeral { sender, target, id, session, count, data };
                self.outputs.push_back(Output::Socket { peer, output: wire::Output::Send(frame.encode()) });
            }
            Input::Remembered { peer, states } => {
                let Some(early) = self.lines.get_mut(&peer).and_then(|line| line.early.take()) else { return };
                self.tell(hub::Input::ServerConnected { peer, states });
                for frame in early {
                    self.received(peer, frame);
                }
            }
        }
    }

    /// What came of something that the connection was told.
    fn follow(&mut self, peer: PeerId) {
        while let Some(output) = self.lines.get_mut(&peer).and_then(|line| line.connection.take_output()) {
            match output {
                wire::Output::Connected { store, .. } => {
                    let Some(line) = self.lines.get_mut(&peer) else { return };
                    line.early = Some(Vec::new());
                    match store {
                        Some(store) => self.outputs.push_back(Output::Remember { peer, store }),
                        None => self.handle(Input::Remembered { peer, states: Vec::new() }),
                    }
                }
                wire::Output::Disconnected => {
                    let Some(line) = self.lines.get_mut(&peer) else { return };
                    let was_told = line.early.take().is_none();
                    if was_told {
                        self.tell(hub::Input::Disconnected { peer });
                    }
                }
                wire::Output::Frame(frame) => {
                    let Some(line) = self.lines.get_mut(&peer) else { return };
                    match &mut line.early {
                        Some(early) if early.len() < EARLY => early.push(frame),
                        Some(_) => {}
                        None => self.received(peer, frame),
                    }
                }
                output => self.outputs.push_back(Output::Socket { peer, output }),
            }
        }
    }

    /// Takes in a frame of a server. What is for others, or said for others, is passed over.
    fn received(&mut self, peer: PeerId, frame: wire::Frame) {
        let Some(connection) = self.lines.get(&peer).map(|line| &line.connection) else { return };
        let is_meant = |sender: &str, target: &str| Some(sender) == connection.server() && target == connection.name();
        // Its sender is whoever has said it first.
        if let wire::Frame::Ephemeral { target, id, session, count, data, .. } = &frame {
            if let Some(text) = wire::read_text(data).filter(|_| target == connection.name()) {
                let (id, session, count) = (*id, session.clone(), *count);
                self.outputs.push_back(Output::Told { peer, id, session, count, text });
            }
            return;
        }
        let frame = match frame {
            wire::Frame::Sync { sender, target, id, message, .. } if is_meant(&sender, &target) => {
                hub::Frame::Sync { id, message }
            }
            wire::Frame::Unavailable { sender, target, id } if is_meant(&sender, &target) => {
                hub::Frame::Unavailable(id)
            }
            _ => return,
        };
        self.tell(hub::Input::Received { peer, frame });
    }

    fn tell(&mut self, input: hub::Input) {
        self.hub.handle(input);
        while let Some(output) = self.hub.take_output() {
            let output = match output {
                hub::Output::Send { peer, frame } if self.lines.contains_key(&peer) => {
                    let connection = &self.lines.get(&peer).expect("it was just looked for").connection;
                    let Some(bytes) = written(connection, frame) else { continue };
                    Output::Socket { peer, output: wire::Output::Send(bytes) }
                }
                output => Output::Hub(output),
            };
            self.outputs.push_back(output);
        }
    }

    /// How many edits were made again where their rows had gone.
    #[cfg(test)]
    pub(crate) fn take_late_edits(&mut self) -> usize {
        std::mem::take(&mut self.hub.late_edits)
    }
}

/// A frame as a server is sent it.
fn written(connection: &Connection, frame: hub::Frame) -> Option<Vec<u8>> {
    let hub::Frame::Sync { id, message } = frame else { return None };
    let (sender, target) = (connection.name().to_owned(), connection.server()?.to_owned());
    // Who has nothing of a document asks for it, and wants to know if it is not there: the first byte is the message's kind, then
    // comes how many heads there are.
    let is_request = message.get(1) == Some(&0);
    Some(wire::Frame::Sync { sender, target, id, message, is_request }.encode())
}
