//! How a service starts: who owns the job, how far it is, and what it goes on from (DESIGN section 6).
//!
//! 1. Inputs are looked at: a start that has to be refused takes the job from nobody. Then a *generation record* is appended to the journal: nobody older can bind any more.
//! 2. The transactional id of every shard is taken: nobody older can publish. A newer generation ends this one.
//! 3. The shards' progress is read back, and the last transaction of each is counted.
//! 4. The newest snapshot that is usable is loaded; what was bound after it will be read again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::chosen::{Chosen, Loaded, manifests_of_this_job, reaches_back};
use super::ends::Watched;
use super::history::{History, book_of, programme_of};
use super::pipeline::spawn;
use super::topics::{self, Input};
use super::watch::Watch;
use super::{Options, is_wall, same};
use crate::api::Stage;
use crate::brokers::Transactions;
use crate::config::Config;
use crate::dataflows::ledger::Restored;
use crate::dataflows::{Job, Profiles};
use crate::epoch::{ClockSettings, Spread};
use crate::journal::{self, Bound, Journal};
use crate::kafka;
use crate::machine::Defect;
use crate::runtime::Failure;
use crate::runtime::programme::load_programme;
use crate::runtime::state::{Known, State};
use crate::runtime::store::Store;
use crate::sinks::kafka::progress::ProgressRecord;
use crate::sinks::kafka::{Outputs, shard};
use crate::sinks::tally::Progress;
use crate::sources::Partition;
use crate::sources::reference::{Book, Reference};
use tidemark_domain::defect::Defects;
use tidemark_domain::programme::Programme;

/// What a service goes on from.
pub(super) struct Begun {
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Arc<Outputs>,
    /// The first offset and the last stable offset of every partition, at the start.
    pub(super) ends: Vec<(u64, u64)>,
    pub(super) generation: u64,
    pub(super) progress: Progress,
    pub(super) restored: Vec<Option<Restored>>,
    pub(super) known: Known,
    pub(super) book: Book,
    /// What was bound after the snapshot.
    pub(super) bounds: Vec<Bound>,
    pub(super) last_bound: u64,
    pub(super) last_now: Option<i64>,
    /// Partitions that are taken in with the next epoch.
    pub(super) taken_in: Vec<(u32, u64)>,
    /// The first revision, where nothing is bound yet.
    pub(super) unbound_programme: Vec<(String, String)>,
    pub(super) shards: Vec<(Box<dyn Transactions>, Vec<ProgressRecord>)>,
    clock: ClockSettings,
    finished: bool,
    store: Arc<Store>,
    process: String,
    journal: Option<Journal>,
    pub(super) state: Option<State>,
}

/// So many snapshots are likely to be tried: a start reads the journal from the oldest of them on.
const NEWEST: usize = 16;

/// Starts.
pub(super) fn begin(options: &Options, watch: &Watch) -> Result<Begun, Failure> {
    let (config, notice) = (&options.config, &options.notice);
    let (programme, files) = load_programme(&config.programme.path)?;
    let given: Vec<(String, String)> = files.into_iter().map(|file| (file.name, file.text)).collect();
    let machine = &options.world.machine;
    let store = Arc::new((options.world.store)(&config.store.url, &config.job.name).map_err(Failure::Failed)?);
    let inputs = topics::inputs(options)?;
    let outputs = Arc::new(topics::outputs(options)?);
    let ends = topics::offsets(&inputs, options)?;
    let partitions: Vec<Partition> = inputs.iter().map(|input| input.partition.clone()).collect();
    let process = machine.random_id();
    let state = State::of_service(Arc::clone(&store), &config.job.name, machine);
    // What was bound before all of the newest snapshots is needed by none of them.
    let manifests = manifests_of_this_job(&state, options)?;
    let since = manifests.get(manifests.len().saturating_sub(NEWEST)).map_or(0, |oldest| oldest.epoch);
    let (journal, story) = {
        let start = same::start(options, &outputs, &inputs);
        Journal::begin(Arc::clone(&store), &process, since, &start, machine.clone(), Arc::clone(notice))?
    };
    machine.pass("start.generation");
    notice(&format!("generation {} of job {} begins", journal.generation(), config.job.name));
    let mut history = History::of(&story, &partitions)?;
    watch.stage(Stage::Fencing);
    let producers = fence(options, &outputs, &journal)?;
    machine.pass("start.fenced");
    watch.stage(Stage::Restoring);
    let chosen = Chosen { outputs: &outputs, state: &state, options, history: &history, partitions: &partitions };
    let found = chosen.choose();
    // Whoever was asleep meanwhile reads what its successor wrote: that is no finding.
    superseded_at_start(&journal)?;
    let (snapshot, progress_records) = found?;
    if snapshot.as_ref().is_none_or(|(manifest, _)| manifest.epoch < since) && !history.whole {
        history = History::of(&journal::read(&store).map_err(Failure::Failed)?, &partitions)?;
    }
    reaches_back(snapshot.as_ref().map(|(manifest, _)| manifest.epoch), &history, &progress_records)?;
    history.go_on_from(snapshot.as_ref().map_or(&[], |(manifest, _)| &manifest.progress.places));
    same::check(options, &outputs, &inputs, &history)?;
    let (progress, restored, known) = gone_on_from(options, snapshot, &history, &given);
    tell_of_another_programme(options, &known, &given, &programme)?;
    let (book, clock) = book_of(&known)?;
    machine.pass("start.restored");
    let taken_in = taken_in(&history, &inputs, &ends, options);
    let last_bound = history.last_epoch();
    let shards = producers.into_iter().zip(progress_records).collect();
    Ok(Begun {
        inputs,
        outputs,
        ends,
        generation: journal.generation(),
        bounds: history.bounds.into_iter().filter(|bound| is_after(options, bound.epoch, progress.epoch)).collect(),
        progress,
        restored,
        unbound_programme: if last_bound == 0 { given } else { Vec::new() },
        known,
        book,
        last_bound,
        last_now: history.last_now,
        taken_in,
        shards,
        clock,
        finished: history.finished,
        store,
        process,
        journal: Some(journal),
        state: Some(state),
    })
}

