//! The way back into a cluster: letters and the memory of them, in one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use serde::{Deserialize, Serialize};

use super::letter::patience;
use super::ready::Ready;
use crate::brokers::{Brokers as _, End, Place};
use crate::config::Config;
use crate::hex;
use crate::kafka::{self, Cluster, Notice, Producer};
use crate::runtime::cluster::Kafka;
use crate::runtime::topics;
use crate::sources::reference;

/// How long the brokers may take to accept a transactional id, or to take a transaction back.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// So many letters, or so many bytes of them, go in one transaction.
const LETTERS_MAX: usize = 200;
/// See [`LETTERS_MAX`].
const BYTES_MAX: usize = 4 << 20;

/// What is written down of a letter that is sent; its key is the letter's id, and the topic is compacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    event_id: String,
    /// Of the payload that was sent.
    sha256: String,
    /// Of other payloads that were sent for it before, oldest first: compaction leaves one record of a letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

/// Which payloads were sent, by the letter's id.
#[derive(Debug, Default)]
pub(super) struct Sent(BTreeMap<String, Vec<String>>);

impl Sent {
    /// Takes in what was written down.
    fn learn(&mut self, note: Note) {
        let known = self.0.entry(note.event_id).or_default();
        for hash in note.earlier.into_iter().chain([note.sha256]) {
            if !known.contains(&hash) {
                known.push(hash);
            }
        }
    }

    /// Whether a payload was sent.
    pub(super) fn has(&self, event_id: &str, sha256: &str) -> bool {
        self.0.get(event_id).is_some_and(|known| known.iter().any(|hash| hash == sha256))
    }

    /// What is to be written down of a payload; none where the same was sent before.
    pub(super) fn note(&mut self, event_id: &str, sha256: &str) -> Option<Note> {
        let known = self.0.entry(event_id.to_owned()).or_default();
        if known.iter().any(|hash| hash == sha256) {
            return None;
        }
        let note = Note { event_id: event_id.to_owned(), sha256: sha256.to_owned(), earlier: known.clone() };
        known.push(sha256.to_owned());
        Some(note)
    }
}

/// The topic in which it is written down what was sent.
pub(in crate::runtime) fn replayed_topic(config: &Config) -> String {
    config.sink.full_name(&format!("tidemark.{}.dlq-replayed.v1", config.job.name))
}

/// How long a letter waits for others to go with it.
const LINGER: Duration = Duration::from_millis(20);

/// Hashes of records, by key.
type Standing = BTreeMap<String, BTreeSet<String>>;

/// The way back into one cluster.
pub(super) struct WayBack {
    pub(super) cluster: Cluster,
    brokers: Kafka,
    /// What stands in topics of rates and rulebooks, by topic.
    standing: BTreeMap<String, Standing>,
    /// All topics there and their partitions.
    pub(super) known: BTreeMap<String, u32>,
    /// Where it is written down what was sent.
    replayed: String,
    pub(super) sent: Sent,
    /// None where nothing is to be sent.
    producer: Option<Producer>,
    patience: Duration,
    batch: Vec<(Ready, Note)>,
    bytes: usize,
}

impl WayBack {
    /// Opens the way of the source with that number.
    pub(super) fn open(config: &Config, cluster: Cluster, number: usize, send: bool, notice: &Notice) -> Result<Self> {
        let brokers = Kafka::new(cluster.clone(), Arc::clone(notice));
        let known = brokers.topics()?;
        let replayed = replayed_topic(config);
        let mut count = known.get(&replayed).copied().unwrap_or(0);
        let mut producer = None;
        if send {
            if count == 0 {
                let new = NewTopic::new(&replayed, 1, TopicReplication::Fixed(-1)).set("cleanup.policy", "compact");
                kafka::create(&cluster, &[new])?;
                count = 1;
            }
            // Before the look at what was sent: from here on nobody older sends anything.
            producer = Some(new_producer(config, &cluster, number)?);
        }
        let patience = patience(config);
        let sent = sent(&brokers, &replayed, count, patience)?;
        let standing = BTreeMap::new();
        Ok(Self { cluster, brokers, standing, known, replayed, sent, producer, patience, batch: Vec::new(), bytes: 0 })
    }

    /// Whether another record stands under the key of one that goes to a compacted topic.
    pub(super) fn is_taken(&mut self, topic: &str, ready: &Ready) -> Result<bool> {
        let Some(key) = ready.key.as_ref().filter(|_| reference::is_reference_topic(topic)) else { return Ok(false) };
        if !self.standing.contains_key(&ready.topic) {
            let found = self.stands(topic, &ready.topic)?;
            self.standing.insert(ready.topic.clone(), found);
        }
        let standing = self.standing.entry(ready.topic.clone()).or_default().entry(key.clone()).or_default();
        let taken = standing.iter().any(|sha256| *sha256 != ready.sha256);
        if !taken {
            standing.insert(ready.sha256.clone());
        }
        Ok(taken)
    }

