//! The dead letters of a job: read back, and sent once more through the topics they came from.
//!
//! Each letter is sent once. What was sent is written down in a topic of its own, in the same transaction as the
//! letter itself, so both are there or neither. A transaction ends at its cluster's border: so that topic is at the
//! brokers to which the letters go. Whoever sends takes the transactional id `tidemark.JOB.dlq` first and reads that
//! topic then: of two at once the older one is fenced, and what it had sent is known.
//!
//! Owns: what may be sent again, under which key, and the memory of it. Does not own: how a dead letter comes to be
//! (`sinks::letter`).
//!
//! Reading order: [`DeadLetter`], [`read`], `prepare`, [`replay`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::Message as _;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, Producer as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tidemark_domain::fact::DeadKind;

use super::Failure;
use crate::config::{Config, Source};
use crate::kafka::{self, Cluster, Notice, Producer};
use crate::runtime::service::partitions_at;
use crate::sinks::Topic;
use crate::sinks::kafka::tail::{self, Place};
use crate::sources::RECORD_BYTES_MAX;
use crate::sources::decode::{Decoded, Detail, Scratch, Verdict, decode};

/// How long the brokers may take to accept a transactional id, or to take a transaction back.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// So many letters, or so many bytes of them, go in one transaction.
const LETTERS_MAX: usize = 200;
/// See [`LETTERS_MAX`].
const BYTES_MAX: usize = 4 << 20;

/// A dead letter as it stands in its topic (CONTRACTS section 4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its own id, from topic, partition and offset of the original.
    pub event_id: String,
    /// `schema_violation`, `missing_fx` and so on.
    pub kind: String,
    /// What is wrong, in words.
    #[serde(default)]
    pub error: String,
    /// The field that is wrong, where one is.
    pub field: Option<String>,
    /// Where the original stands, without the prefix.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// Whose it is, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand_id: Option<String>,
    /// Whose it is, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub player_id: Option<String>,
    /// The original's own id, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_event_id: Option<String>,
    /// The original, where it is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// The original, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// How long the original is, where only its first part was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_bytes: Option<u64>,
    /// Whatever else stands in it.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl DeadLetter {
    /// Reads one.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|cause| cause.to_string())
    }

    /// The whole original.
    ///
    /// # Errors
    /// Why it is not here, in words.
    fn whole(&self) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.payload_bytes {
            return Err(format!(
                "only the first part of its {bytes} bytes was kept. Send it from where it came from, or give the whole payload with \
                 --from, without `payload_bytes` and `payload_sha256`"
            ));
        }
        match (&self.payload, &self.payload_base64) {
            (Some(text), None) => Ok(text.clone().into_bytes()),
            (None, Some(text)) => STANDARD.decode(text).map_err(|cause| format!("its `payload_base64` is not base64: {cause}")),
            (Some(_), Some(_)) => Err("it has both `payload` and `payload_base64`; leave one of them".to_owned()),
            (None, None) => Err("it has neither `payload` nor `payload_base64`".to_owned()),
        }
    }
}

/// Which letters are meant; what is left out means all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those of this topic, without its prefix.
    pub topic: Option<String>,
    /// Those of this kind.
    pub kind: Option<String>,
    /// Those with one of these ids: the letter's own, or the original's.
    pub ids: BTreeSet<String>,
}

impl Filter {
    /// Whether a letter is meant.
    #[must_use]
    pub fn takes(&self, letter: &DeadLetter) -> bool {
        let by_id = self.ids.contains(&letter.event_id)
            || letter.original_event_id.as_ref().is_some_and(|original| self.ids.contains(original));
        self.topic.as_ref().is_none_or(|topic| *topic == letter.topic)
            && self.kind.as_ref().is_none_or(|kind| *kind == letter.kind)
            && (self.ids.is_empty() || by_id)
    }
}

/// A dead letter, and where it stands in the dead-letter topic.
#[derive(Clone, Debug)]
pub struct Filed {
    /// Its partition there.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// It.
    pub letter: DeadLetter,
}

/// An open transaction of a process that died is taken back by the brokers within its own time.
fn patience(config: &Config) -> Duration {
    config.sink.transaction_timeout + Duration::from_secs(10)
}

