//! How soon a service that was killed has caught up with what came meanwhile.

use std::time::{Duration, Instant};

use rdkafka::Message as _;
use tidemark::kafka::Consumer;

use super::feed::{Clock, Feed};
use super::job::{Input, Job, Kept};
use super::process::Service;
use super::{Bench, reader};

/// What comes in so long may wait where the backlog is gone: metrics are renewed once a second.
const GONE_SECONDS: f64 = 1.0;
/// How long it may take to catch up.
const LIMIT: Duration = Duration::from_secs(120);

/// Kills a service under load, starts it again at once, and waits until nothing is behind.
pub(crate) fn run(bench: &Bench) {
    let (rate, seconds) = (bench.arguments.number("--rate", 150_000), bench.arguments.number("--seconds", 25));
    println!("\n## killed: {rate} events/s, a snapshot every 10 s, killed after {seconds} s\n");
    for _ in 0..bench.arguments.number("--runs", 2) {
        one(bench, rate, seconds);
    }
}

fn one(bench: &Bench, rate: u64, seconds: u64) {
    let workers = bench.arguments.number("--workers", 2);
    let input = Input::new(bench, "killed", Kept::Always);
    let settings = "[epoch]\nsnapshot_interval = \"10s\"\n[http]\nlisten = \"127.0.0.1:0\"";
    let job = Job::new(&input, "killed", &bench.programme("default", &[]), settings);
    let service = job.start(workers, &[]);
    service.wait_until_ready();
    let feed = Feed::new(bench, &input, bench.arguments.number("--players", 100_000), rate as f64, Clock::machine());
    std::thread::scope(|scope| {
        let fed = std::thread::Builder::new()
            .name("feed".to_owned())
            .spawn_scoped(scope, || feed.run(0, u64::MAX, Duration::from_secs(seconds) + LIMIT))
            .expect("a thread can be had");
        std::thread::sleep(Duration::from_secs(seconds));
        feed.must_serve(&service);
        let before = service.metrics().of("tidemark_backlog_records");
        let consumer = reader::at_end(bench.brokers(), &[job.progress()]);
        service.kill();
        let (killed, at_ms) = (Instant::now(), now_ms());
        let next = job.start(workers, &[]);
        first(&consumer, &next, at_ms);
        let down = killed.elapsed().as_secs_f64();
        let restored = next.heard("going on from the snapshot").map_or(f64::NAN, |(at, _)| at.as_secs_f64());
        let committed = Instant::now();
        next.wait_until("caught up", || {
            let behind = next.metrics().of("tidemark_source_lag_durable_records");
            (0.0..rate as f64 * GONE_SECONDS).contains(&behind)
        });
        let caught_up = committed.elapsed().as_secs_f64();
        feed.stop();
        let held = fed.join().expect("no thread fails").rate();
        println!(
            "{held:.0} events/s, {before:.0} waiting when it was killed; restored after {restored:.2} s, first new commit {down:.2} s after \
             the kill, backlog gone {caught_up:.2} s after that: {:.2} times the down time, target 2",
            caught_up / down
        );
        next.terminate();
    });
}

/// Waits for a progress record that the new process has written: what the killed one had decided may still come.
fn first(consumer: &Consumer, service: &Service, since_ms: i64) {
    service.wait_until("publishing", || {
        while let Some(polled) = consumer.client().poll(Duration::from_millis(5)) {
            let written = polled.ok().and_then(|record| record.timestamp().to_millis());
            if written.is_some_and(|at| at > since_ms) {
                return true;
            }
        }
        false
    });
}

fn now_ms() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().expect("it is later than 1970");
    i64::try_from(since.as_millis()).expect("it fits")
}
