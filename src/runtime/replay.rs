//! `replay`: events in, facts and a summary out; back-test, audit and the embedded default in one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use tidemark_domain::defect::Defects;
use tidemark_domain::programme::Programme;
use tidemark_domain::time::Instant;
use xxhash_rust::xxh3::Xxh3;

use super::input::{Input, open_input};
use super::job_file::{self, JobFile};
use super::programme::{clock_settings, load_programmes};
use super::publisher::{Intervals, Publisher};
use super::state::{Beside, Event, State};
use super::worker::{Pace, Shared, Start};
use super::{Failure, LOGIC_VERSION, on_workers, store, worker};
use crate::dataflows::ledger::{Restored, SnapshotPort, WHOLE_EVERY};
use crate::dataflows::{Job, Profiles};
use crate::epoch::{ClockSettings, Epoch, Place, Spread};
use crate::machine::Machine;
use crate::sinks::files::{self, Contents, FileSink, Record, inspect};
use crate::sinks::tally::Progress;
use crate::sinks::{Sink, Topic};
use crate::sources::Partition;
use crate::sources::kafka::Extent;
use crate::sources::reference::{self, Reference};

/// The number of shards of a job.
pub const SHARDS: u32 = 12;

/// What to replay, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// Programmes: files or folders.
    pub programmes: Vec<PathBuf>,
    /// A file, a folder, or `kafka://HOST:PORT/topic,topic`.
    pub events: String,
    /// The folder of results.
    pub out: PathBuf,
    /// Workers.
    pub workers: u32,
    /// The end; what is beyond it is left out.
    pub until: Option<Instant>,
    /// The folder of state, to be resumed from.
    pub state: Option<PathBuf>,
    /// Where a service keeps its journal: its bindings are followed.
    pub bindings: Option<String>,
    /// Whether profiles leave at every change.
    pub live_profiles: bool,
    /// How much is read at a time.
    pub pace: Pace,
    /// When things are made durable.
    pub intervals: Intervals,
    /// Whether postings of points leave at all.
    pub ledger_topic: bool,
    /// Planted defects.
    pub defects: Defects,
}

impl Options {
    /// Options with everything else at its default.
    #[must_use]
    pub fn new(programmes: Vec<PathBuf>, events: String, out: PathBuf) -> Self {
        Self {
            programmes,
            events,
            out,
            workers: 1,
            until: None,
            state: None,
            bindings: None,
            live_profiles: false,
            pace: Pace { epoch_bytes: 256 * 1024, epochs_in_flight: 8 },
            intervals: Intervals { commit: Duration::from_millis(500), snapshot: Duration::from_secs(60) },
            ledger_topic: true,
            defects: Defects::default(),
        }
    }
}

/// What a replay amounts to (CONTRACTS section 4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Records read.
    pub events_in: u64,
    /// Applied, refusals included.
    pub applied: u64,
    /// Known already.
    pub duplicates: u64,
    /// Late ones of the applied.
    pub late: u64,
    /// Set aside.
    pub dead_letters: u64,
    /// Reversals whose bet did not come in time.
    pub unmatched_reversals: u64,
    /// Of unknown types.
    pub skipped_unknown: u64,
    /// Beyond the end that was asked for.
    pub beyond_until: u64,
    /// Bets on a game without a weight.
    pub unknown_game_total: u64,
    /// Amounts other than bets' that had no rate.
    pub fx_missing_total: u64,
    /// Facts by topic, without profiles.
    pub facts: std::collections::BTreeMap<&'static str, u64>,
    /// Players at the end.
    pub profiles: u64,
    /// The digest over all facts.
    pub facts_digest: String,
    /// Logical time at the end.
    pub logical_time: Option<String>,
    /// Nothing was left to do.
    #[serde(skip)]
    pub done_before: bool,
}

impl Summary {
    /// The summary of what everything amounts to.
    #[must_use]
    pub fn of(progress: &Progress) -> Self {
        let tally = &progress.tally;
        let facts = Topic::ALL
            .iter()
            .filter(|topic| **topic != Topic::Profiles)
            .map(|topic| (topic.name(), tally.facts[*topic as usize]));
        Self {
            events_in: tally.events_in,
            applied: tally.applied,
            duplicates: tally.duplicates,
            late: tally.late,
            dead_letters: tally.dead_letters,
            unmatched_reversals: tally.unmatched_reversals,
            skipped_unknown: tally.skipped_unknown,
            beyond_until: tally.beyond_until,
            unknown_game_total: tally.unknown_game_total,
            fx_missing_total: tally.fx_missing_total,
            facts: facts.collect(),
            profiles: tally.profiles,
            facts_digest: format!("{:032x}", tally.facts_digest()),
            logical_time: progress.logical_time.map(|at| Instant(at).to_string()),
            done_before: false,
        }
    }
}

