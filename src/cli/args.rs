//! What can be typed.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

/// Tidemark knows, at every moment and to the cent, what each player's play entitles them to
///
/// It reads the events of a casino (bets, voids, redemptions ...), applies a loyalty programme to every
/// player in the order in which things happened, and writes every fact that follows: turnover, points,
/// tiers, rewards.
#[derive(Debug, Parser)]
#[command(
    name = "tidemark",
    version,
    arg_required_else_help = true,
    after_help = "Example, which needs nothing else and takes seconds:\n  tidemark demo\n\n\
                  Exit codes: 0 done, 1 failed, 2 bad usage, bad programme or unreadable input,\n\
                  70 a defect, 75 a newer start took over, 78 configuration, state or version does not fit."
)]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply a programme to a file, a folder or Kafka topics of events, and write every fact that follows
    ///
    /// Writes OUT/TOPIC.jsonl for every topic of facts, and OUT/summary.json. The same events and programme
    /// give the same facts, whatever the number of workers and however often a run was interrupted.
    #[command(after_help = "Examples:\n  \
        tidemark replay --programme programme --events events --out results\n  \
        tidemark replay --programme programme --events kafka://127.0.0.1:9092/bets.v1,fx.v1 \\\n    \
            --out results --state state --workers 2")]
    Replay(Replay),
    /// Run the service: events in from Kafka, facts out to Kafka, each exactly once
    ///
    /// Goes on until it is asked to end (SIGTERM): then it finishes the open commit, writes a snapshot and
    /// leaves with 0. Whatever dies, a new start goes on where the last commit was; of two starts the newer
    /// one goes on.
    #[command(after_help = "Examples:\n  \
        tidemark run --config tidemark.toml\n  \
        tidemark run --config tidemark.toml --drain --json")]
    Run(Run),
    /// Prove that every fact of a service is there, once; only reads, beside a running job too
    ///
    /// Reads the committed outputs, replays the bound input, and compares both with the progress records,
    /// commit by commit. Exit code 0 all there once, 70 with what is lost, doubled or different, 1 when inputs
    /// or outputs are no longer kept.
    #[command(after_help = "Example:\n  tidemark verify --config tidemark.toml --json")]
    Verify(Verify),
    /// Check the configuration of the service, tidemark.toml, or print what is in force
    #[command(subcommand, after_help = "Example:\n  tidemark config check tidemark.toml")]
    Config(Config),
    /// Say which topics a job needs, check them, or make those that are missing
    #[command(subcommand, after_help = "Example:\n  tidemark topics create --config tidemark.toml")]
    Topics(Topics),
    /// Look at the records that a job has set aside, and send them once more
    #[command(subcommand, after_help = "Example:\n  tidemark dlq list --config tidemark.toml")]
    Dlq(Dlq),
    /// Run a synthetic casino through everything and show what came of it; needs nothing else
    ///
    /// Writes a casino's events, replays them under the default programme, prints a report and leaves the
    /// same as a page, OUT/report.html. Takes about two seconds with the defaults.
    #[command(after_help = "Example:\n  tidemark demo --players 5000 --events 1000000 --out out/demo")]
    Demo(Demo),
    /// Write the events of a synthetic casino: as files, or into Kafka
    #[command(after_help = "Examples:\n  \
        tidemark generate --players 100000 --events 5000000 --out events\n  \
        tidemark generate --events 1000000 --kafka 127.0.0.1:9092")]
    Generate(Generate),
    /// Check, test or describe a programme: the rulebook of tiers and points
    #[command(subcommand, after_help = "Example:\n  tidemark programme check programme")]
    Programme(Programme),
    /// Look at what a replay with --state, or a service, has saved
    #[command(subcommand, after_help = "Example:\n  tidemark snapshot inspect state")]
    Snapshot(Snapshot),
    /// Print a script that lets a shell complete commands and options
    #[command(after_help = "Examples:\n  \
        tidemark completions bash > ~/.local/share/bash-completion/completions/tidemark\n  \
        tidemark completions zsh > ~/.zfunc/_tidemark")]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// `run`
