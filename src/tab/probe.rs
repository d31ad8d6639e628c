//! What the simulator may see of a tab that nobody else needs to.

use super::state::Author;
use super::{Status, Tab, TransactionId};
use crate::bytes::Bytes;
use crate::error::Error;
use crate::keyspace::{AFTER_ROWS, Kind, Place, RowId, TableId, kind, place_of};
use crate::log::CommitId;
use crate::store::{Direction, ReadError};

impl Tab {
    /// The mutations that the append under way holds, in order.
    pub(crate) fn flight_transactions(&self) -> Vec<TransactionId> {
        let count = self.flight.as_ref().map_or(0, |flight| flight.count);
        let authors = self.queue.iter().take(count).map(|pending| pending.author);
        authors
            .filter_map(|author| match author {
                Author::Mutation(transaction) => Some(transaction),
                Author::Opening | Author::Maintenance => None,
            })
            .collect()
    }

    /// Whether it has asked for something that nobody has taken up yet.
    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The last log record that this tab holds, and who it believes to have written it.
    pub(crate) fn last_commit(&self) -> Option<(u64, CommitId)> {
        self.tail.back().map(|record| (record.sequence, record.record.commit))
    }

    /// All rows of the saved state, or what their reading lacks.
    pub(crate) fn saved_rows(&mut self) -> Result<Vec<(TableId, Place, Bytes)>, ReadError> {
        let mut scan = self.committed.view.scan(&[], Some(AFTER_ROWS), Direction::Ascending, 64);
        let mut rows = Vec::new();
        while let Some(item) = scan.next(&mut self.cache)? {
            let (Some(Kind::Row(table)), Some(place)) = (kind(item.key), place_of(item.key)) else { continue };
            rows.push((table, place, item.keep()));
        }
        Ok(rows)
    }

    /// The schema of the saved state.
    pub(crate) fn saved_schema(&self) -> &crate::schema::Schema {
        &self.committed.schema
    }

    /// The place of a row that a transaction has written, and no trace of looking.
    pub(crate) fn written_place(&self, id: TransactionId, table: TableId, row: &RowId) -> Option<Place> {
        self.transactions.get(id)?.written_place(table, row)
    }

    /// How many changes it remembers for the mutations that run.
    pub(crate) fn remembered_changes(&self) -> usize {
        self.history.len()
    }

    /// Why it is closed, if it is.
    pub(crate) fn closed_for(&self) -> Option<&Error> {
        match &self.status {
            Status::Closed(error) => Some(error),
            _ => None,
        }
    }

    /// Where it stands, for traces.
    #[allow(clippy::use_debug)]
    pub(crate) fn sketch(&self) -> String {
        format!(
            "{:?} g{} s{} queue {} flight {} waiting {} privileged {:?} catching {} transactions {} maintenance {}",
            self.status,
            self.generation(),
            self.sequence,
            self.queue.len(),
            self.flight.as_ref().map_or(-1, |flight| flight.count as i64),
            self.waiting.len(),
            self.privileged,
            self.is_catching_up,
            self.transactions.len(),
            self.maintenance.stage_name()
        )
    }
}
