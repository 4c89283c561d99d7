//! The one place where Kafka clients are built: their settings, and the memory of what went wrong last.
//!
//! Owns: every `ClientConfig`. Does not own: what is read or written; that is `sources/kafka` and the sinks.

mod topics;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaConfRes;
use rdkafka::{ClientContext, Message as _};
use thiserror::Error;

pub use topics::{Admin, admin, create, create_topics, delete_before};

/// How often it is looked whether a producer has delivered something.
const LOOK: Duration = Duration::from_millis(1);

/// How long one transaction call, a flush or a topic's creation may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that Kafka refused or did not do in time: what, where and why, in words.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    fn new(doing: &str, brokers: &str, cause: &dyn std::fmt::Display) -> Self {
        Self(format!("{doing} at {brokers}: {cause}"))
    }

    /// Where a client could not be made.
    fn of_client(doing: &str, brokers: &str, cause: &KafkaError) -> Self {
        Self::new(doing, brokers, &in_words(cause))
    }
}

/// What went wrong, without the value of a setting: that may be a secret.
fn in_words(cause: &KafkaError) -> String {
    match cause {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            format!("librdkafka knows no setting {name}")
        }
        KafkaError::ClientConfig(_, _, name, _) => format!("librdkafka does not take the value of the setting {name}"),
        other => other.to_string(),
    }
}

/// Whether librdkafka knows a setting and takes its value.
///
/// # Errors
/// In words, where it does not; the value is not told.
pub fn check_setting(name: &str, value: &str) -> Result<(), String> {
    #[expect(clippy::disallowed_methods, reason = "the only place that builds clients")]
    let mut config = ClientConfig::new();
    config.set(name, value);
    config.create_native_config().map(drop).map_err(|cause| in_words(&cause))
}

/// What a client remembers for messages to people.
///
/// librdkafka tells each trouble twice, as a log line and as an error. The log lines are dropped.
#[derive(Debug, Default)]
pub struct Context {
    last_error: Mutex<Option<String>>,
    undelivered: AtomicU64,
}

impl Context {
    /// The last error, as librdkafka put it.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many records could not be delivered.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    fn remember(&self, reason: String) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }
}

impl ClientContext for Context {
    /// Which topic a transaction may not write is said in the log alone.
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "ADDPARTS" {
            self.remember(message.to_owned());
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            // The end of a partition is no error, and "all brokers are down" says less than what came before it.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            Some(RDKafkaErrorCode::AllBrokersDown) if self.last_error().is_some() => {}
            _ => self.remember(reason.to_owned()),
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, record)) = result {
            self.undelivered.fetch_add(1, Ordering::Relaxed);
            // Given up for what another record met, which is known already.
            let code = error.rdkafka_error_code();
            if matches!(code, Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight)) && self.last_error().is_some()
            {
                return;
            }
            self.remember(format!("a record for topic {} was not delivered: {error}", record.topic()));
        }
    }
}

/// A consumer that reads what it is assigned and nothing else; see [`consumer`].
///
/// rdkafka's own drop waits until librdkafka has closed it, for as long as that takes (a name that does not
/// resolve, a connection that hangs). So it is dropped on a thread of its own, and nobody waits.
pub struct Consumer(Option<BaseConsumer<Context>>);

impl Consumer {
    /// The client inside.
    #[must_use]
    pub fn client(&self) -> &BaseConsumer<Context> {
        match &self.0 {
            Some(client) => client,
            None => unreachable!("only drop takes the client out"),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let client = self.0.take();
        // Where no thread can be had, the closure and so the client is dropped here.
        drop(std::thread::Builder::new().name("kafka-close".to_owned()).spawn(move || drop(client)));
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Consumer").finish_non_exhaustive()
    }
}

/// Where a cluster is, and how to speak to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `HOST:PORT`, several separated by commas.
    pub brokers: String,
    /// Settings of librdkafka beside those that are made here: security, mostly.
    pub settings: BTreeMap<String, String>,
}

impl From<&str> for Cluster {
    fn from(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), settings: BTreeMap::new() }
    }
}

impl From<&Self> for Cluster {
    fn from(cluster: &Self) -> Self {
        cluster.clone()
    }
}

