//! What has become of one row, change by change.
//!
//! A document's changes are gone through once, from the oldest on; those are kept whose operations are about the row: its
//! map, what lies in it, or what it lies in. Objects are followed from the operations that make them, since the document
//! does not name what was deleted or has lost against a rival. Values are read only of the changes that are asked for.
//!
//! Entries are ordered by time as far as clocks agree with what stands on what: no change is older than those that it
//! depends on. Where an entry stands follows from what it depends on alone, so that one which comes late moves no others.

use super::Actors;
use super::lineage::read_message;
use super::row::{RowReader, read_row_at};
use crate::bytes::{Bytes, Write};
use crate::crdt::{ActorId as Actor, ChangeHash, mark};
use crate::document::check_name;
use crate::flat_map::FlatMap;
use crate::value::Value;
use automerge::{ActorId, Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, legacy};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;

/// One change of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryEntry {
    /// Names the entry.
    pub(crate) hash: ChangeHash,
    /// Seconds since 1970, by the clock of the author: it may be anything.
    pub(crate) time: i64,
    pub(crate) actor: Actor,
    pub(crate) kind: HistoryKind,
    /// The change that it makes again, if it does: of somebody who wrote where the row had been before.
    pub(crate) again: Option<ChangeHash>,
    /// The row to whose document it went, or in whose it was made.
    pub(crate) other: Option<String>,
    /// Of one that has arrived, the row from whose document it came, if that is said.
    pub(crate) from: Option<String>,
    /// The fields on top that the change has written, or written something inside of, by name.
    pub(crate) fields: Vec<FieldChange>,
}

/// What a change was to its row as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryKind {
    Inserted,
    Updated,
    Deleted,
    /// It had been deleted.
    Restored,
    /// It lies in another document from then on.
    MovedAway,
    /// It has come from another document.
    Arrived,
}

/// A field that a change has written. Its author may have written what was there already.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldChange {
    pub(crate) name: String,
    /// As the author knew it; `None` if there was no such field.
    pub(crate) before: Option<Value>,
    /// As the author left it; `None` if there was no such field any more.
    pub(crate) after: Option<Value>,
}

/// The changes of a row, the newest first: at most `limit` of those that are older than `before`.
pub(crate) fn history(
    document: &Automerge,
    table: &str,
    id_text: &str,
    limit: usize,
    before: Option<ChangeHash>,
) -> Vec<HistoryEntry> {
    let mut history = RowHistory::new(table, id_text);
    history.follow(document);
    history.page(document, limit, before)
}

/// Which changes of a document are about a row. Who asks again keeps it: most of the time goes into the first look at the
/// changes.
pub(crate) struct RowHistory {
    trace: Trace,
    ranks: HashMap<ChangeHash, Rank>,
    /// What was found, the newest first.
    found: Vec<Found>,
    /// Changes up to these were looked at.
    heads: Vec<automerge::ChangeHash>,
}

/// A change that is about the row.
struct Found {
    rank: Rank,
    change: [automerge::ChangeHash; 1],
    depends_on: Vec<automerge::ChangeHash>,
    time: i64,
    actor: Bytes,
    again: Option<ChangeHash>,
    touched: Touched,
}

impl RowHistory {
    /// Of a row of which nothing was looked at.
    pub(crate) fn new(table: &str, id_text: &str) -> Self {
        RowHistory { trace: Trace::new(table, id_text), ranks: HashMap::new(), found: Vec::new(), heads: Vec::new() }
    }

    /// Takes in what the document has got since the last time.
    pub(crate) fn follow(&mut self, document: &Automerge) {
        // Automerge makes changes anew from operations, which is what takes long here.
        for change in document.get_changes(&self.heads) {
            let rank = Rank::new(&change, &self.ranks);
            self.ranks.insert(rank.hash, rank);
            let Some(touched) = self.trace.follow(&change) else { continue };
            let again = change.message().and_then(|message| read_message(message));
            self.found.push(Found {
                rank,
                change: [change.hash()],
                depends_on: change.deps().to_vec(),
                time: change.timestamp(),
                actor: Bytes::from(change.actor_id().to_bytes()),
                again: again.filter(|(_, row)| *row == self.trace.id_text).map(|(original, _)| original),
                touched,
            });
        }
        self.found.sort_unstable_by_key(|found| Reverse(found.rank));
        self.heads = document.get_heads();
    }

