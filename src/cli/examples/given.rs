//! What is given: events in short words, or as they come in.
//!
//! `{at: 2026-03-01T10:00:00Z, bet: "10000", game_type: slots}` is a `BetPlaced`: the word names the type and
//! takes its main value, `at`, `player` and `brand` fill the envelope, every other key is a field of the
//! event, and what is left out and needed is filled in.

use serde_json::{Map, Value, json};
use tidemark_domain::catalogue::{EventType, Field, Needs};
use tidemark_domain::programme::Programme;
use tidemark_domain::programme::yaml::{Entry, Node};

use super::read::Who;
use super::tree::{self, Findings};

/// The short words: which type of event each is, and which field takes its value.
const WORDS: [(&str, EventType, Field); 11] = [
    ("bet", EventType::BetPlaced, Field::Amount),
    ("void", EventType::BetVoided, Field::OriginalBetId),
    ("correct", EventType::BetCorrected, Field::OriginalBetId),
    ("redeem", EventType::RedemptionRequested, Field::Points),
    ("confirm", EventType::RedemptionConfirmed, Field::RedemptionId),
    ("cancel", EventType::RedemptionCancelled, Field::RedemptionId),
    ("adjust", EventType::PointsAdjust, Field::Amount),
    ("force", EventType::StatusForce, Field::Tier),
    ("deposit", EventType::DepositMade, Field::Amount),
    ("login", EventType::SessionStarted, Field::SessionId),
    ("fx", EventType::FxRate, Field::Rate),
];

/// One record.
pub(super) struct Given {
    /// Where it is written.
    pub(super) line: usize,
    /// What the file holds.
    pub(super) record: String,
}

/// All events of an example.
pub(super) fn events(node: &Node, who: &Who, rules: &Programme, findings: &mut Findings<'_>) -> Vec<Given> {
    let items = findings.list(node, "given");
    let mut all = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let event = Item { number: at + 1, who, rules };
        all.extend(event.read(item, findings).map(|record| Given { line: item.place.line, record }));
    }
    all
}

struct Item<'a> {
    number: usize,
    who: &'a Who,
    rules: &'a Programme,
}

/// The keys of an item that are not fields of the event.
#[derive(Default)]
struct Parts<'n> {
    word: Option<&'n Entry>,
    at: Option<String>,
    who: Option<Who>,
    fields: Vec<&'n Entry>,
}

fn help() -> String {
    let words: Vec<&str> = WORDS.iter().map(|(word, ..)| *word).collect();
    format!("an event is one of {}, or `event` with its own fields, or `line` as it stands", words.join(", "))
}

