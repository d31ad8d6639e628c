//! From changed rows to keys: what a change does to the ordered key space, and which keys it touches.

use crate::bytes::Bytes;
use crate::document::Document;
use crate::keyspace::{self, IndexId};
use crate::log::{ChangeKind, OldKey, Record, RowChange, Stage};
use crate::read_set::{KeyRange, ReadSet, Touch};
use crate::schema::{Index, IndexKeys, IndexState, Schema, Table};
use crate::store::{Op, Overlay};

/// The key of one index among a row's entry keys.
pub(crate) fn key_of(keys: &IndexKeys, index: IndexId) -> Option<&[u8]> {
    keys.iter().find(|(i, _)| *i == index).map(|(_, key)| key)
}

/// Fills the buffer with a row's entries in all live indexes of its table. A damaged document, which
/// checksums should have caught, has none.
pub(crate) fn fill_keys(
    keys: &mut IndexKeys,
    schema: &Schema,
    table: &Table,
    document: &[u8],
    place: &keyspace::Place,
) {
    keys.clear();
    if table.index_keys(&Document::new(document), place, &schema.names, keys).is_err() {
        keys.clear();
    }
}

/// The field part of an entry key.
pub(crate) fn fields_of(key: &[u8]) -> &[u8] {
    &key[keyspace::PREFIX_LENGTH..key.len() - keyspace::PLACE_LENGTH]
}

/// The indexes that writes maintain.
pub(crate) fn live_indexes(table: &Table) -> impl Iterator<Item = &Index> {
    table.indexes().iter().filter(|index| !matches!(index.state, IndexState::Dropping))
}

/// Whether the index holds entries for the row at this row key.
fn is_indexed(index: &Index, row_key: &[u8]) -> bool {
    match &index.state {
        IndexState::Ready => true,
        IndexState::Building { after } => after.as_ref().is_some_and(|after| row_key <= after.as_slice()),
        IndexState::Dropping => false,
    }
}

/// Changes to the key space, collected and then applied in key order.
#[derive(Default)]
pub(crate) struct Operations {
    keys: Vec<u8>,
    list: Vec<Operation>,
    /// Entry keys of the row at hand, after and before its change; kept for their memory.
    new_keys: IndexKeys,
    old_keys: IndexKeys,
}

struct Operation {
    start: u32,
    end: u32,
    delta: i8,
    op: Op,
}

impl Operations {
    fn push(&mut self, op: Op, delta: i8, parts: &[&[u8]]) {
        let start = self.keys.len() as u32;
        for part in parts {
            self.keys.extend_from_slice(part);
        }
        self.list.push(Operation { start, end: self.keys.len() as u32, delta, op });
    }

    /// Collects what a change of a row does.
    pub(crate) fn add_row(&mut self, schema: &Schema, change: &RowChange) {
        let Some(table) = schema.table_by_id(change.table) else { return };
        let mut new_keys = std::mem::take(&mut self.new_keys);
        if change.kind != ChangeKind::Delete {
            fill_keys(&mut new_keys, schema, table, &change.document, &change.place);
        }
        self.push_row(table, change, &new_keys);
        self.new_keys = new_keys;
    }

    /// Works out the change from what a row was to what it is, collects what it does, and gives it; `None`
    /// when nothing changed. That index entries stay where they are may be known beforehand.
    pub(crate) fn change_row(
        &mut self,
        schema: &Schema,
        table: &Table,
        place: keyspace::Place,
        before: Option<&Bytes>,
        after: Option<&Bytes>,
        entries_stay: bool,
    ) -> Option<RowChange> {
        if let (Some(before), Some(after), true) = (before, after, entries_stay) {
            let document = (before != after).then(|| after.clone())?;
            let change = RowChange { table: table.id, place, kind: ChangeKind::Update, document, old_keys: Vec::new() };
            self.push_row(table, &change, &IndexKeys::new());
            return Some(change);
        }
        let mut new_keys = std::mem::take(&mut self.new_keys);
        let mut old_keys = std::mem::take(&mut self.old_keys);
        let change = row_change_with(schema, table, place, before, after, &mut old_keys, &mut new_keys);
        if let Some(change) = &change {
            if change.kind == ChangeKind::Insert {
                fill_keys(&mut new_keys, schema, table, &change.document, &place);
            }
            self.push_row(table, change, &new_keys);
        }
        self.new_keys = new_keys;
        self.old_keys = old_keys;
        change
    }

