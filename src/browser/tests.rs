//! The store of IndexedDB, in a real browser: each transaction that the core asks for, and what it answers
//! when something is in the way.

use super::engine::enlarged;
use super::indexeddb::{Answer, Connection, META, PAGES};
use super::locks::{Lock, LockNews};
use super::opening::{OpenFailure, delete, open_or_create, reopen};
use super::trim::Trim;
use crate::store::Manifest;
use crate::tab::{Failure, Input, LogTail, ReadId};
use js_sys::Promise;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// A connection to a new database, and a note of whether it was lost or superseded.
async fn connect(name: &str) -> (Connection, Rc<Cell<&'static str>>) {
    delete(name).await.expect("an old one goes away");
    connect_again(name).await
}

async fn connect_again(name: &str) -> (Connection, Rc<Cell<&'static str>>) {
    let database = open_or_create(name).await.expect("it opens");
    let news = Rc::new(Cell::new(""));
    let (lost, superseded) = (news.clone(), news.clone());
    let connection = Connection::new(
        database,
        false,
        move || lost.set("lost"),
        move |is_deletion| superseded.set(if is_deletion { "deleted" } else { "upgraded" }),
    );
    (connection, news)
}

/// Starts an operation and waits for what it answers.
async fn ask(start: impl FnOnce(Answer) -> Option<Input>) -> Input {
    let given: Rc<RefCell<Option<Input>>> = Rc::default();
    let mut start = Some(start);
    let noted = given.clone();
    let answered = Promise::new(&mut |resolve, _| {
        let noted = noted.clone();
        let done = resolve.clone();
        let answer: Answer = Box::new(move |input| {
            *noted.borrow_mut() = Some(input);
            let _ = done.call0(&JsValue::UNDEFINED);
        });
        let start = start.take().expect("a promise begins once");
        let at_once = start(answer);
        if at_once.is_some() {
            *given.borrow_mut() = at_once;
            let _ = resolve.call0(&JsValue::UNDEFINED);
        }
    });
    JsFuture::from(answered).await.expect("it is never rejected");
    given.borrow_mut().take().expect("an answer")
}

async fn log_of(connection: &Connection, after: u64) -> LogTail {
    match ask(|answer| connection.read_log(0, after, false, answer)).await {
        Input::LogRead(tail) => tail,
        other => panic!("{other:?}"),
    }
}

fn manifest(generation: u64, sequence: u64) -> Vec<u8> {
    let mut manifest = Manifest::empty();
    manifest.generation = generation;
    manifest.sequence = sequence;
    manifest.encode()
}

/// Runs a trim to its end.
async fn trim(connection: &Rc<Connection>, log_upto: u64, manifests_below: u64, pages: Vec<std::ops::Range<u64>>) {
    fn step(connection: Rc<Connection>, trim: Trim, steps: u32, done: Box<dyn FnOnce(u32)>) {
        if trim.is_done() {
            return done(steps);
        }
        let again = connection.clone();
        let next = move |rest: Option<Trim>| match rest {
            Some(rest) => step(again, rest, steps + 1, done),
            None => panic!("a transaction failed"),
        };
        trim.step(&connection, next).expect("it begins");
    }
    let ended = Promise::new(&mut |resolve, _| {
        let trim = Trim::new(log_upto, manifests_below, pages.clone());
        let done = Box::new(move |steps: u32| {
            let _ = resolve.call1(&JsValue::UNDEFINED, &steps.into());
        });
        step(connection.clone(), trim, 0, done);
    });
    JsFuture::from(ended).await.expect("it ends");
}

#[wasm_bindgen_test]
fn a_buffer_that_there_is_no_memory_for_is_not_made() {
    assert_eq!(enlarged(b"kept", 5), Some(b"kept\0\0\0\0".to_vec()));
    for minimum in [(1 << 31) + 1, 3 << 30, usize::MAX] {
        assert_eq!(enlarged(b"kept", minimum), None, "{minimum} bytes");
    }
}

#[wasm_bindgen_test]
async fn a_record_is_added_once_under_its_number() {
    let (connection, _) = connect("holdfast-append").await;
    assert_eq!(ask(|answer| connection.append(1, b"one", answer)).await, Input::Appended);
    assert_eq!(ask(|answer| connection.append(1, b"other", answer)).await, Input::AppendConflict);
    assert_eq!(ask(|answer| connection.append(2, b"two", answer)).await, Input::Appended);
    let records = vec![(1, b"one".to_vec()), (2, b"two".to_vec())];
    assert_eq!(log_of(&connection, 0).await, LogTail { manifest: None, records });
    assert_eq!(log_of(&connection, 1).await.records, vec![(2, b"two".to_vec())]);
}

