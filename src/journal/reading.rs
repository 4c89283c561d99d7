//! How a journal is read while others write it.

use anyhow::{Context as _, Result, bail};

use super::records::{Body, Head, Record};
use super::{RECORDS, SEGMENTS, record_name, segment_name};
use crate::epoch::Epoch;
use crate::runtime::store::Store;

/// So many records are fetched side by side.
const AT_ONCE: usize = 32;
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
        Self::since(store, 0)
    }

    /// All records, and the segments that begin with record `first` or one behind it.
    pub(super) fn since(store: &Store, first: u64) -> Result<Self> {
        let mut listing = Self::default();
        // Records first: one that is merged in between is then in the segment that is listed after it.
        let names = store.list(RECORDS)?;
        let after = format!("{SEGMENTS}/{first:020}");
        listing.segments = store.list_after(SEGMENTS, &after)?.iter().filter_map(|name| span(name)).collect();
        // Of two that begin alike the longer one first: it holds the other.
        listing.segments.sort_unstable_by_key(|(from, to)| (*from, std::cmp::Reverse(*to)));
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

/// How objects are fetched by their names; none for each that is not there.
pub(super) type Get<'a> = &'a dyn Fn(&[String]) -> Result<Vec<Option<Vec<u8>>>>;

/// What was read of a journal.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What held before its first record; none where that is the journal's first, or nobody wrote it down.
    pub(super) head: Option<Head>,
    /// Its records.
    pub(super) lines: Vec<Line>,
}

/// All records of a journal.
pub(super) fn all(store: &Store) -> Result<Found> {
    read(&|| Listing::of(store), &|names| store.get_all(names))
}

/// The records of a journal from an epoch on, that epoch's included, and what lies before them in the same segment.
#[cfg(test)]
pub(super) fn since(store: &Store, epoch: Epoch) -> Result<Found> {
    let mut reading = Reading::default();
    read_on(&mut reading, &|| listing_since(store, epoch), &|names| store.get_all(names))?;
    Ok(Found { head: reading.head, lines: reading.lines })
}

/// What a store holds of a journal without the segments that lie before an epoch.
pub(super) fn listing_since(store: &Store, epoch: Epoch) -> Result<Listing> {
    let mut listing = Listing::of(store)?;
    if epoch == 0 {
        return Ok(listing);
    }
    let whole = |segment: &&(u64, u64)| !listing.is_covered(**segment);
    let (mut kept, mut reached) = (Vec::new(), false);
    for segment in listing.segments.iter().rev().filter(whole) {
        if !reached {
            kept.push(*segment);
            reached = reaches(store, *segment, epoch)?;
        }
    }
    kept.reverse();
    listing.segments = kept;
    Ok(listing)
}

/// Whether a segment says what held before it, and holds that epoch or one before it. One that has gone has been merged
/// into another, which the next look finds.
fn reaches(store: &Store, segment: (u64, u64), epoch: Epoch) -> Result<bool> {
    let Some((has_head, epochs)) = bound_in(store, segment)? else { return Ok(false) };
    Ok(has_head && epochs.first().is_some_and(|oldest| *oldest <= epoch))
}

/// Whether a segment binds nothing behind an epoch.
pub(super) fn ends_by(store: &Store, segment: (u64, u64), epoch: Epoch) -> Result<bool> {
    let Some((_, epochs)) = bound_in(store, segment)? else { return Ok(true) };
    Ok(epochs.last().is_none_or(|newest| *newest <= epoch))
}

/// Whether a segment has a head, and the epochs that it binds, in order; nothing where it has gone.
fn bound_in(store: &Store, (first, last): (u64, u64)) -> Result<Option<(bool, Vec<Epoch>)>> {
    let name = segment_name(first, last);
    let Some(packed) = store.get(&name)? else { return Ok(None) };
    let text = unpacked(&packed, &name)?;
    let (head, lines) = parted(&text);
    let bodies = lines.filter_map(|line| Record::parse(line, None, None).ok()).map(|record| record.body);
    let epochs = bodies.flat_map(|body| match body {
        Body::Binding(bounds) => bounds,
        Body::Generation(_) => Vec::new(),
    });
    Ok(Some((head.is_some(), epochs.map(|bound| bound.epoch).collect())))
}

