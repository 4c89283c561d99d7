//! The events of DOMAIN section 4.2: what each may carry, what it must carry, and what kind of event it is.

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An identifier of 1 to 256 bytes without control characters.
    Id,
    /// An amount without a sign.
    Amount,
    /// An amount with or without a sign.
    Signed,
    /// An RFC 3339 instant.
    Time,
    /// One of `none`, `floor`, `ceiling`, `exact`.
    Mode,
    /// An object with a `package_id`.
    Spin,
    /// Whatever JSON stands there.
    Any,
}

use Form::{Amount, Any, Id, Mode, Signed, Spin, Time};

/// The types which nothing but an envelope is asked of; fields, where listed, belong to the body.
const QUIET: &[(&str, &[(&str, Form)])] = &[
    (
        "PlayerRegistered",
        &[
            ("country", Any),
            ("traffic_source", Any),
            ("traffic_campaign", Any),
            ("birth_year", Any),
            ("locale", Any),
            ("currency", Id),
        ],
    ),
    ("ProfileUpdated", &[]),
    ("KycStatusChanged", &[("from", Any), ("to", Any)]),
    ("ConsentChanged", &[("channel", Any), ("opted_in", Any)]),
    ("SelfExclusionSet", &[("until", Any), ("scope", Any)]),
    ("SelfExclusionLifted", &[]),
    ("CoolingOffSet", &[]),
    ("AccountBlocked", &[]),
    ("AccountUnblocked", &[]),
    ("LimitChanged", &[("kind", Any), ("period", Any), ("amount", Any), ("effective_at", Any)]),
    ("PlayersMerged", &[("from", Any), ("to", Any)]),
    ("DepositOpened", &[]),
    ("BonusClaimed", &[("campaign_id", Any), ("code", Any)]),
    ("BonusRedeemed", &[("bonus_instance_id", Any), ("redemption_id", Any), ("kind", Any)]),
    ("BonusCancelled", &[("by", Any)]),
    ("CustomEvent", &[("name", Any), ("attributes", Any)]),
    ("RoundClosed", &[("round_id", Id)]),
    ("FirstContact", &[("traffic_source", Any), ("traffic_campaign", Any), ("click_id", Any)]),
    ("CampaignExposure", &[("campaign_id", Any), ("variant", Any), ("control", Any)]),
    ("CampaignCost", &[("campaign_id", Any), ("day", Any), ("amount", Any)]),
    ("OperatorAction", &[("action", Any), ("target", Any), ("before", Any), ("after", Any), ("reason", Any)]),
    ("SuspiciousReportFiled", &[]),
    ("TierConfig", &[]),
    ("GameCatalog", &[]),
    ("PromoMultiplier", &[]),
    ("CampaignTemplate", &[]),
    ("SegmentDef", &[]),
    ("AmlRule", &[]),
    ("BrandConfig", &[]),
];

const PAYMENT: &[(&str, Form)] =
    &[("payment_id", Id), ("amount", Amount), ("currency", Id), ("method", Any), ("instrument_hash", Any)];
const MESSAGE: &[(&str, Form)] = &[("message_id", Any), ("channel", Any)];
const TICKET: &[(&str, Form)] = &[("ticket_id", Any), ("channel", Any), ("priority", Any), ("agent", Any)];
const REDEMPTION: &[(&str, Form)] =
    &[("redemption_id", Id), ("points", Amount), ("actor", Id), ("role", Id), ("request_id", Id), ("approver", Id)];

/// The fields of a type, or `None` for a type that nobody knows.
pub(crate) fn fields(kind: &str) -> Option<&'static [(&'static str, Form)]> {
    Some(match kind {
        "BetPlaced" => &[
            ("bet_id", Id),
            ("round_id", Id),
            ("game_id", Id),
            ("game_type", Id),
            ("amount", Amount),
            ("currency", Id),
            ("real_amount", Amount),
            ("bonus_amount", Amount),
            ("exchange_rate", Amount),
            ("session_id", Id),
            ("free_spin", Spin),
        ],
        "WinCredited" => &[
            ("win_id", Id),
            ("round_id", Id),
            ("bet_id", Id),
            ("amount", Amount),
            ("currency", Id),
            ("real_amount", Amount),
            ("bonus_amount", Amount),
        ],
        "BetVoided" => &[("original_bet_id", Id), ("amount", Amount), ("reason", Any)],
        "WinReversed" => &[("original_win_id", Id)],
        "BetCorrected" => &[("original_bet_id", Id), ("new_amount", Amount)],
        "DepositMade" => &[
            ("payment_id", Id),
            ("amount", Amount),
            ("currency", Id),
            ("method", Any),
            ("instrument_hash", Any),
            ("status", Any),
        ],
        "DepositFailed" | "WithdrawalRequested" | "WithdrawalPaid" | "WithdrawalCancelled" => PAYMENT,
        "DepositReversed" => &[("original_payment_id", Id), ("kind", Any)],
        "SessionStarted" => &[
            ("session_id", Id),
            ("device_hash", Any),
            ("ip_hash", Any),
            ("ip_prefix", Any),
            ("ip_country", Any),
            ("channel", Any),
        ],
        "SessionEnded" => &[("session_id", Id)],
        "PointsAdjust" => {
            &[("amount", Signed), ("reason", Any), ("actor", Id), ("role", Id), ("request_id", Id), ("approver", Id)]
        }
        "RedemptionRequested" | "RedemptionConfirmed" | "RedemptionCancelled" => REDEMPTION,
        "StatusForce" => &[
            ("tier", Id),
            ("mode", Mode),
            ("until", Time),
            ("reason", Any),
            ("actor", Id),
            ("role", Id),
            ("request_id", Id),
            ("approver", Id),
        ],
        "FxRate" => &[("currency", Id), ("base", Id), ("rate", Amount), ("valid_from", Time)],
        "ProgrammePublished" => &[("id", Any), ("revision", Any), ("effective_from", Any), ("sha256", Any), ("body", Any)],
        "MessageSent" | "MessageDelivered" | "MessageOpened" | "MessageClicked" | "MessageFailed" => MESSAGE,
        "TicketOpened" | "TicketAssigned" | "TicketReplied" | "TicketPending" | "TicketResolved" | "TicketReopened"
        | "TicketClosed" => TICKET,
        _ => QUIET.iter().find(|(k, _)| *k == kind)?.1,
    })
}

