//! What a player weighs, and what new rules mean for its timers.

use super::{Player, Rare};
use crate::rules::Rules;

impl Player {
    /// How many bytes of memory the player takes, as far as can be told without asking the allocator.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let key = if self.key.is_heap_allocated() { self.key.capacity() } else { 0 };
        let rare = self.rare.as_ref().map_or(0, |rare| size_of::<Rare>() + rare.payments.bytes());
        size_of::<Self>() + key + self.days.bytes() + self.memory.bytes() + rare
    }

    /// Takes notice of rules that have become known: a revision may come into force before anything else
    /// is due (rule 16).
    pub fn rules_changed(&mut self, rules: &Rules) {
        self.wake_by(rules.switch_after(self.standing.revision));
    }
}
