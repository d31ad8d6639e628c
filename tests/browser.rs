//! Tests that need a real browser. They run in headless Chromium: `npm test -- --only browser`.
#![cfg(target_arch = "wasm32")]

use rexie::{ObjectStore, Rexie, TransactionMode};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The ground under every test here: IndexedDB opens, keeps a value, and goes away again.
#[wasm_bindgen_test]
async fn indexeddb_opens_and_keeps_a_value() {
    let name = "holdfast-ground";
    let database =
        Rexie::builder(name).version(1).add_object_store(ObjectStore::new("pages")).build().await.expect("opens");
    let key = JsValue::from_f64(7.0);
    let writing = database.transaction(&["pages"], TransactionMode::ReadWrite).expect("a transaction");
    let pages = writing.store("pages").expect("the store");
    pages.put(&JsValue::from_str("seven"), Some(&key)).await.expect("a put");
    writing.done().await.expect("a commit");
    let reading = database.transaction(&["pages"], TransactionMode::ReadOnly).expect("a transaction");
    let value = reading.store("pages").expect("the store").get(key).await.expect("a get");
    assert_eq!(value.and_then(|value| value.as_string()).as_deref(), Some("seven"));
    database.close();
    Rexie::delete(name).await.expect("deletes");
}
