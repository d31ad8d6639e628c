//! The whole store against a `BTreeMap`, and the stories of single checkpoints.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::bytes::Bytes;

mod damage;
mod golden;
mod shape;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// Alice's database: a view, a cache, and IndexedDB played by a map.
struct Store {
    view: View,
    cache: PageCache,
    stored: BTreeMap<PageId, Bytes>,
    attempt: u64,
    /// How many batches were loaded.
    loads: usize,
    /// How large leaves and interior pages become, if not as usual: small ones make high trees.
    targets: Option<[usize; 2]>,
}

impl Store {
    fn new(budget: usize) -> Self {
        Store {
            view: View::empty(),
            cache: PageCache::new(budget),
            stored: BTreeMap::new(),
            attempt: 0,
            loads: 0,
            targets: None,
        }
    }

    /// Answers a miss. A read that never ends is a failure.
    fn load(&mut self, error: ReadError) {
        let ReadError::Missing(pages) = error else { panic!("unexpected {error:?}") };
        assert!(!pages.is_empty());
        let mut distinct = pages.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), pages.len(), "a page is asked for once");
        for page in pages {
            self.cache.insert(page, self.stored[&page].clone()).expect("a stored page");
        }
        self.loads += 1;
    }

    fn until_loaded<T>(&mut self, view: &View, read: impl Fn(&View, &mut PageCache) -> Result<T, ReadError>) -> T {
        for _ in 0..100 {
            match read(view, &mut self.cache) {
                Ok(result) => return result,
                Err(error) => self.load(error),
            }
        }
        panic!("a read that starves");
    }

    fn get(&mut self, view: &View, key: &[u8]) -> Option<Vec<u8>> {
        self.until_loaded(view, |view, cache| view.get(cache, key)).map(|value| value.to_vec())
    }

    fn count(&mut self, view: &View, start: &[u8], end: Option<&[u8]>) -> u64 {
        self.until_loaded(view, |view, cache| view.count(cache, start, end))
    }

    fn scan(
        &mut self,
        view: &View,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        ahead: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut scan = view.scan(start, end, direction, ahead);
        let mut found = Vec::new();
        loop {
            match scan.next(&mut self.cache) {
                Ok(Some(item)) => {
                    assert_eq!(&*item.keep(), item.value);
                    found.push((item.key.to_vec(), item.value.to_vec()));
                }
                Ok(None) => return found,
                Err(error) => self.load(error),
            }
        }
    }

    /// Merges the overlay into the tree and starts with an empty one. Returns the replaced pages.
    fn checkpoint(&mut self, slice: usize) -> Vec<PageId> {
        self.attempt += 1;
        let mut checkpoint =
            Checkpoint::new(self.view.clone(), self.attempt, self.attempt, Vec::new(), b"schema".to_vec());
        checkpoint.targets = self.targets.unwrap_or(checkpoint.targets);
        loop {
            match checkpoint.step(&mut self.cache, slice) {
                Ok(Step::Pages(pages)) => {
                    for (id, bytes) in pages {
                        assert!(self.stored.insert(id, bytes).is_none(), "a page id is used once");
                    }
                }
                Ok(Step::Done { manifest, freed }) => {
                    let mut decoded = Manifest::decode(&manifest.encode()).expect("a manifest");
                    assert_eq!(decoded.encode(), manifest.encode());
                    if self.targets.is_some() {
                        // As in a tree so large that the interior pages don't ride along.
                        decoded.embed(|_| None);
                    }
                    assert_eq!(manifest.generation, self.view.manifest.generation + 1);
                    self.view = View::of(Rc::new(decoded));
                    return freed;
                }
                Err(error) => self.load(error),
            }
        }
    }

    /// Drops replaced pages, as a later checkpoint does. Whoever still reads an old view can't any more.
    fn delete(&mut self, pages: &[PageId]) {
        for page in pages {
            assert!(self.stored.remove(page).is_some(), "a freed page was stored");
            self.cache.remove(*page);
        }
    }

    /// The tree is sound, and every stored page belongs to it.
    fn verify(&self, all_reached: bool) {
        let mut verify = Verify::new(&self.view.manifest);
        loop {
            let wanted = verify.wanted(3);
            if wanted.is_empty() {
                break;
            }
            for page in wanted {
                verify.check(page, self.stored.get(&page).cloned());
            }
        }
        assert_eq!(verify.damage(), []);
        if all_reached {
            for page in self.stored.keys() {
                assert!(verify.reaches(*page), "page {page:x} was neither used nor freed");
            }
        }
    }
}

