//! Parts of a mutation: one that is called by another fails alone, and what it wrote is taken back.

use super::TransactionId;
use crate::change::Operations;
use crate::error::Result;
use crate::tab::Tab;
use crate::tab::changed_rows::ChangedRows;
use crate::tab::state::State;

/// What a transaction was when one of its parts began. What it reads meanwhile stays read: that a part failed may rest
/// on it.
pub(super) struct Savepoint {
    state: State,
    rows: ChangedRows,
    bytes: usize,
}

impl Tab {
    /// Begins a part of a transaction. Parts lie inside each other; the one that began last ends first.
    pub fn begin_part(&mut self, id: TransactionId) -> Result<()> {
        let transaction = self.transaction(id)?;
        transaction.flush();
        let savepoint =
            Savepoint { state: transaction.state.clone(), rows: transaction.rows.clone(), bytes: transaction.bytes };
        transaction.savepoints.push(savepoint);
        Ok(())
    }

    /// Ends the part that began last: what it wrote stays, or is taken back.
    pub fn end_part(&mut self, id: TransactionId, is_kept: bool) -> Result<()> {
        let transaction = self.transaction(id)?;
        let Some(savepoint) = transaction.savepoints.pop() else { return Ok(()) };
        if !is_kept {
            transaction.state = savepoint.state;
            transaction.rows = savepoint.rows;
            transaction.bytes = savepoint.bytes;
            transaction.operations = Operations::default();
        }
        Ok(())
    }
}
