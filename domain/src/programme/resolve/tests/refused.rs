//! What is refused, where, and in which words.

use super::*;

/// A mistake or several in most lines.
const MISTAKES: &str = r#"version: 2
programme: {id: p, revision: 0}
brands:
  "a:b": {time_zone: europe/malta}
  b1: {base_currency: eur, loyalty_scope: group, wallet: {debit: real_first}}
clock: {ordering_delay: 10, history_days: 0}
points:
  per_units: "1"
  per_unit: 1e3
  remind_before_days: [30, 7, 30]
games:
  weights: {slots: "0.00001", table: 10000, live: -1}
promotions:
  stacking: multiplied
  list:
    - {id: A, multiplier: 2, from: 2026-03-02T00:00:00Z, to: 2026-03-02T01:00:00+01:00}
    - {id: A, multiplier: 2, from: 2026-03-02, to: 2026-03-03T00:00:00Z, game_types: [slot]}
tiers:
  levels:
    - {name: Bronze, entry: 5, maintain: "0.0000001"}
    - {name: Gold, entry: 5}
    - {name: Gold, entry: "5,0", maintain: true}
redemption: {step: 0, value: "0"}
cashback: {percent: tier}
jurisdictions: {}
campaigns: [{id: welcome}]
color: red
"#;

#[test]
fn every_mistake_is_found_at_once_with_its_place() {
    let seen: Vec<_> = load(&[file("p.yaml", MISTAKES)])
        .unwrap_err()
        .iter()
        .map(|one| format!("{}:{} {}", one.line, one.column, one.path))
        .collect();
    assert_eq!(
        seen,
        [
            "1:10 version",
            "2:30 programme.revision",
            "4:3 brands.a:b",
            "4:22 brands.a:b.time_zone",
            "5:23 brands.b1.base_currency",
            "5:43 brands.b1.loyalty_scope",
            "5:50 brands.b1.wallet",
            "6:25 clock.ordering_delay",
            "6:43 clock.history_days",
            "8:3 points.per_units",
            "9:13 points.per_unit",
            "10:31 points.remind_before_days[2]",
            "12:20 games.weights.slots",
            "12:38 games.weights.table",
            "12:51 games.weights.live",
            "14:13 promotions.stacking",
            "16:62 promotions.list[0].to",
            "17:12 promotions.list[1].id",
            "17:36 promotions.list[1].from",
            "20:29 tiers.levels[0].entry",
            "20:42 tiers.levels[0].maintain",
            "21:7 tiers.levels[1].maintain",
            "21:27 tiers.levels[1].entry",
            "22:14 tiers.levels[2].name",
            "22:27 tiers.levels[2].entry",
            "22:44 tiers.levels[2].maintain",
            "23:20 redemption.step",
            "23:30 redemption.value",
            "24:1 cashback",
            "25:1 jurisdictions",
            "26:13 campaigns[0]",
            "27:1 color",
        ]
    );
}

#[test]
fn a_message_says_what_is_wrong_and_what_would_be_right() {
    let problems = load(&[file("p.yaml", format!("{HEAD}{MINIMAL}points: {{per_units: \"1\"}}\nbrands: {{b: {{time_zone: Europe/Matla}}}}\nclock: {{history_days: 4000}}"))]).unwrap_err();
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "p.yaml:4:10: `per_units` is not a key that is known here (at points.per_units); did you mean `per_unit`? known here: per_unit, stake_basis, expire_after_months, qualifying, remind_before_days",
            "p.yaml:5:25: `Europe/Matla` is not a time zone (at brands.b.time_zone); did you mean Europe/Malta?",
            "p.yaml:6:23: `4000` is out of bounds (at clock.history_days); expected a whole number from 1 to 3660",
        ]
    );
}

