//! Time that arrived, never time that is read: instants, local days, and a brand's time zone.
//!
//! A [`Zone`] is a table of the zone's offsets made once from the database compiled into the
//! program, so a replay never depends on the machine it runs on.

use core::fmt;

use crate::digits::Append;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Milliseconds in a day.
pub const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;
/// Eras of 400 years that are added before calculating with days, so that every `i32` is positive.
const ERAS: i64 = 15_000;
/// Days from the beginning of that first era to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468 + ERAS * 146_097;
/// The day of [`Instant::FIRST`].
const FIRST_DAY: i32 = -719_528;

/// An instant in milliseconds since 1970-01-01T00:00:00Z, between the years 0000 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// After everything.
    pub const MAX: Self = Self(i64::MAX);
    /// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can name.
    pub const LAST: Self = Self(253_402_300_799_999);
    /// 0000-01-01T00:00:00Z, the first one.
    pub const FIRST: Self = Self(-62_167_219_200_000);

    /// Reads any RFC 3339 instant, with whatever offset, cut to milliseconds (rule 0).
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if let Some(usual) = text.try_into().ok().and_then(Self::parse_usual) {
            return Some(usual);
        }
        let (head, rest) = text.split_first_chunk::<19>()?;
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b't' | b' ', h0, h1, b':', n0, n1, b':', s0, s1] = head else {
            return None;
        };
        let (century, year) = (pair(*y0, *y1)?, pair(*y2, *y3)?);
        let (month, day) = (pair(*m0, *m1)?, pair(*d0, *d1)?);
        let (hour, minute, second) = (pair(*h0, *h1)?, pair(*n0, *n1)?, pair(*s0, *s1)?);
        let year = i64::from(century * 100 + year);
        if hour > 23 || minute > 59 || second > 60 || !(1..=12).contains(&month) {
            return None;
        }
        let (month, day) = (i64::from(month), i64::from(day));
        if day < 1 || day > 28 && day > days_in_month(year, month) {
            return None;
        }
        let (millis, offset) = match rest {
            [b'Z'] => (0, 0),
            [b'.', f0 @ b'0'..=b'9', f1 @ b'0'..=b'9', f2 @ b'0'..=b'9', b'Z'] => {
                (i64::from(f0 - b'0') * 100 + i64::from(f1 - b'0') * 10 + i64::from(f2 - b'0'), 0)
            }
            _ => {
                let (millis, zone) = fraction(rest)?;
                (millis, offset_minutes(zone)?)
            }
        };
        let days = i64::from(Day::from_civil(year, month, day).0);
        // A leap second counts as the second before it.
        let seconds = i64::from(hour * 3_600 + minute * 60 + second.min(59)) - offset * 60;
        let instant = Self(days * DAY_MS + seconds * 1_000 + millis);
        (instant >= Self::FIRST && instant <= Self::LAST).then_some(instant)
    }

    /// Reads the form that this program writes, `2026-03-01T10:00:00.123Z`, eight bytes at a time; none for any other.
    #[inline]
    fn parse_usual(text: &[u8; 24]) -> Option<Self> {
        let ([date, middle, end], []) = text.as_chunks::<8>() else { return None };
        let [century, _, of_century, _, _, month, _, _] = pairs(date, b"0000-00-")?;
        let [day, _, _, hour, _, _, minute, _] = pairs(middle, b"00T00:00")?;
        let [_, second, _, _, tenths, _, _, _] = pairs(end, b":00.000Z")?;
        let thousandth = end.get(6)?.wrapping_sub(b'0');
        let (year, month, day) = (i64::from(century) * 100 + i64::from(of_century), i64::from(month), i64::from(day));
        let is_date = (1..=12).contains(&month) && day >= 1 && (day <= 28 || day <= days_in_month(year, month));
        if !is_date || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second);
        let millis = i64::from(tenths) * 10 + i64::from(thousandth);
        Some(Self(i64::from(Day::from_civil(year, month, day).0) * DAY_MS + seconds * 1_000 + millis))
    }

    /// This instant moved by so many milliseconds, stopping at the ends of time.
    #[must_use]
    pub const fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Appends the form `2026-03-01T10:00:00.123Z`.
    pub fn write(self, out: &mut impl Append) {
        out.bytes(&self.text());
    }

    /// The form `2026-03-01T10:00:00.123Z`.
    #[must_use]
    pub fn text(self) -> [u8; 24] {
        let since_first = u64::try_from(self.0.clamp(Self::FIRST.0, Self::LAST.0) - Self::FIRST.0).unwrap_or(0);
        let (day, millis) = (since_first.div_euclid(86_400_000), since_first.rem_euclid(86_400_000));
        let day = i32::try_from(day).unwrap_or(i32::MAX).saturating_add(FIRST_DAY);
        let [y0, y1, y2, y3, b0, m0, m1, b1, d0, d1] = Day(day).text();
        let (seconds, fraction) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
        let [h0, h1] = two(seconds.div_euclid(3_600));
        let [n0, n1] = two(seconds.div_euclid(60).rem_euclid(60));
        let [s0, s1] = two(seconds.rem_euclid(60));
        let [_, f0] = two(fraction.div_euclid(100));
        let [f1, f2] = two(fraction.rem_euclid(100));
        [y0, y1, y2, y3, b0, m0, m1, b1, d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1, b'.', f0, f1, f2, b'Z']
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

/// The number of two ASCII digits.
fn pair(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then(|| u32::from(tens) * 10 + u32::from(ones))
}

/// For each digit of eight bytes that has another one behind it, the number of both; none where the bytes have not
/// this form, in which `0` stands for any digit and all else for itself.
#[inline]
fn pairs(bytes: &[u8; 8], form: &[u8; 8]) -> Option<[u8; 8]> {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Digits are left, and nothing where the form has something else.
    let digits = u64::from_le_bytes(*bytes) ^ u64::from_le_bytes(*form);
    // Carries into the high bit what is above nine, or above nought where there is no digit.
    let limits = u64::from_le_bytes(form.map(|byte| if byte == b'0' { 0x76 } else { 0x7f }));
    ((digits.wrapping_add(limits) | digits) & HIGH == 0).then(|| (digits * 10 + (digits >> 8)).to_le_bytes())
}

/// Two ASCII digits of a number below 100.
fn two(value: u64) -> [u8; 2] {
    crate::digits::pair(value).to_le_bytes()
}

/// Milliseconds of an optional fraction of a second, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else { return Some((0, text)) };
    let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let (mut millis, mut weight) = (0, 100);
    for byte in digits.iter().take(count.min(3)) {
        millis += i64::from(byte - b'0') * weight;
        weight = i64::div_euclid(weight, 10);
    }
    Some((millis, digits.get(count..)?))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let [h0, h1, b':', m0, m1] = digits else { return None };
    let (hours, minutes) = (pair(*h0, *h1)?, pair(*m0, *m1)?);
    (hours <= 23 && minutes <= 59).then_some(sign * i64::from(hours * 60 + minutes))
}

fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A local calendar day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Day(pub i32);

impl Day {
    /// Before every day.
    pub const MIN: Self = Self(i32::MIN);
    /// After every day.
    pub const MAX: Self = Self(i32::MAX);

    /// The day so many days later, stopping at the ends of time.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// How many days this one is after `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day of a date in the proleptic Gregorian calendar.
    #[must_use]
    pub fn from_civil(year: i64, month: i64, day: i64) -> Self {
        // Years from March, so that the leap day is the last: Howard Hinnant, "days_from_civil". Counted from
        // an era so early that nothing is negative: divisions of unsigned numbers are cheaper.
        let year = if month <= 2 { year - 1 } else { year };
        let years = u64::try_from(year.saturating_add(ERAS * 400)).unwrap_or(0);
        let of_era = years.rem_euclid(400);
        let from_march = u64::try_from(if month > 2 { month - 3 } else { month + 9 }).unwrap_or(0);
        let of_year = (153 * from_march + 2).div_euclid(5) + u64::try_from(day).unwrap_or(1) - 1;
        let days = of_era * 365 + of_era.div_euclid(4) - of_era.div_euclid(100) + of_year;
        let total = i64::try_from(years.div_euclid(400) * ERA_DAYS + days).unwrap_or(i64::MAX);
        Self(i32::try_from(total - EPOCH_DAYS).unwrap_or(i32::MAX))
    }

    /// Year, month and day of the month.
    #[must_use]
    pub fn civil(self) -> (i64, i64, i64) {
        let shifted = u64::try_from(i64::from(self.0) + EPOCH_DAYS).unwrap_or(0);
        // Cassio Neri and Lorenz Schneider, "Euclidean affine functions and their application to calendar algorithms".
        let quarters = 4 * shifted + 3;
        let (century, of_century) = (quarters.div_euclid(ERA_DAYS), quarters.rem_euclid(ERA_DAYS) | 3);
        let (year, of_year) = (of_century.div_euclid(1_461), of_century.rem_euclid(1_461).div_euclid(4));
        let months = 2_141 * of_year + 197_913;
        let (month, day) = (months.div_euclid(1 << 16), months.rem_euclid(1 << 16).div_euclid(2_141) + 1);
        // Years from March: its last two months are the next year's first.
        let next = of_year >= 306;
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let month = if next { month - 12 } else { month };
        (signed(century * 100 + year) - ERAS * 400 + i64::from(next), signed(month), signed(day))
    }