/// What is gone on from: a snapshot, or nothing.
fn gone_on_from(
    options: &Options,
    snapshot: Option<Loaded>,
    history: &History,
    given: &[(String, String)],
) -> (Progress, Vec<Option<Restored>>, Known) {
    let first = if history.programme.is_empty() { given.to_vec() } else { history.programme.clone() };
    match snapshot {
        Some((manifest, restored)) => {
            (options.notice)(&format!("going on from the snapshot after epoch {}", manifest.epoch));
            (manifest.progress, restored.into_iter().map(Some).collect(), manifest.known)
        }
        None => {
            let nothing = (0..options.config.job.workers).map(|_| None).collect();
            (Progress::default(), nothing, Known { programme: first, news: Vec::new() })
        }
    }
}

/// The programme that is configured counts at the first start only.
fn tell_of_another_programme(
    options: &Options,
    known: &Known,
    given: &[(String, String)],
    programme: &Programme,
) -> Result<(), Failure> {
    let rulebook = programme_of(&known.programme)?;
    if known.programme != given && (rulebook.values != programme.values || rulebook.revision != programme.revision) {
        (options.notice)(&format!(
            "the programme in {} is not the first revision that this job began with (revision {}); that one holds. A new one is \
             published with `tidemark programme publish`",
            options.config.programme.path.display(),
            rulebook.revision
        ));
    }
    Ok(())
}

/// Whether an epoch comes after the snapshot.
fn is_after(options: &Options, epoch: u64, snapshot: u64) -> bool {
    let machine = &options.world.machine;
    if machine.has(Defect::ReplayOneLate) && snapshot > 0 {
        return epoch > snapshot + 1;
    }
    epoch > snapshot || (machine.has(Defect::ReplayOneEarly) && epoch == snapshot)
}

/// Whether a right is missing: no waiting gives it.
fn is_denied(error: &anyhow::Error) -> bool {
    error.downcast_ref::<crate::brokers::Refused>().is_some_and(|refused| refused.kind == crate::brokers::Kind::Denied)
}

/// Takes the transactional ids of all shards: whoever held them before can publish nothing more.
fn fence(options: &Options, outputs: &Arc<Outputs>, journal: &Journal) -> Result<Vec<Box<dyn Transactions>>, Failure> {
    let threads: Vec<_> = (0..outputs.shards)
        .map(|number| {
            let (outputs, options) = (Arc::clone(outputs), options.clone());
            spawn(&options.world.machine.clone(), "fence", move || {
                let make = || shard::new_producer(&outputs, number, &options.world.machine, &|| false);
                let brokers = outputs.brokers.as_ref();
                super::patiently(&options, brokers, |error| brokers.is_theirs(error) && !is_denied(error), make)
            })
        })
        .collect();
    let mut producers = Vec::new();
    for thread in threads {
        let made = thread?.join().map_err(|_| Failure::Defect("a thread of the start panicked".to_owned()))?;
        producers.push(made?);
    }
    superseded_at_start(journal)?;
    Ok(producers)
}

fn superseded_at_start(journal: &Journal) -> Result<(), Failure> {
    if journal.is_superseded().map_err(Failure::Failed)? {
        return Err(Failure::Superseded(
            "a newer start of this job took over while this one began; this process stops and published nothing".to_owned(),
        ));
    }
    Ok(())
}

