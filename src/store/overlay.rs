//! What the log holds beyond the checkpoint: an ordered map in memory, whose clones are snapshots.
//!
//! A B+tree of counted references. A clone shares all nodes; a write copies the nodes on its path that a
//! clone still shares and changes the others in place. Leaves are packed: all keys of a leaf lie in one
//! buffer, values are slices of the log records they came in.
//!
//! Every entry carries its effect on the number of entries in the tree below (+1, 0, -1), every branch the
//! sums of its children, so that counting a range reads two paths.

mod cursor;
mod merge;

use std::rc::Rc;

use super::Direction;
use super::keys::{Keys, separator};
use crate::bytes::Bytes;

pub use cursor::{Cursor, Entries};

/// Most entries of a leaf, and most children of a branch.
const FANOUT: usize = 64;
/// Bytes of keys above which a leaf is split, whatever their number.
const LEAF_KEY_BYTES: usize = 16 * 1024;
/// What an entry costs beside its key and value.
const ENTRY_BYTES: usize = size_of::<Slot>() + size_of::<u32>();

/// What happens to a key.
#[derive(Clone, Debug)]
pub enum Op {
    /// The key has this value from now on.
    Put(Bytes),
    /// The key is there, with an empty value: an index entry.
    PutKey,
    /// The key is gone.
    Delete,
}

/// What the overlay says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// Its value, whatever the tree below says.
    Put(&'a Bytes),
    /// It is gone, whatever the tree below says.
    Deleted,
}

/// An ordered map of changes. Cloning it is O(1) and makes a snapshot.
#[derive(Clone, Debug)]
pub struct Overlay {
    root: Rc<Node>,
    totals: Totals,
    /// The value of all entries that have none, so that they share one allocation.
    empty: Bytes,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    effect: i64,
    entries: usize,
    bytes: usize,
}

#[derive(Clone, Debug)]
enum Node {
    Leaf(Leaf),
    Branch(Branch),
}

#[derive(Clone, Debug, Default)]
struct Leaf {
    keys: Keys,
    slots: Vec<Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    value: Bytes,
    deleted: bool,
    effect: i8,
}

/// `keys` are the lower bounds of the children; the first one counts as smaller than everything.
#[derive(Clone, Debug, Default)]
struct Branch {
    keys: Keys,
    children: Vec<Child>,
}

#[derive(Clone, Debug)]
struct Child {
    effect: i64,
    node: Rc<Node>,
}

/// What a write did to a node, for its parent.
enum Outcome {
    Same,
    Empty,
    /// The node kept its first part; this is the other, with its lower bound.
    Split(Vec<u8>, Child),
}

impl Overlay {
    /// An empty map.
    pub fn new() -> Self {
        Overlay { root: Rc::new(Node::Leaf(Leaf::default())), totals: Totals::default(), empty: Bytes::default() }
    }

    /// How many entries there are, deletions included.
    pub fn len(&self) -> usize {
        self.totals.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.totals.entries == 0
    }

    /// An estimate of the memory in use, for the budget.
    pub fn bytes(&self) -> usize {
        self.totals.bytes
    }

    /// Sets a key. `delta` is +1 for a key that was not there before (neither here nor in the tree), else 0.
    pub fn put(&mut self, key: &[u8], value: Bytes, delta: i8) {
        self.apply(key, Op::Put(value), delta);
    }

    /// Deletes a key that was there before (`delta` -1). An entry that the tree never had disappears altogether.
    pub fn delete(&mut self, key: &[u8], delta: i8) {
        self.apply(key, Op::Delete, delta);
    }

    /// Applies one change.
    pub fn apply(&mut self, key: &[u8], op: Op, delta: i8) {
        let change = Change { op, delta, empty: &self.empty };
        let before = self.totals.effect;
        match apply(&mut self.root, key, change, &mut self.totals) {
            Outcome::Same => {}
            Outcome::Empty => self.root = Rc::new(Node::Leaf(Leaf::default())),
            Outcome::Split(bound, right) => {
                let effect = self.totals.effect - right.effect;
                let left = Child { effect, node: self.root.clone() };
                let mut keys = Keys::default();
                keys.push(&[]);
                keys.push(&bound);
                self.root = Rc::new(Node::Branch(Branch { keys, children: vec![left, right] }));
            }
        }
        debug_assert!((self.totals.effect - before).abs() <= 2);
    }

    /// Applies many changes in key order: whole leaves are merged or built, not one entry at a time.
    ///
    /// Several changes of one key are applied in their order. What is out of order is applied all the same, slower.
    pub fn extend_sorted<'k>(&mut self, changes: impl IntoIterator<Item = (&'k [u8], Op, i8)>) {
        merge::extend(self, &mut changes.into_iter());
    }

    /// What is known about a key.
    pub fn get(&self, key: &[u8]) -> Option<Entry<'_>> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Branch(branch) => node = &branch.children[branch.keys.child(key)].node,
                Node::Leaf(leaf) => return leaf.keys.find(key).ok().map(|index| leaf.slots[index].entry()),
            }
        }
    }

    /// By how much the number of entries from `start` up to (not including) `end` differs from the tree's.
    pub fn count_effect(&self, start: &[u8], end: Option<&[u8]>) -> i64 {
        let below_end = end.map_or(self.totals.effect, |end| self.effect_below(end));
        below_end - self.effect_below(start)
    }

    fn effect_below(&self, key: &[u8]) -> i64 {
        let (mut node, mut sum) = (&*self.root, 0);
        loop {
            match node {
                Node::Branch(branch) => {
                    let index = branch.keys.child(key);
                    sum += branch.children[..index].iter().map(|child| child.effect).sum::<i64>();
                    node = &branch.children[index].node;
                }
                Node::Leaf(leaf) => return sum + effect(&leaf.slots[..leaf.keys.lower_bound(key)]),
            }
        }
    }

    /// A walk over the entries from `start` up to (not including) `end`, deletions included.
    pub fn cursor(&self, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Cursor {
        Cursor::new(self, start, end, direction)
    }

    /// Whether any entry lies between `start` and `end`.
    pub(super) fn touches(&self, start: &[u8], end: Option<&[u8]>) -> bool {
        self.cursor(start, end, Direction::Ascending).peek().is_some()
    }
}

