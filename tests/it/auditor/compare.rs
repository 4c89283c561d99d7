//! What was expected against what a run wrote into its folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use super::expected::{Expected, Who};
use super::facts::{AUDIT, DEAD, PROFILES};
use super::hex_sha256;
use super::zone::write_time;

/// Fields of a profile that the law names and does not define: set a field free by striking it from here.
const LOOSE_PROFILE_FIELDS: &[&str] = &["reached_at", "last_bet_at"];

/// After so many differences the rest is left out.
const SHOWN: usize = 12;

type Row = (String, Map<String, Value>);

/// Topic, partition, offset.
type Place = (String, String, String);

/// What a run wrote.
#[derive(Default)]
struct Written {
    facts: BTreeMap<Who, Vec<Row>>,
    /// Facts without a player, by brand.
    of_brands: BTreeMap<String, Vec<Row>>,
    dead: Vec<Map<String, Value>>,
    profiles: BTreeMap<Who, Map<String, Value>>,
    summary: Value,
}

/// Compares facts, dead letters, profiles and counts; the error names the first differences.
pub(crate) fn facts(expected: &Expected, out_dir: &Path) -> Result<(), String> {
    let written = read(out_dir)?;
    let mut report = Report(Vec::new());
    players(expected, &written, &mut report);
    dead_letters(expected, &written, &mut report);
    profiles(expected, &written, &mut report);
    rulebook_audit(expected, &written, &mut report);
    chains(&written, &mut report);
    summary(expected, &written, &mut report);
    report.end()
}

struct Report(Vec<String>);

impl Report {
    fn say(&mut self, line: String) {
        self.0.push(line);
    }

    fn end(self) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        let more = self.0.len().saturating_sub(SHOWN);
        let mut text = self.0.into_iter().take(SHOWN).collect::<Vec<_>>().join("\n");
        if more > 0 {
            text.push_str(&format!("\n... and {more} more differences"));
        }
        Err(text)
    }
}

fn text_of(row: &Map<String, Value>, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn read(dir: &Path) -> Result<Written, String> {
    let mut written = Written::default();
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(topic) = name.strip_suffix(".jsonl") else {
            continue;
        };
        let content = fs::read_to_string(&path).map_err(|e| format!("{name}: {e}"))?;
        for (n, line) in content.lines().enumerate() {
            let row: Map<String, Value> = serde_json::from_str(line).map_err(|e| format!("{name}:{}: {e}", n + 1))?;
            sort_row(topic, row, &mut written);
        }
    }
    for rows in written.facts.values_mut().chain(written.of_brands.values_mut()) {
        rows.sort_by_key(|(_, row)| plain_text(row.get("seq")).parse::<u64>().unwrap_or(0));
    }
    let summary = fs::read(dir.join("summary.json")).map_err(|e| format!("summary.json: {e}"))?;
    written.summary = serde_json::from_slice(&summary).map_err(|e| format!("summary.json: {e}"))?;
    Ok(written)
}

fn sort_row(topic: &str, row: Map<String, Value>, written: &mut Written) {
    let who = (text_of(&row, "brand_id"), text_of(&row, "player_id"));
    if topic == DEAD {
        written.dead.push(row);
    } else if topic == PROFILES {
        written.profiles.insert(who, row);
    } else if row.get("player_id").is_none_or(Value::is_null) {
        written.of_brands.entry(who.0).or_default().push((topic.to_owned(), row));
    } else {
        written.facts.entry(who).or_default().push((topic.to_owned(), row));
    }
}

fn plain_text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// Collects the paths at which a value is not the expected one; a null or false that is expected may be absent.
fn differ(path: &str, expected: &Value, actual: Option<&Value>, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Null, None | Some(Value::Null)) | (Value::Bool(false), None | Some(Value::Null)) => {}
        (Value::Object(fields), Some(Value::Object(has))) => {
            for (key, value) in fields {
                differ(&format!("{path}.{key}"), value, has.get(key), found);
            }
        }
        (Value::Array(items), Some(Value::Array(has))) if items.len() == has.len() => {
            for (n, item) in items.iter().enumerate() {
                differ(&format!("{path}[{n}]"), item, has.get(n), found);
            }
        }
        _ if plain_text(Some(expected)) == plain_text(actual) => {}
        _ => found.push(format!("{path}: expected {}, was {}", plain_text(Some(expected)), plain_text(actual))),
    }
}

