//! What one document says of a row: as it comes, as it is stored, and as it is shown where the schema accepts it.

use super::super::synced::home;
use super::super::transaction::{Obstacle, Row};
use crate::bytes::{Bytes, Reader};
use crate::crdt::{self, HiddenRow, Marks, MergedRow, RowStamps, StoredRow, WholeRow, Why};
use crate::document::{self, Document, Names, Purpose};
use crate::error::{Code, Error};
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{Root, RowId};
use crate::schema::{Home, Schema, Table, Validator};
use crate::value::Value;

/// What one document says of a row, with all its fields.
pub(super) struct Copy {
    pub(super) said: crdt::Copy,
    pub(super) creation_time: f64,
    whole: WholeRow,
}

/// A copy that is stored.
pub(super) struct StoredCopy {
    pub(super) key: Vec<u8>,
    pub(super) bytes: Bytes,
    pub(super) copy: Copy,
}

impl Copy {
    /// As a document has it.
    pub(super) fn of(schema: &Schema, root: Root, merged: &MergedRow) -> Self {
        let target = |text: &Option<String>| root_of(schema, text.as_deref()).ok();
        let marks = Marks { origin: target(&merged.origin), moved_to: target(&merged.moved_to) };
        let whole = WholeRow { fields: merged.fields.clone(), stamps: merged.stamps.clone() };
        Copy::new(schema, root, marks, merged.creation_time, whole)
    }

    fn new(schema: &Schema, root: Root, marks: Marks, creation_time: f64, whole: WholeRow) -> Self {
        let (is_deleted, has_left) = (whole.stamps.deleted.is_some(), whole.stamps.moved.is_some());
        let rivals = rivals(schema, &whole.stamps);
        Copy { said: crdt::Copy { root, marks, rivals, is_deleted, has_left }, creation_time, whole }
    }

    /// As it is stored. One that is shown has its fields in the row.
    pub(super) fn read(
        schema: &Schema,
        table: &Table,
        row: RowId,
        root: Option<Root>,
        bytes: &Bytes,
        shown: Option<&Row>,
    ) -> Option<Self> {
        let StoredRow { hidden, marks, rest, stamps, .. } = StoredRow::decode(bytes).ok()?;
        let (root, creation_time, document) = match hidden {
            Some(hidden) => (root.unwrap_or(hidden.root), hidden.creation_time, hidden.document),
            None => {
                let shown = shown?;
                let root = root.or_else(|| home(schema, table, row, &shown.document))?;
                (root, shown.place.creation_time, shown.document.clone())
            }
        };
        let whole = WholeRow::join(&document, &schema.names, &stamps, rest.as_ref()).ok()?;
        Some(Copy::new(schema, root, marks, creation_time, whole))
    }

    /// What is stored of it while this device shows another row of its id, which is to be written over it.
    pub(super) fn beside(&self, schema: &Schema, table: &Table) -> StoredRow {
        let Copy { said: crdt::Copy { root, marks, .. }, creation_time, whole } = self;
        let known = fitting(schema, table, whole.clone(), *creation_time).map(|(_, known, rest)| (known, rest));
        let (known, rest) = known.unwrap_or_else(|| whole.clone().split(|name| knows(table, name)));
        let (document, stamps) = (known.document(&schema.names), Bytes::new(known.stamps.encode()));
        let hidden = HiddenRow { why: Why::Deleted, root: *root, creation_time: *creation_time, document };
        StoredRow { hidden: Some(hidden), marks: *marks, has_duplicates: false, rest, stamps }
    }

