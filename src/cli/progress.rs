//! What is shown while a command runs: a bar with rate and time left where somebody looks, nothing in a
//! pipe but what is worth a line.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use super::print;
use crate::runtime::replay::Watcher;

/// A bar that is redrawn a thousand times a second is only a cost.
const RECORDS_BETWEEN: u64 = 5_000;

/// Shows progress on standard error.
#[derive(Debug)]
pub(super) struct Terminal {
    bar: ProgressBar,
    shown: AtomicU64,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        // Where the length is not known there is nothing to fill a bar with.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}, {elapsed}") {
            bar.set_style(style);
            bar.set_message("beginning");
        }
        Self { bar, shown: AtomicU64::new(0) }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Terminal {
    fn notice(&self, line: &str) {
        self.bar.suspend(|| print::tell(line));
    }

    fn progress(&self, records: u64, done: u64, of: Option<u64>) {
        if self.bar.is_hidden() || records < self.shown.load(Ordering::Relaxed) + RECORDS_BETWEEN {
            return;
        }
        self.shown.store(records, Ordering::Relaxed);
        let rate = records as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
        self.bar.set_position(done);
        if let (Some(of), None) = (of, self.bar.length()) {
            self.bar.set_length(of);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}, {eta} left") {
                self.bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
            }
        }
        self.bar.set_message(format!("{} records, {}/s", print::count(records), print::count(rate as u64)));
    }
}
