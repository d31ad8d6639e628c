//! Checking a database as it is stored: manifest and log, every page, every document, and that ids and index
//! entries are what the rows say.
//!
//! Manifest, log and pages are read from the store; then one state is read from beginning to end, in slices. It
//! blocks nobody.

use super::effect::{Effect, Event, LogTail, ReadId};
use super::state::State;
use super::stored::{check_stored, decode_manifest, decode_record};
use super::{RunStep, Tab};
use crate::bytes::Bytes;
use crate::change::Operations;
use crate::crdt::{IS_BUILT_IN, StoredRow};
use crate::document;
use crate::error::{Code, Error, Result};
use crate::flat_map::FlatMap;
use crate::keyspace::{self, IndexId, Kind, Place, TableId};
use crate::log::{ChangeKind, RowChange};
use crate::schema::{IndexState, Schema, Standing};
use crate::store::{DamagedPage, Direction, PageId, ReadError, Scan, Verify};
use crate::value::show::Number;

/// Pages that are asked for at once.
const PAGES_AT_ONCE: usize = 64;
/// Problems that a report names; the others are counted.
const PROBLEMS: usize = 50;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerifyReport {
    /// Pages read.
    pub pages: u64,
    /// Rows of all tables, as far as they can be read.
    pub rows: u64,
    /// Index entries of all indexes.
    pub entries: u64,
    /// What is wrong, in sentences that name table, index or range. Empty when all is well.
    pub problems: Vec<String>,
    /// How many problems there are beyond those named.
    pub more_problems: u64,
}

/// How far a check got.
#[derive(Clone, Debug, PartialEq)]
pub enum VerifyStep {
    /// A slice is done; call again.
    Continue,
    /// Wait for this read, then call again.
    Waiting(ReadId),
    /// Done.
    Done(VerifyReport),
}

/// How many keys there are, and a sum of their hashes: equal sets of keys have equal sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    fn add(&mut self, key: &[u8]) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for &byte in key {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 31;
        self.count += 1;
        self.sum = self.sum.wrapping_add(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
}

enum Stage {
    /// Reading manifest and log; all records up to this one have to be there.
    Log(u64),
    /// Walking the stored pages.
    Pages(Box<Verify>),
    /// Reading all keys in order: rows, then ids, then entries.
    Keys(Box<Scan>),
}

/// A check under way.
pub struct VerifyRun {
    state: State,
    stage: Stage,
    waiting: Option<(ReadId, bool)>,
    report: VerifyReport,
    /// Pages are: what belongs together can't be compared, but rows are read as far as that goes.
    is_damaged: bool,
    /// What the rows say there should be, and what there is, by the first five bytes of a key.
    expected: FlatMap<[u8; keyspace::PREFIX_LENGTH], Tally>,
    found: FlatMap<[u8; keyspace::PREFIX_LENGTH], Tally>,
    operations: Operations,
    restarts: u32,
}

impl VerifyRun {
    /// Pages and rows checked so far.
    pub fn progress(&self) -> (u64, u64) {
        (self.report.pages, self.report.rows)
    }

    fn problem(&mut self, problem: String) {
        if self.report.problems.len() < PROBLEMS {
            self.report.problems.push(problem);
        } else {
            self.report.more_problems += 1;
        }
    }
}

impl Tab {
    /// Starts to check what is stored.
    pub fn start_verify(&mut self) -> Result<VerifyRun> {
        self.check_open()?;
        let read = self.next_read();
        self.inspecting.insert(read, ());
        self.effects.push(Effect::InspectLog { read });
        Ok(VerifyRun {
            state: self.committed.clone(),
            stage: Stage::Log(self.sequence),
            waiting: Some((read, true)),
            report: VerifyReport::default(),
            is_damaged: false,
            expected: FlatMap::new(),
            found: FlatMap::new(),
            operations: Operations::default(),
            restarts: 0,
        })
    }

    /// Manifest and log as they are stored have come.
    pub(crate) fn log_inspected(&mut self, read: ReadId, tail: LogTail) {
        self.inspecting.remove(&read);
        self.inspected_log = Some((read, tail));
        self.events.push_back(Event::ReadReady { read, result: Ok(()) });
    }

