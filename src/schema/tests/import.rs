//! The steps of an import.

use super::samples::*;
use crate::error::Code;
use crate::id::derived_table_number;
use crate::schema::{ImportStep, IndexState, Schema, Standing, Validator};
use crate::value::Value;

fn app(fields: &[&str]) -> Value {
    schema([table("t", &Validator::Any, [index("by", fields)]), table("other", &Validator::Any, [])])
}

fn stored() -> Schema {
    evolve(&Schema::empty(), &app(&["n"])).schema
}

fn after(schema: &Schema, steps: &[ImportStep]) -> Schema {
    steps.iter().fold(schema.clone(), |schema, step| {
        let next = schema.import(step).expect("possible");
        assert_eq!(next.version, schema.version + 1);
        assert_eq!(Schema::decode(&next.encode()), Ok(next.clone()));
        next
    })
}

#[test]
fn what_is_filled_takes_the_place_of_what_was_there() {
    let before = stored();
    let former = before.table("t").expect("declared").id;
    let begun = after(&before, &[begin("t", Some(10_003))]);
    assert_eq!(begun.table("t").map(|table| table.id), Some(former), "nobody sees it yet");
    assert_eq!(begun.table_by_number(10_003), begun.table("t"), "ids refer to the name");
    let incoming = begun.incoming(3, "t").expect("begun");
    assert!(incoming.indexes().iter().all(|index| index.state == IndexState::Ready), "{incoming:?}");

    let done = after(&begun, &[ImportStep::Finish(3)]);
    let table = done.table("t").expect("declared");
    assert_eq!((table.id, table.number), (incoming.id, 10_003));
    assert_eq!(table.aliases, [derived_table_number("t")], "older ids are of the table still");
    let left = done.table_by_id(former).expect("its rows are to be deleted");
    assert_eq!(left.standing, Standing::Leaving);
    let going: Vec<&str> = left.indexes().iter().map(|index| index.name.as_str()).collect();
    assert_eq!(going, ["by", "by_creation_time", "by_id"]);
    assert_eq!(done.evolve(&define(&app(&["n"]))), Ok(None));

    let mut gone = done;
    for index in gone.table_by_id(former).expect("there").indexes().to_vec() {
        assert!(gone.table_by_id(former).is_some());
        assert!(gone.remove_dropped_index(index.id));
    }
    assert_eq!(gone.table_by_id(former), None);
}

#[test]
fn an_import_that_is_given_up_or_forgotten_leaves_nothing() {
    let begun = after(&stored(), &[begin("t", Some(10_003))]);
    for step in [ImportStep::GiveUp(3), begin("other", Some(10_004))] {
        let next = after(&begun, &[step]);
        assert_eq!(next.table("t"), stored().table("t"));
        assert_eq!(next.table_by_number(10_003), None, "its number is free again");
        assert_eq!(next.incoming(3, "t").expect_err("gone").code, Code::SchemaChanged);
    }
    assert_eq!(stored().import(&ImportStep::Finish(3)).expect_err("not begun").code, Code::SchemaChanged);
}

#[test]
fn an_import_does_not_overlook_another_version_of_the_app() {
    let begun = after(&stored(), &[begin("t", None)]);
    let changed = evolve(&begun, &app(&["m"])).schema;
    let error = changed.import(&ImportStep::Finish(3)).expect_err("another index");
    assert!(error.message.ends_with("changed the table \"t\"."), "{error}");
    let dropped = evolve(&begun, &schema([table("other", &Validator::Any, [])])).schema;
    assert_eq!(dropped.import(&ImportStep::Finish(3)).expect_err("no such table").code, Code::SchemaChanged);
}

#[test]
fn a_number_belongs_to_one_table() {
    let begun = stored().import(&ImportStep::Begin(vec![("t".into(), Some(10_003)), ("other".into(), Some(10_003))]));
    let error = begun.expect_err("ids could not be told apart");
    assert!(error.message.starts_with("Tables \"other\" and \"t\" both have the table number 10003"), "{error}");
    let error = stored().import(&begin("nowhere", None)).expect_err("no such table");
    assert_eq!(error.code, Code::TableNotFound);
    let twice = ImportStep::Begin(vec![("t".into(), None), ("t".into(), Some(7))]);
    let incoming = after(&stored(), &[twice]);
    assert_eq!(incoming.tables().iter().filter(|table| table.standing == Standing::Incoming).count(), 1);
}

#[test]
fn an_import_gives_way_to_a_table_of_the_app() {
    let begun = after(&stored(), &[begin("t", Some(10_003))]);
    let pinned = with(
        schema([table("t", &Validator::Any, [index("by", &["n"])]), table("new", &Validator::Any, [])]),
        "tableNumbers",
        object([("new", 10_003.0.into())]),
    );
    let next = evolve(&begun, &pinned).schema;
    assert_eq!(next.import_number(), None);
    assert_eq!(next.table_by_number(10_003), next.table("new"));
}
