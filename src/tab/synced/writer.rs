//! Writes one row to a document: operations, and what is stored beside the row from then on.

use super::drafts::id_text_of;
use crate::bytes::{Bytes, Malformed};
use crate::crdt::{Editor, HiddenRow, Marks, OpId, Rest, RowStamps, StoredRow, WholeRow, Why};
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
    /// One that is new in its document; it may bring fields that nobody here knows.
    pub(super) fn insert(
        &self,
        editor: &mut Editor<'_>,
        map: OpId,
        document: &Bytes,
        marks: Marks,
        rest: Option<&Rest>,
    ) -> Result<StoredRow, Malformed> {
        let origin = marks.origin.and_then(|origin| id_text_of(self.schema, origin));
        let whole = self.with_rest(document, rest)?;
        let fields = Fields::new(&whole).object()?;
        let row = editor.insert_row(map, self.id_text, self.place.creation_time, origin.as_deref(), fields)?;
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
        self.bring(editor, stored, before, after, stored.rest.as_ref())
    }

    /// The same, with other fields that nobody here knows.
    pub(super) fn bring(
        &self,
        editor: &mut Editor<'_>,
        stored: &StoredRow,
        before: &Bytes,
        after: &Bytes,
        rest: Option<&Rest>,
    ) -> Result<StoredRow, Malformed> {
        let marks = Marks { moved_to: None, ..stored.marks };
        let outcome = Outcome { document: after, rest, marks, hidden_in: None };
        self.edit(stored, before, &outcome, |row, before, after| {
            if stored.hidden.is_some() {
                editor.restore_row(row);
            }
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

    pub(super) fn move_away(
        &self,
        editor: &mut Editor<'_>,
        (from, stored, before): (Root, &StoredRow, &Bytes),
        to: Root,
        target: &str,
    ) -> Result<StoredRow, Malformed> {
        let marks = Marks { moved_to: Some(to), ..stored.marks };
        let outcome = Outcome { document: before, rest: stored.rest.as_ref(), marks, hidden_in: Some(from) };
        self.edit(stored, before, &outcome, |row, _, _| {
            editor.move_row(row, target);
            Ok(())
        })
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
        Ok(StoredRow { hidden, marks: *marks, rest, stamps: Bytes::new(stamps.encode()) })
    }
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
