//! The topics of a job: what each is for, how it has to be, and how it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use serde::Serialize;

use super::{Failure, dlq};
use crate::brokers::{Brokers as _, End, Place, Record};
use crate::config::Config;
use crate::kafka::{self, Cluster, Notice};
use crate::runtime::cluster::Kafka;
use crate::sinks::Topic;
use crate::sources::decode::{Scratch, Verdict, decode};
use crate::sources::reference;

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A topic as it has to be.
#[derive(Clone, Debug, Serialize)]
pub struct Wanted {
    /// Its name at the brokers.
    pub topic: String,
    /// The brokers.
    pub brokers: String,
    /// Whether it is read or written.
    pub direction: &'static str,
    /// What its records are keyed by.
    pub key: &'static str,
    /// How many partitions it is made with.
    pub partitions: u32,
    /// Whether another number of partitions is a problem, or only slower.
    pub exact: bool,
    /// Its settings.
    pub settings: BTreeMap<&'static str, &'static str>,
    #[serde(skip)]
    cluster: Cluster,
    /// Without the prefix.
    #[serde(skip)]
    bare: String,
}

/// Something about a topic that has to be put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The topic.
    pub topic: String,
    /// Whether the service would not start or would lose something; else it is only slower.
    pub problem: bool,
    /// What is wrong, and what would be right.
    pub message: String,
}

const KEPT: [(&str, &str); 3] = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
const COMPACTED: [(&str, &str); 1] = [("cleanup.policy", "compact")];

/// Every topic of a job; inputs that are made get `partitions` partitions.
#[must_use]
pub fn wanted(config: &Config, partitions: u32) -> Vec<Wanted> {
    let mut all = Vec::new();
    for source in &config.sources {
        let cluster = Cluster::from(source);
        for topic in &source.topics {
            let (key, count, settings) = match topic.as_str() {
                reference::RATES => ("currency:base:valid_from", 1, &COMPACTED[..]),
                reference::RULEBOOKS => ("id:revision", 1, &COMPACTED[..]),
                _ => ("brand:player", partitions, &KEPT[..]),
            };
            all.push(Wanted {
                topic: format!("{}{topic}", source.topic_prefix),
                brokers: source.brokers.clone(),
                direction: "read",
                key,
                partitions: count,
                exact: false,
                settings: settings.iter().copied().collect(),
                cluster: cluster.clone(),
                bare: topic.clone(),
            });
        }
    }
    let cluster = Cluster::from(&config.sink);
    let written = |topic: String, key, exact, settings: &[(&'static str, &'static str)]| Wanted {
        bare: topic.clone(),
        topic,
        brokers: config.sink.brokers.clone(),
        direction: "written",
        key,
        partitions: config.job.shards,
        exact,
        settings: settings.iter().copied().collect(),
        cluster: cluster.clone(),
    };
    for topic in Topic::ALL {
        let name = format!("{}{}", config.sink.topic_prefix, topic.name());
        let key = if topic == Topic::DeadLetters { "topic:partition of the original" } else { "brand:player" };
        all.push(written(name, key, false, if topic.is_compacted() { &COMPACTED } else { &KEPT }));
    }
    let progress = format!("{}tidemark.{}.progress.v1", config.sink.topic_prefix, config.job.name);
    all.push(written(progress, "shard", true, &KEPT));
    all
}

/// Makes the topics that are missing; gives their names.
///
/// # Errors
/// Where one cannot be made.
pub fn create(config: &Config, partitions: u32, notice: &Notice) -> Result<Vec<String>, Failure> {
    let mut made = Vec::new();
    for wanted in wanted(config, partitions) {
        if Kafka::new(wanted.cluster.clone(), Arc::clone(notice))
            .topics()
            .map_err(Failure::Failed)?
            .get(&wanted.topic)
            .is_some_and(|count| *count > 0)
        {
            continue;
        }
        let count = wanted.partitions.cast_signed();
        let mut new = NewTopic::new(&wanted.topic, count, TopicReplication::Fixed(-1));
        for (name, value) in &wanted.settings {
            new = new.set(name, value);
        }
        kafka::create(&wanted.cluster, &[new]).map_err(|cause| Failure::Failed(cause.into()))?;
        made.push(wanted.topic);
    }
    Ok(made)
}

