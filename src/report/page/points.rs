//! Where every point went.

use super::super::Report;
use super::super::figures::{decimal, decimals_of};
use super::markup::{Column, bar, table};

pub(super) fn section(report: &Report) -> String {
    let held = report.purse.held;
    let decimals =
        decimals_of(&[held.accrued, held.reversed, held.redeemed, held.expired, held.adjusted, held.available, held.blocked]);
    let row = |name: &str, note: &str, value: i128, class: &str| {
        let label = format!("{name}<small>{note}</small>{}", bar(class, value.abs(), held.accrued));
        vec![label, decimal(value, decimals)]
    };
    let rows = [
        row("Accrued", "for bets", held.accrued, "points"),
        row("Reversed", "with bets that were taken back", -held.reversed, "gone"),
        row("Redeemed", "turned into free play", -held.redeemed, "gone"),
        row("Expired", "after twelve quiet months", -held.expired, "gone"),
        row("Adjusted", "by hand, with a name to it", held.adjusted, if held.adjusted < 0 { "gone" } else { "points" }),
    ];
    let left = vec!["<b>Left</b>".to_owned(), format!("<b>{}</b>", decimal(held.due(), decimals))];
    let rows: Vec<Vec<String>> = rows.into_iter().chain([left]).collect();
    let columns = [Column::Words("Points"), Column::Number("Sum of all players")];
    let sign = if held.held() == held.due() { "=" } else { "\u{2260}" };
    let due = decimal(held.due(), decimals);
    let verdict = if held.held() == held.due() && report.purse.unbalanced == 0 {
        "The two sides are equal to the last decimal, for each player and for all of them.".to_owned()
    } else {
        format!("<strong class=\"bad\">The two sides differ by {}.</strong>", decimal(held.held() - held.due(), 6))
    };
    format!(
        "<section><h2>Points accounted for</h2>\n<p>What was accrued, less what left, is what the players hold. {verdict}</p>\n{}\
         <p class=\"identity\"><span>{due} left</span> {sign} <span>{} available</span> + <span>{} blocked</span></p></section>\n",
        table("What came and what went", &columns, &rows),
        decimal(held.available, decimals),
        decimal(held.blocked, decimals)
    )
}
