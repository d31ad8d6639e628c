//! Random worlds: devices that move and edit a row, each for itself, and tell each other of some documents and changes before
//! others. In the end all have all of it, once.

use super::family::Family;
use super::maps::Shown;
use super::*;
use crate::crdt::{Copy, DocumentId, Marks, chosen, mark};
use crate::id;
use crate::keyspace::{Root, RowId, TableId};
use crate::random::{Random, on_all_processors, seeds};
use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};
use std::collections::{BTreeMap, BTreeSet};

const TABLE: &str = "tasks";
const PLACES: usize = 4;
const FIELDS: [&str; 3] = ["a", "b", "c"];

fn id_of(table: u32, number: u8) -> String {
    id::encode(table, &RowId([number; 16]))
}

fn root_of(place: usize) -> String {
    id_of(1, place as u8 + 1)
}

fn row() -> String {
    id_of(2, 100)
}

fn root(text: &str) -> Root {
    let (number, id) = id::decode(text).expect("an id");
    Root { table: TableId(number), id }
}

fn document_id(place: usize) -> DocumentId {
    [place as u8; 16]
}

struct Device {
    documents: Vec<Automerge>,
    lineages: Vec<Lineage>,
    /// In which document the row was shown last.
    incumbent: Option<Root>,
    /// Whether edits wait for others.
    is_unsettled: bool,
}

/// Where a device shows the row.
struct Standing {
    place: usize,
    map: ObjId,
    shown: Shown,
}

/// What was written, and over what.
#[derive(Default)]
struct Written {
    sum: i64,
    letters: BTreeSet<char>,
    /// By fields: values, and the one that each has taken the place of.
    values: BTreeMap<&'static str, BTreeMap<String, Option<String>>>,
    count: u32,
}

/// The row as a device shows it.
#[derive(Debug, PartialEq)]
struct Row {
    place: usize,
    n: i64,
    notes: String,
    fields: Vec<Option<String>>,
}

