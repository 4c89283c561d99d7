//! One worker of the service: it is told of each epoch, reads its partitions for it, and steps its graph.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

use timely::dataflow::InputHandle;
use timely::worker::Worker;

use super::Control;
use super::ends::Watermarks;
use super::same::{Last, lasts, totals};
use crate::container::VecBuilder;
use crate::dataflows::ledger::{Restored, SnapshotPort};
use crate::dataflows::{self, Arrival, Job, Report};
use crate::epoch::{Clock, Epoch, Place, Position};
use crate::machine::Machine;
use crate::runtime::Failure;
use crate::sources::reference::Reference;
use crate::sources::{Batch, Partition, Source};

/// So many bytes are read at a time of what was bound.
const SLICE: usize = 1 << 20;
/// How long a worker waits that has nothing to do.
const IDLE: Duration = Duration::from_millis(2);

/// What somebody else has read of a partition: its number, records, where it is then, whether that is its end.
pub(super) type Extra = (u32, Batch, u64, bool);

/// An epoch begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Opening {
    pub(super) epoch: Epoch,
    /// Its wall clock; none where no wall clock enters.
    pub(super) now: Option<i64>,
    /// Bytes that one worker reads for it.
    pub(super) bytes: usize,
    /// Partitions whose clock is beyond this wait for the others.
    pub(super) near: i64,
    /// Where partitions have to get to, exactly: the epoch was bound before.
    pub(super) bound: Option<Vec<(u32, u64)>>,
    /// Partitions that are at their end after it, where it was bound before.
    pub(super) at_end: Vec<u32>,
    /// Where partitions end that are drained.
    pub(super) drain: Option<Arc<Vec<u64>>>,
    /// Partitions that are taken in: offset, and logical time before.
    pub(super) taken_in: Vec<(u32, u64, Option<i64>)>,
    /// What became known of rates and rulebooks.
    pub(super) news: Option<Arc<Reference>>,
    /// Records of the topics of rates and rulebooks.
    pub(super) extra: Vec<Extra>,
    /// Whether it is the last one of a drain.
    pub(super) last: bool,
}

/// What a worker has read for an epoch.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) ends: Vec<(u32, u64)>,
    pub(super) at_end: Vec<u32>,
    /// Whether more is there at once.
    pub(super) full: bool,
    /// Whether some partitions have to wait until others have moved time.
    pub(super) waiting: bool,
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) input: u64,
    pub(super) lasts: Vec<Last>,
    /// The least clock of its partitions.
    pub(super) least: i64,
}

/// The coordinator's way to a worker, which may be asleep.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) openings: Sender<Opening>,
    pub(super) thread: Arc<OnceLock<Thread>>,
}

