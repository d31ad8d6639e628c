//! Reading what is stored, or saying what is wrong with it.

use crate::bytes::{Bytes, Malformed};
use crate::document::Document;
use crate::error::{Code, Error, Result};
use crate::keyspace::RowId;
use crate::log::{Record, RecordError};
use crate::schema::{Schema, Table};
use crate::store::{Manifest, ManifestError};

/// Reads a log record and checks the schema that it may carry, or says what is wrong with it.
pub(crate) fn decode_record(sequence: u64, bytes: Vec<u8>) -> Result<Record> {
    let damaged = |malformed: Malformed| {
        Error::new(Code::Corrupt, format!("Log record {sequence} is damaged ({}).", malformed.0))
    };
    let record = Record::decode(&Bytes::new(bytes)).map_err(|error| match error {
        RecordError::Newer => newer_format(),
        RecordError::Malformed(malformed) => damaged(malformed),
    })?;
    match record.schema.as_ref().map(|schema| Schema::decode(schema)) {
        Some(Err(Schema::NEWER_FORMAT)) => Err(newer_format()),
        Some(Err(malformed)) => Err(damaged(malformed)),
        Some(Ok(_)) | None => Ok(record),
    }
}

/// Reads the manifest that is stored under a key, or says what is wrong with it.
pub(crate) fn decode_manifest(generation: u64, bytes: &[u8]) -> Result<Manifest> {
    let damaged = |what| Error::new(Code::Corrupt, format!("The manifest is damaged ({what})."));
    match Manifest::decode(bytes) {
        Ok(manifest) if manifest.generation == generation => Ok(manifest),
        Ok(_) => Err(damaged("its generation is not its key")),
        Err(ManifestError::NewerFormat(_)) => Err(newer_format()),
        Err(ManifestError::Malformed(malformed)) => Err(damaged(malformed.0)),
    }
}

pub(crate) fn schema_unreadable(malformed: &Malformed) -> Error {
    if *malformed == Schema::NEWER_FORMAT {
        newer_format()
    } else {
        Error::new(Code::Corrupt, format!("The stored schema is damaged ({}).", malformed.0))
    }
}

/// Checks a stored document against a schema that is about to be adopted.
pub(crate) fn check_stored(schema: &Schema, table: &Table, document: &[u8], id: &RowId) -> Result<()> {
    let checked = schema.check(table, &Document::new(document));
    checked.map_err(|mismatch| mismatch.stored_error(&table.name, &crate::id::encode(table.number, id)))
}

/// The one text for what this version can't read because it comes from a later one, wherever that shows.
pub(crate) fn newer_format() -> Error {
    let message = "The database was written by a newer version of Holdfast. Reload the page to get it.";
    Error::new(Code::NewerFormat, message)
}

/// Adds to an error of the log what can be done about it: a tab that needs the record can't go on, and neither can one
/// that opens the database.
pub(super) fn with_loss_to_accept(error: Error) -> Error {
    const ACCEPT_LOSS: &str =
        "`openDatabase` with `accept: \"lose-unreadable\"` goes on without it and all that came after it.";
    advised(error, ACCEPT_LOSS)
}

/// Adds to an error of damage what to do about it.
pub(super) fn advised(mut error: Error, advice: &str) -> Error {
    if error.code == Code::Corrupt {
        error.message = format!("{} {advice}", error.message);
    }
    error
}

/// The error of a gap in the log.
pub(super) fn missing_record(sequence: u64) -> Error {
    Error::new(Code::Corrupt, format!("Log record {sequence} is missing."))
}
