//! The worked examples of the law: golden examples of DOMAIN section 7, and those inside the rules.

use serde_json::{Value, json};

use super::rulebook::Promotion;
use super::zone::{DAY, read_time, write_time};
use super::{Expected, History, Partition, Rulebook, audit};

/// A test in the making: rules and the records of one player, in the order given.
struct Story {
    book: Rulebook,
    lines: Vec<Value>,
    until: Option<&'static str>,
}

fn story() -> Story {
    Story { book: Rulebook::default(), lines: vec![], until: None }
}

impl Story {
    fn event(mut self, kind: &str, at: &str, fields: Value) -> Story {
        let mut record = json!({
            "event_id": format!("e{}", self.lines.len()), "event_type": kind, "source": "s", "player_id": "p", "occurred_at": at,
        });
        let (Value::Object(all), Value::Object(own)) = (&mut record, fields) else { panic!("records are objects") };
        all.extend(own);
        self.lines.push(record);
        self
    }

    fn bet(self, at: &str, id: &str, amount: &str) -> Story {
        self.event("BetPlaced", at, json!({"bet_id": id, "amount": amount, "currency": "EUR", "game_type": "slots"}))
    }

    fn until(mut self, at: &'static str) -> Story {
        self.until = Some(at);
        self
    }

    fn run(&self) -> Expected {
        let lines = self.lines.iter().map(|l| l.to_string().into_bytes()).collect();
        audit(&History {
            rulebooks: vec![self.book.clone()],
            published: vec![],
            partitions: vec![Partition { topic: "bets.v1".into(), partition: 0, lines }],
            until: self.until.and_then(read_time),
        })
    }

    /// What was published, one short line a fact.
    fn tells(&self) -> Vec<String> {
        let expected = self.run();
        expected.facts.values().flatten().map(|f| short(&f.body)).collect()
    }

    fn profile(&self) -> Value {
        let expected = self.run();
        Value::Object(expected.profiles.values().next().expect("a player").clone())
    }
}

fn day(time: &str) -> &str {
    time.split_once('T').map_or(time, |(day, _)| day)
}

fn short(fact: &serde_json::Map<String, Value>) -> String {
    let text = |key: &str| fact.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    match text("event_type").as_str() {
        "PointsPosted" => format!("{} {}", text("entry_type"), text("points")),
        "TierChanged" => format!("{}>{} {} {} {}", text("from"), text("to"), fact["step"], text("reason"), day(&text("as_of"))),
        "TriggerFired" => {
            format!("{} {} {}", text("trigger"), fact["params"]["tier"].as_str().unwrap_or_default(), day(&text("as_of")))
        }
        "Audited" => format!("audit {} {}", text("decision"), text("reason")),
        _ => format!("grant {}", text("amount")),
    }
}

fn without_ledger(tells: Vec<String>) -> Vec<String> {
    tells.into_iter().filter(|t| !t.starts_with("accrue") && !t.starts_with("reverse ")).collect()
}

fn promoted() -> Story {
    let mut story = story();
    story.book.promotions.list.push(Promotion {
        id: "DoublePointsWeek".into(),
        multiplier: "2".into(),
        from: read_time("2026-03-02T00:00:00Z").expect("it is there"),
        to: read_time("2026-03-09T00:00:00Z").expect("it is there"),
        brands: vec![],
        game_types: vec!["slots".into()],
    });
    (0..5).fold(story, |s, n| s.bet(&format!("2026-03-02T10:00:0{n}Z"), &format!("b{n}"), "0.20"))
}

#[test]
fn g1_points_of_a_promotion() {
    assert_eq!(promoted().tells(), vec!["accrue 0.4"; 5]);
    assert_eq!(promoted().profile()["points"]["available"], "2");
}

#[test]
fn g2_live_bet_in_another_currency() {
    let fields = json!({"bet_id": "b", "amount": "100", "currency": "SEK", "game_type": "live"});
    let told = story()
        .event(
            "FxRate",
            "2026-03-01T00:00:00Z",
            json!({"currency": "SEK", "base": "EUR", "rate": "0.0880", "valid_from": "2026-03-01T00:00:00Z"}),
        )
        .event("BetPlaced", "2026-03-02T10:00:00Z", fields);
    assert_eq!(told.tells(), ["accrue 13.2"]);
    assert_eq!(told.profile()["cumulative"], "8.8");
}

#[test]
fn g3_void_after_the_promotion() {
    let told = promoted().event("BetVoided", "2026-03-20T10:00:00Z", json!({"original_bet_id": "b0"}));
    assert_eq!(told.tells().last().expect("it is there"), "reverse -0.4");
    assert_eq!(told.profile()["rolling_30d"], "0.8");
    assert_eq!(told.run().facts.values().next().expect("it is there")[5].body["base_amount"], "-0.2");
}

