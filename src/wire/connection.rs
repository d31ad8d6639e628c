//! A connection to a server of automerge-repo as a state machine: it says when to open a socket and what to send, and passes
//! on the frames of a server that has introduced itself.

use super::backoff::Backoff;
use super::frame::Frame;
use crate::random::Random;
use std::collections::VecDeque;

/// So long a socket may take to open, and a server to say who it is.
const PATIENCE_MS: u64 = 15_000;
/// Frames that are longer are not read: none that is sent here is.
pub(crate) const MOST_FRAME_BYTES: usize = 128 << 20;

/// What has happened, at a time in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// It is wanted.
    Begin,
    /// It is not.
    End,
    /// The socket is open.
    Opened,
    /// The socket is closed, or could not be opened.
    Closed {
        code: u16,
        reason: String,
    },
    Received(Vec<u8>),
    /// The socket has sent text, which is not of this protocol.
    ReceivedText,
    /// It may be that a server can be reached again: it is not waited any longer.
    Hurry,
    /// Time has passed.
    Time,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Open a socket. There is none.
    Open,
    /// Close it. Nothing that it says after that counts.
    Close,
    Send(Vec<u8>),
    /// Tell it of the [`Input::Time`] at that time.
    Wake {
        at_ms: u64,
    },
    /// The server is there. `store` is a name of its documents that stays the same.
    Connected {
        server: String,
        store: Option<String>,
    },
    /// It is not any more.
    Disconnected,
    /// A frame of it.
    Frame(Frame),
    Status(Status),
}

/// How it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    /// It is not wanted.
    Off,
    Connecting,
    Connected,
    /// It is tried again at that time.
    Failed {
        failure: Failure,
        message: String,
        retry_at_ms: u64,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No socket could be opened.
    Unreachable,
    /// It was there, and is not any more.
    Lost,
    /// It was silent for too long.
    Silent,
    /// What it says is not this protocol.
    NotAServer,
    /// It speaks another version.
    Version,
    /// It does not want this device.
    Refused,
}

enum Phase {
    Off,
    Waiting { until_ms: u64 },
    Opening { since_ms: u64 },
    Joining { since_ms: u64 },
    Open { since_ms: u64, server: String },
}

/// Codes that servers close with which want somebody else: a policy, and what stands for HTTP's 401 and 403.
const REFUSALS: [u16; 3] = [1008, 4401, 4403];

pub(crate) struct Connection {
    /// What we are called.
    name: String,
    phase: Phase,
    backoff: Backoff,
    outputs: VecDeque<Output>,
}

impl Connection {
    /// With a name of this device's own, which no other connection at any time has.
    pub(crate) fn new(name: String, random: Random) -> Self {
        Connection { name, phase: Phase::Off, backoff: Backoff::new(random), outputs: VecDeque::new() }
    }

    pub(crate) fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What the other end is called; `None` as long as it is not there.
    pub(crate) fn server(&self) -> Option<&str> {
        if let Phase::Open { server, .. } = &self.phase { Some(server) } else { None }
    }

