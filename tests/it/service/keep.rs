//! What is removed of a job's past once `verify` need not reach back to it.

use std::fs;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tidemark::kafka;

use super::rig::{Rig, casino, signal, within};
use crate::broker::shared;

/// A commit every 30 ms, so a segment of the journal every eight seconds; a round of snapshots a second.
const SETTINGS: &str = "[clock]\nmode = \"wall\"\nspeed = 50000\nstart = \"2026-01-01T00:00:00Z\"\n[http]\nlisten = \"\"\n\
                        [epoch]\ninterval = \"10ms\"\ncommit_interval = \"30ms\"\nsnapshot_interval = \"100ms\"";

/// The first record of the oldest segment of the journal.
fn oldest_segment(rig: &Rig) -> Option<u64> {
    let segments = fs::read_dir(rig.store().join("journal/segments")).ok()?;
    segments.filter_map(|each| each.ok()?.file_name().to_str()?.split_once('-')?.0.parse().ok()).min()
}

/// The least offset that the progress topic has.
fn progress_from(rig: &Rig) -> i64 {
    let inspector = kafka::inspector(rig.brokers.as_str()).unwrap();
    let topic = format!("{0}tidemark.{1}.progress.v1", rig.prefix, rig.prefix.trim_end_matches('-'));
    let of = |shard| inspector.client().fetch_watermarks(&topic, shard, Duration::from_secs(10)).unwrap().0;
    (0..12).map(of).min().unwrap()
}

#[test]
fn what_verify_need_not_reach_is_removed_and_the_rest_is_still_proved() {
    let first = casino(6_000, 78);
    let mut rig = Rig::new(shared(), "keep", &first, SETTINGS);
    rig.store_settings = "verify_reach = \"4s\"";
    rig.configure(SETTINGS);
    rig.produce(&first, None);
    let service = rig.start(2, &[]);
    let trimmed = || oldest_segment(&rig).is_some_and(|first| first > 1) && progress_from(&rig) > 0;
    assert!(within(Duration::from_secs(60), trimmed), "nothing is removed: {}", rig.said());
    signal(&service, "-TERM");
    assert_eq!(rig.ended(service).status.code(), Some(0), "{}", rig.said());
    assert!(!rig.said().contains("could not be removed"), "{}", rig.said());
    let proved = |rig: &Rig| {
        let (code, found) = rig.verify();
        assert_eq!((code, &found["wrong"]), (1, &serde_json::json!([])), "{found}");
        let gone = found["gone"].to_string();
        assert!(gone.contains("the journal begins with epoch") && gone.contains("is not checked"), "{gone}");
        assert!(found["commits"].as_u64().unwrap() > 0, "{found}");
    };
    proved(&rig);
    // Another start goes on from there, with another number of workers.
    let service = rig.start(3, &[]);
    let records = rig.journal().len();
    assert!(within(Duration::from_secs(30), || rig.journal().len() > records + 5), "it does not go on: {}", rig.said());
    signal(&service, "-TERM");
    assert_eq!(rig.ended(service).status.code(), Some(0), "{}", rig.said());
    proved(&rig);
}
