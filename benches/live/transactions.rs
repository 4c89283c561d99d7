//! What exactly once costs, and what the ledger topic: the same job twice in turns, with it and without it.
//!
//! Nothing in the product can do without: brokers of the benchmark's own stand between the service and the real ones,
//! and their producers leave transactions, or the postings of points, out. Such a run has no promise to keep, so nobody
//! may kill it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Result;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::BaseRecord;
use tidemark::brokers::{Brokers, Each, End, Kind, Outgoing, Place, Refused, Times, Transactions};
use tidemark::config;
use tidemark::kafka::{self, Cluster, Producer};
use tidemark::runtime::service::{self, Connect, Options, Outcome, World};
use tidemark::sinks::Topic;
use tidemark::sources::casino::Casino;
use tidemark::sources::{Partition, Source};
use tidemark_domain::defect::Defects;

use super::Bench;
use super::drain::{self, Taken};
use super::job::{Input, Kept};
use crate::measure::{Arguments, median};

/// Of the records a second that the job makes without transactions.
const RATE_TARGET: f64 = 0.85;
/// Says to [`one_run`] that it is to leave transactions out.
const WITHOUT: &str = "--without-transactions";
/// Says to [`one_run`] that it is to leave postings of points out, which are made all the same.
const NO_LEDGER: &str = "--without-ledger-topic";
/// Records a second without the ledger topic.
const NO_LEDGER_TARGET: f64 = 600_000.0;

/// The job with transactions and without.
pub(crate) fn run(bench: &Bench) {
    let (with, without) = in_turns(bench, "transactions", WITHOUT);
    let ratio = |of: fn(&Taken) -> f64| median(with.iter().zip(&without).map(|(with, without)| of(with) / of(without)));
    println!("\nwith to without, medians of {} rounds:", with.len());
    println!("records/s: {:.0} %, target {:.0} %", ratio(Taken::rate) * 100.0, RATE_TARGET * 100.0);
    println!("cpu a record: {:.2} x, broker's {:.2} x", ratio(Taken::cpu), ratio(Taken::brokers));
}

/// The job with the ledger topic and without.
pub(crate) fn without_ledger(bench: &Bench) {
    let (_, without) = in_turns(bench, "ledger topic", NO_LEDGER);
    println!("\nwithout, medians of {} rounds:", without.len());
    println!("records/s: {:.0}, target {NO_LEDGER_TARGET:.0}", median(without.iter().map(Taken::rate)));
    println!("cpu us a record: {:.2}", median(without.iter().map(Taken::cpu)));
}

/// Lets both take turns.
fn in_turns(bench: &Bench, what: &str, leave_out: &str) -> (Vec<Taken>, Vec<Taken>) {
    let events = bench.arguments.number("--events", 3_000_000);
    let players = u32::try_from(bench.arguments.number("--players", 100_000)).expect("not so many players");
    println!("\n## {events} records of {players} players, with {what} and without, a commit every 500 ms\n");
    let input = Input::new(bench, "bench", Kept::Always);
    input.fill(&Casino { events, players, ..Casino::benchmark() });
    let one = |name: &str, left_out: &[&str]| {
        drain::measured(bench, name, events, || drain::once(bench, &input, |job, workers| job.inside(workers, left_out)))
    };
    // What runs first pays for the broker's compiler; it would always be the same of the two.
    println!("a round that is not counted, in which the broker compiles what it runs:");
    drain::must_agree([one("with", &[]), one("without", &[leave_out])].iter());
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..bench.arguments.number("--runs", 2) {
        println!("round {}:", round + 1);
        // Each is first in every other round: a broker grows faster with every run.
        if round % 2 == 0 {
            with.push(one("with", &[]));
        }
        without.push(one("without", &[leave_out]));
        if round % 2 == 1 {
            with.push(one("with", &[]));
        }
    }
    drain::must_agree(with.iter().chain(&without));
    (with, without)
}

/// The service inside of this process, until its input is drained; prints the summary.
pub(crate) fn one_run(arguments: &Arguments) {
    let file = arguments.text("--config").expect("--config");
    let mut config = config::load(Path::new(file), &|_| None, &[]).expect("a configuration of the benchmark's own is sound");
    config.job.workers = u32::try_from(arguments.number("--workers", 2)).expect("not so many workers");
    let mut world = World::default();
    let (transactions, ledger) = (!arguments.has(WITHOUT), !arguments.has(NO_LEDGER));
    if !transactions || !ledger {
        let real = Connect::clone(&world.brokers);
        world.brokers = Arc::new(move |cluster, notice| {
            Arc::new(Loose { real: real(cluster, notice), cluster: cluster.clone(), transactions }) as Arc<dyn Brokers>
        });
    }
    let outcome = service::run(&Options {
        config,
        drain: true,
        accept_divergence: false,
        defects: Defects::default(),
        notice: Arc::new(|line| eprintln!("{line}")),
        asked_to_stop: Arc::new(AtomicBool::new(false)),
        world,
    });
    match outcome {
        Ok(Outcome::Drained(summary)) => println!("{}", serde_json::to_string(&*summary).expect("it is JSON")),
        other => panic!("the drain ended otherwise: {other:?}"),
    }
}

