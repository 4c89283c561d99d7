//! The programme as the auditor knows it: plain fields, and the YAML of CONTRACTS section 1 for the pipeline.

use std::collections::BTreeMap;

use super::amount::Dec;
use super::zone::{HOUR, MINUTE, Ms, SECOND, write_time};

/// One revision of the programme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rulebook {
    pub(crate) id: String,
    pub(crate) revision: u32,
    pub(crate) effective_from: Ms,
    pub(crate) brands: BTreeMap<String, Brand>,
    pub(crate) clock: Clock,
    pub(crate) points: Points,
    pub(crate) games: Games,
    pub(crate) promotions: Promotions,
    pub(crate) tiers: Tiers,
    pub(crate) redemption: Redemption,
}

/// Where a brand lives and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brand {
    pub(crate) time_zone: String,
    pub(crate) base_currency: String,
}

/// Section `clock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) ordering_delay: Ms,
    pub(crate) future_tolerance: Ms,
    pub(crate) history_days: i64,
    pub(crate) payment_history_days: i64,
}

/// Section `points`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Points {
    pub(crate) per_unit: String,
    pub(crate) real_only: bool,
    pub(crate) expire_after_months: u32,
    pub(crate) qualifying: Vec<String>,
    pub(crate) remind_before_days: Vec<i64>,
}

/// Section `games`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Games {
    pub(crate) weights: Vec<(String, String)>,
    pub(crate) unknown_weight: String,
    /// Game and type.
    pub(crate) catalogue: Vec<(String, String)>,
}

/// Section `promotions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promotions {
    /// `max` instead of `multiply`.
    pub(crate) stack_max: bool,
    pub(crate) cap: String,
    pub(crate) list: Vec<Promotion>,
}

/// One promotion; an empty list of brands or game types is no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Promotion {
    pub(crate) id: String,
    pub(crate) multiplier: String,
    pub(crate) from: Ms,
    pub(crate) to: Ms,
    pub(crate) brands: Vec<String>,
    pub(crate) game_types: Vec<String>,
}

/// Section `tiers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tiers {
    /// `to_fit` instead of `one_down`.
    pub(crate) to_fit: bool,
    pub(crate) min_tenure_days: i64,
    pub(crate) grace_days: i64,
    pub(crate) warn_before_days: i64,
    pub(crate) levels: Vec<Level>,
}

/// One tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) name: String,
    pub(crate) entry: String,
    pub(crate) maintain: String,
    pub(crate) points_multiplier: String,
    pub(crate) entitlements: Vec<String>,
}

/// Section `redemption`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redemption {
    pub(crate) step: i64,
    pub(crate) value: String,
    pub(crate) currency: String,
    pub(crate) confirm_within: Ms,
    pub(crate) wager_multiplier: String,
}

fn level(name: &str, entry: &str, maintain: &str, entitlements: &[&str]) -> Level {
    Level {
        name: name.into(),
        entry: entry.into(),
        maintain: maintain.into(),
        points_multiplier: "1".into(),
        entitlements: entitlements.iter().map(|e| (*e).to_owned()).collect(),
    }
}

impl Default for Rulebook {
    /// The default programme: the values of DOMAIN section 0, in force from 2026-01-01.
    fn default() -> Rulebook {
        let utc = Brand { time_zone: "UTC".into(), base_currency: "EUR".into() };
        let weights = [("slots", "1"), ("table", "0.5"), ("live", "1.5"), ("exclusive", "2")];
        Rulebook {
            id: "default".into(),
            revision: 1,
            effective_from: 1_767_225_600_000,
            brands: BTreeMap::from([("default".to_owned(), utc)]),
            clock: Clock { ordering_delay: SECOND, future_tolerance: 5 * MINUTE, history_days: 30, payment_history_days: 540 },
            points: Points {
                per_unit: "1".into(),
                real_only: false,
                expire_after_months: 12,
                qualifying: vec!["bet".into(), "adjustment".into()],
                remind_before_days: vec![30, 7],
            },
            games: Games {
                weights: weights.iter().map(|(t, w)| ((*t).to_owned(), (*w).to_owned())).collect(),
                unknown_weight: "0.5".into(),
                catalogue: Vec::new(),
            },
            promotions: Promotions { stack_max: false, cap: "10".into(), list: Vec::new() },
            tiers: Tiers {
                to_fit: false,
                min_tenure_days: 30,
                grace_days: 0,
                warn_before_days: 7,
                levels: vec![
                    level("Bronze", "0", "0", &[]),
                    level("Silver", "10000", "1000", &[]),
                    level("Gold", "50000", "5000", &["email_support"]),
                    level("Platinum", "200000", "20000", &["personal_manager", "higher_min_rtp"]),
                ],
            },
            redemption: Redemption {
                step: 1000,
                value: "10".into(),
                currency: "EUR".into(),
                confirm_within: 24 * HOUR,
                wager_multiplier: "0".into(),
            },
        }
    }
}

/// Looking things up.
impl Rulebook {
    /// A brand that is not listed has the settings of `default`.
    pub(crate) fn brand(&self, name: &str) -> &Brand {
        self.brands.get(name).unwrap_or_else(|| &self.brands["default"])
    }

    /// The place of a tier, the lowest being 0.
    pub(crate) fn place(&self, tier: &str) -> Option<usize> {
        self.tiers.levels.iter().position(|l| l.name == tier)
    }

    pub(crate) fn level(&self, tier: &str) -> &Level {
        self.tiers.levels.iter().find(|l| l.name == tier).expect("a tier of this revision")
    }

