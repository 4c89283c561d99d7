//! The common record: one flat object in printable ASCII without escapes, of strings, numbers and literals.
//!
//! It is read here several times faster than by the strict scanner. Whatever is anything else, or wrong in
//! any way, is left to that scanner, which alone decides what is wrong with a text.

use tidemark_domain::catalogue::Field;

use super::super::json::{Kind, Value, number};
use super::names;
use super::quotes::Quotes;

/// A key as it stands in the text.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    /// The catalogue knows it.
    Known(Field),
    /// It does not.
    Unknown(&'a str),
}

/// What is kept from one record to the next.
#[derive(Default)]
pub(super) struct Known {
    habit: Habit,
    quotes: Quotes,
}

/// The keys of the records before, by their places: most records have the same ones in the same order, and
/// one comparison tells.
#[derive(Clone, Copy)]
struct Habit {
    keys: [Expected; PLACES],
}

/// How many members of a record are expected.
const PLACES: usize = 24;

/// A key that is expected, with its quotes and its colon, in sixteen bytes.
#[derive(Clone, Copy)]
struct Expected {
    token: u128,
    mask: u128,
    length: usize,
    field: Field,
}

/// Nothing: no text begins with it.
const UNEXPECTED: Expected = Expected { token: 1, mask: 0, length: 0, field: Field::EventId };

impl Default for Habit {
    fn default() -> Self {
        Self { keys: [UNEXPECTED; PLACES] }
    }
}

impl Habit {
    /// The field that is expected at a place, if its key stands here, and how long the key is.
    #[inline]
    fn meets(&self, place: usize, bytes: &[u8], at: usize) -> Option<(Field, usize)> {
        let expected = self.keys.get(place)?;
        let here = u128::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
        (here & expected.mask == expected.token).then_some((expected.field, expected.length))
    }

    /// Expects from now on what stands here.
    fn learn(&mut self, place: usize, bytes: &[u8], at: usize, length: usize, field: Field) {
        let here = bytes.get(at..).and_then(|rest| rest.first_chunk());
        if let (Some(slot), Some(chunk), 1..=16) = (self.keys.get_mut(place), here, length) {
            let mask = u128::MAX >> (128 - 8 * length);
            *slot = Expected { token: u128::from_le_bytes(*chunk) & mask, mask, length, field };
        }
    }
}

/// Walks the members of the object that `text` is; `member` says whether it goes on. Says whether the text
/// is a simple record and was walked to its end.
pub(super) fn walk<'a>(text: &'a str, known: &mut Known, mut member: impl FnMut(Name<'a>, Value<'a>) -> bool) -> bool {
    let Known { habit, quotes } = known;
    quotes.mark(text.as_bytes()) && members(text, habit, quotes, &mut member).is_some()
}

fn members<'a>(
    text: &'a str,
    habit: &mut Habit,
    quotes: &Quotes,
    member: &mut impl FnMut(Name<'a>, Value<'a>) -> bool,
) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = blank(bytes, after(bytes, 0, b'{')?);
    for place in 0.. {
        let name;
        (name, at) = match habit.meets(place, bytes, at) {
            Some((field, length)) => (Name::Known(field), at + length),
            None => key(text, at, place, habit, quotes)?,
        };
        let value;
        (value, at) = match bytes.get(at)? {
            b'"' => quoted(text, at + 1, quotes)?,
            b' ' => any(text, blank(bytes, at), quotes)?,
            _ => any(text, at, quotes)?,
        };
        member(name, value).then_some(())?;
        at = match bytes.get(at)? {
            b',' | b'}' => at,
            _ => blank(bytes, at),
        };
        match bytes.get(at)? {
            b',' => at += 1,
            b'}' => return (at + 1 == bytes.len()).then_some(()),
            _ => return None,
        }
        if bytes.get(at) == Some(&b' ') {
            at = blank(bytes, at);
        }
    }
    None
}

/// A key that was not expected, and the place behind its colon.
fn key<'a>(text: &'a str, at: usize, place: usize, habit: &mut Habit, quotes: &Quotes) -> Option<(Name<'a>, usize)> {
    let bytes = text.as_bytes();
    let start = after(bytes, at, b'"')?;
    let end = quotes.next(start)?;
    let name = name(text, start, end)?;
    if let (Name::Known(field), Some(b':')) = (name, bytes.get(end + 1)) {
        habit.learn(place, bytes, at, end + 2 - at, field);
    }
    Some((name, after(bytes, blank(bytes, end + 1), b':')?))
}

#[inline]
fn quoted<'a>(text: &'a str, start: usize, quotes: &Quotes) -> Option<(Value<'a>, usize)> {
    let close = quotes.next(start)?;
    Some((Value { kind: Kind::Plain, text: text.get(start..close)? }, close + 1))
}

/// The value that begins here, of any kind that is simple.
fn any<'a>(text: &'a str, at: usize, quotes: &Quotes) -> Option<(Value<'a>, usize)> {
    match text.as_bytes().get(at)? {
        b'"' => quoted(text, at + 1, quotes),
        b'-' | b'0'..=b'9' => number(text, at),
        b'n' => literal(text, at, "null", Kind::Null),
        b't' => literal(text, at, "true", Kind::Bool),
        b'f' => literal(text, at, "false", Kind::Bool),
        _ => None,
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
