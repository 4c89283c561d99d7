//! The bound input once more: into files (`replay --bindings`), or to be compared with what was published.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::committer::Target;
use super::control::Control;
use super::coordinator::{Coordinator, Cutting};
use super::history::{History, book_of, programme_of};
use super::pipeline::{Pipeline, Plan, Reading};
use crate::dataflows::ledger::Restored;
use crate::dataflows::{Job, Profiles};
use crate::epoch::Spread;
use crate::journal;
use crate::machine::Machine;
use crate::runtime::replay::{Options, SHARDS, Summary, Watcher};
use crate::runtime::state::Known;
use crate::runtime::store::{self, Store};
use crate::runtime::{Failure, LOGIC_VERSION, complete, input};
use crate::sinks::Sink as _;
use crate::sinks::files::FileSink;
use crate::sinks::tally::Progress;
use crate::sources::reference::{Reference, is_reference_topic};
use crate::sources::{Partition, Source};
use tidemark_domain::defect::Defects;

/// What is read once more, and from where on.
pub(super) struct Again {
    pub(super) history: History,
    pub(super) partitions: Vec<Partition>,
    pub(super) sources: Vec<Box<dyn Source>>,
    pub(super) workers: u32,
    pub(super) shards: u32,
    /// What is begun with: nothing, or a snapshot.
    pub(super) progress: Progress,
    pub(super) restored: Vec<Option<Restored>>,
    pub(super) known: Known,
    pub(super) target: Target,
    pub(super) defects: Defects,
    pub(super) in_flight: u64,
    /// Whether the input ends with the last binding (rule 17).
    pub(super) to_the_end: bool,
    pub(super) machine: Machine,
}

impl Again {
    /// Reads everything that was bound after what is begun with; gives what it amounts to.
    pub(super) fn run(self) -> Result<(Progress, Target), Failure> {
        let control = Arc::new(Control::new(self.workers as usize, &self.progress, 0).unwatched());
        let wall = self.history.generation.as_ref().is_some_and(|generation| generation.mode == "wall");
        let (book, clock) = book_of(&self.known)?;
        let mut rules = book.rules();
        rules.defects = self.defects;
        let job = Arc::new(Job {
            partitions: self.partitions.clone(),
            clock,
            spread: Spread { shards: self.shards, workers: self.workers },
            kafka: true,
            reference: Arc::new(Reference { rules, found: BTreeMap::new() }),
            until: None,
            step_ms: wall.then_some(super::STEP_MS),
            profiles: Profiles::End,
            by_shard: true,
            ledger_topic: true,
        });
        let first = self.progress.epoch;
        let readings = (0_u32..).zip(self.sources).zip(&self.partitions).map(|((number, source), partition)| {
            let reference = is_reference_topic(&partition.topic).then_some(0);
            Reading::new(&self.machine, number, source, &self.progress.places, reference)
        });
        let (pipeline, threads) = Pipeline::start(Plan {
            job,
            machine: self.machine.clone(),
            control: Arc::clone(&control),
            readings: readings.collect(),
            restored: self.restored,
            progress: self.progress,
            target: self.target,
            interval: std::time::Duration::from_millis(500),
            in_flight: self.in_flight,
            names_at_sink: Vec::new(),
            marks: None,
            journal: None,
            state: None,
            names: Vec::new(),
            known: self.known,
            keep: None,
            notice: None,
        })?;
        let mut coordinator = Coordinator::new(pipeline, book, self.defects, self.history.last_now, Cutting::default());
        let finished = self.history.finished;
        let bounds = self.history.bounds.into_iter().filter(|bound| bound.epoch > first).collect();
        let read = coordinator.replay(bounds).and_then(|_| if self.to_the_end && !finished { coordinator.end() } else { Ok(()) });
        drop(coordinator);
        if let Err(failure) = read {
            control.fail(failure);
        }
        if control.stopped() {
            return Err(control.take_failure().unwrap_or_else(|| Failure::Defect("a replay ended without a reason".to_owned())));
        }
        let (progress, target) = threads.join(&control)?;
        if self.to_the_end || finished {
            complete(&progress)?;
        }
        Ok((progress, target))
    }
}

/// A partition as the journal names it, and what it is read from.
type Arranged = (Partition, Box<dyn Source>);

