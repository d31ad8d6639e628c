//! What the schema promises, by example and against stupid models.

mod codec;
mod definition;
mod evolve;
mod import;
mod index_keys;
mod mismatch;
mod samples;
mod validator;
