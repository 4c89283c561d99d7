//! The steps of a player in plain words.

use tidemark_domain::time::{DAY_MS, Day, Instant};

use super::super::Report;
use super::super::figures::{date, day_month, short, spoken};
use super::super::ladder::Rung;
use super::super::people::Step;
use super::super::values::day_of;
use super::super::wire::Reason;
use super::Story;

/// Steps of one cause, told together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Event {
    pub(in super::super) at: Instant,
    pub(in super::super) up: bool,
    /// The tier afterwards.
    pub(in super::super) to: usize,
    /// A part of a sentence, to stand behind the one before.
    pub(in super::super) text: String,
}

/// How much is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Tone {
    /// Whole sentences.
    Full,
    /// What fits on a screen.
    Brief,
}

/// Tells a story.
pub(in super::super) fn tell(report: &Report, story: &Story, tone: Tone) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let words = Words { rungs: &report.ladder.rungs, currency: &report.currency, years: report.spans_years(), tone };
    // Left before; and of these, left for want of play: only then the last 30 days decide about the way back (rule 5).
    let (mut left, mut lost) = (vec![false; words.rungs.len()], vec![false; words.rungs.len()]);
    let mut held = vec![false; words.rungs.len()];
    let (mut rest, mut before) = (story.steps.as_slice(), None);
    while let Some(first) = rest.first() {
        let together =
            rest.iter().take_while(|step| (step.at, step.up, step.reason) == (first.at, first.up, first.reason)).count();
        let (steps, behind) = rest.split_at(together);
        let last = steps.last().unwrap_or(first);
        held[first.from] = true;
        let back = Back {
            was_held: held[last.to],
            was_left: steps.iter().any(|step| step.up && left[step.to]),
            was_lost: steps.iter().any(|step| step.up && lost[step.to]),
        };
        for step in steps {
            held[step.to] = true;
            if step.up {
                lost[step.to] = false;
            } else {
                left[step.from] = true;
                lost[step.from] |= step.reason == Reason::Decay;
            }
        }
        let text = if before.is_some_and(|before| goes_on(before, last)) {
            words.going_on(last)
        } else {
            words.sentence(steps, last, back)
        };
        events.push(Event { at: first.at, up: first.up, to: last.to, text });
        (rest, before) = (behind, Some(*last));
    }
    events
}

/// Whether one quiet month takes a second tier right after the first.
const fn goes_on(before: Step, step: &Step) -> bool {
    let both = matches!((before.reason, step.reason), (Reason::Decay, Reason::Decay));
    both && before.to == step.from && step.at.0 - before.at.0 <= 2 * DAY_MS
}

/// Whether a way leads back to where the player was before, and a way up to what was left before.
#[derive(Clone, Copy)]
struct Back {
    was_held: bool,
    was_left: bool,
    /// And the tier was taken because of too little play.
    was_lost: bool,
}

struct Words<'a> {
    rungs: &'a [Rung],
    currency: &'a str,
    years: bool,
    tone: Tone,
}

impl Words<'_> {
    fn sentence(&self, steps: &[Step], last: &Step, back: Back) -> String {
        let day = self.day(last);
        match last.reason {
            Reason::Threshold if back.was_lost => {
                format!("{} again on {day}, after {} in 30 days", self.reached(steps), self.money(last.rolling))
            }
            Reason::Threshold if back.was_left => {
                format!("{} again on {day} after {}", self.reached(steps), self.money(last.cumulative))
            }
            Reason::Threshold => format!("{} on {day} after {}", self.reached(steps), self.money(last.cumulative)),
            Reason::Decay => format!("back to {} on {day} because 30 days brought {}", self.name(last.to), self.too_little(last)),
            Reason::Reversal => format!(
                "back to {} on {day} because a bet was taken back: {} of turnover left, {} asks {}",
                self.name(last.to),
                self.money(last.cumulative),
                self.name(last.from),
                spoken(self.entry(last.from)),
            ),
            Reason::Forced if last.by_timer => {
                let again = if back.was_held { " again" } else { "" };
                format!("{}{again} on {day}, when the status given by hand ended", self.name(last.to))
            }
            Reason::Forced => format!("{} on {day} by hand", self.name(last.to)),
            Reason::ConfigChange => format!("{} on {day} because the programme changed", self.name(last.to)),
        }
    }

    /// After a fall to the tier between.
    fn going_on(&self, step: &Step) -> String {
        let then = format!("then to {} on {}", self.name(step.to), self.day(step));
        match self.tone {
            Tone::Full => then + ", for the same reason",
            Tone::Brief => then,
        }
    }

    /// `nothing`, `only 820 EUR of the 1,000 that Silver asks`.
    fn too_little(&self, step: &Step) -> String {
        let asked = self.rungs.get(step.from).map_or(0, |rung| rung.maintain);
        let brought = if step.rolling == 0 { "nothing".to_owned() } else { format!("only {}", self.money(step.rolling)) };
        if self.tone == Tone::Full && asked > step.rolling {
            format!("{brought} of the {} that {} asks", spoken(asked), self.name(step.from))
        } else {
            brought
        }
    }

    /// `Silver`, `Silver and Gold`.
    fn reached(&self, steps: &[Step]) -> String {
        let names: Vec<&str> = steps.iter().map(|step| self.name(step.to)).collect();
        match names.split_last() {
            Some((last, before)) if !before.is_empty() => {
                format!("{} and {last}", before.join(", "))
            }
            _ => names.concat(),
        }
    }

    fn name(&self, tier: usize) -> &str {
        self.rungs.get(tier).map_or("?", |rung| &rung.name)
    }

    fn entry(&self, tier: usize) -> i128 {
        self.rungs.get(tier).map_or(0, |rung| rung.entry)
    }

    fn money(&self, micros: i128) -> String {
        format!("{} {}", spoken(micros), self.currency)
    }

    fn day(&self, step: &Step) -> String {
        let day = named_day(step.at, step.by_timer);
        match (self.years, self.tone) {
            (true, _) => date(day),
            (false, Tone::Full) => day_month(day),
            (false, Tone::Brief) => short(day),
        }
    }
}

/// The day by which a step is called. A timer is due at a local midnight: east of Greenwich that is
/// late on the UTC day before the local day that begins.
fn named_day(at: Instant, by_timer: bool) -> Day {
    let afternoon = at.0.rem_euclid(DAY_MS) >= DAY_MS / 2;
    day_of(at).plus(i32::from(by_timer && afternoon))
}
