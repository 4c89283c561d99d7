//! `verify`: whether every fact is there, once. It only reads, beside a running job too.
//!
//! Three things have to agree, shard by shard and commit by commit: what the progress records say, what stands
//! in the topics, and what a replay of the bound input comes to.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use super::again::Again;
use super::chosen::{falls_short, manifests_of_this_job, renumbered, visible};
use super::committer::{Compared, Counts, Target};
use super::history::History;
use super::{Options, same, topics};
use crate::brokers::{End, Place, Record};
use crate::epoch::{Epoch, Spread};
use crate::journal;
use crate::runtime::replay::Summary;
use crate::runtime::state::{Known, Manifest, State};
use crate::runtime::store::{self, Store};
use crate::runtime::{Failure, LOGIC_VERSION};
use crate::sinks::kafka::Outputs;
use crate::sinks::kafka::progress::FIRST_PREV_HASH;
use crate::sinks::kafka::tail::{self, Standing};
use crate::sinks::tally::Progress;
use crate::sinks::{Proof, Topic};
use crate::sources::Partition;
use crate::sources::reference::is_reference_topic;

/// What was found.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// What everything bound amounts to.
    #[serde(flatten)]
    pub summary: Summary,
    /// Commits of shards that were compared.
    pub commits: u64,
    /// Records of topics that were read.
    pub records: u64,
    /// What is lost, doubled or different; empty where every fact is there once.
    pub wrong: Vec<String>,
    /// What could not be checked because it is no longer kept.
    pub gone: Vec<String>,
}

/// So many findings are told one by one.
const TOLD_MAX: usize = 50;

/// What one shard is to have published, commit by commit.
struct Expected {
    epochs: Vec<Epoch>,
    proofs: Vec<Proof>,
    found: Vec<Proof>,
}

impl Expected {
    fn of(records: &[Standing], since: Epoch) -> Self {
        let after = records.iter().filter(|each| each.record.epoch > since);
        let (epochs, proofs): (Vec<Epoch>, Vec<Proof>) = after.map(|each| (each.record.epoch, each.record.proof())).unzip();
        let found = vec![Proof::default(); epochs.len()];
        Self { epochs, proofs, found }
    }

    /// The commit that an epoch belongs to; none for what is not committed yet.
    fn at(&self, epoch: Epoch) -> Option<usize> {
        let at = self.epochs.partition_point(|each| *each < epoch);
        (at < self.epochs.len()).then_some(at)
    }
}

