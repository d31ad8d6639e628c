//! Moments at which anything may go wrong.

use super::faults::Trouble;
use super::world::{Happening, World};
use crate::keyspace::{Kind, RowId, TableId, kind, place_of};
use crate::store::{PAGE_INDEX_BITS, keys_of_leaf};
use crate::tab::{Announcement, Input};

impl World {
    /// Anything may happen now.
    pub(super) fn chaos(&mut self) {
        if self.is_calm {
            return;
        }
        let faults = self.setting.faults.clone();
        let pause = (self.setting.chaos_ms * 1_000.0) as u64;
        let pause = self.random.below(pause * 2) + 1;
        self.plan(pause, Happening::Chaos);
        let tabs: Vec<u64> = self.tabs.keys().copied().collect();
        let Some(&tab) = tabs.get(self.random.below(tabs.len().max(1) as u64) as usize) else { return };
        if self.chance(faults.crash) {
            self.kill(tab, false);
            self.reopen_later();
        }
        if self.chance(faults.disconnect) {
            self.disconnect(tab);
        }
        if self.chance(faults.freeze) {
            self.freeze(tab);
        }
        if self.chance(faults.lock_theft) {
            // Somebody else gets the lock, and the holder may hear of it much later.
            let holder = self.lock_holder.take();
            self.grant_lock();
            if let Some(holder) = holder {
                let later = self.long_us();
                self.plan(
                    later,
                    Happening::Deliver { tab: holder, connection: None, stores: 0, input: Input::LockLost },
                );
            }
        }
        if self.chance(faults.announcement_absurd) {
            let shift = self.random.below(40);
            let (generation, sequence) = (self.random.below(1 << shift), self.random.below(1 << shift));
            let turn_ms = self.random.below(1 << shift.min(31)) as u32;
            let input = Input::Announced(Announcement { generation, sequence, turn_ms });
            self.plan(1, Happening::Deliver { tab, connection: None, stores: 0, input });
        }
        if self.chance(faults.damage) {
            self.damage();
        }
        if self.chance(faults.repair) {
            self.ask_for_repair(tab);
        }
        if self.chance(faults.clock_of_one) {
            let half = (self.setting.skew_ms / 2.0) as u64;
            let skew = self.random.below(half * 2 + 1) as f64 - half as f64;
            if let Some(alive) = self.tabs.get_mut(&tab) {
                alive.clock_ms = skew;
            }
        }
        if self.chance(faults.clock_of_all) {
            let hours = [1.0, 60.0, 1_000.0][self.random.below(3) as usize];
            let jump_ms = hours * self.random.below((self.setting.options.log_grace_ms * 3.0) as u64) as f64;
            let is_back = self.random.below(3) == 0;
            self.clock_ms += if is_back { -jump_ms } else { jump_ms };
        }
        if self.chance(faults.trouble) {
            let until = self.now_us + self.long_us();
            self.trouble = Some((Trouble::draw(&mut self.random), until));
            self.trace.say(|| format!("{:>12} the disk is in trouble: {:?}", self.now_us, self.trouble));
        }
        if faults.power > 0 && self.random.below(20) == 0 {
            self.snapshots.push_back((self.storage.clone(), self.history.clone()));
            if self.snapshots.len() > 2 {
                self.snapshots.pop_front();
            }
        }
        if self.chance(faults.power) {
            self.lose_power();
        }
    }

    /// A page of the tree loses a bit, or is gone. Those with accounts are spared: programs check their sum.
    fn damage(&mut self) {
        let newest = self.newest();
        let pages: Vec<u64> = self.storage.pages.keys().copied().collect();
        let Some(&page) = pages.get(self.random.below(pages.len().max(1) as u64) as usize) else { return };
        if page >> PAGE_INDEX_BITS > newest.attempt {
            return;
        }
        let Some(bytes) = self.storage.pages.get_mut(&page) else { return };
        let accounts = self.history.schema.table("accounts").map(|table| table.id);
        let rows: Vec<(TableId, RowId)> = keys_of_leaf(bytes)
            .unwrap_or_default()
            .iter()
            .filter_map(|key| match (kind(key), place_of(key)) {
                (Some(Kind::Row(table)), Some(place)) => Some((table, place.id)),
                _ => None,
            })
            .collect();
        if rows.iter().any(|(table, _)| Some(*table) == accounts) {
            return;
        }
        self.trace.say(|| format!("{:>12} page {page} is damaged, with {} rows", self.now_us, rows.len()));
        self.history.endangered.extend(rows);
        self.history.is_damaged = true;
        if self.random.below(3) == 0 {
            self.storage.pages.remove(&page);
        } else {
            let position = self.random.below(bytes.len() as u64) as usize;
            bytes[position] ^= 1 << self.random.below(8);
        }
        for alive in self.tabs.values_mut() {
            alive.may_be_damaged = true;
        }
    }

    pub(super) fn ask_for_repair(&mut self, tab: u64) {
        let now_ms = match self.tabs.get(&tab) {
            Some(alive) if alive.is_open && alive.frozen_until_us <= self.now_us => self.clock_of(alive),
            _ => return,
        };
        self.trace.say(|| format!("{:>12} tab {tab} is asked for a repair", self.now_us));
        self.with(tab, |_, alive| drop(alive.tab.start_repair(now_ms)));
        self.after(tab);
    }

    fn freeze(&mut self, tab: u64) {
        let until = self.now_us + self.long_us();
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        alive.frozen_until_us = until;
        let numbers: Vec<u64> = alive.sent.keys().copied().collect();
        self.trace.say(|| format!("{:>12} tab {tab} freezes until {until}", self.now_us));
        for number in numbers {
            let is_held = self.random.below(2) == 0;
            if let Some(sent) = self.tabs.get_mut(&tab).and_then(|alive| alive.sent.get_mut(&number)) {
                sent.is_held = is_held;
            }
        }
    }

    fn lose_power(&mut self) {
        let Some((storage, history)) = self.snapshots.pop_back() else { return };
        self.trace.say(|| format!("{:>12} power loss: back to record {}", self.now_us, history.sequence()));
        self.snapshots.clear();
        let tabs: Vec<u64> = self.tabs.keys().copied().collect();
        for tab in tabs {
            self.kill(tab, false);
            self.reopen_later();
        }
        self.ghosts.clear();
        self.storage = storage;
        self.history = history;
    }
}
