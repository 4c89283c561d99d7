//! Puts the workers' parts of each epoch together, hands them to the shards in order, and says what becomes
//! visible together.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use super::binder;
use super::control::{Control, Held};
use crate::dataflows::Report;
use crate::dataflows::ledger::{Closed, SnapshotPort};
use crate::epoch::{Epoch, Place};
use crate::machine::{Defect, Machine, Thread};
use crate::runtime::Failure;
use crate::runtime::state::Event;
use crate::sinks::files::FileSink;
use crate::sinks::kafka::shard::{Commit, Gauge, Work};
use crate::sinks::tally::Progress;
use crate::sinks::{Lane, Proof, Sink as _, Topic};
use crate::sources::Partition;

/// How often the offsets of sources are committed for tools that show lag: more often is seen by nobody, and costs two
/// requests of every transaction.
const OFFSETS_EVERY: Duration = Duration::from_secs(1);

/// Where facts go.
pub(super) enum Target {
    /// To the shards' threads.
    Shards(Vec<(SyncSender<Work>, Arc<Gauge>, Thread<()>)>),
    /// To files: a replay of what was bound.
    Files(Box<FileSink>),
    /// Nowhere: they are compared with what was published.
    Compare(Vec<Compared>),
}

/// What one shard is to have published.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Its progress records that are still to be met: the epoch, and what it proves.
    pub(super) recorded: VecDeque<(Epoch, Proof)>,
    pub(super) proof: Proof,
    /// Up to this epoch another logic version published: that is not compared.
    pub(super) other_logic: Epoch,
    /// What differs: up to which epoch, what was published, what was computed.
    pub(super) different: Vec<(Epoch, Proof, Proof)>,
    /// Commits of which it is to be known what they come to topic by topic.
    pub(super) by_topic: BTreeMap<Epoch, Option<Counts>>,
    /// The same for the commit that is computed now.
    pub(super) counts: Counts,
}

/// Records by topic.
pub(super) type Counts = [u64; Topic::ALL.len()];

impl Compared {
    /// An epoch was computed once more.
    fn add(&mut self, epoch: Epoch, lane: Option<Box<Lane>>) {
        if let Some(lane) = lane {
            self.proof.add_all(lane.proof);
            for (count, block) in self.counts.iter_mut().zip(&lane.blocks) {
                *count += block.count;
            }
            lane.recycle();
        }
        if let Some((recorded, published)) = self.recorded.pop_front_if(|(recorded, _)| *recorded <= epoch) {
            let computed = std::mem::take(&mut self.proof);
            let counts = std::mem::take(&mut self.counts);
            if computed != published && epoch > self.other_logic {
                self.different.push((epoch, published, computed));
            }
            if let Some(asked) = self.by_topic.get_mut(&recorded).filter(|_| epoch > self.other_logic) {
                *asked = Some(counts);
            }
        }
    }
}

/// A commit that is not visible yet.
pub(super) struct Pending {
    epoch: Epoch,
    since: Instant,
    places: Vec<(u32, u64)>,
    /// What everything amounts to, where a snapshot waits for it.
    kept: Option<Box<Progress>>,
}

/// See the module's words.
pub(super) struct Committer {
    pub(super) machine: Machine,
    pub(super) target: Target,
    pub(super) control: Arc<Control>,
    pub(super) workers: usize,
    pub(super) shards: u32,
    pub(super) partitions: Vec<Partition>,
    /// The names of topics whose offsets are committed for tools that show lag, by partition.
    pub(super) names_at_sink: Vec<Option<String>>,
    pub(super) progress: Progress,
    pub(super) interval: Duration,
    pub(super) binder: Option<Sender<binder::Message>>,
    pub(super) snapshots: SnapshotPort,
    pub(super) committed: Option<Sender<Event>>,
    /// Commits that are not visible yet.
    pub(super) pending: VecDeque<Pending>,
    pub(super) last_commit: (Epoch, Duration),
    /// When offsets were committed last.
    pub(super) last_offsets: Option<Duration>,
    /// What each worker holds.
    pub(super) held: BTreeMap<u32, Held>,
}

