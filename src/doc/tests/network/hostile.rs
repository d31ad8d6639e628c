//! Somebody between a device and its server who says what they like. Nothing of it ends the device's worker or stays in the way:
//! when that is over, devices and server come to the same.

use super::server::message_with;
use super::*;
use crate::doc::tests::admission::mutated::mutate_bytes;
use crate::wire::Frame;
use automerge::sync::{BloomFilter, Have, Message};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says what it likes to the first device.
struct Saboteur {
    /// Frames that were on their way to it.
    heard: Vec<Vec<u8>>,
    ids: Vec<DocumentId>,
}

/// Of so many frames it remembers what they were like.
const HEARD: usize = 100;

impl Saboteur {
    fn hear(&mut self, frames: &[Vec<u8>], random: &mut Random) {
        for frame in frames {
            if self.heard.len() < HEARD {
                self.heard.push(frame.clone());
            } else {
                self.heard[random.below(HEARD as u64) as usize].clone_from(frame);
            }
        }
    }

    fn garbage(&self, target: &str, random: &mut Random) -> Vec<u8> {
        let id = if random.below(8) == 0 { [99; 16] } else { self.ids[random.below(self.ids.len() as u64) as usize] };
        let names = [server::NAME, target, "somebody", ""];
        let (sender, target) = match random.below(3) {
            0 => (names[random.below(4) as usize].to_string(), names[random.below(4) as usize].to_string()),
            _ => (server::NAME.to_string(), target.to_string()),
        };
        let sync =
            |message| Frame::Sync { sender: sender.clone(), target: target.clone(), id, message, is_request: false };
        // What is no frame ends the connection: there is little of it, so that much gets through.
        match random.below(24) {
            0 => bytes(random, 200),
            1..=3 => sync(bytes(random, 200)).encode(),
            4..=5 => Frame::Unavailable { sender, target, id }.encode(),
            6 => Frame::Peer { sender, store: Some("another".into()) }.encode(),
            7 => Frame::Leave { sender }.encode(),
            8..=11 => sync(lies(random).encode()).encode(),
            12..=15 => sync(strange(random)).encode(),
            16..=18 => {
                let (session, count) = ("s".into(), random.below(1_000));
                let data = if random.below(2) == 0 { bytes(random, 50) } else { wire::write_text("here") };
                Frame::Ephemeral { sender, target, id, session, count, data }.encode()
            }
            _ if self.heard.is_empty() => Frame::Join { sender }.encode(),
            19..=22 => self.heard[random.below(self.heard.len() as u64) as usize].clone(),
            _ => {
                let mut frame = self.heard[random.below(self.heard.len() as u64) as usize].clone();
                mutate_bytes(&mut frame, random);
                frame
            }
        }
    }
}

fn bytes(random: &mut Random, most: u64) -> Vec<u8> {
    (0..random.below(most)).map(|_| random.next_u64() as u8).collect()
}

fn hashes(random: &mut Random, most: u64) -> Vec<automerge::ChangeHash> {
    let mut hashes: Vec<_> =
        (0..random.below(most)).map(|_| automerge::ChangeHash([random.below(256) as u8; 32])).collect();
    hashes.sort_unstable(); // automerge writes no others
    hashes
}

/// A message that is well formed and says what is not so: heads that nobody has, wishes for what there is not.
fn lies(random: &mut Random) -> Message {
    let most = if random.below(10) == 0 { 5_000 } else { 3 };
    let mut message = Message::decode(&message_with(&Automerge::new())).expect("a message");
    message.heads = hashes(random, most);
    message.need = hashes(random, most);
    message.have = (0..random.below(3))
        .map(|_| Have { last_sync: hashes(random, most), bloom: BloomFilter::from_hashes(hashes(random, 10).iter()) })
        .collect();
    message
}

/// Changes of a document that nobody else has.
fn strange(random: &mut Random) -> Vec<u8> {
    let mut document = Automerge::new();
    for _ in 0..1 + random.below(3) {
        let mut transaction = document.transaction();
        transaction.put(ROOT, "strange", random.next_u64() as i64).expect("put");
        transaction.commit();
    }
    message_with(&document)
}

/// Answers how often something was set aside, and told.
fn world(seed: u64) -> (usize, usize) {
    let mut random = Random::from_number(seed);
    let mut world = World::new(2);
    let ids: Vec<DocumentId> = (1..=1 + random.below(3) as u8).map(|number| [number; 16]).collect();
    let mut saboteur = Saboteur { heard: Vec::new(), ids: ids.clone() };
    for id in &ids {
        world.devices[0].write(*id, &mut random);
        world.devices[1].want(*id);
    }
    for _ in 0..60 + random.below(60) {
        let at = random.below(2) as usize;
        match random.below(10) {
            0..=1 => world.devices[at].write(ids[random.below(ids.len() as u64) as usize], &mut random),
            2 => world.pass(random.below(70_000)),
            3..=5 if world.devices[0].socket == Some(true) => {
                let target = format!("{} {}", world.devices[0].name, world.devices[0].runs);
                let count = if random.below(20) == 0 { 200 } else { 1 + random.below(4) };
                for _ in 0..count {
                    let frame = saboteur.garbage(&target, &mut random);
                    let place = random.below(world.coming[0].len() as u64 + 1) as usize;
                    world.coming[0].insert(place, frame);
                }
            }
            _ => {
                for _ in 0..random.below(8) {
                    let before = world.coming[0].len();
                    world.go_on(&mut random);
                    saboteur.hear(world.coming[0].get(before..).unwrap_or_default(), &mut random);
                }
            }
        }
        // It has closed the socket: what was on its way is gone.
        if world.devices[0].socket.is_none() {
            world.cut(0);
        }
    }
    // It is over: whatever the device was told, another connection mends it.
    world.cut(0);
    world.come_to_rest(&mut random);
    for id in &ids {
        let expected = world.server.heads(id);
        for device in &world.devices {
            assert_eq!(device.heads(id), expected, "seed {seed}, document {}, {}", id[0], device.name);
            assert_eq!(device.synced.get(id), Some(&true), "seed {seed}, document {}, {}", id[0], device.name);
        }
    }
    (world.devices[0].set_aside, world.devices[0].told)
}

#[test]
fn what_a_server_says_that_is_not_so_is_mended_when_that_is_over() {
    let (set_aside, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ran = on_all_processors(&seeds(300).collect::<Vec<_>>(), |seed| {
        let counts = world(seed);
        set_aside.fetch_add(counts.0, Ordering::Relaxed);
        told.fetch_add(counts.1, Ordering::Relaxed);
    });
    let counts = [set_aside, told].map(AtomicUsize::into_inner);
    assert!(counts.iter().all(|count| *count > ran / 10), "{counts:?} of {ran}");
}
