//! Turnover and points by day.

use super::super::Report;
use super::super::calendar::{Bar, Sums};
use super::super::figures::{capital, compact, count, dated, decimal, decimals_of, money, spans_years};
use super::markup::{Column, Drawn, drawing, esc, label, line, rect, table};
use super::scale::{Scale, ticks};

const LEFT: f64 = 48.0;
const TURNOVER_HEIGHT: f64 = 190.0;
const POINTS_HEIGHT: f64 = 120.0;
const GAP: f64 = 40.0;
const TOP: f64 = 26.0;

pub(super) fn section(report: &Report) -> String {
    let (width, bars) = report.calendar.bars();
    let total = report.calendar.total();
    let currency = esc(&report.currency);
    let best = bars.iter().max_by_key(|bar| bar.sums.turnover());
    let best = best
        .map(|bar| format!(" The strongest {width} was {} with {} {currency}.", bar.label, money(bar.sums.turnover())))
        .unwrap_or_default();
    let decimals = decimals_of(&[total.staked, total.reversed]);
    let lead = format!(
        "<p>{} {currency} were staked and {} taken back, which leaves a turnover of <strong>{} {currency}</strong>.{best} Each stands on the UTC day on which it was applied: a late bet, or one taken back, on the day that this came.</p>\n",
        decimal(total.staked, decimals),
        decimal(total.reversed, decimals),
        decimal(total.turnover(), decimals)
    );
    let title = format!("Turnover and points by {width}");
    let description = format!(
        "Bars of turnover in {}, and below of points accrued and points that left. The table below holds every figure.",
        report.currency
    );
    let chart = drawing("days", &title, &description, |size| draw(&bars, &report.currency, width, size), [960.0, 360.0]);
    let rows = rows(&bars);
    let columns = [
        Column::Words("UTC day"),
        Column::Number("Staked"),
        Column::Number("Taken back"),
        Column::Number("Turnover"),
        Column::Number("Points accrued"),
        Column::Number("Points gone"),
        Column::Number("Postings"),
    ];
    let figures = table(&format!("{title}, {currency}"), &columns, &rows);
    format!(
        "<section><h2>Turnover and points by {width}</h2>\n{lead}<figure>{chart}</figure>\n<details><summary>The figures by {width}</summary>\n{figures}</details></section>\n"
    )
}

/// With so many decimals that every row is seen to add up.
fn rows(bars: &[Bar]) -> Vec<Vec<String>> {
    let amounts: Vec<i128> = bars.iter().flat_map(|bar| [bar.sums.staked, bar.sums.reversed]).collect();
    let points: Vec<i128> = bars.iter().flat_map(|bar| [bar.sums.accrued, bar.sums.gone]).collect();
    let (amounts, points) = (decimals_of(&amounts), decimals_of(&points));
    let row = |bar: &Bar| {
        let Sums { postings, staked, reversed, accrued, gone } = bar.sums;
        let [staked, reversed, turnover] = [staked, reversed, staked - reversed].map(|amount| decimal(amount, amounts));
        let [accrued, gone] = [accrued, gone].map(|number| decimal(number, points));
        vec![capital(&bar.label), staked, reversed, turnover, accrued, gone, count(postings)]
    };
    bars.iter().map(row).collect()
}

/// Where a bar stands: the height of its turnover, and of its points above and below.
struct Scales {
    turnover: Scale,
    points: Scale,
    slot: f64,
}

const GROUND: f64 = TOP + TURNOVER_HEIGHT;
const POINTS_TOP: f64 = GROUND + GAP;
const POINTS_GROUND: f64 = POINTS_TOP + POINTS_HEIGHT;

