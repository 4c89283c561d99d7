//! One worker's loop: read, hand to the graph, step; never further ahead than the sinks allow.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use timely::dataflow::InputHandle;
use timely::worker::Worker;

use super::Failure;
use crate::container::VecBuilder;
use crate::dataflows::ledger::{Restored, SnapshotPort};
use crate::dataflows::{self, Arrival, Job, Report};
use crate::epoch::{Epoch, Place, Span};
use crate::sources::{Batch, Source};

/// How workers are kept in step; shared by all.
#[derive(Debug)]
pub(super) struct Shared {
    /// The last epoch that the sinks have taken.
    pub(super) written: AtomicU64,
    /// Set when the run has to end early.
    pub(super) stop: AtomicBool,
    /// What made it end.
    pub(super) failure: Mutex<Option<Failure>>,
    /// Where each worker's clocks are, for reading what is least first.
    pub(super) least: Vec<AtomicI64>,
    /// The epoch that each worker has reached.
    pub(super) epochs: Vec<AtomicU64>,
    /// How many workers have read again everything that was published before.
    pub(super) caught_up: AtomicU64,
    /// The last epoch of that; facts up to it are compared, not published again.
    pub(super) replayed: AtomicU64,
    /// Bytes read, for progress.
    pub(super) bytes: AtomicU64,
}

impl Shared {
    pub(super) fn new(workers: usize, first: Epoch) -> Self {
        Self {
            written: AtomicU64::new(first),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
            least: (0..workers).map(|_| AtomicI64::new(i64::MIN)).collect(),
            epochs: (0..workers).map(|_| AtomicU64::new(first)).collect(),
            caught_up: AtomicU64::new(0),
            replayed: AtomicU64::new(first),
            bytes: AtomicU64::new(0),
        }
    }

    /// Ends the run; the first reason stands.
    pub(super) fn fail(&self, failure: Failure) {
        if let Ok(mut slot) = self.failure.lock() {
            slot.get_or_insert(failure);
        }
        self.stop.store(true, Ordering::Release);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

/// How much is read at a time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes of an epoch.
    pub epoch_bytes: usize,
    /// Epochs that may be under way.
    pub epochs_in_flight: u64,
}

/// What a worker is started with.
pub(super) struct Start {
    pub(super) sources: Vec<(u32, Box<dyn Source>)>,
    pub(super) places: Vec<Place>,
    pub(super) restored: Option<Restored>,
    /// Where its partitions stood when something was published last, where this is a resumption.
    pub(super) published: Vec<Place>,
    pub(super) first: Epoch,
}

/// Reads the worker's partitions to their ends.
pub(super) struct Reader<'w> {
    worker: &'w mut Worker,
    index: usize,
    job: Arc<Job>,
    shared: Arc<Shared>,
    pace: Pace,
    input: InputHandle<Epoch, VecBuilder<Arrival>>,
    clocks: dataflows::Clocks,
    sources: Vec<(u32, Box<dyn Source>)>,
    published: Vec<Place>,
    epoch: Epoch,
    span: Span,
}

/// Runs one worker until its input is read and its graph is empty.
pub(super) fn run(
    worker: &mut Worker,
    start: Start,
    job: &Arc<Job>,
    shared: &Arc<Shared>,
    pace: Pace,
    snapshots: &SnapshotPort,
    reports: SyncSender<Report>,
) {
    let index = worker.index();
    let clocks: dataflows::Clocks = Rc::new(RefCell::new(start.places));
    let input = worker
        .dataflow::<Epoch, _, _>(|scope| dataflows::build(scope, job, index as u32, &clocks, start.restored, snapshots, reports));
    let mut reader = Reader {
        worker,
        index,
        job: Arc::clone(job),
        shared: Arc::clone(shared),
        pace,
        input,
        clocks,
        sources: start.sources,
        published: start.published,
        epoch: start.first + 1,
        span: Span::default(),
    };
    reader.input.advance_to(reader.epoch);
    if let Err(failure) = reader.read_all() {
        reader.shared.fail(failure);
    }
    reader.input.close();
    while !shared.stopped() && worker.has_dataflows() {
        worker.step_or_park(Some(Duration::from_millis(5)));
    }
    if shared.stopped() {
        for dataflow in worker.installed_dataflows() {
            worker.drop_dataflow(dataflow);
        }
    }
}

