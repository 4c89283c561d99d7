//! The machine that a process runs on: its clock, its threads, and, in a checked build, where it can be made to die.
//!
//! A service asks nobody else for the time, starts no thread by itself and waits nowhere else. On a real machine all of
//! this is the operating system's. A simulation puts [`Turns`] in its place: then one thread runs at a time, the next
//! one is drawn from a seed, and time passes only while everybody waits.
//!
//! Owns: time, threads, waiting. Does not own: what is simulated; that is the tests'.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a simulated thread looks whether something has come.
const LOOK: Duration = Duration::from_micros(300);

/// Who runs, and what time it is, in a simulation.
pub trait Turns: Send + Sync {
    /// Time since the simulation began.
    fn now(&self) -> Duration;
    /// The wall clock, in ms since 1970.
    fn wall_ms(&self) -> i64;
    /// Gives the turn away for so long; false where the process has died.
    fn rest(&self, time: Duration) -> bool;
    /// A thread is about to be started: its number.
    fn announce(&self, name: &str) -> u64;
    /// The thread of this number begins, and waits for its turn; false where the process has died.
    fn enter(&self, thread: u64) -> bool;
    /// It ends.
    fn leave(&self, thread: u64);
    /// Whether it has ended.
    fn has_left(&self, thread: u64) -> bool;
    /// A named point is passed, at which the process may die.
    fn pass(&self, point: &'static str);
    /// Whether a defect of this name is planted.
    fn has(&self, defect: Defect) -> bool;
    /// A number that no other start has.
    fn random(&self) -> u64;
}

/// What ends a thread of a simulated process that has died.
#[derive(Debug)]
pub struct Died;

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// Mistakes in the protocol, planted in checked builds to see that the tests find them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Defect { $($(#[$doc])* $name,)* }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

defects! {
    /// What is visible already is published again during a replay.
    NoSuppression => "no-suppression",
    /// A commit does not wait until its epochs are bound.
    CommitBeforeBinding => "commit-before-binding",
    /// A binding counts as durable before it is written.
    BoundBeforeWritten => "bound-before-written",
    /// A start does not take the transactional ids of the shards.
    NoFence => "no-fence",
    /// A commit whose answer is not known counts as done.
    UnclearIsDone => "unclear-is-done",
    /// A commit whose answer is not known is sent again without a look.
    UnclearIsLost => "unclear-is-lost",
    /// What is held is forgotten when a transaction has to be begun anew.
    HeldIsForgotten => "held-is-forgotten",
    /// A snapshot is written before its epoch is visible.
    SnapshotAhead => "snapshot-ahead",
    /// A replay begins one epoch late.
    ReplayOneLate => "replay-one-late",
    /// A replay begins one epoch early.
    ReplayOneEarly => "replay-one-early",
    /// Epochs that are read again end one record early.
    EndsOneEarly => "ends-one-early",
    /// The progress record is written in a transaction of its own.
    ProgressApart => "progress-apart",
    /// A record of the journal is put over what is there.
    JournalOverwrites => "journal-overwrites",
    /// Journal records are removed before their segment is written.
    MergeForgets => "merge-forgets",
    /// Logical time of a replay is that of the machine.
    NowIsNew => "now-is-new",
    /// Records that wait for their time are not in snapshots.
    WaitingIsLost => "waiting-is-lost",
    /// A shard that was fenced goes on without looking whether it was superseded.
    FencedGoesOn => "fenced-goes-on",
    /// A start takes all partitions in again, from their log starts.
    TakenInAgain => "taken-in-again",
    /// The clocks of partitions begin anew after a restart.
    ClocksAgain => "clocks-again",
    /// An epoch in which nothing was read is not bound.
    QuietUnbound => "quiet-unbound",
    /// A start does not read the last record of the journal.
    LastUnread => "last-unread",
    /// A shard goes on where what it wrote before has no marker yet.
    GoesOnUnsettled => "goes-on-unsettled",
    /// An epoch counts as visible once one shard has published it.
    OneIsAll => "one-is-all",
}

/// See the module's words.
#[derive(Clone)]
pub struct Machine {
    begun: Instant,
    turns: Option<Arc<dyn Turns>>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Machine").field("simulated", &self.turns.is_some()).finish_non_exhaustive()
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self { begun: Instant::now(), turns: None }
    }
}

/// A thread's seat: given back when the thread ends, however it does.
#[derive(Debug)]
pub struct Seat {
    machine: Machine,
    number: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(turns) = &self.machine.turns {
            turns.leave(self.number);
        }
    }
}

/// A thread that was started.
#[derive(Debug)]
pub struct Thread<T> {
    handle: JoinHandle<T>,
    machine: Machine,
    number: u64,
}

impl<T> Thread<T> {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// Where it panicked.
    pub fn join(self) -> std::thread::Result<T> {
        self.machine.wait_for(&[self.number]);
        self.handle.join()
    }
}

