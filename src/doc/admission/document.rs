//! A whole document as one chunk, taken apart into its changes: those are checked like others, and automerge never loads
//! what somebody else has saved.
//!
//! ```text
//! document := actors:varint (actor:bytes)*  heads:varint hash*  columns columns  the changes' bytes  the operations' bytes
//!             (head:varint)*
//! columns  := count:varint (kind:varint length:varint)*      with bit 3 of the kind, a column is deflated
//! ```
//! Operations stand in the document's order, each with those that took its place. A deletion is only found there.

use super::Limits;
use super::change::{Key, Reference};
use super::chunk::{Whole, inflate};
use super::column::{Deltas, Flags, Runs};
use super::rebuild::{DocumentChange, DocumentRow, rebuild};
use super::value;
use crate::bytes::{Malformed, Reader};
use crate::crdt::ChangeHash;
use std::collections::BTreeSet;

const DEFLATED: u64 = 8;
const CHANGE_COLUMNS: [u64; 9] = [0x01, 0x03, 0x13, 0x23, 0x35, 0x40, 0x43, 0x56, 0x57];
const ROW_COLUMNS: [u64; 16] =
    [0x01, 0x02, 0x11, 0x13, 0x15, 0x21, 0x23, 0x34, 0x42, 0x56, 0x57, 0x80, 0x81, 0x83, 0x94, 0xa5];

/// An operation that took another's place: its author and counter, the other, and the row of that.
type Succession = (Reference, Reference, u32);

/// The changes that a document consists of, in an order in which each follows only earlier ones.
pub(super) fn changes(body: &[u8], limits: &Limits) -> Result<Vec<Whole>, Malformed> {
    const CUT: &str = "a document's head is cut off";
    let mut reader = Reader::new(body);
    let count = reader.length(body.len(), CUT)?;
    let mut actors = Vec::new();
    for _ in 0..count {
        let actor = reader.bytes(CUT)?;
        if actors.last().is_some_and(|&before: &&[u8]| before >= actor) {
            return Err(Malformed("a document's actors are not in order"));
        }
        actors.push(actor);
    }
    let count = reader.length(body.len() / 32, CUT)?;
    let heads: BTreeSet<ChangeHash> =
        reader.take(count * 32, CUT)?.chunks_exact(32).map(|hash| hash.try_into().expect("thirty-two bytes")).collect();
    let change_lengths = read_lengths(&mut reader, CHANGE_COLUMNS)?;
    let row_lengths = read_lengths(&mut reader, ROW_COLUMNS)?;
    // All columns together: names of fields, again and again, deflate a lot by themselves.
    let mut room = limits.document_bytes;
    let change_columns = read_columns(&mut reader, change_lengths, &mut room)?;
    let row_columns = read_columns(&mut reader, row_lengths, &mut room)?;
    // Where the heads stand among the changes may follow. It is known without.

    let (changes, dependencies) = read_changes(&change_columns, actors.len(), limits)?;
    let (mut rows, successions) = read_rows(&row_columns, actors.len(), limits)?;
    let predecessors = predecessors(&mut rows, successions);
    let wholes = write(&changes, &dependencies, &rows, &predecessors, &actors, limits)?;
    let mut found: BTreeSet<ChangeHash> = wholes.iter().map(|whole| whole.hash).collect();
    for &at in dependencies.iter().flatten() {
        found.remove(&wholes[at as usize].hash);
    }
    if found == heads { Ok(wholes) } else { Err(Malformed("a document does not consist of what it says")) }
}

fn read_lengths<const N: usize>(reader: &mut Reader<'_>, kinds: [u64; N]) -> Result<[(usize, bool); N], Malformed> {
    const WRONG: &str = "a document has columns that are not known here";
    let count = reader.length(N, WRONG)?;
    let mut lengths = [(0, false); N];
    let mut next = 0;
    for _ in 0..count {
        let kind = reader.varint(WRONG)?;
        let at = kinds[next..].iter().position(|&known| known == kind & !DEFLATED).ok_or(Malformed(WRONG))?;
        let length = reader.length(reader.remaining(), "a document's columns are cut off")?;
        lengths[next + at] = (length, kind & DEFLATED != 0);
        next += at + 1;
    }
    Ok(lengths)
}

fn read_columns<const N: usize>(
    reader: &mut Reader<'_>,
    lengths: [(usize, bool); N],
    room: &mut usize,
) -> Result<[Vec<u8>; N], Malformed> {
    let mut columns = [const { Vec::new() }; N];
    for (column, (length, is_deflated)) in columns.iter_mut().zip(lengths) {
        let bytes = reader.take(length, "a document's columns are cut off")?;
        *column = if is_deflated { inflate(bytes, *room)? } else { bytes.to_vec() };
        let too_large = Malformed("a document inflates to more than is taken in");
        *room = room.checked_sub(column.len()).ok_or(too_large)?;
    }
    Ok(columns)
}

