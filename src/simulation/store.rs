//! Effects reach the store, one transaction at a time; messages reach other tabs.

use super::calm::{check_store, rows_aside};
use super::connection::lost_answer;
use super::faults::Trouble;
use super::history::Carried;
use super::world::{Happening, Sent, World};
use crate::tab::{Announcement, Effect, Failure, Input};

const LOG: u8 = 1;
const META: u8 = 2;
const PAGES: u8 = 4;
/// Not a store, but requests for the lock keep their order too.
pub(super) const LOCK: u8 = 8;

/// The stores of an effect's transaction, and whether it writes.
pub(super) fn scope(effect: &Effect) -> (u8, bool) {
    match effect {
        Effect::Load { .. } => (PAGES | META, false),
        Effect::ReadLog { .. } | Effect::InspectLog { .. } => (LOG | META, false),
        Effect::Append { .. } => (LOG, true),
        Effect::Rebase { .. } => (LOG | META, true),
        Effect::Publish { fence: Some(_), .. } => (LOG | META, true),
        Effect::ReserveAttempt { .. } | Effect::Publish { .. } => (META, true),
        Effect::WritePages { .. } => (PAGES, true),
        Effect::Trim { log_upto, manifests_below, .. } => match (log_upto, manifests_below) {
            (1.., _) => (LOG, true),
            (0, 1..) => (META, true),
            (0, 0) => (PAGES, true),
        },
        Effect::Lock { .. } | Effect::Unlock => (LOCK, true),
        Effect::WakeAfter { .. } | Effect::Reopen | Effect::Announce(_) => (0, false),
    }
}

impl World {
    pub(super) fn execute(&mut self, tab: u64, number: u64) {
        if let Some(ghost) = self.ghosts.remove(&(tab, number)) {
            self.perform_unasked(tab, ghost);
            return;
        }
        let Some(alive) = self.tabs.get(&tab) else { return };
        let Some(sent) = alive.sent.get(&number) else { return };
        let (stores, writes) = scope(&sent.effect);
        // The callback of a rebase needs the tab.
        let waits = sent.is_held || matches!(sent.effect, Effect::Rebase { .. });
        if waits && alive.frozen_until_us > self.now_us {
            let thaw = alive.frozen_until_us;
            self.plan_at(thaw, Happening::Execute { tab, number });
            return;
        }
        let is_behind = alive.sent.range(..number).any(|(_, earlier)| {
            let (others, other_writes) = scope(&earlier.effect);
            others & stores != 0 && (writes || other_writes)
        });
        if is_behind {
            let later = self.short_us();
            self.plan(later, Happening::Execute { tab, number });
            return;
        }
        // A callback runs after everything that the tab was told of earlier transactions.
        let is_early = matches!(sent.effect, Effect::Rebase { .. }) && (alive.untold[0] > 0 || alive.untold[1] > 0);
        if is_early {
            let later = self.short_us();
            self.plan(later, Happening::Execute { tab, number });
            return;
        }
        let Some(sent) = self.tabs.get_mut(&tab).and_then(|alive| alive.sent.remove(&number)) else { return };
        self.trace
            .say(|| format!("{:>12} tab {tab} effect: {}", self.now_us, super::trace::name_of_effect(&sent.effect)));
        match sent.effect {
            Effect::WakeAfter { .. } => self.deliver_soon(tab, None, 0, Input::Wake),
            Effect::Lock { steal } => self.lock(tab, steal),
            Effect::Unlock => {
                self.lock_queue.retain(|waiting| *waiting != tab);
                if self.lock_holder == Some(tab) {
                    self.lock_holder = None;
                    self.grant_lock();
                }
            }
            Effect::Announce(announcement) => self.announce(tab, announcement),
            Effect::Reopen => self.reopen(tab),
            _ => {
                let connection = sent.connection;
                let is_dead =
                    self.tabs.get(&tab).is_none_or(|alive| !alive.is_connected || alive.connection != connection);
                let answer = if is_dead { Some(lost_answer(&sent.effect)) } else { self.perform(tab, sent) };
                if let Some(answer) = answer {
                    self.deliver_soon(tab, Some(connection), stores, answer);
                }
                self.after(tab);
            }
        }
    }

