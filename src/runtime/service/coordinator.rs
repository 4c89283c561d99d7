//! Cuts epochs: says when one begins, learns where it ends, and has that bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use super::Control;
use super::binder;
use super::ends::Watermarks;
use super::history::take;
use super::pipeline::Pipeline;
use super::room::Room;
use super::same::{other_records, totals};
use super::wall::WallClock;
use super::worker::{Cut, Extra, Opening, Way};
use crate::dataflows::ledger::SnapshotPort;
use crate::epoch::Epoch;
use crate::hex;
use crate::journal::{Bound, News};
use crate::machine::{Defect, Machine};
use crate::runtime::Failure;
use crate::runtime::state::Beside;
use crate::sources::reference::{self, Book, Reference};
use crate::sources::{Batch, Oversize, Partition, Source};
use tidemark_domain::defect::Defects;

/// The first time that a drain finds nothing, it looks again after twice this.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
/// While more than this waits for its time, only partitions are read that hold time back.
const BUFFER_BYTES_MAX: u64 = 64 << 20;

/// A topic's partition that holds rates or rulebooks; the coordinator reads it.
pub(super) struct NewsSource {
    pub(super) number: u32,
    pub(super) source: Box<dyn Source>,
    /// Up to here it is read before anything else.
    pub(super) first: u64,
    /// Whether it has been taken in.
    pub(super) active: bool,
}

/// What became known with an epoch, and the records that said so: partition, records, offset, whether that is its end.
type Again = (Option<Arc<Reference>>, Vec<Extra>);

/// How epochs are cut.
#[derive(Default)]
pub(super) struct Cutting {
    /// None in mode `events`.
    pub(super) clock: Option<WallClock>,
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

    /// What became known with an epoch that was bound before, and the records that said so.
    fn news_again(&mut self, bound: &Bound) -> Result<Again, Failure> {
        let mut found = std::collections::BTreeMap::new();
        let mut extra = Vec::new();
        for each in &mut self.news {
            let Some(partition) = self.partitions.get(each.number as usize) else { continue };
            let mut batch = Batch::default();
            for news in &bound.news {
                if news.topic == partition.topic && news.partition == partition.number {
                    put(&mut batch, news);
                    if let Some(verdict) = take(&mut self.book, news) {
                        self.beside.learn(bound.epoch, news, &verdict);
                        found.insert((each.number, news.offset), verdict);
                    }
                }
            }
            each.active |= bound.taken_in.iter().any(|(number, ..)| *number == each.number);
            if !each.active {
                continue;
            }
            let begun = bound.taken_in.iter().map(|(number, offset, _)| (*number, *offset));
            for (_, offset) in begun.chain(bound.ends.iter().copied()).filter(|(number, _)| *number == each.number) {
                // The records of a compacted topic may be gone: they stand in the binding, the source only goes on behind them.
                each.source.seek(crate::epoch::Position { offset, byte: 0 })?;
            }
            extra.push((each.number, batch, each.source.position().offset, bound.at_end.contains(&each.number)));
        }
        let news = (!found.is_empty()).then(|| self.reference(found));
        Ok((news, extra))
    }

