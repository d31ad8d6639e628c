use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::store::page::PageWriter;

fn page(n: u64, length: usize) -> Vec<u8> {
    let mut writer = PageWriter::default();
    writer.push(&n.to_be_bytes(), &vec![7; length]);
    writer.finish(true)
}

proptest! {
    /// Against a set: what is inserted and fits is there until something else pushes it out, and the sums are right.
    #[test]
    fn the_budget_holds(budget in 0usize..20_000, steps in proptest::collection::vec((0u64..60, 0usize..4000, 0u8..4), 0..200)) {
        let mut cache = PageCache::new(budget);
        let mut inserted = BTreeSet::new();
        for (n, length, step) in steps {
            // Ids that meet in the table.
            let id = n << 20;
            match step {
                0 => cache.remove(id),
                1 => { let _ = cache.page(id); }
                _ => {
                    // A load of one page after a miss of another.
                    let _ = cache.page(u64::MAX);
                    cache.insert(id, page(n, length)).expect("a page");
                    inserted.insert(id);
                    prop_assert!(cache.contains(id), "a reader finds what it asked for");
                    let alone = cache.len() == 1;
                    prop_assert!(cache.bytes() <= budget || alone);
                }
            }
            let here: Vec<u64> = (0..60).map(|n| n << 20).filter(|id| cache.contains(*id)).collect();
            prop_assert_eq!(here.len(), cache.len());
            prop_assert!(here.iter().all(|id| inserted.contains(id)));
            let sum: usize = here.iter().filter_map(|id| cache.peek(*id)).map(|page| page.memory() + SLOT_BYTES).sum();
            prop_assert_eq!(sum, cache.bytes());
        }
        let _ = cache.page(u64::MAX);
        cache.insert(1, page(1, 10)).expect("a page");
        cache.set_budget(0);
        prop_assert_eq!(cache.len(), 1, "only the last load is left");
        cache.clear();
        prop_assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

#[test]
fn pages_in_use_get_a_second_chance() {
    let size = page(0, 1000).len() + 100 + SLOT_BYTES;
    let mut cache = PageCache::new(10 * size);
    for n in 0..200 {
        let _ = cache.page(u64::MAX);
        cache.insert(n, page(n, 1000)).expect("a page");
        // Page 3 is read all the time.
        if n >= 3 {
            assert!(cache.page(3).is_some(), "page 3 is gone at {n}");
        }
    }
    assert!(cache.len() >= 9);
}

#[test]
fn an_offered_page_displaces_no_awaited_one() {
    let mut cache = PageCache::new(3000);
    let _ = cache.page(1);
    cache.insert(1, page(1, 2000)).expect("a page");
    for n in 2..50 {
        let Ok(offered) = Page::parse(page(n, 2000).into()) else { panic!("a page") };
        cache.offer(n, offered);
    }
    assert!(cache.contains(1));
    let before = cache.bytes();
    let Ok(large) = Page::parse(page(99, 10_000).into()) else { panic!("a page") };
    cache.offer(99, large);
    assert!(!cache.contains(99) && cache.bytes() == before, "larger than the whole budget");
}

#[test]
fn damage_is_remembered() {
    let mut cache = PageCache::new(1000);
    assert!(cache.insert(5, vec![1, 2, 3]).is_err());
    assert!(matches!(cache.page(5), Some(Page::Damaged)));
    cache.insert(5, page(5, 10)).expect("repaired");
    assert!(matches!(cache.page(5), Some(Page::Leaf(_))));
}