/// What can be watched while it runs.
pub trait Watcher: Send + Sync {
    /// Something worth a line.
    fn notice(&self, line: &str);
    /// How far it is: records, bytes read, and bytes in all where that is known.
    fn progress(&self, records: u64, bytes: u64, of: Option<u64>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Watcher for Quiet {
    fn notice(&self, _line: &str) {}
    fn progress(&self, _records: u64, _bytes: u64, _of: Option<u64>) {}
}

/// Runs a replay.
///
/// # Errors
/// Why it ended, with its exit code.
pub fn replay(options: &Options, watcher: &Arc<dyn Watcher>) -> Result<Summary, Failure> {
    if options.workers == 0 || options.workers > SHARDS {
        return Err(Failure::Usage(format!("--workers {} is not between 1 and {SHARDS}, the number of shards", options.workers)));
    }
    if let Some((name, file)) = places(options).find(|(_, folder)| folder.is_file()) {
        return Err(Failure::Usage(format!(
            "{name} {} is a file; give a folder, or a path where nothing is yet",
            file.display()
        )));
    }
    if options.out.to_string_lossy().contains("://") {
        let out = options.out.display();
        return Err(Failure::Usage(format!(
            "--out {out} is a URL; facts are written to a folder of this machine, give its path"
        )));
    }
    let state = options.state.as_ref().map(|state| ("--state", state.to_string_lossy().into_owned()));
    for (name, url) in state.into_iter().chain(options.bindings.clone().map(|url| ("--bindings", url))) {
        store::check_url(&url).map_err(|why| Failure::Usage(format!("{name}: {why}")))?;
    }
    let mut programmes = Vec::new();
    let mut text = Xxh3::new();
    for (programme, sources) in load_programmes(&options.programmes)? {
        for source in sources {
            text.update(format!("{}\n", source.text.len()).as_bytes());
            text.update(source.text.as_bytes());
        }
        programmes.push(Arc::new(programme));
    }
    let contents = inspect(&options.out)?;
    if let Some(bindings) = &options.bindings {
        begin(options, &JobFile::default(), contents)?;
        return super::service::replay_bindings(options, bindings, watcher);
    }
    let before = resumed(options, &contents)?;
    let input = open_input(&options.events, options.workers, options.state.is_some(), before.as_ref(), watcher)?;
    let job_file = JobFile {
        version: 1,
        logic_version: LOGIC_VERSION,
        programme: format!("{:032x}", text.digest128()),
        events: input.fingerprint.clone(),
        until: options.until.map(|until| until.0),
        live_profiles: options.live_profiles,
        extent: input.extent.clone(),
    };
    // Before anything is begun: a state folder belongs to the first run that could be.
    let reference = reference::settle(&programmes, input.records.clone()).map_err(Failure::Usage)?;
    let begun = begin(options, &job_file, contents)?;
    for (name, folder) in places(options).filter(|(_, folder)| lies_within(folder, Path::new(&options.events))) {
        let place = folder.display();
        watcher.notice(&format!("{name} {place} lies in the folder of --events: the next run there reads it as events"));
    }
    if let Some(record) = begun.found.as_ref().filter(|record| record.progress.finished) {
        files::check(&options.out, record)?;
        watcher.notice("this run is complete; nothing is left to do");
        return finish(options, &record.progress).map(|summary| Summary { done_before: true, ..summary });
    }
    let progress = Run { options, watcher, input, begun, reference, job_file: &job_file, programmes: &programmes }.run()?;
    finish(options, &progress)
}

/// What a run begins from.
struct Begun {
    state: Option<State>,
    found: Option<Record>,
}

/// Where a run writes.
fn places(options: &Options) -> impl Iterator<Item = (&'static str, &PathBuf)> {
    [("--out", Some(&options.out)), ("--state", options.state.as_ref())]
        .into_iter()
        .filter_map(|(name, folder)| folder.map(|folder| (name, folder)))
}

/// Whether a folder, which may not be there yet, lies in another one, or is it.
fn lies_within(folder: &Path, outer: &Path) -> bool {
    let Ok(whole) = std::path::absolute(folder) else { return false };
    let there = whole.ancestors().find_map(|path| path.canonicalize().ok());
    outer.is_dir() && there.zip(outer.canonicalize().ok()).is_some_and(|(there, outer)| there.starts_with(outer))
}

/// What the run reads of Kafka that this one resumes; none where this one begins.
fn resumed(options: &Options, contents: &Contents) -> Result<Option<Extent>, Failure> {
    let Some(folder) = &options.state else { return Ok(None) };
    if !matches!(contents, Contents::Run(_)) {
        return Ok(None);
    }
    State::extent(folder).map_err(Failure::Failed)
}

fn begin(options: &Options, job: &JobFile, contents: Contents) -> Result<Begun, Failure> {
    let out = options.out.display();
    let state = match &options.state {
        None => None,
        Some(folder) => Some(
            State::open(folder, job)
                .map_err(Failure::Failed)?
                .map_err(|differences| Failure::Mismatch(job_file::of_another_run(folder, &differences)))?,
        ),
    };
    match contents {
        contents @ (Contents::Empty | Contents::Begun) if state.is_some() || matches!(contents, Contents::Empty) => {
            if let Some(state) = &state {
                state.begin(job).map_err(Failure::Failed)?;
            }
            Ok(Begun { state, found: None })
        }
        Contents::Run(record) if state.is_some() && record.job == job.fingerprint() => {
            // The folder may be another one than at the start before.
            state.iter().try_for_each(|state| state.claim(job)).map_err(Failure::Failed)?;
            Ok(Begun { state, found: Some(*record) })
        }
        Contents::Run(_) if state.is_some() => Err(Failure::Usage(format!(
            "{out} holds the results of another run; give an empty folder, or the one that this --state goes with"
        ))),
        Contents::Run(_) | Contents::Foreign | Contents::Begun | Contents::Empty => Err(Failure::Usage(format!(
            "{out} is not empty; give an empty folder, or the --state that its results were made with"
        ))),
    }
}

/// Writes the summary, and is done.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn finish(options: &Options, progress: &Progress) -> Result<Summary, Failure> {
    let summary = Summary::of(progress);
    let path = options.out.join("summary.json");
    let text = serde_json::to_string_pretty(&summary).context("cannot write the summary").map_err(Failure::Failed)?;
    // A run that was complete before changes nothing.
    if std::fs::read_to_string(&path).is_ok_and(|known| known == format!("{text}\n")) {
        return Ok(summary);
    }
    let part = options.out.join(".summary.json");
    std::fs::write(&part, text + "\n")
        .and_then(|()| std::fs::rename(&part, &path))
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(Failure::Failed)?;
    Ok(summary)
}

/// Everything that one run needs.
struct Run<'o> {
    options: &'o Options,
    watcher: &'o Arc<dyn Watcher>,
    input: Input,
    begun: Begun,
    reference: Reference,
    job_file: &'o JobFile,
    programmes: &'o [Arc<Programme>],
}

