//! Deleting what is superseded: log records and pages that a manifest lists, each after its time.

use super::{PAUSE_MS, Stage};
use crate::store::{Freed, PageId};
use crate::tab::Tab;
use std::ops::Range;

/// What was deleted of that which a manifest lists as superseded.
pub(super) struct Trimmed {
    /// That of the manifest.
    pub(super) generation: u64,
    /// Log records up to here.
    pub(super) log_upto: u64,
    /// So many ranges of pages: all that were due.
    pub(super) page_ranges: usize,
    pub(super) at_ms: f64,
    pub(super) ahead: Option<Ahead>,
}

/// Times in the manifest's list that are still to come: a clock was wrong, and what they stand for would not
/// be deleted until then. Somebody may have looked at the log a moment ago all the same, so they count from
/// when this tab first saw them.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub(super) newest_ms: f64,
    pub(super) since_ms: f64,
}

impl Tab {
    /// What may be deleted now, by the list in the manifest.
    pub(super) fn due(&self, now_ms: f64) -> Option<(u64, Vec<Range<PageId>>)> {
        // The answers to other deletions must not be taken for that to this one.
        if self.maintenance.pause_left_ms(now_ms) > 0.0 || !self.maintenance.stray_trims.is_empty() {
            return None;
        }
        let manifest = &self.committed.view.manifest;
        let mut log_upto = 0;
        let mut pages = Vec::new();
        for freed in &manifest.freed {
            let age_ms = self.age_ms(now_ms, self.maintenance.ahead, freed);
            if age_ms >= self.options.log_grace_ms {
                log_upto = log_upto.max(freed.sequence);
            }
            if age_ms >= self.options.page_grace_ms {
                pages.extend(freed.ranges.iter().map(|&(first, length)| first..first + length));
            }
        }
        let is_done = self.maintenance.trimmed.as_ref().is_some_and(|trimmed| {
            (trimmed.generation, trimmed.log_upto, trimmed.page_ranges) == (manifest.generation, log_upto, pages.len())
        });
        if is_done || (log_upto == 0 && pages.is_empty()) { None } else { Some((log_upto, pages)) }
    }

    /// How long ago something was superseded.
    pub(super) fn age_ms(&self, now_ms: f64, ahead: Option<Ahead>, freed: &Freed) -> f64 {
        match ahead {
            Some(ahead) if self.is_ahead(now_ms, freed) && freed.at_ms <= ahead.newest_ms => now_ms - ahead.since_ms,
            _ => now_ms - freed.at_ms,
        }
    }

    /// The clocks of two tabs may differ a little: that passes soon.
    pub(super) fn is_ahead(&self, now_ms: f64, freed: &Freed) -> bool {
        freed.at_ms - now_ms > self.options.log_grace_ms
    }

    pub(super) fn note_times_ahead(&mut self, now_ms: f64) {
        let list = &self.committed.view.manifest.freed;
        let times = list.iter().filter(|freed| self.is_ahead(now_ms, freed)).map(|freed| freed.at_ms);
        self.maintenance.ahead = times.reduce(f64::max).map(|newest_ms| match self.maintenance.ahead {
            Some(known) if newest_ms <= known.newest_ms && known.since_ms <= now_ms => known,
            _ => Ahead { newest_ms, since_ms: now_ms },
        });
    }

    pub(crate) fn trimmed(&mut self, now_ms: f64, is_complete: bool) {
        if let Some(pages) = self.maintenance.stray_trims.pop_front() {
            if !is_complete {
                self.maintenance.failed_trims.push(pages);
                self.wake_after(PAUSE_MS);
            }
        } else if matches!(self.maintenance.stage, Stage::Trimming) {
            if !is_complete {
                // It stays in the manifest's list, and is due again after a pause.
                self.maintenance.trimmed = None;
                self.maintenance.pause_for(now_ms, PAUSE_MS);
            }
            self.maintenance.stage = Stage::CatchingUp;
            self.choose_work(now_ms);
        }
    }
}
