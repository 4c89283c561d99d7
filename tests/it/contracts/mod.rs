//! The borders: schemas and golden examples in `contracts/`, and what the program really reads and writes.
//!
//! All examples of events in are one story; replayed together with `MORE` they bring out every type of fact.
//! A fact that looks different tomorrow fails here: change the schema and the golden line with it, and the changelog.

/// Patterns as far as `contracts/` uses them: anchors, classes, groups, `|`, `?`, `*`, `+`, `{m,n}`.
mod pattern;
/// What the service writes for itself and for its readers: journal records and progress records.
mod service;
/// The part of JSON Schema that `contracts/` uses.
mod validator;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use tidemark::runtime::replay::{Options, Quiet, Watcher, replay};
use tidemark::sources::decode::{Scratch, Verdict, decode};
use tidemark_domain::catalogue::{EventType, Field};
use tidemark_domain::time::Instant;

pub(crate) use self::service::{assert_journal_record, assert_progress_record};
use self::validator::Schema;

/// Another player, a year before the story: what is late, set aside, timed out, lost and expired.
const MORE: &str = r#"
{"event_id":"x-1","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:00Z","bet_id":"b-1","game_type":"slots","amount":"12000","currency":"EUR"}
{"event_id":"x-1","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:00Z","bet_id":"b-1","game_type":"slots","amount":"12000","currency":"EUR"}
{"event_id":"x-2","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:01Z","bet_id":"b-1","game_type":"slots","amount":"12001","currency":"EUR"}
{"event_id":"x-3","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:02Z","bet_id":"b-2","game_type":"slots","amount":"-5","currency":"EUR"}
{"event_id":"x-4","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:03Z","bet_id":"b-3","game_type":"slots","amount":"100","currency":"SEK"}
{"event_id":"x-5","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:04Z","bet_id":"b-4","game_type":"bingo","amount":"3.5","currency":"EUR"}
{"event_id":"x-6","event_type":"BetVoided","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:05Z","original_bet_id":"b-4","amount":"4"}
{"event_id":"x-7","event_type":"BetVoided","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:06Z","original_bet_id":"never-placed"}
{"event_id":"x-8","event_type":"RedemptionRequested","source":"pms","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:07Z","redemption_id":"r9","points":"1000"}
{"event_id":"x-9","event_type":"BetImagined","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T11:00:08Z"}
{"event_id":"x-10","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2025-03-01T09:00:00Z","bet_id":"b-5","game_type":"table","amount":"10","currency":"EUR"}
{"event_id":"x-11","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p43","occurred_at":"2027-03-01T09:00:00Z","bet_id":"b-6","amount":"10","currency":"EUR"}
{"event_id":"x-12",
"#;
const UNTIL: &str = "2026-03-20T00:00:00Z";
/// The golden line of a fact type is the first one that holds this text.
const GOLDEN: [(&str, &str); 7] = [
    ("TierChanged", "\"reason\":\"threshold\""),
    ("PointsPosted", "\"entry_type\":\"accrue\""),
    ("GrantIssued", ""),
    ("TriggerFired", "\"trigger\":\"level_up\""),
    ("PlayerProfile", ""),
    ("Audited", "\"action\":\"PointsAdjust\""),
    ("DeadLetter", "\"kind\":\"schema_violation\""),
];

fn contracts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema(side: &str, name: &str) -> Value {
    let path = contracts().join(side).join(format!("{name}.schema.json"));
    serde_json::from_str(&read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn example(side: &str, name: &str) -> String {
    read(&contracts().join(side).join(format!("{name}.example.json"))).trim_end().to_owned()
}

/// Names that have both a schema and an example.
fn names(side: &str) -> Vec<String> {
    let mut kinds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(contracts().join(side)).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let (name, kind) = file.split_once('.').unwrap();
        kinds.entry(name.to_owned()).or_default().insert(kind.to_owned());
    }
    for (name, found) in &kinds {
        assert_eq!(found.len(), 2, "{side}/{name} has {found:?}, it needs a schema and an example");
    }
    kinds.into_keys().collect()
}

fn assert_valid(schema: &Value, text: &str, what: &str) {
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{what} is not JSON: {error}\n{text}"));
    let wrong = Schema { root: schema }.check(schema, &value);
    assert!(wrong.is_empty(), "{what} is not what its schema says:\n  {}\n{text}", wrong.join("\n  "));
}

#[test]
fn every_example_of_an_event_is_what_its_schema_says_and_decodes() {
    let names = names("in");
    assert_eq!(names.len(), 16, "{names:?}");
    for name in names {
        let (schema, text) = (schema("in", &name), example("in", &name));
        assert_valid(&schema, &text, &name);
        match decode(&text, &mut Scratch::default()) {
            Ok(Verdict::Event(event)) => assert_eq!(event.event_type.name(), name),
            other => panic!("{name} does not decode: {other:?}"),
        }
        fields_are_those_of_the_catalogue(&name, &schema);
        without_a_required_field_both_refuse(&name, &schema, &text);
    }
}

fn fields_are_those_of_the_catalogue(name: &str, schema: &Value) {
    let row = EventType::named(name.as_bytes()).unwrap().row();
    let envelope = ["event_id", "event_type", "source", "schema_version", "brand_id", "jurisdiction", "player_id", "occurred_at"];
    let own = |fields: &[Field]| fields.iter().map(|field| field.name()).collect::<BTreeSet<_>>();
    let not_envelope = |key: &&str| !envelope.contains(key);
    let required = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).filter(not_envelope);
    assert_eq!(required.collect::<BTreeSet<_>>(), own(row.required), "what {name} requires");
    let known = schema["properties"].as_object().unwrap().keys().map(String::as_str).filter(not_envelope);
    assert_eq!(known.collect::<BTreeSet<_>>(), &own(row.required) | &own(row.optional), "what {name} may hold");
}

fn without_a_required_field_both_refuse(name: &str, schema: &Value, text: &str) {
    for field in schema["required"].as_array().unwrap().iter().filter_map(Value::as_str) {
        let mut value: Map<String, Value> = serde_json::from_str(text).unwrap();
        value.remove(field);
        let less = serde_json::to_string(&value).unwrap();
        assert!(!Schema { root: schema }.check(schema, &Value::Object(value)).is_empty(), "{name} without {field}");
        assert!(decode(&less, &mut Scratch::default()).is_err(), "{name} decodes without {field}");
    }
}

#[test]
fn what_the_decoder_refuses_no_schema_lets_pass() {
    let numbers = ["-1", "1000000000000000", "-1000000000000000"];
    let mut judged = 0;
    for name in names("in") {
        let (schema, text) = (schema("in", &name), example("in", &name));
        let golden: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let amount = |field: &str| matches!(field, "amount" | "new_amount" | "points" | "rate") || field.ends_with("_amount");
        let row = EventType::named(name.as_bytes()).unwrap().row();
        let fields = row.required.iter().chain(row.optional).map(|field| field.name());
        for (field, number) in fields.filter(|field| amount(field)).flat_map(|field| numbers.map(|number| (field, number))) {
            let mut value = golden.clone();
            value.insert(field.to_owned(), serde_json::from_str(number).unwrap());
            judged += usize::from(both_refuse(&name, &schema, value));
        }
    }
    assert!(judged > 40, "{judged}");
    let (schema, text) = (schema("in", "StatusForce"), example("in", "StatusForce"));
    for (mode, field, says) in [
        ("floor", "until", "null"),
        ("floor", "until", "5"),
        ("none", "until", "{}"),
        ("none", "until", "\"2026-03-01\""),
        ("exact", "until", "\"\""),
        ("ceiling", "tier", "null"),
        ("floor", "tier", "[]"),
    ] {
        let mut value: Map<String, Value> = serde_json::from_str(&text).unwrap();
        value.insert("mode".to_owned(), mode.into());
        value.insert(field.to_owned(), serde_json::from_str(says).unwrap());
        assert!(both_refuse("StatusForce", &schema, value), "{mode}, {field} {says}: the decoder takes it");
    }
}

/// Whether the decoder refuses a record; then the schema has to.
fn both_refuse(name: &str, schema: &Value, value: Map<String, Value>) -> bool {
    let text = serde_json::to_string(&value).unwrap();
    let refused = decode(&text, &mut Scratch::default()).is_err();
    let valid = Schema { root: schema }.check(schema, &Value::Object(value)).is_empty();
    assert!(!(refused && valid), "the decoder refuses what the schema of {name} lets pass: {text}");
    refused
}

/// The story, the other player, and what no text holds: bytes that are no UTF-8, and a record that is too long.
fn write_events(folder: &Path) {
    let mut story: Vec<(String, String)> = Vec::new();
    for name in names("in") {
        let text = example("in", &name);
        let value: Value = serde_json::from_str(&text).unwrap();
        story.push((value["occurred_at"].as_str().unwrap_or("").to_owned(), text));
    }
    story.sort();
    let lines: String = story.into_iter().fold(String::new(), |mut all, (_, text)| {
        writeln!(all, "{text}").unwrap();
        all
    });
    let mut more = MORE.as_bytes().to_vec();
    more.extend_from_slice(b"\xff\xfe\n");
    more.extend(std::iter::repeat_n(b'x', 200_000));
    std::fs::create_dir_all(folder.join("bets.v1")).unwrap();
    std::fs::write(folder.join("bets.v1/0.jsonl"), lines).unwrap();
    std::fs::write(folder.join("bets.v1/1.jsonl"), more).unwrap();
}

fn replayed() -> (tempfile::TempDir, BTreeMap<String, Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let (events, out) = (folder.path().join("events"), folder.path().join("out"));
    write_events(&events);
    let programme = Path::new(env!("CARGO_MANIFEST_DIR")).join("programme");
    let mut options = Options::new(vec![programme], events.display().to_string(), out.clone());
    options.until = Instant::parse(UNTIL.as_bytes());
    options.workers = 2;
    let watcher: Arc<dyn Watcher> = Arc::new(Quiet);
    replay(&options, &watcher).unwrap();
    let mut by_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "jsonl") {
            continue;
        }
        for line in read(&path).lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let name = value["event_type"].as_str().unwrap().to_owned();
            let known = schema("out", &name)["description"].as_str().unwrap().to_owned();
            let topic = path.file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(known.contains(&format!("Topic {topic}.")), "{name} stands in {topic}");
            by_type.entry(name).or_default().push(line.to_owned());
        }
    }
    (folder, by_type)
}

