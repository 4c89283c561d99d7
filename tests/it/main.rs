//! The integration tests: one binary, a module for each part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "tests may be short")]

/// The law a second time, slowly, and random histories to compare with.
mod auditor;
/// The pipeline agrees with the auditor.
mod oracle;
