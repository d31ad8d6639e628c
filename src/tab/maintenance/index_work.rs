//! Building and removing indexes, a step at a time between other work.

use super::{PAUSE_MS, Stage};
use crate::change::rows_range;
use crate::error::{Code, Error};
use crate::keyspace::IndexId;
use crate::read_set::KeyRange;
use crate::schema::{Index, IndexState};
use crate::store::PageId;
use crate::tab::effect::{Event, Outcome};
use crate::tab::job::{IndexJob, JobStep, dropped_range};
use crate::tab::state::State;
use crate::tab::{IndexWork, Tab};

impl Tab {
    pub(super) fn index_work(&self) -> Option<IndexJob> {
        let saved = &self.committed.schema;
        // Until it is saved that an index goes, others write entries that no work on it would know of.
        let is_saved = |index| saved.index_by_id(index).map(|(_, index)| index.state == IndexState::Dropping);
        let is_possible = |index: &Index| {
            self.maintenance.why_unfinished(index.id).is_none()
                && is_saved(index.id) == Some(index.state == IndexState::Dropping)
        };
        IndexJob::find(&self.current.schema, self.version, is_possible)
    }

    /// What is being built or removed, and how far that is, by the pages that are in memory.
    pub fn unfinished_indexes(&mut self) -> Vec<IndexWork> {
        let State { view, schema } = &self.current;
        let mut found = Vec::new();
        for table in schema.tables() {
            let rows = rows_range(table.id);
            for index in table.indexes().iter().filter(|index| index.state != IndexState::Ready) {
                let mut count = |range: &KeyRange| view.count_about(&mut self.cache, &range.start, Some(&range.end));
                let total = count(&rows);
                let left = match &index.state {
                    IndexState::Building { after: Some(after) } => {
                        count(&KeyRange { start: KeyRange::point(after).end, end: rows.end.clone() })
                    }
                    IndexState::Dropping => count(&dropped_range(table, index)),
                    _ => total,
                };
                found.push(IndexWork {
                    table: table.name.to_string(),
                    index: index.name.to_string(),
                    is_building: index.state != IndexState::Dropping,
                    done: total.saturating_sub(left),
                    total,
                });
            }
        }
        found
    }

    /// Index work that need not wait. It writes, which is no good while checkpoints fail.
    pub(super) fn index_work_now(&self, now_ms: f64) -> Option<IndexJob> {
        let pause = self.maintenance.pause_left_ms(now_ms).max(self.checkpoint_pause_ms(now_ms));
        if pause > 0.0 { None } else { self.index_work() }
    }

    /// Whether an index is to be built: queries wait for it.
    pub(super) fn wants_index(&self, now_ms: f64) -> bool {
        self.index_work_now(now_ms).is_some_and(|job| job.is_building())
    }

    pub(super) fn step_job(&mut self, now_ms: f64) {
        self.show_writes();
        // What happened while it waited for pages is not in the state that it began with.
        let job = self.maintenance.job.take().filter(|job| job.version == self.version);
        let Some(mut job) = job.or_else(|| self.index_work()) else {
            self.end_maintenance();
            return;
        };
        let step = job.step(&self.current, &mut self.cache, self.options.job_slice_rows);
        match step {
            JobStep::Commit(pending) => {
                self.maintenance.stage = Stage::Committing;
                self.enqueue(*pending, None);
                self.pump();
            }
            JobStep::Missing(pages) => {
                let gone = pages.iter().find(|page| self.absent.contains_key(page) || self.damaged.contains_key(page));
                match gone {
                    None => {
                        let read = self.load(pages);
                        self.maintenance.job = Some(job);
                        self.maintenance.stage = Stage::LoadingForJob(read);
                    }
                    // Its state is an old one: begin again with the next.
                    Some(_) if job.generation() < self.generation() => self.choose_work(now_ms),
                    Some(&page) => self.stop_index(job.index, page, now_ms),
                }
            }
            JobStep::Corrupt(page) => self.stop_index(job.index, page, now_ms),
        }
    }

    /// A page that the work on an index needs is damaged: whoever waits for the index shall hear of it.
    pub(super) fn stop_index(&mut self, index: IndexId, page: PageId, now_ms: f64) {
        let name = crate::tab::verify::index_name(&self.current.schema, index).unwrap_or_default();
        let message = format!("Page {page} is damaged, so {name} can't be finished until `db.repair()`.");
        let error = Error::new(Code::Corrupt, message);
        self.maintenance.unfinished.push((index, error.clone()));
        self.events.push_back(Event::Problem(error));
        self.schema_changed();
        self.choose_work(now_ms);
    }

    /// A step of index work was saved, or has to be made again.
    pub(crate) fn maintenance_settled(&mut self, outcome: Outcome) {
        if !matches!(self.maintenance.stage, Stage::Committing) {
            return;
        }
        self.maintenance.stage = Stage::CatchingUp;
        if let Outcome::Rejected(_) = outcome {
            self.maintenance.pause_for(self.now_ms, PAUSE_MS);
        }
        self.choose_work(self.now_ms);
    }
}
