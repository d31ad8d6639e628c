//! The manifest: one small record that names a state of the tree, and what goes with it.
//!
//! ```text
//! manifest := version:u8 kind:u8 generation:varint sequence:varint attempt:varint
//!             height:u8 root:varint count:varint                 root and count only if height > 0
//!             schema:bytes
//!             embedded:varint (page:varint bytes)*               interior pages, from the root down
//!             freed:varint (at_ms:f64 sequence:varint ranges:varint (gap:varint length:varint)*)*
//!             sessions:varint (session:u64 counter:varint sequence:varint)*
//!             extension:bytes checksum:u32
//! extension := [0x01 repaired:varint] rest
//! ```
//! `bytes` is a varint length and that many bytes. A range of freed pages starts `gap` ids after the end of
//! the one before. The checksum is over everything before it, in every version of the format, so that a
//! newer format and damage can be told apart.

use std::rc::Rc;

use super::page::{Interior, Page, PageWriter};
use super::{PAGE_ID_END, PageId};
use crate::bytes::{Bytes, Malformed, Reader, Write, checksum};

const VERSION: u8 = 1;
const KIND: u8 = 3;
/// How many bytes of interior pages ride along.
const EMBEDDED_BYTES: usize = 64 * 1024;
/// A tree of interior pages with two children each would be lower than this.
const MOST_LEVELS: u8 = 64;
/// What the extension begins with when there was a repair.
const REPAIRED: u8 = 1;
/// How many sessions are remembered.
pub const MANIFEST_SESSIONS: usize = 256;

/// One state of the tree.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// Counts manifests; the record's key.
    pub generation: u64,
    /// The log records up to this one are in the tree.
    pub sequence: u64,
    /// The attempt that made it; later ones take larger numbers.
    pub attempt: u64,
    /// Levels of the tree: 0 when it is empty, 1 when the root is a leaf.
    pub height: u8,
    /// The root page, if `height` is not 0.
    pub root: PageId,
    /// How many entries the tree has.
    pub count: u64,
    /// The encoded schema.
    pub schema: Vec<u8>,
    /// Pages and log records that this and earlier checkpoints superseded and that are still stored.
    pub freed: Vec<Freed>,
    /// The last commits of recent sessions, the most recent last.
    pub sessions: Vec<Session>,
    /// The generation of the last repair, or 0. A repair may have lost rows: whoever knows an older state than
    /// that can't tell from the log what is different.
    pub repaired: u64,
    /// Room for later versions: kept as it was read. Does not begin with 0x01.
    pub extension: Vec<u8>,
    /// Interior pages from the root down, sorted by id.
    embedded: Vec<(PageId, Rc<Interior>)>,
}

/// What was superseded at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Freed {
    /// When, in milliseconds since 1970.
    pub at_ms: f64,
    /// Log records up to this one are in the tree.
    pub sequence: u64,
    /// Pages that were replaced: their ids as first id and length, ascending.
    pub ranges: Vec<(PageId, u64)>,
}

/// The last commit of a session that is in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The session's random number.
    pub session: u64,
    /// The number of its last commit.
    pub counter: u64,
    /// The log record of that commit.
    pub sequence: u64,
}

/// Why a manifest can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// A newer version of Holdfast wrote it, in this format.
    NewerFormat(u8),
    /// It is damaged.
    Malformed(Malformed),
}

impl From<Malformed> for ManifestError {
    fn from(malformed: Malformed) -> Self {
        ManifestError::Malformed(malformed)
    }
}

impl Freed {
    /// Groups page ids, in any order, into ranges.
    pub fn new(at_ms: f64, sequence: u64, pages: &[PageId]) -> Self {
        let mut pages = pages.to_vec();
        crate::sort::sort(&mut pages);
        pages.dedup();
        let mut ranges: Vec<(PageId, u64)> = Vec::new();
        for page in pages {
            match ranges.last_mut() {
                Some((first, length)) if *first + *length == page => *length += 1,
                _ => ranges.push((page, 1)),
            }
        }
        Freed { at_ms, sequence, ranges }
    }
}

impl Manifest {
    /// The state of a new database.
    pub fn empty() -> Self {
        Manifest::default()
    }

