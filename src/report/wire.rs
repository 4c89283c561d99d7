//! The records of a replay as they stand in its files (CONTRACTS section 4), borrowed from the line.
//! Only what the report needs is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::values::{Amount, At, Text};

/// `OUT/summary.json`.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Summary {
    pub(super) events_in: u64,
    pub(super) applied: u64,
    pub(super) duplicates: u64,
    pub(super) late: u64,
    pub(super) dead_letters: u64,
    pub(super) unmatched_reversals: u64,
    pub(super) skipped_unknown: u64,
    pub(super) beyond_until: u64,
    pub(super) facts: BTreeMap<String, u64>,
    pub(super) facts_digest: String,
    pub(super) logical_time: Option<String>,
}

/// `loyalty.tier-changes.v1`.
#[derive(Deserialize)]
pub(super) struct TierChanged<'a> {
    #[serde(borrow)]
    pub(super) brand_id: Text<'a>,
    #[serde(borrow)]
    pub(super) player_id: Text<'a>,
    pub(super) as_of: At,
    /// None: a timer.
    pub(super) cause_event_id: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) from: Text<'a>,
    #[serde(borrow)]
    pub(super) to: Text<'a>,
    pub(super) direction: Direction,
    pub(super) reason: Reason,
    pub(super) cumulative: Amount,
    pub(super) rolling_30d: Amount,
    pub(super) thresholds: Thresholds,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Direction {
    Up,
    Down,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Threshold,
    Decay,
    Reversal,
    Forced,
    ConfigChange,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Thresholds {
    pub(super) entry: Amount,
    pub(super) maintain: Amount,
}

/// `loyalty.points-ledger.v1`.
#[derive(Deserialize)]
pub(super) struct PointsPosted<'a> {
    #[serde(borrow)]
    pub(super) brand_id: Text<'a>,
    #[serde(borrow)]
    pub(super) player_id: Text<'a>,
    pub(super) occurred_at: At,
    pub(super) as_of: At,
    #[serde(default)]
    pub(super) late: bool,
    pub(super) entry_type: EntryType,
    pub(super) points: Amount,
    pub(super) base_amount: Option<Amount>,
    #[serde(borrow)]
    pub(super) bet_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EntryType {
    Accrue,
    Reverse,
    Block,
    Unblock,
    Redeem,
    Expire,
    Adjust,
}

impl PointsPosted<'_> {
    /// The effect on turnover: what a reversal takes back counts below zero.
    pub(super) fn turnover(&self) -> i128 {
        let base = self.base_amount.unwrap_or_default().0;
        match self.entry_type {
            EntryType::Accrue => base,
            EntryType::Reverse => -base.abs(),
            _ => 0,
        }
    }
}

/// `crm.player-profile.v1`.
#[derive(Deserialize)]
pub(super) struct PlayerProfile<'a> {
    #[serde(borrow)]
    pub(super) brand_id: Text<'a>,
    #[serde(borrow)]
    pub(super) player_id: Text<'a>,
    #[serde(borrow)]
    pub(super) tier: Text<'a>,
    pub(super) cumulative: Amount,
    pub(super) points: PointsHeld,
    #[serde(borrow, default)]
    pub(super) lost: Vec<Text<'a>>,
    pub(super) last_bet_at: Option<At>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct PointsHeld {
    pub(super) available: Amount,
    pub(super) blocked: Amount,
    pub(super) accrued: Amount,
    pub(super) reversed: Amount,
    pub(super) redeemed: Amount,
    pub(super) expired: Amount,
    pub(super) adjusted: Amount,
}

/// `crm.triggers.v1`.
#[derive(Deserialize)]
pub(super) struct TriggerFired<'a> {
    #[serde(borrow)]
    pub(super) brand_id: Text<'a>,
    #[serde(borrow)]
    pub(super) player_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) trigger: Text<'a>,
    #[serde(borrow, default)]
    pub(super) params: TriggerParams<'a>,
}

#[derive(Default, Deserialize)]
pub(super) struct TriggerParams<'a> {
    #[serde(borrow)]
    pub(super) tier: Option<Text<'a>>,
}

/// `promo.grants.v1`.
#[derive(Deserialize)]
pub(super) struct GrantIssued<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    pub(super) amount: Option<Amount>,
    #[serde(borrow)]
    pub(super) currency: Option<Text<'a>>,
}

/// `audit.events.v1`.
#[derive(Deserialize)]
pub(super) struct Audited<'a> {
    #[serde(borrow)]
    pub(super) action: Text<'a>,
    #[serde(borrow)]
    pub(super) reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) decision: Text<'a>,
}

/// `pipeline.dlq.v1`.
#[derive(Deserialize)]
pub(super) struct DeadLetter<'a> {
    #[serde(borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) field: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) topic: Text<'a>,
    pub(super) partition: u64,
    pub(super) offset: u64,
    #[serde(borrow)]
    pub(super) payload: Option<Text<'a>>,
}
