//! From the start of a process with much state to its first commit.

use std::time::{Duration, Instant};

use rdkafka::Message as _;
use tidemark::kafka::Consumer;
use tidemark::sinks::Topic;

use super::feed::{Clock, Feed, UNPACED};
use super::job::{Input, Job, Kept};
use super::process::{PATIENCE, Service};
use super::{Bench, reader};

/// Lines by which a service says how far its start is.
const LINES: [&str; 3] = ["health and metrics are at", "begins", "going on from the snapshot"];

/// Profiles leave once in ten seconds. One more wait, and none is owed when the first process is asked to end.
const PROFILES: Duration = Duration::from_secs(12);

/// Builds the state, ends, and starts again.
pub(crate) fn run(bench: &Bench) {
    let (players, bets) = (bench.arguments.number("--players", 1_000_000), bench.arguments.number("--bets", 5));
    let workers = bench.arguments.number("--workers", 2);
    println!("\n## restart: {players} players with {bets} remembered bets, {workers} workers\n");
    let input = Input::new(bench, "restart", Kept::Always);
    let settings = "[epoch]\nsnapshot_interval = \"1h\"\n[http]\nlisten = \"127.0.0.1:0\"";
    let job = Job::new(&input, "restart", &bench.programme("default", &[]), settings);
    let feed = Feed::new(bench, &input, players, UNPACED, Clock::machine());
    let sent = build(&feed, &job, workers, players * bets);
    let topics = [job.progress(), job.output(Topic::PointsLedger)];
    let consumer = reader::at_end(bench.brokers(), &topics);
    let new = feed.run(sent, bench.arguments.number("--new", 1_000), PATIENCE);
    let service = job.start(workers, &[]);
    let (commit, fact) = first(&consumer, &service, &topics);
    service.wait_until_ready();
    service.wait_until("read on", || service.metrics().of("tidemark_records_total") >= new.records as f64);
    let metrics = service.metrics();
    for words in LINES {
        if let Some((at, line)) = service.heard(words) {
            println!("after {:.2} s it said: {line}", at.as_secs_f64());
        }
    }
    println!("restored and reading after {:.2} s (tidemark_restart_seconds)", metrics.of("tidemark_restart_seconds"));
    println!("first new commit visible after {:.2} s", commit.as_secs_f64());
    println!("first fact of a new record visible after {:.2} s", fact.as_secs_f64());
    println!("resident then {:.0} MiB, {:.0} players", service.resident_mib(), metrics.of("tidemark_state_players"));
    service.terminate();
}

/// The first process: reads everything, and leaves a snapshot at its last commit. Gives how many records there are.
fn build(feed: &Feed<'_>, job: &Job<'_>, workers: u64, records: u64) -> u64 {
    let service = job.start(workers, &[]);
    service.wait_until_ready();
    let fed = feed.run(0, records, PATIENCE);
    assert_eq!(fed.records, records, "not all records could be sent in {} s", PATIENCE.as_secs());
    service.wait_until_committed(records);
    let (mib, bytes) = (service.resident_mib(), service.metrics().of("tidemark_state_bytes"));
    println!(
        "{records} records read after {:.1} s, state {:.0} MiB, resident {mib:.0} MiB",
        service.age().as_secs_f64(),
        bytes / 1_048_576.0
    );
    std::thread::sleep(PROFILES);
    service.wait_until_committed(records);
    let asked = Instant::now();
    service.terminate();
    println!("asked to end, it took {:.2} s, the snapshot included", asked.elapsed().as_secs_f64());
    records
}

/// How long after its start a service has made its first commit and its first fact visible.
fn first(consumer: &Consumer, service: &Service, [progress, ledger]: &[String; 2]) -> (Duration, Duration) {
    let (mut commit, mut fact) = (None, None);
    service.wait_until("publishing", || {
        while let Some(polled) = consumer.client().poll(Duration::from_millis(5)) {
            let Ok(record) = polled else { continue };
            if record.topic() == progress {
                commit.get_or_insert_with(|| service.age());
            } else if record.topic() == ledger {
                fact.get_or_insert_with(|| service.age());
            }
        }
        commit.is_some() && fact.is_some()
    });
    (commit.expect("it was waited for"), fact.expect("it was waited for"))
}
