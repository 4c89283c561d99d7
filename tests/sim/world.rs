//! One simulation: processes of one job are started, die, wake up too late and are started again, until one of them is
//! let alone; then everything has to be there once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use object_store::memory::InMemory;
use tidemark::brokers::Brokers;
use tidemark::config::{self, Config};
use tidemark::machine::{Defect, Machine, Thread};
use tidemark::runtime::Failure;
use tidemark::runtime::service::{self, Options, Outcome, World};
use tidemark::runtime::store::Store;
use tidemark::sources::casino::DEFAULT_START_MS;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use super::connection::Connection;
use super::input::{self, Prepared};
use super::log::Log;
use super::store::Objects;
use super::turns::{Fate, Hand, Scheduler, Wall};
use super::weather::Weather;
use crate::results::{OUTPUTS, UNNUMBERED, default_programme, number};

/// The shards of the simulated job.
const SHARDS: u32 = 3;
/// A process that is still at it after this long of the simulation's time is ended.
const PATIENCE: Duration = Duration::from_secs(120);
/// So much faster than the simulation the wall clock goes: a day in 80 ms.
const WALL_SPEED: u64 = 1_080_000;

/// What is to happen.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    pub(super) seed: u64,
    /// By the wall clock, or by events alone.
    pub(super) wall: bool,
    pub(super) defect: Option<Defect>,
    /// So many processes come to a bad end before one is let alone.
    pub(super) ends: u32,
    /// The one bad end that is wanted: at a point, for the n-th time; and so many workers.
    pub(super) only: Option<(&'static str, u64, u32)>,
}

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Seen {
    pub(super) trace: u64,
    pub(super) turns: u64,
    /// How often the first process passed each point.
    pub(super) passed: BTreeMap<&'static str, u64>,
    /// How many processes died.
    pub(super) died: u32,
}

/// A process of the job.
struct Process {
    hand: Hand,
    ended: Arc<Mutex<Option<Result<Outcome, Failure>>>>,
    /// Set to ask it to end.
    asked: Arc<AtomicBool>,
    _main: Thread<()>,
}

struct Stage {
    scheduler: Arc<Scheduler>,
    driver: Hand,
    log: Arc<Log>,
    objects: Arc<InMemory>,
    prepared: &'static Prepared,
    said: Arc<Mutex<Vec<String>>>,
    wall: bool,
    /// So many records are in the log.
    given: AtomicUsize,
}

/// Plays a story.
///
/// # Errors
/// What is wrong.
pub(super) fn play(story: &Story) -> Result<Seen, String> {
    let prepared = input::of(story.seed, story.wall);
    let scheduler = Scheduler::begin(story.seed, Wall { begins_ms: DEFAULT_START_MS, speed: WALL_SPEED }, story.defect);
    let outputs = OUTPUTS.iter().map(|topic| (*topic, SHARDS));
    let progress = ("tidemark.sim.progress.v1", SHARDS);
    let inputs = prepared.topics.iter().map(|(topic, count)| (topic.as_str(), *count));
    let topics: Vec<(&str, u32)> = inputs.chain(outputs).chain([progress]).collect();
    let log = Arc::new(Log::new(&topics));
    let driver = scheduler.driver();
    let stage = Stage {
        scheduler,
        driver,
        log,
        objects: Arc::default(),
        prepared,
        said: Arc::default(),
        wall: story.wall,
        given: AtomicUsize::new(0),
    };
    stage.give();
    stage.play(story).map_err(|wrong| {
        let said = stage.said.lock().unwrap();
        let mut tail: Vec<&str> =
            said.iter().rev().map(String::as_str).filter(|line| !line.contains("first offset")).take(40).collect();
        tail.reverse();
        let tail = tail.join("\n    ");
        format!("seed {}: {wrong}\n  what was said last:\n    {tail}", story.seed)
    })
}

impl Stage {
    /// Puts records into the log: all of them, or by the wall clock those that have happened by now.
    fn give(&self) {
        let given = self.given.load(Ordering::Relaxed);
        let now = if self.wall { Weather::wall_ms(&self.driver) } else { i64::MAX };
        let more = self.prepared.records.iter().skip(given).take_while(|record| record.at <= now);
        let mut count = 0;
        for record in more {
            self.log.append(&record.topic, record.partition, &record.key, &record.body, record.at);
            count += 1;
        }
        self.given.store(given + count, Ordering::Relaxed);
    }

    /// Lets the others go on for a while.
    fn pause(&self, time: Duration) {
        self.driver.pause(time);
        self.give();
    }

