//! The service as an operator lives with it: a rulebook that changes, what is missing or wrong, how it ends, and what
//! it says of itself.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminOptions;
use rdkafka::producer::BaseRecord;
use serde_json::{Value, json};
use tidemark::kafka;
use tidemark::sources::casino::Casino;

use super::rig::{Rig, casino, digest, replayed, signal, sums, within};
use crate::auditor::hex_sha256;
use crate::broker::shared;
use crate::results::{Chance, default_programme, files, rows, wait};

/// A drain that takes a second or two: small epochs, few under way.
pub(super) const EVENTS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"\n\
                      [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"150ms\"\n\
                      bytes = 32768\nin_flight = 8";

/// More than half a day passes in a second.
pub(super) const WALL: &str = "[clock]\nmode = \"wall\"\nspeed = 50000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"\n\
                    [epoch]\ninterval = \"20ms\"\ncommit_interval = \"200ms\"\nsnapshot_interval = \"1s\"\n\
                    profile_interval = \"1s\"";

/// Asks the service to end; gives its exit code, and how long that took.
pub(super) fn terminate(service: Child) -> (Option<i32>, Duration) {
    let since = Instant::now();
    signal(&service, "-TERM");
    (wait(service).status.code(), since.elapsed())
}

/// What makes revision 2 out of the default programme.
const EDITS: [(&str, &str); 4] = [
    ("revision: 1 #", "revision: 2 #"),
    ("effective_from: 2026-01-01T00:00:00Z", "effective_from: 2026-01-01T00:00:01Z"),
    ("per_unit: \"1\"", "per_unit: \"2\""),
    ("entry: \"10000\"\n      maintain: \"1000\"", "entry: \"10\"\n      maintain: \"1\""),
];

/// What that changes, in the order of the audit: the key, before, after.
const CHANGES: [(&str, &str, &str); 3] =
    [("points.per_unit", "1", "2"), ("tiers.levels.Silver.entry", "10000", "10"), ("tiers.levels.Silver.maintain", "1000", "1")];

/// Publishes revision 2, which was to be in force since the first second.
fn publish(rig: &Rig) {
    let mut body = fs::read_to_string(default_programme().join("programme.yaml")).unwrap();
    for (before, after) in EDITS {
        assert_eq!(body.matches(before).count(), 1, "{before}");
        body = body.replace(before, after);
    }
    let event = json!({
        "event_id": "publication-2", "event_type": "ProgrammePublished", "source": "backoffice",
        "id": "default", "revision": 2, "effective_from": "2026-01-01T00:00:01Z",
        "sha256": hex_sha256(body.as_bytes()), "body": body, "author": "u7", "role": "loyalty_admin",
    });
    let (topic, text) = (format!("{}config.v1", rig.prefix), event.to_string());
    let producer = kafka::producer(rig.brokers.as_str()).unwrap();
    kafka::send(&producer, BaseRecord::to(&topic).key(&b"default:2"[..]).payload(text.as_bytes())).unwrap();
    kafka::finish(&producer).unwrap();
}

