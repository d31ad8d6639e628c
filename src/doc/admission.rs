//! What comes from other devices is checked here before automerge sees it.
//!
//! automerge believes what it reads. A change whose counters are near the end of 32 bits makes every later one fail; a
//! hundred kilobytes inflate to a hundred megabytes; an operation that refers to what is not there makes it panic, which
//! in WebAssembly ends the worker; and some changes are taken in, saved, and can't be loaded any more. So a gate keeps a
//! ledger of a document's operations, reads each change by itself, and lets through what an honest automerge could have
//! written: bytes that have the one encoding that there is, made of operations that refer to what their author knew.
//!
//! What it can't see is whether the author is who the actor's name says. Of two different changes with the same actor and
//! sequence the first one that comes is let through and the other is refused by name.

mod change;
mod chunk;
mod column;
mod document;
mod history;
mod ledger;
mod rebuild;
mod value;
mod waiting;

use crate::bytes::Malformed;
use crate::crdt::ChangeHash;
use automerge::{Automerge, Change};
use change::Head;
use chunk::{Chunk, Frame, Whole};
use history::Past;
use ledger::Ledger;
use waiting::{Pending, Waiting};

/// Bounds for what is taken in from others. They are sizes and no ratios: what people write deflates to a thousandth where it
/// repeats itself, and a document of ten thousand equal changes has columns of a few bytes.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of a compressed change.
    pub(crate) change_bytes: usize,
    /// Bytes of a change that is not compressed, or not any more.
    pub(crate) inflated_bytes: usize,
    /// Operations of a change.
    pub(crate) operations: usize,
    /// Operations that those of a change take the place of, together.
    pub(crate) predecessors: usize,
    /// Changes that one change follows directly.
    pub(crate) dependencies: usize,
    /// Actors that a change names beside its author.
    pub(crate) actors: usize,
    /// Bytes of an actor's name.
    pub(crate) actor_bytes: usize,
    /// Bytes of a change's message, and of what lies behind its columns.
    pub(crate) message_bytes: usize,
    /// How far a change's first counter may lie beyond what is known here: its author may have known of changes that it
    /// does not follow.
    pub(crate) counter_gap: u64,
    /// Bytes of a document as one chunk, inflated; and of the changes of one call together.
    pub(crate) document_bytes: usize,
    /// Changes of a document as one chunk.
    pub(crate) chunk_changes: usize,
    /// Operations of one.
    pub(crate) chunk_operations: usize,
    /// Operations of a document.
    pub(crate) document_operations: usize,
    /// Bytes of all changes of a document, not compressed: so much room a peer can take, however long it goes on.
    pub(crate) history_bytes: usize,
    /// Changes that wait for others which they follow.
    pub(crate) waiting: usize,
    /// Bytes of those together.
    pub(crate) waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            change_bytes: 8 << 20,
            inflated_bytes: 16 << 20,
            operations: 600_000,
            predecessors: 600_000,
            dependencies: 1_000,
            actors: 10_000,
            actor_bytes: 64,
            message_bytes: 1 << 10,
            counter_gap: 1_000,
            document_bytes: 50 << 20,
            chunk_changes: 500_000,
            chunk_operations: 1_000_000,
            document_operations: 4_000_000,
            history_bytes: 128 << 20,
            waiting: 1_000,
            waiting_bytes: 16 << 20,
        }
    }
}

impl Limits {
    /// For what this device has made or let through before.
    fn own() -> Self {
        Limits {
            change_bytes: usize::MAX,
            inflated_bytes: 1 << 30,
            operations: usize::MAX,
            predecessors: usize::MAX,
            dependencies: usize::MAX / 64,
            actors: usize::MAX,
            actor_bytes: usize::MAX,
            message_bytes: usize::MAX,
            counter_gap: column::COUNTER_END,
            document_bytes: 1 << 30,
            chunk_changes: usize::MAX,
            chunk_operations: usize::MAX,
            document_operations: u32::MAX as usize,
            history_bytes: usize::MAX,
            waiting: usize::MAX,
            waiting_bytes: usize::MAX,
        }
    }
}

/// A change, or bytes that are none, that was set aside, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refused {
    /// Its hash, if it is a change.
    pub(crate) hash: Option<ChangeHash>,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What has become of what came.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Changes to apply, in this order. The gate knows them already: should automerge not take them, a new one is needed.
    pub(crate) changes: Vec<Change>,
    /// What is not let through.
    pub(crate) refused: Vec<Refused>,
}

