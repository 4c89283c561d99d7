//! The Kafka source on a real broker: every record once, with its offset, up to the end found at opening.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseRecord, Producer as _};
use tidemark::kafka::{self, Notice, Producer};
use tidemark::sources::kafka::{Address, KafkaSource, open};
use tidemark::sources::{Batch, Error, Position, Source as _};

use crate::broker::{Broker, shared, unique};

const LIMIT: Duration = Duration::from_secs(60);

/// What a test expects of a record: its offset, and its value or, where it is too long, its length.
type Row = (u64, Result<Vec<u8>, u64>);

/// A notice that remembers what it was told.
fn listen() -> (Notice, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&told);
    (Arc::new(move |message: &str| ear.lock().expect("a lock").push(message.to_owned())), told)
}

fn sources(brokers: &str, topics: &[&str]) -> Vec<KafkaSource> {
    let address = Address { brokers: brokers.to_owned(), topics: topics.iter().map(|&topic| topic.to_owned()).collect() };
    open(&address, None, &listen().0).expect("the topics").sources
}

fn put(producer: &Producer, topic: &str, partition: u32, value: Option<&[u8]>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(partition.cast_signed());
    record.payload = value;
    kafka::send(producer, record).expect("a record taken");
}

/// Appends a batch's records to the rows.
fn take(batch: &mut Batch, rows: &mut Vec<Row>) {
    for record in &batch.records {
        let value = match &record.oversize {
            Some(long) => Err(long.bytes),
            None => Ok(batch.bytes[record.start..record.end].to_vec()),
        };
        rows.push((record.offset, value));
    }
    batch.clear();
}

/// Reads to the end.
fn rest(source: &mut KafkaSource, bytes: usize) -> Vec<Row> {
    let (mut rows, mut batch, since) = (Vec::new(), Batch::default(), Instant::now());
    loop {
        let more = source.read(&mut batch, bytes, None).expect("a batch");
        take(&mut batch, &mut rows);
        if !more {
            assert_eq!(Some(source.position().offset), source.high_watermark());
            return rows;
        }
        assert!(since.elapsed() < LIMIT, "{source:?} does not come to its end");
    }
}

/// Three partitions: 0 with 3,000 records of which some are null, empty or long; 1 with transactions; 2 empty.
fn fill(brokers: &str, topic: &str) -> [Vec<Row>; 3] {
    kafka::create_topics(brokers, &[(topic, 3)]).expect("a topic");
    let producer = kafka::producer(brokers).expect("a producer");
    let mut expected = [Vec::new(), Vec::new(), Vec::new()];
    for number in 0..3_000_u64 {
        let value: Option<Vec<u8>> = match number % 100 {
            7 => None,
            8 => Some(Vec::new()),
            50 => Some(vec![b'x'; 65_536]),
            51 => Some(vec![b'x'; 65_537 + number as usize]),
            _ => Some(format!("{{\"number\":{number}}}").into_bytes()),
        };
        put(&producer, topic, 0, value.as_deref());
        match value {
            Some(long) if long.len() > 65_536 => expected[0].push((number, Err(long.len() as u64))),
            Some(value) if !value.is_empty() => expected[0].push((number, Ok(value))),
            _ => {}
        }
    }
    kafka::finish(&producer).expect("all written");
    let writer = kafka::transactional_producer(brokers, topic).expect("a producer with transactions");
    // 100 committed and a marker, 100 aborted and a marker, and so on; the last five are aborted.
    let mut offset = 0;
    for transaction in 0..10 {
        let kept = transaction % 2 == 0;
        writer.begin_transaction().expect("begin");
        for number in 0..100 {
            let value = format!("{transaction}/{number}").into_bytes();
            put(&writer, topic, 1, Some(&value));
            if kept {
                expected[1].push((offset, Ok(value)));
            }
            offset += 1;
        }
        writer.flush(LIMIT).expect("written");
        let ended = if kept { writer.commit_transaction(LIMIT) } else { writer.abort_transaction(LIMIT) };
        ended.expect("the end of a transaction");
        offset += 1;
    }
    expected
}

#[test]
fn every_record_comes_once_with_its_offset_up_to_the_end() {
    let topic = unique("source.whole");
    let expected = fill(shared(), &topic);
    let mut all = sources(shared(), &[&topic]);
    let found: Vec<_> =
        all.iter().map(|source| (source.partition().topic.clone(), source.partition().number, source.high_watermark())).collect();
    assert_eq!(found, [(topic.clone(), 0, Some(3_000)), (topic.clone(), 1, Some(1_010)), (topic, 2, Some(0))]);
    for bytes in [1, 1_000, 100_000, 1 << 24] {
        for (source, rows) in all.iter_mut().zip(&expected) {
            assert_eq!(source.position(), Position::default());
            assert!(rest(source, bytes) == *rows, "{source:?} in batches of {bytes}");
            assert!(rest(source, bytes).is_empty(), "{source:?} has an end that stays");
            source.seek(Position::default()).expect("back to the start");
        }
    }
}

