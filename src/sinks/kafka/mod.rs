//! The Kafka sink: one transaction per shard and commit, and a progress record in it.
//!
//! A shard's facts, its dead letters and its progress record become visible together or not at all. What a
//! client says of a commit is a hint; the progress record that is read back is the proof. So whenever an
//! answer is not clear the producer is thrown away, a new one is made (which fences the old one), the progress
//! is read, and that decides.
//!
//! Owns: the transactions, the progress topic, what is read back. Does not own: which epochs are bound, and
//! what a process does that is superseded.
//!
//! Reading order: this file, `progress`, `tail`, `held`, `shard`.

pub mod held;
pub mod progress;
pub mod shard;
pub mod tail;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Topic;
use crate::brokers::{Brokers, Times};
use crate::kafka::Notice;
use crate::machine::Machine;

/// So long after its time is over a transaction is ended for sure: brokers look every 10 s, and those that have much to do
/// have been seen to need 8 s more.
pub(crate) const SWEPT_WITHIN: Duration = Duration::from_secs(45);
const LINGER_MIN: Duration = Duration::from_millis(5);
const LINGER_MAX: Duration = Duration::from_millis(20);

/// Where a job publishes.
#[derive(Clone)]
pub struct Outputs {
    /// The machine that the job runs on.
    pub machine: Machine,
    /// The brokers.
    pub brokers: Arc<dyn Brokers>,
    /// The job's name.
    pub job: String,
    /// What stands before every topic's name.
    pub prefix: String,
    /// How many shards.
    pub shards: u32,
    /// How long a transaction may take.
    pub transaction_timeout: Duration,
    /// How often commits are made.
    pub commit_interval: Duration,
    /// Which topics carry `CloudEvents` headers.
    pub cloudevents: BTreeMap<String, bool>,
    /// Partitions of each topic, in the order of [`Topic::ALL`].
    pub partitions: Vec<u32>,
}

impl std::fmt::Debug for Outputs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outputs").field("job", &self.job).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Outputs {
    /// The name of a topic of facts at the brokers.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        format!("{}{}", self.prefix, topic.name())
    }

    /// The name of the progress topic at the brokers.
    #[must_use]
    pub fn progress_topic(&self) -> String {
        format!("{}tidemark.{}.progress.v1", self.prefix, self.job)
    }

    /// The transactional id of a shard.
    #[must_use]
    pub fn transactional_id(&self, shard: u32) -> String {
        format!("tidemark.{}.{shard}", self.job)
    }

    /// The consumer group under which offsets are committed, for tools that show lag.
    #[must_use]
    pub fn group(&self) -> String {
        format!("tidemark.{}", self.job)
    }

    /// How long a partition may stay unreadable up to its end: as long as a transaction may be open, and until the
    /// coordinator, which looks every ten seconds, has ended it and its markers are written.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.transaction_timeout + SWEPT_WITHIN
    }

    /// How long a shard's producer takes over things. Records wait for others as long as it takes to hand over what is one
    /// request, and a little more. What is sent just before a commit waits as long as the rest.
    fn times(&self) -> Times {
        let linger = (self.commit_interval / 25).clamp(LINGER_MIN, LINGER_MAX);
        Times { transaction: self.transaction_timeout, linger }
    }

    fn has_cloudevents(&self, topic: Topic) -> bool {
        self.cloudevents.get(topic.name()).copied().unwrap_or(!matches!(topic, Topic::PointsLedger | Topic::Profiles))
    }
}

/// What the sink tells its surroundings.
#[derive(Clone)]
pub struct Surroundings {
    /// Something worth a line.
    pub notice: Notice,
    /// Whether a newer start has taken over the job.
    pub superseded: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Surroundings").finish_non_exhaustive()
    }
}
