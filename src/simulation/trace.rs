//! What happened, as a number that is the same for the same run and, when asked for, as lines to read.

use crate::bytes::Bytes;
use crate::keyspace::place_of;
use crate::log::{Record, RowChange};
use crate::schema::Schema;
use crate::tab::{Announcement, Effect, Input};
use std::cell::RefCell;
use std::collections::VecDeque;

thread_local! {
    /// Outlives the world, which may end in a panic.
    static LINES: RefCell<VecDeque<String>> = const { RefCell::new(VecDeque::new()) };
}

#[derive(Clone, Copy)]
pub(super) struct Trace {
    pub(super) hash: u64,
    /// How many lines to keep; with none, none are written.
    most_lines: usize,
}

impl Trace {
    pub(super) fn new(most_lines: usize) -> Self {
        LINES.with_borrow_mut(VecDeque::clear);
        Trace { hash: 0xcbf2_9ce4_8422_2325, most_lines }
    }

    pub(super) fn take_lines() -> VecDeque<String> {
        LINES.take()
    }

    pub(super) fn say(&self, line: impl FnOnce() -> String) {
        if self.most_lines > 0 {
            LINES.with_borrow_mut(|lines| {
                if lines.len() == self.most_lines {
                    lines.pop_front();
                }
                lines.push_back(line());
            });
        }
    }

    pub(super) fn add(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(u64::from(crate::bytes::checksum(bytes)));
        self.add(bytes.len() as u64);
    }

    pub(super) fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Load { read, generation, pages } => {
                self.add(u64::from(read.0) << 8 | 1);
                self.add(*generation);
                pages.iter().for_each(|page| self.add(*page));
            }
            Effect::ReadLog { generation, after, .. } => self.add(generation << 32 ^ after << 8 | 2),
            Effect::Append { sequence, record } => {
                self.add(sequence << 8 | 3);
                self.add_bytes(record);
            }
            Effect::Rebase { generation, after } => self.add(generation << 32 ^ after << 8 | 4),
            Effect::Lock { steal } => self.add(u64::from(*steal) << 8 | 5),
            Effect::Unlock => self.add(6),
            Effect::ReserveAttempt { after } => self.add(after << 8 | 7),
            Effect::WritePages { pages } => {
                for (page, bytes) in pages {
                    self.add(page << 8 | 8);
                    self.add_bytes(bytes);
                }
            }
            Effect::InspectLog { read } => self.add(u64::from(read.0) << 8 | 14),
            Effect::Publish { generation, manifest, fence } => {
                self.add(generation << 8 | 9);
                self.add_bytes(manifest);
                self.add(fence.as_ref().map_or(0, |(sequence, _)| *sequence));
            }
            Effect::Trim { log_upto, manifests_below, pages } => {
                self.add(log_upto << 32 ^ manifests_below << 8 | 10);
                pages.iter().for_each(|range| self.add(range.start ^ range.end << 32));
            }
            Effect::WakeAfter { milliseconds } => self.add(milliseconds.to_bits() ^ 11),
            Effect::Reopen => self.add(12),
            Effect::Announce(announcement) => self.add_announcement(announcement, 13),
        }
    }

    pub(super) fn input(&mut self, input: &Input) {
        match input {
            Input::PagesLoaded { read, pages, newer_manifest } => {
                self.add(u64::from(read.0) << 8 | u64::from(*newer_manifest));
                for (page, bytes) in pages {
                    self.add(*page);
                    self.add_bytes(bytes.as_deref().unwrap_or_default());
                }
            }
            Input::LogRead(tail) => {
                self.add_bytes(tail.manifest.as_ref().map_or(&[], |(_, bytes)| bytes));
                for (sequence, bytes) in &tail.records {
                    self.add(*sequence);
                    self.add_bytes(bytes);
                }
            }
            Input::Announced(announcement) => self.add_announcement(announcement, 20),
            Input::AttemptReserved { attempt } => self.add(attempt << 8 | 21),
            other => self.add_bytes(name_of(other).as_bytes()),
        }
    }

    fn add_announcement(&mut self, told: &Announcement, kind: u64) {
        self.add(u64::from(told.turn_ms) << 48 ^ told.generation << 32 ^ told.sequence << 8 | kind);
    }
}

/// An input's name, with what fits on a line.
pub(super) fn name_of(input: &Input) -> String {
    match input {
        Input::PagesLoaded { read, pages, newer_manifest } => {
            let gone = pages.iter().filter(|(_, bytes)| bytes.is_none()).count();
            format!("PagesLoaded {} pages {} gone {gone} newer {newer_manifest}", read.0, pages.len())
        }
        Input::LogRead(tail) => format!(
            "LogRead manifest {} records {:?}",
            tail.manifest.is_some(),
            tail.records.first().map(|first| (first.0, tail.records.last().map_or(0, |last| last.0)))
        ),
        other => format!("{other:?}"),
    }
}

/// An effect's name, with what fits on a line.
pub(super) fn name_of_effect(effect: &Effect) -> String {
    match effect {
        Effect::Load { read, generation, pages } => format!("Load {} g{generation} {pages:?}", read.0),
        Effect::Append { sequence, record } => format!("Append {sequence} ({} bytes)", record.len()),
        Effect::WritePages { pages } => {
            format!("WritePages {:?}", pages.iter().map(|(page, _)| *page).collect::<Vec<_>>())
        }
        Effect::Publish { generation, manifest, .. } => {
            let sequence = crate::store::Manifest::peek_sequence(manifest);
            format!("Publish g{generation} upto {sequence:?}")
        }
        other => format!("{other:?}"),
    }
}

/// What a record holds.
pub(super) fn content_of(record: &[u8]) -> String {
    let Ok(record) = Record::decode(&Bytes::from(record)) else { return "unreadable".into() };
    let schema = record.schema.as_ref().and_then(|schema| Schema::decode(schema).ok()).map(|schema| {
        let indexes = schema.tables().iter().flat_map(|table| table.indexes());
        let states: Vec<_> = indexes.map(|index| format!("{}={} {:?}", index.id.0, index.name, index.state)).collect();
        format!("schema {} {states:?}", schema.version)
    });
    let progress = record.progress.as_ref().map(|progress| {
        let to = matches!(progress.to, crate::log::Stage::Finished);
        let rows: Vec<_> = progress.keys.iter().filter_map(|key| place_of(key)).map(|place| place.id.0[0]).collect();
        format!("index {} with rows {rows:?}, finished {to}", progress.index.0)
    });
    let rows: Vec<_> = record.rows().map(row_of).collect();
    format!("{:?} {schema:?} {progress:?} {rows:?}", record.commit)
}

fn row_of(row: &RowChange) -> String {
    let old: Vec<_> = row.old_keys.iter().map(|old| format!("{}:{:02x?}", old.index.0, &old.fields[..])).collect();
    format!("{:?} {} of {} {}", row.kind, row.place.id.0[0], row.table.0, old.join(" "))
}
