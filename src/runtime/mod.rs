//! The life of a process: what is read, what is started, and how it ends. Only this part knows everything.
//!
//! Reading order: this file, `replay`, `worker`, `publisher`, `state`, `store`; `service` for the service.

mod beside;
#[cfg(feature = "cloud")]
mod cloud;
mod cluster;
pub mod dlq;
mod input;
pub mod job_file;
pub mod keep;
pub(crate) mod manifest;
pub mod programme;
pub mod publish;
mod publisher;
pub mod replay;
pub mod service;
pub mod state;
pub mod store;
pub mod topics;
mod worker;
mod workers;

use thiserror::Error;

use workers::on_workers;

/// The version of what is computed: raised by any change of results. State and progress carry it.
pub const LOGIC_VERSION: u32 = 1;

/// Why a command ended, with the exit code that says so (CONTRACTS section 4).
#[derive(Debug, Error)]
pub enum Failure {
    /// Something outside failed: exit code 1.
    #[error("{0:#}")]
    Failed(anyhow::Error),
    /// Bad usage, a bad programme or unreadable input: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A defect, or a hash that differs: exit code 70.
    #[error("{0}")]
    Defect(String),
    /// A newer start of the job took over: exit code 75.
    #[error("{0}")]
    Superseded(String),
    /// State that does not fit: exit code 78.
    #[error("{0}")]
    Mismatch(String),
}

impl Failure {
    /// The process's exit code.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Defect(_) => 70,
            Self::Superseded(_) => 75,
            Self::Mismatch(_) => 78,
        }
    }
}

impl From<crate::sources::Error> for Failure {
    fn from(error: crate::sources::Error) -> Self {
        match error {
            crate::sources::Error::Usage(message) => Self::Usage(message),
            crate::sources::Error::File { ref cause, .. } => Self::Usage(format!("{error}: {cause}")),
            other @ crate::sources::Error::Kafka(_) => Self::Failed(other.into()),
        }
    }
}

impl From<crate::journal::Refused> for Failure {
    fn from(refused: crate::journal::Refused) -> Self {
        use crate::journal::Refused;
        match refused {
            Refused::Superseded(_) => Self::Superseded(refused.to_string()),
            Refused::Conflict(what) => Self::Superseded(Refused::Superseded(what).to_string()),
            Refused::Mismatch(message) => Self::Mismatch(message),
            Refused::Failed(error) => Self::Failed(error),
        }
    }
}

impl From<crate::sinks::Error> for Failure {
    fn from(error: crate::sinks::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Every record that was read must be accounted for.
///
/// # Errors
/// Where one is not: a defect.
fn complete(progress: &crate::sinks::tally::Progress) -> Result<(), Failure> {
    if progress.tally.is_complete() {
        return Ok(());
    }
    let tally = serde_json::to_string(&progress.tally).unwrap_or_default();
    Err(Failure::Defect(format!("not every record is accounted for: {tally}")))
}
