//! Schemas and values for tests, written as short as in TypeScript.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::schema::{Evolution, Field, ImportStep, Schema, SchemaDefinition, Validator};
use crate::value::Value;

/// `{ name: value, … }`
pub(crate) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// `[item, …]`
pub(crate) fn array<const N: usize>(items: [Value; N]) -> Value {
    Value::Array(items.into())
}

/// `v.object({ … })`; a name that ends in `?` is optional.
pub(crate) fn v_object<const N: usize>(fields: [(&str, Validator); N]) -> Validator {
    let mut fields: Vec<Field> = fields
        .into_iter()
        .map(|(name, validator)| Field {
            name: name.trim_end_matches('?').into(),
            optional: name.ends_with('?'),
            validator,
        })
        .collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Validator::Object(fields)
}

/// The beginning of an import into one table.
pub(crate) fn begin(table: &str, number: Option<u32>) -> ImportStep {
    ImportStep::Begin(vec![(table.into(), number)])
}

/// `v.literal(text)`
pub(crate) fn v_literal(text: &str) -> Validator {
    Validator::Literal(text.into())
}

/// `v.array(element)`
pub(crate) fn v_array(element: Validator) -> Validator {
    Validator::Array(Box::new(element))
}

/// `v.record(keys, values)`
pub(crate) fn v_record(keys: Validator, values: Validator) -> Validator {
    Validator::Record(Box::new(keys), Box::new(values))
}

/// The JSON that `v.…` exports.
pub(crate) fn export(validator: &Validator) -> Value {
    let plain = |kind: &str| object([("type", kind.into())]);
    match validator {
        Validator::Any => plain("any"),
        Validator::Null => plain("null"),
        Validator::Boolean => plain("boolean"),
        Validator::Int64 => plain("bigint"),
        Validator::CommitTs => plain("commitTs"),
        Validator::Float64 => plain("number"),
        Validator::String => plain("string"),
        Validator::Bytes => plain("bytes"),
        Validator::Id(table) => object([("type", "id".into()), ("tableName", table.as_str().into())]),
        Validator::Literal(literal) => object([("type", "literal".into()), ("value", literal.clone())]),
        Validator::Array(element) => object([("type", "array".into()), ("value", export(element))]),
        Validator::Record(keys, values) => object([
            ("type", "record".into()),
            ("keys", export(keys)),
            ("values", object([("fieldType", export(values)), ("optional", false.into())])),
        ]),
        Validator::Object(fields) => {
            let fields = fields.iter().map(|field| {
                let entry = object([("fieldType", export(&field.validator)), ("optional", field.optional.into())]);
                (field.name.clone(), entry)
            });
            object([("type", "object".into()), ("value", Value::Object(fields.collect()))])
        }
        Validator::Union(members) => {
            object([("type", "union".into()), ("value", Value::Array(members.iter().map(export).collect()))])
        }
    }
}

/// One exported index.
pub(crate) fn index(name: &str, fields: &[&str]) -> Value {
    let fields = fields.iter().map(|&field| field.into()).collect();
    object([("indexDescriptor", name.into()), ("fields", Value::Array(fields))])
}

/// One exported table.
pub(crate) fn table<const N: usize>(name: &str, validator: &Validator, indexes: [Value; N]) -> Value {
    object([("tableName", name.into()), ("documentType", export(validator)), ("indexes", array(indexes))])
}

/// An exported schema with validation.
pub(crate) fn schema<const N: usize>(tables: [Value; N]) -> Value {
    object([("tables", array(tables)), ("schemaValidation", true.into())])
}

/// The same value with one more key.
pub(crate) fn with(mut value: Value, key: &str, extra: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert(key.into(), extra);
    }
    value
}

pub(crate) fn define(value: &Value) -> SchemaDefinition {
    SchemaDefinition::from_value(value).unwrap_or_else(|error| panic!("{error}"))
}

/// What adopting `wanted` means, when it means anything.
pub(crate) fn evolve(from: &Schema, wanted: &Value) -> Evolution {
    from.evolve(&define(wanted)).unwrap_or_else(|error| panic!("{error}")).expect("a change")
}

/// The message that a definition is rejected with.
pub(crate) fn rejection(value: &Value) -> String {
    match SchemaDefinition::from_value(value) {
        Ok(_) => panic!("accepted"),
        Err(error) => {
            assert_eq!(error.code, crate::error::Code::InvalidSchema);
            error.into_message()
        }
    }
}

