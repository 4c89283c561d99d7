//! What goes into snapshots beside the state itself, and what becomes of them.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tidemark_domain::rules::Revision;

use super::keep::Keep;
use crate::epoch::Epoch;
use crate::journal::News;
use crate::kafka::Notice;
use crate::sources::reference::Found;

/// What is known of rates and rulebooks, as records of topics that are compacted: a service cannot read them again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Known {
    /// The first revision: file names and texts.
    pub programme: Vec<(String, String)>,
    /// Records that count, each with the epoch that bound it.
    pub news: Vec<(Epoch, News)>,
}

/// What goes into snapshots beside the state itself.
#[derive(Default)]
pub struct Beside {
    /// See [`Manifest::partitions`].
    pub partitions: Vec<(String, u32)>,
    /// See [`Manifest::known`].
    pub known: Mutex<Known>,
    /// The last epoch of which a snapshot is written, and what that took.
    pub written: Mutex<Written>,
    /// How much of the past is kept, where that is not all of it.
    pub keep: Option<Keep>,
    /// Where people are told that a snapshot could not be written, where that does not end the run.
    pub notice: Option<Notice>,
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Beside").field("written", &self.written).finish_non_exhaustive()
    }
}

/// The newest snapshot that is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    /// After which epoch it was taken.
    pub epoch: Epoch,
    /// Its bytes.
    pub bytes: u64,
    /// How long writing it took.
    pub took: Duration,
    /// How many have been attempted.
    pub count: u64,
    /// Whether the last one could not be written: the next one has to stand alone.
    pub failed: bool,
}

impl Beside {
    /// A record of rates or rulebooks was bound with an epoch. One that was there before, or counts nowhere, changes
    /// nothing of what is known.
    pub(super) fn learn(&self, epoch: Epoch, news: &News, verdict: &Found) {
        if matches!(verdict, Found::Applied)
            && let Ok(mut known) = self.known.lock()
        {
            known.news.push((epoch, news.clone()));
        }
    }

    /// Tells people what became of a publication that has just become known (rule 16).
    pub(super) fn tell_of_publication(&self, epoch: Epoch, news: &News, verdict: &Found, newest: Option<&Revision>) {
        let Some(notice) = &self.notice else { return };
        match (verdict, newest) {
            (Found::Applied, Some(Revision { programme, from, .. })) => notice(&format!(
                "revision {} of the programme \"{}\" is known with epoch {epoch} and in force from {from} on",
                programme.revision, programme.id
            )),
            (Found::Dead(dead), _) => notice(&format!(
                "a publication in {}, partition {}, offset {} is set aside, and is a dead letter: {}",
                news.topic, news.partition, news.offset, dead.error
            )),
            _ => {}
        }
    }

    /// What became of a snapshot.
    pub(super) fn tell(&self, epoch: Epoch, outcome: Result<u64>, took: Duration) -> Result<()> {
        let Ok(mut written) = self.written.lock() else { return Ok(()) };
        written.count += 1;
        written.failed = outcome.is_err();
        match (outcome, &self.notice) {
            (Ok(bytes), _) => (written.epoch, written.bytes, written.took) = (epoch, bytes, took),
            (Err(error), Some(notice)) => {
                notice(&format!("the snapshot after epoch {epoch} could not be written; the ones before it stand: {error:#}"));
            }
            (Err(error), None) => return Err(error),
        }
        Ok(())
    }

    /// Something beside the snapshot failed, which is tried again with a later one: it ends the run only where nobody
    /// would learn of it.
    pub(super) fn later(&self, what: &str, error: anyhow::Error) -> Result<()> {
        let Some(notice) = &self.notice else { return Err(error.context(what.to_owned())) };
        notice(&format!("{what}, which is tried again: {error:#}"));
        Ok(())
    }

    /// What was known after an epoch.
    pub(super) fn known_at(&self, epoch: Epoch) -> Known {
        let known = self.known.lock().map(|known| known.clone()).unwrap_or_default();
        Known { news: known.news.into_iter().filter(|(bound, _)| *bound <= epoch).collect(), ..known }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tidemark_domain::fact::DeadKind;

    use super::*;
    use crate::sources::decode::Rejected;

    #[test]
    fn a_publication_that_is_set_aside_is_told_with_its_place_and_its_reason() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&said);
        let beside =
            Beside { notice: Some(Arc::new(move |line| hears.lock().unwrap().push(line.to_owned()))), ..Beside::default() };
        let (kind, error) = (DeadKind::Conflict, "the same id and revision was published before with another body".to_owned());
        let rejected = Rejected { kind, field: None, error, brand: None, player: None, event_id: None };
        let news = News::of("config.v1", 0, 5, b"{}");
        beside.tell_of_publication(7, &news, &Found::Dead(Box::new(rejected)), None);
        beside.tell_of_publication(7, &news, &Found::Duplicate, None);
        let told = "a publication in config.v1, partition 0, offset 5 is set aside, and is a dead letter: the same id and \
                    revision was published before with another body";
        assert_eq!(*said.lock().unwrap(), [told]);
    }
}
