//! Turns: one thread of the simulation runs at a time, and the seed says which one is next.
//!
//! Time is a number. It moves a little with each turn, and jumps to the next sleeper where nobody else can run. A
//! process that dies loses its turns; its threads unwind beside the simulation, where nothing that they do counts.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidemark::machine::{Defect, Turns};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::weather::{Call, Fault, Weather};

/// A simulation that takes more turns than this has stopped getting anywhere.
const TURNS_MAX: u64 = 2_000_000;

thread_local! {
    /// The number of the thread, where it takes turns.
    static SELF: Cell<Option<usize>> = const { Cell::new(None) };
}

/// What is to befall a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// It dies when it passes a point for the n-th time: the point's name, or any.
    pub(super) dies_at: Option<(Option<&'static str>, u64)>,
    /// Of so many calls one goes wrong; none where it is 0.
    pub(super) faults_one_in: u64,
}

struct Process {
    fate: Fate,
    dead: bool,
    /// It gets no turns until then.
    asleep_until: u64,
    /// How often it has passed each point.
    passed: BTreeMap<&'static str, u64>,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Waits,
    Runs,
    Left,
}

struct Thread {
    process: usize,
    wakes: u64,
    stage: Stage,
    signal: Arc<Condvar>,
}

struct State {
    seed: u64,
    now: u64,
    threads: Vec<Thread>,
    processes: Vec<Process>,
    running: usize,
    turns: u64,
    trace: u64,
    defect: Option<Defect>,
}

/// The wall clock of a simulation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wall {
    pub(super) begins_ms: i64,
    /// So much faster than the simulation's time it goes.
    pub(super) speed: u64,
}

/// See the module's words.
pub(super) struct Scheduler {
    state: Mutex<State>,
    wall: Wall,
}

impl State {
    fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// When a thread can have a turn; none where it never can.
    fn ready_at(&self, thread: &Thread) -> Option<u64> {
        let process = self.processes.get(thread.process)?;
        (thread.stage == Stage::Waits && !process.dead).then(|| thread.wakes.max(process.asleep_until))
    }

    /// Gives the turn to somebody.
    fn next(&mut self) {
        self.turns += 1;
        if self.turns > TURNS_MAX {
            // Only the driver goes on: it sees that there were too many.
            self.processes.iter_mut().skip(1).for_each(|process| process.dead = true);
            self.threads.iter().for_each(|thread| thread.signal.notify_all());
        }
        let ready: Vec<(usize, u64)> =
            self.threads.iter().enumerate().filter_map(|(number, thread)| Some((number, self.ready_at(thread)?))).collect();
        let Some(first) = ready.iter().map(|(_, at)| *at).min() else { return };
        self.now = self.now.max(first);
        let able: Vec<usize> = ready.into_iter().filter(|(_, at)| *at <= self.now).map(|(number, _)| number).collect();
        let chosen = able[(self.draw() % able.len() as u64) as usize];
        self.now += 5_000 + self.draw() % 30_000;
        self.trace = xxh3_64_with_seed(&(chosen as u64).to_le_bytes(), self.trace ^ self.now);
        self.running = chosen;
        let thread = &mut self.threads[chosen];
        thread.stage = Stage::Runs;
        thread.signal.notify_all();
    }

    fn is_dead(&self, process: usize) -> bool {
        self.processes.get(process).is_none_or(|process| process.dead)
    }
}

impl Scheduler {
    /// A simulation; the calling thread drives it and has the first turn.
    pub(super) fn begin(seed: u64, wall: Wall, defect: Option<Defect>) -> Arc<Self> {
        let driver = Thread { process: 0, wakes: 0, stage: Stage::Runs, signal: Arc::default() };
        let process = Process { fate: Fate::default(), dead: false, asleep_until: 0, passed: BTreeMap::new() };
        let state =
            State { seed, now: 0, threads: vec![driver], processes: vec![process], running: 0, turns: 0, trace: seed, defect };
        SELF.set(Some(0));
        Arc::new(Self { state: Mutex::new(state), wall })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new process.
    pub(super) fn process(self: &Arc<Self>, fate: Fate) -> Hand {
        let mut state = self.lock();
        state.processes.push(Process { fate, dead: false, asleep_until: 0, passed: BTreeMap::new() });
        Hand { scheduler: Arc::clone(self), process: state.processes.len() - 1 }
    }

    /// The driver's own hand.
    pub(super) fn driver(self: &Arc<Self>) -> Hand {
        Hand { scheduler: Arc::clone(self), process: 0 }
    }

    /// A number below `limit`, from the seed.
    pub(super) fn below(&self, limit: u64) -> u64 {
        self.lock().draw() % limit.max(1)
    }

    /// How many turns there were, and a hash of who had them and when.
    pub(super) fn trace(&self) -> (u64, u64) {
        let state = self.lock();
        (state.turns, state.trace)
    }

    /// Whether it took more turns than it may.
    pub(super) fn is_stuck(&self) -> bool {
        self.lock().turns > TURNS_MAX
    }
}

/// A process's way to its turns.
#[derive(Clone)]
pub(super) struct Hand {
    scheduler: Arc<Scheduler>,
    process: usize,
}

impl Hand {
    /// It dies: no thread of it has a turn any more.
    pub(super) fn kill(&self) {
        let mut state = self.scheduler.lock();
        state.processes[self.process].dead = true;
        state.threads.iter().filter(|thread| thread.process == self.process).for_each(|thread| thread.signal.notify_all());
    }

