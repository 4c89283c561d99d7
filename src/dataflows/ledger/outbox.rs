//! The outbox: facts become bytes as they are concluded, sorted by topic.

use std::collections::BTreeMap;

use tidemark_domain::event::Record;
use tidemark_domain::fact::{DeadKind, EntryType, Fact, FactKind, Facts, Note, Trigger, Unmatched};
use tidemark_domain::player::Profile;

use crate::epoch::Spread;
use crate::sinks::encode::{digest_of, joined, push_fact, push_profile, topic_of};
use crate::sinks::letter::{Letter, Payload};
use crate::sinks::tally::Points;
use crate::sinks::{Block, End, Lane, Topic};

/// Counts that leave no fact.
#[derive(Clone, Copy, Default)]
pub(super) struct Notes {
    pub(super) unmatched: u64,
    pub(super) unknown_game: u64,
    pub(super) fx_missing: u64,
    pub(super) points: Points,
}

impl Notes {
    /// What a fact says about points.
    fn see(&mut self, kind: &FactKind<'_>) {
        match kind {
            FactKind::PointsPosted(posted) => {
                let size = posted.points.0.cast_unsigned();
                let points = &mut self.points;
                match posted.entry {
                    EntryType::Accrue => points.accrued = points.accrued.wrapping_add(size),
                    EntryType::Redeem => points.redeemed = points.redeemed.wrapping_add(size),
                    _ => {}
                }
                points.available = match posted.entry {
                    EntryType::Accrue | EntryType::Reverse | EntryType::Expire | EntryType::Adjust | EntryType::Unblock => {
                        points.available.wrapping_add(size)
                    }
                    EntryType::Block => points.available.wrapping_sub(size),
                    EntryType::Redeem => points.available,
                };
            }
            FactKind::TriggerFired(Trigger::LevelUp { .. }) => self.points.level_ups += 1,
            _ => {}
        }
    }
}

/// More bytes than nearly every profile has.
const PROFILE_ROOM: usize = 768;

/// See the module's words.
pub(super) struct Outbox {
    lanes: Vec<Lane>,
    /// The lane of the player that is looked at.
    lane: usize,
    by_shard: Option<Spread>,
    notes: Notes,
    /// Dead letters by topic and kind.
    dead: BTreeMap<(String, String), u64>,
    ledger_topic: bool,
    changed: bool,
}

impl Outbox {
    /// An outbox for a worker, with a lane for each of its shards where facts leave by shard.
    pub(super) fn new(ledger_topic: bool, by_shard: Option<Spread>, worker: u32) -> Self {
        let shards: Vec<u32> = match by_shard {
            None => vec![0],
            Some(spread) => (worker..spread.shards).step_by(spread.workers as usize).collect(),
        };
        let lanes = shards.into_iter().map(|shard| Lane { shard, ..Lane::default() }).collect();
        Self { lanes, lane: 0, by_shard, notes: Notes::default(), dead: BTreeMap::new(), ledger_topic, changed: false }
    }

    /// What comes now belongs to a player of this key group.
    pub(super) const fn aim(&mut self, group: u32) {
        if let Some(spread) = self.by_shard {
            self.lane = (spread.shard(group) / spread.workers) as usize;
        }
    }

    /// Ends a line: `digest` is what of it counts in the digest of all facts, `body` the hash of the line itself.
    fn close_line(&mut self, topic: Topic, digest: u128, body: u128, key: &[&[u8]]) {
        let by_shard = self.by_shard.is_some();
        let Some(lane) = self.lanes.get_mut(self.lane) else { return };
        let block = &mut lane.blocks[topic as usize];
        block.digest = block.digest.wrapping_add(digest);
        block.count += 1;
        if by_shard {
            let start = block.keys.len();
            for part in key {
                block.keys.extend_from_slice(part);
            }
            block.ends.push(End { line: block.bytes.len() as u32, key: block.keys.len() as u32 });
            if !topic.is_compacted() {
                let hash = joined(body, block.keys.get(start..).unwrap_or(&[]));
                lane.proof.count += 1;
                lane.proof.outputs = lane.proof.outputs.wrapping_add(hash);
            }
        }
        block.bytes.push(b'\n');
    }

