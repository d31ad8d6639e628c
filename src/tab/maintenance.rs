//! Work behind the scenes, by one tab at a time under the maintenance lock: checkpoints, the building and
//! removing of indexes, and deleting what is superseded. Nothing depends on the lock for its correctness:
//! two tabs that both believe they hold it lose work, never data.

mod attempt;
mod index_work;
mod trimming;

use super::effect::{Effect, ReadId};
use super::failures::Failures;
use super::job::IndexJob;
use super::repair::Repair;
use super::state::{Pending, State, TailRecord};
use super::{Status, Tab};
use crate::error::Error;
use crate::keyspace::IndexId;
use crate::log::Record;
use crate::store::{Checkpoint, Manifest, PageId};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use trimming::{Ahead, Trimmed};

/// A small tail is left alone when idle: a checkpoint of it would write more than it saves.
const IDLE_RECORDS: usize = 16;
const IDLE_BYTES: usize = 64 << 10;
/// A log of so many times the size that is worth a checkpoint does not wait for a lull.
const LOG_MOST: f64 = 4.0;
/// At so many times the size writers wait for it: whoever opens the database next has to read all of the log.
const LOG_HELD: usize = 8;
/// Beyond so many entries in the tree a log is worth a checkpoint a byte later for each: what is new falls into more and
/// more pages, which a checkpoint makes anew however little is new in each.
const LARGE_TREE: u64 = 1_000_000;
/// After something else than a checkpoint failed, everything but checkpoints waits this long.
const PAUSE_MS: f64 = 5_000.0;

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    /// Asked for the lock at this time, when so much had been done.
    WaitingForLock(f64, u64),
    /// Has the lock; reading what others wrote before deciding what to do.
    CatchingUp,
    Reserving,
    /// Making pages; may wait for some.
    Building,
    LoadingForCheckpoint(ReadId),
    Writing,
    /// The manifest and, after a repair, the record that fences off what others write without knowing of it.
    Publishing(Rc<Manifest>, Option<TailRecord>),
    Job,
    LoadingForJob(ReadId),
    /// A step of index work is in the queue.
    Committing,
    Trimming,
}

/// Maintenance of one tab.
#[derive(Default)]
pub(crate) struct Maintenance {
    stage: Stage,
    checkpoint: Option<Checkpoint>,
    /// The state beyond the checkpoint under way: it becomes the state when that is published, without a replay.
    beyond: Option<State>,
    /// A repair was asked for; what is lost already.
    repair_wanted: Option<Vec<String>>,
    repair: Option<Repair>,
    repair_rounds: u32,
    attempt: u64,
    /// The attempt that made the manifest which this one goes on from.
    base_attempt: u64,
    job: Option<IndexJob>,
    /// Deletions of abandoned attempts whose answers are on their way.
    stray_trims: VecDeque<Range<PageId>>,
    /// Those that failed: by now no manifest may list what they were about, if this tab has slept.
    failed_trims: Vec<Range<PageId>>,
    has_stolen: bool,
    /// The lock was taken away while an answer is on its way; with it, the work ends.
    is_lock_lost: bool,
    /// How often in a row that happened: the next wait for the lock is longer, so that two tabs do not take
    /// it from each other for ever.
    losses: u32,
    /// Steps of index work that this tab has seen.
    steps_seen: u64,
    last_write_ms: f64,
    /// When the pause under way ends.
    wake_at_ms: Option<f64>,
    /// Since when everything but checkpoints waits, and how long.
    pause: (f64, f64),
    /// Checkpoints that failed in a row.
    failures: Failures,
    /// Why the writes that wait for a checkpoint shall wait no longer.
    refusal: Option<Error>,
    ahead: Option<Ahead>,
    /// Checkpoints have stopped: a page that they need is damaged.
    pub(crate) is_stopped: bool,
    /// Indexes whose work came upon a damaged page, and what is to be said about it.
    unfinished: Vec<(IndexId, Error)>,
    /// What was deleted last.
    trimmed: Option<Trimmed>,
}