impl Run<'_> {
    fn run(mut self) -> Result<Progress, Failure> {
        let spread = Spread { shards: SHARDS, workers: self.options.workers };
        let published = self.begun.found.as_ref().map(|record| record.progress.clone());
        let (mut progress, restored) = self.restore(spread, published.as_ref())?;
        let first = published.as_ref().map_or(0, |published| published.epoch);
        progress.epoch = first;
        let job = self.job(spread);
        let shared = Arc::new(Shared::new(self.options.workers as usize, first));
        let sink: Box<dyn Sink> = Box::new(FileSink::open(
            &self.options.out,
            &self.job_file.fingerprint(),
            self.begun.found.as_ref(),
            self.options.state.is_some(),
        )?);
        let starts = self.starts(&progress, published.as_ref(), restored, first)?;
        self.execute(job, shared, sink, starts, progress, published)
    }

    fn job(&mut self, spread: Spread) -> Arc<Job> {
        let mut reference = std::mem::take(&mut self.reference);
        reference.rules.defects = self.options.defects;
        let none = ClockSettings { ordering_delay_ms: 0, future_tolerance_ms: 0 };
        let clock = self.programmes.first().map_or(none, |programme| clock_settings(programme));
        let partitions: Vec<Partition> = self.input.sources.iter().map(|source| source.partition().clone()).collect();
        Arc::new(Job {
            partitions,
            clock,
            spread,
            kafka: self.input.extent.is_some(),
            reference: Arc::new(reference),
            until: self.options.until.map(|until| until.0),
            profiles: if self.options.live_profiles { Profiles::Live } else { Profiles::End },
            by_shard: false,
            step_ms: None,
            ledger_topic: self.options.ledger_topic,
        })
    }

    /// State to begin from: the newest snapshot that is usable, or nothing.
    fn restore(&self, spread: Spread, published: Option<&Progress>) -> Result<(Progress, Vec<Option<Restored>>), Failure> {
        let nothing = || (Progress::default(), (0..spread.workers).map(|_| None).collect());
        let (Some(state), Some(published)) = (&self.begun.state, published) else { return Ok(nothing()) };
        let watcher = Arc::clone(self.watcher);
        let found = state.restore(published.epoch, spread, &mut |line| watcher.notice(&line)).map_err(Failure::Failed)?;
        match found {
            Some((progress, restored)) => {
                self.watcher.notice(&format!("resuming from the snapshot after epoch {}", progress.epoch));
                Ok((progress, restored.into_iter().map(Some).collect()))
            }
            None => {
                self.watcher.notice("no snapshot is usable; reading again from the start, publishing only what is new");
                Ok(nothing())
            }
        }
    }

    /// Hands every worker its partitions and its state.
    fn starts(
        &mut self,
        from: &Progress,
        published: Option<&Progress>,
        restored: Vec<Option<Restored>>,
        first: Epoch,
    ) -> Result<Vec<Start>, Failure> {
        let mut starts: Vec<Start> = restored
            .into_iter()
            .map(|restored| Start { sources: Vec::new(), places: Vec::new(), restored, published: Vec::new(), first })
            .collect();
        let workers = starts.len();
        for (number, mut source) in (0_u32..).zip(std::mem::take(&mut self.input.sources)) {
            let Some(start) = starts.get_mut(number as usize % workers.max(1)) else { continue };
            let mut place =
                Place { partition: number, position: source.position(), clock: crate::epoch::Clock::default(), ended: false };
            if let Some(known) = from.places.iter().find(|each| each.partition == number) {
                source.seek(known.position)?;
                place = *known;
            }
            start.places.push(place);
            start.published.extend(published.and_then(|before| before.places.iter().find(|each| each.partition == number)));
            start.sources.push((number, source));
        }
        Ok(starts)
    }

    fn execute(
        self,
        job: Arc<Job>,
        shared: Arc<Shared>,
        sink: Box<dyn Sink>,
        starts: Vec<Start>,
        progress: Progress,
        published: Option<Progress>,
    ) -> Result<Progress, Failure> {
        let workers = starts.len();
        let (report_in, reports) = sync_channel(workers * self.options.pace.epochs_in_flight as usize * 2 + 16);
        let (event_in, events) = channel();
        let (part_in, parts) = channel();
        let has_state = self.begun.state.is_some();
        let snapshots = SnapshotPort {
            at: Arc::new(AtomicU64::new(0)),
            number: Arc::new(AtomicU64::new(0)),
            whole_every: WHOLE_EVERY,
            last: Arc::default(),
            parts: has_state.then_some(part_in),
        };
        let publisher =
            self.publisher(&shared, sink, progress, published, snapshots.clone(), has_state.then(|| event_in.clone()));
        let result = std::thread::scope(|scope| -> Result<Option<Progress>, Failure> {
            let publishing = std::thread::Builder::new()
                .name("publisher".to_owned())
                .spawn_scoped(scope, move || publisher.run(&reports))
                .context("cannot start a thread")
                .map_err(Failure::Failed)?;
            let forward = event_in;
            scope.spawn(move || {
                // Parts and commits come by one way, so that the writer waits for both.
                while let Ok(part) = parts.recv() {
                    let _gone = forward.send(Event::Part(part));
                }
            });
            let spread = job.spread;
            let writer = self.begun.state.as_ref().map(|state| {
                let shared = Arc::clone(&shared);
                scope.spawn(move || {
                    if let Err(error) = state.write_all(&events, spread, &Beside::default()) {
                        shared.fail(Failure::Failed(error.context("cannot write a snapshot")));
                    }
                })
            });
            let pace = self.options.pace;
            let given = starts.into_iter().map(|start| (start, report_in.clone(), snapshots.clone())).collect();
            drop((report_in, snapshots));
            on_workers(&Machine::default(), given, {
                let (job, shared) = (Arc::clone(&job), Arc::clone(&shared));
                move |timely_worker, (start, outlet, port)| {
                    worker::run(timely_worker, start, &job, &shared, pace, &port, outlet);
                }
            })?;
            let done = publishing.join().map_err(|_| Failure::Defect("the publisher's thread panicked".to_owned()))?;
            if let Some(writer) = writer {
                writer.join().map_err(|_| Failure::Defect("the snapshot writer's thread panicked".to_owned()))?;
            }
            Ok(done)
        })?;
        if let Some(failure) = shared.failure.lock().ok().and_then(|mut slot| slot.take()) {
            return Err(failure);
        }
        result.ok_or_else(|| Failure::Defect("the run ended before its input was complete".to_owned()))
    }

    fn publisher(
        &self,
        shared: &Arc<Shared>,
        sink: Box<dyn Sink>,
        progress: Progress,
        published: Option<Progress>,
        snapshots: SnapshotPort,
        committed: Option<std::sync::mpsc::Sender<Event>>,
    ) -> Publisher {
        let (watcher, bytes, of) = (Arc::clone(self.watcher), Arc::clone(shared), self.input.bytes);
        Publisher {
            sink,
            shared: Arc::clone(shared),
            workers: u64::from(self.options.workers),
            progress,
            published,
            intervals: self.options.intervals,
            epochs_in_flight: self.options.pace.epochs_in_flight,
            snapshots,
            committed,
            on_progress: Box::new(move |now| watcher.progress(now.tally.events_in, bytes.bytes.load(Ordering::Relaxed), of)),
        }
    }
}
