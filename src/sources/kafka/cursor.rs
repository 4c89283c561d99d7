//! Where a partition is read on, and what its consumer has already handed over.

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::kafka::Consumer;
use crate::sources::Batch;

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The offset of the next record.
    pub(super) position: u64,
    /// A record that was taken although it lies behind what was asked for.
    pub(super) ahead: Option<(u64, Vec<u8>)>,
}

impl Cursor {
    /// Has a consumer read from here.
    pub(super) fn assign(&self, consumer: &Consumer, topic: &str, partition: i32) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(self.position.cast_signed()))?;
        consumer.client().assign(&list)
    }

    /// Gives out what was kept, where it lies before `before`; the size of it. What lies behind it leaves nothing to
    /// be read before.
    pub(super) fn give_kept(&mut self, batch: &mut Batch, before: u64) -> usize {
        if let Some((offset, value)) = self.ahead.take_if(|(offset, _)| *offset < before) {
            self.position = offset + 1;
            return give(batch, offset, &value);
        }
        if self.ahead.is_some() {
            self.position = self.position.max(before);
        }
        0
    }

    /// Takes a record: gives it out, or keeps it where it does not lie before `before`. The size of what is given out.
    pub(super) fn take(&mut self, record: &BorrowedMessage<'_>, batch: &mut Batch, before: u64) -> usize {
        let offset = record.offset().cast_unsigned();
        let value = record.payload().unwrap_or(&[]);
        if offset < self.position {
            return 0;
        }
        if offset >= before {
            self.ahead = Some((offset, value.to_vec()));
            self.position = before;
            return 0;
        }
        self.position = offset + 1;
        give(batch, offset, value)
    }

    /// Everything up to where the consumer is was given out, or is nothing that is given out: control records take
    /// offsets. Gives where it is.
    pub(super) fn pass(&mut self, consumer: &Consumer, before: u64) -> u64 {
        let passed = passed(consumer);
        self.position = self.position.max(passed.min(before));
        passed
    }
}

/// Appends one record, unless it is a tombstone or empty; says how many bytes it takes.
fn give(batch: &mut Batch, offset: u64, value: &[u8]) -> usize {
    if !value.is_empty() {
        batch.push(offset, value);
    }
    value.len()
}

/// The offset behind the last record that the consumer has taken, control records included.
fn passed(consumer: &Consumer) -> u64 {
    let list = consumer.client().position().ok();
    let offset = list.as_ref().and_then(|list| list.elements().first().map(|element| element.offset()));
    match offset {
        Some(Offset::Offset(offset)) => offset.max(0).cast_unsigned(),
        _ => 0,
    }
}
