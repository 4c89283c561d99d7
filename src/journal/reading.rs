//! How a journal is read while others write it.

use anyhow::{Context as _, Result, bail};

use super::records::Record;
use super::{RECORDS, SEGMENTS, record_name, segment_name};
use crate::runtime::store::Store;

/// So often in a row a look may end where the one before did.
const TRIES: u32 = 5;

/// The numbers of a segment, from its name.
fn span(name: &str) -> Option<(u64, u64)> {
    let (first, last) = name.rsplit('/').next()?.strip_suffix(".zst")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

/// What a store holds of a journal.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Segments by their first and last number, in order.
    pub(super) segments: Vec<(u64, u64)>,
    /// Records behind the newest segment.
    pub(super) records: Vec<u64>,
    /// Records that are none: they lie below the end of the newest segment.
    pub(super) stray: Vec<u64>,
}

impl Listing {
    pub(super) fn of(store: &Store) -> Result<Self> {
        let mut listing = Self::default();
        // Records first: one that is merged in between is then in the segment that is listed after it.
        let names = store.list(RECORDS)?;
        listing.segments = store.list(SEGMENTS)?.iter().filter_map(|name| span(name)).collect();
        // Of two that begin alike the longer one first: it holds the other.
        listing.segments.sort_unstable_by_key(|(first, last)| (*first, std::cmp::Reverse(*last)));
        let end = listing.end();
        for number in names.iter().filter_map(|name| name.rsplit('/').next()?.parse::<u64>().ok()) {
            if number > end { listing.records.push(number) } else { listing.stray.push(number) }
        }
        listing.records.sort_unstable();
        Ok(listing)
    }

    pub(super) fn end(&self) -> u64 {
        self.segments.iter().map(|(_, last)| *last).max().unwrap_or(0)
    }

    /// Whether another segment holds all that this one does.
    pub(super) fn is_covered(&self, (first, last): (u64, u64)) -> bool {
        self.segments.iter().any(|(from, to)| *from <= first && last <= *to && (*from, *to) != (first, last))
    }

    pub(super) fn highest(&self) -> u64 {
        self.records.last().copied().unwrap_or(0).max(self.end())
    }
}

/// A record with its line.
pub(super) type Line = (Record, String);

/// How an object is fetched by its name; none where it is not there.
pub(super) type Get<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<u8>>>;

/// All records of a journal, and the number of the last one that is merged.
pub(super) fn all(store: &Store) -> Result<(Vec<Line>, u64)> {
    read(&|| Listing::of(store), &|name| store.get(name))
}

/// The newest record; none where there is none.
pub(super) fn newest(store: &Store) -> Result<Option<Record>> {
    let list = || {
        let mut listing = Listing::of(store)?;
        // Of those that end alike any will do.
        listing.segments = listing.segments.iter().copied().max_by_key(|(_, last)| *last).into_iter().collect();
        Ok(listing)
    };
    Ok(read(&list, &|name| store.get(name))?.0.pop().map(|(record, _)| record))
}

/// What was merged while it was read is found at the next look, which goes on where the one before ended.
pub(super) fn read(list: &dyn Fn() -> Result<Listing>, get: Get<'_>) -> Result<(Vec<Line>, u64)> {
    let (mut reading, mut idle) = (Reading::default(), 0);
    loop {
        let (listing, before) = (list()?, reading.next);
        let Some(gone) = reading.go_on(&listing, get)? else { return Ok((reading.lines, listing.end())) };
        idle = if reading.next == before { idle + 1 } else { 0 };
        if idle == TRIES {
            bail!("{gone}: the store names it and does not have it");
        }
    }
}

/// How far a journal has been read.
#[derive(Default)]
struct Reading {
    lines: Vec<Line>,
    /// The number of the next record; 0 before anything is known.
    next: u64,
    /// The hash of the record before it, where that is known.
    hash: Option<String>,
}

impl Reading {
    /// Reads on as a listing says; gives the name of an object that has gone meanwhile.
    fn go_on(&mut self, listing: &Listing, get: Get<'_>) -> Result<Option<String>> {
        let first = listing.segments.first().map_or(1, |(first, _)| *first);
        if self.lines.is_empty() || first > self.next {
            // Where nothing is read yet, or only the newest is read and there is a newer one.
            *self = Self { next: first, hash: (first == 1).then(String::new), ..Self::default() };
        }
        for (from, to) in &listing.segments {
            let name = segment_name(*from, *to);
            if *to < self.next {
                // It was read, or somebody who was superseded merged what a newer segment holds as well.
                continue;
            }
            self.must_be(*from, &name)?;
            let Some(packed) = get(&name)? else { return Ok(Some(name)) };
            let text = zstd::decode_all(packed.as_slice()).with_context(|| format!("{name} is damaged"))?;
            let text = String::from_utf8(text).with_context(|| format!("{name} is damaged"))?;
            for line in text.lines().skip(usize::try_from(self.next - from)?) {
                self.push(line, &name)?;
            }
            if self.next != to + 1 {
                bail!("{name} does not hold what its name says");
            }
        }
        for number in &listing.records {
            let name = record_name(*number);
            if *number < self.next {
                continue;
            }
            self.must_be(*number, &name)?;
            let Some(bytes) = get(&name)? else { return Ok(Some(name)) };
            let line = String::from_utf8(bytes).with_context(|| format!("{name} is damaged"))?;
            self.push(&line, &name)?;
        }
        Ok(None)
    }

    fn must_be(&self, first: u64, name: &str) -> Result<()> {
        if first > self.next {
            bail!("{name}: record {} is missing before it", self.next);
        }
        Ok(())
    }

    fn push(&mut self, line: &str, name: &str) -> Result<()> {
        let record = Record::parse(line, self.next, self.hash.as_deref()).with_context(|| name.to_owned())?;
        self.hash = Some(record.hash.clone());
        self.lines.push((record, line.to_owned()));
        self.next += 1;
        Ok(())
    }
}
