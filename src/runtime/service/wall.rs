//! The wall clock that epochs are stamped with in mode `wall`.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The wall clock of epochs.
#[derive(Clone, Copy, Debug)]
pub(super) struct WallClock {
    speed: u32,
    /// What it was at `begun`.
    base: i64,
    begun: Instant,
}

impl WallClock {
    /// The machine's clock, or one that starts at `start` and runs `speed` times as fast.
    pub(super) fn new(speed: u32, start: Option<i64>, last: Option<i64>) -> Self {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let base = match start {
            Some(start) => last.map_or(start, |last| last.max(start)),
            None if speed > 1 => last.unwrap_or(machine),
            None => machine,
        };
        Self { speed, base, begun: Instant::now() }
    }

    /// What it is now, in ms.
    pub(super) fn now(&self) -> i64 {
        let passed = self.begun.elapsed().as_micros() as i64;
        self.base.saturating_add(passed.saturating_mul(i64::from(self.speed)) / 1_000)
    }
}