    /// The newest of those that were found and are older than `before`, at most `limit`.
    pub(crate) fn page(&self, document: &Automerge, limit: usize, before: Option<ChangeHash>) -> Vec<HistoryEntry> {
        let older = match before {
            None => &self.found[..],
            Some(before) => {
                let Some(before) = self.ranks.get(&before) else { return Vec::new() };
                &self.found[self.found.partition_point(|found| found.rank >= *before)..]
            }
        };
        let entries = older.iter().filter_map(|found| found.entry(document, &self.trace.table, &self.trace.id_text));
        entries.take(limit).collect()
    }

    /// Whether the row was there, in its document, right after a change that is listed.
    pub(crate) fn has(&self, document: &Automerge, change: ChangeHash) -> bool {
        let found = self.found.iter().find(|found| found.rank.hash == change);
        let entry = found.and_then(|found| found.entry(document, &self.trace.table, &self.trace.id_text));
        entry.is_some_and(|entry| entry.kind != HistoryKind::MovedAway)
    }
}

/// The row's fields as they were with these heads, also if it was deleted; `None` if it was not there, or if the document
/// has no such changes. With an entry's hash it is the row right after that change, as its author had it.
pub(crate) fn row_at(
    document: &Automerge,
    table: &str,
    id_text: &str,
    heads: &[ChangeHash],
) -> Option<FlatMap<String, Value>> {
    let heads: Vec<_> = heads.iter().map(|head| automerge::ChangeHash(*head)).collect();
    if heads.iter().any(|head| document.get_change_meta_by_hash(head).is_none()) {
        return None;
    }
    let (_, map) = document.get_at(ROOT, table, &heads).ok()??;
    read_row_at(document, Some(&heads), &map, id_text, &mut Actors::default()).map(|row| row.fields)
}

/// Where a change stands among others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// By its author's clock, but not before what it depends on.
    time: i64,
    /// How many changes stand below each other, down to it.
    depth: u64,
    hash: ChangeHash,
}

impl Rank {
    fn new(change: &Change, known: &HashMap<ChangeHash, Rank>) -> Self {
        let mut rank = Rank { time: change.timestamp(), depth: 0, hash: change.hash().0 };
        for below in change.deps().iter().filter_map(|hash| known.get(&hash.0)) {
            rank.time = rank.time.max(below.time);
            rank.depth = rank.depth.max(below.depth + 1);
        }
        rank
    }
}

/// What an object is to the row.
#[derive(Clone)]
enum Place {
    /// It is the map of the table, or a rival of that.
    Table,
    /// It is the row's map, or a rival of that.
    Row,
    /// It lies in this field.
    Field(Rc<str>),
}

/// What a change has written of the row.
#[derive(Default)]
struct Touched {
    /// Fields on top, and what lies in them.
    fields: FlatMap<String, ()>,
    /// The row as a whole: it was made, or taken out of its table, so that any field may be another.
    whole: bool,
    /// The map of its table, which need not have had the row.
    table: bool,
    /// A mark of the row.
    marks: bool,
}

/// Follows a row's objects through the changes.
struct Trace {
    table: String,
    id_text: String,
    /// By the operations that make them.
    objects: FlatMap<u64, Vec<(ActorId, Place)>>,
    clues: Clues,
}

impl Trace {
    fn new(table: &str, id_text: &str) -> Self {
        let mut clues = Clues::new();
        clues.add(table.as_bytes());
        clues.add(id_text.as_bytes());
        Trace { table: table.into(), id_text: id_text.into(), objects: FlatMap::new(), clues }
    }

