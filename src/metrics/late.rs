//! Whether a topic is usually late: then the ordering delay is too short for it.

use std::collections::BTreeMap;
use std::fmt;

/// Above this share of late records, in per cent, there is a warning (CONTRACTS section 2, rule 0).
pub const LATE_PERCENT_MAX: u64 = 1;
/// Fewer records than this say nothing yet; they are counted on.
pub const RECORDS_MIN: u64 = 1_000;

/// A topic of which more than [`LATE_PERCENT_MAX`] per cent of the records came late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The topic.
    pub topic: String,
    /// Records read since the last look.
    pub records: u64,
    /// How many of them were late.
    pub late: u64,
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, records, late } = self;
        write!(formatter, "{late} of {records} records of {topic} came late, more than {LATE_PERCENT_MAX} %: ")?;
        formatter.write_str("clock.ordering_delay must exceed their usual delay, which tidemark_record_delay_seconds shows")
    }
}

/// Counts of a topic since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Records read.
    pub(super) records: u64,
    /// Late ones among them.
    pub(super) late: u64,
}

/// Topics that had late records, with their counts at the last look.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    seen: BTreeMap<String, Totals>,
}

impl Lateness {
    /// Looks at a topic from now on.
    pub(super) fn watch(&mut self, topic: &str) {
        self.seen.entry(topic.to_owned()).or_default();
    }

    /// What is too late since the last look, by topic.
    pub(super) fn look(&mut self, totals: impl Fn(&str) -> Totals) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (topic, seen) in &mut self.seen {
            let now = totals(topic);
            let records = now.records.saturating_sub(seen.records);
            let late = now.late.saturating_sub(seen.late);
            if records < RECORDS_MIN {
                continue;
            }
            *seen = now;
            if late.saturating_mul(100) > records.saturating_mul(LATE_PERCENT_MAX) {
                warnings.push(Warning { topic: topic.clone(), records, late });
            }
        }
        warnings
    }
}
