//! Looks at rows that have moved: what was written to them where they do not count is made again where they do.
//!
//! A look needs all documents in which the row was or is at once. It waits until they are loaded, and does not ask again for
//! what is not to be had.

use super::{Hub, Loaded};
use crate::crdt::{DocumentId, Merge};
use crate::doc::lineage::{self, Plan, Relative};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Rows that wait until documents are loaded.
#[derive(Default)]
pub(super) struct Looking {
    waiting: Vec<Look>,
    /// Documents of which something is to be saved when they have been looked at.
    held: BTreeSet<DocumentId>,
    /// What they need now.
    needed: BTreeSet<DocumentId>,
    /// Rows of which edits wait for others that are still to come, wherever those were written.
    unsettled: BTreeSet<(Rc<str>, Rc<str>)>,
}

/// A row that has moved, as a document has it.
#[derive(Clone, PartialEq)]
struct Look {
    id: DocumentId,
    table: Rc<str>,
    row: Rc<str>,
    /// Whether what is to be saved of that document waits for it.
    is_held_for: bool,
}

/// What has become of the rows that a merge is about.
pub(super) enum Looked {
    /// They wait for documents.
    Waits,
    /// Something was made again in the same document.
    HasMore,
    Done,
}

/// The documents in which a row is or was.
#[derive(Default)]
struct Around {
    loaded: Vec<DocumentId>,
    lacking: Vec<DocumentId>,
}

/// So many wait that no merge waits for, and so many for edits that are still to come.
const BESIDE: usize = 1_000;

/// Rows whose documents have more bytes of changes together are not looked at: what was written to them stays where it is.
pub(super) const MOST_BYTES: usize = if cfg!(test) { 64 << 10 } else { 64 << 20 };

impl Looking {
    /// Whether a document is not to be let go of.
    pub(super) fn needs(&self, id: &DocumentId) -> bool {
        self.needed.contains(id)
    }
}

impl Hub {
    /// Looks at rows that a merge is about, before it is saved: so who sees that a row has gone sees it where it is as it
    /// shall be. Should all end in between, what was written late comes again, and so does what is made of it.
    pub(super) fn look_at(&mut self, id: DocumentId, merge: &Merge) -> Looked {
        let Some(loaded) = self.library.get_mut(&id) else { return Looked::Done };
        let known = self.known.or_default(id);
        let is_new = |row: &(Rc<str>, Rc<str>)| !known.looked_at.contains(row);
        let look = |(table, row)| Look { id, table, row, is_held_for: true };
        let mut rows: BTreeSet<(Rc<str>, Rc<str>)> = loaded.moved_rows(merge).into_iter().collect();
        let is_touched = |(table, row): &&(Rc<str>, Rc<str>)| {
            merge.rows.iter().any(|touched| *touched.id_text == **row && *touched.table == **table)
        };
        rows.extend(self.looking.unsettled.iter().filter(is_touched).cloned());
        let looks: Vec<Look> = rows.into_iter().filter(is_new).map(look).collect();
        if looks.is_empty() {
            return Looked::Done;
        }
        known.is_held = true;
        let (left, targets) = self.look_at_all(looks);
        let waits = !left.is_empty();
        if waits {
            self.looking.waiting.extend(left);
            self.looking.held.insert(id);
        }
        for target in targets {
            self.advance(target);
        }
        if waits {
            self.look_on();
            return Looked::Waits;
        }
        self.known.or_default(id).is_held = false;
        let has_more = self.library.get(&id).is_some_and(Loaded::is_ahead);
        if has_more { Looked::HasMore } else { Looked::Done }
    }

    /// Looks at a row that was brought to two documents.
    pub(super) fn look_beside(&mut self, id: DocumentId, table: &str, row: &str) {
        let look = Look { id, table: table.into(), row: row.into(), is_held_for: false };
        if self.looking.waiting.len() < BESIDE && !self.looking.waiting.contains(&look) {
            self.looking.waiting.push(look);
            self.look_on();
        }
    }

    /// A document was loaded, or can't be: goes on with those that wait.
    pub(super) fn look_on(&mut self) {
        loop {
            let waiting = std::mem::take(&mut self.looking.waiting);
            let (left, targets) = self.look_at_all(waiting);
            self.looking.waiting = left;
            for target in targets {
                self.advance(target);
            }
            if self.need_documents() {
                break;
            }
        }
        let is_waiting = |looking: &Looking, id| looking.waiting.iter().any(|look| look.is_held_for && look.id == id);
        let free = |looking: &Looking| looking.held.iter().copied().find(|id| !is_waiting(looking, *id));
        while let Some(id) = free(&self.looking) {
            self.looking.held.remove(&id);
            self.known.or_default(id).is_held = false;
            self.advance(id);
        }
    }

