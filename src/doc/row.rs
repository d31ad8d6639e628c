//! Rows out of documents: what a row's map says, and the stamps of it.

use super::Actors;
use crate::bytes::Bytes;
use crate::crdt::{Item, MergedRow, OpId, Parts, Rival, RowStamps, Stamp, mark};
use crate::document::{DOCUMENT_NESTING, Names, check_name, encode_value};
use crate::flat_map::FlatMap;
use crate::value::Value;
use automerge::{Automerge, ObjId, ObjType, ReadDoc, ScalarValue};

/// The row of this id below the map of its table; `None` if there is no map in its place.
///
/// Two devices may have made a map for the same row at the same time. Then the row is what all of them hold: of each
/// field the value that was written last, as if it were one map.
pub(crate) fn read_row(document: &Automerge, table: &ObjId, id_text: &str, actors: &mut Actors) -> Option<MergedRow> {
    read_row_at(document, None, table, id_text, actors)
}

/// The same, as of a time when these were the document's heads.
pub(super) fn read_row_at(
    document: &Automerge,
    heads: Option<&[automerge::ChangeHash]>,
    table: &ObjId,
    id_text: &str,
    actors: &mut Actors,
) -> Option<MergedRow> {
    let mut reader = RowReader { document, heads, actors };
    let maps = reader.maps(table, id_text)?;
    let others = maps[1..].iter().map(|map| reader.actors.id(map)).collect::<Option<_>>()?;
    let mut row = MergedRow {
        fields: FlatMap::new(),
        creation_time: 0.0,
        origin: None,
        moved_to: None,
        has_come: false,
        stamps: RowStamps {
            object: reader.actors.id(&maps[0])?,
            maps: others,
            creation_time: Stamp::new(OpId { counter: 0, actor: 0 }),
            deleted: None,
            moved: None,
            fields: Vec::new(),
        },
    };
    for (name, written) in reader.entries(&maps) {
        // The document is a level itself.
        let Some((value, stamp)) = reader.chosen(written, DOCUMENT_NESTING - 1) else { continue };
        match name.as_str() {
            mark::CREATION_TIME => {
                let time = match value {
                    Value::Int64(time) => Some(time as f64),
                    value => value.as_f64(),
                };
                row.creation_time = time.filter(|time| time.is_finite()).unwrap_or(0.0);
                row.stamps.creation_time = without_parts(stamp);
            }
            mark::DELETED => row.stamps.deleted = Some(without_parts(stamp)),
            mark::MOVED_TO => {
                row.moved_to = value.as_str().map(str::to_string);
                row.stamps.moved = Some(without_parts(stamp));
            }
            mark::MOVED_FROM => row.has_come = true,
            mark::ORIGIN => row.origin = value.as_str().map(str::to_string),
            // No row can have a field of that name: it stays in the document.
            _ if check_name(&name, true).is_err() => {}
            _ => {
                // Maps are ordered by the bytes of their names, here and there.
                row.fields.insert(name, value);
                row.stamps.fields.push(stamp);
            }
        }
    }
    Some(row)
}

fn without_parts(stamp: Stamp) -> Stamp {
    Stamp { parts: Parts::None, ..stamp }
}

/// A value, what has written it, and in which of a row's maps.
pub(super) type Written<'a> = (automerge::Value<'a>, ObjId, u32);

/// Of several operations on a place automerge shows the greatest.
fn order(id: &ObjId) -> (u64, &[u8]) {
    match id {
        ObjId::Root => (0, &[]),
        ObjId::Id(counter, actor, _) => (*counter, actor.to_bytes()),
    }
}

/// Reads values, of now or as of some heads.
pub(super) struct RowReader<'a> {
    pub(super) document: &'a Automerge,
    /// As of when; `None` is now.
    pub(super) heads: Option<&'a [automerge::ChangeHash]>,
    pub(super) actors: &'a mut Actors,
}

/// All values of a place, the one that is shown last.
type Values<'a> = Vec<(automerge::Value<'a>, ObjId)>;

