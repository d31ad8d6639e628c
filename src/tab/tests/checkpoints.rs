//! When a checkpoint is made, and what it leaves behind to be deleted.

use super::*;
use crate::store::Manifest;

#[test]
fn a_checkpoint_moves_the_log_into_the_tree() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..100 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n % 7), Some(f64::from(n % 3)));
        world.settle();
    }
    let stats = world.tabs[alice].stats();
    assert!(stats.generation > 5 && stats.log_records < 8, "{stats:?}");
    assert_eq!(stats.tree_entries + 4 * stats.log_records as u64, 400);
    assert_eq!(world.scan(alice, "by_g_n").len(), 100);
    let bob = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(bob, "by_k"), world.scan(alice, "by_k"));
    // Superseded log and pages go after their time.
    let before = world.storage.pages.len();
    world.pass(40_000.0);
    assert!(world.storage.log.len() <= 8, "{}", world.storage.log.len());
    world.pass(40_000.0);
    assert!(world.storage.pages.len() < before, "{} of {before}", world.storage.pages.len());
    let carol = world.open(small(), definition(INDEXES));
    assert_eq!(world.scan(carol, "by_k").len(), 100);
}

#[test]
fn a_long_pause_does_not_keep_an_idle_checkpoint_waiting() {
    let (mut world, alice) = filled();
    while world.tabs[alice].stats().log_records > 0 {
        world.insert(alice, "k", 0.0, None);
        world.settle();
    }
    world.pauses.clear();
    let options = Options { checkpoint_log_records: 1_000, ..small() };
    let bob = world.open(options.clone(), definition(INDEXES));
    // All that is left to do is to delete what is superseded.
    assert_eq!(world.pauses, [options.log_grace_ms]);
    world.insert(bob, "k", 1.0, None);
    world.settle();
    assert_eq!(world.pauses.last(), Some(&options.idle_ms));
}

#[test]
fn what_could_not_be_deleted_is_deleted_later() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    for n in 0..100 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n), None);
        world.settle();
    }
    world.trims_fail = true;
    world.pass(100_000.0);
    // Checkpoints meanwhile must not forget what is still there.
    for n in 0..20 {
        world.insert(alice, &format!("l{n:03}"), f64::from(n), None);
        world.settle();
    }
    world.trims_fail = false;
    for _ in 0..3 {
        world.pass(100_000.0);
    }
    let report = world.verify(alice);
    assert_eq!(world.storage.pages.len() as u64, report.pages, "every page that is stored is needed");
    assert!(world.storage.log.len() <= 8, "{}", world.storage.log.len());
}

#[test]
fn a_checkpoint_waits_for_a_lull_unless_the_log_is_long() {
    let mut world = World::new();
    let alice = world.open(Options { lull_ms: 200.0, ..small() }, definition(INDEXES));
    let write = |world: &mut World, number: usize, pause_ms: f64| {
        for n in 0..number {
            world.insert(alice, "k", n as f64, None);
            world.settle();
            world.pass(pause_ms);
        }
        world.tabs[alice].stats().generation
    };
    assert_eq!(write(&mut world, 30, 10.0), 0, "while it writes");
    world.pass(300.0);
    assert_eq!(world.tabs[alice].stats().generation, 1, "in a lull");
    assert_eq!(write(&mut world, 33, 10.0), 2, "without one");
}

#[test]
fn what_was_superseded_under_a_clock_far_ahead_is_deleted_all_the_same() {
    let mut world = World::new();
    let alice = world.open(small(), definition(INDEXES));
    let day_ms = 86_400_000.0;
    let now = world.now_ms;
    world.now_ms += day_ms;
    for n in 0..100 {
        world.insert(alice, &format!("k{n:03}"), f64::from(n), None);
        world.settle();
    }
    // The clock is set right.
    world.now_ms = now;
    let bob = world.open(small(), definition(INDEXES));
    world.alarms[alice] = None;
    let stored = world.storage.log.len();
    // Not at once: somebody may have looked at the log just before.
    world.run_for(20_000.0);
    assert_eq!(world.storage.log.len(), stored);
    world.run_for(200_000.0);
    assert!(world.storage.log.len() < 8, "{} of {stored}", world.storage.log.len());
    let report = world.verify(bob);
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(world.storage.pages.len() as u64, report.pages, "every page that is stored is needed");
    // And the next manifest lists it no more.
    for n in 0..20 {
        world.insert(bob, &format!("l{n:03}"), f64::from(n), None);
        world.settle();
    }
    let freed = &world.tabs[bob].committed.view.manifest.freed;
    assert_eq!(freed.iter().filter(|freed| freed.at_ms > now + day_ms / 2.0).count(), 0);
}

#[test]
fn a_count_of_attempts_that_is_damaged_is_not_believed() {
    use crate::store::next_attempt;
    assert_eq!([next_attempt(0, 0), next_attempt(7, 7), next_attempt(9, 7)], [1, 8, 10]);
    assert_eq!([next_attempt(6, 7), next_attempt(1 << 33, 7), next_attempt(u64::MAX, 7)], [8, 8, 8]);
}

#[test]
fn what_was_deleted_is_not_listed_for_ever() {
    let (mut world, alice) = filled();
    for _ in 0..20 {
        for n in 0..8 {
            world.insert(alice, "more", f64::from(n), None);
            world.settle();
        }
        world.pass(70_000.0);
        world.pass(70_000.0);
    }
    let manifest = world.newest();
    assert!(
        manifest.generation > 20 && manifest.freed.len() <= 3,
        "{} of {}",
        manifest.freed.len(),
        manifest.generation
    );
}

