//! Where the player of a hash is kept.
//!
//! Open addressing, one place after the other, and nobody ever leaves. What a library's table would not give: the
//! one line of memory that a search begins at can be asked for long before the search.

use prefetch_index::prefetch_index;

use super::players::Slot;

/// See the module's words.
#[derive(Default)]
pub(super) struct Index {
    /// A power of two of places, each with half of a hash and one more than its slot; 0 where it is free.
    places: Vec<(u32, u32)>,
    count: usize,
}

/// How many places there are at least.
const LEAST: usize = 64;

/// The half of a hash that is compared before the player is asked; the other half says where the search begins.
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Index {
    /// A place by a number that may be beyond the last one: the first follows it.
    const fn wrapped(&self, at: usize) -> usize {
        at & self.places.len().wrapping_sub(1)
    }

    /// Has the memory fetch where the search for a hash begins.
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch_index(&self.places, self.wrapped(hash as usize));
    }

    /// The first slot of that hash which `is` says yes to.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is: impl FnMut(Slot) -> bool) -> Option<Slot> {
        let mut at = self.wrapped(hash as usize);
        loop {
            let (known, slot) = *self.places.get(at)?;
            let slot = Slot(slot.checked_sub(1)?);
            if known == tag(hash) && is(slot) {
                return Some(slot);
            }
            at = self.wrapped(at + 1);
        }
    }

    /// Takes in a slot; `hash_of` gives the hash of one that was taken in before.
    pub(super) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        // Two thirds at most are taken, so that searches stay short.
        if (self.count + 1) * 3 > self.places.len() * 2 {
            let more = (self.places.len() * 2).max(LEAST);
            let before = std::mem::replace(&mut self.places, vec![(0, 0); more]);
            for old in before.into_iter().filter_map(|(_, taken)| taken.checked_sub(1)).map(Slot) {
                self.put(hash_of(old), old);
            }
        }
        self.put(hash, slot);
        self.count += 1;
    }

    fn put(&mut self, hash: u64, slot: Slot) {
        let mut at = self.wrapped(hash as usize);
        while let Some(place) = self.places.get_mut(at) {
            if place.1 == 0 {
                *place = (tag(hash), slot.0 + 1);
                return;
            }
            at = self.wrapped(at + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_found_whoever_shares_a_place_or_a_hash() {
        // Three of each hash, and hashes that begin their search close to each other, at the last places of all.
        let hash_of = |slot: Slot| u64::from(slot.0 / 3) << 33 | (u64::from(u32::MAX) - u64::from(slot.0 / 3 % 7));
        let mut index = Index::default();
        assert_eq!(index.find(5, |_| true), None);
        index.prefetch(5);
        for slot in (0..2_000).map(Slot) {
            assert_eq!(index.find(hash_of(slot), |found| found == slot), None);
            index.insert(hash_of(slot), slot, hash_of);
            assert_eq!(index.find(hash_of(slot), |found| found == slot), Some(slot));
        }
        for slot in (0..2_000).map(Slot) {
            assert_eq!(index.find(hash_of(slot), |found| found == slot), Some(slot));
            assert_eq!(index.find(hash_of(slot) | 1 << 32, |_| true), None);
        }
    }
}
