//! JSON-lines files as partitions: plain, `.gz` and `.zst` (CONTRACTS section 4).
//!
//! `T.jsonl` is partition 0 of topic T, `T/P.jsonl` partition P of topic T; any other name is a topic of
//! its own. A record's offset is its line, counted from 0; blank lines count as lines, not as records.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use memchr::memchr;
use sha2::{Digest, Sha256};

use super::{Batch, Error, KEPT_BYTES_MAX, Oversize, Partition, Position, RECORD_BYTES_MAX, Source};

/// How far `zstd --long=31` looks back: files packed so need 2 GiB to be unpacked, others as little as ever.
const ZSTD_WINDOW_LOG: u32 = 31;

/// How a file is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// One file, one partition.
pub struct FileSource {
    partition: Partition,
    path: PathBuf,
    packing: Packing,
    reader: Option<Box<dyn Read + Send>>,
    position: Position,
    /// Bytes that were read and not yet given out; from `taken` on.
    buffer: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileSource").field("path", &self.path).field("position", &self.position).finish_non_exhaustive()
    }
}

/// All partitions of a file or a folder, in the order of topic and partition.
///
/// # Errors
/// Where the path is not there, or two files are the same partition.
pub fn open(path: &Path) -> Result<Vec<FileSource>, Error> {
    let failed = |cause| Error::File { path: path.to_owned(), cause };
    let kind = std::fs::metadata(path).map_err(failed)?;
    let mut files = Vec::new();
    if kind.is_dir() {
        collect(path, None, &mut files)?;
    } else {
        must_be_readable_again(path, &kind)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(FileSource::new(
            Partition { topic: split_name(&name).0.to_owned(), number: 0 },
            path.to_owned(),
            split_name(&name).1,
        ));
    }
    files.sort_by(|left, right| left.partition.cmp(&right.partition));
    for pair in files.windows(2) {
        if let [first, second] = pair
            && first.partition == second.partition
        {
            return Err(Error::Usage(format!(
                "{} and {} are both partition {} of topic {}; rename one of them",
                first.path.display(),
                second.path.display(),
                first.partition.number,
                first.partition.topic
            )));
        }
    }
    Ok(files)
}

/// The input is read twice, for rates first: what a pipe has given once it does not give again.
fn must_be_readable_again(path: &Path, kind: &std::fs::Metadata) -> Result<(), Error> {
    if kind.file_type().is_fifo() || kind.file_type().is_socket() {
        return Err(Error::Usage(format!(
            "{} is a pipe, and the input is read twice; write it to a file first (.jsonl, .jsonl.gz or .jsonl.zst)",
            path.display()
        )));
    }
    Ok(())
}

fn collect(folder: &Path, topic: Option<&str>, files: &mut Vec<FileSource>) -> Result<(), Error> {
    let failed = |cause| Error::File { path: folder.to_owned(), cause };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let kind = std::fs::metadata(&path).map_err(|cause| Error::File { path: path.clone(), cause })?;
        if kind.is_dir() {
            let inner = topic.map_or_else(|| name.clone(), |outer| format!("{outer}/{name}"));
            collect(&path, Some(&inner), files)?;
            continue;
        }
        must_be_readable_again(&path, &kind)?;
        let (stem, packing) = split_name(&name);
        let number = Some(stem).filter(|stem| stem.bytes().all(|byte| byte.is_ascii_digit())).and_then(|stem| stem.parse().ok());
        let partition = match (topic, number) {
            (Some(topic), Some(number)) => Partition { topic: topic.to_owned(), number },
            (Some(topic), None) => Partition { topic: format!("{topic}/{stem}"), number: 0 },
            (None, _) => Partition { topic: stem.to_owned(), number: 0 },
        };
        files.push(FileSource::new(partition, path, packing));
    }
    Ok(())
}

