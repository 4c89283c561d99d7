//! The whole job, file to files, by the library's own door.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidemark::runtime::replay::{Options, Quiet, Watcher, replay};

use super::{Arguments, Figures};

/// Slows a run down to so many records a second: the sinks wait, and everything before them waits for them.
#[derive(Debug)]
struct Pacer {
    start: Instant,
    records_per_second: f64,
}

impl Watcher for Pacer {
    fn notice(&self, line: &str) {
        eprintln!("{line}");
    }

    fn progress(&self, records: u64, _bytes: u64, _of: Option<u64>) {
        let due = Duration::from_secs_f64(records as f64 / self.records_per_second);
        if let Some(early) = due.checked_sub(self.start.elapsed()) {
            std::thread::sleep(early);
        }
    }
}

/// One run, as its arguments say: `--events`, `--out`, `--workers`, and what else the options have.
pub(crate) fn run(arguments: &Arguments, start: Instant) -> Figures {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("programme");
    let programme = arguments.text("--programme").map_or_else(default, PathBuf::from);
    let (events, out) = (arguments.text("--events").expect("--events"), arguments.text("--out").expect("--out"));
    let mut options = Options::new(vec![programme], events.to_owned(), out.into());
    options.workers = u32::try_from(arguments.number("--workers", 1)).expect("few workers");
    options.ledger_topic = !arguments.has("--without-ledger-topic");
    options.state = arguments.text("--state").map(PathBuf::from);
    options.intervals.snapshot = Duration::from_millis(arguments.number("--snapshot-ms", 60_000));
    options.intervals.commit = Duration::from_millis(arguments.number("--commit-ms", 500));
    options.pace.epoch_bytes =
        usize::try_from(arguments.number("--epoch-bytes", options.pace.epoch_bytes as u64)).expect("small");
    let watcher: Arc<dyn Watcher> = match arguments.number("--records-per-second", 0) {
        0 => Arc::new(Quiet),
        rate => Arc::new(Pacer { start, records_per_second: rate as f64 }),
    };
    let summary = replay(&options, &watcher).unwrap_or_else(|failure| panic!("the run failed: {failure}"));
    Figures::since(start, summary.events_in, summary.facts_digest)
}
