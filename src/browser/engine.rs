//! The class that JavaScript sees: one open database.

use super::host::{HeadStart, Listener, now, random};
use super::inner::Inner;
use super::mailbox::{Status, Word};
use super::memory;
use super::opening::{self, open_error};
use super::options::OpenOptions;
use super::report::Report;
use super::shared::Shared;
use crate::error::Error;
use crate::schema::WantedSchema;
use crate::tab::{Tab, VerifyStep, WasSaved};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// One open database. Used through `ts/bridge.ts`, which knows where arguments and results lie.
#[wasm_bindgen]
pub struct Engine {
    pub(crate) shared: Rc<Shared>,
}

#[wasm_bindgen]
impl Engine {
    /// Begins to open a database; the listener hears how that ends. What was read of it already saves time.
    ///
    /// # Errors
    /// `[code, message]` when options or schema are wrong.
    #[wasm_bindgen(constructor)]
    pub fn new(
        options: JsValue,
        schema: &[u8],
        listener: Listener,
        start: Option<HeadStart>,
    ) -> Result<Engine, JsValue> {
        let options = OpenOptions::new(options);
        let mut wanted = WantedSchema::new(schema);
        if start.is_none() {
            // A database may be created, but not for a schema that is none.
            wanted.definition().map_err(|error| thrown(&error))?;
        }
        let tab = Tab::new(options.tab_options(), wanted, random());
        let is_strict = options.text("durability") == "strict";
        let row_cache_bytes = options.row_cache_bytes();
        let shared = Shared::new(options.text("name"), is_strict, tab, row_cache_bytes, listener);
        // What the tab asks for first waits for the storage.
        shared.enter(|_| ());
        if options.text("storage") == "memory" {
            shared.sit_down();
        } else if let Some(start) = start {
            shared.connected(start.database(), Some(start));
        } else {
            shared.connect();
        }
        Ok(Engine { shared })
    }

    /// Where the words of the mailbox lie. They never move.
    pub fn mailbox(&self) -> u32 {
        self.shared.look(|inner| inner.mailbox.address())
    }

    /// Makes the input buffer at least `minimum` bytes large, keeps the first `used`, and answers where it
    /// lies. The word `Capacity` says how large it is: less, if there is no memory for so much.
    pub fn reserve(&self, minimum: u32, used: u32) -> u32 {
        /// A buffer that was enlarged for one huge document need not stay.
        const KEPT: usize = 4 << 20;
        self.shared.look(|inner| {
            let (minimum, used) = (minimum as usize, used as usize);
            if inner.input.len() < minimum {
                let kept = &inner.input[..used.min(inner.input.len())];
                if let Some(larger) = enlarged(kept, minimum) {
                    inner.input = larger;
                }
            } else if inner.input.len() > KEPT && minimum <= KEPT && used == 0 {
                inner.input = vec![0; KEPT];
            }
            inner.mailbox.set(Word::Capacity, inner.input.len() as u32);
            inner.input.as_ptr() as u32
        })
    }

    /// Gives the table whose name is in the input buffer a number for further calls.
    pub fn table(&self, length: u32) -> u32 {
        self.shared.look(|inner| {
            let name = inner.input_text(length).to_owned();
            inner.tables.push(name);
            inner.tables.len() as u32 - 1
        })
    }

    /// The dictionary of field names as a JSON array in the text.
    pub fn names(&self) {
        self.shared.look(|inner| {
            inner.text = inner.tab.schema().names_json().into_bytes();
            inner.mailbox.set_bytes(Word::Text, &inner.text);
        });
    }

    /// Numbers about the database.
    pub fn stats(&self) -> JsValue {
        self.shared.look(|inner| {
            let indexes = inner.tab.unfinished_indexes();
            Report::of_stats(&inner.tab.stats(), &indexes, inner.rows.bytes(), inner.rows.len()).to_js()
        })
    }