    /// What this end is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn handle(&mut self, input: Input, now_ms: u64) {
        match (&self.phase, input) {
            (Phase::Off, Input::Begin) => self.open(now_ms),
            (Phase::Off, _) => {}
            (_, Input::End) => {
                self.leave();
                self.phase = Phase::Off;
                self.outputs.push_back(Output::Status(Status::Off));
            }
            (Phase::Waiting { .. }, Input::Hurry) => {
                self.backoff.reset();
                self.open(now_ms);
            }
            (Phase::Waiting { until_ms }, Input::Time) if now_ms >= *until_ms => self.open(now_ms),
            (Phase::Waiting { .. }, _) => {}
            (Phase::Opening { .. }, Input::Opened) => {
                self.phase = Phase::Joining { since_ms: now_ms };
                let join = Frame::Join { sender: self.name.clone() };
                self.outputs.push_back(Output::Send(join.encode()));
                self.outputs.push_back(Output::Wake { at_ms: now_ms + PATIENCE_MS });
            }
            (Phase::Opening { .. }, Input::Closed { code, reason }) => {
                self.fail(closed(code, Failure::Unreachable), reason, now_ms);
            }
            (Phase::Joining { .. } | Phase::Open { .. }, Input::Closed { code, reason }) => {
                self.fail(closed(code, Failure::Lost), reason, now_ms);
            }
            (Phase::Opening { since_ms } | Phase::Joining { since_ms }, Input::Time)
                if now_ms >= since_ms + PATIENCE_MS =>
            {
                self.outputs.push_back(Output::Close);
                self.fail(Failure::Silent, "it does not answer".into(), now_ms);
            }
            (Phase::Joining { .. } | Phase::Open { .. }, Input::Received(bytes)) => self.received(&bytes, now_ms),
            (Phase::Joining { .. } | Phase::Open { .. }, Input::ReceivedText) => {
                self.outputs.push_back(Output::Close);
                self.fail(Failure::NotAServer, "it sends text".into(), now_ms);
            }
            _ => {}
        }
    }

    fn open(&mut self, now_ms: u64) {
        self.phase = Phase::Opening { since_ms: now_ms };
        self.outputs.extend([
            Output::Status(Status::Connecting),
            Output::Open,
            Output::Wake { at_ms: now_ms + PATIENCE_MS },
        ]);
    }

    /// Ends the connection from this end.
    fn leave(&mut self) {
        match self.phase {
            Phase::Opening { .. } | Phase::Joining { .. } => self.outputs.push_back(Output::Close),
            Phase::Open { .. } => {
                let leave = Frame::Leave { sender: self.name.clone() };
                self.outputs.extend([Output::Send(leave.encode()), Output::Close, Output::Disconnected]);
            }
            Phase::Off | Phase::Waiting { .. } => {}
        }
    }

    fn received(&mut self, bytes: &[u8], now_ms: u64) {
        let frame = if bytes.len() > MOST_FRAME_BYTES {
            Err("too long a frame")
        } else {
            Frame::decode(bytes).map_err(|error| error.0)
        };
        match (&self.phase, frame) {
            (_, Err(what)) => {
                self.outputs.push_back(Output::Close);
                let failure = if what == super::frame::OTHER_VERSION { Failure::Version } else { Failure::NotAServer };
                self.fail(failure, what.into(), now_ms);
            }
            (_, Ok(Frame::Error { message })) => {
                self.outputs.push_back(Output::Close);
                self.fail(Failure::Refused, message, now_ms);
            }
            (Phase::Joining { .. }, Ok(Frame::Peer { sender, store })) => {
                self.phase = Phase::Open { since_ms: now_ms, server: sender.clone() };
                self.outputs.push_back(Output::Connected { server: sender, store });
                self.outputs.push_back(Output::Status(Status::Connected));
            }
            // Whatever comes before is from somebody who has not said who that is.
            (Phase::Joining { .. }, Ok(_)) => {}
            (_, Ok(Frame::Leave { .. } | Frame::Join { .. } | Frame::Peer { .. } | Frame::Other)) => {}
            (_, Ok(frame)) => self.outputs.push_back(Output::Frame(frame)),
        }
    }

    /// There is no socket any more: another one is opened after a while.
    fn fail(&mut self, failure: Failure, message: String, now_ms: u64) {
        if let Phase::Open { since_ms, .. } = self.phase {
            self.backoff.ended_after(now_ms.saturating_sub(since_ms));
            self.outputs.push_back(Output::Disconnected);
        }
        let retry_at_ms = now_ms + self.backoff.next_ms();
        self.phase = Phase::Waiting { until_ms: retry_at_ms };
        self.outputs.push_back(Output::Status(Status::Failed { failure, message, retry_at_ms }));
        self.outputs.push_back(Output::Wake { at_ms: retry_at_ms });
    }
}

