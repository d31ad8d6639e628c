//! From one schema to the next.

use proptest::prelude::*;

use super::definition::colliding_names;
use super::samples::*;
use crate::document::FieldPath;
use crate::error::Code;
use crate::id;
use crate::keyspace::{IndexId, TableId};
use crate::schema::{ImportStep, IndexState, Schema, Validator};
use crate::value::Value;

fn ready(mut schema: Schema) -> Schema {
    let ids: Vec<IndexId> = schema.tables().iter().flat_map(|table| table.indexes()).map(|index| index.id).collect();
    for id in ids {
        schema.set_index_state(id, IndexState::Ready);
    }
    schema
}

/// `name fields state` of each index of a table.
fn indexes(schema: &Schema, table: &str) -> Vec<String> {
    let table = schema.tables().iter().find(|known| known.name == table).expect("a table");
    let line = |index: &crate::schema::Index| {
        let fields: Vec<String> = index.fields.iter().map(FieldPath::to_string).collect();
        let state = match index.state {
            IndexState::Building { .. } => "building",
            IndexState::Ready => "ready",
            IndexState::Dropping => "dropping",
        };
        format!("{} {} {} {state}", index.id.0, index.name, fields.join(","))
    };
    table.indexes().iter().map(line).collect()
}

#[test]
fn a_new_database_gets_all_tables_and_checks_none() {
    let evolution = evolve(&Schema::empty(), &task_list());
    assert_eq!(evolution.check, []);
    let schema = evolution.schema;
    assert_eq!(schema.version, 1);
    assert_eq!(
        schema.tables().iter().map(|table| table.name.as_str()).collect::<Vec<_>>(),
        ["projects", "tasks", "users"]
    );
    let tasks = schema.table("tasks").expect("declared");
    assert_eq!(tasks.id, TableId(2));
    assert_eq!(tasks.number, id::derived_table_number("tasks"));
    assert_eq!(tasks.indexes().len(), 7);
    assert_eq!(schema.table_by_number(tasks.number), Some(tasks));
    assert_eq!(schema.table_by_id(TableId(2)), Some(tasks));
    assert_eq!(
        schema.index_by_id(IndexId(1)).map(|(table, index)| (&*table.name, &*index.name)),
        Some(("projects", "by_owner"))
    );
}

#[test]
fn asking_for_the_same_again_changes_nothing() {
    let schema = evolve(&Schema::empty(), &task_list()).schema;
    assert_eq!(schema.evolve(&define(&task_list())), Ok(None));
    assert_eq!(ready(schema).evolve(&define(&task_list())), Ok(None));
}

#[test]
fn a_dropped_table_keeps_its_rows_and_comes_back_with_them() {
    let first = ready(evolve(&Schema::empty(), &task_list()).schema);
    let number = first.table("users").expect("declared").number;
    let without = schema([]);
    let dropped = evolve(&first, &without);
    assert_eq!(dropped.check, []);
    let dropped = dropped.schema;
    assert_eq!(dropped.table("tasks"), None);
    assert!(indexes(&dropped, "tasks").iter().all(|line| line.ends_with("dropping")));
    // Its ids are still its ids.
    assert_eq!(dropped.table_by_number(number).map(|table| table.name.as_str()), Some("users"));
    assert_eq!(dropped.evolve(&define(&without)), Ok(None));

    let back = evolve(&dropped, &task_list());
    let tasks = back.schema.table("tasks").expect("declared");
    assert_eq!(tasks.id, TableId(2));
    assert_eq!(tasks.index("by_project").map(|index| index.id), Some(IndexId(14)));
    assert_eq!(
        indexes(&back.schema, "projects"),
        ["1 by_owner owner.userId dropping", "9 by_owner owner.userId building"]
    );
    assert_eq!(back.check, [TableId(1), TableId(2), TableId(3)]);
}

