//! What is shown while a command runs: a bar with rate and time left where somebody looks, nothing in a
//! pipe but what is worth a line.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};

use crate::runtime::replay::Watcher;

/// Shows progress on standard error.
#[derive(Debug)]
pub(super) struct Terminal {
    bar: ProgressBar,
    shown: AtomicU64,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        Self { bar, shown: AtomicU64::new(0) }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Terminal {
    fn notice(&self, line: &str) {
        self.bar.suspend(|| eprintln!("tidemark: {line}"));
    }

    fn progress(&self, records: u64, bytes: u64, of: Option<u64>) {
        // A bar that is redrawn a hundred times a second is only a cost.
        if self.bar.is_hidden() || records < self.shown.load(Ordering::Relaxed) + 20_000 {
            return;
        }
        self.shown.store(records, Ordering::Relaxed);
        if let (Some(of), None) = (of, self.bar.length()) {
            self.bar.set_length(of);
            let style = "{bar:30} {percent}% {msg} {eta} left";
            if let Ok(style) = ProgressStyle::with_template(style) {
                self.bar.set_style(style);
            }
        }
        let rate = records as f64 / self.bar.elapsed().as_secs_f64().max(0.001);
        self.bar.set_message(format!("{records} records, {:.0} thousand/s", rate / 1_000.0));
        self.bar.set_position(bytes);
    }
}
