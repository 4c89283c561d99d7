//! The command line as a person or a script meets it: texts, files and exit codes of the binary itself.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::broker::Broker;

const DEFAULT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/programme");

/// What a command said.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// It ended with this code, and every one of these pieces is in what it said.
    fn says(&self, code: i32, pieces: &[&str]) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for piece in pieces {
            assert!(all.contains(piece), "`{piece}` is not in:\n{all}");
        }
    }
}

/// Runs a command in a folder.
fn tidemark(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemark"));
    let Output { status, stdout, stderr } =
        command.current_dir(folder).args(arguments).stdin(Stdio::null()).output().expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code().expect("an exit code"), out: text(stdout), err: text(stderr) }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The default programme in the folder `rules`, without its examples.
fn own_programme(folder: &TempDir) {
    let text = fs::read_to_string(Path::new(DEFAULT).join("programme.yaml")).unwrap();
    write(folder, "rules/programme.yaml", &text);
}

#[test]
fn every_help_says_what_the_command_does_and_gives_an_example() {
    let here = folder();
    let commands: [&[&str]; 24] = [
        &[],
        &["replay"],
        &["run"],
        &["verify"],
        &["config"],
        &["config", "check"],
        &["config", "print"],
        &["topics"],
        &["topics", "print"],
        &["topics", "check"],
        &["topics", "create"],
        &["demo"],
        &["generate"],
        &["programme"],
        &["programme", "check"],
        &["programme", "test"],
        &["programme", "schema"],
        &["programme", "publish"],
        &["dlq"],
        &["dlq", "list"],
        &["dlq", "replay"],
        &["snapshot"],
        &["snapshot", "inspect"],
        &["completions"],
    ];
    for command in commands {
        for flag in ["-h", "--help"] {
            let said = tidemark(here.path(), &[command, &[flag]].concat());
            let example = format!("tidemark {}", command.join(" "));
            said.says(0, &["Example", example.trim_end(), "Usage:"]);
            assert_eq!(said.err, "", "{command:?}");
            assert!(!said.out.starts_with("Usage"), "{command:?} does not say what it does");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_bad_usage() {
    let here = folder();
    tidemark(here.path(), &[]).says(2, &["Usage:", "tidemark demo"]);
    tidemark(here.path(), &["reply"]).says(2, &["replay"]);
    tidemark(here.path(), &["generate"]).says(2, &["give --out DIR or --kafka HOST:PORT"]);
    tidemark(here.path(), &["demo", "--events", "-5"]).says(2, &["invalid value '-5' for '--events"]);
    tidemark(here.path(), &["demo", "--players", "0"]).says(2, &["--players"]);
    tidemark(here.path(), &["demo", "--workers", "13"]).says(2, &["1..=12"]);
    let replay = ["replay", "--programme", DEFAULT, "--events", ".", "--out", "out"];
    tidemark(here.path(), &[&replay[..], &["--until", "noon"]].concat()).says(2, &["--until noon", "2026-03-01T00:00:00Z"]);
    tidemark(here.path(), &[&replay[..], &["--workers", "0"]].concat()).says(2, &["between 1 and 12"]);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let here = folder();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = tidemark(here.path(), &["completions", shell]);
        said.says(0, &["tidemark", "programme", "inspect"]);
    }
    tidemark(here.path(), &["completions", "cmd"]).says(2, &["bash"]);
}

#[test]
fn a_sound_programme_is_summed_up_and_an_unsound_one_is_told_all_that_is_wrong() {
    let here = folder();
    tidemark(here.path(), &["programme", "check", DEFAULT])
        .says(0, &["is sound", "revision 1", "Bronze, Silver, Gold, Platinum"]);
    assert_eq!(tidemark(here.path(), &["programme", "check", DEFAULT, "--json"]).json(), Value::Array(Vec::new()));

    let bad = "version: 1\nprogramme: {id: x, revision: 1, effective_from: soon}\npoints: {per_units: \"1\"}\ntiers:\n  levels:\n    - {name: Bronze, entry: \"0\", maintain: \"-1\"}\n";
    write(&here, "bad/rules.yaml", bad);
    let said = tidemark(here.path(), &["programme", "check", "bad"]);
    said.says(2, &["bad/rules.yaml:2:49: ", "bad/rules.yaml:3:10: ", "per_unit", "bad/rules.yaml:6:44: ", "3 problems"]);
    assert_eq!(said.out, "");
    let listed = tidemark(here.path(), &["programme", "check", "bad", "--json"]);
    assert_eq!((listed.code, listed.json().as_array().unwrap().len()), (2, 3));
    assert_eq!(listed.json()[0]["line"], 2);
    assert_eq!(listed.json()[0]["file"], "bad/rules.yaml");
    tidemark(here.path(), &["programme", "check", "nowhere"]).says(2, &["cannot read the programme nowhere"]);

    own_programme(&here);
    write(&here, "rules/campaigns/more.yml", "version: 1\n");
    let said = tidemark(here.path(), &["programme", "check", "rules"]);
    said.says(0, &["warning: rules/campaigns/more.yml is not read", "is sound"]);
}

#[test]
fn a_configuration_to_begin_with_is_printed_and_named_where_there_is_none() {
    let here = folder();
    let begin = ["config", "print", "--defaults"];
    tidemark(here.path(), &["config", "check"]).says(78, &["tidemark.toml", &begin.join(" ")]);
    let defaults = tidemark(here.path(), &begin);
    defaults.says(0, &["#name = ", "commit_interval = \"500ms\""]);
    let required = defaults.out.replace("#name =", "name =").replace("#brokers =", "brokers =").replace("#topics =", "topics =");
    write(&here, "tidemark.toml", &required);
    tidemark(here.path(), &["config", "check"]).says(0, &["tidemark.toml is sound: job loyalty"]);
    tidemark(here.path(), &[&begin[..], &["tidemark.toml"]].concat()).says(2, &["--defaults", "cannot be used with"]);
}

#[test]
fn a_revision_may_be_given_twice_if_it_is_the_same() {
    let here = folder();
    own_programme(&here);
    write(&here, "events/bets.v1/0.jsonl", "");
    let replay = |out| {
        tidemark(here.path(), &["replay", "--programme", DEFAULT, "--programme", "rules", "--events", "events", "--out", out])
    };
    replay("out").says(0, &["0 events"]);
    let text = fs::read_to_string(here.path().join("rules/programme.yaml")).unwrap();
    let more = text.replacen("per_unit: \"1\"", "per_unit: \"2\"", 1);
    assert_ne!(text, more);
    write(&here, "rules/programme.yaml", &more);
    replay("other").says(2, &["is given twice, and not the same"]);
}

#[test]
fn only_a_number_names_a_partition() {
    let here = folder();
    let bet = |number: u32| {
        let rest = r#""source":"s","brand_id":"b1","player_id":"p1","occurred_at":"2026-03-01T10:00:00Z""#;
        format!(r#"{{"event_id":"e{number}","event_type":"SessionStarted",{rest},"session_id":"s{number}"}}"#)
    };
    // `+1` is a topic of its own: what cannot be read of it says so.
    for (name, number) in [("1", 1), ("+1", 2), ("01x", 3)] {
        write(&here, &format!("events/bets.v1/{name}.jsonl"), &format!("{}\nnonsense\n", bet(number)));
    }
    let replay = ["replay", "--programme", DEFAULT, "--events", "events", "--out", "out"];
    tidemark(here.path(), &replay).says(0, &["6 events"]);
    let letters = fs::read_to_string(here.path().join("out/pipeline.dlq.v1.jsonl")).unwrap();
    for place in [
        r#""topic":"bets.v1","partition":1,"offset":1"#,
        r#""topic":"bets.v1/+1","partition":0,"offset":1"#,
        r#""topic":"bets.v1/01x","partition":0,"offset":1"#,
    ] {
        assert!(letters.contains(place), "{place}: {letters}");
    }
}

#[test]
fn the_schema_is_the_one_beside_the_default_programme() {
    let said = tidemark(folder().path(), &["programme", "schema"]);
    assert_eq!(said.code, 0);
    assert_eq!(said.out.trim(), fs::read_to_string(Path::new(DEFAULT).join("programme.schema.json")).unwrap().trim());
}

#[test]
fn the_examples_beside_the_default_programme_hold() {
    let here = folder();
    tidemark(here.path(), &["programme", "test", DEFAULT]).says(0, &["all ok", "Silver is reached at exactly 10,000 EUR"]);
    let said = tidemark(here.path(), &["programme", "test", DEFAULT, "--json"]).json();
    assert_eq!(said["failed"], 0);
    assert!(said["passed"].as_u64().unwrap() >= 25, "{said}");
}

#[test]
fn an_example_that_does_not_hold_says_what_was_expected_and_what_came() {
    let here = folder();
    own_programme(&here);
    let example = r#"
- name: holds
  given:
    - {at: 2026-03-01T10:00:00Z, bet: "10000", game_type: slots}
    - {at: 2026-03-01T11:00:00Z, player: other, event: {event_type: BetPlaced, bet_id: x, amount: "1", currency: EUR}}
  expect:
    tier: Silver
    players: {other: {tier: Bronze, cumulative: "1.00"}}
    facts: [{TierChanged: {to: Silver}}, {TriggerFired: {trigger: level_up}}]
- name: does not
  given:
    - {at: 2026-03-01T10:00:00Z, bet: "9999.99", game_type: slots}
    - {at: 2026-03-01T11:00:00Z, bet: "ten"}
  expect:
    tier: Silver
    points: {available: "1"}
    facts: [{TierChanged: {to: Silver}}]
    never: [{PointsPosted: {entry_type: accrue}}]
    count: [{times: 2, PointsPosted: }]
    summary: {applied: 2}
"#;
    write(&here, "rules/tests/some.yaml", example);
    let said = tidemark(here.path(), &["programme", "test", "rules"]);
    said.says(
        1,
        &[
            "ok      holds",
            "FAILED  does not",
            "some.yaml:13: this event was set aside: {kind: schema_violation, field: amount}",
            "some.yaml:15: tier: expected Silver, got Bronze",
            "some.yaml:16: points: expected {available: 1}, got {available: 9999.99}",
            "some.yaml:17: TierChanged {to: Silver} is expected, and does not follow; there is no TierChanged at all",
            "some.yaml:18: PointsPosted {entry_type: accrue} is not expected, and is there at 2026-03-01T10:00:00.000Z",
            "some.yaml:19: PointsPosted is expected 2 times, and is there once",
            "some.yaml:20: applied: expected 2, got 1",
            "2 examples, 1 FAILED",
        ],
    );
    let verdicts = tidemark(here.path(), &["programme", "test", "rules", "--json"]);
    assert_eq!((verdicts.code, &verdicts.json()["failed"]), (1, &Value::from(1)));
    assert_eq!(verdicts.json()["examples"][1]["differences"][1]["line"], 15);
}

#[test]
fn an_example_that_does_not_say_what_happened_is_told_the_word_if_there_is_one() {
    let here = folder();
    own_programme(&here);
    let at = "at: 2026-03-01T10:00:00Z";
    let example = format!(
        "- name: a\n  given:\n    - {{{at}, game_type: slots, bett: \"1\"}}\n    - {{{at}, amount: \"1\"}}\n  expect: {{tier: Bronze}}\n"
    );
    write(&here, "rules/tests/bad.yaml", &example);
    let (mistyped, none) = ("bad.yaml:3:52: `bett` is nothing that can happen", "bad.yaml:4:7: this does not say what happened");
    tidemark(here.path(), &["programme", "test", "rules"]).says(2, &[mistyped, none]);
}

#[test]
fn examples_that_cannot_be_read_are_told_by_file_line_and_column() {
    let here = folder();
    own_programme(&here);
    tidemark(here.path(), &["programme", "test", "rules"]).says(2, &["no examples in rules/tests/*.yaml"]);
    let example = "- name: a\n  given:\n    - {at: noon, bet: \"1\"}\n    - {at: 2026-03-01T10:00:00Z, bet: \"1\", gametype: slots}\n  expect:\n    teir: Silver\n    facts: [{TierChange: {to: Silver}}]\n    never: [{TierChanged: {too: Silver, thresholds: {entri: \"1\"}}}]\n- given: []\n";
    write(&here, "rules/tests/bad.yaml", example);
    tidemark(here.path(), &["programme", "test", "rules"]).says(
        2,
        &[
            "rules/tests/bad.yaml:3:12: `at: noon` is not an instant",
            "rules/tests/bad.yaml:4:44: a BetPlaced has no `gametype`",
            "rules/tests/bad.yaml:6:5: nothing called `teir` can be expected",
            "rules/tests/bad.yaml:7:14: there is no fact `TierChange`",
            "rules/tests/bad.yaml:8:28: a `TierChanged` has no `too`",
            "rules/tests/bad.yaml:8:54: `thresholds` has no `entri`",
            "rules/tests/bad.yaml:9:3: this example has no `name`",
            "rules/tests/bad.yaml:9:3: this example has no `expect`",
        ],
    );
}

#[test]
fn a_forced_status_that_ends_shows_in_a_live_profile_also_where_it_hid_nothing() {
    let here = folder();
    let line = |id: &str, kind: &str, at: &str, more: &str| {
        let envelope = r#""source":"test","brand_id":"b1","player_id":"p1""#;
        format!(r#"{{"event_id":"{id}","event_type":"{kind}",{envelope},"occurred_at":"{at}"{more}}}"#)
    };
    let forced = r#","tier":"Bronze","mode":"floor","until":"2026-03-02T12:00:00Z","request_id":"r1","actor":"u7","role":"host""#;
    let lines = [
        line("e1", "StatusForce", "2026-03-01T10:00:00Z", forced),
        line("e2", "CustomEvent", "2026-03-04T10:00:00Z", ""),
        line("e3", "CustomEvent", "2026-03-06T10:00:00Z", ""),
    ];
    write(&here, "events/events.jsonl", &lines.join("\n"));
    let replay =
        ["replay", "--programme", DEFAULT, "--events", "events", "--out", "out", "--profiles", "live", "--epoch-bytes", "1"];
    tidemark(here.path(), &replay).says(0, &["3 events"]);
    let text = fs::read_to_string(here.path().join("out/crm.player-profile.v1.jsonl")).unwrap();
    let profiles: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<bool> = profiles.iter().map(|profile| profile["forced"].is_object()).collect();
    assert_eq!(seen, [true, false, false], "forced, its end, and the last one: {text}");
}

#[test]
fn a_demo_leaves_everything_it_names_and_only_a_demos_folder_is_replaced() {
    let here = folder();
    let small = ["demo", "--players", "200", "--events", "20000", "--seed", "7", "--out", "made"];
    let said = tidemark(here.path(), &small);
    said.says(0, &["TIERS", "TURNOVER", "made/report.html", "made/programme.yaml", "replay --programme"]);
    assert_eq!(said.err, "");
    assert!(!said.out.contains('\u{1b}'), "no colours in a pipe");
    let page = fs::read_to_string(here.path().join("made/report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") || page.starts_with("<!DOCTYPE html>"), "{}", &page[..100]);
    assert!(here.path().join("made/events/bets.v1/0.jsonl").is_file());
    tidemark(here.path(), &["programme", "check", "made/programme.yaml"]).says(0, &["3 brands"]);

    // What it advises works, and gives the same.
    let again = ["replay", "--programme", "made/programme.yaml", "--events", "made/events", "--out", "what-if", "--json"];
    let replayed = tidemark(here.path(), &again).json();
    write(&here, "made/notes.txt", "mine");
    let second = tidemark(here.path(), &[&small[..], &["--json", "--workers", "3"]].concat()).json();
    assert_eq!(second["facts_digest"], replayed["facts_digest"]);
    assert_eq!(second["events_in"], 20_000);
    assert_eq!(fs::read_to_string(here.path().join("made/notes.txt")).unwrap(), "mine");

    write(&here, "mine/events/precious.txt", "mine");
    tidemark(here.path(), &["demo", "--out", "mine"]).says(2, &["no demo made it"]);
    assert!(here.path().join("mine/events/precious.txt").is_file());
}

#[test]
fn a_casino_is_written_once_into_an_empty_folder() {
    let here = folder();
    let arguments = ["generate", "--players", "50", "--events", "3000", "--partitions", "2", "--out", "events"];
    tidemark(here.path(), &arguments).says(0, &["3,000 records", "bets.v1", "written to events"]);
    tidemark(here.path(), &arguments).says(2, &["events is not empty"]);
    assert!(here.path().join("events/bets.v1/1.jsonl").is_file());
}

#[test]
fn a_casino_in_kafka_gives_the_facts_of_the_same_casino_in_files() {
    let broker = Broker::start();
    let here = folder();
    let casino = ["generate", "--players", "100", "--events", "8000", "--seed", "3", "--partitions", "3"];
    let said = tidemark(here.path(), &[&casino[..], &["--kafka", broker.address()]].concat());
    said.says(0, &["8,000 records", "/s)", "fx.v1"]);
    let address = said.out.split_whitespace().find(|word| word.starts_with("kafka://")).expect("where it was written to");
    tidemark(here.path(), &[&casino[..], &["--out", "events"]].concat()).says(0, &[]);
    let digest = |events: &str, out: &str| {
        let said = tidemark(here.path(), &["replay", "--programme", DEFAULT, "--events", events, "--out", out, "--json"]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.json()["facts_digest"].clone()
    };
    assert_eq!(digest(address, "from-kafka"), digest("events", "from-files"));
    let other = tidemark(here.path(), &["generate", "--events", "10", "--kafka", broker.address()]);
    other.says(2, &["is there with 3 partitions", "--partitions 3"]);
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let said = tidemark(folder().path(), &["generate", "--events", "10", "--kafka", "127.0.0.1:1"]);
    said.says(1, &["no Kafka broker answers at 127.0.0.1:1"]);
}

#[test]
fn snapshots_are_told_with_what_is_in_them_and_damage_is_found() {
    let here = folder();
    tidemark(here.path(), &["snapshot", "inspect", "state"]).says(2, &["state is no state folder"]);
    assert!(!here.path().join("state").exists(), "looking leaves nothing behind");
    write(&here, "new/tidemark-store", "begun");
    tidemark(here.path(), &["snapshot", "inspect", "new"]).says(1, &["new is the store of a run that has saved nothing yet"]);
    tidemark(here.path(), &["generate", "--players", "300", "--events", "120000", "--out", "events"]).says(0, &[]);
    let often = ["--snapshot-interval-ms", "20", "--commit-interval-ms", "10", "--epoch-bytes", "65536"];
    let replay = ["replay", "--programme", DEFAULT, "--events", "events", "--out", "out", "--state", "state"];
    tidemark(here.path(), &[&replay[..], &often[..]].concat()).says(0, &[]);

    let said = tidemark(here.path(), &["snapshot", "inspect", "state"]);
    said.says(0, &["belongs to run", "logical time 2026-", "players", "key groups", "sound", "the newest that can be used"]);
    let before = tidemark(here.path(), &["snapshot", "inspect", "state", "--json"]).json();
    // The first is full; where a slow run has written so many that it is gone, the oldest is a part of later ones.
    let oldest = &before["snapshots"][0];
    assert_ne!(oldest["full"], oldest["part"], "{oldest}");
    assert_eq!(said.out.contains(": full\n"), oldest["full"] == true, "{}", said.out);
    let newest = before["newest_usable"].as_u64().unwrap();
    let last = before["snapshots"].as_array().unwrap().last().unwrap();
    assert_eq!(last["epoch"], newest);
    assert!(last["players"].as_u64().unwrap() > 100, "{last}");

    // What waits in a snapshot is read by whoever goes on from that one, and by nobody who only needs its players.
    let folders: Vec<_> = fs::read_dir(here.path().join("state/snapshots")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let earlier = folders.iter().filter(|folder| !folder.ends_with(format!("{newest:020}")));
    let waiting: Vec<_> = earlier.map(|folder| folder.join("waiting-000.bin")).filter(|file| file.is_file()).collect();
    assert!(!waiting.is_empty(), "nothing waits in any snapshot");
    waiting.iter().for_each(|file| fs::write(file, "cut").unwrap());
    let after = tidemark(here.path(), &["snapshot", "inspect", "state", "--json"]).json();
    assert_eq!(after["newest_usable"], before["newest_usable"]);

    let file = here.path().join(format!("state/snapshots/{newest:020}/shard-003.bin"));
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let said = tidemark(here.path(), &["snapshot", "inspect", "state"]);
    said.says(1, &["NOT USABLE", "shard-003.bin", "another checksum"]);
    let damaged = tidemark(here.path(), &["snapshot", "inspect", "state", "--json"]).json();
    assert_ne!(damaged["newest_usable"], before["newest_usable"]);
}

#[test]
fn where_nothing_can_be_said_the_exit_code_says_it() {
    let full = || fs::File::options().write(true).open("/dev/full").expect("a device that is always full");
    let folder = folder();
    write(&folder, "bad.yaml", "version: 9\n");
    for programme in ["nowhere.yaml", "bad.yaml"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidemark"));
        command.current_dir(&folder).args(["programme", "check", programme]).stderr(full());
        assert_eq!(command.status().expect("it ends").code(), Some(2), "{programme}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidemark"))
        .args(["programme", "schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
