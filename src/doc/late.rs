//! Edits of a row by those who did not know yet that it had left a document, or that it had come into it: they wrote to what
//! is left of it, or to what somebody else had brought. They are made again where the row is, each as a change of its own.
//!
//! Who brings a row into a document says which operation has moved it: so all edits of it count that this operation did not
//! know, wherever several people have moved it at the same time.
//!
//! What such a change says, to the byte, follows from the edit, from the row as it came, and from what was made of the edits
//! that the edit followed. So it does not matter how many devices do this, or how often. Only where rows have moved several
//! times may two devices that did not know all of each other make one edit again in two ways.

mod arrival;
mod moves;

pub(super) use arrival::{Arrival, MadeAgain};
pub(super) use moves::{has_sent, object_name, object_of, operation_of};

use super::Actors;
use super::row::{RowReader, read_row_at};
use super::touched::{Places, RowName};
use crate::bytes::Bytes;
use crate::crdt::{ChangeHash, FieldKind, FieldKinds, MergedRow, OpId, Parts};
use crate::flat_map::FlatMap;
use crate::value::Value;
use automerge::{ActorId, Automerge, ObjId, ROOT, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};

/// A row that was written to where it is not, by those who did not know that.
pub(super) struct LeftRow {
    pub(super) table: String,
    pub(super) id_text: String,
    /// In the document of which row it was made.
    pub(super) origin: String,
    pub(super) place: LeftPlace,
    /// By what has moved it: what was written beside that, each after those that it follows. If where it has gone does not
    /// say by which, it is the first.
    pub(super) edits: Vec<(String, Vec<LateEdit>)>,
}

/// Where a row was written to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum LeftPlace {
    /// In the document of this row, which it has left.
    Document(String),
    /// In another one, to which somebody has moved it in vain.
    Beside,
    /// In the same document, before it came there.
    Here,
}

impl LeftRow {
    /// Whether some of it was made again here: what of that is lacking is known where it was at first.
    pub(super) fn is_told_elsewhere(&self) -> bool {
        self.place == LeftPlace::Here && self.edits.iter().flat_map(|(_, edits)| edits).any(|edit| edit.is_again)
    }

    /// What counts has those of the edits of which this says so.
    pub(super) fn take_off(&mut self, is_known: impl Fn(&str, ChangeHash) -> bool) {
        for edit in self.edits.iter_mut().flat_map(|(_, edits)| edits) {
            edit.is_known |= is_known(&self.id_text, edit.original);
        }
    }

    /// Its bytes, about.
    pub(super) fn size(&self) -> usize {
        self.edits.iter().flat_map(|(_, edits)| edits).map(|edit| edit.size).sum()
    }
}

/// What one change has written to a row.
pub(super) struct LateEdit {
    time: i64,
    /// The change that it was at first, in the document that the row has left first.
    original: ChangeHash,
    /// Whether that is another one.
    pub(super) is_again: bool,
    /// Whether what counts has it.
    is_known: bool,
    /// The places of the late edits of this row that its author knew, but for those that these follow themselves.
    follows: Vec<usize>,
    before: FlatMap<String, Value>,
    after: FlatMap<String, Value>,
    kinds: Kinds,
    /// The bytes of all that, about.
    size: usize,
}

/// Texts and counters among fields.
#[derive(Clone, Default)]
struct Kinds(FlatMap<String, FieldKind>);

impl FieldKinds for Kinds {
    fn kind_of(&self, field: &str) -> Option<FieldKind> {
        self.0.get(field).copied()
    }
}

impl Kinds {
    /// Adds those of a row as a document has it.
    fn add(&mut self, row: &MergedRow) {
        for (name, stamp) in row.fields.keys().zip(&row.stamps.fields) {
            let kind = match stamp.parts {
                Parts::Text(_) => FieldKind::Text,
                Parts::Counter => FieldKind::Counter,
                _ => continue,
            };
            self.0.insert(name.clone(), kind);
        }
    }
}

/// So many of a row are made again, and of rows together as many as have so many bytes before and after; the others stay
/// where they are, and in the history there.
const EDITS: usize = 1_000;
const BYTES: usize = 16 << 20;
const EDIT_BYTES: usize = 256;

/// What came since so many moves is looked at for each of them.
const FEW: usize = 4;

/// A row that has left, or come, and the operation that says so.
pub(super) struct Leaving<'a> {
    pub(super) table: &'a str,
    pub(super) id_text: &'a str,
    pub(super) moved: OpId,
}

