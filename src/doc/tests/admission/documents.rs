//! Whole documents as one chunk.

use super::*;

#[test]
fn a_document_is_taken_apart_into_its_changes() {
    for seed in crate::random::seeds(40) {
        let document = mixed_document(seed, 40);
        let hashes = |changes: &[Change]| changes.iter().map(Change::hash).collect::<std::collections::BTreeSet<_>>();
        for bytes in [document.save(), document.save_nocompress()] {
            let admitted = Gate::new(Limits::default()).admit(&bytes);
            assert_eq!(admitted.refused, [], "seed {seed}");
            assert_eq!(hashes(&admitted.changes), hashes(&document.get_changes(&[])), "seed {seed}");
        }
    }
}
