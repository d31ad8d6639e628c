//! A checkpoint or a repair on its way: a number, pages in slices, and the manifest that puts them in force.

use super::{PAUSE_MS, Stage};
use crate::error::{Code, Error};
use crate::log::Record;
use crate::schema::Schema;
use crate::store::{ATTEMPTS_END, Checkpoint, Freed, Manifest, PageId, ReadError, Session, Step, View};
use crate::tab::Tab;
use crate::tab::commit::storage_error;
use crate::tab::effect::{Effect, Event, Failure};
use crate::tab::repair::Repair;
use crate::tab::state::{State, TailRecord};
use std::ops::Range;
use std::rc::Rc;

/// How often a repair begins again, or is published again, because somebody writes.
const REPAIR_ROUNDS: u32 = 100;

impl Tab {
    pub(super) fn reserve_attempt(&mut self) {
        self.effects.push(Effect::ReserveAttempt { after: self.committed.view.manifest.attempt });
    }

    pub(crate) fn attempt_reserved(&mut self, attempt: u64) {
        if !matches!(self.maintenance.stage, Stage::Reserving) {
            return;
        }
        if self.maintenance.is_lock_lost {
            self.end_maintenance();
            return;
        }
        if attempt <= self.committed.view.manifest.attempt {
            // The answer came late: what attempts before the one in force left behind is deleted.
            self.reserve_attempt();
            return;
        }
        if attempt >= ATTEMPTS_END {
            self.maintenance_failed(Failure::Aborted("there are no numbers left for checkpoints.".into()));
            return;
        }
        self.maintenance.attempt = attempt;
        self.maintenance.base_attempt = self.committed.view.manifest.attempt;
        self.maintenance.stage = Stage::Building;
        let view = View::of(self.committed.view.manifest.clone());
        self.maintenance.beyond = Some(State { view, schema: self.committed.schema.clone() });
        if let Some(lost) = self.maintenance.repair_wanted.take() {
            // A repair changes the state of indexes, and with it what records mean.
            self.maintenance.beyond = None;
            let repair = Repair::new(self.committed.clone(), attempt, self.sequence, self.sessions(), lost);
            self.maintenance.repair = Some(repair);
            return;
        }
        self.maintenance.checkpoint = Some(Checkpoint::new(
            self.committed.view.clone(),
            attempt,
            self.sequence,
            self.sessions(),
            self.committed.schema.encode(),
        ));
    }

    /// The sessions that wrote last, with their last commit: how a lost outcome is found out later.
    pub(super) fn sessions(&self) -> Vec<Session> {
        let mut sessions = self.committed.view.manifest.sessions.clone();
        for record in &self.tail {
            let commit = record.record.commit;
            let last = Session { session: commit.session, counter: commit.counter, sequence: record.sequence };
            match sessions.iter_mut().find(|known| known.session == commit.session) {
                Some(known) => *known = last,
                None => sessions.push(last),
            }
        }
        sessions
    }

    pub(super) fn build_checkpoint(&mut self, now_ms: f64) {
        let slice = self.options.checkpoint_slice_bytes;
        let is_repair = self.maintenance.repair.is_some();
        let step = loop {
            let step = match (&mut self.maintenance.repair, &mut self.maintenance.checkpoint) {
                (Some(repair), _) => repair.step(&mut self.cache, slice, now_ms),
                (None, Some(checkpoint)) => checkpoint.step(&mut self.cache, slice),
                (None, None) => return,
            };
            let Err(ReadError::Missing(pages)) = &step else { break step };
            let gone = pages.iter().filter(|page| self.absent.contains_key(page));
            if !is_repair || gone.clone().next().is_none() {
                break step;
            }
            gone.for_each(|page| self.cache.insert_damaged(*page));
        };
        match step {
            // No number is next in the log while an append of this tab is under way.
            Ok(Step::Done { .. }) if is_repair && self.flight.is_some() => {}
            Ok(Step::Done { .. }) if is_repair && self.maintenance.repair_rounds > REPAIR_ROUNDS => {
                self.abandon_attempt();
                self.end_maintenance();
            }
            Ok(Step::Done { .. }) if is_repair && self.is_repair_outdated() => self.repair_again(),
            Ok(Step::Pages(pages)) => {
                self.maintenance.stage = Stage::Writing;
                let pages = pages.into_iter().map(|(page, bytes)| (page, bytes.to_vec())).collect();
                self.effects.push(Effect::WritePages { pages });
            }
            Ok(Step::Done { mut manifest, freed }) => {
                // The list of a repair begins anew.
                if !is_repair {
                    if let Some(trimmed) = &self.maintenance.trimmed
                        && trimmed.generation == self.generation()
                    {
                        // Deleted under the manifest before this one; it has to be listed no more.
                        let is_deleted = |freed: &Freed| {
                            self.age_ms(trimmed.at_ms, trimmed.ahead, freed) >= self.options.page_grace_ms
                        };
                        manifest.take_freed(is_deleted);
                    }
                    manifest.free(now_ms, &freed);
                    manifest.free_attempts_since(self.maintenance.base_attempt);
                }
                let fence = is_repair.then(|| self.fence());
                let record = fence.as_ref().map(|fence| (fence.sequence, fence.record.encode()));
                let (generation, bytes) = (manifest.generation, manifest.encode());
                self.maintenance.stage = Stage::Publishing(Rc::new(manifest), fence);
                self.effects.push(Effect::Publish { generation, manifest: bytes, fence: record });
            }
            Err(ReadError::Missing(pages)) => {
                let gone = pages.iter().copied().find(|page| self.absent.contains_key(page));
                if let Some(page) = gone {
                    self.stop_checkpoints(page);
                } else {
                    let read = self.load(pages);
                    self.maintenance.stage = Stage::LoadingForCheckpoint(read);
                }
            }
            Err(ReadError::Corrupt(damaged)) => self.stop_checkpoints(damaged.page),
        }
    }

