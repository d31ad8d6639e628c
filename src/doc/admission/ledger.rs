//! What is known of a document's changes and operations: as much as the checks of new ones ask, some twelve bytes for each
//! operation.

use super::change::{Action, Head, Key};
use super::history::{History, Past};
use crate::bytes::Malformed;
use crate::crdt::ChangeHash;
use std::collections::BTreeMap;

/// Changes, in an order in which none comes before one that it follows, and their operations.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) history: History,
    entries: Vec<Entry>,
    /// Names of map entries, numbered.
    names: BTreeMap<Box<str>, u32>,
}

/// An operation. Others are referred to by their places among all, from 1; 0 is the root, or the start of a list.
#[derive(Clone, Copy)]
struct Entry {
    object: u32,
    /// In a map the number of the name; in a list the element, and for an inserted one the element that it stands behind.
    slot: u32,
    action: Action,
    is_insert: bool,
}

/// Operations of a change that is being checked.
pub(super) struct Draft<'l> {
    ledger: &'l mut Ledger,
    past: Past,
    /// The change's actors as numbers of the history.
    actors: Vec<u32>,
    first_op: u32,
    /// How many operations there were before.
    base: usize,
    used_actors: Vec<bool>,
    /// How many steps in lists may still be gone.
    steps: usize,
    names: Vec<Box<str>>,
}

/// Steps in lists that the marks of one change may take.
const MARK_STEPS: usize = 10_000_000;

impl Ledger {
    /// How many operations there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Checks a change, all of whose dependencies are known, and takes it in if it is sound.
    pub(super) fn take_in(
        &mut self,
        hash: ChangeHash,
        head: &Head<'_>,
        past: Past,
        most: usize,
    ) -> Result<(), Malformed> {
        let mut actors = vec![0; head.actors.len()];
        for (number, name) in actors.iter_mut().zip(&head.actors).skip(1) {
            let unknown = Malformed("a change names an actor that has made nothing yet");
            *number = self.history.actor(name).ok_or(unknown)?;
        }
        let author = self.history.author(head.actors[0]);
        actors[0] = author;
        let base = self.entries.len();
        let mut draft = Draft {
            past,
            used_actors: vec![false; actors.len()],
            actors,
            first_op: head.first_op as u32,
            base,
            steps: MARK_STEPS,
            names: Vec::new(),
            ledger: self,
        };
        match draft.read(head, most) {
            Ok(()) => {
                let count = (self.entries.len() - base) as u32;
                self.history.push(hash, author, head.sequence as u32, head.first_op as u32, count, &head.dependencies);
                Ok(())
            }
            Err(malformed) => {
                draft.undo();
                Err(malformed)
            }
        }
    }
}

