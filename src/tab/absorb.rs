//! Taking in what was stored meanwhile, by other tabs or by a write whose answer was lost: the ground moves, and the
//! mutations that wait are put on top of it again or run again.

use super::commit::unknown_outcome;
use super::effect::{LogTail, Outcome};
use super::job::patch_progress;
use super::merging::row_part;
use super::opening::is_settled;
use super::state::{Author, Pending, State, System, TailRecord, TakenBack};
use super::stored::{
    check_stored, decode_manifest, decode_record, missing_record, schema_unreadable, with_loss_to_accept,
};
use super::{Options, Tab};
use crate::change::touches;
use crate::crdt::IS_BUILT_IN;
use crate::error::Result;
use crate::keyspace::Root;
use crate::log::RowChange;
use crate::schema::{IndexKeys, Schema};
use crate::store::{Manifest, View};
use std::ops::RangeInclusive;
use std::rc::Rc;

impl Tab {
    /// Takes in what was read of manifest and log.
    pub(crate) fn absorb(&mut self, now_ms: f64, tail: LogTail) -> Result<()> {
        let manifest = match tail.manifest {
            Some((generation, bytes)) => {
                let manifest = decode_manifest(generation, &bytes)?;
                if manifest.generation > self.generation() { Some(Rc::new(manifest)) } else { None }
            }
            None => None,
        };
        // The tree may be ahead of what is left of the log: then what happened in between is unknown.
        let has_gap = manifest.as_ref().is_some_and(|manifest| {
            // Even then records may be gone before their time, if somebody has set the clock.
            !self.is_log_whole(manifest) || has_hole(&tail.records, self.sequence + 1..=manifest.sequence)
        });
        let mut next = match &manifest {
            Some(manifest) if has_gap => manifest.sequence + 1,
            _ => self.sequence + 1,
        };
        let mut records = Vec::new();
        for (sequence, bytes) in tail.records {
            if sequence < next {
                continue;
            }
            if sequence != next {
                return Err(with_loss_to_accept(missing_record(next)));
            }
            let size = bytes.len();
            let record = decode_record(sequence, bytes).map_err(with_loss_to_accept)?;
            records.push(TailRecord { sequence, record, bytes: size, learned_ms: now_ms });
            next += 1;
        }
        if records.is_empty() && manifest.is_none() {
            return Ok(());
        }

        // Another of this tab's own is one that it has given up: it is news.
        let under_way = self.flight.as_ref().map(|flight| flight.record.commit);
        let own_landed = self.find_own(&records, manifest.as_deref(), has_gap)?;
        let mut foreign = Vec::new();
        let mut roots: Vec<Root> = Vec::new();
        let mut synced_rows: Vec<Vec<u8>> = Vec::new();
        // After a repair rows may be gone, and indexes further: no record tells of it.
        let is_repaired = manifest.as_ref().is_some_and(|manifest| manifest.repaired > self.generation());
        let mut is_everything = has_gap || is_repaired;
        let mut has_progress = is_everything;
        if is_repaired {
            self.maintenance.mended();
        }
        let schema_before = self.committed.schema.clone();
        for record in records {
            self.documents.note(&record.record);
            if Some(record.record.commit) != under_way {
                is_everything |= record.record.schema.is_some();
                has_progress |= record.record.progress.is_some();
                foreign.extend(record.record.parts.iter().cloned());
                if IS_BUILT_IN {
                    let crdt = &record.record.crdt;
                    roots.extend(crdt.iter().filter_map(|entry| Root::of(&entry.key)));
                    synced_rows.extend(crdt.iter().filter_map(|entry| Some(row_part(&entry.key)?.to_vec())));
                }
            }
            if manifest.is_none() {
                self.committed.apply(&record.record);
                self.maintenance.note_record(&record.record);
            } else {
                // The manifest may have it already: what waits has to know all the same.
                self.committed.apply_crdt(&record.record);
            }
            self.sequence = record.sequence;
            self.push_tail(record);
        }
        if let Some(manifest) = manifest {
            self.sequence = self.sequence.max(manifest.sequence);
            self.keep_bases();
            self.committed = State {
                schema: Rc::new(Schema::decode(&manifest.schema).map_err(|error| schema_unreadable(&error))?),
                view: View::of(manifest),
            };
            self.maintenance.overtaken();
            self.drop_tail();
            for record in &self.tail {
                self.committed.apply(&record.record);
            }
        }
        if own_landed > 0 {
            for _ in 0..own_landed {
                let pending = self.queue.pop_front().expect("a flight's mutations are in the queue");
                self.settle(pending.author, Outcome::Saved);
            }
            if let Some(flight) = self.flight.take() {
                self.documents.adopt_own(flight.documents);
            }
            self.append_failures.end();
            self.maintenance.note_write(now_ms);
        }
        if !foreign.is_empty() || is_everything {
            self.turns.news += 1;
        }
        if self.committed.schema.version != schema_before.version {
            is_everything = true;
            self.schema_changed();
        }
        if has_progress {
            self.schema_changed();
        }
        // A merge stands on its document as it was.
        for pending in &mut self.queue {
            pending.adopted.retain(|&table| !self.committed.has_adopted(table));
            if let Some(merge) = &mut pending.merge {
                merge.is_outdated |=
                    roots.iter().any(|root| merge.writes_to(root)) || synced_rows.iter().any(|row| merge.is_about(row));
            }
        }
        self.sort_queue(foreign, Vec::new(), schema_before, is_everything, has_progress);
        Ok(())
    }

