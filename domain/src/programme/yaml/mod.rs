//! YAML 1.2 as a tree with places: what stands where, and nothing yet about what it means.
//!
//! A scalar stays the text it was written as. Only a *plain* one (without quotes) can be null, true
//! or false, by the core schema, so `on` and `NO` are texts. Anchors, aliases, tags and further
//! documents are refused: a programme says what it means where it means it, and a tree is never
//! larger than its text.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::programme::problem::Problem;
use crate::programme::source::SourceFile;

/// A file of more bytes is refused unread.
pub const BYTES_MAX: usize = 4 << 20;
/// Lists and sections within each other beyond this are refused.
pub const DEPTH_MAX: usize = 32;
/// A longer key is refused.
pub const KEY_BYTES_MAX: usize = 256;
/// Reading stops after so many problems.
pub const PROBLEMS_MAX: usize = 1_000;

/// A place in a file, counted from 1, the column in characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Place {
    /// The beginning of a file.
    pub const START: Self = Self { line: 1, column: 1 };

    fn of(span: &Span) -> Self {
        Self { line: span.start.line().max(1), column: span.start.col() + 1 }
    }
}

/// A value and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One value.
    Scalar {
        /// As written, quotes and escapes resolved.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// Values in order.
    List(Vec<Node>),
    /// Values by key, in order; keys are distinct.
    Map(Vec<Entry>),
    /// Something a problem has been reported for.
    Refused,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Node,
}

impl Node {
    fn plain(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, plain: true } => Some(text),
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) | Kind::Refused => None,
        }
    }

    /// Whether it is null: nothing, `~` or `null`, without quotes.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain().is_some_and(|text| matches!(text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// True or false, where it is one of them without quotes.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self.plain()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }
}

/// Reads one file. The tree is `None` where there is none (an empty file), and also after a problem
/// that makes the rest unreadable.
#[must_use]
pub fn read(file: &SourceFile) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder {
        parser: Parser::new_from_str(file.text.strip_prefix('\u{feff}').unwrap_or(&file.text)),
        file: &file.name,
        path: String::new(),
        problems: Vec::new(),
    };
    let tree = if builder.readable(&file.text) { builder.document() } else { None };
    (tree, builder.problems)
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: &'a str,
    path: String,
    problems: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn report(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            path: self.path.clone(),
            message: message.into(),
            help: help.into(),
        });
    }

    /// Size and characters; the scanner takes a NUL for the end.
    fn readable(&mut self, text: &str) -> bool {
        if text.len() > BYTES_MAX {
            let message = format!("the file has {} bytes", text.len());
            self.report(Place::START, message, format!("at most {BYTES_MAX} bytes"));
            return false;
        }
        let mut place = Place::START;
        for (at, character) in text.chars().enumerate() {
            if !(is_printable(character) || at == 0 && character == '\u{feff}') {
                let message = format!("the character U+{:04X} may not stand in YAML", u32::from(character));
                self.report(place, message, "remove it; in double quotes it can be written as an escape");
                return false;
            }
            if character == '\n' {
                place = Place { line: place.line + 1, column: 1 };
            } else if character != '\u{feff}' {
                place.column += 1;
            }
        }
        true
    }

    /// The next event; `None` where the text is no YAML, which has then been reported.
    fn event(&mut self) -> Option<(Event<'a>, Span)> {
        if self.problems.len() >= PROBLEMS_MAX {
            return None;
        }
        match self.parser.next_event()? {
            Ok(found) => Some(found),
            Err(error) => {
                let place = Place { line: error.marker().line().max(1), column: error.marker().col() + 1 };
                let help = "look at the indentation (spaces only), the brackets, the quotes and the colons around here";
                self.report(place, format!("this is not YAML: {}", error.info()), help);
                None
            }
        }
    }

    fn document(&mut self) -> Option<Node> {
        let mut tree = None;
        loop {
            let (event, span) = self.event()?;
            match event {
                Event::DocumentStart(_) if tree.is_some() => {
                    self.report(Place::of(&span), "a second document begins here", "remove the line `---`");
                    return None;
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::StreamEnd => return tree.filter(|node: &Node| !node.is_null()),
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => tree = Some(self.node(event, &span, 0)?),
            }
        }
    }

    /// The value that begins with this event; `None` where reading cannot go on.
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Option<Node> {
        let place = Place::of(span);
        if depth > DEPTH_MAX {
            self.report(place, format!("more than {DEPTH_MAX} sections or lists within each other"), "");
            return None;
        }
        let kind = match event {
            Event::Alias(_) => {
                self.report(place, "an alias (`*name`) is not read", "write the value out");
                Kind::Refused
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                Kind::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain }
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                Kind::List(self.list(depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(place, anchor, tag.is_some());
                Kind::Map(self.map(depth)?)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                self.report(place, "a value is missing here", "");
                return None;
            }
        };
        Some(Node { place, kind })
    }

    fn refuse_properties(&mut self, place: Place, anchor: usize, tagged: bool) {
        if anchor > 0 {
            self.report(place, "an anchor (`&name`) is not read", "remove it and write the value out where it is needed");
        }
        if tagged {
            self.report(place, "a tag (`!name`) is not read", "remove it; a text that looks like a number goes into quotes");
        }
    }

    fn list(&mut self, depth: usize) -> Option<Vec<Node>> {
        let mut items = Vec::new();
        let before = self.path.len();
        loop {
            let (event, span) = self.event()?;
            if event == Event::SequenceEnd {
                return Some(items);
            }
            self.path.push_str(&format!("[{}]", items.len()));
            items.push(self.node(event, &span, depth + 1)?);
            self.path.truncate(before);
        }
    }

    fn map(&mut self, depth: usize) -> Option<Vec<Entry>> {
        let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
        let before = self.path.len();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                return Some(entries);
            }
            let place = Place::of(&span);
            let key = self.node(event, &span, depth + 1).map(|node| self.key(node))?;
            if let Some(name) = &key {
                if before > 0 {
                    self.path.push('.');
                }
                self.path.push_str(name);
            }
            let duplicate = key.as_ref().is_some_and(|name| !seen.insert(name.clone()));
            if duplicate {
                self.report(place, "this key stands here twice", "keep one of them");
            }
            let (first, value_span) = self.event()?;
            let value = self.node(first, &value_span, depth + 1)?;
            self.path.truncate(before);
            if let Some(name) = key.filter(|_| !duplicate) {
                entries.push(Entry { key: name, place, value });
            }
        }
    }

    fn key(&mut self, node: Node) -> Option<String> {
        let place = node.place;
        if node.is_null() {
            self.report(place, "a key is missing before the colon", "write `key: value`");
            return None;
        }
        match node.kind {
            Kind::Scalar { text, .. } if text.len() > KEY_BYTES_MAX => {
                self.report(place, "this key is too long", format!("at most {KEY_BYTES_MAX} bytes"));
                None
            }
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => {
                self.report(
                    place,
                    "a list or a section may not be a key",
                    "write a name before the colon; quote a text that begins with a bracket",
                );
                None
            }
            Kind::Refused => None,
        }
    }
}

/// `c-printable` of YAML 1.2 without the byte-order mark.
fn is_printable(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}')
        || matches!(character, '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}
