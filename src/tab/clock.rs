//! How much time has passed, whatever people do to the clock.
//!
//! The wall clock is the only one that tabs share and that runs while the machine sleeps, but it can be set; a steady
//! clock belongs to one page and can't be set, but may stand still in sleep. Time that must not be underestimated is
//! measured by whichever went further.

/// Setting the wall clock back by less than this goes unnoticed, and harms nobody.
const SET_BACK_MS: f64 = 1000.0;

#[derive(Debug)]
pub(crate) struct Clock {
    wall_ms: f64,
    steady_ms: f64,
    elapsed_ms: f64,
    /// When the wall clock was last found to be set back.
    set_back_ms: f64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Clock { wall_ms: f64::NAN, steady_ms: f64::NAN, elapsed_ms: 0.0, set_back_ms: f64::NEG_INFINITY }
    }

    /// Takes in what both clocks say.
    pub(crate) fn tick(&mut self, wall_ms: f64, steady_ms: f64) {
        // The first comparison is with nothing, and NaN is never the larger one.
        let by_wall = wall_ms - self.wall_ms;
        let by_steady = (steady_ms - self.steady_ms).max(0.0);
        self.elapsed_ms += by_steady.max(by_wall);
        if by_wall < by_steady - SET_BACK_MS {
            self.set_back_ms = self.elapsed_ms;
        }
        (self.wall_ms, self.steady_ms) = (wall_ms, steady_ms);
    }

    /// Takes in the wall clock alone.
    pub(crate) fn tick_wall(&mut self, wall_ms: f64) {
        self.tick(wall_ms, self.steady_ms);
    }

    /// At least how much time has passed since the beginning.
    pub(crate) fn elapsed_ms(&self) -> f64 {
        self.elapsed_ms
    }

    /// Whether the wall clock was not set back within so much time: then it can be compared with times of others.
    pub(crate) fn is_trusted_since(&self, milliseconds: f64) -> bool {
        self.elapsed_ms - self.set_back_ms > milliseconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_what_the_clock_that_went_further_says() {
        let mut clock = Clock::new();
        clock.tick(1000.0, 50.0);
        assert_eq!(clock.elapsed_ms(), 0.0);
        clock.tick(1100.0, 130.0);
        assert_eq!(clock.elapsed_ms(), 100.0);
        // Asleep.
        clock.tick(91_100.0, 140.0);
        assert_eq!(clock.elapsed_ms(), 90_100.0);
        assert!(clock.is_trusted_since(30_000.0));
        // Set back by a minute while two seconds passed.
        clock.tick(33_100.0, 2140.0);
        assert_eq!(clock.elapsed_ms(), 92_100.0);
        assert!(!clock.is_trusted_since(30_000.0));
        clock.tick_wall(60_000.0);
        assert!(!clock.is_trusted_since(30_000.0));
        clock.tick_wall(70_000.0);
        assert!(clock.is_trusted_since(30_000.0));
    }

    #[test]
    fn without_a_steady_clock_setting_back_is_no_time() {
        let mut clock = Clock::new();
        for wall_ms in [5000.0, 6000.0, 1000.0, 1500.0] {
            clock.tick_wall(wall_ms);
        }
        assert_eq!(clock.elapsed_ms(), 1500.0);
        assert!(!clock.is_trusted_since(1500.0));
    }
}