impl Reader<'_> {
    fn read_all(&mut self) -> Result<(), Failure> {
        self.catch_up()?;
        loop {
            self.wait_for_room();
            if self.shared.stopped() {
                return Ok(());
            }
            if self.is_far_ahead() {
                self.idle();
                continue;
            }
            let (arrival, ended) = self.read_epoch(None)?;
            self.send(Arrival { last: ended, ..arrival });
            if ended {
                return Ok(());
            }
        }
    }

    /// Reads again what was published before, up to just there, and waits until all workers have.
    fn catch_up(&mut self) -> Result<(), Failure> {
        // One that has nothing to read again holds nobody back, from the start.
        self.tell_least();
        if self.published.is_empty() {
            self.shared.caught_up.fetch_add(1, Ordering::AcqRel);
        } else {
            while self.published.iter().any(|limit| !self.has_reached(limit)) {
                self.wait_for_room();
                if self.shared.stopped() {
                    return Ok(());
                }
                if self.is_far_ahead() {
                    self.idle();
                    continue;
                }
                let limits = std::mem::take(&mut self.published);
                let read = self.read_epoch(Some(&limits));
                self.published = limits;
                self.send(read?.0);
            }
            self.shared.replayed.fetch_max(self.epoch - 1, Ordering::AcqRel);
            self.shared.caught_up.fetch_add(1, Ordering::AcqRel);
        }
        let workers = u64::from(self.job.spread.workers);
        while self.shared.caught_up.load(Ordering::Acquire) < workers && !self.shared.stopped() {
            self.idle();
        }
        self.published.clear();
        while self.epoch <= self.shared.replayed.load(Ordering::Acquire) {
            self.send_nothing();
        }
        Ok(())
    }

    fn has_reached(&self, limit: &Place) -> bool {
        let clocks = self.clocks.borrow();
        let known = clocks.iter().find(|place| place.partition == limit.partition);
        known.is_none_or(|place| place.position.offset >= limit.position.offset && place.ended == limit.ended)
    }

    /// Steps the graph until the next epoch may begin.
    fn wait_for_room(&mut self) {
        while self.epoch > self.shared.written.load(Ordering::Acquire) + self.pace.epochs_in_flight && !self.shared.stopped() {
            self.worker.step_or_park(Some(Duration::from_micros(200)));
        }
    }

    /// Whether this worker reads far ahead of another one in event time; the other comes first then.
    fn is_far_ahead(&self) -> bool {
        let own = self.tell_least();
        let others = self.shared.least.iter().enumerate().filter(|(index, _)| *index != self.index);
        let others = others.map(|(_, least)| least.load(Ordering::Acquire)).min().unwrap_or(own);
        own != i64::MIN && others < own.saturating_sub(self.span.0.saturating_mul(8).max(1_000))
    }

    /// The least clock of the partitions that are still read: one that is where it has to get to holds nobody back.
    fn own_least(&self) -> i64 {
        let clocks = self.clocks.borrow();
        let is_short =
            |place: &Place, limit: &Place| limit.partition == place.partition && place.position.offset < limit.position.offset;
        let is_read = |place: &&Place| {
            !place.ended && (self.published.is_empty() || self.published.iter().any(|limit| is_short(place, limit)))
        };
        clocks.iter().filter(is_read).map(|place| place.clock.least(self.job.clock)).min().unwrap_or(i64::MAX)
    }

    /// Tells the other workers where this one's clocks are.
    fn tell_least(&self) -> i64 {
        let own = self.own_least();
        if let Some(least) = self.shared.least.get(self.index) {
            least.store(own, Ordering::Release);
        }
        own
    }

    /// Lets others go on, without holding their epochs back.
    fn idle(&mut self) {
        let ahead = self.shared.epochs.iter().map(|epoch| epoch.load(Ordering::Acquire)).max().unwrap_or(0);
        if self.epoch < ahead {
            self.send_nothing();
        } else {
            self.worker.step_or_park(Some(Duration::from_micros(100)));
        }
    }

    fn send_nothing(&mut self) {
        let places = self.places();
        self.send(Arrival { places, ..Arrival::default() });
    }

    fn places(&self) -> Vec<Place> {
        let before = self.clocks.borrow();
        let ended = |partition: u32| before.iter().any(|place| place.partition == partition && place.ended);
        let place = |(partition, source): &(u32, Box<dyn Source>)| Place {
            partition: *partition,
            position: source.position(),
            clock: crate::epoch::Clock::default(),
            ended: ended(*partition),
        };
        self.sources.iter().map(place).collect()
    }

    /// Reads an epoch's worth: first from the partition whose clock is least, then from those near it.
    fn read_epoch(&mut self, limits: Option<&[Place]>) -> Result<(Arrival, bool), Failure> {
        let mut order: Vec<(i64, usize)> = Vec::new();
        let limit_of = |partition: u32| limits.and_then(|limits| limits.iter().find(|place| place.partition == partition));
        for (at, (partition, source)) in self.sources.iter().enumerate() {
            // One that is where it has to get to must not hold the others back.
            let arrived =
                limits.is_some() && limit_of(*partition).is_none_or(|limit| source.position().offset >= limit.position.offset);
            let clocks = self.clocks.borrow();
            let place = clocks.iter().find(|place| place.partition == *partition);
            if !arrived && place.is_none_or(|place| !place.ended) {
                order.push((place.map_or(i64::MIN, |place| place.clock.least(self.job.clock)), at));
            }
        }
        order.sort_unstable();
        let near = order.first().map_or(i64::MIN, |(least, _)| least.saturating_add(self.span.0.saturating_mul(2)));
        order.retain(|(least, _)| *least <= near);
        let share = self.pace.epoch_bytes.checked_div(order.len()).unwrap_or(0).max(1);
        let mut batches = Vec::new();
        let mut ended_now = Vec::new();
        for (_, at) in &order {
            let Some((partition, source)) = self.sources.get_mut(*at) else { continue };
            let limit = limit_of(*partition);
            let mut batch = Batch::fresh();
            let more = source.read(&mut batch, share, limit.map(|limit| limit.position.offset))?;
            self.shared.bytes.fetch_add(batch.bytes.len() as u64, Ordering::Relaxed);
            if !more && limits.is_none() {
                ended_now.push(*partition);
            }
            batches.push((*partition, batch));
        }
        let mut places = self.places();
        for place in &mut places {
            let limit = limit_of(place.partition);
            let as_before = limit.is_some_and(|limit| limit.ended && place.position.offset >= limit.position.offset);
            place.ended |= ended_now.contains(&place.partition) || as_before;
        }
        let ended = places.iter().all(|place| place.ended);
        Ok((Arrival { batches, places, ..Arrival::default() }, ended))
    }

    /// Hands an epoch to the graph.
    fn send(&mut self, arrival: Arrival) {
        let before = self.own_least();
        self.input.send(arrival);
        self.epoch += 1;
        self.input.advance_to(self.epoch);
        if let Some(epoch) = self.shared.epochs.get(self.index) {
            epoch.store(self.epoch, Ordering::Release);
        }
        self.worker.step();
        let after = self.tell_least();
        self.span.moved(before, after);
    }
}
