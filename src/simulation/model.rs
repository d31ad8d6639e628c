//! The database as a person would write it in an hour: maps of rows, queries by sorting.
//!
//! The model runs the same programs as the tabs do, one after the other in the order of the log. Where what
//! it writes differs from what the log says, the history is not serializable.

use super::program::{Answer, Call, Database, Fields, Query, Row, Stop, fields_of_index};
use crate::keyspace::RowId;
use crate::value::compare_optional;
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

/// A stored row: when it was made, and its fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub(super) time: f64,
    pub(super) fields: Fields,
}

pub(super) type Tables = BTreeMap<&'static str, BTreeMap<RowId, Stored>>;

/// The whole database.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) tables: Tables,
}

/// What a table is called in the model while an import fills it.
pub(super) fn incoming(table: &str) -> Option<&'static str> {
    match table {
        "items" => Some("incoming items"),
        "extras" => Some("incoming extras"),
        _ => None,
    }
}

/// What a program did to one row.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) before: Option<Stored>,
    pub(super) after: Option<Stored>,
}

/// One run of a program on the model.
pub(super) struct ModelRun<'a> {
    model: &'a mut Model,
    /// Ids and creation times of the inserts, as they were recorded.
    inserts: VecDeque<(RowId, f64)>,
    pub(super) written: BTreeMap<(&'static str, RowId), Written>,
}

impl Model {
    pub(super) fn run(&mut self, inserts: &[(RowId, f64)]) -> ModelRun<'_> {
        ModelRun { model: self, inserts: inserts.iter().copied().collect(), written: BTreeMap::new() }
    }

    fn table(&mut self, name: &'static str) -> &mut BTreeMap<RowId, Stored> {
        self.tables.entry(name).or_default()
    }

    /// The rows of a query, in its order.
    pub(super) fn query(&self, query: &Query) -> Vec<Row> {
        let fields = fields_of_index(query.table, query.index);
        let empty = BTreeMap::new();
        let table = self.tables.get(query.table).unwrap_or(&empty);
        let mut rows: Vec<Row> = table
            .iter()
            .map(|(id, stored)| Row { id: *id, time: stored.time, fields: stored.fields.clone() })
            .filter(|row| query.accepts(row))
            .collect();
        rows.sort_by(|a, b| {
            let by_fields = fields.iter().map(|field| compare_optional(a.fields.get(*field), b.fields.get(*field)));
            let order = by_fields.fold(Ordering::Equal, Ordering::then);
            order.then(a.time.total_cmp(&b.time)).then(a.id.cmp(&b.id))
        });
        if query.is_descending {
            rows.reverse();
        }
        rows.truncate(query.limit.unwrap_or(usize::MAX));
        rows
    }
}

impl ModelRun<'_> {
    fn write(&mut self, table: &'static str, id: RowId, after: Option<Stored>) {
        let rows = self.model.table(table);
        let before = match &after {
            Some(stored) => rows.insert(id, stored.clone()),
            None => rows.remove(&id),
        };
        self.written.entry((table, id)).or_insert(Written { before, after: None }).after = after;
    }

    /// Whether all inserts that were recorded happened.
    pub(super) fn is_complete(&self) -> bool {
        self.inserts.is_empty()
    }
}

impl Database for ModelRun<'_> {
    fn call(&mut self, call: Call) -> Result<Answer, Stop> {
        let found = |model: &mut Model, table, id: RowId| model.table(table).get(&id).cloned();
        Ok(match call {
            Call::Get(table, id) => Answer::Row(found(self.model, table, id).map(|stored| Row {
                id,
                time: stored.time,
                fields: stored.fields,
            })),
            Call::Query(query) => Answer::Rows(self.model.query(&query)),
            Call::Count(query) => Answer::Count(self.model.query(&query).len() as u64),
            Call::Insert(table, explicit, fields) => {
                if explicit.is_some_and(|id| self.model.table(table).contains_key(&id)) {
                    return Ok(Answer::Inserted(None));
                }
                let Some((id, time)) = self.inserts.pop_front() else { return Err(Stop::Diverged) };
                if explicit.is_some_and(|wanted| wanted != id) || found(self.model, table, id).is_some() {
                    return Err(Stop::Diverged);
                }
                self.write(table, id, Some(Stored { time, fields }));
                Answer::Inserted(Some((id, time)))
            }
            Call::Patch(table, id, changes) => {
                let Some(mut stored) = found(self.model, table, id) else { return Ok(Answer::Done(false)) };
                for (name, value) in changes {
                    match value {
                        Some(value) => stored.fields.insert(name.into(), value),
                        None => stored.fields.remove(name),
                    };
                }
                self.write(table, id, Some(stored));
                Answer::Done(true)
            }
            Call::Replace(table, id, fields) => {
                let Some(stored) = found(self.model, table, id) else { return Ok(Answer::Done(false)) };
                self.write(table, id, Some(Stored { time: stored.time, fields }));
                Answer::Done(true)
            }
            Call::BeginImport(tables) => {
                self.model.tables.retain(|name, _| !name.starts_with("incoming"));
                for table in tables {
                    self.model.table(incoming(table).expect("it can be imported"));
                }
                Answer::Done(true)
            }
            Call::ImportRow(table, id, time, fields) => {
                let Some(table) = incoming(table).filter(|table| self.model.tables.contains_key(table)) else {
                    return Err(Stop::Diverged);
                };
                if found(self.model, table, id).is_some() {
                    return Ok(Answer::Done(false));
                }
                self.write(table, id, Some(Stored { time, fields }));
                Answer::Done(true)
            }
            Call::EndImport(is_kept) => {
                let mut ended = 0;
                for table in ["items", "extras"] {
                    let filled = incoming(table).and_then(|name| self.model.tables.remove(name));
                    ended += usize::from(filled.is_some());
                    if let Some(rows) = filled.filter(|_| is_kept) {
                        self.model.tables.insert(table, rows);
                    }
                }
                if ended == 0 {
                    return Err(Stop::Diverged);
                }
                Answer::Done(true)
            }
            Call::Delete(table, id) => {
                if found(self.model, table, id).is_none() {
                    return Ok(Answer::Done(false));
                }
                self.write(table, id, None);
                Answer::Done(true)
            }
        })
    }
}
