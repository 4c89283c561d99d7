//! The threads between the coordinator and the sinks: workers, committer, binder, writer of snapshots.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Context as _;

use super::binder;
use super::committer::{Committer, Target};
use super::control::Control;
use super::coordinator::NewsSource;
use super::ends::Watermarks;
use super::worker::{self, Cut, Start, Way};
use crate::dataflows::ledger::{Restored, SnapshotPort, WHOLE_EVERY};
use crate::dataflows::{Job, Report};
use crate::epoch::{Clock, Epoch, Place};
use crate::journal::Journal;
use crate::kafka::Notice;
use crate::machine::{Defect, Machine, Thread};
use crate::runtime::Failure;
use crate::runtime::keep::Keep;
use crate::runtime::on_workers;
use crate::runtime::state::{Beside, Event, Known, State};
use crate::sinks::tally::Progress;
use crate::sources::{Partition, Source};

/// Snapshots are few in a simulation.
const SIMULATED_WHOLE_EVERY: u64 = 2;

/// A partition as the pipeline reads it.
pub(super) struct Reading {
    pub(super) source: Box<dyn Source>,
    /// Where it stands.
    pub(super) place: Place,
    /// Whether it holds rates or rulebooks, and up to where those are read before anything else.
    pub(super) reference: Option<u64>,
    /// Whether it has been taken in: one that has not holds no time back.
    pub(super) active: bool,
}

impl Reading {
    /// A partition that nothing is known of yet.
    pub(super) fn new(machine: &Machine, number: u32, source: Box<dyn Source>, known: &[Place], reference: Option<u64>) -> Self {
        let found = known.iter().find(|place| place.partition == number).copied();
        let active = found.is_some();
        let mut place = found.unwrap_or_else(|| Place {
            partition: number,
            position: source.position(),
            clock: Clock::default(),
            ended: false,
        });
        if machine.has(Defect::ClocksAgain) {
            place.clock = Clock::default();
        }
        Self { source, place, reference, active }
    }
}

/// What a pipeline is built of.
pub(super) struct Plan {
    pub(super) job: Arc<Job>,
    pub(super) machine: Machine,
    pub(super) control: Arc<Control>,
    /// Every partition, by its number.
    pub(super) readings: Vec<Reading>,
    /// The state of each worker.
    pub(super) restored: Vec<Option<Restored>>,
    pub(super) progress: Progress,
    pub(super) target: Target,
    pub(super) interval: Duration,
    pub(super) in_flight: u64,
    /// The names of topics whose offsets are committed for tools that show lag, by partition.
    pub(super) names_at_sink: Vec<Option<String>>,
    pub(super) marks: Option<Arc<Watermarks>>,
    /// The journal, where epochs are bound, and the last epoch that is.
    pub(super) journal: Option<(Journal, Arc<AtomicU64>)>,
    /// Where snapshots go, and what goes with them.
    pub(super) state: Option<State>,
    pub(super) names: Vec<(String, u32)>,
    pub(super) known: Known,
    /// How much of the past is kept, where that is not all of it.
    pub(super) keep: Option<Keep>,
    /// Where people are told that a snapshot could not be written.
    pub(super) notice: Option<Notice>,
}

/// A pipeline that runs.
pub(super) struct Pipeline {
    pub(super) machine: Machine,
    pub(super) control: Arc<Control>,
    pub(super) openings: Vec<Way>,
    pub(super) cuts: Receiver<Cut>,
    pub(super) news: Vec<NewsSource>,
    pub(super) binder: Option<Sender<binder::Message>>,
    pub(super) snapshots: SnapshotPort,
    pub(super) beside: Arc<Beside>,
    pub(super) partitions: Vec<Partition>,
    pub(super) in_flight: u64,
    /// The epoch of the state that it began with.
    pub(super) first: Epoch,
}

/// Its threads.
pub(super) struct Threads {
    workers: Thread<Result<(), Failure>>,
    committer: Thread<Option<(Progress, Target)>>,
    others: Vec<Thread<()>>,
}

/// Starts a thread with a name.
pub(super) fn spawn<T: Send + 'static>(
    machine: &Machine,
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<Thread<T>, Failure> {
    machine.spawn(name, run).context("cannot start a thread").map_err(Failure::Failed)
}

/// Where workers' starts, their ways in, and the partitions of rates and rulebooks are gathered.
type Given = (Vec<Start>, Vec<Way>, Vec<NewsSource>);

/// Hands every worker its partitions, its state and its ways in and out.
fn hand_out(
    readings: Vec<Reading>,
    restored: Vec<Option<Restored>>,
    first: u64,
    cuts: &Sender<Cut>,
    reports: &SyncSender<Report>,
) -> Given {
    let (mut starts, mut openings, mut news) = (Vec::new(), Vec::new(), Vec::new());
    for state in restored {
        let (opening_in, opening) = channel();
        let thread = Arc::new(OnceLock::new());
        openings.push(Way { openings: opening_in, thread: Arc::clone(&thread) });
        let (cuts, reports) = (cuts.clone(), reports.clone());
        starts.push(Start {
            sources: Vec::new(),
            active: Vec::new(),
            places: Vec::new(),
            restored: state,
            first,
            openings: opening,
            thread,
            cuts,
            reports,
        });
    }
    let count = starts.len().max(1);
    let mut turn = 0;
    for (number, Reading { source, place, reference, active }) in (0_u32..).zip(readings) {
        if let Some(limit) = reference {
            news.push(NewsSource { number, source, first: limit, active });
            if let Some(start) = starts.first_mut() {
                start.places.push(place);
            }
        } else if let Some(start) = starts.get_mut(turn % count) {
            start.places.push(place);
            start.sources.push((number, source));
            start.active.extend(active.then_some(number));
            turn += 1;
        }
    }
    (starts, openings, news)
}

