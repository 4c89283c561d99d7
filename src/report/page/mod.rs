//! The report as one HTML page: no address outside itself, no script, readable by day and by night,
//! on a phone and on paper.
//!
//! Every drawing has a title, a description and a table with its figures. What others wrote is
//! escaped where it is put in (`markup`).

mod corrections;
mod days;
mod ladder;
mod markup;
mod picture;
mod points;
mod rewards;
mod scale;
mod story;

use super::Report;
use super::figures::{compact, count, counted, money, span};
use markup::esc;

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut body = header(report);
    if report.players > 0 {
        body.push_str(&ladder::section(report));
        body.push_str(&days::section(report));
        body.push_str(&points::section(report));
        body.push_str(&story::section(report));
        body.push_str(&corrections::section(report));
    }
    body.push_str(&corrections::dead(report));
    if report.players > 0 {
        body.push_str(&rewards::section(report));
    }
    body.push_str(&checks(report));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\"/>\n\
         <title>Tidemark: {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n{}</body>\n</html>\n",
        headline(report),
        footer(report)
    )
}

fn headline(report: &Report) -> &'static str {
    match (report.is_sound(), report.players) {
        (false, _) => "the books do not agree",
        (true, 0) => "nothing to report yet",
        (true, _) => "every bet accounted for",
    }
}

fn header(report: &Report) -> String {
    let when = report.period().map(|(first, last)| span(first, last)).unwrap_or_default();
    let title = super::figures::capital(headline(report));
    format!(
        "<header class=\"top\">\n<p class=\"kicker\"><b>Tidemark</b> <span>{when}</span></p>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n{}{}</header>\n",
        lead(report),
        figures(report),
        strip(report)
    )
}

fn lead(report: &Report) -> String {
    let total = report.calendar.total();
    if report.players == 0 {
        return format!("{} read, and none of them a player\u{2019}s.", counted(report.summary.events_in, "record", "records"));
    }
    let brands = "turned into tiers, points and rewards, in the order in which it happened.";
    format!(
        "The play of {}: {} {} of stakes, less {} taken back, {brands}",
        counted(report.players, "player", "players"),
        money(total.staked),
        esc(&report.currency),
        money(total.reversed)
    )
}

fn figures(report: &Report) -> String {
    let (up, down) = report.ladder.steps();
    let total = report.calendar.total();
    let mut figures = vec![("records read".to_owned(), count(report.summary.events_in))];
    if let Some(timing) = report.timing {
        let workers = counted(timing.workers as u64, "worker", "workers");
        figures.push((format!("records a second, in {:.2} s on {workers}", timing.seconds), count(timing.rate())));
    }
    figures.push(("players".to_owned(), count(report.players)));
    figures.push((format!("{} turnover", esc(&report.currency)), compact(total.turnover())));
    figures.push(("points accrued".to_owned(), compact(report.purse.held.accrued)));
    figures.push((format!("steps up, {} down", count(down)), count(up)));
    let items = figures.iter().map(|(name, value)| format!("<div><dd>{value}</dd><dt>{name}</dt></div>\n"));
    format!("<dl class=\"figures\">\n{}</dl>\n", items.collect::<String>())
}

fn strip(report: &Report) -> String {
    let verdict = if report.is_sound() {
        format!(
            "<span class=\"good\">\u{2713} All {} checks hold.</span> Points and turnover balance to the last decimal.",
            report.checks.len()
        )
    } else {
        let broken =
            report.checks.iter().filter(|check| !check.holds).map(|check| format!("{}: {}", check.name, esc(&check.detail)));
        format!("<span class=\"bad\">\u{2717} {}.</span>", broken.collect::<Vec<_>>().join("; "))
    };
    format!("<p class=\"strip\">{verdict} <a href=\"#checks\">What was compared</a></p>\n")
}

fn checks(report: &Report) -> String {
    let item = |check: &super::checks::Check| {
        let (class, sign, word) = if check.holds { ("good", "\u{2713}", "holds") } else { ("bad", "\u{2717}", "does not hold") };
        format!(
            "<li><span class=\"{class}\" title=\"{word}\">{sign}</span><span><b>{}</b><small>{}</small></span></li>\n",
            check.name,
            esc(&check.detail)
        )
    };
    let items: String = report.checks.iter().map(item).collect();
    format!(
        "<section id=\"checks\"><h2>What was compared</h2>\n<p>The report adds everything up again from the files and compares it with what the run says of itself.</p>\n<ul class=\"checks\">\n{items}</ul></section>\n"
    )
}

fn footer(report: &Report) -> String {
    let until = report.summary.logical_time.as_ref().map(|time| format!(" Up to {}.", esc(time))).unwrap_or_default();
    format!(
        "<footer><p>Digest of all facts <code>{}</code>: the same for any number of workers and any order that the clocks allow.{until}</p>\n\
         <p>Days are UTC days on which a record was applied. A fall at a local midnight is dated by the local day that begins. Amounts are in {}.</p></footer>\n",
        esc(&report.summary.facts_digest),
        esc(&report.currency)
    )
}