    /// The same date so many months later; where that month is shorter, its last day (rule 11).
    #[must_use]
    pub fn add_months(self, months: u32) -> Self {
        let (year, month, day) = self.civil();
        let zero_based = month - 1 + i64::from(months);
        let (later_year, later_month) = (year + zero_based.div_euclid(12), zero_based.rem_euclid(12) + 1);
        Self::from_civil(later_year, later_month, day.min(days_in_month(later_year, later_month)))
    }

    /// Appends the form `2026-03-01`.
    pub fn write(self, out: &mut impl Append) {
        out.bytes(&self.text());
    }

    /// The form `2026-03-01`, for years of four digits.
    fn text(self) -> [u8; 10] {
        let (year, month, day) = self.civil();
        let small = |value: i64| u64::try_from(value).unwrap_or(0);
        let [y0, y1] = two(small(year).div_euclid(100).rem_euclid(100));
        let [y2, y3] = two(small(year).rem_euclid(100));
        let ([m0, m1], [d0, d1]) = (two(small(month)), two(small(day)));
        [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1]
    }
}

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(10);
        self.write(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

/// One stretch of time with one offset from UTC.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: i64,
    offset: i64,
}

/// A time zone as a table of its offsets.
#[derive(Clone, Debug)]
pub struct Zone {
    name: Box<str>,
    stretches: Vec<Stretch>,
    /// For each bucket of time, the stretch that holds its beginning.
    buckets: Vec<usize>,
}

/// Width of a bucket: 2^35 ms, a little over a year.
const BUCKET_BITS: u32 = 35;

