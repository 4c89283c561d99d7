//! What is expected: profiles, facts that follow and facts that do not, dead letters, counts.

use serde_json::{Map, Value};
use tidemark_domain::programme::yaml::{Entry, Node};

use super::read::Who;
use super::tree::{self, Findings};

/// What can be asked of a profile.
const PROFILE: [&str; 11] = [
    "tier",
    "earned_tier",
    "forced",
    "cumulative",
    "rolling_30d",
    "points",
    "lost",
    "reached_at",
    "last_bet_at",
    "seq",
    "config_version",
];
/// What can be asked besides.
const OTHERS: [&str; 6] = ["facts", "never", "count", "dead_letters", "summary", "players"];
/// The kinds of facts.
const FACTS: [&str; 5] = ["TierChanged", "PointsPosted", "TriggerFired", "GrantIssued", "Audited"];

/// What is expected of one run.
#[derive(Default)]
pub(super) struct Expected {
    /// Fields of profiles.
    pub(super) profiles: Vec<Field>,
    /// Facts that follow, those of one player in this order.
    pub(super) facts: Vec<Wanted>,
    /// Facts that do not.
    pub(super) never: Vec<Wanted>,
    /// How often a fact is there.
    pub(super) counts: Vec<(u64, Wanted)>,
    /// All dead letters; none where nothing is said.
    pub(super) dead_letters: Vec<(usize, Value)>,
    /// Counts of the summary.
    pub(super) summary: Vec<(usize, String, Value)>,
}

/// A field of somebody's profile.
pub(super) struct Field {
    pub(super) line: usize,
    pub(super) who: Who,
    pub(super) name: String,
    pub(super) value: Value,
}

/// A fact: its type, and the fields that it has at least.
pub(super) struct Wanted {
    pub(super) line: usize,
    pub(super) event_type: String,
    pub(super) who: Who,
    pub(super) fields: Map<String, Value>,
}

/// Reads what is expected.
pub(super) fn expected(node: &Node, who: &Who, findings: &mut Findings<'_>) -> Option<Expected> {
    let help = format!("it has {}, {}", PROFILE.join(", "), OTHERS.join(", "));
    let entries = findings.section(node, "`expect`", &help)?;
    let mut expected = Expected::default();
    for entry in entries {
        let value = &entry.value;
        match entry.key.as_str() {
            "facts" => expected.facts = facts(value, "facts", who, findings),
            "never" => expected.never = facts(value, "never", who, findings),
            "count" => expected.counts = counts(value, who, findings),
            "dead_letters" => {
                let items = findings.list(value, "dead_letters");
                expected.dead_letters = items.iter().map(|item| (item.place.line, tree::json(item))).collect();
            }
            "summary" => {
                for count in findings.section(value, "`summary`", "such as `duplicates: 1`").unwrap_or_default() {
                    expected.summary.push((count.place.line, count.key.clone(), tree::json(&count.value)));
                }
            }
            "players" => {
                for each in findings.section(value, "`players`", "write `name: {tier: Silver}`").unwrap_or_default() {
                    let other = Who { brand: who.brand.clone(), player: each.key.clone() };
                    let fields = findings.section(&each.value, "what is expected of a player", "such as `tier: Silver`");
                    profile(fields.unwrap_or_default(), other, &mut expected, findings);
                }
            }
            key if PROFILE.contains(&key) => profile(std::slice::from_ref(entry), who.clone(), &mut expected, findings),
            key => findings.add(entry.place, format!("nothing called `{key}` can be expected"), help.clone()),
        }
    }
    Some(expected)
}

fn profile(entries: &[Entry], mut who: Who, expected: &mut Expected, findings: &mut Findings<'_>) {
    for entry in entries {
        if entry.key == "brand" {
            who.brand = findings.text(&entry.value, "brand").unwrap_or_default().to_owned();
        }
    }
    for entry in entries.iter().filter(|entry| entry.key != "brand") {
        if !PROFILE.contains(&entry.key.as_str()) {
            findings.add(entry.place, format!("a profile has no `{}`", entry.key), format!("it has {}", PROFILE.join(", ")));
        }
        expected.profiles.push(Field {
            line: entry.place.line,
            who: who.clone(),
            name: entry.key.clone(),
            value: tree::json(&entry.value),
        });
    }
}

fn facts(node: &Node, what: &str, who: &Who, findings: &mut Findings<'_>) -> Vec<Wanted> {
    let mut all = Vec::new();
    for item in findings.list(node, what) {
        match findings.section(item, "a fact", "write it like `TierChanged: {to: Silver}`") {
            Some([entry]) => all.extend(fact(entry, who, findings)),
            Some(_) => findings.add(item.place, "one fact is expected here", "begin the next one with `- `"),
            None => {}
        }
    }
    all
}

fn counts(node: &Node, who: &Who, findings: &mut Findings<'_>) -> Vec<(u64, Wanted)> {
    let help = "write it like `{times: 1, TriggerFired: {trigger: level_up}}`";
    let mut all = Vec::new();
    for item in findings.list(node, "count") {
        let entries = findings.section(item, "a count", help).unwrap_or_default();
        let (times, facts): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.key == "times");
        let ([times], [wanted]) = (times.as_slice(), facts.as_slice()) else {
            findings.add(item.place, "a count has `times` and one fact", help);
            continue;
        };
        let Some(number) = findings.text(&times.value, "times").and_then(|text| text.parse().ok()) else {
            findings.add(times.value.place, "`times` is a whole number", help);
            continue;
        };
        all.extend(fact(wanted, who, findings).map(|wanted| (number, wanted)));
    }
    all
}

fn fact(entry: &Entry, who: &Who, findings: &mut Findings<'_>) -> Option<Wanted> {
    if !FACTS.contains(&entry.key.as_str()) {
        findings.add(entry.place, format!("there is no fact `{}`", entry.key), format!("the facts are {}", FACTS.join(", ")));
        return None;
    }
    let mut wanted = Wanted { line: entry.place.line, event_type: entry.key.clone(), who: who.clone(), fields: Map::new() };
    if entry.value.is_null() {
        return Some(wanted);
    }
    for field in findings.section(&entry.value, "what a fact says", "such as `{to: Silver}`")? {
        match field.key.as_str() {
            "player" => wanted.who.player = findings.text(&field.value, "player")?.to_owned(),
            "brand" => wanted.who.brand = findings.text(&field.value, "brand")?.to_owned(),
            "at" => {
                let _reported = findings.instant(&field.value, "at");
                wanted.fields.insert("occurred_at".to_owned(), tree::json(&field.value));
            }
            name => {
                wanted.fields.insert(name.to_owned(), tree::json(&field.value));
            }
        }
    }
    Some(wanted)
}
