//! Whole programmes and what they resolve to; what is refused is in `refused`.

mod any_text;
mod in_step;
mod refused;

use super::*;
use crate::money::Decimal;
use crate::programme::{DowngradeSteps, Factor, Game, Qualifying, Stacking, StakeBasis};

/// The example of the contract, without what this version does not enforce.
const EXAMPLE: &str = r#"
version: 1                        # format of this file
programme: {id: default, revision: 1, effective_from: 2026-01-01T00:00:00Z}
brands:
  default: {time_zone: UTC, base_currency: EUR, jurisdiction: MT, loyalty_scope: brand}
  b1:      {time_zone: Europe/Malta, base_currency: EUR, jurisdiction: MT}
clock: {ordering_delay: 1s, future_tolerance: 5m, history_days: 30, payment_history_days: 540}
points:
  per_unit: "1"                   # points per 1.00 of base currency staked
  stake_basis: total              # total | real_only
  expire_after_months: 12
  qualifying: [bet, adjustment]   # bet | deposit | login | adjustment (a positive PointsAdjust)
  remind_before_days: [30, 7]
games:
  weights: {slots: "1", table: "0.5", live: "1.5", exclusive: "2"}
  unknown_weight: "0.5"           # game_type missing or not listed; counted in unknown_game_total
  catalogue:                      # optional, wins over the event's game_type
    high-roller-roulette: {type: exclusive, provider: acme}
promotions:
  stacking: multiply              # multiply | max
  cap: "10"                       # on the combined multiplier
  list:
    - {id: DoublePointsWeek, multiplier: "2", from: 2026-03-02T00:00:00+01:00, to: 2026-03-09T00:00:00+01:00, brands: [b1], game_types: [slots]}
tiers:
  downgrade: one_down             # one_down | to_fit
  min_tenure_days: 30
  grace_days: 0
  warn_before_days: 7
  levels:                         # lowest first
    - {name: Bronze,   entry: "0",      maintain: "0",     bonus_multiplier: "1",    points_multiplier: "1", cashback: "0",    entitlements: []}
    - {name: Silver,   entry: "10000",  maintain: "1000",  bonus_multiplier: "1.1",  points_multiplier: "1", cashback: "0.01", entitlements: []}
    - {name: Gold,     entry: "50000",  maintain: "5000",  bonus_multiplier: "1.25", points_multiplier: "1", cashback: "0.02", entitlements: [email_support]}
    - {name: Platinum, entry: "200000", maintain: "20000", bonus_multiplier: "1.5",  points_multiplier: "1", cashback: "0.03", entitlements: [personal_manager, higher_min_rtp]}
redemption: {step: 1000, value: "10.00", currency: EUR, confirm_within: 24h, wager_multiplier: "0"}
campaigns: []                     # section 5
"#;

const HEAD: &str = "version: 1\nprogramme: {id: p, revision: 7, effective_from: 2026-01-01T00:00:00Z}\n";
const MINIMAL: &str =
    "tiers: {levels: [{name: Bronze, entry: 0, maintain: 0}, {name: Top, entry: \"0.000001\", maintain: 0.5}]}\n";

fn file(name: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.into() }
}

fn good(text: &str) -> Programme {
    load(&[file("p.yaml", text)])
        .unwrap_or_else(|problems| panic!("{}", problems.iter().map(|one| format!("{one}\n")).collect::<String>()))
}

/// The minimal programme with another section.
fn with(section: &str) -> Programme {
    good(&format!("{HEAD}{MINIMAL}{section}"))
}

/// The problems of the minimal programme with another section, which begins in line 4.
fn refused(section: &str) -> Vec<String> {
    let problems = load(&[file("p.yaml", format!("{HEAD}{MINIMAL}{section}"))]).expect_err(section);
    problems.iter().map(|one| format!("{}:{} {}: {}", one.line, one.column, one.path, one.message)).collect()
}

fn instant(text: &str) -> Instant {
    Instant::parse(text.as_bytes()).unwrap()
}

fn values(programme: &Programme) -> String {
    programme.values.iter().map(|(path, value)| format!("{path} = {value}\n")).collect()
}

