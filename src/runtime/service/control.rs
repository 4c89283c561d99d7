//! What the threads of a service share: how far each is, and why it has to end.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::dataflows::parcel::Read;
use crate::epoch::Epoch;
use crate::runtime::Failure;
use crate::sinks::tally::{Progress, Tally};

/// What all workers hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    pub(super) players: u64,
    /// Bytes of records that wait for their time.
    pub(super) buffered: u64,
    /// Bytes of the players.
    pub(super) state: u64,
}

/// What was seen since somebody looked.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) read: BTreeMap<u32, Read>,
    pub(super) dead: BTreeMap<(String, String), u64>,
}

/// See the module's words.
#[derive(Debug)]
pub(super) struct Control {
    stop: AtomicBool,
    failure: Mutex<Option<Failure>>,
    /// The last epoch that all sinks have taken.
    pub(super) taken: AtomicU64,
    /// The last epoch that is visible everywhere.
    pub(super) visible: AtomicU64,
    /// The last epoch that the ledgers have closed, and logical time after it.
    pub(super) closed: AtomicU64,
    logical_time: AtomicI64,
    /// Bytes of records that wait for their time.
    pub(super) buffered: AtomicU64,
    beats: Vec<AtomicU64>,
    busy: Vec<AtomicU64>,
    begun: Instant,
    /// What everything amounts to; and what is held, once an epoch has been closed.
    now: Mutex<(Progress, Option<Held>)>,
    /// What was read, and what became a dead letter, since somebody looked.
    seen: Mutex<Seen>,
    /// How long commits took, since somebody looked.
    commits: Mutex<Vec<Duration>>,
    visible_places: Mutex<Vec<(u32, u64)>>,
    /// Whether somebody asks for what was seen.
    watched: bool,
    /// What was visible before this process began: the process before it has counted that.
    before: Epoch,
    /// What that amounts to, as far as it has been read again since somebody looked.
    counted: Mutex<Option<Tally>>,
}

impl Control {
    /// What is shared by a service whose workers go on from `begun`, where everything up to the epoch `before` is visible.
    pub(super) fn new(workers: usize, begun: &Progress, before: Epoch) -> Self {
        let first = begun.epoch;
        Self {
            watched: true,
            before,
            counted: Mutex::new((first <= before).then(|| begun.tally.clone())),
            stop: AtomicBool::new(false),
            failure: Mutex::new(None),
            taken: AtomicU64::new(first),
            visible: AtomicU64::new(first),
            closed: AtomicU64::new(first),
            logical_time: AtomicI64::new(begun.logical_time.unwrap_or(i64::MIN)),
            buffered: AtomicU64::new(0),
            beats: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            busy: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            begun: Instant::now(),
            now: Mutex::new((begun.clone(), None)),
            seen: Mutex::new(Seen::default()),
            commits: Mutex::new(Vec::new()),
            visible_places: Mutex::new(Vec::new()),
        }
    }

    /// Ends the process; the first reason stands.
    pub(super) fn fail(&self, failure: Failure) {
        if let Ok(mut slot) = self.failure.lock() {
            slot.get_or_insert(failure);
        }
        self.stop.store(true, Ordering::Release);
    }

    /// Ends everything without a reason: the work is done.
    pub(super) fn end(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Why it had to end, where there is a reason.
    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().ok().and_then(|mut slot| slot.take())
    }

    /// A worker's loop came round.
    pub(super) fn beat(&self, worker: usize) {
        if let Some(beat) = self.beats.get(worker) {
            beat.store(self.begun.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// A worker worked so long.
    pub(super) fn worked(&self, worker: usize, took: Duration) {
        if let Some(busy) = self.busy.get(worker) {
            busy.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
        }
    }

    /// Microseconds that each worker has worked.
    pub(super) fn busy(&self) -> Vec<u64> {
        self.busy.iter().map(|busy| busy.load(Ordering::Relaxed)).collect()
    }

    /// How long ago a worker's loop came round.
    pub(super) fn beat_age(&self, worker: usize) -> Duration {
        let now = self.begun.elapsed().as_millis() as u64;
        let last = self.beats.get(worker).map_or(now, |beat| beat.load(Ordering::Relaxed));
        Duration::from_millis(now.saturating_sub(last))
    }

    /// Where partitions stand by what is visible.
    pub(super) fn visible_places(&self) -> Vec<(u32, u64)> {
        self.visible_places.lock().map(|places| places.clone()).unwrap_or_default()
    }

    /// An epoch was closed.
    pub(super) fn tell(&self, progress: &Progress, held: Held) {
        self.buffered.store(held.buffered, Ordering::Relaxed);
        if let (Ok(mut now), Ok(mut counted)) = (self.now.lock(), self.counted.lock()) {
            now.0.clone_from(progress);
            now.1 = Some(held);
            if progress.epoch <= self.before {
                *counted = Some(progress.tally.clone());
            }
        }
        self.logical_time.store(progress.logical_time.unwrap_or(i64::MIN), Ordering::Release);
        self.closed.store(progress.epoch, Ordering::Release);
    }

    /// Nobody will ask what was seen and how long commits took.
    pub(super) const fn unwatched(mut self) -> Self {
        self.watched = false;
        self
    }

    /// What was read, and what became a dead letter.
    pub(super) fn seen(&self, read: Vec<Read>, dead: BTreeMap<(String, String), u64>) {
        if self.watched
            && let Ok(mut seen) = self.seen.lock()
        {
            for part in read {
                let known = seen.read.entry(part.partition).or_default();
                known.records += part.records;
                known.late += part.late;
                known.delays.extend(part.delays);
            }
            for (key, count) in dead {
                *seen.dead.entry(key).or_default() += count;
            }
        }
    }

    /// What was seen since the last question.
    pub(super) fn take_seen(&self) -> Seen {
        self.seen.lock().map(|mut seen| std::mem::take(&mut *seen)).unwrap_or_default()
    }

    /// What everything amounts to; what is held, once an epoch has been closed; and what another process has
    /// counted, where that has become known since the last question.
    pub(super) fn now(&self) -> (Progress, Option<Held>, Option<Tally>) {
        let (Ok(now), Ok(mut counted)) = (self.now.lock(), self.counted.lock()) else { return Default::default() };
        (now.0.clone(), now.1, counted.take())
    }

    pub(super) fn logical_time(&self) -> Option<i64> {
        let at = self.logical_time.load(Ordering::Acquire);
        (at != i64::MIN).then_some(at)
    }

    /// A commit became visible.
    pub(super) fn committed(&self, epoch: Epoch, took: Duration, places: Vec<(u32, u64)>) {
        if let Ok(mut known) = self.visible_places.lock() {
            *known = places;
        }
        self.visible.store(epoch, Ordering::Release);
        if self.watched
            && let Ok(mut commits) = self.commits.lock()
        {
            commits.push(took);
        }
    }

    /// How long the commits since the last question took.
    pub(super) fn take_commits(&self) -> Vec<Duration> {
        self.commits.lock().map(|mut commits| std::mem::take(&mut *commits)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_has_counted_is_known_before_anything_is_read() {
        let mut begun = Progress { epoch: 7, ..Progress::default() };
        begun.tally.points.accrued = 5;
        let counted = |before: Epoch| {
            let (progress, held, counted) = Control::new(1, &begun, before).now();
            assert_eq!((progress.epoch, held.is_none()), (7, true));
            counted.map(|tally| tally.points.accrued)
        };
        assert_eq!(counted(7), Some(5));
        assert_eq!(counted(9), Some(5));
        assert_eq!(counted(0), None, "nothing of it is visible");
    }
}
