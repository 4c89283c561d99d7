//! Programmes from disk.

use std::path::Path;

use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::programme::{Problem, Programme, resolve};

use super::Failure;
use crate::epoch::ClockSettings;

/// Reads a programme: a file, or a folder whose `*.yaml` files are merged.
///
/// # Errors
/// Every problem at once, in words.
pub fn load_programme(path: &Path) -> Result<(Programme, Vec<SourceFile>), Failure> {
    let files = programme_files(path)?;
    match resolve::load(&files) {
        Ok(programme) => Ok((programme, files)),
        Err(problems) => Err(Failure::Usage(describe(path, &problems))),
    }
}

fn describe(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
    let count = if lines.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", lines.len()) };
    format!("the programme {} has {count}:\n{}", path.display(), lines.join("\n"))
}

/// The files of a programme.
///
/// # Errors
/// Where they cannot be read.
pub fn programme_files(path: &Path) -> Result<Vec<SourceFile>, Failure> {
    let unreadable = |cause: std::io::Error| Failure::Usage(format!("cannot read the programme {}: {cause}", path.display()));
    let read = |file: &Path, name: String| -> Result<SourceFile, Failure> {
        let bytes = std::fs::read(file).map_err(unreadable)?;
        let text =
            String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("the programme {} is not UTF-8", file.display())))?;
        Ok(SourceFile { name, text })
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![read(path, path.display().to_string())?]);
    }
    let mut files = Vec::new();
    for folder in ["", "campaigns"] {
        let inner = path.join(folder);
        if !inner.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&inner).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension().is_some_and(|ending| ending == "yaml") && file.is_file() {
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                files.push(read(&file, if folder.is_empty() { name } else { format!("{folder}/{name}") })?);
            }
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    if files.is_empty() {
        return Err(Failure::Usage(format!("the folder {} holds no *.yaml file", path.display())));
    }
    Ok(files)
}

/// The settings of clocks that a programme has.
pub(super) fn clock_settings(programme: &Programme) -> ClockSettings {
    ClockSettings {
        ordering_delay_ms: programme.clock.ordering_delay_ms,
        future_tolerance_ms: programme.clock.future_tolerance_ms,
    }
}