/// Starts the writer of snapshots; gives the ways to it.
fn writer(
    plan: &mut Plan,
    beside: &Arc<Beside>,
    others: &mut Vec<Thread<()>>,
) -> Result<(SnapshotPort, Option<Sender<Event>>), Failure> {
    let whole_every = if plan.machine.is_simulated() { SIMULATED_WHOLE_EVERY } else { WHOLE_EVERY };
    let port = SnapshotPort { at: Arc::default(), number: Arc::default(), whole_every, last: Arc::default(), parts: None };
    let Some(state) = plan.state.take() else { return Ok((port, None)) };
    let (event_in, events) = channel();
    let (part_in, parts) = channel();
    let forward: Sender<Event> = event_in.clone();
    let machine = plan.machine.clone();
    others.push(spawn(&plan.machine, "snapshot-parts", move || {
        // Parts and commits come by one way, so that the writer waits for both.
        while let Ok(part) = machine.receive(&parts) {
            let _gone = forward.send(Event::Part(part));
        }
    })?);
    let (spread, beside, control) = (plan.job.spread, Arc::clone(beside), Arc::clone(&plan.control));
    others.push(spawn(&plan.machine, "snapshots", move || {
        if let Err(error) = state.write_all(&events, spread, &beside) {
            control.fail(Failure::Failed(error.context("cannot write a snapshot")));
        }
    })?);
    Ok((SnapshotPort { parts: Some(part_in), ..port }, Some(event_in)))
}

impl Pipeline {
    /// Starts everything; gives the threads apart, since they are waited for when the rest is gone.
    pub(super) fn start(mut plan: Plan) -> Result<(Self, Threads), Failure> {
        let workers = plan.restored.len();
        let (cut_in, cuts) = channel();
        let (report_in, reports) = sync_channel(workers * plan.in_flight as usize * 2 + 16);
        let beside = Arc::new(Beside {
            partitions: std::mem::take(&mut plan.names),
            known: Mutex::new(std::mem::take(&mut plan.known)),
            keep: plan.keep.take(),
            notice: plan.notice.take(),
            ..Beside::default()
        });
        let mut others = Vec::new();
        let (full_port, committed) = writer(&mut plan, &beside, &mut others)?;
        let port = SnapshotPort { parts: None, ..full_port.clone() };
        let mut binder = None;
        if let Some((journal, bound)) = plan.journal {
            let (bind_in, binds) = channel();
            let (control, machine) = (Arc::clone(&plan.control), plan.machine.clone());
            others.push(spawn(&plan.machine, "binder", move || binder::run(journal, &binds, &bound, &control, &machine))?);
            binder = Some(bind_in);
        }
        let (first, partitions) = (plan.progress.epoch, plan.job.partitions.clone());
        let (starts, openings, news) = hand_out(plan.readings, plan.restored, first, &cut_in, &report_in);
        let committer = Committer {
            machine: plan.machine.clone(),
            target: plan.target,
            control: Arc::clone(&plan.control),
            workers,
            shards: plan.job.spread.shards,
            partitions: plan.job.partitions.clone(),
            names_at_sink: plan.names_at_sink,
            progress: plan.progress,
            interval: plan.interval,
            binder: binder.clone(),
            snapshots: port.clone(),
            committed,
            pending: VecDeque::new(),
            last_commit: (first, plan.machine.now()),
            last_offsets: None,
            held: BTreeMap::new(),
        };
        // The ways to the writer of snapshots are the workers' alone: when they have ended, it does.
        let given: Vec<_> = starts.into_iter().map(|start| (start, full_port.clone())).collect();
        drop(full_port);
        let (job, control, marks, machine) = (plan.job, Arc::clone(&plan.control), plan.marks, plan.machine.clone());
        let threads = Threads {
            committer: spawn(&plan.machine, "committer", move || committer.run(&reports))?,
            workers: spawn(&plan.machine, "workers", move || {
                let on = machine.clone();
                on_workers(&machine, given, move |timely_worker, (start, snapshots)| {
                    worker::run(timely_worker, start, &on, &job, &control, marks.clone(), &snapshots);
                })
            })?,
            others,
        };
        let pipeline = Self {
            machine: plan.machine,
            control: plan.control,
            openings,
            cuts,
            news,
            binder,
            snapshots: port,
            beside,
            partitions,
            in_flight: plan.in_flight,
            first,
        };
        Ok((pipeline, threads))
    }
}

impl Threads {
    /// Waits until everything that was begun is done; the coordinator is gone by then.
    pub(super) fn join(self, control: &Control) -> Result<(Progress, Target), Failure> {
        let panicked = || Failure::Defect("a thread of the service panicked".to_owned());
        self.workers.join().map_err(|_| panicked())??;
        let done = self.committer.join().map_err(|_| panicked())?;
        if let Some(failure) = control.take_failure() {
            return Err(failure);
        }
        let (progress, mut target) = done.ok_or_else(panicked)?;
        if let Target::Shards(shards) = &mut target {
            // Their ways in are closed, so they end.
            for (work, _, thread) in shards.drain(..) {
                drop(work);
                thread.join().map_err(|_| panicked())?;
            }
        }
        for thread in self.others {
            thread.join().map_err(|_| panicked())?;
        }
        match control.take_failure() {
            Some(failure) => Err(failure),
            None => Ok((progress, target)),
        }
    }
}
