//! The stamps of a row: which operations hold its fields, as a local write has to know them to take their place.
//!
//! They lie beside the row in the store and follow the document's order, so that they need no names: one stamp for each
//! field, and inside of arrays and objects one for each item. A row that one change has made has operations that are
//! numbered in that order: then its stamps are a few bytes.
//!
//! ```text
//! stamps  := runs:varint run* exceptions:varint exception*
//! run     := actor:varint step:zigzag length:varint     of ids in order: the counter is `step` above the one that would
//!                                                       have followed the run before, or above 0
//! exception := place:varint kind:u8 payload             `place` counts stamps since the exception before
//! kind    := 00 rivals    count:varint (actor:varint counter:varint map:varint value:bytes)*
//!          | 01 text      count:varint                  so many ids of its letters follow its own
//!          | 02 counter
//!          | 03 element   actor:varint counter:varint   of a list, when another operation has put in the item
//!          | 04 deleted | 05 moved                      at the row's own stamp: the stamp of the mark follows the one of
//!                                                       the time of creation
//!          | 06 maps      count:varint (actor:varint counter:varint)*   at the row's own stamp
//!          | 07 elsewhere map:varint                    of a field: in which of those maps it lies, from 1
//! ```

use super::op::OpId;
use crate::bytes::{Bytes, Malformed, Reader, Write, unzigzag, zigzag};
use crate::document::{ObjectRef, VALUE_NESTING, ValueRef, deeper};

/// Which operation holds a value, and those inside of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stamp {
    /// The operation whose value is shown.
    pub(crate) id: OpId,
    /// Others that were written at the same time.
    pub(crate) rivals: Vec<Rival>,
    /// Of a field: in which of its row's maps the value lies, 0 is the row's own.
    pub(crate) map: u32,
    pub(crate) parts: Parts,
}

/// A value that another one was chosen over.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rival {
    pub(crate) id: OpId,
    /// In which of its row's maps it lies, as a [`Stamp`] says it.
    pub(crate) map: u32,
    /// The value as in a document.
    pub(crate) value: Bytes,
}

/// What is inside of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parts {
    None,
    /// A number to which is added.
    Counter,
    /// The fields of an object, in its order.
    Map(Vec<Stamp>),
    List(Vec<Item>),
    /// What has inserted each letter (Unicode scalar value) of a text.
    Text(Vec<OpId>),
}

/// An item of a list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    /// What has inserted it. Its value may have been another one then.
    pub(crate) element: OpId,
    pub(crate) stamp: Stamp,
}

/// The stamps of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowStamps {
    /// The map that is the row.
    pub(crate) object: OpId,
    /// Other maps that were made for the same id, ascending. What they hold is the row's as well.
    pub(crate) maps: Vec<OpId>,
    /// `_creationTime`.
    pub(crate) creation_time: Stamp,
    /// The mark that it is deleted.
    pub(crate) deleted: Option<Stamp>,
    /// The mark that it lies in another document now.
    pub(crate) moved: Option<Stamp>,
    pub(crate) fields: Vec<Stamp>,
}

impl Stamp {
    pub(crate) fn new(id: OpId) -> Self {
        Stamp { id, rivals: Vec::new(), map: 0, parts: Parts::None }
    }

    /// Whether others have written something else there, or inside of it.
    pub(crate) fn is_contested(&self) -> bool {
        !self.rivals.is_empty()
            || match &self.parts {
                Parts::Map(stamps) => stamps.iter().any(Stamp::is_contested),
                Parts::List(items) => items.iter().any(|item| item.stamp.is_contested()),
                Parts::None | Parts::Counter | Parts::Text(_) => false,
            }
    }

    /// The operations that hold the value in one of its row's maps.
    pub(crate) fn holders(&self, map: u32) -> Vec<OpId> {
        let rivals = self.rivals.iter().map(|rival| (rival.map, rival.id));
        let all = std::iter::once((self.map, self.id)).chain(rivals);
        all.filter(|(lies_in, _)| *lies_in == map).map(|(_, id)| id).collect()
    }
}

