//! What goes wrong, and how often: drawn for each seed, so that every mixture occurs.

use crate::random::Random;
use crate::tab::Options;

/// Probabilities in millionths, each per occasion.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    /// At every moment of chaos: a tab dies.
    pub(super) crash: u64,
    /// A tab loses its connection.
    pub(super) disconnect: u64,
    /// Another connection can't be made.
    pub(super) reopen_failed: u64,
    /// For every append: nobody knows how it ended.
    pub(super) unknown: u64,
    /// For every append: it is refused.
    pub(super) refused: u64,
    /// For every read.
    pub(super) unreadable: u64,
    /// For every step of maintenance.
    pub(super) maintenance: u64,
    pub(super) announcement_lost: u64,
    pub(super) announcement_twice: u64,
    pub(super) announcement_absurd: u64,
    pub(super) freeze: u64,
    pub(super) lock_theft: u64,
    /// One tab's clock moves a little, against the others'.
    pub(super) clock_of_one: u64,
    /// Everybody's clock jumps.
    pub(super) clock_of_all: u64,
    pub(super) power: u64,
    /// For every new tab: it has another schema.
    pub(super) schema: u64,
    /// For every effect: it takes long.
    pub(super) slow: u64,
    /// For every finished program: its caller thinks better of it.
    pub(super) abandon: u64,
    /// A stored page is damaged or gone.
    pub(super) damage: u64,
    /// A tab is asked for a repair.
    pub(super) repair: u64,
    /// Something is wrong with the disk for a while.
    pub(super) trouble: u64,
}

/// What can be wrong with the disk for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Trouble {
    /// Nothing can be added.
    Full,
    /// There is room for records, and none for pages.
    FullForPages,
    /// The log can't be read.
    UnreadableLog,
}

impl Trouble {
    pub(super) fn draw(random: &mut Random) -> Self {
        [Trouble::Full, Trouble::FullForPages, Trouble::UnreadableLog][random.below(3) as usize]
    }
}

/// How a seed's world looks.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) faults: Faults,
    pub(super) options: Options,
    pub(super) tabs: u64,
    /// Mutations and reads that are begun.
    pub(super) programs: u64,
    /// Milliseconds between two steps of a tab, about.
    pub(super) pace_ms: f64,
    /// Milliseconds between two moments of chaos.
    pub(super) chaos_ms: f64,
    /// The longest freeze and the slowest effect.
    pub(super) longest_ms: f64,
    /// How far the clocks of two tabs may be apart.
    pub(super) skew_ms: f64,
    /// Bytes of padding in some rows.
    pub(super) padding: u64,
}

fn rate(random: &mut Random, most: u64) -> u64 {
    if random.below(2) == 0 { 0 } else { random.below(most) + 1 }
}

fn choice<const N: usize>(random: &mut Random, of: [usize; N]) -> usize {
    of[random.below(N as u64) as usize]
}

impl Setting {
    pub(super) fn draw(random: &mut Random) -> Self {
        let faults = Faults {
            crash: rate(random, 60_000),
            disconnect: rate(random, 60_000),
            reopen_failed: rate(random, 100_000),
            unknown: rate(random, 150_000),
            refused: rate(random, 100_000),
            unreadable: rate(random, 60_000),
            maintenance: rate(random, 100_000),
            announcement_lost: rate(random, 1_000_000),
            announcement_twice: rate(random, 300_000),
            announcement_absurd: rate(random, 20_000),
            freeze: rate(random, 150_000),
            lock_theft: rate(random, 80_000),
            clock_of_one: rate(random, 80_000),
            clock_of_all: if random.below(3) == 0 { rate(random, 30_000) } else { 0 },
            power: if random.below(3) == 0 { rate(random, 30_000) } else { 0 },
            schema: rate(random, 600_000),
            slow: rate(random, 60_000),
            abandon: rate(random, 100_000),
            trouble: if random.below(3) == 0 { rate(random, 40_000) } else { 0 },
            damage: if random.below(3) == 0 { rate(random, 60_000) } else { 0 },
            repair: if random.below(3) == 0 { rate(random, 60_000) } else { 0 },
        };
        let defaults = Options::default();
        // Virtual time costs nothing, but steps do: short spans make freezes and grace meet more often.
        let scale = [1.0, 0.3, 0.1][random.below(3) as usize];
        let options = Options {
            page_cache_bytes: choice(random, [30_000, 80_000, 64 << 20]),
            overlay_bytes: choice(random, [3_000, 20_000, 64 << 20, 64 << 20]),
            checkpoint_log_bytes: choice(random, [2_000, 20_000, 1 << 20]),
            checkpoint_log_records: choice(random, [3, 8, 20, 60]),
            checkpoint_slice_bytes: choice(random, [100, 1_000, 20_000, 256 << 10]),
            job_slice_rows: choice(random, [1, 3, 10, 1000]),
            group_bytes: choice(random, [1, 500, 1 << 20]),
            idle_ms: defaults.idle_ms * scale,
            lull_ms: [0.0, 20.0, defaults.lull_ms][random.below(3) as usize],
            page_grace_ms: defaults.page_grace_ms * scale,
            log_grace_ms: defaults.log_grace_ms * scale,
            fresh_ms: defaults.fresh_ms * scale,
            lock_patience_ms: defaults.lock_patience_ms * scale,
            ..defaults
        };
        let pace_ms = options.log_grace_ms / [30_000.0, 3_000.0, 300.0, 60.0, 20.0][random.below(5) as usize];
        Setting {
            faults,
            tabs: random.below(4) + 1,
            programs: [20, 60, 150][random.below(3) as usize],
            chaos_ms: pace_ms * 3.0,
            longest_ms: options.log_grace_ms * 4.0,
            skew_ms: options.fresh_ms * 0.4,
            pace_ms,
            padding: [0, 300, 3_000][random.below(3) as usize],
            options,
        }
    }
}