    /// Plans the delivery of an answer, not before earlier answers of the same stores.
    pub(super) fn deliver_soon(&mut self, tab: u64, connection: Option<u64>, stores: u8, input: Input) {
        let mut at = self.now_us + self.short_us();
        if self.chance(self.setting.faults.slow / 2) {
            at += self.long_us();
        }
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        for (store, delivered) in alive.delivered_us.iter_mut().enumerate() {
            if stores & (1 << store) != 0 {
                at = at.max(*delivered + 1);
                *delivered = at;
                alive.untold[store] += 1;
            }
        }
        self.plan_at(at, Happening::Deliver { tab, connection, stores, input });
    }

    /// Performs an effect of the store, or fails to. No answer means that it goes on as another effect.
    fn perform(&mut self, tab: u64, sent: Sent) -> Option<Input> {
        let aborted = || Failure::Aborted("for no reason".into());
        let faults = self.setting.faults.clone();
        Some(match sent.effect {
            Effect::Load { read, .. } if self.chance(faults.unreadable) => {
                Input::LoadFailed { read, message: "for no reason".into() }
            }
            Effect::Load { read, generation, pages } => {
                let (pages, newer_manifest) = self.storage.load(generation, &pages);
                Input::PagesLoaded { read, pages, newer_manifest }
            }
            Effect::ReadLog { .. } if self.is_log_unreadable() => {
                Input::ReadLogFailed { message: "for no reason".into() }
            }
            Effect::ReadLog { generation, after, from_manifest } => {
                Input::LogRead(self.storage.read_log(generation, after, from_manifest))
            }
            Effect::Append { sequence, record } => {
                let ending = self.ending();
                if matches!(ending, Ending::Refused | Ending::UnknownUndone | Ending::Full) {
                    return Some(ending.answer(self));
                }
                let is_added = self.append(tab, sent.version, sequence, record, &sent.carried);
                match ending {
                    Ending::UnknownDone => Input::OutcomeUnknown,
                    _ if is_added => Input::Appended,
                    _ => Input::AppendConflict,
                }
            }
            Effect::Rebase { generation, after } => self.rebase(tab, generation, after),
            Effect::ReserveAttempt { .. } | Effect::WritePages { .. } | Effect::Publish { .. }
                if self.is_full_for_pages() =>
            {
                Input::MaintenanceFailed(Failure::Quota)
            }
            Effect::ReserveAttempt { after } => {
                let attempt = self.storage.reserve_attempt(after);
                if self.chance(faults.maintenance) {
                    Input::MaintenanceFailed(aborted())
                } else {
                    Input::AttemptReserved { attempt }
                }
            }
            Effect::WritePages { pages } => {
                if self.chance(faults.maintenance) {
                    if self.random.below(2) == 0 {
                        self.storage.write_pages(pages);
                    }
                    return Some(Input::MaintenanceFailed(Failure::Quota));
                }
                self.storage.write_pages(pages);
                Input::PagesWritten
            }
            Effect::InspectLog { read } => Input::LogInspected { read, tail: self.storage.read_log(0, 0, true) },
            Effect::Publish { generation, manifest, fence } => {
                let fails = self.chance(faults.maintenance);
                if fails && self.random.below(2) == 0 {
                    return Some(Input::MaintenanceFailed(aborted()));
                }
                let is_added = self.publish(tab, sent.version, generation, manifest, fence);
                if is_added && generation % 4 == 1 && !self.history.is_damaged {
                    check_store(&self.storage, &self.history);
                }
                match is_added {
                    _ if fails => Input::MaintenanceFailed(aborted()),
                    true => Input::Published,
                    false => Input::PublishConflict,
                }
            }
            Effect::Trim { log_upto, manifests_below, pages } => {
                if self.chance(faults.maintenance) {
                    return Some(Input::Trimmed { is_complete: false });
                }
                let rest = self.trim(log_upto, manifests_below, pages);
                match rest {
                    None => Input::Trimmed { is_complete: true },
                    Some(effect) => {
                        let later = self.short_us();
                        if let Some(alive) = self.tabs.get_mut(&tab) {
                            let number = alive.next_effect;
                            alive.next_effect += 1;
                            alive.sent.insert(number, Sent { effect, ..sent });
                            self.plan(later, Happening::Execute { tab, number });
                        }
                        return None;
                    }
                }
            }
            other => panic!("[panic] not an effect of the store: {other:?}"),
        })
    }

