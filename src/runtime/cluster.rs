//! Real brokers, as the service needs them: librdkafka behind [`Brokers`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rdkafka::consumer::{Consumer as _, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::brokers::{Brokers, Each, End, Kind, Outgoing, Place, Record, Refused, Times, Transactions, unreadable};
use crate::config;
use crate::kafka::{self, Cluster, Consumer, Notice, Producer};
use crate::sources::kafka::{Asker, FollowSource};
use crate::sources::{Error, Partition, Source};

/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long offsets of sources may take to be handed over.
const OFFSETS_WITHIN: Duration = Duration::from_secs(10);

impl From<&config::Source> for Cluster {
    fn from(source: &config::Source) -> Self {
        Self { brokers: source.brokers.clone(), settings: source.librdkafka.clone() }
    }
}

impl From<&config::KafkaSink> for Cluster {
    fn from(sink: &config::KafkaSink) -> Self {
        Self { brokers: sink.brokers.clone(), settings: sink.librdkafka.clone() }
    }
}

/// A client that asks, and when it had an answer last.
struct Inspector {
    client: Arc<Consumer>,
    answered: Instant,
}

/// The brokers of one cluster.
pub(super) struct Kafka {
    cluster: Arc<Cluster>,
    notice: Notice,
    /// Who asks for ends: the last stable ones, the high ones.
    inspectors: Mutex<[Option<Inspector>; 2]>,
    group: Mutex<Option<Arc<ConsumerGroupMetadata>>>,
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Kafka").field("brokers", &self.cluster.brokers).finish_non_exhaustive()
    }
}

impl Kafka {
    /// The brokers of a cluster; `notice` is told while they do not answer.
    #[must_use]
    pub(super) fn new(cluster: Cluster, notice: Notice) -> Self {
        Self { cluster: Arc::new(cluster), notice, inspectors: Mutex::default(), group: Mutex::default() }
    }

    fn inspector(&self, end: End) -> Result<Arc<Consumer>> {
        let mut known = self.inspectors.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut known[usize::from(end == End::High)];
        if let Some(inspector) = slot {
            return Ok(Arc::clone(&inspector.client));
        }
        let made = match end {
            End::Stable => kafka::inspector(&*self.cluster)?,
            End::High => kafka::uncommitted_inspector(&self.cluster)?,
        };
        Ok(Arc::clone(&slot.insert(Inspector { client: Arc::new(made), answered: Instant::now() }).client))
    }

    /// Has the next question asked by another client.
    fn forget(&self, end: End) {
        self.inspectors.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(end == End::High)] = None;
    }

    /// Asks; a client that has had no answer for long is not asked again.
    fn ask<T>(&self, end: End, question: impl FnOnce(&Consumer) -> Result<T>) -> Result<T> {
        let client = self.inspector(end)?;
        let answer = question(&client);
        let mut known = self.inspectors.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut known[usize::from(end == End::High)];
        if let Some(inspector) = slot.as_mut().filter(|inspector| Arc::ptr_eq(&inspector.client, &client)) {
            if answer.is_ok() {
                inspector.answered = Instant::now();
            } else if inspector.answered.elapsed() >= kafka::SILENT {
                *slot = None;
            }
        }
        answer
    }

    fn group(&self, name: &str) -> Result<Option<Arc<ConsumerGroupMetadata>>> {
        let mut known = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_none() {
            *known = kafka::group(&self.cluster, name)?.map(Arc::new);
        }
        Ok(known.clone())
    }
}

impl Brokers for Kafka {
    fn address(&self) -> &str {
        &self.cluster.brokers
    }