fn draw(bars: &[Bar], currency: &str, width: &str, size: f64) -> Drawn {
    let title = format!("Turnover by {width}, {}", esc(currency));
    let mut body = label(0.0, 12.0, "t", &title);
    let below = "Points accrued (above) and gone (below)";
    body.push_str(&label(0.0, POINTS_TOP - 12.0, "t", below));
    let greatest = |value: fn(&Sums) -> i128| bars.iter().map(|bar| value(&bar.sums)).max();
    let most = greatest(Sums::turnover).unwrap_or(0);
    let up = greatest(|sums| sums.accrued).unwrap_or(0).max(0);
    let down = greatest(|sums| sums.gone).unwrap_or(0).max(0);

    let marks = ticks(most, 3);
    let scales = Scales {
        turnover: Scale::new(0, marks.last().copied().unwrap_or(1), GROUND, TOP),
        points: Scale::new(-down, up, POINTS_GROUND, POINTS_TOP),
        slot: (size - LEFT) / bars.len().max(1) as f64,
    };
    body.push_str(&grid(&marks, &scales.turnover, size));
    let zero = scales.points.at(0);
    let apart = |mark: &i128| (zero - scales.points.at(*mark)).abs() > 16.0;
    let more = ticks(up, 2).into_iter().filter(|mark| *mark <= up);
    let less = ticks(down, 2).into_iter().filter(|mark| *mark <= down);
    let less = less.map(|mark| -mark).filter(apart);
    let both: Vec<i128> = more.chain(less).collect();
    body.push_str(&grid(&both, &scales.points, size));

    for (at, bar) in bars.iter().enumerate() {
        body.push_str(&scales.bar(at, bar, currency));
    }
    body.push_str(&dates(bars, scales.slot, POINTS_GROUND + 18.0, size));
    Drawn { height: POINTS_GROUND + 24.0, body }
}

impl Scales {
    fn bar(&self, at: usize, bar: &Bar, currency: &str) -> String {
        let sums = &bar.sums;
        let thick = (self.slot * 0.74).max(0.8);
        let slot = LEFT + self.slot * at as f64;
        let left = slot + (self.slot - thick) / 2.0;
        let top = self.turnover.at(sums.turnover().max(0));
        let (high, zero) = (self.points.at(sums.accrued.max(0)), self.points.at(0));
        let low = self.points.at(-sums.gone);
        let hit = (self.slot, POINTS_GROUND - TOP);
        rect(left, top, (thick, GROUND - top), "turnover", "")
            + &rect(left, high, (thick, zero - high), "points", "")
            + &rect(left, zero, (thick, low - zero), "gone", "")
            + &rect(slot, TOP, hit, "hit", &tip(bar, currency))
    }
}

fn tip(bar: &Bar, currency: &str) -> String {
    let sums = &bar.sums;
    format!(
        "{}: turnover {} {currency}, {} points accrued, {} gone",
        bar.label,
        money(sums.turnover()),
        money(sums.accrued),
        money(sums.gone)
    )
}

/// Lines and labels at round values.
fn grid(marks: &[i128], scale: &Scale, size: f64) -> String {
    let mark = |value: &i128| {
        let y = scale.at(*value);
        let class = if *value == 0 { "axis" } else { "grid" };
        line((LEFT, y), (size, y), class) + &label(LEFT - 8.0, y + 4.0, "e", &compact(*value))
    };
    marks.iter().map(mark).collect()
}

/// A date every so often below the bars.
fn dates(bars: &[Bar], slot: f64, y: f64, size: f64) -> String {
    let most = ((size - LEFT) / 84.0).max(2.0) as usize;
    let every = bars.len().div_ceil(most).max(1);
    let shown = bars.iter().enumerate().step_by(every);
    let years = bars.first().zip(bars.last()).is_some_and(|(first, last)| spans_years(first.first, last.first));
    let wide = if years { 72.0 } else { 40.0 };
    // A date that would run over the edge is left out.
    shown
        .filter(|(at, _)| LEFT + slot * *at as f64 + wide < size)
        .map(|(at, bar)| label(LEFT + slot * at as f64, y, "d", &dated(bar.first, years)))
        .collect()
}
