//! Bindings: which records belong to which epoch, written down before anything that follows from them.
//!
//! ```text
//! journal/records/NUMBER                  one record: a process started, or epochs were bound
//! journal/segments/FIRST-LAST.zst         what held before them, and records that were merged, in order
//! ```
//! A record is one line: its hash, a space, its JSON. The hash covers that of the record before it, so that a
//! record that is missing or was changed is noticed. A segment's first line is its head, and begins with that word.
//! A record is made by conditional create: of two processes that think they own a job, one learns that it does not.
//! The journal begins at the end of its newest segment: a record below that is none, whoever wrote it.
//!
//! Owns: the journal's form and protocol. Does not own: when something is bound, and what a process does then.
//!
//! Reading order: this file, `records`, `reading`.

mod reading;
mod records;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use thiserror::Error;

use self::reading::{Line, Listing, Reading};
pub use self::records::{Body, Bound, Generation, Head, News, Record, folded, unfolded};
use crate::epoch::Epoch;
use crate::machine::{Defect, Machine};
use crate::runtime::store::{Created, Store};

/// So many records are merged into a segment.
const SEGMENT_RECORDS: usize = 256;
/// So many in a simulation, which is short.
const SIMULATED_RECORDS: usize = 8;
const RECORDS: &str = "journal/records";
const SEGMENTS: &str = "journal/segments";
/// How long an answer of the store that is not clear is asked for again before a person is told.
const TELL: Duration = Duration::from_secs(10);

/// Why nothing can be appended.
#[derive(Debug, Error)]
pub enum Refused {
    /// A newer start owns the job: exit code 75.
    #[error("a newer start of this job took over ({0}); this process stops and publishes nothing more")]
    Superseded(String),
    /// Somebody else made the record that was to be made.
    #[error("{0}")]
    Conflict(String),
    /// What is asked for does not go with what the journal says: exit code 78.
    #[error("{0}")]
    Mismatch(String),
    /// The store.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// The journal of a job.
pub struct Journal {
    store: Arc<Store>,
    /// The random id of this process start; an input to nothing that is computed.
    process: String,
    generation: u64,
    last: u64,
    last_hash: String,
    /// The first record of the newest segment: whoever takes over merges from there on, or behind it.
    newest: u64,
    /// The lines of records behind the newest segment.
    tail: Vec<(u64, String)>,
    /// What held before them, and what holds behind them.
    heads: (Option<Head>, Option<Head>),
    /// Where people are told that the store is awaited.
    notice: crate::kafka::Notice,
    machine: Machine,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Journal").field("generation", &self.generation).field("last", &self.last).finish_non_exhaustive()
    }
}

fn record_name(number: u64) -> String {
    format!("{RECORDS}/{number:020}")
}

fn segment_name(first: u64, last: u64) -> String {
    format!("{SEGMENTS}/{first:020}-{last:020}.zst")
}

/// Reads all that a journal holds, in order.
///
/// # Errors
/// Where a record is missing or does not fit; the object is named.
pub fn read(store: &Store) -> Result<Story> {
    let found = reading::all(store)?;
    Ok(Story { head: found.head, records: found.lines.into_iter().map(|(record, _)| record).collect() })
}

/// All records that a journal holds, in order.
///
/// # Errors
/// As [`read`].
pub fn read_all(store: &Store) -> Result<Vec<Record>> {
    Ok(read(store)?.records)
}

/// Removes segments that bind nothing behind an epoch: what lies before its snapshot. The newest segment stays.
///
/// # Errors
/// Where the store does not answer, or a segment is damaged.
pub fn trim(store: &Store, epoch: Epoch) -> Result<()> {
    let listing = Listing::of(store)?;
    let end = listing.end();
    for (first, last) in listing.segments.iter().copied().filter(|(_, last)| *last < end) {
        if !reading::ends_by(store, (first, last), epoch)? {
            break;
        }
        store.delete(&segment_name(first, last))?;
    }
    Ok(())
}

/// The process that wrote the newest record; none where there is no record.
///
/// # Errors
/// Where the store does not answer.
pub fn owner(store: &Store) -> Result<Option<String>> {
    Ok(reading::newest(store)?.map(|record| record.process))
}

