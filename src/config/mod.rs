//! The settings of the service: `tidemark.toml`, the environment that goes before it, and defaults behind both.
//!
//! Owns: every setting, its bounds, and where its value came from (CONTRACTS section 6). Does not own: what a setting
//! does, and the programme, which is another file with rules of its own.
//!
//! Reading order: `defaults.toml` (every key, its unit and its default), this file, `sections` (a function for each
//! section), then what they stand on: `reader` (where a value comes from), `values` (what a value must be),
//! `passed` (what is passed on to librdkafka, and secrets), `document` (TOML with places).

mod document;
mod passed;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tidemark_domain::time::Instant;

use document::Place;
use reader::{Gathered, Reader, Row, Section};

/// Every setting with its meaning, its unit and its default. The defaults are read from this text.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Longer names get no hint of what was meant: those of variables are long.
const LETTERS_MAX: usize = 80;

/// Longer lines do not push the origins of all others to the right.
const WIDTH_MAX: usize = 60;

/// Gives the value of an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// All settings of a process, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[job]`
    pub job: Job,
    /// `[clock]`
    pub clock: Clock,
    /// `[epoch]`
    pub epoch: Epoch,
    /// `[store]`
    pub store: Store,
    /// `[[source]]`, at least one.
    pub sources: Vec<Source>,
    /// `[sink.kafka]`
    pub sink: KafkaSink,
    /// `[http]`
    pub http: Http,
    /// `[programme]`
    pub programme: Programme,
    /// What is legal and yet should be said at the start.
    pub warnings: Vec<String>,
    /// What [`Config::print`] shows.
    rows: Vec<Row>,
}

/// Who the process is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Job {
    /// The job's name.
    pub name: String,
    /// Worker threads, at most as many as shards.
    pub workers: u32,
    /// Parts of all players; divides 240.
    pub shards: u32,
}

/// What moves time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The wall clock, as bound with each epoch.
    Wall,
    /// The events alone.
    Events,
}

/// How time passes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clock {
    /// What moves time.
    pub mode: Mode,
    /// How many times as fast as the wall clock; other than 1 for tests.
    pub speed: u32,
    /// Where time starts, if not now; for tests.
    pub start: Option<Instant>,
}

/// How work is cut, and how often it becomes visible and durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Epoch {
    /// Between epochs.
    pub interval: Duration,
    /// Between commits; not below `interval`.
    pub commit_interval: Duration,
    /// Between snapshots; not below `commit_interval`.
    pub snapshot_interval: Duration,
    /// Between profiles of one player when nothing important changed.
    pub profile_interval: Duration,
    /// The most bytes that one epoch reads.
    pub bytes: usize,
    /// The most epochs of [`bytes`](Self::bytes) under way at once; smaller ones count by theirs.
    pub in_flight: u64,
}

/// Where journal and snapshots are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    /// A folder, or a url with `file://`, `s3://`, `gs://` or `az://`.
    pub url: String,
    /// How far `verify` is to reach back: what lies before it is removed. None: nothing ever is.
    pub verify_reach: Option<Duration>,
}

/// Topics of one Kafka cluster that are read.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// Brokers with their ports, with commas between them.
    pub brokers: String,
    /// The topics without the prefix; none is in two sources.
    pub topics: Vec<String>,
    /// What stands before the topics' names in Kafka.
    pub topic_prefix: String,
    /// More settings of librdkafka; secrets are among them.
    pub librdkafka: BTreeMap<String, String>,
}

impl Source {
    /// The topics as Kafka names them.
    #[must_use]
    pub fn full_names(&self) -> Vec<String> {
        self.topics.iter().map(|topic| format!("{}{topic}", self.topic_prefix)).collect()
    }

    /// One of Kafka's topics without the prefix, as everything but Kafka knows it.
    #[must_use]
    pub fn stripped<'n>(&self, full_name: &'n str) -> Option<&'n str> {
        full_name.strip_prefix(self.topic_prefix.as_str())
    }
}

impl fmt::Debug for Source {
    /// Without the values of librdkafka's settings: a secret may be among them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Source")
            .field("brokers", &self.brokers)
            .field("topics", &self.topics)
            .field("topic_prefix", &self.topic_prefix)
            .field("librdkafka", &self.librdkafka.keys())
            .finish()
    }
}

