//! Devices that meet: each with tabs over a store of its own and a docs worker, joined by links that are cut and come
//! back. Tabs are killed at any of their effects, answers about commits are lost, and a disk forgets what it had; in the
//! end all devices have the same documents and rows.
//!
//! On devices of some seeds tasks are now and then not synced, and come back.
//!
//! `HOLDFAST_SEED=7 cargo test devices` runs one seed, `HOLDFAST_SEED=7..90` some. Those that once failed are in `tests/simulation/devices.txt`.

mod device;
mod evidence;
mod network;

use super::adopting::settle_step;
use super::returning::without;
use super::synced::{Writer, check_documents, entries, synced};
use super::world::*;
use super::*;
use crate::random::{kept_seeds, on_all_processors, seeds};
use device::{Counts, Device};
use evidence::Evidence;
use network::Network;
use std::sync::Mutex;

const KEPT_SEEDS: &str = include_str!("../../../tests/simulation/devices.txt");

/// With seeds from here on devices take tables out of documents, and put them back. Smaller ones stay what they were.
const FIRST_TOGGLING_SEED: u64 = 1_000_000;

#[test]
fn devices_that_meet_have_the_same_rows() {
    if let Ok(wanted) = std::env::var("HOLDFAST_SEED") {
        let (first, end) = wanted.split_once("..").unwrap_or((&wanted, ""));
        let first: u64 = first.parse().expect("a seed");
        let seeds: Vec<u64> = (first..end.parse().unwrap_or(first + 1)).collect();
        on_all_processors(&seeds, |seed| println!("{:?}", network::live(seed)));
        return;
    }
    let mut wanted = kept_seeds(KEPT_SEEDS);
    // In turn, so that whatever time there is serves both.
    wanted.extend(seeds(250).flat_map(|n| (4 * n..4 * n + 4).chain([FIRST_TOGGLING_SEED + n])));
    let total = Mutex::new(Counts::default());
    let ran = on_all_processors(&wanted, |seed| {
        let counts = network::live(seed);
        total.lock().expect("no thread panics here").add(&counts);
    });
    let total = total.into_inner().expect("no thread panics here");
    println!("{ran} seeds: {total:?}");
    for (what, count) in total.each() {
        assert!(count > ran / 10, "{what} happened {count} times: {total:?}");
    }
    assert!(total.overtaken > ran / 40, "{total:?}");
}