    fn topics(&self) -> Result<BTreeMap<String, u32>> {
        let inspector = self.inspector(End::Stable)?;
        let make = || {
            self.forget(End::Stable);
            self.inspector(End::Stable).map_err(|cause| Error::Kafka(format!("{cause:#}")))
        };
        let mut asker = Asker { inspector, make: &make, brokers: &self.cluster.brokers, notice: &self.notice };
        let known = asker.ask("the list of topics", |asks| asks.client().fetch_metadata(None, TIMEOUT))?;
        Ok(known.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32)).collect())
    }

    fn partitions(&self, topic: &str) -> Result<u32> {
        let answer = self.ask(End::Stable, |client| Ok(client.client().fetch_metadata(Some(topic), TIMEOUT)?))?;
        let Some(known) = answer.topics().first() else { return Ok(0) };
        match known.error().map(Code::from) {
            None | Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => Ok(known.partitions().len() as u32),
            Some(code) => bail!("{} does not tell the partitions of topic {topic}: {code}", self.cluster.brokers),
        }
    }

    fn bounds(&self, places: &[Place], end: End) -> Result<BTreeMap<Place, (u64, u64)>> {
        self.ask(end, |inspector| {
            let mut found = BTreeMap::new();
            for (topic, partition) in places {
                let answer = inspector.client().fetch_watermarks(topic, partition.cast_signed(), TIMEOUT);
                if answer.is_err() {
                    // What went wrong is known once the client's own events are taken in.
                    while inspector.client().poll(Duration::ZERO).is_some() {}
                }
                let (low, high) = answer.with_context(|| {
                    let why = inspector.client().context().last_error().map(|why| format!(" ({why})")).unwrap_or_default();
                    format!("{} does not give the offsets of topic {topic}, partition {partition}{why}", self.cluster.brokers)
                })?;
                found.insert((topic.clone(), *partition), (low.max(0).cast_unsigned(), high.max(0).cast_unsigned()));
            }
            Ok(found)
        })
    }

    fn read(&self, from: &BTreeMap<Place, (u64, u64)>, patience: Duration, each: Each<'_>) -> Result<()> {
        let mut open: BTreeMap<Place, u64> =
            from.iter().filter(|(_, (start, end))| start < end).map(|(place, (_, end))| (place.clone(), *end)).collect();
        if open.is_empty() {
            return Ok(());
        }
        let consumer = kafka::consumer(&*self.cluster)?;
        let mut list = TopicPartitionList::new();
        for (topic, partition) in open.keys() {
            let start = from.get(&(topic.clone(), *partition)).map_or(0, |(start, _)| *start);
            list.add_partition_offset(topic, partition.cast_signed(), Offset::Offset(start.cast_signed()))?;
        }
        consumer.client().assign(&list).context("cannot read back what was published")?;
        let mut moved = Instant::now();
        let mut asked = moved;
        while !open.is_empty() {
            match consumer.client().poll(Duration::from_millis(20)) {
                Some(Ok(message)) => {
                    let place = (message.topic().to_owned(), message.partition().cast_unsigned());
                    // What comes behind an end is not asked for, and says that the end is reached.
                    let Some(end) = open.get(&place).copied() else { continue };
                    let offset = message.offset().cast_unsigned();
                    if offset < end {
                        each(&record(&message))?;
                    }
                    // After it: whoever takes it may have much to do with it.
                    moved = Instant::now();
                    if offset + 1 >= end {
                        open.remove(&place);
                    }
                }
                Some(Err(KafkaError::MessageConsumption(Code::PartitionEOF) | KafkaError::PartitionEOF(_))) | None => {
                    let before = open.len();
                    close(&consumer, &mut open)?;
                    if open.len() < before {
                        moved = Instant::now();
                    }
                    let Some(((topic, partition), end)) = open.first_key_value() else { break };
                    // Brokers that are away say nothing either: then that is the reason, and they are waited for.
                    if moved.max(asked).elapsed() > TIMEOUT {
                        let answer = consumer.client().fetch_watermarks(topic, partition.cast_signed(), TIMEOUT);
                        answer.context("cannot read back what was published")?;
                        asked = Instant::now();
                        let hangs = unreadable(topic, *partition, *end, moved.elapsed());
                        (self.notice)(&format!("waiting for Kafka at {}: {hangs}", self.cluster.brokers));
                    }
                    if moved.elapsed() > patience {
                        bail!(unreadable(topic, *partition, *end, patience));
                    }
                }
                Some(Err(error)) => {
                    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
                    let code = error.rdkafka_error_code();
                    // The client says these once for each partition, and then nothing more.
                    if matches!(code, Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed)) {
                        let names: BTreeSet<&str> = open.keys().map(|(topic, _)| topic.as_str()).collect();
                        let names = names.into_iter().collect::<Vec<_>>().join(", ");
                        bail!("cannot read back what was published at {} (topic {names}): {error}", self.cluster.brokers);
                    }
                    // The log's start has moved since it was asked for: whoever asks again gets the new one.
                    let moved_on = matches!(code, Some(Code::AutoOffsetReset | Code::OffsetOutOfRange));
                    if fatal || moved_on || moved.elapsed() > patience {
                        return Err(error).context("cannot read back what was published");
                    }
                }
            }
        }
        Ok(())
    }

    fn delete_before(&self, places: &BTreeMap<Place, u64>) -> Result<()> {
        kafka::delete_before(&self.cluster, places).map_err(Into::into)
    }

    fn follow(&self, partition: &Partition, prefix: &str, from: u64) -> Box<dyn Source> {
        let cluster = Arc::clone(&self.cluster);
        Box::new(FollowSource::new(partition.clone(), prefix, cluster, Arc::clone(&self.notice), from))
    }

    fn producer(&self, id: &str, times: Times, group: &str) -> Result<Box<dyn Transactions>> {
        let client = kafka::shard_producer(&self.cluster, id, times.transaction, times.linger)?;
        Ok(Box::new(Transactional {
            client: Arc::new(client),
            brokers: self.cluster.brokers.clone(),
            id: id.to_owned(),
            group: self.group(group)?,
            prepared: (Vec::new(), OwnedHeaders::new_with_capacity(0)),
        }))
    }

    fn is_theirs(&self, error: &anyhow::Error) -> bool {
        kafka::is_kafkas(error) || error.is::<Refused>()
    }
}

