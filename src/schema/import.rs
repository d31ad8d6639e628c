//! Importing: tables that nobody sees are filled, and then take the places of those of their names, all at once.

use crate::error::{Code, Error, Result};
use crate::keyspace::{IndexId, TableId};
use crate::schema::definition::invalid;
use crate::schema::evolve::collect_numbers;
use crate::schema::index_keys::IndexPlan;
use crate::schema::{Index, IndexState, Schema, Standing, Table};

/// One step of an import.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportStep {
    /// Makes tables to fill, for tables of these names. Ids of their documents have these numbers, or the tables' own.
    Begin(Vec<(String, Option<u32>)>),
    /// What the import of this number has filled takes the places of what was there.
    Finish(u32),
    /// What it has filled goes.
    GiveUp(u32),
}

/// The names of the indexes that every table has. A table that leaves has them in the list, to be removed as others are:
/// they stand for its rows and for the places of its ids.
pub(crate) const ROWS: &str = "by_creation_time";
pub(crate) const IDS: &str = "by_id";

impl Schema {
    /// The schema after a step of an import.
    #[inline(never)] // two callers, and rare
    pub(crate) fn import(&self, step: &ImportStep) -> Result<Schema> {
        let mut next = self.clone();
        next.version += 1;
        match step {
            ImportStep::Begin(tables) => {
                // Of an import that did not get to its end.
                next.give_up();
                for (name, number) in tables {
                    next.receive(name, *number)?;
                }
            }
            ImportStep::Finish(number) => {
                next.require_import(*number)?;
                next.settle()?;
            }
            ImportStep::GiveUp(number) => {
                next.require_import(*number)?;
                next.give_up();
            }
        }
        next.numbers = collect_numbers(&next.tables).map_err(invalid)?;
        Ok(next)
    }

    /// The number of the import under way: no other one has it, before or after.
    pub(crate) fn import_number(&self) -> Option<u32> {
        self.tables.iter().find(|table| table.standing == Standing::Incoming).map(|table| table.id.0)
    }

    /// The table of this name that the import of this number fills.
    pub(crate) fn incoming(&self, number: u32, name: &str) -> Result<&Table> {
        self.require_import(number)?;
        let table = self.tables.iter().find(|table| table.is(name, Standing::Incoming));
        table.ok_or_else(|| Error::new(Code::SchemaChanged, INTERRUPTED))
    }

    fn require_import(&self, number: u32) -> Result<()> {
        if self.import_number() == Some(number) { Ok(()) } else { Err(Error::new(Code::SchemaChanged, INTERRUPTED)) }
    }

    fn receive(&mut self, name: &str, number: Option<u32>) -> Result<()> {
        let table = self.table(name).ok_or_else(|| crate::query::table_not_found(name))?;
        if self.tables.iter().any(|table| table.is(name, Standing::Incoming)) {
            return Ok(());
        }
        if table.placement.is_some() {
            return Err(Error::new(
                Code::InvalidArgument,
                format!("The table \"{name}\" is synced: an import can add documents to it, and not replace them."),
            ));
        }
        let mut incoming = Table {
            id: TableId(self.next_table),
            number: number.filter(|&number| number > 0).unwrap_or(table.number),
            aliases: Vec::new(),
            declared: false,
            standing: Standing::Incoming,
            ..table.clone()
        };
        incoming.indexes.retain(|index| index.state != IndexState::Dropping);
        for index in &mut incoming.indexes {
            index.id = IndexId(self.next_index);
            // It has no rows yet.
            index.state = IndexState::Ready;
            self.next_index += 1;
        }
        incoming.plan = IndexPlan::new(&incoming.indexes);
        self.next_table += 1;
        self.tables.push(incoming);
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        for position in 0..self.tables.len() {
            let successor = &self.tables[position];
            if successor.standing != Standing::Incoming {
                continue;
            }
            let former = self.tables.iter().position(|table| table.declared && is_alike(table, successor));
            let Some(former) = former else {
                return Err(Error::new(Code::SchemaChanged, format!("{CHANGED}\"{}\".", successor.name)));
            };
            let Table { number, aliases, .. } = &mut self.tables[former];
            let mut aliases = std::mem::take(aliases);
            aliases.push(*number);
            self.dismiss(former);
            let successor = &mut self.tables[position];
            aliases.retain(|alias| *alias != successor.number);
            crate::sort::sort(&mut aliases);
            successor.aliases = aliases;
            successor.declared = true;
            successor.standing = Standing::Settled;
        }
        Ok(())
    }

    /// Lets go what an import has filled, and did not finish.
    pub(super) fn give_up(&mut self) {
        for position in 0..self.tables.len() {
            if self.tables[position].standing == Standing::Incoming {
                self.dismiss(position);
            }
        }
    }

    #[inline(never)] // the same
    fn dismiss(&mut self, position: usize) {
        let table = &mut self.tables[position];
        table.declared = false;
        table.standing = Standing::Leaving;
        for name in [ROWS, IDS] {
            table.indexes.push(Index {
                id: IndexId(self.next_index),
                name: name.into(),
                fields: Vec::new(),
                staged: false,
                state: IndexState::Ready,
            });
            self.next_index += 1;
        }
        table.drop_indexes();
    }
}

const INTERRUPTED: &str = "Another page has given this import up, or has begun another. Nothing was imported.";
const CHANGED: &str = "Nothing was imported: another version of this app has changed the table ";

/// Whether a table is still what the one that an import fills was made after.
fn is_alike(table: &Table, incoming: &Table) -> bool {
    let live = || table.indexes.iter().filter(|index| index.state != IndexState::Dropping);
    table.name == incoming.name
        && table.validator == incoming.validator
        && table.enforced == incoming.enforced
        && live().count() == incoming.indexes.len()
        && live().zip(&incoming.indexes).all(|(a, b)| a.name == b.name && a.fields == b.fields && a.staged == b.staged)
}
