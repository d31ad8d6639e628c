//! Parts of a mutation: one that is called by another fails alone, and what it wrote is taken back.

use super::TransactionId;
use crate::change::Operations;
use crate::error::Result;
use crate::tab::Tab;
use crate::tab::state::State;

/// What a transaction was when one of its parts began, beside its rows, which know that themselves. What it reads
/// meanwhile stays read: that a part failed may rest on it.
pub(super) struct Savepoint {
    state: State,
    bytes: usize,
}

impl Tab {
    /// Begins a part of a transaction. Parts lie inside each other; the one that began last ends first.
    pub fn begin_part(&mut self, id: TransactionId) -> Result<()> {
        let transaction = self.transaction(id)?;
        transaction.flush();
        transaction.savepoints.push(Savepoint { state: transaction.state.clone(), bytes: transaction.bytes });
        transaction.rows.mark();
        Ok(())
    }

    /// Ends the part that began last: what it wrote stays, or is taken back.
    pub fn end_part(&mut self, id: TransactionId, is_kept: bool) -> Result<()> {
        let transaction = self.transaction(id)?;
        let Some(savepoint) = transaction.savepoints.pop() else { return Ok(()) };
        if is_kept {
            transaction.rows.keep();
        } else {
            transaction.rows.take_back();
            transaction.state = savepoint.state;
            transaction.bytes = savepoint.bytes;
            transaction.operations = Operations::default();
        }
        Ok(())
    }
}