impl Draft<'_> {
    fn read(&mut self, head: &Head<'_>, most: usize) -> Result<(), Malformed> {
        let mut rows = head.rows();
        let mut open_mark = None;
        while let Some(row) = rows.next(most)? {
            let object = match row.object {
                None => 0,
                Some(reference) => self.find(reference)?,
            };
            let holder = if object == 0 { Action::MakeMap } else { self.entry(object).action };
            let slot = match (holder, row.key) {
                (Action::MakeMap, Key::Name(name)) if !row.is_insert => self.name(name),
                (Action::MakeList | Action::MakeText, Key::Start) if row.is_insert => 0,
                // Where two devices do so and a third deletes one of both, automerge 0.12 panics. Editors insert and delete.
                (Action::MakeText, Key::Element(_)) if !row.is_insert && row.action != Action::Delete => {
                    return Err(Malformed("a text's letter is changed in its place"));
                }
                (Action::MakeList | Action::MakeText, Key::Element(reference)) => {
                    let element = self.find(reference)?;
                    let entry = self.entry(element);
                    let is_mark = matches!(entry.action, Action::MarkBegin | Action::MarkEnd);
                    if entry.object != object || !entry.is_insert || is_mark && !row.is_insert {
                        return Err(Malformed("an operation is about an element that its list does not have"));
                    }
                    element
                }
                (Action::MakeMap | Action::MakeList | Action::MakeText, _) => {
                    return Err(Malformed("an operation is about what its object can't have"));
                }
                _ => return Err(Malformed("an operation is about an object that is none")),
            };
            let entry = Entry { object, slot, action: row.action, is_insert: row.is_insert };
            self.check_predecessors(&entry, rows.predecessors(), head)?;
            let place = self.ledger.entries.len() as u32 + 1;
            match (open_mark.take(), row.action) {
                (None, Action::MarkBegin) if holder == Action::MakeText => open_mark = Some((place, object, slot)),
                (Some((begin, begin_object, behind)), Action::MarkEnd) if object == begin_object => {
                    if slot != begin && !self.is_behind(slot, behind)? {
                        return Err(Malformed("a mark ends before it begins"));
                    }
                }
                (None, action) if !matches!(action, Action::MarkBegin | Action::MarkEnd) => {}
                _ => return Err(Malformed("a mark does not have a beginning and then an end")),
            }
            self.ledger.entries.push(entry);
        }
        if open_mark.is_some() {
            return Err(Malformed("a mark has no end"));
        }
        if self.used_actors[1..].contains(&false) {
            return Err(Malformed("a change names actors that no operation refers to"));
        }
        Ok(())
    }

    fn entry(&self, place: u32) -> Entry {
        self.ledger.entries[place as usize - 1]
    }

    /// The place of an operation that the change may refer to: it is in its past, or earlier in the change itself.
    fn find(&mut self, (counter, actor): (u32, u32)) -> Result<u32, Malformed> {
        const NONE: Malformed = Malformed("an operation refers to one that its change does not follow");
        let at = actor as usize;
        let number = *self.actors.get(at).ok_or(Malformed("an operation names an actor that the change does not"))?;
        self.used_actors[at] = true;
        if at == 0 && counter >= self.first_op {
            let place = self.base + (counter - self.first_op) as usize;
            return if place < self.ledger.entries.len() { Ok(place as u32 + 1) } else { Err(NONE) };
        }
        let (sequence, place) = self.ledger.history.operation(number, counter).ok_or(NONE)?;
        if self.past.has(number, sequence) { Ok(place + 1) } else { Err(NONE) }
    }

    /// The number of a name. A new one is taken back if the change is refused.
    fn name(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.ledger.names.get(name) {
            return number;
        }
        let number = self.ledger.names.len() as u32;
        self.ledger.names.insert(name.into(), number);
        self.names.push(name.into());
        number
    }

    /// Predecessors are about the same as the operation, ascend, and are ones that automerge keeps: not deletions.
    fn check_predecessors(
        &mut self,
        entry: &Entry,
        predecessors: &[(u32, u32)],
        head: &Head<'_>,
    ) -> Result<(), Malformed> {
        let mut before: Option<(u32, &[u8])> = None;
        for &(counter, actor) in predecessors {
            let place = self.find((counter, actor))?;
            let other = self.entry(place);
            let is_same_slot = if other.is_insert { place == entry.slot } else { other.slot == entry.slot };
            // A name and an element may have the same number, but not in one object.
            let is_kept = !matches!(other.action, Action::Delete | Action::MarkBegin | Action::MarkEnd);
            if other.object != entry.object || !is_same_slot || !is_kept {
                return Err(Malformed("an operation takes the place of one that stands elsewhere"));
            }
            let this = (counter, head.actors[actor as usize]);
            if before.is_some_and(|before| before >= this) {
                return Err(Malformed("the operations that one takes the place of are not in order"));
            }
            before = Some(this);
        }
        Ok(())
    }

    /// Whether an element stands behind another in their list. An inserted one stands behind what it was inserted behind,
    /// and of two behind the same one the later operation comes first.
    fn is_behind(&mut self, element: u32, other: u32) -> Result<bool, Malformed> {
        let (mut a, mut b) = (element, other);
        let (mut below_a, mut below_b) = (0, 0);
        while a != b {
            self.steps = self.steps.checked_sub(1).ok_or(Malformed("a change's marks take too long to check"))?;
            // What an element stands behind was there before it.
            if a > b {
                below_a = std::mem::replace(&mut a, 0);
                a = self.entry(below_a).slot;
            } else {
                below_b = std::mem::replace(&mut b, 0);
                b = self.entry(below_b).slot;
            }
        }
        Ok(match (below_a, below_b) {
            (0, _) => false,
            (_, 0) => true,
            (a, b) => self.id(a) < self.id(b),
        })
    }

    /// Counter and author of an operation. Those of the change itself are not asked for: marks are compared by elements
    /// before them.
    fn id(&self, place: u32) -> (u32, &[u8]) {
        let index = place as usize - 1;
        if index >= self.base {
            return (self.first_op + (index - self.base) as u32, self.ledger.history.name(self.actors[0]));
        }
        self.ledger.history.id(index as u32)
    }

    fn undo(self) {
        self.ledger.entries.truncate(self.base);
        for name in self.names {
            self.ledger.names.remove(&name);
        }
        self.ledger.history.forget_idle_author();
    }
}
