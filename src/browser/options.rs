//! What a database is opened with.

use crate::tab;
use js_sys::Reflect;
use wasm_bindgen::JsValue;

/// Options as JavaScript gives them: an object that `ts/database.ts` has made and checked. What is left out
/// has the core's default. Read by hand, because a derived reader of a dozen numbers weighs eight kilobytes.
pub(crate) struct OpenOptions {
    source: JsValue,
}

/// The memory that rows take in JavaScript, about, unless said otherwise.
const ROW_CACHE_BYTES: f64 = 32.0 * 1024.0 * 1024.0;

impl OpenOptions {
    pub(crate) fn new(source: JsValue) -> Self {
        OpenOptions { source }
    }

    fn get(&self, name: &str) -> JsValue {
        Reflect::get(&self.source, &name.into()).unwrap_or(JsValue::UNDEFINED)
    }

    /// A text; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).as_string().unwrap_or_default()
    }

    /// The core's part of the options.
    pub(crate) fn tab_options(&self) -> tab::Options {
        let mut options = tab::Options::default();
        let sizes = [
            ("pageCacheBytes", &mut options.page_cache_bytes),
            ("overlayBytes", &mut options.overlay_bytes),
            ("checkpointLogBytes", &mut options.checkpoint_log_bytes),
            ("checkpointLogRecords", &mut options.checkpoint_log_records),
        ];
        for (name, size) in sizes {
            if let Some(wanted) = self.get(name).as_f64() {
                *size = wanted as usize;
            }
        }
        if let Some(idle_ms) = self.get("idleMs").as_f64() {
            options.idle_ms = idle_ms;
        }
        if let Some(first) = self.get("firstTransaction").as_f64() {
            options.first_transaction = first as u32;
        }
        options.accept_loss = self.get("acceptLoss").is_truthy();
        options
    }

    pub(crate) fn row_cache_bytes(&self) -> usize {
        self.get("rowCacheBytes").as_f64().unwrap_or(ROW_CACHE_BYTES) as usize
    }
}