fn unpacked(packed: &[u8], name: &str) -> Result<String> {
    let text = zstd::decode_all(packed).with_context(|| format!("{name} is damaged"))?;
    String::from_utf8(text).with_context(|| format!("{name} is damaged"))
}

/// A segment's head and its records.
fn parted(text: &str) -> (Option<&str>, std::str::Lines<'_>) {
    let mut lines = text.lines();
    let head = lines.clone().next().and_then(|line| line.strip_prefix(Head::SIGN));
    if head.is_some() {
        lines.next();
    }
    (head, lines)
}

/// The newest record; none where there is none.
pub(super) fn newest(store: &Store) -> Result<Option<Record>> {
    let list = || {
        let mut listing = Listing::of(store)?;
        // Of those that end alike any will do.
        listing.segments = listing.segments.iter().copied().max_by_key(|(_, last)| *last).into_iter().collect();
        Ok(listing)
    };
    Ok(read(&list, &|names| store.get_all(names))?.lines.pop().map(|(record, _)| record))
}

/// Reads a journal.
pub(super) fn read(list: &dyn Fn() -> Result<Listing>, get: Get<'_>) -> Result<Found> {
    let mut reading = Reading::default();
    read_on(&mut reading, list, get)?;
    Ok(Found { head: reading.head, lines: reading.lines })
}

/// Reads on; gives the numbers of the newest segment, zeros where there is none. What was merged while it was read is found
/// at the next look, which goes on where the one before ended.
pub(super) fn read_on(reading: &mut Reading, list: &dyn Fn() -> Result<Listing>, get: Get<'_>) -> Result<(u64, u64)> {
    let mut idle = 0;
    loop {
        let (listing, before) = (list()?, reading.next);
        let Some(gone) = reading.go_on(&listing, get)? else {
            return Ok(listing.segments.iter().copied().max_by_key(|(_, last)| *last).unwrap_or((0, 0)));
        };
        idle = if reading.next == before { idle + 1 } else { 0 };
        if idle == TRIES {
            bail!("{gone}: the store names it and does not have it");
        }
    }
}

/// How far a journal has been read.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) head: Option<Head>,
    pub(super) lines: Vec<Line>,
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
            let Some(packed) = get(std::slice::from_ref(&name))?.pop().flatten() else { return Ok(Some(name)) };
            let text = unpacked(&packed, &name)?;
            let (head, lines) = parted(&text);
            if self.lines.is_empty() {
                self.head = head.map(Head::parse).transpose().with_context(|| name.clone())?;
            }
            for line in lines.skip(usize::try_from(self.next - from)?) {
                self.push(line, &name)?;
            }
            if self.next != to + 1 {
                bail!("{name} does not hold what its name says");
            }
        }
        let unread: Vec<u64> = listing.records.iter().copied().filter(|number| *number >= self.next).collect();
        for some in unread.chunks(AT_ONCE) {
            let names: Vec<String> = some.iter().copied().map(record_name).collect();
            for ((number, name), bytes) in some.iter().zip(&names).zip(get(&names)?) {
                self.must_be(*number, name)?;
                let Some(bytes) = bytes else { return Ok(Some(name.clone())) };
                let line = String::from_utf8(bytes).with_context(|| format!("{name} is damaged"))?;
                self.push(&line, name)?;
            }
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
        let record = Record::parse(line, Some(self.next), self.hash.as_deref()).with_context(|| name.to_owned())?;
        self.hash = Some(record.hash.clone());
        self.lines.push((record, line.to_owned()));
        self.next += 1;
        Ok(())
    }
}
