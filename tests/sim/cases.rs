//! What brokers answer, in one table: the log in memory and real brokers are held to the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tidemark::brokers::{Brokers, End, Kind, Outgoing, Place, Refused, Times, Transactions, unreadable};
use tidemark::kafka::{self, Cluster, Notice};
use tidemark::murmur2::murmur2;
use tidemark::runtime::service::World;
use tidemark::sources::{Batch, Partition, Source};

use super::connection::Connection;
use super::log::Log;
use super::weather::{Call, Fault, Weather};
use crate::broker::{shared, unique};

/// How long one call to a producer may take.
const SLICE: Duration = Duration::from_secs(10);
/// How long anything that is to come may take: a coordinator looks for transactions to abort every 10 s.
const LIMIT: Duration = Duration::from_secs(40);
/// One look at what is to come.
const LOOK: Duration = Duration::from_millis(50);
const PARTITIONS: u32 = 3;

/// What a case stands on.
struct Fixture<'f> {
    /// A topic that nobody has written to.
    topic: String,
    brokers: &'f dyn Brokers,
    /// What its transactional ids begin with.
    prefix: String,
    sleep: &'f dyn Fn(Duration),
}

type Producer = Box<dyn Transactions>;

impl Fixture<'_> {
    /// A producer that has the id.
    fn producer(&self, name: &str) -> Producer {
        self.impatient(name, Duration::from_secs(60))
    }

    /// One whose transactions may not be open for longer.
    fn impatient(&self, name: &str, timeout: Duration) -> Producer {
        let id = format!("{}.{name}", self.prefix);
        let times = Times { transaction: timeout, linger: Duration::from_millis(5) };
        let made = self.brokers.producer(&id, times, &format!("{}.group", self.prefix));
        let mut producer = made.expect("a producer");
        again(|| producer.init(SLICE)).expect("the transactional id");
        producer
    }

    fn record<'r>(&'r self, partition: u32, body: &'r str) -> Outgoing<'r> {
        Outgoing { topic: &self.topic, partition: Some(partition), key: b"key", body: body.as_bytes(), headers: &[], own: &[] }
    }

    /// Writes records, in the open transaction.
    fn put(&self, producer: &mut Producer, partition: u32, bodies: &[&str]) {
        for body in bodies {
            producer.send(self.record(partition, body)).expect("a record taken");
        }
        producer.flush(LIMIT).expect("written");
    }

    /// Begins a transaction and writes records in it.
    fn open(&self, producer: &mut Producer, partition: u32, bodies: &[&str]) {
        producer.begin().expect("begun");
        self.put(producer, partition, bodies);
    }

    /// A whole transaction, its marker written.
    fn publish(&self, producer: &mut Producer, partition: u32, bodies: &[&str]) {
        let (_, before) = self.ends(partition);
        self.open(producer, partition, bodies);
        again(|| producer.commit(SLICE)).expect("committed");
        self.until_high(partition, before + bodies.len() as u64 + 1);
    }

    fn bound(&self, partition: u32, end: End) -> u64 {
        let place = (self.topic.clone(), partition);
        let found = self.brokers.bounds(std::slice::from_ref(&place), end).expect("bounds");
        found.get(&place).expect("the partition").1
    }

    /// The last stable offset and the high watermark.
    fn ends(&self, partition: u32) -> (u64, u64) {
        (self.bound(partition, End::Stable), self.bound(partition, End::High))
    }

    fn wait(&self, done: impl Fn() -> bool) {
        let mut waited = Duration::ZERO;
        while !done() {
            assert!(waited < LIMIT, "it does not come");
            (self.sleep)(LOOK);
            waited += LOOK;
        }
    }

    /// Waits for a marker.
    fn until_high(&self, partition: u32, high: u64) {
        self.wait(|| self.bound(partition, End::High) >= high);
    }

    fn places(&self) -> Vec<Place> {
        (0..PARTITIONS).map(|partition| (self.topic.clone(), partition)).collect()
    }

    /// Everything that is committed, and where the partitions begin and end.
    fn seen(&self) -> String {
        let bounds = self.brokers.bounds(&self.places(), End::High).expect("bounds");
        let mut found: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let read = self.brokers.read(&bounds, LIMIT, &mut |record| {
            let body = String::from_utf8_lossy(record.body);
            found.entry(record.partition).or_default().push(format!("{body}@{}", record.offset));
            Ok(())
        });
        read.expect("everything is readable");
        let mut seen = String::new();
        for (partition, records) in found {
            write!(seen, "{partition}[{}] ", records.join(" ")).expect("text");
        }
        let ends: Vec<String> = bounds.values().map(|(low, high)| format!("{low}..{high}")).collect();
        seen + &ends.join(" ")
    }

    fn follow(&self) -> Box<dyn Source> {
        self.brokers.follow(&Partition { topic: self.topic.clone(), number: 0 }, "", 0)
    }

    /// Reads a followed partition until it is at an offset: what came, and where it is.
    fn followed(&self, source: &mut dyn Source, until: u64, before: Option<u64>) -> String {
        let (mut batch, mut waited) = (Batch::default(), Duration::ZERO);
        while source.position().offset < until {
            source.read(&mut batch, 1 << 20, before).expect("a batch");
            assert!(waited < LIMIT, "it does not come to {until}");
            (self.sleep)(LOOK);
            waited += LOOK;
        }
        let offsets: Vec<String> = batch.records.iter().map(|record| record.offset.to_string()).collect();
        format!("[{}] then {}", offsets.join(" "), source.position().offset)
    }
}

