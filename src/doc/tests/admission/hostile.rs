//! What does harm on purpose is refused, by name, and what is beside it comes through.

use super::*;
use std::num::NonZeroU64;

/// Refuses a change that was made of the victim's.
fn refuses(expected: &str, spoil: impl FnOnce(&mut ExpandedChange)) {
    let (document, mut change) = victim();
    spoil(&mut change);
    let found = reason(gate(&document).admit(&encoded(change)));
    assert!(found.contains(expected), "{found}");
}

#[test]
fn the_victim_itself_is_let_through() {
    let (document, change) = victim();
    assert_eq!(gate(&document).admit(&encoded(change)).changes.len(), 1);
}

#[test]
fn counters_do_not_run_away() {
    for start in [1 << 31, (1 << 31) - 1, u64::from(u32::MAX), u64::from(u32::MAX) - 1, u64::MAX] {
        refuses("counters", |change| change.start_op = NonZeroU64::new(start).unwrap());
    }
    refuses("far beyond", |change| change.start_op = change.start_op.saturating_add(2_000));
    refuses("begin below", |change| {
        change.operations.truncate(1);
        change.start_op = NonZeroU64::new(2).unwrap();
    });
    refuses("without operations", |change| {
        change.operations.clear();
        change.start_op = change.start_op.saturating_add(1);
    });
    // A gap there may be: the author has known of changes that this one does not follow.
    let (document, mut change) = victim();
    change.operations.truncate(1);
    change.start_op = change.start_op.saturating_add(900);
    assert_eq!(gate(&document).admit(&encoded(change)).changes.len(), 1);
}

#[test]
fn an_actor_is_not_hijacked() {
    let (document, mut other) = victim();
    let mut gate = gate(&document);
    assert_eq!(gate.admit(&encoded(other.clone())).changes.len(), 1);
    other.time += 1;
    let found = reason(gate.admit(&encoded(other)));
    let name = "2c".repeat(16);
    assert_eq!(found, format!("actor {name} has made another change 1"));

    refuses("its actor's change before", |change| change.seq = 2);
    // The sequence is right, but what the actor did before is not among what it follows.
    let first = document.get_changes(&[])[0].clone();
    refuses("its actor's change before", |change| {
        let last = document.get_changes(&[]).into_iter().filter(|change| change.actor_id() == &actor(17)).last();
        change.actor_id = actor(17);
        change.seq = last.unwrap().seq() + 1;
        change.deps = vec![first.hash()];
        change.operations.truncate(1);
    });
}

#[test]
fn nothing_inflates_to_more_than_is_taken_in() {
    let deflate = |bytes: &[u8]| {
        let mut out = Vec::new();
        let mut encoder = flate2::bufread::DeflateEncoder::new(bytes, flate2::Compression::best());
        std::io::Read::read_to_end(&mut encoder, &mut out).unwrap();
        out
    };
    let bomb = deflate(&vec![0; 100 << 20]);
    assert!(bomb.len() < 150_000);
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(2, &bomb))).contains("inflate"));
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(2, &bomb[..50_000]))).contains("inflate"));
    // In a document: one actor, no heads, no columns of changes, one column of operations.
    let mut body = vec![0, 0, 0, 1, 0x42 | 8];
    body.put_varint(bomb.len() as u64);
    body.extend_from_slice(&bomb);
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(0, &body))).contains("inflate"));
    // Runs stand for many rows in few bytes.
    let rows = [0x80, 0x80, 0x80, 0x80, 0x08, 0];
    let mut body = vec![1, 1, 7, 0, 1, 0x01, rows.len() as u8, 1, 0x21, rows.len() as u8];
    body.extend_from_slice(&rows);
    body.extend_from_slice(&rows);
    reason(Gate::new(Limits::default()).admit(&chunk(0, &body)));
    // So they do in a change.
    let (document, mut change) = victim();
    let operation = change.operations.last().unwrap().clone();
    change.operations = vec![operation; 600_001];
    assert!(reason(gate(&document).admit(&encoded(change))).contains("more operations"));
}

