//! Cuts epochs: says when one begins, learns where it ends, and has that bound.

mod news;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

pub(super) use self::news::NewsSource;

use super::Control;
use super::binder;
use super::ends::Watermarks;
use super::pipeline::Pipeline;
use super::room::{Room, Waiting, Wall};
use super::same::{other_records, totals};
use super::wall::WallClock;
use super::worker::{Cut, Opening, Way};
use crate::dataflows::ledger::SnapshotPort;
use crate::epoch::Epoch;
use crate::journal::Bound;
use crate::machine::{Defect, Machine};
use crate::runtime::Failure;
use crate::runtime::state::Beside;
use crate::sources::reference::Book;
use crate::sources::{Batch, Partition};
use tidemark_domain::defect::Defects;

/// The first time that a drain finds nothing, it looks again after twice this.
const FIRST_PAUSE: Duration = Duration::from_micros(500);

/// How epochs are cut.
#[derive(Default)]
pub(super) struct Cutting {
    /// None in mode `events`.
    pub(super) clock: Option<WallClock>,
    /// How far a record may be behind the clock of its partition before it is late, in ms.
    pub(super) ordering_delay_ms: i64,
    pub(super) bytes: usize,
    pub(super) interval: Duration,
    pub(super) snapshot_interval: Duration,
    /// Where a drain ends, by partition.
    pub(super) drain: Option<Arc<Vec<u64>>>,
    pub(super) marks: Option<Arc<Watermarks>>,
    /// Partitions that no binding names, or that are read on after a drain: their offset.
    pub(super) taken_in: Vec<(u32, u64)>,
    /// The first revision, where the first epoch is still to be bound.
    pub(super) programme: Vec<(String, String)>,
    /// Set when the process is asked to end.
    pub(super) asked_to_stop: Arc<AtomicBool>,
    /// Set when a topic of the input has got more partitions.
    pub(super) changed: Arc<AtomicBool>,
}

/// See the module's words.
pub(super) struct Coordinator {
    machine: Machine,
    control: Arc<Control>,
    partitions: Vec<Partition>,
    openings: Vec<Way>,
    cuts: Receiver<Cut>,
    binder: Option<Sender<binder::Message>>,
    snapshots: SnapshotPort,
    beside: Arc<Beside>,
    book: Book,
    defects: Defects,
    news: Vec<NewsSource>,
    epoch: Epoch,
    last_now: i64,
    room: Room,
    /// How many snapshots were asked for.
    asked: u64,
    cutting: Cutting,
}

/// How a service's reading ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// A drain is complete.
    Drained,
    /// Somebody asked for it, and a snapshot was written.
    Asked,
    /// Somebody asked for it before what was bound was read again.
    AskedEarly,
    /// A topic has got more partitions, and a snapshot was written: the next start takes them in.
    Changed,
    /// Something went wrong; the reason stands elsewhere.
    Failed,
}

impl Coordinator {
    /// A coordinator of a pipeline; it begins with the epoch after that of the pipeline's state.
    pub(super) fn new(pipeline: Pipeline, book: Book, defects: Defects, last_now: Option<i64>, cutting: Cutting) -> Self {
        Self {
            machine: pipeline.machine,
            control: pipeline.control,
            partitions: pipeline.partitions,
            openings: pipeline.openings,
            cuts: pipeline.cuts,
            binder: pipeline.binder,
            snapshots: pipeline.snapshots,
            beside: pipeline.beside,
            book,
            defects,
            news: pipeline.news,
            epoch: pipeline.first,
            last_now: last_now.unwrap_or(i64::MIN),
            room: Room::new(pipeline.in_flight, cutting.bytes),
            asked: 0,
            cutting,
        }
    }

