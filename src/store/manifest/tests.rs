use super::*;

#[test]
fn freed_pages_become_ranges() {
    let freed = Freed::new(1.0, 3, &[7, 5, 6, 100, 6, 8]);
    assert_eq!(freed.ranges, [(5, 4), (100, 1)]);
    let mut manifest = Manifest::empty();
    manifest.free(1.0, &[1, 2]);
    manifest.free(60_000.0, &[9]);
    let mut manifest = Manifest::decode(&manifest.encode()).expect("a manifest");
    assert_eq!(
        manifest.take_freed(|freed| freed.at_ms <= 59_999.0),
        [Freed { at_ms: 1.0, sequence: 0, ranges: vec![(1, 2)] }]
    );
    assert_eq!(manifest.take_freed(|freed| freed.at_ms <= 59_999.0), []);
    assert_eq!(
        manifest.take_freed(|freed| freed.at_ms <= 60_000.0),
        [Freed { at_ms: 60_000.0, sequence: 0, ranges: vec![(9, 1)] }]
    );
}

#[test]
fn an_extension_survives() {
    for repaired in [0, 300] {
        let manifest = Manifest { repaired, extension: vec![2, 1, 3], ..Manifest::empty() };
        let read = Manifest::decode(&manifest.encode()).expect("a manifest");
        let next = read.successor(1, 1);
        assert_eq!((next.repaired, next.extension), (repaired, vec![2, 1, 3]));
    }
}

/// As many interior pages ride along as fit, those near the root first.
#[test]
fn the_top_of_the_tree_rides_along() {
    let page = |first: u64| {
        let mut interior = Interior::default();
        for n in 0..20 {
            interior.push(&[vec![n as u8; 100], vec![1]].concat(), first + n, 1);
        }
        Rc::new(interior)
    };
    let mut manifest = Manifest { height: 4, root: 1, ..Manifest::empty() };
    // 1 -> 100.. -> 100 * 100 + ..
    manifest.embed(|id| Some(page(id * 100)));
    let ids: Vec<PageId> = manifest.embedded.iter().map(|(id, _)| *id).collect();
    let length = manifest.encode().len();
    assert!(length < EMBEDDED_BYTES + 500 && length > EMBEDDED_BYTES - 3000, "{length}");
    assert!(ids[..21].iter().copied().eq([1].into_iter().chain(100..120)) && ids[21] >= 10_000);
    assert!(manifest.embedded(100).is_some() && manifest.embedded(99).is_none());
    let read = Manifest::decode(&manifest.encode()).expect("a manifest");
    assert_eq!(read.encode(), manifest.encode());
}
