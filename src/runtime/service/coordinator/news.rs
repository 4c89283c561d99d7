//! What becomes known while a service runs: exchange rates and rulebooks, with the epoch that binds them (rules 0, 16).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Coordinator;
use crate::hex;
use crate::journal::{Bound, News};
use crate::runtime::Failure;
use crate::runtime::service::history::take;
use crate::runtime::service::same::totals;
use crate::runtime::service::worker::{Extra, Opening};
use crate::sources::reference::{self, Reference};
use crate::sources::{Batch, Oversize, Source};

/// A topic's partition that holds rates or rulebooks; the coordinator reads it.
pub(in crate::runtime::service) struct NewsSource {
    pub(in crate::runtime::service) number: u32,
    pub(in crate::runtime::service) source: Box<dyn Source>,
    /// Up to here it is read before anything else.
    pub(in crate::runtime::service) first: u64,
    /// Whether it has been taken in.
    pub(in crate::runtime::service) active: bool,
}

/// What became known with an epoch, and the records that said so: partition, records, offset, whether that is its end.
type Again = (Option<Arc<Reference>>, Vec<Extra>);

impl Coordinator {
    /// What became known with an epoch that was bound before, and the records that said so.
    pub(super) fn news_again(&mut self, bound: &Bound) -> Result<Again, Failure> {
        let mut found = BTreeMap::new();
        let mut extra = Vec::new();
        for each in &mut self.news {
            let Some(partition) = self.partitions.get(each.number as usize) else { continue };
            let mut batch = Batch::default();
            for news in &bound.news {
                if news.topic == partition.topic && news.partition == partition.number {
                    put(&mut batch, news);
                    if let Some(verdict) = take(&mut self.book, news) {
                        self.beside.learn(bound.epoch, news, &verdict);
                        found.insert((each.number, news.offset), verdict);
                    }
                }
            }
            each.active |= bound.taken_in.iter().any(|(number, ..)| *number == each.number);
            if !each.active {
                continue;
            }
            let begun = bound.taken_in.iter().map(|(number, offset, _)| (*number, *offset));
            for (_, offset) in begun.chain(bound.ends.iter().copied()).filter(|(number, _)| *number == each.number) {
                // The records of a compacted topic may be gone: they stand in the binding, the source only goes on behind them.
                each.source.seek(crate::epoch::Position { offset, byte: 0 })?;
            }
            extra.push((each.number, batch, each.source.position().offset, bound.at_end.contains(&each.number)));
        }
        let news = (!found.is_empty()).then(|| self.reference(found));
        Ok((news, extra))
    }

    fn reference(&self, found: BTreeMap<(u32, u64), reference::Found>) -> Arc<Reference> {
        let mut rules = self.book.rules();
        rules.defects = self.defects;
        Arc::new(Reference { rules, found })
    }

    /// Reads what became known of rates and rulebooks; before the first epoch, all that is there.
    pub(super) fn read_news(&mut self, first: bool, opening: &mut Opening, bound: &mut Bound) -> Result<(), Failure> {
        for each in &mut self.news {
            if let Some((_, offset, _)) = bound.taken_in.iter().find(|(number, ..)| *number == each.number) {
                each.active = true;
                each.source.seek(crate::epoch::Position { offset: *offset, byte: 0 })?;
            }
            let before = each.source.position().offset;
            let mut batch = Batch::default();
            let limit = self.cutting.drain.as_ref().and_then(|ends| ends.get(each.number as usize).copied());
            while first && each.source.position().offset < each.first && !self.control.stopped() {
                each.source.read(&mut batch, 1 << 20, Some(each.first))?;
            }
            if limit.is_none() {
                each.source.read(&mut batch, 1 << 18, None)?;
            }
            let position = each.source.position().offset;
            if position != before {
                bound.ends.push((each.number, position));
            }
            let end = match limit {
                Some(limit) => position >= limit,
                None => self
                    .cutting
                    .marks
                    .as_ref()
                    .and_then(|marks| marks.end(each.number as usize))
                    .is_some_and(|end| position >= end),
            };
            opening.extra.push((each.number, batch, position, end));
        }
        let read = opening.extra.iter().map(|(number, batch, ..)| (*number, batch));
        (bound.count, bound.input) = totals(read, &self.partitions);
        if bound.count > 0 {
            opening.news = Some(self.learn(&opening.extra, bound));
        }
        Ok(())
    }

    fn learn(&mut self, extra: &[Extra], bound: &mut Bound) -> Arc<Reference> {
        let mut found = BTreeMap::new();
        for (number, batch, ..) in extra {
            let Some(partition) = self.partitions.get(*number as usize).cloned() else { continue };
            for record in &batch.records {
                let bytes = match &record.oversize {
                    Some(oversize) => oversize.head.as_slice(),
                    None => batch.bytes.get(record.start..record.end).unwrap_or(&[]),
                };
                let mut news = News::of(&partition.topic, partition.number, record.offset, bytes);
                news.cut = record.oversize.as_ref().map(|oversize| (oversize.bytes, hex::of(&oversize.sha256)));
                if partition.topic == reference::RULEBOOKS {
                    // A revision is in force from logical time on: that of all that came before it.
                    self.wait_until_closed(self.epoch - 1);
                    news.since = self.control.logical_time();
                }
                if let Some(verdict) = take(&mut self.book, &news) {
                    self.beside.learn(self.epoch, &news, &verdict);
                    if partition.topic == reference::RULEBOOKS {
                        self.beside.tell_of_publication(self.epoch, &news, &verdict, self.book.newest());
                    }
                    found.insert((*number, record.offset), verdict);
                }
                bound.news.push(news);
            }
        }
        self.reference(found)
    }
}

/// Puts a record that was bound back into a batch, as it was read.
fn put(batch: &mut Batch, news: &News) {
    let Some((bytes, sha256)) = &news.cut else { return batch.push(news.offset, &news.bytes()) };
    let digit = |at: usize| sha256.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    let mut hash = [0; 32];
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = digit(at);
    }
    batch.push_oversize(news.offset, Oversize { head: news.bytes(), bytes: *bytes, sha256: hash });
}
