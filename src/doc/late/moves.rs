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
