//! Synced tables: whatever tabs write, the CRDT documents in the store say the same as the rows, as automerge reads them.

use super::damage::calm;
use super::world::*;
use super::*;
use crate::bytes::Bytes;
use crate::crdt::{self, DocumentState, HiddenRow, StoredRow, WholeRow, Why};
use crate::doc::{Actors, read_row};
use crate::document::Document;
use crate::flat_map::FlatMap;
use crate::keyspace::{self, Kind, Root, RowId, TableId};
use crate::random::{Random, seeds};
use crate::schema::SchemaDefinition;
use crate::store::{Direction, ReadError};
use crate::tab::documents::DeletedRow;
use crate::tab::synced::home;
use crate::value::Value;
use automerge::{Automerge, ReadDoc};
use std::collections::BTreeSet;

pub(super) fn typed(kind: &str) -> Value {
    object(&[("type", string(kind))])
}

pub(super) fn reference(table: &str) -> Value {
    object(&[("type", string("id")), ("tableName", string(table))])
}

pub(super) fn table(name: &str, fields: &[(&str, Value, bool)], indexes: &[&str]) -> Value {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, kind, is_optional)| {
            (*name, object(&[("fieldType", kind.clone()), ("optional", Value::from(*is_optional))]))
        })
        .collect();
    let indexes: Vec<Value> = indexes
        .iter()
        .map(|field| {
            object(&[("indexDescriptor", string(&format!("by_{field}"))), ("fields", Value::from(vec![string(field)]))])
        })
        .collect();
    object(&[
        ("tableName", string(name)),
        ("indexes", Value::from(indexes)),
        ("documentType", object(&[("type", string("object")), ("value", object(&fields))])),
    ])
}

/// Projects with tasks, users, and notes that stay on the device.
pub(super) fn synced_value() -> Value {
    synced_value_with_titles(typed("string"))
}

/// The same with other titles of tasks.
pub(super) fn synced_value_with_titles(title: Value) -> Value {
    let tables = vec![
        table("projects", &[("name", typed("string"), false)], &[]),
        table(
            "tasks",
            &[
                ("projectId", reference("projects"), false),
                ("title", title, false),
                ("note", typed("string"), true),
                ("votes", typed("number"), true),
                ("tags", object(&[("type", string("array")), ("value", typed("any"))]), true),
                ("meta", typed("any"), true),
            ],
            &["projectId", "title"],
        ),
        table("users", &[("name", typed("string"), false)], &[]),
        table("notes", &[("text", typed("string"), false)], &["text"]),
    ];
    let kinds = object(&[("note", string("text")), ("votes", string("counter"))]);
    let sync = object(&[
        ("projects", object(&[("home", string("root"))])),
        ("tasks", object(&[("home", string("within")), ("field", string("projectId")), ("kinds", kinds)])),
        ("users", object(&[("home", string("workspace"))])),
    ]);
    object(&[("tables", Value::from(tables)), ("schemaValidation", Value::from(true)), ("sync", sync)])
}

pub(super) fn synced() -> SchemaDefinition {
    SchemaDefinition::from_value(&synced_value()).expect("a schema")
}

pub(super) struct Writer {
    pub(super) world: World,
    pub(super) random: Random,
    /// Whether tasks go from one project to another.
    pub(super) moves: bool,
}

impl Writer {
    pub(super) fn below(&mut self, limit: u64) -> usize {
        self.random.below(limit) as usize
    }

    /// The ids of a table's rows, as a transaction sees them or will: those that it can't read are left out.
    pub(super) fn rows(&mut self, tab: usize, name: &str) -> Vec<RowId> {
        let id = self.world.tabs[tab].current.schema.table(name).expect("the table").id;
        let prefix = keyspace::id_prefix(id);
        let found = entries(&mut self.world, tab, &prefix, true);
        found.iter().filter_map(|(key, _)| keyspace::id_of(key)).collect()
    }

