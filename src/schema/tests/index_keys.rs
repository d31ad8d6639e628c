//! Entry keys: against building each by itself.

use proptest::prelude::*;

use super::samples::*;
use crate::document::{Document, FieldPath, Names, encode};
use crate::key;
use crate::keyspace::{self, IndexId, Place, RowId};
use crate::schema::{IndexKeys, IndexState, Schema, Table, Validator};
use crate::value::Value;

const PLACE: Place = Place { creation_time: 1_700_000_000_000.5, id: RowId([3; 16]) };

fn at<'a>(value: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.segments().iter().try_fold(value, |value, segment| value.get(segment))
}

/// One key after the other, field by field.
fn naive(table: &Table, row: &Value) -> Vec<(IndexId, Vec<u8>)> {
    let maintained = table.indexes().iter().filter(|index| index.state != IndexState::Dropping);
    let key = |index: &crate::schema::Index| {
        let mut key = keyspace::entry_prefix(index.id).to_vec();
        for field in &index.fields {
            key::push_value(&mut key, at(row, field));
        }
        keyspace::push_place(&mut key, &PLACE);
        (index.id, key)
    };
    maintained.map(key).collect()
}

fn collect(keys: &IndexKeys) -> Vec<(IndexId, Vec<u8>)> {
    keys.iter().map(|(index, key)| (index, key.to_vec())).collect()
}

fn indexed() -> Schema {
    let wanted = schema([table(
        "t",
        &Validator::Any,
        [
            index("w", &["c.a", "a"]),
            index("x", &["a", "b", "c"]),
            index("y", &["c.bb.a", "bb"]),
            index("z", &["longer_name"]),
            index("old", &["b"]),
        ],
    )]);
    let mut schema = evolve(&Schema::empty(), &wanted).schema;
    let old = schema.table("t").and_then(|table| table.index("old")).expect("an index").id;
    schema.set_index_state(IndexId(1), IndexState::Ready);
    schema.set_index_state(old, IndexState::Dropping);
    schema
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_pass_finds_what_many_find(rows in prop::collection::vec(any_value(&[("", String::new())]), 1..4)) {
        let schema = indexed();
        let table = schema.table("t").expect("declared");
        let mut keys = IndexKeys::new();
        let mut expected = Vec::new();
        for row in rows.iter().map(|row| if row.as_object().is_some() { row.clone() } else { object([("c", row.clone())]) }) {
            expected.extend(naive(table, &row));
            // Older rows write names as text.
            for names in [&schema.names, &Names::new()] {
                let bytes = encode(&row, names);
                let mut alone = IndexKeys::new();
                prop_assert_eq!(table.index_keys(&Document::new(&bytes), &PLACE, &schema.names, &mut alone), Ok(()));
                prop_assert_eq!(collect(&alone), naive(table, &row));
            }
            let bytes = encode(&row, &schema.names);
            prop_assert_eq!(table.index_keys(&Document::new(&bytes), &PLACE, &schema.names, &mut keys), Ok(()));
        }
        prop_assert_eq!(keys.len(), expected.len());
        prop_assert_eq!(collect(&keys), expected);
        keys.clear();
        prop_assert!(keys.is_empty());
    }

    #[test]
    fn damaged_documents_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let schema = indexed();
        let table = schema.table("t").expect("declared");
        let mut keys = IndexKeys::new();
        let _ = table.index_keys(&Document::new(&bytes), &PLACE, &schema.names, &mut keys);
        let _ = schema.check(table, &Document::new(&bytes));
        collect(&keys);
    }
}

#[test]
fn a_damaged_document_adds_no_keys() {
    let schema = indexed();
    let table = schema.table("t").expect("declared");
    let mut keys = IndexKeys::new();
    assert!(table.index_keys(&Document::new(&[]), &PLACE, &schema.names, &mut keys).is_err());
    assert!(keys.is_empty());
}
