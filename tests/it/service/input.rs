//! Input topics that are deleted, made anew, or shortened by retention: never read on in silence.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use tidemark::kafka;

use super::rig::{Rig, casino, signal, within};
use super::running::{EVENTS, WALL, delete};
use crate::broker::shared;
use crate::results::files;

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

/// Removes the records of partitions that lie before an offset each.
fn shorten(rig: &Rig, places: &[(String, u32, Offset)]) {
    let admin = kafka::admin(&rig.brokers.as_str().into()).unwrap();
    let mut all = TopicPartitionList::new();
    for (topic, number, offset) in places {
        all.add_partition_offset(&format!("{}{topic}", rig.prefix), number.cast_signed(), *offset).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let deleted = runtime.block_on(admin.delete_records(&all, &AdminOptions::new())).unwrap();
    deleted.elements().iter().for_each(|each| each.error().unwrap());
}

/// `verify` finds nothing wrong, and says that the first records of an input are gone.
fn proved_from_a_snapshot(rig: &Rig) -> Value {
    let (code, found) = rig.verify();
    assert_eq!((code, &found["wrong"]), (1, &json!([])), "{found}");
    let gone = found["gone"].to_string();
    assert!(gone.contains("bets.v1") && gone.contains("its first records are no longer kept; what came before epoch"), "{gone}");
    found
}

#[test]
fn where_the_input_no_longer_reaches_back_verify_begins_with_a_snapshot() {
    let casino = casino(6_000, 77);
    let rig = Rig::new(shared(), "shortened", &casino, EVENTS);
    rig.produce(&casino, None);
    rig.drain(2);
    let (code, whole) = rig.verify();
    assert_eq!((code, &whole["gone"]), (0, &json!([])), "{whole}");
    let bets = casino.partitions().into_iter().filter(|(topic, _)| topic == "bets.v1");
    shorten(&rig, &bets.map(|(topic, number)| (topic, number, Offset::End)).collect::<Vec<_>>());
    assert_eq!(proved_from_a_snapshot(&rig)["facts_digest"], whole["facts_digest"]);
}

/// Where partitions stood at a snapshot.
fn places(manifest: &Value) -> Vec<(String, u32, Offset)> {
    let of = |place: &Value| {
        let name = &manifest["partitions"][place["partition"].as_u64().unwrap() as usize];
        let offset = place["position"]["offset"].as_i64().unwrap();
        (name[0].as_str().unwrap().to_owned(), name[1].as_u64().unwrap() as u32, Offset::Offset(offset))
    };
    manifest["progress"]["places"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn what_came_after_a_snapshot_in_the_middle_is_computed_from_it() {
    let casino = casino(12_000, 79);
    let rig = Rig::new(shared(), "middle", &casino, WALL);
    let service = rig.start(2, &[]);
    rig.produce(&casino, Some(Duration::from_secs(1)));
    std::thread::sleep(Duration::from_secs(2));
    signal(&service, "-TERM");
    assert_eq!(rig.ended(service).status.code(), Some(0), "{}", rig.said());
    let manifests = files(&rig.store().join("snapshots")).into_iter().filter(|path| path.ends_with("manifest.json"));
    let read = |path: PathBuf| serde_json::from_slice::<Value>(&fs::read(path).unwrap()).unwrap()["manifest"].clone();
    let mut manifests: Vec<Value> = manifests.map(read).collect();
    manifests.sort_by_key(|manifest| manifest["epoch"].as_u64());
    assert!(manifests.len() > 3, "{} snapshots", manifests.len());
    let all = places(manifests.last().unwrap());
    let middle = manifests.iter().map(places).find(|places| {
        let read = |(topic, _, offset): &(String, u32, Offset)| topic == "bets.v1" && *offset != Offset::Offset(0);
        places.len() == all.len() && places.iter().any(read) && *places != all
    });
    shorten(
        &rig,
        &middle.expect("a snapshot in the middle").into_iter().filter(|(topic, ..)| topic == "bets.v1").collect::<Vec<_>>(),
    );
    assert!(proved_from_a_snapshot(&rig)["commits"].as_u64().unwrap() > 12);
}
