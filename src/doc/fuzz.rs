//! Any bytes as what a peer sends of a document.

use super::admission::{Gate, Limits, verified_save};
use crate::bytes::Write;
use crate::sha256::sha256;
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ObjType, ROOT};

/// What the gate lets through, automerge applies, saves, and loads as the same: of the bytes as they are, and as what lies
/// in a change or a document with the right checksum.
pub(crate) fn gate(bytes: &[u8]) {
    for chunks in [bytes.to_vec(), chunk(1, bytes), chunk(0, bytes)] {
        let mut document = known();
        let mut gate = Gate::before(&document, Limits::default()).expect("an honest document");
        let admitted = gate.admit(&chunks);
        if admitted.changes.is_empty() {
            continue;
        }
        document.apply_changes(admitted.changes).expect("what is let through is applied");
        verified_save(&document).expect("what was applied can be loaded");
    }
}

/// A document with something of each kind, the same every time.
fn known() -> Automerge {
    let mut document = Automerge::new().with_actor(ActorId::from([1; 16]));
    let mut transaction = document.transaction();
    let mut fill = || -> Result<(), automerge::AutomergeError> {
        let tasks = transaction.put_object(ROOT, "tasks", ObjType::Map)?;
        let row = transaction.put_object(&tasks, "row", ObjType::Map)?;
        transaction.put(&row, "votes", automerge::ScalarValue::counter(3))?;
        let text = transaction.put_object(&row, "title", ObjType::Text)?;
        transaction.splice_text(&text, 0, 0, "a title")?;
        let tags = transaction.put_object(&row, "tags", ObjType::List)?;
        transaction.insert(&tags, 0, "x")
    };
    fill().expect("an honest document");
    transaction.commit();
    document
}

/// A chunk, with the checksum that it has to have.
pub(super) fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    hashed.put_bytes(body);
    let checksum = sha256(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &checksum[..4], &hashed].concat()
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    /// Without that the target would look at nothing.
    #[test]
    fn honest_changes_are_let_through() {
        let mut document = known().with_actor(ActorId::from([2; 16]));
        let mut transaction = document.transaction();
        transaction.put(ROOT, "a", 1).expect("put");
        transaction.commit();
        let change = document.get_last_local_change().expect("a change");
        let body = crate::bytes::Reader::new(&change.raw_bytes()[9..]).bytes("a change").expect("its body").to_vec();
        assert_eq!(chunk(1, &body), change.raw_bytes());
        let mut gate = Gate::before(&known(), Limits::default()).expect("an honest document");
        assert_eq!(gate.admit(&chunk(1, &body)).changes.len(), 1);
        super::gate(&body);
        super::gate(change.raw_bytes());
    }
}
