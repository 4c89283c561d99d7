//! Short texts in one word: digits, amounts, names of a few bytes.
//!
//! Most of what a fact costs is writing it, and most of its parts are shorter than sixteen bytes. Such a part is
//! put together in one number of 128 bits and appended in one step of fixed size; copying by length would call
//! the library for each.

/// A text of up to sixteen bytes, the first of them in the lowest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    word: u128,
    len: u32,
}

/// How long a text may be that is put in quotes, in bytes.
const QUOTABLE: u32 = 14;

/// The two decimal digits of every number below 100, the tens in the low byte.
const PAIRS: [u16; 100] = {
    let mut table = [0; 100];
    let mut at: u16 = 0;
    while at < 100 {
        #[expect(
            clippy::indexing_slicing,
            clippy::as_conversions,
            clippy::integer_division,
            reason = "a constant: checked by the compiler"
        )]
        {
            table[at as usize] = 0x3030 + at / 10 + ((at % 10) << 8);
        }
        at += 1;
    }
    table
};

/// The digits of a number below 100, the tens in the low byte.
#[inline]
pub(crate) fn pair(number: u64) -> u16 {
    usize::try_from(number).ok().and_then(|at| PAIRS.get(at)).copied().unwrap_or(0x3030)
}

impl Short {
    /// A text as it stands, where it is short enough to be put in quotes.
    #[inline]
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        let len = u32::try_from(text.len()).ok().filter(|len| *len <= QUOTABLE)?;
        // What is read twice is the same both times.
        let word = if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << (8 * (len - 8))
        } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
            u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << (8 * (len - 4))
        } else {
            match *text {
                [] => 0,
                [one] => u128::from(one),
                [one, two] => u128::from(one) | u128::from(two) << 8,
                [one, two, three, ..] => u128::from(one) | u128::from(two) << 8 | u128::from(three) << 16,
            }
        };
        Some(Self { word, len })
    }

    /// A whole number, where it is short enough to be put in quotes.
    #[inline]
    #[must_use]
    pub fn number(value: u64) -> Option<Self> {
        (value < 100_000_000_000_000).then(|| Self::digits(value))
    }

    /// `mantissa` x 10^-`scale` in plain form, without trailing zeros behind the point; none where it is long.
    #[inline]
    pub(crate) fn decimal(mantissa: i128, scale: u8) -> Option<Self> {
        const TENS: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        let missing = TENS.get(usize::from(scale))?;
        let micros = u64::try_from(mantissa.unsigned_abs()).ok()?.checked_mul(*missing)?;
        let (whole, millionths) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let fraction = if millionths == 0 { Self { word: 0, len: 0 } } else { Self::fraction(millionths) };
        // With a sign it is fourteen bytes at most.
        let limit = match fraction.len {
            0 => 10_000_000_000_000,
            1..=3 => 10_000_000_000,
            _ => 1_000_000,
        };
        if whole >= limit {
            return None;
        }
        let digits = Self::digits(whole);
        let short = Self { word: digits.word | fraction.word << (8 * digits.len), len: digits.len + fraction.len };
        Some(if mantissa < 0 { short.behind(b'-') } else { short })
    }

    /// A point and up to six digits.
    fn fraction(millionths: u64) -> Self {
        let (high, low) = (millionths.div_euclid(10_000), millionths.rem_euclid(10_000));
        let digits =
            u64::from(pair(high)) | u64::from(pair(low.div_euclid(100))) << 16 | u64::from(pair(low.rem_euclid(100))) << 32;
        // Zeros at the end are cut off: they are the high bytes.
        let len = 6 - ((digits ^ 0x3030_3030_3030) << 16).leading_zeros().div_euclid(8);
        let kept = u128::from(digits) & ((1 << (8 * len)) - 1);
        Self { word: kept, len }.behind(b'.')
    }

    /// This text behind one byte.
    #[inline]
    fn behind(self, byte: u8) -> Self {
        Self { word: self.word << 8 | u128::from(byte), len: self.len + 1 }
    }

    /// The digits of a number below 10^14.
    #[inline]
    fn digits(value: u64) -> Self {
        let (high, low) = (value.div_euclid(100), value.rem_euclid(100));
        if high == 0 {
            return Self::of_pairs(u64::from(pair(low)), 2, value < 10);
        }
        if high < 100 {
            return Self::of_pairs(u64::from(pair(high)) | u64::from(pair(low)) << 16, 4, high < 10);
        }
        let Self { word, len } = Self::digits(high);
        Self { word: word | u128::from(pair(low)) << (8 * len), len: len + 2 }
    }

    /// Pairs of digits, the first of them without its tens where it is a single one.
    #[inline]
    fn of_pairs(word: u64, len: u32, single: bool) -> Self {
        let less = u32::from(single);
        Self { word: u128::from(word >> (8 * less)), len: len - less }
    }

    /// Whether no byte of it is a control character, a quote or a backslash.
    #[inline]
    #[must_use]
    pub fn is_plain(self) -> bool {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let stop = |word: u64| {
            let zero = |value: u64| value.wrapping_sub(ONES) & !value;
            // A byte's high bit is set in one of the terms where it is below 0x20, a quote or a backslash; and in none of
            // those before the first such byte, as borrows only go upwards.
            ((word.wrapping_sub(ONES * 0x20) & !word) | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c))) & (ONES << 7)
        };
        // Behind the text stand nought bytes, which are not part of it.
        let low = |half: u128| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0);
        let all = u128::from(stop(low(self.word))) | u128::from(stop(low(self.word >> 64))) << 64;
        all & !u128::MAX.checked_shl(8 * self.len).unwrap_or(0) == 0
    }

    /// Appends it.
    #[inline]
    pub fn push(self, out: &mut Vec<u8>) {
        let end = out.len() + usize::try_from(self.len).unwrap_or(0);
        out.extend_from_slice(&self.word.to_le_bytes());
        out.truncate(end);
    }

    /// Appends it in quotes; it has fourteen bytes at most.
    #[inline]
    pub fn push_quoted(self, out: &mut Vec<u8>) {
        let close = u128::from(b'"').checked_shl(8 * self.len).unwrap_or(0);
        Self { word: self.word | close, len: self.len + 1 }.behind(b'"').push(out);
    }
}