impl<'a> RowReader<'a> {
    /// All values of a place.
    pub(super) fn all(&self, object: &ObjId, place: automerge::Prop) -> Option<Values<'a>> {
        match self.heads {
            None => self.document.get_all(object, place).ok(),
            Some(heads) => self.document.get_all_at(object, place, heads).ok(),
        }
    }

    /// The names in a map; of a list, what has inserted its items.
    pub(super) fn keys(&self, object: &ObjId) -> Vec<String> {
        match self.heads {
            None => self.document.keys(object).collect(),
            Some(heads) => self.document.keys_at(object, heads).collect(),
        }
    }

    /// All values of each item.
    fn items(&self, list: &ObjId, count: usize) -> Vec<Option<Values<'a>>> {
        let item = |index| self.all(list, automerge::Prop::Seq(index));
        let Some(heads) = self.heads else { return (0..count).map(item).collect() };
        // To find an item as of then, automerge goes through all that lie before it: most are read on one way.
        let shown = self.document.list_range_at(list, .., heads);
        let shown = shown.map(|shown| match shown.conflict {
            true => item(shown.index),
            false => Some(vec![(shown.value.clone().into_value(), shown.id())]),
        });
        shown.collect()
    }

    /// The value at a place, with the stamp of it.
    pub(super) fn slot(&mut self, object: &ObjId, place: automerge::Prop, levels: usize) -> Option<(Value, Stamp)> {
        let all = self.all(object, place)?;
        self.shown(all, levels)
    }

    /// The maps of a row: its own, and then others that were made for the same id, ascending. One that came from another
    /// document counts alone: what was written to others is made again there.
    pub(super) fn maps(&self, table: &ObjId, id_text: &str) -> Option<Vec<ObjId>> {
        let is_map =
            |value: &automerge::Value<'_>| matches!(value, automerge::Value::Object(ObjType::Map | ObjType::Table));
        let all = self.all(table, id_text.into())?.into_iter().filter(|(value, _)| is_map(value));
        let mut maps: Vec<ObjId> = all.map(|(_, id)| id).collect();
        let own = maps.pop()?;
        if !maps.is_empty() && self.all(&own, mark::MOVED_FROM.into()).is_some_and(|found| !found.is_empty()) {
            maps.clear();
        }
        maps.insert(0, own);
        Some(maps)
    }

    /// What says in another document that a row comes from there, if it does.
    pub(super) fn moved_from(&mut self, maps: &[ObjId]) -> Option<String> {
        self.entry(maps, mark::MOVED_FROM)?.0.as_str().map(str::to_string)
    }

    /// What is written to each name of maps that stand for one, the names ascending.
    fn entries(&self, maps: &[ObjId]) -> Vec<(String, Vec<Written<'a>>)> {
        let mut found: Vec<(String, Vec<Written<'a>>)> = Vec::new();
        for (map, position) in maps.iter().zip(0..) {
            let shown = match self.heads {
                None => self.document.map_range(map, ..),
                Some(heads) => self.document.map_range_at(map, .., heads),
            };
            for item in shown {
                let name = item.key.to_string();
                let all = match item.conflict {
                    true => self.all(map, name.as_str().into()).unwrap_or_default(),
                    false => vec![(item.value.clone().into_value(), item.id())],
                };
                found.push((name, all.into_iter().map(|(value, id)| (value, id, position)).collect()));
            }
        }
        if maps.len() < 2 {
            return found; // maps are ordered by their names
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.dedup_by(|(name, written), (kept, all)| {
            let is_same = name == kept;
            if is_same {
                all.append(written);
            }
            is_same
        });
        for (_, written) in &mut found {
            written.sort_by(|(_, a, _), (_, b, _)| order(a).cmp(&order(b)));
        }
        found
    }

    /// What is written to a name of a row that may have several maps, what is shown last.
    pub(super) fn written(&self, maps: &[ObjId], name: &str) -> Vec<Written<'a>> {
        let mut all = Vec::new();
        for (map, position) in maps.iter().zip(0..) {
            let found = self.all(map, name.into()).unwrap_or_default();
            all.extend(found.into_iter().map(|(value, id)| (value, id, position)));
        }
        all.sort_by(|(_, a, _), (_, b, _)| order(a).cmp(&order(b)));
        all
    }

    /// The value of an entry of a row that may have several maps.
    pub(super) fn entry(&mut self, maps: &[ObjId], name: &str) -> Option<(Value, Stamp)> {
        let all = self.written(maps, name);
        self.chosen(all, DOCUMENT_NESTING - 1)
    }

    fn shown(&mut self, all: Values<'_>, levels: usize) -> Option<(Value, Stamp)> {
        self.chosen(all.into_iter().map(|(value, id)| (value, id, 0)).collect(), levels)
    }

    /// The last of several values, and the others as its rivals.
    fn chosen(&mut self, mut all: Vec<Written<'_>>, levels: usize) -> Option<(Value, Stamp)> {
        let (value, id, map) = all.pop()?;
        let (value, parts) = self.value(&value, &id, levels);
        let mut rivals = Vec::with_capacity(all.len());
        for (value, id, map) in all {
            let (value, _) = self.value(&value, &id, DOCUMENT_NESTING);
            let mut bytes = Vec::new();
            // Its names are text: whoever stores it has another dictionary.
            encode_value(&value, &Names::new(), &mut bytes);
            rivals.push(Rival { id: self.actors.id(&id)?, map, value: Bytes::new(bytes) });
        }
        Some((value, Stamp { id: self.actors.id(&id)?, rivals, map, parts }))
    }

    fn value(&mut self, value: &automerge::Value<'_>, id: &ObjId, levels: usize) -> (Value, Parts) {
        match value {
            automerge::Value::Scalar(scalar) => scalar_value(scalar),
            automerge::Value::Object(ObjType::Text) => self.text(id),
            // Too deep for a row: what is below stays in the document.
            automerge::Value::Object(_) if levels == 0 => (Value::Null, Parts::None),
            automerge::Value::Object(ObjType::List) => self.list(id, levels - 1),
            automerge::Value::Object(ObjType::Map | ObjType::Table) => self.map(id, levels - 1),
        }
    }

    fn map(&mut self, id: &ObjId, levels: usize) -> (Value, Parts) {
        let mut fields = FlatMap::new();
        let mut stamps = Vec::new();
        for (name, written) in self.entries(std::slice::from_ref(id)) {
            if check_name(&name, false).is_err() {
                continue;
            }
            let Some((value, stamp)) = self.chosen(written, levels) else { continue };
            fields.insert(name, value);
            stamps.push(stamp);
        }
        (Value::Object(fields), Parts::Map(stamps))
    }

    fn list(&mut self, id: &ObjId, levels: usize) -> (Value, Parts) {
        let mut values = Vec::new();
        let mut items = Vec::new();
        let elements = self.keys(id);
        let all = self.items(id, elements.len());
        for (element, all) in elements.into_iter().zip(all) {
            let Some((value, stamp)) = all.and_then(|all| self.shown(all, levels)) else { continue };
            let Some(element) = self.element(&element) else { continue };
            values.push(value);
            items.push(Item { element, stamp });
        }
        (Value::Array(values), Parts::List(items))
    }

    /// Reads `counter@actor`, the actor in hexadecimal.
    fn element(&mut self, text: &str) -> Option<OpId> {
        let (counter, actor) = text.split_once('@')?;
        let actor = automerge::ActorId::try_from(actor).ok()?;
        Some(OpId { counter: counter.parse().ok()?, actor: self.actors.place(actor.to_bytes()) })
    }

    /// What has inserted each letter of a text, if each came alone.
    fn letters(&mut self, text: &ObjId, shown: &str) -> Option<Vec<OpId>> {
        let mut letters = Vec::with_capacity(shown.len());
        for (index, letter) in shown.chars().enumerate() {
            let (value, id) = self.all(text, automerge::Prop::Seq(index))?.pop()?;
            let is_it = value.as_str().is_some_and(|value| value.chars().eq([letter]));
            letters.push(self.actors.id(&id).filter(|_| is_it)?);
        }
        Some(letters)
    }

    fn text(&mut self, id: &ObjId) -> (Value, Parts) {
        let mut text = String::new();
        let mut letters = Vec::new();
        let mut is_plain = true;
        let items = match self.heads {
            None => self.document.list_range(id, ..),
            Some(heads) => self.document.list_range_at(id, .., heads),
        };
        for item in items {
            let letter = match &item.value {
                automerge::ValueRef::Scalar(automerge::ScalarValueRef::Str(letter)) => letter.as_ref(),
                // What is no text shows as it does in automerge.
                _ => "\u{fffc}",
            };
            is_plain &= letter.chars().nth(1).is_none() && !letter.is_empty() && !item.conflict;
            text.push_str(letter);
            letters.extend(self.actors.id(&item.id()));
        }
        let shown = match self.heads {
            None => self.document.text(id),
            Some(heads) => self.document.text_at(id, heads),
        };
        if let Ok(shown) = shown
            && shown != text
        {
            // Somebody has formatted it: what marks it is among its items, and has no width.
            let parts = self.letters(id, &shown).map_or(Parts::None, Parts::Text);
            return (Value::String(shown), parts);
        }
        // Of letters that came in one piece none can be taken out: then the text is written as a whole.
        let parts = if is_plain { Parts::Text(letters) } else { Parts::None };
        (Value::String(text), parts)
    }
}

fn scalar_value(scalar: &ScalarValue) -> (Value, Parts) {
    let value = match scalar {
        ScalarValue::Null | ScalarValue::Unknown { .. } => Value::Null,
        ScalarValue::Boolean(is) => Value::Boolean(*is),
        ScalarValue::Int(number) => Value::Int64(*number),
        ScalarValue::Uint(number) => Value::Int64(i64::try_from(*number).unwrap_or(i64::MAX)),
        ScalarValue::F64(number) => Value::Float64(*number),
        ScalarValue::Timestamp(number) => Value::Float64(*number as f64),
        ScalarValue::Counter(counter) => return (Value::Float64(i64::from(counter) as f64), Parts::Counter),
        ScalarValue::Str(text) => Value::String(text.to_string()),
        ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
    };
    (value, Parts::None)
}
