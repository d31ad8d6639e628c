//! Operations of a change: automerge's, as far as rows need them.

use crate::bytes::Bytes;

/// Who makes changes, one after another: automerge's actor. Ours have sixteen bytes; those of others any number.
pub(crate) type ActorId = Bytes;

/// Names an operation of a document: the `counter`-th by an actor of the document's table of actors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OpId {
    /// Greater than that of every operation that its author knew of.
    pub(crate) counter: u32,
    /// A place in the document's table of actors, which only grows.
    pub(crate) actor: u32,
}

/// A map, list or text: the document itself, or what an operation has made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Root,
    Made(OpId),
}

/// A place in a list or text: behind an element, or the element itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Before the first.
    Head,
    /// What this operation has inserted.
    Inserted(OpId),
}

/// What in an object an operation is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Key<'a> {
    /// An entry of a map.
    Name(&'a str),
    /// A new element of a list or text, right behind this one.
    Behind(Element),
    /// An element of a list or text.
    At(OpId),
}

/// A value without parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Boolean(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Counter(i64),
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action<'a> {
    MakeMap,
    MakeList,
    MakeText,
    Set(Scalar<'a>),
    Delete,
    /// Adds to the counters among its predecessors.
    Increment(i64),
}

/// One operation. The operations whose place it takes, its predecessors, are given in any order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Op<'a> {
    pub(crate) object: Object,
    pub(crate) key: Key<'a>,
    pub(crate) action: Action<'a>,
    pub(crate) predecessors: &'a [OpId],
}