impl Item<'_> {
    fn read(&self, node: &Node, findings: &mut Findings<'_>) -> Option<String> {
        let entries = findings.section(node, "an event", &help())?;
        let parts = self.parts(entries, findings);
        let Some(word) = parts.word else {
            // A word that was mistyped, unless all of them are fields of events.
            match parts.fields.iter().find(|entry| Field::named(entry.key.as_bytes()).is_none()) {
                Some(entry) => findings.add(entry.place, format!("`{}` is nothing that can happen", entry.key), help()),
                None => findings.add(node.place, "this does not say what happened", help()),
            }
            return None;
        };
        match word.key.as_str() {
            "line" => {
                self.refuse_fields(&parts, "line", findings);
                return findings.text(&word.value, "line").map(str::to_owned);
            }
            "event" => {
                self.refuse_fields(&parts, "event", findings);
                let fields = findings.section(&word.value, "`event`", "write the fields of the event as they come in")?;
                return Some(self.raw(tree::object(fields), &parts));
            }
            _ => {}
        }
        let (_, kind, main) = *WORDS.iter().find(|(name, ..)| *name == word.key)?;
        if parts.at.is_none() {
            findings.add(node.place, "this does not say when it happened", "add `at: 2026-03-01T10:00:00Z`");
        }
        let mut event = Map::new();
        event.insert("event_type".to_owned(), kind.name().into());
        let value = findings.text(&word.value, &word.key)?;
        if kind == EventType::StatusForce && value == "none" {
            event.insert("mode".to_owned(), "none".into());
        } else {
            event.insert(main.name().to_owned(), value.into());
        }
        for entry in &parts.fields {
            self.check_field(kind, entry, findings);
            event.insert(entry.key.clone(), tree::json(&entry.value));
        }
        let who = parts.who.as_ref().unwrap_or(self.who);
        self.fill(kind, &mut event, who, parts.at.as_deref());
        Some(self.raw(event, &parts))
    }

    fn parts<'n>(&self, entries: &'n [Entry], findings: &mut Findings<'_>) -> Parts<'n> {
        let mut parts = Parts::default();
        for entry in entries {
            let key = entry.key.as_str();
            let is_word = key == "event" || key == "line" || WORDS.iter().any(|(word, ..)| *word == key);
            match key {
                "at" => {
                    if findings.instant(&entry.value, "at").is_some() {
                        parts.at = findings.text(&entry.value, "at").map(str::to_owned);
                    } else {
                        // It is there, and has been reported.
                        parts.at = Some(String::new());
                    }
                }
                "player" | "brand" => {
                    let text = findings.text(&entry.value, key).unwrap_or_default().to_owned();
                    let who = parts.who.get_or_insert_with(|| self.who.clone());
                    *(if key == "player" { &mut who.player } else { &mut who.brand }) = text;
                }
                _ if is_word && parts.word.is_none() => parts.word = Some(entry),
                _ if is_word => findings.add(entry.place, "one event cannot be two things", "write two events"),
                _ => parts.fields.push(entry),
            }
        }
        parts
    }

    fn refuse_fields(&self, parts: &Parts<'_>, word: &str, findings: &mut Findings<'_>) {
        for entry in &parts.fields {
            let message = format!("`{}` cannot stand beside `{word}`", entry.key);
            findings.add(entry.place, message, if word == "event" { "write it inside `event`" } else { "remove it" });
        }
    }

    fn check_field(&self, kind: EventType, entry: &Entry, findings: &mut Findings<'_>) {
        let row = kind.row();
        let own = row.required.iter().chain(row.optional).map(|field| field.name());
        let all: Vec<&str> = own.chain(["event_id", "source"]).collect();
        if !all.contains(&entry.key.as_str()) {
            findings.add(entry.place, format!("a {} has no `{}`", row.name, entry.key), format!("it has {}", all.join(", ")));
        }
    }

    /// What a short word leaves out.
    fn fill(&self, kind: EventType, event: &mut Map<String, Value>, who: &Who, at: Option<&str>) {
        let currency = &*self.rules.brand(&who.brand).base_currency;
        let number = self.number;
        let defaults: Vec<(&str, Value)> = match kind {
            EventType::BetPlaced => vec![("bet_id", json!(format!("bet-{number}"))), ("currency", json!(currency))],
            EventType::DepositMade => vec![
                ("payment_id", json!(format!("payment-{number}"))),
                ("currency", json!(currency)),
                ("status", json!("approved")),
            ],
            EventType::RedemptionRequested => vec![("redemption_id", json!(format!("redemption-{number}")))],
            EventType::StatusForce if !event.contains_key("mode") => vec![("mode", json!("floor"))],
            EventType::FxRate => vec![("base", json!(currency)), ("valid_from", json!(at))],
            _ => Vec::new(),
        };
        for (field, value) in defaults {
            event.entry(field).or_insert(value);
        }
    }

    /// The record, its envelope filled.
    fn raw(&self, event: Map<String, Value>, parts: &Parts<'_>) -> String {
        let kind = event.get("event_type").and_then(Value::as_str).and_then(|name| EventType::named(name.as_bytes()));
        let needs = kind.map_or(Needs::Player, |kind| kind.row().needs);
        let who = parts.who.as_ref().unwrap_or(self.who);
        let mut record = event;
        let mut fill = |field: &str, value: Value| {
            record.entry(field).or_insert(value);
        };
        fill("event_id", json!(format!("event-{}", self.number)));
        fill("source", json!("example"));
        if needs != Needs::Neither {
            fill("brand_id", json!(who.brand));
            if let Some(at) = &parts.at {
                fill("occurred_at", json!(at));
            }
        }
        if needs == Needs::Player || parts.who.is_some() && needs == Needs::Time {
            fill("player_id", json!(who.player));
        }
        Value::Object(record).to_string()
    }
}
