//! What each command does.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use anyhow::Context as _;
use clap::CommandFactory as _;
use tidemark_domain::defect::{Defect, Defects};
use tidemark_domain::time::Instant;

use super::args::{Arguments, Command, Demo, Generate, Replay};
use super::progress::Terminal;
use crate::runtime::Failure;
use crate::runtime::replay::{Options, Summary, Watcher, replay};
use crate::sources::casino::{Casino, Shape};

/// Runs one command; gives the exit code.
pub(super) fn run(arguments: Arguments) -> Result<u8, Failure> {
    match arguments.command {
        Command::Replay(arguments) => run_replay(&arguments),
        Command::Demo(arguments) => demo(&arguments),
        Command::Generate(arguments) => generate(&arguments),
        Command::Programme(_) => Ok(0),
        Command::Snapshot(_) => Ok(0),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "tidemark", &mut std::io::stdout());
            Ok(0)
        }
    }
}

fn run_replay(arguments: &Replay) -> Result<u8, Failure> {
    let until = match &arguments.until {
        None => None,
        Some(text) => Some(Instant::parse(text.as_bytes()).ok_or_else(|| {
            Failure::Usage(format!("--until {text} is not an RFC 3339 instant; write it like 2026-03-01T00:00:00Z"))
        })?),
    };
    let mut options = Options::new(arguments.programme.clone(), arguments.events.clone(), arguments.out.clone());
    options.workers = arguments.workers;
    options.until = until;
    options.state = arguments.state.clone();
    options.live_profiles = arguments.profiles == "live";
    options.pace.epoch_bytes = arguments.epoch_bytes.max(1);
    options.intervals.snapshot = Duration::from_millis(arguments.snapshot_interval_ms);
    options.intervals.commit = Duration::from_millis(arguments.commit_interval_ms);
    options.ledger_topic = !arguments.without_ledger_topic;
    options.defects = defects(arguments.defect.as_deref())?;
    let begun = Clock::now();
    let summary = watched(&options)?;
    if arguments.json {
        print_json(&summary)?;
    } else {
        print_summary(&summary, &options.out, begun.elapsed());
    }
    Ok(0)
}

fn defects(name: Option<&str>) -> Result<Defects, Failure> {
    let Some(name) = name else { return Ok(Defects::default()) };
    let defect = Defect::ALL.iter().find(|defect| defect.name() == name);
    let planted = defect.and_then(|defect| Defects::default().with(*defect));
    planted.ok_or_else(|| Failure::Usage(format!("--defect {name}: this build knows no such defect")))
}

fn watched(options: &Options) -> Result<Summary, Failure> {
    let terminal = Arc::new(Terminal::new());
    let watcher: Arc<dyn Watcher> = Arc::<Terminal>::clone(&terminal);
    let result = replay(options, &watcher);
    terminal.clear();
    result
}

fn print_json(summary: &Summary) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(summary).context("cannot write the summary").map_err(Failure::Failed)?;
    println!("{text}");
    Ok(())
}

fn print_summary(summary: &Summary, out: &Path, elapsed: Duration) {
    let rate = summary.events_in as f64 / elapsed.as_secs_f64().max(0.001);
    println!("{} events in {:.1} s ({:.0}/s), {} players", summary.events_in, elapsed.as_secs_f64(), rate, summary.profiles);
    println!(
        "applied {} (late {}), duplicates {}, dead letters {}, skipped {}, beyond the end {}, unmatched reversals {}",
        summary.applied,
        summary.late,
        summary.duplicates,
        summary.dead_letters,
        summary.skipped_unknown,
        summary.beyond_until,
        summary.unmatched_reversals
    );
    for (topic, count) in &summary.facts {
        println!("  {count:>12}  {}", out.join(format!("{topic}.jsonl")).display());
    }
    println!("digest {}, logical time {}", summary.facts_digest, summary.logical_time.as_deref().unwrap_or("none"));
}

fn generate(arguments: &Generate) -> Result<u8, Failure> {
    let shape = if arguments.shape == "bench" { Shape::Bench } else { Shape::Realistic };
    let base = if shape == Shape::Bench { Casino::benchmark() } else { Casino::default() };
    let casino = Casino {
        players: arguments.players,
        events: arguments.events,
        seed: arguments.seed,
        days: arguments.days.unwrap_or(base.days),
        partitions: arguments.partitions.unwrap_or(base.partitions),
        shape,
        ..base
    };
    let Some(out) = &arguments.out else { return Ok(0) };
    if out.exists() && std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::Usage(format!("{} is not empty; give an empty folder", out.display())));
    }
    let begun = Clock::now();
    let counts = casino.write(out).with_context(|| format!("cannot write {}", out.display())).map_err(Failure::Failed)?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{} records, {} bytes in {seconds:.1} s into {}", counts.records, counts.bytes, out.display());
    Ok(0)
}

fn demo(_arguments: &Demo) -> Result<u8, Failure> {
    Ok(0)
}
