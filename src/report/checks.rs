//! What must agree. A check compares two accounts of the same thing and says what it found.

use super::Report;
use super::figures::{count, counted, decimal, exact};

/// One comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) holds: bool,
    pub(super) detail: String,
}

/// Compares everything; `lines` are the records found by topic.
pub(super) fn all(report: &Report, lines: &[(&'static str, u64)]) -> Vec<Check> {
    vec![records(report), facts(report, lines), points(report), ledger(report), turnover(report), level_ups(report), dead(report)]
}

fn check(name: &'static str, difference: Option<String>, agreed: String) -> Check {
    Check { name, holds: difference.is_none(), detail: difference.unwrap_or(agreed) }
}

fn records(report: &Report) -> Check {
    let summary = &report.summary;
    let sum = u128::from(summary.applied)
        + u128::from(summary.duplicates)
        + u128::from(summary.dead_letters)
        + u128::from(summary.skipped_unknown)
        + u128::from(summary.beyond_until);
    let wrong =
        (sum != u128::from(summary.events_in)).then(|| format!("{} in, but {sum} accounted for", count(summary.events_in)));
    check(
        "Every record is accounted for",
        wrong,
        format!("{} in: applied, duplicate, dead letter, skipped or beyond the end", count(summary.events_in)),
    )
}

fn facts(report: &Report, lines: &[(&'static str, u64)]) -> Check {
    let announced = |topic: &str| report.summary.facts.get(topic).copied().unwrap_or(0);
    let wrong = lines.iter().find(|(topic, found)| announced(topic) != *found);
    let wrong = wrong.map(|(topic, found)| {
        format!("{topic} has {}, the summary says {}", counted(*found, "record", "records"), count(announced(topic)))
    });
    let total = lines.iter().map(|(_, found)| found).sum();
    check("Every fact is in its file", wrong, format!("{} read, as many as the summary says", counted(total, "fact", "facts")))
}

fn points(report: &Report) -> Check {
    let (purse, held) = (&report.purse, report.purse.held);
    let wrong = (purse.unbalanced > 0 || held.held() != held.due()).then(|| {
        format!(
            "{} out of balance; all together differ by {}",
            counted(purse.unbalanced, "player", "players"),
            decimal(held.held() - held.due(), 6)
        )
    });
    check(
        "Points balance for every player (P-1)",
        wrong,
        format!("{} and their sum", counted(report.players, "player", "players")),
    )
}

fn ledger(report: &Report) -> Check {
    let (held, posted) = (report.purse.held, report.purse.posted);
    let wrong = (held != posted).then(|| {
        format!("the ledger leaves {} points, the profiles hold {}", decimal(posted.held(), 6), decimal(held.held(), 6))
    });
    let agreed = format!("both leave {} points", exact(held.held()));
    check("The ledger and the profiles agree", wrong, agreed)
}

fn turnover(report: &Report) -> Check {
    let (posted, held) = (report.calendar.total().turnover(), report.purse.cumulative);
    let wrong = (posted != held)
        .then(|| format!("stakes less reversals are {}, the players' turnover is {}", decimal(posted, 6), decimal(held, 6)));
    check("Turnover is stakes less reversals (T-1)", wrong, format!("{} {} both ways", exact(held), report.currency))
}

fn level_ups(report: &Report) -> Check {
    let twice = report.rewards.rewarded_twice;
    let wrong = (twice > 0).then(|| format!("{} for a tier rewarded before", counted(twice, "level-up", "level-ups")));
    let total = report.rewards.level_ups.values().sum();
    check(
        "No tier is rewarded twice (T-3)",
        wrong,
        format!("{}, each the first of its player and tier", counted(total, "level-up", "level-ups")),
    )
}

fn dead(report: &Report) -> Check {
    let summary = &report.summary;
    let (found, unmatched) = (report.dead.total, report.dead.unmatched());
    let fits = found == summary.dead_letters + summary.unmatched_reversals && unmatched >= summary.unmatched_reversals;
    let wrong = (!fits).then(|| {
        format!("{} kept, the summary says {}", count(found), count(summary.dead_letters + summary.unmatched_reversals))
    });
    check("Every dead letter is kept", wrong, format!("{} with its reason and its record", counted(found, "record", "records")))
}
