//! What is found on the way through the files: problems, resolved values, zones.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::scalar::{Scalar, Wrong, expected, expects, quoted};
use crate::programme::ZoneRef;
use crate::programme::problem::Problem;
use crate::programme::schema::shape::Kind;
use crate::programme::yaml::{self, Entry, Node, PROBLEMS_MAX, Place};
use crate::time::Zone;

/// What is collected on the way through the files.
#[derive(Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    /// More was found than is listed.
    cut: bool,
    pub values: BTreeMap<String, String>,
    zones: BTreeMap<Box<str>, Arc<Zone>>,
}

/// A place that a problem can be reported for.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub file: &'a str,
    pub place: Place,
    pub path: &'a str,
}

impl Findings {
    pub(super) fn report(&mut self, at: At<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Problem {
            file: at.file.to_owned(),
            line: at.place.line,
            column: at.place.column,
            path: at.path.to_owned(),
            message: message.into(),
            help: help.into(),
        });
    }

    pub(super) fn add(&mut self, problem: Problem) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        } else {
            self.cut = true;
        }
    }

    /// So many problems are listed that nothing needs to be looked at any more.
    pub(super) const fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS_MAX
    }

    /// All problems in order of their places.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        self.problems.dedup();
        if let Some(last) = self.problems.last().filter(|_| self.cut).cloned() {
            let message = format!("more than {PROBLEMS_MAX} problems; the others are not listed");
            self.problems.push(Problem { message, help: String::new(), path: String::new(), ..last });
        }
        self.problems
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// The zone of a name that has been checked, shared.
    pub(super) fn zone(&mut self, name: &str) -> Option<ZoneRef> {
        if let Some(known) = self.zones.get(name) {
            return Some(ZoneRef(Arc::clone(known)));
        }
        let zone = Arc::new(Zone::named(name)?);
        self.zones.insert(name.into(), Arc::clone(&zone));
        Some(ZoneRef(zone))
    }

    /// One value; where it does not fit, that is reported.
    pub(super) fn scalar<T: Scalar>(&mut self, at: At<'_>, node: &Node, kind: &Kind) -> Option<T> {
        if self.is_full() {
            self.cut = true;
            return None;
        }
        let text = match &node.kind {
            yaml::Kind::Scalar { .. } if node.is_null() => {
                self.report(
                    at,
                    "a value is missing",
                    format!("write {}, or leave the key out where it has a default", expects(kind)),
                );
                return None;
            }
            yaml::Kind::Scalar { text, .. } if node.boolean().is_some() => {
                self.report(at, format!("{} without quotes means yes or no", quoted(text)), expected(kind));
                return None;
            }
            yaml::Kind::Scalar { text, .. } => text,
            yaml::Kind::List(_) => {
                self.report(at, "a list stands here", expected(kind));
                return None;
            }
            yaml::Kind::Map(_) => {
                self.report(at, "a section stands here", expected(kind));
                return None;
            }
            yaml::Kind::Refused => return None,
        };
        match T::parse(text, kind) {
            Ok(value) => Some(value),
            Err(Wrong { message, help }) => {
                self.report(at, message, help);
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn list<'n>(&mut self, at: At<'_>, node: &'n Node, kind: &Kind) -> Option<&'n [Node]> {
        match &node.kind {
            yaml::Kind::List(items) => return Some(items),
            yaml::Kind::Scalar { .. } if node.is_null() => self.report(at, "the list is missing", "write [] for an empty list"),
            yaml::Kind::Scalar { .. } | yaml::Kind::Map(_) => self.report(at, "this is not a list", expected(kind)),
            yaml::Kind::Refused => {}
        }
        None
    }

    /// The keys of a section.
    pub(super) fn map<'n>(&mut self, at: At<'_>, node: &'n Node, kind: &Kind) -> Option<&'n [Entry]> {
        match &node.kind {
            yaml::Kind::Map(entries) => return Some(entries),
            yaml::Kind::Scalar { .. } if node.is_null() => {
                self.report(at, "the section is empty", "write keys with values, or {}, or leave the section out");
            }
            yaml::Kind::Scalar { .. } | yaml::Kind::List(_) => self.report(at, "this is not a section", expected(kind)),
            yaml::Kind::Refused => {}
        }
        None
    }
}