    /// Whether the log still holds every record after the last known one that this manifest has taken in.
    fn is_log_whole(&self, manifest: &Manifest) -> bool {
        let is_soon = self.clock.elapsed_ms() - self.synced_ms < safe_ms(&self.options);
        let is_trusted = self.clock.is_trusted_since(self.options.log_grace_ms);
        manifest.sequence <= self.sequence
            || is_soon
            || is_trusted && is_log_whole(manifest, self.sequence, &self.options, self.now_ms)
    }

    /// How many mutations of the flight are found to be in the log or below the manifest.
    fn find_own(&mut self, records: &[TailRecord], manifest: Option<&Manifest>, has_gap: bool) -> Result<usize> {
        let Some(flight) = &self.flight else { return Ok(0) };
        if flight.count == 0 {
            return Ok(0);
        }
        let commit = flight.record.commit;
        if records.iter().any(|record| record.record.commit == commit) {
            return Ok(flight.count);
        }
        let Some(manifest) = manifest.filter(|_| has_gap) else { return Ok(0) };
        if let Some(own) = manifest.sessions.iter().find(|known| known.session == self.session) {
            return Ok(if own.counter >= commit.counter { flight.count } else { 0 });
        }
        if manifest.has_forgotten_sessions_of(flight.sequence) {
            let count = flight.count;
            // Whatever numbers its changes have, its actors write no more: with the gap they are forgotten.
            self.flight = None;
            let removed: Vec<Pending> = self.queue.drain(..count).collect();
            for pending in &removed {
                self.settle(pending.author, Outcome::Rejected(unknown_outcome()));
            }
        }
        Ok(0)
    }

    /// Drops what the checkpoint holds from the tail.
    fn drop_tail(&mut self) {
        let checkpoint = self.committed.view.manifest.sequence;
        while self.tail.front().is_some_and(|record| record.sequence <= checkpoint) {
            let record = self.tail.pop_front().expect("there is a first");
            self.tail_bytes -= record.bytes;
        }
    }

    /// Goes over to the manifest that this tab has just published.
    pub(crate) fn adopt_own(&mut self, manifest: Rc<Manifest>, beyond: State) {
        self.keep_bases();
        self.committed = State { view: View { manifest, ..beyond.view }, ..beyond };
        self.drop_tail();
        self.restack();
    }

    /// Goes over to the manifest of a repair by this tab: rows may be gone, so whatever read anything runs again.
    pub(crate) fn adopt_repaired(&mut self, state: State, fence: TailRecord) {
        let schema_before = self.current.schema.clone();
        self.sequence = fence.sequence;
        self.push_tail(fence);
        self.committed = state;
        self.drop_tail();
        self.schema_changed();
        self.sort_queue(Vec::new(), Vec::new(), schema_before, true, true);
    }

    /// Puts the queue on top of the committed state again, without a change of content.
    fn restack(&mut self) {
        self.show_writes();
        let mut state = self.committed.clone();
        for pending in &mut self.queue {
            pending.apply(&mut state);
        }
        self.current = state;
    }

