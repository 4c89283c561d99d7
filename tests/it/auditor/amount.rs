//! Exact decimal numbers. Prices, rates and factors are read from their digits; sums are kept in millionths.

use num_bigint::BigInt;

/// Millionths: the scale at which base amounts and points are kept (`round6`).
pub(crate) type Micro = i128;

/// One whole unit in millionths.
pub(crate) const UNIT: Micro = 1_000_000;

/// 10^15 units: a base amount or points of this size or more is an overflow (rule 1).
pub(crate) const TOO_MUCH: Micro = 1_000_000_000_000_000 * UNIT;

/// An exact decimal: `digits / 10^scale`, without trailing zeros behind the point, so that equal values are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dec {
    digits: BigInt,
    scale: u32,
}

fn ten_to(power: u32) -> BigInt {
    BigInt::from(10).pow(power)
}

fn is_zero(n: &BigInt) -> bool {
    *n == BigInt::from(0)
}

impl Dec {
    /// A whole number.
    pub(crate) fn whole(n: i128) -> Dec {
        Dec { digits: BigInt::from(n), scale: 0 }
    }

    fn normal(mut digits: BigInt, mut scale: u32) -> Dec {
        while scale > 0 && is_zero(&(&digits % BigInt::from(10))) {
            digits /= BigInt::from(10);
            scale -= 1;
        }
        Dec { digits, scale }
    }

    /// Reads an amount of CONTRACTS section 3: `\d{1,15}(\.\d{1,18})?`, at most 28 significant digits.
    pub(crate) fn read(text: &str, sign_allowed: bool) -> Option<Dec> {
        let (negative, plain) = match text.strip_prefix('-') {
            Some(rest) if sign_allowed => (true, rest),
            Some(_) => return None,
            None => (false, text),
        };
        let (whole, part) = match plain.split_once('.') {
            Some((w, p)) => (w, Some(p)),
            None => (plain, None),
        };
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || !all_digits(whole) {
            return None;
        }
        if let Some(p) = part
            && (p.is_empty() || p.len() > 18 || !all_digits(p))
        {
            return None;
        }
        let joined = format!("{whole}{}", part.unwrap_or(""));
        if joined.trim_start_matches('0').len() > 28 {
            return None;
        }
        let digits: BigInt = joined.parse().ok()?;
        let scale = u32::try_from(part.unwrap_or("").len()).ok()?;
        Some(Dec::normal(if negative { -digits } else { digits }, scale))
    }

    /// A decimal that the auditor itself wrote down.
    pub(crate) fn known(text: &str) -> Dec {
        Dec::read(text, true).expect("a decimal written by the auditor")
    }

    pub(crate) fn times(&self, other: &Dec) -> Dec {
        Dec::normal(&self.digits * &other.digits, self.scale + other.scale)
    }

    pub(crate) fn plus(&self, other: &Dec) -> Dec {
        let scale = self.scale.max(other.scale);
        Dec::normal(self.at(scale) + other.at(scale), scale)
    }

    pub(crate) fn minus(&self, other: &Dec) -> Dec {
        let scale = self.scale.max(other.scale);
        Dec::normal(self.at(scale) - other.at(scale), scale)
    }

    fn at(&self, scale: u32) -> BigInt {
        &self.digits * ten_to(scale - self.scale)
    }

    pub(crate) fn is_zero(&self) -> bool {
        is_zero(&self.digits)
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.digits < BigInt::from(0)
    }

    pub(crate) fn more_than(&self, other: &Dec) -> bool {
        other.minus(self).is_negative()
    }

    pub(crate) fn round6(&self) -> Micro {
        divided(&self.digits, &ten_to(self.scale))
    }

    /// Half-even at eight decimals.
    pub(crate) fn round8(&self) -> Self {
        Self::normal(BigInt::from(divided(&(&self.digits * ten_to(2)), &ten_to(self.scale))), 8)
    }

    /// `round6(self * upper / lower)`, the product exact and rounded once.
    pub(crate) fn round6_of_fraction(&self, upper: &Dec, lower: &Dec) -> Micro {
        let above = &self.digits * &upper.digits * ten_to(lower.scale);
        let below = ten_to(self.scale) * ten_to(upper.scale) * &lower.digits;
        divided(&above, &below)
    }

    /// Whether it is a whole multiple of `step`.
    pub(crate) fn is_multiple_of(&self, step: &Dec) -> bool {
        let scale = self.scale.max(step.scale);
        is_zero(&(self.at(scale) % step.at(scale)))
    }

    /// `self / step * value`, where the division is known to leave no rest.
    pub(crate) fn steps_of(&self, step: &Dec, value: &Dec) -> Dec {
        let scale = self.scale.max(step.scale);
        let count = self.at(scale) / step.at(scale);
        Dec { digits: count, scale: 0 }.times(value)
    }

    /// From millionths.
    pub(crate) fn of_micro(n: Micro) -> Dec {
        Dec::normal(BigInt::from(n), 6)
    }

    /// Plain, no exponent, no trailing zeros.
    pub(crate) fn plain(&self) -> String {
        let negative = self.is_negative();
        let digits = self.digits.to_string();
        let bare = digits.trim_start_matches('-');
        let scale = self.scale as usize;
        let padded = format!("{bare:0>width$}", width = scale + 1);
        let (whole, part) = padded.split_at(padded.len() - scale);
        let sign = if negative { "-" } else { "" };
        if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }
}

/// `upper / lower` in millionths, half to even; `lower` is above zero.
fn divided(upper: &BigInt, lower: &BigInt) -> Micro {
    let scaled = upper * ten_to(6);
    let negative = scaled < BigInt::from(0);
    let size = if negative { -scaled } else { scaled };
    let quotient = &size / lower;
    let twice_rest = (&size % lower) * BigInt::from(2);
    let odd = !is_zero(&(&quotient % BigInt::from(2)));
    let up = twice_rest > *lower || (twice_rest == *lower && odd);
    let rounded = if up { quotient + BigInt::from(1) } else { quotient };
    let fits = i128::try_from(rounded).unwrap_or(i128::MAX / 4);
    if negative { -fits } else { fits }
}

/// Millionths as a plain decimal.
pub(crate) fn plain(n: Micro) -> String {
    Dec::of_micro(n).plain()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_to_even_once() {
        assert_eq!(Dec::known("0.0000005").round6(), 0);
        assert_eq!(Dec::known("0.0000015").round6(), 2);
        assert_eq!(Dec::known("-0.0000025").round6(), -2);
        assert_eq!(Dec::known("1").round6_of_fraction(&Dec::known("1"), &Dec::known("3")), 333_333);
    }

    #[test]
    fn reads_what_the_law_allows() {
        for good in ["0", "00012.50", "999999999999999", "0.000000000000000001"] {
            assert!(Dec::read(good, false).is_some(), "{good}");
        }
        for bad in
            ["", ".5", "5.", "-1", "+1", "1e3", "1234567890123456", "1.0000000000000000000", "12345678901.123456789012345678"]
        {
            assert!(Dec::read(bad, false).is_none(), "{bad}");
        }
        assert_eq!(Dec::known("-12.500").plain(), "-12.5");
        assert_eq!(plain(-400_000), "-0.4");
    }
}
