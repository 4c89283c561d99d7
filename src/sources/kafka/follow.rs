//! One partition, read on and on: what the service reads from.
//!
//! It begins at an offset that the bindings name and never moves by itself: no group, no committed offset, no
//! reset. An offset that is not there ends the process with what happened and what can be done.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::cursor::Cursor;
use super::{ANSWER_SECONDS, is_final, tell};
use crate::kafka::{self, Cluster, Consumer, NEW_JOB, Notice, Silence};
use crate::sources::{Batch, Error, Partition, Position, Source};

/// One look at an empty queue, where a record is known to come.
const LOOK: Duration = Duration::from_millis(5);
/// How long a read waits for a record that is known to come before it gives the thread back.
const PATIENCE: Duration = Duration::from_millis(200);

/// See the module's words.
pub struct FollowSource {
    partition: Partition,
    /// The topic's name at the brokers, prefix included.
    name: String,
    cluster: Arc<Cluster>,
    notice: Notice,
    cursor: Cursor,
    consumer: Option<Consumer>,
    silence: Silence,
    /// The last that was heard is that nothing more is there.
    at_end: bool,
}

impl std::fmt::Debug for FollowSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("FollowSource")
            .field("partition", &self.partition)
            .field("position", &self.cursor.position)
            .finish_non_exhaustive()
    }
}

impl FollowSource {
    /// A partition to be read from `position` on. `prefix` stands before its topic's name at the brokers.
    #[must_use]
    pub fn new(partition: Partition, prefix: &str, cluster: Arc<Cluster>, notice: Notice, position: u64) -> Self {
        let name = format!("{prefix}{}", partition.topic);
        Self {
            partition,
            name,
            cluster,
            notice,
            cursor: Cursor { position, ahead: None },
            consumer: None,
            silence: Silence::default(),
            at_end: false,
        }
    }

    fn start(&mut self) -> Result<(), Error> {
        if self.consumer.is_some() {
            return Ok(());
        }
        let consumer = kafka::consumer(&*self.cluster).map_err(|cause| Error::Kafka(cause.to_string()))?;
        let assigned = self.cursor.assign(&consumer, &self.name, self.partition.number.cast_signed());
        assigned.map_err(|cause| self.broken(&cause.to_string()))?;
        self.consumer = Some(consumer);
        Ok(())
    }

    /// Takes one record, if there is one; the bytes of it.
    fn step(&mut self, batch: &mut Batch, before: u64, wait: Duration) -> Result<Option<usize>, Error> {
        let Some(consumer) = &self.consumer else { return Ok(None) };
        match consumer.client().poll(wait) {
            Some(Ok(record)) => {
                self.silence.broken();
                self.at_end = false;
                return Ok(Some(self.cursor.take(&record, batch, before)));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                self.silence.broken();
                self.at_end = true;
            }
            Some(Err(error)) => self.judge(&error)?,
            None => {}
        }
        self.cursor.pass(consumer, before);
        Ok(None)
    }

    /// Ends with an error where trying again cannot help.
    fn judge(&self, error: &KafkaError) -> Result<(), Error> {
        if let KafkaError::MessageConsumptionFatal(_) = error {
            return Err(self.broken(&format!("offset {}: {error}", self.cursor.position)));
        }
        match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => Err(self.out_of_range()),
            Some(code) if is_final(code) => Err(self.broken(&format!("offset {}: {error}", self.cursor.position))),
            _ => Ok(()),
        }
    }

    fn out_of_range(&self) -> Error {
        let timeout = Duration::from_secs(ANSWER_SECONDS);
        let number = self.partition.number.cast_signed();
        let asked = self.consumer.as_ref().map(|consumer| consumer.client().fetch_watermarks(&self.name, number, timeout));
        let now = match asked {
            Some(Ok((low, high))) => format!("its offsets now begin at {low} and end at {high}"),
            _ => "its offsets now are not known".to_owned(),
        };
        self.broken(&format!(
            "offset {} is not there; {now}. The topic's retention has deleted records that were not read yet, or the topic was \
             deleted and made anew. Nothing is skipped: restore the topic, or {NEW_JOB}",
            self.cursor.position
        ))
    }

    fn broken(&self, what: &str) -> Error {
        Error::Kafka(format!("topic {}, partition {} at {}: {what}", self.name, self.partition.number, self.cluster.brokers))
    }
}

impl Source for FollowSource {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn seek(&mut self, position: Position) -> Result<(), Error> {
        if position.offset != self.cursor.position {
            self.consumer = None;
            self.at_end = false;
            self.cursor.ahead = None;
            self.cursor.position = position.offset;
        }
        Ok(())
    }

    fn position(&self) -> Position {
        Position { offset: self.cursor.position, byte: 0 }
    }

    fn high_watermark(&self) -> Option<u64> {
        None
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn reaches(&mut self, end: u64) {
        self.at_end &= end <= self.cursor.position;
    }

    /// With `before`, records up to there are known to be there and are waited for a moment. Without, what is
    /// there is taken. Says whether more may be there at once.
    fn read(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error> {
        let Some(limit) = before else { return self.read_now(batch, bytes, None) };
        let full = self.read_now(batch, bytes, before)?;
        if full || !batch.records.is_empty() {
            return Ok(full);
        }
        let since = Instant::now();
        while self.cursor.position < limit && since.elapsed() < PATIENCE {
            if let Some(taken) = self.step(batch, limit, LOOK)? {
                // What came brought more with it.
                return Ok(self.read_now(batch, bytes.saturating_sub(taken).max(1), before)? || taken >= bytes);
            }
        }
        Ok(false)
    }

    fn read_now(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error> {
        self.start()?;
        let limit = before.unwrap_or(u64::MAX);
        let mut taken = self.cursor.give_kept(batch, limit);
        while self.cursor.position < limit && taken < bytes.max(1) {
            let Some(more) = self.step(batch, limit, Duration::ZERO)? else {
                // Where nobody has said that this is the end, something is to come.
                if taken == 0 && (before.is_some() || !self.at_end) {
                    let Self { cluster, name, partition, cursor, .. } = self;
                    let place = format_args!("topic {name}, partition {}, offset {}", partition.number, cursor.position);
                    tell(&mut self.silence, &mut self.consumer, &self.notice, &cluster.brokers, place);
                }
                break;
            };
            taken += more;
        }
        Ok(taken >= bytes.max(1))
    }
}
