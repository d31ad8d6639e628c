//! A device: two tabs over a store, of which one has the docs worker.

use super::*;
use crate::bytes::Bytes;
use crate::crdt::{ChangeHash, DocumentId, DocumentState, Merge};
use crate::doc::{self, Frame, Hub, Output, PeerId};
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Root};
use crate::random::Random;
use crate::storage::MemoryStorage;
use crate::tab::documents::RowBeside;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(super) struct Device {
    pub(super) writer: Writer,
    /// The first one leads: it has the docs worker.
    pub(super) tabs: Vec<usize>,
    pub(super) hub: Hub,
    roots: FlatMap<DocumentId, Root>,
    /// What the worker wants of the page, which takes its time.
    later: VecDeque<Output>,
    pub(super) outbox: Vec<(PeerId, Frame)>,
    /// Documents that peers and this device have alike, as far as it knows.
    pub(super) synced: FlatMap<(PeerId, DocumentId), bool>,
    pub(super) counts: Counts,
    /// Whether its tasks are not synced, as the version of the app has it that was opened last.
    is_apart: bool,
    /// Whether nobody writes any more, and nothing goes wrong.
    pub(super) is_quiet: bool,
}

/// What has happened, to see that it does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) merges: usize,
    /// Merges that had to be made again.
    pub(super) outdated: usize,
    pub(super) cuts: usize,
    /// Tabs that were killed.
    pub(super) killed: usize,
    pub(super) lost_answers: usize,
    /// Times that a disk forgot what it had.
    pub(super) forgotten: usize,
    pub(super) snapshots: usize,
    /// Merges that were saved though somebody had written to the document since they were made.
    pub(super) overtaken: usize,
    /// Commits whose changes were compressed.
    pub(super) compressed: usize,
    /// Frames whose changes were looked for in the store.
    pub(super) looked_for: usize,
    /// Edits that were made again where their rows had gone.
    pub(super) late: usize,
    /// Times that a table was taken out of documents, or put back.
    pub(super) toggled: usize,
    /// Rows in the end.
    pub(super) rows: usize,
}

/// What has become of something that was to be written.
#[derive(Debug, PartialEq)]
enum Committed {
    Yes,
    /// It is to be written again.
    NotNow,
    No,
}

impl Counts {
    pub(super) fn each(&self) -> [(&'static str, usize); 12] {
        [
            ("merges", self.merges),
            ("outdated", self.outdated),
            ("cuts", self.cuts),
            ("killed", self.killed),
            ("lost_answers", self.lost_answers),
            ("forgotten", self.forgotten),
            ("snapshots", self.snapshots),
            ("compressed", self.compressed),
            ("looked_for", self.looked_for),
            ("late", self.late),
            ("toggled", self.toggled),
            ("rows", self.rows),
        ]
    }

    pub(super) fn add(&mut self, other: &Counts) {
        self.merges += other.merges;
        self.outdated += other.outdated;
        self.cuts += other.cuts;
        self.killed += other.killed;
        self.lost_answers += other.lost_answers;
        self.forgotten += other.forgotten;
        self.snapshots += other.snapshots;
        self.overtaken += other.overtaken;
        self.compressed += other.compressed;
        self.looked_for += other.looked_for;
        self.late += other.late;
        self.toggled += other.toggled;
        self.rows += other.rows;
    }
}

/// Does something in the name of a tab. `None`: that tab was killed meanwhile.
pub(super) fn survive<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(panic) if panic.is::<Killed>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

impl Device {
    pub(super) fn new(number: u64, seed: u64) -> Self {
        let mut world = World::new();
        // Clocks of devices differ.
        world.now_ms += number as f64 * 1_234.5;
        world.number = number as u8 + 1;
        let random = Random::from_number(seed * 10 + number);
        let mut device = Device {
            writer: Writer { world, random, moves: true },
            tabs: Vec::new(),
            hub: Hub::default(),
            roots: FlatMap::new(),
            later: VecDeque::new(),
            outbox: Vec::new(),
            synced: FlatMap::new(),
            counts: Counts::default(),
            is_apart: false,
            is_quiet: false,
        };
        device.restart();
        device
    }

