//! Many sorted changes at once: a merge per leaf instead of a descent per key.

use std::cmp::Ordering;
use std::rc::Rc;

use super::{Branch, Change, Child, FANOUT, LEAF_KEY_BYTES, Leaf, Node, Op, Overlay, Slot, Totals, effect};
use crate::bytes::Bytes;
use crate::store::keys::{Keys, compare, separator};

type Item<'k> = (&'k [u8], Op, i8);

/// Nodes of one level with their lower bounds.
type Pieces = Vec<(Vec<u8>, Child)>;

pub(super) fn extend<'k>(overlay: &mut Overlay, input: &mut dyn Iterator<Item = Item<'k>>) {
    let head = input.next();
    let mut merge = Merge {
        input,
        head,
        is_same_key: false,
        out_of_order: None,
        totals: overlay.totals,
        empty: overlay.empty.clone(),
    };
    let root = std::mem::replace(&mut overlay.root, Rc::new(Node::Leaf(Leaf::default())));
    let mut pieces = Pieces::new();
    merge.node(Vec::new(), root, None, &mut pieces);
    while pieces.len() > 1 {
        pieces = branches(pieces);
    }
    if let Some((_, root)) = pieces.pop() {
        overlay.root = root.node;
    }
    overlay.totals = merge.totals;
    let out_of_order = merge.out_of_order;
    for (key, op, delta) in out_of_order.into_iter().chain(input) {
        overlay.apply(key, op, delta);
    }
}

struct Merge<'i, 'k> {
    input: &'i mut dyn Iterator<Item = Item<'k>>,
    head: Option<Item<'k>>,
    /// Whether that is one more change of the key before.
    is_same_key: bool,
    /// The change that ended the sorted part of the input.
    out_of_order: Option<Item<'k>>,
    totals: Totals,
    empty: Bytes,
}

impl<'k> Merge<'_, 'k> {
    fn head_before(&self, end: Option<&[u8]>) -> bool {
        self.head.as_ref().is_some_and(|(key, ..)| end.is_none_or(|end| compare(key, end) == Ordering::Less))
    }

    fn next(&mut self) -> Option<Item<'k>> {
        let item = self.head.take()?;
        self.head = self.input.next();
        let order = self.head.as_ref().map(|(key, ..)| compare(key, item.0));
        self.is_same_key = order == Some(Ordering::Equal);
        if order == Some(Ordering::Less) {
            self.out_of_order = self.head.take();
        }
        Some(item)
    }

    /// Replaces a node by itself merged with the changes before `end`: any number of nodes of its height.
    fn node(&mut self, bound: Vec<u8>, node: Rc<Node>, end: Option<&[u8]>, out: &mut Pieces) {
        match Rc::unwrap_or_clone(node) {
            Node::Leaf(leaf) => self.leaf(bound, leaf, end, out),
            Node::Branch(Branch { keys, children }) => {
                let mut pieces = Pieces::with_capacity(children.len());
                let length = children.len();
                for (index, child) in children.into_iter().enumerate() {
                    let child_bound = if index == 0 { bound.clone() } else { keys.get(index).to_vec() };
                    let child_end = if index + 1 < length { Some(keys.get(index + 1)) } else { end };
                    if self.head_before(child_end) {
                        self.node(child_bound, child.node, child_end, &mut pieces);
                    } else {
                        pieces.push((child_bound, child));
                    }
                }
                out.append(&mut branches(pieces));
            }
        }
    }

    fn leaf(&mut self, bound: Vec<u8>, leaf: Leaf, end: Option<&[u8]>, out: &mut Pieces) {
        let mut leaves = Leaves { bound, leaf: Leaf::default(), emitted: false, out };
        let mut last_is_old = false;
        for (index, slot) in leaf.slots.into_iter().enumerate() {
            let key = leaf.keys.get(index);
            let mut slot = Some(slot);
            while let Some((change_key, ..)) = self.head {
                match compare(change_key, key) {
                    Ordering::Greater => break,
                    Ordering::Less => self.fresh(&mut leaves),
                    Ordering::Equal => slot = self.change(key, slot),
                }
            }
            if let Some(slot) = slot {
                leaves.push(key, slot);
                last_is_old = true;
            }
        }
        while self.head_before(end) {
            self.fresh(&mut leaves);
            last_is_old = false;
        }
        leaves.finish(last_is_old);
    }

    /// Takes the next change and applies it to what is there.
    fn change(&mut self, key: &[u8], old: Option<Slot>) -> Option<Slot> {
        let Some((_, op, delta)) = self.next() else { return old };
        if let Some(slot) = &old {
            self.totals.remove(key, slot);
        }
        let new = Change { op, delta, empty: &self.empty }.compose(old.as_ref());
        if let Some(slot) = &new {
            self.totals.add(key, slot);
        }
        new
    }

    /// Takes all changes of the next key, which is new.
    fn fresh(&mut self, leaves: &mut Leaves<'_>) {
        let Some((key, ..)) = self.head else { return };
        let mut slot = self.change(key, None);
        while self.is_same_key {
            slot = self.change(key, slot);
        }
        if let Some(slot) = slot {
            leaves.push(key, slot);
        }
    }
}

