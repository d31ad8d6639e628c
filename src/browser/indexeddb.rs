//! The stores of a database in IndexedDB, as the transactions that the core asks for.
//!
//! ```text
//! log    sequence -> record          add only; the next free number is the lock of the database
//! pages  page id -> page             written once, never changed
//! meta   generation -> manifest      and "attempts" -> how many checkpoints were begun
//! blobs  large values, later
//! ```
//! No transaction waits for anything but its own requests: everything happens in callbacks. Each
//! operation answers once, with an [`Input`]; what fails before a transaction has begun is returned
//! instead, because then the caller is still on the stack.

use super::request::{Running, Use, Watched, describe, describe_exception};
use crate::store::{Manifest, PageId, next_attempt};
use crate::tab::{Failure, Input, LogTail, ReadId};
use js_sys::{Array, Function, Object, Reflect, Uint8Array};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{
    DomException, IdbCursor, IdbCursorDirection, IdbCursorWithValue, IdbDatabase, IdbKeyRange, IdbRequest,
    IdbTransaction,
};

pub(crate) const LOG: &str = "log";
pub(crate) const PAGES: &str = "pages";
pub(crate) const META: &str = "meta";
pub(crate) const BLOBS: &str = "blobs";
/// Every store of a database.
pub(crate) const STORES: [&str; 4] = [LOG, PAGES, META, BLOBS];

const ATTEMPTS: &str = "attempts";

/// Who waits for an operation.
pub(crate) type Answer = Box<dyn FnOnce(Input)>;
/// What the core does with the log inside the transaction of a rebase: which record to add, if any.
pub(crate) type Rebase = Box<dyn FnOnce(LogTail) -> Option<(u64, Vec<u8>)>>;

#[wasm_bindgen]
extern "C" {
    /// `IDBDatabase` with the durability argument, which `web-sys` counts as unstable.
    #[wasm_bindgen(extends = IdbDatabase)]
    type DurableDatabase;
    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn begin(this: &DurableDatabase, stores: &Array, mode: &str, options: &Object) -> Result<IdbTransaction, JsValue>;
}

/// What a transaction may do, and what its end means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Read,
    /// Its end means that the browser's process has it.
    Relaxed,
    /// Its end means that the disk has it.
    Strict,
}

/// An open connection. Dropping it closes it.
pub(crate) struct Connection {
    database: IdbDatabase,
    /// How commits are written.
    commits: Mode,
    in_use: Rc<Use>,
    /// What is under way, and what has ended since the last look.
    begun: RefCell<Vec<Watched>>,
    _handlers: [Closure<dyn FnMut(web_sys::Event)>; 2],
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onclose(None);
        self.database.set_onversionchange(None);
        self.database.close();
    }
}

/// An answer that is given once, by whoever comes first.
#[derive(Clone)]
struct Once(Rc<RefCell<Option<Answer>>>);

impl Once {
    fn new(answer: Answer) -> Self {
        Once(Rc::new(RefCell::new(Some(answer))))
    }

    fn give(&self, input: Input) {
        let answer = self.0.borrow_mut().take();
        if let Some(answer) = answer {
            answer(input);
        }
    }
}

impl Connection {
    /// Takes over a connection. `on_lost` hears when the browser closes it, `on_superseded` when someone
    /// else wants to delete the database (true) or to upgrade it: the connection has to be dropped for that to
    /// happen.
    pub(crate) fn new(
        database: IdbDatabase,
        is_strict: bool,
        on_lost: impl FnMut() + 'static,
        on_superseded: impl FnMut(bool) + 'static,
    ) -> Self {
        let (mut on_lost, mut on_superseded) = (on_lost, on_superseded);
        let lost = Closure::new(move |_: web_sys::Event| on_lost());
        let superseded = Closure::new(move |event: web_sys::Event| {
            on_superseded(Reflect::get(&event, &"newVersion".into()).is_ok_and(|version| version.is_null()));
        });
        database.set_onclose(Some(lost.as_ref().unchecked_ref()));
        database.set_onversionchange(Some(superseded.as_ref().unchecked_ref()));
        let commits = if is_strict { Mode::Strict } else { Mode::Relaxed };
        Connection {
            database,
            commits,
            in_use: Rc::default(),
            begun: RefCell::default(),
            _handlers: [lost, superseded],
        }
    }