/// Stands before a document.
pub(crate) struct Gate {
    limits: Limits,
    ledger: Ledger,
    /// The bytes of the changes in the ledger.
    history_bytes: usize,
    waiting: Waiting,
    /// Changes that waited for what has been recorded since.
    released: Vec<Pending>,
}

impl Gate {
    /// Before an empty document.
    pub(crate) fn new(limits: Limits) -> Gate {
        let (ledger, waiting) = (Ledger::default(), Waiting::default());
        Gate { limits, ledger, history_bytes: 0, waiting, released: Vec::new() }
    }

    /// Before a document that has changes already, which are trusted.
    pub(crate) fn before(document: &Automerge, limits: Limits) -> Result<Gate, Refused> {
        let mut gate = Gate::new(limits);
        for change in document.get_changes(&[]) {
            gate.record(change.raw_bytes())?;
        }
        Ok(gate)
    }

    /// Before a document of which all that is saved is trusted: changes, or a snapshot and those that came after it.
    pub(crate) fn before_stored(chunks: &[u8], limits: Limits) -> Result<Gate, Refused> {
        let mut gate = Gate::new(limits);
        gate.record(chunks)?;
        Ok(gate)
    }

    /// How many changes wait for others.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What a change that waits lacks, or what that lacks if it waits itself; others are what they are.
    pub(crate) fn lacking(&self, hash: ChangeHash) -> ChangeHash {
        self.waiting.lacking(hash)
    }

    /// Takes note of changes that this device has made, or has let through before. They are applied as well.
    pub(crate) fn record(&mut self, chunks: &[u8]) -> Result<(), Refused> {
        let others = std::mem::replace(&mut self.limits, Limits::own());
        let result = self.record_all(chunks);
        self.limits = others;
        result
    }

    fn record_all(&mut self, mut chunks: &[u8]) -> Result<(), Refused> {
        let because = |malformed| refused(None, malformed);
        while !chunks.is_empty() {
            let chunk = Frame::take(&mut chunks).and_then(|frame| frame.open(&self.limits)).map_err(because)?;
            let wholes = match chunk {
                Chunk::Change(whole) => vec![whole],
                Chunk::Document(body) => document::changes(body, &self.limits).map_err(because)?,
            };
            for whole in wholes {
                if !self.ledger.history.knows(&whole.hash) {
                    self.judge(&whole, true, |_| Ok(()))?;
                    self.waiting.release(&whole.hash, &mut self.released);
                }
            }
        }
        Ok(())
    }

    /// Checks chunks that lie one after another: changes, compressed or not, and whole documents.
    pub(crate) fn admit(&mut self, mut chunks: &[u8]) -> Admitted {
        let mut admitted = Admitted::default();
        let mut room = self.limits.document_bytes;
        let released = std::mem::take(&mut self.released);
        self.consider(released, &mut admitted);
        while !chunks.is_empty() {
            let chunk = Frame::take(&mut chunks);
            let is_lost = chunk.is_err();
            let wholes = chunk.and_then(|frame| frame.open(&self.limits)).and_then(|chunk| match chunk {
                Chunk::Change(whole) => Ok(vec![whole]),
                Chunk::Document(body) => document::changes(body, &self.limits),
            });
            match wholes {
                Ok(wholes) => {
                    for whole in wholes {
                        let Some(rest) = room.checked_sub(whole.bytes.len()) else {
                            let reason = Malformed("more changes came at once than are taken in");
                            admitted.refused.push(refused(None, reason));
                            return self.settle(admitted);
                        };
                        room = rest;
                        self.consider(vec![Pending::new(whole)], &mut admitted);
                    }
                }
                Err(malformed) => admitted.refused.push(refused(None, malformed)),
            }
            if is_lost {
                break;
            }
        }
        self.settle(admitted)
    }

    /// Sets aside what has waited too long or is too much.
    fn settle(&mut self, mut admitted: Admitted) -> Admitted {
        for hash in self.waiting.trim(self.limits.waiting, self.limits.waiting_bytes) {
            let reason = Malformed("too many changes wait for others that have not come");
            admitted.refused.push(refused(Some(hash), reason));
        }
        admitted
    }