    /// What is stored of it, and what readers see, if it is shown.
    pub(super) fn store(
        self,
        schema: &Schema,
        table: &Table,
        row: RowId,
        why: Option<Why>,
    ) -> (StoredRow, Option<Bytes>) {
        let Copy { said: crdt::Copy { root, marks, .. }, creation_time, whole } = self;
        let is_placed = |document: &[u8]| home(schema, table, row, document) == Some(root);
        let fitting = fitting(schema, table, whole.clone(), creation_time).filter(|(document, ..)| is_placed(document));
        let (document, whole, rest, why) = match fitting {
            Some((document, known, rest)) => (document, known, rest, why),
            None => (whole.document(&schema.names), whole, None, why.or(Some(Why::Misfit))),
        };
        let stamps = Bytes::new(whole.stamps.encode());
        let hidden = why.map(|why| HiddenRow { why, root, creation_time, document: document.clone() });
        let shown = hidden.is_none().then_some(document);
        (StoredRow { hidden, marks, has_duplicates: false, rest, stamps }, shown)
    }
}

/// Whether a document could be inserted.
pub(in crate::tab) fn fits(schema: &Schema, table: &Table, document: &Bytes) -> bool {
    let mut copy = document.to_vec();
    document::canonicalize(&mut copy, &schema.names, Purpose::Insert).is_ok()
        && schema.check(table, &Document::new(document)).is_ok()
}

/// A row that came from elsewhere as one of its table, if it fits: without the fields that the table does not know.
fn fitting(
    schema: &Schema,
    table: &Table,
    whole: WholeRow,
    creation_time: f64,
) -> Option<(Bytes, WholeRow, Option<crdt::Rest>)> {
    if !(creation_time > 0.0 && creation_time.is_finite()) {
        return None;
    }
    let fits = |document: &Bytes| fits(schema, table, document);
    let document = whole.document(&schema.names);
    if fits(&document) {
        return Some((document, whole, None));
    }
    // Whole numbers of others may be integers of theirs.
    let whole = WholeRow { fields: with_floats(table.effective_validator(), whole.fields), ..whole };
    let document = whole.document(&schema.names);
    if fits(&document) {
        return Some((document, whole, None));
    }
    table.effective_validator().objects().into_iter().find_map(|fields| {
        let (known, rest) = whole.clone().split(|name| fields.iter().any(|field| field.name == name));
        let document = known.document(&schema.names);
        (rest.is_some() && fits(&document)).then_some((document, known, rest))
    })
}

/// Whether a table has a field of this name, or takes any.
pub(in crate::tab) fn knows(table: &Table, name: &str) -> bool {
    let shapes = table.effective_validator().objects();
    shapes.is_empty() || shapes.iter().any(|fields| fields.iter().any(|field| field.name == name))
}

/// Fields with floats in place of the integers of others, where the table has those.
pub(in crate::tab) fn with_floats(validator: &Validator, fields: FlatMap<String, Value>) -> FlatMap<String, Value> {
    match validator.with_floats(Value::Object(fields)) {
        Value::Object(fields) => fields,
        _ => unreachable!("an object stays one"),
    }
}

/// To whose documents others have moved a row at the same time, the greatest first.
pub(in crate::tab) fn rivals(schema: &Schema, stamps: &RowStamps) -> Vec<Root> {
    let target = |value: &Bytes| {
        let value = document::decode_value(&mut Reader::new(value), &Names::new()).ok()?;
        root_of(schema, value.as_str()).ok()
    };
    let rivals = stamps.moved.iter().flat_map(|moved| moved.rivals.iter().rev());
    rivals.filter_map(|rival| target(&rival.value)).collect()
}

/// The row that the text names as that of a document.
pub(super) fn root_of(schema: &Schema, text: Option<&str>) -> Result<Root, Obstacle> {
    let (number, id) = text.and_then(id::decode).ok_or_else(|| refused("It does not say whose it is.".into()))?;
    let is_root = |table: &&Table| {
        table.declared && table.placement.as_ref().is_some_and(|placement| placement.home == Home::Root)
    };
    match schema.table_by_number(number).filter(is_root) {
        Some(table) => Ok(Root { table: table.id, id }),
        None => Err(refused("It belongs to a table that this version of the app does not know.".into())),
    }
}

pub(super) fn refused(why: String) -> Obstacle {
    Obstacle::Error(Error::new(Code::DocumentRefused, why))
}
