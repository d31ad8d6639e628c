//! Changes in the making: what becomes of documents and rows with the commit that goes out.

use super::super::merging::{MergeDraft, MergedKey};
use super::super::notes::Note;
use super::super::state::{Pending, State};
use super::writer::{Coming, RowWriter};
use super::{Base, Document, Own, SyncedChange, home, value_of};
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{
    Action, ActorId, ChangeEncoder, ChangeHash, DocumentId, DocumentState, Editor, Head, HiddenRow, Key, Marks, Object,
    Op, OpId, StoredRow, TableMap, Why, genesis, is_judged, is_noted, move_name, table_map,
};
use crate::document::{self, Document as Fields};
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{self, Root};
use crate::log::CrdtEntry;
use crate::random::Random;
use crate::schema::{Home, Moving, Placement, Schema, Table};
use crate::value::Value;
use std::rc::Rc;

/// Documents and rows as they will be when a commit is saved.
pub(super) struct Drafts<'a> {
    known: &'a FlatMap<Root, Document>,
    committed: &'a State,
    random: &'a mut Random,
    now_ms: f64,
    /// Boxed, since a commit may make thousands, in no order.
    documents: FlatMap<Root, Box<Draft>>,
    rows: Vec<DraftRow>,
    notes: Vec<CrdtEntry>,
}

/// What will be stored under a key.
struct DraftRow {
    key: Vec<u8>,
    stored: Option<Bytes>,
    before: Before,
}

/// What was stored under a key before, as far as it matters for what is counted.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    /// Whether there was nothing.
    pub(crate) is_new: bool,
    pub(crate) is_noted: bool,
}

impl Before {
    pub(crate) fn of(stored: Option<&Bytes>) -> Self {
        Before { is_new: stored.is_none(), is_noted: stored.is_some_and(|stored| is_noted(stored)) }
    }
}

struct Draft {
    document: Document,
    is_new: bool,
    /// How many actors are stored already.
    actors_before: u32,
    /// The chunks of all its changes.
    chunks: Vec<u8>,
    /// The change at hand.
    encoder: ChangeEncoder,
    /// Whether its state was changed without a change: rows of a table are taken in, or left to it.
    is_changed: bool,
    /// Bytes of the rows that it has written.
    written_bytes: usize,
}

/// A change that has more operations than that, or has written more, is ended, and another one follows: others refuse one
/// that is too large, and merge many at a time.
const OPERATIONS: u32 = 40_000;
/// Changes of one commit that are so long are noted, to be compressed when there is time.
const LONG_BYTES: usize = if cfg!(test) { 400 } else { 4096 };
const WRITTEN_BYTES: usize = 2 << 20;

impl Draft {
    fn add_actor(&mut self, actor: ActorId) -> u32 {
        let place = self.document.state.actor_count;
        Rc::make_mut(&mut self.document.actors).push(actor);
        self.document.state.actor_count += 1;
        place
    }

    fn add_head(&mut self, hash: ChangeHash) {
        let heads = &mut self.document.state.heads;
        if let Err(at) = heads.binary_search(&hash) {
            heads.insert(at, hash);
        }
    }

    /// A table's map, which is made if it is not there.
    fn table(&mut self, name: &str, root: Option<&str>, random: Random) -> OpId {
        if let Some(map) = self.document.state.tables.get(name) {
            return map.map;
        }
        let (actor, change) = genesis(&self.document.state.id, name, root);
        let map = if self.document.actors.contains(&actor) {
            // Somebody has taken away the one that all devices make.
            let id = OpId { actor: self.author(random), counter: self.document.state.max_op + 1 + self.encoder.len() };
            let (object, key) = (Object::Root, Key::Name(name));
            self.encoder.push(&Op { object, key, action: Action::MakeMap, predecessors: &[] });
            id
        } else {
            let place = self.add_actor(actor);
            self.chunks.extend_from_slice(&change.bytes);
            self.add_head(change.hash);
            table_map(place)
        };
        self.document.state.tables.insert(name.to_string(), TableMap { map, is_taken: true });
        map
    }

    fn author(&mut self, mut random: Random) -> u32 {
        if let Some(own) = self.document.own {
            return own.author;
        }
        let author = self.add_actor(Bytes::from(&sixteen(&mut random)[..]));
        self.document.own = Some(Own { author, sequence: 0 });
        author
    }

