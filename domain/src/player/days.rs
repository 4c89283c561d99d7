//! Turnover by local day: a sparse list, so that only active players pay for it (rule 3, T-2).

use prefetch_index::prefetch_index;

use crate::money::Micros;
use crate::time::Day;

/// How many days the window has.
pub(crate) const WINDOW_DAYS: i32 = 30;

/// Daily sums of the window, oldest first, and their total.
#[derive(Clone, Default, Debug)]
pub(crate) struct Days {
    rows: Vec<Row>,
    total: Micros,
}

/// A day and its sum, in 16 bytes: every sum is within 96 bits ([`Micros::plus`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Row {
    day: Day,
    high: i32,
    low: u64,
}

impl Row {
    fn new(day: Day, sum: Micros) -> Self {
        let low = u64::try_from(sum.0 & i128::from(u64::MAX)).unwrap_or(0);
        let high = i32::try_from(sum.0 >> 64).unwrap_or(if sum.0 < 0 { i32::MIN } else { i32::MAX });
        Self { day, high, low }
    }

    fn sum(&self) -> Micros {
        Micros(i128::from(self.high) << 64 | i128::from(self.low))
    }
}

impl Days {
    /// Bytes of memory beside its own.
    pub(super) const fn bytes(&self) -> usize {
        self.rows.capacity() * size_of::<Row>()
    }

    /// The sum of all rows: turnover of the last 30 days.
    pub(crate) const fn total(&self) -> Micros {
        self.total
    }

    /// How many days have a sum.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Its rows.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (Day, Micros)> {
        self.rows.iter().map(|row| (row.day, row.sum()))
    }

    /// Has the memory fetch the rows that the next application will look at.
    pub(crate) fn prefetch(&self) {
        prefetch_index(&self.rows, 0);
        prefetch_index(&self.rows, self.rows.len());
    }

    /// A row as it was saved.
    pub(crate) fn restore(&mut self, day: Day, sum: Micros) {
        self.rows.push(Row::new(day, sum));
        self.total = Micros(self.total.0.saturating_add(sum.0));
    }

    /// Adds to a day that is in the window of `today`; another day changes nothing here (rule 10).
    pub(crate) fn add(&mut self, day: Day, amount: Micros, today: Day, window: i32) {
        if day <= today.plus(-window) {
            return;
        }
        let at = self.rows.iter().rposition(|row| row.day <= day);
        match at.and_then(|index| self.rows.get_mut(index)).filter(|row| row.day == day) {
            Some(row) => *row = Row::new(day, Micros(row.sum().0.saturating_add(amount.0))),
            None => {
                if self.rows.len() == self.rows.capacity() {
                    self.rows.reserve_exact((self.rows.len() >> 1).max(2));
                }
                self.rows.insert(at.map_or(0, |index| index + 1), Row::new(day, amount));
            }
        }
        self.total = Micros(self.total.0.saturating_add(amount.0));
    }

    /// Drops the days that have left the window of `today`.
    pub(crate) fn leave(&mut self, today: Day, window: i32) {
        let first = today.plus(1 - window);
        let gone = self.rows.iter().take_while(|row| row.day < first).count();
        if gone == 0 {
            return;
        }
        for row in self.rows.drain(..gone) {
            self.total = Micros(self.total.0.saturating_sub(row.sum().0));
        }
        if self.rows.is_empty() {
            self.rows = Vec::new();
        }
    }

    /// The first day from `from` on at which the window holds less than `needed`, if nothing is added.
    pub(crate) fn first_below(&self, needed: Micros, from: Day, window: i32) -> Option<Day> {
        if needed <= Micros::ZERO {
            return None;
        }
        let first = from.plus(1 - window);
        let mut rest = self.total;
        let mut below = from;
        for (day, sum) in self.rows() {
            if day >= first && rest < needed {
                return Some(below);
            }
            rest = Micros(rest.0.saturating_sub(sum.0));
            below = day.plus(window).max(from);
        }
        Some(below)
    }

    /// What the window holds at a later day, if nothing is added.
    pub(crate) fn total_at(&self, day: Day, window: i32) -> Micros {
        let first = day.plus(1 - window);
        Micros(self.rows().filter(|(row, _)| *row >= first).map(|(_, sum)| sum.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_every_sum() {
        for sum in [0, 1, -1, i128::from(u64::MAX), -i128::from(u64::MAX) - 7, (1 << 95) - 1, 1 - (1 << 95)] {
            assert_eq!(Row::new(Day(1), Micros(sum)).sum(), Micros(sum));
        }
        assert!(Micros((1 << 95) - 2).plus(Micros(1)).is_some());
        assert!(Micros((1 << 95) - 1).plus(Micros(1)).is_none());
    }

    #[test]
    fn a_day_leaves_the_window_after_thirty_days() {
        let mut days = Days::default();
        days.add(Day(100), Micros(7), Day(100), WINDOW_DAYS);
        days.add(Day(90), Micros(5), Day(100), WINDOW_DAYS);
        days.add(Day(70), Micros(9), Day(100), WINDOW_DAYS);
        assert_eq!(days.total(), Micros(12), "day 70 is outside the window 71..100");
        days.leave(Day(119), WINDOW_DAYS);
        assert_eq!(days.total(), Micros(12));
        days.leave(Day(120), WINDOW_DAYS);
        assert_eq!(days.total(), Micros(7));
    }

    #[test]
    fn the_first_day_below_is_found_without_walking_days() {
        let mut days = Days::default();
        days.add(Day(90), Micros(5), Day(100), WINDOW_DAYS);
        days.add(Day(100), Micros(7), Day(100), WINDOW_DAYS);
        for (needed, from, expected) in [
            (13, 101, Some(101)),
            (12, 101, Some(120)),
            (8, 101, Some(120)),
            (7, 101, Some(130)),
            (1, 101, Some(130)),
            (0, 101, None),
            (6, 125, Some(130)),
            (7, 140, Some(140)),
        ] {
            assert_eq!(days.first_below(Micros(needed), Day(from), WINDOW_DAYS), expected.map(Day), "{needed} from {from}");
            if let Some(day) = expected {
                assert!(days.total_at(Day(day), WINDOW_DAYS).0 < needed);
                assert!(day == from || days.total_at(Day(day - 1), WINDOW_DAYS).0 >= needed);
            }
        }
    }
}
