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
/// What every fact has, or may have.
const COMMON: [&str; 12] = [
    "event_id",
    "event_type",
    "schema_version",
    "brand_id",
    "player_id",
    "seq",
    "occurred_at",
    "as_of",
    "cause_event_id",
    "config_version",
    "late",
    "clamped",
];
/// The kinds of facts, and what each has of its own (CONTRACTS section 4).
const FACTS: [(&str, &[&str]); 5] = [
    (
        "TierChanged",
        &["from", "to", "direction", "step", "reason", "cumulative", "rolling_30d", "thresholds", "entitlements", "effective_at"],
    ),
    (
        "PointsPosted",
        &["entry_type", "points", "balance_after", "bet_id", "base_amount", "weight", "multiplier", "redemption_id", "reason"],
    ),
    ("TriggerFired", &["trigger", "params"]),
    (
        "GrantIssued",
        &["grant_id", "kind", "campaign_id", "amount", "currency", "trigger", "wager", "valid_to", "idempotency_key"],
    ),
    (
        "Audited",
        &["actor", "role", "action", "target", "before", "after", "reason", "decision", "request_id", "prev_hash", "hash"],
    ),
];

/// What the fields that are objects have, but for `params`, which each trigger has its own of.
const MEMBERS: [(&str, &[&str]); 3] = [
    ("thresholds", &["entry", "maintain"]),
    ("balance_after", &["available", "blocked"]),
    ("wager", &["multiplier", "base", "required"]),
];

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
    let Some((_, own)) = FACTS.iter().find(|(name, _)| *name == entry.key) else {
        let names: Vec<&str> = FACTS.iter().map(|(name, _)| *name).collect();
        findings.add(entry.place, format!("there is no fact `{}`", entry.key), format!("the facts are {}", names.join(", ")));
        return None;
    };
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
                members(name, &field.value, findings);
                if !own.contains(&name) && !COMMON.contains(&name) {
                    let help = format!("it has {}, and what every fact has", own.join(", "));
                    findings.add(field.place, format!("a `{}` has no `{name}`", entry.key), help);
                }
                wanted.fields.insert(name.to_owned(), tree::json(&field.value));
            }
        }
    }
    Some(wanted)
}

/// Whether a field's members are those that it has: under `never` one that it does not have would never be there.
fn members(field: &str, value: &Node, findings: &mut Findings<'_>) {
    let Some((_, known)) = MEMBERS.iter().find(|(name, _)| *name == field) else { return };
    for member in findings.section(value, &format!("`{field}`"), &format!("it has {}", known.join(", "))).unwrap_or_default() {
        if !known.contains(&member.key.as_str()) {
            findings.add(member.place, format!("`{field}` has no `{}`", member.key), format!("it has {}", known.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_fact_has_what_its_schema_says() {
        let schemas = [
            include_str!("../../../contracts/out/TierChanged.schema.json"),
            include_str!("../../../contracts/out/PointsPosted.schema.json"),
            include_str!("../../../contracts/out/TriggerFired.schema.json"),
            include_str!("../../../contracts/out/GrantIssued.schema.json"),
            include_str!("../../../contracts/out/Audited.schema.json"),
        ];
        for ((name, own), schema) in FACTS.iter().zip(schemas) {
            let schema: Value = serde_json::from_str(schema).unwrap();
            let properties = schema["properties"].as_object().unwrap().keys().map(String::as_str);
            let found: BTreeSet<&str> = properties.filter(|property| !COMMON.contains(property)).collect();
            assert_eq!(found, own.iter().copied().collect(), "{name}");
            for (field, known) in MEMBERS.iter().filter(|(field, _)| own.contains(field)) {
                let members = schema["properties"][*field]["properties"].as_object().unwrap().keys().map(String::as_str);
                assert_eq!(members.collect::<BTreeSet<_>>(), known.iter().copied().collect(), "{field}");
            }
        }
    }
}