    /// Whether something was written, by this tab or others, that can't stand on top of what the repair has made.
    fn is_repair_outdated(&self) -> bool {
        let Some(repair) = &self.maintenance.repair else { return false };
        let mut news = self.tail.iter().filter(|record| record.sequence > repair.sequence());
        repair.base_generation() != self.generation() || news.any(|record| repair.is_disturbed_by(&record.record))
    }

    /// Begins the repair again, on what is there now.
    fn repair_again(&mut self) {
        let Some(repair) = self.maintenance.repair.take() else { return };
        self.maintenance.repair_rounds += 1;
        self.delete_attempt();
        self.maintenance.repair_wanted = Some(repair.lost_before().to_vec());
        self.maintenance.stage = Stage::Reserving;
        self.reserve_attempt();
    }

    /// An empty record under the log's next number.
    pub(super) fn fence(&mut self) -> TailRecord {
        let record = Record { commit: self.next_commit(), ..Record::empty() };
        let (sequence, bytes) = (self.sequence + 1, record.encode().len());
        TailRecord { sequence, bytes, record, learned_ms: self.now_ms }
    }

    /// A page that a checkpoint needs is damaged or not there.
    pub(super) fn stop_checkpoints(&mut self, page: PageId) {
        let is_overtaken = self.maintenance.beyond.is_none();
        self.abandon_attempt();
        if is_overtaken {
            // Another tab's is in force, and what that one has superseded may be deleted by now.
            self.end_maintenance();
            return;
        }
        self.maintenance.is_stopped = true;
        self.end_maintenance();
        self.events.push_back(Event::Problem(Error::new(
            Code::Corrupt,
            format!(
                "Page {page} is damaged. Writes elsewhere go on, but the log can't be folded away until `db.repair()`."
            ),
        )));
    }

    pub(crate) fn pages_written(&mut self, now_ms: f64) {
        if !matches!(self.maintenance.stage, Stage::Writing) {
            return;
        }
        self.maintenance.stage = Stage::Building;
        if self.maintenance.is_lock_lost {
            self.abandon_attempt();
            self.end_maintenance();
        }
        let _ = now_ms;
    }

    pub(crate) fn published(&mut self, now_ms: f64) {
        if !matches!(self.maintenance.stage, Stage::Publishing(..)) {
            return;
        }
        let Stage::Publishing(manifest, fence) = std::mem::take(&mut self.maintenance.stage) else { return };
        self.maintenance.checkpoint = None;
        self.maintenance.losses = 0;
        self.maintenance.succeeded();
        self.healed();
        let repair = self.maintenance.repair.take();
        if repair.is_some() {
            self.damaged.clear();
            self.absent.clear();
            self.cache.clear();
            self.maintenance.mended();
        }
        if manifest.generation == self.generation() + 1 {
            let beyond = self.maintenance.beyond.take().unwrap_or_else(|| self.replayed(&manifest));
            match fence {
                Some(fence) => self.adopt_repaired(State { view: View { manifest, ..beyond.view }, ..beyond }, fence),
                None => self.adopt_own(manifest, beyond),
            }
        } else {
            // Its news has overtaken it.
            self.catch_up();
        }
        if let Some(repair) = repair {
            self.events.push_back(Event::Repaired(Ok(repair.into_report())));
        }
        self.effects.push(Effect::Announce(self.announcement()));
        self.maintenance.stage = Stage::CatchingUp;
        self.choose_work(now_ms);
    }