/// The late edits of rows, in their order. `actors` are those that operations name.
pub(super) fn late_edits(
    document: &Automerge,
    places: &mut Places,
    actors: &[Bytes],
    rows: &[Leaving<'_>],
) -> Vec<Vec<LateEdit>> {
    let move_of = |row: &Leaving<'_>| {
        let author = actors.get(row.moved.actor as usize).map(|actor| ActorId::from(&actor[..]))?;
        document.hash_for_opid(&ObjId::Id(row.moved.counter.into(), author, 0))
    };
    let moves: Vec<_> = rows.iter().map(move_of).collect();
    let mut beside: BTreeMap<_, _> =
        moves.iter().flatten().map(|move_| (*move_, Beside::new(document, *move_))).collect();
    let touched = touched_by(document, places, &beside);
    beside.values_mut().for_each(|beside| beside.index(&touched));
    let mut room = BYTES;
    let mut of = |(row, move_): (&Leaving<'_>, Option<automerge::ChangeHash>)| {
        let beside = move_.and_then(|move_| beside.get(&move_));
        beside.map(|beside| beside.edits_of(document, (row.table, row.id_text), &mut room)).unwrap_or_default()
    };
    rows.iter().zip(moves).map(&mut of).collect()
}

/// What was written to a row since it came into a document.
pub(super) fn edits_since(
    document: &Automerge,
    places: &mut Places,
    table: &str,
    id_text: &str,
) -> Option<Vec<LateEdit>> {
    let (_, map) = document.get(ROOT, table).ok()??;
    let maps = RowReader { document, heads: None, actors: &mut Actors::default() }.maps(&map, id_text)?;
    let arrival = document.hash_for_opid(maps.first()?)?;
    let mut later = BTreeMap::from([(arrival, Beside::after(document, arrival))]);
    let touched = touched_by(document, places, &later);
    later.values_mut().for_each(|later| later.index(&touched));
    Some(later[&arrival].edits_of(document, (table, id_text), &mut { BYTES }))
}

/// The rows that changes are about which are beside moves.
fn touched_by(
    document: &Automerge,
    places: &mut Places,
    beside: &BTreeMap<automerge::ChangeHash, Beside>,
) -> BTreeMap<automerge::ChangeHash, BTreeSet<RowName>> {
    let wanted: BTreeSet<_> = beside.values().flat_map(|beside| &beside.changes).map(|change| change.hash).collect();
    let mut touched = BTreeMap::new();
    let mut look = |since: &[automerge::ChangeHash]| {
        // Automerge goes through the whole document for any number of changes.
        for change in document.get_changes(since).into_iter().filter(|change| wanted.contains(&change.hash())) {
            let hash = change.hash();
            touched.entry(hash).or_insert_with(|| places.touched_rows(document, &[change], &[]));
        }
    };
    let moves: Vec<_> =
        beside.iter().filter(|(_, beside)| !beside.changes.is_empty()).map(|(move_, _)| *move_).collect();
    if moves.len() > FEW {
        look(&[]);
    } else {
        moves.iter().for_each(|move_| look(&[*move_]));
    }
    touched
}

/// The message of a change says which one it makes again, and of which row.
const MESSAGE: &str = "late edit ";

fn message(original: &ChangeHash, id_text: &str) -> String {
    format!("{MESSAGE}{} of {id_text}", automerge::ChangeHash(*original))
}

pub(super) fn read_message(message: &str) -> Option<(ChangeHash, &str)> {
    let (original, id_text) = message.strip_prefix(MESSAGE)?.split_once(" of ")?;
    Some((original.parse::<automerge::ChangeHash>().ok()?.0, id_text))
}

/// The changes that are not before one: those that know it, and those beside it.
pub(super) struct Split {
    pub(super) later: BTreeSet<automerge::ChangeHash>,
    pub(super) beside: BTreeSet<automerge::ChangeHash>,
}

pub(super) fn split_by(document: &Automerge, change: automerge::ChangeHash) -> Split {
    let mut split = Split { later: BTreeSet::new(), beside: BTreeSet::new() };
    for other in document.get_changes_meta(&[change]) {
        let knows = |hash: &automerge::ChangeHash| *hash == change || split.later.contains(hash);
        match other.deps.iter().any(knows) {
            true => split.later.insert(other.hash),
            false => other.hash != change && split.beside.insert(other.hash),
        };
    }
    split
}

/// The changes that are made beside a move, neither before nor after it, each after those that it follows.
struct Beside {
    changes: Vec<Concurrent>,
    /// By rows, the places of those that are about them.
    about: BTreeMap<RowName, Vec<usize>>,
    places: BTreeMap<automerge::ChangeHash, usize>,
}

