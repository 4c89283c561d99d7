//! What was bound, by the numbers that partitions have now.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::epoch::ClockSettings;
use crate::journal::{Body, Bound, Generation, News, Record, unfolded};
use crate::runtime::Failure;
use crate::runtime::programme::clock_settings;
use crate::runtime::state::Known;
use crate::sources::Partition;
use crate::sources::reference::{self, Book, Found};
use tidemark_domain::programme::source::SourceFile;
use tidemark_domain::programme::{Programme, resolve};

/// What a journal says of a job, by the numbers that partitions have now.
#[derive(Default)]
pub(super) struct History {
    pub(super) bounds: Vec<Bound>,
    /// Where each partition stands after the last epoch; those that were never taken in are not in it.
    pub(super) reached: BTreeMap<u32, u64>,
    pub(super) programme: Vec<(String, String)>,
    pub(super) last_now: Option<i64>,
    /// Whether the last thing bound was the end of a drain.
    pub(super) finished: bool,
    /// Whether the journal reaches back to the first epoch.
    pub(super) whole: bool,
    /// What the newest start was started with.
    pub(super) generation: Option<Generation>,
}

impl History {
    /// Reads the history out of a journal's records.
    pub(super) fn of(records: &[Record], partitions: &[Partition]) -> Result<Self, Failure> {
        let mut history = Self { whole: records.first().is_none_or(|first| first.number == 1), ..Self::default() };
        let mut table: Vec<Option<u32>> = Vec::new();
        let mut names: Vec<(String, u32)> = Vec::new();
        for record in records {
            match &record.body {
                Body::Generation(generation) => {
                    names.clone_from(&generation.partitions);
                    history.generation = Some(Generation::clone(generation));
                    table = names.iter().map(|name| number_of(partitions, name)).collect();
                }
                Body::Binding(bounds) => {
                    for bound in unfolded(bounds) {
                        history.take(bound, &table, &names)?;
                    }
                }
            }
        }
        Ok(history)
    }

    fn take(&mut self, mut bound: Bound, table: &[Option<u32>], names: &[(String, u32)]) -> Result<(), Failure> {
        let epoch = bound.epoch;
        let number = |old: u32| {
            table.get(old as usize).copied().flatten().ok_or_else(|| {
                let name = names.get(old as usize).map_or_else(|| format!("{old}"), |(topic, number)| format!("{topic}, partition {number}"));
                Failure::Mismatch(format!(
                    "epoch {epoch} was bound with topic {name}, which is not in the configuration any more: put it back into [[source]] topics"
                ))
            })
        };
        for (partition, _) in &mut bound.ends {
            *partition = number(*partition)?;
        }
        for (partition, ..) in &mut bound.taken_in {
            *partition = number(*partition)?;
        }
        for partition in &mut bound.at_end {
            *partition = number(*partition)?;
        }
        for (partition, offset, _) in &bound.taken_in {
            self.reached.insert(*partition, *offset);
        }
        for (partition, offset) in &bound.ends {
            self.reached.insert(*partition, *offset);
        }
        if !bound.programme.is_empty() {
            self.programme.clone_from(&bound.programme);
        }
        // The epoch after the end of a drain carries its snapshot and nothing else.
        self.finished = bound.finish || (self.finished && bound.count == 0 && bound.ends.is_empty() && bound.taken_in.is_empty());
        self.last_now = bound.now.or(self.last_now);
        self.bounds.push(bound);
        Ok(())
    }

    /// The last epoch that is bound.
    pub(super) fn last_epoch(&self) -> u64 {
        self.bounds.last().map_or(0, |bound| bound.epoch)
    }
}

/// The number that a partition has now.
pub(super) fn number_of(partitions: &[Partition], name: &(String, u32)) -> Option<u32> {
    let found = partitions.iter().position(|partition| partition.topic == name.0 && partition.number == name.1)?;
    u32::try_from(found).ok()
}

/// A programme from files that were bound or saved.
pub(super) fn programme_of(files: &[(String, String)]) -> Result<Programme, Failure> {
    let files: Vec<SourceFile> = files.iter().map(|(name, text)| SourceFile { name: name.clone(), text: text.clone() }).collect();
    resolve::load(&files).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure::Mismatch(format!(
            "the first revision of the rulebook, as it was bound, does not check any more: {}",
            lines.join("; ")
        ))
    })
}

/// The book of all that is known of rates and rulebooks, and the settings of clocks, which no revision changes.
pub(super) fn book_of(known: &Known) -> Result<(Book, ClockSettings), Failure> {
    let rulebook = programme_of(&known.programme)?;
    let clock = clock_settings(&rulebook);
    let mut book = Book::new(&[Arc::new(rulebook)]).map_err(Failure::Mismatch)?;
    for (_, news) in &known.news {
        take(&mut book, news);
    }
    Ok((book, clock))
}

/// Takes a record into the book, where it stands in the topic that it counts in (rule 0).
pub(super) fn take(book: &mut Book, news: &News) -> Option<Found> {
    if !news.is_whole_text() || !reference::belongs(&news.topic, &news.text) {
        return None;
    }
    book.take(&news.text, news.since)
}
