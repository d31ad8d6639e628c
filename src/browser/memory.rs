//! Databases in memory: the store of Node and of private pages, shared by all that have one open under the
//! same name. When the last of them is closed, or one deletes it, the data is gone.

use super::shared::{Shared, Task};
use crate::flat_map::FlatMap;
use crate::storage::MemoryStorage;
use crate::tab::{Announcement, Effect, Input};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

thread_local! {
    static HUBS: RefCell<FlatMap<String, Weak<RefCell<Hub>>>> = const { RefCell::new(FlatMap::new()) };
}

/// What those who have the same database open share.
#[derive(Default)]
struct Hub {
    storage: MemoryStorage,
    seats: Vec<(u32, Weak<Shared>)>,
    next_seat: u32,
    /// Who has the maintenance lock, and who waits for it.
    holder: Option<u32>,
    waiting: VecDeque<u32>,
}

/// Deletes a database: those that have it open lose it, and whoever opens it next gets an empty one.
pub(crate) fn delete(name: &str) {
    let name = name.to_owned();
    let hub = HUBS.with_borrow_mut(|hubs| hubs.remove(&name)).and_then(|hub| hub.upgrade());
    let seats = hub.map_or(Vec::new(), |hub| hub.borrow().seats.clone());
    for (_, shared) in seats {
        if let Some(shared) = shared.upgrade() {
            shared.tell(Input::Deleted { by: "by another tab" });
        }
    }
}

/// One database's place at the shared store.
pub(crate) struct Seat {
    name: String,
    hub: Rc<RefCell<Hub>>,
    number: u32,
}

impl Seat {
    pub(crate) fn take(name: &str, shared: Weak<Shared>) -> Seat {
        let hub = HUBS.with_borrow_mut(|hubs| {
            let name = name.to_owned();
            let open = hubs.get(&name).and_then(Weak::upgrade);
            open.unwrap_or_else(|| {
                let hub = Rc::new(RefCell::new(Hub::default()));
                hubs.insert(name, Rc::downgrade(&hub));
                hub
            })
        });
        let number = {
            let mut hub = hub.borrow_mut();
            hub.next_seat += 1;
            let number = hub.next_seat;
            hub.seats.push((number, shared));
            number
        };
        Seat { name: name.to_owned(), hub, number }
    }

    /// Performs what concerns the stores; a rebase is not among it.
    pub(crate) fn perform(&self, effect: Effect) -> Option<Input> {
        let storage = &mut self.hub.borrow_mut().storage;
        Some(match effect {
            Effect::Load { read, generation, pages } => {
                let (pages, newer_manifest) = storage.load(generation, &pages);
                Input::PagesLoaded { read, pages, newer_manifest }
            }
            Effect::ReadLog { generation, after, from_manifest } => {
                Input::LogRead(storage.read_log(generation, after, from_manifest))
            }
            Effect::Append { sequence, record } => {
                if storage.append(sequence, record) {
                    Input::Appended
                } else {
                    Input::AppendConflict
                }
            }
            Effect::ReserveAttempt { after } => Input::AttemptReserved { attempt: storage.reserve_attempt(after) },
            Effect::WritePages { pages } => {
                storage.write_pages(pages);
                Input::PagesWritten
            }
            Effect::InspectLog { read } => Input::LogInspected { read, tail: storage.read_log(0, 0, true) },
            Effect::Publish { generation, manifest, fence } => {
                if storage.publish(generation, manifest, fence) {
                    Input::Published
                } else {
                    Input::PublishConflict
                }
            }
            Effect::Trim { log_upto, manifests_below, pages } => {
                storage.trim(log_upto, manifests_below, &pages);
                Input::Trimmed { is_complete: true }
            }
            Effect::Reopen => Input::Reopened,
            _ => return None,
        })
    }

    /// Reads and adds in one go, as a transaction would.
    pub(crate) fn rebase(
        &self,
        generation: u64,
        after: u64,
        rebase: impl FnOnce(crate::tab::LogTail) -> Option<(u64, Vec<u8>)>,
    ) -> Input {
        let tail = self.hub.borrow().storage.read_log(generation, after, false);
        match rebase(tail) {
            None => Input::RebasedToNothing,
            Some((sequence, record)) => {
                if self.hub.borrow_mut().storage.append(sequence, record) {
                    Input::Appended
                } else {
                    Input::AppendConflict
                }
            }
        }
    }

    /// Asks for the maintenance lock: true when it is free.
    pub(crate) fn lock(&self, steal: bool) -> bool {
        let mut hub = self.hub.borrow_mut();
        match hub.holder {
            Some(holder) if holder != self.number => {
                if !steal {
                    hub.waiting.push_back(self.number);
                    return false;
                }
                let seats = &hub.seats;
                post_to(seats, holder, Input::LockLost);
            }
            _ => {}
        }
        hub.holder = Some(self.number);
        true
    }

    pub(crate) fn unlock(&self) {
        let mut hub = self.hub.borrow_mut();
        hub.waiting.retain(|&number| number != self.number);
        if hub.holder != Some(self.number) {
            return;
        }
        hub.holder = hub.waiting.pop_front();
        if let Some(next) = hub.holder {
            post_to(&hub.seats, next, Input::LockGranted);
        }
    }

    /// Tells the others.
    pub(crate) fn announce(&self, announcement: Announcement) {
        for (number, shared) in &self.hub.borrow().seats {
            if *number != self.number
                && let Some(shared) = shared.upgrade()
            {
                shared.post(Task::Input(Input::Announced(announcement)));
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.unlock();
        let mut hub = self.hub.borrow_mut();
        hub.seats.retain(|(number, _)| *number != self.number);
        if hub.seats.is_empty() {
            HUBS.with_borrow_mut(|hubs| {
                // After a deletion another one may have the name.
                if hubs.get(&self.name).is_some_and(|named| named.as_ptr() == Rc::as_ptr(&self.hub)) {
                    hubs.remove(&self.name);
                }
            });
        }
    }
}

fn post_to(seats: &[(u32, Weak<Shared>)], number: u32, input: Input) {
    let seat = seats.iter().find(|(seat, _)| *seat == number);
    if let Some(shared) = seat.and_then(|(_, shared)| shared.upgrade()) {
        shared.post(Task::Input(input));
    }
}