    /// Ends the change at hand.
    fn end_change(&mut self, time: i64) {
        let encoder = std::mem::take(&mut self.encoder);
        self.written_bytes = 0;
        let (count, state) = (encoder.len(), &mut self.document.state);
        let Some(own) = self.document.own.as_mut().filter(|_| count > 0) else { return };
        own.sequence += 1;
        let change = encoder.finish(&Head {
            actors: &self.document.actors,
            author: own.author,
            sequence: own.sequence,
            first_op: state.max_op + 1,
            time,
            message: "",
            dependencies: &state.heads,
        });
        state.max_op += count;
        state.heads = vec![change.hash];
        self.chunks.extend_from_slice(&change.bytes);
    }
}

/// The id of a new document: a UUID of version 4, since other programs for automerge take no other ids.
fn new_document_id(random: &mut Random) -> DocumentId {
    let mut id = sixteen(random);
    id[6] = 0x40 | id[6] & 0x0f;
    id[8] = 0x80 | id[8] & 0x3f;
    id
}

fn sixteen(random: &mut Random) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random.next_u64().to_le_bytes());
    bytes[8..].copy_from_slice(&random.next_u64().to_le_bytes());
    bytes
}

impl<'a> Drafts<'a> {
    pub(super) fn new(
        known: &'a FlatMap<Root, Document>,
        committed: &'a State,
        random: &'a mut Random,
        now_ms: f64,
    ) -> Self {
        Drafts { known, committed, random, now_ms, documents: FlatMap::new(), rows: Vec::new(), notes: Vec::new() }
    }

    /// One mutation: a change of each document that it has written to.
    pub(super) fn add(&mut self, pending: &Pending) {
        if let Some(merge) = &pending.merge {
            return self.add_merge(merge);
        }
        for Note { key, value } in &pending.notes {
            self.notes.push(CrdtEntry { key: key.clone(), value: value.clone(), is_new: value.is_some() });
        }
        let schema = &pending.after.schema;
        for change in &pending.synced {
            let Some(table) = schema.table_by_id(change.table) else { continue };
            let Some(placement) = &table.placement else { continue };
            self.add_row(schema, table, placement, change);
        }
        for &table in &pending.adopted {
            let key = keyspace::adopted_key(table).to_vec();
            let before = Before::of(None);
            self.rows.push(DraftRow { key, stored: Some(Bytes::new(Vec::new())), before });
        }
        let now_ms = self.now_ms;
        for draft in self.documents.values_mut() {
            draft.end_change((now_ms / 1000.0) as i64);
        }
    }

    /// What others have changed, as it was merged.
    fn add_merge(&mut self, merge: &MergeDraft) {
        for MergedKey { key, stored, before } in &merge.rows {
            self.rows.push(DraftRow { key: key.clone(), stored: stored.clone(), before: *before });
        }
        for (root, tables) in &merge.left {
            if !self.known.contains_key(root) {
                continue; // it is gone
            }
            let draft = self.draft(*root, None);
            for name in tables {
                if let Some(map) = draft.document.state.tables.get_mut(name) {
                    draft.is_changed |= std::mem::take(&mut map.is_taken);
                }
            }
        }
        let Some(merged) = &merge.document else { return };
        let draft = self.draft(merged.root, Some(merged.state.id));
        draft.is_changed |= draft.document.state.tables != merged.state.tables;
        draft.document.state = merged.state_after(&draft.document.state);
        Rc::make_mut(&mut draft.document.actors).extend(merged.actors.iter().cloned());
        draft.chunks.extend_from_slice(&merged.chunks);
    }

