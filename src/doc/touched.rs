//! Which rows changes are about.

use automerge::legacy::{Key, ObjectId, OpId, OpType};
use automerge::{Automerge, Change, ObjId, ObjType, Prop, ReadDoc, ValueRef};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A table and the id of a row in it.
pub(super) type RowName = (Rc<str>, Rc<str>);

/// What an object of a document is.
#[derive(Clone)]
enum Place {
    Document,
    /// The map of a table.
    Table(Rc<str>),
    /// The map of a row, or something inside of it.
    Row(RowName),
    /// Nothing that belongs to a row.
    Elsewhere,
}

/// automerge finds what an object lies in by a search through all operations: for so many that is faster than to go
/// through all rows.
const FEW: usize = 8;
/// And for so many it is faster than to go through what is inside of them.
const SOME: usize = 64;

/// What is known of the objects of a document, each of which stays where it was made.
#[derive(Default)]
pub(super) struct Places {
    known: BTreeMap<OpId, Place>,
    /// How often one was searched for.
    searches: usize,
}

/// What changes have made, and where.
type Made<'a> = BTreeMap<OpId, (&'a ObjectId, &'a Key)>;

impl Places {
    /// The rows that changes are about, which a document has that had these heads before.
    pub(super) fn touched_rows(
        &mut self,
        document: &Automerge,
        changes: &[Change],
        saved: &[automerge::ChangeHash],
    ) -> BTreeSet<RowName> {
        let decoded: Vec<_> = changes.iter().map(Change::decode).collect();
        let mut made = Made::new();
        for change in &decoded {
            for (op, counter) in change.operations.iter().zip(change.start_op.get()..) {
                if let OpType::Make(_) = op.action {
                    made.insert(OpId::new(counter, &change.actor_id), (&op.obj, &op.key));
                }
            }
        }
        let mut rows = BTreeSet::new();
        for op in decoded.iter().flat_map(|change| change.operations.iter()) {
            match (self.of(document, &made, &op.obj), &op.key) {
                // The map of a table is another one, or none.
                (Place::Document, Key::Map(table)) => rows.extend(rows_of(document, table, saved)),
                (Place::Table(table), Key::Map(row)) => drop(rows.insert((table, row.as_str().into()))),
                (Place::Row(name), _) => drop(rows.insert(name)),
                _ => {}
            }
        }
        rows
    }

    fn of(&mut self, document: &Automerge, made: &Made<'_>, object: &ObjectId) -> Place {
        // Up to something that is known, and down again: objects may lie inside each other as deep as anybody likes.
        let mut inside = Vec::new();
        let mut object = object;
        let mut place = loop {
            let ObjectId::Id(id) = object else { break Place::Document };
            if let Some(place) = self.known.get(id) {
                break place.clone();
            }
            match made.get(id) {
                Some(&(outer, key)) => {
                    inside.push((id, key));
                    object = outer;
                }
                None => break self.search(document, id),
            }
        };
        for (id, key) in inside.into_iter().rev() {
            place = match (place, key) {
                (Place::Document, Key::Map(table)) => Place::Table(table.as_str().into()),
                (Place::Table(table), Key::Map(row)) => Place::Row((table, row.as_str().into())),
                (row @ Place::Row(_), _) => row,
                _ => Place::Elsewhere,
            };
            self.known.insert(id.clone(), place.clone());
        }
        place
    }

    /// Of an object that was there before.
    fn search(&mut self, document: &Automerge, id: &OpId) -> Place {
        self.searches += 1;
        if self.searches == FEW || self.searches == SOME {
            self.look_at_all(document, self.searches == SOME);
            if let Some(place) = self.known.get(id) {
                return place.clone();
            }
        }
        let above = names_above(document, &ObjId::Id(id.0, id.1.clone(), 0));
        let place = match &above[..] {
            [] => Place::Elsewhere,
            [table] => Place::Table(table.clone()),
            [table, row, ..] => Place::Row((table.clone(), row.clone())),
        };
        self.known.insert(id.clone(), place.clone());
        place
    }

    /// Takes note of the maps of all rows that are shown, and of texts, lists and maps that lie in them.
    fn look_at_all(&mut self, document: &Automerge, is_deep: bool) {
        for table in document.map_range(automerge::ROOT, ..) {
            if !matches!(table.value, ValueRef::Object(ObjType::Map)) {
                continue;
            }
            let name: Rc<str> = table.key.as_ref().into();
            for row in document.map_range(table.id(), ..) {
                let place = Place::Row((name.clone(), row.key.as_ref().into()));
                let id = row.id();
                // To begin with the fields of each row would take most of the time.
                let fields = is_deep.then(|| document.map_range(&id, ..)).into_iter().flatten();
                let inside = fields.filter(|field| matches!(field.value, ValueRef::Object(_))).map(|field| field.id());
                for id in std::iter::once(id.clone()).chain(inside) {
                    if let ObjId::Id(counter, actor, _) = id {
                        self.known.insert(OpId(counter, actor), place.clone());
                    }
                }
            }
        }
    }
}

/// The rows of a table as they were when these were the heads, and as they are.
fn rows_of(document: &Automerge, table: &str, heads: &[automerge::ChangeHash]) -> Vec<RowName> {
    let map = |found: Result<Option<(_, ObjId)>, _>| found.ok().flatten().map(|(_, id): (automerge::Value<'_>, _)| id);
    let before = map(document.get_at(automerge::ROOT, table, heads));
    let now = map(document.get(automerge::ROOT, table));
    let table: Rc<str> = table.into();
    let before = before.iter().flat_map(|map| document.keys_at(map, heads));
    let now = now.iter().flat_map(|map| document.keys(map));
    before.chain(now).map(|row| (table.clone(), row.into())).collect()
}

/// Table and id of what an object lies in, as far as it does.
fn names_above(document: &Automerge, object: &ObjId) -> Vec<Rc<str>> {
    let Ok(parents) = document.parents(object) else { return Vec::new() };
    let mut names: Vec<Prop> = parents.map(|parent| parent.prop).collect();
    names.reverse();
    names
        .into_iter()
        .map_while(|name| match name {
            Prop::Map(name) => Some(name.as_str().into()),
            Prop::Seq(_) => None,
        })
        .take(2)
        .collect()
}