/// Names that librdkafka knows two of.
const ALIASES: [(&str, &str); 3] = [
    ("linger.ms", "queue.buffering.max.ms"),
    ("compression.type", "compression.codec"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
];

fn config(cluster: &Cluster) -> ClientConfig {
    #[expect(clippy::disallowed_methods, reason = "the only place that builds clients")]
    let mut config = ClientConfig::new();
    for (name, value) in &cluster.settings {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &cluster.brokers).set_log_level(RDKafkaLogLevel::Emerg);
    // Who leads a partition is asked when its leader is lost. The dead one still stands in the answer then: brokers take
    // nine seconds to miss one that was killed. The next time it is asked by itself, by default five minutes later.
    let common = [
        ("client.id", "tidemark"),
        ("socket.keepalive.enable", "true"),
        ("reconnect.backoff.max.ms", "2000"),
        ("topic.metadata.refresh.interval.ms", "10000"),
    ];
    unless_set(&mut config, &common);
    config
}

/// Settings that somebody may have chosen otherwise: theirs stand.
fn unless_set(config: &mut ClientConfig, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        let alias = ALIASES.iter().find(|(known, _)| known == name).map(|(_, alias)| *alias);
        if config.get(name).is_none() && alias.is_none_or(|alias| config.get(alias).is_none()) {
            config.set(*name, *value);
        }
    }
}

/// A client that only asks: for topics, partitions and watermarks.
///
/// The watermark it is told is the last stable offset: what lies beyond may still be aborted.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn inspector(cluster: impl Into<Cluster>) -> Result<Consumer, Error> {
    asking(&cluster.into(), "read_committed")
}

fn asking(cluster: &Cluster, isolation: &str) -> Result<Consumer, Error> {
    let mut config = config(cluster);
    config.set("isolation.level", isolation);
    let client = config.create_with_context(Context::default());
    client
        .map(|client| Consumer(Some(client)))
        .map_err(|cause| Error::of_client("cannot make a Kafka client", &cluster.brokers, &cause))
}

/// A client that only asks, and is told the high watermark: open transactions count.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn uncommitted_inspector(cluster: &Cluster) -> Result<Consumer, Error> {
    asking(cluster, "read_uncommitted")
}

/// What the offsets of sources are committed under, for tools that show lag: a group that nobody joins.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn group(cluster: &Cluster, name: &str) -> Result<Option<ConsumerGroupMetadata>, Error> {
    let mut config = config(cluster);
    config.set("group.id", name).set("enable.auto.commit", "false");
    let client: BaseConsumer<Context> = config
        .create_with_context(Context::default())
        .map_err(|cause| Error::of_client("cannot make a Kafka client", &cluster.brokers, &cause))?;
    let metadata = client.group_metadata();
    drop(Consumer(Some(client)));
    Ok(metadata)
}

/// A consumer for one partition that is assigned by offset.
///
/// - It is in no group. librdkafka asks for a `group.id` before it lets anything be assigned; the name is never
///   joined, and nothing is committed under it.
/// - It prefetches little, because there is one per partition. librdkafka takes a partition out of its fetches while
///   that partition's queue holds `queued.min.messages` or `queued.max.messages.kbytes`, and puts it back
///   `fetch.queue.backoff.ms` after it last looked (by default 1 s, in which a small queue runs dry). What is queued
///   is at most that limit and one answer of `fetch.message.max.bytes`, unpacked: about 6 MB per partition with
///   records of 270 bytes, and as fast as four times as much.
/// - An offset that is not there is an error: no record is skipped or read again in silence.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn consumer(cluster: impl Into<Cluster>) -> Result<Consumer, Error> {
    let cluster = cluster.into();
    let mut config = config(&cluster);
    config
        .set("group.id", "tidemark-unjoined")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true");
    let prefetch = [
        ("check.crcs", "true"),
        ("fetch.wait.max.ms", "100"),
        ("fetch.message.max.bytes", "262144"),
        ("fetch.queue.backoff.ms", "5"),
        ("queued.min.messages", "5000"),
        ("queued.max.messages.kbytes", "2048"),
    ];
    unless_set(&mut config, &prefetch);
    let client = config.create_with_context(Context::default());
    client
        .map(|client| Consumer(Some(client)))
        .map_err(|cause| Error::of_client("cannot make a Kafka consumer", &cluster.brokers, &cause))
}

