//! One transaction of IndexedDB with the closures that it calls.

use js_sys::Function;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use web_sys::{DomException, Event, IdbObjectStore, IdbRequest, IdbTransaction};

#[wasm_bindgen]
extern "C" {
    /// `IDBTransaction` with the method that `web-sys` has deprecated for a reason of its own.
    type CommittingTransaction;
    #[wasm_bindgen(method, catch, js_name = commit)]
    fn commit_now(this: &CommittingTransaction) -> Result<(), JsValue>;
}

type Handler = Closure<dyn FnMut(Event)>;

/// How a transaction ended: it completed, or was aborted, with its error if it has one.
type End = Result<(), Option<DomException>>;

/// What a connection and its transactions share: when the last of them has gone, it calls the function that it was
/// given, if any.
#[derive(Default)]
pub(crate) struct Use(RefCell<Option<Function>>);

impl Use {
    pub(crate) fn at_end(&self, action: Function) {
        self.0.replace(Some(action));
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            let _ = action.call0(&JsValue::UNDEFINED);
        }
    }
}

/// A transaction under way. Its closures live until it ends, which it always does: by completing, by
/// aborting, or with the page.
#[derive(Clone)]
pub(crate) struct Running {
    transaction: IdbTransaction,
    handlers: Rc<RefCell<Vec<Handler>>>,
    in_use: Rc<Use>,
}

/// A transaction, for as long as it is under way.
pub(crate) struct Watched(IdbTransaction, Weak<RefCell<Vec<Handler>>>);

impl Watched {
    pub(crate) fn is_under_way(&self) -> bool {
        self.1.strong_count() > 0
    }

    /// Ends it, unless its commit was asked for.
    pub(crate) fn abort(&self) {
        let _ = self.0.abort();
    }
}

impl Running {
    pub(crate) fn watched(&self) -> Watched {
        Watched(self.transaction.clone(), Rc::downgrade(&self.handlers))
    }

    pub(crate) fn new(transaction: IdbTransaction, in_use: Rc<Use>) -> Self {
        Running { transaction, handlers: Rc::default(), in_use }
    }

    pub(crate) fn store(&self, name: &str) -> Result<IdbObjectStore, JsValue> {
        self.transaction.object_store(name)
    }

    /// Starts the commit without waiting for the requests' callbacks.
    #[allow(deprecated)] // web-sys warns of browsers that lack it; here it is an optimization.
    pub(crate) fn commit(&self) {
        // Where `commit` is missing or comes too late, the transaction commits by itself.
        let _ = self.transaction.unchecked_ref::<CommittingTransaction>().commit_now();
    }

    pub(crate) fn abort(&self) {
        let _ = self.transaction.abort();
    }

    /// Calls back with the request's result, inside the transaction. If the request fails, the transaction
    /// aborts and nothing is called here.
    pub(crate) fn after(&self, request: &IdbRequest, action: impl FnOnce(JsValue) + 'static) {
        self.after_boxed(request, Box::new(action));
    }

    /// Compiled once: the handler around each kind of action would weigh as much as the action.
    fn after_boxed(&self, request: &IdbRequest, action: Box<dyn FnOnce(JsValue)>) {
        let mut action = Some(action);
        let source = request.clone();
        let handler = Closure::new(move |_: Event| {
            if let Some(action) = action.take() {
                action(source.result().unwrap_or(JsValue::UNDEFINED));
            }
        });
        request.set_onsuccess(Some(handler.as_ref().unchecked_ref()));
        self.handlers.borrow_mut().push(handler);
    }

    /// Calls back when the transaction has ended.
    pub(crate) fn at_end(self, action: impl FnOnce(End) + 'static) {
        self.at_end_boxed(Box::new(action));
    }

    fn at_end_boxed(self, action: Box<dyn FnOnce(End)>) {
        let Running { transaction, handlers, in_use } = self;
        let source = transaction.clone();
        let kept = handlers.clone();
        let mut action = Some((action, in_use));
        let handler: Handler = Closure::new(move |event: Event| {
            let Some((action, in_use)) = action.take() else { return };
            let end = if event.type_() == "complete" { Ok(()) } else { Err(source.error()) };
            // Dropping the handlers drops this one too, as soon as it returns.
            let done = kept.take();
            action(end);
            drop((done, in_use));
        });
        let function = Some(handler.as_ref().unchecked_ref());
        transaction.set_oncomplete(function);
        transaction.set_onabort(function);
        handlers.borrow_mut().push(handler);
    }
}

/// What an exception or an aborted transaction says of itself.
pub(crate) fn describe(error: &JsValue) -> String {
    match error.dyn_ref::<DomException>() {
        Some(exception) => describe_exception(exception),
        None => match error.dyn_ref::<js_sys::Error>() {
            Some(error) => sentence(String::from(error.name()), String::from(error.message())),
            None => "no reason was given.".into(),
        },
    }
}

/// What an exception of the browser says of itself.
pub(crate) fn describe_exception(exception: &DomException) -> String {
    sentence(exception.name(), exception.message())
}

fn sentence(name: String, message: String) -> String {
    let stop = if message.ends_with('.') { "" } else { "." };
    format!("{name}: {message}{stop}")
}