    /// One of the small transactions of a trim; what is left of it.
    fn trim(&mut self, log_upto: u64, manifests_below: u64, pages: Vec<std::ops::Range<u64>>) -> Option<Effect> {
        if log_upto > 0 {
            // Long logs go in parts, oldest first.
            let first = self.storage.log.keys().next().copied().unwrap_or(log_upto);
            let part = if first < log_upto { first + self.random.below(log_upto - first + 1) } else { log_upto };
            self.storage.trim(part, 0, &[]);
            let log_upto = if part >= log_upto { 0 } else { log_upto };
            let is_done = log_upto == 0 && manifests_below == 0 && pages.is_empty();
            return (!is_done).then_some(Effect::Trim { log_upto, manifests_below, pages });
        }
        if manifests_below > 0 {
            self.storage.trim(0, manifests_below, &[]);
            return (!pages.is_empty()).then_some(Effect::Trim { log_upto, manifests_below: 0, pages });
        }
        self.storage.trim(0, 0, &pages);
        None
    }

    /// An effect of a tab that is gone: it happens, and nobody is told.
    pub(super) fn perform_unasked(&mut self, tab: u64, sent: Sent) {
        self.trace
            .say(|| format!("{:>12} ghost of tab {tab}: {}", self.now_us, super::trace::name_of_effect(&sent.effect)));
        match sent.effect {
            Effect::Append { .. } if self.trouble() == Some(Trouble::Full) => {}
            Effect::ReserveAttempt { .. } | Effect::WritePages { .. } | Effect::Publish { .. }
                if self.is_full_for_pages() => {}
            Effect::Append { sequence, record } => {
                let _ = self.append(tab, sent.version, sequence, record, &sent.carried);
            }
            Effect::ReserveAttempt { after } => {
                self.storage.reserve_attempt(after);
            }
            Effect::WritePages { pages } => self.storage.write_pages(pages),
            Effect::Publish { generation, manifest, fence } => {
                let _ = self.publish(tab, sent.version, generation, manifest, fence);
            }
            Effect::Trim { log_upto, manifests_below, pages } => drop(self.trim(log_upto, manifests_below, pages)),
            _ => {}
        }
    }

    fn publish(
        &mut self,
        tab: u64,
        version: u64,
        generation: u64,
        manifest: Vec<u8>,
        fence: Option<(u64, Vec<u8>)>,
    ) -> bool {
        if !self.storage.publish(generation, manifest, fence.clone()) {
            return false;
        }
        if let Some((sequence, record)) = fence {
            assert!(
                self.history.append(tab, version, sequence, &record, &[]),
                "[lost] the fence of a repair is a stray"
            );
            self.commits += 1;
            let rows = rows_aside(&self.storage, &self.history);
            self.history.repaired(&rows);
        }
        true
    }

    pub(super) fn append(
        &mut self,
        tab: u64,
        version: u64,
        sequence: u64,
        record: Vec<u8>,
        carried: &[Carried],
    ) -> bool {
        if !self.storage.append(sequence, record.clone()) {
            return false;
        }
        self.trace.say(|| {
            format!("{:>12} record {sequence} of tab {tab}: {}", self.now_us, super::trace::content_of(&record))
        });
        if self.history.append(tab, version, sequence, &record, carried) {
            self.commits += 1;
        } else {
            self.strays += 1;
            self.trace.say(|| format!("{:>12} record {sequence} of tab {tab} is a stray", self.now_us));
        }
        true
    }

