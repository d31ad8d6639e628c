use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn build(model: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let mut writer = PageWriter::default();
    for (key, value) in model {
        writer.push(key, value);
    }
    writer.finish(true)
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(0u8..3, 0..12),
        (0u16..400).prop_map(|n| [b"shared by all of them ".as_slice(), &n.to_be_bytes()].concat()),
        (0u8..3, 100usize..300).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

proptest! {
    #[test]
    fn a_leaf_is_searched_as_it_is(
        model in proptest::collection::btree_map(key(), proptest::collection::vec(any::<u8>(), 0..300), 1..100),
        others in proptest::collection::vec(key(), 20),
    ) {
        let Ok(Page::Leaf(leaf)) = Page::parse(build(&model).into()) else { panic!("a leaf") };
        prop_assert_eq!(leaf.len(), model.len());
        for key in model.keys().chain(&others) {
            let (rank, value) = leaf.seek(key);
            prop_assert_eq!(rank, model.range::<Vec<u8>, _>(..key).count());
            prop_assert_eq!(value.map(|value| &leaf.bytes[value]), model.get(key).map(|value| &value[..]));
        }
        let mut group = Group::default();
        for (index, (key, value)) in model.iter().enumerate() {
            leaf.unpack(Leaf::group_of(index), &mut group);
            let (found, place) = group.get(index);
            prop_assert_eq!((found, &leaf.bytes[place]), (&key[..], &value[..]));
        }
    }
}

#[test]
fn an_interior_page_counts() {
    let mut interior = Interior::default();
    for n in 0..50u64 {
        interior.push(&[n as u8, 1], n * 1000, n + 1);
    }
    let bytes = interior.encode(&mut PageWriter::default());
    let Ok(Page::Interior(read)) = Page::parse(bytes.clone().into()) else { panic!("an interior page") };
    assert_eq!(read.encode(&mut PageWriter::default()), bytes);
    assert_eq!((read.count(), read.count_before(10), read.count_of(10)), (50 * 51 / 2, 55, 11));
    assert_eq!(
        (read.keys.child(&[0]), read.keys.child(&[7, 0]), read.keys.child(&[7, 1]), read.keys.child(&[99])),
        (0, 6, 7, 49)
    );
}

/// Each check of a page, with a page that fails only there.
#[test]
fn what_is_no_page() {
    fn parse(body: &[u8]) -> Result<(), &'static str> {
        let mut bytes = body.to_vec();
        bytes.extend_from_slice(&checksum(body).to_le_bytes());
        Page::parse(bytes.into()).map(|_| ()).map_err(|malformed| malformed.0)
    }
    assert_eq!(parse(&[1, 1, 1, 0, 8, 0, 0, 0, 0, 1, 1, b'a', b'v']), Ok(()));
    assert_eq!(parse(&[2, 1, 1, 0, 8, 0, 0, 0, 0, 1, 0, b'a']), Err("page version"));
    assert_eq!(parse(&[1, 3, 1, 0, 8, 0, 0, 0, 0, 1, 0, b'a']), Err("page kind"));
    assert_eq!(parse(&[1, 1, 0, 0]), Err("page count"));
    assert_eq!(parse(&[1, 1, 1, 0, 9, 0, 0, 0, 0, 1, 0, b'a']), Err("page restarts"));
    assert_eq!(parse(&[1, 1, 1, 0, 8, 0, 0, 0, 1, 1, 0, b'a']), Err("entry shared length"));
    assert_eq!(parse(&[1, 1, 1, 0, 8, 0, 0, 0, 0, 9, 0, b'a']), Err("entry key"));
    assert_eq!(parse(&[1, 1, 1, 0, 8, 0, 0, 0, 0, 1, 0, b'a', 0]), Err("bytes after the last entry"));
    // A second key: equal, smaller, with less shared than there is, and a right one.
    assert_eq!(parse(&[1, 1, 2, 0, 8, 0, 0, 0, 0, 1, 0, b'b', 1, 0, 0]), Err("key order"));
    assert_eq!(parse(&[1, 1, 2, 0, 8, 0, 0, 0, 0, 1, 0, b'b', 0, 1, 0, b'a']), Err("key order"));
    assert_eq!(parse(&[1, 1, 2, 0, 8, 0, 0, 0, 0, 1, 0, b'b', 0, 2, 0, b'b', b'c']), Err("key order"));
    assert_eq!(parse(&[1, 1, 2, 0, 8, 0, 0, 0, 0, 1, 0, b'b', 1, 1, 0, b'c']), Ok(()));
    // Interior pages: the first bound is empty, children are small enough.
    assert_eq!(parse(&[1, 2, 1, 0, 8, 0, 0, 0, 0, 0, 2, 5, 6]), Ok(()));
    assert_eq!(parse(&[1, 2, 1, 0, 8, 0, 0, 0, 0, 1, 2, b'a', 5, 6]), Err("first bound"));
    assert_eq!(parse(&[1, 2, 1, 0, 8, 0, 0, 0, 0, 0, 1, 5]), Err("child count"));
    let far = [1, 2, 1, 0, 8, 0, 0, 0, 0, 0, 9, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 6];
    assert_eq!(parse(&far), Err("child page"));
    assert_eq!(Page::parse(Bytes::default()).err(), Some(Malformed("page length")));
}
