//! How much memory the remembered things take.

use super::bet::{Bet, ShortTerms};
use super::index::Index;
use super::{Entry, Memory, Rare};

impl Memory {
    /// Bytes of memory beside its own.
    pub(crate) fn bytes(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            size_of::<Rare>() + rare.written.capacity() * size_of::<(u32, Bet)>() + rare.marked.capacity() * size_of::<u32>()
        });
        let index = self.index.as_ref().map_or(0, |index| index.bytes() + size_of::<Index>());
        self.entries.capacity() * size_of::<Entry>()
            + self.marks.capacity() * size_of::<[u16; 2]>()
            + self.terms.capacity() * size_of::<ShortTerms>()
            + index
            + rare
    }
}