/// Reads the job's dead letters up to the ends that the topic has now, partition after partition, each from its
/// log start or from where `since` says; gives those ends.
///
/// # Errors
/// Where the topic is not there or cannot be read, `since` names a partition that it does not have, or `each` fails.
pub fn read(
    config: &Config,
    since: &BTreeMap<u32, u64>,
    notice: &Notice,
    each: &mut dyn FnMut(Filed) -> Result<()>,
) -> Result<BTreeMap<u32, u64>, Failure> {
    let cluster = Cluster { brokers: config.sink.brokers.clone(), settings: config.sink.librdkafka.clone() };
    let topic = config.sink.full_name(Topic::DeadLetters.name());
    let count = partitions_at(&cluster, notice)?.get(&topic).copied().unwrap_or(0);
    if count == 0 {
        return Err(Failure::Failed(anyhow!(
            "no topic {topic} at {}: correct [sink.kafka], or make it with `tidemark topics create`",
            cluster.brokers
        )));
    }
    if let Some(beyond) = since.keys().find(|number| **number >= count) {
        return Err(Failure::Usage(format!("--since names partition {beyond}, and topic {topic} has {count}, counted from 0")));
    }
    let places: Vec<Place> = (0..count).map(|number| (topic.clone(), number)).collect();
    let mut ends = BTreeMap::new();
    for (place, (low, high)) in tail::bounds(&cluster, &places).map_err(Failure::Failed)? {
        let number = place.1;
        ends.insert(number, high);
        let start = since.get(&number).map_or(low, |given| low.max(*given));
        let one = BTreeMap::from([(place, (start, high))]);
        tail::read(&cluster, &one, patience(config), |message| {
            let offset = message.offset().cast_unsigned();
            if offset >= high {
                return Ok(());
            }
            match DeadLetter::read(message.payload().unwrap_or(&[])) {
                Ok(letter) => each(Filed { partition: number, offset, letter }),
                Err(why) => {
                    notice(&format!("topic {topic}, partition {number}, offset {offset} is no dead letter and is left out: {why}"));
                    Ok(())
                }
            }
        })
        .map_err(Failure::Failed)?;
    }
    Ok(ends)
}

/// The letters of a file of corrected ones: one a line, as `dlq list --json` prints them.
///
/// # Errors
/// Where the file cannot be read, or a line is no dead letter.
fn corrected(path: &Path) -> Result<Vec<DeadLetter>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|cause| Failure::Usage(format!("cannot read the dead letters in {}: {cause}", path.display())))?;
    letters_of(&text).map_err(|why| Failure::Usage(format!("{}:{why}; nothing was sent", path.display())))
}

fn letters_of(text: &str) -> Result<Vec<DeadLetter>, String> {
    let lines = (1_usize..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let read = DeadLetter::read(line.as_bytes());
            read.map_err(|why| format!("{number}: this line is no dead letter as `tidemark dlq list --json` prints it: {why}"))
        })
        .collect()
}

/// A letter that can be sent.
#[derive(Debug, PartialEq, Eq)]
struct Ready {
    event_id: String,
    /// As Kafka names it.
    topic: String,
    key: Option<String>,
    /// Where it goes when nothing is known that could be its key.
    partition: Option<u32>,
    payload: Vec<u8>,
    sha256: String,
    /// Why it would be a dead letter again, where that is known without the service.
    again: Option<String>,
}

/// Makes a letter ready for its original topic.
///
/// # Errors
/// Why it cannot be sent, in words.
fn prepare(letter: &DeadLetter, source: &Source, corrected: bool) -> Result<Ready, String> {
    let payload = letter.whole()?;
    if payload.is_empty() {
        return Err("its payload is empty, and the service skips empty records".to_owned());
    }
    if payload.len() > RECORD_BYTES_MAX {
        return Err(format!(
            "it has {} bytes and a record at most {RECORD_BYTES_MAX}: it would be a dead letter again. Shorten it and send it with --from",
            payload.len()
        ));
    }
    if !corrected && is_compacted(&letter.topic) && letter.kind == DeadKind::Conflict.name() {
        return Err(format!(
            "another record with its key stands in {}, and compaction would delete that one. Give it another key and send it with --from",
            letter.topic
        ));
    }
    let (key, again) = address(letter, std::str::from_utf8(&payload).ok())?;
    let sha256 = Sha256::digest(&payload).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Ready {
        event_id: letter.event_id.clone(),
        topic: format!("{}{}", source.topic_prefix, letter.topic),
        partition: key.is_none().then_some(letter.partition),
        key,
        payload,
        sha256,
        again,
    })
}

