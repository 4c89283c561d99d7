//! The service: bets in from Kafka, facts out to Kafka, each exactly once.
//!
//! ```text
//!  coordinator ──opens──► workers ──► committer ──► shards ──► Kafka, one transaction per shard and commit
//!   │   ▲                 read, decode,  epochs,      ▲
//!   │   └────cuts─────────apply          commits      │ waits for
//!   └──────► binder ──► the journal ──────────────────┘
//! ```
//! The coordinator says when an epoch begins; each worker reads its partitions for it and says where it ended.
//! The binder writes that down. Nothing that follows from an epoch becomes visible before its binding is
//! durable. After a restart the same offsets go into the same epochs again, and what comes out of those that
//! are visible already is compared with what was published.
//!
//! Reading order: this file, `begin` over `chosen` and `history`, `pipeline`, `coordinator`, `worker`, `committer`, `binder`,
//! `control`; then what reads the same bindings for another purpose: `again` and `verify`. `topics` asks the brokers, and
//! `same` whether a topic is still the one that was read before.

mod again;
mod begin;
mod binder;
mod chosen;
mod committer;
mod control;
mod coordinator;
mod ends;
mod history;
mod pipeline;
mod room;
mod same;
mod topics;
mod verify;
mod wall;
mod watch;
mod worker;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

pub(crate) use self::again::replay_bindings;
pub use self::verify::{Verified, verify};

use self::begin::Begun;
use self::committer::Target;
use self::control::Control;
use self::coordinator::{Coordinator, Cutting, Ended};
use self::ends::Watermarks;
use self::pipeline::{Pipeline, Plan, Reading, spawn};
use self::wall::WallClock;
use crate::brokers::{Brokers, End, Place};
use crate::config::{Config, Mode};
use crate::journal;
use crate::kafka::{Cluster, Notice, Silence};
use crate::machine::Machine;
use crate::runtime::cluster::Kafka;
use crate::runtime::keep::{Ends, Keep, Trim};
use crate::runtime::replay::Summary;
use crate::runtime::store::Store;
use crate::runtime::{Failure, complete};
use crate::sinks::Proof;
use crate::sinks::kafka::Surroundings;
use crate::sinks::kafka::held::Held;
use crate::sinks::kafka::shard::{Gauge, Shard};

/// How far logical time goes in one epoch at most, in ms: an hour.
const STEP_MS: i64 = 3_600_000;

/// Makes the brokers of a cluster.
pub type Connect = Arc<dyn Fn(&Cluster, &Notice) -> Arc<dyn Brokers> + Send + Sync>;

/// Opens the store of a job, by URL and name.
pub type OpenStore = Arc<dyn Fn(&str, &str) -> anyhow::Result<Store> + Send + Sync>;

/// What a service stands on: a machine, brokers, a store.
#[derive(Clone)]
pub struct World {
    /// Its clock and threads.
    pub machine: Machine,
    /// The brokers of a cluster.
    pub brokers: Connect,
    /// The store of a job.
    pub store: OpenStore,
}

impl Default for World {
    /// The real one.
    fn default() -> Self {
        Self {
            machine: Machine::default(),
            brokers: Arc::new(|cluster, notice| Arc::new(Kafka::new(cluster.clone(), Arc::clone(notice)))),
            store: Arc::new(Store::open),
        }
    }
}

/// How a service is run.
#[derive(Clone)]
pub struct Options {
    /// Its configuration.
    pub config: Config,
    /// Stop at the ends that partitions have now.
    pub drain: bool,
    /// Go on where a newer logic version computes something else than what was published.
    pub accept_divergence: bool,
    /// Planted defects of test builds.
    pub defects: tidemark_domain::defect::Defects,
    /// Where people are told what happens.
    pub notice: Notice,
    /// Set when the process is asked to end.
    pub asked_to_stop: Arc<AtomicBool>,
    /// What it stands on.
    pub world: World,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").field("config", &self.config).field("drain", &self.drain).finish_non_exhaustive()
    }
}

/// How a service ended.
#[derive(Debug)]
pub enum Outcome {
    /// Its drain is complete: what everything amounts to.
    Drained(Box<Summary>),
    /// It was asked to end; whether it wrote a snapshot, which it cannot before it has read again what was bound.
    Asked {
        /// Whether there is one.
        snapshot: bool,
    },
    /// A topic has got more partitions, and a snapshot was written: a new start takes them in.
    Changed,
    /// A drain was cut short by being asked to end.
    CutShort {
        /// Whether there is a snapshot at the last commit.
        snapshot: bool,
    },
}

/// Runs the service until it is drained, asked to end, or cannot go on.
///
/// # Errors
/// Why it ended, with its exit code.
pub fn run(options: &Options) -> Result<Outcome, Failure> {
    let watch = watch::Watch::start(options)?;
    let begun = begin::begin(options, &watch)?;
    if options.drain && begun.is_drained() {
        if begun.superseded_later(options)() {
            return Err(Failure::Superseded("a newer start of this job took over; nothing was left to do".to_owned()));
        }
        (options.notice)("nothing is left to read; nothing was bound or published");
        return Ok(Outcome::Drained(Box::new(Summary::of(&begun.progress))));
    }
    let superseded = begun.superseded_later(options);
    let outcome = serve(options, begun, &watch)?;
    if options.drain && superseded() {
        return Err(Failure::Superseded("a newer start of this job took over at the end of the drain".to_owned()));
    }
    Ok(outcome)
}

