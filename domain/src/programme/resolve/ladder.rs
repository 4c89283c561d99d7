//! The ladder of tiers.

use super::findings::Findings;
use super::section::Section;
use crate::money::Micros;
use crate::programme::schema::table;
use crate::programme::{Level, Tiers};

pub(super) fn tiers(findings: &mut Findings, part: &Section<'_>) -> Option<Tiers> {
    let section = part.section(findings, "tiers", &table::TIERS);
    let downgrade = section.get(findings, "downgrade");
    let min_tenure_days = section.get(findings, "min_tenure_days");
    let grace_days = section.get(findings, "grace_days");
    let warn_before_days = section.get(findings, "warn_before_days");
    let mut below = None;
    let levels = section.each(findings, "levels", |found, one| level(found, one, &mut below));
    Some(Tiers {
        downgrade: downgrade?,
        min_tenure_days: min_tenure_days?,
        grace_days: grace_days?,
        warn_before_days: warn_before_days?,
        levels: levels?,
    })
}

/// The level that has been read before: its name and entry, each where it could be read.
type Below = Option<(Option<Box<str>>, Option<Micros>)>;

fn level(findings: &mut Findings, section: &Section<'_>, below: &mut Below) -> Option<Level> {
    let name = section.get::<Box<str>>(findings, "name");
    let entry = section.get::<Micros>(findings, "entry");
    let maintain = section.get(findings, "maintain");
    let bonus_multiplier = section.get(findings, "bonus_multiplier");
    let points_multiplier = section.get(findings, "points_multiplier");
    let cashback = section.get(findings, "cashback");
    let entitlements = section.list(findings, "entitlements");
    match (&below, entry) {
        (None, Some(first)) if first != Micros::ZERO => {
            section.report(
                findings,
                "entry",
                "the lowest tier has an entry above 0",
                "0: every player is in the lowest tier at least",
            );
        }
        (Some((lower, Some(least))), Some(own)) if own <= *least => {
            let lower = lower.as_deref().unwrap_or("the tier before");
            section.report(
                findings,
                "entry",
                format!("this entry is not above that of {lower}"),
                format!("it has to be more than {least}: tiers stand lowest first"),
            );
        }
        _ => {}
    }
    *below = Some((name.clone(), entry));
    Some(Level {
        name: name?,
        entry: entry?,
        maintain: maintain?,
        bonus_multiplier: bonus_multiplier?,
        points_multiplier: points_multiplier?,
        cashback: cashback?,
        entitlements: entitlements?,
    })
}