    fn play(&self, story: &Story) -> Result<Seen, String> {
        let mut seen = Seen::default();
        let mut zombies: Vec<Process> = Vec::new();
        for _ in 0..story.ends {
            let (fate, workers) = match story.only {
                Some((point, time, workers)) => (Fate { dies_at: Some((Some(point), time)), faults_one_in: 0 }, workers),
                None => (self.fate(), 1 + self.scheduler.below(3) as u32),
            };
            let process = self.start(workers, fate, !self.wall);
            if story.only.is_none() {
                self.befall(process, &mut zombies)?;
            } else {
                self.wait(&process, PATIENCE);
                self.judge(&process, false)?;
                process.hand.kill();
            }
            seen.died += 1;
        }
        let workers = story.only.map_or_else(|| 1 + self.scheduler.below(3) as u32, |(.., workers)| workers);
        self.last(workers, &mut seen)?;
        for zombie in zombies {
            zombie.hand.fair();
            if self.wall {
                zombie.asked.store(true, Ordering::Release);
            }
            self.wait(&zombie, PATIENCE);
            self.judge(&zombie, false)?;
            zombie.hand.kill();
        }
        self.check()?;
        let (turns, trace) = self.scheduler.trace();
        seen.turns = turns;
        seen.trace = xxh3_64_with_seed(&trace.to_le_bytes(), self.log.hash());
        Ok(seen)
    }

    /// What befalls a process that is not let alone.
    fn fate(&self) -> Fate {
        let below = |limit| self.scheduler.below(limit);
        let dies_at = (below(4) > 0).then(|| (None, 1 + below(1 << (2 + below(8)))));
        Fate { dies_at, faults_one_in: [0, 40, 150][below(3) as usize] }
    }

    /// A process comes to its end: by its fate, killed, or put to sleep while another one takes over.
    fn befall(&self, process: Process, zombies: &mut Vec<Process>) -> Result<(), String> {
        let below = |limit| self.scheduler.below(limit);
        let time = Duration::from_millis(1 + below(1 << (2 + below(7))));
        match below(8) {
            0 => {
                self.wait(&process, time);
                process.hand.stop_for(Duration::from_millis(100 + below(20_000)));
                zombies.push(process);
                return Ok(());
            }
            1 => {
                // Two at once: one of them goes on.
                let other = self.start(1 + below(3) as u32, self.fate(), !self.wall);
                self.wait(&other, time);
                zombies.push(other);
                zombies.push(process);
                return Ok(());
            }
            2 => {
                self.wait(&process, time);
                process.asked.store(true, Ordering::Release);
                self.wait(&process, PATIENCE);
            }
            _ => self.wait(&process, time),
        }
        self.judge(&process, false)?;
        process.hand.kill();
        Ok(())
    }

    /// One process is let alone; it has to come to the end.
    fn last(&self, workers: u32, seen: &mut Seen) -> Result<(), String> {
        while self.given.load(Ordering::Relaxed) < self.prepared.records.len() {
            self.pause(Duration::from_millis(20));
        }
        for _ in 0..8 {
            let process = self.start(workers, Fate::default(), true);
            self.wait(&process, PATIENCE);
            if self.scheduler.is_stuck() {
                return Err("nothing gets anywhere any more".to_owned());
            }
            seen.passed = process.hand.passed();
            let done = self.judge(&process, true)?;
            process.hand.kill();
            if done {
                return Ok(());
            }
        }
        Err("eight processes that were let alone did not come to the end".to_owned())
    }

    /// Waits until a process has died or ended, or so long.
    fn wait(&self, process: &Process, time: Duration) {
        let until = self.driver.now_is() + time;
        while self.driver.now_is() < until && !process.hand.is_dead() && process.ended.lock().unwrap().is_none() {
            self.pause(Duration::from_millis(1));
        }
    }

    /// Whether a process came to the end of the drain. It may have died, or have been superseded; a defect it must not find.
    fn judge(&self, process: &Process, alone: bool) -> Result<bool, String> {
        if process.hand.is_dead() {
            // What its threads come to while they unwind means nothing.
            return Ok(false);
        }
        match process.ended.lock().unwrap().as_ref() {
            Some(Ok(Outcome::Drained(_))) => Ok(true),
            Some(Ok(Outcome::Asked { .. } | Outcome::CutShort { .. })) if !alone => Ok(false),
            Some(Ok(other)) => Err(format!("a process ended with {other:?}")),
            // Older ones may still be there to be fenced: whoever is started next goes on.
            Some(Err(Failure::Superseded(_))) => Ok(false),
            Some(Err(Failure::Failed(_))) if !alone => Ok(false),
            Some(Err(failure)) => Err(format!("a process ended with code {}: {failure}", failure.exit_code())),
            None if alone => Err("a process that was let alone does not come to the end".to_owned()),
            None => Ok(false),
        }
    }

