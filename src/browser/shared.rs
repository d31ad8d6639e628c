//! An open database: performs the effects of its tab, and delivers its events.

use super::channel::Channel;
use super::host::{HeadStart, Listener, Timer, now};
use super::indexeddb::{Answer, Connection, tail_of};
use super::inner::Inner;
use super::locks::{Lock, LockNews};
use super::memory::Seat;
use super::opening::{self, OpenFailure, open_error};
use super::outstanding::{Lost, Outstanding};
use super::trim::Trim;
use crate::tab::{Effect, Event, Input, Outcome, Tab};
use js_sys::Promise;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::IdbDatabase;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(action: &js_sys::Function);
}

/// So many steps of a database in memory follow each other before timers get their turn.
const STEPS_TOGETHER: u32 = 32;

/// Where the documents are.
pub(crate) enum Storage {
    /// The first connection is being made; these effects wait for it.
    Connecting(Vec<Effect>),
    IndexedDb(Connection),
    /// The connection is lost.
    Lost,
    Memory(Seat),
    Closed,
}

/// Something to do later for a database in memory.
pub(crate) enum Task {
    Effect(Effect),
    Input(Input),
}

/// One open database. Callbacks hold it weakly.
pub(crate) struct Shared {
    inner: RefCell<Inner>,
    pub(crate) name: String,
    is_strict: bool,
    listener: Listener,
    lock: Lock,
    outstanding: Outstanding,
    /// While the page is frozen: what is to be done when it goes on.
    held: RefCell<Option<Vec<Effect>>>,
    /// What a database in memory has to do: commits and reads, and maintenance.
    tasks: [Queue; 2],
    steps: Cell<u32>,
    /// What sends what has gathered: made once, since a function for JavaScript costs as much as a call or two.
    send: RefCell<Option<Closure<dyn FnMut()>>>,
}

#[derive(Default)]
struct Queue {
    tasks: RefCell<VecDeque<Task>>,
    is_scheduled: Cell<bool>,
}

impl Shared {
    pub(crate) fn new(
        name: String,
        is_strict: bool,
        tab: Tab,
        row_cache_bytes: usize,
        listener: Listener,
    ) -> Rc<Shared> {
        Rc::new(Shared {
            inner: RefCell::new(Inner::new(tab, row_cache_bytes)),
            name,
            is_strict,
            listener,
            lock: Lock::default(),
            outstanding: Outstanding::default(),
            held: RefCell::default(),
            tasks: Default::default(),
            steps: Cell::new(0),
            send: RefCell::default(),
        })
    }

    /// Does something with the tab, performs what comes out of it and delivers its events.
    pub(crate) fn enter<R>(self: &Rc<Self>, action: impl FnOnce(&mut Inner) -> R) -> R {
        let result = {
            let inner = &mut *self.inner.borrow_mut();
            let result = action(inner);
            self.perform_all(inner);
            result
        };
        self.deliver();
        result
    }

    /// Looks at something that changes nothing.
    pub(crate) fn look<R>(&self, action: impl FnOnce(&mut Inner) -> R) -> R {
        action(&mut self.inner.borrow_mut())
    }

    pub(crate) fn tell(self: &Rc<Self>, input: Input) {
        self.enter(|inner| inner.handle(input));
    }