    /// Goes on with a check, by one slice.
    pub fn step_verify(&mut self, run: &mut VerifyRun) -> Result<VerifyStep> {
        self.check_open()?;
        if let Some((read, is_raw)) = run.waiting {
            if let (true, Stage::Log(upto)) = (is_raw, &run.stage) {
                let came = self.inspected_log.take_if(|(answered, _)| *answered == read);
                let Some((_, tail)) = came else { return Ok(VerifyStep::Waiting(read)) };
                verify_log(run, *upto, tail);
            } else if is_raw {
                let Some(pages) = self.inspected.remove(&read) else { return Ok(VerifyStep::Waiting(read)) };
                let Stage::Pages(verify) = &mut run.stage else { return Ok(VerifyStep::Continue) };
                if pages.iter().any(|(_, bytes)| bytes.is_none())
                    && self.generation() > run.state.view.manifest.generation
                {
                    return self.restart_verify(run);
                }
                for (page, bytes) in pages {
                    run.report.pages += 1;
                    verify.check(page, bytes.map(Bytes::new));
                }
            }
            run.waiting = None;
        }
        match &mut run.stage {
            Stage::Log(_) => {
                run.stage = Stage::Pages(Box::new(Verify::new(&run.state.view.manifest)));
                Ok(VerifyStep::Continue)
            }
            Stage::Pages(verify) => {
                let wanted = verify.wanted(PAGES_AT_ONCE);
                if !wanted.is_empty() {
                    let read = self.inspect(wanted);
                    run.waiting = Some((read, true));
                    return Ok(VerifyStep::Waiting(read));
                }
                let damage = verify.damage().to_vec();
                run.is_damaged = !damage.is_empty();
                for damage in damage {
                    let range = describe(&run.state.schema, &damage.start, damage.end.as_deref());
                    run.problem(format!("Page {} is damaged ({}): {range}.", damage.page, damage.problem));
                }
                let scan = run.state.view.scan(&[], None, Direction::Ascending, PAGES_AT_ONCE);
                run.stage = Stage::Keys(Box::new(scan));
                Ok(VerifyStep::Continue)
            }
            Stage::Keys(_) => self.verify_keys(run),
        }
    }

    fn verify_keys(&mut self, run: &mut VerifyRun) -> Result<VerifyStep> {
        for _ in 0..self.options.job_slice_rows {
            let Stage::Keys(scan) = &mut run.stage else { return Ok(VerifyStep::Continue) };
            match scan.next(&mut self.cache) {
                Ok(Some(item)) => {
                    let (key, value) = (item.key.to_vec(), item.keep());
                    verify_key(run, &key, &value);
                }
                Ok(None) => return Ok(VerifyStep::Done(compare(run))),
                Err(ReadError::Missing(pages))
                    if run.is_damaged && pages.iter().any(|page| self.absent.contains_key(page)) =>
                {
                    for page in pages.iter().filter(|page| self.absent.contains_key(page)) {
                        self.cache.insert_damaged(*page);
                    }
                }
                Err(ReadError::Missing(pages)) => {
                    match self.missing(run.state.view.manifest.generation, pages, TableId(0))? {
                        RunStep::Missing(pages) => {
                            let read = self.load(pages);
                            run.waiting = Some((read, false));
                            return Ok(VerifyStep::Waiting(read));
                        }
                        _ => return self.restart_verify(run),
                    }
                }
                Err(ReadError::Corrupt(damaged)) => {
                    let DamagedPage { page, start, end } = *damaged;
                    if !std::mem::replace(&mut run.is_damaged, true) {
                        let range = describe(&run.state.schema, &start, end.as_deref());
                        run.problem(format!("Page {page} is damaged: {range}."));
                    }
                    let Some(end) = end else { return Ok(VerifyStep::Done(compare(run))) };
                    let scan = run.state.view.scan(&end, None, Direction::Ascending, PAGES_AT_ONCE);
                    run.stage = Stage::Keys(Box::new(scan));
                }
            }
        }
        Ok(VerifyStep::Continue)
    }

    fn restart_verify(&mut self, run: &mut VerifyRun) -> Result<VerifyStep> {
        let restarts = run.restarts + 1;
        if restarts > 5 {
            return Err(Error::new(
                Code::StorageFailed,
                "The check could not keep up: other writes replaced what it was reading five times. Try again.",
            ));
        }
        *run = self.start_verify()?;
        run.restarts = restarts;
        Ok(VerifyStep::Continue)
    }

    /// Asks for pages as they are stored, past the cache.
    fn inspect(&mut self, pages: Vec<PageId>) -> ReadId {
        let read = self.next_read();
        self.inspecting.insert(read, ());
        self.effects.push(Effect::Load { read, generation: self.generation(), pages });
        read
    }
}