/// The task list of the examples: seven indexes.
pub(crate) fn task_list() -> Value {
    let status = Validator::Union(["todo", "doing", "done"].map(v_literal).into());
    let tasks = v_object([
        ("projectId", Validator::Id("projects".into())),
        ("parentId?", Validator::Id("tasks".into())),
        ("title", Validator::String),
        ("description?", Validator::String),
        ("status", status),
        ("priority", Validator::Float64),
        ("dueDate?", Validator::Float64),
        ("assigneeId?", Validator::Id("users".into())),
        ("completed", Validator::Boolean),
        ("position", Validator::Float64),
        ("tags", v_array(Validator::String)),
    ]);
    let projects =
        v_object([("name", Validator::String), ("owner", v_object([("userId", Validator::Id("users".into()))]))]);
    let users = v_object([("name", Validator::String)]);
    schema([
        table("projects", &projects, [index("by_owner", &["owner.userId"])]),
        table(
            "tasks",
            &tasks,
            [
                index("by_project", &["projectId"]),
                index("by_project_status", &["projectId", "status"]),
                index("by_project_position", &["projectId", "position"]),
                index("by_assignee_due", &["assigneeId", "dueDate"]),
                index("by_due", &["dueDate"]),
                index("by_parent", &["parentId", "position"]),
                index("by_completed_priority", &["completed", "priority"]),
            ],
        ),
        table("users", &users, []),
    ])
}

/// Field names that collide often.
fn field_name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("bb"), Just("c"), Just("longer_name")].prop_map(String::from)
}

/// Any validator.
pub(crate) fn any_validator() -> impl Strategy<Value = Validator> {
    let leaf = prop_oneof![
        Just(Validator::Any),
        Just(Validator::Null),
        Just(Validator::Boolean),
        Just(Validator::Int64),
        Just(Validator::CommitTs),
        Just(Validator::Float64),
        Just(Validator::String),
        Just(Validator::Bytes),
        prop_oneof![Just("users"), Just("tasks"), Just("_storage")].prop_map(|table| Validator::Id(table.into())),
        any_literal().prop_map(Validator::Literal),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let field = (field_name(), (any::<bool>(), inner.clone()));
        let fields = prop::collection::vec(field, 0..4).prop_map(|fields| {
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            let field = |(name, (optional, validator))| Field { name, optional, validator };
            Validator::Object(fields.into_iter().map(field).collect())
        });
        prop_oneof![
            inner.clone().prop_map(v_array),
            (prop_oneof![Just(Validator::String), Just(Validator::Id("users".into()))], inner.clone())
                .prop_map(|(keys, values)| v_record(keys, values)),
            fields,
            prop::collection::vec(inner, 0..4).prop_map(Validator::Union),
        ]
    })
}

fn any_literal() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        (-2i64..2).prop_map(Value::Int64),
        prop_oneof![Just(0.0), Just(-0.0), Just(1.5)].prop_map(Value::Float64),
        prop_oneof![Just("x"), Just("\"\n é")].prop_map(Value::from),
    ]
}

/// Any value, often one that a validator from [`any_validator`] accepts; ids come from the given texts.
pub(crate) fn any_value(ids: &[(&str, String)]) -> impl Strategy<Value = Value> + use<> {
    let ids: Vec<String> = ids.iter().map(|(_, text)| text.clone()).collect();
    let leaf = prop_oneof![
        Just(Value::Null),
        any_literal(),
        any::<i64>().prop_map(Value::Int64),
        any::<f64>().prop_map(|number| Value::Float64(if number.is_nan() { f64::NAN } else { number })),
        prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
        prop::sample::select(ids).prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(field_name(), inner, 0..4).prop_map(Value::from),
        ]
    })
}

/// A value that `validator` accepts, when that can be guessed; `choice` varies it.
pub(crate) fn fitting(validator: &Validator, ids: &[(&str, String)], choice: u8) -> Value {
    let id_of =
        |wanted: &str| ids.iter().find(|(table, _)| *table == wanted).map_or(String::new(), |(_, text)| text.clone());
    match validator {
        Validator::Any | Validator::Null => Value::Null,
        Validator::Boolean => Value::Boolean(choice.is_multiple_of(2)),
        Validator::Int64 | Validator::CommitTs => Value::Int64(choice.into()),
        Validator::Float64 => Value::Float64(choice.into()),
        Validator::String => Value::String(choice.to_string()),
        Validator::Bytes => Value::Bytes(vec![choice]),
        Validator::Id(table) => Value::String(id_of(table)),
        Validator::Literal(literal) => literal.clone(),
        Validator::Array(element) => {
            Value::Array((0..choice % 3).map(|position| fitting(element, ids, choice / 3 + position)).collect())
        }
        Validator::Record(_, values) => object([("a", fitting(values, ids, choice / 2))]),
        Validator::Object(fields) => {
            let present = fields.iter().filter(|field| !field.optional || choice.is_multiple_of(2));
            Value::Object(
                present.map(|field| (field.name.clone(), fitting(&field.validator, ids, choice / 2))).collect(),
            )
        }
        Validator::Union(members) => match members.get(usize::from(choice) % members.len().max(1)) {
            Some(member) => fitting(member, ids, choice / 2),
            None => Value::Null,
        },
    }
}
