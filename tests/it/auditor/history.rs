//! A history: the rules and the records that both sides are given.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::rulebook::Rulebook;
use super::zone::Ms;

/// One partition of a topic: its records in order, a record's place being its offset.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) lines: Vec<Vec<u8>>,
}

/// Everything a run is given.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The programmes given on the command line.
    pub(crate) rulebooks: Vec<Rulebook>,
    /// What the bodies of `ProgrammePublished` records say: a body that is none of these does not check.
    pub(crate) published: Vec<Rulebook>,
    pub(crate) partitions: Vec<Partition>,
    /// `--until`, in milliseconds.
    pub(crate) until: Option<Ms>,
}

impl History {
    /// Writes `DIR/events/<topic>/<P>.jsonl` and, beside them, `DIR/programmeN.yaml`.
    /// Returns the folder of the records and the programme files in order.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<(PathBuf, Vec<PathBuf>)> {
        let events = dir.join("events");
        fs::create_dir_all(&events)?;
        for part in &self.partitions {
            let folder = events.join(&part.topic);
            fs::create_dir_all(&folder)?;
            let mut bytes = Vec::new();
            for line in &part.lines {
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
            fs::write(folder.join(format!("{}.jsonl", part.partition)), bytes)?;
        }
        let mut programmes = Vec::new();
        for (n, book) in self.rulebooks.iter().enumerate() {
            let path = dir.join(format!("programme{}.yaml", n + 1));
            fs::write(&path, book.to_yaml())?;
            programmes.push(path);
        }
        Ok((events, programmes))
    }
}
