//! The rows that a transaction has changed, in the order of their first change.

use crate::bytes::Bytes;
use crate::change::row_change;
use crate::crdt::IS_BUILT_IN;
use crate::keyspace::{Place, RowId, TableId};
use crate::log::RowChange;
use crate::schema::{Schema, Table};
use crate::tab::synced::{Bases, SyncedChange};

/// A row that a transaction has changed.
#[derive(Clone)]
pub(crate) struct ChangedRow {
    pub(crate) table: TableId,
    pub(crate) place: Place,
    pub(crate) before: Option<Bytes>,
    pub(crate) after: Option<Bytes>,
    /// The change as a whole, if the row was written once.
    pub(crate) change: Option<RowChange>,
    /// The indexes whose old key is counted, by their positions in the table.
    pub(crate) counted: u64,
    /// What is stored of it where it is synced.
    pub(crate) bases: Bases,
    /// Fields that it has written as they were.
    pub(crate) settled: Vec<String>,
}

/// What a key takes in a record beside its bytes: an index and a length, as varints.
const KEY_HEAD: usize = 8;

impl ChangedRow {
    /// What the last write adds to the old keys of the whole change: in each index the key from before the
    /// transaction, once. It is the first that moves there; those that follow are the transaction's own, and no record
    /// has them. So this counts too much only where a key comes back in the end.
    pub(crate) fn count_old_keys(&mut self, table: &Table) -> usize {
        let Some(change) = self.change.as_ref().filter(|_| self.before.is_some()) else { return 0 };
        let mut bytes = 0;
        for old in &change.old_keys {
            let position = table.indexes().iter().position(|index| index.id == old.index).unwrap_or_default();
            // Beyond 64, which only indexes that are being removed can make necessary, they count each time.
            let flag = 1_u64.checked_shl(position as u32).unwrap_or_default();
            if flag == 0 || self.counted & flag == 0 {
                bytes += KEY_HEAD + old.fields.len();
            }
            self.counted |= flag;
        }
        bytes
    }

    /// The change as the encoding needs it, if the row is synced.
    pub(crate) fn into_synced(self, schema: &Schema) -> Option<SyncedChange> {
        schema.table_by_id(self.table)?.placement.as_ref().filter(|_| IS_BUILT_IN)?;
        let ChangedRow { table, place, before, after, bases, settled, .. } = self;
        Some(SyncedChange { table, place, before, after, bases, settled })
    }

    fn is(&self, table: TableId, id: &RowId) -> bool {
        self.place.id == *id && self.table == table
    }

    /// What became of the row from the beginning of the transaction to now, if anything.
    pub(crate) fn whole_change(&self, schema: &Schema) -> Option<RowChange> {
        if self.change.is_some() {
            return self.change.clone();
        }
        let table = schema.table_by_id(self.table).expect("a changed row's table is in its schema");
        row_change(schema, table, self.place, self.before.as_ref(), self.after.as_ref())
    }
}

/// Up to so many are looked through one by one.
const FEW: usize = 8;

/// A list, and where in it a row is: most transactions change one row, some ten thousand.
#[derive(Default)]
pub(crate) struct ChangedRows {
    list: Vec<ChangedRow>,
    /// Positions + 1 by hash, with linear probing; 0 is empty. Its length is a power of two, or 0 while there are few.
    index: Vec<u32>,
    /// Where the parts under way began, the innermost last.
    marks: Vec<Mark>,
}

/// What it takes to come back to where a part began.
struct Mark {
    length: usize,
    /// Rows from before it that it has changed, as they were, each with its position: the last change last.
    replaced: Vec<(usize, ChangedRow)>,
}

impl ChangedRows {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ChangedRow> {
        self.list.iter()
    }

    pub(crate) fn clear(&mut self) {
        *self = ChangedRows::default();
    }

    /// The rows of one table after those of another, as a record groups them, each in the order of their first change.
    pub(crate) fn into_list(mut self) -> Vec<ChangedRow> {
        crate::sort::sort_by(&mut self.list, |a, b| a.table.cmp(&b.table));
        self.list
    }

    pub(crate) fn get(&self, table: TableId, id: &RowId) -> Option<&ChangedRow> {
        self.find(table, id).map(|position| self.at(position))
    }

    /// Where in the list a row is.
    pub(crate) fn find(&self, table: TableId, id: &RowId) -> Option<usize> {
        self.position(table, id).ok()
    }

    pub(crate) fn at(&self, position: usize) -> &ChangedRow {
        &self.list[position]
    }

    /// Changes a row again.
    pub(crate) fn replace(&mut self, position: usize, row: ChangedRow) {
        let former = std::mem::replace(&mut self.list[position], row);
        if let Some(mark) = self.marks.last_mut().filter(|mark| position < mark.length) {
            mark.replaced.push((position, former));
        }
    }

    /// Begins a part.
    pub(crate) fn mark(&mut self) {
        self.marks.push(Mark { length: self.list.len(), replaced: Vec::new() });
    }

    /// Ends the part that began last, whose changes become those of what is around it.
    pub(crate) fn keep(&mut self) {
        let Some(ended) = self.marks.pop() else { return };
        if let Some(outer) = self.marks.last_mut() {
            let length = outer.length;
            outer.replaced.extend(ended.replaced.into_iter().filter(|(position, _)| *position < length));
        }
    }