    /// What stays as it is in the manifest of the next checkpoint; the tree is still to be set.
    pub(super) fn successor(&self, attempt: u64, sequence: u64) -> Self {
        Manifest {
            generation: self.generation + 1,
            attempt,
            sequence,
            freed: self.freed.clone(),
            repaired: self.repaired,
            extension: self.extension.clone(),
            ..Manifest::default()
        }
    }

    /// Notes what this checkpoint supersedes: these pages, and the log records that it took in. They may be
    /// deleted some time after `now_ms`.
    pub fn free(&mut self, now_ms: f64, pages: &[PageId]) {
        self.freed.push(Freed::new(now_ms, self.sequence, pages));
    }

    /// Notes as well what attempts between that of the manifest before, `base_attempt`, and this one may have
    /// left behind: they came to nothing.
    pub fn free_attempts_since(&mut self, base_attempt: u64) {
        let between = super::attempt_pages(base_attempt).end..super::attempt_pages(self.attempt).start;
        if let Some(freed) = self.freed.last_mut().filter(|_| !between.is_empty()) {
            freed.ranges.push((between.start, between.end - between.start));
        }
    }

    /// Takes the notes of pages that the caller has deleted out of the list.
    pub fn take_freed(&mut self, is_deleted: impl Fn(&Freed) -> bool) -> Vec<Freed> {
        let (old, recent) = std::mem::take(&mut self.freed).into_iter().partition(is_deleted);
        self.freed = recent;
        old
    }

    /// Notes that everything before its attempt is superseded, and these pages of it: the tree was made anew.
    pub fn free_before(&mut self, now_ms: f64, pages: &[PageId]) {
        let mut freed = Freed::new(now_ms, self.sequence, pages);
        freed.ranges.insert(0, (0, super::attempt_pages(self.attempt).start));
        self.freed = vec![freed];
    }

    /// Sets the last commits of sessions; the most recent ones are kept.
    pub fn set_sessions(&mut self, mut sessions: Vec<Session>) {
        crate::sort::sort_by(&mut sessions, |a, b| (a.sequence, a.session).cmp(&(b.sequence, b.session)));
        sessions.drain(..sessions.len().saturating_sub(MANIFEST_SESSIONS));
        self.sessions = sessions;
    }

    /// Whether sessions may be forgotten that have written this log record. Those that wrote last are remembered.
    pub fn has_forgotten_sessions_of(&self, sequence: u64) -> bool {
        let oldest = self.sessions.iter().map(|known| known.sequence).min().unwrap_or(0);
        self.sessions.len() >= MANIFEST_SESSIONS && oldest > sequence
    }

