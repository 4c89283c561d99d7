//! `config check` and `config print`, and the configuration for whoever else needs it.

use std::collections::BTreeMap;
use std::path::Path;

use super::print;
use crate::config::{self, Config, Mode, Problem};
use crate::runtime::Failure;
use crate::runtime::programme::load_programme;

/// The exit code of a configuration that is not sound.
const UNSOUND: u8 = 78;

/// Says everything that is wrong with a configuration, or what it amounts to.
///
/// # Errors
/// Where that cannot be printed.
pub(super) fn check(path: &Path, json: bool) -> Result<u8, Failure> {
    match read(path) {
        Ok(config) if json => {
            warnings(&config).iter().for_each(|warning| print::complain(&format!("warning: {warning}")));
            print::json(&Vec::<Problem>::new()).map(|()| 0)
        }
        Ok(config) => print::text(&in_words(path, &config)).map(|()| 0),
        Err(problems) if json => print::json(&problems).map(|()| UNSOUND),
        Err(problems) => {
            for problem in &problems {
                print::complain(&problem.to_string());
            }
            print::tell(&counted(&problems));
            Ok(UNSOUND)
        }
    }
}

/// Prints the configuration in force, with where each value came from.
///
/// # Errors
/// Where it is not sound, or cannot be printed.
pub(super) fn print(path: &Path) -> Result<u8, Failure> {
    let config = load(path)?;
    for warning in &config.warnings {
        print::complain(&format!("warning: {warning}"));
    }
    print::text(&config.print()).map(|()| 0)
}

/// Prints every setting with its meaning and its default.
///
/// # Errors
/// Where it cannot be printed.
pub(super) fn print_defaults() -> Result<u8, Failure> {
    print::text(config::DEFAULTS).map(|()| 0)
}

/// Reads a configuration for a command that needs one.
///
/// # Errors
/// With all problems in words, where it is not sound.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    read(path).map_err(|problems| {
        let lines: String = problems.iter().map(|problem| format!("\n  {problem}")).collect();
        Failure::Mismatch(format!("the configuration {} is not sound: {}{lines}", path.display(), counted(&problems)))
    })
}

/// The only place where settings are read from the environment.
fn read(path: &Path) -> Result<Config, Vec<Problem>> {
    let variables: BTreeMap<String, String> =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    let names: Vec<String> = variables.keys().cloned().collect();
    config::load(path, &|name: &str| variables.get(name).cloned(), &names)
}

fn counted(problems: &[Problem]) -> String {
    print::counted(problems.len() as u64, "problem", "problems")
}

/// What a configuration amounts to, shortly.
fn in_words(path: &Path, config: &Config) -> String {
    let mode = match config.clock.mode {
        Mode::Wall => "by the wall clock",
        Mode::Events => "by the events, for `run --drain`",
    };
    let mut text = format!(
        "the configuration {} is sound: job {}\n  {}, {}; time passes {mode}\n",
        path.display(),
        config.job.name,
        print::counted(u64::from(config.job.workers), "worker", "workers"),
        print::counted(u64::from(config.job.shards), "shard", "shards"),
    );
    for source in &config.sources {
        text.push_str(&format!("  reads {} from {}\n", source.full_names().join(", "), source.brokers));
    }
    let prefix = match config.sink.topic_prefix.as_str() {
        "" => String::new(),
        prefix => format!(", topics {prefix}*"),
    };
    text.push_str(&format!("  writes to {}{prefix}\n", config.sink.brokers));
    text.push_str(&format!("  keeps journal and snapshots in {}\n", config.store.url));
    text.push_str(&format!("  begins with the programme {}\n", config.programme.path.display()));
    for warning in warnings(config) {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

/// What is no mistake, and should be known.
fn warnings(config: &Config) -> Vec<String> {
    let mut all: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    // It may be brought there later; a start needs it.
    all.extend(load_programme(&config.programme.path).err().map(|wrong| format!("`tidemark run` would not start: {wrong}")));
    all
}
