//! The changes of a document by their places: each comes after those that it depends on.

use crate::crdt::ChangeHash;
use automerge::{ActorId, Change};
use std::collections::HashMap;
use std::ops::Range;

/// An operation: the `counter`-th, by an author of the graph's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct OpName {
    pub(super) counter: u64,
    pub(super) author: u32,
}

#[derive(Default)]
pub(super) struct Graph {
    places: HashMap<ChangeHash, u32>,
    changes: Vec<Node>,
    /// What changes depend on, one after another.
    deps: Vec<u32>,
    authors: HashMap<ActorId, u32>,
    /// By authors, the first operations of their changes, ascending, and the changes.
    begins: Vec<Vec<(u64, u32)>>,
}

pub(super) struct Node {
    pub(super) hash: ChangeHash,
    pub(super) time: i64,
    pub(super) max_op: u64,
    deps: Range<u32>,
}

/// A change and those below it, as far down as somebody wants to know.
pub(super) struct Past {
    first: u32,
    bits: Vec<u64>,
}

impl Past {
    fn new(places: Range<u32>) -> Self {
        Past { first: places.start, bits: vec![0; places.len().div_ceil(64)] }
    }

    pub(super) fn has(&self, place: u32) -> bool {
        let Some(at) = place.checked_sub(self.first) else { return false };
        self.bits.get(at as usize / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    fn add(&mut self, place: u32) {
        if let Some(at) = place.checked_sub(self.first)
            && let Some(bits) = self.bits.get_mut(at as usize / 64)
        {
            *bits |= 1 << (at % 64);
        }
    }
}

impl Graph {
    /// Takes in a change, all whose dependencies are there. Answers its place, if it is new.
    pub(super) fn add(&mut self, change: &Change) -> Option<u32> {
        let (hash, place) = (change.hash().0, self.changes.len() as u32);
        if self.places.contains_key(&hash) {
            return None;
        }
        let begin = self.deps.len() as u32;
        self.deps.extend(change.deps().iter().filter_map(|below| self.places.get(&below.0)));
        let deps = begin..self.deps.len() as u32;
        let author = self.author(change.actor_id());
        self.begins[author as usize].push((change.start_op().get(), place));
        self.places.insert(hash, place);
        self.changes.push(Node { hash, time: change.timestamp(), max_op: change.max_op(), deps });
        Some(place)
    }

    /// An author's place in the list.
    pub(super) fn author(&mut self, actor: &ActorId) -> u32 {
        if let Some(author) = self.authors.get(actor) {
            return *author;
        }
        let author = self.begins.len() as u32;
        self.authors.insert(actor.clone(), author);
        self.begins.push(Vec::new());
        author
    }

    /// An operation by an author who is known.
    pub(super) fn operation(&self, counter: u64, actor: &ActorId) -> Option<OpName> {
        self.authors.get(actor).map(|&author| OpName { counter, author })
    }

    /// The change that has an operation.
    pub(super) fn maker(&self, operation: OpName) -> Option<u32> {
        let begins = self.begins.get(operation.author as usize)?;
        let at = begins.partition_point(|(first, _)| *first <= operation.counter);
        let (_, place) = *begins.get(at.checked_sub(1)?)?;
        (operation.counter <= self.node(place).max_op).then_some(place)
    }

    pub(super) fn find(&self, hash: &ChangeHash) -> Option<u32> {
        self.places.get(hash).copied()
    }

    pub(super) fn node(&self, place: u32) -> &Node {
        &self.changes[place as usize]
    }

    /// The places of what a change depends on.
    pub(super) fn deps(&self, place: u32) -> &[u32] {
        let deps = &self.node(place).deps;
        &self.deps[deps.start as usize..deps.end as usize]
    }

    /// A change and what is below it, down to a place.
    pub(super) fn past(&self, of: u32, down_to: u32) -> Past {
        self.past_of(&[of], down_to)
    }

    /// Some changes and what is below any of them.
    pub(super) fn past_of(&self, of: &[u32], down_to: u32) -> Past {
        let end = of.iter().max().map_or(down_to, |last| (last + 1).max(down_to));
        let mut past = Past::new(down_to..end);
        of.iter().for_each(|change| past.add(*change));
        for place in (down_to..end).rev() {
            if past.has(place) {
                self.deps(place).iter().for_each(|below| past.add(*below));
            }
        }
        past
    }

    /// Those of some changes that are below none of the others.
    pub(super) fn last(&self, mut of: Vec<u32>) -> Vec<u32> {
        of.sort_unstable();
        of.dedup();
        let (Some(&first), Some(&last)) = (of.first(), of.last()) else { return of };
        let mut below = Past::new(first..last + 1);
        let mut kept = Vec::new();
        for place in (first..=last).rev() {
            let is_wanted = of.last() == Some(&place);
            if is_wanted {
                of.pop();
            }
            if is_wanted && !below.has(place) {
                kept.push(place);
            } else if !below.has(place) {
                continue;
            }
            self.deps(place).iter().for_each(|dep| below.add(*dep));
        }
        kept
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{Automerge, ROOT};

    fn written(document: &mut Automerge, name: &str) -> ChangeHash {
        let mut transaction = document.transaction();
        transaction.put(ROOT, name, 1).expect("put");
        transaction.commit().0.expect("a change").0
    }

    #[test]
    fn who_knows_whom() {
        let mut one = Automerge::new();
        let first = written(&mut one, "a");
        let mut two = one.fork();
        let left = written(&mut one, "b");
        let right = [written(&mut two, "c"), written(&mut two, "d")];
        one.merge(&mut two).expect("merged");
        let both = written(&mut one, "e");
        let mut graph = Graph::default();
        one.get_changes(&[]).iter().for_each(|change| {
            graph.add(change);
        });
        let place = |hash: &ChangeHash| graph.find(hash).expect("it is there");
        let knows = |above: &ChangeHash, below: &ChangeHash| {
            let all = graph.past(place(above), 0);
            let some = graph.past(place(above), place(below));
            assert_eq!(all.has(place(below)), some.has(place(below)));
            all.has(place(below))
        };
        assert!(knows(&both, &first) && knows(&both, &left) && knows(&both, &right[0]) && knows(&both, &both));
        assert!(knows(&right[1], &right[0]) && !knows(&right[0], &right[1]));
        assert!(!knows(&left, &right[0]) && !knows(&right[1], &left) && !knows(&first, &both));
        let last = |of: &[&ChangeHash]| {
            let mut last = graph.last(of.iter().map(|hash| place(hash)).collect());
            last.sort_unstable();
            last
        };
        let mut sides = vec![place(&left), place(&right[1])];
        sides.sort_unstable();
        assert_eq!(last(&[&first, &left, &right[0], &right[1], &left]), sides);
        assert_eq!(last(&[&first, &both, &left]), [place(&both)]);
        assert_eq!(last(&[]), []);
        for change in one.get_changes(&[]) {
            let operation = graph.operation(change.max_op(), change.actor_id()).expect("known");
            assert_eq!(graph.maker(operation), graph.find(&change.hash().0));
            let far = OpName { counter: 99, ..operation };
            assert_eq!(graph.maker(far), None);
        }
    }
}
