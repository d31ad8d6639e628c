//! Telling other tabs that the log or the manifest moved on.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, MessageEvent};

/// What every message begins with; another format will have another one.
const TAG: &str = "holdfast 1";

/// The channel of one database. Dropping it closes it.
pub(crate) struct Channel {
    channel: BroadcastChannel,
    _handler: Closure<dyn FnMut(MessageEvent)>,
}

impl Channel {
    /// Joins a database's channel. `heard` gets generation and sequence number from others. Without
    /// BroadcastChannel there is none: then this tab hears of other commits when it commits itself.
    pub(crate) fn join(database: &str, heard: impl FnMut(u64, u64) + 'static) -> Option<Channel> {
        Some(Channel::new(BroadcastChannel::new(&format!("holdfast:{database}")).ok()?, heard))
    }

    /// Takes over a channel that was joined already.
    pub(crate) fn new(channel: BroadcastChannel, mut heard: impl FnMut(u64, u64) + 'static) -> Channel {
        let handler = Closure::new(move |event: MessageEvent| {
            if let Some((generation, sequence)) = read(&event.data()) {
                heard(generation, sequence);
            }
        });
        channel.set_onmessage(Some(handler.as_ref().unchecked_ref()));
        Channel { channel, _handler: handler }
    }

    pub(crate) fn announce(&self, generation: u64, sequence: u64) {
        let message = Array::of3(&TAG.into(), &(generation as f64).into(), &(sequence as f64).into());
        // A hint may get lost.
        let _ = self.channel.post_message(&message);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
        self.channel.close();
    }
}

/// Reads a message; anybody on this site may have sent it.
fn read(message: &JsValue) -> Option<(u64, u64)> {
    let message: &Array = message.dyn_ref()?;
    if message.get(0).as_string()? != TAG {
        return None;
    }
    Some((number(&message.get(1))?, number(&message.get(2))?))
}

fn number(value: &JsValue) -> Option<u64> {
    const END: f64 = 9_007_199_254_740_992.0;
    value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..END).contains(number)).map(|number| number as u64)
}