    fn task(&mut self, tab: usize, project: RowId) -> Vec<(String, Value)> {
        let schema = self.world.tabs[tab].current.schema.clone();
        let project = crate::id::encode(schema.table("projects").expect("projects").number, &project);
        let mut fields = vec![("projectId", string(&project)), ("title", string(["a", "b", "ü"][self.below(3)]))];
        if self.below(2) == 0 {
            fields.push(("note", string(["", "hello", "help", "yellow🙂"][self.below(4)])));
        }
        if self.below(2) == 0 {
            fields.push(("votes", Value::from([0.0, 1.0, 2.5, 7.0][self.below(4)])));
        }
        if self.below(2) == 0 {
            let tags = (0..self.below(4)).map(|_| string(["x", "y", "z"][self.below(3)])).collect::<Vec<_>>();
            fields.push(("tags", Value::from(tags)));
        }
        if self.below(2) == 0 {
            fields.push(("meta", object(&[("k", Value::from(self.below(3) as f64))])));
        }
        fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    /// Does something in a transaction; what lacks pages is done again when they are there.
    pub(super) fn with_pages<T>(
        &mut self,
        tab: usize,
        mut work: impl FnMut(&mut Tab) -> std::result::Result<T, Obstacle>,
    ) -> Option<T> {
        for _ in 0..50 {
            match work(&mut self.world.tabs[tab]) {
                Ok(done) => return Some(done),
                Err(Obstacle::Missing(pages)) => {
                    self.world.tabs[tab].load(pages);
                    self.world.settle();
                }
                Err(Obstacle::Stale) => return None,
                Err(Obstacle::Error(error)) => {
                    // Another tab, or this one, has deleted what the id refers to.
                    assert!(
                        matches!(error.code, Code::NonexistentDocument | Code::InvalidValue | Code::TransactionClosed),
                        "{error:?}"
                    );
                    return None;
                }
            }
        }
        panic!("pages without end");
    }

    fn write(&mut self, tab: usize, transaction: TransactionId) {
        let schema = self.world.tabs[tab].current.schema.clone();
        let name = ["projects", "tasks", "tasks", "tasks", "users", "notes"][self.below(6)];
        let definition = schema.table(name).expect("the table").clone();
        let (rows, projects) = (self.rows(tab, name), self.rows(tab, "projects"));
        let fields: Vec<(String, Value)> = match name {
            "tasks" if projects.is_empty() => return,
            "tasks" => {
                let project = projects[self.below(projects.len() as u64)];
                self.task(tab, project)
            }
            "notes" => vec![("text".into(), string("note"))],
            _ => vec![("name".into(), string(["one", "two"][self.below(2)]))],
        };
        let what = self.below(8);
        if rows.is_empty() || what < 3 {
            let value = Value::Object(fields.into_iter().collect());
            let mut bytes = document::encode(&value, &schema.names);
            self.with_pages(tab, |tab| tab.insert(transaction, name, None, &mut bytes));
            return;
        }
        let row = rows[self.below(rows.len() as u64)];
        let text = crate::id::encode(definition.number, &row);
        if what == 3 {
            self.with_pages(tab, |tab| tab.delete(transaction, definition.id, row, &text));
            // Sometimes it comes back under its id.
            if self.below(2) == 0 && (self.moves || name != "tasks") {
                let value = Value::Object(fields.into_iter().collect());
                let mut bytes = document::encode(&value, &schema.names);
                self.with_pages(tab, |tab| tab.insert(transaction, name, Some(&text), &mut bytes));
            }
        } else if what == 4 && (self.moves || name != "tasks") {
            let value = Value::Object(fields.into_iter().collect());
            let mut bytes = document::encode(&value, &schema.names);
            self.with_pages(tab, |tab| tab.replace(transaction, definition.id, row, &text, &mut bytes));
        } else {
            let keeps_home = what > 5 || !self.moves;
            let mut changes: std::collections::BTreeMap<String, Option<Value>> = fields
                .into_iter()
                .filter(|(name, _)| !(keeps_home && name == "projectId"))
                .map(|(name, value)| (name, Some(value)))
                .collect();
            if name == "tasks" && self.below(3) == 0 {
                changes.insert(["note", "votes", "tags", "meta"][self.below(4)].into(), None);
            }
            let mut bytes = document::encode_patch(&changes, &schema.names);
            self.with_pages(tab, |tab| tab.patch(transaction, definition.id, row, &text, &mut bytes));
        }
    }

    /// One mutation, which may wait behind others.
    pub(super) fn mutate(&mut self, tab: usize) {
        self.world.tick(tab);
        let now_ms = self.world.now_ms;
        let transaction = self.world.tabs[tab].begin(now_ms, false).expect("open");
        for _ in 0..=self.below(3) {
            self.write(tab, transaction);
        }
        if let Ok(Finished::RunAgain) = self.world.tabs[tab].finish(now_ms, transaction) {
            self.world.tabs[tab].abandon(transaction);
        }
    }

    /// Lets all that was sent be done. Mutations that would have to run again are given up.
    pub(super) fn settle(&mut self) {
        self.world.settle();
        for tab in 0..self.world.tabs.len() {
            for event in std::mem::take(&mut self.world.events[tab]) {
                if let Event::Settled { transaction, outcome } = event {
                    match outcome {
                        Outcome::Saved => {}
                        Outcome::RunAgain => self.world.tabs[tab].abandon(transaction),
                        // The store went on meanwhile, until nobody could tell.
                        Outcome::Rejected(error) if error.code == Code::OutcomeUnknown => {}
                        Outcome::Rejected(error) => panic!("{error:?}"),
                    }
                }
            }
        }
        self.world.settle();
    }
}

/// What the committed state of a tab, or what it shows, has under keys of a prefix.
pub(super) fn entries(world: &mut World, tab: usize, prefix: &[u8], is_current: bool) -> Vec<(Vec<u8>, Bytes)> {
    'again: loop {
        let own = &mut world.tabs[tab];
        own.show_writes();
        let view = if is_current { own.current.view.clone() } else { own.committed.view.clone() };
        let end = keyspace::after_prefix(prefix);
        let mut scan = view.scan(prefix, end.as_deref(), Direction::Ascending, 32);
        let mut found = Vec::new();
        loop {
            match scan.next(&mut own.cache) {
                Ok(Some(item)) => found.push((item.key.to_vec(), item.keep())),
                Ok(None) => return found,
                Err(ReadError::Missing(pages)) => {
                    own.load(pages);
                    world.settle();
                    continue 'again;
                }
                Err(corrupt) => panic!("{corrupt:?}"),
            }
        }
    }
}

