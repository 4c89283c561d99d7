//! What the benchmarks share: arguments, a run in a process of its own, and what it took.
//!
//! Every measured run is a new process of the same binary, so that its processor time and its peak of
//! memory are its own. Runs of different kinds take turns, so that the machine's noise meets all of them.
#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod input;
pub(crate) mod job;
pub(crate) mod player;
pub(crate) mod yardstick;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use tidemark::cli::memory;

/// The first argument of a process that does one measured run and says what it took.
pub(crate) const ONE_RUN: &str = "one-run";

/// Ticks of the kernel's clock per second, in which `/proc` counts; the same on every Linux that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// What stood on the command line: `--name value` pairs, and switches without a value.
#[derive(Debug)]
pub(crate) struct Arguments(Vec<String>);

impl Arguments {
    /// Those of this process, without the `--bench` that cargo adds.
    pub(crate) fn of_this_process() -> Self {
        Self(std::env::args().skip(1).filter(|argument| argument != "--bench").collect())
    }

    /// Whether this process is to do one measured run only.
    pub(crate) fn is_one_run(&self) -> bool {
        self.0.first().is_some_and(|first| first == ONE_RUN)
    }

    /// Whether a switch is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|argument| argument == name)
    }

    /// The text behind a name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|argument| argument == name)?;
        Some(self.0.get(at + 1).unwrap_or_else(|| panic!("{name} needs a value")))
    }

    /// The number behind a name, or `otherwise`.
    pub(crate) fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.text(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} {text} is not a number")))
    }
}

/// What a run took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Records read.
    pub(crate) records: u64,
    /// Seconds on the wall.
    pub(crate) wall: f64,
    /// Seconds of processor time, of all threads, the kernel's part included.
    pub(crate) cpu: f64,
    /// The most memory it had, in MiB.
    pub(crate) peak_mib: f64,
    /// What it computed, so that runs can be compared.
    pub(crate) digest: String,
}

impl Figures {
    /// What this process has taken since `start`.
    pub(crate) fn since(start: Instant, records: u64, digest: String) -> Self {
        Self { records, wall: start.elapsed().as_secs_f64(), cpu: cpu_seconds(), peak_mib: peak_mib(), digest }
    }

    /// Records a second.
    pub(crate) fn rate(&self) -> f64 {
        self.records as f64 / self.wall
    }

    /// Processor seconds for a million records.
    pub(crate) fn cpu_per_million(&self) -> f64 {
        self.cpu * 1e6 / self.records as f64
    }

    /// Prints it for the process that started this one.
    pub(crate) fn tell(&self) {
        println!("took {} {} {} {} {}", self.records, self.wall, self.cpu, self.peak_mib, self.digest);
    }

    fn told(text: &str) -> Option<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("took "))?;
        let words: Vec<&str> = line.split(' ').collect();
        let [records, wall, cpu, peak_mib, digest] = words.as_slice() else { return None };
        Some(Self {
            records: records.parse().ok()?,
            wall: wall.parse().ok()?,
            cpu: cpu.parse().ok()?,
            peak_mib: peak_mib.parse().ok()?,
            digest: (*digest).to_owned(),
        })
    }
}

/// One replay in a process of its own, its allocator set as `tidemark replay` sets it.
pub(crate) fn replay_alone(arguments: &[String]) -> Figures {
    told_by(again(arguments).envs(memory::REPLAY.iter().copied()), arguments)
}

/// One run of this binary in a process of its own.
pub(crate) fn run_alone(arguments: &[String]) -> Figures {
    told_by(&mut again(arguments), arguments)
}

fn told_by(command: &mut Command, arguments: &[String]) -> Figures {
    let output = command.stderr(Stdio::inherit()).output().expect("this binary can be started again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Figures::told(&text).unwrap_or_else(|| panic!("{arguments:?} failed: {}", text.trim()))
}

/// This binary once more, for one run.
pub(crate) fn again(arguments: &[String]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary has a path"));
    command.arg(ONE_RUN).args(arguments);
    command
}

/// Processor seconds of this process so far.
pub(crate) fn cpu_seconds() -> f64 {
    cpu_seconds_of("self")
}

/// Processor seconds of a process so far; one that has ended counts until somebody has waited for it.
pub(crate) fn cpu_seconds_of(process: &str) -> f64 {
    // The first field behind the name is field 3.
    let text = stat(process);
    let fields: Vec<&str> = text.split(' ').collect();
    let ticks = |field: usize| fields.get(field - 3).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(14) + ticks(15)) / TICKS_PER_SECOND
}

/// The letter of a process's state, `Z` where it has ended and nobody has waited for it; none where it is gone.
pub(crate) fn state_of(process: &str) -> Option<char> {
    stat(process).chars().next()
}

/// What `/proc/…/stat` says behind the name in brackets, which may hold blanks.
fn stat(process: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    text.rsplit_once(") ").map_or_else(String::new, |(_, behind)| behind.to_owned())
}

/// The most memory this process has had.
pub(crate) fn peak_mib() -> f64 {
    status_of("self", "VmHWM:") / 1024.0
}

/// The memory this process has now, in bytes.
pub(crate) fn resident_bytes() -> f64 {
    status_of("self", "VmRSS:") * 1024.0
}

/// A line of `/proc/…/status`: a number, or KiB; 0 where there is none.
pub(crate) fn status_of(process: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0.0)
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// The least and the greatest.
pub(crate) fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// The folder for inputs and results: `--dir`, or one in cargo's target folder.
pub(crate) fn folder(arguments: &Arguments) -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().map(|target| target.join("bench-input"));
    let folder = arguments.text("--dir").map(PathBuf::from).or_else(default).expect("cargo's target folder has a parent");
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// Says what the machine is and how busy it is: without that a figure means little.
pub(crate) fn print_machine() {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    println!("{cores} cores ({}), load {}", model.map_or("unknown", |(_, name)| name), load());
}

/// The load of the last minute.
pub(crate) fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").ok().and_then(|text| text.split(' ').next().map(str::to_owned)).unwrap_or_default()
}
