//! The last transaction of a shard, read back (`sinks/kafka/tail.rs`): what is found there, and how far the look goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tidemark::brokers::{Brokers, Each, End, Place, Record, Times, Transactions};
use tidemark::epoch::Epoch;
use tidemark::machine::Machine;
use tidemark::sinks::kafka::Outputs;
use tidemark::sinks::kafka::progress::ProgressRecord;
use tidemark::sinks::kafka::tail::{Standing, check_last};
use tidemark::sinks::{Proof, Topic};
use tidemark::sources::{Partition, Source};

/// One topic's records: partition, broker's time, shard, epoch.
pub(crate) struct Held(pub(crate) Vec<(u32, i64, u32, Epoch)>);

const TOPIC: Topic = Topic::PointsLedger;

impl Held {
    fn of(&self, partition: u32) -> impl Iterator<Item = (u64, &(u32, i64, u32, Epoch))> {
        (0..).zip(self.0.iter().filter(move |each| each.0 == partition))
    }
}

impl Brokers for Held {
    fn address(&self) -> &'static str {
        "a test"
    }

    fn topics(&self) -> Result<BTreeMap<String, u32>> {
        bail!("nobody asks")
    }

    fn partitions(&self, topic: &str) -> Result<u32> {
        let most = self.0.iter().map(|each| each.0 + 1).max().unwrap_or(0);
        Ok(if topic == TOPIC.name() { most } else { 1 })
    }

    fn bounds(&self, places: &[Place], _: End) -> Result<BTreeMap<Place, (u64, u64)>> {
        let end = |(topic, partition): &Place| if topic == TOPIC.name() { self.of(*partition).count() as u64 } else { 0 };
        Ok(places.iter().map(|place| (place.clone(), (0, end(place)))).collect())
    }

    fn read(&self, from: &BTreeMap<Place, (u64, u64)>, _: Duration, each: Each<'_>) -> Result<()> {
        for ((topic, partition), (start, end)) in from.iter().filter(|(place, _)| place.0 == TOPIC.name()) {
            for (offset, (_, at, shard, epoch)) in self.of(*partition).filter(|(offset, _)| (start..end).contains(&offset)) {
                let (shard, epoch) = (shard.to_string(), epoch.to_string());
                let headers = vec![("tm-shard", shard.as_bytes()), ("tm-epoch", epoch.as_bytes())];
                let (partition, timestamp) = (*partition, Some(*at));
                each(&Record { topic, partition, offset, timestamp, key: b"default:p", body: b"{}", headers })?;
            }
        }
        Ok(())
    }

    fn delete_before(&self, _: &BTreeMap<Place, u64>) -> Result<()> {
        bail!("nobody asks")
    }

    fn follow(&self, _: &Partition, _: &str, _: u64) -> Box<dyn Source> {
        panic!("nobody follows")
    }

    fn producer(&self, _: &str, _: Times, _: &str) -> Result<Box<dyn Transactions>> {
        bail!("nobody produces")
    }

    fn is_theirs(&self, _: &anyhow::Error) -> bool {
        false
    }
}

/// Where a job of two shards publishes.
pub(crate) fn outputs(held: Held) -> Outputs {
    Outputs {
        machine: Machine::default(),
        brokers: Arc::new(held),
        job: "j".to_owned(),
        prefix: String::new(),
        shards: 2,
        transaction_timeout: Duration::from_secs(1),
        commit_interval: Duration::from_secs(1),
        cloudevents: BTreeMap::new(),
        partitions: vec![1; Topic::ALL.len()],
    }
}

/// What is said of a job of two shards whose first has published `count` records with its second commit, and whose
/// topics had one partition when it began.
fn said(held: Held, count: u64, new: bool) -> Result<Vec<String>> {
    let outputs = outputs(held);
    let mut proof = Proof::default();
    (0..count).for_each(|_| proof.add(TOPIC, b"default:p", b"{}"));
    let before = ProgressRecord::after(None, 1, 10, None, Proof::default());
    let last = ProgressRecord::after(Some(&before), 1, 20, None, proof);
    let standing = |record, timestamp| Standing { record, timestamp };
    // The machine that published the first was 20 s ahead of the one that published the second.
    let progress = BTreeMap::from([(0, vec![standing(before, 120_000), standing(last, 101_000)])]);
    check_last(&outputs, &progress, new)
}

#[test]
fn a_clock_that_was_set_back_between_two_transactions_hides_no_record() {
    let held = |count| Held((0..count).map(|at| (0, 100_000 + at, 0, 20)).collect());
    assert_eq!(said(held(600), 600, false).unwrap(), Vec::<String>::new());
    let why = said(held(599), 600, false).unwrap_err().to_string();
    assert!(why.contains("is to hold 600 records and 599 were found"), "{why}");
}

#[test]
fn a_commit_is_proved_with_the_partitions_that_there_are_by_then() {
    let held = || Held([0, 1].iter().flat_map(|partition| (0..5).map(|at| (*partition, 100_000 + at, 0, 20))).collect());
    assert_eq!(said(held(), 10, true).unwrap(), Vec::<String>::new());
    assert!(said(held(), 10, false).is_err(), "at a start they are known already");
}
