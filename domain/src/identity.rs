//! What makes two records the same thing (rule 8), as hashes.
//!
//! An identity is held as 64 bits of XXH3. Two different identities of one player collide with odds of
//! n²/2 in 2^64: for a player with 10,000 remembered things 3 in 10^12, for 100 million players with
//! 100 each 3 in 10^8 over a whole window. A collision would turn a bet into a duplicate or a conflict.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::catalogue::EventType;

/// The hash of an identity; 0 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Key(pub u64);

impl Key {
    /// No identity.
    pub const NONE: Self = Self(0);

    /// The identity `id` of a type's own field, number `slot` in its row of the catalogue.
    #[must_use]
    pub fn own(kind: EventType, slot: u8, id: &str) -> Self {
        Self::of(spread(u64::from(slot) << 8 | u64::from(type_number(kind))), id)
    }

    /// The identity (`source`, `event_id`) that every event of a player has.
    #[must_use]
    pub fn event(source: &str, event_id: &str) -> Self {
        let seed = xxh3_64_with_seed(source.as_bytes(), 0x7469_6465_6d61_726b);
        Self::of(seed, event_id)
    }

    fn of(seed: u64, id: &str) -> Self {
        Self(xxh3_64_with_seed(id.as_bytes(), seed).max(1))
    }
}

/// A seed that shares no pattern with its neighbours (the finisher of SplitMix64): XXH3 adds the seed to
/// short inputs almost as it is, so neighbouring seeds would let `b37` of one type meet `s29` of another.
fn spread(number: u64) -> u64 {
    let mixed = (number ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn type_number(kind: EventType) -> u8 {
    #[expect(clippy::as_conversions, reason = "a fieldless enum of one byte; there is no other way")]
    {
        kind as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_of_different_types_do_not_meet() {
        let mut keys = Vec::new();
        for kind in EventType::ALL {
            for slot in 0..2 {
                for number in 0..1_000_u32 {
                    keys.extend(["b", "s", "r"].map(|prefix| Key::own(*kind, slot, &format!("{prefix}{number}"))));
                }
            }
        }
        let count = keys.len();
        keys.sort_by_key(|key| key.0);
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