impl Machine {
    /// A machine of a simulation.
    #[must_use]
    pub fn simulated(turns: Arc<dyn Turns>) -> Self {
        Self { begun: Instant::now(), turns: Some(turns) }
    }

    /// Time since this machine was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.turns.as_ref().map_or_else(|| self.begun.elapsed(), |turns| turns.now())
    }

    /// The wall clock, in ms since 1970.
    #[must_use]
    pub fn wall_ms(&self) -> i64 {
        let real = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        self.turns.as_ref().map_or_else(real, |turns| turns.wall_ms())
    }

    /// Waits.
    pub fn sleep(&self, time: Duration) {
        if !self.rest(time) {
            // No message: nobody failed.
            std::panic::resume_unwind(Box::new(Died));
        }
    }

    /// Waits; false where the process has died meanwhile. For threads that may not be unwound: timely's.
    #[must_use]
    pub fn rest(&self, time: Duration) -> bool {
        match &self.turns {
            None => std::thread::sleep(time),
            Some(turns) => return turns.rest(time),
        }
        true
    }

    /// Whether it is simulated: then nobody may wait but here.
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        self.turns.is_some()
    }

    /// What comes next; waits for it.
    ///
    /// # Errors
    /// Where nothing can come any more.
    pub fn receive<T>(&self, from: &Receiver<T>) -> Result<T, RecvError> {
        if self.turns.is_none() {
            return from.recv();
        }
        loop {
            match from.try_recv() {
                Ok(got) => return Ok(got),
                Err(TryRecvError::Disconnected) => return Err(RecvError),
                Err(TryRecvError::Empty) => self.sleep(LOOK),
            }
        }
    }

    /// What comes within so long.
    ///
    /// # Errors
    /// Where nothing did, or nothing can any more.
    pub fn receive_within<T>(&self, from: &Receiver<T>, time: Duration) -> Result<T, RecvTimeoutError> {
        if self.turns.is_none() {
            return from.recv_timeout(time);
        }
        let until = self.now() + time;
        loop {
            match from.try_recv() {
                Ok(got) => return Ok(got),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if self.now() >= until => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => self.sleep(LOOK.min(time)),
            }
        }
    }

    /// Hands something over; waits until there is room.
    ///
    /// # Errors
    /// Where nobody listens any more.
    pub fn send<T>(&self, to: &SyncSender<T>, mut what: T) -> Result<(), SendError<T>> {
        if self.turns.is_none() {
            return to.send(what);
        }
        loop {
            match to.try_send(what) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Disconnected(back)) => return Err(SendError(back)),
                Err(TrySendError::Full(back)) => what = back,
            }
            self.sleep(LOOK);
        }
    }

    /// Starts a thread with a name.
    ///
    /// # Errors
    /// Where the operating system gives none.
    pub fn spawn<T: Send + 'static>(&self, name: &str, run: impl FnOnce() -> T + Send + 'static) -> std::io::Result<Thread<T>> {
        let seat = self.seat(name);
        let number = seat.number;
        let run = move || {
            if !seat.take() {
                std::panic::resume_unwind(Box::new(Died));
            }
            run()
        };
        let handle = std::thread::Builder::new().name(name.to_owned()).spawn(run)?;
        Ok(Thread { handle, machine: self.clone(), number })
    }

    /// A seat for a thread that somebody else starts.
    #[must_use]
    pub fn seat(&self, name: &str) -> Seat {
        let number = self.turns.as_ref().map_or(0, |turns| turns.announce(name));
        Seat { machine: self.clone(), number }
    }

    /// Waits until threads have given their seats back.
    pub fn wait_for(&self, seats: &[u64]) {
        if let Some(turns) = &self.turns {
            while !seats.iter().all(|seat| turns.has_left(*seat)) {
                self.sleep(LOOK);
            }
        }
    }

    /// A point of the protocol is passed; in a checked build's simulation the process may die here.
    #[inline]
    pub fn pass(&self, point: &'static str) {
        #[cfg(feature = "checked")]
        if let Some(turns) = &self.turns {
            turns.pass(point);
        }
        #[cfg(not(feature = "checked"))]
        let _none = point;
    }

    /// Whether a defect is planted; never in a build that is not checked.
    #[inline]
    #[must_use]
    pub fn has(&self, defect: Defect) -> bool {
        cfg!(feature = "checked") && self.turns.as_ref().is_some_and(|turns| turns.has(defect))
    }

    /// A random id of a process start; an input to nothing that is computed.
    #[must_use]
    pub fn random_id(&self) -> String {
        use std::hash::{BuildHasher as _, Hasher as _};
        let draw = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        match &self.turns {
            None => format!("{:016x}{:016x}-{}", draw(), draw(), std::process::id()),
            Some(turns) => format!("{:016x}", turns.random()),
        }
    }
}

impl Seat {
    /// The thread begins: it waits for its turn. False where the process has died.
    #[must_use]
    pub fn take(&self) -> bool {
        self.machine.turns.as_ref().is_none_or(|turns| turns.enter(self.number))
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}
