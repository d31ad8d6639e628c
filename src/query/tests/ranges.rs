//! A plan's range over real entry keys holds the rows that a filter over all rows finds.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::keyspace;
use crate::query::{Plan, Source, plan};
use crate::value::compare_optional;
use crate::{id, key};

/// The number that ids are made with here; the schema derives the same.
fn table_number() -> u32 {
    id::derived_table_number("tasks")
}

/// The key under which a plan's source holds a row.
pub(super) fn key_of(plan: &Plan, schema: &Schema, row: &ModelRow) -> Vec<u8> {
    match plan.source {
        Source::ByCreationTime => keyspace::row_key(plan.table, &row.place).to_vec(),
        Source::ById => keyspace::id_key(plan.table, &row.place.id).to_vec(),
        Source::Index(index) => {
            let fields = &schema.index_by_id(index).expect("the index").1.fields;
            let mut key = keyspace::entry_prefix(index).to_vec();
            for field in fields {
                key::push_value(&mut key, row.get(&field.to_string(), table_number()).as_ref());
            }
            keyspace::push_place(&mut key, &row.place);
            key
        }
    }
}

/// The places that a plan reads, in its order.
pub(super) fn read(plan: &Plan, schema: &Schema, rows: &[ModelRow]) -> Vec<RowId> {
    let entries: BTreeMap<_, _> = rows.iter().map(|row| (key_of(plan, schema, row), row.place.id)).collect();
    if plan.is_empty() {
        return Vec::new();
    }
    let found = entries.range(plan.start.clone()..plan.end.clone()).map(|(_, id)| *id);
    if plan.descending { found.rev().collect() } else { found.collect() }
}

fn inside(kind: &str, ordering: Ordering) -> bool {
    match kind {
        "Eq" => ordering.is_eq(),
        "Gt" => ordering.is_gt(),
        "Gte" => ordering.is_ge(),
        "Lt" => ordering.is_lt(),
        "Lte" => ordering.is_le(),
        _ => unreachable!("{kind}"),
    }
}

/// Filters and sorts all rows. `fields` are those of the index with the two at the end.
fn naive(rows: &[ModelRow], fields: &[&str], range: &[(&str, &str, Option<Value>)], descending: bool) -> Vec<RowId> {
    let get = |row: &ModelRow, field: &str| row.get(field, table_number());
    let mut found: Vec<_> = rows
        .iter()
        .filter(|row| {
            range
                .iter()
                .all(|(kind, field, value)| inside(kind, compare_optional(get(row, field).as_ref(), value.as_ref())))
        })
        .collect();
    found.sort_by(|left, right| {
        let orders = fields.iter().map(|field| compare_optional(get(left, field).as_ref(), get(right, field).as_ref()));
        let order = orders.fold(Ordering::Equal, Ordering::then);
        if descending { order.reverse() } else { order }
    });
    found.into_iter().map(|row| row.place.id).collect()
}

/// A bound that may be `undefined`, for a field of the index: for the last two, values that a row has.
fn any_bound(field: &'static str) -> BoxedStrategy<Option<Value>> {
    match field {
        "_id" => prop_oneof![
            4 => any_row().prop_map(|row| Some(string(&row.id_text(table_number())))),
            1 => Just(Some(string(""))),
            1 => Just(None),
            1 => Just(Some(Value::Boolean(true))),
            1 => Just(Some(Value::Array(vec![]))),
        ]
        .boxed(),
        "_creationTime" => prop_oneof![
            4 => proptest::sample::select(vec![1.0, 2.0, 2.5, 3.0, 1.7e12, f64::NAN]).prop_map(|time| Some(number(time))),
            1 => prop::option::of(any_value()),
        ]
        .boxed(),
        _ => prop::option::weighted(0.9, any_value()).boxed(),
    }
}

/// Fields of an index, and a range over it: some equalities in any order, then bounds.
type Case = (&'static [&'static str], Vec<(&'static str, &'static str, Option<Value>)>);

fn any_case() -> impl Strategy<Value = Case> {
    const INDEXES: [&[&str]; 7] = [
        &["a", "_creationTime", "_id"],
        &["b", "a", "_creationTime", "_id"],
        &["a.b", "_creationTime", "_id"],
        &["c", "a.a", "b", "_creationTime", "_id"],
        &["d.a.b", "d", "_creationTime", "_id"],
        &["_creationTime", "_id"],
        &["a", "b", "c", "d", "_creationTime", "_id"],
    ];
    proptest::sample::select(INDEXES.to_vec())
        .prop_flat_map(|fields| (Just(fields), 0..=fields.len()))
        .prop_flat_map(|(fields, equalities)| {
            let equal: Vec<_> = fields[..equalities]
                .iter()
                .map(|field| any_bound(field).prop_map(move |value| ("Eq", *field, value)))
                .collect();
            let bounded = fields.get(equalities).copied();
            let bounds = |kinds: [&'static str; 2]| match bounded {
                Some(field) => prop::option::of((proptest::sample::select(kinds.to_vec()), any_bound(field)))
                    .prop_map(move |bound| bound.map(|(kind, value)| (kind, field, value)))
                    .boxed(),
                None => Just(None).boxed(),
            };
            (Just(fields), equal, bounds(["Gt", "Gte"]), bounds(["Lt", "Lte"]))
        })
        .prop_flat_map(|(fields, mut range, lower, upper)| {
            range.extend(lower);
            range.extend(upper);
            (Just(fields), Just(range).prop_shuffle())
        })
}

