//! The walk of records from files to facts in files, with decode-only beside it as the yardstick.
//!
//! `cargo bench --bench walk -- --set all`; see `README.md` beside this file.

#![allow(clippy::shadow_unrelated, clippy::large_stack_frames, clippy::let_underscore_must_use, reason = "a bench may be short")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a benchmark may end where it stands")]

mod measure;

use std::path::{Path, PathBuf};
use std::time::Instant;

use measure::{Arguments, Figures, input, median, span};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records a second of the paced runs.
const PACE: u64 = 300_000;

/// One kind of run.
struct Kind {
    name: String,
    arguments: Vec<String>,
    /// The kind whose rate this one's is compared with, by its place.
    yardstick: Option<usize>,
    taken: Vec<Figures>,
}

/// Kinds that take turns.
struct Contest {
    kinds: Vec<Kind>,
    out: PathBuf,
}

fn main() {
    let start = Instant::now();
    let arguments = Arguments::of_this_process();
    if arguments.is_one_run() {
        return one_run(&arguments, start);
    }
    let folder = measure::folder(&arguments);
    let events = arguments.number("--events", 5_000_000);
    let runs = arguments.number("--runs", 3);
    let sets = arguments.text("--set").unwrap_or("base");
    let wanted = |set: &str| sets == "all" || sets.split(',').any(|each| each == set);
    measure::print_machine();
    if wanted("base") {
        base(&folder, events).run("the whole job beside decode-only", runs);
    }
    if wanted("players") {
        players(&folder, events).run("few and many players", runs);
    }
    if wanted("whale") {
        whale(&folder, events).run("one whale with 30 % of all events", runs);
    }
    if wanted("state") {
        state(&folder, arguments.number("--state-events", 16_000_000)).run("snapshots every 10 s at 300,000 events/s", runs);
    }
}

fn one_run(arguments: &Arguments, start: Instant) {
    let figures = match arguments.text("--decode-only") {
        Some(input) => {
            let threads = usize::try_from(arguments.number("--threads", 1)).expect("few threads");
            let records = measure::yardstick::decode_only(&input::files(Path::new(input)), threads);
            Figures::since(start, records, "-".to_owned())
        }
        None => measure::job::run(arguments, start),
    };
    figures.tell();
    // The process's end gives the memory back at once; nobody measures that.
    std::process::exit(0);
}

fn base(folder: &Path, events: u64) -> Contest {
    let input = input::casino(folder, events, 100_000);
    let mut contest = Contest::new(folder);
    for threads in [1, 2] {
        contest.decode(&input, threads);
    }
    for workers in [1, 2] {
        contest.job(&format!("job, {workers} worker(s)"), &input, workers, Some(workers - 1), &[]);
    }
    for workers in [1, 2] {
        let name = format!("job, {workers} worker(s), no ledger topic");
        contest.job(&name, &input, workers, Some(workers - 1), &["--without-ledger-topic"]);
    }
    contest
}

fn players(folder: &Path, events: u64) -> Contest {
    let mut contest = Contest::new(folder);
    for workers in [1, 2] {
        let first = contest.kinds.len();
        for players in [1_000, 100_000, 1_000_000] {
            let input = input::casino(folder, events, players);
            let yardstick = (players > 1_000).then_some(first);
            contest.job(&format!("{players} players, {workers} worker(s)"), &input, workers, yardstick, &[]);
        }
    }
    contest
}

fn whale(folder: &Path, events: u64) -> Contest {
    let (even, whale) = (input::casino(folder, events, 100_000), input::whale(folder, events));
    let mut contest = Contest::new(folder);
    for workers in [1, 2] {
        let first = contest.kinds.len();
        contest.job(&format!("no whale, {workers} worker(s)"), &even, workers, None, &[]);
        contest.job(&format!("a whale, {workers} worker(s)"), &whale, workers, Some(first), &[]);
    }
    contest
}

/// Paced, so that as many records lie between snapshots as in a service; what counts is processor time.
fn state(folder: &Path, events: u64) -> Contest {
    let input = input::casino(folder, events, 100_000);
    let mut contest = Contest::new(folder);
    let pace = PACE.to_string();
    let state = folder.join(format!("state-{}", std::process::id())).display().to_string();
    contest.job("paced, no --state", &input, 2, None, &["--records-per-second", &pace]);
    let more = ["--records-per-second", &pace, "--snapshot-ms", "10000", "--state", &state];
    contest.job("paced, --state", &input, 2, Some(0), &more);
    contest
}

