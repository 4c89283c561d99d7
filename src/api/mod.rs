//! What a process answers over HTTP: whether it lives, whether it is ready, and its metrics.
//!
//! Owns: the server, its limits, and what the answers say. Does not own: what is measured, and when a process is
//! ready.
//!
//! Reading order: [`Stage`], [`Health`], [`serve`]. The server has a thread of its own, so it answers while every
//! worker works. A connection brings one request and has 10 seconds; 64 may be open at once.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::get;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

use crate::metrics::{self, Metrics};

/// A worker whose loop has not turned for so long is stuck.
pub const SILENCE_MAX: Duration = Duration::from_secs(10);
/// So many connections may be open at once; further ones wait.
pub const CONNECTIONS_MAX: usize = 64;
/// A connection may be open for so long.
pub const CONNECTION_TIME_MAX: Duration = Duration::from_secs(10);
/// So long the server waits after it could not accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How far a process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It reads its settings and reaches for its stores.
    Starting,
    /// It makes sure that no older run of the job can publish.
    Fencing,
    /// It loads its state.
    Restoring,
    /// It works off what came while it was away.
    CatchingUp {
        /// How many records it is behind; at most 2^61 - 1.
        behind: u64,
    },
    /// It keeps up.
    Ready,
    /// It ends.
    Stopping,
}

/// Bits that a packed stage takes; the records behind stand above them.
const STAGE_BITS: u32 = 3;

impl Stage {
    /// The stage's name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Fencing => "fencing",
            Self::Restoring => "restoring",
            Self::CatchingUp { .. } => "catching_up",
            Self::Ready => "ready",
            Self::Stopping => "stopping",
        }
    }

    /// Whether the workers' loops run.
    const fn works(self) -> bool {
        matches!(self, Self::CatchingUp { .. } | Self::Ready)
    }

    const fn pack(self) -> u64 {
        match self {
            Self::Starting => 0,
            Self::Fencing => 1,
            Self::Restoring => 2,
            Self::CatchingUp { behind } => 3 | (behind << STAGE_BITS),
            Self::Ready => 4,
            Self::Stopping => 5,
        }
    }

    const fn unpack(word: u64) -> Self {
        match word & ((1 << STAGE_BITS) - 1) {
            0 => Self::Starting,
            1 => Self::Fencing,
            2 => Self::Restoring,
            3 => Self::CatchingUp { behind: word >> STAGE_BITS },
            4 => Self::Ready,
            _ => Self::Stopping,
        }
    }
}

/// Whether a process lives and is ready; its threads write it, the server reads it.
#[derive(Debug)]
pub struct Health {
    start: Instant,
    /// When each worker's loop last turned, in milliseconds since the start.
    beats: Vec<AtomicU64>,
    stage: AtomicU64,
    /// Since when the loops run, in milliseconds since the start.
    works_since: AtomicU64,
}

/// A worker whose loop does not turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stuck {
    worker: usize,
    silent_ms: u64,
}

