//! A strict JSON scanner that borrows: it checks the whole text and hands out the members of the outer
//! object as slices.
//!
//! Strict means RFC 8259 to the letter, and besides: no key twice in one object at any depth, no
//! nesting beyond [`DEPTH_MAX`], no escaped lone surrogate. Time is linear in the text.

mod escapes;

use std::borrow::Cow;
use std::collections::BTreeSet;

use escapes::{plain_prefix, unescape};

/// How deep values may nest; the record itself is 1.
pub const DEPTH_MAX: u32 = 32;

/// What kind of value it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A string without escapes and without any byte outside printable ASCII.
    Plain,
    /// A string without escapes.
    Unescaped,
    /// A string with escapes.
    Escaped,
    /// A number.
    Number,
    /// `true`, `false`.
    Bool,
    /// `null`.
    Null,
    /// An object.
    Object,
    /// An array.
    Array,
}

/// A value as it stands in the text; a string without its quotes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Value<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text.
    pub text: &'a str,
}

impl<'a> Value<'a> {
    /// Whether it is a string.
    #[must_use]
    pub const fn is_string(&self) -> bool {
        matches!(self.kind, Kind::Plain | Kind::Unescaped | Kind::Escaped)
    }

    /// The string it is, escapes resolved.
    #[must_use]
    pub fn string(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Plain | Kind::Unescaped => Some(Cow::Borrowed(self.text)),
            Kind::Escaped => Some(Cow::Owned(unescape(self.text))),
            _ => None,
        }
    }
}

/// Why a text is not what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// Not JSON.
    Syntax,
    /// Its outer value is not an object.
    NotAnObject,
    /// Too deep.
    TooDeep,
    /// A key stands twice.
    DuplicateKey,
    /// An escaped surrogate without its other half.
    LoneSurrogate,
}

impl Problem {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Syntax => "the record is not JSON",
            Self::NotAnObject => "the record is not a JSON object",
            Self::TooDeep => "the record nests deeper than 32",
            Self::DuplicateKey => "a key stands twice in one object",
            Self::LoneSurrogate => "a string escapes half of a surrogate pair",
        }
    }
}

/// Walks the members of the object that `text` is, checking all of it.
///
/// `member` gets each key, escapes resolved, and its value, and says whether the key is a new one.
///
/// # Errors
/// What is wrong with the text.
pub fn object<'a>(text: &'a str, member: impl FnMut(&str, Value<'a>) -> bool) -> Result<(), Problem> {
    object_naming(text, member).map_err(|(problem, _)| problem)
}

/// As [`object`], with the key of the member in whose value the problem was found.
///
/// # Errors
/// What is wrong with the text, and where.
pub fn object_naming<'a>(
    text: &'a str,
    mut member: impl FnMut(&str, Value<'a>) -> bool,
) -> Result<(), (Problem, Option<String>)> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: 0, inside: None };
    scanner.object(&mut member).map_err(|problem| (problem, scanner.inside))
}

/// The number that begins at a place of a text, and the place behind it.
pub(super) fn number(text: &str, at: usize) -> Option<(Value<'_>, usize)> {
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at, inside: None };
    let value = scanner.number().ok()?;
    Some((value, scanner.at))
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The key of the outermost member in whose value something is wrong.
    inside: Option<String>,
}

impl<'a> Scanner<'a> {
    /// The object that the text is.
    fn object(&mut self, member: &mut dyn FnMut(&str, Value<'a>) -> bool) -> Result<(), Problem> {
        self.blank();
        if self.peek() != Some(b'{') {
            // Whatever else it is, it must be JSON before it can be the wrong JSON.
            self.value(1)?;
            self.blank();
            return Err(if self.at == self.text.len() { Problem::NotAnObject } else { Problem::Syntax });
        }
        self.members(1, member)?;
        self.blank();
        if self.at == self.text.len() { Ok(()) } else { Err(Problem::Syntax) }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn blank(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Result<(), Problem> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(Problem::Syntax)
        }
    }

    fn slice(&self, from: usize, to: usize) -> Result<&'a str, Problem> {
        self.text.get(from..to).ok_or(Problem::Syntax)
    }

