//! Money and points: exact decimals in, fixed point inside, one rounding rule.
//!
//! [`Decimal`] is a number exactly as it was written. [`Micros`] is what we compute with: whole
//! millionths. The only rounding is half-even at six decimals, `round6` of the law, and it happens
//! in [`round6`] alone. Where a product does not fit into 128 bits a wider integer takes over, so a
//! result is exact or it is refused; it is never wrong and never wraps.

use core::cmp::Ordering;
use core::fmt;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::digits::{Append, push_millionths};

/// Powers of ten that fit into 128 bits.
const POW10: [i128; 39] = {
    let mut table = [1_i128; 39];
    let mut at = 1;
    while at < 39 {
        #[expect(clippy::indexing_slicing, reason = "a constant: checked by the compiler")]
        {
            table[at] = table[at - 1] * 10;
        }
        at += 1;
    }
    table
};

/// 10 to the power of `exponent`, where it fits.
fn pow10(exponent: u32) -> Option<i128> {
    POW10.get(usize::try_from(exponent).ok()?).copied()
}

/// A decimal exactly as written, in lowest terms: no trailing zero behind the point.
///
/// Holds at most 38 digits. Two decimals are equal when their values are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Decimal {
    mantissa: i128,
    scale: u8,
}

impl Decimal {
    /// One.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };
    /// Nought.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// A decimal from its digits and the number of them behind the point, reduced.
    #[must_use]
    pub fn new(mut mantissa: i128, mut scale: u8) -> Self {
        // Most numbers are small, and divisions of small numbers are much cheaper.
        if let Ok(mut small) = i64::try_from(mantissa) {
            while scale > 0 && small.rem_euclid(10) == 0 {
                small = small.div_euclid(10);
                scale -= 1;
            }
            return Self { mantissa: i128::from(small), scale };
        }
        while scale > 0 && mantissa.rem_euclid(10) == 0 {
            mantissa = mantissa.div_euclid(10);
            scale -= 1;
        }
        Self { mantissa, scale }
    }

    /// The digits, without the point.
    #[must_use]
    pub const fn mantissa(&self) -> i128 {
        self.mantissa
    }

    /// How many digits stand behind the point.
    #[must_use]
    pub const fn scale(&self) -> u8 {
        self.scale
    }

    /// Reads an amount: `\d{1,15}(\.\d{1,18})?`, at most 28 significant digits, no sign, no exponent
    /// (CONTRACTS section 3). Leading zeros are not significant, trailing ones are.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut value: u64 = 0;
        let mut at = 0;
        let mut significant = 0_u32;
        while let Some(digit) = text.get(at).and_then(digit) {
            value = value.wrapping_mul(10).wrapping_add(digit);
            significant += u32::from(significant > 0 || digit > 0);
            at += 1;
            if at > 15 {
                return None;
            }
        }
        if at == 0 {
            return None;
        }
        match text.get(at) {
            None => Some(Self { mantissa: i128::from(value), scale: 0 }),
            Some(b'.') => Self::parse_fraction(value, significant, text.get(at + 1..)?),
            Some(_) => None,
        }
    }

    fn parse_fraction(whole: u64, mut significant: u32, fraction: &[u8]) -> Option<Self> {
        if fraction.is_empty() || fraction.len() > 18 {
            return None;
        }
        let mut value: u64 = 0;
        let mut scale: u8 = 0;
        let mut zeros: u8 = 0;
        for byte in fraction {
            let digit = digit(byte)?;
            significant += u32::from(significant > 0 || digit > 0);
            if digit == 0 {
                zeros += 1;
            } else {
                for _ in 0..zeros {
                    value = value.wrapping_mul(10);
                }
                value = value.wrapping_mul(10).wrapping_add(digit);
                scale += zeros + 1;
                zeros = 0;
            }
        }
        if significant > 28 {
            return None;
        }
        let mantissa = i128::from(whole) * pow10(u32::from(scale))? + i128::from(value);
        Some(Self { mantissa, scale })
    }

    /// Reads an amount that may carry a minus sign.
    #[must_use]
    pub fn parse_signed(text: &[u8]) -> Option<Self> {
        match text.split_first() {
            Some((b'-', rest)) => {
                let positive = Self::parse(rest)?;
                Some(Self { mantissa: -positive.mantissa, scale: positive.scale })
            }
            _ => Self::parse(text),
        }
    }

    /// The exact product, where 38 digits hold it.
    #[must_use]
    pub fn times(self, other: Self) -> Option<Self> {
        if other == Self::ONE {
            return Some(self);
        }
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        Some(Self::new(mantissa, self.scale.checked_add(other.scale)?))
    }

    /// The exact difference, where 38 digits hold it.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let left = self.mantissa.checked_mul(pow10(u32::from(scale - self.scale))?)?;
        let right = other.mantissa.checked_mul(pow10(u32::from(scale - other.scale))?)?;
        Some(Self::new(left.checked_sub(right)?, scale))
    }

    /// Whether it is nought.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.mantissa == 0
    }

    /// Whole millionths, where the value has no more decimals than that.
    #[must_use]
    pub fn exact_micros(self) -> Option<Micros> {
        let missing = 6_u32.checked_sub(u32::from(self.scale))?;
        self.mantissa.checked_mul(pow10(missing)?).map(Micros)
    }

    /// Rounded to whole millionths, half-even.
    #[must_use]
    pub fn round6(self) -> Option<Micros> {
        round6(&[self.mantissa], u32::from(self.scale), 1)
    }

    /// Appends the plain form: no exponent, no trailing zeros.
    pub fn write(self, out: &mut impl Append) {
        write_plain(out, self.mantissa, self.scale);
    }
}

