//! What there is at the brokers: the partitions to read, the topics to publish to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Options;
use crate::brokers::{Brokers, End};
use crate::epoch::Place;
use crate::kafka::{Cluster, NEW_JOB, Notice};
use crate::machine::Machine;
use crate::runtime::Failure;
use crate::sinks::Topic;
use crate::sinks::kafka::Outputs;
use crate::sources::reference::is_reference_topic;
use crate::sources::{Partition, Source};

/// A partition to be read, and where it is.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) partition: Partition,
    pub(super) brokers: Arc<dyn Brokers>,
    pub(super) prefix: String,
}

impl Input {
    /// Whether it holds rates or rulebooks: those become known with the epoch that binds them.
    pub(super) fn is_reference(&self) -> bool {
        is_reference_topic(&self.partition.topic)
    }

    /// Its records from where it stands among `places`, under its number; else from offset 0.
    pub(super) fn follow(&self, number: u32, places: &[Place]) -> Box<dyn Source> {
        let known = places.iter().find(|place| place.partition == number);
        self.brokers.follow(&self.partition, &self.prefix, known.map_or(0, |place| place.position.offset))
    }

    pub(super) fn name(&self) -> String {
        format!("{}{}", self.prefix, self.partition.topic)
    }
}

/// The brokers of several partitions, each cluster once.
pub(super) fn clusters<'b>(all: impl Iterator<Item = &'b Arc<dyn Brokers>>) -> Vec<Arc<dyn Brokers>> {
    let mut clusters: Vec<Arc<dyn Brokers>> = Vec::new();
    for brokers in all {
        if !clusters.iter().any(|known| Arc::ptr_eq(known, brokers)) {
            clusters.push(Arc::clone(brokers));
        }
    }
    clusters
}

/// Every partition to be read, in the order of topic and partition.
pub(super) fn inputs(options: &Options) -> Result<Vec<Input>, Failure> {
    let mut clusters: Vec<(Cluster, Arc<dyn Brokers>)> = Vec::new();
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for source in &options.config.sources {
        let cluster = Cluster::from(source);
        let brokers = match clusters.iter().find(|(known, _)| *known == cluster) {
            Some((_, brokers)) => Arc::clone(brokers),
            None => (options.world.brokers)(&cluster, &options.notice),
        };
        clusters.push((cluster, Arc::clone(&brokers)));
        let known = brokers.topics().map_err(Failure::Failed)?;
        for topic in &source.topics {
            let name = format!("{}{topic}", source.topic_prefix);
            match known.get(&name).filter(|count| **count > 0) {
                None => missing.push(format!("{name} at {}", source.brokers)),
                Some(count) => all.extend((0..*count).map(|number| Input {
                    partition: Partition { topic: topic.clone(), number },
                    brokers: Arc::clone(&brokers),
                    prefix: source.topic_prefix.clone(),
                })),
            }
        }
    }
    if !missing.is_empty() {
        return Err(Failure::Failed(anyhow::anyhow!(
            "no topic {}; create it, correct [[source]] topics, or allow this client to read it (`tidemark topics create` makes \
             what is missing)",
            missing.join(", ")
        )));
    }
    all.sort_by(|left, right| left.partition.cmp(&right.partition));
    Ok(all)
}

/// How often the brokers are asked whether a topic has got more partitions.
const LOOK: Duration = Duration::from_secs(5);

/// So many times in a row a topic has to be found gone: brokers that have just started may not know it yet.
const GONE_AFTER: u32 = 3;

/// A topic that is looked at: its brokers, how many partitions are read, how often in a row there were fewer.
struct Looked {
    brokers: Arc<dyn Brokers>,
    count: u32,
    fewer: u32,
    /// Whether it is published to.
    written: bool,
}

impl Looked {
    fn of(brokers: &Arc<dyn Brokers>, count: u32, written: bool) -> Self {
        Self { brokers: Arc::clone(brokers), count, fewer: 0, written }
    }
}

