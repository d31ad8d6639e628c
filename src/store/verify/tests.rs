use super::*;
use crate::store::page::{Interior, PageWriter};

fn leaf(keys: &[&[u8]]) -> Bytes {
    let mut writer = PageWriter::default();
    for key in keys {
        writer.push(key, b"");
    }
    writer.finish(true).into()
}

fn interior(children: &[(&[u8], PageId, u64)]) -> Bytes {
    let mut interior = Interior::default();
    for (bound, page, count) in children {
        interior.push(bound, *page, *count);
    }
    interior.encode(&mut PageWriter::default()).into()
}

/// What is found in a tree of pages 1.. with its root at 1.
fn check(height: u8, count: u64, pages: &[Bytes]) -> Vec<(PageId, &'static str)> {
    let mut manifest = Manifest::empty();
    (manifest.height, manifest.root, manifest.count) = (height, 1, count);
    let mut verify = Verify::new(&manifest);
    loop {
        let wanted = verify.wanted(2);
        assert!(wanted.len() <= 2);
        if wanted.is_empty() {
            break;
        }
        for page in wanted {
            verify.check(page, pages.get(page as usize - 1).cloned());
        }
    }
    verify.damage().iter().map(|damage| (damage.page, damage.problem)).collect()
}

#[test]
fn a_sound_tree_passes() {
    assert_eq!(check(0, 0, &[]), []);
    assert_eq!(check(1, 2, &[leaf(&[b"a", b"b"])]), []);
    assert_eq!(check(2, 3, &[interior(&[(b"", 2, 2), (b"k", 3, 1)]), leaf(&[b"a", b"b"]), leaf(&[b"m"])]), []);
}

#[test]
fn each_kind_of_damage_is_named() {
    let root = interior(&[(b"", 2, 2), (b"k", 3, 1)]);
    let (left, right) = (leaf(&[b"a", b"b"]), leaf(&[b"m"]));
    let with = |left: &Bytes, right: &Bytes| check(2, 3, &[root.clone(), left.clone(), right.clone()]);
    assert_eq!(with(&leaf(&[b"a", b"k"]), &right), [(2, "a key above its page's range")]);
    assert_eq!(with(&left, &leaf(&[b"j"])), [(3, "a key below its page's range")]);
    assert_eq!(with(&left, &leaf(&[b"m", b"n"])), [(3, "count of a leaf")]);
    assert_eq!(with(&left, &root), [(3, "kind of a page")]);
    assert_eq!(with(&left, &Bytes::from(&right[1..])), [(3, "page checksum")]);
    assert_eq!(check(2, 4, &[root.clone(), left.clone(), right.clone()]), [(1, "count of an interior page")]);
    assert_eq!(check(2, 3, &[root, left.clone()]), [(3, "page missing")]);
    assert_eq!(check(2, 4, &[interior(&[(b"", 2, 2), (b"k", 2, 2)]), left.clone()]), [(2, "a page in two places")]);
    let inner = interior(&[(b"", 4, 1), (b"b", 4, 1)]);
    let found = check(3, 4, &[interior(&[(b"", 2, 2), (b"b", 3, 2)]), inner.clone(), inner]);
    assert!(
        found.contains(&(2, "a bound outside its page's range"))
            && found.contains(&(3, "a bound outside its page's range"))
    );
}
