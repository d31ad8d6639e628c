//! What the storage was asked and has not answered: each question is answered once, by the storage or, when its
//! connection is given up, as lost.

use crate::tab::{Effect, Failure, Input, ReadId};
use std::cell::{Cell, RefCell};

/// What an effect answers when its connection is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    Load(ReadId),
    ReadLog,
    Commit,
    Maintenance,
    Trim,
}

impl Lost {
    /// Of an effect that a connection performs; the others have no answer.
    pub(crate) fn of(effect: &Effect) -> Option<Lost> {
        Some(match effect {
            Effect::Load { read, .. } | Effect::InspectLog { read } => Lost::Load(*read),
            Effect::ReadLog { .. } => Lost::ReadLog,
            Effect::Append { .. } | Effect::Rebase { .. } => Lost::Commit,
            Effect::ReserveAttempt { .. } | Effect::WritePages { .. } | Effect::Publish { .. } => Lost::Maintenance,
            Effect::Trim { .. } => Lost::Trim,
            Effect::Lock { .. } | Effect::Unlock | Effect::WakeAfter { .. } | Effect::Reopen | Effect::Announce(_) => {
                return None;
            }
        })
    }

    pub(crate) fn answer(self) -> Input {
        let message = || "the connection is closed.".to_owned();
        match self {
            Lost::Load(read) => Input::LoadFailed { read, message: message() },
            Lost::ReadLog => Input::ReadLogFailed { message: message() },
            Lost::Commit => Input::OutcomeUnknown,
            Lost::Maintenance => Input::MaintenanceFailed(Failure::Aborted(message())),
            Lost::Trim => Input::Trimmed { is_complete: false },
        }
    }
}

/// Questions by their numbers. There are few at a time.
#[derive(Default)]
pub(crate) struct Outstanding {
    next: Cell<u32>,
    asked: RefCell<Vec<(u32, Lost)>>,
}

impl Outstanding {
    pub(crate) fn begin(&self, lost: Lost) -> u32 {
        let number = self.next.get().wrapping_add(1);
        self.next.set(number);
        self.asked.borrow_mut().push((number, lost));
        number
    }

    pub(crate) fn is_open(&self, number: u32) -> bool {
        self.asked.borrow().iter().any(|(asked, _)| *asked == number)
    }

    /// It is answered now. Whether it was not before.
    pub(crate) fn end(&self, number: u32) -> bool {
        let mut asked = self.asked.borrow_mut();
        let position = asked.iter().position(|(asked, _)| *asked == number);
        position.map(|position| asked.remove(position)).is_some()
    }

    /// All are answered as lost.
    pub(crate) fn lose(&self) -> Vec<Input> {
        self.asked.take().into_iter().map(|(_, lost)| lost.answer()).collect()
    }
}