    /// Ends the part that began last, as if it had not been.
    pub(crate) fn take_back(&mut self) {
        let Some(ended) = self.marks.pop() else { return };
        for (position, former) in ended.replaced.into_iter().rev() {
            self.list[position] = former;
        }
        self.truncate(ended.length);
    }

    /// Removes the rows that came last. The last goes first: it was noted behind all that were there, so that its place
    /// in the index can be empty again.
    fn truncate(&mut self, length: usize) {
        while self.list.len() > length {
            if !self.index.is_empty() {
                let row = &self.list[self.list.len() - 1];
                let slot = self.slot(row.table, &row.place.id).unwrap_or_else(|free| free);
                self.index[slot] = 0;
            }
            self.list.pop();
        }
        if length <= FEW {
            self.index.clear();
        }
    }

    /// Adds a row that is not here yet.
    pub(crate) fn push(&mut self, row: ChangedRow) {
        self.list.push(row);
        let length = self.list.len();
        if length <= FEW {
            return;
        }
        let noted = if length * 2 > self.index.len() {
            self.index = vec![0; length.next_power_of_two() * 4];
            0
        } else {
            length - 1
        };
        for position in noted..length {
            let row = &self.list[position];
            if let Err(free) = self.position(row.table, &row.place.id) {
                self.index[free] = position as u32 + 1;
            }
        }
    }

    /// Where a row is in the list, or where in the index it would be noted.
    fn position(&self, table: TableId, id: &RowId) -> Result<usize, usize> {
        if self.index.is_empty() {
            return self.list.iter().position(|row| row.is(table, id)).ok_or(0);
        }
        self.slot(table, id).map(|slot| self.index[slot] as usize - 1)
    }

    /// Where in the index a row is noted, or would be.
    fn slot(&self, table: TableId, id: &RowId) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut slot = id.spread(table) & mask;
        loop {
            match self.index[slot] {
                0 => return Err(slot),
                entry if self.list[entry as usize - 1].is(table, id) => return Ok(slot),
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn row(table: u32, id: u16, time: f64) -> ChangedRow {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&id.to_le_bytes());
        let place = Place { creation_time: time, id: RowId(bytes) };
        ChangedRow {
            table: TableId(table),
            place,
            before: None,
            after: None,
            change: None,
            counted: 0,
            bases: Bases::default(),
            settled: Vec::new(),
        }
    }

    fn put(rows: &mut ChangedRows, row: ChangedRow) {
        match rows.find(row.table, &row.place.id) {
            Some(position) => rows.replace(position, row),
            None => rows.push(row),
        }
    }

    proptest! {
        #[test]
        fn it_finds_what_a_tree_finds(steps in proptest::collection::vec((0u32..3, 0u16..200), 0..600)) {
            let mut tree: BTreeMap<(u32, u16), f64> = BTreeMap::new();
            let mut order = Vec::new();
            let mut rows = ChangedRows::default();
            for (step, (table, id)) in steps.into_iter().enumerate() {
                let row = row(table, id, step as f64);
                let known = tree.insert((table, id), step as f64);
                let found = rows.get(row.table, &row.place.id);
                prop_assert_eq!(known, found.map(|found| found.place.creation_time));
                if known.is_none() {
                    order.push((table, id));
                }
                put(&mut rows, row);
            }
            prop_assert_eq!(rows.len(), tree.len());
            prop_assert_eq!(rows.is_empty(), tree.is_empty());
            for (&(table, id), time) in &tree {
                let row = row(table, id, 0.0);
                prop_assert_eq!(rows.get(row.table, &row.place.id).map(|row| row.place.creation_time), Some(*time));
            }
            let list: Vec<_> = rows.into_list().iter().map(|row| (row.table.0, u16::from_le_bytes([row.place.id.0[0], row.place.id.0[1]]))).collect();
            order.sort_by_key(|(table, _)| *table);
            prop_assert_eq!(list, order);
        }

        /// Each step puts so many rows, begins a part or ends one.
        #[test]
        fn what_is_taken_back_has_not_been(
            steps in proptest::collection::vec((0u8..6, proptest::collection::vec(0u16..60, 0..30)), 0..40),
        ) {
            let mut rows = ChangedRows::default();
            let mut model: Vec<(u16, f64)> = Vec::new();
            let mut parts = Vec::new();
            let mut time = 0.0;
            for (kind, ids) in steps {
                match kind {
                    0 | 1 => {
                        rows.mark();
                        parts.push(model.clone());
                    }
                    2 => {
                        rows.keep();
                        parts.pop();
                    }
                    3 => {
                        rows.take_back();
                        model = parts.pop().unwrap_or(model);
                    }
                    _ => {
                        for id in ids {
                            time += 1.0;
                            put(&mut rows, row(0, id, time));
                            match model.iter_mut().find(|(known, _)| *known == id) {
                                Some(known) => known.1 = time,
                                None => model.push((id, time)),
                            }
                        }
                    }
                }
                for id in 0..60 {
                    let expected = model.iter().find(|(known, _)| *known == id).map(|(_, time)| *time);
                    let row = row(0, id, 0.0);
                    prop_assert_eq!(rows.get(row.table, &row.place.id).map(|row| row.place.creation_time), expected);
                }
            }
            let list: Vec<_> = rows.iter().map(|row| row.place.creation_time).collect();
            prop_assert_eq!(list, model.iter().map(|(_, time)| *time).collect::<Vec<_>>());
        }
    }
}
