//! What was taken back, late, sent twice, or could not be read.

use super::super::Report;
use super::super::dead::Kind;
use super::super::figures::{capital, count, counted, date, decimal, decimals_of, exact, money, percent};
use super::super::lateness::{DELAYS, Late};
use super::markup::{Column, Drawn, drawing, esc, label, rect, table};
use super::scale::Scale;

pub(super) fn section(report: &Report) -> String {
    format!("<section><h2>Voids and late money</h2>\n{}{}\n{}</section>\n", reversals(report), lateness(report), records(report))
}

/// Where every record went.
fn records(report: &Report) -> String {
    let summary = &report.summary;
    let row = |name: &str, note: &str, number: u64| vec![format!("{name}<small>{note}</small>"), count(number)];
    let unmatched = counted(summary.unmatched_reversals, "reversal whose bet never came", "reversals whose bet never came");
    let rows = [
        row(
            "Applied",
            &format!("among them {} and {unmatched}", counted(summary.late, "late one", "late ones")),
            summary.applied,
        ),
        row("Sent twice", "the same again: without any effect", summary.duplicates),
        row("Dead letters", "kept with their reasons, see below", summary.dead_letters),
        row("Skipped", "of a kind that is not known", summary.skipped_unknown),
        row("Beyond the end", "later than the run was told to go", summary.beyond_until),
        vec!["<b>Read</b>".to_owned(), format!("<b>{}</b>", count(summary.events_in))],
    ];
    let columns = [Column::Words("Records"), Column::Number("Number")];
    format!("<h3>Where every record went</h3>\n{}", table("As the summary of the run counts them", &columns, &rows))
}

fn reversals(report: &Report) -> String {
    let taken = report.reversals.total;
    if taken.count == 0 {
        return "<p>No bet was taken back.</p>\n".to_owned();
    }
    let currency = esc(&report.currency);
    let lead = format!(
        "<p>{} took back <strong>{} {currency}</strong> ({} of all stakes) and {} points, at the rate, weight and multipliers of the bet and in the bet\u{2019}s own day.</p>\n",
        counted(taken.count, "reversal", "reversals"),
        exact(taken.base),
        percent(taken.base, report.calendar.total().staked),
        exact(taken.points)
    );
    let rows = report.reversals.by_frequency();
    let base = decimals_of(&rows.iter().map(|(_, own)| own.base).collect::<Vec<_>>());
    let points = decimals_of(&rows.iter().map(|(_, own)| own.points).collect::<Vec<_>>());
    let rows = rows.into_iter().map(|(reason, own)| {
        let reason = if reason.is_empty() { "no reason given".to_owned() } else { esc(&reason.replace('_', " ")) };
        vec![capital(&reason), count(own.count), decimal(own.base, base), decimal(own.points, points)]
    });
    let columns = [Column::Words("Reason"), Column::Number("Reversals"), Column::Number("Base amount"), Column::Number("Points")];
    lead + &table(&format!("Reversals by the reason that came with them, {currency}"), &columns, &rows.collect::<Vec<_>>())
}

fn lateness(report: &Report) -> String {
    let late = &report.lateness;
    let heading = "<h3>Late</h3>\n";
    if late.total.bets == 0 {
        return format!("{heading}<p>No bet came late.</p>");
    }
    let currency = esc(&report.currency);
    let most = late
        .heaviest()
        .map(|(day, most)| format!(" Most went to {}: {} {currency}.", report.day(day), money(most.base)))
        .unwrap_or_default();
    let lead = format!(
        "<p>{} late, {} of them bets. Their <strong>{} {currency}</strong> went to the day they were played on, not to the day they came.{most}</p>\n",
        counted(report.summary.late, "record came", "records came"),
        count(late.total.bets),
        exact(late.total.base)
    );
    let chart = drawing(
        "late",
        "Late money by the day it went to",
        "Bars of late base amounts by the UTC day they belong to. The table below holds every figure.",
        |size| draw(report, size),
        [960.0, 360.0],
    );
    let decimals = decimals_of(&late.days.values().map(|late| late.base).collect::<Vec<_>>());
    let cells = |Late { bets, base }: &Late| [count(*bets), decimal(*base, decimals)];
    let rows = |named: Vec<(String, Late)>| -> Vec<Vec<String>> {
        named.into_iter().map(|(name, own)| std::iter::once(name).chain(cells(&own)).collect()).collect()
    };
    let delays =
        DELAYS.iter().zip(late.delays).filter(|(_, late)| late.bets > 0).map(|((name, _), late)| (capital(name), late)).collect();
    let days = late.days.iter().map(|(day, late)| (date(*day), *late)).collect();
    let columns = |name| [Column::Words(name), Column::Number("Bets"), Column::Number("Base amount")];
    format!(
        "{heading}{lead}<figure>{chart}</figure>\n{}<details><summary>The figures by day</summary>\n{}</details>",
        table(&format!("How late bets were, {currency}"), &columns("Applied"), &rows(delays)),
        table(&format!("Late bets by the day they belong to, {currency}"), &columns("UTC day"), &rows(days))
    )
}

fn draw(report: &Report, size: f64) -> Drawn {
    let (top, ground) = (8.0, 78.0);
    let days = &report.lateness.days;
    let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else {
        return Drawn { height: ground, body: String::new() };
    };
    let most = days.values().map(|late| late.base).max().unwrap_or(0);
    let (x, y) = (Scale::new(i128::from(first.0), i128::from(last.0) + 1, 0.0, size), Scale::new(0, most, ground, top));
    let mut body = super::markup::line((0.0, ground), (size, ground), "axis");
    for (day, late) in days {
        let (left, right, height) = (x.at(i128::from(day.0)), x.at(i128::from(day.0) + 1), ground - y.at(late.base));
        let tip = format!("{}: {}, {} {}", date(*day), counted(late.bets, "bet", "bets"), money(late.base), report.currency);
        body.push_str(&rect(left, ground - height.max(1.0), ((right - left) * 0.74, height.max(1.0)), "late", &tip));
    }
    body.push_str(&label(0.0, ground + 18.0, "d", &report.day(*first)));
    body.push_str(&label(size, ground + 18.0, "e", &report.day(*last)));
    Drawn { height: ground + 24.0, body }
}

/// Dead letters, each kind with an example.
pub(super) fn dead(report: &Report) -> String {
    let dead = &report.dead;
    if dead.total == 0 {
        return "<section><h2>Dead letters</h2>\n<p>None: every record could be read and used.</p></section>\n".to_owned();
    }
    let lead = format!(
        "<p>{} kept with the reason and the whole record, to be repaired and sent again. A bad record never stops a run.</p>\n",
        counted(dead.total, "record that could not be used is", "records that could not be used are")
    );
    let kinds: String = dead.kinds.iter().map(kind).collect();
    format!("<section><h2>Dead letters</h2>\n{lead}<dl class=\"dead\">\n{kinds}</dl></section>\n")
}

fn kind(kind: &Kind) -> String {
    let field = kind.field.as_ref().map(|field| format!(" <span class=\"soft\">field {}</span>", esc(field))).unwrap_or_default();
    let example =
        kind.example.as_ref().map_or_else(|| "<em>no text</em>".to_owned(), |example| format!("<code>{}</code>", esc(example)));
    format!(
        "<div><dt><span class=\"n\">{}</span> {}{field}</dt><dd>{}.</dd><dd class=\"example\"><small>{}</small>{example}</dd></div>\n",
        count(kind.count),
        esc(&kind.kind.replace('_', " ")),
        capital(&esc(&kind.error)),
        esc(&kind.place)
    )
}