fn is_compacted(topic: &str) -> bool {
    topic == "fx.v1" || topic == "config.v1"
}

/// The key of a record, as far as it is known, and why it would be a dead letter again.
///
/// # Errors
/// Where the topic is compacted and the key that it wants cannot be read (CONTRACTS section 3).
fn address(letter: &DeadLetter, text: Option<&str>) -> Result<(Option<String>, Option<String>), String> {
    let mut scratch = Scratch::default();
    let (event, rejected) = match text.map(|payload| decode(payload, &mut scratch)) {
        Some(Ok(Verdict::Event(event))) => (Some(event), None),
        Some(Ok(Verdict::Unknown)) => (None, None),
        Some(Err(rejected)) => (None, Some(rejected)),
        None => (None, None),
    };
    let again = match &rejected {
        Some(why) => Some(why.error.clone()),
        None => text.is_none().then(|| "it is not UTF-8".to_owned()),
    };
    if is_compacted(&letter.topic) {
        let form = if letter.topic == "fx.v1" { "currency:base:valid_from" } else { "id:revision" };
        let key = event.as_ref().and_then(|found| reference_key(&letter.topic, found));
        return key.map(|found| (Some(found), None)).ok_or_else(|| {
            let why = again.map(|error| format!(" ({error})")).unwrap_or_default();
            format!("{} is keyed by {form}, which its payload does not give{why}. Correct it and send it with --from", letter.topic)
        });
    }
    if let Some(found) = event {
        return Ok((found.player.map(|player| format!("{}:{player}", found.brand)), again));
    }
    let (brand, player) = rejected.map_or((None, None), |why| (why.brand, why.player));
    let owner = player.or_else(|| letter.player_id.clone());
    let house = brand.or_else(|| letter.brand_id.clone()).map_or(Cow::Borrowed("default"), Cow::Owned);
    Ok((owner.map(|id| format!("{house}:{id}")), again))
}

fn reference_key(topic: &str, event: &Decoded<'_>) -> Option<String> {
    match &event.detail {
        Detail::Rate { currency, base, valid_from, .. } if topic == "fx.v1" => Some(format!("{currency}:{base}:{valid_from}")),
        Detail::Programme(publication) if topic == "config.v1" => Some(format!("{}:{}", publication.id, publication.revision)),
        _ => None,
    }
}

/// What is written down of a letter that is sent; its key is the letter's id, and the topic is compacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    event_id: String,
    /// Of the payload that was sent.
    sha256: String,
    /// Of other payloads that were sent for it before, oldest first: compaction leaves one record of a letter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