    fn reference(&self, found: std::collections::BTreeMap<(u32, u64), reference::Found>) -> Arc<Reference> {
        let mut rules = self.book.rules();
        rules.defects = self.defects;
        Arc::new(Reference { rules, found })
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
        let mut holding = false;
        let mut least = i64::MIN;
        let mut idle = 0_u32;
        loop {
            if self.control.stopped() {
                return Ok(Ended::Failed);
            }
            let changed = self.cutting.changed.load(Ordering::Acquire);
            let asked = changed || self.cutting.asked_to_stop.load(Ordering::Acquire);
            let begun = self.machine.now();
            let buffered = self.control.buffered.load(Ordering::Relaxed);
            holding = buffered > if holding { BUFFER_BYTES_MAX / 2 } else { BUFFER_BYTES_MAX };
            let opening = Opening {
                bytes: if asked { 0 } else { (self.cutting.bytes / self.openings.len().max(1)).max(1) },
                near: if holding { least } else { i64::MAX },
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
            least = cut.least;
            if cut.drained {
                return self.finish();
            }
            idle = if cut.full { 0 } else { (idle + 1).min(8) };
            if idle > 0 {
                // A drain knows that more is there: it looks again soon, then less often.
                let wait = if self.cutting.drain.is_some() { FIRST_PAUSE * (1 << idle) } else { self.cutting.interval };
                self.pause(begun, wait.min(self.cutting.interval));
            }
        }
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
        let mut whole = Whole { full: false, drained: drained_news && self.cutting.drain.is_some(), least: i64::MAX };
        let mut at_end = extra.len();
        for cut in cuts {
            bound.ends.extend(cut.ends);
            bound.lasts.extend(cut.lasts);
            at_end += cut.at_end.len();
            bound.at_end.extend(cut.at_end);
            bound.count += cut.count;
            bound.input = bound.input.wrapping_add(cut.input);
            whole.full |= cut.full;
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

    /// Reads what became known of rates and rulebooks; before the first epoch, all that is there.
    fn read_news(&mut self, first: bool, opening: &mut Opening, bound: &mut Bound) -> Result<(), Failure> {
        for each in &mut self.news {
            if let Some((_, offset, _)) = bound.taken_in.iter().find(|(number, ..)| *number == each.number) {
                each.active = true;
                each.source.seek(crate::epoch::Position { offset: *offset, byte: 0 })?;
            }
            let before = each.source.position().offset;
            let mut batch = Batch::default();
            let limit = self.cutting.drain.as_ref().and_then(|ends| ends.get(each.number as usize).copied());
            while first && each.source.position().offset < each.first && !self.control.stopped() {
                each.source.read(&mut batch, 1 << 20, Some(each.first))?;
            }
            if limit.is_none() {
                each.source.read(&mut batch, 1 << 18, None)?;
            }
            let position = each.source.position().offset;
            if position != before {
                bound.ends.push((each.number, position));
            }
            let end = match limit {
                Some(limit) => position >= limit,
                None => self
                    .cutting
                    .marks
                    .as_ref()
                    .and_then(|marks| marks.end(each.number as usize))
                    .is_some_and(|end| position >= end),
            };
            opening.extra.push((each.number, batch, position, end));
        }
        let read = opening.extra.iter().map(|(number, batch, ..)| (*number, batch));
        (bound.count, bound.input) = totals(read, &self.partitions);
        if bound.count > 0 {
            opening.news = Some(self.learn(&opening.extra, bound));
        }
        Ok(())
    }

    fn learn(&mut self, extra: &[Extra], bound: &mut Bound) -> Arc<Reference> {
        let mut found = std::collections::BTreeMap::new();
        for (number, batch, ..) in extra {
            let Some(partition) = self.partitions.get(*number as usize).cloned() else { continue };
            for record in &batch.records {
                let bytes = match &record.oversize {
                    Some(oversize) => oversize.head.as_slice(),
                    None => batch.bytes.get(record.start..record.end).unwrap_or(&[]),
                };
                let mut news = News::of(&partition.topic, partition.number, record.offset, bytes);
                news.cut = record.oversize.as_ref().map(|oversize| (oversize.bytes, hex::of(&oversize.sha256)));
                if partition.topic == reference::RULEBOOKS {
                    // A revision is in force from logical time on: that of all that came before it.
                    self.wait_until_closed(self.epoch - 1);
                    news.since = self.control.logical_time();
                }
                if let Some(verdict) = take(&mut self.book, &news) {
                    self.beside.learn(self.epoch, &news, &verdict);
                    found.insert((*number, record.offset), verdict);
                }
                bound.news.push(news);
            }
        }
        self.reference(found)
    }

    /// Until the ledgers have closed an epoch: logical time after it is known then.
    fn wait_until_closed(&self, epoch: Epoch) {
        while self.control.closed.load(Ordering::Acquire) < epoch && !self.control.stopped() {
            self.machine.sleep(Duration::from_micros(200));
        }
    }

    /// Has the workers read for an epoch, once there is room for it.
    fn open(&mut self, mut opening: Opening) -> Result<Vec<Cut>, Failure> {
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
    drained: bool,
    least: i64,
}

/// Puts a record that was bound back into a batch, as it was read.
fn put(batch: &mut Batch, news: &News) {
    let Some((bytes, sha256)) = &news.cut else { return batch.push(news.offset, &news.bytes()) };
    let digit = |at: usize| sha256.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = digit(at);
    }
    batch.push_oversize(news.offset, Oversize { head: news.bytes(), bytes: *bytes, sha256: hash });
}
