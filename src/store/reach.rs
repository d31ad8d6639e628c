//! A range of keys walked in one direction, and how it goes through the children of a node.

use super::Direction;
use super::keys::{Keys, compare};
use std::cmp::Ordering;

/// The keys from `start` up to (not including) `end`.
#[derive(Clone, Debug)]
pub(super) struct Reach {
    pub(super) start: Vec<u8>,
    pub(super) end: Option<Vec<u8>>,
    pub(super) direction: Direction,
}

impl Reach {
    pub(super) fn new(start: &[u8], end: Option<&[u8]>, direction: Direction) -> Self {
        Reach { start: start.to_vec(), end: end.map(<[u8]>::to_vec), direction }
    }

    /// Whether no key can be in it.
    pub(super) fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end <= &self.start)
    }

    /// The child where it begins; `bounds` are the children's lower bounds.
    pub(super) fn first_child(&self, bounds: &Keys) -> usize {
        match (self.direction, &self.end) {
            (Direction::Ascending, _) => bounds.child(&self.start),
            (Direction::Descending, Some(end)) => bounds.lower_bound(end).saturating_sub(1),
            (Direction::Descending, None) => bounds.len().saturating_sub(1),
        }
    }

    /// The child where it goes on.
    pub(super) fn next_child(&self, bounds: &Keys, index: usize) -> Option<usize> {
        match self.direction {
            Direction::Ascending => Some(index + 1).filter(|&next| {
                let below_end = |end: &Vec<u8>| compare(bounds.get(next), end) == Ordering::Less;
                next < bounds.len() && self.end.as_ref().is_none_or(below_end)
            }),
            // Nothing is left below a child whose lower bound is within `start`.
            Direction::Descending => {
                index.checked_sub(1).filter(|_| compare(bounds.get(index), &self.start) == Ordering::Greater)
            }
        }
    }
}
