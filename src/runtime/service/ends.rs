//! How far each partition goes, asked again and again: who has read to a partition's end is told by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pipeline::spawn;
use super::topics::clusters;
use crate::brokers::{Brokers, End};
use crate::kafka::{Notice, TELL};
use crate::machine::Machine;
use crate::runtime::Failure;
use crate::sources::Partition;

/// An answer that is older than this says nothing any more (rule 0).
const FRESH: Duration = Duration::from_secs(2);
/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(100);

/// A partition whose end is to be kept fresh: its brokers, and what stands before its topic's name there.
pub(super) type Watched = (Partition, Arc<dyn Brokers>, String);

/// One partition that is asked for.
struct Mark {
    place: (String, u32),
    brokers: Arc<dyn Brokers>,
    end: AtomicU64,
    answered: Mutex<Option<Duration>>,
}

impl Mark {
    /// When its end was told last, by the time at which it was asked.
    fn answered(&self) -> Option<Duration> {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last stable offset of every partition, kept fresh by a thread of its own for each cluster.
pub(super) struct Watermarks {
    machine: Machine,
    marks: Vec<Mark>,
    stop: AtomicBool,
}

impl Watermarks {
    /// Begins to ask.
    pub(super) fn start(partitions: Vec<Watched>, machine: &Machine, notice: &Notice) -> Result<Arc<Self>, Failure> {
        let mark = |(partition, brokers, prefix): Watched| Mark {
            place: (format!("{prefix}{}", partition.topic), partition.number),
            brokers,
            end: AtomicU64::new(0),
            answered: Mutex::new(None),
        };
        let marks = partitions.into_iter().map(mark).collect();
        let all = Arc::new(Self { machine: machine.clone(), marks, stop: AtomicBool::new(false) });
        for cluster in clusters(all.marks.iter().map(|each| &each.brokers)) {
            let (asking, notice) = (Arc::clone(&all), Arc::clone(notice));
            spawn(machine, "watermarks", move || asking.ask_all(&cluster, &notice))?;
        }
        Ok(all)
    }

    fn ask_all(&self, cluster: &Arc<dyn Brokers>, notice: &Notice) {
        let marks: Vec<&Mark> = self.marks.iter().filter(|mark| Arc::ptr_eq(&mark.brokers, cluster)).collect();
        let begun = self.machine.now();
        let mut told = begun;
        while !self.stop.load(Ordering::Acquire) {
            for mark in &marks {
                let Err(error) = self.ask(mark) else { continue };
                // One leader of several may be away: each partition counts for itself, one line stands for all.
                let now = self.machine.now();
                let silent = now.saturating_sub(mark.answered().unwrap_or(begun));
                if silent >= TELL && now.saturating_sub(told) >= TELL {
                    told = now;
                    notice(&format!("waiting for Kafka at {} since {} s: {error:#}", cluster.address(), silent.as_secs()));
                }
            }
            self.machine.sleep(PAUSE);
        }
    }

    /// Asks for one.
    fn ask(&self, mark: &Mark) -> anyhow::Result<()> {
        if self.stop.load(Ordering::Acquire) {
            return Ok(());
        }
        let asked = self.machine.now();
        let found = mark.brokers.bounds(std::slice::from_ref(&mark.place), End::Stable)?;
        let (_, end) = found.get(&mark.place).copied().unwrap_or_default();
        mark.end.store(end, Ordering::Release);
        // What was true when it was asked.
        *mark.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(())
    }

    /// The last stable offset of a partition by its number, where that is known freshly.
    pub(super) fn end(&self, partition: usize) -> Option<u64> {
        let mark = self.marks.get(partition)?;
        mark.answered().filter(|at| self.machine.now() - *at < FRESH).map(|_| mark.end.load(Ordering::Acquire))
    }

    /// The last stable offset as it was answered last, however long ago.
    pub(super) fn last_known(&self, partition: usize) -> Option<u64> {
        let mark = self.marks.get(partition)?;
        mark.answered().map(|_| mark.end.load(Ordering::Acquire))
    }

    /// Asks no more.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}
