//! A cluster of three: one of them dies, and the two others go on.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tidemark::kafka;

use super::brokers::{SETTINGS, under_way};
use super::rig::{Rig, casino, digest, replayed};
use crate::broker::Broker;

/// The node that leads the first partition of a topic.
fn leader(rig: &Rig, topic: &str) -> i32 {
    let name = format!("{}{topic}", rig.prefix);
    let inspector = kafka::inspector(rig.brokers.as_str()).unwrap();
    let known = inspector.client().fetch_metadata(Some(&name), Duration::from_secs(10)).unwrap();
    known.topics()[0].partitions()[0].leader()
}

#[test]
#[ignore = "part of make chaos"]
fn the_leader_of_what_is_written_may_die_and_the_drain_goes_on_with_the_other_two() {
    let casino = casino(60_000, 92);
    let wanted = replayed(&casino);
    let broker = Broker::three();
    let mut rig = Rig::new(broker.address(), "cluster", &casino, SETTINGS);
    rig.patience = Duration::from_secs(5 * 60);
    rig.produce(&casino, None);
    let service = under_way(&rig);
    let node = leader(&rig, "loyalty.points-ledger.v1");
    broker.signal_node(node, "KILL");
    assert_eq!(rig.ended(service).status.code(), Some(0), "node {node} was killed: {}", rig.said());
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary), "node {node} is away");
    broker.node_again(node);
    assert_eq!(rig.published(), wanted.lines);
    assert_eq!(rig.verified()["facts_digest"], digest(&wanted.summary));
}
