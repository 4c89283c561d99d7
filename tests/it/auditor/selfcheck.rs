//! The comparison agrees with what is expected and sees what is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::compare::{canonical, facts};
use super::expected::Expected;
use super::facts::{AUDIT, DEAD, PROFILES};
use super::zone::write_time;
use super::{audit, hex_sha256, workload};

/// Writes what is expected as a run would, ids and hashes of the audit included.
fn write(expected: &Expected, dir: &Path) {
    let mut files: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
    let mut id = 0;
    for rows in expected.facts.values() {
        let mut last = "0".repeat(64);
        for fact in rows {
            let mut row = fact.body.clone();
            id += 1;
            row.insert("event_id".to_owned(), json!(id.to_string()));
            row.insert("grant_id".to_owned(), json!(id.to_string()));
            row.insert("idempotency_key".to_owned(), json!(id.to_string()));
            if fact.topic == AUDIT {
                row.insert("prev_hash".to_owned(), json!(last));
                last = hex_sha256(format!("{last}\n{}", canonical(&Value::Object(row.clone()))).as_bytes());
                row.insert("hash".to_owned(), json!(last));
            }
            files.entry(fact.topic.to_owned()).or_default().push(row);
        }
    }
    for letter in &expected.dead_letters {
        let row = json!({"topic": letter.topic, "partition": letter.partition, "offset": letter.offset, "kind": letter.kind, "field": letter.field});
        files.entry(DEAD.to_owned()).or_default().push(row.as_object().expect("an object").clone());
    }
    files.insert(PROFILES.to_owned(), expected.profiles.values().cloned().collect());
    fs::create_dir_all(dir).expect("a folder");
    for (topic, rows) in files {
        let lines: Vec<String> = rows.into_iter().map(|r| Value::Object(r).to_string() + "\n").collect();
        fs::write(dir.join(format!("{topic}.jsonl")), lines.concat()).expect("a file");
    }
    let s = &expected.summary;
    let summary = json!({
        "events_in": s.events_in, "applied": s.applied, "duplicates": s.duplicates, "late": s.late, "dead_letters": s.dead_letters,
        "unmatched_reversals": s.unmatched_reversals, "fx_missing_total": s.fx_missing_total, "skipped_unknown": s.skipped_unknown, "beyond_until": s.beyond_until,
        "facts": s.facts, "logical_time": s.logical_time.map(write_time),
    });
    fs::write(dir.join("summary.json"), summary.to_string()).expect("a file");
}

#[test]
fn agrees_with_itself_and_sees_what_is_changed() {
    let mut expected = audit(&workload::history(1));
    expected.publications.clear();
    let dir = std::env::temp_dir().join(format!("auditor-compare-{}", std::process::id()));
    write(&expected, &dir);
    assert_eq!(facts(&expected, &dir), Ok(()));
    let who = expected.facts.keys().next().expect("a player").clone();
    expected.facts.get_mut(&who).expect("a player")[0].body.insert("as_of".to_owned(), json!("never"));
    expected.dead_letters.pop();
    expected.summary.late += 1;
    let told = facts(&expected, &dir).expect_err("three differences");
    fs::remove_dir_all(&dir).expect("the folder is there");
    assert_eq!(told.lines().filter(|l| !l.starts_with(' ')).count(), 3, "{told}");
    assert!(
        told.contains("expected never") && told.contains("unexpected dead letter") && told.contains("summary.late"),
        "{told}"
    );
}