    /// Takes a dead letter.
    pub(super) fn letter(&mut self, letter: &Letter) {
        *self.dead.entry((letter.topic.clone(), letter.kind.clone())).or_default() += 1;
        let block = self.block(Topic::DeadLetters);
        let start = block.bytes.len();
        letter.write(&mut block.bytes);
        let body = digest_of(Topic::DeadLetters, block.bytes.get(start..).unwrap_or(&[]));
        let place = format!("{}:{}", letter.topic, letter.partition);
        self.close_line(Topic::DeadLetters, letter.digest(), body, &[place.as_bytes()]);
    }

    /// Makes room for the last profiles of so many players. Grown step by step, a block would leave behind as much again
    /// in smaller pieces; room that is not used takes next to no memory.
    pub(super) fn expect_profiles(&mut self, players: u32) {
        let each = players as usize / self.lanes.len().max(1);
        // Key groups are spread evenly, not exactly so.
        let each = each + each / 8;
        for lane in &mut self.lanes {
            // Where there is not so much at once, it grows as it must.
            drop(lane.blocks[Topic::Profiles as usize].bytes.try_reserve(each.saturating_mul(PROFILE_ROOM)));
        }
    }

    /// Takes a profile; only the final one counts in the digest.
    pub(super) fn profile(&mut self, profile: &Profile<'_>, last: bool) {
        let block = self.block(Topic::Profiles);
        let start = block.bytes.len();
        push_profile(&mut block.bytes, profile);
        let digest = if last { digest_of(Topic::Profiles, block.bytes.get(start..).unwrap_or(&[])) } else { 0 };
        self.close_line(Topic::Profiles, digest, 0, &[profile.brand.as_bytes(), b":", profile.player.as_bytes()]);
    }

    /// Whether something happened that others want to see at once; asked once.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// What has come in since the last time; a lane without facts is left out.
    pub(super) fn take(&mut self) -> Vec<Lane> {
        let mut taken = Vec::with_capacity(self.lanes.len());
        for lane in &mut self.lanes {
            if lane.blocks.iter().any(|block| block.count > 0) {
                taken.push(std::mem::replace(lane, Lane::fresh(lane.shard)));
            }
        }
        taken
    }

    /// The block of a topic.
    #[expect(clippy::indexing_slicing, reason = "`aim` names a lane of this worker, and there is one at least")]
    fn block(&mut self, topic: Topic) -> &mut Block {
        &mut self.lanes[self.lane].blocks[topic as usize]
    }

    /// Dead letters since the last time, by topic and kind.
    pub(super) fn take_dead(&mut self) -> BTreeMap<(String, String), u64> {
        std::mem::take(&mut self.dead)
    }

    pub(super) fn take_notes(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }
}

impl Facts for Outbox {
    fn fact(&mut self, fact: &Fact<'_>) {
        let topic = topic_of(&fact.kind);
        self.notes.see(&fact.kind);
        self.changed |= matches!(fact.kind, FactKind::TierChanged(_) | FactKind::Audited(_));
        if topic == Topic::PointsLedger && !self.ledger_topic {
            return;
        }
        let block = self.block(topic);
        let start = block.bytes.len();
        push_fact(&mut block.bytes, fact);
        let digest = digest_of(topic, block.bytes.get(start..).unwrap_or(&[]));
        match fact.player {
            Some(player) => self.close_line(topic, digest, digest, &[fact.brand.as_bytes(), b":", player.as_bytes()]),
            None => self.close_line(topic, digest, digest, &[fact.brand.as_bytes()]),
        }
    }

    fn unmatched(&mut self, unmatched: &Unmatched<'_>) {
        let Record { topic, partition, offset, payload } = unmatched.record;
        self.notes.unmatched += u64::from(unmatched.dead.kind == DeadKind::TooLate);
        self.letter(&Letter {
            kind: unmatched.dead.kind.name().to_owned(),
            error: unmatched.dead.error.to_owned(),
            field: Some(unmatched.dead.field.to_owned()),
            topic: topic.to_owned(),
            partition,
            offset,
            payload: Payload::Text(payload.to_owned()),
            brand: Some(unmatched.brand.to_owned()),
            player: unmatched.player.map(str::to_owned),
            event_id: Some(unmatched.event_id.to_owned()),
        });
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::UnknownGame => self.notes.unknown_game += 1,
            Note::FxMissing => self.notes.fx_missing += 1,
            Note::ForceEnded => self.changed = true,
        }
    }
}
