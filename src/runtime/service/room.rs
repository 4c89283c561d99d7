//! How much may be under way, and how much may wait for its time: the back-pressure.

use std::collections::VecDeque;

use super::STEP_MS;
use crate::epoch::{Epoch, Span};

/// An epoch counts as this share of a full one at least.
const SMALLEST: u64 = 64;
/// What a full epoch has where nobody has said it.
const FULL: u64 = 4 << 20;

/// While more than this waits for its time, only partitions are read whose clock is about as far as the one that holds time
/// back. Each has the same share of an epoch, so one of which for a moment less was there would never come up with the others.
const APART: u64 = 8 << 20;
/// Beside a wall clock this much apart is always near enough, in ms: at the end of all partitions their clocks differ by how
/// long an epoch has just taken, and with an ordering delay of a second 8 MiB wait at 17,000 records a second.
const LIVE_MS: i64 = 1_000;
/// While more than this does, only those that hold time back.
const WAITS: u64 = 64 << 20;
/// While more than this does and the wall clock is what holds time back, or the step in which it catches up, none is.
const WAITS_MAX: u64 = 4 * WAITS;
/// In the simulation a byte counts as so many, by the epoch at which a process goes on, so that its few records reach each of
/// these bounds, or none.
const SIMULATED: [u64; 4] = [1, 256, 1_024, 8_192];

/// What holds time back but for records: the wall clock, in mode `wall`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    /// No partition's clock, less the ordering delay, is beyond this: where the last epoch's `now` was.
    pub(super) limit: i64,
    /// Logical time as it is known.
    pub(super) logical: i64,
}

impl Wall {
    /// Whether time is on its way to `least`, where no record holds it back: it goes there in steps.
    pub(super) const fn is_stepping(self, least: i64) -> bool {
        least < i64::MAX && least > self.logical.saturating_add(STEP_MS)
    }
}

/// Which partitions may be read while much waits for its time.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What a byte counts as.
    byte: u64,
    holding: bool,
    span: Span,
}

impl Waiting {
    /// Nothing waits yet; in the simulation, with the epoch at which the process goes on.
    pub(super) fn new(simulated: Option<Epoch>) -> Self {
        let byte = simulated.and_then(|epoch| SIMULATED.get(epoch as usize % SIMULATED.len()));
        Self { byte: byte.copied().unwrap_or(1), holding: false, span: Span::default() }
    }

    /// An epoch has moved the least of all clocks so far.
    pub(super) fn moved(&mut self, before: i64, after: i64) {
        self.span.moved(before, after);
    }

    /// Where `bytes` wait, up to which clock, less the ordering delay, a partition may be read; `least` is the least of all.
    pub(super) fn near(&mut self, bytes: u64, least: i64, wall: Option<Wall>) -> i64 {
        let bytes = bytes.saturating_mul(self.byte);
        self.holding = bytes > if self.holding { WAITS / 2 } else { WAITS };
        match wall {
            _ if bytes <= APART => i64::MAX,
            _ if !self.holding => {
                let apart = self.span.0.saturating_mul(2);
                least.saturating_add(if wall.is_some() { apart.max(LIVE_MS) } else { apart })
            }
            // What stands at the wall clock, and what time is stepping to, moves nothing when it is read.
            Some(wall) if bytes > WAITS_MAX => least.min(wall.limit.saturating_sub(1)).min(wall.logical.saturating_add(STEP_MS)),
            _ => least,
        }
    }
}

/// What is under way between the cutting of an epoch and the sinks, in bytes that were read.
///
/// Epochs of full size are as many as the setting says; of small ones, as long as nothing is behind, there are more, so
/// that a commit that takes longer than they do does not hold up the next ones.
#[derive(Debug)]
pub(super) struct Room {
    full: u64,
    most: u64,
    under_way: VecDeque<(Epoch, u64)>,
    sum: u64,
}

impl Room {
    /// Room for so many epochs of so many bytes.
    pub(super) fn new(epochs: u64, bytes: usize) -> Self {
        let full = if bytes == 0 { FULL } else { bytes as u64 };
        Self { full, most: full.saturating_mul(epochs.max(1)), under_way: VecDeque::new(), sum: 0 }
    }

