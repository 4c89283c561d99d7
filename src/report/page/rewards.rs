//! Level-ups, other triggers, grants and decisions.

use super::super::Report;
use super::super::figures::{capital, count, exact};
use super::markup::{Column, esc, table};

pub(super) fn section(report: &Report) -> String {
    format!(
        "<section><h2>Level-ups, grants and decisions</h2>\n\
         <div class=\"columns\">\n{}{}</div>\n{}</section>\n",
        triggers(report),
        grants(report),
        decisions(report)
    )
}

fn triggers(report: &Report) -> String {
    let rewards = &report.rewards;
    let level_ups = report.ladder.rungs.iter().rev().filter_map(|rung| {
        let number = rewards.level_ups.get(&rung.name)?;
        Some(vec![format!("Level-up to {}", esc(&rung.name)), count(*number)])
    });
    let others = rewards.triggers.iter();
    let others = others.filter(|(trigger, _)| *trigger != "level_up");
    let others = others.map(|(trigger, number)| vec![words(trigger), count(*number)]);
    shown(
        "Told to the CRM, a level-up once per player and tier",
        &[Column::Words("Trigger"), Column::Number("Times")],
        &level_ups.chain(others).collect::<Vec<_>>(),
    )
}

fn grants(report: &Report) -> String {
    let rows = report.rewards.grants.iter();
    let rows = rows.map(|((kind, currency), (number, amount))| {
        let amount = format!("{} {}", exact(*amount), esc(currency));
        vec![words(kind), count(*number), amount]
    });
    shown(
        "What was granted",
        &[Column::Words("Kind"), Column::Number("Grants"), Column::Number("Amount")],
        &rows.collect::<Vec<_>>(),
    )
}

fn decisions(report: &Report) -> String {
    let rows = report.rewards.decisions.iter();
    let rows = rows.map(|((decision, action, reason), number)| {
        let reason = esc(&reason.replace('_', " "));
        vec![words(decision), esc(action), reason, count(*number)]
    });
    shown(
        "Decisions on commands and reversals, each in the audit chain of its player",
        &[Column::Words("Decision"), Column::Words("On"), Column::Words("Reason"), Column::Number("Times")],
        &rows.collect::<Vec<_>>(),
    )
}

fn shown(caption: &str, columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    if rows.is_empty() { format!("<p>{caption}: none.</p>\n") } else { table(caption, columns, rows) }
}

/// A name of ours in words.
fn words(name: &str) -> String {
    capital(&esc(&name.replace('_', " ")))
}