impl Default for Overlay {
    fn default() -> Self {
        Overlay::new()
    }
}

impl Slot {
    fn entry(&self) -> Entry<'_> {
        if self.deleted { Entry::Deleted } else { Entry::Put(&self.value) }
    }
}

fn effect(slots: &[Slot]) -> i64 {
    slots.iter().map(|slot| i64::from(slot.effect)).sum()
}

fn cost(key: &[u8], slot: &Slot) -> usize {
    key.len() + slot.value.len() + ENTRY_BYTES
}

/// A change on its way to its leaf.
struct Change<'a> {
    op: Op,
    delta: i8,
    empty: &'a Bytes,
}

impl Change<'_> {
    /// The entry that the change makes of an earlier one; `None` when nothing is left to say.
    ///
    /// Effects add up: a deletion whose sum is 0 deletes what the tree never had.
    fn compose(self, old: Option<&Slot>) -> Option<Slot> {
        let effect = (old.map_or(0, |slot| slot.effect) + self.delta.clamp(-1, 1)).clamp(-1, 1);
        match self.op {
            Op::Put(value) if !value.is_empty() => Some(Slot { value, deleted: false, effect }),
            Op::Put(_) | Op::PutKey => Some(Slot { value: self.empty.clone(), deleted: false, effect }),
            Op::Delete if effect == 0 => None,
            Op::Delete => Some(Slot { value: self.empty.clone(), deleted: true, effect }),
        }
    }
}

impl Totals {
    fn add(&mut self, key: &[u8], slot: &Slot) {
        self.effect += i64::from(slot.effect);
        self.entries += 1;
        self.bytes += cost(key, slot);
    }

    fn remove(&mut self, key: &[u8], slot: &Slot) {
        self.effect -= i64::from(slot.effect);
        self.entries -= 1;
        self.bytes -= cost(key, slot);
    }
}

fn apply(node: &mut Rc<Node>, key: &[u8], change: Change<'_>, totals: &mut Totals) -> Outcome {
    match Rc::make_mut(node) {
        Node::Leaf(leaf) => apply_to_leaf(leaf, key, change, totals),
        Node::Branch(branch) => {
            let index = branch.keys.child(key);
            let child = &mut branch.children[index];
            let before = totals.effect;
            let outcome = apply(&mut child.node, key, change, totals);
            child.effect += totals.effect - before;
            match outcome {
                Outcome::Same => Outcome::Same,
                Outcome::Empty => {
                    branch.keys.remove(index);
                    branch.children.remove(index);
                    if branch.children.is_empty() { Outcome::Empty } else { Outcome::Same }
                }
                Outcome::Split(bound, right) => {
                    child.effect -= right.effect;
                    branch.keys.insert(index + 1, &bound);
                    branch.children.insert(index + 1, right);
                    split_branch(branch, index + 1)
                }
            }
        }
    }
}

fn apply_to_leaf(leaf: &mut Leaf, key: &[u8], change: Change<'_>, totals: &mut Totals) -> Outcome {
    let index = match leaf.keys.find(key) {
        Ok(index) => {
            let slot = &mut leaf.slots[index];
            totals.remove(key, slot);
            match change.compose(Some(slot)) {
                Some(new) => {
                    totals.add(key, &new);
                    *slot = new;
                }
                None => {
                    leaf.keys.remove(index);
                    leaf.slots.remove(index);
                }
            }
            return if leaf.slots.is_empty() { Outcome::Empty } else { Outcome::Same };
        }
        Err(index) => index,
    };
    let Some(slot) = change.compose(None) else { return Outcome::Same };
    totals.add(key, &slot);
    leaf.keys.insert(index, key);
    leaf.slots.insert(index, slot);
    let length = leaf.slots.len();
    if length <= FANOUT && (leaf.keys.byte_len() <= LEAF_KEY_BYTES || length == 1) {
        return Outcome::Same;
    }
    // Keys that arrive in order leave full leaves behind.
    let at = if index + 1 == length { index } else { length / 2 };
    let right = Leaf { keys: leaf.keys.split_off(at), slots: leaf.slots.split_off(at) };
    let bound = leaf.keys.last().map_or(&[][..], |before| separator(before, right.keys.get(0))).to_vec();
    Outcome::Split(bound, Child { effect: effect(&right.slots), node: Rc::new(Node::Leaf(right)) })
}

fn split_branch(branch: &mut Branch, inserted: usize) -> Outcome {
    let length = branch.children.len();
    if length <= FANOUT {
        return Outcome::Same;
    }
    let at = if inserted + 1 == length { inserted } else { length / 2 };
    let right = Branch { keys: branch.keys.split_off(at), children: branch.children.split_off(at) };
    let bound = right.keys.get(0).to_vec();
    let effect = right.children.iter().map(|child| child.effect).sum();
    Outcome::Split(bound, Child { effect, node: Rc::new(Node::Branch(right)) })
}

#[cfg(test)]
mod tests;
