//! Moves of rows between documents, by the names that their arrivals have for them.

use crate::crdt::mark;
use automerge::{ActorId, Automerge, ObjId, ReadDoc, ScalarValue, legacy};

/// An operation that was applied.
fn find(document: &Automerge, id: &ObjId) -> Option<legacy::Op> {
    let ObjId::Id(counter, ..) = id else { return None };
    let change = document.get_change_by_hash(&document.hash_for_opid(id)?)?.decode();
    let at = counter.checked_sub(change.start_op.get())?;
    change.operations.into_iter().nth(usize::try_from(at).ok()?)
}

/// The object that an operation has written to.
pub(in crate::doc) fn object_of(document: &Automerge, operation: &ObjId) -> Option<ObjId> {
    match find(document, operation)?.obj {
        legacy::ObjectId::Id(legacy::OpId(counter, actor)) => Some(ObjId::Id(counter, actor, 0)),
        legacy::ObjectId::Root => None,
    }
}

/// Whether an operation has said of a row that it goes to the document of another one.
pub(in crate::doc) fn has_sent(document: &Automerge, id_text: &str, operation: &ObjId, target: &str) -> bool {
    let is_at = |op: &legacy::Op, name: &str| matches!(&op.key, legacy::Key::Map(key) if *key == name);
    let Some(said) = find(document, operation).filter(|op| is_at(op, mark::MOVED_TO)) else { return false };
    let is_target = matches!(&said.action, legacy::OpType::Put(ScalarValue::Str(text)) if *text == target);
    let made = object_of(document, operation).and_then(|object| find(document, &object));
    is_target && made.is_some_and(|made| is_at(&made, id_text))
}

/// The operation of this name.
pub(in crate::doc) fn operation_of(name: &str) -> Option<ObjId> {
    let (counter, actor) = name.rsplit_once(' ')?.1.split_once('@')?;
    Some(ObjId::Id(counter.parse().ok()?, ActorId::try_from(actor).ok()?, 0))
}

/// What the operation that has made an object is called.
pub(in crate::doc) fn object_name(object: &ObjId) -> String {
    object.to_string()
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use automerge::transaction::Transactable;
    use automerge::{ObjType, ROOT};

    /// Whoever may write to one document must not get at another one by saying that a row has come from there.
    #[test]
    fn only_the_document_itself_says_that_a_row_has_left_it() {
        let mut document = Automerge::new();
        let mut transaction = document.transaction();
        let tasks = transaction.put_object(ROOT, "tasks", ObjType::Map).expect("made");
        let row = transaction.put_object(&tasks, "r", ObjType::Map).expect("made");
        transaction.put(&row, "title", "q").expect("put");
        transaction.put(&row, mark::MOVED_TO, "q").expect("put");
        transaction.commit();
        let operation = |name: &str| document.get(&row, name).expect("readable").expect("it is there").1;
        let moved = operation(mark::MOVED_TO);
        assert!(has_sent(&document, "r", &moved, "q"));
        assert!(!has_sent(&document, "r", &moved, "p"), "to another one");
        assert!(!has_sent(&document, "s", &moved, "q"), "another row");
        assert!(!has_sent(&document, "r", &operation("title"), "q"), "it says something else");
        assert!(!has_sent(&document, "r", &row, "q"));
        assert_eq!(object_of(&document, &moved).map(|object| object_name(&object)), Some(object_name(&row)));

        let named = operation_of(&format!("some row {}", object_name(&moved))).expect("a name");
        assert_eq!(object_name(&named), object_name(&moved));
        let far = operation_of("some row 4294967295@00").expect("a name");
        assert!(!has_sent(&document, "r", &far, "q"), "nobody has made it");
        for name in ["", "x", "x 1", "x 1@", "x @00", "x -1@00", "x 1@zz", "x 1@0"] {
            let operation = operation_of(name);
            assert!(operation.is_none_or(|operation| !has_sent(&document, "r", &operation, "q")), "{name}");
        }
    }
}
