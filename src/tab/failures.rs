//! Failures in a row of something that is tried again: soon while somebody waits for it, ever more rarely
//! while nobody does.

/// The first pause while somebody waits, and the longest.
const URGENT_MS: (f64, f64) = (250.0, 1_000.0);
/// The same while nobody does.
const PATIENT_MS: (f64, f64) = (5_000.0, 60_000.0);

pub(crate) struct Failures {
    /// After so many, whoever waits is told, and a person hears of it.
    most: u32,
    times: u32,
    last_ms: f64,
}

impl Default for Failures {
    fn default() -> Self {
        Failures::new(3)
    }
}

impl Failures {
    pub(crate) fn new(most: u32) -> Self {
        Failures { most, times: 0, last_ms: 0.0 }
    }

    /// Notes one more. Whether it is the one that a person should hear of.
    pub(crate) fn note(&mut self, now_ms: f64) -> bool {
        self.times = self.times.saturating_add(1);
        self.last_ms = now_ms;
        self.times == self.most
    }

    /// It went well.
    pub(crate) fn end(&mut self) {
        self.times = 0;
    }

    pub(crate) fn times(&self) -> u32 {
        self.times
    }

    /// Whether nobody should wait any longer.
    pub(crate) fn are_many(&self) -> bool {
        self.times >= self.most
    }

    /// How long the next try has to wait; 0 is not at all.
    pub(crate) fn pause_ms(&self, now_ms: f64, is_urgent: bool) -> f64 {
        if self.times == 0 {
            return 0.0;
        }
        let (first, most) = if is_urgent { URGENT_MS } else { PATIENT_MS };
        let pause = (first * f64::from(1_u32 << (self.times - 1).min(8))).min(most);
        // A clock that was set back must not make it longer.
        (pause - (now_ms - self.last_ms).abs()).max(0.0)
    }
}
