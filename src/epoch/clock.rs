//! The clock of a partition (rule 0).
//!
//! *Definition.* Of the distinct times read so far let G be the greatest and S the second greatest. The
//! clock is G if G - S is within the tolerance, else S; with one time alone there is none yet. It never
//! goes back. So one time far ahead, repeated or not, moves nothing: it needs a second one near it.
//!
//! *Apply time.* A record that is behind the clock by more than the ordering delay is late and gets the
//! instant clock - delay; any other keeps its own time. Nothing that is yet to be read can have an apply
//! time before clock - delay: that is what the partition contributes to logical time.
//!
//! *The wall clock.* In mode `wall` every epoch has a `now`. A clock is never beyond it, and a partition that
//! was read to its end has the clock `now`, so that a silent night still comes to its midnight.

use serde::{Deserialize, Serialize};

/// The two settings of clocks, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClockSettings {
    /// How far a record may be behind before it is late.
    pub ordering_delay_ms: i64,
    /// How far one time may be ahead before it moves nothing.
    pub future_tolerance_ms: i64,
}

/// The clock of one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Clock {
    greatest: Option<i64>,
    second: Option<i64>,
    now: Option<i64>,
}

/// A record's apply time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timed {
    /// When it is applied.
    pub as_of: i64,
    /// Whether it was behind.
    pub late: bool,
}

impl Clock {
    /// Takes the time of the next record and gives its apply time, by the clock before it. `now` is that of
    /// the record's epoch, `i64::MAX` where no wall clock enters.
    #[inline]
    pub fn take(&mut self, occurred_at: i64, now: i64, settings: ClockSettings) -> Timed {
        let timed = self.time(occurred_at, settings);
        self.observe(occurred_at, now, settings);
        timed
    }

    /// An epoch begins whose `now` this is: what was held back because it was beyond an earlier `now` counts.
    pub fn begin(&mut self, now: i64, settings: ClockSettings) {
        self.settle(now, settings);
    }

    /// The clock is `at` at least: that of a partition that was read to its end is the epoch's `now`, that of
    /// one that is taken in later is where logical time is.
    pub fn reach(&mut self, at: i64) {
        self.now = Some(self.now.map_or(at, |now| now.max(at)));
    }

    /// The apply time of a record at `occurred_at`, by the clock as it is.
    #[inline]
    #[must_use]
    pub fn time(&self, occurred_at: i64, settings: ClockSettings) -> Timed {
        let least = self.least(settings);
        Timed { as_of: occurred_at.max(least), late: occurred_at < least }
    }

    #[inline]
    fn observe(&mut self, time: i64, now: i64, settings: ClockSettings) {
        match self.greatest {
            None => self.greatest = Some(time),
            Some(greatest) if time > greatest => {
                self.second = self.greatest;
                self.greatest = Some(time);
            }
            Some(greatest) if time == greatest || self.second.is_some_and(|second| time <= second) => return,
            Some(_) => self.second = Some(time),
        }
        self.settle(now, settings);
    }

    #[inline]
    fn settle(&mut self, limit: i64, settings: ClockSettings) {
        if let (Some(greatest), Some(second)) = (self.greatest, self.second) {
            let formula = if greatest - second <= settings.future_tolerance_ms { greatest } else { second };
            self.reach(formula.min(limit));
        }
    }

    /// No record that is yet to be read can have an apply time before this: what the partition
    /// contributes to logical time. `i64::MIN` while there is no clock.
    #[inline]
    #[must_use]
    pub fn least(&self, settings: ClockSettings) -> i64 {
        self.now.map_or(i64::MIN, |now| now.saturating_sub(settings.ordering_delay_ms))
    }

    /// The greatest time read, if any.
    #[must_use]
    pub const fn greatest(&self) -> Option<i64> {
        self.greatest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: ClockSettings = ClockSettings { ordering_delay_ms: 1_000, future_tolerance_ms: 300_000 };

    fn after(times: &[i64]) -> Option<i64> {
        let mut clock = Clock::default();
        for time in times {
            clock.take(*time, i64::MAX, SETTINGS);
        }
        clock.now
    }

    #[test]
    fn one_time_far_ahead_moves_nothing_however_often_it_is_read() {
        assert_eq!(after(&[5_000]), None);
        assert_eq!(after(&[5_000, 5_000]), None);
        assert_eq!(after(&[5_000, 6_000]), Some(6_000));
        assert_eq!(after(&[5_000, 6_000, 90_000_000, 90_000_000]), Some(6_000));
        assert_eq!(after(&[5_000, 6_000, 90_000_000, 7_000]), Some(7_000));
        assert_eq!(after(&[5_000, 6_000, 90_000_000, 89_800_000]), Some(90_000_000));
        assert_eq!(after(&[5_000, 305_000]), Some(305_000));
        assert_eq!(after(&[5_000, 305_001]), Some(5_000));
        assert_eq!(after(&[90_000_000, 5_000]), Some(5_000));
    }

    #[test]
    fn late_means_behind_by_more_than_the_delay() {
        let mut clock = Clock::default();
        clock.take(9_000, i64::MAX, SETTINGS);
        clock.take(10_000, i64::MAX, SETTINGS);
        assert_eq!(clock.take(9_000, i64::MAX, SETTINGS), Timed { as_of: 9_000, late: false });
        assert_eq!(clock.take(8_999, i64::MAX, SETTINGS), Timed { as_of: 9_000, late: true });
        assert_eq!(clock.least(SETTINGS), 9_000);
    }
    #[test]
    fn no_clock_is_beyond_now_and_one_at_its_end_is_now() {
        let mut clock = Clock::default();
        clock.take(9_000, 9_500, SETTINGS);
        clock.take(10_000, 9_500, SETTINGS);
        assert_eq!(clock.now, Some(9_500));
        clock.begin(9_700, SETTINGS);
        assert_eq!(clock.now, Some(9_700));
        clock.begin(20_000, SETTINGS);
        assert_eq!(clock.now, Some(10_000));
        clock.reach(20_000);
        assert_eq!(clock.least(SETTINGS), 19_000);
        clock.reach(5_000);
        assert_eq!(clock.now, Some(20_000));
    }
}
