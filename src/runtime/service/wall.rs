//! The wall clock that epochs are stamped with in mode `wall`.

use std::time::Duration;

use tidemark_domain::time::Instant;

use crate::kafka::Notice;
use crate::machine::Machine;

/// By how much the clock may be behind what was bound before it is told: clocks of machines differ a little.
const BEHIND_MS: i64 = 5_000;
/// How often it is told.
const AGAIN: Duration = Duration::from_secs(60);

/// The wall clock of epochs.
pub(super) struct WallClock {
    machine: Machine,
    notice: Notice,
    /// When it was told last that this clock is behind.
    told: Option<Duration>,
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
    pub(super) fn new(on: &Machine, speed: u32, start: Option<i64>, last: Option<i64>, notice: Notice) -> Self {
        let machine = on.wall_ms();
        let base = match start {
            Some(start) => last.map_or(start, |last| last.max(start)),
            None if speed > 1 => last.unwrap_or(machine),
            None => machine,
        };
        let is_test = !on.is_simulated() && (speed > 1 || start.is_some());
        Self { machine: on.clone(), notice, told: None, is_test, speed, base, begun: on.now() }
    }

    /// What the next epoch is bound with: what the clock says, and never less than `last`, the one before (CONTRACTS rule 0).
    /// A clock that was set ahead by mistake has bound times that are still to come: then time stands still until they are
    /// there, which is told.
    pub(super) fn stamp(&mut self, last: i64) -> i64 {
        let now = self.now();
        if last.saturating_sub(now) >= BEHIND_MS {
            let passed = self.machine.now();
            if self.told.is_none_or(|told| passed - told >= AGAIN) {
                self.told = Some(passed);
                (self.notice)(&format!(
                    "this machine's clock says {}, and {} is bound already: a clock was ahead, or this one is behind. Time stands \
                     still until then: what is read waits, and no timer fires",
                    Instant(now),
                    Instant(last)
                ));
            }
        }
        now.max(last)
    }

    /// What it is now, in ms.
    fn now(&self) -> i64 {
        if !self.is_test {
            return self.machine.wall_ms();
        }
        let passed = (self.machine.now() - self.begun).as_micros() as i64;
        self.base.saturating_add(passed.saturating_mul(i64::from(self.speed)) / 1_000)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_clock_behind_what_was_bound_stands_still_and_is_told_once_a_minute() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&told);
        let notice: Notice = Arc::new(move |line: &str| into.lock().unwrap().push(line.to_owned()));
        let machine = Machine::default();
        let mut clock = WallClock::new(&machine, 1, None, None, notice);
        let before = machine.wall_ms();
        assert!(clock.stamp(i64::MIN) >= before);
        assert_eq!(clock.stamp(before + 4_000), before + 4_000, "machines differ by so much");
        assert_eq!(*told.lock().unwrap(), Vec::<String>::new());
        let ahead = before + 86_400_000;
        for _ in 0..3 {
            assert_eq!(clock.stamp(ahead), ahead);
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(&format!("and {} is bound already", Instant(ahead))), "{}", told[0]);
    }
}
