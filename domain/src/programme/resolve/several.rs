//! Several values under one key: lists, values by name, sections by name or id.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{At, Findings};
use super::scalar::{Scalar, Wrong, quoted};
use super::section::{Section, join, literal, value_place};
use crate::programme::schema::shape::{Absent, Kind};
use crate::programme::yaml::{self, Entry, Node};

impl<'a> Section<'a> {
    /// A list of distinct values.
    pub(super) fn list<T: Scalar + PartialEq>(&self, findings: &mut Findings, name: &str) -> Option<Vec<T>> {
        let (list, whole) = self.with_node(findings, name, |found, at, node, key| {
            let Kind::List(of) = &key.kind else { return None };
            let items = found.list(at, node, &key.kind)?;
            let (mut values, mut seen): (Vec<T>, _) = (Vec::new(), BTreeSet::new());
            for (number, item) in items.iter().enumerate() {
                let at_item = At { place: item.place, path: &format!("{}[{number}]", at.path), ..at };
                let Some(value) = found.scalar::<T>(at_item, item, of) else {
                    continue;
                };
                if seen.insert(value.show()) {
                    values.push(value);
                } else {
                    found.report(at_item, format!("{} stands here twice", quoted(&value.show())), "keep one of them");
                }
            }
            Some((values, items.len()))
        })?;
        let complete = list.len() == whole;
        if complete {
            self.record(findings, name, show_list(&list));
        }
        complete.then_some(list)
    }

    /// A value for each name: the default's names, and the written ones over them.
    pub(super) fn by_name<T: Scalar>(&self, findings: &mut Findings, name: &str) -> Option<BTreeMap<Box<str>, T>> {
        let key = self.key(name)?;
        let (Kind::Values(of), Absent::Default(json)) = (&key.kind, key.absent) else {
            return None;
        };
        let path = join(&self.path, name);
        let default = literal(json)?;
        let mut values = BTreeMap::new();
        let mut complete = true;
        let written = self.entry(name).map(|entry| (value_place(entry), &entry.value));
        for (place, node) in [Some((default.place, &default)), written].into_iter().flatten() {
            let at = At { file: self.file, place, path: &path };
            let entries = findings.map(at, node, &key.kind);
            complete &= entries.is_some();
            for entry in entries.unwrap_or(&[]) {
                let own_path = join(&path, &entry.key);
                let label = self.label(findings, entry, &own_path, &Kind::Name);
                let value: Option<T> =
                    findings.scalar(At { file: self.file, place: value_place(entry), path: &own_path }, &entry.value, of);
                complete &= label.is_some() && value.is_some();
                if let (Some(label), Some(value)) = (label, value) {
                    self.record(findings, &join(name, &entry.key), value.show());
                    values.insert(label, value);
                }
            }
        }
        complete.then_some(values)
    }

    /// The name that a key is.
    fn label(&self, findings: &mut Findings, entry: &Entry, path: &str, kind: &Kind) -> Option<Box<str>> {
        match <Box<str>>::parse(&entry.key, kind) {
            Ok(label) => Some(label),
            Err(Wrong { message, help }) => {
                findings.report(At { file: self.file, place: entry.place, path }, message, help);
                None
            }
        }
    }

    /// A section for each name, as written.
    pub(super) fn named(&self, findings: &mut Findings, name: &str) -> Option<Vec<(Box<str>, Self)>> {
        let key = self.key(name)?;
        let Kind::Named { of, names } = &key.kind else {
            return None;
        };
        let Some(entry) = self.entry(name) else {
            return Some(Vec::new());
        };
        let path = join(&self.path, name);
        let entries = findings.map(At { file: self.file, place: value_place(entry), path: &path }, &entry.value, &key.kind)?;
        let mut sections = Vec::new();
        for one in entries {
            let own_path = join(&path, &one.key);
            let label = self.label(findings, one, &own_path, names);
            let values = label.as_ref().and(self.values.as_ref()).map(|_| own_path.clone());
            let section = self.open(findings, of, own_path, values, &Kind::Section(of), (value_place(one), &one.value));
            sections.push((label.unwrap_or_default(), section));
        }
        Some(sections)
    }

    /// A list of sections with distinct ids, each read as `read` says.
    pub(super) fn each<R>(
        &self,
        findings: &mut Findings,
        name: &str,
        mut read: impl FnMut(&mut Findings, &Section<'_>) -> Option<R>,
    ) -> Option<Vec<R>> {
        self.with_node(findings, name, |found, at, node, key| {
            let Kind::Sections { of, id, min, max } = &key.kind else {
                return None;
            };
            let items = found.list(at, node, &key.kind)?;
            if !(*min..=*max).contains(&items.len()) {
                found.report(at, format!("there are {} here", items.len()), format!("at least {min} and at most {max}"));
                return None;
            }
            let (mut all, mut seen) = (Some(Vec::new()), BTreeSet::new());
            for (number, item) in items.iter().enumerate() {
                let written = match &item.kind {
                    yaml::Kind::Map(entries) => {
                        entries.iter().find(|entry| entry.key == *id).and_then(|entry| text_of(&entry.value))
                    }
                    yaml::Kind::Scalar { .. } | yaml::Kind::List(_) | yaml::Kind::Refused => None,
                };
                let values = written.and(self.values.as_ref()).map(|path| join(&join(path, name), written.unwrap_or_default()));
                let section = self.borrowed().open(
                    found,
                    of,
                    format!("{}[{number}]", at.path),
                    values,
                    &Kind::Section(of),
                    (item.place, item),
                );
                if written.is_some_and(|label| !seen.insert(label)) {
                    section.report(
                        found,
                        id,
                        format!("{} stands here twice", quoted(written.unwrap_or_default())),
                        format!("each `{id}` once"),
                    );
                }
                let one = read(found, &section);
                // The id is the name in the path.
                if let Some(path) = &section.values {
                    found.values.remove(&join(path, id));
                }
                match (one, &mut all) {
                    (Some(value), Some(list)) => list.push(value),
                    (None, _) => all = None,
                    (Some(_), None) => {}
                }
            }
            all
        })
    }
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.kind {
        yaml::Kind::Scalar { text, .. } => Some(text),
        yaml::Kind::List(_) | yaml::Kind::Map(_) | yaml::Kind::Refused => None,
    }
}

/// A list as one value: `[30, 7]`.
fn show_list<T: Scalar>(list: &[T]) -> String {
    let items: Vec<_> = list.iter().map(|item| show_item(&item.show())).collect();
    format!("[{}]", items.join(", "))
}

/// An item of a list, in quotes where it could be taken for several.
fn show_item(text: &str) -> String {
    let simple = !text.is_empty() && text.chars().all(|each| each.is_alphanumeric() || "_-./+".contains(each));
    if simple { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}
