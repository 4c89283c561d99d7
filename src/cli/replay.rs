//! `replay`: events in, facts out.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use tidemark_domain::defect::{Defect, Defects};
use tidemark_domain::time::Instant;

use super::args::Replay;
use super::progress::Terminal;
use super::{memory, print};
use crate::runtime::Failure;
use crate::runtime::replay::{Options, Summary, Watcher, replay};

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn run(arguments: &Replay) -> Result<u8, Failure> {
    let until = match &arguments.until {
        None => None,
        Some(text) => Some(Instant::parse(text.as_bytes()).ok_or_else(|| {
            Failure::Usage(format!("--until {text} is not an RFC 3339 instant; write it like 2026-03-01T00:00:00Z"))
        })?),
    };
    memory::keep(memory::REPLAY);
    let mut options = Options::new(arguments.programme.clone(), arguments.events.clone(), arguments.out.clone());
    options.workers = arguments.workers;
    options.until = until;
    options.state = arguments.state.clone();
    options.bindings.clone_from(&arguments.bindings);
    options.live_profiles = arguments.profiles == "live";
    options.pace.epoch_bytes = arguments.epoch_bytes.max(1);
    options.intervals.snapshot = Duration::from_millis(arguments.snapshot_interval_ms);
    options.intervals.commit = Duration::from_millis(arguments.commit_interval_ms);
    options.ledger_topic = !arguments.without_ledger_topic;
    options.defects = defects(arguments.defect.as_deref())?;
    let begun = Clock::now();
    let summary = watched(&options)?;
    if arguments.json {
        print::json(&summary)?;
    } else {
        print::text(&in_words(&summary, &options.out, begun.elapsed()))?;
    }
    Ok(0)
}

pub(super) fn defects(name: Option<&str>) -> Result<Defects, Failure> {
    let Some(name) = name else { return Ok(Defects::default()) };
    let defect = Defect::ALL.iter().find(|defect| defect.name() == name);
    let planted = defect.and_then(|defect| Defects::default().with(*defect));
    planted.ok_or_else(|| Failure::Usage(format!("--defect {name}: this build knows no such defect")))
}

/// Replays with a bar on standard error, where that is a terminal.
///
/// # Errors
/// Why it ended.
pub(super) fn watched(options: &Options) -> Result<Summary, Failure> {
    let terminal = Arc::new(Terminal::new());
    let watcher: Arc<dyn Watcher> = Arc::<Terminal>::clone(&terminal);
    let result = replay(options, &watcher);
    terminal.clear();
    result
}

/// The summary for a person.
fn in_words(summary: &Summary, out: &Path, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = (summary.events_in as f64 / seconds.max(0.001)) as u64;
    let took = if summary.done_before { "before".to_owned() } else { format!("in {seconds:.1} s ({}/s)", print::count(rate)) };
    let mut text = format!(
        "{} of {} {took}\n",
        print::counted(summary.events_in, "event", "events"),
        print::counted(summary.profiles, "player", "players"),
    );
    let counts = [
        ("applied", summary.applied),
        ("of these late", summary.late),
        ("duplicates", summary.duplicates),
        ("dead letters, each with its reason in pipeline.dlq.v1", summary.dead_letters),
        ("of unknown types", summary.skipped_unknown),
        ("beyond --until", summary.beyond_until),
        ("reversals without their bet", summary.unmatched_reversals),
        ("bets on games without a weight", summary.unknown_game_total),
        ("other amounts without a rate", summary.fx_missing_total),
    ];
    for (at, (what, number)) in counts.into_iter().enumerate() {
        if at == 0 || number > 0 {
            text.push_str(&format!("{:>14}  {what}\n", print::count(number)));
        }
    }
    text.push_str("written:\n");
    let profiles = ("crm.player-profile.v1", summary.profiles);
    for (topic, number) in summary.facts.iter().map(|(topic, number)| (*topic, *number)).chain([profiles]) {
        text.push_str(&format!("{:>14}  {}\n", print::count(number), out.join(format!("{topic}.jsonl")).display()));
    }
    text.push_str(&format!("{:>14}  {}\n", "", out.join("summary.json").display()));
    let nothing = if summary.events_in == 0 { "none: there was nothing to read" } else { "none: no record could be applied" };
    let at = summary.logical_time.as_deref().unwrap_or(nothing);
    text.push_str(&format!("logical time {at}, digest of all facts {}\n", summary.facts_digest));
    text
}
