//! A schema that stored documents have to fit, while others write.

use super::damage::calm;
use super::*;

fn is_commit(effect: &Effect) -> bool {
    matches!(effect, Effect::Append { .. } | Effect::Rebase { .. })
}

impl World {
    fn opened(&self, tab: usize) -> Result<()> {
        let opened = self.events[tab].iter().find_map(|event| match event {
            Event::Opened(result) => Some(result.clone()),
            _ => None,
        });
        opened.expect("it is through")
    }
}

#[test]
fn what_comes_before_a_narrower_schema_has_to_fit_it() {
    for g in [None, Some(1.0)] {
        let mut world = World::new();
        let alice = world.open(calm(), definition(INDEXES));
        world.insert(alice, "first", 1.0, Some(1.0));
        world.settle();
        world.held = Some((is_commit, Vec::new()));
        let bob = world.open(calm(), narrow());
        // All documents have been checked, and the schema is on its way.
        let held = world.held.take();
        world.insert(alice, "between", 1.0, g);
        world.settle();
        world.held = held;
        world.release();
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
    world.held = Some((|effect| matches!(effect, Effect::Load { .. }), Vec::new()));
    let bob = world.open(calm(), narrow());
    let held = world.held.take();
    world.insert(alice, "between", 1.0, None);
    world.settle();
    world.held = held;
    world.release();
    let error = world.opened(bob).expect_err("a document does not fit");
    assert_eq!(error.code, Code::SchemaDoesNotFit, "{error}");
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}