#[derive(Debug, clap::Args)]
pub struct Run {
    /// The configuration
    #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Stop at the ends that the partitions have now, as a replay does, and print the summary
    #[arg(long)]
    pub drain: bool,
    /// Workers, instead of [job] workers
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub workers: Option<u32>,
    /// Go on although this version may compute something else than what an older one published
    #[arg(long)]
    pub accept_divergence: bool,
    /// Print the summary of a drain as JSON
    #[arg(long)]
    pub json: bool,
    /// Plant a defect, in builds that have the switch
    #[arg(long, hide = true)]
    pub defect: Option<String>,
}

/// `verify`
#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The configuration of the service
    #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Print the result as JSON: the summary, and what is wrong
    #[arg(long)]
    pub json: bool,
}

/// A configuration, named alone or as other commands take it.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The file [default: tidemark.toml]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    path: Option<PathBuf>,
    /// The file, as other commands take it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path.as_deref().or(self.config.as_deref()).unwrap_or_else(|| Path::new("tidemark.toml"))
    }
}

/// `config …`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Say everything that is wrong with a configuration, each with file, line and column
    ///
    /// Reads the environment too, as `run` does. Exit code 0 when it is sound, 78 when it is not.
    #[command(after_help = "Example:\n  tidemark config check tidemark.toml")]
    Check {
        /// The file
        #[command(flatten)]
        file: ConfigFile,
        /// Print the problems as a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration in force as TOML: after each value stands where it came from
    ///
    /// Secrets are printed as stars. Exit code 0, or 78 when the configuration is not sound.
    #[command(after_help = "Examples:\n  \
        TIDEMARK__JOB__WORKERS=4 tidemark config print tidemark.toml\n  \
        tidemark config print --defaults > tidemark.toml")]
    Print {
        /// The file
        #[command(flatten)]
        file: ConfigFile,
        /// Print every setting with its meaning and its default instead: a file to begin with
        #[arg(long, conflicts_with_all = ["path", "config"])]
        defaults: bool,
    },
}

/// `topics …`
#[derive(Debug, Subcommand)]
pub enum Topics {
    /// Say which topics a job needs, with key, partitions, retention and compaction
    #[command(after_help = "Example:\n  tidemark topics print --config tidemark.toml")]
    Print {
        /// The configuration
        #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
        config: PathBuf,
        /// Partitions of inputs that are keyed by player
        #[arg(long, default_value_t = 12, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        partitions: u32,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what about the topics has to be put right
    ///
    /// Exit code 0 when nothing would stop the service or lose anything, 1 when something would.
    #[command(after_help = "Example:\n  tidemark topics check --config tidemark.toml")]
    Check {
        /// The configuration
        #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
        config: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the topics that are missing; those that are there stay as they are
    #[command(after_help = "Example:\n  tidemark topics create --config tidemark.toml --partitions 12")]
    Create {
        /// The configuration
        #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
        config: PathBuf,
        /// Partitions of inputs that are keyed by player
        #[arg(long, default_value_t = 12, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        partitions: u32,
    },
}

/// `replay`
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// A programme: a YAML file or a folder of them; several are revisions of one programme
    #[arg(long, required = true, num_args = 1.., value_name = "FILE|DIR")]
    pub programme: Vec<PathBuf>,
    /// JSON-lines files (also .gz, .zst), a folder of them, or kafka://HOST:PORT/topic,topic
    ///
    /// In a folder, names that begin with a dot are left out.
    #[arg(long, value_name = "FILE|DIR|kafka://…")]
    pub events: String,
    /// The folder for the results; it must be empty, or go with --state
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Workers, 1 to 12; the results are the same for any number
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true)]
    pub workers: u32,
    /// Stop at this instant (RFC 3339, such as 2026-03-01T00:00:00Z); timers due exactly then still fire
    ///
    /// Without it the replay ends at the greatest time that was read.
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Keep state here: an interrupted run goes on from it, with another number of workers if asked
    #[arg(long, value_name = "DIR|URL")]
    pub state: Option<PathBuf>,
    /// Follow the bindings of a service, `now` included: URL/JOB, its [store] url and the job's name
    ///
    /// What comes out is what the service published, whatever its clock mode.
    #[arg(long, value_name = "URL/JOB", conflicts_with_all = ["state", "until"])]
    pub bindings: Option<String>,
    /// When profiles leave: `end`, one for each player; `live`, also at each change of tier or status
    ///
    /// With `live`, how many changes one profile sums up differs from run to run; each player's last one does not.
    #[arg(long, value_name = "WHEN", value_parser = ["live", "end"], default_value = "end", hide_possible_values = true)]
    pub profiles: String,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Bytes read for one epoch
    #[arg(long, hide = true, default_value_t = 256 * 1024)]
    pub epoch_bytes: usize,
    /// Milliseconds between snapshots
    #[arg(long, hide = true, default_value_t = 60_000)]
    pub snapshot_interval_ms: u64,
    /// Milliseconds between commits
    #[arg(long, hide = true, default_value_t = 500)]
    pub commit_interval_ms: u64,
    /// Leave the postings of points out
    #[arg(long, hide = true)]
    pub without_ledger_topic: bool,
    /// Plant a defect, in builds that have the switch
    #[arg(long, hide = true)]
    pub defect: Option<String>,
}

