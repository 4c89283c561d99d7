//! What there is at the brokers: the partitions to read, the topics to publish to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;

use crate::config::Config;
use crate::kafka::{self, Cluster, Notice};
use crate::runtime::Failure;
use crate::sinks::Topic;
use crate::sinks::kafka::Outputs;
use crate::sources::Partition;
use crate::sources::kafka::Asker;
use crate::sources::reference::is_reference_topic;

/// How long one question may take before it is asked again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A partition to be read, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Input {
    pub(super) partition: Partition,
    pub(super) cluster: Arc<Cluster>,
    pub(super) prefix: String,
}

impl Input {
    /// Whether it holds rates or rulebooks: those become known with the epoch that binds them.
    pub(super) fn is_reference(&self) -> bool {
        is_reference_topic(&self.partition.topic)
    }

    pub(super) fn name(&self) -> String {
        format!("{}{}", self.prefix, self.partition.topic)
    }
}

/// The partitions of every topic at a cluster, by name.
pub(crate) fn partitions_at(cluster: &Cluster, notice: &Notice) -> Result<BTreeMap<String, u32>, Failure> {
    let inspector = kafka::inspector(cluster).map_err(|cause| Failure::Failed(cause.into()))?;
    let asker = Asker { inspector: &inspector, brokers: &cluster.brokers, notice, what: "the list of topics".to_owned() };
    let known = asker.ask(|| inspector.client().fetch_metadata(None, TIMEOUT))?;
    Ok(known.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32)).collect())
}

/// Every partition to be read, in the order of topic and partition.
pub(super) fn inputs(config: &Config, notice: &Notice) -> Result<Vec<Input>, Failure> {
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for source in &config.sources {
        let cluster = Arc::new(Cluster { brokers: source.brokers.clone(), settings: source.librdkafka.clone() });
        let known = partitions_at(&cluster, notice)?;
        for topic in &source.topics {
            let name = format!("{}{topic}", source.topic_prefix);
            match known.get(&name).filter(|count| **count > 0) {
                None => missing.push(format!("{name} at {}", source.brokers)),
                Some(count) => all.extend((0..*count).map(|number| Input {
                    partition: Partition { topic: topic.clone(), number },
                    cluster: Arc::clone(&cluster),
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

/// Looks out for partitions that are added while the service runs, until `stop` says so; then sets `changed`.
pub(super) fn look_out(inputs: Vec<Input>, changed: &AtomicBool, stop: &dyn Fn() -> bool, notice: &Notice) {
    let mut known: BTreeMap<(String, String), (Arc<Cluster>, u32)> = BTreeMap::new();
    for input in inputs {
        let key = (input.cluster.brokers.clone(), input.name());
        known.entry(key).or_insert_with(|| (Arc::clone(&input.cluster), 0)).1 += 1;
    }
    let mut asked = Instant::now();
    while !stop() {
        std::thread::sleep(Duration::from_millis(100));
        if asked.elapsed() < LOOK {
            continue;
        }
        asked = Instant::now();
        for ((brokers, name), (cluster, count)) in &known {
            let Ok(inspector) = kafka::inspector(&**cluster) else { continue };
            // Where there is no answer, others say so.
            let Ok(answer) = inspector.client().fetch_metadata(Some(name), TIMEOUT) else { continue };
            let now = answer.topics().first().map_or(0, |topic| topic.partitions().len() as u32);
            if now > *count {
                notice(&format!(
                    "topic {name} at {brokers} has {now} partitions now, {count} before; they are taken in with the next epoch"
                ));
                changed.store(true, Ordering::Release);
                return;
            }
        }
    }
}

/// Where a job publishes; every topic has to be there.
pub(super) fn outputs(config: &Config, notice: &Notice) -> Result<Outputs, Failure> {
    let cluster = Cluster { brokers: config.sink.brokers.clone(), settings: config.sink.librdkafka.clone() };
    let known = partitions_at(&cluster, notice)?;
    let mut outputs = Outputs {
        cluster: Arc::new(cluster),
        job: config.job.name.clone(),
        prefix: config.sink.topic_prefix.clone(),
        shards: config.job.shards,
        transaction_timeout: config.sink.transaction_timeout,
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
pub(super) fn offsets(inputs: &[Input], notice: &Notice) -> Result<Vec<(u64, u64)>, Failure> {
    let mut inspectors: Vec<(Arc<Cluster>, kafka::Consumer)> = Vec::new();
    let mut all = Vec::new();
    for input in inputs {
        if !inspectors.iter().any(|(cluster, _)| *cluster == input.cluster) {
            let inspector = kafka::inspector(&*input.cluster).map_err(|cause| Failure::Failed(cause.into()))?;
            inspectors.push((Arc::clone(&input.cluster), inspector));
        }
        let Some((_, inspector)) = inspectors.iter().find(|(cluster, _)| *cluster == input.cluster) else { continue };
        let (name, number) = (input.name(), input.partition.number);
        let what = format!("the offsets of topic {name}, partition {number}");
        let asker = Asker { inspector, brokers: &input.cluster.brokers, notice, what };
        let (low, high) = asker.ask(|| inspector.client().fetch_watermarks(&name, number.cast_signed(), TIMEOUT))?;
        all.push((low.max(0).cast_unsigned(), high.max(0).cast_unsigned()));
    }
    Ok(all)
}
