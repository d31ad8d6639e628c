//! Devices that meet: each with tabs over a store of its own and a docs worker, joined by links that are cut and come
//! back. Tabs are killed at any of their effects, answers about commits are lost, and a disk forgets what it had; in the
//! end all devices have the same documents and rows.
//!
//! `HOLDFAST_SEED=7 cargo test devices` runs one seed. Those that once failed are in `tests/simulation/devices.txt`.

mod device;
mod evidence;
mod network;

use super::synced::{Writer, check_documents, entries, synced};
use super::world::*;
use super::*;
use crate::random::{kept_seeds, on_all_processors, seeds};
use device::{Counts, Device};
use evidence::Evidence;
use network::Network;
use std::sync::Mutex;

const KEPT_SEEDS: &str = include_str!("../../../tests/simulation/devices.txt");

#[test]
fn devices_that_meet_have_the_same_rows() {
    if let Some(seed) = std::env::var("HOLDFAST_SEED").ok().and_then(|seed| seed.parse().ok()) {
        println!("{:?}", network::live(seed));
        return;
    }
    let mut wanted = kept_seeds(KEPT_SEEDS);
    wanted.extend(seeds(1_000));
    let total = Mutex::new(Counts::default());
    on_all_processors(&wanted, |seed| {
        let counts = network::live(seed);
        total.lock().expect("no thread panics here").add(&counts);
    });
    let total = total.into_inner().expect("no thread panics here");
    println!("{} seeds: {total:?}", wanted.len());
    for (what, count) in total.each() {
        assert!(count > wanted.len() / 10, "{what} happened {count} times: {total:?}");
    }
}
