//! What somebody holds who asks for all news: for tests and the simulator.

use crate::error::{Error, Result};
use crate::keyspace::{Place, TableId};
use crate::live::Patch;
use crate::tab::{LiveId, LiveNews, NextRows, RowSink, Tab};

/// The result of one live query, as its news have made it.
#[derive(Debug)]
pub(crate) struct Mirror {
    pub(crate) id: LiveId,
    /// How many rows the query asks for.
    limit: usize,
    rows: Vec<(Place, Vec<u8>)>,
    /// Those of a read that is not through.
    next: Vec<(Place, Vec<u8>)>,
    pub(crate) count: Option<u64>,
    /// Whether it knows of nothing that is missing.
    pub(crate) is_ready: bool,
    pub(crate) failure: Option<Error>,
    /// How often it was read from the beginning.
    pub(crate) reads: u32,
    /// How often a function has to run again.
    pub(crate) touched: u32,
}

/// Pauses now and then.
struct Taken<'a>(&'a mut Vec<(Place, Vec<u8>)>, usize);

impl RowSink for Taken<'_> {
    fn has(&mut self, _: TableId, _: &Place) -> bool {
        false
    }

    fn row(&mut self, _: TableId, place: &Place, document: &[u8]) -> Result<()> {
        self.0.push((*place, document.to_vec()));
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.0.len() >= self.1
    }
}

impl Mirror {
    pub(crate) fn new(id: LiveId, limit: Option<usize>) -> Self {
        Mirror {
            id,
            limit: limit.unwrap_or(usize::MAX),
            rows: Vec::new(),
            next: Vec::new(),
            count: None,
            is_ready: false,
            failure: None,
            reads: 0,
            touched: 0,
        }
    }

    /// What it shows.
    pub(crate) fn rows(&self) -> &[(Place, Vec<u8>)] {
        &self.rows[..self.rows.len().min(self.limit)]
    }

    /// Asks for its news.
    pub(crate) fn ask(&mut self, tab: &mut Tab) {
        loop {
            let full_at = 7;
            let mut rows = Vec::new();
            let news = tab.live_news(self.id, &mut Taken(&mut rows, full_at));
            self.failure = None;
            match news {
                Ok(LiveNews::Nothing) => {}
                Ok(LiveNews::Patches(patches)) => patches.into_iter().for_each(|patch| self.apply(patch)),
                Ok(LiveNews::Rows { is_first, next }) => {
                    if is_first {
                        self.next.clear();
                        self.reads += 1;
                    }
                    self.next.append(&mut rows);
                    match next {
                        NextRows::More => continue,
                        NextRows::Later => self.is_ready = false,
                        NextRows::Nothing => {
                            self.rows = std::mem::take(&mut self.next);
                            self.is_ready = true;
                        }
                    }
                }
                Ok(LiveNews::Count(count)) => {
                    self.count = Some(count);
                    self.is_ready = true;
                }
                Ok(LiveNews::Touched) => self.touched += 1,
                Ok(LiveNews::Waiting) => self.is_ready = false,
                Err(error) => {
                    self.failure = Some(error);
                    self.is_ready = false;
                }
            }
            return;
        }
    }

    fn apply(&mut self, patch: Patch) {
        match patch {
            Patch::Insert { at, place, document } => self.rows.insert(at, (place, document.to_vec())),
            Patch::Replace { at, place, document } => {
                assert!(self.rows[at].0 == place, "[live] the row at {at} is another one");
                self.rows[at].1 = document.to_vec();
            }
            Patch::Remove { at } => drop(self.rows.remove(at)),
            Patch::Truncate { length } => self.rows.truncate(length),
        }
    }
}

/// Asks for all news.
pub(crate) fn ask_all(tab: &mut Tab, mut ask: impl FnMut(&mut Tab, LiveId)) {
    while let Some(id) = tab.next_live() {
        ask(tab, id);
    }
}

/// Asks for news of one of these, if it is there.
pub(crate) fn ask_one<'a>(tab: &mut Tab, id: LiveId, mut mirrors: impl Iterator<Item = &'a mut Mirror>) {
    if let Some(mirror) = mirrors.find(|mirror| mirror.id == id) {
        mirror.ask(tab);
    }
}