    fn push_row(&mut self, table: &Table, change: &RowChange, new_keys: &IndexKeys) {
        let row_key = keyspace::row_key(change.table, &change.place);
        let id_key = keyspace::id_key(change.table, &change.place.id);
        let place = &row_key[keyspace::PREFIX_LENGTH..];
        match change.kind {
            ChangeKind::Insert => {
                self.push(Op::Put(change.document.clone()), 1, &[&row_key]);
                self.push(Op::Put(Bytes::from(&place[..9])), 1, &[&id_key]);
            }
            ChangeKind::Update => self.push(Op::Put(change.document.clone()), 0, &[&row_key]),
            ChangeKind::Delete => {
                self.push(Op::Delete, -1, &[&row_key]);
                self.push(Op::Delete, -1, &[&id_key]);
            }
        }
        for index in live_indexes(table).filter(|index| is_indexed(index, &row_key)) {
            let old = change.old_keys.iter().find(|old| old.index == index.id);
            if let Some(old) = old {
                self.push(Op::Delete, -1, &[&keyspace::entry_prefix(index.id), &old.fields, place]);
            }
            if (change.kind == ChangeKind::Insert || (change.kind == ChangeKind::Update && old.is_some()))
                && let Some(key) = key_of(new_keys, index.id)
            {
                self.push(Op::PutKey, 1, &[key]);
            }
        }
    }

    /// Collects a single key of index maintenance.
    pub(crate) fn add_entry(&mut self, key: &[u8], is_added: bool) {
        if is_added {
            self.push(Op::PutKey, 1, &[key]);
        } else {
            self.push(Op::Delete, -1, &[key]);
        }
    }

    /// Hands out what was collected, and forgets it. Deleted keys are left out.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&[u8], &[u8])) {
        for operation in self.list.drain(..) {
            let key = &self.keys[operation.start as usize..operation.end as usize];
            match &operation.op {
                Op::Put(value) => take(key, value),
                Op::PutKey => take(key, &[]),
                Op::Delete => {}
            }
        }
        self.keys.clear();
    }

    /// Applies what was collected, and forgets it. Operations on the same key keep their order.
    pub(crate) fn apply(&mut self, overlay: &mut Overlay) {
        let keys = &self.keys;
        if self.list.len() <= 32 {
            for operation in self.list.drain(..) {
                let key = &keys[operation.start as usize..operation.end as usize];
                overlay.apply(key, operation.op, operation.delta);
            }
        } else {
            let order = sorted_positions(keys, &self.list);
            let mut list: Vec<Option<Operation>> = self.list.drain(..).map(Some).collect();
            overlay.extend_sorted(order.into_iter().filter_map(|position| {
                let operation = list[position as usize].take()?;
                Some((&keys[operation.start as usize..operation.end as usize], operation.op, operation.delta))
            }));
        }
        self.keys.clear();
    }
}

/// Sixteen bytes of a key as a number, and the position of its operation.
type Head = (u128, u32);

/// The positions of operations in the order of their keys; those on one key keep their order.
///
/// Rows come in an order of their own, and so do the entries of some indexes: sorted apart, each kind of key is
/// often in order already.
fn sorted_positions(keys: &[u8], list: &[Operation]) -> Vec<u32> {
    let key = |position: u32| {
        let operation = &list[position as usize];
        &keys[operation.start as usize..operation.end as usize]
    };
    let mut kinds: Vec<(&[u8], Vec<Head>)> = Vec::new();
    for position in 0..list.len() as u32 {
        let prefix = &key(position)[..keyspace::PREFIX_LENGTH];
        match kinds.iter_mut().find(|(known, _)| *known == prefix) {
            Some((_, heads)) => heads.push((0, position)),
            None => kinds.push((prefix, vec![(0, position)])),
        }
    }
    crate::sort::sort_by(&mut kinds, |a, b| a.0.cmp(b.0));
    let mut positions = Vec::with_capacity(list.len());
    for (_, mut heads) in kinds {
        sort_heads(&mut heads, keyspace::PREFIX_LENGTH, &key);
        positions.extend(heads.into_iter().map(|(_, position)| position));
    }
    positions
}

/// Up to so much of keys is compared by heads; each further step would be another call inside the last one.
const HEADS_UPTO: usize = keyspace::PREFIX_LENGTH + 16 * 16;

/// Sorts by what keys hold from an offset on, sixteen bytes at a time.
fn sort_heads<'k>(heads: &mut [Head], offset: usize, key: &dyn Fn(u32) -> &'k [u8]) {
    let mut goes_on = false;
    for (head, position) in heads.iter_mut() {
        let rest = key(*position).get(offset..).unwrap_or_default();
        *head = match rest.first_chunk() {
            Some(bytes) => u128::from_be_bytes(*bytes),
            None => {
                let mut bytes = [0; 16];
                bytes[..rest.len()].copy_from_slice(rest);
                u128::from_be_bytes(bytes)
            }
        };
        goes_on |= rest.len() > 16;
    }
    if !heads.is_sorted() {
        heads.sort_unstable();
    }
    if goes_on {
        for same in heads.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            if offset < HEADS_UPTO {
                sort_heads(same, offset + 16, key);
            } else {
                let mut positions: Vec<u32> = same.iter().map(|(_, position)| *position).collect();
                crate::sort::sort_by(&mut positions, |a, b| key(*a).cmp(key(*b)));
                for (head, position) in same.iter_mut().zip(positions) {
                    head.1 = position;
                }
            }
        }
    }
}

