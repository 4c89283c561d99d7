//! A real Apache Kafka for the tests: one broker for the whole test binary, and brokers of a test's own.
//!
//! Where `TIDEMARK_KAFKA=HOST:PORT` is set (the Makefile sets it) that broker is used. Else the first test that asks
//! starts one with `tests/kafka/broker`.
//!
//! Rust drops no statics, and a test process may be killed. So each broker has a watchdog: a shell that reads from a
//! pipe whose other end is open in this process only. However the process ends, the pipe closes, and the shell stops
//! the broker and removes its folder.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The address of the broker that all tests share. A test must use topics of its own; see [`unique`].
pub(crate) fn shared() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    static BROKER: OnceLock<Broker> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the broker that the test command has brought up")]
    let given = || std::env::var("TIDEMARK_KAFKA");
    ADDRESS.get_or_init(|| match given() {
        Ok(address) if !address.is_empty() => address,
        _ => BROKER.get_or_init(Broker::start).address().to_owned(),
    })
}

/// A name for a topic that no other test, and no other run on the same broker, uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    format!("{name}.{nanos:x}.{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A broker of a test's own, which may be killed and paused. It ends with this value.
pub(crate) struct Broker {
    folder: PathBuf,
    address: String,
    watchdog: Child,
    /// While this is open the watchdog waits.
    leash: Option<ChildStdin>,
}

impl Broker {
    /// Starts one; it answers when this returns.
    pub(crate) fn start() -> Self {
        Self::started(&[])
    }

    /// Starts one that has a second address, [`Broker::secured_address`].
    #[cfg(feature = "tls")]
    pub(crate) fn secured() -> Self {
        Self::started(&["--secured"])
    }

    /// Starts a cluster of three; [`Broker::address`] names all of them.
    pub(crate) fn three() -> Self {
        Self::started(&["--brokers", "3"])
    }

    fn started(how: &[&str]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("tidemark-kafka-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the broker");
        // Before the broker, so that it is stopped also when this process ends while it starts.
        let (watchdog, leash) = watch(&folder);
        run("start", &folder, how);
        let address = std::fs::read_to_string(folder.join("address")).expect("the broker's address");
        Self { folder, address, watchdog, leash: Some(leash) }
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where TLS, SCRAM and rights are asked for, of user `tm` with the password in the file [`Broker::password`].
    #[cfg(feature = "tls")]
    pub(crate) fn secured_address(&self) -> String {
        format!("127.0.0.1:{}", std::fs::read_to_string(self.folder.join("secured-port")).expect("the secured port"))
    }

    /// The file with the password of `tm`.
    #[cfg(feature = "tls")]
    pub(crate) fn password(&self) -> PathBuf {
        self.folder.join("password")
    }

    /// The certificate that its own is to be checked with.
    #[cfg(feature = "tls")]
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Runs one of Kafka's own tools; what it says.
    fn tool(&self, name: &str, words: &[&str]) -> String {
        let mut tool = Command::new(script());
        tool.args(["tool", name, "--bootstrap-server", &self.address]).args(words);
        let output = tool.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("tests/kafka/broker");
        assert!(output.status.success(), "{name} {words:?}");
        String::from_utf8(output.stdout).expect("what the tool says")
    }

    /// Gives rights or takes them: the words are those of Kafka's own `AclCommand`.
    #[cfg(feature = "tls")]
    pub(crate) fn rights(&self, words: &[&str]) {
        self.tool("AclCommand", words);
    }

    /// Aborts what hangs in a partition, with Kafka's own tool, as the runbook has it; whether something did.
    pub(crate) fn abort_hanging(&self, topic: &str, partition: u32) -> bool {
        let place = ["--topic", topic, "--partition", &partition.to_string()];
        let tool = |words: &[&str]| self.tool("TransactionsCommand", &[words, &place].concat());
        let described = tool(&["describe-producers"]);
        let starts = described.lines().skip(1).filter_map(|line| line.split_whitespace().last());
        let open: Vec<&str> = starts.filter(|offset| offset.parse::<u64>().is_ok()).collect();
        for offset in &open {
            println!("{topic}, partition {partition}: what hangs at offset {offset} is aborted");
            tool(&["abort", "--start-offset", offset]);
        }
        !open.is_empty()
    }

    /// Sends its process a signal, such as `KILL`, `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        send(&self.folder, signal);
    }

    /// Sends a signal to one node of a cluster, which are numbered from 1.
    pub(crate) fn signal_node(&self, node: i32, signal: &str) {
        send(&self.folder.join(node.to_string()), signal);
    }

    /// Starts one node of a cluster again.
    pub(crate) fn node_again(&self, node: i32) {
        run("start", &self.folder.join(node.to_string()), &[]);
    }

    /// Stops it as an operator would; its data and its port stay.
    pub(crate) fn stop(&self) {
        run("stop", &self.folder, &[]);
    }

    /// Starts it again on the same data and port.
    pub(crate) fn again(&self) {
        run("start", &self.folder, &[]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.leash.take());
        drop(self.watchdog.wait());
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kafka/broker")
}

fn send(folder: &Path, signal: &str) {
    let pid = std::fs::read_to_string(folder.join("pid")).expect("the broker's pid");
    let status = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status().expect("kill");
    assert!(status.success(), "kill -{signal} {pid}");
}

fn run(verb: &str, folder: &Path, more: &[&str]) {
    let status = Command::new(script())
        .arg(verb)
        .arg(folder)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("tests/kafka/broker");
    assert!(status.success(), "tests/kafka/broker {verb} {}", folder.display());
}

/// The watchdog is a process group of its own, so that Ctrl-C does not reach it, and holds none of our outputs open.
fn watch(folder: &Path) -> (Child, ChildStdin) {
    let mut watchdog = Command::new("sh")
        .args(["-c", "cat >/dev/null; \"$0\" stop \"$1\"; rm -rf \"$1\""])
        .arg(script())
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a watchdog for the broker");
    let leash = watchdog.stdin.take().expect("the watchdog's standard input");
    (watchdog, leash)
}