impl Zone {
    /// The zone of that IANA name, or `None` where the compiled-in database has none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let zone = TimeZoneDatabase::bundled().get(name).ok()?;
        let mut stretches = vec![Stretch { from: i64::MIN, offset: offset_ms(&zone, Timestamp::MIN) }];
        for change in zone.following(Timestamp::MIN) {
            let offset = i64::from(change.offset().seconds()) * 1_000;
            if stretches.last().is_none_or(|last| last.offset != offset) {
                stretches.push(Stretch { from: change.timestamp().as_millisecond(), offset });
            }
        }
        let first = Instant::FIRST.0 >> BUCKET_BITS;
        let last = Instant::LAST.0 >> BUCKET_BITS;
        let mut at = 0;
        let buckets = (first..=last + 1)
            .map(|bucket| {
                while stretches.get(at + 1).is_some_and(|next| next.from <= bucket << BUCKET_BITS) {
                    at += 1;
                }
                at
            })
            .collect();
        Some(Self { name: name.into(), stretches, buckets })
    }

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index of the stretch that holds an instant.
    fn stretch(&self, at: i64) -> usize {
        let bucket = (at >> BUCKET_BITS) - (Instant::FIRST.0 >> BUCKET_BITS);
        let mut found = usize::try_from(bucket).ok().and_then(|index| self.buckets.get(index)).copied().unwrap_or(0);
        while self.stretches.get(found + 1).is_some_and(|next| next.from <= at) {
            found += 1;
        }
        found
    }

    /// The local date at an instant.
    #[must_use]
    pub fn day(&self, at: Instant) -> Day {
        let at = at.0.clamp(Instant::FIRST.0 - DAY_MS, Instant::LAST.0 + DAY_MS);
        let offset = self.stretches.get(self.stretch(at)).map_or(0, |stretch| stretch.offset);
        Day(i32::try_from((at + offset).div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    /// The first instant of a local date, its rollover (rule 4); where the date does not exist, that
    /// of the first one after it.
    #[must_use]
    pub fn start_of(&self, day: Day) -> Instant {
        let midnight = i64::from(day.0).saturating_mul(DAY_MS);
        let mut at = self.stretch(midnight.saturating_sub(26 * HOUR_MS));
        while let Some(stretch) = self.stretches.get(at) {
            let start = stretch.from.max(midnight - stretch.offset);
            if self.stretches.get(at + 1).is_none_or(|next| start < next.from) {
                return Instant(start);
            }
            at += 1;
        }
        Instant(midnight)
    }
}

fn offset_ms(zone: &TimeZone, at: Timestamp) -> i64 {
    i64::from(zone.to_offset(at).seconds()) * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn instants_are_read_with_any_offset_and_cut_to_milliseconds() {
        assert_eq!(at("2026-03-01T10:00:00.1239Z").to_string(), "2026-03-01T10:00:00.123Z");
        assert_eq!(at("2026-03-01t01:00:00+01:00"), at("2026-03-01 00:00:00z"));
        assert_eq!(at("1969-12-31T23:59:59.9Z"), Instant(-100));
        assert_eq!(at("2024-02-29T00:00:60Z"), at("2024-02-29T00:00:59Z"));
        for wrong in [
            "10000-01-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00",
            "9999-12-31T23:59:59-01:00",
            "2026-01-01T00:00:00Zx",
        ] {
            assert_eq!(Instant::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_and_what_is_nearly_so_as_the_general_reader_does(
            millis in Instant::FIRST.0..=Instant::LAST.0, at in 0_usize..24, byte: u8, digit in b'0'..=b'9'
        ) {
            let mut text = Instant(millis).text();
            proptest::prop_assert_eq!(Instant::parse(&text), Some(Instant(millis)));
            proptest::prop_assert_eq!(Instant::parse_usual(&text), Some(Instant(millis)));
            // With a fourth digit behind the point it is the general reader that takes it.
            let general = |form: &[u8; 24]| Instant::parse(&[&form[..23], b"0Z"].concat()).filter(|_| form[23] == b'Z');
            for byte in [byte, digit] {
                text[at] = byte;
                if let Some(read) = Instant::parse_usual(&text) {
                    proptest::prop_assert_eq!(Some(read), general(&text));
                }
            }
        }
    }

    #[test]
    fn a_leap_day_plus_twelve_months_is_the_28th_of_february() {
        assert_eq!(Day::from_civil(2024, 2, 29).add_months(12).to_string(), "2025-02-28");
        assert_eq!(Day::from_civil(2026, 3, 1).add_months(12).to_string(), "2027-03-01");
    }

    #[test]
    fn every_day_of_twelve_thousand_years_has_its_date() {
        let mut date = (-2_000, 1, 1);
        for day in Day::from_civil(-2_000, 1, 1).0..=Day::from_civil(10_000, 1, 1).0 {
            let (year, month, of_month) = date;
            assert_eq!((Day(day).civil(), Day::from_civil(year, month, of_month)), (date, Day(day)));
            date = match (month, of_month + 1) {
                (12, 32) => (year + 1, 1, 1),
                (_, next) if next > days_in_month(year, month) => (year, month + 1, 1),
                (_, next) => (year, month, next),
            };
        }
        for day in [i32::MIN, -2_000_000_000, 2_000_000_000, i32::MAX] {
            let (year, month, of_month) = Day(day).civil();
            assert_eq!(Day::from_civil(year, month, of_month), Day(day));
        }
    }

    #[test]
    fn a_rollover_is_the_first_instant_of_its_date() {
        let malta = Zone::named("Europe/Malta").unwrap();
        assert_eq!(malta.start_of(Day::from_civil(2026, 3, 2)), at("2026-03-01T23:00:00Z"));
        assert_eq!(malta.start_of(Day::from_civil(2026, 7, 2)), at("2026-07-01T22:00:00Z"));
        assert_eq!(malta.day(at("2026-03-01T22:59:59.999Z")), Day::from_civil(2026, 3, 1));
        // Summer time begins at midnight: the first instant of the date is 01:00.
        let beirut = Zone::named("Asia/Beirut").unwrap();
        assert_eq!(beirut.start_of(Day::from_civil(2026, 3, 29)), at("2026-03-28T22:00:00Z"));
        // It ends at midnight: the clock goes back to 23:00 of the day before.
        let santiago = Zone::named("America/Havana").unwrap();
        let day = Day::from_civil(2026, 11, 1);
        assert_eq!(santiago.start_of(day), at("2026-11-01T04:00:00Z"));
        assert_eq!(santiago.day(at("2026-11-01T05:30:00Z")), day);
        // A whole day was left out.
        let apia = Zone::named("Pacific/Apia").unwrap();
        assert_eq!(apia.start_of(Day::from_civil(2011, 12, 30)), apia.start_of(Day::from_civil(2011, 12, 31)));
    }

    #[test]
    fn every_start_is_the_first_instant_with_its_date() {
        for name in [
            "UTC",
            "Europe/Malta",
            "America/Sao_Paulo",
            "Asia/Kathmandu",
            "Africa/Cairo",
            "America/Havana",
            "Asia/Beirut",
            "Pacific/Apia",
            "Australia/Lord_Howe",
        ] {
            let zone = Zone::named(name).unwrap();
            for day in (0..47_000).map(Day) {
                let start = zone.start_of(day);
                assert!(zone.day(start) >= day, "{name} {day}");
                assert!(zone.day(start.plus(-1)) < day, "{name} {day}");
            }
        }
    }
}