/// So many epochs wait for a shard at most while it commits; before that, their bytes are too many.
const WAITING: usize = 1_024;

/// Starts the shards' threads.
fn shards(options: &Options, begun: &mut Begun, bound: &Arc<AtomicU64>, control: &Arc<Control>) -> Result<Target, Failure> {
    let mut shards = Vec::new();
    let machine = options.world.machine.clone();
    let surroundings = Surroundings { notice: Arc::clone(&options.notice), superseded: begun.superseded_later(options) };
    let first = begun.progress.epoch;
    for (number, (producer, records)) in (0_u32..).zip(std::mem::take(&mut begun.shards)) {
        let (work_in, work) = sync_channel(WAITING);
        let gauge = Arc::new(Gauge::default());
        gauge.taken.store(first, Ordering::Release);
        gauge.committed.store(first, Ordering::Release);
        let stop = Arc::clone(control);
        let shard = Shard {
            number,
            outputs: Arc::clone(&begun.outputs),
            surroundings: surroundings.clone(),
            generation: begun.generation,
            last: records.last().cloned(),
            recorded: records.into_iter().filter(|record| record.epoch > first).collect::<VecDeque<_>>(),
            bound: Arc::clone(bound),
            stop: Arc::new(move || stop.stopped()),
            gauge: Arc::clone(&gauge),
            producer: Some(producer),
            held: Held::default(),
            proof: Proof::default(),
            open: false,
            trouble: None,
            accept_divergence: options.accept_divergence,
        };
        let control = Arc::clone(control);
        let run = move || {
            if let Err(failure) = shard.run(&work) {
                control.fail(failure);
            }
        };
        let thread = spawn(&machine, &format!("shard-{number}"), run)?;
        shards.push((work_in, gauge, thread));
    }
    Ok(Target::Shards(shards))
}

/// Every partition from where it stands.
fn readings(options: &Options, begun: &Begun) -> Vec<Reading> {
    let each = |(number, input): (u32, &topics::Input)| {
        let source = input.follow(number, &begun.progress.places);
        let end = begun.ends.get(number as usize).map_or(0, |(_, end)| *end);
        Reading::new(&options.world.machine, number, source, &begun.progress.places, input.is_reference().then_some(end))
    };
    (0_u32..).zip(&begun.inputs).map(each).collect()
}

fn serve(options: &Options, mut begun: Begun, watch: &watch::Watch) -> Result<Outcome, Failure> {
    let config = &options.config;
    let visible = begun.shards.iter().filter_map(|(_, records)| records.last()).map(|record| record.epoch).max();
    let control = Arc::new(Control::new(config.job.workers as usize, &begun.progress, visible.unwrap_or(0)));
    let bound = Arc::new(AtomicU64::new(begun.last_bound));
    let target = shards(options, &mut begun, &bound, &control)?;
    let marks = Watermarks::start(begun.watched(), &options.world.machine, &options.notice)?;
    watch.follow(&control, &marks, &begun, &target);
    let journal = begun.take_journal()?;
    let job = begun.job(config, options.defects);
    let ordering_delay_ms = job.clock.ordering_delay_ms;
    let (pipeline, threads) = Pipeline::start(Plan {
        job,
        machine: options.world.machine.clone(),
        control: Arc::clone(&control),
        readings: readings(options, &begun),
        restored: std::mem::take(&mut begun.restored),
        progress: begun.progress.clone(),
        target,
        interval: config.epoch.commit_interval,
        in_flight: config.epoch.in_flight,
        names_at_sink: begun.inputs.iter().map(|input| begun.name_at_sink(input)).collect(),
        marks: Some(Arc::clone(&marks)),
        journal: Some((journal, bound)),
        state: begun.state.take(),
        names: begun.names(),
        known: std::mem::take(&mut begun.known),
        keep: keep(options, &begun)?,
        notice: Some(Arc::clone(&options.notice)),
    })?;
    watch.beside(&pipeline.beside);
    let wall = is_wall(config).then(|| {
        let (clock, notice) = (&config.clock, Arc::clone(&options.notice));
        WallClock::new(&options.world.machine, clock.speed, clock.start.map(|start| start.0), begun.last_now, notice)
    });
    let cutting = Cutting {
        clock: wall,
        ordering_delay_ms,
        bytes: config.epoch.bytes,
        interval: config.epoch.interval,
        snapshot_interval: config.epoch.snapshot_interval,
        drain: options.drain.then(|| Arc::new(begun.ends.iter().map(|(_, end)| *end).collect())),
        marks: Some(Arc::clone(&marks)),
        taken_in: std::mem::take(&mut begun.taken_in),
        programme: std::mem::take(&mut begun.unbound_programme),
        asked_to_stop: Arc::clone(&options.asked_to_stop),
        changed: look_out(options, &begun, &control)?,
    };
    let ended = read_on(options, pipeline, begun, cutting, watch).unwrap_or_else(|failure| {
        control.fail(failure);
        Ended::Failed
    });
    marks.stop();
    watch.stopping();
    if ended == Ended::Failed {
        let failure = control.take_failure();
        return Err(failure.unwrap_or_else(|| Failure::Defect("the service ended without a reason".to_owned())));
    }
    let (progress, _) = threads.join(&control)?;
    control.end();
    if ended == Ended::Drained {
        complete(&progress)?;
    }
    Ok(match ended {
        Ended::Changed => Outcome::Changed,
        Ended::Drained => Outcome::Drained(Box::new(Summary::of(&progress))),
        other if options.drain => Outcome::CutShort { snapshot: other == Ended::Asked },
        other => Outcome::Asked { snapshot: other == Ended::Asked },
    })
}

