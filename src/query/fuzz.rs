//! An entry for fuzzing: whatever the bytes, nothing here panics.
