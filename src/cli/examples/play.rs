//! The run of one example: its events in a folder, `replay` over them, and what it wrote, read back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::read::{Example, Who};
use crate::runtime::Failure;
use crate::runtime::replay::{Options, Quiet, Watcher, replay};
use crate::sinks::Topic;

/// What a run wrote.
pub(super) struct Played {
    pub(super) profiles: Vec<(Who, Value)>,
    /// Facts with their player, those of one player in order.
    pub(super) facts: Vec<(Who, Value)>,
    pub(super) dead_letters: Vec<Value>,
    pub(super) summary: Value,
}

/// Runs one example.
///
/// # Errors
/// Where the run itself fails.
pub(super) fn play(programme: &Path, example: &Example) -> Result<Played, Failure> {
    let folder = Folder::new().map_err(Failure::Failed)?;
    let (events, out) = (folder.0.join("events"), folder.0.join("results"));
    let records: String = example.given.iter().map(|given| format!("{}\n", given.record)).collect();
    fs::create_dir_all(&events)
        .and_then(|()| fs::write(events.join("example.jsonl"), records))
        .with_context(|| format!("cannot write {}", events.display()))
        .map_err(Failure::Failed)?;
    let mut options = Options::new(vec![programme.to_owned()], events.display().to_string(), out.clone());
    options.until = example.until;
    let quiet: Arc<dyn Watcher> = Arc::new(Quiet);
    let summary = replay(&options, &quiet)?;
    gather(&out, serde_json::to_value(&summary)).map_err(Failure::Failed)
}

fn gather(out: &Path, summary: serde_json::Result<Value>) -> Result<Played> {
    let mut played = Played { profiles: Vec::new(), facts: Vec::new(), dead_letters: Vec::new(), summary: summary? };
    for topic in Topic::ALL {
        let path = out.join(format!("{}.jsonl", topic.name()));
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).with_context(|| format!("cannot read {}", path.display()))?;
            match topic {
                Topic::Profiles => played.profiles.push((who(&value), value)),
                Topic::DeadLetters => played.dead_letters.push(value),
                Topic::TierChanges | Topic::PointsLedger | Topic::Grants | Topic::Triggers | Topic::Audit => {
                    played.facts.push((who(&value), value));
                }
            }
        }
    }
    played.facts.sort_by_cached_key(|(who, fact)| (who.clone(), fact.get("seq").and_then(Value::as_u64)));
    played.dead_letters.sort_by_key(|letter| letter.get("offset").and_then(Value::as_u64));
    Ok(played)
}

fn who(fact: &Value) -> Who {
    let text = |field| fact.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    Who { brand: text("brand_id"), player: text("player_id") }
}

/// A folder that goes with this value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("tidemark-example-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays among the temporary files.
        let _left = fs::remove_dir_all(&self.0);
    }
}