fn digit(byte: &u8) -> Option<u64> {
    byte.is_ascii_digit().then(|| u64::from(byte - b'0'))
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        self.minus(*other).map_or_else(
            || {
                let left = BigInt::from(self.mantissa) * big_pow10(u32::from(other.scale));
                let right = BigInt::from(other.mantissa) * big_pow10(u32::from(self.scale));
                left.cmp(&right)
            },
            |difference| difference.mantissa.cmp(&0),
        )
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(40);
        self.write(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Whole millionths of a currency's unit, or of a point.
///
/// Sums hold up to 39 x 10^21 units, beyond the 10^21 that the law asks for; every sum is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Micros(pub i128);

impl Micros {
    /// Nought.
    pub const ZERO: Self = Self(0);
    /// Base amounts and points from here on are dead letter `overflow`: 10^15 units (rule 1).
    pub const LIMIT: Self = Self(1_000_000_000_000_000_000_000);

    /// The sum, where it fits.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        (sum.unsigned_abs() < SUM_LIMIT).then_some(Self(sum))
    }

    /// The difference, where it fits.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.plus(Self(other.0.checked_neg()?))
    }

    /// The same amount with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self(-self.0)
    }

    /// The exact decimal.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::new(self.0, 6)
    }

    /// Appends the plain form: no exponent, no trailing zeros.
    pub fn write(self, out: &mut impl Append) {
        write_plain(out, self.0, 6);
    }
}

/// What any one sum may hold, in millionths: 95 bits.
const SUM_LIMIT: u128 = 1 << 95;

impl fmt::Display for Micros {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.decimal().fmt(formatter)
    }
}

/// The product of `factors`, times 10^-`scale`, divided by `divisor`, rounded half-even to whole
/// millionths: `round6` of the law. Exact until that one rounding, whatever the size.
///
/// `None` where the rounded result does not fit into 128 bits. `divisor` must be positive.
#[must_use]
pub fn round6(factors: &[i128], scale: u32, divisor: i128) -> Option<Micros> {
    if let Some(small) = small(factors, scale, divisor) {
        return Some(small);
    }
    narrow(factors, scale, divisor).map_or_else(
        || wide(factors, scale, divisor),
        |(numerator, denominator)| Some(Micros(div_half_even(numerator, denominator))),
    )
}

