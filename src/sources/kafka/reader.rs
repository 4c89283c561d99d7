//! One partition, read from any offset to the end that was found when it was opened.
//!
//! **One consumer per partition**, and none before the first read, after the end or after a seek. One consumer for all
//! of them, cut into partition queues, would need fewer threads (librdkafka takes four per consumer), but
//! - it reports the end of a partition and an offset out of range without the topic, so that they could not be told apart;
//! - a new assignment, and so a seek, would take all queues down and rebuild them while other threads read from them;
//! - all partitions would share one fetch per broker: while those at their end wait for new records, the others wait with them;
//! - somebody would have to poll it for its errors while the partitions' owners are busy elsewhere.
//!
//! Alone, each is independent, can move to any thread, and its prefetch is bounded by itself. That suits some dozens of partitions.
//!
//! **Back-pressure** is librdkafka's own: a partition whose queue is full is left out of the next fetch until the queue
//! has room (see [`kafka::consumer`]). A partition that nobody reads for a while costs that queue and nothing else, so
//! nothing has to be paused and resumed here.
//!
//! **The end** is the last stable offset at the time of opening. The records before it may have gone: control records of
//! transactions, aborted records and compacted ones take offsets and are never given out. So an offset is never waited
//! for. The end is reached when a record at or behind it is seen, when the consumer has passed it (it counts control
//! records too), or when the broker reports the end of the partition twice with its watermark asked for in between: a
//! broker that has just become leader may report an end that is too early, but it answers no such question before it
//! has caught up.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::cursor::Cursor;
use super::{ANSWER_SECONDS, is_final, tell};
use crate::kafka::{self, Consumer, Notice, Silence};
use crate::sources::{Batch, Error, Partition, Position, Source};

/// One look at an empty queue.
const LOOK: Duration = Duration::from_millis(20);
/// How long a read waits before it gives the thread back with nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the broker has said about the partition's end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Nothing yet.
    Open,
    /// It was reported once, and then the watermark was found to be where it was at opening, or further.
    Reported,
    /// It was reported again: no record before `there.end` is to come.
    Reached,
}

/// One partition of a topic.
///
/// [`Source::read`] gives back `true` and no record after a second in which nothing came, so that its caller can stop
/// while the brokers are away; meanwhile the notice given at opening is called every 10 seconds.
pub struct KafkaSource {
    partition: Partition,
    brokers: Arc<str>,
    notice: Notice,
    /// The offsets that were there at opening.
    there: Range<u64>,
    cursor: Cursor,
    consumer: Option<Consumer>,
    end: End,
    silence: Silence,
}

