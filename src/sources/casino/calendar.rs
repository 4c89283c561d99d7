//! Days, hours and the way a timestamp is written.

pub(super) const SECOND_MS: i64 = 1_000;
pub(super) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// How much is played in each hour of the local day, in parts of the busiest.
const APPETITE: [u64; 24] = [30, 20, 12, 8, 6, 6, 10, 18, 28, 36, 42, 48, 54, 56, 56, 58, 62, 70, 80, 92, 100, 98, 80, 52];

/// Year, month and day of a day counted from 1970-01-01 (Hinnant's `civil_from_days`).
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * march_month + 2) / 5 + 1)
}

/// The weekday of a day counted from 1970-01-01, which was a Thursday: 0 is Monday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Whether Europe keeps summer time: from the last Sunday of March to that of October, 01:00 UTC.
fn is_summer(at_ms: i64) -> bool {
    let hour_earlier = (at_ms - HOUR_MS).div_euclid(DAY_MS);
    let (_, month, date) = civil(hour_earlier);
    // Both months have 31 days, so the last Sunday is the one after the 24th.
    let days_since_sunday = (weekday(hour_earlier) + 1) % 7;
    let last_sunday_is_past = date - days_since_sunday > 24;
    match month {
        3 => last_sunday_is_past,
        10 => !last_sunday_is_past,
        _ => (4..=9).contains(&month),
    }
}

/// A brand's time zone, as far as day and night need it.
#[derive(Clone, Copy)]
pub(super) struct Zone {
    /// Hours ahead of UTC in winter.
    pub(super) winter_hours: i64,
    /// Whether it keeps European summer time.
    pub(super) summer_time: bool,
}

impl Zone {
    /// How much is played in the hour that begins at `at_ms`; weekends from Friday on are busier.
    pub(super) fn appetite(self, at_ms: i64) -> u64 {
        let summer_hours = i64::from(self.summer_time && is_summer(at_ms));
        let local_ms = at_ms + (self.winter_hours + summer_hours) * HOUR_MS;
        let hour = local_ms.rem_euclid(DAY_MS) / HOUR_MS;
        let weekend = weekday(local_ms.div_euclid(DAY_MS)) >= 4;
        APPETITE[hour as usize] * if weekend { 5 } else { 4 }
    }
}

/// Appends the two digits of a number below 100.
pub(super) fn push_pair(line: &mut Vec<u8>, number: i64) {
    line.extend_from_slice(&pair(number));
}

fn pair(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Writes instants in RFC 3339; the date is kept from one to the next, mostly on the same day.
pub(super) struct Stamp {
    day: i64,
    text: [u8; 24],
}

impl Stamp {
    /// A writer that has written nothing yet.
    pub(super) fn new() -> Self {
        Self { day: i64::MIN, text: *b"0000-00-00T00:00:00.000Z" }
    }

    /// Appends `at_ms` as `2026-03-01T10:00:00.123Z`.
    pub(super) fn push(&mut self, line: &mut Vec<u8>, at_ms: i64) {
        let day = at_ms.div_euclid(DAY_MS);
        if day != self.day {
            self.day = day;
            let (year, month, date) = civil(day);
            self.text[0..2].copy_from_slice(&pair(year / 100));
            self.text[2..4].copy_from_slice(&pair(year % 100));
            self.text[5..7].copy_from_slice(&pair(month));
            self.text[8..10].copy_from_slice(&pair(date));
        }
        let of_day = at_ms - day * DAY_MS;
        self.text[11..13].copy_from_slice(&pair(of_day / HOUR_MS));
        self.text[14..16].copy_from_slice(&pair(of_day / MINUTE_MS % 60));
        self.text[17..19].copy_from_slice(&pair(of_day / SECOND_MS % 60));
        let milliseconds = of_day % SECOND_MS;
        self.text[20] = b'0' + (milliseconds / 100) as u8;
        self.text[21..23].copy_from_slice(&pair(milliseconds % 100));
        line.extend_from_slice(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::{Stamp, is_summer};

    fn written(at_ms: i64) -> String {
        let mut line = Vec::new();
        Stamp::new().push(&mut line, at_ms);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn instants_are_written_in_rfc_3339() {
        assert_eq!(written(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(written(1_709_251_199_987), "2024-02-29T23:59:59.987Z");
    }

    #[test]
    fn europe_changes_its_clocks_on_the_last_sundays_at_one() {
        // 2026-03-29T01:00Z and 2026-10-25T01:00Z.
        for (change, summer_after) in [(1_774_746_000_000, true), (1_792_890_000_000, false)] {
            assert_eq!(is_summer(change), summer_after);
            assert_eq!(is_summer(change - 1), !summer_after);
        }
        assert!(!is_summer(1_767_225_600_000));
        // 2026-03-31T12:00Z, 2026-10-31T12:00Z and a day in July.
        assert!(is_summer(1_774_958_400_000));
        assert!(!is_summer(1_793_448_000_000));
        assert!(is_summer(1_784_000_000_000));
    }
}
