//! The app's schema as it came: read only when the stored one was not made of the very same, which is rare.
//! Reading and comparing costs a page milliseconds at its start, when no code is compiled yet.

use crate::bytes::Reader;
use crate::document;
use crate::error::{Code, Error, Result};
use crate::schema::SchemaDefinition;
use crate::sha256::sha256;

/// Names a definition in the schema that was made of it: the beginning of a SHA-256.
pub(crate) type Source = [u8; 16];

/// Goes up when a definition comes to mean something else: then schemas made of it are to be made again.
const MEANING: u8 = 1;

/// What the app asks for.
#[derive(Clone, Debug)]
pub struct WantedSchema {
    encoded: Vec<u8>,
    /// Of a definition that was made here and not given, there is no name.
    pub(crate) source: Option<Source>,
    definition: Option<SchemaDefinition>,
}

impl WantedSchema {
    /// Takes the value that a schema's `export()` gives, encoded. It is not read yet.
    pub fn new(encoded: &[u8]) -> Self {
        let mut named = vec![MEANING];
        named.extend_from_slice(encoded);
        let source = sha256(&named).first_chunk().copied();
        WantedSchema { encoded: encoded.to_vec(), source, definition: None }
    }

    /// Reads it, if that has not happened yet.
    pub fn definition(&mut self) -> Result<&SchemaDefinition> {
        if self.definition.is_none() {
            let malformed = |_| Error::new(Code::EngineFault, "The schema did not reach the engine in one piece.");
            let value = document::decode_deep_value(&mut Reader::new(&self.encoded)).map_err(malformed)?;
            self.definition = Some(SchemaDefinition::from_value(&value)?);
        }
        Ok(self.definition.as_ref().expect("it was just read"))
    }
}

impl From<SchemaDefinition> for WantedSchema {
    fn from(definition: SchemaDefinition) -> Self {
        WantedSchema { encoded: Vec::new(), source: None, definition: Some(definition) }
    }
}
