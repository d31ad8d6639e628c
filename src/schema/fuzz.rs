//! What a fuzzer feeds bytes to. Any bytes are fine; a panic is a finding.

use crate::bytes::Reader;
use crate::document::{Names, decode_value};
use crate::schema::{Schema, SchemaDefinition};

/// Bytes as a stored schema, then as the schema that an app asks for.
pub fn schema(bytes: &[u8]) {
    if let Ok(schema) = Schema::decode(bytes) {
        assert!(schema.encode() == bytes, "a stored schema has one encoding");
        schema.names_json();
    }
    let Ok(value) = decode_value(&mut Reader::new(bytes), &Names::new()) else {
        return;
    };
    let Ok(definition) = SchemaDefinition::from_value(&value) else {
        return;
    };
    if let Ok(Some(evolution)) = Schema::empty().evolve(&definition) {
        let stored = evolution.schema;
        assert!(Schema::decode(&stored.encode()).as_ref() == Ok(&stored), "what is stored is read back");
        assert!(stored.evolve(&definition) == Ok(None), "evolving twice changes nothing");
    }
}
