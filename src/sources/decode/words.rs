//! What a decoded record says, in the words of the rules.

use std::borrow::Cow;

use tidemark_domain::catalogue::EventType;
use tidemark_domain::event::{ForceMode, Identity};
use tidemark_domain::fact::DeadKind;
use tidemark_domain::money::Decimal;
use tidemark_domain::time::Instant;

/// A decoded record; it borrows from the record's text.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// Its type.
    pub event_type: EventType,
    /// `event_id`.
    pub id: Cow<'a, str>,
    /// `source`.
    pub source: Cow<'a, str>,
    /// `brand_id`, or `default`.
    pub brand: Cow<'a, str>,
    /// `player_id`, where there is one.
    pub player: Option<Cow<'a, str>>,
    /// `occurred_at`; none only where the type may do without.
    pub occurred_at: Option<Instant>,
    /// What makes it the same as another.
    pub identity: Identity,
    /// What the rules read of it.
    pub detail: Detail<'a>,
}

/// What the rules read of a record.
#[derive(Debug)]
pub enum Detail<'a> {
    /// `BetPlaced`
    Bet(Bet<'a>),
    /// `BetVoided`
    Voided {
        /// `original_bet_id`
        bet_id: Cow<'a, str>,
        /// `amount`
        amount: Option<Decimal>,
        /// `reason`
        reason: Option<Cow<'a, str>>,
    },
    /// `BetCorrected`
    Corrected {
        /// `original_bet_id`
        bet_id: Cow<'a, str>,
        /// `new_amount`
        new_amount: Decimal,
    },
    /// `DepositMade`
    Deposit {
        /// Whether its `status` is approved.
        approved: bool,
        /// `currency`
        currency: Cow<'a, str>,
    },
    /// `WinCredited`, `WithdrawalPaid`
    Money {
        /// `currency`
        currency: Option<Cow<'a, str>>,
    },
    /// `SessionStarted`
    Session,
    /// `PointsAdjust`
    Adjust {
        /// Who ordered it.
        by: By<'a>,
        /// `amount`
        amount: Decimal,
        /// `reason`
        reason: Option<Cow<'a, str>>,
    },
    /// `RedemptionRequested`
    Request {
        /// Who ordered it.
        by: By<'a>,
        /// `redemption_id`
        id: Cow<'a, str>,
        /// `points`
        points: Decimal,
    },
    /// `RedemptionConfirmed`
    Confirm {
        /// Who ordered it.
        by: By<'a>,
        /// `redemption_id`
        id: Cow<'a, str>,
    },
    /// `RedemptionCancelled`
    Cancel {
        /// Who ordered it.
        by: By<'a>,
        /// `redemption_id`
        id: Cow<'a, str>,
    },
    /// `StatusForce`
    Force {
        /// Who ordered it.
        by: By<'a>,
        /// `tier`, `mode` and `until`; none for mode `none`.
        force: Option<(Cow<'a, str>, ForceMode, Instant)>,
        /// `reason`
        reason: Option<Cow<'a, str>>,
    },
    /// `FxRate`
    Rate {
        /// `currency`
        currency: Cow<'a, str>,
        /// `base`
        base: Cow<'a, str>,
        /// `rate`
        rate: Decimal,
        /// `valid_from`
        valid_from: Instant,
    },
    /// `ProgrammePublished`
    Programme(Box<Publication>),
    /// A type that no rule reads yet.
    Other,
}

/// A bet as the record says it.
#[derive(Debug)]
pub struct Bet<'a> {
    /// `bet_id`
    pub bet_id: Cow<'a, str>,
    /// `game_id`
    pub game_id: Option<Cow<'a, str>>,
    /// `game_type`
    pub game_type: Option<Cow<'a, str>>,
    /// `currency`
    pub currency: Cow<'a, str>,
    /// `amount`
    pub amount: Decimal,
    /// The part paid from real money, where the record carries a split (B12).
    pub real_amount: Option<Decimal>,
    /// `exchange_rate`
    pub exchange_rate: Option<Decimal>,
    /// Whether it carries a `free_spin`.
    pub free_spin: bool,
}

/// Who ordered a command.
#[derive(Debug, Default)]
pub struct By<'a> {
    /// `actor`
    pub actor: Option<Cow<'a, str>>,
    /// `role`
    pub role: Option<Cow<'a, str>>,
    /// `request_id`
    pub request_id: Option<Cow<'a, str>>,
}

/// A revision of the programme, published (rule 16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// `id`
    pub id: String,
    /// `revision`
    pub revision: u64,
    /// `effective_from`
    pub effective_from: Instant,
    /// `sha256`
    pub sha256: String,
    /// `body`
    pub body: String,
    /// `author`
    pub author: Option<String>,
    /// `role`
    pub role: Option<String>,
}

/// What a record is, when it is no dead letter.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every record is an event, and is taken apart at once")]
pub enum Verdict<'a> {
    /// An event of a known type.
    Event(Decoded<'a>),
    /// An event of an unknown type: counted and skipped.
    Unknown,
}

/// Why a record is a dead letter, and whose it seems to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// What kind.
    pub kind: DeadKind,
    /// The field that is wrong, where one is.
    pub field: Option<String>,
    /// What is wrong, in words.
    pub error: String,
    /// `brand_id`, where it could be read.
    pub brand: Option<String>,
    /// `player_id`, where it could be read.
    pub player: Option<String>,
    /// `event_id`, where it could be read.
    pub event_id: Option<String>,
}