/// How many bytes of keys, bodies and headers a shard hands over at once: with their framing what goes to one partition is
/// one request then, of which brokers take a megabyte.
pub const REQUEST: usize = 800_000;
/// How long records of a producer that is no shard's wait for others.
const LINGER: Duration = Duration::from_millis(20);
/// How many kilobytes wait in a producer at most. A shard hands over a [`REQUEST`] at once.
const QUEUE_KBYTES: &str = "131072";

/// A producer; a key goes to the partition that Kafka's Java clients would choose.
pub type Producer = BaseProducer<Context>;

fn producer_config(cluster: &Cluster) -> ClientConfig {
    let mut config = config(cluster);
    config.set("partitioner", "murmur2_random").set("enable.idempotence", "true").set("delivery.report.only.error", "true");
    config
}

/// How records are put together, where nobody has said otherwise.
fn batching(config: &mut ClientConfig, linger: Duration) {
    let linger = linger.as_millis().to_string();
    let settings = [
        ("compression.type", "lz4"),
        ("linger.ms", linger.as_str()),
        ("batch.num.messages", "100000"),
        ("queue.buffering.max.messages", "1000000"),
        ("queue.buffering.max.kbytes", QUEUE_KBYTES),
    ];
    unless_set(config, &settings);
}

/// A producer without transactions. Send with [`send`], end with [`finish`].
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn producer(cluster: impl Into<Cluster>) -> Result<Producer, Error> {
    let cluster = cluster.into();
    let mut config = producer_config(&cluster);
    batching(&mut config, LINGER);
    let client = config.create_with_context(Context::default());
    client.map_err(|cause| Error::of_client("cannot make a Kafka producer", &cluster.brokers, &cause))
}

/// A producer with transactions that has not yet begun any: the caller calls `init_transactions`, and learns
/// what it answers. Records wait up to `linger` for others to go with them, those before a commit too: rdkafka's flush
/// asks librdkafka to hurry and withdraws that at once.
///
/// # Errors
/// Where librdkafka refuses the settings.
pub fn shard_producer(cluster: &Cluster, id: &str, timeout: Duration, linger: Duration) -> Result<Producer, Error> {
    let mut config = producer_config(cluster);
    config
        .set("transactional.id", id)
        .set("transaction.timeout.ms", timeout.as_millis().to_string())
        .set_log_level(RDKafkaLogLevel::Error);
    batching(&mut config, linger);
    let client = config.create_with_context(Context::default());
    client.map_err(|cause| Error::of_client(&format!("cannot make the Kafka producer {id}"), &cluster.brokers, &cause))
}

/// A producer with transactions, ready to begin the first; it fences any other with the same id.
///
/// # Errors
/// Where librdkafka refuses the settings or the brokers refuse the id.
pub fn transactional_producer(cluster: impl Into<Cluster>, id: &str) -> Result<Producer, Error> {
    let cluster = cluster.into();
    let mut config = producer_config(&cluster);
    config.set("transactional.id", id);
    batching(&mut config, LINGER);
    let failed = |cause| Error::of_client(&format!("cannot make the Kafka producer {id}"), &cluster.brokers, &cause);
    let producer: Producer = config.create_with_context(Context::default()).map_err(failed)?;
    producer.init_transactions(PATIENCE).map_err(failed)?;
    Ok(producer)
}

/// Hands one record over, waiting while the queue is full.
///
/// # Errors
/// Where the record is refused, or one before it could not be delivered.
pub fn send(producer: &Producer, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), Error> {
    let context = producer.context();
    loop {
        if context.undelivered() > 0 {
            return Err(Error(context.last_error().unwrap_or_default()));
        }
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => record = returned,
            Err((cause, refused)) => return Err(Error(format!("Kafka takes no record for topic {}: {cause}", refused.topic))),
        }
        producer.poll(Duration::ZERO);
        std::thread::sleep(LOOK);
    }
}

/// Whether something that was handed over is neither delivered nor given up yet. What the client has to say counts as
/// well until it is heard.
#[must_use]
pub fn is_writing(producer: &Producer) -> bool {
    producer.poll(Duration::ZERO);
    producer.in_flight_count() > 0
}

