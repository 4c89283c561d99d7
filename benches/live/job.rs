//! A job of a benchmark's own: an input, a configuration, topics of facts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::producer::BaseRecord;
use tidemark::cli::memory;
use tidemark::kafka::{self, Cluster};
use tidemark::sinks::Topic;
use tidemark::sources::casino::Casino;

use super::process::Service;
use super::{Bench, unique};
use crate::measure;

/// Partitions of an input.
pub(crate) const PARTITIONS: u32 = 8;
/// Shards of a job, and so partitions of its topics of facts.
const SHARDS: u32 = 12;
/// The only topic that is read.
const BETS: &str = "bets.v1";

/// What keeps the topics of a soak small: closed segments go when they are ten minutes old, or when there is more.
const BOUNDED: [(&str, &str); 4] = [
    ("retention.ms", "600000"),
    ("retention.bytes", "134217728"),
    ("segment.bytes", "16777216"),
    ("file.delete.delay.ms", "1000"),
];

/// How long topics keep their records.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As long as they are there.
    Always,
    /// Until others need the place.
    Bounded,
}

impl Kept {
    fn settings(self, compacted: bool) -> Vec<(&'static str, &'static str)> {
        let policy = if compacted { "compact" } else { "delete" };
        match self {
            Self::Always if compacted => vec![("cleanup.policy", policy)],
            Self::Always => vec![("cleanup.policy", policy), ("retention.ms", "-1")],
            Self::Bounded => {
                let both = if compacted { "compact,delete" } else { policy };
                BOUNDED.into_iter().chain([("cleanup.policy", both)]).collect()
            }
        }
    }
}

/// A topic of bets that jobs read.
pub(crate) struct Input<'a> {
    bench: &'a Bench,
    prefix: String,
    kept: Kept,
}

impl<'a> Input<'a> {
    /// An empty one.
    pub(crate) fn new(bench: &'a Bench, name: &str, kept: Kept) -> Self {
        let input = Self { bench, prefix: format!("{}-", unique(name)), kept };
        make(bench, &input.topic(), PARTITIONS, &kept.settings(false));
        input
    }

    /// Its name at the brokers.
    pub(crate) fn topic(&self) -> String {
        format!("{}{BETS}", self.prefix)
    }

    /// Puts the records of a casino into it, each where its file would have it.
    pub(crate) fn fill(&self, casino: &Casino) {
        let begun = Instant::now();
        let (topic, partitions) = (self.topic(), casino.partitions());
        let producer = kafka::producer(self.bench.brokers()).expect("a producer can be made");
        let (mut records, mut line, mut key, mut bytes) = (casino.records(), Vec::new(), Vec::new(), 0);
        while let Some(at) = records.next(&mut line) {
            records.key(&mut key);
            let partition = partitions[at].1.cast_signed();
            let record = BaseRecord::to(&topic).partition(partition).key(key.as_slice()).payload(line.as_slice());
            kafka::send(&producer, record).expect("the input can be written");
            bytes += line.len();
        }
        kafka::finish(&producer).expect("the input can be written");
        let (seconds, each) = (begun.elapsed().as_secs_f64(), bytes as f64 / casino.events as f64);
        println!("input: {} records of {each:.0} bytes each, written in {seconds:.1} s", casino.events);
    }
}

impl Drop for Input<'_> {
    fn drop(&mut self) {
        remove(self.bench, &[self.topic()]);
    }
}

/// See the module's words.
pub(crate) struct Job<'a> {
    bench: &'a Bench,
    prefix: String,
    folder: PathBuf,
}

impl<'a> Job<'a> {
    /// A job that reads an input; `settings` are sections of its configuration beside the usual ones.
    pub(crate) fn new(input: &Input<'a>, name: &str, programme: &Path, settings: &str) -> Self {
        let name = unique(name);
        let job = Self { bench: input.bench, folder: input.bench.folder.join(&name), prefix: format!("{name}-") };
        std::fs::create_dir_all(&job.folder).expect("the folder can be made");
        let pairs: Vec<_> =
            super::settings(&job.bench.arguments).iter().map(|(key, value)| format!("\"{key}\" = \"{value}\"")).collect();
        let text = format!(
            "[job]\nname = \"{name}\"\nshards = {SHARDS}\n[store]\nurl = \"{store}\"\n\
             [[source]]\nbrokers = \"{brokers}\"\ntopics = [\"{BETS}\"]\ntopic_prefix = \"{read}\"\n\
             [sink.kafka]\nbrokers = \"{brokers}\"\ntopic_prefix = \"{written}\"\nlibrdkafka = {{ {} }}\n\
             [programme]\npath = \"{programme}\"\n{settings}\n",
            pairs.join(", "),
            store = job.folder.join("store").display(),
            brokers = job.bench.brokers(),
            read = input.prefix,
            written = job.prefix,
            programme = programme.display(),
        );
        std::fs::write(job.config(), text).expect("the configuration can be written");
        if input.kept == Kept::Bounded {
            for topic in Topic::ALL {
                make(job.bench, &job.output(topic), SHARDS, &input.kept.settings(topic.is_compacted()));
            }
        }
        job.make_topics();
        job
    }

    /// The name of a topic of facts at the brokers.
    pub(crate) fn output(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The name of the topic of progress at the brokers.
    pub(crate) fn progress(&self) -> String {
        format!("{}tidemark.{}.progress.v1", self.prefix, self.prefix.trim_end_matches('-'))
    }

    /// Starts the service.
    pub(crate) fn start(&self, workers: u64, more: &[&str]) -> Service {
        let mut command = self.command(&["run"]);
        command.args(["--workers", &workers.to_string()]).args(more);
        Service::start(command)
    }

    /// Starts the service inside of this benchmark's own program, to its drain, with the allocator as `run` has it.
    pub(crate) fn inside(&self, workers: u64, more: &[&str]) -> Service {
        let config = self.config().display().to_string();
        let mut command = measure::again(&["--config", &config, "--workers", &workers.to_string()].map(str::to_owned));
        command.args(more).envs(memory::SERVICE.iter().copied()).stdin(Stdio::null());
        Service::start(command)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("tidemark.toml")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.bench.binary);
        command.args(words).arg("--config").arg(self.config()).stdin(Stdio::null());
        command
    }

    fn make_topics(&self) {
        let output = self.command(&["topics", "create"]).output().expect("the program can be started");
        assert!(output.status.success(), "topics create: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Job<'_> {
    fn drop(&mut self) {
        let facts = Topic::ALL.into_iter().map(|topic| self.output(topic));
        remove(self.bench, &facts.chain([self.progress()]).collect::<Vec<_>>());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Makes a topic.
pub(crate) fn make(bench: &Bench, topic: &str, partitions: u32, settings: &[(&str, &str)]) {
    let mut new = NewTopic::new(topic, partitions.cast_signed(), TopicReplication::Fixed(-1));
    for (name, value) in settings {
        new = new.set(name, value);
    }
    kafka::create(&Cluster::from(bench.brokers()), &[new]).expect("the topic can be made");
}

/// Removes topics, so that what they hold does not add up; one that cannot be removed is no failure.
pub(crate) fn remove(bench: &Bench, topics: &[String]) {
    let Ok(admin) = kafka::admin(&Cluster::from(bench.brokers())) else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    drop(runtime.block_on(admin.delete_topics(&names, &AdminOptions::new())));
}
