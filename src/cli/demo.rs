//! `demo`: a synthetic casino through everything, and what came of it.

use std::fs;
use std::path::Path;
use std::time::Instant as Clock;

use anyhow::{Context as _, Result};

use super::args::Demo;
use super::{print, replay, screen};
use crate::report::{self, Timing};
use crate::runtime::Failure;
use crate::runtime::replay::Options;
use crate::sources::casino::Casino;

/// The default programme, so that the demo needs no file.
const PROGRAMME: &str = include_str!("../../programme/programme.yaml");
/// In a folder that a demo made; without it nothing there is touched.
const MARKER: &str = ".tidemark-demo";
/// What a demo leaves, beside the marker.
const PARTS: [&str; 4] = ["events", "results", "programme.yaml", "report.html"];
/// Where the brands of the default programme begin, and the section after them.
const BRANDS_FROM: &str = "  # An example of a second brand:";
const BRANDS_TO: &str = "# Technical.";
/// The brands of the casino.
const BRANDS: &str = "  # The brands of the demo's casino.
  b1: {time_zone: Europe/Malta, base_currency: EUR, jurisdiction: MT}
  b2: {time_zone: Europe/London, base_currency: EUR, jurisdiction: GB}
  b3: {time_zone: America/Sao_Paulo, base_currency: EUR, jurisdiction: BR}

";

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn run(arguments: &Demo) -> Result<u8, Failure> {
    let out = &arguments.out;
    make_room(out)?;
    let (events, results, programme) = (out.join("events"), out.join("results"), out.join("programme.yaml"));
    let casino = Casino { players: arguments.players, events: arguments.events, seed: arguments.seed, ..Casino::default() };
    fs::write(&programme, programme_text()).with_context(|| cannot_write(&programme)).map_err(Failure::Failed)?;
    casino.write(&events).with_context(|| cannot_write(&events)).map_err(Failure::Failed)?;

    let mut options = Options::new(vec![programme], events.display().to_string(), results.clone());
    options.workers = arguments.workers;
    let begun = Clock::now();
    let summary = replay::watched(&options)?;
    let timing =
        Timing { events: summary.events_in, seconds: begun.elapsed().as_secs_f64(), workers: arguments.workers as usize };
    let report = report::read(&results).map_err(|error| Failure::Failed(error.into()))?.timed(timing);
    let page = out.join("report.html");
    fs::write(&page, report.html()).with_context(|| cannot_write(&page)).map_err(Failure::Failed)?;
    if arguments.json {
        print::json(&summary)?;
    } else {
        print::text(&report.terminal(screen::width(), screen::colour()))?;
        print::text(&what_next(out))?;
    }
    if !report.is_sound() {
        return Err(Failure::Defect(format!("the results contradict each other; {} says where", page.display())));
    }
    Ok(0)
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// An empty folder, or one where only what an earlier demo left was.
fn make_room(out: &Path) -> Result<(), Failure> {
    let marker = out.join(MARKER);
    let entries = match fs::read_dir(out) {
        Ok(entries) => entries.count(),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => 0,
        Err(cause) => return Err(Failure::Usage(format!("--out {}: {cause}", out.display()))),
    };
    if entries > 0 && !marker.is_file() {
        return Err(Failure::Usage(format!(
            "--out {} is not empty, and no demo made it; nothing there was touched. Give another folder.",
            out.display()
        )));
    }
    let make = || -> Result<()> {
        fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        let text = "Made by `tidemark demo`: the next one here replaces events, results, programme.yaml and report.html.\n";
        fs::write(&marker, text).with_context(|| cannot_write(&marker))?;
        for part in PARTS.map(|part| out.join(part)) {
            let removed = if part.is_dir() && !part.is_symlink() { fs::remove_dir_all(&part) } else { fs::remove_file(&part) };
            match removed {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(anyhow::Error::new(cause).context(format!("cannot remove {}", part.display())));
                }
                _ => {}
            }
        }
        Ok(())
    };
    make().map_err(Failure::Failed)
}

/// The default programme with the casino's brands.
fn programme_text() -> String {
    let parts = PROGRAMME.split_once(BRANDS_FROM).and_then(|(before, rest)| Some((before, rest.split_once(BRANDS_TO)?.1)));
    let text = parts.map_or_else(|| PROGRAMME.to_owned(), |(before, after)| format!("{before}{BRANDS}{BRANDS_TO}{after}"));
    // The schema that the first line names is not beside this copy.
    text.lines().filter(|line| !line.starts_with("# yaml-language-server")).map(|line| format!("{line}\n")).collect()
}

/// Where everything is, and what can be done with it; commands name this program as it was called.
fn what_next(out: &Path) -> String {
    let name = |part: &str| out.join(part).display().to_string();
    let (page, events, results, programme) = (name("report.html"), name("events"), name("results"), name("programme.yaml"));
    let told = [
        (&page, "this report as a page; open it in a browser"),
        (&events, "what the casino's systems said"),
        (&results, "every fact that follows, and summary.json"),
        (&programme, "the rulebook"),
    ];
    let wide = told.iter().map(|(path, _)| path.chars().count()).max().unwrap_or(0);
    let mut text = String::from("\n");
    for (path, what) in told {
        text.push_str(&format!("{path:wide$}  {what}\n"));
    }
    let me = std::env::args().next().unwrap_or_else(|| "tidemark".to_owned());
    text.push_str(&format!(
        "\nNext, change a number in the rulebook (the entry of Silver, a game's weight), and see what would have been:\n  \
         {me} programme check {programme}\n  \
         {me} replay --programme {programme} --events {events} --out {}\n",
        name("what-if"),
    ));
    text
}

#[cfg(test)]
mod tests {
    use tidemark_domain::programme::resolve;
    use tidemark_domain::programme::source::SourceFile;

    use super::*;

    #[test]
    fn the_demos_programme_is_the_default_with_the_casinos_brands() {
        let load = |text: String| resolve::load(&[SourceFile { name: "programme.yaml".to_owned(), text }]).unwrap();
        let (default, demo) = (load(PROGRAMME.to_owned()), load(programme_text()));
        let zones: Vec<(&str, &str)> = demo.brands.iter().map(|(name, brand)| (&**name, brand.zone.0.name())).collect();
        assert_eq!(zones, [("b1", "Europe/Malta"), ("b2", "Europe/London"), ("b3", "America/Sao_Paulo")]);
        assert_eq!((demo.tiers, demo.points, demo.games), (default.tiers, default.points, default.games));
    }
}
