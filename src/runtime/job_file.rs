//! `job.json`: which run a state folder belongs to.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::sources::kafka::Extent;

/// Its name.
pub(super) const JOB: &str = "job.json";

/// What a state folder belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFile {
    /// The form of this file.
    pub version: u32,
    /// The version of what is computed.
    pub logic_version: u32,
    /// The programmes.
    pub programme: String,
    /// The input.
    pub events: String,
    /// The end that was asked for.
    pub until: Option<i64>,
    /// Whether profiles leave at every change.
    pub live_profiles: bool,
    /// What is read of Kafka: a resumption reads no further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent: Option<Extent>,
}

/// What stands before a service's name, where a replay's state has the fingerprint of its input.
pub(super) const SERVICE: &str = "service ";

/// What differs where another version of the program began.
const LOGIC: &str = "the logic version";

impl JobFile {
    /// A short name for all of it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{:016x}", xxh3_64(serde_json::to_string(self).unwrap_or_default().as_bytes()))
    }

    pub(super) fn read(bytes: &[u8], folder: &Path) -> Result<Self> {
        serde_json::from_slice(bytes).with_context(|| format!("{}/{JOB} is damaged", folder.display()))
    }

    /// The name of the service whose state it is; none of a replay's.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.events.strip_prefix(SERVICE)
    }

    /// What differs from another, in words.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let mut all = Vec::new();
        for (same, what) in [
            (self.version == other.version, "the state's format"),
            (self.logic_version == other.logic_version, LOGIC),
            (self.programme == other.programme, "--programme"),
            (self.events == other.events, "--events"),
            (self.until == other.until, "--until"),
            (self.live_profiles == other.live_profiles, "--profiles"),
        ] {
            if !same {
                all.push(what);
            }
        }
        all
    }
}

/// Why a run cannot go on from a state, and what can be done.
pub(super) fn of_another_run(folder: &Path, differences: &[&str]) -> String {
    let remedy = match differences {
        [LOGIC] => "Finish it with the version of tidemark that began it, or begin anew with another --state and another --out.",
        _ => "Give what it was begun with, or another --state folder.",
    };
    let (folder, differences) = (folder.display(), differences.join(", "));
    format!("the state in {folder} is of another run (not the same: {differences}). {remedy}")
}