    /// Nothing is loaded any more.
    pub(super) fn look_anew(&mut self) {
        self.looking.waiting.retain(|look| !look.is_held_for);
        self.looking.held.clear();
        self.look_on();
    }

    /// Looks at rows, as far as their documents are loaded. Answers with the others, and the documents in which something was
    /// made again.
    fn look_at_all(&mut self, looks: Vec<Look>) -> (Vec<Look>, BTreeSet<DocumentId>) {
        let (mut next, mut left, mut targets) = (looks, Vec::new(), BTreeSet::new());
        while !next.is_empty() {
            let mut plans: BTreeMap<DocumentId, Vec<Plan>> = BTreeMap::new();
            let mut room = lineage::BYTES;
            for look in std::mem::take(&mut next) {
                let around = self.around(&look);
                if !around.lacking.is_empty() {
                    left.push(look);
                    continue;
                }
                let plan = self.plan(&look, &around, &mut room);
                self.note(&look, plan.as_ref().is_some_and(|plan| plan.waits));
                match &plan {
                    Some(plan) if plan.has_more => next.push(look),
                    _ => self.looked_at(look),
                }
                if let Some(plan) = plan {
                    plans.entry(plan.target).or_default().push(plan);
                }
            }
            let made = self.make_again(plans);
            if made.is_empty() {
                next.drain(..).for_each(|look| self.looked_at(look));
            }
            targets.extend(made);
        }
        (left, targets)
    }

    /// Answers in which documents something was made again.
    fn make_again(&mut self, plans: BTreeMap<DocumentId, Vec<Plan>>) -> Vec<DocumentId> {
        let mut targets = Vec::new();
        for (target, plans) in plans {
            let Some(loaded) = self.library.get_mut(&target) else { continue };
            match loaded.make_again(plans) {
                Ok(count) => {
                    #[cfg(test)]
                    {
                        self.late_edits += count;
                    }
                    if count > 0 {
                        targets.push(target);
                    }
                }
                Err(error) => self.set_aside(None, target, error.0),
            }
        }
        targets
    }

    /// Takes note of whether edits of a row wait for others.
    fn note(&mut self, look: &Look, is_unsettled: bool) {
        let unsettled = &mut self.looking.unsettled;
        if !is_unsettled && unsettled.is_empty() {
            return;
        }
        let row = (look.table.clone(), look.row.clone());
        if !is_unsettled {
            unsettled.remove(&row);
        } else if unsettled.len() < BESIDE {
            unsettled.insert(row);
        }
    }

    fn looked_at(&mut self, look: Look) {
        if look.is_held_for {
            self.known.or_default(look.id).looked_at.insert((look.table, look.row));
        }
    }

    /// The documents in which a row is or was: those of which one says so that is loaded.
    fn around(&mut self, look: &Look) -> Around {
        let mut around = Around::default();
        let mut next = vec![look.id];
        while let Some(id) = next.pop() {
            if around.loaded.contains(&id) || around.lacking.contains(&id) {
                continue;
            }
            let Some(loaded) = self.library.get_mut(&id) else {
                // One that can't be loaded is as good as none.
                if self.known.get(&id).is_none_or(|known| !known.is_damaged) {
                    around.lacking.push(id);
                }
                continue;
            };
            loaded.follow_moves();
            around.loaded.push(id);
            let linked = loaded.linked(&look.table, &look.row);
            next.extend(linked.into_iter().filter_map(|root| self.roots.get(root)));
        }
        around
    }

    fn plan(&self, look: &Look, around: &Around, room: &mut usize) -> Option<Plan> {
        let relative = |id: &DocumentId| {
            let root = &self.known.get(id)?.root;
            self.library.get(id)?.relative(*id, root)
        };
        let relatives: Vec<Relative<'_>> = around.loaded.iter().map(relative).collect::<Option<_>>()?;
        lineage::plan(&look.table, &look.row, &relatives, room)
    }

    /// Has documents loaded for those that wait, the first ones first, and keeps them: as many as there is room for. Answers
    /// false, if one of them was given up.
    fn need_documents(&mut self) -> bool {
        let looks = self.looking.waiting.clone();
        let mut needed: BTreeSet<DocumentId> = BTreeSet::new();
        let mut lacking = Vec::new();
        for (place, look) in looks.iter().enumerate() {
            let around = self.around(look);
            let all: BTreeSet<DocumentId> = needed.iter().chain(&around.loaded).copied().collect();
            let bytes: usize = all.iter().map(|id| self.library.bytes_of(id)).sum();
            if bytes > MOST_BYTES {
                if place > 0 {
                    break;
                }
                let look = self.looking.waiting.remove(0);
                self.looked_at(look);
                return false;
            }
            needed = all;
            needed.extend(&around.lacking);
            lacking.extend(around.lacking);
        }
        self.looking.needed = needed;
        lacking.sort_unstable();
        lacking.dedup();
        for id in lacking {
            self.need(id);
        }
        true
    }
}
