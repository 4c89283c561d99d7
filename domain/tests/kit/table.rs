//! A table: scenarios in a text that a croupier can read.
//!
//! ```text
//! == edge 12: one bet crosses two tiers          a scenario begins
//! covers R5.two_steps edge.12                    cells of the matrix
//! given tiers.grace_days 2                       a setting of the programme
//! ladder Bronze 0/0, Silver 100/10               all tiers: entry/maintain
//! promotion Double x2 from T to T games slots    a promotion
//! rate SEK EUR 0.0880 from T                     an exchange rate
//! programme 2 from T                             lines like the above now change revision 2
//! 2026-03-01T10:00Z bet b1 20.00 EUR slots       an event
//!     -> accrue 20 points, base 20               every fact it causes, in order
//! time 2026-03-31T00:00+01:00                    time passes
//!     -> nothing
//! state tier Bronze, cumulative 20               what is true now
//! ```

use tidemark_domain::money::Decimal;
use tidemark_domain::rules::{RateSeen, Rates};
use tidemark_domain::time::Instant;

use super::programme::Draft;
use super::told::{Told, instant};
use super::verb;

/// One scenario.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) file: String,
    pub(crate) title: String,
    pub(crate) covers: Vec<String>,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) rates: Rates,
    pub(crate) steps: Vec<Step>,
}

/// One line and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) act: Act,
    pub(crate) expected: Vec<String>,
}

/// What a line does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Event(Box<Told>),
    Time(Instant),
    State,
    /// A publication comes into force: what it leaves about the rulebook.
    Rulebook(u32),
    /// Was judged when it was read.
    Said(&'static str),
}

/// Reads a table.
pub(crate) fn parse(file: &str, text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for (at, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("== ") {
            scenarios.push(Scenario {
                file: file.to_owned(),
                title: title.to_owned(),
                covers: Vec::new(),
                drafts: vec![Draft::base()],
                rates: Rates::default(),
                steps: Vec::new(),
            });
            continue;
        }
        let scenario = scenarios.last_mut().unwrap_or_else(|| panic!("{file}:{}: no scenario has begun", at + 1));
        scenario.take(at + 1, line);
    }
    scenarios
}

impl Scenario {
    fn take(&mut self, number: usize, line: &str) {
        if let Some(expected) = line.strip_prefix("-> ") {
            self.steps.last_mut().unwrap().expected.push(expected.trim().to_owned());
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let draft = self.drafts.last_mut().unwrap();
        let act = match words[..] {
            ["covers", ref tags @ ..] => return self.covers.extend(tags.iter().map(|tag| (*tag).to_owned())),
            ["given", path, ref value @ ..] => return draft.given(path, &value.join(" ")),
            ["ladder", ref levels @ ..] => return draft.ladder(&levels.join(" ")),
            ["promotion", ref rest @ ..] => return draft.promotion(rest),
            ["programme", revision, "from", from] => {
                let next = draft.next(revision.parse().unwrap(), instant(from));
                return self.drafts.push(next);
            }
            ["rate", currency, base, rate, "from", from] => {
                let rate = Decimal::parse(rate.as_bytes()).unwrap();
                Act::Said(match self.rates.add(currency, base, instant(from), rate) {
                    RateSeen::New => "nothing",
                    RateSeen::Same => "duplicate",
                    RateSeen::Other => "dead conflict",
                })
            }
            ["time", at] => Act::Time(instant(at)),
            ["state", ..] => Act::State,
            ["rulebook", revision] => Act::Rulebook(revision.parse().unwrap()),
            _ => {
                let before = self.steps.iter().filter(|step| matches!(step.act, Act::Event(_))).count();
                Act::Event(Box::new(verb::event(line, before + 1)))
            }
        };
        self.steps.push(Step { line: number, text: line.to_owned(), act, expected: Vec::new() });
    }
}
