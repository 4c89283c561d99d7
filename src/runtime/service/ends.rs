//! How far each partition goes, asked again and again: who has read to a partition's end is told by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pipeline::spawn;
use super::topics::clusters;
use crate::brokers::{Brokers, End};
use crate::kafka::{NEW_JOB, Notice, TELL};
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
    fn look(&self) -> anyhow::Result<u64> {
        let found = self.brokers.bounds(std::slice::from_ref(&self.place), End::Stable)?;
        Ok(found.get(&self.place).map_or(0, |(_, end)| *end))
    }

    /// When its end was told last, by the time at which it was asked.
    fn answered(&self) -> Option<Duration> {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an end says that lies before the one of before: in a topic that goes on it never goes back. It is asked for
/// again, because a leader that is none any more may answer once.
fn went_back(
    (topic, partition): &(String, u32),
    address: &str,
    before: u64,
    end: u64,
    again: impl FnOnce() -> anyhow::Result<u64>,
) -> anyhow::Result<Option<String>> {
    if end >= before || again()? >= before {
        return Ok(None);
    }
    Ok(Some(format!(
        "topic {topic}, partition {partition} at {address}: it ends at offset {end} and ended at {before} before: it was deleted and \
         made anew, or its last records are lost. Nothing is skipped: restore the topic, or {NEW_JOB}"
    )))
}

/// The last stable offset of every partition, kept fresh by a thread of its own for each cluster.
pub(super) struct Watermarks {
    machine: Machine,
    marks: Vec<Mark>,
    stop: AtomicBool,
    /// What says that a topic is not the one that was read.
    lost: Mutex<Option<String>>,
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
        let all = Arc::new(Self { machine: machine.clone(), marks, stop: AtomicBool::new(false), lost: Mutex::default() });
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
        // Since when they are silent, where people were told.
        let mut awaited = None;
        while !self.stop.load(Ordering::Acquire) {
            let mut silent_ones = 0;
            for mark in &marks {
                let Err(error) = self.ask(mark) else { continue };
                silent_ones += 1;
                // One leader of several may be away: each partition counts for itself, one line stands for all.
                let now = self.machine.now();
                let silent = now.saturating_sub(mark.answered().unwrap_or(begun));
                if silent >= TELL && now.saturating_sub(told) >= TELL {
                    told = now;
                    awaited.get_or_insert_with(|| now.saturating_sub(silent));
                    notice(&format!("waiting for Kafka at {} since {} s: {error:#}", cluster.address(), silent.as_secs()));
                }
            }
            if silent_ones == 0
                && !self.stop.load(Ordering::Acquire)
                && let Some(since) = awaited.take()
            {
                let seconds = self.machine.now().saturating_sub(since).as_secs();
                notice(&format!("Kafka at {} answers again, after {seconds} s", cluster.address()));
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
        let end = mark.look()?;
        let before = mark.end.load(Ordering::Acquire);
        if let Some(what) = went_back(&mark.place, mark.brokers.address(), before, end, || mark.look())? {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
        }
        mark.end.store(end, Ordering::Release);
        // What was true when it was asked.
        *mark.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(())
    }

    /// What was seen that says that a topic was made anew, or lost records, in words.
    pub(super) fn lost(&self) -> Option<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_goes_back_twice_says_that_the_topic_is_another_one() {
        let place = ("bets.v1".to_owned(), 3);
        let said = |before, end, again: u64| went_back(&place, "k1:9092", before, end, || Ok(again)).unwrap();
        assert_eq!(said(5, 5, 0), None);
        assert_eq!(said(5, 9, 0), None);
        assert_eq!(said(9, 5, 9), None, "a leader of before has answered once");
        let told = said(9, 0, 3).unwrap();
        assert!(told.contains("topic bets.v1, partition 3 at k1:9092: it ends at offset 0 and ended at 9 before"), "{told}");
        assert!(told.contains("made anew") && told.contains(NEW_JOB), "{told}");
    }
}
