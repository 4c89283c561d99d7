//! What people and machines see of a service while it runs: health and metrics.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Options;
use super::begin::Begun;
use super::committer::Target;
use super::control::{Control, Held};
use super::ends::Watermarks;
use super::pipeline::spawn;
use crate::api::{self, Health, Stage};
use crate::kafka::Notice;
use crate::machine::Machine;
use crate::metrics::Metrics;
use crate::metrics::required::{Aim, Load, Required};
use crate::runtime::Failure;
use crate::runtime::state::Beside;
use crate::sinks::kafka::shard::Gauge;
use crate::sinks::tally::Tally;
use crate::sources::Partition;

/// How often metrics are renewed.
const EVERY: Duration = Duration::from_secs(1);
/// How often lateness is looked at.
const LATE_EVERY: u32 = 60;

/// See the module's words.
pub(super) struct Watch {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    notice: Notice,
    workers: u32,
    begun: Instant,
    beside: Arc<Mutex<Option<Arc<Beside>>>>,
    ready: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    /// In a simulation nobody looks, and no thread runs beside its turns.
    simulated: bool,
    /// Whether nothing was begun yet that would have to be finished.
    waited: Arc<AtomicBool>,
    /// Set when the process is asked to end.
    asked: Arc<AtomicBool>,
}

/// How long the open commit and the last snapshot may take once it is asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// Ends the process where it is asked to and cannot by itself: at once while it waits for a broker or a store before
/// it has begun, else after ten seconds. Whatever is open then is as after a kill: nothing of it is visible.
fn end_when_asked(asked: &AtomicBool, early: &AtomicBool, drain: bool, health: &Health, notice: &Notice) {
    while !asked.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
    }
    health.set_ready(Stage::Stopping);
    if early.load(Ordering::Acquire) {
        notice(if drain {
            "the drain was cut short as asked, before it began"
        } else {
            "ended as asked, before anything was begun"
        });
        std::process::exit(i32::from(drain));
    }
    std::thread::sleep(GRACE);
    notice(
        "asked to end ten seconds ago and still waiting for Kafka or the store; it ends now, the next start goes on from the last commit",
    );
    std::process::exit(1);
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

/// Begins to answer. The older of two starts may still have the address: then it is asked for again and again,
/// and the service goes on meanwhile.
fn answer(
    address: SocketAddr,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
    notice: &Notice,
    stop: &Arc<AtomicBool>,
) -> Result<(), Failure> {
    let (health, metrics, notice, stop) = (Arc::clone(health), Arc::clone(metrics), Arc::clone(notice), Arc::clone(stop));
    let told = Arc::clone(&notice);
    let serve = move || {
        let told = Arc::clone(&told);
        api::serve(address, Arc::clone(&health), Arc::clone(&metrics), move |line| told(line))
    };
    match serve() {
        Ok(bound) => notice(&format!("health and metrics are at http://{bound}/")),
        Err(error) if is_taken(&error) => {
            notice(&format!("{error:#}; it is tried again every second, the service goes on"));
            spawn(&Machine::default(), "http-wait", move || {
                while !stop.load(Ordering::Acquire) {
                    std::thread::sleep(EVERY);
                    if let Ok(bound) = serve() {
                        notice(&format!("health and metrics are at http://{bound}/"));
                        return;
                    }
                }
            })?;
        }
        Err(error) => return Err(Failure::Failed(error)),
    }
    Ok(())
}

fn is_taken(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::AddrInUse)
}

/// What a renewal knows of the one before.
struct Renewal {
    control: Arc<Control>,
    marks: Arc<Watermarks>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    partitions: Vec<Partition>,
    gauges: Vec<Arc<Gauge>>,
    beside: Arc<Mutex<Option<Arc<Beside>>>>,
    notice: Notice,
    workers: u32,
    restart: Duration,
    begun: Instant,
    at: Instant,
    busy: Vec<u64>,
    /// Where each partition ends, as far as that had been told.
    known: Vec<Option<u64>>,
    ends: u64,
    read: Option<u64>,
    /// What is in the metrics.
    counted: Tally,
    snapshots: u64,
    retries: u64,
    fenced: u64,
    committed: (u64, Instant),
    required: Required,
}

impl Watch {
    /// Begins to answer.
    pub(super) fn start(options: &Options) -> Result<Self, Failure> {
        let workers = options.config.job.workers;
        let (health, metrics) = (Arc::new(Health::new(workers as usize)), Arc::new(Metrics::new()));
        let listen = options.config.http.listen;
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(address) = listen {
            answer(address, &health, &metrics, &options.notice, &stop)?;
        }
        let waited = Arc::new(AtomicBool::new(true));
        let (asked, early, told) = (Arc::clone(&options.asked_to_stop), Arc::clone(&waited), Arc::clone(&options.notice));
        if !options.world.machine.is_simulated() {
            let (drain, answers) = (options.drain, Arc::clone(&health));
            spawn(&options.world.machine, "asked-to-stop", move || end_when_asked(&asked, &early, drain, &answers, &told))?;
        }
        Ok(Self {
            waited,
            asked: Arc::clone(&options.asked_to_stop),
            health,
            metrics,
            notice: Arc::clone(&options.notice),
            workers,
            begun: Instant::now(),
            beside: Arc::new(Mutex::new(None)),
            ready: Arc::new(AtomicBool::new(false)),
            stop,
            simulated: options.world.machine.is_simulated(),
        })
    }