/// Appends a text of any length.
#[inline]
pub fn push(out: &mut Vec<u8>, text: &[u8]) {
    match Short::of(text) {
        Some(short) => short.push(out),
        None => out.extend_from_slice(text),
    }
}

/// Appends a whole number.
#[inline]
pub fn push_number(out: &mut Vec<u8>, value: u64) {
    match Short::number(value) {
        Some(short) => short.push(out),
        None => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(short: Short) -> String {
        let mut out = b">".to_vec();
        short.push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_of_any_length_is_appended_as_it_is() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for len in 0..=text.len() {
            let (mut out, part) = (b">".to_vec(), &text[..len]);
            push(&mut out, part);
            assert_eq!(out, [b">", part].concat());
            assert_eq!(Short::of(part).is_some(), len <= 14);
            if let Some(short) = Short::of(part) {
                short.push_quoted(&mut out);
                assert_eq!(out, [b">", part, b"\"", part, b"\""].concat());
            }
        }
    }

    #[test]
    fn whole_numbers_have_all_their_digits() {
        for number in [0, 1, 9, 10, 99, 100, 101, 12_345, 99_999_999_999_999] {
            assert_eq!(pushed(Short::number(number).unwrap()), format!(">{number}"));
        }
        assert_eq!(Short::number(100_000_000_000_000), None);
    }

    #[test]
    fn what_needs_an_escape_is_not_plain_wherever_it_stands() {
        for len in 1..=14 {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    assert_eq!(Short::of(&text).unwrap().is_plain(), plain, "{byte} at {at} of {len}");
                }
            }
        }
        assert!(Short::of(b"").unwrap().is_plain());
    }
}
