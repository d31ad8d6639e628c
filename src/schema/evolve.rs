//! From the stored schema to the one the app asks for.

use crate::crdt::IS_BUILT_IN;
use crate::document::{FieldPath, Names};
use crate::error::Result;
use crate::keyspace::{IndexId, TableId};
use crate::schema::definition::{IndexDefinition, SchemaDefinition, TableDefinition, invalid};
use crate::schema::index_keys::IndexPlan;
use crate::schema::numbers::TableNumbers;
use std::rc::Rc;

use crate::schema::{Home, Index, IndexState, Moving, Placement, Schema, Standing, Table, Validator};

/// What adopting a definition means.
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    /// The schema to store.
    pub schema: Schema,
    /// Tables whose stored rows may not match their new validator: check them before the schema is stored.
    pub check: Vec<TableId>,
}

impl Schema {
    /// Works out the next schema, or `None` when this one is what `wanted` asks for.
    pub fn evolve(&self, wanted: &SchemaDefinition) -> Result<Option<Evolution>> {
        let mut next = self.clone();
        let mut check = Vec::new();
        for table in next.tables.iter_mut().filter(|table| table.standing == Standing::Settled) {
            if !wanted.tables.contains_key(&table.name) {
                retire(table);
            }
        }
        for (name, definition) in &wanted.tables {
            add_names(&mut next.names, definition);
            if let Some(table) = next.tables.iter_mut().find(|table| table.is(name, Standing::Settled)) {
                if adopt(table, definition, wanted.enforced)? {
                    check.push(table.id);
                }
                adopt_indexes(table, &definition.indexes, &mut next.next_index);
                table.plan = IndexPlan::new(&table.indexes);
            } else {
                let table =
                    new_table(TableId(next.next_table), name, definition, wanted.enforced, &mut next.next_index);
                next.tables.push(table);
                next.next_table += 1;
            }
        }
        next.numbers = match collect_numbers(&next.tables) {
            Ok(numbers) => numbers,
            Err(_) => {
                // The app comes first: an import that is in its way will have to begin again.
                next.give_up();
                collect_numbers(&next.tables).map_err(invalid)?
            }
        };
        if IS_BUILT_IN {
            next.wait_for_roots();
        }
        if next.same_content(self) {
            return Ok(None);
        }
        next.version += 1;
        crate::sort::sort(&mut check);
        Ok(Some(Evolution { schema: next, check }))
    }
}

impl Schema {
    /// A table whose rows would lie in documents that are to go first waits, too.
    fn wait_for_roots(&mut self) {
        let is_leaving = |table: &Table| matches!(table.moving, Some(Moving::Leaving(_)));
        let leaving: Vec<String> =
            self.tables.iter().filter(|table| is_leaving(table)).map(|table| table.name.clone()).collect();
        for table in &mut self.tables {
            if let Some(Placement { home: Home::Within { root, .. }, .. }) = table.placement.as_deref()
                && leaving.contains(root)
            {
                table.moving = Some(Moving::Leaving(table.placement.take()));
            }
        }
    }

    /// The schema when of no table anything is left of the time before: those that are to be synced are from now on.
    pub(crate) fn departed(&self) -> Schema {
        let mut next = self.clone();
        next.version += 1;
        for table in &mut next.tables {
            if let Some(Moving::Leaving(placement)) = &mut table.moving {
                table.placement = placement.take();
                table.moving = table.placement.is_some().then_some(Moving::Arriving);
            }
        }
        next
    }

    /// The schema when what documents have of some tables was read.
    pub(crate) fn arrived(&self, tables: &[TableId]) -> Schema {
        let mut next = self.clone();
        next.version += 1;
        for table in next.tables.iter_mut().filter(|table| tables.contains(&table.id)) {
            if table.moving == Some(Moving::Arriving) {
                table.moving = None;
            }
        }
        next
    }
}

/// A table that the app no longer names keeps its rows and its validator, but nothing writes to it: without
/// enforcement, its rows are checked when it comes back.
fn retire(table: &mut Table) {
    table.declared = false;
    table.enforced = false;
    table.drop_indexes();
}

