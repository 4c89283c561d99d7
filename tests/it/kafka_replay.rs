//! From a real Kafka the same facts as from files of the same records, laid out per partition.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::producer::BaseRecord;
use tidemark::kafka;
use tidemark::sources::casino::Casino;

use crate::broker::Broker;
use crate::results::{default_programme, finish, succeed, summary, tidemark, written};

const CASINO: Casino = Casino {
    players: 300,
    events: 30_000,
    seed: 31,
    days: 75,
    partitions: 3,
    start_ms: tidemark::sources::casino::DEFAULT_START_MS,
    shape: tidemark::sources::casino::Shape::Realistic,
};

/// Puts every record where its file has it: topic, partition, and its line as offset.
fn produce(brokers: &str) -> Vec<String> {
    let partitions = CASINO.partitions();
    let mut topics: Vec<(&str, u32)> = Vec::new();
    for (topic, number) in &partitions {
        match topics.iter_mut().find(|(name, _)| name == topic) {
            Some((_, count)) => *count = (*count).max(number + 1),
            None => topics.push((topic, number + 1)),
        }
    }
    kafka::create_topics(brokers, &topics).unwrap();
    let producer = kafka::producer(brokers).unwrap();
    let (mut records, mut line, mut key) = (CASINO.records(), Vec::new(), Vec::new());
    while let Some(at) = records.next(&mut line) {
        records.key(&mut key);
        let (topic, partition) = &partitions[at];
        let record = BaseRecord::to(topic).partition(partition.cast_signed()).key(&key[..]).payload(&line[..]);
        kafka::send(&producer, record).unwrap();
    }
    kafka::finish(&producer).unwrap();
    topics.iter().map(|(name, _)| (*name).to_owned()).collect()
}

fn run(events: &str, out: &Path, workers: u32) -> Command {
    let mut command = tidemark(&default_programme(), events, out);
    command.args(["--workers", &workers.to_string(), "--epoch-bytes", "20000"]);
    command
}

fn resumed(events: &str, folder: &Path, workers: u32) -> Command {
    let mut command = run(events, &folder.join("out-killed"), workers);
    command.arg("--state").arg(folder.join("state")).args(["--snapshot-interval-ms", "20", "--commit-interval-ms", "3"]);
    command
}

/// Kills a run twice as soon as it has something to lose.
fn kill(events: &str, folder: &Path) {
    let out = folder.join("out-killed");
    let mut kills = 0;
    for workers in [1, 2] {
        let commits = || std::fs::read(out.join(".progress")).map_or(0, |bytes| bytes.len());
        let before = commits();
        let mut child = resumed(events, folder, workers).spawn().unwrap();
        let since = std::time::Instant::now();
        while commits() < before + 12_000 && child.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not go on");
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    println!("{kills} kills came before the end");
    assert!(kills > 0, "the run was over before it was killed");
}

/// A bet at the end of each partition of bets, in one more partition too.
fn go_on(brokers: &str) {
    let admin = kafka::admin(&brokers.into()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(admin.create_partitions(&[NewPartitions::new("bets.v1", 4)], &AdminOptions::new())).unwrap();
    let producer = kafka::producer(brokers).unwrap();
    for partition in 0..4 {
        let bet = format!(
            r#"{{"event_id":"later-{partition}","event_type":"BetPlaced","source":"rgs","player_id":"later","occurred_at":"2026-03-01T10:00:00Z","bet_id":"later-{partition}","amount":"1","currency":"EUR"}}"#
        );
        let record = BaseRecord::to("bets.v1").partition(partition).key(&b"default:later"[..]).payload(bet.as_bytes());
        kafka::send(&producer, record).unwrap();
    }
    kafka::finish(&producer).unwrap();
}

fn events_in(out: &Path) -> u64 {
    summary(out)["events_in"].as_u64().unwrap()
}

#[test]
fn kafka_gives_the_same_facts_as_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    CASINO.write(&files).unwrap();
    let whole = folder.path().join("whole");
    succeed(&mut tidemark(&default_programme(), &files, &whole));
    let wanted = written(&whole);
    let broker = Broker::start();
    let topics = produce(broker.address());
    let events = format!("kafka://{}/{}", broker.address(), topics.join(","));
    for workers in [1, 2] {
        let out = folder.path().join(format!("out{workers}"));
        succeed(&mut run(&events, &out, workers));
        assert_eq!(written(&out), wanted, "{workers} workers");
    }
    kill(&events, folder.path());
    // What comes later belongs to no run that began before.
    go_on(broker.address());
    let out = folder.path().join("out-killed");
    for _ in ["resumed", "again, once it is complete"] {
        succeed(&mut resumed(&events, folder.path(), 2));
        assert_eq!(written(&out), wanted, "killed and resumed");
    }
    let then = events_in(&out);
    // Without its results it begins anew, with what is there now.
    std::fs::remove_dir_all(&out).unwrap();
    succeed(&mut resumed(&events, folder.path(), 2));
    assert_eq!(events_in(&out), then + 4);
    let one_less = topics.iter().filter(|topic| *topic != "bets.v1").cloned().collect::<Vec<_>>().join(",");
    let (code, said) = finish(&mut resumed(&format!("kafka://{}/{one_less}", broker.address()), folder.path(), 2));
    assert!(code == 78 && said.contains("--events"), "{code}: {said}");
}
