//! Everything we conclude (CONTRACTS section 4). Start reading here.
//!
//! A fact names the event that caused it. Its id follows from the cause, so a replay makes the same
//! facts with the same ids.

use core::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::digits::Append;
use crate::money::{Decimal, Micros};
use crate::programme::Factor;
use crate::time::{Day, Instant};

/// A fact's id: a UUID of version 8 (RFC 9562) over a 128-bit XXH3.
///
/// Hashed are six lines joined by a newline: brand, player (empty: none), the cause's `source` and
/// `event_id` (for a timer nothing, and `timer` with the due time), the rule's name, and the number of the fact
/// among those of that cause, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct FactId(pub u128);

impl FactId {
    /// The id over a text, see above.
    #[must_use]
    pub fn over(text: &[u8]) -> Self {
        let hash = xxh3_128(text);
        let version = 0x8_u128 << 76;
        let variant = 0b10_u128 << 62;
        Self(hash & !(0xf_u128 << 76) & !(0b11_u128 << 62) | version | variant)
    }

    /// Appends the usual form with hyphens.
    pub fn write(self, out: &mut impl Append) {
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15] = self.0.to_be_bytes();
        let high = hexadecimal([b0, b1, b2, b3, b4, b5, b6, b7]);
        let low = hexadecimal([b8, b9, b10, b11, b12, b13, b14, b15]);
        let mut text = [b'-'; 36];
        for (to, from, len, half) in [(0, 0, 8, &high), (9, 8, 4, &high), (14, 12, 4, &high), (19, 0, 4, &low), (24, 4, 12, &low)]
        {
            if let (Some(room), Some(digits)) = (text.get_mut(to..to + len), half.get(from..from + len)) {
                room.copy_from_slice(digits);
            }
        }
        out.bytes(&text);
    }
}

/// The hexadecimal digits of eight bytes, all at once.
#[inline]
fn hexadecimal(bytes: [u8; 8]) -> [u8; 16] {
    const ONES: u128 = 0x0101_0101_0101_0101_0101_0101_0101_0101;
    // Each byte with a free one behind it, then each digit in a byte of its own.
    let mut apart = u128::from(u64::from_le_bytes(bytes));
    apart = (apart | apart << 32) & 0x0000_0000_ffff_ffff_0000_0000_ffff_ffff;
    apart = (apart | apart << 16) & 0x0000_ffff_0000_ffff_0000_ffff_0000_ffff;
    apart = (apart | apart << 8) & 0x00ff_00ff_00ff_00ff_00ff_00ff_00ff_00ff;
    let digits = (apart >> 4 | apart << 8) & (ONES * 0x0f);
    // From ten on they are letters, 39 places above where the digits would go on.
    let letters = ((digits + ONES * 6) >> 4) & ONES;
    (digits + ONES * 0x30 + letters * 39).to_le_bytes()
}

impl fmt::Display for FactId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(36);
        self.write(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

/// One fact with its envelope.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// Deterministic.
    pub id: FactId,
    /// The brand; `*` for facts about the rulebook.
    pub brand: &'a str,
    /// The player, or none for a fact about a brand or the rulebook.
    pub player: Option<&'a str>,
    /// 1, 2, 3 ... per player over all facts but profiles and dead letters.
    pub seq: u64,
    /// The cause's time, or the timer's due time.
    pub occurred_at: Instant,
    /// The cause's apply time, or the timer's due time.
    pub as_of: Instant,
    /// The cause's `event_id`; none for timers.
    pub cause: Option<&'a str>,
    /// The revision in force at `as_of`.
    pub config_version: u64,
    /// Whether the cause was late.
    pub late: bool,
    /// Whether the cause's time was clamped.
    pub clamped: bool,
    /// What is concluded.
    pub kind: FactKind<'a>,
}

