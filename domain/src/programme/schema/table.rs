//! The table of everything that may stand in a programme: keys, kinds of values, bounds, defaults.
//!
//! The reader and the JSON Schema both follow it, so neither knows a key that the other does not.
//! Defaults are JSON, which is YAML too: they are read as if they had been written in the file.

use super::shape::Absent::{Default, Nothing, Required};
use super::shape::{Absent, Key, Kind, Shape};

/// Ten years, the most that any number of days may be.
const DAYS_MAX: u64 = 3_660;
const DAY_MS: i64 = 86_400_000;
const FACTOR: Kind = Kind::Factor { min: 0, max: 99_999_999 };

const fn key(name: &'static str, kind: Kind, absent: Absent, about: &'static str) -> Key {
    Key { name, about, kind, absent }
}

/// The whole file.
pub(crate) const ROOT: Shape = Shape {
    about: "The loyalty programme of a casino: what its players' play entitles them to. \
            What is left out keeps the value shown as default.",
    keys: &[
        key("version", Kind::Whole { min: 1, max: 1 }, Required, "The format of this file."),
        key("programme", Kind::Section(&PROGRAMME), Required, PROGRAMME.about),
        key(
            "brands",
            Kind::Named { of: &BRAND, names: &Kind::Brand },
            Nothing,
            "Brands by name. One that is not listed has the settings of `default`. No colon in a name.",
        ),
        key("clock", Kind::Section(&CLOCK), Nothing, CLOCK.about),
        key("points", Kind::Section(&POINTS), Nothing, POINTS.about),
        key("games", Kind::Section(&GAMES), Nothing, GAMES.about),
        key("promotions", Kind::Section(&PROMOTIONS), Nothing, PROMOTIONS.about),
        key("tiers", Kind::Section(&TIERS), Required, TIERS.about),
        key("redemption", Kind::Section(&REDEMPTION), Nothing, REDEMPTION.about),
        key("cashback", Kind::Later { empty_list: false }, Nothing, "Cashback is not enforced in this version."),
        key(
            "jurisdictions",
            Kind::Later { empty_list: false },
            Nothing,
            "Limits of a jurisdiction are not enforced in this version.",
        ),
        key("feature_flags", Kind::Later { empty_list: false }, Nothing, "Feature flags are not enforced in this version."),
        key(
            "campaigns",
            Kind::Later { empty_list: true },
            Default("[]"),
            "Campaigns are not enforced in this version; the list stays empty.",
        ),
    ],
};