#[test]
fn a_rulebook_that_is_published_while_it_runs_is_in_force_from_one_instant_on() {
    let casino = Casino { days: 4, ..casino(30_000, 71) };
    let mut rig = Rig::new(shared(), "rulebook", &casino, WALL);
    rig.also_reads("config.v1", WALL);
    let mut chance = Chance::new("kill -9 after a publication", 72);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 2);
    std::thread::scope(|scope| {
        scope.spawn(|| rig.produce(&casino, Some(Duration::from_millis(500))));
        std::thread::sleep(Duration::from_secs(3));
        publish(&rig);
        std::thread::sleep(Duration::from_millis(50 + chance.below(1_200)));
        assert!(service.try_wait().unwrap().is_none(), "it ended by itself: {}", rig.said());
        service.kill().unwrap();
        service.wait().unwrap();
        service = rig.start(3, &[]);
    });
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(terminate(service).0, Some(0), "{}", rig.said());
    let summary = rig.drain(1);
    assert_eq!(summary["events_in"], 30_001);
    let known = "revision 2 of the programme \"default\" is known with epoch ";
    assert!(rig.said().contains(known), "nobody was told that it is in force: {}", rig.said());

    let mut published = rig.published();
    let out = rig.folder.path().join("published");
    let audits: Vec<Value> =
        rows(&out, "audit.events.v1").into_iter().filter(|row| row["action"] == "ProgrammePublished").collect();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let keys: Vec<_> = audits.iter().map(|row| (text(row, "target"), text(row, "before"), text(row, "after"))).collect();
    let changed = CHANGES.map(|(key, before, after)| (key.to_owned(), before.to_owned(), after.to_owned()));
    assert_eq!(keys, changed, "one audit for each key, once");
    let instant = text(&audits[0], "occurred_at");
    assert!(instant.as_str() > "2026-01-01T00:00:01.000Z", "it came into force before it was known: {instant}");
    for row in &audits {
        assert_eq!([&row["occurred_at"], &row["as_of"]], [&json!(instant); 2], "{row}");
        assert_eq!([&row["brand_id"], &row["actor"], &row["role"]], ["*", "u7", "loyalty_admin"], "{row}");
        assert_eq!([&row["config_version"], &row["cause_event_id"]], [&json!(2), &Value::Null], "{row}");
    }

    let changes: Vec<Value> =
        rows(&out, "loyalty.tier-changes.v1").into_iter().filter(|row| row["reason"] == "config_change").collect();
    assert!(changes.len() > 10, "hardly anybody was judged again: {}", changes.len());
    for row in &changes {
        assert_eq!([&row["occurred_at"], &row["as_of"]], [&json!(instant); 2], "{row}");
        assert_eq!([&row["config_version"], &row["step"]], [&json!(2), &json!(1)], "{row}");
        assert_eq!([&row["from"], &row["to"]], ["Bronze", "Silver"], "{row}");
    }
    let judged: BTreeSet<_> = changes.iter().map(|row| (text(row, "brand_id"), text(row, "player_id"))).collect();
    assert_eq!(judged.len(), changes.len(), "somebody was judged twice");

    let (mut earlier, mut later) = (0, 0);
    for topic in ["audit.events.v1", "crm.triggers.v1", "loyalty.points-ledger.v1", "loyalty.tier-changes.v1", "promo.grants.v1"]
    {
        for row in rows(&out, topic).iter().filter(|row| row["as_of"] != instant.as_str()) {
            let before = text(row, "as_of") < instant;
            assert_eq!(row["config_version"], if before { 1 } else { 2 }, "in force from {instant}: {row}");
            *(if before { &mut earlier } else { &mut later }) += 1;
        }
    }
    assert!(earlier > 100 && later > 100, "{earlier} facts before {instant} and {later} after it");

    let again = rig.folder.path().join("again");
    let again_summary = rig.replay_bindings(&again);
    let mut rebuilt = sums(&again);
    // Profiles leave by and by in the service.
    published.remove("crm.player-profile.v1");
    rebuilt.remove("crm.player-profile.v1");
    assert_eq!(published, rebuilt);
    assert_eq!(digest(&again_summary), summary["facts_digest"]);
    assert_eq!(rig.verified()["facts_digest"], summary["facts_digest"]);
}

/// Deletes a topic and waits until it is gone.
pub(super) fn delete(brokers: &str, topic: &str) {
    let admin = kafka::admin(&brokers.into()).unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for outcome in runtime.block_on(admin.delete_topics(&[topic], &options)).unwrap() {
        outcome.unwrap();
    }
    let is_there = || {
        let known = admin.inner().fetch_metadata(None, Duration::from_secs(10)).unwrap();
        known.topics().iter().any(|each| each.name() == topic)
    };
    assert!(within(Duration::from_secs(20), || !is_there()), "topic {topic} cannot be deleted");
}

