//! The transactions of a tab that have not ended, by name.

use super::transaction::{Transaction, TransactionId};
use std::collections::VecDeque;
use std::ops::Index;

/// In the order of their names, which is that of their beginnings. The oldest usually end first: then nothing moves.
#[derive(Default)]
pub(crate) struct Transactions(VecDeque<(TransactionId, Box<Transaction>)>);

impl Transactions {
    fn position(&self, id: TransactionId) -> Option<usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(&id)).ok()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, id: TransactionId) -> Option<&Transaction> {
        self.position(id).map(|position| &*self.0[position].1)
    }

    pub(crate) fn get_mut(&mut self, id: TransactionId) -> Option<&mut Transaction> {
        self.position(id).map(|position| &mut *self.0[position].1)
    }

    /// Adds one whose name is greater than all.
    pub(crate) fn push(&mut self, id: TransactionId, transaction: Transaction) {
        self.0.push_back((id, Box::new(transaction)));
    }

    pub(crate) fn remove(&mut self, id: TransactionId) {
        if let Some(position) = self.position(id) {
            self.0.remove(position);
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Transaction> {
        self.0.iter_mut().map(|(_, transaction)| &mut **transaction)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Transaction> {
        self.0.iter().map(|(_, transaction)| &**transaction)
    }

    /// Removes all, and gives their names.
    pub(crate) fn end_all(&mut self) -> impl Iterator<Item = TransactionId> {
        std::mem::take(&mut self.0).into_iter().map(|(id, _)| id)
    }
}

impl Index<TransactionId> for Transactions {
    type Output = Transaction;

    fn index(&self, id: TransactionId) -> &Transaction {
        self.get(id).expect("it was there")
    }
}
