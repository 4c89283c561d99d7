//! What a process says about itself while it runs.
//!
//! Owns: the names of all metrics, their text form, and the number of workers that a load requires. Does not
//! own: when something is counted, and who asks. Every name is explained in `docs/metrics.md`; a test keeps both
//! in step.
//!
//! Floats are allowed here and only here: nobody is paid by a metric.
//!
//! Reading order: this file, `families`, `register`, `late`, `required`.

mod families;
mod late;
mod register;
pub mod required;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::local::LocalHistogram;
use prometheus::{Counter, IntGauge, TextEncoder};

use families::{Epochs, Loyalty, Source, Work};
use late::{Lateness, Totals};
use register::Register;

pub use late::{LATE_PERCENT_MAX, RECORDS_MIN, Warning};

/// The content type of [`Metrics::render`].
pub const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of a process, shared by all its threads. A call costs a look-up of its labels and an atomic
/// operation: call once a batch, not once a record.
#[derive(Debug)]
pub struct Metrics {
    register: Register,
    loyalty: Loyalty,
    source: Source,
    epochs: Epochs,
    work: Work,
    lateness: Mutex<Lateness>,
    holder: Mutex<Option<Holder>>,
}

/// The partition that holds the clock.
#[derive(Debug)]
struct Holder {
    topic: String,
    partition: u32,
    gauge: IntGauge,
}

/// Delays of one topic's records, gathered by one thread. They are seen after [`Delays::flush`], or when dropped.
#[derive(Debug)]
pub struct Delays {
    local: LocalHistogram,
}

impl Delays {
    /// Adds one record's delay, in seconds; a record from the future had none.
    pub fn add(&self, seconds: f64) {
        if seconds.is_finite() {
            self.local.observe(seconds.max(0.0));
        }
    }