impl Maintenance {
    /// The checkpoint under way will be refused: another tab's is in force.
    pub(crate) fn overtaken(&mut self) {
        self.beyond = None;
        self.succeeded();
    }

    /// There is a new checkpoint.
    fn succeeded(&mut self) {
        self.failures.end();
        self.refusal = None;
    }

    fn pause_for(&mut self, now_ms: f64, milliseconds: f64) {
        self.pause = (now_ms, milliseconds);
    }

    fn pause_left_ms(&self, now_ms: f64) -> f64 {
        // A clock that was set back must not make it longer.
        (self.pause.1 - (now_ms - self.pause.0).abs()).max(0.0)
    }

    /// Takes in a record that came after the checkpoint under way.
    pub(crate) fn note_record(&mut self, record: &Record) {
        self.steps_seen += u64::from(record.progress.is_some());
        if let Some(beyond) = &mut self.beyond {
            beyond.apply(record);
        }
    }

    pub(crate) fn note_write(&mut self, now_ms: f64) {
        self.last_write_ms = now_ms;
    }

    pub(crate) fn request_repair(&mut self, lost: Vec<String>) {
        self.repair_wanted = Some(lost);
        self.repair_rounds = 0;
    }

    /// A repair has made the tree anew: what was impossible may be possible.
    pub(crate) fn mended(&mut self) {
        self.is_stopped = false;
        self.unfinished.clear();
        self.pause = Default::default();
    }

    /// Why an index can't be built.
    pub(crate) fn why_unfinished(&self, index: IndexId) -> Option<&Error> {
        self.unfinished.iter().find(|(unfinished, _)| *unfinished == index).map(|(_, error)| error)
    }

    /// Whether writes wait for a repair: for the moment in which it comes into force; and if records of the log
    /// are lost, from the beginning, since nothing may be written after them before that is settled.
    fn holds_writes(&self) -> bool {
        let is_log_lost = |lost: &[String]| !lost.is_empty();
        self.repair_wanted.as_deref().is_some_and(is_log_lost)
            || self.repair.as_ref().is_some_and(|repair| repair.is_done() || is_log_lost(repair.lost_before()))
            || matches!(self.stage, Stage::Publishing(_, Some(_)))
    }

    /// Whether somebody waits for a repair.
    pub(crate) fn is_repairing(&self) -> bool {
        self.repair_wanted.is_some() || self.repair.is_some()
    }

    #[cfg(test)]
    pub(super) fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Idle => "idle",
            Stage::WaitingForLock(..) => "waiting for the lock",
            Stage::CatchingUp => "catching up",
            Stage::Reserving => "reserving",
            Stage::Building => "building",
            Stage::LoadingForCheckpoint(_) => "loading for a checkpoint",
            Stage::Writing => "writing",
            Stage::Publishing(..) => "publishing",
            Stage::Job => "job",
            Stage::LoadingForJob(_) => "loading for a job",
            Stage::Committing => "committing",
            Stage::Trimming => "trimming",
        }
    }
}

impl Tab {
    /// Whether the log, or what it takes in memory, is over its budget, so that a writer has to wait for the checkpoint.
    pub(crate) fn must_wait_for_checkpoint(&self) -> bool {
        !self.maintenance.is_stopped
            && !self.tail.is_empty()
            && (self.committed.view.overlay_bytes() > self.options.overlay_bytes
                || self.tail_bytes / LOG_HELD > self.log_bytes_worth())
    }

    /// How large a log is worth a checkpoint.
    fn log_bytes_worth(&self) -> usize {
        let more = self.committed.view.manifest.count.saturating_sub(LARGE_TREE);
        self.options.checkpoint_log_bytes.saturating_add(usize::try_from(more).unwrap_or(usize::MAX))
    }

    /// Whether writes wait for that checkpoint now. Maintenance itself waits for a step of index work in the
    /// queue and for whatever is before it, and begins when the database is open, or has to be repaired first.
    pub(crate) fn are_writes_held(&self) -> bool {
        self.maintenance.holds_writes() && (self.can_hold_writes() || self.is_opening_with_loss())
            || self.is_over_budget()
                && !(self.lets_deletions_through() && self.queue.front().is_some_and(Pending::is_deletion))
    }