    fn add_row(&mut self, schema: &Schema, table: &Table, placement: &Placement, change: &SyncedChange) {
        let place = change.place;
        let was_unsaved = matches!(change.bases.row, Base::Unsaved(_));
        let key = keyspace::stamps_key(table.id, &place.id).to_vec();
        let base = self.resolve(&key, &change.bases.row);
        let id_text = id::encode(table.number, &place.id);
        let home_of = |document: &Option<Bytes>| home(schema, table, place.id, document.as_ref()?);
        let (from, to) = (home_of(&change.before), home_of(&change.after));
        let size = change.after.as_ref().map_or(0, |document| document.len());
        let (now_ms, settled) = (self.now_ms, &change.settled[..]);
        let writer = RowWriter { schema, table, placement, id_text: &id_text, place, now_ms, settled, size };
        let stored = base.as_ref().and_then(|base| StoredRow::decode(base).ok());
        if change.before.is_none() && stored.as_ref().is_some_and(|stored| stored.hidden.is_none()) {
            return; // another tab has given it stamps
        }
        if table.moving == Some(Moving::Arriving) && self.waits(table, &key, change, (&base, stored.as_ref()), from, to)
        {
            return;
        }
        let has_duplicates = stored.as_ref().is_some_and(|stored| stored.has_duplicates);
        // Where it is, and its fields there.
        let current = stored.and_then(|stored| match &stored.hidden {
            None => Some((from?, change.before.clone()?, stored)),
            Some(hidden) => Some((hidden.root, hidden.document.clone(), stored)),
        });
        let next = match (current, &change.after, to) {
            (Some((from, before, stored)), None, _) if stored.hidden.is_none() || change.before.is_some() => {
                self.edit(from, &writer, |editor, _| writer.delete(editor, &stored, from, &before))
            }
            (Some((from, before, stored)), Some(after), Some(to)) if from == to => {
                self.edit(to, &writer, |editor, _| writer.update(editor, &stored, &before, after))
            }
            // What was in another document stays there, and says where it went.
            (Some((from, before, stored)), Some(after), Some(to)) => {
                let moved = self.move_away(&writer, (from, &stored, &before), to, after);
                if let Some((left, _)) = &moved {
                    let key = keyspace::remains_key(table.id, &place.id, &from);
                    self.put(key, None, Some(left.encode()), was_unsaved);
                }
                let said = moved.and_then(|(_, said)| said);
                self.move_in(&writer, (from, &stored, said.as_deref()), to, change, after)
            }
            (None, Some(after), Some(to)) => self.edit(to, &writer, |editor, map| writer.insert(editor, map, after)),
            (_, Some(_), None) | (_, None, _) => None,
        };
        if let Some(mut next) = next {
            let is_place =
                |field: &String| matches!(&placement.home, Home::Within { field: place, .. } if place == field);
            let is_settled = change.after.is_none() || from != to || settled.iter().any(is_place);
            next.has_duplicates = has_duplicates && !is_settled;
            if has_duplicates && is_settled {
                self.end_duplicates(&writer, &next, change, to);
            }
            self.put(key, base, Some(next.encode()), was_unsaved);
        }
    }

    /// Somebody has said where a row lies, or that it is deleted: other documents that have it, because it was moved there
    /// at the same time, say so, too.
    fn end_duplicates(&mut self, writer: &RowWriter<'_>, row: &StoredRow, change: &SyncedChange, to: Option<Root>) {
        let hidden_in = row.hidden.as_ref().map(|hidden| hidden.root);
        let origin = row.marks.origin.or(to).or(hidden_in);
        for (root, base) in change.bases.remains.iter().filter(|(root, _)| Some(*root) != to) {
            let key = keyspace::remains_key(writer.table.id, &writer.place.id, root);
            let stored = self.resolve(&key, base);
            let known = stored.as_ref().and_then(|stored| StoredRow::decode(stored).ok());
            let Some(known) = known.filter(|known| known.marks.origin.unwrap_or(*root) == origin.unwrap_or(*root))
            else {
                continue;
            };
            let Some(HiddenRow { why: Why::Duplicate, document, .. }) = &known.hidden else { continue };
            let target = to.and_then(|to| Some((to, id_text_of(writer.schema, to)?)));
            let ended = self.edit(*root, writer, |editor, _| match &target {
                Some((to, text)) => Ok(writer.move_away(editor, (*root, &known, document), *to, text)?.0),
                None => writer.delete(editor, &known, *root, document),
            });
            if let Some(ended) = ended {
                self.put(key, stored, Some(ended.encode()), matches!(change.bases.row, Base::Unsaved(_)));
            }
        }
    }

    /// Whether what is written to a row of a table that becomes synced stays on this device for now: of a row without
    /// stamps a document may have another one of its id, and one that moves may have been there before.
    fn waits(
        &mut self,
        table: &Table,
        key: &[u8],
        change: &SyncedChange,
        (base, stored): (&Option<Bytes>, Option<&StoredRow>),
        from: Option<Root>,
        to: Option<Root>,
    ) -> bool {
        let Some(stored) = stored else { return true };
        if change.after.is_none() {
            return false;
        }
        let is_unread = to.is_some_and(|to| {
            let draft = self.documents.get(&to).map(|draft| &draft.document);
            let document = draft.or_else(|| self.known.get(&to));
            document.and_then(|document| document.state.tables.get(&table.name)).is_some_and(|map| !map.is_taken)
        });
        match (&stored.hidden, from, &change.before) {
            (Some(hidden), _, before) => before.is_some() || Some(hidden.root) != to && is_unread,
            (None, Some(root), Some(before)) if to != Some(root) && is_unread => {
                let (creation_time, document) = (change.place.creation_time, before.clone());
                let hidden = HiddenRow { why: Why::Deleted, root, creation_time, document };
                let waiting = StoredRow { hidden: Some(hidden), ..stored.clone() };
                let was_unsaved = matches!(change.bases.row, Base::Unsaved(_));
                self.put(key.to_vec(), base.clone(), Some(waiting.encode()), was_unsaved);
                true
            }
            (None, ..) => false,
        }
    }

