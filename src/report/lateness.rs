//! Bets that came late: how late, and to which day they went.

use std::collections::BTreeMap;

use tidemark_domain::time::Day;

use super::wire::{EntryType, PointsPosted};

/// How many, and how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Late {
    pub(super) bets: u64,
    pub(super) base: i128,
}

/// How late a bet can be, in days between its own day and the day it was applied on.
pub(super) const DELAYS: [(&str, i32); 5] =
    [("the same day", 0), ("the day after", 1), ("2 to 7 days after", 7), ("8 to 30 days after", 30), ("later", i32::MAX)];

/// All late bets.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    pub(super) total: Late,
    /// By the day it belongs to.
    pub(super) days: BTreeMap<Day, Late>,
    /// By delay, see [`DELAYS`].
    pub(super) delays: [Late; 5],
    /// Late reversals: they go to the day of their bet.
    pub(super) reversals: u64,
}

impl Lateness {
    /// Takes a posting.
    pub(super) fn add(&mut self, row: &PointsPosted<'_>) {
        if !row.late {
            return;
        }
        if row.entry_type != EntryType::Accrue {
            self.reversals += u64::from(row.entry_type == EntryType::Reverse);
            return;
        }
        let own = row.occurred_at.day();
        let days = row.as_of.day().since(own);
        let delay = DELAYS.iter().position(|(_, most)| days <= *most).unwrap_or(DELAYS.len() - 1);
        for late in [&mut self.total, self.days.entry(own).or_default(), &mut self.delays[delay]] {
            late.bets += 1;
            late.base += row.turnover();
        }
    }

    /// The day to which the most late money went.
    pub(super) fn heaviest(&self) -> Option<(Day, Late)> {
        self.days.iter().max_by_key(|(day, late)| (late.base, std::cmp::Reverse(**day))).map(|(day, late)| (*day, *late))
    }
}