/// The same call again, while that is what is asked for.
fn again(mut call: impl FnMut() -> Result<(), Refused>) -> Result<(), Refused> {
    for _ in 0..8 {
        match call() {
            Err(refused) if refused.kind == Kind::Again => {}
            done => return done,
        }
    }
    call()
}

/// What becomes of a commit.
fn outcome(producer: &mut Producer) -> &'static str {
    match again(|| producer.commit(SLICE)) {
        Ok(()) => "committed",
        Err(refused) if refused.kind == Kind::Fenced => "fenced",
        Err(_) => "not committed",
    }
}

/// A name, what is done, and what is seen.
type Case = (&'static str, fn(&Fixture<'_>) -> String, &'static str);

/// The table.
const CASES: [Case; 21] = [
    ("what is committed is visible, a marker takes an offset", visible, "committed 0[a@0 b@1] 0..3 0..0 0..0"),
    ("each partition that was touched has a marker", touched, "committed 0[a@0] 2[b@0 c@1] 0..2 0..0 0..3"),
    ("a transaction in which nothing was sent writes nothing", empty, "committed 0..0 0..0 0..0"),
    ("to take an id writes nothing", taken, "0..0 0..0 0..0"),
    ("a successor's init aborts what was open", aborted, "(0, 2) -> 0..0 0..3 0..0"),
    ("a successor's init keeps what was committed", kept, "0[a@0 b@2] 0..4 0..0 0..0"),
    ("an open transaction holds the stable end", held, "(0, 2) -> committed (3, 3)"),
    ("who was fenced while in a transaction does not commit it", fenced, "fenced 0..2 0..0 0..0"),
    ("who was fenced before publishes nothing more", zombie, "no commit 0[a@0 c@2] 0..4 0..0 0..0"),
    ("the init of one id leaves another alone", neighbour, "committed 0[a@0] 0..2 0..0 0..0"),
    ("a producer that is dropped leaves its transaction open", dropped, "(0, 1) -> 0..2 0..0 0..0"),
    ("a transaction that is open for too long is aborted", timed_out, "no commit 0[b@2] 0..4 0..0 0..0"),
    (
        "the first of two transactions holds the second",
        interleaved,
        "committed (0, 4) -> committed 0[a@0 b@1 c@2] 0..5 0..0 0..0",
    ),
    ("of two transactions one is aborted", one_aborted, "committed (0, 3) -> 0[b@1] 0..4 0..0 0..0"),
    ("what is followed passes what is aborted, and markers", followed, "[0 4] then 6"),
    ("what is followed stops where it is told, and goes on", cut, "[0] then 3, [4] then 6"),
    ("what is followed does not pass an open transaction", follow_open, "[0] then 2, [] then 2, [2] then 4"),
    ("what is followed leaves out what is empty", follow_empty, "[1] then 3"),
    ("an open transaction makes its partition unreadable", unread, "as it says true, theirs false"),
    ("a key goes where Kafka's own producers put it", keyed, "60 of 60"),
    ("keys, headers and order come back", whole, "200 in order to 200, key 7 one=100 two=199"),
];

