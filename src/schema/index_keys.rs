//! A row's index entries: all keys of all indexes in one pass over the document.

use std::cmp::Ordering;

use crate::bytes::Malformed;
use crate::document::{Document, FieldPath, Names, ValueRef};
use crate::key;
use crate::keyspace::{self, IndexId, PLACE_LENGTH, Place};
use crate::schema::{Index, IndexState, Table};

/// Entry keys of rows, one after the other in one buffer that is used again.
#[derive(Clone, Debug, Default)]
pub struct IndexKeys {
    bytes: Vec<u8>,
    entries: Vec<(IndexId, u32)>,
    /// The key bytes of each indexed field of the row at hand: many indexes share fields.
    fields: Vec<u8>,
    /// Where in `fields` each path's bytes end.
    ends: Vec<u32>,
}

impl IndexKeys {
    /// An empty buffer.
    pub fn new() -> Self {
        IndexKeys::default()
    }

    /// Forgets all keys and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The keys in the order they were added: row by row, and by index id within a row.
    pub fn iter(&self) -> impl Iterator<Item = (IndexId, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |&(index, end)| {
            let key = self.bytes.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            (index, key)
        })
    }

    fn end_field(&mut self) {
        self.ends.push(self.fields.len() as u32);
    }

    fn field(&self, position: u16) -> &[u8] {
        let position = usize::from(position);
        let start = match position.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        let end = self.ends.get(position).copied().unwrap_or(start);
        self.fields.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Which fields a table's indexes need, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct IndexPlan {
    /// Sorted, so that those under one top-level field are adjacent and in the document's order.
    paths: Vec<FieldPath>,
    /// For each index that is maintained, its fields as positions in `paths`.
    indexes: Vec<(IndexId, Vec<u16>)>,
}

impl IndexPlan {
    pub(crate) fn new(indexes: &[Index]) -> Self {
        let maintained = || indexes.iter().filter(|index| index.state != IndexState::Dropping);
        let mut paths: Vec<FieldPath> = maintained().flat_map(|index| &index.fields).cloned().collect();
        crate::sort::sort(&mut paths);
        paths.dedup();
        let position = |path: &FieldPath| paths.binary_search(path).unwrap_or(usize::MAX) as u16;
        let indexes = maintained().map(|index| (index.id, index.fields.iter().map(position).collect())).collect();
        IndexPlan { paths, indexes }
    }
}

impl Table {
    /// Whether a change of these fields, those of a patch, moves no entry: no index looks at them.
    pub(crate) fn is_unindexed(&self, patch: &Document<'_>, names: &Names) -> bool {
        let Ok(changed) = patch.object() else { return false };
        changed.fields(names).all(|field| {
            let is_head = |name: &str| {
                self.plan.paths.iter().any(|path| path.segments().first().is_some_and(|head| head == name))
            };
            field.is_ok_and(|(name, _)| !is_head(name))
        })
    }

    /// Appends the entry keys of a row: one for each index that isn't dropping.
    pub fn index_keys(
        &self,
        document: &Document<'_>,
        place: &Place,
        names: &Names,
        out: &mut IndexKeys,
    ) -> Result<(), Malformed> {
        out.fields.clear();
        out.ends.clear();
        encode_fields(&self.plan.paths, document, names, out)?;

        let mut tail = [0; PLACE_LENGTH];
        let start = out.fields.len();
        keyspace::push_place(&mut out.fields, place);
        if let Some(bytes) = out.fields.get(start..).and_then(|bytes| <[u8; PLACE_LENGTH]>::try_from(bytes).ok()) {
            tail = bytes;
        }
        for (index, positions) in &self.plan.indexes {
            let mut bytes = std::mem::take(&mut out.bytes);
            bytes.extend_from_slice(&keyspace::entry_prefix(*index));
            for &position in positions {
                bytes.extend_from_slice(out.field(position));
            }
            bytes.extend_from_slice(&tail);
            out.entries.push((*index, bytes.len() as u32));
            out.bytes = bytes;
        }
        Ok(())
    }
}

/// Paths and fields are both sorted: one walk over both finds everything.
fn encode_fields(
    paths: &[FieldPath],
    document: &Document<'_>,
    names: &Names,
    out: &mut IndexKeys,
) -> Result<(), Malformed> {
    let mut left = paths;
    for field in document.fields(names) {
        if left.is_empty() {
            return Ok(());
        }
        let (name, value) = field?;
        while let Some((path, rest)) = left.split_first() {
            let Some((first, inner)) = path.segments().split_first() else {
                return Ok(());
            };
            let value = match first.as_str().cmp(name) {
                Ordering::Less => None,
                Ordering::Equal => inside(value, inner, names),
                Ordering::Greater => break,
            };
            key::push_value_ref(&mut out.fields, value, names)?;
            out.end_field();
            left = rest;
        }
    }
    for _ in left {
        key::push_value_ref(&mut out.fields, None, names)?;
        out.end_field();
    }
    Ok(())
}

fn inside<'a>(value: ValueRef<'a>, path: &[String], names: &'a Names) -> Option<ValueRef<'a>> {
    path.iter().try_fold(value, |value, segment| match value {
        ValueRef::Object(object) => object.get(segment, names),
        _ => None,
    })
}
