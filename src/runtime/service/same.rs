//! Whether a start goes on with what was there before: the settings that the job began with, and the topics that were
//! read.
//!
//! librdkafka gives no topic ids to its callers. So the last record of each partition that a binding names is kept as
//! its offset and hash, and a start looks at it again: a topic that was deleted and made anew holds another record
//! there, or none.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::history::History;
use super::topics::{Input, clusters};
use super::{Options, is_wall, patiently};
use crate::brokers::{Brokers, End, Place};
use crate::config::Config;
use crate::journal::{Before, Bound, Generation, Refused};
use crate::kafka::NEW_JOB;
use crate::runtime::{Failure, LOGIC_VERSION};
use crate::sinks::kafka::Outputs;
use crate::sources::{Batch, Partition};

/// The last record that was read of a partition: its number, the record's offset and hash.
pub(super) type Last = (u32, u64, u64);

/// What the hashes of a partition's records begin with.
fn seed_of(partition: Option<&Partition>) -> u64 {
    partition.map_or(0, |place| xxh3_64(place.topic.as_bytes()) ^ (u64::from(place.number) << 40))
}

/// The hash of a record; `seed` is its partition's.
fn hash_of(seed: u64, offset: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, seed ^ offset)
}

/// How many records batches hold, and the sum of their hashes.
pub(super) fn totals<'b>(batches: impl Iterator<Item = (u32, &'b Batch)>, partitions: &[Partition]) -> (u64, u64) {
    let (mut count, mut input) = (0, 0_u64);
    for (partition, batch) in batches {
        count += batch.records.len() as u64;
        let seed = seed_of(partitions.get(partition as usize));
        for record in &batch.records {
            let bytes = match &record.oversize {
                Some(oversize) => oversize.head.as_slice(),
                None => batch.bytes.get(record.start..record.end).unwrap_or(&[]),
            };
            input = input.wrapping_add(hash_of(seed, record.offset, bytes));
        }
    }
    (count, input)
}

/// The last record of each batch, those apart that are too long to be kept whole.
pub(super) fn lasts<'b>(batches: impl Iterator<Item = (u32, &'b Batch)>, partitions: &[Partition]) -> Vec<Last> {
    let last = |(partition, batch): (u32, &Batch)| {
        let record = batch.records.last().filter(|record| record.oversize.is_none())?;
        let seed = seed_of(partitions.get(partition as usize));
        Some((partition, record.offset, hash_of(seed, record.offset, batch.bytes.get(record.start..record.end)?)))
    };
    batches.filter_map(last).collect()
}

/// What a start says of itself; refused where it does not go with the settings that the job began with.
fn generation(config: &Config, partitions: &[Partition], before: Option<&Generation>) -> Result<Generation, Refused> {
    let mode = if is_wall(config) { "wall" } else { "events" };
    if let Some(before) = before {
        let mut wrong = Vec::new();
        if before.shards != config.job.shards {
            wrong.push(format!("[job] shards is {} and the job began with {}", config.job.shards, before.shards));
        }
        if before.mode != mode {
            wrong.push(format!("[clock] mode is {mode} and the job began with {}", before.mode));
        }
        if before.speed != config.clock.speed {
            wrong.push(format!("[clock] speed is {} and the job began with {}", config.clock.speed, before.speed));
        }
        if !wrong.is_empty() {
            return Err(Refused::Mismatch(format!("{}: give what it began with, or another [job] name", wrong.join("; "))));
        }
    }
    Ok(Generation {
        logic_version: LOGIC_VERSION,
        shards: config.job.shards,
        mode: mode.to_owned(),
        speed: config.clock.speed,
        partitions: partitions.iter().map(|partition| (partition.topic.clone(), partition.number)).collect(),
    })
}

