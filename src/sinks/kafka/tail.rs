//! Reading back what was published: the ends of topics, and all of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};

use super::Outputs;
use super::progress::ProgressRecord;
use crate::brokers::{End, Place, Record};
use crate::epoch::Epoch;
use crate::sinks::{Proof, Topic};

/// So many records of a partition are read back at first; four times as many each time that was too few.
const FIRST_LOOK: u64 = 500;

/// A progress record, and when it was written.
#[derive(Clone, Debug)]
pub struct Standing {
    /// It.
    pub record: ProgressRecord,
    /// The broker's time of it, in ms.
    pub timestamp: i64,
}

/// The progress records of shards from a bit before epoch `since` on, in order. Their chain is checked.
///
/// # Errors
/// Where they cannot be read, or one does not follow the one before it.
pub fn progress(outputs: &Outputs, shards: &[u32], since: Epoch) -> Result<BTreeMap<u32, Vec<Standing>>> {
    let topic = outputs.progress_topic();
    let places: Vec<Place> = shards.iter().map(|shard| (topic.clone(), *shard)).collect();
    let bounds = outputs.brokers.bounds(&places, End::High)?;
    // Trimming leaves what the oldest snapshot needs; whoever removed all has removed the proof of what was published.
    if let Some(((_, shard), (low, _))) = bounds.iter().find(|(_, (low, high))| low == high && *low > 0) {
        bail!(
            "topic {topic}, partition {shard}, begins with offset {low} and holds nothing: its progress records are missing. Restore \
             the topic; it must keep its records (retention.ms=-1). Nothing was bound or published"
        );
    }
    let mut look = FIRST_LOOK;
    loop {
        let from =
            bounds.iter().map(|(place, (low, high))| (place.clone(), (high.saturating_sub(look).max(*low), *high))).collect();
        let mut found: BTreeMap<u32, Vec<Standing>> = shards.iter().map(|shard| (*shard, Vec::new())).collect();
        outputs.brokers.read(&from, outputs.patience(), &mut |message| {
            let shard = message.partition;
            let record = ProgressRecord::read(message.body)
                .with_context(|| format!("topic {topic}, partition {shard}, offset {}", message.offset))?;
            let known = found.entry(shard).or_default();
            if let Some(before) = known.last()
                && (before.record.hash != record.prev_hash || before.record.epoch >= record.epoch)
            {
                bail!("topic {topic}, partition {shard}, offset {}: it does not follow the record before it", message.offset);
            }
            known.push(Standing { record, timestamp: message.timestamp.unwrap_or(0) });
            Ok(())
        })?;
        let enough = bounds.iter().all(|((_, shard), (low, high))| {
            let all = high.saturating_sub(look) <= *low;
            let records = found.get(shard).map_or(&[][..], Vec::as_slice);
            // Two at least: the last one is proved by what came after the one before it.
            all || (records.len() >= 2 && records.first().is_some_and(|first| first.record.epoch <= since))
        });
        if enough {
            return Ok(found);
        }
        look = look.saturating_mul(4);
    }
}

/// A header's value, a decimal number.
fn header(message: &Record<'_>, name: &str) -> Option<u64> {
    let (_, value) = message.headers.iter().find(|(key, _)| *key == name)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// One record that was published, as far as a proof goes.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The shard that published it.
    pub shard: u32,
    /// In which epoch.
    pub epoch: Epoch,
    /// Its part of the proof.
    pub proof: Proof,
}

/// What a record of a topic of facts says of itself; none where it has no such headers.
#[must_use]
pub fn published(topic: Topic, message: &Record<'_>) -> Option<Published> {
    let shard = u32::try_from(header(message, "tm-shard")?).ok()?;
    let epoch = header(message, "tm-epoch")?;
    let mut proof = Proof::default();
    proof.add(topic, message.key, message.body);
    Some(Published { shard, epoch, proof })
}

/// Every partition of every topic of facts that proofs are about.
#[must_use]
pub fn proved_places(outputs: &Outputs) -> BTreeMap<Place, Topic> {
    places_of(outputs, &outputs.partitions)
}