/// Verifies a job.
///
/// # Errors
/// Where something cannot be read.
pub fn verify(options: &Options) -> Result<Verified, Failure> {
    let config = &options.config;
    let outputs = topics::outputs(options)?;
    let inputs = topics::inputs(options)?;
    let store = Arc::new(store_of(options)?);
    let state = State::of_service(Arc::clone(&store), &config.job.name, &options.world.machine);
    // Before progress is read: a snapshot is written after what it stands for is visible.
    let newest = manifests_of_this_job(&state, options)?.last().map_or(0, |manifest| manifest.epoch);
    let shards: Vec<u32> = (0..config.job.shards).collect();
    // What is committed now; a job that runs goes on meanwhile.
    let progress = tail::progress(&outputs, &shards, 0).map_err(Failure::Failed)?;
    let story = journal::read(&store).map_err(Failure::Failed)?;
    let partitions: Vec<Partition> = inputs.iter().map(|input| input.partition.clone()).collect();
    let history = History::of(&story, &partitions)?;
    if history.bounds.is_empty() {
        let published = progress.values().any(|records| !records.is_empty());
        let gone = if published { vec![format!("job {} has published, and bound nothing", config.job.name)] } else { Vec::new() };
        return Ok(Verified { summary: Summary::of(&Progress::default()), commits: 0, records: 0, wrong: Vec::new(), gone });
    }
    same::check(options, &outputs, &inputs, &history)?;
    let mut wrong = Vec::new();
    check_chain(&outputs, &progress, &history, &mut wrong);
    let lows: Vec<u64> = topics::offsets(&inputs, options)?.into_iter().map(|(low, _)| low).collect();
    let begun = begin(options, &state, &history, &partitions, &lows, kept_since(&progress))?;
    let mut expected: Vec<Expected> = progress.values().map(|shard| Expected::of(shard, begun.progress.epoch)).collect();
    let mut gone = begun.gone.clone();
    let topic = outputs.progress_topic();
    gone.extend(progress.iter().filter_map(|(shard, records)| falls_short(&topic, *shard, visible(records), newest)));
    let other = |each: &&Standing| each.record.epoch > begun.progress.epoch && each.record.logic_version != LOGIC_VERSION;
    let newest_other = progress.values().flatten().filter(other).map(|each| each.record.epoch).max();
    if let Some(epoch) = newest_other {
        gone.push(format!("epochs up to {epoch} were published by another logic version: they cannot be computed again"));
    }
    let (read, kept) = read_outputs(&outputs, &mut expected, begun.progress.epoch, &mut wrong, &mut gone)?;
    let missing = missing_in_topics(&expected, kept, config.epoch.in_flight);
    let held = by_topic(&outputs, &expected, begun.progress.epoch, &missing)?;
    let to_compare = (0..).zip(&expected).map(|(shard, each)| Compared {
        recorded: each.epochs.iter().copied().zip(each.proofs.iter().copied()).collect(),
        other_logic: newest_other.unwrap_or(0),
        by_topic: held.keys().filter(|(of, _)| *of == shard).map(|(_, epoch)| (*epoch, None)).collect(),
        ..Compared::default()
    });
    let places = &begun.progress.places;
    let sources = (0_u32..).zip(&inputs).map(|(number, input)| input.follow(number, places)).collect();
    let commits = expected.iter().map(|each| each.epochs.len() as u64).sum();
    let again = Again {
        sources,
        partitions,
        workers: config.job.workers,
        shards: config.job.shards,
        progress: begun.progress,
        restored: begun.restored,
        known: begun.known,
        target: Target::Compare(to_compare.collect()),
        defects: options.defects,
        in_flight: config.epoch.in_flight,
        to_the_end: true,
        machine: options.world.machine.clone(),
        history,
    };
    let (computed, target) = again.run()?;
    if let Target::Compare(compared) = target {
        tell(&missing, &held, &compared, &mut wrong);
    }
    shorten(&mut wrong);
    shorten(&mut gone);
    Ok(Verified { summary: Summary::of(&computed), commits, records: read, wrong, gone })
}

/// The store of a job that is there.
fn store_of(options: &Options) -> Result<Store, Failure> {
    let config = &options.config;
    let gone = |folder: &std::path::Path| !folder.join(&config.job.name).exists();
    if !options.world.machine.is_simulated() && store::folder_of(&config.store.url).is_some_and(gone) {
        return Err(Failure::Failed(anyhow::anyhow!("{} holds no job {}", config.store.url, config.job.name)));
    }
    (options.world.store)(&config.store.url, &config.job.name).map_err(Failure::Failed)
}

/// How far back the topics of facts reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    /// To the beginning.
    All,
    /// Somewhere records before one of this epoch are no longer there.
    Since(Epoch),
    /// A partition has lost all that it held.
    Unknown,
}

impl Kept {
    /// Whether records of a commit that begins behind the epoch `after` may be gone. No shard is further ahead of another
    /// than epochs are in flight: so what lies before a record in a partition is of an earlier epoch than `ahead` later.
    const fn excuses(self, after: Epoch, ahead: u64) -> bool {
        match self {
            Self::All => false,
            Self::Since(epoch) => after < epoch.saturating_add(ahead),
            Self::Unknown => true,
        }
    }

    /// What two partitions come to.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::All, kept) | (kept, Self::All) => kept,
            (Self::Since(one), Self::Since(two)) => Self::Since(one.max(two)),
        }
    }
}

/// A commit of which the topics hold something else than its progress record says.
struct Missing {
    shard: usize,
    epoch: Epoch,
    proof: Proof,
    found: Proof,
}