impl std::fmt::Debug for KafkaSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KafkaSource")
            .field("partition", &self.partition)
            .field("there", &self.there)
            .field("position", &self.cursor.position)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    pub(super) fn new(partition: Partition, brokers: Arc<str>, notice: Notice, there: Range<u64>) -> Self {
        let position = there.start;
        Self {
            partition,
            brokers,
            notice,
            there,
            cursor: Cursor { position, ahead: None },
            consumer: None,
            end: End::Open,
            silence: Silence::default(),
        }
    }

    /// The first offset that was there at opening.
    #[must_use]
    pub fn log_start(&self) -> u64 {
        self.there.start
    }

    /// Begins to fetch from the position, without waiting for anything. A read does it too; calling it for all
    /// partitions before the first read lets them connect side by side.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.consumer.is_some() || self.cursor.position >= self.there.end {
            return Ok(());
        }
        let consumer = kafka::consumer(&*self.brokers).map_err(|cause| Error::Kafka(cause.to_string()))?;
        let assigned = self.cursor.assign(&consumer, &self.partition.topic, self.number());
        assigned.map_err(|cause| self.failed(&cause))?;
        self.consumer = Some(consumer);
        Ok(())
    }

    fn number(&self) -> i32 {
        self.partition.number.cast_signed()
    }

    fn stop(&mut self) {
        self.consumer = None;
        self.cursor.ahead = None;
        self.silence.broken();
    }

    /// Takes the next record, or what else the consumer has to say; the size of the record, where it was one.
    fn step(&mut self, batch: &mut Batch, before: u64) -> Result<Option<usize>, Error> {
        self.start()?;
        let Some(consumer) = &self.consumer else { return Ok(None) };
        let error = match consumer.client().poll(LOOK) {
            Some(Ok(record)) => {
                self.silence.broken();
                return Ok(Some(self.cursor.take(&record, batch, before)));
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        let passed = self.cursor.pass(consumer, before);
        match error {
            None => {}
            Some(KafkaError::PartitionEOF(_)) if passed < self.there.end => self.end_reported()?,
            Some(KafkaError::PartitionEOF(_)) => {}
            Some(error) => self.judge(&error)?,
        }
        Ok(None)
    }

    /// The broker says that the partition ends here, before the end that was found at opening. It says so once.
    fn end_reported(&mut self) -> Result<(), Error> {
        if self.end != End::Open {
            self.end = End::Reached;
            return Ok(());
        }
        // Where it does not answer, the new consumer reports the end again.
        if let Ok(now) = self.watermarks() {
            if now.end < self.there.end {
                return Err(self.broken(&format!(
                    "it ends at offset {} and ended at {} when it was opened: records that were there are lost. \
                     Look at the brokers (unclean leader election, a topic made anew), then begin again",
                    now.end, self.there.end
                )));
            }
            self.end = End::Reported;
        }
        self.stop();
        Ok(())
    }

    /// Ends with an error where trying again cannot help.
    fn judge(&self, error: &KafkaError) -> Result<(), Error> {
        let code = error.rdkafka_error_code();
        if let KafkaError::MessageConsumptionFatal(_) = error {
            return Err(self.failed(error));
        }
        match code {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Err(self.out_of_range(self.cursor.position)),
            Some(Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition) if self.is_gone() => {
                Err(self.broken("it was deleted while it was read. Create the topic again, fill it, and begin again"))
            }
            Some(code) if is_final(code) => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    fn out_of_range(&self, offset: u64) -> Error {
        let now = self
            .watermarks()
            .map_or_else(|_| "are not known".to_owned(), |now| format!("begin at {} and end at {}", now.start, now.end));
        self.broken(&format!(
            "offset {offset} is not there; its offsets now {now}. Its retention (retention.ms, retention.bytes) has deleted it, or the topic \
             was made anew. Keep it longer, and begin again from what is there"
        ))
    }

    /// Whether the topic is not there any more: asked, because a broker that has just started may not know it yet.
    fn is_gone(&self) -> bool {
        let Some(consumer) = &self.consumer else { return false };
        let answer = consumer.client().fetch_metadata(Some(&self.partition.topic), Duration::from_secs(ANSWER_SECONDS));
        let Ok(known) = answer else { return false };
        !known.topics().iter().any(|topic| {
            topic.name() == self.partition.topic && topic.partitions().iter().any(|partition| partition.id() == self.number())
        })
    }

    fn watermarks(&self) -> Result<Range<u64>, KafkaError> {
        let Some(consumer) = &self.consumer else { return Ok(self.there.clone()) };
        let (low, high) =
            consumer.client().fetch_watermarks(&self.partition.topic, self.number(), Duration::from_secs(ANSWER_SECONDS))?;
        Ok(low.max(0).cast_unsigned()..high.max(0).cast_unsigned())
    }

    fn failed(&self, cause: &KafkaError) -> Error {
        self.broken(&format!("offset {}: {cause}", self.cursor.position))
    }

    fn broken(&self, what: &str) -> Error {
        Error::Kafka(format!("topic {}, partition {} at {}: {what}", self.partition.topic, self.partition.number, self.brokers))
    }
}

impl Source for KafkaSource {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn seek(&mut self, position: Position) -> Result<(), Error> {
        let offset = position.offset;
        if offset < self.there.start || offset > self.there.end {
            return Err(self.out_of_range(offset));
        }
        if offset != self.cursor.position {
            self.stop();
            self.end = End::Open;
            self.cursor.position = offset;
        }
        Ok(())
    }

    fn position(&self) -> Position {
        Position { offset: self.cursor.position, byte: 0 }
    }

    fn high_watermark(&self) -> Option<u64> {
        Some(self.there.end)
    }

    fn read(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error> {
        let before = before.map_or(self.there.end, |before| before.min(self.there.end));
        let mut taken = self.cursor.give_kept(batch, before);
        let mut since = None;
        while self.cursor.position < before && taken < bytes.max(1) {
            if self.end == End::Reached {
                self.cursor.position = before;
                break;
            }
            match self.step(batch, before)? {
                Some(more) => {
                    taken += more;
                    since = None;
                }
                None if taken > 0 => break,
                None if since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE => {
                    let Partition { topic, number } = &self.partition;
                    let place = format_args!("topic {topic}, partition {number}, offset {}", self.cursor.position);
                    tell(&mut self.silence, &mut self.consumer, &self.notice, &self.brokers, place);
                    break;
                }
                None => {}
            }
        }
        if self.cursor.position < self.there.end {
            return Ok(true);
        }
        self.stop();
        Ok(false)
    }
}