    /// The end of a replay whose bindings do not end with one (rule 17).
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.epoch += 1;
        let now = (self.last_now != i64::MIN).then_some(self.last_now);
        let extra = self.news.iter().map(|each| (each.number, Batch::default(), each.source.position().offset, true)).collect();
        let at_end = (0..self.partitions.len() as u32).collect();
        self.open(Opening { epoch: self.epoch, now, bound: Some(Vec::new()), at_end, extra, last: true, ..Opening::default() })?;
        self.wait_until_closed(self.epoch);
        Ok(())
    }

    /// Reads again what was bound before; false where it was asked to end on the way. Then there can be no
    /// snapshot: it would lie within what was published together.
    pub(super) fn replay(&mut self, bounds: Vec<Bound>) -> Result<bool, Failure> {
        for bound in bounds {
            if self.control.stopped() || self.cutting.asked_to_stop.load(Ordering::Acquire) {
                return Ok(false);
            }
            self.epoch = bound.epoch;
            self.last_now = self.last_now.max(bound.now.unwrap_or(i64::MIN));
            let (news, extra) = self.news_again(&bound)?;
            let (count, input) = totals(extra.iter().map(|(number, batch, ..)| (*number, batch)), &self.partitions);
            let opening = Opening {
                epoch: bound.epoch,
                now: self.again_now(&bound),
                bound: Some(self.again_ends(&bound)),
                at_end: bound.at_end.clone(),
                taken_in: bound.taken_in.clone(),
                news,
                extra,
                last: bound.finish,
                ..Opening::default()
            };
            let cuts = self.open(opening)?;
            let count = count + cuts.iter().map(|cut| cut.count).sum::<u64>();
            let input = cuts.iter().fold(input, |sum, cut| sum.wrapping_add(cut.input));
            if (count, input) != (bound.count, bound.input) && !self.control.stopped() {
                return Err(other_records(&bound, count));
            }
        }
        Ok(true)
    }

    fn again_now(&self, bound: &Bound) -> Option<i64> {
        if self.machine.has(Defect::NowIsNew) { bound.now.map(|_| self.machine.wall_ms()) } else { bound.now }
    }

    fn again_ends(&self, bound: &Bound) -> Vec<(u32, u64)> {
        let early = u64::from(self.machine.has(Defect::EndsOneEarly));
        bound.ends.iter().map(|(number, end)| (*number, end - early.min(*end))).collect()
    }

    /// The number of the next epoch.
    pub(super) const fn next(&self) -> Epoch {
        self.epoch + 1
    }

    /// Waits until everything so far is visible.
    pub(super) fn settle(&self) {
        while self.control.visible.load(Ordering::Acquire) < self.epoch && !self.control.stopped() {
            self.machine.sleep(Duration::from_millis(2));
        }
    }

    /// Reads on until there is an end.
    pub(super) fn live(&mut self) -> Result<Ended, Failure> {
        let mut last_snapshot = self.machine.now();
        let mut first = true;
        let mut waiting = Waiting::new(self.machine.is_simulated().then_some(self.epoch));
        let mut least = i64::MIN;
        let mut idle = 0_u32;
        loop {
            if self.control.stopped() {
                return Ok(Ended::Failed);
            }
            let changed = self.cutting.changed.load(Ordering::Acquire);
            let asked = changed || self.cutting.asked_to_stop.load(Ordering::Acquire);
            let begun = self.machine.now();
            let wall = self.wall();
            let near = waiting.near(self.control.buffered.load(Ordering::Relaxed), least, wall);
            let opening = Opening {
                bytes: if asked { 0 } else { (self.cutting.bytes / self.openings.len().max(1)).max(1) },
                near,
                drain: self.cutting.drain.clone(),
                ..Opening::default()
            };
            if asked {
                self.ask_for_last_snapshot();
            } else if self.machine.now() - last_snapshot >= self.cutting.snapshot_interval && self.ask_for_snapshot() {
                last_snapshot = self.machine.now();
            }
            let cut = self.cut(opening, std::mem::take(&mut first))?;
            if asked {
                let ended = self.wait_for_snapshot(Ended::Asked)?;
                let stop = self.cutting.asked_to_stop.load(Ordering::Acquire);
                return Ok(if changed && !stop && ended != Ended::Failed { Ended::Changed } else { ended });
            }
            let moves = cut.read || cut.least > least;
            waiting.moved(least, cut.least);
            least = cut.least;
            if cut.drained {
                return self.finish();
            }
            // Those that wait for time are asked again as soon as the others have moved it, unless it stands at the wall clock.
            let waits = cut.waiting && moves && wall.is_none_or(|wall| least < wall.limit);
            let goes_on = cut.full || waits || wall.is_some_and(|wall| wall.is_stepping(least));
            idle = if goes_on { 0 } else { (idle + 1).min(8) };
            if idle > 0 {
                // A drain knows that more is there: it looks again soon, then less often.
                let wait = if self.cutting.drain.is_some() { FIRST_PAUSE * (1 << idle) } else { self.cutting.interval };
                self.pause(begun, wait.min(self.cutting.interval));
            }
        }
    }

    /// What the wall clock holds back, in mode `wall`.
    fn wall(&self) -> Option<Wall> {
        self.cutting.clock.as_ref()?;
        let limit = self.last_now.saturating_sub(self.cutting.ordering_delay_ms);
        Some(Wall { limit, logical: self.control.logical_time().unwrap_or(i64::MIN) })
    }

    /// Ends a drain: partitions count as ended, everybody is looked at, then a snapshot.
    fn finish(&mut self) -> Result<Ended, Failure> {
        let opening = Opening { last: true, drain: self.cutting.drain.clone(), ..Opening::default() };
        self.cut(opening, false)?;
        self.ask_for_last_snapshot();
        self.cut(Opening { drain: self.cutting.drain.clone(), ..Opening::default() }, false)?;
        self.wait_for_snapshot(Ended::Drained)
    }

    /// Until it is time for the next epoch.
    fn pause(&self, begun: Duration, wait: Duration) {
        let ends = || self.control.stopped() || self.cutting.asked_to_stop.load(Ordering::Acquire);
        while let Some(left) = wait.checked_sub(self.machine.now() - begun).filter(|left| !left.is_zero() && !ends()) {
            self.machine.sleep(left.min(Duration::from_millis(10)));
        }
    }

    /// Has a snapshot taken after the next epoch; false while the one before is still being written.
    fn ask_for_snapshot(&mut self) -> bool {
        let Some(written) = self.beside.written.lock().ok().map(|written| *written) else { return false };
        if written.count < self.asked {
            return false;
        }
        self.asked += 1;
        let number = self.snapshots.number.load(Ordering::Acquire);
        // One that follows a failure needs none before it.
        let next = if written.failed { 1 } else { number + 1 };
        self.snapshots.number.store(next, Ordering::Release);
        self.snapshots.at.store(self.epoch + 1, Ordering::Release);
        true
    }

    /// Has one taken after the next epoch, once the one before is written.
    fn ask_for_last_snapshot(&mut self) {
        self.snapshots.last.store(true, Ordering::Release);
        while !self.ask_for_snapshot() && !self.control.stopped() {
            self.machine.sleep(Duration::from_millis(1));
        }
    }

    fn wait_for_snapshot(&self, ended: Ended) -> Result<Ended, Failure> {
        let written = || self.beside.written.lock().map(|written| *written).unwrap_or_default();
        while written().epoch < self.epoch {
            if self.control.stopped() {
                return Ok(Ended::Failed);
            }
            if written().count >= self.asked {
                // It could not be written, which was told: the ones before it stand.
                return Ok(if ended == Ended::Asked { Ended::AskedEarly } else { ended });
            }
            self.machine.sleep(Duration::from_millis(2));
        }
        Ok(ended)
    }

    /// Cuts one epoch and has it bound.
    fn cut(&mut self, mut opening: Opening, first: bool) -> Result<Whole, Failure> {
        self.epoch += 1;
        let now = self.cutting.clock.as_mut().map(|clock| clock.stamp(self.last_now));
        self.last_now = now.unwrap_or(self.last_now);
        opening.epoch = self.epoch;
        opening.now = now;
        let mut bound = Bound { epoch: self.epoch, now, finish: opening.last, ..Bound::default() };
        bound.programme = std::mem::take(&mut self.cutting.programme);
        if !self.cutting.taken_in.is_empty() {
            self.wait_until_closed(self.epoch - 1);
            let since = self.control.logical_time();
            bound.taken_in =
                std::mem::take(&mut self.cutting.taken_in).into_iter().map(|(number, offset)| (number, offset, since)).collect();
            opening.taken_in.clone_from(&bound.taken_in);
        }
        self.read_news(first, &mut opening, &mut bound)?;
        let extra: Vec<_> = opening.extra.iter().map(|(number, _, offset, end)| (*number, *offset, *end)).collect();
        let drained_news = extra.iter().all(|(.., end)| *end);
        bound.at_end.extend(extra.iter().filter(|(.., end)| *end).map(|(number, ..)| *number));
        let cuts = self.open(opening)?;
        if cuts.len() < self.openings.len() {
            // The process ends: where the epoch ended is not known, so it is not bound.
            return Ok(Whole::default());
        }
        let drained = drained_news && self.cutting.drain.is_some();
        let mut whole = Whole { drained, least: i64::MAX, ..Whole::default() };
        let mut at_end = extra.len();
        for cut in cuts {
            bound.ends.extend(cut.ends);
            bound.lasts.extend(cut.lasts);
            at_end += cut.at_end.len();
            bound.at_end.extend(cut.at_end);
            bound.count += cut.count;
            bound.input = bound.input.wrapping_add(cut.input);
            whole.full |= cut.full;
            whole.waiting |= cut.waiting;
            whole.read |= cut.count > 0;
            whole.least = whole.least.min(cut.least);
        }
        whole.drained &= at_end == self.partitions.len();
        bound.ends.sort_unstable();
        bound.at_end.sort_unstable();
        self.machine.pass("epoch.cut");
        let quiet = self.machine.has(Defect::QuietUnbound) && bound.count == 0 && !bound.finish;
        if let Some(binder) = self.binder.as_ref().filter(|_| !quiet) {
            // The binder is gone only when it has said why.
            let _gone = binder.send(binder::Message::Cut(Box::new(bound)));
        }
        Ok(whole)
    }

    /// Until the ledgers have closed an epoch: logical time after it is known then.
    fn wait_until_closed(&self, epoch: Epoch) {
        while self.control.closed.load(Ordering::Acquire) < epoch && !self.control.stopped() {
            self.machine.sleep(Duration::from_micros(200));
        }
    }

    /// Has the workers read for an epoch, once there is room for it.
    fn open(&mut self, mut opening: Opening) -> Result<Vec<Cut>, Failure> {
        if let Some(lost) = self.cutting.marks.as_ref().and_then(|marks| marks.lost()) {
            return Err(Failure::Failed(anyhow::anyhow!(lost)));
        }
        let epoch = opening.epoch;
        while !self.room.is_free(self.control.taken.load(Ordering::Acquire)) {
            if self.control.stopped() {
                return Ok(Vec::new());
            }
            self.machine.sleep(Duration::from_micros(200));
        }
        // The topics of rates and rulebooks are the first worker's.
        let mut extra = std::mem::take(&mut opening.extra);
        for worker in &self.openings {
            worker.open(Opening { extra: std::mem::take(&mut extra), ..opening.clone() });
        }
        let mut cuts = Vec::new();
        while cuts.len() < self.openings.len() {
            match self.machine.receive_within(&self.cuts, Duration::from_millis(100)) {
                Ok(cut) => cuts.push(cut),
                Err(RecvTimeoutError::Timeout) if !self.control.stopped() => {}
                Err(_) => return Ok(Vec::new()),
            }
        }
        self.room.add(epoch, cuts.iter().map(|cut| cut.bytes).sum());
        Ok(cuts)
    }
}

/// What an epoch came to.
#[derive(Default)]
struct Whole {
    full: bool,
    waiting: bool,
    read: bool,
    drained: bool,
    least: i64,
}
