//! What was bound, by the numbers that partitions have now.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::epoch::{ClockSettings, Epoch, Place};
use crate::journal::{Before, Body, Bound, Generation, Head, News, Record, Story, unfolded};
use crate::kafka::NEW_JOB;
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
    /// Where each partition stands after the last epoch, as far as that was read; those that were never taken in are not
    /// in it.
    pub(super) reached: BTreeMap<u32, u64>,
    /// The last record that was read of each partition: its offset and hash.
    pub(super) lasts: BTreeMap<u32, (u64, u64)>,
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
    pub(super) fn of(story: &Story, partitions: &[Partition]) -> Result<Self, Failure> {
        Self::read(story.head.as_ref(), story.records.iter(), partitions)
    }

    /// The same of a journal that a process is about to begin in.
    pub(super) fn before(before: &Before<'_>, partitions: &[Partition]) -> Result<Self, Failure> {
        Self::read(before.head(), before.records(), partitions)
    }

    fn read<'r>(
        head: Option<&Head>,
        records: impl Iterator<Item = &'r Record>,
        partitions: &[Partition],
    ) -> Result<Self, Failure> {
        let mut records = records.peekable();
        let mut history = Self { whole: records.peek().is_none_or(|first| first.number == 1), ..Self::default() };
        let mut table: Vec<Option<u32>> = Vec::new();
        if let Some(head) = head {
            history.finished = head.finished;
            table = history.begins(&head.generation, partitions);
        }
        for record in records {
            match &record.body {
                Body::Generation(generation) => table = history.begins(generation, partitions),
                Body::Binding(bounds) => {
                    for bound in unfolded(bounds) {
                        history.take(bound, &table, partitions)?;
                    }
                }
            }
        }
        Ok(history)
    }

    /// A process starts; gives the numbers that its partitions have now.
    fn begins(&mut self, generation: &Generation, partitions: &[Partition]) -> Vec<Option<u32>> {
        self.generation = Some(generation.clone());
        generation.partitions.iter().map(|name| number_of(partitions, name)).collect()
    }

    fn take(&mut self, mut bound: Bound, table: &[Option<u32>], partitions: &[Partition]) -> Result<(), Failure> {
        let epoch = bound.epoch;
        let names = self.generation.as_ref().map_or(&[][..], |generation| &generation.partitions);
        let number = |old: u32| {
            let known = table.get(old as usize).copied().flatten();
            known.ok_or_else(|| missing(epoch, names.get(old as usize), partitions))
        };
        for (partition, _) in &mut bound.ends {
            *partition = number(*partition)?;
        }
        for (partition, ..) in &mut bound.taken_in {
            *partition = number(*partition)?;
        }
        for (partition, offset, hash) in &mut bound.lasts {
            *partition = number(*partition)?;
            self.lasts.insert(*partition, (*offset, *hash));
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
        self.finished = bound.finishes(self.finished);
        self.last_now = bound.now.or(self.last_now);
        self.bounds.push(bound);
        Ok(())
    }

    /// Takes in where partitions stood at the snapshot that is gone on from: what was bound before it may not have been
    /// read.
    pub(super) fn go_on_from(&mut self, places: &[Place]) {
        for place in places {
            self.reached.entry(place.partition).or_insert(place.position.offset);
        }
    }

    /// The last epoch that is bound.
    pub(super) fn last_epoch(&self) -> u64 {
        self.bounds.last().map_or(0, |bound| bound.epoch)
    }
}

/// A partition that was bound and is not read any more.
fn missing(epoch: Epoch, name: Option<&(String, u32)>, partitions: &[Partition]) -> Failure {
    let Some((topic, number)) = name else {
        return Failure::Failed(anyhow::anyhow!("epoch {epoch} was bound with a partition that the journal does not name"));
    };
    let now = partitions.iter().filter(|partition| partition.topic == *topic).count();
    if now > 0 {
        return Failure::Failed(anyhow::anyhow!(
            "epoch {epoch} was bound with topic {topic}, partition {number}, and the topic has {now} partitions now: it was deleted and \
             made anew. Nothing was bound or published. Restore the topic, or {NEW_JOB}"
        ));
    }
    Failure::Mismatch(format!(
        "epoch {epoch} was bound with topic {topic}, partition {number}, which is not in the configuration any more: put it back \
         into [[source]] topics"
    ))
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
