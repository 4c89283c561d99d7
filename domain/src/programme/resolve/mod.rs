//! From what was written to what holds: the only place where a [`Programme`] is made.
//!
//! `files -> trees (yaml) -> one set of top-level keys (here) -> sections -> Programme`. Nothing
//! stops at the first problem: every part reads on, and a programme comes out only where nobody
//! found anything wrong. Reading order: this file, `section`, `several`, `scalar`, then the sections of the
//! rulebook in `earning` and `ladder`, then `change`.

mod change;
mod earning;
mod findings;
mod ladder;
pub mod nearest;
mod scalar;
mod section;
mod several;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use change::{changed, check_change};

use findings::{At, Findings};
use section::{Section, check_key};

use super::schema::table;
use super::source::SourceFile;
use super::yaml::{self, Entry, Kind, Node, Place};
use super::{Brand, Clock, Problem, Programme};
use crate::time::Instant;

/// Files of this folder add to `campaigns`.
const CAMPAIGNS_FOLDER: &str = "campaigns/";

/// Reads a programme from its files, or gives every problem it has, in order of file, line, column.
///
/// # Errors
/// Every [`Problem`] of the files.
pub fn load(files: &[SourceFile]) -> Result<Programme, Vec<Problem>> {
    let mut findings = Findings::default();
    let mut trees = Vec::new();
    let mut complete = true;
    for file in files {
        let (tree, problems) = yaml::read(file);
        complete &= tree.is_some() || problems.is_empty();
        problems.into_iter().for_each(|problem| findings.add(problem));
        trees.push((file.name.as_str(), tree));
    }
    let parts = Parts::merge(&mut findings, &trees, complete);
    let programme = programme(&mut findings, &parts);
    match programme {
        Some(mut programme) if findings.is_clean() => {
            programme.values = core::mem::take(&mut findings.values);
            Ok(programme)
        }
        Some(_) | None => Err(findings.into_problems()),
    }
}

/// The top-level keys of all files.
struct Parts<'a> {
    found: BTreeMap<&'a str, (&'a str, &'a [Entry])>,
    /// The file that is named where a key is missing everywhere.
    first_file: &'a str,
    /// Every file could be read.
    complete: bool,
}

impl<'a> Parts<'a> {
    fn merge(findings: &mut Findings, trees: &'a [(&'a str, Option<Node>)], complete: bool) -> Self {
        let first_file = trees.iter().map(|(name, _)| *name).find(|name| !name.starts_with(CAMPAIGNS_FOLDER));
        let mut parts = Self { found: BTreeMap::new(), first_file: first_file.unwrap_or("programme.yaml"), complete };
        for (file, tree) in trees {
            let Some(tree) = tree else { continue };
            if file.starts_with(CAMPAIGNS_FOLDER) {
                refuse_campaigns(findings, file, tree);
            } else {
                parts.add(findings, file, tree);
            }
        }
        parts
    }

    fn add(&mut self, findings: &mut Findings, file: &'a str, tree: &'a Node) {
        let entries = match &tree.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::List(_) => {
                findings.report(
                    At { file, place: tree.place, path: "" },
                    "this is not a programme",
                    "keys with values, such as `version: 1`",
                );
                self.complete = false;
                return;
            }
            Kind::Refused => {
                self.complete = false;
                return;
            }
        };
        for entry in entries {
            let at = At { file, place: entry.place, path: &entry.key };
            if let Some((other, _)) = self.found.get(entry.key.as_str()) {
                findings.report(at, format!("this key stands in {other} too"), "keep it in one file");
                continue;
            }
            check_key(findings, file, "", &table::ROOT, entry);
            if entry.key == "campaigns" {
                refuse_list(findings, file, &entry.value);
            }
            self.found.insert(&entry.key, (file, core::slice::from_ref(entry)));
        }
    }

    /// One top-level key as a section that holds only it.
    fn part(&self, name: &str) -> Section<'a> {
        let recorded = !matches!(name, "version" | "programme");
        match self.found.get(name) {
            Some((file, entries)) => Section::top(file, Place::START, entries, &table::ROOT, recorded),
            None => Section::top(self.first_file, Place::START, &[], &table::ROOT, recorded).silent_unless(self.complete),
        }
    }
}

/// A file of campaigns: a list, a section with the key `campaigns`, or one campaign.
fn refuse_campaigns(findings: &mut Findings, file: &str, tree: &Node) {
    match &tree.kind {
        Kind::Map(entries) if entries.iter().any(|entry| entry.key == "campaigns") => {
            for entry in entries {
                if entry.key == "campaigns" {
                    refuse_list(findings, file, &entry.value);
                } else {
                    let at = At { file, place: entry.place, path: &entry.key };
                    findings.report(at, "only `campaigns` may stand in this folder", "move it to a file beside the folder");
                }
            }
        }
        Kind::Map(_) => refuse_campaign(findings, At { file, place: tree.place, path: "campaigns" }),
        Kind::List(_) | Kind::Scalar { .. } => refuse_list(findings, file, tree),
        Kind::Refused => {}
    }
}

