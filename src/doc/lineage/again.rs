//! Edits that are made again, each as a change of its own that says which one it is.
//!
//! What such a change says, to the byte, follows from the edit, from those that its author knew, and from the row as it came.
//! So it does not matter how many devices do this, or how often.

use super::family::Relative;
use super::maps::Lineage;
use crate::crdt::{ChangeEncoder, ChangeHash, DocumentId, Editor, FieldKind, FieldKinds, Head, MergedRow, Parts};
use crate::doc::Actors;
use crate::doc::row::read_row_at;
use crate::doc::three_way::brought;
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::sha256::sha256;
use crate::value::Value;
use automerge::{Automerge, Change, ROOT, ReadDoc};
use std::collections::BTreeSet;

/// The message of a change says which one it makes again, and of which row.
const MESSAGE: &str = "late edit ";

fn message(original: &ChangeHash, id_text: &str) -> String {
    format!("{MESSAGE}{} of {id_text}", automerge::ChangeHash(*original))
}

pub(in crate::doc) fn read_message(message: &str) -> Option<(ChangeHash, &str)> {
    let (original, id_text) = message.strip_prefix(MESSAGE)?.split_once(" of ")?;
    Some((original.parse::<automerge::ChangeHash>().ok()?.0, id_text))
}

/// What is to be made again of a row, in the document where it counts.
pub(in crate::doc) struct Plan {
    pub(in crate::doc) target: DocumentId,
    /// The row to which that document belongs.
    root: String,
    table: String,
    id_text: String,
    /// The change that has made the map that counts.
    arrival: u32,
    steps: Vec<Step>,
    /// Whether there are more than are made at once.
    pub(in crate::doc) has_more: bool,
    /// Whether there are others, of which it can't be told yet what their authors knew.
    pub(in crate::doc) waits: bool,
    /// The changes that were made of them so far; nothing of one that changes nothing here.
    made: Vec<Option<ChangeHash>>,
}

/// An edit: what one change has written to the row.
pub(super) struct Step {
    /// The change that it was at first.
    pub(super) original: ChangeHash,
    pub(super) time: i64,
    /// Edits that its author knew: changes of the document where the row counts, and steps before this one.
    pub(super) here: Vec<u32>,
    pub(super) below: Vec<usize>,
    /// The fields that it has changed.
    pub(super) before: FlatMap<String, Value>,
    pub(super) after: FlatMap<String, Value>,
    pub(super) kinds: Kinds,
    /// The bytes of all that, about.
    pub(super) size: usize,
}

/// Texts and counters among fields.
#[derive(Clone, Default)]
pub(super) struct Kinds(FlatMap<String, FieldKind>);

impl FieldKinds for Kinds {
    fn kind_of(&self, field: &str) -> Option<FieldKind> {
        self.0.get(field).copied()
    }
}

