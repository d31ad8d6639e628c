//! Opening, creating and deleting databases of IndexedDB. Nothing here happens inside a transaction, so this
//! is the place for futures.

use super::host::{global, pause};
use super::indexeddb::STORES;
use super::request::{describe, describe_exception};
use crate::error::{Code, Error};
use crate::tab::newer_format;
use js_sys::Promise;
use rexie::Rexie;
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Event, IdbDatabase, IdbFactory, IdbOpenDbRequest};

/// The stores will never change: what is in them has versions of its own.
const VERSION: u32 = 1;
/// How often a lost connection is opened again before giving up, over about half a minute.
const REOPEN_TRIES: u32 = 12;
const PAUSE_FIRST_MS: f64 = 50.0;
const PAUSE_MOST_MS: f64 = 5_000.0;
/// How long a browser may take to open a database.
const SILENT_MS: f64 = 30_000.0;
/// How long a deletion may take, which waits for those who have the database open.
const BLOCKED_MS: f64 = 5_000.0;

/// Why a database can't be opened or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpenFailure {
    /// There is no IndexedDB here, or the browser refuses it.
    Unavailable(String),
    /// Its version is higher than ours.
    Newer,
    /// Somebody else has made it: it has other stores.
    Foreign,
    /// It was there and is not any more.
    Gone,
    /// A page that does not answer has it open.
    Blocked,
}

/// Why a database could not be opened, for the caller.
pub(crate) fn open_error(name: &str, failure: &OpenFailure) -> Error {
    match failure {
        OpenFailure::Unavailable(reason) => Error::new(
            Code::StorageUnavailable,
            format!(
                "IndexedDB is not available for the database \"{name}\": {reason} \
                 With `storage: \"memory\"` a database lives as long as the page."
            ),
        ),
        OpenFailure::Newer => newer_format(),
        OpenFailure::Foreign => Error::new(
            Code::ForeignDatabase,
            format!(
                "IndexedDB has a database \"{name}\" that is not of Holdfast. It was left as it is: \
                 choose another name."
            ),
        ),
        OpenFailure::Blocked => Error::new(
            Code::StorageFailed,
            format!(
                "The database \"{name}\" is not deleted yet: a page that does not answer has it open. \
                 It will be when that is closed."
            ),
        ),
        OpenFailure::Gone => Error::new(Code::DatabaseClosed, format!("The database \"{name}\" was deleted.")),
    }
}

/// Opens a database, and creates it if there is none.
pub(crate) async fn open_or_create(name: &str) -> Result<IdbDatabase, OpenFailure> {
    loop {
        // Another tab may delete it at once.
        if let Some(database) = open(name, true).await? {
            return Ok(database);
        }
    }
}

/// Opens a database that was open before, with patience.
pub(crate) async fn reopen(name: &str) -> Result<IdbDatabase, OpenFailure> {
    let mut wait_ms = PAUSE_FIRST_MS;
    let mut tries = 0;
    loop {
        match open(name, false).await {
            Ok(Some(database)) => return Ok(database),
            // To create it again would hide that all data is gone.
            Ok(None) => return Err(OpenFailure::Gone),
            Err(OpenFailure::Unavailable(_)) if tries < REOPEN_TRIES => {}
            Err(failure) => return Err(failure),
        }
        let _ = JsFuture::from(pause(wait_ms)).await;
        wait_ms = (wait_ms * 2.0).min(PAUSE_MOST_MS);
        tries += 1;
    }
}

/// Opens a database if it is ours, and exists or shall be created.
async fn open(name: &str, creates: bool) -> Result<Option<IdbDatabase>, OpenFailure> {
    let (database, is_newer) = match open_as(name, Some(VERSION), creates).await {
        // As it is, to see whose it is.
        Err(OpenFailure::Newer) => (open_as(name, None, false).await?, true),
        opened => (opened?, false),
    };
    let Some(database) = database else { return Ok(None) };
    let stores = database.object_store_names();
    let failure = match STORES.iter().all(|store| stores.contains(store)) {
        true if is_newer => OpenFailure::Newer,
        true if stores.length() as usize == STORES.len() => return Ok(Some(database)),
        _ => OpenFailure::Foreign,
    };
    database.close();
    Err(failure)
}

