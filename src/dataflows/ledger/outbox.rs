//! The outbox: facts become bytes as they are concluded, sorted by topic.

use tidemark_domain::event::Record;
use tidemark_domain::fact::{DeadKind, Fact, FactKind, Facts, Note, Unmatched};
use tidemark_domain::player::Profile;

use crate::buffers;
use crate::sinks::encode::{digest_of, push_fact, push_profile, topic_of};
use crate::sinks::letter::{Letter, Payload};
use crate::sinks::{Block, Blocks, Topic};

/// Counts that leave no fact.
#[derive(Clone, Copy, Default)]
pub(super) struct Notes {
    pub(super) unmatched: u64,
    pub(super) unknown_game: u64,
    pub(super) fx_missing: u64,
}

/// See the module's words.
pub(super) struct Outbox {
    blocks: Blocks,
    notes: Notes,
    ledger_topic: bool,
    changed: bool,
}

impl Outbox {
    pub(super) fn new(ledger_topic: bool) -> Self {
        Self { blocks: Blocks::default(), notes: Notes::default(), ledger_topic, changed: false }
    }

    fn close_line(block: &mut Block, topic: Topic, start: usize) {
        let digest = digest_of(topic, block.bytes.get(start..).unwrap_or(&[]));
        block.digest = block.digest.wrapping_add(digest);
        block.count += 1;
        block.bytes.push(b'\n');
    }

    /// Takes a dead letter.
    pub(super) fn letter(&mut self, letter: &Letter) {
        let block = self.block(Topic::DeadLetters);
        letter.write(&mut block.bytes);
        block.bytes.push(b'\n');
        block.digest = block.digest.wrapping_add(letter.digest());
        block.count += 1;
    }

    /// Takes a profile; only the final one counts in the digest.
    pub(super) fn profile(&mut self, profile: &Profile<'_>, last: bool) {
        let block = self.block(Topic::Profiles);
        let start = block.bytes.len();
        push_profile(&mut block.bytes, profile);
        if last {
            let digest = digest_of(Topic::Profiles, block.bytes.get(start..).unwrap_or(&[]));
            block.digest = block.digest.wrapping_add(digest);
        }
        block.count += 1;
        block.bytes.push(b'\n');
    }

    /// Whether something happened that others want to see at once; asked once.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub(super) fn take(&mut self) -> Blocks {
        std::mem::take(&mut self.blocks)
    }

    /// The block of a topic, with memory that another one has used before.
    fn block(&mut self, topic: Topic) -> &mut Block {
        let block = &mut self.blocks[topic as usize];
        if block.bytes.capacity() == 0 {
            block.bytes = buffers::take();
        }
        block
    }

    pub(super) fn take_notes(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }
}

impl Facts for Outbox {
    fn fact(&mut self, fact: &Fact<'_>) {
        let topic = topic_of(&fact.kind);
        self.changed |= matches!(fact.kind, FactKind::TierChanged(_) | FactKind::Audited(_));
        if topic == Topic::PointsLedger && !self.ledger_topic {
            return;
        }
        let block = self.block(topic);
        let start = block.bytes.len();
        push_fact(&mut block.bytes, fact);
        Self::close_line(block, topic, start);
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
        }
    }
}
