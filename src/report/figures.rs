//! How numbers and dates are written: thousands separated by commas, a true minus sign, dates in words.

use std::fmt::Write as _;

use tidemark_domain::time::Day;

const MONTHS: [&str; 12] =
    ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

/// `1,234,567`.
pub(super) fn count(value: u64) -> String {
    grouped(u128::from(value))
}

/// `1 bet`, `2,000 bets`.
pub(super) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

fn grouped(value: u128) -> String {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value);
    let mut text = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `−1,234.50`: millionths with so many decimals (at most 6), rounded half-even.
pub(super) fn decimal(micros: i128, decimals: u32) -> String {
    let unit = 10_u128.pow(6 - decimals.min(6));
    let (mut units, rest) = (micros.unsigned_abs() / unit, micros.unsigned_abs() % unit);
    if rest * 2 > unit || rest * 2 == unit && !units.is_multiple_of(2) {
        units += 1;
    }
    let scale = 10_u128.pow(decimals.min(6));
    let mut text = String::from(if micros < 0 && units > 0 { "\u{2212}" } else { "" });
    text.push_str(&grouped(units / scale));
    if decimals > 0 {
        // Writing to a String cannot fail.
        let _written = write!(text, ".{:0width$}", units % scale, width = decimals.min(6) as usize);
    }
    text
}

/// To the cent.
pub(super) fn money(micros: i128) -> String {
    decimal(micros, 2)
}

/// To the cent, or whole where there are no cents: for sentences.
pub(super) fn spoken(micros: i128) -> String {
    decimal(micros, if micros % 1_000_000 == 0 { 0 } else { 2 })
}

/// With all decimals that any of them has, two at least: for sums that must be seen to add up.
pub(super) fn decimals_of(amounts: &[i128]) -> u32 {
    (2..6).find(|decimals| amounts.iter().all(|micros| micros % 10_i128.pow(6 - decimals) == 0)).unwrap_or(6)
}

/// With all its decimals, two at least.
pub(super) fn exact(micros: i128) -> String {
    decimal(micros, decimals_of(&[micros]))
}

/// `950`, `12k`, `1.5m`, `3bn`: for axes.
pub(super) fn compact(micros: i128) -> String {
    let sizes = [("bn", 10_i128.pow(15)), ("m", 10_i128.pow(12)), ("k", 10_i128.pow(9)), ("", 10_i128.pow(6))];
    let (suffix, size) = sizes.into_iter().find(|(_, size)| micros.abs() >= *size).unwrap_or(("", 10_i128.pow(6)));
    let scaled = micros * 1_000_000 / size;
    let decimals = match (scaled % 1_000_000, suffix) {
        (0, _) => 0,
        (_, "") => 2,
        _ => 1,
    };
    format!("{}{suffix}", decimal(scaled, decimals))
}

/// With a capital at the beginning.
pub(super) fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// A part of a whole in percent, with one decimal; `–` where there is no whole.
pub(super) fn percent(part: i128, whole: i128) -> String {
    if whole == 0 {
        return "\u{2013}".to_owned();
    }
    // In millionths of a percent point, so that `decimal` rounds it.
    format!("{} %", decimal(part.saturating_mul(100_000_000) / whole, 1))
}

/// `3 March 2026`.
pub(super) fn date(day: Day) -> String {
    let (year, _, _) = day.civil();
    format!("{} {year}", day_month(day))
}

/// `3 March`.
pub(super) fn day_month(day: Day) -> String {
    let (_, month, of_month) = day.civil();
    format!("{of_month} {}", month_name(month))
}

/// `3 Mar`.
pub(super) fn short(day: Day) -> String {
    let (_, month, of_month) = day.civil();
    format!("{of_month} {}", month_name(month).get(..3).unwrap_or_default())
}

/// Whether a period is in more than one year, so that its dates need theirs.
pub(super) fn spans_years(first: Day, last: Day) -> bool {
    first.civil().0 != last.civil().0
}

/// `3 Mar`, or `3 Mar 2026` where a picture is of more than one year.
pub(super) fn dated(day: Day, years: bool) -> String {
    if years { format!("{} {}", short(day), day.civil().0) } else { short(day) }
}

/// `1 March to 29 April 2026`.
pub(super) fn span(first: Day, last: Day) -> String {
    if first == last {
        date(first)
    } else if spans_years(first, last) {
        format!("{} to {}", date(first), date(last))
    } else {
        format!("{} to {}", day_month(first), date(last))
    }
}

/// `March`.
pub(super) fn month_name(month: i64) -> &'static str {
    usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("?")
}

/// Text of others, made safe to look at: control characters and those that turn the direction of
/// writing become a replacement mark; longer than `limit` characters, it is cut.
pub(super) fn safe(text: &str, limit: usize) -> String {
    let mut kept: String = text
        .chars()
        .take(limit)
        .map(|character| match character {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect();
    if text.chars().nth(limit).is_some() {
        kept.push('\u{2026}');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(money(-400_000), "\u{2212}0.40");
        assert_eq!(money(10_004_200_000), "10,004.20");
        assert_eq!((money(5_000), money(15_000), money(-4_000)), ("0.00".into(), "0.02".into(), "0.00".into()));
        assert_eq!(spoken(820_000_000), "820");
        assert_eq!(decimals_of(&[1_000_000, 2_500_000]), 2);
        assert_eq!(decimals_of(&[1_000_000, 2_500_100]), 4);
        assert_eq!(
            (compact(1_500_000_000_000), compact(20_000_000_000), compact(500_000)),
            ("1.5m".into(), "20k".into(), "0.50".into())
        );
        assert_eq!(percent(1, 3), "33.3 %");
    }

    #[test]
    fn dates_are_written_in_words() {
        let (first, last) = (Day::from_civil(2026, 3, 1), Day::from_civil(2026, 4, 29));
        assert_eq!(span(first, last), "1 March to 29 April 2026");
        assert_eq!(span(first, Day::from_civil(2027, 1, 2)), "1 March 2026 to 2 January 2027");
        assert_eq!(short(last), "29 Apr");
    }

    #[test]
    fn text_of_others_cannot_steer_the_screen() {
        assert_eq!(safe("a\u{1b}[31mb\u{202e}c", 20), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(safe("abcdef", 3), "abc\u{2026}");
    }
}
