//! What is to be made again where a row counts.

use super::again::{Kinds, Plan, Step};
use super::edits::{EditNumber, Edits, Source, State};
use super::family::{Family, Member, Relative};
use crate::crdt::MergedRow;
use crate::doc::Actors;
use crate::doc::row::{RowReader, read_row_at};
use crate::flat_map::FlatMap;
use crate::value::Value;
use automerge::{ROOT, ReadDoc};
use std::collections::BTreeSet;

/// So many of a row are made again at once, and of rows together as many as have so many bytes before and after.
const EDITS: usize = 1_000;
pub(in crate::doc) const BYTES: usize = 16 << 20;
const EDIT_BYTES: usize = 256;

/// The edits of a row that the map which counts has not, as far as that can be told.
pub(in crate::doc) fn plan(table: &str, id_text: &str, relatives: &[Relative<'_>], room: &mut usize) -> Option<Plan> {
    let family = Family::new(table, id_text, relatives);
    if !family.written().any(|(_, row, written)| row.is_edit(written)) {
        return None;
    }
    let counting = family.counting()?;
    let edits = Edits::of(&family, &counting)?;
    // In a document each comes after those that it follows there: the first ones do not wait for the others.
    let mut counts = vec![0; relatives.len()];
    let is_late = |number: &EditNumber| edits.list[*number].state == State::Late;
    let first = (0..edits.list.len()).filter(is_late).filter(|&number| {
        let count = &mut counts[edits.list[number].source.member];
        *count += 1;
        *count <= EDITS
    });
    let first: Vec<EditNumber> = first.collect();
    let is_cut = counts.iter().any(|count| *count > EDITS);
    let count = first.len();
    let late = first.into_iter().filter_map(|number| Some((number, edits.known_to(&family, number)?)));
    let mut late: Vec<(EditNumber, Vec<EditNumber>)> = late.collect();
    // Who knows another one knows all that this knows.
    late.sort_by_key(|(number, known)| (known.len(), edits.list[*number].original));
    let target = relatives[counting.spot.member];
    let mut plan = Plan::new(&target, table, id_text, counting.arrival);
    plan.has_more = is_cut;
    plan.waits = late.len() < count;
    let mut steps: Vec<Option<usize>> = vec![None; edits.list.len()];
    for (place, (number, known)) in late.into_iter().enumerate() {
        let Some((here, below)) = following(&edits, &known, &steps) else {
            plan.waits = true;
            continue;
        };
        let step = step(&family, &edits, number, here, below);
        let rest = room.checked_sub(step.size).filter(|_| place < EDITS);
        let Some(rest) = rest else {
            plan.has_more = true;
            break;
        };
        *room = rest;
        steps[number] = Some(plan.add(step));
    }
    (plan.has_more || plan.waits || !plan.is_empty()).then_some(plan)
}

/// Of edits that another one follows: changes of the target, and steps; none, if some are not made again now.
fn following(edits: &Edits, known: &[EditNumber], steps: &[Option<usize>]) -> Option<(Vec<u32>, Vec<usize>)> {
    let (mut here, mut below) = (Vec::new(), Vec::new());
    for &number in known {
        match edits.list[number].state {
            State::Here(change) => here.push(change),
            State::Brought => {}
            State::Late => below.push(steps[number]?),
            State::Unknown => return None,
        }
    }
    Some((here, below))
}

/// What an edit has changed. If that is nothing, it still stands for those that it follows.
fn step(family: &Family<'_>, edits: &Edits, number: EditNumber, here: Vec<u32>, below: Vec<usize>) -> Step {
    let edit = &edits.list[number];
    let source = edit.source;
    let relative = &family.members[source.member].relative;
    let graph = &relative.lineage.graph;
    let node = graph.node(source.change);
    let hash = |place: u32| automerge::ChangeHash(graph.node(place).hash);
    let heads: Vec<_> = graph.deps(source.change).iter().map(|&below| hash(below)).collect();
    let read = |heads: &[automerge::ChangeHash]| row_of(family, &source, heads);
    let (mut before, mut after, mut kinds) = (FlatMap::new(), FlatMap::new(), Kinds::default());
    if let (Some(was), Some(is)) = (read(&heads), read(&[hash(source.change)])) {
        kinds.add(&is);
        let names: BTreeSet<&String> = was.fields.keys().chain(is.fields.keys()).collect();
        for name in names {
            let (was, is) = (was.fields.get(name), is.fields.get(name));
            if was == is {
                continue;
            }
            let keep = |value: Option<&Value>, fields: &mut FlatMap<String, Value>| {
                value.map(|value| fields.insert(name.clone(), value.clone()));
            };
            keep(was, &mut before);
            keep(is, &mut after);
        }
    }
    let sizes = before.iter().chain(&after).map(|(name, value)| name.len() + value.size());
    let size = EDIT_BYTES + sizes.sum::<usize>();
    Step { original: edit.original, time: node.time, here, below, before, after, kinds, size }
}

/// The row as it was in the map that an edit was written to.
fn row_of(family: &Family<'_>, source: &Source, heads: &[automerge::ChangeHash]) -> Option<MergedRow> {
    let Member { relative, row } = &family.members[source.member];
    let (document, row) = (relative.document, (*row)?);
    let (_, table) = document.get_at(ROOT, family.table, heads).ok()??;
    let mut actors = Actors::default();
    let object = RowReader { document, heads: Some(heads), actors: &mut actors }.maps(&table, family.id_text)?;
    let own = relative.lineage.map_of(row, object.first()?)?;
    if row.group(own) != source.spot.map {
        return None;
    }
    read_row_at(document, Some(heads), &table, family.id_text, &mut actors)
}
