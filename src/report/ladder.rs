//! The tiers: who stands where, who has come and gone.

use std::collections::BTreeMap;

use tidemark_domain::time::Day;

use super::people::{People, Person};
use super::values::day_of;
use super::wire::Reason;

/// One tier with its members.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Rung {
    pub(super) name: String,
    pub(super) entry: i128,
    pub(super) maintain: i128,
    /// Players whose tier it is at the end.
    pub(super) now: u64,
    /// Players who have ever held it or a higher one.
    pub(super) reached: u64,
    /// Steps up into it.
    pub(super) up: u64,
    /// Steps down from it.
    pub(super) down: u64,
    /// Those of the steps up that were a return.
    pub(super) regained: u64,
    /// Players who have lost it to a quiet month and not won it back.
    pub(super) lost: u64,
}

/// All tiers, lowest first.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    pub(super) rungs: Vec<Rung>,
    /// All steps by reason.
    pub(super) reasons: BTreeMap<&'static str, u64>,
    /// The day of the last step.
    pub(super) last_step: Option<Day>,
}

impl Ladder {
    /// Counts everybody.
    pub(super) fn of(people: &People) -> Self {
        let rung = |tier: &super::people::Tier| Rung {
            name: tier.name.clone(),
            entry: tier.entry,
            maintain: tier.maintain,
            ..Rung::default()
        };
        let mut ladder = Self { rungs: people.tiers.iter().map(rung).collect(), ..Self::default() };
        for person in &people.all {
            ladder.count(person);
        }
        ladder
    }

    fn count(&mut self, person: &Person) {
        if let Some(held) = &person.held {
            self.rungs[held.tier].now += 1;
            held.lost.iter().for_each(|tier| self.rungs[*tier].lost += 1);
        }
        if let Some(peak) = person.peak() {
            self.rungs.iter_mut().take(peak + 1).for_each(|rung| rung.reached += 1);
        }
        let mut left = vec![false; self.rungs.len()];
        for step in &person.steps {
            if step.up {
                self.rungs[step.to].up += 1;
                self.rungs[step.to].regained += u64::from(left[step.to]);
            } else {
                self.rungs[step.from].down += 1;
                left[step.from] = true;
            }
            *self.reasons.entry(name(step.reason)).or_default() += 1;
            self.last_step = self.last_step.max(Some(day_of(step.at)));
        }
    }

    /// The reasons of all steps, the most frequent first.
    pub(super) fn by_frequency(&self) -> Vec<(&'static str, u64)> {
        let mut rows: Vec<(&'static str, u64)> = self.reasons.iter().map(|(reason, number)| (*reason, *number)).collect();
        rows.sort_by_key(|(reason, number)| (std::cmp::Reverse(*number), *reason));
        rows
    }

    /// How many steps there were, up and down.
    pub(super) fn steps(&self) -> (u64, u64) {
        self.rungs.iter().fold((0, 0), |(up, down), rung| (up + rung.up, down + rung.down))
    }
}

/// A reason in words that follow "steps".
const fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::Threshold => "up by turnover",
        Reason::Decay => "down after a quiet month",
        Reason::Reversal => "down because a bet was taken back",
        Reason::Forced => "by hand",
        Reason::ConfigChange => "by a change of the programme",
    }
}
