//! Nothing to read, nowhere to write, a programme that is none, and one record of a far future.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::results::{
    Written, casino, default_programme, each_line, files, finish, rows, succeed, summary, tidemark, topics, written,
};

#[test]
fn where_there_is_nothing_to_read_there_is_nothing_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.jsonl"), "").unwrap();
    fs::write(at("blank.jsonl"), "\n  \n\n").unwrap();
    fs::create_dir_all(at("folder")).unwrap();
    fs::create_dir_all(at("nested/bets.v1")).unwrap();
    fs::create_dir_all(at("several")).unwrap();
    fs::write(at("several/bets.v1.jsonl"), "").unwrap();
    fs::write(at("several/players.v1.jsonl"), "\n").unwrap();
    fs::write(at("several/fx.v1.jsonl.gz"), "").unwrap();
    fs::write(at("several/config.v1.jsonl.zst"), "").unwrap();
    let mut digests = Vec::new();
    for name in ["empty.jsonl", "blank.jsonl", "folder", "nested", "several"] {
        for (workers, until) in [("1", None), ("3", None), ("2", Some("2026-05-01T00:00:00Z"))] {
            let out = at(&format!("out-{name}-{workers}"));
            let mut command = tidemark(&default_programme(), at(name), &out);
            command.args(["--workers", workers]);
            command.args(until.iter().flat_map(|until| ["--until", until]));
            succeed(&mut command);
            let summary = summary(&out);
            assert_eq!(summary["events_in"], 0);
            let wanted = until.map_or(Value::Null, |_| "2026-05-01T00:00:00.000Z".into());
            assert_eq!(summary["logical_time"], wanted, "{name}");
            assert!(topics(&out).values().all(|file| fs::read(file).unwrap().is_empty()));
            digests.push(summary["facts_digest"].clone());
        }
    }
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}