/// Opens whatever has this name, in this version or in its own. If nothing has, that is what it answers or creates.
async fn open_as(name: &str, version: Option<u32>, creates: bool) -> Result<Option<IdbDatabase>, OpenFailure> {
    let factory = factory()?;
    let request = match version {
        Some(version) => factory.open_with_u32(name, version),
        None => factory.open(name),
    };
    let request = request.map_err(|error| unavailable(describe(&error)))?;
    let is_missing = Rc::new(Cell::new(false));
    let (noted, source) = (is_missing.clone(), request.clone());
    let upgrade = Closure::new(move |_: Event| {
        if creates && let Ok(database) = source.result() {
            let database: IdbDatabase = database.unchecked_into();
            for store in STORES {
                // Where one is missing, the database is none of ours.
                let _ = database.create_object_store(store);
            }
            return;
        }
        noted.set(true);
        // What was not created does not stay.
        if let Some(transaction) = source.transaction() {
            let _ = transaction.abort();
        }
    });
    let upgrade: &Closure<dyn FnMut(Event)> = &upgrade;
    request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
    let outcome = JsFuture::from(Promise::race(&js_sys::Array::of2(&end_of(&request), &pause(SILENT_MS)))).await;
    if outcome.as_ref().is_ok_and(JsValue::is_undefined) {
        // Should it come after all, nobody needs it, and what is not created does not stay.
        let source = request.clone();
        let abort = Closure::once_into_js(move |_: Event| {
            if let Some(transaction) = source.transaction() {
                let _ = transaction.abort();
            }
        });
        request.set_onupgradeneeded(Some(abort.unchecked_ref()));
        let late = request.clone();
        let close = Closure::once_into_js(move |_: Event| {
            if let Ok(database) = late.result() {
                database.unchecked_into::<IdbDatabase>().close();
            }
        });
        request.set_onsuccess(Some(close.unchecked_ref()));
        return Err(unavailable("the browser does not answer.".into()));
    }
    request.set_onupgradeneeded(None);
    if is_missing.get() {
        return Ok(None);
    }
    match outcome {
        Ok(_) => Ok(Some(request.result().unwrap_or(JsValue::UNDEFINED).unchecked_into())),
        Err(_) => Err(failure_of(&request)),
    }
}

/// The end of a request.
fn end_of(request: &IdbOpenDbRequest) -> Promise {
    Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    })
}

fn failure_of(request: &IdbOpenDbRequest) -> OpenFailure {
    match request.error() {
        Ok(Some(error)) if error.name() == "VersionError" => OpenFailure::Newer,
        Ok(Some(error)) => unavailable(describe_exception(&error)),
        _ => unavailable("no reason was given.".into()),
    }
}

/// Deletes a database. Tabs that have it open close it when they hear of this; for one that sleeps, and for
/// code of others that does not, this waits only a while.
pub(crate) async fn delete(name: &str) -> Result<(), OpenFailure> {
    factory()?;
    let name = name.to_owned();
    let deleted =
        future_to_promise(async move { Rexie::delete(&name).await.map(|()| JsValue::TRUE).map_err(|_| JsValue::NULL) });
    match JsFuture::from(Promise::race(&js_sys::Array::of2(&deleted, &pause(BLOCKED_MS)))).await {
        Ok(end) if end.is_undefined() => Err(OpenFailure::Blocked),
        Ok(_) => Ok(()),
        Err(_) => Err(unavailable("the browser does not delete it.".into())),
    }
}

fn factory() -> Result<IdbFactory, OpenFailure> {
    match global("indexedDB") {
        Ok(Some(factory)) => Ok(factory.unchecked_into()),
        Ok(None) => Err(unavailable("this environment has none.".into())),
        Err(error) => Err(unavailable(describe(&error))),
    }
}

fn unavailable(reason: String) -> OpenFailure {
    OpenFailure::Unavailable(reason)
}
