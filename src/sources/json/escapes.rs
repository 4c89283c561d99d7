//! Strings: how far one is plain, and what its escapes stand for.

/// How many bytes from the beginning are printable ASCII other than a quote and a backslash.
#[inline]
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        // A byte's high bit is set in each term where the byte is below 0x20, a quote, a backslash, 0x7f
        // or not ASCII. Borrows only ever mark bytes above the first true one.
        let low = word.wrapping_sub(ONES * 0x20) & !word;
        let quote = word ^ (ONES * 0x22);
        let back = word ^ (ONES * 0x5c);
        let delete = word ^ (ONES * 0x7f);
        let zero = |value: u64| value.wrapping_sub(ONES) & !value;
        let stop = (low | zero(quote) | zero(back) | zero(delete) | word) & HIGH;
        if stop != 0 {
            return at + (stop.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = bytes.get(at) {
        if !(0x20..0x7f).contains(byte) || matches!(byte, b'"' | b'\\') {
            break;
        }
        at += 1;
    }
    at
}

/// Resolves the escapes of a string that was checked.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let mut characters = after.chars();
        let kind = characters.next().unwrap_or('\\');
        rest = characters.as_str();
        match kind {
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' => {
                let unit = hex_at(rest, 0);
                let (character, used) = if (0xd800..0xdc00).contains(&unit) {
                    (0x1_0000 + ((unit - 0xd800) << 10) + (hex_at(rest, 6).wrapping_sub(0xdc00) & 0x3ff), 10)
                } else {
                    (unit, 4)
                };
                out.push(char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.get(used..).unwrap_or("");
            }
            other => out.push(other),
        }
    }
    out.push_str(rest);
    out
}

fn hex_at(text: &str, from: usize) -> u32 {
    text.get(from..from + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
