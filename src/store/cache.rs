//! The pages in memory, under a byte budget that is enforced before growth.
//!
//! Eviction is a clock with a second chance. A page that a reader holds stays alive through its count, in or
//! out of the cache. The pages of the last load are never evicted before the next load begins, and neither
//! are the interior pages that were read since: so a reader that asked for pages finds them, and the way to
//! them, however small the budget is.

use super::PageId;
use super::page::Page;
use crate::bytes::{Bytes, Malformed};

/// Checked pages by id.
#[derive(Debug)]
pub struct PageCache {
    slots: Vec<Slot>,
    /// Open addressing: index into `slots` plus one, or 0. The size is a power of two.
    table: Vec<u32>,
    hand: usize,
    budget: usize,
    used: usize,
    /// Counts loads: insertions with no miss between them are one.
    load: u64,
    missed: bool,
}

#[derive(Debug)]
struct Slot {
    id: PageId,
    page: Page,
    bytes: usize,
    referenced: bool,
    /// The page is kept until a later load than this one begins.
    keep: u64,
}

/// Memory of a slot and its place in the table.
const SLOT_BYTES: usize = size_of::<Slot>() + 2 * size_of::<u32>();

impl PageCache {
    /// An empty cache.
    pub fn new(budget_bytes: usize) -> Self {
        PageCache {
            slots: Vec::new(),
            table: vec![0; 64],
            hand: 0,
            budget: budget_bytes,
            used: 0,
            load: 0,
            missed: false,
        }
    }

    /// Checks and keeps a page that a read asked for.
    ///
    /// Bytes that are no page are remembered as damage: reads that need them fail with
    /// [`Corrupt`](super::ReadError::Corrupt) instead of asking for them again and again.
    pub fn insert(&mut self, id: PageId, bytes: impl Into<Bytes>) -> Result<(), Malformed> {
        match Page::parse(bytes.into()) {
            Ok(page) => {
                self.load(id, page);
                Ok(())
            }
            Err(malformed) => {
                self.insert_damaged(id);
                Err(malformed)
            }
        }
    }

    /// Remembers that there is no such page although the current manifest leads to it.
    pub fn insert_damaged(&mut self, id: PageId) {
        self.load(id, Page::Damaged);
    }

    /// Whether the page is here.
    pub fn contains(&self, id: PageId) -> bool {
        self.find(id).is_some()
    }

    /// Memory in use by pages in the cache.
    pub fn bytes(&self) -> usize {
        self.used
    }

    /// How many pages are here.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Changes the budget, and evicts what is above it.
    pub fn set_budget(&mut self, budget_bytes: usize) {
        self.budget = budget_bytes;
        self.make_room(0);
    }

    /// Forgets a page: one that was freed or repaired.
    pub fn remove(&mut self, id: PageId) {
        if let Some(place) = self.find(id) {
            self.evict(self.table[place] as usize - 1);
        }
    }

    /// Forgets all pages.
    pub fn clear(&mut self) {
        *self = PageCache { load: self.load, ..PageCache::new(self.budget) };
    }

    /// A page for a reader.
    #[inline]
    pub(super) fn page(&mut self, id: PageId) -> Option<Page> {
        let Some(place) = self.find(id) else {
            self.missed = true;
            return None;
        };
        let slot = &mut self.slots[self.table[place] as usize - 1];
        slot.referenced = true;
        if matches!(slot.page, Page::Interior(_)) {
            slot.keep = self.load + 1;
        }
        Some(slot.page.clone())
    }

    /// A page, if it happens to be here. Leaves no trace.
    pub(super) fn peek(&self, id: PageId) -> Option<&Page> {
        self.find(id).map(|place| &self.slots[self.table[place] as usize - 1].page)
    }

    /// Keeps a page through the next load: a read needs it together with a missing one.
    pub(super) fn hold(&mut self, id: PageId) {
        if let Some(place) = self.find(id) {
            self.slots[self.table[place] as usize - 1].keep = self.load + 1;
        }
    }

    /// Keeps a page that nobody asked for yet, if there is room.
    pub(super) fn offer(&mut self, id: PageId, page: Page) {
        if page.memory() + SLOT_BYTES <= self.budget {
            self.add(id, page, 0);
        }
    }

    fn load(&mut self, id: PageId, page: Page) {
        if self.missed {
            self.missed = false;
            self.load += 1;
        }
        self.add(id, page, self.load);
    }

    fn add(&mut self, id: PageId, page: Page, keep: u64) {
        self.remove(id);
        let bytes = page.memory() + SLOT_BYTES;
        self.make_room(bytes);
        self.used += bytes;
        self.slots.push(Slot { id, page, bytes, referenced: true, keep });
        if self.slots.len() * 2 > self.table.len() {
            self.table = vec![0; self.table.len() * 2];
            for index in 0..self.slots.len() {
                self.link(index);
            }
        } else {
            self.link(self.slots.len() - 1);
        }
    }

    /// Evicts until `bytes` more fit, or nothing is left that may go.
    fn make_room(&mut self, bytes: usize) {
        let mut spared = 0;
        while self.used + bytes > self.budget && spared < 2 * self.slots.len() {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let slot = &mut self.slots[self.hand];
            if slot.keep >= self.load && slot.keep > 0 {
                spared += 1;
                self.hand += 1;
            } else if slot.referenced {
                slot.referenced = false;
                self.hand += 1;
            } else {
                self.evict(self.hand);
                spared = 0;
            }
        }
    }

    fn evict(&mut self, index: usize) {
        self.unlink(index);
        let moved = self.slots.len() - 1;
        if index != moved {
            // The last slot takes the place; its link must follow.
            let place = self.find(self.slots[moved].id);
            if let Some(place) = place {
                self.table[place] = index as u32 + 1;
            }
        }
        let slot = self.slots.swap_remove(index);
        self.used -= slot.bytes;
    }

    fn home(&self, id: PageId) -> usize {
        let hash = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as usize & (self.table.len() - 1)
    }

    /// The place in the table that leads to the page.
    #[inline]
    fn find(&self, id: PageId) -> Option<usize> {
        let mut place = self.home(id);
        loop {
            match self.table[place] {
                0 => return None,
                slot if self.slots[slot as usize - 1].id == id => return Some(place),
                _ => place = (place + 1) & (self.table.len() - 1),
            }
        }
    }

    fn link(&mut self, index: usize) {
        let mut place = self.home(self.slots[index].id);
        while self.table[place] != 0 {
            place = (place + 1) & (self.table.len() - 1);
        }
        self.table[place] = index as u32 + 1;
    }

    /// Removes a link, and moves the ones behind it that would no longer be found.
    fn unlink(&mut self, index: usize) {
        let Some(mut hole) = self.find(self.slots[index].id) else { return };
        let mask = self.table.len() - 1;
        let mut place = hole;
        loop {
            self.table[hole] = 0;
            loop {
                place = (place + 1) & mask;
                let slot = self.table[place];
                if slot == 0 {
                    return;
                }
                let home = self.home(self.slots[slot as usize - 1].id);
                // Movable if its home is not between the hole and its place.
                if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(hole) & mask) {
                    self.table[hole] = slot;
                    hole = place;
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
