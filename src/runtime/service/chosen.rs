//! What a start goes on from: the newest snapshot that is usable, and the progress that was published after it.

use std::collections::BTreeMap;

use super::Options;
use super::history::{History, number_of};
use crate::dataflows::ledger::Restored;
use crate::epoch::{Epoch, Place, Spread};
use crate::runtime::state::{Manifest, State};
use crate::runtime::{Failure, LOGIC_VERSION};
use crate::sinks::kafka::Outputs;
use crate::sinks::kafka::progress::{FIRST_PREV_HASH, ProgressRecord};
use crate::sinks::kafka::tail::{self, Standing};
use crate::sources::Partition;

/// A snapshot, and the state of every worker that it holds.
pub(super) type Loaded = (Manifest, Vec<Restored>);

/// Chooses what to go on from.
pub(super) struct Chosen<'a> {
    pub(super) outputs: &'a Outputs,
    pub(super) state: &'a State,
    pub(super) options: &'a Options,
    pub(super) history: &'a History,
    pub(super) partitions: &'a [Partition],
}

impl Chosen<'_> {
    /// The newest snapshot that is usable, and the progress records of every shard from there on.
    pub(super) fn choose(&self) -> Result<(Option<Loaded>, Vec<Vec<ProgressRecord>>), Failure> {
        let (config, notice) = (&self.options.config, &self.options.notice);
        let manifests = self.state.manifests_of_any_logic().map_err(Failure::Failed)?;
        let newest = manifests.last().map_or(0, |manifest| manifest.epoch);
        let mut progress = self.progress(newest)?;
        self.check(&progress, newest)?;
        for line in self.patiently(|| tail::check_last(self.outputs, &progress, false))? {
            notice(&line);
        }
        let spread = Spread { shards: config.job.shards, workers: config.job.workers };
        for manifest in manifests.iter().rev() {
            let loaded = self.state.load(manifest, &manifests, spread).map_err(|error| format!("{error:#}"));
            match loaded.and_then(|restored| renumbered(manifest.clone(), restored, self.partitions)) {
                Ok(loaded) => {
                    if manifest.epoch < newest {
                        progress = self.progress(manifest.epoch)?;
                    }
                    self.check_logic(manifest.epoch, &progress)?;
                    return Ok((Some(loaded), bare(progress, manifest.epoch)));
                }
                Err(why) => notice(&format!("snapshot {} is not usable, trying the one before it: {why}", manifest.epoch)),
            }
        }
        if newest > 0 {
            progress = self.progress(0)?;
        }
        self.check_logic(0, &progress)?;
        Ok((None, bare(progress, 0)))
    }

    /// Reads back until the brokers answer; what they answer is judged elsewhere.
    fn patiently<T>(&self, read: impl Fn() -> anyhow::Result<T>) -> Result<T, Failure> {
        let brokers = self.outputs.brokers.as_ref();
        super::patiently(self.options, brokers, |error| brokers.is_theirs(error), read)
    }

    fn progress(&self, since: u64) -> Result<BTreeMap<u32, Vec<Standing>>, Failure> {
        let shards: Vec<u32> = (0..self.outputs.shards).collect();
        self.patiently(|| tail::progress(self.outputs, &shards, since))
    }

    /// What was published must be bound, and be no older than the newest snapshot.
    fn check(&self, progress: &BTreeMap<u32, Vec<Standing>>, newest: u64) -> Result<(), Failure> {
        let (topic, bound) = (self.outputs.progress_topic(), self.history.last_epoch());
        for (shard, records) in progress {
            let visible = visible(records);
            if visible > bound {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "topic {topic}, partition {shard}, is at epoch {visible} and the journal ends with epoch {bound}: the store is not the \
                     one that this job published with. Restore journal/ in the store. Nothing was bound or published"
                )));
            }
            if let Some(what) = falls_short(&topic, *shard, visible, newest) {
                return Err(Failure::Failed(anyhow::anyhow!(
                    "{what}. Restore the topic; it must keep its records (retention.ms=-1). Nothing was bound or published"
                )));
            }
        }
        Ok(())
    }

    /// What was published by another logic version must not have to be computed again.
    fn check_logic(&self, since: u64, progress: &BTreeMap<u32, Vec<Standing>>) -> Result<(), Failure> {
        let published = progress.values().flatten().filter(|each| each.record.epoch > since);
        let other = published.map(|each| each.record.logic_version).find(|version| *version != LOGIC_VERSION);
        match other.filter(|_| !self.options.accept_divergence) {
            None => Ok(()),
            Some(version) => Err(Failure::Mismatch(format!(
                "epochs after the newest snapshot were published by logic version {version}, this is {LOGIC_VERSION}: what they would come to now may \
                 differ. Start the old version and stop it cleanly (SIGTERM): it leaves a snapshot at its last commit. Or accept what \
                 comes with --accept-divergence"
            ))),
        }
    }
}

/// A snapshot by the numbers that partitions have now.
pub(super) fn renumbered(
    mut manifest: Manifest,
    mut restored: Vec<Restored>,
    partitions: &[Partition],
) -> Result<Loaded, String> {
    let number = |old: u32| manifest.partitions.get(old as usize).and_then(|name| number_of(partitions, name));
    let mut places: Vec<Place> = Vec::new();
    for place in &manifest.progress.places {
        let Some(partition) = number(place.partition) else {
            return Err("it holds a partition that is not in the configuration any more".to_owned());
        };
        places.push(Place { partition, ..*place });
    }
    places.sort_by_key(|place| place.partition);
    for worker in &mut restored {
        if !worker.held.iter_mut().all(|held| held.renumber(number)) {
            return Err("records wait of a partition that is not in the configuration any more".to_owned());
        }
    }
    manifest.progress.places = places;
    Ok((manifest, restored))
}

