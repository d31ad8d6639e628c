//! A document's table of actors: their places in it stand in stamps, so that it only grows.

use crate::bytes::Bytes;
use crate::crdt::{ActorId, OpId};
use automerge::ObjId;

/// The actors of a document, in the order in which they were first met.
#[derive(Clone, Default)]
pub(crate) struct Actors {
    list: Vec<ActorId>,
    /// Places in the list, in the order of the actors.
    order: Vec<u32>,
}

impl Actors {
    /// As they are known so far.
    pub(crate) fn new(list: Vec<ActorId>) -> Self {
        let mut order: Vec<u32> = (0..list.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| list[a as usize].cmp(&list[b as usize]));
        Actors { list, order }
    }

    pub(crate) fn list(&self) -> &[ActorId] {
        &self.list
    }

    /// An actor's place; one that is new is put at the end.
    pub(crate) fn place(&mut self, actor: &[u8]) -> u32 {
        let found = self.order.binary_search_by(|&place| self.list[place as usize].as_ref().cmp(actor));
        match found {
            Ok(at) => self.order[at],
            Err(at) => {
                let place = self.list.len() as u32;
                self.list.push(Bytes::from(actor));
                self.order.insert(at, place);
                place
            }
        }
    }

    /// The operation that automerge's name stands for; the document itself was made by none.
    pub(super) fn id(&mut self, id: &ObjId) -> Option<OpId> {
        match id {
            ObjId::Root => None,
            ObjId::Id(counter, actor, _) => {
                Some(OpId { counter: u32::try_from(*counter).ok()?, actor: self.place(actor.to_bytes()) })
            }
        }
    }
}
