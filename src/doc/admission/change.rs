//! One change: what its head says, and its operations row by row. This is `crdt/encoder.rs` read back, and marks.
//!
//! Nothing is allocated but the lists of dependencies and actors, which are bounded before they are read.

use super::Limits;
use super::column::{COUNTER_END, Deltas, Flags, Runs, signed};
use super::value::{self, Kind};
use crate::bytes::{Malformed, Reader};
use crate::crdt::ChangeHash;

/// Times lie within this many seconds of 1970: their differences are stored.
const TIME_BOUND: u64 = 1 << 53;
/// A footer that says who the author is, which only an actor's first change may have.
const AUTHOR_FOOTER: u8 = 1;

/// What a change says beside its operations.
pub(super) struct Head<'a> {
    pub(super) dependencies: Vec<ChangeHash>,
    /// The author, and then the others that operations refer to, ascending.
    pub(super) actors: Vec<&'a [u8]>,
    pub(super) sequence: u64,
    pub(super) first_op: u64,
    columns: [&'a [u8]; COLUMNS.len()],
}

/// The columns that a change can have, in their order.
pub(super) const COLUMNS: [u64; 14] =
    [0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73, 0x94, 0xa5];

/// An operation by its counter and its author's place in the change.
pub(super) type Reference = (u32, u32);

/// What in an object an operation is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key<'a> {
    Name(&'a str),
    /// The element before the first: new ones come behind it.
    Start,
    Element(Reference),
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    MakeMap,
    MakeList,
    MakeText,
    Set,
    SetCounter,
    Delete,
    Increment,
    MarkBegin,
    MarkEnd,
}

/// An operation. Its predecessors are in the reader's buffer.
pub(super) struct Row<'a> {
    pub(super) object: Option<Reference>,
    pub(super) key: Key<'a>,
    pub(super) is_insert: bool,
    pub(super) action: Action,
}

impl<'a> Head<'a> {
    /// Reads a change up to its columns.
    pub(super) fn read(body: &'a [u8], limits: &Limits) -> Result<Head<'a>, Malformed> {
        let mut reader = Reader::new(body);
        let dependencies = read_dependencies(&mut reader, limits)?;
        let author = read_actor(&mut reader, limits)?;
        let sequence = reader.varint("a change's sequence is missing")?;
        let first_op = reader.varint("a change's first counter is missing")?;
        let time = signed(&mut reader, "a change's time is missing")?;
        if time.unsigned_abs() > TIME_BOUND {
            return Err(Malformed("a change's time lies beyond any calendar"));
        }
        let message = reader.string("a change's message is cut off or is not UTF-8")?;
        if message.len() > limits.message_bytes {
            return Err(Malformed("a change's message is too long"));
        }
        let others = reader.length(limits.actors, "a change names more actors than is taken in")?;
        let mut actors = Vec::with_capacity(others.min(reader.remaining()) + 1);
        actors.push(author);
        for at in 0..others {
            let actor = read_actor(&mut reader, limits)?;
            if at > 0 && actors[at] >= actor || actor == author {
                return Err(Malformed("a change's other actors are not in order"));
            }
            actors.push(actor);
        }
        let columns = read_columns(&mut reader)?;
        let extra = reader.take(reader.remaining(), "bytes behind the columns")?;
        if extra.len() > limits.message_bytes {
            return Err(Malformed("a change has too many bytes behind its columns"));
        }
        if extra.first() == Some(&AUTHOR_FOOTER) && sequence != 1 {
            return Err(Malformed("a change that is not its actor's first names an author"));
        }
        if sequence == 0 {
            return Err(Malformed("a change's sequence is 0"));
        }
        if first_op == 0 || first_op >= COUNTER_END {
            return Err(Malformed("a change's counters are beyond what can be counted"));
        }
        Ok(Head { dependencies, actors, sequence, first_op, columns })
    }

    /// Whether it has no operations.
    pub(super) fn is_empty(&self) -> bool {
        let [_, _, _, _, _, _, actions, ..] = self.columns;
        actions.is_empty()
    }

    /// Reads its operations from the first.
    pub(super) fn rows(&self) -> Rows<'a> {
        let [
            object_actors,
            object_counters,
            key_actors,
            key_counters,
            key_names,
            inserts,
            actions,
            metas,
            values,
            predecessor_counts,
            predecessor_actors,
            predecessor_counters,
            expands,
            mark_names,
        ] = self.columns;
        Rows {
            first_op: self.first_op,
            count: 0,
            object_actors: Runs::new(object_actors),
            object_counters: Runs::new(object_counters),
            key_actors: Runs::new(key_actors),
            key_counters: Deltas::new(key_counters),
            key_names: Runs::new(key_names),
            inserts: Flags::new(inserts),
            actions: Runs::new(actions),
            metas: Runs::new(metas),
            values: Reader::new(values),
            predecessor_counts: Runs::new(predecessor_counts),
            predecessor_actors: Runs::new(predecessor_actors),
            predecessor_counters: Deltas::new(predecessor_counters),
            expands: Flags::new(expands),
            mark_names: Runs::new(mark_names),
            predecessors: Vec::new(),
            predecessor_total: 0,
        }
    }
}