type Changes<'a> = (Vec<DocumentChange<'a>>, Vec<Vec<u32>>);

/// Reads the changes, and which earlier ones each follows.
fn read_changes<'a>(columns: &'a [Vec<u8>; 9], actors: usize, limits: &Limits) -> Result<Changes<'a>, Malformed> {
    const WRONG: Malformed = Malformed("a document's columns of changes do not fit together");
    let [authors, sequences, max_ops, times, messages, dependency_counts, dependencies, extra_metas, extras] = columns;
    let (mut authors, mut messages) = (Runs::<u64>::lenient(authors), Runs::<&str>::lenient(messages));
    let (mut sequences, mut max_ops) = (Deltas::lenient(sequences), Deltas::lenient(max_ops));
    let (mut times, mut dependencies) = (Deltas::lenient(times), Deltas::lenient(dependencies));
    let mut dependency_counts = Runs::<u64>::lenient(dependency_counts);
    let (mut extra_metas, mut extras) = (Runs::<u64>::lenient(extra_metas), Reader::new(extras));
    let (mut changes, mut all_dependencies) = (Vec::new(), Vec::new());
    while !authors.is_at_end() {
        if changes.len() >= limits.chunk_changes {
            return Err(Malformed("a document has more changes than are taken in"));
        }
        let author = authors.value()?;
        if author >= actors as u64 {
            return Err(WRONG);
        }
        let count = dependency_counts.value()?;
        if count > limits.dependencies as u64 {
            return Err(Malformed("a change follows more changes than is taken in"));
        }
        let mut follows = Vec::new();
        for _ in 0..count {
            let at = dependencies.counter()?.filter(|&at| (at as usize) < changes.len());
            follows.push(at.ok_or(Malformed("a document's changes are not in order"))?);
        }
        changes.push(DocumentChange {
            author: author as u32,
            sequence: sequences.counter()?.ok_or(WRONG)?.into(),
            max_op: max_ops.counter()?.ok_or(WRONG)?,
            time: times.next()?.unwrap_or(0),
            message: messages.next()?.unwrap_or_default(),
            extra: match extra_metas.next()? {
                Some(meta) => value::take(meta, &mut extras)?.1,
                None => &[],
            },
        });
        all_dependencies.push(follows);
    }
    sequences.finish()?;
    max_ops.finish()?;
    dependency_counts.finish()?;
    dependencies.finish()?;
    Ok((changes, all_dependencies))
}

/// A row, and who has made its operation.
type Rows<'a> = Vec<(u32, DocumentRow<'a>)>;

fn read_rows<'a>(
    columns: &'a [Vec<u8>; 16],
    actor_count: usize,
    limits: &Limits,
) -> Result<(Rows<'a>, Vec<Succession>), Malformed> {
    const WRONG: Malformed = Malformed("a document's columns of operations do not fit together");
    let [
        object_actors,
        object_counters,
        key_actors,
        key_counters,
        key_names,
        authors,
        counters,
        inserts,
        actions,
        metas,
        values,
        successor_counts,
        successor_actors,
        successor_counters,
        expands,
        marks,
    ] = columns;
    let [mut object_actors, mut object_counters, mut key_actors, mut authors] =
        [object_actors, object_counters, key_actors, authors].map(|bytes| Runs::<u64>::lenient(bytes));
    let [mut actions, mut metas, mut successor_counts, mut successor_actors] =
        [actions, metas, successor_counts, successor_actors].map(|bytes| Runs::<u64>::lenient(bytes));
    let [mut key_counters, mut counters, mut successor_counters] =
        [key_counters, counters, successor_counters].map(|bytes| Deltas::lenient(bytes));
    let [mut key_names, mut marks] = [key_names, marks].map(|bytes| Runs::<&str>::lenient(bytes));
    let [mut inserts, mut expands] = [inserts, expands].map(|bytes| Flags::lenient(bytes));
    let mut values = Reader::new(values);
    let known = |actor: u64| if actor < actor_count as u64 { Ok(actor as u32) } else { Err(WRONG) };

    let (mut rows, mut successions) = (Vec::new(), Vec::new());
    while !authors.is_at_end() {
        if rows.len() >= limits.chunk_operations {
            return Err(Malformed("a document has more operations than are taken in"));
        }
        let author = known(authors.value()?)?;
        let counter = counters.counter()?.ok_or(WRONG)?;
        let object = match (object_actors.next()?, object_counters.next()?) {
            (None, None) => None,
            (Some(actor), Some(counter)) => Some((u32::try_from(counter).map_err(|_| WRONG)?, known(actor)?)),
            _ => return Err(WRONG),
        };
        let key = match (key_names.next()?, key_actors.next()?, key_counters.counter()?) {
            (Some(name), None, None) => Key::Name(name),
            (None, None, Some(0)) => Key::Start,
            (None, Some(actor), Some(counter)) => Key::Element((counter, known(actor)?)),
            _ => return Err(WRONG),
        };
        let (is_insert, expands) = (inserts.next()?, expands.next()?);
        let (action, meta, mark) = (actions.value()?, metas.value()?, marks.next()?);
        let (_, value) = value::take(meta, &mut values)?;
        let at = rows.len() as u32;
        for _ in 0..successor_counts.value()? {
            if successions.len() >= limits.chunk_operations {
                return Err(Malformed("a document has more operations than are taken in"));
            }
            let actor = known(successor_actors.value()?)?;
            let successor = successor_counters.counter()?.ok_or(WRONG)?;
            successions.push(((actor, successor), (counter, author), at));
        }
        let predecessors = 0..0;
        rows.push((
            author,
            DocumentRow { counter, object, key, is_insert, action, meta, value, expands, mark, predecessors },
        ));
    }
    counters.finish()?;
    actions.finish()?;
    metas.finish()?;
    values.finish(WRONG.0)?;
    successor_counts.finish()?;
    successor_actors.finish()?;
    successor_counters.finish()?;
    Ok((rows, successions))
}

