//! The tiers as a table with bars.

use super::super::Report;
use super::super::figures::{count, counted, percent, spoken};
use super::markup::{Column, bar, esc, table};

pub(super) fn section(report: &Report) -> String {
    let ladder = &report.ladder;
    let most = ladder.rungs.iter().map(|rung| rung.reached).max().unwrap_or(0);
    let rows: Vec<Vec<String>> = ladder
        .rungs
        .iter()
        .enumerate()
        .rev()
        .map(|(rank, rung)| {
            let class = format!("t{}", rank % 6);
            let bars = format!(
                "<span class=\"pair\" title=\"{} now, {} ever\">{}{}</span>",
                count(rung.now),
                count(rung.reached),
                bar(&class, i128::from(rung.now), i128::from(most)),
                bar(&format!("{class} pale"), i128::from(rung.reached), i128::from(most))
            );
            let entry = if rung.entry > 0 {
                format!("from {}, kept by {} in 30 days", spoken(rung.entry), spoken(rung.maintain))
            } else {
                "where everybody begins".to_owned()
            };
            let share =
                format!("{}<small>{}</small>", count(rung.now), percent(i128::from(rung.now), i128::from(report.players)));
            vec![
                format!("<span class=\"dot {class}\"></span>{}<small>{entry}</small>{bars}", esc(&rung.name)),
                share,
                count(rung.reached),
                count(rung.up),
                count(rung.down),
                count(rung.regained),
                count(rung.lost),
            ]
        })
        .collect();
    let columns = [
        Column::Words("Tier"),
        Column::Number("Now"),
        Column::Number("Ever"),
        Column::Number("Up"),
        Column::Number("Down"),
        Column::Number("Regained"),
        Column::Number("Lost"),
    ];
    let caption = "Solid: members now. Pale: who ever held it or a higher one. \
                   Up, Down: steps into it and from it. Regained: steps up that were a return. \
                   Lost: players it was taken from by a quiet month who have not won it back.";
    format!("<section><h2>Tiers</h2>\n<p>{}</p>\n{}</section>\n", lead(report), table(caption, &columns, &rows))
}

fn lead(report: &Report) -> String {
    let (up, down) = report.ladder.steps();
    if up + down == 0 {
        return "Nobody has changed tier yet.".to_owned();
    }
    let reasons = report.ladder.by_frequency().into_iter().map(|(reason, number)| format!("{} {reason}", count(number)));
    let reasons: Vec<String> = reasons.collect();
    format!("{} up and {} down: {}.", counted(up, "step", "steps"), count(down), reasons.join(", "))
}
