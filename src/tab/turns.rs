//! Letting other tabs go first.
//!
//! Whoever has just committed knows all that there is, and wins the next race as well, against one that has to read and
//! to run again first: of two tabs that change one document as fast as they can, one would starve. So a tab whose
//! mutation has lost twice against others asks for a turn, and they hold back their next append until it has committed.
//! It is a hint like every announcement: they don't wait for longer than it says, nor again before they have committed
//! something themselves.

use super::Tab;
use super::effect::{Announcement, Effect};

/// The longest turn. Whoever needs more has to run undisturbed by luck.
pub const LONGEST_TURN_MS: u32 = 400;
/// The loss at which a mutation asks for the first time.
const LOSSES_TO_ASK: u32 = 2;

/// Whose turn it is, by the time that has passed.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Until when this tab lets others go first.
    yields_until_ms: f64,
    /// It did so, and has committed nothing since.
    has_yielded: bool,
    /// Until when others have been asked to.
    asked_until_ms: f64,
    /// How often this tab has found commits of others.
    pub(crate) news: u64,
}

impl Tab {
    /// A mutation has to run again because of what other tabs wrote, for the so-many-eth time.
    pub(crate) fn lost_to_others(&mut self, times: u32) {
        if times < LOSSES_TO_ASK {
            return;
        }
        // It may need longer than it was given before.
        let turn_ms = (5 << times.min(8)).min(LONGEST_TURN_MS);
        self.turns.asked_until_ms = self.clock.elapsed_ms() + f64::from(turn_ms);
        self.effects.push(Effect::Announce(Announcement { turn_ms, ..self.announcement() }));
    }

    /// Another tab has asked for a turn.
    pub(crate) fn turn_asked(&mut self, turn_ms: u32) {
        let elapsed_ms = self.clock.elapsed_ms();
        // Of two that ask each other, the faster one goes first.
        if turn_ms == 0 || self.turns.has_yielded || elapsed_ms < self.turns.asked_until_ms {
            return;
        }
        self.turns.has_yielded = true;
        self.turns.yields_until_ms = elapsed_ms + f64::from(turn_ms.min(LONGEST_TURN_MS));
    }

    /// Another tab has committed.
    pub(crate) fn turn_ended(&mut self) {
        self.turns.yields_until_ms = 0.0;
    }

    /// This tab has committed.
    pub(crate) fn turn_taken(&mut self) {
        self.turns.has_yielded = false;
        self.turns.asked_until_ms = 0.0;
    }

    /// Whether the next append has to wait for others. It is woken in time.
    pub(crate) fn lets_others_go_first(&mut self) -> bool {
        let left_ms = self.turns.yields_until_ms - self.clock.elapsed_ms();
        if left_ms > 0.0 {
            self.wake_after(left_ms);
        }
        left_ms > 0.0
    }

    pub(crate) fn announcement(&self) -> Announcement {
        Announcement { generation: self.generation(), sequence: self.sequence, turn_ms: 0 }
    }
}
