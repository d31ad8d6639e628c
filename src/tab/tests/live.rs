//! Live queries: what their news lead to is what a fresh query gives.

use super::*;
use crate::keyspace::RowId;
use crate::live::mirror::{Mirror, ask_all, ask_one};
use crate::random::Random;

/// A query of items as it crosses the line, and its limit.
fn some_query(random: &mut Random) -> (Value, Option<usize>) {
    let bound = |kind: &str, field: &str, value: Value| {
        object(&[("type", string(kind)), ("fieldPath", string(field)), ("value", value)])
    };
    let n = |random: &mut Random, most: u64| Value::from(random.below(most) as f64);
    let (index, range) = match random.below(6) {
        0 => ("by_creation_time", Vec::new()),
        1 => ("by_id", Vec::new()),
        2 => ("by_k", Vec::new()),
        3 => ("by_k", vec![bound("Gte", "k", string(&format!("k{}", random.below(10))))]),
        4 => ("by_g_n", vec![bound("Eq", "g", n(random, 3))]),
        _ => ("by_g_n", vec![bound("Eq", "g", n(random, 3)), bound("Gt", "n", n(random, 6))]),
    };
    let source = object(&[
        ("type", string("IndexRange")),
        ("indexName", string(&format!("items.{index}"))),
        ("range", Value::from(range)),
        ("order", string(if random.below(2) == 0 { "desc" } else { "asc" })),
    ]);
    let mut operators = Vec::new();
    if random.below(3) == 0 {
        let operands = vec![object(&[("$field", string("n"))]), object(&[("$literal", n(random, 6))])];
        operators.push(object(&[("filter", object(&[("$lt", Value::from(operands))]))]));
    }
    let limit = (random.below(2) == 0).then(|| random.below(12) as usize);
    if let Some(limit) = limit {
        operators.push(object(&[("limit", Value::from(limit as f64))]));
    }
    (object(&[("source", source), ("operators", Value::from(operators))]), limit)
}

/// What a query gives now, if memory holds its pages.
fn fresh(world: &mut World, tab: usize, query: &Value) -> Option<Vec<(Place, Vec<u8>)>> {
    let plan = query::plan(world.tabs[tab].schema(), query).expect("a plan");
    let mut run = world.tabs[tab].start_query(Source::Current, plan).expect("open");
    let mut rows = Collected::default();
    match world.tabs[tab].step_query(&mut run, &mut rows).expect("readable") {
        RunStep::Done => Some(rows.rows),
        _ => None,
    }
}

fn change(world: &mut World, random: &mut Random, tab: usize) {
    world.tick(tab);
    let known: Vec<RowId> = match fresh(world, tab, &whole()) {
        Some(rows) => rows.iter().map(|(place, _)| place.id).collect(),
        None => Vec::new(),
    };
    let now_ms = world.now_ms;
    let transaction = world.tabs[tab].begin(now_ms, false).expect("open");
    for _ in 0..=random.below(3) {
        let row = known.get(random.below(known.len().max(1) as u64) as usize).copied();
        match (random.below(6), row) {
            (0, Some(row)) => {
                let schema = world.tabs[tab].schema().clone();
                let table = schema.table("items").expect("the table");
                let text = crate::id::encode(table.number, &row);
                // It may be gone in this transaction, or its page not be there.
                let _ = world.tabs[tab].delete(transaction, table.id, row, &text);
            }
            (1..=2, Some(row)) => {
                let schema = world.tabs[tab].schema().clone();
                let table = schema.table("items").expect("the table");
                let (field, value) = match random.below(3) {
                    0 => ("n", Some(Value::from(random.below(6) as f64))),
                    1 => ("k", Some(string(&format!("k{}", random.below(12))))),
                    _ => ("g", (random.below(3) > 0).then(|| Value::from(random.below(3) as f64))),
                };
                let changes = [(field.to_string(), value)].into_iter().collect();
                let mut bytes = document::encode_patch(&changes, &schema.names);
                let text = crate::id::encode(table.number, &row);
                let _ = world.tabs[tab].patch(transaction, table.id, row, &text, &mut bytes);
            }
            _ => {
                let g = (random.below(3) > 0).then(|| random.below(3) as f64);
                let k = format!("k{}", random.below(12));
                world.put(tab, transaction, &k, random.below(6) as f64, g);
            }
        }
    }
    let _ = world.tabs[tab].finish(now_ms, transaction).expect("finished");
}

fn whole() -> Value {
    let source = object(&[("type", string("FullTableScan")), ("tableName", string("items"))]);
    object(&[("source", source), ("operators", Value::from(Vec::new()))])
}

fn check(world: &mut World, tab: usize, queries: &[Value], mirrors: &mut [Mirror], seed: u64) -> usize {
    ask_all(&mut world.tabs[tab], |tab, id| ask_one(tab, id, mirrors.iter_mut()));
    let mut checked = 0;
    for (query, mirror) in queries.iter().zip(mirrors) {
        if !mirror.is_ready {
            continue;
        }
        let Some(rows) = fresh(world, tab, query) else { continue };
        checked += 1;
        match mirror.count {
            Some(count) => assert_eq!(count, rows.len() as u64, "seed {seed}: {query:?}"),
            None => assert!(mirror.rows() == rows, "seed {seed}: {:?} is not {rows:?} of {query:?}", mirror.rows()),
        }
    }
    checked
}