#[test]
fn without_a_topic_of_facts_nothing_begins_and_it_says_what_makes_it() {
    let casino = casino(4_000, 73);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "missing", &casino, EVENTS);
    rig.produce(&casino, None);
    let missing = format!("{}crm.triggers.v1", rig.prefix);
    delete(&rig.brokers, &missing);
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{}", rig.said());
    let said = rig.said();
    assert!(said.contains(&missing) && said.contains("tidemark topics create"), "{said}");
    assert!(!said.contains("points-ledger"), "it names topics that are there: {said}");
    assert_eq!(rig.journal(), Vec::<PathBuf>::new(), "something is bound");
    rig.command(&["topics", "create"]);
    assert_eq!(rig.drain(2)["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_everything_that_is_wrong() {
    let rig = Rig::new(shared(), "refused", &casino(100, 74), EVENTS);
    assert_eq!(rig.ended(rig.start(1, &[])).status.code(), Some(78), "{}", rig.said());
    let said = rig.said();
    assert!(said.contains("--drain") && said.contains("events"), "{said}");
    rig.configure("[clock]\nmode = \"sundial\"\n[http]\nlisten = \"nowhere\"\n[epoch]\nintervall = \"50ms\"");
    assert_eq!(rig.ended(rig.start(1, &["--drain"])).status.code(), Some(78), "{}", rig.said());
    let said = rig.said().split_off(said.len());
    assert!(said.contains("3 problems"), "{said}");
    let text = fs::read_to_string(rig.config()).unwrap();
    for word in ["sundial", "nowhere", "intervall"] {
        let line = text.lines().position(|line| line.contains(word)).unwrap() + 1;
        let place = format!("{}:{line}:", rig.config().display());
        assert!(said.lines().any(|line| line.contains(&place) && line.contains(word)), "{place} {word}: {said}");
    }
    assert_eq!(rig.journal(), Vec::<PathBuf>::new(), "something is bound");
}

#[test]
fn a_job_goes_on_with_the_shards_that_it_began_with_and_no_others() {
    let casino = casino(8_000, 75);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "shards", &casino, EVENTS);
    rig.produce(&casino, None);
    let summary = rig.drain(2);
    let usual = fs::read_to_string(rig.config()).unwrap();
    let six = usual.replace("workers = 2\n", "workers = 2\nshards = 6\n");
    assert_ne!(six, usual);
    fs::write(rig.config(), &six).unwrap();
    let records = rig.journal();
    // Its progress topic tells.
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(78), "{}", rig.said());
    assert!(rig.said().contains("has 12 partitions and the job has 6 shards"), "{}", rig.said());
    // And where that is another one, the journal does.
    let elsewhere = six.replace("\"\ntransaction_timeout", "elsewhere.\"\ntransaction_timeout");
    assert_ne!(elsewhere, six);
    fs::write(rig.config(), elsewhere).unwrap();
    rig.command(&["topics", "create"]);
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(78), "{}", rig.said());
    assert!(rig.said().contains("[job] shards is 6 and the job began with 12"), "{}", rig.said());
    assert_eq!(rig.journal(), records, "something was bound");
    fs::write(rig.config(), usual).unwrap();
    assert_eq!(rig.drain(1), summary);
    assert_eq!(rig.published(), wanted.lines);
}

/// Does something while the service stands still: it sees what was before and what is after, and nothing between.
fn meanwhile(service: &Child, change: impl FnOnce()) {
    signal(service, "-STOP");
    std::thread::sleep(Duration::from_millis(30));
    change();
    signal(service, "-CONT");
}