    fn perform_all(self: &Rc<Self>, inner: &mut Inner) {
        loop {
            let effects = inner.tab.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                if matches!(effect, Effect::Append { .. }) {
                    inner.note_flight();
                }
                if let Some(input) = self.perform(inner, effect) {
                    inner.handle(input);
                }
            }
            // An append is on its way: the browser writes while the overlay is brought up to date.
            inner.tab.show_writes();
        }
        inner.runs.drop_ended(&inner.tab);
        inner.forget_changed_rows();
    }

    /// Finishes something, which goes out at the end of this task together with whatever else is finished in it: an append
    /// takes the page as long as to change a document and to tell of it.
    pub(crate) fn enter_and_send<R>(self: &Rc<Self>, action: impl FnOnce(&mut Inner) -> R) -> R {
        let result = self.enter(|inner| {
            if matches!(inner.storage, Storage::IndexedDb(_)) {
                inner.tab.gather();
            }
            action(inner)
        });
        self.send_soon();
        result
    }

    fn send_soon(self: &Rc<Self>) {
        let inner = &mut *self.inner.borrow_mut();
        if !inner.tab.is_gathering() || std::mem::replace(&mut inner.is_sending, true) {
            return;
        }
        // Behind the microtask that tells of live queries.
        let mut send = self.send.borrow_mut();
        let send = send.get_or_insert_with(|| {
            let shared = Rc::downgrade(self);
            Closure::new(move || {
                let Some(shared) = shared.upgrade() else { return };
                shared.enter(|inner| {
                    inner.is_sending = false;
                    let now_ms = inner.now();
                    inner.tab.send(now_ms);
                });
            })
        });
        queue_microtask(send.as_ref().unchecked_ref());
    }

    /// Hands the tab's events to the listener, who may call back.
    fn deliver(&self) {
        loop {
            let event = self.inner.borrow_mut().tab.next_event();
            let Some(event) = event else { return };
            match event {
                Event::Opened(Ok(())) => self.listener.opened("", "", ""),
                Event::Opened(Err(error)) => {
                    self.listener.opened(error.code.name(), &error.message, error.path.as_deref().unwrap_or_default());
                }
                Event::Settled { transaction, outcome } => match outcome {
                    Outcome::Saved => self.listener.settled(transaction.0, 0, "", ""),
                    Outcome::Rejected(error) => {
                        self.listener.settled(transaction.0, 1, error.code.name(), &error.message);
                    }
                    Outcome::RunAgain => self.listener.settled(transaction.0, 2, "", ""),
                },
                Event::ReadReady { read, result: Ok(()) } => self.listener.read_ready(read.0, "", ""),
                Event::ReadReady { read, result: Err(error) } => {
                    self.listener.read_ready(read.0, error.code.name(), &error.message);
                }
                Event::SchemaChanged => self.listener.schema_changed(),
                Event::LiveChanged => self.listener.live_changed(),
                #[cfg(feature = "sync")]
                Event::DocumentNews => self.listener.document_news(),
                #[cfg(not(feature = "sync"))]
                Event::DocumentNews => {}
                Event::Repaired(Ok(report)) => {
                    self.listener.repaired("", "", report.rows as f64, &report.lost.join("\n"));
                }
                Event::Repaired(Err(error)) => self.listener.repaired(error.code.name(), &error.message, 0.0, ""),
                Event::Ended(error) => self.listener.ended(error.code.name(), &error.message),
                Event::Trouble(Some(error)) => self.listener.trouble(error.code.name(), &error.message),
                Event::Trouble(None) => self.listener.trouble("", ""),
                Event::Problem(error) => self.listener.problem(error.code.name(), &error.message),
            }
        }
    }

    /// Who gets the answer to this question: the tab, if it is still there and was not told that the answer is lost.
    fn answer(self: &Rc<Self>, question: u32) -> Answer {
        let shared = Rc::downgrade(self);
        Box::new(move |input| {
            if let Some(shared) = shared.upgrade()
                && shared.outstanding.end(question)
            {
                shared.tell(input);
            }
        })
    }

    fn perform(self: &Rc<Self>, inner: &mut Inner, effect: Effect) -> Option<Input> {
        let is_harmless = matches!(effect, Effect::WakeAfter { .. } | Effect::Unlock | Effect::Announce(_));
        if !is_harmless && let Some(held) = &mut *self.held.borrow_mut() {
            held.push(effect);
            return None;
        }
        match effect {
            Effect::WakeAfter { milliseconds } => {
                let shared = Rc::downgrade(self);
                inner.timer = Some(Timer::new(milliseconds, move || {
                    if let Some(shared) = shared.upgrade() {
                        shared.tell(Input::Wake);
                    }
                }));
                None
            }
            Effect::Lock { steal } => self.request_lock(inner, steal),
            Effect::Unlock => {
                match &inner.storage {
                    Storage::Memory(seat) => seat.unlock(),
                    _ => self.lock.release(),
                }
                None
            }
            Effect::Announce(announcement) => {
                match (&inner.storage, &inner.channel) {
                    (Storage::Memory(seat), _) => seat.announce(announcement),
                    (_, Some(channel)) => channel.announce(announcement),
                    _ => {}
                }
                None
            }
            effect => match &mut inner.storage {
                Storage::Connecting(waiting) => {
                    waiting.push(effect);
                    None
                }
                Storage::IndexedDb(_) | Storage::Lost if effect == Effect::Reopen => {
                    inner.storage = Storage::Lost;
                    for lost in self.outstanding.lose() {
                        inner.handle(lost);
                    }
                    self.reopen();
                    None
                }
                Storage::IndexedDb(connection) => {
                    let question = self.outstanding.begin(Lost::of(&effect)?);
                    let answer = self.perform_stored(connection, effect, question);
                    if answer.is_some() {
                        self.outstanding.end(question);
                    }
                    answer
                }
                Storage::Memory(_) => {
                    self.post(Task::Effect(effect));
                    None
                }
                Storage::Lost | Storage::Closed => Lost::of(&effect).map(Lost::answer),
            },
        }
    }

    fn perform_stored(self: &Rc<Self>, connection: &Connection, effect: Effect, question: u32) -> Option<Input> {
        let answer = self.answer(question);
        match effect {
            Effect::Load { read, generation, pages } => connection.load(read, generation, pages, answer),
            Effect::ReadLog { generation, after, from_manifest } => {
                connection.read_log(generation, after, from_manifest, answer)
            }
            Effect::Append { sequence, record } => connection.append(sequence, &record, answer),
            Effect::Rebase { generation, after } => {
                let shared = Rc::downgrade(self);
                let rebase = Box::new(move |tail| {
                    // Effects and events wait until the answer: nothing may come before the `add`.
                    let shared = shared.upgrade().filter(|shared| shared.outstanding.is_open(question))?;
                    let inner = &mut *shared.inner.borrow_mut();
                    let now_ms = inner.now();
                    let addition = inner.tab.rebase(now_ms, tail);
                    // But who reads before then must not be given what was.
                    inner.forget_changed_rows();
                    inner.note_flight();
                    addition
                });
                connection.rebase(generation, after, rebase, answer)
            }
            Effect::ReserveAttempt { after } => connection.reserve_attempt(after, answer),
            Effect::WritePages { pages } => connection.write_pages(&pages, answer),
            Effect::InspectLog { read } => connection.inspect_log(read, answer),
            Effect::Publish { generation, manifest, fence } => connection.publish(generation, manifest, fence, answer),
            Effect::Trim { log_upto, manifests_below, pages } => {
                let trim = Trim::new(log_upto, manifests_below, pages);
                trim_on(Rc::downgrade(self), connection, trim, question)
                    .map(|is_complete| Input::Trimmed { is_complete })
            }
            _ => None,
        }
    }

    fn request_lock(self: &Rc<Self>, inner: &mut Inner, steal: bool) -> Option<Input> {
        if let Storage::Memory(seat) = &inner.storage {
            return seat.lock(steal).then_some(Input::LockGranted);
        }
        let shared = Rc::downgrade(self);
        let is_requested = self.lock.request(&self.name, steal, move |news| {
            let Some(shared) = shared.upgrade() else { return };
            shared.tell(match news {
                LockNews::Granted => Input::LockGranted,
                LockNews::Lost => Input::LockLost,
            });
        });
        // Nothing depends on the lock for its correctness.
        (!is_requested).then_some(Input::LockGranted)
    }

    // ---- freezing ----

    /// The page is being frozen. A transaction that waits for its callbacks would make other tabs wait as long as the page
    /// sleeps, and messages come even then: nothing is begun before it goes on.
    pub(crate) fn freeze(self: &Rc<Self>) {
        let is_locked = {
            let inner = self.inner.borrow();
            if matches!(inner.storage, Storage::Memory(_) | Storage::Closed) || self.held.borrow().is_some() {
                return;
            }
            *self.held.borrow_mut() = Some(Vec::new());
            if let Storage::IndexedDb(connection) = &inner.storage {
                connection.abort_open();
            }
            self.lock.is_held()
        };
        if is_locked {
            self.lock.release();
            self.tell(Input::LockLost);
        }
    }

    /// The page goes on, or is looked at again, and catches up.
    pub(crate) fn resume(self: &Rc<Self>) {
        let held = self.held.take().unwrap_or_default();
        self.enter(|inner| {
            for effect in held {
                if let Some(input) = self.perform(inner, effect) {
                    inner.handle(input);
                }
            }
            inner.tab.refresh();
        });
    }

    // ---- connections ----

    /// Makes the first connection.
    pub(crate) fn connect(self: &Rc<Self>) {
        let shared = self.clone();
        spawn_local(async move {
            match opening::open_or_create(&shared.name).await {
                Ok(database) => shared.connected(database, None),
                Err(failure) => shared.enter(|inner| inner.tab.fail(open_error(&shared.name, &failure))),
            }
        });
    }

    /// Takes a place at the store in memory.
    pub(crate) fn sit_down(self: &Rc<Self>) {
        let seat = Seat::take(&self.name, Rc::downgrade(self));
        self.use_storage(Storage::Memory(seat), None);
    }

    /// Goes on with a connection; `head_start` is what was read through it already.
    pub(crate) fn connected(self: &Rc<Self>, database: IdbDatabase, head_start: Option<HeadStart>) {
        if matches!(self.inner.borrow().storage, Storage::Closed) {
            database.close();
            return;
        }
        let (lost, superseded) = (Rc::downgrade(self), Rc::downgrade(self));
        let on_lost = move || {
            if let Some(shared) = lost.upgrade() {
                shared.disconnect();
                // A write may be under way; if none is, this only makes a new connection.
                shared.tell(Input::OutcomeUnknown);
            }
        };
        let on_superseded = move |is_deleted: bool| {
            if let Some(shared) = superseded.upgrade() {
                shared.disconnect();
                shared.tell(if is_deleted {
                    Input::Deleted { by: "by another tab" }
                } else {
                    Input::ReopenFailed { message: "other code has given it a higher version.".into() }
                });
            }
        };
        self.listener.connected(&database);
        let connection = Connection::new(database, self.is_strict, on_lost, on_superseded);
        let shared = Rc::downgrade(self);
        let heard = move |announcement| {
            if let Some(shared) = shared.upgrade() {
                shared.tell(Input::Announced(announcement));
            }
        };
        let channel = match &head_start {
            Some(start) => start.channel().map(|channel| Channel::new(channel, heard)),
            None => Channel::join(&self.name, heard),
        };
        self.inner.borrow_mut().channel = channel;
        self.use_storage(Storage::IndexedDb(connection), head_start);
    }

    fn use_storage(self: &Rc<Self>, storage: Storage, mut head_start: Option<HeadStart>) {
        self.enter(|inner| {
            let before = std::mem::replace(&mut inner.storage, storage);
            let Storage::Connecting(waiting) = before else { return };
            for effect in waiting {
                let is_answered = matches!(effect, Effect::ReadLog { .. }) && head_start.is_some();
                if !is_answered {
                    if let Some(input) = self.perform(inner, effect) {
                        inner.handle(input);
                    }
                } else if let Some(start) = head_start.take() {
                    let tail = tail_of(start.generation(), &start.manifest(), &start.numbers(), &start.records());
                    inner.handle(Input::LogRead(tail));
                    if start.is_old() {
                        inner.tab.refresh();
                    }
                }
            }
        });
    }

    fn disconnect(&self) {
        let mut inner = self.inner.borrow_mut();
        if matches!(inner.storage, Storage::IndexedDb(_)) {
            inner.storage = Storage::Lost;
        }
    }

    fn reopen(self: &Rc<Self>) {
        let shared = self.clone();
        spawn_local(async move {
            match opening::reopen(&shared.name).await {
                Ok(database) => {
                    shared.connected(database, None);
                    shared.tell(Input::Reopened);
                }
                Err(failure) => {
                    shared.tell(match failure {
                        OpenFailure::Unavailable(message) => Input::NotReopened { message },
                        // To create it again would hide that all data is gone.
                        OpenFailure::Gone => Input::Deleted { by: "by another tab or with the site's data" },
                        OpenFailure::Newer | OpenFailure::Foreign | OpenFailure::Blocked => {
                            Input::ReopenFailed { message: open_error(&shared.name, &failure).into_message() }
                        }
                    });
                }
            }
        });
    }

    /// Ends everything. Whatever was not saved is rejected. The promise settles when the browser has ended all its
    /// transactions: where a worker was ended before that, WebKit takes its connection for open, and nobody could
    /// delete the database.
    pub(crate) fn close(self: &Rc<Self>) -> Promise {
        self.lock.release();
        for queue in &self.tasks {
            queue.tasks.borrow_mut().clear();
        }
        self.enter(|inner| {
            inner.tab.close();
            let storage = std::mem::replace(&mut inner.storage, Storage::Closed);
            inner.channel = None;
            inner.timer = None;
            inner.rows.clear();
            match storage {
                Storage::IndexedDb(connection) => Promise::new(&mut |resolve, _| connection.at_end(resolve)),
                _ => Promise::resolve(&JsValue::UNDEFINED),
            }
        })
    }

    // ---- the store in memory ----

    /// Puts a task in its queue.
    pub(crate) fn post(self: &Rc<Self>, task: Task) {
        let is_slow = matches!(
            task,
            Task::Effect(
                Effect::ReserveAttempt { .. }
                    | Effect::WritePages { .. }
                    | Effect::Publish { .. }
                    | Effect::Trim { .. }
            )
        );
        self.tasks[usize::from(is_slow)].tasks.borrow_mut().push_back(task);
        self.schedule(usize::from(is_slow));
    }

    fn schedule(self: &Rc<Self>, which: usize) {
        let queue = &self.tasks[which];
        if queue.is_scheduled.replace(true) {
            return;
        }
        let shared = Rc::downgrade(self);
        let run = Closure::once_into_js(move || {
            if let Some(shared) = shared.upgrade() {
                shared.work(which);
            }
        });
        let steps = self.steps.get();
        if which == 0 && steps < STEPS_TOGETHER {
            self.steps.set(steps + 1);
            queue_microtask(run.unchecked_ref());
        } else {
            self.steps.set(0);
            super::host::later(run.unchecked_ref(), 0.0);
        }
    }

    fn work(self: &Rc<Self>, which: usize) {
        let queue = &self.tasks[which];
        queue.is_scheduled.set(false);
        let task = queue.tasks.borrow_mut().pop_front();
        match task {
            None => {}
            Some(Task::Input(input)) => self.tell(input),
            Some(Task::Effect(effect)) => self.enter(|inner| {
                let Inner { tab, storage, .. } = inner;
                let Storage::Memory(seat) = storage else { return };
                let input = match effect {
                    Effect::Rebase { generation, after } => {
                        Some(seat.rebase(generation, after, |tail| tab.rebase(now(), tail)))
                    }
                    effect => seat.perform(effect),
                };
                if let Some(input) = input {
                    tab.handle(now(), input);
                }
            }),
        }
        if !queue.tasks.borrow().is_empty() {
            self.schedule(which);
        }
    }
}

/// Deletes step by step; when it is over at once, whether everything is deleted.
fn trim_on(shared: Weak<Shared>, connection: &Connection, trim: Trim, question: u32) -> Option<bool> {
    if trim.is_done() {
        return Some(true);
    }
    let next = move |rest: Option<Trim>| {
        let Some(strong) = shared.upgrade().filter(|shared| shared.outstanding.is_open(question)) else { return };
        let ended = match rest {
            None => Some(false),
            Some(trim) => match &strong.inner.borrow().storage {
                Storage::IndexedDb(connection) => trim_on(shared, connection, trim, question),
                _ => Some(false),
            },
        };
        if let Some(is_complete) = ended
            && strong.outstanding.end(question)
        {
            strong.tell(Input::Trimmed { is_complete });
        }
    };
    trim.step(connection, next).is_err().then_some(false)
}