#[test]
fn a_shortened_list_does_not_tell_when_records_before_it_went() {
    let options = Options::default();
    let manifest = |generation: u64, checkpoints: &[(f64, u64)]| {
        let mut manifest = Manifest::empty();
        manifest.generation = generation;
        for &(at_ms, sequence) in checkpoints {
            manifest.sequence = sequence;
            manifest.free(at_ms, &[]);
        }
        manifest
    };
    let whole = |manifest: &Manifest, sequence| absorb::is_log_whole(manifest, sequence, &options, 100_000.0);
    // Three checkpoints, all of them recent enough.
    let all = manifest(3, &[(90_000.0, 10), (95_000.0, 20), (99_000.0, 30)]);
    assert!(whole(&all, 0) && whole(&all, 15) && whole(&all, 30));
    // The first is listed no more: what it took in may be gone, but not what came after it.
    let short = manifest(3, &[(95_000.0, 20), (99_000.0, 30)]);
    assert!(!whole(&short, 0) && !whole(&short, 15));
    assert!(whole(&short, 20) && whole(&short, 25) && whole(&short, 30));
    let old = manifest(3, &[(10_000.0, 10), (20_000.0, 20), (99_000.0, 30)]);
    assert!(!whole(&old, 15) && whole(&old, 20));
}

#[test]
fn an_attempt_that_was_given_before_is_not_used_again() {
    let (mut world, alice) = filled();
    let before = world.newest();
    // Something has deleted the number, or written nonsense in its place.
    world.storage.attempts = 0;
    for n in 0..16 {
        world.insert(alice, "more", f64::from(n), None);
        world.settle();
    }
    let after = world.newest();
    assert!(after.generation > before.generation && after.attempt > before.attempt, "{}", after.attempt);
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}

fn often() -> Options {
    Options { checkpoint_log_records: 10, ..damage::calm() }
}

/// A tab that waits for an effect of a checkpoint. Others believe that it sleeps.
fn held_up(is_held: Filter) -> (World, usize, Effect) {
    let mut world = World::new();
    let alice = world.open(often(), definition(INDEXES));
    world.held = Some((is_held, Vec::new()));
    for n in 0..10 {
        world.insert(alice, &format!("k{n}"), f64::from(n), None);
        world.settle();
    }
    world.run_for(often().lull_ms);
    let (_, mut held) = world.held.take().expect("it was set");
    let (_, effect) = held.pop().expect("a checkpoint is under way");
    world.lock = None;
    (world, alice, effect)
}

impl World {
    /// Inserts some rows, and waits for the checkpoint of them.
    fn make_checkpoint(&mut self, tab: usize) {
        let before = self.tabs[tab].stats().generation;
        for n in 0..10 {
            self.insert(tab, &format!("l{n}"), f64::from(n), None);
            self.settle();
        }
        self.run_for(1_000.0);
        assert_eq!(self.tabs[tab].stats().generation, before + 1);
    }
}

#[test]
fn the_number_of_an_attempt_that_comes_late_is_not_used() {
    let (mut world, alice, effect) = held_up(|effect| matches!(effect, Effect::ReserveAttempt { .. }));
    let Effect::ReserveAttempt { after } = effect else { unreachable!() };
    let attempt = world.storage.reserve_attempt(after);
    let bob = world.open(often(), definition(INDEXES));
    world.make_checkpoint(bob);
    let now_ms = world.now_ms;
    world.tabs[alice].handle(now_ms, Input::AttemptReserved { attempt });
    let effects = world.tabs[alice].take_effects();
    assert!(matches!(effects[..], [Effect::ReserveAttempt { .. }]), "what was before it is deleted: {effects:?}");
    for effect in effects {
        world.perform(alice, effect);
    }
    world.settle();
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}

#[test]
fn a_manifest_whose_answer_comes_late_is_not_put_above_its_successor() {
    let (mut world, alice, effect) = held_up(|effect| matches!(effect, Effect::Publish { .. }));
    let Effect::Publish { generation, manifest, fence } = effect else { unreachable!() };
    assert!(world.storage.publish(generation, manifest, fence));
    let bob = world.open(often(), definition(INDEXES));
    world.make_checkpoint(bob);
    assert_eq!(world.tabs[alice].stats().generation, 2, "it was told");
    let now_ms = world.now_ms;
    world.tabs[alice].handle(now_ms, Input::Published);
    world.settle();
    assert_eq!(world.tabs[alice].stats().generation, 2);
    assert_eq!(world.scan(alice, "by_k").len(), 20);
    assert_eq!(world.verify(alice).problems, Vec::<String>::new());
}

/// Who opens the database next has to read all of the log.
#[test]
fn writes_wait_where_the_log_gets_too_long() {
    let mut world = World::new();
    let options = Options { checkpoint_log_bytes: 1_000, checkpoint_log_records: 1_000_000, ..small() };
    let alice = world.open(options, definition(INDEXES));
    // No checkpoint begins.
    world.held = Some((|effect| matches!(effect, Effect::Lock { .. }), Vec::new()));
    for n in 0..300 {
        world.insert(alice, "k", f64::from(n), None);
        world.settle();
    }
    let Stats { log_bytes, pending, .. } = world.tabs[alice].stats();
    assert!((8_000..10_000).contains(&log_bytes), "{log_bytes} bytes");
    assert!(pending > 0 && pending < 300, "{pending} wait");
    world.release();
    world.run_for(5_000.0);
    let Stats { log_bytes, pending, .. } = world.tabs[alice].stats();
    assert!(pending == 0 && log_bytes < 8_000, "{pending} wait, {log_bytes} bytes");
    assert_eq!(world.scan(alice, "by_k").len(), 300);
}
