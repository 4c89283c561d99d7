//! What was set off, what was granted, and what was decided.

use std::collections::{BTreeMap, HashSet};

use super::people;
use super::wire::{Audited, GrantIssued, TriggerFired};

/// Triggers, grants and decisions.
#[derive(Debug, Default)]
pub(super) struct Rewards {
    /// By trigger.
    pub(super) triggers: BTreeMap<String, u64>,
    /// `level_up` by tier.
    pub(super) level_ups: BTreeMap<String, u64>,
    seen: HashSet<(String, String)>,
    /// `level_up` for a tier that the same player had been rewarded for (T-3: there is none).
    pub(super) rewarded_twice: u64,
    /// Number and amount by kind and currency.
    pub(super) grants: BTreeMap<(String, String), (u64, i128)>,
    /// By decision, action and reason.
    pub(super) decisions: BTreeMap<(String, String, String), u64>,
}

impl Rewards {
    /// Takes a trigger.
    pub(super) fn trigger(&mut self, row: &TriggerFired<'_>) {
        *self.triggers.entry(row.trigger.0.clone().into_owned()).or_default() += 1;
        let (true, Some(tier)) = (row.trigger.0 == "level_up", &row.params.tier) else {
            return;
        };
        *self.level_ups.entry(tier.0.clone().into_owned()).or_default() += 1;
        let player = row.player_id.as_ref().map_or("", |player| &*player.0);
        let new = self.seen.insert((people::key(&row.brand_id.0, player), tier.0.clone().into_owned()));
        self.rewarded_twice += u64::from(!new);
    }

    /// Takes a grant.
    pub(super) fn grant(&mut self, row: &GrantIssued<'_>) {
        let currency = row.currency.clone().unwrap_or_default();
        let kind = (row.kind.0.clone().into_owned(), currency.0.into_owned());
        let (count, amount) = self.grants.entry(kind).or_default();
        *count += 1;
        *amount += row.amount.unwrap_or_default().0;
    }

    /// Takes a decision.
    pub(super) fn decision(&mut self, row: &Audited<'_>) {
        let reason = row.reason.as_ref().map(|reason| reason.0.clone().into_owned()).unwrap_or_default();
        // The reason of what was allowed is whatever somebody wrote; that of the others is a code.
        let reason = if row.decision.0 == "allowed" { String::new() } else { reason };
        *self.decisions.entry((row.decision.0.clone().into_owned(), row.action.0.clone().into_owned(), reason)).or_default() += 1;
    }

    /// How many decisions there are of a kind.
    pub(super) fn decided(&self, decision: &str) -> u64 {
        self.decisions.iter().filter(|((kind, _, _), _)| kind == decision).map(|(_, count)| count).sum()
    }
}