    fn is_killed(&self, tab: usize) -> bool {
        self.writer.world.killed.contains(&tab)
    }

    /// Whether the tab with the docs worker was killed.
    pub(super) fn is_leaderless(&self) -> bool {
        self.is_killed(self.tabs[0])
    }

    pub(super) fn needs_restart(&self) -> bool {
        !self.writer.world.killed.is_empty()
    }

    /// Does something in the name of a tab: it ends when that is killed.
    pub(super) fn act<T>(&mut self, tab: usize, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.writer.world.acting.replace(tab);
        let done = work(self);
        self.writer.world.acting = before;
        if before.is_some_and(|before| self.is_killed(before)) {
            resume_unwind(Box::new(Killed));
        }
        done
    }

    /// Lets something go wrong with a tab soon.
    pub(super) fn plan_mishap(&mut self, tab: usize, what: What) {
        if self.is_quiet || self.writer.world.mishap.is_some() {
            return;
        }
        self.counts.lost_answers += usize::from(what == What::AnswerLost);
        let (after_effects, is_done) = (self.writer.below(12) as u64, self.writer.below(2) == 0);
        self.writer.world.mishap = Some(Mishap { tab, after_effects, what, is_done });
    }

    /// Puts tabs in the place of those that were killed. Where none led, one does now, with a new worker.
    pub(super) fn restart(&mut self) {
        let killed = std::mem::take(&mut self.writer.world.killed);
        self.counts.killed += killed.len();
        let is_led = self.tabs.first().is_some_and(|leader| !killed.contains(leader));
        self.tabs.retain(|tab| !killed.contains(tab));
        while self.tabs.len() < 2 {
            let next = self.writer.world.tabs.len();
            if self.writer.below(6) == 0 {
                // Without an answer it would not open, and say so.
                self.plan_mishap(next, What::Killed);
            }
            self.writer.world.acting = None;
            let wanted = if self.is_apart { without(&["tasks"]) } else { synced() };
            if let Some(tab) = survive(|| self.act(next, |device| device.writer.world.open(small(), wanted))) {
                self.tabs.push(tab);
            }
        }
        self.writer.world.acting = None;
        if !is_led {
            self.act(self.tabs[0], Self::lead);
        }
    }

    /// Lets tabs look for what one has saved that was killed before it could announce that.
    pub(super) fn refresh(&mut self) {
        for tab in self.tabs.clone() {
            self.writer.world.tabs[tab].refresh();
        }
        self.writer.settle();
    }

    /// A tab ends, and the one in its place has another version of the app: with tasks that are synced, or without.
    pub(super) fn toggle(&mut self, tab: usize) {
        self.is_apart = !self.is_apart;
        self.counts.toggled += 1;
        self.writer.world.mishap = None;
        self.writer.world.kill(tab);
    }

    /// Whether the version that was opened last has all tables synced.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_apart
    }

    /// Takes a step of what is to be done after a change of the schema. Answers whether there was any.
    pub(super) fn settle_tables(&mut self, tab: usize) -> bool {
        let is_any = settle_step(&mut self.writer, tab);
        if is_any || tab != self.tabs[0] {
            return is_any;
        }
        let mut is_any = false;
        for document in self.writer.with_pages(tab, Tab::known_documents).expect("readable") {
            if !document.missing_tables.is_empty() {
                is_any = true;
                self.know(document.id, document.root, Some(document.heads));
                self.hub.handle(doc::Input::TakeTables { id: document.id, tables: document.missing_tables });
            }
        }
        is_any
    }

