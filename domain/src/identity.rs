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
        Self::of(u64::from(slot) << 8 | u64::from(type_number(kind)), id)
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

fn type_number(kind: EventType) -> u8 {
    #[expect(clippy::as_conversions, reason = "a fieldless enum of one byte; there is no other way")]
    {
        kind as u8
    }
}
