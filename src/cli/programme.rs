//! `programme check` and `programme schema`; `programme test` is in `examples`.

use std::path::Path;

use serde::Serialize;
use tidemark_domain::programme::{Problem, Programme, schema};

use super::args;
use super::{examples, print, publish};
use crate::runtime::Failure;
use crate::runtime::programme::{self, programme_files};

/// Runs one of them.
///
/// # Errors
/// Why it ended.
pub(super) fn run(command: &args::Programme) -> Result<u8, Failure> {
    match command {
        args::Programme::Check { path, json } => check(path, *json),
        args::Programme::Test { path, json } => examples::run(path, *json),
        args::Programme::Publish(arguments) => publish::run(arguments),
        args::Programme::Schema => print::text(&schema::json_schema()).map(|()| 0),
    }
}

fn check(path: &Path, json: bool) -> Result<u8, Failure> {
    for file in programme::passed_over(path) {
        print::complain(&format!("warning: {} is not read: only files *.yaml are", file.display()));
    }
    match load(path)? {
        Ok(programme) => {
            if json {
                print::json(&Vec::<Row<'_>>::new())?;
            } else {
                print::text(&in_words(&programme))?;
            }
            Ok(0)
        }
        Err(problems) => {
            report(&problems, json)?;
            Ok(2)
        }
    }
}

/// Reads a programme; problems name their file as it can be opened from here.
///
/// # Errors
/// Where a file cannot be read.
pub(super) fn load(path: &Path) -> Result<Result<Programme, Vec<Problem>>, Failure> {
    let files = programme_files(path)?;
    Ok(programme::check(&files).map_err(|mut problems| {
        if path.is_dir() {
            for problem in &mut problems {
                problem.file = path.join(&problem.file).display().to_string();
            }
        }
        problems
    }))
}

/// A problem for machines.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    path: &'a str,
    message: &'a str,
    help: &'a str,
}

impl<'a> Row<'a> {
    fn of(problem: &'a Problem) -> Self {
        let Problem { file, line, column, path, message, help } = problem;
        Self { file, line: *line, column: *column, path, message, help }
    }
}

/// Prints problems: as JSON on standard output, or in words on standard error.
///
/// # Errors
/// Where they cannot be printed.
pub(super) fn report(problems: &[Problem], json: bool) -> Result<(), Failure> {
    if json {
        return print::json(&problems.iter().map(Row::of).collect::<Vec<_>>());
    }
    for problem in problems {
        print::complain(&problem.to_string());
    }
    print::tell(&print::counted(problems.len() as u64, "problem", "problems"));
    Ok(())
}

/// What a programme holds, shortly.
fn in_words(programme: &Programme) -> String {
    let some = |number: usize, one, more| match number {
        0 => format!("no {more}"),
        number => print::counted(number as u64, one, more),
    };
    let levels: Vec<&str> = programme.tiers.levels.iter().map(|level| &*level.name).collect();
    format!(
        "the programme \"{}\" is sound: revision {}, in force from {}\n  {}: {}\n  {}, {}, {}\n",
        programme.id,
        programme.revision,
        programme.effective_from,
        some(levels.len(), "level", "levels"),
        levels.join(", "),
        some(programme.games.weights.len(), "game type", "game types"),
        some(programme.promotions.list.len(), "promotion", "promotions"),
        some(programme.brands.len(), "brand of its own settings", "brands of their own settings"),
    )
}
