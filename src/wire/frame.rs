//! Frames of automerge-repo's WebSocket protocol, version 1: one CBOR map each. docs/protocol.md tells of them.

use super::cbor::Cbor;
use crate::bytes::Malformed;
use crate::crdt::{DocumentId, document_name, document_of};
use std::borrow::Cow;

/// The one version that there is.
pub(crate) const VERSION: &str = "1";
/// Names of peers and sessions that are longer are nobody's.
const NAME_BYTES: usize = 200;
/// So much is shown of what a server says went wrong.
const REASON_LETTERS: usize = 200;

/// What one end tells the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// The first word of who connects.
    Join { sender: String },
    /// The first word back. `store` names what the other end keeps documents in, for good.
    Peer { sender: String, store: Option<String> },
    /// And then the connection is closed.
    Error { message: String },
    /// Who sends it is about to go.
    Leave { sender: String },
    /// A message of automerge's sync protocol. A request also asks to be told if there is no such document.
    Sync { sender: String, target: String, id: DocumentId, message: Vec<u8>, is_request: bool },
    /// There is no such document, or it is not for us.
    Unavailable { sender: String, target: String, id: DocumentId },
    /// What is not kept: `count` grows in a session of its author, who need not be who sends it.
    Ephemeral { sender: String, target: String, id: DocumentId, session: String, count: u64, data: Vec<u8> },
    /// One of another kind, or about what has no name here: to be passed over.
    Other,
}

impl Frame {
    /// Reads a frame. One of a known kind has all that its kind needs.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Frame, Malformed> {
        let map = Cbor::decode(bytes)?;
        let kind = text(&map, "type").ok_or(Malformed("frame: type"))?;
        let name = |field| name(&map, field);
        Ok(match kind {
            "join" => Frame::Join { sender: name("senderId").ok_or(SENDER)? },
            "peer" => {
                if text(&map, "selectedProtocolVersion").is_some_and(|version| version != VERSION) {
                    return Err(Malformed(OTHER_VERSION));
                }
                // Older ones say `metadata`.
                let metadata = map.get("peerMetadata").or_else(|| map.get("metadata"));
                let is_kept =
                    !matches!(metadata.and_then(|metadata| metadata.get("isEphemeral")), Some(Cbor::Bool(true)));
                let store = metadata.and_then(|metadata| self::name(metadata, "storageId")).filter(|_| is_kept);
                Frame::Peer { sender: name("senderId").ok_or(SENDER)?, store }
            }
            "error" => {
                let message = text(&map, "message").unwrap_or_default();
                Frame::Error { message: message.chars().take(REASON_LETTERS).collect() }
            }
            "leave" => Frame::Leave { sender: name("senderId").ok_or(SENDER)? },
            "sync" | "request" | "doc-unavailable" => {
                let (Some(sender), Some(target)) = (name("senderId"), name("targetId")) else { return Err(SENDER) };
                // Documents that have other names can't be here.
                let named = text(&map, "documentId").ok_or(Malformed("frame: documentId"))?;
                let Some(id) = document_of(named) else { return Ok(Frame::Other) };
                if kind == "doc-unavailable" {
                    return Ok(Frame::Unavailable { sender, target, id });
                }
                let message = map.get("data").and_then(Cbor::as_bytes).ok_or(Malformed("frame: data"))?.to_vec();
                Frame::Sync { sender, target, id, message, is_request: kind == "request" }
            }
            "ephemeral" => ephemeral(&map).unwrap_or(Frame::Other),
            _ => Frame::Other,
        })
    }

    /// That what is read of a frame is written as the same, for fuzzing.
    pub(crate) fn check(bytes: &[u8]) {
        match Frame::decode(bytes) {
            Err(_) | Ok(Frame::Other) => {}
            Ok(frame) => assert_eq!(Frame::decode(&frame.encode()).as_ref(), Ok(&frame)),
        }
    }

    /// Writes a frame, as its kind has it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut put = |name, value| fields.push((Cow::Borrowed(name), value));
        match self {
            Frame::Join { sender } => {
                put("type", "join".into());
                put("senderId", sender.as_str().into());
                put("peerMetadata", Cbor::Map(vec![("isEphemeral".into(), Cbor::Bool(true))]));
                put("supportedProtocolVersions", Cbor::Array(vec![VERSION.into()]));
            }
            Frame::Peer { sender, store } => {
                put("type", "peer".into());
                put("senderId", sender.as_str().into());
                let store = store.as_deref().map(|store| ("storageId".into(), store.into()));
                let is_ephemeral = ("isEphemeral".into(), Cbor::Bool(store.is_none()));
                put("peerMetadata", Cbor::Map(store.into_iter().chain([is_ephemeral]).collect()));
                put("selectedProtocolVersion", VERSION.into());
            }
            Frame::Error { message } => {
                put("type", "error".into());
                put("message", message.as_str().into());
            }
            Frame::Leave { sender } => {
                put("type", "leave".into());
                put("senderId", sender.as_str().into());
            }
            Frame::Sync { sender, target, id, message, is_request } => {
                put("type", if *is_request { "request" } else { "sync" }.into());
                put("senderId", sender.as_str().into());
                put("targetId", target.as_str().into());
                put("documentId", Cbor::Text(document_name(id).into()));
                put("data", Cbor::Bytes(message.into()));
            }
            Frame::Unavailable { sender, target, id } => {
                put("type", "doc-unavailable".into());
                put("senderId", sender.as_str().into());
                put("targetId", target.as_str().into());
                put("documentId", Cbor::Text(document_name(id).into()));
            }
            Frame::Ephemeral { sender, target, id, session, count, data } => {
                put("type", "ephemeral".into());
                put("senderId", sender.as_str().into());
                put("targetId", target.as_str().into());
                put("documentId", Cbor::Text(document_name(id).into()));
                put("sessionId", session.as_str().into());
                put("count", Cbor::Number(*count as f64));
                put("data", Cbor::Bytes(data.into()));
            }
            Frame::Other => unreachable!("only what others send is of another kind"),
        }
        Cbor::Map(fields).encode()
    }
}

