//! `programme test`: examples that stand beside the rules, run through the pipeline itself.
//!
//! An example says what is given (events), until when, and what is expected (profiles, facts, dead letters).
//! Its events are written to a folder, `replay` runs over them with the programme, and what it wrote is
//! compared. So an example proves what a replay of the same events would say, and nothing else.
//!
//! Reading order: `read` (the file), `given` (events), `expect` (what should follow), `play` (the run),
//! `compare` (what differs, in words).

mod compare;
mod expect;
mod given;
mod play;
mod read;
mod tree;

use std::path::{Path, PathBuf};

use serde::Serialize;
use tidemark_domain::programme::Problem;
use tidemark_domain::programme::source::SourceFile;

use super::{print, programme};
use crate::runtime::Failure;

use read::Example;

/// What came of one example.
#[derive(Serialize)]
struct Verdict {
    file: String,
    line: usize,
    name: String,
    ok: bool,
    /// What differs, in words.
    differences: Vec<Difference>,
}

/// Something that was expected and is not so.
#[derive(Serialize)]
struct Difference {
    /// The line of the expectation, or of the event.
    line: usize,
    what: String,
}

/// What came of all of them.
#[derive(Serialize)]
struct Verdicts {
    passed: usize,
    failed: usize,
    examples: Vec<Verdict>,
}

/// Runs it.
///
/// # Errors
/// Why it ended.
pub(super) fn run(path: &Path, json: bool) -> Result<u8, Failure> {
    let rules = match programme::load(path)? {
        Ok(rules) => rules,
        Err(problems) => {
            programme::report(&problems, json)?;
            return Ok(2);
        }
    };
    let mut examples: Vec<(String, Example)> = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for file in example_files(path)? {
        let mut found = read::examples(&file, &rules);
        problems.append(&mut found.1);
        examples.extend(found.0.into_iter().map(|example| (file.name.clone(), example)));
    }
    if !problems.is_empty() {
        programme::report(&problems, json)?;
        return Ok(2);
    }
    let mut verdicts = Verdicts { passed: 0, failed: 0, examples: Vec::new() };
    for (file, example) in examples {
        let differences = compare::differences(&example, &play::play(path, &example)?);
        let ok = differences.is_empty();
        *(if ok { &mut verdicts.passed } else { &mut verdicts.failed }) += 1;
        verdicts.examples.push(Verdict { file, line: example.line, name: example.name, ok, differences });
    }
    if json {
        print::json(&verdicts)?;
    } else {
        print::text(&in_words(&verdicts))?;
    }
    Ok(u8::from(verdicts.failed > 0))
}

/// The files in `tests` beside the programme, in the order of their names.
fn example_files(path: &Path) -> Result<Vec<SourceFile>, Failure> {
    let folder = if path.is_dir() { path.join("tests") } else { path.with_file_name("tests") };
    let unreadable =
        |file: &Path, cause: &dyn std::fmt::Display| Failure::Usage(format!("cannot read {}: {cause}", file.display()));
    let mut paths: Vec<PathBuf> = Vec::new();
    match std::fs::read_dir(&folder) {
        Ok(entries) => {
            for entry in entries {
                let file = entry.map_err(|cause| unreadable(&folder, &cause))?.path();
                if file.extension().is_some_and(|ending| ending == "yaml") && file.is_file() {
                    paths.push(file);
                }
            }
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(unreadable(&folder, &cause)),
    }
    if paths.is_empty() {
        return Err(Failure::Usage(format!(
            "there are no examples in {}; see `tidemark programme test --help` for how one is written",
            folder.join("*.yaml").display()
        )));
    }
    paths.sort();
    let read = |file: PathBuf| {
        let bytes = std::fs::read(&file).map_err(|cause| unreadable(&file, &cause))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable(&file, &"it is not UTF-8"))?;
        Ok(SourceFile { name: file.display().to_string(), text })
    };
    paths.into_iter().map(read).collect()
}

fn in_words(verdicts: &Verdicts) -> String {
    let (mut text, mut file) = (String::new(), "");
    for verdict in &verdicts.examples {
        if file != verdict.file {
            file = &verdict.file;
            text.push_str(&format!("{file}\n"));
        }
        let word = if verdict.ok { "ok    " } else { "FAILED" };
        text.push_str(&format!("  {word}  {}\n", verdict.name));
        for Difference { line, what } in &verdict.differences {
            text.push_str(&format!("          {file}:{line}: {what}\n"));
        }
    }
    let all = (verdicts.passed + verdicts.failed) as u64;
    text.push_str(&format!("{}, ", print::counted(all, "example", "examples")));
    text.push_str(&match verdicts.failed {
        0 => "all ok\n".to_owned(),
        failed => format!("{failed} FAILED\n"),
    });
    text
}
