//! Fields that this version of an app does not know: they are not part of the row that it reads, and stay in its document.

use super::stamp::RowStamps;
use super::stored_row::Rest;
use crate::bytes::{Bytes, Malformed};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::value::Value;

/// A row with all its fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WholeRow {
    pub(crate) fields: FlatMap<String, Value>,
    pub(crate) stamps: RowStamps,
}

impl WholeRow {
    /// Takes a row out of what is stored.
    pub(crate) fn join(document: &[u8], names: &Names, stamps: &[u8], rest: Option<&Rest>) -> Result<Self, Malformed> {
        let fields = Document::new(document);
        let stamps = RowStamps::decode(stamps, fields.object()?)?;
        let whole = WholeRow { fields: object(fields.to_value(names)?)?, stamps };
        match rest {
            None => Ok(whole),
            Some(rest) => whole.with(rest),
        }
    }

    /// A field that both have is the row's own.
    fn with(self, rest: &Rest) -> Result<Self, Malformed> {
        let document = Document::new(&rest.document);
        let more = RowStamps::decode(&rest.stamps, document.object()?)?.fields;
        let WholeRow { fields, mut stamps } = self;
        let mut all: FlatMap<String, _> = FlatMap::new();
        let own = fields.into_iter().zip(std::mem::take(&mut stamps.fields));
        for ((name, value), stamp) in object(document.to_value(&Names::new())?)?.into_iter().zip(more).chain(own) {
            all.insert(name, (value, stamp));
        }
        let mut fields = FlatMap::new();
        for (name, (value, stamp)) in all {
            fields.insert(name, value);
            stamps.fields.push(stamp);
        }
        Ok(WholeRow { fields, stamps })
    }

    /// Leaves the known fields, and takes out the others, if there are any.
    pub(crate) fn split(self, is_known: impl Fn(&str) -> bool) -> (Self, Option<Rest>) {
        let WholeRow { fields, mut stamps } = self;
        if fields.keys().all(|name| is_known(name)) {
            return (WholeRow { fields, stamps }, None);
        }
        let (mut known, mut unknown) = (FlatMap::new(), FlatMap::new());
        let mut rest = RowStamps { fields: Vec::new(), ..stamps.clone() };
        for ((name, value), stamp) in fields.into_iter().zip(std::mem::take(&mut stamps.fields)) {
            let (fields, stamps) = if is_known(&name) { (&mut known, &mut stamps) } else { (&mut unknown, &mut rest) };
            fields.insert(name, value);
            stamps.fields.push(stamp);
        }
        let document = Bytes::new(document::encode(&Value::Object(unknown), &Names::new()));
        let rest = Rest { document, stamps: Bytes::new(rest.encode()) };
        (WholeRow { fields: known, stamps }, Some(rest))
    }

    /// The bytes of its fields.
    pub(crate) fn document(&self, names: &Names) -> Bytes {
        Bytes::new(document::encode(&Value::Object(self.fields.clone()), names))
    }
}

impl Rest {
    /// A document with these fields beside its own.
    pub(crate) fn under(&self, document: &[u8], names: &Names) -> Result<Bytes, Malformed> {
        let mut fields = object(Document::new(&self.document).to_value(&Names::new())?)?;
        for (name, value) in object(Document::new(document).to_value(names)?)? {
            fields.insert(name, value);
        }
        Ok(Bytes::new(document::encode(&Value::Object(fields), names)))
    }
}

fn object(value: Value) -> Result<FlatMap<String, Value>, Malformed> {
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Malformed("a row that is no object")),
    }
}