fn redeemer() -> Story {
    let request = |id: &str| json!({"redemption_id": id, "points": "1000"});
    story().bet("2026-03-01T10:00:00Z", "b", "1250").event("RedemptionRequested", "2026-03-02T10:00:00Z", request("r1")).event(
        "RedemptionRequested",
        "2026-03-02T11:00:00Z",
        request("r2"),
    )
}

#[test]
fn g4_redeem() {
    let head = ["accrue 1250", "block 1000", "audit allowed ", "audit refused insufficient_points"];
    assert_eq!(redeemer().tells(), head);
    assert_eq!(redeemer().profile()["points"]["blocked"], "1000");
    let confirmed = redeemer().event("RedemptionConfirmed", "2026-03-03T09:59:59.999Z", json!({"redemption_id": "r1"}));
    assert_eq!(confirmed.tells()[4..], ["redeem 1000", "grant 10", "audit allowed "]);
    let cancelled = redeemer().event("RedemptionCancelled", "2026-03-02T12:00:00Z", json!({"redemption_id": "r1"}));
    assert_eq!(cancelled.profile()["points"]["available"], "1250");
    let too_late = redeemer().event("RedemptionConfirmed", "2026-03-03T10:00:00Z", json!({"redemption_id": "r1"}));
    assert_eq!(too_late.tells()[4..], ["unblock 1000", "audit refused not_open"]);
}

#[test]
fn g5_upgrades() {
    let one = story().bet("2026-03-01T10:00:00Z", "a", "9990").bet("2026-03-01T10:01:00Z", "b", "20");
    assert_eq!(without_ledger(one.tells()), ["Bronze>Silver 1 threshold 2026-03-01", "level_up Silver 2026-03-01"]);
    let two = story().bet("2026-03-01T10:00:00Z", "a", "9000").bet("2026-03-01T10:01:00Z", "b", "45000");
    let steps = [
        "Bronze>Silver 1 threshold 2026-03-01",
        "level_up Silver 2026-03-01",
        "Silver>Gold 2 threshold 2026-03-01",
        "level_up Gold 2026-03-01",
    ];
    assert_eq!(without_ledger(two.tells()), steps);
}

#[test]
fn g6_down_and_up_again_without_a_second_reward() {
    let told = story()
        .bet("2026-03-01T10:00:00Z", "a", "56000")
        .bet("2026-03-20T10:00:00Z", "b", "4000")
        .bet("2026-03-31T10:00:00Z", "c", "10")
        .bet("2026-03-31T11:00:00Z", "d", "990")
        .bet("2026-03-31T12:00:00Z", "e", "1");
    let told = without_ledger(told.tells());
    let tail = ["Gold>Silver 1 decay 2026-03-31", "Silver>Gold 1 threshold 2026-03-31"];
    assert_eq!(told[told.len() - 2..], tail);
    assert!(told[4].starts_with("tier_at_risk Gold 2026-03-24"), "{told:?}");
}

#[test]
fn g7_and_rule_6_silence_and_one_step_a_day() {
    let told = story().bet("2026-03-01T10:00:00Z", "a", "60000").until("2026-04-01T00:00:00Z");
    let expected = [
        "tier_at_risk Gold 2026-03-24",
        "Gold>Silver 1 decay 2026-03-31",
        "tier_at_risk Silver 2026-03-31",
        "Silver>Bronze 1 decay 2026-04-01",
    ];
    assert_eq!(without_ledger(told.tells())[4..], expected);
}

#[test]
fn rule_6_to_fit_goes_down_at_once() {
    let mut told = story().bet("2026-03-01T10:00:00Z", "a", "60000").until("2026-03-31T00:00:00Z");
    told.book.tiers.to_fit = true;
    told.book.tiers.warn_before_days = 0;
    assert_eq!(without_ledger(told.tells())[4..], ["Gold>Silver 1 decay 2026-03-31", "Silver>Bronze 2 decay 2026-03-31"]);
}

#[test]
fn rule_7_reversals() {
    let told = story()
        .bet("2026-03-01T10:00:00Z", "a", "60000")
        .event("BetVoided", "2026-03-01T11:00:00Z", json!({"original_bet_id": "a", "amount": "20000"}))
        .event("BetVoided", "2026-03-01T12:00:00Z", json!({"original_bet_id": "a", "amount": "50000"}))
        .event("BetVoided", "2026-03-01T13:00:00Z", json!({"original_bet_id": "a"}))
        .event("BetCorrected", "2026-03-01T14:00:00Z", json!({"original_bet_id": "a", "new_amount": "5"}));
    let expected = [
        "reverse -20000",
        "Gold>Silver 1 reversal 2026-03-01",
        "audit review reversed_after_reward",
        "reverse -40000",
        "audit refused void_above_stake",
        "Silver>Bronze 1 reversal 2026-03-01",
        "audit review reversed_after_reward",
        "audit refused bet_voided",
    ];
    assert_eq!(told.tells()[5..], expected);
    assert_eq!(told.run().summary.duplicates, 1);
}