/// Leaves out partitions that were read to where they are to be.
fn close(consumer: &Consumer, open: &mut BTreeMap<Place, u64>) -> Result<()> {
    let reached = consumer.client().position()?;
    for element in reached.elements() {
        let Offset::Offset(at) = element.offset() else { continue };
        let place = (element.topic().to_owned(), element.partition().cast_unsigned());
        if open.get(&place).is_some_and(|end| at.cast_unsigned() >= *end) {
            open.remove(&place);
        }
    }
    Ok(())
}

fn record<'m>(message: &'m BorrowedMessage<'_>) -> Record<'m> {
    let headers = message.headers().map(|all| all.iter().map(|header| (header.key, header.value.unwrap_or(&[]))).collect());
    Record {
        topic: message.topic(),
        partition: message.partition().cast_unsigned(),
        offset: message.offset().cast_unsigned(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().unwrap_or(&[]),
        body: message.payload().unwrap_or(&[]),
        headers: headers.unwrap_or_default(),
    }
}

/// A producer of librdkafka.
struct Transactional {
    client: Arc<Producer>,
    brokers: String,
    id: String,
    group: Option<Arc<ConsumerGroupMetadata>>,
    /// The headers that many records have, as texts and as librdkafka has them.
    prepared: (Vec<(String, String)>, OwnedHeaders),
}

/// What librdkafka says, as one of the kinds that matter.
fn refused(doing: &str, error: &KafkaError) -> Refused {
    let kind = match error.rdkafka_error_code() {
        Some(Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch) => Kind::Fenced,
        Some(
            Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::GroupAuthorizationFailed,
        ) => Kind::Denied,
        _ => match error {
            KafkaError::Transaction(inner) if inner.is_retriable() => Kind::Again,
            _ => Kind::Unclear,
        },
    };
    Refused { what: format!("{doing}: {error}"), kind }
}

impl Transactional {
    /// What the client met last, in brackets.
    fn why(&self) -> String {
        self.client.context().last_error().map(|why| format!(" ({why})")).unwrap_or_default()
    }

    /// Headers for a record: those that many have are copied as they are, which is less than to make each anew.
    fn headers(&mut self, record: &Outgoing<'_>) -> OwnedHeaders {
        let (texts, headers) = &mut self.prepared;
        if !texts.iter().map(|(key, value)| (&**key, &**value)).eq(record.headers.iter().copied()) {
            *texts = record.headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            *headers = with(OwnedHeaders::new_with_capacity(record.headers.len()), record.headers);
        }
        with(headers.clone(), record.own)
    }
}

/// Appends headers.
fn with(headers: OwnedHeaders, more: &[(&str, &str)]) -> OwnedHeaders {
    more.iter().fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(*value) }))
}