impl Missing {
    /// For a person, with the topics that hold more or less than a replay comes to.
    fn told(&self, held: Option<&Counts>, due: Option<&Counts>) -> String {
        let mut text = told("the topics hold", self.shard, self.epoch, self.proof, self.found);
        for ((topic, is), ought) in Topic::ALL.iter().zip(held.into_iter().flatten()).zip(due.into_iter().flatten()) {
            if is != ought && !topic.is_compacted() {
                text.push_str(&format!("; {} holds {is} of {ought}", topic.name()));
            }
        }
        text
    }
}

/// Commits of which the topics hold something else than their progress record says. What is no longer kept cannot be
/// there; what is there too often, or otherwise, is wrong all the same.
fn missing_in_topics(expected: &[Expected], kept: Kept, ahead: u64) -> Vec<Missing> {
    let mut missing = Vec::new();
    for (shard, each) in expected.iter().enumerate() {
        let mut after = 0;
        for ((&epoch, &proof), &found) in each.epochs.iter().zip(&each.proofs).zip(&each.found) {
            if proof != found && (found.count >= proof.count || !kept.excuses(after, ahead)) {
                missing.push(Missing { shard, epoch, proof, found });
            }
            after = epoch;
        }
    }
    missing
}

/// Looks once more, where something is missing: how many records of those commits stand in each topic.
fn by_topic(
    outputs: &Outputs,
    expected: &[Expected],
    since: Epoch,
    missing: &[Missing],
) -> Result<BTreeMap<(usize, Epoch), Counts>, Failure> {
    let told = missing.iter().take(TOLD_MAX);
    let mut held: BTreeMap<_, _> = told.map(|each| ((each.shard, each.epoch), Counts::default())).collect();
    if held.is_empty() {
        return Ok(held);
    }
    let topics = tail::proved_places(outputs);
    let places: Vec<Place> = topics.keys().cloned().collect();
    let bounds = outputs.brokers.bounds(&places, End::High).map_err(Failure::Failed)?;
    let mut look = |message: &Record<'_>| {
        let Some(topic) = topics.get(&(message.topic.to_owned(), message.partition)) else { return Ok(()) };
        let Some(record) = tail::published(*topic, message).filter(|record| record.epoch > since) else { return Ok(()) };
        let shard = record.shard as usize;
        let commit = expected.get(shard).and_then(|each| each.epochs.get(each.at(record.epoch)?));
        if let Some(count) = commit.and_then(|epoch| held.get_mut(&(shard, *epoch))?.get_mut(*topic as usize)) {
            *count += 1;
        }
        Ok(())
    };
    outputs.brokers.read(&bounds, outputs.patience(), &mut look).map_err(Failure::Failed)?;
    Ok(held)
}

/// Says of every commit what is missing in the topics, and where a replay comes to something else.
fn tell(missing: &[Missing], held: &BTreeMap<(usize, Epoch), Counts>, compared: &[Compared], wrong: &mut Vec<String>) {
    for each in missing {
        let due = compared.get(each.shard).and_then(|shard| shard.by_topic.get(&each.epoch)?.as_ref());
        wrong.push(each.told(held.get(&(each.shard, each.epoch)), due));
    }
    for (shard, each) in compared.iter().enumerate() {
        for (epoch, published, replayed) in &each.different {
            wrong.push(told("a replay comes to", shard, *epoch, *published, *replayed));
        }
    }
}

/// Keeps what a person would read, and says how many more there are.
fn shorten(list: &mut Vec<String>) {
    let more = list.len().saturating_sub(TOLD_MAX);
    if more > 0 {
        list.truncate(TOLD_MAX);
        list.push(format!("and {more} more"));
    }
}

fn told(what: &str, shard: usize, epoch: Epoch, published: Proof, found: Proof) -> String {
    let how = match found.count.cmp(&published.count) {
        std::cmp::Ordering::Less => "some are lost",
        std::cmp::Ordering::Greater => "some are there more than once",
        std::cmp::Ordering::Equal => "their content differs",
    };
    format!(
        "shard {shard}, commit up to epoch {epoch}: its progress record says {} records, {what} {}: {how}",
        published.count, found.count
    )
}