#[test]
fn rule_7_thirds_take_what_is_left() {
    let third = json!({"original_bet_id": "a", "amount": "0.10"});
    let told = story()
        .bet("2026-03-01T10:00:00Z", "a", "0.300001")
        .event("BetVoided", "2026-03-01T11:00:00Z", third.clone())
        .event("BetVoided", "2026-03-01T11:00:01Z", third)
        .event("BetVoided", "2026-03-01T11:00:02Z", json!({"original_bet_id": "a"}));
    assert_eq!(told.tells()[1..], ["reverse -0.1", "reverse -0.1", "reverse -0.100001"]);
    assert_eq!(told.profile()["points"]["available"], "0");
}

#[test]
fn rule_11_expiry() {
    let mut told = story().bet("2026-03-01T10:00:00Z", "a", "5").until("2027-03-02T00:00:00Z");
    let expected = ["accrue 5", "points_expiring  2027-01-30", "points_expiring  2027-02-22", "expire -5"];
    assert_eq!(told.tells(), expected);
    told.until = Some("2027-03-01T23:59:59.999Z");
    assert_eq!(told.tells().len(), 3);
}

#[test]
fn rule_13_hidden_steps_keep_their_numbers() {
    let force = json!({"tier": "Silver", "mode": "floor", "until": "2026-03-05T00:00:00Z"});
    let told = story().event("StatusForce", "2026-03-01T09:00:00Z", force).bet("2026-03-01T10:00:00Z", "a", "60000");
    let expected = [
        "Bronze>Silver 1 forced 2026-03-01",
        "audit allowed ",
        "level_up Silver 2026-03-01",
        "Silver>Gold 2 threshold 2026-03-01",
        "level_up Gold 2026-03-01",
    ];
    assert_eq!(without_ledger(told.tells()), expected);
}

#[test]
fn rule_16_a_tier_gone() {
    let mut second =
        Rulebook { revision: 2, effective_from: read_time("2026-03-02T12:00:00Z").expect("it is there"), ..Rulebook::default() };
    second.tiers.levels.remove(2);
    let told = story().bet("2026-03-01T10:00:00Z", "a", "60000").bet("2026-03-03T10:00:00Z", "b", "1");
    let lines = told.lines.iter().map(|l| l.to_string().into_bytes()).collect();
    let expected = audit(&History {
        rulebooks: vec![Rulebook::default(), second],
        published: vec![],
        partitions: vec![Partition { topic: "bets.v1".into(), partition: 0, lines }],
        until: None,
    });
    let facts = expected.facts.values().next().expect("it is there");
    let change = facts.iter().map(|f| short(&f.body)).find(|t| t.contains("config_change"));
    assert_eq!(change.as_deref(), Some("Gold>Silver 1 config_change 2026-03-02"));
    assert_eq!(expected.publications.len(), 1);
}

#[test]
fn g19_void_before_its_bet() {
    let told = story().event("BetVoided", "2026-03-01T09:00:00Z", json!({"original_bet_id": "b9"})).bet(
        "2026-03-01T10:00:00Z",
        "b9",
        "100",
    );
    assert_eq!(told.tells(), Vec::<String>::new());
    assert_eq!(told.run().summary.applied, 2);
    assert_eq!(told.profile()["cumulative"], "0");
}

#[test]
fn g20_the_same_bet_from_another_partition() {
    let mut told = story().bet("2026-03-01T10:00:00Z", "b", "100");
    let again = told.lines[0].clone();
    told.lines.push(again);
    let expected = told.run();
    assert_eq!((expected.summary.applied, expected.summary.duplicates), (1, 1));
}

#[test]
fn rule_9_a_reversal_without_its_bet() {
    let start = read_time("2026-03-01T09:00:00Z").expect("it is there");
    let mut told =
        story().bet("2026-03-01T08:00:00Z", "a", "1").event("BetVoided", "2026-03-01T09:00:00Z", json!({"original_bet_id": "x"}));
    told.until = Some("2026-04-01T23:59:59Z");
    assert_eq!(told.run().summary.unmatched_reversals, 0);
    told.until = Some("2026-04-02T00:00:00Z");
    let expected = told.run();
    assert_eq!((expected.summary.unmatched_reversals, expected.summary.dead_letters, expected.summary.applied), (1, 0, 2));
    assert_eq!(expected.dead_letters[0].field.as_deref(), Some("original_bet_id"));
    assert_eq!(write_time(start + 32 * DAY), "2026-04-02T09:00:00.000Z");
}
