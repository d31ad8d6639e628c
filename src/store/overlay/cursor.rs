//! A position in a snapshot of the overlay.

use std::rc::Rc;

use super::{Entry, Leaf, Node, Overlay};
use crate::store::Direction;
use crate::store::reach::Reach;

/// Walks the entries of a range in one direction. It owns its snapshot: later writes don't move it.
#[derive(Debug)]
pub struct Cursor {
    reach: Reach,
    /// Branches from the root down, each with the child that was taken.
    path: Vec<(Rc<Node>, usize)>,
    leaf: Rc<Node>,
    /// The entries of the leaf that are left: taken from the front or from the back.
    window: std::ops::Range<usize>,
}

impl Cursor {
    pub(super) fn new(overlay: &Overlay, start: &[u8], end: Option<&[u8]>, direction: Direction) -> Self {
        let mut cursor = Cursor {
            reach: Reach::new(start, end, direction),
            path: Vec::new(),
            leaf: overlay.root.clone(),
            window: 0..0,
        };
        cursor.descend();
        cursor.settle();
        cursor
    }

    /// The entry at the position, or `None` behind the last one.
    #[inline]
    pub fn peek(&self) -> Option<(&[u8], Entry<'_>)> {
        if self.window.is_empty() {
            return None;
        }
        let leaf = leaf(&self.leaf)?;
        let index = match self.reach.direction {
            Direction::Ascending => self.window.start,
            Direction::Descending => self.window.end - 1,
        };
        Some((leaf.keys.get(index), leaf.slots[index].entry()))
    }

    /// Moves one entry on. At the end it stays there.
    #[inline(always)]
    pub fn advance(&mut self) {
        if self.window.is_empty() {
            return;
        }
        match self.reach.direction {
            Direction::Ascending => self.window.start += 1,
            Direction::Descending => self.window.end -= 1,
        }
        if self.window.is_empty() {
            self.settle();
        }
    }

    /// Finds the next leaf that has an entry in the range, if the one at hand is used up.
    fn settle(&mut self) {
        while self.window.is_empty() {
            loop {
                let Some((node, index)) = self.path.last_mut() else { return };
                let Node::Branch(branch) = &**node else { return };
                let next = self.reach.next_child(&branch.keys, *index);
                if let Some(next) = next {
                    *index = next;
                    self.leaf = branch.children[next].node.clone();
                    break;
                }
                self.path.pop();
            }
            self.descend();
        }
    }

    /// From the node at hand down to the leaf where the rest of the range begins.
    fn descend(&mut self) {
        loop {
            let (child, index) = match &*self.leaf {
                Node::Leaf(leaf) => {
                    let to = self.reach.end.as_ref().map_or(leaf.slots.len(), |end| leaf.keys.lower_bound(end));
                    self.window = leaf.keys.lower_bound(&self.reach.start).min(to)..to;
                    return;
                }
                Node::Branch(branch) => {
                    let index = self.reach.first_child(&branch.keys);
                    (branch.children[index].node.clone(), index)
                }
            };
            self.path.push((std::mem::replace(&mut self.leaf, child), index));
        }
    }
}

/// Walks the entries of one overlay, then those of another one.
#[derive(Debug)]
pub struct Entries {
    cursor: Cursor,
    next: Option<Box<Cursor>>,
}

impl Entries {
    pub(in crate::store) fn new(first: Cursor, second: Option<Cursor>) -> Self {
        let mut entries = Entries { cursor: first, next: second.map(Box::new) };
        entries.settle();
        entries
    }

    /// The entry at the position, or `None` behind the last one.
    #[inline]
    pub fn peek(&self) -> Option<(&[u8], Entry<'_>)> {
        self.cursor.peek()
    }

    /// Moves one entry on. At the end it stays there.
    #[inline(always)]
    pub fn advance(&mut self) {
        self.cursor.advance();
        if self.next.is_some() {
            self.settle();
        }
    }

    fn settle(&mut self) {
        if self.cursor.window.is_empty()
            && let Some(next) = self.next.take()
        {
            self.cursor = *next;
        }
    }
}

fn leaf(node: &Node) -> Option<&Leaf> {
    match node {
        Node::Leaf(leaf) => Some(leaf),
        Node::Branch(_) => None,
    }
}
