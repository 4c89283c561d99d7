//! Records that are none: every kind of fault of CONTRACTS section 3, each with one fault only.

use super::draft::{Draft, line, quoted};
use super::random::Random;

/// Whole lines that are not records at all.
fn hopeless(random: &mut Random) -> Vec<u8> {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32));
    match random.between(0, 14) {
        0 => b"{\"event_id\":\"x\",".to_vec(),
        1 => b"not json".to_vec(),
        2 => b"[1,2,3]".to_vec(),
        3 => b"\"text\"".to_vec(),
        4 => b"{\"event_id\":\"\xff\xfe\"}".to_vec(),
        5 => b"{\"event_id\":\"\\ud800\"}".to_vec(),
        6 => deep.into_bytes(),
        7 => "[".repeat(20_000).into_bytes(),
        8 => format!("{{\"pad\":\"{}\"}}", "x".repeat(65_537 - 10)).into_bytes(),
        9 => Vec::new(),
        10 => b"    ".to_vec(),
        11 => b"{\"event_id\":\"x1\",\"event_type\":\"NobodyKnows\",\"source\":\"wallet\",\"player_id\":\"p1\",\"occurred_at\":\"2026-03-01T10:00:00Z\"}".to_vec(),
        12 => b"17".to_vec(),
        13 => as_long_as_allowed(),
        _ => b"{\"event_id\":\"x\"}}".to_vec(),
    }
}

/// Exactly 64 KiB, of a type that nobody knows.
fn as_long_as_allowed() -> Vec<u8> {
    let head = "{\"event_id\":\"x2\",\"event_type\":\"NobodyKnows\",\"source\":\"wallet\",\"player_id\":\"p1\",\"occurred_at\":\"2026-03-01T10:00:00Z\",\"pad\":\"";
    let pad = "x".repeat(64 * 1024 - head.len() - 2);
    format!("{head}{pad}\"}}").into_bytes()
}

const REQUIRED: &[&str] = &[
    "event_id",
    "event_type",
    "source",
    "player_id",
    "occurred_at",
    "bet_id",
    "amount",
    "currency",
    "original_bet_id",
    "new_amount",
    "redemption_id",
    "mode",
    "session_id",
];

const BAD_AMOUNTS: &[&str] = &[
    "\"-1\"",
    "\"1e3\"",
    "1e3",
    "\"1234567890123456\"",
    "\"1.\"",
    "\".5\"",
    "\"\"",
    "true",
    "\"1,5\"",
    "\"0.1234567890123456789\"",
    "[1]",
];
const BAD_TIMES: &[&str] = &[
    "\"10000-01-01T00:00:00Z\"",
    "\"2026-02-30T00:00:00Z\"",
    "\"2026-03-01\"",
    "17",
    "\"2026-03-01T10:00:00\"",
    "\"yesterday\"",
];
const BAD_IDS: &[&str] = &["\"\"", "5", "{}", "\"a\\u0007b\"", "false"];

fn bad_value(random: &mut Random, name: &str) -> Option<String> {
    let json = match name {
        "amount" | "new_amount" | "points" | "real_amount" | "exchange_rate" => *random.pick(BAD_AMOUNTS),
        "occurred_at" | "until" => random.pick(BAD_TIMES),
        "mode" => "\"sideways\"",
        "brand_id" => random.pick(&["\"*\"", "\"a:b\"", "\"\"", "7"]),
        "event_id" | "source" | "player_id" | "bet_id" | "currency" | "original_bet_id" | "redemption_id" | "request_id"
        | "session_id" | "round_id" => random.pick(BAD_IDS),
        _ => return None,
    };
    Some(json.to_owned())
}

/// A record with one fault, made of a good one.
fn spoiled(random: &mut Random, draft: &Draft) -> Vec<u8> {
    let mut pairs = draft.pairs();
    let n = random.between(0, pairs.len() as i64 - 1) as usize;
    let name = pairs[n].0.clone();
    match random.between(0, 3) {
        0 if REQUIRED.contains(&name.as_str()) && !(draft.kind == "BetVoided" && name == "amount") => {
            if random.chance(50) || name == "event_type" {
                pairs.remove(n);
            } else {
                pairs[n].1 = "null".to_owned();
            }
        }
        1 => {
            let again = pairs[n].clone();
            pairs.push(again);
        }
        2 => pairs.push(("extra".to_owned(), "{\"a\":{\"b\":1,\"b\":2}}".to_owned())),
        _ => match bad_value(random, &name) {
            // A signed amount is a fault of its own where no sign may stand, and none where one may.
            Some(json) if draft.kind == "PointsAdjust" && json.contains('-') => pairs[n].1 = quoted("--1"),
            Some(json) => pairs[n].1 = json,
            None => pairs.push(("brand_id".to_owned(), quoted("a:b"))),
        },
    }
    line(&pairs)
}

/// A line that becomes a dead letter, or is skipped.
pub(crate) fn rubbish(random: &mut Random, drafts: &[Draft]) -> Vec<u8> {
    let players: Vec<&Draft> = drafts.iter().filter(|d| d.player.is_some() && d.kind != "TierConfig").collect();
    if random.chance(40) || players.is_empty() {
        return hopeless(random);
    }
    let draft = *random.pick(&players);
    spoiled(random, draft)
}
