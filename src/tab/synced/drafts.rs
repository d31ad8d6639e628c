//! Changes in the making: what becomes of documents and rows with the commit that goes out.

use super::super::merging::{MergeDraft, MergedKey};
use super::super::state::{Pending, State};
use super::{Base, Document, Own, SyncedChange, home, value_of};
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{
    ActorId, ChangeEncoder, ChangeHash, DocumentId, DocumentState, Editor, Head, HiddenRow, OpId, RowStamps, StoredRow,
    Why, genesis, table_map,
};
use crate::document::Document as Fields;
use crate::flat_map::FlatMap;
use crate::id;
use crate::keyspace::{self, Place, Root};
use crate::log::CrdtEntry;
use crate::random::Random;
use crate::schema::{Home, Placement, Schema, Table};
use std::rc::Rc;

/// Documents and rows as they will be when a commit is saved.
pub(super) struct Drafts<'a> {
    known: &'a FlatMap<Root, Document>,
    committed: &'a State,
    random: &'a mut Random,
    now_ms: f64,
    documents: FlatMap<Root, Draft>,
    rows: Vec<DraftRow>,
}

/// What will be stored under a key.
struct DraftRow {
    key: Vec<u8>,
    stored: Option<Bytes>,
    /// Whether nothing was.
    is_new: bool,
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
}

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

    /// The place of the actor that has made a table's map, which is made if it is not there.
    fn table(&mut self, name: &str, root: Option<&str>) -> u32 {
        if let Some(&actor) = self.document.state.tables.get(name) {
            return actor;
        }
        let (actor, change) = genesis(&self.document.state.id, name, root);
        let place = self.add_actor(actor);
        self.document.state.tables.insert(name.to_string(), place);
        self.chunks.extend_from_slice(&change.bytes);
        self.add_head(change.hash);
        place
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
        let (count, state) = (encoder.len(), &mut self.document.state);
        let Some(own) = self.document.own.as_mut().filter(|_| count > 0) else { return };
        own.sequence += 1;
        let change = encoder.finish(&Head {
            actors: &self.document.actors,
            author: own.author,
            sequence: own.sequence,
            first_op: state.max_op + 1,
            time,
            dependencies: &state.heads,
        });
        state.max_op += count;
        state.heads = vec![change.hash];
        self.chunks.extend_from_slice(&change.bytes);
    }
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
        Drafts { known, committed, random, now_ms, documents: FlatMap::new(), rows: Vec::new() }
    }

    /// One mutation: a change of each document that it has written to.
    pub(super) fn add(&mut self, pending: &Pending) {
        if let Some(merge) = &pending.merge {
            return self.add_merge(merge);
        }
        let schema = &pending.after.schema;
        for change in &pending.synced {
            let Some(table) = schema.table_by_id(change.table) else { continue };
            let Some(placement) = &table.placement else { continue };
            self.add_row(schema, table, placement, change);
        }
        let now_ms = self.now_ms;
        for draft in self.documents.values_mut() {
            draft.end_change((now_ms / 1000.0) as i64);
        }
    }

    /// What others have changed, as it was merged.
    fn add_merge(&mut self, merge: &MergeDraft) {
        for MergedKey { key, stored, is_new } in &merge.rows {
            self.put(key.clone(), Some(stored.clone()), *is_new);
        }
        let draft = self.draft(merge.root, Some(merge.state.id));
        draft.document.state = merge.state.clone();
        Rc::make_mut(&mut draft.document.actors).extend(merge.actors.iter().cloned());
        draft.chunks.extend_from_slice(&merge.chunks);
    }

    fn add_row(&mut self, schema: &Schema, table: &Table, placement: &Placement, change: &SyncedChange) {
        let id = change.place.id;
        let key = keyspace::stamps_key(table.id, &id).to_vec();
        let base = self.resolve(&key, &change.bases.row);
        let is_new = base.is_none();
        let id_text = id::encode(table.number, &id);
        let now_ms = self.now_ms;
        let home_of = |document: &Option<Bytes>| home(schema, table, id, document.as_ref()?);
        let (from, to) = (home_of(&change.before), home_of(&change.after));
        let place = change.place;
        let writer = RowWriter { schema, table, placement, id_text: &id_text, place, home: from, now_ms };
        let stored = base.as_ref().and_then(|base| StoredRow::decode(base).ok());
        let next = match (stored, &change.after, to) {
            (Some(StoredRow::Shown { stamps }), None, _) => {
                let (Some(before), Some(from)) = (&change.before, from) else { return };
                self.edit(from, &writer, |editor, _| writer.delete(editor, before, &stamps))
            }
            (Some(StoredRow::Shown { stamps }), Some(after), Some(to)) if from == Some(to) => {
                let Some(before) = &change.before else { return };
                self.edit(to, &writer, |editor, _| writer.update(editor, before, after, &stamps))
            }
            // What was in another document stays there, marked.
            (Some(StoredRow::Shown { stamps }), Some(after), Some(to)) => {
                let (Some(before), Some(from)) = (&change.before, from) else { return };
                let left = self.edit(from, &writer, |editor, _| writer.delete(editor, before, &stamps));
                self.leave(&writer, from, left.map(Bytes::new));
                self.move_in(&writer, to, after, change)
            }
            // A deleted row comes back: in its document, or in another one.
            (Some(StoredRow::Hidden(hidden)), Some(after), Some(to)) => match hidden.root {
                from if from != to => {
                    self.leave(&writer, from, base);
                    self.move_in(&writer, to, after, change)
                }
                _ => self.edit(to, &writer, |editor, _| writer.restore(editor, &hidden, after)),
            },
            (None, Some(after), Some(to)) => self.edit(to, &writer, |editor, map| writer.insert(editor, map, after)),
            (_, Some(_), None) | (None | Some(StoredRow::Hidden(_)), None, _) => None,
        };
        if let Some(next) = next {
            self.put(key, Some(Bytes::new(next)), is_new);
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

    /// The last one under a key counts.
    fn put(&mut self, key: Vec<u8>, stored: Option<Bytes>, is_new: bool) {
        self.rows.push(DraftRow { key, stored, is_new });
    }

    /// Keeps what is left of a row in a document that it leaves.
    fn leave(&mut self, writer: &RowWriter<'_>, from: Root, left: Option<Bytes>) {
        if left.is_some() {
            let key = keyspace::remains_key(writer.table.id, &writer.place.id, &from);
            self.put(key, left, true);
        }
    }

    /// A row comes into a document, in which it may have been before.
    fn move_in(&mut self, writer: &RowWriter<'_>, to: Root, after: &Bytes, change: &SyncedChange) -> Option<Vec<u8>> {
        let key = keyspace::remains_key(writer.table.id, &writer.place.id, &to);
        let base = change.bases.remains.iter().find(|(root, _)| *root == to);
        let left = base.and_then(|(_, base)| self.resolve(&key, base));
        match left.and_then(|left| StoredRow::decode(&left).ok()) {
            Some(StoredRow::Hidden(left)) => {
                self.put(key, None, false);
                self.edit(to, writer, |editor, _| writer.restore(editor, &left, after))
            }
            _ => self.edit(to, writer, |editor, map| writer.insert(editor, map, after)),
        }
    }

    /// A document in the making: that which is known, or a new one.
    fn draft(&mut self, root: Root, id: Option<DocumentId>) -> &mut Draft {
        if !self.documents.contains_key(&root) {
            let known = self.known.get(&root).cloned();
            let is_new = known.is_none();
            let document = known.unwrap_or_else(|| Document {
                state: DocumentState::new(id.unwrap_or_else(|| sixteen(self.random))),
                actors: Rc::default(),
                own: None,
            });
            let actors_before = document.state.actor_count;
            let draft =
                Draft { document, is_new, actors_before, chunks: Vec::new(), encoder: ChangeEncoder::default() };
            self.documents.insert(root, draft);
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
        let draft = self.draft(root, None);
        let own = matches!(writer.placement.home, Home::Root).then_some(writer.id_text);
        let map = table_map(draft.table(&writer.table.name, own));
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
        let mut entries = Vec::new();
        for DraftRow { key, stored, is_new } in self.rows {
            entries.push(CrdtEntry { key: Bytes::new(key), value: stored, is_new });
        }
        let mut documents = Vec::new();
        for (root, draft) in self.documents {
            let Draft { document, is_new, actors_before, chunks, .. } = draft;
            if chunks.is_empty() {
                continue;
            }
            let mut put = |key: &[u8], value: Bytes, is_new| {
                entries.push(CrdtEntry { key: Bytes::from(key), value: Some(value), is_new });
            };
            put(&root.state_key(), Bytes::new(document.state.encode()), is_new);
            for place in actors_before..document.state.actor_count {
                put(&root.actor_key(place), document.actors[place as usize].clone(), true);
            }
            put(&root.changes_key(sequence), Bytes::new(chunks), true);
            documents.push((root, document));
        }
        (entries, documents)
    }
}

/// Writes one row.
struct RowWriter<'a> {
    schema: &'a Schema,
    table: &'a Table,
    placement: &'a Placement,
    id_text: &'a str,
    place: Place,
    /// The document that the row was in, if it was in one.
    home: Option<Root>,
    now_ms: f64,
}

impl RowWriter<'_> {
    fn insert(&self, editor: &mut Editor<'_>, map: OpId, document: &Bytes) -> Result<Vec<u8>, Malformed> {
        let fields = Fields::new(document).object()?;
        let row = editor.insert_row(map, self.id_text, self.place.creation_time, fields)?;
        Ok(StoredRow::shown(&row.encode()))
    }

    fn update(
        &self,
        editor: &mut Editor<'_>,
        before: &Bytes,
        after: &Bytes,
        stamps: &[u8],
    ) -> Result<Vec<u8>, Malformed> {
        let fields = Fields::new(before).object()?;
        let mut row = RowStamps::decode(stamps, fields)?;
        editor.update_row(&mut row, fields, Fields::new(after).object()?)?;
        Ok(StoredRow::shown(&row.encode()))
    }

    fn delete(&self, editor: &mut Editor<'_>, before: &Bytes, stamps: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut row = RowStamps::decode(stamps, Fields::new(before).object()?)?;
        editor.delete_row(&mut row, self.now_ms);
        let root = self.home.unwrap_or(Root { table: self.table.id, id: self.place.id });
        Ok(HiddenRow::encode(Why::Deleted, root, self.place.creation_time, before, &row.encode()))
    }

    fn restore(&self, editor: &mut Editor<'_>, hidden: &HiddenRow, after: &Bytes) -> Result<Vec<u8>, Malformed> {
        let before = Fields::new(&hidden.document).object()?;
        let mut row = RowStamps::decode(&hidden.stamps, before)?;
        editor.restore_row(&mut row);
        editor.update_row(&mut row, before, Fields::new(after).object()?)?;
        Ok(StoredRow::shown(&row.encode()))
    }
}
