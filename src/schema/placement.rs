//! Where the rows of a table are merged with those of other devices: in which CRDT documents they lie.

use crate::bytes::{Malformed, Reader, Write};
use crate::crdt::{FieldKind, FieldKinds, IS_BUILT_IN};
use crate::error::Result;
use crate::flat_map::FlatMap;
use crate::schema::definition::{TableDefinition, invalid, text};
use crate::schema::validator::{Field, Validator};
use crate::value::Value;
use std::rc::Rc;

/// The placement of a synced table. A table without one is this device's alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placement {
    pub(crate) home: Home,
    /// Fields that are merged as something else than a whole.
    kinds: FlatMap<String, FieldKind>,
}

/// What is not done yet of a table's becoming synced, or local.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Moving {
    /// What its rows had for documents is not gone yet. Until it is, the table is local; then it is placed like this, if
    /// anywhere: what is left of an earlier time would not agree with what was written since.
    Leaving(Option<Rc<Placement>>),
    /// Documents may have rows of it that were not read yet. Until they are, those that only this device has wait.
    Arriving,
}

/// In which document a row lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Home {
    /// In one of its own, with the rows that lie within it.
    Root,
    /// In that of the row whose id this field has.
    Within {
        field: String,
        /// The table that the field refers to.
        root: String,
    },
    /// In the one of whoever uses the app.
    Workspace,
}

impl FieldKinds for Placement {
    fn kind_of(&self, field: &str) -> Option<FieldKind> {
        self.kinds.get(field).copied()
    }
}

const WORDS: &str = "the placement of a table is `root()`, `within(\"field\")`, `workspace()` or `local()`";

/// What is merged by letters has to be a string, and what is added to a number, in some documents at least.
fn check_kind(table: &str, validator: &Validator, field: &str, kind: FieldKind) -> Result<()> {
    fn may_be(validator: &Validator, kind: FieldKind) -> bool {
        match validator {
            Validator::Any => true,
            Validator::String | Validator::Literal(Value::String(_)) => kind == FieldKind::Text,
            Validator::Float64 | Validator::Literal(Value::Float64(_)) => kind == FieldKind::Counter,
            Validator::Union(members) => members.iter().any(|member| may_be(member, kind)),
            _ => false,
        }
    }
    let shapes = validator.objects();
    let is_it = |known: &Field| known.name == field && may_be(&known.validator, kind);
    if shapes.is_empty() || shapes.iter().any(|fields| fields.iter().any(is_it)) {
        return Ok(());
    }
    let (kind, wanted) = match kind {
        FieldKind::Text => ("text", "a string"),
        FieldKind::Counter => ("counter", "a number (`v.number()`)"),
    };
    Err(invalid(format!(
        "`sync.{table}`: \"{field}\" is `{kind}()`, and the schema has no such field that is {wanted}."
    )))
}

/// Reads the key `sync` of a schema: an object from names of tables to `{ home, field?, kinds? }`.
pub(super) fn read_placements(value: Option<&Value>, tables: &mut FlatMap<String, TableDefinition>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    if !IS_BUILT_IN {
        return Err(invalid("`sync` is not in this build."));
    }
    let entries = value.as_object().ok_or_else(|| invalid("`sync` must be an object that names tables."))?;
    for (name, given) in entries {
        let Some(table) = tables.get(name) else {
            return Err(invalid(format!("`sync` names the table \"{name}\", which is not in the schema.")));
        };
        if given.get("home").and_then(Value::as_str) == Some("local") {
            continue;
        }
        let placement = read_placement(name, given, &table.validator)?;
        tables.get_mut(name).expect("it was there").placement = Some(Rc::new(placement));
    }
    for (name, table) in tables.iter() {
        let Some(Placement { home: Home::Within { field, root }, .. }) = table.placement.as_deref() else { continue };
        let is_root =
            |table: &TableDefinition| matches!(&table.placement, Some(placement) if placement.home == Home::Root);
        if !tables.get(root).is_some_and(is_root) {
            return Err(invalid(format!(
                "`sync` places \"{name}\" within its field \"{field}\", which refers to \"{root}\": \
                 that table has to be placed as `root()`."
            )));
        }
    }
    Ok(())
}

