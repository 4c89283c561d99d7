//! The timer wheel: which players' timers are to be looked at, by second of logical time.

use std::collections::BTreeMap;

use super::players::Slot;

/// Width of a bucket: 2^10 ms, about a second.
const BUCKET_BITS: u32 = 10;

/// See the module's words. Entries are never taken out early: one that no longer is its player's
/// appointment is passed over when its time comes.
#[derive(Default)]
pub(super) struct Wheel {
    buckets: BTreeMap<i64, Vec<(i64, Slot)>>,
}

impl Wheel {
    /// Makes an appointment.
    pub(super) fn add(&mut self, at: i64, slot: Slot) {
        if at != i64::MAX {
            self.buckets.entry(at >> BUCKET_BITS).or_default().push((at, slot));
        }
    }

    /// The end of the last bucket that lies wholly before `limit`.
    pub(super) const fn edge(limit: i64) -> i64 {
        limit >> BUCKET_BITS << BUCKET_BITS
    }

    /// Takes the next bucket that lies before `edge`.
    pub(super) fn take_before(&mut self, edge: i64) -> Option<Vec<(i64, Slot)>> {
        self.buckets.first_entry().filter(|entry| *entry.key() < edge >> BUCKET_BITS).map(|entry| entry.remove())
    }
}

/// Timers fire up to this much after they are due, each player's at its own phase.
pub(super) const PHASE_MS_MAX: i64 = 4_096;