impl Health {
    /// A process that starts, with so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self {
            start: Instant::now(),
            beats: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            stage: AtomicU64::new(Stage::Starting.pack()),
            works_since: AtomicU64::new(0),
        }
    }

    /// Says that a worker's loop has turned; each loop calls it, waiting or not, at least once a second.
    pub fn beat(&self, worker: usize) {
        self.beat_ago(worker, Duration::ZERO);
    }

    /// Says how long ago a worker's loop turned last.
    pub fn beat_ago(&self, worker: usize, ago: Duration) {
        if let Some(beat) = self.beats.get(worker) {
            beat.store(self.now_ms().saturating_sub(u64::try_from(ago.as_millis()).unwrap_or(u64::MAX)), Ordering::Relaxed);
        }
    }

    /// Says how far the process has come. Loops that begin to run have [`SILENCE_MAX`] for their first turn.
    pub fn set_ready(&self, stage: Stage) {
        if stage.works() && !self.stage().works() {
            self.works_since.store(self.now_ms(), Ordering::Relaxed);
        }
        self.stage.store(stage.pack(), Ordering::Release);
    }

    /// How far the process has come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        Stage::unpack(self.stage.load(Ordering::Acquire))
    }

    /// Whether every worker's loop has turned within [`SILENCE_MAX`]. Only loops that run are judged: a process
    /// that waits for its broker, restores or stops is alive.
    #[must_use]
    pub fn live(&self) -> bool {
        self.stuck(self.now_ms()).is_none()
    }

    /// The worker that is silent for longest, if that is too long.
    fn stuck(&self, now_ms: u64) -> Option<Stuck> {
        if !self.stage().works() {
            return None;
        }
        let since = self.works_since.load(Ordering::Relaxed);
        let silent = self.beats.iter().map(|beat| now_ms.saturating_sub(beat.load(Ordering::Relaxed).max(since)));
        let (worker, silent_ms) = silent.enumerate().max_by_key(|(_, silent_ms)| *silent_ms)?;
        (u128::from(silent_ms) >= SILENCE_MAX.as_millis()).then_some(Stuck { worker, silent_ms })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Serves `/health/live`, `/health/ready` and `/metrics` until the process ends; the answer is the address, with
/// the port that was taken where `listen` says 0. Where it ends before, `told` learns why.
///
/// # Errors
/// Where the address cannot be had, or the thread cannot be started.
pub fn serve(
    listen: SocketAddr,
    state: Arc<Health>,
    metrics: Arc<Metrics>,
    told: impl Fn(&str) + Send + 'static,
) -> Result<SocketAddr> {
    let socket = std::net::TcpListener::bind(listen).with_context(|| {
        format!(
            "cannot listen on {listen}: another process has it or this machine has no such address; \
             set [http] listen to a free one, with port 0 for any"
        )
    })?;
    let failed = || format!("cannot serve HTTP on {listen}");
    let bound = socket.local_addr().with_context(failed)?;
    socket.set_nonblocking(true).with_context(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().with_context(failed)?;
    let listener = runtime.block_on(async { TcpListener::from_std(socket) }).with_context(failed)?;
    let door = Door { listener, places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let routes = routes(state, metrics);
    let run = move || {
        runtime.block_on(async move {
            if let Err(error) = axum::serve(door, routes).await {
                told(&format!("HTTP on {bound} has ended: {error}"));
            }
        });
    };
    std::thread::Builder::new().name("http".to_owned()).spawn(run).with_context(failed)?;
    Ok(bound)
}

/// Status, content type and text; the connection ends with it.
type Answer = (StatusCode, [(HeaderName, &'static str); 2], String);

fn routes(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    let readiness = Arc::clone(&health);
    Router::new()
        .route("/health/live", get(move || future::ready(live(&health))))
        .route("/health/ready", get(move || future::ready(ready(readiness.stage()))))
        .route("/metrics", get(move || future::ready(answer(StatusCode::OK, metrics::TEXT_FORMAT, metrics.render()))))
        .fallback(|| future::ready(unknown()))
}

fn answer(status: StatusCode, content: &'static str, text: String) -> Answer {
    (status, [(header::CONTENT_TYPE, content), (header::CONNECTION, "close")], text)
}

/// An answer of one line, for a person as well as for a program.
fn line(good: bool, body: &serde_json::Value) -> Answer {
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, "application/json", format!("{body}\n"))
}

fn live(health: &Health) -> Answer {
    let workers = health.beats.len();
    match health.stuck(health.now_ms()) {
        None => line(true, &json!({"live": true, "workers": workers, "stage": health.stage().name()})),
        Some(Stuck { worker, silent_ms }) => {
            let why = format!("worker {worker} of {workers} has not turned for {} s", silent_ms / 1_000);
            line(false, &json!({"live": false, "why": why}))
        }
    }
}

fn ready(stage: Stage) -> Answer {
    let name = stage.name();
    let why = match stage {
        Stage::Ready => return line(true, &json!({"ready": true, "stage": name})),
        Stage::CatchingUp { behind } => {
            let why = format!("{behind} records behind");
            return line(false, &json!({"ready": false, "stage": name, "behind_records": behind, "why": why}));
        }
        Stage::Starting => "the process reads its settings and reaches for its stores",
        Stage::Fencing => "older runs of the job are being fenced",
        Stage::Restoring => "the state is being loaded",
        Stage::Stopping => "the process ends",
    };
    line(false, &json!({"ready": false, "stage": name, "why": why}))
}

fn unknown() -> Answer {
    answer(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "there are /health/live, /health/ready and /metrics\n".to_owned())
}

/// Lets connections in, no more than there are places.
struct Door {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

impl axum::serve::Listener for Door {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.expect("nobody closes the semaphore");
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let end = Box::pin(sleep(CONNECTION_TIME_MAX));
                    return (Guest { stream, end, _place: place }, from);
                }
                // Too many open files, or the peer has gone again: nothing that a retry in a loop would mend.
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection with its end and its place.
struct Guest {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    fn in_time(&mut self, context: &mut task::Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut task::Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Err(error) = self.in_time(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut task::Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(error) = self.in_time(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    const SILENCE_MS: u64 = 10_000;

    #[test]
    fn every_stage_is_read_as_it_was_written() {
        let stages = [Stage::Starting, Stage::Fencing, Stage::Restoring, Stage::Ready, Stage::Stopping];
        let behind = [0, 1, 123_456, (1 << 61) - 1].map(|behind| Stage::CatchingUp { behind });
        let health = Health::new(1);
        for stage in stages.into_iter().chain(behind) {
            health.set_ready(stage);
            assert_eq!(health.stage(), stage);
        }
    }

    #[test]
    fn a_worker_that_is_silent_for_ten_seconds_is_stuck() {
        let health = Health::new(2);
        health.set_ready(Stage::Ready);
        for (worker, beat) in [(0, 5_000), (1, 9_000)] {
            health.beats[worker].store(beat, Ordering::Relaxed);
        }
        assert_eq!(health.stuck(5_000 + SILENCE_MS - 1), None);
        assert_eq!(health.stuck(5_000 + SILENCE_MS), Some(Stuck { worker: 0, silent_ms: SILENCE_MS }));
    }

    #[test]
    fn only_loops_that_run_are_judged_and_each_has_time_for_its_first_turn() {
        let health = Health::new(1);
        for stage in [Stage::Starting, Stage::Fencing, Stage::Restoring, Stage::Stopping] {
            health.set_ready(stage);
            assert_eq!(health.stuck(u64::MAX), None, "{stage:?}");
        }
        health.set_ready(Stage::CatchingUp { behind: 7 });
        health.works_since.store(50_000, Ordering::Relaxed);
        assert_eq!(health.stuck(50_000 + SILENCE_MS - 1), None);
        assert!(health.stuck(50_000 + SILENCE_MS).is_some());
        health.set_ready(Stage::Ready);
        assert!(health.stuck(50_000 + SILENCE_MS).is_some(), "to be ready is no turn of a loop");
    }

    #[test]
    fn a_beat_of_nobody_is_nothing() {
        let health = Health::new(1);
        health.beat(0);
        health.beat(9);
        assert!(health.live());
    }

    /// Status, head and body of an answer.
    fn ask(address: SocketAddr, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: tidemark\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    #[test]
    fn the_server_says_whether_the_process_lives_and_is_ready_and_gives_its_metrics() {
        let (health, metrics) = (Arc::new(Health::new(2)), Arc::new(Metrics::new()));
        let address = serve("127.0.0.1:0".parse().unwrap(), Arc::clone(&health), Arc::clone(&metrics), |_| {}).unwrap();
        let (status, head, body) = ask(address, "/health/live");
        assert_eq!((status, body.as_str()), (200, "{\"live\":true,\"stage\":\"starting\",\"workers\":2}\n"));
        assert!(head.contains("content-type: application/json"), "{head}");
        assert_eq!(ask(address, "/health/ready").0, 503);
        health.set_ready(Stage::CatchingUp { behind: 42 });
        let behind = ask(address, "/health/ready");
        let wanted = "{\"behind_records\":42,\"ready\":false,\"stage\":\"catching_up\",\"why\":\"42 records behind\"}\n";
        assert_eq!((behind.0, behind.2.as_str()), (503, wanted));
        health.set_ready(Stage::Ready);
        assert_eq!(ask(address, "/health/ready").0, 200);
        metrics.sink_retry();
        let (code, top, text) = ask(address, "/metrics");
        assert_eq!(code, 200);
        assert!(top.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{top}");
        assert!(text.contains("tidemark_sink_retries_total 1\n"), "{text}");
        assert_eq!(ask(address, "/loyalty").0, 404);
    }

    #[test]
    fn a_stuck_worker_is_named() {
        let health = Health { start: Instant::now().checked_sub(Duration::from_secs(12)).unwrap(), ..Health::new(2) };
        health.stage.store(Stage::Ready.pack(), Ordering::Relaxed);
        health.beat(0);
        assert!(!health.live());
        let (status, _, body) = live(&health);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(body, "{\"live\":false,\"why\":\"worker 1 of 2 has not turned for 12 s\"}\n");
    }

    #[test]
    fn an_address_that_is_taken_is_named() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let error = serve(address, Arc::new(Health::new(1)), Arc::new(Metrics::new()), |_| {}).unwrap_err().to_string();
        assert!(error.contains(&address.to_string()) && error.contains("set [http] listen"), "{error}");
    }
}
