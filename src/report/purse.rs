//! The points of all players together, twice: as their profiles hold them, and as the ledger posted
//! them.

use super::people::People;
use super::wire::{EntryType, PointsHeld, PointsPosted};

/// Seven sums of points.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Points {
    pub(super) accrued: i128,
    pub(super) reversed: i128,
    pub(super) redeemed: i128,
    pub(super) expired: i128,
    pub(super) adjusted: i128,
    pub(super) available: i128,
    pub(super) blocked: i128,
}

impl Points {
    /// What should be there by P-1: accrued - reversed - redeemed - expired + adjusted.
    pub(super) const fn due(&self) -> i128 {
        self.accrued - self.reversed - self.redeemed - self.expired + self.adjusted
    }

    /// What is there.
    pub(super) const fn held(&self) -> i128 {
        self.available + self.blocked
    }

    fn add(&mut self, held: &PointsHeld) {
        self.accrued += held.accrued.0;
        self.reversed += held.reversed.0;
        self.redeemed += held.redeemed.0;
        self.expired += held.expired.0;
        self.adjusted += held.adjusted.0;
        self.available += held.available.0;
        self.blocked += held.blocked.0;
    }
}

/// Both accounts.
#[derive(Debug, Default)]
pub(super) struct Purse {
    /// The sum of the profiles.
    pub(super) held: Points,
    /// The sum of the ledger.
    pub(super) posted: Points,
    /// Players whose own purse does not balance.
    pub(super) unbalanced: u64,
    /// Turnover as the profiles hold it.
    pub(super) cumulative: i128,
}

impl Purse {
    /// Adds up the profiles.
    pub(super) fn of(people: &People) -> Self {
        let mut purse = Self::default();
        for held in people.all.iter().filter_map(|person| person.held.as_ref()) {
            let mut own = Points::default();
            own.add(&held.points);
            purse.unbalanced += u64::from(own.held() != own.due());
            purse.held.add(&held.points);
            purse.cumulative += held.cumulative;
        }
        purse
    }

    /// Takes a posting.
    pub(super) const fn post(&mut self, row: &PointsPosted<'_>) {
        let (points, sums) = (row.points.0, &mut self.posted);
        match row.entry_type {
            EntryType::Accrue => {
                sums.accrued += points;
                sums.available += points;
            }
            EntryType::Reverse => {
                sums.reversed -= points;
                sums.available += points;
            }
            EntryType::Expire => {
                sums.expired -= points;
                sums.available += points;
            }
            EntryType::Adjust => {
                sums.adjusted += points;
                sums.available += points;
            }
            EntryType::Block => {
                sums.available -= points;
                sums.blocked += points;
            }
            EntryType::Unblock => {
                sums.blocked -= points;
                sums.available += points;
            }
            EntryType::Redeem => {
                sums.blocked -= points;
                sums.redeemed += points;
            }
        }
    }
}
