//! The service as a process: what it says, what it takes, how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::measure;

/// How often an end is looked for; as much of the peak of memory can be missed.
const LOOK: Duration = Duration::from_millis(5);
/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// Lines of standard error, and how long after the start each came.
type Said = Arc<Mutex<Vec<(Duration, String)>>>;

/// See the module's words. It is killed where it is dropped while it runs.
pub(crate) struct Service {
    child: Child,
    pid: String,
    begun: Instant,
    said: Said,
}

/// What a service took from its start to its end.
pub(crate) struct Ended {
    pub(crate) wall: f64,
    pub(crate) cpu: f64,
    pub(crate) peak_mib: f64,
    /// What it wrote to standard output.
    pub(crate) output: String,
}

impl Service {
    /// Starts it.
    pub(crate) fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the service can be started");
        let (said, stderr) = (Said::default(), child.stderr.take().expect("its standard error"));
        let heard = Arc::clone(&said);
        let run = move || listen(stderr, begun, &heard);
        std::thread::Builder::new().name("said".to_owned()).spawn(run).expect("a thread can be had");
        let pid = child.id().to_string();
        Self { child, pid, begun, said }
    }

    /// Everything it has said.
    pub(crate) fn said(&self) -> String {
        let said = self.said.lock().expect("nobody panics");
        said.iter().map(|(at, line)| format!("{:8.3} s  {line}\n", at.as_secs_f64())).collect()
    }

    /// When it said a line with these words for the first time, and the line.
    pub(crate) fn heard(&self, words: &str) -> Option<(Duration, String)> {
        let said = self.said.lock().expect("nobody panics");
        said.iter().find(|(_, line)| line.contains(words)).cloned()
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Processor seconds so far.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        measure::cpu_seconds_of(&self.pid)
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        measure::status_of(&self.pid, "VmRSS:") / 1_024.0
    }

    /// Threads that it has.
    pub(crate) fn threads(&self) -> f64 {
        measure::status_of(&self.pid, "Threads:")
    }

    /// File descriptors that it has open.
    pub(crate) fn files(&self) -> f64 {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count) as f64
    }

    /// Whether it has not ended.
    pub(crate) fn runs(&self) -> bool {
        !matches!(measure::state_of(&self.pid), None | Some('Z'))
    }

    /// Fails where it has ended by itself.
    pub(crate) fn must_run(&self) {
        assert!(self.runs(), "the service ended by itself:\n{}", self.said());
    }

    /// Waits until something holds.
    pub(crate) fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let since = Instant::now();
        while !holds() {
            self.must_run();
            assert!(since.elapsed() < PATIENCE, "not {what} after {} s:\n{}", PATIENCE.as_secs(), self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it says that it is ready.
    pub(crate) fn wait_until_ready(&self) {
        self.wait_until("ready", || self.ask("/health/ready").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")));
    }

    /// Waits until it has read so many records in all and everything that was read is committed.
    pub(crate) fn wait_until_committed(&self, records: u64) {
        self.wait_until("caught up", || {
            let metrics = self.metrics();
            metrics.of("tidemark_records_total") >= records as f64 && metrics.of("tidemark_source_lag_durable_records") == 0.0
        });
    }

    /// What it measures of itself; nothing where it does not answer.
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics(self.ask("/metrics").unwrap_or_default())
    }

    fn ask(&self, path: &str) -> Option<String> {
        let (_, line) = self.heard("health and metrics are at http://")?;
        let address = line.split_once("http://")?.1.split('/').next()?.to_owned();
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: tidemark\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Asks it to end and waits; it must do so with 0.
    pub(crate) fn terminate(self) -> Ended {
        let status = Command::new("kill").args(["-TERM", &self.pid]).status().expect("kill");
        assert!(status.success(), "kill -TERM {}", self.pid);
        self.ended()
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Waits for its end, which must be with 0. What a process took is known until somebody waits for it.
    pub(crate) fn ended(mut self) -> Ended {
        let mut peak_mib = 0.0_f64;
        while self.runs() {
            peak_mib = peak_mib.max(measure::status_of(&self.pid, "VmHWM:") / 1_024.0);
            std::thread::sleep(LOOK);
        }
        let (wall, cpu) = (self.begun.elapsed().as_secs_f64(), self.cpu_seconds());
        let status = self.child.wait().expect("it can be waited for");
        assert!(status.success(), "the service ended with {status}:\n{}", self.said());
        let mut output = String::new();
        if let Some(mut stdout) = self.child.stdout.take() {
            stdout.read_to_string(&mut output).expect("its output can be read");
        }
        Ended { wall, cpu, peak_mib, output }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail where it was waited for already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(stderr: ChildStderr, begun: Instant, said: &Said) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        said.lock().expect("nobody panics").push((begun.elapsed(), line));
    }
}

/// An answer of `/metrics`.
pub(crate) struct Metrics(String);

impl Metrics {
    /// The value of a name, that of all its labels added up; below 0 where it is not there.
    pub(crate) fn of(&self, name: &str) -> f64 {
        let value = |line: &str| -> Option<f64> {
            let rest = line.strip_prefix(name)?;
            let number = if rest.starts_with('{') { rest.rsplit_once("} ")?.1 } else { rest.strip_prefix(' ')? };
            number.trim().parse().ok()
        };
        self.0.lines().filter_map(value).reduce(|sum, each| sum + each).unwrap_or(-1.0)
    }
}
