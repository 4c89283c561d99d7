//! A player's story as a drawing: turnover since ever with the entries of the tiers, turnover of the
//! last 30 days against what the tier asks, and the tier itself, under numbered steps.

use tidemark_domain::time::{DAY_MS, Day, Instant};

use super::super::figures::{capital, compact, date, dated, spans_years};
use super::super::stories::{Event, Story};
use super::super::values::day_of;
use super::super::{Report, ladder};
use super::markup::{Drawn, esc, label, line, path, rect};
use super::scale::{Scale, ticks};

const LEFT: f64 = 44.0;
const CLIMB: (f64, f64) = (88.0, 236.0);
const ROLLING: (f64, f64) = (274.0, 352.0);
const TIER: (f64, f64) = (368.0, 390.0);
const HEIGHT: f64 = 414.0;
/// Marks closer than this stand one above the other.
const MARK_GAP: f64 = 22.0;

/// Which way a step goes, as a class.
pub(super) const fn direction(event: &Event) -> &'static str {
    if event.up { "up" } else { "down" }
}

/// What is drawn.
pub(super) struct Picture<'a> {
    pub(super) report: &'a Report,
    pub(super) story: &'a Story,
    pub(super) events: &'a [Event],
    pub(super) first: Day,
    pub(super) last: Day,
}

