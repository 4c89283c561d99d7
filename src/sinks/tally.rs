//! What a run amounts to so far: counts, digests and places. It is part of every progress record, so a
//! run that was resumed has the summary of one that never stopped.

use serde::{Deserialize, Serialize};

use super::{Blocks, Topic};
use crate::epoch::{Epoch, Place};

/// Counts of a run (CONTRACTS section 4).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records read.
    pub events_in: u64,
    /// Applied, refusals included.
    pub applied: u64,
    /// Known already.
    pub duplicates: u64,
    /// Late ones of the applied.
    pub late: u64,
    /// Set aside.
    pub dead_letters: u64,
    /// Reversals whose bet did not come.
    pub unmatched_reversals: u64,
    /// Of unknown types.
    pub skipped_unknown: u64,
    /// Beyond the end that was asked for.
    pub beyond_until: u64,
    /// Bets on a game without a weight.
    pub unknown_game_total: u64,
    /// Amounts without a rate that are no bet's.
    pub fx_missing_total: u64,
    /// Facts by topic.
    pub facts: [u64; Topic::ALL.len()],
    /// The sum of the hashes of all facts but profiles, in hex.
    #[serde(with = "hex128")]
    pub digest: u128,
    /// Final profiles.
    pub profiles: u64,
    /// The sum of their hashes. Every end of a drain gives each player another final one, which takes the place of
    /// the one before.
    #[serde(default, with = "hex128")]
    pub final_profiles: u128,
    /// What points came to.
    #[serde(default)]
    pub points: Points,
}

/// What the postings of points come to, in millionths of a point; for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// Accrued.
    #[serde(with = "hex128")]
    pub accrued: u128,
    /// Redeemed.
    #[serde(with = "hex128")]
    pub redeemed: u128,
    /// Available to all players together, as two's complement.
    #[serde(with = "hex128")]
    pub available: u128,
    /// Triggers of a level reached.
    pub level_ups: u64,
}

impl Points {
    /// Adds what another part of the run came to.
    pub const fn add(&mut self, other: &Self) {
        self.accrued = self.accrued.wrapping_add(other.accrued);
        self.redeemed = self.redeemed.wrapping_add(other.redeemed);
        self.available = self.available.wrapping_add(other.available);
        self.level_ups += other.level_ups;
    }
}

/// A commit: how far everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The last epoch that is in it.
    pub epoch: Epoch,
    /// Logical time after it, in ms; none before there was any.
    pub logical_time: Option<i64>,
    /// What it amounts to.
    pub tally: Tally,
    /// Where every partition stands.
    pub places: Vec<Place>,
    /// Whether the run is complete.
    pub finished: bool,
}

impl Progress {
    /// Partitions have moved on.
    pub fn move_places(&mut self, places: Vec<Place>) {
        for place in places {
            match self.places.iter_mut().find(|known| known.partition == place.partition) {
                Some(known) => *known = place,
                None => self.places.push(place),
            }
        }
        self.places.sort_by_key(|place| place.partition);
    }
}

impl Tally {
    /// Adds the facts of an epoch.
    pub fn add_blocks(&mut self, blocks: &Blocks) {
        for (topic, block) in Topic::ALL.iter().zip(blocks) {
            self.facts[*topic as usize] += block.count;
            let sum = if *topic == Topic::Profiles { &mut self.final_profiles } else { &mut self.digest };
            *sum = sum.wrapping_add(block.digest);
        }
    }

    /// An end begins: the final profiles that come now are each player's.
    pub const fn begin_end(&mut self) {
        self.profiles = 0;
        self.final_profiles = 0;
    }

    /// The digest over all facts, of profiles only each player's final one.
    #[must_use]
    pub const fn facts_digest(&self) -> u128 {
        self.digest.wrapping_add(self.final_profiles)
    }

    /// Adds counts of another part of the same epoch.
    pub fn add_counts(&mut self, other: &Self) {
        self.events_in += other.events_in;
        self.applied += other.applied;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.dead_letters += other.dead_letters;
        self.unmatched_reversals += other.unmatched_reversals;
        self.skipped_unknown += other.skipped_unknown;
        self.beyond_until += other.beyond_until;
        self.unknown_game_total += other.unknown_game_total;
        self.fx_missing_total += other.fx_missing_total;
        self.profiles += other.profiles;
        self.points.add(&other.points);
    }

    /// Whether every record read is accounted for.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.events_in == self.applied + self.duplicates + self.dead_letters + self.skipped_unknown + self.beyond_until
    }
}

mod hex128 {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{value:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}
