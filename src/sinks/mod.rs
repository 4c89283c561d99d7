//! Where facts go: each epoch once.
//!
//! Owns: the wire form of facts and the protocol of publishing. Does not own: what a fact means, and when
//! an epoch is complete. Every sink keeps its own progress, so that it can be resumed by itself.
//!
//! Reading order: this file, `encode`, `letter`, `tally`, `files`, `kafka`.

pub mod encode;
pub mod files;
pub mod kafka;
pub mod letter;
pub mod tally;

use thiserror::Error;

use tally::Progress;

use crate::buffers::{Pool, emptied};

/// A topic that facts go to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Topic {
    /// `loyalty.tier-changes.v1`
    TierChanges,
    /// `loyalty.points-ledger.v1`
    PointsLedger,
    /// `promo.grants.v1`
    Grants,
    /// `crm.triggers.v1`
    Triggers,
    /// `crm.player-profile.v1`
    Profiles,
    /// `audit.events.v1`
    Audit,
    /// `pipeline.dlq.v1`
    DeadLetters,
}

impl Topic {
    /// Every topic of this version.
    pub const ALL: [Self; 7] =
        [Self::TierChanges, Self::PointsLedger, Self::Grants, Self::Triggers, Self::Profiles, Self::Audit, Self::DeadLetters];

    /// Whether only the newest record of a key is kept.
    #[must_use]
    pub const fn is_compacted(self) -> bool {
        matches!(self, Self::Profiles)
    }

    /// The topic's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TierChanges => "loyalty.tier-changes.v1",
            Self::PointsLedger => "loyalty.points-ledger.v1",
            Self::Grants => "promo.grants.v1",
            Self::Triggers => "crm.triggers.v1",
            Self::Profiles => "crm.player-profile.v1",
            Self::Audit => "audit.events.v1",
            Self::DeadLetters => "pipeline.dlq.v1",
        }
    }
}

/// Facts of one topic, encoded, one a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The lines.
    pub bytes: Vec<u8>,
    /// How many.
    pub count: u64,
    /// The sum of their hashes.
    pub digest: u128,
    /// Where each line and its key end; empty where facts leave without keys.
    pub ends: Vec<End>,
    /// The keys, one behind the other.
    pub keys: Vec<u8>,
}

/// Where a line and its key end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Behind the line's last byte, before its end of line.
    pub line: u32,
    /// Behind the key's last byte.
    pub key: u32,
}

impl Block {
    /// Every record: its key and its body.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (mut line, mut key) = (0, 0);
        self.ends.iter().map(move |end| {
            let body = self.bytes.get(line..end.line as usize).unwrap_or(&[]);
            let name = self.keys.get(key..end.key as usize).unwrap_or(&[]);
            (line, key) = (end.line as usize + 1, end.key as usize);
            (name, body)
        })
    }
}

/// The facts of one epoch, a block per topic.
pub type Blocks = [Block; Topic::ALL.len()];

/// The facts of one shard in one epoch; where facts do not leave by shard, those of a whole worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// The shard.
    pub shard: u32,
    /// Its facts.
    pub blocks: Blocks,
    /// What of them is proved by a progress record.
    pub proof: Proof,
}

/// Blocks that are free: a topic's block is a topic's block again, since some hold a thousand times what others do.
static FREE: Pool<Blocks> = Pool::new();

impl Lane {
    /// An empty lane, with memory if there is some free.
    #[must_use]
    pub fn fresh(shard: u32) -> Self {
        Self { shard, blocks: FREE.take(), proof: Proof::default() }
    }

    /// How many bytes its facts and their keys have.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blocks.iter().map(|block| block.bytes.len() + block.keys.len()).sum()
    }

    /// Gives its memory back.
    pub fn recycle(mut self) {
        let mut bytes = 0;
        for block in &mut self.blocks {
            emptied(&mut block.bytes);
            emptied(&mut block.ends);
            emptied(&mut block.keys);
            (block.count, block.digest) = (0, 0);
            bytes += block.bytes.capacity() + block.keys.capacity();
        }
        FREE.give(self.blocks, bytes);
    }
}

/// How many records there are and what they are, whatever their order: those of compacted topics do not count,
/// since they leave by and by (CONTRACTS section 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// How many.
    pub count: u64,
    /// The sum of their hashes.
    pub outputs: u128,
}

impl Proof {
    /// Takes one record in.
    pub fn add(&mut self, topic: Topic, key: &[u8], body: &[u8]) {
        if topic.is_compacted() {
            return;
        }
        self.count += 1;
        self.outputs = self.outputs.wrapping_add(encode::output_hash(topic, key, body));
    }

    /// Takes all of another one in.
    pub const fn add_all(&mut self, other: Self) {
        self.count += other.count;
        self.outputs = self.outputs.wrapping_add(other.outputs);
    }
}

/// A sink that cannot go on.
#[derive(Debug, Error)]
pub enum Error {
    /// A file or folder.
    #[error("cannot {attempt} {}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: std::path::PathBuf,
        /// Why it failed.
        #[source]
        cause: std::io::Error,
    },
    /// The progress found does not fit.
    #[error("{0}")]
    Progress(String),
}

/// What a sink promises: what lies between two commits becomes visible together, once.
pub trait Sink: Send {
    /// Takes the facts of an epoch; epochs come in order.
    ///
    /// # Errors
    /// Where they cannot be written; nothing that was committed is touched.
    fn write(&mut self, blocks: &Blocks) -> Result<(), Error>;

    /// Makes everything written so far durable, together with the progress that it amounts to.
    ///
    /// # Errors
    /// Where that is not possible.
    fn commit(&mut self, progress: &Progress) -> Result<(), Error>;

    /// Takes back what was written and not committed, as far as that is possible.
    fn abandon(&mut self);
}
