//! The common record: one flat object in printable ASCII without escapes, of strings, numbers and literals.
//!
//! It is read here several times faster than by the strict scanner. Whatever is anything else, or wrong in
//! any way, is left to that scanner, which alone decides what is wrong with a text.

use tidemark_domain::catalogue::Field;

use super::super::json::{Kind, Value, number};
use super::names;

/// A key as it stands in the text.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// The catalogue knows it.
    Known(Field),
    /// It does not.
    Unknown(&'a str),
}

/// Walks the members of the object that `text` is; `member` says whether it goes on. Says whether the text
/// is a simple record and was walked to its end.
pub(super) fn walk<'a>(text: &'a str, mut member: impl FnMut(Name<'a>, Value<'a>) -> bool) -> bool {
    is_plain(text.as_bytes()) && members(text, &mut member).is_some()
}

/// Whether there is nothing but printable ASCII, and no backslash.
fn is_plain(bytes: &[u8]) -> bool {
    // Without a way out early, so that sixteen bytes are compared at a time.
    bytes.iter().fold(0_u8, |odd, byte| odd | u8::from(byte.wrapping_sub(0x20) > 0x5e) | u8::from(*byte == b'\\')) == 0
}

fn members<'a>(text: &'a str, member: &mut impl FnMut(Name<'a>, Value<'a>) -> bool) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = blank(bytes, after(bytes, 0, b'{')?);
    loop {
        let start = after(bytes, at, b'"')?;
        let end = quote(bytes, start)?;
        let name = name(text, start, end)?;
        at = blank(bytes, after(bytes, blank(bytes, end + 1), b':')?);
        let value;
        (value, at) = match bytes.get(at)? {
            b'"' => {
                let close = quote(bytes, at + 1)?;
                (Value { kind: Kind::Plain, text: text.get(at + 1..close)? }, close + 1)
            }
            b'-' | b'0'..=b'9' => number(text, at)?,
            b'n' => literal(text, at, "null", Kind::Null)?,
            b't' => literal(text, at, "true", Kind::Bool)?,
            b'f' => literal(text, at, "false", Kind::Bool)?,
            _ => return None,
        };
        member(name, value).then_some(())?;
        at = blank(bytes, at);
        match bytes.get(at)? {
            b',' => at = blank(bytes, at + 1),
            b'}' => return (at + 1 == bytes.len()).then_some(()),
            _ => return None,
        }
    }
}

#[inline]
fn name(text: &str, start: usize, end: usize) -> Option<Name<'_>> {
    let key = text.get(start..end)?;
    let field = match text.as_bytes().get(start..).and_then(|rest| rest.first_chunk()) {
        Some(chunk) if names::holds(key.len()) => names::field(chunk, key.len()),
        _ => Field::named(key.as_bytes()),
    };
    Some(field.map_or(Name::Unknown(key), Name::Known))
}

fn literal<'a>(text: &'a str, at: usize, word: &str, kind: Kind) -> Option<(Value<'a>, usize)> {
    let found = text.get(at..at + word.len()).filter(|found| *found == word)?;
    Some((Value { kind, text: found }, at + word.len()))
}

/// The place behind `byte`, which must stand here.
#[inline]
fn after(bytes: &[u8], at: usize, byte: u8) -> Option<usize> {
    (bytes.get(at) == Some(&byte)).then_some(at + 1)
}

#[inline]
fn blank(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    at
}

/// Where the next quote stands.
#[inline]
fn quote(bytes: &[u8], from: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let differs = u64::from_le_bytes(*word) ^ (ONES * 0x22);
        // The lowest bit set is that of the first byte that is a quote: borrows only go upwards.
        let hits = differs.wrapping_sub(ONES) & !differs & (ONES << 7);
        if hits != 0 {
            return Some(at + (hits.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|byte| *byte == b'"').map(|more| at + more)
}