#[test]
fn what_is_not_enforced_is_refused_by_name() {
    for (section, path) in [
        ("cashback: {percent: tier}", "4:1 cashback: `cashback`"),
        ("jurisdictions: {GB: {}}", "4:1 jurisdictions: `jurisdictions`"),
        ("feature_flags: {}", "4:1 feature_flags: `feature_flags`"),
        ("campaigns: [{id: a}]", "4:13 campaigns[0]: `campaigns`"),
        ("brands: {b: {wallet: {}}}", "4:14 brands.b.wallet: `wallet`"),
        ("brands: {b: {loyalty_scope: group}}", "4:29 brands.b.loyalty_scope: `group`"),
        ("games: {products: {slots: casino}}", "4:9 games.products: `products`"),
    ] {
        assert_eq!(refused(section), [format!("{path} is not enforced in this version")], "{section}");
    }
    with("campaigns: []");
    with("brands: {b: {loyalty_scope: brand, jurisdiction: GB}}");
    let british = |multiplier| format!("redemption: {{wager_multiplier: {multiplier}}}\nbrands: {{b: {{jurisdiction: GB}}}}");
    with(&british("10"));
    assert_eq!(
        refused(&british("10.0001")),
        ["4:32 redemption.wager_multiplier: brand `b` has the jurisdiction GB, which allows less"]
    );
    assert_eq!(with("redemption: {wager_multiplier: 3}").redemption.wager_multiplier, Factor(30_000));
}

#[test]
fn single_values_are_refused_on_the_wrong_side_of_each_bound() {
    for section in [
        "points: {per_unit: 10000}",
        "points: {per_unit: 1.00001}",
        "points: {per_unit: .5}",
        "points: {per_unit: +1}",
        "points: {per_unit: 0x1}",
        "points: {per_unit: [1]}",
        "points: {per_unit: {a: 1}}",
        "points: {per_unit: ~}",
        "points: {per_unit:}",
        "points:",
        "points: 1",
        "points: []",
        "points: {qualifying: bet}",
        "points: {qualifying: [bet, bets]}",
        "points: {expire_after_months: 0}",
        "points: {expire_after_months: 1.5}",
        "points: {expire_after_months: 12, remind_before_days: [373]}",
        "points: {remind_before_days: [0]}",
        "points: {remind_before_days: [-7]}",
        "clock: {ordering_delay: 8d}",
        "clock: {ordering_delay: 1.5s}",
        "clock: {ordering_delay: 1h30m}",
        "clock: {ordering_delay: 999999999999999d}",
        "clock: {history_days: 3661}",
        "clock: {payment_history_days: 18446744073709551616}",
        "promotions: {cap: 0.9999}",
        "promotions: {list: [1]}",
        "promotions: {list: {a: 1}}",
        "games: {catalogue: {g: {provider: acme}}}",
        "games: {weights: {\"\": 1}}",
        "redemption: {confirm_within: 0s}",
        "redemption: {currency: true}",
        "redemption: {currency: \"E R\"}",
        "brands: {\"*\": {}}",
        "brands: {b: {jurisdiction: \" MT\"}}",
        "brands: {b: {jurisdiction: \"M\\tT\"}}",
        "brands: {b: {time_zone: \"\"}}",
        "brands: []",
    ] {
        assert_eq!(refused(section).len(), 1, "{section}: {:?}", refused(section));
    }
    for section in [
        "points: {expire_after_months: 12, remind_before_days: [372]}",
        "promotions: {cap: 1}",
        "games: {catalogue: {g: {type: crash, provider: acme}}}",
        "promotions: {list: [{id: A, multiplier: 2, from: 2026-03-02T00:00:00Z, to: 2026-03-03T00:00:00Z, game_types: [crash]}]}",
        "redemption: {currency: mBTC}",
        "brands: {}",
        "points: {}",
    ] {
        with(section);
    }
}

#[test]
fn levels_are_bounded_and_distinct() {
    let ladder = |count: usize| {
        let levels: Vec<_> = (0..count).map(|at| format!("{{name: L{at}, entry: {at}, maintain: 0}}")).collect();
        load(&[file("p.yaml", format!("{HEAD}tiers: {{levels: [{}]}}", levels.join(", ")))])
    };
    assert_eq!(ladder(64).unwrap().tiers.levels.len(), 64);
    for count in [0, 65] {
        assert_eq!(ladder(count).unwrap_err()[0].path, "tiers.levels");
    }
}
