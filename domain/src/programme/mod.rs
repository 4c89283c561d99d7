//! The programme: the validated rulebook, exactly as CONTRACTS section 1 gives it, resolved.
//!
//! `yaml` reads what marketing wrote (YAML with positions), `resolve` turns it into a
//! [`Programme`] or into every [`Problem`] at once. Only `resolve` makes a `Programme`, so one that
//! is held is valid.

pub mod problem;
mod promotion;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod yaml;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::digits::Append;
use crate::money::{Decimal, Micros, write_plain};
use crate::time::{Instant, Zone};

pub use problem::Problem;
pub use promotion::{Promotion, Promotions, Stacking};

/// A factor: at most four decimals, below 10,000; held in ten-thousandths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Factor(pub u32);

impl Factor {
    /// One.
    pub const ONE: Self = Self(10_000);

    /// The exact decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(i128::from(self.0), 4)
    }

    /// Appends the plain form: no exponent, no trailing zeros.
    pub fn write(self, out: &mut impl Append) {
        if self == Self::ONE {
            return out.word(u64::from(b'1'), 1);
        }
        write_plain(out, i128::from(self.0), 4);
    }
}

/// One revision of the rulebook.
#[derive(Clone, Debug)]
pub struct Programme {
    /// The name of the programme.
    pub id: Box<str>,
    /// Its revision, `config_version` on every fact.
    pub revision: u64,
    /// From when it holds, unless it becomes known later (rule 16).
    pub effective_from: Instant,
    /// Settings of brands that are not listed.
    pub default_brand: Brand,
    /// Listed brands by name.
    pub brands: BTreeMap<Box<str>, Brand>,
    /// Clocks and memory.
    pub clock: Clock,
    /// How points accrue and expire.
    pub points: Points,
    /// Weights of games.
    pub games: Games,
    /// Temporary multipliers.
    pub promotions: Promotions,
    /// The ladder.
    pub tiers: Tiers,
    /// Points into free play.
    pub redemption: Redemption,
    /// Every resolved value by its path (`tiers.levels.Gold.entry`), defaults included, so that two
    /// revisions can be compared key by key (rule 16).
    pub values: BTreeMap<String, String>,
}

/// Where a brand lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brand {
    /// Its time zone; days and rollovers are local to it.
    pub zone: ZoneRef,
    /// The currency of turnover and points.
    pub base_currency: Box<str>,
    /// The licence it runs under; informative in this version.
    pub jurisdiction: Box<str>,
}

/// A shared time zone, equal by name.
#[derive(Clone, Debug)]
pub struct ZoneRef(pub Arc<Zone>);

impl PartialEq for ZoneRef {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

impl Eq for ZoneRef {}

/// Clocks and memory (rules 0, 8, 9). May not change from one revision to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// How long a record may be behind the clock of its partition before it is late, in ms.
    pub ordering_delay_ms: i64,
    /// How far one time may be ahead before it moves nothing, in ms.
    pub future_tolerance_ms: i64,
    /// For how many days bets and most other things are remembered.
    pub history_days: i32,
    /// For how many days payments are remembered.
    pub payment_history_days: i32,
}

/// Points: accrual and expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Points {
    /// Points for 1.00 of base currency staked.
    pub per_unit: Factor,
    /// What of a stake counts, for turnover and points.
    pub stake_basis: StakeBasis,
    /// Calendar months of inactivity after which available points expire.
    pub expire_after_months: u32,
    /// What counts as activity.
    pub qualifying: Qualifying,
    /// Days before the expiry at which a reminder is due.
    pub remind_before_days: Vec<i32>,
}

/// What of a stake counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StakeBasis {
    /// The whole amount.
    Total,
    /// Only its `real_amount`.
    RealOnly,
}

/// What counts as activity for the expiry of points (rule 11).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Qualifying {
    /// A bet with effect.
    pub bet: bool,
    /// An approved deposit.
    pub deposit: bool,
    /// A session's start.
    pub login: bool,
    /// A positive `PointsAdjust`.
    pub adjustment: bool,
}

/// Weights of games for points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Games {
    /// Weight of each game type.
    pub weights: BTreeMap<Box<str>, Factor>,
    /// Weight of a type that is missing or not listed.
    pub unknown_weight: Factor,
    /// Types of single games; wins over the event's own.
    pub catalogue: BTreeMap<Box<str>, Game>,
}

/// One game of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Game {
    /// Its type.
    pub game_type: Box<str>,
    /// Who made it; informative.
    pub provider: Box<str>,
}

impl Games {
    /// The type of a game: the catalogue's, else the event's.
    #[must_use]
    pub fn game_type<'a>(&'a self, game_id: Option<&str>, stated: Option<&'a str>) -> Option<&'a str> {
        if self.catalogue.is_empty() {
            return stated;
        }
        game_id.and_then(|id| self.catalogue.get(id)).map_or(stated, |game| Some(&game.game_type))
    }

    /// The weight of a game type, and whether it was unknown (edge case 44).
    #[must_use]
    pub fn weight(&self, game_type: Option<&str>) -> (Factor, bool) {
        game_type.and_then(|name| self.weights.get(name)).map_or((self.unknown_weight, true), |weight| (*weight, false))
    }
}

/// How many steps one downgrade takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DowngradeSteps {
    /// One.
    OneDown,
    /// Until the rolling turnover holds the tier.
    ToFit,
}

/// The ladder of tiers (rules 5 and 6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tiers {
    /// How many steps one downgrade takes.
    pub downgrade: DowngradeSteps,
    /// Days after an upgrade during which a tier is safe.
    pub min_tenure_days: i32,
    /// Rollovers below `maintain` that are forgiven.
    pub grace_days: i32,
    /// Days before a downgrade at which `tier_at_risk` fires.
    pub warn_before_days: i32,
    /// Lowest first; at least one, at most 64.
    pub levels: Vec<Level>,
}

impl Tiers {
    /// The index of a level by its name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<u8> {
        self.levels.iter().position(|level| &*level.name == name).and_then(|at| u8::try_from(at).ok())
    }

    /// The level of an index.
    #[must_use]
    pub fn level(&self, index: u8) -> Option<&Level> {
        self.levels.get(usize::from(index))
    }
}

/// One tier.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Level {
    /// Its name.
    pub name: Box<str>,
    /// Cumulative turnover from which it is reached.
    pub entry: Micros,
    /// Rolling 30-day turnover below which it is lost.
    pub maintain: Micros,
    /// Scales bonus grants; not used in this version.
    pub bonus_multiplier: Factor,
    /// Scales points.
    pub points_multiplier: Factor,
    /// Share of the net loss paid back; not used in this version.
    pub cashback: Factor,
    /// Privileges that other systems grant.
    pub entitlements: Vec<Box<str>>,
}

/// Points into free play (rule 12).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redemption {
    /// Points are redeemed in multiples of this.
    pub step: u64,
    /// What one step is worth.
    pub value: Decimal,
    /// In which currency.
    pub currency: Box<str>,
    /// A request that is not confirmed within this many ms is released.
    pub confirm_within_ms: i64,
    /// Wagering of the grant.
    pub wager_multiplier: Factor,
}

impl Programme {
    /// The settings of a brand: its own, or the default's (CONTRACTS section 1).
    #[must_use]
    pub fn brand(&self, name: &str) -> &Brand {
        self.brands.get(name).unwrap_or(&self.default_brand)
    }
}
