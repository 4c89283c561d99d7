//! Runs in which nothing dies: the facts are those of a replay, in both clock modes.

use std::process::Command;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::consumer::Consumer as _;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use rdkafka::{Offset, TopicPartitionList};
use tidemark::kafka;

use super::rig::{Rig, casino, digest, replayed, signal, sums, within};
use super::running::delete;
use crate::broker::shared;
use crate::results::{files, succeed};

const EVENTS: &str = "[clock]\nmode = \"events\"\n[http]\nlisten = \"\"";

#[test]
fn a_drain_in_mode_events_gives_the_facts_of_a_replay() {
    let casino = casino(40_000, 61);
    let wanted = replayed(&casino);
    let rig = Rig::new(shared(), "drain", &casino, EVENTS);
    rig.produce(&casino, None);
    let summary = rig.drain(3);
    assert_eq!(summary["facts_digest"], digest(&wanted.summary));
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
    rig.records_are_what_their_schemas_say();
    succeed(Command::new(env!("CARGO_BIN_EXE_tidemark")).args(["snapshot", "inspect"]).arg(rig.store()));
    // Nothing is left: nothing is bound, nothing published.
    assert_eq!(rig.drain(1), summary);
    assert!(rig.said().contains("nothing was bound or published"), "{}", rig.said());
    assert_eq!(rig.published(), wanted.lines);
}

#[test]
fn a_service_on_the_wall_clock_gives_the_facts_of_a_replay_of_its_bindings() {
    let casino = casino(30_000, 62);
    // Days in seconds, from where the casino begins: its timers fire while it runs.
    let wall = "[clock]\nmode = \"wall\"\nspeed = 100000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"\n\
                [epoch]\nsnapshot_interval = \"1s\"\nprofile_interval = \"1s\"";
    let rig = Rig::new(shared(), "wall", &casino, wall);
    let service = rig.start(2, &[]);
    rig.produce(&casino, Some(Duration::from_millis(300)));
    std::thread::sleep(Duration::from_secs(2));
    terminate(service, &rig);
    // Once more, with another number of workers, and then to the end.
    let service = rig.start(1, &[]);
    std::thread::sleep(Duration::from_secs(2));
    terminate(service, &rig);
    let summary = rig.drain(3);
    assert_eq!(summary["events_in"], 30_000);
    let out = rig.folder.path().join("bound");
    let summary_again = rig.replay_bindings(&out);
    let again: serde_json::Value = serde_json::from_str(&summary_again).unwrap();
    assert_eq!(again["facts_digest"], summary["facts_digest"]);
    let (mut published, mut wanted) = (rig.published(), sums(&out));
    // Profiles leave by and by in the service.
    published.remove("crm.player-profile.v1");
    wanted.remove("crm.player-profile.v1");
    assert_eq!(published, wanted);
    assert_eq!(rig.verified()["facts_digest"], summary["facts_digest"]);
    rig.records_are_what_their_schemas_say();
}

fn terminate(service: std::process::Child, rig: &Rig) {
    signal(&service, "-TERM");
    let output = rig.ended(service);
    assert_eq!(output.status.code(), Some(0), "{}", rig.said());
    assert!(rig.said().contains("a snapshot at the last commit is written"), "{}", rig.said());
}