/// Brokers whose producers know no transactions, or no ledger topic.
struct Loose {
    real: Arc<dyn Brokers>,
    cluster: Cluster,
    transactions: bool,
}

impl Brokers for Loose {
    fn address(&self) -> &str {
        self.real.address()
    }

    fn topics(&self) -> Result<BTreeMap<String, u32>> {
        self.real.topics()
    }

    fn partitions(&self, topic: &str) -> Result<u32> {
        self.real.partitions(topic)
    }

    fn bounds(&self, places: &[Place], end: End) -> Result<BTreeMap<Place, (u64, u64)>> {
        self.real.bounds(places, end)
    }

    fn read(&self, from: &BTreeMap<Place, (u64, u64)>, patience: Duration, each: Each<'_>) -> Result<()> {
        self.real.read(from, patience, each)
    }

    fn delete_before(&self, places: &BTreeMap<Place, u64>) -> Result<()> {
        self.real.delete_before(places)
    }

    fn follow(&self, partition: &Partition, prefix: &str, from: u64) -> Box<dyn Source> {
        self.real.follow(partition, prefix, from)
    }

    fn producer(&self, id: &str, times: Times, group: &str) -> Result<Box<dyn Transactions>> {
        if self.transactions {
            return Ok(Box::new(NoLedger(self.real.producer(id, times, group)?)));
        }
        // As long a wait as a shard's own producer has.
        let linger = times.linger.as_millis().to_string();
        let mut cluster = self.cluster.clone();
        cluster.settings.entry("linger.ms".to_owned()).or_insert(linger);
        let client = kafka::producer(cluster)?;
        Ok(Box::new(Untransacted { client, prepared: (Vec::new(), OwnedHeaders::new_with_capacity(0)) }))
    }

    fn is_theirs(&self, error: &anyhow::Error) -> bool {
        self.real.is_theirs(error)
    }
}

/// A producer that writes what it is given, and that is all.
struct Untransacted {
    client: Producer,
    /// The headers that many records have, made once, as the real one does it.
    prepared: (Vec<(String, String)>, OwnedHeaders),
}

fn insert(headers: OwnedHeaders, (key, value): &(&str, &str)) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(*value) })
}

fn unclear(what: String) -> Refused {
    Refused { what, kind: Kind::Unclear }
}

impl Transactions for Untransacted {
    fn init(&mut self, _slice: Duration) -> Result<(), Refused> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused> {
        let (texts, headers) = &mut self.prepared;
        if !texts.iter().map(|(key, value)| (&**key, &**value)).eq(record.headers.iter().copied()) {
            *texts = record.headers.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            *headers = record.headers.iter().fold(OwnedHeaders::new_with_capacity(record.headers.len()), insert);
        }
        let all = record.own.iter().fold(headers.clone(), insert);
        let mut message = BaseRecord::to(record.topic).key(record.key).payload(record.body).headers(all);
        if let Some(partition) = record.partition {
            message = message.partition(partition.cast_signed());
        }
        kafka::send(&self.client, message).map_err(|error| unclear(error.to_string()))
    }

    fn offsets(&mut self, _offsets: &[(String, u32, u64)]) -> Result<(), Refused> {
        Ok(())
    }

    fn room(&self) -> usize {
        kafka::REQUEST
    }

    fn is_writing(&self) -> bool {
        kafka::is_writing(&self.client)
    }

    fn flush(&mut self, slice: Duration) -> Result<(), Refused> {
        kafka::delivered(&self.client, slice).then_some(()).ok_or_else(|| unclear("records wait for too long".to_owned()))
    }

    fn commit(&mut self, _slice: Duration) -> Result<(), Refused> {
        kafka::finish(&self.client).map_err(|error| unclear(error.to_string()))
    }
}

/// A producer that leaves the postings of points out.
struct NoLedger(Box<dyn Transactions>);

impl Transactions for NoLedger {
    fn init(&mut self, slice: Duration) -> Result<(), Refused> {
        self.0.init(slice)
    }

    fn begin(&mut self) -> Result<(), Refused> {
        self.0.begin()
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<(), Refused> {
        if record.topic.ends_with(Topic::PointsLedger.name()) { Ok(()) } else { self.0.send(record) }
    }

    fn offsets(&mut self, offsets: &[(String, u32, u64)]) -> Result<(), Refused> {
        self.0.offsets(offsets)
    }

    fn room(&self) -> usize {
        self.0.room()
    }

    fn is_writing(&self) -> bool {
        self.0.is_writing()
    }

    fn flush(&mut self, slice: Duration) -> Result<(), Refused> {
        self.0.flush(slice)
    }

    fn commit(&mut self, slice: Duration) -> Result<(), Refused> {
        self.0.commit(slice)
    }
}
