//! Where the quotes of a record stand, found in the same look that tells whether it is a simple one.

use wide::u8x16;

/// Bytes that one comparison takes.
const LANES: usize = 16;
/// Bytes that one word of marks stands for.
const WORD: usize = 64;

/// A bit for each byte of a text: whether it is a quote.
#[derive(Default)]
pub(super) struct Quotes {
    words: Vec<u64>,
}

impl Quotes {
    /// Marks the quotes of a text, and says whether there is nothing but printable ASCII in it, and no backslash.
    /// A text of less than sixteen bytes is not looked at: none that is so short can be an event.
    #[inline]
    pub(super) fn mark(&mut self, bytes: &[u8]) -> bool {
        let Some(last) = bytes.last_chunk::<LANES>() else { return false };
        self.words.resize(bytes.len().div_ceil(WORD), 0);
        let mut look = Look { plain: u8x16::splat(u8::MAX) };
        let (blocks, rest) = bytes.as_chunks::<WORD>();
        for (word, block) in self.words.iter_mut().zip(blocks) {
            let (parts, _) = block.as_chunks::<LANES>();
            *word = look.marks(parts);
        }
        if let (Some(word), false) = (self.words.last_mut(), rest.is_empty()) {
            let (parts, odd) = rest.as_chunks::<LANES>();
            *word = look.marks(parts);
            if !odd.is_empty() {
                // The last sixteen bytes of the text end with these; the others are looked at twice.
                *word |= look.at(last) >> (LANES - odd.len()) << (LANES * parts.len());
            }
        }
        look.plain.all()
    }

    /// Where the next quote stands, at a place or behind it.
    #[inline]
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let mut word = from / WORD;
        let here = *self.words.get(word)? >> (from % WORD);
        if here != 0 {
            return Some(from + here.trailing_zeros() as usize);
        }
        loop {
            word += 1;
            let marks = *self.words.get(word)?;
            if marks != 0 {
                return Some(word * WORD + marks.trailing_zeros() as usize);
            }
        }
    }
}

/// What was seen of a text so far.
struct Look {
    /// All bits of a lane where nothing but simple characters was seen.
    plain: u8x16,
}

impl Look {
    /// A bit for each quote among at most 64 bytes.
    #[inline]
    fn marks(&mut self, parts: &[[u8; LANES]]) -> u64 {
        parts.iter().zip(0..).fold(0, |marks, (part, number)| marks | self.at(part) << (LANES * number))
    }

    #[inline]
    fn at(&mut self, part: &[u8; LANES]) -> u64 {
        let bytes = u8x16::new(*part);
        let printable = bytes.max(u8x16::splat(b' ')).min(u8x16::splat(b'~')).simd_eq(bytes);
        self.plain = self.plain & printable & !bytes.simd_eq(u8x16::splat(b'\\'));
        u64::from(bytes.simd_eq(u8x16::splat(b'"')).to_bitmask())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quote_is_found_and_nothing_else() {
        let mut quotes = Quotes::default();
        // Long ones in between: nothing of them is left in what is shorter.
        for length in (16..200).flat_map(|length| [length, 216 - length]) {
            for (every, first) in [(1, 0), (3, 2), (7, 0), (64, 63), (1_000, 15)] {
                let text: Vec<u8> = (0..length).map(|at| if at % every == first { b'"' } else { b'!' }).collect();
                assert!(quotes.mark(&text));
                for from in 0..length + 70 {
                    let expected = (from..length).find(|at| text[*at] == b'"');
                    assert_eq!(quotes.next(from), expected, "{length} bytes, a quote every {every}, from {from}");
                }
            }
        }
    }

    #[test]
    fn a_byte_that_is_not_simple_is_seen_wherever_it_stands() {
        let mut quotes = Quotes::default();
        for length in 16..150 {
            for byte in 0..=u8::MAX {
                for at in [0, 15, 16, length / 2, length - 1] {
                    let mut text = vec![b'a'; length];
                    if let Some(place) = text.get_mut(at) {
                        *place = byte;
                    }
                    let simple = (b' '..=b'~').contains(&byte) && byte != b'\\';
                    assert_eq!(quotes.mark(&text), simple || at >= length, "{byte} at {at} of {length}");
                }
            }
        }
        assert!(!quotes.mark(b"{\"a\":1}"));
    }
}