/// What a tab lists as deleted.
pub(super) fn deleted_rows(world: &mut World, tab: usize, table: TableId) -> Vec<DeletedRow> {
    loop {
        match world.tabs[tab].deleted_rows(table) {
            Ok(rows) => return rows,
            Err(Obstacle::Missing(pages)) => {
                world.tabs[tab].load(pages);
                world.settle();
            }
            Err(obstacle) => panic!("{obstacle:?}"),
        }
    }
}

pub(super) fn check_documents(world: &mut World, tab: usize, hint: &str) -> usize {
    let schema = world.tabs[tab].committed.schema.clone();
    let mut rows: FlatMap<(TableId, RowId), (f64, Bytes)> = FlatMap::new();
    for (key, document) in entries(world, tab, &[0x10], false) {
        let (Some(Kind::Row(table)), Some(place)) = (keyspace::kind(&key), keyspace::place_of(&key)) else { continue };
        rows.insert((table, place.id), (place.creation_time, document));
    }
    let mut stored: FlatMap<(TableId, RowId), StoredRow> = FlatMap::new();
    for (key, value) in entries(world, tab, &[0x40], false) {
        let Some(Kind::Stamps(table)) = keyspace::kind(&key) else { panic!("{hint}: a key") };
        let row = StoredRow::decode(&value).expect("readable");
        stored.insert((table, keyspace::id_of(&key).expect("an id")), row);
    }
    let mut remains: FlatMap<(TableId, RowId, Root), StoredRow> = FlatMap::new();
    for (key, value) in entries(world, tab, &[0x41], false) {
        let Some(Kind::Remains(table)) = keyspace::kind(&key) else { panic!("{hint}: a key") };
        let root = Root::of(&[&[0x50], &key[21..]].concat()).expect("a root");
        let id = keyspace::id_of(&key[..21]).expect("an id");
        remains.insert((table, id, root), StoredRow::decode(&value).expect("readable"));
    }
    let mut seen = 0;
    let mut copies: FlatMap<(TableId, RowId), Vec<crdt::Copy>> = FlatMap::new();
    let mut homes: FlatMap<(TableId, RowId), Root> = FlatMap::new();
    // What was deleted, and has not left.
    let mut deleted: FlatMap<TableId, BTreeSet<String>> = FlatMap::new();
    let roots: Vec<_> = entries(world, tab, &[0x50], false);
    for (key, value) in roots {
        let root = Root::of(&key).expect("a root");
        let state = DocumentState::decode(&value).expect("readable");
        let actors: Vec<Bytes> =
            entries(world, tab, &root.actors_prefix(), false).into_iter().map(|(_, a)| a).collect();
        assert_eq!(actors.len(), state.actor_count as usize, "{hint}");
        let chunks = entries(world, tab, &root.changes_prefix(), false);
        let mut document = Automerge::new();
        for (_, chunk) in &chunks {
            document.load_incremental(chunk).expect("applied");
        }
        let heads: Vec<_> = document.get_heads().iter().map(|head| head.0).collect();
        assert_eq!(heads, state.heads, "{hint}: heads");
        let changes = document.get_changes(&[]);
        assert_eq!(changes.iter().map(|change| change.max_op()).max(), Some(u64::from(state.max_op)), "{hint}");
        let loaded = Automerge::load(&document.save()).expect("loads");
        assert_eq!(loaded.get_heads(), document.get_heads(), "{hint}");
        let mut actors = Actors::new(actors);
        for name in document.keys(automerge::ROOT).filter(|name| !name.starts_with('_')).collect::<Vec<_>>() {
            let table = schema.table(&name).expect("a table");
            if table.placement.is_none() {
                continue; // what documents have of it is for others
            }
            let (_, map) = document.get(automerge::ROOT, &name).expect("readable").expect("a map");
            for id_text in document.keys(&map).collect::<Vec<_>>() {
                let (_, id) = crate::id::decode(&id_text).expect("an id");
                let theirs = read_row(&document, &map, &id_text, &mut actors).expect("a row");
                let hint = format!("{hint}, {name} {id_text}");
                let own = &stored[&(table.id, id)];
                let at_home = match &own.hidden {
                    None => {
                        let (_, fields) = rows.get(&(table.id, id)).unwrap_or_else(|| panic!("{hint}: not shown"));
                        home(&schema, table, id, fields) == Some(root)
                    }
                    Some(hidden) => hidden.root == root,
                };
                if at_home && theirs.stamps.deleted.is_some() && theirs.moved_to.is_none() {
                    deleted.or_default(table.id).insert(id_text.clone());
                }
                let left = &remains.get(&(table.id, id, root));
                assert_eq!(at_home, left.is_none(), "{hint}: it is in one document, and has left others");
                let (is_deleted, has_left) = (theirs.stamps.deleted.is_some(), theirs.stamps.moved.is_some());
                let is_gone = is_deleted || has_left;
                let own = left.unwrap_or(own);
                let (fields, creation_time) = match &own.hidden {
                    None => {
                        let (creation_time, fields) = &rows[&(table.id, id)];
                        assert!(!is_deleted, "{hint}: deleted");
                        (fields, creation_time)
                    }
                    Some(HiddenRow { why, creation_time, document, .. }) => {
                        assert_eq!(is_gone, *why == Why::Deleted, "{hint}: {why:?}");
                        assert!(!at_home || !rows.contains_key(&(table.id, id)), "{hint}: shown");
                        (document, creation_time)
                    }
                };
                let row_of = |text: Option<String>| Some(crate::id::decode(&text?).expect("an id").1);
                assert_eq!(own.marks.origin.map(|root| root.id), row_of(theirs.origin), "{hint}");
                assert_eq!(own.marks.moved_to.map(|root| root.id), row_of(theirs.moved_to), "{hint}");
                let whole = WholeRow::join(fields, &schema.names, &own.stamps, own.rest.as_ref()).expect("readable");
                assert_eq!(whole.fields, theirs.fields, "{hint}");
                assert_eq!(*creation_time, theirs.creation_time, "{hint}");
                assert_eq!(whole.stamps, theirs.stamps, "{hint}");
                copies.or_default((table.id, id)).push(crdt::Copy {
                    root,
                    marks: own.marks,
                    rivals: crate::tab::merging::copy::rivals(&schema, &theirs.stamps),
                    is_deleted,
                    has_left,
                });
                if at_home {
                    homes.insert((table.id, id), root);
                }
                seen += 1;
            }
        }
    }
    for table in schema.tables() {
        let listed = deleted_rows(world, tab, table.id);
        let ids: BTreeSet<String> = listed.iter().map(|row| row.id_text.clone()).collect();
        assert_eq!(listed.len(), ids.len(), "{hint}: once");
        assert_eq!(ids, deleted.get(&table.id).cloned().unwrap_or_default(), "{hint}: deleted {}", table.name);
    }
    for (row, copies) in &copies {
        let home = homes[row];
        let chosen = crdt::chosen(copies, Some(home)).expect("one is chosen");
        assert_eq!(copies[chosen.place].root, home, "{hint}: {copies:?}");
        assert_eq!(rows.contains_key(row), chosen.is_shown, "{hint}: {copies:?}");
    }
    for (table, id) in rows.keys() {
        let known = schema.table_by_id(*table).expect("a table");
        if known.moving.is_some() {
            continue;
        }
        let is_synced = known.placement.is_some();
        assert_eq!(is_synced, stored.contains_key(&(*table, *id)), "{hint}: a row without stamps");
    }
    assert_eq!(seen, stored.len() + remains.len(), "{hint}: each synced row is in its document");
    seen
}