/// What was read of a journal.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What held before the first of the records; none where that is the journal's first.
    pub head: Option<Head>,
    /// Records, in order.
    pub records: Vec<Record>,
}

/// What a journal holds when a process is about to begin in it.
#[derive(Debug)]
pub struct Before<'j> {
    /// What held before the first of the records, and what holds behind the last.
    heads: (Option<&'j Head>, Option<&'j Head>),
    lines: &'j [Line],
}

impl Before<'_> {
    /// What the newest process was started with.
    #[must_use]
    pub fn generation(&self) -> Option<&Generation> {
        self.heads.1.map(|head| &head.generation)
    }

    /// What held before the first of the records.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        self.heads.0
    }

    /// Records, in order.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.lines.iter().map(|(record, _)| record)
    }
}

/// The greatest generation in a journal.
fn generation_of(records: &[Line]) -> u64 {
    records.iter().map(|(record, _)| record.generation).max().unwrap_or(0)
}

impl Journal {
    /// Begins a new generation: from here on nobody older can bind anything. Gives the journal and its records from
    /// an epoch on, that epoch's included, the new one too; `start` is given what is there, and may refuse before anything is taken from whoever
    /// owns the job.
    ///
    /// # Errors
    /// Where the journal is damaged, or the store does not answer.
    pub fn begin(
        store: Arc<Store>,
        process: &str,
        since: Epoch,
        start: &dyn Fn(&Before<'_>) -> Result<Generation, Refused>,
        machine: Machine,
        notice: crate::kafka::Notice,
    ) -> Result<(Self, Story), Refused> {
        let (mut reading, mut newest) = (Reading::default(), None);
        loop {
            // Where somebody else was faster, only what is new is read: it must not go on like that.
            let list = || newest.map_or_else(|| reading::listing_since(&store, since), |(from, _)| Listing::since(&store, from));
            let (first, merged) =
                reading::read_on(&mut reading, &list, &|names| store.get_all(names)).map_err(Refused::Failed)?;
            newest = Some((first, merged));
            let unread = usize::from(machine.has(Defect::LastUnread) && reading.lines.len() > 2);
            let (head, lines) = (&reading.head, reading.lines.get(..reading.lines.len() - unread).unwrap_or_default());
            let (last, last_hash) = lines.last().map_or((0, String::new()), |(record, _)| (record.number, record.hash.clone()));
            let generation = generation_of(lines) + 1;
            let behind = lines.iter().filter(|(record, _)| record.number > merged);
            let tail = behind.map(|(record, line)| (record.number, line.clone()));
            let mut heads = (head.clone(), head.clone());
            for (record, _) in lines {
                heads.1 = Head::after(heads.1, &record.body);
                if record.number <= merged {
                    heads.0.clone_from(&heads.1);
                }
            }
            let mut journal = Self {
                store: Arc::clone(&store),
                process: process.to_owned(),
                generation,
                last,
                last_hash,
                newest: first,
                tail: tail.collect(),
                heads,
                notice: Arc::clone(&notice),
                machine: machine.clone(),
            };
            let found = Before { heads: (head.as_ref(), journal.heads.1.as_ref()), lines };
            let body = Body::Generation(Box::new(start(&found)?));
            match journal.append(body) {
                Ok(record) => {
                    let before = reading.lines.into_iter().map(|(older, _)| older);
                    let records = before.take_while(|older| older.number < record.number).chain([record.clone()]).collect();
                    return Ok((journal, Story { head: reading.head, records }));
                }
                // Somebody else was faster: read on, and try the next number.
                Err(Refused::Conflict(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
    }

    /// The generation of this process start.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a newer start has taken over.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn is_superseded(&self) -> Result<bool> {
        Ok(Listing::since(&self.store, self.newest)?.highest() > self.last)
    }

    /// Appends a record; once this returns, it is durable and counts.
    ///
    /// # Errors
    /// Where a newer start took over, or the record could not be made.
    pub fn append(&mut self, body: Body) -> Result<Record, Refused> {
        let record = Record {
            number: self.last + 1,
            generation: self.generation,
            process: self.process.clone(),
            prev_hash: self.last_hash.clone(),
            body,
            hash: String::new(),
        };
        let (record, line) = record.seal().map_err(Refused::Failed)?;
        self.machine.pass("journal.before-record");
        if self.machine.has(Defect::JournalOverwrites) {
            self.store.put(&record_name(record.number), line.clone().into_bytes()).map_err(Refused::Failed)?;
        } else {
            self.create(&record_name(record.number), &line)?;
        }
        self.machine.pass("journal.after-record");
        let listing = self.asked("the journal's records", || Listing::since(&self.store, self.newest));
        if listing.highest() > record.number || listing.end() >= record.number {
            return Err(Refused::Superseded(format!("the journal goes on to record {}", listing.highest())));
        }
        self.last = record.number;
        self.last_hash.clone_from(&record.hash);
        self.heads.1 = Head::after(self.heads.1.take(), &record.body);
        self.tail.push((record.number, line));
        let enough = if self.machine.is_simulated() { SIMULATED_RECORDS } else { SEGMENT_RECORDS };
        if self.tail.len() >= enough {
            // The record counts, merged or not: what could not be merged is merged with a later one.
            if let Err(error) = self.merge() {
                (self.notice)(&format!("journal records could not be merged, which is tried again: {error:#}"));
            }
        }
        Ok(record)
    }

    /// Makes an object, whatever the store answers on the way: an answer that is not clear is settled by reading.
    fn create(&self, name: &str, line: &str) -> Result<(), Refused> {
        let mut since = self.machine.now();
        loop {
            let answer = self.store.create(name, line.as_bytes().to_vec());
            if matches!(answer, Ok(Created::Now)) {
                return Ok(());
            }
            let found = self.asked(name, || self.store.get(name));
            match found {
                Some(bytes) if bytes == line.as_bytes() => return Ok(()),
                Some(_) => return Err(Refused::Conflict(format!("{name} is of another process"))),
                // It may have been merged and removed by a newer start: the listing after it says so.
                None if matches!(answer, Ok(Created::Before)) => return Ok(()),
                None => {}
            }
            if let Err(error) = answer
                && self.machine.now() - since >= TELL
            {
                since = self.machine.now();
                (self.notice)(&format!("waiting for the store: {error:#}"));
            }
            self.machine.sleep(Duration::from_millis(200));
        }
    }

    /// Asks the store until it answers, and says so every ten seconds.
    fn asked<T>(&self, what: &str, question: impl Fn() -> Result<T>) -> T {
        let mut since = self.machine.now();
        loop {
            match question() {
                Ok(answer) => return answer,
                Err(error) => {
                    if self.machine.now() - since >= TELL {
                        since = self.machine.now();
                        (self.notice)(&format!("waiting for the store ({what}): {error:#}"));
                    }
                    self.machine.sleep(Duration::from_millis(200));
                }
            }
        }
    }

    /// Merges the records behind the newest segment into one, and removes them.
    fn merge(&mut self) -> Result<()> {
        let listing = Listing::of(&self.store)?;
        let (Some(first), Some(last)) =
            (self.tail.first().map(|(number, _)| *number), self.tail.last().map(|(number, _)| *number))
        else {
            return Ok(());
        };
        let mut text = String::new();
        if let Some(head) = &self.heads.0 {
            text = head.write()? + "\n";
        }
        for (_, line) in &self.tail {
            text.push_str(line);
            text.push('\n');
        }
        let packed = zstd::encode_all(text.as_bytes(), 3).context("cannot pack a segment")?;
        let name = segment_name(first, last);
        if self.machine.has(Defect::MergeForgets) {
            for (number, _) in &self.tail {
                self.store.delete(&record_name(*number))?;
            }
        }
        self.machine.pass("journal.before-segment");
        if self.store.create(&name, packed.clone())? == Created::Before
            && self.store.get(&name)?.is_none_or(|found| found != packed)
        {
            bail!("{name} is there with another content");
        }
        self.machine.pass("journal.after-segment");
        // They are merged, whatever becomes of what is removed now.
        let merged = std::mem::take(&mut self.tail);
        self.heads.0.clone_from(&self.heads.1);
        self.newest = first;
        for (from, to) in listing.segments.iter().filter(|segment| listing.is_covered(**segment)) {
            self.store.delete(&segment_name(*from, *to))?;
        }
        for number in listing.stray.iter().copied().chain(merged.into_iter().map(|(number, _)| number)) {
            self.store.delete(&record_name(number))?;
            self.machine.pass("journal.record-removed");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
