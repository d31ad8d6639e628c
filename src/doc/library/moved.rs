//! Rows of a document that have moved: what was written to them where they are not, and where they are.

use super::{Loaded, Unreadable, unreadable};
use crate::crdt::{DocumentId, Merge, MergedRow, OpId, TouchedRow, move_name};
use crate::doc::Actors;
use crate::doc::late::{
    Arrival, LateEdit, Leaving, LeftPlace, LeftRow, MadeAgain, edits_since, has_sent, late_edits, object_name,
    object_of, operation_of, split_by,
};
use crate::doc::row::{RowReader, read_row};
use crate::document::{Names, encode_value};
use crate::value::Value;
use automerge::{Change, ObjId, ReadDoc};
use std::collections::{BTreeMap, BTreeSet};

impl Loaded {
    /// Of rows that a merge is about: what was written to them here by those who did not know that they had gone to other
    /// documents, or had come here. With the row in whose document each is to be.
    pub(in crate::doc) fn late_edits(&mut self, merge: &Merge) -> Vec<(String, LeftRow)> {
        let mut actors = self.saved.actors.clone();
        for actor in &merge.actors {
            actors.place(actor);
        }
        let Some(here) = &merge.root else { return Vec::new() };
        let news: BTreeSet<_> = self.unsaved.iter().map(Change::hash).collect();
        // What was written long ago by those who did not know of an arrival was made again then.
        let mut known: BTreeMap<automerge::ChangeHash, bool> = BTreeMap::new();
        let mut has_late_news = |object: OpId| {
            let actor = actors.list().get(object.actor as usize).map(|actor| automerge::ActorId::from(&actor[..]));
            let object = actor.map(|actor| ObjId::Id(object.counter.into(), actor, 0));
            let Some(arrival) = object.and_then(|object| self.document.hash_for_opid(&object)) else { return false };
            *known.entry(arrival).or_insert_with(|| {
                news.contains(&arrival) || !split_by(&self.document, arrival).beside.is_disjoint(&news)
            })
        };
        let mut found: Vec<(String, LeftRow, Vec<OpId>)> = Vec::new();
        for TouchedRow { table, id_text, row } in &merge.rows {
            let Some(row) = row.as_ref().filter(|_| crate::id::decode(id_text).is_some()) else { continue };
            let mut left = |target: &String, place, moves: Vec<OpId>| {
                let origin = row.origin.as_ref().unwrap_or(here).clone();
                let (table, id_text) = (table.clone(), id_text.clone());
                found.push((target.clone(), LeftRow { table, id_text, origin, place, edits: Vec::new() }, moves));
            };
            if let (Some(target), Some(moved)) = (&row.moved_to, &row.stamps.moved) {
                // Others may have moved it there, too.
                let mut value = Vec::new();
                encode_value(&Value::from(target.as_str()), &Names::new(), &mut value);
                let rivals = moved.rivals.iter().filter(|rival| *rival.value == value[..]).map(|rival| rival.id);
                let moves = std::iter::once(moved.id).chain(rivals).collect();
                left(target, LeftPlace::Document(here.clone()), moves);
            }
            if row.has_come && has_late_news(row.stamps.object) {
                left(here, LeftPlace::Here, vec![row.stamps.object]);
            }
        }
        let leaving = found.iter().flat_map(|(_, LeftRow { table, id_text, .. }, moves)| {
            moves.iter().map(move |moved| Leaving { table, id_text, moved: *moved })
        });
        let leaving: Vec<_> = leaving.collect();
        if leaving.is_empty() {
            return Vec::new();
        }
        let mut edits = late_edits(&self.document, &mut self.places, actors.list(), &leaving).into_iter();
        for (_, row, moves) in &mut found {
            for (moved, edits) in moves.iter().zip(&mut edits) {
                let Some(actor) = actors.list().get(moved.actor as usize) else { continue };
                let name = match &row.place {
                    LeftPlace::Here => object_name(&ObjId::Id(moved.counter.into(), (&actor[..]).into(), 0)),
                    _ => move_name(here, moved.counter, actor),
                };
                row.edits.push((name, edits));
            }
        }
        let has_some = |row: &LeftRow| row.edits.iter().any(|(_, edits)| !edits.is_empty());
        found.into_iter().filter(|(_, row, _)| has_some(row)).map(|(target, row, _)| (target, row)).collect()
    }

    /// The map of a row that counts, and what says where the row came from, if it did.
    fn shown_map(&self, table: &str, id_text: &str) -> Option<(ObjId, Option<String>)> {
        let (_, table) = self.document.get(automerge::ROOT, table).ok()??;
        let mut actors = Actors::default();
        let mut reader = RowReader { document: &self.document, heads: None, actors: &mut actors };
        let maps = reader.maps(&table, id_text)?;
        let from = reader.moved_from(&maps);
        Some((maps.into_iter().next()?, from))
    }