fn visible(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a", "b"]);
    let done = outcome(&mut producer);
    fixture.until_high(0, 3);
    format!("{done} {}", fixture.seen())
}

fn touched(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a"]);
    fixture.put(&mut producer, 2, &["b", "c"]);
    let offsets = [(fixture.topic.clone(), 1, 7)];
    producer.offsets(&offsets).expect("offsets taken");
    let done = outcome(&mut producer);
    fixture.until_high(0, 2);
    fixture.until_high(2, 3);
    format!("{done} {}", fixture.seen())
}

fn empty(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    producer.begin().expect("begun");
    let done = outcome(&mut producer);
    format!("{done} {}", fixture.seen())
}

fn taken(fixture: &Fixture<'_>) -> String {
    let (_one, _two) = (fixture.producer("a"), fixture.producer("a"));
    fixture.seen()
}

fn aborted(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 1, &["a", "b"]);
    let open = fixture.ends(1);
    let _successor = fixture.producer("a");
    fixture.until_high(1, 3);
    format!("{open:?} -> {}", fixture.seen())
}

fn kept(fixture: &Fixture<'_>) -> String {
    fixture.publish(&mut fixture.producer("a"), 0, &["a"]);
    fixture.publish(&mut fixture.producer("a"), 0, &["b"]);
    fixture.seen()
}

fn held(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a", "b"]);
    let open = fixture.ends(0);
    let done = outcome(&mut producer);
    fixture.wait(|| fixture.bound(0, End::Stable) >= 3);
    format!("{open:?} -> {done} {:?}", fixture.ends(0))
}

fn fenced(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a"]);
    let _successor = fixture.producer("a");
    fixture.until_high(0, 2);
    let done = outcome(&mut producer);
    format!("{done} {}", fixture.seen())
}

/// Tries to publish one record more; where that is refused, and as what, depends on the client.
fn tries(fixture: &Fixture<'_>, producer: &mut Producer) -> Result<(), Refused> {
    producer.begin()?;
    producer.send(fixture.record(0, "never"))?;
    producer.flush(SLICE)?;
    again(|| producer.commit(SLICE))
}

fn zombie(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.publish(&mut producer, 0, &["a"]);
    let mut successor = fixture.producer("a");
    let tried = tries(fixture, &mut producer);
    fixture.publish(&mut successor, 0, &["c"]);
    format!("{} {}", tried.map_or("no commit", |()| "committed"), fixture.seen())
}

fn neighbour(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a"]);
    let _other = fixture.producer("b");
    let done = outcome(&mut producer);
    fixture.until_high(0, 2);
    format!("{done} {}", fixture.seen())
}

fn dropped(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a"]);
    drop(producer);
    (fixture.sleep)(Duration::from_millis(500));
    let open = fixture.ends(0);
    let _successor = fixture.producer("a");
    fixture.until_high(0, 2);
    format!("{open:?} -> {}", fixture.seen())
}

fn timed_out(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.impatient("a", Duration::from_secs(3));
    fixture.open(&mut producer, 0, &["a"]);
    fixture.wait(|| fixture.ends(0) == (2, 2));
    let done = again(|| producer.commit(SLICE));
    fixture.publish(&mut fixture.producer("a"), 0, &["b"]);
    format!("{} {}", done.map_or("no commit", |()| "committed"), fixture.seen())
}