    /// The members of an object that begins here.
    fn members(&mut self, depth: u32, member: &mut dyn FnMut(&str, Value<'a>) -> bool) -> Result<(), Problem> {
        self.at += 1;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(Problem::Syntax);
            }
            let key = self.string()?;
            self.blank();
            self.expect(b':')?;
            self.blank();
            let value = self.value(depth + 1).inspect_err(|_| {
                if depth == 1 {
                    self.inside = Some(if key.kind == Kind::Escaped { unescape(key.text) } else { key.text.to_owned() });
                }
            })?;
            let new = match key.kind {
                Kind::Escaped => member(&unescape(key.text), value),
                _ => member(key.text, value),
            };
            if !new {
                return Err(Problem::DuplicateKey);
            }
            self.blank();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blank();
                }
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Problem::Syntax),
            }
        }
    }

    #[inline]
    fn value(&mut self, depth: u32) -> Result<Value<'a>, Problem> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.other(depth),
        }
    }

    fn other(&mut self, depth: u32) -> Result<Value<'a>, Problem> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{' | b'[') if depth > DEPTH_MAX => return Err(Problem::TooDeep),
            Some(b'{') => {
                let mut keys = BTreeSet::new();
                self.members(depth, &mut |key, _| keys.insert(key.to_owned()))?;
                Kind::Object
            }
            Some(b'[') => {
                self.items(depth)?;
                Kind::Array
            }
            Some(b't') => self.word("true", Kind::Bool)?,
            Some(b'f') => self.word("false", Kind::Bool)?,
            Some(b'n') => self.word("null", Kind::Null)?,
            _ => return Err(Problem::Syntax),
        };
        Ok(Value { kind, text: self.slice(start, self.at)? })
    }

    fn items(&mut self, depth: u32) -> Result<(), Problem> {
        self.at += 1;
        self.blank();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.blank();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.blank();
                }
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Problem::Syntax),
            }
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, Problem> {
        if self.bytes.get(self.at..self.at + word.len()) == Some(word.as_bytes()) {
            self.at += word.len();
            Ok(kind)
        } else {
            Err(Problem::Syntax)
        }
    }

    fn number(&mut self) -> Result<Value<'a>, Problem> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(Problem::Syntax),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value { kind: Kind::Number, text: self.slice(start, self.at)? })
    }

    fn digits(&mut self) -> Result<(), Problem> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Problem::Syntax) }
    }

    /// A string that begins here; its quotes are left out.
    #[inline]
    fn string(&mut self) -> Result<Value<'a>, Problem> {
        self.at += 1;
        let start = self.at;
        let mut kind = Kind::Plain;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            self.at += plain_prefix(rest);
            match self.peek() {
                Some(b'"') => {
                    let text = self.slice(start, self.at)?;
                    self.at += 1;
                    return Ok(Value { kind, text });
                }
                Some(b'\\') => {
                    self.escape()?;
                    kind = Kind::Escaped;
                }
                Some(0..=0x1f) | None => return Err(Problem::Syntax),
                Some(_) => {
                    if kind == Kind::Plain {
                        kind = Kind::Unescaped;
                    }
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), Problem> {
        self.at += 1;
        let kind = self.peek().ok_or(Problem::Syntax)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => match self.hex()? {
                0xdc00..=0xdfff => Err(Problem::LoneSurrogate),
                0xd800..=0xdbff => {
                    if self.bytes.get(self.at..self.at + 2) != Some(b"\\u") {
                        return Err(Problem::LoneSurrogate);
                    }
                    self.at += 2;
                    if (0xdc00..=0xdfff).contains(&self.hex()?) { Ok(()) } else { Err(Problem::LoneSurrogate) }
                }
                _ => Ok(()),
            },
            _ => Err(Problem::Syntax),
        }
    }

    fn hex(&mut self) -> Result<u32, Problem> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or(Problem::Syntax)?;
        let mut value = 0;
        for digit in digits {
            value = value * 16 + char::from(*digit).to_digit(16).ok_or(Problem::Syntax)?;
        }
        self.at += 4;
        Ok(value)
    }
}

