//! The wall clock that epochs are stamped with in mode `wall`.

use std::time::Duration;

use crate::machine::Machine;

/// The wall clock of epochs.
#[derive(Clone, Debug)]
pub(super) struct WallClock {
    machine: Machine,
    /// Whether it is another clock than the machine's, for a test. The machine's own is asked each time: it may be set, and
    /// a machine that was suspended is behind by any other count.
    is_test: bool,
    speed: u32,
    /// What it was at `begun`.
    base: i64,
    begun: Duration,
}

impl WallClock {
    /// The machine's clock, or one that starts at `start` and runs `speed` times as fast.
    pub(super) fn new(on: &Machine, speed: u32, start: Option<i64>, last: Option<i64>) -> Self {
        let machine = on.wall_ms();
        let base = match start {
            Some(start) => last.map_or(start, |last| last.max(start)),
            None if speed > 1 => last.unwrap_or(machine),
            None => machine,
        };
        let is_test = !on.is_simulated() && (speed > 1 || start.is_some());
        Self { machine: on.clone(), is_test, speed, base, begun: on.now() }
    }

    /// What it is now, in ms.
    pub(super) fn now(&self) -> i64 {
        if !self.is_test {
            return self.machine.wall_ms();
        }
        let passed = (self.machine.now() - self.begun).as_micros() as i64;
        self.base.saturating_add(passed.saturating_mul(i64::from(self.speed)) / 1_000)
    }
}