#[test]
fn reading_stops_before_an_offset_and_goes_on_from_any() {
    let topic = unique("source.seek");
    let filled = fill(shared(), &topic);
    for (mut source, expected) in sources(shared(), &[&topic]).into_iter().zip(&filled).take(2) {
        let end = source.high_watermark().expect("an end");
        let mut rows = Vec::new();
        let mut batch = Batch::default();
        // Cuts on records, on null ones, on control records and among aborted ones; two behind the end.
        for cut in [0, 1, 8, 9, 51, 100, 101, 150, 201, 202, 203, 700, 909, end - 1, end, end + 5] {
            let since = Instant::now();
            loop {
                let more = source.read(&mut batch, 10_000, Some(cut)).expect("a batch");
                take(&mut batch, &mut rows);
                assert_eq!(more, source.position().offset < end);
                if source.position().offset >= cut.min(end) {
                    break;
                }
                assert!(since.elapsed() < LIMIT, "{source:?} does not come to {cut}");
            }
            assert_eq!(source.position().offset, cut.min(end), "the cut is the position, whatever stands there");
            let seen: Vec<_> = expected.iter().take_while(|row| row.0 < cut).cloned().collect();
            assert!(rows == seen, "up to {cut}");
            // The same from that position in another reader, which is how a run goes on.
            if cut % 2 == 1 {
                let position = source.position();
                source.seek(Position { offset: u64::from(cut != 0), byte: 0 }).expect("elsewhere");
                source.seek(position).expect("and back");
            }
        }
        assert!(rows == *expected);
        for offset in [end - 1, 777, 101, 100, 1, 0] {
            source.seek(Position { offset, byte: 0 }).expect("a position that is there");
            let left: Vec<_> = expected.iter().skip_while(|row| row.0 < offset).cloned().collect();
            assert!(rest(&mut source, 5_000) == left, "from {offset}");
        }
    }
}

#[test]
fn what_comes_after_opening_is_not_read_and_open_transactions_hold_the_end() {
    let topic = unique("source.later");
    kafka::create_topics(shared(), &[(&topic, 1)]).expect("a topic");
    let producer = kafka::producer(shared()).expect("a producer");
    put(&producer, &topic, 0, Some(b"first"));
    kafka::finish(&producer).expect("written");
    let writer = kafka::transactional_producer(shared(), &topic).expect("a producer with transactions");
    writer.begin_transaction().expect("begin");
    put(&writer, &topic, 0, Some(b"second"));
    writer.flush(LIMIT).expect("written");
    put(&producer, &topic, 0, Some(b"third"));
    kafka::finish(&producer).expect("written");
    let mut early = sources(shared(), &[&topic]).remove(0);
    assert_eq!(early.high_watermark(), Some(1), "the open transaction is not stable yet");
    assert_eq!(rest(&mut early, 10), [(0, Ok(b"first".to_vec()))]);
    writer.commit_transaction(LIMIT).expect("commit");
    early.seek(Position::default()).expect("back");
    assert_eq!(rest(&mut early, 10), [(0, Ok(b"first".to_vec()))], "the same position gives the same records");
    let mut late = sources(shared(), &[&topic]).remove(0);
    assert_eq!(rest(&mut late, 10), [(0, Ok(b"first".to_vec())), (1, Ok(b"second".to_vec())), (2, Ok(b"third".to_vec()))]);
}

#[test]
fn topics_come_in_order_and_what_is_not_there_is_named() {
    let (one, two) = (unique("source.b"), unique("source.a"));
    kafka::create_topics(shared(), &[(&one, 2), (&two, 11)]).expect("topics");
    kafka::create_topics(shared(), &[(&one, 2)]).expect("a topic that is there");
    let found: Vec<_> = sources(shared(), &[&one, &two])
        .iter()
        .map(|source| (source.partition().topic.clone(), source.partition().number))
        .collect();
    let expected: Vec<_> =
        (0..11).map(|number| (two.clone(), number)).chain((0..2).map(|number| (one.clone(), number))).collect();
    assert_eq!(found, expected);
    let address = Address { brokers: shared().to_owned(), topics: vec![one, "nowhere.v1".into(), "neither.v1".into()] };
    let Err(Error::Usage(message)) = open(&address, None, &listen().0) else { panic!("two topics are not there") };
    assert!(message.starts_with("no topic nowhere.v1, neither.v1 at 127.0.0.1:") && message.contains("create it"), "{message}");
}

