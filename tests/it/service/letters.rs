//! Dead letters on a real Apache Kafka: looked at, and sent back through their topics, each payload once.

use std::fs;

use rdkafka::producer::BaseRecord;
use serde_json::Value;
use tidemark::kafka;

use super::rig::{Rig, casino};
use super::running::EVENTS;
use crate::broker::{shared, unique};

/// A second source of other settings at the same brokers: the way back to it is another one.
fn second_source(brokers: &str, prefix: &str) -> String {
    format!(
        "{EVENTS}\n[[source]]\nbrokers = \"{brokers}\"\ntopics = [\"extra.v1\"]\ntopic_prefix = \"{prefix}\"\nlibrdkafka = {{ \"client.id\" = \"extra\" }}"
    )
}

fn produce(rig: &Rig, topic: &str, key: &str, body: &str) {
    let producer = kafka::producer(rig.brokers.as_str()).unwrap();
    kafka::send(&producer, BaseRecord::to(topic).key(key.as_bytes()).payload(body.as_bytes())).unwrap();
    kafka::finish(&producer).unwrap();
}

fn bet(id: &str, more: &str) -> String {
    format!(
        "{{\"event_id\":\"{id}\",\"event_type\":\"BetPlaced\",\"source\":\"wallet\",\"player_id\":\"p-dead\",\"occurred_at\":\
         \"2026-03-01T10:00:00Z\",\"bet_id\":\"{id}\",\"amount\":\"10\"{more}}}"
    )
}

fn rate(id: &str, rate: &str, from: &str) -> String {
    format!(
        "{{\"event_id\":\"{id}\",\"event_type\":\"FxRate\",\"source\":\"treasury\",\"currency\":\"CHF\",\"base\":\"EUR\",\"rate\":\"{rate}\",\
         \"valid_from\":\"{from}\"}}"
    )
}

/// The letters of a kind, whole.
fn listed(rig: &Rig, kind: &str) -> Vec<Value> {
    let (code, out, said) = rig.asked(&["dlq", "list", "--json", "--kind", kind]);
    assert_eq!(code, 0, "{said}");
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Letters as a person has corrected them, in a file of the rig's folder.
fn corrected(rig: &Rig, letters: &[Value], old: &str, new: &str) -> String {
    let path = rig.folder.path().join("corrected.jsonl");
    let line = |letter: &Value| {
        let mut letter = letter.clone();
        letter["payload"] = Value::from(letter["payload"].as_str().unwrap().replace(old, new));
        format!("{letter}\n")
    };
    fs::write(&path, letters.iter().map(line).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn letters_go_back_through_every_source_they_came_from_and_each_payload_once() {
    let casino = casino(2_000, 91);
    let prefix = format!("{}-", unique("extra"));
    let rig = Rig::new(shared(), "letters", &casino, &second_source(shared(), &prefix));
    rig.produce(&casino, None);
    produce(&rig, &format!("{}bets.v1", rig.prefix), "default:p-dead", &bet("no-currency", ""));
    produce(&rig, &format!("{prefix}extra.v1"), "default:p-dead", &bet("none-either", ""));
    let first = rig.drain(2);
    let letters = listed(&rig, "schema_violation");
    let found: Vec<&str> = letters.iter().filter_map(|letter| letter["original_event_id"].as_str()).collect();
    assert!(found.contains(&"no-currency") && found.contains(&"none-either"), "{letters:?}");
    let ours: Vec<Value> = letters.into_iter().filter(|letter| letter["player_id"] == "p-dead").collect();
    assert_eq!(ours.len(), 2);
    // One by one: where the rest begins is said each time, and nothing is left out.
    let (mut since, mut pages) = (String::new(), 0);
    while pages < 1_000 {
        let mut words = vec!["dlq", "list", "--kind", "schema_violation", "--limit", "1"];
        words.extend(["--since", since.as_str()].into_iter().filter(|_| !since.is_empty()));
        let (code, out, said) = rig.asked(&words);
        assert_eq!(code, 0, "{said}");
        since = out.trim_end().rsplit_once("--since ").unwrap().1.to_owned();
        if out.contains("\n0 dead letters") || out.starts_with("0 dead letters") {
            break;
        }
        pages += 1;
    }
    assert_eq!(pages, listed(&rig, "schema_violation").len());
    let file = corrected(&rig, &ours, "\"amount\"", "\"currency\":\"EUR\",\"amount\"");
    let again = ["dlq", "replay", "--from", &file, "--yes"];
    let (code, out, said) = rig.asked(&again);
    assert_eq!((code, out.contains("2 letters sent")), (0, true), "{out}{said}");
    // The command once more sends nothing.
    let (code, out, said) = rig.asked(&again);
    assert_eq!((code, out.contains("0 letters sent, 2 sent before")), (0, true), "{out}{said}");
    let second = rig.drain(1);
    let count = |summary: &Value, name: &str| summary[name].as_u64().unwrap();
    assert_eq!(count(&second, "applied"), count(&first, "applied") + 2);
    assert_eq!(count(&second, "dead_letters"), count(&first, "dead_letters"));
    rig.verified();
}

#[test]
fn a_rate_is_not_sent_under_a_key_that_another_one_has() {
    let casino = casino(2_000, 92);
    let rig = Rig::new(shared(), "rates", &casino, EVENTS);
    rig.produce(&casino, None);
    let (topic, from) = (format!("{}fx.v1", rig.prefix), "2026-01-05T00:00:00Z");
    produce(&rig, &topic, &format!("CHF:EUR:{from}"), &rate("r-1", "1.05", from));
    produce(&rig, &topic, "not what it stands for", &rate("r-2", "1.06", from));
    rig.drain(2);
    let letters = listed(&rig, "conflict");
    let ours: Vec<Value> = letters.into_iter().filter(|letter| letter["original_event_id"] == "r-2").collect();
    assert_eq!(ours.len(), 1);
    // As it is, and with another rate: compaction would delete the rate that stands.
    for new in ["1.06", "1.07"] {
        let file = corrected(&rig, &ours, "1.06", new);
        let (code, out, said) = rig.asked(&["dlq", "replay", "--from", &file, "--yes"]);
        assert_eq!((code, out.contains("compaction would delete that one")), (1, true), "{out}{said}");
    }
    let file = corrected(&rig, &ours, "2026-01-05", "2026-01-06");
    let (code, out, said) = rig.asked(&["dlq", "replay", "--from", &file, "--yes"]);
    assert_eq!((code, out.contains("1 letter sent")), (0, true), "{out}{said}");
    rig.drain(1);
    assert_eq!(listed(&rig, "conflict").len(), 1);
    rig.verified();
}
