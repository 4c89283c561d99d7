//! What the pipeline is expected to say of a history.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::coverage::Coverage;
use super::decode::Event;
use super::facts::Fact;
use super::zone::Ms;

/// Brand and player.
pub(crate) type Who = (String, String);

/// A dead letter, as far as it is pinned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadLetter {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) offset: usize,
    pub(crate) kind: &'static str,
    /// The field at fault, where the law says which.
    pub(crate) field: Option<String>,
}

impl DeadLetter {
    pub(crate) fn of(event: &Event, kind: &'static str, field: Option<&str>) -> DeadLetter {
        DeadLetter {
            topic: event.topic.clone(),
            partition: event.partition,
            offset: event.offset,
            kind,
            field: field.map(str::to_owned),
        }
    }
}

/// The counts of `summary.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) events_in: u64,
    pub(crate) applied: u64,
    pub(crate) duplicates: u64,
    pub(crate) late: u64,
    pub(crate) dead_letters: u64,
    pub(crate) unmatched_reversals: u64,
    pub(crate) fx_missing_total: u64,
    pub(crate) skipped_unknown: u64,
    pub(crate) beyond_until: u64,
    /// Without the audit of the rulebook itself (brand `*`).
    pub(crate) facts: BTreeMap<&'static str, u64>,
    pub(crate) logical_time: Option<Ms>,
}

/// Everything that is expected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Per player, by `seq`.
    pub(crate) facts: BTreeMap<Who, Vec<Fact>>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) profiles: BTreeMap<Who, Map<String, Value>>,
    /// The instants at which publications come into force, with their revisions: each leaves audit of brand `*`.
    pub(crate) publications: Vec<(Ms, u32)>,
    pub(crate) summary: Summary,
    pub(crate) coverage: Coverage,
}