#[wasm_bindgen_test]
async fn a_rebase_reads_and_adds_in_one_callback() {
    let (connection, _) = connect("holdfast-rebase").await;
    ask(|answer| connection.append(1, b"one", answer)).await;
    let rebase = Box::new(|tail: LogTail| {
        assert_eq!(tail.records, vec![(1, b"one".to_vec())]);
        Some((2, b"two".to_vec()))
    });
    assert_eq!(ask(|answer| connection.rebase(0, 0, rebase, answer)).await, Input::Appended);
    let nothing = Box::new(|_| None);
    assert_eq!(ask(|answer| connection.rebase(0, 2, nothing, answer)).await, Input::RebasedToNothing);
    // A number that is taken in spite of the reading: the core was wrong, and the store refuses.
    let wrong = Box::new(|_| Some((1, b"x".to_vec())));
    assert_eq!(ask(|answer| connection.rebase(0, 2, wrong, answer)).await, Input::AppendConflict);
    assert_eq!(log_of(&connection, 0).await.records.len(), 2);
}

#[wasm_bindgen_test]
async fn rebases_of_two_tabs_all_find_a_place() {
    let (one, _) = connect("holdfast-race").await;
    let (two, _) = connect_again("holdfast-race").await;
    for _ in 0..20 {
        let rebase = || {
            Box::new(|tail: LogTail| {
                let next = tail.records.last().map_or(1, |(sequence, _)| sequence + 1);
                Some((next, vec![next as u8]))
            })
        };
        let started: Vec<Rc<RefCell<Option<Input>>>> = [&one, &two]
            .into_iter()
            .map(|connection| {
                let given: Rc<RefCell<Option<Input>>> = Rc::default();
                let noted = given.clone();
                let answer = Box::new(move |input| *noted.borrow_mut() = Some(input));
                assert_eq!(connection.rebase(0, 0, rebase(), answer), None);
                given
            })
            .collect();
        while started.iter().any(|given| given.borrow().is_none()) {
            JsFuture::from(super::host::pause(1.0)).await.expect("a pause");
        }
        for given in started {
            assert_eq!(given.borrow_mut().take(), Some(Input::Appended));
        }
    }
    let numbers: Vec<u64> = log_of(&one, 0).await.records.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<u64>>());
}

#[wasm_bindgen_test]
async fn pages_come_back_whichever_way_they_are_asked_for() {
    let (connection, _) = connect("holdfast-pages").await;
    let pages: Vec<(u64, Vec<u8>)> =
        [1, 2, 3, 4, 5, 7, 9, 10, (1 << 52) + 1].map(|page| (page, vec![page as u8; 3])).into();
    assert_eq!(ask(|answer| connection.write_pages(&pages, answer)).await, Input::PagesWritten);
    // Runs, pairs, single ones, absent ones at every place of a run; in any order.
    let wanted = vec![11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, (1 << 52) + 1, 20, 21, 22, 1];
    let read = ReadId(7);
    let Input::PagesLoaded { read: answered, pages: found, newer_manifest } =
        ask(|answer| connection.load(read, 0, wanted, answer)).await
    else {
        panic!("pages");
    };
    assert_eq!((answered, newer_manifest), (read, false));
    let expected: Vec<(u64, Option<Vec<u8>>)> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 21, 22, (1 << 52) + 1]
        .into_iter()
        .map(|page| (page, pages.iter().find(|(id, _)| *id == page).map(|(_, bytes)| bytes.clone())))
        .collect();
    assert_eq!(found, expected);
}

