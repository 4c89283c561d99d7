//! A file of examples: a list, each with a name, what is given and what is expected.

use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::programme::yaml::{self, Kind, Node};
use tidemark_domain::programme::{Problem, Programme};
use tidemark_domain::time::Instant;

use super::expect::{self, Expected};
use super::given::{self, Given};
use super::tree::Findings;

/// The keys of an example.
const KEYS: &str = "an example has `name`, `given`, `expect`, and if needed `until`, `brand` and `player`";

/// One example.
pub(super) struct Example {
    pub(super) name: String,
    /// Where it begins.
    pub(super) line: usize,
    /// Its events in the order in which they are written, one a line of the file.
    pub(super) given: Vec<Given>,
    /// When it ends; with the last event where it does not say.
    pub(super) until: Option<Instant>,
    pub(super) expected: Expected,
    /// Whom everything is about that names nobody else.
    pub(super) who: Who,
}

/// A player of a brand.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Who {
    pub(super) brand: String,
    pub(super) player: String,
}

/// Reads one file; the examples count only where there is no problem.
pub(super) fn examples(file: &SourceFile, rules: &Programme) -> (Vec<Example>, Vec<Problem>) {
    let (tree, problems) = yaml::read(file);
    let mut findings = Findings { file: &file.name, problems };
    let mut all = Vec::new();
    match tree {
        Some(Node { kind: Kind::List(items), .. }) => {
            for item in &items {
                all.extend(example(item, rules, &mut findings));
            }
        }
        Some(node) => findings.add(node.place, "a file of examples must be a list", "begin each example with `- name: `"),
        None => {}
    }
    findings.problems.sort();
    (all, findings.problems)
}

fn example(node: &Node, rules: &Programme, findings: &mut Findings<'_>) -> Option<Example> {
    let entries = findings.section(node, "an example", KEYS)?;
    let mut who = Who { brand: "default".to_owned(), player: "player".to_owned() };
    let (mut name, mut until) = (None, None);
    let (mut events, mut expectations) = (None, None);
    for entry in entries {
        match entry.key.as_str() {
            "name" => name = findings.text(&entry.value, "name").map(str::to_owned),
            "brand" => who.brand = findings.text(&entry.value, "brand").unwrap_or_default().to_owned(),
            "player" => who.player = findings.text(&entry.value, "player").unwrap_or_default().to_owned(),
            "until" => until = findings.instant(&entry.value, "until"),
            "given" => events = Some(&entry.value),
            "expect" => expectations = Some(&entry.value),
            other => findings.add(entry.place, format!("an example has no `{other}`"), KEYS),
        }
    }
    for (there, key) in
        [(name.is_some(), "name"), (events.is_some(), "given"), (expectations.is_some_and(|expect| !expect.is_null()), "expect")]
    {
        if !there {
            findings.add(node.place, format!("this example has no `{key}`"), KEYS);
        }
    }
    let given = given::events(events?, &who, rules, findings);
    let expected = expect::expected(expectations?, &who, findings);
    Some(Example { name: name?, line: node.place.line, given, until, expected: expected?, who })
}
