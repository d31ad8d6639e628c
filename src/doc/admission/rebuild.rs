//! The changes that a document consists of, written as their authors wrote them.

use super::change::{COLUMNS, Key, Reference};
use super::chunk::Whole;
use crate::bytes::Write;
use crate::crdt::{ChangeHash, DeltaColumn, FlagColumn, RunColumn, put_signed};

/// An operation of a document. Actors are places in the document's list.
#[derive(Clone)]
pub(super) struct DocumentRow<'a> {
    pub(super) counter: u32,
    pub(super) object: Option<Reference>,
    pub(super) key: Key<'a>,
    pub(super) is_insert: bool,
    pub(super) action: u64,
    pub(super) meta: u64,
    pub(super) value: &'a [u8],
    pub(super) expands: bool,
    pub(super) mark: Option<&'a str>,
    /// Where the operations that it takes the place of lie in the list of all.
    pub(super) predecessors: std::ops::Range<usize>,
}

/// What a change says beside its operations, as the document has it.
pub(super) struct DocumentChange<'a> {
    pub(super) author: u32,
    pub(super) sequence: u64,
    pub(super) max_op: u32,
    pub(super) time: i64,
    pub(super) message: &'a str,
    pub(super) extra: &'a [u8],
}

#[derive(Default)]
struct Columns {
    object_actors: RunColumn,
    object_counters: RunColumn,
    key_actors: RunColumn,
    key_counters: DeltaColumn,
    key_names: RunColumn,
    inserts: FlagColumn,
    actions: RunColumn,
    metas: RunColumn,
    values: Vec<u8>,
    predecessor_counts: RunColumn,
    predecessor_actors: RunColumn,
    predecessor_counters: DeltaColumn,
    expands: FlagColumn,
    has_expands: bool,
    mark_names: RunColumn,
}

/// Where a document's actors stand in a change: the author first, the others in their order.
struct Places {
    author: u32,
    others: Vec<u32>,
}

impl Places {
    fn of(&self, actor: u32) -> u64 {
        if actor == self.author {
            return 0;
        }
        self.others.binary_search(&actor).map_or(0, |at| at as u64 + 1)
    }
}

/// Writes a change. Operations come in the order of their counters, each with the operations that it takes the place of.
pub(super) fn rebuild<'r, 'a: 'r>(
    change: &DocumentChange<'a>,
    first_op: u32,
    actors: &[&[u8]],
    dependencies: &[ChangeHash],
    rows: impl Iterator<Item = (&'r DocumentRow<'a>, &'r [Reference])> + Clone,
) -> Whole {
    let author = change.author;
    let mut others: Vec<u32> = rows
        .clone()
        .flat_map(|(row, predecessors)| {
            let element = if let Key::Element((_, actor)) = row.key { Some(actor) } else { None };
            let object = row.object.map(|(_, actor)| actor);
            object.into_iter().chain(element).chain(predecessors.iter().map(|&(_, actor)| actor))
        })
        .filter(|&actor| actor != author)
        .collect();
    others.sort_unstable();
    others.dedup();
    let places = Places { author, others };
    let mut columns = Columns::default();
    for (row, predecessors) in rows {
        columns.push(row, predecessors, &places);
    }
    let columns = columns.finish();

    let mut data = Vec::with_capacity(columns.iter().map(Vec::len).sum::<usize>() + 128);
    data.put_varint(dependencies.len() as u64);
    for hash in dependencies {
        data.extend_from_slice(hash);
    }
    data.put_bytes(actors[author as usize]);
    data.put_varint(change.sequence);
    data.put_varint(u64::from(first_op));
    put_signed(&mut data, change.time);
    data.put_bytes(change.message.as_bytes());
    data.put_varint(places.others.len() as u64);
    for &other in &places.others {
        data.put_bytes(actors[other as usize]);
    }
    let used = COLUMNS.iter().zip(&columns).filter(|(_, bytes)| !bytes.is_empty());
    data.put_varint(used.clone().count() as u64);
    for (&kind, bytes) in used.clone() {
        data.put_varint(kind);
        data.put_varint(bytes.len() as u64);
    }
    for (_, bytes) in used {
        data.extend_from_slice(bytes);
    }
    data.extend_from_slice(change.extra);
    Whole::new(&data)
}

impl Columns {
    fn push(&mut self, row: &DocumentRow<'_>, predecessors: &[Reference], places: &Places) {
        match row.object {
            None => {
                self.object_actors.push_missing();
                self.object_counters.push_missing();
            }
            Some((counter, actor)) => {
                self.object_actors.push_number(places.of(actor));
                self.object_counters.push_number(u64::from(counter));
            }
        }
        match row.key {
            Key::Element((counter, actor)) => {
                self.key_actors.push_number(places.of(actor));
                self.key_counters.push(counter);
                self.key_names.push_missing();
            }
            Key::Start => {
                self.key_actors.push_missing();
                self.key_counters.push(0);
                self.key_names.push_missing();
            }
            Key::Name(name) => {
                self.key_actors.push_missing();
                self.key_counters.push_missing();
                self.key_names.push(|out| out.put_bytes(name.as_bytes()));
            }
        }
        self.inserts.push(row.is_insert);
        self.actions.push_number(row.action);
        self.metas.push_number(row.meta);
        self.values.extend_from_slice(row.value);
        self.predecessor_counts.push_number(predecessors.len() as u64);
        for &(counter, actor) in predecessors {
            self.predecessor_actors.push_number(places.of(actor));
            self.predecessor_counters.push(counter);
        }
        self.expands.push(row.expands);
        self.has_expands |= row.expands;
        match row.mark {
            Some(name) => self.mark_names.push(|out| out.put_bytes(name.as_bytes())),
            None => self.mark_names.push_missing(),
        }
    }

    fn finish(self) -> [Vec<u8>; COLUMNS.len()] {
        [
            self.object_actors.finish(),
            self.object_counters.finish(),
            self.key_actors.finish(),
            self.key_counters.finish(),
            self.key_names.finish(),
            self.inserts.finish(),
            self.actions.finish(),
            self.metas.finish(),
            self.values,
            self.predecessor_counts.finish(),
            self.predecessor_actors.finish(),
            self.predecessor_counters.finish(),
            if self.has_expands { self.expands.finish() } else { Vec::new() },
            self.mark_names.finish(),
        ]
    }
}
