//! Where records come from: an ordered, rewindable reader per partition.
//!
//! Owns: reading bytes, cutting them into records, and turning one record into a decoded event or into
//! the reason why it is a dead letter. Does not own: epochs, clocks, order across partitions, any rule.
//!
//! Reading order: this file, `files`, `decode` (over `json`), `reference`, `kafka`, `casino`.

pub mod casino;
pub mod decode;
pub mod files;
pub mod json;
pub mod kafka;
pub mod reference;

use std::path::PathBuf;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::buffers::{Pool, emptied};

pub use crate::epoch::Position;

/// Records longer than this are dead letters of kind `size` (CONTRACTS section 3).
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// How much of a record that is too long is kept for its dead letter.
pub const KEPT_BYTES_MAX: usize = 128 * 1024;

/// One partition of the input.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Partition {
    /// Its topic.
    pub topic: String,
    /// Its number there.
    pub number: u32,
}

/// Whole records of one partition, in their order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The bytes of all records that are not too long; others may stand between them.
    pub bytes: Vec<u8>,
    /// The records.
    pub records: Vec<RawRecord>,
    /// Bytes of what is kept of records that are too long.
    pub apart: usize,
}

/// One record of a batch.
#[derive(Clone, Debug)]
pub struct RawRecord {
    /// Its offset in its partition.
    pub offset: u64,
    /// Where it begins in the batch's bytes.
    pub start: usize,
    /// Where it ends there.
    pub end: usize,
    /// What is kept of it when it is too long.
    pub oversize: Option<Box<Oversize>>,
}

/// A record that is too long: the beginning, and what identifies the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oversize {
    /// Its first bytes, at most [`KEPT_BYTES_MAX`].
    pub head: Vec<u8>,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of all of them.
    pub sha256: [u8; 32],
}

impl Oversize {
    /// What is kept of a record that is here as a whole.
    #[must_use]
    pub fn of(record: &[u8]) -> Self {
        Self {
            head: record.get(..KEPT_BYTES_MAX).unwrap_or(record).to_vec(),
            bytes: record.len() as u64,
            sha256: Sha256::digest(record).into(),
        }
    }
}

/// Batches that are free.
static FREE: Pool<Batch> = Pool::new();

impl Batch {
    /// An empty batch, with memory if there is one free.
    pub(crate) fn fresh() -> Self {
        FREE.take()
    }

    /// Gives its memory back.
    pub(crate) fn recycle(mut self) {
        emptied(&mut self.bytes);
        emptied(&mut self.records);
        self.apart = 0;
        let bytes = self.bytes.capacity();
        FREE.give(self, bytes);
    }

    /// Makes it empty, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.apart = 0;
    }

    /// How many bytes it holds, those of records that are too long included.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.bytes.len() + self.apart
    }

    /// Appends one record that stands, or will stand, at a place of the batch's bytes.
    fn point_at(&mut self, offset: u64, record: &[u8], start: usize) {
        let oversize = (record.len() > RECORD_BYTES_MAX).then(|| Box::new(Oversize::of(record)));
        self.apart += oversize.as_ref().map_or(0, |kept| kept.head.len());
        let end = if oversize.is_some() { start } else { start + record.len() };
        self.records.push(RawRecord { offset, start, end, oversize });
    }

    /// Appends a record that is too long, by what is kept of it.
    pub fn push_oversize(&mut self, offset: u64, oversize: Oversize) {
        let at = self.bytes.len();
        self.apart += oversize.head.len();
        self.records.push(RawRecord { offset, start: at, end: at, oversize: Some(Box::new(oversize)) });
    }

    /// Appends one record.
    pub fn push(&mut self, offset: u64, record: &[u8]) {
        self.point_at(offset, record, self.bytes.len());
        if record.len() <= RECORD_BYTES_MAX {
            self.bytes.extend_from_slice(record);
        }
    }
}

/// A source that cannot be read.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A broker.
    #[error("cannot read from Kafka: {0}")]
    Kafka(String),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
}

/// What a source promises: one partition, in order, from any offset, up to its high watermark.
///
/// Reading the same position again gives the same records: everything else stands on that.
pub trait Source: Send {
    /// Which partition this is.
    fn partition(&self) -> &Partition;

    /// Reads on from here.
    ///
    /// # Errors
    /// Where the position cannot be reached any more.
    fn seek(&mut self, position: Position) -> Result<(), Error>;

    /// Where the next read begins.
    fn position(&self) -> Position;

    /// The offset after the last record that is there now, where that is known without reading.
    fn high_watermark(&self) -> Option<u64>;

    /// Appends whole records to `batch` until it holds about `bytes` bytes, an offset `before` is
    /// reached, or nothing more is there; says whether the partition may have more.
    ///
    /// # Errors
    /// Where the source cannot be read.
    fn read(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error>;

    /// Whether more may come after nothing more was there; else a partition that has nothing more is at its end for good.
    fn goes_on(&self) -> bool {
        false
    }

    /// The partition reaches so far, as somebody else was told: what lies before that is to come.
    fn reaches(&mut self, _end: u64) {}

    /// As [`Source::read`], but takes only what is here by now: others may have something meanwhile.
    ///
    /// # Errors
    /// As [`Source::read`].
    fn read_now(&mut self, batch: &mut Batch, bytes: usize, before: Option<u64>) -> Result<bool, Error> {
        self.read(batch, bytes, before)
    }
}