mod kind {
    pub(super) const RIVALS: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const COUNTER: u8 = 2;
    pub(super) const ELEMENT: u8 = 3;
    pub(super) const DELETED: u8 = 4;
    pub(super) const MOVED: u8 = 5;
    pub(super) const MAPS: u8 = 6;
    pub(super) const ELSEWHERE: u8 = 7;
}

impl RowStamps {
    /// The stored bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.id(self.object);
        if !self.maps.is_empty() {
            writer.exception(kind::MAPS);
            writer.exceptions.put_varint(self.maps.len() as u64);
            self.maps.iter().for_each(|&map| writer.plain_id(map));
        }
        if self.deleted.is_some() {
            writer.exception(kind::DELETED);
        }
        if self.moved.is_some() {
            writer.exception(kind::MOVED);
        }
        writer.place += 1;
        let marks = [Some(&self.creation_time), self.deleted.as_ref(), self.moved.as_ref()];
        for stamp in marks.into_iter().flatten().chain(&self.fields) {
            writer.stamp(stamp);
        }
        writer.finish()
    }

    /// Reads stored bytes beside the document that they are of.
    pub(crate) fn decode(bytes: &[u8], document: ObjectRef<'_>) -> Result<Self, Malformed> {
        let mut reader = StampReader::new(bytes)?;
        let object = reader.id()?;
        let (mut maps, mut is_deleted, mut is_moved) = (Vec::new(), false, false);
        while let Some(kind) = reader.exception()? {
            match kind {
                kind::MAPS => maps = reader.maps()?,
                kind::DELETED => is_deleted = true,
                kind::MOVED => is_moved = true,
                _ => return Err(BAD_KIND),
            }
            reader.read_gap()?;
        }
        reader.next_place()?;
        let creation_time = reader.mark()?;
        let deleted = is_deleted.then(|| reader.mark()).transpose()?;
        let moved = is_moved.then(|| reader.mark()).transpose()?;
        let fields = reader.fields(document, VALUE_NESTING)?;
        reader.finish()?;
        Ok(RowStamps { object, maps, creation_time, deleted, moved, fields })
    }
}

const BAD_KIND: Malformed = Malformed("stamps: kind of an exception");

#[derive(Clone, Copy)]
struct Run {
    actor: u32,
    counter: u32,
    length: u32,
}

/// Collects ids and exceptions.
#[derive(Default)]
struct Writer {
    runs: Vec<Run>,
    exceptions: Vec<u8>,
    exception_count: u64,
    /// Of the stamp at hand, and of the last exception.
    place: u64,
    last_exception: u64,
}

impl Writer {
    fn id(&mut self, OpId { counter, actor }: OpId) {
        match self.runs.last_mut() {
            Some(run) if run.actor == actor && run.counter.wrapping_add(run.length) == counter => run.length += 1,
            _ => self.runs.push(Run { actor, counter, length: 1 }),
        }
    }

    fn exception(&mut self, kind: u8) {
        self.exceptions.put_varint(self.place - self.last_exception);
        self.exceptions.put_u8(kind);
        self.exception_count += 1;
        self.last_exception = self.place;
    }

    fn rivals(&mut self, rivals: &[Rival]) {
        if rivals.is_empty() {
            return;
        }
        self.exception(kind::RIVALS);
        self.exceptions.put_varint(rivals.len() as u64);
        for Rival { id, map, value } in rivals {
            self.plain_id(*id);
            self.exceptions.put_varint(u64::from(*map));
            self.exceptions.put_bytes(value);
        }
    }

    fn plain_id(&mut self, id: OpId) {
        self.exceptions.put_varint(u64::from(id.actor));
        self.exceptions.put_varint(u64::from(id.counter));
    }

    fn stamp(&mut self, stamp: &Stamp) {
        self.item(stamp, stamp.id);
    }