    /// What a key has by now: a merge may have changed stamps of a row that is otherwise as it was.
    fn resolve(&self, key: &[u8], base: &Base) -> Option<Bytes> {
        if let Base::Unsaved(_) = base
            && let Some(row) = self.rows.iter().rfind(|row| row.key == key)
        {
            return row.stored.clone();
        }
        let (Base::Stored(stored) | Base::Unsaved(stored)) = base;
        self.committed.view.crdt.get(key).map_or_else(|| stored.clone(), value_of)
    }

    /// The last one under a key counts. `base` is what there was before this commit; only what was not saved when a mutation
    /// changed it can have been written by another one of this commit.
    fn put(&mut self, key: Vec<u8>, base: Option<Bytes>, stored: Option<Vec<u8>>, was_unsaved: bool) {
        let drafted = was_unsaved.then(|| self.rows.iter().rfind(|row| row.key == key)).flatten();
        let before = Before::of(drafted.map_or(base.as_ref(), |row| row.stored.as_ref()));
        self.rows.push(DraftRow { key, stored: stored.map(Bytes::new), before });
    }

    /// A row goes to another document. What else is written to it at the same time is written where it is, too: whoever has
    /// moved it elsewhere finds it there. Answers what is left of it, and what says so, by name.
    fn move_away(
        &mut self,
        writer: &RowWriter<'_>,
        (from, stored, before): (Root, &StoredRow, &Bytes),
        to: Root,
        after: &Bytes,
    ) -> Option<(StoredRow, Option<String>)> {
        let target = id_text_of(writer.schema, to)?;
        let last = Some(stored).filter(|stored| stored.hidden.is_none());
        let last = last.and_then(|_| staying(writer, before, after)).filter(|last| last != before);
        let (left, mark) = self.edit(from, writer, |editor, _| match &last {
            None => writer.move_away(editor, (from, stored, before), to, &target),
            Some(last) => {
                let stored = writer.update(editor, stored, before, last)?;
                writer.move_away(editor, (from, &stored, last), to, &target)
            }
        })?;
        let actor = self.documents.get(&from)?.document.actors.get(mark.actor as usize)?;
        Some((left, id_text_of(writer.schema, from).map(|from| move_name(&from, mark.counter, actor))))
    }

    /// A row comes into a document, in which it may have been before: as a new one, so that two who bring it at the same time
    /// make two, of which one counts.
    fn move_in(
        &mut self,
        writer: &RowWriter<'_>,
        (from, stored, said): (Root, &StoredRow, Option<&str>),
        to: Root,
        change: &SyncedChange,
        after: &Bytes,
    ) -> Option<StoredRow> {
        let key = keyspace::remains_key(writer.table.id, &writer.place.id, &to);
        let base = change.bases.remains.iter().find(|(root, _)| *root == to);
        let left = base.and_then(|(_, base)| self.resolve(&key, base));
        let known = left.as_ref().and_then(|left| StoredRow::decode(left).ok());
        let known = known.as_ref().and_then(|known| Some((known, &known.hidden.as_ref()?.document)));
        if known.is_some() {
            self.put(key, left.clone(), None, matches!(change.bases.row, Base::Unsaved(_)));
        }
        // A row that is in the document of its origin says nothing of it.
        let origin = Some(stored.marks.origin.unwrap_or(from)).filter(|origin| *origin != to);
        let marks = Marks { origin, moved_to: None };
        let coming = Coming { marks, from: said, left: known, rest: stored.rest.as_ref() };
        self.edit(to, writer, |editor, map| writer.arrive(editor, map, after, coming))
    }