    /// The type of a game and its weight: the catalogue wins over the event; `None` is an unknown type.
    pub(crate) fn weight(&self, game: Option<&str>, game_type: Option<&str>) -> (Option<String>, Option<Dec>) {
        let listed = game.and_then(|g| self.games.catalogue.iter().find(|(id, _)| id == g));
        let resolved = listed.map(|(_, t)| t.as_str()).or(game_type);
        let weight = self.games.weights.iter().find(|(t, _)| Some(t.as_str()) == resolved);
        (resolved.map(str::to_owned), weight.map(|(_, w)| Dec::known(w)))
    }

    /// Whether only what may change has changed against `first`: not the clock, a zone or a base currency.
    pub(crate) fn may_follow(&self, first: &Rulebook) -> bool {
        let names = first.brands.keys().chain(self.brands.keys());
        let mut same = names.map(|n| first.brand(n) == self.brand(n));
        self.clock == first.clock && same.all(|s| s)
    }
}

fn span(ms: Ms) -> String {
    if ms % HOUR == 0 {
        format!("{}h", ms / HOUR)
    } else if ms % MINUTE == 0 {
        format!("{}m", ms / MINUTE)
    } else {
        format!("{}s", ms / SECOND)
    }
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// Writing it down.
impl Rulebook {
    /// The programme file of CONTRACTS section 1.
    pub(crate) fn to_yaml(&self) -> String {
        let c = &self.clock;
        let r = &self.redemption;
        let mut out = vec![
            "version: 1".to_owned(),
            format!(
                "programme: {{id: {}, revision: {}, effective_from: {}}}",
                self.id,
                self.revision,
                write_time(self.effective_from)
            ),
            "brands:".to_owned(),
        ];
        out.extend(self.brands.iter().map(|(name, b)| {
            format!("  {name}: {{time_zone: {}, base_currency: {}, jurisdiction: MT}}", b.time_zone, b.base_currency)
        }));
        out.push(format!(
            "clock: {{ordering_delay: {}, future_tolerance: {}, history_days: {}, payment_history_days: {}}}",
            span(c.ordering_delay),
            span(c.future_tolerance),
            c.history_days,
            c.payment_history_days
        ));
        out.extend(self.points_and_games());
        out.extend(self.promotion_lines());
        out.extend(self.tier_lines());
        out.push(format!(
            "redemption: {{step: {}, value: \"{}\", currency: {}, confirm_within: {}, wager_multiplier: \"{}\"}}",
            r.step,
            r.value,
            r.currency,
            span(r.confirm_within),
            r.wager_multiplier
        ));
        out.join("\n") + "\n"
    }

    fn points_and_games(&self) -> Vec<String> {
        let p = &self.points;
        let reminders: Vec<String> = p.remind_before_days.iter().map(i64::to_string).collect();
        let weights: Vec<String> = self.games.weights.iter().map(|(t, w)| format!("{t}: \"{w}\"")).collect();
        let mut out = vec![
            "points:".to_owned(),
            format!("  per_unit: \"{}\"", p.per_unit),
            format!("  stake_basis: {}", if p.real_only { "real_only" } else { "total" }),
            format!("  expire_after_months: {}", p.expire_after_months),
            format!("  qualifying: {}", list(&p.qualifying)),
            format!("  remind_before_days: {}", list(&reminders)),
            "games:".to_owned(),
            format!("  weights: {{{}}}", weights.join(", ")),
            format!("  unknown_weight: \"{}\"", self.games.unknown_weight),
        ];
        if !self.games.catalogue.is_empty() {
            out.push("  catalogue:".to_owned());
        }
        let games = self.games.catalogue.iter();
        out.extend(games.map(|(game, kind)| format!("    {game}: {{type: {kind}, provider: acme}}")));
        out
    }

    fn promotion_lines(&self) -> Vec<String> {
        let p = &self.promotions;
        let mut out = vec![
            "promotions:".to_owned(),
            format!("  stacking: {}", if p.stack_max { "max" } else { "multiply" }),
            format!("  cap: \"{}\"", p.cap),
            format!("  list:{}", if p.list.is_empty() { " []" } else { "" }),
        ];
        for one in &p.list {
            let (from, to) = (write_time(one.from), write_time(one.to));
            let limit = |name: &str, items: &[String]| {
                if items.is_empty() { String::new() } else { format!(", {name}: {}", list(items)) }
            };
            let limits = limit("brands", &one.brands) + &limit("game_types", &one.game_types);
            out.push(format!("    - {{id: {}, multiplier: \"{}\", from: {from}, to: {to}{limits}}}", one.id, one.multiplier));
        }
        out
    }

    fn tier_lines(&self) -> Vec<String> {
        let t = &self.tiers;
        let mut out = vec![
            "tiers:".to_owned(),
            format!("  downgrade: {}", if t.to_fit { "to_fit" } else { "one_down" }),
            format!("  min_tenure_days: {}", t.min_tenure_days),
            format!("  grace_days: {}", t.grace_days),
            format!("  warn_before_days: {}", t.warn_before_days),
            "  levels:".to_owned(),
        ];
        out.extend(t.levels.iter().map(|l| {
            let (entry, maintain, points) = (&l.entry, &l.maintain, &l.points_multiplier);
            let thresholds = format!("name: {}, entry: \"{entry}\", maintain: \"{maintain}\"", l.name);
            let rest = format!("points_multiplier: \"{points}\", cashback: \"0\", entitlements: {}", list(&l.entitlements));
            format!("    - {{{thresholds}, bonus_multiplier: \"1\", {rest}}}")
        }));
        out
    }
}