    /// The service is at this stage.
    pub(super) fn stage(&self, stage: Stage) {
        self.health.set_ready(stage);
    }

    /// So many records are to be read.
    pub(super) fn catching_up(&self, behind: u64) {
        self.waited.store(false, Ordering::Release);
        self.health.set_ready(Stage::CatchingUp { behind });
    }

    /// What was bound before is read again: from now on it is ready once it has caught up.
    pub(super) fn ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// It ends.
    pub(super) fn stopping(&self) {
        self.stop.store(true, Ordering::Release);
        self.health.set_ready(Stage::Stopping);
    }

    /// Where snapshots tell how far they are.
    pub(super) fn beside(&self, beside: &Arc<Beside>) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(beside));
    }

    /// Begins to renew the metrics.
    pub(super) fn follow(&self, control: &Arc<Control>, marks: &Arc<Watermarks>, begun: &Begun, target: &Target) {
        if self.simulated {
            return;
        }
        let gauges = match target {
            Target::Shards(shards) => shards.iter().map(|(_, gauge, _)| Arc::clone(gauge)).collect(),
            Target::Files(_) | Target::Compare(_) => Vec::new(),
        };
        let mut renewal = Renewal {
            control: Arc::clone(control),
            marks: Arc::clone(marks),
            metrics: Arc::clone(&self.metrics),
            health: Arc::clone(&self.health),
            partitions: begun.inputs.iter().map(|input| input.partition.clone()).collect(),
            gauges,
            beside: Arc::clone(&self.beside),
            notice: Arc::clone(&self.notice),
            workers: self.workers,
            restart: Duration::ZERO,
            begun: self.begun,
            at: Instant::now(),
            busy: control.busy(),
            known: Vec::new(),
            ends: 0,
            read: None,
            // What another process has counted is told at the first look.
            counted: Tally::default(),
            snapshots: 0,
            retries: 0,
            fenced: 0,
            committed: (0, Instant::now()),
            required: Required::new(Aim { workers_max: begun.outputs.shards, ..Aim::default() }),
        };
        let (stop, ready, asked) = (Arc::clone(&self.stop), Arc::clone(&self.ready), Arc::clone(&self.asked));
        let run = move || {
            let mut round = 0_u32;
            while !stop.load(Ordering::Acquire) {
                std::thread::sleep(EVERY);
                round = round.wrapping_add(1);
                let behind = renewal.renew();
                if ready.load(Ordering::Acquire) && !stop.load(Ordering::Acquire) {
                    renewal.health.set_ready(match behind {
                        _ if asked.load(Ordering::Acquire) => Stage::Stopping,
                        true => Stage::CatchingUp { behind: renewal.backlog() },
                        false => Stage::Ready,
                    });
                }
                if round.is_multiple_of(LATE_EVERY) {
                    for warning in renewal.metrics.late_warnings() {
                        (renewal.notice)(&format!("warning: {warning}"));
                    }
                }
            }
        };
        // Without the thread nothing but the metrics is missing, and the reason is told.
        if let Err(failure) = spawn(&Machine::default(), "metrics", run) {
            (self.notice)(&format!("no metrics: {failure}"));
        }
    }
}

impl Renewal {
    fn backlog(&self) -> u64 {
        self.ends.saturating_sub(self.read.unwrap_or(0))
    }

    /// Renews everything; says whether a backlog is worked off.
    fn renew(&mut self) -> bool {
        let passed = self.at.elapsed().as_secs_f64().max(0.001);
        self.at = Instant::now();
        for worker in 0..self.workers as usize {
            self.health.beat_ago(worker, self.control.beat_age(worker));
        }
        let busy = self.busy(passed);
        let (arrival, processed) = self.lags(passed);
        self.counts();
        let behind = self.backlog() as f64 > (arrival * 2.0).max(1_000.0);
        let load = Load {
            arrival,
            processed,
            busy,
            backlog: self.backlog(),
            restart: self.restart,
            workers: self.workers,
            catching_up: behind,
        };
        let answer = self.required.evaluate(&load);
        self.metrics.required_workers(&load, &answer);
        behind
    }

    fn busy(&mut self, passed: f64) -> f64 {
        let now = self.control.busy();
        let mut all = 0.0;
        for (worker, (after, before)) in now.iter().zip(&self.busy).enumerate() {
            let ratio = (after.saturating_sub(*before) as f64 / 1e6 / passed).min(1.0);
            self.metrics.busy(worker, ratio);
            all += ratio;
        }
        let average = all / now.len().max(1) as f64;
        self.busy = now;
        average
    }