/// What each operation takes the place of, all in one list, and where in it each row's begins and ends. Deletions, which
/// have no row, get one. Rows are brought into the order of their authors and counters.
fn predecessors<'a>(rows: &mut Rows<'a>, mut successions: Vec<Succession>) -> Vec<Reference> {
    successions.sort_unstable();
    let mut made: Vec<Reference> = rows.iter().map(|(author, row)| (*author, row.counter)).collect();
    made.sort_unstable();
    for group in successions.chunk_by(|a, b| a.0 == b.0) {
        let ((author, counter), replaced, at) = group[0];
        if made.binary_search(&(author, counter)).is_err() {
            let DocumentRow { object, key, is_insert, .. } = rows[at as usize].1;
            let key = if is_insert { Key::Element(replaced) } else { key };
            let deletion = DocumentRow {
                counter,
                object,
                key,
                is_insert: false,
                action: 3,
                meta: 0,
                value: &[],
                expands: false,
                mark: None,
                predecessors: 0..0,
            };
            rows.push((author, deletion));
        }
    }
    rows.sort_by_key(|(author, row)| (*author, row.counter));
    let mut successions = &successions[..];
    let mut predecessors = Vec::with_capacity(successions.len());
    for (author, row) in rows.iter_mut() {
        let id = (*author, row.counter);
        let start = successions.partition_point(|succession| succession.0 < id);
        let count = successions[start..].iter().take_while(|succession| succession.0 == id).count();
        row.predecessors = predecessors.len()..predecessors.len() + count;
        predecessors.extend(successions[start..start + count].iter().map(|succession| succession.1));
        successions = &successions[start + count..];
    }
    predecessors
}

fn write(
    changes: &[DocumentChange<'_>],
    dependencies: &[Vec<u32>],
    rows: &Rows<'_>,
    predecessors: &[Reference],
    actors: &[&[u8]],
    limits: &Limits,
) -> Result<Vec<Whole>, Malformed> {
    // Where each actor's next change begins.
    let mut next: Vec<usize> =
        (0..actors.len()).map(|actor| rows.partition_point(|(author, _)| (*author as usize) < actor)).collect();
    let mut wholes: Vec<Whole> = Vec::with_capacity(changes.len());
    let mut room = limits.document_bytes;
    for (change, follows) in changes.iter().zip(dependencies) {
        let start = next[change.author as usize];
        let own = |(author, row): &(u32, DocumentRow<'_>)| *author == change.author && row.counter <= change.max_op;
        let count = rows[start..].iter().take_while(|row| own(row)).count();
        next[change.author as usize] += count;
        let own = &rows[start..start + count];
        let first_op = own.first().map_or(change.max_op.saturating_add(1), |(_, row)| row.counter);
        let is_whole = own.iter().zip(first_op..).all(|((_, row), counter)| row.counter == counter);
        if !is_whole || own.last().is_some_and(|(_, row)| row.counter != change.max_op) {
            return Err(Malformed("a document lacks operations of a change"));
        }
        let hashes: Vec<ChangeHash> = follows.iter().map(|&at| wholes[at as usize].hash).collect();
        let rows = own.iter().map(|(_, row)| (row, &predecessors[row.predecessors.clone()]));
        let whole = rebuild(change, first_op, actors, &hashes, rows);
        room = room.checked_sub(whole.bytes.len()).ok_or(Malformed("a document is larger than is taken in"))?;
        wholes.push(whole);
    }
    Ok(wholes)
}