    fn lead(&mut self) {
        self.hub = Hub::default();
        self.later.clear();
        self.roots = FlatMap::new();
        self.writer.world.tabs[self.tabs[0]].follow_documents(true);
        self.look_at_all();
    }

    fn look_at_all(&mut self) {
        let leader = self.tabs[0];
        let known = self.writer.with_pages(leader, Tab::known_documents).expect("readable");
        for document in known {
            self.know(document.id, document.root, Some(document.heads));
        }
        self.tell_beside(true);
    }

    fn know(&mut self, id: DocumentId, root: Root, heads: Option<Vec<ChangeHash>>) {
        if self.roots.insert(id, root).is_none() {
            // What is one's own is not for others.
            let text = self.writer.world.tabs[self.tabs[0]].text_of_root(root);
            self.hub.handle(doc::Input::Known { id, root: text, is_shared: root.table.0 > 0, heads });
        }
    }

    /// Tells the worker what was saved.
    fn tell_news(&mut self, evidence: &mut Evidence) {
        let leader = self.tabs[0];
        let Some(news) = self.writer.world.tabs[leader].take_document_news() else {
            self.look_at_all();
            self.hub.handle(doc::Input::Reset);
            return;
        };
        for news in news {
            evidence.note(&news.chunks);
            self.know(news.id, news.root, None);
            let chunks = news.chunks.to_vec();
            self.hub.handle(doc::Input::Saved { id: news.id, chunks, actors: news.actors });
        }
        self.hub.handle(doc::Input::AllTold);
        self.tell_beside(false);
    }

    fn tell_beside(&mut self, are_all: bool) {
        let leader = self.tabs[0];
        for row in self.writer.with_pages(leader, |tab| tab.rows_beside(are_all)).expect("readable") {
            let RowBeside { id, table, id_text: row } = row;
            self.hub.handle(doc::Input::Beside { id, table, row });
        }
    }

    /// Does what the worker wants, until it wants nothing or, while there is time, something else comes first.
    pub(super) fn run(&mut self, evidence: &mut Evidence) {
        self.act(self.tabs[0], |device| device.work_off(evidence));
        self.counts.late += std::mem::take(&mut self.hub.late_edits);
    }

    fn work_off(&mut self, evidence: &mut Evidence) {
        self.writer.settle();
        for _ in 0..10_000 {
            self.tell_news(evidence);
            if self.writer.below(4) == 0 {
                for id in self.roots.keys().copied().collect::<Vec<_>>() {
                    self.hub.handle(doc::Input::Waiting { id });
                }
            }
            if self.writer.below(8) == 0 {
                self.hub.handle(doc::Input::Quiet);
            }
            let output = match self.hub.take_output() {
                Some(output @ (Output::Load { .. } | Output::Merge { .. } | Output::Snapshot { .. }))
                    if self.writer.below(2) == 0 =>
                {
                    self.later.push_back(output);
                    continue;
                }
                Some(output) => output,
                None if !self.is_quiet && self.writer.below(4) == 0 => return,
                None => match self.later.pop_front() {
                    Some(output) => output,
                    None => return,
                },
            };
            match output {
                Output::Load { id } => {
                    let leader = self.tabs[0];
                    let stored =
                        self.roots.get(&id).copied().map(|root| {
                            self.writer.with_pages(leader, |tab| tab.stored_document(root)).expect("readable")
                        });
                    let (chunks, actors, heads) =
                        stored.map(|stored| (stored.chunks, stored.actors, stored.heads)).unwrap_or_default();
                    // To find it may have taken a while.
                    self.tell_news(evidence);
                    self.hub.handle(doc::Input::Loaded { id, chunks, actors, heads });
                }
                Output::Merge { id, merge } => {
                    let outcome = self.merge(id, &merge);
                    self.tell_news(evidence);
                    self.hub.handle(doc::Input::Merged { id, outcome });
                }
                Output::Snapshot { id, heads, snapshot } => {
                    let root = self.roots[&id];
                    let bytes = snapshot.len();
                    let is_saved =
                        self.commit(|tab, transaction| tab.save_snapshot(transaction, root, &heads, &snapshot));
                    self.counts.snapshots += usize::from(is_saved);
                    self.tell_news(evidence);
                    let bytes = if is_saved { bytes } else { 0 };
                    self.hub.handle(doc::Input::SnapshotSaved { id, bytes });
                }
                Output::Send { peer, frame } => {
                    if self.writer.below(16) == 0 {
                        self.counts.looked_for += usize::from(evidence::check_sent(&self.writer.world, &frame));
                    }
                    self.outbox.push((peer, frame));
                }
                Output::Status { peer, id, is_synced } => drop(self.synced.insert((peer, id), is_synced)),
                Output::SetAside { reason, .. } => panic!("{reason}"),
                Output::Answer { .. } | Output::Unavailable { .. } | Output::Keep { .. } => {}
            }
        }
        panic!("a worker that never comes to an end");
    }