/// What a fact says.
#[derive(Clone, Copy, Debug)]
pub enum FactKind<'a> {
    /// The effective tier changed (rules 5, 6, 7, 13, 16).
    TierChanged(TierChanged<'a>),
    /// Points moved (rules 1, 7, 11, 12).
    PointsPosted(PointsPosted<'a>),
    /// Something of value was granted (rule 12).
    GrantIssued(GrantIssued<'a>),
    /// Something happened that CRM waits for.
    TriggerFired(Trigger<'a>),
    /// A command or a refusal.
    Audited(Audited<'a>),
}

/// A change of the effective tier.
#[derive(Clone, Copy, Debug)]
pub struct TierChanged<'a> {
    /// The effective tier before.
    pub from: &'a str,
    /// The effective tier after.
    pub to: &'a str,
    /// Whether it went up.
    pub up: bool,
    /// 1..n among the steps of one cause; hidden steps keep their numbers.
    pub step: u32,
    /// Why.
    pub reason: TierReason,
    /// Cumulative turnover.
    pub cumulative: Micros,
    /// Turnover of the last 30 days.
    pub rolling_30d: Micros,
    /// `entry` of `to`.
    pub entry: Micros,
    /// `maintain` of `to`.
    pub maintain: Micros,
    /// Privileges of `to`.
    pub entitlements: &'a [Box<str>],
}

/// Why a tier changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TierReason {
    /// Turnover reached it (rule 5).
    Threshold,
    /// Rolling turnover no longer held it (rule 6).
    Decay,
    /// A reversal took the turnover away (rule 7).
    Reversal,
    /// By hand (rule 13).
    Forced,
    /// The rulebook changed (rule 16).
    ConfigChange,
}

impl TierReason {
    /// The reason's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Decay => "decay",
            Self::Reversal => "reversal",
            Self::Forced => "forced",
            Self::ConfigChange => "config_change",
        }
    }
}

/// What kind of posting it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryType {
    /// Points for a bet.
    Accrue,
    /// Points taken back with a bet.
    Reverse,
    /// Points set aside for a redemption.
    Block,
    /// Points given back from it.
    Unblock,
    /// Points written off by it.
    Redeem,
    /// Points gone after inactivity.
    Expire,
    /// Points by hand.
    Adjust,
}

impl EntryType {
    /// The type's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accrue => "accrue",
            Self::Reverse => "reverse",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Redeem => "redeem",
            Self::Expire => "expire",
            Self::Adjust => "adjust",
        }
    }
}

/// A posting of points.
#[derive(Clone, Copy, Debug)]
pub struct PointsPosted<'a> {
    /// What kind.
    pub entry: EntryType,
    /// The signed effect on `available` for accrue, reverse, expire and adjust; the size for others.
    pub points: Micros,
    /// Available points after it.
    pub available: Micros,
    /// Blocked points after it.
    pub blocked: Micros,
    /// The bet, where there is one.
    pub bet: Option<BetTerms<'a>>,
    /// The redemption, where there is one.
    pub redemption_id: Option<&'a str>,
    /// Why, where that says more than the type.
    pub reason: Option<&'a str>,
}

/// The bet behind a posting.
#[derive(Clone, Copy, Debug)]
pub struct BetTerms<'a> {
    /// The bet.
    pub bet_id: &'a str,
    /// Its part of the turnover that is posted, signed.
    pub base_amount: Micros,
    /// The weight of its game.
    pub weight: Factor,
    /// Promotion after its cap, times the tier's.
    pub multiplier: Decimal,
}

/// Free play for points.
#[derive(Clone, Copy, Debug)]
pub struct GrantIssued<'a> {
    /// `points_conversion`.
    pub kind: &'static str,
    /// The offer behind it.
    pub campaign_id: &'a str,
    /// How much.
    pub amount: Micros,
    /// In which currency.
    pub currency: &'a str,
    /// What set it off.
    pub trigger: &'static str,
    /// Times how much it must be wagered.
    pub wager_multiplier: Factor,
    /// How much that is, to eight decimals (B20).
    pub required: Decimal,
}

