//! Lines of a file, good and bad, each with what is to become of it, and a run that is held against that.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::results::{default_programme, rows, succeed, summary, tidemark};

/// What is expected of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fate {
    Applied,
    Duplicate,
    Skipped,
    /// A blank line: not counted.
    Nothing,
    /// Kind and field; a field that is "?" is not looked at.
    Dead(&'static str, &'static str),
}

use Fate::{Applied, Dead, Duplicate, Nothing, Skipped};

/// What is no event.
pub(crate) const BAD: &str = "schema_violation";

/// Lines and what is to become of them.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Vec<(Vec<u8>, Fate)>);

impl Lines {
    pub(crate) fn add(&mut self, line: impl Into<Vec<u8>>, fate: Fate) {
        self.0.push((line.into(), fate));
    }

    /// A record of a type, with ids and a time of its own, and some fields as JSON; "" leaves a field out.
    pub(crate) fn record(&mut self, event_type: &str, fields: &[(&str, &str)], fate: Fate) {
        let text = record(self.0.len(), event_type, fields);
        self.add(text, fate);
    }
}

/// The fields that a type needs besides the envelope, with good values.
pub(crate) fn own_fields(event_type: &str) -> &'static [(&'static str, &'static str)] {
    match event_type {
        "BetPlaced" => &[("bet_id", "\"b#\""), ("amount", "\"2.50\""), ("currency", "\"EUR\"")],
        "WinCredited" => &[("win_id", "\"w#\""), ("amount", "\"2.50\""), ("currency", "\"EUR\"")],
        "BetVoided" => &[("original_bet_id", "\"none#\"")],
        "BetCorrected" => &[("original_bet_id", "\"none#\""), ("new_amount", "\"1\"")],
        "WinReversed" => &[("original_win_id", "\"none#\"")],
        "DepositMade" => &[("payment_id", "\"d#\""), ("amount", "\"2.50\""), ("currency", "\"EUR\"")],
        "DepositReversed" => &[("original_payment_id", "\"none#\"")],
        "RedemptionRequested" => &[("redemption_id", "\"r#\""), ("points", "\"1000\"")],
        "RedemptionConfirmed" | "RedemptionCancelled" => &[("redemption_id", "\"r#\"")],
        "PointsAdjust" => &[("amount", "\"5\"")],
        "StatusForce" => &[("mode", "\"floor\""), ("tier", "\"Gold\""), ("until", "\"2026-09-01T00:00:00Z\"")],
        "FxRate" => {
            &[("currency", "\"C#\""), ("base", "\"EUR\""), ("rate", "\"0.5\""), ("valid_from", "\"2026-01-01T00:00:00Z\"")]
        }
        "SessionStarted" => &[("session_id", "\"s#\"")],
        _ => &[],
    }
}

/// A record of a type in JSON, as [`Lines::record`] has it.
pub(crate) fn record(number: usize, event_type: &str, fields: &[(&str, &str)]) -> String {
    let time = format!("\"2026-03-01T10:{:02}:{:02}.{:03}Z\"", number / 600 % 60, number / 10 % 60, number % 10 * 100);
    let mut all: Vec<(String, String)> = Vec::new();
    let mut put = |name: &str, value: &str| {
        let value = value.replace('#', &number.to_string());
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => all.push((name.to_owned(), value)),
        }
    };
    put("event_id", "\"e#\"");
    put("event_type", &format!("\"{event_type}\""));
    put("source", "\"test\"");
    put("brand_id", "\"b1\"");
    if event_type != "FxRate" {
        put("player_id", "\"p#\"");
        put("occurred_at", &time);
    }
    for (name, value) in own_fields(event_type).iter().chain(fields) {
        put(name, value);
    }
    let members: Vec<String> =
        all.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// What a run made of the lines: its summary, and the dead letters by offset.
pub(crate) fn replay(lines: &[u8], more: &[&str]) -> (Value, BTreeMap<u64, Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (events, out) = (folder.path().join("mixed.jsonl"), folder.path().join("out"));
    fs::write(&events, lines).unwrap();
    succeed(tidemark(&default_programme(), &events, &out).args(more));
    (
        summary(&out),
        rows(&out, "pipeline.dlq.v1").into_iter().map(|letter| (letter["offset"].as_u64().unwrap(), letter)).collect(),
    )
}

/// Runs over the lines: each has its fate, and every dead letter says what it is of.
pub(crate) fn check(lines: &Lines) {
    let text: Vec<u8> = lines.0.iter().flat_map(|(line, _)| line.iter().copied().chain(*b"\n")).collect();
    let (summary, letters) = replay(&text, &[]);
    let mut wrong = Vec::new();
    for (offset, (line, fate)) in (0_u64..).zip(&lines.0) {
        let shown: String = String::from_utf8_lossy(line).chars().take(300).collect();
        match (fate, letters.get(&offset)) {
            (Dead(kind, field), Some(letter)) => {
                if letter["kind"] != *kind || *field != "?" && letter["field"].as_str().unwrap_or("") != *field {
                    wrong.push(format!("{shown}\n  expected {kind} {field}, was {} {}", letter["kind"], letter["field"]));
                }
                let bare = ["seq", "as_of", "config_version"].iter().all(|name| letter.get(name).is_none());
                let told = letter["error"].as_str().is_some_and(|error| error.len() > 8);
                if !bare
                    || !told
                    || letter["topic"] != "mixed"
                    || letter["partition"] != 0
                    || letter["event_type"] != "DeadLetter"
                {
                    wrong.push(format!("{shown}\n  the dead letter is {letter}"));
                }
                match std::str::from_utf8(line) {
                    Ok(text) if line.len() <= 128 * 1024 => assert_eq!(letter["payload"], text),
                    _ => {}
                }
            }
            (Dead(kind, field), None) => wrong.push(format!("{shown}\n  expected {kind} {field}, was no dead letter")),
            (_, Some(letter)) => wrong
                .push(format!("{shown}\n  expected {fate:?}, was {} {}: {}", letter["kind"], letter["field"], letter["error"])),
            (_, None) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let count = |wanted: fn(&Fate) -> bool| lines.0.iter().filter(|(_, fate)| wanted(fate)).count() as u64;
    assert_eq!(summary["events_in"], count(|fate| *fate != Nothing));
    assert_eq!(summary["applied"], count(|fate| *fate == Applied));
    assert_eq!(summary["duplicates"], count(|fate| *fate == Duplicate));
    assert_eq!(summary["skipped_unknown"], count(|fate| *fate == Skipped));
    assert_eq!(summary["dead_letters"], count(|fate| matches!(fate, Dead(..))));
    assert_eq!(summary["facts"]["pipeline.dlq.v1"], summary["dead_letters"]);
}
