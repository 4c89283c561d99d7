//! Turnover by local day: a sparse list, so that only active players pay for it (rule 3, T-2).

use crate::money::Micros;
use crate::time::Day;

/// How many days the window has.
pub(crate) const WINDOW_DAYS: i32 = 30;

/// Daily sums of the window, oldest first, and their total.
#[derive(Clone, Default, Debug)]
pub(crate) struct Days {
    rows: Vec<(Day, Micros)>,
    total: Micros,
}

impl Days {
    /// The sum of all rows: turnover of the last 30 days.
    pub(crate) const fn total(&self) -> Micros {
        self.total
    }

    /// Its rows.
    pub(crate) fn rows(&self) -> &[(Day, Micros)] {
        &self.rows
    }

    /// Touches the rows, so that the memory can fetch them meanwhile.
    pub(crate) fn warm(&self) -> u64 {
        let ends = [self.rows.first(), self.rows.last()];
        ends.into_iter().flatten().fold(0, |all, (day, _)| all ^ u64::from(day.0.unsigned_abs()))
    }

    /// A row as it was saved.
    pub(crate) fn restore(&mut self, day: Day, sum: Micros) {
        self.rows.push((day, sum));
        self.total = Micros(self.total.0.saturating_add(sum.0));
    }

    /// Adds to a day that is in the window of `today`; another day changes nothing here (rule 10).
    pub(crate) fn add(&mut self, day: Day, amount: Micros, today: Day, window: i32) {
        if day <= today.plus(-window) {
            return;
        }
        let at = self.rows.iter().rposition(|(row, _)| *row <= day);
        match at.and_then(|index| self.rows.get_mut(index)).filter(|(row, _)| *row == day) {
            Some((_, sum)) => sum.0 = sum.0.saturating_add(amount.0),
            None => {
                if self.rows.len() == self.rows.capacity() {
                    self.rows.reserve_exact((self.rows.len() >> 1).max(2));
                }
                self.rows.insert(at.map_or(0, |index| index + 1), (day, amount));
            }
        }
        self.total = Micros(self.total.0.saturating_add(amount.0));
    }

    /// Drops the days that have left the window of `today`.
    pub(crate) fn leave(&mut self, today: Day, window: i32) {
        let first = today.plus(1 - window);
        let gone = self.rows.iter().take_while(|(day, _)| *day < first).count();
        if gone == 0 {
            return;
        }
        for (_, sum) in self.rows.drain(..gone) {
            self.total = Micros(self.total.0.saturating_sub(sum.0));
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
        for (day, sum) in &self.rows {
            if *day >= first && rest < needed {
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
        Micros(self.rows.iter().filter(|(row, _)| *row >= first).map(|(_, sum)| sum.0).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