#[test]
fn a_partition_that_is_added_while_it_runs_is_taken_in_by_the_next_binding() {
    let casino = casino(6_000, 68);
    let wall = "[clock]\nmode = \"wall\"\nspeed = 100000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"";
    let rig = Rig::new(shared(), "grown", &casino, wall);
    rig.produce(&casino, None);
    let service = rig.start(2, &[]);
    std::thread::sleep(Duration::from_secs(1));
    let topic = format!("{}bets.v1", rig.prefix);
    let admin = kafka::admin(&rig.brokers.as_str().into()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(admin.create_partitions(&[NewPartitions::new(&topic, 4)], &AdminOptions::new())).unwrap();
    let bet = r#"{"event_id":"late-1","event_type":"BetPlaced","source":"wallet","player_id":"new","occurred_at":"2026-02-01T00:00:00Z","bet_id":"b-1","amount":"1.00","currency":"EUR"}"#;
    let producer = kafka::producer(rig.brokers.as_str()).unwrap();
    let record = BaseRecord::to(&topic).partition(3).key(b"default:new".as_slice()).payload(bet.as_bytes());
    let taken_in = format!("topic {topic}, partition 3 is read from its first offset, 0");
    assert!(within(Duration::from_secs(30), || rig.said().contains(&taken_in)), "{}", rig.said());
    kafka::send(&producer, record).unwrap();
    kafka::finish(&producer).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    terminate(service, &rig);
    let summary = rig.drain(1);
    assert_eq!(summary["events_in"], 6_001);
    assert_eq!(rig.verified()["facts_digest"], summary["facts_digest"]);
}

#[test]
fn a_job_that_is_drained_half_way_has_each_players_last_profile_in_its_digest() {
    let (half, casino) = (casino(6_000, 69), casino(12_000, 69));
    let rig = Rig::new(shared(), "half", &casino, EVENTS);
    rig.produce(&half, None);
    let first = rig.drain(2);
    rig.produce(&casino, None);
    let second = rig.drain(1);
    assert_eq!(second["events_in"], 18_000);
    assert_ne!(first["facts_digest"], second["facts_digest"]);
    // The newest snapshots gone: what was bound is read again, and nothing new is bound or published.
    let lines = rig.published();
    let records = rig.journal().len();
    for object in files(&rig.store().join("snapshots")).iter().rev().take(2) {
        std::fs::remove_file(object).unwrap();
    }
    assert_eq!(rig.drain(3), second);
    assert_eq!(rig.published(), lines);
    assert_eq!(rig.journal().len(), records + 1, "more than the start was written down");
    assert_eq!(rig.verified()["facts_digest"], second["facts_digest"]);
    let replayed: serde_json::Value = serde_json::from_str(&rig.replay_bindings(&rig.folder.path().join("bound"))).unwrap();
    assert_eq!(replayed["facts_digest"], second["facts_digest"]);
    assert_eq!(replayed["profiles"], second["profiles"]);
}

/// Writes the first record of a partition once more, with its headers, as somebody by hand would.
fn double(rig: &Rig, topic: &str, partition: i32) {
    let topic = format!("{}{topic}", rig.prefix);
    let consumer = kafka::consumer(rig.brokers.as_str()).unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, partition, Offset::Beginning).unwrap();
    consumer.client().assign(&list).unwrap();
    let mut found = None;
    assert!(within(Duration::from_secs(20), || {
        found = consumer.client().poll(Duration::from_millis(100)).and_then(Result::ok).map(|record| record.detach());
        found.is_some()
    }));
    let record = found.unwrap();
    let headers = record
        .headers()
        .unwrap()
        .iter()
        .fold(OwnedHeaders::new(), |headers, Header { key, value }| headers.insert(Header { key, value }));
    let producer = kafka::producer(rig.brokers.as_str()).unwrap();
    let again = BaseRecord::to(&topic).partition(partition).key(record.key().unwrap()).payload(record.payload().unwrap());
    kafka::send(&producer, again.headers(headers)).unwrap();
    kafka::finish(&producer).unwrap();
}

#[test]
fn verify_names_the_topics_that_hold_too_much_or_too_little() {
    let casino = casino(12_000, 70);
    let rig = Rig::new(shared(), "verified", &casino, EVENTS);
    rig.produce(&casino, None);
    rig.drain(2);
    rig.verified();
    let wrong = |rig: &Rig| -> Vec<String> {
        let (code, found) = rig.verify();
        assert_eq!(code, 70, "{found}");
        found["wrong"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    };
    double(&rig, "loyalty.points-ledger.v1", 3);
    let found = wrong(&rig);
    let [order, commit] = found.as_slice() else { panic!("{found:?}") };
    let (said, topics) = commit.split_once(": some are there more than once; ").unwrap();
    assert!(said.starts_with("shard ") && said.contains(": its progress record says "), "{commit}");
    let (held, due) = topics.strip_prefix("loyalty.points-ledger.v1 holds ").unwrap().split_once(" of ").unwrap();
    assert_eq!(held.parse::<u64>().unwrap(), due.parse::<u64>().unwrap() + 1, "{commit}");
    assert!(order.contains("loyalty.points-ledger.v1, partition 3, offset ") && order.ends_with("is out of order"), "{order}");

    let triggers = rig.published_count("crm.triggers.v1");
    delete(&rig.brokers, &format!("{}crm.triggers.v1", rig.prefix));
    rig.command(&["topics", "create"]);
    let found = wrong(&rig);
    let lost = found.iter().filter_map(|line| line.split_once("; crm.triggers.v1 holds 0 of ")).map(|(_, due)| due);
    let sum: u64 = lost.map(|due| due.split(';').next().unwrap().parse::<u64>().unwrap()).sum();
    assert!(triggers > 10 && sum == triggers, "{triggers} were there: {found:?}");
}