fn closed(code: u16, otherwise: Failure) -> Failure {
    if REFUSALS.contains(&code) { Failure::Refused } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection::new("me".into(), Random::from_number(1))
    }

    /// What comes of something that happens at a time.
    fn told(connection: &mut Connection, input: Input, now_ms: u64) -> Vec<Output> {
        connection.handle(input, now_ms);
        std::iter::from_fn(|| connection.take_output()).collect()
    }

    fn peer() -> Input {
        Input::Received(Frame::Peer { sender: "server".into(), store: Some("store".into()) }.encode())
    }

    fn open() -> Connection {
        let mut connection = connection();
        assert!(told(&mut connection, Input::Begin, 0).contains(&Output::Open));
        let join = Frame::Join { sender: "me".into() }.encode();
        assert!(told(&mut connection, Input::Opened, 1).contains(&Output::Send(join)));
        let connected = Output::Connected { server: "server".into(), store: Some("store".into()) };
        assert!(told(&mut connection, peer(), 2).contains(&connected));
        assert_eq!(connection.server(), Some("server"));
        connection
    }

    fn failure(outputs: &[Output]) -> (Failure, u64) {
        let failed = outputs.iter().find_map(|output| match output {
            Output::Status(Status::Failed { failure, retry_at_ms, .. }) => Some((*failure, *retry_at_ms)),
            _ => None,
        });
        let (failure, retry_at_ms) = failed.expect("it has failed");
        assert!(outputs.contains(&Output::Wake { at_ms: retry_at_ms }), "{outputs:?}");
        (failure, retry_at_ms)
    }

    #[test]
    fn a_server_that_is_silent_is_given_up_for_a_while() {
        let mut connection = connection();
        told(&mut connection, Input::Begin, 0);
        assert_eq!(told(&mut connection, Input::Time, PATIENCE_MS - 1), []);
        let outputs = told(&mut connection, Input::Time, PATIENCE_MS);
        assert_eq!(outputs[0], Output::Close);
        let (why, retry_at_ms) = failure(&outputs);
        assert_eq!(why, Failure::Silent);
        assert_eq!(told(&mut connection, Input::Time, retry_at_ms - 1), []);
        // It is late for what the first socket says.
        assert_eq!(told(&mut connection, Input::Opened, retry_at_ms - 1), []);
        assert!(told(&mut connection, Input::Time, retry_at_ms).contains(&Output::Open));
        // One that accepts, and never says who it is.
        told(&mut connection, Input::Opened, retry_at_ms + 5);
        let outputs = told(&mut connection, Input::Time, retry_at_ms + 5 + PATIENCE_MS);
        assert_eq!(failure(&outputs).0, Failure::Silent);
    }

    #[test]
    fn what_is_no_server_is_named() {
        let joining = || {
            let mut connection = connection();
            told(&mut connection, Input::Begin, 0);
            told(&mut connection, Input::Opened, 0);
            connection
        };
        let closed = |code| Input::Closed { code, reason: String::new() };
        let other = b"\xb9\x00\x03dtypedpeerhsenderIdaswselectedProtocolVersiona2".to_vec();
        let error = Frame::Error { message: "no".into() }.encode();
        for (input, expected) in [
            (Input::ReceivedText, Failure::NotAServer),
            (Input::Received(b"<!doctype html>".to_vec()), Failure::NotAServer),
            (Input::Received(vec![0; MOST_FRAME_BYTES + 1]), Failure::NotAServer),
            (Input::Received(other), Failure::Version),
            (Input::Received(error), Failure::Refused),
            (closed(4401), Failure::Refused),
            (closed(1006), Failure::Lost),
        ] {
            let hint = format!("{expected:?}");
            assert_eq!(failure(&told(&mut joining(), input, 1)).0, expected, "{hint}");
        }
        let mut unreachable = connection();
        told(&mut unreachable, Input::Begin, 0);
        assert_eq!(failure(&told(&mut unreachable, closed(1006), 1)).0, Failure::Unreachable);
    }

    #[test]
    fn who_has_not_said_who_it_is_is_not_heard() {
        let id = [1; 16];
        let frame = Frame::Unavailable { sender: "server".into(), target: "me".into(), id };
        let mut early = connection();
        told(&mut early, Input::Begin, 0);
        told(&mut early, Input::Opened, 0);
        assert_eq!(told(&mut early, Input::Received(frame.encode()), 1), []);
        assert_eq!(told(&mut open(), Input::Received(frame.encode()), 3), [Output::Frame(frame)]);
    }

    #[test]
    fn a_connection_that_is_lost_comes_back_sooner_when_there_is_hope() {
        let mut connection = open();
        let outputs = told(&mut connection, Input::Closed { code: 1006, reason: "gone".into() }, 100);
        assert!(outputs.contains(&Output::Disconnected));
        assert_eq!(failure(&outputs).0, Failure::Lost);
        assert!(told(&mut connection, Input::Hurry, 101).contains(&Output::Open));
        assert_eq!(told(&mut connection, Input::Hurry, 102), [], "it is on its way");
    }

    #[test]
    fn who_does_not_want_it_any_more_says_so() {
        let mut connection = open();
        let leave = Output::Send(Frame::Leave { sender: "me".into() }.encode());
        let outputs = told(&mut connection, Input::End, 3);
        assert_eq!(outputs, [leave, Output::Close, Output::Disconnected, Output::Status(Status::Off)]);
        assert_eq!(told(&mut connection, Input::Time, 1_000_000), []);
        assert!(told(&mut connection, Input::Begin, 1_000_001).contains(&Output::Open));
    }
}
