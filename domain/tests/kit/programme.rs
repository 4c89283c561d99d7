//! The programme of a scenario: a base ladder, and what its `given` lines change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tidemark_domain::programme::resolve::load;
use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::rules::{Rates, Revision, Rules};
use tidemark_domain::time::Instant;

use super::told::instant;

/// The base: the defaults of the law, brand `b1` in Malta.
const LADDER: &str = "Bronze 0/0, Silver 10000/1000, Gold 50000/5000, Platinum 200000/20000";

/// A revision as a table gives it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// `section.key` and its value in YAML.
    values: BTreeMap<String, String>,
    promotions: Vec<String>,
    pub(crate) revision: u64,
    pub(crate) from: Instant,
}

impl Draft {
    pub(crate) fn base() -> Self {
        let mut draft = Self { values: BTreeMap::new(), promotions: Vec::new(), revision: 1, from: instant("2026-01-01T00:00Z") };
        draft.given("brands.b1", "{time_zone: Europe/Malta}");
        draft.ladder(LADDER);
        draft
    }

    /// The revision after this one, as yet with the same values.
    pub(crate) fn next(&self, revision: u64, from: Instant) -> Self {
        Self { revision, from, ..self.clone() }
    }

    /// `given tiers.grace_days 2`
    pub(crate) fn given(&mut self, path: &str, value: &str) {
        self.values.insert(path.to_owned(), value.to_owned());
    }

    /// `ladder Bronze 0/0, Silver 10000/1000 x1.5`: entry/maintain, points times so much,
    /// `+right` for each entitlement.
    pub(crate) fn ladder(&mut self, text: &str) {
        let levels: Vec<String> = text
            .split(", ")
            .map(|level| {
                let mut words = level.split_whitespace();
                let name = words.next().unwrap();
                let (entry, maintain) = words.next().unwrap().split_once('/').unwrap();
                let rest: Vec<&str> = words.collect();
                let times = rest.iter().find_map(|word| word.strip_prefix('x')).unwrap_or("1");
                let rights: Vec<&str> = rest.iter().filter_map(|word| word.strip_prefix('+')).collect();
                format!(
                    "{{name: {name}, entry: \"{entry}\", maintain: \"{maintain}\", points_multiplier: \"{times}\", entitlements: [{}]}}",
                    rights.join(", ")
                )
            })
            .collect();
        self.given("tiers.levels", &format!("[{}]", levels.join(", ")));
    }

    /// `promotion NAME x2 from T to T [brands B,B] [games G,G]`
    pub(crate) fn promotion(&mut self, words: &[&str]) {
        let [name, times, "from", from, "to", to, rest @ ..] = words else { panic!("{words:?} is no promotion") };
        let mut text = format!(
            "{{id: {name}, multiplier: \"{}\", from: {}, to: {}",
            times.strip_prefix('x').unwrap(),
            instant(from),
            instant(to)
        );
        for pair in rest.chunks(2) {
            let key = if pair[0] == "games" { "game_types" } else { pair[0] };
            write!(text, ", {key}: [{}]", pair[1]).unwrap();
        }
        self.promotions.push(text + "}");
    }

    pub(crate) fn yaml(&self) -> String {
        let mut sections: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
        for (path, value) in &self.values {
            let (section, key) = path.split_once('.').unwrap();
            sections.entry(section).or_default().push((key, value.clone()));
        }
        if !self.promotions.is_empty() {
            sections.entry("promotions").or_default().push(("list", format!("[{}]", self.promotions.join(", "))));
        }
        let mut text =
            format!("version: 1\nprogramme: {{id: test, revision: {}, effective_from: {}}}\n", self.revision, self.from);
        for (section, rows) in sections {
            writeln!(text, "{section}:").unwrap();
            for (key, value) in rows {
                writeln!(text, "  {key}: {value}").unwrap();
            }
        }
        text
    }

    pub(crate) fn revision(&self, publication: bool) -> Revision {
        let file = SourceFile { name: "programme.yaml".to_owned(), text: self.yaml() };
        let programme = load(&[file]).unwrap_or_else(|problems| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            panic!("{}\n{}", self.yaml(), all.join("\n"))
        });
        Revision { programme: Arc::new(programme), from: self.from, publication, author: None, role: None }
    }
}

/// What is in force under these revisions and rates.
pub(crate) fn rules(drafts: &[Draft], rates: &Rates) -> Rules {
    let revisions = drafts.iter().enumerate().map(|(at, draft)| draft.revision(at > 0)).collect();
    Rules::new(revisions, rates.clone())
}
