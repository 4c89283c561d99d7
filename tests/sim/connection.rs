//! The log in memory as one process sees it: calls take time, fail, and their answers get lost.
//!
//! Owns: what a client makes of the log, as librdkafka would. Does not own: the log, or what goes wrong when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use thiserror::Error;
use tidemark::brokers::{Brokers, Each, End, Place, Record, Refused, Times, Transactions, unreadable};
use tidemark::sources::{self, Batch, Partition, Position, Source};

use super::log::Log;
use super::producer::Producer;
use super::weather::{Call, Fault, Weather};

/// How long others have the turn at each call.
pub(super) const TURN: Duration = Duration::from_micros(50);
/// One look where something is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// How long a read of a followed partition waits for a record that is known to come.
const PATIENCE: Duration = Duration::from_millis(200);
/// After so long the list of topics is asked for again.
const AGAIN: Duration = Duration::from_millis(500);

/// One process's way to the log.
pub(super) struct Connection {
    pub(super) log: Arc<Log>,
    pub(super) weather: Arc<dyn Weather>,
}

/// The log did not answer: not the fault of what was read from it.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Theirs(pub(super) String);

fn dead() -> Theirs {
    Theirs("the process is dead".to_owned())
}

/// Waits.
pub(super) fn rest(weather: &dyn Weather, time: Duration) -> Result<(), Theirs> {
    if weather.rest(time) && !weather.is_dead() { Ok(()) } else { Err(dead()) }
}

/// What befalls a call that is to be done; an error where nothing is to be done.
pub(super) fn befalls(weather: &dyn Weather, call: Call) -> Result<Answer, Theirs> {
    match weather.fault(call) {
        Some(Fault::Refused) => Err(Theirs(format!("{call:?}: refused"))),
        Some(Fault::Late(time)) => rest(weather, time).map(|()| Answer::Given),
        Some(Fault::Lost) => Ok(Answer::Lost(call)),
        None => Ok(Answer::Given),
    }
}

/// What becomes of a call's answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Given,
    Lost(Call),
}

impl Answer {
    pub(super) fn of<T>(self, what: T) -> Result<T, Theirs> {
        match self {
            Self::Given => Ok(what),
            Self::Lost(call) => Err(Theirs(format!("{call:?}: the answer is lost"))),
        }
    }
}

impl Connection {
    /// Lets others have a turn, then says what befalls a call.
    fn enter(&self, call: Call) -> Result<Answer, Theirs> {
        rest(&*self.weather, TURN)?;
        befalls(&*self.weather, call)
    }

    /// Waits until partitions are readable up to where they are to be.
    fn readable(&self, wanted: &[(&Place, u64, u64)], patience: Duration) -> Result<()> {
        let (mut moved, mut left) = (self.weather.now(), wanted.len());
        loop {
            let now = self.weather.now();
            let mut behind = Vec::new();
            let state = self.log.at(now);
            for ((topic, partition), _, end) in wanted {
                let Some((stable, _)) = state.ends(topic, *partition) else {
                    bail!(Theirs(format!("topic {topic} has no partition {partition}")))
                };
                if stable < *end {
                    behind.push((topic, *partition, *end));
                }
            }
            drop(state);
            let Some((topic, partition, end)) = behind.first().copied() else { return Ok(()) };
            if behind.len() < left {
                (moved, left) = (now, behind.len());
            }
            if now.saturating_sub(moved) > patience {
                bail!(unreadable(topic, partition, end, patience));
            }
            rest(&*self.weather, LOOK)?;
        }
    }
}

impl Brokers for Connection {
    fn address(&self) -> &str {
        "memory"
    }

    fn topics(&self) -> Result<BTreeMap<String, u32>> {
        // As a real client does, it asks until it has an answer.
        while self.enter(Call::Topics).and_then(|answer| answer.of(())).is_err() {
            rest(&*self.weather, AGAIN)?;
        }
        Ok(self.log.at(self.weather.now()).topics())
    }

    fn partitions(&self, topic: &str) -> Result<u32> {
        let answer = self.enter(Call::Topics)?;
        let count = self.log.at(self.weather.now()).partitions(topic);
        Ok(answer.of(count)?)
    }

    fn bounds(&self, places: &[Place], end: End) -> Result<BTreeMap<Place, (u64, u64)>> {
        let answer = self.enter(Call::Bounds)?;
        let state = self.log.at(self.weather.now());
        let mut found = BTreeMap::new();
        for (topic, partition) in places {
            let Some((stable, high)) = state.ends(topic, *partition) else {
                bail!(Theirs(format!("topic {topic} has no partition {partition}")))
            };
            found.insert((topic.clone(), *partition), (0, if end == End::Stable { stable } else { high }));
        }
        Ok(answer.of(found)?)
    }