    /// Calls a function when this is dropped and its transactions have ended, those too whose answer was there before.
    pub(crate) fn at_end(&self, action: Function) {
        self.in_use.at_end(action);
    }

    pub(crate) fn begin(&self, stores: &[&str], mode: Mode) -> Result<Running, JsValue> {
        let names: Array = stores.iter().map(|name| JsValue::from_str(name)).collect();
        let (mode, durability) = match mode {
            Mode::Read => ("readonly", "relaxed"),
            Mode::Relaxed => ("readwrite", "relaxed"),
            Mode::Strict => ("readwrite", "strict"),
        };
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &durability.into())?;
        let database: &DurableDatabase = self.database.unchecked_ref();
        let transaction = database.begin(&names, mode, &options)?;
        let running = Running::new(transaction, self.in_use.clone());
        let mut begun = self.begun.borrow_mut();
        begun.retain(Watched::is_under_way);
        begun.push(running.watched());
        Ok(running)
    }

    /// Ends what waits for this page to say how it goes on. What was committed already goes through.
    pub(crate) fn abort_open(&self) {
        for watched in self.begun.take() {
            watched.abort();
        }
    }

    /// Reads pages, and whether there is a manifest newer than `generation`.
    pub(crate) fn load(&self, read: ReadId, generation: u64, pages: Vec<PageId>, answer: Answer) -> Option<Input> {
        let once = Once::new(answer);
        match self.try_load(read, generation, pages, &once) {
            Ok(running) => {
                running.at_end(move |end| {
                    if let Err(error) = end {
                        once.give(Input::LoadFailed { read, message: reason(error.as_ref()) });
                    }
                });
                None
            }
            Err(error) => Some(Input::LoadFailed { read, message: describe(&error) }),
        }
    }

    fn try_load(&self, read: ReadId, generation: u64, mut pages: Vec<PageId>, once: &Once) -> Result<Running, JsValue> {
        crate::sort::sort(&mut pages);
        pages.dedup();
        let running = self.begin(&[PAGES, META], Mode::Read)?;
        let store = running.store(PAGES)?;
        // One request a page: the browser's process answers while this one takes pages in. A `getAll` of many large
        // values takes half as long again, even where pages are adjacent.
        let requests = pages.into_iter().map(|page| Ok((page, store.get(&(page as f64).into())?)));
        let requests = requests.collect::<Result<Vec<(PageId, IdbRequest)>, JsValue>>()?;
        // Requests are answered in their order, so when the last one is, all are.
        let newer = running.store(META)?.get_key(&numbers_after(generation)?)?;
        let once = once.clone();
        running.after(&newer, move |key| {
            let pages = requests.into_iter().map(|(page, request)| (page, page_of(&request))).collect();
            once.give(Input::PagesLoaded { read, pages, newer_manifest: !key.is_undefined() });
        });
        Ok(running)
    }

    /// Reads the newest manifest, if newer than `generation`, and the log after `after`, or after what that
    /// manifest covers.
    pub(crate) fn read_log(&self, generation: u64, after: u64, from_manifest: bool, answer: Answer) -> Option<Input> {
        self.read_tail(None, generation, after, from_manifest, answer)
    }

    /// Reads the newest manifest and the log after what it covers, for somebody who looks whether they are whole.
    pub(crate) fn inspect_log(&self, read: ReadId, answer: Answer) -> Option<Input> {
        self.read_tail(Some(read), 0, 0, true, answer)
    }

    fn read_tail(
        &self,
        inspection: Option<ReadId>,
        generation: u64,
        after: u64,
        from_manifest: bool,
        answer: Answer,
    ) -> Option<Input> {
        let found = move |tail| match inspection {
            Some(read) => Input::LogInspected { read, tail },
            None => Input::LogRead(tail),
        };
        let failed = move |message| match inspection {
            Some(read) => Input::LoadFailed { read, message },
            None => Input::ReadLogFailed { message },
        };
        let once = Once::new(answer);
        let running = match self.begin(&[LOG, META], Mode::Read) {
            Ok(running) => running,
            Err(error) => return Some(failed(describe(&error))),
        };
        let given = once.clone();
        if let Err(error) = read_tail(&running, generation, after, from_manifest, move |tail| given.give(found(tail))) {
            running.abort();
            return Some(failed(describe(&error)));
        }
        running.at_end(move |end| {
            if let Err(error) = end {
                once.give(failed(reason(error.as_ref())));
            }
        });
        None
    }

    /// Adds a record to the log.
    pub(crate) fn append(&self, sequence: u64, record: &[u8], answer: Answer) -> Option<Input> {
        let Ok(running) = self.begin(&[LOG], self.commits) else { return Some(Input::OutcomeUnknown) };
        if let Err(error) = add(&running, LOG, sequence, record) {
            running.abort();
            return Some(Input::AppendFailed(failure_of(&error)));
        }
        running.at_end(move |end| answer(append_outcome(end)));
        None
    }

    /// Reads the log and adds what the core makes of it, in one transaction and one callback.
    pub(crate) fn rebase(&self, generation: u64, after: u64, rebase: Rebase, answer: Answer) -> Option<Input> {
        let Ok(running) = self.begin(&[LOG, META], self.commits) else { return Some(Input::OutcomeUnknown) };
        // What the end of the transaction means depends on whether something was added, and how that went.
        let added: Rc<RefCell<Result<bool, Failure>>> = Rc::new(RefCell::new(Ok(false)));
        let noted = added.clone();
        let inner = running.clone();
        let read = read_tail(&running, generation, after, false, move |tail| {
            let Some((sequence, record)) = rebase(tail) else { return inner.commit() };
            let outcome = add(&inner, LOG, sequence, &record);
            *noted.borrow_mut() = match outcome {
                Ok(()) => Ok(true),
                Err(error) => {
                    inner.abort();
                    Err(failure_of(&error))
                }
            };
        });
        if let Err(error) = read {
            running.abort();
            return Some(Input::AppendFailed(failure_of(&error)));
        }
        running.at_end(move |end| {
            let added = added.borrow().clone();
            answer(match added {
                Err(failure) => Input::AppendFailed(failure),
                Ok(true) => append_outcome(end),
                Ok(false) if end.is_ok() => Input::RebasedToNothing,
                // It ended while reading: there is nothing to find out, but the connection may be gone.
                Ok(false) => Input::OutcomeUnknown,
            });
        });
        None
    }

    /// Draws the number of a checkpoint attempt, greater than `after`.
    pub(crate) fn reserve_attempt(&self, after: u64, answer: Answer) -> Option<Input> {
        let reserved = Rc::new(RefCell::new(0));
        let noted = reserved.clone();
        let started = self.begin(&[META], Mode::Relaxed).and_then(|running| {
            let meta = running.store(META)?;
            let request = meta.get(&ATTEMPTS.into())?;
            let inner = running.clone();
            running.after(&request, move |count| {
                // What is no number counts as nothing.
                let attempt = next_attempt(count.as_f64().unwrap_or(0.0) as u64, after);
                *noted.borrow_mut() = attempt;
                if meta.put_with_key(&(attempt as f64).into(), &ATTEMPTS.into()).is_err() {
                    inner.abort();
                }
                inner.commit();
            });
            Ok(running)
        });
        end_maintenance(started, answer, move || Input::AttemptReserved { attempt: *reserved.borrow() })
    }

    /// Stores pages.
    pub(crate) fn write_pages(&self, pages: &[(PageId, Vec<u8>)], answer: Answer) -> Option<Input> {
        let started = self.begin(&[PAGES], Mode::Relaxed).and_then(|running| {
            let store = running.store(PAGES)?;
            for (page, bytes) in pages {
                store.put_with_key(&Uint8Array::from(bytes.as_slice()), &(*page as f64).into())?;
            }
            running.commit();
            Ok(running)
        });
        end_maintenance(started, answer, || Input::PagesWritten)
    }

    /// Puts a manifest in force, if it follows the newest one, and with it this record in the log.
    pub(crate) fn publish(
        &self,
        generation: u64,
        manifest: Vec<u8>,
        fence: Option<(u64, Vec<u8>)>,
        answer: Answer,
    ) -> Option<Input> {
        let is_refused = Rc::new(RefCell::new(false));
        let refused = is_refused.clone();
        let stores: &[&str] = if fence.is_some() { &[META, LOG] } else { &[META] };
        let started = self.begin(stores, Mode::Strict).and_then(|running| {
            let meta = running.store(META)?;
            let newest = meta.open_key_cursor_with_range_and_direction(&numbers_after(0)?, IdbCursorDirection::Prev)?;
            let inner = running.clone();
            running.after(&newest, move |cursor| {
                let newest =
                    cursor.dyn_ref::<IdbCursor>().and_then(|cursor| cursor.key().ok()?.as_f64()).unwrap_or(0.0);
                if newest as u64 + 1 == generation {
                    let fenced = fence.map_or(Ok(()), |(sequence, record)| put_new(&inner, LOG, sequence, &record));
                    if fenced.and_then(|()| add(&inner, META, generation, &manifest)).is_err() {
                        inner.abort();
                    }
                } else {
                    *refused.borrow_mut() = true;
                    inner.commit();
                }
            });
            Ok(running)
        });
        end_maintenance(
            started,
            answer,
            move || {
                if *is_refused.borrow() { Input::PublishConflict } else { Input::Published }
            },
        )
    }
}

