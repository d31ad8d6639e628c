//! Which table an id belongs to: the numbers inside ids, and the names they stand for.

use std::result::Result;

/// Table numbers in use, with aliases, sorted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableNumbers(Vec<(u32, String)>);

/// Two tables that would have one number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Collision {
    pub(crate) number: u32,
    pub(crate) first: String,
    pub(crate) second: String,
}

impl TableNumbers {
    /// The table that ids with this number belong to.
    pub fn name(&self, number: u32) -> Option<&str> {
        let position = self.0.binary_search_by_key(&number, |entry| entry.0).ok()?;
        Some(&self.0.get(position)?.1)
    }

    /// Sets a number apart for a table.
    pub(crate) fn add(&mut self, number: u32, table: &str) -> Result<(), Collision> {
        match self.0.binary_search_by_key(&number, |entry| entry.0) {
            Ok(position) => {
                let taken = &self.0[position].1;
                if taken == table {
                    return Ok(());
                }
                let (first, second) =
                    if taken.as_str() < table { (taken.as_str(), table) } else { (table, taken.as_str()) };
                Err(Collision { number, first: first.into(), second: second.into() })
            }
            Err(position) => {
                self.0.insert(position, (number, table.into()));
                Ok(())
            }
        }
    }
}

impl Collision {
    /// What to tell the author of the schema.
    pub(crate) fn message(&self) -> String {
        let Collision { number, first, second } = self;
        format!(
            "Tables \"{first}\" and \"{second}\" both have the table number {number}, so their ids could not be told apart. \
             Give one of them another number: tableNumbers: {{ {second}: … }}."
        )
    }
}
