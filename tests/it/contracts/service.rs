//! The records that a service leaves in its journal and in its progress topic.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tidemark::journal::{Body, Bound, News, Record, folded, read_all, unfolded};
use tidemark::runtime::store::{Created, Store};
use tidemark::sinks::kafka::progress::ProgressRecord;
use tidemark_domain::time::Instant;

use super::{Schema, assert_valid, contracts, names, read, schema};

/// It is what its schema says.
pub(crate) fn assert_journal_record(record: &Record) {
    assert_valid(&schema("service", "JournalRecord"), &serde_json::to_string(record).unwrap(), "a journal record");
}

/// It is what its schema says, and its hash fits.
pub(crate) fn assert_progress_record(text: &str) -> ProgressRecord {
    assert_valid(&schema("service", "ProgressRecord"), text, "a progress record");
    ProgressRecord::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error:#}: {text}"))
}

fn golden(file: &str) -> Vec<String> {
    let lines: Vec<String> = read(&contracts().join("service").join(file)).lines().map(str::to_owned).collect();
    assert!(!lines.is_empty(), "{file} is empty");
    lines
}

/// A folder with the golden records as a journal.
fn journal(lines: &[String]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    for (number, line) in (1_u64..).zip(lines) {
        let made = store.create(&format!("journal/records/{number:020}"), line.clone().into_bytes()).unwrap();
        assert_eq!(made, Created::Now);
    }
    (folder, store)
}

/// All names of members, however deep.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                found.insert(name.clone());
                members(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

/// All names of members that a schema has, however deep.
fn known(of: &Value, found: &mut BTreeSet<String>) {
    match of {
        Value::Object(object) => {
            found.extend(object.get("properties").and_then(Value::as_object).into_iter().flat_map(|own| own.keys().cloned()));
            object.values().for_each(|each| known(each, found));
        }
        Value::Array(all) => all.iter().for_each(|each| known(each, found)),
        _ => {}
    }
}

#[test]
fn each_kind_of_record_has_a_schema_and_golden_lines() {
    assert_eq!(names("service"), ["JournalRecord", "ProgressRecord"]);
}

#[test]
fn the_golden_records_of_a_journal_are_read_and_come_out_again() {
    let lines = golden("JournalRecord.example.lines");
    let (_folder, store) = journal(&lines);
    let records = read_all(&store).unwrap();
    assert_eq!(records.len(), lines.len());
    let mut found = BTreeSet::new();
    for (record, line) in records.iter().zip(&lines) {
        assert_journal_record(record);
        let (_, text) = line.split_once(' ').unwrap();
        assert_valid(&schema("service", "JournalRecord"), text, "a golden journal record");
        let written = format!("{} {}", record.hash, serde_json::to_string(record).unwrap());
        assert_eq!(written, *line, "record {}: is this change meant? (left: now, right: golden)", record.number);
        if let Body::Binding(epochs) = &record.body {
            assert_eq!(folded(unfolded(epochs)), *epochs, "record {} is not in its short form", record.number);
        }
        members(&serde_json::from_str(text).unwrap(), &mut found);
    }
    // A golden line is no place for a record that is too long.
    found.insert("cut".to_owned());
    let mut all = BTreeSet::new();
    known(&schema("service", "JournalRecord"), &mut all);
    assert_eq!(found, all, "what the golden lines hold, and what the schema knows");
}

#[test]
fn a_journal_with_a_golden_record_that_was_changed_is_not_read() {
    let mut lines = golden("JournalRecord.example.lines");
    let changed = lines[1].replacen("\"epoch\":3", "\"epoch\":4", 1);
    assert_ne!(changed, lines[1]);
    lines[1] = changed;
    let (_folder, store) = journal(&lines);
    let error = format!("{:#}", read_all(&store).unwrap_err());
    assert!(error.contains("record 2 is damaged"), "{error}");
}

#[test]
fn a_record_that_was_cut_is_what_the_schema_says_and_one_with_half_a_place_is_not() {
    let mut news = News::of("fx.v1", 0, 5, b"{\"event_id\":");
    news.cut = Some((200_000, "5".repeat(64)));
    let bound = Bound { epoch: 1, ends: vec![(0, 6)], news: vec![news], ..Bound::default() };
    let record = Record {
        number: 1,
        generation: 1,
        process: "a".to_owned(),
        prev_hash: String::new(),
        body: Body::Binding(vec![bound]),
        hash: String::new(),
    };
    assert_journal_record(&record);
    let root = schema("service", "JournalRecord");
    let whole = serde_json::to_value(&record).unwrap();
    for ends in [json!([[0]]), json!([[0, 6, 7]]), json!([[0, "6"]]), json!([{"0": 6}])] {
        let mut value = whole.clone();
        value["body"]["binding"][0]["ends"] = ends;
        assert!(!Schema { root: &root }.check(&root, &value).is_empty(), "{value}");
    }
}

#[test]
fn the_golden_progress_records_are_read_and_come_out_again() {
    let lines = golden("ProgressRecord.example.jsonl");
    let mut before: Option<ProgressRecord> = None;
    for line in &lines {
        let record = assert_progress_record(line);
        let at = record.logical_time.as_deref().map(|text| Instant::parse(text.as_bytes()).unwrap().0);
        let next = ProgressRecord::after(before.as_ref(), record.generation, record.epoch, at, record.proof());
        assert_eq!(next.write(), *line, "is this change meant? (left: now, right: golden)");
        before = Some(record);
    }
    let changed = lines[1].replacen("\"count\":3", "\"count\":4", 1);
    assert_ne!(changed, lines[1]);
    assert!(ProgressRecord::read(changed.as_bytes()).is_err(), "a record that was changed is read");
}
