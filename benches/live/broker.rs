//! A real Apache Kafka for a benchmark: one that is named, or one of its own that ends with it.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::measure;

/// How often the broker looks for what it need not keep. Its default, five minutes, would let a soak fill the memory.
const LOOK_EVERY: &str = "log.retention.check.interval.ms=10000\n";

/// See the module's words.
pub(crate) struct Broker {
    address: String,
    /// Everything that a benchmark writes.
    work: PathBuf,
    own: Option<Own>,
}

/// A broker that was started here. However this process ends, the leash breaks, and the watchdog stops the broker.
struct Own {
    folder: PathBuf,
    watchdog: Child,
    leash: Option<ChildStdin>,
}

impl Broker {
    /// The one at an address, or a new one with its data in a folder.
    pub(crate) fn start(given: Option<String>, work: &Path) -> Self {
        if let Some(address) = given {
            return Self { address, work: work.to_owned(), own: None };
        }
        let folder = work.join("broker");
        std::fs::create_dir_all(&folder).expect("a folder for the broker");
        let (watchdog, leash) = watch(&folder, work);
        let own = Own { folder: folder.clone(), watchdog, leash: Some(leash) };
        run("start", &folder);
        run("stop", &folder);
        let properties = std::fs::File::options().append(true).open(folder.join("server.properties"));
        properties.and_then(|mut file| file.write_all(LOOK_EVERY.as_bytes())).expect("the broker's settings can be added to");
        run("start", &folder);
        let port = std::fs::read_to_string(folder.join("port")).expect("the broker's port");
        Self { address: format!("127.0.0.1:{}", port.trim()), work: work.to_owned(), own: Some(own) }
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Processor seconds that it has taken; none are known of a broker that was not started here.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let pid = self.own.as_ref().and_then(|own| std::fs::read_to_string(own.folder.join("pid")).ok());
        pid.map_or(f64::NAN, |pid| measure::cpu_seconds_of(pid.trim()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(own) = &mut self.own {
            drop(own.leash.take());
            drop(own.watchdog.wait());
        }
        drop(std::fs::remove_dir_all(&self.work));
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker")
}

/// With Java's whole compiler, as people run it.
fn run(verb: &str, folder: &Path) {
    let mut command = Command::new(script());
    command.arg(verb).arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command.env("TIDEMARK_KAFKA_JVM", "-XX:+TieredCompilation");
    let status = command.status().expect("tests/kafka/broker");
    assert!(status.success(), "tests/kafka/broker {verb} {}", folder.display());
}

/// A process group of its own, so that Ctrl-C does not reach it; it holds none of our outputs open.
fn watch(folder: &Path, work: &Path) -> (Child, ChildStdin) {
    let mut watchdog = Command::new("sh")
        .args(["-c", "cat >/dev/null; \"$0\" stop \"$1\"; rm -rf \"$2\""])
        .arg(script())
        .args([folder, work])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a watchdog for the broker");
    let leash = watchdog.stdin.take().expect("the watchdog's standard input");
    (watchdog, leash)
}