    /// What stands in a topic of rates or rulebooks, by each key that compaction or its content gives it.
    fn stands(&self, topic: &str, name: &str) -> Result<Standing> {
        let count = self.known.get(name).copied().unwrap_or(0);
        let mut found = Standing::new();
        topics::each_keyed(&self.brokers, (name, count), topic, self.patience, &mut |message, key| {
            let sha256 = hex::sha256(message.body);
            found.entry(String::from_utf8_lossy(message.key).into_owned()).or_default().insert(sha256.clone());
            found.entry(key).or_default().insert(sha256);
        })?;
        Ok(found)
    }

    pub(super) fn is_full(&self) -> bool {
        self.batch.len() >= LETTERS_MAX || self.bytes >= BYTES_MAX
    }

    /// Sends what is collected, in one transaction; gives how many letters it were.
    pub(super) fn flush(&mut self) -> Result<u64> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let Some(producer) = self.producer.as_ref().filter(|_| !batch.is_empty()) else { return Ok(0) };
        if let Err(cause) = self.transaction(producer, &batch) {
            // So that readers do not wait for it until it times out; where that fails the brokers take it back.
            let _aborted = producer.abort_transaction(ANSWER_WITHIN);
            return Err(cause.context(format!(
                "{} letters may not have been sent to {}. Give the same command again: what was sent is known from topic {} and \
                 is not sent twice",
                batch.len(),
                self.cluster.brokers,
                self.replayed
            )));
        }
        Ok(batch.len() as u64)
    }

    /// Takes a letter up, to be sent with others.
    pub(super) fn push(&mut self, ready: Ready, note: Note) {
        self.bytes += ready.payload.len();
        self.batch.push((ready, note));
    }

    fn transaction(&self, producer: &Producer, batch: &[(Ready, Note)]) -> Result<()> {
        producer.begin_transaction().context("cannot begin a transaction")?;
        for (ready, note) in batch {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&ready.topic).payload(ready.payload.as_slice());
            if let Some(key) = &ready.key {
                record = record.key(key.as_bytes());
            } else if let Some(number) = ready.partition {
                record = record.partition(number.cast_signed());
            }
            kafka::send(producer, record)?;
            let body = serde_json::to_vec(note).context("cannot write down what was sent")?;
            kafka::send(producer, BaseRecord::to(&self.replayed).key(note.event_id.as_bytes()).payload(&body[..]))?;
        }
        let begun = Instant::now();
        loop {
            match producer.commit_transaction(self.patience) {
                Ok(()) if producer.context().undelivered() == 0 => return Ok(()),
                Ok(()) => bail!("a commit left records out: {}", producer.context().last_error().unwrap_or_default()),
                // The same call again is what librdkafka asks for.
                Err(KafkaError::Transaction(error)) if error.is_retriable() && begun.elapsed() < self.patience => {}
                Err(error) => return Err(error).context("the commit's outcome is not known"),
            }
        }
    }
}

fn new_producer(config: &Config, cluster: &Cluster, number: usize) -> Result<Producer> {
    let mut id = format!("tidemark.{}.dlq", config.job.name);
    if number > 0 {
        id.push_str(&format!("-{number}"));
    }
    let producer = kafka::shard_producer(cluster, &id, config.sink.transaction_timeout, LINGER)?;
    producer.init_transactions(ANSWER_WITHIN).with_context(|| {
        let why = producer.context().last_error().map(|error| format!(" ({error})")).unwrap_or_default();
        format!("the brokers at {} do not accept the transactional id {id}{why}; nothing was sent", cluster.brokers)
    })?;
    Ok(producer)
}

/// Reads what was sent so far.
fn sent(brokers: &Kafka, topic: &str, partitions: u32, patience: Duration) -> Result<Sent> {
    let places: Vec<Place> = (0..partitions).map(|number| (topic.to_owned(), number)).collect();
    let bounds = brokers.bounds(&places, End::High)?;
    let mut sent = Sent::default();
    brokers.read(&bounds, patience, &mut |message| {
        let note: Note = serde_json::from_slice(message.body).with_context(|| {
            format!(
                "topic {topic}, partition {}, offset {} is not what `dlq replay` writes, so what was sent is not known; nothing \
                 was sent",
                message.partition, message.offset
            )
        })?;
        sent.learn(note);
        Ok(())
    })?;
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_sent_once_and_a_corrected_one_once_more() {
        let mut sent = Sent::default();
        let first = sent.note("l1", "aa").unwrap();
        assert_eq!(serde_json::to_string(&first).unwrap(), r#"{"event_id":"l1","sha256":"aa"}"#);
        assert_eq!(sent.note("l1", "aa"), None);
        assert!(sent.note("l2", "aa").is_some(), "another letter");
        let second = sent.note("l1", "bb").unwrap();
        assert_eq!(second.earlier, ["aa"]);
        // What compaction leaves is the last record of the letter: it knows both.
        let mut learnt = Sent::default();
        learnt.learn(second.clone());
        learnt.learn(second);
        assert_eq!((learnt.note("l1", "aa"), learnt.note("l1", "bb")), (None, None));
        assert_eq!(learnt.note("l1", "cc").unwrap().earlier, ["aa", "bb"]);
    }
}