fn refuse_list(findings: &mut Findings, file: &str, list: &Node) {
    match &list.kind {
        Kind::List(items) => {
            for (number, item) in items.iter().enumerate() {
                refuse_campaign(findings, At { file, place: item.place, path: &format!("campaigns[{number}]") });
            }
        }
        Kind::Map(_) => refuse_campaign(findings, At { file, place: list.place, path: "campaigns" }),
        Kind::Scalar { .. } => {
            findings.report(
                At { file, place: list.place, path: "campaigns" },
                "this is not a list",
                "write `campaigns: []`, or leave it out",
            );
        }
        Kind::Refused => {}
    }
}

fn refuse_campaign(findings: &mut Findings, at: At<'_>) {
    findings.report(at, "`campaigns` is not enforced in this version", "leave campaigns out, or write `campaigns: []`");
}

fn programme(findings: &mut Findings, parts: &Parts<'_>) -> Option<Programme> {
    let version = parts.part("version").get::<u64>(findings, "version");
    let header = parts.part("programme").section(findings, "programme", &table::PROGRAMME);
    let id = header.get::<Box<str>>(findings, "id");
    let revision = header.get::<u64>(findings, "revision");
    let effective_from = header.get::<Instant>(findings, "effective_from");
    let brands = brands(findings, &parts.part("brands"));
    let clock = clock(findings, &parts.part("clock"));
    let points = earning::points(findings, &parts.part("points"));
    let games = earning::games(findings, &parts.part("games"));
    let promotions = earning::promotions(findings, &parts.part("promotions"));
    let tiers = ladder::tiers(findings, &parts.part("tiers"));
    let british = brands.as_ref().and_then(|(default, listed)| {
        let all = std::iter::once(("default", default)).chain(listed.iter().map(|(name, brand)| (&**name, brand)));
        all.filter(|(_, brand)| &*brand.jurisdiction == "GB").map(|(name, _)| name).next()
    });
    let redemption = earning::redemption(findings, &parts.part("redemption"), british);
    version?;
    let (default_brand, listed) = brands?;
    Some(Programme {
        id: id?,
        revision: revision?,
        effective_from: effective_from?,
        default_brand,
        brands: listed,
        clock: clock?,
        points: points?,
        games: games?,
        promotions: promotions?,
        tiers: tiers?,
        redemption: redemption?,
        values: BTreeMap::new(),
    })
}

type Brands = (Brand, BTreeMap<Box<str>, Brand>);

/// The settings of `default`, and the other listed brands.
fn brands(findings: &mut Findings, part: &Section<'_>) -> Option<Brands> {
    let mut listed = part.named(findings, "brands")?;
    let default_section = listed
        .iter()
        .position(|(name, _)| &**name == "default")
        .map_or_else(|| part.absent(&table::BRAND, "brands.default", false), |at| listed.swap_remove(at).1);
    let default = brand(findings, &default_section, None);
    let mut others = BTreeMap::new();
    let mut complete = true;
    for (name, section) in listed {
        match brand(findings, &section, default.as_ref()) {
            Some(settings) => {
                others.insert(name, settings);
            }
            None => complete = false,
        }
    }
    default.filter(|_| complete).map(|settings| (settings, others))
}

/// One brand; what it leaves out it has from the default.
fn brand(findings: &mut Findings, section: &Section<'_>, default: Option<&Brand>) -> Option<Brand> {
    let default_zone = default.map(|other| Box::from(other.zone.0.name()));
    let zone = section.get_or::<Box<str>>(findings, "time_zone", default_zone.as_ref());
    let base_currency = section.get_or(findings, "base_currency", default.map(|other| &other.base_currency));
    let jurisdiction = section.get_or(findings, "jurisdiction", default.map(|other| &other.jurisdiction));
    let scope = section.get::<scalar::BrandScope>(findings, "loyalty_scope");
    scope?;
    Some(Brand { zone: findings.zone(&zone?)?, base_currency: base_currency?, jurisdiction: jurisdiction? })
}

fn clock(findings: &mut Findings, part: &Section<'_>) -> Option<Clock> {
    let section = part.section(findings, "clock", &table::CLOCK);
    let ordering_delay = section.get::<scalar::Millis>(findings, "ordering_delay");
    let future_tolerance = section.get::<scalar::Millis>(findings, "future_tolerance");
    let history_days = section.get(findings, "history_days");
    let payment_history_days = section.get(findings, "payment_history_days");
    Some(Clock {
        ordering_delay_ms: ordering_delay?.0,
        future_tolerance_ms: future_tolerance?.0,
        history_days: history_days?,
        payment_history_days: payment_history_days?,
    })
}
