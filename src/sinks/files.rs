//! The file sink: one JSON-lines file per topic, appended to, and a progress record per commit.
//!
//! The progress file `.progress` holds one JSON line per commit: the length of every file, and what the
//! run amounts to so far. Only what the last whole line says is committed. A restart cuts every file back
//! to it, so a kill at any moment loses nothing and doubles nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::tally::Progress;
use super::{Blocks, Error, Sink, Topic};

/// The progress file's name in the output folder.
pub const PROGRESS: &str = ".progress";

/// One line of the progress file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which run this is: input, rules and end.
    pub job: String,
    /// The length of every topic's file, in bytes.
    pub lengths: [u64; Topic::ALL.len()],
    /// How far the run is.
    pub progress: Progress,
}

/// The file sink.
#[derive(Debug)]
pub struct FileSink {
    folder: PathBuf,
    files: Vec<File>,
    lengths: [u64; Topic::ALL.len()],
    committed: [u64; Topic::ALL.len()],
    progress: File,
    job: String,
    durable: bool,
}

/// What a folder of results holds.
#[derive(Debug)]
pub enum Contents {
    /// Nothing.
    Empty,
    /// Something that no progress file explains.
    Foreign,
    /// A run that was ended before its first commit.
    Begun,
    /// A run, up to its last commit.
    Run(Box<Record>),
}

/// Looks at a folder of results.
///
/// # Errors
/// Where it cannot be read.
pub fn inspect(folder: &Path) -> Result<Contents, Error> {
    let failed = |attempt, cause| Error::File { attempt, path: folder.to_owned(), cause };
    if !folder.exists() {
        return Ok(Contents::Empty);
    }
    let any = std::fs::read_dir(folder).map_err(|cause| failed("read", cause))?.next().is_some();
    if !any {
        return Ok(Contents::Empty);
    }
    match std::fs::read(folder.join(PROGRESS)) {
        // A line that was torn or damaged may be no text: the hash tells which are whole.
        Ok(bytes) => {
            Ok(last_record(&String::from_utf8_lossy(&bytes)).map_or(Contents::Begun, |record| Contents::Run(Box::new(record))))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::Foreign),
        Err(cause) => Err(failed("read", cause)),
    }
}

/// The last line that is whole: its hash fits.
fn last_record(text: &str) -> Option<Record> {
    text.lines().rev().find_map(|line| {
        let (hash, body) = line.split_once(' ')?;
        (hash == line_hash(body)).then(|| serde_json::from_str(body).ok())?
    })
}

fn line_hash(body: &str) -> String {
    format!("{:016x}", xxh3_64(body.as_bytes()))
}

impl FileSink {
    /// Opens a folder for a run; with `from` everything behind that commit is cut off, else the folder
    /// begins empty. `durable` makes every commit reach the disk before it counts.
    ///
    /// # Errors
    /// Where a file cannot be opened or cut.
    pub fn open(folder: &Path, job: &str, from: Option<&Record>, durable: bool) -> Result<Self, Error> {
        let failed = |attempt, path: &Path, cause| Error::File { attempt, path: path.to_owned(), cause };
        std::fs::create_dir_all(folder).map_err(|cause| failed("create", folder, cause))?;
        // Before the results, so that a folder this run has begun explains itself from its first file on.
        let path = folder.join(PROGRESS);
        let mut progress =
            OpenOptions::new().create(true).read(true).append(true).open(&path).map_err(|cause| failed("open", &path, cause))?;
        let lengths = from.map(|record| record.lengths).unwrap_or_default();
        let mut files = Vec::new();
        for (topic, length) in Topic::ALL.iter().zip(lengths) {
            let results = folder.join(format!("{}.jsonl", topic.name()));
            files.push(open_at(&results, length).map_err(|cause| failed("open", &results, cause))?);
        }
        // A torn line is ended, so that the next one is whole.
        if progress.seek(SeekFrom::End(0)).is_ok_and(|length| length > 0) {
            progress.write_all(b"\n").map_err(|cause| failed("write", &path, cause))?;
        }
        Ok(Self { folder: folder.to_owned(), files, lengths, committed: lengths, progress, job: job.to_owned(), durable })
    }

    fn failed(&self, attempt: &'static str, name: &str, cause: io::Error) -> Error {
        Error::File { attempt, path: self.folder.join(name), cause }
    }
}

/// Opens a file and cuts it to `length`; one that is shorter has lost what was committed.
fn open_at(path: &Path, length: u64) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    let found = file.metadata()?.len();
    if found < length {
        return Err(other_length(found, length));
    }
    file.set_len(length)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn other_length(found: u64, committed: u64) -> io::Error {
    io::Error::other(format!("it has {found} bytes, {committed} were committed; restore it or start with an empty folder"))
}

/// Whether the results of a run that is complete are still what was committed, by their lengths; nothing is changed.
///
/// # Errors
/// Where a file is gone, shorter or longer.
pub fn check(folder: &Path, record: &Record) -> Result<(), Error> {
    for (topic, committed) in Topic::ALL.iter().zip(record.lengths) {
        let path = folder.join(format!("{}.jsonl", topic.name()));
        let length = std::fs::metadata(&path).map(|found| found.len());
        let same = length.and_then(|found| if found == committed { Ok(()) } else { Err(other_length(found, committed)) });
        same.map_err(|cause| Error::File { attempt: "use", path, cause })?;
    }
    Ok(())
}

impl Sink for FileSink {
    fn write(&mut self, blocks: &Blocks) -> Result<(), Error> {
        for (topic, block) in Topic::ALL.iter().zip(blocks) {
            if block.bytes.is_empty() {
                continue;
            }
            let at = *topic as usize;
            if let Some(file) = self.files.get_mut(at)
                && let Err(cause) = file.write_all(&block.bytes)
            {
                return Err(self.failed("write", &format!("{}.jsonl", topic.name()), cause));
            }
            self.lengths[at] += block.bytes.len() as u64;
        }
        Ok(())
    }

    fn commit(&mut self, progress: &Progress) -> Result<(), Error> {
        if self.durable {
            for (topic, file) in Topic::ALL.iter().zip(&self.files) {
                if self.lengths[*topic as usize] != self.committed[*topic as usize] {
                    file.sync_data().map_err(|cause| self.failed("sync", &format!("{}.jsonl", topic.name()), cause))?;
                }
            }
        }
        let record = Record { job: self.job.clone(), lengths: self.lengths, progress: progress.clone() };
        let body = serde_json::to_string(&record).map_err(|error| Error::Progress(error.to_string()))?;
        let line = format!("{} {body}\n", line_hash(&body));
        self.progress.write_all(line.as_bytes()).map_err(|cause| self.failed("write", PROGRESS, cause))?;
        if self.durable {
            self.progress.sync_data().map_err(|cause| self.failed("sync", PROGRESS, cause))?;
        }
        self.committed = self.lengths;
        Ok(())
    }

    fn abandon(&mut self) {
        for (topic, file) in Topic::ALL.iter().zip(&self.files) {
            // Best effort: the next start cuts again.
            let _cut = file.set_len(self.committed[*topic as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_that_ended_between_any_two_of_its_files_is_one_that_has_begun() {
        for topic in Topic::ALL {
            let folder = tempfile::tempdir().unwrap();
            // No file can be made here: the start ends as a kill at this moment would end it.
            std::fs::create_dir(folder.path().join(format!("{}.jsonl", topic.name()))).unwrap();
            FileSink::open(folder.path(), "job", None, false).unwrap_err();
            assert!(matches!(inspect(folder.path()).unwrap(), Contents::Begun), "{}", topic.name());
        }
    }
}