pub(crate) const PROGRAMME: Shape = Shape {
    about: "Which programme this is, which revision of it, and from when it holds.",
    keys: &[
        key("id", Kind::Name, Default(r#""default""#), "The name of the programme."),
        key(
            "revision",
            Kind::Whole { min: 1, max: 9_007_199_254_740_991 },
            Default("1"),
            "Raise it with every change. It is `config_version` on every fact.",
        ),
        key("effective_from", Kind::Instant, Default(r#""2026-01-01T00:00:00Z""#), "From when this revision holds."),
    ],
};

pub(crate) const BRAND: Shape = Shape {
    about: "Where a brand lives. What a listed brand leaves out it has from the brand `default`. \
            Zone and currency may not change from one revision to the next.",
    keys: &[
        key("time_zone", Kind::Zone, Default(r#""UTC""#), "The IANA time zone; its midnight ends the brand's day."),
        key("base_currency", Kind::Currency, Default(r#""EUR""#), "The currency in which turnover and points are counted."),
        key("jurisdiction", Kind::Name, Default(r#""MT""#), "The licence the brand runs under."),
        key(
            "loyalty_scope",
            Kind::Choice { words: &["brand"], later: &["group"] },
            Default(r#""brand""#),
            "Tiers and points belong to one brand.",
        ),
        key("wallet", Kind::Later { empty_list: false }, Nothing, "The wallet is not enforced in this version."),
    ],
};

pub(crate) const CLOCK: Shape = Shape {
    about: "How long records may take, and how long they are remembered. May not change from one revision to the next.",
    keys: &[
        key(
            "ordering_delay",
            Kind::Duration { min: 0, max: 7 * DAY_MS },
            Default(r#""1s""#),
            "A record may be this far behind the clock of its partition before it is late.",
        ),
        key(
            "future_tolerance",
            Kind::Duration { min: 0, max: 366 * DAY_MS },
            Default(r#""5m""#),
            "A single record further ahead than this moves no clock.",
        ),
        key(
            "history_days",
            Kind::Whole { min: 1, max: DAYS_MAX },
            Default("30"),
            "For how many days a bet can be reversed and a copy of it recognised.",
        ),
        key("payment_history_days", Kind::Whole { min: 1, max: DAYS_MAX }, Default("540"), "The same for payments."),
    ],
};

pub(crate) const POINTS: Shape = Shape {
    about: "How points are earned and when they expire.",
    keys: &[
        key("per_unit", FACTOR, Default(r#""1""#), "Points for 1.00 of base currency staked."),
        key(
            "stake_basis",
            Kind::Choice { words: &["total", "real_only"], later: &[] },
            Default(r#""total""#),
            "What of a stake counts, for turnover and points: all of it, or only its real money.",
        ),
        key(
            "expire_after_months",
            Kind::Whole { min: 1, max: 1_200 },
            Default("12"),
            "Calendar months without activity after which points expire.",
        ),
        key(
            "qualifying",
            Kind::List(&Kind::Choice { words: &["bet", "deposit", "login", "adjustment"], later: &[] }),
            Default(r#"["bet", "adjustment"]"#),
            "What counts as activity. An adjustment is points given by hand. Without any, points never expire.",
        ),
        key(
            "remind_before_days",
            Kind::List(&Kind::Whole { min: 1, max: DAYS_MAX }),
            Default("[30, 7]"),
            "Days before the expiry at which the player is reminded.",
        ),
    ],
};

pub(crate) const GAMES: Shape = Shape {
    about: "How much a stake in a game counts for points. Turnover, and so the tier, is not weighted.",
    keys: &[
        key(
            "weights",
            Kind::Values(&FACTOR),
            Default(r#"{"slots": "1", "table": "0.5", "live": "1.5", "exclusive": "2"}"#),
            "The weight of each game type. The four types of the default keep their weight where it is left out.",
        ),
        key("unknown_weight", FACTOR, Default(r#""0.5""#), "The weight of a game whose type is missing or has no weight here."),
        key(
            "catalogue",
            Kind::Named { of: &GAME, names: &Kind::Name },
            Default("{}"),
            "Single games; what stands here wins over the type on the event.",
        ),
        key("products", Kind::Later { empty_list: false }, Nothing, "Products are not enforced in this version."),
    ],
};

pub(crate) const GAME: Shape = Shape {
    about: "One game.",
    keys: &[
        key("type", Kind::Name, Required, "Its type, one that has a weight."),
        key("provider", Kind::Remark, Default(r#""""#), "Who made it."),
    ],
};

pub(crate) const PROMOTIONS: Shape = Shape {
    about: "Points multiplied for a time.",
    keys: &[
        key(
            "stacking",
            Kind::Choice { words: &["multiply", "max"], later: &[] },
            Default(r#""multiply""#),
            "How promotions that hold at once combine: their product, or the greatest.",
        ),
        key(
            "cap",
            Kind::Factor { min: 10_000, max: 99_999_999 },
            Default(r#""10""#),
            "The most that the combined multiplier may be.",
        ),
        key("list", Kind::Sections { of: &PROMOTION, id: "id", min: 0, max: 10_000 }, Default("[]"), "The promotions."),
    ],
};

pub(crate) const PROMOTION: Shape = Shape {
    about: "One promotion.",
    keys: &[
        key("id", Kind::Name, Required, "Its name."),
        key("multiplier", FACTOR, Required, "What points are multiplied by."),
        key("from", Kind::Instant, Required, "The first instant at which it holds."),
        key("to", Kind::Instant, Required, "The first instant at which it no longer holds."),
        key("brands", Kind::List(&Kind::Brand), Default("[]"), "The brands it holds for; empty means all."),
        key("game_types", Kind::List(&Kind::Name), Default("[]"), "The game types it holds for; empty means all."),
    ],
};

pub(crate) const TIERS: Shape = Shape {
    about: "The ladder: how players rise by what they have staked, and fall when they play less.",
    keys: &[
        key(
            "downgrade",
            Kind::Choice { words: &["one_down", "to_fit"], later: &[] },
            Default(r#""one_down""#),
            "One step at a time, or down to the tier that the last 30 days hold.",
        ),
        key(
            "min_tenure_days",
            Kind::Whole { min: 0, max: DAYS_MAX },
            Default("30"),
            "Days after an upgrade during which a tier is safe.",
        ),
        key("grace_days", Kind::Whole { min: 0, max: DAYS_MAX }, Default("0"), "Days below `maintain` that are forgiven."),
        key(
            "warn_before_days",
            Kind::Whole { min: 0, max: DAYS_MAX },
            Default("7"),
            "Days before a downgrade at which the player is warned.",
        ),
        key(
            "levels",
            Kind::Sections { of: &LEVEL, id: "name", min: 1, max: 64 },
            Default(concat!(
                r#"[{"name": "Bronze", "entry": "0", "maintain": "0","#,
                r#" "bonus_multiplier": "1", "points_multiplier": "1", "cashback": "0", "entitlements": []},"#,
                r#" {"name": "Silver", "entry": "10000", "maintain": "1000","#,
                r#" "bonus_multiplier": "1.1", "points_multiplier": "1", "cashback": "0.01", "entitlements": []},"#,
                r#" {"name": "Gold", "entry": "50000", "maintain": "5000","#,
                r#" "bonus_multiplier": "1.25", "points_multiplier": "1", "cashback": "0.02","#,
                r#" "entitlements": ["email_support"]},"#,
                r#" {"name": "Platinum", "entry": "200000", "maintain": "20000","#,
                r#" "bonus_multiplier": "1.5", "points_multiplier": "1", "cashback": "0.03","#,
                r#" "entitlements": ["personal_manager", "higher_min_rtp"]}]"#,
            )),
            "The tiers, lowest first. The first has entry 0; each further entry is higher than the one before.",
        ),
    ],
};

pub(crate) const LEVEL: Shape = Shape {
    about: "One tier.",
    keys: &[
        key("name", Kind::Name, Required, "Its name."),
        key("entry", Kind::Amount, Required, "Turnover since the beginning from which it is reached, in base currency."),
        key("maintain", Kind::Amount, Required, "Turnover of the last 30 days that is needed to keep it, in base currency."),
        key("bonus_multiplier", FACTOR, Default(r#""1""#), "What bonus grants are multiplied by. Not used in this version."),
        key("points_multiplier", FACTOR, Default(r#""1""#), "What points are multiplied by."),
        key(
            "cashback",
            Kind::Factor { min: 0, max: 10_000 },
            Default(r#""0""#),
            "The share of the net loss that is paid back: 0.02 is 2 %. Not used in this version.",
        ),
        key("entitlements", Kind::List(&Kind::Name), Default("[]"), "Privileges that other systems grant."),
    ],
};

pub(crate) const REDEMPTION: Shape = Shape {
    about: "Points into free play.",
    keys: &[
        key(
            "step",
            Kind::Whole { min: 1, max: 999_999_999_999_999 },
            Default("1000"),
            "Points are redeemed in multiples of this.",
        ),
        key("value", Kind::Price, Default(r#""10.00""#), "What one step is worth."),
        key("currency", Kind::Currency, Default(r#""EUR""#), "In which currency."),
        key(
            "confirm_within",
            Kind::Duration { min: 1, max: 366 * DAY_MS },
            Default(r#""24h""#),
            "A request that is not confirmed in this time is released.",
        ),
        key("wager_multiplier", FACTOR, Default(r#""0""#), "How often the free play must be wagered."),
    ],
};