    /// Saves what has come for a document.
    fn merge(&mut self, id: DocumentId, bytes: &[u8]) -> doc::Outcome {
        let root = self.roots.get(&id).copied();
        let merge = Merge::decode(bytes).expect("readable");
        assert_eq!(merge.encode(), bytes);
        // Damaged, it is another one or refused.
        let mut damaged = bytes[..bytes.len() - self.writer.below(bytes.len() as u64)].to_vec();
        let bit = self.writer.below(8 * damaged.len() as u64);
        damaged[bit / 8] ^= 1 << (bit % 8);
        let _ = Merge::decode(&damaged);
        self.counts.merges += 1;
        // Meanwhile somebody may write.
        let writing = self.tabs[self.writer.below(2)];
        if !self.is_quiet && self.writer.below(3) == 0 && !self.is_killed(writing) {
            survive(|| self.act(writing, |device| device.writer.mutate(writing)));
            if self.is_leaderless() {
                resume_unwind(Box::new(Killed));
            }
            self.writer.world.acting = Some(self.tabs[0]);
            if self.writer.below(2) == 0 {
                self.writer.settle();
            }
        }
        let try_to = |device: &mut Self| {
            let mut has_begun = false;
            device.commit_once(|tab, transaction| {
                if !has_begun {
                    tab.begin_merge(transaction, root, bytes.to_vec())?;
                    has_begun = true;
                }
                while tab.merge_more(transaction)? {}
                Ok(())
            })
        };
        let mut committed = try_to(self);
        if committed == Committed::NotNow {
            committed = try_to(self);
            assert!(
                committed != Committed::NotNow,
                "a merge that runs again and again, though nothing changes meanwhile"
            );
        }
        let is_saved = committed == Committed::Yes;
        let late_merges = self.writer.world.tabs[self.tabs[0]].documents.late_merges.take();
        if is_saved {
            self.counts.overtaken += usize::from(late_merges > 0);
            return doc::Outcome::Saved;
        }
        self.counts.outdated += 1;
        doc::Outcome::Outdated
    }

    /// Compresses changes that are noted to be long.
    pub(super) fn compress(&mut self) {
        let leader = self.tabs[0];
        let long = self.writer.with_pages(leader, Tab::long_changes).expect("readable");
        let smaller: Vec<_> = long.into_iter().map(|(key, chunks)| (key, compressed(&chunks))).collect();
        let count = smaller.iter().filter(|(_, chunks)| !chunks.is_empty()).count();
        if self.commit(|tab, transaction| tab.save_smaller(transaction, smaller.clone())) {
            self.counts.compressed += count;
        }
    }

    /// Commits what is written in the tab that leads. Answers whether it was saved.
    fn commit(&mut self, write: impl FnMut(&mut Tab, TransactionId) -> std::result::Result<(), Obstacle>) -> bool {
        self.commit_once(write) == Committed::Yes
    }