#[test]
fn documents_say_what_rows_say() {
    let mut seen = 0;
    for seed in seeds(60) {
        let mut writer = Writer { world: World::new(), random: Random::from_number(seed), moves: true };
        let mut tabs = vec![writer.world.open(small(), synced()), writer.world.open(small(), synced())];
        for step in 0..40 {
            // Mutations that wait behind each other, in one tab or in both.
            for _ in 0..=writer.below(3) {
                let tab = tabs[writer.below(2)];
                writer.mutate(tab);
            }
            if writer.below(3) > 0 {
                writer.settle();
            }
            match writer.below(12) {
                0 => writer.world.pass(5_000.0),
                1 => {
                    let replaced = writer.below(2);
                    writer.settle();
                    tabs[replaced] = writer.world.open(small(), synced());
                }
                2 => {
                    writer.settle();
                    let tab = tabs[writer.below(2)];
                    seen += check_documents(&mut writer.world, tab, &format!("seed {seed}, step {step}"));
                }
                _ => {}
            }
        }
        writer.settle();
        writer.world.pass(5_000.0);
        for tab in tabs {
            seen += check_documents(&mut writer.world, tab, &format!("seed {seed}, end"));
            assert_eq!(writer.world.verify(tab).problems, Vec::<String>::new());
        }
    }
    assert!(seen > 3_000, "{seen} rows");
}

