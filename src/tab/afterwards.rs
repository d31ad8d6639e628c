//! What an engine leaves behind for the one after it, should it trap: which append was under way, and whose mutations it
//! holds. The log then says whether it was saved.

use super::Tab;
use super::commit::unknown_outcome;
use super::effect::{Event, Outcome};
use super::state::Author;
use crate::error::Error;
use crate::log::CommitId;

/// What the log knows of an append of an engine that has trapped.
#[derive(Clone, Debug, PartialEq)]
pub enum WasSaved {
    Yes,
    No,
    Unknown(Error),
}

/// The words of a note that say which commit it speaks of.
const HEADER: usize = 6;

impl Tab {
    /// Writes down what is under way to the log: the commit's session and counter and the number of its record, low words
    /// first; how many transactions are saved and nobody was told of them yet, and these; and the transactions in the record.
    pub fn flight_note(&self, note: &mut Vec<u32>) {
        note.clear();
        let Some(flight) = &self.flight else { return };
        let CommitId { session, counter } = flight.record.commit;
        note.extend(
            [session, counter, flight.sequence].iter().flat_map(|number| [*number as u32, (number >> 32) as u32]),
        );
        note.push(0);
        for event in &self.events {
            if let Event::Settled { transaction, outcome: Outcome::Saved } = event {
                note[HEADER] += 1;
                note.push(transaction.0);
            }
        }
        note.extend(self.queue.iter().take(flight.count).filter_map(|pending| match pending.author {
            Author::Mutation(transaction) => Some(transaction.0),
            Author::Opening | Author::Maintenance => None,
        }));
    }

    /// Whether the last append that a note speaks of is in the log or below it. The tab must be open, and so has read both.
    pub fn was_saved(&self, note: &[u32]) -> WasSaved {
        if note.len() < HEADER {
            return WasSaved::No;
        }
        let number = |place: usize| u64::from(note[place]) | u64::from(note[place + 1]) << 32;
        let commit = CommitId { session: number(0), counter: number(2) };
        if self.tail.iter().any(|record| record.record.commit == commit) {
            return WasSaved::Yes;
        }
        let manifest = &self.committed.view.manifest;
        if let Some(known) = manifest.sessions.iter().find(|known| known.session == commit.session) {
            return if known.counter >= commit.counter { WasSaved::Yes } else { WasSaved::No };
        }
        if manifest.has_forgotten_sessions_of(number(4)) {
            return WasSaved::Unknown(unknown_outcome());
        }
        WasSaved::No
    }
}