/// Answers at the end of a maintenance transaction.
fn end_maintenance(
    started: Result<Running, JsValue>,
    answer: Answer,
    success: impl FnOnce() -> Input + 'static,
) -> Option<Input> {
    match started {
        Ok(running) => {
            running.at_end(move |end| {
                answer(match end {
                    Ok(()) => success(),
                    Err(error) if is_constraint(error.as_ref()) => Input::PublishConflict,
                    Err(error) => Input::MaintenanceFailed(failure(error.as_ref())),
                });
            });
            None
        }
        Err(error) => Some(Input::MaintenanceFailed(failure_of(&error))),
    }
}

/// Reads manifest and log inside a transaction and hands them over in its callback.
fn read_tail(
    running: &Running,
    generation: u64,
    after: u64,
    from_manifest: bool,
    then: impl FnOnce(LogTail) + 'static,
) -> Result<(), JsValue> {
    let meta = running.store(META)?;
    let log = running.store(LOG)?;
    let newest = meta.open_cursor_with_range_and_direction(&numbers_after(generation)?, IdbCursorDirection::Prev)?;
    if !from_manifest {
        let values = log.get_all_with_key(&numbers_after(after)?)?;
        let keys = log.get_all_keys_with_key(&numbers_after(after)?)?;
        running.after(&keys, move |keys| {
            then(LogTail {
                manifest: manifest_of(&result_of(&newest)),
                records: records_of(&keys, &result_of(&values)),
            });
        });
        return Ok(());
    }
    let inner = running.clone();
    running.after(&newest, move |cursor| {
        let manifest = manifest_of(&cursor);
        let covered = manifest.as_ref().and_then(|(_, bytes)| Manifest::peek_sequence(bytes)).unwrap_or(0);
        let requests = numbers_after(after.max(covered))
            .and_then(|range| Ok((log.get_all_with_key(&range)?, log.get_all_keys_with_key(&range)?)));
        match requests {
            Ok((values, keys)) => inner.after(&keys, move |keys| {
                then(LogTail { manifest, records: records_of(&keys, &result_of(&values)) });
            }),
            Err(_) => inner.abort(),
        }
    });
    Ok(())
}

