//! Points: how they are earned, weighted, multiplied, and turned into free play.

use std::collections::BTreeMap;

use super::findings::Findings;
use super::scalar::{Activity, Millis};
use super::section::Section;
use crate::programme::schema::table;
use crate::programme::{Factor, Game, Games, Points, Promotion, Promotions, Qualifying, Redemption};
use crate::time::Instant;

pub(super) fn points(findings: &mut Findings, part: &Section<'_>) -> Option<Points> {
    let section = part.section(findings, "points", &table::POINTS);
    let per_unit = section.get(findings, "per_unit");
    let stake_basis = section.get(findings, "stake_basis");
    let months = section.get::<u32>(findings, "expire_after_months");
    let qualifying = section.list::<Activity>(findings, "qualifying");
    let reminders = section.list::<i32>(findings, "remind_before_days");
    // A month has 31 days at most.
    if let (Some(limit), Some(days)) = (months, reminders.as_ref().and_then(|days| days.iter().max()))
        && i64::from(*days) > i64::from(limit) * 31
    {
        let help = format!("at most {} days, or a later expiry", i64::from(limit) * 31);
        section.report(
            findings,
            "remind_before_days",
            format!("a reminder {days} days before the expiry would never be due"),
            help,
        );
    }
    Some(Points {
        per_unit: per_unit?,
        stake_basis: stake_basis?,
        expire_after_months: months?,
        qualifying: activities(&qualifying?),
        remind_before_days: reminders?,
    })
}

fn activities(list: &[Activity]) -> Qualifying {
    Qualifying {
        bet: list.contains(&Activity::Bet),
        deposit: list.contains(&Activity::Deposit),
        login: list.contains(&Activity::Login),
        adjustment: list.contains(&Activity::Adjustment),
    }
}

pub(super) fn games(findings: &mut Findings, part: &Section<'_>) -> Option<Games> {
    let section = part.section(findings, "games", &table::GAMES);
    let weights = section.by_name::<Factor>(findings, "weights");
    let unknown_weight = section.get(findings, "unknown_weight");
    let mut catalogue = Some(BTreeMap::new());
    for (id, entry) in section.named(findings, "catalogue")? {
        let game_type = entry.get::<Box<str>>(findings, "type");
        let provider = entry.get::<Box<str>>(findings, "provider");
        match (game_type, provider, &mut catalogue) {
            (Some(game_type), Some(provider), Some(games)) => {
                games.insert(id, Game { game_type, provider });
            }
            (_, _, all) => *all = None,
        }
    }
    Some(Games { weights: weights?, unknown_weight: unknown_weight?, catalogue: catalogue? })
}

/// What `jurisdictions` says where it is left out.
const GB_WAGER_MULTIPLIER_MAX: Factor = Factor(10 * Factor::ONE.0);

pub(super) fn promotions(findings: &mut Findings, part: &Section<'_>) -> Option<Promotions> {
    let section = part.section(findings, "promotions", &table::PROMOTIONS);
    let stacking = section.get(findings, "stacking");
    let cap = section.get(findings, "cap");
    let list = section.each(findings, "list", promotion);
    Some(Promotions { stacking: stacking?, cap: cap?, list: list? })
}

fn promotion(findings: &mut Findings, section: &Section<'_>) -> Option<Promotion> {
    let id = section.get(findings, "id");
    let multiplier = section.get(findings, "multiplier");
    let from = section.get::<Instant>(findings, "from");
    let to = section.get::<Instant>(findings, "to");
    let brands = section.list(findings, "brands");
    let game_types = section.list(findings, "game_types");
    if let (Some(begin), Some(end)) = (from, to)
        && begin >= end
    {
        section.report(findings, "to", "the promotion ends before it begins", format!("an instant after {begin}"));
    }
    Some(Promotion { id: id?, multiplier: multiplier?, from: from?, to: to?, brands: brands?, game_types: game_types? })
}

/// Where a brand is licensed in GB, what is won for points may ask for 10 times its amount at most (the default of
/// `jurisdictions`, CONTRACTS.md section 1, and BONUSES.md B35).
pub(super) fn redemption(findings: &mut Findings, part: &Section<'_>, british: Option<&str>) -> Option<Redemption> {
    let section = part.section(findings, "redemption", &table::REDEMPTION);
    let step = section.get(findings, "step");
    let value = section.get(findings, "value");
    let currency = section.get(findings, "currency");
    let confirm_within = section.get::<Millis>(findings, "confirm_within");
    let wager_multiplier = section.get(findings, "wager_multiplier");
    if let (Some(brand), Some(multiplier)) = (british, wager_multiplier)
        && multiplier > GB_WAGER_MULTIPLIER_MAX
    {
        let what = format!("brand `{brand}` has the jurisdiction GB, which allows less");
        section.report(findings, "wager_multiplier", what, "10 at most");
    }
    Some(Redemption {
        step: step?,
        value: value?,
        currency: currency?,
        confirm_within_ms: confirm_within?.0,
        wager_multiplier: wager_multiplier?,
    })
}
