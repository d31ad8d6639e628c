//! Changes that have come before others which they follow. automerge never sees them: it would keep any number of them.

use super::Limits;
use super::change::Head;
use super::chunk::Whole;
use super::history::History;
use crate::bytes::Malformed;
use crate::crdt::ChangeHash;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// So many refused changes are remembered, so that what follows them is refused as well and does not wait.
const REMEMBERED: usize = 4_096;

/// Changes that wait, and those that nobody need wait for.
#[derive(Default)]
pub(super) struct Waiting {
    /// By the first change that they lack.
    lacking: BTreeMap<ChangeHash, Vec<Pending>>,
    /// What each of them lacks, and its number in the order of their coming.
    waiting: BTreeMap<ChangeHash, (ChangeHash, u64)>,
    order: BTreeMap<u64, ChangeHash>,
    next: u64,
    bytes: usize,
    refused: BTreeSet<ChangeHash>,
    refused_order: VecDeque<ChangeHash>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has(&self, hash: &ChangeHash) -> bool {
        self.waiting.contains_key(hash)
    }

    /// What a change lacks that waits here, or those that it waits for.
    pub(super) fn lacking(&self, mut hash: ChangeHash) -> ChangeHash {
        // A change can't wait for itself: each step goes to one that it follows.
        while let Some((lacks, _)) = self.waiting.get(&hash) {
            hash = *lacks;
        }
        hash
    }

    /// Keeps a change that is not ready.
    pub(super) fn put(&mut self, pending: Pending) {
        let hash = pending.whole.hash;
        let lacks = pending.dependencies[pending.known];
        self.waiting.insert(hash, (lacks, self.next));
        self.order.insert(self.next, hash);
        self.next += 1;
        self.bytes += pending.whole.bytes.len();
        self.lacking.entry(lacks).or_default().push(pending);
    }

    /// Gives back the changes that have waited for this one.
    pub(super) fn release(&mut self, hash: &ChangeHash, ready: &mut Vec<Pending>) {
        for pending in self.lacking.remove(hash).unwrap_or_default() {
            self.forget(&pending);
            ready.push(pending);
        }
    }

    /// Remembers that nobody need wait for this change.
    pub(super) fn refuse(&mut self, hash: ChangeHash) {
        if self.refused.insert(hash) {
            self.refused_order.push_back(hash);
        }
        if self.refused_order.len() > REMEMBERED
            && let Some(oldest) = self.refused_order.pop_front()
        {
            self.refused.remove(&oldest);
        }
    }

    /// Gives up the changes that came last, while there are too many. They may come again.
    pub(super) fn trim(&mut self, most: usize, most_bytes: usize) -> Vec<ChangeHash> {
        let mut given_up = Vec::new();
        while self.len() > most || self.bytes > most_bytes {
            let Some((_, hash)) = self.order.pop_last() else { break };
            let Some(&(lacks, _)) = self.waiting.get(&hash) else { break };
            let Some(pendings) = self.lacking.get_mut(&lacks) else { break };
            if let Some(at) = pendings.iter().position(|pending| pending.whole.hash == hash) {
                let pending = pendings.swap_remove(at);
                if pendings.is_empty() {
                    self.lacking.remove(&lacks);
                }
                self.forget(&pending);
                given_up.push(hash);
            }
        }
        given_up
    }

    fn forget(&mut self, pending: &Pending) {
        if let Some((_, number)) = self.waiting.remove(&pending.whole.hash) {
            self.order.remove(&number);
            self.bytes -= pending.whole.bytes.len();
        }
    }
}

/// A change that may have to wait.
pub(super) struct Pending {
    pub(super) whole: Whole,
    dependencies: Vec<ChangeHash>,
    /// How many of them are known.
    known: usize,
    is_read: bool,
}

impl Pending {
    pub(super) fn new(whole: Whole) -> Self {
        Pending { whole, dependencies: Vec::new(), known: 0, is_read: false }
    }

    /// Whether all that it follows is known. What is wrong with the change itself is found before it waits.
    pub(super) fn is_ready(
        &mut self,
        history: &History,
        waiting: &Waiting,
        limits: &Limits,
    ) -> Result<bool, Malformed> {
        if !self.is_read {
            self.dependencies = read(self.whole.body(), limits)?;
            self.is_read = true;
        }
        while let Some(dependency) = self.dependencies.get(self.known) {
            // One that was refused may have been let through since: some checks ask what else is known.
            if history.knows(dependency) {
                self.known += 1;
            } else if waiting.refused.contains(dependency) {
                return Err(Malformed("a change follows one that was refused"));
            } else {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Reads a whole change, and answers what it follows.
fn read(body: &[u8], limits: &Limits) -> Result<Vec<ChangeHash>, Malformed> {
    let head = Head::read(body, limits)?;
    let mut rows = head.rows();
    let mut count = 0;
    while rows.next(limits.predecessors)?.is_some() {
        count += 1;
        if count > limits.operations {
            return Err(Malformed("a change has more operations than are taken in"));
        }
    }
    Ok(head.dependencies)
}
