//! Finding a value: the environment goes before the file, the file before the default. And what is wrong with it.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;
use tidemark_domain::programme::resolve::nearest::nearest_within;

use super::document::{Node, Place, Table, Value};
use super::{Environment, LETTERS_MAX, Problem, values};

/// What the names of all variables begin with that override a key.
const VARIABLES: &str = "TIDEMARK__";

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// From `defaults.toml`, or from nowhere.
    Default,
    /// From the file, at this place.
    File(Place),
    /// From the environment variable of this name.
    Variable(String),
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub value: T,
    pub origin: Origin,
}

/// What a variable's text is read as.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Whole,
    List,
}

impl Form {
    fn read(self, text: String) -> Value {
        let start = Place { line: 1, column: 1 };
        match self {
            Self::Text => Value::Text(text),
            Self::Whole => text.trim().parse().map_or_else(|_| Value::Text(text), Value::Whole),
            Self::List => {
                let node = |item: &str| Node { key: start, place: start, value: Value::Text(item.trim().to_owned()) };
                Value::List(text.split(',').filter(|item| !item.trim().is_empty()).map(node).collect())
            }
        }
    }
}

/// A line of the configuration in force.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// `[job]`
    Heading(String),
    /// `key = text  # origin`
    Value {
        /// The key as TOML writes it.
        key: String,
        /// The value as TOML writes it; of a secret, stars.
        text: String,
        /// Where it came from, in words.
        origin: String,
    },
}

/// A table of the file, with the defaults of its keys.
pub(super) struct Section<'t> {
    /// Its path in messages: `sink.kafka`, `source[0]`.
    path: String,
    /// Its name in a header: `sink.kafka`, `source`.
    pub name: String,
    /// Its header: `[sink.kafka]`, `[[source]]`.
    header: String,
    /// What the names of its variables begin with: `TIDEMARK__SINK__KAFKA__`.
    variable: String,
    /// Where the file has it.
    place: Option<Place>,
    file: Option<&'t Table>,
    defaults: Option<&'t Table>,
    known: Vec<&'static str>,
    headed: bool,
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(super) fn root(file: &'t Table, defaults: &'t Table) -> Self {
        Self {
            path: String::new(),
            name: String::new(),
            header: String::new(),
            variable: VARIABLES.to_owned(),
            place: None,
            file: Some(file),
            defaults: Some(defaults),
            known: Vec::new(),
            headed: false,
        }
    }

    /// A key's path in messages.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// What the file has under a key, which is known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'t Node> {
        self.known.push(key);
        self.file.and_then(|table| table.get(key))
    }

    /// The table of defaults under a key.
    pub(super) fn default_table(&self, key: &str) -> Option<&'t Table> {
        match &self.defaults?.get(key)?.value {
            Value::Table(table) => Some(table),
            Value::List(items) => items.iter().find_map(|item| match &item.value {
                Value::Table(table) => Some(table),
                _ => None,
            }),
            _ => None,
        }
    }

    /// What the names of variables begin with that override keys of a part.
    fn variable_of(&self, key: &str) -> String {
        format!("{}{}", self.variable, key.to_uppercase())
    }
}

/// Reads settings, and keeps every problem and where each value came from.
pub(super) struct Reader<'a> {
    file: &'a str,
    environment: Environment<'a>,
    /// Variables that nobody has asked for yet.
    unread: BTreeSet<String>,
    /// Every variable that would override a key.
    variables: Vec<String>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    rows: Vec<Row>,
}

/// What a reader has gathered.
pub(super) struct Gathered {
    pub problems: Vec<Problem>,
    pub warnings: Vec<String>,
    pub rows: Vec<Row>,
}

impl<'a> Reader<'a> {
    /// Begins; `names` are all variables of the environment.
    pub(super) fn new(file: &'a str, environment: Environment<'a>, names: &[String]) -> Self {
        let unread = names.iter().filter(|name| name.starts_with(VARIABLES)).cloned().collect();
        Self { file, environment, unread, variables: Vec::new(), problems: Vec::new(), warnings: Vec::new(), rows: Vec::new() }
    }

