//! Short texts in one word: digits, amounts, names of a few bytes.
//!
//! Most of what a fact costs is writing it, and most of its parts are shorter than eight bytes. Such a part is
//! put together in one number of 64 bits and stored in one step of fixed size; copying by length would call
//! the library for each.

/// What text is appended to, part by part.
pub trait Append {
    /// Appends the first bytes of a word, the lowest first; there are eight at most.
    fn word(&mut self, word: u64, len: usize);
    /// Appends bytes.
    fn bytes(&mut self, bytes: &[u8]);
}

impl Append for Vec<u8> {
    #[inline]
    fn word(&mut self, word: u64, len: usize) {
        let end = self.len() + len;
        self.extend_from_slice(&word.to_le_bytes());
        self.truncate(end);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// How many bytes a page has.
const PAGE: usize = 1_024;

/// Room for one line. Nearly every line fits, and where the next part stands can then be kept in a register:
/// a vector looks up and writes back its length for each.
struct Page<'p> {
    room: &'p mut [u8; PAGE],
    /// Beyond the room once something had no place.
    at: usize,
}

impl Append for Page<'_> {
    #[inline]
    fn word(&mut self, word: u64, len: usize) {
        match self.room.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            Some(room) => *room = word.to_le_bytes(),
            None => self.at = PAGE,
        }
        self.at += len;
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        match self.room.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.at = PAGE,
        }
        self.at += bytes.len();
    }
}

/// What can be written to whatever takes it.
pub trait Line {
    /// Writes all of it.
    fn write(&self, out: &mut impl Append);
}

/// Appends a line of any length.
#[inline]
pub fn push_line(out: &mut Vec<u8>, line: &impl Line) {
    let start = out.len();
    out.resize(start + PAGE, 0);
    let mut end = PAGE;
    if let Some(room) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        let mut page = Page { room, at: 0 };
        line.write(&mut page);
        end = page.at;
    }
    if end < PAGE {
        return out.truncate(start + end);
    }
    out.truncate(start);
    line.write(out);
}

/// Writes a line into working memory, which keeps its length from one to the next.
#[inline]
pub(crate) fn line_in<'s>(scratch: &'s mut Vec<u8>, line: &impl Line) -> &'s [u8] {
    if scratch.len() < PAGE {
        scratch.resize(PAGE, 0);
    }
    let mut end = PAGE;
    if let Some(room) = scratch.first_chunk_mut() {
        let mut page = Page { room, at: 0 };
        line.write(&mut page);
        end = page.at;
    }
    if end >= PAGE {
        scratch.clear();
        line.write(scratch);
        end = scratch.len();
    }
    scratch.get(..end).unwrap_or(scratch)
}

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

/// Every byte one.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The character of nought in every byte.
const NOUGHTS: u64 = ONES * 0x30;

/// The values of the eight digits of a number below 10^8, the first of them in the lowest byte.
#[inline]
const fn eight(number: u64) -> u64 {
    let (high, low) = (number.div_euclid(10_000), number.rem_euclid(10_000));
    // Two numbers of four digits, four of two, eight of one: each step divides all of them at once, by a factor that is
    // exact for numbers so small.
    let fours = high | low << 32;
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | (fours - hundreds * 100) << 16;
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (twos - tens * 10) << 8
}

/// How many whole bytes of a word are nought at its low end, at its high end.
#[inline]
fn noughts(bits: u32) -> usize {
    usize::try_from(bits.div_euclid(8)).unwrap_or(0)
}

/// Appends a whole number.
#[inline]
pub fn push_number(out: &mut impl Append, value: u64) {
    if value >= 100_000_000 {
        return out.bytes(itoa::Buffer::new().format(value).as_bytes());
    }
    let digits = eight(value);
    // The last digit stays, whatever it is.
    let skipped = noughts((digits | 1 << 56).trailing_zeros());
    out.word((digits | NOUGHTS) >> (8 * skipped), 8 - skipped);
}

/// Appends a number of millionths in plain form, without trailing zeros behind the point.
#[inline]
pub(crate) fn push_millionths(out: &mut impl Append, value: u64) {
    let (whole, millionths) = (value.div_euclid(1_000_000), value.rem_euclid(1_000_000));
    push_number(out, whole);
    if millionths > 0 {
        // The point takes the place of the first of eight digits, which is nought as the second one is.
        let digits = eight(millionths) >> 8;
        let kept = 8 - noughts(digits.leading_zeros());
        out.word((digits | (NOUGHTS - 0x30)) + u64::from(b'.'), kept);
    }
}

/// A text of up to eight bytes as a word, the first of them in the lowest byte and nought behind it.
#[inline]
fn word_of(text: &[u8]) -> u64 {
    // What is read twice is the same both times.
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (text.len() - 4));
    }
    match *text {
        [one] => u64::from(one),
        [one, two] => u64::from(one) | u64::from(two) << 8,
        [one, two, three] => u64::from(one) | u64::from(two) << 8 | u64::from(three) << 16,
        _ => 0,
    }
}

