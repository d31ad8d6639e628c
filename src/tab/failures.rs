//! Failures in a row of something that is tried again: soon while somebody waits for it, ever more rarely
//! while nobody does.

/// After so many, whoever waits is told, and a person hears of it.
const MOST: u32 = 3;
/// The first pause while somebody waits, and the longest.
const URGENT_MS: (f64, f64) = (250.0, 1_000.0);
/// The same while nobody does.
const PATIENT_MS: (f64, f64) = (5_000.0, 60_000.0);

#[derive(Default)]
pub(crate) struct Failures {
    times: u32,
    last_ms: f64,
}

impl Failures {
    /// Notes one more. Whether it is the one that a person should hear of.
    pub(crate) fn note(&mut self, now_ms: f64) -> bool {
        self.times = self.times.saturating_add(1);
        self.last_ms = now_ms;
        self.times == MOST
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
        self.times >= MOST
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