#[wasm_bindgen_test]
async fn a_manifest_and_its_fence_are_added_together_or_not_at_all() {
    let (connection, _) = connect("holdfast-fence").await;
    assert_eq!(ask(|answer| connection.append(1, b"one", answer)).await, Input::Appended);
    let fence = |sequence| Some((sequence, b"fence".to_vec()));
    assert_eq!(ask(|answer| connection.publish(1, manifest(1, 1), fence(1), answer)).await, Input::PublishConflict);
    assert_eq!(log_of(&connection, 0).await.manifest, None);
    assert_eq!(ask(|answer| connection.publish(2, manifest(2, 1), fence(2), answer)).await, Input::PublishConflict);
    assert_eq!(log_of(&connection, 1).await.records, []);
    assert_eq!(ask(|answer| connection.publish(1, manifest(1, 1), fence(2), answer)).await, Input::Published);
    let read = ReadId(7);
    let tail = LogTail { manifest: Some((1, manifest(1, 1))), records: vec![(2, b"fence".to_vec())] };
    assert_eq!(ask(|answer| connection.inspect_log(read, answer)).await, Input::LogInspected { read, tail });
}

#[wasm_bindgen_test]
async fn manifests_follow_each_other_and_the_newest_is_found() {
    let (connection, _) = connect("holdfast-manifests").await;
    for attempt in 1..=3 {
        assert_eq!(ask(|answer| connection.reserve_attempt(0, answer)).await, Input::AttemptReserved { attempt });
    }
    assert_eq!(ask(|answer| connection.publish(2, manifest(2, 9), None, answer)).await, Input::PublishConflict);
    assert_eq!(ask(|answer| connection.publish(1, manifest(1, 2), None, answer)).await, Input::Published);
    assert_eq!(ask(|answer| connection.publish(1, manifest(1, 3), None, answer)).await, Input::PublishConflict);
    assert_eq!(ask(|answer| connection.publish(2, manifest(2, 3), None, answer)).await, Input::Published);
    for sequence in 1..=5 {
        ask(|answer| connection.append(sequence, &[sequence as u8], answer)).await;
    }
    let tail = log_of(&connection, 1).await;
    assert_eq!(tail.manifest, Some((2, manifest(2, 3))));
    assert_eq!(tail.records.len(), 4);
    // From the manifest: only what it does not cover.
    let Input::LogRead(tail) = ask(|answer| connection.read_log(0, 0, true, answer)).await else { panic!("a log") };
    assert_eq!(tail.records, vec![(4, vec![4]), (5, vec![5])]);
    let Input::LogRead(tail) = ask(|answer| connection.read_log(2, 5, true, answer)).await else { panic!("a log") };
    assert_eq!(tail, LogTail::default());
    let newer = |generation| {
        let connection = &connection;
        async move {
            match ask(|answer| connection.load(ReadId(1), generation, vec![1], answer)).await {
                Input::PagesLoaded { newer_manifest, .. } => newer_manifest,
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(newer(1).await);
    assert!(!newer(2).await);
}

#[wasm_bindgen_test]
async fn a_trim_deletes_exactly_what_it_is_told() {
    let (connection, _) = connect("holdfast-trim").await;
    let connection = Rc::new(connection);
    ask(|answer| connection.reserve_attempt(0, answer)).await;
    for generation in 1..=3 {
        ask(|answer| connection.publish(generation, manifest(generation, generation), None, answer)).await;
    }
    for sequence in 1..=5 {
        ask(|answer| connection.append(sequence, &[0], answer)).await;
    }
    let pages: Vec<(u64, Vec<u8>)> = (0..900).map(|page| (page, vec![1])).collect();
    ask(|answer| connection.write_pages(&pages, answer)).await;
    trim(&connection, 3, 3, vec![0..2, 10..11, 100..800, 1_000..1 << 40]).await;
    let left: Vec<u64> = log_of(&connection, 0).await.records.iter().map(|(sequence, _)| *sequence).collect();
    assert_eq!(left, vec![4, 5]);
    assert_eq!(ask(|answer| connection.reserve_attempt(0, answer)).await, Input::AttemptReserved { attempt: 2 });
    let Input::PagesLoaded { pages: found, .. } =
        ask(|answer| connection.load(ReadId(1), 0, (0..900).collect(), answer)).await
    else {
        panic!("pages");
    };
    let gone: Vec<u64> = found.iter().filter(|(_, bytes)| bytes.is_none()).map(|(page, _)| *page).collect();
    assert_eq!(gone, (0..2).chain(10..11).chain(100..800).collect::<Vec<u64>>());
    // The newest manifest stays.
    assert!(log_of(&connection, 0).await.manifest.is_some());
}

#[wasm_bindgen_test]
async fn a_foreign_value_is_an_empty_one() {
    let (connection, _) = connect("holdfast-foreign").await;
    let running = connection.begin(&[PAGES, META], super::indexeddb::Mode::Relaxed).expect("a transaction");
    running.store(PAGES).and_then(|store| store.put_with_key(&"text".into(), &1.into())).expect("a put");
    running.store(META).and_then(|store| store.put_with_key(&7.into(), &1.into())).expect("a put");
    running.store(META).and_then(|store| store.put_with_key(&"x".into(), &"attempts".into())).expect("a put");
    let Input::PagesLoaded { pages, newer_manifest, .. } =
        ask(|answer| connection.load(ReadId(1), 0, vec![1], answer)).await
    else {
        panic!("pages");
    };
    assert_eq!((pages, newer_manifest), (vec![(1, Some(Vec::new()))], true));
    assert_eq!(log_of(&connection, 0).await.manifest, Some((1, Vec::new())));
    assert_eq!(ask(|answer| connection.reserve_attempt(0, answer)).await, Input::AttemptReserved { attempt: 1 });
    let reserved = ask(|answer| connection.reserve_attempt(8, answer)).await;
    assert_eq!(reserved, Input::AttemptReserved { attempt: 9 });
}

#[wasm_bindgen_test]
async fn a_deletion_elsewhere_is_not_blocked_and_not_undone() {
    let (connection, news) = connect("holdfast-deleted").await;
    let connection = Rc::new(RefCell::new(Some(connection)));
    // What `Shared` does when it hears of it.
    let closing = connection.clone();
    let watched = news.clone();
    let watch = async move {
        while watched.get() != "deleted" {
            JsFuture::from(super::host::pause(5.0)).await.expect("a pause");
        }
        drop(closing.borrow_mut().take());
    };
    wasm_bindgen_futures::spawn_local(watch);
    delete("holdfast-deleted").await.expect("it is deleted");
    assert_eq!(news.get(), "deleted");
    assert_eq!(reopen("holdfast-deleted").await.err(), Some(OpenFailure::Gone));
    assert_eq!(reopen("holdfast-deleted").await.err(), Some(OpenFailure::Gone), "looking did not create it");
}

#[wasm_bindgen_test]
async fn a_closed_connection_answers_at_once() {
    let name = "holdfast-closed";
    let (connection, _) = connect(name).await;
    let database = open_or_create(name).await.expect("it opens");
    database.close();
    let closed = Connection::new(database, false, || (), |_| ());
    assert_eq!(ask(|answer| closed.append(1, b"x", answer)).await, Input::OutcomeUnknown);
    assert_eq!(ask(|answer| closed.rebase(0, 0, Box::new(|_| None), answer)).await, Input::OutcomeUnknown);
    assert!(matches!(ask(|answer| closed.read_log(0, 0, true, answer)).await, Input::ReadLogFailed { .. }));
    assert!(matches!(ask(|answer| closed.load(ReadId(3), 0, vec![1], answer)).await, Input::LoadFailed { .. }));
    assert!(matches!(
        ask(|answer| closed.write_pages(&[(1, vec![1])], answer)).await,
        Input::MaintenanceFailed(Failure::Aborted(_))
    ));
    assert_eq!(log_of(&connection, 0).await, LogTail::default());
    drop(connection);
    reopen(name).await.expect("it opens again").close();
}

#[wasm_bindgen_test]
async fn a_lock_waits_for_its_turn_and_can_be_taken_away() {
    async fn settle() {
        JsFuture::from(super::host::pause(30.0)).await.expect("a pause");
    }
    let news: Rc<RefCell<Vec<(u32, LockNews)>>> = Rc::default();
    let (one, two) = (Lock::default(), Lock::default());
    let request = |lock: &Lock, number: u32, steal: bool| {
        let news = news.clone();
        assert!(lock.request("test", steal, move |what| news.borrow_mut().push((number, what))));
    };
    request(&one, 1, false);
    request(&two, 2, false);
    settle().await;
    assert_eq!(news.take(), [(1, LockNews::Granted)]);
    one.release();
    settle().await;
    assert_eq!(news.take(), [(2, LockNews::Granted)]);
    request(&one, 1, true);
    settle().await;
    let mut heard = news.take();
    heard.sort_by_key(|(number, _)| *number);
    assert_eq!(heard, [(1, LockNews::Granted), (2, LockNews::Lost)]);
    two.release();
    one.release();
    settle().await;
    assert_eq!(news.take(), []);
}