/// Own and foreign commits, some of them rolled back, checkpoints, pages that are evicted: whenever all news are taken,
/// each result is what its query gives.
#[test]
fn a_live_result_is_what_a_fresh_query_gives() {
    let seeds: u64 = std::env::var("HOLDFAST_LIVE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let (mut checked, mut patched, mut read) = (0, 0, 0);
    for seed in 0..seeds {
        let mut random = Random::from_number(seed);
        let mut world = World::new();
        let options = Options { page_cache_bytes: if seed % 2 == 0 { 24 << 10 } else { 1 << 20 }, ..small() };
        let alice = world.open(options.clone(), definition(INDEXES));
        let bob = world.open(options, definition(INDEXES));
        for n in 0..40 + random.below(200) {
            world.insert(alice, &format!("k{}", n % 12), (n % 6) as f64, (n % 4 > 0).then_some((n % 3) as f64));
        }
        world.settle();
        let mut queries = Vec::new();
        let mut mirrors = Vec::new();
        for step in 0..80 {
            match random.below(14) {
                0..=2 if mirrors.len() < 12 => {
                    let (query, limit) = some_query(&mut random);
                    let tab = &mut world.tabs[alice];
                    let is_whole = query.get("operators").and_then(Value::as_array).is_some_and(<[_]>::is_empty);
                    let is_count = is_whole && random.below(2) == 0;
                    let id = if is_count { tab.watch_count(query.clone()) } else { tab.watch_rows(query.clone()) };
                    let mut mirror = Mirror::new(id, limit);
                    mirror.ask(tab);
                    queries.push(query);
                    mirrors.push(mirror);
                }
                3 if !mirrors.is_empty() => {
                    let position = random.below(mirrors.len() as u64) as usize;
                    let mirror = mirrors.remove(position);
                    queries.remove(position);
                    world.tabs[alice].unwatch(mirror.id);
                }
                4 => world.pass(2000.0),
                5 => {
                    world.fails = Box::new(|effect| match effect {
                        Effect::Append { .. } => Some(Input::AppendFailed(Failure::Quota)),
                        _ => None,
                    });
                    change(&mut world, &mut random, alice);
                    checked += check(&mut world, alice, &queries, &mut mirrors, seed);
                    world.settle();
                    world.fails = Box::new(|_| None);
                }
                6..=8 => change(&mut world, &mut random, bob),
                _ => change(&mut world, &mut random, alice),
            }
            patched += mirrors.iter().filter(|mirror| mirror.is_ready).count() as u32;
            checked += check(&mut world, alice, &queries, &mut mirrors, seed);
            if step % 2 == 0 {
                world.settle();
                checked += check(&mut world, alice, &queries, &mut mirrors, seed);
            }
        }
        read += mirrors.iter().map(|mirror| mirror.reads).sum::<u32>();
        // In the end nothing is missing.
        for _ in 0..50 {
            world.settle();
            ask_all(&mut world.tabs[alice], |tab, id| ask_one(tab, id, mirrors.iter_mut()));
        }
        for mirror in &mirrors {
            assert!(mirror.is_ready, "seed {seed}: {mirror:?}");
        }
    }
    // It would prove nothing if most were never looked at, or all were read anew each time.
    assert!(checked > 1000 * seeds as usize / 10, "{checked} checks");
    assert!(read * 3 < patched, "{read} reads, {patched} results in step");
}

/// What a function has read may be changed while it runs: then it runs again, but only then.
#[test]
fn a_function_whose_reads_were_changed_while_it_ran_is_told_so() {
    for (g, is_touched) in [(1.0, true), (2.0, false)] {
        for is_foreign in [false, true] {
            let mut world = World::new();
            let alice = world.open(Options::default(), definition(INDEXES));
            let bob = world.open(Options::default(), definition(INDEXES));
            let now_ms = world.now_ms;
            let tab = &mut world.tabs[alice];
            let live = tab.watch_function();
            let run = tab.begin(now_ms, true).expect("open");
            tab.watch_run(run);
            let source = object(&[
                ("type", string("IndexRange")),
                ("indexName", string("items.by_g_n")),
                (
                    "range",
                    Value::from(vec![object(&[
                        ("type", string("Eq")),
                        ("fieldPath", string("g")),
                        ("value", Value::from(1.0)),
                    ])]),
                ),
            ]);
            let query = object(&[("source", source), ("operators", Value::from(Vec::new()))]);
            let plan = tab.plan(Source::Transaction(run), &query).expect("a plan");
            assert_eq!(tab.count(Source::Transaction(run), &plan), Ok(Ok(0)));
            world.insert(if is_foreign { bob } else { alice }, "k", 1.0, Some(g));
            world.settle();
            let tab = &mut world.tabs[alice];
            assert_eq!(tab.next_live(), None, "nothing is watched before the run has ended");
            tab.note_run(live, run).expect("open");
            tab.abandon(run);
            assert_eq!(tab.next_live(), is_touched.then_some(live), "g = {g}, foreign: {is_foreign}");
            // From here on it hears of each.
            world.insert(bob, "k", 2.0, Some(1.0));
            world.settle();
            let tab = &mut world.tabs[alice];
            if !is_touched {
                assert_eq!(tab.next_live(), Some(live));
                assert_eq!(tab.live_news(live, &mut Collected::default()), Ok(crate::tab::LiveNews::Touched));
            }
        }
    }
}
