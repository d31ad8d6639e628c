//! The maintenance lock of a database, by Web Locks.

use super::host::global;
use js_sys::{Function, Object, Promise, Reflect};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &Object, callback: &JsValue) -> Result<Held, JsValue>;

    /// The promise of a request, which lasts until the lock is given back or taken away.
    type Held;
    #[wasm_bindgen(method)]
    fn then(this: &Held, fulfilled: &JsValue, rejected: &JsValue) -> JsValue;
}

/// What happened to a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockNews {
    Granted,
    Lost,
}

/// The lock as this tab has it, or waits for it. Dropping it gives it back.
#[derive(Clone, Default)]
pub(crate) struct Lock(Rc<RefCell<LockState>>);

#[derive(Default)]
struct LockState {
    /// Counts the requests: only the last one matters.
    request: u32,
    /// Ends the holding of the lock.
    release: Option<Function>,
}

impl Lock {
    /// Asks for the lock, and tells when it is granted and if it is taken away. Answers false where the
    /// browser has no locks.
    pub(crate) fn request(&self, database: &str, steal: bool, news: impl Fn(LockNews) + 'static) -> bool {
        let Some(manager) = manager() else { return false };
        self.release();
        self.0.borrow_mut().request += 1;
        let request = self.0.borrow().request;
        let news = Rc::new(news);

        let (state, tell) = (self.0.clone(), news.clone());
        let granted = Closure::once_into_js(move |_lock: JsValue| -> Promise {
            if state.borrow().request != request {
                return Promise::resolve(&JsValue::UNDEFINED);
            }
            let held = Promise::new(&mut |resolve, _| state.borrow_mut().release = Some(resolve));
            tell(LockNews::Granted);
            held
        });
        let options = Object::new();
        if steal {
            let _ = Reflect::set(&options, &"steal".into(), &JsValue::TRUE);
        }
        let Ok(ended) = manager.request(&format!("holdfast:{database}"), &options, &granted) else { return false };

        let state = self.0.clone();
        // The promise is rejected when the lock is taken away, and fulfilled when it was given back: one of them
        // happens, once, and frees the closure.
        let ended_one_way = Closure::once_into_js(move |_: JsValue| {
            let is_mine = {
                let mut state = state.borrow_mut();
                state.request == request && state.release.take().is_some()
            };
            if is_mine {
                news(LockNews::Lost);
            }
        });
        ended.then(&ended_one_way, &ended_one_way);
        true
    }

    /// Whether this tab has it.
    pub(crate) fn is_held(&self) -> bool {
        self.0.borrow().release.is_some()
    }

    /// Gives the lock back, or gives up waiting for it.
    pub(crate) fn release(&self) {
        let mut state = self.0.borrow_mut();
        state.request += 1;
        if let Some(release) = state.release.take() {
            let _ = release.call0(&JsValue::UNDEFINED);
        }
    }
}

fn manager() -> Option<LockManager> {
    let navigator = global("navigator").ok()??;
    let locks = Reflect::get(&navigator, &"locks".into()).ok()?;
    (!locks.is_undefined() && !locks.is_null()).then(|| locks.unchecked_into())
}
