//! What a run leaves behind, and how to start one: for the tests that compare runs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tidemark::runtime::replay::{Options, Quiet, Summary, Watcher, replay};
use tidemark::sources::casino::Casino;
use xxhash_rust::xxh3::xxh3_128;

/// The topics of facts.
pub(crate) const OUTPUTS: [&str; 7] = [
    "loyalty.tier-changes.v1",
    "loyalty.points-ledger.v1",
    "promo.grants.v1",
    "crm.triggers.v1",
    "crm.player-profile.v1",
    "audit.events.v1",
    "pipeline.dlq.v1",
];

/// The topics whose facts have no `seq`.
pub(crate) const UNNUMBERED: [&str; 2] = ["crm.player-profile.v1", "pipeline.dlq.v1"];

/// The default programme.
pub(crate) fn default_programme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programme")
}

/// Writes a realistic casino into a folder.
pub(crate) fn casino(events: u64, seed: u64, folder: &Path) {
    Casino { players: 300, events, seed, days: 75, partitions: 3, ..Casino::default() }.write(folder).unwrap();
}

/// Options of a run in this process.
pub(crate) fn options(programmes: &[PathBuf], events: &Path, out: &Path) -> Options {
    Options::new(programmes.to_vec(), events.display().to_string(), out.to_owned())
}

/// Runs in this process.
pub(crate) fn run(options: &Options) -> Summary {
    let watcher: Arc<dyn Watcher> = Arc::new(Quiet);
    replay(options, &watcher).unwrap_or_else(|failure| panic!("{failure}"))
}

/// The binary, about to replay; nothing is read and everything it says is kept.
pub(crate) fn tidemark(programme: &Path, events: impl AsRef<OsStr>, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidemark"));
    command.arg("replay").arg("--programme").arg(programme).arg("--events").arg(events).arg("--out").arg(out);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that takes longer than this has stopped for ever.
const LIMIT: Duration = Duration::from_secs(180);

/// Waits until a process has ended. What it says must fit into a pipe.
pub(crate) fn wait(mut child: Child) -> Output {
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if since.elapsed() > LIMIT {
            child.kill().unwrap();
            let said = child.wait_with_output().unwrap().stderr;
            panic!("it does not end: {}", String::from_utf8_lossy(&said));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

/// Runs a command to its end; gives its exit code and what it said on standard error.
pub(crate) fn finish(command: &mut Command) -> (i32, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let Output { status, stderr, .. } = wait(child);
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&stderr).into_owned())
}

/// Runs a command that must succeed.
pub(crate) fn succeed(command: &mut Command) {
    let (code, said) = finish(command);
    assert_eq!(code, 0, "{command:?} said: {said}");
}

/// A run's results: its summary, and of each topic how many lines there are and the sum of their hashes.
#[derive(PartialEq, Eq, Clone, Debug)]
pub(crate) struct Written {
    /// `summary.json`, byte by byte.
    pub(crate) summary: String,
    /// The multiset of lines of each topic.
    pub(crate) lines: BTreeMap<String, (u64, u128)>,
}

/// Reads the results in a folder; the facts of each player must be in order there.
pub(crate) fn written(out: &Path) -> Written {
    let summary = fs::read_to_string(out.join("summary.json")).unwrap();
    let lines = topics(out).into_iter().map(|(topic, path)| {
        let mut sum = (0_u64, 0_u128);
        each_line(&path, |line| {
            sum.0 += 1;
            sum.1 = sum.1.wrapping_add(xxh3_128(line.as_bytes()));
        });
        (topic, sum)
    });
    let found = Written { summary, lines: lines.collect() };
    numbers_have_no_gaps(out);
    found
}

/// The summary of a run, parsed.
pub(crate) fn summary(out: &Path) -> Value {
    serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap()
}

/// The topics that a folder of results has files of.
pub(crate) fn topics(out: &Path) -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().path());
    let topic = |path: &Path| Some(path.file_name()?.to_str()?.strip_suffix(".jsonl")?.to_owned());
    entries.filter_map(|path| topic(&path).map(|name| (name, path))).collect()
}

/// Calls `see` with each line of a file.
pub(crate) fn each_line(path: &Path, mut see: impl FnMut(&str)) {
    for line in BufReader::new(fs::File::open(path).unwrap()).lines() {
        see(&line.unwrap());
    }
}

/// All lines of a topic, parsed.
pub(crate) fn rows(out: &Path, topic: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    each_line(&out.join(format!("{topic}.jsonl")), |line| rows.push(serde_json::from_str(line).unwrap()));
    rows
}

/// What a fact says of whose it is, and its number there. Facts are written without blanks, in one order of fields.
pub(crate) fn number(line: &str) -> (String, u64) {
    let after = |name: &str| line.split_once(name).map_or("", |(_, rest)| rest);
    let until = |text: &str, end: &[char]| text.split(end).next().unwrap_or_default().to_owned();
    let whose = until(after("\"brand_id\":"), &[',']) + ":" + &until(after("\"player_id\":"), &[',', '}']);
    let seq = until(after("\"seq\":"), &[',', '}']).parse();
    (whose, seq.unwrap_or_else(|_| panic!("no seq: {line}")))
}

/// The facts of each player, over all topics: 1, 2, 3 ... without a gap, and in order within each topic.
pub(crate) fn numbers_have_no_gaps(out: &Path) {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (topic, path) in topics(out) {
        if UNNUMBERED.contains(&topic.as_str()) {
            continue;
        }
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        each_line(&path, |line| {
            let (whose, seq) = number(line);
            let before = last.insert(whose.clone(), seq).unwrap_or(0);
            assert!(before < seq, "{topic}: of {whose} fact {seq} stands behind {before}");
            all.entry(whose).or_default().push(seq);
        });
    }
    for (whose, mut numbers) in all {
        numbers.sort_unstable();
        let wanted: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, wanted, "the facts of {whose} are not numbered 1, 2, 3 ...");
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// All files below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { all.push(path) }
        }
    }
    all.sort();
    all
}

/// Seeded numbers: the same seed, the same test.
pub(crate) struct Chance(u64);

impl Chance {
    /// Says which seed it begins from.
    pub(crate) fn new(what: &str, seed: u64) -> Self {
        println!("{what}: seed {seed}");
        Self(seed)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}