fn short(row: &Map<String, Value>) -> String {
    Value::Object(row.clone()).to_string()
}

fn players(expected: &Expected, written: &Written, report: &mut Report) {
    let everyone: BTreeSet<&Who> = expected.facts.keys().chain(written.facts.keys()).collect();
    for who in everyone {
        let wanted = expected.facts.get(who).map_or(&[][..], Vec::as_slice);
        let had = written.facts.get(who).map_or(&[][..], Vec::as_slice);
        let name = format!("{}:{}", who.0, who.1);
        for n in 0..wanted.len().max(had.len()) {
            let mut found = Vec::new();
            match (wanted.get(n), had.get(n)) {
                (Some(fact), Some((topic, row))) => {
                    if fact.topic != topic {
                        found.push(format!("topic: expected {}, was {topic}", fact.topic));
                    }
                    for (key, value) in &fact.body {
                        differ(key, value, row.get(key), &mut found);
                    }
                    if !found.is_empty() {
                        found.push(format!("\n    expected {}\n    was      {}", short(&fact.body), short(row)));
                    }
                }
                (Some(fact), None) => found.push(format!("missing: {} {}", fact.topic, short(&fact.body))),
                (None, Some((topic, row))) => found.push(format!("unexpected: {topic} {}", short(row))),
                (None, None) => {}
            }
            if !found.is_empty() {
                report.say(format!("player {name}, fact {}: {}", n + 1, found.join("; ")));
                break; // what follows of this player follows from it
            }
        }
    }
}

fn dead_letters(expected: &Expected, written: &Written, report: &mut Report) {
    let place =
        |row: &Map<String, Value>| (text_of(row, "topic"), plain_text(row.get("partition")), plain_text(row.get("offset")));
    let mut had: BTreeMap<Place, Vec<&Map<String, Value>>> = BTreeMap::new();
    for row in &written.dead {
        had.entry(place(row)).or_default().push(row);
    }
    for letter in &expected.dead_letters {
        let at = (letter.topic.clone(), letter.partition.to_string(), letter.offset.to_string());
        let name = format!("dead letter {}/{}@{}", at.0, at.1, at.2);
        let rows = had.entry(at).or_default();
        let same = rows.iter().position(|r| text_of(r, "kind") == letter.kind);
        match same {
            None => {
                let others: Vec<String> = rows.iter().map(|r| short(r)).collect();
                report.say(format!("{name}: expected {} {:?}, had {others:?}", letter.kind, letter.field));
            }
            Some(n) => {
                let row = rows.remove(n);
                let field = row.get("field").and_then(Value::as_str);
                if letter.field.is_some() && field != letter.field.as_deref() {
                    report.say(format!("{name}: expected field {:?}, was {field:?}: {}", letter.field, short(row)));
                }
            }
        }
    }
    for row in had.values().flatten() {
        report.say(format!("unexpected dead letter {}", short(row)));
    }
}

fn profiles(expected: &Expected, written: &Written, report: &mut Report) {
    let everyone: BTreeSet<&Who> = expected.profiles.keys().chain(written.profiles.keys()).collect();
    for who in everyone {
        let name = format!("profile {}:{}", who.0, who.1);
        match (expected.profiles.get(who), written.profiles.get(who)) {
            (Some(wanted), Some(row)) => {
                let mut row = row.clone();
                if let Some(Value::Array(lost)) = row.get_mut("lost") {
                    lost.sort_by_key(|t| plain_text(Some(t)));
                }
                let mut found = Vec::new();
                for (key, value) in wanted.iter().filter(|(k, _)| !LOOSE_PROFILE_FIELDS.contains(&k.as_str())) {
                    differ(key, value, row.get(key), &mut found);
                }
                if !found.is_empty() {
                    report.say(format!("{name}: {}", found.join("; ")));
                }
            }
            (Some(_), None) => report.say(format!("{name}: missing")),
            (None, _) => report.say(format!("{name}: unexpected")),
        }
    }
}