    /// A part of a section: `[sink.kafka]`.
    pub(super) fn section<'t>(&mut self, parent: &mut Section<'t>, key: &'static str) -> Section<'t> {
        let path = parent.path(key);
        let node = parent.take(key);
        let file = node.and_then(|node| match &node.value {
            Value::Table(table) => Some(table),
            other => {
                let message = format!("{path}: {} is found, a section is due; write [{path}], its keys below", other.in_words());
                self.problem(&Origin::File(node.key), message);
                None
            }
        });
        Section {
            header: format!("[{path}]"),
            variable: format!("{}__", parent.variable_of(key)),
            place: node.map(|node| node.key),
            file,
            defaults: parent.default_table(key),
            known: Vec::new(),
            headed: false,
            name: path.clone(),
            path,
        }
    }

    /// Sections of one name, `[[source]]`: those of the file, then those that only the environment names.
    pub(super) fn sections<'t>(&mut self, parent: &mut Section<'t>, key: &'static str) -> Option<Vec<Section<'t>>> {
        let prefix = parent.variable_of(key);
        let defaults = parent.default_table(key);
        let items: &'t [Node] = match parent.take(key) {
            None => &[],
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => {
                let message = format!("{key}: {} is found; write [[{key}]], in two brackets", node.value.in_words());
                self.problem(&Origin::File(node.key), message);
                return None;
            }
        };
        let named = |at: usize| self.unread.iter().any(|name| name.starts_with(&format!("{prefix}__{at}__")));
        let more = (items.len()..).take_while(|at| named(*at)).count();
        let mut found = Vec::new();
        for at in 0..items.len() + more {
            let item = items.get(at);
            let file = item.and_then(|item| match &item.value {
                Value::Table(table) => Some(table),
                other => {
                    self.problem(
                        &Origin::File(item.place),
                        format!("{key}[{at}]: {} is found, a section is due", other.in_words()),
                    );
                    None
                }
            });
            found.push(Section {
                path: format!("{key}[{at}]"),
                name: key.to_owned(),
                header: format!("[[{key}]]"),
                variable: format!("{prefix}__{at}__"),
                place: item.map(|item| item.place),
                file,
                defaults,
                known: Vec::new(),
                headed: false,
            });
        }
        Some(found)
    }

    /// Reads a text.
    pub(super) fn text<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Found<T>> {
        self.value(section, key, Form::Text, |value| parse(values::text(value)?))
    }

    /// Reads a text that is another setting's where it is not given; without that one it is nothing, and no problem.
    pub(super) fn text_like<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        other: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Found<T>> {
        let found = match self.look(section, key, Form::Text) {
            Some(found) => found,
            None => Found { value: Value::Text(other?.to_owned()), origin: Origin::Default },
        };
        self.judge(section, key, found, |value| parse(values::text(value)?))
    }

    /// Reads a text, or what TOML itself takes for an instant.
    pub(super) fn instant<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Found<T>> {
        self.value(section, key, Form::Text, parse)
    }

    /// Reads a whole number.
    pub(super) fn whole<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Found<T>> {
        self.value(section, key, Form::Whole, parse)
    }

    /// Reads a list; in a variable commas stand between its items.
    pub(super) fn list<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Found<T>> {
        self.value(section, key, Form::List, parse)
    }

    /// Reads a length of time.
    pub(super) fn duration(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Found<Duration>> {
        self.value(section, key, Form::Text, |value| values::duration(value, &range))
    }

    /// A variable of the environment that the file names.
    pub(super) fn variable(&mut self, name: &str) -> Option<String> {
        self.unread.remove(name);
        (self.environment)(name)
    }

    fn value<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        form: Form,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Found<T>> {
        if let Some(found) = self.look(section, key, form) {
            return self.judge(section, key, found, parse);
        }
        let origin = section.place.map_or(Origin::Default, Origin::File);
        let (path, header, variable) = (section.path(key), &section.header, section.variable_of(key));
        self.problem(&origin, format!("{path} is missing; write `{key} = …` below {header}, or set {variable}"));
        None
    }

    fn look(&mut self, section: &mut Section<'_>, key: &'static str, form: Form) -> Option<Found<Value>> {
        let given = section.take(key);
        let variable = section.variable_of(key);
        let set = self.variable(&variable);
        self.variables.push(variable.clone());
        if let Some(text) = set {
            return Some(Found { value: form.read(text), origin: Origin::Variable(variable) });
        }
        if let Some(node) = given {
            return Some(Found { value: node.value.clone(), origin: Origin::File(node.place) });
        }
        let default = section.defaults?.get(key)?;
        Some(Found { value: default.value.clone(), origin: Origin::Default })
    }

    fn judge<T>(
        &mut self,
        section: &mut Section<'_>,
        key: &str,
        found: Found<Value>,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<Found<T>> {
        let Found { value, origin } = found;
        match parse(&value) {
            Ok(read) => {
                if !section.headed {
                    section.headed = true;
                    self.heading(section.header.clone());
                }
                self.row(key, value.written(), &origin);
                Some(Found { value: read, origin })
            }
            Err(wrong) => {
                self.problem(&origin, format!("{}: {wrong}", section.path(key)));
                None
            }
        }
    }

    /// Begins a section of the configuration in force.
    pub(super) fn heading(&mut self, header: String) {
        self.rows.push(Row::Heading(header));
    }

    /// Adds a value to the configuration in force.
    pub(super) fn row(&mut self, key: &str, text: String, origin: &Origin) {
        let origin = match origin {
            Origin::Default => "default",
            Origin::File(_) => self.file,
            Origin::Variable(name) => name.as_str(),
        };
        self.rows.push(Row::Value { key: key.to_owned(), text, origin: origin.to_owned() });
    }

    /// Adds a secret to the configuration in force; `source` says where it is kept.
    pub(super) fn secret_row(&mut self, key: &str, source: &str) {
        let origin = format!("{}, from {source}", self.file);
        self.rows.push(Row::Value { key: key.to_owned(), text: "\"***\"".to_owned(), origin });
    }

    /// Keeps a problem.
    pub(super) fn problem(&mut self, origin: &Origin, message: String) {
        let (file, place) = match origin {
            Origin::Default => (self.file, None),
            Origin::File(place) => (self.file, Some(*place)),
            Origin::Variable(name) => (name.as_str(), None),
        };
        let (line, column) = (place.map(|place| place.line), place.map(|place| place.column));
        self.problems.push(Problem { file: file.to_owned(), line, column, message });
    }

    /// Keeps a warning.
    pub(super) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// A part that this version does not have.
    pub(super) fn refuse(&mut self, section: &mut Section<'_>, key: &'static str) {
        if let Some(node) = section.file.and_then(|table| table.get(key)) {
            section.known.push(key);
            self.problem(&Origin::File(node.key), format!("[{}] is not enforced in this version", section.path(key)));
        }
    }

    /// Ends a section: what nobody asked for is unknown.
    pub(super) fn close(&mut self, section: &Section<'_>) {
        for (key, node) in section.file.into_iter().flatten() {
            if section.known.contains(&key.as_str()) {
                continue;
            }
            let meant = nearest_within(key, section.known.iter().copied(), LETTERS_MAX);
            let hint = meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`? "));
            let place =
                if section.header.is_empty() { "outside all sections".to_owned() } else { format!("in {}", section.header) };
            let message = format!("unknown key `{key}` {place}; {hint}known: {}", section.known.join(", "));
            self.problem(&Origin::File(node.key), message);
        }
    }

    /// Ends: variables that nobody asked for name no key.
    pub(super) fn finish(mut self) -> Gathered {
        for name in std::mem::take(&mut self.unread) {
            let hint = if name.contains("__LIBRDKAFKA") || name.contains("__CLOUDEVENTS") {
                "this is written in the file; a secret may be { env = \"NAME\" } there".to_owned()
            } else {
                let meant = nearest_within(&name, self.variables.iter().map(String::as_str), LETTERS_MAX);
                meant.map_or_else(|| "write TIDEMARK__SECTION__KEY".to_owned(), |meant| format!("did you mean {meant}?"))
            };
            self.problem(&Origin::Variable(name), format!("the variable names no key; {hint}"));
        }
        // The file's from top to bottom, then the environment's.
        let file = self.file;
        self.problems.sort_by_key(|problem| (problem.file != file, problem.line.unwrap_or(usize::MAX), problem.column));
        Gathered { problems: self.problems, warnings: self.warnings, rows: self.rows }
    }
}
