//! One record before it is written: small and copied freely, so that it can be sent late or twice.

use super::house::Currency;

/// A record of the stream.
#[derive(Clone, Copy)]
pub(super) struct Record {
    /// The number in its `event_id`.
    pub(super) event: u64,
    pub(super) occurred_ms: i64,
    /// Index of its player; of no meaning for a rate.
    pub(super) player: u32,
    pub(super) what: What,
}

/// What happened. Amounts are in the minor unit of the player's currency.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// A stake; `session` 0 stands for none.
    Bet {
        bet: u64,
        session: u32,
        game: u8,
        minor: u64,
    },
    Win {
        bet: u64,
        minor: u64,
    },
    /// A void; `minor` 0 stands for the whole.
    Void {
        bet: u64,
        minor: u64,
        reason: u8,
    },
    Correction {
        bet: u64,
        minor: u64,
    },
    Registration,
    SessionStart {
        session: u32,
    },
    SessionEnd {
        session: u32,
    },
    Deposit {
        payment: u64,
        minor: u64,
    },
    RedemptionRequest {
        redemption: u64,
        points: u64,
    },
    RedemptionConfirm {
        redemption: u64,
    },
    RedemptionCancel {
        redemption: u64,
    },
    /// Points given or taken by hand.
    Adjustment {
        request: u64,
        points: i64,
    },
    /// A tier set by hand until `until_ms`; mode and tier are indices of [`MODES`] and [`TIERS`].
    Force {
        request: u64,
        mode: u8,
        tier: u8,
        until_ms: i64,
    },
    /// Euros per unit in ten-thousandths.
    Rate {
        currency: Currency,
        rate: i64,
    },
}

/// The modes of a forced status.
pub(super) const MODES: [&str; 4] = ["floor", "exact", "ceiling", "none"];
/// The mode that lifts.
pub(super) const LIFT: u8 = 3;
/// The tiers of the default programme.
pub(super) const TIERS: [&str; 4] = ["Bronze", "Silver", "Gold", "Platinum"];
/// Why bets are voided.
pub(super) const VOID_REASONS: [&str; 3] = ["provider_rollback", "game_malfunction", "operator_correction"];

/// A topic of the synthetic casino. The keyed ones come first, in the order of their partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Bets,
    Players,
    Sessions,
    Payments,
    Commands,
    /// One partition, whatever the number of the others.
    Fx,
}

impl Topic {
    /// The topics keyed by player.
    pub(super) const KEYED: [Self; 5] = [Self::Bets, Self::Players, Self::Sessions, Self::Payments, Self::Commands];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bets => "bets.v1",
            Self::Players => "players.v1",
            Self::Sessions => "sessions.v1",
            Self::Payments => "payments.v1",
            Self::Commands => "loyalty.commands.v1",
            Self::Fx => "fx.v1",
        }
    }
}

/// How many kinds of [`What`] there are.
pub(super) const KINDS: usize = 14;

/// Topic, `event_type` and `source` of every kind, in the order of [`What::kind`].
pub(super) const KIND_NAMES: [(Topic, &str, &str); KINDS] = [
    (Topic::Bets, "BetPlaced", "wallet"),
    (Topic::Bets, "WinCredited", "wallet"),
    (Topic::Bets, "BetVoided", "wallet"),
    (Topic::Bets, "BetCorrected", "wallet"),
    (Topic::Players, "PlayerRegistered", "pms"),
    (Topic::Sessions, "SessionStarted", "platform"),
    (Topic::Sessions, "SessionEnded", "platform"),
    (Topic::Payments, "DepositMade", "cashier"),
    (Topic::Commands, "RedemptionRequested", "pms"),
    (Topic::Commands, "RedemptionConfirmed", "pms"),
    (Topic::Commands, "RedemptionCancelled", "pms"),
    (Topic::Commands, "PointsAdjust", "backoffice"),
    (Topic::Commands, "StatusForce", "backoffice"),
    (Topic::Fx, "FxRate", "treasury"),
];

impl What {
    /// Its index in [`KIND_NAMES`].
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Bet { .. } => 0,
            Self::Win { .. } => 1,
            Self::Void { .. } => 2,
            Self::Correction { .. } => 3,
            Self::Registration => 4,
            Self::SessionStart { .. } => 5,
            Self::SessionEnd { .. } => 6,
            Self::Deposit { .. } => 7,
            Self::RedemptionRequest { .. } => 8,
            Self::RedemptionConfirm { .. } => 9,
            Self::RedemptionCancel { .. } => 10,
            Self::Adjustment { .. } => 11,
            Self::Force { .. } => 12,
            Self::Rate { .. } => 13,
        }
    }

    /// The lowest three bits of its `occurred_at` in milliseconds: what happens beside a session
    /// has its own, so that no two different records of a player share an instant.
    fn instant_slot(&self) -> i64 {
        match self {
            Self::Win { .. } => 1,
            Self::Void { .. } => 2,
            Self::Correction { .. } => 3,
            Self::RedemptionRequest { .. } => 4,
            Self::RedemptionConfirm { .. } | Self::RedemptionCancel { .. } => 5,
            Self::Adjustment { .. } => 6,
            Self::Force { .. } => 7,
            _ => 0,
        }
    }

    /// The instant nearest before or at `at_ms` (within 8 ms) that is for this kind.
    pub(super) fn instant(&self, at_ms: i64) -> i64 {
        (at_ms & !7) | self.instant_slot()
    }
}
