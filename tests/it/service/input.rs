//! Input topics that are deleted, made anew, or shortened by retention: never read on in silence.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rdkafka::admin::AdminOptions;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use tidemark::kafka;
use tidemark::sources::casino::Casino;

use super::rig::{Rig, casino, digest, signal, within};
use super::running::{EVENTS, WALL, delete};
use crate::broker::shared;
use crate::results::{default_programme, files, finish, succeed, tidemark};

/// Deletes the topic of bets and makes it again, empty; gives its name.
fn make_anew(rig: &Rig, casino: &Casino) -> String {
    let topic = format!("{}bets.v1", rig.prefix);
    let partitions = casino.partitions().iter().filter(|(name, _)| name == "bets.v1").count() as u32;
    delete(&rig.brokers, &topic);
    kafka::create_topics(rig.brokers.as_str(), &[(topic.as_str(), partitions)]).unwrap();
    topic
}

#[test]
fn a_topic_that_was_made_anew_with_as_many_records_is_not_read_on() {
    let (first, second) = (casino(4_000, 74), casino(9_000, 75));
    let rig = Rig::new(shared(), "anew", &first, EVENTS);
    rig.produce(&first, None);
    rig.drain(2);
    let before = rig.published();
    // The same again is no reason to stop.
    rig.drain(1);
    let topic = make_anew(&rig, &first);
    rig.produce(&second, None);
    assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{}", rig.said());
    let said = rig.said();
    assert!(said.contains(&topic) && said.contains("another record is there: the topic was deleted and made anew"), "{said}");
    assert_eq!(rig.published(), before);
    let (code, _, said) = rig.asked(&["verify"]);
    assert_eq!((code, said.contains("the topic was deleted and made anew")), (1, true), "{said}");
}

#[test]
fn what_holds_less_than_was_bound_ends_a_replay_and_a_verification_with_where_it_ends() {
    let casino = casino(3_000, 77);
    let rig = Rig::new(shared(), "less", &casino, EVENTS);
    rig.produce(&casino, None);
    let drained = rig.drain(2);
    let topic = make_anew(&rig, &casino);
    let (code, _, said) = rig.asked(&["verify"]);
    assert_eq!((code, said.contains(&topic) && said.contains("it ends at 0")), (1, true), "{said}");
    // From files of the same records the replay gives the same; with one of them cut short it ends.
    let files = rig.folder.path().join("files");
    casino.write(&files).unwrap();
    let whole = rig.folder.path().join("whole");
    succeed(tidemark(&default_programme(), &files, &whole).args(["--workers", "2", "--bindings"]).arg(rig.store()));
    assert_eq!(digest(&fs::read_to_string(whole.join("summary.json")).unwrap()), drained["facts_digest"]);
    let cut = files.join("bets.v1/0.jsonl");
    let text = fs::read_to_string(&cut).unwrap();
    let kept = text.lines().count() / 2;
    fs::write(&cut, text.split_inclusive('\n').take(kept).collect::<String>()).unwrap();
    let out = rig.folder.path().join("again");
    let mut replay = tidemark(&default_programme(), &files, &out);
    let (code, said) = finish(replay.args(["--workers", "2", "--bindings"]).arg(rig.store()));
    let wanted = format!("topic bets.v1, partition 0, ends at offset {kept} and was bound to offset");
    assert_eq!((code, said.contains(&wanted)), (1, true), "{said}");
}

#[test]
fn a_start_that_would_be_refused_takes_the_job_from_nobody() {
    let casino = casino(3_000, 78);
    let rig =
        Rig::new(shared(), "refused-later", &casino, &WALL.replace("commit_interval = \"200ms\"", "commit_interval = \"50ms\""));
    rig.produce(&casino, None);
    let mut service = rig.start(2, &[]);
    rig.wait_for_records(&mut service, 4);
    let usual = fs::read_to_string(rig.config()).unwrap();
    let fewer = usual.replace("\"bets.v1\", ", "");
    assert_ne!(fewer, usual);
    fs::write(rig.config(), fewer).unwrap();
    let (code, _, said) = rig.asked(&["run"]);
    assert_eq!((code, said.contains("put it back into [[source]] topics")), (78, true), "{said}");
    assert!(!said.contains("begins"), "it took the job: {said}");
    let records = rig.journal().len();
    rig.wait_for_records(&mut service, records + 4);
    // One that is sound takes it, however often the other one binds.
    fs::write(rig.config(), usual).unwrap();
    let newer = rig.start(1, &[]);
    assert!(within(Duration::from_secs(60), || rig.said().contains("generation 2 of job")), "{}", rig.said());
    assert_eq!(rig.ended(service).status.code(), Some(75), "{}", rig.said());
    signal(&newer, "-TERM");
    assert_eq!(rig.ended(newer).status.code(), Some(0), "{}", rig.said());
    rig.verified();
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
