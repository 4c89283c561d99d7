//! One section as it was written: hands out its values by key, reports what does not fit, and
//! records every resolved value by its path.

use super::findings::{At, Findings};
use super::nearest::nearest;
use super::scalar::{Scalar, expected, quoted};
use crate::programme::schema::shape::{Absent, Key, Kind, Shape};
use crate::programme::source::SourceFile;
use crate::programme::yaml::{self, Entry, Node, Place};

/// A section of the programme.
pub(super) struct Section<'a> {
    shape: &'static Shape,
    pub(super) file: &'a str,
    place: Place,
    pub(super) path: String,
    /// Path of its values by names; `None` where they are not recorded.
    pub(super) values: Option<String>,
    entries: &'a [Entry],
    /// It is there, and is none: its missing keys are not reported.
    broken: bool,
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The node that a default stands for.
pub(super) fn literal(json: &str) -> Option<Node> {
    yaml::read(&SourceFile { name: String::new(), text: json.to_owned() }).0
}

impl<'a> Section<'a> {
    /// One key of the file with its value, as a section of its own: the keys of the file may come
    /// from several.
    pub(super) fn top(file: &'a str, place: Place, entries: &'a [Entry], shape: &'static Shape, recorded: bool) -> Self {
        let values = recorded.then(String::new);
        Self { shape, file, place, path: String::new(), values, entries, broken: false }
    }

    /// Without a report of what is missing, unless all files could be read.
    pub(super) fn silent_unless(mut self, complete: bool) -> Self {
        self.broken |= !complete;
        self
    }

    /// A section within this one, whose unknown keys are reported.
    pub(super) fn open(
        &self,
        findings: &mut Findings,
        shape: &'static Shape,
        path: String,
        values: Option<String>,
        kind: &Kind,
        (place, node): (Place, &'a Node),
    ) -> Self {
        let at = At { file: self.file, place, path: &path };
        let entries = findings.map(at, node, kind);
        let section =
            Self { shape, file: self.file, place, path, values, entries: entries.unwrap_or(&[]), broken: entries.is_none() };
        for entry in section.entries {
            check_key(findings, section.file, &section.path, shape, entry);
        }
        section
    }

    /// A section within this one that was left out.
    pub(super) fn absent(&self, shape: &'static Shape, path: &str, broken: bool) -> Self {
        let values = self.values.as_ref().map(|_| path.to_owned());
        Self { shape, file: self.file, place: self.place, path: path.to_owned(), values, entries: &[], broken }
    }

    /// The section of a key.
    pub(super) fn section(&self, findings: &mut Findings, name: &str, shape: &'static Shape) -> Self {
        let path = join(&self.path, name);
        let values = self.values.as_ref().map(|_| path.clone());
        match (self.shape.key(name), self.entry(name)) {
            (Some(key), Some(entry)) => self.open(findings, shape, path, values, &key.kind, (value_place(entry), &entry.value)),
            (Some(key), None) => {
                let missing = key.absent == Absent::Required;
                if missing {
                    self.report_missing(findings, key);
                }
                self.absent(shape, &path, missing)
            }
            (None, _) => self.absent(shape, &path, true),
        }
    }

    /// The key of this section's table.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.shape.key(name)
    }

    /// Whether the key was written.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    pub(super) fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Reports a problem with the value of a key.
    pub(super) fn report(&self, findings: &mut Findings, name: &str, message: impl Into<String>, help: impl Into<String>) {
        let place = self.entry(name).map_or(self.place, value_place);
        findings.report(At { file: self.file, place, path: &join(&self.path, name) }, message, help);
    }

    fn report_missing(&self, findings: &mut Findings, key: &Key) {
        if !self.broken {
            let at = At { file: self.file, place: self.place, path: &join(&self.path, key.name) };
            findings.report(at, format!("`{}` is missing", key.name), expected(&key.kind));
        }
    }

    pub(super) fn record(&self, findings: &mut Findings, name: &str, value: String) {
        if let Some(path) = &self.values {
            findings.values.insert(join(path, name), value);
        }
    }

    /// The node of a key as written or as its default, with the key; reports one that is missing.
    pub(super) fn with_node<R>(
        &self,
        findings: &mut Findings,
        name: &str,
        read: impl FnOnce(&mut Findings, At<'_>, &Node, &'static Key) -> Option<R>,
    ) -> Option<R> {
        let key = self.shape.key(name)?;
        let path = join(&self.path, name);
        match (self.entry(name), key.absent) {
            (Some(entry), _) => read(findings, At { file: self.file, place: value_place(entry), path: &path }, &entry.value, key),
            (None, Absent::Default(json)) => {
                read(findings, At { file: self.file, place: self.place, path: &path }, &literal(json)?, key)
            }
            (None, Absent::Required) => {
                self.report_missing(findings, key);
                None
            }
            (None, Absent::Nothing) => None,
        }
    }

    /// One value.
    pub(super) fn get<T: Scalar>(&self, findings: &mut Findings, name: &str) -> Option<T> {
        let value: T = self.with_node(findings, name, |found, at, node, key| found.scalar(at, node, &key.kind))?;
        self.record(findings, name, value.show());
        Some(value)
    }

    /// One value, which where it is left out is another's.
    pub(super) fn get_or<T: Scalar + Clone>(&self, findings: &mut Findings, name: &str, other: Option<&T>) -> Option<T> {
        match other {
            Some(value) if !self.has(name) => {
                self.record(findings, name, value.show());
                Some(value.clone())
            }
            Some(_) | None => self.get(findings, name),
        }
    }

    /// This section for a shorter time.
    pub(super) fn borrowed(&self) -> Section<'_> {
        Section {
            shape: self.shape,
            file: self.file,
            place: self.place,
            path: String::new(),
            values: None,
            entries: &[],
            broken: self.broken,
        }
    }
}

/// Where a value stands; nothing stands where its key does.
pub(super) fn value_place(entry: &Entry) -> Place {
    if entry.value.is_null() { entry.place } else { entry.value.place }
}

/// Reports a key that is not known, or that this version does not enforce.
pub(super) fn check_key(findings: &mut Findings, file: &str, path: &str, shape: &'static Shape, entry: &Entry) {
    let own_path = join(path, &entry.key);
    let at = At { file, place: entry.place, path: &own_path };
    match shape.key(&entry.key) {
        Some(Key { kind: Kind::Later { empty_list: false }, .. }) => {
            findings.report(at, format!("`{}` is not enforced in this version", entry.key), "leave it out");
        }
        Some(_) => {}
        None if findings.is_full() => findings.report(at, "", ""),
        None => {
            let known: Vec<_> = shape.keys.iter().map(|key| key.name).collect();
            let list = format!("known here: {}", known.join(", "));
            let help = nearest(&entry.key, known.iter().copied())
                .map_or_else(|| list.clone(), |name| format!("did you mean `{name}`? {list}"));
            findings.report(at, format!("{} is not a key that is known here", quoted(&entry.key)), help);
        }
    }
}