/// Everything about the topics that has to be put right.
///
/// # Errors
/// Where the brokers do not say how they are.
pub fn check(config: &Config, notice: &Notice) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for wanted in wanted(config, 1) {
        let mut found = |problem, message| findings.push(Finding { topic: wanted.topic.clone(), problem, message });
        let count = Kafka::new(wanted.cluster.clone(), Arc::clone(notice))
            .topics()
            .map_err(Failure::Failed)?
            .get(&wanted.topic)
            .copied()
            .unwrap_or(0);
        if count == 0 {
            found(true, "it is not there; `tidemark topics create` makes it".to_owned());
            continue;
        }
        if wanted.direction == "written" && count != wanted.partitions {
            let why = if wanted.exact { "it needs one for each shard" } else { "a shard's transaction then touches several" };
            found(wanted.exact, format!("it has {count} partitions and the job {} shards: {why}", wanted.partitions));
        }
        let settings = settings(&wanted.cluster, &wanted.topic)?;
        let compacted = wanted.settings.get("cleanup.policy") == Some(&"compact");
        for message in set_otherwise(&settings, compacted, wanted.exact) {
            found(true, message);
        }
        if wanted.direction == "read" && compacted {
            keys(&wanted, notice, count, &mut found)?;
        }
    }
    findings.extend(replayed(config, notice)?);
    Ok(findings)
}

/// What `dlq replay` remembers has to be kept, where it has been used.
fn replayed(config: &Config, notice: &Notice) -> Result<Vec<Finding>, Failure> {
    let topic = dlq::replayed_topic(config);
    let (mut findings, mut looked) = (Vec::new(), BTreeSet::new());
    for source in config.sources.iter().filter(|source| looked.insert(&source.brokers)) {
        let cluster = Cluster::from(source);
        let known = Kafka::new(cluster.clone(), Arc::clone(notice)).topics().map_err(Failure::Failed)?;
        if known.contains_key(&topic) {
            let wrong = set_otherwise(&settings(&cluster, &topic)?, true, false);
            findings.extend(wrong.into_iter().map(|message| Finding { topic: topic.clone(), problem: true, message }));
        }
    }
    Ok(findings)
}

/// How a topic is set otherwise than it has to be; `whole` where not even a broker's time may remove a record.
fn set_otherwise(settings: &BTreeMap<String, String>, compacted: bool, whole: bool) -> Vec<String> {
    let of = |name: &str| settings.get(name).map_or("", String::as_str);
    let mut found = Vec::new();
    let policies: Vec<&str> = of("cleanup.policy").split(',').map(str::trim).filter(|policy| !policy.is_empty()).collect();
    if compacted != policies.contains(&"compact") {
        let right = if compacted { "compact" } else { "delete" };
        found.push(format!("cleanup.policy is {}, it has to be {right}", of("cleanup.policy")));
    }
    // Without `delete` nothing is removed by time or size.
    if !policies.contains(&"delete") {
        return found;
    }
    let (time, size) = (of("retention.ms"), of("retention.bytes"));
    if time != "-1" {
        if compacted {
            found.push(format!(
                "cleanup.policy is {} and retention.ms {time}: old records are deleted. Leave `compact` alone",
                policies.join(",")
            ));
        } else if whole {
            found.push(format!("retention.ms is {time}, it has to be -1: a start and `verify` read it back"));
        } else if of("message.timestamp.type") != "LogAppendTime" {
            found.push(format!(
                "retention.ms is {time} and records keep the time of whoever wrote them: old ones can be deleted before they are read. \
                 Set retention.ms=-1 or message.timestamp.type=LogAppendTime"
            ));
        }
    }
    if !matches!(size, "" | "-1") {
        found.push(format!("retention.bytes is {size}: records can be deleted before they are read. Set retention.bytes=-1"));
    }
    found
}

