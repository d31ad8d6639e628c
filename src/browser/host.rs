//! What the engine needs of the JavaScript around it: who listens, timers, the clock and randomness.

use crate::tab::LONGEST_TURN_MS;
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{BroadcastChannel, IdbDatabase};

#[wasm_bindgen]
extern "C" {
    /// Who hears what an engine has to tell. Its methods may call back into the engine; they must not throw.
    pub type Listener;
    /// There is a connection, which has to be closed when the engine can't do that any more.
    #[wasm_bindgen(method)]
    pub fn connected(this: &Listener, database: &IdbDatabase);
    /// The database is usable (empty texts), or why it is not.
    #[wasm_bindgen(method)]
    pub fn opened(this: &Listener, code: &str, message: &str, place: &str);
    /// A mutation is saved (0), rejected (1: for this reason) or has to run again (2).
    #[wasm_bindgen(method)]
    pub fn settled(this: &Listener, transaction: u32, outcome: u32, code: &str, message: &str);
    /// A read can go on, or failed.
    #[wasm_bindgen(method, js_name = readReady)]
    pub fn read_ready(this: &Listener, read: u32, code: &str, message: &str);
    /// The schema changed: names, tables or the state of an index.
    #[wasm_bindgen(method, js_name = schemaChanged)]
    pub fn schema_changed(this: &Listener);
    /// Live queries have news.
    #[wasm_bindgen(method, js_name = liveChanged)]
    pub fn live_changed(this: &Listener);
    /// Something was saved of CRDT documents.
    #[cfg(feature = "sync")]
    #[wasm_bindgen(method, js_name = documentNews)]
    pub fn document_news(this: &Listener);
    /// A repair has ended: so many rows are there, and this was lost, a line each.
    #[wasm_bindgen(method)]
    pub fn repaired(this: &Listener, code: &str, message: &str, rows: f64, lost: &str);
    /// The open database has ended for this reason.
    #[wasm_bindgen(method)]
    pub fn ended(this: &Listener, code: &str, message: &str);
    /// Storage is in trouble and tried again, or works again (empty texts).
    #[wasm_bindgen(method)]
    pub fn trouble(this: &Listener, code: &str, message: &str);
    /// Something that a person should hear of.
    #[wasm_bindgen(method)]
    pub fn problem(this: &Listener, code: &str, message: &str);
}

#[wasm_bindgen]
extern "C" {
    /// A connection, and what was read through it while the engine was on its way: see `ts/head_start.ts`.
    pub type HeadStart;
    #[wasm_bindgen(method, getter)]
    pub fn database(this: &HeadStart) -> IdbDatabase;
    #[wasm_bindgen(method, getter)]
    pub fn channel(this: &HeadStart) -> Option<BroadcastChannel>;
    #[wasm_bindgen(method, getter, js_name = isOld)]
    pub fn is_old(this: &HeadStart) -> bool;
    #[wasm_bindgen(method, getter)]
    pub fn manifest(this: &HeadStart) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn generation(this: &HeadStart) -> f64;
    #[wasm_bindgen(method, getter)]
    pub fn numbers(this: &HeadStart) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn records(this: &HeadStart) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(action: &Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
    type Crypto;
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Crypto;
    #[wasm_bindgen(method, js_name = getRandomValues)]
    fn fill(this: &Crypto, bytes: &mut [u8]);
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Timers count milliseconds in 31 bits; a longer pause would end at once.
const LONGEST_MS: f64 = 2_147_483_647.0;

/// A timer that is cancelled when it is dropped. It goes off no later than it can.
pub(crate) struct Timer {
    handle: JsValue,
    _action: Closure<dyn FnMut()>,
}

impl Timer {
    pub(crate) fn new(milliseconds: f64, action: impl FnMut() + 'static) -> Self {
        let action = Closure::new(action);
        let handle = set_timeout(action.as_ref().unchecked_ref(), milliseconds.min(LONGEST_MS));
        // In Node a timer is an object that keeps the process alive unless told otherwise. That is right for the longest
        // pause that a write may be waiting for where storage does not fail: a turn of others.
        let is_awaited = milliseconds <= f64::from(LONGEST_TURN_MS);
        if let Some(unref) = function_of(&handle, "unref").filter(|_| !is_awaited) {
            let _ = unref.call0(&handle);
        }
        Timer { handle, _action: action }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.handle);
    }
}

/// A promise that is fulfilled after a pause.
pub(crate) fn pause(milliseconds: f64) -> Promise {
    Promise::new(&mut |resolve, _| {
        set_timeout(&resolve, milliseconds);
    })
}

/// The time in milliseconds since 1970.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}

/// Milliseconds by a clock that nobody sets.
pub(crate) fn steady() -> f64 {
    performance_now()
}

/// Bytes from the cryptographic source.
pub(crate) fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    CRYPTO.with(|crypto| crypto.fill(&mut bytes));
    bytes
}

/// Whether there is a page and nobody sees it.
pub(crate) fn is_page_hidden() -> bool {
    let document = global("document").ok().flatten();
    document.is_some_and(|document| {
        Reflect::get(&document, &"hidden".into()).is_ok_and(|is_hidden| is_hidden == JsValue::TRUE)
    })
}

/// A property of the global object, if it is there and not null. Looking may be forbidden.
pub(crate) fn global(name: &str) -> Result<Option<JsValue>, JsValue> {
    let value = Reflect::get(&js_sys::global(), &name.into())?;
    Ok((!value.is_null() && !value.is_undefined()).then_some(value))
}

fn function_of(object: &JsValue, name: &str) -> Option<Function> {
    if !object.is_object() {
        return None;
    }
    Reflect::get(object, &name.into()).ok()?.dyn_into().ok()
}

/// Calls back after a pause; 0 is as soon as timers get their turn.
pub(crate) fn later(action: &Function, milliseconds: f64) {
    set_timeout(action, milliseconds);
}
