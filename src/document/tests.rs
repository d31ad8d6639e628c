use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::bytes::Write;
use crate::fuzz::NAMES;
use crate::value::strategy::{any_row, any_top_name, any_value, with_one_nan};
use crate::{golden, key};

fn names() -> Names {
    let mut names = Names::new();
    for name in NAMES {
        names.add(name);
    }
    names
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// What `canonicalize` says about an object that was encoded without any checks.
fn message(value: &Value) -> String {
    let names = names();
    match canonicalize(&mut encode(value, &names), &names, Purpose::Insert) {
        Ok(()) => "fine".to_string(),
        Err(error) => error.into_message(),
    }
}

#[test]
fn field_names_follow_convex_with_its_texts() {
    let check = |name: &str, expected: &str| assert_eq!(message(&object([(name, Value::Null)])), expected);
    check("$a", "Field name $a starts with a '$', which is reserved.");
    check("é", "Field name é has invalid character 'é': Field names can only contain non-control ASCII characters");
    check(
        "a\n",
        "Field name a\n has invalid character '\n': Field names can only contain non-control ASCII characters",
    );
    check("_x", "Field '_x' starts with an underscore, which is only allowed for system fields like '_id'");
    check("_inner", "Field '_inner' starts with an underscore, which is only allowed for system fields like '_id'");
    check("", "fine");
    check("~", "fine");
    check(&"x".repeat(1024), "fine");
    let long = "x".repeat(1025);
    check(&long, &format!("Field name {long} exceeds maximum field name length 1024."));

    let inside = |name: &str| message(&object([("a", object([(name, Value::Null)]))]));
    assert_eq!(inside("_inner"), "fine");
    assert_eq!(inside("_other"), "fine");
    assert_eq!(inside("$b"), "Field name $b starts with a '$', which is reserved.");
}

#[test]
fn limits_follow_convex_with_its_texts() {
    let array = |length: usize| object([("a", Value::Array(vec![Value::Null; length]))]);
    assert_eq!(message(&array(8192)), "fine");
    assert_eq!(message(&array(8193)), "Array length is too long (8193 > maximum length 8192)");

    let wide = |count: usize| Value::Object((0..count).map(|i| (format!("f{i}"), Value::Null)).collect());
    assert_eq!(message(&wide(1024)), "fine");
    assert_eq!(message(&wide(1025)), "Object has too many fields (1025 > maximum number 1024)");

    let deep = |levels: usize| (1..levels).fold(object([]), |value, _| object([("a", value)]));
    assert_eq!(message(&deep(16)), "fine");
    assert_eq!(message(&deep(17)), "Document is too nested (nested 17 levels deep > maximum nesting 16)");
    assert_eq!(message(&deep(64)), "Document is too nested (nested 64 levels deep > maximum nesting 16)");
    assert_eq!(message(&deep(65)), "Value is too nested (nested 65 levels deep > maximum nesting 64)");
    assert_eq!(message(&deep(500)), "Value is too nested (nested 65 levels deep > maximum nesting 64)");

    // { a: "…" } takes 2 + 2 + 2 bytes besides the text, the system fields 61.
    let text = |size: usize| object([("a", Value::String("x".repeat(size - 67)))]);
    assert_eq!(message(&text(1 << 20)), "fine");
    assert_eq!(message(&text((1 << 20) + 1)), "Value is too large (1.00 MiB > maximum size 1 MiB)");
    assert_eq!(message(&text(3 << 19)), "Value is too large (1.50 MiB > maximum size 1 MiB)");
    assert_eq!(message(&text(2 << 20)), "Value is too large (2 MiB > maximum size 1 MiB)");
}

#[test]
fn a_document_has_the_size_that_get_document_size_says() {
    let names = names();
    let bytes = encode(&object([("a", "x".into())]), &names);
    assert_eq!(Document::new(&bytes).size(&names), Ok(68));
}

#[test]
fn what_a_patch_grows_beyond_the_limits_is_refused() {
    let names = names();
    let half = |name: &str| object([(name, Value::String("x".repeat(600_000)))]);
    let base = encode(&half("a"), &names);
    let changes = encode(&half("b"), &names);
    let patched = patch(Document::new(&base), &changes, &names).expect("undamaged");
    let error = Document::new(&patched).check_limits(&names).expect_err("too large");
    assert_eq!(super::check_stored_form(&patched, &names), Ok(()), "a repair must not throw it away");
    assert_eq!(error.message, "Value is too large (1.14 MiB > maximum size 1 MiB)");

    let wide = |letter: char| Value::Object((0..600).map(|i| (format!("{letter}{i}"), Value::Null)).collect());
    let base = encode(&wide('f'), &names);
    let patched = patch(Document::new(&base), &encode(&wide('g'), &names), &names).expect("undamaged");
    let error = Document::new(&patched).check_limits(&names).expect_err("too wide");
    assert_eq!(super::check_stored_form(&patched, &names), Ok(()), "nor this one");
    assert_eq!(error.message, "Object has too many fields (1200 > maximum number 1024)");
}

#[test]
fn only_canonical_bytes_are_let_in() {
    let names = names();
    let check = |bytes: &[u8], expected: &str| {
        let result = canonicalize(&mut bytes.to_vec(), &names, Purpose::Insert);
        let message = result.map_or_else(Error::into_message, |()| "fine".to_string());
        assert_eq!(message, format!("Malformed document: {expected}"), "{bytes:02x?}");
    };
    check(&[], "cut short");
    check(&[2, 0], "flags");
    check(&[0], "cut short");
    check(&[0, 0, 0], "bytes after the end");
    check(&[0, 1, 9, 0], "number of a field name");
    check(&[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0], "number of a field name");
    check(&[0, 1, 0, 1, 0xff, 0], "field name is not Unicode");
    check(&[0, 2, 1, 0, 1, 0], "field names out of order");
    check(&[0, 2, 2, 0, 1, 0], "field names out of order");
    check(&[0, 2, 4, 0, 3, 0], "field names out of order");
    check(&[0, 2, 0, 1, b'c', 0, 1, 0], "field names out of order");
    check(&[0, 2, 0, 1, b'c', 0, 0, 1, b'c', 0], "field names out of order");
    check(&[0, 1, 1, 0x0b], "value tag");
    check(&[0, 1, 1, 0x0c], "value tag");
    check(&[0, 1, 1, 0x05, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20], "integer beyond 2^53");
    check(&[0, 1, 1, 0x05, 0x80, 0, 0], "variable-length integer");
    check(&[0, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f], "integer written as a float64");
    check(&[0, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0xf0], "cut short");
    check(&[0, 1, 1, 0x07, 3, 0xed, 0xa0, 0x80], "string is not Unicode");
    check(&[0, 1, 1, 0x07, 3, b'a'], "cut short");
    check(&[0, 1, 1, 0x09, 2, 0, 0, 0, 0], "cut short");
    check(&[0, 1, 1, 0x09, 2, 0, 0, 0, 0, 0], "length of an array");
    check(&[0, 1, 1, 0x0a, 0, 0, 0, 0, 0], "length of an object");
}

#[test]
fn a_document_is_brought_to_its_one_form() {
    let names = names();
    let check = |input: &[u8], expected: &[u8]| {
        let mut bytes = input.to_vec();
        assert_eq!(canonicalize(&mut bytes, &names, Purpose::Insert), Ok(()));
        assert_eq!(bytes, expected);
    };
    check(&[0, 1, 1, 0x06, 1, b'a'], &[1, 1, 1, 0x07, 1, b'a']);
    check(&[1, 1, 1, 0x07, 1, b'"'], &[1, 1, 1, 0x06, 1, b'"']);
    check(&[1, 1, 1, 0x03, 0], &[0, 1, 1, 0x03, 0]);
    check(&[1, 1, 1, 0x08, 0], &[0, 1, 1, 0x08, 0]);
    let negative_nan = [1, 1, 1, 0x04, 1, 0, 0, 0, 0, 0, 0xf8, 0xff];
    check(&negative_nan, &[0, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f]);
    check(&[1, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0, 0x80], &[0, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    check(&[0, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f], &[1, 1, 1, 0x04, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
}

#[test]
fn json_has_the_system_fields_in_their_places() {
    let names = names();
    let check = |value: Value, creation_time: f64, expected: &str| {
        let bytes = encode(&value, &names);
        let mut out = b"before ".to_vec();
        Document::new(&bytes).write_json(&names, "k57", creation_time, None, &mut out).expect("undamaged");
        assert_eq!(String::from_utf8(out).expect("UTF-8"), format!("before {expected}"));
    };
    check(object([]), 1.5, r#"{"_creationTime":1.5,"_id":"k57"}"#);
    check(object([("a", true.into())]), 1e12, r#"{"_creationTime":1000000000000,"_id":"k57","a":true}"#);
    check(object([("Z", Value::Null)]), 2.0, r#"{"Z":null,"_creationTime":2,"_id":"k57"}"#);
    let nested = object([("x\"y", Value::Array(vec![])), ("z", object([]))]);
    let items = Value::Array(vec![1.25.into(), "tab\t".into(), Value::Array(vec!["é".into(), nested])]);
    check(
        object([("", 1.0.into()), ("Z", "plain".into()), ("title", items), ("~", false.into())]),
        3.0,
        "{\"\":1,\"Z\":\"plain\",\"_creationTime\":3,\"_id\":\"k57\",\"title\":[1.25,\"tab\\t\",\
         [\"é\",{\"x\\\"y\":[],\"z\":{}}]],\"~\":false}",
    );
    check(
        object([("a", 1i64.into()), ("b", Value::Bytes(vec![1, 2, 255])), ("c", (-0.0).into())]),
        4.0,
        r#"{"_creationTime":4,"_id":"k57","a":{"$integer":"AQAAAAAAAAA="},"b":{"$bytes":"AQL/"},"c":{"$float":"AAAAAAAAAIA="}}"#,
    );
}

#[test]
fn a_path_leads_to_a_field() {
    let names = names();
    let inner = object([("title", object([("x", 5.0.into())])), ("y", Value::Null)]);
    let value = object([("a", inner), ("done", true.into())]);
    let bytes = encode(&value, &names);
    let document = Document::new(&bytes);
    let check = |path: &str, expected: Option<Value>| {
        let path = FieldPath::parse(path);
        let found = document.get(&path, &names).map(|found| found.to_value(&names).expect("undamaged"));
        assert_eq!(found, expected, "{path}");
    };
    check("a.title.x", Some(5.0.into()));
    check("a.y", Some(Value::Null));
    check("done", Some(true.into()));
    check("done.x", None);
    check("a.title.z", None);
    check("description", None);
    check("b", None);
    check("", None);
}

#[test]
fn names_written_before_the_dictionary_had_them_are_still_read() {
    let value = object([("a", 1.0.into()), ("title", object([("done", true.into())]))]);
    let old = encode(&value, &Names::new());
    let names = names();
    // They may get their numbers while the document is on its way.
    let mut sent = old.clone();
    assert_eq!(canonicalize(&mut sent, &names, Purpose::Insert), Ok(()));
    assert_eq!(sent, old);
    let document = Document::new(&old);
    assert_eq!(document.to_value(&names), Ok(value.clone()));
    assert!(matches!(document.get(&FieldPath::parse("title.done"), &names), Some(ValueRef::Boolean(true))));
    let changes = encode(&object([("a", 2.0.into())]), &names);
    let patched = patch(document, &changes, &names).expect("undamaged");
    let expected = object([("a", 2.0.into()), ("title", object([("done", true.into())]))]);
    assert_eq!(Document::new(&patched).to_value(&names), Ok(expected));
}

#[test]
fn names_keep_their_numbers() {
    let mut names = names();
    assert_eq!(names.add("title"), 2);
    assert_eq!(names.add("new"), 9);
    assert_eq!((names.id("Z"), names.id("nowhere")), (Some(5), None));
    assert_eq!((names.name(9), names.name(0), names.name(10)), (Some("new"), None, None));
    assert_eq!(names.iter().count(), names.len());
}

#[test]
fn nested_fields_do_not_lead_a_reader_astray() {
    // An object that claims to contain itself endlessly: each level is the rest of the bytes.
    let mut bytes = vec![0, 1, 1];
    for left in (0..100_000u32).rev() {
        bytes.push(0x09);
        bytes.put_u32(left * 6 + 1);
        bytes.push(1);
    }
    crate::fuzz::document(&bytes);
}

#[test]
fn the_bytes_of_documents_are_those_of_format_1() {
    let names = names();
    let scalars = object([
        ("Z", Value::Null),
        ("a", Value::Array(vec![true.into(), false.into()])),
        ("description", "plain".into()),
        ("descriptionLong", "not\tplain é😀".into()),
        ("done", Value::Array([0.0, -1.0, 300.0, 0.5, 1e300].map(Value::from).to_vec())),
        ("other", "inline name".into()),
    ]);
    golden::check("document-json-safe", &encode(&scalars, &names));
    let special = object([
        ("a", Value::Array([0, -1, i64::MIN, i64::MAX].map(Value::from).to_vec())),
        ("b", Value::Bytes(vec![0, 1, 255])),
        ("title", Value::Array([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0].map(Value::from).to_vec())),
        ("z z", object([("_inner", object([])), ("x", Value::Array(vec![]))])),
    ]);
    golden::check("document-not-json-safe", &encode(&special, &names));
    let changes = BTreeMap::from([("a".to_string(), None), ("title".to_string(), Some(1.0.into()))]);
    golden::check("document-patch", &encode_patch(&changes, &names));
}

#[test]
fn the_bytes_of_keys_are_those_of_format_1() {
    let key = |values: &[Option<Value>]| {
        let mut out = Vec::new();
        for value in values {
            key::push_value(&mut out, value.as_ref());
        }
        out
    };
    let some = |value: Value| Some(value);
    golden::check("key-scalars", &key(&[None, some(Value::Null), some(false.into()), some(true.into())]));
    let borders = [i64::MIN, -0x8000_0001, -0x8001, -0x81, -1, 0, 1, 0x80, 0x8000, 0x8000_0000, i64::MAX];
    golden::check("key-int64", &key(&borders.map(|number| some(number.into()))));
    let floats = [f64::NEG_INFINITY, -1.5, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
    golden::check("key-float64", &key(&floats.map(|number| some(number.into()))));
    golden::check("key-string", &key(&["", "abc", "\0\u{1}\u{2}", "é😀"].map(|text| some(text.into()))));
    golden::check("key-bytes", &key(&[some(Value::Bytes(vec![])), some(Value::Bytes(vec![0, 1, 2, 255]))]));
    let nested = object([("", Value::Null), ("a", Value::Array(vec![object([]), "x".into()]))]);
    golden::check("key-nested", &key(&[some(Value::Array(vec![])), some(object([])), some(nested)]));
}

fn mutate(bytes: &mut Vec<u8>, (kind, at, byte): (u8, usize, u8)) {
    if bytes.is_empty() {
        return;
    }
    let at = at % bytes.len();
    match kind {
        0 => bytes[at] = byte,
        1 => bytes[at] ^= 1 << (byte % 8),
        2 => bytes.insert(at, byte),
        3 => drop(bytes.remove(at)),
        4 => bytes.truncate(at),
        _ => {
            let copy = bytes[at..].iter().take(usize::from(byte)).copied().collect::<Vec<u8>>();
            bytes.extend(copy);
        }
    }
}

#[test]
fn sizes_in_messages_are_rounded_as_the_standard_library_does() {
    for size in (0..64u64).map(|step| (1 << 20) + step * 5243).chain((0..400).map(|step| (1 << 20) / 200 * step)) {
        let exact = size as f64 / f64::from(1 << 20);
        let places = if exact.fract() == 0.0 { 0 } else { 2 };
        assert_eq!(super::mebibytes(size), format!("{exact:.places$}"), "{size}");
    }
    assert_eq!(super::mebibytes((1 << 20) / 8), "0.12"); // 0.125
    assert_eq!(super::mebibytes((1 << 20) / 8 * 3), "0.38"); // 0.375
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_document_reads_back(fields in any_row()) {
        let names = names();
        let value = Value::from(fields);
        let bytes = encode(&value, &names);
        let mut checked = bytes.clone();
        prop_assert_eq!(canonicalize(&mut checked, &names, Purpose::Insert), Ok(()));
        prop_assert_eq!(&checked, &bytes);
        prop_assert_eq!(Document::new(&bytes).to_value(&names), Ok(with_one_nan(&value)));
    }

    #[test]
    fn a_value_reads_back(value in any_value()) {
        let names = names();
        let mut bytes = Vec::new();
        encode_value(&value, &names, &mut bytes);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(decode_value(&mut reader, &names), Ok(with_one_nan(&value)));
        prop_assert_eq!(reader.remaining(), 0);
    }

    #[test]
    fn the_json_of_a_document_is_that_of_its_value(fields in any_row(), creation_time in 0f64..2e12) {
        let names = names();
        let bytes = encode(&Value::from(fields.clone()), &names);
        let mut ours = Vec::new();
        prop_assert_eq!(Document::new(&bytes).write_json(&names, "k57", creation_time, None, &mut ours), Ok(()));
        let mut whole = fields;
        whole.insert("_id".to_string(), "k57".into());
        whole.insert("_creationTime".to_string(), creation_time.into());
        let mut theirs = String::new();
        crate::value::json::write_json(&with_one_nan(&Value::from(whole)), &mut theirs);
        prop_assert_eq!(String::from_utf8(ours).expect("UTF-8"), theirs);
    }

    #[test]
    fn values_in_bytes_compare_as_values(a in any_value(), b in any_value()) {
        let names = names();
        let (a, b) = (with_one_nan(&a), with_one_nan(&b));
        let bytes = encode(&object([("a", a.clone()), ("b", b.clone())]), &names);
        let document = Document::new(&bytes);
        let find = |name: &str| document.get(&FieldPath::parse(name), &names).expect("a field");
        prop_assert_eq!(find("a").compare(&find("b"), &names), a.compare(&b));
        prop_assert_eq!(find("a").compare_value(&b, &names), a.compare(&b));
        prop_assert_eq!(find("a").size(&names), Ok(a.size()));
    }

    #[test]
    fn a_patch_does_what_it_does_to_a_map(
        base in any_row(),
        changes in proptest::collection::btree_map(any_top_name(), proptest::option::of(any_value()), 0..6),
    ) {
        let names = names();
        let base_bytes = encode(&Value::from(base.clone()), &names);
        let mut changes_bytes = encode_patch(&changes, &names);
        prop_assert_eq!(canonicalize(&mut changes_bytes, &names, Purpose::Patch), Ok(()));
        let mut model = base;
        for (name, change) in changes {
            match change {
                Some(value) => model.insert(name, value),
                None => model.remove(&name),
            };
        }
        let patched = patch(Document::new(&base_bytes), &changes_bytes, &names);
        prop_assert_eq!(patched, Ok(encode(&Value::from(model), &names)));
    }

    #[test]
    fn mutated_documents_are_refused_or_mean_something(
        fields in any_row(),
        mutations in proptest::collection::vec((0u8..6, any::<usize>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&Value::from(fields), &names());
        for mutation in mutations {
            mutate(&mut bytes, mutation);
        }
        crate::fuzz::document(&bytes);
    }

    #[test]
    fn mutated_keys_are_refused_or_mean_something(
        values in proptest::collection::vec(any_value(), 1..4),
        mutations in proptest::collection::vec((0u8..6, any::<usize>(), any::<u8>()), 0..3),
    ) {
        let mut bytes = Vec::new();
        for value in &values {
            key::push_value(&mut bytes, Some(value));
        }
        for mutation in mutations {
            mutate(&mut bytes, mutation);
        }
        crate::fuzz::key(&bytes);
    }
}
