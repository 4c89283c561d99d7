//! What is removed of a job's past once `verify` need not reach back to it, and what nobody may remove.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tidemark::kafka::{self, Cluster};

use super::rig::{Rig, casino, signal, within};
use super::running::EVENTS;
use crate::broker::shared;
use crate::results::copy;

/// A round of snapshots a second, where the machine has nothing else to do. How segments of the journal are removed is tested
/// with the journal: it takes hundreds of commits to make two.
const SETTINGS: &str = "[clock]\nmode = \"wall\"\nspeed = 50000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"100ms\"";

/// The least offset that the progress topic has, and the sum of its ends.
fn progress(rig: &Rig) -> (i64, i64) {
    let inspector = kafka::inspector(rig.brokers.as_str()).unwrap();
    let topic = format!("{}{}", rig.prefix, rig.progress_topic());
    let of = |shard| inspector.client().fetch_watermarks(&topic, shard, Duration::from_secs(10)).unwrap();
    let (lows, highs): (Vec<i64>, Vec<i64>) = (0..12).map(of).unzip();
    (lows.into_iter().min().unwrap(), highs.into_iter().sum())
}

#[test]
fn what_verify_need_not_reach_is_removed_and_the_rest_is_still_proved() {
    let first = casino(6_000, 78);
    let mut rig = Rig::new(shared(), "keep", &first, SETTINGS);
    rig.store_settings = "verify_reach = \"4s\"";
    rig.configure(SETTINGS);
    rig.produce(&first, None);
    let service = rig.start(2, &[]);
    assert!(within(Duration::from_secs(150), || progress(&rig).0 > 0), "nothing is removed: {}", rig.said());
    signal(&service, "-TERM");
    assert_eq!(rig.ended(service).status.code(), Some(0), "{}", rig.said());
    assert!(!rig.said().contains("could not be removed"), "{}", rig.said());
    let proved = |rig: &Rig| {
        let (code, found) = rig.verify();
        assert_eq!((code, &found["wrong"]), (1, &serde_json::json!([])), "{found}");
        let gone = found["gone"].to_string();
        assert!(gone.contains(" begins with epoch ") && gone.contains("is not checked"), "{gone}");
        assert!(found["commits"].as_u64().unwrap() > 0, "{found}");
    };
    proved(&rig);
    // Another start goes on from there, with another number of workers.
    let before = progress(&rig).1;
    let service = rig.start(3, &[]);
    assert!(within(Duration::from_secs(90), || progress(&rig).1 > before + 100), "it does not go on: {}", rig.said());
    signal(&service, "-TERM");
    assert_eq!(rig.ended(service).status.code(), Some(0), "{}", rig.said());
    proved(&rig);
}

#[test]
fn without_its_progress_a_job_neither_goes_on_nor_counts_as_proved() {
    let casino = casino(6_000, 93);
    let rig = Rig::new(shared(), "progress", &casino, EVENTS);
    rig.produce(&casino, None);
    rig.drain(2);
    rig.verified();
    let published = rig.published();
    let topic = format!("{}{}", rig.prefix, rig.progress_topic());
    let inspector = kafka::inspector(rig.brokers.as_str()).unwrap();
    let (_, end) = inspector.client().fetch_watermarks(&topic, 3, Duration::from_secs(10)).unwrap();
    let all = BTreeMap::from([((topic.clone(), 3), end.cast_unsigned())]);
    kafka::delete_before(&Cluster::from(rig.brokers.as_str()), &all).unwrap();
    let lost = format!("topic {topic}, partition 3, begins with offset {end} and holds nothing");
    // With its snapshots, and without: then nothing else tells that the shard had published.
    for how in ["with", "without"] {
        let (code, _, said) = rig.asked(&["verify", "--json"]);
        assert!(code == 1 && said.contains(&lost), "{how}: {code}: {said}");
        let before = rig.said().len();
        assert_eq!(rig.ended(rig.start(2, &["--drain"])).status.code(), Some(1), "{how}: {}", rig.said());
        let said = rig.said().split_off(before);
        assert!(said.contains(&lost), "{how}: {said}");
        assert_eq!(rig.published(), published, "{how}");
        fs::remove_dir_all(rig.store().join("snapshots")).unwrap_or_default();
    }
}

#[test]
fn the_copied_state_of_another_job_is_refused() {
    let casino = casino(6_000, 94);
    let (rig, other) = (Rig::new(shared(), "own", &casino, EVENTS), Rig::new(shared(), "renamed", &casino, EVENTS));
    rig.produce(&casino, None);
    rig.drain(2);
    copy(&rig.store(), &other.store());
    let journal = other.journal();
    assert_eq!(other.ended(other.start(2, &["--drain"])).status.code(), Some(78), "{}", other.said());
    assert!(other.said().contains("holds snapshots of the service own"), "{}", other.said());
    assert_eq!(other.journal(), journal, "something was bound");
    let (code, _, said) = other.asked(&["verify", "--json"]);
    assert!(code == 78 && said.contains("holds snapshots of the service own"), "{code}: {said}");
    rig.verified();
}
