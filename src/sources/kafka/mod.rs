//! Kafka partitions as sources: found once, then each read up to the end it had at that moment.
//!
//! Owns: the address, what there is to read, the reading. Does not own: the clients' settings (`crate::kafka`).

mod address;
mod cursor;
mod extent;
mod follow;
mod reader;

use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

pub use self::address::Address;
pub use self::extent::{Bounds, Extent};
pub use self::follow::FollowSource;
pub use self::reader::KafkaSource;
use super::{Error, Partition};
use crate::kafka::{self, Consumer, Notice, Silence};

/// How long one question to the brokers may take before it is asked again.
const ANSWER_SECONDS: u64 = 10;

/// What there is to read.
#[derive(Debug)]
pub struct Opened {
    /// The partitions, in the order of topic and number.
    pub sources: Vec<KafkaSource>,
    /// All of it in figures.
    pub extent: Extent,
}

/// All partitions of the address's topics, in the order of topic and partition, each with the offsets it has now.
/// Where this was `begun` before, on the same topics of the same cluster, the partitions and offsets of then: a
/// reading that is resumed ends where it would have ended.
///
/// While the brokers do not answer it waits, and says so through `notice` every 10 seconds.
///
/// # Errors
/// Where a topic is not there or may not be read, or not all that was there when it was begun.
pub fn open(address: &Address, begun: Option<&Extent>, notice: &Notice) -> Result<Opened, Error> {
    let make = || kafka::inspector(address.brokers.as_str()).map(Arc::new).map_err(|cause| Error::Kafka(cause.to_string()));
    let mut asker = Asker { inspector: make()?, make: &make, brokers: &address.brokers, notice };
    let timeout = Duration::from_secs(ANSWER_SECONDS);
    let known = asker.ask("the list of topics", |inspector| inspector.client().fetch_metadata(None, timeout))?;
    // It came with the list.
    let cluster = asker.inspector.client().client().fetch_cluster_id(timeout).unwrap_or_default();
    let mut extent = Extent { cluster, partitions: Vec::new(), reference: String::new() };
    for Partition { topic, number } in partitions(address, &known)? {
        let what = format!("the offsets of topic {topic}, partition {number}");
        let asked = |inspector: &Consumer| inspector.client().fetch_watermarks(&topic, number.cast_signed(), timeout);
        let (low, high) = asker.ask(&what, asked)?;
        extent.partitions.push(Bounds { topic, number, start: low.max(0).cast_unsigned(), end: high.max(0).cast_unsigned() });
    }
    if let Some(begun) = begun.filter(|begun| begun.is_of(&extent)) {
        begun.check(&extent, &address.brokers)?;
        extent = begun.clone();
    }
    let brokers: Arc<str> = address.brokers.as_str().into();
    let source = |each: &Bounds| {
        let partition = Partition { topic: each.topic.clone(), number: each.number };
        KafkaSource::new(partition, Arc::clone(&brokers), Arc::clone(notice), each.start..each.end)
    };
    Ok(Opened { sources: extent.partitions.iter().map(source).collect(), extent })
}

/// The partitions of the topics that were asked for, in order.
fn partitions(address: &Address, known: &Metadata) -> Result<Vec<Partition>, Error> {
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for name in &address.topics {
        let topic = known.topics().iter().find(|topic| topic.name() == name && !topic.partitions().is_empty());
        let Some(topic) = topic else {
            missing.push(name.as_str());
            continue;
        };
        all.extend(
            topic.partitions().iter().map(|partition| Partition { topic: name.clone(), number: partition.id().cast_unsigned() }),
        );
    }
    all.sort();
    if missing.is_empty() {
        return Ok(all);
    }
    let mut there: Vec<_> = known.topics().iter().map(|topic| topic.name()).filter(|name| !name.starts_with("__")).collect();
    there.sort_unstable();
    let more = if there.len() > 20 { ", ..." } else { "" };
    there.truncate(20);
    let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
    Err(Error::Usage(format!(
        "no topic {} at {}; create it, correct its name, or allow this client to read it (topics there: {there}{more})",
        missing.join(", "),
        address.brokers
    )))
}

/// Says that nothing comes from a place, where it is time to say so. A client that is silent for long is given up, so that
/// the next look makes another one.
fn tell(silence: &mut Silence, consumer: &mut Option<Consumer>, notice: &Notice, brokers: &str, place: Arguments<'_>) {
    let Some(seconds) = silence.lasts() else { return };
    let why = consumer.as_ref().and_then(|consumer| consumer.client().context().last_error());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    notice(&format!("waiting for Kafka at {brokers} since {seconds} s ({place}){why}"));
    if silence.is_long() {
        *consumer = None;
    }
}

/// Asks the brokers until they answer. A client that has had no answer for long is made anew.
pub(crate) struct Asker<'a> {
    /// Who asks.
    pub(crate) inspector: Arc<Consumer>,
    /// Makes another one.
    pub(crate) make: &'a dyn Fn() -> Result<Arc<Consumer>, Error>,
    /// Whom.
    pub(crate) brokers: &'a str,
    /// Where people are told that an answer is awaited.
    pub(crate) notice: &'a Notice,
}

impl Asker<'_> {
    /// Asks for `what` until there is an answer.
    ///
    /// # Errors
    /// Where no waiting will help.
    pub(crate) fn ask<T>(&mut self, what: &str, question: impl Fn(&Consumer) -> Result<T, KafkaError>) -> Result<T, Error> {
        let mut silence = Silence::default();
        // The first look at the clock, before the first question.
        silence.lasts();
        loop {
            let cause = match question(&self.inspector) {
                Ok(answer) => return Ok(answer),
                Err(cause) => cause,
            };
            if cause.rdkafka_error_code().is_some_and(is_final) {
                return Err(Error::Kafka(format!("{} does not give {what}: {cause}", self.brokers)));
            }
            // What went wrong is known once the client's own events are taken in.
            while self.inspector.client().poll(Duration::from_millis(50)).is_some() {}
            let why = self.inspector.client().context().last_error();
            if let Some(why) = why.as_ref().filter(|why| is_refusal(why)) {
                return Err(Error::Kafka(format!(
                    "{} does not give {what}: {why}. Correct the `sasl.` and `ssl.` settings in [source.librdkafka] and \
                     [sink.kafka.librdkafka]",
                    self.brokers
                )));
            }
            if let Some(seconds) = silence.lasts() {
                let why = why.unwrap_or_else(|| cause.to_string());
                (self.notice)(&format!("waiting for Kafka at {} since {seconds} s ({what}): {why}", self.brokers));
                if silence.is_long() {
                    self.inspector = (self.make)()?;
                }
            }
        }
    }
}

/// A name, a password, a mechanism or a certificate that is not taken. Whoever asked is told only that no broker is
/// there; librdkafka says why in words alone.
fn is_refusal(why: &str) -> bool {
    ["SASL authentication error", "mechanism handshake failed", "certificate verify failed"].iter().any(|sign| why.contains(sign))
}

/// Errors that no waiting mends. librdkafka itself tries again after all others.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::UnsupportedSASLMechanism
            | Code::UnsupportedVersion
            | Code::UnsupportedFeature
            | Code::UnsupportedCompressionType
            | Code::NotImplemented
            | Code::BadMessage
            | Code::BadCompression
            | Code::InvalidArgument
            | Code::InvalidTopic
            | Code::Fatal
    )
}
