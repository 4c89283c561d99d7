//! `generate`: the synthetic casino as files, or into Kafka.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant as Clock};

use anyhow::{Context as _, Result, anyhow};
use rdkafka::consumer::Consumer as _;
use rdkafka::producer::BaseRecord;

use super::args::Generate;
use super::print;
use super::progress::Terminal;
use crate::kafka;
use crate::runtime::Failure;
use crate::runtime::replay::Watcher as _;
use crate::sources::casino::{Casino, Counts, Shape};

/// How long a broker may take to say that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How many records pass before the bar is told.
const TELL_EVERY: u64 = 4_096;

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn run(arguments: &Generate) -> Result<u8, Failure> {
    let shape = if arguments.shape == "bench" { Shape::Bench } else { Shape::Realistic };
    let base = if shape == Shape::Bench { Casino::benchmark() } else { Casino::default() };
    let casino = Casino {
        players: arguments.players,
        events: arguments.events,
        seed: arguments.seed,
        days: arguments.days.unwrap_or(base.days),
        partitions: arguments.partitions.unwrap_or(base.partitions),
        shape,
        ..base
    };
    let begun = Clock::now();
    let (counts, place) = match (&arguments.kafka, &arguments.out) {
        (Some(brokers), _) => (produce(&casino, brokers)?, format!("kafka://{brokers}/{}", topics(&casino))),
        (None, Some(out)) => (write(&casino, out)?, out.display().to_string()),
        (None, None) => return Err(Failure::Usage("give --out DIR or --kafka HOST:PORT".to_owned())),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let mut text = format!(
        "{}, {}, in {seconds:.1} s ({}/s)\n",
        print::counted(counts.records, "record", "records"),
        print::size(counts.bytes),
        print::count((counts.records as f64 / seconds.max(0.001)) as u64),
    );
    for (topic, records) in &counts.topics {
        text.push_str(&format!("{:>14}  {topic}\n", print::count(*records)));
    }
    text.push_str(&format!("written to {place}\n"));
    print::text(&text)?;
    Ok(0)
}

/// The names of the topics, as `--events` wants them.
fn topics(casino: &Casino) -> String {
    let names: Vec<String> = sizes(casino).into_keys().collect();
    names.join(",")
}

/// Topics and their partitions.
fn sizes(casino: &Casino) -> BTreeMap<String, u32> {
    let mut sizes = BTreeMap::new();
    for (topic, _) in casino.partitions() {
        *sizes.entry(topic).or_default() += 1;
    }
    sizes
}

fn write(casino: &Casino, out: &Path) -> Result<Counts, Failure> {
    match std::fs::read_dir(out) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::Usage(format!(
                    "--out {} is not empty; give an empty folder, or one that is not there",
                    out.display()
                )));
            }
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(Failure::Usage(format!("--out {}: {cause}", out.display()))),
    }
    casino.write(out).with_context(|| format!("cannot write {}", out.display())).map_err(Failure::Failed)
}

fn produce(casino: &Casino, brokers: &str) -> Result<Counts, Failure> {
    let terminal = Terminal::new();
    let result = send_all(casino, brokers, &terminal);
    terminal.clear();
    result
}

fn send_all(casino: &Casino, brokers: &str, terminal: &Terminal) -> Result<Counts, Failure> {
    let sizes = sizes(casino);
    prepare(&sizes, brokers)?;
    let fill = || -> Result<Counts> {
        let producer = kafka::producer(brokers)?;
        let partitions = casino.partitions();
        let mut records = casino.records();
        let mut counts = Counts { topics: sizes.keys().map(|topic| (topic.clone(), 0)).collect(), ..Counts::default() };
        let (mut line, mut key) = (Vec::with_capacity(1_024), Vec::with_capacity(64));
        while let Some(index) = records.next(&mut line) {
            records.key(&mut key);
            let (topic, partition) = partitions.get(index).context("the casino names a partition that it does not have")?;
            let record = BaseRecord::to(topic).partition(partition.cast_signed()).key(key.as_slice()).payload(line.as_slice());
            kafka::send(&producer, record)?;
            counts.records += 1;
            counts.bytes += line.len() as u64;
            if let Some(count) = counts.topics.get_mut(topic) {
                *count += 1;
            }
            if counts.records.is_multiple_of(TELL_EVERY) {
                terminal.progress(counts.records, counts.records, Some(casino.events));
            }
        }
        kafka::finish(&producer)?;
        Ok(counts)
    };
    fill().map_err(Failure::Failed)
}

/// Sees that a broker is there and every topic has its partitions, and creates what is missing.
fn prepare(sizes: &BTreeMap<String, u32>, brokers: &str) -> Result<(), Failure> {
    let failed = |error: kafka::Error| Failure::Failed(error.into());
    let inspector = kafka::inspector(brokers).map_err(failed)?;
    let known = inspector.client().fetch_metadata(None, ANSWER_WITHIN).map_err(|cause| {
        let why = inspector.client().context().last_error().unwrap_or_else(|| cause.to_string());
        Failure::Failed(anyhow!("no Kafka broker answers at {brokers} within {} s: {why}", ANSWER_WITHIN.as_secs()))
    })?;
    for topic in known.topics() {
        let found = topic.partitions().len();
        if let Some(wanted) = sizes.get(topic.name()).filter(|wanted| **wanted as usize != found) {
            return Err(Failure::Usage(format!(
                "the topic {} is there with {}, and the casino wants {wanted}; give --partitions {found}, or remove the topic",
                topic.name(),
                print::counted(found as u64, "partition", "partitions"),
            )));
        }
    }
    let missing = sizes.iter().filter(|(name, _)| known.topics().iter().all(|topic| topic.name() != name.as_str()));
    let missing: Vec<(&str, u32)> = missing.map(|(name, partitions)| (name.as_str(), *partitions)).collect();
    if missing.is_empty() { Ok(()) } else { kafka::create_topics(brokers, &missing).map_err(failed) }
}
