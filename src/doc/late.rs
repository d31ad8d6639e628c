//! Edits of a row in a document that it has left: who made them did not know yet that it had. They are made again where the
//! row has gone, each as a change of its own.
//!
//! What such a change says, to the byte, follows from the edit, from the row as it came, and from what was made of the edits
//! that the edit followed. So it does not matter how many devices do this, or how often. Only where rows have moved several
//! times may two devices that did not know all of each other make one edit again in two ways.

use super::Actors;
use super::row::{RowReader, read_row_at};
use super::three_way::brought;
use super::touched::{Places, RowName};
use crate::bytes::Bytes;
use crate::crdt::{
    ChangeEncoder, ChangeHash, DocumentId, Editor, FieldKind, FieldKinds, Head, MergedRow, OpId, Parts, mark,
};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::sha256::sha256;
use crate::value::Value;
use automerge::{ActorId, Automerge, ObjId, ROOT, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};

/// A row that has left a document, and what was written to it there by those who did not know that.
pub(super) struct LeftRow {
    pub(super) table: String,
    pub(super) id_text: String,
    /// In the document of which row it was made.
    pub(super) origin: String,
    /// Each after those that it follows.
    pub(super) edits: Vec<LateEdit>,
}

impl LeftRow {
    /// Its bytes, about.
    pub(super) fn size(&self) -> usize {
        self.edits.iter().map(|edit| edit.size).sum()
    }
}

/// What one change has written to a row.
pub(super) struct LateEdit {
    change: ChangeHash,
    time: i64,
    /// The change that it was at first, in the document that the row has left first.
    original: ChangeHash,
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

/// A row that has left, and the operation that says so.
pub(super) struct Leaving<'a> {
    pub(super) table: &'a str,
    pub(super) id_text: &'a str,
    pub(super) moved: OpId,
}

