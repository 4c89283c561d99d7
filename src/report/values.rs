//! The values in a record: text borrowed from the line unless it holds an escape, amounts as whole
//! millionths exactly, instants.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use tidemark_domain::time::{DAY_MS, Day, Instant};

/// Amounts from here on are refused: 10^22 units. So a sum of 10^10 of them cannot overflow.
const LIMIT: i128 = 10_i128.pow(28);

/// Text that is borrowed where it can be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// An exact number of millionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Amount(pub(super) i128);

/// A point in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At(pub(super) Instant);

impl At {
    /// Its UTC day.
    pub(super) fn day(self) -> Day {
        day_of(self.0)
    }
}

/// The UTC day of an instant.
pub(super) fn day_of(at: Instant) -> Day {
    Day(i32::try_from(at.0.div_euclid(DAY_MS)).unwrap_or(i32::MAX))
}

/// Reads `-?\d+(\.\d+)?` into millionths; `None` where that is not exact or too large.
fn micros(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let point = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = digits.split_at(point.unwrap_or(digits.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    if whole.is_empty() || point.is_some() && fraction.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    let padding = std::iter::repeat_n(&b'0', 6_usize.saturating_sub(fraction.len()));
    for (at, byte) in whole.iter().chain(fraction).chain(padding).enumerate() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        if at < whole.len() + 6 {
            value = value * 10 + i128::from(digit);
        } else if digit > 0 {
            return None;
        }
        if value >= LIMIT {
            return None;
        }
    }
    Some(if negative { -value } else { value })
}

struct TextVisitor;
impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TextVisitor)
    }
}

struct AmountVisitor;
impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a decimal in a string, with at most six decimals")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
        micros(text.as_bytes()).map(Amount).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(AmountVisitor)
    }
}

struct AtVisitor;
impl Visitor<'_> for AtVisitor {
    type Value = At;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an RFC 3339 instant")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<At, E> {
        Instant::parse(text.as_bytes()).map(At).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(AtVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, value) in
            [("0", 0), ("-0.40", -400_000), ("10004.2", 10_004_200_000), ("0.000001", 1), ("1.5000000", 1_500_000)]
        {
            assert_eq!(micros(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(micros(b"1000000000000000000000"), Some(10_i128.pow(27)));
        for wrong in ["", "-", ".", "1.", ".5", "1e3", "+1", "0.0000001", "1,000", "10000000000000000000000"] {
            assert_eq!(micros(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