/// Appends a form of a value that is equal for equal values: strings without escapes, numbers by
/// value, members by key. The value must have been checked.
pub fn canonical(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind {
        Kind::Plain | Kind::Unescaped | Kind::Escaped => {
            let text = value.string().unwrap_or_default();
            out.push(b's');
            out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Kind::Number => {
            out.push(b'n');
            canonical_number(value.text, out);
        }
        Kind::Bool | Kind::Null => out.extend_from_slice(value.text.as_bytes()),
        Kind::Object => {
            let mut members = Vec::new();
            // The text was checked before, so it is an object without a key twice.
            let _checked = object(value.text, |key, member| {
                members.push((key.to_owned(), member));
                true
            });
            members.sort_by(|left, right| left.0.cmp(&right.0));
            out.push(b'{');
            for (key, member) in members {
                out.extend_from_slice(&(key.len() as u64).to_le_bytes());
                out.extend_from_slice(key.as_bytes());
                canonical(member, out);
            }
            out.push(b'}');
        }
        Kind::Array => {
            let mut scanner = Scanner { text: value.text, bytes: value.text.as_bytes(), at: 1, inside: None };
            out.push(b'[');
            loop {
                while let Some(b' ' | b'\n' | b'\t' | b'\r' | b',') = scanner.peek() {
                    scanner.at += 1;
                }
                match scanner.value(1) {
                    Ok(item) => canonical(item, out),
                    Err(_) => break,
                }
            }
            out.push(b']');
        }
    }
}

/// A number by value: sign, digits without outer zeros, exponent of the last digit.
fn canonical_number(text: &str, out: &mut Vec<u8>) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    let kept = digits.trim_end_matches('0');
    let shift = (digits.len() - kept.len()) as i128 - fraction.len() as i128;
    let significant = kept.trim_start_matches('0');
    if significant.is_empty() {
        out.push(b'0');
        return;
    }
    out.push(if negative { b'-' } else { b'+' });
    out.extend_from_slice(significant.as_bytes());
    out.push(b'e');
    // An exponent beyond 128 bits is kept as it is written: equal texts stay equal.
    match exponent.trim_start_matches('+').parse::<i128>().ok().and_then(|value| value.checked_add(shift)) {
        Some(value) => out.extend_from_slice(value.to_string().as_bytes()),
        None => out.extend_from_slice(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Vec<(String, String)>, Problem> {
        let mut members: Vec<(String, String)> = Vec::new();
        object(text, |key, value| {
            let new = members.iter().all(|(known, _)| known != key);
            members.push((key.to_owned(), value.text.to_owned()));
            new
        })?;
        Ok(members)
    }

    #[test]
    fn members_come_with_their_text() {
        let members = check(" {\"a\" : \"x\\\"y\", \"\\u0062\":-1.50e+3,\"c\":[1,{\"d\":null}],\"e\":{}} \t").unwrap();
        let texts: Vec<_> = members.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
        assert_eq!(texts, [("a", "x\\\"y"), ("b", "-1.50e+3"), ("c", "[1,{\"d\":null}]"), ("e", "{}")]);
    }

    #[test]
    fn what_is_not_json_is_told_from_what_is_no_object() {
        for text in [
            "",
            "{",
            "{}x",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":+1}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":tru}",
            "[1,]",
            "nul",
            "\u{feff}{}",
            "{\"a\":.5}",
            "{\"a\":1e}",
        ] {
            assert_eq!(check(text), Err(Problem::Syntax), "{text:?}");
        }
        for text in ["[]", "1", "\"{}\"", "null"] {
            assert_eq!(check(text), Err(Problem::NotAnObject), "{text:?}");
        }
        assert_eq!(check("{\"a\":1,\"\\u0061\":2}"), Err(Problem::DuplicateKey));
        assert_eq!(check("{\"a\":{\"b\":1,\"b\":1}}"), Err(Problem::DuplicateKey));
        assert_eq!(check("{\"a\":\"\\ud800\"}"), Err(Problem::LoneSurrogate));
        assert_eq!(check("{\"a\":\"\\ud83d\\ude00\"}").unwrap()[0].1, "\\ud83d\\ude00");
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(check(&deep(31)).is_ok());
        assert_eq!(check(&deep(32)), Err(Problem::TooDeep));
        assert!(matches!(check(&"[".repeat(20_000)), Err(Problem::TooDeep)));
    }

    #[test]
    fn equal_values_have_equal_canonical_forms() {
        let form = |text: &str| {
            let mut out = Vec::new();
            object(text, |_, value| {
                canonical(value, &mut out);
                true
            })
            .unwrap();
            out
        };
        for (left, right) in [
            ("1.0", "1"),
            ("1e2", "100.00"),
            ("-0", "0.0"),
            ("{\"x\":1,\"y\":[2]}", "{\"y\":[ 2.0 ],\"x\":1}"),
            ("\"\\u0061\"", "\"a\""),
        ] {
            assert_eq!(form(&format!("{{\"a\":{left}}}")), form(&format!("{{\"a\":{right}}}")), "{left} {right}");
        }
        assert_ne!(form("{\"a\":1}"), form("{\"a\":\"1\"}"));
        assert_ne!(form("{\"a\":[1,23]}"), form("{\"a\":[12,3]}"));
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_serde_json(text in "[\\[\\]{}:,\"\\\\ue0-9.+ a-ctrfnl-]{0,40}") {
            let ours = { let mut s = Scanner { text: &text, bytes: text.as_bytes(), at: 0, inside: None }; s.blank(); let value = s.value(1); s.blank(); value.is_ok() && s.at == text.len() };
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            // We refuse more (a key twice, a lone surrogate), never less.
            if ours { proptest::prop_assert!(theirs, "{text}"); }
        }

        #[test]
        fn a_plain_prefix_ends_at_the_first_special_byte(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            let slow = bytes.iter().position(|byte| !(0x20..0x7f).contains(byte) || matches!(byte, b'"' | b'\\')).unwrap_or(bytes.len());
            proptest::prop_assert_eq!(plain_prefix(&bytes), slow);
        }
    }
}
