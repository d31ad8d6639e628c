//! Bytes of released formats, kept in `tests/golden`: a test that makes other bytes fails.
//!
//! A file is written by running the test with `HOLDFAST_WRITE_GOLDEN=1`; it is never rewritten. A new format
//! gets a directory of its own, and the old one stays readable.

use std::path::PathBuf;

/// Compares bytes with those in `tests/golden/v1/<name>.hex`, whose white space does not count.
pub(crate) fn check(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v1/{name}.hex"));
    if !path.exists() && std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made the directory");
        let lines: Vec<String> = bytes.chunks(32).map(to_hex).collect();
        std::fs::write(&path, lines.join("\n") + "\n").expect("wrote the file");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let golden: String = text.split_whitespace().collect();
    assert_eq!(to_hex(bytes), golden, "the format of {name} has changed");
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
