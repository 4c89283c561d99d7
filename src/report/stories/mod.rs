//! The climb and fall of three players.
//!
//! It owns who is chosen (`choose`), what is remembered of their play (here), and how their steps
//! are told in plain words (`telling`).

mod choose;
mod telling;

use std::collections::{BTreeMap, HashMap};

use tidemark_domain::time::{Day, Instant};

use super::people::{Person, Step};
use super::wire::{EntryType, PointsPosted};
pub(super) use choose::choose;
pub(super) use telling::{Event, Tone, tell};

/// Turnover is remembered at least so far apart.
const GRAIN_MS: i64 = 30 * 60_000;

/// Why a player was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nobody climbed higher.
    Climber,
    /// Fell, and came back to the tier that was lost.
    Returned,
    /// Stopped playing, and time did the rest.
    Silent,
    /// A bet was taken back, and with it the tier.
    Reversed,
}

impl Kind {
    /// As a heading.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Climber => "The highest climber",
            Self::Returned => "One that fell and came back",
            Self::Silent => "One that fell silent",
            Self::Reversed => "One that a reversal brought down",
        }
    }
}

/// One player's story.
#[derive(Clone, Debug)]
pub(super) struct Story {
    pub(super) kind: Kind,
    pub(super) brand: String,
    pub(super) player: String,
    /// The tier before the first step.
    pub(super) start: usize,
    pub(super) steps: Vec<Step>,
    pub(super) last_bet_at: Option<Instant>,
    /// Turnover since ever, after each stretch of play.
    pub(super) climb: Vec<(Instant, i128)>,
    /// Turnover of each UTC day; what was taken back counts in the day of its bet.
    days: BTreeMap<Day, i128>,
    bets: HashMap<String, Day>,
    cumulative: i128,
}

impl Story {
    fn of(kind: Kind, person: &Person) -> Self {
        Self {
            kind,
            brand: person.brand.clone(),
            player: person.player.clone(),
            start: person.start().unwrap_or(0),
            steps: person.steps.clone(),
            last_bet_at: person.held.as_ref().and_then(|held| held.last_bet_at),
            climb: Vec::new(),
            days: BTreeMap::new(),
            bets: HashMap::new(),
            cumulative: 0,
        }
    }

    /// Takes a posting of this player.
    pub(super) fn add(&mut self, row: &PointsPosted<'_>) {
        let Some(bet) = row.bet_id.as_ref() else {
            return;
        };
        let day = match row.entry_type {
            EntryType::Accrue => *self.bets.entry(bet.0.clone().into_owned()).or_insert_with(|| row.occurred_at.day()),
            _ => self.bets.get(&*bet.0).copied().unwrap_or_else(|| row.occurred_at.day()),
        };
        *self.days.entry(day).or_default() += row.turnover();
        self.cumulative += row.turnover();
        let at = row.as_of.0;
        match self.climb.last_mut() {
            Some((since, cumulative)) if at.0.saturating_sub(since.0) < GRAIN_MS => *cumulative = self.cumulative,
            _ => self.climb.push((at, self.cumulative)),
        }
    }

    /// Turnover of the last 30 days for every day from `first` to `last`: when it begins, when it ends.
    pub(super) fn rolling(&self, first: Day, last: Day) -> Vec<(Day, i128, i128)> {
        let sum = |from: Day, to: Day| {
            if from > to { 0 } else { self.days.range(from..=to).map(|(_, sum)| sum).sum::<i128>() }
        };
        let days = (first.0..=last.0).map(Day);
        days.map(|day| (day, sum(day.plus(-29), day.plus(-1)), sum(day.plus(-29), day))).collect()
    }
}