    /// What the log says beyond a manifest of this tab, made from the records.
    pub(super) fn replayed(&self, manifest: &Rc<Manifest>) -> State {
        let schema = Schema::decode(&manifest.schema).expect("this tab has just encoded it");
        let view = View::of(manifest.clone());
        let mut state = State { schema: Rc::new(schema), view };
        for record in self.tail.iter().filter(|record| record.sequence > manifest.sequence) {
            state.apply(&record.record);
        }
        state
    }

    pub(crate) fn publish_conflict(&mut self) {
        if !matches!(self.maintenance.stage, Stage::Publishing(..)) {
            return;
        }
        if self.maintenance.repair.is_some() {
            self.maintenance.repair_rounds += 1;
            self.maintenance.stage = Stage::CatchingUp;
        } else {
            self.abandon_attempt();
            self.end_maintenance();
        }
        self.catch_up();
    }

    /// Deletes the pages of an attempt that comes to nothing.
    pub(super) fn abandon_attempt(&mut self) {
        self.abandon_attempt_for(Error::new(
            Code::StorageFailed,
            "The repair was interrupted; nothing has changed. Try again.",
        ));
    }

    /// The same, and what whoever waits for a repair is told.
    pub(super) fn abandon_attempt_for(&mut self, error: Error) {
        self.maintenance.beyond = None;
        let is_repair = self.interrupt_repair(error);
        if self.maintenance.checkpoint.take().is_some() || is_repair {
            self.delete_attempt();
        }
    }

    pub(super) fn delete_attempt(&mut self) {
        self.delete_strays(crate::store::attempt_pages(self.maintenance.attempt));
    }

    /// Deletes pages of an attempt that came to nothing.
    pub(super) fn delete_strays(&mut self, pages: Range<PageId>) {
        self.maintenance.stray_trims.push_back(pages.clone());
        self.effects.push(Effect::Trim { log_upto: 0, manifests_below: 0, pages: vec![pages] });
    }

    /// Gives up the repair under way, if there is one.
    pub(super) fn interrupt_repair(&mut self, error: Error) -> bool {
        let Some(repair) = self.maintenance.repair.take() else { return false };
        if repair.lost_before().is_empty() {
            self.events.push_back(Event::Repaired(Err(error)));
        } else {
            self.repair_later(repair.lost_before().to_vec());
        }
        true
    }

    /// Nothing can be written before a repair of the log has succeeded.
    pub(super) fn repair_later(&mut self, lost: Vec<String>) {
        self.maintenance.request_repair(lost);
        self.maintenance.pause_for(self.now_ms, PAUSE_MS);
        self.wake_after(PAUSE_MS);
    }

    pub(crate) fn maintenance_failed(&mut self, failure: Failure) {
        let is_publishing = match self.maintenance.stage {
            Stage::Publishing(..) => true,
            Stage::Reserving | Stage::Writing => false,
            _ => return,
        };
        let told = |consequence| storage_error(&failure, consequence);
        if is_publishing {
            // If the connection was lost the manifest may be in force, so its pages stay. If it is not, the
            // next one notes them as superseded.
            self.maintenance.checkpoint = None;
            self.interrupt_repair(told("`verify` tells whether the repair was done. Try again."));
        }
        self.attempt_failed(
            told("The log can't be folded away; this will be tried again."),
            told("The repair has changed nothing. Try again."),
        );
        if is_publishing {
            self.catch_up();
        }
        self.end_maintenance();
    }

    /// A checkpoint failed of the storage, or a repair did, and this is said of it.
    pub(super) fn attempt_failed(&mut self, problem: Error, of_repair: Error) {
        // Who asked for a repair hears how it ended, and may ask again.
        if matches!(self.maintenance.stage, Stage::Reserving)
            && let Some(lost) = self.maintenance.repair_wanted.take()
        {
            if lost.is_empty() {
                self.events.push_back(Event::Repaired(Err(of_repair.clone())));
            } else {
                self.repair_later(lost);
            }
        }
        self.abandon_attempt_for(of_repair);
        if self.maintenance.failures.note(self.now_ms) {
            self.events.push_back(Event::Problem(problem.clone()));
            self.is_troubled = true;
        }
        if self.maintenance.failures.are_many() {
            self.maintenance.refusal = Some(problem);
        }
    }
}
