//! What was put right, what could not be used, what was given, and whether it all agrees.

use super::super::Report;
use super::super::figures::{count, exact, percent, spoken};
use super::{INDENT, Screen, Style};

/// Kinds of dead letters on the screen; the page has them all.
const KINDS_MAX: usize = 4;

pub(super) fn corrections(report: &Report, screen: &mut Screen) {
    let (taken, late, summary) = (report.reversals.total, &report.lateness, &report.summary);
    screen.heading("Amends", "what was taken back, sent twice, or late");
    let mut line =
        |name: &str, number: u64, text: String| screen.hanging(&format!("{name:<INDENT$}{:>9}  ", count(number)), &text);
    let share = percent(taken.base, report.calendar.total().staked);
    line(
        "reversals",
        taken.count,
        format!("{} {} ({share} of stakes), {} points", exact(taken.base), report.currency, exact(taken.points)),
    );
    line("unmatched", summary.unmatched_reversals, "reversals whose bet never came".to_owned());
    let gone =
        late.heaviest().map(|(day, most)| format!("; most to {}: {}", report.day(day), spoken(most.base))).unwrap_or_default();
    line(
        "late",
        summary.late,
        format!(
            "{} of them bets, {} {} into their own day{gone}",
            count(late.total.bets),
            exact(late.total.base),
            report.currency
        ),
    );
    line("duplicates", summary.duplicates, "records, without any effect".to_owned());
}

pub(super) fn dead(report: &Report, screen: &mut Screen) {
    let all = format!("{:<INDENT$}{:>9}", "dead", count(report.dead.total));
    screen.hanging(&format!("{all}  "), "letters, kept with their reasons");
    for kind in report.dead.kinds.iter().take(KINDS_MAX) {
        let field = kind.field.as_ref().map(|field| format!(" ({field})")).unwrap_or_default();
        screen.row([
            (Style::Plain, format!("{:>width$}", count(kind.count), width = INDENT + 9)),
            (Style::Soft, format!("  {}{field}: {}", kind.kind, kind.error)),
        ]);
    }
    let more: u64 = report.dead.kinds.iter().skip(KINDS_MAX).map(|kind| kind.count).sum();
    if more > 0 {
        screen.row([(Style::Soft, format!("{:>width$}  of other kinds", count(more), width = INDENT + 9))]);
    }
}

pub(super) fn rewards(report: &Report, screen: &mut Screen) {
    let rewards = &report.rewards;
    screen.heading("Rewards", "what was won, what was given, what was decided");
    let rungs = report.ladder.rungs.iter().rev();
    let level_ups = rungs.filter_map(|rung| {
        let number = rewards.level_ups.get(&rung.name)?;
        Some(format!("{} {}", count(*number), rung.name))
    });
    row(screen, "level-ups", level_ups.collect());
    let grants = rewards.grants.iter();
    let grants = grants.map(|((kind, currency), (number, amount))| {
        let (number, kind) = (count(*number), kind.replace('_', " "));
        format!("{number} {kind}: {} {currency}", exact(*amount))
    });
    row(screen, "grants", grants.collect());
    let decisions = ["allowed", "refused", "suppressed", "review"];
    let decisions = decisions.map(|kind| (kind, rewards.decided(kind)));
    let decisions = decisions.into_iter().filter(|(_, number)| *number > 0);
    let decisions = decisions.map(|(kind, number)| format!("{} {kind}", count(number)));
    row(screen, "decisions", decisions.collect());
}

fn row(screen: &mut Screen, name: &str, parts: Vec<String>) {
    let text = if parts.is_empty() { "none".to_owned() } else { parts.join(" \u{b7} ") };
    screen.row([(Style::Plain, format!("{name:<INDENT$}{text}"))]);
}

/// That all agrees, and the digest; or what does not.
pub(super) fn checks(report: &Report, screen: &mut Screen) {
    if report.is_sound() {
        let all = format!("\u{2713} all {} hold", report.checks.len());
        let digest = format!("   digest {}", report.summary.facts_digest);
        return screen.row([(Style::Plain, format!("{:<INDENT$}", "checks")), (Style::Good, all), (Style::Soft, digest)]);
    }
    for check in report.checks.iter().filter(|check| !check.holds) {
        let text = format!("\u{2717} {}: {}", check.name, check.detail);
        screen.row([(Style::Bad, text)]);
    }
}