#[test]
fn every_fact_of_a_replay_is_what_its_schema_says_and_the_golden_ones_come_out_again() {
    let (folder, by_type) = replayed();
    for (name, lines) in &by_type {
        let schema = schema("out", name);
        for line in lines {
            assert_valid(&schema, line, name);
        }
    }
    let found: Vec<&str> = by_type.keys().map(String::as_str).collect();
    let mut expected = GOLDEN.map(|(name, _)| name).to_vec();
    expected.sort_unstable();
    assert_eq!(found, expected, "every type of fact comes out");
    for (name, with) in GOLDEN {
        let of_story = |line: &&String| name == "DeadLetter" || line.contains("\"player_id\":\"p42\"");
        let line = by_type[name].iter().filter(of_story).find(|line| line.contains(with));
        let line = line.unwrap_or_else(|| panic!("no {name} with {with}"));
        assert_eq!(*line, example("out", name), "{name}: is this change meant? (left: now, right: golden)");
    }
    let summary = read(&folder.path().join("out/summary.json"));
    assert_valid(&schema("out", "summary"), &summary, "summary.json");
    assert_eq!(summary.trim_end(), example("out", "summary"), "summary.json: is this change meant? (left: now, right: golden)");
}

#[test]
fn every_optional_field_of_a_fact_comes_out_somewhere() {
    let (_folder, by_type) = replayed();
    // Only the service has a wall clock to clamp by.
    let never = ["clamped"];
    for (name, lines) in &by_type {
        let schema = schema("out", name);
        let values: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        for field in schema["properties"].as_object().unwrap().keys().filter(|field| !never.contains(&field.as_str())) {
            let late_of_few = field == "late" && !matches!(name.as_str(), "PointsPosted");
            assert!(late_of_few || values.iter().any(|value| value.get(field).is_some()), "no {name} has {field}");
        }
    }
    for (name, field, values) in [
        ("PointsPosted", "entry_type", &["accrue", "reverse", "block", "unblock", "redeem", "expire", "adjust"][..]),
        ("TriggerFired", "trigger", &["level_up", "points_expiring", "tier_at_risk"]),
        ("TierChanged", "reason", &["threshold", "decay", "reversal", "forced"]),
        ("DeadLetter", "kind", &["schema_violation", "size", "missing_fx", "too_late", "conflict"]),
        ("Audited", "decision", &["allowed", "refused", "review"]),
    ] {
        for value in values {
            let text = format!("\"{field}\":\"{value}\"");
            assert!(by_type[name].iter().any(|line| line.contains(&text)), "no {name} with {text}");
        }
    }
}
