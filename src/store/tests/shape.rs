//! How full pages get, how many a checkpoint touches, and what a scan asks for.

use super::*;
use crate::store::page::{LEAF_BYTES, Page};

/// The average size of leaves, as a part of the target.
fn fill(store: &Store) -> f64 {
    let leaves: Vec<usize> = store
        .stored
        .values()
        .filter(|bytes| matches!(Page::parse((*bytes).clone()), Ok(Page::Leaf(_))))
        .map(|bytes| bytes.len())
        .collect();
    leaves.iter().sum::<usize>() as f64 / leaves.len() as f64 / LEAF_BYTES as f64
}

fn row(n: u64) -> Vec<u8> {
    [b"rows of a table ".as_slice(), &n.to_be_bytes()].concat()
}

fn checkpoint_and_free(store: &mut Store) {
    let freed = store.checkpoint(1 << 20);
    store.delete(&freed);
    store.verify(true);
}

/// A small generator, so that the test is the same each time.
fn scrambled(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 32)
}

#[test]
fn one_large_checkpoint_fills_its_pages() {
    let mut store = Store::new(1 << 30);
    for n in 0..20_000 {
        store.view.overlay.put(&row(n), vec![n as u8; 60].into(), 1);
    }
    checkpoint_and_free(&mut store);
    assert!(fill(&store) > 0.95, "{}", fill(&store));
}

/// Rows of a table that is followed by another: new ones come into the middle of the key space.
#[test]
fn appending_to_a_table_fills_pages() {
    let mut store = Store::new(1 << 30);
    for n in 0..50 {
        store.view.overlay.put(&[b"the next table ".as_slice(), &row(n)].concat(), vec![n as u8; 60].into(), 1);
    }
    for round in 0..100 {
        for n in 0..150 {
            store.view.overlay.put(&row(round * 150 + n), vec![n as u8; 60].into(), 1);
        }
        checkpoint_and_free(&mut store);
    }
    assert!(fill(&store) > 0.9, "{}", fill(&store));
}

#[test]
fn scattered_inserts_leave_pages_two_thirds_full() {
    for batch in [20, 400] {
        let mut store = Store::new(1 << 30);
        for n in 0..12_000 {
            store.view.overlay.put(&row(scrambled(n)), vec![n as u8; 60].into(), 1);
            if n % batch == 0 {
                checkpoint_and_free(&mut store);
            }
        }
        assert!((0.6..0.85).contains(&fill(&store)), "{}", fill(&store));
    }
}

#[test]
fn emptied_pages_are_merged() {
    let mut store = Store::new(1 << 30);
    for n in 0..20_000 {
        store.view.overlay.put(&row(n), vec![n as u8; 60].into(), 1);
    }
    checkpoint_and_free(&mut store);
    let before = store.stored.len();
    for n in (0..20_000).filter(|n| n % 10 != 0) {
        store.view.overlay.delete(&row(n), -1);
    }
    checkpoint_and_free(&mut store);
    assert!(store.stored.len() < before / 4, "{} of {before}", store.stored.len());
    for n in (0..20_000).filter(|n| n % 10 == 0 && *n > 0) {
        store.view.overlay.delete(&row(n), -1);
    }
    checkpoint_and_free(&mut store);
    assert_eq!((store.stored.len(), store.view.manifest.height), (1, 1));
}

#[test]
fn a_change_rewrites_its_path_only() {
    let mut store = Store::new(1 << 30);
    for n in 0..100_000 {
        store.view.overlay.put(&row(n), vec![n as u8; 60].into(), 1);
    }
    checkpoint_and_free(&mut store);
    let height = usize::from(store.view.manifest.height);
    let before = store.stored.len();
    assert_eq!(height, 3);
    // Only the changed leaf is read: the interior pages ride in the manifest.
    store.cache.clear();
    store.loads = 0;
    store.view.overlay.put(&row(50_000), vec![1; 60].into(), 0);
    let freed = store.checkpoint(1 << 20);
    assert_eq!((freed.len(), store.loads), (height, 1));
    store.delete(&freed);
    assert_eq!(store.stored.len(), before);
    store.verify(true);
}

#[test]
fn values_of_a_megabyte_have_pages_of_their_own() {
    let mut store = Store::new(1 << 20);
    let mut model = Model::new();
    for n in 0..40u8 {
        let value = if n % 10 == 3 { vec![n; 1 << 20] } else { vec![n; 300] };
        let key = if n % 10 == 7 { vec![n; 1 << 20] } else { vec![n] };
        store.view.overlay.put(&key, value.clone().into(), 1);
        model.insert(key, value);
        if n % 8 == 0 {
            checkpoint_and_free(&mut store);
        }
    }
    checkpoint_and_free(&mut store);
    assert!(store.stored.values().all(|page| page.len() < (1 << 20) + 16_000));
    let view = store.view.clone();
    check_range(&mut store, &view, &model, &[], None, 4);
}