fn slice_of(model: &Model, start: &[u8], end: Option<&[u8]>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let inside = |key: &[u8]| key >= start && end.is_none_or(|end| key < end);
    model.iter().filter(|(key, _)| inside(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn check_range(store: &mut Store, view: &View, model: &Model, start: &[u8], end: Option<&[u8]>, ahead: usize) {
    let mut expected = slice_of(model, start, end);
    assert_eq!(store.count(view, start, end), expected.len() as u64, "count {start:?}..{end:?}");
    assert_eq!(store.scan(view, start, end, Direction::Ascending, ahead), expected);
    expected.reverse();
    assert_eq!(store.scan(view, start, end, Direction::Descending, ahead), expected);
}

#[derive(Clone, Debug)]
enum Action {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    /// Sorted changes of many keys; `None` deletes.
    Bulk(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    DeleteRange(Vec<u8>, Vec<u8>),
    Checkpoint {
        slice: usize,
        free: bool,
    },
    Evict,
    Budget(usize),
    /// A reader keeps the state of now.
    Hold,
    Get(Vec<u8>),
    Range(Vec<u8>, Option<Vec<u8>>, usize),
}

/// Keys that collide, share prefixes, and are now and then long.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        10 => (0u16..600).prop_map(|n| [b"table/\0\x01row/".as_slice(), &n.to_be_bytes()].concat()),
        4 => proptest::collection::vec(0u8..3, 0..6),
        3 => (0u8..3, 0usize..3000).prop_map(|(byte, length)| [vec![byte; 40], vec![7; length]].concat()),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        5 => Just(Vec::new()),
        5 => proptest::collection::vec(any::<u8>(), 0..200),
        2 => (any::<u8>(), 1000usize..5000).prop_map(|(byte, length)| vec![byte; length]),
        1 => (any::<u8>(), 9000usize..40000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (key(), value()).prop_map(|(key, value)| Action::Put(key, value)),
        4 => key().prop_map(Action::Delete),
        4 => proptest::collection::vec((key(), proptest::option::weighted(0.8, value())), 0..120).prop_map(|mut changes| {
            changes.sort_by(|a, b| a.0.cmp(&b.0));
            Action::Bulk(changes)
        }),
        1 => (key(), key()).prop_map(|(start, end)| Action::DeleteRange(start, end)),
        4 => (prop_oneof![Just(1usize), Just(4000), Just(1 << 30)], any::<bool>())
            .prop_map(|(slice, free)| Action::Checkpoint { slice, free }),
        2 => Just(Action::Evict),
        1 => prop_oneof![Just(0usize), Just(20_000), Just(1 << 30)].prop_map(Action::Budget),
        2 => Just(Action::Hold),
        4 => key().prop_map(Action::Get),
        4 => (key(), proptest::option::of(key()), 1usize..20).prop_map(|(start, end, ahead)| Action::Range(start, end, ahead)),
    ]
}

fn run(actions: &[Action], targets: Option<[usize; 2]>) {
    let mut store = Store { targets, ..Store::new(1 << 20) };
    let mut model = Model::new();
    let mut held: Vec<(View, Model)> = Vec::new();
    for action in actions {
        match action {
            Action::Put(key, value) => {
                let new = model.insert(key.clone(), value.clone()).is_none();
                store.view.overlay.put(key, Bytes::from(&value[..]), i8::from(new));
            }
            Action::Delete(key) => {
                if model.remove(key).is_some() {
                    store.view.overlay.delete(key, -1);
                }
            }
            Action::Bulk(changes) => {
                let ops: Vec<_> = changes
                    .iter()
                    .filter_map(|(key, value)| match value {
                        Some(value) => {
                            let delta = i8::from(model.insert(key.clone(), value.clone()).is_none());
                            let op = if value.is_empty() { Op::PutKey } else { Op::Put(Bytes::from(&value[..])) };
                            Some((&key[..], op, delta))
                        }
                        None => model.remove(key).map(|_| (&key[..], Op::Delete, -1)),
                    })
                    .collect();
                store.view.overlay.extend_sorted(ops);
            }
            Action::DeleteRange(start, end) => {
                for (key, _) in slice_of(&model, start, Some(end)) {
                    model.remove(&key);
                    store.view.overlay.delete(&key, -1);
                }
            }
            Action::Checkpoint { slice, free } => {
                let freed = store.checkpoint(*slice);
                if *free {
                    store.delete(&freed);
                    // Snapshots of earlier trees are read no longer than their pages are there.
                    held.retain(|(view, _)| view.manifest.generation == store.view.manifest.generation);
                }
                store.verify(false);
                assert_eq!(store.view.manifest.count, model.len() as u64);
            }
            Action::Evict => store.cache.clear(),
            Action::Budget(bytes) => store.cache.set_budget(*bytes),
            Action::Hold => held.push((store.view.clone(), model.clone())),
            Action::Get(key) => {
                let view = store.view.clone();
                assert_eq!(store.get(&view, key), model.get(key).cloned());
            }
            Action::Range(start, end, ahead) => {
                let view = store.view.clone();
                check_range(&mut store, &view, &model, start, end.as_deref(), *ahead);
            }
        }
    }
    held.push((store.view.clone(), model));
    for (view, model) in held {
        check_range(&mut store, &view, &model, &[], None, 8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_store_is_an_ordered_map(actions in proptest::collection::vec(action(), 0..40)) {
        run(&actions, None);
    }

    #[test]
    fn a_high_store_is_an_ordered_map(
        actions in proptest::collection::vec(action(), 0..40),
        leaf in 50usize..500,
        interior in 30usize..200,
    ) {
        run(&actions, Some([leaf, interior]));
    }

    /// How a checkpoint is sliced changes nothing: the same pages, the same manifest.
    #[test]
    fn slices_do_not_change_the_tree(
        rounds in proptest::collection::vec(proptest::collection::vec((key(), proptest::option::weighted(0.7, value())), 1..200), 1..4),
        slice in 1usize..20_000,
        targets in proptest::option::of((50usize..500, 30usize..200)),
    ) {
        let (mut whole, mut sliced) = (Store::new(1 << 30), Store::new(0));
        whole.targets = targets.map(|(leaf, interior)| [leaf, interior]);
        sliced.targets = whole.targets;
        let mut model = Model::new();
        for changes in rounds {
            for (key, value) in changes {
                let old = match value {
                    Some(value) => { let old = model.insert(key.clone(), value.clone()); Some((old.is_none(), Op::Put(value.into()))) }
                    None => model.remove(&key).map(|_| (false, Op::Delete)),
                };
                let Some((new, op)) = old else { continue };
                let delta = match op { Op::Delete => -1, _ => i8::from(new) };
                whole.view.overlay.apply(&key, op.clone(), delta);
                sliced.view.overlay.apply(&key, op, delta);
            }
            let freed = whole.checkpoint(usize::MAX);
            prop_assert_eq!(&freed, &sliced.checkpoint(slice));
            whole.delete(&freed);
            sliced.delete(&freed);
            whole.verify(true);
            prop_assert_eq!(&whole.stored, &sliced.stored);
            prop_assert_eq!(whole.view.manifest.encode(), sliced.view.manifest.encode());
        }
    }
}

#[test]
fn every_kind_of_emptiness() {
    let mut store = Store::new(1 << 20);
    let view = store.view.clone();
    check_range(&mut store, &view, &Model::new(), &[], None, 1);
    assert!(store.checkpoint(1).is_empty());
    store.view.overlay.put(b"a", Bytes::from(&b"1"[..]), 1);
    let view = store.view.clone();
    check_range(&mut store, &view, &Model::from([(b"a".to_vec(), b"1".to_vec())]), &[], None, 1);
    check_range(&mut store, &view, &Model::from([(b"a".to_vec(), b"1".to_vec())]), b"b", Some(b"a"), 1);
    assert!(store.checkpoint(1).is_empty());
    assert_eq!((store.view.manifest.height, store.view.manifest.count), (1, 1));
    store.view.overlay.delete(b"a", -1);
    let freed = store.checkpoint(1);
    store.delete(&freed);
    assert!(store.stored.is_empty());
    assert_eq!((store.view.manifest.height, store.view.manifest.count), (0, 0));
    let view = store.view.clone();
    check_range(&mut store, &view, &Model::new(), &[], None, 1);
}

/// Two readers take turns under a budget that holds no page at all. Both get there.
#[test]
fn readers_with_no_budget_do_not_starve_each_other() {
    let mut store = Store::new(1 << 30);
    let mut model = Model::new();
    for n in 0..60_000u32 {
        let key = n.to_be_bytes().repeat(20);
        store.view.overlay.put(&key, Bytes::from(&[1; 60][..]), 1);
        model.insert(key, vec![1; 60]);
    }
    store.checkpoint(1 << 20);
    // As if opened anew, with a tree so high that not all interior pages ride along.
    let mut manifest = (*store.view.manifest).clone();
    manifest.embed(|_| None);
    store.view.manifest = Rc::new(manifest);
    assert!(store.view.manifest.height >= 3);
    store.cache = PageCache::new(0);
    let view = store.view.clone();
    let mut alice = view.scan(&[], None, Direction::Ascending, 3);
    let mut bob = view.scan(&[], None, Direction::Descending, 1);
    let (mut from_alice, mut from_bob) = (Vec::new(), Vec::new());
    let mut waiting = Vec::new();
    while from_alice.len() < model.len() || from_bob.len() < model.len() {
        for (scan, found) in [(&mut alice, &mut from_alice), (&mut bob, &mut from_bob)] {
            match scan.next(&mut store.cache) {
                Ok(Some(item)) => found.push(item.key.to_vec()),
                Ok(None) => {}
                Err(error) => waiting.push(error),
            }
        }
        for error in waiting.drain(..) {
            store.load(error);
        }
        assert!(store.loads < 10_000, "nobody gets anywhere");
    }
    from_bob.reverse();
    assert!(from_alice == from_bob && from_alice.iter().eq(model.keys()));
    for n in (0..60_000u32).step_by(3777) {
        let (start, end) = (n.to_be_bytes().repeat(20), (n + 5000).to_be_bytes().repeat(20));
        assert_eq!(store.get(&view, &start), model.get(&start).cloned());
        assert_eq!(store.count(&view, &start, Some(&end)), u64::from(5000.min(60_000 - n)));
    }
}