    /// Renews lag by partition; gives records that arrived and that were processed, a second.
    fn lags(&mut self, passed: f64) -> (f64, f64) {
        let (progress, held, counted) = self.control.now();
        if let Some(counted) = counted {
            self.counted = counted;
        }
        if let Some(held) = held {
            self.metrics.state(held.state, held.players);
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let committed = self.control.visible_places();
        let (mut ends, mut read, mut arrived) = (0, 0, 0);
        let ends_before = std::mem::take(&mut self.known);
        let mut holder: Option<(i64, &Partition)> = None;
        for (number, partition) in (0_u32..).zip(&self.partitions) {
            let place = progress.places.iter().find(|place| place.partition == number);
            let at = place.map_or(0, |place| place.position.offset);
            let known = self.marks.last_known(number as usize);
            // An end that is known only now did not arrive now.
            if let (Some(after), Some(Some(end))) = (known, ends_before.get(number as usize)) {
                arrived += after.saturating_sub(*end);
            }
            self.known.push(known);
            let end = known.unwrap_or(0).max(at);
            let clock = place.map_or(i64::MIN, |place| {
                place.clock.least(crate::epoch::ClockSettings { ordering_delay_ms: 0, future_tolerance_ms: 0 })
            });
            let behind = if clock == i64::MIN { 0.0 } else { (now - clock).max(0) as f64 / 1e3 };
            let durable = committed.iter().find(|(each, _)| *each == number).map_or(at, |(_, offset)| *offset);
            self.metrics.lag(&partition.topic, partition.number, end.saturating_sub(durable), end - at, behind);
            ends += end;
            read += at;
            if holder.is_none_or(|(least, _)| clock < least) {
                holder = Some((clock, partition));
            }
        }
        if let Some((_, partition)) = holder {
            self.metrics.clock_held_by(&partition.topic, partition.number);
        }
        let processed = read.saturating_sub(self.read.unwrap_or(read)) as f64 / passed;
        let arrival = arrived as f64 / passed;
        (self.ends, self.read) = (ends, Some(read));
        let visible = self.control.visible.load(Ordering::Acquire);
        if visible != self.committed.0 {
            self.committed = (visible, Instant::now());
            if self.restart.is_zero() {
                self.restart = self.begun.elapsed();
            }
        }
        self.metrics.epoch(progress.epoch, visible);
        self.metrics.in_flight(progress.epoch.saturating_sub(visible));
        let waits = progress.epoch > visible;
        self.metrics.held_age(if waits { self.committed.1.elapsed().as_secs_f64() } else { 0.0 });
        self.tally(progress.tally, held);
        (arrival, processed)
    }

    /// Adds what was applied since the last time.
    fn tally(&mut self, tally: Tally, held: Option<Held>) {
        let (points, counted) = (tally.points, &self.counted);
        if let Some(held) = held {
            self.metrics.average_points(points.available.cast_signed() as f64 / 1e6 / (held.players.max(1) as f64));
        }
        let grown = |after: u128, before: u128| after.wrapping_sub(before).cast_signed();
        self.metrics.points(grown(points.accrued, counted.points.accrued), grown(points.redeemed, counted.points.redeemed));
        self.metrics.level_ups(points.level_ups.saturating_sub(counted.points.level_ups));
        self.metrics.unknown_games(tally.unknown_game_total.saturating_sub(counted.unknown_game_total));
        self.metrics.rates_missing(tally.fx_missing_total.saturating_sub(counted.fx_missing_total));
        self.counted = tally;
    }

    /// Adds what was counted since the last time.
    fn counts(&mut self) {
        for took in self.control.take_commits() {
            self.metrics.commit_took(took);
        }
        let seen = self.control.take_seen();
        for (number, read) in seen.read {
            let Some(partition) = self.partitions.get(number as usize) else { continue };
            self.metrics.records(&partition.topic, read.records);
            self.metrics.late(&partition.topic, read.late);
            let delays = self.metrics.delays(&partition.topic);
            for delay in read.delays {
                delays.add(delay as f64 / 1e3);
            }
        }
        for ((topic, kind), count) in seen.dead {
            self.metrics.dead(&topic, &kind, count);
        }
        let retries = self.gauges.iter().map(|gauge| gauge.retries.load(Ordering::Relaxed)).sum();
        let fenced = self.gauges.iter().map(|gauge| gauge.fenced.load(Ordering::Relaxed)).sum();
        (self.retries..retries).for_each(|_| self.metrics.sink_retry());
        (self.fenced..fenced).for_each(|_| self.metrics.fenced());
        (self.retries, self.fenced) = (retries, fenced);
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let written = beside.and_then(|beside| beside.written.lock().ok().map(|written| *written));
        if let Some(written) = written.filter(|written| written.count > self.snapshots) {
            self.snapshots = written.count;
            if !written.failed {
                self.metrics.snapshot_took(written.took, written.bytes);
            }
        }
    }
}