/// As [`round6`], rounded to eight decimals: `round8` of the law, for what has to be wagered. `scale` is two at least.
#[must_use]
pub fn round8(factors: &[i128], scale: u32, divisor: i128) -> Option<Decimal> {
    let hundredths_of_micros = round6(factors, scale.checked_sub(2)?, divisor)?;
    Some(Decimal::new(hundredths_of_micros.0, 8))
}

/// The same where 64 bits hold everything, as they nearly always do.
fn small(factors: &[i128], scale: u32, divisor: i128) -> Option<Micros> {
    let mut numerator = 1_u64;
    for factor in factors {
        numerator = numerator.checked_mul(u64::try_from(*factor).ok()?)?;
    }
    let power = |exponent: u32| pow10(exponent).and_then(|power| u64::try_from(power).ok());
    let mut denominator = u64::try_from(divisor).ok()?;
    if scale <= 6 {
        numerator = numerator.checked_mul(power(6 - scale)?)?;
        if denominator == 1 {
            return Some(Micros(i128::from(numerator)));
        }
    } else {
        denominator = denominator.checked_mul(power(scale - 6)?)?;
    }
    let (quotient, remainder) = (numerator.checked_div(denominator)?, numerator.checked_rem(denominator)?);
    let up = goes_up(remainder.cmp(&(denominator - remainder)), quotient & 1 == 1);
    Some(Micros(i128::from(quotient) + i128::from(up)))
}

/// Numerator and denominator of the result in millionths, where 128 bits hold both.
fn narrow(factors: &[i128], scale: u32, divisor: i128) -> Option<(i128, i128)> {
    let mut numerator = 1_i128;
    for factor in factors {
        numerator = numerator.checked_mul(*factor)?;
    }
    let denominator;
    if scale <= 6 {
        numerator = numerator.checked_mul(pow10(6 - scale)?)?;
        denominator = divisor;
    } else {
        denominator = divisor.checked_mul(pow10(scale - 6)?)?;
    }
    // Twice the remainder must fit too.
    (denominator < i128::MAX >> 1).then_some((numerator, denominator))
}

fn wide(factors: &[i128], scale: u32, divisor: i128) -> Option<Micros> {
    let mut numerator = big_pow10(6);
    for factor in factors {
        numerator *= BigInt::from(*factor);
    }
    let denominator = BigInt::from(divisor) * big_pow10(scale);
    let negative = numerator < BigInt::from(0);
    if negative {
        numerator = -numerator;
    }
    let mut quotient = &numerator / &denominator;
    let remainder = &numerator % &denominator;
    if goes_up((remainder * BigInt::from(2)).cmp(&denominator), quotient.bit(0)) {
        quotient += BigInt::from(1);
    }
    let magnitude = quotient.to_i128()?;
    Some(Micros(if negative { -magnitude } else { magnitude }))
}

