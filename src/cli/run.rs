//! `run` and `verify`: the service, and the proof that it did what it promises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::{Run, Verify};
use super::{config, memory, print, replay};
use crate::config::Mode;
use crate::runtime::Failure;
use crate::runtime::service::{self, Options, Outcome, World};

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn run(arguments: &Run) -> Result<u8, Failure> {
    memory::keep(memory::SERVICE);
    let mut config = config::load(&arguments.config)?;
    if let Some(workers) = arguments.workers {
        config.job.workers = workers;
    }
    if config.job.workers == 0 || config.job.workers > config.job.shards {
        return Err(Failure::Usage(format!(
            "--workers {} is not between 1 and {}, the number of shards",
            config.job.workers, config.job.shards
        )));
    }
    if config.clock.mode == Mode::Events && !arguments.drain {
        return Err(Failure::Mismatch(
            "[clock] mode = \"events\" needs --drain: no wall clock enters, so a quiet partition would hold time for ever"
                .to_owned(),
        ));
    }
    for warning in &config.warnings {
        print::tell(&format!("warning: {warning}"));
    }
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&asked))
            .map_err(|cause| Failure::Failed(anyhow::anyhow!("cannot listen to signals: {cause}")))?;
    }
    let options = Options {
        config,
        drain: arguments.drain,
        accept_divergence: arguments.accept_divergence,
        defects: replay::defects(arguments.defect.as_deref())?,
        world: World::default(),
        notice: print::notice(),
        asked_to_stop: Arc::clone(&asked),
    };
    let outcome = match service::run(&options)? {
        // Asked while everything of this process was ending: the next one would not know.
        Outcome::Changed if asked.load(Ordering::Acquire) => Outcome::Asked { snapshot: true },
        other => other,
    };
    match outcome {
        Outcome::Drained(summary) if arguments.json => print::json(&*summary).map(|()| 0),
        Outcome::Drained(summary) => {
            print::tell(&format!(
                "drained: {} read, {} applied, {} dead letters, digest of all facts {}",
                print::counted(summary.events_in, "event", "events"),
                print::count(summary.applied),
                print::count(summary.dead_letters),
                summary.facts_digest
            ));
            Ok(0)
        }
        Outcome::Asked { snapshot } => {
            let how = if snapshot { "a snapshot at the last commit is written" } else { "the snapshot before it stands" };
            print::tell(&format!("ended as asked; {how}"));
            Ok(0)
        }
        Outcome::Changed => {
            let cause = memory::in_own_place(memory::SERVICE);
            Err(Failure::Failed(anyhow::anyhow!("cannot start anew to take in partitions: {cause}; start it again")))
        }
        Outcome::CutShort { snapshot } => {
            let how = if snapshot { "a snapshot at the last commit is written" } else { "the snapshot before it stands" };
            print::tell(&format!("the drain was cut short as asked; {how}"));
            Ok(1)
        }
    }
}

/// Proves that every fact is there, once.
///
/// # Errors
/// Where something cannot be read.
pub(super) fn verify(arguments: &Verify) -> Result<u8, Failure> {
    let options = Options {
        config: config::load(&arguments.config)?,
        drain: false,
        accept_divergence: false,
        defects: replay::defects(None)?,
        world: World::default(),
        notice: print::notice(),
        asked_to_stop: Arc::new(AtomicBool::new(false)),
    };
    let found = service::verify(&options)?;
    if arguments.json {
        print::json(&found)?;
    } else {
        let mut text = format!(
            "{} of {} shards and {} of their topics compared with a replay of {}\n",
            print::counted(found.commits, "commit", "commits"),
            options.config.job.shards,
            print::counted(found.records, "record", "records"),
            print::counted(found.summary.events_in, "event", "events"),
        );
        for line in found.gone.iter().chain(&found.wrong) {
            text.push_str(&format!("{line}\n"));
        }
        if found.wrong.is_empty() && found.gone.is_empty() {
            text.push_str(&format!("every fact is there, once; digest of all facts {}\n", found.summary.facts_digest));
        }
        print::text(&text)?;
    }
    Ok(match (found.wrong.is_empty(), found.gone.is_empty()) {
        (false, _) => 70,
        (true, false) => 1,
        (true, true) => 0,
    })
}
