//! The sections of the file, one function each: which keys there are, and what they must be to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tidemark_domain::programme::resolve::nearest::nearest_within;

use super::document::{Node, Table, Value, leaves, quoted};
use super::reader::{Found, Origin, Reader, Section};
use super::{Clock, Config, Epoch, Http, Job, KafkaSink, LETTERS_MAX, Mode, Programme, Source, Store, passed, values};

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An epoch is bound at least once a second (CONTRACTS rule 0).
const INTERVAL_MAX: Duration = SECOND;
/// Below the default of `transaction_timeout`, and short enough for whoever waits for facts.
const COMMIT_INTERVAL_MAX: Duration = Duration::from_secs(30);
/// What brokers allow by default.
const TRANSACTION_TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// Reads everything. Where a part is missing, a problem says so.
pub(super) fn all(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Config> {
    let job = job(reader, root);
    let clock = clock(reader, root);
    let epoch = epoch(reader, root);
    let store = store(reader, root);
    let (sources, places) = sources(reader, root).unzip();
    let brokers = sources.as_ref().and_then(|sources| sources.first()).map(|source| source.brokers.as_str());
    let commit_interval = epoch.as_ref().map(|epoch| epoch.commit_interval);
    let sink = sink(reader, root, brokers, commit_interval);
    if let (Some(job), Some(sources), Some(sink)) = (&job, &sources, &sink) {
        reads_its_own(reader, job, sources.iter().zip(places.iter().flatten()), sink);
    }
    let http = http(reader, root);
    let programme = programme(reader, root);
    reader.close(root);
    Some(Config {
        job: job?,
        clock: clock?,
        epoch: epoch?,
        store: store?,
        sources: sources?,
        sink: sink?,
        http: http?,
        programme: programme?,
        warnings: Vec::new(),
        rows: Vec::new(),
    })
}

fn job(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Job> {
    let mut section = reader.section(root, "job");
    let name = reader.text(&mut section, "name", values::name);
    let workers = reader.whole(&mut section, "workers", |value| values::whole::<u32>(value, &(1..=240)));
    let shards = reader.whole(&mut section, "shards", values::shards);
    reader.close(&section);
    if let (Some(workers), Some(shards)) = (&workers, &shards)
        && workers.value > shards.value
    {
        let message = format!("job.workers is {}, more than job.shards, {}: a shard has one worker", workers.value, shards.value);
        reader.problem(given(&workers.origin, &shards.origin), message);
    }
    Some(Job { name: name?.value, workers: workers?.value, shards: shards?.value })
}

fn clock(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Clock> {
    let mut section = reader.section(root, "clock");
    let mode = reader.text(&mut section, "mode", values::mode);
    let speed = reader.whole(&mut section, "speed", |value| values::whole::<u32>(value, &(1..=100_000)));
    let start = reader.instant(&mut section, "start", values::instant);
    reader.close(&section);
    let (mode, speed, start) = (mode?.value, speed?.value, start?.value);
    if speed != 1 {
        reader.warn(format!("clock.speed is {speed}, for tests: time passes {speed} times as fast as the wall clock"));
    }
    if let Some(start) = start {
        reader.warn(format!("clock.start is {start}, for tests: time starts there and not now"));
    }
    if mode == Mode::Events && (speed != 1 || start.is_some()) {
        reader.warn("clock.speed and clock.start have no effect in clock mode events".to_owned());
    }
    Some(Clock { mode, speed, start })
}

fn epoch(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Epoch> {
    let mut section = reader.section(root, "epoch");
    let interval = reader.duration(&mut section, "interval", MILLISECOND..=INTERVAL_MAX);
    let commit = reader.duration(&mut section, "commit_interval", MILLISECOND..=COMMIT_INTERVAL_MAX);
    let snapshot = reader.duration(&mut section, "snapshot_interval", MILLISECOND..=DAY);
    let profile = reader.duration(&mut section, "profile_interval", MILLISECOND..=DAY);
    let bytes = reader.whole(&mut section, "bytes", |value| values::whole::<usize>(value, &(1_024..=1 << 30)));
    let in_flight = reader.whole(&mut section, "in_flight", |value| values::whole::<u64>(value, &(1..=1_000)));
    reader.close(&section);
    not_below(reader, ("epoch.commit_interval", commit.as_ref()), ("epoch.interval", interval.as_ref()));
    not_below(reader, ("epoch.snapshot_interval", snapshot.as_ref()), ("epoch.commit_interval", commit.as_ref()));
    Some(Epoch {
        interval: interval?.value,
        commit_interval: commit?.value,
        snapshot_interval: snapshot?.value,
        profile_interval: profile?.value,
        bytes: bytes?.value,
        in_flight: in_flight?.value,
    })
}

/// One interval must not be shorter than another.
fn not_below(reader: &mut Reader<'_>, long: (&str, Option<&Found<Duration>>), short: (&str, Option<&Found<Duration>>)) {
    if let ((long_name, Some(long)), (short_name, Some(short))) = (long, short)
        && long.value < short.value
    {
        let (length, least) = (values::length(long.value), values::length(short.value));
        let message = format!("{long_name} is {length}, shorter than {short_name}, {least}; at least {least} is due");
        reader.problem(given(&long.origin, &short.origin), message);
    }
}

/// Of two values that do not go together, the origin that a person can change: the first that is no default.
fn given<'o>(first: &'o Origin, second: &'o Origin) -> &'o Origin {
    if *first == Origin::Default { second } else { first }
}

fn store(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Store> {
    let mut section = reader.section(root, "store");
    let url = reader.text(&mut section, "url", values::url);
    let verify_reach = reader.text(&mut section, "verify_reach", values::reach);
    reader.close(&section);
    Some(Store { url: url?.value, verify_reach: verify_reach?.value })
}

/// Every source, and where its topics are given.
fn sources(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<(Vec<Source>, Vec<Origin>)> {
    let mut sections = reader.sections(root, "source")?;
    if sections.is_empty() {
        let message = "there is no source; write [[source]] with `brokers` and `topics` below it";
        reader.problem(&Origin::Default, message.to_owned());
        return None;
    }
    let mut readers_of = BTreeMap::new();
    let sources: Vec<Option<(Source, Origin)>> =
        sections.iter_mut().map(|section| source(reader, section, &mut readers_of)).collect();
    sources.into_iter().collect()
}

/// Reads one source; `readers_of` are the topics of those before it.
fn source(
    reader: &mut Reader<'_>,
    section: &mut Section<'_>,
    readers_of: &mut BTreeMap<String, String>,
) -> Option<(Source, Origin)> {
    let brokers = reader.text(section, "brokers", values::brokers);
    let topics = reader.list(section, "topics", values::topics);
    let prefix = reader.text(section, "topic_prefix", values::prefix);
    let librdkafka = passed::settings(reader, section);
    reader.close(section);
    if let (Some(topics), Some(prefix)) = (&topics, &prefix) {
        for topic in &topics.value {
            check_topic(reader, section, (topic.as_str(), &topics.origin), &prefix.value, readers_of);
        }
    }
    let topics = topics?;
    let source = Source { brokers: brokers?.value, topics: topics.value, topic_prefix: prefix?.value, librdkafka: librdkafka? };
    Some((source, topics.origin))
}

fn check_topic(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    (topic, origin): (&str, &Origin),
    prefix: &str,
    readers_of: &mut BTreeMap<String, String>,
) {
    let path = section.path("topics");
    if let Some(other) = readers_of.insert(topic.to_owned(), path.clone()) {
        reader.problem(origin, format!("{path}: `{topic}` is already in {other}; a topic is read once"));
    }
    if prefix.len() + topic.len() > values::TOPIC_NAME_MAX {
        let most = values::TOPIC_NAME_MAX;
        reader.problem(origin, format!("{path}: `{prefix}{topic}` is longer than {most} letters, the most that Kafka takes"));
    }
    if !prefix.is_empty() && topic.starts_with(prefix) {
        reader.warn(format!("{path}: the prefix is put before `{topic}` once more, so `{prefix}{topic}` is read"));
    }
}

fn sink(
    reader: &mut Reader<'_>,
    root: &mut Section<'_>,
    brokers: Option<&str>,
    commit_interval: Option<Duration>,
) -> Option<KafkaSink> {
    let mut sinks = reader.section(root, "sink");
    reader.refuse(&mut sinks, "clickhouse");
    let mut section = reader.section(&mut sinks, "kafka");
    reader.close(&sinks);
    let brokers = reader.text_like(&mut section, "brokers", brokers, values::brokers);
    let prefix = reader.text(&mut section, "topic_prefix", values::prefix);
    let timeout = reader.duration(&mut section, "transaction_timeout", SECOND..=TRANSACTION_TIMEOUT_MAX);
    let librdkafka = passed::settings(reader, &mut section);
    let cloudevents = cloudevents(reader, &mut section);
    reader.close(&section);
    if let (Some(timeout), Some(interval)) = (&timeout, commit_interval)
        && timeout.value <= interval
    {
        let (length, least) = (values::length(timeout.value), values::length(interval));
        let message = format!("sink.kafka.transaction_timeout is {length}; it must be above epoch.commit_interval, {least}");
        reader.problem(&timeout.origin, message);
    }
    Some(KafkaSink {
        brokers: brokers?.value,
        topic_prefix: prefix?.value,
        transaction_timeout: timeout?.value,
        librdkafka: librdkafka?,
        cloudevents: cloudevents?,
    })
}

/// A job that read its own progress or letters would never come to an end. Facts that it reads have no effect: no event is one.
fn reads_its_own<'s>(
    reader: &mut Reader<'_>,
    job: &Job,
    sources: impl Iterator<Item = (&'s Source, &'s Origin)>,
    sink: &KafkaSink,
) {
    // A letter of a record that is too long is too long itself.
    let of_job = |kind: &str| format!("tidemark.{}.{kind}.v1", job.name);
    let own = [of_job("progress"), of_job("dlq-replayed"), "pipeline.dlq.v1".to_owned()].map(|name| sink.full_name(&name));
    let addresses = |brokers: &str| brokers.split(',').map(|each| each.trim().to_owned()).collect::<BTreeSet<_>>();
    for (source, place) in sources.filter(|(source, _)| !addresses(&source.brokers).is_disjoint(&addresses(&sink.brokers))) {
        for topic in source.full_names().iter().filter(|topic| own.contains(topic)) {
            let message = format!(
                "`{topic}` is written by this job: reading what it writes would never come to an end; take it out of `topics` in \
                 [[source]]"
            );
            reader.problem(place, message);
        }
    }
}

/// For every topic of facts whether it has the headers of CloudEvents.
fn cloudevents(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<BTreeMap<String, bool>> {
    let path = section.path("cloudevents");
    let empty = Table::new();
    let given = match section.take("cloudevents") {
        None => &empty,
        Some(Node { value: Value::Table(table), .. }) => table,
        Some(node) => {
            let message = format!("{path}: {} is found; a table is due, of topics with true or false", node.value.in_words());
            reader.problem(&Origin::File(node.place), message);
            return None;
        }
    };
    let mut chosen: BTreeMap<String, (bool, Origin)> = BTreeMap::new();
    for (topic, leaf) in section.default_table("cloudevents").map(leaves).unwrap_or_default() {
        chosen.insert(topic, (matches!(leaf.value, Value::Flag(true)), Origin::Default));
    }
    for (topic, leaf) in leaves(given) {
        let origin = Origin::File(leaf.key);
        match (chosen.get_mut(&topic), &leaf.value) {
            (Some(place), Value::Flag(flag)) => *place = (*flag, origin),
            (Some(_), other) => {
                reader.problem(&origin, format!("{path}: `{topic}` is {}; true or false is due", other.in_words()));
            }
            (None, _) => {
                let meant = nearest_within(&topic, chosen.keys().map(String::as_str), LETTERS_MAX);
                let hint = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
                reader.problem(&origin, format!("{path}: `{topic}` is no topic that is written{hint}"));
            }
        }
    }
    reader.heading(format!("[{path}]"));
    for (topic, (flag, origin)) in &chosen {
        reader.row(&quoted(topic), flag.to_string(), origin);
    }
    Some(chosen.into_iter().map(|(topic, (flag, _))| (topic, flag)).collect())
}

fn http(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Http> {
    let mut section = reader.section(root, "http");
    let listen = reader.text(&mut section, "listen", values::listen);
    reader.close(&section);
    Some(Http { listen: listen?.value })
}

fn programme(reader: &mut Reader<'_>, root: &mut Section<'_>) -> Option<Programme> {
    let mut section = reader.section(root, "programme");
    let path = reader.text(&mut section, "path", values::path);
    reader.close(&section);
    Some(Programme { path: path?.value })
}