fn big_pow10(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// Division with ties to the even neighbour. `divisor` must be positive.
fn div_half_even(dividend: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    quotient + i128::from(goes_up(remainder.cmp(&(divisor - remainder)), quotient & 1 == 1))
}

/// Whether a quotient is rounded up, by its remainder beside one half; a tie goes to the even neighbour.
const fn goes_up(beside_half: Ordering, odd: bool) -> bool {
    match beside_half {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => odd,
    }
}

/// Appends `mantissa` x 10^-`scale` in plain form, without trailing zeros behind the point.
#[inline]
pub(crate) fn write_plain(out: &mut impl Append, mantissa: i128, scale: u8) {
    // What is blocked, mostly; a multiplier.
    if let Ok(digit @ 0..10) = u64::try_from(mantissa)
        && (scale == 0 || digit == 0)
    {
        return out.word(u64::from(b'0') + digit, 1);
    }
    if mantissa < 0 {
        out.bytes(b"-");
    }
    match millionths(mantissa.unsigned_abs(), scale) {
        Some(value) => push_millionths(out, value),
        None => write_long(out, mantissa.unsigned_abs(), scale),
    }
}

/// `magnitude` x 10^-`scale` in millionths, where that is a whole number of 64 bits.
#[inline]
fn millionths(magnitude: u128, scale: u8) -> Option<u64> {
    const TENS: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    u64::try_from(magnitude).ok()?.checked_mul(*TENS.get(usize::from(scale))?)
}

/// The same without a sign, for numbers of any size.
fn write_long(out: &mut impl Append, magnitude: u128, scale: u8) {
    let mut digits = itoa::Buffer::new();
    let text = digits.format(magnitude).as_bytes();
    let point = usize::from(scale);
    let (whole, fraction) = match text.len().checked_sub(point) {
        Some(at) if at > 0 => text.split_at_checked(at).unwrap_or((text, &[])),
        _ => (&b"0"[..], text),
    };
    out.bytes(whole);
    let kept = fraction.iter().rposition(|byte| *byte != b'0').map_or(0, |last| last + 1);
    if kept == 0 {
        return;
    }
    out.bytes(b".");
    for _ in text.len()..point {
        out.bytes(b"0");
    }
    out.bytes(fraction.get(..kept).unwrap_or(fraction));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse_signed(text.as_bytes()).unwrap()
    }

    #[test]
    fn amounts_are_read_from_their_digits_and_printed_plain() {
        for (written, printed) in [
            ("0", "0"),
            ("0.0", "0"),
            ("7", "7"),
            ("9.00", "9"),
            ("10", "10"),
            ("0.7", "0.7"),
            ("-7", "-7"),
            ("00012.50", "12.5"),
            ("0.000000000000000001", "0.000000000000000001"),
            ("999999999999999.123456789012", "999999999999999.123456789012"),
            ("100", "100"),
            ("-3.10", "-3.1"),
        ] {
            assert_eq!(decimal(written).to_string(), printed);
        }
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "1e3",
            "+1",
            "--1",
            "1.2.3",
            "1234567890123456",
            "0.1234567890123456789",
            "12345678901234.123456789012345",
            " 1",
            "1 ",
            "0x1",
            "१",
        ] {
            assert_eq!(Decimal::parse_signed(wrong.as_bytes()), None, "{wrong}");
        }
        assert!(Decimal::parse(b"-1").is_none());
        assert!(Decimal::parse(b"0000000000.000000000012345678").is_some());
    }

    #[test]
    fn ties_go_to_the_even_neighbour_and_wide_products_are_exact() {
        for (text, micros) in [("0.0000005", 0), ("0.0000015", 2), ("0.0000025", 2), ("0.00000251", 3)] {
            assert_eq!(decimal(text).round6(), Some(Micros(micros)));
        }
        assert_eq!(decimal("-0.0000015").round6(), Some(Micros(-2)));
        let big = 10_i128.pow(27) + 1;
        assert_eq!(round6(&[big, big], 54, 1), wide(&[big, big], 54, 1));
        assert_eq!(round6(&[i128::MAX, i128::MAX], 0, 1), None);
        assert_eq!(Micros(-400_000).to_string(), "-0.4");
        assert_eq!(Micros(13_200_000).to_string(), "13.2");
    }

    proptest::proptest! {
        #[test]
        fn the_short_and_the_long_form_agree(digits in proptest::prelude::any::<u64>(), shift in 0_u32..64, zeros in 0_u32..12, scale in 0_u8..19, negative: bool) {
            let magnitude = u128::from(digits >> shift) * 10_u128.pow(zeros);
            let mantissa = i128::try_from(magnitude).unwrap() * if negative { -1 } else { 1 };
            let (mut short, mut long) = (Vec::new(), Vec::new());
            write_plain(&mut short, mantissa, scale);
            if mantissa < 0 {
                long.push(b'-');
            }
            write_long(&mut long, magnitude, scale);
            proptest::prop_assert_eq!(&short, &long);
        }

        #[test]
        fn the_fast_and_the_wide_path_agree(a in -10_i128.pow(12)..10_i128.pow(12), b in 0_i128..10_i128.pow(9), scale in 0_u32..24, by in 1_i128..10_i128.pow(9)) {
            proptest::prop_assert_eq!(round6(&[a, b], scale, by), wide(&[a, b], scale, by));
        }
    }
}