/// Partitions that no binding names begin at their log start; after a drain all are read on.
fn taken_in(history: &History, inputs: &[Input], ends: &[(u64, u64)], options: &Options) -> Vec<(u32, u64)> {
    let again = options.world.machine.has(Defect::TakenInAgain);
    let mut all = Vec::new();
    for ((number, input), (low, _)) in (0_u32..).zip(inputs).zip(ends) {
        match history.reached.get(&number) {
            Some(reached) if history.finished => all.push((number, *reached)),
            Some(_) if !again => {}
            _ => {
                (options.notice)(&format!(
                    "topic {}, partition {} is read from its first offset, {low}",
                    input.name(),
                    input.partition.number
                ));
                all.push((number, *low));
            }
        }
    }
    all
}

impl Begun {
    /// Whether a drain has nothing to do at all.
    pub(super) fn is_drained(&self) -> bool {
        self.bounds.is_empty() && self.is_at_its_end()
    }

    /// Whether nothing new is there, and what was there has come to its end.
    pub(super) fn is_at_its_end(&self) -> bool {
        let reached = |number: u32| {
            let replayed = self.bounds.iter().rev().flat_map(|bound| &bound.ends).find(|(each, _)| *each == number);
            let known = self.progress.places.iter().find(|place| place.partition == number);
            replayed.map(|(_, offset)| *offset).or_else(|| known.map(|place| place.position.offset))
        };
        let nothing_new = (0_u32..).zip(&self.ends).all(|(number, (low, end))| match reached(number) {
            Some(offset) => offset >= *end,
            None => low >= end,
        });
        nothing_new && (self.finished || self.last_bound == 0)
    }

    /// How many records lie between the snapshot and the ends of the partitions.
    pub(super) fn behind(&self) -> u64 {
        let known = |number: u32| {
            self.progress.places.iter().find(|place| place.partition == number).map_or(0, |place| place.position.offset)
        };
        (0_u32..).zip(&self.ends).map(|(number, (low, end))| end.saturating_sub(known(number).max(*low))).sum()
    }

    /// Whether a newer start has taken over meanwhile: asked until the store answers, since to go on without an answer
    /// would take the shards from whoever owns the job.
    pub(super) fn superseded_later(&self, options: &Options) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let (store, process) = (Arc::clone(&self.store), self.process.clone());
        let (machine, notice) = (options.world.machine.clone(), Arc::clone(&options.notice));
        Arc::new(move || {
            let mut silence = kafka::Silence::default();
            loop {
                match journal::owner(&store) {
                    Ok(owner) => return owner.is_some_and(|owner| owner != process),
                    Err(error) => {
                        if let Some(seconds) = silence.lasts() {
                            notice(&format!("waiting for the store since {seconds} s (who owns the job): {error:#}"));
                        }
                        machine.sleep(Duration::from_millis(200));
                    }
                }
            }
        })
    }

    /// The name of a partition's topic, where it is at the brokers that are published to: only there its offset can be
    /// committed with a transaction.
    pub(super) fn name_at_sink(&self, input: &Input) -> Option<String> {
        (input.brokers.address() == self.outputs.brokers.address()).then(|| input.name())
    }

    /// The names of all partitions.
    pub(super) fn names(&self) -> Vec<(String, u32)> {
        self.inputs.iter().map(|input| (input.partition.topic.clone(), input.partition.number)).collect()
    }

    /// What the watermarks of are asked.
    pub(super) fn watched(&self) -> Vec<Watched> {
        let each = |input: &Input| (input.partition.clone(), Arc::clone(&input.brokers), input.prefix.clone());
        self.inputs.iter().map(each).collect()
    }

    /// The store of the job.
    pub(super) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    pub(super) fn take_journal(&mut self) -> Result<Journal, Failure> {
        self.journal.take().context("the journal is gone").map_err(Failure::Failed)
    }

    /// What does not change while the service runs.
    pub(super) fn job(&self, config: &Config, defects: Defects) -> Arc<Job> {
        let mut rules = self.book.rules();
        rules.defects = defects;
        let wall = is_wall(config);
        Arc::new(Job {
            partitions: self.inputs.iter().map(|input| input.partition.clone()).collect(),
            clock: self.clock,
            spread: Spread { shards: config.job.shards, workers: config.job.workers },
            kafka: true,
            reference: Arc::new(Reference { rules, found: BTreeMap::new() }),
            until: None,
            step_ms: wall.then_some(super::STEP_MS),
            profiles: if wall { Profiles::Every(config.epoch.profile_interval.as_millis() as i64) } else { Profiles::End },
            by_shard: true,
            ledger_topic: true,
        })
    }
}