    fn config(&self, workers: u32) -> Config {
        let topics: Vec<String> = self.prepared.topics.keys().map(|topic| format!("\"{topic}\"")).collect();
        let text = format!(
            "[job]\nname = \"sim\"\nworkers = {workers}\nshards = {SHARDS}\n[clock]\nmode = \"{mode}\"\n[store]\nurl = \"memory\"\n\
             [epoch]\ninterval = \"1ms\"\ncommit_interval = \"3ms\"\nsnapshot_interval = \"3ms\"\nbytes = 16384\nin_flight = 4\n\
             [[source]]\nbrokers = \"memory:1\"\ntopics = [{}]\n[sink.kafka]\ntransaction_timeout = \"10s\"\n[http]\nlisten = \"\"\n\
             [programme]\npath = \"{}\"\n",
            topics.join(", "),
            default_programme().display(),
            mode = if self.wall { "wall" } else { "events" },
        );
        config::read("sim", &text, &|_| None, &[]).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn options(&self, hand: &Hand, workers: u32) -> Options {
        let weather: Arc<dyn Weather> = Arc::new(hand.clone());
        let (log, objects, said) = (Arc::clone(&self.log), Arc::clone(&self.objects), Arc::clone(&self.said));
        let connection: Arc<dyn Brokers> = Arc::new(Connection { log, weather: Arc::clone(&weather) });
        let world = World {
            machine: Machine::simulated(Arc::new(hand.clone())),
            brokers: Arc::new(move |_, _| Arc::clone(&connection)),
            store: Arc::new(move |_, _| {
                Store::over(Arc::new(Objects { shared: Arc::clone(&objects), weather: Arc::clone(&weather) }))
            }),
        };
        let number = hand.number();
        Options {
            config: self.config(workers),
            drain: true,
            accept_divergence: false,
            defects: tidemark_domain::defect::Defects::default(),
            notice: Arc::new(move |line: &str| said.lock().unwrap().push(format!("process {number}: {line}"))),
            asked_to_stop: Arc::new(AtomicBool::new(false)),
            world,
        }
    }

    fn start(&self, workers: u32, fate: Fate, drain: bool) -> Process {
        let hand = self.scheduler.process(fate);
        let options = Options { drain, ..self.options(&hand, workers) };
        let asked = Arc::clone(&options.asked_to_stop);
        let ended: Arc<Mutex<Option<Result<Outcome, Failure>>>> = Arc::default();
        let (machine, result, said, number) =
            (options.world.machine.clone(), Arc::clone(&ended), Arc::clone(&self.said), hand.number());
        let main = machine.spawn("main", move || {
            let outcome = service::run(&options);
            let how = match &outcome {
                Ok(Outcome::Drained(_)) => "drained".to_owned(),
                Ok(other) => format!("{other:?}"),
                Err(failure) => format!("code {}: {failure}", failure.exit_code()),
            };
            said.lock().unwrap().push(format!("process {number} ended: {how}"));
            *result.lock().unwrap() = Some(outcome);
        });
        Process { hand, ended, asked, _main: main.unwrap() }
    }

    /// Everything is there once: said by a reader that knows nothing of epochs, and by `verify`.
    fn check(&self) -> Result<(), String> {
        let mut numbers: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for topic in OUTPUTS {
            let mut sum = (0_u64, 0_u128);
            for partition in self.log.committed(topic) {
                let mut last: BTreeMap<String, u64> = BTreeMap::new();
                for record in partition {
                    sum.0 += 1;
                    sum.1 = sum.1.wrapping_add(xxh3_128(&record.body));
                    if UNNUMBERED.contains(&topic) {
                        continue;
                    }
                    let (whose, seq) = number(std::str::from_utf8(&record.body).unwrap());
                    let before = last.insert(whose.clone(), seq).unwrap_or(0);
                    if before >= seq {
                        return Err(format!("{topic}: of {whose} fact {seq} stands behind {before}"));
                    }
                    numbers.entry(whose).or_default().push(seq);
                }
            }
            let wanted = self.prepared.wanted.lines.get(topic).copied().unwrap_or_default();
            if !self.wall && sum != wanted {
                return Err(format!("{topic}: {} records are there, a replay of the files has {}", sum.0, wanted.0));
            }
        }
        for (whose, mut all) in numbers {
            all.sort_unstable();
            if !all.iter().copied().eq(1..=all.len() as u64) {
                return Err(format!("the facts of {whose} are not numbered 1, 2, 3 ..."));
            }
        }
        self.verify()
    }

    fn verify(&self) -> Result<(), String> {
        let hand = self.scheduler.process(Fate::default());
        let options = self.options(&hand, 1);
        let found: Arc<Mutex<Option<Result<service::Verified, Failure>>>> = Arc::default();
        let (result, machine) = (Arc::clone(&found), options.world.machine.clone());
        let _main = machine.spawn("verify", move || *result.lock().unwrap() = Some(service::verify(&options)));
        let until = self.driver.now_is() + PATIENCE;
        while found.lock().unwrap().is_none() && self.driver.now_is() < until {
            self.pause(Duration::from_millis(5));
        }
        match found.lock().unwrap().as_ref() {
            Some(Ok(verified)) if verified.wrong.is_empty() => Ok(()),
            Some(Ok(verified)) => Err(format!("verify finds: {}", verified.wrong.join("; "))),
            Some(Err(failure)) => Err(format!("verify fails: {failure}")),
            None => Err("verify does not come to an end".to_owned()),
        }
    }
}