/// What is wrong with a frame that chooses what was not offered.
pub(super) const OTHER_VERSION: &str = "frame: a version that was not offered";
const SENDER: Malformed = Malformed("frame: senderId or targetId");

/// What a server passes on has been written by anybody: of what is no such frame nothing is made, and the server is not to blame.
fn ephemeral(map: &Cbor<'_>) -> Option<Frame> {
    let name = |field| name(map, field);
    let count = map.get("count").and_then(Cbor::as_number).filter(|count| (0.0..9e15).contains(count))?;
    Some(Frame::Ephemeral {
        sender: name("senderId")?,
        target: name("targetId")?,
        id: document_of(text(map, "documentId")?)?,
        session: name("sessionId")?,
        count: count as u64,
        data: map.get("data").and_then(Cbor::as_bytes)?.to_vec(),
    })
}

fn text<'a>(map: &'a Cbor<'_>, field: &str) -> Option<&'a str> {
    map.get(field).and_then(Cbor::as_text)
}

fn name(map: &Cbor<'_>, field: &str) -> Option<String> {
    text(map, field).filter(|name| (1..=NAME_BYTES).contains(&name.len())).map(String::from)
}

impl<'a> From<&'a str> for Cbor<'a> {
    fn from(text: &'a str) -> Self {
        Cbor::Text(Cow::Borrowed(text))
    }
}

