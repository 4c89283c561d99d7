//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Tidemark: what each player's play entitles them to, at every moment and to the cent.
#[derive(Debug, Parser)]
#[command(name = "tidemark", version, about, long_about = None, after_help = "Begin with:  tidemark demo")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What it can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Apply a file, a folder or Kafka topics of events, and write every fact that follows
    #[command(
        after_help = "Example:\n  tidemark replay --programme programme --events events --out results\n  tidemark replay --programme programme --events kafka://127.0.0.1:9092/bets.v1,fx.v1 --out results --state state --workers 2"
    )]
    Replay(Replay),
    /// Run a synthetic casino through everything and show what came of it; needs nothing else
    #[command(after_help = "Example:\n  tidemark demo --players 2000 --events 300000")]
    Demo(Demo),
    /// Write the synthetic casino: as files, or into Kafka
    #[command(after_help = "Example:\n  tidemark generate --players 100000 --events 5000000 --seed 1 --out events")]
    Generate(Generate),
    /// Check, test or describe a programme (the rulebook)
    #[command(subcommand)]
    Programme(Programme),
    /// Look at what was saved
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  tidemark completions bash > /etc/bash_completion.d/tidemark")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// `replay`
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// A programme: a YAML file or a folder of them; several are revisions of one programme
    #[arg(long, required = true, num_args = 1.., value_name = "FILE|DIR")]
    pub programme: Vec<PathBuf>,
    /// JSON-lines files (also .gz, .zst), a folder of them, or kafka://HOST:PORT/topic,topic
    #[arg(long, value_name = "FILE|DIR|kafka://…")]
    pub events: String,
    /// The folder for the results; it must be empty, or go with --state
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Workers, at most 12; the results are the same for any number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub workers: u32,
    /// Stop at this instant (RFC 3339); timers due exactly then still fire
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// Keep state here: a run that was interrupted goes on from it, with another number of workers if asked
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// `live`: a profile leaves whenever a player's tier or status changes, not only at the end
    #[arg(long, value_name = "WHEN", value_parser = ["live", "end"], default_value = "end")]
    pub profiles: String,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Bytes read for one epoch
    #[arg(long, hide = true, default_value_t = 512 * 1024)]
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
    /// Players of the casino
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub players: u32,
    /// Events
    #[arg(long, default_value_t = 300_000, value_name = "N")]
    pub events: u64,
    /// The same seed gives the same casino
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// Workers
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub workers: u32,
    /// Where events, results and the page go; what a demo left there before is replaced
    #[arg(long, default_value = "out/demo", value_name = "DIR")]
    pub out: PathBuf,
    /// Print the summary as JSON instead of the report
    #[arg(long)]
    pub json: bool,
}

/// `generate`
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// Players
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub players: u32,
    /// Events
    #[arg(long, default_value_t = 300_000, value_name = "N")]
    pub events: u64,
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1, value_name = "S")]
    pub seed: u64,
    /// Days that the events are spread over
    #[arg(long, value_name = "N")]
    pub days: Option<u32>,
    /// Partitions of each keyed topic
    #[arg(long, value_name = "N")]
    pub partitions: Option<u32>,
    /// `realistic`, or `bench`: only bets, evenly spread, for measuring
    #[arg(long, value_parser = ["realistic", "bench"], default_value = "realistic", value_name = "SHAPE")]
    pub shape: String,
    /// A folder for the files; it must be empty
    #[arg(long, value_name = "DIR", required_unless_present = "kafka", conflicts_with = "kafka")]
    pub out: Option<PathBuf>,
    /// Brokers, HOST:PORT; missing topics are created
    #[arg(long, value_name = "HOST:PORT")]
    pub kafka: Option<String>,
}

/// `programme …`
#[derive(Debug, Subcommand)]
pub enum Programme {
    /// Say everything that is wrong with a programme, with file, line and column
    #[command(after_help = "Example:\n  tidemark programme check programme")]
    Check {
        /// A YAML file or a folder of them
        path: PathBuf,
        /// Print the problems as JSON
        #[arg(long)]
        json: bool,
    },
    /// Run the examples written beside a programme, in its folder `tests`
    #[command(after_help = "Example:\n  tidemark programme test programme")]
    Test {
        /// A folder with a programme, and examples in `tests/*.yaml`
        path: PathBuf,
        /// Print the results as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of a programme, for editors
    #[command(after_help = "Example:\n  tidemark programme schema > programme.schema.json")]
    Schema,
}

/// `snapshot …`
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Say what a state folder holds
    #[command(after_help = "Example:\n  tidemark snapshot inspect state")]
    Inspect {
        /// The folder given as --state
        state: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
}