/// Looks out for partitions that are added while the service runs, until `stop` says so; then sets `changed`: those that
/// are read are taken in by the next start, and in those that are written it looks for what was published. Ends with why
/// the service has to end where a topic is gone.
///
/// # Errors
/// That.
pub(super) fn look_out(
    inputs: Vec<Input>,
    outputs: &Outputs,
    changed: &AtomicBool,
    stop: &dyn Fn() -> bool,
    machine: &Machine,
    notice: &Notice,
) -> Result<(), Failure> {
    let mut known: BTreeMap<(String, String), Looked> = BTreeMap::new();
    for input in inputs {
        let key = (input.brokers.address().to_owned(), input.name());
        let brokers = &input.brokers;
        known.entry(key).or_insert_with(|| Looked::of(brokers, 0, false)).count += 1;
    }
    for (topic, count) in Topic::ALL.into_iter().zip(&outputs.partitions) {
        let key = (outputs.brokers.address().to_owned(), outputs.topic(topic));
        known.insert(key, Looked::of(&outputs.brokers, *count, true));
    }
    let mut asked = machine.now();
    while !stop() {
        machine.sleep(Duration::from_millis(100));
        if machine.now() - asked < LOOK {
            continue;
        }
        asked = machine.now();
        for ((address, name), looked) in &mut known {
            // Where there is no answer, others say so.
            let Ok(now) = looked.brokers.partitions(name) else {
                looked.fewer = 0;
                continue;
            };
            let before = looked.count;
            // One that is gone is looked at no more: who publishes to it says so by itself. Brokers that have just started may not
            // know it yet.
            if looked.written && now == 0 {
                looked.fewer += 1;
                looked.count = if looked.fewer == GONE_AFTER { 0 } else { looked.count };
                continue;
            }
            if now > before {
                let then = if looked.written {
                    "the service starts anew to publish to all of them. A player's facts may be in two partitions from now on"
                } else {
                    "they are taken in with the next epoch"
                };
                notice(&format!("topic {name} at {address} has {now} partitions now, {before} before; {then}"));
                changed.store(true, Ordering::Release);
                return Ok(());
            }
            looked.fewer = if now < before && !looked.written { looked.fewer + 1 } else { 0 };
            if looked.fewer == GONE_AFTER {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "topic {name} at {address} has {now} partitions now, {before} before: it was deleted, or made anew, while it was \
                     read. Nothing is skipped: restore the topic, or {NEW_JOB}"
                )));
            }
        }
        known.retain(|_, looked| looked.count > 0);
    }
    Ok(())
}

/// Where a job publishes; every topic has to be there.
pub(super) fn outputs(options: &Options) -> Result<Outputs, Failure> {
    let config = &options.config;
    let cluster = Cluster::from(&config.sink);
    let brokers = (options.world.brokers)(&cluster, &options.notice);
    let known = brokers.topics().map_err(Failure::Failed)?;
    let mut outputs = Outputs {
        machine: options.world.machine.clone(),
        brokers,
        job: config.job.name.clone(),
        prefix: config.sink.topic_prefix.clone(),
        shards: config.job.shards,
        transaction_timeout: config.sink.transaction_timeout,
        commit_interval: config.epoch.commit_interval,
        cloudevents: config.sink.cloudevents.clone(),
        partitions: Vec::new(),
    };
    let mut missing = Vec::new();
    for topic in Topic::ALL {
        let count = known.get(&outputs.topic(topic)).copied().unwrap_or(0);
        if count == 0 {
            missing.push(outputs.topic(topic));
        }
        outputs.partitions.push(count);
    }
    let progress = outputs.progress_topic();
    match known.get(&progress).copied().unwrap_or(0) {
        0 => missing.push(progress),
        count if count != config.job.shards => {
            return Err(Failure::Mismatch(format!(
                "topic {progress} has {count} partitions and the job has {} shards: it needs one for each shard. Use another [job] name, \
                 or the shards that the job began with",
                config.job.shards
            )));
        }
        _ => {}
    }
    if missing.is_empty() {
        return Ok(outputs);
    }
    Err(Failure::Failed(anyhow::anyhow!(
        "no topic {} at {}; nothing was bound or published. `tidemark topics create` makes what is missing",
        missing.join(", "),
        config.sink.brokers
    )))
}

/// The first offset and the last stable offset of every partition.
pub(super) fn offsets(inputs: &[Input], options: &Options) -> Result<Vec<(u64, u64)>, Failure> {
    let each = |input: &Input| {
        let place = (input.name(), input.partition.number);
        let ask = || input.brokers.bounds(std::slice::from_ref(&place), End::Stable);
        let found = super::patiently(options, input.brokers.as_ref(), |error| input.brokers.is_theirs(error), ask)?;
        Ok(found.get(&place).copied().unwrap_or_default())
    };
    inputs.iter().map(each).collect()
}
