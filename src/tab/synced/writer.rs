//! Writes one row to a document: operations, and what is stored beside the row from then on.

use super::drafts::id_text_of;
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{Arrival, Editor, HiddenRow, Marks, OpId, Rest, RowStamps, StoredRow, WholeRow, Why};
use crate::document::{Document as Fields, ObjectRef};
use crate::keyspace::{Place, Root};
use crate::schema::{Placement, Schema, Table};

/// A row that is to be written.
pub(super) struct RowWriter<'a> {
    pub(super) schema: &'a Schema,
    pub(super) table: &'a Table,
    pub(super) placement: &'a Placement,
    pub(super) id_text: &'a str,
    pub(super) place: Place,
    pub(super) now_ms: f64,
    /// Fields that are what they shall be.
    pub(super) settled: &'a [String],
    /// The bytes of what it will be.
    pub(super) size: usize,
}

impl RowWriter<'_> {
    /// One that is new in its document.
    pub(super) fn insert(&self, editor: &mut Editor<'_>, map: OpId, document: &Bytes) -> Result<StoredRow, Malformed> {
        self.arrive(editor, map, document, Coming::default())
    }

    /// One that comes from another document; it may bring fields that nobody here knows.
    pub(super) fn arrive(
        &self,
        editor: &mut Editor<'_>,
        map: OpId,
        document: &Bytes,
        coming: Coming<'_>,
    ) -> Result<StoredRow, Malformed> {
        let Coming { marks, from, left, rest } = coming;
        let origin = marks.origin.and_then(|origin| id_text_of(self.schema, origin));
        let replaced = match left {
            None => Vec::new(),
            Some((left, document)) => {
                let stamps = RowStamps::decode(&left.stamps, Fields::new(document).object()?)?;
                std::iter::once(stamps.object).chain(stamps.maps).collect()
            }
        };
        let arrival = Arrival { origin: origin.as_deref(), from, replaced };
        let whole = self.with_rest(document, rest)?;
        let fields = Fields::new(&whole).object()?;
        let row = editor.insert_row(map, self.id_text, self.place.creation_time, &arrival, fields)?;
        self.stored(row, &whole, &Outcome { document, rest, marks, hidden_in: None })
    }

    /// One whose fields are others now, or that comes back.
    pub(super) fn update(
        &self,
        editor: &mut Editor<'_>,
        stored: &StoredRow,
        before: &Bytes,
        after: &Bytes,
    ) -> Result<StoredRow, Malformed> {
        let rest = stored.rest.as_ref();
        let marks = Marks { moved_to: None, ..stored.marks };
        let outcome = Outcome { document: after, rest, marks, hidden_in: None };
        self.edit(stored, before, &outcome, |row, before, after| {
            // What is shown may be marked as well: where moves that did not know of each other lead in a circle.
            editor.restore_row(row);
            editor.update_row(row, before, after, self.settled)
        })
    }

    pub(super) fn delete(
        &self,
        editor: &mut Editor<'_>,
        stored: &StoredRow,
        from: Root,
        before: &Bytes,
    ) -> Result<StoredRow, Malformed> {
        let (rest, marks) = (stored.rest.as_ref(), stored.marks);
        let outcome = Outcome { document: before, rest, marks, hidden_in: Some(from) };
        self.edit(stored, before, &outcome, |row, _, _| {
            editor.delete_row(row, self.now_ms);
            Ok(())
        })
    }

    /// One that goes to another document; also what says so.
    pub(super) fn move_away(
        &self,
        editor: &mut Editor<'_>,
        (from, stored, before): (Root, &StoredRow, &Bytes),
        to: Root,
        target: &str,
    ) -> Result<(StoredRow, OpId), Malformed> {
        let marks = Marks { moved_to: Some(to), ..stored.marks };
        let outcome = Outcome { document: before, rest: stored.rest.as_ref(), marks, hidden_in: Some(from) };
        let mut mark = None;
        let stored = self.edit(stored, before, &outcome, |row, _, _| {
            mark = Some(editor.move_row(row, target));
            Ok(())
        })?;
        Ok((stored, mark.expect("it was written")))
    }

    /// Does something to a row with all its fields, as they are and as they will be.
    fn edit(
        &self,
        stored: &StoredRow,
        before: &Bytes,
        outcome: &Outcome<'_>,
        edit: impl FnOnce(&mut RowStamps, ObjectRef<'_>, ObjectRef<'_>) -> Result<(), Malformed>,
    ) -> Result<StoredRow, Malformed> {
        let (before, mut row) = match &stored.rest {
            None => (before.clone(), RowStamps::decode(&stored.stamps, Fields::new(before).object()?)?),
            Some(rest) => {
                let whole = WholeRow::join(before, &self.schema.names, &stored.stamps, Some(rest))?;
                (whole.document(&self.schema.names), whole.stamps)
            }
        };
        let after = self.with_rest(outcome.document, outcome.rest)?;
        edit(&mut row, Fields::new(&before).object()?, Fields::new(&after).object()?)?;
        self.stored(row, &after, outcome)
    }

    fn with_rest(&self, document: &Bytes, rest: Option<&Rest>) -> Result<Bytes, Malformed> {
        match rest {
            None => Ok(document.clone()),
            Some(rest) => rest.under(document, &self.schema.names),
        }
    }

    /// What is stored of a row whose fields, with those that nobody here knows, are `whole`.
    fn stored(&self, stamps: RowStamps, whole: &Bytes, outcome: &Outcome<'_>) -> Result<StoredRow, Malformed> {
        let Outcome { document, rest, marks, hidden_in } = outcome;
        let (stamps, rest) = match rest {
            None => (stamps, None),
            Some(_) => {
                let names = &self.schema.names;
                let known = Fields::new(document).object()?;
                let whole = WholeRow::join(whole, names, &stamps.encode(), None)?;
                let (whole, rest) = whole.split(|name| known.get(name, names).is_some());
                (whole.stamps, rest)
            }
        };
        let creation_time = self.place.creation_time;
        let document = (*document).clone();
        let hidden = hidden_in.map(|root| HiddenRow { why: Why::Deleted, root, creation_time, document });
        Ok(StoredRow { hidden, marks: *marks, has_duplicates: false, rest, stamps: Bytes::new(stamps.encode()) })
    }
}

/// How a row comes into a document.
#[derive(Default)]
pub(super) struct Coming<'a> {
    pub(super) marks: Marks,
    /// What says in another document that it comes here.
    pub(super) from: Option<&'a str>,
    /// What is left of it from an earlier time, and its fields.
    pub(super) left: Option<(&'a StoredRow, &'a Bytes)>,
    pub(super) rest: Option<&'a Rest>,
}

/// What a row is to be.
struct Outcome<'a> {
    /// The fields that this version of the app knows.
    document: &'a Bytes,
    rest: Option<&'a Rest>,
    marks: Marks,
    /// In which document it is deleted, if it is.
    hidden_in: Option<Root>,
}
