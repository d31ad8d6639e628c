//! Which rows JavaScript still has as they are now.
//!
//! JavaScript keeps frozen objects in an array; a row's position there is its handle. This is the list of
//! what lies where: rows in handles, with an estimate of their memory, a budget, and clock eviction. A row
//! that changes loses its handle.

use crate::keyspace::{RowId, TableId};

/// The memory that an object takes in JavaScript besides its content, about.
const OBJECT_BYTES: usize = 160;

#[derive(Clone)]
struct Slot {
    table: TableId,
    id: RowId,
    bytes: u32,
    is_used: bool,
    /// Whether it was asked for since the hand came by.
    is_recent: bool,
}

/// The rows that JavaScript has, by handle.
pub(crate) struct Rows {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Handles + 1 by hash, with linear probing; 0 is empty. Its length is a power of two.
    index: Vec<u32>,
    count: usize,
    bytes: usize,
    budget: usize,
    hand: usize,
}

impl Rows {
    pub(crate) fn new(budget: usize) -> Self {
        Rows { slots: Vec::new(), free: Vec::new(), index: vec![0; 64], count: 0, bytes: 0, budget, hand: 0 }
    }

    /// The bytes that the rows take in JavaScript, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The handle of a row.
    #[inline(always)]
    pub(crate) fn find(&mut self, table: TableId, id: &RowId) -> Option<u32> {
        let position = self.position(table, id).ok()?;
        let handle = self.index[position] - 1;
        self.slots[handle as usize].is_recent = true;
        Some(handle)
    }

    /// Gives a row that is not here a handle. `text_bytes` is the length of its JSON.
    pub(crate) fn insert(&mut self, table: TableId, id: &RowId, text_bytes: usize) -> Option<u32> {
        // Strings take one byte a letter, property values four or eight each: about twice the text.
        let bytes = OBJECT_BYTES + 2 * text_bytes;
        if bytes > self.budget / 4 {
            return None;
        }
        while self.bytes + bytes > self.budget {
            self.evict();
        }
        if (self.count + 1) * 2 > self.index.len() {
            self.grow();
        }
        let Err(position) = self.position(table, id) else { return None };
        let slot = Slot { table, id: *id, bytes: bytes as u32, is_used: true, is_recent: true };
        let handle = match self.free.pop() {
            Some(handle) => {
                self.slots[handle as usize] = slot;
                handle
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.index[position] = handle + 1;
        self.count += 1;
        self.bytes += bytes;
        Some(handle)
    }

    /// Takes a row's handle away.
    pub(crate) fn remove(&mut self, table: TableId, id: &RowId) {
        if let Ok(position) = self.position(table, id) {
            self.remove_at(position);
        }
    }

    /// Takes all handles away.
    pub(crate) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.index = vec![0; 64];
        self.count = 0;
        self.bytes = 0;
        self.hand = 0;
    }

    /// Where a row is in the index, or where it would be put.
    fn position(&self, table: TableId, id: &RowId) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut position = home(table, id, mask);
        loop {
            match self.index[position] {
                0 => return Err(position),
                entry => {
                    let slot = &self.slots[entry as usize - 1];
                    if slot.id == *id && slot.table == table {
                        return Ok(position);
                    }
                }
            }
            position = (position + 1) & mask;
        }
    }

    fn remove_at(&mut self, mut hole: usize) {
        let handle = self.index[hole] - 1;
        let slot = &mut self.slots[handle as usize];
        slot.is_used = false;
        self.bytes -= slot.bytes as usize;
        self.count -= 1;
        self.free.push(handle);
        // What was displaced by the removed entry moves up, so that probing needs no tombstones.
        let mask = self.index.len() - 1;
        let mut position = hole;
        loop {
            position = (position + 1) & mask;
            let entry = self.index[position];
            if entry == 0 {
                break;
            }
            let slot = &self.slots[entry as usize - 1];
            let distance = position.wrapping_sub(home(slot.table, &slot.id, mask)) & mask;
            if distance >= (position.wrapping_sub(hole) & mask) {
                self.index[hole] = entry;
                hole = position;
            }
        }
        self.index[hole] = 0;
    }

    /// Takes the handle of a row that was not asked for lately.
    fn evict(&mut self) {
        loop {
            self.hand = if self.hand + 1 < self.slots.len() { self.hand + 1 } else { 0 };
            let slot = &mut self.slots[self.hand];
            if !slot.is_used {
                continue;
            }
            if std::mem::replace(&mut slot.is_recent, false) {
                continue;
            }
            let (table, id) = (slot.table, slot.id);
            self.remove(table, &id);
            return;
        }
    }

    fn grow(&mut self) {
        let length = self.index.len() * 2;
        self.index = vec![0; length];
        for handle in 0..self.slots.len() {
            let slot = &self.slots[handle];
            if slot.is_used {
                let (table, id) = (slot.table, slot.id);
                if let Err(position) = self.position(table, &id) {
                    self.index[position] = handle as u32 + 1;
                }
            }
        }
    }
}

/// Where the search for a row begins.
fn home(table: TableId, id: &RowId, mask: usize) -> usize {
    id.spread(table) & mask
}