/// Which payloads were sent, by the letter's id.
#[derive(Debug, Default)]
struct Sent(BTreeMap<String, Vec<String>>);

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

    /// What is to be written down of a payload; none where the same was sent before.
    fn note(&mut self, event_id: &str, sha256: &str) -> Option<Note> {
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
fn replayed_topic(config: &Config) -> String {
    config.sink.full_name(&format!("tidemark.{}.dlq-replayed.v1", config.job.name))
}

/// The way back into one cluster.
struct WayBack {
    cluster: Cluster,
    /// All topics there and their partitions.
    known: BTreeMap<String, u32>,
    /// Where it is written down what was sent.
    replayed: String,
    sent: Sent,
    /// None where nothing is to be sent.
    producer: Option<Producer>,
    patience: Duration,
    batch: Vec<(Ready, Note)>,
    bytes: usize,
}

impl WayBack {
    fn open(config: &Config, cluster: Cluster, send: bool, notice: &Notice) -> Result<Self> {
        let known = partitions_at(&cluster, notice)?;
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
            producer = Some(new_producer(config, &cluster)?);
        }
        let patience = patience(config);
        let sent = sent(&cluster, &replayed, count, patience)?;
        Ok(Self { cluster, known, replayed, sent, producer, patience, batch: Vec::new(), bytes: 0 })
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= LETTERS_MAX || self.bytes >= BYTES_MAX
    }

    /// Sends what is collected, in one transaction; gives how many letters it were.
    fn flush(&mut self) -> Result<u64> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        let Some(producer) = self.producer.as_ref().filter(|_| !batch.is_empty()) else { return Ok(0) };
        if let Err(cause) = self.transaction(producer, &batch) {
            // So that readers do not wait for it until it times out; where that fails the brokers take it back.
            let _aborted = producer.abort_transaction(ANSWER_WITHIN);
            return Err(cause.context(format!(
                "{} letters may not have been sent to {}. Give the same command again: what was sent is known from topic {} and is \
                 not sent twice",
                batch.len(),
                self.cluster.brokers,
                self.replayed
            )));
        }
        Ok(batch.len() as u64)
    }

    fn transaction(&self, producer: &Producer, batch: &[(Ready, Note)]) -> Result<()> {
        producer.begin_transaction().context("cannot begin a transaction")?;
        for (ready, note) in batch {
            let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&ready.topic).payload(&ready.payload);
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

fn new_producer(config: &Config, cluster: &Cluster) -> Result<Producer> {
    let id = format!("tidemark.{}.dlq", config.job.name);
    let producer = kafka::shard_producer(cluster, &id, config.sink.transaction_timeout)?;
    producer.init_transactions(ANSWER_WITHIN).with_context(|| {
        let why = producer.context().last_error().map(|error| format!(" ({error})")).unwrap_or_default();
        format!("the brokers at {} do not accept the transactional id {id}{why}; nothing was sent", cluster.brokers)
    })?;
    Ok(producer)
}

/// Reads what was sent so far.
fn sent(cluster: &Cluster, topic: &str, partitions: u32, patience: Duration) -> Result<Sent> {
    let places: Vec<Place> = (0..partitions).map(|number| (topic.to_owned(), number)).collect();
    let bounds = tail::bounds(cluster, &places)?;
    let mut sent = Sent::default();
    tail::read(cluster, &bounds, patience, |message| {
        let note: Note = serde_json::from_slice(message.payload().unwrap_or(&[])).with_context(|| {
            format!(
                "topic {topic}, partition {}, offset {} is not what `dlq replay` writes, so what was sent is not known; nothing was sent",
                message.partition(),
                message.offset()
            )
        })?;
        sent.learn(note);
        Ok(())
    })?;
    Ok(sent)
}

/// What is to be sent again.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Which letters.
    pub filter: Filter,
    /// A file of corrected letters, instead of the dead-letter topic.
    pub from: Option<PathBuf>,
    /// Whether they are sent, or only looked at.
    pub send: bool,
}

/// What becomes of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is sent, where the order says so.
    Ready {
        /// To this topic, as Kafka names it.
        topic: String,
        /// Under this key.
        key: Option<String>,
        /// So many bytes.
        bytes: usize,
        /// Why it would be a dead letter again, where that is known without the service.
        again: Option<String>,
    },
    /// The same payload was sent before.
    Before,
    /// It cannot be sent, and why.
    Refused(String),
}

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Letters that can be sent.
    pub ready: u64,
    /// Letters that were sent, all of them committed.
    pub sent: u64,
    /// Letters whose payload was sent before.
    pub before: u64,
    /// Letters that cannot be sent.
    pub refused: u64,
    /// Ids that were asked for and that no letter has.
    pub missing: BTreeSet<String>,
}

/// Sends letters back through their original topics, each payload once; `told` learns what becomes of each.
///
/// # Errors
/// Where letters cannot be read or sent.
pub fn replay(
    config: &Config,
    order: &Order,
    notice: &Notice,
    told: &mut dyn FnMut(&DeadLetter, &Judged) -> Result<()>,
) -> Result<Report, Failure> {
    let report = Report { missing: order.filter.ids.clone(), ..Report::default() };
    let mut sending = Sending { config, order, notice, told, ways: Vec::new(), report };
    if let Some(path) = &order.from {
        for letter in corrected(path)?.iter().filter(|letter| order.filter.takes(letter)) {
            sending.take(letter).map_err(Failure::Failed)?;
        }
    } else {
        read(config, &BTreeMap::new(), notice, &mut |filed| {
            if order.filter.takes(&filed.letter) { sending.take(&filed.letter) } else { Ok(()) }
        })?;
    }
    for way in &mut sending.ways {
        sending.report.sent += way.flush().map_err(Failure::Failed)?;
    }
    Ok(sending.report)
}

/// An order that is being carried out.
struct Sending<'a> {
    config: &'a Config,
    order: &'a Order,
    notice: &'a Notice,
    told: &'a mut dyn FnMut(&DeadLetter, &Judged) -> Result<()>,
    ways: Vec<WayBack>,
    report: Report,
}

