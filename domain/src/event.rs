//! Everything we are told: an event as the ledger sees it, decoded, timed, and borrowed from its
//! record.

use crate::catalogue::EventType;
use crate::identity::Key;
use crate::money::Decimal;
use crate::time::Instant;

/// One decoded event with its apply time.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// `event_id`, unique within its `source`.
    pub id: &'a str,
    /// Who says so.
    pub source: &'a str,
    /// The brand; `default` where the record has none.
    pub brand: &'a str,
    /// The player, where there is one (rule 14).
    pub player: Option<&'a str>,
    /// When it happened, to the millisecond.
    pub occurred_at: Instant,
    /// Its apply time a (rule 0).
    pub as_of: Instant,
    /// Whether it was behind the clock of its partition by more than the ordering delay.
    pub late: bool,
    /// Whether `occurred_at` was ahead of the wall clock and was replaced (mode `wall`).
    pub clamped: bool,
    /// What makes it the same as another (rule 8).
    pub identity: Identity,
    /// Its type.
    pub event_type: EventType,
    /// What it says.
    pub kind: EventKind<'a>,
    /// The record it came in.
    pub record: Record<'a>,
}

/// Identities and body of an event, as hashes (rule 8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// (`source`, `event_id`).
    pub event: Key,
    /// The type's own, in the order of the catalogue; [`Key::NONE`] where it has none.
    pub own: [Key; 2],
    /// The body: `occurred_at` (not for commands) and the catalogue's own fields, numbers by value.
    pub body: u64,
}

impl Identity {
    /// All that the event may be known by: the type's own first.
    #[must_use]
    pub const fn keys(&self) -> [Key; 3] {
        [self.own[0], self.own[1], self.event]
    }
}

/// Where a record stands and what it was, for dead letters.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: u32,
    /// Its offset there; in a file the line, counted from 0.
    pub offset: u64,
    /// Its bytes.
    pub payload: &'a str,
}

/// What an event says, where a rule of this version reads it.
#[derive(Clone, Copy, Debug)]
pub enum EventKind<'a> {
    /// A bet was accepted.
    BetPlaced(BetPlaced<'a>),
    /// A bet was taken back, whole or in part.
    BetVoided {
        /// The bet.
        original_bet_id: &'a str,
        /// How much of it; all that is left where absent.
        amount: Option<Decimal>,
        /// Why.
        reason: Option<&'a str>,
    },
    /// A bet's stake was another one.
    BetCorrected {
        /// The bet.
        original_bet_id: &'a str,
        /// What it really was.
        new_amount: Decimal,
    },
    /// A deposit; activity where the programme says so.
    DepositMade {
        /// Whether its status is approved; another status has no effect and leaves no identity (B21).
        approved: bool,
        /// In which currency it was paid.
        currency: &'a str,
    },
    /// A win, or a withdrawal that was paid: of its amount nothing is read but whether it can be converted.
    Money {
        /// In which currency; a withdrawal may leave it out.
        currency: Option<&'a str>,
    },
    /// A session began; activity where the programme says so.
    SessionStarted,
    /// Points added or taken by hand.
    PointsAdjust {
        /// Who ordered it.
        command: Command<'a>,
        /// How many, signed.
        amount: Decimal,
        /// Why.
        reason: Option<&'a str>,
    },
    /// A player wants free play for points.
    RedemptionRequested {
        /// Who ordered it.
        command: Command<'a>,
        /// The redemption.
        redemption_id: &'a str,
        /// How many points.
        points: Decimal,
    },
    /// It was used.
    RedemptionConfirmed {
        /// Who ordered it.
        command: Command<'a>,
        /// The redemption.
        redemption_id: &'a str,
    },
    /// It was not.
    RedemptionCancelled {
        /// Who ordered it.
        command: Command<'a>,
        /// The redemption.
        redemption_id: &'a str,
    },
    /// A status set by hand.
    StatusForce {
        /// Who ordered it.
        command: Command<'a>,
        /// Which, how and until when; none lifts the one in force.
        force: Option<ForceOrder<'a>>,
        /// Why.
        reason: Option<&'a str>,
    },
    /// A type that no rule of this version reads; it is kept and deduplicated.
    Other,
}

/// A bet as it was accepted.
#[derive(Clone, Copy, Debug)]
pub struct BetPlaced<'a> {
    /// The bet.
    pub bet_id: &'a str,
    /// The game, if said.
    pub game_id: Option<&'a str>,
    /// The type of game, if said; the catalogue wins.
    pub game_type: Option<&'a str>,
    /// The whole stake.
    pub amount: Decimal,
    /// Its currency.
    pub currency: &'a str,
    /// The part paid from real money, where the event carries a split (B12).
    pub real_amount: Option<Decimal>,
    /// Base currency per one unit of `currency`, where the event says so.
    pub exchange_rate: Option<Decimal>,
    /// Whether it is a spin of a free-spin package: counts 0 (B29).
    pub free_spin: bool,
}

/// Who ordered a command; null in the audit where missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Command<'a> {
    /// The person or system.
    pub actor: Option<&'a str>,
    /// In which role.
    pub role: Option<&'a str>,
    /// The request's own id.
    pub request_id: Option<&'a str>,
}

/// How a forced status combines with the earned tier (rule 13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForceMode {
    /// It is the tier.
    Exact,
    /// At least this tier.
    Floor,
    /// At most this tier.
    Ceiling,
}

impl ForceMode {
    /// The mode's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Floor => "floor",
            Self::Ceiling => "ceiling",
        }
    }
}

/// A status to be forced.
#[derive(Clone, Copy, Debug)]
pub struct ForceOrder<'a> {
    /// The tier's name.
    pub tier: &'a str,
    /// How it combines.
    pub mode: ForceMode,
    /// First instant at which it no longer holds.
    pub until: Instant,
}