    fn is_over_budget(&self) -> bool {
        self.must_wait_for_checkpoint() && self.can_hold_writes()
    }

    /// Whether the database has to be repaired before it can be opened: a new schema is a write like any other.
    fn is_opening_with_loss(&self) -> bool {
        self.status == Status::Opening && self.maintenance.holds_writes()
    }

    fn can_hold_writes(&self) -> bool {
        self.status == Status::Open && !matches!(self.maintenance.stage, Stage::Committing)
    }

    /// Where there is no room for a checkpoint, a deletion is what may make some: of what is not in the tree yet,
    /// the next one need not write it any more.
    fn lets_deletions_through(&self) -> bool {
        self.maintenance.failures.times() > 0
    }

    /// Whether this may go into a record behind others.
    pub(crate) fn may_join(&self, pending: &Pending) -> bool {
        !self.is_over_budget() || pending.is_deletion()
    }

    /// How long the next checkpoint has to wait after those that failed.
    fn checkpoint_pause_ms(&self, now_ms: f64) -> f64 {
        let is_urgent = !self.queue.is_empty() && self.are_writes_held();
        self.maintenance.failures.pause_ms(now_ms, is_urgent)
    }

    fn wants_checkpoint(&self, now_ms: f64) -> bool {
        if self.maintenance.is_stopped || self.tail.is_empty() || self.checkpoint_pause_ms(now_ms) > 0.0 {
            return false;
        }
        if self.maintenance.pause_left_ms(now_ms) > 0.0 {
            return self.must_wait_for_checkpoint();
        }
        // How full the log is, 1 being enough for a checkpoint in a lull: one that runs while this tab writes makes
        // its writes wait, and the pages that it makes are soon made again.
        let fill = (self.tail_bytes as f64 / self.log_bytes_worth() as f64)
            .max(self.tail.len() as f64 / self.options.checkpoint_log_records as f64);
        let quiet_ms = (now_ms - self.maintenance.last_write_ms).abs();
        self.must_wait_for_checkpoint()
            || fill >= LOG_MOST
            || (fill >= 1.0 && quiet_ms >= self.options.lull_ms)
            || (quiet_ms >= self.options.idle_ms && (self.tail.len() >= IDLE_RECORDS || self.tail_bytes >= IDLE_BYTES))
    }

    /// Starts to make the store anew from what can be read; an event `Repaired` follows.
    pub fn start_repair(&mut self, now_ms: f64) -> crate::error::Result<()> {
        self.check_open()?;
        if self.maintenance.repair_wanted.is_none() {
            self.maintenance.request_repair(Vec::new());
        }
        self.maintenance.pause_for(now_ms, 0.0);
        self.now_ms = now_ms;
        self.advance(now_ms);
        Ok(())
    }

    fn wants_repair(&self, now_ms: f64) -> bool {
        self.maintenance.repair_wanted.is_some() && self.maintenance.pause_left_ms(now_ms) <= 0.0
    }

    /// How much maintenance this tab has seen others do.
    fn work_seen(&self) -> u64 {
        self.generation() + self.maintenance.steps_seen
    }

    fn has_work(&self, now_ms: f64) -> bool {
        self.wants_repair(now_ms)
            || self.wants_checkpoint(now_ms)
            || self.due(now_ms).is_some()
            || self.index_work_now(now_ms).is_some()
    }