/// Frames that stock automerge-repo has written, with their names.
#[cfg(test)]
pub(super) fn stock_frames() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    let lines = include_str!("../../tests/wire/stock_frames.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).map(|(name, hex)| {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        (name, (0..hex.len()).step_by(2).map(byte).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(name: &str) -> Vec<u8> {
        stock_frames().find(|(other, _)| *other == name).expect("a frame").1
    }

    const ID: DocumentId = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn sync(sender: &str, target: &str, is_request: bool) -> Frame {
        let message = vec![0x42, 0, 0, 0, 0];
        Frame::Sync { sender: sender.into(), target: target.into(), id: ID, message, is_request }
    }

    #[test]
    fn frames_of_stock_automerge_repo_are_read() {
        let store = Some("3760df37-a4c6-4f66-9ecd-732039a9385d".to_owned());
        let expected = [
            ("join", Frame::Join { sender: "peer-a".into() }),
            ("peer", Frame::Peer { sender: "storage-server-x".into(), store }),
            ("peer_ephemeral", Frame::Peer { sender: "s".into(), store: None }),
            ("error", Frame::Error { message: "unsupported protocol version".into() }),
            ("leave", Frame::Leave { sender: "s".into() }),
            ("sync", sync("s", "peer-a", false)),
            ("request", sync("peer-a", "s", true)),
            ("unavailable", Frame::Unavailable { sender: "s".into(), target: "peer-a".into(), id: ID }),
            (
                "ephemeral",
                Frame::Ephemeral {
                    sender: "peer-b".into(),
                    target: "peer-a".into(),
                    id: ID,
                    session: "k2j3h4".into(),
                    count: 3,
                    data: vec![0xa0],
                },
            ),
            ("remote_heads", Frame::Other),
            ("subscription", Frame::Other),
            ("other_document", Frame::Other),
        ];
        for (name, frame) in expected {
            assert_eq!(Frame::decode(&stock(name)), Ok(frame), "{name}");
        }
        assert_eq!(Frame::decode(&stock("peer_other_version")), Err(Malformed(OTHER_VERSION)));
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        for name in ["join", "peer", "peer_ephemeral", "error", "leave", "sync", "request", "unavailable", "ephemeral"]
        {
            let frame = Frame::decode(&stock(name)).expect("a frame");
            assert_eq!(Frame::decode(&frame.encode()), Ok(frame), "{name}");
        }
    }

    #[test]
    fn what_a_frame_lacks_is_named() {
        let lacking = |fields: Vec<(&'static str, Cbor<'static>)>| {
            let fields = fields.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
            Frame::decode(&Cbor::Map(fields).encode()).expect_err("malformed").0
        };
        assert_eq!(lacking(vec![]), "frame: type");
        assert_eq!(lacking(vec![("type", Cbor::Number(1.0))]), "frame: type");
        assert_eq!(lacking(vec![("type", "join".into())]), "frame: senderId or targetId");
        assert_eq!(lacking(vec![("type", "join".into()), ("senderId", "".into())]), "frame: senderId or targetId");
        let between = || vec![("type", Cbor::from("sync")), ("senderId", "s".into()), ("targetId", "t".into())];
        assert_eq!(lacking(between()), "frame: documentId");
        let mut named = between();
        named.push(("documentId", "1Bhh3pU9gLXZiNDL6PEa1Gs9fh".into()));
        assert_eq!(lacking(named.clone()), "frame: data");
    }

    #[test]
    fn what_is_wrong_with_what_somebody_else_has_written_is_not_the_servers_fault() {
        let long = "x".repeat(NAME_BYTES + 1);
        let fields = |field: &'static str, value: Cbor<'static>| {
            let id = "1Bhh3pU9gLXZiNDL6PEa1Gs9fh".into();
            let mut fields: Vec<(Cow<'static, str>, Cbor<'static>)> = vec![
                ("type".into(), "ephemeral".into()),
                ("senderId".into(), "s".into()),
                ("targetId".into(), "t".into()),
                ("documentId".into(), id),
                ("sessionId".into(), "x".into()),
                ("count".into(), Cbor::Number(1.0)),
                ("data".into(), Cbor::Bytes(vec![].into())),
            ];
            fields.retain(|(name, _)| name != field);
            fields.push((field.into(), value));
            Frame::decode(&Cbor::Map(fields).encode())
        };
        assert!(matches!(fields("count", Cbor::Number(2.0)), Ok(Frame::Ephemeral { count: 2, .. })));
        for field in ["senderId", "targetId", "documentId", "sessionId"] {
            assert_eq!(fields(field, Cbor::Text(long.clone().into())), Ok(Frame::Other), "{field}");
        }
        for count in [f64::NAN, -1.0, 1e16] {
            assert_eq!(fields("count", Cbor::Number(count)), Ok(Frame::Other), "{count}");
        }
        assert_eq!(fields("data", "text".into()), Ok(Frame::Other));
    }
}
