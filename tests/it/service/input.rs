//! Input topics that are deleted, made anew, or shortened by retention: never read on in silence.

use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use tidemark::kafka;

use super::rig::{Rig, casino, within};
use super::running::{EVENTS, WALL, delete};
use crate::broker::shared;

#[test]
fn a_topic_that_was_made_anew_with_as_many_records_is_not_read_on() {
    let (first, second) = (casino(4_000, 74), casino(9_000, 75));
    let rig = Rig::new(shared(), "anew", &first, EVENTS);
    rig.produce(&first, None);
    rig.drain(2);
    let before = rig.published();
    // The same again is no reason to stop.
    rig.drain(1);
    let topic = format!("{}bets.v1", rig.prefix);
    let partitions = first.partitions().iter().filter(|(name, _)| name == "bets.v1").count() as u32;
    delete(&rig.brokers, &topic);
    kafka::create_topics(rig.brokers.as_str(), &[(topic.as_str(), partitions)]).unwrap();
    rig.produce(&second, None);
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{}", rig.said());
    let said = rig.said();
    assert!(said.contains(&topic) && said.contains("another record is there: the topic was deleted and made anew"), "{said}");
    assert_eq!(rig.published(), before);
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_ends_the_service_with_its_name() {
    let casino = casino(3_000, 76);
    let rig = Rig::new(shared(), "deleted", &casino, WALL);
    rig.produce(&casino, None);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 4);
    let (quiet, _) = casino.partitions().into_iter().find(|(topic, _)| topic != "bets.v1").unwrap();
    let topic = format!("{}{quiet}", rig.prefix);
    delete(&rig.brokers, &topic);
    assert!(within(Duration::from_secs(60), || service.try_wait().unwrap().is_some()), "it goes on: {}", rig.said());
    assert_eq!(rig.ended(service).status.code(), Some(1), "{}", rig.said());
    let said = rig.said();
    assert!(said.contains(&topic) && said.contains("it was deleted, or made anew, while it was read"), "{said}");
}

#[test]
fn where_the_input_no_longer_reaches_back_verify_begins_with_a_snapshot() {
    let casino = casino(6_000, 77);
    let rig = Rig::new(shared(), "shortened", &casino, EVENTS);
    rig.produce(&casino, None);
    rig.drain(2);
    let (code, whole) = rig.verify();
    assert_eq!((code, &whole["gone"]), (0, &serde_json::json!([])), "{whole}");
    let admin = kafka::admin(&rig.brokers.as_str().into()).unwrap();
    let mut all = TopicPartitionList::new();
    for (topic, number) in casino.partitions().iter().filter(|(topic, _)| topic == "bets.v1") {
        all.add_partition_offset(&format!("{}{topic}", rig.prefix), number.cast_signed(), Offset::End).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&all, &AdminOptions::new())).unwrap();
    deleted.elements().iter().for_each(|each| each.error().unwrap());
    let (code, found) = rig.verify();
    assert_eq!((code, &found["wrong"]), (1, &serde_json::json!([])), "{found}");
    let gone = found["gone"].to_string();
    assert!(gone.contains("bets.v1") && gone.contains("its first records are no longer kept; what came before epoch"), "{gone}");
    assert_eq!(found["facts_digest"], whole["facts_digest"]);
}
