//! How long to wait before a connection is tried again.

use crate::random::Random;

/// The first wait, about; each further one is twice as long.
const FIRST_MS: u64 = 500;
/// No wait is longer.
const LONGEST_MS: u64 = 60_000;
/// Who was connected for so long begins with the first wait again.
const STEADY_MS: u64 = 10_000;

/// Waits that grow as long as nothing comes of it. They are drawn between half of their length and all of it, so that devices
/// that have lost a server at the same time do not come back at the same time.
pub(crate) struct Backoff {
    random: Random,
    tries: u32,
}

impl Backoff {
    pub(crate) fn new(random: Random) -> Self {
        Backoff { random, tries: 0 }
    }

    /// How long to wait now.
    pub(crate) fn next_ms(&mut self) -> u64 {
        let whole = LONGEST_MS.min(FIRST_MS << self.tries.min(16));
        self.tries += 1;
        whole / 2 + self.random.below(whole / 2 + 1)
    }

    /// A connection has ended that was there for so long.
    pub(crate) fn ended_after(&mut self, ms: u64) {
        if ms >= STEADY_MS {
            self.reset();
        }
    }

    /// Something has changed: the first wait comes next.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_differ() {
        let mut one = Backoff::new(Random::from_number(1));
        let mut other = Backoff::new(Random::from_number(2));
        let waits: Vec<u64> = (0..20).map(|_| one.next_ms()).collect();
        for (tries, wait) in waits.iter().enumerate() {
            let whole = LONGEST_MS.min(FIRST_MS << tries);
            assert!((whole / 2..=whole).contains(wait), "{tries}: {wait}");
        }
        assert_ne!(waits, (0..20).map(|_| other.next_ms()).collect::<Vec<_>>());
    }

    #[test]
    fn only_a_steady_connection_ends_the_growth() {
        let mut backoff = Backoff::new(Random::from_number(1));
        for _ in 0..6 {
            backoff.next_ms();
        }
        backoff.ended_after(STEADY_MS - 1);
        assert!(backoff.next_ms() > 4 * FIRST_MS);
        backoff.ended_after(STEADY_MS);
        assert!(backoff.next_ms() <= FIRST_MS);
    }
}
