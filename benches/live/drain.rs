//! The bare loop of the client, and beside it the service that drains the same input.

use tidemark::sinks::Topic;
use tidemark::sources::casino::Casino;

use super::job::{Input, Job, Kept, PARTITIONS, make, remove};
use super::process::Service;
use super::{Bench, unique};
use crate::measure::{self, Figures, median};

/// Of the bare loop's records a second.
const RATE_TARGET: f64 = 0.80;
/// Times the bare loop's processor time.
const CPU_TARGET: f64 = 1.4;

/// What one run took, the broker's share beside it.
pub(crate) struct Taken {
    figures: Figures,
    /// Processor seconds of the broker.
    broker: f64,
}

impl Taken {
    /// Records a second.
    pub(crate) fn rate(&self) -> f64 {
        self.figures.rate()
    }

    /// Processor seconds for a million records.
    pub(crate) fn cpu(&self) -> f64 {
        self.figures.cpu_per_million()
    }

    /// Processor seconds of the broker.
    pub(crate) const fn brokers(&self) -> f64 {
        self.broker
    }
}

/// Lets both take turns, or runs the one that is asked for.
pub(crate) fn run(bench: &Bench, bare: bool, drain: bool) {
    let events = bench.arguments.number("--events", 3_000_000);
    let players = u32::try_from(bench.arguments.number("--players", 100_000)).expect("not so many players");
    println!("\n## {events} records of {players} players, Kafka to Kafka, a commit every 500 ms\n");
    let input = Input::new(bench, "bench", Kept::Always);
    input.fill(&Casino { events, players, ..Casino::benchmark() });
    let (mut bares, mut drains) = (Vec::new(), Vec::new());
    for _ in 0..bench.arguments.number("--runs", 2) {
        if bare {
            bares.push(measured(bench, "bare", events, || bare_once(bench, &input)));
        }
        if drain {
            drains.push(measured(bench, "drain", events, || {
                once(bench, &input, |job, workers| job.start(workers, &["--drain", "--json"]))
            }));
        }
    }
    must_agree(drains.iter());
    if bare && drain {
        compare(&bares, &drains);
    }
}

/// Fails where not all runs gave the same facts.
pub(crate) fn must_agree<'t>(mut runs: impl Iterator<Item = &'t Taken>) {
    let first = runs.next();
    let same = runs.all(|each| Some(&each.figures.digest) == first.map(|first| &first.figures.digest));
    assert!(same, "the same input gave other facts");
}

/// What a run took that reads all events.
pub(crate) fn measured(bench: &Bench, name: &str, events: u64, once: impl FnOnce() -> Figures) -> Taken {
    let before = bench.broker.cpu_seconds();
    let figures = once();
    let broker = bench.broker.cpu_seconds() - before;
    assert_eq!(figures.records, events, "{name} has not read everything");
    println!(
        "{name}: {:.1} s, {:.0} records/s, {:.2} cpu us a record, broker {:.2} cpu us a record, peak {:.0} MiB",
        figures.wall,
        figures.rate(),
        figures.cpu_per_million(),
        broker * 1e6 / events as f64,
        figures.peak_mib,
    );
    Taken { figures, broker }
}

fn bare_once(bench: &Bench, input: &Input<'_>) -> Figures {
    let output = unique("bare");
    make(bench, &output, PARTITIONS, &[("retention.ms", "-1")]);
    let number = |name: &str, otherwise| bench.arguments.number(name, otherwise).to_string();
    let (topic, threads, body) = (input.topic(), number("--threads", 2), number("--body", 432));
    let mut arguments = vec!["--brokers", bench.brokers(), "--input", &topic, "--output", &output];
    arguments.extend(["--threads", threads.as_str(), "--body", body.as_str()]);
    if let Some(settings) = bench.arguments.text("--librdkafka") {
        arguments.extend(["--librdkafka", settings]);
    }
    arguments.extend(["--own-partition", "--consumers-apart"].into_iter().filter(|name| bench.arguments.has(name)));
    let figures = measure::run_alone(&arguments.into_iter().map(str::to_owned).collect::<Vec<_>>());
    remove(bench, std::slice::from_ref(&output));
    figures
}

/// One drain of an input, by a service that `start` starts with so many workers.
pub(crate) fn once(bench: &Bench, input: &Input<'_>, start: impl FnOnce(&Job<'_>, u64) -> Service) -> Figures {
    let settings = "[clock]\nmode = \"events\"\n[epoch]\ncommit_interval = \"500ms\"\n[http]\nlisten = \"\"";
    let job = Job::new(input, "drain", &bench.programme("default", &[]), settings);
    let ended = start(&job, bench.arguments.number("--workers", 2)).ended();
    let summary: serde_json::Value = serde_json::from_str(&ended.output).expect("a summary");
    let facts = &summary["facts"][Topic::PointsLedger.name()];
    println!("drain: {} dead letters, {facts} postings", summary["dead_letters"]);
    let digest = summary["facts_digest"].as_str().unwrap_or("-").to_owned();
    let records = summary["events_in"].as_u64().unwrap_or(0);
    Figures { records, wall: ended.wall, cpu: ended.cpu, peak_mib: ended.peak_mib, digest }
}

fn compare(bares: &[Taken], drains: &[Taken]) {
    // Of the same round each: they stood next to each other in time.
    let ratio = |of: fn(&Taken) -> f64| median(drains.iter().zip(bares).map(|(drain, bare)| of(drain) / of(bare)));
    println!("\ndrain to bare, medians of {} rounds:", drains.len());
    println!("records/s: {:.0} %, target {:.0} %", ratio(Taken::rate) * 100.0, RATE_TARGET * 100.0);
    println!("cpu a record: {:.2} x, target {CPU_TARGET} x", ratio(Taken::cpu));
    println!("broker's cpu a record: {:.2} x", ratio(Taken::brokers));
}