    /// It stops for so long, as by SIGSTOP.
    pub(super) fn stop_for(&self, time: Duration) {
        let mut state = self.scheduler.lock();
        state.processes[self.process].asleep_until = state.now + time.as_nanos() as u64;
    }

    /// Nothing goes wrong with its calls any more.
    pub(super) fn fair(&self) {
        self.scheduler.lock().processes[self.process].fate.faults_one_in = 0;
    }

    /// How often it has passed each point.
    pub(super) fn passed(&self) -> BTreeMap<&'static str, u64> {
        self.scheduler.lock().processes[self.process].passed.clone()
    }

    /// The number of the process.
    pub(super) const fn number(&self) -> usize {
        self.process
    }

    /// Time since the simulation began.
    pub(super) fn now_is(&self) -> Duration {
        Turns::now(self)
    }

    /// Gives the driver's turn away.
    pub(super) fn pause(&self, time: Duration) {
        assert!(Turns::rest(self, time), "the driver does not die");
    }

    /// Waits for the calling thread's turn; false where its process is dead.
    fn wait(&self, mut state: MutexGuard<'_, State>, thread: usize) -> bool {
        let signal = Arc::clone(&state.threads[thread].signal);
        loop {
            if state.is_dead(self.process) {
                return false;
            }
            if state.running == thread && state.threads[thread].stage == Stage::Runs {
                return true;
            }
            state = signal.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Turns for Hand {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.scheduler.lock().now)
    }

    fn wall_ms(&self) -> i64 {
        self.scheduler.wall.begins_ms + (Turns::now(self).as_micros() as u64 * self.scheduler.wall.speed / 1_000) as i64
    }

    fn rest(&self, time: Duration) -> bool {
        let Some(thread) = SELF.get() else { return !self.is_dead() };
        let mut state = self.scheduler.lock();
        if thread >= state.threads.len() || state.threads[thread].process != self.process {
            return !state.is_dead(self.process);
        }
        if state.is_dead(self.process) {
            // It must not draw: it unwinds beside the others, in no order.
            if state.running == thread {
                state.threads[thread].stage = Stage::Left;
                state.next();
            }
            return false;
        }
        let late = state.draw() % 20_000;
        state.threads[thread].wakes = state.now + time.as_nanos() as u64 + late;
        state.threads[thread].stage = Stage::Waits;
        if state.running == thread {
            state.next();
        }
        self.wait(state, thread)
    }

    fn announce(&self, _name: &str) -> u64 {
        let mut state = self.scheduler.lock();
        if state.is_dead(self.process) {
            return u64::MAX;
        }
        let wakes = state.now;
        state.threads.push(Thread { process: self.process, wakes, stage: Stage::Waits, signal: Arc::default() });
        state.threads.len() as u64 - 1
    }

    fn enter(&self, thread: u64) -> bool {
        let state = self.scheduler.lock();
        if thread as usize >= state.threads.len() {
            return false;
        }
        SELF.set(Some(thread as usize));
        self.wait(state, thread as usize)
    }

    fn leave(&self, thread: u64) {
        let mut state = self.scheduler.lock();
        let Some(seat) = state.threads.get_mut(thread as usize) else { return };
        let had_left = seat.stage == Stage::Left;
        seat.stage = Stage::Left;
        if !had_left && state.running == thread as usize {
            state.next();
        }
    }

    fn has_left(&self, thread: u64) -> bool {
        self.scheduler.lock().threads.get(thread as usize).is_none_or(|thread| thread.stage == Stage::Left)
    }

    fn pass(&self, point: &'static str) {
        let mut state = self.scheduler.lock();
        if state.is_dead(self.process) {
            return;
        }
        let process = &mut state.processes[self.process];
        *process.passed.entry(point).or_default() += 1;
        let Some((name, left)) = &mut process.fate.dies_at else { return };
        if name.is_none_or(|name| name == point) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                drop(state);
                self.kill();
            }
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.scheduler.lock().defect == Some(defect)
    }

    fn random(&self) -> u64 {
        let mut state = self.scheduler.lock();
        if state.is_dead(self.process) { 0 } else { state.draw() }
    }
}

impl Weather for Hand {
    fn now(&self) -> Duration {
        Turns::now(self)
    }

    fn wall_ms(&self) -> i64 {
        Turns::wall_ms(self)
    }

    fn rest(&self, time: Duration) -> bool {
        Turns::rest(self, time)
    }

    fn is_dead(&self) -> bool {
        self.scheduler.lock().is_dead(self.process)
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        // A thread that takes no turns must not draw: it would be drawn in any order.
        SELF.get()?;
        let mut state = self.scheduler.lock();
        let one_in = if state.is_dead(self.process) { 0 } else { state.processes[self.process].fate.faults_one_in };
        // There are many of the first; the last befalls every abort where something goes wrong at all.
        let one_in = match call {
            Call::Send | Call::Follow => one_in * 50,
            Call::Abort => one_in.min(1),
            _ => one_in,
        };
        if one_in == 0 || !state.draw().is_multiple_of(one_in) {
            return None;
        }
        Some(match state.draw() % 3 {
            0 => Fault::Refused,
            1 => Fault::Lost,
            _ => Fault::Late(Duration::from_millis(1 + state.draw() % 400)),
        })
    }
}
