//! Who has changed a document when, and what each change follows.

use crate::crdt::ChangeHash;
use std::collections::{BTreeMap, BTreeSet};

/// The changes, each behind those that it follows.
#[derive(Default)]
pub(super) struct History {
    changes: Vec<Known>,
    /// What changes follow, one change's after another's.
    parents: Vec<u32>,
    by_hash: BTreeMap<ChangeHash, u32>,
    actors: Vec<Actor>,
    by_name: BTreeMap<Box<[u8]>, u32>,
    heads: BTreeSet<ChangeHash>,
    max_op: u64,
    operations: u32,
    /// What changes here and there have in their past, themselves included, so that no walk is long.
    marked: BTreeMap<u32, Vec<u32>>,
    since_marked: usize,
}

struct Known {
    actor: u32,
    sequence: u32,
    first_op: u32,
    /// The place of its first operation among all.
    first_place: u32,
    count: u32,
    /// Where its parents begin.
    parents: u32,
}

struct Actor {
    name: Box<[u8]>,
    changes: Vec<u32>,
}

/// What a change follows, directly or not.
pub(super) enum Past {
    /// Everything.
    All,
    /// Up to which sequence, for each actor.
    Clock(Vec<u32>),
}

impl Past {
    pub(super) fn has(&self, actor: u32, sequence: u32) -> bool {
        match self {
            Past::All => true,
            Past::Clock(clock) => clock.get(actor as usize).is_some_and(|&last| sequence <= last),
        }
    }
}

impl History {
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(super) fn knows(&self, hash: &ChangeHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// The greatest counter of all changes.
    pub(super) fn max_op(&self) -> u64 {
        self.max_op
    }

    /// The greatest counter of a change that is known, or the one before its first if it has no operations.
    pub(super) fn max_op_of(&self, hash: &ChangeHash) -> u64 {
        self.by_hash.get(hash).map_or(0, |&at| {
            let change = &self.changes[at as usize];
            u64::from(change.first_op) + u64::from(change.count) - 1
        })
    }

    pub(super) fn actor(&self, name: &[u8]) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    pub(super) fn name(&self, actor: u32) -> &[u8] {
        &self.actors[actor as usize].name
    }

    /// The number of an actor who may be new.
    pub(super) fn author(&mut self, name: &[u8]) -> u32 {
        if let Some(actor) = self.actor(name) {
            return actor;
        }
        let actor = self.actors.len() as u32;
        self.actors.push(Actor { name: name.into(), changes: Vec::new() });
        self.by_name.insert(name.into(), actor);
        actor
    }

    /// Takes back the last actor if it has made nothing.
    pub(super) fn forget_idle_author(&mut self) {
        if self.actors.last().is_some_and(|actor| actor.changes.is_empty()) {
            let actor = self.actors.pop().expect("there is a last one");
            self.by_name.remove(&actor.name);
        }
    }

    /// How many changes an actor has made.
    pub(super) fn last_sequence(&self, name: &[u8]) -> u64 {
        self.actor(name).map_or(0, |actor| self.actors[actor as usize].changes.len() as u64)
    }

    /// The sequence of the change that has this operation, and the operation's place.
    pub(super) fn operation(&self, actor: u32, counter: u32) -> Option<(u32, u32)> {
        let changes = &self.actors[actor as usize].changes;
        let at = changes.partition_point(|&at| self.changes[at as usize].first_op <= counter).checked_sub(1)?;
        let change = &self.changes[changes[at] as usize];
        let offset = counter - change.first_op;
        (offset < change.count).then_some((change.sequence, change.first_place + offset))
    }

    /// Counter and author of the operation at a place.
    pub(super) fn id(&self, place: u32) -> (u32, &[u8]) {
        let at = self.changes.partition_point(|change| change.first_place + change.count <= place);
        let change = &self.changes[at];
        (change.first_op + (place - change.first_place), self.name(change.actor))
    }

    /// What a change with these dependencies, which are known, has in its past.
    pub(super) fn past(&self, dependencies: &[ChangeHash]) -> Past {
        if dependencies.len() == self.heads.len() && self.heads.iter().eq(dependencies) {
            return Past::All;
        }
        let starts = dependencies.iter().filter_map(|hash| self.by_hash.get(hash).copied());
        Past::Clock(self.clock(starts.collect()))
    }

    fn clock(&self, mut to_visit: BTreeSet<u32>) -> Vec<u32> {
        // What lies below a marked change need not be walked; of what was only walked, the rest is still to be visited.
        let mut whole = vec![0; self.actors.len()];
        let mut walked = whole.clone();
        while let Some(at) = to_visit.pop_last() {
            let change = &self.changes[at as usize];
            let actor = change.actor as usize;
            if whole[actor] >= change.sequence {
                continue;
            }
            if let Some(clock) = self.marked.get(&at) {
                for (last, &other) in whole.iter_mut().zip(clock) {
                    *last = other.max(*last);
                }
                continue;
            }
            walked[actor] = change.sequence.max(walked[actor]);
            to_visit.extend(self.parents(at));
        }
        for (last, other) in whole.iter_mut().zip(walked) {
            *last = other.max(*last);
        }
        whole
    }

    fn parents(&self, at: u32) -> &[u32] {
        let at = at as usize;
        let end = self.changes.get(at + 1).map_or(self.parents.len(), |next| next.parents as usize);
        &self.parents[self.changes[at].parents as usize..end]
    }

    /// Appends a change that was checked.
    pub(super) fn push(
        &mut self,
        hash: ChangeHash,
        actor: u32,
        sequence: u32,
        first_op: u32,
        count: u32,
        dependencies: &[ChangeHash],
    ) {
        let at = self.changes.len() as u32;
        let first_place = self.operations;
        let parents = self.parents.len() as u32;
        self.changes.push(Known { actor, sequence, first_op, first_place, count, parents });
        self.operations += count;
        self.max_op = self.max_op.max(u64::from(first_op) + u64::from(count) - 1);
        for dependency in dependencies {
            self.heads.remove(dependency);
            self.parents.push(self.by_hash[dependency]);
        }
        self.heads.insert(hash);
        self.by_hash.insert(hash, at);
        self.actors[actor as usize].changes.push(at);
        self.since_marked += 1;
        if self.since_marked > 64 + self.actors.len() {
            let clock = self.clock([at].into());
            self.marked.insert(at, clock);
            self.since_marked = 0;
        }
    }
}