fn interleaved(fixture: &Fixture<'_>) -> String {
    let (mut one, mut two) = (fixture.producer("a"), fixture.producer("b"));
    fixture.open(&mut one, 0, &["a"]);
    fixture.open(&mut two, 0, &["b"]);
    fixture.put(&mut one, 0, &["c"]);
    let second = outcome(&mut two);
    fixture.until_high(0, 4);
    let ends = fixture.ends(0);
    let first = outcome(&mut one);
    fixture.until_high(0, 5);
    format!("{second} {ends:?} -> {first} {}", fixture.seen())
}

fn one_aborted(fixture: &Fixture<'_>) -> String {
    let (mut one, mut two) = (fixture.producer("a"), fixture.producer("b"));
    fixture.open(&mut one, 0, &["a"]);
    fixture.open(&mut two, 0, &["b"]);
    let second = outcome(&mut two);
    fixture.until_high(0, 3);
    let ends = fixture.ends(0);
    let _successor = fixture.producer("a");
    fixture.until_high(0, 4);
    format!("{second} {ends:?} -> {}", fixture.seen())
}

/// One record that is committed, one that is aborted, one that is committed: 0, 2 and 4, each with a marker.
fn mixed(fixture: &Fixture<'_>) {
    let mut producer = fixture.producer("a");
    fixture.publish(&mut producer, 0, &["a"]);
    fixture.open(&mut producer, 0, &["b"]);
    let mut successor = fixture.producer("a");
    fixture.until_high(0, 4);
    fixture.publish(&mut successor, 0, &["c"]);
}

fn followed(fixture: &Fixture<'_>) -> String {
    mixed(fixture);
    fixture.followed(&mut *fixture.follow(), 6, Some(6))
}

fn cut(fixture: &Fixture<'_>) -> String {
    mixed(fixture);
    let mut source = fixture.follow();
    let first = fixture.followed(&mut *source, 3, Some(3));
    format!("{first}, {}", fixture.followed(&mut *source, 6, Some(6)))
}

fn follow_open(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.publish(&mut producer, 0, &["a"]);
    fixture.open(&mut producer, 0, &["b"]);
    let mut source = fixture.follow();
    let first = fixture.followed(&mut *source, 2, None);
    let mut batch = Batch::default();
    for _ in 0..10 {
        source.read(&mut batch, 1 << 20, None).expect("a batch");
        (fixture.sleep)(LOOK);
    }
    let none = format!("{:?} then {}", batch.records, source.position().offset);
    again(|| producer.commit(SLICE)).expect("committed");
    format!("{first}, {none}, {}", fixture.followed(&mut *source, 4, None))
}

fn follow_empty(fixture: &Fixture<'_>) -> String {
    fixture.publish(&mut fixture.producer("a"), 0, &["", "b"]);
    fixture.followed(&mut *fixture.follow(), 3, Some(3))
}

fn unread(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    fixture.open(&mut producer, 0, &["a"]);
    let patience = Duration::from_secs(1);
    let from = BTreeMap::from([((fixture.topic.clone(), 0), (0, 1))]);
    let failed = fixture.brokers.read(&from, patience, &mut |_| Ok(())).expect_err("a transaction is open");
    let said = failed.to_string() == unreadable(&fixture.topic, 0, 1, patience);
    format!("as it says {said}, theirs {}", fixture.brokers.is_theirs(&failed))
}

