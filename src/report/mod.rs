//! The report: what a replay found, for a person to read.
//!
//! It owns the way from the files of a replay (`OUT/*.jsonl`, `OUT/summary.json`) to a page and to a
//! screenful of text. It knows no rule of the programme: every number is read or added up from what
//! was published, so the report is also a second look at it. Sums are exact; the books that should
//! agree are compared, and a difference is shown, never hidden.
//!
//! Days are UTC days of `as_of`. A fall of a tier at a local midnight is dated by the local day that
//! begins there.
//!
//! Reading order: `wire` and `values` (the records), `lines` (how files are walked), `read` (which file gives
//! what); then what is gathered: `people` (steps and profile of each player), `ladder` (tiers),
//! `calendar` (turnover and points by day), `purse` (points), `reversals`, `lateness`, `dead`,
//! `rewards`, `stories` (three players), `checks` (what must agree); then how it is shown: `figures`
//! (numbers and dates), `terminal`, `page`.

mod calendar;
mod checks;
mod dead;
mod figures;
mod ladder;
mod lateness;
mod lines;
mod page;
mod people;
mod purse;
mod read;
mod reversals;
mod rewards;
mod stories;
mod terminal;
#[cfg(test)]
mod tests;
mod values;
mod wire;

use std::io;
use std::path::PathBuf;

use tidemark_domain::time::Day;

pub use read::read;

/// Everything that a report shows.
#[derive(Debug)]
pub struct Report {
    currency: String,
    timing: Option<Timing>,
    summary: wire::Summary,
    players: u64,
    ladder: ladder::Ladder,
    calendar: calendar::Calendar,
    purse: purse::Purse,
    reversals: reversals::Reversals,
    lateness: lateness::Lateness,
    dead: dead::DeadLetters,
    rewards: rewards::Rewards,
    stories: Vec<stories::Story>,
    checks: Vec<checks::Check>,
}

/// How long the run took, which no file tells.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Timing {
    /// Records read.
    pub events: u64,
    /// From the first to the last, by the clock on the wall.
    pub seconds: f64,
    /// Workers that shared them.
    pub workers: usize,
}

impl Timing {
    /// Whole events per second.
    fn rate(&self) -> u64 {
        if self.seconds > 0.0 { (self.events as f64 / self.seconds) as u64 } else { 0 }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The replay has not ended, or the folder is none of its own.
    #[error("{} is missing: a replay writes it when it ends", path.display())]
    Unfinished {
        /// Where `summary.json` should be.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record is not what its topic promises.
    #[error("{}, line {line}: not a record of this topic", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Why.
        source: serde_json::Error,
    },
}

impl Report {
    /// With the rate of the run in the headline.
    #[must_use]
    pub const fn timed(mut self, timing: Timing) -> Self {
        self.timing = Some(timing);
        self
    }

    /// With another name for the base currency, which no fact names; `EUR` unless told.
    #[must_use]
    pub fn in_currency(mut self, currency: &str) -> Self {
        currency.clone_into(&mut self.currency);
        self
    }

    /// The report as text for a terminal, at most 60 lines, none longer than `width` characters
    /// (60 at least).
    #[must_use]
    pub fn terminal(&self, width: usize, colour: bool) -> String {
        terminal::screen(self, width, colour)
    }

    /// The report as one self-contained HTML page.
    #[must_use]
    pub fn html(&self) -> String {
        page::page(self)
    }

    /// The first and the last day with play or a change of tier.
    fn period(&self) -> Option<(Day, Day)> {
        let (first, last) = self.calendar.period()?;
        let last_step = self.ladder.last_step.map_or(last, |step| step.max(last));
        Some((first, last_step))
    }

    /// Whether the period is in more than one year, so that a date needs it.
    fn spans_years(&self) -> bool {
        self.period().is_some_and(|(first, last)| figures::spans_years(first, last))
    }

    /// `3 March`, with the year where it is needed.
    fn day(&self, day: Day) -> String {
        if self.spans_years() { figures::date(day) } else { figures::day_month(day) }
    }

    /// `628,946 events/s: 0.41 s on 2 workers`, where the time is known.
    fn rate(&self) -> Option<String> {
        let timing = self.timing?;
        let workers = figures::counted(timing.workers as u64, "worker", "workers");
        Some(format!("{} events/s: {:.2} s on {workers}", figures::count(timing.rate()), timing.seconds))
    }

    /// Whether every check holds.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
    }
}