    fn delete_before(&self, _: &BTreeMap<Place, u64>) -> Result<()> {
        bail!("nothing is removed in a simulation")
    }

    fn read(&self, from: &BTreeMap<Place, (u64, u64)>, patience: Duration, each: Each<'_>) -> Result<()> {
        let wanted: Vec<(&Place, u64, u64)> =
            from.iter().filter(|(_, (start, end))| start < end).map(|(place, (start, end))| (place, *start, *end)).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let answer = self.enter(Call::Read)?;
        self.readable(&wanted, patience)?;
        let mut found = Vec::new();
        let state = self.log.at(self.weather.now());
        for (place, start, end) in wanted {
            let records = state.visible(&place.0, place.1, start, end);
            found.extend(records.map(|record| (place, Arc::clone(record))));
        }
        drop(state);
        for ((topic, partition), record) in &found {
            each(&Record {
                topic,
                partition: *partition,
                offset: record.offset,
                timestamp: Some(record.timestamp_ms),
                key: &record.key,
                body: &record.body,
                headers: record.headers.iter().map(|(key, value)| (key.as_str(), value.as_slice())).collect(),
            })?;
        }
        Ok(answer.of(())?)
    }

    fn follow(&self, partition: &Partition, prefix: &str, from: u64) -> Box<dyn Source> {
        Box::new(Followed {
            partition: partition.clone(),
            name: format!("{prefix}{}", partition.topic),
            log: Arc::clone(&self.log),
            weather: Arc::clone(&self.weather),
            position: from,
        })
    }

    fn producer(&self, id: &str, times: Times, _group: &str) -> Result<Box<dyn Transactions>> {
        Ok(Box::new(Producer::new(&self.log, &self.weather, id, times.transaction)))
    }

    fn is_theirs(&self, error: &anyhow::Error) -> bool {
        error.chain().any(|cause| cause.is::<Theirs>() || cause.is::<Refused>())
    }
}

/// A partition that is read on and on. Never unwinds.
struct Followed {
    partition: Partition,
    /// The topic's name at the brokers.
    name: String,
    log: Arc<Log>,
    weather: Arc<dyn Weather>,
    position: u64,
}

impl Followed {
    fn failed(&self, what: &dyn std::fmt::Display) -> sources::Error {
        sources::Error::Kafka(format!("topic {}, partition {}: {what}", self.name, self.partition.number))
    }

    fn rest(&self, time: Duration) -> Result<(), sources::Error> {
        rest(&*self.weather, time).map_err(|error| self.failed(&error))
    }

    /// Takes what is there; how many bytes that is.
    fn take(&mut self, batch: &mut Batch, bytes: usize, before: u64) -> Result<usize, sources::Error> {
        let state = self.log.at(self.weather.now());
        let Some((stable, high)) = state.ends(&self.name, self.partition.number) else {
            return Err(self.failed(&"it is not there"));
        };
        if self.position > high {
            return Err(self.failed(&format!("offset {} is not there; its offsets end at {high}", self.position)));
        }
        let mut taken = 0;
        for record in state.visible(&self.name, self.partition.number, self.position, before) {
            if !record.body.is_empty() {
                batch.push(record.offset, &record.body);
            }
            taken += record.body.len();
            if taken >= bytes {
                self.position = record.offset + 1;
                return Ok(taken);
            }
        }
        // Aborted records and markers are passed.
        self.position = self.position.max(stable.min(before));
        Ok(taken)
    }
}

impl Source for Followed {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn seek(&mut self, position: Position) -> Result<(), sources::Error> {
        self.position = position.offset;
        Ok(())
    }

    fn position(&self) -> Position {
        Position { offset: self.position, byte: 0 }
    }

    fn high_watermark(&self) -> Option<u64> {
        None
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn read(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, sources::Error> {
        self.rest(TURN)?;
        // Of brokers that do not answer, who follows sees only that nothing comes.
        let answer = befalls(&*self.weather, Call::Follow).and_then(|answer| answer.of(()));
        if self.weather.is_dead() {
            return Err(self.failed(&dead()));
        }
        if answer.is_err() {
            return Ok(false);
        }
        let (bytes, limit) = (bytes.max(1), before.unwrap_or(u64::MAX));
        let mut waited = Duration::ZERO;
        while self.position < limit {
            let taken = self.take(batch, bytes, limit)?;
            if taken > 0 || before.is_none() || self.position >= limit || waited >= PATIENCE {
                return Ok(taken >= bytes);
            }
            self.rest(LOOK)?;
            waited += LOOK;
        }
        Ok(false)
    }
}
