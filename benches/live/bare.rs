//! The bare loop of the client: one record read, one written, exactly once, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tidemark::kafka::{self, Cluster, Consumer, Producer};

use super::{reader, unique};
use crate::measure::{Arguments, Figures};

/// How long one call may take.
const ANSWER: Duration = Duration::from_secs(60);
/// What a fact's id looks like to a compressor: nothing repeats in it.
const ID: usize = 36;

/// What each thread does.
struct Plan {
    brokers: String,
    /// Settings of librdkafka for who writes.
    settings: BTreeMap<String, String>,
    input: String,
    output: String,
    threads: usize,
    /// Each writes to a partition of its own, as shards do, in place of the one that a key has.
    own: bool,
    /// Each reads every partition by a consumer of its own, as the service does, in place of all of its share by one.
    apart: bool,
    /// Bytes of a record that is written.
    body: usize,
    commit: Duration,
}

/// One run in a process of its own.
pub(crate) fn one_run(arguments: &Arguments, start: Instant) {
    let text = |name: &str| arguments.text(name).unwrap_or_else(|| panic!("{name}")).to_owned();
    let count = |name: &str, otherwise| usize::try_from(arguments.number(name, otherwise)).expect("it is small");
    let plan = Arc::new(Plan {
        brokers: text("--brokers"),
        settings: super::settings(arguments),
        input: text("--input"),
        output: text("--output"),
        threads: count("--threads", 2),
        own: arguments.has("--own-partition"),
        apart: arguments.has("--consumers-apart"),
        body: count("--body", 432),
        commit: Duration::from_millis(arguments.number("--commit-ms", 500)),
    });
    let spawn = |number: usize| {
        let plan = Arc::clone(&plan);
        let run = move || plan.run(number);
        std::thread::Builder::new().name(format!("bare-{number}")).spawn(run).expect("a thread can be had")
    };
    let threads: Vec<_> = (0..plan.threads).map(spawn).collect();
    let records = threads.into_iter().map(|thread| thread.join().expect("no thread fails")).sum();
    Figures::since(start, records, "-".to_owned()).tell();
    // Nobody measures how clients are closed.
    std::process::exit(0);
}

impl Plan {
    fn run(&self, number: usize) -> u64 {
        let (consumers, mut open) = self.consumers(number);
        let wait = Duration::from_millis(if consumers.len() > 1 { 0 } else { 100 });
        let producer = self.producer(number);
        producer.begin_transaction().expect("a transaction can begin");
        let (mut count, mut since, mut body) = (0, Instant::now(), Body::new(self.body));
        while open > 0 {
            let before = count;
            for consumer in &consumers {
                // What is there at once, up to what an epoch takes of a partition.
                for _ in 0..1_000 {
                    match consumer.client().poll(wait) {
                        Some(Ok(record)) => {
                            self.write(number, &producer, &record, body.after(&record));
                            count += 1;
                        }
                        Some(Err(KafkaError::PartitionEOF(_))) => {
                            open -= 1;
                            // It may have been the last: nobody waits for more.
                            break;
                        }
                        Some(Err(error)) => panic!("it cannot be read: {error}"),
                        None => break,
                    }
                }
            }
            if before == count && wait.is_zero() {
                std::thread::sleep(Duration::from_millis(1));
            }
            if since.elapsed() >= self.commit {
                // The call below would look once in 100 ms whether everything is delivered.
                assert!(kafka::delivered(&producer, ANSWER), "records are taken");
                producer.commit_transaction(ANSWER).expect("a transaction can be committed");
                producer.begin_transaction().expect("a transaction can begin");
                since = Instant::now();
            }
        }
        producer.commit_transaction(ANSWER).expect("a transaction can be committed");
        count
    }

    /// Consumers of this thread's share of the partitions, from their first records on; how many have any.
    fn consumers(&self, number: usize) -> (Vec<Consumer>, usize) {
        let consumer = || kafka::consumer(self.brokers.as_str()).expect("a consumer can be made");
        let bounds = reader::bounds(&consumer(), &self.input);
        let share: Vec<_> = bounds.into_iter().skip(number).step_by(self.threads).collect();
        let parts = share.chunks(if self.apart { 1 } else { share.len().max(1) });
        let consumers = parts.map(|part| {
            let mut list = TopicPartitionList::new();
            for (partition, (first, _)) in part {
                list.add_partition_offset(&self.input, *partition, Offset::Offset(*first)).expect("an offset");
            }
            let consumer = consumer();
            consumer.client().assign(&list).expect("partitions can be assigned");
            consumer
        });
        (consumers.collect(), share.len())
    }

    fn producer(&self, number: usize) -> Producer {
        let id = unique(&format!("bare-{}-{number}", std::process::id()));
        let cluster = Cluster { brokers: self.brokers.clone(), settings: self.settings.clone() };
        kafka::transactional_producer(cluster, &id).expect("a producer can be made")
    }

    fn write(&self, number: usize, producer: &Producer, record: &BorrowedMessage<'_>, body: &[u8]) {
        let headers = OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: "tm-epoch", value: Some("12345") })
            .insert(Header { key: "tm-shard", value: Some("7") });
        let key = record.key().unwrap_or_default();
        let mut written = BaseRecord::to(&self.output).key(key).payload(body).headers(headers);
        if self.own {
            written = written.partition(i32::try_from(number).expect("it is small"));
        }
        kafka::send(producer, written).expect("it is written");
    }
}

/// What is written: something like an id, what was read, and as much text as is missing.
struct Body {
    size: usize,
    bytes: Vec<u8>,
    /// Letters and digits in which nothing repeats.
    noise: Vec<u8>,
    at: usize,
}

impl Body {
    fn new(size: usize) -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut digit = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b"0123456789abcdef"[(state >> 60) as usize]
        };
        Self { size, bytes: Vec::with_capacity(size), noise: (0..65_536).map(|_| digit()).collect(), at: 0 }
    }

    fn after(&mut self, record: &BorrowedMessage<'_>) -> &[u8] {
        const TEXT: &[u8] = br#""entry_type":"accrue","points":"12.5","balance_after":{"available":"1650.25","blocked":"0"},"#;
        self.at = if self.at + 2 * ID > self.noise.len() { 0 } else { self.at + ID };
        self.bytes.clear();
        self.bytes.extend_from_slice(&self.noise[self.at..self.at + ID]);
        self.bytes.extend_from_slice(record.payload().unwrap_or_default());
        while self.bytes.len() < self.size {
            self.bytes.extend_from_slice(TEXT);
        }
        self.bytes.truncate(self.size);
        &self.bytes
    }
}
