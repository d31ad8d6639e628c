//! Rows that were deleted and can come back: which are listed, and that whoever follows is told of news.

use super::synced::{deleted_rows, entries, reference, synced, synced_value, table, typed};
use super::world::*;
use super::*;
use crate::keyspace::{RowId, TableId};
use crate::schema::{SchemaDefinition, Table};

pub(super) struct Tasks {
    pub(super) world: World,
    pub(super) tasks: Table,
    projects: Table,
}

impl Tasks {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        let tab = world.open(small(), synced());
        let schema = world.tabs[tab].current.schema.clone();
        let table = |name: &str| schema.table(name).expect("the table").clone();
        Tasks { world, tasks: table("tasks"), projects: table("projects") }
    }

    /// Does something in a mutation, and waits until it is saved.
    pub(super) fn mutate<T>(
        &mut self,
        tab: usize,
        mut work: impl FnMut(&mut Tab, TransactionId) -> std::result::Result<T, Obstacle>,
    ) -> T {
        self.world.tick(tab);
        let now_ms = self.world.now_ms;
        let begun = self.world.tabs[tab].begin(now_ms, false).expect("open");
        loop {
            match work(&mut self.world.tabs[tab], begun) {
                Ok(done) => {
                    assert_eq!(self.world.tabs[tab].finish(now_ms, begun), Ok(Finished::Queued));
                    self.world.settle();
                    return done;
                }
                Err(Obstacle::Missing(pages)) => {
                    self.world.tabs[tab].load(pages);
                    self.world.settle();
                }
                Err(obstacle) => panic!("{obstacle:?}"),
            }
        }
    }

    pub(super) fn project(&mut self) -> RowId {
        self.mutate(0, |tab, begun| {
            let mut bytes = document::encode(&object(&[("name", string("p"))]), &tab.current.schema.names);
            tab.insert(begun, "projects", None, &mut bytes)
        })
    }

    pub(super) fn task(&mut self, project: RowId, title: &str) -> RowId {
        let project = crate::id::encode(self.projects.number, &project);
        self.mutate(0, |tab, begun| {
            let fields = object(&[("projectId", string(&project)), ("title", string(title))]);
            let mut bytes = document::encode(&fields, &tab.current.schema.names);
            tab.insert(begun, "tasks", None, &mut bytes)
        })
    }

    fn delete(&mut self, tab: usize, row: RowId) {
        let (table, text) = (self.tasks.id, self.text(row));
        self.mutate(tab, |tab, begun| tab.delete(begun, table, row, &text));
    }

    fn restore(&mut self, tab: usize, row: RowId) {
        let table = self.tasks.id;
        self.mutate(tab, |tab, begun| tab.restore(begun, table, row));
    }

    pub(super) fn text(&self, row: RowId) -> String {
        crate::id::encode(self.tasks.number, &row)
    }

    /// The ids and titles that a tab lists.
    fn deleted(&mut self, tab: usize) -> Vec<(String, Value)> {
        let rows = deleted_rows(&mut self.world, tab, self.tasks.id);
        rows.into_iter().map(|row| (row.id_text, row.fields.get("title").cloned().expect("a title"))).collect()
    }
}