    /// Starts what is due, and goes on with what is under way.
    pub(crate) fn advance_maintenance(&mut self, now_ms: f64) {
        if self.status != Status::Open && !self.is_opening_with_loss() {
            return;
        }
        match self.maintenance.stage {
            Stage::Idle => {
                self.note_times_ahead(now_ms);
                if self.has_work(now_ms) {
                    self.maintenance.stage = Stage::WaitingForLock(now_ms, self.work_seen());
                    self.maintenance.has_stolen = false;
                    self.effects.push(Effect::Lock { steal: false });
                    self.wake_after(self.options.lock_patience_ms);
                } else {
                    let pauses = [
                        (!self.tail.is_empty(), self.options.idle_ms),
                        (!self.committed.view.manifest.freed.is_empty(), self.options.log_grace_ms),
                        (true, self.maintenance.pause_left_ms(now_ms)),
                        (true, self.checkpoint_pause_ms(now_ms)),
                    ];
                    let pauses = pauses.into_iter().filter(|&(counts, pause)| counts && pause > 0.0);
                    if let Some(pause) =
                        pauses.map(|(_, pause)| pause).reduce(f64::min).filter(|pause| pause.is_finite())
                    {
                        self.wake_after(pause);
                    }
                }
            }
            // Its holder works: only one that sleeps is robbed.
            Stage::WaitingForLock(_, seen) if seen != self.work_seen() => {
                self.maintenance.stage = Stage::WaitingForLock(now_ms, self.work_seen());
                self.wake_after(self.options.lock_patience_ms);
            }
            Stage::WaitingForLock(since, _) if !self.maintenance.has_stolen => {
                let is_urgent = self.wants_checkpoint(now_ms) || self.wants_repair(now_ms) || self.wants_index(now_ms);
                let patience = self.options.lock_patience_ms * f64::from(1_u32 << self.maintenance.losses.min(6));
                let left = patience - (now_ms - since).abs();
                if is_urgent && left <= 0.0 {
                    self.maintenance.has_stolen = true;
                    self.effects.push(Effect::Lock { steal: true });
                } else {
                    self.wake_after(if left > 0.0 { left } else { self.options.lock_patience_ms });
                }
            }
            Stage::Building => self.build_checkpoint(now_ms),
            Stage::Job => {
                // Until it waits for something: one index may be impossible, and the next not.
                while matches!(self.maintenance.stage, Stage::Job) {
                    self.step_job(now_ms);
                }
            }
            _ => {}
        }
    }

    pub(crate) fn wake_after(&mut self, milliseconds: f64) {
        let at_ms = self.now_ms + milliseconds;
        // A longer pause must not keep what is due sooner waiting.
        if self.maintenance.wake_at_ms.is_none_or(|set_ms| at_ms < set_ms) {
            self.maintenance.wake_at_ms = Some(at_ms);
            self.effects.push(Effect::WakeAfter { milliseconds });
        }
    }

    pub(crate) fn wake(&mut self, _now_ms: f64) {
        self.maintenance.wake_at_ms = None;
        if self.status == Status::Open {
            for pages in std::mem::take(&mut self.maintenance.failed_trims) {
                self.delete_strays(pages);
            }
        }
    }

    pub(crate) fn lock_granted(&mut self, now_ms: f64) {
        if !matches!(self.maintenance.stage, Stage::WaitingForLock(..)) {
            self.effects.push(Effect::Unlock);
            return;
        }
        if !self.has_work(now_ms) {
            self.end_maintenance();
            return;
        }
        self.maintenance.is_lock_lost = false;
        self.maintenance.stage = Stage::CatchingUp;
        self.catch_up();
    }

    pub(crate) fn lock_lost(&mut self) {
        // Somebody thought that this tab sleeps. What it does stays harmless, but there is no point in it.
        match self.maintenance.stage {
            Stage::Idle | Stage::WaitingForLock(..) => return,
            // Whatever was asked for may still happen, and its answer must not be taken for that of the next
            // attempt. A manifest may come into force: its pages must stay.
            Stage::Reserving | Stage::Writing | Stage::Publishing(..) | Stage::Committing | Stage::Trimming => {
                self.maintenance.is_lock_lost = true;
            }
            Stage::CatchingUp
            | Stage::Building
            | Stage::LoadingForCheckpoint(_)
            | Stage::Job
            | Stage::LoadingForJob(_) => {
                self.abandon_attempt();
                self.maintenance.job = None;
                self.maintenance.stage = Stage::Idle;
            }
        }
        self.maintenance.losses += 1;
    }

