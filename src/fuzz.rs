//! Entry points for fuzzers: each takes any bytes and panics when an invariant is broken.

use crate::bytes::{Bytes, Malformed, Reader, Write, checksum};
use crate::crdt::{DocumentState, Merge, RowStamps, StoredRow};
use crate::document::{self, Document, FieldPath, Names, Purpose, ValueRef};
use crate::error::Code;
use crate::key;
use crate::log::Record;
use crate::store::{Manifest, PageCache};
use crate::value::Value;

/// The dictionary that inputs are read with.
pub(crate) const NAMES: [&str; 8] = ["a", "title", "description", "descriptionLong", "Z", "done", "z z", "_inner"];

fn names() -> Names {
    let mut names = Names::new();
    for name in NAMES {
        names.add(name);
    }
    names
}

/// Bytes as a document, as a patch, as a damaged document and as a value.
pub fn document(bytes: &[u8]) {
    let names = names();
    accepted_documents_hold_together(bytes, &names);
    accepted_patches_apply(bytes, &names);
    damage_is_survived(bytes, &names);
    if let Ok(value) = document::decode_value(&mut Reader::new(bytes), &names) {
        let mut again = Vec::new();
        document::encode_value(&value, &names, &mut again);
        let back = document::decode_value(&mut Reader::new(&again), &names);
        assert_eq!(back.as_ref(), Ok(&value), "a value reads back");
    }
}

fn accepted_documents_hold_together(bytes: &[u8], names: &Names) {
    let mut bytes = bytes.to_vec();
    if document::canonicalize(&mut bytes, names, Purpose::Insert).is_err() {
        return;
    }
    let mut again = bytes.clone();
    assert_eq!(document::canonicalize(&mut again, names, Purpose::Insert), Ok(()));
    assert_eq!(again, bytes, "canonical bytes stay as they are");

    let document = Document::new(&bytes);
    let value = document.to_value(names).expect("a canonical document has a value");
    assert_eq!(document::encode(&value, names), bytes, "a value has one encoding");
    assert_eq!(document.size(names), Ok(value.size() + 61));
    assert_eq!(document.check_limits(names), Ok(()));
    let nothing = document::encode(&Value::Object(Default::default()), names);
    assert_eq!(document::patch(document, &nothing, names), Ok(bytes.clone()), "an empty patch changes nothing");

    let mut text = Vec::new();
    document.write_json(names, "id", 1.5, None, &mut text).expect("a canonical document has a text");
    assert!(std::str::from_utf8(&text).is_ok(), "JSON is UTF-8");

    for (name, field) in value.as_object().expect("a document is an object") {
        let found = document.object().ok().and_then(|object| object.get(name, names));
        let found = found.expect("a field is found by its name");
        assert!(found.compare_value(field, names).is_eq() && found.compare(&found, names).is_eq());
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        key::push_value_ref(&mut ours, Some(found), names).expect("a canonical value has a key");
        key::push_value(&mut theirs, Some(field));
        assert_eq!(ours, theirs, "a field's key is its value's");
    }
}

fn accepted_patches_apply(bytes: &[u8], names: &Names) {
    let mut bytes = bytes.to_vec();
    if document::canonicalize(&mut bytes, names, Purpose::Patch).is_err() {
        return;
    }
    let fields = [("a", Value::Int64(1)), ("m", Value::Null), ("title", Value::from("x"))];
    let base = Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
    let base = document::encode(&base, names);
    let mut patched = document::patch(Document::new(&base), &bytes, names).expect("a canonical patch applies");
    let before = patched.clone();
    match document::canonicalize(&mut patched, names, Purpose::Insert) {
        Ok(()) => assert_eq!(patched, before, "a patched document is canonical"),
        Err(error) => assert_eq!(error.code, Code::ValueTooLarge),
    }
}

fn damage_is_survived(bytes: &[u8], names: &Names) {
    let document = Document::new(bytes);
    let _ = document.is_json_safe();
    let _ = document.to_value(names);
    let _ = document.check_limits(names);
    let _ = document.get(&FieldPath::parse("a.title.done"), names);
    let _ = document.write_json(names, "id", f64::NAN, None, &mut Vec::new());
    let _ = document::patch(document, bytes, names);
    let mut before: Option<ValueRef<'_>> = None;
    for field in document.fields(names) {
        let Ok((_, value)) = field else { break };
        let _: Result<(), Malformed> = key::push_value_ref(&mut Vec::new(), Some(value), names);
        if let Some(before) = before {
            let _ = value.compare(&before, names);
        }
        before = Some(value);
    }
}

