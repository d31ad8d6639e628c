//! Steps of an import, each a mutation: they change the schema, and rows come to tables that nobody sees.

use super::TransactionId;
use super::rows::Obstacle;
use crate::document::Purpose;
use crate::error::Result;
use crate::keyspace::RowId;
use crate::schema::ImportStep;
use crate::tab::Tab;
use crate::tab::checks::{check, writable_table};

impl Tab {
    /// Lets a mutation take a step of an import, and write nothing else. What it has read has to be so still when the
    /// step is taken.
    pub fn import(&mut self, id: TransactionId, step: ImportStep) -> Result<()> {
        self.writable(id, "import")?;
        let transaction = self.transaction(id)?;
        // What can't be done is said at once.
        transaction.state.schema.import(&step)?;
        transaction.import = Some(step);
        Ok(())
    }

    /// Inserts a document with its id and creation time, if it has them: into the table that an import fills, or without
    /// one among those that are there.
    pub fn import_row(
        &mut self,
        id: TransactionId,
        import: Option<u32>,
        table_name: &str,
        explicit: Option<&str>,
        creation_time: Option<f64>,
        document: &mut Vec<u8>,
    ) -> std::result::Result<RowId, Obstacle> {
        self.writable(id, "import")?;
        let schema = self.transaction(id)?.state.schema.clone();
        let table = match import {
            None => writable_table(&schema, &self.own_schema, table_name)?,
            Some(number) => schema.incoming(number, table_name)?,
        };
        self.canonicalize(document, &schema, Purpose::Insert)?;
        check(&schema, &self.own_schema, table, document)?;
        self.insert_into(id, table, explicit, creation_time, document)
    }
}