fn new_table(id: TableId, name: &str, definition: &TableDefinition, enforced: bool, next_index: &mut u32) -> Table {
    let mut table = Table {
        id,
        name: name.into(),
        number: definition.number,
        aliases: Vec::new(),
        validator: definition.validator.clone(),
        enforced,
        declared: true,
        standing: Standing::Settled,
        placement: definition.placement.clone(),
        moving: None,
        indexes: Vec::new(),
        plan: IndexPlan::default(),
    };
    adopt_indexes(&mut table, &definition.indexes, next_index);
    table.plan = IndexPlan::new(&table.indexes);
    table
}

/// Takes over the validator; returns whether stored rows must be checked. The number stays: ids are made of it, and what
/// refers to them has them as text.
fn adopt(table: &mut Table, definition: &TableDefinition, enforced: bool) -> Result<bool> {
    let before = std::mem::replace(&mut table.validator, definition.validator.clone());
    let before = if table.enforced { before } else { Validator::Any };
    table.enforced = enforced;
    table.declared = true;
    let is_known = table.number == definition.number || table.aliases.contains(&definition.number);
    if definition.is_pinned && !is_known {
        return Err(invalid(format!(
            "`tableNumbers` gives the table \"{}\" the number {}, but it has {} since it was made: ids of its documents, \
             and what refers to them, would no longer agree. Give it before there is the table.",
            table.name, definition.number, table.number
        )));
    }
    if IS_BUILT_IN {
        place(table, &definition.placement)?;
    }
    Ok(!before.is_subset(table.effective_validator()))
}

/// Takes over where the rows are synced.
fn place(table: &mut Table, wanted: &Option<Rc<Placement>>) -> Result<()> {
    let home = |placement: &Option<Rc<Placement>>| placement.as_ref().map(|placement| placement.home.clone());
    let (before, next) = (home(&table.placement), home(wanted));
    if let Some(Moving::Leaving(waiting)) = &mut table.moving {
        *waiting = wanted.clone();
        return Ok(());
    }
    if before.is_some() && next.is_some() && before != next {
        return Err(invalid(format!(
            "`sync` places the table \"{}\" elsewhere than before. Make it `local()` first, and then what it is to be.",
            table.name
        )));
    }
    table.placement = wanted.clone();
    match (before, next) {
        (Some(_), None) => table.moving = Some(Moving::Leaving(None)),
        (None, Some(_)) => table.moving = Some(Moving::Arriving),
        (Some(_), Some(_)) | (None, None) => {}
    }
    Ok(())
}

/// An index with other fields is another index: the old one goes, a new one is built. A dropping one can't be
/// revived, since rows were written without it.
fn adopt_indexes(table: &mut Table, wanted: &[IndexDefinition], next_index: &mut u32) {
    for index in &mut table.indexes {
        let kept = wanted.iter().any(|definition| definition.name == index.name && definition.fields == index.fields);
        if !kept {
            index.state = IndexState::Dropping;
        }
    }
    for definition in wanted {
        let live = |index: &&mut Index| index.name == definition.name && index.state != IndexState::Dropping;
        match table.indexes.iter_mut().find(live) {
            Some(index) => index.staged = definition.staged,
            None => {
                table.indexes.push(Index {
                    id: IndexId(*next_index),
                    name: definition.name.clone(),
                    fields: definition.fields.clone(),
                    staged: definition.staged,
                    state: IndexState::Building { after: None },
                });
                *next_index += 1;
            }
        }
    }
}

fn add_names(names: &mut Names, definition: &TableDefinition) {
    definition.validator.add_names(names);
    let paths = definition.indexes.iter().flat_map(|index| &index.fields);
    for segment in paths.flat_map(FieldPath::segments) {
        names.add(segment);
    }
}

/// The numbers of all tables; undeclared ones count, since their ids are still around, and those that an import fills,
/// since its documents refer to each other. One that leaves has left its numbers to its successor.
pub(crate) fn collect_numbers(tables: &[Table]) -> std::result::Result<TableNumbers, String> {
    let mut numbers = TableNumbers::default();
    for table in tables.iter().filter(|table| table.standing != Standing::Leaving) {
        for number in std::iter::once(table.number).chain(table.aliases.iter().copied()) {
            numbers.add(number, &table.name).map_err(|collision| collision.message())?;
        }
    }
    Ok(numbers)
}
