//! Turnover and points by UTC day of `as_of`.

use std::collections::BTreeMap;

use tidemark_domain::time::Day;

use super::figures;
use super::wire::{EntryType, PointsPosted};

/// More bars than this cannot be told apart.
const BARS_MAX: usize = 100;

/// The sums of a day, or of several.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Sums {
    pub(super) postings: u64,
    /// Base amounts of bets.
    pub(super) staked: i128,
    /// Base amounts taken back, not below zero.
    pub(super) reversed: i128,
    /// Points accrued.
    pub(super) accrued: i128,
    /// Points that left otherwise: reversed, redeemed, expired; not below zero.
    pub(super) gone: i128,
}

impl Sums {
    /// What is left of the stakes.
    pub(super) const fn turnover(&self) -> i128 {
        self.staked - self.reversed
    }

    fn add(&mut self, other: &Self) {
        self.postings += other.postings;
        self.staked += other.staked;
        self.reversed += other.reversed;
        self.accrued += other.accrued;
        self.gone += other.gone;
    }
}

/// A bar of a chart.
#[derive(Clone, Debug)]
pub(super) struct Bar {
    pub(super) first: Day,
    pub(super) label: String,
    pub(super) sums: Sums,
}

/// All days.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    pub(super) days: BTreeMap<Day, Sums>,
}

impl Calendar {
    /// Takes a posting.
    pub(super) fn add(&mut self, row: &PointsPosted<'_>) {
        let sums = self.days.entry(row.as_of.day()).or_default();
        let (points, turnover) = (row.points.0, row.turnover());
        sums.postings += 1;
        match row.entry_type {
            EntryType::Accrue => {
                sums.staked += turnover;
                sums.accrued += points;
            }
            EntryType::Reverse => {
                sums.reversed -= turnover;
                sums.gone += points.abs();
            }
            EntryType::Redeem | EntryType::Expire => sums.gone += points.abs(),
            EntryType::Block | EntryType::Unblock | EntryType::Adjust => {}
        }
    }

    /// The first and the last day with play.
    pub(super) fn period(&self) -> Option<(Day, Day)> {
        let mut played = self.days.iter().filter(|(_, sums)| sums.staked > 0 || sums.reversed > 0).map(|(day, _)| *day);
        let first = played.next()?;
        Some((first, played.next_back().unwrap_or(first)))
    }

    /// All together.
    pub(super) fn total(&self) -> Sums {
        self.days.values().fold(Sums::default(), |mut total, sums| {
            total.add(sums);
            total
        })
    }

    /// Bars without gaps over the whole time: days, or weeks, or months where there are too many.
    pub(super) fn bars(&self) -> (&'static str, Vec<Bar>) {
        let (Some((first, _)), Some((last, _))) = (self.days.first_key_value(), self.days.last_key_value()) else {
            return ("day", Vec::new());
        };
        let days = usize::try_from(last.since(*first)).unwrap_or(usize::MAX).saturating_add(1);
        let width = match days {
            0..=BARS_MAX => Width::Day,
            days if days <= BARS_MAX * 7 => Width::Week,
            _ => Width::Month,
        };
        let mut bars: Vec<Bar> = Vec::new();
        let mut at = width.first(*first);
        // A span so long that even its months are too many keeps the latest ones out of the way.
        while at <= *last && bars.len() < BARS_MAX * 10 {
            bars.push(Bar { first: at, label: width.label(at), sums: Sums::default() });
            at = width.next(at);
        }
        for (day, sums) in &self.days {
            let start = width.first(*day);
            if let Ok(index) = bars.binary_search_by_key(&start, |bar| bar.first) {
                bars[index].sums.add(sums);
            }
        }
        (width.name(), bars)
    }
}

#[derive(Clone, Copy)]
enum Width {
    Day,
    Week,
    Month,
}

impl Width {
    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    fn first(self, day: Day) -> Day {
        match self {
            Self::Day => day,
            // 1970-01-01 was a Thursday.
            Self::Week => day.plus(-(day.0 + 3).rem_euclid(7)),
            Self::Month => {
                let (year, month, _) = day.civil();
                Day::from_civil(year, month, 1)
            }
        }
    }

    fn next(self, first: Day) -> Day {
        match self {
            Self::Day => first.plus(1),
            Self::Week => first.plus(7),
            Self::Month => first.add_months(1),
        }
    }

    fn label(self, first: Day) -> String {
        match self {
            Self::Day => figures::date(first),
            Self::Week => format!("week of {}", figures::date(first)),
            Self::Month => {
                let (year, month, _) = first.civil();
                format!("{} {year}", figures::month_name(month))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_spans_are_shown_by_week_and_month_and_lose_nothing() {
        for (days, name) in [(90, "day"), (300, "week"), (2_000, "month")] {
            let mut calendar = Calendar::default();
            for day in 0..days {
                calendar.days.insert(Day(20_454 + day), Sums { staked: 1, ..Sums::default() });
            }
            let (shown, bars) = calendar.bars();
            assert_eq!(shown, name);
            assert!(bars.len() <= BARS_MAX);
            assert_eq!(bars.iter().map(|bar| bar.sums.staked).sum::<i128>(), i128::from(days));
        }
    }
}