/// `demo`
#[derive(Debug, clap::Args)]
pub struct Demo {
    /// Players of the casino; not all of them play
    #[arg(long, default_value_t = 2_000, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub players: u32,
    /// Events
    #[arg(long, default_value_t = 300_000, value_name = "N", allow_negative_numbers = true)]
    pub events: u64,
    /// What chance starts from: the same seed gives the same casino
    #[arg(long, default_value_t = 1, value_name = "S", allow_negative_numbers = true)]
    pub seed: u64,
    /// Workers, 1 to 12; the results are the same for any number
    #[arg(long, default_value_t = 2, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=12))]
    pub workers: u32,
    /// The folder for events, results and page; what an earlier demo left there is replaced
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Print the summary as JSON instead of the report
    #[arg(long)]
    pub json: bool,
}

/// `generate`
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// Players; not all of them play
    #[arg(long, default_value_t = 2_000, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub players: u32,
    /// Events, all topics together
    #[arg(long, default_value_t = 300_000, value_name = "N", allow_negative_numbers = true)]
    pub events: u64,
    /// What chance starts from: the same seed gives the same bytes
    #[arg(long, default_value_t = 1, value_name = "S", allow_negative_numbers = true)]
    pub seed: u64,
    /// Days that the events are spread over, from 2026-01-01 [default: 90; 60 for `bench`]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: Option<u32>,
    /// Partitions of each topic that is keyed by player [default: 4; 8 for `bench`]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub partitions: Option<u32>,
    /// `realistic`: all that happens in a casino; `bench`: bets, voids and wins, evenly spread, for measuring
    #[arg(long, value_parser = ["realistic", "bench"], default_value = "realistic", value_name = "SHAPE", hide_possible_values = true)]
    pub shape: String,
    /// The folder for the files, one for each partition; it must be empty or not yet there
    #[arg(long, value_name = "DIR", conflicts_with = "kafka")]
    pub out: Option<PathBuf>,
    /// A Kafka broker; topics that are missing are created, with --partitions partitions
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
}

/// `programme …`
#[derive(Debug, Subcommand)]
pub enum Programme {
    /// Say everything that is wrong with a programme, each with file, line and column
    ///
    /// Exit code 0 when it is sound, 2 when it is not.
    #[command(after_help = "Example:\n  tidemark programme check programme")]
    Check {
        /// A YAML file or a folder of them
        path: PathBuf,
        /// Print the problems as a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Run the examples written beside a programme: what is given, and what is expected of it
    ///
    /// Every example goes through the same pipeline as a replay. The examples are in PATH/tests/*.yaml.
    /// Exit code 0 when all hold, 1 when one does not, 2 when a file cannot be read.
    #[command(after_help = "Example:\n  tidemark programme test programme\n\n\
        An example of an example, in programme/tests/tiers.yaml:\n  \
        - name: Silver is reached at exactly 10,000 EUR\n    \
            given:\n      \
              - {at: 2026-03-01T10:00:00Z, bet: \"10000\", game_type: slots}\n    \
            expect:\n      \
              tier: Silver\n      \
              points: {available: \"10000\"}\n      \
              facts:\n        \
                - TierChanged: {from: Bronze, to: Silver, step: 1}")]
    Test {
        /// A folder with a programme and its examples in `tests/*.yaml`, or a YAML file beside such a folder
        path: PathBuf,
        /// Print the results as JSON
        #[arg(long)]
        json: bool,
    },
    /// Publish a programme as a new revision, for a service that runs
    ///
    /// Writes one record to the topic config.v1 of the job. What the service would refuse is refused here, with the
    /// reason. The same revision again changes nothing. Exit code 0; 2 when it is not sound or would be refused; 78 when
    /// the configuration is not sound.
    #[command(
        after_help = "Example:\n  tidemark programme publish --config tidemark.toml programme-2 --author ann --role loyalty_admin"
    )]
    Publish(Publish),
    /// Print the JSON Schema of a programme; with it an editor completes keys and marks mistakes
    #[command(after_help = "Example:\n  tidemark programme schema > programme/programme.schema.json")]
    Schema,
}