    /// Decides about changes, and about those that have waited for them.
    fn consider(&mut self, mut ready: Vec<Pending>, admitted: &mut Admitted) {
        while let Some(mut pending) = ready.pop() {
            let hash = pending.whole.hash;
            if self.ledger.history.knows(&hash) || self.waiting.has(&hash) {
                continue;
            }
            let result = match pending.is_ready(&self.ledger.history, &self.waiting, &self.limits) {
                Ok(true) => self.judge(&pending.whole, false, read_change),
                Ok(false) => {
                    self.waiting.put(pending);
                    continue;
                }
                Err(malformed) => Err(refused(Some(hash), malformed)),
            };
            match result {
                Ok(change) => admitted.changes.push(change),
                Err(refused) => {
                    self.waiting.refuse(hash);
                    admitted.refused.push(refused);
                }
            }
            // Those that follow a refused change find out by themselves.
            self.waiting.release(&hash, &mut ready);
        }
    }

    /// Checks a change that follows what is known, and takes it into the ledger. It is read when it was found well formed, and
    /// before the ledger has it.
    fn judge<T>(
        &mut self,
        whole: &Whole,
        is_trusted: bool,
        read: impl FnOnce(&Whole) -> Result<T, String>,
    ) -> Result<T, Refused> {
        let because = |malformed| refused(Some(whole.hash), malformed);
        let and_why = |reason| Refused { hash: Some(whole.hash), reason };
        let head = Head::read(whole.body(), &self.limits).map_err(because)?;
        let past = self.place(&head, is_trusted).map_err(and_why)?;
        let history_bytes = self.history_bytes.saturating_add(whole.bytes.len());
        if history_bytes > self.limits.history_bytes {
            return Err(because(Malformed("the document has more bytes of changes than are taken in")));
        }
        let change = read(whole).map_err(and_why)?;
        self.ledger.take_in(whole.hash, &head, past, self.limits.predecessors).map_err(because)?;
        self.history_bytes = history_bytes;
        Ok(change)
    }

    /// What a change has in its past, if it stands where its actor's next one does. A trusted one refers to nothing else.
    fn place(&self, head: &Head<'_>, is_trusted: bool) -> Result<Past, String> {
        let history = &self.ledger.history;
        if !head.dependencies.iter().all(|hash| history.knows(hash)) {
            return Err("a change follows one that is not known".into());
        }
        let author = head.actors[0];
        let last = history.last_sequence(author);
        if head.sequence <= last {
            let name: String = author.iter().map(|byte| format!("{byte:02x}")).collect();
            return Err(format!("actor {name} has made another change {}", head.sequence));
        }
        let past = if is_trusted { Past::All } else { history.past(&head.dependencies) };
        let follows = last == 0 || history.actor(author).is_some_and(|actor| past.has(actor, last as u32));
        if head.sequence != last + 1 || !follows {
            return Err("a change does not follow its actor's change before".into());
        }
        let followed = head.dependencies.iter().map(|hash| history.max_op_of(hash)).max().unwrap_or(0);
        if head.first_op <= followed {
            return Err("a change's counters begin below those of changes that it follows".into());
        }
        if head.is_empty() && head.first_op != followed + 1 {
            // automerge would save it, and miss operations when it loads.
            return Err("a change without operations leaves out counters".into());
        }
        if head.first_op > history.max_op() + 1 + self.limits.counter_gap {
            return Err("a change's counters begin far beyond any that are known".into());
        }
        if self.ledger.len() > self.limits.document_operations {
            return Err("the document has more operations than are taken in".into());
        }
        Ok(past)
    }
}

/// A change as automerge has it.
fn read_change(whole: &Whole) -> Result<Change, String> {
    Change::from_bytes(whole.bytes.clone()).map_err(|error| format!("automerge can't read it: {error}"))
}

fn refused(hash: Option<ChangeHash>, Malformed(reason): Malformed) -> Refused {
    Refused { hash, reason: reason.into() }
}

/// A document in one piece, if it is the same when it is loaded again. It costs as much as both.
pub(crate) fn verified_save(document: &Automerge) -> Result<Vec<u8>, Refused> {
    let bytes = document.save();
    let loaded = Automerge::load(&bytes)
        .map_err(|error| Refused { hash: None, reason: format!("the document can't be loaded again: {error}") })?;
    if loaded.get_heads() == document.get_heads() {
        Ok(bytes)
    } else {
        Err(Refused { hash: None, reason: "the document is another one when it is loaded again".into() })
    }
}
