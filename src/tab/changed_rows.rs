//! The rows that a transaction has changed, in the order of their first change.

use crate::bytes::Bytes;
use crate::change::row_change;
use crate::keyspace::{Place, RowId, TableId};
use crate::log::RowChange;
use crate::schema::{Schema, Table};

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
#[derive(Clone, Default)]
pub(crate) struct ChangedRows {
    list: Vec<ChangedRow>,
    /// Positions + 1 by hash, with linear probing; 0 is empty. Its length is a power of two, or 0 while there are few.
    index: Vec<u32>,
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
        self.position(table, id).ok().map(|position| &self.list[position])
    }

    pub(crate) fn get_mut(&mut self, table: TableId, id: &RowId) -> Option<&mut ChangedRow> {
        self.position(table, id).ok().map(|position| &mut self.list[position])
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
        let is_it = |row: &ChangedRow| row.place.id == *id && row.table == table;
        if self.index.is_empty() {
            return self.list.iter().position(is_it).ok_or(0);
        }
        let mask = self.index.len() - 1;
        let mut slot = id.spread(table) & mask;
        loop {
            match self.index[slot] {
                0 => return Err(slot),
                entry if is_it(&self.list[entry as usize - 1]) => return Ok(entry as usize - 1),
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
        ChangedRow { table: TableId(table), place, before: None, after: None, change: None, counted: 0 }
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
                let found = rows.get_mut(row.table, &row.place.id);
                prop_assert_eq!(known, found.as_ref().map(|found| found.place.creation_time));
                match found {
                    Some(found) => *found = row,
                    None => {
                        order.push((table, id));
                        rows.push(row);
                    }
                }
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
    }
}