impl Sending<'_> {
    fn take(&mut self, letter: &DeadLetter) -> Result<()> {
        self.report.missing.remove(&letter.event_id);
        if let Some(original) = &letter.original_event_id {
            self.report.missing.remove(original);
        }
        let judged = self.judge(letter)?;
        match &judged {
            Judged::Ready { .. } => self.report.ready += 1,
            Judged::Before => self.report.before += 1,
            Judged::Refused(_) => self.report.refused += 1,
        }
        (self.told)(letter, &judged)
    }

    fn judge(&mut self, letter: &DeadLetter) -> Result<Judged> {
        let Some(source) = self.config.sources.iter().find(|source| source.topics.contains(&letter.topic)) else {
            return Ok(Judged::Refused(format!("no [[source]] has its topic {}; add it to `topics`", letter.topic)));
        };
        let mut ready = match prepare(letter, source, self.order.from.is_some()) {
            Ok(ready) => ready,
            Err(why) => return Ok(Judged::Refused(why)),
        };
        let way = self.way(source)?;
        let count = way.known.get(&ready.topic).copied().unwrap_or(0);
        if count == 0 {
            return Ok(Judged::Refused(format!("no topic {} at {}", ready.topic, way.cluster.brokers)));
        }
        let Some(note) = way.sent.note(&ready.event_id, &ready.sha256) else { return Ok(Judged::Before) };
        ready.partition = ready.partition.filter(|number| *number < count);
        let judged = Judged::Ready {
            topic: ready.topic.clone(),
            key: ready.key.clone(),
            bytes: ready.payload.len(),
            again: ready.again.clone(),
        };
        way.bytes += ready.payload.len();
        way.batch.push((ready, note));
        if way.is_full() {
            let sent = way.flush()?;
            self.report.sent += sent;
        }
        Ok(judged)
    }

    fn way(&mut self, source: &Source) -> Result<&mut WayBack> {
        let cluster = Cluster { brokers: source.brokers.clone(), settings: source.librdkafka.clone() };
        let at = match self.ways.iter().position(|way| way.cluster == cluster) {
            Some(at) => at,
            None => {
                self.ways.push(WayBack::open(self.config, cluster, self.order.send, self.notice)?);
                self.ways.len() - 1
            }
        };
        Ok(self.ways.get_mut(at).expect("it was found or made just now"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sinks::letter::{Letter, Payload};

    const BET: &str = r#"{"event_id":"e-1","event_type":"BetPlaced","source":"wallet","brand_id":"b1","player_id":"p42","occurred_at":"2026-03-01T10:00:00Z","bet_id":"b-77","amount":"2.50","currency":"SEK"}"#;
    const RATE: &str = r#"{"event_id":"e-3","event_type":"FxRate","source":"treasury","currency":"SEK","base":"EUR","rate":"0.0880","valid_from":"2026-03-01T00:00:00Z"}"#;

    fn letter(topic: &str, kind: &str, payload: Payload) -> DeadLetter {
        let letter = Letter {
            kind: kind.to_owned(),
            error: "why".to_owned(),
            field: None,
            topic: topic.to_owned(),
            partition: 3,
            offset: 4_711,
            payload,
            brand: None,
            player: None,
            event_id: Some("e-1".to_owned()),
        };
        let mut bytes = Vec::new();
        letter.write(&mut bytes);
        DeadLetter::read(&bytes).unwrap()
    }

    fn text(topic: &str, kind: &str, payload: &str) -> DeadLetter {
        letter(topic, kind, Payload::Text(payload.to_owned()))
    }

    fn source() -> Source {
        Source {
            brokers: "localhost:9092".to_owned(),
            topics: vec!["bets.v1".to_owned(), "fx.v1".to_owned()],
            topic_prefix: "eu.".to_owned(),
            librdkafka: BTreeMap::new(),
        }
    }

    fn key(letter: &DeadLetter) -> Option<String> {
        prepare(letter, &source(), false).unwrap().key
    }

    #[test]
    fn a_letter_that_is_printed_can_be_read_again_as_it_was() {
        for payload in [
            Payload::Text(BET.to_owned()),
            Payload::Bytes(vec![0xff, 0]),
            Payload::Cut { head: b"{".to_vec(), bytes: 200_000, sha256: "ab".to_owned() },
        ] {
            let one = letter("bets.v1", "missing_fx", payload);
            let line = serde_json::to_string(&one).unwrap();
            assert!(line.contains(r#""event_type":"DeadLetter""#), "{line}");
            assert_eq!(letters_of(&format!("\n{line}\n")).unwrap(), [one]);
        }
    }

    #[test]
    fn a_line_that_is_no_letter_is_named_by_its_number() {
        let line = serde_json::to_string(&text("bets.v1", "conflict", BET)).unwrap();
        let why = letters_of(&format!("{line}\n\n{{\"event_id\":\"e\"}}\n")).unwrap_err();
        assert!(why.starts_with("3: ") && why.contains("kind"), "{why}");
    }

    #[test]
    fn a_filter_takes_what_it_names_and_without_names_everything() {
        let one = text("bets.v1", "missing_fx", BET);
        let filter = |topic: Option<&str>, kind: Option<&str>, ids: &[&str]| Filter {
            topic: topic.map(str::to_owned),
            kind: kind.map(str::to_owned),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        assert!(filter(None, None, &[]).takes(&one));
        assert!(filter(Some("bets.v1"), Some("missing_fx"), &["other", "e-1"]).takes(&one));
        assert!(filter(None, None, &[one.event_id.as_str()]).takes(&one));
        assert!(!filter(Some("wins.v1"), None, &[]).takes(&one));
        assert!(!filter(None, Some("conflict"), &[]).takes(&one));
        assert!(!filter(None, None, &["e-2"]).takes(&one));
    }

    #[test]
    fn a_letter_goes_back_to_its_topic_under_its_players_key() {
        let ready = prepare(&text("bets.v1", "missing_fx", BET), &source(), false).unwrap();
        assert_eq!((ready.topic.as_str(), ready.key.as_deref(), ready.partition), ("eu.bets.v1", Some("b1:p42"), None));
        assert_eq!((ready.payload.as_slice(), ready.again), (BET.as_bytes(), None));
        assert_eq!(ready.sha256.len(), 64);
    }

    #[test]
    fn what_cannot_be_decoded_goes_where_it_is_known_to_belong() {
        let mut one = text("bets.v1", "schema_violation", "{\"player_id\":\"p1\"}");
        assert_eq!(key(&one).as_deref(), Some("default:p1"));
        one.payload = Some("no JSON".to_owned());
        let ready = prepare(&one, &source(), false).unwrap();
        assert_eq!((ready.key, ready.partition), (None, Some(3)));
        assert!(ready.again.is_some());
        (one.brand_id, one.player_id) = (Some("b2".to_owned()), Some("p2".to_owned()));
        assert_eq!(key(&one).as_deref(), Some("b2:p2"));
        let bytes = letter("bets.v1", "schema_violation", Payload::Bytes(vec![0xff, 0]));
        assert_eq!(prepare(&bytes, &source(), false).unwrap().payload, [0xff, 0]);
    }

    #[test]
    fn a_compacted_topic_gets_its_own_key_or_nothing() {
        let rate = text("fx.v1", "schema_violation", RATE);
        assert_eq!(key(&rate).as_deref(), Some("SEK:EUR:2026-03-01T00:00:00.000Z"));
        let why = prepare(&text("fx.v1", "schema_violation", BET), &source(), false).unwrap_err();
        assert!(why.contains("currency:base:valid_from"), "{why}");
        let conflict = text("fx.v1", "conflict", RATE);
        assert!(prepare(&conflict, &source(), false).unwrap_err().contains("compaction"));
        assert!(prepare(&conflict, &source(), true).is_ok(), "corrected");
    }

    #[test]
    fn what_is_not_here_as_a_whole_or_would_not_be_read_is_not_sent() {
        let refused = |one: &DeadLetter| prepare(one, &source(), false).unwrap_err();
        let cut = letter("bets.v1", "size", Payload::Cut { head: b"{".to_vec(), bytes: 200_000, sha256: "ab".to_owned() });
        assert!(refused(&cut).contains("200000 bytes"));
        assert!(refused(&text("bets.v1", "size", &" ".repeat(RECORD_BYTES_MAX + 1))).contains("65537"));
        assert!(refused(&text("bets.v1", "schema_violation", "")).contains("empty"));
        let mut both = text("bets.v1", "conflict", BET);
        both.payload_base64 = Some("AA==".to_owned());
        assert!(refused(&both).contains("both"));
    }

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
