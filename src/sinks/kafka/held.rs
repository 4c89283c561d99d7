//! What a shard holds until it is visible, and how it is handed to a producer: a request at a time.
//!
//! librdkafka has one request of a partition on its way at a time (it counts records where it means to count requests),
//! and its thread that sends goes round without a rest while a record has waited behind that for longer than `linger.ms`.
//! So what comes while a request is on its way stays here, and goes with the next one
//! ([decision 15](../../../docs/decisions/0015-a-request-at-a-time.md)).

use super::Outputs;
use crate::brokers::{Outgoing, Refused, Transactions};
use crate::epoch::Epoch;
use crate::sinks::{Lane, Topic};

/// See the module's words.
#[derive(Debug, Default)]
pub struct Held {
    lanes: Vec<(Epoch, Box<Lane>)>,
    /// The next record to be handed over.
    next: Next,
}

/// A record among those held, by number: its lane, the block in that, the record in that.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    lane: usize,
    block: usize,
    record: usize,
}

impl Held {
    /// Takes what a shard has to say in an epoch.
    pub fn push(&mut self, epoch: Epoch, lane: Box<Lane>) {
        self.lanes.push((epoch, lane));
    }

    /// Whether something was not handed over yet.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.next.lane < self.lanes.len()
    }

    /// How many bytes are in lanes that were not handed over as a whole.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lanes.iter().skip(self.next.lane).map(|(_, lane)| lane.size()).sum()
    }

    /// Has everything handed over once more.
    pub fn rewind(&mut self) {
        self.next = Next::default();
    }

    /// Everything is visible: gives its memory back.
    pub fn recycle(&mut self) {
        self.rewind();
        for (_, lane) in self.lanes.drain(..) {
            lane.recycle();
        }
    }

    /// Hands over what waits, as much as one request takes. To be asked while nothing is on its way.
    ///
    /// # Errors
    /// Where the producer refuses a record.
    pub fn hand_over(&mut self, producer: &mut dyn Transactions, outputs: &Outputs, shard: u32) -> Result<(), Refused> {
        let shard = shard.to_string();
        let mut room = producer.room();
        while let Some((epoch, lane)) = self.lanes.get(self.next.lane) {
            let epoch = epoch.to_string();
            let headers = [("tm-epoch", epoch.as_str()), ("tm-shard", shard.as_str())];
            for (topic, block) in Topic::ALL.into_iter().zip(&lane.blocks).skip(self.next.block) {
                let (name, cloudevents) = (outputs.topic(topic), outputs.has_cloudevents(topic));
                for (key, body) in block.records().skip(self.next.record) {
                    if room == 0 {
                        return Ok(());
                    }
                    let own = if cloudevents { cloud(key, body) } else { Vec::new() };
                    producer.send(Outgoing { topic: &name, partition: None, key, body, headers: &headers, own: &own })?;
                    let more: usize = own.iter().map(|(header, value)| header.len() + value.len()).sum();
                    room = room.saturating_sub(key.len() + body.len() + more);
                    self.next.record += 1;
                }
                self.next = Next { block: self.next.block + 1, record: 0, ..self.next };
            }
            self.next = Next { lane: self.next.lane + 1, ..Next::default() };
            outputs.machine.pass("epoch.sent");
        }
        Ok(())
    }
}

/// The `CloudEvents` headers of a fact: whom it is about, which is its key, and what its body says of it.
fn cloud<'r>(key: &'r [u8], body: &'r [u8]) -> Vec<(&'r str, &'r str)> {
    let text = std::str::from_utf8(body).unwrap_or("");
    // Within a text a quote has a backslash before it: there is no such member in one.
    let value = |name: &str| text.split_once(name)?.1.split_once('"').map(|(value, _)| value);
    let mut all = Vec::with_capacity(7);
    all.extend([("ce_specversion", "1.0"), ("ce_source", "/tidemark"), ("content-type", "application/json")]);
    let members = [("ce_id", "\"event_id\":\""), ("ce_type", "\"event_type\":\""), ("ce_time", "\"occurred_at\":\"")];
    for (header, name) in members {
        all.extend(value(name).map(|found| (header, found)));
    }
    all.extend(std::str::from_utf8(key).ok().map(|subject| ("ce_subject", subject)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_of_cloudevents_are_those_of_the_fact_whatever_a_player_is_called() {
        for player in ["p42", "x\\\"occurred_at", "a\\\"occurred_at\\\":\\\"2020", ",\\\"event_id\\\":\\\""] {
            // An `Audited` is in the order of its members' names.
            for body in [
                format!(
                    r#"{{"event_id":"u-1","event_type":"TierChanged","player_id":"{player}","cause_event_id":"e-1","occurred_at":"2026-03-01T10:00:00.000Z"}}"#
                ),
                format!(
                    r#"{{"action":"StatusForce","actor":"{player}","cause_event_id":"e-1","event_id":"u-1","event_type":"TierChanged","occurred_at":"2026-03-01T10:00:00.000Z","player_id":"{player}"}}"#
                ),
            ] {
                let found = cloud(b"b1:p42", body.as_bytes());
                assert_eq!(
                    found[2..],
                    [
                        ("content-type", "application/json"),
                        ("ce_id", "u-1"),
                        ("ce_type", "TierChanged"),
                        ("ce_time", "2026-03-01T10:00:00.000Z"),
                        ("ce_subject", "b1:p42"),
                    ],
                    "{body}"
                );
            }
        }
        let letter = br#"{"event_id":"u-2","event_type":"DeadLetter","kind":"size","original_event_id":"e-1"}"#;
        assert_eq!(cloud(b"bets.v1:3", letter)[3..], [("ce_id", "u-2"), ("ce_type", "DeadLetter"), ("ce_subject", "bets.v1:3")]);
    }
}
