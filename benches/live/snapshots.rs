//! What snapshots cost a service that has work to do.

use std::time::{Duration, Instant};

use super::Bench;
use super::feed::{Clock, Fed, Feed};
use super::job::{Input, Job, Kept};
use super::process::Service;
use crate::measure::median;

/// One run: what it took, and what waited meanwhile.
struct Taken {
    cpu_us: f64,
    /// Records that waited, once a second.
    backlog: Vec<f64>,
    fed: Fed,
    snapshots: f64,
}

/// A snapshot every ten seconds, and none, taking turns.
pub(crate) fn run(bench: &Bench) {
    let (rate, seconds) = (bench.arguments.number("--rate", 150_000), bench.arguments.number("--seconds", 60));
    println!("\n## snapshots: {rate} events/s for {seconds} s\n");
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..bench.arguments.number("--runs", 2) {
        with.push(one(bench, "10s", rate, seconds));
        without.push(one(bench, "1h", rate, seconds));
    }
    let cost = |(each, beside): (&Taken, &Taken)| each.cpu_us / beside.cpu_us;
    println!("\na snapshot every 10 s costs {:.1} % cpu an event", (median(with.iter().zip(&without).map(cost)) - 1.0) * 100.0);
}

fn one(bench: &Bench, interval: &str, rate: u64, seconds: u64) -> Taken {
    let input = Input::new(bench, "snapshots", Kept::Always);
    let settings = format!("[epoch]\nsnapshot_interval = \"{interval}\"\n[http]\nlisten = \"127.0.0.1:0\"");
    let job = Job::new(&input, "snapshots", &bench.programme("default", &[]), &settings);
    let service = job.start(bench.arguments.number("--workers", 2), &[]);
    service.wait_until_ready();
    let players = bench.arguments.number("--players", 100_000);
    let feed = Feed::new(bench, &input, players, rate as f64, Clock::machine());
    let before = service.cpu_seconds();
    let (fed, backlog) = beside(&feed, &service, seconds);
    service.wait_until_committed(fed.records);
    let cpu_us = (service.cpu_seconds() - before) * 1e6 / fed.records as f64;
    let snapshots = service.metrics().of("tidemark_snapshot_seconds_count").max(0.0);
    service.terminate();
    let taken = Taken { cpu_us, backlog, fed, snapshots };
    taken.print(interval, rate);
    taken
}

/// Feeds and looks once a second at how many records wait.
fn beside(feed: &Feed<'_>, service: &Service, seconds: u64) -> (Fed, Vec<f64>) {
    let limit = Duration::from_secs(seconds);
    std::thread::scope(|scope| {
        let fed = std::thread::Builder::new().name("feed".to_owned()).spawn_scoped(scope, || feed.run(0, u64::MAX, limit));
        let (begun, mut backlog) = (Instant::now(), Vec::new());
        while begun.elapsed() < limit {
            std::thread::sleep(Duration::from_secs(1));
            feed.must_serve(service);
            backlog.push(service.metrics().of("tidemark_backlog_records"));
        }
        (fed.expect("a thread can be had").join().expect("no thread fails"), backlog)
    })
}

impl Taken {
    fn print(&self, interval: &str, rate: u64) {
        let most = self.backlog.iter().copied().fold(0.0, f64::max);
        let last = self.backlog.last().copied().unwrap_or(f64::NAN);
        let flat = if last < rate as f64 { "flat" } else { "NOT flat: it is more than comes in a second" };
        println!(
            "snapshot_interval {interval}: {:.0} events/s held, {:.2} cpu us an event, {:.0} snapshots",
            self.fed.rate(),
            self.cpu_us,
            self.snapshots
        );
        println!("snapshot_interval {interval}: backlog at most {most:.0} records, at the end {last:.0}: {flat}");
    }
}
