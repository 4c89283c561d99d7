//! Where facts go: each epoch once.
//!
//! Owns: the wire form of facts and the protocol of publishing. Does not own: what a fact means, and when
//! an epoch is complete. Every sink keeps its own progress, so that it can be resumed by itself.
//!
//! Reading order: this file, `encode`, `letter`, `tally`, `files`.

pub mod encode;
pub mod files;
pub mod letter;
pub mod tally;

use thiserror::Error;

use tally::Progress;

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
}

/// The facts of one epoch, a block per topic.
pub type Blocks = [Block; Topic::ALL.len()];

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