fn places_of(outputs: &Outputs, counts: &[u32]) -> BTreeMap<Place, Topic> {
    let topics = Topic::ALL.into_iter().zip(counts).filter(|(topic, _)| !topic.is_compacted());
    topics
        .flat_map(|(topic, partitions)| (0..*partitions).map(move |partition| (topic, partition)))
        .map(|(topic, partition)| ((outputs.topic(topic), partition), topic))
        .collect()
}

/// Reads back the last transaction of every shard: what lies between its last two progress records. Where it is `new`,
/// published moments ago, all of it is still there, whatever a topic's log start has passed.
///
/// # Errors
/// Where it cannot be read, or is not what the progress record says.
pub fn check_last(outputs: &Outputs, progress: &BTreeMap<u32, Vec<Standing>>, new: bool) -> Result<Vec<String>> {
    // A clock that was set back between two transactions must not hide records.
    const MARGIN_MS: i64 = 10_000;
    const DAY_MS: i64 = 86_400_000;
    let mut wanted: BTreeMap<u32, (Epoch, &ProgressRecord)> = BTreeMap::new();
    let mut oldest = i64::MAX;
    for (shard, records) in progress {
        if let Some((last, before)) = records.split_last() {
            let from = before.last();
            wanted.insert(*shard, (from.map_or(0, |each| each.record.epoch), &last.record));
            oldest = oldest.min(from.map_or(0, |each| each.timestamp.saturating_sub(MARGIN_MS)));
        }
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let counts = if new { partitions_now(outputs)? } else { outputs.partitions.clone() };
    let (sums, mut trimmed) = look_back(outputs, &counts, &wanted, oldest)?;
    if new {
        trimmed.clear();
    }
    let judged = judge(&wanted, &sums, &trimmed);
    if judged.is_ok() {
        return judged;
    }
    // Times only say where to stop looking, and the clocks of machines differ: before anything is called missing, a day more
    // is looked at.
    let (more, _) = look_back(outputs, &counts, &wanted, oldest.saturating_sub(DAY_MS))?;
    judge(&wanted, &more, &trimmed)
}

/// Whether a topic has a partition for each shard, in which only that shard writes. Dead letters go by other keys, and so do
/// audits that are no player's.
fn is_by_shard(outputs: &Outputs, counts: &[u32], topic: Topic) -> bool {
    !matches!(topic, Topic::DeadLetters | Topic::Audit) && counts.get(topic as usize) == Some(&outputs.shards)
}

/// Waits until nothing of a shard is undecided where only that shard writes. Its transactional id was taken just now, so
/// nothing should be; but a broker that is killed can lose the marker of a transaction, and then the next commit in that
/// partition makes visible what had been aborted (`docs/decisions/0018`).
///
/// # Errors
/// Where a partition cannot be read up to its end.
pub fn settled(outputs: &Outputs, shard: u32) -> Result<()> {
    let own = Topic::ALL.into_iter().filter(|topic| is_by_shard(outputs, &outputs.partitions, *topic));
    let places: Vec<Place> = own.map(|topic| (outputs.topic(topic), shard)).collect();
    let mut open = outputs.brokers.bounds(&places, End::High)?;
    let stable = outputs.brokers.bounds(&places, End::Stable)?;
    open.retain(|place, (low, high)| {
        *low = high.saturating_sub(1);
        stable.get(place).is_none_or(|(_, stable)| stable < high)
    });
    outputs.brokers.read(&open, outputs.patience(), &mut |_| Ok(()))
}

/// How many partitions the topics of facts have now: while a service runs there may be more than at its start, and its
/// producers know them sooner than it does.
fn partitions_now(outputs: &Outputs) -> Result<Vec<u32>> {
    let ask = |(topic, before): (Topic, &u32)| Ok(outputs.brokers.partitions(&outputs.topic(topic))?.max(*before));
    Topic::ALL.into_iter().zip(&outputs.partitions).map(ask).collect()
}

/// Reads backwards until records are older than `oldest` or of an earlier commit; gives what was found of each shard's transaction that is `wanted`, and of which shards some may be gone.
fn look_back(
    outputs: &Outputs,
    counts: &[u32],
    wanted: &BTreeMap<u32, (Epoch, &ProgressRecord)>,
    oldest: i64,
) -> Result<(BTreeMap<u32, Proof>, BTreeSet<u32>)> {
    // Where a topic's log start has passed what a record is about, its chain alone can be checked.
    let mut trimmed = BTreeSet::new();
    let by_shard = |topic: Topic| is_by_shard(outputs, counts, topic);
    let topics = places_of(outputs, counts);
    // Other shards' partitions hold nothing of what is wanted, unless there are more of them since a moment ago.
    let same = *counts == *outputs.partitions;
    let holds = |place: &Place, topic: Topic| !same || !by_shard(topic) || wanted.contains_key(&place.1);
    let places: Vec<Place> =
        topics.iter().filter(|(place, topic)| holds(place, **topic)).map(|(place, _)| place.clone()).collect();
    let mut open = outputs.brokers.bounds(&places, End::High)?;
    let mut look = FIRST_LOOK;
    let mut sums: BTreeMap<u32, Proof> = BTreeMap::new();
    while !open.is_empty() {
        let from: BTreeMap<Place, (u64, u64)> =
            open.iter().map(|(place, (low, high))| (place.clone(), (high.saturating_sub(look).max(*low), *high))).collect();
        let mut begun: BTreeMap<Place, bool> = BTreeMap::new();
        let mut found: BTreeMap<Place, BTreeMap<u32, Proof>> = BTreeMap::new();
        outputs.brokers.read(&from, outputs.patience(), &mut |message| {
            let place = (message.topic.to_owned(), message.partition);
            let Some(topic) = topics.get(&place) else { return Ok(()) };
            let Some(record) = published(*topic, message) else { return Ok(()) };
            let range = wanted.get(&record.shard);
            // The first record that is read says whether the look goes back far enough.
            begun.entry(place.clone()).or_insert_with(|| {
                message.timestamp.is_some_and(|at| at < oldest)
                    || (by_shard(*topic) && range.is_some_and(|(after, _)| record.epoch <= *after))
            });
            if range.is_some_and(|(after, last)| record.epoch > *after && record.epoch <= last.epoch) {
                found.entry(place).or_default().entry(record.shard).or_default().add_all(record.proof);
            }
            Ok(())
        })?;
        open.retain(|place, (low, high)| {
            let (to_low, begun) = (high.saturating_sub(look) <= *low, begun.get(place).copied().unwrap_or(false));
            if *low > 0 && to_low && !begun {
                match topics.get(place) {
                    Some(topic) if by_shard(*topic) => trimmed.extend([place.1]),
                    _ => trimmed.extend(0..outputs.shards),
                }
            }
            let whole = to_low || begun;
            if whole {
                for (shard, proof) in found.remove(place).unwrap_or_default() {
                    sums.entry(shard).or_default().add_all(proof);
                }
            }
            !whole
        });
        look = look.saturating_mul(4);
    }
    Ok((sums, trimmed))
}

/// Whether what was found of each shard's last transaction is what its progress record says.
fn judge(
    wanted: &BTreeMap<u32, (Epoch, &ProgressRecord)>,
    sums: &BTreeMap<u32, Proof>,
    trimmed: &BTreeSet<u32>,
) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for (shard, (_, last)) in wanted {
        let found = sums.get(shard).copied().unwrap_or_default();
        if trimmed.contains(shard) && found.count < last.count {
            told.push(format!(
                "shard {shard}: of the {} records of its last transaction, up to epoch {}, {} are still kept; the chain of its progress \
                 alone was checked",
                last.count, last.epoch, found.count
            ));
        } else if found != last.proof() {
            bail!(
                "shard {shard}: its last transaction, up to epoch {}, is to hold {} records and {} were found{}: what was committed \
                 is not there as a whole. Nothing was bound or published. Look at the brokers and at the topics' retention",
                last.epoch,
                last.count,
                found.count,
                if found.count == last.count { " with another content" } else { "" }
            );
        }
    }
    Ok(told)
}