impl Committer {
    /// Publishes everything that comes; gives back what it amounts to, and where it went.
    pub(super) fn run(mut self, reports: &Receiver<Report>) -> Option<(Progress, Target)> {
        let mut open: BTreeMap<Epoch, Vec<Closed>> = BTreeMap::new();
        loop {
            match self.machine.receive_within(reports, Duration::from_millis(1)) {
                Ok(report) => open.entry(report.epoch).or_default().push(report.closed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while let Some(entry) = open.first_entry().filter(|entry| entry.get().len() == self.workers) {
                let (epoch, parts) = entry.remove_entry();
                if let Err(failure) = self.publish(epoch, parts) {
                    self.control.fail(failure);
                    return None;
                }
            }
            if self.control.stopped() {
                return None;
            }
            if let Err(failure) = self.look() {
                self.control.fail(failure);
                return None;
            }
        }
        Some((self.progress, self.target))
    }

    fn publish(&mut self, epoch: Epoch, parts: Vec<Closed>) -> Result<(), Failure> {
        let mut last = false;
        if parts.iter().any(|part| part.last) {
            self.progress.tally.begin_end();
        }
        let mut lanes: Vec<Option<Box<Lane>>> = (0..self.shards).map(|_| None).collect();
        for (worker, part) in (0_u32..).zip(parts) {
            self.progress.tally.add_counts(&part.tally);
            self.progress.move_places(part.places);
            self.progress.logical_time = self.progress.logical_time.max(part.logical_time);
            last |= part.last;
            self.held.insert(worker, Held { players: part.players, buffered: part.buffered, state: part.state });
            self.control.seen(part.read, part.dead);
            for lane in part.lanes {
                self.progress.tally.add_blocks(&lane.blocks);
                if let Some(place) = lanes.get_mut(lane.shard as usize) {
                    *place = Some(Box::new(lane));
                }
            }
        }
        self.progress.epoch = epoch;
        self.hand_over(epoch, lanes)?;
        let mut held = Held::default();
        for each in self.held.values() {
            held.players += each.players;
            held.buffered += each.buffered;
            held.state += each.state;
        }
        self.control.tell(&self.progress, held);
        let due = self.snapshots.at.load(Ordering::Acquire) == epoch;
        if last || due {
            self.commit(due, true)?;
        }
        Ok(())
    }

    fn hand_over(&mut self, epoch: Epoch, lanes: Vec<Option<Box<Lane>>>) -> Result<(), Failure> {
        match &mut self.target {
            Target::Shards(shards) => {
                for ((work, ..), lane) in shards.iter().zip(lanes) {
                    // A shard that is gone has said why.
                    let _gone = self.machine.send(work, Work::Epoch(epoch, lane));
                }
            }
            Target::Files(sink) => {
                for lane in lanes.into_iter().flatten() {
                    sink.write(&lane.blocks)?;
                    lane.recycle();
                }
                self.control.taken.store(epoch, Ordering::Release);
            }
            Target::Compare(shards) => {
                for (shard, lane) in shards.iter_mut().zip(lanes) {
                    shard.add(epoch, lane);
                }
                self.control.taken.store(epoch, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Everything so far is to become visible, with the offsets of the sources where `all` is or it is time for them.
    fn commit(&mut self, snapshot: bool, all: bool) -> Result<(), Failure> {
        let (epoch, now) = (self.progress.epoch, self.machine.now());
        self.last_commit = (epoch, now);
        let all = all || self.last_offsets.is_none_or(|at| now - at >= OFFSETS_EVERY);
        if all {
            self.last_offsets = Some(now);
        }
        self.machine.pass("commit.asked-for");
        let mut kept = snapshot.then(|| Box::new(self.progress.clone()));
        if self.machine.has(Defect::SnapshotAhead)
            && let (Some(progress), Some(committed)) = (kept.take(), &self.committed)
        {
            let _gone = committed.send(Event::Committed(progress));
        }
        match &mut self.target {
            Target::Shards(shards) => {
                if let Some(binder) = &self.binder {
                    let _gone = binder.send(binder::Message::Wanted(epoch));
                }
                for (shard, (work, ..)) in (0_u32..).zip(shards.iter()) {
                    let names = if all { self.names_at_sink.as_slice() } else { &[] };
                    let offsets = offsets(&self.progress.places, &self.partitions, names, shard, self.shards);
                    let commit = Commit { epoch, logical_time: self.progress.logical_time, offsets };
                    let _gone = self.machine.send(work, Work::Commit(Box::new(commit)));
                }
            }
            Target::Files(sink) => sink.commit(&self.progress)?,
            Target::Compare(_) => {}
        }
        let places = self.progress.places.iter().map(|place| (place.partition, place.position.offset)).collect();
        self.pending.push_back(Pending { epoch, since: Instant::now(), places, kept });
        Ok(())
    }

    /// Sees how far the shards are, and commits when it is time to.
    fn look(&mut self) -> Result<(), Failure> {
        let visible = match &self.target {
            Target::Shards(shards) => {
                let taken = shards.iter().map(|(_, gauge, _)| gauge.taken.load(Ordering::Acquire)).min().unwrap_or(0);
                self.control.taken.store(taken, Ordering::Release);
                let committed = shards.iter().map(|(_, gauge, _)| gauge.committed.load(Ordering::Acquire));
                if self.machine.has(Defect::OneIsAll) { committed.max() } else { committed.min() }.unwrap_or(0)
            }
            Target::Files(_) | Target::Compare(_) => self.last_commit.0,
        };
        while let Some(done) = self.pending.pop_front_if(|pending| pending.epoch <= visible) {
            self.control.committed(done.epoch, done.since.elapsed(), done.places);
            if let (Some(progress), Some(committed)) = (done.kept, &self.committed) {
                // The writer of snapshots is gone only when it has failed, which it says by itself.
                let _gone = committed.send(Event::Committed(progress));
            }
        }
        let (epoch, at) = self.last_commit;
        if self.pending.is_empty() && self.progress.epoch > epoch && self.machine.now() - at >= self.interval {
            self.commit(false, false)?;
        }
        Ok(())
    }
}

/// The offsets that a shard commits for tools that show lag: those of partition p in the transaction of shard p % S.
fn offsets(
    places: &[Place],
    partitions: &[Partition],
    names: &[Option<String>],
    shard: u32,
    shards: u32,
) -> Vec<(String, u32, u64)> {
    let own = places.iter().filter(|place| place.partition % shards == shard);
    own.filter_map(|place| {
        let at = place.partition as usize;
        let name = names.get(at)?.clone()?;
        Some((name, partitions.get(at)?.number, place.position.offset))
    })
    .collect()
}
