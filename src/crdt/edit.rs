//! From what a row was and is to operations: as few as will do, so that what others write at the same time stays.

use super::align::{Step, align};
use super::encoder::ChangeEncoder;
use super::op::{Action, Element, Key, Object, Op, OpId, Scalar};
use super::stamp::{Item, Parts, RowStamps, Stamp};
use crate::bytes::Malformed;
use crate::document::{ArrayRef, Names, ObjectRef, ValueRef};
use std::cmp::Ordering;

/// What a field's values are merged as, if not as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// A string whose letters are merged.
    Text,
    /// A number to which everybody adds.
    Counter,
}

/// Field kinds of a table, by the names of fields.
pub(crate) trait FieldKinds {
    fn kind_of(&self, field: &str) -> Option<FieldKind>;
}

/// Names in a row's map that are no fields of its document.
pub(crate) mod mark {
    /// In the document itself: the id of the row that it belongs to.
    pub(crate) const ROOT: &str = "_root";
    pub(crate) const CREATION_TIME: &str = "_creationTime";
    /// The time at which the row was deleted.
    pub(crate) const DELETED: &str = "_deleted";
    /// The id of the row to whose document the row has gone.
    pub(crate) const MOVED_TO: &str = "_movedTo";
    /// What says in another document that the row comes from there: a [`super::move_name`].
    pub(crate) const MOVED_FROM: &str = "_movedFrom";
    /// The id of the row in whose document the row was made, where it is another one.
    pub(crate) const ORIGIN: &str = "_origin";
}

/// How a row comes into a document from that of another row.
#[derive(Default)]
pub(crate) struct Arrival<'a> {
    /// The id of the row in whose document it was made, if not in this.
    pub(crate) origin: Option<&'a str>,
    pub(crate) from: Option<&'a str>,
    /// Maps of an earlier time, in whose place it comes.
    pub(crate) replaced: Vec<OpId>,
}

/// What a move is called in the document where the row comes to: the row whose document it has left, and the operation that
/// says so there.
pub(crate) fn move_name(from: &str, counter: u32, actor: &[u8]) -> String {
    let mut name = format!("{from} {counter}@");
    for byte in actor {
        name.push(char::from_digit(u32::from(byte >> 4), 16).expect("a digit"));
        name.push(char::from_digit(u32::from(byte & 15), 16).expect("a digit"));
    }
    name
}

/// The map whose entries are written: a row has several if others have made some for the same id.
#[derive(Clone, Copy)]
enum Maps<'a> {
    OfRow { own: OpId, others: &'a [OpId] },
    Single(Object),
}

impl Maps<'_> {
    fn own(&self) -> Object {
        match self {
            Maps::OfRow { own, .. } => Object::Made(*own),
            Maps::Single(object) => *object,
        }
    }

    fn others(&self) -> &[OpId] {
        match self {
            Maps::OfRow { others, .. } => others,
            Maps::Single(_) => &[],
        }
    }

    fn are_of_row(&self) -> bool {
        matches!(self, Maps::OfRow { .. })
    }
}

/// Appends operations to a change, and keeps the stamps of what they write.
pub(crate) struct Editor<'a> {
    pub(crate) encoder: &'a mut ChangeEncoder,
    pub(crate) names: &'a Names,
    pub(crate) kinds: &'a dyn FieldKinds,
    pub(crate) author: u32,
    /// The counter of the change's first operation.
    pub(crate) first_op: u32,
}