#[test]
fn the_example_of_the_contract_has_exactly_its_values() {
    let programme = good(EXAMPLE);
    assert_eq!((&*programme.id, programme.revision, programme.effective_from), ("default", 1, instant("2026-01-01T00:00:00Z")));
    assert_eq!(programme.default_brand.zone.0.name(), "UTC");
    assert_eq!(programme.brands.len(), 1);
    let brand = programme.brand("b1");
    assert_eq!((brand.zone.0.name(), &*brand.base_currency, &*brand.jurisdiction), ("Europe/Malta", "EUR", "MT"));
    assert_eq!(programme.brand("other"), &programme.default_brand);
    let clock = Clock { ordering_delay_ms: 1_000, future_tolerance_ms: 300_000, history_days: 30, payment_history_days: 540 };
    assert_eq!(programme.clock, clock);
    let points = &programme.points;
    assert_eq!((points.per_unit, points.stake_basis, points.expire_after_months), (Factor::ONE, StakeBasis::Total, 12));
    assert_eq!(points.qualifying, Qualifying { bet: true, adjustment: true, ..Qualifying::default() });
    assert_eq!(points.remind_before_days, [30, 7]);
    let games = &programme.games;
    let weights: Vec<_> = games.weights.iter().map(|(name, weight)| (&**name, weight.0)).collect();
    assert_eq!(weights, [("exclusive", 20_000), ("live", 15_000), ("slots", 10_000), ("table", 5_000)]);
    assert_eq!(games.unknown_weight, Factor(5_000));
    assert_eq!(games.catalogue["high-roller-roulette"], Game { game_type: "exclusive".into(), provider: "acme".into() });
    let promotions = &programme.promotions;
    assert_eq!((promotions.stacking, promotions.cap, promotions.list.len()), (Stacking::Multiply, Factor(100_000), 1));
    let week = &promotions.list[0];
    assert_eq!(
        (&*week.id, week.multiplier, &week.brands[..], &week.game_types[..]),
        ("DoublePointsWeek", Factor(20_000), &["b1".into()][..], &["slots".into()][..])
    );
    assert_eq!((week.from, week.to), (instant("2026-03-01T23:00:00Z"), instant("2026-03-08T23:00:00Z")));
    let redemption = &programme.redemption;
    assert_eq!((redemption.step, redemption.value, &*redemption.currency), (1_000, Decimal::new(10, 0), "EUR"));
    assert_eq!((redemption.confirm_within_ms, redemption.wager_multiplier), (86_400_000, Factor(0)));
    default_ladder(&programme);
}

fn default_ladder(programme: &Programme) {
    let tiers = &programme.tiers;
    assert_eq!(tiers.downgrade, DowngradeSteps::OneDown);
    assert_eq!((tiers.min_tenure_days, tiers.grace_days, tiers.warn_before_days), (30, 0, 7));
    let levels: Vec<_> = tiers
        .levels
        .iter()
        .map(|level| {
            let factors = (level.bonus_multiplier.0, level.points_multiplier.0, level.cashback.0);
            (&*level.name, level.entry.to_string(), level.maintain.to_string(), factors, level.entitlements.join(" "))
        })
        .collect();
    let row = |name, entry: &str, maintain: &str, factors, entitlements: &str| {
        (name, entry.to_owned(), maintain.to_owned(), factors, entitlements.to_owned())
    };
    assert_eq!(
        levels,
        [
            row("Bronze", "0", "0", (10_000, 10_000, 0), ""),
            row("Silver", "10000", "1000", (11_000, 10_000, 100), ""),
            row("Gold", "50000", "5000", (12_500, 10_000, 200), "email_support"),
            row("Platinum", "200000", "20000", (15_000, 10_000, 300), "personal_manager higher_min_rtp"),
        ]
    );
}

