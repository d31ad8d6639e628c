//! The formats as they were released: bytes in `tests/golden` that every later version must read, and that
//! this version writes.

use super::*;
use crate::store::page::{Interior, Page, PageWriter};

/// Compares with the golden file, and gives its bytes.
fn check(name: &str, written: Vec<u8>) -> Vec<u8> {
    crate::golden::check(name, &written);
    written
}

#[test]
fn leaf() {
    let mut writer = PageWriter::default();
    let model: Model =
        (0..40u8).map(|n| ([b"task ".as_slice(), &[n / 4; 3], &[n]].concat(), vec![n; n as usize * 4])).collect();
    for (key, value) in &model {
        writer.push(key, value);
    }
    let bytes = check("page-leaf", writer.finish(true));
    let Ok(Page::Leaf(leaf)) = Page::parse(bytes.into()) else { panic!("a leaf") };
    for (index, (key, value)) in model.iter().enumerate() {
        let (rank, place) = leaf.seek(key);
        assert_eq!((rank, &leaf.bytes[place.expect("here")]), (index, &value[..]));
    }
}

#[test]
fn interior() {
    let mut interior = Interior::default();
    for n in 0..20u64 {
        interior.push(format!("bound {n:02}").as_bytes(), 3 << PAGE_INDEX_BITS | n, 100 + n);
    }
    let written = interior.encode(&mut PageWriter::default());
    let bytes = check("page-interior", written);
    let Ok(Page::Interior(read)) = Page::parse(bytes.into()) else { panic!("an interior page") };
    assert_eq!((read.children.len(), read.count(), read.children[7].page), (20, 2190, 3 << PAGE_INDEX_BITS | 7));
    assert_eq!(read.keys.get(7), b"bound 07");
}

#[test]
fn manifests() {
    let bytes = check("manifest-empty", Manifest::empty().encode());
    assert_eq!(Manifest::decode(&bytes).expect("a manifest").height, 0);

    let mut manifest = Manifest::empty();
    (manifest.generation, manifest.sequence, manifest.attempt) = (12, 345, 13);
    (manifest.height, manifest.root, manifest.count) = (2, 13 << PAGE_INDEX_BITS | 0xf0000, 300);
    manifest.schema = b"the schema".to_vec();
    manifest.free(1_700_000_000_000.0, &[12 << PAGE_INDEX_BITS, 12 << PAGE_INDEX_BITS | 1, 7 << PAGE_INDEX_BITS]);
    manifest.free(1_700_000_060_000.5, &[1]);
    manifest.set_sessions(vec![
        Session { session: u64::MAX, counter: 5, sequence: 345 },
        Session { session: 1, counter: 300, sequence: 7 },
    ]);
    manifest.extension = vec![0xee; 3];
    manifest.embed(|_| {
        let mut interior = Interior::default();
        interior.push(b"", 13 << PAGE_INDEX_BITS, 100);
        interior.push(b"m", 13 << PAGE_INDEX_BITS | 1, 200);
        Some(Rc::new(interior))
    });
    let read = Manifest::decode(&check("manifest-full", manifest.encode())).expect("a manifest");
    assert_eq!(format!("{read:?}"), format!("{manifest:?}"));

    let mut manifest = Manifest::empty();
    (manifest.generation, manifest.sequence, manifest.attempt) = (12, 345, 13);
    manifest.repaired = 300;
    manifest.extension = vec![0xee; 3];
    manifest.free_before(1_700_000_000_000.0, &[13 << PAGE_INDEX_BITS | 2]);
    let read = Manifest::decode(&check("manifest-repaired", manifest.encode())).expect("a manifest");
    assert_eq!(format!("{read:?}"), format!("{manifest:?}"));
}