#[test]
fn operations_do_not_replace_each_other_without_end() {
    let mut document = Automerge::new().with_actor(actor(1));
    let mut transaction = document.transaction();
    transaction.put(ROOT, "x", 0).unwrap();
    transaction.commit();
    let mut next = document.clone();
    let mut transaction = next.transaction();
    transaction.put(ROOT, "x", 1).unwrap();
    transaction.commit();
    let mut change = next.get_last_local_change().unwrap().decode();
    let start = change.start_op.get();
    let op = change.operations[0].clone();
    let replaced =
        |count: u64| (start..start + count).map(|at| automerge::legacy::OpId(at, actor(1))).collect::<Vec<_>>();
    change.operations = (0..600).map(|at| automerge::legacy::Op { pred: replaced(at).into(), ..op.clone() }).collect();
    let strict = || Gate::before(&document, Limits { predecessors: 100_000, ..Limits::default() }).unwrap();
    assert!(reason(strict().admit(&encoded(change.clone()))).contains("takes the place of more"));
    change.operations.truncate(400);
    assert_eq!(strict().admit(&encoded(change)).changes.len(), 1);
}

#[test]
fn a_letter_of_a_text_is_not_changed_in_its_place() {
    // Of two that were put in the place of one letter somebody deletes one: automerge 0.12 panics.
    let mut document = Automerge::new().with_actor(actor(1));
    let mut transaction = document.transaction();
    let text = transaction.put_object(ROOT, "text", ObjType::Text).unwrap();
    transaction.splice_text(&text, 0, 0, "abc").unwrap();
    transaction.commit();
    let mut next = document.clone();
    let mut transaction = next.transaction();
    transaction.put(&text, 1, "x").unwrap();
    transaction.commit();
    let change = next.get_last_local_change().unwrap();
    assert!(reason(gate(&document).admit(change.raw_bytes())).contains("in its place"));
}

#[test]
fn what_is_too_long_is_refused() {
    refuses("message", |change| change.message = Some("x".repeat(1_025)));
    refuses("behind its columns", |change| change.extra_bytes = vec![0; 1_025]);
    refuses("too long", |change| change.actor_id = ActorId::from(vec![1; 65]));
    refuses("calendar", |change| change.time = i64::MAX);
    refuses("follows more changes", |change| {
        change.deps = (0..1_001u32).map(|at| automerge::ChangeHash(crate::sha256::sha256(&at.to_le_bytes()))).collect();
        change.deps.sort_unstable();
    });
    let (_, change) = victim();
    let bytes = encoded(change.clone());
    let honest = body(&bytes);
    // The head ends with the number of other actors, which are many.
    let mut spoiled = vec![0, 1, 7, 1, 1, 0, 0];
    spoiled.put_varint(1 << 40);
    spoiled.extend_from_slice(&honest[..20]);
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(1, &spoiled))).contains("more actors"));
    let large = vec![0; (16 << 20) + 1];
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(1, &large))).contains("larger"));
    assert!(reason(Gate::new(Limits::default()).admit(&chunk(2, &large))).contains("larger"));
}

#[test]
fn orphans_do_not_pile_up() {
    let limits = Limits { waiting: 10, ..Limits::default() };
    let (document, change) = victim();
    let mut gate = Gate::before(&document, limits).unwrap();
    let mut refused = 0;
    for number in 0..25u64 {
        let mut orphan = change.clone();
        orphan.time = number as i64;
        orphan.deps = vec![automerge::ChangeHash(crate::sha256::sha256(&number.to_le_bytes()))];
        let admitted = gate.admit(&encoded(orphan));
        assert!(admitted.changes.is_empty());
        refused += admitted.refused.len();
        assert!(gate.waiting() <= 10);
    }
    assert_eq!(refused, 15);
    // The way is free for others.
    assert_eq!(gate.admit(&encoded(change)).changes.len(), 1);

    let limits = Limits { waiting_bytes: 1_000, ..Limits::default() };
    let document = mixed_document(5, 30);
    let mut gate = Gate::new(limits);
    assert!(!gate.admit(&chunks(&document.get_changes(&[])[1..])).refused.is_empty());
}

