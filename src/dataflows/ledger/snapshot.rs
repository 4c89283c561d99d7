//! What the ledger hands out for a snapshot, and takes back in when it is restored.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Atomic};
use std::sync::mpsc::Sender;

use serde::{Deserialize, Serialize};
use tidemark_domain::player::{Player, RecordError, RulebookChain, Saved};
use xxhash_rust::xxh3::xxh3_64;

use super::super::parcel::{Parcel, Settled};
use super::Ledger;
use super::profiles::Rounds;
use crate::epoch::{Epoch, Spread};
use crate::sources::decode::{Scratch, Verdict, decode};

/// One snapshot in so many holds all of a key group, the others what changed of it. Groups take turns, so that each snapshot
/// is about as large as the others; the first one of a process holds all of every group.
pub(crate) const WHOLE_EVERY: u64 = 8;

/// How the ledger is asked for a snapshot, and where its part goes.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotPort {
    /// The epoch after which the next snapshot is taken; 0 for none.
    pub(crate) at: Arc<AtomicU64>,
    /// The number of that snapshot: 1 where it needs none before it.
    pub(crate) number: Arc<AtomicU64>,
    /// One in so many holds all of a key group.
    pub(crate) whole_every: u64,
    /// Whether the next one is the last of this process.
    pub(crate) last: Arc<AtomicBool>,
    /// Where parts go; none where there are no snapshots.
    pub(crate) parts: Option<Sender<Part>>,
}

impl SnapshotPort {
    /// Whether the last snapshot of this process is taken after this epoch.
    pub(super) fn is_last(&self, epoch: Epoch) -> bool {
        self.last.load(Atomic::Acquire) && self.at.load(Atomic::Acquire) == epoch
    }
}

/// In the length before a player's record: its profile is still to be published. A snapshot that holds the player
/// and is followed by others without it may say so although it has been published since; then it is published twice.
const UNPUBLISHED: u32 = 1 << 31;

/// The length of a player's record, from what stands before it, and whether its profile is still to be published.
pub(crate) const fn head(bytes: [u8; 4]) -> (usize, bool) {
    let head = u32::from_le_bytes(bytes);
    ((head & !UNPUBLISHED) as usize, head & UNPUBLISHED != 0)
}

/// One worker's part of a snapshot.
#[derive(Debug)]
pub(crate) struct Part {
    /// After which epoch.
    pub(crate) epoch: Epoch,
    /// Whose.
    pub(crate) worker: u32,
    /// Its number, and in how many a key group is whole once.
    pub(crate) turn: Turn,
    /// Records of players by key group, each behind its length.
    pub(crate) groups: BTreeMap<u8, Vec<u8>>,
    /// How many players the worker holds.
    pub(crate) players: u64,
    /// What is not a player's.
    pub(crate) rest: Rest,
}

/// Which key groups a snapshot holds all of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    /// The snapshot's number.
    pub(crate) number: u64,
    /// In how many of them each group has its turn.
    pub(crate) every: u64,
}

impl Turn {
    /// Whether it needs none before it.
    pub(crate) const fn is_first(self) -> bool {
        self.number <= 1
    }

    /// Whether it holds all of a group.
    pub(crate) fn is_whole(self, group: u8) -> bool {
        self.is_first() || u64::from(group) % self.every == self.number % self.every
    }
}

/// What of a worker's state is not a player's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rest {
    /// Records that wait for their time.
    pub(crate) held: Vec<HeldRecord>,
    /// Logical time.
    pub(crate) logical_time: i64,
    /// The number of the next revision to be published.
    pub(crate) next_revision: u32,
    /// When profiles left.
    #[serde(default)]
    pub(crate) rounds: Rounds,
    /// The number and the hash of the last fact about the rulebook; only its owner's counts.
    pub(crate) rulebook: Option<(u64, Option<[u8; 32]>)>,
}

/// A record that waits for its time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeldRecord {
    partition: u32,
    offset: u64,
    as_of: i64,
    late: bool,
    /// What its time was clamped to, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clamped_to: Option<i64>,
    payload: String,
}

impl HeldRecord {
    /// Takes the number that its partition has now; false where it has none.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) -> bool {
        number(self.partition).map(|new| self.partition = new).is_some()
    }
}

/// What a worker takes back in.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Its players.
    pub(crate) players: Vec<Kept>,
    /// Records that wait, of all workers: each takes its own.
    pub(crate) held: Vec<HeldRecord>,
    /// Logical time.
    pub(crate) logical_time: i64,
    /// The number of the next revision to be published.
    pub(crate) next_revision: u32,
    /// When profiles left.
    pub(crate) rounds: Rounds,
    /// The chain of facts about the rulebook.
    pub(crate) rulebook: RulebookChain,
}

/// A player, and whether its profile is still to be published.
pub(crate) type Kept = (Player, bool);

/// The players of one key group, as snapshots that are read one after the other leave them.
#[derive(Debug, Default)]
pub(crate) struct Group {
    players: Vec<Option<Kept>>,
    /// Where each of them stands; known once a snapshot is read over another one. Nothing goes by its order.
    places: HashMap<String, usize>,
}