    fn rebase(&mut self, tab: u64, generation: u64, after: u64) -> Input {
        if self.trouble() == Some(Trouble::UnreadableLog) {
            return Input::OutcomeUnknown;
        }
        let early = self.ending();
        if early != Ending::Well && self.random.below(2) == 0 {
            return early.answer(self);
        }
        let tail = self.storage.read_log(generation, after, false);
        let Some(alive) = self.tabs.get(&tab) else { return Input::RebasedToNothing };
        let now_ms = self.clock_of(alive);
        self.trace.add(now_ms.to_bits());
        let Some(alive) = self.tabs.get_mut(&tab) else { return Input::RebasedToNothing };
        alive.tab.tick(now_ms, self.now_us as f64 / 1_000.0);
        let added = alive.tab.rebase(now_ms, tail);
        let (carried, version) = (if added.is_some() { alive.carried(tab) } else { Vec::new() }, alive.version);
        let answer = match added {
            None => match early {
                Ending::Well | Ending::Full => Input::RebasedToNothing,
                other => other.answer(self),
            },
            Some((sequence, record)) => {
                self.trace.say(|| format!("{:>12} tab {tab} rebases to record {sequence}", self.now_us));
                match early {
                    Ending::Refused | Ending::UnknownUndone | Ending::Full => early.answer(self),
                    Ending::Well | Ending::UnknownDone => {
                        let is_added = self.append(tab, version, sequence, record, &carried);
                        assert!(is_added, "[lost] tab {tab} rebased to record {sequence}, which is there");
                        if early == Ending::Well { Input::Appended } else { Input::OutcomeUnknown }
                    }
                }
            }
        };
        self.after(tab);
        answer
    }

    fn is_log_unreadable(&mut self) -> bool {
        self.trouble() == Some(Trouble::UnreadableLog) || self.chance(self.setting.faults.unreadable)
    }

    fn ending(&mut self) -> Ending {
        if self.trouble() == Some(Trouble::Full) {
            Ending::Full
        } else if self.chance(self.setting.faults.refused) {
            Ending::Refused
        } else if self.chance(self.setting.faults.unknown) {
            if self.random.below(2) == 0 { Ending::UnknownDone } else { Ending::UnknownUndone }
        } else {
            Ending::Well
        }
    }

    fn lock(&mut self, tab: u64, steal: bool) {
        // Only the last request counts.
        self.lock_queue.retain(|waiting| *waiting != tab);
        if self.lock_holder == Some(tab) {
            self.lock_holder = None;
        }
        if steal {
            self.lose_lock();
            self.lock_queue.push_front(tab);
        } else {
            self.lock_queue.push_back(tab);
        }
        self.grant_lock();
    }

    /// The holder of the lock loses it, and hears of it some time.
    fn lose_lock(&mut self) {
        if let Some(holder) = self.lock_holder.take() {
            self.deliver_soon(holder, None, LOCK, Input::LockLost);
        }
    }

    fn announce(&mut self, from: u64, announcement: Announcement) {
        let others: Vec<u64> = self.tabs.keys().copied().filter(|tab| *tab != from).collect();
        for tab in others {
            if self.chance(self.setting.faults.announcement_lost) {
                continue;
            }
            let times = if self.chance(self.setting.faults.announcement_twice) { 2 } else { 1 };
            for _ in 0..times {
                let later = if self.random.below(10) == 0 { self.pace_us() * 10 } else { self.short_us() };
                let input = Input::Announced(announcement);
                self.plan(later, Happening::Deliver { tab, connection: None, stores: 0, input });
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Well,
    Refused,
    /// As refused, for as long as there is no room.
    Full,
    UnknownDone,
    UnknownUndone,
}

impl Ending {
    /// What the tab hears of an ending that is not well.
    fn answer(self, world: &mut World) -> Input {
        match self {
            Ending::Full => Input::AppendFailed(Failure::Quota),
            Ending::Refused if world.random.below(2) == 0 => Input::AppendFailed(Failure::Quota),
            Ending::Refused => Input::AppendFailed(Failure::Aborted("for no reason".into())),
            Ending::UnknownDone | Ending::UnknownUndone => Input::OutcomeUnknown,
            Ending::Well => panic!("[panic] it went well"),
        }
    }
}
