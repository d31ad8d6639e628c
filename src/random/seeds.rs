//! Which seeds tests run with, and where.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// After that no further seed is begun, so that a long run comes to its end on a slow machine, too.
const MOST_TIME: Duration = Duration::from_secs(30 * 60);

/// So many seeds for a property test; with `HOLDFAST_LONG=1` thirty times as many.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let is_long = std::env::var_os("HOLDFAST_LONG").is_some_and(|long| long == "1");
    0..if is_long { count * 30 } else { count }
}

/// The seeds in a file of them: one in a line, and lines that begin with `#` tell of them.
pub(crate) fn kept_seeds(text: &str) -> Vec<u64> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines.map(|line| line.split_whitespace().next().and_then(|seed| seed.parse().ok()).expect("a seed")).collect()
}

/// Runs a test with each seed, on all processors, or with as many of the first ones as there is time for, and answers how
/// many those were. It fails with the first of the seeds that fail, whose assertions name it.
pub(crate) fn on_all_processors(seeds: &[u64], test: impl Fn(u64) + Sync) -> usize {
    let next = AtomicUsize::new(0);
    let ran = AtomicUsize::new(0);
    let until = Instant::now() + MOST_TIME;
    let failed = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(2, |number| number.get());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while Instant::now() < until {
                    let position = next.fetch_add(1, Ordering::Relaxed);
                    let Some(&seed) = seeds.get(position) else { return };
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(seed))) {
                        eprintln!("seed {seed} failed");
                        let mut failed = failed.lock().expect("no thread panics here");
                        if failed.as_ref().is_none_or(|(first, _)| position < *first) {
                            *failed = Some((position, panic));
                        }
                        next.store(seeds.len(), Ordering::Relaxed);
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    if let Some((_, panic)) = failed.into_inner().expect("no thread panics here") {
        resume_unwind(panic);
    }
    ran.into_inner()
}