#[test]
fn an_offset_that_is_not_there_is_an_error() {
    let topic = unique("source.range");
    kafka::create_topics(shared(), &[(&topic, 1)]).expect("a topic");
    let producer = kafka::producer(shared()).expect("a producer");
    for _ in 0..100 {
        put(&producer, &topic, 0, Some(b"record"));
    }
    kafka::finish(&producer).expect("written");
    let mut source = sources(shared(), &[&topic]).remove(0);
    source.seek(Position { offset: 101, byte: 0 }).expect_err("beyond the end");
    let beyond = source.seek(Position { offset: 101, byte: 0 }).expect_err("beyond the end").to_string();
    assert!(
        beyond.contains(&format!("topic {topic}, partition 0 at ")) && beyond.contains("offset 101 is not there"),
        "{beyond}"
    );
    source.seek(Position { offset: 100, byte: 0 }).expect("the end is a position");
    assert!(rest(&mut source, 10).is_empty());
    source.seek(Position::default()).expect("the start");
    delete_records(shared(), &topic, 60);
    let message = loop {
        match source.read(&mut Batch::default(), 10, None) {
            Ok(more) => assert!(more, "the end came without an error"),
            Err(error) => break error.to_string(),
        }
    };
    let expected =
        format!("topic {topic}, partition 0 at {}: offset 0 is not there; its offsets now begin at 60 and end at 100", shared());
    assert!(message.contains(&expected) && message.contains("retention"), "{message}");
    let mut anew = sources(shared(), &[&topic]).remove(0);
    assert_eq!((anew.log_start(), anew.position().offset), (60, 60));
    assert!(anew.seek(Position { offset: 59, byte: 0 }).is_err());
    anew.seek(Position { offset: 60, byte: 0 }).expect("the log's start");
    assert_eq!(rest(&mut anew, 10).len(), 40);
}

fn delete_records(brokers: &str, topic: &str, before: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("offsets.json");
    let text = format!(r#"{{"partitions":[{{"topic":"{topic}","partition":0,"offset":{before}}}],"version":1}}"#);
    std::fs::write(&file, text).expect("a file");
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker");
    let output = std::process::Command::new(script)
        .args(["tool", "DeleteRecordsCommand", "--bootstrap-server", brokers, "--offset-json-file"])
        .arg(&file)
        .output()
        .expect("the tool");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn it_waits_for_a_broker_that_is_away_and_says_so() {
    let broker = Broker::start();
    kafka::create_topics(broker.address(), &[("bets.v1", 1)]).expect("a topic");
    let producer = kafka::producer(broker.address()).expect("a producer");
    let mut noise = 1_u64;
    for _ in 0..30_000 {
        // Nothing that could be compressed: the bound is on what is fetched.
        let record = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (noise >> 56) as u8
        });
        put(&producer, "bets.v1", 0, Some(&record.take(1_000).collect::<Vec<u8>>()));
    }
    kafka::finish(&producer).expect("written");
    drop(producer);
    let address = Address::parse(&format!("kafka://{}/bets.v1", broker.address())).expect("an address");
    let (notice, told) = listen();
    let mut source = open(&address, None, &notice).expect("the topic").sources.remove(0);
    let (mut rows, mut batch) = (Vec::new(), Batch::default());
    assert!(source.read(&mut batch, 1, None).expect("a record"));
    broker.stop();
    let mut other = std::thread::scope(|scope| {
        let opening = scope.spawn(|| open_while_away(&address));
        // What was fetched ahead is still there; then nothing comes, and the thread is given back each second.
        let since = Instant::now();
        while told.lock().expect("a lock").is_empty() {
            assert!(source.read(&mut batch, 1 << 20, None).expect("nothing is no error"));
            assert!(since.elapsed() < LIMIT, "no message");
        }
        take(&mut batch, &mut rows);
        let message = told.lock().expect("a lock").remove(0);
        let expected =
            format!("waiting for Kafka at {} since 10 s (topic bets.v1, partition 0, offset {})", broker.address(), rows.len());
        assert!(message.starts_with(&expected), "{message}");
        assert!(rows.len() < 20_000, "the prefetch is bounded, and {} records came", rows.len());
        broker.again();
        opening.join().expect("opened")
    });
    // Dropping a consumer takes no time, whatever its broker does.
    other.start().expect("a consumer");
    broker.signal("STOP");
    let dropping = Instant::now();
    drop(other);
    assert!(dropping.elapsed() < Duration::from_millis(200), "{:?}", dropping.elapsed());
    broker.signal("CONT");
    rows.extend(rest(&mut source, 1 << 20));
    let offsets: Vec<_> = rows.iter().map(|row| row.0).collect();
    assert_eq!(offsets, (0..30_000).collect::<Vec<_>>());
    broker.stop();
}

/// Opens while the broker is away: that waits, and says so, until the broker is back.
fn open_while_away(address: &Address) -> KafkaSource {
    let (notice, told) = listen();
    let source = open(address, None, &notice).expect("the topic").sources.remove(0);
    let told = told.lock().expect("a lock");
    let expected = format!("waiting for Kafka at {} since 1", address.brokers);
    assert!(told.first().is_some_and(|message| message.starts_with(&expected) && message.contains("refused")), "{told:?}");
    source
}