#[test]
fn a_store_that_cannot_be_reached_for_a_while_loses_nothing() {
    let casino = casino(40_000, 76);
    let wanted = replayed(&casino);
    // First the journal alone is missed, and told of after ten seconds; then snapshots are, too.
    for (snapshots, seconds) in [("1h", 14), ("150ms", 2)] {
        let settings = EVENTS.replace("snapshot_interval = \"150ms\"", &format!("snapshot_interval = \"{snapshots}\""));
        let rig = Rig::new(shared(), "unreachable", &casino, &settings);
        rig.produce(&casino, None);
        let mut service = rig.start(2, &["--drain"]);
        rig.wait_for_records(&mut service, 8);
        let (store, away) = (rig.folder.path().join("store"), rig.folder.path().join("away"));
        meanwhile(&service, || {
            fs::rename(&store, &away).unwrap();
            // Root may write anywhere, but not below a file.
            fs::write(&store, "").unwrap();
        });
        let told = within(Duration::from_secs(seconds), || rig.said().contains("waiting for the store"));
        meanwhile(&service, || {
            fs::remove_file(&store).unwrap();
            fs::rename(&away, &store).unwrap();
        });
        let code = rig.ended(service).status.code();
        let said = rig.said();
        match snapshots {
            "1h" => assert_eq!((told, code), (true, Some(0)), "{said}"),
            _ => assert!(code == Some(0) || (code == Some(1) && said.contains("cannot write")), "{code:?}: {said}"),
        }
        assert_eq!(rig.drain(3)["facts_digest"], digest(&wanted.summary), "snapshots every {snapshots}");
        assert_eq!(rig.published(), wanted.lines, "snapshots every {snapshots}");
        assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary), "snapshots every {snapshots}");
    }
}

#[test]
fn a_store_that_is_gone_is_not_made_anew() {
    let casino = casino(40_000, 77);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "gone", &casino, EVENTS);
    rig.produce(&casino, None);
    let mut service = rig.start(2, &["--drain"]);
    rig.wait_for_records(&mut service, 8);
    let (store, away) = (rig.folder.path().join("store"), rig.folder.path().join("away"));
    // As when a volume is unmounted.
    meanwhile(&service, || fs::rename(&store, &away).unwrap());
    std::thread::sleep(Duration::from_secs(2));
    let made = files(&store);
    if !made.is_empty() {
        service.kill().unwrap();
        service.wait().unwrap();
        panic!("a second store was begun where the first had been: {made:?}");
    }
    meanwhile(&service, || fs::rename(&away, &store).unwrap());
    let code = rig.ended(service).status.code();
    assert!(code == Some(0) || (code == Some(1) && rig.said().contains("cannot write")), "{code:?}: {}", rig.said());
    assert_eq!(rig.drain(3)["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
}

/// The last epoch that the journal binds; its last record must be a binding.
fn last_bound(rig: &Rig) -> u64 {
    let line = fs::read_to_string(rig.journal().last().unwrap()).unwrap();
    let (_, record) = line.split_once(' ').unwrap();
    let record: Value = serde_json::from_str(record).unwrap();
    record["body"]["binding"].as_array().unwrap().last().unwrap()["epoch"].as_u64().unwrap()
}

#[test]
fn a_service_that_was_asked_to_end_goes_on_from_its_last_commit_and_reads_nothing_again() {
    let casino = casino(20_000, 78);
    // No snapshot but the one at the end.
    let settings = WALL.replace("snapshot_interval = \"1s\"", "snapshot_interval = \"1h\"");
    let rig = Rig::new(shared(), "asked", &casino, &settings);
    rig.produce(&casino, None);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 4);
    let (code, took) = terminate(service);
    assert_eq!(code, Some(0), "{}", rig.said());
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    assert!(rig.said().contains("a snapshot at the last commit is written"), "{}", rig.said());
    let last = last_bound(&rig);
    let manifest = rig.store().join(format!("snapshots/{last:020}/manifest.json"));
    assert!(manifest.is_file(), "{} is not there", manifest.display());

    let (before, records) = (rig.said().len(), rig.journal().len());
    let mut service = rig.start(3, &[]);
    // Its own, and the first of its bindings.
    rig.wait_for_records(&mut service, records + 2);
    let (code, took) = terminate(service);
    assert_eq!(code, Some(0), "{}", rig.said());
    assert!(took < Duration::from_secs(10), "it took {took:?} to end");
    let said = rig.said().split_off(before);
    assert!(said.contains(&format!("going on from the snapshot after epoch {last}\n")), "{said}");
    assert!(!said.contains("read again"), "{said}");
    assert_eq!(rig.drain(1)["events_in"], 20_000);
    rig.verified();
}