fn read_placement(name: &str, given: &Value, validator: &Validator) -> Result<Placement> {
    let home = match text(given.get("home"), &format!("`sync.{name}`: {WORDS}; `home`"))? {
        "root" => Home::Root,
        "workspace" => Home::Workspace,
        "within" => {
            let field = text(given.get("field"), &format!("`sync.{name}`: the field of `within`"))?.to_string();
            let root = referred(validator, &field).ok_or_else(|| {
                invalid(format!(
                    "`sync` places \"{name}\" within its field \"{field}\": the schema must say that every document of it \
                     has that field, as `v.id(…)` of one table."
                ))
            })?;
            Home::Within { field, root }
        }
        other => return Err(invalid(format!("`sync.{name}`: {WORDS}. Found \"{other}\"."))),
    };
    let mut kinds = FlatMap::new();
    if let Some(fields) = given.get("kinds").and_then(Value::as_object) {
        for (field, kind) in fields {
            let kind = match kind.as_str() {
                Some("text") => FieldKind::Text,
                Some("counter") => FieldKind::Counter,
                _ => {
                    return Err(invalid(format!(
                        "`sync.{name}`: the kind of \"{field}\" must be `text()` or `counter()`."
                    )));
                }
            };
            if matches!(&home, Home::Within { field: home, .. } if home == field) {
                return Err(invalid(format!(
                    "`sync.{name}`: \"{field}\" says where documents lie and can't be merged."
                )));
            }
            check_kind(name, validator, field, kind)?;
            kinds.insert(field.clone(), kind);
        }
    }
    Ok(Placement { home, kinds })
}

/// The table whose ids a field has in every document.
fn referred(validator: &Validator, field: &str) -> Option<String> {
    match validator {
        Validator::Object(fields) => {
            let found = fields.iter().find(|known| known.name == field && !known.optional)?;
            match &found.validator {
                Validator::Id(table) => Some(table.clone()),
                _ => None,
            }
        }
        Validator::Union(members) => {
            let mut tables = members.iter().map(|member| referred(member, field));
            let first = tables.next()??;
            tables.all(|table| table.as_ref() == Some(&first)).then_some(first)
        }
        _ => None,
    }
}

/// Appends the stored form:
///
/// ```text
/// placement := (00 | 01 field:string root:string | 02) kinds:varint (name:string kind:u8)*
/// ```
/// in the order root, within, workspace; kind 0 is text, 1 counter; names ascend.
pub(super) fn write_placement(out: &mut Vec<u8>, placement: &Placement) {
    match &placement.home {
        Home::Root => out.put_u8(0),
        Home::Within { field, root } => {
            out.put_u8(1);
            out.put_bytes(field.as_bytes());
            out.put_bytes(root.as_bytes());
        }
        Home::Workspace => out.put_u8(2),
    }
    out.put_varint(placement.kinds.len() as u64);
    for (name, kind) in &placement.kinds {
        out.put_bytes(name.as_bytes());
        out.put_u8(match kind {
            FieldKind::Text => 0,
            FieldKind::Counter => 1,
        });
    }
}

pub(super) fn read_stored_placement(reader: &mut Reader<'_>) -> std::result::Result<Placement, Malformed> {
    if !IS_BUILT_IN {
        return Err(crate::schema::Schema::NEWER_FORMAT);
    }
    let home = match reader.u8("schema: placement")? {
        0 => Home::Root,
        1 => Home::Within {
            field: reader.string("schema: placement's field")?.to_string(),
            root: reader.string("schema: placement's table")?.to_string(),
        },
        2 => Home::Workspace,
        _ => return Err(Malformed("schema: placement")),
    };
    let mut kinds: FlatMap<String, FieldKind> = FlatMap::new();
    for _ in 0..reader.length(reader.remaining(), "schema: field kinds")? {
        let name = reader.string("schema: name of a field kind")?;
        if kinds.last().is_some_and(|(last, _)| last.as_str() >= name) {
            return Err(Malformed("schema: field kinds"));
        }
        let kind = match reader.u8("schema: field kind")? {
            0 => FieldKind::Text,
            1 => FieldKind::Counter,
            _ => return Err(Malformed("schema: field kind")),
        };
        kinds.insert(name.to_string(), kind);
    }
    Ok(Placement { home, kinds })
}
