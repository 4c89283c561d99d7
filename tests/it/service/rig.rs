//! A job of a test's own: its topics, its configuration, and an independent reader of what it published.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::producer::BaseRecord;
use rdkafka::{Message as _, Offset, TopicPartitionList};
use serde_json::Value;
use tidemark::journal::read_all;
use tidemark::kafka;
use tidemark::runtime::store::Store;
use tidemark::sources::casino::Casino;

use crate::broker::{Broker, unique};
use crate::contracts::{assert_journal_record, assert_progress_record};
use crate::results::{OUTPUTS, Written, default_programme, finish, numbers_have_no_gaps, succeed, tidemark, written};

/// See the module's words.
pub(super) struct Rig {
    pub(super) folder: tempfile::TempDir,
    pub(super) brokers: String,
    pub(super) prefix: String,
    /// Settings of its store beside the usual ones.
    pub(super) store_settings: &'static str,
    /// What takes longer than this does not end.
    pub(super) patience: Duration,
    topics: Vec<String>,
}

/// A folder in memory, where there is one: a kill does not ask for a disk.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// A realistic casino of so many events.
pub(super) fn casino(events: u64, seed: u64) -> Casino {
    Casino { players: 400, events, seed, days: 75, partitions: 3, ..Casino::default() }
}

impl Rig {
    /// A job that reads the records of a casino, each where its file would have it.
    pub(super) fn new(brokers: &str, name: &str, casino: &Casino, settings: &str) -> Self {
        Self::in_folder(folder(), brokers, name, casino, settings)
    }

    /// The same, in a given folder.
    pub(super) fn in_folder(folder: tempfile::TempDir, brokers: &str, name: &str, casino: &Casino, settings: &str) -> Self {
        let rig = Self {
            folder,
            brokers: brokers.to_owned(),
            prefix: format!("{}-", unique(name)),
            store_settings: "",
            patience: Duration::from_secs(180),
            topics: topics(casino).into_keys().collect(),
        };
        rig.configure(settings);
        let inputs: Vec<(String, u32)> =
            topics(casino).into_iter().map(|(topic, partitions)| (format!("{}{topic}", rig.prefix), partitions)).collect();
        let inputs: Vec<(&str, u32)> = inputs.iter().map(|(name, partitions)| (name.as_str(), *partitions)).collect();
        kafka::create_topics(brokers, &inputs).unwrap();
        rig.command(&["topics", "create"]);
        rig
    }

    /// Writes the configuration; `settings` are sections beside the usual ones.
    pub(super) fn configure(&self, settings: &str) {
        let topics: Vec<String> = self.topics.iter().map(|topic| format!("\"{topic}\"")).collect();
        let text = format!(
            "[job]\nname = \"{job}\"\nworkers = 2\n[store]\nurl = \"{}\"\n{}\n[[source]]\nbrokers = \"{brokers}\"\ntopics = [{}]\n\
             topic_prefix = \"{prefix}\"\n[sink.kafka]\nbrokers = \"{brokers}\"\ntopic_prefix = \"{prefix}\"\n\
             transaction_timeout = \"10s\"\n[programme]\npath = \"{}\"\n{settings}\n",
            self.folder.path().join("store").display(),
            self.store_settings,
            topics.join(", "),
            default_programme().display(),
            brokers = self.brokers,
            prefix = self.prefix,
            job = self.job(),
        );
        fs::write(self.config(), text).unwrap();
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("tidemark.toml")
    }

