//! The climb and fall of a few players: a drawing each, and its steps in plain words beside it.

use tidemark_domain::time::Day;

use super::super::Report;
use super::super::figures::{capital, date, money};
use super::super::stories::{Story, Tone, tell};
use super::super::values::day_of;
use super::markup::{drawing, esc};
use super::picture::{Picture, direction};

pub(super) fn section(report: &Report) -> String {
    let Some((first, last)) = report.period() else {
        return String::new();
    };
    if report.stories.is_empty() {
        return String::new();
    }
    let stories = report.stories.iter().enumerate().map(|(at, story)| article(report, story, at, first, last));
    format!(
        "<section><h2>The climb and fall of {} players</h2>\n\
         <p>A tier is won by turnover since ever and kept by the turnover of the last 30 days. \
         A reversal takes both back at once.</p>\n{}</section>\n",
        match report.stories.len() {
            1 => "one of the",
            2 => "two",
            _ => "three",
        },
        stories.collect::<String>()
    )
}

fn article(report: &Report, story: &Story, at: usize, first: Day, last: Day) -> String {
    let events = tell(report, story, Tone::Full);
    let items = events.iter().enumerate().map(|(number, event)| {
        format!(
            "<li><span class=\"mark t{} {}\">{}</span><span>{}.</span></li>\n",
            event.to % 6,
            direction(event),
            number + 1,
            esc(&capital(&event.text))
        )
    });
    let picture = Picture { report, story, events: &events, first, last };
    let title = format!("Player {}: {}", story.player, story.kind.title());
    let told: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
    let chart = drawing(
        &format!("story{at}"),
        &title,
        &capital(&format!("{}.", told.join("; "))),
        |size| picture.draw(size),
        [640.0, 360.0],
    );
    format!(
        "<article><header><h3>{}</h3>\
         <p class=\"soft\">Player <b>{}</b>, brand {}{}</p></header>\n\
         <figure>{chart}</figure>\n<ol class=\"steps\">\n{}</ol></article>\n",
        story.kind.title(),
        esc(&story.player),
        esc(&story.brand),
        end(report, story),
        items.collect::<String>()
    )
}

/// What there is at the end.
fn end(report: &Report, story: &Story) -> String {
    let climb = story.climb.last();
    let cumulative = climb.map_or(0, |(_, cumulative)| *cumulative);
    let bet = story.last_bet_at.map(|at| date(day_of(at)));
    let bet = bet.map(|day| format!("; last bet on {day}"));
    format!("; {} {} of turnover{}", money(cumulative), esc(&report.currency), bet.unwrap_or_default())
}