impl Kinds {
    /// Adds those of a row as a document has it.
    pub(super) fn add(&mut self, row: &MergedRow) {
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

impl Plan {
    pub(super) fn new(target: &Relative<'_>, table: &str, id_text: &str, arrival: u32) -> Self {
        let (root, table, id_text) = (target.root.to_string(), table.to_string(), id_text.to_string());
        Plan {
            target: target.id,
            root,
            table,
            id_text,
            arrival,
            steps: Vec::new(),
            has_more: false,
            waits: false,
            made: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Puts a step after those before. Answers its place.
    pub(super) fn add(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// The next change that the document has not. It has to be put into it, and to its lineage, before the one after that is
    /// made.
    pub(in crate::doc) fn next(&mut self, into: &Automerge, lineage: &Lineage) -> Option<Vec<u8>> {
        while let Some(step) = self.steps.get(self.made.len()) {
            let made = self.change(into, lineage, step);
            self.made.push(made.as_ref().map(|(hash, _)| *hash));
            // Another row's plan, or an earlier one of this row, may have made it.
            let is_new = |(hash, _): &(ChangeHash, Vec<u8>)| lineage.graph.find(hash).is_none();
            if let Some((_, chunk)) = made.filter(is_new) {
                return Some(chunk);
            }
        }
        None
    }

    /// An edit as a change; none, if it changes nothing here.
    fn change(&self, into: &Automerge, lineage: &Lineage, step: &Step) -> Option<(ChangeHash, Vec<u8>)> {
        let graph = &lineage.graph;
        let made = step.below.iter().filter_map(|&below| self.made[below]);
        let mut below: Vec<u32> = made.filter_map(|hash| graph.find(&hash)).collect();
        below.extend(&step.here);
        let mut below = graph.last(below);
        if below.is_empty() {
            below.push(self.arrival);
        }
        let mut dependencies: Vec<ChangeHash> = below.iter().map(|&place| graph.node(place).hash).collect();
        dependencies.sort_unstable();
        let heads: Vec<_> = dependencies.iter().map(|hash| automerge::ChangeHash(*hash)).collect();
        let mut actors = Actors::default();
        let (_, table) = into.get_at(ROOT, &self.table, &heads).ok()??;
        let row = read_row_at(into, Some(&heads), &table, &self.id_text, &mut actors)?;
        let fields = self.fields(&row, step);
        if fields == row.fields {
            return None;
        }
        let max_op = below.iter().map(|&place| graph.node(place).max_op).max()?;
        let first_op = u32::try_from(max_op).ok()?.checked_add(1)?;
        let mut kinds = step.kinds.clone();
        kinds.add(&row);
        let names = Names::new();
        let [before, after] = [&row.fields, &fields].map(|it| document::encode(&Value::Object(it.clone()), &names));
        let (before, after) = (Document::new(&before).object().ok()?, Document::new(&after).object().ok()?);
        let message = message(&step.original, &self.id_text);
        let encoded = |author: &[u8]| {
            let mut actors = actors.clone();
            let author = actors.place(author);
            let mut stamps = row.stamps.clone();
            let mut encoder = ChangeEncoder::default();
            let mut editor = Editor { encoder: &mut encoder, names: &names, kinds: &kinds, author, first_op };
            editor.update_row(&mut stamps, before, after, &[]).ok()?;
            Some(encoder.finish(&Head {
                actors: actors.list(),
                author,
                sequence: 1,
                first_op,
                time: step.time,
                message: &message,
                dependencies: &dependencies,
            }))
        };
        // Who makes something else of it has another name: an actor has one change of a number.
        let nameless = encoded(&[0; 16])?;
        let name = [b"holdfast late edit ", &self.target[..], &nameless.hash].concat();
        let change = encoded(&sha256(&name)[..16])?;
        Some((change.hash, change.bytes))
    }

    /// The fields of a row with what the edit has changed.
    fn fields(&self, row: &MergedRow, step: &Step) -> FlatMap<String, Value> {
        let mut fields = row.fields.clone();
        let names: BTreeSet<&String> = step.before.keys().chain(step.after.keys()).collect();
        for name in names {
            let ours = row.fields.get(name);
            // Where it lies is not for others to say.
            if ours.and_then(Value::as_str) == Some(&self.root) {
                continue;
            }
            match brought(step.before.get(name), step.after.get(name), ours, step.kinds.kind_of(name)) {
                Some(value) => drop(fields.insert(name.clone(), value)),
                None => drop(fields.remove(name)),
            }
        }
        fields
    }
}

/// Makes late edits of rows again in the document where they count, as far as it has not got them. Answers with the changes,
/// which are applied; and fails with those that were.
pub(in crate::doc) fn make_again(
    document: &mut Automerge,
    lineage: &mut Lineage,
    mut plans: Vec<Plan>,
) -> (Vec<Change>, Result<(), String>) {
    let mut made = Vec::new();
    loop {
        // Those of different rows are put into the document together.
        let next = plans.iter_mut().filter_map(|plan| plan.next(document, lineage));
        let changes: Result<Vec<Change>, _> = next.map(Change::from_bytes).collect();
        match changes.map_err(|error| error.to_string()) {
            Ok(changes) if changes.is_empty() => return (made, Ok(())),
            Ok(changes) => {
                if let Err(error) = document.apply_changes(changes.clone()) {
                    return (made, Err(error.to_string()));
                }
                changes.iter().for_each(|change| lineage.add(change));
                made.extend(changes);
            }
            Err(error) => return (made, Err(error)),
        }
    }
}