impl Device {
    fn relatives<'a>(&'a self, roots: &'a [String]) -> Vec<Relative<'a>> {
        let parts = self.documents.iter().zip(&self.lineages).zip(roots).enumerate();
        let relative = |(place, ((document, lineage), root)): (usize, ((&'a Automerge, &'a Lineage), &'a String))| {
            Relative { id: document_id(place), root, document, lineage }
        };
        parts.map(relative).collect()
    }

    fn standing(&self) -> Option<Standing> {
        let mut all = Vec::new();
        let mut copies = Vec::new();
        for (place, document) in self.documents.iter().enumerate() {
            let Some(shown) = Shown::of(document, TABLE, &row()) else { continue };
            let mut targets = shown.targets.iter().rev().map(|target| root(target));
            let marks = Marks { origin: shown.origin.as_deref().map(root), moved_to: targets.next() };
            let (is_deleted, has_left) = (shown.is_deleted, shown.has_left);
            copies.push(Copy { root: root(&root_of(place)), marks, rivals: targets.collect(), is_deleted, has_left });
            all.push((place, shown));
        }
        let chosen = chosen(&copies, self.incumbent).filter(|chosen| chosen.is_shown)?;
        let (place, shown) = all.swap_remove(chosen.place);
        Some(Standing { place, map: shown.maps[0].clone(), shown })
    }

    /// Writes to a document, as one change.
    fn write<T>(&mut self, place: usize, write: impl FnOnce(&mut automerge::transaction::Transaction<'_>) -> T) -> T {
        let document = &mut self.documents[place];
        let mut transaction = document.transaction();
        let value = write(&mut transaction);
        let hash = transaction.commit().0.expect("a change");
        let change = document.get_change_by_hash(&hash).expect("it was made");
        self.lineages[place].add(&change);
        value
    }

    /// Edits the row where it is shown.
    fn edit(&mut self, standing: &Standing, random: &mut Random, written: &mut Written) {
        let Standing { place, map, shown } = standing;
        let has_left = shown.has_left;
        let value = |name: &str| self.documents[*place].get(map, name).expect("readable");
        let (notes, length) = match value("notes") {
            Some((_, notes)) => (Some(notes.clone()), self.documents[*place].length(&notes)),
            None => (None, 0),
        };
        let field = FIELDS[random.below(3) as usize];
        let before = value(field).and_then(|(value, _)| value.as_str().map(str::to_string));
        let (by, at) = (1 + random.below(9) as i64, random.below(length as u64 + 1) as usize);
        let kind = random.below(3);
        written.count += 1;
        let count = written.count;
        self.write(*place, |transaction| {
            if has_left {
                transaction.delete(map, mark::MOVED_TO).expect("deleted");
            }
            match kind {
                0 => {
                    written.sum += by;
                    transaction.increment(map, "n", by).expect("a counter");
                }
                1 => {
                    let letter = char::from_u32(0x4e00 + count).expect("a letter");
                    written.letters.insert(letter);
                    transaction.splice_text(notes.expect("a text"), at, 0, &letter.to_string()).expect("spliced");
                }
                _ => {
                    written.values.entry(field).or_default().insert(format!("{count}"), before);
                    transaction.put(map, field, format!("{count}")).expect("put");
                }
            }
        });
    }

    /// Moves the row to another document, and perhaps writes a field with that.
    fn move_to(&mut self, standing: &Standing, to: usize, random: &mut Random, written: &mut Written) {
        let Standing { place, map, shown } = standing;
        let field = (random.below(2) > 0).then(|| FIELDS[random.below(3) as usize]);
        let value = |name: &str| self.documents[*place].get(map, name).expect("readable");
        let text = |name: &str| value(name).and_then(|(value, _)| value.as_str().map(str::to_string));
        written.count += 1;
        let news = field.map(|field| (field, format!("{}", written.count)));
        if let Some((field, news)) = &news {
            written.values.entry(*field).or_default().insert(news.clone(), text(field));
        }
        let n = value("n").and_then(|(value, _)| value.as_i64()).expect("a number");
        let notes = self.documents[*place].text(value("notes").expect("a text").1).expect("a text");
        let mut fields: BTreeMap<&str, String> = FIELDS.iter().filter_map(|name| Some((*name, text(name)?))).collect();
        fields.extend(news.clone());
        let (origin, has_left) = (shown.origin.clone().unwrap_or_else(|| root_of(*place)), shown.has_left);
        self.write(*place, |transaction| {
            if let Some((field, news)) = news {
                transaction.put(map, field, news).expect("put");
            }
            if has_left {
                // What is there already is not written again.
                transaction.delete(map, mark::MOVED_TO).expect("deleted");
            }
            transaction.put(map, mark::MOVED_TO, root_of(to)).expect("put");
        });
        let (_, moved) = self.documents[*place].get(map, mark::MOVED_TO).expect("readable").expect("it is there");
        let from = format!("{} {moved}", root_of(*place));
        self.write(to, |transaction| {
            let (_, table) = transaction.get(ROOT, TABLE).expect("readable").expect("a table");
            let map = transaction.put_object(&table, row(), ObjType::Map).expect("made");
            if origin != root_of(to) {
                transaction.put(&map, mark::ORIGIN, origin).expect("put");
            }
            transaction.put(&map, mark::MOVED_FROM, from).expect("put");
            transaction.put(&map, "n", ScalarValue::counter(n)).expect("put");
            let text = transaction.put_object(&map, "notes", ObjType::Text).expect("made");
            transaction.splice_text(&text, 0, 0, &notes).expect("spliced");
            for (name, value) in fields {
                transaction.put(&map, name, value).expect("put");
            }
        });
    }

    /// Takes in changes of a document, and makes again what is late of them. Answers how many changes that took.
    fn take(&mut self, place: usize, changes: Vec<Change>, roots: &[String]) -> usize {
        let is_new = |change: &Change| self.documents[place].get_change_meta_by_hash(&change.hash()).is_none();
        let changes: Vec<Change> = changes.into_iter().filter(is_new).collect();
        if changes.is_empty() {
            return 0;
        }
        self.documents[place].apply_changes(changes.clone()).expect("applied");
        changes.iter().for_each(|change| self.lineages[place].add(change));
        let standing = self.standing();
        let here = Shown::of(&self.documents[place], TABLE, &row());
        let is_beside = standing.is_some_and(|standing| standing.place != place)
            && here.is_some_and(|here| !here.has_left && !here.is_deleted);
        let is_needed = !self.lineages[place].moved_rows(&self.documents[place], &changes).is_empty();
        let would_look = is_needed || is_beside || self.is_unsettled;
        let count = self.look(roots);
        assert!(count == 0 || would_look, "nobody would have looked");
        if let Some(standing) = self.standing() {
            self.incumbent = Some(root(&root_of(standing.place)));
        }
        count
    }

    /// Makes again what is late. Answers how many changes that took.
    fn look(&mut self, roots: &[String]) -> usize {
        let plan = plan(TABLE, &row(), &self.relatives(roots), &mut { BYTES });
        self.is_unsettled = plan.as_ref().is_some_and(|plan| plan.waits);
        let Some(plan) = plan else { return 0 };
        let place = plan.target[0] as usize;
        let (made, outcome) = make_again(&mut self.documents[place], &mut self.lineages[place], vec![plan]);
        outcome.expect("it can be made");
        made.len()
    }

    fn row(&self) -> Row {
        let Standing { place, map, .. } = self.standing().expect("it is somewhere");
        let document = &self.documents[place];
        let value = |name: &str| document.get(&map, name).expect("readable");
        let text = |name: &&str| value(name).and_then(|(value, _)| value.as_str().map(str::to_string));
        Row {
            place,
            n: value("n").and_then(|(value, _)| value.as_i64()).expect("a number"),
            notes: document.text(value("notes").expect("a text").1).expect("a text"),
            fields: FIELDS.iter().map(text).collect(),
        }
    }
}

/// Devices that have the row in the first of the documents.
fn devices(count: usize, random: &mut Random) -> Vec<Device> {
    let bases: Vec<Automerge> = (0..PLACES)
        .map(|place| {
            let mut document = Automerge::new().with_actor(ActorId::from([200 + place as u8; 16]));
            let mut transaction = document.transaction();
            let table = transaction.put_object(ROOT, TABLE, ObjType::Map).expect("made");
            if place == 0 {
                let map = transaction.put_object(&table, row(), ObjType::Map).expect("made");
                transaction.put(&map, "n", ScalarValue::counter(0)).expect("put");
                transaction.put_object(&map, "notes", ObjType::Text).expect("made");
            }
            transaction.commit();
            document
        })
        .collect();
    let mut actor = || {
        let (first, second) = (random.next_u64().to_be_bytes(), random.next_u64().to_be_bytes());
        ActorId::from(&[first, second].concat()[..])
    };
    let mut device = || {
        let documents: Vec<Automerge> = bases.iter().map(|base| base.fork().with_actor(actor())).collect();
        let lineages = documents.iter().map(Lineage::of).collect();
        Device { documents, lineages, incumbent: Some(root(&root_of(0))), is_unsettled: false }
    };
    (0..count).map(|_| device()).collect()
}

/// One device hears of a document from another one, or of the first of what it lacks.
fn tell(devices: &mut [Device], from: usize, to: usize, place: usize, most: Option<u64>, roots: &[String]) -> bool {
    let heads = devices[to].documents[place].get_heads();
    let known: Vec<_> = heads
        .into_iter()
        .filter(|head| devices[from].documents[place].get_change_meta_by_hash(head).is_some())
        .collect();
    let mut changes = devices[from].documents[place].get_changes(&known);
    changes.retain(|change| devices[to].documents[place].get_change_meta_by_hash(&change.hash()).is_none());
    changes.truncate(most.map_or(usize::MAX, |most| most as usize));
    let is_any = !changes.is_empty();
    devices[to].take(place, changes, roots);
    is_any
}

fn tell_all(devices: &mut [Device], random: &mut Random, roots: &[String]) {
    for _ in 0..200 {
        let mut is_any = false;
        let mut pairs: Vec<(usize, usize, usize)> = Vec::new();
        for from in 0..devices.len() {
            for to in (0..devices.len()).filter(|to| *to != from) {
                pairs.extend((0..PLACES).map(|place| (from, to, place)));
            }
        }
        while !pairs.is_empty() {
            let (from, to, place) = pairs.swap_remove(random.below(pairs.len() as u64) as usize);
            is_any |= tell(devices, from, to, place, None, roots);
        }
        if !is_any {
            return;
        }
    }
    panic!("they never have the same");
}

fn world(seed: u64) {
    let mut random = Random::from_number(seed);
    let roots: Vec<String> = (0..PLACES).map(root_of).collect();
    let count = 2 + random.below(3) as usize;
    let mut devices = devices(count, &mut random);
    let mut written = Written::default();
    let moves = 1 + random.below(4);
    for round in 0..1 + random.below(4) {
        for _ in 0..random.below(30) {
            let at = random.below(count as u64) as usize;
            let device = &mut devices[at];
            let draw = random.below(10);
            if draw < 3 {
                let (from, place) = (random.below(count as u64) as usize, random.below(PLACES as u64) as usize);
                let most = (random.below(2) > 0).then(|| 1 + random.below(3));
                if from != at {
                    tell(&mut devices, from, at, place, most, &roots);
                }
                continue;
            }
            let Some(standing) = device.standing() else { continue };
            let to = random.below(PLACES as u64) as usize;
            if draw < 3 + moves && to != standing.place {
                device.move_to(&standing, to, &mut random, &mut written);
            } else {
                device.edit(&standing, &mut random, &mut written);
            }
            if let Some(standing) = device.standing() {
                device.incumbent = Some(root(&root_of(standing.place)));
            }
        }
        if round > 0 || random.below(2) > 0 {
            tell_all(&mut devices, &mut random, &roots);
            check(&mut devices, &written, seed, &roots);
        }
    }
    tell_all(&mut devices, &mut random, &roots);
    check(&mut devices, &written, seed, &roots);
}

fn check(devices: &mut [Device], written: &Written, seed: u64, roots: &[String]) {
    let row = devices[0].row();
    for device in devices.iter_mut() {
        assert_eq!(device.row(), row, "seed {seed}");
        assert_eq!(device.look(roots), 0, "seed {seed}: nothing is left to do");
        assert!(!device.is_unsettled, "seed {seed}: nothing waits");
    }
    assert_eq!(row.n, written.sum, "seed {seed}: what was added counts once");
    let mut letters: Vec<char> = row.notes.chars().collect();
    letters.sort_unstable();
    assert_eq!(letters, written.letters.iter().copied().collect::<Vec<_>>(), "seed {seed}: {}", row.notes);
    for (name, value) in FIELDS.iter().zip(&row.fields) {
        let Some(values) = written.values.get(name) else { continue };
        let value = value.as_ref().expect("one was written");
        let over = values.iter().find(|(_, before)| before.as_ref() == Some(value));
        assert_eq!(over, None, "seed {seed}: {name} is {value}, which somebody has written over");
    }
}

#[test]
fn what_is_written_to_a_row_that_others_move_is_there_once() {
    // In the first one an edit waits for another one, which comes to where the row counts.
    let wanted: Vec<u64> = [5_330].into_iter().chain(seeds(200)).collect();
    on_all_processors(&wanted, world);
}

/// One that only listens hears of each document by itself. Whatever it hears first, nothing was written late that one device
/// has written after the other.
fn world_of_a_listener(seed: u64) {
    let mut random = Random::from_number(seed);
    let roots: Vec<String> = (0..PLACES).map(root_of).collect();
    let mut devices = devices(2, &mut random);
    let mut written = Written::default();
    let [writer, listener] = &mut devices[..] else { panic!("two") };
    let places = 2 + random.below(PLACES as u64 - 1);
    for _ in 0..1 + random.below(40) {
        let standing = writer.standing().expect("it is somewhere");
        let to = random.below(places) as usize;
        if to != standing.place && random.below(2) > 0 {
            writer.move_to(&standing, to, &mut random, &mut written);
        } else {
            writer.edit(&standing, &mut random, &mut written);
        }
        writer.incumbent = writer.standing().map(|standing| root(&root_of(standing.place)));
        if random.below(2) > 0 {
            hear_some(writer, listener, &mut random, &roots, seed);
        }
    }
    while (0..PLACES).any(|place| writer.documents[place].get_heads() != listener.documents[place].get_heads()) {
        hear_some(writer, listener, &mut random, &roots, seed);
    }
    check(&mut devices, &written, seed, &roots);
}

/// Hears the first of what is new of a document.
fn hear_some(writer: &Device, listener: &mut Device, random: &mut Random, roots: &[String], seed: u64) {
    let place = random.below(PLACES as u64) as usize;
    let mut changes = writer.documents[place].get_changes(&listener.documents[place].get_heads());
    changes.truncate(1 + random.below(4) as usize);
    assert_eq!(listener.take(place, changes, roots), 0, "seed {seed}: nobody has written anything late");
}

#[test]
fn who_only_listens_makes_nothing_again() {
    let wanted: Vec<u64> = seeds(200).collect();
    on_all_processors(&wanted, world_of_a_listener);
}

/// The row goes round by three documents and on. Of the one that it comes to last nothing is heard yet but that it was there
/// before: the mark with which it left leads back to where it counted then.
#[test]
fn a_row_that_has_not_come_yet_is_not_where_it_was_before() {
    let mut random = Random::from_number(1);
    let roots: Vec<String> = (0..PLACES).map(root_of).collect();
    let mut devices = devices(2, &mut random);
    let mut written = Written::default();
    let [writer, listener] = &mut devices[..] else { panic!("two") };
    let go = |writer: &mut Device, random: &mut Random, written: &mut Written, to: usize| {
        let standing = writer.standing().expect("it is somewhere");
        writer.move_to(&standing, to, random, written);
        writer.incumbent = Some(root(&root_of(to)));
        let standing = writer.standing().expect("it has come");
        writer.edit(&standing, random, written);
    };
    let hear = |writer: &Device, listener: &mut Device, place: usize| {
        let changes = writer.documents[place].get_changes(&listener.documents[place].get_heads());
        listener.take(place, changes, &roots)
    };
    for to in [1, 2, 1] {
        go(writer, &mut random, &mut written, to);
    }
    for place in 0..3 {
        assert_eq!(hear(writer, listener, place), 0);
    }
    for to in [0, 2] {
        go(writer, &mut random, &mut written, to);
    }
    for place in [1, 0] {
        assert_eq!(hear(writer, listener, place), 0, "it is not late, it has only not been heard where the row went");
    }
    let plan = plan(TABLE, &row(), &listener.relatives(&roots), &mut { BYTES });
    assert!(plan.is_none(), "where the row counts has not been heard");
    assert_eq!(hear(writer, listener, 2), 0);
    check(&mut devices, &written, 1, &roots);
}

/// A device on which the row was moved from the first document to each of some others in turn, while somebody has edited it
/// in the first one.
fn moved_by_way_of(places: &[usize]) -> Device {
    let mut random = Random::from_number(1);
    let mut written = Written::default();
    let mut all = devices(2, &mut random);
    let mut other = all.pop().expect("two");
    let mut device = all.pop().expect("two");
    let standing = other.standing().expect("it is there");
    other.write(standing.place, |transaction| transaction.increment(&standing.map, "n", 5).expect("a counter"));
    for place in places {
        let standing = device.standing().expect("it is there");
        device.move_to(&standing, *place, &mut random, &mut written);
    }
    let changes = other.documents[0].get_changes(&[]);
    for change in changes {
        if device.documents[0].get_change_meta_by_hash(&change.hash()).is_none() {
            device.documents[0].apply_changes([change.clone()]).expect("applied");
            device.lineages[0].add(&change);
        }
    }
    device
}

fn plan_of(device: &Device, places: &[usize]) -> Option<Plan> {
    let roots: Vec<String> = (0..PLACES).map(root_of).collect();
    let all = device.relatives(&roots);
    let some: Vec<Relative<'_>> = places.iter().map(|place| all[*place]).collect();
    plan(TABLE, &row(), &some, &mut { BYTES })
}

#[test]
fn nothing_is_done_while_a_document_is_lacking_by_way_of_which_a_row_has_come() {
    let device = moved_by_way_of(&[1, 2]);
    assert!(plan_of(&device, &[0, 2]).is_none(), "nobody knows what the second one had");
    assert!(plan_of(&device, &[0, 1]).is_none(), "it is not here");
    assert_eq!(plan_of(&device, &[0, 1, 2]).expect("there is something late").target, document_id(2));
}

/// Whoever may write to one document must not get at another one by saying that a row has come from there.
#[test]
fn only_the_document_itself_says_that_a_row_has_left_it() {
    let mut device = moved_by_way_of(&[1]);
    let (shown, moved) = {
        let document = &device.documents[0];
        let shown = Shown::of(document, TABLE, &row()).expect("it was there").maps.remove(0);
        let moved = document.get(&shown, mark::MOVED_TO).expect("readable").expect("it has left").1;
        (shown, moved)
    };
    let field = device.documents[0].get(&shown, "n").expect("readable").expect("it is there").1;
    let far = "999999@00".to_string();
    for name in [moved.to_string(), field.to_string(), shown.to_string(), far, "x".to_string(), String::new()] {
        device.write(3, |transaction| {
            let (_, table) = transaction.get(ROOT, TABLE).expect("readable").expect("a table");
            let map = transaction.put_object(&table, row(), ObjType::Map).expect("made");
            transaction.put(&map, mark::ORIGIN, root_of(0)).expect("put");
            transaction.put(&map, mark::MOVED_FROM, format!("{} {name}", root_of(0))).expect("put");
            transaction.put(&map, "n", ScalarValue::counter(0)).expect("put");
        });
        // Where it has gone is not here.
        assert!(plan_of(&device, &[0, 3]).is_none(), "{name}");
        assert_eq!(plan_of(&device, &[0, 1, 3]).expect("there is something late").target, document_id(1));
    }
}

/// Somebody who says in a document of theirs that a row has gone round and round in it must not keep others busy for long at a
/// time.
#[test]
fn of_a_row_of_thousands_of_maps_some_edits_are_made_again_at_once() {
    let mut random = Random::from_number(1);
    let mut device = devices(1, &mut random).remove(0);
    let document = &mut device.documents[0];
    let first = Shown::of(document, TABLE, &row()).expect("it is there").maps.remove(0);
    let mut moved = Vec::new();
    let mut shown = first;
    for round in 0..=3_000 {
        let mut transaction = document.transaction();
        let (_, table) = transaction.get(ROOT, TABLE).expect("readable").expect("a table");
        transaction.increment(&shown, "n", 1).expect("a counter");
        transaction.put(&shown, mark::MOVED_TO, root_of(0)).expect("put");
        moved.push(transaction.get(&shown, mark::MOVED_TO).expect("readable").expect("it is there").1);
        // The last one says that it comes from the first, and has nothing of the others.
        let from = &moved[if round < 3_000 { round } else { 0 }];
        shown = transaction.put_object(&table, row(), ObjType::Map).expect("made");
        transaction.put(&shown, mark::MOVED_FROM, format!("{} {from}", root_of(0))).expect("put");
        transaction.put(&shown, "n", ScalarValue::counter(0)).expect("put");
        transaction.commit();
    }
    device.lineages[0] = Lineage::of(document);
    assert!(plan_of(&device, &[0]).expect("there is something late").has_more);
}
