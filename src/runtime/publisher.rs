//! The sinks' thread: puts the workers' parts of each epoch together, publishes them in order, commits, and
//! asks for snapshots.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::state::Event;
use super::worker::Shared;
use super::{Failure, complete};
use crate::dataflows::Report;
use crate::dataflows::ledger::{Closed, SnapshotPort};
use crate::epoch::Epoch;
use crate::sinks::tally::Progress;
use crate::sinks::{Sink, Topic};

/// When things are made durable.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Between commits.
    pub commit: Duration,
    /// Between snapshots.
    pub snapshot: Duration,
}

/// See the module's words.
pub(super) struct Publisher {
    pub(super) sink: Box<dyn Sink>,
    pub(super) shared: Arc<Shared>,
    pub(super) workers: u64,
    /// What everything amounts to so far.
    pub(super) progress: Progress,
    /// What was published before, where this is a resumption: to be met again exactly.
    pub(super) published: Option<Progress>,
    pub(super) intervals: Intervals,
    pub(super) epochs_in_flight: u64,
    pub(super) snapshots: SnapshotPort,
    /// Where commits at which a snapshot was asked for go.
    pub(super) committed: Option<Sender<Event>>,
    pub(super) on_progress: Box<dyn FnMut(&Progress) + Send>,
}

impl Publisher {
    /// Publishes everything that comes; gives what it amounts to when it is complete.
    pub(super) fn run(mut self, reports: &Receiver<Report>) -> Option<Progress> {
        let mut open: BTreeMap<Epoch, Vec<Closed>> = BTreeMap::new();
        let mut last_commit = Instant::now();
        let mut last_snapshot = Instant::now();
        while let Ok(report) = reports.recv() {
            open.entry(report.epoch).or_default().push(report.closed);
            while let Some(entry) = open.first_entry().filter(|entry| entry.get().len() as u64 == self.workers) {
                let (epoch, parts) = entry.remove_entry();
                match self.publish(epoch, parts) {
                    Ok(true) => return Some(self.progress),
                    Ok(false) => {}
                    Err(failure) => {
                        self.sink.abandon();
                        self.shared.fail(failure);
                        return None;
                    }
                }
                self.ask_for_snapshot(&mut last_snapshot);
            }
            if last_commit.elapsed() >= self.intervals.commit && self.is_caught_up() && !self.is_ending() {
                if let Err(failure) = self.commit(false) {
                    self.sink.abandon();
                    self.shared.fail(failure);
                    return None;
                }
                last_commit = Instant::now();
            }
        }
        None
    }

    /// Whether everything that was published before has been met again.
    const fn is_caught_up(&self) -> bool {
        self.published.is_none()
    }

    /// Whether everything was read and the last epoch is on its way. Such an epoch is no place to be resumed from: all that
    /// waited is applied in it and no timer has fired, which a run that cuts its epochs elsewhere never comes by.
    fn is_ending(&self) -> bool {
        let places = &self.progress.places;
        !places.is_empty() && places.iter().all(|place| place.ended)
    }

    /// Takes an epoch of which all parts are here; says whether it is the last.
    fn publish(&mut self, epoch: Epoch, parts: Vec<Closed>) -> Result<bool, Failure> {
        // What was published before lies in the epochs up to `replayed`; the first one behind it cannot begin
        // before all workers are there.
        let caught_up = self.shared.caught_up.load(Ordering::Acquire) == self.workers;
        if caught_up && self.progress.epoch >= self.shared.replayed.load(Ordering::Acquire) {
            self.compare()?;
        }
        let again = self.published.is_some();
        let mut last = false;
        for part in parts {
            self.progress.tally.add_counts(&part.tally);
            for lane in &part.lanes {
                self.progress.tally.add_blocks(&lane.blocks);
            }
            self.progress.move_places(part.places);
            self.progress.logical_time = self.progress.logical_time.max(part.logical_time);
            last = part.last;
            for lane in part.lanes {
                if !again {
                    self.sink.write(&lane.blocks)?;
                }
                lane.recycle();
            }
        }
        self.progress.epoch = epoch;
        (self.on_progress)(&self.progress);
        if last {
            self.commit(true)?;
        } else if self.snapshots.at.load(Ordering::Acquire) == epoch && !self.is_ending() {
            self.commit(false)?;
            if let Some(committed) = &self.committed {
                // The writer of snapshots is gone only when it has failed, which it says by itself.
                let _gone = committed.send(Event::Committed(Box::new(self.progress.clone())));
            }
        }
        self.shared.written.store(epoch, Ordering::Release);
        Ok(last)
    }

    /// Everything that was published before must have come out again, to the bit.
    fn compare(&mut self) -> Result<(), Failure> {
        let Some(before) = self.published.take() else { return Ok(()) };
        // Profiles along the way are no facts: how many there were may differ, what they end with may not.
        let facts = |progress: &Progress| {
            let mut tally = progress.tally.clone();
            tally.facts[Topic::Profiles as usize] = 0;
            tally
        };
        if facts(&before) == facts(&self.progress) && before.logical_time == self.progress.logical_time {
            return Ok(());
        }
        Err(Failure::Defect(format!(
            "a replay of what was published before gave something else, so nothing more is published.\n  published: {}\n  replayed:  {}\nKeep the state and output folders and report this.",
            serde_json::to_string(&before.tally).unwrap_or_default(),
            serde_json::to_string(&self.progress.tally).unwrap_or_default()
        )))
    }

    fn commit(&mut self, finished: bool) -> Result<(), Failure> {
        self.progress.finished = finished;
        if finished {
            complete(&self.progress)?;
        }
        self.sink.commit(&self.progress)?;
        Ok(())
    }

    /// Names the epoch of the next snapshot: one that no worker can have begun.
    fn ask_for_snapshot(&self, last: &mut Instant) {
        if self.committed.is_none() || last.elapsed() < self.intervals.snapshot || !self.is_caught_up() {
            return;
        }
        if self.snapshots.at.load(Ordering::Acquire) >= self.progress.epoch {
            return;
        }
        *last = Instant::now();
        self.snapshots.number.fetch_add(1, Ordering::AcqRel);
        self.snapshots.at.store(self.progress.epoch + self.epochs_in_flight + 1, Ordering::Release);
    }
}