    /// What a change has written of the row, if it has. All that it depends on was followed before.
    fn follow(&mut self, change: &Change) -> Option<Touched> {
        if !self.clues.are_in(change.raw_bytes()) {
            return None;
        }
        let mut touched = Touched::default();
        for (counter, op) in (change.start_op().get()..).zip(change.decode().operations) {
            let Some(place) = self.place(&op.obj, &op.key) else { continue };
            match &place {
                Place::Table => touched.table = true,
                Place::Row => touched.whole = true,
                Place::Field(name) if check_name(name, true).is_err() => touched.marks = true,
                Place::Field(name) => drop(touched.fields.insert(name.to_string(), ())),
            }
            // Of a table and a row only maps are followed: another object in their place holds no rows and fields.
            let is_followed = match op.action {
                legacy::OpType::Make(ObjType::Map | ObjType::Table) => true,
                legacy::OpType::Make(_) => matches!(place, Place::Field(_)),
                _ => false,
            };
            if is_followed {
                // In a table only the row's name counts.
                if !matches!(place, Place::Table) {
                    let mut clue = Vec::new();
                    clue.put_varint(counter);
                    self.clues.add(&clue);
                }
                self.objects.or_default(counter).push((change.actor_id().clone(), place));
            }
        }
        let is_touched = touched.whole || touched.table || touched.marks || !touched.fields.is_empty();
        is_touched.then_some(touched)
    }

    /// What lies at this key of an object, as far as it is about the row.
    fn place(&self, object: &legacy::ObjectId, key: &legacy::Key) -> Option<Place> {
        let legacy::ObjectId::Id(legacy::OpId(counter, actor)) = object else {
            return matches!(key, legacy::Key::Map(name) if *name == self.table).then_some(Place::Table);
        };
        let made = self.objects.get(counter)?;
        let (_, place) = made.iter().find(|(author, _)| author == actor)?;
        match (place, key) {
            (Place::Field(_), _) => Some(place.clone()),
            (Place::Row, legacy::Key::Map(name)) => Some(Place::Field(Rc::from(name.as_str()))),
            (Place::Table, legacy::Key::Map(name)) if *name == self.id_text => Some(Place::Row),
            _ => None,
        }
    }
}

/// Bytes of which some stand in every change that is about the row, so that the others need not be decoded. In a change's
/// columns the names of keys, and the counters of the objects that are written to, stand as they are.
struct Clues {
    list: Vec<Vec<u8>>,
    /// Whether any begins with a byte.
    begin: [bool; 256],
}

impl Clues {
    /// With more it takes less time to decode everything.
    const MOST: usize = 32;

    fn new() -> Self {
        Clues { list: Vec::new(), begin: [false; 256] }
    }

    fn add(&mut self, clue: &[u8]) {
        self.list.push(clue.to_vec());
        if let Some(&first) = clue.first() {
            self.begin[usize::from(first)] = true;
        }
    }

    fn are_in(&self, bytes: &[u8]) -> bool {
        let is_at = |at: usize| {
            self.begin[usize::from(bytes[at])] && self.list.iter().any(|clue| bytes[at..].starts_with(clue))
        };
        self.list.len() > Self::MOST || self.list.iter().any(Vec::is_empty) || (0..bytes.len()).any(is_at)
    }
}