#[test]
fn what_is_left_out_has_the_value_of_the_contract() {
    let full = values(&good(EXAMPLE));
    let examples = ["brands.b1.", "games.catalogue.", "promotions.list.", "tiers.levels."];
    let expected: String =
        full.lines().filter(|line| !examples.iter().any(|one| line.starts_with(one))).map(|line| format!("{line}\n")).collect();
    let minimal = with("");
    let seen: String =
        values(&minimal).lines().filter(|line| !line.starts_with("tiers.levels.")).map(|line| format!("{line}\n")).collect();
    assert_eq!(seen, expected);
    assert_eq!(minimal.tiers.levels.len(), 2);
    let top = &minimal.tiers.levels[1];
    assert_eq!((top.entry.0, top.maintain.0, top.entitlements.len()), (1, 500_000, 0));
    assert_eq!((top.bonus_multiplier, top.points_multiplier, top.cashback), (Factor::ONE, Factor::ONE, Factor(0)));
    assert!(minimal.promotions.list.is_empty() && minimal.games.catalogue.is_empty() && minimal.brands.is_empty());
    let ladder = good(&format!("{HEAD}tiers: {{}}"));
    default_ladder(&ladder);
    let bare = good("version: 1\nprogramme: {}\ntiers: {}");
    assert_eq!((&*bare.id, bare.revision, bare.effective_from), ("default", 1, instant("2026-01-01T00:00:00Z")));
    let second = good("version: 1\nprogramme: {revision: 2}\ntiers: {}");
    assert_eq!((&*second.id, second.revision), ("default", 2));
    assert_eq!(values(&ladder).lines().filter(|line| line.starts_with("tiers.levels.")).count(), 24);
}

#[test]
fn the_default_programme_is_the_example_without_its_examples() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../programme/programme.yaml");
    let default = good(&std::fs::read_to_string(folder).unwrap());
    let differences: Vec<_> = changed(&default, &good(EXAMPLE)).into_iter().filter(|(_, before, _)| before.is_some()).collect();
    assert_eq!(differences, []);
    assert_eq!((&*default.id, default.revision, default.effective_from), ("default", 1, instant("2026-01-01T00:00:00Z")));
    assert!(default.brands.is_empty() && default.promotions.list.is_empty() && default.games.catalogue.is_empty());
}

#[test]
fn values_are_read_from_their_digits_and_shown_in_one_form() {
    let programme = with(
        "points: {per_unit: 01.2500, qualifying: []}\nclock: {ordering_delay: 90s, future_tolerance: 1500ms, history_days: \"45\"}\nredemption: {confirm_within: 120m, value: 0.10, step: \"500\"}\n\
         promotions: {list: [{id: NO, multiplier: 0, from: 2026-03-02t00:00:00.5+01:00, to: 2027-03-02T00:00:00Z, brands: [on, \"a, b\"]}]}\n",
    );
    let seen = values(&programme);
    for line in [
        "points.per_unit = 1.25",
        "points.qualifying = []",
        "clock.ordering_delay = 90s",
        "clock.future_tolerance = 1500ms",
        "clock.history_days = 45",
        "redemption.confirm_within = 2h",
        "redemption.value = 0.1",
        "redemption.step = 500",
        "promotions.list.NO.from = 2026-03-01T23:00:00.500Z",
        "promotions.list.NO.brands = [on, \"a, b\"]",
        "tiers.levels.Top.entry = 0.000001",
    ] {
        assert!(seen.lines().any(|other| other == line), "{line}\n{seen}");
    }
    assert_eq!(programme.clock.ordering_delay_ms, 90_000);
    assert!(!seen.contains("programme.") && !seen.contains("version"));
    // Written types of the default keep their weight; a factor of 9,999.9999 is the greatest.
    let weights = with("games: {weights: {slots: 9999.9999, bingo: 3}}").games.weights;
    let weights: Vec<_> = weights.iter().map(|(name, weight)| (&**name, weight.0)).collect();
    assert_eq!(weights, [("bingo", 30_000), ("exclusive", 20_000), ("live", 15_000), ("slots", 99_999_999), ("table", 5_000)]);
}

