//! A schema that stored documents have to fit, while others write.

use super::damage::calm;
use super::*;

pub(super) fn is_commit(effect: &Effect) -> bool {
    matches!(effect, Effect::Append { .. } | Effect::Rebase { .. })
}

impl World {
    pub(super) fn opened(&self, tab: usize) -> Result<()> {
        let opened = self.events[tab].iter().find_map(|event| match event {
            Event::Opened(result) => Some(result.clone()),
            _ => None,
        });
        opened.expect("it is through")
    }

    /// Opens the database with the narrower schema, and lets alice write a row before such an effect of that is
    /// carried out.
    fn overtaken(&mut self, alice: usize, is_held: Filter, g: Option<f64>) -> usize {
        self.held = Some((is_held, Vec::new()));
        let bob = self.open(calm(), narrow());
        let held = self.held.take();
        self.insert(alice, "between", 1.0, g);
        self.settle();
        self.held = held;
        self.release();
        bob
    }
}

#[test]
fn what_comes_before_a_narrower_schema_has_to_fit_it() {
    for g in [None, Some(1.0)] {
        let mut world = World::new();
        let alice = world.open(calm(), definition(INDEXES));
        world.insert(alice, "first", 1.0, Some(1.0));
        world.settle();
        // All documents have been checked, and the schema is on its way.
        let bob = world.overtaken(alice, is_commit, g);
        match g {
            None => {
                let error = world.opened(bob).expect_err("a document does not fit");
                assert!(error.code == Code::SchemaDoesNotFit && error.message.contains("items"), "{error}");
                world.insert(alice, "after", 1.0, None);
                world.settle();
            }
            Some(_) => assert_eq!(world.opened(bob), Ok(())),
        }
        assert_eq!(world.verify(alice).problems, Vec::<String>::new());
    }
}

#[test]
fn what_comes_while_documents_are_checked_has_to_fit_as_well() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    while world.tabs[alice].stats().tree_entries < 500 || world.tabs[alice].stats().log_records > 0 {
        world.insert(alice, &"k".repeat(100), 1.0, Some(1.0));
        world.settle();
    }
    let bob = world.overtaken(alice, |effect| matches!(effect, Effect::Load { .. }), None);
    let error = world.opened(bob).expect_err("a document does not fit");
    assert_eq!(error.code, Code::SchemaDoesNotFit, "{error}");
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}