/// Looks at manifest and log as they are stored: up to which record this tab knows them, they have to be whole.
fn verify_log(run: &mut VerifyRun, upto: u64, tail: LogTail) {
    let mut last = 0;
    let known = &run.state.view.manifest;
    match tail.manifest {
        Some((generation, bytes)) => match decode_manifest(generation, &bytes) {
            Ok(manifest) => {
                last = manifest.sequence;
                if generation < known.generation || (generation == known.generation && bytes != known.encode()) {
                    run.problem("The stored manifest is not the one that is in force.".into());
                }
            }
            // Where the log begins is not known either.
            Err(error) => return run.problem(error.into_message()),
        },
        None if known.generation > 0 => return run.problem("The manifest is missing.".into()),
        None => {}
    }
    for (number, bytes) in tail.records {
        if number > last + 1 {
            run.problem(format!("Log record {} is missing.", last + 1));
        }
        last = number;
        if let Err(error) = decode_record(number, bytes) {
            run.problem(error.into_message());
        }
    }
    if last < upto {
        run.problem(format!("Log record {} is missing.", last + 1));
    }
}

/// Takes in one key: a row says what ids and entries there should be, the others are what there is.
fn verify_key(run: &mut VerifyRun, key: &[u8], value: &Bytes) {
    let Some(kind) = keyspace::kind(key) else { return run.problem("A key is of no known kind.".into()) };
    match kind {
        Kind::Row(table) if is_leaving(&run.state.schema, table) => {}
        Kind::Row(_) => {
            run.report.rows += 1;
            verify_row(run, key, value);
        }
        Kind::Id(_) | Kind::Entry(_) => {
            if matches!(kind, Kind::Entry(_)) {
                run.report.entries += 1;
            }
            let mut whole = key.to_vec();
            whole.extend_from_slice(value);
            run.found.or_default(prefix(key)).add(&whole);
        }
        Kind::Stamps(_) | Kind::Remains(_) if IS_BUILT_IN => match (kind, StoredRow::decode(value)) {
            // Of those that are shown there is one for each row.
            (Kind::Stamps(_), Ok(StoredRow { hidden: None, .. })) => run.found.or_default(prefix(key)).add(key),
            (_, Ok(_)) => {}
            (_, Err(malformed)) => run.problem(format!("What a document is synced by is damaged ({}).", malformed.0)),
        },
        Kind::Stamps(_) | Kind::Remains(_) | Kind::Noted(_) | Kind::Adopted(_) | Kind::Crdt(_) | Kind::Note => {}
    }
}

/// Whether nobody will see this table again.
pub(crate) fn is_leaving(schema: &Schema, table: TableId) -> bool {
    schema.table_by_id(table).is_some_and(|table| table.standing == Standing::Leaving)
}

fn prefix(key: &[u8]) -> [u8; keyspace::PREFIX_LENGTH] {
    key[..keyspace::PREFIX_LENGTH].try_into().expect("a key is longer than its prefix")
}

fn verify_row(run: &mut VerifyRun, key: &[u8], document: &Bytes) {
    let schema = run.state.schema.clone();
    let (table, place) = match readable(&schema, key, document) {
        Ok(row) => row,
        Err(problem) => return run.problem(problem),
    };
    let declared = schema.table_by_id(table).filter(|table| table.declared);
    if let Some(Err(error)) = declared.map(|table| check_stored(&schema, table, document, &place.id)) {
        run.problem(error.into_message());
    }
    if IS_BUILT_IN && schema.table_by_id(table).is_some_and(|table| table.placement.is_some()) {
        let key = keyspace::stamps_key(table, &place.id);
        run.expected.or_default(prefix(&key)).add(&key);
    }
    let change = RowChange { table, place, kind: ChangeKind::Insert, document: document.clone(), old_keys: Vec::new() };
    run.operations.add_row(&schema, &change);
    let expected = &mut run.expected;
    run.operations.drain(|key, value| {
        if !matches!(keyspace::kind(key), Some(Kind::Row(_))) {
            let mut whole = key.to_vec();
            whole.extend_from_slice(value);
            expected.or_default(prefix(key)).add(&whole);
        }
    });
}