impl Group {
    /// Reads the records of one snapshot over what came before.
    ///
    /// # Errors
    /// Where a record is damaged.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Result<(), RecordError> {
        let over = !self.players.is_empty();
        if over && self.places.is_empty() {
            let keys = self.players.iter().map(|kept| kept.as_ref().map_or("", |(player, _)| player.key()).to_owned());
            self.places = keys.zip(0..).collect();
        }
        while !bytes.is_empty() {
            let (before, rest) = bytes.split_first_chunk::<4>().ok_or(RecordError::Damaged)?;
            let (length, unpublished) = head(*before);
            let (record, behind) = rest.split_at_checked(length).ok_or(RecordError::Damaged)?;
            bytes = behind;
            if !over {
                self.players.push(Some((Player::restore(record, None)?, unpublished)));
                continue;
            }
            let key = Player::key_of(record)?;
            match self.places.get(key).and_then(|place| self.players.get_mut(*place)) {
                Some(kept) => *kept = Some((Player::restore(record, kept.take().map(|(player, _)| player))?, unpublished)),
                None => {
                    self.places.insert(key.to_owned(), self.players.len());
                    self.players.push(Some((Player::restore(record, None)?, unpublished)));
                }
            }
        }
        Ok(())
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.players.len()
    }

    /// All of them.
    pub(crate) fn into_players(self) -> impl Iterator<Item = Kept> {
        self.players.into_iter().flatten()
    }
}

impl Ledger {
    /// Whether a snapshot is due after this epoch.
    pub(super) fn snapshot_is_due(&self, epoch: Epoch) -> bool {
        self.snapshots.at.load(Atomic::Acquire) == epoch
    }

    /// Hands out this worker's part, if a snapshot is due after this epoch.
    pub(super) fn snapshot(&mut self, epoch: Epoch) {
        if !self.snapshot_is_due(epoch) {
            return;
        }
        let Some(parts) = self.snapshots.parts.clone() else { return };
        let turn = Turn { number: self.snapshots.number.load(Atomic::Acquire), every: self.snapshots.whole_every };
        let mut groups: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        self.players.take(
            |group| turn.is_whole(group),
            |group, unpublished, player| {
                let bytes = groups.entry(group).or_default();
                let start = bytes.len();
                bytes.extend_from_slice(&[0; 4]);
                player.save(if turn.is_whole(group) { Saved::Full } else { Saved::Delta }, bytes);
                let length = (bytes.len() - start - 4) as u32 | if unpublished { UNPUBLISHED } else { 0 };
                if let Some(head) = bytes.get_mut(start..start + 4) {
                    head.copy_from_slice(&length.to_le_bytes());
                }
            },
        );
        let rest = Rest {
            held: self.held(),
            logical_time: self.logical_time,
            next_revision: self.next_revision,
            rounds: self.rounds.clone(),
            rulebook: self.owns_rulebook.then_some((self.rulebook.seq, self.rulebook.hash)),
        };
        // The receiver is gone only when the run is being ended.
        let _gone = parts.send(Part { epoch, worker: self.worker, turn, groups, players: u64::from(self.players.len()), rest });
    }

    fn held(&self) -> Vec<HeldRecord> {
        let waiting = self.ordering.waiting();
        let record = |pending| {
            let (parcel, packed) = self.ordering.record(pending);
            let event = parcel.event(packed, "", 0);
            HeldRecord {
                partition: packed.partition,
                offset: packed.offset,
                as_of: packed.as_of,
                late: event.late,
                clamped_to: event.clamped.then_some(event.occurred_at.0),
                payload: event.record.payload.to_owned(),
            }
        };
        waiting.iter().map(record).collect()
    }

    /// Takes state back in.
    pub(super) fn restore(&mut self, state: Restored) {
        self.logical_time = state.logical_time;
        self.next_revision = state.next_revision;
        self.rounds = state.rounds;
        self.rulebook = state.rulebook;
        for (player, unpublished) in state.players {
            let key = player.key().as_bytes();
            let (hash, group) = (xxh3_64(key), Spread::group(key) as u8);
            let wake = player.wake();
            let slot = self.players.insert(hash, group, player);
            self.schedule(slot, wake);
            if unpublished {
                self.players.unpublished(slot);
            }
        }
        self.players.all_saved();
        let mut parcel = Parcel::default();
        let mut scratch = Scratch::default();
        for held in &state.held {
            let Ok(Verdict::Event(decoded)) = decode(&held.payload, &mut scratch) else { continue };
            let key =
                decoded.player.as_ref().map_or_else(|| decoded.brand.to_string(), |player| format!("{}:{player}", decoded.brand));
            let group = Spread::group(key.as_bytes());
            if self.job.spread.worker(group) != self.worker {
                continue;
            }
            let settled = Settled {
                partition: held.partition,
                offset: held.offset,
                occurred_at: held.clamped_to.or_else(|| decoded.occurred_at.map(|at| at.0)).unwrap_or(held.as_of),
                as_of: held.as_of,
                late: held.late,
                clamped: held.clamped_to.is_some(),
                key: xxh3_64(key.as_bytes()),
                group,
            };
            parcel.push(&decoded, &held.payload, settled);
        }
        self.ordering.add(parcel, i64::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::Turn;
    use crate::epoch::KEY_GROUPS;

    #[test]
    fn each_key_group_is_whole_once_in_a_round_and_all_are_in_the_first_snapshot() {
        let every = 8;
        assert!((0..KEY_GROUPS as u8).all(|group| Turn { number: 1, every }.is_whole(group)));
        for number in 2..40 {
            for group in 0..KEY_GROUPS as u8 {
                let whole = (number..number + every).filter(|number| Turn { number: *number, every }.is_whole(group)).count();
                assert_eq!(whole, 1, "group {group}, from snapshot {number} on");
            }
        }
    }
}