/// The kinds of dead letters.
const KINDS: [&str; 7] = ["schema_violation", "size", "missing_fx", "too_late", "conflict", "overflow", "poison"];

/// `programme publish`
#[derive(Debug, clap::Args)]
pub struct Publish {
    /// The configuration of the service
    #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// A YAML file or a folder of them
    pub path: PathBuf,
    /// Who publishes; it stands in the audit
    #[arg(long, value_name = "A")]
    pub author: Option<String>,
    /// In which role; it stands in the audit
    #[arg(long, value_name = "R")]
    pub role: Option<String>,
}

/// `dlq …`
#[derive(Debug, Subcommand)]
pub enum Dlq {
    /// Say which records were set aside, why, and where they came from
    ///
    /// Reads what is committed, beside a running job too, and sums it up by topic and kind.
    #[command(after_help = "Examples:\n  \
        tidemark dlq list --config tidemark.toml --kind missing_fx\n  \
        tidemark dlq list --since 0@120,1@7 --json > letters.jsonl")]
    List(DlqList),
    /// Send dead letters back through the topics they came from, each once
    ///
    /// Without --yes it only says what would be sent. What was sent is kept in the topic
    /// tidemark.JOB.dlq-replayed.v1: the same payload of a letter is never sent twice, a corrected one is. Letters of
    /// which only the first part was kept cannot be sent. Exit code 0, or 1 when with --yes a letter could not be sent.
    #[command(after_help = "Examples:\n  \
        tidemark dlq replay --config tidemark.toml --kind missing_fx\n  \
        tidemark dlq replay --config tidemark.toml --kind missing_fx --yes\n  \
        tidemark dlq replay --from corrected.jsonl --yes")]
    Replay(DlqReplay),
}

/// Of which job, and which of its dead letters.
#[derive(Debug, clap::Args)]
pub struct Letters {
    /// The configuration of the service
    #[arg(long, default_value = "tidemark.toml", value_name = "FILE")]
    pub config: PathBuf,
    /// Only what came from this topic, without its prefix
    #[arg(long, value_name = "T")]
    pub topic: Option<String>,
    /// Only this kind
    #[arg(long, value_name = "K", value_parser = KINDS)]
    pub kind: Option<String>,
}

/// `dlq list`
#[derive(Debug, clap::Args)]
pub struct DlqList {
    /// Of which job, and which of its letters
    #[command(flatten)]
    pub letters: Letters,
    /// Begin at these offsets of the dead-letter topic, as PARTITION@OFFSET; other partitions from their start
    #[arg(long, value_name = "P@O", value_delimiter = ',')]
    pub since: Vec<String>,
    /// Show so many at most; all are counted
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub limit: Option<u64>,
    /// Print whole letters, one JSON object a line, without the sums
    #[arg(long)]
    pub json: bool,
}

/// `dlq replay`
#[derive(Debug, clap::Args)]
pub struct DlqReplay {
    /// Of which job, and which of its letters
    #[command(flatten)]
    pub letters: Letters,
    /// Only letters with these ids: their own, or those of the original events
    #[arg(long, num_args = 1.., value_name = "EVENT_ID")]
    pub id: Vec<String>,
    /// Corrected letters, one a line as `dlq list --json` prints them, instead of the dead-letter topic
    #[arg(long, value_name = "FILE.jsonl")]
    pub from: Option<PathBuf>,
    /// Send them
    #[arg(long)]
    pub yes: bool,
}

/// `snapshot …`
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Say which snapshots a state folder holds, what is in them, and whether they can be used
    ///
    /// Reads all of them and checks every checksum. Exit code 0 when all are whole, 1 when one is damaged.
    #[command(after_help = "Example:\n  tidemark snapshot inspect state")]
    Inspect {
        /// The folder or URL given to `replay` as --state, or STORE/JOB of a service
        state: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}