#[test]
fn the_id_of_every_new_document_is_a_uuid_of_version_four() {
    let mut seen = BTreeSet::new();
    for seed in seeds(20) {
        let mut writer = Writer { world: World::new(), random: Random::from_number(seed), moves: true };
        writer.world.number = seed as u8; // another chance for ids
        let tab = writer.world.open(small(), synced());
        for _ in 0..20 {
            writer.mutate(tab);
        }
        writer.settle();
        for (_, state) in entries(&mut writer.world, tab, keyspace::STATES_PREFIX, false) {
            let id = DocumentState::decode(&state).expect("a state").id;
            assert_eq!((id[6] >> 4, id[8] >> 6), (4, 0b10), "seed {seed}: {id:02x?}");
            assert!(seen.insert(id), "seed {seed}: it is another one's");
        }
    }
    assert!(seen.len() > 50, "{} documents", seen.len());
}

#[test]
fn verify_sees_a_row_without_stamps() {
    let mut writer = Writer { world: World::new(), random: Random::from_number(3), moves: false };
    let tab = writer.world.open(calm(), synced());
    for _ in 0..10 {
        writer.mutate(tab);
        writer.settle();
    }
    assert_eq!(writer.world.verify(tab).problems, Vec::<String>::new());
    let is_shown = |(_, stored): &(Vec<u8>, Bytes)| StoredRow::decode(stored).is_ok_and(|row| row.hidden.is_none());
    let (key, _) = entries(&mut writer.world, tab, &[0x40], false).into_iter().find(is_shown).expect("a row");
    writer.world.tabs[tab].committed.view.crdt.delete(&key, -1);
    let problems = writer.world.verify(tab).problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("synced by"), "{problems:?}");
}

#[test]
fn a_task_lies_within_a_project_that_is_there() {
    let mut world = World::new();
    let tab = world.open(small(), synced());
    let schema = world.tabs[tab].current.schema.clone();
    let nowhere = crate::id::encode(schema.table("projects").expect("projects").number, &RowId([5; 16]));
    for project in [nowhere.as_str(), "no id"] {
        let now_ms = world.now_ms;
        let transaction = world.tabs[tab].begin(now_ms, false).expect("open");
        let fields = object(&[("projectId", string(project)), ("title", string("a"))]);
        let mut bytes = document::encode(&fields, &schema.names);
        let refused = world.tabs[tab].insert(transaction, "tasks", None, &mut bytes);
        let Err(Obstacle::Error(error)) = refused else { panic!("{refused:?}") };
        assert!(error.message.contains("projectId"), "{error:?}");
        world.tabs[tab].abandon(transaction);
    }
    world.settle();
    assert_eq!(entries(&mut world, tab, &[0x40], false), Vec::new());
}

