//! The dead letters of a job: read back, and sent once more through the topics they came from.
//!
//! Each letter is sent once. What was sent is written down in a topic of its own, in the same transaction as the
//! letter itself, so both are there or neither. A transaction ends at its cluster's border: so that topic is at the
//! brokers to which the letters go. Whoever sends takes the transactional id `tidemark.JOB.dlq` first (with `-1` and on
//! behind it for a second source of other settings) and reads that topic then: of two at once the older one is fenced,
//! and what it had sent is known.
//!
//! Owns: what may be sent again, under which key, and the memory of it. Does not own: how a dead letter comes to be
//! (`sinks::letter`).
//!
//! Reading order: `letter` (what there is), `ready` (what of it can be sent), `back` (how it is sent), this file.

mod back;
mod letter;
mod ready;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;

use super::Failure;
use crate::config::{Config, Source};
use crate::kafka::{Cluster, Notice};

pub use self::letter::{DeadLetter, Filed, Filter, read};

use self::back::WayBack;
pub(super) use self::back::replayed_topic;
use self::letter::corrected;
use self::ready::prepare;

/// What is to be sent again.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Which letters.
    pub filter: Filter,
    /// A file of corrected letters, instead of the dead-letter topic.
    pub from: Option<PathBuf>,
    /// Whether they are sent, or only looked at.
    pub send: bool,
}

/// What becomes of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is sent, where the order says so.
    Ready {
        /// To this topic, as Kafka names it.
        topic: String,
        /// Under this key.
        key: Option<String>,
        /// So many bytes.
        bytes: usize,
        /// Why it would be a dead letter again, where that is known without the service.
        again: Option<String>,
    },
    /// The same payload was sent before.
    Before,
    /// It cannot be sent, and why.
    Refused(String),
}

/// What came of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Letters that can be sent.
    pub ready: u64,
    /// Letters that were sent, all of them committed.
    pub sent: u64,
    /// Letters whose payload was sent before.
    pub before: u64,
    /// Letters that cannot be sent.
    pub refused: u64,
    /// Ids that were asked for and that no letter has.
    pub missing: BTreeSet<String>,
}

/// Sends letters back through their original topics, each payload once; `told` learns what becomes of each.
///
/// # Errors
/// Where letters cannot be read or sent.
pub fn replay(
    config: &Config,
    order: &Order,
    notice: &Notice,
    told: &mut dyn FnMut(&DeadLetter, &Judged) -> Result<()>,
) -> Result<Report, Failure> {
    let report = Report { missing: order.filter.ids.clone(), ..Report::default() };
    let mut sending = Sending { config, order, notice, told, ways: Vec::new(), report };
    if let Some(path) = &order.from {
        for letter in corrected(path)?.iter().filter(|letter| order.filter.takes(letter)) {
            sending.take(letter).map_err(Failure::Failed)?;
        }
    } else {
        read(config, &BTreeMap::new(), notice, &mut |filed| {
            if order.filter.takes(&filed.letter) { sending.take(&filed.letter) } else { Ok(()) }
        })?;
    }
    for way in &mut sending.ways {
        sending.report.sent += way.flush().map_err(Failure::Failed)?;
    }
    Ok(sending.report)
}

/// An order that is being carried out.
struct Sending<'a> {
    config: &'a Config,
    order: &'a Order,
    notice: &'a Notice,
    told: &'a mut dyn FnMut(&DeadLetter, &Judged) -> Result<()>,
    ways: Vec<WayBack>,
    report: Report,
}

impl Sending<'_> {
    fn take(&mut self, letter: &DeadLetter) -> Result<()> {
        self.report.missing.remove(&letter.event_id);
        if let Some(original) = &letter.original_event_id {
            self.report.missing.remove(original);
        }
        let judged = self.judge(letter)?;
        match &judged {
            Judged::Ready { .. } => self.report.ready += 1,
            Judged::Before => self.report.before += 1,
            Judged::Refused(_) => self.report.refused += 1,
        }
        (self.told)(letter, &judged)
    }

    fn judge(&mut self, letter: &DeadLetter) -> Result<Judged> {
        let config = self.config;
        let Some(source) = config.sources.iter().find(|source| source.topics.contains(&letter.topic)) else {
            return Ok(Judged::Refused(format!("no [[source]] has its topic {}; add it to `topics`", letter.topic)));
        };
        let mut ready = match prepare(letter, source, self.order.from.is_some()) {
            Ok(ready) => ready,
            Err(why) => return Ok(Judged::Refused(why)),
        };
        let way = self.way(source)?;
        let count = way.known.get(&ready.topic).copied().unwrap_or(0);
        if count == 0 {
            return Ok(Judged::Refused(format!("no topic {} at {}", ready.topic, way.cluster.brokers)));
        }
        if !way.sent.has(&ready.event_id, &ready.sha256) && way.is_taken(&letter.topic, &ready)? {
            return Ok(Judged::Refused(format!(
                "another record with its key, {}, stands in {}, and compaction would delete that one. Give it another key",
                ready.key.as_deref().unwrap_or(""),
                ready.topic
            )));
        }
        let Some(note) = way.sent.note(&ready.event_id, &ready.sha256) else { return Ok(Judged::Before) };
        ready.partition = ready.partition.filter(|number| *number < count);
        let judged = Judged::Ready {
            topic: ready.topic.clone(),
            key: ready.key.clone(),
            bytes: ready.payload.len(),
            again: ready.again.clone(),
        };
        way.push(ready, note);
        if way.is_full() {
            let sent = way.flush()?;
            self.report.sent += sent;
        }
        Ok(judged)
    }

    fn way(&mut self, source: &Source) -> Result<&mut WayBack> {
        let cluster = Cluster::from(source);
        let at = match self.ways.iter().position(|way| way.cluster == cluster) {
            Some(at) => at,
            None => {
                // Two ways may lead to one cluster, each with settings of its own: neither may fence the other.
                let number = self.config.sources.iter().position(|each| Cluster::from(each) == cluster).unwrap_or(0);
                self.ways.push(WayBack::open(self.config, cluster, number, self.order.send, self.notice)?);
                self.ways.len() - 1
            }
        };
        Ok(self.ways.get_mut(at).expect("it was found or made just now"))
    }
}