/// The fields of a type that must be there, beside the envelope's.
pub(crate) fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "BetPlaced" => &["bet_id", "amount", "currency"],
        "WinCredited" => &["win_id", "amount", "currency"],
        "BetVoided" => &["original_bet_id"],
        "BetCorrected" => &["original_bet_id", "new_amount"],
        "WinReversed" => &["original_win_id"],
        "DepositMade" => &["payment_id", "amount", "currency"],
        "DepositReversed" => &["original_payment_id"],
        "RedemptionRequested" => &["redemption_id", "points"],
        "RedemptionConfirmed" | "RedemptionCancelled" => &["redemption_id"],
        "PointsAdjust" => &["amount"],
        "StatusForce" => &["mode"],
        "FxRate" => &["currency", "base", "rate", "valid_from"],
        "SessionStarted" => &["session_id"],
        _ => &[],
    }
}

/// The types of `fx.v1` and `config.v1`.
pub(crate) fn of_config(kind: &str) -> bool {
    let config = ["TierConfig", "GameCatalog", "PromoMultiplier", "CampaignTemplate", "SegmentDef", "AmlRule", "BrandConfig"];
    moves_no_clock(kind) || config.contains(&kind)
}

/// Rule 0: these two move no clock and are known from the start.
pub(crate) fn moves_no_clock(kind: &str) -> bool {
    kind == "FxRate" || kind == "ProgrammePublished"
}

/// Rule 14: the types that may stand without a player.
pub(crate) fn may_lack_player(kind: &str) -> bool {
    let listed = ["CampaignCost", "FirstContact", "CampaignExposure", "OperatorAction", "SuspiciousReportFiled"];
    of_config(kind) || listed.contains(&kind) || kind.starts_with("Ticket")
}

/// Types that carry `request_id`.
pub(crate) fn is_command(kind: &str) -> bool {
    matches!(kind, "PointsAdjust" | "StatusForce") || is_redemption(kind)
}

pub(crate) fn is_redemption(kind: &str) -> bool {
    matches!(kind, "RedemptionRequested" | "RedemptionConfirmed" | "RedemptionCancelled")
}

/// Payments are remembered for longer.
pub(crate) fn is_payment(kind: &str) -> bool {
    matches!(
        kind,
        "DepositMade" | "DepositFailed" | "DepositReversed" | "WithdrawalRequested" | "WithdrawalPaid" | "WithdrawalCancelled"
    )
}

/// Rule 9: the types that can be too late; every other one is only late.
pub(crate) fn can_be_too_late(kind: &str) -> bool {
    let listed = ["BetPlaced", "WinCredited", "BetVoided", "BetCorrected", "WinReversed", "PointsAdjust"];
    listed.contains(&kind) || is_payment(kind) || is_redemption(kind)
}

/// Rule 8: the fields that are identities of a type (beside `source` and `event_id`).
pub(crate) fn identities(kind: &str) -> &'static [&'static str] {
    match kind {
        "BetPlaced" => &["bet_id"],
        "WinCredited" => &["win_id"],
        "DepositMade" | "DepositFailed" | "WithdrawalRequested" | "WithdrawalPaid" | "WithdrawalCancelled" => &["payment_id"],
        "RedemptionRequested" | "RedemptionConfirmed" | "RedemptionCancelled" => &["redemption_id", "request_id"],
        "SessionStarted" | "SessionEnded" => &["session_id"],
        "PointsAdjust" | "StatusForce" => &["request_id"],
        _ => &[],
    }
}