    /// Shows what was added.
    pub fn flush(&self) {
        self.local.flush();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics of a process that has done nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let register = Register::default();
        Self {
            loyalty: Loyalty::new(&register),
            source: Source::new(&register),
            epochs: Epochs::new(&register),
            work: Work::new(&register),
            lateness: Mutex::default(),
            holder: Mutex::default(),
            register,
        }
    }

    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        TextEncoder::new().encode_to_string(&self.register.gather()).expect("what is gathered has a name and a value")
    }

    /// Adds points that a commit published, in millionths of a point. Counters only grow: reversals are no part
    /// of it, and what is below zero is left out.
    pub fn points(&self, accrued_micros: i128, redeemed_micros: i128) {
        add_points(&self.loyalty.accrued, accrued_micros);
        add_points(&self.loyalty.redeemed, redeemed_micros);
    }

    /// Adds level-up triggers that a commit published.
    pub fn level_ups(&self, n: u64) {
        self.loyalty.level_ups.inc_by(n);
    }

    /// Sets the available points of all players, divided by the number of players.
    pub fn average_points(&self, points: f64) {
        self.loyalty.average_points.set(points);
    }

    /// Adds bets on a game that has no weight (rule 1).
    pub fn unknown_games(&self, n: u64) {
        self.source.unknown_games.inc_by(n);
    }

    /// Adds amounts without a rate that are no bet's (rule 2).
    pub fn rates_missing(&self, n: u64) {
        self.source.rates_missing.inc_by(n);
    }

    /// Adds records read, dead letters included.
    pub fn records(&self, topic: &str, n: u64) {
        self.source.records.with_label_values(&[topic]).inc_by(n);
    }

    /// Adds dead letters of a kind, as `pipeline.dlq.v1` names it.
    pub fn dead(&self, topic: &str, kind: &str, n: u64) {
        self.source.dead.of(topic).with_label_values(&[kind]).inc_by(n);
    }

    /// Adds late records.
    pub fn late(&self, topic: &str, n: u64) {
        self.source.late.with_label_values(&[topic]).inc_by(n);
        if n > 0 {
            locked(&self.lateness).watch(topic);
        }
    }

    /// The topics of which more than [`LATE_PERCENT_MAX`] per cent of the records came late since the last call.
    /// To be asked about once a minute.
    #[must_use]
    pub fn late_warnings(&self) -> Vec<Warning> {
        locked(&self.lateness).look(|topic| Totals {
            records: self.source.records.with_label_values(&[topic]).get(),
            late: self.source.late.with_label_values(&[topic]).get(),
        })
    }

    /// Adds one record's delay from its own time to when it was read, in seconds. For many records take
    /// [`Metrics::delays`].
    pub fn delay(&self, topic: &str, seconds: f64) {
        self.delays(topic).add(seconds);
    }

    /// Where one thread adds the delays of a topic without disturbing others.
    #[must_use]
    pub fn delays(&self, topic: &str) -> Delays {
        Delays { local: self.source.delay.with_label_values(&[topic]).local() }
    }

    /// Sets how far a partition is behind: in records from the last committed epoch (`durable`) and from the last
    /// record read (`in_flight`) to its end, and in seconds by its clock.
    pub fn lag(&self, topic: &str, partition: u32, durable: u64, in_flight: u64, seconds: f64) {
        let mut number = itoa::Buffer::new();
        let partition = [number.format(partition)];
        self.source.lag_durable.of(topic).with_label_values(&partition).set(whole(durable));
        self.source.lag_in_flight.of(topic).with_label_values(&partition).set(whole(in_flight));
        self.source.lag_seconds.of(topic).with_label_values(&partition).set(seconds);
    }

    /// Names the partition whose clock is the least, so that logical time waits for it.
    pub fn clock_held_by(&self, topic: &str, partition: u32) {
        let mut holder = locked(&self.holder);
        if holder.as_ref().is_some_and(|held| held.topic == topic && held.partition == partition) {
            return;
        }
        if let Some(before) = holder.take() {
            before.gauge.set(0);
        }
        let gauge = self.source.clock_holder.of(topic).with_label_values(&[itoa::Buffer::new().format(partition)]);
        gauge.set(1);
        *holder = Some(Holder { topic: topic.to_owned(), partition, gauge });
    }

    /// Sets the epoch that is being filled and the last one that every sink has committed.
    pub fn epoch(&self, current: u64, committed: u64) {
        self.epochs.current.set(whole(current));
        self.epochs.committed.set(whole(committed));
    }

    /// Sets how many epochs are closed and not committed.
    pub fn in_flight(&self, epochs: u64) {
        self.epochs.in_flight.set(whole(epochs));
    }

    /// Sets the age of the oldest epoch that is not committed, in seconds; 0 where there is none.
    pub fn held_age(&self, seconds: f64) {
        self.epochs.held_age.set(seconds);
    }

    /// Adds a commit, from its first write to its end.
    pub fn commit_took(&self, time: Duration) {
        self.epochs.commit.observe(time.as_secs_f64());
    }

    /// Adds a snapshot: how long it took until its manifest was written, and its size.
    pub fn snapshot_took(&self, time: Duration, bytes: u64) {
        self.epochs.snapshot.observe(time.as_secs_f64());
        self.epochs.snapshot_bytes.set(whole(bytes));
    }

    /// Adds one attempt at a sink that had to be repeated.
    pub fn sink_retry(&self) {
        self.epochs.sink_retries.inc();
    }

    /// Adds one time that a sink turned this process away for a newer one.
    pub fn fenced(&self) {
        self.epochs.fenced.inc();
    }

    /// Sets how large the state of all players is, in bytes, and how many there are.
    pub fn state(&self, bytes: u64, players: u64) {
        self.work.state_bytes.set(whole(bytes));
        self.work.state_players.set(whole(players));
    }

    /// Sets the share of its time that a worker works, from 0 to 1.
    pub fn busy(&self, worker: usize, ratio: f64) {
        self.work.busy.with_label_values(&[itoa::Buffer::new().format(worker)]).set(ratio);
    }

    /// Sets the number of workers that the load requires, and what it follows from.
    pub fn required_workers(&self, load: &required::Load, answer: &required::Answer) {
        self.work.required.set(i64::from(answer.workers));
        self.work.capacity.set(answer.capacity);
        self.work.workers.set(i64::from(load.workers));
        self.work.arrival.set(load.arrival);
        self.work.backlog.set(whole(load.backlog));
        self.work.restart.set(load.restart.as_secs_f64());
    }
}

fn add_points(counter: &Counter, micros: i128) {
    if micros > 0 {
        counter.inc_by(micros as f64 / 1e6);
    }
}

/// A count as gauges hold it.
fn whole(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A lock whose holder cannot leave it half-way: what is in it stays good when a thread dies.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