#[test]
fn what_cannot_be_read_or_meant_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.jsonl"), "").unwrap();
    fs::create_dir_all(at("twice/bets.v1")).unwrap();
    fs::write(at("twice/bets.v1.jsonl"), "").unwrap();
    fs::write(at("twice/bets.v1/0.jsonl"), "").unwrap();
    fs::write(at("torn.jsonl.gz"), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b]).unwrap();
    let text = |name: &str| at(name).display().to_string();
    fs::write(at("a-file"), "a file").unwrap();
    let bad: [(String, &[&str], &str); 10] = [
        (text("nowhere"), &[], "nowhere"),
        (text("nowhere.jsonl"), &["--workers", "2"], "nowhere.jsonl"),
        (text("twice"), &[], "partition 0 of topic bets.v1"),
        (text("torn.jsonl.gz"), &[], "torn.jsonl.gz"),
        ("kafka://nowhere".into(), &[], "kafka://HOST:PORT"),
        (text("empty.jsonl"), &["--until", "yesterday"], "RFC 3339"),
        (text("empty.jsonl"), &["--workers", "0"], "workers"),
        (text("empty.jsonl"), &["--workers", "13"], "12"),
        (text("empty.jsonl"), &["--programme", "nowhere.yaml"], "nowhere.yaml"),
        (text("empty.jsonl"), &["--state", &text("a-file")], "a-file is a file"),
    ];
    let (code, said) = finish(&mut tidemark(&default_programme(), at("empty.jsonl"), &at("a-file")));
    assert!(code == 2 && said.contains("--out") && said.contains("a-file is a file"), "{code}: {said}");
    // A folder of such a name would be made beside the events, and everything written there.
    let (code, said) =
        finish(tidemark(&default_programme(), at("empty.jsonl"), Path::new("s3://b/x")).current_dir(folder.path()));
    assert!(code == 2 && said.contains("--out s3://b/x is a URL") && !at("s3:").exists(), "{code}: {said}");
    let mut wrong = Vec::new();
    for (events, more, said) in bad {
        let (code, words) = finish(tidemark(&default_programme(), &events, &at("out")).args(more));
        if code != 2 || !words.contains(said) {
            wrong.push(format!("{events} {more:?}: exit {code}: {words}"));
        }
        let _ = fs::remove_dir_all(at("out"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn results_among_the_events_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("events/bets.v1")).unwrap();
    let run = |out: &str, state: &str| {
        let state = folder.path().join(state);
        let mut command = tidemark(&default_programme(), folder.path().join("events"), &folder.path().join(out));
        let (code, said) = finish(command.arg("--state").arg(state));
        assert_eq!(code, 0, "{said}");
        said.lines().filter(|line| line.contains("lies in the folder of --events")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(run("out", "state"), Vec::<String>::new());
    assert_eq!(run("events-out", "events-state"), Vec::<String>::new());
    let said = run("events/out", "events/../events/state");
    assert!(said.len() == 2 && said[0].contains("--out") && said[1].contains("--state"), "{said:?}");
}

#[test]
fn a_bad_programme_is_refused_with_all_its_problems_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("bets.v1.jsonl"), "{}\n").unwrap();
    let text = "version: 1
programme: {id: bad, revision: 1, effective_from: 2026-01-01T00:00:00Z}
unheard_of: 7
points: {per_unit: \"-1\", expire_after_months: many}
clock: {ordering_delay: soon}
tiers:
  downgrade: sideways
  levels:
    - {name: Bronze, entry: \"0\", maintain: \"0\"}
    - {name: Bronze, entry: \"1e3\", maintain: \"0\"}
";
    fs::write(at("bad.yaml"), text).unwrap();
    let (code, said) = finish(&mut tidemark(&at("bad.yaml"), at("bets.v1.jsonl"), &at("out")));
    assert_eq!(code, 2, "{said}");
    for (line, word) in
        [(3, "unheard_of"), (4, "per_unit"), (4, "expire_after_months"), (5, "ordering_delay"), (7, "downgrade"), (10, "entry")]
    {
        let place = format!("bad.yaml:{line}:");
        assert!(said.lines().any(|row| row.contains(&place) && row.contains(word)), "{place} {word} is not in:\n{said}");
    }
    assert!(!at("out").exists(), "nothing is begun");
    fs::create_dir_all(at("none")).unwrap();
    let (code, said) = finish(&mut tidemark(&at("none"), at("bets.v1.jsonl"), &at("out")));
    assert!(code == 2 && said.contains("yaml"), "{code}: {said}");
}

#[test]
fn results_that_cannot_be_written_are_an_error_that_names_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    casino(1_000, 41, &events);
    let file = folder.path().join("file");
    fs::write(&file, "a file").unwrap();
    for out in [file.join("out"), PathBuf::from("/proc/tidemark/out")] {
        for workers in ["1", "2"] {
            let (code, said) = finish(tidemark(&default_programme(), &events, &out).args(["--workers", workers]));
            assert!(code == 1 && said.contains(out.to_str().unwrap()), "{code}: {said}");
        }
    }
    let (code, said) =
        finish(tidemark(&default_programme(), &events, &folder.path().join("out")).arg("--state").arg(file.join("state")));
    assert!(code == 1 && said.contains(file.to_str().unwrap()), "{code}: {said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "a file");
}

/// A file system in memory, of so many bytes. It ends with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this process may not mount.
    fn mount(at: PathBuf, bytes: &str) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mut command = Command::new("mount");
        let output = command.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).arg(&at).output();
        output.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn grow(&self, bytes: &str) {
        let output = Command::new("mount").args(["-o", &format!("remount,size={bytes}")]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).output());
    }
}

/// A run that commits often, on input that it needs a while for.
fn often(events: &Path, out: &Path, state: &Path) -> Command {
    let mut command = tidemark(&default_programme(), events, out);
    command.arg("--state").arg(state).args([
        "--commit-interval-ms",
        "2",
        "--snapshot-interval-ms",
        "10",
        "--epoch-bytes",
        "10000",
    ]);
    command
}

/// The facts that the last commit covers are there, whole.
fn what_was_committed_is_there(out: &Path, whole: &Path) {
    let progress = fs::read_to_string(out.join(".progress")).unwrap();
    let last = progress.lines().rev().find_map(|line| serde_json::from_str::<Value>(line.split_once(' ')?.1).ok());
    let last = last.expect("a commit");
    let lengths: u64 = last["lengths"].as_array().unwrap().iter().map(|length| length.as_u64().unwrap()).sum();
    let here: u64 = topics(out).values().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(here >= lengths && lengths > 0, "{here} of {lengths} bytes");
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (topic, file) in topics(whole) {
        each_line(&file, |line| known.entry(topic.clone()).or_default().push(line.to_owned()));
    }
    for (topic, file) in topics(out) {
        let text = fs::read_to_string(&file).unwrap();
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let mut wanted = known.remove(&topic).unwrap_or_default();
        wanted.sort_unstable();
        assert!(whole_lines.lines().all(|line| wanted.binary_search(&line.to_owned()).is_ok()), "{topic} holds other facts");
    }
}

fn wanted(folder: &Path) -> (PathBuf, PathBuf, Written) {
    let (events, whole) = (folder.join("events"), folder.join("whole"));
    casino(40_000, 42, &events);
    succeed(&mut tidemark(&default_programme(), &events, &whole));
    let wanted = written(&whole);
    (events, whole, wanted)
}

#[test]
fn a_full_disk_ends_a_run_that_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let (events, whole, wanted) = wanted(folder.path());
    for (small, bytes) in [("out", "4m"), ("state", "200k")] {
        let Some(disk) = SmallDisk::mount(folder.path().join(format!("disk-{small}")), bytes) else {
            println!("SKIPPED: this process may not mount; the run with a limit on files stands for it");
            return;
        };
        let place =
            |name: &str| if name == small { disk.0.join("on") } else { folder.path().join(format!("{name}-beside-{small}")) };
        let (out, state) = (place("out"), place("state"));
        let (code, said) = finish(&mut often(&events, &out, &state));
        assert!(
            code == 1 && said.contains("No space left") && (small == "state" || said.contains(disk.0.to_str().unwrap())),
            "{small}: {code}: {said}"
        );
        assert!(!out.join("summary.json").exists());
        what_was_committed_is_there(&out, &whole);
        let (code, said) = finish(&mut often(&events, &out, &state));
        assert!(code == 1 && said.contains("No space left"), "{small}, again: {code}: {said}");
        disk.grow("200m");
        succeed(&mut often(&events, &out, &state));
        assert_eq!(written(&out), wanted, "{small}");
    }
}

