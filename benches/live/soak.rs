//! A service that runs for long, for which days pass in seconds: does anything grow that should not.

use std::time::{Duration, Instant};

use super::Bench;
use super::feed::{Clock, Feed};
use super::job::{Input, Job, Kept};
use super::process::Service;

/// Where its time begins.
const START: (&str, i64) = ("2026-01-01T00:00:00Z", 1_767_225_600_000);
/// Growth begins to count after this, or after a third of a short run.
const WARM: Duration = Duration::from_secs(5 * 60);
/// How much more memory than before is growth.
const MORE_MEMORY: f64 = 1.05;
/// How many more threads or files than before are growth.
const MORE_OF_THEM: f64 = 1.0;

/// One look at the service.
struct Sample {
    at: f64,
    resident: f64,
    state: f64,
    threads: f64,
    files: f64,
    backlog: f64,
    records: f64,
}

/// Feeds, looks, and says what grew.
pub(crate) fn run(bench: &Bench) {
    let number = |name: &str, otherwise| bench.arguments.number(name, otherwise);
    let (minutes, rate) = (number("--minutes", 30), number("--rate", 50_000));
    let (day, every) = (number("--day-seconds", 4), Duration::from_secs(number("--sample-seconds", 10)));
    let speed = u32::try_from(86_400 / day.max(1)).expect("a day has few seconds");
    let players = number("--players", 20_000);
    println!("\n## soak: {rate} events/s of {players} players for {minutes} minutes, a day in {day} s\n");
    let input = Input::new(bench, "soak", Kept::Bounded);
    // A bet that takes a second through Kafka is hours old by this clock.
    let delay = format!("ordering_delay: {speed}s");
    let programme = bench.programme("soak", &[("ordering_delay: 1s", &delay), ("future_tolerance: 5m", "future_tolerance: 1h")]);
    let settings = format!(
        "[clock]\nmode = \"wall\"\nspeed = {speed}\nstart = \"{}\"\n[epoch]\nprofile_interval = \"24h\"\n\
         [http]\nlisten = \"127.0.0.1:0\"",
        START.0
    );
    let job = Job::new(&input, "soak", &programme, &settings);
    let service = job.start(number("--workers", 2), &[]);
    service.wait_until_ready();
    let feed = Feed::new(bench, &input, players, rate as f64, Clock::fast(START.1, speed));
    let length = Duration::from_secs(minutes * 60);
    let (samples, sent) = std::thread::scope(|scope| {
        let run = || feed.run(0, u64::MAX, length);
        let fed = std::thread::Builder::new().name("feed".to_owned()).spawn_scoped(scope, run);
        let samples = watch(&feed, &service, every, length);
        (samples, fed.expect("a thread can be had").join().expect("no thread fails"))
    });
    service.wait_until_committed(sent.records);
    let late = service.metrics().of("tidemark_late_records_total").max(0.0);
    println!("\n{:.0} events/s held, {} in all, {late:.0} flagged late", sent.rate(), sent.records);
    judge(&samples, length);
    let asked = Instant::now();
    service.terminate();
    println!("asked to end, it took {:.2} s", asked.elapsed().as_secs_f64());
}

/// Looks at the service from time to time, and prints what it sees.
fn watch(feed: &Feed<'_>, service: &Service, every: Duration, length: Duration) -> Vec<Sample> {
    println!("| s | resident MiB | state MiB | resident - state MiB | threads | files | backlog | records read |");
    println!("|---|---|---|---|---|---|---|---|");
    let (begun, mut samples) = (Instant::now(), Vec::new());
    while begun.elapsed() + every <= length {
        std::thread::sleep(every);
        feed.must_serve(service);
        let metrics = service.metrics();
        let sample = Sample {
            at: begun.elapsed().as_secs_f64(),
            resident: service.resident_mib(),
            state: metrics.of("tidemark_state_bytes").max(0.0) / 1_048_576.0,
            threads: service.threads(),
            files: service.files(),
            backlog: metrics.of("tidemark_backlog_records"),
            records: metrics.of("tidemark_records_total"),
        };
        println!(
            "| {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            sample.at,
            sample.resident,
            sample.state,
            sample.beside_state(),
            sample.threads,
            sample.files,
            sample.backlog,
            sample.records
        );
        samples.push(sample);
    }
    samples
}

impl Sample {
    /// Memory that is not the players'.
    fn beside_state(&self) -> f64 {
        self.resident - self.state
    }
}

/// What is looked at: its name, how it is read, how it is shown, and by how much it may grow.
type Row = (&'static str, fn(&Sample) -> f64, f64, f64);

/// Compares the first third of what counts with the last one.
fn judge(samples: &[Sample], length: Duration) {
    let warm = WARM.min(length / 3).as_secs_f64();
    let counted: Vec<&Sample> = samples.iter().filter(|sample| sample.at >= warm).collect();
    let third = counted.len() / 3;
    if third == 0 {
        println!("too few samples to say what grew");
        return;
    }
    let (first, last) = (&counted[..third], &counted[counted.len() - third..]);
    let mean = |of: fn(&Sample) -> f64, among: &[&Sample]| among.iter().map(|each| of(each)).sum::<f64>() / third as f64;
    println!("after {warm:.0} s, means of the first and of the last {third} samples:");
    let rows: [Row; 5] = [
        ("resident MiB", |each| each.resident, MORE_MEMORY, 0.0),
        ("state MiB", |each| each.state, MORE_MEMORY, 0.0),
        ("resident - state MiB", Sample::beside_state, MORE_MEMORY, 0.0),
        ("threads", |each| each.threads, 1.0, MORE_OF_THEM),
        ("files", |each| each.files, 1.0, MORE_OF_THEM),
    ];
    for (name, of, times, more) in rows {
        let (before, after) = (mean(of, first), mean(of, last));
        let grew = if after > before * times + more { "GREW" } else { "did not grow" };
        println!("{name}: {before:.1}, then {after:.1}: {grew}");
    }
}
