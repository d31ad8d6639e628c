//! Telling other tabs that the log or the manifest moved on.

use super::host::{Timer, is_page_hidden, now};
use crate::tab::Announcement;
use js_sys::Array;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// What every message begins with; another format will have another one.
const TAG: &str = "holdfast 1";

/// The least time between two messages. Sending one takes about as long as beginning a transaction, so a tab that
/// writes one commit after the other would lose a third of its speed to telling of each; and other tabs read all that
/// is new at once anyway.
const GAP_MS: f64 = 10.0;

/// The channel of one database. Dropping it says what is still to be said, and closes it.
pub(crate) struct Channel {
    speaker: Rc<Speaker>,
    _handler: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// Joins a database's channel. `heard` gets what others say. Without BroadcastChannel there is none: then this tab
    /// hears of other commits when it commits itself.
    pub(crate) fn join(database: &str, heard: impl FnMut(Announcement) + 'static) -> Option<Channel> {
        Some(Channel::new(BroadcastChannel::new(&format!("holdfast:{database}")).ok()?, heard))
    }

    /// Takes over a channel that was joined already.
    pub(crate) fn new(channel: BroadcastChannel, mut heard: impl FnMut(Announcement) + 'static) -> Channel {
        let handler = Closure::new(move |event: MessageEvent| {
            if let Some(announcement) = read(&event.data()) {
                heard(announcement);
            }
        });
        channel.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        let speaker = Rc::new(Speaker {
            channel,
            spoke_ms: Cell::new(f64::NEG_INFINITY),
            unsaid: Cell::default(),
            timer: RefCell::default(),
        });
        Channel { speaker, _handler: handler }
    }

    /// Tells others how far log and manifest are: at once, or soon together with what follows.
    pub(crate) fn announce(&self, announcement: Announcement) {
        let speaker = &self.speaker;
        if announcement.turn_ms > 0 {
            // It is not news, and the news that end the turn must not wait because of it.
            return speaker.say(announcement);
        }
        let wait_ms = speaker.spoke_ms.get() + GAP_MS - now();
        // A clock that was set back must not make others wait.
        let may_wait = wait_ms > 0.0 && wait_ms <= GAP_MS;
        if speaker.unsaid.replace(Some(announcement)).is_some() && may_wait {
            return;
        }
        // The timers of a hidden page are late by a second or a minute.
        if !may_wait || is_page_hidden() {
            speaker.say_rest();
            return;
        }
        let later = Rc::downgrade(speaker);
        let timer = Timer::new(wait_ms, move || {
            if let Some(speaker) = later.upgrade() {
                speaker.say_rest();
            }
        });
        *speaker.timer.borrow_mut() = Some(timer);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.speaker.say_rest();
        self.speaker.channel.set_onmessage(None);
        self.speaker.channel.close();
    }
}

/// Who sends, and what it has not sent yet.
struct Speaker {
    channel: BroadcastChannel,
    spoke_ms: Cell<f64>,
    unsaid: Cell<Option<Announcement>>,
    timer: RefCell<Option<Timer>>,
}

impl Speaker {
    fn say_rest(&self) {
        let Some(announcement) = self.unsaid.take() else { return };
        self.spoke_ms.set(now());
        self.say(announcement);
    }

    fn say(&self, Announcement { generation, sequence, turn_ms }: Announcement) {
        let numbers = [generation as f64, sequence as f64, f64::from(turn_ms)].map(JsValue::from);
        let [generation, sequence, turn_ms] = &numbers;
        // A hint may get lost.
        let _ = self.channel.post_message(&Array::of4(&TAG.into(), generation, sequence, turn_ms));
    }
}

/// Reads a message; anybody on this site may have sent it.
fn read(message: &JsValue) -> Option<Announcement> {
    let message: &Array = message.dyn_ref()?;
    if message.get(0).as_string()? != TAG {
        return None;
    }
    let turn_ms = number(&message.get(3)).map_or(0, |milliseconds| milliseconds.min(u64::from(u32::MAX)) as u32);
    Some(Announcement { generation: number(&message.get(1))?, sequence: number(&message.get(2))?, turn_ms })
}

fn number(value: &JsValue) -> Option<u64> {
    const END: f64 = 9_007_199_254_740_992.0;
    value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..END).contains(number)).map(|number| number as u64)
}
