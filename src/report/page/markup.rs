//! Pieces of HTML and SVG. Whatever others wrote goes through [`esc`].

use std::fmt::Write as _;

use super::super::figures::safe;

/// Text made safe for content and for quoted attributes.
pub(super) fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in safe(text, usize::MAX).chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(super) enum Column<'a> {
    /// Words, to the left; the first of a table is the heading of its row.
    Words(&'a str),
    /// Numbers, to the right.
    Number(&'a str),
}

/// A table; cells are HTML already.
pub(super) fn table(caption: &str, columns: &[Column<'_>], rows: &[Vec<String>]) -> String {
    let mut head = String::new();
    for column in columns {
        let (class, name) = match column {
            Column::Words(name) => ("", name),
            Column::Number(name) => (" class=\"n\"", name),
        };
        head.extend(["<th scope=\"col\"", class, ">", name, "</th>"]);
    }
    let mut body = String::new();
    for row in rows {
        body.push_str("<tr>");
        for (at, (cell, column)) in row.iter().zip(columns).enumerate() {
            body.push_str(&match (at, column) {
                (0, _) => format!("<th scope=\"row\">{cell}</th>"),
                (_, Column::Words(_)) => format!("<td>{cell}</td>"),
                (_, Column::Number(_)) => format!("<td class=\"n\">{cell}</td>"),
            });
        }
        body.push_str("</tr>\n");
    }
    format!(
        "<div class=\"scroll\"><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
    )
}

/// A bar of `part` in `whole` as it stands in a table.
pub(super) fn bar(class: &str, part: i128, whole: i128) -> String {
    let permille = if whole > 0 { (part.max(0).saturating_mul(1_000) / whole).clamp(0, 1_000) } else { 0 };
    let some = if part > 0 { " some" } else { "" };
    format!(
        "<span class=\"bar\"><span class=\"fill {class}{some}\" style=\"width:{}.{}%\"></span></span>",
        permille / 10,
        permille % 10
    )
}

/// A figure that is drawn twice: wide, and narrow for a phone; `id` names it on the page.
pub(super) fn drawing(id: &str, title: &str, description: &str, draw: impl Fn(f64) -> Drawn, widths: [f64; 2]) -> String {
    let mut text = String::new();
    for (width, size) in widths.into_iter().zip(["wide", "narrow"]) {
        let drawn = draw(width);
        let name = format!("{id}-{size}");
        // Writing to a String cannot fail.
        let _written = write!(
            text,
            "<svg class=\"{size}\" viewBox=\"0 0 {width:.0} {:.0}\" role=\"img\" aria-labelledby=\"{name}-t {name}-d\">\
             <title id=\"{name}-t\">{}</title><desc id=\"{name}-d\">{}</desc>\n{}</svg>\n",
            drawn.height,
            esc(title),
            esc(description),
            drawn.body
        );
    }
    text
}

/// The inside of a drawing.
pub(super) struct Drawn {
    pub(super) height: f64,
    pub(super) body: String,
}

/// A line of text in a drawing; `text` is markup already.
pub(super) fn label(x: f64, y: f64, class: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>\n")
}

/// A straight line in a drawing.
pub(super) fn line(from: (f64, f64), to: (f64, f64), class: &str) -> String {
    format!("<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" class=\"{class}\"/>\n", from.0, from.1, to.0, to.1)
}

/// A rectangle in a drawing, with what it tells when one points at it.
pub(super) fn rect(x: f64, y: f64, size: (f64, f64), class: &str, tip: &str) -> String {
    let (width, height) = (size.0.max(0.1), size.1.max(0.0));
    let place = format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" class=\"{class}\"");
    if tip.is_empty() { format!("{place}/>\n") } else { format!("{place}><title>{}</title></rect>\n", esc(tip)) }
}

/// A line through points; with `ground`, closed down to it.
pub(super) fn path(points: &[(f64, f64)], class: &str, ground: Option<f64>) -> String {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return String::new();
    };
    let mut way = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        // Writing to a String cannot fail.
        let _written = write!(way, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    if let Some(ground) = ground {
        let _written = write!(way, "L{:.1} {ground:.1}L{:.1} {ground:.1}Z", last.0, first.0);
    }
    format!("<path d=\"{way}\" class=\"{class}\"/>\n")
}
