use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::Direction::{Ascending, Descending};

/// What an overlay should hold: value (`None` for a deletion) and effect.
type Model = BTreeMap<Vec<u8>, (Option<Vec<u8>>, i8)>;

fn apply_to_model(model: &mut Model, key: &[u8], value: Option<&[u8]>, delta: i8) {
    let old = model.get(key).map_or(0, |(_, effect)| *effect);
    let effect = (old + delta).clamp(-1, 1);
    if value.is_none() && effect == 0 {
        model.remove(key);
    } else {
        model.insert(key.to_vec(), (value.map(<[u8]>::to_vec), effect));
    }
}

fn entries(
    overlay: &Overlay,
    start: &[u8],
    end: Option<&[u8]>,
    direction: Direction,
) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let mut cursor = overlay.cursor(start, end, direction);
    let mut found = Vec::new();
    while let Some((key, entry)) = cursor.peek() {
        let value = match entry {
            Entry::Put(value) => Some(value.to_vec()),
            Entry::Deleted => None,
        };
        found.push((key.to_vec(), value));
        cursor.advance();
    }
    cursor.advance();
    assert!(cursor.peek().is_none());
    found
}

fn check(overlay: &Overlay, model: &Model, ranges: &[(Vec<u8>, Option<Vec<u8>>)]) {
    assert_eq!(overlay.len(), model.len());
    for (start, end) in ranges.iter().map(|(start, end)| (&start[..], end.as_deref())).chain([(&[][..], None)]) {
        let inside: Vec<_> =
            model.iter().filter(|(key, _)| &key[..] >= start && end.is_none_or(|end| &key[..] < end)).collect();
        let mut expected: Vec<_> = inside.iter().map(|(key, (value, _))| ((*key).clone(), value.clone())).collect();
        assert_eq!(entries(overlay, start, end, Ascending), expected);
        expected.reverse();
        assert_eq!(entries(overlay, start, end, Descending), expected);
        if end.is_none_or(|end| start <= end) {
            let effect: i64 = inside.iter().map(|(_, (_, effect))| i64::from(*effect)).sum();
            assert_eq!(overlay.count_effect(start, end), effect);
        }
    }
    for (key, (value, _)) in model.iter().step_by(7) {
        assert_eq!(
            overlay.get(key).map(|entry| match entry {
                Entry::Put(value) => Some(value.to_vec()),
                Entry::Deleted => None,
            }),
            Some(value.clone())
        );
    }
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0u16..2000).prop_map(|n| [b"key".as_slice(), &n.to_be_bytes()].concat()),
        1 => proptest::collection::vec(0u8..3, 0..5),
        1 => (0u8..4, 0usize..30_000).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn change() -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>, i8)> {
    (key(), proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 0..4)), -1i8..=1)
}

fn op(value: &Option<Vec<u8>>) -> Op {
    match value {
        Some(value) if value.is_empty() => Op::PutKey,
        Some(value) => Op::Put(Bytes::from(&value[..])),
        None => Op::Delete,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Single changes and sorted batches in turn; snapshots of every state keep it.
    #[test]
    fn an_overlay_is_an_ordered_map(
        rounds in proptest::collection::vec((any::<bool>(), any::<bool>(), proptest::collection::vec(change(), 0..300)), 1..6),
        ranges in proptest::collection::vec((key(), proptest::option::of(key())), 3),
    ) {
        let (mut overlay, mut model) = (Overlay::new(), Model::new());
        let mut snapshots = Vec::new();
        for (bulk, sorted, mut changes) in rounds {
            snapshots.push((overlay.clone(), model.clone()));
            if sorted {
                changes.sort_by(|a, b| a.0.cmp(&b.0));
            }
            for (key, value, delta) in &changes {
                apply_to_model(&mut model, key, value.as_deref(), *delta);
            }
            if bulk {
                overlay.extend_sorted(changes.iter().map(|(key, value, delta)| (&key[..], op(value), *delta)));
            } else {
                for (key, value, delta) in &changes {
                    overlay.apply(key, op(value), *delta);
                }
            }
            check(&overlay, &model, &ranges);
        }
        for (overlay, model) in &snapshots {
            check(overlay, model, &ranges);
        }
        // Whatever goes out again leaves nothing behind.
        for (key, (_, effect)) in &model {
            overlay.delete(key, -effect);
        }
        prop_assert_eq!((overlay.len(), overlay.bytes(), overlay.count_effect(&[], None)), (0, 0, 0));
    }
}

#[test]
fn effects_add_up() {
    let mut overlay = Overlay::new();
    // A new key that goes again was never there.
    overlay.put(b"new", Bytes::default(), 1);
    overlay.put(b"new", Bytes::from(&b"2"[..]), 0);
    assert_eq!(overlay.count_effect(b"n", Some(b"o")), 1);
    overlay.delete(b"new", -1);
    assert!(overlay.is_empty() && overlay.get(b"new").is_none());
    // A stored key that goes and comes back counts as before.
    overlay.delete(b"stored", -1);
    assert_eq!((overlay.count_effect(&[], None), overlay.get(b"stored")), (-1, Some(Entry::Deleted)));
    overlay.put(b"stored", Bytes::default(), 1);
    assert_eq!(overlay.count_effect(&[], None), 0);
    overlay.delete(b"stored", -1);
    assert_eq!((overlay.len(), overlay.count_effect(&[], None)), (1, -1));
}

/// Where no snapshot is held, a write changes leaves in place; where one is, it copies one path.
#[test]
fn only_what_a_snapshot_holds_is_copied() {
    fn leaves(node: &Rc<Node>, out: &mut Vec<*const Node>) {
        match &**node {
            Node::Leaf(_) => out.push(Rc::as_ptr(node)),
            Node::Branch(branch) => branch.children.iter().for_each(|child| leaves(&child.node, out)),
        }
    }
    let list = |overlay: &Overlay| {
        let mut out = Vec::new();
        leaves(&overlay.root, &mut out);
        out
    };
    let mut overlay = Overlay::new();
    for n in 0..10_000u32 {
        overlay.put(&n.to_be_bytes(), Bytes::default(), 1);
    }
    let before = list(&overlay);
    assert_eq!(before.len(), 10_000usize.div_ceil(FANOUT), "sorted input fills leaves");
    overlay.put(&77u32.to_be_bytes(), Bytes::from(&b"in place"[..]), 0);
    assert_eq!(list(&overlay), before);
    let snapshot = overlay.clone();
    overlay.put(&77u32.to_be_bytes(), Bytes::from(&b"copied"[..]), 0);
    assert_eq!(list(&snapshot), before);
    assert_eq!(list(&overlay).iter().zip(&before).filter(|(a, b)| a != b).count(), 1);
    assert_eq!(snapshot.get(&77u32.to_be_bytes()), Some(Entry::Put(&Bytes::from(&b"in place"[..]))));
}