    /// Whether another epoch may begin, where all sinks have taken everything up to `taken`.
    pub(super) fn is_free(&mut self, taken: Epoch) -> bool {
        while let Some((_, bytes)) = self.under_way.pop_front_if(|(epoch, _)| *epoch <= taken) {
            self.sum -= bytes;
        }
        self.sum < self.most
    }

    /// An epoch has begun, and so many bytes were read for it.
    pub(super) fn add(&mut self, epoch: Epoch, bytes: u64) {
        let bytes = bytes.max(self.full / SMALLEST);
        self.under_way.push_back((epoch, bytes));
        self.sum += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::{APART, Room, STEP_MS, WAITS, WAITS_MAX, Waiting, Wall};

    #[test]
    fn while_much_waits_only_those_are_read_that_hold_time_back() {
        let mut waiting = Waiting::new(None);
        waiting.moved(i64::MIN, 7);
        waiting.moved(0, i64::MAX);
        assert_eq!(waiting.near(WAITS, 7, None), 7, "nothing is known of an epoch yet");
        waiting.moved(0, 80);
        assert_eq!(waiting.near(WAITS, 7, None), 167);
        assert_eq!(waiting.near(WAITS, 7, Some(Wall { limit: 500, logical: 7 })), 1_007);
        assert_eq!(waiting.near(WAITS + 1, 7, None), 7);
        assert_eq!(waiting.near(WAITS / 2 + 1, 7, None), 7, "until half of it is gone");
        assert_eq!(waiting.near(WAITS / 2, 7, None), 167);
        assert_eq!(waiting.near(10 * WAITS_MAX, 7, None), 7);
        assert_eq!(waiting.near(APART, 7, None), i64::MAX);
        waiting.moved(80, 80);
        assert_eq!(waiting.near(APART + 1, 7, None), 147, "it is forgotten by and by");
    }

    #[test]
    fn while_far_too_much_waits_for_the_wall_clock_itself_nothing_is_read() {
        let mut waiting = Waiting::new(None);
        // The clock stands: every partition is where it is.
        let standing = Wall { limit: 500, logical: 500 };
        assert_eq!(waiting.near(WAITS_MAX, 500, Some(standing)), 500);
        assert!(waiting.near(WAITS_MAX + 1, 500, Some(standing)) < 500);
        // One that lags is read all the same.
        assert_eq!(waiting.near(WAITS_MAX + 1, 300, Some(Wall { limit: 500, logical: 300 })), 300);
        // Hours of history behind it are passed in steps.
        let catching_up = Wall { limit: 9 * STEP_MS, logical: 0 };
        assert!(waiting.near(WAITS_MAX + 1, 3 * STEP_MS, Some(catching_up)) < 3 * STEP_MS);
        assert!(catching_up.is_stepping(STEP_MS + 1) && !catching_up.is_stepping(STEP_MS));
        assert_eq!(waiting.near(WAITS_MAX + 1, STEP_MS, Some(catching_up)), STEP_MS);
        // A partition without any clock yet.
        assert_eq!(waiting.near(WAITS_MAX + 1, i64::MIN, Some(Wall { limit: i64::MIN, logical: i64::MIN })), i64::MIN);
    }

    #[test]
    fn of_full_epochs_there_are_as_many_as_is_said_and_of_small_ones_more() {
        let mut room = Room::new(2, 6_400);
        assert!(room.is_free(0));
        room.add(1, 6_400);
        assert!(room.is_free(0));
        room.add(2, 6_400);
        assert!(!room.is_free(0));
        assert!(room.is_free(1));
        for epoch in 3..=66 {
            assert!(room.is_free(1), "epoch {epoch}");
            room.add(epoch, 10);
        }
        assert!(!room.is_free(1), "one full and sixty-four small ones");
        assert!(room.is_free(66));
        assert_eq!((room.sum, room.under_way.len()), (0, 0));
    }
}
