//! Programmes from disk.

use std::path::{Path, PathBuf};

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
    match check(&files) {
        Ok(programme) => Ok((programme, files.into_iter().map(|file| file.source).collect())),
        Err(problems) => Err(Failure::Usage(describe(path, &problems))),
    }
}

/// Reads several programmes, one after the other.
///
/// # Errors
/// Every problem of all of them at once, in words.
pub fn load_programmes(paths: &[PathBuf]) -> Result<Vec<(Programme, Vec<SourceFile>)>, Failure> {
    let (mut programmes, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        match load_programme(path) {
            Ok(programme) => programmes.push(programme),
            Err(Failure::Usage(told)) => problems.push(told),
            Err(other) => return Err(other),
        }
    }
    if problems.is_empty() { Ok(programmes) } else { Err(Failure::Usage(problems.join("\n"))) }
}

/// A file of a programme as it was read.
#[derive(Debug)]
pub struct ProgrammeFile {
    source: SourceFile,
    /// Where it is not UTF-8.
    unreadable: Option<Problem>,
}

/// The programme that files are.
///
/// # Errors
/// Every problem at once.
pub fn check(files: &[ProgrammeFile]) -> Result<Programme, Vec<Problem>> {
    let sources: Vec<SourceFile> = files.iter().map(|file| file.source.clone()).collect();
    let unreadable: Vec<&Problem> = files.iter().filter_map(|file| file.unreadable.as_ref()).collect();
    let found = resolve::load(&sources);
    if unreadable.is_empty() {
        return found;
    }
    // What follows only from what was put in its place is no problem of its own.
    let others = found.err().unwrap_or_default().into_iter().filter(|problem| !problem.to_string().contains(REPLACED));
    Err(unreadable.iter().copied().cloned().chain(others).collect())
}

/// What stands for bytes that are no UTF-8.
const REPLACED: char = char::REPLACEMENT_CHARACTER;

/// A file's text; what is no UTF-8 in it is replaced, so that the rest of it is checked too.
fn in_utf8(name: String, bytes: Vec<u8>) -> ProgrammeFile {
    let error = match String::from_utf8(bytes) {
        Ok(text) => return ProgrammeFile { source: SourceFile { name, text }, unreadable: None },
        Err(error) => error,
    };
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let before = text.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
    let problem = Problem {
        file: name.clone(),
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        path: String::new(),
        message: "the file is not UTF-8 from here on".to_owned(),
        help: "save it as UTF-8".to_owned(),
    };
    ProgrammeFile { source: SourceFile { name, text }, unreadable: Some(problem) }
}

fn describe(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
    let count = if lines.len() == 1 { "1 problem".to_owned() } else { format!("{} problems", lines.len()) };
    format!("the programme {} has {count}:\n{}", path.display(), lines.join("\n"))
}

/// Where a programme's files are: in its folder, and in one of that.
const FOLDERS: [&str; 2] = ["", "campaigns"];

/// Files of a programme's folder that are not read, and look as if they were meant to be: `*.yml`.
#[must_use]
pub fn passed_over(path: &Path) -> Vec<PathBuf> {
    let listed = FOLDERS.iter().filter_map(|folder| std::fs::read_dir(path.join(folder)).ok());
    let files = listed.flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut found: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|ending| ending == "yml")).collect();
    found.sort();
    found
}

/// The files of a programme.
///
/// # Errors
/// Where they cannot be read.
pub fn programme_files(path: &Path) -> Result<Vec<ProgrammeFile>, Failure> {
    let unreadable = |at: &Path, cause| Failure::Usage(format!("cannot read the programme {}: {cause}", at.display()));
    let failed = |cause: std::io::Error| unreadable(path, cause);
    let read = |file: &Path, name| -> Result<ProgrammeFile, Failure> {
        Ok(in_utf8(name, std::fs::read(file).map_err(|cause| unreadable(file, cause))?))
    };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![read(path, path.display().to_string())?]);
    }
    let mut files = Vec::new();
    for folder in FOLDERS {
        let inner = path.join(folder);
        if !inner.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&inner).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Editors keep files of their own beside the one that is edited: their names begin with a dot.
            if file.extension().is_some_and(|ending| ending == "yaml") && !name.starts_with('.') && !file.is_dir() {
                files.push(read(&file, if folder.is_empty() { name } else { format!("{folder}/{name}") })?);
            }
        }
    }
    files.sort_by(|left, right| left.source.name.cmp(&right.source.name));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_utf8_is_told_with_its_place_and_hides_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), b"# \xc3\xa9\xff\nunheard_of: 1\n").unwrap();
        std::fs::write(folder.path().join("c.yaml"), b"tiers: {sideways: 1, dow\xffgrade: to_fit}\n").unwrap();
        std::fs::write(folder.path().join("b.yaml"), "points: {per_unit: \"-1\"}\n").unwrap();
        let problems = check(&programme_files(folder.path()).unwrap()).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for (place, what) in [
            ("a.yaml:1:4", "not UTF-8"),
            ("a.yaml:2:1", "unheard_of"),
            ("b.yaml:1:20", "per_unit"),
            ("c.yaml:1:25", "not UTF-8"),
            ("c.yaml:1:9", "sideways"),
        ] {
            assert!(told.iter().any(|line| line.starts_with(place) && line.contains(what)), "{place} {what}: {told:#?}");
        }
        assert!(told.iter().all(|line| !line.contains(REPLACED)), "{told:#?}");
        assert!(load_programme(folder.path()).is_err());
    }

    #[test]
    fn of_several_programmes_all_problems_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| folder.path().join(format!("{name}.yaml")));
        for (path, text) in paths.iter().zip(["one: 1\n", "version: 1\n", "two: 2\n"]) {
            std::fs::write(path, text).unwrap();
        }
        let said = load_programmes(&paths).unwrap_err().to_string();
        for told in ["a.yaml:1:1", "`one`", "c.yaml:1:1", "`two`"] {
            assert!(said.contains(told), "{told}: {said}");
        }
    }

    #[test]
    fn a_file_that_is_named_and_not_there_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), "version: 1\n").unwrap();
        std::fs::create_dir(folder.path().join("old.yaml")).unwrap();
        std::os::unix::fs::symlink("me@host.1", folder.path().join(".#a.yaml")).unwrap();
        assert_eq!(programme_files(folder.path()).unwrap().len(), 1, "what an editor keeps, and a folder, are no files of it");
        std::os::unix::fs::symlink("nowhere", folder.path().join("points.yaml")).unwrap();
        let said = programme_files(folder.path()).unwrap_err().to_string();
        assert!(said.contains("points.yaml"), "{said}");
    }
}