/// The name without its endings, and how the file is packed.
fn split_name(name: &str) -> (&str, Packing) {
    let (name, packing) = match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
        (Some(stem), _) => (stem, Packing::Gzip),
        (_, Some(stem)) => (stem, Packing::Zstd),
        _ => (name, Packing::Plain),
    };
    (name.strip_suffix(".jsonl").unwrap_or(name), packing)
}

impl FileSource {
    fn new(partition: Partition, path: PathBuf, packing: Packing) -> Self {
        Self { partition, path, packing, reader: None, position: Position::default(), buffer: Vec::new(), taken: 0, ended: false }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether more bytes are read from it than it has.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.packing != Packing::Plain
    }

    fn failed(&self, cause: io::Error) -> Error {
        use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
        let of_content = matches!(cause.kind(), InvalidData | InvalidInput | Other | UnexpectedEof);
        let cause = if of_content && self.packing != Packing::Plain {
            // What is said of packed content tells nobody what to do.
            let what = "the file is cut short, damaged, or has something behind its packed content";
            io::Error::new(cause.kind(), format!("{cause}: {what}"))
        } else {
            cause
        };
        Error::File { path: self.path.clone(), cause }
    }

    /// Opens the file at a byte of its unpacked content.
    fn open_at(&mut self, byte: u64) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        // An empty file holds no events, packed or not.
        let packing = if file.metadata()?.len() == 0 { Packing::Plain } else { self.packing };
        let mut reader: Box<dyn Read + Send> = match packing {
            Packing::Plain => {
                file.seek(SeekFrom::Start(byte))?;
                self.reader = Some(Box::new(file));
                return Ok(());
            }
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(1 << 16, file))),
            Packing::Zstd => {
                let mut unpacked = zstd::stream::read::Decoder::new(file)?;
                unpacked.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(unpacked)
            }
        };
        io::copy(&mut reader.by_ref().take(byte), &mut io::sink())?;
        self.reader = Some(reader);
        Ok(())
    }

    /// Reads more bytes behind those that are there; says whether there were any.
    fn fill(&mut self, bytes: usize) -> io::Result<bool> {
        if self.reader.is_none() {
            self.open_at(self.position.byte)?;
            if self.position.byte == 0 {
                self.skip_mark()?;
            }
        }
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        let Some(reader) = self.reader.as_mut() else { return Ok(false) };
        let wanted = bytes.max(1 << 12);
        self.buffer.reserve(wanted);
        Ok(reader.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)? > 0)
    }

    /// A byte-order mark at the start of a file is skipped.
    fn skip_mark(&mut self) -> io::Result<()> {
        let Some(reader) = self.reader.as_mut() else { return Ok(()) };
        let mut mark = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut mark)?;
        if mark == [0xef, 0xbb, 0xbf] {
            self.position.byte = 3;
        } else {
            self.buffer.extend_from_slice(&mark);
        }
        Ok(())
    }

    /// Hands the buffer itself over, as far as its whole lines go; what is behind them stays here.
    fn hand_over(&mut self, batch: &mut Batch, bytes: usize, before: u64) {
        let mut at = self.taken;
        while at - self.taken < bytes && self.position.offset < before {
            let rest = self.buffer.get(at..).unwrap_or(&[]);
            let (line, step) = match memchr(b'\n', rest) {
                Some(end) => (unended(rest.get(..end).unwrap_or(rest)), end + 1),
                None if self.ended && !rest.is_empty() => (unended(rest), rest.len()),
                None => break,
            };
            if !is_blank(line) {
                batch.point_at(self.position.offset, line, at);
            }
            at += step;
            self.position.offset += 1;
            self.position.byte += step as u64;
        }
        if at > self.taken {
            // The batch's own memory is what the source reads into next: the two change places.
            std::mem::swap(&mut batch.bytes, &mut self.buffer);
            self.buffer.clear();
            self.buffer.extend_from_slice(batch.bytes.get(at..).unwrap_or(&[]));
            batch.bytes.truncate(at);
            self.taken = 0;
        }
    }

    /// Gives out the whole lines that are in the buffer, behind what is in the batch.
    fn give(&mut self, batch: &mut Batch, bytes: usize, before: u64) {
        let limit = batch.bytes.len() + bytes;
        while batch.bytes.len() < limit && self.position.offset < before {
            let rest = self.buffer.get(self.taken..).unwrap_or(&[]);
            let (line, step) = match memchr(b'\n', rest) {
                Some(end) => (unended(rest.get(..end).unwrap_or(rest)), end + 1),
                None if self.ended && !rest.is_empty() => (unended(rest), rest.len()),
                None => return,
            };
            if !is_blank(line) {
                batch.push(self.position.offset, line);
            }
            self.taken += step;
            self.position.offset += 1;
            self.position.byte += step as u64;
        }
    }

    /// A line that is longer than a record may be: read to its end without keeping it.
    fn give_long(&mut self, batch: &mut Batch) -> io::Result<()> {
        let mut long = Long::default();
        loop {
            let rest = self.buffer.get(self.taken..).unwrap_or(&[]);
            let end = memchr(b'\n', rest);
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
            long.add(part);
            let step = part.len() + usize::from(end.is_some());
            self.taken += step;
            self.position.byte += step as u64;
            if end.is_some() || !self.fill(1 << 18)? {
                break;
            }
        }
        if let Some(oversize) = long.ended() {
            batch.push_oversize(self.position.offset, oversize);
        }
        self.position.offset += 1;
        Ok(())
    }
}