impl Found {
    /// What the change was to the row; `None` if it turns out to be nothing, as when the row's table was made before there
    /// was a row.
    fn entry(&self, document: &Automerge, table: &str, id_text: &str) -> Option<HistoryEntry> {
        let touched = &self.touched;
        let mut before = Past::new(document, &self.depends_on, table, id_text);
        let mut after = Past::new(document, &self.change, table, id_text);
        let mut names = touched.fields.clone();
        if touched.whole || touched.table {
            names.extend(before.names().into_iter().chain(after.names()).map(|name| (name, ())));
        }
        let mut fields = Vec::with_capacity(names.len());
        for (name, ()) in names {
            let field = FieldChange { before: before.field(&name), after: after.field(&name), name };
            if touched.fields.contains_key(&field.name) || field.before != field.after {
                fields.push(field);
            }
        }
        let (was, is) = (before.standing(), after.standing());
        let is_about_row = touched.whole || touched.marks || !fields.is_empty();
        if (was, is) == (Standing::Absent, Standing::Absent) || (was == is && !is_about_row) {
            return None;
        }
        let kind = match (was, is) {
            (Standing::Away, Standing::Away) | (Standing::Deleted, Standing::Deleted) => HistoryKind::Updated,
            (_, Standing::Away) => HistoryKind::MovedAway,
            (Standing::Away, Standing::Shown) => HistoryKind::Arrived,
            (Standing::Absent, Standing::Shown) if after.has(mark::ORIGIN) => HistoryKind::Arrived,
            (Standing::Absent, Standing::Shown) => HistoryKind::Inserted,
            (Standing::Deleted, Standing::Shown) => HistoryKind::Restored,
            (Standing::Shown, Standing::Shown) => HistoryKind::Updated,
            (_, Standing::Deleted | Standing::Absent) => HistoryKind::Deleted,
        };
        let other = match kind {
            HistoryKind::MovedAway => after.text(mark::MOVED_TO),
            HistoryKind::Arrived => after.text(mark::ORIGIN),
            _ => None,
        };
        let said = after.text(mark::MOVED_FROM).filter(|_| kind == HistoryKind::Arrived);
        let from = said.and_then(|said| said.split_once(' ').map(|(root, _)| root.to_string()));
        let (hash, time, actor, again) = (self.rank.hash, self.time, self.actor.clone(), self.again);
        Some(HistoryEntry { hash, time, actor, kind, again, other, from, fields })
    }
}

/// What a row was to its document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Absent,
    Shown,
    Deleted,
    /// It lies in another document.
    Away,
}

/// A row as of some heads.
struct Past<'a> {
    document: &'a Automerge,
    heads: &'a [automerge::ChangeHash],
    /// Its maps, if there are any.
    row: Vec<ObjId>,
    /// Stamps are read together with values. Nobody keeps these.
    actors: Actors,
}

impl<'a> Past<'a> {
    fn new(document: &'a Automerge, heads: &'a [automerge::ChangeHash], table: &str, id_text: &str) -> Self {
        let mut past = Past { document, heads, row: Vec::new(), actors: Actors::default() };
        let table = past.map(&ROOT, table);
        past.row = table.and_then(|table| past.reader().maps(&table, id_text)).unwrap_or_default();
        past
    }

    fn reader(&mut self) -> RowReader<'_> {
        RowReader { document: self.document, heads: Some(self.heads), actors: &mut self.actors }
    }

    fn map(&mut self, object: &ObjId, name: &str) -> Option<ObjId> {
        let (value, map) = self.reader().all(object, name.into())?.pop()?;
        matches!(value, automerge::Value::Object(ObjType::Map | ObjType::Table)).then_some(map)
    }

    fn has(&mut self, mark: &str) -> bool {
        let maps = self.row.clone();
        self.reader().entry(&maps, mark).is_some()
    }

    fn text(&mut self, mark: &str) -> Option<String> {
        let maps = self.row.clone();
        let (value, _) = self.reader().entry(&maps, mark)?;
        value.as_str().map(str::to_string)
    }

    fn standing(&mut self) -> Standing {
        if self.row.is_empty() {
            Standing::Absent
        } else if self.has(mark::MOVED_TO) {
            Standing::Away
        } else if self.has(mark::DELETED) {
            Standing::Deleted
        } else {
            Standing::Shown
        }
    }

    fn names(&mut self) -> Vec<String> {
        let maps = self.row.clone();
        let reader = self.reader();
        let mut names: Vec<String> = maps.iter().flat_map(|map| reader.keys(map)).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| check_name(name, true).is_ok());
        names
    }

    fn field(&mut self, name: &str) -> Option<Value> {
        let maps = self.row.clone();
        self.reader().entry(&maps, name).map(|(value, _)| value)
    }
}

#[cfg(test)]
mod tests;
