//! What was saved of CRDT documents, for whoever follows: the docs worker, by way of the page.

use crate::bytes::Bytes;
use crate::crdt::{ActorId, DocumentId, DocumentState, is_duplicate};
use crate::keyspace::{self, Root};
use crate::log::{CrdtEntry, Record};

/// What was saved of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DocumentNews {
    pub(crate) root: Root,
    pub(crate) id: DocumentId,
    /// Changes, one after another.
    pub(crate) chunks: Bytes,
    /// Actors that are new in its table.
    pub(crate) actors: Vec<ActorId>,
}

/// News, in the order in which they were saved.
#[derive(Default)]
pub(crate) struct News {
    is_followed: bool,
    list: Vec<DocumentNews>,
    /// Something was saved that nobody could tell of.
    is_lost: bool,
    /// Whether it was also of rows that are kept and not shown.
    has_hidden: bool,
    /// The keys of those that are kept because they were moved in vain.
    beside: Vec<Bytes>,
    /// Whether whoever follows was told that there are some.
    is_told: bool,
}

impl News {
    /// Begins or ends to collect news.
    pub(crate) fn follow(&mut self, is_followed: bool) {
        *self = News { is_followed, ..News::default() };
    }

    pub(crate) fn add(&mut self, record: &Record) {
        if !self.is_followed {
            return;
        }
        self.has_hidden |= record.crdt.iter().any(|entry| entry.key.starts_with(keyspace::NOTED_PREFIX));
        let is_beside = |entry: &&CrdtEntry| {
            matches!(keyspace::kind(&entry.key), Some(keyspace::Kind::Remains(_)))
                && entry.value.as_ref().is_some_and(|stored| is_duplicate(stored))
        };
        self.beside.extend(record.crdt.iter().filter(is_beside).map(|entry| entry.key.clone()));
        // Of a document a record has its state, then new actors, then changes.
        let mut current: Option<(Root, DocumentId, Vec<ActorId>)> = None;
        for entry in &record.crdt {
            let Some(root) = Root::of(&entry.key) else { continue };
            let Some(value) = &entry.value else {
                // It is not here any more: all has to be looked at again.
                self.is_lost |= *entry.key == root.state_key();
                continue;
            };
            if *entry.key == root.state_key() {
                current = DocumentState::decode(value).ok().map(|state| (root, state.id, Vec::new()));
                continue;
            }
            let Some((known, id, actors)) = current.as_mut().filter(|(known, ..)| *known == root) else { continue };
            if entry.key.starts_with(&root.actors_prefix()) {
                actors.push(value.clone());
            } else if entry.key.starts_with(&root.changes_prefix()) {
                let (root, id, actors) = (*known, *id, std::mem::take(actors));
                self.list.push(DocumentNews { root, id, chunks: value.clone(), actors });
            }
        }
    }

    /// Others have saved what this tab has not seen.
    pub(crate) fn lose(&mut self) {
        self.is_lost = self.is_followed;
        self.has_hidden = self.is_followed;
        self.list.clear();
        self.beside.clear();
    }

    /// Whether there are some that nobody was told of yet.
    pub(crate) fn tell(&mut self) -> bool {
        let is_any = self.is_lost || self.has_hidden || !self.list.is_empty();
        is_any && !std::mem::replace(&mut self.is_told, true)
    }

    /// Whether there are some of rows that are kept and not shown, since this was asked last. To be asked before
    /// [`Self::take`].
    pub(crate) fn take_hidden(&mut self) -> bool {
        std::mem::take(&mut self.has_hidden)
    }

    /// Takes the keys of rows that were moved in vain, of which something was saved.
    pub(crate) fn take_beside(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.beside)
    }

    /// Gives them back: they could not be looked at yet.
    pub(crate) fn put_beside(&mut self, keys: Vec<Bytes>) {
        self.beside.extend(keys);
    }

    /// Takes the news; `None`: all has to be looked at again.
    pub(crate) fn take(&mut self) -> Option<Vec<DocumentNews>> {
        let list = std::mem::take(&mut self.list);
        self.is_told = false;
        (!std::mem::take(&mut self.is_lost)).then_some(list)
    }
}
