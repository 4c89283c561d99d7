//! What the tests of the rules share: events as a person writes them, tables, the world that plays
//! them, and the lines in which facts are read back.
//!
//! Reading order: `told` (one event), `table` (a file of scenarios), `programme` (what is in force),
//! `book` (what a fact must agree with), `line` (a fact in words), `world` (playing a scenario).

pub(crate) mod book;
pub(crate) mod line;
pub(crate) mod programme;
pub(crate) mod table;
pub(crate) mod told;
pub(crate) mod verb;
pub(crate) mod world;

use std::path::PathBuf;

use table::Scenario;

/// Every scenario of every table, in the order of their names.
pub(crate) fn all_scenarios() -> Vec<Scenario> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
        .iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            table::parse(&name, &std::fs::read_to_string(path).unwrap())
        })
        .collect()
}
