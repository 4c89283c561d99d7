//! The report as a screenful of text.
//!
//! A row is a few pieces, each in one style; it is cut to the width before it is painted, so colours
//! never count and text of others cannot run over the edge.

mod accounts;
mod sections;

use super::Report;
use super::figures::safe;

/// Narrower than this nothing lines up.
const WIDTH_MIN: usize = 60;
/// Wider than this, lines are hard to follow.
const WIDTH_MAX: usize = 110;
/// Where the figures begin.
const INDENT: usize = 12;
/// A screenful.
const LINES_MAX: usize = 60;

/// How a piece of text looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Style {
    Plain,
    Strong,
    Soft,
    Bar,
    Good,
    Bad,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Strong => "\u{1b}[1m",
            Self::Soft => "\u{1b}[2m",
            Self::Bar => "\u{1b}[36m",
            Self::Good => "\u{1b}[32m",
            Self::Bad => "\u{1b}[31m",
        }
    }
}

/// Rows of styled pieces.
#[derive(Debug)]
pub(super) struct Screen {
    width: usize,
    rows: Vec<Vec<(Style, String)>>,
}

impl Screen {
    fn row(&mut self, pieces: impl IntoIterator<Item = (Style, String)>) {
        self.rows.push(pieces.into_iter().collect());
    }

    /// A heading with something beside it, after an empty row.
    fn heading(&mut self, title: &str, beside: &str) {
        self.row([]);
        self.row([(Style::Strong, format!("{:<10}", title.to_uppercase())), (Style::Soft, format!("  {beside}"))]);
    }

    /// A sentence over as many rows as it needs, at most `rows_max`; `indent` columns in.
    fn wrapped(&mut self, text: &str, indent: usize, rows_max: usize) {
        for row in self.broken(text, indent, rows_max) {
            self.row([(Style::Plain, format!("{:indent$}{row}", ""))]);
        }
    }

    /// A sentence beside something, over two rows where one is too short.
    fn hanging(&mut self, beside: &str, text: &str) {
        let indent = beside.chars().count();
        for (at, row) in self.broken(text, indent, 2).into_iter().enumerate() {
            let before = if at == 0 { beside.to_owned() } else { " ".repeat(indent) };
            self.row([(Style::Plain, before), (Style::Soft, row)]);
        }
    }

    fn broken(&self, text: &str, indent: usize, rows_max: usize) -> Vec<String> {
        let room = self.width.saturating_sub(indent);
        let (mut line, mut rows) = (String::new(), Vec::new());
        for word in text.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                rows.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        rows.push(line);
        let more = rows.len() > rows_max;
        rows.truncate(rows_max);
        if let Some(last) = rows.last_mut().filter(|_| more) {
            *last = last.chars().take(room.saturating_sub(2)).chain(" \u{2026}".chars()).collect();
        }
        rows
    }

    fn paint(&self, colour: bool) -> String {
        let mut text = String::new();
        // Where there is more than a screenful, the empty rows go first.
        let airy = self.rows.len() <= LINES_MAX;
        for pieces in self.rows.iter().filter(|pieces| airy || !pieces.is_empty()).take(LINES_MAX) {
            let mut room = self.width;
            let mut line = String::new();
            for (style, piece) in pieces {
                let shown: String = safe(piece, usize::MAX).chars().take(room).collect();
                room -= shown.chars().count();
                if colour && *style != Style::Plain && !shown.trim().is_empty() {
                    line.extend([style.code(), &shown, "\u{1b}[0m"]);
                } else {
                    line.push_str(&shown);
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The whole screen.
pub(super) fn screen(report: &Report, width: usize, colour: bool) -> String {
    let mut screen = Screen { width: width.clamp(WIDTH_MIN, WIDTH_MAX), rows: Vec::new() };
    sections::headline(report, &mut screen);
    if !report.is_sound() {
        accounts::checks(report, &mut screen);
    }
    if report.players > 0 {
        sections::tiers(report, &mut screen);
        sections::days(report, &mut screen);
        sections::points(report, &mut screen);
        sections::stories(report, &mut screen);
    }
    accounts::corrections(report, &mut screen);
    accounts::dead(report, &mut screen);
    if report.players > 0 {
        accounts::rewards(report, &mut screen);
    }
    if report.is_sound() {
        accounts::checks(report, &mut screen);
    }
    screen.paint(colour)
}

/// A bar of `part` in `whole` over `cells` columns, in eighths of a column; never empty for something.
fn bar(part: i128, whole: i128, cells: usize) -> String {
    let eighths = (cells * 8) as i128;
    let filled = if whole <= 0 || part <= 0 || cells == 0 { 0 } else { (part.saturating_mul(eighths) / whole).clamp(1, eighths) };
    let (full, rest) = (usize::try_from(filled / 8).unwrap_or(0), usize::try_from(filled % 8).unwrap_or(0));
    let mut text = "\u{2588}".repeat(full);
    if rest > 0 {
        text.push(['\u{258f}', '\u{258e}', '\u{258d}', '\u{258c}', '\u{258b}', '\u{258a}', '\u{2589}'][rest - 1]);
    }
    let blank = cells.saturating_sub(text.chars().count());
    text.extend(std::iter::repeat_n(' ', blank));
    text
}

/// Columns of `rows` rows, the highest row first, in eighths of a row.
fn columns(values: &[i128], rows: usize) -> Vec<String> {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let eighths = (rows * 8) as i128;
    let heights: Vec<i128> =
        values.iter().map(|value| if *value <= 0 { 0 } else { (value.saturating_mul(eighths) / most).max(1) }).collect();
    let blocks = [' ', '\u{2581}', '\u{2582}', '\u{2583}', '\u{2584}', '\u{2585}', '\u{2586}', '\u{2587}', '\u{2588}'];
    let cell = |height: i128, row: usize| {
        let own = (height - (row * 8) as i128).clamp(0, 8);
        blocks[usize::try_from(own).unwrap_or(0)]
    };
    (0..rows).rev().map(|row| heights.iter().map(|height| cell(*height, row)).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_and_columns_fill_their_room_and_show_the_smallest() {
        assert_eq!(bar(1, 2, 4), "\u{2588}\u{2588}  ");
        assert_eq!(bar(1, 1_000_000, 3), "\u{258f}  ");
        assert_eq!(bar(0, 0, 2), "  ");
        assert_eq!(columns(&[0, 8, 16], 2), ["  \u{2588}", " \u{2588}\u{2588}"]);
    }
}
