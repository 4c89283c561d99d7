//! What the benchmarks of the service share: a broker, a job on it, the process that runs it, and who feeds it.

pub(crate) mod bare;
pub(crate) mod broker;
pub(crate) mod drain;
pub(crate) mod feed;
pub(crate) mod job;
pub(crate) mod killed;
pub(crate) mod latency;
pub(crate) mod process;
pub(crate) mod reader;
pub(crate) mod restart;
pub(crate) mod snapshots;
pub(crate) mod soak;
pub(crate) mod transactions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use self::broker::Broker;
use crate::measure::{self, Arguments};

/// Below this, memory is no place for the data.
const MEMORY_MIB: u64 = 8 * 1_024;

/// What every set stands on.
pub(crate) struct Bench {
    pub(crate) arguments: Arguments,
    pub(crate) broker: Broker,
    /// The program that is measured.
    pub(crate) binary: PathBuf,
    /// Everything that is written; it goes with the broker.
    pub(crate) folder: PathBuf,
}

impl Bench {
    /// Brings up a broker, or takes the one that is named.
    pub(crate) fn start(arguments: Arguments) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the broker that somebody has brought up already")]
        let named = || std::env::var("TIDEMARK_KAFKA").ok().filter(|address| !address.is_empty());
        let given = arguments.text("--kafka").map(str::to_owned).or_else(named);
        let binary = PathBuf::from(arguments.text("--binary").unwrap_or(env!("CARGO_BIN_EXE_tidemark")));
        assert!(binary.is_file(), "{} is not there; build it, or give --binary", binary.display());
        let folder = place(&arguments).join(unique("tidemark-service"));
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        let broker = Broker::start(given, &folder);
        println!("{}, Kafka at {}, data in {}", binary.display(), broker.address(), folder.display());
        Self { arguments, broker, binary, folder }
    }

    /// The brokers' address.
    pub(crate) fn brokers(&self) -> &str {
        self.broker.address()
    }

    /// A copy of the default programme with some of its text changed.
    pub(crate) fn programme(&self, name: &str, edits: &[(&str, &str)]) -> PathBuf {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("programme/programme.yaml");
        let mut text = std::fs::read_to_string(default).expect("the default programme is there");
        for (before, after) in edits {
            assert_eq!(text.matches(before).count(), 1, "{before} stands once in the default programme");
            text = text.replace(before, after);
        }
        let folder = self.folder.join(unique(name));
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        std::fs::write(folder.join("programme.yaml"), text).expect("the programme can be written");
        folder
    }
}

/// Settings of librdkafka that producers of facts get: `--librdkafka NAME=VALUE,NAME=VALUE`.
pub(crate) fn settings(arguments: &Arguments) -> BTreeMap<String, String> {
    let pairs = arguments.text("--librdkafka").unwrap_or_default();
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or_else(|| panic!("--librdkafka {text}: NAME=VALUE is due"));
        (name.to_owned(), value.to_owned())
    };
    pairs.split(',').filter(|text| !text.is_empty()).map(pair).collect()
}

/// Where the data goes: `--data`, else memory where there is enough of it, else cargo's target folder.
fn place(arguments: &Arguments) -> PathBuf {
    let memory = Path::new("/dev/shm");
    match arguments.text("--data") {
        Some(folder) => PathBuf::from(folder),
        None if memory.is_dir() && free_mib(memory) >= MEMORY_MIB => memory.to_owned(),
        None => measure::folder(arguments),
    }
}

fn free_mib(folder: &Path) -> u64 {
    let Ok(output) = Command::new("df").arg("-Pk").arg(folder).output() else { return 0 };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    free.unwrap_or(0) / 1_024
}

/// A name that no other run on the same broker uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    format!("{name}.{nanos:x}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