#[test]
fn indexes_are_added_changed_and_removed() {
    let any = Validator::Any;
    let first =
        ready(evolve(&Schema::empty(), &schema([table("t", &any, [index("x", &["a"]), index("y", &["b"])])])).schema);
    let next = evolve(&first, &schema([table("t", &any, [index("x", &["a", "b"]), index("z", &["c"])])]));
    assert_eq!(next.check, []);
    assert_eq!(indexes(&next.schema, "t"), ["1 x a dropping", "2 y b dropping", "3 x a,b building", "4 z c building"]);
    assert_eq!(next.schema.table("t").and_then(|table| table.index("x")).map(|index| index.id), Some(IndexId(3)));
    assert_eq!(next.schema.table("t").and_then(|table| table.index("y")), None);

    // Back again: what is dropping can't be revived, and half-built ones go too.
    let mut back = evolve(&next.schema, &schema([table("t", &any, [index("x", &["a"])])])).schema;
    assert_eq!(
        indexes(&back, "t"),
        ["1 x a dropping", "2 y b dropping", "3 x a,b dropping", "4 z c dropping", "5 x a building"]
    );
    let version = back.version;
    assert!(back.remove_dropped_index(IndexId(1)));
    assert!(!back.remove_dropped_index(IndexId(5)), "it is not dropping");
    assert!(!back.remove_dropped_index(IndexId(1)), "it is gone");
    assert_eq!(back.version, version, "maintenance makes no new schema");
    assert!(back.set_index_state(IndexId(5), IndexState::Building { after: Some(vec![1]) }));
    assert!(!back.set_index_state(IndexId(1), IndexState::Ready));
    assert_eq!(indexes(&back, "t"), ["2 y b dropping", "3 x a,b dropping", "4 z c dropping", "5 x a building"]);
}

#[test]
fn unstaging_an_index_keeps_its_entries() {
    let staged = schema([with(table("t", &Validator::Any, []), "stagedDbIndexes", array([index("x", &["a"])]))]);
    let first = ready(evolve(&Schema::empty(), &staged).schema);
    let next = evolve(&first, &schema([table("t", &Validator::Any, [index("x", &["a"])])])).schema;
    assert_eq!(indexes(&next, "t"), ["1 x a ready"]);
    assert!(!next.table("t").expect("declared").indexes()[0].staged);
}

