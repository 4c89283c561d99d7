//! Instants in milliseconds, RFC 3339, and the local days of a time zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Milliseconds since 1970 UTC.
pub(crate) type Ms = i64;
/// Local days since 1970-01-01.
pub(crate) type Day = i64;

pub(crate) const SECOND: Ms = 1_000;
pub(crate) const MINUTE: Ms = 60 * SECOND;
pub(crate) const HOUR: Ms = 60 * MINUTE;
pub(crate) const DAY: Ms = 24 * HOUR;

const MONTH_LENGTHS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: i64) -> i64 {
    MONTH_LENGTHS[(month - 1) as usize] + i64::from(month == 2 && leap(year))
}

/// Counts the days one year and one month at a time.
fn day_number(year: i64, month: i64, day: i64) -> Day {
    let before = |y: i64| (y - 1) * 365 + (y - 1) / 4 - (y - 1) / 100 + (y - 1) / 400;
    let months: i64 = (1..month).map(|m| month_length(year, m)).sum();
    before(year) - before(1970) + months + day - 1
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let part = text.get(from..to)?;
    if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
}

/// Reads an RFC 3339 instant, truncated to milliseconds.
pub(crate) fn read_time(text: &str) -> Option<Ms> {
    if !text.is_ascii() {
        return None;
    }
    let bytes = text.as_bytes();
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| bytes.get(*at) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 7)?, number(text, 8, 10)?);
    let (hour, minute, second) = (number(text, 11, 13)?, number(text, 14, 16)?, number(text, 17, 19)?);
    if year < 1 || !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        let padded = format!("{}000", fraction.get(..digits)?);
        millis = number(&padded, 0, 3)?;
        rest = fraction.get(digits..)?;
    }
    let offset = read_offset(rest)?;
    let local = ((day_number(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some((local - offset) * SECOND + millis)
}

fn read_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    if text.len() != 6 || text.as_bytes()[3] != b':' {
        return None;
    }
    let (hours, minutes) = (number(text, 1, 3)?, number(text, 4, 6)?);
    if hours > 23 || minutes > 59 { None } else { Some(sign * (hours * 60 + minutes) * 60) }
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn write_time(ms: Ms) -> String {
    let stamp = Timestamp::from_millisecond(ms).expect("a time of this millennium");
    let local = TimeZone::UTC.to_datetime(stamp);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second(),
        local.millisecond()
    )
}

/// A brand's time zone.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

fn epoch() -> Date {
    Date::constant(1970, 1, 1)
}

fn date_of(day: Day) -> Date {
    epoch().checked_add(day.days()).expect("a day of this millennium")
}

fn day_of(date: Date) -> Day {
    day_number(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()))
}

impl Zone {
    pub(crate) fn named(name: &str) -> Zone {
        Zone(TimeZone::get(name).expect("a time zone of the database"))
    }

    /// The local day of an instant.
    pub(crate) fn day(&self, ms: Ms) -> Day {
        let stamp = Timestamp::from_millisecond(ms).expect("a time of this millennium");
        day_of(self.0.to_datetime(stamp).date())
    }

    /// The first instant of a local day; where 00:00 does not exist, the first that does.
    pub(crate) fn start(&self, day: Day) -> Ms {
        let zoned = date_of(day).to_zoned_datetime(self.0.clone()).expect("a day of this millennium");
        zoned.start_of_day().expect("a day has a start").timestamp().as_millisecond()
    }
}

/// A day some calendar months later; where that day does not exist, the last of the month.
pub(crate) fn add_months(day: Day, months: u32) -> Day {
    let date = date_of(day);
    let count = i64::from(date.year()) * 12 + i64::from(date.month()) - 1 + i64::from(months);
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    day_number(year, month, i64::from(date.day()).min(month_length(year, month)))
}

/// A day as `YYYY-MM-DD`.
pub(crate) fn write_day(day: Day) -> String {
    let date = date_of(day);
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        assert_eq!(read_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read_time("2026-03-01T10:00:00.123999+01:00"), read_time("2026-03-01T09:00:00.123Z"));
        assert_eq!(read_time("2026-02-29T00:00:00Z"), None);
        assert_eq!(read_time("10000-01-01T00:00:00Z"), None);
        assert_eq!(write_time(read_time("2026-03-01T10:00:00.120Z").expect("it is there")), "2026-03-01T10:00:00.120Z");
    }

    #[test]
    fn days_without_a_midnight() {
        let beirut = Zone::named("Asia/Beirut");
        let day = beirut.day(read_time("2026-03-29T12:00:00Z").expect("it is there"));
        assert_eq!(write_time(beirut.start(day)), "2026-03-28T22:00:00.000Z");
        let havana = Zone::named("America/Havana");
        let twice = havana.day(read_time("2026-11-01T12:00:00Z").expect("it is there"));
        assert_eq!(write_time(havana.start(twice)), "2026-11-01T04:00:00.000Z");
    }

    #[test]
    fn months() {
        let day = |t: &str| Zone::named("UTC").day(read_time(&format!("{t}T00:00:00Z")).expect("it is there"));
        assert_eq!(write_day(add_months(day("2028-02-29"), 12)), "2029-02-28");
        assert_eq!(write_day(add_months(day("2026-12-31"), 2)), "2027-02-28");
    }
}