/// Keys that differ after a megabyte only: no bound between them is shorter, and each is larger than a page.
#[test]
fn bounds_larger_than_a_page() {
    let mut store = Store::new(1 << 20);
    let mut model = Model::new();
    for n in 0..30u8 {
        let key = [vec![5; 100_000], vec![n]].concat();
        store.view.overlay.put(&key, vec![n; 9000].into(), 1);
        model.insert(key, vec![n; 9000]);
    }
    checkpoint_and_free(&mut store);
    let view = store.view.clone();
    check_range(&mut store, &view, &model, &[], None, 4);
    for key in model.keys().skip(1) {
        store.view.overlay.delete(key, -1);
    }
    checkpoint_and_free(&mut store);
    assert_eq!((store.stored.len(), store.view.manifest.height), (1, 1));
}

#[test]
fn a_scan_asks_for_several_pages_at_once() {
    let mut store = Store::new(1 << 30);
    for n in 0..100_000 {
        store.view.overlay.put(&row(n), vec![n as u8; 60].into(), 1);
    }
    checkpoint_and_free(&mut store);
    let view = store.view.clone();
    for direction in [Direction::Ascending, Direction::Descending] {
        store.cache.clear();
        let ReadError::Missing(mut pages) =
            view.scan(&row(60_000), None, direction, 16).next(&mut store.cache).unwrap_err()
        else {
            panic!("nothing was missing")
        };
        assert_eq!(pages.len(), 16);
        pages.sort_unstable();
        assert!(pages.is_sorted_by(|a, b| a + 1 == *b), "leaves of one checkpoint have consecutive ids");
    }
    // Only what the range needs.
    store.cache.clear();
    let missing =
        view.scan(&row(60_000), Some(&row(60_001)), Direction::Ascending, 16).next(&mut store.cache).unwrap_err();
    assert!(matches!(missing, ReadError::Missing(pages) if pages.len() == 1));
    // A warm scan over what is partly there asks for the gaps.
    store.cache.clear();
    let middle = store.get(&view, &row(60_500));
    assert!(middle.is_some());
    let ReadError::Missing(pages) =
        view.scan(&row(60_000), None, Direction::Ascending, 16).next(&mut store.cache).unwrap_err()
    else {
        panic!("nothing was missing")
    };
    assert!(pages.len() == 16 && pages.iter().all(|page| !store.cache.contains(*page)));
}

#[test]
fn a_scan_asks_for_no_more_pages_than_its_limit_needs() {
    let mut store = Store::new(1 << 30);
    for n in 0..100_000 {
        store.view.overlay.put(&row(n), vec![n as u8; 60].into(), 1);
    }
    checkpoint_and_free(&mut store);
    let view = store.view.clone();
    let per_leaf = 100_000 / store.stored.len();
    for direction in [Direction::Ascending, Direction::Descending] {
        // Wherever in its first leaf the range begins.
        let offsets = (0..8).map(|eighth| eighth * per_leaf / 8);
        for (limit, offset) in [1, per_leaf / 2, per_leaf, 3 * per_leaf, 12 * per_leaf]
            .into_iter()
            .flat_map(|limit| offsets.clone().map(move |offset| (limit, offset)))
        {
            store.cache.clear();
            let mut loads = 0;
            let (start, end) = (row(20_000 + offset as u64), row(80_000 + offset as u64));
            let mut scan = view.scan(&start, Some(&end), direction, 32).wanting(limit);
            let mut given = 0;
            while given < limit {
                match scan.next(&mut store.cache) {
                    Ok(item) => given += usize::from(item.is_some()),
                    Err(ReadError::Missing(pages)) => {
                        loads += 1;
                        assert!(pages.len() <= limit / per_leaf * 5 / 4 + 2, "{} pages for {limit}", pages.len());
                        for page in pages {
                            let bytes = store.stored[&page].clone();
                            store.cache.insert(page, bytes).expect("a page");
                        }
                    }
                    Err(error) => panic!("{error:?}"),
                }
            }
            assert_eq!(loads, 1, "{limit} from {offset}");
        }
    }
}

#[test]
fn the_manifest_remembers_what_was_given() {
    let sessions: Vec<Session> = (0..300).map(|n| Session { session: n, counter: 1, sequence: 1000 - n }).collect();
    let mut checkpoint = Checkpoint::new(View::empty(), 7, 99, sessions, b"schema".to_vec());
    let Ok(Step::Done { manifest, freed }) = checkpoint.step(&mut PageCache::new(0), 100) else {
        panic!("nothing to do")
    };
    assert_eq!((manifest.generation, manifest.attempt, manifest.sequence), (1, 7, 99));
    assert_eq!((manifest.schema.as_slice(), manifest.sessions.len(), freed.len()), (&b"schema"[..], 256, 0));
    assert_eq!(manifest.sessions.last().map(|session| session.session), Some(0), "the most recent one");
}