/// A line that comes in parts and is not kept as a whole.
#[derive(Default)]
struct Long {
    head: Vec<u8>,
    hasher: Sha256,
    bytes: u64,
    some: bool,
    /// A carriage return is the last that came: it is part of the line if anything follows it.
    held: bool,
}

impl Long {
    fn add(&mut self, part: &[u8]) {
        if part.is_empty() {
            return;
        }
        if std::mem::take(&mut self.held) {
            self.take(b"\r");
        }
        let whole = unended(part);
        self.held = whole.len() < part.len();
        self.take(whole);
    }

    fn take(&mut self, part: &[u8]) {
        let room = KEPT_BYTES_MAX.saturating_sub(self.head.len()).min(part.len());
        self.head.extend_from_slice(part.get(..room).unwrap_or(part));
        self.hasher.update(part);
        self.bytes += part.len() as u64;
        self.some |= !is_blank(part);
    }

    /// The line at its end, unless it is blank.
    fn ended(self) -> Option<Oversize> {
        let Self { head, hasher, bytes, some, .. } = self;
        some.then(|| Oversize { head, bytes, sha256: hasher.finalize().into() })
    }
}

/// A line without the carriage return of its end, where it has one.
fn unended(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_blank(line: &[u8]) -> bool {
    match line.first() {
        None => true,
        Some(b'{') => false,
        Some(_) => line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')),
    }
}

impl Source for FileSource {
    fn partition(&self) -> &Partition {
        &self.partition
    }

    fn seek(&mut self, position: Position) -> Result<(), Error> {
        self.position = position;
        self.reader = None;
        self.buffer.clear();
        self.taken = 0;
        self.ended = false;
        Ok(())
    }

    fn position(&self) -> Position {
        self.position
    }

    fn high_watermark(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error> {
        let before = before.unwrap_or(u64::MAX);
        let wanted = batch.size().saturating_add(bytes);
        let records = batch.records.len();
        loop {
            if batch.bytes.is_empty() && batch.records.is_empty() {
                self.hand_over(batch, bytes, before);
            } else {
                self.give(batch, wanted.saturating_sub(batch.size()), before);
            }
            if self.position.offset >= before || batch.size() >= wanted {
                return Ok(true);
            }
            if self.ended {
                // Of a thousand files each would keep its last one.
                (self.buffer, self.taken) = (Vec::new(), 0);
                return Ok(false);
            }
            if batch.records.len() > records && batch.size().saturating_mul(2) >= wanted {
                return Ok(true);
            }
            let waiting = self.buffer.len() - self.taken;
            // One more: the last byte may be the carriage return of a line whose end is not here yet.
            if waiting > RECORD_BYTES_MAX + 1 {
                self.give_long(batch).map_err(|cause| self.failed(cause))?;
                continue;
            }
            if !self.fill(bytes).map_err(|cause| self.failed(cause))? {
                self.ended = true;
                // A folder may hold more files than may be open.
                self.reader = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn lines(source: &mut FileSource, bytes: usize) -> Vec<(u64, String)> {
        let mut all = Vec::new();
        let mut batch = Batch::default();
        loop {
            let more = source.read(&mut batch, bytes, None).unwrap();
            for record in &batch.records {
                let text = record.oversize.as_ref().map_or_else(
                    || String::from_utf8_lossy(&batch.bytes[record.start..record.end]).into_owned(),
                    |long| format!("long {}", long.bytes),
                );
                all.push((record.offset, text));
            }
            batch.clear();
            if !more {
                return all;
            }
        }
    }

    #[test]
    fn two_buffers_change_places_however_often_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bets.v1.jsonl");
        std::fs::write(&path, format!("{}\n", "x".repeat(999)).repeat(1_000)).unwrap();
        let mut source = open(&path).unwrap().remove(0);
        let (mut batch, mut buffers, mut reads) = (Batch::default(), std::collections::BTreeSet::new(), 0);
        while source.read(&mut batch, 70_000, None).unwrap() {
            if reads > 4 {
                buffers.insert(batch.bytes.as_ptr() as usize);
            }
            reads += 1;
            batch.clear();
        }
        assert!(reads > 10 && buffers.len() <= 2, "{} buffers in {reads} reads", buffers.len());
    }

    #[test]
    fn what_cannot_be_read_twice_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bets.v1.jsonl");
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        for events in [folder.path(), &path] {
            let told = open(events).map(drop).unwrap_err().to_string();
            assert!(told.contains("bets.v1.jsonl is a pipe") && told.contains("write it to a file first"), "{told}");
        }
    }

    #[test]
    fn a_packed_file_that_is_cut_short_says_what_may_be_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let content = "{\"a\":1}\n".repeat(1_000);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(content.as_bytes()).unwrap();
        for (name, packed) in [("a.gz", gz.finish().unwrap()), ("b.zst", zstd::encode_all(content.as_bytes(), 1).unwrap())] {
            let path = folder.path().join(name);
            std::fs::write(&path, &packed[..packed.len() / 2]).unwrap();
            let mut source = open(&path).unwrap().remove(0);
            let mut batch = Batch::default();
            let told = loop {
                match source.read(&mut batch, 1 << 20, None) {
                    Ok(more) => assert!(more, "{name} was read to an end that it does not have"),
                    Err(error) => break format!("{:#}", anyhow::Error::from(error)),
                }
            };
            assert!(told.contains(name) && told.contains("the file is cut short"), "{told}");
        }
    }

    #[test]
    fn a_file_packed_to_look_far_back_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bets.v1.jsonl.zst");
        let mut zst = zstd::Encoder::new(File::create(&path).unwrap(), 1).unwrap();
        zst.long_distance_matching(true).unwrap();
        // One more than is unpacked without being asked for.
        zst.window_log(28).unwrap();
        zst.write_all(b"{1}\n{2}\n").unwrap();
        zst.finish().unwrap();
        let mut source = open(&path).unwrap().remove(0);
        assert_eq!(lines(&mut source, 100), [(0, "{1}".to_owned()), (1, "{2}".to_owned())]);
    }

    #[test]
    fn a_carriage_return_is_part_of_the_lines_end_and_not_of_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let (full, over) = ("x".repeat(RECORD_BYTES_MAX), "y".repeat(RECORD_BYTES_MAX + 1));
        // Longer than is kept of it, and with carriage returns that are in no line's end.
        let long = format!("\r{}", "z\r".repeat(KEPT_BYTES_MAX));
        let content = format!("{{1}}\r\n\r\n{full}\r\n{over}\r\n{long}\r\r\n{{2}}\r");
        std::fs::write(folder.path().join("bets.v1.jsonl"), &content).unwrap();
        let mut source = open(folder.path()).unwrap().remove(0);
        let whole = |text: &str| (text.to_owned(), None);
        let cut = |text: &str| (String::new(), Some(Oversize::of(text.as_bytes())));
        let expected = [(0, whole("{1}")), (2, whole(&full)), (3, cut(&over)), (4, cut(&format!("{long}\r"))), (5, whole("{2}"))];
        // One of these ends a reading between the two bytes of the end of the longest record that may be.
        for bytes in [1, 7, RECORD_BYTES_MAX, RECORD_BYTES_MAX + 1, RECORD_BYTES_MAX + 5, 70_000, 100_000, 1 << 17, 1 << 20] {
            source.seek(Position::default()).unwrap();
            let (mut found, mut places) = (Vec::new(), vec![Position::default()]);
            let mut batch = Batch::default();
            loop {
                let more = source.read(&mut batch, bytes, None).unwrap();
                for record in batch.records.drain(..) {
                    let text = String::from_utf8_lossy(&batch.bytes[record.start..record.end]).into_owned();
                    found.push((record.offset, (text, record.oversize.map(|oversize| *oversize))));
                }
                batch.clear();
                places.push(source.position());
                if !more {
                    break;
                }
            }
            assert!(found == expected, "read {bytes} at a time");
            assert_eq!(batch.apart, 0, "it is empty");
            assert_eq!(source.position().byte, content.len() as u64);
            for place in places {
                source.seek(place).unwrap();
                let rest: Vec<u64> = lines(&mut source, bytes).into_iter().map(|(offset, _)| offset).collect();
                let left: Vec<u64> =
                    expected.iter().map(|(offset, _)| *offset).filter(|offset| *offset >= place.offset).collect();
                assert_eq!(rest, left, "read {bytes} at a time, from {place:?}");
            }
        }
    }

    #[test]
    fn lines_are_numbered_blank_ones_skipped_and_long_ones_kept_apart() {
        let folder = tempfile::tempdir().unwrap();
        let long = "x".repeat(300_000);
        let content = format!("\u{feff}{{1}}\n\n  \t\n{{2}}\n{long}\n{{3}}");
        let expected: Vec<(u64, String)> =
            vec![(0, "{1}".into()), (3, "{2}".into()), (4, "long 300000".into()), (5, "{3}".into())];
        std::fs::write(folder.path().join("bets.v1.jsonl"), &content).unwrap();
        std::fs::create_dir(folder.path().join("players.v1")).unwrap();
        let mut gz = flate2::write::GzEncoder::new(
            File::create(folder.path().join("players.v1/3.jsonl.gz")).unwrap(),
            flate2::Compression::fast(),
        );
        gz.write_all(content.as_bytes()).unwrap();
        gz.finish().unwrap();
        std::fs::write(folder.path().join("zstd.jsonl.zst"), zstd::encode_all(content.as_bytes(), 1).unwrap()).unwrap();
        let mut sources = open(folder.path()).unwrap();
        let names: Vec<_> = sources.iter().map(|source| (source.partition.topic.clone(), source.partition.number)).collect();
        assert_eq!(names, [("bets.v1".into(), 0), ("players.v1".into(), 3), ("zstd".into(), 0)]);
        for source in &mut sources {
            for bytes in [1, 7, 4_096, 1 << 20] {
                source.seek(Position::default()).unwrap();
                assert_eq!(lines(source, bytes), expected);
            }
            source.seek(Position::default()).unwrap();
            let mut batch = Batch::default();
            assert!(source.read(&mut batch, 1 << 20, Some(4)).unwrap());
            assert_eq!((batch.records.len(), batch.size()), (2, batch.bytes.len()));
            let position = source.position();
            source.seek(position).unwrap();
            assert_eq!(lines(source, 10), expected[2..]);
        }
    }
}