/// What was read of the log by somebody else: the newest manifest, if there is one, numbers and records.
pub(crate) fn tail_of(generation: f64, manifest: &JsValue, numbers: &JsValue, records: &JsValue) -> LogTail {
    let manifest = (!manifest.is_undefined()).then(|| (generation as u64, bytes_of(manifest)));
    LogTail { manifest, records: records_of(numbers, records) }
}

fn manifest_of(cursor: &JsValue) -> Option<(u64, Vec<u8>)> {
    // A cursor that found nothing is null.
    let cursor = cursor.dyn_ref::<IdbCursorWithValue>()?;
    let generation = cursor.key().ok().and_then(|key| key.as_f64()).unwrap_or(0.0) as u64;
    Some((generation, bytes_of(&cursor.value().unwrap_or(JsValue::UNDEFINED))))
}

fn records_of(keys: &JsValue, values: &JsValue) -> Vec<(u64, Vec<u8>)> {
    let (keys, values): (&Array, &Array) = (keys.unchecked_ref(), values.unchecked_ref());
    keys.iter().zip(values.iter()).map(|(key, value)| (key.as_f64().unwrap_or(0.0) as u64, bytes_of(&value))).collect()
}

/// A stored value's bytes. What is no byte string was not written by us; as an empty one it is found to be
/// damaged by whoever decodes it.
fn bytes_of(value: &JsValue) -> Vec<u8> {
    value.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).unwrap_or_default()
}

