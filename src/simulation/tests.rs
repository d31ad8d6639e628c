//! Many worlds.

use super::live::FIRST_LIVE_SEED;
use super::trace::Trace;
use super::world::World;
use crate::random::kept_seeds;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seeds of an ordinary run and of `npm run test:long`, and how long they may take.
const SEEDS: u64 = 3_000;
const MOST_TIME: Duration = Duration::from_secs(180);
const SEEDS_LONG: u64 = 100_000;
const MOST_TIME_LONG: Duration = Duration::from_secs(45 * 60);
/// A world ends after so many happenings even if not all programs have begun.
const MOST_HAPPENINGS: u64 = 40_000;
const KEPT_SEEDS: &str = include_str!("../../tests/simulation/seeds.txt");

/// What became of a world.
struct Ended {
    hash: u64,
    happenings: u64,
    commits: u64,
    strays: u64,
    complaint: Option<String>,
}

fn live(seed: u64, most_lines: usize) -> (u64, u64, u64, u64) {
    let mut world = World::new(seed, most_lines);
    while world.programs_left > 0 && world.happenings < MOST_HAPPENINGS {
        world.happen_before(u64::MAX);
    }
    world.programs_left = 0;
    world.calm();
    world.check_everything();
    (world.trace.hash, world.happenings, world.commits, world.strays)
}

/// Lives through a world; a panic is a complaint.
fn run(seed: u64, most_lines: usize) -> Ended {
    match catch_unwind(AssertUnwindSafe(|| live(seed, most_lines))) {
        Ok((hash, happenings, commits, strays)) => Ended { hash, happenings, commits, strays, complaint: None },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_string()));
            let text = text.unwrap_or_else(|| "a panic without words".into());
            let text = if text.starts_with('[') { text } else { format!("[panic] {text}") };
            Ended { hash: 0, happenings: 0, commits: 0, strays: 0, complaint: Some(text) }
        }
    }
}

/// Keeps the panics of worlds from being printed; they are told in the end.
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    static HOOK: Mutex<()> = Mutex::new(());
    let _one_at_a_time = HOOK.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
        PLACES.with_borrow_mut(|last| *last = place.unwrap_or_default());
    }));
    let result = work();
    std::panic::set_hook(before);
    result
}

thread_local! {
    static PLACES: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Complaints by their kind: how many, and the first seed with its words.
type Complaints = BTreeMap<String, (u64, u64, String)>;

/// Runs seeds on all processors, as long as there is time; how many ran, and what failed.
fn run_many(seeds: &[u64], until: Option<Instant>) -> (u64, [u64; 3], Complaints) {
    let next = AtomicU64::new(0);
    let totals = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
    let ran = AtomicU64::new(0);
    let complaints: Mutex<Complaints> = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let position = next.fetch_add(1, Ordering::Relaxed) as usize;
                    if until.is_some_and(|until| Instant::now() > until) {
                        return;
                    }
                    let Some(&seed) = seeds.get(position) else { return };
                    let ended = run(seed, 0);
                    ran.fetch_add(1, Ordering::Relaxed);
                    for (total, number) in totals.iter().zip([ended.happenings, ended.commits, ended.strays]) {
                        total.fetch_add(number, Ordering::Relaxed);
                    }
                    if let Some(complaint) = ended.complaint {
                        let kind = complaint.split(']').next().unwrap_or_default().to_string() + "]";
                        let place = PLACES.with_borrow(Clone::clone);
                        let mut complaints = complaints.lock().expect("no thread panics here");
                        let entry = complaints.entry(format!("{kind} {place}")).or_insert((0, seed, complaint.clone()));
                        entry.0 += 1;
                        if seed < entry.1 {
                            (entry.1, entry.2) = (seed, complaint);
                        }
                    }
                }
            });
        }
    });
    let totals = totals.map(AtomicU64::into_inner);
    (ran.into_inner(), totals, complaints.into_inner().expect("no thread panics here"))
}

fn print_trace(lines: &VecDeque<String>, most: usize) {
    for line in lines.iter().skip(lines.len().saturating_sub(most)) {
        println!("{}", line.chars().take(600).collect::<String>());
    }
}

#[test]
fn a_simulation_of_tabs_over_a_faulty_store() {
    if let Some(seed) = number_from("HOLDFAST_SEED") {
        let ended = run(seed, 1_000_000);
        print_trace(&Trace::take_lines(), usize::MAX);
        println!("seed {seed}: {} happenings, {} commits, {} strays", ended.happenings, ended.commits, ended.strays);
        if let Some(complaint) = ended.complaint {
            panic!("seed {seed}: {complaint}");
        }
        return;
    }
    let (ran, totals, complaints) = quietly(|| {
        let started = Instant::now();
        let is_long = std::env::var("HOLDFAST_LONG").is_ok_and(|text| text == "1");
        let (number, most_time) = if is_long { (SEEDS_LONG, MOST_TIME_LONG) } else { (SEEDS, MOST_TIME) };
        let wanted = number_from("HOLDFAST_SEEDS");
        let first = number_from("HOLDFAST_FIRST_SEED").unwrap_or(1);
        let mut seeds = kept_seeds(KEPT_SEEDS);
        let number = wanted.unwrap_or(number);
        // Half of them with live queries, in turn, so that whatever time there is serves both.
        let pairs = (first..first + number / 2).flat_map(|seed| [seed, FIRST_LIVE_SEED + seed]);
        seeds.extend(if first < FIRST_LIVE_SEED { pairs.collect() } else { Vec::from_iter(first..first + number) });
        let until = wanted.is_none().then(|| started + most_time);
        run_many(&seeds, until)
    });
    println!("{ran} seeds, {} happenings, {} commits, {} strays", totals[0], totals[1], totals[2]);
    if complaints.is_empty() {
        return;
    }
    for (kind, (times, seed, complaint)) in &complaints {
        println!(
            "\n{times} times {kind}, first with seed {seed}: {}",
            complaint.chars().take(1_500).collect::<String>()
        );
    }
    let (_, seed, complaint) = complaints.values().min_by_key(|(_, seed, _)| *seed).expect("there is one").clone();
    quietly(|| run(seed, 60));
    println!("\nthe last of seed {seed}:");
    print_trace(&Trace::take_lines(), 60);
    panic!("seed {seed}: {}; see HOLDFAST_SEED={seed}", complaint.chars().take(300).collect::<String>());
}

#[test]
fn the_same_seed_makes_the_same_world() {
    for seed in (1..=10).chain(FIRST_LIVE_SEED..FIRST_LIVE_SEED + 10) {
        let (first, again) = quietly(|| (run(seed, 0), run(seed, 0)));
        assert_eq!(
            (first.hash, first.happenings, first.complaint),
            (again.hash, again.happenings, again.complaint),
            "seed {seed}"
        );
    }
}