#[test]
fn a_document_grows_so_far_and_no_further() {
    let mut document = Automerge::new().with_actor(actor(1));
    let mut gate = Gate::new(Limits { history_bytes: 20_000, ..Limits::default() });
    let mut taken = 0;
    for number in 0..200 {
        let mut transaction = document.transaction();
        transaction.put(ROOT, "filler", format!("{number:>200}")).unwrap();
        transaction.commit();
        let mut change = document.get_last_local_change().unwrap();
        let bytes = change.bytes().to_vec();
        let admitted = gate.admit(&bytes);
        if admitted.changes.is_empty() {
            assert!(reason(admitted).contains("more bytes of changes"));
            break;
        }
        taken += change.raw_bytes().len();
    }
    assert!((19_000..=20_000).contains(&taken), "{taken}");

    // What this device has written itself is no peer's.
    let limits = Limits { history_bytes: 1_000, ..Limits::default() };
    let own = mixed_document(5, 30);
    let mut gate = Gate::before(&own, limits).unwrap();
    assert_eq!(gate.record(&chunks(&own.get_changes(&[]))), Ok(()));
}

#[test]
fn what_follows_a_refused_change_is_refused_too_and_the_rest_is_not() {
    let (document, mut bad) = victim();
    let mut honest = document.clone().with_actor(actor(60));
    let mut transaction = honest.transaction();
    transaction.put(ROOT, "honest", 1).unwrap();
    transaction.commit();
    let honest = honest.get_last_local_change().unwrap();
    bad.message = Some("x".repeat(2_000));
    let bad = Change::from(ExpandedChange { hash: None, ..bad });
    let (_, mut child) = victim();
    child.actor_id = actor(61);
    child.operations.truncate(1);
    child.deps = vec![bad.hash()];
    let child = Change::from(ExpandedChange { hash: None, ..child });
    for order in [[&bad, &child, &honest], [&child, &honest, &bad]] {
        let mut gate = gate(&document);
        let admitted = gate.admit(&chunks(order));
        assert_eq!(admitted.changes.iter().map(Change::hash).collect::<Vec<_>>(), [honest.hash()]);
        let hashes: Vec<_> = admitted.refused.iter().map(|refused| refused.hash.unwrap()).collect();
        assert_eq!(hashes, [bad.hash().0, child.hash().0]);
        assert_eq!(gate.waiting(), 0);
    }
}

#[test]
fn what_was_refused_too_early_comes_through_later_with_what_follows_it() {
    let (document, mut far) = victim();
    far.operations.truncate(1);
    let mut other = document.clone().with_actor(actor(62));
    let mut transaction = other.transaction();
    for at in 0..1_500 {
        transaction.put(ROOT, "a", at).unwrap();
    }
    transaction.commit();
    // Its author knows of the other's counters, though it does not follow them.
    far.start_op = NonZeroU64::new(other.get_last_local_change().unwrap().max_op() + 1).unwrap();
    let far = Change::from(ExpandedChange { hash: None, ..far });
    let mut child = far.decode();
    child.actor_id = actor(63);
    child.operations.clear();
    child.start_op = NonZeroU64::new(far.max_op() + 1).unwrap();
    child.deps = vec![far.hash()];
    let child = Change::from(ExpandedChange { hash: None, ..child });
    let mut gate = gate(&document);
    assert_eq!(gate.admit(&chunks([&far, &child])).refused.len(), 2);
    let later = gate.admit(&chunks([&other.get_last_local_change().unwrap(), &far, &child]));
    assert_eq!((later.changes.len(), later.refused), (3, vec![]));
}

#[test]
fn chunks_that_are_not_changes_are_refused() {
    let (document, change) = victim();
    let honest = encoded(change);
    let bundle = document.bundle(document.get_changes(&[]).iter().map(Change::hash)).unwrap();
    assert!(reason(Gate::new(Limits::default()).admit(bundle.bytes())).contains("kind"));
    assert!(reason(gate(&document).admit(&chunk(4, body(&honest)))).contains("kind"));
    assert!(reason(gate(&document).admit(b"not a chunk")).contains("no chunk"));
    let mut spoiled = honest.clone();
    spoiled[5] ^= 1;
    assert!(reason(gate(&document).admit(&spoiled)).contains("checksum"));
    for length in 0..honest.len() {
        if length > 0 {
            reason(gate(&document).admit(&honest[..length]));
        }
    }
    // One that is framed well is skipped, the next one is seen.
    let both = [chunk(4, &[1, 2, 3]), honest].concat();
    let admitted = gate(&document).admit(&both);
    assert_eq!((admitted.changes.len(), admitted.refused.len()), (1, 1));
}