    fn row(&self, table: &str, id_text: &str) -> Option<MergedRow> {
        let (_, map) = self.document.get(automerge::ROOT, table).ok()??;
        read_row(&self.document, &map, id_text, &mut Actors::default())
    }

    /// From the document of which row a row came here, and by what is called so.
    pub(in crate::doc) fn came_by(&self, table: &str, id_text: &str) -> Option<(String, String)> {
        let name = self.shown_map(table, id_text)?.1?;
        Some((name.rsplit_once(' ')?.0.to_string(), name))
    }

    /// Whether this document says of a row that it went to that of another one by a move of this name.
    pub(in crate::doc) fn has_sent(&self, id_text: &str, name: &str, target: &str) -> bool {
        operation_of(name).is_some_and(|operation| has_sent(&self.document, id_text, &operation, target))
    }

    /// Whether a move of this name has moved another map of a row than the one that is shown.
    pub(in crate::doc) fn has_moved_other(&self, table: &str, id_text: &str, name: &str) -> bool {
        let moved = operation_of(name).and_then(|operation| object_of(&self.document, &operation));
        let (Some(moved), Some((shown, _))) = (moved, self.shown_map(table, id_text)) else { return false };
        object_name(&shown) != object_name(&moved)
    }

    /// Takes off what a row had here when it was moved by a move of this name: what has come by that has it, too. Answers
    /// whether it can be told: the move may still be to come.
    pub(in crate::doc) fn take_off_known(&self, left: &mut LeftRow, name: &str) -> bool {
        let move_ = operation_of(name).and_then(|operation| self.document.hash_for_opid(&operation));
        let Some(move_) = move_ else { return false };
        let (split, again) = (split_by(&self.document, move_), MadeAgain::of(&self.document));
        let is_known = |hash: &automerge::ChangeHash| {
            let is_here = self.document.get_change_meta_by_hash(hash).is_some();
            is_here && !split.later.contains(hash) && !split.beside.contains(hash)
        };
        left.take_off(|id_text, original| {
            is_known(&automerge::ChangeHash(original)) || again.all(id_text, original).iter().any(is_known)
        });
        true
    }

    /// What was written to a row here by those who did not know of a move.
    pub(in crate::doc) fn edits_beside(&mut self, table: &str, id_text: &str, name: &str) -> Option<LeftRow> {
        let here = self.root()?;
        let mut actors = self.saved.actors.clone();
        let moved = actors.id(&operation_of(name)?)?;
        let leaving = [Leaving { table, id_text, moved }];
        let edits = late_edits(&self.document, &mut self.places, actors.list(), &leaving).pop()?;
        self.left(table, id_text, LeftPlace::Document(here), (name.to_string(), edits))
    }

    /// What was written to a row since it came here.
    pub(in crate::doc) fn edits_since_it_came(&mut self, table: &str, id_text: &str) -> Option<LeftRow> {
        let edits = edits_since(&self.document, &mut self.places, table, id_text)?;
        self.left(table, id_text, LeftPlace::Beside, (String::new(), edits))
    }

    fn left(&self, table: &str, id_text: &str, place: LeftPlace, edits: (String, Vec<LateEdit>)) -> Option<LeftRow> {
        let origin = self.row(table, id_text)?.origin.or_else(|| self.root())?;
        let (table, id_text) = (table.to_string(), id_text.to_string());
        Some(LeftRow { table, id_text, origin, place, edits: vec![edits] })
    }

    /// Makes late edits of rows again, as far as those have come into this document. Answers which have.
    pub(in crate::doc) fn bring(&mut self, id: DocumentId, rows: &[&LeftRow]) -> Result<Vec<bool>, Unreadable> {
        let root = self.root();
        let mut arrivals: Vec<_> =
            rows.iter().map(|row| Arrival::find(&self.document, id, root.clone(), row)).collect();
        let are_here: Vec<bool> = arrivals.iter().map(Option::is_some).collect();
        if !are_here.contains(&true) {
            return Ok(are_here);
        }
        let mut again = MadeAgain::of(&self.document);
        loop {
            // Those of different rows are put into the document together.
            let next = arrivals.iter_mut().flatten().filter_map(|arrival| arrival.next(&self.document, &mut again));
            let chunks: Vec<Vec<u8>> = next.collect();
            if chunks.is_empty() {
                return Ok(are_here);
            }
            self.pass(&chunks.concat());
            let changes: Result<Vec<_>, _> = chunks.into_iter().map(Change::from_bytes).collect();
            let changes = changes.map_err(unreadable)?;
            self.document.apply_changes(changes.clone()).map_err(unreadable)?;
            self.unsaved.extend(changes);
        }
    }
}