/// Bytes as keys, one after the other.
pub fn key(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut before: Option<(Option<Value>, &[u8])> = None;
    loop {
        let start = reader.position();
        let Ok(value) = key::read_value(&mut reader) else { break };
        let read = &bytes[start..reader.position()];
        let mut again = Vec::new();
        key::push_value(&mut again, value.as_ref());
        assert_eq!(again, read, "a value has one key");
        if let Some((value_before, read_before)) = before {
            assert_eq!(read_before.cmp(read), value_before.cmp(&value), "keys order as values");
        }
        before = Some((value, read));
    }
    let _ = key::read_float(bytes);
}

/// Bytes as a stored schema, and as one that an app asks for.
pub fn schema(bytes: &[u8]) {
    crate::schema::fuzz::schema(bytes);
}

/// Bytes as a query.
pub fn query(bytes: &[u8]) {
    crate::query::fuzz::fuzz_query(bytes);
}

/// Bytes as a log record: as they are, and with the version and checksum that let them through to the walk.
pub fn record(bytes: &[u8]) {
    let check = |bytes: Vec<u8>| {
        if let Ok(record) = Record::decode(&Bytes::new(bytes)) {
            let again = Record::decode(&Bytes::new(record.encode()));
            assert!(again.is_ok_and(|again| again.rows().eq(record.rows()) && again.commit == record.commit));
        }
    };
    check(bytes.to_vec());
    check(with_checksum(bytes));
}

/// Bytes as a page in the cache and as a manifest.
pub fn page(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_checksum(bytes)] {
        let _ = Manifest::decode(&bytes);
        let mut cache = PageCache::new(1 << 20);
        let _ = cache.insert(1, bytes);
    }
}

/// The bytes with the first version and a right checksum.
fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if let Some(version) = bytes.first_mut() {
        *version = 1;
    }
    let sum = checksum(&bytes);
    bytes.put_u32(sum);
    bytes
}

/// Bytes as what is stored of CRDT documents, as stamps beside a document, and as messages of the docs worker.
pub fn crdt(bytes: &[u8]) {
    if let Ok(state) = DocumentState::decode(bytes) {
        assert_eq!(DocumentState::decode(&state.encode()), Ok(state), "a state reads back");
    }
    // Nothing of these may panic, or take memory that the bytes are not worth.
    let _ = StoredRow::decode(&Bytes::from(bytes));
    if let Ok(merge) = Merge::decode(bytes) {
        assert!(Merge::decode(&merge.encode()).is_ok(), "a merge reads back");
    }
    let Some((&length, rest)) = bytes.split_first() else { return };
    let (document, stamps) = rest.split_at(rest.len().min(usize::from(length)));
    if let Ok(object) = Document::new(document).object()
        && let Ok(stamps) = RowStamps::decode(stamps, object)
    {
        assert_eq!(RowStamps::decode(&stamps.encode(), object), Ok(stamps), "stamps read back");
    }
}

/// Bytes as what a peer sends of a document.
#[cfg(any(all(test, not(target_arch = "wasm32")), feature = "docs"))]
pub fn gate(bytes: &[u8]) {
    crate::doc::fuzz::gate(bytes);
}

/// Bytes as a frame of a server: what is read is written as the same.
#[cfg(any(all(test, not(target_arch = "wasm32")), feature = "docs"))]
pub fn frame(bytes: &[u8]) {
    crate::wire::Frame::check(bytes);
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::random::Random;

    /// All targets on mutations of the golden files. `HOLDFAST_LONG=1` takes a hundred times as many.
    #[test]
    fn mutated_golden_files_break_nothing() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).expect("golden files").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let corpus: Vec<Vec<u8>> = files
            .iter()
            .map(|file| {
                let text: String = std::fs::read_to_string(file).expect("text").split_whitespace().collect();
                (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex")).collect()
            })
            .chain(crate::wire::stock_frames())
            .collect();
        let rounds = if std::env::var_os("HOLDFAST_LONG").is_some_and(|long| long == "1") { 200_000 } else { 2_000 };
        let mut random = Random::from_number(11);
        let targets: [fn(&[u8]); 9] = [document, key, schema, query, record, page, crdt, gate, frame];
        for round in 0..rounds {
            let mut bytes = corpus[random.below(corpus.len() as u64) as usize].clone();
            mutate(&mut bytes, &mut random);
            for target in targets {
                let input = bytes.clone();
                let outcome = std::panic::catch_unwind(move || target(&input));
                assert!(outcome.is_ok(), "round {round}: {bytes:02x?}");
            }
        }
    }

    fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
        // A checksum at the end is taken off half of the time, so that `with_checksum` gives the right one.
        if random.below(2) == 0 && bytes.len() > 4 {
            bytes.truncate(bytes.len() - 4);
        }
        for _ in 0..random.below(4) {
            if bytes.is_empty() {
                return;
            }
            let position = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[position] ^= 1 << random.below(8),
                1 => bytes[position] = random.next_u64() as u8,
                2 => bytes.truncate(position),
                _ => bytes.insert(position, [0, 1, 0x7f, 0x80, 0xff][random.below(5) as usize]),
            }
        }
    }
}