/// The settings that a topic has.
fn settings(cluster: &Cluster, topic: &str) -> Result<BTreeMap<String, String>, Failure> {
    let failed = |cause: &dyn std::fmt::Display| {
        Failure::Failed(anyhow::anyhow!("{} does not say how topic {topic} is set: {cause}", cluster.brokers))
    };
    let admin = kafka::admin(cluster).map_err(|cause| Failure::Failed(cause.into()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|cause| failed(&cause))?;
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let resource = ResourceSpecifier::Topic(topic);
    let asked = admin.describe_configs([&resource], &options);
    let answers = runtime.block_on(asked).map_err(|cause| failed(&cause))?;
    let mut all = BTreeMap::new();
    for answer in answers {
        let described = answer.map_err(|code| failed(&code))?;
        all.extend(described.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))));
    }
    Ok(all)
}

/// A key that is not what it stands for lets compaction delete history (CONTRACTS section 3).
fn keys(wanted: &Wanted, notice: &Notice, partitions: u32, found: &mut dyn FnMut(bool, String)) -> Result<(), Failure> {
    let brokers = Kafka::new(wanted.cluster.clone(), Arc::clone(notice));
    let mut wrong = Vec::new();
    each_keyed(&brokers, (&wanted.topic, partitions), &wanted.bare, TIMEOUT, &mut |message, right| {
        let key = String::from_utf8_lossy(message.key);
        if !same_key(&key, &right) {
            wrong.push(format!(
                "partition {}, offset {}: the key is {key:?}, it has to be {right:?}",
                message.partition, message.offset
            ));
        }
    })
    .map_err(Failure::Failed)?;
    for message in wrong {
        found(true, message);
    }
    Ok(())
}

/// Reads a topic of rates or rulebooks, by its name at the brokers and its number of partitions: each record that decodes,
/// with the key that its content gives it. `bare` is the name without its prefix.
pub(super) fn each_keyed(
    brokers: &Kafka,
    (topic, partitions): (&str, u32),
    bare: &str,
    patience: Duration,
    each: &mut dyn FnMut(&Record<'_>, String),
) -> anyhow::Result<()> {
    let places: Vec<Place> = (0..partitions).map(|number| (topic.to_owned(), number)).collect();
    let bounds = brokers.bounds(&places, End::High)?;
    let mut scratch = Scratch::default();
    brokers.read(&bounds, patience, &mut |message| {
        let text = std::str::from_utf8(message.body).unwrap_or("");
        if let Ok(Verdict::Event(event)) = decode(text, &mut scratch)
            && let Some(key) = reference::key_of(bare, &event)
        {
            each(message, key);
        }
        Ok(())
    })
}

/// Whether a key is the right one; an instant may be written in any way of RFC 3339.
fn same_key(key: &str, right: &str) -> bool {
    if key == right {
        return true;
    }
    let parts = |text: &str| -> Option<(String, tidemark_domain::time::Instant)> {
        let (currency, rest) = text.split_once(':')?;
        let (base, at) = rest.split_once(':')?;
        Some((format!("{currency}:{base}"), tidemark_domain::time::Instant::parse(at.as_bytes())?))
    };
    parts(key).is_some_and(|key| Some(key) == parts(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_removes_records_is_found() {
        let found = |policy: &str, time: &str, size: &str, stamp: &str, compacted, whole| {
            let all = [
                ("cleanup.policy", policy),
                ("retention.ms", time),
                ("retention.bytes", size),
                ("message.timestamp.type", stamp),
            ];
            let settings = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            set_otherwise(&settings, compacted, whole).len()
        };
        assert_eq!(found("delete", "-1", "-1", "CreateTime", false, false), 0);
        assert_eq!(found("delete", "604800000", "-1", "LogAppendTime", false, false), 0);
        assert_eq!(found("delete", "604800000", "-1", "CreateTime", false, false), 1);
        assert_eq!(found("delete", "604800000", "-1", "LogAppendTime", false, true), 1, "progress");
        assert_eq!(found("delete", "-1", "1073741824", "CreateTime", false, false), 1);
        assert_eq!(found("compact", "604800000", "-1", "CreateTime", true, false), 0, "compaction knows no time");
        assert_eq!(found("compact,delete", "604800000", "-1", "LogAppendTime", true, false), 1);
        assert_eq!(found("compact, delete", "-1", "-1", "CreateTime", true, false), 0);
        assert_eq!(found("delete", "-1", "-1", "CreateTime", true, false), 1);
        assert_eq!(found("compact", "-1", "-1", "CreateTime", false, false), 1);
    }
}
