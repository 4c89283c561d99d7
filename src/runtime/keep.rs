//! How much of a job's past is kept, so that `verify` reaches back as far as it is asked to.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use crate::epoch::Epoch;

/// In so many steps the past is kept: of the snapshots in each, one.
const STEPS: i64 = 8;

/// Asks how far the progress topic goes now, by shard.
pub type Ends = Box<dyn Fn() -> Result<Vec<u64>> + Send + Sync>;

/// Removes what lies before the snapshot of an epoch: of the journal, and progress records below an offset for each shard.
pub type Trim = Box<dyn Fn(Epoch, &[u64]) -> Result<()> + Send + Sync>;

/// How far back, and how the rest is removed.
pub struct Keep {
    /// How far `verify` is to reach back.
    pub reach: Duration,
    /// How far the progress topic went before this process published anything.
    pub begun: Vec<u64>,
    /// See [`Ends`].
    pub ends: Ends,
    /// See [`Trim`].
    pub trim: Trim,
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keep").field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// A snapshot that is there.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) epoch: Epoch,
    pub(super) needs: Vec<Epoch>,
    /// When it was written, in ms.
    pub(super) written: i64,
}

/// Which snapshots are kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) epochs: BTreeSet<Epoch>,
    /// The one that `verify` begins with when it reaches back farthest; nothing while all of the past is kept.
    pub(super) base: Option<Epoch>,
}

/// Of all snapshots, oldest first, the newest `count` with what they need. Where there is a `reach`, in ms, one in each
/// step of it too, back to the first that is older.
pub(super) fn kept(all: &[Past], count: usize, reach: Option<i64>, now: i64) -> Kept {
    let mut chosen: Vec<&Past> = all.iter().rev().take(count).collect();
    let mut base = None;
    if let Some(reach) = reach {
        // What another one needs may itself lack what it needs: no beginning.
        let there: BTreeSet<Epoch> = all.iter().map(|past| past.epoch).collect();
        let mut steps: Vec<&Past> = Vec::new();
        for past in all.iter().filter(|past| past.needs.iter().all(|need| there.contains(need))) {
            if steps.last().is_none_or(|last| past.written - last.written >= reach / STEPS) {
                steps.push(past);
            }
        }
        base = steps.iter().rev().find(|past| past.written <= now - reach).map(|past| past.epoch);
        chosen.extend(steps.into_iter().filter(|past| base.is_none_or(|base| past.epoch >= base)));
    }
    let epochs = chosen.iter().flat_map(|past| past.needs.iter().copied().chain([past.epoch])).collect();
    Kept { epochs, base }
}

#[cfg(test)]
mod tests {
    use super::{Kept, Past, kept};

    /// Plays a job that writes a snapshot a minute and collects at each; what is there at the end.
    fn played(minutes: i64, reach: Option<i64>) -> (Vec<Past>, Kept) {
        let mut there: Vec<Past> = Vec::new();
        let mut last = kept(&there, 8, reach, 0);
        for minute in 1..=minutes {
            let epoch = minute.unsigned_abs() * 10;
            let needs = there.iter().rev().take(7).map(|past| past.epoch).rev().collect();
            there.push(Past { epoch, needs, written: minute * 60_000 });
            last = kept(&there, 8, reach, minute * 60_000);
            there.retain(|past| last.epochs.contains(&past.epoch));
        }
        (there, last)
    }

    #[test]
    fn without_a_reach_the_newest_are_kept_with_what_they_need() {
        let (there, last) = played(500, None);
        assert_eq!((there.len(), there[0].epoch, last.base), (15, 4_860, None));
    }

    #[test]
    fn with_a_reach_there_is_always_one_that_is_as_old_and_hardly_older_with_what_it_needs() {
        let reach = 240 * 60_000;
        let (young, kept) = played(100, Some(reach));
        assert_eq!((kept.base, young[0].epoch), (None, 10), "nothing is old enough yet");
        for minutes in [280, 500, 2_000] {
            let (there, last) = played(minutes, Some(reach));
            let base = last.base.expect("something is old enough");
            let age = minutes - i64::try_from(base / 10).unwrap();
            assert!((240..=240 + 31).contains(&age), "after {minutes} minutes its age is {age}");
            assert!(there.len() <= 15 + 8 * 9, "{} are kept", there.len());
            for past in there.iter().filter(|past| past.epoch >= base && last.epochs.contains(&past.epoch)) {
                let whole = past.needs.iter().all(|need| there.iter().any(|each| each.epoch == *need));
                assert!(whole || past.epoch != base, "{past:?} lacks what it needs");
            }
        }
    }
}
