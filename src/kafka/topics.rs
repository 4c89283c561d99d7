//! Clients that make topics, say how they are set, and remove what is old.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::Metadata;
use rdkafka::{Offset, TopicPartitionList};

use super::{Cluster, Context, Error, PATIENCE, config};

/// A client that changes topics.
pub type Admin = AdminClient<Context>;

/// A client that changes topics and says how they are set.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn admin(cluster: &Cluster) -> Result<Admin, Error> {
    let client = config(cluster).create_with_context(Context::default());
    client.map_err(|cause| Error::of_client("cannot make a Kafka client", &cluster.brokers, &cause))
}

/// Creates topics with the brokers' own replication and waits until they can be used. Those that exist stay as they are.
///
/// # Errors
/// Where a topic cannot be created, or is not there within a minute.
pub fn create_topics(cluster: impl Into<Cluster>, topics: &[(&str, u32)]) -> Result<(), Error> {
    // -1: as many replicas as the brokers give a topic by default.
    let new = |&(name, partitions): &(_, u32)| NewTopic::new(name, partitions.cast_signed(), TopicReplication::Fixed(-1));
    create(&cluster.into(), &topics.iter().map(new).collect::<Vec<_>>())
}

/// Creates topics as they are described. Those that exist stay as they are.
///
/// # Errors
/// Where a topic cannot be created, or is not there within a minute.
pub fn create(cluster: &Cluster, topics: &[NewTopic<'_>]) -> Result<(), Error> {
    let failed = |cause: &dyn std::fmt::Display| Error::new("cannot create topics", &cluster.brokers, cause);
    let admin = admin(cluster)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|cause| failed(&cause))?;
    let created = runtime.block_on(admin.create_topics(topics, &patient())).map_err(|cause| failed(&cause))?;
    for outcome in created {
        if let Err((name, code)) = outcome
            && code != RDKafkaErrorCode::TopicAlreadyExists
        {
            return Err(failed(&format!("topic {name}: {code}")));
        }
    }
    let since = Instant::now();
    loop {
        let known = admin.inner().fetch_metadata(None, PATIENCE).map_err(|cause| failed(&cause))?;
        let Some(missing) = topics.iter().find(|topic| !usable(&known, topic.name)) else { return Ok(()) };
        if since.elapsed() > PATIENCE {
            return Err(failed(&format!("topic {} has no leader yet", missing.name)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Removes the records of partitions that lie before an offset each.
///
/// # Errors
/// Where the brokers do not.
pub fn delete_before(cluster: &Cluster, places: &BTreeMap<(String, u32), u64>) -> Result<(), Error> {
    if places.is_empty() {
        // The client takes no empty list.
        return Ok(());
    }
    let failed = |cause: &dyn std::fmt::Display| Error::new("cannot remove records", &cluster.brokers, cause);
    let mut list = TopicPartitionList::with_capacity(places.len());
    for ((topic, partition), offset) in places {
        let added = list.add_partition_offset(topic, partition.cast_signed(), Offset::Offset(offset.cast_signed()));
        added.map_err(|cause| failed(&cause))?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|cause| failed(&cause))?;
    let removed = runtime.block_on(admin(cluster)?.delete_records(&list, &patient())).map_err(|cause| failed(&cause))?;
    removed.elements().iter().try_for_each(|each| each.error()).map_err(|cause| failed(&cause))
}

/// How long a change may take.
fn patient() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE))
}

fn usable(known: &Metadata, name: &str) -> bool {
    let topic = known.topics().iter().find(|topic| topic.name() == name);
    topic
        .is_some_and(|topic| !topic.partitions().is_empty() && topic.partitions().iter().all(|partition| partition.leader() >= 0))
}