/// Adds a record and starts the commit.
fn add(running: &Running, store: &str, key: u64, value: &[u8]) -> Result<(), JsValue> {
    put_new(running, store, key, value)?;
    running.commit();
    Ok(())
}

/// Adds a record; the transaction fails if there is one already.
fn put_new(running: &Running, store: &str, key: u64, value: &[u8]) -> Result<(), JsValue> {
    running.store(store)?.add_with_key(&Uint8Array::from(value), &(key as f64).into())?;
    Ok(())
}

/// All numbers above one. Texts, such as the key of the attempts, sort after every number.
pub(crate) fn numbers_after(number: u64) -> Result<JsValue, JsValue> {
    IdbKeyRange::bound_with_lower_open(&(number as f64).into(), &f64::INFINITY.into(), true).map(JsValue::from)
}

/// What was found under a page's id, if anything was.
fn page_of(request: &IdbRequest) -> Option<Vec<u8>> {
    let value = result_of(request);
    (!value.is_undefined()).then(|| bytes_of(&value))
}

fn result_of(request: &IdbRequest) -> JsValue {
    request.result().unwrap_or(JsValue::UNDEFINED)
}

fn append_outcome(end: Result<(), Option<DomException>>) -> Input {
    let error = match end {
        Ok(()) => return Input::Appended,
        Err(error) => error,
    };
    if is_constraint(error.as_ref()) {
        return Input::AppendConflict;
    }
    match error.as_ref().map(DomException::name).as_deref() {
        Some("QuotaExceededError") => Input::AppendFailed(Failure::Quota),
        // The database's process or its disk failed, or the connection went away: the commit had been asked
        // for, and may have happened.
        None | Some("AbortError" | "UnknownError" | "InvalidStateError" | "TimeoutError") => Input::OutcomeUnknown,
        Some(_) => Input::AppendFailed(failure(error.as_ref())),
    }
}

fn is_constraint(error: Option<&DomException>) -> bool {
    error.is_some_and(|error| error.name() == "ConstraintError")
}

fn failure(error: Option<&DomException>) -> Failure {
    match error {
        Some(error) if error.name() == "QuotaExceededError" => Failure::Quota,
        _ => Failure::Aborted(reason(error)),
    }
}

fn failure_of(error: &JsValue) -> Failure {
    match error.dyn_ref::<DomException>() {
        Some(exception) => failure(Some(exception)),
        None => Failure::Aborted(describe(error)),
    }
}

fn reason(error: Option<&DomException>) -> String {
    error.map_or_else(|| "the transaction was aborted.".into(), describe_exception)
}