#[test]
fn names_are_only_added() {
    let before = |fields| schema([table("t", &v_object(fields), [])]);
    let first = evolve(&Schema::empty(), &before([("b", Validator::Null), ("a", Validator::Null)])).schema;
    assert_eq!(first.names_json(), r#"["a","b"]"#);
    let inner = v_array(v_object([("inner", Validator::Null)]));
    let wanted = schema([table("t", &v_object([("aa", inner), ("b", Validator::Any)]), [index("i", &["b.deep"])])]);
    let next = evolve(&first, &wanted).schema;
    assert_eq!(next.names_json(), r#"["a","b","aa","inner","deep"]"#);
    assert_eq!(evolve(&next, &schema([])).schema.names_json(), next.names_json());
}

#[test]
fn only_narrowed_tables_are_checked() {
    let of = |validator: &Validator| schema([table("t", validator, [])]);
    let strict = v_object([("a", Validator::String)]);
    let wide = v_object([("a", Validator::Union(vec![Validator::String, Validator::Null])), ("b?", Validator::Any)]);
    let first = evolve(&Schema::empty(), &of(&strict)).schema;
    let widened = evolve(&first, &of(&wide));
    assert_eq!(widened.check, []);
    assert_eq!(evolve(&widened.schema, &of(&strict)).check, [TableId(1)]);

    // Switched off, anything may be stored; switched on again, it must be looked at.
    let off = evolve(&first, &with(of(&strict), "schemaValidation", false.into()));
    assert_eq!(off.check, []);
    assert_eq!(evolve(&off.schema, &of(&strict)).check, [TableId(1)]);
    assert_eq!(evolve(&off.schema, &of(&Validator::Any)).check, []);
}

#[test]
fn a_table_keeps_the_number_that_it_was_made_with() {
    let plain = schema([table("t", &Validator::Any, [])]);
    let pinned = with(plain.clone(), "tableNumbers", object([("t", 10_003.0.into())]));
    let derived = id::derived_table_number("t");
    let first = evolve(&Schema::empty(), &plain).schema;
    let error = first.evolve(&define(&pinned)).expect_err("ids would change");
    assert_eq!(error.code, Code::InvalidSchema);
    assert!(error.message.contains(&format!("\"t\" the number 10003, but it has {derived}")), "{error}");
    // An import makes it valid.
    let begun = first.import(&begin("t", Some(10_003))).expect("free");
    let imported = begun.import(&ImportStep::Finish(2)).expect("begun");
    assert_eq!(imported.evolve(&define(&pinned)), Ok(None));
    assert_eq!(first.table("t").map(|table| table.number), Some(derived));
    let second = evolve(&Schema::empty(), &pinned).schema;
    assert_eq!(second.table("t").map(|table| table.number), Some(10_003));
    assert_eq!(second.evolve(&define(&plain)), Ok(None), "who forgets it changes nothing");
}

#[test]
fn a_table_that_is_gone_still_owns_its_number() {
    let (first, second) = colliding_names();
    let old = evolve(&Schema::empty(), &schema([table(&first, &Validator::Any, [])])).schema;
    let wanted = schema([table(&second, &Validator::Any, [])]);
    let error = old.evolve(&define(&wanted)).expect_err("the number is taken");
    assert!(error.message.contains(&first) && error.message.contains(&second), "{error}");
    let pinned = with(wanted, "tableNumbers", object([(second.as_str(), 10_001.0.into())]));
    assert!(old.evolve(&define(&pinned)).is_ok());
}

/// Definitions over few names, so that they share tables and indexes.
fn any_definition() -> impl Strategy<Value = Value> {
    let one =
        (any_validator(), prop::collection::btree_map("[xyz]", prop::sample::select(vec!["a", "b", "c.a"]), 0..3));
    (prop::collection::btree_map("[stu]", one, 0..3), any::<bool>()).prop_map(|(tables, enforced)| {
        let tables = tables.into_iter().map(|(name, (validator, indexes))| {
            let validator = match validator {
                Validator::Object(fields) => Validator::Object(fields),
                _ => Validator::Any,
            };
            let mut seen = Vec::new();
            let indexes = indexes.into_iter().filter(|(_, field)| {
                let new = !seen.contains(field);
                seen.push(*field);
                new
            });
            let indexes = indexes.map(|(name, field)| index(&name, &[field])).collect();
            with(table(&name, &validator, []), "indexes", Value::Array(indexes))
        });
        object([("tables", Value::Array(tables.collect())), ("schemaValidation", enforced.into())])
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_stored_exactly_and_ends_in_rest(history in prop::collection::vec(any_definition(), 1..6)) {
        let mut schema = Schema::empty();
        for wanted in history {
            let Ok(definition) = crate::schema::SchemaDefinition::from_value(&wanted) else {
                continue;
            };
            let before = schema.clone();
            if let Some(evolution) = schema.evolve(&definition).expect("no collisions") {
                schema = evolution.schema;
                prop_assert_eq!(schema.version, before.version + 1);
                for id in evolution.check {
                    prop_assert!(before.table_by_id(id).is_some(), "a new table has no rows to check");
                }
            }
            prop_assert_eq!(schema.evolve(&definition), Ok(None));
            prop_assert_eq!(Schema::decode(&schema.encode()), Ok(schema.clone()));
            // Numbers never change their meaning.
            prop_assert!(before.names.iter().eq(schema.names.iter().take(before.names.len())));
            for table in before.tables() {
                let now = schema.table_by_id(table.id).expect("tables stay");
                prop_assert_eq!(&now.name, &table.name);
                for index in table.indexes() {
                    let now = now.index_by_id(index.id).expect("indexes stay until their entries are deleted");
                    prop_assert_eq!((&now.name, &now.fields), (&index.name, &index.fields));
                    prop_assert!(index.state != IndexState::Dropping || now.state == IndexState::Dropping);
                }
            }
            // What is asked for is there.
            for (name, definition) in &definition.tables {
                let table = schema.table(name).expect("declared");
                prop_assert_eq!(&table.validator, &definition.validator);
                prop_assert_eq!(
                    table.indexes().iter().filter(|index| index.state != IndexState::Dropping).count(),
                    definition.indexes.len()
                );
            }
        }
    }
}