struct Concurrent {
    hash: automerge::ChangeHash,
    follows: Vec<automerge::ChangeHash>,
    time: i64,
    /// The change that it makes again, if it does.
    again: Option<ChangeHash>,
}

impl Beside {
    fn new(document: &Automerge, move_: automerge::ChangeHash) -> Self {
        Self::of(document, move_, &split_by(document, move_).beside)
    }

    /// Those that are made after it instead.
    fn after(document: &Automerge, move_: automerge::ChangeHash) -> Self {
        Self::of(document, move_, &split_by(document, move_).later)
    }

    fn of(document: &Automerge, move_: automerge::ChangeHash, wanted: &BTreeSet<automerge::ChangeHash>) -> Self {
        let concurrent = |change: automerge::ChangeMetadata<'_>| {
            let again = change.message.as_deref().and_then(read_message).map(|(original, _)| original);
            Concurrent { hash: change.hash, follows: change.deps, time: change.timestamp, again }
        };
        let changes = document.get_changes_meta(&[move_]).into_iter().filter(|change| wanted.contains(&change.hash));
        let changes: Vec<_> = changes.map(concurrent).collect();
        let places = changes.iter().zip(0..).map(|(change, place)| (change.hash, place)).collect();
        Beside { changes, about: BTreeMap::new(), places }
    }

    fn index(&mut self, touched: &BTreeMap<automerge::ChangeHash, BTreeSet<RowName>>) {
        for (change, place) in self.changes.iter().zip(0..) {
            for row in touched.get(&change.hash).into_iter().flatten() {
                self.about.entry(row.clone()).or_default().push(place);
            }
        }
    }

    /// What they have written to a row, as far as there is room for it.
    fn edits_of(&self, document: &Automerge, (table, id_text): (&str, &str), room: &mut usize) -> Vec<LateEdit> {
        let read = |heads: &[automerge::ChangeHash]| {
            let (_, map) = document.get_at(ROOT, table, heads).ok()??;
            let mut actors = Actors::default();
            let reader = RowReader { document, heads: Some(heads), actors: &mut actors };
            let object = reader.maps(&map, id_text)?.swap_remove(0);
            Some((object, read_row_at(document, Some(heads), &map, id_text, &mut actors)?))
        };
        let about = self.about.get(&(table.into(), id_text.into()));
        let mut edits: Vec<LateEdit> = Vec::new();
        let mut known = BTreeMap::new();
        for change in about.into_iter().flatten().map(|&place| &self.changes[place]).take(EDITS) {
            let (Some((object, before)), Some((next, after))) = (read(&change.follows), read(&[change.hash])) else {
                continue;
            };
            if object != next || before.fields == after.fields {
                continue; // it has brought it, or deleted it, or moved it elsewhere
            }
            let mut kinds = Kinds::default();
            kinds.add(&after);
            let follows = self.last_below(change, &edits, &known);
            let sizes = before.fields.iter().chain(&after.fields).map(|(name, value)| name.len() + value.size());
            let size = EDIT_BYTES + sizes.sum::<usize>();
            let Some(rest) = room.checked_sub(size) else { break };
            *room = rest;
            let (original, is_again) = (change.again.unwrap_or(change.hash.0), change.again.is_some());
            known.insert(change.hash, edits.len());
            let time = change.time;
            let (before, after) = (before.fields, after.fields);
            edits.push(LateEdit { is_again, is_known: false, time, original, follows, before, after, kinds, size });
        }
        edits
    }

    /// Of edits of a row, whose places are known, the last ones below a change: none of them below another one.
    fn last_below(
        &self,
        change: &Concurrent,
        edits: &[LateEdit],
        known: &BTreeMap<automerge::ChangeHash, usize>,
    ) -> Vec<usize> {
        if edits.is_empty() {
            return Vec::new();
        }
        let mut last = BTreeSet::new();
        let (mut seen, mut next) = (BTreeSet::new(), vec![change]);
        while let Some(change) = next.pop() {
            for &below in change.follows.iter().filter_map(|hash| self.places.get(hash)) {
                let below = &self.changes[below];
                match known.get(&below.hash) {
                    // What is below it is so by way of it.
                    Some(place) => drop(last.insert(*place)),
                    None if seen.insert(below.hash) => next.push(below),
                    None => {}
                }
            }
        }
        if last.len() < 2 {
            return last.into_iter().collect();
        }
        // On another way one may be below another.
        let mut above = BTreeSet::new();
        for place in last.iter().rev() {
            let mut next = edits[*place].follows.clone();
            while let Some(place) = next.pop() {
                if above.insert(place) {
                    next.extend(&edits[place].follows);
                }
            }
        }
        last.difference(&above).copied().collect()
    }
}