/// Puts sources into the order of the partitions that a journal names; every one of them has to be there. A topic
/// may have something before its name: the prefix that the service strips.
pub(super) fn arranged(history_names: &[(String, u32)], mut sources: Vec<Box<dyn Source>>) -> Result<Vec<Arranged>, Failure> {
    let mut arranged = Vec::new();
    for (topic, number) in history_names {
        let same = |source: &dyn Source, exactly: bool| {
            let partition = source.partition();
            partition.number == *number
                && if exactly { partition.topic == *topic } else { partition.topic.ends_with(topic.as_str()) }
        };
        let exact = sources.iter().position(|source| same(source.as_ref(), true));
        let found = exact.or_else(|| sources.iter().position(|source| same(source.as_ref(), false)));
        let Some(at) = found else {
            return Err(Failure::Usage(format!("topic {topic}, partition {number}, was bound and is not in --events")));
        };
        arranged.push((Partition { topic: topic.clone(), number: *number }, sources.swap_remove(at)));
    }
    arranged.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(arranged)
}

/// Every partition that a journal names, in order.
pub(super) fn names_of(story: &journal::Story) -> Vec<(String, u32)> {
    let begun = story.records.iter().filter_map(|record| match &record.body {
        journal::Body::Generation(generation) => Some(generation.as_ref()),
        journal::Body::Binding(_) => None,
    });
    let all = story.head.iter().map(|head| &head.generation).chain(begun);
    let mut names: Vec<(String, u32)> = all.flat_map(|generation| generation.partitions.iter().cloned()).collect();
    names.sort();
    names.dedup();
    names
}

/// `replay --bindings`: the input as a service bound it, `now` included, into files.
///
/// # Errors
/// Why it ended, with its exit code.
pub(crate) fn replay_bindings(options: &Options, bindings: &str, watcher: &Arc<dyn Watcher>) -> Result<Summary, Failure> {
    if store::folder_of(bindings).is_some_and(|folder| !folder.exists()) {
        return Err(Failure::Usage(format!("--bindings {bindings} is not there; give [store] url and the job's name: URL/JOB")));
    }
    let store = Store::open(bindings, "").map_err(Failure::Failed)?;
    let story = journal::read(&store).map_err(Failure::Failed)?;
    if story.records.is_empty() {
        return Err(Failure::Usage(format!("{bindings} holds no journal; give [store] url and the job's name: URL/JOB")));
    }
    let opened = input::open_input(&options.events, options.workers, false, None, watcher)?;
    let arranged = arranged(&names_of(&story), opened.sources)?;
    let (partitions, sources): (Vec<Partition>, Vec<Box<dyn Source>>) = arranged.into_iter().unzip();
    let history = History::of(&story, &partitions)?;
    if !history.whole {
        return Err(Failure::Usage(format!("the journal in {bindings} does not reach back to the first epoch")));
    }
    let logic = history.generation.as_ref().map_or(0, |generation| generation.logic_version);
    if logic != LOGIC_VERSION {
        watcher.notice(&format!("the journal is of logic version {logic}, this is {LOGIC_VERSION}: facts may differ"));
    }
    given_programme_fits(options, &history)?;
    let known = Known { programme: history.programme.clone(), news: Vec::new() };
    let sink = FileSink::open(&options.out, "bindings", None, false)?;
    let again = Again {
        history,
        partitions,
        sources,
        workers: options.workers,
        shards: SHARDS,
        progress: Progress::default(),
        restored: (0..options.workers).map(|_| None).collect(),
        known,
        target: Target::Files(Box::new(sink)),
        defects: options.defects,
        in_flight: options.pace.epochs_in_flight,
        to_the_end: true,
        machine: Machine::default(),
    };
    let (progress, target) = again.run()?;
    if let Target::Files(mut files) = target {
        files.commit(&Progress { finished: true, ..progress.clone() })?;
    }
    crate::runtime::replay::finish(options, &progress)
}

/// The programme given has to be the first revision that was bound.
fn given_programme_fits(options: &Options, history: &History) -> Result<(), Failure> {
    let bound = programme_of(&history.programme)?;
    let given = crate::runtime::programme::load_programmes(&options.programmes)?;
    let same = |programme: &tidemark_domain::programme::Programme| {
        programme.values == bound.values && programme.revision == bound.revision && programme.id == bound.id
    };
    if given.iter().any(|(programme, _)| same(programme)) {
        return Ok(());
    }
    Err(Failure::Mismatch(format!(
        "none of --programme is the first revision that was bound ({} revision {}); later ones stand in the bindings",
        bound.id, bound.revision
    )))
}
