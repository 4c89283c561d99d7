//! Whether the topics that are read are those that were read before.
//!
//! librdkafka gives no topic ids to its callers. So the last record of each partition that a binding names is kept as
//! its offset and hash, and a start looks at it again: a topic that was deleted and made anew holds another record
//! there, or none.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::history::History;
use super::topics::Input;
use super::{Options, patiently};
use crate::brokers::Place;
use crate::runtime::Failure;
use crate::sinks::kafka::Outputs;
use crate::sources::{Batch, Partition};

/// The last record that was read of a partition: its number, the record's offset and hash.
pub(super) type Last = (u32, u64, u64);

/// What the hashes of a partition's records begin with.
fn seed_of(partition: Option<&Partition>) -> u64 {
    partition.map_or(0, |place| xxh3_64(place.topic.as_bytes()) ^ (u64::from(place.number) << 40))
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
            input = input.wrapping_add(xxh3_64_with_seed(bytes, seed ^ record.offset));
        }
    }
    (count, input)
}

/// The last record of each batch, those apart that are too long to be kept whole.
pub(super) fn lasts<'b>(batches: impl Iterator<Item = (u32, &'b Batch)>, partitions: &[Partition]) -> Vec<Last> {
    let last = |(partition, batch): (u32, &Batch)| {
        let record = batch.records.last().filter(|record| record.oversize.is_none())?;
        let seed = seed_of(partitions.get(partition as usize));
        Some((partition, record.offset, xxh3_64_with_seed(batch.bytes.get(record.start..record.end)?, seed ^ record.offset)))
    };
    batches.filter_map(last).collect()
}

/// Looks at the end and at the last record of each partition again. A record that retention or compaction has removed says nothing.
///
/// # Errors
/// Where there is another one.
pub(super) fn check(
    options: &Options,
    outputs: &Outputs,
    inputs: &[Input],
    ends: &[(u64, u64)],
    history: &History,
) -> Result<(), Failure> {
    let mut wanted: BTreeMap<&str, BTreeMap<Place, (&Input, u64, u64)>> = BTreeMap::new();
    for ((number, input), (low, high)) in (0_u32..).zip(inputs).zip(ends) {
        if let Some(reached) = history.reached.get(&number).filter(|reached| *reached > high) {
            return Err(made_anew(&input.name(), input.partition.number, *reached, &format!("it ends at {high}")));
        }
        let Some((offset, hash)) = history.lasts.get(&number).copied().filter(|(offset, _)| offset >= low) else { continue };
        let place = (input.name(), input.partition.number);
        wanted.entry(input.brokers.address()).or_default().insert(place, (input, offset, hash));
    }
    for places in wanted.values() {
        let Some((first, ..)) = places.values().next() else { continue };
        let from = places.iter().map(|(place, (_, offset, _))| (place.clone(), (*offset, offset + 1))).collect();
        let brokers = first.brokers.as_ref();
        let read = || {
            let mut other = None;
            brokers.read(&from, outputs.patience(), &mut |record| {
                let place = (record.topic.to_owned(), record.partition);
                if let Some((input, offset, hash)) = places.get(&place)
                    && record.offset == *offset
                    && xxh3_64_with_seed(record.body, seed_of(Some(&input.partition)) ^ offset) != *hash
                {
                    other.get_or_insert((place, *offset));
                }
                Ok(())
            })?;
            Ok(other)
        };
        let other = patiently(options, brokers, |error| brokers.is_theirs(error), read)?;
        if let Some(((topic, number), offset)) = other {
            return Err(made_anew(&topic, number, offset, "another record is there"));
        }
    }
    Ok(())
}

fn made_anew(topic: &str, partition: u32, offset: u64, found: &str) -> Failure {
    Failure::Failed(anyhow::anyhow!(
        "topic {topic}, partition {partition}, was read to offset {offset} and now {found}: the topic was deleted and made \
         anew. Nothing was bound or published. Restore the topic, or start a new job (another [job] name and [sink.kafka] topic_prefix) on \
         what is there"
    ))
}