    /// Starts to check everything that is stored; `verifyStep` goes on.
    #[wasm_bindgen(js_name = verifyStart)]
    pub fn verify_start(&self) -> u32 {
        self.shared.enter(|inner| match inner.tab.start_verify() {
            Ok(run) => {
                inner.verify = Some(run);
                Status::Paused
            }
            Err(error) => inner.fail(error),
        }) as u32
    }

    /// Checks a little more. The words `Number` and `NumberHigh` hold the pages and the rows checked so far.
    #[wasm_bindgen(js_name = verifyStep)]
    pub fn verify_step(&self) -> u32 {
        self.shared.enter(|inner| {
            let Inner { tab, verify, .. } = inner;
            let Some(run) = verify else { return Status::Nothing };
            let step = tab.step_verify(run);
            let (pages, rows) = run.progress();
            inner.mailbox.set(Word::Number, pages as u32);
            inner.mailbox.set(Word::NumberHigh, rows as u32);
            match step {
                Ok(VerifyStep::Continue) => Status::Paused,
                Ok(VerifyStep::Waiting(read)) => {
                    inner.mailbox.set(Word::Read, read.0);
                    Status::Missing
                }
                Ok(VerifyStep::Done(report)) => {
                    inner.verify = None;
                    inner.verified = Some(Report::of_verify(&report));
                    Status::Done
                }
                Err(error) => {
                    inner.verify = None;
                    inner.fail(error)
                }
            }
        }) as u32
    }

    /// Whether what a note of the word `Flight` speaks of was saved. The note of an engine that has trapped is in the input
    /// buffer. Done is yes, Nothing no, and Failed says that nobody knows.
    #[wasm_bindgen(js_name = wasSaved)]
    pub fn was_saved(&self, length: u32) -> u32 {
        self.shared.enter(|inner| {
            let bytes = inner.input_bytes(length).chunks_exact(4);
            let note: Vec<u32> = bytes.map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
            match inner.tab.was_saved(&note) {
                WasSaved::Yes => Status::Done,
                WasSaved::No => Status::Nothing,
                WasSaved::Unknown(error) => inner.fail(error),
            }
        }) as u32
    }

    /// What the last check has found.
    pub fn verified(&self) -> JsValue {
        self.shared.look(|inner| inner.verified.as_ref().map_or(JsValue::UNDEFINED, Report::to_js))
    }

    /// Starts to make the store anew from what can be read; the listener hears how that ends.
    pub fn repair(&self) -> u32 {
        self.shared.enter(|inner| {
            let started = inner.tab.start_repair(now());
            inner.done(started)
        }) as u32
    }

    /// The browser freezes the page: from here on nobody waits for it.
    pub fn freeze(&self) {
        self.shared.freeze();
    }

    /// The page goes on, or is looked at again.
    pub fn resume(&self) {
        self.shared.resume();
    }

    /// Ends it: whatever was not saved is rejected. The promise settles when storage has let go of it.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn close(&self) -> js_sys::Promise {
        self.shared.close()
    }
}

/// A buffer of at least `minimum` bytes that begins with what is kept, if there is memory for it.
pub(super) fn enlarged(kept: &[u8], minimum: usize) -> Option<Vec<u8>> {
    let length = minimum.checked_next_power_of_two().unwrap_or(minimum);
    let mut larger = Vec::new();
    larger.try_reserve_exact(length).ok()?;
    larger.extend_from_slice(kept);
    larger.resize(length, 0);
    Some(larger)
}

/// Deletes a database of IndexedDB or in memory, whoever has it open.
///
/// # Errors
/// `[code, message]` when IndexedDB is not available, or a page that sleeps has the database open.
#[wasm_bindgen(js_name = deleteDatabase)]
pub async fn delete_database(name: String, is_in_memory: bool) -> Result<(), JsValue> {
    if is_in_memory {
        memory::delete(&name);
        return Ok(());
    }
    opening::delete(&name).await.map_err(|failure| thrown(&open_error(&name, &failure)))
}

/// An error as JavaScript gets it where there is no mailbox.
fn thrown(error: &Error) -> JsValue {
    js_sys::Array::of2(&error.code.name().into(), &error.message.as_str().into()).into()
}
