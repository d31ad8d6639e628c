//! Stored bytes that are not what they should be.

use super::*;
use crate::bytes::checksum;

/// A small tree of height 2 or more.
fn tree() -> Store {
    let mut store = Store::new(1 << 20);
    for n in 0..3000u32 {
        store.view.overlay.put(&n.to_be_bytes().repeat(8), vec![n as u8; n as usize % 50].into(), 1);
    }
    store.checkpoint(1 << 20);
    store
}

/// Makes a page's checksum right, so that only the other checks are left.
fn seal(bytes: &mut [u8]) {
    let body = bytes.len().saturating_sub(4);
    let sum = checksum(&bytes[..body]);
    if let Some(end) = bytes.get_mut(body..)
        && end.len() == 4
    {
        end.copy_from_slice(&sum.to_le_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever a page became, even under a right checksum: it is refused, or reads of it end without a panic.
    #[test]
    fn damaged_pages_are_refused_or_harmless(
        pick in any::<prop::sample::Index>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
        sealed in any::<bool>(),
    ) {
        let mut store = tree();
        let ids: Vec<PageId> = store.stored.keys().copied().collect();
        let id = ids[pick.index(ids.len())];
        let original = store.stored[&id].to_vec();
        let mut bytes = original.clone();
        for (place, byte) in changes {
            // The front half is where the structure is densest.
            let length = bytes.len();
            bytes[place.index(length) / 2 * if byte % 2 == 0 { 1 } else { 2 }] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(original.len()));
        }
        if sealed {
            seal(&mut bytes);
        }
        prop_assume!(bytes != original);
        store.cache.clear();
        store.stored.insert(id, bytes.into());
        let view = store.view.clone();
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut scan = view.scan(&[], None, direction, 4);
            loop {
                match scan.next(&mut store.cache) {
                    Ok(Some(_)) => {}
                    Ok(None) => { prop_assert!(sealed || view.manifest.height > 1); break }
                    Err(ReadError::Corrupt(damaged)) => { prop_assert!(damaged.page == id || sealed); break }
                    Err(ReadError::Missing(pages)) => for page in pages {
                        match store.stored.get(&page) {
                            Some(bytes) => { let _ = store.cache.insert(page, bytes.clone()); }
                            None => store.cache.insert_damaged(page),
                        }
                    }
                }
            }
        }
        let mut verify = Verify::new(&view.manifest);
        loop {
            let wanted = verify.wanted(8);
            if wanted.is_empty() { break }
            for page in wanted {
                verify.check(page, store.stored.get(&page).cloned());
            }
        }
        if !sealed {
            prop_assert!(verify.damage().iter().any(|damage| damage.page == id));
        }
    }

    #[test]
    fn damaged_manifests_are_refused_or_harmless(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::weighted(0.2, any::<prop::sample::Index>()),
        sealed in any::<bool>(),
    ) {
        let mut store = tree();
        let mut manifest = (*store.view.manifest).clone();
        manifest.free(1.0, &[5, 6, 7, 100]);
        manifest.sessions = vec![Session { session: 1, counter: 2, sequence: 3 }];
        let original = manifest.encode();
        let mut bytes = original.clone();
        for (place, byte) in changes {
            let length = bytes.len();
            bytes[place.index(length)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(original.len()));
        }
        if sealed {
            seal(&mut bytes);
        }
        prop_assume!(bytes != original);
        match Manifest::decode(&bytes) {
            Err(_) => {}
            Ok(manifest) => {
                prop_assert!(sealed);
                // Each manifest has one encoding.
                prop_assert_eq!(manifest.encode(), bytes);
                let view = View::of(Rc::new(manifest));
                for _ in 0..100 {
                    match view.count(&mut store.cache, &[3], Some(&[0, 0, 9])).and_then(|_| view.get(&mut store.cache, &[0, 0, 5])) {
                        Ok(_) | Err(ReadError::Corrupt(_)) => break,
                        Err(ReadError::Missing(pages)) => for page in pages {
                            match store.stored.get(&page) {
                                Some(bytes) => { let _ = store.cache.insert(page, bytes.clone()); }
                                None => store.cache.insert_damaged(page),
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn noise_is_neither_page_nor_manifest(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0u8..4) {
        for (place, byte) in [1, kind].into_iter().enumerate() {
            if let Some(at) = bytes.get_mut(place) { *at = byte }
        }
        seal(&mut bytes);
        let _ = PageCache::new(1000).insert(1, bytes.clone());
        let _ = Manifest::decode(&bytes);
    }
}

#[test]
fn damage_names_the_page_and_its_keys() {
    let mut store = tree();
    let view = store.view.clone();
    let keys = store.scan(&view, &[], None, Direction::Ascending, 8);
    store.cache.clear();
    let victim = *store.stored.keys().nth(3).expect("a leaf");
    let mut bytes = store.stored[&victim].to_vec();
    bytes[100] ^= 1;
    assert_eq!(store.cache.insert(victim, bytes).map_err(|malformed| malformed.0), Err("page checksum"));
    let mut lost = Vec::new();
    let mut range = None;
    for (key, value) in &keys {
        let found = loop {
            match view.get(&mut store.cache, key) {
                Ok(found) => break found,
                Err(error @ ReadError::Missing(_)) => store.load(error),
                Err(ReadError::Corrupt(damaged)) => {
                    let DamagedPage { page, start, end } = *damaged;
                    assert_eq!(page, victim);
                    lost.push(key.clone());
                    range = Some((start, end));
                    break None;
                }
            }
        };
        assert!(found.is_none_or(|found| found[..] == value[..]));
    }
    let (start, end) = range.expect("some keys are lost");
    let inside: Vec<_> = keys
        .iter()
        .map(|(key, _)| key)
        .filter(|key| **key >= start && end.as_ref().is_none_or(|end| *key < end))
        .collect();
    assert!(!lost.is_empty() && inside.into_iter().eq(&lost), "the range is exactly what is lost");
    // A scan reports the same, and goes on behind it.
    let mut scan = view.scan(&[], None, Direction::Ascending, 8);
    let error = loop {
        match scan.next(&mut store.cache) {
            Ok(item) => assert!(item.is_some(), "the damage was passed over"),
            Err(error @ ReadError::Missing(_)) => store.load(error),
            Err(error) => break error,
        }
    };
    assert_eq!(error, ReadError::Corrupt(Box::new(DamagedPage { page: victim, start, end: end.clone() })));
    let rest = store.scan(&view, &end.clone().expect("not the last page"), None, Direction::Ascending, 8);
    assert!(rest.iter().eq(keys.iter().filter(|(key, _)| Some(key) >= end.as_ref())));
    // Writes elsewhere go on, checkpoints stop.
    store.view.overlay.put(&lost[0], Bytes::default(), 0);
    let mut checkpoint = Checkpoint::new(store.view.clone(), 2, 2, Vec::new(), Vec::new());
    let stopped = loop {
        match checkpoint.step(&mut store.cache, 1 << 20) {
            Ok(Step::Pages(_)) => {}
            Ok(Step::Done { .. }) => break false,
            Err(ReadError::Missing(_)) => panic!("only the damaged page is needed"),
            Err(ReadError::Corrupt(damaged)) => break damaged.page == victim,
        }
    };
    assert!(stopped);
}

#[test]
fn a_newer_manifest_is_not_damage() {
    let mut bytes = Manifest::empty().encode();
    bytes[0] = 9;
    assert!(matches!(Manifest::decode(&bytes), Err(ManifestError::Malformed(_))), "a flipped bit");
    seal(&mut bytes);
    assert_eq!(Manifest::decode(&bytes).err(), Some(ManifestError::NewerFormat(9)));
}

#[test]
fn a_tree_that_loops_ends() {
    let mut store = tree();
    let leaf = *store.stored.keys().next().expect("a leaf");
    let root = store.view.manifest.root;
    // The root in a leaf's place, and a leaf in the root's.
    let (a, b) = (store.stored[&leaf].clone(), store.stored[&root].clone());
    store.stored.insert(leaf, b);
    store.stored.insert(root, a);
    let mut manifest = (*store.view.manifest).clone();
    manifest.embed(|_| None);
    for id in [leaf, root] {
        store.cache.clear();
        assert_eq!(store.cache.insert(id, store.stored[&id].clone()), Ok(()));
        let view = View::of(Rc::new(manifest.clone()));
        let mut scan = view.scan(&[], None, Direction::Ascending, 1);
        for _ in 0..10 {
            match scan.next(&mut store.cache) {
                Err(error @ ReadError::Missing(_)) => store.load(error),
                Err(ReadError::Corrupt(damaged)) => assert_eq!(damaged.page, root),
                Ok(_) => panic!("nothing can be read"),
            }
        }
    }
}