fn keyed(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    producer.begin().expect("begun");
    for number in 0..60 {
        let key = format!("player-{number}");
        let record = fixture.record(0, "body");
        producer.send(Outgoing { partition: None, key: key.as_bytes(), ..record }).expect("a record taken");
    }
    producer.flush(LIMIT).expect("written");
    again(|| producer.commit(SLICE)).expect("committed");
    let bounds = fixture.brokers.bounds(&fixture.places(), End::High).expect("bounds");
    let mut right = 0;
    let done = fixture.brokers.read(&bounds, LIMIT, &mut |record| {
        right += u32::from((murmur2(record.key) & 0x7fff_ffff) % PARTITIONS == record.partition);
        Ok(())
    });
    done.expect("everything is readable");
    format!("{right} of 60")
}

fn whole(fixture: &Fixture<'_>) -> String {
    let mut producer = fixture.producer("a");
    let bodies: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    for half in bodies.chunks(100) {
        producer.begin().expect("begun");
        for body in half {
            let (headers, own) = ([("one", half[0].as_str())], [("two", body.as_str())]);
            let record = Outgoing { key: b"7", headers: &headers, own: &own, ..fixture.record(0, body) };
            producer.send(record).expect("a record taken");
        }
        producer.flush(LIMIT).expect("written");
        again(|| producer.commit(SLICE)).expect("committed");
    }
    fixture.until_high(0, 202);
    let from = BTreeMap::from([((fixture.topic.clone(), 0), (0, 202))]);
    let (mut read, mut last, mut told) = (Vec::new(), 0, String::new());
    let done = fixture.brokers.read(&from, LIMIT, &mut |record| {
        read.push(String::from_utf8_lossy(record.body).into_owned());
        last = record.offset;
        told = format!("key {}", String::from_utf8_lossy(record.key));
        for (key, value) in &record.headers {
            write!(told, " {key}={}", String::from_utf8_lossy(value)).expect("text");
        }
        Ok(())
    });
    done.expect("everything is readable");
    let order = if read == bodies { "in order" } else { "out of order" };
    format!("{} {order} to {last}, {told}", read.len())
}

/// Time passes while somebody rests; nothing goes wrong.
#[derive(Default)]
struct Calm(AtomicU64);

impl Weather for Calm {
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    fn wall_ms(&self) -> i64 {
        1_700_000_000_000 + self.now().as_millis() as i64
    }

    fn rest(&self, time: Duration) -> bool {
        self.0.fetch_add(time.as_micros() as u64, Ordering::Relaxed);
        true
    }

    fn is_dead(&self) -> bool {
        false
    }

    fn fault(&self, _: Call) -> Option<Fault> {
        None
    }
}

/// What is not as it stands in the table.
fn differing(case: &Case, fixture: &Fixture<'_>) -> Option<String> {
    let (name, run, expected) = case;
    let seen = run(fixture);
    (seen != *expected).then(|| format!("{name}: {seen}, not {expected}"))
}

#[test]
fn the_log_in_memory_answers_as_the_table_says() {
    let mut wrong = Vec::new();
    for case in &CASES {
        let calm = Arc::new(Calm::default());
        let log = Arc::new(Log::new(&[("case", PARTITIONS)]));
        let brokers = Connection { log, weather: Arc::clone(&calm) as Arc<dyn Weather> };
        let sleep = |time| assert!(calm.rest(time), "nobody dies here");
        let (topic, prefix) = ("case".to_owned(), "id".to_owned());
        wrong.extend(differing(case, &Fixture { topic, brokers: &brokers, prefix, sleep: &sleep }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn real_brokers_answer_as_the_table_says() {
    let names: Vec<String> = CASES.iter().map(|_| unique("sim.case")).collect();
    let topics: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), PARTITIONS)).collect();
    kafka::create_topics(shared(), &topics).expect("topics");
    let notice: Notice = Arc::new(|_: &str| {});
    let brokers = (World::default().brokers)(&Cluster::from(shared()), &notice);
    let mut wrong = Vec::new();
    for (case, topic) in CASES.iter().zip(&names) {
        let (topic, prefix) = (topic.clone(), format!("{topic}.id"));
        wrong.extend(differing(case, &Fixture { topic, brokers: &*brokers, prefix, sleep: &std::thread::sleep }));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