impl Transactions for Transactional {
    fn init(&mut self, slice: Duration) -> Result<(), Refused> {
        self.client.init_transactions(slice).map_err(|error| {
            let doing = format!("the brokers at {} do not accept the transactional id {}{}", self.brokers, self.id, self.why());
            refused(&doing, &error)
        })
    }

    fn begin(&mut self) -> Result<(), Refused> {
        self.client.begin_transaction().map_err(|error| refused("cannot begin a transaction", &error))
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused> {
        let headers = self.headers(&record);
        let mut message = BaseRecord::to(record.topic).key(record.key).payload(record.body).headers(headers);
        if let Some(partition) = record.partition {
            message = message.partition(partition.cast_signed());
        }
        kafka::send(&self.client, message).map_err(|error| {
            // Why a transaction is lost is told to any call that does not fit; this one never does.
            let lost = self.client.begin_transaction().map_err(|cause| refused("", &cause).kind);
            Refused { what: error.to_string(), kind: lost.err().unwrap_or(Kind::Unclear) }
        })
    }

    fn offsets(&mut self, offsets: &[(String, u32, u64)]) -> Result<(), Refused> {
        let Some(group) = self.group.as_ref().filter(|_| !offsets.is_empty()) else { return Ok(()) };
        let failed = |error: &KafkaError| refused("cannot commit offsets", error);
        let mut list = TopicPartitionList::new();
        for (name, number, offset) in offsets {
            let added = list.add_partition_offset(name, number.cast_signed(), Offset::Offset(offset.cast_signed()));
            added.map_err(|error| failed(&error))?;
        }
        // The call may never return, whatever time it is given: where the broker that kept the group was missed for a
        // while (librdkafka issues 5456 and 5511). Then its thread is left behind with the client.
        let (client, group) = (Arc::clone(&self.client), Arc::clone(group));
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let ask = move || drop(tell.send(client.send_offsets_to_transaction(&list, &group, OFFSETS_WITHIN)));
        let unclear =
            |what: &dyn std::fmt::Display| Refused { what: format!("cannot commit offsets: {what}"), kind: Kind::Unclear };
        drop(std::thread::Builder::new().name("offsets".to_owned()).spawn(ask).map_err(|error| unclear(&error))?);
        match told.recv_timeout(OFFSETS_WITHIN) {
            Ok(answer) => answer.map_err(|error| failed(&error)),
            Err(_) => Err(unclear(&format!("no answer within {} s", OFFSETS_WITHIN.as_secs()))),
        }
    }

    fn room(&self) -> usize {
        kafka::REQUEST
    }

    fn is_writing(&self) -> bool {
        kafka::is_writing(&self.client)
    }

    fn flush(&mut self, slice: Duration) -> Result<(), Refused> {
        if kafka::delivered(&self.client, slice) {
            return Ok(());
        }
        let what = format!("the records of a commit are not delivered within {} s{}", slice.as_secs(), self.why());
        Err(Refused { what, kind: Kind::Unclear })
    }

    fn commit(&mut self, slice: Duration) -> Result<(), Refused> {
        self.client
            .commit_transaction(slice)
            .map_err(|error| refused(&format!("the commit's outcome is not known{}", self.why()), &error))?;
        if self.client.context().undelivered() > 0 {
            return Err(Refused { what: "a commit left records out".to_owned(), kind: Kind::Unclear });
        }
        Ok(())
    }
}
