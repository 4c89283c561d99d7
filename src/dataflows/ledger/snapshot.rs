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
    /// Records that wait for their time, one behind the other: see [`HeldRecord`].
    pub(crate) waiting: Vec<u8>,
    /// What else is not a player's.
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

/// A record that waits for its time, as a snapshot holds it, numbers with their least byte first:
///
/// ```text
/// key group 1 | flags 1: late, clamped | partition 4 | offset 8 | apply time 8 | time clamped to 8 | length 4 | its text
/// ```
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HeldRecord {
    /// The key group of its player.
    pub(crate) group: u8,
    partition: u32,
    offset: u64,
    as_of: i64,
    late: bool,
    /// What its time was clamped to, where it was.
    clamped_to: Option<i64>,
    payload: String,
}

/// Records that come back in stand in parcels of about so many bytes.
const PARCEL_BYTES: usize = 64 << 20;

const HELD_LATE: u8 = 1;
const HELD_CLAMPED: u8 = 2;

impl HeldRecord {
    /// Reads records that stand one behind the other.
    ///
    /// # Errors
    /// Where one is cut short or is no text.
    pub(crate) fn read_all(mut bytes: &[u8], mut each: impl FnMut(Self)) -> Result<(), RecordError> {
        fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Result<&'b [u8; N], RecordError> {
            let (number, behind) = bytes.split_first_chunk::<N>().ok_or(RecordError::Damaged)?;
            *bytes = behind;
            Ok(number)
        }
        while !bytes.is_empty() {
            let [group, flags] = *take::<2>(&mut bytes)?;
            let partition = u32::from_le_bytes(*take(&mut bytes)?);
            let offset = u64::from_le_bytes(*take(&mut bytes)?);
            let as_of = i64::from_le_bytes(*take(&mut bytes)?);
            let clamped_to = i64::from_le_bytes(*take(&mut bytes)?);
            let length = u32::from_le_bytes(*take(&mut bytes)?) as usize;
            let (text, behind) = bytes.split_at_checked(length).ok_or(RecordError::Damaged)?;
            bytes = behind;
            each(Self {
                group,
                partition,
                offset,
                as_of,
                late: flags & HELD_LATE != 0,
                clamped_to: (flags & HELD_CLAMPED != 0).then_some(clamped_to),
                payload: std::str::from_utf8(text).map_err(|_| RecordError::Damaged)?.to_owned(),
            });
        }
        Ok(())
    }

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
    /// Records that wait.
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
            logical_time: self.logical_time,
            next_revision: self.next_revision,
            rounds: self.rounds.clone(),
            rulebook: self.owns_rulebook.then_some((self.rulebook.seq, self.rulebook.hash)),
        };
        let (worker, players, waiting) = (self.worker, u64::from(self.players.len()), self.waiting());
        // The receiver is gone only when the run is being ended.
        let _gone = parts.send(Part { epoch, worker, turn, groups, players, waiting, rest });
    }

    /// The records that wait, as [`HeldRecord`] says.
    fn waiting(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.ordering.bytes()).unwrap_or(0));
        for pending in self.ordering.waiting() {
            let (parcel, packed) = self.ordering.record(&pending);
            let event = parcel.event(packed, "", 0);
            let payload = event.record.payload.as_bytes();
            let flag = |is: bool, flag: u8| if is { flag } else { 0 };
            bytes.extend([packed.group, flag(event.late, HELD_LATE) | flag(event.clamped, HELD_CLAMPED)]);
            bytes.extend(packed.partition.to_le_bytes());
            bytes.extend(packed.offset.to_le_bytes());
            bytes.extend(packed.as_of.to_le_bytes());
            bytes.extend(event.occurred_at.0.to_le_bytes());
            bytes.extend((payload.len() as u32).to_le_bytes());
            bytes.extend(payload);
        }
        bytes
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
            // A place in a parcel's text has 32 bits.
            if parcel.text.len() > PARCEL_BYTES {
                self.ordering.add(std::mem::take(&mut parcel), i64::MIN);
            }
        }
        self.ordering.add(parcel, i64::MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::{HeldRecord, Turn};
    use crate::epoch::KEY_GROUPS;

    #[test]
    fn a_record_that_waits_is_read_as_it_stands_in_a_snapshot_and_a_cut_one_is_refused() {
        let mut bytes = vec![7, 3, 2, 0, 0, 0, 44, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend(1_000_i64.to_le_bytes());
        bytes.extend(900_i64.to_le_bytes());
        bytes.extend([2, 0, 0, 0, b'{', b'}']);
        let one = |late, clamped_to| HeldRecord {
            group: 7,
            partition: 2,
            offset: 300,
            as_of: 1_000,
            late,
            clamped_to,
            payload: "{}".to_owned(),
        };
        let read = |from: &[u8]| {
            let mut all = Vec::new();
            HeldRecord::read_all(from, |record| all.push(record)).map(|()| all)
        };
        assert_eq!(read(&bytes).unwrap(), [one(true, Some(900))]);
        for length in 1..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes of it");
        }
        let second: Vec<u8> = bytes.iter().enumerate().map(|(at, byte)| if at == 1 { 0 } else { *byte }).collect();
        bytes.extend(second);
        assert_eq!(read(&bytes).unwrap(), [one(true, Some(900)), one(false, None)]);
    }

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