    fn item(&mut self, stamp: &Stamp, element: OpId) {
        self.id(stamp.id);
        if element != stamp.id {
            self.exception(kind::ELEMENT);
            self.plain_id(element);
        }
        self.rivals(&stamp.rivals);
        if stamp.map > 0 {
            self.exception(kind::ELSEWHERE);
            self.exceptions.put_varint(u64::from(stamp.map));
        }
        match &stamp.parts {
            Parts::None | Parts::Map(_) | Parts::List(_) => {}
            Parts::Counter => self.exception(kind::COUNTER),
            Parts::Text(letters) => {
                self.exception(kind::TEXT);
                self.exceptions.put_varint(letters.len() as u64);
                letters.iter().for_each(|&letter| self.id(letter));
            }
        }
        self.place += 1;
        match &stamp.parts {
            Parts::Map(fields) => fields.iter().for_each(|field| self.stamp(field)),
            Parts::List(items) => items.iter().for_each(|item| self.item(&item.stamp, item.element)),
            Parts::None | Parts::Counter | Parts::Text(_) => {}
        }
    }

    fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.runs.len() * 4 + self.exceptions.len() + 2);
        out.put_varint(self.runs.len() as u64);
        let mut expected = 0;
        for Run { actor, counter, length } in self.runs {
            out.put_varint(u64::from(actor));
            out.put_varint(zigzag(i64::from(counter) - expected));
            out.put_varint(u64::from(length));
            expected = i64::from(counter) + i64::from(length);
        }
        out.put_varint(self.exception_count);
        out.extend_from_slice(&self.exceptions);
        out
    }
}

/// Reads what a [`Writer`] has written.
struct StampReader<'a> {
    runs: Reader<'a>,
    runs_left: u64,
    run: Run,
    expected: i64,
    exceptions: Reader<'a>,
    exceptions_left: u64,
    /// How many stamps there are before the next exception.
    gap: u64,
}

const CUT: Malformed = Malformed("stamps: ids");