/// Compares what there is with what the rows say.
fn compare(run: &mut VerifyRun) -> VerifyReport {
    if run.is_damaged {
        return std::mem::take(&mut run.report);
    }
    let schema = run.state.schema.clone();
    let mut prefixes: Vec<_> = run.expected.keys().chain(run.found.keys()).copied().collect();
    crate::sort::sort(&mut prefixes);
    prefixes.dedup();
    for prefix in prefixes {
        let expected = run.expected.get(&prefix).copied().unwrap_or_default();
        let found = run.found.get(&prefix).copied().unwrap_or_default();
        let what = match keyspace::kind(&prefix) {
            Some(Kind::Entry(index)) => match schema.index_by_id(index) {
                // Entries that are being removed are not missed by anybody.
                Some((_, index)) if index.state == IndexState::Dropping => continue,
                Some((table, index)) => format!("Index \"{}.{}\"", table.name, index.name),
                None => format!("An unknown index ({})", index.0),
            },
            Some(Kind::Id(table)) => match schema.table_by_id(table) {
                _ if is_leaving(&schema, table) => continue,
                Some(table) => format!("The ids of table \"{}\"", table.name),
                None => format!("The ids of an unknown table ({})", table.0),
            },
            Some(Kind::Stamps(table)) if IS_BUILT_IN => {
                let known = schema.table_by_id(table);
                let name = known.map_or("?", |table| &table.name);
                // Of one that becomes synced, or local, some have them and some do not.
                let is_moving = known.is_some_and(|table| table.moving.is_some());
                if expected != found && !is_moving {
                    run.problem(format!(
                        "What documents of table \"{name}\" are synced by is not there, or not theirs."
                    ));
                }
                continue;
            }
            _ => continue,
        };
        if expected.count != found.count {
            run.problem(format!("{what}: {} entries where the documents make {}.", found.count, expected.count));
        } else if expected != found {
            run.problem(format!("{what}: entries that do not belong to the documents."));
        }
    }
    std::mem::take(&mut run.report)
}

/// Where the row of a key is, if it is one that all that reads can read; otherwise what is wrong.
pub(crate) fn readable(schema: &Schema, key: &[u8], document: &[u8]) -> std::result::Result<(TableId, Place), String> {
    let Some(Kind::Row(id)) = keyspace::kind(key) else { return Err("A key is of no known kind.".into()) };
    let Some(table) = schema.table_by_id(id) else {
        return Err(format!("A document is in table number {}, which there is not.", id.0));
    };
    let place = keyspace::place_of(key).filter(|place| place.creation_time.is_finite());
    let Some(place) = place.filter(|_| key.len() == keyspace::PREFIX_LENGTH + keyspace::PLACE_LENGTH) else {
        return Err(format!("A document of table \"{}\" has a damaged key.", table.name));
    };
    document::check_stored_form(document, &schema.names).map_err(|problem| {
        format!(
            "Document {} of table \"{}\" is damaged: {problem}.",
            crate::id::encode(table.number, &place.id),
            table.name
        )
    })?;
    Ok((id, place))
}

/// Says for people what lies between two keys.
pub(crate) fn describe(schema: &Schema, start: &[u8], end: Option<&[u8]>) -> String {
    let name = |key: &[u8]| match keyspace::kind(key) {
        Some(Kind::Row(table)) => schema.table_by_id(table).map(|table| format!("table \"{}\"", table.name)),
        Some(Kind::Id(table)) => schema.table_by_id(table).map(|table| format!("the ids of table \"{}\"", table.name)),
        Some(Kind::Entry(index)) => index_name(schema, index),
        Some(
            Kind::Stamps(table) | Kind::Remains(table) | Kind::Noted(table) | Kind::Adopted(table) | Kind::Crdt(table),
        ) => schema.table_by_id(table).map(|table| format!("what table \"{}\" is synced by", table.name)),
        Some(Kind::Note) => Some("what can be undone".to_string()),
        None => None,
    };
    let time = |key: &[u8]| {
        let text = Number(keyspace::place_of(key)?.creation_time).to_string();
        Some(text.strip_suffix(".0").map_or(text.clone(), str::to_owned))
    };
    match (name(start), end.and_then(name)) {
        (Some(from), Some(to)) if from == to => match (time(start), end.and_then(time)) {
            (Some(a), Some(b)) if from.starts_with("table") => {
                format!("{from}, documents created between {a} and {b} (milliseconds since 1970)")
            }
            _ => format!("a part of {from}"),
        },
        (Some(from), Some(to)) => format!("from within {from} to {to}"),
        (Some(from), None) => format!("from within {from} to the end"),
        (None, Some(to)) => format!("from the beginning to {to}"),
        (None, None) => "the whole store".into(),
    }
}

pub(crate) fn index_name(schema: &Schema, index: IndexId) -> Option<String> {
    schema.index_by_id(index).map(|(table, index)| format!("index \"{}.{}\"", table.name, index.name))
}