/// Progress records without their times: those after an epoch, and the one before.
fn bare(progress: BTreeMap<u32, Vec<Standing>>, since: u64) -> Vec<Vec<ProgressRecord>> {
    let shard = |records: Vec<Standing>| {
        let first = records.iter().rposition(|each| each.record.epoch <= since).unwrap_or(0);
        records.into_iter().skip(first).map(|each| each.record).collect()
    };
    progress.into_values().map(shard).collect()
}

/// What was bound and published behind a snapshot, or from the first epoch on, has to be there still to be computed again:
/// `store.verify_reach` may have removed what only older snapshots need.
pub(super) fn reaches_back(snapshot: Option<Epoch>, history: &History, progress: &[Vec<ProgressRecord>]) -> Result<(), Failure> {
    let since = snapshot.unwrap_or(0);
    let bound = history.bounds.first().map(|bound| bound.epoch).filter(|first| !history.whole && *first > since + 1);
    let firsts = progress.iter().filter_map(|records| records.first());
    let published = firsts.filter(|first| first.epoch > since && first.prev_hash != FIRST_PREV_HASH).map(|first| first.epoch);
    let gone = match (bound, published.min()) {
        (Some(first), _) => format!("the journal begins with epoch {first}"),
        (None, Some(first)) => format!("the progress topic begins with epoch {first}"),
        (None, None) if snapshot.is_none() && !history.whole => "the journal does not reach back to the first epoch".to_owned(),
        (None, None) => return Ok(()),
    };
    let newest = match snapshot {
        Some(epoch) => format!("the newest snapshot that is usable is that after epoch {epoch}"),
        None => "no snapshot is usable".to_owned(),
    };
    Err(Failure::Failed(anyhow::anyhow!(
        "{newest} and {gone}: what lies between cannot be computed again. Restore the store: newer snapshots, or what came before. Nothing was bound or published"
    )))
}

/// The manifests of all snapshots, oldest first. A folder that was copied or renamed is the state of the job that it was:
/// to go on with it would publish everything again under another name.
pub(super) fn manifests_of_this_job(state: &State, options: &Options) -> Result<Vec<Manifest>, Failure> {
    let all = state.manifests_of_anybody().map_err(Failure::Failed)?;
    let Some(other) = all.iter().find(|manifest| !state.is_own(manifest)) else { return Ok(all) };
    let config = &options.config;
    Err(Failure::Mismatch(format!(
        "{url}/{name} holds snapshots of the {other}, and this is job {name}: go on with it under its own name, or give an empty place \
         as [store] url. Nothing was bound or published",
        url = config.store.url,
        name = config.job.name,
        other = other.job,
    )))
}

/// The last epoch that a shard has published.
pub(super) fn visible(records: &[Standing]) -> Epoch {
    records.last().map_or(0, |last| last.record.epoch)
}

/// What is wrong where a shard has published less than the newest snapshot stands for, which is what was visible.
pub(super) fn falls_short(topic: &str, shard: u32, visible: Epoch, newest: Epoch) -> Option<String> {
    (visible < newest).then(|| {
        format!(
            "topic {topic}, partition {shard}, is at epoch {visible} and the newest snapshot in the store at {newest}: progress records are \
             missing"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Bound;
    use crate::sinks::Proof;

    #[test]
    fn what_lies_between_a_snapshot_and_what_is_kept_cannot_be_computed() {
        let bound = |first: Epoch, whole: bool| History {
            bounds: (first..60).map(|epoch| Bound { epoch, ..Bound::default() }).collect(),
            whole,
            ..History::default()
        };
        let first = ProgressRecord::after(None, 1, 30, None, Proof::default());
        let second = ProgressRecord::after(Some(&first), 1, 50, None, Proof::default());
        let (all, trimmed) = (vec![vec![first, second.clone()], Vec::new()], vec![vec![second]]);
        let said = |snapshot, history: &History, progress: &[Vec<ProgressRecord>]| {
            reaches_back(snapshot, history, progress).err().map(|why| why.to_string()).unwrap_or_default()
        };
        assert_eq!(said(None, &bound(1, true), &all), "");
        assert_eq!(said(Some(20), &bound(1, true), &all), "");
        assert_eq!(said(Some(20), &bound(21, false), &all), "");
        // The commit up to epoch 50 may begin before the snapshot: what it holds cannot be told apart.
        for (snapshot, kept, progress, expected) in [
            (Some(20), bound(22, false), &all, "usable is that after epoch 20 and the journal begins with epoch 22"),
            (Some(40), bound(1, true), &trimmed, "usable is that after epoch 40 and the progress topic begins with epoch 50"),
            (None, bound(60, false), &all, "no snapshot is usable and the journal does not reach back to the first epoch"),
            (None, bound(1, true), &trimmed, "no snapshot is usable and the progress topic begins with epoch 50"),
        ] {
            let why = said(snapshot, &kept, progress);
            assert!(why.contains(expected), "{why}");
        }
        assert_eq!(said(Some(50), &bound(1, true), &trimmed), "");
    }
}
