//! How much may be under way: the back-pressure.

use std::collections::VecDeque;

use crate::epoch::Epoch;

/// An epoch counts as this share of a full one at least.
const SMALLEST: u64 = 64;
/// What a full epoch has where nobody has said it.
const FULL: u64 = 4 << 20;

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
    use super::Room;

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