/// What CRM waits for.
#[derive(Clone, Copy, Debug)]
pub enum Trigger<'a> {
    /// A tier was earned for the first time (rule 5).
    LevelUp {
        /// The tier.
        tier: &'a str,
    },
    /// Points will expire (rule 11).
    PointsExpiring {
        /// How many.
        points: Micros,
        /// The last day on which they can be used.
        last: Day,
        /// How many days that is from now.
        days: i32,
    },
    /// A tier will be lost (rule 6).
    TierAtRisk {
        /// The tier.
        tier: &'a str,
        /// The tier in which that downgrade ends.
        to: &'a str,
        /// On which day.
        on: Day,
        /// How much turnover would hold it.
        needed: Micros,
    },
}

impl Trigger<'_> {
    /// The trigger's name on the wire.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LevelUp { .. } => "level_up",
            Self::PointsExpiring { .. } => "points_expiring",
            Self::TierAtRisk { .. } => "tier_at_risk",
        }
    }
}

/// An audit fact: its record in RFC 8785 form without `hash`, and the hash that closes it.
#[derive(Clone, Copy, Debug)]
pub struct Audited<'a> {
    /// The whole record but `hash`, canonical.
    pub canonical: &'a str,
    /// SHA-256 over the previous hash, a newline, and `canonical`; in hex.
    pub hash: &'a str,
}

impl FactKind<'_> {
    /// The fact's `event_type`.
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::TierChanged(_) => "TierChanged",
            Self::PointsPosted(_) => "PointsPosted",
            Self::GrantIssued(_) => "GrantIssued",
            Self::TriggerFired(_) => "TriggerFired",
            Self::Audited(_) => "Audited",
        }
    }
}

/// Something worth knowing that leaves no fact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Note {
    /// A game type that has no weight (edge case 44).
    UnknownGame,
    /// An amount that is no bet's had no rate and counts 0 in base currency (rule 2).
    FxMissing,
    /// A forced status ended and the tier that others see stayed: it shows in the player's profile alone (rule 13).
    ForceEnded,
}

/// A dead letter of a reversal whose bet did not come in time (rule 9).
#[derive(Clone, Copy, Debug)]
pub struct Unmatched<'a> {
    /// Its record.
    pub record: crate::event::Record<'a>,
    /// Its brand.
    pub brand: &'a str,
    /// Its player.
    pub player: Option<&'a str>,
    /// Its `event_id`.
    pub event_id: &'a str,
    /// Why it is set aside.
    pub dead: Dead,
}

/// Where facts go.
pub trait Facts {
    /// Takes one fact; what it borrows does not outlive the call.
    fn fact(&mut self, fact: &Fact<'_>);
    /// Takes a reversal that waited in vain, or that what it waited for cannot bear.
    fn unmatched(&mut self, letter: &Unmatched<'_>);
    /// Takes note of something.
    fn note(&mut self, note: Note);
}

/// Why an event was set aside instead of applied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dead {
    /// What kind of dead letter.
    pub kind: DeadKind,
    /// The field it is about.
    pub field: &'static str,
    /// What is wrong, in words.
    pub error: &'static str,
}

/// Kinds of dead letters (CONTRACTS section 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DeadKind {
    /// The record is not what the catalogue says.
    SchemaViolation,
    /// It is over 64 KiB.
    Size,
    /// A bet's currency has no rate.
    MissingFx,
    /// It is beyond the horizon.
    TooLate,
    /// The same thing was there before with another body.
    Conflict,
    /// An amount or a sum is beyond what we hold.
    Overflow,
    /// Applying it failed.
    Poison,
}

impl DeadKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::SchemaViolation, Self::Size, Self::MissingFx, Self::TooLate, Self::Conflict, Self::Overflow, Self::Poison];

    /// The kind's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SchemaViolation => "schema_violation",
            Self::Size => "size",
            Self::MissingFx => "missing_fx",
            Self::TooLate => "too_late",
            Self::Conflict => "conflict",
            Self::Overflow => "overflow",
            Self::Poison => "poison",
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Applied; a refusal is an application too.
    Applied,
    /// Known already: no effect.
    Duplicate,
    /// Set aside.
    Dead(Dead),
}