    /// After the ground moved: keeps the queued changes whose reads are untouched, in order, on top of the
    /// committed state, and sends the others to run again.
    pub(super) fn sort_queue(
        &mut self,
        foreign: Vec<Rc<Vec<RowChange>>>,
        mut gone: Vec<TakenBack>,
        schema_before: Rc<Schema>,
        mut is_everything: bool,
        mut has_progress: bool,
    ) {
        if is_everything {
            // Whatever waits runs again, and reads them again.
            self.documents.clear();
        }
        let mut scratch = IndexKeys::new();
        let mut moved: Vec<Rc<Vec<RowChange>>> = foreign;
        let foreign_parts = moved.len();
        moved.extend(gone.iter().map(|(changes, _)| changes.clone()));
        let mut state = self.committed.clone();
        let mut again = Vec::new();
        let mut rejected = Vec::new();
        for mut pending in self.take_queue() {
            let is_touched = is_everything
                || pending.merge.as_ref().is_some_and(|merge| merge.is_outdated)
                || (!pending.reads.is_empty()
                    && moved
                        .iter()
                        .flat_map(|part| part.iter())
                        // By the schema in its place of the queue: behind the end of an import, the table that was
                        // there has no index that anything could be looked up in.
                        .any(|change| touches(&pending.reads, &state.schema, change, &mut scratch)));
            let verdict = match &mut pending.system {
                // Another tab moved an index on, and both kinds of system changes say how far indexes are.
                Some(_) if has_progress => Ok(false),
                // A step of index work takes in what came in between, if its index still stands where it began.
                Some(System::Progress(progress)) => Ok(!is_everything
                    && (!is_touched || moved.len() == foreign_parts)
                    && patch_progress(progress, &state.schema, if is_touched { &moved } else { &[] })),
                // A new schema only has to fit what came in between.
                Some(System::Schema(schema))
                    if pending.author == Author::Opening
                        && is_touched
                        && !is_everything
                        && is_only_checked(schema, &state.schema) =>
                {
                    fits(schema, &moved)
                }
                _ => Ok(!is_touched),
            };
            // What comes after a step of Holdfast's own stands on the schema that it made.
            if verdict != Ok(true) {
                is_everything |= matches!(pending.system, Some(System::Schema(_)));
                has_progress |= matches!(pending.system, Some(System::Progress(_)));
            }
            match verdict {
                Ok(true) => {
                    pending.apply(&mut state);
                    self.queue.push_back(pending);
                }
                Ok(false) => {
                    moved.push(pending.changes.clone());
                    gone.push(pending.taken_back());
                    self.keep_reads(pending.author, pending.reads);
                    again.push(pending.author);
                }
                Err(error) => rejected.push((pending.author, error)),
            }
        }
        self.current = state;
        // A step of index work changes no rows, but whoever began before it must not put its state in place of this.
        let is_moved = is_everything || has_progress;
        if !moved.is_empty() || is_moved {
            moved.truncate(foreign_parts);
            if !moved.is_empty() || is_moved {
                self.note_change(moved, schema_before, is_everything, false);
            }
            for (changes, schema) in gone {
                self.note_change(vec![changes], schema, false, true);
            }
        }
        for author in again {
            self.settle(author, Outcome::RunAgain);
        }
        for (author, error) in rejected {
            self.settle(author, Outcome::Rejected(error));
        }
    }
}

/// Whether the log still holds every record after `sequence` that this manifest has taken in, by the times in its list.
/// Records go some time after the checkpoint that took them in; once they may be gone, their numbers may even be
/// taken by a stray record of a tab that slept.
pub(super) fn is_log_whole(manifest: &Manifest, sequence: u64, options: &Options, now_ms: f64) -> bool {
    if manifest.sequence <= sequence {
        return true;
    }
    let is_list_complete = manifest.freed.len() as u64 == manifest.generation
        || manifest.freed.first().is_some_and(|freed| freed.sequence <= sequence);
    let first = manifest.freed.iter().find(|freed| freed.sequence > sequence);
    is_list_complete && first.is_some_and(|freed| (0.0..safe_ms(options)).contains(&(now_ms - freed.at_ms)))
}

/// For so long after it was looked at, the log is as it was, or longer.
pub(super) fn safe_ms(options: &Options) -> f64 {
    options.log_grace_ms - options.fresh_ms
}

fn has_hole(records: &[(u64, Vec<u8>)], wanted: RangeInclusive<u64>) -> bool {
    let held = records.iter().filter(|(sequence, _)| wanted.contains(sequence)).count();
    held < wanted.count()
}

/// Whether a schema about to be adopted declares no index ready that the one in force does not know: such
/// an index was found to have no rows, and has to be looked at again when there are some.
fn is_only_checked(next: &Schema, now: &Schema) -> bool {
    let is_ready = |index: &crate::schema::Index| index.state == crate::schema::IndexState::Ready;
    let mut indexes = next.tables().iter().flat_map(|table| table.indexes());
    indexes.all(|index| !is_ready(index) || now.index_by_id(index.id).is_some_and(|(_, known)| is_ready(known)))
}

/// Whether rows that came in between fit a schema that is about to be adopted. If not, those of a synced table are hidden before
/// it is: that has to be looked at again.
fn fits(schema: &Schema, parts: &[Rc<Vec<RowChange>>]) -> Result<bool> {
    let mut is_all = true;
    for change in parts.iter().flat_map(|part| part.iter()) {
        if change.kind != crate::log::ChangeKind::Delete
            && let Some(table) = schema.table_by_id(change.table)
        {
            match check_stored(schema, table, &change.document, &change.place.id) {
                Err(_) if is_settled(table) => is_all = false,
                checked => checked?,
            }
        }
    }
    Ok(is_all)
}