fn read_dependencies(reader: &mut Reader<'_>, limits: &Limits) -> Result<Vec<ChangeHash>, Malformed> {
    let count = reader.length(limits.dependencies, "a change follows more changes than is taken in")?;
    let bytes = reader.take(count * 32, "a change's dependencies are cut off")?;
    let dependencies: Vec<ChangeHash> =
        bytes.chunks_exact(32).map(|hash| hash.try_into().expect("thirty-two bytes")).collect();
    if dependencies.is_sorted_by(|a, b| a < b) {
        Ok(dependencies)
    } else {
        Err(Malformed("a change's dependencies are not in order"))
    }
}

fn read_actor<'a>(reader: &mut Reader<'a>, limits: &Limits) -> Result<&'a [u8], Malformed> {
    let actor = reader.bytes("an actor's name is cut off")?;
    if actor.is_empty() || actor.len() > limits.actor_bytes {
        return Err(Malformed("an actor's name is empty or too long"));
    }
    Ok(actor)
}

fn read_columns<'a>(reader: &mut Reader<'a>) -> Result<[&'a [u8]; COLUMNS.len()], Malformed> {
    const WRONG: &str = "a change has columns that are not known here";
    let count = reader.length(COLUMNS.len(), WRONG)?;
    let mut lengths = [0; COLUMNS.len()];
    let mut next = 0;
    for _ in 0..count {
        let kind = reader.varint(WRONG)?;
        let at = COLUMNS[next..].iter().position(|&known| known == kind).ok_or(Malformed(WRONG))?;
        let length = reader.length(reader.remaining(), "a change's columns are cut off")?;
        if length == 0 {
            return Err(Malformed("a change names a column that is empty"));
        }
        lengths[next + at] = length;
        next += at + 1;
    }
    let mut columns = [&[][..]; COLUMNS.len()];
    for (column, length) in columns.iter_mut().zip(lengths) {
        *column = reader.take(length, "a change's columns are cut off")?;
    }
    Ok(columns)
}

/// Reads operations one after another.
pub(super) struct Rows<'a> {
    first_op: u64,
    count: u64,
    object_actors: Runs<'a, u64>,
    object_counters: Runs<'a, u64>,
    key_actors: Runs<'a, u64>,
    key_counters: Deltas<'a>,
    key_names: Runs<'a, &'a str>,
    inserts: Flags<'a>,
    actions: Runs<'a, u64>,
    metas: Runs<'a, u64>,
    values: Reader<'a>,
    predecessor_counts: Runs<'a, u64>,
    predecessor_actors: Runs<'a, u64>,
    predecessor_counters: Deltas<'a>,
    expands: Flags<'a>,
    mark_names: Runs<'a, &'a str>,
    predecessors: Vec<Reference>,
    predecessor_total: u64,
}

impl<'a> Rows<'a> {
    /// The operations that the last row's takes the place of, in the order in which they were written.
    pub(super) fn predecessors(&self) -> &[Reference] {
        &self.predecessors
    }

