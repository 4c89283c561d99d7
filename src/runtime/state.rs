//! Snapshots: written off the hot path, per key group, the manifest last; restored for any number of
//! workers.
//!
//! ```text
//! job.json                             which run this state belongs to
//! snapshots/EPOCH/shard-NN.bin         the records of the shard's key groups, one behind the other
//! snapshots/EPOCH/waiting-NN.bin       the records of one worker that wait for their time
//! snapshots/EPOCH/manifest.json        where each group is, its checksum, and all else that is no player's
//! ```
//! The first snapshot of a process holds all of every key group. Of those after it each holds all of some groups, which
//! take turns, and what changed of the others; so it needs those before it, for one round of turns at most. A
//! snapshot counts when its manifest is there, every group it needs has its checksum, and every sink has
//! published up to its epoch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use tidemark_domain::player::RulebookChain;

use super::LOGIC_VERSION;
pub use super::beside::{Beside, Known, Written};
use super::job_file::{JOB, JobFile, SERVICE};
use super::keep::{self, Past};
pub use super::manifest::{GroupPlace, Manifest, WaitingPlace};
use super::manifest::{checksum, manifest_name, read_groups, read_manifest, read_waiting, write_manifest};
use super::store::Store;
use crate::dataflows::ledger::{Group, Kept, Part, Restored, Rounds, Turn};
use crate::epoch::{Epoch, Spread};
use crate::machine::{Defect, Machine};
use crate::sinks::tally::Progress;
use crate::sources::kafka::Extent;

/// What the writer of snapshots is told.
pub(crate) enum Event {
    /// A worker's part.
    Part(Part),
    /// The sinks have published up to the snapshot's epoch.
    Committed(Box<Progress>),
}

/// The state of a run, in a store.
#[derive(Debug)]
pub struct State {
    store: Arc<Store>,
    job: String,
    machine: Machine,
}

/// Players by key group.
type Groups = BTreeMap<u8, Group>;

/// Reads groups of a snapshot over what came before it, those that are `wanted`.
///
/// # Errors
/// Where an object is missing or damaged.
fn load_groups(store: &Store, manifest: &Manifest, groups: &mut Groups, wanted: impl Fn(u8) -> bool) -> Result<()> {
    read_groups(store, manifest, wanted, |place, bytes| {
        let group = groups.entry(place.group).or_default();
        if place.whole || manifest.full {
            *group = Group::default();
        }
        group.read(bytes).with_context(|| format!("{}, group {}", place.object, place.group))
    })
}

