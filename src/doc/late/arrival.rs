//! Where a row is: what was written to it elsewhere is made again here.

use super::{LateEdit, LeftPlace, LeftRow, message, object_name, read_message, split_by};
use crate::crdt::{ChangeEncoder, ChangeHash, DocumentId, Editor, FieldKinds, Head, MergedRow, mark};
use crate::doc::Actors;
use crate::doc::row::{RowReader, read_row_at};
use crate::doc::three_way::brought;
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::sha256::sha256;
use crate::value::Value;
use automerge::{Automerge, ROOT, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};

/// The late edits that were made again in a document, by whomever: of which rows and edits, and by which changes.
pub(in crate::doc) struct MadeAgain {
    made: BTreeMap<(String, ChangeHash), Vec<automerge::ChangeHash>>,
    /// By changes that have brought rows, those that know them, when somebody has asked for them.
    later: BTreeMap<automerge::ChangeHash, BTreeSet<automerge::ChangeHash>>,
}

impl MadeAgain {
    pub(in crate::doc) fn of(document: &Automerge) -> Self {
        let mut made: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for change in document.get_changes_meta(&[]) {
            let Some((original, id_text)) = change.message.as_deref().and_then(read_message) else { continue };
            made.entry((id_text.to_string(), original)).or_default().push(change.hash);
        }
        MadeAgain { made, later: BTreeMap::new() }
    }

    /// All that make an edit of a row again.
    pub(in crate::doc) fn all(&self, id_text: &str, original: ChangeHash) -> &[automerge::ChangeHash] {
        self.made.get(&(id_text.to_string(), original)).map_or(&[], |all| all)
    }

    /// What makes an edit of a row again where a change has brought that. Two devices that did not know all of each other
    /// may have made one in two ways: the same is taken for it everywhere.
    fn find(
        &mut self,
        into: &Automerge,
        id_text: &str,
        original: ChangeHash,
        arrival: automerge::ChangeHash,
    ) -> Option<automerge::ChangeHash> {
        let all = self.all(id_text, original).to_vec();
        all.into_iter().filter(|hash| self.is_later(into, arrival, hash)).min()
    }

    /// Whether a change knows the one that has brought a row.
    fn is_later(&mut self, into: &Automerge, arrival: automerge::ChangeHash, change: &automerge::ChangeHash) -> bool {
        self.later.entry(arrival).or_insert_with(|| split_by(into, arrival).later).contains(change)
    }

    fn note(
        &mut self,
        id_text: &str,
        original: ChangeHash,
        arrival: automerge::ChangeHash,
        made: automerge::ChangeHash,
    ) {
        self.made.entry((id_text.to_string(), original)).or_default().push(made);
        if let Some(later) = self.later.get_mut(&arrival) {
            later.insert(made);
        }
    }
}

/// A row that has come into a document, and its late edits, which come after it.
pub(in crate::doc) struct Arrival<'a> {
    document: DocumentId,
    /// The row to which the document belongs.
    root: Option<String>,
    left: &'a LeftRow,
    edits: &'a [LateEdit],
    /// The change that has brought it.
    arrival: automerge::ChangeHash,
    /// What was made of its edits so far, in their order; nothing of one that changes nothing here.
    made: Vec<Option<automerge::ChangeHash>>,
}

impl<'a> Arrival<'a> {
    /// Of a row that is in a document; `None`, if it is not, or if it is another one that has the same id.
    pub(in crate::doc) fn find(
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
        let from = reader.moved_from(&maps);
        let said = from.as_deref().and_then(|from| from.rsplit_once(' '));
        if let LeftPlace::Document(source) = &left.place
            && origin == root
            && said.is_none_or(|(from, _)| from != source)
        {
            // Nobody could tell whether a row that was made here has ever been there, as somebody says.
            return None;
        }
        let arrival = into.hash_for_opid(maps.first()?)?;
        let by = match left.place {
            LeftPlace::Here => object_name(maps.first()?),
            _ => from.clone().unwrap_or_default(),
        };
        let found = left.edits.iter().find(|(name, _)| *name == by);
        let edits = match (found, &left.place) {
            (Some((_, edits)), _) => &edits[..],
            // Somebody else has brought it meanwhile.
            (None, LeftPlace::Here) => &[],
            (None, LeftPlace::Document(source)) if said.is_some_and(|(from, _)| from == source) => &[],
            (None, _) => left.edits.first().map_or(&[][..], |(_, edits)| edits),
        };
        Some(Arrival { document, root, left, edits, arrival, made: Vec::new() })
    }

    /// The next change that the document has not. It has to be put into it before the one after that is made.
    pub(in crate::doc) fn next(&mut self, into: &Automerge, again: &mut MadeAgain) -> Option<Vec<u8>> {
        while let Some(edit) = self.edits.get(self.made.len()) {
            // Whatever way it came: a row may go in circles.
            let there = again.find(into, &self.left.id_text, edit.original, self.arrival);
            let original = automerge::ChangeHash(edit.original);
            // It may have been written to this very map.
            let is_own = again.is_later(into, self.arrival, &original);
            // What was made again beside what counts may be there from the beginning: where it was at first that is known.
            let is_told = edit.is_known || edit.is_again && !matches!(self.left.place, LeftPlace::Document(_));
            if there.is_some() || is_own || is_told {
                self.made.push(there);
                continue;
            }
            let Some((made, chunk)) = self.change(into, edit) else {
                self.made.push(None);
                continue;
            };
            self.made.push(Some(made));
            again.note(&self.left.id_text, edit.original, self.arrival, made);
            return Some(chunk);
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
                None => next.extend(&self.edits[place].follows),
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
        let mut kinds = edit.kinds.clone();
        kinds.add(&row);
        let names = Names::new();
        let [before, after] = [&row.fields, &fields].map(|it| document::encode(&Value::Object(it.clone()), &names));
        let (before, after) = (Document::new(&before).object().ok()?, Document::new(&after).object().ok()?);
        let message = message(&edit.original, &self.left.id_text);
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
                time: edit.time,
                message: &message,
                dependencies: &dependencies,
            }))
        };
        // Who makes something else of it has another name: an actor has one change of a number.
        let nameless = encoded(&[0; 16])?;
        let name = [b"holdfast late edit ", &self.document[..], &nameless.hash].concat();
        let change = encoded(&sha256(&name)[..16])?;
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
