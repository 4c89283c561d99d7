//! What was taken back.

use std::collections::BTreeMap;

use super::wire::{EntryType, PointsPosted};

/// How often, and how much, not below zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Taken {
    pub(super) count: u64,
    pub(super) base: i128,
    pub(super) points: i128,
}

/// All reversals.
#[derive(Debug, Default)]
pub(super) struct Reversals {
    pub(super) total: Taken,
    /// By the reason that came with them; empty where none did.
    pub(super) reasons: BTreeMap<String, Taken>,
}

impl Reversals {
    /// Takes a posting.
    pub(super) fn add(&mut self, row: &PointsPosted<'_>) {
        if row.entry_type != EntryType::Reverse {
            return;
        }
        let reason = row.reason.as_ref().map_or("", |reason| &*reason.0);
        if !self.reasons.contains_key(reason) {
            self.reasons.insert(reason.to_owned(), Taken::default());
        }
        let own = self.reasons.get_mut(reason);
        for taken in own.into_iter().chain([&mut self.total]) {
            taken.count += 1;
            taken.base -= row.turnover();
            taken.points += row.points.0.abs();
        }
    }

    /// The reasons, the most frequent first.
    pub(super) fn by_frequency(&self) -> Vec<(&str, Taken)> {
        let mut rows: Vec<(&str, Taken)> = self.reasons.iter().map(|(reason, taken)| (reason.as_str(), *taken)).collect();
        rows.sort_by(|left, right| right.1.count.cmp(&left.1.count).then(left.0.cmp(right.0)));
        rows
    }
}