#[test]
fn a_journal_that_is_not_whole_is_refused_and_nothing_is_published() {
    let casino = casino(20_000, 79);
    let rig = Rig::new(shared(), "torn", &casino, EVENTS);
    rig.produce(&casino, None);
    let summary = rig.drain(2);
    let (published, records) = (rig.published(), rig.journal());
    assert!(records.len() >= 6, "too few records to take one from the middle: {records:?}");
    let object = &records[records.len() / 2];
    let number: u64 = object.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let whole = fs::read(object).unwrap();
    for how in ["deleted", "changed"] {
        if how == "deleted" {
            fs::remove_file(object).unwrap();
        } else {
            let mut changed = whole.clone();
            changed[whole.len() / 2] ^= 1;
            fs::write(object, changed).unwrap();
        }
        let before = rig.said().len();
        assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{how}: {}", rig.said());
        let said = rig.said().split_off(before);
        assert!(said.contains("journal/records/") && said.contains(&format!("record {number} is ")), "{how}: {said}");
        assert_eq!(rig.journal().last(), records.last(), "{how}: something was bound");
        fs::write(object, &whole).unwrap();
    }
    // Whole again, it is as good as before.
    assert_eq!(rig.drain(1), summary);
    // Where its end is lost, what was published lies beyond it.
    let records = rig.journal();
    let binds = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("{\"binding\":");
    let last = records.iter().rposition(binds).unwrap();
    for object in &records[last..] {
        fs::remove_file(object).unwrap();
    }
    let before = rig.said().len();
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{}", rig.said());
    let said = rig.said().split_off(before);
    let topic = format!("topic {}tidemark.", rig.prefix);
    let named = said.contains(&topic) && said.contains(".progress.v1, partition ");
    assert!(named && said.contains("the journal ends with epoch"), "{said}");
    assert!(!rig.journal().iter().skip(last).any(binds), "something was bound");
    assert_eq!(rig.published(), published);
}

/// Status and body of an answer.
pub(super) fn ask(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: tidemark\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Where a service that says so answers.
pub(super) fn listens_at(said: &str) -> String {
    let (_, address) = said.split_once("health and metrics are at http://").unwrap();
    address.split('/').next().unwrap().to_owned()
}

#[test]
fn while_it_runs_it_answers_whether_it_lives_and_is_ready_and_what_it_measures() {
    let casino = casino(10_000, 80);
    let rig = Rig::new(shared(), "http", &casino, &WALL.replace("listen = \"\"", "listen = \"127.0.0.1:0\""));
    rig.produce(&casino, None);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 2);
    let address = listens_at(&rig.said());
    let live = ask(&address, "/health/live");
    let accrued = || {
        let (status, text) = ask(&address, "/metrics");
        let value = text.lines().find_map(|line| line.strip_prefix("points_accrued_total ")?.parse::<f64>().ok());
        (status, value.unwrap_or(-1.0))
    };
    let ready = within(Duration::from_secs(20), || ask(&address, "/health/ready").0 == 200);
    let counted = within(Duration::from_secs(20), || accrued().1 > 0.0);
    let (metrics, readiness) = (accrued(), ask(&address, "/health/ready"));
    assert_eq!(terminate(service).0, Some(0), "{}", rig.said());
    assert_eq!(live.0, 200, "{}", live.1);
    assert!(live.1.contains("\"live\":true") && live.1.contains("\"workers\":2"), "{}", live.1);
    assert!(ready, "it does not become ready: {readiness:?}");
    assert!(counted && metrics.0 == 200, "points_accrued_total is {}", metrics.1);
    assert!(TcpStream::connect(&address).is_err(), "somebody answers who has ended");
}