    fn commit_once(
        &mut self,
        mut write: impl FnMut(&mut Tab, TransactionId) -> std::result::Result<(), Obstacle>,
    ) -> Committed {
        let tab = self.tabs[0];
        self.writer.world.tick(tab);
        let now_ms = self.writer.world.now_ms;
        let transaction = self.writer.world.tabs[tab].begin(now_ms, false).expect("open");
        let done = self.writer.with_pages(tab, |tab| write(tab, transaction));
        let finished = match done {
            Some(()) => self.writer.world.tabs[tab].finish(now_ms, transaction),
            None => Err(Error::new(Code::EngineFault, "not written")),
        };
        self.writer.world.settle();
        let mut outcome = None;
        for _ in 0..if finished == Ok(Finished::Queued) { 20 } else { 0 } {
            outcome = self.writer.world.events[tab].iter().find_map(|event| match event {
                Event::Settled { transaction: settled, outcome } if *settled == transaction => Some(outcome.clone()),
                _ => None,
            });
            if outcome.is_some() {
                break;
            }
            // It tries again after a while.
            self.writer.world.run_for(1_000.0);
        }
        assert!(finished != Ok(Finished::Queued) || outcome.is_some(), "it never settles");
        let is_saved = outcome == Some(Outcome::Saved);
        if done.is_none() || finished == Ok(Finished::RunAgain) {
            self.writer.world.tabs[tab].abandon(transaction);
        }
        self.writer.settle();
        match finished {
            Ok(Finished::RunAgain) => Committed::NotNow,
            Ok(Finished::Done) => Committed::Yes,
            _ if is_saved => Committed::Yes,
            _ => Committed::No,
        }
    }

    /// The disk has forgotten what was written last, and all tabs are gone.
    pub(super) fn forget(&mut self, storage: MemoryStorage) {
        self.counts.forgotten += 1;
        self.writer.world.mishap = None;
        for tab in self.tabs.clone() {
            self.writer.world.kill(tab);
        }
        self.writer.world.storage = storage;
    }

    /// Documents but that of the user.
    pub(super) fn documents(&mut self) -> Vec<(Root, DocumentState)> {
        let found = entries(&mut self.writer.world, self.tabs[0], keyspace::STATES_PREFIX, false);
        let read = |(key, value): (Vec<u8>, Bytes)| {
            (Root::of(&key).expect("a root"), DocumentState::decode(&value).expect("readable"))
        };
        found.into_iter().map(read).filter(|(root, _)| root.table.0 > 0).collect()
    }

    /// The rows that are shown, with their places or, where a row may have been made twice, with their ids alone.
    pub(super) fn rows(&mut self, are_placed: bool) -> Vec<(Vec<u8>, Bytes)> {
        let schema = self.writer.world.tabs[self.tabs[0]].current.schema.clone();
        let mut rows = Vec::new();
        for name in ["projects", "tasks"] {
            let prefix = keyspace::row_prefix(schema.table(name).expect("it").id);
            rows.extend(entries(&mut self.writer.world, self.tabs[0], &prefix, false));
        }
        if !are_placed {
            for (key, _) in &mut rows {
                *key = keyspace::place_of(key).expect("a row").id.0.to_vec();
            }
            rows.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        rows
    }
}

/// Changes with each one deflated that is large enough; nothing, if none is.
fn compressed(mut chunks: &[u8]) -> Bytes {
    let mut smaller = Vec::new();
    let whole = chunks.len();
    while !chunks.is_empty() {
        let length = crate::crdt::chunk_length(chunks).expect("a change");
        let mut change = automerge::Change::from_bytes(chunks[..length].to_vec()).expect("a change");
        smaller.extend_from_slice(&change.bytes());
        chunks = &chunks[length..];
    }
    if smaller.len() < whole { Bytes::new(smaller) } else { Bytes::default() }
}