/// A command that a shell starts under its limits.
fn limited(limits: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limits}; exec \"$0\" \"$@\"")]).arg(command.get_program()).args(command.get_args());
    shell
}

#[test]
fn a_file_that_may_not_grow_ends_a_run_that_goes_on_when_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (events, whole, wanted) = wanted(folder.path());
    let (out, state) = (folder.path().join("out"), folder.path().join("state"));
    let command = often(&events, &out, &state);
    let (code, said) = finish(&mut limited("ulimit -f 2000", &command));
    assert!(code == 1 && said.contains("too large") && said.contains("loyalty.points-ledger.v1.jsonl"), "{code}: {said}");
    what_was_committed_is_there(&out, &whole);
    succeed(&mut often(&events, &out, &state));
    assert_eq!(written(&out), wanted);
}

/// Puts a bet of a far future, twice, into the middle of the first partition of bets.
fn add_far_future(events: &Path) {
    let file = files(events).into_iter().find(|path| path.ends_with("bets.v1/0.jsonl")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    let far = r#"{"event_id":"far","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"far","occurred_at":"2027-03-15T00:00:00Z","bet_id":"far","amount":"1","currency":"EUR"}"#;
    let again = far.replace(r#""event_id":"far""#, r#""event_id":"again""#);
    lines.insert(lines.len() / 3, far);
    lines.insert(lines.len() / 3 + 50, &again);
    fs::write(&file, lines.join("\n") + "\n").unwrap();
}

/// What follows from events, of everybody but that one player; without what their place in the chain gives them.
fn caused(out: &Path) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for topic in [
        "loyalty.tier-changes.v1",
        "loyalty.points-ledger.v1",
        "promo.grants.v1",
        "crm.triggers.v1",
        "audit.events.v1",
        "pipeline.dlq.v1",
    ] {
        for mut row in rows(out, topic) {
            if row["player_id"] == "far" || row.get("cause_event_id").is_some_and(Value::is_null) {
                continue;
            }
            row.as_object_mut().unwrap().remove("offset");
            if topic == "pipeline.dlq.v1" {
                row.as_object_mut().unwrap().remove("event_id");
            }
            found.entry(topic.to_owned()).or_default().push(row.to_string());
        }
        if let Some(rows) = found.get_mut(topic) {
            rows.sort_unstable();
        }
    }
    found
}

#[test]
fn one_event_of_a_far_future_moves_nobody_elses_clock() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    casino(20_000, 43, &at("events"));
    let run = |name: &str, until: Option<&str>, workers: &str| {
        let mut command = tidemark(&default_programme(), at("events"), &at(name));
        command.args(["--workers", workers, "--epoch-bytes", "30000"]).args(until.iter().flat_map(|until| ["--until", until]));
        succeed(&mut command);
        summary(&at(name))
    };
    let until = "2026-04-20T00:00:00Z";
    let (plain, plain_until) = (run("plain", None, "1"), run("plain-until", Some(until), "1"));
    add_far_future(&at("events"));
    for workers in ["1", "2"] {
        let far = run(&format!("far{workers}"), None, workers);
        assert_eq!(far["logical_time"], "2027-03-15T00:00:00.000Z");
        assert_eq!(far["late"], plain["late"], "nobody is late because of it");
        assert_eq!(far["applied"], plain["applied"].as_u64().unwrap() + 1);
        assert_eq!(far["duplicates"], plain["duplicates"].as_u64().unwrap() + 1);
        assert_eq!(caused(&at(&format!("far{workers}"))), caused(&at("plain")));
        let far = run(&format!("far-until{workers}"), Some(until), workers);
        assert_eq!(far["beyond_until"], plain_until["beyond_until"].as_u64().unwrap() + 2);
        for name in ["applied", "late", "duplicates", "dead_letters", "facts", "facts_digest", "logical_time"] {
            assert_eq!(far[name], plain_until[name], "{name}");
        }
    }
}

#[test]
fn more_files_than_a_shell_lets_be_open_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("events");
    fs::create_dir_all(events.join("bets.v1")).unwrap();
    for number in 0..100 {
        let bet = format!(
            r#"{{"event_id":"e{number}","event_type":"BetPlaced","source":"rgs","player_id":"p{number}","occurred_at":"2026-03-01T10:00:00Z","bet_id":"b{number}","amount":"1","currency":"EUR"}}"#
        );
        // Two records each: all files are open until the first ones end.
        fs::write(events.join(format!("bets.v1/{number}.jsonl")), format!("{bet}\n{bet}\n")).unwrap();
    }
    let out = folder.path().join("out");
    let command = tidemark(&default_programme(), &events, &out);
    succeed(&mut limited("ulimit -S -n 64", &command));
    let summary = summary(&out);
    assert_eq!((&summary["applied"], &summary["duplicates"]), (&100.into(), &100.into()));
}