fn serialize(range: &[(&str, &str, Option<Value>)]) -> Vec<Value> {
    range.iter().map(|(kind, field, value)| bound(kind, field, value.clone())).collect()
}

/// The index named `x` over these fields, or the table's own order.
fn schema_and_name(fields: &[&str]) -> (Schema, &'static str) {
    let user_fields = &fields[..fields.len() - 2];
    if user_fields.is_empty() { (schema_of(&[]), "by_creation_time") } else { (schema_of(&[("x", user_fields)]), "x") }
}

proptest! {
    #[test]
    fn a_range_holds_what_a_filter_finds(
        (fields, range) in any_case(),
        rows in any_rows(30),
        descending: bool,
    ) {
        let (schema, index) = schema_and_name(fields);
        let order = if descending { "desc" } else { "asc" };
        let plan = plan(&schema, &index_query(index, serialize(&range), order, vec![])).expect("a valid range");
        prop_assert_eq!(read(&plan, &schema, &rows), naive(&rows, fields, &range, descending));
    }

    /// The same, with bounds taken from a row, so that ranges are seldom empty.
    #[test]
    fn a_range_around_a_row_holds_what_a_filter_finds(
        (fields, mut range) in any_case(),
        rows in any_rows(30),
        chosen: prop::sample::Index,
        descending: bool,
    ) {
        prop_assume!(!rows.is_empty());
        let row = chosen.get(&rows);
        for (_, field, value) in &mut range {
            *value = row.get(field, table_number());
        }
        let (schema, index) = schema_and_name(fields);
        let order = if descending { "desc" } else { "asc" };
        let plan = plan(&schema, &index_query(index, serialize(&range), order, vec![])).expect("a valid range");
        prop_assert_eq!(read(&plan, &schema, &rows), naive(&rows, fields, &range, descending));
    }

    #[test]
    fn by_id_finds_one_row_and_orders_by_day(rows in any_rows(20), chosen: prop::sample::Index, descending: bool) {
        prop_assume!(!rows.is_empty());
        let schema = schema_of(&[]);
        let order = if descending { "desc" } else { "asc" };
        let row = chosen.get(&rows);
        let text = Some(string(&row.id_text(table_number())));
        let read_range = |range| read(&plan(&schema, &index_query("by_id", range, order, vec![])).expect("a plan"), &schema, &rows);

        prop_assert_eq!(read_range(vec![bound("Eq", "_id", text.clone())]), vec![row.place.id]);

        let mut all: Vec<_> = rows.iter().map(|row| row.place.id).collect();
        all.sort_by_key(|id| (id.0[14..].to_vec(), id.0[..14].to_vec()));
        let position = all.iter().position(|id| *id == row.place.id).expect("the row");
        let expected = |mut ids: Vec<RowId>| { if descending { ids.reverse() }; ids };
        prop_assert_eq!(read_range(vec![]), expected(all.clone()));
        prop_assert_eq!(read_range(vec![bound("Gt", "_id", text.clone())]), expected(all[position + 1..].to_vec()));
        prop_assert_eq!(read_range(vec![bound("Gte", "_id", text.clone())]), expected(all[position..].to_vec()));
        prop_assert_eq!(read_range(vec![bound("Lt", "_id", text.clone())]), expected(all[..position].to_vec()));
        prop_assert_eq!(read_range(vec![bound("Lte", "_id", text)]), expected(all[..=position].to_vec()));
    }
}

#[test]
fn greater_than_undefined_means_has_the_field() {
    let schema = schema_of(&[("x", &["a"])]);
    let row = |fields: &[(&str, Value)], last| ModelRow {
        fields: fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        place: Place { creation_time: 1.0, id: RowId([last; 16]) },
    };
    let rows =
        [row(&[], 1), row(&[("a", Value::Null)], 2), row(&[("b", number(1.0))], 3), row(&[("a", number(1.0))], 4)];
    let ids = |range| {
        let plan = plan(&schema, &index_query("x", range, "asc", vec![])).expect("a plan");
        read(&plan, &schema, &rows).iter().map(|id| id.0[0]).collect::<Vec<_>>()
    };
    assert_eq!(ids(vec![bound("Gt", "a", None)]), [2, 4]);
    assert_eq!(ids(vec![bound("Eq", "a", None)]), [1, 3]);
    assert_eq!(ids(vec![bound("Lte", "a", None)]), [1, 3]);
    assert_eq!(ids(vec![bound("Lt", "a", None)]), [0; 0]);
}

#[test]
fn contradicting_bounds_enclose_nothing() {
    let schema = schema_of(&[("x", &["a"])]);
    let range = vec![bound("Gt", "a", Some(number(2.0))), bound("Lt", "a", Some(number(1.0)))];
    assert!(plan(&schema, &index_query("x", range, "asc", vec![])).expect("a plan").is_empty());
}
