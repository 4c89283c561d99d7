//! What was found: the headline, tiers, days, points and stories.

use super::super::figures::{capital, compact, count, counted, dated, decimal, decimals_of, exact, span, spans_years};
use super::super::{Report, stories};
use super::{INDENT, Screen, Style, bar, columns};

/// Tiers on the screen.
const TIERS_MAX: usize = 6;
/// Steps of a player on the screen.
const STEPS_MAX: usize = 5;

pub(super) fn headline(report: &Report, screen: &mut Screen) {
    let when = report.period().map(|(first, last)| format!(" \u{b7} {}", span(first, last))).unwrap_or_default();
    let who = counted(report.players, "player", "players");
    screen.row([
        (Style::Strong, "TIDEMARK".to_owned()),
        (Style::Plain, format!("    {who} \u{b7} {}{when}", counted(report.summary.events_in, "record", "records"))),
    ]);
    if let Some(rate) = report.rate() {
        screen.row([(Style::Good, format!("{:INDENT$}{rate}", ""))]);
    }
}

pub(super) fn tiers(report: &Report, screen: &mut Screen) {
    let cells = screen.width.saturating_sub(INDENT + 48).min(30);
    let titles = format!("{:cells$}{:>9}{:>9}{:>7}{:>7}{:>9}{:>7}", "", "now", "reached", "up", "down", "regained", "lost");
    screen.heading("Tiers", &titles);
    let most = report.ladder.rungs.iter().map(|rung| rung.now).max().unwrap_or(0);
    for rung in report.ladder.rungs.iter().rev().take(TIERS_MAX) {
        let numbers = format!(
            "{:>9}{:>9}{:>7}{:>7}{:>9}{:>7}",
            count(rung.now),
            count(rung.reached),
            count(rung.up),
            count(rung.down),
            count(rung.regained),
            count(rung.lost)
        );
        let name: String = rung.name.chars().take(10).collect();
        screen.row([
            (Style::Plain, format!("{name:<INDENT$}")),
            (Style::Bar, bar(i128::from(rung.now), i128::from(most), cells)),
            (Style::Plain, numbers),
        ]);
    }
}

pub(super) fn days(report: &Report, screen: &mut Screen) {
    let total = report.calendar.total();
    let (width, bars) = report.calendar.bars();
    let room = screen.width - INDENT;
    let merged = bars.len().div_ceil(room).max(1);
    let every = if merged == 1 { format!("by {width}") } else { format!("by {merged} {width}s") };
    screen.heading(
        "Turnover",
        &format!("{} {} {every}, after {} taken back", exact(total.turnover()), report.currency, exact(total.reversed)),
    );
    // Few bars are drawn wider.
    let wide = room / bars.len().div_ceil(merged).max(1);
    let stretched = |row: String| -> String { row.chars().flat_map(|cell| std::iter::repeat_n(cell, wide.max(1))).collect() };
    let sums = |value: fn(&super::super::calendar::Sums) -> i128| -> Vec<i128> {
        bars.chunks(merged).map(|bars| bars.iter().map(|bar| value(&bar.sums)).sum()).collect()
    };
    let turnover = sums(|sums| sums.turnover());
    let most = turnover.iter().copied().max().unwrap_or(0);
    for (at, row) in columns(&turnover, 3).into_iter().enumerate() {
        let label = if at == 0 { compact(most - most % 1_000_000) } else { String::new() };
        screen.row([(Style::Soft, format!("{label:>10}  ")), (Style::Bar, stretched(row))]);
    }
    let points = sums(|sums| sums.accrued);
    for row in columns(&points, 1) {
        screen.row([(Style::Soft, format!("{:>10}  ", "points")), (Style::Good, stretched(row))]);
    }
    if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
        let years = spans_years(first.first, last.first);
        let (first, last) = (dated(first.first, years), dated(last.first, years));
        let gap = (turnover.len() * wide.max(1)).saturating_sub(first.chars().count() + last.chars().count()).max(1);
        screen.row([(Style::Soft, format!("{:INDENT$}{first}{:gap$}{last}", "", ""))]);
    }
}

pub(super) fn points(report: &Report, screen: &mut Screen) {
    let points = report.purse.held;
    screen.heading("Points", "what came, less what left, is what is there");
    let rows = [
        ("accrued", points.accrued),
        ("reversed", -points.reversed),
        ("redeemed", -points.redeemed),
        ("expired", -points.expired),
        ("adjusted", points.adjusted),
        ("balance", points.due()),
    ];
    let decimals = decimals_of(&rows.map(|(_, value)| value));
    let numbers = rows.map(|(_, value)| decimal(value, decimals));
    let wide = numbers.iter().map(|number| number.chars().count()).max().unwrap_or(0);
    let cells = screen.width.saturating_sub(INDENT + wide + 2).min(40);
    for ((name, value), number) in rows.iter().zip(numbers) {
        let style = if *name == "balance" { Style::Strong } else { Style::Plain };
        screen.row([(style, format!("{name:<INDENT$}{number:>wide$}  ")), (Style::Bar, bar(value.abs(), points.accrued, cells))]);
    }
    let sign = if points.held() == points.due() { (Style::Good, "= ") } else { (Style::Bad, "\u{2260} ") };
    let held = format!("{} available + {} blocked", decimal(points.available, decimals), decimal(points.blocked, decimals));
    screen.row([(Style::Plain, format!("{:INDENT$}", "")), (sign.0, sign.1.to_owned()), (Style::Plain, held)]);
}

pub(super) fn stories(report: &Report, screen: &mut Screen) {
    if report.stories.is_empty() {
        return;
    }
    screen.heading("Players", "the climb and fall of some of them");
    for story in &report.stories {
        let events = stories::tell(report, story, stories::Tone::Brief);
        let mut told: Vec<String> = events.into_iter().map(|event| event.text).collect();
        // The beginning and the end matter most.
        if told.len() > STEPS_MAX + 1 {
            let more = told.len() - STEPS_MAX;
            told.splice(3..3 + more, [format!("\u{2026} {more} more \u{2026}")]);
        }
        screen.row([
            (Style::Strong, format!("{:<INDENT$}", story.player)),
            (Style::Soft, format!("{}, brand {}", story.kind.title().to_lowercase(), story.brand)),
        ]);
        screen.wrapped(&capital(&format!("{}.", told.join("; "))), INDENT, 4);
    }
}
