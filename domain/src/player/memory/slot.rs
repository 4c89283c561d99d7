//! What the index of a long memory holds: an entry, and which of its two identities is meant.

use super::Entry;
use crate::identity::Key;

/// Where one of the two keys of an entry stands in the index.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Slot(u32);

impl Slot {
    /// The slots of an entry: one for each identity it has.
    pub(super) fn of(number: u32, entry: &Entry) -> impl Iterator<Item = Self> + use<> {
        let keys = [entry.own, entry.event];
        [Self(number << 1), Self(number << 1 | 1)]
            .into_iter()
            .zip(keys)
            .filter(|(_, key)| *key != Key::NONE)
            .map(|(slot, _)| slot)
    }

    /// The entry's number.
    pub(super) const fn number(self) -> u32 {
        self.0 >> 1
    }

    /// The key that it stands for.
    pub(super) const fn key(self, entry: &Entry) -> Key {
        if self.0 & 1 == 0 { entry.own } else { entry.event }
    }
}
