//! The maps that a document has had for its rows, which of its changes have written to them, and where they went.

use super::again::read_message;
use super::graph::{Graph, OpName};
use crate::crdt::{ChangeHash, mark};
use crate::doc::Actors;
use crate::doc::row::RowReader;
use automerge::legacy::{Key, ObjectId, Op, OpType};
use automerge::{Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use std::collections::HashMap;
use std::rc::Rc;

/// What a document's changes say of rows and where they went. It is made when rows have moved, and follows the document.
#[derive(Default)]
pub(in crate::doc) struct Lineage {
    pub(super) graph: Graph,
    objects: HashMap<OpName, Place>,
    tables: Vec<Table>,
    rows: Vec<RowMaps>,
    /// By changes: rows, and places of what the change has written among what all have.
    touched: Vec<Vec<(u32, u32)>>,
}

struct Table {
    name: Rc<str>,
    rows: HashMap<Rc<str>, u32>,
}

/// What an object is.
#[derive(Clone, Copy)]
enum Place {
    /// The map of a table.
    Table(u32),
    /// A map of a row.
    Row { row: u32, map: u32 },
    /// Something inside of one.
    Inside { row: u32, map: u32 },
}

/// What a document's changes say of one row.
#[derive(Default)]
pub(super) struct RowMaps {
    table: u32,
    id_text: Rc<str>,
    pub(super) maps: Vec<RowMap>,
    /// The first of those that have not come by a move.
    home: Option<u32>,
    /// What changes have written to them, in the order of changes.
    pub(super) written: Vec<Written>,
    pub(super) moves: Vec<Move>,
}

pub(super) struct RowMap {
    made: OpName,
    /// What has made it.
    pub(super) change: u32,
    /// By which move it has come, as that is called in the document from where.
    pub(super) from: Option<Rc<str>>,
}

/// What a change has written to a map.
pub(super) struct Written {
    pub(super) change: u32,
    pub(super) map: u32,
    /// Whether it has written fields.
    has_fields: bool,
    /// Whether it has written where the row is.
    has_marks: bool,
    /// The change that it makes again, if it does.
    pub(super) again: Option<Box<ChangeHash>>,
}

/// An operation that says to which row's document a map has gone.
pub(super) struct Move {
    pub(super) operation: OpName,
    pub(super) map: u32,
    pub(super) change: u32,
    pub(super) target: Rc<str>,
}

impl RowMaps {
    /// Maps that have not come by a move stand for one.
    pub(super) fn group(&self, map: u32) -> u32 {
        match self.maps[map as usize].from {
            Some(_) => map,
            None => self.home.unwrap_or(map),
        }
    }

    /// Whether a change is an edit of a map, and not what has made or moved it.
    pub(super) fn is_edit(&self, written: &Written) -> bool {
        written.has_fields && self.maps[written.map as usize].change != written.change
    }

    /// The move that an operation of a change is, if it is one.
    pub(super) fn move_by(&self, operation: OpName, change: u32) -> Option<&Move> {
        let first = self.moves.partition_point(|said| said.change < change);
        self.moves[first..].iter().take_while(|said| said.change == change).find(|said| said.operation == operation)
    }

    /// Whether there is more to it than one map that stays where it is.
    fn has_moved(&self) -> bool {
        self.maps.len() > 1 || !self.moves.is_empty() || self.maps.iter().any(|map| map.from.is_some())
    }

    /// Takes note of what an operation writes to a name of a map.
    fn note(&mut self, at: usize, (name, op): (OpName, &Op), key: &str) {
        let written = &mut self.written[at];
        let (map, change) = (written.map, written.change);
        let text = match &op.action {
            OpType::Put(ScalarValue::Str(text)) => Some(Rc::from(text.as_str())),
            _ => None,
        };
        match key {
            mark::MOVED_TO => {
                written.has_marks = true;
                self.moves.extend(text.map(|target| Move { operation: name, map, change, target }));
            }
            mark::DELETED => written.has_marks = true,
            // Only what has made it knows where it comes from.
            mark::MOVED_FROM => {
                let map = &mut self.maps[map as usize];
                if map.change == change {
                    map.from = map.from.take().or(text);
                }
            }
            mark::CREATION_TIME | mark::ORIGIN => {}
            _ => written.has_fields = true,
        }
    }
}

impl Lineage {
    pub(in crate::doc) fn of(document: &Automerge) -> Self {
        let mut lineage = Lineage::default();
        document.get_changes(&[]).iter().for_each(|change| lineage.add(change));
        lineage
    }

    /// Takes in a change whose dependencies are there.
    pub(in crate::doc) fn add(&mut self, change: &Change) {
        let Some(place) = self.graph.add(change) else { return };
        self.touched.push(Vec::new());
        let author = self.graph.author(change.actor_id());
        let again = change.message().and_then(read_message).map(|(original, row)| (original, row.to_string()));
        for (op, counter) in change.decode().operations.iter().zip(change.start_op().get()..) {
            self.add_operation(OpName { counter, author }, op, place, again.as_ref());
        }
        for &(row, written) in &self.touched[place as usize] {
            let row = &mut self.rows[row as usize];
            let map = row.written[written as usize].map;
            if row.home.is_none() && row.maps[map as usize].from.is_none() {
                row.home = Some(map);
            }
        }
    }

    fn add_operation(&mut self, name: OpName, op: &Op, change: u32, again: Option<&(ChangeHash, String)>) {
        let place = match &op.obj {
            ObjectId::Root => None,
            ObjectId::Id(id) => match self.graph.operation(id.0, &id.1).and_then(|id| self.objects.get(&id)) {
                Some(place) => Some(*place),
                None => return,
            },
        };
        let makes_map = matches!(op.action, OpType::Make(ObjType::Map | ObjType::Table));
        let made = match (place, &op.key) {
            (None, Key::Map(table)) if makes_map => Place::Table(self.table(table)),
            (Some(Place::Table(table)), Key::Map(id)) if makes_map => {
                let row = self.row(table, id);
                let maps = &mut self.rows[row as usize].maps;
                let map = maps.len() as u32;
                maps.push(RowMap { made: name, change, from: None });
                self.written(row, map, change, again);
                Place::Row { row, map }
            }
            (Some(Place::Row { row, map }), Key::Map(key)) => {
                let written = self.written(row, map, change, again);
                self.rows[row as usize].note(written, (name, op), key);
                Place::Inside { row, map }
            }
            (Some(Place::Inside { row, map }), _) => {
                let written = self.written(row, map, change, again);
                self.rows[row as usize].written[written].has_fields = true;
                Place::Inside { row, map }
            }
            _ => return,
        };
        if let OpType::Make(_) = op.action {
            self.objects.insert(name, made);
        }
    }

    /// The place of what a change has written to a map.
    fn written(&mut self, row: u32, map: u32, change: u32, again: Option<&(ChangeHash, String)>) -> usize {
        let RowMaps { id_text, written, .. } = &mut self.rows[row as usize];
        let of_change = (0..written.len()).rev().take_while(|&at| written[at].change == change);
        let known = of_change.into_iter().find(|&at| written[at].map == map);
        known.unwrap_or_else(|| {
            let again = again.filter(|(_, id)| **id == **id_text).map(|(original, _)| Box::new(*original));
            written.push(Written { change, map, has_fields: false, has_marks: false, again });
            self.touched[change as usize].push((row, written.len() as u32 - 1));
            written.len() - 1
        })
    }

    fn table(&mut self, name: &str) -> u32 {
        let found = self.tables.iter().position(|table| *table.name == *name);
        let place = found.unwrap_or_else(|| {
            self.tables.push(Table { name: name.into(), rows: HashMap::new() });
            self.tables.len() - 1
        });
        place as u32
    }

    fn row(&mut self, table: u32, id_text: &str) -> u32 {
        let rows = &mut self.tables[table as usize].rows;
        if let Some(row) = rows.get(id_text) {
            return *row;
        }
        let (row, id_text) = (self.rows.len() as u32, Rc::<str>::from(id_text));
        rows.insert(id_text.clone(), row);
        self.rows.push(RowMaps { id_text, table, ..RowMaps::default() });
        row
    }

    /// A row of which something was written.
    pub(super) fn find(&self, table: &str, id_text: &str) -> Option<&RowMaps> {
        let table = self.tables.iter().find(|known| *known.name == *table)?;
        table.rows.get(id_text).map(|&row| &self.rows[row as usize])
    }

    /// Which map of a row an object is.
    pub(super) fn map_of(&self, row: &RowMaps, object: &ObjId) -> Option<u32> {
        let ObjId::Id(counter, actor, _) = object else { return None };
        let name = self.graph.operation(*counter, actor)?;
        row.maps.iter().position(|map| map.made == name).map(|at| at as u32)
    }

    /// The rows in whose documents a row was, and to which it went, as far as this document says so.
    pub(in crate::doc) fn linked(&self, table: &str, id_text: &str) -> Vec<&str> {
        let Some(row) = self.find(table, id_text) else { return Vec::new() };
        let from = row.maps.iter().filter_map(|map| map.from.as_deref()?.rsplit_once(' ')).map(|(root, _)| root);
        let mut linked: Vec<&str> = from.chain(row.moves.iter().map(|said| &*said.target)).collect();
        linked.sort_unstable();
        linked.dedup();
        linked
    }

    /// Of the rows that some changes have written to, those that have moved and of which others may have written what is not
    /// where it counts: the changes are about where they are, or go to what is not shown, or has gone.
    pub(in crate::doc) fn moved_rows(&self, document: &Automerge, changes: &[Change]) -> Vec<(Rc<str>, Rc<str>)> {
        let mut found: Vec<u32> = Vec::new();
        for change in changes {
            let Some(place) = self.graph.find(&change.hash().0) else { continue };
            for &(at, written) in &self.touched[place as usize] {
                let row = &self.rows[at as usize];
                if !row.has_moved() || found.last() == Some(&at) {
                    continue;
                }
                let written = &row.written[written as usize];
                let is_about_place = written.has_marks || row.maps[written.map as usize].change == place;
                if is_about_place || !self.is_plain(document, row, written.map) {
                    found.push(at);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        let name = |row: &u32| {
            let row = &self.rows[*row as usize];
            (self.tables[row.table as usize].name.clone(), row.id_text.clone())
        };
        found.iter().map(name).collect()
    }

    /// Whether a map is what is shown of its row, and has not gone.
    fn is_plain(&self, document: &Automerge, row: &RowMaps, map: u32) -> bool {
        let shown = Shown::of(document, &self.tables[row.table as usize].name, &row.id_text);
        shown.is_some_and(|shown| {
            let is_it = self.map_of(row, &shown.maps[0]).is_some_and(|own| row.group(own) == row.group(map));
            is_it && !shown.has_left
        })
    }
}

/// The maps of a row that are shown, and what they say of where it is.
pub(super) struct Shown {
    /// Its own, and others that stand for it.
    pub(super) maps: Vec<ObjId>,
    pub(super) origin: Option<String>,
    pub(super) is_deleted: bool,
    pub(super) has_left: bool,
    /// To which rows' documents it has gone: the last one is what counts.
    pub(super) targets: Vec<String>,
    /// What says that last one.
    pub(super) move_operation: Option<ObjId>,
}

impl Shown {
    pub(super) fn of(document: &Automerge, table: &str, id_text: &str) -> Option<Self> {
        let (_, table) = document.get(ROOT, table).ok()??;
        let mut actors = Actors::default();
        let reader = RowReader { document, heads: None, actors: &mut actors };
        let maps = reader.maps(&table, id_text)?;
        let text = |value: &automerge::Value<'_>| value.as_str().map(str::to_string);
        let moved = reader.written(&maps, mark::MOVED_TO);
        let origin = reader.written(&maps, mark::ORIGIN).last().and_then(|(value, ..)| text(value));
        let is_deleted = !reader.written(&maps, mark::DELETED).is_empty();
        let said = moved.iter().filter_map(|(value, operation, _)| Some((text(value)?, operation.clone())));
        let (targets, mut operations): (_, Vec<ObjId>) = said.unzip();
        let (has_left, move_operation) = (!moved.is_empty(), operations.pop());
        Some(Shown { origin, is_deleted, has_left, targets, move_operation, maps })
    }
}