    fn end_maintenance(&mut self) {
        self.maintenance.stage = Stage::Idle;
        self.maintenance.job = None;
        self.maintenance.checkpoint = None;
        self.maintenance.beyond = None;
        self.maintenance.repair = None;
        if !std::mem::take(&mut self.maintenance.is_lock_lost) {
            self.effects.push(Effect::Unlock);
        }
    }

    /// The log can't be read: others may have the lock.
    pub(crate) fn give_up_catching_up(&mut self) {
        if matches!(self.maintenance.stage, Stage::CatchingUp) {
            self.end_maintenance();
        }
    }

    /// The log was read: decide what to do first.
    pub(crate) fn caught_up(&mut self, now_ms: f64) {
        if matches!(self.maintenance.stage, Stage::CatchingUp) {
            self.choose_work(now_ms);
        }
    }

    fn choose_work(&mut self, now_ms: f64) {
        let wants_checkpoint = self.wants_repair(now_ms) || self.wants_checkpoint(now_ms);
        // Deleting makes room, which may be what a checkpoint has failed of.
        let is_trim_first = !wants_checkpoint || self.maintenance.failures.times() > 0;
        if self.maintenance.is_lock_lost {
            self.abandon_attempt();
            self.end_maintenance();
        } else if self.maintenance.repair.is_some() {
            // It was to be published, and somebody has written meanwhile.
            self.maintenance.stage = Stage::Building;
        } else if let Some((log_upto, pages)) = self.due(now_ms).filter(|_| is_trim_first) {
            self.maintenance.stage = Stage::Trimming;
            let (generation, page_ranges) = (self.generation(), pages.len());
            let ahead = self.maintenance.ahead;
            self.maintenance.trimmed = Some(Trimmed { generation, log_upto, page_ranges, at_ms: now_ms, ahead });
            self.effects.push(Effect::Trim { log_upto, manifests_below: self.generation(), pages });
        } else if wants_checkpoint {
            self.maintenance.stage = Stage::Reserving;
            self.reserve_attempt();
        } else if let Some(job) = self.index_work_now(now_ms) {
            self.maintenance.job = Some(job);
            self.maintenance.stage = Stage::Job;
        } else {
            self.end_maintenance();
        }
    }

    pub(crate) fn maintenance_pages_loaded(&mut self, read: ReadId) {
        match self.maintenance.stage {
            Stage::LoadingForCheckpoint(waiting) if waiting == read => self.maintenance.stage = Stage::Building,
            Stage::LoadingForJob(waiting) if waiting == read => self.maintenance.stage = Stage::Job,
            _ => {}
        }
    }

    pub(crate) fn is_of_maintenance(&self, read: ReadId) -> bool {
        matches!(self.maintenance.stage, Stage::LoadingForCheckpoint(own) | Stage::LoadingForJob(own) if own == read)
    }

    /// Pages could not be read, for this reason or because the manifest has moved on.
    pub(crate) fn maintenance_load_failed(&mut self, read: ReadId, error: Option<&Error>) {
        match self.maintenance.stage {
            Stage::LoadingForCheckpoint(waiting) if waiting == read => match error {
                Some(error) => self.attempt_failed(error.clone(), error.clone()),
                None => self.abandon_attempt(),
            },
            Stage::LoadingForJob(waiting) if waiting == read => {
                if error.is_some() {
                    self.maintenance.pause_for(self.now_ms, PAUSE_MS);
                }
            }
            _ => return,
        }
        self.end_maintenance();
    }

    /// Lets go of the writes that have waited for a checkpoint long enough. Those that come later try again.
    pub(crate) fn reject_held(&mut self) {
        // One that is under way must not be taken for one that can run again.
        let is_under_way = self.flight.as_ref().is_some_and(|flight| flight.count > 0);
        if is_under_way || self.status != Status::Open {
            return;
        }
        let Some(mut error) = self.maintenance.refusal.take() else { return };
        if !self.is_over_budget() {
            return;
        }
        error.message += " The write was rolled back; nothing was saved.";
        let (kept, removed): (Vec<_>, Vec<_>) = self.take_queue().into_iter().partition(Pending::is_deletion);
        self.queue = kept.into();
        self.reject(removed, |_| error.clone());
    }
}
