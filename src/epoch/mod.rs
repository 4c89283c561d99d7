//! Epochs and clocks: numbers only, no bets.
//!
//! Owns: what an epoch is, the clock of a partition, apply times and logical time (rule 0). Does not own:
//! what the records say.

mod clock;

use serde::{Deserialize, Serialize};

pub use clock::{Clock, ClockSettings, Timed};

/// How far an epoch moves time, smoothed, in ms: at most a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span(pub(crate) i64);

impl Span {
    /// An epoch has moved time; `i64::MIN` and `i64::MAX` are no times.
    pub(crate) fn moved(&mut self, before: i64, after: i64) {
        if before != i64::MIN && after != i64::MAX {
            let step = after.saturating_sub(before).clamp(0, 86_400_000);
            self.0 = (self.0.max(step) * 7 + step) / 8;
        }
    }
}

/// Where a partition is to be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Position {
    /// The next record's offset; in a file the number of the next line.
    pub offset: u64,
    /// The next record's byte in the file, after decompression; 0 elsewhere.
    pub byte: u64,
}

/// Where a partition stands after an epoch: the binding of that epoch, as far as this partition goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The number of the partition, in the order of topic and partition.
    pub partition: u32,
    /// Where it is to be read on.
    pub position: Position,
    /// Its clock.
    pub clock: Clock,
    /// Whether it is at its end.
    pub ended: bool,
}

/// The number of an epoch: the timely timestamp. An epoch covers a range of offsets of each partition.
pub type Epoch = u64;

/// Key groups: fixed for ever, see `docs/sizing.md`.
pub const KEY_GROUPS: u32 = 240;

/// How key groups are spread: group -> shard -> worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spread {
    /// Shards of the job; divides [`KEY_GROUPS`].
    pub shards: u32,
    /// Workers.
    pub workers: u32,
}

impl Spread {
    /// The key group of a key, `brand:player`: Kafka's own hash, so that it follows its partitions.
    #[must_use]
    pub fn group(key: &[u8]) -> u32 {
        (crate::murmur2::murmur2(key) & 0x7fff_ffff) % KEY_GROUPS
    }

    /// The shard of a key group.
    #[must_use]
    pub const fn shard(self, group: u32) -> u32 {
        group % self.shards
    }

    /// The worker that owns a key group.
    #[must_use]
    pub const fn worker(self, group: u32) -> u32 {
        self.shard(group) % self.workers
    }
}