/// The Kafka cluster that facts are published to.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSink {
    /// Brokers with their ports, with commas between them.
    pub brokers: String,
    /// What stands before the names of all topics that are written.
    pub topic_prefix: String,
    /// When the brokers give up a transaction that nobody ends; above the commit interval.
    pub transaction_timeout: Duration,
    /// More settings of librdkafka; secrets are among them.
    pub librdkafka: BTreeMap<String, String>,
    /// For each topic, without the prefix, whether its records have the headers of CloudEvents.
    pub cloudevents: BTreeMap<String, bool>,
}

impl KafkaSink {
    /// A topic as Kafka names it.
    #[must_use]
    pub fn full_name(&self, topic: &str) -> String {
        format!("{}{topic}", self.topic_prefix)
    }
}

impl fmt::Debug for KafkaSink {
    /// Without the values of librdkafka's settings: a secret may be among them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KafkaSink")
            .field("brokers", &self.brokers)
            .field("topic_prefix", &self.topic_prefix)
            .field("transaction_timeout", &self.transaction_timeout)
            .field("librdkafka", &self.librdkafka.keys())
            .field("cloudevents", &self.cloudevents)
            .finish()
    }
}

/// Health and metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Http {
    /// Where to listen, if anywhere.
    pub listen: Option<SocketAddr>,
}

/// The rulebook to start with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Programme {
    /// A file or a folder.
    pub path: PathBuf,
}

/// What is wrong with the configuration, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// The file as it was named, or the environment variable.
    pub file: String,
    /// Line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// Column in characters, counted from 1, where there is one.
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(formatter, ":{number}")?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

/// Reads a configuration. `names` are the names of all environment variables.
///
/// # Errors
/// Everything that is wrong, at once: in the file from top to bottom, then in the environment. A file that is no TOML
/// is told that alone.
pub fn load(path: &Path, environment: Environment<'_>, names: &[String]) -> Result<Config, Vec<Problem>> {
    let file = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => read(&file, &text, environment, names),
        Err(cause) => {
            let hint = match cause.kind() {
                ErrorKind::NotFound => "; `tidemark config print --defaults` prints one to begin with",
                _ => "",
            };
            let message = format!("cannot read the configuration: {cause}{hint}");
            Err(vec![Problem { file, line: None, column: None, message }])
        }
    }
}

/// Reads a configuration from a text; `file` is how its place is named.
///
/// # Errors
/// As [`load`].
pub fn read(file: &str, text: &str, environment: Environment<'_>, names: &[String]) -> Result<Config, Vec<Problem>> {
    let defaults = document::parse(DEFAULTS).expect("the defaults are part of the program, and a test reads them");
    let table = document::parse(text).map_err(|wrong| no_toml(file, wrong))?;
    let mut reader = Reader::new(file, environment, names);
    let config = sections::all(&mut reader, &mut Section::root(&table, &defaults));
    let Gathered { problems, warnings, rows } = reader.finish();
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings, rows, ..config }),
        _ => Err(problems),
    }
}

fn no_toml(file: &str, wrong: Vec<(Place, String)>) -> Vec<Problem> {
    let problem = |(Place { line, column }, message): (Place, String)| {
        let message = format!("this is no TOML: {message}");
        Problem { file: file.to_owned(), line: Some(line), column: Some(column), message }
    };
    wrong.into_iter().map(problem).collect()
}

impl Config {
    /// The configuration in force as TOML; after each value stands where it came from, and stars stand for secrets.
    #[must_use]
    pub fn print(&self) -> String {
        let length = |row: &Row| match row {
            Row::Value { key, text, .. } => key.chars().count() + text.chars().count() + " = ".len(),
            Row::Heading(_) => 0,
        };
        let width = self.rows.iter().map(length).filter(|length| *length <= WIDTH_MAX).max().unwrap_or(0);
        let mut out = String::new();
        for row in &self.rows {
            match row {
                Row::Heading(header) => {
                    let gap = if out.is_empty() { "" } else { "\n" };
                    out.push_str(&format!("{gap}{header}\n"));
                }
                Row::Value { key, text, origin } => {
                    let assignment = format!("{key} = {text}");
                    out.push_str(&format!("{assignment:<width$}  # {origin}\n"));
                }
            }
        }
        out
    }
}