#[test]
fn files_are_merged_by_top_level_key() {
    let parts = [
        file("a.yaml", HEAD),
        file("b.yaml", MINIMAL),
        file("c.yaml", "# nothing yet\n"),
        file("campaigns/x.yaml", "[]"),
        file("campaigns/y.yaml", "campaigns: []"),
    ];
    assert_eq!(values(&load(&parts).unwrap()), values(&with("")));
    let twice = [
        file("a.yaml", HEAD),
        file("b.yaml", MINIMAL),
        file("c.yaml", format!("points: {{}}\n{MINIMAL}")),
        file("campaigns/x.yaml", "- id: welcome\n- id: again"),
    ];
    let seen: Vec<_> = load(&twice).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        seen,
        [
            "c.yaml:2:1: this key stands in b.yaml too (at tiers); keep it in one file",
            "campaigns/x.yaml:1:3: `campaigns` is not enforced in this version (at campaigns[0]); leave campaigns out, or write `campaigns: []`",
            "campaigns/x.yaml:2:3: `campaigns` is not enforced in this version (at campaigns[1]); leave campaigns out, or write `campaigns: []`",
        ]
    );
    let astray = [file("a.yaml", HEAD), file("b.yaml", MINIMAL), file("campaigns/x.yaml", "campaigns: []\npoints: {}")];
    assert_eq!(load(&astray).unwrap_err()[0].message, "only `campaigns` may stand in this folder");
    // What an unreadable file may hold is not called missing; what others hold is still checked.
    let broken = [file("a.yaml", HEAD), file("b.yaml", "tiers: [1\nb: 2"), file("c.yaml", "clock: {history_days: 0}")];
    let problems = load(&broken).unwrap_err();
    assert_eq!(
        problems.iter().map(|one| (&*one.file, &*one.path)).collect::<Vec<_>>(),
        [("b.yaml", "tiers"), ("c.yaml", "clock.history_days")]
    );
    let missing: Vec<_> = load(&[]).unwrap_err().into_iter().map(|one| one.path).collect();
    assert_eq!(missing, ["programme", "tiers", "version"]);
}

#[test]
fn a_listed_brand_has_the_defaults_settings_where_it_says_nothing() {
    let programme = with("brands: {b: {time_zone: Asia/Tokyo}, c: {}, default: {time_zone: Europe/Malta, base_currency: SEK}}");
    let brand = programme.brand("b");
    assert_eq!((brand.zone.0.name(), &*brand.base_currency, &*brand.jurisdiction), ("Asia/Tokyo", "SEK", "MT"));
    assert_eq!(programme.brand("c"), &programme.default_brand);
    assert!(std::sync::Arc::ptr_eq(&programme.brand("c").zone.0, &programme.default_brand.zone.0));
    assert_eq!(programme.values["brands.c.time_zone"], "Europe/Malta");
}

#[test]
fn changed_keys_come_in_byte_order_with_both_values() {
    let before = with("games: {weights: {bingo: 1}}\n");
    let after = good(&format!(
        "{HEAD}tiers: {{levels: [{{name: Bronze, entry: 0.0, maintain: 00}}, {{name: Top, entry: 2, maintain: 0.5}}]}}\ngames: {{weights: {{slots: 1.0, Keno: 3}}}}\n"
    ));
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        changed(&before, &after),
        [
            ("games.weights.Keno".to_owned(), None, some("3")),
            ("games.weights.bingo".to_owned(), some("1"), None),
            ("tiers.levels.Top.entry".to_owned(), some("0.000001"), some("2")),
        ]
    );
    assert_eq!(check_change(&before, &after), Ok(()));
}

#[test]
fn clock_zone_and_base_currency_may_not_change() {
    let malta = "brands: {b: {time_zone: Europe/Malta}}";
    for (before, after, refusal) in [
        ("", "clock: {history_days: 31}", Some("clock.history_days from 30 to 31")),
        ("", malta, Some("brands.b.time_zone from UTC to Europe/Malta")),
        (malta, "", Some("brands.b.time_zone from Europe/Malta to UTC")),
        (
            "brands: {b: {base_currency: SEK}}",
            "brands: {b: {base_currency: NOK}}",
            Some("brands.b.base_currency from SEK to NOK"),
        ),
        ("", "brands: {default: {base_currency: SEK}}", Some("brands.default.base_currency from EUR to SEK")),
        ("", "brands: {b: {jurisdiction: GB}}", None),
        (malta, "brands: {b: {time_zone: Europe/Malta, jurisdiction: GB}}\nclock: {ordering_delay: 1000ms}", None),
    ] {
        let seen = check_change(&with(before), &with(after));
        let expected = refusal.map_or(Ok(()), |text| Err(format!("may not change from one revision to the next: {text}")));
        assert_eq!(seen, expected, "{before} -> {after}");
    }
}
