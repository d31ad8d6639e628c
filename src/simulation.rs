//! A simulation of several tabs over one store in which everything goes wrong that can.
//!
//! Every seed is a world: its options, its faults, its tabs and what their programs do. Effects of a tab are
//! performed one by one at random times, their answers come at random times; in between tabs die and freeze,
//! connections break, clocks jump, locks are stolen, the disk is full for a while, the power fails, pages are
//! damaged and repaired. Checkers look at every record that enters the log ([`history`]), at what programs see
//! ([`program`]) and at what is left when the storm is over ([`calm`]). Their complaints begin with a word in
//! brackets:
//!
//! - `[lost]`: a record that was in the log is not, or a tab holds another one; or a repair has lost a row that was
//!   in no damaged page;
//! - `[early]`: a mutation was told to be saved and is not in the log, nor does it rest on what is;
//! - `[twice]`: a mutation is in the log two times;
//! - `[serializable]`: a record is not what its programs read and write when they run one after the other;
//! - `[consistent]`: a program sees what no state of the database can show;
//! - `[final]`: after quiet, tabs, indexes, counts and the model differ;
//! - `[live]`: a live query shows something else than a fresh one, or never learns what there is;
//! - `[leak]`: pages are left that nobody will delete;
//! - `[store]`: a manifest in force leads to a damaged store;
//! - `[progress]`: something never settles;
//! - `[closed]`: an error that nothing in the simulation can cause;
//! - `[panic]`: anything else.
//!
//! `HOLDFAST_SEED=7 cargo test simulation` replays one world with its trace, `HOLDFAST_SEEDS=100000` runs as
//! many. Seeds that once failed are in `tests/simulation/seeds.txt`, and run first.

mod calm;
mod chaos;
mod connection;
mod faults;
mod history;
mod live;
mod model;
mod program;
mod running;
mod schemas;
mod steps;
mod store;
mod tests;
mod trace;
mod world;
