//! How far each partition goes, asked again and again: who has read to a partition's end is told by it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;

use crate::kafka::{self, Cluster, Notice, Silence};
use crate::sources::{Error, Partition};

/// An answer that is older than this says nothing any more (rule 0).
const FRESH: Duration = Duration::from_secs(2);
/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one question may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One partition that is asked for.
#[derive(Debug)]
struct Watched {
    partition: Partition,
    cluster: Arc<Cluster>,
    prefix: String,
    end: AtomicU64,
    answered: Mutex<Option<Instant>>,
}

/// The last stable offset of every partition, kept fresh by a thread of its own.
#[derive(Debug)]
pub struct Watermarks {
    watched: Vec<Watched>,
    stop: AtomicBool,
}

impl Watermarks {
    /// Begins to ask.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn start(partitions: Vec<(Partition, Arc<Cluster>, String)>, notice: &Notice) -> Result<Arc<Self>, Error> {
        let watched = partitions.into_iter().map(|(partition, cluster, prefix)| Watched {
            partition,
            cluster,
            prefix,
            end: AtomicU64::new(0),
            answered: Mutex::new(None),
        });
        let marks = Arc::new(Self { watched: watched.collect(), stop: AtomicBool::new(false) });
        let mut clusters: Vec<Arc<Cluster>> = Vec::new();
        for each in &marks.watched {
            if !clusters.contains(&each.cluster) {
                clusters.push(Arc::clone(&each.cluster));
            }
        }
        for cluster in clusters {
            let inspector = kafka::inspector(&*cluster).map_err(|cause| Error::Kafka(cause.to_string()))?;
            let (marks, notice) = (Arc::clone(&marks), Arc::clone(notice));
            let ask = move || {
                let mut silence = Silence::default();
                while !marks.stop.load(Ordering::Acquire) {
                    for each in marks.watched.iter().filter(|each| each.cluster == cluster) {
                        let answered = marks.ask(each, &inspector);
                        if answered {
                            silence.broken();
                        } else if let Some(seconds) = silence.lasts() {
                            let why = inspector.client().context().last_error().map(|why| format!(": {why}")).unwrap_or_default();
                            notice(&format!("waiting for Kafka at {} since {seconds} s{why}", cluster.brokers));
                        }
                    }
                    std::thread::sleep(PAUSE);
                }
            };
            let started = std::thread::Builder::new().name("watermarks".to_owned()).spawn(ask);
            started.map_err(|cause| Error::Kafka(format!("cannot start a thread: {cause}")))?;
        }
        Ok(marks)
    }

    /// Asks for one; whether there was an answer.
    fn ask(&self, each: &Watched, inspector: &kafka::Consumer) -> bool {
        if self.stop.load(Ordering::Acquire) {
            return true;
        }
        let asked = Instant::now();
        let name = format!("{}{}", each.prefix, each.partition.topic);
        let answer = inspector.client().fetch_watermarks(&name, each.partition.number.cast_signed(), TIMEOUT);
        let Ok((_, high)) = answer else {
            // What went wrong is known once the client's own events are taken in.
            while inspector.client().poll(Duration::ZERO).is_some() {}
            return false;
        };
        each.end.store(high.max(0).cast_unsigned(), Ordering::Release);
        // What was true when it was asked.
        *each.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        true
    }

    /// The last stable offset of a partition by its number, where that is known freshly.
    #[must_use]
    pub fn end(&self, partition: usize) -> Option<u64> {
        let each = self.watched.get(partition)?;
        let answered = *each.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.filter(|at| at.elapsed() < FRESH).map(|_| each.end.load(Ordering::Acquire))
    }

    /// The last stable offset as it was answered last, however long ago.
    #[must_use]
    pub fn last_known(&self, partition: usize) -> u64 {
        self.watched.get(partition).map_or(0, |each| each.end.load(Ordering::Acquire))
    }

    /// Asks no more.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }
}