#[test]
fn placements_that_contradict_themselves_are_refused() {
    let sync = |name: &str, placement: Value| {
        let Value::Object(mut schema) = synced_value() else { panic!("an object") };
        schema.insert("sync".into(), object(&[(name, placement)]));
        SchemaDefinition::from_value(&Value::Object(schema)).expect_err("refused").into_message()
    };
    let within = |field: &str| object(&[("home", string("within")), ("field", string(field))]);
    assert!(sync("nowhere", object(&[("home", string("root"))])).contains("\"nowhere\", which is not in the schema"));
    assert!(sync("tasks", object(&[("home", string("here"))])).contains("Found \"here\""));
    assert!(sync("tasks", within("title")).contains("`v.id(…)`"));
    assert!(sync("tasks", within("projectId")).contains("placed as `root()`"));
    let kinds = object(&[("name", string("list"))]);
    let placed = object(&[("home", string("root")), ("kinds", kinds)]);
    assert!(sync("projects", placed).contains("`text()` or `counter()`"));
    for (field, kind) in [("name", "counter"), ("nothing", "text")] {
        let placed = object(&[("home", string("root")), ("kinds", object(&[(field, string(kind))]))]);
        let message = sync("projects", placed);
        assert!(message.contains(&format!("\"{field}\" is `{kind}()`")), "{message}");
    }
}

/// A write whose answer is lost is found in the log together with a checkpoint that has it already: what waits behind it
/// stands on its stamps all the same.
#[test]
fn what_waits_behind_a_lost_answer_knows_what_was_saved() {
    let mut world = World::new();
    let alice = world.open(small(), synced());
    let bob = world.open(small(), synced());
    let schema = world.tabs[alice].current.schema.clone();
    let (projects, notes) = (schema.table("projects").expect("it").clone(), schema.table("notes").expect("it").clone());
    let now_ms = world.now_ms;
    let begun = world.tabs[alice].begin(now_ms, false).expect("open");
    let mut bytes = document::encode(&object(&[("name", string("first"))]), &schema.names);
    let row = world.tabs[alice].insert(begun, "projects", None, &mut bytes).expect("inserted");
    world.tabs[alice].finish(now_ms, begun).expect("finished");
    world.settle();

    world.is_deaf = Some(alice);
    let text = crate::id::encode(projects.number, &row);
    let rename = |world: &mut World, name: &str| {
        let begun = world.tabs[alice].begin(now_ms, false).expect("open");
        let changes = [("name".to_string(), Some(string(name)))].into_iter().collect();
        let mut bytes = document::encode_patch(&changes, &schema.names);
        world.tabs[alice].patch(begun, projects.id, row, &text, &mut bytes).expect("patched");
        assert_eq!(world.tabs[alice].finish(now_ms, begun), Ok(Finished::Queued));
    };
    rename(&mut world, "second");
    let effects = world.tabs[alice].take_effects();
    let [Effect::Append { sequence, record }] = &effects[..] else { panic!("{effects:?}") };
    assert!(world.storage.append(*sequence, record.clone()));
    rename(&mut world, "third");
    assert_eq!(world.tabs[alice].take_effects(), Vec::new(), "it waits");

    for _ in 0..20 {
        world.tick(bob);
        let now_ms = world.now_ms;
        let begun = world.tabs[bob].begin(now_ms, false).expect("open");
        let mut bytes = document::encode(&object(&[("text", string("a"))]), &schema.names);
        world.tabs[bob].insert(begun, &notes.name, None, &mut bytes).expect("inserted");
        world.tabs[bob].finish(now_ms, begun).expect("finished");
        world.settle();
    }
    world.sleep(2_000.0);
    world.wake(bob);
    assert!(world.tabs[bob].committed.view.manifest.sequence > *sequence, "it is in a checkpoint");
    world.tick(alice);
    let now_ms = world.now_ms;
    world.tabs[alice].handle(now_ms, Input::OutcomeUnknown);
    world.settle();
    assert_eq!(check_documents(&mut world, alice, "alice"), 1);
    let (_, shown) = entries(&mut world, alice, &keyspace::row_prefix(projects.id), false).swap_remove(0);
    let fields = Document::new(&shown).to_value(&schema.names).expect("readable");
    assert_eq!(fields.get("name"), Some(&string("third")));
}
