//! The index of a long memory: by each identity of an entry, where the entry is.
//!
//! Open addressing over two lists. A search for something new, as nearly all are, reads the one with a byte of each identity
//! and ends at the first free place: mostly one line, that can be asked for long before. What has left the memory is not taken
//! out: its number is no entry's any more, and once the places are full the index is made anew without it.

use prefetch_index::prefetch_index;

use super::slot::Slot;
use crate::identity::Key;

/// See the module's words.
#[derive(Clone, Default, Debug)]
pub(super) struct Index {
    /// A byte of the identity at each place; 0 where the place is free.
    tags: Vec<u8>,
    slots: Vec<Slot>,
    taken: usize,
}

/// The byte that is compared before an entry is looked at. The high bits of a key say where its search begins.
fn tag(key: Key) -> u8 {
    u8::try_from(key.0 & 0xff).unwrap_or(0).max(1)
}

impl Index {
    /// Room for so many identities, and for four in ten more before it is full.
    pub(super) fn with_room_for(identities: usize) -> Self {
        let places = identities.saturating_add(identities.div_ceil(4) * 3).max(8);
        Self { tags: vec![0; places], slots: vec![Slot::default(); places], taken: 0 }
    }

    /// Whether two more identities would leave too few free places: searches are short while a fifth is free.
    pub(super) fn is_full(&self) -> bool {
        (self.taken + 2).saturating_mul(5) > self.tags.len().saturating_mul(4)
    }

    /// Where the search for a key begins.
    fn start(&self, key: Key) -> usize {
        let places = u128::try_from(self.tags.len()).unwrap_or(0);
        usize::try_from((u128::from(key.0) * places) >> 64).unwrap_or(0)
    }

    /// Has the memory fetch where the search for a key begins.
    pub(super) fn prefetch(&self, key: Key) {
        prefetch_index(&self.tags, self.start(key));
    }

    /// The places of a search up to the first free one, each with its tag.
    fn places(&self, key: Key) -> impl Iterator<Item = (usize, u8)> {
        let start = self.start(key);
        let (before, from) = self.tags.split_at_checked(start).unwrap_or((&self.tags, &[]));
        (start..).zip(from).chain((0..).zip(before)).map(|(place, tag)| (place, *tag)).take_while(|(_, tag)| *tag != 0)
    }

    /// The slots that may be of a key: each has to be compared with the entry that it names.
    pub(super) fn candidates(&self, key: Key) -> impl Iterator<Item = Slot> {
        let wanted = tag(key);
        self.places(key).filter(move |(_, tag)| *tag == wanted).filter_map(|(place, _)| self.slots.get(place).copied())
    }

    /// Takes in the slot of a key; there has to be room.
    pub(super) fn insert(&mut self, key: Key, slot: Slot) {
        let start = self.start(key);
        let place = match self.places(key).last() {
            None => start,
            Some((last, _)) if last + 1 == self.tags.len() => 0,
            Some((last, _)) => last + 1,
        };
        if let (Some(free), Some(of)) = (self.tags.get_mut(place), self.slots.get_mut(place)) {
            (*free, *of) = (tag(key), slot);
            self.taken += 1;
        }
    }

    /// Bytes of memory beside its own.
    pub(super) fn bytes(&self) -> usize {
        self.tags.capacity() + self.slots.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::player::memory::Entry;

    /// Entry `number`, with keys that begin their search close to each other, at the last places of all, or anywhere.
    fn entry(number: u32) -> Entry {
        let crowded = u64::MAX - (u64::from(number % 7) << 8) - u64::from(number / 50 % 3);
        let spread = (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let own = if number.is_multiple_of(5) { crowded } else { spread };
        Entry { own: Key(own), event: Key(spread.rotate_left(17)), stake: 0, body: number, day: 0, terms: 0 }
    }

    fn is_found(index: &Index, number: u32) -> bool {
        let entry = entry(number);
        Slot::of(number, &entry).all(|slot| index.candidates(slot.key(&entry)).any(|found| found == slot))
    }

    #[test]
    fn everything_is_found_whatever_shares_a_place_or_a_hash() {
        let mut index = Index::with_room_for(400);
        assert_eq!(index.candidates(Key(5)).count(), 0);
        let mut count = 0;
        while !index.is_full() {
            let entry = entry(count);
            for slot in Slot::of(count, &entry) {
                index.prefetch(slot.key(&entry));
                index.insert(slot.key(&entry), slot);
            }
            count += 1;
            assert!((0..count).all(|number| is_found(&index, number)), "{count}");
        }
        // Of two identities each: room for what was asked, and for four in ten more.
        assert_eq!(count, 280);
        let stranger = Key(0x5555_5555_5555_5555);
        assert!(index.candidates(stranger).all(|slot| slot.key(&entry(slot.number())) != stranger));
    }

    #[test]
    fn an_index_without_places_is_searched_without_a_result() {
        let index = Index::default();
        index.prefetch(Key(7));
        assert!(index.is_full());
        assert_eq!(index.candidates(Key(7)).count(), 0);
    }
}