/// Every publication that came into force leaves audit of brand `*` at its instant, and nothing else does.
fn rulebook_audit(expected: &Expected, written: &Written, report: &mut Report) {
    let none = Vec::new();
    for brand in written.of_brands.keys().filter(|b| *b != "*") {
        report.say(format!("unexpected facts without a player, of brand {brand}"));
    }
    let rows = written.of_brands.get("*").unwrap_or(&none);
    let mut instants: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (n, (topic, row)) in rows.iter().enumerate() {
        let right = topic == AUDIT
            && text_of(row, "action") == "ProgrammePublished"
            && text_of(row, "decision") == "allowed"
            && plain_text(row.get("seq")) == (n + 1).to_string()
            && row.get("cause_event_id").is_none_or(Value::is_null)
            && row.get("occurred_at") == row.get("as_of");
        if !right {
            report.say(format!("audit of the rulebook, row {}: {}", n + 1, short(row)));
        }
        *instants.entry((text_of(row, "as_of"), plain_text(row.get("config_version")))).or_default() += 1;
    }
    let wanted: BTreeSet<(String, String)> =
        expected.publications.iter().map(|(at, r)| (write_time(*at), r.to_string())).collect();
    let had: BTreeSet<(String, String)> = instants.into_keys().collect();
    if wanted != had {
        report.say(format!("audit of the rulebook: expected rows at {wanted:?}, had rows at {had:?}"));
    }
}

/// RFC 8785 for what facts hold: strings, whole numbers, truth values, lists and objects.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let pairs: Vec<String> =
                sorted.iter().map(|(k, v)| format!("{}:{}", Value::String((*k).clone()), canonical(v))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

/// Ids are there once; the audit of each player hangs together; a grant is named after itself.
fn chains(written: &Written, report: &mut Report) {
    let mut ids = BTreeSet::new();
    let of_players = written.facts.iter().map(|(who, rows)| (format!("{}:{}", who.0, who.1), rows));
    let all = of_players.chain(written.of_brands.iter().map(|(b, rows)| (b.clone(), rows)));
    for (name, rows) in all {
        let mut last = "0".repeat(64);
        for (topic, row) in rows {
            let id = text_of(row, "event_id");
            if id.is_empty() || !ids.insert(id.clone()) {
                report.say(format!("{name}: event_id {id:?} missing or twice: {}", short(row)));
            }
            if text_of(row, "event_type") == "GrantIssued"
                && (text_of(row, "grant_id") != id || text_of(row, "idempotency_key") != id)
            {
                report.say(format!("{name}: a grant is not named after itself: {}", short(row)));
            }
            if topic != AUDIT {
                continue;
            }
            let mut bare = row.clone();
            bare.remove("hash");
            let hash = hex_sha256(format!("{last}\n{}", canonical(&Value::Object(bare))).as_bytes());
            if text_of(row, "prev_hash") != last || text_of(row, "hash") != hash {
                report.say(format!("{name}: the audit chain breaks at seq {}: {}", plain_text(row.get("seq")), short(row)));
                break;
            }
            last = hash;
        }
    }
}

fn summary(expected: &Expected, written: &Written, report: &mut Report) {
    let wanted = &expected.summary;
    let counts = [
        ("events_in", wanted.events_in),
        ("applied", wanted.applied),
        ("duplicates", wanted.duplicates),
        ("late", wanted.late),
        ("dead_letters", wanted.dead_letters),
        ("unmatched_reversals", wanted.unmatched_reversals),
        ("fx_missing_total", wanted.fx_missing_total),
        ("skipped_unknown", wanted.skipped_unknown),
        ("beyond_until", wanted.beyond_until),
    ];
    for (name, count) in counts {
        let had = plain_text(written.summary.get(name));
        if had != count.to_string() {
            report.say(format!("summary.{name}: expected {count}, was {had}"));
        }
    }
    let time = wanted.logical_time.map_or(Value::Null, |t| Value::String(write_time(t)));
    let mut found = Vec::new();
    differ("summary.logical_time", &time, written.summary.get("logical_time"), &mut found);
    found.into_iter().for_each(|f| report.say(f));
    let of_rulebook = written.of_brands.get("*").map_or(0, |rows| rows.len() as u64);
    let none = Map::new();
    let had = written.summary.get("facts").and_then(Value::as_object).unwrap_or(&none);
    let topics: BTreeSet<&str> = wanted.facts.keys().copied().chain(had.keys().map(String::as_str)).collect();
    for topic in topics {
        let extra = if topic == AUDIT { of_rulebook } else { 0 };
        let count = wanted.facts.get(topic).copied().unwrap_or(0) + extra;
        let is = had.get(topic).and_then(Value::as_u64).unwrap_or(0);
        if is != count {
            report.say(format!("summary.facts[{topic}]: expected {count}, was {is}"));
        }
    }
}
