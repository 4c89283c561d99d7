//! What befalls a simulated process: when its calls return, and what goes wrong with them.

use std::time::Duration;

/// What a log and a store ask of the world, on behalf of one process.
pub(super) trait Weather: Send + Sync {
    /// Time since the simulation began.
    fn now(&self) -> Duration;
    /// The wall clock, in ms since 1970.
    fn wall_ms(&self) -> i64;
    /// Gives the turn away for so long; false where the process has died.
    fn rest(&self, time: Duration) -> bool;
    /// Whether the process has died.
    fn is_dead(&self) -> bool;
    /// What befalls this call; drawn from the seed.
    fn fault(&self, call: Call) -> Option<Fault>;
}

/// A call to the log or to the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Topics,
    Bounds,
    Read,
    Follow,
    Init,
    /// What a new producer's `Init` aborts. It is done in any case.
    Abort,
    Begin,
    Send,
    Offsets,
    Flush,
    Commit,
    Get,
    Put,
    Create,
    List,
    Delete,
}

/// What can befall one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Nothing was done, and it fails.
    Refused,
    /// It was done, and the answer is lost.
    Lost,
    /// It takes so long; a commit is decided, and its markers come so late; the markers of an abort do.
    Late(Duration),
}