/// Progress must be bound, and its chain unbroken from its first record on.
fn check_chain(outputs: &Outputs, progress: &BTreeMap<u32, Vec<Standing>>, history: &History, wrong: &mut Vec<String>) {
    let bound = history.bounds.last().map_or(0, |bound| bound.epoch);
    for (shard, records) in progress {
        // That each follows the one before it was seen when they were read.
        if let Some(last) = records.last().filter(|last| last.record.epoch > bound) {
            wrong.push(format!(
                "topic {}, partition {shard}, is at epoch {} and the journal ends with epoch {bound}",
                outputs.progress_topic(),
                last.record.epoch
            ));
        }
    }
}

/// What a verification begins with.
struct Begin {
    progress: Progress,
    restored: Vec<Option<crate::dataflows::ledger::Restored>>,
    known: Known,
    gone: Vec<String>,
}

/// The epoch from which on the progress of every shard is kept; 0 where all of it is.
fn kept_since(progress: &BTreeMap<u32, Vec<Standing>>) -> Epoch {
    let first = progress.values().filter_map(|records| records.first()).map(|first| &first.record);
    first.filter(|record| record.prev_hash != FIRST_PREV_HASH).map(|record| record.epoch).max().unwrap_or(0)
}

/// A partition whose first records are no longer kept, and its log start. Rates and rulebooks stand in the bindings.
fn shortened<'p>(history: &History, partitions: &'p [Partition], lows: &[u64]) -> Option<(&'p Partition, u64)> {
    let first = |number: u32| {
        let all = history.bounds.iter().flat_map(|bound| &bound.taken_in);
        all.filter(|(each, ..)| *each == number).map(|(_, offset, _)| *offset).min()
    };
    let mut places = (0_u32..).zip(partitions).zip(lows).filter(|((_, partition), _)| !is_reference_topic(&partition.topic));
    places
        .find(|((number, _), low)| first(*number).is_some_and(|first| first < **low))
        .map(|((_, partition), low)| (partition, *low))
}

/// From the first epoch where the journal and the input reach back to it, else from the oldest snapshot that both reach
/// back to.
fn begin(
    options: &Options,
    state: &State,
    history: &History,
    partitions: &[Partition],
    lows: &[u64],
    since: Epoch,
) -> Result<Begin, Failure> {
    let config = &options.config;
    let shortened = shortened(history, partitions, lows);
    if history.whole && shortened.is_none() && since == 0 {
        return Ok(Begin {
            progress: Progress::default(),
            restored: (0..config.job.workers).map(|_| None).collect(),
            known: Known { programme: history.programme.clone(), news: Vec::new() },
            gone: Vec::new(),
        });
    }
    let manifests = state.manifests().map_err(Failure::Failed)?;
    let spread = Spread { shards: config.job.shards, workers: config.job.workers };
    let first = history.bounds.first().map_or(0, |bound| bound.epoch);
    let why = match shortened {
        None if history.whole => format!("the progress topic begins with epoch {since}"),
        None => format!("the journal begins with epoch {first}"),
        Some((Partition { topic, number }, low)) => {
            format!("topic {topic}, partition {number}, begins with offset {low}: its first records are no longer kept")
        }
    };
    let usable = |manifest: &&Manifest| manifest.epoch + 1 >= first && manifest.epoch >= since;
    for manifest in manifests.iter().filter(usable) {
        let Ok(restored) = state.load(manifest, &manifests, spread) else { continue };
        let Ok((kept, restored)) = renumbered(manifest.clone(), restored, partitions) else { continue };
        let reaches = |place: &crate::epoch::Place| {
            let topic = partitions.get(place.partition as usize).map_or("", |partition| &partition.topic);
            is_reference_topic(topic) || lows.get(place.partition as usize).is_none_or(|low| place.position.offset >= *low)
        };
        if kept.progress.places.iter().all(reaches) {
            let gone = vec![format!("{why}; what came before epoch {} is not checked", kept.epoch + 1)];
            let restored = restored.into_iter().map(Some).collect();
            return Ok(Begin { progress: kept.progress, restored, known: kept.known, gone });
        }
    }
    Err(Failure::Failed(anyhow::anyhow!("{why}; and no snapshot is there from which all that came later can be computed")))
}