    /// A document in the making: that which is known, or a new one.
    fn draft(&mut self, root: Root, id: Option<DocumentId>) -> &mut Draft {
        if !self.documents.contains_key(&root) {
            let known = self.known.get(&root).cloned();
            let is_new = known.is_none();
            let document = known.unwrap_or_else(|| {
                Document::of(DocumentState::new(id.unwrap_or_else(|| new_document_id(self.random))))
            });
            let actors_before = document.state.actor_count;
            let draft = Draft {
                document,
                is_new,
                actors_before,
                chunks: Vec::new(),
                encoder: ChangeEncoder::default(),
                is_changed: false,
                written_bytes: 0,
            };
            self.documents.insert(root, Box::new(draft));
        }
        self.documents.get_mut(&root).expect("it was put there")
    }

    /// Does something to a document, with the map of a table.
    fn edit<T>(
        &mut self,
        root: Root,
        writer: &RowWriter<'_>,
        edit: impl FnOnce(&mut Editor<'_>, OpId) -> Result<T, Malformed>,
    ) -> Option<T> {
        let random = self.random.fork();
        let (time, size) = ((self.now_ms / 1000.0) as i64, writer.size);
        let draft = self.draft(root, None);
        let own = matches!(writer.placement.home, Home::Root).then_some(writer.id_text);
        if let Home::Within { root: roots, .. } = &writer.placement.home
            && draft.document.state.tables.is_empty()
        {
            // The row that it belongs to is not here; that table's map says which one it is.
            let name = id_text_of(writer.schema, root);
            draft.table(roots, name.as_deref(), random.clone());
        }
        if draft.encoder.len() >= OPERATIONS || draft.written_bytes >= WRITTEN_BYTES {
            draft.end_change(time);
        }
        draft.written_bytes += size;
        let map = draft.table(&writer.table.name, own, random.clone());
        let author = draft.author(random);
        let mut editor = Editor {
            names: &writer.schema.names,
            kinds: writer.placement,
            author,
            first_op: draft.document.state.max_op + 1,
            encoder: &mut draft.encoder,
        };
        edit(&mut editor, map).ok()
    }

    pub(super) fn finish(self, sequence: u64) -> (Vec<CrdtEntry>, Vec<(Root, Document)>) {
        let mut entries = self.notes;
        for DraftRow { key, stored, before } in self.rows {
            let noted = stored.as_ref().filter(|stored| is_noted(stored));
            if noted.is_some() || before.is_noted {
                let version = self.committed.schema.version.to_be_bytes();
                // No schema says anything else of what is deleted.
                let value = noted.map(|stored| Bytes::from(if is_judged(stored) { &version[..] } else { &[] }));
                let is_new = !before.is_noted;
                entries.push(CrdtEntry { key: Bytes::new(keyspace::noted_key(&key)), value, is_new });
            }
            entries.push(CrdtEntry { key: Bytes::new(key), value: stored, is_new: before.is_new });
        }
        let mut documents = Vec::new();
        for (root, draft) in self.documents {
            let Draft { document, is_new, actors_before, chunks, is_changed, .. } = *draft;
            if chunks.is_empty() && !is_changed {
                continue;
            }
            let mut put = |key: &[u8], value: Bytes, is_new| {
                entries.push(CrdtEntry { key: Bytes::from(key), value: Some(value), is_new });
            };
            put(&root.state_key(), Bytes::new(document.state.encode()), is_new);
            for place in actors_before..document.state.actor_count {
                put(&root.actor_key(place), document.actors[place as usize].clone(), true);
            }
            if chunks.len() >= LONG_BYTES {
                put(&root.long_key(sequence), Bytes::default(), true);
            }
            if !chunks.is_empty() {
                put(&root.changes_key(sequence), Bytes::new(chunks), true);
            }
            documents.push((root, document));
        }
        (entries, documents)
    }
}

/// What a row will be, but for where it belongs: that stays as it was.
fn staying(writer: &RowWriter<'_>, before: &Bytes, after: &Bytes) -> Option<Bytes> {
    let Home::Within { field, .. } = &writer.placement.home else { return None };
    let names = &writer.schema.names;
    let fields = |document: &Bytes| Fields::new(document).to_value(names).ok();
    let (Value::Object(before), Value::Object(mut after)) = (fields(before)?, fields(after)?) else { return None };
    after.insert(field.clone(), before.get(field)?.clone());
    Some(Bytes::new(document::encode(&Value::Object(after), names)))
}

/// The id of a document's row, as text.
pub(super) fn id_text_of(schema: &Schema, root: Root) -> Option<String> {
    Some(id::encode(schema.table_by_id(root.table)?.number, &root.id))
}