    /// The next operation; `None` behind the last. Together they may take the place of so many others.
    pub(super) fn next(&mut self, most_predecessors: usize) -> Result<Option<Row<'a>>, Malformed> {
        if self.actions.is_at_end() {
            return self.finish().map(|()| None);
        }
        let counter = self.first_op + self.count;
        if counter >= COUNTER_END {
            return Err(Malformed("a change's counters are beyond what can be counted"));
        }
        self.count += 1;
        let action = self.actions.value()?;
        let object = match (self.object_actors.next()?, self.object_counters.next()?) {
            (None, None) => None,
            (Some(actor), Some(object)) if object > 0 => Some(earlier(object, actor, counter)?),
            _ => return Err(Malformed("an operation does not say which object it is about")),
        };
        let key = match (self.key_names.next()?, self.key_actors.next()?, self.key_counters.counter()?) {
            (Some(name), None, None) => Key::Name(name),
            (None, None, Some(0)) => Key::Start,
            (None, Some(actor), Some(element)) if element > 0 => {
                Key::Element(earlier(u64::from(element), actor, counter)?)
            }
            _ => return Err(Malformed("an operation does not say what in its object it is about")),
        };
        let is_insert = self.inserts.next()?;
        let (kind, _) = value::take(self.metas.value()?, &mut self.values)?;
        self.read_predecessors(counter, most_predecessors)?;
        let (expands, mark) = (self.expands.next()?, self.mark_names.next()?);
        let action = self.action(action, kind, is_insert, mark)?;
        if !matches!(action, Action::MarkBegin | Action::MarkEnd) && (expands || mark.is_some()) {
            return Err(Malformed("an operation that is no mark has what only marks have"));
        }
        Ok(Some(Row { object, key, is_insert, action }))
    }

    fn action(&self, number: u64, kind: Kind, is_insert: bool, mark: Option<&str>) -> Result<Action, Malformed> {
        let action = match (number, kind) {
            (0, Kind::Null) => Action::MakeMap,
            (1, Kind::Counter) => Action::SetCounter,
            (1, _) => Action::Set,
            (2, Kind::Null) => Action::MakeList,
            (3, Kind::Null) => Action::Delete,
            (4, Kind::Null) => Action::MakeText,
            (5, Kind::Step) => Action::Increment,
            (7, _) if mark.is_some() => Action::MarkBegin,
            (7, Kind::Null) => Action::MarkEnd,
            (0..=5 | 7, _) => return Err(Malformed("an operation has a value that does not belong to its action")),
            _ => return Err(Malformed("an operation does what is not known here")),
        };
        let has_predecessors = !self.predecessors.is_empty();
        match action {
            Action::Delete | Action::Increment if is_insert || !has_predecessors => {
                Err(Malformed("an operation deletes or increments nothing"))
            }
            Action::MarkBegin | Action::MarkEnd if !is_insert => Err(Malformed("a mark is not inserted")),
            _ if is_insert && has_predecessors => Err(Malformed("an inserted element takes the place of another")),
            _ => Ok(action),
        }
    }

    fn read_predecessors(&mut self, counter: u64, most: usize) -> Result<(), Malformed> {
        let count = self.predecessor_counts.value()?;
        self.predecessors.clear();
        self.predecessor_total = self.predecessor_total.saturating_add(count);
        if self.predecessor_total > most as u64 {
            return Err(Malformed("a change takes the place of more operations than is taken in"));
        }
        for _ in 0..count {
            let actor = self.predecessor_actors.value()?;
            let earlier_counter = self.predecessor_counters.counter()?.unwrap_or(0);
            if earlier_counter == 0 {
                return Err(Malformed("an operation takes the place of one without a counter"));
            }
            self.predecessors.push(earlier(u64::from(earlier_counter), actor, counter)?);
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), Malformed> {
        self.object_actors.finish()?;
        self.object_counters.finish()?;
        self.key_actors.finish()?;
        self.key_counters.finish()?;
        self.key_names.finish()?;
        self.inserts.finish()?;
        self.actions.finish()?;
        self.metas.finish()?;
        self.values.finish("the column of values is longer than the values' lengths")?;
        self.predecessor_counts.finish()?;
        self.predecessor_actors.finish()?;
        self.predecessor_counters.finish()?;
        self.expands.finish()?;
        self.mark_names.finish()?;
        if self.inserts.is_empty() && self.count > 0 || self.expands.has_true() == self.expands.is_empty() {
            return Err(Malformed("a column of flags is missing, or is not needed"));
        }
        Ok(())
    }
}

/// Refers to an operation that came before the one with this counter.
fn earlier(referred: u64, actor: u64, counter: u64) -> Result<Reference, Malformed> {
    if referred >= counter {
        return Err(Malformed("an operation refers to one that comes later"));
    }
    let actor = u32::try_from(actor).map_err(|_| Malformed("an operation names an actor that the change does not"))?;
    Ok((referred as u32, actor))
}
