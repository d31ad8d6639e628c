//! Deleting what is superseded: many small transactions, so that no writer waits long for one of them.

use super::indexeddb::{Connection, LOG, META, Mode, PAGES};
use super::request::Running;
use js_sys::Array;
use std::collections::VecDeque;
use std::ops::Range;
use wasm_bindgen::prelude::*;
use web_sys::IdbKeyRange;

/// How many records one transaction deletes.
const RECORDS: u64 = 256;

/// What is left to delete: ranges of keys by store.
pub(crate) struct Trim {
    ranges: VecDeque<(&'static str, Range<u64>)>,
}

impl Trim {
    pub(crate) fn new(log_upto: u64, manifests_below: u64, pages: Vec<Range<u64>>) -> Self {
        let mut ranges: VecDeque<_> = VecDeque::from([(LOG, 1..log_upto + 1), (META, 1..manifests_below)]);
        ranges.extend(pages.into_iter().map(|range| (PAGES, range)));
        ranges.retain(|(_, range)| !range.is_empty());
        Trim { ranges }
    }

    /// Deletes some and hands itself to `next`, or calls it with nothing when all is done or a transaction
    /// failed. What was not deleted is deleted another time.
    pub(crate) fn step(mut self, connection: &Connection, next: impl FnOnce(Option<Trim>) + 'static) -> Result<(), ()> {
        let Some(&(store, _)) = self.ranges.front() else { return Err(()) };
        let running = connection.begin(&[store], Mode::Relaxed).map_err(drop)?;
        let rest = match self.request(&running, store) {
            Ok(rest) => rest,
            Err(_) => {
                running.abort();
                return Err(());
            }
        };
        running.at_end(move |end| {
            if end.is_err() {
                return next(None);
            }
            self.ranges.extend(rest.take().map(|range| (store, range)));
            next(Some(self));
        });
        Ok(())
    }

    /// Issues deletions; what is found to be left of a long range appears in the result later.
    fn request(
        &mut self,
        running: &Running,
        store: &'static str,
    ) -> Result<std::rc::Rc<std::cell::Cell<Option<Range<u64>>>>, JsValue> {
        let objects = running.store(store)?;
        let rest = std::rc::Rc::new(std::cell::Cell::new(None));
        let mut deleted = 0;
        while let Some((_, range)) = self.ranges.front().filter(|(name, _)| *name == store) {
            let length = range.end - range.start;
            if length > RECORDS {
                if deleted > 0 {
                    break;
                }
                // Most of the keys of a long range may not exist: ask which do.
                let range = range.clone();
                self.ranges.pop_front();
                let keys = objects.get_all_keys_with_key_and_limit(&key_range(&range)?, RECORDS as u32)?;
                let (inner, noted) = (running.clone(), rest.clone());
                running.after(&keys, move |keys| {
                    let keys: &Array = keys.unchecked_ref();
                    let Some(last) = keys.get(keys.length().wrapping_sub(1)).as_f64() else { return inner.commit() };
                    let end = last as u64 + 1;
                    if key_range(&(range.start..end)).and_then(|range| objects.delete(&range)).is_err() {
                        inner.abort();
                    }
                    if u64::from(keys.length()) == RECORDS && end < range.end {
                        noted.set(Some(end..range.end));
                    }
                    inner.commit();
                });
                return Ok(rest);
            }
            deleted += length;
            if deleted > RECORDS {
                break;
            }
            objects.delete(&key_range(range)?)?;
            self.ranges.pop_front();
        }
        running.commit();
        Ok(rest)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.ranges.is_empty()
    }
}

fn key_range(range: &Range<u64>) -> Result<JsValue, JsValue> {
    IdbKeyRange::bound(&(range.start as f64).into(), &((range.end - 1) as f64).into()).map(JsValue::from)
}