    /// An interior page that rides along.
    pub(super) fn embedded(&self, id: PageId) -> Option<&Rc<Interior>> {
        let index = self.embedded.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.embedded[index].1)
    }

    /// Takes interior pages along, breadth first from the root, as far as `page` knows them and the budget goes.
    pub(super) fn embed(&mut self, mut page: impl FnMut(PageId) -> Option<Rc<Interior>>) {
        let mut embedded: Vec<(PageId, Rc<Interior>)> = Vec::new();
        let mut room = EMBEDDED_BYTES;
        let mut level = if self.height > 1 { vec![self.root] } else { Vec::new() };
        'levels: for depth in 1..self.height {
            let mut below = Vec::new();
            for id in level {
                let Some(interior) = page(id) else { continue };
                let Some(left) = room.checked_sub(interior.encode(&mut PageWriter::default()).len()) else {
                    break 'levels;
                };
                room = left;
                if depth + 1 < self.height {
                    below.extend(interior.children.iter().map(|child| child.page));
                }
                let place = embedded.partition_point(|(other, _)| *other < id);
                embedded.insert(place, (id, interior));
            }
            level = below;
        }
        self.embedded = embedded;
    }

    /// The record's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, KIND];
        out.put_varint(self.generation);
        out.put_varint(self.sequence);
        out.put_varint(self.attempt);
        out.put_u8(self.height);
        if self.height > 0 {
            out.put_varint(self.root);
            out.put_varint(self.count);
        }
        out.put_bytes(&self.schema);
        let mut writer = PageWriter::default();
        out.put_varint(self.embedded.len() as u64);
        for (id, interior) in &self.embedded {
            out.put_varint(*id);
            out.put_bytes(&interior.encode(&mut writer));
        }
        out.put_varint(self.freed.len() as u64);
        for freed in &self.freed {
            out.put_f64(freed.at_ms);
            out.put_varint(freed.sequence);
            out.put_varint(freed.ranges.len() as u64);
            let mut end = 0;
            for &(first, length) in &freed.ranges {
                out.put_varint(first - end);
                out.put_varint(length);
                end = first + length;
            }
        }
        out.put_varint(self.sessions.len() as u64);
        for session in &self.sessions {
            out.put_u64(session.session);
            out.put_varint(session.counter);
            out.put_varint(session.sequence);
        }
        let mut extension = Vec::new();
        if self.repaired > 0 {
            extension.push(REPAIRED);
            extension.put_varint(self.repaired);
        }
        extension.extend_from_slice(&self.extension);
        out.put_bytes(&extension);
        out.put_u32(checksum(&out));
        out
    }

    /// Up to which log record a manifest goes, read from its first bytes only.
    pub fn peek_sequence(bytes: &[u8]) -> Option<u64> {
        let mut reader = Reader::new(bytes.get(2..)?);
        reader.varint("generation").ok()?;
        reader.varint("sequence").ok()
    }

    /// Reads a record's bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, ManifestError> {
        let body_length = bytes.len().checked_sub(4).ok_or(Malformed("manifest length"))?;
        let (body, sum) = bytes.split_at(body_length);
        if sum != checksum(body).to_le_bytes() {
            return Err(Malformed("manifest checksum").into());
        }
        let mut reader = Reader::new(body);
        let version = reader.u8("manifest version")?;
        if version > VERSION {
            return Err(ManifestError::NewerFormat(version));
        }
        if version != VERSION || reader.u8("manifest kind")? != KIND {
            return Err(Malformed("manifest kind").into());
        }
        Ok(Self::read(&mut reader)?)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut manifest = Manifest {
            generation: reader.varint("generation")?,
            sequence: reader.varint("sequence")?,
            attempt: reader.varint("attempt")?,
            height: reader.u8("height")?,
            ..Manifest::default()
        };
        if manifest.height > MOST_LEVELS {
            return Err(Malformed("height"));
        }
        if manifest.height > 0 {
            manifest.root = page_id(reader.varint("root")?)?;
            manifest.count = reader.varint("count")?;
            if manifest.count >= PAGE_ID_END {
                return Err(Malformed("count"));
            }
        }
        manifest.schema = reader.bytes("schema")?.to_vec();
        for _ in 0..reader.varint("embedded pages")? {
            let id = page_id(reader.varint("embedded page")?)?;
            if manifest.embedded.last().is_some_and(|(last, _)| *last >= id) {
                return Err(Malformed("order of embedded pages"));
            }
            match Page::parse(Bytes::from(reader.bytes("embedded page")?))? {
                Page::Interior(interior) => manifest.embedded.push((id, interior)),
                _ => return Err(Malformed("kind of embedded page")),
            }
        }
        for _ in 0..reader.varint("freed")? {
            let at_ms = reader.f64("freed time")?;
            let mut freed = Freed { at_ms, sequence: reader.varint("freed sequence")?, ranges: Vec::new() };
            if freed.at_ms.is_nan() {
                return Err(Malformed("freed time"));
            }
            let mut end: PageId = 0;
            for _ in 0..reader.varint("freed ranges")? {
                let gap = page_id(reader.varint("freed range")?)?;
                let length = page_id(reader.varint("freed range")?)?;
                freed.ranges.push((end + gap, length));
                end = page_id(end + gap + length)?;
            }
            manifest.freed.push(freed);
        }
        for _ in 0..reader.varint("sessions")? {
            manifest.sessions.push(Session {
                session: reader.u64("session")?,
                counter: reader.varint("session counter")?,
                sequence: reader.varint("session sequence")?,
            });
        }
        let extension = reader.bytes("extension")?;
        if extension.first() == Some(&REPAIRED) {
            let mut parts = Reader::new(&extension[1..]);
            manifest.repaired = parts.varint("generation of a repair")?;
            manifest.extension = extension[1 + parts.position()..].to_vec();
        } else {
            manifest.extension = extension.to_vec();
        }
        reader.finish("bytes after the manifest")?;
        Ok(manifest)
    }
}

fn page_id(value: u64) -> Result<PageId, Malformed> {
    if value < PAGE_ID_END { Ok(value) } else { Err(Malformed("page id")) }
}

#[cfg(test)]
mod tests;
