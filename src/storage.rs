//! What a store can do, as one IndexedDB transaction each, and a store in memory that does it.
//!
//! The browser's store does the same with IndexedDB (`src/browser`), the simulator's with faults.

use crate::flat_map::FlatMap;
use crate::store::{LoadedPages, PageId};
use crate::tab::LogTail;
use std::ops::Range;

/// The record stores of a database, in memory: the store of Node and of tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStorage {
    /// Log records by sequence number.
    pub log: FlatMap<u64, Vec<u8>>,
    /// Manifests by generation.
    pub manifests: FlatMap<u64, Vec<u8>>,
    /// Pages by id.
    pub pages: FlatMap<PageId, Vec<u8>>,
    /// How many checkpoint attempts were begun.
    pub attempts: u64,
}

impl MemoryStorage {
    /// The newest manifest if newer than `generation`, and the records after `after`, or after what that
    /// manifest covers when `from_manifest` is set.
    pub fn read_log(&self, generation: u64, after: u64, from_manifest: bool) -> LogTail {
        let manifest = self.manifests.from(&(generation + 1)).last().cloned();
        let covered = manifest
            .as_ref()
            .filter(|_| from_manifest)
            .and_then(|(_, bytes)| crate::store::Manifest::peek_sequence(bytes));
        let after = after.max(covered.unwrap_or(0));
        LogTail { manifest, records: self.log.from(&(after + 1)).to_vec() }
    }

    /// Adds a record unless its number is taken.
    pub fn append(&mut self, sequence: u64, record: Vec<u8>) -> bool {
        if self.log.contains_key(&sequence) {
            return false;
        }
        self.log.insert(sequence, record);
        true
    }

    /// The pages, and whether there is a newer manifest.
    pub fn load(&self, generation: u64, pages: &[PageId]) -> (LoadedPages, bool) {
        let found = pages.iter().map(|page| (*page, self.pages.get(page).cloned())).collect();
        (found, !self.manifests.from(&(generation + 1)).is_empty())
    }

    /// Draws the number of a checkpoint attempt, greater than `after`.
    pub fn reserve_attempt(&mut self, after: u64) -> u64 {
        self.attempts = crate::store::next_attempt(self.attempts, after);
        self.attempts
    }

    /// Stores pages.
    pub fn write_pages(&mut self, pages: Vec<(PageId, Vec<u8>)>) {
        self.pages.extend(pages);
    }

    /// Adds a manifest if it follows the newest one, and a record if its number is free: both or none.
    pub fn publish(&mut self, generation: u64, manifest: Vec<u8>, fence: Option<(u64, Vec<u8>)>) -> bool {
        let newest = self.manifests.keys().next_back().copied().unwrap_or(0);
        if newest + 1 != generation {
            return false;
        }
        if let Some((sequence, record)) = fence
            && !self.append(sequence, record)
        {
            return false;
        }
        self.manifests.insert(generation, manifest);
        true
    }

    /// Deletes what is superseded.
    pub fn trim(&mut self, log_upto: u64, manifests_below: u64, pages: &[Range<PageId>]) {
        self.log.retain(|&sequence| sequence > log_upto);
        self.manifests.retain(|&generation| generation >= manifests_below);
        for range in pages {
            self.pages.remove_range(range.clone());
        }
    }
}