impl Way {
    /// Tells the worker of an epoch, and wakes it.
    pub(super) fn open(&self, opening: Opening) {
        // A worker is gone only when it has said why.
        let _gone = self.openings.send(opening);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

/// What a worker is started with.
pub(super) struct Start {
    pub(super) sources: Vec<(u32, Box<dyn Source>)>,
    /// Those of them that have been taken in.
    pub(super) active: Vec<u32>,
    /// Where all of its partitions stand; those that somebody else reads for it too.
    pub(super) places: Vec<Place>,
    pub(super) restored: Option<Restored>,
    pub(super) first: Epoch,
    pub(super) openings: Receiver<Opening>,
    /// Where it says which thread it is.
    pub(super) thread: Arc<OnceLock<Thread>>,
    pub(super) cuts: Sender<Cut>,
    pub(super) reports: SyncSender<Report>,
}

struct Reader<'w> {
    worker: &'w mut Worker,
    machine: Machine,
    job: Arc<Job>,
    control: Arc<Control>,
    marks: Option<Arc<Watermarks>>,
    input: InputHandle<Epoch, VecBuilder<Arrival>>,
    clocks: dataflows::Clocks,
    sources: Vec<(u32, Box<dyn Source>)>,
    /// Partitions that have been taken in; others are not read and hold no time back.
    active: Vec<u32>,
    cuts: Sender<Cut>,
}

/// Runs a worker until it is told of no more epochs and its graph is empty.
pub(super) fn run(
    worker: &mut Worker,
    start: Start,
    machine: &Machine,
    job: &Arc<Job>,
    control: &Arc<Control>,
    marks: Option<Arc<Watermarks>>,
    snapshots: &SnapshotPort,
) {
    let index = worker.index();
    let _first = start.thread.set(std::thread::current());
    let clocks: dataflows::Clocks = Rc::new(RefCell::new(start.places));
    let mut input = worker.dataflow::<Epoch, _, _>(|scope| {
        dataflows::build(scope, job, index as u32, &clocks, start.restored, snapshots, start.reports)
    });
    input.advance_to(start.first + 1);
    let mut reader = Reader {
        worker,
        machine: machine.clone(),
        job: Arc::clone(job),
        control: Arc::clone(control),
        marks,
        input,
        clocks,
        sources: start.sources,
        active: start.active,
        cuts: start.cuts,
    };
    if let Err(failure) = reader.read_all(index, &start.openings) {
        control.fail(failure);
    }
    reader.input.close();
    while !control.stopped() && worker.has_dataflows() {
        control.beat(index);
        if !step(worker, machine, Duration::from_millis(5)) {
            break;
        }
    }
    if machine.is_simulated() || control.stopped() {
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
    }
}

/// Steps once, then waits for something to do, so long at most; false where the process has died.
fn step(worker: &mut Worker, machine: &Machine, time: Duration) -> bool {
    if machine.is_simulated() {
        worker.step();
        return machine.rest(time);
    }
    worker.step_or_park(Some(time));
    true
}

impl Reader<'_> {
    fn read_all(&mut self, index: usize, openings: &Receiver<Opening>) -> Result<(), Failure> {
        loop {
            self.control.beat(index);
            if self.control.stopped() {
                return Ok(());
            }
            match openings.try_recv() {
                Ok(opening) => {
                    let begun = std::time::Instant::now();
                    self.take(opening)?;
                    self.worker.step();
                    self.control.worked(index, begun.elapsed());
                    if self.machine.is_simulated() && !self.machine.rest(Duration::ZERO) {
                        return Ok(());
                    }
                }
                Err(TryRecvError::Empty) => {
                    let begun = std::time::Instant::now();
                    if self.worker.step() {
                        self.control.worked(index, begun.elapsed());
                    }
                    if !step(self.worker, &self.machine, IDLE) {
                        return Ok(());
                    }
                }
                Err(TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Reads for an epoch and hands it to the graph.
    fn take(&mut self, mut opening: Opening) -> Result<(), Failure> {
        let epoch = opening.epoch;
        for (partition, offset, _) in &opening.taken_in {
            if let Some((_, source)) = self.sources.iter_mut().find(|(number, _)| number == partition) {
                // Where it is there already, it knows its byte, too.
                if source.position().offset != *offset {
                    source.seek(Position { offset: *offset, byte: 0 })?;
                }
                if !self.active.contains(partition) {
                    self.active.push(*partition);
                }
            }
        }
        let before: Vec<(u32, u64)> = self.sources.iter().map(|(number, source)| (*number, source.position().offset)).collect();
        let replayed = opening.bound.is_some();
        let Taken { mut batches, full, waiting } = match opening.bound.take() {
            Some(ends) => Taken { batches: self.read_bound(&ends)?, ..Taken::default() },
            None if opening.bytes == 0 => Taken::default(),
            None => self.read_live(&opening)?,
        };
        let read = || batches.iter().map(|(number, batch)| (*number, batch));
        let (count, input) = totals(read(), &self.job.partitions);
        let last = lasts(read(), &self.job.partitions);
        let bytes = batches.iter().map(|(_, batch)| batch.size() as u64).sum();
        let at_end: Vec<u32> = match &opening.drain {
            _ if replayed => std::mem::take(&mut opening.at_end),
            Some(ends) => {
                let drained = self.sources.iter().filter(|(number, source)| is_drained(ends, *number, source.position()));
                drained.map(|(number, _)| *number).collect()
            }
            None => self.at_end(),
        };
        let moved = self.sources.iter().zip(&before).filter(|((_, source), (_, offset))| source.position().offset != *offset);
        let ends = moved.map(|((number, source), _)| (*number, source.position().offset)).collect();
        let places = self.places(&opening, &at_end);
        let least = places.iter().filter(|place| !place.ended).map(|place| place.clock.least(self.job.clock)).min();
        let own = |partition: &&u32| self.sources.iter().any(|(number, _)| number == *partition);
        let cut = Cut {
            ends,
            at_end: at_end.iter().filter(own).copied().collect(),
            full,
            waiting,
            count,
            bytes,
            input,
            lasts: last,
            least: least.unwrap_or(i64::MAX),
        };
        let mut ended = at_end;
        for (partition, batch, _, end) in opening.extra {
            batches.push((partition, batch));
            if end {
                ended.push(partition);
            }
        }
        let floors = opening.taken_in.iter().filter_map(|(partition, _, since)| since.map(|since| (*partition, since))).collect();
        let arrival =
            Arrival { batches, places, last: opening.last, now: opening.now, at_end: ended, floors, news: opening.news };
        self.input.send(arrival);
        self.input.advance_to(epoch + 1);
        // Nobody listens any more only when the process ends.
        let _gone = self.cuts.send(cut);
        Ok(())
    }

    /// Where the worker's partitions stand; in mode `events` one at its end counts as ended.
    fn places(&self, opening: &Opening, at_end: &[u32]) -> Vec<Place> {
        let known = self.clocks.borrow();
        let events = opening.now.is_none();
        let active = self.sources.iter().filter(|(number, _)| self.active.contains(number));
        let own = active.map(|(number, source)| (*number, source.position().offset, at_end.contains(number)));
        let extra = opening.extra.iter().map(|(number, _, offset, end)| (*number, *offset, *end));
        own.chain(extra)
            .map(|(partition, offset, end)| {
                let before = known.iter().find(|place| place.partition == partition);
                Place {
                    partition,
                    position: Position { offset, byte: 0 },
                    clock: before.map_or_else(Clock::default, |place| place.clock),
                    ended: events && end,
                }
            })
            .collect()
    }

    /// Reads exactly what was bound before.
    fn read_bound(&mut self, ends: &[(u32, u64)]) -> Result<Vec<(u32, Batch)>, Failure> {
        let mut batches = Vec::new();
        for (partition, end) in ends {
            let Some((_, source)) = self.sources.iter_mut().find(|(number, _)| number == partition) else { continue };
            let mut batch = Batch::fresh();
            while source.position().offset < *end && !self.control.stopped() {
                let before = source.position().offset;
                let more = source.read(&mut batch, SLICE, Some(*end))?;
                if !more && source.position().offset == before && !source.goes_on() {
                    return Err(ends_before(source.as_ref(), *end));
                }
                self.control.beat(self.worker.index());
                if self.machine.is_simulated() && !self.machine.rest(IDLE) {
                    return Ok(batches);
                }
            }
            batches.push((*partition, batch));
        }
        Ok(batches)
    }

    /// Reads what is there, from those whose clock is least first; says whether more is, and whether some have to wait.
    fn read_live(&mut self, opening: &Opening) -> Result<Taken, Failure> {
        let clocks = self.clocks.borrow();
        let mut order: Vec<(i64, usize)> = Vec::new();
        let mut waiting = false;
        for (at, (partition, source)) in self.sources.iter().enumerate() {
            let drained = opening.drain.as_ref().is_some_and(|ends| is_drained(ends, *partition, source.position()));
            if drained || !self.active.contains(partition) {
                continue;
            }
            let least = clocks.iter().find(|place| place.partition == *partition).map(|place| place.clock.least(self.job.clock));
            let least = least.unwrap_or(i64::MIN);
            if least <= opening.near { order.push((least, at)) } else { waiting = true }
        }
        drop(clocks);
        order.sort_unstable();
        let mut batches = Vec::new();
        let (mut left, mut full) = (opening.bytes, false);
        let mut others = order.len();
        for (_, at) in order {
            let Some((partition, source)) = self.sources.get_mut(at) else { continue };
            let share = left.checked_div(others).unwrap_or(left).max(1);
            others -= 1;
            let mut batch = Batch::fresh();
            if let Some(end) = self.marks.as_ref().and_then(|marks| marks.end(*partition as usize)) {
                source.reaches(end);
            }
            let end = opening.drain.as_ref().and_then(|ends| ends.get(*partition as usize).copied());
            full |= source.read_now(&mut batch, share, end)?;
            // Where a drain ends is known to be there.
            full |= end.is_some_and(|end| source.position().offset < end) && !batch.records.is_empty();
            left = left.saturating_sub(batch.size());
            if batch.records.is_empty() {
                batch.recycle();
            } else {
                batches.push((*partition, batch));
            }
        }
        Ok(Taken { batches, full, waiting })
    }

    /// Partitions that were read to their end, as far as that is known freshly.
    fn at_end(&self) -> Vec<u32> {
        let Some(marks) = &self.marks else { return Vec::new() };
        let reached =
            |number: u32, source: &dyn Source| marks.end(number as usize).is_some_and(|end| source.position().offset >= end);
        self.sources.iter().filter(|(number, source)| reached(*number, source.as_ref())).map(|(number, _)| *number).collect()
    }
}

/// What was read for an epoch.
#[derive(Default)]
struct Taken {
    batches: Vec<(u32, Batch)>,
    /// Whether more is there at once.
    full: bool,
    /// Whether some partitions have to wait until others have moved time.
    waiting: bool,
}

/// An input that holds less than what was bound of it.
fn ends_before(source: &dyn Source, bound: u64) -> Failure {
    let Partition { topic, number } = source.partition();
    Failure::Failed(anyhow::anyhow!(
        "topic {topic}, partition {number}, ends at offset {} and was bound to offset {bound}: these are not all the records that the \
         service read. Give the topic as it was, or files with a line for every offset (empty where Kafka keeps its own marks)",
        source.position().offset
    ))
}

/// Whether a partition is where its drain ends.
fn is_drained(ends: &[u64], partition: u32, position: Position) -> bool {
    ends.get(partition as usize).is_none_or(|end| position.offset >= *end)
}
