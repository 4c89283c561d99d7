//! The whole graph on one page.
//!
//! ```text
//!  Arrival ──► decode ──► exchange ──► ledger ──► outlets ──► (the sinks' thread)
//!  bytes of    Event,     by key       order,     closed
//!  one epoch   clocks     group        apply,     epochs
//!                                      time
//! ```
//!
//! The timely timestamp is the epoch, a number. Event time is data. Each worker reads its own partitions,
//! decodes them and settles their clocks, then sends one parcel to every worker, itself included; a worker
//! owns whole shards. An epoch is complete at a worker when the frontier has passed it: then all parcels of
//! it are there, and with them how far logical time has come.

mod decode;
pub(crate) mod ledger;
mod outlets;
pub(crate) mod parcel;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::{InputHandle, Scope};

use crate::container::VecBuilder;
use crate::epoch::{ClockSettings, Epoch, Place, Spread};
use crate::sources::{Batch, Partition, reference::Reference};

pub(crate) use outlets::Report;

/// What a worker has read for one epoch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival {
    /// Batches by partition number.
    pub(crate) batches: Vec<(u32, Batch)>,
    /// Where the worker's partitions stand after them; clocks are filled in when they are decoded.
    pub(crate) places: Vec<Place>,
    /// Whether it is the worker's last one.
    pub(crate) last: bool,
    /// The epoch's wall clock, in ms; none where no wall clock enters.
    pub(crate) now: Option<i64>,
    /// Partitions that were read to their end: their clock is `now`.
    pub(crate) at_end: Vec<u32>,
    /// Partitions that are taken in only now, each with logical time as it was before the epoch.
    pub(crate) floors: Vec<(u32, i64)>,
    /// Rates and rulebooks, where the epoch brought any: all that are known with it.
    pub(crate) news: Option<Arc<Reference>>,
}

/// When profiles leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Profiles {
    /// At the end only.
    End,
    /// At every change of tier, status or by a command, and at the end.
    Live,
    /// At such a change at once; after any other at most this often, in ms of the epochs' wall clock.
    Every(i64),
}

/// What does not change while a job runs.
#[derive(Debug)]
pub(crate) struct Job {
    /// All partitions, in the order of topic and partition.
    pub(crate) partitions: Vec<Partition>,
    /// Clocks' settings.
    pub(crate) clock: ClockSettings,
    /// How keys are spread.
    pub(crate) spread: Spread,
    /// Whether the input is Kafka, where rates and rulebooks count only in their own topics.
    pub(crate) kafka: bool,
    /// Rules, and what was found before the run.
    pub(crate) reference: Arc<Reference>,
    /// The end that was asked for.
    pub(crate) until: Option<i64>,
    /// How far logical time may go in one epoch, in ms, where a wall clock drives it.
    pub(crate) step_ms: Option<i64>,
    /// When profiles leave.
    pub(crate) profiles: Profiles,
    /// Whether every shard's facts leave by themselves, each with its key; else all of a worker leave together.
    pub(crate) by_shard: bool,
    /// Whether postings of points leave at all; benchmarks measure without.
    pub(crate) ledger_topic: bool,
}

/// The clocks of a worker's partitions, for choosing what to read next.
pub(crate) type Clocks = Rc<RefCell<Vec<Place>>>;

/// Builds the graph of one worker and gives the way in.
pub(crate) fn build<'scope>(
    scope: Scope<'scope, Epoch>,
    job: &Arc<Job>,
    worker: u32,
    clocks: &Clocks,
    restored: Option<ledger::Restored>,
    snapshots: &ledger::SnapshotPort,
    reports: SyncSender<Report>,
) -> InputHandle<Epoch, VecBuilder<Arrival>> {
    let mut input = InputHandle::new_with_builder();
    let arrivals = input.to_stream(scope);
    let parcels = decode::decode(arrivals, Pipeline, job, worker, clocks);
    let results =
        ledger::ledger(parcels, Exchange::new(|parcel: &parcel::Parcel| u64::from(parcel.to)), job, worker, restored, snapshots);
    outlets::outlets(results, worker, reports);
    input
}