impl<'a> StampReader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut runs = Reader::new(bytes);
        let runs_left = runs.varint("stamps: runs")?;
        let mut exceptions = runs.clone();
        for _ in 0..runs_left {
            for _ in 0..3 {
                exceptions.varint("stamps: run")?;
            }
        }
        let exceptions_left = exceptions.varint("stamps: exceptions")?;
        let run = Run { actor: 0, counter: 0, length: 0 };
        let mut reader = StampReader { runs, runs_left, run, expected: 0, exceptions, exceptions_left, gap: 0 };
        reader.read_gap()?;
        Ok(reader)
    }

    fn read_gap(&mut self) -> Result<(), Malformed> {
        self.gap =
            if self.exceptions_left > 0 { self.exceptions.varint("stamps: place of an exception")? } else { u64::MAX };
        Ok(())
    }

    fn id(&mut self) -> Result<OpId, Malformed> {
        if self.run.length == 0 {
            self.runs_left = self.runs_left.checked_sub(1).ok_or(CUT)?;
            let actor = small(self.runs.varint("stamps: actor")?)?;
            let step = unzigzag(self.runs.varint("stamps: step")?);
            let length = small(self.runs.varint("stamps: length")?)?;
            let counter = self.expected.checked_add(step).and_then(|counter| u32::try_from(counter).ok()).ok_or(CUT)?;
            if length == 0 || counter.checked_add(length).is_none() {
                return Err(CUT);
            }
            self.expected = i64::from(counter) + i64::from(length);
            self.run = Run { actor, counter, length };
        }
        let id = OpId { counter: self.run.counter, actor: self.run.actor };
        self.run.counter += 1;
        self.run.length -= 1;
        Ok(id)
    }

    /// The kind of the next exception of the stamp at hand. When its payload is read, [`Self::read_gap`] goes on.
    fn exception(&mut self) -> Result<Option<u8>, Malformed> {
        if self.gap > 0 {
            return Ok(None);
        }
        let kind = self.exceptions.u8("stamps: kind of an exception")?;
        self.exceptions_left -= 1;
        Ok(Some(kind))
    }

    fn rivals(&mut self) -> Result<Vec<Rival>, Malformed> {
        let count = self.exceptions.length(self.exceptions.remaining(), "stamps: rivals")?;
        let mut rivals = Vec::new();
        for _ in 0..count {
            let id = self.plain_id()?;
            let map = small(self.exceptions.varint("stamps: map of a rival")?)?;
            rivals.push(Rival { id, map, value: Bytes::from(self.exceptions.bytes("stamps: value of a rival")?) });
        }
        Ok(rivals)
    }

    fn maps(&mut self) -> Result<Vec<OpId>, Malformed> {
        let count = self.exceptions.length(self.exceptions.remaining(), "stamps: maps")?;
        (0..count).map(|_| self.plain_id()).collect()
    }

    fn plain_id(&mut self) -> Result<OpId, Malformed> {
        let actor = small(self.exceptions.varint("stamps: actor")?)?;
        Ok(OpId { actor, counter: small(self.exceptions.varint("stamps: counter")?)? })
    }

    fn next_place(&mut self) -> Result<(), Malformed> {
        if self.exceptions_left > 0 {
            self.gap = self.gap.checked_sub(1).ok_or(BAD_KIND)?;
        }
        Ok(())
    }

    /// The stamp of a mark: a value without parts.
    fn mark(&mut self) -> Result<Stamp, Malformed> {
        Ok(self.stamp(None, 0)?.1)
    }

    /// What has inserted a value, and its stamp.
    fn stamp(&mut self, value: Option<ValueRef<'_>>, levels: usize) -> Result<(OpId, Stamp), Malformed> {
        let id = self.id()?;
        let mut stamp = Stamp::new(id);
        let mut element = id;
        while let Some(kind) = self.exception()? {
            match kind {
                kind::RIVALS => stamp.rivals = self.rivals()?,
                kind::TEXT => {
                    let Some(ValueRef::String(text)) = value else { return Err(BAD_KIND) };
                    let count = self.exceptions.length(text.len(), "stamps: letters")?;
                    stamp.parts = Parts::Text((0..count).map(|_| self.id()).collect::<Result<_, _>>()?);
                }
                kind::COUNTER => stamp.parts = Parts::Counter,
                kind::ELEMENT => element = self.plain_id()?,
                kind::ELSEWHERE => stamp.map = small(self.exceptions.varint("stamps: map")?)?,
                _ => return Err(BAD_KIND),
            }
            self.read_gap()?;
        }
        self.next_place()?;
        match value {
            Some(ValueRef::Object(object)) => stamp.parts = Parts::Map(self.fields(object, deeper(levels)?)?),
            Some(ValueRef::Array(array)) => {
                let levels = deeper(levels)?;
                let mut items = Vec::new();
                for value in array.iter() {
                    let (element, stamp) = self.stamp(Some(value?), levels)?;
                    items.push(Item { element, stamp });
                }
                stamp.parts = Parts::List(items);
            }
            _ => {}
        }
        Ok((element, stamp))
    }

    fn fields(&mut self, object: ObjectRef<'_>, levels: usize) -> Result<Vec<Stamp>, Malformed> {
        object.values().map(|value| Ok(self.stamp(Some(value?), levels)?.1)).collect()
    }

    fn finish(&self) -> Result<(), Malformed> {
        if self.run.length > 0 || self.runs_left > 0 {
            return Err(Malformed("stamps: too many ids"));
        }
        if self.exceptions_left > 0 {
            return Err(Malformed("stamps: too many exceptions"));
        }
        self.exceptions.finish("stamps: left over")
    }
}

fn small(number: u64) -> Result<u32, Malformed> {
    u32::try_from(number).map_err(|_| Malformed("stamps: number"))
}