impl Contest {
    fn new(folder: &Path) -> Self {
        let memory = Path::new("/dev/shm");
        let name = format!("tidemark-bench-{}", std::process::id());
        let out = if memory.is_dir() { memory.join(name) } else { folder.join(name) };
        Self { kinds: Vec::new(), out }
    }

    fn decode(&mut self, input: &Path, threads: usize) {
        let arguments = ["--decode-only", &input.display().to_string(), "--threads", &threads.to_string()];
        self.add(format!("decode-only, {threads} thread(s)"), None, &arguments);
    }

    fn job(&mut self, name: &str, input: &Path, workers: usize, yardstick: Option<usize>, more: &[&str]) {
        let (input, out) = (input.display().to_string(), self.out.display().to_string());
        let workers = workers.to_string();
        let arguments = [&["--events", &input, "--out", &out, "--workers", &workers], more].concat();
        self.add(name.to_owned(), yardstick, &arguments);
    }

    fn add(&mut self, name: String, yardstick: Option<usize>, arguments: &[&str]) {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.kinds.push(Kind { name, arguments, yardstick, taken: Vec::new() });
    }

    /// Lets the kinds take turns, and prints what they took.
    fn run(mut self, title: &str, runs: u64) {
        println!("\n## {title}\n");
        if let Some(first) = self.kinds.first().filter(|kind| kind.arguments.iter().any(|each| each == "--decode-only")) {
            // Once uncounted, so that the files are in memory for everybody.
            measure::replay_alone(&first.arguments);
        }
        for round in 1..=runs {
            for kind in &mut self.kinds {
                let load = measure::load();
                let figures = measure::replay_alone(&kind.arguments);
                println!("round {round}, load {load}: {}: {:.0} records/s, {:.2} cpu s", kind.name, figures.rate(), figures.cpu);
                kind.taken.push(figures);
                if self.out.exists() {
                    std::fs::remove_dir_all(&self.out).expect("the results can be removed");
                }
                if let Some(at) = kind.arguments.iter().position(|each| each == "--state") {
                    std::fs::remove_dir_all(&kind.arguments[at + 1]).expect("the state can be removed");
                }
            }
        }
        self.print();
    }

    fn print(&self) {
        println!(
            "\n| | records/s: median (least to most) | cpu s per million | peak MiB | rate to yardstick | cpu to yardstick |"
        );
        println!("|---|---|---|---|---|---|");
        for kind in &self.kinds {
            let (least, most) = span(kind.taken.iter().map(Figures::rate));
            let (of_rate, of_cpu) = kind.yardstick.map_or_else(Default::default, |yardstick| {
                let beside = &self.kinds[yardstick];
                // Of the same round each: they stood next to each other in time.
                let ratio = |of: fn(&Figures) -> f64| {
                    median(kind.taken.iter().zip(&beside.taken).map(|(own, other)| of(own) / of(other)))
                };
                (format!("{:.2}", ratio(Figures::rate)), format!("{:.2}", ratio(Figures::cpu_per_million)))
            });
            println!(
                "| {} | {:.0} ({least:.0} to {most:.0}) | {:.3} | {:.0} | {of_rate} | {of_cpu} |",
                kind.name,
                median(kind.taken.iter().map(Figures::rate)),
                median(kind.taken.iter().map(Figures::cpu_per_million)),
                median(kind.taken.iter().map(|figures| figures.peak_mib)),
            );
        }
        self.check_digests();
    }

    /// The same input gives the same facts, whatever the number of workers.
    fn check_digests(&self) {
        for kind in &self.kinds {
            let input = kind.arguments.get(1);
            let ledger = |kind: &Kind| kind.arguments.iter().any(|each| each == "--without-ledger-topic");
            let same = self.kinds.iter().filter(|other| other.arguments.get(1) == input && ledger(other) == ledger(kind));
            let digests = same.flat_map(|other| &other.taken).map(|figures| &figures.digest).filter(|digest| *digest != "-");
            for digest in digests {
                let own = kind.taken.first().map_or("-", |figures| figures.digest.as_str());
                assert!(own == "-" || own == digest, "{} computed something else", kind.name);
            }
        }
    }
}