/// How much of the past is kept, where that is not all of it.
fn keep(options: &Options, begun: &Begun) -> Result<Option<Keep>, Failure> {
    let Some(reach) = options.config.store.verify_reach else { return Ok(None) };
    let (outputs, store) = (Arc::clone(&begun.outputs), begun.store());
    let topic = outputs.progress_topic();
    let places: Vec<Place> = (0..outputs.shards).map(|shard| (topic.clone(), shard)).collect();
    let asked = (Arc::clone(&outputs), places.clone());
    let ends: Ends = Box::new(move || {
        let (at, shards) = &asked;
        let found = at.brokers.bounds(shards, End::High)?;
        Ok(shards.iter().map(|place| found.get(place).map_or(0, |(_, high)| *high)).collect())
    });
    let superseded = begun.superseded_later(options);
    let trim: Trim = Box::new(move |epoch, from| {
        if superseded() {
            return Ok(());
        }
        journal::trim(&store, epoch)?;
        let before = places.iter().cloned().zip(from.iter().copied()).filter(|(_, offset)| *offset > 0).collect();
        outputs.brokers.delete_before(&before)
    });
    let brokers = begun.outputs.brokers.as_ref();
    let first = patiently(options, brokers, |error| brokers.is_theirs(error), &ends)?;
    Ok(Some(Keep { reach, begun: first, ends, trim }))
}

/// Looks out for partitions that are added while the service runs; a drain has its ends already.
fn look_out(options: &Options, begun: &Begun, control: &Arc<Control>) -> Result<Arc<AtomicBool>, Failure> {
    let changed = Arc::new(AtomicBool::new(false));
    if !options.drain {
        let (inputs, seen, control) = (begun.inputs.clone(), Arc::clone(&changed), Arc::clone(control));
        let (asked, notice) = (Arc::clone(&options.asked_to_stop), Arc::clone(&options.notice));
        let (machine, outputs) = (options.world.machine.clone(), Arc::clone(&begun.outputs));
        spawn(&options.world.machine, "partitions", move || {
            let stop = || control.stopped() || asked.load(Ordering::Acquire);
            if let Err(failure) = topics::look_out(inputs, &outputs, &seen, &stop, &machine, &notice) {
                control.fail(failure);
            }
        })?;
    }
    Ok(changed)
}

/// Reads again what was bound after the snapshot, then goes on.
fn read_on(
    options: &Options,
    pipeline: Pipeline,
    begun: Begun,
    cutting: Cutting,
    watch: &watch::Watch,
) -> Result<Ended, Failure> {
    let (behind, is_at_its_end) = (begun.behind(), begun.is_at_its_end());
    let mut coordinator = Coordinator::new(pipeline, begun.book, options.defects, begun.last_now, cutting);
    let replayed = begun.bounds.len();
    watch.catching_up(behind);
    if !coordinator.replay(begun.bounds)? {
        return Ok(Ended::AskedEarly);
    }
    if replayed > 0 {
        (options.notice)(&format!("{replayed} bound epochs were read again; going on with epoch {}", coordinator.next()));
    }
    watch.ready();
    if options.drain && is_at_its_end {
        coordinator.settle();
        return Ok(Ended::Drained);
    }
    coordinator.live()
}

/// Tries until it succeeds or fails for good; while it does not, a person is told every ten seconds that Kafka is
/// awaited. `passes` says of which failures a later try may be free.
fn patiently<T>(
    options: &Options,
    brokers: &dyn Brokers,
    passes: impl Fn(&anyhow::Error) -> bool,
    attempt: impl Fn() -> anyhow::Result<T>,
) -> Result<T, Failure> {
    let mut silence = Silence::default();
    // The first look at the clock, before the first attempt.
    silence.lasts();
    loop {
        match attempt() {
            Err(error) if passes(&error) => {
                if let Some(seconds) = silence.lasts() {
                    (options.notice)(&format!("waiting for Kafka at {} since {seconds} s: {error:#}", brokers.address()));
                }
                options.world.machine.sleep(std::time::Duration::from_millis(200));
            }
            other => return other.map_err(Failure::Failed),
        }
    }
}

/// Whether a configuration's time is the wall clock's.
fn is_wall(config: &Config) -> bool {
    config.clock.mode == Mode::Wall
}
