//! What a mutation writes down of itself in its own commit, for whoever wants to take it back.

use super::transaction::Obstacle;
use super::{Tab, TransactionId};
use crate::bytes::Bytes;
use crate::crdt::{FieldKind, FieldKinds};
use crate::document::Document;
use crate::error::Result;
use crate::id;
use crate::keyspace::{self, Root, TableId};
use crate::schema::{Schema, Table};
use crate::tab::changed_rows::ChangedRow;
use crate::tab::synced::home;
use crate::value::Value;
use crate::value::json::write_json;

/// Something that is kept under a key of its own, or no longer.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    pub(crate) key: Bytes,
    pub(crate) value: Option<Bytes>,
}

impl Tab {
    /// Has a transaction write something under a key that is new, or delete what is there.
    pub(crate) fn note(&mut self, id: TransactionId, name: &[u8], value: Option<&[u8]>) -> Result<()> {
        let key = Bytes::new([keyspace::NOTES_PREFIX, name].concat());
        let transaction = self.transaction(id)?;
        transaction.add_note(Note { key, value: value.map(Bytes::from) });
        Ok(())
    }

    /// Notes whose names begin so, with what stands there.
    pub(crate) fn notes(&mut self, prefix: &[u8]) -> std::result::Result<Vec<(Vec<u8>, Bytes)>, Obstacle> {
        let prefix = [keyspace::NOTES_PREFIX, prefix].concat();
        let mut found = self.crdt_entries(&prefix, TableId(0))?;
        for (key, _) in &mut found {
            key.drain(..keyspace::NOTES_PREFIX.len());
        }
        Ok(found)
    }

    /// The rows of synced tables that a transaction has changed so far: of each one the ids of the rows in whose documents it
    /// lay and lies (none for what is a person's own), and JSON text.
    ///
    /// ```text
    /// { table, id, kind: "insert" | "delete" }
    /// { table, id, kind: "update", counters: [name], texts: [name], before: { name: value }, after: { name: value } }
    /// ```
    pub(crate) fn written_rows(&mut self, id: TransactionId) -> Result<Vec<(Vec<String>, String)>> {
        let transaction = self.transaction(id)?;
        let schema = transaction.state.schema.clone();
        let told = transaction.changed_rows().filter_map(|row| {
            let table = schema.table_by_id(row.table).filter(|table| table.placement.is_some())?;
            let text = told(&schema, table, row)?;
            let documents = row.before.iter().chain(&row.after);
            let homes = documents.filter_map(|document| home(&schema, table, row.place.id, document));
            let named = |root: Root| Some(id::encode(schema.table_by_id(root.table)?.number, &root.id));
            Some((homes.filter_map(named).collect(), text))
        });
        Ok(told.collect())
    }
}

/// What a transaction has done to a row, if anything.
fn told(schema: &Schema, table: &Table, row: &ChangedRow) -> Option<String> {
    let text = |text: &str| Value::from(text);
    let id_text = id::encode(table.number, &row.place.id);
    let mut fields = vec![("table", text(&table.name)), ("id", text(&id_text))];
    match (&row.before, &row.after) {
        (None, None) => return None,
        (None, Some(_)) => fields.push(("kind", text("insert"))),
        (Some(_), None) => fields.push(("kind", text("delete"))),
        (Some(before), Some(after)) => {
            let [before, after] = [before, after].map(|document| Document::new(document).to_value(&schema.names).ok());
            let (Value::Object(mut before), Value::Object(mut after)) = (before?, after?) else { return None };
            let same: Vec<String> = before
                .iter()
                .filter(|(name, value)| after.get(name.as_str()) == Some(value))
                .map(|(name, _)| name.clone())
                .collect();
            for name in &same {
                before.remove(name.as_str());
                after.remove(name.as_str());
            }
            if before.is_empty() && after.is_empty() {
                return None;
            }
            let of_kind = |kind: FieldKind| {
                let kind_of = |name: &str| table.placement.as_ref().and_then(|placement| placement.kind_of(name));
                let names = after.keys().filter(|name| kind_of(name) == Some(kind)).map(|name| text(name));
                Value::Array(names.collect())
            };
            fields.push(("kind", text("update")));
            fields.push(("counters", of_kind(FieldKind::Counter)));
            fields.push(("texts", of_kind(FieldKind::Text)));
            fields.push(("before", Value::Object(before)));
            fields.push(("after", Value::Object(after)));
        }
    }
    let value = Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect());
    let mut out = String::new();
    write_json(&value, &mut out);
    Some(out)
}