    /// The job's folder in the store.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("store").join(self.job())
    }

    /// Transactional ids are made of it, and all tests share a broker.
    fn job(&self) -> &str {
        self.prefix.trim_end_matches('-')
    }

    /// The name of its progress topic, without the prefix.
    pub(super) fn progress_topic(&self) -> String {
        format!("tidemark.{}.progress.v1", self.job())
    }

    /// Reads one topic more; it is made where it is missing.
    pub(super) fn also_reads(&mut self, topic: &str, settings: &str) {
        self.topics.push(topic.to_owned());
        self.configure(settings);
        self.command(&["topics", "create"]);
    }

    /// The records of the journal that stand alone, oldest first.
    pub(super) fn journal(&self) -> Vec<PathBuf> {
        let numbered =
            |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u64>().is_ok());
        crate::results::files(&self.store().join("journal/records")).into_iter().filter(numbered).collect()
    }

    /// Waits until the journal holds so many records: the service is in the middle of its work then.
    pub(super) fn wait_for_records(&self, service: &mut Child, count: usize) {
        let there = within(Duration::from_secs(30), || self.journal().len() >= count || service.try_wait().unwrap().is_some());
        assert!(service.try_wait().unwrap().is_none(), "it ended too soon: {}", self.said());
        assert!(there, "its journal does not grow to {count} records: {}", self.said());
    }

    fn binary(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidemark"));
        command.args(words).arg("--config").arg(self.config());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command on the job that must succeed.
    pub(super) fn command(&self, words: &[&str]) {
        let (code, said) = finish(&mut self.binary(words));
        assert_eq!(code, 0, "{words:?} said: {said}");
    }

    /// Runs a command on the job: its exit code, what it printed, what it said.
    pub(super) fn asked(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.ended(self.binary(words).spawn().unwrap());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// Starts the service; what it says goes to a file.
    pub(super) fn start(&self, workers: u32, more: &[&str]) -> Child {
        let said = fs::File::options().create(true).append(true).open(self.folder.path().join("said")).unwrap();
        let mut command = self.binary(&["run"]);
        command.args(["--workers", &workers.to_string()]).args(more).stderr(said).stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Waits until a service has ended.
    pub(super) fn ended(&self, mut service: Child) -> std::process::Output {
        let over = within(self.patience, || service.try_wait().unwrap().is_some());
        assert!(over, "it does not end: {}", self.said());
        service.wait_with_output().unwrap()
    }

    /// Waits until a drain has ended. Where a transaction hangs does what the runbook says, and starts it again: a broker
    /// that runs alone and is killed loses markers.
    pub(super) fn ended_at_last(&self, mut service: Child, broker: &Broker) -> std::process::Output {
        loop {
            let output = self.ended(service);
            let said = self.said();
            let hangs = said.lines().last().filter(|line| line.contains(" is readable only up to a point before offset "));
            let Some((_, place)) = hangs.and_then(|line| line.split_once("topic ")) else { return output };
            assert_eq!(output.status.code(), Some(1), "{said}");
            let (topic, rest) = place.split_once(", partition ").unwrap();
            let named = broker.abort_hanging(topic, rest.split_once(' ').unwrap().0.parse().unwrap());
            assert!(named, "nothing hangs there: {place}");
            for shard in 0..12 {
                if broker.abort_hanging(&format!("{}{}", self.prefix, self.progress_topic()), shard) {
                    for topic in OUTPUTS {
                        broker.abort_hanging(&format!("{}{topic}", self.prefix), shard);
                    }
                }
            }
            service = self.start(2, &["--drain"]);
        }
    }

    /// Replays what the job has bound, `now` included, into a folder; gives its summary.
    pub(super) fn replay_bindings(&self, out: &Path) -> String {
        let topics: Vec<String> = self.topics.iter().map(|topic| format!("{}{topic}", self.prefix)).collect();
        let events = format!("kafka://{}/{}", self.brokers, topics.join(","));
        let mut replay = tidemark(&default_programme(), &events, out);
        succeed(replay.args(["--workers", "2", "--bindings"]).arg(self.store()));
        fs::read_to_string(out.join("summary.json")).unwrap()
    }

    /// What the service has said so far.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Drains the job; gives its summary.
    pub(super) fn drain(&self, workers: u32) -> Value {
        let output = self.ended(self.start(workers, &["--drain", "--json"]));
        assert_eq!(output.status.code(), Some(0), "the drain said: {}", self.said());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What `verify` finds; its exit code.
    pub(super) fn verify(&self) -> (i32, Value) {
        let (code, found, said) = self.asked(&["verify", "--json"]);
        (code, serde_json::from_str(&found).unwrap_or_else(|_| panic!("verify said: {said}")))
    }

    /// `verify` must find every fact once.
    pub(super) fn verified(&self) -> Value {
        let (code, found) = self.verify();
        assert_eq!((code, &found["wrong"]), (0, &Value::Array(Vec::new())), "{found}");
        found
    }

    /// Puts a casino's records into the job's topics.
    pub(super) fn produce(&self, casino: &Casino, slowly: Option<Duration>) {
        let partitions = casino.partitions();
        let producer = kafka::producer(self.brokers.as_str()).unwrap();
        let (mut records, mut line, mut key) = (casino.records(), Vec::new(), Vec::new());
        let mut count = 0_u64;
        while let Some(at) = records.next(&mut line) {
            records.key(&mut key);
            let (topic, partition) = &partitions[at];
            let topic = format!("{}{topic}", self.prefix);
            let record = BaseRecord::to(&topic).partition(partition.cast_signed()).key(&key[..]).payload(&line[..]);
            kafka::send(&producer, record).unwrap();
            count += 1;
            if let Some(pause) = slowly.filter(|_| count.is_multiple_of(2_000)) {
                std::thread::sleep(pause);
            }
        }
        kafka::finish(&producer).unwrap();
    }

    /// Reads everything that is committed in the topics of facts into files, as a replay writes them: an
    /// independent reader, which knows nothing of epochs and progress. The facts of each player must be numbered
    /// without a gap and stand in order.
    pub(super) fn published(&self) -> BTreeMap<String, (u64, u128)> {
        let out = self.folder.path().join("published");
        let _before = fs::remove_dir_all(&out);
        fs::create_dir_all(&out).unwrap();
        for topic in OUTPUTS {
            let mut file = BufWriter::new(fs::File::create(out.join(format!("{topic}.jsonl"))).unwrap());
            self.committed(topic, &mut file);
            file.flush().unwrap();
        }
        numbers_have_no_gaps(&out);
        sums(&out)
    }

    /// How many records of a topic are committed.
    pub(super) fn published_count(&self, topic: &str) -> u64 {
        let mut lines = Vec::new();
        self.committed(topic, &mut lines);
        lines.iter().filter(|byte| **byte == b'\n').count() as u64
    }

    /// All that is committed in a topic, a record a line.
    fn committed(&self, topic: &str, out: &mut impl Write) {
        let name = format!("{}{topic}", self.prefix);
        let inspector = kafka::inspector(self.brokers.as_str()).unwrap();
        let known = inspector.client().fetch_metadata(Some(&name), Duration::from_secs(10)).unwrap();
        for partition in known.topics()[0].partitions() {
            self.read(&name, partition.id(), out);
        }
    }

    /// Every record of the journal and of the progress topic must be what `contracts/service` says.
    pub(super) fn records_are_what_their_schemas_say(&self) {
        let journal = read_all(&Store::folder(&self.store()).unwrap()).unwrap();
        journal.iter().for_each(assert_journal_record);
        let mut progress = Vec::new();
        self.committed(&self.progress_topic(), &mut progress);
        let progress = String::from_utf8(progress).unwrap();
        progress.lines().for_each(|line| drop(assert_progress_record(line)));
        assert!(journal.len() > 1 && !progress.is_empty(), "{} records in the journal: {progress}", journal.len());
    }

    fn read(&self, topic: &str, partition: i32, out: &mut impl Write) {
        let consumer = kafka::consumer(self.brokers.as_str()).unwrap();
        let (low, high) = consumer.client().fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap();
        if low == high {
            return;
        }
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(low)).unwrap();
        consumer.client().assign(&list).unwrap();
        let mut last = Instant::now();
        loop {
            match consumer.client().poll(Duration::from_millis(20)) {
                Some(Ok(record)) => {
                    out.write_all(record.payload().unwrap()).unwrap();
                    out.write_all(b"\n").unwrap();
                    last = Instant::now();
                }
                Some(Err(_)) | None => {
                    let at = consumer.client().position().unwrap();
                    if at.elements().first().is_some_and(|each| matches!(each.offset(), Offset::Offset(at) if at >= high)) {
                        return;
                    }
                    let silent = last.elapsed();
                    assert!(silent < self.patience, "{topic}/{partition} ends at {high}, and its reader stands still: {at:?}");
                }
            }
        }
    }
}

impl Drop for Rig {
    /// A test that fails leaves no service behind.
    fn drop(&mut self) {
        let _killed = Command::new("pkill").args(["-KILL", "-f"]).arg(self.config()).status();
    }
}

/// Sends a service a signal.
pub(super) fn signal(service: &Child, signal: &str) {
    Command::new("kill").args([signal, &service.id().to_string()]).status().unwrap();
}

/// Whether something happens within so long.
pub(super) fn within(limit: Duration, mut happens: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    loop {
        if happens() {
            return true;
        }
        if since.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lines of each topic of facts in a folder: how many, and the sum of their hashes.
pub(super) fn sums(out: &Path) -> BTreeMap<String, (u64, u128)> {
    let of = |path: &PathBuf| {
        let mut sum = (0_u64, 0_u128);
        crate::results::each_line(path, |line| {
            sum.0 += 1;
            sum.1 = sum.1.wrapping_add(xxhash_rust::xxh3::xxh3_128(line.as_bytes()));
        });
        sum
    };
    crate::results::topics(out).iter().map(|(topic, path)| (topic.clone(), of(path))).collect()
}

fn topics(casino: &Casino) -> BTreeMap<String, u32> {
    let mut topics = BTreeMap::new();
    for (topic, number) in casino.partitions() {
        let count = topics.entry(topic).or_insert(0_u32);
        *count = (*count).max(number + 1);
    }
    topics
}

/// What `replay` makes of the same records in files.
pub(super) fn replayed(casino: &Casino) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let (files, out) = (folder.path().join("files"), folder.path().join("out"));
    casino.write(&files).unwrap();
    succeed(tidemark(&default_programme(), &files, &out).args(["--workers", "2"]));
    written(&out)
}

/// The digest of all facts in a summary.
pub(super) fn digest(summary: &str) -> Value {
    serde_json::from_str::<Value>(summary).unwrap()["facts_digest"].clone()
}
