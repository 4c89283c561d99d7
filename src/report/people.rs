//! The steps and the last profile of every player.

use std::collections::HashMap;

use tidemark_domain::time::Instant;

use super::wire::{Direction, PlayerProfile, PointsHeld, Reason, TierChanged};

/// A tier as it is met; `entry` is nought until somebody comes to it.
#[derive(Clone, Debug)]
pub(super) struct Tier {
    pub(super) name: String,
    pub(super) entry: i128,
    pub(super) maintain: i128,
}

/// One change of a tier. Tiers are ranks, from 0 for the lowest, once [`People::rank`] has run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) at: Instant,
    /// Set off by time alone.
    pub(super) by_timer: bool,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) up: bool,
    pub(super) reason: Reason,
    pub(super) cumulative: i128,
    pub(super) rolling: i128,
}

/// What a player's last profile says.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) tier: usize,
    pub(super) lost: Vec<usize>,
    pub(super) cumulative: i128,
    pub(super) points: PointsHeld,
    pub(super) last_bet_at: Option<Instant>,
}

/// One player of one brand.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) brand: String,
    pub(super) player: String,
    pub(super) steps: Vec<Step>,
    pub(super) held: Option<Held>,
}

/// Everybody.
#[derive(Debug, Default)]
pub(super) struct People {
    index: HashMap<String, usize>,
    pub(super) all: Vec<Person>,
    pub(super) tiers: Vec<Tier>,
}

/// A brand holds no colon, so this names one player only.
pub(super) fn key(brand: &str, player: &str) -> String {
    format!("{brand}:{player}")
}

impl People {
    fn person(&mut self, brand: &str, player: &str) -> &mut Person {
        let all = &mut self.all;
        let at = *self.index.entry(key(brand, player)).or_insert_with(|| {
            all.push(Person { brand: brand.to_owned(), player: player.to_owned(), steps: Vec::new(), held: None });
            all.len() - 1
        });
        &mut self.all[at]
    }

    fn tier(&mut self, name: &str) -> usize {
        self.tiers.iter().position(|tier| tier.name == name).unwrap_or_else(|| {
            self.tiers.push(Tier { name: name.to_owned(), entry: 0, maintain: 0 });
            self.tiers.len() - 1
        })
    }

    /// Takes a change of a tier.
    pub(super) fn step(&mut self, row: &TierChanged<'_>) {
        let (from, to) = (self.tier(&row.from.0), self.tier(&row.to.0));
        self.tiers[to].entry = row.thresholds.entry.0;
        self.tiers[to].maintain = row.thresholds.maintain.0;
        let step = Step {
            at: row.as_of.0,
            by_timer: row.cause_event_id.is_none(),
            from,
            to,
            up: row.direction == Direction::Up,
            reason: row.reason,
            cumulative: row.cumulative.0,
            rolling: row.rolling_30d.0,
        };
        self.person(&row.brand_id.0, &row.player_id.0).steps.push(step);
    }

    /// Takes a profile; a later one of the same player replaces it.
    pub(super) fn profile(&mut self, row: &PlayerProfile<'_>) {
        let tier = self.tier(&row.tier.0);
        let lost = row.lost.iter().map(|name| self.tier(&name.0)).collect();
        let held =
            Held { tier, lost, cumulative: row.cumulative.0, points: row.points, last_bet_at: row.last_bet_at.map(|at| at.0) };
        self.person(&row.brand_id.0, &row.player_id.0).held = Some(held);
    }

    /// Orders the tiers by their entry. One that nobody ever came to is where players begin.
    pub(super) fn rank(&mut self) {
        let mut order: Vec<usize> = (0..self.tiers.len()).collect();
        order.sort_by_key(|at| self.tiers[*at].entry);
        let mut ranks = vec![0; order.len()];
        for (rank, at) in order.iter().enumerate() {
            ranks[*at] = rank;
        }
        self.tiers = order.iter().map(|at| self.tiers[*at].clone()).collect();
        for person in &mut self.all {
            for step in &mut person.steps {
                (step.from, step.to) = (ranks[step.from], ranks[step.to]);
            }
            if let Some(held) = &mut person.held {
                held.tier = ranks[held.tier];
                held.lost.iter_mut().for_each(|tier| *tier = ranks[*tier]);
            }
        }
    }
}

impl Person {
    /// The tier before the first step.
    pub(super) fn start(&self) -> Option<usize> {
        self.steps.first().map(|step| step.from).or_else(|| self.held.as_ref().map(|held| held.tier))
    }

    /// The highest tier ever held.
    pub(super) fn peak(&self) -> Option<usize> {
        let steps = self.steps.iter().map(|step| step.to);
        steps.chain(self.start()).chain(self.held.as_ref().map(|held| held.tier)).max()
    }
}
