//! A TOML text as a tree in which every value knows its line and column. The only file that knows the parser.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Of longer texts messages show so many letters.
const QUOTED_MAX: usize = 60;

/// Line and column, counted from 1; columns are characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub line: usize,
    pub column: usize,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where its key stands; of an item of a list, where the item does.
    pub key: Place,
    /// Where it stands itself.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// Values by their keys.
pub(super) type Table = BTreeMap<String, Node>;

/// A value of TOML, as far as settings need it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A string.
    Text(String),
    /// An integer of 64 bits.
    Whole(i64),
    /// A boolean.
    Flag(bool),
    /// A date, a time, or both, as TOML writes them.
    Instant(String),
    /// An array, or tables of one name.
    List(Vec<Node>),
    /// A table.
    Table(Table),
    /// A float or a larger integer: no setting has such a value.
    Number(String),
}

impl Value {
    /// What it is, in words.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {}", quoted(&text.chars().take(QUOTED_MAX).collect::<String>())),
            Self::Whole(number) => format!("the number {number}"),
            Self::Flag(flag) => format!("`{flag}`"),
            Self::Instant(text) => format!("the time {text}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Number(text) => format!("the number {text}"),
        }
    }

    /// The value as TOML writes it.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Whole(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Instant(text) | Self::Number(text) => text.clone(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(|item| item.value.written()).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(table) => {
                let entries: Vec<String> =
                    table.iter().map(|(key, node)| format!("{} = {}", quoted(key), node.value.written())).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }
}

/// A text as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// Reads a text.
///
/// # Errors
/// Everything that is no TOML, in the order of the lines, one for each line.
pub(super) fn parse(text: &str) -> Result<Table, Vec<(Place, String)>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(read_table(text, table.get_ref()));
    }
    let mut wrong: Vec<(Place, String)> =
        errors.iter().map(|error| (place(text, error.span().map_or(0, |span| span.start)), error.message().to_owned())).collect();
    wrong.sort();
    wrong.dedup_by_key(|(place, _)| place.line);
    Err(wrong)
}

/// The values of a table by their keys joined with points: TOML reads `a.b = 1` as a table in a table.
///
/// An empty table is a value, and so is one with a key `env` or `file`: it says where the value is.
pub(super) fn leaves(table: &Table) -> Vec<(String, &Node)> {
    let mut found = Vec::new();
    for (key, node) in table {
        match &node.value {
            Value::Table(inner) if !is_value(inner) => {
                found.extend(leaves(inner).into_iter().map(|(rest, leaf)| (format!("{key}.{rest}"), leaf)));
            }
            _ => found.push((key.clone(), node)),
        }
    }
    found
}

fn is_value(table: &Table) -> bool {
    table.is_empty() || table.contains_key("env") || table.contains_key("file")
}

fn read_table(text: &str, table: &DeTable<'_>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let key_place = place(text, key.span().start);
            (key.get_ref().to_string(), read_node(text, key_place, value))
        })
        .collect()
}

fn read_node(text: &str, key: Place, node: &Spanned<DeValue<'_>>) -> Node {
    let value = match node.get_ref() {
        DeValue::String(string) => Value::Text(string.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Value::Number(integer.to_string()), Value::Whole),
        DeValue::Float(float) => Value::Number(float.to_string()),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(time) => Value::Instant(time.to_string()),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| read_node(text, place(text, item.span().start), item)).collect())
        }
        DeValue::Table(table) => Value::Table(read_table(text, table)),
    };
    Node { key, place: place(text, node.span().start), value }
}

/// Line and column of a byte.
fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line, column }
}