/// Whether no byte of a word is a control character, a quote or a backslash; the nought bytes behind a text are none of it.
#[inline]
fn is_plain(word: u64, len: usize) -> bool {
    let zero = |value: u64| value.wrapping_sub(ONES) & !value;
    // A byte's high bit is set in one of the terms where it is below 0x20, a quote or a backslash; and in none of
    // those before the first such byte, as borrows only go upwards.
    let stops = (word.wrapping_sub(ONES * 0x20) & !word) | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c));
    noughts((stops & (ONES << 7)).trailing_zeros()) >= len
}

/// A text of up to sixteen bytes as two words.
#[inline]
fn two_words(text: &[u8]) -> Option<(u64, u64)> {
    let (first, last) = (u64::from_le_bytes(*text.first_chunk()?), u64::from_le_bytes(*text.last_chunk()?));
    // What the first one has already is shifted out.
    let twice = 16_usize.checked_sub(text.len())?;
    Some((first, last.checked_shr(8 * u32::try_from(twice).ok()?).unwrap_or(0)))
}

/// Appends a text of any length.
#[inline]
pub fn push(out: &mut impl Append, text: &[u8]) {
    if text.len() <= 8 {
        out.word(word_of(text), text.len());
    } else if let Some((first, second)) = two_words(text) {
        out.word(first, 8);
        out.word(second, text.len() - 8);
    } else {
        out.bytes(text);
    }
}

/// Appends a text if it is short and no byte of it is a control character, a quote or a backslash; says whether it did.
#[inline]
pub fn push_plain(out: &mut impl Append, text: &[u8]) -> bool {
    if text.len() <= 8 {
        let word = word_of(text);
        let plain = is_plain(word, text.len());
        if plain {
            out.word(word, text.len());
        }
        return plain;
    }
    let Some((first, second)) = two_words(text) else { return false };
    let plain = is_plain(first, 8) && is_plain(second, text.len() - 8);
    if plain {
        out.word(first, 8);
        out.word(second, text.len() - 8);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parts<'a>(&'a [&'a [u8]]);

    impl Line for Parts<'_> {
        fn write(&self, out: &mut impl Append) {
            for part in self.0 {
                push(out, part);
            }
        }
    }

    #[test]
    fn a_text_of_any_length_is_appended_as_it_is() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for len in 0..=text.len() {
            let (mut out, part) = (b">".to_vec(), &text[..len]);
            push(&mut out, part);
            assert_eq!(out, [b">", part].concat());
            assert_eq!(push_plain(&mut out, part), len <= 16);
            let again = if len <= 16 { part } else { b"" };
            assert_eq!(out, [b">", part, again].concat());
        }
    }

    #[test]
    fn a_line_of_any_length_is_whole() {
        let (long, short) = (vec![b'l'; PAGE], b"abcdefg");
        for len in (0..20).chain(PAGE - 20..=PAGE) {
            let parts: [&[u8]; 3] = [short, &long[..len], short];
            let mut out = b">".to_vec();
            push_line(&mut out, &Parts(&parts));
            assert_eq!(out, [b">", &parts.concat()[..]].concat(), "{len}");
            for mut scratch in [Vec::new(), vec![b's'; PAGE / 2], vec![b's'; 2 * PAGE]] {
                assert_eq!(line_in(&mut scratch, &Parts(&parts)), parts.concat(), "{len}");
            }
        }
    }

    #[test]
    fn numbers_have_all_their_digits() {
        let pushed = |by: &dyn Fn(&mut Vec<u8>)| {
            let mut out = b">".to_vec();
            by(&mut out);
            String::from_utf8(out).unwrap()
        };
        let mut number = 1;
        while number < 1_000_000_000_000_000 {
            for near in [number - 1, number, number + 1, number * 37 / 10] {
                assert_eq!(pushed(&|out| push_number(out, near)), format!(">{near}"));
                let (whole, fraction) = (near / 1_000_000, format!(".{:06}", near % 1_000_000));
                let plain = format!(">{whole}{}", fraction.trim_end_matches('0').trim_end_matches('.'));
                assert_eq!(pushed(&|out| push_millionths(out, near)), plain);
            }
            number = number * 11 / 10 + 1;
        }
        assert_eq!(pushed(&|out| push_number(out, u64::MAX)), format!(">{}", u64::MAX));
    }

    #[test]
    fn what_needs_an_escape_is_not_plain_wherever_it_stands() {
        for len in 1..=16 {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut text = vec![b'a'; len];
                    text[at] = byte;
                    let plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    assert_eq!(push_plain(&mut Vec::new(), &text), plain, "{byte} at {at} of {len}");
                }
            }
        }
        assert!(push_plain(&mut Vec::new(), b""));
    }
}
