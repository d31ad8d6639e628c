//! The stored form: golden files, and bytes that are damaged.

use proptest::prelude::*;

use super::samples::*;
use crate::keyspace::IndexId;
use crate::schema::evolve::collect_numbers;
use crate::schema::{ImportStep, IndexState, Schema, Validator, fuzz};

/// One of everything that the format can say.
fn everything() -> Schema {
    let leaves = Validator::Union(vec![
        Validator::Null,
        Validator::Boolean,
        Validator::Int64,
        Validator::CommitTs,
        Validator::Float64,
        Validator::String,
        Validator::Bytes,
        Validator::Id("_storage".into()),
        Validator::Literal(true.into()),
        Validator::Literal((-5i64).into()),
        Validator::Literal(1.5.into()),
        v_literal("é\""),
    ]);
    let validator = v_object([
        ("any?", Validator::Any),
        ("leaves", leaves),
        ("list", v_array(v_object([]))),
        ("map", v_record(Validator::String, Validator::Any)),
    ]);
    let staged = array([index("staged", &["any.deep"])]);
    let first = schema([
        with(table("t", &validator, [index("a", &["any"]), index("b", &["list", "map"])]), "stagedDbIndexes", staged),
        table("gone", &Validator::Any, [index("x", &["y"])]),
    ]);
    let pins = object([("t", 10_003.0.into())]);
    let stored = evolve(&Schema::empty(), &with(first, "tableNumbers", pins)).schema;
    let second = schema([table("t", &validator, [index("a", &["any"]), index("b", &["list"])])]);
    let mut stored = evolve(&stored, &second).schema;
    for (table, alias) in [(0, 77), (1, crate::id::derived_table_number("t"))] {
        stored.tables[table].aliases.push(alias);
    }
    stored.numbers = collect_numbers(&stored.tables).expect("free");
    assert!(stored.set_index_state(IndexId(2), IndexState::Ready));
    assert!(stored.set_index_state(IndexId(5), IndexState::Building { after: Some(vec![0x10, 0, 0xff]) }));
    stored.version = 5;
    stored.source = Some(*b"sixteen bytes...");
    stored
}

/// A table whose predecessor is still to be deleted, and one that is being filled.
fn importing() -> Schema {
    let table = |name| table(name, &Validator::Any, [index("by_n", &["n"])]);
    let mut schema = evolve(&Schema::empty(), &schema([table("done"), table("under_way")])).schema;
    for step in [begin("done", Some(10_001)), ImportStep::Finish(3), begin("under_way", Some(10_002))] {
        schema = schema.import(&step).expect("possible");
    }
    schema
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> =
        bytes.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    digits.join("\n") + "\n"
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("two digits");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn released_formats_are_read_and_written() {
    for (name, schema, golden) in [
        ("empty", Schema::empty(), include_str!("../../../tests/golden/v1/schema-empty.hex")),
        (
            "tasks",
            evolve(&Schema::empty(), &task_list()).schema,
            include_str!("../../../tests/golden/v1/schema-tasks.hex"),
        ),
        ("importing", importing(), include_str!("../../../tests/golden/v1/schema-importing.hex")),
        ("everything", everything(), include_str!("../../../tests/golden/v1/schema-everything.hex")),
    ] {
        assert_eq!(Schema::decode(&unhex(golden)), Ok(schema.clone()), "{name}");
        assert_eq!(hex(&schema.encode()), golden, "{name}");
    }
}

#[test]
fn a_newer_format_is_not_damage() {
    assert_eq!(Schema::decode(&[2, 1, 2, 3]), Err(Schema::NEWER_FORMAT));
    assert_ne!(Schema::decode(&[0]), Err(Schema::NEWER_FORMAT));
    assert_ne!(Schema::decode(&[]), Err(Schema::NEWER_FORMAT));
}

#[test]
fn a_cut_schema_is_malformed() {
    let bytes = everything().encode();
    for length in 0..bytes.len() {
        assert!(Schema::decode(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn endless_nesting_is_malformed() {
    let nested = [&[1, 1, 2, 1, 0, 0, 1, 1, 1, b't', 1, 0, 3][..], &[0x0a; 100_000]].concat();
    assert!(Schema::decode(&nested).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_never_panics(position in any::<prop::sample::Index>(), with in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = everything().encode();
        let position = position.index(bytes.len());
        bytes[position] = with;
        fuzz::schema(&bytes);
        bytes.remove(cut.index(bytes.len()));
        fuzz::schema(&bytes);
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        fuzz::schema(&bytes);
        fuzz::schema(&[&[1][..], &bytes].concat());
    }
}

#[test]
fn a_definition_reaches_the_fuzzed_path() {
    let mut bytes = Vec::new();
    crate::document::encode_value(&task_list(), &crate::document::Names::new(), &mut bytes);
    fuzz::schema(&bytes);
}