/// Cuts a stream of entries into leaves.
struct Leaves<'o> {
    bound: Vec<u8>,
    leaf: Leaf,
    emitted: bool,
    out: &'o mut Pieces,
}

impl Leaves<'_> {
    #[inline]
    fn push(&mut self, key: &[u8], slot: Slot) {
        let length = self.leaf.slots.len();
        if length == FANOUT || length > 0 && self.leaf.keys.byte_len() + key.len() > LEAF_KEY_BYTES {
            let next = self.leaf.keys.last().map_or(&[][..], |before| separator(before, key)).to_vec();
            // The next leaf is likely as large as this one.
            let fresh = Leaf {
                keys: Keys::with_capacity(FANOUT, self.leaf.keys.byte_len()),
                slots: Vec::with_capacity(FANOUT),
            };
            let full = std::mem::replace(&mut self.leaf, fresh);
            let bound = std::mem::replace(&mut self.bound, next);
            self.emit(bound, full);
        }
        self.leaf.keys.push(key);
        self.leaf.slots.push(slot);
    }

    fn emit(&mut self, bound: Vec<u8>, leaf: Leaf) {
        self.emitted = true;
        self.out.push((bound, Child { effect: effect(&leaf.slots), node: Rc::new(Node::Leaf(leaf)) }));
    }

    /// Ends the last leaf. Behind an insertion in the middle it shares evenly with the leaf before; behind
    /// appended entries that one stays full.
    fn finish(mut self, in_the_middle: bool) {
        if self.leaf.slots.is_empty() {
            return;
        }
        let last = std::mem::take(&mut self.leaf);
        let bound = std::mem::take(&mut self.bound);
        if self.emitted && in_the_middle && last.slots.len() < FANOUT / 2 && self.share(&last) {
            return;
        }
        self.emit(bound, last);
    }

    fn share(&mut self, last: &Leaf) -> bool {
        let Some((_, child)) = self.out.last_mut() else { return false };
        let Some(Node::Leaf(before)) = Rc::get_mut(&mut child.node) else { return false };
        let total = before.slots.len() + last.slots.len();
        if before.slots.len() != FANOUT || before.keys.byte_len() + last.keys.byte_len() > LEAF_KEY_BYTES {
            return false;
        }
        let mut right = Leaf { keys: before.keys.split_off(total / 2), slots: before.slots.split_off(total / 2) };
        for (index, slot) in last.slots.iter().enumerate() {
            right.keys.push(last.keys.get(index));
            right.slots.push(slot.clone());
        }
        child.effect = effect(&before.slots);
        let bound = before.keys.last().map_or(&[][..], |before| separator(before, right.keys.get(0))).to_vec();
        self.emit(bound, right);
        true
    }
}

/// Gathers nodes of one level under branches: one if they fit, else evenly filled ones.
fn branches(pieces: Pieces) -> Pieces {
    let mut out = Pieces::new();
    let mut left = pieces.len();
    let mut pieces = pieces.into_iter();
    while left > 0 {
        let take = left.div_ceil(left.div_ceil(FANOUT));
        left -= take;
        let mut branch = Branch::default();
        let mut bound = None;
        let mut sum = 0;
        for (key, child) in pieces.by_ref().take(take) {
            branch.keys.push(&key);
            sum += child.effect;
            branch.children.push(child);
            bound.get_or_insert(key);
        }
        out.push((bound.unwrap_or_default(), Child { effect: sum, node: Rc::new(Node::Branch(branch)) }));
    }
    out
}
