//! Reading the tree of a file of examples: what may stand where, and what is said when it does not.

use serde_json::{Map, Value};
use tidemark_domain::programme::Problem;
use tidemark_domain::programme::yaml::{Entry, Kind, Node, Place};
use tidemark_domain::time::Instant;

/// Problems of one file, as they are found.
pub(super) struct Findings<'a> {
    pub(super) file: &'a str,
    pub(super) problems: Vec<Problem>,
}

impl Findings<'_> {
    /// Notes a problem.
    pub(super) fn add(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            path: String::new(),
            message: message.into(),
            help: help.into(),
        });
    }

    /// The entries of a section.
    pub(super) fn section<'n>(&mut self, node: &'n Node, what: &str, help: &str) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Refused => None,
            Kind::Scalar { .. } | Kind::List(_) => {
                self.add(node.place, format!("{what} must be a section of keys and values"), help);
                None
            }
        }
    }

    /// The items of a list; nothing for nothing.
    pub(super) fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.kind {
            Kind::List(items) => items,
            Kind::Scalar { .. } | Kind::Map(_) if !node.is_null() => {
                self.add(node.place, format!("`{what}` must be a list"), "write each item on a line that begins with `- `");
                &[]
            }
            Kind::Scalar { .. } | Kind::Map(_) | Kind::Refused => &[],
        }
    }

    /// A text of one piece.
    pub(super) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.kind {
            Kind::Scalar { text, .. } if !text.is_empty() && !node.is_null() => Some(text),
            Kind::Refused => None,
            Kind::Scalar { .. } | Kind::List(_) | Kind::Map(_) => {
                self.add(node.place, format!("`{what}` needs a value"), "");
                None
            }
        }
    }

    /// An instant.
    pub(super) fn instant(&mut self, node: &Node, what: &str) -> Option<Instant> {
        let text = self.text(node, what)?;
        let found = Instant::parse(text.as_bytes());
        if found.is_none() {
            self.add(node.place, format!("`{what}: {text}` is not an instant"), "write it like 2026-03-01T10:00:00Z");
        }
        found
    }
}

/// A value as JSON; what is written without quotes and is true, false or null is that, all else is text.
pub(super) fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Scalar { .. } if node.is_null() => Value::Null,
        Kind::Scalar { text, .. } => node.boolean().map_or_else(|| Value::String(text.clone()), Value::Bool),
        Kind::List(items) => Value::Array(items.iter().map(json).collect()),
        Kind::Map(entries) => Value::Object(object(entries)),
        Kind::Refused => Value::Null,
    }
}

/// Entries as a JSON object.
pub(super) fn object(entries: &[Entry]) -> Map<String, Value> {
    entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect()
}
