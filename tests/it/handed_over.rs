//! What a shard hands to its producer at once (`sinks/kafka/held.rs`): a request, in order, and nothing twice or never.

use std::time::Duration;

use tidemark::brokers::{Kind, Outgoing, Refused, Transactions};
use tidemark::epoch::Epoch;
use tidemark::sinks::kafka::held::Held;
use tidemark::sinks::{Block, End, Lane, Topic};

use crate::read_back::{Held as Nothing, outputs};

/// How many bytes are handed over at once.
const ROOM: usize = 800_000;
/// What a shard speaks of here.
const TOPICS: [Topic; 2] = [Topic::TierChanges, Topic::PointsLedger];

/// A producer that writes down what it is given: topic, key, epoch, size of key, body and headers of its own.
#[derive(Default)]
struct Book {
    lines: Vec<(String, String, Epoch, usize)>,
    /// Refuses everything once it has so many.
    full: Option<usize>,
}

impl Transactions for Book {
    fn init(&mut self, _: Duration) -> Result<(), Refused> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused> {
        if self.full == Some(self.lines.len()) {
            return Err(Refused { what: "full".to_owned(), kind: Kind::Unclear });
        }
        let key = String::from_utf8(record.key.to_vec()).unwrap();
        let epoch = record.headers.iter().find(|header| header.0 == "tm-epoch").unwrap().1.parse().unwrap();
        let own: usize = record.own.iter().map(|(header, value)| header.len() + value.len()).sum();
        self.lines.push((record.topic.to_owned(), key, epoch, record.key.len() + record.body.len() + own));
        Ok(())
    }

    fn offsets(&mut self, _: &[(String, u32, u64)]) -> Result<(), Refused> {
        Ok(())
    }

    fn room(&self) -> usize {
        ROOM
    }

    fn is_writing(&self) -> bool {
        false
    }

    fn flush(&mut self, _: Duration) -> Result<(), Refused> {
        Ok(())
    }

    fn commit(&mut self, _: Duration) -> Result<(), Refused> {
        Ok(())
    }
}

fn key(topic: Topic, epoch: Epoch, number: usize) -> String {
    format!("{}:{epoch}:{number}", topic.name())
}

/// What a shard says in an epoch: so many records in each of two topics, a body of `size` bytes each.
fn lane(epoch: Epoch, counts: [usize; 2], size: usize) -> Box<Lane> {
    let mut lane = Lane::fresh(0);
    for (topic, count) in TOPICS.into_iter().zip(counts) {
        let mut block = Block::default();
        for number in 0..count {
            block.bytes.extend(std::iter::repeat_n(b'x', size));
            block.keys.extend(key(topic, epoch, number).into_bytes());
            block.ends.push(End { line: block.bytes.len() as u32, key: block.keys.len() as u32 });
            block.bytes.push(b'\n');
        }
        let at = Topic::ALL.iter().position(|each| *each == topic).unwrap();
        lane.blocks[at] = block;
    }
    Box::new(lane)
}

/// Asks until nothing waits; what came each time.
fn all(held: &mut Held) -> Vec<Vec<(String, String, Epoch, usize)>> {
    let outputs = outputs(Nothing(Vec::new()));
    let mut requests = Vec::new();
    while held.waits() {
        let mut book = Book::default();
        held.hand_over(&mut book, &outputs, 0).unwrap();
        // Epochs without a fact leave nothing to be sent.
        requests.extend(Some(book.lines).filter(|lines| !lines.is_empty()));
    }
    requests
}

#[test]
fn what_waits_is_handed_over_a_request_at_a_time_in_order() {
    for (counts, size) in [([3, 700], 1000), ([0, 40], 30_000), ([900, 900], 1000), ([1, 1], 2_000_000), ([0, 0], 1)] {
        let mut held = Held::default();
        let epochs = 5;
        for epoch in 1..=epochs {
            held.push(epoch, lane(epoch, counts, size));
        }
        let mut due: Vec<(String, String, Epoch)> = Vec::new();
        for epoch in 1..=epochs {
            for (topic, count) in TOPICS.into_iter().zip(counts) {
                due.extend((0..count).map(|number| (topic.name().to_owned(), key(topic, epoch, number), epoch)));
            }
        }
        let requests = all(&mut held);
        for (number, request) in requests.iter().enumerate() {
            let sizes: Vec<usize> = request.iter().map(|line| line.3).collect();
            let but_the_last: usize = sizes.iter().rev().skip(1).sum();
            assert!(but_the_last < ROOM, "request {number} of {counts:?} was full before its last record");
            let sum: usize = sizes.iter().sum();
            assert!(sum >= ROOM || number + 1 == requests.len(), "request {number} of {counts:?} had room for more");
        }
        let found = requests.into_iter().flatten().map(|(topic, key, epoch, _)| (topic, key, epoch)).collect::<Vec<_>>();
        assert_eq!(found.len(), due.len());
        assert!(found == due, "{counts:?}: another order, or another epoch in the headers");

        held.rewind();
        assert_eq!(all(&mut held).into_iter().flatten().count(), due.len(), "sent again, everything is");
        held.recycle();
        assert!(!held.waits());
    }
}

#[test]
fn what_was_refused_is_sent_again_from_the_start() {
    let mut held = Held::default();
    held.push(1, lane(1, [2, 10], 100));
    let mut book = Book { full: Some(5), ..Book::default() };
    assert_eq!(held.hand_over(&mut book, &outputs(Nothing(Vec::new())), 0).unwrap_err().what, "full");
    assert!(held.waits());
    held.rewind();
    assert_eq!(all(&mut held).into_iter().flatten().count(), 12);
}