#[test]
fn deleted_rows_are_listed_in_all_tabs_until_they_come_back() {
    let mut world = Tasks::new();
    let other = world.world.open(small(), synced());
    let project = world.project();
    let (first, second) = (world.task(project, "first"), world.task(project, "second"));
    for tab in [0, other] {
        world.world.tabs[tab].follow_documents(true);
        assert_eq!(world.deleted(tab), Vec::new());
    }
    let listed = vec![(world.text(first), string("first"))];
    for _ in 0..2 {
        world.delete(0, first);
        for tab in [0, other] {
            let own = &mut world.world.tabs[tab];
            assert!(own.take_hidden_news(), "tab {tab} is told");
            assert!(own.take_document_news().is_some() && !own.take_hidden_news());
            assert_eq!(world.deleted(tab), listed, "tab {tab}");
        }
        // It says nothing of a row that is shown.
        world.task(project, "third");
        assert!(!world.world.tabs[other].take_hidden_news());
        world.restore(other, first);
        for tab in [0, other] {
            assert!(world.world.tabs[tab].take_hidden_news(), "tab {tab} is told that it is back");
            assert_eq!(world.deleted(tab), Vec::new(), "tab {tab}");
        }
    }
    let root = crate::id::encode(world.projects.number, &project);
    world.delete(other, second);
    let rows = deleted_rows(&mut world.world, 0, world.tasks.id);
    assert_eq!(rows.iter().map(|row| &row.root_text).collect::<Vec<_>>(), [&root]);
    assert_eq!(deleted_rows(&mut world.world, 0, world.projects.id).len(), 0, "another table's");
    assert_eq!(deleted_rows(&mut world.world, 0, TableId(99)).len(), 0, "a table that nobody knows");
    let (first, listed) = (world.text(first), vec![(world.text(second), string("second"))]);
    assert_eq!(world.deleted(0), listed);
    assert_ne!(first, listed[0].0);
    // From what is stored, too.
    world.world.pass(5_000.0);
    let later = world.world.open(small(), synced());
    assert_eq!(world.deleted(later), listed);
    assert_eq!(world.world.tabs[later].problems().map(|problems| problems.len()).unwrap_or_default(), 0);
}

#[test]
fn a_row_that_was_moved_is_deleted_where_it_is_and_nowhere_else() {
    let mut world = Tasks::new();
    let (from, to) = (world.project(), world.project());
    let row = world.task(from, "moved");
    let (table, text) = (world.tasks.id, world.text(row));
    let target = crate::id::encode(world.projects.number, &to);
    world.mutate(0, |tab, begun| {
        let changes = [("projectId".to_string(), Some(string(&target)))].into_iter().collect();
        let mut bytes = document::encode_patch(&changes, &tab.current.schema.names);
        tab.patch(begun, table, row, &text, &mut bytes)
    });
    assert_eq!(entries(&mut world.world, 0, &[0x41], false).len(), 1, "something is left where it was");
    assert_eq!(world.deleted(0), Vec::new());
    world.delete(0, row);
    let rows = deleted_rows(&mut world.world, 0, table);
    assert_eq!(rows.iter().map(|row| (&row.id_text, &row.root_text)).collect::<Vec<_>>(), [(&text, &target)]);
}

/// A version of an app does not write all again that was ever deleted: what its schema accepts is found when it is listed.
#[test]
fn what_another_schema_does_not_accept_is_kept_and_not_listed() {
    let mut world = Tasks::new();
    let project = world.project();
    let row = world.task(project, "first");
    world.delete(0, row);
    let noted = entries(&mut world.world, 0, &[0x42], false);
    assert_eq!(noted.iter().map(|(_, value)| value.len()).collect::<Vec<_>>(), [0]);
    let Value::Object(mut newer) = synced_value() else { panic!("an object") };
    let Some(Value::Array(tables)) = newer.get_mut("tables") else { panic!("tables") };
    let fields = [
        ("projectId", reference("projects"), false),
        ("title", typed("number"), false),
        ("note", typed("string"), true),
        ("votes", typed("number"), true),
    ];
    tables[1] = table("tasks", &fields, &["projectId", "title"]);
    let newer = SchemaDefinition::from_value(&Value::Object(newer)).expect("a schema");
    let version = world.world.tabs[0].committed.schema.version;
    let tab = world.world.open(small(), newer);
    assert!(world.world.tabs[tab].committed.schema.version > version, "another one");
    let begun = world.world.tabs[tab].begin(world.world.now_ms, false).expect("open");
    assert!(matches!(world.world.tabs[tab].judge_rows(begun), Ok(None)));
    world.world.tabs[tab].abandon(begun);
    assert_eq!(world.deleted(tab), Vec::new());
    let later = world.world.open(small(), synced());
    assert_eq!(world.deleted(later), [(world.text(row), string("first"))]);
}