/// The same, to begin with in a journal. What would refuse the start once the job is its own refuses it here, while another
/// process may still run the job. It looks once: whoever runs the job binds on meanwhile, and has to be overtaken.
pub(super) fn start<'s>(
    options: &'s Options,
    outputs: &'s Outputs,
    inputs: &'s [Input],
) -> impl Fn(&Before<'_>) -> Result<Generation, Refused> + 's {
    let looked = Cell::new(false);
    let partitions: Vec<Partition> = inputs.iter().map(|input| input.partition.clone()).collect();
    move |before| {
        let generation = generation(&options.config, &partitions, before.generation())?;
        if looked.replace(true) {
            return Ok(generation);
        }
        let checked = History::before(before, &partitions).and_then(|history| check(options, outputs, inputs, &history));
        checked.map(|()| generation).map_err(|failure| match failure {
            Failure::Mismatch(what) => Refused::Mismatch(what),
            Failure::Failed(error) => Refused::Failed(error),
            other => Refused::Failed(anyhow::anyhow!("{other}")),
        })
    }
}

/// An epoch of which other records are there now than were bound.
pub(super) fn other_records(bound: &Bound, count: u64) -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "epoch {} was bound with {} records and now there are {count}{}: a topic of the input was deleted and made anew, or its \
         records were deleted or compacted. Nothing is published. Restore the topic, or {NEW_JOB}",
        bound.epoch,
        bound.count,
        if count == bound.count { " with another content" } else { "" }
    ))
}

/// Looks at the end and at the last record of each partition again. A record that retention or compaction has removed says
/// nothing. Ends are asked for here, after the history was read: those of a moment ago may lie before what was bound since.
///
/// # Errors
/// Where there is another one.
pub(super) fn check(options: &Options, outputs: &Outputs, inputs: &[Input], history: &History) -> Result<(), Failure> {
    for brokers in clusters(inputs.iter().map(|input| &input.brokers)) {
        let read: Vec<(u32, &Input)> = (0_u32..)
            .zip(inputs)
            .filter(|(number, input)| Arc::ptr_eq(&input.brokers, &brokers) && history.reached.contains_key(number))
            .collect();
        let look = || differs(brokers.as_ref(), outputs, &read, history);
        if let Some(found) = patiently(options, brokers.as_ref(), |error| brokers.is_theirs(error), look)? {
            return Err(Failure::Failed(anyhow::anyhow!(found)));
        }
    }
    Ok(())
}

/// How a partition differs from what was read of it, in words.
fn differs(
    brokers: &dyn Brokers,
    outputs: &Outputs,
    read: &[(u32, &Input)],
    history: &History,
) -> anyhow::Result<Option<String>> {
    let of = |input: &Input| (input.name(), input.partition.number);
    let all: Vec<Place> = read.iter().map(|(_, input)| of(input)).collect();
    let bounds = brokers.bounds(&all, End::Stable)?;
    let mut wanted: BTreeMap<Place, (&Input, u64, u64)> = BTreeMap::new();
    for (number, input) in read {
        let (low, high) = bounds.get(&of(input)).copied().unwrap_or_default();
        if let Some(reached) = history.reached.get(number).filter(|reached| **reached > high) {
            return Ok(Some(made_anew(&of(input), *reached, &format!("it ends at {high}"))));
        }
        if let Some((offset, hash)) = history.lasts.get(number).copied().filter(|(offset, _)| *offset >= low) {
            wanted.insert(of(input), (input, offset, hash));
        }
    }
    let from = wanted.iter().map(|(place, (_, offset, _))| (place.clone(), (*offset, offset + 1))).collect();
    let mut other = None;
    brokers.read(&from, outputs.patience(), &mut |record| {
        let place = (record.topic.to_owned(), record.partition);
        if let Some((input, offset, hash)) = wanted.get(&place)
            && record.offset == *offset
            && hash_of(seed_of(Some(&input.partition)), *offset, record.body) != *hash
        {
            other.get_or_insert_with(|| made_anew(&place, *offset, "another record is there"));
        }
        Ok(())
    })?;
    Ok(other)
}

fn made_anew((topic, partition): &Place, offset: u64, found: &str) -> String {
    format!(
        "topic {topic}, partition {partition}, was read to offset {offset} and now {found}: the topic was deleted and made anew. \
         Nothing was bound or published. Restore the topic, or {NEW_JOB}"
    )
}
