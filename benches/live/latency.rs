//! How long it takes from when a bet is handed to Kafka until a reader of what is committed sees its posting.

use std::time::{Duration, Instant};

use rdkafka::Message as _;
use tidemark::kafka::Consumer;
use tidemark::sinks::Topic;

use super::feed::{Clock, Feed, Stamps};
use super::job::{Input, Job, Kept};
use super::{Bench, reader};

/// Seconds at the beginning that do not count.
const WARM: u64 = 10;
/// How long facts are waited for after the last bet.
const TAIL: Duration = Duration::from_secs(5);

/// With no ordering delay, which shows what the machinery takes, and with that of the default programme.
pub(crate) fn run(bench: &Bench) {
    let (rate, seconds) = (bench.arguments.number("--rate", 20_000), bench.arguments.number("--seconds", 40));
    assert!(seconds > WARM, "--seconds {seconds}: the first {WARM} s do not count");
    println!("\n## latency: {rate} events/s for {seconds} s, commit_interval 100 ms, epoch interval 10 ms\n");
    let none = bench.programme("no-delay", &[("ordering_delay: 1s", "ordering_delay: 0s")]);
    let default = bench.programme("default", &[]);
    for (name, programme) in [("ordering_delay 0s", none), ("ordering_delay 1s (default)", default)] {
        let settings = "[epoch]\ninterval = \"10ms\"\ncommit_interval = \"100ms\"\n[http]\nlisten = \"127.0.0.1:0\"";
        let input = Input::new(bench, "latency", Kept::Always);
        let job = Job::new(&input, "latency", &programme, settings);
        one(bench, name, &input, &job, (rate, seconds));
    }
}

fn one(bench: &Bench, name: &str, input: &Input<'_>, job: &Job<'_>, (rate, seconds): (u64, u64)) {
    let consumer = reader::at_end(bench.brokers(), &[job.output(Topic::PointsLedger)]);
    let service = job.start(bench.arguments.number("--workers", 2), &[]);
    service.wait_until_ready();
    let stamps = Stamps::new(usize::try_from(rate * seconds).expect("it fits"));
    let players = bench.arguments.number("--players", 100_000);
    let feed = Feed::new(bench, input, players, rate as f64, Clock::machine()).noting(&stamps);
    let length = Duration::from_secs(seconds);
    let (fed, seen) = std::thread::scope(|scope| {
        let run = || follow(&consumer, &stamps, length + TAIL);
        let follower = std::thread::Builder::new().name("follow".to_owned()).spawn_scoped(scope, run);
        let fed = feed.run(0, rate * seconds, length);
        (fed, follower.expect("a thread can be had").join().expect("no thread fails"))
    });
    service.must_run();
    let metrics = service.metrics();
    let (late, backlog) = (metrics.of("tidemark_late_records_total").max(0.0), metrics.of("tidemark_backlog_records"));
    let (took, commits) = (metrics.of("tidemark_commit_seconds_sum"), metrics.of("tidemark_commit_seconds_count"));
    println!("{name}: {commits:.0} commits of {:.0} ms on average", took / commits * 1e3);
    service.terminate();
    let warm = WARM * 1_000_000;
    if bench.arguments.has("--timeline") {
        timeline(&seen, seconds);
    }
    let mut counted: Vec<u64> = seen.iter().filter(|(at, _)| *at > warm).map(|(_, passed)| *passed).collect();
    counted.sort_unstable();
    let missing = stamps.left().filter(|at| *at > warm).count();
    println!("{name}: {:.0} events/s held, {} facts after the first {WARM} s, {missing} not seen", fed.rate(), counted.len());
    println!("{name}: {late:.0} records flagged late, backlog at the end {backlog:.0} records");
    let at = |share: f64| counted.get((counted.len().saturating_sub(1) as f64 * share) as usize).map_or(f64::NAN, |us| ms(*us));
    println!(
        "{name}: produce to visible: p50 {:.0} ms, p90 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
}

/// The median and the longest of each second.
fn timeline(seen: &[(u64, u64)], seconds: u64) {
    for second in 0..seconds {
        let within = seen.iter().filter(|(at, _)| at / 1_000_000 == second);
        let mut passed: Vec<u64> = within.map(|(_, passed)| *passed).collect();
        passed.sort_unstable();
        if let (Some(median), Some(longest)) = (passed.get(passed.len() / 2), passed.last()) {
            println!("second {second}: p50 {:.0} ms, max {:.0} ms", ms(*median), ms(*longest));
        }
    }
}

fn ms(us: u64) -> f64 {
    us as f64 / 1e3
}

/// Notes for each bet when it was handed over, and how long later its posting was there, in microseconds.
fn follow(consumer: &Consumer, stamps: &Stamps, length: Duration) -> Vec<(u64, u64)> {
    let (begun, mut seen) = (Instant::now(), Vec::new());
    while begun.elapsed() < length {
        if let Some(Ok(record)) = consumer.client().poll(Duration::from_millis(20))
            && let Some(number) = record.payload().and_then(cause)
        {
            seen.extend(stamps.take(number));
        }
    }
    seen
}

/// The number of the bet that a fact follows from.
fn cause(fact: &[u8]) -> Option<u64> {
    let (_, behind) = std::str::from_utf8(fact).ok()?.split_once("\"cause_event_id\":\"e-")?;
    behind.split('"').next()?.parse().ok()
}
