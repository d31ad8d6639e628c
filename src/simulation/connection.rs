//! A tab's connection to the store breaks, and what was on its way is lost or not.

use super::store::{LOCK, scope};
use super::world::{Happening, World};
use crate::tab::{Effect, Failure, Input};

impl World {
    pub(super) fn reopen(&mut self, tab: u64) {
        let fails = self.chance(self.setting.faults.reopen_failed);
        // The tab may have given up a connection that only takes long.
        self.disconnect(tab);
        self.answer_as_lost(tab);
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        // Transactions of the old connection that are not through yet end before those of the new one begin:
        // they stay in order.
        alive.is_connected = !fails;
        let message = || "for no reason".to_string();
        let input = match fails {
            false => Input::Reopened,
            true if self.now_us.is_multiple_of(3) => Input::ReopenFailed { message: message() },
            true => Input::NotReopened { message: message() },
        };
        self.deliver_soon(tab, None, 0, input);
    }

    /// Whatever the storage has answered on former connections and the tab has not heard yet is lost.
    fn answer_as_lost(&mut self, tab: u64) {
        let is_answer = |happening: &Happening| matches!(happening, Happening::Deliver { tab: to, connection: Some(_), .. } if *to == tab);
        for happening in self.agenda.extract_if(.., |_, happening| is_answer(happening)).collect::<Vec<_>>() {
            if let (_, Happening::Deliver { tab, connection, stores, input }) = happening {
                self.plan_at(self.now_us, Happening::Deliver { tab, connection, stores, input: lost(input) });
            }
        }
    }

    /// The connection breaks: what is under way has happened or not, and nobody can tell.
    pub(super) fn disconnect(&mut self, tab: u64) {
        let Some(alive) = self.tabs.get_mut(&tab) else { return };
        if !alive.is_connected {
            return;
        }
        self.trace.say(|| format!("{:>12} tab {tab} loses its connection", self.now_us));
        let numbers: Vec<u64> = alive
            .sent
            .iter()
            .filter(|(_, sent)| scope(&sent.effect).0 & !LOCK != 0)
            .map(|(number, _)| *number)
            .collect();
        let connection = alive.connection;
        for number in numbers {
            let Some(sent) = self.tabs.get_mut(&tab).and_then(|alive| alive.sent.remove(&number)) else { continue };
            let stores = scope(&sent.effect).0;
            let answer = lost_answer(&sent.effect);
            if self.random.below(2) == 0 {
                self.perform_unasked(tab, sent);
            }
            self.deliver_soon(tab, Some(connection), stores, answer);
        }
        if let Some(alive) = self.tabs.get_mut(&tab) {
            alive.is_connected = false;
            alive.connection += 1;
        }
    }
}

/// What a lost connection says about an effect.
pub(super) fn lost_answer(effect: &Effect) -> Input {
    match effect {
        Effect::Load { read, .. } | Effect::InspectLog { read } => {
            lost(Input::LoadFailed { read: *read, message: String::new() })
        }
        Effect::ReadLog { .. } => lost(Input::ReadLogFailed { message: String::new() }),
        Effect::Append { .. } | Effect::Rebase { .. } => Input::OutcomeUnknown,
        Effect::Trim { .. } => Input::Trimmed { is_complete: false },
        _ => lost(Input::PagesWritten),
    }
}

/// The answer when the connection is lost before it came.
pub(super) fn lost(input: Input) -> Input {
    let message = || "the connection was lost".to_string();
    match input {
        Input::PagesLoaded { read, .. } | Input::LogInspected { read, .. } | Input::LoadFailed { read, .. } => {
            Input::LoadFailed { read, message: message() }
        }
        Input::LogRead(_) | Input::ReadLogFailed { .. } => Input::ReadLogFailed { message: message() },
        Input::Appended
        | Input::AppendConflict
        | Input::AppendFailed(_)
        | Input::OutcomeUnknown
        | Input::RebasedToNothing => Input::OutcomeUnknown,
        Input::AttemptReserved { .. }
        | Input::PagesWritten
        | Input::Published
        | Input::PublishConflict
        | Input::MaintenanceFailed(_) => Input::MaintenanceFailed(Failure::Aborted(message())),
        other => other,
    }
}