impl Editor<'_> {
    fn push(&mut self, object: Object, key: Key<'_>, action: Action<'_>, predecessors: &[OpId]) -> OpId {
        let id = OpId { counter: self.first_op + self.encoder.len(), actor: self.author };
        self.encoder.push(&Op { object, key, action, predecessors });
        id
    }

    /// Makes the map that holds a table's rows.
    pub(crate) fn make_table(&mut self, name: &str) -> OpId {
        self.push(Object::Root, Key::Name(name), Action::MakeMap, &[])
    }

    /// Says which row the document belongs to.
    pub(crate) fn name_root(&mut self, id_text: &str) {
        self.push(Object::Root, Key::Name(mark::ROOT), Action::Set(Scalar::Text(id_text)), &[]);
    }

    /// A row that is new in its document: it was made here, or comes from the document of another row.
    pub(crate) fn insert_row(
        &mut self,
        table: OpId,
        id_text: &str,
        creation_time: f64,
        arrival: &Arrival<'_>,
        document: ObjectRef<'_>,
    ) -> Result<RowStamps, Malformed> {
        let object = self.push(Object::Made(table), Key::Name(id_text), Action::MakeMap, &arrival.replaced);
        let row = Object::Made(object);
        let time = Action::Set(Scalar::Float(creation_time));
        let creation_time = Stamp::new(self.push(row, Key::Name(mark::CREATION_TIME), time, &[]));
        for (name, mark) in [(mark::ORIGIN, arrival.origin), (mark::MOVED_FROM, arrival.from)] {
            if let Some(mark) = mark {
                self.push(row, Key::Name(name), Action::Set(Scalar::Text(mark)), &[]);
            }
        }
        let mut fields = Vec::with_capacity(document.len());
        for field in document.fields(self.names) {
            let (name, value) = field?;
            fields.push(self.write(row, Key::Name(name), &[], value, self.kinds.kind_of(name))?);
        }
        Ok(RowStamps { object, maps: Vec::new(), creation_time, deleted: None, moved: None, fields })
    }

    /// A row whose document is another one now, or of whose fields some are what they shall be, whatever else was written.
    pub(crate) fn update_row(
        &mut self,
        row: &mut RowStamps,
        before: ObjectRef<'_>,
        after: ObjectRef<'_>,
        settled: &[String],
    ) -> Result<(), Malformed> {
        let maps = Maps::OfRow { own: row.object, others: &row.maps };
        self.update_map(maps, &mut row.fields, before, after)?;
        if settled.is_empty() {
            return Ok(());
        }
        for (field, stamp) in after.fields(self.names).zip(&mut row.fields) {
            let (name, value) = field?;
            if stamp.is_contested() && settled.iter().any(|settled| settled == name) {
                let holders = self.take_over(maps, name, stamp);
                *stamp = self.write(maps.own(), Key::Name(name), &holders, value, self.kinds.kind_of(name))?;
            }
        }
        Ok(())
    }

    /// A row that is gone: it stays where it is, marked, so that nobody's edit of it is lost.
    pub(crate) fn delete_row(&mut self, row: &mut RowStamps, now_ms: f64) {
        let mark = Scalar::Float(now_ms);
        row.deleted = Some(self.mark(row, mark::DELETED, row.deleted.as_ref(), mark));
    }

    /// A row that goes to the document of another row: what is here stays, and says so. Answers what does.
    pub(crate) fn move_row(&mut self, row: &mut RowStamps, to: &str) -> OpId {
        let mark = self.mark(row, mark::MOVED_TO, row.moved.as_ref(), Scalar::Text(to));
        row.moved.insert(mark).id
    }

    /// A row that was deleted, or has left, comes back.
    pub(crate) fn restore_row(&mut self, row: &mut RowStamps) {
        for (name, mark) in [(mark::DELETED, row.deleted.take()), (mark::MOVED_TO, row.moved.take())] {
            if let Some(mark) = mark {
                let maps = Maps::OfRow { own: row.object, others: &row.maps };
                self.delete_field(maps, name, &mark);
            }
        }
    }

    fn mark(&mut self, row: &RowStamps, name: &str, before: Option<&Stamp>, value: Scalar<'_>) -> Stamp {
        let maps = Maps::OfRow { own: row.object, others: &row.maps };
        let holders = before.map(|before| self.take_over(maps, name, before)).unwrap_or_default();
        Stamp::new(self.push(Object::Made(row.object), Key::Name(name), Action::Set(value), &holders))
    }

    /// What a write to the own map of an entry has for predecessors. In other maps of the row the entry is deleted.
    fn take_over(&mut self, maps: Maps<'_>, name: &str, stamp: &Stamp) -> Vec<OpId> {
        for (position, map) in (1..).zip(maps.others()) {
            let holders = stamp.holders(position);
            if !holders.is_empty() {
                self.push(Object::Made(*map), Key::Name(name), Action::Delete, &holders);
            }
        }
        stamp.holders(0)
    }

    fn delete_field(&mut self, maps: Maps<'_>, name: &str, stamp: &Stamp) {
        let holders = self.take_over(maps, name, stamp);
        if !holders.is_empty() {
            self.push(maps.own(), Key::Name(name), Action::Delete, &holders);
        }
    }

    /// Writes a value that was not there, in place of what `holders` have written.
    fn write(
        &mut self,
        object: Object,
        key: Key<'_>,
        holders: &[OpId],
        value: ValueRef<'_>,
        kind: Option<FieldKind>,
    ) -> Result<Stamp, Malformed> {
        let action = match (value, kind) {
            (ValueRef::String(_), Some(FieldKind::Text)) => Action::MakeText,
            (ValueRef::Float64(number), Some(FieldKind::Counter)) => match whole(number) {
                Some(number) => Action::Set(Scalar::Counter(number)),
                None => Action::Set(Scalar::Float(number)),
            },
            (ValueRef::Null, _) => Action::Set(Scalar::Null),
            (ValueRef::Int64(number), _) => Action::Set(Scalar::Int(number)),
            (ValueRef::Float64(number), _) => Action::Set(Scalar::Float(number)),
            (ValueRef::Boolean(is), _) => Action::Set(Scalar::Boolean(is)),
            (ValueRef::String(text), _) => Action::Set(Scalar::Text(text)),
            (ValueRef::Bytes(bytes), _) => Action::Set(Scalar::Bytes(bytes)),
            (ValueRef::Array(_), _) => Action::MakeList,
            (ValueRef::Object(_), _) => Action::MakeMap,
        };
        let id = self.push(object, key, action, holders);
        let mut stamp = Stamp::new(id);
        let made = Object::Made(id);
        stamp.parts = match (value, action) {
            (ValueRef::String(text), Action::MakeText) => Parts::Text(self.append_letters(id, text)),
            (_, Action::Set(Scalar::Counter(_))) => Parts::Counter,
            (ValueRef::Object(inner), _) => {
                let mut fields = Vec::with_capacity(inner.len());
                for field in inner.fields(self.names) {
                    let (name, value) = field?;
                    fields.push(self.write(made, Key::Name(name), &[], value, None)?);
                }
                Parts::Map(fields)
            }
            (ValueRef::Array(inner), _) => {
                let mut items = Vec::with_capacity(inner.len());
                let mut before = Element::Head;
                for value in inner.iter() {
                    let stamp = self.write(made, Key::Behind(before), &[], value?, None)?;
                    before = Element::Inserted(stamp.id);
                    items.push(Item { element: stamp.id, stamp });
                }
                Parts::List(items)
            }
            _ => Parts::None,
        };
        Ok(stamp)
    }

    fn append_letters(&mut self, text: OpId, letters: &str) -> Vec<OpId> {
        let mut ids = Vec::with_capacity(letters.len());
        let mut before = Element::Head;
        for letter in letters.chars() {
            let id = self.insert_letter(text, before, letter);
            before = Element::Inserted(id);
            ids.push(id);
        }
        ids
    }

    fn insert_letter(&mut self, text: OpId, before: Element, letter: char) -> OpId {
        let mut buffer = [0; 4];
        let letter = Scalar::Text(letter.encode_utf8(&mut buffer));
        self.push(Object::Made(text), Key::Behind(before), Action::Set(letter), &[])
    }

    fn update_map(
        &mut self,
        maps: Maps<'_>,
        stamps: &mut Vec<Stamp>,
        before: ObjectRef<'_>,
        after: ObjectRef<'_>,
    ) -> Result<(), Malformed> {
        let mut old = before.fields(self.names).zip(std::mem::take(stamps)).peekable();
        let mut new = after.fields(self.names).peekable();
        loop {
            // Fields are ordered by the bytes of their names.
            let order = match (old.peek(), new.peek()) {
                (None, None) => return Ok(()),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((Err(malformed), _)), _) | (_, Some(Err(malformed))) => return Err(*malformed),
                (Some((Ok((old, _)), _)), Some(Ok((new, _)))) => old.as_bytes().cmp(new.as_bytes()),
            };
            if order == Ordering::Greater {
                let (name, value) = new.next().expect("it was peeked at")?;
                let kind = if maps.are_of_row() { self.kinds.kind_of(name) } else { None };
                stamps.push(self.write(maps.own(), Key::Name(name), &[], value, kind)?);
                continue;
            }
            let (field, stamp) = old.next().expect("it was peeked at");
            let (name, value) = field?;
            if order == Ordering::Less {
                self.delete_field(maps, name, &stamp);
                continue;
            }
            let (_, value_now) = new.next().expect("it was peeked at")?;
            let kind = if maps.are_of_row() { self.kinds.kind_of(name) } else { None };
            stamps.push(self.update(maps, Key::Name(name), stamp, value, value_now, kind)?);
        }
    }

    /// Writes a value over another one.
    fn update(
        &mut self,
        maps: Maps<'_>,
        key: Key<'_>,
        mut stamp: Stamp,
        before: ValueRef<'_>,
        after: ValueRef<'_>,
        kind: Option<FieldKind>,
    ) -> Result<Stamp, Malformed> {
        if before.compare(&after, self.names) == Ordering::Equal {
            return Ok(stamp);
        }
        let id = stamp.id;
        match (&mut stamp.parts, before, after) {
            (Parts::Map(stamps), ValueRef::Object(before), ValueRef::Object(after)) => {
                self.update_map(Maps::Single(Object::Made(id)), stamps, before, after)?;
            }
            (Parts::List(items), ValueRef::Array(before), ValueRef::Array(after)) => {
                *items = self.update_list(id, std::mem::take(items), before, after)?;
            }
            (Parts::Counter, ValueRef::Float64(before), ValueRef::Float64(after))
                if kind == Some(FieldKind::Counter) && stamp.rivals.is_empty() && stamp.map == 0 =>
            {
                // What others add at the same time stays.
                let (Some(before), Some(after)) = (whole(before), whole(after)) else {
                    return self.write(maps.own(), key, &[id], ValueRef::Float64(after), kind);
                };
                self.push(maps.own(), key, Action::Increment(after - before), &[id]);
            }
            (Parts::Text(letters), ValueRef::String(before), ValueRef::String(after))
                if kind == Some(FieldKind::Text) =>
            {
                *letters = self.update_text(id, letters, before, after);
            }
            _ => {
                let holders = match key {
                    Key::Name(name) => self.take_over(maps, name, &stamp),
                    Key::Behind(_) | Key::At(_) => stamp.holders(0),
                };
                return self.write(maps.own(), key, &holders, after, kind);
            }
        }
        Ok(stamp)
    }

    fn update_list(
        &mut self,
        list: OpId,
        items: Vec<Item>,
        before: ArrayRef<'_>,
        after: ArrayRef<'_>,
    ) -> Result<Vec<Item>, Malformed> {
        let old: Vec<_> = before.iter().collect::<Result<_, _>>()?;
        let new: Vec<_> = after.iter().collect::<Result<_, _>>()?;
        let steps = align(old.len(), new.len(), |i, j| old[i].compare(&new[j], self.names) == Ordering::Equal);
        let mut items = items.into_iter();
        let mut kept: Vec<Item> = Vec::with_capacity(new.len());
        let mut behind = Element::Head;
        let object = Object::Made(list);
        for step in steps {
            match step {
                Step::Keep(..) => kept.push(items.next().ok_or(TOO_FEW)?),
                Step::Replace(i, j) => {
                    let Item { element, stamp } = items.next().ok_or(TOO_FEW)?;
                    let stamp = self.update(Maps::Single(object), Key::At(element), stamp, old[i], new[j], None)?;
                    kept.push(Item { element, stamp });
                }
                Step::Delete(_) => {
                    let Item { element, stamp } = items.next().ok_or(TOO_FEW)?;
                    self.push(object, Key::At(element), Action::Delete, &stamp.holders(0));
                    // What is inserted next goes behind what came before.
                    continue;
                }
                Step::Insert(j) => {
                    let stamp = self.write(object, Key::Behind(behind), &[], new[j], None)?;
                    kept.push(Item { element: stamp.id, stamp });
                }
            }
            behind = Element::Inserted(kept.last().expect("one was kept").element);
        }
        Ok(kept)
    }

    fn update_text(&mut self, text: OpId, letters: &[OpId], before: &str, after: &str) -> Vec<OpId> {
        let old: Vec<char> = before.chars().collect();
        let new: Vec<char> = after.chars().collect();
        let mut kept: Vec<OpId> = Vec::with_capacity(new.len());
        let mut behind = Element::Head;
        for step in align(old.len(), new.len(), |i, j| old[i] == new[j]) {
            // A letter in place of another one is a new one.
            let (gone, come) = match step {
                Step::Keep(i, _) => {
                    kept.push(letters[i]);
                    behind = Element::Inserted(letters[i]);
                    continue;
                }
                Step::Delete(i) => (Some(i), None),
                Step::Insert(j) => (None, Some(j)),
                Step::Replace(i, j) => (Some(i), Some(j)),
            };
            if let Some(i) = gone {
                self.push(Object::Made(text), Key::At(letters[i]), Action::Delete, &[letters[i]]);
            }
            if let Some(j) = come {
                let id = self.insert_letter(text, behind, new[j]);
                kept.push(id);
                behind = Element::Inserted(id);
            }
        }
        kept
    }
}

const TOO_FEW: Malformed = Malformed("stamps: too few items");

/// A number as an integer, if it is one that every device has exactly.
fn whole(number: f64) -> Option<i64> {
    const LARGEST: f64 = (1_u64 << 53) as f64;
    let is_whole = number.trunc() == number && number.abs() <= LARGEST && (number != 0.0 || number.is_sign_positive());
    is_whole.then_some(number as i64)
}