impl State {
    /// What the run reads whose state this is; none where there is no state, or it does not read from Kafka.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn extent(folder: &Path) -> Result<Option<Extent>> {
        let Some(bytes) = Store::at(folder)?.get(JOB)? else { return Ok(None) };
        Ok(JobFile::read(&bytes, folder)?.extent)
    }

    /// Opens a state folder for a run. Gives what differs, in words, where it belongs to another run.
    ///
    /// # Errors
    /// Where the folder cannot be read or written.
    pub fn open(folder: &Path, job: &JobFile) -> Result<Result<Self, Vec<&'static str>>> {
        let store = Store::at(folder)?;
        if let Some(bytes) = store.get(JOB)? {
            let differences = JobFile::read(&bytes, folder)?.differences(job);
            if !differences.is_empty() {
                return Ok(Err(differences));
            }
        }
        Ok(Ok(Self { store: Arc::new(store), job: job.fingerprint(), machine: Machine::default() }))
    }

    /// Opens a state folder to look at it.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn look(folder: &Path) -> Result<(Self, JobFile)> {
        let store = Store::at(folder)?;
        let Some(bytes) = store.get(JOB)? else {
            // A service names its state by its job: the folder's own name.
            let path = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let (Some(name), false) = (name, store.list("journal")?.is_empty()) else {
                bail!("{} is no state folder: it has neither {JOB} nor a journal", folder.display());
            };
            let job = JobFile {
                version: 1,
                logic_version: LOGIC_VERSION,
                programme: String::new(),
                events: format!("{SERVICE}{name}"),
                until: None,
                live_profiles: false,
                extent: None,
            };
            return Ok((Self::of_service(Arc::new(store), &name, &Machine::default()), job));
        };
        let job = JobFile::read(&bytes, folder)?;
        Ok((Self { store: Arc::new(store), job: job.fingerprint(), machine: Machine::default() }, job))
    }

    /// The state of a service, in a store of its own.
    #[must_use]
    pub fn of_service(store: Arc<Store>, job: &str, machine: &Machine) -> Self {
        Self { store, job: format!("{SERVICE}{job}"), machine: machine.clone() }
    }

    /// Begins anew: removes every snapshot, and writes down whose the folder is from now on.
    ///
    /// # Errors
    /// Where one cannot be removed, or that cannot be written.
    pub fn begin(&self, job: &JobFile) -> Result<()> {
        for name in self.store.list("snapshots")? {
            self.store.delete(&name)?;
        }
        self.store.put(JOB, serde_json::to_vec_pretty(job)?)
    }

    /// Writes down whose the folder is, where nothing says so.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn claim(&self, job: &JobFile) -> Result<()> {
        if self.store.get(JOB)?.is_none() {
            self.store.put(JOB, serde_json::to_vec_pretty(job)?)?;
        }
        Ok(())
    }

    /// All manifests that can be read, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn manifests(&self) -> Result<Vec<Manifest>> {
        let mut all = self.manifests_of_any_logic()?;
        all.retain(|manifest| manifest.logic_version == LOGIC_VERSION);
        Ok(all)
    }

    /// All manifests that can be read, those of another logic version too, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn manifests_of_any_logic(&self) -> Result<Vec<Manifest>> {
        let mut all = self.manifests_of_anybody()?;
        all.retain(|manifest| self.is_own(manifest));
        Ok(all)
    }

    /// All manifests that can be read, those of others too, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub fn manifests_of_anybody(&self) -> Result<Vec<Manifest>> {
        let mut all = Vec::new();
        for name in self.store.list("snapshots")? {
            if name.ends_with("/manifest.json") {
                all.extend(self.store.get(&name)?.and_then(|bytes| read_manifest(&bytes)));
            }
        }
        all.sort_by_key(|manifest| manifest.epoch);
        Ok(all)
    }

    /// Whether a manifest is of this job.
    #[must_use]
    pub fn is_own(&self, manifest: &Manifest) -> bool {
        manifest.job == self.job
    }

    /// The players of every worker as the newest usable snapshot has them; a damaged one is passed over.
    ///
    /// # Errors
    /// Where the store cannot be listed.
    pub(crate) fn restore(
        &self,
        published: Epoch,
        spread: Spread,
        notice: &mut dyn FnMut(String),
    ) -> Result<Option<(Progress, Vec<Restored>)>> {
        let manifests = self.manifests()?;
        for manifest in manifests.iter().rev().filter(|manifest| manifest.epoch <= published) {
            match self.load(manifest, &manifests, spread) {
                Ok(restored) => return Ok(Some((manifest.progress.clone(), restored))),
                Err(error) => notice(format!("snapshot {} is not usable, trying the one before it: {error:#}", manifest.epoch)),
            }
        }
        Ok(None)
    }

    /// The players of one worker, from a chain of snapshots.
    fn load_worker(&self, chain: &[&Manifest], worker: u32, spread: Spread) -> Result<Vec<Kept>> {
        let mut groups = Groups::new();
        // What comes before all of a group need not be read.
        let all_of = |part: &Manifest, group: u8| part.groups.iter().any(|place| place.whole && place.group == group);
        for (at, part) in chain.iter().enumerate() {
            let later = chain.get(at + 1..).unwrap_or_default();
            let wanted = |group: u8| spread.worker(u32::from(group)) == worker && !later.iter().any(|after| all_of(after, group));
            load_groups(&self.store, part, &mut groups, wanted)?;
        }
        let mut players = Vec::with_capacity(groups.values().map(Group::len).sum());
        players.extend(groups.into_values().flat_map(Group::into_players));
        Ok(players)
    }

    /// The state of every worker as a snapshot has it.
    ///
    /// # Errors
    /// Where an object is missing or damaged.
    pub(crate) fn load(&self, manifest: &Manifest, all: &[Manifest], spread: Spread) -> Result<Vec<Restored>> {
        let mut chain = Vec::new();
        for epoch in manifest.needs.iter().chain([&manifest.epoch]) {
            let part = all.iter().find(|each| each.epoch == *epoch);
            chain.push(part.with_context(|| format!("snapshot {epoch}, which it needs, is missing"))?);
        }
        // Each worker's players on a thread of their own.
        let loaded: Vec<Result<Vec<Kept>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..spread.workers)
                .map(|worker| {
                    scope.spawn({
                        let chain = &chain;
                        move || self.load_worker(chain, worker, spread)
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| bail!("a reader of the snapshot panicked")))
                .collect()
        });
        let mut restored = Vec::new();
        for players in loaded {
            restored.push(Restored { players: players?, ..Restored::default() });
        }
        let found: u64 = restored.iter().map(|worker| worker.players.len() as u64).sum();
        if manifest.players.is_some_and(|players| players != found) {
            bail!("snapshot {} is to hold {} players, and {found} were read", manifest.epoch, manifest.players.unwrap_or(0));
        }
        let logical_time = manifest.rest.iter().map(|rest| rest.logical_time).max().unwrap_or(i64::MIN);
        let next_revision = manifest.rest.iter().map(|rest| rest.next_revision).max().unwrap_or(0);
        let rulebook = manifest.rest.iter().find_map(|rest| rest.rulebook).unwrap_or_default();
        read_waiting(&self.store, manifest, |record| {
            if let Some(worker) = restored.get_mut(spread.worker(u32::from(record.group)) as usize) {
                worker.held.push(record);
            }
        })?;
        for worker in &mut restored {
            worker.logical_time = logical_time;
            worker.next_revision = next_revision;
            worker.rounds = manifest.rest.iter().map(|rest| rest.rounds.clone()).fold(Rounds::default(), Rounds::later);
            worker.rulebook = RulebookChain { seq: rulebook.0, hash: rulebook.1 };
        }
        Ok(restored)
    }

    /// Writes snapshots as their parts come in, until nobody is left to send any.
    ///
    /// # Errors
    /// Where an object cannot be written.
    pub(crate) fn write_all(&self, events: &Receiver<Event>, spread: Spread, beside: &Beside) -> Result<()> {
        let mut parts: BTreeMap<Epoch, Vec<Part>> = BTreeMap::new();
        let mut committed: BTreeMap<Epoch, Progress> = BTreeMap::new();
        let from = beside.keep.as_ref().map(|keep| keep.begun.clone()).unwrap_or_default();
        let mut series = Series { chain: Vec::new(), from };
        while let Ok(event) = self.machine.receive(events) {
            let epoch = match event {
                Event::Part(part) => {
                    let epoch = part.epoch;
                    parts.entry(epoch).or_default().push(part);
                    epoch
                }
                Event::Committed(progress) => {
                    let epoch = progress.epoch;
                    committed.insert(epoch, *progress);
                    epoch
                }
            };
            let complete = parts.get(&epoch).is_some_and(|parts| parts.len() == spread.workers as usize);
            if complete
                && let Some(progress) = committed.remove(&epoch)
                && let Some(parts) = parts.remove(&epoch)
            {
                let begun = Instant::now();
                let outcome = self.write(epoch, parts, progress, spread, &mut series, beside);
                beside.tell(epoch, outcome, begun.elapsed())?;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        epoch: Epoch,
        parts: Vec<Part>,
        progress: Progress,
        spread: Spread,
        series: &mut Series,
        beside: &Beside,
    ) -> Result<u64> {
        let mut size = 0;
        let Some(turn) = parts.first().map(|part| part.turn) else { return Ok(0) };
        if turn.is_first() {
            series.chain.clear();
        }
        let players = parts.iter().map(|part| part.players).sum();
        let mut shards: BTreeMap<u32, Vec<(u8, Vec<u8>)>> = BTreeMap::new();
        let (mut rest, mut waiting) = (Vec::new(), Vec::new());
        for part in parts {
            assert!(!cfg!(feature = "checked") || part.worker < spread.workers, "a part comes from a worker");
            for (group, bytes) in part.groups {
                shards.entry(spread.shard(u32::from(group))).or_default().push((group, bytes));
            }
            rest.push(part.rest);
            if !part.waiting.is_empty() && !self.machine.has(Defect::WaitingIsLost) {
                size += part.waiting.len() as u64;
                waiting.push(self.write_waiting(epoch, part.worker, part.waiting)?);
            }
        }
        // One object after the other, so that the state is not in memory once more as a whole.
        let mut groups = Vec::new();
        for (shard, held) in shards {
            let name = format!("snapshots/{epoch:020}/shard-{shard:03}.bin");
            let mut object = Vec::with_capacity(held.iter().map(|(_, bytes)| bytes.len()).sum());
            for (group, bytes) in held {
                groups.push(GroupPlace {
                    group,
                    object: name.clone(),
                    start: object.len() as u64,
                    length: bytes.len() as u64,
                    whole: turn.is_whole(group),
                    checksum: checksum(&bytes),
                });
                object.extend_from_slice(&bytes);
            }
            size += object.len() as u64;
            self.store.put(&name, object)?;
            self.machine.pass("snapshot.part-written");
        }
        let manifest = Manifest {
            version: 1,
            logic_version: LOGIC_VERSION,
            job: self.job.clone(),
            epoch,
            full: turn.is_first(),
            needs: series.chain.clone(),
            players: Some(players),
            groups,
            waiting,
            written_ms: self.machine.wall_ms(),
            progress_from: series.from.clone(),
            progress,
            partitions: beside.partitions.clone(),
            known: beside.known_at(epoch),
            rest,
        };
        self.store.put(&manifest_name(epoch), write_manifest(&manifest)?)?;
        self.machine.pass("snapshot.manifest-written");
        series.chain.push(epoch);
        if series.chain.len() as u64 >= turn.every {
            series.chain.remove(0);
        }
        if let Some(Ok(ends)) = beside.keep.as_ref().map(|keep| (keep.ends)()) {
            series.from = ends;
        }
        // The snapshot stands, whatever becomes of older ones.
        if turn.number % turn.every == 1
            && let Err(error) = self.collect(turn, beside)
        {
            beside.later("older snapshots could not be removed", error)?;
        }
        Ok(size)
    }

    fn write_waiting(&self, epoch: Epoch, worker: u32, bytes: Vec<u8>) -> Result<WaitingPlace> {
        let object = format!("snapshots/{epoch:020}/waiting-{worker:03}.bin");
        let place = WaitingPlace { object, length: bytes.len() as u64, checksum: checksum(&bytes) };
        self.store.put(&place.object, bytes)?;
        self.machine.pass("snapshot.part-written");
        Ok(place)
    }

    /// Removes what nobody needs any more: snapshots, and what lies before the oldest that is kept.
    fn collect(&self, Turn { every, .. }: Turn, beside: &Beside) -> Result<()> {
        let manifests = self.manifests_of_any_logic()?;
        let past =
            |manifest: &Manifest| Past { epoch: manifest.epoch, needs: manifest.needs.clone(), written: manifest.written_ms };
        let all: Vec<Past> = manifests.iter().map(past).collect();
        let reach = beside.keep.as_ref().map(|keep| i64::try_from(keep.reach.as_millis())).transpose()?;
        let kept = keep::kept(&all, usize::try_from(every)?, reach, self.machine.wall_ms());
        let newest = manifests.last().map_or(0, |manifest| manifest.epoch);
        for name in self.store.list("snapshots")? {
            let epoch = name.split('/').nth(1).and_then(|part| part.parse::<Epoch>().ok());
            // What is newer is being written by somebody.
            if epoch.is_some_and(|epoch| epoch < newest && !kept.epochs.contains(&epoch)) {
                self.store.delete(&name)?;
                self.machine.pass("snapshot.object-removed");
            }
        }
        let base = kept.base.and_then(|base| manifests.iter().find(|manifest| manifest.epoch == base));
        if let (Some(base), Some(keep)) = (base, &beside.keep)
            && let Err(error) = (keep.trim)(base.epoch, &base.progress_from)
        {
            beside.later(&format!("what lies before epoch {} could not be removed", base.epoch), error)?;
        }
        Ok(())
    }
}

/// The snapshots of a process, one after the other.
struct Series {
    /// Those that the next one needs.
    chain: Vec<Epoch>,
    /// How far the progress topic went when the last one was written, by shard.
    from: Vec<u64>,
}