/// The late edits of rows that have left a document, in the order of the rows. `actors` are those that operations name.
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
        beside.map(|beside| beside.edits_of(document, row, &mut room)).unwrap_or_default()
    };
    rows.iter().zip(moves).map(&mut of).collect()
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
        let mut after = BTreeSet::from([move_]);
        let mut changes = Vec::new();
        for change in document.get_changes_meta(&[move_]) {
            if change.deps.iter().any(|hash| after.contains(hash)) {
                after.insert(change.hash);
            } else if change.hash != move_ {
                let again = change.message.as_deref().and_then(read_message).map(|(original, _)| original);
                changes.push(Concurrent { hash: change.hash, follows: change.deps, time: change.timestamp, again });
            }
        }
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
    fn edits_of(&self, document: &Automerge, row: &Leaving<'_>, room: &mut usize) -> Vec<LateEdit> {
        let read = |heads: &[automerge::ChangeHash]| {
            let (_, map) = document.get_at(ROOT, row.table, heads).ok()??;
            read_row_at(document, Some(heads), &map, row.id_text, &mut Actors::default())
        };
        let about = self.about.get(&(row.table.into(), row.id_text.into()));
        let mut edits: Vec<LateEdit> = Vec::new();
        let mut known = BTreeMap::new();
        for change in about.into_iter().flatten().map(|&place| &self.changes[place]).take(EDITS) {
            let (Some(before), Some(after)) = (read(&change.follows), read(&[change.hash])) else { continue };
            if before.fields == after.fields {
                continue; // it has deleted it, or moved it elsewhere
            }
            let mut kinds = Kinds::default();
            kinds.add(&after);
            let follows = self.last_below(change, &edits, &known);
            let sizes = before.fields.iter().chain(&after.fields).map(|(name, value)| name.len() + value.size());
            let size = EDIT_BYTES + sizes.sum::<usize>();
            let Some(rest) = room.checked_sub(size) else { break };
            *room = rest;
            let original = change.again.unwrap_or(change.hash.0);
            known.insert(change.hash, edits.len());
            let (change, time) = (change.hash.0, change.time);
            let (before, after) = (before.fields, after.fields);
            edits.push(LateEdit { change, time, original, follows, before, after, kinds, size });
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

/// The late edits that were made again in a document, by whomever: of which rows and edits, and by which changes.
pub(super) struct MadeAgain(BTreeMap<(String, ChangeHash), automerge::ChangeHash>);

impl MadeAgain {
    pub(super) fn of(document: &Automerge) -> Self {
        let mut made = BTreeMap::new();
        for change in document.get_changes_meta(&[]) {
            let Some((original, id_text)) = change.message.as_deref().and_then(read_message) else { continue };
            // Two devices that did not know all of each other may have made one in two ways: the same is taken for it.
            let hash = made.entry((id_text.to_string(), original)).or_insert(change.hash);
            *hash = (*hash).min(change.hash);
        }
        MadeAgain(made)
    }
}

/// A row that has come into a document, and its late edits, which come after it.
pub(super) struct Arrival<'a> {
    document: DocumentId,
    /// The row to which the document belongs.
    root: Option<String>,
    left: &'a LeftRow,
    /// The change that has brought it.
    arrival: automerge::ChangeHash,
    /// What was made of its edits so far, in their order; nothing of one that changes nothing here.
    made: Vec<Option<automerge::ChangeHash>>,
}

impl<'a> Arrival<'a> {
    /// Of a row that is in a document; `None`, if it is not, or if it is another one that has the same id.
    pub(super) fn find(
        into: &Automerge,
        document: DocumentId,
        root: Option<String>,
        left: &'a LeftRow,
    ) -> Option<Self> {
        let (_, table) = into.get(ROOT, &left.table).ok()??;
        let mut actors = Actors::default();
        let mut reader = RowReader { document: into, heads: None, actors: &mut actors };
        let maps = reader.maps(&table, &left.id_text)?;
        let origin = reader.entry(&maps, mark::ORIGIN);
        let origin = origin.and_then(|(origin, _)| origin.as_str().map(str::to_string)).or_else(|| root.clone());
        if origin.as_deref() != Some(&left.origin) {
            return None;
        }
        let arrival = into.hash_for_opid(maps.first()?)?;
        Some(Arrival { document, root, left, arrival, made: Vec::new() })
    }

    /// The next change that the document has not. It has to be put into it before the one after that is made.
    pub(super) fn next(&mut self, into: &Automerge, again: &MadeAgain) -> Option<Vec<u8>> {
        while let Some(edit) = self.left.edits.get(self.made.len()) {
            // Whatever way it came: a row may go in circles.
            let there = again.0.get(&(self.left.id_text.clone(), edit.original)).copied();
            let is_own = into.get_change_meta_by_hash(&automerge::ChangeHash(edit.original)).is_some();
            if there.is_some() || is_own {
                self.made.push(there);
                continue;
            }
            let (hash, chunk) = self.change(into, edit).unzip();
            self.made.push(hash);
            if chunk.is_some() {
                return chunk;
            }
        }
        None
    }

    fn change(&self, into: &Automerge, edit: &LateEdit) -> Option<(automerge::ChangeHash, Vec<u8>)> {
        // Some of those that it follows may have come to nothing: then it follows what they follow.
        let mut heads = Vec::new();
        let mut next = edit.follows.clone();
        while let Some(place) = next.pop() {
            match self.made[place] {
                Some(hash) => heads.push(hash),
                None => next.extend(&self.left.edits[place].follows),
            }
        }
        heads.sort_unstable();
        heads.dedup();
        if heads.is_empty() {
            heads.push(self.arrival);
        }
        let mut actors = Actors::default();
        let (_, table) = into.get_at(ROOT, &self.left.table, &heads).ok()??;
        let row = read_row_at(into, Some(&heads), &table, &self.left.id_text, &mut actors)?;
        let fields = self.fields(&row, edit);
        if fields == row.fields {
            return None;
        }
        let below = heads.iter().map(|head| into.get_change_meta_by_hash(head)).collect::<Option<Vec<_>>>()?;
        let max_op = below.iter().map(|change| change.max_op).max()?;
        let first_op = u32::try_from(max_op).ok()?.checked_add(1)?;
        let dependencies: Vec<ChangeHash> = heads.iter().map(|head| head.0).collect();
        let mut name = [b"holdfast late edit ", &self.document[..], &edit.change].concat();
        name.extend(dependencies.iter().flatten());
        name.extend_from_slice(self.left.id_text.as_bytes());
        let author = actors.place(&sha256(&name)[..16]);
        let mut kinds = edit.kinds.clone();
        kinds.add(&row);
        let names = Names::new();
        let [before, after] = [&row.fields, &fields].map(|it| document::encode(&Value::Object(it.clone()), &names));
        let mut stamps = row.stamps;
        let mut encoder = ChangeEncoder::default();
        let mut editor = Editor { encoder: &mut encoder, names: &names, kinds: &kinds, author, first_op };
        let (before, after) = (Document::new(&before).object().ok()?, Document::new(&after).object().ok()?);
        editor.update_row(&mut stamps, before, after, &[]).ok()?;
        let message = message(&edit.original, &self.left.id_text);
        let head = Head {
            actors: actors.list(),
            author,
            sequence: 1,
            first_op,
            time: edit.time,
            message: &message,
            dependencies: &dependencies,
        };
        let change = encoder.finish(&head);
        Some((automerge::ChangeHash(change.hash), change.bytes))
    }

    /// The fields of a row with what the edit has changed.
    fn fields(&self, row: &MergedRow, edit: &LateEdit) -> FlatMap<String, Value> {
        let mut fields = row.fields.clone();
        let names: BTreeSet<&String> = edit.before.keys().chain(edit.after.keys()).collect();
        for name in names {
            let ours = row.fields.get(name);
            // Where it lies is not for others to say.
            if self.root.is_some() && ours.and_then(Value::as_str) == self.root.as_deref() {
                continue;
            }
            let kind = edit.kinds.kind_of(name);
            match brought(edit.before.get(name), edit.after.get(name), ours, kind) {
                Some(value) => drop(fields.insert(name.clone(), value)),
                None => drop(fields.remove(name)),
            }
        }
        fields
    }
}