impl Picture<'_> {
    fn rungs(&self) -> &[ladder::Rung] {
        &self.report.ladder.rungs
    }

    fn time(&self, size: f64) -> Scale {
        Scale::new(
            i128::from(self.first.0) * i128::from(DAY_MS),
            (i128::from(self.last.0) + 1) * i128::from(DAY_MS),
            LEFT,
            size - 1.0,
        )
    }

    /// Draws it so wide.
    pub(super) fn draw(&self, size: f64) -> Drawn {
        let x = self.time(size);
        let (mut body, mut titles) = (String::new(), String::new());
        for (title, y) in [("Turnover since ever", 12.0), ("Last 30 days (dashed: what the tier asks)", ROLLING.0 - 12.0)] {
            titles.push_str(&label(0.0, y, "t", title));
        }
        body.push_str(&self.climb(&x, size));
        body.push_str(&self.rolling(&x, size));
        body.push_str(&self.tiers(&x));
        body.push_str(&self.marks(&x, size));
        body.push_str(&titles);
        let days = self.last.since(self.first).max(1);
        let most = if size < 500.0 { 3 } else { 6 };
        let years = spans_years(self.first, self.last);
        for part in 0..most {
            let day = self.first.plus(days * part / most);
            body.push_str(&label(x.at(i128::from(day.0) * i128::from(DAY_MS)), HEIGHT - 4.0, "d", &dated(day, years)));
        }
        Drawn { height: HEIGHT, body }
    }

    /// Turnover since ever, with the entries of the tiers.
    fn climb(&self, x: &Scale, size: f64) -> String {
        let most = self.story.climb.iter().map(|(_, cumulative)| *cumulative).max().unwrap_or(0);
        let marks = ticks(most, 3);
        let top = marks.last().copied().unwrap_or(1);
        let y = Scale::new(0, top, CLIMB.1, CLIMB.0);
        let mut body = grid(&marks, &y, size);
        let mut points = vec![(x.at(i128::from(self.first.0) * i128::from(DAY_MS)), y.at(0))];
        for (at, cumulative) in &self.story.climb {
            let (left, height) = (x.at(i128::from(at.0)), y.at(*cumulative));
            // What cannot be told apart is drawn once.
            if let Some(last) = points.last_mut().filter(|last| left - last.0 < 0.6) {
                last.1 = height;
                continue;
            }
            points.extend([(left, points[points.len() - 1].1), (left, height)]);
        }
        points.push((size - 1.0, points[points.len() - 1].1));
        body.push_str(&path(&points, "area turnover", Some(CLIMB.1)));
        body.push_str(&path(&points, "stroke turnover", None));
        body + &self.entries(&y, top, size)
    }

    /// Where the tiers begin; the highest first, so that those too close to it lose their names.
    fn entries(&self, y: &Scale, top: i128, size: f64) -> String {
        let (mut body, mut free) = (String::new(), f64::MIN);
        let last = self.story.climb.last().map_or(0, |(_, cumulative)| *cumulative);
        for rung in self.rungs().iter().rev().filter(|rung| rung.entry > 0 && rung.entry <= top) {
            let height = y.at(rung.entry);
            body.push_str(&line((LEFT, height), (size, height), "asked"));
            if height - 14.0 >= free && CLIMB.1 - height >= 12.0 {
                let name = format!("{} from {}", esc(&rung.name), compact(rung.entry));
                // At the end, where the marks of the climb are not, unless the curve is just there.
                let (left, class) = if (y.at(last) - height).abs() < 20.0 { (LEFT + 6.0, "s") } else { (size - 6.0, "s e") };
                body.push_str(&label(left, height - 4.0, class, &name));
                free = height;
            }
        }
        body
    }

    /// Turnover of the last 30 days, and what the tier of the time asks.
    fn rolling(&self, x: &Scale, size: f64) -> String {
        let days = self.story.rolling(self.first, self.last);
        let asked = self.asked();
        let most =
            days.iter().map(|(_, begin, end)| *begin.max(end)).chain(asked.iter().map(|(_, asked)| *asked)).max().unwrap_or(0);
        let marks = ticks(most, 2);
        let y = Scale::new(0, marks.last().copied().unwrap_or(1), ROLLING.1, ROLLING.0);
        let midnight = |day: Day| x.at(i128::from(day.0) * i128::from(DAY_MS));
        // Of more days than can be told apart, every so-manieth is drawn.
        let every = days.len().div_ceil(2 * size as usize).max(1);
        let drawn = days.iter().step_by(every);
        let points: Vec<(f64, f64)> = drawn
            .flat_map(|(day, begin, end)| {
                let begins = (midnight(*day), y.at(*begin));
                [begins, (midnight(day.plus(1)), y.at(*end))]
            })
            .collect();
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for (at, amount) in asked {
            let (left, height) = (x.at(i128::from(at.0)).max(LEFT), y.at(amount));
            steps.extend([(left, steps.last().map_or(height, |last| last.1)), (left, height)]);
        }
        steps.extend(steps.last().copied().map(|last| (size - 1.0, last.1)));
        grid(&marks, &y, size)
            + &path(&points, "area rolling", Some(ROLLING.1))
            + &path(&points, "stroke rolling", None)
            + &path(&steps, "asked", None)
    }

    /// From when on which turnover is asked for.
    fn asked(&self) -> Vec<(Instant, i128)> {
        self.stays().into_iter().map(|(from, _, tier)| (from, self.rungs().get(tier).map_or(0, |rung| rung.maintain))).collect()
    }

    /// From when to when which tier was held.
    fn stays(&self) -> Vec<(Instant, Instant, usize)> {
        let begin = Instant(i64::from(self.first.0) * DAY_MS);
        let end = Instant((i64::from(self.last.0) + 1) * DAY_MS);
        let starts = std::iter::once((begin, self.story.start)).chain(self.events.iter().map(|event| (event.at, event.to)));
        let ends = self.events.iter().map(|event| event.at).chain([end]);
        starts.zip(ends).map(|((from, tier), to)| (from, to, tier)).collect()
    }

    fn tiers(&self, x: &Scale) -> String {
        let mut body = String::new();
        for (from, to, tier) in self.stays() {
            let (left, right) = (x.at(i128::from(from.0)), x.at(i128::from(to.0)));
            let name = self.rungs().get(tier).map_or("?", |rung| &rung.name);
            let tip = format!("{name} from {} to {}", date(day_of(from)), date(day_of(Instant(to.0 - 1))));
            body.push_str(&rect(left, TIER.0, (right - left, TIER.1 - TIER.0), &format!("tier t{}", tier % 6), &tip));
            if right - left > name.chars().count() as f64 * 8.0 + 8.0 {
                body.push_str(&label((left + right) / 2.0, TIER.1 - 7.0, "on", &esc(name)));
            }
        }
        body
    }

    /// The numbered steps.
    fn marks(&self, x: &Scale, size: f64) -> String {
        let mut ends = [f64::MIN; 2];
        // No line crosses a number: all lines stand before all marks.
        let (mut lines, mut body) = (String::new(), String::new());
        for (number, event) in self.events.iter().enumerate() {
            let at = x.at(i128::from(event.at.0)).clamp(LEFT, size - 10.0);
            let row = if at - ends[0] >= MARK_GAP { 0 } else { 1 };
            let place = at.max(ends[row] + MARK_GAP).min(size - 10.0);
            ends[row] = place;
            let y = if row == 0 { 56.0 } else { 33.0 };
            lines.push_str(&line((at, y + 9.0), (at, TIER.1), "moment"));
            body.push_str(&format!(
                "<g class=\"mark t{} {}\"><title>{}</title><circle cx=\"{place:.1}\" cy=\"{y:.1}\" r=\"9.5\"/><text x=\"{place:.1}\" y=\"{:.1}\">{}</text></g>\n",
                event.to % 6,
                direction(event),
                esc(&capital(&event.text)),
                y + 4.0,
                number + 1
            ));
        }
        lines + &body
    }
}

fn grid(marks: &[i128], scale: &Scale, size: f64) -> String {
    let mark = |value: &i128| {
        let y = scale.at(*value);
        line((LEFT, y), (size, y), if *value == 0 { "axis" } else { "grid" }) + &label(LEFT - 8.0, y + 4.0, "e", &compact(*value))
    };
    marks.iter().map(mark).collect()
}