/// Waits until everything that was handed over has been delivered or given up, so long at most; whether it has.
///
/// rdkafka's own flush looks once in 100 ms, which is most of what a commit would take; and its poll never rests in the
/// last millisecond of its time.
#[must_use]
pub fn delivered(producer: &Producer, within: Duration) -> bool {
    let begun = Instant::now();
    while is_writing(producer) {
        if begun.elapsed() >= within {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Waits until everything that was handed over is written.
///
/// # Errors
/// Where a record could not be delivered, or not within a minute.
pub fn finish(producer: &Producer) -> Result<(), Error> {
    let all = delivered(producer, PATIENCE);
    let context = producer.context();
    match (context.undelivered(), all) {
        (0, true) => Ok(()),
        (0, false) => Err(Error(format!(
            "not all records were written within {} s: {}",
            PATIENCE.as_secs(),
            context.last_error().unwrap_or_default()
        ))),
        (count, _) => Err(Error(format!("{count} records were not written: {}", context.last_error().unwrap_or_default()))),
    }
}

/// What may be done where a topic of the input is another one than was read, and cannot be restored.
pub(crate) const NEW_JOB: &str = "start a new job (another [job] name and [sink.kafka] topic_prefix) on what is there";

/// Where a message to a person goes.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// Whether something failed because of Kafka, and not for what was read from it. A client that cannot be made for how it
/// is set is not Kafka's: no waiting makes it.
#[must_use]
pub fn is_kafkas(error: &anyhow::Error) -> bool {
    let of_kafka = |cause: &KafkaError| !matches!(cause, KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_));
    error.chain().any(|cause| cause.downcast_ref::<KafkaError>().is_some_and(of_kafka))
}

/// How long nothing has come, and when to say so: every ten seconds.
#[derive(Debug, Default)]
pub struct Silence {
    since: Option<Instant>,
    told: u64,
}

/// A client that has heard nothing for so long is made anew. Some have been seen to stay silent after their only broker
/// was paused, missed and let in again, while others of the same process went on.
pub const SILENT: Duration = Duration::from_secs(30);

/// How often a person is told that Kafka is awaited.
pub const TELL: Duration = Duration::from_secs(10);

impl Silence {
    /// Something came.
    pub fn broken(&mut self) {
        *self = Self::default();
    }

    /// Nothing came: for how many seconds, where it is time to say so.
    pub fn lasts(&mut self) -> Option<u64> {
        let seconds = self.since.get_or_insert_with(Instant::now).elapsed().as_secs();
        if seconds < (self.told + 1) * TELL.as_secs() {
            return None;
        }
        self.told = seconds / TELL.as_secs();
        Some(seconds)
    }

    /// Whether a client that has just been told of is to be made anew: at every third time.
    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.told > 0 && self.told.is_multiple_of(SILENT.as_secs() / TELL.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_cannot_be_made_is_not_waited_for() {
        let settings = [("socket.timeout.ms".to_owned(), "120000".to_owned())].into();
        let cluster = Cluster { brokers: "127.0.0.1:1".to_owned(), settings };
        let made = shard_producer(&cluster, "t", Duration::from_secs(60), LINGER).map(drop);
        let error = anyhow::Error::from(made.expect_err("its socket may not outlast its transactions"));
        assert!(!is_kafkas(&error), "{error:#}");
        assert!(!is_kafkas(&anyhow::Error::from(KafkaError::ClientCreation("no".to_owned())).context("making one")));
        let away = anyhow::Error::from(KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure));
        assert!(is_kafkas(&away.context("looking")));
    }

    #[test]
    fn what_somebody_has_chosen_stands_by_either_name_and_the_rest_is_ours() {
        let settings = [("linger.ms", "7"), ("compression.codec", "zstd"), ("client.id", "x"), ("partitioner", "random")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut config = producer_config(&Cluster { brokers: "k:9092".to_owned(), settings });
        batching(&mut config, LINGER);
        let found = ["linger.ms", "compression.type", "client.id", "partitioner", "queue.buffering.max.kbytes"];
        assert_eq!(found.map(|name| config.get(name)), [Some("7"), None, Some("x"), Some("murmur2_random"), Some("131072")]);
    }
}