/// Reads every topic of facts from its start; gives how many records were read, and how far back they reach.
fn read_outputs(
    outputs: &Outputs,
    expected: &mut [Expected],
    since: Epoch,
    wrong: &mut Vec<String>,
    gone: &mut Vec<String>,
) -> Result<(u64, Kept), Failure> {
    let topics = tail::proved_places(outputs);
    let places: Vec<Place> = topics.keys().cloned().collect();
    let bounds = outputs.brokers.bounds(&places, End::High).map_err(Failure::Failed)?;
    let mut shortened: BTreeMap<Place, Kept> = BTreeMap::new();
    for (place, (low, _)) in bounds.iter().filter(|(_, (low, _))| *low > 0) {
        let (topic, partition) = place;
        gone.push(format!("topic {topic}, partition {partition} begins with offset {low}: what came before is no longer kept"));
        shortened.insert(place.clone(), Kept::Unknown);
    }
    let mut read = 0;
    let mut last: HashMap<(u64, u8, u32), u64> = HashMap::new();
    let mut look = |message: &Record<'_>| {
        read += 1;
        let place = (message.topic.to_owned(), message.partition);
        let Some(topic) = topics.get(&place) else { return Ok(()) };
        let at = || format!("topic {}, partition {}, offset {}", place.0, place.1, message.offset);
        let Some(record) = tail::published(*topic, message) else {
            wrong.push(format!("{}: a record that this job did not write", at()));
            return Ok(());
        };
        if let Some(first) = shortened.get_mut(&place).filter(|first| **first == Kept::Unknown) {
            *first = Kept::Since(record.epoch);
        }
        if record.epoch <= since {
            return Ok(());
        }
        let shards = expected.len();
        let Some(each) = expected.get_mut(record.shard as usize) else {
            wrong.push(format!("{}: it says that it is of shard {}, and the job has {shards}", at(), record.shard));
            return Ok(());
        };
        if let Some(commit) = each.at(record.epoch)
            && let Some(found) = each.found.get_mut(commit)
        {
            found.add_all(record.proof);
        }
        if *topic != Topic::DeadLetters
            && let Some(seq) = seq_of(message.body)
        {
            // Within a partition: one that was added while the job ran gets players of others.
            let before = last.insert((xxh3_64(message.key), *topic as u8, message.partition), seq);
            if before.is_some_and(|before| before >= seq) {
                wrong.push(format!("{}: seq {seq} is out of order", at()));
            }
        }
        Ok(())
    };
    outputs.brokers.read(&bounds, outputs.patience(), &mut look).map_err(Failure::Failed)?;
    Ok((read, shortened.into_values().fold(Kept::All, Kept::and)))
}

/// The `seq` of a fact.
fn seq_of(body: &[u8]) -> Option<u64> {
    let at = memchr::memmem::find(body, b"\"seq\":")?;
    let digits = body.get(at + 6..)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retention_has_removed_excuses_the_commits_of_then_and_no_later_one() {
        // Commits end with the epochs 10, 20, 30, 40 and 50; eight epochs are in flight.
        let excused = |kept: Kept| [0, 10, 20, 30, 40].map(|after| kept.excuses(after, 8));
        assert_eq!(excused(Kept::All), [false; 5]);
        assert_eq!(excused(Kept::Unknown), [true; 5]);
        // The first that is kept is of epoch 12: another shard's 19 may have come before it, and that commit be one with 20.
        assert_eq!(excused(Kept::Since(12)), [true, true, false, false, false]);
        assert_eq!(excused(Kept::Since(13)), [true, true, true, false, false]);
        assert_eq!(Kept::Since(12).and(Kept::Since(31)), Kept::Since(31));
        assert_eq!((Kept::All.and(Kept::Since(3)), Kept::Since(3).and(Kept::Unknown)), (Kept::Since(3), Kept::Unknown));
    }
}
