//! A reader of what is committed: it begins at the ends that topics have now.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};
use tidemark::kafka::{self, Consumer};

/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(30);

/// Reads topics from their ends on.
pub(crate) fn at_end(brokers: &str, topics: &[String]) -> Consumer {
    let consumer = kafka::consumer(brokers).expect("a consumer can be made");
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for (partition, (_, end)) in bounds(&consumer, topic) {
            list.add_partition_offset(topic, partition, Offset::Offset(end)).expect("an offset");
        }
    }
    consumer.client().assign(&list).expect("partitions can be assigned");
    consumer
}

/// The partitions of a topic, where each begins and where it ends.
pub(crate) fn bounds(consumer: &Consumer, topic: &str) -> Vec<(i32, (i64, i64))> {
    let known = consumer.client().fetch_metadata(Some(topic), ANSWER).expect("the broker answers");
    let partitions = known.topics().iter().flat_map(|each| each.partitions());
    let of = |partition: i32| consumer.client().fetch_watermarks(topic, partition, ANSWER).expect("the broker answers");
    partitions.map(|each| (each.id(), of(each.id()))).collect()
}
