//! When a player's profile leaves: at once, or in its key group's turn, or not before the end.
//!
//! Turns are spread over the interval. If all came at one moment, then everything behind them would wait: with 100,000
//! players at play that was a second out of ten.

use serde::{Deserialize, Serialize};
use tidemark_domain::time::Instant;

use super::super::Profiles;
use super::Ledger;
use super::players::Slot;
use crate::epoch::KEY_GROUPS;

/// A turn that comes later than this part of the interval is one after downtime.
const LATE: i64 = 8;

/// When each key group had its last turn, by the epochs' wall clock in ms; nothing before the first epoch that has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rounds(Vec<i64>);

impl Rounds {
    /// The groups whose turn it is: each of them once in an interval at most.
    fn due(&mut self, now: i64, interval: i64) -> Vec<u32> {
        let spread = |group: u32| i64::from(group) * interval / i64::from(KEY_GROUPS);
        if self.0.len() != KEY_GROUPS as usize {
            self.0 = (0..KEY_GROUPS).map(|group| now.saturating_add(spread(group)).saturating_sub(interval)).collect();
        }
        let mut due = Vec::new();
        for (group, last) in (0_u32..).zip(&mut self.0) {
            let late = now.saturating_sub(*last).saturating_sub(interval);
            if late >= 0 {
                // After downtime all are late, and are spread anew.
                *last = if late > interval / LATE { now.saturating_add(spread(group)) } else { now };
                due.push(group);
            }
        }
        due
    }

    /// The one that has come further: all workers see the same clock.
    pub(crate) fn later(self, other: Self) -> Self {
        if other.0.iter().max() > self.0.iter().max() { other } else { self }
    }
}

impl Ledger {
    /// Publishes the profiles of players of whom something changed, where it is their turn, or all.
    pub(super) fn publish_profiles(&mut self, now: Option<i64>, all: bool) {
        let (Profiles::Every(interval), Some(now)) = (self.job.profiles, now) else { return };
        let due = self.rounds.due(now, interval);
        let groups = if all { (0..KEY_GROUPS).collect() } else { due };
        for group in groups {
            let mut slots = self.players.take_unpublished(group);
            slots.sort_unstable();
            for slot in slots {
                self.publish_profile(slot, Instant(self.logical_time));
            }
        }
    }

    fn publish_profile(&mut self, slot: Slot, at: Instant) {
        let reference = std::sync::Arc::clone(&self.reference);
        self.outbox.aim(self.players.group(slot));
        if let Some(profile) = self.players.get_mut(slot).profile(at, &reference.rules) {
            self.outbox.profile(&profile, false);
        }
    }

    /// Something of a player may have changed, at `at`: a profile leaves at once, or later, or not before the end.
    pub(super) fn changed(&mut self, slot: Slot, at: Instant) {
        let at_once = self.outbox.take_changed();
        match self.job.profiles {
            Profiles::End => {}
            Profiles::Live | Profiles::Every(_) if at_once => self.publish_profile(slot, at),
            Profiles::Live => {}
            Profiles::Every(_) => self.players.unpublished(slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KEY_GROUPS, Rounds};

    #[test]
    fn each_group_has_its_turn_once_in_an_interval_and_they_are_spread() {
        let (mut rounds, mut last, mut most) = (Rounds::default(), vec![i64::MIN; KEY_GROUPS as usize], 0);
        for now in (5_000..65_000).step_by(50) {
            let due = rounds.due(now, 10_000);
            most = most.max(due.len());
            for group in due {
                let before = std::mem::replace(&mut last[group as usize], now);
                assert!(before == i64::MIN || now - before >= 10_000, "group {group}: {before}, then {now}");
            }
        }
        assert!(last.iter().all(|last| *last > 54_000), "{last:?}");
        assert!(most <= 3, "{most} at once");
    }

    #[test]
    fn after_downtime_all_have_their_turn_and_are_spread_anew() {
        let mut rounds = Rounds::default();
        for now in (0..20_000).step_by(50) {
            rounds.due(now, 10_000);
        }
        assert_eq!(rounds.due(90_000, 10_000).len(), KEY_GROUPS as usize);
        assert!(rounds.due(99_999, 10_000).is_empty());
        let most = (100_000..120_000).step_by(50).map(|now| rounds.due(now, 10_000).len()).max();
        assert!(most <= Some(3), "{most:?} at once");
    }
}