/// Applies a record to an overlay and the schema that goes with it.
///
/// The schema is replaced if the record carries one, and an index moves on if it carries a step.
pub(crate) fn apply_record(record: &Record, overlay: &mut Overlay, schema: &mut std::rc::Rc<Schema>) {
    let mut operations = Operations::default();
    if let Some(bytes) = &record.schema {
        let decoded = Schema::decode(bytes).expect("the schema of a record is checked when it is read");
        *schema = std::rc::Rc::new(decoded);
    }
    if let Some(progress) = &record.progress {
        let is_added = schema.index_by_id(progress.index).is_some_and(|(_, index)| index.state != IndexState::Dropping);
        for key in &progress.keys {
            operations.add_entry(key, is_added);
        }
        let schema = std::rc::Rc::make_mut(schema);
        match (&progress.to, is_added) {
            (Stage::Upto(to), true) => {
                schema.set_index_state(progress.index, IndexState::Building { after: Some(to.to_vec()) });
            }
            (Stage::Finished, true) => {
                schema.set_index_state(progress.index, IndexState::Ready);
            }
            (Stage::Upto(_), false) => {}
            (Stage::Finished, false) => {
                schema.remove_dropped_index(progress.index);
            }
        }
    }
    for row in record.rows() {
        operations.add_row(schema, row);
    }
    operations.apply(overlay);
}

/// Makes the change from what a row was to what it is, or `None` when nothing changed.
pub(crate) fn row_change(
    schema: &Schema,
    table: &Table,
    place: keyspace::Place,
    before: Option<&Bytes>,
    after: Option<&Bytes>,
) -> Option<RowChange> {
    row_change_with(schema, table, place, before, after, &mut IndexKeys::new(), &mut IndexKeys::new())
}

/// As [`row_change`], with memory to use. For updates and deletes the buffers hold all keys afterwards.
fn row_change_with(
    schema: &Schema,
    table: &Table,
    place: keyspace::Place,
    before: Option<&Bytes>,
    after: Option<&Bytes>,
    old: &mut IndexKeys,
    new: &mut IndexKeys,
) -> Option<RowChange> {
    let (kind, document) = match (before, after) {
        (None, None) => return None,
        (None, Some(after)) => (ChangeKind::Insert, after.clone()),
        (Some(before), Some(after)) if before == after => return None,
        (Some(_), Some(after)) => (ChangeKind::Update, after.clone()),
        (Some(_), None) => (ChangeKind::Delete, Bytes::default()),
    };
    let mut old_keys = Vec::new();
    if let Some(before) = before {
        fill_keys(old, schema, table, before, &place);
        new.clear();
        if let Some(after) = after {
            fill_keys(new, schema, table, after, &place);
        }
        for (index, key) in old.iter() {
            if key_of(new, index) != Some(key) {
                old_keys.push(OldKey { index, fields: Bytes::from(fields_of(key)) });
            }
        }
    }
    Some(RowChange { table: table.id, place, kind, document, old_keys })
}

/// Whether a change touches what was read: by any of the row's keys, old or new, in any index.
pub(crate) fn touches(reads: &ReadSet, schema: &Schema, change: &RowChange, scratch: &mut IndexKeys) -> bool {
    let row_key = keyspace::row_key(change.table, &change.place);
    let existence = if change.kind == ChangeKind::Update { Touch::Content } else { Touch::Existence };
    if reads.is_touched(&row_key, existence)
        || reads.is_touched(&keyspace::id_key(change.table, &change.place.id), existence)
    {
        return true;
    }
    let place = &row_key[keyspace::PREFIX_LENGTH..];
    let mut key = Vec::new();
    for old in &change.old_keys {
        key.clear();
        key.extend_from_slice(&keyspace::entry_prefix(old.index));
        key.extend_from_slice(&old.fields);
        key.extend_from_slice(place);
        if reads.is_touched(&key, Touch::Existence) {
            return true;
        }
    }
    if change.kind == ChangeKind::Delete {
        return false;
    }
    let Some(table) = schema.table_by_id(change.table) else { return false };
    fill_keys(scratch, schema, table, &change.document, &change.place);
    scratch.iter().any(|(index, key)| {
        let is_new = change.kind == ChangeKind::Insert || change.old_keys.iter().any(|old| old.index == index);
        reads.is_touched(key, if is_new { Touch::Existence } else { Touch::Content })
    })
}

/// The key range of all rows of a table.
pub(crate) fn rows_range(table: keyspace::TableId) -> KeyRange {
    let start = keyspace::row_prefix(table).to_vec();
    let end = keyspace::after_prefix(&start).expect("a row prefix has a successor");
    KeyRange { start, end }
}
